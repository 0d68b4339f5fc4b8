/* SPDX-License-Identifier: Apache-2.0 */

/* An approval asked for at one seat, and signed or refused at another. */

#undef NDEBUG

#include <stdlib.h>
#include <string.h>

#include "auth/receipt.h"
#include "tests/flows/records.h"

#define WORDS       "Limit 3: 40 ml/h"

static const uint8_t digest[32] = { 0xd1 };
static const struct actor ui = { .seat = 1, .peer_uid = 1000 };
static const struct actor other_ui = { .seat = 2, .peer_uid = 2000 };

/* The second seat. */
static struct seat other;

static void set_up(void) {
	world_set_up();
	other = (struct seat){ .index = 1, .name = "service" };
}

static void sign_in_there(uint32_t number) {
	struct seat here = world.seat;

	world.seat = other;
	sign_in(number);
	other = world.seat;
	world.seat = here;
}

/* Ada asks for the limits at the first seat, and has said yes. */
static struct attempt *ask(void) {
	const char *const answers[] = { RIGHT("ada"), "yes", HANG };
	struct attempt *a = NULL;

	sign_in(ADA);
	a = begin_approval_of("settings.limits", WORDS);
	talk(a, answers);
	ck_assert_str_eq(message(a), "ask-second-name");
	ck_assert(attempt_is_open(a, &world.now, NULL));
	(void)trail();
	return a;
}

static int begin_there(struct attempt *asked, struct attempt **ret) {
	const struct attempt_request request = {
		.purpose = CW_PURPOSE_COUNTERSIGN,
		.asked = asked,
		.actor = other_ui,
	};

	*ret = NULL;
	return attempt_begin(&world.auth, &other, &request, &world.now, ret);
}

static struct attempt *countersign(struct attempt *asked, const char *const answers[]) {
	struct attempt *b = NULL;

	ck_assert_int_eq(begin_there(asked, &b), 0);
	talk(b, answers);
	return b;
}

static const char *const says_yes[] = { RIGHT("bob"), "yes", NULL };

static enum cw_verdict redeem_at(struct seat *seat, const struct actor *actor,
				 const struct attempt_result *result) {
	enum cw_verdict verdict = CW_ALLOW;
	enum cw_reason reason;

	(void)approval_redeem(world.store, world.policy, seat, actor, result->receipt,
			      result->n_receipt, action("settings.limits"), digest, &world.now,
			      &verdict, &reason);
	return verdict;
}

START_TEST(two_people_at_two_seats_and_the_receipt_is_the_asking_seats) {
	struct attempt *a = ask(), *b = NULL;
	uint8_t device_key[32];
	static struct receipt receipt;
	static struct attempt_result result;

	sign_in_there(BOB);
	b = countersign(a, says_yes);
	ck_assert_msg(is_yes_result(b), "%s", message(b));
	ck_assert_str_eq(message(b), "countersigned");
	ck_assert_uint_eq(attempt_result(b)->n_receipt, 0);
	ck_assert_uint_eq(attempt_result(b)->session, 0);
	ck_assert_msg(is_yes_result(a), "%s", message(a));
	ck_assert_str_eq(message(a), "approved");
	ck_assert_str_eq(trail(), "try-counted:ok+claimed approval:ok");
	ck_assert_uint_eq(newest(EVENT_APPROVAL).account, ADA);
	ck_assert_uint_eq(newest(EVENT_APPROVAL).target, BOB);
	ck_assert_uint_eq(newest(EVENT_APPROVAL).seat, 1);
	ck_assert_ptr_nonnull(strstr(newest(EVENT_APPROVAL).detail, " at=2"));

	result = *attempt_result(a);
	ck_assert_int_eq(approval_public_key(world.store, device_key), 0);
	ck_assert_int_eq(receipt_open(device_key, result.receipt, result.n_receipt, &receipt), 0);
	ck_assert_uint_eq(receipt.seat, 1);
	ck_assert_uint_eq(receipt.account, ADA);
	ck_assert_uint_eq(receipt.second, BOB);
	/* Not there, once here, and then no more. */
	ck_assert_int_eq(redeem_at(&other, &other_ui, &result), CW_DENY);
	ck_assert_int_eq(redeem_at(&world.seat, &ui, &result), CW_ALLOW);
	ck_assert_int_eq(redeem_at(&world.seat, &ui, &result), CW_DENY);
	(void)attempt_free(b);
	(void)attempt_free(a);
}
END_TEST

