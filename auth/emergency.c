/* SPDX-License-Identifier: Apache-2.0 */

/* Taking in the records of emergencies. */

#include <errno.h>
#include <string.h>

#include "auth/approval.h"
#include "auth/emergency-internal.h"
#include "auth/layout.h"
#include "auth/row.h"

/* A record that comes by the socket later than this speaks of the past. */
#define FRESH_MS 5000u

/* One record on its way in. */
struct taking {
	struct store *store;
	const struct policy *policy;
	struct seat *seat;
	const struct ring_record *record;
	enum emergency_way way;
	const struct moment *now;
	struct emergency_outcome outcome;

	uint8_t key[16]; /* under which the record is written once                  */
	bool is_known;   /* this record was written before                          */
	bool has_row;
	bool is_foreign; /* the row is another seat's: it stays as it is               */
	bool is_damaged; /* there is a row, but it is not to be believed            */
	bool row_changed;
	bool is_silent; /* nothing is to be written but that it was read           */
	bool voids;     /* receipts of the suspended session                       */
	struct emergency_row row;
	struct journal_entry entry;
	char detail[LIMIT_TEXT];
};

/*
 * Memory
 */

bool emergency_has_ended(const struct seat *seat, const uint8_t id[16]) {
	uint32_t n = seat->ended.n < SEAT_ENDED_MAX ? seat->ended.n : SEAT_ENDED_MAX;

	for (uint32_t i = 0; i < n; ++i)
		if (memcmp(seat->ended.ids[i], id, 16) == 0)
			return true;
	return false;
}

static bool is_open(const struct seat *seat, const uint8_t id[16]) {
	return seat->emergency.open && memcmp(seat->emergency.id, id, 16) == 0;
}

void emergency_forget(struct seat *seat, const uint8_t id[16]) {
	if (!emergency_has_ended(seat, id)) {
		memcpy(seat->ended.ids[seat->ended.n % SEAT_ENDED_MAX], id, 16);
		seat->ended.n = seat->ended.n < UINT32_MAX - SEAT_ENDED_MAX ? seat->ended.n + 1
									    : SEAT_ENDED_MAX;
	}
	if (is_open(seat, id))
		seat->emergency = (struct emergency){ 0 };
}

/* Whoever was signed in is no longer: nothing inside is his. */
static void suspend(struct taking *t) {
	struct session *s = &t->seat->session;

	if (s->number == 0)
		return;
	s->lock = SEAT_SUSPENDED;
	s->reauth_ms = 0;
	s->reauth_assurance = CW_ASSURANCE_NONE;
	s->void_ms = t->now->boot_ms;
	++s->voids;
	t->voids = true;
}

static void adopt(struct taking *t) {
	t->seat->emergency = (struct emergency){
		.open = true,
		.since_ms = t->now->boot_ms,
		.used_ms = t->now->boot_ms,
		/* What was used before a late start is granted stands in the journal. */
		.policy_generation = t->has_row ? 0 : t->policy->table.generation,
	};
	memcpy(t->seat->emergency.id, t->record->emergency, sizeof(t->seat->emergency.id));
	t->outcome.began = true;
}

/*
 * Entries
 */

static bool is_this_boot(const struct taking *t) {
	return memcmp(t->record->boot_id, t->now->boot_id, sizeof(t->record->boot_id)) == 0;
}

static bool is_fresh(const struct taking *t) {
	uint64_t then = t->record->boot_ms, at = t->now->boot_ms;

	return t->way == EMERGENCY_BY_SOCKET && is_this_boot(t) &&
	       (at > then ? at - then : then - at) <= FRESH_MS;
}

static void entry_late(struct taking *t) {
	t->entry.flags |= ENTRY_LATE;
	t->entry.has_claim = true;
	memcpy(t->entry.claimed_boot_id, t->record->boot_id, sizeof(t->entry.claimed_boot_id));
	t->entry.claimed_boot_ms = t->record->boot_ms;
	t->entry.claimed_wall_ms = t->record->wall_ms;
}

