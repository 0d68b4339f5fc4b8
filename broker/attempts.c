/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "auth/approval.h"
#include "broker/attempts.h"
#include "broker/requests.h"
#include "common/cleanup.h"

/* Attempts: conversations between a person at a connection and auth/signin.c. */

static void send_event(struct attempt_slot *slot, struct frame_writer *w) {
	struct peer *peer = peer_by_number(slot->engine, slot->peer);

	if (frame_end(w) == 0 && peer)
		peer_send(peer, slot->engine->out, w->n, NULL, 0);
	explicit_bzero(slot->engine->out, sizeof(slot->engine->out));
}

static void begin_event(struct attempt_slot *slot, struct frame_writer *w, const char *name) {
	frame_begin(w, slot->engine->out, sizeof(slot->engine->out), FRAME_EVENT, 0, name);
	frame_uint(w, "attempt", slot->number);
}

static void send_over(struct attempt_slot *slot, const struct attempt_result *result) {
	struct frame_writer w;

	begin_event(slot, &w, "attempt-over");
	frame_text(&w, "message", result->message ? result->message : "refused");
	if (result->wait_ms > 0)
		frame_uint(&w, "wait_ms", result->wait_ms);
	if (result->reason[0] != '\0')
		frame_text(&w, "text", result->reason);
	send_event(slot, &w);
}

static void slot_release(struct attempt_slot *slot) {
	slot_drop_job(slot);
	if (slot->hashing) {
		/* The worker has the job, and its permit is kept until the hash ends. */
		slot->dropped = true;
		slot->peer = 0;
		return;
	}
	slot->attempt = attempt_free(slot->attempt);
	memset(slot, 0, sizeof(*slot));
}

/* Whoever was about to sign it at another seat has nothing to sign any more. */
static void withdraw_from_others(struct attempt_slot *slot, const struct moment *now) {
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *s = &slot->engine->attempts[i];

		if (s == slot || !s->attempt || s->dropped ||
		    attempt_asked(s->attempt) != slot->attempt)
			continue;
		attempt_withdraw(s->attempt, now);
		send_over(s, attempt_result(s->attempt));
		slot_release(s);
	}
}

/* Tells the seats whose person could sign it that it is open, and those that it is no longer. */
static void tell_open(struct attempt_slot *slot, const struct moment *now) {
	for (uint32_t i = 0; i < slot->engine->n_seats; ++i) {
		struct seat_runtime *seat = &slot->engine->seats[i];

		if (slot->is_open &&
		    attempt_bars(slot->attempt, &seat->seat, now) == CW_REASON_NONE)
			slot->told |= 1u << i;
		if ((slot->told & 1u << i) != 0)
			seat_event(seat, "approvals");
	}
}

/* Was it asked for just now, or is it no longer? */
static void slot_note_open(struct attempt_slot *slot, const struct moment *now) {
	bool is_open = attempt_is_open(slot->attempt, now, NULL);

	if (is_open == slot->is_open)
		return;
	slot->is_open = is_open;
	tell_open(slot, now);
	if (!is_open)
		withdraw_from_others(slot, now);
}

static void slot_free(struct attempt_slot *slot) {
	struct moment now = engine_now(slot->engine);

	if (slot->is_open) {
		slot->is_open = false;
		withdraw_from_others(slot, &now);
		tell_open(slot, &now);
	}
	slot_release(slot);
}

/* Ends it with its record, also while its try is being hashed: nothing comes of that. */
static void slot_give_up(struct attempt_slot *slot, const struct moment *now) {
	attempt_cancel(slot->attempt, now, false);
	slot_free(slot);
}

static struct attempt_slot *slot_new(struct engine *engine, const struct seat_runtime *seat) {
	struct attempt_slot *free_slot = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *s = &engine->attempts[i];

		if (!s->attempt && !free_slot)
			free_slot = s;
		if (s->attempt && s->seat == seat)
			++n;
	}
	return n < LIMIT_ATTEMPTS ? free_slot : NULL;
}

static struct attempt_slot *slot_find(struct request *r, uint64_t number) {
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *s = &r->engine->attempts[i];

		if (s->attempt && s->number == number && s->peer == r->peer->number)
			return s;
	}
	return NULL;
}

