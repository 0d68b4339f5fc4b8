/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of tokens that somebody has written to, and stores that fail. */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "auth/row.h"
#include "auth/token-row.h"
#include "tests/auth/device.h"
#include "tests/auth/token.h"

static const enum cw_factor factors[] = { CW_FACTOR_BADGE, CW_FACTOR_CODE, CW_FACTOR_SMARTCARD,
					  CW_FACTOR_FIDO2 };
#define N_FACTORS ((int)ARRAY_SIZE(factors))

static const struct admin_rule admins = { .n_roles = 1, .roles = { "lead" } };

static int no_token(const struct token *token, void *userdata) {
	return 1;
}

/* Writes @sql over row 1 inside of a transaction that is given up afterwards. */
static void spoil(const char *sql, const void *blob, int n) {
	sqlite3_stmt *stmt = NULL;

	ck_assert_int_eq(store_begin(device.store), 0);
	ck_assert_int_eq(store_prepare(device.store, sql, &stmt), 0);
	if (blob)
		ck_assert_int_eq(sqlite3_bind_blob(stmt, 1, blob, n, SQLITE_TRANSIENT), SQLITE_OK);
	ck_assert_int_eq(sql_done(stmt), 0);
}

static void check_noticed(const struct token *token, const char *what, size_t at) {
	struct token back = { .number = 77 };
	struct account account;
	int r = token_load(device.store, 1, &back);

	ck_assert_msg(r == -EBADMSG || r == -ENOENT, "%s, byte %zu: loaded with %d", what, at, r);
	r = find_token(token, &back);
	ck_assert_msg(r == -EBADMSG || r == -ENOENT, "%s, byte %zu: found with %d", what, at, r);
	r = token_code(device.store, 1, &back);
	ck_assert_msg(r == -EBADMSG || r == -ENOENT, "%s, byte %zu: a code, %d", what, at, r);
	ck_assert_uint_eq(back.number, 77);
	r = account_by_number(device.store, 1, &account);
	ck_assert_msg(r == -EBADMSG, "%s, byte %zu: the account gave %d", what, at, r);
	store_rollback(device.store);
}

static const struct {
	const char *name;
	const char *read;
	const char *write;
} blobs[] = {
	{ "lookup", "SELECT lookup FROM authenticators",
	  "UPDATE authenticators SET lookup = ?1" },
	{ "sealed", "SELECT sealed FROM authenticators",
	  "UPDATE authenticators SET sealed = ?1" },
	{ "mac", "SELECT mac FROM authenticators", "UPDATE authenticators SET mac = ?1" },
};

static int read_blob(const char *sql, uint8_t *ret_p, size_t capacity) {
	sqlite3_stmt *stmt = NULL;
	bool found = false;
	int n;

	ck_assert_int_eq(store_prepare(device.store, sql, &stmt), 0);
	ck_assert_int_eq(sql_row(stmt, &found), 0);
	ck_assert(found);
	n = sqlite3_column_bytes(stmt, 0);
	ck_assert_uint_le((size_t)n, capacity);
	if (n > 0)
		memcpy(ret_p, sqlite3_column_blob(stmt, 0), (size_t)n);
	sql_reset(stmt);
	return n;
}

START_TEST(every_byte_of_a_stored_row_that_changes_is_noticed) {
	static const char *const numbers[] = {
		"UPDATE authenticators SET account = 2",
		"UPDATE authenticators SET factor = 1",
		"UPDATE authenticators SET factor = 7 - factor",
		"UPDATE authenticators SET state = 2",
		"UPDATE authenticators SET state = 0",
		"UPDATE authenticators SET state = 3",
		"UPDATE authenticators SET generation = 2",
		"UPDATE authenticators SET generation = 0",
		"UPDATE authenticators SET number = 2",
		"UPDATE authenticators SET sealed = zeroblob(65536)",
		"UPDATE authenticators SET lookup = zeroblob(65)",
		"UPDATE authenticators SET mac = x''",
		"DELETE FROM authenticators",
	};
	uint8_t bytes[ROW_SEALED_MAX];
	struct token token;

	(void)make_account("kim", "nurse");
	(void)make_account("lee", "nurse");
	token = enrolled_token(1, factors[_i], 7);
	for (size_t b = 0; b < ARRAY_SIZE(blobs); ++b) {
		int n = read_blob(blobs[b].read, bytes, sizeof(bytes));

		for (int at = 0; at < n; ++at) {
			bytes[at] ^= (uint8_t)(1u << (at % 8));
			spoil(blobs[b].write, bytes, n);
			check_noticed(&token, blobs[b].name, (size_t)at);
			bytes[at] ^= (uint8_t)(1u << (at % 8));
		}
		if (n > 0) { /* cut by one: FD-15 */
			spoil(blobs[b].write, bytes, n - 1);
			check_noticed(&token, blobs[b].name, (size_t)n);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); ++i) {
		spoil(numbers[i], NULL, 0);
		check_noticed(&token, numbers[i], i);
	}
	ck_assert_int_eq(token_load(device.store, 1, &token), 0); /* and nothing of it stayed */
}
END_TEST

