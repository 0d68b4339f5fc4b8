/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "policy/knowledge.h"

#define NOW 1000u

static const struct {
	const char *why;
	struct policy_told told[3];
	uint32_t n;
	struct policy_knowledge expect;
} cases[] = {
	{ "nothing was said", { { 0 } }, 3, { 0, 0, 0, 0, UINT64_MAX } },
	{ "said for good", { { 1, 0 }, { -1, 0 } }, 3, { 1, 2, 1, 2, UINT64_MAX } },
	{ "holds for a while", { { 1, 1001 }, { -1, 1002 } }, 3, { 1, 2, 0, 0, 1001 } },
	{ "gone at its time", { { 1, 1000 }, { -1, 1002 } }, 3, { 0, 2, 0, 0, 1002 } },
	{ "unknown perishes not", { { 0, 1001 }, { 1, 0 } }, 3, { 2, 0, 2, 0, UINT64_MAX } },
	{ "any value is true or false", { { 127, 0 }, { -128, 0 } }, 3, { 1, 2, 1, 2, UINT64_MAX } },
	{ "to the end of time, then gone", { { 1, UINT64_MAX } }, 3, { 1, 0, 0, 0, UINT64_MAX } },
	{ "past the count", { { 1, 0 }, { 1, 1001 }, { 1, 0 } }, 1, { 1, 0, 1, 0, UINT64_MAX } },
};

START_TEST(signals_are_looked_at) {
	const struct policy_knowledge *expect = &cases[_i].expect;
	struct policy_knowledge got;

	policy_look(cases[_i].told, cases[_i].n, NOW, &got);
	ck_assert_msg(memcmp(&got, expect, sizeof(got)) == 0, "%s: %x %x, %x %x, %llu",
		      cases[_i].why, got.true_now, got.false_now, got.true_later, got.false_later,
		      (unsigned long long)got.until_ms);
}
END_TEST

START_TEST(more_signals_than_there_can_be_are_left_out) {
	struct policy_told told[POLICY_SIGNALS_MAX];
	struct policy_knowledge got;

	memset(told, 0xff, sizeof(told));
	policy_look(told, UINT32_MAX, NOW, &got);
	ck_assert_uint_eq(got.true_now, 0);
	ck_assert_uint_eq(got.false_now, UINT32_MAX);
	ck_assert_uint_eq(got.false_later, 0);
}
END_TEST

START_TEST(a_time_to_live_ends) {
	ck_assert_uint_eq(policy_told_until(NOW, 0), 0);
	ck_assert_uint_eq(policy_told_until(NOW, 5), NOW + 5);
	ck_assert_uint_eq(policy_told_until(0, UINT32_MAX), UINT32_MAX);
	ck_assert_uint_eq(policy_told_until(UINT64_MAX, 1), UINT64_MAX);
	ck_assert_uint_eq(policy_told_until(UINT64_MAX - 1, 1), UINT64_MAX);
}
END_TEST

START_TEST(the_longest_of_what_may_be_in_force) {
	static struct policy_table table;

	table.n_contexts = 3;
	table.contexts[0].idle_lock_ms = 2;
	table.contexts[1].idle_lock_ms = 3;
	table.contexts[2].idle_lock_ms = 1;
	ck_assert_uint_eq(policy_idle_ms(&table, 0), 0);
	ck_assert_uint_eq(policy_idle_ms(&table, 5), 2);
	ck_assert_uint_eq(policy_idle_ms(&table, 7), 3);
	ck_assert_uint_eq(policy_idle_ms(&table, 0xfffffff8u), 0);
	table.n_contexts = UINT32_MAX;
	table.contexts[31].idle_lock_ms = 9;
	ck_assert_uint_eq(policy_idle_ms(&table, UINT32_MAX), 9);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("knowledge");
	TCase *tc = tcase_create("knowledge");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, signals_are_looked_at, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, more_signals_than_there_can_be_are_left_out);
	tcase_add_test(tc, a_time_to_live_ends);
	tcase_add_test(tc, the_longest_of_what_may_be_in_force);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
