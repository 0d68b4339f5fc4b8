/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/config.h"
#include "broker/requests.h"
#include "common/cleanup.h"
#include "policy/decide.h"

/* Verbs of the seat itself: greeting, signals, lock, use. */

int handle_hello(struct request *r) {
	struct engine *e = r->engine;
	struct frame_writer w;
	uint64_t version = 0, actions = 0;
	char app[LIMIT_NAME];
	uint8_t device[16] = { 0 };
	int fds[2], n = 0, g = 0;

	if (frame_get_uint(r->body, "version", &version) < 0 ||
	    frame_get_uint(r->body, "actions", &actions) < 0 || version != PROTOCOL_VERSION ||
	    actions > POLICY_ACTIONS_MAX)
		return -EPROTO;
	g = frame_get_text(r->body, "app", app, sizeof(app));
	if (g < 0 && g != -ENOENT)
		return -EPROTO;
	if (r->fd >= 0 && ring_map(r->fd, &r->peer->ring) < 0)
		return -EPROTO;
	if (r->fd >= 0)
		engine_ring_came(e, r->peer, r->fd);
	r->peer->phase = PEER_OPEN;
	if (e->store)
		store_device_id(e->store, device);
	if (e->policy_fd >= 0)
		fds[n++] = e->policy_fd;
	if (r->seat->page_fd >= 0)
		fds[n++] = r->seat->page_fd;

	reply_begin(r, &w, RESULT_OK);
	frame_text(&w, "seat", r->seat->seat.name);
	frame_uint(&w, "index", r->seat->seat.index);
	frame_bytes(&w, "boot", e->clock.boot_id, sizeof(e->clock.boot_id));
	frame_bytes(&w, "device", device, sizeof(device));
	frame_bool(&w, "initialised", e->initialised);
	frame_bool(&w, "embedded", e->setup->embedded);
	frame_uint(&w, "pages", (uint64_t)n);
	if (frame_end(&w) < 0)
		return -EPROTO;
	peer_send(r->peer, e->out, w.n, fds, (uint32_t)n);
	return 0;
}

static void status_alarms(struct frame_writer *w, const struct engine *e) {
	frame_open_array(w, "alarms");
	for (unsigned a = ALARM_NONE + 1; a < ALARM_N; ++a)
		if (e->alarms[a])
			frame_text(w, NULL, engine_alarm_name((enum engine_alarm)a));
	frame_close(w);
}

/* Which files are refused, and why. */
static void status_refused(struct frame_writer *w, const struct engine *e) {
	frame_open_array(w, "refused");
	for (size_t k = 0; k < ARRAY_SIZE(e->refusals); ++k)
		if (e->refusals[k][0] != '\0')
			frame_text(w, NULL, e->refusals[k]);
	frame_close(w);
}

/* Which files are not what was installed. */
static void status_differs(struct frame_writer *w, const struct engine *e) {
	char path[512];

	frame_open_array(w, "differs");
	for (unsigned k = CONFIG_DEVICE; k < CONFIG_N; ++k) {
		if (!e->foreign[k])
			continue;
		(void)snprintf(path, sizeof(path), "%.400s/%s", e->setup->config_path,
			       config_file_name((enum config_kind)k));
		frame_text(w, NULL, path);
	}
	frame_close(w);
}

