/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every call of an attempt in any order, with any answer that is not a right one:
 * nothing ever succeeds. And with the right one at the end of the right order, it
 * does: so the walk gets to where it could.
 */

#undef NDEBUG

#include <stdlib.h>
#include <string.h>

#include "tests/flows/held.h"

#define WALKS 250u
#define STEPS 24u

static struct card kim_card, nobody_card;
static struct key kim_key;
static struct token kim_key_row;
static uint64_t seed;
static unsigned reached[ATTEMPT_N_STATES];

static unsigned below(unsigned n) {
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

static void set_up(void) {
	held_set_up();
	kim_card = card_make(&site_ca, "Kim");
	nobody_card = card_make(&site_ca, "Nobody");
	(void)card_enrol(&kim_card, KIM);
	kim_key = key_enrol_for(KIM, 9, &kim_key_row);
	badge_enrol(KIM, 1);
	code_enrol(KIM, CODE);
	memset(reached, 0, sizeof(reached));
}

static void tear_down(void) {
	card_end(&kim_card);
	card_end(&nobody_card);
	key_end(&kim_key);
	held_tear_down();
}

/* Candidates of all kinds, the right card among them. */
static const struct token_found *any_found(void) {
	static struct token_found found;

	memset(&found, 0, sizeof(found));
	found.n = below(4);
	if (below(20) == 0)
		found.n = below(2) ? TOKEN_CANDIDATES_MAX + 1 : UINT32_MAX;
	for (unsigned i = 0; i < TOKEN_CANDIDATES_MAX; ++i) {
		struct token_candidate *c = &found.candidates[i];
		const struct card *card = below(2) ? &kim_card : &nobody_card;

		c->index = below(9);
		c->needs_pin = below(2);
		c->has_pad = below(5) == 0;
		c->pin_final = below(6) == 0;
		c->pin_locked = below(9) == 0;
		c->tries_left = below(4) ? TRIES_UNKNOWN : below(4);
		c->n_certificate = below(7) ? card->n_der : below(5000);
		memcpy(c->certificate, card->der, card->n_der);
		memset(c->reader, 'R', sizeof(c->reader));
	}
	return &found;
}

/* Never a right answer: something of it is always another's, old, or broken. */
static const struct token_answer *wrong_answer(const struct attempt *a) {
	static struct token_answer answer;
	const struct key_request counted = { .counter = 10 + below(3) };
	uint8_t digest[32];

	memcpy(digest, a->held.digest, sizeof(digest));
	digest[below(32)] ^= (uint8_t)(1 + below(255)); /* never the one that is asked */
	memset(&answer, 0, sizeof(answer));
	if (below(2)) {
		key_assert(&kim_key, &counted, digest, &answer);
		answer.n_credential = kim_key_row.key.n_id;
		memcpy(answer.credential, kim_key_row.key.id, kim_key_row.key.n_id);
	} else {
		const struct card *card = below(4) ? &kim_card : &nobody_card;

		answer.factor = CW_FACTOR_SMARTCARD;
		answer.n_certificate = card->n_der;
		memcpy(answer.certificate, card->der, card->n_der);
		answer.n_signature = authority_sign_digest(&card->held, digest, answer.signature,
							   sizeof(answer.signature));
	}
	if (below(5) == 0)
		answer.factor = (enum cw_factor)below(CW_N_FACTORS + 2);
	if (below(9) == 0)
		answer.n_signature = below(2) ? SIZE_MAX : below(TOKEN_SIGNATURE_MAX + 9);
	if (below(9) == 0)
		answer.n_certificate = below(2) ? SIZE_MAX : below(TOKEN_CERTIFICATE_MAX + 9);
	if (below(9) == 0)
		answer.n_authdata = below(2) ? SIZE_MAX : below(TOKEN_AUTHDATA_MAX + 9);
	if (below(9) == 0)
		answer.n_credential = below(2) ? SIZE_MAX : below(TOKEN_CREDENTIAL_MAX + 9);
	return &answer;
}

static struct token_sight any_sight(void) {
	/* Not Kim's own badge: where a tap is enough, a tap is a right answer. */
	struct token_sight sight = badge_at((uint8_t)(2 + below(200)));

	sight.kind = (enum token_sight_kind)below(TOKEN_N_SIGHTS + 2);
	if (below(9) == 0)
		sight.n_id = below(2) ? SIZE_MAX : below(TOKEN_BADGE_MAX + 2);
	return sight;
}

static void any_word(struct attempt *a) {
	static const char *const words[] = { "kim",   "ada",  "nobody", "yes",  "no",
					     "card",  "security key", "", "1234", "0000",
					     "wrong", "x\ty", "no because" };

	(void)say(a, words[below(ARRAY_SIZE(words))]);
}

static void any_call(struct attempt *a) {
	struct token_sight sight = any_sight();

	switch (below(12)) {
	case 0:
		(void)attempt_touch(a, &world.now);
		return;
	case 1:
		(void)attempt_token_failed(a, (enum token_error)below(TOKEN_N_ERRORS + 2), below(4),
					   &world.now);
		return;
	case 2:
		(void)attempt_answered(a, below(20) ? wrong_answer(a) : NULL, &world.now);
		return;
	case 3:
		(void)attempt_presented(a, &sight, &world.now);
		return;
	case 4:
		if (below(12) == 0)
			attempt_cancel(a, &world.now, below(2));
		return;
	case 5:
		pass_ms(below(9) == 0 ? 130000 : below(2000));
		return;
	case 6:
		if (below(6) == 0)
			(void)attempt_hashed(a, &world.now);
		return;
	default:
		break;
	}
	/* Mostly what is waited for, so that the walk gets far. */
	if (attempt_want(a) == ATTEMPT_HASH)
		(void)hash(a);
	else if (attempt_want(a) == ATTEMPT_ANSWER)
		any_word(a);
	else if (a->state == ATTEMPT_ST_LOOKING)
		(void)attempt_found(a, below(20) ? any_found() : NULL, &world.now);
	else
		(void)attempt_answered(a, wrong_answer(a), &world.now);
}

static struct attempt *any_begin(void) {
	static const enum cw_purpose purposes[] = { CW_PURPOSE_SIGN_IN, CW_PURPOSE_UNLOCK,
						    CW_PURPOSE_REAUTH, CW_PURPOSE_WITNESS, 0 };
	static const enum cw_factor factors[] = { CW_FACTOR_NONE, CW_FACTOR_SMARTCARD,
						  CW_FACTOR_FIDO2, CW_FACTOR_BADGE };
	struct approval_request approval = { .action = action("settings.limits"), .words = "w" };
	struct witness_request witness = { .action = action("therapy.opiate") };
	struct token_sight sight = any_sight();
	struct attempt_request request = {
		.purpose = purposes[below(ARRAY_SIZE(purposes))],
		.factor = factors[below(ARRAY_SIZE(factors))],
		.name = below(3) ? NULL : "kim",
		.presented = below(2) ? &sight : NULL,
		.witness = &witness,
		.actor = { .seat = 1, .peer_uid = 1000 },
	};
	struct attempt *a = NULL;

	if (request.purpose == 0)
		request.approval = &approval;
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a), 0);
	return a;
}

