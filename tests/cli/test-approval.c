/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts at the command line: verified without anybody, given and used with the broker. */
#undef NDEBUG
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "tests/cli/fake.h"
#include "tests/receipt/maker.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SCRIPT(...) ((const struct exchange[]){ __VA_ARGS__, { .verb = NULL } })
#define OURSELVES UINT32_MAX

static char folder[64];
static char image[96], other_image[96], receipt_path[96], keys_path[96], out_path[96];
static uint8_t bytes[APPROVAL_RECEIPT_MAX];
static struct receipt receipt;
static struct run run;

static void put_file(const char *path, const void *p, size_t n) {
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

/* As careward keys writes it, by other code. */
static void put_keys(const struct receipt *r) {
	struct receipt_token_key tokens[2];
	struct receipt_keys keys;
	static char text[8192];
	char hex[2 * RECEIPT_KEY_MAX + 1];
	size_t n = 0;

	maker_keys(r, tokens, &keys);
	hex_encode(hex, keys.device, 16);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "{\"careward-keys\": 1, \"device\": \"%s\", ",
	                      hex);
	hex_encode(hex, keys.approval, 32);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "\"approval\": \"%s\", \"tokens\": [", hex);
	for (size_t i = 0; i < keys.n_tokens; ++i) {
		hex_encode(hex, tokens[i].key, tokens[i].n_key);
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		                      "%s{\"account\": %u, \"key\": \"%s\"}", i ? ", " : "",
		                      tokens[i].account, hex);
	}
	n += (size_t)snprintf(text + n, sizeof(text) - n, "]}\n");
	put_file(keys_path, text, n);
}

static void set_up(void) {
	(void)snprintf(folder, sizeof(folder), "/tmp/careward-approval-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(image, sizeof(image), "%s/pump-2.1.swu", folder);
	(void)snprintf(other_image, sizeof(other_image), "%s/other.swu", folder);
	(void)snprintf(receipt_path, sizeof(receipt_path), "%s/receipt", folder);
	(void)snprintf(keys_path, sizeof(keys_path), "%s/keys.json", folder);
	(void)snprintf(out_path, sizeof(out_path), "%s/out", folder);
	put_file(image, MAKER_IMAGE, strlen(MAKER_IMAGE));
	put_file(other_image, "another image\n", 14);
}

static void tear_down(void) {
	const char *const paths[] = { image, other_image, receipt_path, keys_path, out_path };

	for (size_t i = 0; i < ARRAY_SIZE(paths); ++i)
		(void)unlink(paths[i]);
	(void)rmdir(folder);
}

/* Nobody listens: whatever is answered here is answered without a broker. */
static void verify(const char *object, bool with_keys, bool json) {
	const char *args[16] = { "approval", "verify", receipt_path, "--object", object };
	unsigned n = 5;

	if (with_keys) {
		args[n++] = "--keys";
		args[n++] = keys_path;
	}
	if (json) {
		args[n++] = "--format";
		args[n++] = "json";
	}
	fake_run(args, NULL, NULL, OURSELVES, &run);
}

static const struct {
	const char *why;
	enum maker_token first, second;
	const char *person, *second_person;
} people[] = {
	{ "a password is the device's word", MAKER_NONE, MAKER_N_TOKENS,
	  "account 7: gave a password; signed by the device, not by the person", NULL },
	{ "a smartcard", MAKER_CARD_RSA, MAKER_N_TOKENS,
	  "account 7: signed by the person's smartcard", NULL },
	{ "a security key and a password", MAKER_KEY_EC, MAKER_NONE,
	  "account 7: signed by the person's security key",
	  "account 9: gave a password; signed by the device, not by the person" },
	{ "a smartcard and a security key", MAKER_CARD_EC, MAKER_KEY_EDDSA,
	  "account 7: signed by the person's smartcard",
	  "account 9: signed by the person's security key" },
};

START_TEST(a_receipt_is_verified_without_a_broker) {
	size_t n = maker_make(people[_i].first, people[_i].second, bytes, &receipt);

	put_file(receipt_path, bytes, n);
	put_keys(&receipt);
	for (int with_keys = 0; with_keys < 2; ++with_keys) {
		verify(image, with_keys, false);
		ck_assert_msg(run.status == 0, "%s: %d, %s", people[_i].why, run.status, run.err);
		ck_assert_ptr_nonnull(strstr(run.out, "Valid: this is a receipt for exactly this file."));
		ck_assert_ptr_nonnull(strstr(run.out, people[_i].person));
		ck_assert((strstr(run.out, "Second person:") != NULL) ==
		          (people[_i].second_person != NULL));
		if (people[_i].second_person)
			ck_assert_ptr_nonnull(strstr(run.out, people[_i].second_person));
		ck_assert_ptr_nonnull(strstr(run.out, "software.update"));
		ck_assert_ptr_nonnull(strstr(run.out, "Install 2.1 "));
		ck_assert((strstr(run.out, "keys are taken from the receipt itself") != NULL) ==
		          !with_keys);
	}
	verify(image, true, true);
	ck_assert_ptr_nonnull(strstr(run.out, people[_i].first ? "\"signed_by\": \"token\""
							       : "\"signed_by\": \"device\""));
}
END_TEST

START_TEST(PO_06_a_receipt_for_another_file_is_refused_by_name) {
	put_file(receipt_path, bytes, maker_make(MAKER_CARD_EC, MAKER_KEY_EC, bytes, &receipt));
	verify(other_image, false, false);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.err, "refused: digest of the object"));
	ck_assert_str_eq(run.out, "");
	verify(other_image, false, true);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.out, "\"field\": \"digest of the object\""));
}
END_TEST