/* Nobody is known inside an emergency: neither account nor assurance. */
static void entry_begin(struct taking *t, enum audit_event event, uint32_t peer_uid) {
	const struct actor actor = { .peer_uid = peer_uid };

	flow_entry(&t->entry, t->seat, &actor, t->now, event, OUTCOME_OK);
	t->entry.account = 0;
	t->entry.assurance = CW_ASSURANCE_NONE;
	t->entry.factor = CW_FACTOR_NONE;
	t->entry.context = seat_context(t->seat, &t->policy->table, t->now);
	t->entry.detail = t->detail;
	if (t->way == EMERGENCY_BY_SPOOL)
		t->entry.flags |= ENTRY_SPOOL;
	if (!is_fresh(t))
		entry_late(t);
}

static void entry_inside(struct taking *t) {
	t->entry.flags |= ENTRY_EMERGENCY;
	flow_entry_emergency(&t->entry, t->record->emergency);
}

static const char *or_null(const char *text) {
	return text[0] != '\0' ? text : NULL;
}

static void say(struct taking *t, const char *what, const char *value) {
	size_t n = strlen(t->detail);

	(void)snprintf(t->detail + n, sizeof(t->detail) - n, "%s%s=%s", n > 0 ? " " : "", what,
		       value);
}

/* What was known around: place and signals. Names of configuration, nobody's data. */
static void say_surroundings(struct taking *t) {
	const struct policy_table *table = &t->policy->table;
	char number[16];

	say(t, "place", or_null(t->policy->settings.place) ? t->policy->settings.place : "none");
	for (uint32_t i = 0; i < table->n_signals && i < POLICY_SIGNALS_MAX; ++i) {
		int value = seat_signal_value(t->seat, i, t->now);

		if (value != 0 && strlen(t->detail) + 80 < sizeof(t->detail))
			say(t, table->signal_names[i], value > 0 ? "true" : "false");
	}
	if (t->record->lost > 0) {
		(void)snprintf(number, sizeof(number), "%u", t->record->lost);
		say(t, "lost", number);
	}
}

/*
 * The kinds of records
 */

static void row_begin(struct taking *t, enum emergency_state state, enum review_state review) {
	t->row = (struct emergency_row){
		.seat = (uint8_t)(t->seat->index + 1),
		.state = state,
		.wall_ms = t->now->wall_ms,
		.review = review,
	};
	memcpy(t->row.id, t->record->emergency, sizeof(t->row.id));
	t->has_row = true;
	t->row_changed = true;
}

/* The row that the entry starts: its number is put in when it is known. */
#define SEQ_OF_ENTRY UINT64_MAX

static void row_started(struct taking *t, enum emergency_state state) {
	if (!t->has_row)
		row_begin(t, state, REVIEW_OPEN);
	t->row.state = state;
	t->row.started_seq = SEQ_OF_ENTRY;
	if (t->row.review == REVIEW_NONE)
		t->row.review = REVIEW_OPEN;
	t->row_changed = true;
}

static void start_claim(struct taking *t) {
	t->entry.target = t->seat->session.account; /* who was signed in before */
	t->entry.name = or_null(t->record->name);
	if (t->entry.name)
		t->entry.flags |= ENTRY_CLAIMED;
	entry_inside(t);
	say_surroundings(t);
}

/* Read too late, or after its end: somebody may have ended it since. */
static void start_late(struct taking *t, uint32_t peer_uid) {
	entry_begin(t, EVENT_EMERGENCY_LATE, peer_uid);
	entry_late(t);
	start_claim(t);
	t->outcome.late = true;
	if (!t->has_row) {
		row_started(t, EMERGENCY_LATE);
	} else if (t->row.started_seq == 0) {
		t->row.started_seq = SEQ_OF_ENTRY;
		t->row.review = t->row.review == REVIEW_NONE ? REVIEW_OPEN : t->row.review;
		t->row_changed = true;
	}
}

