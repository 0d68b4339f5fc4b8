/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A challenge of this very attempt, signed by the token, verified here. The only
 * place where TOKEN_YES is looked at for a sign-in.
 */

#include <errno.h>
#include <string.h>

#include "auth/attempt-try.h"

/*
 * Asking
 */

bool attempt_signs(const struct attempt *a) {
	return a->has_approval && (a->who == &a->second || a->signs);
}

static unsigned person_of(const struct attempt *a) {
	return a->who == &a->second ? 2 : 1;
}

/* Nobody is known by this number: what a stranger's token signs is nobody's yes. */
#define STRANGER UINT32_MAX

static int add_statement(const struct attempt *a, const struct moment *now,
			 uint8_t ret_statement[32]) {
	uint32_t second = a->second.is_known ? a->second.account.number : STRANGER;

	return approval_statement(a->auth->store, a->auth->policy, approval_seat(a), &a->approval,
				  a->nonce, second, person_of(a), now, ret_statement);
}

static int make_challenge(struct attempt *a, const struct moment *now) {
	struct held *held = &a->held;
	struct challenge *challenge = &held->challenge;
	int r;

	*challenge = (struct challenge){
		.boot_ms = now->boot_ms,
		.account = a->who->is_known ? a->who->account.number : 0,
		.purpose = a->has_approval ? ATTEMPT_APPROVAL : a->route->row.purpose,
		.seat = (uint8_t)(a->seat->index + 1),
	};
	store_device_id(a->auth->store, challenge->device);
	memcpy(challenge->boot_id, now->boot_id, sizeof(challenge->boot_id));
	r = attempt_signs(a) ? add_statement(a, now, challenge->statement) : 0;
	if (r == 0)
		r = a->auth->random(challenge->nonce, sizeof(challenge->nonce));
	if (r == 0)
		r = challenge_digest(challenge, held->digest);
	held->has_challenge = r == 0;
	return r;
}

enum attempt_event let_sign(struct attempt *a, const struct moment *now) {
	const struct security_key_rules *rules = &a->auth->policy->settings.tokens.security_key;
	struct token_sign *sign = &a->token.sign;

	explicit_bzero(&a->token, sizeof(a->token));
	if (make_challenge(a, now) < 0) {
		secret_wipe(&a->held.pin);
		return attempt_end(a, "failed");
	}
	a->token.step = ATTEMPT_STEP_SIGN;
	sign->candidate = a->held.candidate;
	memcpy(sign->digest, a->held.digest, sizeof(sign->digest));
	sign->verify_user = rules->verification == KEY_VERIFY_REQUIRED;
	sign->pin = a->held.pin;
	secret_wipe(&a->held.pin);
	a->prompt = (struct attempt_prompt){ .tries_left = TRIES_UNKNOWN };
	/* A key that checks a finger says itself when it is to be touched. */
	if (a->held.has_pad && a->held.factor == CW_FACTOR_SMARTCARD) {
		a->prompt.field = CW_FIELD_TOUCH;
		a->prompt.message = "pin-at-reader";
		a->prompt.tries_left = a->held.tries_left;
	}
	a->want = ATTEMPT_TOKEN;
	a->deadline_ms = now->boot_ms > UINT64_MAX - CHALLENGE_VALID_MS
				 ? UINT64_MAX
				 : now->boot_ms + CHALLENGE_VALID_MS;
	return ATTEMPT_EV_NONE;
}

enum attempt_event show_touch(struct attempt *a, const struct moment *now) {
	(void)now;
	explicit_bzero(&a->token, sizeof(a->token)); /* its step is on its way */
	a->prompt = (struct attempt_prompt){
		.field = CW_FIELD_TOUCH,
		.message = "touch-key",
		.tries_left = TRIES_UNKNOWN,
	};
	return ATTEMPT_EV_NONE;
}

/*
 * Judging
 */

