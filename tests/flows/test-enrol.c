/* SPDX-License-Identifier: Apache-2.0 */

/* Enrolment as a conversation: badges, cards, security keys. */

#include <errno.h>
#include <string.h>

#include "tests/flows/enrol.h"

START_TEST(a_badge_is_enrolled_by_a_tap) {
	struct token_sight card = { .kind = TOKEN_SIGHT_CARD_IN };
	struct attempt *a = enrol(KIM, CW_FACTOR_BADGE);

	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_INSERT);
	ck_assert_str_eq(message(a), "tap-badge");
	ck_assert_int_eq(attempt_presented(a, &card, &world.now), 0); /* not what was asked for */
	ck_assert_int_eq(tap(a, 9), 1);
	ck_assert_uint_eq(newest(EVENT_TOKEN_ENROLLED).target, KIM);
	ck_assert_uint_eq(newest(EVENT_TOKEN_ENROLLED).account, ANN);
	ck_assert_str_eq(newest(EVENT_TOKEN_ENROLLED).detail, "factor=badge token=11");
	expect_enrolled(a, KIM);
	ck_assert_int_eq(account_touched_by(world.store, KIM, ANN), 1);
}
END_TEST

START_TEST(FD_26_somebodys_badge_is_not_enrolled_again) {
	struct attempt *a = enrol(KIM, CW_FACTOR_BADGE);

	(void)tap(a, 9);
	expect_enrolled(a, KIM);
	a = enrol(BOB, CW_FACTOR_BADGE);
	(void)tap(a, 9);
	ck_assert_str_eq(newest(EVENT_DENIED).detail, "factor=badge why=taken");
	ck_assert_str_eq(newest(EVENT_DENIED).action, "careward.enrol");
	ck_assert_uint_eq(newest(EVENT_DENIED).target, BOB);
	ck_assert_uint_eq(newest(EVENT_DENIED).account, ANN);
	expect_refused(a, BOB, "token-taken");
}
END_TEST

START_TEST(a_card_is_enrolled_by_its_signature) {
	struct attempt *a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");
	uint8_t digest[32];

	ck_assert_uint_eq(attempt_token(a)->sign.pin.n, 4);
	memcpy(digest, attempt_token(a)->sign.digest, 32);
	ck_assert_uint_eq(digest[0], KIM);
	ck_assert_uint_eq(digest[1], CW_PURPOSE_ENROL);
	answer_step(a, 7, ATTEMPT_STEP_SIGN);
	ck_assert_mem_eq(play.digest, digest, 32);
	ck_assert(!play.had_key); /* the chain has to hold */
	expect_enrolled(a, KIM);
	ck_assert_uint_eq(last_token.id[0], 7);
	ck_assert_uint_eq(last_token.key_hash[0], 107);
	ck_assert_int_eq(last_token.key.algorithm, -7);
	ck_assert_mem_eq(last_token.key.public_key, p256, sizeof(p256));
	ck_assert_int_eq(last_token.not_after_ms, 1900000000000);
}
END_TEST

static const struct {
	const char *why;
	enum token_fault fault;
	uint32_t proved;
	const char *message;
} faults[] = {
	{ "CD-01 no signature of the card's", TOKEN_FAULT_SIGNATURE, 0, "enrol-refused" },
	{ "CD-02 no chain", TOKEN_FAULT_CHAIN, 0, "enrol-chain" },
	{ "CD-17 expired", TOKEN_FAULT_VALIDITY, 0, "enrol-validity" },
	{ "CD-20 wrong usage", TOKEN_FAULT_USAGE, 0, "enrol-usage" },
	{ "CD-20 a weak key", TOKEN_FAULT_WEAK, 0, "enrol-weak" },
	{ "CD-19 revoked", TOKEN_FAULT_REVOKED, 0, "enrol-revoked" },
	{ "CD-19 no list", TOKEN_FAULT_LIST_MISSING, 0, "enrol-list" },
	{ "a fault, and proved all the same", TOKEN_FAULT_CHAIN, TOKEN_YES, "enrol-chain" },
	{ "no fault, and not proved", TOKEN_FAULT_NONE, 0, "enrol-refused" },
	{ "no fault, and nearly proved", TOKEN_FAULT_NONE, 1, "enrol-refused" },
	{ "the password's yes", TOKEN_FAULT_NONE, PASSWORD_YES, "enrol-refused" },
	{ "a fault that there is not", (enum token_fault)99, TOKEN_YES, "enrol-refused" },
};

START_TEST(what_a_card_does_not_prove_is_not_enrolled) {
	struct attempt *a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");

	play.fault = faults[_i].fault;
	play.proved = faults[_i].proved;
	answer_step(a, 7, ATTEMPT_STEP_SIGN);
	expect_refused(a, KIM, faults[_i].message);
}
END_TEST

