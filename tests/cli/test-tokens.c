/* SPDX-License-Identifier: Apache-2.0 */

/* `careward token`: conversations about what people hold, against a played broker. */
#undef NDEBUG
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "common/cleanup.h"
#include "tests/cli/fake.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SCRIPT(...) ((const struct exchange[]){ __VA_ARGS__, { .verb = NULL } })
#define OURSELVES UINT32_MAX

static void give_attempt(struct frame_writer *w) {
	frame_uint(w, "attempt", 7);
}

static void prompt(struct frame_writer *w, enum cw_field field, bool secret, const char *message) {
	frame_uint(w, "field", (uint64_t)field);
	frame_bool(w, "secret", secret);
	frame_text(w, "message", message);
}

static void ask_pin(struct frame_writer *w) {
	prompt(w, CW_FIELD_PIN, true, "ask-pin");
	frame_uint(w, "tries", 2);
}

static void ask_pin_again(struct frame_writer *w) {
	prompt(w, CW_FIELD_PIN, true, "pin-wrong");
	frame_uint(w, "tries", 1);
}

static void ask_last(struct frame_writer *w) {
	prompt(w, CW_FIELD_CONFIRM, false, "pin-last-try");
}

static void ask_code(struct frame_writer *w) {
	prompt(w, CW_FIELD_CODE, true, "ask-new-code");
}

static void ask_code_fault(struct frame_writer *w) {
	prompt(w, CW_FIELD_CODE, true, "code-trivial");
}

static void over_enrolled(struct frame_writer *w) {
	frame_text(w, "message", "enrolled");
}

static void over_taken(struct frame_writer *w) {
	frame_text(w, "message", "token-taken");
}

static bool enrols_kim(struct frame_span body, int fd) {
	char name[64], factor[64], label[64];

	return fd < 0 && frame_get_text(body, "name", name, sizeof(name)) == 0 &&
	       frame_get_text(body, "factor", factor, sizeof(factor)) == 0 &&
	       frame_get_text(body, "label", label, sizeof(label)) == 0 &&
	       strcmp(name, "kim") == 0 && strcmp(factor, "smartcard") == 0 &&
	       strcmp(label, "Blue") == 0;
}

static bool is_number_12(struct frame_span body, int fd) {
	uint64_t number = 0;

	(void)fd;
	return frame_get_uint(body, "number", &number) == 0 && number == 12;
}

static bool says_pin(struct frame_span body, int fd) {
	cleanup_(secret_wipe) struct secret value = { 0 };

	(void)fd;
	return frame_get_secret(body, "value", &value) == 0 && value.n == 6 &&
	       memcmp(value.bytes, "987654", 6) == 0;
}

static void give_tokens(struct frame_writer *w) {
	frame_text(w, "name", "kim");
	frame_open_array(w, "tokens");
	frame_open_map(w, NULL);
	frame_uint(w, "number", 12);
	frame_text(w, "factor", "fido2");
	frame_text(w, "label", "Blue\x1b[31m key");
	frame_text(w, "state", "revoked");
	frame_int(w, "enrolled_ms", 1767225600000);
	frame_uint(w, "enrolled_by", 3);
	frame_bool(w, "imported", true);
	frame_int(w, "until_ms", 0);
	frame_close(w);
	frame_close(w);
	frame_uint(w, "next", 0);
}

static void say_unknown(struct frame_writer *w) {
	frame_text(w, "message", "unknown-token-number");
}

