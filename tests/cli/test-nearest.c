/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "ui-glue/cli/nearest.h"
#include "ui-glue/messages/messages.h"

static const char *const names[] = { "init", "status", "user add", "user list", NULL, "verify",
				     "sign-in", "sign-out" };

static const struct {
	const char *why;
	const char *typed;
	const char *near; /* NULL: none                                                   */
} cases[] = {
	{ "two letters swapped", "intit", "init" },
	{ "a letter dropped", "verfy", "verify" },
	{ "a letter too many", "statuss", "status" },
	{ "a letter changed", "sagn-in", "sign-in" },
	{ "the beginning is enough", "ver", "verify" },
	{ "one letter is not", "v", NULL },
	{ "nothing like it", "zebra", NULL },
	{ "an empty word is like nothing", "", NULL },
	{ "a very long word is like nothing", "verifyverifyverifyverifyverifyverifyverifyverifyverify",
	  NULL },
};

START_TEST(test_nearest) {
	const char *near = nearest(cases[_i].typed, names, ARRAY_SIZE(names));

	if (cases[_i].near)
		ck_assert_msg(near && strcmp(near, cases[_i].near) == 0, "%s", cases[_i].why);
	else
		ck_assert_msg(!near, "%s: %s", cases[_i].why, near ? near : "");
}
END_TEST

/* Every id that the broker and the sign-in machine say has a sentence. */
static const char *const ids[] = {
	"ask-name", "ask-password", "ask-new-password", "ask-new-password-forced",
	"ask-new-password-again", "ask-recovery-code", "ask-admin-name", "ask-second-name",
	"ask-second-password", "confirm", "confirm-second", "password-bad-text", "password-classes",
	"password-differs", "password-in-dictionary", "password-like-name", "password-like-old",
	"password-reused", "password-too-long", "password-too-short", "password-too-soon",
	"password-unchecked", "name-invalid", "name-taken", "refused", "wait", "busy", "cancelled",
	"timed-out", "stale", "not-confirmed", "not-entitled", "paired", "same-person",
	"second-must-change", "not-recorded", "failed", "not-initialised", "unknown-action",
};

START_TEST(test_ids) {
	ck_assert_msg(message_is_known(ids[_i]), "%s has no sentence", ids[_i]);
}
END_TEST

START_TEST(test_unknown) {
	ck_assert_str_eq(message_text("never-heard-of"), "never-heard-of");
	ck_assert_str_eq(message_text(NULL), "");
	ck_assert_str_eq(message_name(MESSAGE_VERDICT, 0), "deny");
	ck_assert_str_eq(message_name(MESSAGE_VERDICT, 1), "unknown");
	ck_assert_str_eq(message_name(MESSAGE_N_KINDS, 0), "unknown");
	ck_assert(message_words(MESSAGE_REASON, 4711)[0] != '\0');
}
END_TEST

int main(void) {
	Suite *s = suite_create("words");
	TCase *t = tcase_create("nearest names and messages");
	SRunner *sr = NULL;
	int failed;

	tcase_add_loop_test(t, test_nearest, 0, (int)ARRAY_SIZE(cases));
	tcase_add_loop_test(t, test_ids, 0, (int)ARRAY_SIZE(ids));
	tcase_add_test(t, test_unknown);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
