/* SPDX-License-Identifier: Apache-2.0 */

/* Approvals that are signed by what people hold: after the words, and over the words. */

#undef NDEBUG

#include <stdlib.h>
#include <string.h>

#include "tests/flows/held.h"

static struct card tom_card, bob_card, ada_card;

static void set_up(void) {
	held_set_up();
	tom_card = card_make(&site_ca, "Tom");
	bob_card = card_make(&site_ca, "Bob");
	ada_card = card_make(&site_ca, "Ada");
	(void)card_enrol(&tom_card, TOM);
	(void)card_enrol(&bob_card, BOB);
	(void)card_enrol(&ada_card, ADA);
	change_roles(BOB, "biomed");
	sign_in(TOM);
}

static void tear_down(void) {
	card_end(&tom_card);
	card_end(&bob_card);
	card_end(&ada_card);
	held_tear_down();
}

/* The first person's yes and signature. */
static void first_signs(struct attempt *a) {
	expect_prompt(a, CW_FIELD_CONFIRM, "confirm");
	ck_assert_str_eq(attempt_prompt(a)->text, "Update 4.1");
	ck_assert_int_eq(say(a, "yes"), 0);
	by_card(a, &tom_card);
	expect_prompt(a, CW_FIELD_NAME, "ask-second-name");
}

static void second_signs(struct attempt *a) {
	struct token_sight sight = card_in();
	const struct card *cards[] = { &bob_card };

	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	find_cards(a, cards, 1);
	expect_prompt(a, CW_FIELD_CONFIRM, "confirm-second");
	ck_assert_str_eq(attempt_prompt(a)->text, "Update 4.1");
	ck_assert(attempt_needs_helper(a));
	ck_assert_int_eq(say(a, "yes"), 0);
	expect_prompt(a, CW_FIELD_PIN, "ask-pin");
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_int_eq(bring(a, card_answer(a, &bob_card)), 0);
}

static struct receipt receipt_of(const struct attempt *a) {
	static struct receipt receipt;
	uint8_t key[32];

	ck_assert_int_eq(approval_public_key(world.store, key), 0);
	ck_assert_int_eq(receipt_open(key, attempt_result(a)->receipt,
				      attempt_result(a)->n_receipt, &receipt),
			 0);
	return receipt;
}

START_TEST(an_update_is_signed_by_two_people_over_what_was_shown) {
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");
	struct receipt receipt;
	const char *field = NULL;

	first_signs(a);
	ck_assert_str_eq(trail(), "re-authentication:ok");
	second_signs(a);
	ck_assert_msg(is_yes_result(a), "%s", message(a));
	receipt = receipt_of(a);
	ck_assert_uint_eq(receipt.account, TOM);
	ck_assert_uint_eq(receipt.second, BOB);
	ck_assert_uint_eq(receipt.by, RECEIPT_BY_TOKEN);
	ck_assert_uint_eq(receipt.second_by, RECEIPT_BY_TOKEN);
	ck_assert_uint_eq(receipt.assurance, CW_ASSURANCE_STRONG);
	ck_assert_uint_eq(receipt.second_assurance, CW_ASSURANCE_STRONG);
	/* Anybody can verify both signatures, later and offline. */
	ck_assert_int_eq(receipt_check(NULL, attempt_result(a)->receipt,
				       attempt_result(a)->n_receipt, NULL, &field, NULL),
			 0);
	ck_assert_str_eq(trail(), "approval:ok");
	(void)attempt_free(a);
}
END_TEST

START_TEST(who_signs_second_has_read_it_and_not_somebody_before) {
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");
	struct token_sight sight = card_in();
	const struct card *bobs[] = { &bob_card }, *adas[] = { &ada_card };

	first_signs(a);
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	find_cards(a, adas, 1);
	expect_prompt(a, CW_FIELD_CONFIRM, "confirm-second");
	ck_assert_int_eq(say(a, "yes"), 0);
	expect_prompt(a, CW_FIELD_PIN, "ask-pin");
	/* Ada takes her card away, and Bob puts in his: he is asked as well. */
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_REMOVED, TRIES_UNKNOWN, &world.now), 0);
	expect_prompt(a, CW_FIELD_INSERT, "token-removed");
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	find_cards(a, bobs, 1);
	expect_prompt(a, CW_FIELD_CONFIRM, "confirm-second");
	ck_assert_str_eq(attempt_prompt(a)->text, "Update 4.1");
	/* The same card again after a wrong PIN is not asked twice. */
	ck_assert_int_eq(say(a, "yes"), 0);
	expect_prompt(a, CW_FIELD_PIN, "ask-pin");
	ck_assert_int_eq(say(a, "9999"), 0);
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_PIN_WRONG, 2, &world.now), 0);
	find_cards(a, bobs, 1);
	expect_prompt(a, CW_FIELD_PIN, "pin-wrong");
	(void)attempt_free(a);
}
END_TEST

