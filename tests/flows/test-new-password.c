/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <string.h>

#include "tests/flows/world.h"

#define RIGHT(name) PASSWORD_OF " " name "'s"

static void kims_cost_was_raised(void) {
	world.policy->settings.passwords.argon2_passes = 2;
}

/*
 * The new password
 */

/* clang-format off */
static const struct {
	const char *why;
	const char *candidate;
	const char *message;
	const char *text; /* what the message speaks of                                 */
} candidates[] = {
	{ "PW-21 the one-time password itself", ONE_TIME, "password-like-old" },
	{ "PW-21 in another case", "abcde-fghjk-mnpqr-stuvw", "password-like-old" },
	{ "PW-21 empty", "", "password-bad-text" },
	{ "PW-21 too short", "short", "password-too-short", "15" },
	{ "PW-21 the device's own words", "test pump of nobody", "password-like-name" },
};
/* clang-format on */

START_TEST(PW_21_a_bad_new_password_is_asked_for_again) {
	const char *const answers[] = { "otp", ONE_TIME, candidates[_i].candidate, HANG };
	const char *const good[] = { NEW_PASSWORD, NEW_PASSWORD, NULL };
	struct attempt *a = converse(CW_PURPOSE_SIGN_IN, answers);

	ck_assert_int_eq(attempt_want(a), ATTEMPT_ANSWER);
	ck_assert_int_eq(attempt_prompt(a)->field, CW_FIELD_NEW_PASSWORD);
	ck_assert_msg(strcmp(message(a), candidates[_i].message) == 0, "%s: %s", candidates[_i].why,
		      message(a));
	ck_assert_str_eq(attempt_prompt(a)->text, candidates[_i].text ? candidates[_i].text : "");
	talk(a, good);
	ck_assert(is_yes_result(a));
	(void)attempt_free(a);
}
END_TEST

START_TEST(two_different_new_passwords_are_none) {
	const char *const answers[] = { "otp", ONE_TIME, NEW_PASSWORD, NEW_PASSWORD "!", HANG };
	struct attempt *a = converse(CW_PURPOSE_SIGN_IN, answers);

	ck_assert_str_eq(message(a), "password-differs");
	(void)attempt_free(a);
	ck_assert(password_now(OTP).one_time);
}
END_TEST

START_TEST(an_earlier_password_is_not_taken_again) {
	const char *const change[] = { RIGHT("kim"), NEW_PASSWORD, NEW_PASSWORD, NULL };
	const char *const back[] = { NEW_PASSWORD, RIGHT("kim"), RIGHT("kim"), NULL };
	struct attempt *a;

	sign_in(KIM);
	(void)attempt_free(converse(CW_PURPOSE_CHANGE, change));
	world.policy->settings.passwords.history = 5;
	a = converse(CW_PURPOSE_CHANGE, back);
	ck_assert_int_eq(attempt_want(a), ATTEMPT_ANSWER);
	/* By its likeness to the name, or by the history: it is not taken. */
	ck_assert(strcmp(message(a), "password-reused") == 0 ||
		  strcmp(message(a), "password-like-name") == 0);
	(void)attempt_free(a);
}
END_TEST

START_TEST(new_passwords_are_not_asked_for_for_ever) {
	const char *const answers[] = { "otp", ONE_TIME, HANG };
	struct attempt *a = converse(CW_PURPOSE_SIGN_IN, answers);
	unsigned n = 0;

	while (attempt_want(a) == ATTEMPT_ANSWER && n < 100) {
		(void)say(a, "short");
		++n;
	}
	ck_assert_uint_eq(n, ATTEMPT_FAULTS_MAX);
	ck_assert_str_eq(message(a), "cancelled");
	ck_assert_uint_eq(lockout_of_person(OTP).failures, 0);
	(void)attempt_free(a);
}
END_TEST

START_TEST(PW_25_TM_01_a_change_works_with_any_clock) {
	static const int64_t clocks[] = { 0, INT64_C(915148800000), INT64_C(2147483647000),
					  INT64_C(4291747200000), INT64_C(253402300799000) };

	for (unsigned i = 0; i < ARRAY_SIZE(clocks); ++i) {
		const char *const answers[] = { "otp", ONE_TIME, NEW_PASSWORD, NEW_PASSWORD, NULL };
		struct attempt *a;

		world.now.trust = CLOCK_UNKNOWN;
		world.now.wall_ms = clocks[i];
		give_password(OTP, ONE_TIME, true);
		a = converse(CW_PURPOSE_SIGN_IN, answers);
		ck_assert_msg(is_yes_result(a), "clock %lld: %s", (long long)clocks[i], message(a));
		ck_assert_int_eq(newest(EVENT_PASSWORD_CHANGED).at.trust, CLOCK_UNKNOWN);
		(void)attempt_free(a);
		/* A fresh history, so that the same password may be set again. */
		world.policy->settings.passwords.history = 0;
	}
}
END_TEST

START_TEST(PW_18_a_rehash_that_fails_keeps_nobody_out) {
	const char *const answers[] = { "kim", RIGHT("kim"), FREEZE };
	struct attempt *a;
	bool failed_once = false;

	kims_cost_was_raised();
	for (unsigned n = 1; n < 200; ++n) {
		a = begin(CW_PURPOSE_SIGN_IN, NULL);
		talk(a, answers);
		ck_assert_int_eq(attempt_want(a), ATTEMPT_HASH);
		fault_at(n, false);
		(void)hash(a);
		if (fault_off() < n) {
			(void)attempt_free(a);
			break;
		}
		/* In or not: the old verifier or the new one is whole. */
		failed_once = failed_once || is_yes_result(a);
		(void)attempt_free(a);
		(void)store_reopen(world.store);
		ck_assert(password_now(KIM).current.cost.memory_kib != 0);
		world.now.boot_ms += 4000000;
		give_password(KIM, RIGHT("kim"), false);
		world.policy->settings.passwords.argon2_passes = 2;
	}
	ck_assert(failed_once);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("new-password");
	TCase *t = tcase_create("new-password");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, PW_21_a_bad_new_password_is_asked_for_again, 0,
			    ARRAY_SIZE(candidates));
	tcase_add_test(t, two_different_new_passwords_are_none);
	tcase_add_test(t, an_earlier_password_is_not_taken_again);
	tcase_add_test(t, new_passwords_are_not_asked_for_for_ever);
	tcase_add_test(t, PW_25_TM_01_a_change_works_with_any_clock);
	tcase_add_test(t, PW_18_a_rehash_that_fails_keeps_nobody_out);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
