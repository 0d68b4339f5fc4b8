/* SPDX-License-Identifier: Apache-2.0 */

/* Counting failures, waiting, reboots, clocks, damage. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "auth/lockout-time.h"
#include "auth/lockout.h"
#include "common/cleanup.h"
#include "tests/auth/device.h"

static const struct lockout_rules rules = {
	.free_tries = 5,
	.first_ms = 300000,
	.longest_ms = 3600000,
	.disable_at = 100,
	.code_tries = 3,
};

static const struct lockout_key kim = { .subject = 1, .factor = CW_FACTOR_PASSWORD, .seat = 1 };

static const struct {
	const char *why;
	uint32_t failures;
	uint32_t tries;
	uint64_t expect;
} waits[] = {
	{ "no failure, no wait", 0, 5, 0 },
	{ "four slips are free", 4, 5, 0 },
	{ "the fifth is answered by five minutes", 5, 5, 300000 },
	{ "doubles", 6, 5, 600000 },
	{ "and doubles", 7, 5, 1200000 },
	{ "and doubles again", 8, 5, 2400000 },
	{ "to the longest", 9, 5, 3600000 },
	{ "and no further", 10, 5, 3600000 },
	{ "not at the hundredth", 100, 5, 3600000 },
	{ "nor at the far end", UINT32_MAX, 5, 3600000 },
	{ "a badge code has three", 3, 3, 300000 },
	{ "no free tries still means one failure", 0, 0, 0 },
	{ "the first of them", 1, 0, 300000 },
};

START_TEST(the_wait_follows_the_table) {
	uint64_t got = lockout_wait_ms(&rules, waits[_i].failures, waits[_i].tries);

	ck_assert_msg(got == waits[_i].expect, "%s: %u failures gave %llu ms", waits[_i].why,
		      waits[_i].failures, (unsigned long long)got);
}
END_TEST

START_TEST(the_wait_never_falls_for_any_rules) {
	static const uint64_t times[] = {
		0,        1,        29999,     30000,    300000,     3600000,           3600001,
		86400000, 86400001, INT64_MAX, 1u << 31, UINT64_MAX, UINT64_MAX / 2 + 1
	};

	for (size_t i = 0; i < ARRAY_SIZE(times); ++i) {
		for (size_t k = 0; k < ARRAY_SIZE(times); ++k) {
			struct lockout_rules any = { .first_ms = times[i], .longest_ms = times[k] };

			for (uint32_t tries = 0; tries < 12; ++tries) {
				uint64_t before = 0;

				for (uint32_t failures = 0; failures < 100; ++failures) {
					uint64_t wait = lockout_wait_ms(&any, failures, tries);

					if (wait < before || wait > 86400000)
						ck_abort_msg("%zu %zu %u: %u failures", i, k, tries,
							     failures);
					before = wait;
				}
				ck_assert_uint_ge(before, 30000);
			}
		}
	}
}
END_TEST

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

static struct lockout fail_times(unsigned n, const struct moment *now) {
	struct lockout lockout = { 0 };

	for (unsigned i = 0; i < n; ++i)
		lockout = count_at(&kim, now);
	return lockout;
}

#define ck_assert_lockout(state, n, ms)                                                            \
	do {                                                                                       \
		struct lockout got_ = (state);                                                     \
		ck_assert_uint_eq(got_.failures, (n));                                             \
		ck_assert_uint_eq(got_.remaining_ms, (ms));                                        \
	} while (0)

START_TEST(nobody_has_failed_at_first) {
	struct moment now = moment_at(0);

	ck_assert_lockout(read_at(&kim, &now), 0, 0);
	ck_assert_int_eq(lockout_clear(device.store, &kim), 0);
	ck_assert_int_eq(lockout_uncount(device.store, &rules, &kim, &now), 0);
	ck_assert_int_eq(lockout_tick(device.store, &now), 0);
	device_close();
	ck_assert_int_eq(device_number("SELECT count(*) FROM lockouts"), 0);
}
END_TEST

START_TEST(LK_01_thirty_failures_are_thirty) {
	struct moment now = moment_at(0);
	struct lockout lockout = fail_times(30, &now);

	ck_assert_lockout(lockout, 30, 3600000);
	device_close();
	device_open();
	ck_assert_lockout(read_at(&kim, &now), 30, 3600000);
}
END_TEST

START_TEST(a_person_walks_through_the_waits) {
	struct moment now = moment_at(0);
	uint64_t expect[] = { 300000, 600000, 1200000, 2400000, 3600000, 3600000 };

	ck_assert_lockout(fail_times(4, &now), 4, 0);
	for (size_t i = 0; i < ARRAY_SIZE(expect); ++i) {
		struct lockout lockout = count_at(&kim, &now);

		ck_assert_lockout(lockout, 5 + i, expect[i]);
		now.boot_ms += expect[i] - 1;
		ck_assert_lockout(read_at(&kim, &now), 5 + i, 1);
		now.boot_ms += 1;
		ck_assert_lockout(read_at(&kim, &now), 5 + i, 0);
	}
	ck_assert_int_eq(lockout_clear(device.store, &kim), 0);
	ck_assert_lockout(read_at(&kim, &now), 0, 0);
}
END_TEST

START_TEST(LK_04_failures_are_counted_not_dated) {
	struct moment now = moment_at(0);

	for (unsigned i = 0; i < 7; ++i) {
		(void)count_at(&kim, &now);
		now.wall_ms -= 86400000;
	}
	ck_assert_lockout(read_at(&kim, &now), 7, 1200000);
}
END_TEST

static const int64_t walls[] = {
	0,
	1,
	915148800000,
	1767225599999,
	2147483648000,
	4294967296000,
	1767229200000,
	253402300799000,
	INT64_MAX,
	INT64_MIN,
};

START_TEST(LK_06_the_wall_clock_is_never_read) {
	struct moment now = moment_at(0);

	(void)fail_times(5, &now);
	now.wall_ms = walls[_i];
	for (unsigned trust = CLOCK_UNKNOWN; trust <= CLOCK_TRUSTED; ++trust) {
		now.trust = (enum clock_trust)trust;
		ck_assert_lockout(read_at(&kim, &now), 5, 300000);
		ck_assert_int_eq(lockout_tick(device.store, &now), 0);
		ck_assert_lockout(read_at(&kim, &now), 5, 300000);
	}
}
END_TEST

/* Later than the store can hold: no boot clock gets there, and if it did, nobody came in. */
static const uint64_t latest[] = { INT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1,
				   UINT64_MAX - 1, UINT64_MAX };

