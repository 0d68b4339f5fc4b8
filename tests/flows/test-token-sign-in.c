/* SPDX-License-Identifier: Apache-2.0 */

/* Signing in with a card and with a security key: what proves somebody, and what does not. */

#undef NDEBUG

#include <stdlib.h>
#include <string.h>

#include "tests/flows/held.h"

static struct card kim_card, ada_card, nobody_card;

static void set_up(void) {
	held_set_up();
	kim_card = card_make(&site_ca, "Kim");
	ada_card = card_make(&site_ca, "Ada");
	nobody_card = card_make(&site_ca, "Nobody");
	(void)card_enrol(&kim_card, KIM);
	(void)card_enrol(&ada_card, ADA);
}

static void tear_down(void) {
	card_end(&kim_card);
	card_end(&ada_card);
	card_end(&nobody_card);
	held_tear_down();
}

/*
 * Cards
 */

START_TEST(a_card_and_its_pin_open_a_strong_session) {
	struct token_sight sight = card_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	struct journal_entry entry;

	by_card(a, &kim_card);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
	ck_assert_str_eq(trail(), "sign-in:ok");
	entry = newest(EVENT_SIGN_IN);
	ck_assert_uint_eq(entry.account, KIM);
	ck_assert_uint_eq(entry.assurance, CW_ASSURANCE_STRONG);
	ck_assert_uint_eq(entry.factor, CW_FACTOR_SMARTCARD);
	/* The site lets a missing list pass, and that is said. */
	ck_assert_ptr_nonnull(strstr(entry.detail, "list-missing"));
	ck_assert_uint_eq(world.seat.session.token, token_of(KIM, CW_FACTOR_SMARTCARD).number);
	ck_assert_str_eq(world.seat.session.reader, READER);
}
END_TEST

START_TEST(a_card_is_waited_for_and_taken_when_it_comes) {
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, CW_FACTOR_SMARTCARD, NULL);
	struct token_sight sight = card_in();

	ck_assert_int_eq(attempt_token_failed(a, TOKEN_ABSENT, TRIES_UNKNOWN, &world.now), 0);
	expect_prompt(a, CW_FIELD_INSERT, "insert-card");
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	by_card(a, &kim_card);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
}
END_TEST

START_TEST(a_card_that_comes_while_a_name_is_asked_for_takes_over) {
	struct attempt *a = begin(CW_PURPOSE_SIGN_IN, NULL);
	struct token_sight sight = card_in();

	expect_prompt(a, CW_FIELD_NAME, "ask-name");
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	by_card(a, &ada_card);
	expect_session(a, ADA, CW_ASSURANCE_STRONG);
}
END_TEST

START_TEST(CD_14_all_certificates_are_tried_and_their_order_says_nothing) {
	const struct card *const orders[][3] = {
		{ &nobody_card, &kim_card, &ada_card },
		{ &ada_card, &nobody_card, &kim_card },
		{ &kim_card, &ada_card, &nobody_card },
	};
	struct token_sight sight = card_in();

	for (unsigned i = 0; i < ARRAY_SIZE(orders); ++i) {
		struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

		world.seat.session = (struct session){ 0 };
		find_cards(a, orders[i], 3);
		ck_assert_int_eq(say(a, "1234"), 0);
		ck_assert_int_eq(bring(a, card_answer(a, &kim_card)), 0);
		expect_session(a, KIM, CW_ASSURANCE_STRONG);
	}
}
END_TEST

START_TEST(CD_14_with_a_name_only_that_persons_certificate_counts) {
	const struct card *const both[] = { &kim_card, &ada_card };
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, "ada", CW_FACTOR_SMARTCARD, NULL);

	find_cards(a, both, 2);
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_uint_eq(attempt_token(a)->sign.candidate, 11);
	ck_assert_int_eq(bring(a, card_answer(a, &ada_card)), 0);
	expect_session(a, ADA, CW_ASSURANCE_STRONG);
}
END_TEST

/* What is brought instead of the right answer. */
enum wrong {
	OTHER_CARD,
	BROKEN_SIGNATURE,
	NO_SIGNATURE,
	OTHER_FACTOR,
	EMPTY,
	OLD_DIGEST,
	TOO_LATE,
	AFTER_REBOOT,
	CLOCK_BACK,
	REVOKED_MEANWHILE,
	DISABLED_MEANWHILE,
	N_WRONG,
};

