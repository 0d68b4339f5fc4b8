/* SPDX-License-Identifier: Apache-2.0 */

/* Badges, their codes, what a card does at the seat, and witnesses. */

#undef NDEBUG

#include <stdlib.h>
#include <string.h>

#include "tests/flows/held.h"
#include "tests/flows/records.h"

#define OPIATE "therapy.opiate"

static void patient(int value) {
	ck_assert_int_eq(seat_signal(&world.seat, &world.policy->table, 0, value, &world.now), 0);
}

static void set_up(void) {
	held_set_up();
	badge_enrol(KIM, 1);
	badge_enrol(ADA, 2);
	badge_enrol(NIL, 3);
	code_enrol(KIM, CODE);
	code_enrol(ADA, "1379");
	world.policy->table.actions[action(OPIATE)].witness = 1;
	patient(-1);
}

static struct attempt *tap(enum cw_purpose purpose, uint8_t id) {
	struct token_sight sight = badge_at(id);

	return begin_with(purpose, NULL, 0, &sight);
}

static struct lockout code_lockout(uint32_t account) {
	const struct lockout_key key = { .subject = account, .factor = CW_FACTOR_CODE, .seat = 1 };
	struct lockout lockout;

	ck_assert_int_eq(lockout_read(world.store, &world.policy->settings.lockout, &key,
				      &world.now, &lockout),
			 0);
	return lockout;
}

/*
 * Signing in
 */

START_TEST(PO_16_where_care_asks_for_a_badge_a_tap_opens_it_and_no_more) {
	struct attempt *a;

	patient(1);
	a = tap(CW_PURPOSE_SIGN_IN, 1);
	expect_session(a, KIM, CW_ASSURANCE_BADGE);
	ck_assert_str_eq(trail(), "sign-in:ok");
	ck_assert_uint_eq(newest(EVENT_SIGN_IN).assurance, CW_ASSURANCE_BADGE);
	ck_assert_int_eq((int)seat_decide(&world.seat, &world.policy->table,
					  action("therapy.start"), &world.now, NULL),
			 CW_ALLOW);
	ck_assert_int_eq((int)seat_decide(&world.seat, &world.policy->table,
					  action("settings.display"), &world.now, NULL),
			 CW_REAUTH);
}
END_TEST

START_TEST(where_care_asks_for_more_a_code_is_asked_and_counted_first) {
	struct attempt *a = tap(CW_PURPOSE_SIGN_IN, 1);

	expect_prompt(a, CW_FIELD_CODE, "ask-code");
	ck_assert(attempt_prompt(a)->is_secret);
	ck_assert_int_eq(say(a, CODE), 0);
	ck_assert_str_eq(trail(), "try-counted:ok+claimed");
	ck_assert_uint_eq(code_lockout(KIM).failures, 1);
	(void)hash(a);
	expect_session(a, KIM, CW_ASSURANCE_CODE);
	ck_assert_uint_eq(code_lockout(KIM).failures, 0);
	ck_assert_uint_eq(newest(EVENT_SIGN_IN).factor, CW_FACTOR_CODE);
	ck_assert_str_eq(trail(), "sign-in:ok");
}
END_TEST

static const struct {
	const char *why;
	uint8_t badge;
	const char *code;
	const char *detail;
} wrong[] = {
	{ "another code", 1, "8520", "why=wrong failures=1" },
	{ "somebody else's code", 1, "1379", "why=wrong failures=1" },
	{ "too short", 1, "258", "why=unusable failures=1" },
	{ "too long", 1, "25801", "why=unusable failures=1" },
	{ "no digits", 1, "25a0", "why=unusable failures=1" },
	{ "nothing", 1, "", "why=unusable failures=1" },
	{ "the person's password", 1, PASSWORD_OF " kim's", "why=unusable failures=1" },
	{ "a badge without a code", 3, CODE, "why=wrong failures=1" },
	{ "a badge that nobody has", 77, CODE, "why=wrong failures=1" },
};

