/* SPDX-License-Identifier: Apache-2.0 */

/* Tokens from one device of the site to another: the file, and who takes it. */

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/token-file.h"
#include "common/cleanup.h"
#include "tests/auth/device.h"
#include "tests/auth/token.h"

#define HEAD 36u

static const struct admin_rule admins = { .n_roles = 1, .roles = { "lead" } };
static const uint8_t key[32] = "the key that Argon2id would make";
static const uint8_t salt[TOKEN_FILE_SALT] = "some salt of it";
static const uint8_t nonce[12] = "once, once,";
static uint8_t *file, *copy;
static size_t n_file;
static struct token_file head;

static void set_up(void) {
	device_set_up();
	file = malloc(TOKEN_FILE_MAX);
	copy = malloc(TOKEN_FILE_MAX);
	ck_assert(file && copy);
}

static void tear_down(void) {
	free(file);
	free(copy);
	device_tear_down();
}

static uint32_t person(const char *name, const char *id) {
	struct account account = account_of(name, "nurse");
	struct moment now = moment_at(0);

	memset(account.person, 0, sizeof(account.person));
	(void)snprintf(account.person, sizeof(account.person), "%s", id);
	ck_assert_int_eq(account_create(device.store, &nobody, &now, &account), 0);
	return account.number;
}

static void write_file(void) {
	struct moment now = moment_at(20);

	ck_assert_int_eq(token_file_write(device.store, &now, key, salt, nonce, file, &n_file,
					  &head),
			 0);
}

/* The first device: kim has one of each, lee a badge, mia a revoked key. */
static void first_device(void) {
	ck_assert_uint_eq(make_account("lead", "lead"), 1);
	ck_assert_uint_eq(person("kim", "H-1"), 2);
	ck_assert_uint_eq(person("lee", ""), 3);
	ck_assert_uint_eq(person("mia", "H-3"), 4);
	(void)enrolled_token(2, CW_FACTOR_BADGE, 1);
	(void)enrolled_token(2, CW_FACTOR_CODE, 2);
	(void)enrolled_token(2, CW_FACTOR_SMARTCARD, 3);
	(void)enrolled_token(2, CW_FACTOR_FIDO2, 4);
	(void)enrolled_token(3, CW_FACTOR_BADGE, 5);
	(void)enrolled_token(4, CW_FACTOR_FIDO2, 6);
	ck_assert_int_eq(end_token(6, &admins), 0);
	write_file();
}

/* Another one, with other numbers: the hospital's id is what they share. */
static void second_device(void) {
	device_tear_down();
	device_set_up();
	ck_assert_uint_eq(make_account("chief", "lead"), 1);
	ck_assert_uint_eq(person("mia", "H-3"), 2);
	ck_assert_uint_eq(person("kimberly", "H-1"), 3);
	ck_assert_uint_eq(person("kim", "H-77"), 4);
	ck_assert_uint_eq(person("lee", ""), 5);
}

static bool everybody(const struct account *account, void *userdata) {
	(void)account;
	(void)userdata;
	return true;
}

static bool nobody_at_all(const struct account *account, void *userdata) {
	(void)account;
	(void)userdata;
	return false;
}

static int open_copy(struct token_file *ret_head) {
	memcpy(copy, file, n_file);
	return token_file_open(key, copy, n_file, ret_head);
}

static int import_by(uint32_t by, bool (*may)(const struct account *account, void *userdata),
		     struct token_import *ret_import) {
	struct moment now = moment_at(30);
	struct actor actor = actor_of(by);
	struct token_file opened;

	ck_assert_int_eq(open_copy(&opened), 0);
	return token_file_import(device.store, &actor, &now, &admins, &opened, copy, may, NULL,
				 ret_import);
}

START_TEST(what_one_device_knows_another_one_takes_over) {
	struct token_import import = { 0 };
	struct token card = token_of(0, CW_FACTOR_SMARTCARD, 3);
	struct token back;

	first_device();
	ck_assert_uint_eq(head.n, 5); /* no code */
	second_device();
	ck_assert_int_eq(import_by(1, everybody, &import), 0);
	ck_assert_uint_eq(import.n_imported, 4);
	ck_assert_uint_eq(import.n_skipped, 1); /* revoked, and never here */
	ck_assert_int_eq(find_token(&card, &back), 0);
	ck_assert_uint_eq(back.account, 3); /* by the hospital's id, not by the name */
	ck_assert(back.imported);
	ck_assert_uint_eq(back.enrolled_by, 1);
	ck_assert_int_eq(token_code(device.store, 3, &back), -ENOENT);
	ck_assert_int_eq(account_touched_by(device.store, 3, 1), 1);
	ck_assert_int_eq(count_entries(307), 4);
	ck_assert_int_eq(count_entries(510), 1);
}
END_TEST