START_TEST(it_is_redeemed_once) {
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");
	const struct actor actor = { .seat = 1, .peer_uid = 1000 };
	const uint8_t digest[32] = { 0xd1 };
	enum cw_verdict verdicts[2];
	enum cw_reason reason;

	first_signs(a);
	second_signs(a);
	for (unsigned i = 0; i < 2; ++i)
		ck_assert_int_eq(approval_redeem(world.store, world.policy, &world.seat, &actor,
						 attempt_result(a)->receipt,
						 attempt_result(a)->n_receipt,
						 action("software.update"), digest, &world.now,
						 &verdicts[i], &reason),
				 0);
	ck_assert_int_eq((int)verdicts[0], CW_ALLOW);
	ck_assert_int_eq((int)verdicts[1], CW_DENY);
	(void)attempt_free(a);
}
END_TEST

START_TEST(PO_16_never_a_password_where_a_token_is_asked) {
	struct approval_request approval = { .action = action("software.update") };
	struct attempt_request request = {
		.approval = &approval,
		.factor = CW_FACTOR_PASSWORD,
		.actor = { .seat = 1, .peer_uid = 1000 },
	};
	struct token_sight badge = badge_at(1);
	struct attempt *a = NULL;

	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a), 0);
	expect_over(a, "not-offered", "approval-refused:refused");
	/* A badge on the way is nothing here, and a reader that fails opens no other way. */
	a = begin_approval_of("software.update", "Update 4.1");
	ck_assert_int_eq(say(a, "yes"), 0);
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_ABSENT, TRIES_UNKNOWN, &world.now), 0);
	expect_prompt(a, CW_FIELD_INSERT, "insert-card");
	ck_assert_int_eq(attempt_presented(a, &badge, &world.now), 0);
	ck_assert_int_eq(say(a, PASSWORD_OF " tom's"), 0);
	ck_assert_int_eq((int)attempt_want(a), ATTEMPT_TOKEN);
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_MODULE, TRIES_UNKNOWN, &world.now), 0);
	ck_assert_str_eq(message(a), "module-unusable");
	ck_assert(!is_yes_result(a));
	(void)attempt_free(a);
}
END_TEST

START_TEST(PO_16_the_second_person_gives_no_password_either) {
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");

	first_signs(a);
	ck_assert_int_eq(say(a, "bob"), 0);
	/* What the site has is offered, whoever it is. */
	expect_prompt(a, CW_FIELD_CHOICE, "choose-token");
	ck_assert_int_eq(say(a, "password"), 0);
	expect_prompt(a, CW_FIELD_CHOICE, "choose-token");
	(void)attempt_free(a);
}
END_TEST

/* Where a password would have done, the card that happened to lie there is no obstacle. */
START_TEST(a_card_that_fails_leaves_the_password_where_the_site_takes_one) {
	struct approval_request approval = { .action = action("settings.dose"),
					     .digest = { 0xd1 },
					     .words = "Dose 5" };
	struct token_sight sight = card_in();
	const struct attempt_request request = {
		.approval = &approval,
		.presented = &sight,
		.actor = { .seat = 1, .peer_uid = 1000 },
	};
	struct attempt *a = NULL;
	struct receipt receipt;

	world.seat.session = (struct session){ 0 };
	sign_in(ADA);
	world.now.boot_ms += 3600000;
	world.seat.session.activity_ms = world.now.boot_ms;
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a), 0);
	expect_prompt(a, CW_FIELD_CONFIRM, "confirm");
	ck_assert_int_eq(say(a, "yes"), 0);
	ck_assert_int_eq(attempt_token_failed(a, TOKEN_MODULE, TRIES_UNKNOWN, &world.now), 0);
	expect_prompt(a, CW_FIELD_PASSWORD, "module-unusable");
	ck_assert_int_eq(say(a, password_of(ADA)), 0);
	ck_assert_int_eq(hash(a), 0);
	/* What was confirmed before was to be signed: it is shown once more. */
	expect_prompt(a, CW_FIELD_CONFIRM, "confirm");
	ck_assert_str_eq(attempt_prompt(a)->text, "Dose 5");
	ck_assert_int_eq(say(a, "yes"), 0);
	ck_assert_msg(is_yes_result(a), "%s", message(a));
	receipt = receipt_of(a);
	ck_assert_uint_eq(receipt.by, RECEIPT_BY_DEVICE);
	(void)attempt_free(a);
}
END_TEST