START_TEST(no_time_is_too_late_to_wait) {
	struct moment now = moment_at(0);

	now.boot_ms = latest[_i];
	ck_assert_lockout(fail_times(5, &now), 5, 300000);
	ck_assert_lockout(read_at(&kim, &now), 5, 300000);
	ck_assert_int_eq(lockout_tick(device.store, &now), 0);
	ck_assert_lockout(read_at(&kim, &now), 5, 300000);
}
END_TEST

static struct moment boot_at(uint8_t boot, uint64_t boot_ms) {
	/* LK-05: the battery is dead, every boot is in 1970. */
	return (struct moment){ .wall_ms = 1000, .boot_ms = boot_ms, .boot_id = { boot } };
}

START_TEST(LK_05_a_reboot_into_1970_resumes_the_wait) {
	struct moment now = moment_at(0);

	(void)fail_times(5, &now);
	now = boot_at(2, 0);
	ck_assert_lockout(read_at(&kim, &now), 5, 300000);
	now = boot_at(2, 40000); /* the device has been on for 40 s: that counts */
	ck_assert_lockout(read_at(&kim, &now), 5, 260000);
	ck_assert_int_eq(lockout_tick(device.store, &now), 0);
	ck_assert_lockout(read_at(&kim, &now), 5, 260000);
	now = boot_at(2, 299999);
	ck_assert_lockout(read_at(&kim, &now), 5, 1);
	now = boot_at(2, 300000);
	ck_assert_lockout(read_at(&kim, &now), 5, 0);
}
END_TEST