/*
 * Whoever could write the journal's digest as well: the row's own MAC holds each
 * of its columns.
 */
START_TEST(every_column_is_in_the_rows_own_mac) {
	struct stored_row row = { 0 };
	struct stored_row spoilt;
	struct token token;
	sqlite3_stmt *stmt = NULL;
	bool found = false;

	(void)make_account("kim", "nurse");
	(void)enrolled_token(1, factors[_i], 7);
	ck_assert_int_eq(store_prepare(device.store,
				       "SELECT " AUTHENTICATOR_COLUMNS " FROM authenticators",
				       &stmt),
			 0);
	ck_assert_int_eq(sql_row(stmt, &found), 0);
	ck_assert_int_eq(authenticator_row_read(stmt, &row), 0);
	sql_reset(stmt);
	ck_assert_int_eq(token_row_open(device.store, &row, &token), 0);
	for (size_t at = 0; at < row.n_key; ++at) {
		spoilt = row;
		spoilt.key[at] ^= 1;
		ck_assert_msg(token_row_open(device.store, &spoilt, &token) == -EBADMSG,
			      "byte %zu of lookup", at);
	}
	spoilt = row;
	spoilt.n_key = row.n_key ? row.n_key - 32 : 32;
	ck_assert_int_eq(token_row_open(device.store, &spoilt, &token), -EBADMSG);
	spoilt = row;
	spoilt.account = 2;
	ck_assert_int_eq(token_row_open(device.store, &spoilt, &token), -EBADMSG);
	spoilt = row;
	spoilt.state = 3 - row.state;
	ck_assert_int_eq(token_row_open(device.store, &spoilt, &token), -EBADMSG);
	spoilt = row;
	spoilt.factor = CW_FACTOR_DIRECTORY;
	ck_assert_int_eq(token_row_open(device.store, &spoilt, &token), -EBADMSG);
}
END_TEST

START_TEST(FD_15_a_row_put_back_or_copied_is_noticed) {
	struct token token;
	struct token back;

	(void)make_account("kim", "nurse");
	(void)make_account("lee", "nurse");
	token = enrolled_token(1, CW_FACTOR_FIDO2, 7);
	device_sql("CREATE TABLE behind.kept AS SELECT * FROM authenticators");
	token.key.counter = 50;
	ck_assert_int_eq(store_token(EVENT_TOKEN_COUNTER, &token), 0);
	/* The counter of last week, whole, MAC and seal. */
	device_sql("DELETE FROM authenticators; "
		   "INSERT INTO authenticators SELECT * FROM behind.kept");
	ck_assert_int_eq(token_load(device.store, 1, &back), -EBADMSG);
	ck_assert_int_eq(find_token(&token, &back), -EBADMSG);
	ck_assert_int_eq(store_token(EVENT_TOKEN_COUNTER, &token), -EBADMSG);
	ck_assert_int_eq(end_token(1, &admins), -EBADMSG);
}
END_TEST

START_TEST(two_rows_that_both_count_are_damage) {
	struct token token;
	struct token back;

	(void)make_account("kim", "nurse");
	token = enrolled_token(1, CW_FACTOR_BADGE, 7);
	device_sql("INSERT INTO authenticators (account, factor, state, generation, lookup, sealed, "
		   "mac) SELECT account, factor, state, generation, lookup, sealed, mac "
		   "FROM authenticators");
	ck_assert_int_eq(find_token(&token, &back), -EBADMSG);
}
END_TEST