static const char *const wrong_names[] = {
	[OTHER_CARD] = "another card of the same authority",
	[BROKEN_SIGNATURE] = "a signature with a flipped bit",
	[NO_SIGNATURE] = "no signature",
	[OTHER_FACTOR] = "an answer that calls itself a security key's",
	[EMPTY] = "nothing at all",
	[OLD_DIGEST] = "the signature of the attempt before (FD-07)",
	[TOO_LATE] = "an answer after two minutes",
	[AFTER_REBOOT] = "an answer in another boot",
	[CLOCK_BACK] = "an answer before the challenge",
	[REVOKED_MEANWHILE] = "a card that was revoked meanwhile",
	[DISABLED_MEANWHILE] = "an account that was disabled meanwhile",
};

static void revoke_token(struct token token) {
	const struct actor actor = { .account = ANN };

	token.disabled = true;
	ck_assert_int_eq(token_store(world.store, &actor, &world.now, EVENT_TOKEN_REVOKED, &token),
			 0);
}

static const struct token_answer *spoil(struct attempt *a, enum wrong how) {
	static struct token_answer spoiled;
	struct token_answer *answer = card_answer(a, how == OTHER_CARD ? &ada_card : &kim_card);

	if (how == BROKEN_SIGNATURE)
		answer->signature[answer->n_signature - 1] ^= 1;
	else if (how == NO_SIGNATURE)
		answer->n_signature = 0;
	else if (how == OTHER_FACTOR)
		answer->factor = CW_FACTOR_FIDO2;
	else if (how == EMPTY)
		*answer = (struct token_answer){ 0 };
	else if (how == TOO_LATE)
		pass_ms(CHALLENGE_VALID_MS);
	else if (how == AFTER_REBOOT)
		world.now.boot_id[3] ^= 1;
	else if (how == CLOCK_BACK)
		world.now.boot_ms -= 1;
	else if (how == REVOKED_MEANWHILE)
		revoke_token(token_of(KIM, CW_FACTOR_SMARTCARD));
	else if (how == DISABLED_MEANWHILE)
		change_account(KIM, EVENT_ACCOUNT_DISABLED, ACCOUNT_DISABLED);
	if (how != OLD_DIGEST)
		return answer;
	/* Signed now, brought to the next attempt. */
	spoiled = *answer;
	return &spoiled;
}

START_TEST(nothing_but_this_cards_signature_of_this_attempt_opens) {
	struct token_sight sight = card_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight), *next;
	const struct token_answer *answer;
	const struct card *cards[] = { &kim_card };

	find_cards(a, cards, 1);
	ck_assert_int_eq(say(a, "1234"), 0);
	answer = spoil(a, (enum wrong)_i);
	if (_i == OLD_DIGEST) {
		next = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
		find_cards(next, cards, 1);
		ck_assert_int_eq(say(next, "1234"), 0);
		(void)attempt_free(a);
		a = next;
	}
	(void)attempt_answered(a, answer, &world.now);
	ck_assert_msg(attempt_want(a) == ATTEMPT_OVER && !is_yes_result(a), "%s opened",
		      wrong_names[_i]);
	ck_assert_msg(strcmp(message(a), _i == TOO_LATE ? "timed-out" : "token-refused") == 0, "%s: %s",
		      wrong_names[_i], message(a));
	/* Once more, and rightly: over is over. */
	(void)attempt_answered(a, card_answer(a, &kim_card), &world.now);
	ck_assert(!is_yes_result(a));
	(void)attempt_free(a);
	ck_assert_uint_eq(world.seat.session.number, 0);
}
END_TEST

START_TEST(an_answer_counts_once_and_only_where_it_is_waited_for) {
	static const struct token_found nothing;
	struct token_sight sight = card_in();
	const struct card *cards[] = { &kim_card };
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

	/* While it looks, and while the PIN is asked for. */
	ck_assert_int_eq(attempt_answered(a, card_answer(a, &kim_card), &world.now), -EPROTO);
	expect_over(a, "failed", "");
	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	find_cards(a, cards, 1);
	ck_assert_int_eq(attempt_answered(a, card_answer(a, &kim_card), &world.now), -EPROTO);
	expect_over(a, "failed", "");
	/* Found twice. */
	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	find_cards(a, cards, 1);
	ck_assert_int_eq(attempt_found(a, &nothing, &world.now), -EPROTO);
	expect_over(a, "failed", "");
}
END_TEST