START_TEST(whoever_has_nothing_enrolled_hears_so_and_it_is_recorded) {
	struct attempt *a;

	change_roles(KIM, "biomed");
	world.seat.session = (struct session){ 0 };
	sign_in(KIM);
	a = begin_approval_of("software.update", "Update 4.1");
	expect_over(a, "token-not-enrolled", "approval-refused:refused");
}
END_TEST

START_TEST(either_may_say_no_and_why) {
	struct token_sight sight = card_in();
	const struct card *cards[] = { &bob_card };
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");
	struct journal_entry entry;

	ck_assert_int_eq(say(a, "no it is the wrong device"), 0);
	expect_over(a, "not-confirmed", "approval-refused:refused");
	entry = newest(EVENT_APPROVAL_REFUSED);
	ck_assert_str_eq(entry.text, "it is the wrong device");

	a = begin_approval_of("software.update", "Update 4.1");
	first_signs(a);
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	find_cards(a, cards, 1);
	(void)trail();
	ck_assert_int_eq(say(a, "no not today"), 0);
	expect_over(a, "not-confirmed", "approval-refused:refused");
	ck_assert_str_eq(newest(EVENT_APPROVAL_REFUSED).text, "not today");
	/* The one before is not told again. */
	a = begin_approval_of("software.update", "Update 4.1");
	ck_assert_int_eq(say(a, "no"), 0);
	expect_over(a, "not-confirmed", "approval-refused:refused");
	ck_assert_ptr_null(newest(EVENT_APPROVAL_REFUSED).text);
}
END_TEST

/* What becomes of the approval when the world moves between the words and the end. */
enum move {
	LOCKED,
	SIGNED_OUT,
	HANDED_OVER,
	ROLE_LOST,
	SECOND_ROLE_LOST,
	SECOND_REVOKED,
	BOOT_TIME_BACK,
	N_MOVES,
};

