/* SPDX-License-Identifier: Apache-2.0 */

/* Which tries count, when, and what happens in the meantime. */

#undef NDEBUG

#include <string.h>

#include "tests/flows/world.h"

#define RIGHT(name) PASSWORD_OF " " name "'s"
#define WRONG       "not the password"

static void misses(const char *name, unsigned n) {
	const char *const answers[] = { name, WRONG, NULL };

	for (unsigned i = 0; i < n; ++i)
		(void)attempt_free(converse(CW_PURPOSE_SIGN_IN, answers));
}

static void kim_is_locked(void) {
	sign_in(KIM);
	ck_assert_int_eq(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
}

/*
 * Counting
 */

START_TEST(LK_13_the_try_is_durable_before_the_hash_is_handed_out) {
	struct attempt *a = begin(CW_PURPOSE_SIGN_IN, "kim");

	ck_assert_int_eq(say(a, WRONG), 0);
	ck_assert_int_eq(attempt_want(a), ATTEMPT_HASH);
	/* The power goes, here. */
	(void)attempt_free(a);
	world_close();
	world_open();
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 1);
}
END_TEST

START_TEST(LK_01_thirty_tries_at_once_hash_no_more_than_five) {
	struct attempt *attempts[30];
	unsigned hashing = 0;

	for (unsigned i = 0; i < 30; ++i) {
		attempts[i] = begin(CW_PURPOSE_SIGN_IN, "kim");
		ck_assert_int_eq(say(attempts[i], WRONG), 0);
		hashing += attempt_want(attempts[i]) == ATTEMPT_HASH;
	}
	ck_assert_uint_eq(hashing, 5);
	for (unsigned i = 0; i < 30; ++i) {
		if (attempt_want(attempts[i]) == ATTEMPT_HASH)
			ck_assert_int_eq(hash(attempts[i]), 0);
		ck_assert(!is_yes_result(attempts[i]));
		(void)attempt_free(attempts[i]);
	}
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 5);
	ck_assert_uint_gt(lockout_of_person(KIM).remaining_ms, 0);
}
END_TEST

START_TEST(LK_04_06_the_wall_clock_neither_locks_nor_unlocks) {
	static const int64_t steps[] = { -86400000, 3600000, INT64_C(1577880000000), -1 };

	for (unsigned i = 0; i < 5; ++i) {
		misses("kim", 1);
		world.now.wall_ms -= 86400000;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(steps); ++i) {
		const char *const answers[] = { "kim", RIGHT("kim"), NULL };
		struct attempt *a;

		world.now.wall_ms = steps[i] == -1 ? 0 : world.now.wall_ms + steps[i];
		world.now.trust = CLOCK_UNKNOWN;
		a = converse(CW_PURPOSE_SIGN_IN, answers);
		ck_assert_str_eq(message(a), "wait");
		(void)attempt_free(a);
	}
	world.now.boot_ms += 300001;
	sign_in(KIM);
}
END_TEST

START_TEST(LK_05_07_a_reboot_neither_unlocks_nor_locks_for_ever) {
	const char *const answers[] = { "kim", RIGHT("kim"), NULL };
	struct attempt *a;

	misses("kim", 5);
	reboot();
	world.now.wall_ms = 0;
	a = converse(CW_PURPOSE_SIGN_IN, answers);
	ck_assert_str_eq(message(a), "wait");
	ck_assert_uint_le(attempt_result(a)->wait_ms, 300000);
	(void)attempt_free(a);
	world.now.boot_ms += 300001;
	sign_in(KIM);
}
END_TEST

START_TEST(LK_10_only_the_same_factor_clears) {
	const struct lockout_key code = { KIM, CW_FACTOR_CODE, 1 };
	const struct lockout_key other_seat = { KIM, CW_FACTOR_PASSWORD, 2 };
	struct lockout lockout;

	ck_assert_int_eq(lockout_count(world.store, &world.policy->settings.lockout, &code,
				       &world.now, &lockout),
			 0);
	ck_assert_int_eq(lockout_count(world.store, &world.policy->settings.lockout, &other_seat,
				       &world.now, &lockout),
			 0);
	misses("kim", 2);
	sign_in(KIM);
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 0);
	ck_assert_int_eq(lockout_read(world.store, &world.policy->settings.lockout, &code,
				      &world.now, &lockout),
			 0);
	ck_assert_uint_eq(lockout.failures, 1);
	ck_assert_int_eq(lockout_read(world.store, &world.policy->settings.lockout, &other_seat,
				      &world.now, &lockout),
			 0);
	ck_assert_uint_eq(lockout.failures, 1);
}
END_TEST