START_TEST(CD_16_a_card_that_nobody_has_is_refused_like_a_wrong_one) {
	struct token_sight sight = card_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

	by_card(a, &nobody_card);
	expect_over(a, "token-refused", "sign-in:refused");
	ck_assert_str_eq(newest(EVENT_SIGN_IN).detail, "why=unknown-token");
	ck_assert_uint_eq(newest(EVENT_SIGN_IN).account, 0);
}
END_TEST

START_TEST(CD_16_a_card_of_a_stranger_with_the_same_name_is_nobodys) {
	struct authority other;
	static struct card forged;
	struct token_sight sight = card_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

	authority_chain(&other, 1);
	forged = card_make(&other, "Kim");
	by_card(a, &forged);
	expect_over(a, "token-refused", "sign-in:refused");
	ck_assert_str_eq(newest(EVENT_SIGN_IN).detail, "why=chain");
	card_end(&forged);
	authority_end(&other);
}
END_TEST

START_TEST(CD_04_a_wrong_pin_is_told_with_what_is_left_and_sent_once) {
	struct token_sight sight = card_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	const struct card *cards[] = { &kim_card };

	find_cards(a, cards, 1);
	ck_assert_uint_eq(attempt_prompt(a)->tries_left, 3);
	ck_assert(attempt_prompt(a)->is_secret);
	ck_assert_int_eq(say(a, "9999"), 0);
	ck_assert_uint_eq(attempt_token(a)->sign.pin.n, 4);
	ck_assert_uint_eq(a->held.pin.n, 0);
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_PIN_WRONG, 2, &world.now), 0);
	ck_assert_uint_eq(a->token.sign.pin.n, 0);
	ck_assert_str_eq(trail(), "sign-in:refused+claimed");
	ck_assert_str_eq(newest(EVENT_SIGN_IN).detail, "why=pin-wrong tries=2");
	find_cards(a, cards, 1);
	expect_prompt(a, CW_FIELD_PIN, "pin-wrong");
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_int_eq(bring(a, card_answer(a, &kim_card)), 0);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
	/* The card counts, the device does not. */
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 0);
}
END_TEST

static struct token_found *final_of(const struct card *card, bool has_pad) {
	static struct token_found found;

	found = (struct token_found){ .n = 1 };
	found.candidates[0].needs_pin = !has_pad;
	found.candidates[0].has_pad = has_pad;
	found.candidates[0].pin_final = true;
	found.candidates[0].tries_left = 1;
	found.candidates[0].n_certificate = card->n_der;
	memcpy(found.candidates[0].certificate, card->der, card->n_der);
	return &found;
}

START_TEST(CD_21_the_last_try_is_warned_of_and_taken_only_with_a_yes) {
	struct token_sight sight = card_in();
	struct token_found *found = final_of(&kim_card, _i != 0);
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

	ck_assert_int_eq(attempt_found(a, found, &world.now), 0);
	expect_prompt(a, CW_FIELD_CONFIRM, "pin-last-try");
	ck_assert_int_eq(say(a, "Yes"), 0);
	expect_over(a, "cancelled", "sign-in:cancelled+claimed");

	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	ck_assert_int_eq(attempt_found(a, found, &world.now), 0);
	ck_assert_int_eq(say(a, "yes"), 0);
	if (_i == 0) {
		expect_prompt(a, CW_FIELD_PIN, "ask-pin");
		ck_assert_uint_eq(attempt_prompt(a)->tries_left, 1);
		ck_assert_int_eq(say(a, "1234"), 0);
	}
	ck_assert_int_eq(bring(a, card_answer(a, &kim_card)), 0);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
}
END_TEST

START_TEST(CD_22_a_locked_pin_is_said_recorded_and_another_factor_offered) {
	struct token_sight sight = card_in();
	struct token_found *found = final_of(&kim_card, false);
	const char *const password[] = { "kim", PASSWORD_OF " kim's", NULL };
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

	found->candidates[0].pin_locked = true;
	ck_assert_int_eq(attempt_found(a, found, &world.now), 0);
	expect_prompt(a, CW_FIELD_NAME, "pin-locked");
	ck_assert_str_eq(trail(), "sign-in:refused+claimed");
	ck_assert_str_eq(newest(EVENT_SIGN_IN).detail, "why=pin-locked");
	talk(a, password);
	expect_session(a, KIM, CW_ASSURANCE_PASSWORD);
	ck_assert_uint_eq(world.seat.session.token, 0);
}
END_TEST

