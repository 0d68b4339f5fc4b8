/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/requests.h"

/* History, verification, reviews. */

#define HISTORY_PAGE 40u /* entries that a frame surely holds                     */

struct page {
	struct request *r;
	struct frame_writer *w;
	uint64_t last;
	uint32_t n;
	bool full;
};

static void put_optional(struct frame_writer *w, const char *key, const char *text) {
	if (text && text[0] != '\0')
		frame_text(w, key, text);
}

/* The display name of an account as it is known today; nothing when it is not. */
static void put_account(struct page *p, const char *key, const char *name_key, uint32_t number) {
	struct account account;

	if (number == 0)
		return;
	frame_uint(p->w, key, number);
	if (account_by_number(p->r->engine->store, number, &account) == 0)
		frame_text(p->w, name_key,
		           account.display[0] != '\0' ? account.display : account.name);
}

static int put_entry(const struct journal_entry *entry, void *userdata) {
	struct page *p = userdata;
	struct frame_writer before = *p->w, *w = p->w;

	frame_open_map(w, NULL);
	frame_uint(w, "seq", entry->seq);
	frame_int(w, "wall_ms", entry->at.wall_ms);
	frame_uint(w, "trust", (uint64_t)entry->at.trust);
	frame_text(w, "event", audit_event_name(entry->event));
	frame_text(w, "outcome", audit_outcome_name(entry->outcome));
	frame_uint(w, "seat", entry->seat);
	frame_uint(w, "assurance", entry->assurance);
	frame_uint(w, "factor", entry->factor);
	frame_uint(w, "flags", entry->flags);
	frame_uint(w, "reason", entry->reason);
	put_account(p, "account", "who", entry->account);
	put_account(p, "target", "whom", entry->target);
	if (entry->session != 0)
		frame_uint(w, "session", entry->session);
	if (entry->has_emergency)
		frame_bytes(w, "emergency", entry->emergency, sizeof(entry->emergency));
	if (entry->has_claim)
		frame_int(w, "claimed_ms", entry->claimed_wall_ms);
	put_optional(w, "action", entry->action);
	put_optional(w, "context", entry->context);
	put_optional(w, "object", entry->object);
	put_optional(w, "detail", entry->detail);
	put_optional(w, "name", entry->name);
	put_optional(w, "text", entry->text);
	frame_close(w);
	if (w->failed || w->n > LIMIT_FRAME - 64) {
		*w = before;
		p->full = true;
		return 1;
	}
	p->last = entry->seq;
	++p->n;
	return 0;
}

static int take_filter(struct request *r, struct journal_filter *f, uint64_t *ret_n) {
	char name[LIMIT_NAME], normal[LIMIT_NAME], event[FRAME_NAME_MAX];
	struct account account;
	int e = frame_get_uint(r->body, "before", &f->before);

	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	e = frame_get_uint(r->body, "n", ret_n);
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	if (e == -ENOENT || *ret_n == 0 || *ret_n > HISTORY_PAGE)
		*ret_n = HISTORY_PAGE;
	e = frame_get_fixed(r->body, "emergency", f->emergency, sizeof(f->emergency));
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	f->has_emergency = e == 0;
	e = frame_get_text(r->body, "event", event, sizeof(event));
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	if (e == 0) {
		f->event_from = f->event_to = audit_event_by_name(event);
		if (f->event_from == 0)
			return -ENOMSG;
	}
	e = frame_get_text(r->body, "name", name, sizeof(name));
	if (e < 0)
		return e == -ENOENT ? 0 : -EPROTO;
	if (account_normalise(name, strlen(name), normal) < 0 ||
	    account_by_name(r->engine->store, normal, &account) < 0)
		return -ENOENT;
	f->account = account.number;
	return 0;
}

/* Is this the page that follows the one read last, by the same person, of the same? */
static bool is_next_page(const struct request *r, const struct journal_filter *f) {
	const struct journal_filter *next = &r->peer->history;

	return f->before != 0 && f->before == next->before &&
	       r->peer->history_session == r->seat->seat.session.number &&
	       f->account == next->account && f->event_from == next->event_from &&
	       f->has_emergency == next->has_emergency &&
	       memcmp(f->emergency, next->emergency, sizeof(f->emergency)) == 0;
}

static int record_reading(struct request *r, const struct journal_filter *f) {
	const struct session *s = &r->seat->seat.session;
	struct journal_entry entry = {
		.event = EVENT_HISTORY_READ,
		.outcome = OUTCOME_OK,
		.seat = (uint8_t)(r->seat->seat.index + 1),
		.assurance = (uint8_t)s->assurance,
		.factor = (uint8_t)s->factor,
		.account = s->account,
		.target = f->account,
		.session = s->number,
		.peer_uid = r->peer->uid,
	};

	return engine_record(r->engine, &entry);
}

#define EVENTS_MAX 128u
#define EVENT_LAST 699u

