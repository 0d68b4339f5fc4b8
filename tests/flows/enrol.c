/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/flows/enrol.h"

/*
 * The verifier that the tests play. A certificate is one byte: the card's number.
 */
struct play play;

static void fill(struct card_proof *proof, uint8_t number) {
	*proof = (struct card_proof){ .not_after_ms = 1900000000000 };
	memset(proof->id, number, sizeof(proof->id));
	memset(proof->key_hash, (uint8_t)(number + 100), sizeof(proof->key_hash));
	(void)snprintf(proof->subject, sizeof(proof->subject), "Person %u", number);
}

/* A public key of P-256, as SubjectPublicKeyInfo. */
const uint8_t p256[91] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x6b,
	0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40,
	0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8,
	0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
	0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb,
	0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
};

int __wrap_card_identify(const uint8_t *certificate, size_t n, struct card_proof *ret_proof);
int __wrap_card_identify(const uint8_t *certificate, size_t n, struct card_proof *ret_proof) {
	if (n != 1)
		return -EINVAL;
	fill(ret_proof, certificate[0]);
	return 0;
}

int __wrap_challenge_digest(const struct challenge *challenge, uint8_t ret_digest[32]);
int __wrap_challenge_digest(const struct challenge *challenge, uint8_t ret_digest[32]) {
	memcpy(ret_digest, challenge->nonce, 32);
	ret_digest[0] = (uint8_t)challenge->account;
	ret_digest[1] = (uint8_t)challenge->purpose;
	return 0;
}

enum token_fault __wrap_card_verify(const struct smartcard_rules *rules, const struct trust *trust,
				    const uint8_t *enrolled_key, const struct token_answer *answer,
				    const uint8_t digest[32], const struct moment *now,
				    struct card_proof *ret_proof);
enum token_fault __wrap_card_verify(const struct smartcard_rules *rules, const struct trust *trust,
				    const uint8_t *enrolled_key, const struct token_answer *answer,
				    const uint8_t digest[32], const struct moment *now,
				    struct card_proof *ret_proof) {
	++play.n_calls;
	play.had_key = enrolled_key != NULL;
	memcpy(play.digest, digest, 32);
	fill(ret_proof, answer->certificate[0]);
	ret_proof->fault = play.fault;
	ret_proof->proved = play.proved;
	ret_proof->by_service = play.by_service;
	ret_proof->n_public_key = sizeof(p256);
	memcpy(ret_proof->public_key, p256, sizeof(p256));
	return play.fault;
}

enum token_fault __wrap_key_enrol(const struct security_key_rules *rules,
				  const struct token_answer *answer, const uint8_t digest[32],
				  struct key_credential *ret_credential,
				  struct key_proof *ret_proof);
enum token_fault __wrap_key_enrol(const struct security_key_rules *rules,
				  const struct token_answer *answer, const uint8_t digest[32],
				  struct key_credential *ret_credential,
				  struct key_proof *ret_proof) {
	++play.n_calls;
	memcpy(play.digest, digest, 32);
	*ret_credential = (struct key_credential){
		.n_id = 16, .algorithm = -7, .n_public_key = sizeof(p256)
	};
	memcpy(ret_credential->public_key, p256, sizeof(p256));
	memset(ret_credential->id, answer->credential[0], 16);
	*ret_proof = (struct key_proof){
		.proved = play.proved, .fault = play.fault, .user_verified = play.is_verified
	};
	return play.fault;
}

enum token_fault __wrap_key_verify(const struct security_key_rules *rules,
				   const struct key_credential *credential,
				   const struct token_answer *answer, const uint8_t digest[32],
				   struct key_proof *ret_proof);
enum token_fault __wrap_key_verify(const struct security_key_rules *rules,
				   const struct key_credential *credential,
				   const struct token_answer *answer, const uint8_t digest[32],
				   struct key_proof *ret_proof) {
	++play.n_calls;
	memcpy(play.digest, digest, 32);
	*ret_proof = (struct key_proof){ .proved = play.proved,
					 .fault = play.fault,
					 .user_verified = play.is_verified,
					 .counter = 41 };
	return play.fault;
}

/*
 * The device: Ann enrols
 */

struct token_rules *site;
static int some_trust;

void enrol_set_up(void) {
	world_set_up();
	site = &world.policy->settings.tokens;
	site->smartcard.on = site->security_key.on = site->badge.on = true;
	site->badge.code_digits = 4;
	world.auth.trust = (const struct trust *)&some_trust;
	memset(&play, 0, sizeof(play));
	play.proved = TOKEN_YES;
	play.is_verified = true;
	sign_in(ANN);
}