START_TEST(a_file_is_taken_once_and_no_older_one_after_it) {
	struct token_import import = { 0 };

	first_device();
	memcpy(copy, file, n_file); /* keep the older one apart */
	second_device();
	ck_assert_int_eq(import_by(1, everybody, &import), 0);
	import.n_imported = 77;
	ck_assert_int_eq(import_by(1, everybody, &import), -ESTALE);
	ck_assert_uint_eq(import.n_imported, 77);
	ck_assert_int_eq(count_entries(510), 1);
}
END_TEST

START_TEST(a_newer_file_revokes_what_was_revoked) {
	struct token_import import = { 0 };
	struct token badge = token_of(0, CW_FACTOR_BADGE, 1);
	struct token back;
	uint8_t *older;
	size_t n_older;

	first_device(); /* one device for both: what it finds, it knows */
	older = malloc(n_file);
	ck_assert_ptr_nonnull(older);
	memcpy(older, file, n_file);
	n_older = n_file;
	ck_assert_int_eq(import_by(1, everybody, &import), 0);
	ck_assert_uint_eq(import.n_known, 5);
	ck_assert_int_eq(end_token(1, &admins), 0);
	write_file();
	ck_assert_int_eq(import_by(1, everybody, &import), 0);
	ck_assert_uint_eq(import.n_known, 5);
	/* What was revoked here is not brought back by another device. */
	ck_assert_int_eq(find_token(&badge, &back), 0);
	ck_assert(back.disabled);
	memcpy(file, older, n_older);
	n_file = n_older;
	ck_assert_int_eq(import_by(1, everybody, &import), -ESTALE);
	free(older);
}
END_TEST

START_TEST(a_revocation_travels) {
	struct token_import import = { 0 };
	struct token key_of_mia = token_of(2, CW_FACTOR_FIDO2, 6);
	struct token back;

	first_device();
	second_device();
	ck_assert_int_eq(enrol_token(&key_of_mia, 1), 0);
	ck_assert_int_eq(import_by(1, everybody, &import), 0);
	ck_assert_uint_eq(import.n_revoked, 1);
	ck_assert_int_eq(find_token(&key_of_mia, &back), 0);
	ck_assert(back.disabled);
}
END_TEST

START_TEST(nobody_is_given_what_is_somebodys_or_not_to_be_touched) {
	struct token_import import = { 0 };

	first_device();
	second_device();
	/* kim's badge is lee's here. */
	(void)enrolled_token(5, CW_FACTOR_BADGE, 1);
	ck_assert_int_eq(import_by(3, everybody, &import), 0); /* by kim herself */
	ck_assert_uint_eq(import.n_imported, 1);               /* lee's */
	ck_assert_uint_eq(import.n_skipped, 4);
	device_tear_down();
	device_set_up();
	first_device();
	second_device();
	ck_assert_int_eq(import_by(1, nobody_at_all, &import), 0);
	ck_assert_uint_eq(import.n_imported, 0);
	ck_assert_uint_eq(import.n_skipped, 5);
}
END_TEST

START_TEST(any_byte_changed_is_refused) {
	struct token_file opened = { .n = 77 };

	first_device();
	for (size_t at = 0; at < n_file; ++at) {
		int r;

		memcpy(copy, file, n_file);
		copy[at] ^= (uint8_t)(1u << (at % 8));
		r = token_file_open(key, copy, n_file, &opened);
		ck_assert_msg(r == -EKEYREJECTED || r == -EBADMSG, "byte %zu: %d", at, r);
	}
	for (size_t n = 0; n < n_file; ++n) {
		int r;

		memcpy(copy, file, n);
		r = token_file_open(key, copy, n, &opened);
		ck_assert_msg(r == -EKEYREJECTED || r == -EBADMSG, "cut to %zu: %d", n, r);
	}
	memcpy(copy, file, n_file);
	copy[n_file] = 0;
	ck_assert_int_eq(token_file_open(key, copy, n_file + 1, &opened), -EKEYREJECTED);
	ck_assert_uint_eq(opened.n, 77);
}
END_TEST

START_TEST(another_passphrase_opens_nothing) {
	static const uint8_t other[32] = "another key, of another passphra";
	struct token_file opened;

	first_device();
	memcpy(copy, file, n_file);
	ck_assert_int_eq(token_file_open(other, copy, n_file, &opened), -EKEYREJECTED);
}
END_TEST