START_TEST(a_wrong_code_costs_the_same_whoevers_badge_it_is) {
	struct attempt *a = tap(CW_PURPOSE_SIGN_IN, wrong[_i].badge);

	memset(&world.effort, 0, sizeof(world.effort));
	expect_prompt(a, CW_FIELD_CODE, "ask-code");
	ck_assert_int_eq(say(a, wrong[_i].code), 0);
	ck_assert_int_eq((int)attempt_want(a), ATTEMPT_HASH);
	(void)hash(a);
	ck_assert_msg(!is_yes_result(a), "%s opened", wrong[_i].why);
	ck_assert_str_eq(message(a), "token-refused");
	ck_assert_str_eq(newest(EVENT_SIGN_IN).detail, wrong[_i].detail);
	(void)attempt_free(a);
	ck_assert_uint_eq(world.effort.hashes, 1);
	ck_assert_uint_eq(world.effort.commits, 2);
}
END_TEST

START_TEST(LK_01_three_wrong_codes_and_it_waits_by_every_badge_but_not_by_password) {
	const char *const password[] = { "kim", PASSWORD_OF " kim's", NULL };
	struct attempt *a;

	for (unsigned i = 0; i < 3; ++i) {
		a = tap(CW_PURPOSE_SIGN_IN, 1);
		ck_assert_int_eq(say(a, "0001"), 0);
		(void)hash(a);
		(void)attempt_free(a);
	}
	(void)trail();
	ck_assert_uint_gt(code_lockout(KIM).remaining_ms, 0);
	/* Right now, and not even tried. */
	a = tap(CW_PURPOSE_SIGN_IN, 1);
	ck_assert_int_eq(say(a, CODE), 0);
	ck_assert_uint_gt(attempt_result(a)->wait_ms, 0);
	expect_over(a, "wait", "sign-in:locked+claimed");
	a = converse(CW_PURPOSE_SIGN_IN, password);
	expect_session(a, KIM, CW_ASSURANCE_PASSWORD);
	/* LK-10: the password takes no code's count back. */
	ck_assert_uint_gt(code_lockout(KIM).remaining_ms, 0);
}
END_TEST

/* Three at one screen, three at the next: at the third the right one waits as well. */
START_TEST(LK_01_who_walks_from_seat_to_seat_has_guessed_enough) {
	const char *const password[] = { "kim", PASSWORD_OF " kim's", NULL };
	struct attempt *a;

	for (unsigned i = 0; i < 6; ++i) {
		world.seat.index = (uint8_t)(i / 3);
		a = tap(CW_PURPOSE_SIGN_IN, 1);
		ck_assert_int_eq(say(a, "0001"), 0);
		(void)hash(a);
		(void)attempt_free(a);
	}
	(void)trail();
	world.seat.index = 2;
	a = tap(CW_PURPOSE_SIGN_IN, 1);
	ck_assert_int_eq(say(a, CODE), 0);
	ck_assert_uint_eq(attempt_result(a)->wait_ms, 300000);
	expect_over(a, "wait", "sign-in:locked+claimed");
	/* And nobody is kept from care. */
	a = converse(CW_PURPOSE_SIGN_IN, password);
	expect_session(a, KIM, CW_ASSURANCE_PASSWORD);
}
END_TEST

START_TEST(LK_16_a_badge_that_nobody_has_waits_alike) {
	struct attempt *a;

	for (unsigned i = 0; i < 3; ++i) {
		a = tap(CW_PURPOSE_SIGN_IN, 99);
		ck_assert_int_eq(say(a, "0001"), 0);
		(void)hash(a);
		(void)attempt_free(a);
	}
	a = tap(CW_PURPOSE_SIGN_IN, 99);
	ck_assert_int_eq(say(a, CODE), 0);
	ck_assert_str_eq(message(a), "wait");
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_second_persons_tap_hands_over) {
	patient(1);
	sign_in(KIM);
	expect_session(tap(CW_PURPOSE_SIGN_IN, 2), ADA, CW_ASSURANCE_BADGE);
	ck_assert_str_eq(trail(), "handover:ok");
	ck_assert_uint_eq(newest(EVENT_HANDOVER).target, KIM);
}
END_TEST