static void make_move(enum move move) {
	const struct actor actor = { .account = ANN };
	struct token token;

	switch (move) {
	case LOCKED:
		ck_assert_int_eq(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
		break;
	case SIGNED_OUT:
		ck_assert_int_eq(seat_close(world.store, &world.seat, &world.now, "person"), 0);
		break;
	case HANDED_OVER:
		world.seat.session.number ^= 1;
		break;
	case ROLE_LOST:
		change_roles(TOM, "nurse");
		(void)seat_refresh(world.store, &world.seat, world.policy, &world.now);
		break;
	case SECOND_ROLE_LOST:
		change_roles(BOB, "nurse");
		break;
	case SECOND_REVOKED:
		token = token_of(BOB, CW_FACTOR_SMARTCARD);
		token.disabled = true;
		ck_assert_int_eq(token_store(world.store, &actor, &world.now, EVENT_TOKEN_REVOKED,
					     &token),
				 0);
		break;
	case BOOT_TIME_BACK:
		world.now.boot_ms -= 100000;
		break;
	case N_MOVES:
		break;
	}
}

START_TEST(PO_06_PO_08_PO_09_it_is_void_when_the_world_moves) {
	struct token_sight sight = card_in();
	const struct card *cards[] = { &bob_card };
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");

	first_signs(a);
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	find_cards(a, cards, 1);
	ck_assert_int_eq(say(a, "yes"), 0);
	ck_assert_int_eq(say(a, "1234"), 0);
	make_move((enum move)_i);
	(void)attempt_answered(a, card_answer(a, &bob_card), &world.now);
	ck_assert_msg(!is_yes_result(a), "move %d", _i);
	ck_assert_uint_eq(attempt_result(a)->n_receipt, 0);
	(void)attempt_free(a);
}
END_TEST

START_TEST(FD_07_a_signature_for_other_words_or_another_person_gives_nothing) {
	const struct card *cards[] = { &tom_card };
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");
	struct attempt *b = begin_approval_of("software.update", "Update 9.9");
	struct token_answer *answer;

	ck_assert_int_eq(say(a, "yes"), 0);
	ck_assert_int_eq(say(b, "yes"), 0);
	find_cards(a, cards, 1);
	find_cards(b, cards, 1);
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_int_eq(say(b, "1234"), 0);
	ck_assert_mem_ne(a->held.challenge.statement, b->held.challenge.statement, 32);
	answer = card_answer(b, &tom_card);
	ck_assert_int_eq(bring(a, answer), 0);
	ck_assert(!is_yes_result(a));
	ck_assert_str_eq(message(a), "token-refused");
	(void)attempt_free(a);
	(void)attempt_free(b);
}
END_TEST

START_TEST(the_same_person_with_a_second_card_is_no_second_person) {
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");
	struct token_sight sight = card_in();
	const struct card *cards[1];
	static struct card spare;

	spare = card_make(&site_ca, "Tom's spare");
	cards[0] = &spare;
	(void)card_enrol(&spare, TOM);
	first_signs(a);
	(void)trail();
	ck_assert_int_eq(attempt_presented(a, &sight, &world.now), 1);
	find_cards(a, cards, 1);
	ck_assert_int_eq(say(a, "yes"), 0);
	ck_assert_int_eq(say(a, "1234"), 0);
	ck_assert_int_eq(bring(a, card_answer(a, &spare)), 0);
	expect_over(a, "same-person", "approval-refused:refused");
	card_end(&spare);
}
END_TEST

START_TEST(a_key_signs_the_words_like_a_card) {
	struct token token;
	struct key key = key_enrol_for(BOB, 3, &token);
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");
	const char *field = NULL;

	first_signs(a);
	ck_assert_int_eq(say(a, "bob"), 0);
	ck_assert_int_eq(say(a, "security key"), 0);
	find_key(a, false);
	expect_prompt(a, CW_FIELD_CONFIRM, "confirm-second");
	ck_assert_int_eq(say(a, "yes"), 0);
	ck_assert_int_eq(bring(a, key_answer(a, &key, &token, 4, 0)), 0);
	ck_assert_msg(is_yes_result(a), "%s", message(a));
	ck_assert_uint_eq(token_of(BOB, CW_FACTOR_FIDO2).key.counter, 4);
	ck_assert_int_eq(receipt_check(NULL, attempt_result(a)->receipt,
				       attempt_result(a)->n_receipt, NULL, &field, NULL),
			 0);
	(void)attempt_free(a);
	key_end(&key);
}
END_TEST

/* The second person's part, as far as it goes. Return: steps of the store that it took. */
static unsigned go_on(struct attempt *a, unsigned fault) {
	struct token_sight sight = card_in();
	const struct card *cards[] = { &bob_card };

	may_fail = true;
	fault_at(fault, true);
	(void)attempt_presented(a, &sight, &world.now);
	if (attempt_token(a))
		find_cards(a, cards, 1);
	(void)say(a, "yes");
	(void)say(a, "1234");
	if (attempt_token(a))
		(void)attempt_answered(a, card_answer(a, &bob_card), &world.now);
	may_fail = false;
	return fault_off();
}

START_TEST(each_failure_of_the_store_gives_nothing_or_all) {
	struct attempt *a = begin_approval_of("software.update", "Update 4.1");
	unsigned steps;

	first_signs(a);
	steps = go_on(a, 0);
	ck_assert(is_yes_result(a));
	ck_assert_uint_gt(steps, 20);
	(void)attempt_free(a);
	for (unsigned n = 1; n <= steps; n += 1 + steps / 60) {
		a = begin_approval_of("software.update", "Update 4.1");
		first_signs(a);
		(void)go_on(a, n);
		ck_assert_msg(!is_yes_result(a), "step %u of %u", n, steps);
		ck_assert_uint_eq(attempt_result(a)->n_receipt, 0);
		(void)attempt_free(a);
		world_close();
		world_open();
	}
}
END_TEST

/* Tom asks at the pump; Bob's card lies at another seat's reader. */
/* The readers of the second seat are looked at, and no others. */
static void find_cards_elsewhere(struct attempt *b, const struct card *const cards[], unsigned n) {
	uint8_t here = world.seat.index;

	world.seat.index = 1;
	find_cards(b, cards, n);
	world.seat.index = here;
}

START_TEST(a_card_at_another_seat_signs_the_same_words_and_says_where) {
	static struct seat here;
	struct attempt *a = begin_approval_of("software.update", "Update 4.1"), *b = NULL;
	const struct attempt_request request = { .purpose = CW_PURPOSE_COUNTERSIGN,
						 .asked = a,
						 .actor = { .seat = 2, .peer_uid = 2000 } };
	const struct card *bobs[] = { &bob_card }, *toms[] = { &tom_card };
	struct seat other = { .index = 1 };
	struct receipt receipt;
	const char *field = NULL;

	first_signs(a);
	here = world.seat;
	world.seat = other;
	sign_in(BOB);
	other = world.seat;
	world.seat = here;
	(void)trail();
	ck_assert_int_eq(attempt_begin(&world.auth, &other, &request, &world.now, &b), 0);
	/* Never a password, and another person's card is nobody's. */
	find_cards_elsewhere(b, toms, 1);
	expect_prompt(b, CW_FIELD_CONFIRM, "confirm-second");
	ck_assert_str_eq(attempt_prompt(b)->text, "Update 4.1");
	ck_assert_int_eq(say(b, "yes"), 0);
	ck_assert_int_eq(say(b, "1234"), 0);
	ck_assert_int_eq(bring(b, card_answer(b, &tom_card)), 0);
	ck_assert_str_eq(message(b), "token-refused");
	(void)attempt_free(b);
	ck_assert(attempt_is_open(a, &world.now, NULL));
	(void)trail();

	ck_assert_int_eq(attempt_begin(&world.auth, &other, &request, &world.now, &b), 0);
	find_cards_elsewhere(b, bobs, 1);
	ck_assert_int_eq(say(b, "yes"), 0);
	ck_assert_int_eq(say(b, "1234"), 0);
	ck_assert_int_eq(bring(b, card_answer(b, &bob_card)), 0);
	ck_assert_msg(is_yes_result(b) && is_yes_result(a), "%s, %s", message(b), message(a));
	ck_assert_str_eq(trail(), "approval:ok");
	receipt = receipt_of(a);
	ck_assert_uint_eq(receipt.seat, 1);
	ck_assert_uint_eq(receipt.second_by, RECEIPT_BY_TOKEN);
	ck_assert_uint_eq(receipt.signatures[1].challenge.seat, 2);
	ck_assert_int_eq(receipt_check(NULL, attempt_result(a)->receipt,
				       attempt_result(a)->n_receipt, NULL, &field, NULL),
			 0);
	(void)attempt_free(b);
	(void)attempt_free(a);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("token-approval");
	TCase *t = tcase_create("token-approval");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 240);
	tcase_add_test(t, an_update_is_signed_by_two_people_over_what_was_shown);
	tcase_add_test(t, who_signs_second_has_read_it_and_not_somebody_before);
	tcase_add_test(t, it_is_redeemed_once);
	tcase_add_test(t, PO_16_never_a_password_where_a_token_is_asked);
	tcase_add_test(t, PO_16_the_second_person_gives_no_password_either);
	tcase_add_test(t, a_card_that_fails_leaves_the_password_where_the_site_takes_one);
	tcase_add_test(t, whoever_has_nothing_enrolled_hears_so_and_it_is_recorded);
	tcase_add_test(t, either_may_say_no_and_why);
	tcase_add_loop_test(t, PO_06_PO_08_PO_09_it_is_void_when_the_world_moves, 0, N_MOVES);
	tcase_add_test(t, FD_07_a_signature_for_other_words_or_another_person_gives_nothing);
	tcase_add_test(t, the_same_person_with_a_second_card_is_no_second_person);
	tcase_add_test(t, a_key_signs_the_words_like_a_card);
	tcase_add_test(t, a_card_at_another_seat_signs_the_same_words_and_says_where);
	tcase_add_test(t, each_failure_of_the_store_gives_nothing_or_all);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
