/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "ui-glue/demo/digits.h"

#define BEGIN 100000

/* What is pressed, at which time: a digit, 't' a tap, 'e' Enter, 'x' a letter, '?' a prompt. */
static const struct {
	const char *why;
	struct {
		int at_ms;
		char key;
	} keys[8];
	const char *pressed; /* what reached the pump, 'e' included                       */
	const char *asked;   /* what the prompt got; NULL: there was none                 */
} cases[] = {
	{ "a digit alone is a key of the pump", { { 0, '3' } }, "3", NULL },
	{ "two of them, one at a time", { { 0, '5' }, { 600, '5' } }, "55", NULL },
	{ "a code that nothing asks for presses nothing",
	  { { 0, '7' }, { 200, '3' }, { 400, '9' }, { 600, '1' } }, "", NULL },
	{ "nor does the Enter behind it", { { 0, '7' }, { 200, '3' }, { 400, 'e' } }, "", NULL },
	{ "a code after a tap: nor in slow fingers",
	  { { 0, 't' }, { 900, '7' }, { 2200, '3' }, { 3500, '9' }, { 4800, '1' } }, "", NULL },
	{ "nor if the last of it is late",
	  { { 0, 't' }, { 4000, '7' }, { 5300, '3' }, { 6600, '9' }, { 7900, '1' } }, "", NULL },
	{ "one digit after a tap is one, a little later", { { 0, 't' }, { 700, '3' } }, "3", NULL },
	{ "long after a tap, as always", { { 0, 't' }, { 9000, '5' }, { 9600, '5' } }, "55", NULL },
	{ "typed after the tap, before the prompt: the prompt's",
	  { { 0, 't' }, { 100, '7' }, { 300, '3' }, { 500, '9' }, { 700, '1' }, { 800, '?' } }, "",
	  "7391" },
	{ "typed before the tap is seen: the prompt's as well",
	  { { 0, '7' }, { 200, '3' }, { 300, 't' }, { 700, '?' } }, "", "73" },
	{ "the one that is held is the prompt's", { { 0, 't' }, { 100, '7' }, { 300, '?' } }, "", "7" },
	{ "what was a key of the pump is not", { { 0, '3' }, { 5000, 't' }, { 5100, '?' } }, "3", "" },
	{ "a digit behind a letter is a password's", { { 0, 'x' }, { 200, '3' } }, "", NULL },
	{ "before a letter as well", { { 0, '3' }, { 200, 'x' } }, "", NULL },
	{ "Enter alone is a key", { { 0, 'e' } }, "e", NULL },
	{ "a digit soon behind it as well", { { 0, 't' }, { 50, 'e' }, { 300, '3' } }, "e3", NULL },
	{ "what was typed before a question is over with it",
	  { { 0, 't' }, { 100, '7' }, { 300, '?' }, { 900, '3' } }, "3", "7" },
	{ "a key that is held down is not many boluses",
	  { { 0, '5' }, { 300, '5' }, { 330, '5' }, { 360, '5' }, { 390, '5' } }, "", NULL },
};

struct world {
	struct digits digits;
	char pressed[16], asked[16];
	size_t n;
	bool was_asked;
};

static void press(struct world *w, char key) {
	if (key != 0)
		w->pressed[w->n++] = key;
}

static void happens(struct world *w, char key, int64_t now) {
	if (key == 't')
		digits_presented(&w->digits, now);
	else if (key == 'e' || key == 'x')
		press(w, digits_other(&w->digits, key == 'e', now) || key == 'x' ? 0 : 'e');
	else if (key == '?')
		w->was_asked = digits_claim(&w->digits, w->asked, sizeof(w->asked) - 1) < 16;
	else
		(void)digits_typed(&w->digits, key, now);
}

START_TEST(test_keys) {
	struct world w = { 0 };
	size_t next = 0;

	for (int t = 0; t < 12000; t += 10) {
		while (next < 8 && cases[_i].keys[next].key != 0 && cases[_i].keys[next].at_ms <= t)
			happens(&w, cases[_i].keys[next++].key, BEGIN + t);
		press(&w, digits_due(&w.digits, BEGIN + t));
	}
	ck_assert_msg(strcmp(w.pressed, cases[_i].pressed) == 0, "%s: '%s'", cases[_i].why, w.pressed);
	ck_assert_msg(w.was_asked == (cases[_i].asked != NULL), "%s", cases[_i].why);
	if (cases[_i].asked)
		ck_assert_msg(strcmp(w.asked, cases[_i].asked) == 0, "%s: '%s'", cases[_i].why, w.asked);
}
END_TEST

/* More than any PIN: the rest is typed once more, nothing is overwritten. */
START_TEST(test_many) {
	struct digits d = { 0 };
	char got[64] = "";

	for (int i = 0; i < 100; ++i)
		(void)digits_typed(&d, '1', BEGIN + i);
	ck_assert_uint_eq(digits_claim(&d, got, sizeof(got)), DIGITS_ROOM);
	ck_assert_uint_eq(digits_claim(&d, got, sizeof(got)), 0);
	for (size_t i = 0; i < sizeof(d.ahead); ++i)
		ck_assert_int_eq(d.ahead[i], 0);
}
END_TEST

int main(void) {
	Suite *s = suite_create("digits");
	TCase *t = tcase_create("keys of the pump, or a code");
	SRunner *sr = NULL;
	int failed;

	tcase_add_loop_test(t, test_keys, 0, (int)ARRAY_SIZE(cases));
	tcase_add_test(t, test_many);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
