/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Enrolling a token for somebody: presented, chosen, proved to be in his hand.
 *
 * A card signs a challenge of this attempt, and its chain has to hold; a security
 * key makes a credential, and signs with it; a badge is tapped. Who enrols has
 * been asked for careward.enrol before, and is asked again at the end.
 */

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "auth/attempt-enrol.h"
#include "auth/copy.h"
#include "auth/row.h"

/*
 * Beginning
 */

static bool is_offered(const struct token_rules *rules, enum cw_factor factor) {
	if (factor == CW_FACTOR_SMARTCARD)
		return rules->smartcard.on;
	if (factor == CW_FACTOR_FIDO2)
		return rules->security_key.on;
	if (factor == CW_FACTOR_BADGE)
		return rules->badge.on;
	return factor == CW_FACTOR_CODE && rules->badge.on && rules->badge.code_digits != 0;
}

int enrol_begin(struct attempt *a, const struct enrol_request *request) {
	struct person *who = &a->first;
	int r;

	if (strnlen(request->label, LIMIT_NAME) == LIMIT_NAME)
		return -EINVAL;
	r = account_by_number(a->auth->store, request->account, &who->account);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r == -EBADMSG ? -EIO : r;
	who->by_number = who->is_named = who->is_known = true;
	who->number = who->account.number;
	who->factor = request->factor;
	a->held.factor = request->factor;
	a->held.is_chosen = true;
	a->held.tries_left = TRIES_UNKNOWN;
	a->enrol.token.account = who->account.number;
	a->enrol.token.factor = request->factor;
	text_copy(a->enrol.token.label, sizeof(a->enrol.token.label), request->label);
	return 0;
}

enum attempt_event enrol_start(struct attempt *a, const struct moment *now) {
	(void)now;
	if (!is_offered(&a->auth->policy->settings.tokens, a->held.factor))
		return attempt_end(a, "not-offered");
	if (a->held.factor == CW_FACTOR_CODE)
		return ATTEMPT_EV_ASK_DIGITS;
	return a->held.factor == CW_FACTOR_BADGE ? ATTEMPT_EV_INSERT : ATTEMPT_EV_LOOK;
}

/* "Look again", or nothing there is to look at: a badge has to be tapped. */
enum attempt_event enrol_again(struct attempt *a, const struct moment *now) {
	(void)now;
	return attempt_again(a, NULL,
			     a->held.factor == CW_FACTOR_BADGE ? ATTEMPT_EV_INSERT
							       : ATTEMPT_EV_LOOK);
}

enum attempt_event enrol_presented(struct attempt *a, const struct moment *now) {
	const struct token_sight *sight = &a->held.sight;
	struct token *token = &a->enrol.token;

	(void)now;
	a->has_answered = true;
	if (a->held.factor != CW_FACTOR_BADGE)
		return ATTEMPT_EV_LOOK;
	if (sight->kind != TOKEN_SIGHT_BADGE || sight->n_id == 0 ||
	    sight->n_id > sizeof(token->badge))
		return attempt_again(a, "token-failed", ATTEMPT_EV_INSERT);
	token->n_badge = sight->n_id;
	memcpy(token->badge, sight->id, sight->n_id);
	return ATTEMPT_EV_RIGHT;
}

/*
 * Looking
 */

enum attempt_event enrol_look(struct attempt *a, const struct moment *now) {
	struct attempt_token *token = &a->token;
	const struct key_credential *key = &a->enrol.token.key;

	explicit_bzero(token, sizeof(*token));
	a->held.has_challenge = false;
	a->prompt = (struct attempt_prompt){ .tries_left = TRIES_UNKNOWN };
	token->step = ATTEMPT_STEP_LOOK;
	token->look.factor = a->held.factor;
	token->look.seats = 1u << a->seat->index;
	if (a->enrol.is_made) { /* the new key, and no other, has to sign now */
		token->look.credentials.n = 1;
		token->look.credentials.list[0].n = key->n_id;
		memcpy(token->look.credentials.list[0].id, key->id, key->n_id);
	}
	a->want = ATTEMPT_TOKEN;
	a->deadline_ms = now->boot_ms > UINT64_MAX - CHALLENGE_VALID_MS
				 ? UINT64_MAX
				 : now->boot_ms + CHALLENGE_VALID_MS;
	return ATTEMPT_EV_NONE;
}

/*
 * What tells this one from the others at the readers: a card's key; of a security
 * key, where it is plugged in. Return: false: not one that could be enrolled.
 */
