/* SPDX-License-Identifier: Apache-2.0 */

/* A token: presented, looked at, found to be somebody's. Nothing is proved here. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/attempt-try.h"
#include "auth/copy.h"
#include "common/bytes.h"

/*
 * Waiting for it
 */

enum attempt_event ask_insert(struct attempt *a, const struct moment *now) {
	static const char *const messages[CW_N_FACTORS] = {
		[CW_FACTOR_BADGE] = "tap-badge",
		[CW_FACTOR_SMARTCARD] = "insert-card",
		[CW_FACTOR_FIDO2] = "insert-key",
	};

	return attempt_ask(a, now, CW_FIELD_INSERT, false, messages[a->held.factor],
			   a->route->row.purpose == CW_PURPOSE_WITNESS ? a->witness.object : NULL);
}

/* "Look again": where no watcher tells of it. */
enum attempt_event look_again(struct attempt *a, const struct moment *now) {
	(void)now;
	a->has_answered = true;
	return attempt_again(a, NULL, attempt_way_named(a));
}

/*
 * Looking
 */

static int add_credential(const struct token *token, void *userdata) {
	struct token_credentials *credentials = userdata;

	if (token->factor != CW_FACTOR_FIDO2 || token->disabled || token->key.n_id == 0 ||
	    token->key.n_id > TOKEN_CREDENTIAL_MAX || credentials->n >= TOKEN_CREDENTIALS_MAX)
		return 0;
	credentials->list[credentials->n].n = token->key.n_id;
	memcpy(credentials->list[credentials->n].id, token->key.id, token->key.n_id);
	credentials->n++;
	return 0;
}

/* The keys of the account; of a name that has none, one that nobody has. */
static int find_credentials(struct attempt *a, struct token_credentials *credentials) {
	struct person *who = a->who;
	const char *name;
	int r;

	who->factor = CW_FACTOR_FIDO2;
	r = person_find(a, who);
	if (r < 0)
		return r;
	credentials->n = 0;
	if (who->is_known)
		r = token_list(a->auth->store, who->account.number, add_credential, credentials);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (r == 0 && credentials->n > 0)
		return 0;
	name = who->is_known ? who->account.name : who->name[0] != '\0' ? who->name : who->alias;
	return token_dummy(a->auth->store, name, credentials);
}

void attempt_saw(struct attempt *a, const struct token_sight *sight) {
	const struct person *first = &a->first;

	if (first->factor != CW_FACTOR_SMARTCARD)
		return;
	if (seat_is_removal(first->reader, sight))
		a->removed = *sight;
	else if (seat_is_insertion(first->reader, sight))
		a->removed = (struct token_sight){ 0 };
}

enum attempt_event look(struct attempt *a, const struct moment *now) {
	struct attempt_token *token = &a->token;
	int r = 0;

	/* What lies there is seen again. */
	if (a->who == &a->first)
		a->removed = (struct token_sight){ 0 };

	explicit_bzero(token, sizeof(*token));
	a->held.has_challenge = false;
	a->prompt = (struct attempt_prompt){ .tries_left = TRIES_UNKNOWN };
	token->step = ATTEMPT_STEP_LOOK;
	token->look.factor = a->held.factor;
	token->look.seats = 1u << a->seat->index;
	if (a->held.factor == CW_FACTOR_FIDO2)
		r = find_credentials(a, &token->look.credentials);
	if (r < 0)
		return attempt_fail(a, r);
	a->want = ATTEMPT_TOKEN;
	a->deadline_ms = now->boot_ms > UINT64_MAX - CHALLENGE_VALID_MS
				 ? UINT64_MAX
				 : now->boot_ms + CHALLENGE_VALID_MS;
	return ATTEMPT_EV_NONE;
}

/*
 * Whose is it?
 */