START_TEST(FD_14_a_store_that_others_can_write_is_not_opened) {
	struct store *other = NULL;

	device_close();
	ck_assert_int_eq(fchmodat(device.dirfd, "careward.db", 0660, 0), 0);
	ck_assert_int_eq(store_open(device.dirfd, STORE_READ_WRITE, device.ks, &other), -EPERM);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(fchmodat(device.dirfd, "careward.db", 0600, 0), 0);
	device_open();
}
END_TEST

START_TEST(FD_12_no_store_is_no_token) {
	struct token token = token_of(1, CW_FACTOR_BADGE, 7);
	struct token back = { .number = 77 };
	struct token_credentials credentials = { .n = 77 };
	struct moment now = moment_at(0);

	ck_assert_int_eq(token_find(NULL, CW_FACTOR_BADGE, token.badge, token.n_badge, &back),
			 -EIO);
	ck_assert_int_eq(token_load(NULL, 1, &back), -EIO);
	ck_assert_int_eq(token_code(NULL, 1, &back), -EIO);
	ck_assert_int_eq(token_list(NULL, 1, no_token, &back), -EIO);
	ck_assert_int_eq(token_store(NULL, &nobody, &now, EVENT_TOKEN_ENROLLED, &token), -EIO);
	ck_assert_int_eq(token_revoke(NULL, &nobody, &now, &admins, 1), -EIO);
	ck_assert_int_eq(token_dummy(NULL, "kim", &credentials), -EIO);
	ck_assert_uint_eq(back.number, 77);
	ck_assert_uint_eq(credentials.n, 77);
	ck_assert_int_eq(account_has_usable_token(NULL, 1, &now), -EIO);
	ck_assert_int_eq(account_has_token_of(NULL, 1, 2), -EIO);
}
END_TEST

START_TEST(nobodys_credential_is_always_the_same) {
	static struct token_credentials a;
	static struct token_credentials b;

	ck_assert_int_eq(token_dummy(device.store, "kim", &a), 0);
	ck_assert_uint_eq(a.n, 1);
	ck_assert_uint_eq(a.list[0].n, 64);
	ck_assert_mem_ne(a.list[0].id, a.list[0].id + 32, 32);
	device_close();
	device_open();
	ck_assert_int_eq(token_dummy(device.store, "kim", &b), 0);
	ck_assert_mem_eq(&a, &b, sizeof(a));
	ck_assert_int_eq(token_dummy(device.store, "lee", &b), 0);
	ck_assert_mem_ne(a.list[0].id, b.list[0].id, 32);
}
END_TEST

START_TEST(a_copy_of_the_database_shows_no_id) {
	struct token badge = token_of(1, CW_FACTOR_BADGE, 7);
	char sql[512];

	(void)make_account("kim", "nurse");
	ck_assert_int_eq(enrol_token(&badge, 2), 0);
	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM authenticators WHERE instr(lookup, x'%02x%02x%02x') "
		       "OR instr(sealed, x'%02x%02x%02x') OR instr(sealed, 'Blue')",
		       badge.badge[0], badge.badge[1], badge.badge[2], badge.badge[0],
		       badge.badge[1], badge.badge[2]);
	device_close();
	ck_assert_int_eq(device_number(sql), 0);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("token-damage");
	TCase *t = tcase_create("rows");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, device_set_up, device_tear_down);
	tcase_add_loop_test(t, every_byte_of_a_stored_row_that_changes_is_noticed, 0, N_FACTORS);
	tcase_add_loop_test(t, every_column_is_in_the_rows_own_mac, 0, N_FACTORS);
	tcase_add_test(t, FD_15_a_row_put_back_or_copied_is_noticed);
	tcase_add_test(t, two_rows_that_both_count_are_damage);
	tcase_add_test(t, FD_14_a_store_that_others_can_write_is_not_opened);
	tcase_add_test(t, FD_12_no_store_is_no_token);
	tcase_add_test(t, nobodys_credential_is_always_the_same);
	tcase_add_test(t, a_copy_of_the_database_shows_no_id);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