START_TEST(LK_07_reboots_neither_end_nor_prolong_the_wait) {
	struct moment now = moment_at(0);
	uint64_t waited = 0;
	uint8_t boot = 1;

	(void)fail_times(5, &now);
	/* Ten seconds and a bit in each boot; what was not ticked is lost, no more. */
	while (waited < 300000) {
		now = boot_at(++boot, 0);
		ck_assert_lockout(read_at(&kim, &now), 5, 300000 - waited);
		now.boot_ms = 10000;
		ck_assert_int_eq(lockout_tick(device.store, &now), 0);
		now.boot_ms = 10900;
		waited += 10000;
	}
	now = boot_at(++boot, 0);
	ck_assert_lockout(read_at(&kim, &now), 5, 0);
	ck_assert_uint_eq(boot, 32);
}
END_TEST

START_TEST(LK_07_time_switched_off_does_not_count) {
	struct moment now = moment_at(0);

	(void)fail_times(5, &now);
	now.boot_ms += 20000;
	ck_assert_int_eq(lockout_tick(device.store, &now), 0);
	/* A year in a cupboard, on a good clock. */
	now = moment_at(365 * 86400);
	now.boot_id[0] = 2;
	now.boot_ms = 0;
	ck_assert_lockout(read_at(&kim, &now), 5, 280000);
}
END_TEST

START_TEST(a_boot_clock_that_goes_back_shortens_nothing) {
	struct moment now = moment_at(100);

	(void)fail_times(5, &now);
	now.boot_ms = 0;
	ck_assert_lockout(read_at(&kim, &now), 5, 300000);
	now.boot_ms = UINT64_MAX;
	ck_assert_lockout(read_at(&kim, &now), 5, 0); /* and at its far end nothing breaks */
	ck_assert_int_eq(lockout_tick(device.store, &now), 0);
	ck_assert_lockout(read_at(&kim, &now), 5, 0);
}
END_TEST

START_TEST(LK_05_a_wait_is_never_longer_than_the_rule_of_today) {
	struct lockout_rules shorter = rules;
	struct lockout_rules longer = rules;
	struct moment now = moment_at(0);
	struct lockout lockout;

	longer.longest_ms = 86400000;
	for (unsigned i = 0; i < 20; ++i)
		ck_assert_int_eq(lockout_count(device.store, &longer, &kim, &now, &lockout), 0);
	ck_assert_lockout(lockout, 20, 86400000);
	shorter.longest_ms = 600000;
	ck_assert_int_eq(lockout_read(device.store, &shorter, &kim, &now, &lockout), 0);
	ck_assert_lockout(lockout, 20, 600000);
}
END_TEST

START_TEST(LK_10_only_the_same_factor_and_seat_clear) {
	struct moment now = moment_at(0);
	struct lockout_key other_seat = kim;
	struct lockout_key other_factor = kim;
	struct lockout_key other_person = kim;

	other_seat.seat = 2;
	other_factor.factor = CW_FACTOR_SMARTCARD;
	other_person.subject = 2;
	(void)fail_times(6, &now);
	(void)count_at(&other_seat, &now);
	ck_assert_lockout(read_at(&other_factor, &now), 0, 0);
	ck_assert_lockout(read_at(&other_person, &now), 0, 0);
	ck_assert_int_eq(lockout_clear(device.store, &other_seat), 0);
	ck_assert_int_eq(lockout_clear(device.store, &other_factor), 0);
	ck_assert_int_eq(lockout_clear(device.store, &other_person), 0);
	ck_assert_lockout(read_at(&kim, &now), 6, 600000);
	ck_assert_lockout(read_at(&other_seat, &now), 0, 0);
}
END_TEST