/* Somebody who knows the passphrase, and is no device: closes what he has changed again. */
static void close_again(void) {
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;

	memcpy(copy, file, HEAD);
	ck_assert_int_eq(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, copy + 24), 1);
	ck_assert_int_eq(EVP_EncryptUpdate(ctx, NULL, &n, copy, HEAD), 1);
	ck_assert_int_eq(EVP_EncryptUpdate(ctx, copy + HEAD, &n, copy + HEAD,
					   (int)(n_file - HEAD - 16)),
			 1);
	ck_assert_int_eq(EVP_EncryptFinal_ex(ctx, copy + HEAD + n, &last), 1);
	ck_assert_int_eq(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, copy + n_file - 16),
			 1);
	EVP_CIPHER_CTX_free(ctx);
}

START_TEST(what_its_device_did_not_sign_is_refused) {
	struct token_file opened;

	first_device();
	ck_assert_int_eq(open_copy(&opened), 0);
	close_again(); /* unchanged: that is how it was */
	ck_assert_int_eq(token_file_open(key, copy, n_file, &opened), 0);
	for (size_t at = HEAD; at < n_file - 16; ++at) {
		int r;

		ck_assert_int_eq(open_copy(&opened), 0);
		copy[at] ^= 1;
		close_again();
		r = token_file_open(key, copy, n_file, &opened);
		ck_assert_msg(r == -EBADMSG || r == -EIO, "byte %zu: %d", at, r);
	}
}
END_TEST

START_TEST(the_file_shows_no_name_and_no_id) {
	static const char *const words[] = { "kim", "H-1", "Blue" };

	first_device();
	for (size_t i = 0; i < ARRAY_SIZE(words); ++i)
		ck_assert_ptr_null(memmem(file, n_file, words[i], strlen(words[i])));
	ck_assert_ptr_null(memmem(file, n_file, head.key, sizeof(head.key)));
}
END_TEST

START_TEST(a_passphrase_is_no_word) {
	struct secret passphrase = { 0 };
	struct password_job job;

	ck_assert(secret_set(&passphrase, "eleven byte", 11));
	ck_assert_int_eq(token_file_job(&passphrase, salt, &job), -EINVAL);
	ck_assert(secret_set(&passphrase, "twelve\nbytes", 12));
	ck_assert_int_eq(token_file_job(&passphrase, salt, &job), -EINVAL);
	ck_assert(secret_set(&passphrase, "twelve bytes", 12));
	ck_assert_int_eq(token_file_job(&passphrase, salt, &job), 0);
	ck_assert_mem_eq(job.salt, salt, sizeof(salt));
	ck_assert_uint_ge(job.cost.memory_kib, 19456);
}
END_TEST

START_TEST(an_import_that_fails_in_the_middle_changes_nothing) {
	struct token_import import = { 0 };
	uint32_t i;

	first_device();
	second_device();
	/* kim has nearly all that fits: the import does not, and nothing of it stays. */
	for (i = 0; i < TOKENS_OF_ACCOUNT_MAX - 1; ++i)
		(void)enrolled_token(3, CW_FACTOR_BADGE, (uint8_t)(100 + i));
	ck_assert_int_eq(import_by(1, everybody, &import), -EDQUOT);
	ck_assert_int_eq(count_entries(307), (int)i);
	ck_assert_int_eq(count_entries(510), 0);
	device_open();
	ck_assert_int_eq(end_token(1, &admins), 0);
	ck_assert_int_eq(end_token(2, &admins), 0);
	ck_assert_int_eq(end_token(3, &admins), 0);
	ck_assert_int_eq(import_by(1, everybody, &import), 0); /* not taken for seen */
	ck_assert_uint_eq(import.n_imported, 4);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("token-file");
	TCase *t = tcase_create("file");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, what_one_device_knows_another_one_takes_over);
	tcase_add_test(t, a_file_is_taken_once_and_no_older_one_after_it);
	tcase_add_test(t, a_newer_file_revokes_what_was_revoked);
	tcase_add_test(t, a_revocation_travels);
	tcase_add_test(t, nobody_is_given_what_is_somebodys_or_not_to_be_touched);
	tcase_add_test(t, any_byte_changed_is_refused);
	tcase_add_test(t, another_passphrase_opens_nothing);
	tcase_add_test(t, what_its_device_did_not_sign_is_refused);
	tcase_add_test(t, the_file_shows_no_name_and_no_id);
	tcase_add_test(t, a_passphrase_is_no_word);
	tcase_add_test(t, an_import_that_fails_in_the_middle_changes_nothing);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