START_TEST(one_falls_back_to_the_rung_that_one_unlocks_with) {
	patient(1);
	sign_in(KIM);
	ck_assert_int_eq((int)world.seat.session.assurance, CW_ASSURANCE_PASSWORD);
	ck_assert_int_eq(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
	expect_session(tap(CW_PURPOSE_UNLOCK, 1), KIM, CW_ASSURANCE_BADGE);
	ck_assert_int_eq((int)world.seat.session.assurance, CW_ASSURANCE_BADGE);
	/* And nobody unlocks another's. */
	ck_assert_int_eq(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
	(void)trail();
	expect_over(tap(CW_PURPOSE_UNLOCK, 2), "token-refused", "unlock:refused+claimed");
}
END_TEST

START_TEST(a_revoked_badge_and_a_disabled_person_open_nothing) {
	const struct actor actor = { .account = ANN };
	struct token token = token_of(ADA, CW_FACTOR_BADGE);

	patient(1);
	token.disabled = true;
	ck_assert_int_eq(token_store(world.store, &actor, &world.now, EVENT_TOKEN_REVOKED, &token),
			 0);
	change_account(KIM, EVENT_ACCOUNT_DISABLED, ACCOUNT_DISABLED);
	(void)trail();
	expect_over(tap(CW_PURPOSE_SIGN_IN, 2), "token-refused", "sign-in:disabled+claimed");
	expect_over(tap(CW_PURPOSE_SIGN_IN, 1), "token-refused", "sign-in:disabled+claimed");
	expect_over(tap(CW_PURPOSE_SIGN_IN, 77), "token-refused", "sign-in:refused");
}
END_TEST

START_TEST(a_badge_may_say_whose_key_it_is_and_proves_nothing_then) {
	struct token token;
	struct key key = key_enrol_for(KIM, 0, &token);
	struct token_sight sight = badge_at(1);
	struct attempt *a;

	patient(1);
	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, CW_FACTOR_FIDO2, NULL);
	expect_prompt(a, CW_FIELD_NAME, "ask-name");
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	ck_assert(!is_yes_result(a));
	by_key(a, &key, &token, 0);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
	key_end(&key);
}
END_TEST

/*
 * At the seat
 */

static void open_by_card(struct card *card, uint32_t account) {
	struct token_sight sight = card_in();
	struct attempt *a;

	*card = card_make(&site_ca, people[account]);
	(void)card_enrol(card, account);
	a = begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
	by_card(a, card);
	expect_session(a, account, CW_ASSURANCE_STRONG);
	(void)trail();
}

START_TEST(CD_12_a_card_that_is_pulled_locks_where_the_context_says_so) {
	static struct card card;
	struct token_sight out = { .kind = TOKEN_SIGHT_CARD_OUT, .name = READER };
	struct token_sight other = { .kind = TOKEN_SIGHT_CARD_OUT, .name = "Another reader" };

	open_by_card(&card, KIM);
	ck_assert(!seat_removed(world.store, &world.seat, world.policy, &other, &world.now));
	ck_assert_str_eq(trail(), "");
	world.policy->table.contexts[0].removal_locks = 0;
	world.policy->table.contexts[1].removal_locks = 0;
	/* No context asks for it yet: recorded, and nothing more. */
	ck_assert(!seat_removed(world.store, &world.seat, world.policy, &out, &world.now));
	ck_assert_str_eq(trail(), "token-removed:ok");
	world.policy->table.contexts[0].removal_locks = 1;
	/* Whether a patient is there is not known: decided for care. */
	patient(0);
	ck_assert(!seat_removed(world.store, &world.seat, world.policy, &out, &world.now));
	(void)trail();
	patient(-1);
	ck_assert(seat_removed(world.store, &world.seat, world.policy, &out, &world.now));
	ck_assert_int_eq((int)world.seat.session.lock, SEAT_LOCKED);
	ck_assert_str_eq(trail(), "token-removed:ok lock:ok");
	ck_assert_str_eq(newest(EVENT_LOCK).detail, "why=token-removed");
	card_end(&card);
}
END_TEST

/* Told of by the watcher before the helper's answer came: nothing is open yet. */
static const struct {
	const char *why;
	struct token_sight sights[3]; /* between the PIN and the answer                */
	bool locks;
} pulled[] = {
	{ "pulled while it signed",
	  { { .kind = TOKEN_SIGHT_CARD_OUT, .name = READER } },
	  true },
	{ "its reader was pulled", { { .kind = TOKEN_SIGHT_READER_GONE, .name = "00 00" } }, true },
	{ "another card was pulled",
	  { { .kind = TOKEN_SIGHT_CARD_OUT, .name = "Another reader" } },
	  false },
	{ "pulled and put in again",
	  { { .kind = TOKEN_SIGHT_CARD_OUT, .name = READER },
	    { .kind = TOKEN_SIGHT_CARD_IN, .name = READER } },
	  false },
	{ "pulled, and another one put in elsewhere",
	  { { .kind = TOKEN_SIGHT_CARD_OUT, .name = READER },
	    { .kind = TOKEN_SIGHT_CARD_IN, .name = "Another reader" } },
	  true },
	{ "put in, pulled, put in, pulled",
	  { { .kind = TOKEN_SIGHT_CARD_OUT, .name = READER },
	    { .kind = TOKEN_SIGHT_CARD_IN, .name = READER },
	    { .kind = TOKEN_SIGHT_CARD_OUT, .name = READER } },
	  true },
};

static void see_all(struct attempt *a, const struct token_sight sights[3]) {
	for (unsigned i = 0; i < 3 && sights[i].kind != TOKEN_SIGHT_NONE; ++i) {
		/* As the broker does: first the seat, then who signs in there. */
		ck_assert(!seat_removed(world.store, &world.seat, world.policy, &sights[i],
					&world.now));
		attempt_saw(a, &sights[i]);
	}
}

/* Kim's card is in, and a card that is pulled locks. */
static struct attempt *begin_with_kims(struct card *card) {
	struct token_sight sight = card_in();

	world.policy->table.contexts[0].removal_locks = 1;
	patient(-1);
	*card = card_make(&site_ca, "kim");
	(void)card_enrol(card, KIM);
	return begin_with(CW_PURPOSE_SIGN_IN, NULL, 0, &sight);
}

START_TEST(CD_12_pulled_before_its_answer_came_it_locks_what_it_opens) {
	static struct card card;
	const struct card *cards[] = { &card };
	struct attempt *a = begin_with_kims(&card);

	find_cards(a, cards, 1);
	ck_assert_int_eq(say(a, card.pin), 0);
	see_all(a, pulled[_i].sights);
	ck_assert_int_eq(bring(a, card_answer(a, &card)), 0);
	ck_assert_msg(is_yes_result(a), "%s: %s", pulled[_i].why, message(a));
	apply(attempt_result(a));
	(void)attempt_free(a);
	ck_assert_uint_eq(world.seat.session.account, KIM);
	ck_assert_msg((world.seat.session.lock == SEAT_LOCKED) == pulled[_i].locks, "%s",
		      pulled[_i].why);
	ck_assert_str_eq(trail(), pulled[_i].locks ? "sign-in:ok token-removed:ok lock:ok"
						   : "sign-in:ok");
	card_end(&card);
}
END_TEST

/* Before the look it says nothing: the card was seen after that. */
START_TEST(a_card_that_was_pulled_before_it_was_looked_at_is_there) {
	static struct card card;
	const struct token_sight out = { .kind = TOKEN_SIGHT_CARD_OUT, .name = READER };
	struct attempt *a = begin_with_kims(&card);

	attempt_saw(a, &out);
	by_card(a, &card);
	expect_session(a, KIM, CW_ASSURANCE_STRONG);
	ck_assert_int_eq((int)world.seat.session.lock, SEAT_UNLOCKED);
	card_end(&card);
}
END_TEST

START_TEST(it_locks_too_when_the_reader_goes_or_the_store_fails) {
	static struct card card;
	struct token_sight gone = { .kind = TOKEN_SIGHT_READER_GONE, .name = READER "      " };

	world.policy->table.contexts[0].removal_locks = 1;
	patient(-1);
	open_by_card(&card, KIM);
	fault_at(1, true);
	ck_assert(seat_removed(world.store, &world.seat, world.policy, &gone, &world.now));
	(void)fault_off();
	ck_assert_int_eq((int)world.seat.session.lock, SEAT_LOCKED);
	card_end(&card);
}
END_TEST

START_TEST(CD_30_a_reader_that_goes_is_known_by_the_part_of_its_name_that_the_site_gives) {
	static struct card card;
	struct token_sight gone = { .kind = TOKEN_SIGHT_READER_GONE, .name = "00 00" };
	struct token_sight other = { .kind = TOKEN_SIGHT_READER_GONE, .name = "Desk" };
	struct token_sight out = { .kind = TOKEN_SIGHT_CARD_OUT, .name = "00 00" };

	world.policy->table.contexts[0].removal_locks = 1;
	patient(-1);
	open_by_card(&card, KIM);
	ck_assert_str_eq(world.seat.session.reader, READER);
	ck_assert(!seat_removed(world.store, &world.seat, world.policy, &other, &world.now));
	ck_assert(!seat_removed(world.store, &world.seat, world.policy, &out, &world.now));
	ck_assert(seat_removed(world.store, &world.seat, world.policy, &gone, &world.now));
	ck_assert_int_eq((int)world.seat.session.lock, SEAT_LOCKED);
	card_end(&card);
}
END_TEST

START_TEST(nobodys_session_is_locked_by_a_card_that_it_does_not_run_by) {
	struct token_sight out = { .kind = TOKEN_SIGHT_CARD_OUT, .name = READER };

	world.policy->table.contexts[0].removal_locks = 1;
	patient(-1);
	sign_in(KIM);
	ck_assert(!seat_removed(world.store, &world.seat, world.policy, &out, &world.now));
	ck_assert_int_eq((int)world.seat.session.lock, SEAT_UNLOCKED);
}
END_TEST

START_TEST(ones_own_badge_again_taps_out_and_nobody_elses) {
	struct token_sight own = badge_at(1), other = badge_at(2), unknown = badge_at(77);

	ck_assert(!seat_taps_out(world.store, &world.seat, world.policy, &own));
	sign_in(KIM);
	ck_assert(seat_taps_out(world.store, &world.seat, world.policy, &own));
	ck_assert(!seat_taps_out(world.store, &world.seat, world.policy, &other));
	ck_assert(!seat_taps_out(world.store, &world.seat, world.policy, &unknown));
	site->badge.tap_out = false;
	ck_assert(!seat_taps_out(world.store, &world.seat, world.policy, &own));
}
END_TEST

/*
 * Witnesses
 */

static struct attempt *witness_with(const char *name, const char *object,
				    const struct token_sight *presented) {
	struct witness_request witness = { .action = action(name) };
	const struct attempt_request request = {
		.purpose = CW_PURPOSE_WITNESS,
		.witness = &witness,
		.presented = presented,
		.actor = { .seat = 1, .peer_uid = 1000 },
	};
	struct attempt *a = NULL;

	(void)strncpy(witness.object, object, sizeof(witness.object) - 1);
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a), 0);
	return a;
}