/* Two processes declared at once: the seat has one emergency, both are recorded. */
static void start_joined(struct taking *t, uint32_t peer_uid) {
	char id[33];

	suspend(t);
	entry_begin(t, EVENT_EMERGENCY_STARTED, peer_uid);
	start_claim(t);
	hex_encode(id, t->seat->emergency.id, sizeof(t->seat->emergency.id));
	if (strlen(t->detail) + 48 < sizeof(t->detail))
		say(t, "joined", id);
	t->outcome.over = true;
	row_begin(t, EMERGENCY_ENDED, REVIEW_NONE);
	t->row.started_seq = SEQ_OF_ENTRY;
	t->row.ended_seq = SEQ_OF_ENTRY;
}

/* Emergencies that nobody has reviewed yet do not refuse another; they are told. */
static void say_unreviewed(struct taking *t) {
	char number[16];
	uint32_t n = 0;

	if (review_count(t->store, &n) < 0 || n == 0 || strlen(t->detail) + 32 > sizeof(t->detail))
		return;
	(void)snprintf(number, sizeof(number), "%u", n);
	say(t, "unreviewed", number);
}

static void start_granted(struct taking *t, uint32_t peer_uid) {
	suspend(t);
	if (!is_open(t->seat, t->record->emergency))
		adopt(t);
	entry_begin(t, EVENT_EMERGENCY_STARTED, peer_uid);
	start_claim(t);
	say_unreviewed(t);
	row_started(t, EMERGENCY_OPEN);
}

static void take_start(struct taking *t, uint32_t peer_uid) {
	const uint8_t *id = t->record->emergency;
	bool is_in_time = t->way == EMERGENCY_BY_SOCKET && is_this_boot(t) &&
			  t->now->boot_ms <= t->record->deadline_ms;
	bool is_over = emergency_has_ended(t->seat, id) ||
		       (t->has_row &&
			(t->row.state == EMERGENCY_ENDED || t->row.state == EMERGENCY_INTERRUPTED));
	bool is_mine = is_open(t->seat, id);

	t->outcome.over = is_over;
	if ((is_over || t->is_foreign) && t->is_known) {
		t->is_silent = true;
	} else if (is_over || t->is_foreign) {
		start_late(t, peer_uid);
	} else if (is_mine && t->has_row && t->row.state == EMERGENCY_OPEN) {
		t->is_silent = true; /* said again */
	} else if (is_mine) {
		start_granted(t, peer_uid); /* adopted while nothing could be written */
	} else if (!is_in_time && t->is_known) {
		t->is_silent = true;
	} else if (!is_in_time) {
		start_late(t, peer_uid);
	} else if (t->seat->emergency.open) {
		start_joined(t, peer_uid);
	} else {
		start_granted(t, peer_uid);
	}
}

static void take_use_without_emergency(struct taking *t, uint32_t peer_uid) {
	const struct session *s = &t->seat->session;
	bool is_session = t->way == EMERGENCY_BY_SOCKET && s->number != 0 &&
			  t->record->session == s->number && t->record->account == s->account;

	entry_begin(t, EVENT_USE, peer_uid);
	t->entry.session = t->record->session;
	t->entry.account = t->record->account;
	if (is_session) {
		t->entry.assurance = (uint8_t)s->assurance;
		t->entry.factor = (uint8_t)s->factor;
	} else if (t->record->account != 0) {
		t->entry.flags |= ENTRY_CLAIMED;
	}
}

static void take_use_inside(struct taking *t, uint32_t peer_uid) {
	entry_begin(t, EVENT_EMERGENCY_USE, peer_uid);
	entry_inside(t);
	if (!t->has_row)
		row_begin(t, EMERGENCY_LATE, REVIEW_OPEN);
	if (t->row.uses < UINT32_MAX)
		t->row.uses++;
	t->row_changed = true;
}