START_TEST(giving_up_while_it_is_hashed_leaves_the_try_standing) {
	const char *const answers[] = { "kim", WRONG, QUIT, NULL };

	(void)attempt_free(converse(CW_PURPOSE_SIGN_IN, answers));
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 1);
}
END_TEST

START_TEST(names_that_nobody_has_are_counted_apart) {
	static const char *const names[] = { "zoe", "yan", "xia", "wes", "vic" };
	unsigned waiting = 0;

	misses("zoe", 5);
	for (unsigned i = 0; i < ARRAY_SIZE(names); ++i) {
		const char *const answers[] = { names[i], WRONG, NULL };
		struct attempt *a = converse(CW_PURPOSE_SIGN_IN, answers);

		waiting += strcmp(message(a), "wait") == 0;
		(void)attempt_free(a);
	}
	/* 1024 buckets, chosen by a key of this device: rarely two, never all. */
	ck_assert_uint_ge(waiting, 1);
	ck_assert_uint_le(waiting, 3);
}
END_TEST

START_TEST(what_is_given_up_counts_nothing) {
	static const struct {
		const char *why;
		const char *answers[6];
	} rows[] = {
		{"at the password",                  { "otp", STOP }                        },
		{ "timed out at the password",       { "otp", LATE }                        },
		{ "by a busy worker",                { "otp", WRONG, BUSY }                 },
		{ "by a hash that failed",           { "otp", WRONG, BROKEN }               },
		{ "after a password that was right", { "otp", ONE_TIME, STOP }              },
		{ "in the middle of the change",     { "otp", ONE_TIME, NEW_PASSWORD, STOP }},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); ++i) {
		for (unsigned k = 0; k < 7; ++k)
			(void)attempt_free(converse(CW_PURPOSE_SIGN_IN, rows[i].answers));
		ck_assert_msg(lockout_of_person(OTP).failures == 0, "%s: %u failures", rows[i].why,
			      lockout_of_person(OTP).failures);
	}
}
END_TEST

START_TEST(TM_03_a_late_answer_is_none_whatever_the_wall_clock_says) {
	struct attempt *a = begin(CW_PURPOSE_SIGN_IN, "kim");

	world.now.wall_ms += INT64_C(86400000);
	ck_assert_uint_eq(attempt_deadline(a), world.now.boot_ms + 60000);
	world.now.boot_ms += 60000;
	ck_assert_int_eq(say(a, RIGHT("kim")), 0);
	ck_assert_str_eq(message(a), "timed-out");
	ck_assert(!is_yes_result(a));
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 0);
	(void)attempt_free(a);
}
END_TEST

START_TEST(PW_07_nothing_longer_than_256_bytes_reaches_the_hash) {
	char p[256];
	struct attempt *a = begin(CW_PURPOSE_SIGN_IN, "kim");

	/* 128 letters that become three bytes each in their normal form, as typed two. */
	memset(p, 0, sizeof(p));
	for (unsigned i = 0; i < 128; ++i)
		memcpy(p + 2 * i, "\xcd\x84", 2);
	ck_assert_int_eq(say_bytes(a, p, sizeof(p)), 0);
	ck_assert_int_eq(attempt_want(a), ATTEMPT_HASH);
	ck_assert_uint_le(attempt_job(a)->candidate.n, 1);
	ck_assert_int_eq(hash(a), 0);
	ck_assert_str_eq(message(a), "refused");
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 1);
	(void)attempt_free(a);
}
END_TEST