/* Once, in time, in this boot. */
bool challenge_holds(struct held *held, const struct moment *now) {
	bool has = held->has_challenge;

	held->has_challenge = false;
	return has &&
	       memcmp(held->challenge.boot_id, now->boot_id, sizeof(now->boot_id)) == 0 &&
	       now->boot_ms >= held->challenge.boot_ms &&
	       now->boot_ms - held->challenge.boot_ms < CHALLENGE_VALID_MS;
}

/* A clock that is not believed judges no certificate: the latest time that is known does. */
struct moment certificate_time(const struct attempt *a, const struct moment *now) {
	struct moment at = *now;

	if (now->trust != CLOCK_TRUSTED && a->auth->not_before_ms)
		at.wall_ms = *a->auth->not_before_ms;
	return at;
}

/* The maker's people: one role, for a day at most, where the site lets them in. */
static bool service_may(const struct attempt *a, const struct moment *now) {
	const struct account *account = &a->who->account;

	return a->auth->policy->settings.tokens.smartcard.service && account->n_roles == 1 &&
	       strcmp(account->roles[0], "service") == 0 && account->valid_until_ms != 0 &&
	       account->valid_until_ms <= now->wall_ms + INT64_C(86400000);
}

static const char *note_of(const struct card_proof *proof) {
	if (proof->by_service)
		return "by=service";
	if (proof->list_missing)
		return "list-missing";
	return proof->list_stale ? "list-stale" : NULL;
}

/* Is it the card that was enrolled, and no other of the same chain? */
static bool is_the_card(const struct attempt *a, const struct card_proof *proof) {
	const struct token *token = &a->who->token;

	if (token->number == 0)
		return false;
	return a->auth->policy->settings.tokens.smartcard.by_key
		       ? equal_32(proof->key_hash, token->key_hash)
		       : equal_32(proof->id, token->id);
}

/* Return: NULL: the enrolled card of this person has signed; otherwise why not. */
static const char *card_fault(struct attempt *a, const struct moment *now) {
	const struct smartcard_rules *rules = &a->auth->policy->settings.tokens.smartcard;
	const struct token *token = &a->who->token;
	struct moment at = certificate_time(a, now);
	struct card_proof proof = { 0 };
	enum token_fault fault;

	if (!a->auth->trust && token->number == 0)
		return "unknown-token"; /* nothing to verify it with */
	fault = card_verify(rules, a->auth->trust, token->number != 0 ? token->key_hash : NULL,
			    a->reply, a->held.digest, &at, &proof);
	if (fault != TOKEN_FAULT_NONE)
		return token_fault_text(fault);
	if (proof.proved != TOKEN_YES || proof.fault != TOKEN_FAULT_NONE)
		return token_fault_text(TOKEN_FAULT_DEVICE);
	if (!is_the_card(a, &proof))
		return token->number == 0 ? "unknown-token"
					  : token_fault_text(TOKEN_FAULT_OTHER_KEY);
	if (proof.by_service && !service_may(a, now))
		return "service";
	a->who->note = note_of(&proof);
	return NULL;
}

/* The row of the key that answered: this person's, and among those that were asked for. */
static int find_key(struct attempt *a) {
	struct person *who = a->who;
	struct token token;
	int r;

	if (!who->is_known)
		return -ENOENT;
	r = token_find(a->auth->store, CW_FACTOR_FIDO2, a->reply->credential,
		       a->reply->n_credential, &token);
	if (r < 0)
		return r;
	if (token.account != who->account.number || token.factor != CW_FACTOR_FIDO2)
		return -EPERM;
	who->token = token;
	return 0;
}