START_TEST(CD_22_whoever_chose_the_card_hears_that_it_is_locked_and_no_loop) {
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, CW_FACTOR_SMARTCARD, NULL);
	const struct card *cards[] = { &kim_card };

	find_cards(a, cards, 1);
	ck_assert_int_eq(say(a, "1"), 0);
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_PIN_LOCKED, 0, &world.now), 0);
	expect_over(a, "pin-locked", "sign-in:refused+claimed");
}
END_TEST

START_TEST(CD_24_a_pin_pad_is_pointed_to_and_no_pin_is_asked_here) {
	struct token_sight sight = card_in();
	struct token_found *found = final_of(&kim_card, true);
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

	found->candidates[0].pin_final = false;
	found->candidates[0].tries_left = 2;
	ck_assert_int_eq(attempt_found(a, found, &world.now), 0);
	ck_assert_int_eq((int)attempt_want(a), ATTEMPT_TOKEN);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_TOUCH);
	ck_assert_str_eq(attempt_prompt(a)->message, "pin-at-reader");
	ck_assert_uint_eq(attempt_token(a)->sign.pin.n, 0);
	ck_assert_int_eq(bring(a, card_answer(a, &kim_card)), 0);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
}
END_TEST

/* What the device may say, and what the person then sees. */
static const struct {
	const char *why;
	enum token_error error;
	const char *chosen;  /* who asked for the card: over with this; NULL: a prompt     */
	const char *offered; /* who did not: a prompt with this                            */
	const char *records;
} failures[] = {
	{ "no card", TOKEN_ABSENT, NULL, "insert-card", "" },
	{ "the card was taken away", TOKEN_REMOVED, NULL, "token-removed", "" },
	{ "CD-30: the reader has gone", TOKEN_READER_GONE, "reader-unavailable",
	  "reader-unavailable", "sign-in:failed" },
	{ "the module cannot be loaded", TOKEN_MODULE, "module-unusable", "module-unusable",
	  "sign-in:failed" },
	{ "CD-27: the helper died", TOKEN_ENDED, "token-failed", "token-failed",
	  "sign-in:failed" },
	{ "the helper hung", TOKEN_LATE, "token-late", "token-late", "sign-in:failed" },
	{ "no helper is free", TOKEN_BUSY, "busy", "busy", "sign-in:failed" },
	{ "the library said anything", TOKEN_BROKEN, "token-failed", "token-failed",
	  "sign-in:failed" },
	{ "a number that there is not", (enum token_error)77, "token-failed", "token-failed",
	  "sign-in:failed" },
	{ "no error and no answer", TOKEN_OK, "token-failed", "token-failed", "sign-in:failed" },
};

START_TEST(a_device_that_fails_counts_nothing_and_offers_another_way) {
	struct token_sight sight = card_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, CW_FACTOR_SMARTCARD, NULL);

	ck_assert_int_eq(attempt_token_failed(a, failures[_i].error, TRIES_UNKNOWN, &world.now), 0);
	if (failures[_i].chosen) {
		expect_over(a, failures[_i].chosen, failures[_i].records);
	} else {
		expect_prompt(a, CW_FIELD_INSERT, failures[_i].offered);
		(void)attempt_free(a);
	}
	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	ck_assert_int_eq(attempt_token_failed(a, failures[_i].error, TRIES_UNKNOWN, &world.now), 0);
	expect_prompt(a, failures[_i].chosen ? CW_FIELD_NAME : CW_FIELD_INSERT,
		      failures[_i].offered);
	(void)attempt_free(a);
}
END_TEST

START_TEST(going_round_in_circles_ends) {
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, CW_FACTOR_SMARTCARD, NULL);
	unsigned n = 0;

	while (attempt_want(a) != ATTEMPT_OVER && ++n < 100) {
		if (attempt_want(a) == ATTEMPT_TOKEN)
			(void)attempt_token_failed(a, TOKEN_REMOVED, TRIES_UNKNOWN, &world.now);
		else
			(void)say(a, "");
	}
	ck_assert_uint_lt(n, 2 * ATTEMPT_FAULTS_MAX);
	ck_assert(!is_yes_result(a));
	(void)attempt_free(a);
}
END_TEST