struct attempt *enrol_by(uint32_t by, uint32_t account, enum cw_factor factor) {
	struct enrol_request enrol = { .account = account, .factor = factor, .label = "Blue" };
	const struct attempt_request request = {
		.purpose = CW_PURPOSE_ENROL,
		.enrol = &enrol,
		.actor = { .account = by,
			   .seat = 1,
			   .assurance = CW_ASSURANCE_PASSWORD,
			   .factor = CW_FACTOR_PASSWORD,
			   .session = world.seat.session.number,
			   .peer_uid = 1000 },
	};
	struct attempt *a = NULL;

	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a), 0);
	return a;
}

struct attempt *enrol(uint32_t account, enum cw_factor factor) {
	return enrol_by(ANN, account, factor);
}

int tap(struct attempt *a, uint8_t id) {
	struct token_sight sight = { .kind = TOKEN_SIGHT_BADGE, .n_id = 4, .id = { 4, 2, 1, id } };

	return attempt_presented(a, &sight, &world.now);
}

void look_at(struct attempt *a, const struct token_found *found) {
	ck_assert_ptr_nonnull(attempt_token(a));
	ck_assert_int_eq((int)attempt_token(a)->step, ATTEMPT_STEP_LOOK);
	ck_assert_int_eq(attempt_found(a, found, &world.now), 0);
}

/* Cards of these numbers, with a PIN. */
struct token_found *cards(const char *numbers) {
	static struct token_found kept[2]; /* the two that were asked for last          */
	static unsigned next;
	struct token_found *found = &kept[next++ % 2];

	*found = (struct token_found){ .n = (uint32_t)strlen(numbers) };
	for (uint32_t i = 0; i < found->n; ++i) {
		struct token_candidate *c = &found->candidates[i];

		c->index = i;
		c->needs_pin = true;
		c->tries_left = TRIES_UNKNOWN;
		c->n_certificate = 1;
		c->certificate[0] = (uint8_t)numbers[i];
		(void)snprintf(c->reader, sizeof(c->reader), "reader %u", i);
	}
	return found;
}

void answer_step(struct attempt *a, uint8_t number, enum attempt_step step) {
	static struct token_answer answer;

	answer = (struct token_answer){ .n_certificate = 1, .n_credential = 1 };

	ck_assert_ptr_nonnull(attempt_token(a));
	ck_assert_int_eq((int)attempt_token(a)->step, step);
	answer.factor = a->held.factor;
	answer.certificate[0] = answer.credential[0] = number;
	ck_assert_int_eq(attempt_answered(a, &answer, &world.now), 0);
}

/* Up to the signature, with the right PIN. */
struct attempt *to_signing(uint32_t account, enum cw_factor factor, const char *numbers) {
	struct token_found *found = cards(numbers);
	struct attempt *a = enrol(account, factor);

	look_at(a, found);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_PIN);
	ck_assert(attempt_prompt(a)->is_secret);
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_int_eq((int)attempt_want(a), ATTEMPT_TOKEN);
	return a;
}

static int n_tokens;
struct token last_token;

static int count_one(const struct token *token, void *userdata) {
	(void)userdata;
	n_tokens += !token->disabled;
	last_token = *token;
	return 0;
}

/* How many tokens that count somebody has; the newest is last_token. */
int tokens_of(uint32_t account) {
	n_tokens = 0;
	ck_assert_int_eq(token_list(world.store, account, count_one, NULL), 0);
	return n_tokens;
}

void expect_enrolled(struct attempt *a, uint32_t account) {
	ck_assert_msg(is_yes_result(a), "%s", message(a));
	ck_assert_str_eq(message(a), "enrolled");
	ck_assert_uint_eq(attempt_result(a)->session, 0);
	ck_assert_uint_ne(attempt_result(a)->token, 0);
	ck_assert_int_eq(tokens_of(account), 1);
	ck_assert_uint_eq(last_token.number, attempt_result(a)->token);
	ck_assert_uint_eq(last_token.enrolled_by, ANN);
	ck_assert_str_eq(last_token.label, "Blue");
	ck_assert_str_eq(trail(), "token-enrolled:ok");
	(void)attempt_free(a);
}

void expect_refused(struct attempt *a, uint32_t account, const char *text) {
	ck_assert_int_eq((int)attempt_want(a), ATTEMPT_OVER);
	ck_assert(!is_yes_result(a));
	ck_assert_str_eq(message(a), text);
	ck_assert_int_eq(tokens_of(account), 0);
	ck_assert_str_eq(trail(), "denied:refused");
	(void)attempt_free(a);
}