static int reply_unknown_event(struct request *r) {
	char(*names)[POLICY_NAME_SIZE] = calloc(EVENTS_MAX, sizeof(*names));
	char typed[FRAME_NAME_MAX] = "";
	uint32_t n = 0;

	for (unsigned id = 1; names && id <= EVENT_LAST && n < EVENTS_MAX; ++id) {
		const char *name = audit_event_name(id);

		if (audit_event_by_name(name) == id)
			(void)snprintf(names[n++], POLICY_NAME_SIZE, "%s", name);
	}
	(void)frame_get_text(r->body, "event", typed, sizeof(typed));
	(void)reply_nearest(r, "unknown-event",
			    n > 0 ? policy_nearest(typed, (const char(*)[POLICY_NAME_SIZE])names, n)
				  : NULL);
	free(names);
	return 0;
}

int handle_history(struct request *r) {
	struct journal_filter filter = { .with_texts = true };
	struct frame_writer w;
	struct page p = { .r = r, .w = &w };
	uint64_t n = 0, next = 0;
	int e = take_filter(r, &filter, &n);

	if (e == -ENOMSG)
		return reply_unknown_event(r);
	if (e == -ENOENT)
		return reply_message(r, RESULT_NOT_FOUND, "unknown-account");
	if (e < 0)
		return e;
	/* A reading is recorded; the pages that follow belong to it, and nothing else does. */
	if (!is_next_page(r, &filter) && record_reading(r, &filter) < 0)
		return reply_message(r, RESULT_NOT_RECORDED, "storage-failed");
	reply_begin(r, &w, RESULT_OK);
	frame_open_array(&w, "entries");
	e = journal_query(r->engine->store, &filter, (uint32_t)n, put_entry, &p, &next);
	if (e < 0)
		return reply_errno(r, e);
	frame_close(&w);
	r->peer->history = filter;
	r->peer->history.before = p.full ? p.last : next;
	r->peer->history_session = r->seat->seat.session.number;
	frame_uint(&w, "next", r->peer->history.before);
	reply_send(r, &w);
	return 0;
}

/* Verification reads through a connection of its own, on the reading worker. */
struct verify_op {
	struct later later;
	struct verify_options options;
	struct verify_report report;
	int error;
};

/* The engine does not wait for it to the end. */
static int go_on(uint64_t done, uint64_t all, void *userdata) {
	const struct engine *e = userdata;

	return e->stopping ? 1 : 0;
}

/* What the helping worker does for the reading one, which waits for its end. */
struct helping {
	struct worker *helper;
	uv_sem_t ended;
	void (*job)(void *data);
	void *data;
};

static void help_run(void *data, struct arena *arena) {
	struct helping *h = data;

	h->job(h->data);
	uv_sem_post(&h->ended);
}

/* In the loop, when the reading worker may have forgotten it already. */
static void help_done(void *data) {
}

static void help(void (*job)(void *data), void *data, void *userdata) {
	struct helping *h = userdata;
	const struct worker_task task = { help_run, help_done, h };

	h->job = job;
	h->data = data;
	if (worker_submit(h->helper, &task) < 0)
		help_run(h, NULL);
}

static void help_wait(void *userdata) {
	struct helping *h = userdata;

	uv_sem_wait(&h->ended);
}

/* The journal is whole: is what people are shown what it says? */
static int verify_rows(struct store *store, struct verify_report *report) {
	struct review_fault fault;
	int r = reviews_check(store, &fault);

	if (r <= 0)
		return r;
	report->finding = VERIFY_ROWS_DIFFER;
	report->seq = fault.seq;
	memcpy(report->what, fault.what, sizeof(report->what));
	report->rollback_excluded = false;
	return 0;
}

static void verify_run(void *data, struct arena *arena) {
	struct verify_op *op = data;
	struct store *store = NULL;
	struct engine *e = op->later.engine;
	struct helping helping = { .helper = e->helper };
	const struct verify_helper helper = { help, help_wait, &helping };
	bool has_helper = uv_sem_init(&helping.ended, 0) == 0;

	op->options.helper = has_helper ? &helper : NULL;
	op->error = store_open(e->setup->state_fd, STORE_READ_ONLY, e->keys, &store);
	if (op->error == 0)
		op->error = journal_verify(store, &op->options, go_on, e, &op->report);
	if (op->error == 0 && op->report.finding == VERIFY_OK)
		op->error = verify_rows(store, &op->report);
	store_close(store);
	op->options.helper = NULL;
	if (has_helper)
		uv_sem_destroy(&helping.ended);
}

static void put_head(struct frame_writer *w, const struct journal_head *head) {
	uint8_t bytes[40];

	for (size_t i = 0; i < 8; ++i)
		bytes[i] = (uint8_t)(head->seq >> (8 * i));
	memcpy(bytes + 8, head->hash, sizeof(head->hash));
	frame_bytes(w, "head", bytes, sizeof(bytes));
}

