/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"

static struct policy_table table;

/* Actions 0..3: always, care, guarded, sensitive. */
static void setup(void) {
	memset(&table, 0, sizeof(table));
	table.magic = POLICY_TABLE_MAGIC;
	table.version = POLICY_TABLE_VERSION;
	table.size = sizeof(table);
	table.n_actions = 4;
	table.n_roles = 3;
	table.n_signals = 2;
	table.n_contexts = 2;
	table.n_seats = 1;
	table.patient_signal = 1;
	for (uint8_t i = 0; i < 4; ++i) {
		table.actions[i].kind = (uint8_t)(CW_KIND_ALWAYS + i);
		table.actions[i].roles = 7;
	}
	table.actions[1].witness = 1;
	table.actions[2].assurance = CW_ASSURANCE_PASSWORD;
	table.actions[2].when_false = 3;
	table.actions[3].assurance = CW_ASSURANCE_STRONG;
	table.actions[3].confirm = CW_CONFIRM_SECOND_PERSON;
	table.actions[3].fresh_ms = 120000;
	table.contexts[0].idle_lock_ms = 300000;
	table.contexts[0].care = CW_ASSURANCE_CODE;
	table.contexts[1].idle_lock_ms = 3600000;
	table.contexts[1].when_true = 1;
	table.contexts[1].guarded = CW_ASSURANCE_STRONG;
}

#define FIELD(f) offsetof(struct policy_table, f), sizeof(((struct policy_table *)0)->f)