START_TEST(a_reset_clears_all_seats_of_one_factor) {
	struct moment now = moment_at(0);
	struct lockout_key other_seat = kim;
	struct lockout_key code = kim;

	other_seat.seat = 2;
	code.factor = CW_FACTOR_CODE;
	(void)fail_times(6, &now);
	(void)count_at(&other_seat, &now);
	(void)count_at(&code, &now);
	ck_assert_int_eq(lockout_clear_account(device.store, 1, CW_FACTOR_PASSWORD), 0);
	ck_assert_lockout(read_at(&kim, &now), 0, 0);
	ck_assert_lockout(read_at(&other_seat, &now), 0, 0);
	ck_assert_lockout(read_at(&code, &now), 1, 0);
}
END_TEST

START_TEST(a_badge_code_has_three_tries) {
	struct moment now = moment_at(0);
	struct lockout_key code = { .subject = 1, .factor = CW_FACTOR_CODE, .seat = 1 };
	struct lockout_rules generous = rules;
	struct lockout lockout;

	generous.code_tries = 10; /* more than three are not given, whatever is written */
	for (unsigned i = 0; i < 2; ++i)
		ck_assert_int_eq(lockout_count(device.store, &generous, &code, &now, &lockout), 0);
	ck_assert_lockout(lockout, 2, 0);
	ck_assert_int_eq(lockout_count(device.store, &generous, &code, &now, &lockout), 0);
	ck_assert_lockout(lockout, 3, 300000);
}
END_TEST

START_TEST(rules_of_zeroes_are_no_licence) {
	struct lockout_rules zeroes = { 0 };
	struct moment now = moment_at(0);
	struct lockout lockout;

	for (unsigned i = 0; i < 5; ++i)
		ck_assert_int_eq(lockout_count(device.store, &zeroes, &kim, &now, &lockout), 0);
	ck_assert_lockout(lockout, 5, 30000);
	for (unsigned i = 0; i < 95; ++i)
		ck_assert_int_eq(lockout_count(device.store, &zeroes, &kim, &now, &lockout), 0);
	ck_assert(lockout.disabled);
}
END_TEST

START_TEST(the_hundredth_failure_disables_and_still_waits) {
	struct moment now = moment_at(0);
	struct lockout lockout = fail_times(99, &now);

	ck_assert(!lockout.disabled);
	lockout = count_at(&kim, &now);
	ck_assert(lockout.disabled);
	/* The last administrator, who is never disabled, waits the longest time. */
	ck_assert_lockout(lockout, 100, 3600000);
	now.boot_ms += 3600000;
	lockout = read_at(&kim, &now);
	ck_assert(lockout.disabled);
	ck_assert_uint_eq(lockout.remaining_ms, 0);
}
END_TEST

START_TEST(uncounting_restores_exactly_one) {
	struct moment now = moment_at(0);

	for (unsigned failures = 1; failures <= 12; ++failures) {
		struct lockout before;

		before = read_at(&kim, &now);
		ck_assert_uint_eq(before.remaining_ms, 0);
		(void)count_at(&kim, &now);
		ck_assert_int_eq(lockout_uncount(device.store, &rules, &kim, &now), 0);
		ck_assert_lockout(read_at(&kim, &now), before.failures, 0);
		(void)count_at(&kim, &now); /* and one that really fails */
		now.boot_ms += 3600000;
	}
	ck_assert_lockout(read_at(&kim, &now), 12, 0);
}
END_TEST

START_TEST(LK_13_what_was_counted_before_a_crash_stays_counted) {
	struct moment now = moment_at(0);

	for (unsigned round = 1; round <= 6; ++round) {
		int status = 0;
		pid_t pid;

		device_close();
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			struct lockout lockout;
			struct journal_entry entry = { .at = now,
						       .event = EVENT_TRY_COUNTED,
						       .target = 1,
						       .peer_uid = UINT32_MAX };

			device_open();
			if (store_begin(device.store) < 0 ||
			    lockout_count(device.store, &rules, &kim, &now, &lockout) < 0 ||
			    journal_append(device.store, &entry) < 0 ||
			    store_commit(device.store) < 0)
				_exit(1);
			_exit(0); /* the power goes before the verification ends */
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		device_open();
		ck_assert_uint_eq(read_at(&kim, &now).failures, round);
	}
	ck_assert_lockout(read_at(&kim, &now), 6, 600000);
}
END_TEST

