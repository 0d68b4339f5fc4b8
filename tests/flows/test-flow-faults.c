/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The store fails at every step of every conversation in turn: never a success
 * that is not durable, never half of anything.
 */

#undef NDEBUG

#include <string.h>

#include "tests/flows/world.h"

#define RIGHT(name) PASSWORD_OF " " name "'s"

static void nothing(void) {
}

static void kim_is_in(void) {
	sign_in(KIM);
}

static void kim_is_locked(void) {
	sign_in(KIM);
	(void)seat_lock(world.store, &world.seat, &world.now, "person");
}

/* clang-format off */
static const struct {
	const char *why;
	enum cw_purpose purpose; /* 0: approval by Ada and Bob */
	void (*before)(void);
	const char *answers[8];
	const char *entry;       /* what a success leaves */
} flows[] = {
	{ "sign-in", CW_PURPOSE_SIGN_IN, nothing, { "kim", RIGHT("kim") }, "sign-in:ok" },
	{ "handover", CW_PURPOSE_SIGN_IN, kim_is_in, { "ada", RIGHT("ada") }, "handover:ok" },
	{ "forced change", CW_PURPOSE_SIGN_IN, nothing,
	  { "otp", ONE_TIME, NEW_PASSWORD, NEW_PASSWORD }, "sign-in:ok" },
	{ "unlock", CW_PURPOSE_UNLOCK, kim_is_locked, { RIGHT("kim") }, "unlock:ok" },
	{ "re-authentication", CW_PURPOSE_REAUTH, kim_is_in, { RIGHT("kim") },
	  "re-authentication:ok" },
	{ "change", CW_PURPOSE_CHANGE, kim_is_in, { RIGHT("kim"), NEW_PASSWORD, NEW_PASSWORD },
	  "password-changed:ok" },
	{ "recovery", CW_PURPOSE_RECOVER, nothing,
	  { RECOVERY_CODE, "Newman", NEW_PASSWORD, NEW_PASSWORD }, "recovery-code-used:ok" },
	{ "approval", ATTEMPT_APPROVAL, NULL,
	  { RIGHT("ada"), "yes", "bob", RIGHT("bob"), "yes" }, "approval:ok" },
	{ "a wrong password", CW_PURPOSE_SIGN_IN, nothing, { "kim", "wrong" }, NULL },
};
/* clang-format on */

static struct attempt *play(int i) {
	struct attempt *a;

	if (flows[i].purpose != ATTEMPT_APPROVAL)
		return converse(flows[i].purpose, flows[i].answers);
	a = begin_approval_of("settings.limits", "words");
	talk(a, flows[i].answers);
	return a;
}

static void before(int i) {
	if (flows[i].before)
		flows[i].before();
	else
		sign_in(ADA);
	(void)trail();
}

/* Old and flag or new; the code or the administrator. */
static void check_whole(int i, unsigned step) {
	struct verifier code;
	struct account made;
	bool is_there = recovery_load(world.store, RECOVERY_NAME, &code) == 0;
	bool is_made = account_by_name(world.store, "newman", &made) == 0;
	struct password otp = password_now(OTP);

	ck_assert_msg(is_there != is_made, "%s, step %u: code and administrator", flows[i].why,
		      step);
	/* PW-23: the one-time password with its flag, or the new one without. */
	ck_assert_msg(otp.one_time == (otp.n_history == 0), "%s, step %u: half a change",
		      flows[i].why, step);
	ck_assert_msg(account_now(KIM).state == ACCOUNT_ENABLED, "%s, step %u", flows[i].why, step);
}

/* Return: true when nothing had to fail any more. */
static bool play_with_fault(int i, unsigned step, bool for_good) {
	struct attempt *a;
	const char *found;
	bool success;
	unsigned steps;

	before(i);
	fault_at(step, for_good);
	a = play(i);
	steps = fault_off();
	success = is_yes_result(a);
	ck_assert_msg(attempt_want(a) == ATTEMPT_OVER || !success, "%s", flows[i].why);
	ck_assert_msg(success || attempt_result(a)->session == 0, "%s, step %u", flows[i].why,
		      step);
	ck_assert_msg(success || attempt_result(a)->n_receipt == 0, "%s, step %u", flows[i].why,
		      step);
	(void)attempt_free(a);
	/* As after a power cut: only what is durable is left. */
	world_close();
	world_open();
	found = trail();
	if (flows[i].entry)
		ck_assert_msg((strstr(found, flows[i].entry) != NULL) == success,
			      "%s, step %u: success is %d, the journal has %s", flows[i].why, step,
			      success, found);
	check_whole(i, step);
	return steps < step;
}

/* LK-13, PW-23, JR-07: each loop is a device of its own. */
START_TEST(no_step_that_fails_opens_or_halves_anything) {
	bool for_good = _i >= (int)ARRAY_SIZE(flows);
	int i = _i % (int)ARRAY_SIZE(flows);

	for (unsigned step = 1; step < 600; ++step) {
		bool done = play_with_fault(i, step, for_good);

		world_tear_down();
		world_set_up();
		if (done) {
			ck_assert_uint_gt(step, 8);
			return;
		}
	}
	ck_abort_msg("%s: never without a fault", flows[i].why);
}
END_TEST

START_TEST(the_caller_is_told_that_the_store_failed) {
	struct attempt *a = begin(CW_PURPOSE_SIGN_IN, "kim");

	fault_at(1, true);
	ck_assert_int_lt(say(a, RIGHT("kim")), 0);
	(void)fault_off();
	ck_assert_int_eq(attempt_want(a), ATTEMPT_OVER);
	ck_assert_str_eq(message(a), "not-recorded");
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_try_whose_record_fails_is_never_hashed) {
	for (unsigned step = 1; step < 100; ++step) {
		struct attempt *a = begin(CW_PURPOSE_SIGN_IN, "kim");
		bool hashing;
		unsigned steps;

		fault_at(step, false);
		(void)say(a, RIGHT("kim"));
		steps = fault_off();
		hashing = attempt_want(a) == ATTEMPT_HASH;
		(void)attempt_free(a);
		(void)store_reopen(world.store);
		world_close();
		world_open();
		ck_assert_msg((lockout_of_person(KIM).failures == 1) == hashing, "step %u", step);
		if (steps < step)
			return;
		ck_assert_msg(!hashing, "step %u: hashed, and not counted", step);
	}
	ck_abort_msg("never without a fault");
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("flow-faults");
	TCase *t = tcase_create("flow-faults");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 240);
	tcase_add_loop_test(t, no_step_that_fails_opens_or_halves_anything, 0,
			    2 * ARRAY_SIZE(flows));
	tcase_add_test(t, the_caller_is_told_that_the_store_failed);
	tcase_add_test(t, a_try_whose_record_fails_is_never_hashed);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
