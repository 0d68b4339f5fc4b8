/* SPDX-License-Identifier: Apache-2.0 */

/* Codes, counted over all seats: who walks about, and who sits at one of them. */

#include <errno.h>
#include <stdio.h>

#include "auth/lockout.h"
#include "tests/auth/device.h"

static const struct lockout_rules rules = {
	.free_tries = 5,
	.first_ms = 300000,
	.longest_ms = 3600000,
	.disable_at = 100,
	.code_tries = 3,
};

static const struct lockout_key kim = { .subject = 1, .factor = CW_FACTOR_PASSWORD, .seat = 1 };

static struct lockout read_at(const struct lockout_key *key, const struct moment *now) {
	struct lockout lockout = { 0 };

	ck_assert_int_eq(lockout_read(device.store, &rules, key, now, &lockout), 0);
	return lockout;
}

static struct lockout count_at(const struct lockout_key *key, const struct moment *now) {
	struct lockout lockout = { 0 };

	ck_assert_int_eq(lockout_count(device.store, &rules, key, now, &lockout), 0);
	return lockout;
}

#define ck_assert_lockout(state, n, ms)                                                            \
	do {                                                                                       \
		struct lockout got_ = (state);                                                     \
		ck_assert_uint_eq(got_.failures, (n));                                             \
		ck_assert_uint_eq(got_.remaining_ms, (ms));                                        \
	} while (0)

static struct lockout_key code_at(uint8_t seat) {
	return (struct lockout_key){ .subject = 1, .factor = CW_FACTOR_CODE, .seat = seat };
}

/* One try where none waits. Return: the seat; 0: it waits at all of them. */
static uint8_t guess_anywhere(const struct moment *now) {
	for (uint8_t seat = 1; seat <= 8; ++seat) {
		const struct lockout_key key = code_at(seat);

		if (read_at(&key, now).remaining_ms > 0)
			continue;
		(void)count_at(&key, now);
		return seat;
	}
	return 0;
}

START_TEST(LK_01_who_goes_from_seat_to_seat_has_no_more_tries) {
	struct moment now = moment_at(0);
	unsigned at_once = 0, in_a_day = 0;

	while (guess_anywhere(&now) != 0)
		ck_assert_uint_lt(++at_once, 100);
	/* Three at one seat and three more anywhere: not three at each of eight. */
	ck_assert_uint_eq(at_once, 6);
	for (uint8_t seat = 1; seat <= 8; ++seat) {
		const struct lockout_key key = code_at(seat);

		ck_assert_uint_gt(read_at(&key, &now).remaining_ms, 0);
	}
	for (uint64_t ms = 0; ms < 86400000; ms += 60000) {
		now = moment_at((int64_t)(ms / 1000));
		while (guess_anywhere(&now) != 0)
			++in_a_day;
	}
	/* The ladder, and then one an hour: as at one seat. */
	ck_assert_uint_le(in_a_day, 30);
	printf("# guesses at eight seats: %u at once, %u more in a day\n", at_once, in_a_day);
}
END_TEST

START_TEST(LK_16_who_guesses_at_one_seat_keeps_another_waiting_no_longer_than_the_ladder) {
	const struct lockout_key guesser = code_at(1), owner = code_at(2);
	uint64_t longest = 0, ms = 0;

	for (unsigned i = 0; i < 60; ++i) {
		struct moment now = moment_at((int64_t)(ms / 1000));
		uint64_t there = 0;

		(void)count_at(&guesser, &now);
		there = read_at(&owner, &now).remaining_ms;
		/* Free at first; never longer than where it was guessed, nor than the rule. */
		ck_assert(i >= 5 || there == 0);
		ck_assert_uint_le(there, read_at(&guesser, &now).remaining_ms);
		ck_assert_uint_le(there, rules.longest_ms);
		longest = there > longest ? there : longest;
		ms += read_at(&guesser, &now).remaining_ms;
	}
	ck_assert_uint_gt(longest, 0);
	ck_assert_int_eq(device_number("SELECT count(*) FROM lockouts"), 2);
}
END_TEST

