/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "broker/clock.h"

#define BUILD INT64_C(1795219200000)
#define DAY (24 * 3600 * INT64_C(1000))

static const struct {
	const char *why;
	int64_t first_wall, wall;
	uint64_t first_boot, boot;
	enum clock_trust trust;
	bool stepped;
} cases[] = {
	{ "an ordinary second is trusted", BUILD + 1000, BUILD + 2000, 1000, 2000, CLOCK_TRUSTED, false },
	{ "TM-01 1970 is not believed", BUILD, 0, 1000, 2000, CLOCK_UNKNOWN, true },
	{ "TM-01 1999 is not believed", BUILD, INT64_C(946684799000), 1000, 2000, CLOCK_UNKNOWN, true },
	{ "TM-01 a millisecond before the build is not believed", BUILD, BUILD - 1, 1000, 1000,
	  CLOCK_UNKNOWN, false },
	{ "TM-01 the build itself is", BUILD, BUILD, 1000, 1000, CLOCK_TRUSTED, false },
	{ "LK-06 an hour forward is believed, it is no day", BUILD, BUILD + 3600000, 1000, 2000,
	  CLOCK_TRUSTED, false },
	{ "a day and a bit forward is suspicious", BUILD, BUILD + DAY + 2000, 1000, 1001,
	  CLOCK_SUSPICIOUS, true },
	{ "a day with a day of boot time is a day", BUILD, BUILD + DAY + 2000, 1000,
	  (uint64_t)DAY + 3000, CLOCK_TRUSTED, false },
	{ "TM-01 the year 2106 is suspicious", BUILD, INT64_C(4294967296000), 1000, 2000,
	  CLOCK_SUSPICIOUS, true },
	{ "TM-01 the year 9999 is suspicious", BUILD, INT64_C(253402300799000), 1000, 2000,
	  CLOCK_SUSPICIOUS, true },
	{ "TM-01 the year 2106 from the start is suspicious without a step", INT64_C(4294967296000),
	  INT64_C(4294967297000), 1000, 2000, CLOCK_SUSPICIOUS, false },
	{ "TM-01 the year 2038 from the start is believed, devices live so long",
	  INT64_C(2147483648000), INT64_C(2147483649000), 1000, 2000, CLOCK_TRUSTED, false },
	{ "TM-01 the end of time neither overflows nor is believed", BUILD, INT64_MAX, 1000, 2000,
	  CLOCK_SUSPICIOUS, true },
	{ "TM-01 the beginning of time neither overflows nor is believed", BUILD, INT64_MIN, 1000, 2000,
	  CLOCK_UNKNOWN, true },
};

START_TEST(clock_trust_matches_table) {
	struct clock clock = { .not_before_ms = BUILD };
	struct moment m;
	int64_t step = 0;

	(void)clock_judge(&clock, cases[_i].first_wall, cases[_i].first_boot);
	m = clock_judge(&clock, cases[_i].wall, cases[_i].boot);
	ck_assert_msg(m.trust == cases[_i].trust, "%s: trust %d", cases[_i].why, (int)m.trust);
	ck_assert_msg(clock_take_step(&clock, &step) == cases[_i].stepped, "%s: step", cases[_i].why);
	ck_assert_msg(!clock_take_step(&clock, &step), "%s: a step is told once", cases[_i].why);
}
END_TEST

START_TEST(suspicion_stays_until_the_clock_is_put_back) {
	struct clock clock = { .not_before_ms = BUILD };

	(void)clock_judge(&clock, BUILD, 1000);
	ck_assert_int_eq(clock_judge(&clock, BUILD + 2 * DAY, 2000).trust, CLOCK_SUSPICIOUS);
	ck_assert_int_eq(clock_judge(&clock, BUILD + 2 * DAY + 1000, 3000).trust, CLOCK_SUSPICIOUS);
	ck_assert_int_eq(clock_judge(&clock, BUILD + 3000, 4000).trust, CLOCK_TRUSTED);
}
END_TEST

START_TEST(nothing_before_the_last_entry_is_believed) {
	struct clock clock = { .not_before_ms = BUILD };

	clock_not_before(&clock, BUILD + 5000);
	ck_assert_int_eq(clock_judge(&clock, BUILD + 4999, 1000).trust, CLOCK_UNKNOWN);
	ck_assert_int_eq(clock_judge(&clock, BUILD + 5000, 1001).trust, CLOCK_TRUSTED);
	clock_not_before(&clock, BUILD);
	ck_assert_int_eq(clock_judge(&clock, BUILD + 4999, 1002).trust, CLOCK_UNKNOWN);
}
END_TEST

int main(void) {
	Suite *s = suite_create("clock");
	TCase *t = tcase_create("clock");
	SRunner *r = NULL;
	int failed = 0;

	tcase_add_loop_test(t, clock_trust_matches_table, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, suspicion_stays_until_the_clock_is_put_back);
	tcase_add_test(t, nothing_before_the_last_entry_is_believed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_SILENT);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
