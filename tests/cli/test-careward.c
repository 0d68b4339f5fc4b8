/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/evp.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "tests/cli/fake.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SCRIPT(...) ((const struct exchange[]){ __VA_ARGS__, { .verb = NULL } })
#define NOBODY 65534u
#define OURSELVES UINT32_MAX

/* ---- what the broker says --------------------------------------------------------------- */

static void fill_denied(struct frame_writer *w, enum cw_verdict verdict, enum cw_reason reason) {
	frame_uint(w, "verdict", (uint64_t)verdict);
	frame_uint(w, "reason", (uint64_t)reason);
}

static void deny_sign_in(struct frame_writer *w) {
	fill_denied(w, CW_SIGN_IN, CW_REASON_NO_SESSION);
}

static void deny_role(struct frame_writer *w) {
	fill_denied(w, CW_DENY, CW_REASON_ROLE);
}

static void deny_confirm(struct frame_writer *w) {
	fill_denied(w, CW_CONFIRM, CW_REASON_CONFIRMATION);
}

static void give_attempt(struct frame_writer *w) {
	frame_uint(w, "attempt", 7);
}

static void prompt(struct frame_writer *w, enum cw_field field, bool secret, const char *message) {
	frame_uint(w, "field", (uint64_t)field);
	frame_bool(w, "secret", secret);
	frame_text(w, "message", message);
}

static void ask_password(struct frame_writer *w) {
	prompt(w, CW_FIELD_PASSWORD, true, "ask-password");
}

static void ask_new(struct frame_writer *w) {
	prompt(w, CW_FIELD_NEW_PASSWORD, true, "ask-new-password-forced");
}

static void ask_again(struct frame_writer *w) {
	prompt(w, CW_FIELD_NEW_PASSWORD_AGAIN, true, "ask-new-password-again");
}

static void ask_confirm(struct frame_writer *w) {
	prompt(w, CW_FIELD_CONFIRM, false, "confirm");
	frame_text(w, "text", "Install site.cfg");
}

static void signed_in(struct frame_writer *w) {
	frame_uint(w, "session", 99);
	frame_uint(w, "account", 3);
	frame_text(w, "text", "Ada Adams");
	frame_bool(w, "handover", false);
	frame_int(w, "last_ms", 1767225600000);
	frame_uint(w, "failures", 2);
	frame_int(w, "failure_ms", 1767225700000);
}

static void over_locked(struct frame_writer *w) {
	frame_text(w, "message", "wait");
	frame_uint(w, "wait_ms", 299000);
}

static void over_refused(struct frame_writer *w) {
	frame_text(w, "message", "refused");
}

static void authorized(struct frame_writer *w) {
	frame_bytes(w, "receipt", "RECEIPT", 7);
}

static void one_user(struct frame_writer *w, const char *name) {
	frame_open_array(w, "users");
	frame_open_map(w, NULL);
	frame_uint(w, "number", 3);
	frame_text(w, "name", name);
	frame_text(w, "display", "");
	frame_text(w, "person", "P-1");
	frame_text(w, "state", "enabled");
	frame_open_array(w, "roles");
	frame_text(w, NULL, "nurse");
	frame_close(w);
	frame_int(w, "until_ms", 0);
	frame_uint(w, "locked_ms", 0);
	frame_close(w);
	frame_close(w);
}

static void give_users(struct frame_writer *w) {
	one_user(w, "lee");
	frame_uint(w, "next", 0);
}

static void give_users_first(struct frame_writer *w) {
	one_user(w, "lee");
	frame_uint(w, "next", 3);
}

/* A name that would clear the screen and turn the line around. */
static void give_users_hostile(struct frame_writer *w) {
	one_user(w, "\x1b[2J\xe2\x80\xaex");
	frame_uint(w, "next", 0);
}

static void give_init(struct frame_writer *w) {
	uint8_t anchor[32];

	memset(anchor, 0xab, sizeof(anchor));
	frame_uint(w, "number", 1);
	frame_text(w, "secret", "AAAAA-BBBBB");
	frame_text(w, "recovery", "CCCCC-DDDDD");
	frame_bytes(w, "anchor", anchor, sizeof(anchor));
}