START_TEST(CD_14_another_card_than_the_chosen_one_is_not_enrolled) {
	struct attempt *a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");

	answer_step(a, 8, ATTEMPT_STEP_SIGN);
	ck_assert_uint_eq(play.n_calls, 0);
	expect_refused(a, KIM, "enrol-refused");
}
END_TEST

START_TEST(a_card_of_the_maker_is_for_service_alone) {
	struct attempt *a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");

	play.by_service = true;
	answer_step(a, 7, ATTEMPT_STEP_SIGN);
	expect_refused(a, KIM, "enrol-chain");
}
END_TEST

START_TEST(CD_02_without_authorities_only_what_the_site_allows) {
	struct attempt *a;

	world.auth.trust = NULL;
	a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");
	answer_step(a, 7, ATTEMPT_STEP_SIGN);
	ck_assert_uint_eq(play.n_calls, 0);
	expect_refused(a, KIM, "enrol-chain");
	site->smartcard.enrolled_without_chain = true;
	a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");
	answer_step(a, 7, ATTEMPT_STEP_SIGN);
	ck_assert(play.had_key);
	expect_enrolled(a, KIM);
}
END_TEST

START_TEST(CD_14_of_several_cards_one_is_chosen) {
	struct token_found *found = cards("\x07\x08\x09");
	struct token_found *turned = cards("\x09\x08\x07");
	struct attempt *a = enrol(KIM, CW_FACTOR_SMARTCARD);

	look_at(a, found);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_CHOICE);
	ck_assert_str_eq(attempt_prompt(a)->text, "1 Person 7\n2 Person 8\n3 Person 9");
	ck_assert_int_eq(say(a, "4"), 0);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_CHOICE);
	ck_assert_int_eq(say(a, "10"), 0);
	ck_assert_int_eq(say(a, ""), 0);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_CHOICE);
	ck_assert_int_eq(say(a, "3 Person 9"), 0);
	look_at(a, turned); /* in another order by now */
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_PIN);
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_uint_eq(attempt_token(a)->sign.candidate, 0);
	answer_step(a, 9, ATTEMPT_STEP_SIGN);
	expect_enrolled(a, KIM);
	ck_assert_uint_eq(last_token.id[0], 9);
}
END_TEST

START_TEST(the_chosen_card_taken_away_is_asked_for_again) {
	struct token_found *found = cards("\x07\x08");
	struct token_found *other = cards("\x08");
	struct attempt *a = enrol(KIM, CW_FACTOR_SMARTCARD);

	look_at(a, found);
	ck_assert_int_eq(say(a, "1"), 0);
	look_at(a, other);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_INSERT);
	ck_assert_str_eq(message(a), "token-removed");
	attempt_cancel(a, &world.now, false);
	ck_assert_str_eq(message(a), "cancelled");
	ck_assert_str_eq(trail(), "denied:cancelled");
	(void)attempt_free(a);
}
END_TEST

START_TEST(what_is_no_certificate_is_not_offered) {
	struct token_found *found = cards("\x07\x08");
	struct attempt *a = enrol(KIM, CW_FACTOR_SMARTCARD);

	found->candidates[0].n_certificate = 2;
	look_at(a, found); /* one is left: no choice */
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_PIN);
	(void)attempt_free(a);
	a = enrol(KIM, CW_FACTOR_SMARTCARD);
	found->candidates[1].n_certificate = TOKEN_CERTIFICATE_MAX + 1;
	look_at(a, found);
	expect_refused(a, KIM, "token-unsupported");
	a = enrol(KIM, CW_FACTOR_SMARTCARD);
	found->n = 0;
	look_at(a, found);
	expect_refused(a, KIM, "token-unsupported");
	found->n = UINT32_MAX;
	a = enrol(KIM, CW_FACTOR_SMARTCARD);
	look_at(a, found);
	expect_refused(a, KIM, "token-unsupported");
}
END_TEST