static struct attempt *witness_for(const char *name, const char *object) {
	return witness_with(name, object, NULL);
}

static struct attempt *witnessed_by(uint32_t account) {
	const char *answers[] = { people[account], password_of(account), NULL };
	struct attempt *a = witness_for(OPIATE, "morphine 2 mg");

	talk(a, answers);
	return a;
}

START_TEST(a_second_person_checks_and_care_goes_on_once) {
	struct attempt *a;
	struct journal_entry entry;

	sign_in(ADA);
	ck_assert_int_eq((int)decide(OPIATE), CW_CONFIRM);
	a = witnessed_by(BOB);
	ck_assert_msg(is_yes_result(a), "%s", message(a));
	ck_assert_str_eq(trail(), "try-counted:ok+claimed witness:ok");
	entry = newest(EVENT_WITNESS);
	ck_assert_uint_eq(entry.account, BOB);
	ck_assert_uint_eq(entry.target, ADA);
	ck_assert_str_eq(entry.object, "morphine 2 mg");
	ck_assert_str_eq(entry.action, OPIATE);
	seat_witness(&world.seat, attempt_result(a), &world.now);
	(void)attempt_free(a);
	ck_assert_int_eq((int)decide(OPIATE), CW_ALLOW);
	seat_witness_used(&world.seat, action(OPIATE), "morphine 2 mg");
	ck_assert_int_eq((int)decide(OPIATE), CW_CONFIRM);
}
END_TEST