/* A joined emergency's uses are uses of the one that is open. */
static void note_use(struct taking *t) {
	struct emergency *e = &t->seat->emergency;
	uint64_t used_ms = t->record->boot_ms;

	if (!e->open)
		return;
	(void)emergency_refresh_used(t->store, &t->policy->table, t->seat);
	emergency_note_use(t->seat, &t->policy->table, t->record->action);
	/* One that is offered again is no new use. */
	if (!is_this_boot(t) || t->record->boot_ms > t->now->boot_ms)
		used_ms = t->now->boot_ms;
	if (used_ms > e->used_ms) {
		e->used_ms = used_ms;
		e->asked = false;
	}
	if (e->n_uses < UINT32_MAX)
		e->n_uses++;
}

/* Done without the second person who would have been asked but for the emergency. */
static bool is_waived(const struct taking *t) {
	const struct policy_table *table = &t->policy->table;
	int index = policy_action_index(table, t->record->action);

	return index >= 0 && table->actions[index].witness &&
	       !seat_is_witnessed(t->seat, table, (uint32_t)index, t->record->object, t->now);
}

static void take_use(struct taking *t, uint32_t peer_uid) {
	static const uint8_t none[16];

	if (t->is_known) {
		t->is_silent = true;
		return;
	}
	if (memcmp(t->record->emergency, none, sizeof(none)) == 0) {
		take_use_without_emergency(t, peer_uid);
	} else {
		take_use_inside(t, peer_uid);
		note_use(t);
	}
	if (t->record->verdict != CW_ALLOW)
		t->entry.outcome = OUTCOME_REFUSED;
	else if (is_waived(t))
		t->entry.flags |= ENTRY_WAIVED;
	t->entry.reason = t->record->reason;
	t->entry.action = or_null(t->record->action);
	t->entry.object = or_null(t->record->object);
	if (t->record->lost > 0) {
		char number[16];

		(void)snprintf(number, sizeof(number), "%u", t->record->lost);
		say(t, "lost", number);
	}
}

static void take_end(struct taking *t, uint32_t peer_uid) {
	bool was_open = is_open(t->seat, t->record->emergency);

	if (t->is_known && !was_open) {
		t->is_silent = true;
		return;
	}
	entry_begin(t, EVENT_EMERGENCY_ENDED, peer_uid);
	entry_inside(t);
	say(t, "how", "person");
	emergency_forget(t->seat, t->record->emergency);
	t->outcome.ended = was_open;
	if (t->has_row &&
	    (t->row.state == EMERGENCY_ENDED || t->row.state == EMERGENCY_INTERRUPTED)) {
		t->is_silent = true; /* ended is final, and was written */
		return;
	}
	if (!t->has_row)
		row_begin(t, EMERGENCY_ENDED, was_open ? REVIEW_OPEN : REVIEW_NONE);
	t->row.state = EMERGENCY_ENDED;
	t->row.ended_seq = SEQ_OF_ENTRY;
	t->row_changed = true;
}

static bool is_offered(const struct policy_settings *settings, const char *reason) {
	for (uint32_t i = 0; i < settings->break_glass.n_reasons && i < 8; ++i)
		if (strncmp(settings->break_glass.reasons[i], reason, LIMIT_NAME) == 0)
			return true;
	return false;
}

/* A reason of the site's list stays; what somebody typed can be erased. */
static void take_reason(struct taking *t, uint32_t peer_uid) {
	if (t->is_known) {
		t->is_silent = true;
		return;
	}
	entry_begin(t, EVENT_EMERGENCY_REASON, peer_uid);
	entry_inside(t);
	if (is_offered(&t->policy->settings, t->record->name))
		say(t, "reason", t->record->name);
	else
		t->entry.name = or_null(t->record->name);
	t->entry.text = or_null(t->record->text);
}

static void (*const takers[])(struct taking *t, uint32_t peer_uid) = {
	[RECORD_START] = take_start,
	[RECORD_USE] = take_use,
	[RECORD_END] = take_end,
	[RECORD_REASON] = take_reason,
};