START_TEST(a_changed_receipt_is_refused_by_name) {
	size_t n = maker_make(MAKER_CARD_EC, MAKER_KEY_EC, bytes, &receipt);
	uint8_t *words = memmem(bytes, n, "Install 2.1", 11);

	ck_assert_ptr_nonnull(words);
	words[8] = '3';
	put_file(receipt_path, bytes, n);
	verify(image, false, false);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.err, "refused: words"));
	put_file(receipt_path, bytes, n - 1);
	verify(image, false, false);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.err, "refused: form"));
	put_file(receipt_path, "", 0);
	verify(image, false, false);
	ck_assert_int_eq(run.status, 1);
}
END_TEST

START_TEST(keys_of_another_device_are_refused_by_name) {
	size_t n = maker_make(MAKER_CARD_EC, MAKER_N_TOKENS, bytes, &receipt);

	put_file(receipt_path, bytes, n);
	receipt.device[0] ^= 1;
	put_keys(&receipt);
	verify(image, true, false);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.err, "refused: device"));
	receipt.device[0] ^= 1;
	receipt.signatures[0].person = 0;
	put_keys(&receipt);
	verify(image, true, false);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.err, "refused: key of the first person"));
}
END_TEST

static const struct {
	const char *why;
	const char *text;
} exports[] = {
	{ "no JSON", "keys" },
	{ "nothing", "{}" },
	{ "another version", "{\"careward-keys\": 2, \"device\": \"00\", \"approval\": \"00\", "
	                     "\"tokens\": []}" },
	{ "a short device", "{\"careward-keys\": 1, \"device\": \"00\", \"approval\": "
	                    "\"0000000000000000000000000000000000000000000000000000000000000000\", "
	                    "\"tokens\": []}" },
	{ "no tokens", "{\"careward-keys\": 1, \"device\": \"00000000000000000000000000000000\", "
	               "\"approval\": "
	               "\"0000000000000000000000000000000000000000000000000000000000000000\"}" },
	{ "a token of nobody",
	  "{\"careward-keys\": 1, \"device\": \"00000000000000000000000000000000\", \"approval\": "
	  "\"0000000000000000000000000000000000000000000000000000000000000000\", "
	  "\"tokens\": [{\"account\": 0, \"key\": \"00\"}]}" },
	{ "a token without key",
	  "{\"careward-keys\": 1, \"device\": \"00000000000000000000000000000000\", \"approval\": "
	  "\"0000000000000000000000000000000000000000000000000000000000000000\", "
	  "\"tokens\": [{\"account\": 7, \"key\": \"0g\"}]}" },
};

