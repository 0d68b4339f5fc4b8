/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "broker/attempts.h"
#include "broker/requests.h"
#include "broker/tokens.h"

/* Attempts and helpers: whose turn it is, and what lies at the reader. */

static void on_found(void *userdata, const struct token_found *found) {
	struct attempt_slot *slot = userdata;
	struct moment now = engine_now(slot->engine);
	int r = attempt_found(slot->attempt, found, &now);

	if (r < 0 && r != -EPROTO)
		engine_store_failed(slot->engine, r);
	slot_drive(slot, &now);
}

static void on_touch(void *userdata) {
	struct attempt_slot *slot = userdata;
	struct moment now = engine_now(slot->engine);

	(void)attempt_touch(slot->attempt, &now);
	slot_drive(slot, &now);
}

static void on_done(void *userdata, enum token_error error, uint32_t tries_left,
		    const struct token_answer *answer) {
	struct attempt_slot *slot = userdata;
	struct moment now = engine_now(slot->engine);
	int r;

	slot->token_job = 0; /* it has ended */
	if (error == TOKEN_OK && answer)
		r = attempt_answered(slot->attempt, answer, &now);
	else
		r = attempt_token_failed(slot->attempt, error, tries_left, &now);
	if (r < 0 && r != -EPROTO)
		engine_store_failed(slot->engine, r);
	slot_drive(slot, &now);
}

void slot_drop_job(struct attempt_slot *slot) {
	if (slot->token_job != 0)
		token_job_drop(slot->engine->tokens, slot->token_job);
	slot->token_job = 0;
}

bool slot_run_token(struct attempt_slot *slot, const struct moment *now) {
	const struct token_client client = { on_found, on_touch, on_done, slot };
	struct attempt_token *token = attempt_token(slot->attempt);

	if (!token)
		return true; /* its step is on its way */
	if (token->step == ATTEMPT_STEP_LOOK) {
		slot_drop_job(slot);
		slot->token_job = token_job_new(slot->engine->tokens, &token->look, &client);
	} else if (token->step == ATTEMPT_STEP_SIGN && slot->token_job != 0) {
		token_job_sign(slot->engine->tokens, slot->token_job, &token->sign);
	} else if (token->step == ATTEMPT_STEP_MAKE && slot->token_job != 0) {
		token_job_make(slot->engine->tokens, slot->token_job, &token->make);
	} else {
		slot_drop_job(slot);
	}
	secret_wipe(&token->sign.pin);
	secret_wipe(&token->make.pin);
	token->step = ATTEMPT_STEP_NONE;
	if (slot->token_job != 0)
		return true;
	(void)attempt_token_failed(slot->attempt, TOKEN_BUSY, TRIES_UNKNOWN, now);
	return false;
}

/*
 * What lies there
 */

const struct token_sight *seat_presented(struct seat_runtime *seat, bool is_owners,
					 const struct moment *now) {
	const struct session *s = &seat->seat.session;

	if (seat->shown.kind != TOKEN_SIGHT_NONE && now->boot_ms >= seat->shown_ms &&
	    now->boot_ms - seat->shown_ms < ENGINE_SHOWN_MS)
		return &seat->shown;
	/* Whoever comes to a running session has not come with the card that it runs by. */
	if (!is_owners && s->number != 0 && s->lock == SEAT_UNLOCKED && s->token != 0)
		return NULL;
	return seat->card.kind != TOKEN_SIGHT_NONE ? &seat->card : NULL;
}

void seat_presented_used(struct seat_runtime *seat) {
	seat->shown = (struct token_sight){ 0 };
}

void attempts_saw(struct engine *engine, const struct seat_runtime *seat,
		  const struct token_sight *sight) {
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *slot = &engine->attempts[i];

		if (slot->attempt && slot->seat == seat)
			attempt_saw(slot->attempt, sight);
	}
}

bool attempts_see(struct engine *engine, struct seat_runtime *seat,
		  const struct token_sight *sight, const struct moment *now) {
	for (uint32_t i = 0; i < ENGINE_ATTEMPTS; ++i) {
		struct attempt_slot *slot = &engine->attempts[i];
		int r;

		if (!slot->attempt || slot->hashing || slot->seat != seat)
			continue;
		r = attempt_presented(slot->attempt, sight, now);
		if (r == 0)
			continue;
		if (r < 0 && r != -EPROTO)
			engine_store_failed(engine, r);
		slot_drive(slot, now);
		return true;
	}
	return false;
}
