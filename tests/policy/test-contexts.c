/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"

static struct policy_table table;

/* routine; acute when signal 0; transport when 1; at home when 2 and not 0 */
static void setup(void) {
	memset(&table, 0, sizeof(table));
	table.n_contexts = 4;
	table.n_signals = 3;
	table.contexts[1].when_true = 1;
	table.contexts[2].when_true = 2;
	table.contexts[3].when_true = 4;
	table.contexts[3].when_false = 1;
}

static const struct {
	const char *why;
	uint32_t yes;
	uint32_t no;
	uint32_t expect;
} cases[] = {
	{ "nothing is known: every context may be in force", 0, 0, 0xf },
	{ "all false: only routine is left", 0, 7, 0x1 },
	{ "acute is certain and covers routine", 1, 6, 0x2 },
	{ "acute is certain, transport may be: routine cannot", 1, 4, 0x6 },
	{ "transport covers acute and routine", 3, 4, 0x4 },
	{ "at home covers everything below it", 6, 1, 0x8 },
	{ "at home is excluded by its false signal", 5, 2, 0x2 },
	{ "at home may be while one of its signals is unknown", 4, 2, 0xb },
	{ "told to be both is unknown", 1, 7, 0x3 },
	{ "all told to be both is like nothing known", 7, 7, 0xf },
	{ "signals that no context asks for change nothing", 0xfffffff8u, 0xfffffff8u, 0xf },
};

START_TEST(contexts_match_table) {
	uint32_t got = policy_contexts(&table, cases[_i].yes, cases[_i].no);

	ck_assert_msg(got == cases[_i].expect, "%s: %x, want %x", cases[_i].why, got,
	              cases[_i].expect);
}
END_TEST

/* The highest context that applies when all signals are as @world says. */
static uint32_t in_force(uint32_t world) {
	for (uint32_t i = table.n_contexts; i > 0; --i) {
		const struct policy_context *c = &table.contexts[i - 1];

		if ((c->when_true & ~world) == 0 && (c->when_false & world) == 0)
			return i - 1;
	}
	return 32;
}

static uint32_t random_state = 20240611;

static uint32_t next_random(void) {
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

START_TEST(the_context_in_force_is_always_among_them) {
	for (uint32_t round = 0; round < 2000; ++round) {
		table.n_contexts = 1 + next_random() % 6;
		for (uint32_t i = 1; i < table.n_contexts; ++i) {
			table.contexts[i].when_true = next_random() & next_random() & 15;
			table.contexts[i].when_false = next_random() & next_random() & 15;
		}
		for (uint32_t world = 0; world < 16; ++world) {
			for (uint32_t told = 0; told < 16; ++told) {
				uint32_t set = policy_contexts(&table, told & world, told & ~world);

				ck_assert_uint_ne(set & (1u << in_force(world)), 0);
				if (told == 15)
					ck_assert_uint_eq(set, 1u << in_force(world));
			}
		}
	}
}
END_TEST

START_TEST(knowing_more_never_adds_a_context) {
	for (uint32_t yes = 0; yes < 8; ++yes) {
		for (uint32_t no = 0; no < 8; ++no) {
			for (uint32_t bit = 1; bit < 8; bit <<= 1) {
				uint32_t before = policy_contexts(&table, yes, no);

				if ((yes & no) != 0 || ((yes | no) & bit) != 0)
					continue;
				ck_assert_uint_eq(policy_contexts(&table, yes | bit, no) & ~before,
				                  0);
				ck_assert_uint_eq(policy_contexts(&table, yes, no | bit) & ~before,
				                  0);
			}
		}
	}
}
END_TEST

START_TEST(any_number_of_contexts_is_safe) {
	table.n_contexts = 0;
	ck_assert_uint_eq(policy_contexts(&table, 0, 0), 0);
	memset(&table, 0, sizeof(table));
	table.n_contexts = 32;
	ck_assert_uint_eq(policy_contexts(&table, 0, 0), 0x80000000u);
	table.n_contexts = UINT32_MAX;
	ck_assert_uint_eq(policy_contexts(&table, 0, 0), 0x80000000u);
	memset(table.contexts, 0xff, sizeof(table.contexts));
	ck_assert_uint_eq(policy_contexts(&table, 0, 0), 0xffffffffu);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("contexts");
	TCase *tc = tcase_create("contexts");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, contexts_match_table, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, the_context_in_force_is_always_among_them);
	tcase_add_test(tc, knowing_more_never_adds_a_context);
	tcase_add_test(tc, any_number_of_contexts_is_safe);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