static void send_prompt(struct attempt_slot *slot) {
	const struct attempt_prompt *p = attempt_prompt(slot->attempt);
	struct frame_writer w;

	begin_event(slot, &w, "prompt");
	frame_uint(&w, "field", p->field);
	frame_bool(&w, "secret", p->is_secret);
	frame_text(&w, "message", p->message ? p->message : "");
	if (p->text[0] != '\0')
		frame_text(&w, "text", p->text);
	if (p->tries_left < TRIES_UNKNOWN)
		frame_uint(&w, "tries", p->tries_left);
	send_event(slot, &w);
}

static void send_signed_in(struct attempt_slot *slot, const struct attempt_result *result,
                           bool handover) {
	struct seat_runtime *seat = slot->seat;
	struct peer *peer = peer_by_number(slot->engine, slot->peer);
	struct frame_writer w;

	frame_begin(&w, slot->engine->out, sizeof(slot->engine->out), FRAME_EVENT, 0, "signed-in");
	frame_uint(&w, "session", seat->seat.session.number);
	frame_uint(&w, "account", result->account.number);
	frame_text(&w, "text", seat->seat.session.name);
	frame_bool(&w, "handover", handover);
	if (frame_end(&w) == 0)
		seat_broadcast(seat, slot->engine->out, w.n, peer);

	begin_event(slot, &w, "signed-in");
	frame_uint(&w, "session", seat->seat.session.number);
	frame_uint(&w, "account", result->account.number);
	frame_text(&w, "text", seat->seat.session.name);
	frame_bool(&w, "handover", handover);
	frame_int(&w, "last_ms", result->last.has_success ? result->last.success_wall_ms : 0);
	frame_uint(&w, "failures", result->last.failures_since);
	frame_int(&w, "failure_ms", result->last.failure_wall_ms);
	if (result->was_reset)
		frame_text(&w, "notice", "password-was-reset");
	send_event(slot, &w);
}

/*
 * A session that begins ends an emergency whose uses its role grants; one that
 * has ended lately is marked as explained by who identified himself.
 */
static void end_emergency(struct attempt_slot *slot, const struct moment *now) {
	struct engine *e = slot->engine;
	bool was_open = slot->seat->seat.emergency.open;
	uint8_t id[16];
	int r = 0;

	memcpy(id, slot->seat->seat.emergency.id, sizeof(id));
	r = emergency_on_sign_in(e->store, engine_policy(e), &slot->seat->seat, now);
	if (r < 0)
		engine_store_failed(e, r);
	if (was_open && !slot->seat->seat.emergency.open)
		engine_tell_emergency(e, slot->seat, id, "emergency-ended", "sign-in");
}

static void finish_success(struct attempt_slot *slot, const struct attempt_result *result,
                           const struct moment *now) {
	struct seat *seat = &slot->seat->seat;
	bool handover = false;
	struct frame_writer w;

	if (result->n_receipt > 0) {
		begin_event(slot, &w, "authorized");
		frame_bytes(&w, "receipt", result->receipt, result->n_receipt);
		send_event(slot, &w);
		return;
	}
	switch (result->purpose) {
	case CW_PURPOSE_SIGN_IN:
		handover = result->handover_from != 0;
		seat_open(seat, result, result->session, now);
		slot->seat->session_uid = slot->peer_uid;
		break;
	case CW_PURPOSE_UNLOCK:
		seat_unlock(seat, result, now);
		slot->seat->session_uid = slot->peer_uid;
		break;
	case CW_PURPOSE_REAUTH:
		seat_reauth(seat, result, now);
		break;
	case CW_PURPOSE_RECOVER:
		/* Makes an administrator, opens no session. */
		slot->engine->initialised = true;
		engine_alarm(slot->engine, ALARM_RECOVERED, true);
		send_over(slot, result);
		return;
	case CW_PURPOSE_WITNESS:
		seat_witness(seat, result, now);
		engine_publish(slot->engine, slot->seat, false);
		send_over(slot, result);
		return;
	case CW_PURPOSE_CHANGE:
	case CW_PURPOSE_ENROL:
	case CW_PURPOSE_COUNTERSIGN:
		send_over(slot, result);
		return;
	}
	end_emergency(slot, now);
	/* Pulled while it signed: nobody sees the seat open. */
	(void)seat_removed(slot->engine->store, seat, engine_policy(slot->engine), &result->removed,
	                   now);
	engine_publish(slot->engine, slot->seat, false);
	send_signed_in(slot, result, handover);
}