static void put_verify(struct frame_writer *w, unsigned finding, uint64_t seq, bool excluded) {
	uint8_t head[40] = { 5 };

	frame_bool(w, "ok", finding == 0);
	frame_uint(w, "finding", finding);
	frame_uint(w, "seq", seq);
	frame_text(w, "what", finding == 0 ? "" : "entry 4: its hash differs");
	frame_uint(w, "entries", 5);
	frame_uint(w, "epochs", 1);
	frame_uint(w, "erased", 0);
	frame_uint(w, "open", 1);
	frame_bytes(w, "head", head, sizeof(head));
	frame_bool(w, "rollback_excluded", excluded);
}

static void verify_ok(struct frame_writer *w) {
	put_verify(w, 0, 0, false);
}

static void verify_excluded(struct frame_writer *w) {
	put_verify(w, 0, 0, true);
}

static void verify_edited(struct frame_writer *w) {
	put_verify(w, 1, 4, false);
}

static void give_no_errors(struct frame_writer *w) {
	frame_uint(w, "errors", 0);
	frame_open_array(w, "messages");
	frame_close(w);
	frame_uint(w, "generation", 2);
}

static void unknown_action(struct frame_writer *w) {
	frame_text(w, "message", "unknown-action");
	frame_text(w, "nearest", "therapy.start");
}

static void message_not_initialised(struct frame_writer *w) {
	frame_text(w, "message", "not-initialised");
}

static void put_entry(struct frame_writer *w, uint64_t seq, unsigned trust) {
	frame_open_map(w, NULL);
	frame_uint(w, "seq", seq);
	frame_int(w, "wall_ms", 1767225600000);
	frame_uint(w, "trust", trust);
	frame_text(w, "event", "sign-in");
	frame_text(w, "outcome", "refused");
	frame_uint(w, "assurance", 3);
	frame_uint(w, "factor", 1);
	frame_uint(w, "flags", 1);
	frame_uint(w, "reason", 0);
	frame_text(w, "name", "lee");
	frame_close(w);
}

static void history_newer(struct frame_writer *w) {
	frame_open_array(w, "entries");
	put_entry(w, 9, 2);
	frame_close(w);
	frame_uint(w, "next", 9);
}

static void history_older(struct frame_writer *w) {
	frame_open_array(w, "entries");
	put_entry(w, 8, 0);
	frame_close(w);
	frame_uint(w, "next", 0);
}

static void give_reviews(struct frame_writer *w) {
	static const uint8_t id[16] = { 0xab, 0xcd, 0x12 };

	frame_open_array(w, "reviews");
	frame_open_map(w, NULL);
	frame_bytes(w, "id", id, sizeof(id));
	frame_int(w, "started_ms", 1767225600000);
	frame_int(w, "ended_ms", 0);
	frame_text(w, "state", "open");
	frame_text(w, "claimed", "lee");
	frame_uint(w, "uses", 2);
	frame_text(w, "reason", "Locked out");
	frame_bool(w, "overdue", true);
	frame_close(w);
	frame_close(w);
	frame_bool(w, "more", false);
}

/* ---- what the command line has to say ------------------------------------------------- */

static bool value_is(struct frame_span body, const char *value) {
	const uint8_t *p = NULL;
	size_t n = 0;

	return frame_get_bytes(body, "value", &p, &n) == 0 && n == strlen(value) &&
	       memcmp(p, value, n) == 0;
}

static bool is_secret(struct frame_span body, int fd) {
	return value_is(body, "open sesame");
}

static bool is_new(struct frame_span body, int fd) {
	return value_is(body, "a new one");
}

static bool is_yes(struct frame_span body, int fd) {
	return value_is(body, "yes");
}

static bool is_adams(struct frame_span body, int fd) {
	char name[64];
	uint64_t purpose = 0;

	return frame_get_text(body, "name", name, sizeof(name)) == 0 && strcmp(name, "adams") == 0 &&
	       frame_get_uint(body, "purpose", &purpose) == 0 && purpose == CW_PURPOSE_SIGN_IN;
}

static bool is_after_3(struct frame_span body, int fd) {
	uint64_t after = 0;

	return frame_get_uint(body, "after", &after) == 0 && after == 3;
}

static bool is_before_9(struct frame_span body, int fd) {
	uint64_t before = 0;

	return frame_get_uint(body, "before", &before) == 0 && before == 9;
}

static bool has_head(struct frame_span body, int fd) {
	uint8_t head[40];

	return frame_get_fixed(body, "head", head, sizeof(head)) == 0 && get_le64(head) == 258 &&
	       head[8] == 0xaa && head[39] == 0xaa;
}

static const char small_file[] = "site = { name = \"x\"; };\n";