START_TEST(TM_01_a_card_opens_at_any_clock_that_is_not_believed) {
	static const int64_t clocks[] = { 0, 915148800000, 2147483647000, 4291747200000,
					  253402300799000 };
	static int64_t not_before = AUTHORITY_NOW * INT64_C(1000);
	struct token_sight sight = card_in();
	struct attempt *a;

	world.auth.not_before_ms = &not_before;
	for (unsigned i = 0; i < ARRAY_SIZE(clocks); ++i) {
		world.now.wall_ms = clocks[i];
		world.now.trust = CLOCK_UNKNOWN;
		world.seat.session = (struct session){ 0 };
		a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
		by_card(a, &kim_card);
		expect_session(a, KIM, CW_ASSURANCE_STRONG);
	}
	/* A clock that is believed judges by itself: both are too far off. */
	world.now.trust = CLOCK_TRUSTED;
	world.now.wall_ms = 4291747200000;
	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	by_card(a, &kim_card);
	ck_assert(!is_yes_result(a));
	(void)attempt_free(a);
}
END_TEST

/*
 * Security keys
 */

START_TEST(a_name_and_a_key_with_verification_open_a_strong_session) {
	struct token token;
	struct key key = key_enrol_for(KIM, 7, &token);
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, CW_FACTOR_FIDO2, NULL);

	expect_prompt(a, CW_FIELD_NAME, "ask-name");
	ck_assert_int_eq(say(a, "kim"), 0);
	ck_assert_uint_eq(attempt_token(a)->look.credentials.n, 1);
	by_key(a, &key, &token, 8);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
	ck_assert_str_eq(trail(), "token-counter:ok sign-in:ok");
	ck_assert_uint_eq(token_of(KIM, CW_FACTOR_FIDO2).key.counter, 8);
	ck_assert_uint_eq(world.seat.session.factor, CW_FACTOR_FIDO2);
	key_end(&key);
}
END_TEST

static const struct {
	const char *why;
	uint32_t before, now;
	bool opens;
} counters[] = {
	{ "it grew", 5, 6, true },
	{ "it never counts", 0, 0, true },
	{ "the same again", 5, 5, false },
	{ "lower", 5, 4, false },
	{ "0 after it had counted", 5, 0, false },
	{ "it went round", 0xffffffff, 1, false },
};

START_TEST(FD_05_a_counter_that_does_not_grow_is_refused_with_an_alarm) {
	struct token token;
	struct key key = key_enrol_for(KIM, counters[_i].before, &token);
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, "kim", CW_FACTOR_FIDO2, NULL);

	by_key(a, &key, &token, counters[_i].now);
	ck_assert_msg(is_yes_result(a) == counters[_i].opens, "%s", counters[_i].why);
	if (!counters[_i].opens) {
		expect_over(a, "token-refused", "sign-in:refused+claimed alarm:failed");
		ck_assert_str_eq(newest(EVENT_SIGN_IN).detail, "why=counter");
		ck_assert_str_eq(newest(EVENT_ALARM).detail, "what=key-counter");
		ck_assert_uint_eq(newest(EVENT_ALARM).target, KIM);
	} else {
		(void)attempt_free(a);
	}
	ck_assert_uint_eq(token_of(KIM, CW_FACTOR_FIDO2).key.counter,
			  counters[_i].opens ? counters[_i].now : counters[_i].before);
	key_end(&key);
}
END_TEST

START_TEST(FD_06_two_sign_ins_at_once_by_one_key_are_not_both_the_newest) {
	struct token token;
	struct key key = key_enrol_for(KIM, 7, &token);
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, "kim", CW_FACTOR_FIDO2, NULL);
	struct attempt *b = begin_with(CW_PURPOSE_SIGN_IN, "kim", CW_FACTOR_FIDO2, NULL);

	find_key(a, false);
	find_key(b, false);
	ck_assert_int_eq(bring(a, key_answer(a, &key, &token, 8, 0)), 0);
	ck_assert(is_yes_result(a));
	ck_assert_int_eq(bring(b, key_answer(b, &key, &token, 8, 0)), 0);
	ck_assert(!is_yes_result(b));
	(void)attempt_free(a);
	(void)attempt_free(b);
	key_end(&key);
}
END_TEST

