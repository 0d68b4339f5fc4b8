/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <stdio.h>
#include <string.h>

#include "tests/flows/held.h"

struct authority site_ca;
struct token_rules *site;
static struct trust *trust;
bool may_fail;

void held_set_up(void) {
	static char pem[8192];
	struct trust_file file = { .name = "site.pem", .bytes = (const uint8_t *)pem };
	char why[256] = "";

	world_set_up();
	may_fail = false;
	world.now.wall_ms = AUTHORITY_NOW * INT64_C(1000);
	site = &world.policy->settings.tokens;
	site->deadline_ms = 10000;
	site->smartcard.on = site->security_key.on = site->badge.on = true;
	site->smartcard.min_rsa_bits = 2048;
	site->smartcard.missing = REVOCATION_RECORD;
	site->badge.code_digits = 4;
	site->badge.tap_out = true;
	(void)snprintf(site->security_key.rp, sizeof(site->security_key.rp), "%s", KEY_RP);
	authority_chain(&site_ca, 1);
	file.n = authority_pem(&site_ca, pem, 0, sizeof(pem));
	ck_assert_msg(trust_new(&site->smartcard, &file, 1, NULL, why, &trust) == 0, "%s", why);
	world.auth.trust = trust;
	memset(&world.effort, 0, sizeof(world.effort));
}

void held_tear_down(void) {
	trust = trust_free(trust);
	authority_end(&site_ca);
	world_tear_down();
}

void trust_service(const struct authority *ca) {
	static char pem[2][8192];
	struct trust_file site_file = { .name = "site.pem", .bytes = (const uint8_t *)pem[0] };
	struct trust_file service = { .name = "maker.pem", .bytes = (const uint8_t *)pem[1] };
	char why[256] = "";

	site->smartcard.service = true;
	site_file.n = authority_pem(&site_ca, pem[0], 0, sizeof(pem[0]));
	service.n = authority_pem(ca, pem[1], 0, sizeof(pem[1]));
	trust = trust_free(trust);
	ck_assert_msg(trust_new(&site->smartcard, &site_file, 1, &service, why, &trust) == 0, "%s",
		      why);
	world.auth.trust = trust;
}

/*
 * Making and enrolling
 */

struct card card_make(const struct authority *ca, const char *name) {
	const struct authority_request request = {
		.name = name,
		.usage = "critical,digitalSignature",
		.extended = "clientAuth",
	};
	struct card card = { .held = authority_make(ca, &request), .pin = "1234" };

	card.n_der = authority_der(&card.held, card.der, sizeof(card.der));
	return card;
}

void card_end(struct card *card) {
	authority_end(&card->held);
}

static struct token store_token(struct token token) {
	const struct actor actor = { .account = ANN, .seat = 1, .peer_uid = 1000 };

	token.enrolled_by = ANN;
	token.enrolled_ms = world.now.wall_ms;
	ck_assert_int_eq(token_store(world.store, &actor, &world.now, EVENT_TOKEN_ENROLLED,
				     &token),
			 0);
	(void)trail();
	return token;
}

struct token card_enrol(const struct card *card, uint32_t account) {
	struct token token = { .account = account, .factor = CW_FACTOR_SMARTCARD };
	static struct token_answer answer;
	static struct card_proof proof;
	uint8_t digest[32] = { 1 };

	answer = (struct token_answer){ .factor = CW_FACTOR_SMARTCARD };
	memcpy(answer.certificate, card->der, card->n_der);
	answer.n_certificate = card->n_der;
	answer.n_signature = authority_sign_digest(&card->held, digest, answer.signature,
						   sizeof(answer.signature));
	(void)card_verify(&site->smartcard, trust, NULL, &answer, digest, &world.now, &proof);
	memcpy(token.id, proof.id, sizeof(token.id));
	memcpy(token.key_hash, proof.key_hash, sizeof(token.key_hash));
	token.not_after_ms = proof.not_after_ms;
	token.key.algorithm = -7;
	token.key.n_public_key = proof.n_public_key;
	memcpy(token.key.public_key, proof.public_key, proof.n_public_key);
	return store_token(token);
}