static void finish_one(struct attempt_slot *slot, const struct moment *now) {
	const struct attempt_result *result = attempt_result(slot->attempt);

	/* An attempt may have changed the seat on its way: a re-authentication. */
	engine_publish(slot->engine, slot->seat, false);
	if (result->success == ATTEMPT_YES)
		finish_success(slot, result, now);
	else
		send_over(slot, result);
	slot_free(slot);
}

void attempts_finish(struct engine *engine, const struct moment *now) {
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *s = &engine->attempts[i];

		if (s->attempt && !s->dropped && !s->hashing && s->is_open &&
		    attempt_want(s->attempt) == ATTEMPT_OVER)
			finish_one(s, now);
	}
}

/* Whoever signed or refused at another seat's wish has ended that one's attempt, too. */
static void slot_finish(struct attempt_slot *slot, const struct moment *now) {
	struct engine *engine = slot->engine;

	finish_one(slot, now);
	attempts_finish(engine, now);
}

static void run_hash(void *data, struct arena *arena) {
	struct attempt_slot *slot = data;

	/* Not by way of the attempt: the loop may be giving it up at this moment. */
	password_job_run(arena, slot->job);
}

static void done_hash(void *data) {
	struct attempt_slot *slot = data;
	struct moment now = engine_now(slot->engine);
	int r = 0;

	slot->hashing = false;
	/* Given up meanwhile: that is in the journal, and the job goes with the slot. */
	if (slot->dropped) {
		slot_free(slot);
		return;
	}
	r = attempt_hashed(slot->attempt, &now);
	if (r < 0)
		engine_store_failed(slot->engine, r);
	slot_drive(slot, &now);
}

/* Half of the queue for one seat, the other half for all others: who guesses keeps nobody out. */
static bool may_hash(const struct attempt_slot *slot) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		const struct attempt_slot *s = &slot->engine->attempts[i];

		n += s->attempt && s->hashing && s->seat == slot->seat;
	}
	return n < LIMIT_HASH_QUEUE / 2;
}

/* Return: true: the worker has it; false: the attempt was told that it is busy. */
static bool slot_run_hash(struct attempt_slot *slot, const struct moment *now) {
	const struct worker_task task = { run_hash, done_hash, slot };

	slot->job = attempt_job(slot->attempt);
	if (may_hash(slot) && worker_submit(slot->engine->hasher, &task) == 0) {
		slot->hashing = true;
		return true;
	}
	(void)attempt_busy(slot->attempt, now);
	return false;
}

static void send_touch(struct attempt_slot *slot) {
	if (attempt_prompt(slot->attempt)->field == CW_FIELD_TOUCH)
		send_prompt(slot);
}

/* Return: true: somebody or something else has to do the next step. */
static bool slot_step(struct attempt_slot *slot, const struct moment *now) {
	switch (attempt_want(slot->attempt)) {
	case ATTEMPT_ANSWER:
		send_prompt(slot);
		return true;
	case ATTEMPT_HASH:
		return slot_run_hash(slot, now);
	case ATTEMPT_TOKEN:
		if (!slot_run_token(slot, now))
			return false;
		send_touch(slot);
		return true;
	case ATTEMPT_OVER:
		break;
	}
	return false;
}

void slot_drive(struct attempt_slot *slot, const struct moment *now) {
	while (attempt_want(slot->attempt) != ATTEMPT_OVER) {
		if (!attempt_needs_helper(slot->attempt))
			slot_drop_job(slot);
		if (slot_step(slot, now)) {
			slot_note_open(slot, now);
			return;
		}
	}
	slot_finish(slot, now);
}

/* Whoever unlocks, authenticates again or confirms is the session's owner. */
static bool is_owners(const struct attempt_request *request) {
	return request->purpose != CW_PURPOSE_SIGN_IN &&
	       request->purpose != CW_PURPOSE_WITNESS && request->purpose != CW_PURPOSE_ENROL;
}

int attempts_begin(struct request *r, struct attempt_request *request) {
	struct attempt_slot *slot = slot_new(r->engine, r->seat);
	struct frame_writer w;
	int e = 0;

	if (!slot)
		return reply_busy(r);
	*slot = (struct attempt_slot){ .number = ++r->engine->next_attempt,
				       .peer = r->peer->number,
				       .peer_uid = r->peer->uid,
				       .seat = r->seat,
				       .engine = r->engine };
	request->presented = seat_presented(r->seat, is_owners(request), &r->now);
	e = attempt_begin(&r->engine->auth, &r->seat->seat, request, &r->now, &slot->attempt);
	if (e < 0) {
		memset(slot, 0, sizeof(*slot));
		return e == -ENOENT ? reply_message(r, RESULT_STALE, "no-session") : e;
	}
	seat_presented_used(r->seat);
	reply_begin(r, &w, RESULT_OK);
	frame_uint(&w, "attempt", slot->number);
	reply_send(r, &w);
	slot_drive(slot, &r->now);
	return 0;
}

