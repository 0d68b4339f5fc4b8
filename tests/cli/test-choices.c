/* SPDX-License-Identifier: Apache-2.0 */

/* What is shown of a choice, and what its answer becomes. */

#undef NDEBUG
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "ui-glue/cli/choices.h"

#define WORDS "card\nsecurity key"
#define NUMBERED "1 Anna Keller (key 0a1b2c3d)\n2 Anna Keller (key 4e5f6071)"

static const struct {
	const char *why, *text, *typed, *sent;
} answers[] = {
	{ "words are sent as they stand there", WORDS, "card", "card" },
	{ "the second line by its words", WORDS, "security key", "security key" },
	{ "in any case", WORDS, "Security KEY", "security key" },
	{ "a number stands for the words", WORDS, "2", "security key" },
	{ "a number, where a number is wanted", NUMBERED, "2", "2" },
	{ "words, where a number is wanted", NUMBERED, "anna keller (key 4e5f6071)", "2" },
	{ "a number that is not there stays", WORDS, "3", "3" },
	{ "half a word stays", WORDS, "secur", "secur" },
	{ "nothing stays nothing", WORDS, "", "" },
	{ "a number in front that is another line's is a word", "2 cards\n1 key", "1", "2 cards" },
};

START_TEST(an_answer_is_a_number_or_the_words) {
	struct secret answer = { 0 };

	ck_assert(secret_set(&answer, answers[_i].typed, strlen(answers[_i].typed)));
	choices_answer(answers[_i].text, &answer);
	ck_assert_msg(answer.n == strlen(answers[_i].sent) &&
			      memcmp(answer.bytes, answers[_i].sent, answer.n) == 0,
		      "%s: sent \"%.*s\"", answers[_i].why, (int)answer.n,
		      (const char *)answer.bytes);
}
END_TEST

START_TEST(each_choice_has_a_line_with_its_number) {
	char line[64];

	ck_assert(choices_line(WORDS, 0, line, sizeof(line)));
	ck_assert_str_eq(line, "  1  card");
	ck_assert(choices_line(WORDS, 1, line, sizeof(line)));
	ck_assert_str_eq(line, "  2  security key");
	ck_assert(!choices_line(WORDS, 2, line, sizeof(line)));
	ck_assert(choices_line(NUMBERED, 1, line, sizeof(line)));
	ck_assert_str_eq(line, "  2  Anna Keller (key 4e5f6071)");
	ck_assert(!choices_line("", 0, line, sizeof(line)));
}
END_TEST

int main(void) {
	Suite *suite = suite_create("choices");
	TCase *t = tcase_create("choices");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(t, an_answer_is_a_number_or_the_words, 0, (int)ARRAY_SIZE(answers));
	tcase_add_test(t, each_choice_has_a_line_with_its_number);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