/*
 * Reading what is known, writing what is new
 */

/* Uses outside an emergency have no id: what they say is their id. */
static int key_of(struct taking *t) {
	static const uint8_t none[16];
	uint8_t mac[32];
	int r;

	memcpy(t->key, t->record->emergency, sizeof(t->key));
	if (memcmp(t->key, none, sizeof(none)) != 0)
		return 0;
	r = store_mac(t->store, "claim", (const uint8_t *)t->record, sizeof(*t->record), mac);
	if (r == 0)
		memcpy(t->key, mac, sizeof(t->key));
	return r;
}

static int look_up(struct taking *t) {
	int r = key_of(t);

	if (r < 0)
		return r;
	r = emergency_record_is_known(t->store, t->key, t->record->serial);
	if (r < 0)
		return r;
	t->is_known = r == 1;
	r = emergency_row_load(t->store, t->record->emergency, &t->row);
	t->has_row = r == 0;
	t->is_foreign = t->has_row && t->row.seat != t->seat->index + 1;
	t->is_damaged = r == -EBADMSG;
	return r == -ENOENT || r == -EBADMSG ? 0 : r;
}

static int alarm_damaged(struct taking *t) {
	struct journal_entry entry;

	flow_entry(&entry, t->seat, NULL, t->now, EVENT_ALARM, OUTCOME_FAILED);
	flow_entry_emergency(&entry, t->record->emergency);
	entry.detail = "what=emergency-row-damaged";
	return journal_append(t->store, &entry);
}

static int write_rows(struct taking *t) {
	uint64_t seq;
	int r;

	r = t->is_silent ? 0 : journal_append(t->store, &t->entry);
	if (r < 0)
		return r;
	seq = t->is_silent ? t->row.ended_seq : t->entry.seq;
	if (t->row.started_seq == SEQ_OF_ENTRY)
		t->row.started_seq = seq;
	if (t->row.ended_seq == SEQ_OF_ENTRY)
		t->row.ended_seq = seq;
	if (t->is_damaged && !t->is_silent)
		r = alarm_damaged(t);
	if (r == 0 && t->row_changed && !t->is_silent)
		r = emergency_row_store(t->store, &t->row);
	if (r == 0 && !t->is_known)
		r = emergency_record_keep(t->store, t->key, t->record->serial, seq);
	if (r == 0 && t->voids)
		r = approval_void(t->store, t->seat->session.number, t->now);
	return r;
}

static int write_down(struct taking *t) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	int r;

	if (t->is_silent && t->is_known)
		return 0;
	r = store_begin(t->store);
	if (r < 0)
		return r;
	transaction = t->store;
	r = write_rows(t);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(t->store);
}

static bool is_well_formed(const struct ring_record *record) {
	static const uint8_t none[16];

	if (!ring_record_is_valid(record) || record->serial > INT64_MAX)
		return false;
	return record->kind == RECORD_USE || memcmp(record->emergency, none, sizeof(none)) != 0;
}

int emergency_record(struct store *store, const struct policy *policy, struct seat *seat,
		     const struct ring_record *record, enum emergency_way way, uint32_t peer_uid,
		     const struct moment *now, const struct emergency_hook *hook,
		     struct emergency_outcome *ret_outcome) {
	struct taking t = {
		.store = store,
		.policy = policy,
		.seat = seat,
		.record = record,
		.way = way,
		.now = now,
	};
	int known, r;

	if (!is_well_formed(record))
		return -EBADMSG;
	/* The emergency is real whether or not anything can be read or written. */
	known = look_up(&t);
	takers[record->kind](&t, peer_uid);
	if (t.is_foreign)
		t.row_changed = false;
	if (hook)
		hook->taken(&t.outcome, hook->userdata);
	r = known < 0 ? known : write_down(&t);
	t.outcome.recorded = r == 0;
	t.outcome.repeated = r == 0 && t.is_silent;
	*ret_outcome = t.outcome;
	return r;
}