/* PO-06 */
START_TEST(a_tap_from_before_is_not_a_witness_to_what_was_not_shown_yet) {
	struct token_sight tapped = badge_at(9); /* a second person's, meant for something else */
	struct attempt *a;

	badge_enrol(BOB, 9);
	sign_in(ADA);
	patient(1);
	world.policy->settings.tokens.badge.code_digits = 0;
	a = witness_with(OPIATE, "morphine 2 mg", &tapped);
	expect_prompt(a, CW_FIELD_NAME, "ask-witness-name");
	ck_assert_str_eq(attempt_prompt(a)->text, "morphine 2 mg");
	/* Now it is shown: the same tap says yes to it. */
	ck_assert_int_eq(attempt_presented(a, &tapped, &world.now), 1);
	ck_assert_msg(is_yes_result(a), "%s", message(a));
	(void)attempt_free(a);
}
END_TEST

START_TEST(it_holds_for_two_minutes_and_until_anything_changes) {
	struct attempt *a;

	for (unsigned i = 0; i < 5; ++i) {
		world.seat.session = (struct session){ 0 };
		sign_in(ADA);
		a = witnessed_by(BOB);
		seat_witness(&world.seat, attempt_result(a), &world.now);
		ck_assert_int_eq((int)decide(OPIATE), CW_ALLOW);
		if (i == 0)
			pass_ms(WITNESS_VALID_MS);
		else if (i == 1)
			(void)seat_lock(world.store, &world.seat, &world.now, "person");
		else if (i == 2)
			(void)seat_close(world.store, &world.seat, &world.now, "person");
		else if (i == 3)
			world.seat.session.number ^= 1;
		else
			world.policy->table.generation++;
		ck_assert_msg(decide(OPIATE) != CW_ALLOW, "%u", i);
		ck_assert(decide(OPIATE) != CW_DENY);
		(void)attempt_free(a);
	}
}
END_TEST