static bool digest_is_right(struct frame_span body) {
	uint8_t digest[32], expected[32];
	unsigned n = sizeof(expected);

	return EVP_Digest(small_file, strlen(small_file), expected, &n, EVP_sha256(), NULL) == 1 &&
	       frame_get_fixed(body, "digest", digest, sizeof(digest)) == 0 &&
	       memcmp(digest, expected, sizeof(digest)) == 0;
}

static bool is_authorize(struct frame_span body, int fd) {
	char words[512], action[64], expected[64];

	(void)snprintf(expected, sizeof(expected), "Install site.cfg (%zu bytes, SHA-256 ",
	               strlen(small_file));
	return digest_is_right(body) && frame_get_text(body, "words", words, sizeof(words)) == 0 &&
	       strncmp(words, expected, strlen(expected)) == 0 &&
	       frame_get_text(body, "action", action, sizeof(action)) == 0 &&
	       strcmp(action, "careward.config") == 0;
}

static bool has_receipt(struct frame_span body, int fd) {
	const uint8_t *p = NULL;
	size_t n = 0;

	return frame_get_bytes(body, "receipt", &p, &n) == 0 && n == 7 && memcmp(p, "RECEIPT", 7) == 0;
}

static bool has_no_receipt(struct frame_span body, int fd) {
	const uint8_t *p = NULL;
	size_t n = 0;

	return frame_get_bytes(body, "receipt", &p, &n) < 0;
}

static bool names_review(struct frame_span body, int fd) {
	uint8_t id[16];

	return frame_get_fixed(body, "id", id, sizeof(id)) == 0 && id[0] == 0xab && id[1] == 0xcd;
}

#define SIGN_IN_AS_ADAMS                                                                           \
	{ .verb = "attempt.begin", .fill = give_attempt, .is_right = is_adams, .event = "prompt",  \
	  .fill_event = ask_password },                                                            \
	{ .verb = "attempt.answer", .is_right = is_secret, .event = "signed-in",                   \
	  .fill_event = signed_in }

/* ---- cases ------------------------------------------------------------------------------- */

struct usage_case {
	const char *why;
	const char *const *args;
	const char *err; /* has to be in what it complains about                          */
};

#define TEXT_16 "0123456789abcdef"
#define TEXT_64 TEXT_16 TEXT_16 TEXT_16 TEXT_16
#define TEXT_512 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64

static const struct usage_case usage_cases[] = {
	{ "no words are a question", WORDS(NULL), "--help" },
	{ "an unknown verb is named, with the nearest", WORDS("verfy"), "did you mean \"verify\"" },
	{ "so is one of two words", WORDS("user", "ad"), "did you mean \"user add\"" },
	{ "half a verb is asked back", WORDS("review"), "review what" },
	{ "a verb that is like none is named alone", WORDS("zzzzzzz"), "there is no verb \"zzzzzzz\"" },
	{ "an unknown option is named, with the nearest", WORDS("verify", "--haed", "1"),
	  "did you mean --head" },
	{ "there is no option for a password", WORDS("sign-in", "lee", "--password", "x"),
	  "there is no option --password; did you mean --password-fd" },
	{ "an option of another verb is not taken", WORDS("verify", "--role", "x"),
	  "takes no --role" },
	{ "an option without its argument is named", WORDS("verify", "--head"), "--head" },
	{ "a missing argument is told", WORDS("explain"), "ACTION is missing" },
	{ "too many arguments are told", WORDS("status", "now"), "too much" },
	{ "a format that is none", WORDS("status", "--format", "xml"), "text or json" },
	{ "a descriptor that is not open", WORDS("user", "list", "--password-fd", "77"),
	  "no open descriptor" },
	{ "a descriptor that is no number", WORDS("user", "list", "--password-fd", "secret"),
	  "no open descriptor" },
	{ "a card and a key at once", WORDS("sign-in", "--card", "--key"), "one of --card" },
	{ "a card and a badge at once", WORDS("sign-in", "--badge", "--card"), "one of --card" },
	{ "seat and socket at once", WORDS("status", "--seat", "a", "--socket", "b"), "either" },
	{ "a seat that would leave the directory", WORDS("status", "--seat", "../x"), "no name of a seat" },
	{ "a time-out of nothing", WORDS("status", "--timeout", "0"), "seconds" },
	{ "a uid that is none", WORDS("status", "--broker-uid", "-1"), "--broker-uid" },
	{ "a name of 64 bytes", WORDS("user", "add", TEXT_64, "-r", "nurse"), "NAME is longer than 63" },
	{ "a role of 64", WORDS("user", "add", "lee", "-r", "nurse", "-r", TEXT_64), "--role is longer" },
	{ "a person's id of 64", WORDS("user", "add", "lee", "-r", "nurse", "--person", TEXT_64),
	  "--person is longer" },
	{ "a name of 64 to be shown", WORDS("user", "add", "lee", "-r", "n", "--display", TEXT_64),
	  "--display is longer" },
	{ "an action of 64", WORDS("explain", TEXT_64), "ACTION is longer" },
	{ "words of 512", WORDS("approve", "a", "/dev/null", "--words", TEXT_512, "--receipt", "r"),
	  "--words is longer than 511" },
	{ "a comment of 512", WORDS("review", "close", "abcd12", "-o", "test", "-t", TEXT_512),
	  "--text is longer" },
	{ "a label of 64", WORDS("token", "rename", "1", TEXT_64), "LABEL is longer" },
};

