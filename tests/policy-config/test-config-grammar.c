/* SPDX-License-Identifier: Apache-2.0 */
/* Every key of the grammar: wrong type, out of range, unknown, missing (CF-07). */
#undef NDEBUG
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "support.h"

/* Calls @f for each key of each section of each file. Return: how many there are. */
static uint32_t each_key(void (*f)(enum file file, const struct section *section,
                                   const struct key *key)) {
	uint32_t n = 0;

	for (int file = 0; file < N_FILES; ++file) {
		struct sections all = all_sections((enum file)file);

		for (uint32_t i = 0; i < all.n; ++i)
			for (uint32_t k = 0; k < all.list[i]->n_keys; ++k, ++n)
				f((enum file)file, all.list[i], &all.list[i]->keys[k]);
	}
	return n;
}

/* How messages call a key; overwritten by the next call. */
static const char *key_name(enum file file, const struct section *section, const struct key *key) {
	static char name[128];
	const char *path = section_path(file, section);

	(void)snprintf(name, sizeof(name), "%s%s%s", path, *path ? "." : "", key->name);
	return name;
}

/* One change has to be refused at its own line, in words that contain @fragment. */
static void expect_refused(const struct change *change, const char *why, const char *fragment) {
	struct result result = compile_with(change, 1);
	const struct policy_message *m = find_message(result.messages, POLICY_ERROR, fragment);

	ck_assert_msg(result.r < 0, "%s: %s.%s = %s was accepted", why, change->section, change->key,
	              change->value);
	ck_assert_msg(m != NULL, "%s: %s.%s = %s: no \"%s\" in: %s", why, change->section,
	              change->key, change->value, fragment, all_messages(result.messages));
	ck_assert_str_eq(m->file, file_names[change->file]);
	ck_assert_msg(m->line == result.line, "%s: %s.%s = %s: line %u, not %u: %s", why,
	              change->section, change->key, change->value, m->line, result.line, m->text);
	result_done(&result);
}

/* The top keys that hold sections are tested with texts of their own below. */
static void key_of_wrong_type(enum file file, const struct section *section,
                              const struct key *key) {
	static const char *const wrong[][4] = {
		[KEY_INT] = { "\"12\"", "true", "[ 1 ]", NULL },
		[KEY_BOOL] = { "1", "\"true\"", "[ true ]", NULL },
		[KEY_NAME] = { "1", "true", "[ \"x\" ]", NULL },
		[KEY_TEXT] = { "1", "true", "[ \"x\" ]", NULL },
		[KEY_WORD] = { "1", "true", "[ \"x\" ]", NULL },
		[KEY_CHOICE] = { "1", "true", "[ \"x\" ]", NULL },
		[KEY_NAMES] = { "\"x\"", "[ 1 ]", "( \"x\" )", NULL },
		[KEY_TEXTS] = { "\"x\"", "[ 1 ]", "( \"x\" )", NULL },
	};
	struct change change = { file, section_path(file, section), 0, key->name, NULL };
	char fragment[160];

	if (key->section)
		return;
	(void)snprintf(fragment, sizeof(fragment), "%s must be ", key_name(file, section, key));
	for (const char *const *value = wrong[key->type]; *value; ++value) {
		change.value = *value;
		expect_refused(&change, "wrong type", fragment);
	}
}

START_TEST(every_key_refuses_every_other_type) {
	ck_assert_uint_gt(each_key(key_of_wrong_type), 60);
}
END_TEST

static void key_out_of_range(enum file file, const struct section *section,
                             const struct key *key) {
	struct change change = { file, section_path(file, section), 0, key->name, NULL };
	char value[512], fragment[160];

	change.value = value;
	if (key->type == KEY_INT) {
		(void)snprintf(fragment, sizeof(fragment), "; it must be from %" PRId64 " to %" PRId64
		               " %s", key->min, key->max, key->unit);
		(void)snprintf(value, sizeof(value), "%" PRId64, key->min - 1);
		expect_refused(&change, "one below the range", fragment);
		(void)snprintf(value, sizeof(value), "%" PRId64, key->max + 1);
		expect_refused(&change, "one above the range", fragment);
	} else if (key->type == KEY_NAME) {
		(void)snprintf(value, sizeof(value), "\"%064d\"", 7);
		expect_refused(&change, "64 characters", "is not a name");
		(void)snprintf(value, sizeof(value), "\"Main\"");
		expect_refused(&change, "capital letter", "is not a name");
		(void)snprintf(value, sizeof(value), "\"\"");
		expect_refused(&change, "empty name", "is not a name");
	} else if (key->type == KEY_TEXT) {
		(void)snprintf(value, sizeof(value), "\"%0*d\"", (int)key->size, 7);
		expect_refused(&change, "too long", "must have 1 to");
		(void)snprintf(value, sizeof(value), "\" \"");
		expect_refused(&change, "blank", "must have 1 to");
	} else if (key->type == KEY_WORD || key->type == KEY_CHOICE) {
		(void)snprintf(value, sizeof(value), "\"%sx\"", key->words[0].name);
		(void)snprintf(fragment, sizeof(fragment), "did you mean \"%s\"?", key->words[0].name);
		expect_refused(&change, "a word that does not exist", fragment);
	}
}