START_TEST(FD_07_no_order_of_calls_with_wrong_answers_ever_succeeds) {
	seed = 20261121u + (uint64_t)_i;
	world.policy->table.actions[action("therapy.opiate")].witness = 1;
	sign_in(ADA);
	for (unsigned w = 0; w < WALKS; ++w) {
		struct attempt *a;

		(void)seat_signal(&world.seat, &world.policy->table, 0, below(4) ? -1 : 0,
				  &world.now);
		a = any_begin();

		for (unsigned s = 0; s < STEPS && attempt_want(a) != ATTEMPT_OVER; ++s) {
			reached[a->state]++;
			any_call(a);
			ck_assert_msg(!is_yes_result(a), "walk %u of seed %d, step %u", w, _i, s);
			ck_assert(!a->first.is_proved && !a->second.is_proved);
		}
		attempt_cancel(a, &world.now, false);
		ck_assert(!is_yes_result(a));
		ck_assert_uint_eq(attempt_result(a)->session, 0);
		(void)attempt_free(a);
		pass_ms(3600 * 1000); /* no wait of a lockout keeps the next one from walking */
		world.seat.session.activity_ms = world.now.boot_ms;
	}
	ck_assert_uint_gt(reached[ATTEMPT_ST_SIGNING], 10);
	ck_assert_uint_gt(reached[ATTEMPT_ST_PIN], 10);
	ck_assert_uint_gt(reached[ATTEMPT_ST_WARNED], 0);
	ck_assert_uint_gt(reached[ATTEMPT_ST_INSERT], 10);
	ck_assert_uint_gt(reached[ATTEMPT_ST_DIGITS], 0);
}
END_TEST