START_TEST(LK_10_a_success_takes_back_what_was_typed_there_alone) {
	const struct lockout_key guesser = code_at(1), owner = code_at(2), third = code_at(3);
	struct moment now = moment_at(0);

	for (unsigned i = 0; i < 2; ++i)
		(void)count_at(&guesser, &now);
	for (unsigned i = 0; i < 3; ++i)
		(void)count_at(&owner, &now);
	ck_assert_lockout(read_at(&third, &now), 0, 0);
	ck_assert_int_eq(lockout_clear(device.store, &owner), 0);
	ck_assert_lockout(read_at(&owner, &now), 0, 0);
	ck_assert_lockout(read_at(&guesser, &now), 2, 0);
	/* Two are left of six: three more are free elsewhere, and the fourth is not. */
	for (unsigned i = 0; i < 2; ++i)
		ck_assert_lockout(count_at(&third, &now), i + 1, 0);
	ck_assert_lockout(count_at(&owner, &now), 1, 0);
	ck_assert_lockout(count_at(&owner, &now), 2, 300000);
	ck_assert_lockout(read_at(&guesser, &now), 2, 300000);
	/* Counted, and not tried at all: taken back, with the wait that it began. */
	ck_assert_int_eq(lockout_uncount(device.store, &rules, &owner, &now), 0);
	ck_assert_lockout(read_at(&guesser, &now), 2, 0);
	ck_assert_int_eq(lockout_clear_account(device.store, 1, CW_FACTOR_CODE), 0);
	device_close();
	ck_assert_int_eq(device_number("SELECT count(*) FROM lockouts"), 0);
}
END_TEST

START_TEST(a_password_is_counted_at_its_own_seat_alone) {
	struct lockout_key other = kim;
	struct moment now = moment_at(0);

	other.seat = 2;
	for (unsigned i = 0; i < 20; ++i)
		(void)count_at(&kim, &now);
	ck_assert_lockout(read_at(&other, &now), 0, 0);
}
END_TEST

START_TEST(LK_07_a_reboot_keeps_the_wait_of_all_seats) {
	const struct lockout_key third = code_at(3);
	struct moment now = moment_at(0);

	while (guess_anywhere(&now) != 0)
		;
	device_close();
	device_open();
	ck_assert_lockout(read_at(&third, &now), 0, 300000);
}
END_TEST

START_TEST(LK_08_a_damaged_row_of_all_seats_waits_longest_once) {
	const struct lockout_key third = code_at(3);
	struct moment now = moment_at(0);
	struct lockout lockout = { 0 };

	while (guess_anywhere(&now) != 0)
		;
	device_close();
	device_sql("UPDATE lockouts SET remaining_ms = 0 WHERE seat = 0");
	device_open();
	ck_assert_int_eq(lockout_read(device.store, &rules, &third, &now, &lockout), -EBADMSG);
	ck_assert_uint_eq(lockout.remaining_ms, 3600000);
	ck_assert(!lockout.disabled);
	now = moment_at(3600);
	ck_assert_lockout(read_at(&third, &now), 0, 0);
}
END_TEST

START_TEST(the_hundredth_guess_of_a_code_disables_it_wherever_it_was) {
	struct lockout lockout = { 0 };
	uint64_t ms = 0;

	for (unsigned i = 0; i < 100; ++i) {
		const struct lockout_key key = code_at((uint8_t)(1 + i % 8));
		struct moment now = moment_at((int64_t)(ms / 1000));

		ck_assert(!lockout.disabled);
		lockout = count_at(&key, &now);
		ms += 3600000;
	}
	ck_assert(lockout.disabled);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("lockout-seats");
	TCase *t = tcase_create("rows");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, device_set_up, device_tear_down);
	tcase_add_test(t, LK_01_who_goes_from_seat_to_seat_has_no_more_tries);
	tcase_add_test(t, LK_07_a_reboot_keeps_the_wait_of_all_seats);
	tcase_add_test(t, LK_08_a_damaged_row_of_all_seats_waits_longest_once);
	tcase_add_test(t, LK_10_a_success_takes_back_what_was_typed_there_alone);
	tcase_add_test(t, a_password_is_counted_at_its_own_seat_alone);
	tcase_add_test(t, the_hundredth_guess_of_a_code_disables_it_wherever_it_was);
	tcase_add_test(
		t, LK_16_who_guesses_at_one_seat_keeps_another_waiting_no_longer_than_the_ladder);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