START_TEST(every_key_refuses_what_is_out_of_its_range) {
	ck_assert_uint_gt(each_key(key_out_of_range), 60);
}
END_TEST

static void key_misspelled(enum file file, const struct section *section, const struct key *key) {
	char name[64], fragment[160];
	struct change change = { file, section_path(file, section), 0, name, "true" };

	(void)snprintf(name, sizeof(name), "%sx", key->name);
	(void)snprintf(fragment, sizeof(fragment), "unknown key \"%s\" in %s; did you mean \"%s\"?",
	               name, section->name, key->name);
	expect_refused(&change, "misspelled", fragment);
}

START_TEST(every_misspelled_key_is_refused_with_the_right_one) {
	ck_assert_uint_gt(each_key(key_misspelled), 60);
}
END_TEST

static void key_missing(enum file file, const struct section *section, const struct key *key) {
	struct change change = { file, section_path(file, section), 0, key->name, NULL };
	struct result result;
	char fragment[160];

	if (!key->required)
		return;
	if (key->section) {
		change.section = key->section->name;
		change.key = NULL;
	}
	(void)snprintf(fragment, sizeof(fragment), "%s is missing", key_name(file, section, key));
	result = compile_with(&change, 1);
	ck_assert_msg(result.r < 0 && find_message(result.messages, POLICY_ERROR, fragment),
	              "no \"%s\" in: %s", fragment, all_messages(result.messages));
	result_done(&result);
}

START_TEST(every_required_key_and_section_is_missed) {
	ck_assert_uint_gt(each_key(key_missing), 60);
}
END_TEST

static void section_of_wrong_shape(enum file file, const struct section *section,
                                   const struct key *key) {
	static const char *const wrong[] = { "1", "\"x\"", "[ \"x\" ]" };
	bool list = key->type == KEY_LIST;
	struct change change[2] = { { file, section_path(file, section), 0, key->name, NULL },
		                    { file, "", 0, NULL, NULL } };

	if (!key->section)
		return;
	change[1].section = key->section->name;
	for (size_t i = 0; i <= ARRAY_SIZE(wrong); ++i) {
		struct result result;

		change[0].value = i < ARRAY_SIZE(wrong) ? wrong[i] : list ? "{ }" : "( )";
		result = compile_with(change, 2);
		ck_assert_msg(find_message(result.messages, POLICY_ERROR,
		                           list ? "must be a list of groups" : "must be a group"),
		              "%s = %s: %s", key->name, change[0].value,
		              all_messages(result.messages));
		result_done(&result);
	}
}

START_TEST(every_section_refuses_another_shape) {
	ck_assert_uint_gt(each_key(section_of_wrong_shape), 60);
}
END_TEST

/* Texts that are wrong before any key is looked at. */
static const struct {
	const char *why;
	const char *text;
	size_t n; /* 0: strlen */
	uint32_t line;
	const char *fragment;
} texts[] = {
	{ "nothing at all", "", 0, 0, "the file is empty" },
	{ "only a comment", "# nothing\n", 0, 0, "end is missing" },
	{ "a NUL byte", "\n\nend\0 = true;", 13, 3, "byte 0x00 is not text" },
	{ "an escape byte", "# \033[2J\nend = true;", 0, 1, "byte 0x1b is not text" },
	{ "not UTF-8", "\nplace = { inventory = \"\xff\"; };", 0, 2, "not UTF-8" },
	{ "an overlong form", "# \xc0\xaf", 0, 1, "not UTF-8" },
	{ "a surrogate", "# \xed\xa0\x80", 0, 1, "not UTF-8" },
	{ "a character cut in the middle", "end = true; # \xe2\x82", 0, 1, "not UTF-8" },
	{ "an include", "end = true;\n@include \"/etc/passwd\"\n", 0, 2, "@include is not allowed" },
	{ "an include behind blanks", "\t @include \"x\"\n", 0, 1, "@include is not allowed" },
	{ "an include inside a comment", "/*\n@include \"x\"\n*/", 0, 2, "@include is not allowed" },
	{ "an include behind a key", "end = true; @include \"x\"", 0, 1, "@include is not allowed" },
	{ "a duplicate key", "place = { inventory = \"a\";\ninventory = \"b\"; };", 0, 2,
	  "for the second time" },
	{ "a duplicate section", "place = { inventory = \"a\"; };\nplace = { };", 0, 2,
	  "for the second time" },
	{ "a word for a number", "place = { inventory = yes; };", 0, 1, "cannot be read here" },
	{ "a number with letters", "\nplace = { inventory = 12abc; };", 0, 2,
	  "12abc is not a number" },
	{ "a number with a leading zero", "a = 012;", 0, 1, "012 is not a number" },
	{ "a hexadecimal number", "a = 0x100000005;", 0, 1, "0x100000005 is not a number" },
	{ "a number that does not fit", "a = 99999999999;", 0, 1, "at most 9 digits" },
	{ "a number of the other kind", "a = 12L;", 0, 1, "12L is not a number" },
	{ "a fraction", "a = 1.5;", 0, 1, "1.5 is not a number" },
	{ "a sign alone", "a = -;", 0, 1, "- is not a number" },
	{ "a missing semicolon", "place = { inventory = \"a\"\nward = \"b\"; };", 0, 2,
	  "something is missing" },
	{ "a missing comma", "a = [ \"x\"\n\"y\" ];", 0, 2, "put a comma between" },
	{ "a missing quote", "a = \"x;\nb = 1;", 0, 1, "no closing quote" },
	{ "an open comment", "end = true;\n/* and so on", 0, 2, "this comment never ends" },
	{ "an escape in a text", "a = \"x\\x00y\";", 0, 1, "a backslash may stand" },
	{ "a backslash at the end", "a = \"x\\", 0, 1, "a backslash may stand" },
	{ "deep brackets", "a = (((((((((1)))))))));", 0, 1, "TEXT_DEPTH_MAX (8)" },
	{ "kinds mixed in an array", "a = [ 1, \"x\" ];", 0, 1, "values of one kind" },
	{ "an open bracket", "place = { inventory = \"a\"; ", 0, 2, "cannot be read here" },
	{ "something behind the end", "place = { inventory = \"a\"; };\nend = true;\nx = 1;", 0, 2,
	  "end must be the last line" },
	{ "an end that is not one", "place = { inventory = \"a\"; };\nend = false;", 0, 2,
	  "end must be true" },
};