START_TEST(CD_21_the_last_try_of_a_pin_is_warned_of) {
	struct token_found *found = cards("\x07");
	struct attempt *a = enrol(KIM, CW_FACTOR_SMARTCARD);

	found->candidates[0].tries_left = 2;
	look_at(a, found);
	ck_assert_uint_eq(attempt_prompt(a)->tries_left, 2);
	ck_assert_int_eq(say(a, "0000"), 0);
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_PIN_WRONG, 1, &world.now), 0);
	found->candidates[0].tries_left = 1;
	look_at(a, found);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_CONFIRM);
	ck_assert_int_eq(say(a, "yes"), 0);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_PIN);
	ck_assert_int_eq(say(a, "0000"), 0);
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_PIN_LOCKED, 0, &world.now), 0);
	expect_refused(a, KIM, "pin-locked");
	/* No to the last try: it is not made. */
	a = enrol(KIM, CW_FACTOR_SMARTCARD);
	look_at(a, found);
	ck_assert_int_eq(say(a, "no"), 0);
	ck_assert_str_eq(message(a), "cancelled");
	(void)attempt_free(a);
	a = enrol(KIM, CW_FACTOR_SMARTCARD);
	found->candidates[0].tries_left = 0;
	(void)trail();
	look_at(a, found);
	expect_refused(a, KIM, "pin-locked");
}
END_TEST

START_TEST(CD_05_an_empty_pin_is_asked_for_again) {
	struct token_found *found = cards("\x07");
	struct attempt *a = enrol(KIM, CW_FACTOR_SMARTCARD);

	look_at(a, found);
	ck_assert_int_eq(say(a, ""), 0);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_PIN);
	ck_assert_str_eq(message(a), "pin-invalid");
	(void)attempt_free(a);
}
END_TEST

START_TEST(CD_24_at_a_pad_no_pin_is_asked_here) {
	struct token_found *found = cards("\x07");
	struct attempt *a = enrol(KIM, CW_FACTOR_SMARTCARD);

	found->candidates[0].has_pad = true;
	look_at(a, found);
	ck_assert_ptr_nonnull(attempt_token(a));
	ck_assert_uint_eq(attempt_token(a)->sign.pin.n, 0);
	ck_assert_str_eq(attempt_prompt(a)->message, "pin-at-reader");
	answer_step(a, 7, ATTEMPT_STEP_SIGN);
	expect_enrolled(a, KIM);
}
END_TEST

START_TEST(CD_09_a_challenge_is_answered_once_and_in_time) {
	struct attempt *a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");
	uint8_t first[32];

	memcpy(first, attempt_token(a)->sign.digest, 32);
	pass_ms(CHALLENGE_VALID_MS);
	a->deadline_ms = UINT64_MAX; /* not even if the machine forgot its deadline */
	answer_step(a, 7, ATTEMPT_STEP_SIGN);
	ck_assert_uint_eq(play.n_calls, 0);
	expect_refused(a, KIM, "enrol-refused");
	sign_in(ANN); /* locked meanwhile, or not: afresh */
	a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");
	ck_assert_mem_ne(first, attempt_token(a)->sign.digest, 32);
	(void)attempt_free(a);
}
END_TEST

START_TEST(an_answer_that_nobody_asked_for_enrols_nothing) {
	static const enum attempt_state states[] = {
		ATTEMPT_ST_ENROL, ATTEMPT_ST_ENROL_INSERT, ATTEMPT_ST_ENROL_LOOKING,
		ATTEMPT_ST_ENROL_CHOICE, ATTEMPT_ST_ENROL_WARNED, ATTEMPT_ST_ENROL_PIN,
		ATTEMPT_ST_ENROL_SIGNING, ATTEMPT_ST_ENROL_CODE, ATTEMPT_ST_ENROL_AGAIN,
		ATTEMPT_ST_ENROL_MAKING,
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); ++i) {
		static struct token_answer answer;
		struct attempt *a = enrol(KIM, CW_FACTOR_SMARTCARD);

		answer = (struct token_answer){ .factor = CW_FACTOR_SMARTCARD, .n_certificate = 1 };
		a->state = states[i];
		(void)attempt_answered(a, &answer, &world.now);
		ck_assert_int_eq((int)attempt_want(a), ATTEMPT_OVER);
		ck_assert(!is_yes_result(a));
		(void)attempt_free(a);
		a = enrol(KIM, CW_FACTOR_CODE);
		a->state = states[i];
		a->want = ATTEMPT_HASH;
		a->job.is_made = 1;
		(void)attempt_hashed(a, &world.now);
		ck_assert(!is_yes_result(a));
		(void)attempt_free(a);
	}
	ck_assert_uint_eq(play.n_calls, 0);
	ck_assert_int_eq(tokens_of(KIM), 0);
}
END_TEST

/*
 * Security keys
 */