/* clang-format off */
static const struct {
	const char *why;
	uint32_t who;
	bool may;
} people_there[] = {
	{ "another physician", BOB, true },
	{ "the person who asks, at another screen", ADA, false },
	{ "whom the asking person has made: separation of duties", EVE, false },
	{ "a role that does not grant it", KIM, false },
	{ "nobody", 0, false },
};
/* clang-format on */

START_TEST(R6_only_who_may_be_the_second_person_sees_it) {
	struct attempt *a = ask(), *b = NULL;

	if (people_there[_i].who != 0)
		sign_in_there(people_there[_i].who);
	ck_assert_msg((attempt_bars(a, &other, &world.now) == CW_REASON_NONE) ==
			      people_there[_i].may,
		      "%s", people_there[_i].why);
	ck_assert_msg((begin_there(a, &b) == 0) == people_there[_i].may, "%s",
		      people_there[_i].why);
	ck_assert_msg((attempt_refuse(a, &other, &other_ui, "no", &world.now) == 0) ==
			      people_there[_i].may,
		      "%s", people_there[_i].why);
	(void)attempt_free(b);
	(void)attempt_free(a);
}
END_TEST

START_TEST(what_is_seen_is_what_was_asked) {
	struct attempt *a = ask();
	struct attempt_open open;

	pass_ms(20000);
	ck_assert(attempt_is_open(a, &world.now, &open));
	ck_assert_uint_eq(open.account, ADA);
	ck_assert_uint_eq(open.seat, 1);
	ck_assert_str_eq(open.approval->words, WORDS);
	ck_assert_mem_eq(open.approval->digest, digest, 32);
	ck_assert_uint_eq(open.since_ms, world.now.boot_ms - 20000);
	/* As fresh as the policy wants it: 120 s from the password on. */
	ck_assert_uint_eq(open.until_ms, open.since_ms + 120000);
	(void)attempt_free(a);
}
END_TEST

/*
 * Ends
 */