static bool identity_of(const struct attempt *a, const struct token_candidate *c,
			struct enrol_choice *ret_choice) {
	struct enrol_choice choice = { 0 };
	struct card_proof proof;

	if (a->held.factor == CW_FACTOR_FIDO2) {
		text_copy(choice.id, sizeof(choice.id), c->reader);
		text_copy(choice.name, sizeof(choice.name), c->reader);
		*ret_choice = choice;
		return true;
	}
	if (c->n_certificate == 0 || c->n_certificate > sizeof(c->certificate) ||
	    card_identify(c->certificate, c->n_certificate, &proof) < 0)
		return false;
	hex_encode(choice.id, proof.key_hash, 31);
	text_copy(choice.name, sizeof(choice.name), proof.subject);
	*ret_choice = choice;
	return true;
}

static enum attempt_event go_on(struct attempt *a, const struct token_candidate *c,
				const struct enrol_choice *choice, const struct moment *now) {
	struct held *held = &a->held;

	held_take(held, c);
	a->enrol.picked = *choice;
	a->has_answered = true;
	if (held->is_locked)
		return enrol_refuse(a, now, "pin-locked", "pin-locked");
	if (held->is_final && !held->is_warned)
		return ATTEMPT_EV_WARN;
	return held->needs_pin ? ATTEMPT_EV_ASK_PIN : ATTEMPT_EV_SIGN;
}

enum attempt_event enrol_found(struct attempt *a, const struct moment *now) {
	const struct token_found *found = a->found;
	struct enrolment *enrol = &a->enrol;
	uint32_t only = 0;

	enrol->n_choices = 0;
	for (uint32_t i = 0; found && i < found->n && i < TOKEN_CANDIDATES_MAX; ++i) {
		struct enrol_choice *choice = &enrol->choices[enrol->n_choices];

		if (!identity_of(a, &found->candidates[i], choice))
			continue;
		if (enrol->picked.id[0] != '\0' && strcmp(enrol->picked.id, choice->id) == 0)
			return go_on(a, &found->candidates[i], choice, now);
		only = i;
		++enrol->n_choices;
	}
	if (enrol->n_choices == 0)
		return enrol_refuse(a, now, "unsupported", "token-unsupported");
	if (enrol->is_made || enrol->picked.id[0] != '\0') { /* taken away in the middle */
		enrol->picked = (struct enrol_choice){ 0 };
		return attempt_again(a, "token-removed", ATTEMPT_EV_INSERT);
	}
	if (enrol->n_choices == 1)
		return go_on(a, &found->candidates[only], &enrol->choices[0], now);
	return ATTEMPT_EV_CHOOSE;
}

/*
 * Choosing
 */

/* Two certificates of one person look alike; their keys do not. */
static bool is_namesake(const struct enrolment *enrol, uint32_t index) {
	for (uint32_t i = 0; i < enrol->n_choices; ++i)
		if (i != index && strcmp(enrol->choices[i].name, enrol->choices[index].name) == 0)
			return true;
	return false;
}

enum attempt_event enrol_ask_choice(struct attempt *a, const struct moment *now) {
	char text[LIMIT_WORDS] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < a->enrol.n_choices && n < sizeof(text) - LIMIT_NAME - 20; ++i) {
		const struct enrol_choice *c = &a->enrol.choices[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u %s", i > 0 ? "\n" : "",
				      i + 1, c->name);
		if (is_namesake(&a->enrol, i)) /* the beginning of the key's SHA-256 */
			n += (size_t)snprintf(text + n, sizeof(text) - n, " (key %.8s)", c->id);
	}
	return attempt_ask(a, now, CW_FIELD_CHOICE, false, "choose-to-enrol", text);
}

/* The line, or the number that it begins with. */
enum attempt_event enrol_choose(struct attempt *a, const struct moment *now) {
	const struct secret *answer = a->answer;
	uint32_t i;

	(void)now;
	a->has_answered = true;
	if (answer->n == 0 || answer->bytes[0] < '1' || answer->bytes[0] > '9' ||
	    (answer->n > 1 && answer->bytes[1] != ' '))
		return attempt_again(a, NULL, ATTEMPT_EV_CHOOSE);
	i = answer->bytes[0] - (uint32_t)'1';
	if (i >= a->enrol.n_choices)
		return attempt_again(a, NULL, ATTEMPT_EV_CHOOSE);
	a->enrol.picked = a->enrol.choices[i];
	return ATTEMPT_EV_LOOK;
}