static void verify_done(void *data) {
	struct verify_op *op = data;
	const struct verify_report *v = &op->report;
	struct frame_writer w;
	struct request r;

	if (later_resume(&op->later, &r)) {
		if (op->error < 0) {
			(void)reply_message(&r, RESULT_FAILED, "cannot-read-the-journal");
		} else {
			reply_begin(&r, &w, RESULT_OK);
			frame_bool(&w, "ok", v->finding == VERIFY_OK);
			frame_uint(&w, "finding", (uint64_t)v->finding);
			frame_uint(&w, "seq", v->seq);
			frame_text(&w, "what", v->what);
			frame_uint(&w, "entries", v->n_entries);
			frame_uint(&w, "epochs", v->n_epochs);
			frame_uint(&w, "erased", v->n_texts_erased);
			frame_uint(&w, "open", v->n_open);
			put_head(&w, &v->head);
			frame_bool(&w, "rollback_excluded", v->rollback_excluded);
			reply_send(&r, &w);
		}
	}
	free(op);
}

int handle_verify(struct request *r) {
	struct verify_op *op = calloc(1, sizeof(*op));
	const struct worker_task task = { verify_run, verify_done, op, free };
	uint8_t head[40];
	int e = 0;

	if (!op)
		return -ENOMEM;
	op->later = later_from(r);
	e = frame_get_fixed(r->body, "head", head, sizeof(head));
	if (e == 0) {
		op->options.has_head = true;
		for (size_t i = 0; i < 8; ++i)
			op->options.head.seq |= (uint64_t)head[i] << (8 * i);
		memcpy(op->options.head.hash, head + 8, 32);
	}
	if (e == 0 || e == -ENOENT)
		e = frame_get_fixed(r->body, "anchor", op->options.anchor, 32);
	op->options.has_anchor = e == 0;
	if (e < 0 && e != -ENOENT) {
		free(op);
		return -EPROTO;
	}
	if (worker_submit(r->engine->reader, &task) < 0) {
		free(op);
		return reply_message(r, RESULT_BUSY, "verification-is-running");
	}
	return 0;
}

static const char *const review_names[REVIEW_N] = {
	[REVIEW_OPEN] = "open",         [REVIEW_JUSTIFIED] = "justified",
	[REVIEW_ROLE_GAP] = "role-gap", [REVIEW_REFER] = "refer",
	[REVIEW_TEST] = "test",
};

static int put_review(const struct review *review, void *userdata) {
	struct page *p = userdata;
	struct frame_writer before = *p->w, *w = p->w;

	frame_open_map(w, NULL);
	frame_bytes(w, "id", review->id, sizeof(review->id));
	frame_int(w, "started_ms", review->started_ms);
	frame_int(w, "ended_ms", review->ended_ms);
	frame_text(w, "state",
	           review->review < REVIEW_N && review_names[review->review]
			   ? review_names[review->review]
			   : "running");
	put_optional(w, "claimed", review->claimed);
	frame_uint(w, "uses", review->uses);
	put_optional(w, "reason", review->reason);
	put_optional(w, "text", review->text);
	put_account(p, "identified", "who", review->identified);
	frame_bool(w, "overdue", review->overdue);
	frame_close(w);
	if (w->failed || w->n > LIMIT_FRAME - 64) {
		*w = before;
		p->full = true;
		return 1;
	}
	return 0;
}

int handle_review_list(struct request *r) {
	struct frame_writer w;
	struct page p = { .r = r, .w = &w };
	bool all = false;
	int e = frame_get_bool(r->body, "all", &all);

	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	reply_begin(r, &w, RESULT_OK);
	frame_open_array(&w, "reviews");
	e = review_list(r->engine->store, r->engine->policy, all, &r->now, put_review, &p);
	if (e < 0)
		return reply_errno(r, e);
	frame_close(&w);
	frame_bool(&w, "more", p.full);
	reply_send(r, &w);
	return 0;
}

static enum review_state review_by_name(const char *name) {
	for (unsigned s = REVIEW_JUSTIFIED; s < REVIEW_N; ++s)
		if (strcmp(review_names[s], name) == 0)
			return (enum review_state)s;
	return REVIEW_NONE;
}

int handle_review_close(struct request *r) {
	struct actor actor = request_actor(r);
	char outcome[FRAME_NAME_MAX], text[LIMIT_TEXT] = "";
	uint8_t id[16];
	int e = 0;

	if (frame_get_fixed(r->body, "id", id, sizeof(id)) < 0 ||
	    frame_get_text(r->body, "outcome", outcome, sizeof(outcome)) < 0)
		return -EPROTO;
	e = frame_get_text(r->body, "text", text, sizeof(text));
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	if (review_by_name(outcome) == REVIEW_NONE)
		return reply_message(r, RESULT_INVALID,
		                     "outcome is justified, role-gap, refer or test");
	e = review_close(r->engine->store, &actor, id, review_by_name(outcome), text, &r->now);
	if (e == -EALREADY)
		return reply_message(r, RESULT_EXISTS, "closed-before");
	if (e == -EBUSY)
		return reply_message(r, RESULT_STALE, "emergency-is-open");
	if (e == -EPERM)
		return reply_denied(r, CW_DENY, CW_REASON_ROLE); /* recorded by auth/ */
	if (e < 0)
		return reply_errno(r, e);
	return reply(r, RESULT_OK);
}