bool request_factor(const struct request *r, enum cw_factor *ret_factor) {
	uint64_t factor = CW_FACTOR_NONE;
	int e = frame_get_uint(r->body, "factor", &factor);

	if ((e < 0 && e != -ENOENT) || factor > CW_FACTOR_FIDO2 || factor == CW_FACTOR_CODE)
		return false;
	*ret_factor = (enum cw_factor)factor;
	return true;
}

int handle_attempt_begin(struct request *r) {
	char name[LIMIT_NAME];
	struct attempt_request request = { .actor = request_actor(r) };
	uint64_t purpose = 0;
	int e = frame_get_text(r->body, "name", name, sizeof(name));

	if ((e < 0 && e != -ENOENT) || !request_factor(r, &request.factor))
		return -EPROTO;
	/* Enrolling and witnessing have verbs of their own. */
	if (frame_get_uint(r->body, "purpose", &purpose) < 0 || purpose < CW_PURPOSE_SIGN_IN ||
	    purpose > CW_PURPOSE_RECOVER)
		return -EPROTO;
	request.purpose = (enum cw_purpose)purpose;
	request.name = e == 0 ? name : NULL;
	if (!r->engine->initialised && request.purpose != CW_PURPOSE_RECOVER)
		return reply_message(r, RESULT_NOT_READY, "not-initialised");
	return attempts_begin(r, &request);
}

int handle_authorize(struct request *r) {
	char name[POLICY_NAME_SIZE];
	struct approval_request approval = { 0 };
	struct attempt_request request = { .approval = &approval, .actor = request_actor(r) };
	int e = 0, index = 0;

	if (frame_get_text(r->body, "action", name, sizeof(name)) < 0 ||
	    frame_get_fixed(r->body, "digest", approval.digest, sizeof(approval.digest)) < 0 ||
	    frame_get_text(r->body, "words", approval.words, sizeof(approval.words)) < 0)
		return -EPROTO;
	e = frame_get_text(r->body, "object", approval.object, sizeof(approval.object));
	if ((e < 0 && e != -ENOENT) || !request_factor(r, &request.factor))
		return -EPROTO;
	index = policy_action_index(&r->engine->policy->table, name);
	if (index < 0)
		return reply_unknown_action(r, name);
	approval.action = (uint32_t)index;
	if (r->seat->seat.session.number == 0 || r->seat->session_uid != r->peer->uid) {
		record_denied(r, name, CW_REASON_NO_SESSION);
		return reply_denied(r, CW_SIGN_IN, CW_REASON_NO_SESSION);
	}
	return attempts_begin(r, &request);
}

int handle_witness(struct request *r) {
	char name[POLICY_NAME_SIZE];
	struct witness_request witness = { 0 };
	struct attempt_request request = { .purpose = CW_PURPOSE_WITNESS,
					   .witness = &witness,
					   .actor = request_actor(r) };
	int e = 0, index = 0;

	if (frame_get_text(r->body, "action", name, sizeof(name)) < 0 ||
	    !request_factor(r, &request.factor))
		return -EPROTO;
	e = frame_get_text(r->body, "object", witness.object, sizeof(witness.object));
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	index = policy_action_index(&r->engine->policy->table, name);
	if (index < 0)
		return reply_unknown_action(r, name);
	witness.action = (uint32_t)index;
	e = attempts_begin(r, &request);
	return e == -EINVAL ? reply_message(r, RESULT_INVALID, "no-witness-asked") : e;
}