static const struct {
	const char *why;
	size_t at;
	size_t size;
	uint32_t value;
	bool valid;
} cases[] = {
	{ "another magic", FIELD(magic), POLICY_TABLE_MAGIC + 1, false },
	{ "another version", FIELD(version), POLICY_TABLE_VERSION + 1, false },
	{ "a byte less", FIELD(size), sizeof(struct policy_table) - 1, false },
	{ "a byte more", FIELD(size), sizeof(struct policy_table) + 1, false },
	{ "the checksum is not looked at", FIELD(checksum), 1, true },
	{ "no action at all", FIELD(n_actions), 0, true },
	{ "one action too many", FIELD(n_actions), POLICY_ACTIONS_MAX + 1, false },
	{ "very many actions", FIELD(n_actions), UINT32_MAX, false },
	{ "fewer roles than the masks name", FIELD(n_roles), 2, false },
	{ "all roles there are", FIELD(n_roles), POLICY_ROLES_MAX, true },
	{ "one role too many", FIELD(n_roles), POLICY_ROLES_MAX + 1, false },
	{ "fewer signals than the masks name", FIELD(n_signals), 1, false },
	{ "one signal too many", FIELD(n_signals), POLICY_SIGNALS_MAX + 1, false },
	{ "no context", FIELD(n_contexts), 0, false },
	{ "one context too many", FIELD(n_contexts), POLICY_CONTEXTS_MAX + 1, false },
	{ "a context that is all zero", FIELD(n_contexts), 3, false },
	{ "signals without a seat", FIELD(n_seats), 0, false },
	{ "one seat too many", FIELD(n_seats), POLICY_SEATS_MAX + 1, false },
	{ "no patient signal", FIELD(patient_signal), 0, true },
	{ "the last signal says patient", FIELD(patient_signal), 2, true },
	{ "a patient signal that is not there", FIELD(patient_signal), 3, false },

	{ "no kind", FIELD(actions[0].kind), CW_KIND_NONE, false },
	{ "a kind that is not there", FIELD(actions[0].kind), CW_N_KINDS, false },
	{ "a kind of all ones", FIELD(actions[0].kind), 255, false },
	{ "the reserved word of an action", FIELD(actions[0].zero), 1, false },
	{ "a role that is not there", FIELD(actions[1].roles), 8, false },
	{ "the highest role that is not there", FIELD(actions[1].roles), 0x80000000u, false },
	{ "no role", FIELD(actions[1].roles), 0, true },
	{ "beyond the count nothing is looked at", FIELD(actions[4].kind), 255, true },

	{ "always with a witness", FIELD(actions[0].witness), 1, false },
	{ "always with an assurance", FIELD(actions[0].assurance), 1, false },
	{ "always with a confirmation", FIELD(actions[0].confirm), 1, false },
	{ "always with a freshness", FIELD(actions[0].fresh_ms), 1, false },
	{ "always with a precondition", FIELD(actions[0].when_true), 1, false },
	{ "care with two witnesses", FIELD(actions[1].witness), 2, false },
	{ "care without a witness", FIELD(actions[1].witness), 0, true },
	{ "care with an assurance", FIELD(actions[1].assurance), CW_ASSURANCE_PASSWORD, false },
	{ "care with a confirmation", FIELD(actions[1].confirm), 1, false },
	{ "care with a freshness", FIELD(actions[1].fresh_ms), 1, false },
	{ "care with a precondition", FIELD(actions[1].when_false), 1, false },

	{ "guarded by nothing", FIELD(actions[2].assurance), CW_ASSURANCE_NONE, false },
	{ "guarded by a badge", FIELD(actions[2].assurance), CW_ASSURANCE_BADGE, false },
	{ "guarded by a code", FIELD(actions[2].assurance), CW_ASSURANCE_CODE, false },
	{ "guarded by a token", FIELD(actions[2].assurance), CW_ASSURANCE_STRONG, true },
	{ "guarded by more than a token", FIELD(actions[2].assurance), CW_N_ASSURANCES, false },
	{ "guarded with a witness", FIELD(actions[2].witness), 1, false },
	{ "guarded with a confirmation", FIELD(actions[2].confirm), 2, true },
	{ "guarded with too much of it", FIELD(actions[2].confirm), CW_N_CONFIRMS, false },
	{ "guarded and fresh for an hour", FIELD(actions[2].fresh_ms), 3600000, true },
	{ "guarded and fresh for longer", FIELD(actions[2].fresh_ms), 3600001, false },
	{ "wants a signal that is not there", FIELD(actions[2].when_true), 4, false },
	{ "excludes a signal that is not there", FIELD(actions[2].when_false), 4, false },

	{ "sensitive by a code", FIELD(actions[3].assurance), CW_ASSURANCE_CODE, false },
	{ "sensitive by a password", FIELD(actions[3].assurance), CW_ASSURANCE_PASSWORD, true },
	{ "sensitive by more than a token", FIELD(actions[3].assurance), CW_N_ASSURANCES, false },
	{ "sensitive without confirmation", FIELD(actions[3].confirm), CW_CONFIRM_NONE, false },
	{ "sensitive with the same person", FIELD(actions[3].confirm), 1, true },
	{ "sensitive with three persons", FIELD(actions[3].confirm), CW_N_CONFIRMS, false },
	{ "sensitive without freshness", FIELD(actions[3].fresh_ms), 0, false },
	{ "sensitive and fresh for one ms", FIELD(actions[3].fresh_ms), 1, true },
	{ "sensitive and fresh for longer", FIELD(actions[3].fresh_ms), 3600001, false },
	{ "sensitive with a witness", FIELD(actions[3].witness), 1, false },

	{ "routine asks for a signal", FIELD(contexts[0].when_true), 1, false },
	{ "routine excludes a signal", FIELD(contexts[0].when_false), 1, false },
	{ "a context's signal is not there", FIELD(contexts[1].when_true), 4, false },
	{ "a context excludes what is not there", FIELD(contexts[1].when_false), 4, false },
	{ "never locks", FIELD(contexts[1].idle_lock_ms), 0, false },
	{ "locks after one millisecond", FIELD(contexts[1].idle_lock_ms), 1, true },
	{ "locks after more than an hour", FIELD(contexts[1].idle_lock_ms), 3600001, false },
	{ "care needs nothing here", FIELD(contexts[1].care), CW_ASSURANCE_NONE, true },
	{ "care needs a token here", FIELD(contexts[1].care), CW_ASSURANCE_STRONG, true },
	{ "care needs more than a token", FIELD(contexts[1].care), CW_N_ASSURANCES, false },
	{ "nothing is guarded more here", FIELD(contexts[1].guarded), CW_ASSURANCE_NONE, true },
	{ "a context guards by badge", FIELD(contexts[1].guarded), CW_ASSURANCE_BADGE, false },
	{ "a context guards by code", FIELD(contexts[1].guarded), CW_ASSURANCE_CODE, false },
	{ "a context guards by more", FIELD(contexts[1].guarded), CW_N_ASSURANCES, false },
	{ "removal locks", FIELD(contexts[1].removal_locks), 1, true },
	{ "removal locks twice", FIELD(contexts[1].removal_locks), 2, false },
	{ "alone", FIELD(contexts[1].alone), 1, true },
	{ "alone twice", FIELD(contexts[1].alone), 2, false },

	{ "a signal of a seat that is not there", FIELD(signals[1].seat), 1, false },
	{ "a signal's first reserved byte", FIELD(signals[1].zero[0]), 1, false },
	{ "a signal's second reserved byte", FIELD(signals[1].zero[1]), 1, false },
	{ "a signal's third reserved byte", FIELD(signals[1].zero[2]), 1, false },
	{ "a signal that stays", FIELD(signals[1].ttl_ms), 0, true },

	{ "an action's name without end", FIELD(action_names[3][63]), 'x', false },
	{ "a name beyond the count", FIELD(action_names[4][63]), 'x', true },
	{ "a role's name without end", FIELD(role_names[2][63]), 'x', false },
	{ "a signal's name without end", FIELD(signal_names[1][63]), 'x', false },
	{ "a context's name without end", FIELD(context_names[1][63]), 'x', false },
	{ "a seat's name without end", FIELD(seat_names[0][63]), 'x', false },
};

