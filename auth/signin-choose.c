/* SPDX-License-Identifier: Apache-2.0 */

/* By what is it to be proved? What was asked for, what lies there, what is needed. */

#include <string.h>

#include "auth/attempt.h"

/* The words of the choice, shown as they are. */
static const char by_card[] = "card", by_key[] = "security key";
static const char choices[] = "card\nsecurity key";

bool attempt_has_factor(const struct attempt *a, enum cw_factor factor) {
	const struct token_rules *rules = &a->auth->policy->settings.tokens;

	switch (factor) {
	case CW_FACTOR_NONE:
	case CW_FACTOR_PASSWORD:
		return true;
	case CW_FACTOR_SMARTCARD:
		return rules->smartcard.on && a->route->takes_tokens;
	case CW_FACTOR_FIDO2:
		return rules->security_key.on && a->route->takes_tokens;
	case CW_FACTOR_BADGE:
		return rules->badge.on && a->route->takes_badges;
	case CW_FACTOR_CODE:
	case CW_FACTOR_DIRECTORY:
	case CW_FACTOR_RECOVERY:
	case CW_N_FACTORS:
		break;
	}
	return false;
}

static bool is_strong(enum cw_factor factor) {
	return factor == CW_FACTOR_SMARTCARD || factor == CW_FACTOR_FIDO2;
}

static enum cw_factor factor_of(const struct token_sight *sight) {
	switch (sight->kind) {
	case TOKEN_SIGHT_CARD_IN:
		return CW_FACTOR_SMARTCARD;
	case TOKEN_SIGHT_KEY_IN:
		return CW_FACTOR_FIDO2;
	case TOKEN_SIGHT_BADGE:
		return CW_FACTOR_BADGE;
	case TOKEN_SIGHT_NONE:
	case TOKEN_SIGHT_CARD_OUT:
	case TOKEN_SIGHT_KEY_OUT:
	case TOKEN_SIGHT_READER_GONE:
	case TOKEN_SIGHT_READER_BACK:
	case TOKEN_SIGHT_ALIVE:
	case TOKEN_N_SIGHTS:
		break;
	}
	return CW_FACTOR_NONE;
}

static bool may_use(const struct attempt *a, enum cw_factor factor) {
	return attempt_has_factor(a, factor) && (!a->needs_strong || is_strong(factor));
}

/*
 * What the session's owner has enrolled
 */

static int note_factor(const struct token *token, void *userdata) {
	uint32_t *factors = userdata;

	if (!token->disabled)
		*factors |= 1u << token->factor;
	return 0;
}

/* Bits of the factors that could do; for a name, those of the site: nothing is told by asking. */
static uint32_t strong_factors(const struct attempt *a) {
	uint32_t site = 0, own = 0;

	if (attempt_has_factor(a, CW_FACTOR_SMARTCARD))
		site |= 1u << CW_FACTOR_SMARTCARD;
	if (attempt_has_factor(a, CW_FACTOR_FIDO2))
		site |= 1u << CW_FACTOR_FIDO2;
	if (!a->who->by_number)
		return site;
	if (token_list(a->auth->store, a->who->number, note_factor, &own) < 0)
		return site;
	return site & own;
}

static enum attempt_event way_strong(struct attempt *a) {
	uint32_t factors = strong_factors(a);
	bool card = (factors & 1u << CW_FACTOR_SMARTCARD) != 0;
	bool key = (factors & 1u << CW_FACTOR_FIDO2) != 0;

	if (!card && !key)
		return attempt_end(a, "token-not-enrolled");
	if (card && key)
		return ATTEMPT_EV_CHOOSE;
	a->held.factor = card ? CW_FACTOR_SMARTCARD : CW_FACTOR_FIDO2;
	return ATTEMPT_EV_LOOK;
}

/*
 * Ways
 */

static enum attempt_event ask_who(const struct attempt *a) {
	return a->who == &a->second ? ATTEMPT_EV_SECOND : ATTEMPT_EV_ASK_NAME;
}