int handle_attempt_answer(struct request *r) {
	cleanup_(secret_wipe) struct secret answer = { 0 };
	struct attempt_slot *slot = NULL;
	uint64_t number = 0;
	int e = 0;

	if (frame_get_uint(r->body, "attempt", &number) < 0)
		return -EPROTO;
	e = frame_get_secret(r->body, "value", &answer);
	if (e < 0)
		return -EPROTO;
	slot = slot_find(r, number);
	/* "Look again", and the card was quicker: nothing is waited for any more. */
	if (slot && !slot->hashing && attempt_want(slot->attempt) == ATTEMPT_TOKEN)
		return reply(r, RESULT_OK);
	if (!slot || slot->hashing || attempt_want(slot->attempt) != ATTEMPT_ANSWER)
		return reply_message(r, RESULT_STALE, "no-such-attempt");
	(void)reply(r, RESULT_OK);
	e = attempt_answer(slot->attempt, &answer, &r->now);
	if (e < 0 && e != -EPROTO)
		engine_store_failed(r->engine, e);
	slot_drive(slot, &r->now);
	return 0;
}

int handle_attempt_cancel(struct request *r) {
	struct attempt_slot *slot = NULL;
	char reason[LIMIT_TEXT] = "";
	uint64_t number = 0;
	int e = frame_get_text(r->body, "reason", reason, sizeof(reason));

	if ((e < 0 && e != -ENOENT) || frame_get_uint(r->body, "attempt", &number) < 0)
		return -EPROTO;
	slot = slot_find(r, number);
	if (!slot)
		return reply_message(r, RESULT_STALE, "no-such-attempt");
	attempt_because(slot->attempt, reason);
	slot_give_up(slot, &r->now);
	return reply(r, RESULT_OK);
}

int handle_redeem(struct request *r) {
	const uint8_t *receipt = NULL;
	size_t n_receipt = 0;
	uint8_t digest[32];
	char name[POLICY_NAME_SIZE];
	enum cw_verdict v = CW_DENY;
	enum cw_reason reason = CW_REASON_NONE;
	struct actor actor = request_actor(r);
	struct frame_writer w;
	int e = 0, index = 0;

	if (frame_get_text(r->body, "action", name, sizeof(name)) < 0 ||
	    frame_get_fixed(r->body, "digest", digest, sizeof(digest)) < 0 ||
	    frame_get_bytes(r->body, "receipt", &receipt, &n_receipt) < 0)
		return -EPROTO;
	index = policy_action_index(&r->engine->policy->table, name);
	if (index < 0)
		return reply_unknown_action(r, name);
	e = approval_redeem(r->engine->store, r->engine->policy, &r->seat->seat, &actor, receipt,
	                    n_receipt, (uint32_t)index, digest, &r->now, &v, &reason);
	if (e == -EBADMSG)
		return reply_message(r, RESULT_INVALID, "not-a-receipt-of-this-device");
	if (e < 0) {
		engine_store_failed(r->engine, e);
		return reply_denied(r, CW_DENY, CW_REASON_NOT_RECORDED);
	}
	reply_begin(r, &w, v == CW_ALLOW ? RESULT_OK : RESULT_DENIED);
	frame_uint(&w, "verdict", (uint64_t)v);
	frame_uint(&w, "reason", (uint64_t)reason);
	if (v != CW_ALLOW && approval_is_used(r->engine->store, receipt, n_receipt))
		frame_text(&w, "message", "receipt-was-used");
	reply_send(r, &w);
	return 0;
}

void attempts_drop_peer(struct engine *engine, uint64_t peer) {
	struct moment now = engine_now(engine);

	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *s = &engine->attempts[i];

		if (s->attempt && s->peer == peer)
			slot_give_up(s, &now);
	}
}

void attempts_drop_seat(struct engine *engine, const struct seat_runtime *seat) {
	struct moment now = engine_now(engine);

	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *s = &engine->attempts[i];

		if (!s->attempt || s->dropped || s->seat != seat)
			continue;
		attempt_cancel(s->attempt, &now, false);
		send_over(s, attempt_result(s->attempt));
		slot_free(s);
	}
}

bool attempts_any(const struct engine *engine, const struct seat_runtime *seat) {
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i)
		if (engine->attempts[i].attempt && engine->attempts[i].seat == seat)
			return true;
	return false;
}

void attempts_end(struct engine *engine) {
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i)
		engine->attempts[i].attempt = attempt_free(engine->attempts[i].attempt);
}

void attempts_tick(struct engine *engine, const struct moment *now) {
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *s = &engine->attempts[i];

		if (!s->attempt || s->hashing || s->dropped)
			continue;
		if (attempt_lapse(s->attempt, now))
			slot_finish(s, now);
		if (!s->attempt || now->boot_ms < attempt_deadline(s->attempt))
			continue;
		attempt_cancel(s->attempt, now, true);
		slot_drive(s, now);
	}
}