START_TEST(PO_06_not_by_oneself_nor_by_somebody_who_may_not_do_it) {
	sign_in(ADA);
	expect_over(witnessed_by(ADA), "same-person",
		    "try-counted:ok+claimed witness:refused");
	expect_over(witnessed_by(KIM), "not-entitled", "try-counted:ok+claimed witness:refused");
	expect_over(witnessed_by(ANN), "not-entitled", "try-counted:ok+claimed witness:refused");
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 0);
}
END_TEST

START_TEST(a_tap_is_enough_where_it_is_enough_for_care_and_not_elsewhere) {
	struct token_sight sight = badge_at(2);
	struct attempt *a;

	change_roles(KIM, "physician");
	sign_in(KIM);
	patient(1);
	a = witness_for(OPIATE, "x");
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	ck_assert_msg(is_yes_result(a), "%s", message(a));
	(void)attempt_free(a);
	(void)trail();
	/* Routine asks for a password: a code is too little. */
	patient(-1);
	a = witness_for(OPIATE, "x");
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	ck_assert_int_eq(say(a, "1379"), 0);
	(void)hash(a);
	expect_over(a, "witness-too-weak", "try-counted:ok+claimed witness:refused");
}
END_TEST

/* Who has looked at one dose has not looked at ten times as much. */
START_TEST(PO_06_a_witness_is_for_what_was_looked_at) {
	static const char *const others[] = { "morphine 20 mg", "morphine 2 m", "morphine 2 mg ",
					      "Morphine 2 mg", "" };
	const struct policy_table *t = &world.policy->table;
	enum cw_reason reason;
	struct attempt *a;

	sign_in(ADA);
	a = witnessed_by(BOB);
	seat_witness(&world.seat, attempt_result(a), &world.now);
	(void)attempt_free(a);
	for (unsigned i = 0; i < ARRAY_SIZE(others); ++i) {
		ck_assert_msg(seat_decide_object(&world.seat, t, action(OPIATE), others[i],
						 &world.now, &reason) == CW_CONFIRM,
			      "%s", others[i]);
		ck_assert_int_eq((int)reason, CW_REASON_WITNESS);
		/* Done in an emergency, perhaps: the right one's witness is not used up. */
		seat_witness_used(&world.seat, action(OPIATE), others[i]);
	}
	ck_assert_int_eq((int)seat_decide_object(&world.seat, t, action(OPIATE), "morphine 2 mg",
						 &world.now, &reason),
			 CW_ALLOW);
	seat_witness_used(&world.seat, action(OPIATE), "morphine 2 mg");
	ck_assert_int_eq((int)seat_decide_object(&world.seat, t, action(OPIATE), "morphine 2 mg",
						 &world.now, &reason),
			 CW_CONFIRM);
}
END_TEST