START_TEST(LK_13_what_was_not_committed_was_not_counted) {
	struct moment now = moment_at(0);
	struct lockout lockout;

	(void)fail_times(2, &now);
	ck_assert_int_eq(store_begin(device.store), 0);
	ck_assert_int_eq(lockout_count(device.store, &rules, &kim, &now, &lockout), 0);
	store_rollback(device.store);
	ck_assert_lockout(read_at(&kim, &now), 2, 0);
}
END_TEST

static const char *const odd_names[] = {
	"../x", "a/b", ".", "..", "", "\n", "%s", "~", "\xff\xfe", "root", "x", "y", "z",
};

START_TEST(LK_14_any_name_has_a_bucket) {
	int64_t subject = 0;
	int64_t again = 0;
	unsigned n_different = 0;
	int64_t first = 0;

	for (size_t i = 0; i < ARRAY_SIZE(odd_names); ++i) {
		ck_assert_int_eq(lockout_unknown(device.store, odd_names[i], &subject), 0);
		ck_assert_int_eq(lockout_unknown(device.store, odd_names[i], &again), 0);
		ck_assert(subject == again);
		ck_assert(subject <= -1 && subject >= -(int64_t)LOCKOUT_BUCKETS);
		first = i == 0 ? subject : first;
		n_different += subject != first;
	}
	ck_assert_uint_ge(n_different, 10);
}
END_TEST

START_TEST(LK_17_the_unknown_is_told_the_same) {
	struct lockout_key unknown = kim;
	struct moment now = moment_at(0);

	ck_assert_int_eq(lockout_unknown(device.store, "nobody", &unknown.subject), 0);
	for (unsigned i = 0; i < 120; ++i) {
		struct lockout known = read_at(&kim, &now);
		struct lockout other = read_at(&unknown, &now);

		ck_assert_lockout(other, known.failures, known.remaining_ms);
		known = count_at(&kim, &now);
		other = count_at(&unknown, &now);
		ck_assert_lockout(other, known.failures, known.remaining_ms);
		ck_assert(known.disabled == other.disabled);
		now.boot_ms += 7000 * i;
	}
}
END_TEST

START_TEST(LK_19_a_crowd_of_names_pushes_nobody_out) {
	struct moment now = moment_at(0);
	int64_t n_rows;

	(void)fail_times(6, &now);
	ck_assert_int_eq(store_begin(device.store), 0);
	for (unsigned i = 0; i < 3000; ++i) {
		struct lockout_key key = kim;
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i);
		ck_assert_int_eq(lockout_unknown(device.store, name, &key.subject), 0);
		(void)count_at(&key, &now);
	}
	ck_assert_int_eq(store_commit(device.store), 0);
	ck_assert_lockout(read_at(&kim, &now), 6, 600000);
	device_close();
	n_rows = device_number("SELECT count(*) FROM lockouts");
	ck_assert_int_gt(n_rows, 512);
	ck_assert_int_le(n_rows, LOCKOUT_BUCKETS + 1);
}
END_TEST