struct key key_enrol_for(uint32_t account, uint32_t counter, struct token *ret_token) {
	static uint8_t next;
	const struct key_request request = { .counter = counter, .n_id = 24u + ++next % 8u };
	struct token token = { .account = account, .factor = CW_FACTOR_FIDO2 };
	static struct token_answer answer;
	struct key_proof proof;
	uint8_t digest[32] = { 2 };
	struct key key = key_make(&request, digest, &answer);

	ck_assert_int_eq((int)key_enrol(&site->security_key, &answer, digest, &token.key, &proof),
			 TOKEN_FAULT_NONE);
	token.key.id[0] = (uint8_t)account; /* every key its own */
	token.key.id[1] = next;
	token.key.counter = counter;
	*ret_token = store_token(token);
	return key;
}

void badge_enrol(uint32_t account, uint8_t id) {
	struct token token = { .account = account,
			       .factor = CW_FACTOR_BADGE,
			       .n_badge = 4,
			       .badge = { 4, 0xa1, 0xb2, id } };

	(void)store_token(token);
}

void code_enrol(uint32_t account, const char *digits) {
	struct token token = { .account = account, .factor = CW_FACTOR_CODE };
	struct password_job job = {
		.kind = PASSWORD_JOB_MAKE, .cost = { 8, 1, 1 }, .salt = { 7 }
	};

	ck_assert(secret_set(&job.candidate, digits, strlen(digits)));
	password_job_run(world.arena, &job);
	ck_assert_uint_eq(job.is_made, PASSWORD_YES);
	token.code = job.made;
	(void)store_token(token);
}

static struct token last_of;

static int keep_last(const struct token *token, void *userdata) {
	const enum cw_factor *factor = userdata;

	if (token->factor == *factor)
		last_of = *token;
	return 0;
}

struct token token_of(uint32_t account, enum cw_factor factor) {
	last_of = (struct token){ 0 };
	ck_assert_int_eq(token_list(world.store, account, keep_last, &factor), 0);
	ck_assert_uint_ne(last_of.number, 0);
	return last_of;
}

/*
 * Presenting
 */

struct token_sight card_in(void) {
	return (struct token_sight){ .kind = TOKEN_SIGHT_CARD_IN, .name = READER };
}

struct token_sight key_in(void) {
	return (struct token_sight){ .kind = TOKEN_SIGHT_KEY_IN, .name = "hidraw0" };
}

struct token_sight badge_at(uint8_t id) {
	return (struct token_sight){
		.kind = TOKEN_SIGHT_BADGE, .name = READER, .n_id = 4, .id = { 4, 0xa1, 0xb2, id }
	};
}

struct attempt *begin_with(enum cw_purpose purpose, const char *name, enum cw_factor factor,
			   const struct token_sight *sight) {
	const struct attempt_request request = {
		.purpose = purpose,
		.name = name,
		.factor = factor,
		.presented = sight,
		.actor = { .seat = 1, .peer_uid = 1000 },
	};
	struct attempt *a = NULL;

	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a), 0);
	return a;
}

/*
 * The helper
 */

static void expect_step(struct attempt *a, enum attempt_step step) {
	ck_assert_msg(attempt_token(a) != NULL, "no step is wanted: %s", message(a));
	ck_assert_int_eq((int)attempt_token(a)->step, (int)step);
}

void find_cards(struct attempt *a, const struct card *const cards[], unsigned n) {
	static struct token_found found;

	expect_step(a, ATTEMPT_STEP_LOOK);
	ck_assert_int_eq((int)attempt_token(a)->look.factor, CW_FACTOR_SMARTCARD);
	ck_assert_uint_eq(attempt_token(a)->look.seats, 1u << world.seat.index);
	found = (struct token_found){ .n = n };
	for (unsigned i = 0; i < n; ++i) {
		struct token_candidate *c = &found.candidates[i];

		c->index = 10 + i;
		c->needs_pin = true;
		c->tries_left = 3;
		(void)snprintf(c->reader, sizeof(c->reader), "%s", READER);
		c->n_certificate = cards[i]->n_der;
		memcpy(c->certificate, cards[i]->der, cards[i]->n_der);
	}
	ck_assert(attempt_found(a, &found, &world.now) == 0 || may_fail);
}

