/* SPDX-License-Identifier: Apache-2.0 */

/* PINs, and what a helper says instead of an answer. The token counts its own tries. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/attempt-try.h"

/*
 * The PIN
 */

enum attempt_event ask_last_try(struct attempt *a, const struct moment *now) {
	return attempt_ask(a, now, CW_FIELD_CONFIRM, false, "pin-last-try", NULL);
}

/* "yes", and nothing else, risks it. */
enum attempt_event take_last_try(struct attempt *a, const struct moment *now) {
	(void)now;
	if (a->answer->n != 3 || memcmp(a->answer->bytes, "yes", 3) != 0)
		return ATTEMPT_EV_CANCEL;
	a->held.is_warned = true;
	return a->held.needs_pin ? ATTEMPT_EV_ASK_PIN : ATTEMPT_EV_SIGN;
}

enum attempt_event ask_pin(struct attempt *a, const struct moment *now) {
	enum attempt_event event = attempt_ask(a, now, CW_FIELD_PIN, true, "ask-pin", NULL);

	a->prompt.tries_left = a->held.tries_left;
	return event;
}

enum attempt_event take_pin(struct attempt *a, const struct moment *now) {
	(void)now;
	if (a->answer->n == 0)
		return attempt_again(a, "pin-invalid", ATTEMPT_EV_ASK_PIN);
	a->held.pin = *a->answer;
	secret_wipe(a->answer);
	return ATTEMPT_EV_SIGN;
}

/*
 * What went wrong
 */

static int record_trouble(struct attempt *a, const struct moment *now, enum audit_outcome outcome,
			  const char *what) {
	struct journal_entry entry;
	char detail[LIMIT_NAME];

	if (a->held.tries_left != TRIES_UNKNOWN && outcome == OUTCOME_REFUSED)
		(void)snprintf(detail, sizeof(detail), "why=%s tries=%u", what, a->held.tries_left);
	else
		(void)snprintf(detail, sizeof(detail), "%s=%s",
			       outcome == OUTCOME_REFUSED ? "why" : "what", what);
	try_entry(a, now, outcome, &entry);
	entry.detail = detail;
	return attempt_record(a, &entry, NULL, now);
}

enum attempt_event token_locked(struct attempt *a, const struct moment *now) {
	int r;

	a->held.tries_left = TRIES_UNKNOWN;
	r = record_trouble(a, now, OUTCOME_REFUSED, "pin-locked");
	return r < 0 ? attempt_fail(a, r) : attempt_way_instead(a, "pin-locked");
}

/* Shown again with what is left; asked only after a new look at what is left. */
static enum attempt_event wrong_pin(struct attempt *a, const struct moment *now) {
	int r;

	if (a->held.tries_left == 0)
		return token_locked(a, now);
	r = record_trouble(a, now, OUTCOME_REFUSED, "pin-wrong");
	a->held.is_warned = false;
	return r < 0 ? attempt_fail(a, r) : attempt_again(a, "pin-wrong", ATTEMPT_EV_LOOK);
}

static enum attempt_event wants_pin(struct attempt *a, const struct moment *now) {
	(void)now;
	if (a->held.wants_pin)
		return attempt_way_instead(a, "token-failed"); /* it had one */
	a->held.wants_pin = true;
	return ATTEMPT_EV_LOOK;
}

static enum attempt_event ask_again(struct attempt *a, const struct moment *now) {
	(void)now;
	return attempt_again(a, token_error_message(a->token_error), ATTEMPT_EV_LOOK);
}

static enum attempt_event absent(struct attempt *a, const struct moment *now) {
	(void)now;
	a->held.wants_pin = a->held.is_warned = false;
	a->held.skip = 0;
	if (a->token_error == TOKEN_ABSENT)
		return attempt_again(a, NULL, ATTEMPT_EV_INSERT);
	return attempt_again(a, token_error_message(a->token_error), ATTEMPT_EV_INSERT);
}

/* Not on this key: on the next one, or on one that is still to come. */
static enum attempt_event not_on_it(struct attempt *a, const struct moment *now) {
	if (a->held.skip + 1 >= a->held.n)
		return absent(a, now);
	a->held.skip++;
	return ATTEMPT_EV_LOOK;
}

static enum attempt_event given_up(struct attempt *a, const struct moment *now) {
	(void)a;
	(void)now;
	return ATTEMPT_EV_CANCEL;
}

/* The device's fault, or nobody's: recorded, not counted, and something else is offered. */
static enum attempt_event unusable(struct attempt *a, const struct moment *now) {
	const char *message = token_error_message(a->token_error);
	int r = record_trouble(a, now, OUTCOME_FAILED, message);

	return r < 0 ? attempt_fail(a, r) : attempt_way_instead(a, message);
}

static attempt_action *const troubles[TOKEN_N_ERRORS] = {
	[TOKEN_OK] = unusable, /* no error, and no answer either */
	[TOKEN_ABSENT] = absent,
	[TOKEN_REMOVED] = absent,
	[TOKEN_READER_GONE] = unusable,
	[TOKEN_PIN_WRONG] = wrong_pin,
	[TOKEN_PIN_LOCKED] = token_locked,
	[TOKEN_PIN_INVALID] = ask_again,
	[TOKEN_PIN_NEEDED] = wants_pin,
	[TOKEN_PIN_UNSET] = unusable,
	[TOKEN_PIN_BLOCKED] = unusable,
	[TOKEN_NOT_TOUCHED] = unusable,
	[TOKEN_NO_CREDENTIAL] = not_on_it,
	[TOKEN_UNSUPPORTED] = unusable,
	[TOKEN_CANCELLED] = given_up,
	[TOKEN_BROKEN] = unusable,
	[TOKEN_MODULE] = unusable,
	[TOKEN_ENDED] = unusable,
	[TOKEN_LATE] = unusable,
	[TOKEN_BUSY] = unusable,
};

enum attempt_event judge_failed(struct attempt *a, const struct moment *now) {
	unsigned error = (unsigned)a->token_error;

	secret_wipe(&a->held.pin);
	explicit_bzero(&a->token, sizeof(a->token));
	a->held.has_challenge = false;
	return (error < TOKEN_N_ERRORS && troubles[error] ? troubles[error] : unusable)(a, now);
}