/* These come to light with a broker there, and nothing is asked of it. */
static const struct usage_case word_cases[] = {
	{ "an account without role", WORDS("user", "add", "lee"), "--role" },
	{ "init without role", WORDS("init", "adams"), "--role" },
	{ "a time that is none", WORDS("user", "add", "lee", "-r", "nurse", "--until", "tomorrow"),
	  "is no time" },
	{ "a date that does not end", WORDS("user", "add", "lee", "-r", "nurse", "--until", "2027-01-31x"),
	  "is no time" },
	{ "an end that is past", WORDS("user", "add", "lee", "-r", "nurse", "--until", "2020-01-01"),
	  "is past" },
	{ "roles: nothing to do", WORDS("user", "role", "lee"), "nothing to do" },
	{ "a head without hash", WORDS("verify", "--head", "12"), "SEQ:HEX" },
	{ "a head that is too short", WORDS("verify", "--head", "12:abcd"), "SEQ:HEX" },
	{ "an anchor that is not hexadecimal", WORDS("verify", "--anchor", "xyz"), "64" },
	{ "an emergency's id that is none", WORDS("history", "--emergency", "12"), "32" },
	{ "a number of nothing", WORDS("history", "-n", "0"), "from 1" },
	{ "a review without outcome", WORDS("review", "close", "abcd12"), "--outcome" },
	{ "a review's id that is none", WORDS("review", "close", "zz", "-o", "test"), "ID is" },
	{ "role and name at once", WORDS("explain", "a", "--role", "b", "--name", "c"), "either" },
	{ "a file whose kind is not known", WORDS("check", "/dev/null"), "--kind" },
	{ "a kind that is nearly one", WORDS("check", "x", "--kind", "sit"), "did you mean site" },
};

START_TEST(test_usage) {
	static struct run run;
	const struct usage_case *c = &usage_cases[_i];

	fake_run(c->args, NULL, NULL, OURSELVES, &run);
	ck_assert_msg(run.status == 2, "%s: exit %d", c->why, run.status);
	ck_assert_msg(strstr(run.err, c->err), "%s: said %s", c->why, run.err);
	ck_assert_msg(run.out[0] == '\0', "%s: wrote %s", c->why, run.out);
}
END_TEST

START_TEST(test_words) {
	static struct run run;
	const struct usage_case *c = &word_cases[_i];

	fake_run(c->args, NULL, SCRIPT({ .verb = NULL }), OURSELVES, &run);
	ck_assert_msg(run.status == 2, "%s: exit %d", c->why, run.status);
	ck_assert_msg(strstr(run.err, c->err), "%s: said %s", c->why, run.err);
	ck_assert_msg(run.followed, "%s: something was asked", c->why);
}
END_TEST

struct talk_case {
	const char *why;
	const char *const *args;
	const char *lines;
	const struct exchange *script;
	int status;
	const char *out;  /* in what it writes; NULL: does not matter                      */
	const char *err;
	const char *not_out; /* must not be in it                                        */
	bool other_user;  /* the broker is somebody else                                   */
};

#define LEE "user", "list"

static void give_lost(struct frame_writer *w) {
	frame_bool(w, "initialised", false);
	frame_open_array(w, "alarms");
	frame_text(w, NULL, "database-missing-or-damaged");
	frame_close(w);
}

static void give_new(struct frame_writer *w) {
	frame_bool(w, "initialised", false);
	frame_open_array(w, "alarms");
	frame_close(w);
}