START_TEST(an_export_that_is_none_says_nothing) {
	put_file(receipt_path, bytes, maker_make(MAKER_CARD_EC, MAKER_N_TOKENS, bytes, &receipt));
	put_file(keys_path, exports[_i].text, strlen(exports[_i].text));
	verify(image, true, false);
	ck_assert_msg(run.status == 3, "%s: %d", exports[_i].why, run.status);
	ck_assert_ptr_nonnull(strstr(run.err, "is not what careward keys writes"));
}
END_TEST

START_TEST(what_is_missing_is_a_usage_error) {
	fake_run(WORDS("approval", "verify", receipt_path), NULL, NULL, OURSELVES, &run);
	ck_assert_int_eq(run.status, 2);
	ck_assert_ptr_nonnull(strstr(run.err, "--object"));
	fake_run(WORDS("approval", "verify"), NULL, NULL, OURSELVES, &run);
	ck_assert_int_eq(run.status, 2);
	fake_run(WORDS("approve", "software.update", image, "--receipt", out_path), NULL,
	         SCRIPT({ .verb = NULL }), OURSELVES, &run);
	ck_assert_int_eq(run.status, 2);
	ck_assert_ptr_nonnull(strstr(run.err, "--words"));
	fake_run(WORDS("approve", "software.update", image, "--words", "x"), NULL,
	         SCRIPT({ .verb = NULL }), OURSELVES, &run);
	ck_assert_int_eq(run.status, 2);
	fake_run(WORDS("redeem", "software.update", image), NULL, SCRIPT({ .verb = NULL }),
	         OURSELVES, &run);
	ck_assert_int_eq(run.status, 2);
	/* A file that cannot be read is not told apart from a refusal by silence. */
	fake_run(WORDS("approval", "verify", folder, "--object", image), NULL, NULL, OURSELVES, &run);
	ck_assert_int_eq(run.status, 3);
}
END_TEST

/* ---- with a broker ------------------------------------------------------------------ */

static void give_attempt(struct frame_writer *w) {
	frame_uint(w, "attempt", 7);
}

static void nobody_there(struct frame_writer *w) {
	frame_bool(w, "signed_in", false);
}

static void somebody_there(struct frame_writer *w) {
	frame_bool(w, "signed_in", true);
}

static void ask_password(struct frame_writer *w) {
	frame_uint(w, "field", CW_FIELD_PASSWORD);
	frame_bool(w, "secret", true);
	frame_text(w, "message", "ask-password");
}

static void ask_confirm(struct frame_writer *w) {
	frame_uint(w, "field", CW_FIELD_CONFIRM);
	frame_bool(w, "secret", false);
	frame_text(w, "message", "confirm");
	frame_text(w, "text", "Install 2.1?");
}

static void signed_in(struct frame_writer *w) {
	frame_uint(w, "session", 99);
	frame_uint(w, "account", 3);
	frame_text(w, "text", "Ada Adams");
	frame_bool(w, "handover", false);
	frame_int(w, "last_ms", 0);
	frame_uint(w, "failures", 0);
	frame_int(w, "failure_ms", 0);
}

static void over_refused(struct frame_writer *w) {
	frame_text(w, "message", "not-confirmed");
}

/* The longest receipt that there is. */
static void authorized(struct frame_writer *w) {
	memset(bytes, 0x5a, sizeof(bytes));
	frame_bytes(w, "receipt", bytes, sizeof(bytes));
}