/* Is this row better to go by than the best so far? The order they lie in says nothing. */
static bool is_better(const struct token *token, const struct token *best) {
	if (best->number == 0)
		return true;
	if (token->disabled != best->disabled)
		return !token->disabled;
	return token->number < best->number;
}

/* The certificate as nobody's: for the count and for the entry. */
static void set_alias(struct person *who, const struct card_proof *proof) {
	char hex[33];

	hex_encode(hex, proof->key_hash, 16);
	(void)snprintf(who->alias, sizeof(who->alias), "card:%s", hex);
}

/*
 * Of all certificates the one that is enrolled. One that nobody has is not told
 * apart until it has signed.
 *
 * Return: index of the candidate; -ENOENT (no certificate at all); -EIO.
 */
static int pick_card(struct attempt *a, const struct token_found *found) {
	const struct smartcard_rules *rules = &a->auth->policy->settings.tokens.smartcard;
	struct person *who = a->who;
	struct card_proof proof;
	struct token token;
	int best = -ENOENT;

	for (uint32_t i = 0; i < found->n; ++i) {
		const struct token_candidate *c = &found->candidates[i];
		int r;

		if (c->n_certificate == 0 || c->n_certificate > sizeof(c->certificate) ||
		    card_identify(c->certificate, c->n_certificate, &proof) < 0)
			continue;
		if (best < 0) {
			best = (int)i;
			set_alias(who, &proof);
		}
		r = person_token(a, CW_FACTOR_SMARTCARD, rules->by_key ? proof.key_hash : proof.id,
				 32, &token);
		if (r < 0)
			return r;
		if (r == 0 || !is_better(&token, &who->token))
			continue;
		who->token = token;
		best = (int)i;
	}
	return best;
}

static int find_card(struct attempt *a, const struct token_found *found) {
	int r = person_comes(a, CW_FACTOR_SMARTCARD), best;

	if (r < 0)
		return r;
	best = pick_card(a, found);
	if (best < 0)
		return best;
	r = person_find(a, a->who);
	return r < 0 ? r : best;
}

void held_take(struct held *held, const struct token_candidate *c) {
	bool has_pin;

	held->candidate = c->index;
	held->has_pad = c->has_pad;
	held->needs_pin = (c->needs_pin || held->wants_pin) && !c->has_pad;
	has_pin = held->needs_pin || held->has_pad;
	held->is_final = has_pin && (c->pin_final || c->tries_left == 1);
	held->is_locked = has_pin && (c->pin_locked || c->tries_left == 0);
	held->tries_left = c->tries_left;
}

enum attempt_event after_look(const struct attempt *a) {
	const struct held *held = &a->held;

	/* Another person's card than the one of whoever read the words: that person reads. */
	if (a->who == &a->second &&
	    (!a->has_read || a->read_by != (a->second.is_known ? a->second.account.number : 0)))
		return ATTEMPT_EV_READ;
	if (held->is_final && !held->is_warned)
		return ATTEMPT_EV_WARN;
	return held->needs_pin ? ATTEMPT_EV_ASK_PIN : ATTEMPT_EV_SIGN;
}

enum attempt_event take_found(struct attempt *a, const struct moment *now) {
	const struct token_found *found = a->found;
	struct held *held = &a->held;
	int index;

	if (!found || found->n == 0 || found->n > TOKEN_CANDIDATES_MAX)
		return attempt_way_instead(a, "token-failed");
	held->n = found->n;
	index = (int)(held->skip < found->n ? held->skip : 0);
	if (held->factor == CW_FACTOR_SMARTCARD)
		index = find_card(a, found);
	if (index == -ENOENT)
		return attempt_way_instead(a, "token-unsupported");
	if (index < 0)
		return attempt_fail(a, index);
	held_take(held, &found->candidates[index]);
	text_copy(a->who->reader, sizeof(a->who->reader), found->candidates[index].reader);
	a->has_answered = true;
	if (held->is_locked)
		return token_locked(a, now);
	return after_look(a);
}