int handle_status(struct request *r) {
	struct engine *e = r->engine;
	const struct policy_settings *s = e->policy ? &e->policy->settings : NULL;
	const struct session *session = &r->seat->seat.session;
	struct journal_head head = { 0 };
	struct frame_writer w;
	uint32_t reviews = 0;
	bool open = session->number != 0 && session->lock == SEAT_UNLOCKED;

	if (e->store) {
		(void)journal_head(e->store, &head);
		(void)review_count(e->store, &reviews);
	}
	reply_begin(r, &w, RESULT_OK);
	frame_bool(&w, "initialised", e->initialised);
	frame_bool(&w, "policy", e->policy != NULL);
	frame_uint(&w, "generation", e->generation);
	frame_text(&w, "model", s ? s->device_model : "");
	frame_text(&w, "site", s ? s->site_name : "");
	frame_text(&w, "place", s ? s->place : "");
	frame_text(&w, "version", CW_VERSION);
	frame_bool(&w, "embedded", e->setup->embedded);
	status_alarms(&w, e);
	status_refused(&w, e);
	status_differs(&w, e);
	frame_bool(&w, "signed_in", open);
	if (open)
		frame_text(&w, "name", session->name);
	frame_open_map(&w, "head");
	frame_uint(&w, "seq", head.seq);
	frame_bytes(&w, "hash", head.hash, sizeof(head.hash));
	frame_close(&w);
	frame_uint(&w, "reviews", reviews);
	reply_send(r, &w);
	return 0;
}

int handle_signal(struct request *r) {
	const struct policy_table *t = &r->engine->policy->table;
	char name[POLICY_NAME_SIZE];
	bool value = false;
	int v = 0, e = 0, index = 0;

	if (frame_get_text(r->body, "name", name, sizeof(name)) < 0)
		return -EPROTO;
	if (!frame_has_null(r->body, "value")) {
		if (frame_get_bool(r->body, "value", &value) < 0)
			return -EPROTO;
		v = value ? 1 : -1;
	}
	index = policy_signal_index(t, name);
	if (index < 0)
		return reply_nearest(r, "unknown-signal",
		                     policy_nearest(name, t->signal_names, t->n_signals));
	e = seat_signal(&r->seat->seat, t, (uint32_t)index, v, &r->now);
	if (e == -EACCES)
		return reply_denied(r, CW_DENY, CW_REASON_NONE); /* another seat's */
	if (e < 0)
		return reply_message(r, RESULT_NOT_FOUND, "unknown-signal");
	/* A signal is the device's, not one seat's: every seat's contexts hear of it. */
	for (uint32_t i = 0; i < r->engine->n_seats; ++i)
		if (&r->engine->seats[i] != r->seat)
			seat_signal_copy(&r->engine->seats[i].seat, &r->seat->seat,
			                 t, (uint32_t)index, &r->now);
	engine_publish_all(r->engine, false);
	return reply(r, RESULT_OK);
}

int handle_activity(struct request *r) {
	if (r->engine->policy)
		seat_activity(&r->seat->seat, &r->engine->policy->table, &r->now);
	engine_publish(r->engine, r->seat, false);
	return reply(r, RESULT_OK);
}

int handle_lock(struct request *r) {
	int e = seat_lock(r->engine->store, &r->seat->seat, &r->now, "person");

	if (e < 0)
		engine_store_failed(r->engine, e);
	engine_publish(r->engine, r->seat, false);
	return reply(r, RESULT_OK);
}

int handle_sign_out(struct request *r) {
	int e = seat_close(r->engine->store, &r->seat->seat, &r->now, "person");

	if (e < 0)
		engine_store_failed(r->engine, e);
	engine_publish(r->engine, r->seat, false);
	return reply(r, RESULT_OK);
}

static int reply_use(struct request *r, enum cw_verdict verdict, enum cw_reason reason) {
	struct frame_writer w;

	reply_begin(r, &w, verdict == CW_ALLOW ? RESULT_OK : RESULT_DENIED);
	frame_uint(&w, "verdict", (uint64_t)verdict);
	frame_uint(&w, "reason", (uint64_t)reason);
	reply_send(r, &w);
	return 0;
}

/*
 * Care was given already, and so was what this policy does not know: the client
 * keeps the record. Anything else is refused. @action: -1: unknown.
 */
static int reply_not_recorded(struct request *r, int action, enum cw_verdict verdict,
                              enum cw_reason reason) {
	uint8_t kind = action >= 0 ? r->engine->policy->table.actions[action].kind : CW_KIND_NONE;

	if (kind != CW_KIND_GUARDED && kind != CW_KIND_SENSITIVE)
		return reply(r, RESULT_NOT_RECORDED);
	if (verdict == CW_ALLOW)
		return reply_use(r, CW_DENY, CW_REASON_NOT_RECORDED);
	return reply_use(r, verdict, reason);
}