static bool is_about_the_image(struct frame_span body, int fd) {
	uint8_t digest[32];
	char text[LIMIT_WORDS];

	if (frame_get_fixed(body, "digest", digest, 32) < 0 || memcmp(digest, maker_object, 32) != 0)
		return false;
	if (frame_get_text(body, "action", text, sizeof(text)) < 0 ||
	    strcmp(text, "software.update") != 0)
		return false;
	if (frame_get_text(body, "object", text, sizeof(text)) < 0 ||
	    strcmp(text, "pump-2.1.swu") != 0)
		return false;
	return frame_get_text(body, "words", text, sizeof(text)) == 0 &&
	       strcmp(text, "Install 2.1?") == 0;
}

#define AUTHORIZE                                                                                  \
	{ .verb = "authorize", .fill = give_attempt, .is_right = is_about_the_image,               \
	  .event = "prompt", .fill_event = ask_confirm }
#define APPROVE                                                                                    \
	"approve", "software.update", image, "--words", "Install 2.1?", "--receipt", out_path

START_TEST(what_was_confirmed_is_in_a_file) {
	const struct exchange *script =
		SCRIPT({ "status", 0, somebody_there }, AUTHORIZE,
	               { .verb = "attempt.answer", .event = "authorized", .fill_event = authorized });
	struct stat st;

	fake_run(WORDS(APPROVE, "--yes"), NULL, script, OURSELVES, &run);
	ck_assert_msg(run.status == 0 && run.followed, "%d: %s", run.status, run.err);
	ck_assert_int_eq(stat(out_path, &st), 0);
	ck_assert_int_eq(st.st_size, APPROVAL_RECEIPT_MAX);
	/* It is never written over another one. */
	fake_run(WORDS(APPROVE, "--yes"), NULL, SCRIPT({ .verb = NULL }), OURSELVES, &run);
	ck_assert_int_eq(run.status, 3);
	ck_assert_ptr_nonnull(strstr(run.err, "exists"));
}
END_TEST

START_TEST(who_signs_in_for_an_approval_stays) {
	const struct exchange *script =
		SCRIPT({ "status", 0, nobody_there },
	               { .verb = "attempt.begin", .fill = give_attempt, .event = "prompt",
	                 .fill_event = ask_password },
	               { .verb = "attempt.answer", .event = "signed-in", .fill_event = signed_in },
	               AUTHORIZE,
	               { .verb = "attempt.answer", .event = "authorized", .fill_event = authorized });

	/* No sign-out at the end: it would make the receipt void. */
	fake_run(WORDS(APPROVE, "--yes", "--as", "adams"), "open sesame\n", script, OURSELVES, &run);
	ck_assert_msg(run.status == 0 && run.followed, "%d: %s", run.status, run.err);
}
END_TEST

START_TEST(without_an_approval_there_is_no_file) {
	const struct exchange *script =
		SCRIPT({ "status", 0, somebody_there }, AUTHORIZE,
	               { .verb = "attempt.answer", .event = "attempt-over",
	                 .fill_event = over_refused });

	fake_run(WORDS(APPROVE, "--yes"), NULL, script, OURSELVES, &run);
	ck_assert_int_eq(run.status, 1);
	ck_assert_int_ne(access(out_path, F_OK), 0);
}
END_TEST

static bool is_redemption(struct frame_span body, int fd) {
	const uint8_t *p = NULL;
	uint8_t digest[32];
	size_t n = 0;

	return frame_get_fixed(body, "digest", digest, 32) == 0 &&
	       memcmp(digest, maker_object, 32) == 0 &&
	       frame_get_bytes(body, "receipt", &p, &n) == 0 && n == 7 && memcmp(p, "RECEIPT", 7) == 0;
}

static void granted(struct frame_writer *w) {
	frame_uint(w, "verdict", CW_ALLOW);
	frame_uint(w, "reason", CW_REASON_GRANTED);
}