static const char *key_fault(struct attempt *a, enum cw_assurance *ret_assurance) {
	const struct security_key_rules *rules = &a->auth->policy->settings.tokens.security_key;
	struct person *who = a->who;
	struct key_proof proof = { 0 };
	enum token_fault fault;

	fault = key_verify(rules, &who->token.key, a->reply, a->held.digest, &proof);
	if (fault != TOKEN_FAULT_NONE)
		return token_fault_text(fault);
	if (proof.proved != TOKEN_YES || proof.fault != TOKEN_FAULT_NONE)
		return token_fault_text(TOKEN_FAULT_DEVICE);
	if (rules->verification == KEY_VERIFY_REQUIRED && !proof.user_verified)
		return token_fault_text(TOKEN_FAULT_NOT_VERIFIED);
	who->counter = proof.counter;
	/* Touched by anybody: no more than a badge. */
	*ret_assurance = rules->verification == KEY_VERIFY_REQUIRED && proof.user_verified
				 ? CW_ASSURANCE_STRONG
				 : CW_ASSURANCE_BADGE;
	return NULL;
}

/* What was signed is kept for the receipt. Return: false: it is longer than one takes. */
static bool keep_signature(struct attempt *a) {
	struct receipt_signature *s = &a->signatures[person_of(a) - 1];
	const struct key_credential *key = &a->who->token.key;
	const struct token_answer *reply = a->reply;

	if (!attempt_signs(a))
		return true;
	if (reply->n_signature > sizeof(s->signature) || reply->n_authdata > sizeof(s->authdata) ||
	    key->n_public_key > sizeof(s->public_key))
		return false;
	*s = (struct receipt_signature){
		.person = (uint8_t)person_of(a),
		.factor = (uint8_t)reply->factor,
		.algorithm = key->algorithm,
		.n_public_key = key->n_public_key,
		.n_signature = reply->n_signature,
		.n_authdata = reply->factor == CW_FACTOR_FIDO2 ? reply->n_authdata : 0,
		.challenge = a->held.challenge,
	};
	memcpy(s->public_key, key->public_key, key->n_public_key);
	memcpy(s->signature, reply->signature, reply->n_signature);
	memcpy(s->authdata, reply->authdata, s->n_authdata);
	return true;
}

static enum attempt_event admit(struct attempt *a, const struct moment *now,
				enum cw_assurance assurance) {
	if (!keep_signature(a))
		return person_refuse(a, now, OUTCOME_REFUSED, token_fault_text(TOKEN_FAULT_FORM));
	return person_admit(a, now, assurance);
}

static enum attempt_event judge_key(struct attempt *a, const struct moment *now) {
	enum cw_assurance assurance = CW_ASSURANCE_NONE;
	const char *why;
	int r = a->reply->n_credential == 0 || a->reply->n_credential > TOKEN_CREDENTIAL_MAX
			? -ENOENT
			: find_key(a);

	if (r == -EIO)
		return attempt_fail(a, r);
	if (r < 0)
		return person_refuse(a, now, OUTCOME_REFUSED,
				     r == -EPERM ? "other-person" : "unknown-token");
	why = key_fault(a, &assurance);
	return why ? person_refuse(a, now, OUTCOME_REFUSED, why) : admit(a, now, assurance);
}

static enum attempt_event judge_card(struct attempt *a, const struct moment *now) {
	const char *why = card_fault(a, now);

	return why ? person_refuse(a, now, OUTCOME_REFUSED, why)
		   : admit(a, now, CW_ASSURANCE_STRONG);
}

enum attempt_event judge_token(struct attempt *a, const struct moment *now) {
	enum cw_factor factor = a->held.factor;
	enum attempt_event event;

	explicit_bzero(&a->token, sizeof(a->token));
	if (!challenge_holds(&a->held, now))
		return person_refuse(a, now, OUTCOME_REFUSED, "challenge");
	if (!a->reply || a->reply->factor != factor || a->who->factor != factor)
		return person_refuse(a, now, OUTCOME_REFUSED, token_fault_text(TOKEN_FAULT_FORM));
	event = factor == CW_FACTOR_SMARTCARD ? judge_card(a, now)
		: factor == CW_FACTOR_FIDO2   ? judge_key(a, now)
					      : attempt_end(a, "failed");
	return event == ATTEMPT_EV_RIGHT ? attempt_proved(a, now) : event;
}