static const struct {
	const char *why;
	const char *sql;
} damages[] = {
	{ "LK-08 fewer failures", "UPDATE lockouts SET failures = 0" },
	{ "LK-08 failures below none", "UPDATE lockouts SET failures = -1" },
	{ "LK-08 failures beyond counting", "UPDATE lockouts SET failures = 9223372036854775807" },
	{ "LK-08 no wait left", "UPDATE lockouts SET remaining_ms = 0" },
	{ "LK-08 a wait of ages", "UPDATE lockouts SET remaining_ms = 9223372036854775807" },
	{ "LK-08 a wait below none", "UPDATE lockouts SET remaining_ms = -1" },
	{ "LK-08 another boot", "UPDATE lockouts SET boot_id = zeroblob(16)" },
	{ "LK-08 half a boot", "UPDATE lockouts SET boot_id = x'01'" },
	{ "LK-08 another time in the boot", "UPDATE lockouts SET boot_ms = 0" },
	{ "LK-08 a time before the boot", "UPDATE lockouts SET boot_ms = -1" },
	{ "LK-08 another MAC", "UPDATE lockouts SET mac = zeroblob(32)" },
	{ "LK-08 no MAC", "UPDATE lockouts SET mac = x''" },
	{ "LK-08 another's row", "DELETE FROM lockouts WHERE subject = 1; "
				 "UPDATE lockouts SET subject = 1" },
};

START_TEST(LK_08_a_damaged_row_waits_longest_once) {
	struct moment now = moment_at(0);
	struct lockout_key other = kim;
	struct lockout lockout = { 0 };

	other.subject = 2;
	(void)fail_times(7, &now);
	(void)count_at(&other, &now);
	device_sql(damages[_i].sql);

	ck_assert_msg(lockout_read(device.store, &rules, &kim, &now, &lockout) == -EBADMSG, "%s",
		      damages[_i].why);
	ck_assert_uint_eq(lockout.remaining_ms, 3600000);
	ck_assert(!lockout.disabled);
	/* Once: the row is whole again, and the wait ends. */
	now.boot_ms += 1000;
	lockout = read_at(&kim, &now);
	ck_assert_uint_eq(lockout.remaining_ms, 3599000);
	now.boot_ms += 3599000;
	lockout = read_at(&kim, &now);
	ck_assert_uint_eq(lockout.remaining_ms, 0);
	/* What comes after it is no softer than before. */
	lockout = count_at(&kim, &now);
	ck_assert_uint_eq(lockout.remaining_ms, 3600000);
}
END_TEST

START_TEST(LK_08_a_damaged_row_is_counted_on_from_the_longest) {
	struct moment now = moment_at(0);
	struct lockout lockout;

	(void)fail_times(2, &now);
	device_sql("UPDATE lockouts SET failures = 0");
	lockout = count_at(&kim, &now);
	ck_assert_uint_eq(lockout.remaining_ms, 3600000);
	device_sql("UPDATE lockouts SET failures = 0");
	ck_assert_int_eq(lockout_uncount(device.store, &rules, &kim, &now), -EBADMSG);
}
END_TEST

START_TEST(LK_08_damage_disables_nobody) {
	struct lockout_rules early = rules;
	struct moment now = moment_at(0);
	struct lockout lockout;

	early.disable_at = 3;
	(void)fail_times(1, &now);
	device_sql("UPDATE lockouts SET failures = 0");
	ck_assert_int_eq(lockout_read(device.store, &early, &kim, &now, &lockout), -EBADMSG);
	ck_assert(!lockout.disabled);
	ck_assert_uint_eq(lockout.remaining_ms, 3600000);
}
END_TEST

START_TEST(a_tick_writes_only_what_runs) {
	struct moment now = moment_at(0);
	struct lockout_key other = kim;
	int64_t boot_ms;

	other.subject = 2;
	(void)fail_times(5, &now);
	(void)count_at(&other, &now);
	now.boot_ms += 10000;
	ck_assert_int_eq(lockout_tick(device.store, &now), 0);
	device_close();
	ck_assert_int_eq(device_number("SELECT remaining_ms FROM lockouts WHERE subject = 1"),
			 290000);
	boot_ms = device_number("SELECT boot_ms FROM lockouts WHERE subject = 2");
	ck_assert_int_eq(boot_ms, 1000000);
}
END_TEST

