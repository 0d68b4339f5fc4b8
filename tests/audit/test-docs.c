/* SPDX-License-Identifier: Apache-2.0 */

/* docs/journal.md and audit/events.h say the same. */

#undef NDEBUG

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/entry.h"
#include "audit/schema.h"
#include "common/cleanup.h"
#include "tests/audit/fixture.h"

static FILE *page_open(void) {
	FILE *page = fopen(SOURCE_ROOT "/docs/journal.md", "re");

	ck_assert_ptr_nonnull(page);
	return page;
}

START_TEST(the_page_lists_every_event_once_with_a_meaning) {
	cleanup_(close_filep) FILE *page = page_open();
	char line[512], name[64], meaning[256];
	unsigned id, last = 0, n = 0, expected = 0;

	while (fgets(line, sizeof(line), page)) {
		if (sscanf(line, "| %3u | %63[a-z-] | %255[^|\n] |", &id, name, meaning) != 3 ||
		    id < 100)
			continue;
		ck_assert_msg(strcmp(audit_event_name(id), name) == 0, "%u is %s, the page says %s",
			      id, audit_event_name(id), name);
		ck_assert_uint_gt(id, last);
		ck_assert_uint_gt(strlen(meaning), 10);
		last = id;
		n++;
	}
#define X(number, symbol, text) expected++;
	AUDIT_EVENTS(X)
#undef X
	ck_assert_uint_eq(n, expected);
}
END_TEST

START_TEST(the_page_lists_every_outcome) {
	cleanup_(close_filep) FILE *page = page_open();
	char line[512], name[64];
	unsigned outcome, n = 0;

	while (fgets(line, sizeof(line), page)) {
		if (sscanf(line, "| %1u | %63[a-z] | ", &outcome, name) != 2)
			continue;
		ck_assert_uint_eq(outcome, n);
		ck_assert_str_eq(audit_outcome_name(outcome), name);
		n++;
	}
	ck_assert_uint_eq(n, OUTCOME_N);
}
END_TEST

START_TEST(the_page_names_every_flag_and_tag) {
	static const unsigned flags[] = { ENTRY_CLAIMED,   ENTRY_LATE,   ENTRY_NOT_ISOLATED,
					  ENTRY_EMERGENCY, ENTRY_WAIVED, ENTRY_SPOOL };
	cleanup_(close_filep) FILE *page = page_open();
	char line[512], text[64];
	unsigned value, n_flags = 0, n_tags = 0;
	bool in_tags = false;

	while (fgets(line, sizeof(line), page)) {
		if (sscanf(line, "| 0x%2x | ", &value) == 1) {
			ck_assert_uint_lt(n_flags, ARRAY_SIZE(flags));
			ck_assert_uint_eq(value, flags[n_flags++]);
		}
		if (strncmp(line, "| tag |", 7) == 0)
			in_tags = true;
		else if (line[0] != '|')
			in_tags = false;
		if (in_tags && sscanf(line, "| %2u | %63[0-9-] |", &value, text) == 2)
			ck_assert_uint_eq(value, ++n_tags);
	}
	ck_assert_uint_eq(n_flags, ARRAY_SIZE(flags));
	ck_assert_uint_eq(n_tags, TAG_N - 1);
}
END_TEST

/* Its lines are broken, and indented, where the page has no more room. */
START_TEST(the_page_has_the_schema_word_for_word) {
	static char text[65536];
	cleanup_(close_filep) FILE *page = page_open();
	size_t n = fread(text, 1, sizeof(text) - 1, page), at = 0;
	unsigned statements = 0;
	char *next = text;

	ck_assert_uint_lt(n, sizeof(text) - 1);
	for (size_t i = 0; i < n; ++i)
		if (!(strchr(" \n", text[i]) && at > 0 && text[at - 1] == ' '))
			text[at++] = text[i] == '\n' ? ' ' : text[i];
	text[at] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(schema_statements); ++i) {
		char *found = strstr(next, schema_statements[i]);

		ck_assert_msg(found != NULL, "not there, or not in its place: %s",
			      schema_statements[i]);
		next = found + strlen(schema_statements[i]);
	}
	for (const char *p = text; (p = strstr(p, " CREATE ")) != NULL; ++p)
		statements++;
	ck_assert_uint_eq(statements, ARRAY_SIZE(schema_statements));
}
END_TEST

int main(void) {
	Suite *suite = suite_create("docs");
	TCase *tc = tcase_create("docs");

	tcase_add_test(tc, the_page_lists_every_event_once_with_a_meaning);
	tcase_add_test(tc, the_page_lists_every_outcome);
	tcase_add_test(tc, the_page_names_every_flag_and_tag);
	tcase_add_test(tc, the_page_has_the_schema_word_for_word);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