/*
 * Signing
 */

static int exclude_one(const struct token *token, void *userdata) {
	struct token_credentials *exclude = userdata;

	if (token->factor != CW_FACTOR_FIDO2 || token->disabled ||
	    exclude->n >= TOKEN_CREDENTIALS_MAX)
		return 0;
	exclude->list[exclude->n].n = token->key.n_id;
	memcpy(exclude->list[exclude->n].id, token->key.id, token->key.n_id);
	++exclude->n;
	return 0;
}

/* A new credential. Its user handle says nothing to anybody but this device. */
static int to_make(struct attempt *a) {
	const struct account *account = &a->first.account;
	struct token_sign sign = a->token.sign;
	struct token_make *make = &a->token.make;
	uint8_t number[4];
	int r;

	explicit_bzero(&a->token.sign, sizeof(a->token.sign));
	a->token.step = ATTEMPT_STEP_MAKE;
	make->candidate = sign.candidate;
	memcpy(make->digest, sign.digest, sizeof(make->digest));
	make->verify_user = sign.verify_user;
	make->pin = sign.pin;
	explicit_bzero(&sign, sizeof(sign));
	text_copy(make->name, sizeof(make->name), account->name);
	put_le32(number, account->number);
	r = store_mac(a->auth->store, "user handle", number, sizeof(number), make->user);
	if (r == 0)
		r = token_list(a->auth->store, account->number, exclude_one, &make->exclude);
	return r;
}

enum attempt_event enrol_sign(struct attempt *a, const struct moment *now) {
	enum attempt_event event = let_sign(a, now);
	int r;

	if (event != ATTEMPT_EV_NONE || a->held.factor != CW_FACTOR_FIDO2 || a->enrol.is_made)
		return event;
	r = to_make(a);
	if (r == 0)
		return ATTEMPT_EV_NONE;
	a->want = ATTEMPT_OVER;
	secret_wipe(&a->token.make.pin);
	return attempt_fail(a, r);
}

/*
 * Judging
 */

/* COSE's name of what the card signs with: ECDSA or RSA over a SHA-256 digest. */
static int32_t algorithm_of(const struct card_proof *proof) {
	const uint8_t *p = proof->public_key;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)proof->n_public_key);
	int32_t algorithm = 0;

	if (pkey && EVP_PKEY_is_a(pkey, "EC"))
		algorithm = -7;
	else if (pkey && EVP_PKEY_is_a(pkey, "RSA"))
		algorithm = -257;
	EVP_PKEY_free(pkey);
	return algorithm;
}

/* The maker's people have one role, and nobody else has a card of the maker's. */
static bool is_service(const struct account *account) {
	return account->n_roles == 1 && strcmp(account->roles[0], "service") == 0;
}

static enum token_fault judge_card(struct attempt *a, const struct moment *now) {
	const struct smartcard_rules *rules = &a->auth->policy->settings.tokens.smartcard;
	struct token *token = &a->enrol.token;
	struct moment at = certificate_time(a, now);
	struct card_proof seen, proof = { 0 };
	struct enrol_choice choice = { 0 };
	enum token_fault fault;

	if (card_identify(a->reply->certificate, a->reply->n_certificate, &seen) < 0)
		return TOKEN_FAULT_FORM;
	hex_encode(choice.id, seen.key_hash, 31);
	if (strcmp(choice.id, a->enrol.picked.id) != 0)
		return TOKEN_FAULT_OTHER_KEY;
	if (!a->auth->trust && !rules->enrolled_without_chain)
		return TOKEN_FAULT_CHAIN;
	fault = card_verify(rules, a->auth->trust,
			    rules->enrolled_without_chain ? seen.key_hash : NULL, a->reply,
			    a->held.digest, &at, &proof);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	if (proof.proved != TOKEN_YES || !equal_32(proof.key_hash, seen.key_hash))
		return TOKEN_FAULT_DEVICE;
	if (proof.by_service && !is_service(&a->first.account))
		return TOKEN_FAULT_CHAIN;
	memcpy(token->id, proof.id, sizeof(token->id));
	memcpy(token->key_hash, proof.key_hash, sizeof(token->key_hash));
	token->not_after_ms = proof.not_after_ms;
	token->key.algorithm = algorithm_of(&proof);
	token->key.n_public_key = proof.n_public_key;
	memcpy(token->key.public_key, proof.public_key, sizeof(proof.public_key));
	return token->key.algorithm == 0 ? TOKEN_FAULT_WEAK : TOKEN_FAULT_NONE;
}