START_TEST(a_key_is_enrolled_by_the_credential_that_it_makes) {
	struct attempt *a = to_signing(KIM, CW_FACTOR_FIDO2, "\x07");
	const struct token_make *make = &attempt_token(a)->make;

	ck_assert(make->verify_user);
	ck_assert_uint_eq(make->pin.n, 4);
	ck_assert_uint_eq(make->exclude.n, 0);
	ck_assert_uint_eq(attempt_token(a)->sign.pin.n, 0);
	ck_assert_int_eq(attempt_touch(a, &world.now), 0);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_TOUCH);
	a->token.step = ATTEMPT_STEP_MAKE;
	answer_step(a, 7, ATTEMPT_STEP_MAKE);
	expect_enrolled(a, KIM);
	ck_assert_uint_eq(last_token.key.id[0], 7);
	/* A second one: the key is told of the first. */
	a = to_signing(KIM, CW_FACTOR_FIDO2, "\x08");
	ck_assert_uint_eq(attempt_token(a)->make.exclude.n, 1);
	ck_assert_uint_eq(attempt_token(a)->make.exclude.list[0].id[0], 7);
	answer_step(a, 8, ATTEMPT_STEP_MAKE);
	ck_assert(is_yes_result(a));
	ck_assert_int_eq(tokens_of(KIM), 2);
	(void)attempt_free(a);
}
END_TEST

START_TEST(FD_24_a_key_that_signed_nothing_when_it_was_made_signs_then) {
	struct token_found *found = cards("\x07");
	struct attempt *a = to_signing(KIM, CW_FACTOR_FIDO2, "\x07");
	uint8_t first[32];

	memcpy(first, attempt_token(a)->make.digest, 32);
	play.proved = 0;
	answer_step(a, 7, ATTEMPT_STEP_MAKE);
	ck_assert_int_eq(tokens_of(KIM), 0);
	ck_assert_uint_eq(attempt_token(a)->look.credentials.n, 1);
	ck_assert_uint_eq(attempt_token(a)->look.credentials.list[0].id[0], 7);
	look_at(a, found);
	ck_assert_str_eq(message(a), "enrol-sign-once");
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_mem_ne(attempt_token(a)->sign.digest, first, 32);
	play.proved = _i == 0 ? TOKEN_YES : 0;
	answer_step(a, 7, ATTEMPT_STEP_SIGN);
	if (_i != 0) { /* it still proves nothing */
		expect_refused(a, KIM, "enrol-refused");
		return;
	}
	expect_enrolled(a, KIM);
	ck_assert_uint_eq(last_token.key.counter, 41);
}
END_TEST

START_TEST(FD_01_a_key_that_verified_nobody_is_not_enrolled) {
	struct attempt *a = to_signing(KIM, CW_FACTOR_FIDO2, "\x07");

	play.is_verified = false;
	answer_step(a, 7, ATTEMPT_STEP_MAKE);
	expect_refused(a, KIM, "enrol-not-verified");
	site->security_key.verification = KEY_VERIFY_NEVER;
	a = to_signing(KIM, CW_FACTOR_FIDO2, "\x07");
	ck_assert(!attempt_token(a)->make.verify_user);
	answer_step(a, 7, ATTEMPT_STEP_MAKE);
	expect_enrolled(a, KIM);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("enrol");
	TCase *t = tcase_create("enrol");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, enrol_set_up, world_tear_down);
	tcase_add_test(t, a_badge_is_enrolled_by_a_tap);
	tcase_add_test(t, FD_26_somebodys_badge_is_not_enrolled_again);
	tcase_add_test(t, a_card_is_enrolled_by_its_signature);
	tcase_add_loop_test(t, what_a_card_does_not_prove_is_not_enrolled, 0,
			    (int)ARRAY_SIZE(faults));
	tcase_add_test(t, CD_14_another_card_than_the_chosen_one_is_not_enrolled);
	tcase_add_test(t, a_card_of_the_maker_is_for_service_alone);
	tcase_add_test(t, CD_02_without_authorities_only_what_the_site_allows);
	tcase_add_test(t, CD_14_of_several_cards_one_is_chosen);
	tcase_add_test(t, the_chosen_card_taken_away_is_asked_for_again);
	tcase_add_test(t, what_is_no_certificate_is_not_offered);
	tcase_add_test(t, CD_21_the_last_try_of_a_pin_is_warned_of);
	tcase_add_test(t, CD_05_an_empty_pin_is_asked_for_again);
	tcase_add_test(t, CD_24_at_a_pad_no_pin_is_asked_here);
	tcase_add_test(t, CD_09_a_challenge_is_answered_once_and_in_time);
	tcase_add_test(t, an_answer_that_nobody_asked_for_enrols_nothing);
	tcase_add_test(t, a_key_is_enrolled_by_the_credential_that_it_makes);
	tcase_add_loop_test(t, FD_24_a_key_that_signed_nothing_when_it_was_made_signs_then, 0, 2);
	tcase_add_test(t, FD_01_a_key_that_verified_nobody_is_not_enrolled);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