static const struct {
	const char *why;
	const char *const *args;
	const char *lines;
	const struct exchange *script;
	int status;
	const char *out, *err, *not_out;
} cases[] = {
	{ .why = "a card is enrolled with its PIN",
	  .args = WORDS("token", "enrol", "kim", "card", "--label", "Blue"), .lines = "987654\n",
	  .script = SCRIPT({ "token.enrol", 0, give_attempt, "prompt", ask_pin, enrols_kim },
	                   { "attempt.answer", 0, NULL, "attempt-over", over_enrolled, says_pin }),
	  .status = 0, .out = "Enrolled.", .err = "2 tries left" },
	{ .why = "a wrong PIN is said, with what is left",
	  .args = WORDS("token", "enrol", "kim", "card", "--label", "Blue"),
	  .lines = "111111\n987654\n",
	  .script = SCRIPT({ "token.enrol", 0, give_attempt, "prompt", ask_pin },
	                   { "attempt.answer", 0, NULL, "prompt", ask_pin_again },
	                   { "attempt.answer", 0, NULL, "attempt-over", over_enrolled, says_pin }),
	  .status = 0, .err = "The PIN was wrong" },
	{ .why = "CD-21 --yes does not risk the last try of a PIN",
	  .args = WORDS("token", "enrol", "kim", "card", "--yes"), .lines = "987654\n",
	  .script = SCRIPT({ "token.enrol", 0, give_attempt, "prompt", ask_last },
	                   { "attempt.cancel", 0 }),
	  .status = 3, .err = "locks the card or key" },
	{ .why = "a code is asked for again with the reason",
	  .args = WORDS("token", "enrol", "kim", "code"), .lines = "1111\n4711\n4711\n",
	  .script = SCRIPT({ "token.enrol", 0, give_attempt, "prompt", ask_code },
	                   { "attempt.answer", 0, NULL, "prompt", ask_code_fault },
	                   { "attempt.answer", 0, NULL, "prompt", ask_code },
	                   { "attempt.answer", 0, NULL, "attempt-over", over_enrolled }),
	  .status = 0, .err = "Too easy to guess" },
	{ .why = "FD-26 somebody's token is a no",
	  .args = WORDS("token", "enrol", "kim", "card"), .lines = "987654\n",
	  .script = SCRIPT({ "token.enrol", 0, give_attempt, "prompt", ask_pin },
	                   { "attempt.answer", 0, NULL, "attempt-over", over_taken }),
	  .status = 1, .err = "enrolled already" },
	{ .why = "JSON says that it was done", .lines = "987654\n",
	  .args = WORDS("token", "enrol", "kim", "card", "--format", "json"),
	  .script = SCRIPT({ "token.enrol", 0, give_attempt, "prompt", ask_pin },
	                   { "attempt.answer", 0, NULL, "attempt-over", over_enrolled }),
	  .status = 0, .out = "\"message\": \"enrolled\"" },
	{ .why = "what is no token is not asked for", .args = WORDS("token", "enrol", "kim", "ring"),
	  .script = SCRIPT({ .verb = NULL }), .status = 2, .err = "card, key, badge or code" },
	{ .why = "a list shows everything, and no control characters",
	  .args = WORDS("token", "list", "kim"), .script = SCRIPT({ "token.list", 0, give_tokens }),
	  .status = 0, .out = "revoked", .not_out = "\x1b" },
	{ .why = "a list calls a security key a key", .args = WORDS("token", "list", "kim"),
	  .script = SCRIPT({ "token.list", 0, give_tokens }), .status = 0, .out = " key ",
	  .not_out = "fido2" },
	{ .why = "a list as JSON has the protocol's words",
	  .args = WORDS("token", "list", "--format", "json"),
	  .script = SCRIPT({ "token.list", 0, give_tokens }), .status = 0,
	  .out = "\"factor\": \"fido2\"" },
	{ .why = "a token is revoked by its number", .args = WORDS("token", "revoke", "12"),
	  .script = SCRIPT({ .verb = "token.revoke", .is_right = is_number_12 }), .status = 0,
	  .out = "Revoked." },
	{ .why = "the last administrator's last key stays", .args = WORDS("token", "revoke", "12"),
	  .script = SCRIPT({ "token.revoke", 10 }), .status = 1, .err = "administer" },
	{ .why = "a number that nobody has", .args = WORDS("token", "revoke", "12"),
	  .script = SCRIPT({ "token.revoke", 3, say_unknown }), .status = 1,
	  .err = "no token of this number" },
	{ .why = "a name is no number", .args = WORDS("token", "revoke", "kim"),
	  .script = SCRIPT({ .verb = NULL }), .status = 2, .err = "token list shows them" },
	{ .why = "a token is named anew", .args = WORDS("token", "rename", "12", "Red"),
	  .script = SCRIPT({ .verb = "token.rename", .is_right = is_number_12 }), .status = 0,
	  .out = "Renamed." },
	{ .why = "a file that is not there is not imported",
	  .args = WORDS("token", "import", "/nonexistent/file"), .lines = "a long passphrase\n",
	  .script = SCRIPT({ .verb = NULL }), .status = 3, .err = "No such file" },
	{ .why = "a key of the wrong length is not sent",
	  .args = WORDS("token", "import", "/nonexistent/file", "--device-key", "5d1f"),
	  .script = SCRIPT({ .verb = NULL }), .status = 2, .err = "64 hexadecimal digits" },
	{ .why = "a file that is there is not written over",
	  .args = WORDS("token", "export", "/dev/null"), .script = SCRIPT({ .verb = NULL }),
	  .status = 2, .err = "exists already" },
	{ .why = "two passphrases that differ are one too many",
	  .args = WORDS("token", "export", "nowhere.cwt"),
	  .lines = "a long passphrase\nanother passphrase\n", .script = SCRIPT({ .verb = NULL }),
	  .status = 2, .err = "not the same" },
};

START_TEST(test_talk) {
	static struct run run;

	fake_run(cases[_i].args, cases[_i].lines, cases[_i].script, OURSELVES, &run);
	ck_assert_msg(run.status == cases[_i].status, "%s: exit %d, said %s", cases[_i].why,
		      run.status, run.err);
	ck_assert_msg(run.followed, "%s: the script was not followed", cases[_i].why);
	ck_assert_msg(!cases[_i].out || strstr(run.out, cases[_i].out), "%s: wrote %s",
		      cases[_i].why, run.out);
	ck_assert_msg(!cases[_i].err || strstr(run.err, cases[_i].err), "%s: said %s",
		      cases[_i].why, run.err);
	ck_assert_msg(!cases[_i].not_out || !strstr(run.out, cases[_i].not_out), "%s: wrote %s",
		      cases[_i].why, run.out);
	ck_assert_msg(!strstr(run.out, "987654") && !strstr(run.err, "987654"),
		      "%s: a PIN was shown", cases[_i].why);
}
END_TEST

static void give_too_little(struct frame_writer *w) {
	frame_uint(w, "size", 100000);
	frame_uint(w, "tokens", 3);
}

/* Left there, it would be taken for an export, and keep the next one from its name. */
START_TEST(a_file_that_could_not_be_written_is_not_left_half) {
	static struct run run;

	(void)unlink("cut.cwt");
	fake_run(WORDS("token", "export", "cut.cwt"), "a long passphrase\na long passphrase\n",
		 SCRIPT({ "token.export", 0, give_too_little }), OURSELVES, &run);
	ck_assert_msg(run.status == 3, "exit %d, said %s", run.status, run.err);
	ck_assert_msg(strstr(run.err, "could not be written") != NULL, "said %s", run.err);
	ck_assert_int_ne(access("cut.cwt", F_OK), 0);
}
END_TEST

int main(void) {
	Suite *s = suite_create("tokens");
	TCase *t = tcase_create("talk");
	SRunner *r = NULL;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_talk, 0, (int)ARRAY_SIZE(cases));
	tcase_add_test(t, a_file_that_could_not_be_written_is_not_left_half);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_SILENT);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