START_TEST(FD_06_a_cut_before_the_commit_leaves_the_counter_and_the_next_try_works) {
	struct token token;
	struct key key = key_enrol_for(KIM, 7, &token);
	struct attempt *a;
	bool opened = false;

	for (unsigned n = 1; !opened && n < 400; ++n) {
		a = begin_with(CW_PURPOSE_SIGN_IN, "kim", CW_FACTOR_FIDO2, NULL);
		find_key(a, false);
		fault_at(n, true);
		(void)bring(a, key_answer(a, &key, &token, 8, 0));
		opened = is_yes_result(a);
		(void)fault_off();
		(void)attempt_free(a);
		world_close();
		world_open();
		ck_assert_uint_eq(token_of(KIM, CW_FACTOR_FIDO2).key.counter, opened ? 8 : 7);
	}
	ck_assert(opened);
	key_end(&key);
}
END_TEST

START_TEST(FD_08_the_credential_of_somebody_else_is_refused_for_all_its_signature) {
	struct token kim, ada;
	struct key kims = key_enrol_for(KIM, 0, &kim), adas = key_enrol_for(ADA, 0, &ada);
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, "kim", CW_FACTOR_FIDO2, NULL);

	find_key(a, false);
	ck_assert_int_eq(bring(a, key_answer(a, &adas, &ada, 0, 0)), 0);
	expect_over(a, "token-refused", "sign-in:refused+claimed");
	ck_assert_str_eq(newest(EVENT_SIGN_IN).detail, "why=other-person");
	key_end(&kims);
	key_end(&adas);
}
END_TEST

START_TEST(FD_03_touch_without_verification_is_refused_where_it_is_required) {
	struct token token;
	struct key key = key_enrol_for(KIM, 0, &token);
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, "kim", CW_FACTOR_FIDO2, NULL);

	/* The PIN prompt is given up, then the key is touched. */
	find_key(a, true);
	attempt_cancel(a, &world.now, false);
	(void)attempt_answered(a, key_answer(a, &key, &token, 0, 0), &world.now);
	expect_over(a, "cancelled", "sign-in:cancelled+claimed");
	a = begin_with(CW_PURPOSE_SIGN_IN, "kim", CW_FACTOR_FIDO2, NULL);
	find_key(a, false);
	ck_assert(attempt_token(a)->sign.verify_user);
	ck_assert_int_eq(bring(a, key_answer(a, &key, &token, 0, 0x04)), 0);
	expect_over(a, "token-refused", "sign-in:refused+claimed");
	ck_assert_str_eq(newest(EVENT_SIGN_IN).detail, "why=not-verified");
	key_end(&key);
}
END_TEST

START_TEST(PO_16_touch_alone_is_no_more_than_a_badge) {
	struct token token;
	struct key key = key_enrol_for(KIM, 0, &token);
	struct attempt *a;

	for (unsigned verified = 0; verified < 2; ++verified) {
		site->security_key.verification = KEY_VERIFY_NEVER;
		world.seat.session = (struct session){ 0 };
		a = begin_with(CW_PURPOSE_SIGN_IN, "kim", CW_FACTOR_FIDO2, NULL);
		find_key(a, false);
		ck_assert(!attempt_token(a)->sign.verify_user);
		ck_assert_int_eq(bring(a, key_answer(a, &key, &token, 0, verified ? 0 : 0x04)), 0);
		expect_session(a, KIM, CW_ASSURANCE_BADGE);
	}
	key_end(&key);
}
END_TEST

START_TEST(a_name_without_a_key_is_asked_like_one_that_has_one) {
	static const char *const names[] = { "ada", "nobody.at.all", "off", "../x" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); ++i) {
		struct token_credentials before;
		struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, names[i], CW_FACTOR_FIDO2, NULL);

		ck_assert_uint_eq(attempt_token(a)->look.credentials.n, 1);
		before = attempt_token(a)->look.credentials;
		ck_assert_int_eq(
			attempt_token_failed(a, TOKEN_NO_CREDENTIAL, TRIES_UNKNOWN, &world.now), 0);
		expect_prompt(a, CW_FIELD_INSERT, "token-unknown");
		/* The same for the same name. */
		ck_assert_int_eq(say(a, ""), 0);
		ck_assert_mem_eq(&before, &attempt_token(a)->look.credentials, sizeof(before));
		(void)attempt_free(a);
	}
}
END_TEST