START_TEST(each_failure_of_the_store_lets_nobody_in) {
	struct token_sight sight = card_in();
	const struct card *cards[] = { &kim_card };
	unsigned steps = 0;

	for (unsigned n = 0; n == 0 || n <= steps; ++n) {
		struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

		may_fail = true;
		fault_at(n, true);
		find_cards(a, cards, 1);
		(void)say(a, "1234");
		if (attempt_token(a))
			(void)attempt_answered(a, card_answer(a, &kim_card), &world.now);
		if (n == 0)
			steps = fault_off();
		else
			(void)fault_off();
		ck_assert_msg(is_yes_result(a) == (n == 0), "step %u of %u", n, steps);
		if (n > 0)
			ck_assert_uint_eq(attempt_result(a)->account.number, 0);
		(void)attempt_free(a);
		world_close();
		world_open();
	}
	ck_assert_uint_gt(steps, 10);
}
END_TEST

START_TEST(no_random_number_no_challenge) {
	struct token_sight sight = card_in();
	const struct card *cards[] = { &kim_card };
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

	find_cards(a, cards, 1);
	world.no_random = true;
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_str_eq(message(a), "failed");
	ck_assert(!is_yes_result(a));
	(void)attempt_free(a);
}
END_TEST

START_TEST(what_is_over_holds_no_pin_and_no_challenge) {
	static const struct held nothing;
	static const struct attempt_token no_token;
	const struct card *cards[] = { &kim_card };
	struct token_sight sight = card_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

	find_cards(a, cards, 1);
	ck_assert_int_eq(say(a, "1234"), 0);
	attempt_cancel(a, &world.now, false);
	ck_assert_mem_eq(&a->held, &nothing, sizeof(nothing));
	ck_assert_mem_eq(&a->token, &no_token, sizeof(no_token));
	(void)attempt_free(a);
}
END_TEST

START_TEST(no_pin_is_kept_for_a_card_that_was_taken_away) {
	const struct card *cards[] = { &kim_card };
	struct token_sight sight = card_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);

	find_cards(a, cards, 1);
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_uint_eq(attempt_token(a)->sign.pin.n, 4);
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_REMOVED, TRIES_UNKNOWN, &world.now), 0);
	expect_prompt(a, CW_FIELD_INSERT, "token-removed");
	ck_assert_uint_eq(a->token.sign.pin.n, 0);
	ck_assert_uint_eq(a->held.pin.n, 0);
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_card_of_the_makers_opens_for_the_service_alone_and_for_a_day) {
	const struct actor init = { .peer_uid = 0 };
	const struct admin_rule rule = { .n_roles = 1, .roles = { "admin" } };
	struct token_sight sight = card_in();
	static struct authority maker;
	static struct card card;

	authority_chain(&maker, 1);
	trust_service(&maker);
	card = card_make(&maker, "Service");
	(void)card_enrol(&card, TOM);
	for (unsigned i = 0; i < 4; ++i) {
		struct account account = account_now(TOM);
		struct attempt *a;

		(void)snprintf(account.roles[0], POLICY_NAME_SIZE, "%s",
			       i == 0 ? "biomed" : "service");
		account.valid_until_ms = i == 1 ? 0
						: world.now.wall_ms +
							  (i == 2 ? 86400001 : 86400000);
		ck_assert_int_eq(account_change(world.store, &init, &world.now,
						EVENT_ACCOUNT_ROLES, &rule, &account),
				 0);
		a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
		by_card(a, &card);
		ck_assert_msg(is_yes_result(a) == (i == 3), "%u: %s", i, message(a));
		(void)attempt_free(a);
	}
	ck_assert_ptr_nonnull(strstr(newest(EVENT_SIGN_IN).detail, "by=service"));
	card_end(&card);
	authority_end(&maker);
}
END_TEST

START_TEST(who_asked_for_a_key_is_not_given_a_card) {
	struct token_sight card = card_in(), key = key_in();
	struct attempt *a = begin_with(CW_PURPOSE_SIGN_IN, NULL, CW_FACTOR_FIDO2, NULL);

	ck_assert_int_eq(attempt_presented(a, &card, &world.now), 0);
	expect_prompt(a, CW_FIELD_NAME, "ask-name");
	ck_assert_int_eq(attempt_presented(a, &key, &world.now), 1);
	expect_prompt(a, CW_FIELD_NAME, "ask-name-for-key");
	(void)attempt_free(a);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("token-walk");
	TCase *t = tcase_create("token-walk");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 240);
	tcase_add_loop_test(t, FD_07_no_order_of_calls_with_wrong_answers_ever_succeeds, 0, 4);
	tcase_add_test(t, each_failure_of_the_store_lets_nobody_in);
	tcase_add_test(t, no_random_number_no_challenge);
	tcase_add_test(t, what_is_over_holds_no_pin_and_no_challenge);
	tcase_add_test(t, no_pin_is_kept_for_a_card_that_was_taken_away);
	tcase_add_test(t, a_card_of_the_makers_opens_for_the_service_alone_and_for_a_day);
	tcase_add_test(t, who_asked_for_a_key_is_not_given_a_card);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