static void lock(void) {
	ck_assert_int_eq(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
}

static void unlock_again(void) {
	const char *const answers[] = { RIGHT("ada"), NULL };
	struct attempt *u = NULL;

	lock();
	u = converse(CW_PURPOSE_UNLOCK, answers);
	apply(attempt_result(u));
	(void)attempt_free(u);
	/* And fresh, too: nothing is missing but that it is the same. */
	u = converse(CW_PURPOSE_REAUTH, answers);
	apply(attempt_result(u));
	(void)attempt_free(u);
	ck_assert_int_eq(world.seat.session.lock, SEAT_UNLOCKED);
}

static void sign_out(void) {
	ck_assert_int_eq(seat_close(world.store, &world.seat, &world.now, "person"), 0);
}

static void hand_over(void) {
	sign_in(BOB);
}

static void take_role(void) {
	change_roles(ADA, "nurse");
	ck_assert(seat_refresh(world.store, &world.seat, world.policy, &world.now));
}

static void break_glass(void) {
	start();
	ck_assert_int_eq(world.seat.session.lock, SEAT_SUSPENDED);
}

static void doubt_the_clock(void) {
	world.now.trust = CLOCK_SUSPICIOUS;
}

static void set_boot_clock_back(void) {
	world.now.boot_ms -= 1;
}

static void wait_too_long(void) {
	pass_ms(120001);
}

static void disable_second(void) {
	change_account(BOB, EVENT_ACCOUNT_DISABLED, ACCOUNT_DISABLED);
}

static void lock_there(void) {
	ck_assert_int_eq(seat_lock(world.store, &other, &world.now, "person"), 0);
}

/* clang-format off */
static const struct {
	const char *why;
	void (*happens)(void);
	bool is_second;  /* at the other seat: what was asked for stays open */
} voids[] = {
	{ "the asking seat is locked", lock, false },
	{ "locked, unlocked and freshly authenticated: it is another one's turn", unlock_again, false },
	{ "signed out", sign_out, false },
	{ "handed over", hand_over, false },
	{ "the role is taken away", take_role, false },
	{ "an emergency suspends the session", break_glass, false },
	{ "the wall clock is no longer believed", doubt_the_clock, false },
	{ "the boot clock goes back", set_boot_clock_back, false },
	{ "the first person's yes is no longer fresh", wait_too_long, false },
	{ "the second person is disabled", disable_second, true },
	{ "the second person's own seat is locked", lock_there, true },
};
/* clang-format on */

START_TEST(CC_06_what_changed_before_it_is_signed_ends_it) {
	struct attempt *a = ask(), *b = NULL;

	sign_in_there(BOB);
	voids[_i].happens();
	ck_assert_msg(attempt_bars(a, &other, &world.now) != CW_REASON_NONE, "%s", voids[_i].why);
	ck_assert_msg(begin_there(a, &b) < 0, "%s", voids[_i].why);
	(void)attempt_free(a);
}
END_TEST

START_TEST(CC_06_what_changes_while_it_is_signed_ends_it) {
	const char *const almost[] = { RIGHT("bob"), HANG };
	struct attempt *a = ask(), *b = NULL;

	sign_in_there(BOB);
	b = countersign(a, almost);
	ck_assert_str_eq(message(b), "confirm-second");
	ck_assert_str_eq(attempt_prompt(b)->text, WORDS);
	voids[_i].happens();
	(void)say(b, "yes");
	ck_assert_msg(attempt_result(b)->success != ATTEMPT_YES, "%s", voids[_i].why);
	ck_assert_msg(!is_yes_result(a), "%s", voids[_i].why);
	ck_assert_msg(attempt_result(a)->n_receipt == 0, "%s", voids[_i].why);
	(void)attempt_free(b);
	/* Who asked is told without waiting for anybody. */
	if (!voids[_i].is_second && voids[_i].happens != wait_too_long)
		ck_assert_msg(attempt_lapse(a, &world.now), "%s", voids[_i].why);
	if (voids[_i].is_second)
		ck_assert_msg(attempt_is_open(a, &world.now, NULL), "%s", voids[_i].why);
	(void)attempt_free(a);
}
END_TEST

/* At one seat it is no different. */
START_TEST(CC_06_a_lock_between_the_two_ends_it_at_one_seat_as_well) {
	const char *const second[] = { "bob", RIGHT("bob"), "yes", NULL };
	struct attempt *a = ask();

	unlock_again();
	talk(a, second);
	ck_assert(!is_yes_result(a));
	ck_assert_str_eq(message(a), "stale");
	(void)attempt_free(a);
}
END_TEST

/*
 * No
 */

/* clang-format off */
static const struct {
	const char *why;
	const char *answers[4];
	const char *there, *here; /* messages; NULL: goes on waiting */
	const char *trail;
} nos[] = {
	{ "no, and why, to the words", { RIGHT("bob"), "no Too high for a child" },
	  "not-confirmed", "second-refused", "try-counted:ok+claimed approval-refused:refused" },
	{ "what is not yes is no", { RIGHT("bob"), "Yes" },
	  "not-confirmed", "second-refused", "try-counted:ok+claimed approval-refused:refused" },
	{ "a wrong password is that seat's alone", { "wrong" },
	  "refused", NULL, "try-counted:ok+claimed re-authentication:refused+claimed" },
	{ "so is walking away from it", { RIGHT("bob"), STOP },
	  "cancelled", NULL, "try-counted:ok+claimed re-authentication:cancelled" },
	{ "so is a busy worker", { RIGHT("bob"), BUSY },
	  "busy", NULL, "try-counted:ok+claimed re-authentication:failed+claimed" },
};
/* clang-format on */

START_TEST(a_no_ends_both_and_a_failure_only_its_own) {
	struct attempt *a = ask(), *b = NULL;
	const char *found;

	sign_in_there(BOB);
	b = countersign(a, nos[_i].answers);
	ck_assert_msg(strcmp(message(b), nos[_i].there) == 0, "%s: %s", nos[_i].why, message(b));
	found = trail();
	ck_assert_msg(strcmp(found, nos[_i].trail) == 0, "%s: %s", nos[_i].why, found);
	if (nos[_i].here) {
		ck_assert_msg(attempt_want(a) == ATTEMPT_OVER &&
				      strcmp(message(a), nos[_i].here) == 0,
			      "%s: %s", nos[_i].why, message(a));
		ck_assert_uint_eq(newest(EVENT_APPROVAL_REFUSED).account, ADA);
		ck_assert_uint_eq(newest(EVENT_APPROVAL_REFUSED).target, BOB);
	} else {
		ck_assert_msg(attempt_is_open(a, &world.now, NULL), "%s", nos[_i].why);
	}
	if (_i == 0) {
		ck_assert_str_eq(newest(EVENT_APPROVAL_REFUSED).text, "Too high for a child");
		ck_assert_str_eq(attempt_result(a)->reason, "Too high for a child");
	}
	(void)attempt_free(b);
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_refusal_from_the_list_needs_no_password_and_is_on_record) {
	struct attempt *a = ask();

	sign_in_there(BOB);
	ck_assert_int_eq(attempt_refuse(a, &other, &other_ui, "Wrong patient", &world.now), 0);
	ck_assert_str_eq(trail(), "approval-refused:refused");
	ck_assert_str_eq(newest(EVENT_APPROVAL_REFUSED).text, "Wrong patient");
	ck_assert_uint_eq(newest(EVENT_APPROVAL_REFUSED).seat, 2);
	ck_assert_uint_eq(newest(EVENT_APPROVAL_REFUSED).peer_uid, 2000);
	ck_assert_str_eq(message(a), "second-refused");
	ck_assert_int_eq(attempt_refuse(a, &other, &other_ui, NULL, &world.now), -ESTALE);
	(void)attempt_free(a);
}
END_TEST

START_TEST(who_asked_takes_it_back_and_says_why) {
	struct attempt *a = ask();

	attempt_because(a, "Typed the wrong limit");
	attempt_cancel(a, &world.now, false);
	ck_assert_str_eq(trail(), "approval-refused:cancelled");
	ck_assert_str_eq(newest(EVENT_APPROVAL_REFUSED).text, "Typed the wrong limit");
	(void)attempt_free(a);
}
END_TEST

START_TEST(the_one_who_comes_first_signs_and_the_other_is_told) {
	const char *const almost[] = { RIGHT("bob"), HANG };
	const char *const here[] = { "bob", HANG };
	struct attempt *a = ask(), *b = NULL;

	sign_in_there(BOB);
	b = countersign(a, almost);
	/* Somebody comes to the asking seat: it is not open to others any more. */
	talk(a, here);
	ck_assert(!attempt_is_open(a, &world.now, NULL));
	attempt_withdraw(b, &world.now);
	ck_assert_str_eq(message(b), "approval-gone");
	(void)attempt_free(b);
	talk(a, (const char *const[]){ RIGHT("bob"), "yes", NULL });
	ck_assert(is_yes_result(a));
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_wrong_password_counts_at_the_seat_where_it_was_typed) {
	const char *const wrong[] = { "wrong", NULL };
	const struct lockout_key key = { .subject = BOB,
					 .factor = CW_FACTOR_PASSWORD,
					 .seat = 2 };
	struct lockout lockout;
	struct attempt *a = ask(), *b = NULL;

	sign_in_there(BOB);
	b = countersign(a, wrong);
	ck_assert_int_eq(lockout_read(world.store, &world.policy->settings.lockout, &key,
				      &world.now, &lockout),
			 0);
	ck_assert_uint_eq(lockout.failures, 1);
	ck_assert_uint_eq(lockout_of_person(BOB).failures, 0);
	(void)attempt_free(b);
	(void)attempt_free(a);
}
END_TEST

int main(void) {
	Suite *s = suite_create("two seats");
	TCase *t = tcase_create("two seats");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, world_tear_down);
	tcase_add_test(t, two_people_at_two_seats_and_the_receipt_is_the_asking_seats);
	tcase_add_loop_test(t, R6_only_who_may_be_the_second_person_sees_it, 0,
			    (int)ARRAY_SIZE(people_there));
	tcase_add_test(t, what_is_seen_is_what_was_asked);
	tcase_add_loop_test(t, CC_06_what_changed_before_it_is_signed_ends_it, 0,
			    (int)ARRAY_SIZE(voids) - 1);
	tcase_add_loop_test(t, CC_06_what_changes_while_it_is_signed_ends_it, 0,
			    (int)ARRAY_SIZE(voids));
	tcase_add_test(t, CC_06_a_lock_between_the_two_ends_it_at_one_seat_as_well);
	tcase_add_loop_test(t, a_no_ends_both_and_a_failure_only_its_own, 0,
			    (int)ARRAY_SIZE(nos));
	tcase_add_test(t, a_refusal_from_the_list_needs_no_password_and_is_on_record);
	tcase_add_test(t, who_asked_takes_it_back_and_says_why);
	tcase_add_test(t, the_one_who_comes_first_signs_and_the_other_is_told);
	tcase_add_test(t, a_wrong_password_counts_at_the_seat_where_it_was_typed);
	suite_add_tcase(s, t);
	return run_suite(s);
}