static void give_refused(struct frame_writer *w) {
	frame_open_array(w, "alarms");
	frame_text(w, NULL, "configuration-refused");
	frame_close(w);
	frame_open_array(w, "refused");
	frame_text(w, NULL, "/etc/careward/site.cfg:12: unknown role");
	frame_close(w);
	frame_open_array(w, "differs");
	frame_text(w, NULL, "/etc/careward/device.cfg");
	frame_close(w);
}

static const struct talk_case talk_cases[] = {
	{ .why = "a device without its database is not set up anew", .args = WORDS("status"),
	  .script = SCRIPT({ "status", 0, give_lost }), .status = 0, .out = "do not set it up anew",
	  .not_out = "careward init" },
	{ .why = "a new device is to be set up", .args = WORDS("status"),
	  .script = SCRIPT({ "status", 0, give_new }), .status = 0, .out = "run careward init" },
	{ .why = "a file that is refused is told with its line", .args = WORDS("status"),
	  .script = SCRIPT({ "status", 0, give_refused }), .status = 0,
	  .out = "Refused:            /etc/careward/site.cfg:12: unknown role" },
	{ .why = "a file that differs is told, and what to do", .args = WORDS("status"),
	  .script = SCRIPT({ "status", 0, give_refused }), .status = 0,
	  .out = "Differs:            /etc/careward/device.cfg" },
	{ .why = "a denied verb signs in, is repeated once, and signs out",
	  .args = WORDS(LEE, "--as", "adams"), .lines = "open sesame\n",
	  .script = SCRIPT({ "user.list", 1, deny_sign_in }, SIGN_IN_AS_ADAMS,
	                   { "user.list", 0, give_users }, { "sign-out" }),
	  .status = 0, .out = "lee" },
	{ .why = "denied again after the sign-in it is not tried a third time",
	  .args = WORDS(LEE, "--as", "adams"), .lines = "open sesame\n",
	  .script = SCRIPT({ "user.list", 1, deny_sign_in }, SIGN_IN_AS_ADAMS,
	                   { "user.list", 1, deny_role }, { "sign-out" }),
	  .status = 1, .err = "Your role does not include this" },
	{ .why = "a broker that hangs up on somebody signed in is asked anew to sign out",
	  .args = WORDS(LEE, "--as", "adams"), .lines = "open sesame\n",
	  .script = SCRIPT({ "user.list", 1, deny_sign_in }, SIGN_IN_AS_ADAMS,
	                   { .verb = "user.list", .hang_up = true }, { "sign-out" }),
	  .status = 3, .err = "closed", .not_out = "could not sign out" },
	{ .why = "somebody who was named takes over from somebody without the right",
	  .args = WORDS(LEE, "--as", "adams"), .lines = "open sesame\n",
	  .script = SCRIPT({ "user.list", 1, deny_role }, SIGN_IN_AS_ADAMS,
	                   { "user.list", 0, give_users }, { "sign-out" }),
	  .status = 0, .out = "nurse" },
	{ .why = "nobody named: who is signed in without the right is told so",
	  .args = WORDS(LEE), .script = SCRIPT({ "user.list", 1, deny_role }),
	  .status = 1, .err = "role" },
	{ .why = "a session that was there is used and left",
	  .args = WORDS(LEE), .script = SCRIPT({ "user.list", 0, give_users }),
	  .status = 0, .out = "lee" },
	{ .why = "all pages of accounts are fetched",
	  .args = WORDS(LEE, "--format", "json"),
	  .script = SCRIPT({ "user.list", 0, give_users_first },
	                   { .verb = "user.list", .fill = give_users, .is_right = is_after_3 }),
	  .status = 0, .out = "\"users\"" },
	{ .why = "a name cannot move the cursor",
	  .args = WORDS(LEE), .script = SCRIPT({ "user.list", 0, give_users_hostile }),
	  .status = 0, .out = "?[2J?x", .not_out = "\x1b" },
	{ .why = "a forced change takes its lines one by one, and sign-in stays",
	  .args = WORDS("sign-in", "adams"), .lines = "open sesame\na new one\na new one\n",
	  .script = SCRIPT({ .verb = "attempt.begin", .fill = give_attempt, .is_right = is_adams,
	                     .event = "prompt", .fill_event = ask_password },
	                   { .verb = "attempt.answer", .is_right = is_secret, .event = "prompt",
	                     .fill_event = ask_new },
	                   { .verb = "attempt.answer", .is_right = is_new, .event = "prompt",
	                     .fill_event = ask_again },
	                   { .verb = "attempt.answer", .is_right = is_new, .event = "signed-in",
	                     .fill_event = signed_in }),
	  .status = 0, .out = "Failures since then:   2" },
	{ .why = "lines that end too soon give the attempt up",
	  .args = WORDS("sign-in", "adams"), .lines = "open sesame\n",
	  .script = SCRIPT({ .verb = "attempt.begin", .fill = give_attempt, .event = "prompt",
	                     .fill_event = ask_password },
	                   { .verb = "attempt.answer", .event = "prompt", .fill_event = ask_new },
	                   { "attempt.cancel" }),
	  .status = 3, .err = "no more lines" },
	{ .why = "without terminal and descriptor it says so",
	  .args = WORDS("sign-in", "adams"),
	  .script = SCRIPT({ .verb = "attempt.begin", .fill = give_attempt, .event = "prompt",
	                     .fill_event = ask_password },
	                   { "attempt.cancel" }),
	  .status = 3, .err = "--password-fd" },
	{ .why = "a wrong password is a no", .args = WORDS("sign-in", "adams"), .lines = "open sesame\n",
	  .script = SCRIPT({ .verb = "attempt.begin", .fill = give_attempt, .event = "prompt",
	                     .fill_event = ask_password },
	                   { .verb = "attempt.answer", .event = "attempt-over",
	                     .fill_event = over_refused }),
	  .status = 1, .err = "Name or password is wrong" },
	{ .why = "a lockout tells the waiting time", .args = WORDS("sign-in", "adams"),
	  .lines = "open sesame\n",
	  .script = SCRIPT({ .verb = "attempt.begin", .fill = give_attempt, .event = "prompt",
	                     .fill_event = ask_password },
	                   { .verb = "attempt.answer", .event = "attempt-over",
	                     .fill_event = over_locked }),
	  .status = 1, .err = "4 min 59 s" },
	{ .why = "init prints what has to be written down", .args = WORDS("init", "adams", "-r", "admin"),
	  .script = SCRIPT({ "init", 0, give_init }), .status = 0, .out = "CCCCC-DDDDD" },
	{ .why = "init does not try to sign in", .args = WORDS("init", "adams", "-r", "admin"),
	  .script = SCRIPT({ "init", 1, deny_sign_in }), .status = 1 },
	{ .why = "a whole journal is a yes, and says what it does not exclude",
	  .args = WORDS("verify"), .script = SCRIPT({ "verify", 0, verify_ok }),
	  .status = 0, .out = "rollback of the whole store not excluded" },
	{ .why = "a head that was given travels as number and hash",
	  .args = WORDS("verify", "--head",
	                "258:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	  .script = SCRIPT({ .verb = "verify", .fill = verify_excluded, .is_right = has_head }),
	  .status = 0, .out = "nothing was rolled back", .not_out = "not excluded" },
	{ .why = "who gave a head is not told to give one",
	  .args = WORDS("verify", "--head",
	                "258:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	  .script = SCRIPT({ "verify", 0, verify_ok }), .status = 0, .out = "by the head that was given",
	  .not_out = "give --head" },
	{ .why = "an edited entry is a no, and is named", .args = WORDS("verify"),
	  .script = SCRIPT({ "verify", 0, verify_edited }), .status = 1,
	  .out = "entry 4: its hash differs" },
	{ .why = "verify's head can be given to --head", .args = WORDS("verify", "--format", "json"),
	  .script = SCRIPT({ "verify", 0, verify_ok }), .status = 0, .out = "\"head\": \"5:0000" },
	{ .why = "history follows its pages, and marks a clock that was not right",
	  .args = WORDS("history", "--all"),
	  .script = SCRIPT({ "history", 0, history_newer },
	                   { .verb = "history", .fill = history_older, .is_right = is_before_9 }),
	  .status = 0, .out = "(?)" },
	{ .why = "history stops at the number asked for", .args = WORDS("history", "-n", "1"),
	  .script = SCRIPT({ "history", 0, history_newer }), .status = 0, .out = "older entries",
	  .not_out = "(?)" },
	{ .why = "an unknown action is named with the nearest", .args = WORDS("explain", "therapy.strat"),
	  .script = SCRIPT({ "explain", 3, unknown_action }), .status = 1, .err = "therapy.start" },
	{ .why = "a device that is not ready could not tell", .args = WORDS(LEE),
	  .script = SCRIPT({ "user.list", 8, message_not_initialised }), .status = 3,
	  .err = "careward init" },
	{ .why = "not recorded: could not tell", .args = WORDS("user", "disable", "lee"),
	  .script = SCRIPT({ "user.disable", 7 }), .status = 3 },
	{ .why = "the last administrator: no", .args = WORDS("user", "disable", "lee"),
	  .script = SCRIPT({ "user.disable", 10 }), .status = 1, .err = "administer" },
	{ .why = "a result that nobody knows is not a yes", .args = WORDS("user", "disable", "lee"),
	  .script = SCRIPT({ "user.disable", 4711 }), .status = 3 },
	{ .why = "a broker that hangs up", .args = WORDS("status"),
	  .script = SCRIPT({ .verb = "status", .hang_up = true }), .status = 3, .err = "closed" },
	{ .why = "a broker that talks rubbish", .args = WORDS("status"),
	  .script = SCRIPT({ .verb = "status", .rubbish = true }, { .verb = NULL }), .status = 3,
	  .err = "cannot be read" },
	{ .why = "a reply to another request is no reply", .args = WORDS("user", "disable", "lee"),
	  .script = SCRIPT({ .verb = "user.disable", .strange = true }), .status = 3,
	  .err = "cannot be read" },
	{ .why = "a review is closed by the beginning of its id",
	  .args = WORDS("review", "close", "abcd12", "-o", "test"),
	  .script = SCRIPT({ "review.list", 0, give_reviews },
	                   { .verb = "review.close", .is_right = names_review }),
	  .status = 0, .out = "Closed as test" },
	{ .why = "a beginning that fits none is a no",
	  .args = WORDS("review", "close", "ffff", "-o", "test"),
	  .script = SCRIPT({ "review.list", 0, give_reviews }), .status = 1 },
	{ .why = "reviews tell who, why and what is overdue", .args = WORDS("review", "list"),
	  .script = SCRIPT({ "review.list", 0, give_reviews }), .status = 0, .out = "overdue" },
	{ .why = "another user at the socket is not spoken to", .args = WORDS("status"),
	  .script = SCRIPT({ .verb = NULL }), .status = 3, .err = "not the broker", .other_user = true },
};

START_TEST(test_talk) {
	static struct run run;
	const struct talk_case *c = &talk_cases[_i];

	if (c->other_user && getuid() != 0)
		return; /* there is nobody else to be */
	fake_run(c->args, c->lines, c->script, c->other_user ? NOBODY : OURSELVES, &run);
	ck_assert_msg(run.status == c->status, "%s: exit %d, said %s", c->why, run.status, run.err);
	/* Who is refused at the door hears nothing at all, not even a greeting. */
	ck_assert_msg(run.followed == !c->other_user, "%s: the script was not followed", c->why);
	ck_assert_msg(!c->out || strstr(run.out, c->out), "%s: wrote %s", c->why, run.out);
	ck_assert_msg(!c->err || strstr(run.err, c->err), "%s: said %s", c->why, run.err);
	ck_assert_msg(!c->not_out || !strstr(run.out, c->not_out), "%s: wrote %s", c->why, run.out);
	ck_assert_msg(!strstr(run.out, "open sesame") && !strstr(run.err, "open sesame"),
	              "%s: a secret was shown", c->why);
}
END_TEST

START_TEST(test_nobody) {
	static struct run run;

	fake_run(WORDS("status", "--socket", "/nonexistent/seat"), NULL, NULL, OURSELVES, &run);
	ck_assert_int_eq(run.status, 3);
	ck_assert_ptr_nonnull(strstr(run.err, "no broker answers at /nonexistent/seat"));
	fake_run(WORDS("status", "--format", "json", "--socket", "/nonexistent/seat"), NULL, NULL,
	         OURSELVES, &run);
	ck_assert_int_eq(run.status, 3);
	ck_assert_ptr_nonnull(strstr(run.out, "\"result\": \"unknown\""));
}
END_TEST

START_TEST(test_told_uid) {
	static struct run run;

	if (getuid() != 0)
		return;
	fake_run(WORDS("user", "list", "--broker-uid", "65534"), NULL,
	         SCRIPT({ "user.list", 0, give_users }), NOBODY, &run);
	ck_assert_int_eq(run.status, 0);
	ck_assert(run.followed);
}
END_TEST

static void give_no_errors_elsewhere(struct frame_writer *w) {
	frame_text(w, "directory", "/etc/careward");
	frame_uint(w, "uid", getuid());
	frame_bool(w, "in_place", false);
	give_no_errors(w);
}

START_TEST(test_install) {
	static struct run run;
	const struct exchange script[] = {
		{ .verb = "config.install", .result = 1, .fill = deny_confirm, .is_right = has_no_receipt },
		{ .verb = "authorize", .fill = give_attempt, .is_right = is_authorize, .event = "prompt",
		  .fill_event = ask_password },
		{ .verb = "attempt.answer", .is_right = is_secret, .event = "prompt",
		  .fill_event = ask_confirm },
		{ .verb = "attempt.answer", .is_right = is_yes, .event = "authorized",
		  .fill_event = authorized },
		{ .verb = "config.install", .fill = give_no_errors_elsewhere, .is_right = has_receipt },
		{ .verb = NULL },
	};
	char path[64];

	fake_file(path, "site.cfg", small_file, strlen(small_file));
	fake_run(WORDS("config", "install", path, "--yes", "-k", "site"), "open sesame\n", script,
	         OURSELVES, &run);
	(void)unlink(path);
	ck_assert_msg(run.status == 0, "exit %d: %s", run.status, run.err);
	ck_assert(run.followed);
	ck_assert_ptr_nonnull(strstr(run.out, "installed"));
	/* And what is left to do. */
	ck_assert_ptr_nonnull(strstr(run.out, "install -m 0644 "));
	ck_assert_ptr_nonnull(strstr(run.out, " /etc/careward/site.cfg\n"));
}
END_TEST

/* What machines read: these keys are promised in docs/administration.md. */
static const struct {
	const char *why;
	const char *const *args;
	struct exchange exchange;
	const char *keys[10];
} json_cases[] = {
	{ "init", WORDS("init", "a", "-r", "b"), { "init", 0, give_init },
	  { "result", "number", "secret", "recovery", "anchor" } },
	{ "verify", WORDS("verify"), { "verify", 0, verify_ok },
	  { "result", "ok", "finding", "seq", "what", "entries", "epochs", "open", "head",
	    "rollback_excluded" } },
	{ "user list", WORDS("user", "list"), { "user.list", 0, give_users }, { "result", "users" } },
	{ "history", WORDS("history"), { "history", 0, history_older }, { "result", "entries", "next" } },
	{ "review list", WORDS("review", "list"), { "review.list", 0, give_reviews },
	  { "result", "reviews", "more" } },
	{ "denied", WORDS("user", "list"), { "user.list", 1, deny_role },
	  { "result", "verdict", "reason" } },
	{ "nearest", WORDS("explain", "x"), { "explain", 3, unknown_action },
	  { "result", "message", "nearest" } },
};

START_TEST(test_json) {
	static struct run run;
	const char *args[16] = { NULL };
	json_t *object = NULL;
	size_t n = 0;

	for (; json_cases[_i].args[n]; ++n)
		args[n] = json_cases[_i].args[n];
	args[n++] = "--format";
	args[n] = "json";
	fake_run(args, NULL, (const struct exchange[]){ json_cases[_i].exchange, { .verb = NULL } },
	         OURSELVES, &run);
	object = json_loads(run.out, 0, NULL);
	ck_assert_msg(json_is_object(object), "%s: wrote %s", json_cases[_i].why, run.out);
	for (size_t k = 0; k < 10 && json_cases[_i].keys[k]; ++k)
		ck_assert_msg(json_object_get(object, json_cases[_i].keys[k]), "%s: no key %s",
		              json_cases[_i].why, json_cases[_i].keys[k]);
	ck_assert(json_is_string(json_object_get(object, "result")));
	json_decref(object);
}
END_TEST

int main(void) {
	Suite *s = suite_create("careward");
	TCase *t = tcase_create("command line");
	SRunner *sr = NULL;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_usage, 0, (int)ARRAY_SIZE(usage_cases));
	tcase_add_loop_test(t, test_words, 0, (int)ARRAY_SIZE(word_cases));
	tcase_add_loop_test(t, test_talk, 0, (int)ARRAY_SIZE(talk_cases));
	tcase_add_loop_test(t, test_json, 0, (int)ARRAY_SIZE(json_cases));
	tcase_add_test(t, test_nobody);
	tcase_add_test(t, test_told_uid);
	tcase_add_test(t, test_install);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
