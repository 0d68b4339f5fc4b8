/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A badge says who somebody wants to be; with its code it is believed a little.
 * Neither ever opens more than care.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/attempt-try.h"
#include "auth/copy.h"
#include "common/bytes.h"

/* A badge that nobody has, or that is not whose it should be. */
static void set_unknown(struct person *who, const struct token_sight *sight) {
	char hex[2 * 12 + 1];
	size_t n = sight->n_id < 12 ? sight->n_id : 12;

	who->token = (struct token){ 0 };
	hex_encode(hex, sight->id, n);
	(void)snprintf(who->alias, sizeof(who->alias), "badge:%s", hex);
}

/* Whose badge is it? Return: 0, also for one that nobody has; -EIO. */
static int find_badge(struct attempt *a) {
	const struct token_sight *sight = &a->held.sight;
	struct person *who = a->who;
	struct token token;
	int r = person_comes(a, CW_FACTOR_BADGE);

	if (r == 0 && sight->n_id > 0 && sight->n_id <= sizeof(sight->id))
		r = person_token(a, CW_FACTOR_BADGE, sight->id, sight->n_id, &token);
	if (r < 0)
		return r;
	if (r > 0)
		who->token = token;
	else
		set_unknown(who, sight);
	text_copy(who->reader, sizeof(who->reader), sight->name);
	return person_find(a, who);
}

/* Of the contexts that may be in force, what the easiest one asks of care. */
static enum cw_assurance care_asks(const struct attempt *a, const struct moment *now) {
	const struct policy_table *t = &a->auth->policy->table;
	uint8_t least = CW_N_ASSURANCES;
	struct policy_state state;

	seat_state(a->seat, t, now, 0, &state);
	for (uint32_t i = 0; i < t->n_contexts && i < POLICY_CONTEXTS_MAX; ++i)
		if ((state.contexts_now & 1u << i) != 0 && t->contexts[i].care < least)
			least = t->contexts[i].care;
	return (enum cw_assurance)least;
}

enum attempt_event take_badge(struct attempt *a, const struct moment *now) {
	const struct badge_rules *rules = &a->auth->policy->settings.tokens.badge;
	int r = find_badge(a);

	if (r < 0)
		return attempt_fail(a, r);
	a->has_answered = true;
	if (a->held.is_chosen && a->held.factor == CW_FACTOR_FIDO2) {
		a->who->is_named = true; /* by the badge; the key proves it */
		return attempt_way_named(a);
	}
	if (rules->code_digits > 0 && care_asks(a, now) > CW_ASSURANCE_BADGE)
		return ATTEMPT_EV_ASK_DIGITS;
	return ATTEMPT_EV_TAPPED;
}

enum attempt_event ask_digits(struct attempt *a, const struct moment *now) {
	a->who->factor = CW_FACTOR_CODE;
	return attempt_ask(a, now, CW_FIELD_CODE, true, "ask-code", NULL);
}

/* Nothing is proved by a tap: it is believed as far as the site goes, which is care. */
enum attempt_event judge_badge(struct attempt *a, const struct moment *now) {
	enum attempt_event event;

	if (a->who->token.number == 0)
		return person_refuse(a, now, OUTCOME_REFUSED, "unknown-token");
	event = person_admit(a, now, CW_ASSURANCE_BADGE);
	return event == ATTEMPT_EV_RIGHT ? attempt_proved(a, now) : event;
}