START_TEST(PO_06_a_witness_is_for_this_action_and_for_care_alone) {
	const struct witness_request witness = { .action = action("settings.limits") };
	const struct attempt_request request = { .purpose = CW_PURPOSE_WITNESS,
						 .witness = &witness };
	struct policy_state state;
	struct attempt *a = NULL;

	sign_in(ADA);
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
			 -EINVAL);
	a = witnessed_by(BOB);
	seat_witness(&world.seat, attempt_result(a), &world.now);
	(void)attempt_free(a);
	seat_state(&world.seat, &world.policy->table, &world.now, 1000, &state);
	ck_assert_uint_eq(state.witnessed, 1);
	ck_assert_uint_eq(state.confirmed, action(OPIATE) + 1);
	ck_assert_uint_eq(state.confirmed_how, 0);
	/* Another one that asks for a witness as well has none. */
	world.policy->table.actions[action("therapy.start")].witness = 1;
	ck_assert_int_eq((int)decide(OPIATE), CW_ALLOW);
	ck_assert_int_eq((int)decide("therapy.start"), CW_CONFIRM);
	ck_assert(!seat_is_witnessed(&world.seat, &world.policy->table, action("therapy.start"),
				     NULL, &world.now));
	/* Even if the index were a sensitive action's. */
	world.seat.witness.action = action("settings.dose") + 1;
	seat_state(&world.seat, &world.policy->table, &world.now, 1000, &state);
	ck_assert_uint_eq(state.witnessed, 0);
	ck_assert_uint_eq(state.confirmed, 0);
}
END_TEST