START_TEST(PW_13_16_a_change_meanwhile_wins_over_the_older_one) {
	struct attempt *a;
	const char *const answers[] = { RIGHT("kim"), NEW_PASSWORD, NEW_PASSWORD, FREEZE };
	struct password after;

	sign_in(KIM);
	a = begin(CW_PURPOSE_CHANGE, NULL);
	talk(a, answers);
	ck_assert_int_eq(attempt_want(a), ATTEMPT_HASH);
	give_password(KIM, ONE_TIME, true); /* an administrator resets it */
	(void)trail();
	ck_assert_int_eq(hash(a), 0);
	ck_assert_str_eq(message(a), "stale");
	ck_assert(!is_yes_result(a));
	ck_assert_str_eq(trail(), "password-changed:refused");
	after = password_now(KIM);
	ck_assert(after.one_time);
	(void)attempt_free(a);
}
END_TEST

START_TEST(CC_06_an_account_that_ends_while_signing_in_does_not_get_in) {
	struct attempt *a = begin(CW_PURPOSE_SIGN_IN, "kim");

	ck_assert_int_eq(say(a, RIGHT("kim")), 0);
	change_account(KIM, EVENT_ACCOUNT_ENDED, ACCOUNT_ENDED);
	ck_assert_int_eq(hash(a), 0);
	ck_assert(!is_yes_result(a));
	ck_assert_str_eq(message(a), "refused");
	(void)attempt_free(a);
}
END_TEST

START_TEST(CC_06_an_unlock_of_a_session_that_is_gone_is_none) {
	struct attempt *a;

	kim_is_locked();
	a = begin(CW_PURPOSE_UNLOCK, NULL);
	ck_assert_int_eq(say(a, RIGHT("kim")), 0);
	sign_in(ADA); /* handover */
	ck_assert_int_eq(hash(a), 0);
	ck_assert(!is_yes_result(a));
	ck_assert_str_eq(message(a), "stale");
	ck_assert_uint_eq(world.seat.session.account, ADA);
	(void)attempt_free(a);
}
END_TEST

START_TEST(the_worker_has_to_say_yes_in_this_attempt) {
	static const uint32_t values[] = { 0, 1, 0xffffffff, PASSWORD_YES ^ 1u, ATTEMPT_YES };

	for (unsigned i = 0; i < ARRAY_SIZE(values); ++i) {
		struct attempt *a = begin(CW_PURPOSE_SIGN_IN, "kim");

		ck_assert_int_eq(say(a, RIGHT("kim")), 0);
		attempt_job(a)->matched = values[i];
		ck_assert_int_eq(attempt_hashed(a, &world.now), 0);
		ck_assert_msg(!is_yes_result(a), "%#x was taken for yes", values[i]);
		(void)attempt_free(a);
		world.now.boot_ms += 4000000;
	}
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("counting");
	TCase *t = tcase_create("counting");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, LK_13_the_try_is_durable_before_the_hash_is_handed_out);
	tcase_add_test(t, LK_01_thirty_tries_at_once_hash_no_more_than_five);
	tcase_add_test(t, LK_04_06_the_wall_clock_neither_locks_nor_unlocks);
	tcase_add_test(t, LK_05_07_a_reboot_neither_unlocks_nor_locks_for_ever);
	tcase_add_test(t, LK_10_only_the_same_factor_clears);
	tcase_add_test(t, giving_up_while_it_is_hashed_leaves_the_try_standing);
	tcase_add_test(t, names_that_nobody_has_are_counted_apart);
	tcase_add_test(t, what_is_given_up_counts_nothing);
	tcase_add_test(t, TM_03_a_late_answer_is_none_whatever_the_wall_clock_says);
	tcase_add_test(t, PW_07_nothing_longer_than_256_bytes_reaches_the_hash);
	tcase_add_test(t, PW_13_16_a_change_meanwhile_wins_over_the_older_one);
	tcase_add_test(t, CC_06_an_account_that_ends_while_signing_in_does_not_get_in);
	tcase_add_test(t, CC_06_an_unlock_of_a_session_that_is_gone_is_none);
	tcase_add_test(t, the_worker_has_to_say_yes_in_this_attempt);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