/* Made, or asked to sign because nothing was signed when it was made. */
static enum token_fault judge_key(struct attempt *a, bool *ret_is_proved) {
	const struct security_key_rules *rules = &a->auth->policy->settings.tokens.security_key;
	struct key_credential *key = &a->enrol.token.key;
	struct key_proof proof = { 0 };
	enum token_fault fault;

	fault = a->enrol.is_made ? key_verify(rules, key, a->reply, a->held.digest, &proof)
				 : key_enrol(rules, a->reply, a->held.digest, key, &proof);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	*ret_is_proved = proof.proved == TOKEN_YES;
	if (!*ret_is_proved)
		return a->enrol.is_made ? TOKEN_FAULT_DEVICE : TOKEN_FAULT_NONE;
	if (rules->verification == KEY_VERIFY_REQUIRED && !proof.user_verified)
		return TOKEN_FAULT_NOT_VERIFIED;
	key->counter = proof.counter;
	return TOKEN_FAULT_NONE;
}

static const char *const fault_messages[TOKEN_N_FAULTS] = {
	[TOKEN_FAULT_CHAIN] = "enrol-chain",
	[TOKEN_FAULT_VALIDITY] = "enrol-validity",
	[TOKEN_FAULT_USAGE] = "enrol-usage",
	[TOKEN_FAULT_WEAK] = "enrol-weak",
	[TOKEN_FAULT_REVOKED] = "enrol-revoked",
	[TOKEN_FAULT_LIST_MISSING] = "enrol-list",
	[TOKEN_FAULT_LIST_STALE] = "enrol-list",
	[TOKEN_FAULT_NOT_VERIFIED] = "enrol-not-verified",
	[TOKEN_FAULT_SYNCED] = "enrol-synced",
	[TOKEN_FAULT_ATTESTATION] = "enrol-attestation",
};

static const char *message_of(enum token_fault fault) {
	unsigned i = (unsigned)fault;

	return i < TOKEN_N_FAULTS && fault_messages[i] ? fault_messages[i] : "enrol-refused";
}

enum attempt_event enrol_judge(struct attempt *a, const struct moment *now) {
	enum token_fault fault = TOKEN_FAULT_FORM;
	bool is_proved = true;

	explicit_bzero(&a->token, sizeof(a->token));
	if (!challenge_holds(&a->held, now))
		return enrol_refuse(a, now, "challenge", "enrol-refused");
	if (a->reply && a->reply->factor == a->held.factor)
		fault = a->held.factor == CW_FACTOR_SMARTCARD ? judge_card(a, now)
							      : judge_key(a, &is_proved);
	if (fault != TOKEN_FAULT_NONE)
		return enrol_refuse(a, now, token_fault_text(fault), message_of(fault));
	a->held.is_warned = false;
	if (is_proved)
		return ATTEMPT_EV_RIGHT;
	a->enrol.is_made = true;
	return attempt_again(a, "enrol-sign-once", ATTEMPT_EV_LOOK);
}

/*
 * What a helper says instead
 */

static enum attempt_event look_for_pin(struct attempt *a) {
	if (a->held.wants_pin)
		return attempt_end(a, "token-failed"); /* it had one */
	a->held.wants_pin = true;
	return ATTEMPT_EV_LOOK;
}

enum attempt_event enrol_failed(struct attempt *a, const struct moment *now) {
	enum token_error error = a->token_error;
	const char *message = token_error_message(error);

	secret_wipe(&a->held.pin);
	explicit_bzero(&a->token, sizeof(a->token));
	a->held.has_challenge = false;
	if (error == TOKEN_ABSENT)
		return attempt_again(a, NULL, ATTEMPT_EV_INSERT);
	if (error == TOKEN_REMOVED)
		return attempt_again(a, message, ATTEMPT_EV_INSERT);
	if (error == TOKEN_CANCELLED)
		return ATTEMPT_EV_CANCEL;
	if (error == TOKEN_PIN_NEEDED)
		return look_for_pin(a);
	/* Looked at again first: the last try is asked for only after a warning. */
	a->held.is_warned = false;
	if (error == TOKEN_PIN_INVALID || (error == TOKEN_PIN_WRONG && a->held.tries_left != 0))
		return attempt_again(a, message, ATTEMPT_EV_LOOK);
	return enrol_refuse(a, now, message, message);
}