START_TEST(in_an_emergency_and_where_one_works_alone_no_witness_is_asked) {
	sign_in(ADA);
	world.policy->table.contexts[0].alone = 1;
	patient(-1);
	ck_assert_int_eq((int)decide(OPIATE), CW_ALLOW);
	world.policy->table.contexts[0].alone = 0;
	ck_assert_int_eq((int)decide(OPIATE), CW_CONFIRM);
	world.seat.emergency.open = true;
	ck_assert_int_eq((int)decide(OPIATE), CW_ALLOW);
}
END_TEST

START_TEST(an_entry_says_that_a_witness_was_waived) {
	sign_in(ADA);
	start();
	use(OPIATE, 2);
	ck_assert_uint_eq(newest(EVENT_EMERGENCY_USE).flags & ENTRY_WAIVED, ENTRY_WAIVED);
	use("therapy.start", 3);
	ck_assert_uint_eq(newest(EVENT_EMERGENCY_USE).flags & ENTRY_WAIVED, 0);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("token-badge");
	TCase *t = tcase_create("token-badge");

	tcase_add_checked_fixture(t, set_up, held_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, PO_16_where_care_asks_for_a_badge_a_tap_opens_it_and_no_more);
	tcase_add_test(t, where_care_asks_for_more_a_code_is_asked_and_counted_first);
	tcase_add_loop_test(t, a_wrong_code_costs_the_same_whoevers_badge_it_is, 0,
			    ARRAY_SIZE(wrong));
	tcase_add_test(t, LK_01_three_wrong_codes_and_it_waits_by_every_badge_but_not_by_password);
	tcase_add_test(t, LK_01_who_walks_from_seat_to_seat_has_guessed_enough);
	tcase_add_test(t, LK_16_a_badge_that_nobody_has_waits_alike);
	tcase_add_test(t, a_second_persons_tap_hands_over);
	tcase_add_test(t, one_falls_back_to_the_rung_that_one_unlocks_with);
	tcase_add_test(t, a_revoked_badge_and_a_disabled_person_open_nothing);
	tcase_add_test(t, a_badge_may_say_whose_key_it_is_and_proves_nothing_then);
	tcase_add_test(t, CD_12_a_card_that_is_pulled_locks_where_the_context_says_so);
	tcase_add_loop_test(t, CD_12_pulled_before_its_answer_came_it_locks_what_it_opens, 0,
			    ARRAY_SIZE(pulled));
	tcase_add_test(t, a_card_that_was_pulled_before_it_was_looked_at_is_there);
	tcase_add_test(t, it_locks_too_when_the_reader_goes_or_the_store_fails);
	tcase_add_test(t, nobodys_session_is_locked_by_a_card_that_it_does_not_run_by);
	tcase_add_test(t, ones_own_badge_again_taps_out_and_nobody_elses);
	tcase_add_test(t, a_second_person_checks_and_care_goes_on_once);
	tcase_add_test(t, it_holds_for_two_minutes_and_until_anything_changes);
	tcase_add_test(t, PO_06_not_by_oneself_nor_by_somebody_who_may_not_do_it);
	tcase_add_test(t, a_tap_is_enough_where_it_is_enough_for_care_and_not_elsewhere);
	tcase_add_test(t, PO_06_a_witness_is_for_what_was_looked_at);
	tcase_add_test(t, PO_06_a_witness_is_for_this_action_and_for_care_alone);
	tcase_add_test(t, a_tap_from_before_is_not_a_witness_to_what_was_not_shown_yet);
	tcase_add_test(
		t,
		CD_30_a_reader_that_goes_is_known_by_the_part_of_its_name_that_the_site_gives);
	tcase_add_test(t, in_an_emergency_and_where_one_works_alone_no_witness_is_asked);
	tcase_add_test(t, an_entry_says_that_a_witness_was_waived);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
