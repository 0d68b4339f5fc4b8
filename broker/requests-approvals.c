/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "auth/approval.h"
#include "broker/requests.h"

/*
 * What waits for a second person, told and signed at another seat
 *
 * Whoever is not entitled is told what he would be told if there were nothing.
 */

/* Room that one of them takes at most: two texts of 512, names, numbers, keys. */
#define OPEN_ROOM 1600u

/* The session in which one sees and signs: open, unlocked, of this uid. */
static bool may_look(struct request *r, enum cw_verdict *ret_verdict, enum cw_reason *ret_reason) {
	const struct session *s = &r->seat->seat.session;

	*ret_verdict = CW_SIGN_IN;
	*ret_reason = CW_REASON_NO_SESSION;
	if (s->number == 0 || r->seat->session_uid != r->peer->uid)
		return false;
	*ret_verdict = CW_UNLOCK;
	*ret_reason = s->lock == SEAT_SUSPENDED ? CW_REASON_SUSPENDED : CW_REASON_LOCKED;
	return s->lock == SEAT_UNLOCKED;
}

static void put_open(struct request *r, const struct attempt_slot *slot,
		     const struct attempt_open *open, struct frame_writer *w) {
	const struct policy_table *t = &r->engine->policy->table;
	const struct approval_request *approval = open->approval;

	frame_open_map(w, NULL);
	frame_uint(w, "approval", slot->number);
	frame_text(w, "seat", slot->seat->seat.name);
	frame_uint(w, "account", open->account);
	frame_text(w, "who", slot->seat->seat.session.name);
	frame_text(w, "action", t->action_names[approval->action]);
	if (approval->object[0] != '\0')
		frame_text(w, "object", approval->object);
	frame_bytes(w, "digest", approval->digest, sizeof(approval->digest));
	frame_text(w, "words", approval->words);
	frame_int(w, "since_ms", open->since_wall_ms);
	frame_uint(w, "left_ms", open->until_ms - r->now.boot_ms);
	frame_close(w);
}

int handle_approval_list(struct request *r) {
	enum cw_verdict verdict;
	enum cw_reason reason;
	struct frame_writer w;
	bool more = false;

	if (!may_look(r, &verdict, &reason))
		return reply_denied(r, verdict, reason);
	reply_begin(r, &w, RESULT_OK);
	frame_open_array(&w, "approvals");
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		const struct attempt_slot *s = &r->engine->attempts[i];
		struct attempt_open open;

		if (!s->attempt || s->dropped || !attempt_is_open(s->attempt, &r->now, &open) ||
		    attempt_bars(s->attempt, &r->seat->seat, &r->now) != CW_REASON_NONE)
			continue;
		if (w.n + OPEN_ROOM > LIMIT_FRAME)
			more = true;
		else
			put_open(r, s, &open, &w);
	}
	frame_close(&w);
	frame_bool(&w, "more", more);
	reply_send(r, &w);
	return 0;
}

/* The open one of this number. NULL: there is none for this person, and that was answered. */
static struct attempt_slot *find_open(struct request *r, int *ret_e) {
	const struct policy_table *t = &r->engine->policy->table;
	struct attempt_open open;
	enum cw_verdict verdict;
	enum cw_reason reason;
	uint64_t number = 0;

	*ret_e = -EPROTO;
	if (frame_get_uint(r->body, "approval", &number) < 0)
		return NULL;
	*ret_e = 0;
	if (!may_look(r, &verdict, &reason)) {
		(void)reply_denied(r, verdict, reason);
		return NULL;
	}
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *s = &r->engine->attempts[i];

		if (!s->attempt || s->dropped || s->number != number ||
		    !attempt_is_open(s->attempt, &r->now, &open))
			continue;
		reason = attempt_bars(s->attempt, &r->seat->seat, &r->now);
		if (reason == CW_REASON_NONE)
			return s;
		record_denied(r, t->action_names[open.approval->action], reason);
	}
	(void)reply_message(r, RESULT_NOT_FOUND, "no-such-approval");
	return NULL;
}

int handle_approval_sign(struct request *r) {
	struct attempt_request request = { .purpose = CW_PURPOSE_COUNTERSIGN,
					   .actor = request_actor(r) };
	struct attempt_slot *slot = NULL;
	int e = 0;

	if (!request_factor(r, &request.factor))
		return -EPROTO;
	slot = find_open(r, &e);
	if (!slot)
		return e;
	request.asked = slot->attempt;
	return attempts_begin(r, &request);
}

int handle_approval_refuse(struct request *r) {
	struct actor actor = request_actor(r);
	struct attempt_slot *slot = NULL;
	char reason[LIMIT_TEXT] = "";
	int e = frame_get_text(r->body, "reason", reason, sizeof(reason));

	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	slot = find_open(r, &e);
	if (!slot)
		return e;
	e = attempt_refuse(slot->attempt, &r->seat->seat, &actor, reason, &r->now);
	if (e < 0)
		return e;
	(void)reply(r, RESULT_OK);
	attempts_finish(r->engine, &r->now);
	return 0;
}