START_TEST(text_is_refused_at_its_line) {
	size_t n = texts[_i].n ? texts[_i].n : strlen(texts[_i].text);
	struct result result = compile_text(PLACE, texts[_i].text, n);
	const struct policy_message *m =
		find_message(result.messages, POLICY_ERROR, texts[_i].fragment);

	ck_assert_msg(result.r < 0, "%s: accepted", texts[_i].why);
	ck_assert_msg(m != NULL, "%s: no \"%s\" in: %s", texts[_i].why, texts[_i].fragment,
	              all_messages(result.messages));
	ck_assert_msg(m->line == texts[_i].line, "%s: line %u, not %u", texts[_i].why, m->line,
	              texts[_i].line);
	ck_assert_str_eq(m->file, "place.cfg");
	result_done(&result);
}
END_TEST

START_TEST(base_has_neither_error_nor_warning) {
	struct result result = compile_with(NULL, 0);

	ck_assert_msg(result.r == 0 && result.messages->n == 0, "%s",
	              all_messages(result.messages));
	result_done(&result);
}
END_TEST

START_TEST(messages_are_counted_past_their_limit) {
	cleanup_(free_charp) char *text = NULL;
	struct result result;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	for (int i = 0; i < 100; ++i)
		(void)fprintf(f, "wrong%d = 1;\n", i);
	(void)fprintf(f, "end = true;\n");
	(void)fclose(f);
	result = compile_text(PLACE, text, n);
	ck_assert_uint_eq(result.messages->n, POLICY_MESSAGES_MAX);
	ck_assert_uint_eq(result.messages->n_errors, 101); /* and the missing section */
	result_done(&result);
}
END_TEST

START_TEST(too_many_settings_are_refused_by_the_name_of_the_limit) {
	cleanup_(free_charp) char *text = NULL;
	struct result result;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	for (int i = 0; i < 16385; ++i)
		(void)fprintf(f, "a%d=1;\n", i);
	(void)fclose(f);
	result = compile_text(PLACE, text, n);
	ck_assert_ptr_nonnull(find_message(result.messages, POLICY_ERROR,
	                                   "TEXT_SETTINGS_MAX (16384)"));
	result_done(&result);
}
END_TEST

START_TEST(a_message_quotes_no_control_characters) {
	static const char text[] = "place = { inventory = \"a\"; place = \"\xc2\x9b" "31m\"; };\nend = true;";
	struct result result = compile_text(PLACE, text, strlen(text));
	const struct policy_message *m = find_message(result.messages, POLICY_ERROR, "place.place is");

	ck_assert_ptr_nonnull(m);
	ck_assert_ptr_nonnull(strstr(m->text, "\"\?\?31m\""));
	result_done(&result);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("config-grammar");
	TCase *tc = tcase_create("grammar");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, base_has_neither_error_nor_warning);
	tcase_add_test(tc, every_key_refuses_every_other_type);
	tcase_add_test(tc, every_key_refuses_what_is_out_of_its_range);
	tcase_add_test(tc, every_misspelled_key_is_refused_with_the_right_one);
	tcase_add_test(tc, every_required_key_and_section_is_missed);
	tcase_add_test(tc, every_section_refuses_another_shape);
	tcase_add_loop_test(tc, text_is_refused_at_its_line, 0, (int)ARRAY_SIZE(texts));
	tcase_add_test(tc, messages_are_counted_past_their_limit);
	tcase_add_test(tc, too_many_settings_are_refused_by_the_name_of_the_limit);
	tcase_add_test(tc, a_message_quotes_no_control_characters);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