START_TEST(one_field_decides) {
	bool valid;

	ck_assert_msg(policy_table_is_valid(&table), "the table to begin with is not valid");
	/* Little end first or not: the value is written as its own type. */
	if (cases[_i].size == 4) {
		memcpy((uint8_t *)&table + cases[_i].at, &cases[_i].value, 4);
	} else {
		ck_assert_uint_eq(cases[_i].size, 1);
		((uint8_t *)&table)[cases[_i].at] = (uint8_t)cases[_i].value;
	}
	valid = policy_table_is_valid(&table);
	ck_assert_msg(valid == cases[_i].valid, "%s: %s", cases[_i].why,
	              valid ? "accepted" : "refused");
}
END_TEST

START_TEST(zeroed_memory_is_no_table) {
	memset(&table, 0, sizeof(table));
	ck_assert(!policy_table_is_valid(&table));
	memset(&table, 0xff, sizeof(table));
	ck_assert(!policy_table_is_valid(&table));
}
END_TEST

START_TEST(a_full_table_is_valid) {
	table.n_actions = POLICY_ACTIONS_MAX;
	table.n_roles = POLICY_ROLES_MAX;
	table.n_signals = POLICY_SIGNALS_MAX;
	table.n_contexts = POLICY_CONTEXTS_MAX;
	table.n_seats = POLICY_SEATS_MAX;
	for (uint32_t i = 0; i < POLICY_ACTIONS_MAX; ++i) {
		table.actions[i] = table.actions[i % 4];
		table.actions[i].roles = UINT32_MAX;
	}
	for (uint32_t i = 2; i < POLICY_CONTEXTS_MAX; ++i) {
		table.contexts[i] = table.contexts[1];
		table.contexts[i].when_false = 0x80000000u;
	}
	ck_assert(policy_table_is_valid(&table));
	table.actions[POLICY_ACTIONS_MAX - 1].kind = 0;
	ck_assert(!policy_table_is_valid(&table));
}
END_TEST

int main(void) {
	Suite *suite = suite_create("validate");
	TCase *tc = tcase_create("validate");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, one_field_decides, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, zeroed_memory_is_no_table);
	tcase_add_test(tc, a_full_table_is_valid);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