START_TEST(a_tick_goes_on_past_damaged_rows) {
	struct moment now = moment_at(0);
	struct lockout_key last = { .subject = 9, .factor = CW_FACTOR_PASSWORD, .seat = 8 };

	(void)fail_times(5, &now);
	for (unsigned i = 0; i < 5; ++i)
		(void)count_at(&last, &now);
	/* Seats and factors that no byte holds: the tick must not turn in circles. */
	device_sql("UPDATE lockouts SET mac = zeroblob(32) WHERE subject = 1;"
		   "INSERT INTO lockouts SELECT 2, factor, 300, failures, remaining_ms, boot_id, "
		   "boot_ms, mac FROM lockouts WHERE subject = 9;"
		   "INSERT INTO lockouts SELECT 3, 4294967297, 1, failures, remaining_ms, boot_id, "
		   "boot_ms, mac FROM lockouts WHERE subject = 9;"
		   "INSERT INTO lockouts SELECT 4, -1, -1, failures, remaining_ms, boot_id, "
		   "boot_ms, mac FROM lockouts WHERE subject = 9");
	now.boot_ms += 10000;
	ck_assert_int_eq(lockout_tick(device.store, &now), 0);
	device_close();
	ck_assert_int_eq(device_number("SELECT remaining_ms FROM lockouts WHERE subject = 9"),
			 290000);
	ck_assert_int_eq(device_number("SELECT remaining_ms FROM lockouts WHERE subject = 1"),
			 300000);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("lockout");
	TCase *plain = tcase_create("plain");
	TCase *t = tcase_create("rows");

	tcase_add_loop_test(plain, the_wait_follows_the_table, 0, (int)ARRAY_SIZE(waits));
	tcase_add_test(plain, the_wait_never_falls_for_any_rules);
	suite_add_tcase(s, plain);

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, device_set_up, device_tear_down);
	tcase_add_test(t, nobody_has_failed_at_first);
	tcase_add_test(t, LK_01_thirty_failures_are_thirty);
	tcase_add_test(t, a_person_walks_through_the_waits);
	tcase_add_test(t, LK_04_failures_are_counted_not_dated);
	tcase_add_test(t, LK_05_a_reboot_into_1970_resumes_the_wait);
	tcase_add_test(t, LK_05_a_wait_is_never_longer_than_the_rule_of_today);
	tcase_add_loop_test(t, LK_06_the_wall_clock_is_never_read, 0, (int)ARRAY_SIZE(walls));
	tcase_add_loop_test(t, no_time_is_too_late_to_wait, 0, (int)ARRAY_SIZE(latest));
	tcase_add_test(t, LK_07_reboots_neither_end_nor_prolong_the_wait);
	tcase_add_test(t, LK_07_time_switched_off_does_not_count);
	tcase_add_test(t, a_boot_clock_that_goes_back_shortens_nothing);
	tcase_add_loop_test(t, LK_08_a_damaged_row_waits_longest_once, 0, (int)ARRAY_SIZE(damages));
	tcase_add_test(t, LK_08_a_damaged_row_is_counted_on_from_the_longest);
	tcase_add_test(t, LK_08_damage_disables_nobody);
	tcase_add_test(t, LK_10_only_the_same_factor_and_seat_clear);
	tcase_add_test(t, a_reset_clears_all_seats_of_one_factor);
	tcase_add_test(t, a_badge_code_has_three_tries);
	tcase_add_test(t, rules_of_zeroes_are_no_licence);
	tcase_add_test(t, the_hundredth_failure_disables_and_still_waits);
	tcase_add_test(t, uncounting_restores_exactly_one);
	tcase_add_test(t, LK_13_what_was_counted_before_a_crash_stays_counted);
	tcase_add_test(t, LK_13_what_was_not_committed_was_not_counted);
	tcase_add_test(t, LK_14_any_name_has_a_bucket);
	tcase_add_test(t, LK_17_the_unknown_is_told_the_same);
	tcase_add_test(t, LK_19_a_crowd_of_names_pushes_nobody_out);
	tcase_add_test(t, a_tick_writes_only_what_runs);
	tcase_add_test(t, a_tick_goes_on_past_damaged_rows);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