START_TEST(FD_16_all_keys_are_tried_and_then_a_later_one_is_waited_for) {
	struct token token;
	struct key key = key_enrol_for(KIM, 0, &token);
	static const struct token_found two = { .n = 2, .candidates = { [1] = { .index = 1 } } };
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, "kim", CW_FACTOR_FIDO2, NULL);
	struct token_sight sight = key_in();

	for (uint32_t i = 0; i < 2; ++i) {
		ck_assert_int_eq(attempt_found(a, &two, &world.now), 0);
		ck_assert_uint_eq(attempt_token(a)->sign.candidate, i);
		ck_assert_int_eq(
			attempt_token_failed(a, TOKEN_NO_CREDENTIAL, TRIES_UNKNOWN, &world.now), 0);
	}
	expect_prompt(a, CW_FIELD_INSERT, "token-unknown");
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	by_key(a, &key, &token, 0);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
	key_end(&key);
}
END_TEST

/*
 * Which factor
 */

START_TEST(what_the_site_does_not_offer_is_not_begun) {
	static const enum cw_factor factors[] = { CW_FACTOR_SMARTCARD, CW_FACTOR_FIDO2,
						  CW_FACTOR_BADGE };
	struct token_sight sight = card_in();
	struct attempt *a;

	site->smartcard.on = site->security_key.on = site->badge.on = false;
	for (unsigned i = 0; i < ARRAY_SIZE(factors); ++i)
		expect_over(begin_with(CW_PURPOSE_SIGN_IN, NULL, factors[i], NULL), "not-offered",
			    "");
	/* What lies there is not looked at. */
	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	expect_prompt(a, CW_FIELD_NAME, "ask-name");
	(void)attempt_free(a);
}
END_TEST