enum attempt_event attempt_way_named(struct attempt *a) {
	switch (a->held.factor) {
	case CW_FACTOR_SMARTCARD:
		return ATTEMPT_EV_LOOK;
	case CW_FACTOR_FIDO2:
		return a->who->is_named ? ATTEMPT_EV_LOOK : ask_who(a);
	case CW_FACTOR_BADGE:
		return a->held.sight.kind == TOKEN_SIGHT_BADGE ? ATTEMPT_EV_BADGE
							       : ATTEMPT_EV_INSERT;
	case CW_FACTOR_NONE:
	case CW_FACTOR_PASSWORD:
	case CW_FACTOR_CODE:
	case CW_FACTOR_DIRECTORY:
	case CW_FACTOR_RECOVERY:
	case CW_N_FACTORS:
		break;
	}
	if (!a->who->is_named)
		return ask_who(a);
	return a->needs_strong ? way_strong(a) : ATTEMPT_EV_ASK_PASSWORD;
}

/* A witness says yes by a tap: not by one from before it was shown what to. */
static bool is_too_early(const struct attempt *a, const struct token_sight *sight) {
	return a->route->row.purpose == CW_PURPOSE_WITNESS && sight->kind == TOKEN_SIGHT_BADGE;
}

enum attempt_event attempt_way(struct attempt *a, const struct attempt_request *request) {
	struct held *held = &a->held;

	if (!a->route->takes_tokens)
		return a->who->is_named && a->route->first == ATTEMPT_EV_ASK_NAME
			       ? ATTEMPT_EV_ASK_PASSWORD
			       : a->route->first;
	held->is_chosen = request->factor != CW_FACTOR_NONE;
	held->factor = request->factor;
	if (request->factor != CW_FACTOR_NONE && !may_use(a, request->factor))
		return attempt_end(a, "not-offered");
	if (request->presented && may_use(a, factor_of(request->presented)) &&
	    !is_too_early(a, request->presented))
		held->sight = *request->presented;
	/* Who typed a name has not come for what happens to lie there. */
	if (!held->is_chosen && (a->who->by_number || !a->who->is_named))
		held->factor = factor_of(&held->sight);
	return attempt_way_named(a);
}

enum attempt_event attempt_way_instead(struct attempt *a, const char *message) {
	if (a->held.is_chosen || a->needs_strong)
		return attempt_end(a, message);
	explicit_bzero(&a->held, sizeof(a->held));
	if (a->who == &a->first)
		a->signs = false; /* no token does: the words are shown again, after the password */
	a->who->token = (struct token){ 0 };
	a->who->factor = CW_FACTOR_NONE;
	a->who->alias[0] = '\0';
	return attempt_again(a, message, attempt_way_named(a));
}

/*
 * Choosing
 */

enum attempt_event ask_choice(struct attempt *a, const struct moment *now) {
	return attempt_ask(a, now, CW_FIELD_CHOICE, false, "choose-token", choices);
}

static bool is_word(const struct secret *answer, const char *word) {
	return answer->n == strlen(word) && memcmp(answer->bytes, word, answer->n) == 0;
}

enum attempt_event take_choice(struct attempt *a, const struct moment *now) {
	(void)now;
	a->has_answered = true;
	a->held.factor = CW_FACTOR_NONE;
	if (is_word(a->answer, by_card))
		a->held.factor = CW_FACTOR_SMARTCARD;
	else if (is_word(a->answer, by_key))
		a->held.factor = CW_FACTOR_FIDO2;
	else
		return attempt_again(a, "choose-token", ATTEMPT_EV_CHOOSE);
	return attempt_way_named(a);
}

/*
 * Something came to the reader
 */

bool attempt_takes(const struct attempt *a, const struct token_sight *sight) {
	enum cw_factor factor = factor_of(sight);

	if (!attempt_cell(a->state, ATTEMPT_EV_PRESENTED)->action)
		return false;
	if (a->route->row.purpose == CW_PURPOSE_ENROL)
		return factor != CW_FACTOR_NONE && factor == a->held.factor;
	if (factor == CW_FACTOR_NONE || !may_use(a, factor))
		return false;
	/* A badge may say whose security key is meant. */
	if (a->held.is_chosen && factor != a->held.factor)
		return factor == CW_FACTOR_BADGE && a->held.factor == CW_FACTOR_FIDO2 &&
		       !a->who->is_named;
	return true;
}

enum attempt_event take_presented(struct attempt *a, const struct moment *now) {
	enum cw_factor factor = factor_of(&a->held.sight);

	(void)now;
	if (a->held.is_chosen && factor != a->held.factor)
		return ATTEMPT_EV_BADGE;
	a->held.factor = factor;
	if (factor == CW_FACTOR_FIDO2 && !a->who->is_named)
		a->fault = "ask-name-for-key";
	return attempt_way_named(a);
}