static enum cw_verdict decide_use(struct request *r, uint32_t action, const char *object,
                                  uint64_t session, enum cw_reason *ret_reason) {
	const struct policy_table *t = &r->engine->policy->table;
	struct seat *seat = &r->seat->seat;
	uint8_t kind = t->actions[action].kind;

	if (kind != CW_KIND_ALWAYS && kind != CW_KIND_CARE) {
		if (seat->session.number != session) {
			*ret_reason = CW_REASON_OTHER_SESSION;
			return CW_DENY;
		}
		if (seat->session.number != 0 && r->seat->session_uid != r->peer->uid) {
			*ret_reason = CW_REASON_NO_SESSION;
			return CW_SIGN_IN;
		}
	}
	return seat_decide_object(seat, t, action, object, &r->now, ret_reason);
}

/* A second person would have been asked for, but for an emergency or for being alone. */
static bool is_waived(const struct request *r, int index, const char *object,
                      enum cw_verdict v) {
	const struct policy_table *t = &r->engine->policy->table;

	return index >= 0 && v == CW_ALLOW && t->actions[index].witness &&
	       !seat_is_witnessed(&r->seat->seat, t, (uint32_t)index, object, &r->now);
}

/*
 * always and care: the client has answered already; it is recorded here. guarded:
 * the answer is the one that counts, and it comes when the record is durable.
 */
int handle_use(struct request *r) {
	char name[POLICY_NAME_SIZE], object[LIMIT_OBJECT] = "", detail[64] = "";
	struct seat *seat = &r->seat->seat;
	enum cw_reason reason = CW_REASON_NONE;
	enum cw_verdict v = CW_DENY;
	uint64_t session = 0;
	int index = 0, e = 0;

	if (frame_get_text(r->body, "action", name, sizeof(name)) < 0 ||
	    frame_get_uint(r->body, "session", &session) < 0)
		return -EPROTO;
	e = frame_get_text(r->body, "object", object, sizeof(object));
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	index = policy_action_index(&r->engine->policy->table, name);
	if (index >= 0)
		v = decide_use(r, (uint32_t)index, object, session, &reason);
	else
		reason = CW_REASON_UNKNOWN_ACTION;
	if (session != seat->session.number)
		(void)snprintf(detail, sizeof(detail), "shown-session=%016llx",
		               (unsigned long long)session);

	struct journal_entry entry = {
		.event = v == CW_ALLOW ? EVENT_USE : EVENT_DENIED,
		.outcome = v == CW_ALLOW ? OUTCOME_OK : OUTCOME_REFUSED,
		.seat = (uint8_t)(seat->index + 1),
		.assurance = (uint8_t)seat->session.assurance,
		.factor = (uint8_t)seat->session.factor,
		.reason = (uint8_t)reason,
		.flags = (uint8_t)((seat->emergency.open ? ENTRY_EMERGENCY : 0) |
		                   (is_waived(r, index, object, v) ? ENTRY_WAIVED : 0)),
		.account = seat->session.account,
		.session = seat->session.number,
		.peer_uid = r->peer->uid,
		.has_emergency = seat->emergency.open,
		.action = index >= 0 ? name : NULL,
		.context = seat_context(seat, &r->engine->policy->table, &r->now),
		.object = object,
		.detail = detail,
	};
	memcpy(entry.emergency, seat->emergency.id, sizeof(entry.emergency));
	if (v == CW_ALLOW)
		seat_activity(seat, &r->engine->policy->table, &r->now);
	e = engine_record(r->engine, &entry);
	if (e < 0)
		return reply_not_recorded(r, index < 0 ? -1 : index, v, reason);
	if (index >= 0 && v == CW_ALLOW) {
		seat_witness_used(seat, (uint32_t)index, object);
		engine_publish(r->engine, r->seat, false);
	}
	return reply_use(r, v, reason);
}