static void denied(struct frame_writer *w) {
	frame_uint(w, "verdict", CW_DENY);
	frame_uint(w, "reason", CW_REASON_STALE);
}

START_TEST(a_receipt_is_used_once) {
	put_file(receipt_path, "RECEIPT", 7);
	fake_run(WORDS("redeem", "software.update", image, "--receipt", receipt_path), NULL,
	         SCRIPT({ .verb = "redeem", .fill = granted, .is_right = is_redemption }), OURSELVES,
	         &run);
	ck_assert_msg(run.status == 0 && run.followed, "%s", run.err);
	/* Denied: nobody is asked to sign in, that would not help. */
	fake_run(WORDS("redeem", "software.update", image, "--receipt", receipt_path), NULL,
	         SCRIPT({ .verb = "redeem", .result = 1, .fill = denied }), OURSELVES, &run);
	ck_assert_msg(run.status == 1 && run.followed, "%s", run.err);
}
END_TEST

static void give_keys(struct frame_writer *w, uint32_t account, uint64_t next) {
	const struct receipt_signature *s = &receipt.signatures[account == MAKER_FIRST ? 0 : 1];

	frame_bytes(w, "device", receipt.device, sizeof(receipt.device));
	frame_bytes(w, "approval", receipt.device_key, sizeof(receipt.device_key));
	frame_open_array(w, "tokens");
	frame_open_map(w, NULL);
	frame_uint(w, "account", account);
	frame_uint(w, "factor", s->factor);
	frame_bytes(w, "key", s->public_key, s->n_public_key);
	frame_close(w);
	frame_close(w);
	frame_uint(w, "next", next);
}

static void first_page(struct frame_writer *w) {
	give_keys(w, MAKER_FIRST, 7);
}

static void second_page(struct frame_writer *w) {
	give_keys(w, MAKER_SECOND, 0);
}

static bool is_after_7(struct frame_span body, int fd) {
	uint64_t after = 0;

	return frame_get_uint(body, "after", &after) == 0 && after == 7;
}

START_TEST(what_keys_writes_is_what_verify_reads) {
	size_t n = maker_make(MAKER_CARD_EC, MAKER_KEY_EC, bytes, &receipt);

	put_file(receipt_path, bytes, n);
	fake_run(WORDS("keys"), NULL,
	         SCRIPT({ "keys", 0, first_page },
	                { .verb = "keys", .fill = second_page, .is_right = is_after_7 }),
	         OURSELVES, &run);
	ck_assert_msg(run.status == 0 && run.followed, "%d: %s", run.status, run.err);
	put_file(keys_path, run.out, strlen(run.out));
	verify(image, true, false);
	ck_assert_msg(run.status == 0, "%s", run.err);
	ck_assert_ptr_nonnull(strstr(run.out, "as the device exported them"));
}
END_TEST

int main(void) {
	Suite *suite = suite_create("cli-approval");
	TCase *tc = tcase_create("approval");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, a_receipt_is_verified_without_a_broker, 0, (int)ARRAY_SIZE(people));
	tcase_add_test(tc, PO_06_a_receipt_for_another_file_is_refused_by_name);
	tcase_add_test(tc, a_changed_receipt_is_refused_by_name);
	tcase_add_test(tc, keys_of_another_device_are_refused_by_name);
	tcase_add_loop_test(tc, an_export_that_is_none_says_nothing, 0, (int)ARRAY_SIZE(exports));
	tcase_add_test(tc, what_is_missing_is_a_usage_error);
	tcase_add_test(tc, what_was_confirmed_is_in_a_file);
	tcase_add_test(tc, who_signs_in_for_an_approval_stays);
	tcase_add_test(tc, without_an_approval_there_is_no_file);
	tcase_add_test(tc, a_receipt_is_used_once);
	tcase_add_test(tc, what_keys_writes_is_what_verify_reads);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
