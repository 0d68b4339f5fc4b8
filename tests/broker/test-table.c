/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/requests.h"

/* The page of the protocol and the table of permitted requests say the same. */

#define CELL 1024u

/* The row of the page that begins with this verb. Return: true with its cells. */
static bool find_row(const char *verb, char ret_cells[4][CELL]) {
	char line[4 * CELL], names[CELL];
	FILE *f = fopen(TEST_PROTOCOL, "re");
	bool found = false;

	ck_assert_msg(f != NULL, "cannot read %s", TEST_PROTOCOL);
	while (!found && fgets(line, sizeof(line), f)) {
		char *save = NULL, *cell = strtok_r(line, "|", &save);

		if (line[0] != '|' || !cell)
			continue;
		for (int i = 0; i < 4 && cell; ++i, cell = strtok_r(NULL, "|", &save))
			snprintf(ret_cells[i], CELL, "%s", cell);
		/* "user.disable, user.enable" */
		snprintf(names, sizeof(names), "%s", ret_cells[0]);
		for (char *name = strtok_r(names, " ,", &save); name && !found;
		     name = strtok_r(NULL, " ,", &save))
			found = strcmp(name, verb) == 0;
	}
	fclose(f);
	return found;
}

/* Is there a `key` in the cell? */
static bool names_key(const char *cell, const char *key) {
	char quoted[80];

	snprintf(quoted, sizeof(quoted), "`%s`", key);
	return strstr(cell, quoted) != NULL;
}

/* Values are in brackets: (`device`, `site`, `place`). */
static uint32_t count_keys(const char *cell) {
	uint32_t ticks = 0, depth = 0;

	for (; *cell; ++cell) {
		if (*cell == '(')
			++depth;
		else if (*cell == ')' && depth > 0)
			--depth;
		else if (*cell == '`' && depth == 0)
			++ticks;
	}
	return ticks / 2;
}

START_TEST(every_key_of_a_request_stands_on_the_page_and_no_other) {
	for (unsigned v = VERB_NONE + 1; v < VERB_N; ++v) {
		const struct request_rule *rule = &request_rules[v];
		char cells[4][CELL] = { "" };
		uint32_t n = 0;

		ck_assert_msg(rule->handle != NULL, "verb %u has no rule", v);
		ck_assert_msg(find_row(rule->name, cells), "%s is not on the page", rule->name);
		for (; rule->keys[n]; ++n)
			ck_assert_msg(names_key(cells[2], rule->keys[n]), "%s: `%s` is not on the page",
			              rule->name, rule->keys[n]);
		ck_assert_msg(count_keys(cells[2]) == n, "%s: %u keys on the page, %u in the table",
		              rule->name, count_keys(cells[2]), n);
		ck_assert_msg(rule->takes_fd == (strstr(cells[2], "descriptor") != NULL),
		              "%s: the page says otherwise of a descriptor", rule->name);
	}
}
END_TEST

int main(void) {
	Suite *s = suite_create("broker table");
	TCase *t = tcase_create("table");
	SRunner *r = srunner_create(s);
	int failed = 0;

	tcase_add_test(t, every_key_of_a_request_stands_on_the_page_and_no_other);
	suite_add_tcase(s, t);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_SILENT);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