void find_key(struct attempt *a, bool with_pin) {
	static struct token_found found;

	expect_step(a, ATTEMPT_STEP_LOOK);
	ck_assert_int_eq((int)attempt_token(a)->look.factor, CW_FACTOR_FIDO2);
	ck_assert_uint_eq(attempt_token(a)->look.seats, 1u << world.seat.index);
	ck_assert_uint_ge(attempt_token(a)->look.credentials.n, 1);
	found = (struct token_found){ .n = 1 };
	found.candidates[0].needs_pin = with_pin;
	found.candidates[0].tries_left = 8;
	ck_assert_int_eq(attempt_found(a, &found, &world.now), 0);
}

struct token_answer *card_answer(const struct attempt *a, const struct card *card) {
	static struct token_answer answer;

	answer = (struct token_answer){ .factor = CW_FACTOR_SMARTCARD, .reader = READER };
	answer.n_certificate = card->n_der;
	memcpy(answer.certificate, card->der, card->n_der);
	answer.n_signature = authority_sign_digest(&card->held, a->token.sign.digest,
						   answer.signature, sizeof(answer.signature));
	return &answer;
}

struct token_answer *key_answer(const struct attempt *a, const struct key *key,
				const struct token *token, uint32_t counter, uint8_t flags_off) {
	const struct key_request request = { .counter = counter, .flags_off = flags_off };
	static struct token_answer answer;

	key_assert(key, &request, a->token.sign.digest, &answer);
	answer.n_credential = token->key.n_id;
	memcpy(answer.credential, token->key.id, token->key.n_id);
	return &answer;
}

int bring(struct attempt *a, const struct token_answer *answer) {
	expect_step(a, ATTEMPT_STEP_SIGN);
	return attempt_answered(a, answer, &world.now);
}

void by_card(struct attempt *a, const struct card *card) {
	find_cards(a, &card, 1);
	expect_prompt(a, CW_FIELD_PIN, "ask-pin");
	ck_assert_int_eq(say(a, card->pin), 0);
	ck_assert_int_eq(bring(a, card_answer(a, card)), 0);
}

void by_key(struct attempt *a, const struct key *key, const struct token *token,
	    uint32_t counter) {
	find_key(a, true);
	expect_prompt(a, CW_FIELD_PIN, "ask-pin");
	ck_assert_int_eq(say(a, "123456"), 0);
	ck_assert_int_eq(attempt_touch(a, &world.now), 0);
	ck_assert_int_eq((int)attempt_want(a), ATTEMPT_TOKEN);
	ck_assert_ptr_null(attempt_token(a));
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_TOUCH);
	memcpy(a->token.sign.digest, a->held.digest, 32); /* the helper has it */
	ck_assert_int_eq(attempt_answered(a, key_answer(a, key, token, counter, 0), &world.now), 0);
}

/*
 * Expectations
 */

void expect_prompt(const struct attempt *a, enum cw_field field, const char *text) {
	ck_assert_msg(attempt_want(a) == ATTEMPT_ANSWER, "no prompt: %s", message(a));
	ck_assert_int_eq((int)attempt_prompt(a)->field, (int)field);
	ck_assert_str_eq(attempt_prompt(a)->message, text);
}

void expect_over(struct attempt *a, const char *text, const char *records) {
	ck_assert_msg(attempt_want(a) == ATTEMPT_OVER, "asks: %s", message(a));
	ck_assert(!is_yes_result(a));
	ck_assert_str_eq(message(a), text);
	ck_assert_uint_eq(attempt_result(a)->session, 0);
	ck_assert_uint_eq(attempt_result(a)->account.number, 0);
	(void)attempt_free(a);
	ck_assert_str_eq(trail(), records);
}

void expect_session(struct attempt *a, uint32_t account, enum cw_assurance assurance) {
	const struct attempt_result *result = attempt_result(a);

	ck_assert_msg(is_yes_result(a), "%s", message(a));
	ck_assert_uint_eq(result->account.number, account);
	ck_assert_int_eq((int)result->assurance, (int)assurance);
	apply(result);
	ck_assert_uint_eq(world.seat.session.account, account);
	ck_assert_int_eq((int)world.seat.session.lock, SEAT_UNLOCKED);
	(void)attempt_free(a);
}