START_TEST(who_types_a_name_is_not_asked_for_the_card_that_lies_there) {
	struct token_sight sight = card_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, "ada", 0, &sight);

	expect_prompt(a, CW_FIELD_PASSWORD, "ask-password");
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_session_is_unlocked_by_its_owners_card_alone) {
	struct token_sight sight = card_in();
	struct attempt *a;

	sign_in(KIM);
	ck_assert_int_eq(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
	(void)trail();
	a = begin_with(CW_PURPOSE_UNLOCK, NULL, 0, &sight);
	by_card(a, &ada_card);
	expect_over(a, "token-refused", "unlock:refused+claimed");
	a = begin_with(CW_PURPOSE_UNLOCK, NULL, 0, &sight);
	by_card(a, &kim_card);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
	ck_assert_str_eq(trail(), "unlock:ok");
}
END_TEST

START_TEST(re_authentication_proves_as_much_as_what_it_was_done_with) {
	struct token_sight sight = card_in();
	struct attempt *a;

	sign_in(KIM);
	a = begin_with(CW_PURPOSE_REAUTH, NULL, 0, &sight);
	by_card(a, &kim_card);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
	ck_assert_int_eq((int)world.seat.session.reauth_assurance, CW_ASSURANCE_STRONG);
	ck_assert_int_eq((int)world.seat.session.assurance, CW_ASSURANCE_STRONG);
	/* A password does not lift it again to what the card proved. */
	a = begin_with(CW_PURPOSE_REAUTH, NULL, CW_FACTOR_PASSWORD, NULL);
	ck_assert_int_eq(say(a, PASSWORD_OF " kim's"), 0);
	(void)hash(a);
	ck_assert_int_eq((int)attempt_result(a)->assurance, CW_ASSURANCE_PASSWORD);
	apply(attempt_result(a));
	ck_assert_int_eq((int)world.seat.session.reauth_assurance, CW_ASSURANCE_PASSWORD);
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_card_is_no_way_around_a_password_that_must_be_changed) {
	static struct card card;
	struct token_sight sight = card_in();
	struct attempt *a;

	card = card_make(&site_ca, "Otp");
	/* By the card one gets in; by the one-time password still nowhere but to its change. */
	give_password(OTP, ONE_TIME, true); /* its time begins at the clock of these tests */
	(void)card_enrol(&card, OTP);
	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	by_card(a, &card);
	expect_session(a, OTP, CW_ASSURANCE_STRONG);
	ck_assert(password_now(OTP).one_time);
	a = begin_with(CW_PURPOSE_REAUTH, NULL, CW_FACTOR_PASSWORD, NULL);
	ck_assert_int_eq(say(a, ONE_TIME), 0);
	(void)hash(a);
	expect_prompt(a, CW_FIELD_NEW_PASSWORD, "ask-new-password-forced");
	(void)attempt_free(a);
	card_end(&card);
}
END_TEST

START_TEST(LK_10_a_card_clears_no_count_of_the_password) {
	const char *const wrong[] = { "kim", "wrong horse", NULL };
	struct token_sight sight = card_in();
	struct attempt *a;

	for (unsigned i = 0; i < 2; ++i)
		(void)attempt_free(converse(CW_PURPOSE_SIGN_IN, wrong));
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 2);
	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	by_card(a, &kim_card);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 2);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("token-sign-in");
	TCase *t = tcase_create("token-sign-in");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_card_and_its_pin_open_a_strong_session);
	tcase_add_test(t, a_card_is_waited_for_and_taken_when_it_comes);
	tcase_add_test(t, a_card_that_comes_while_a_name_is_asked_for_takes_over);
	tcase_add_test(t, CD_14_all_certificates_are_tried_and_their_order_says_nothing);
	tcase_add_test(t, CD_14_with_a_name_only_that_persons_certificate_counts);
	tcase_add_loop_test(t, nothing_but_this_cards_signature_of_this_attempt_opens, 0, N_WRONG);
	tcase_add_test(t, an_answer_counts_once_and_only_where_it_is_waited_for);
	tcase_add_test(t, CD_16_a_card_that_nobody_has_is_refused_like_a_wrong_one);
	tcase_add_test(t, CD_16_a_card_of_a_stranger_with_the_same_name_is_nobodys);
	tcase_add_test(t, CD_04_a_wrong_pin_is_told_with_what_is_left_and_sent_once);
	tcase_add_loop_test(t, CD_21_the_last_try_is_warned_of_and_taken_only_with_a_yes, 0, 2);
	tcase_add_test(t, CD_22_a_locked_pin_is_said_recorded_and_another_factor_offered);
	tcase_add_test(t, CD_22_whoever_chose_the_card_hears_that_it_is_locked_and_no_loop);
	tcase_add_test(t, CD_24_a_pin_pad_is_pointed_to_and_no_pin_is_asked_here);
	tcase_add_loop_test(t, a_device_that_fails_counts_nothing_and_offers_another_way, 0,
			    ARRAY_SIZE(failures));
	tcase_add_test(t, going_round_in_circles_ends);
	tcase_add_test(t, TM_01_a_card_opens_at_any_clock_that_is_not_believed);
	tcase_add_test(t, a_name_and_a_key_with_verification_open_a_strong_session);
	tcase_add_loop_test(t, FD_05_a_counter_that_does_not_grow_is_refused_with_an_alarm, 0,
			    ARRAY_SIZE(counters));
	tcase_add_test(t, FD_06_two_sign_ins_at_once_by_one_key_are_not_both_the_newest);
	tcase_add_test(t, FD_06_a_cut_before_the_commit_leaves_the_counter_and_the_next_try_works);
	tcase_add_test(t, FD_08_the_credential_of_somebody_else_is_refused_for_all_its_signature);
	tcase_add_test(t, FD_03_touch_without_verification_is_refused_where_it_is_required);
	tcase_add_test(t, PO_16_touch_alone_is_no_more_than_a_badge);
	tcase_add_test(t, a_name_without_a_key_is_asked_like_one_that_has_one);
	tcase_add_test(t, FD_16_all_keys_are_tried_and_then_a_later_one_is_waited_for);
	tcase_add_test(t, what_the_site_does_not_offer_is_not_begun);
	tcase_add_test(t, who_types_a_name_is_not_asked_for_the_card_that_lies_there);
	tcase_add_test(t, a_session_is_unlocked_by_its_owners_card_alone);
	tcase_add_test(t, re_authentication_proves_as_much_as_what_it_was_done_with);
	tcase_add_test(t, a_card_is_no_way_around_a_password_that_must_be_changed);
	tcase_add_test(t, LK_10_a_card_clears_no_count_of_the_password);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
