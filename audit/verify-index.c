/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Whether the indexes agree with the table
 *
 * The chain says that each row of the table is good, but queries go through
 * indexes: an index that is redirected or thinned out hides rows whose hashes
 * all hold.
 */

#include <errno.h>
#include <string.h>

#include <openssl/rand.h>

#include "audit/verify-internal.h"
#include "common/bytes.h"
#include "common/cleanup.h"

/* Modulus of the prints, a prime: 2^61 - 1. */
#define PRIME ((UINT64_C(1) << 61) - 1)

DEFINE_CLEANUP(sqlite3_stmt *, sqlite3_finalize)
DEFINE_CLEANUP(char *, sqlite3_free)

static uint64_t reduce(uint64_t n) {
	n = (n & PRIME) + (n >> 61);
	return n >= PRIME ? n - PRIME : n;
}

/* Without 128 bits, which a small processor's compiler does not have. */
static uint64_t multiply(uint64_t a, uint64_t b) {
	uint64_t a1 = a >> 32, a0 = a & UINT32_MAX, b1 = b >> 32, b0 = b & UINT32_MAX;
	uint64_t middle = a1 * b0 + a0 * b1, low = a0 * b0; /* middle is below 2^62 */

	/* 2^64 is 8, and 2^61 is 1. */
	return reduce(8 * a1 * b1 + (middle >> 29) + ((middle & 0x1fffffffu) << 32) +
		      (low & PRIME) + (low >> 61));
}

int verify_point_draw(struct verify_point *ret_point) {
	uint8_t bytes[16];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	ret_point->x = reduce(get_le64(bytes));
	ret_point->y = reduce(get_le64(bytes + 8));
	return 0;
}

void verify_print_add(struct verify_print *print, const struct verify_point *point, uint64_t value,
		      uint64_t seq) {
	uint64_t pair = reduce(multiply(reduce(value), point->y) + reduce(seq));
	uint64_t factor = reduce(point->x + PRIME - pair);

	print->product = print->n == 0 ? factor : multiply(print->product, factor);
	print->n++;
}

/* Each with the index's own condition, so that no other way is taken. */
static const struct {
	const char *name;
	const char *rows;
} indexes[INDEX_N] = {
	[INDEX_ACCOUNT] = { "journal_account",
			    "SELECT account, seq FROM journal INDEXED BY journal_account "
			    "WHERE account > 0" },
	[INDEX_TARGET] = { "journal_target",
			   "SELECT target, seq FROM journal INDEXED BY journal_target "
			   "WHERE target > 0" },
	[INDEX_EMERGENCY] = { "journal_emergency",
			      "SELECT event, seq FROM journal INDEXED BY journal_emergency "
			      "WHERE event BETWEEN 400 AND 499" },
};

static int found_damaged(struct verifier *v, enum verify_index index, const char *how) {
	return verify_found(v, VERIFY_INDEX_DAMAGED, 0, "index %s %s", indexes[index].name, how);
}

/*
 * An index is searched by halves, which finds a row only where all rows ascend.
 * Rows that were added meanwhile are not counted; how far they go is @highest.
 */
static int read_rows(struct verifier *v, enum verify_index index, sqlite3_stmt *stmt,
		     struct verify_print *print, int64_t *highest) {
	int64_t value = INT64_MIN, seq = 0;
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t last_value = value, last_seq = seq;

		value = sqlite3_column_int64(stmt, 0);
		seq = sqlite3_column_int64(stmt, 1);
		if (sqlite3_column_type(stmt, 0) != SQLITE_INTEGER || value < 0 ||
		    value > UINT32_MAX || seq < 1 ||
		    value < last_value || (value == last_value && seq <= last_seq))
			return found_damaged(v, index, "is not in order");
		if (seq > *highest)
			*highest = seq;
		if ((uint64_t)seq <= v->all)
			verify_print_add(print, &v->point, (uint64_t)value, (uint64_t)seq);
	}
	if (store_errno(rc) == -EBADMSG)
		return found_damaged(v, index, "cannot be read");
	return rc == SQLITE_DONE ? 0 : store_errno(rc);
}

/* Whatever an index names has to be there: nothing is ever removed. */
int verify_index_read(struct verifier *v, enum verify_index index, struct verify_print *ret_read) {
	struct verify_print print = { 0 };
	sqlite3_stmt *stmt = NULL, *last = NULL;
	int64_t highest = 0;
	int r = store_prepare(v->store, indexes[index].rows, &stmt);

	if (r == 0)
		r = store_prepare(v->store, "SELECT ifnull(max(seq), 0) FROM journal", &last);
	if (r < 0)
		return r;
	r = read_rows(v, index, stmt, &print, &highest);
	(void)sqlite3_reset(stmt);
	if (r != 0)
		return r;
	if (sqlite3_step(last) != SQLITE_ROW)
		r = -EIO;
	else if (highest > sqlite3_column_int64(last, 0))
		r = found_damaged(v, index, "names an entry that is not there");
	(void)sqlite3_reset(last);
	if (r == 0)
		*ret_read = print;
	return r;
}

int verify_indexes_compare(struct verifier *v, const struct verify_print read[INDEX_N]) {
	for (int i = 0; i < INDEX_N; ++i) {
		if (read[i].n != v->indexed[i].n)
			return verify_found(v, VERIFY_INDEX_DAMAGED, 0,
					    "index %s names %llu entries, the journal has %llu for it",
					    indexes[i].name, (unsigned long long)read[i].n,
					    (unsigned long long)v->indexed[i].n);
		if (read[i].product != v->indexed[i].product)
			return found_damaged(v, (enum verify_index)i, "names other entries");
	}
	return 0;
}

/* SQLite asks now and then whether it shall go on. */
static int go_on(void *userdata) {
	const struct verifier *v = userdata;

	return v->progress(v->all, v->all, v->userdata);
}

/* Runs one of SQLite's own checks, which says "ok" or what is wrong first. */
static int run_check(struct verifier *v, const char *sql) {
	cleanup_(sqlite3_finalizep) sqlite3_stmt *stmt = NULL;
	const char *said;
	int rc = sqlite3_prepare_v2(v->store->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return verify_sqlite(v, rc, "the database");
	said = (const char *)sqlite3_column_text(stmt, 0);
	if (!said)
		return -ENOMEM;
	if (strcmp(said, "ok") == 0)
		return 0;
	if (strstr(said, "index"))
		return verify_found(v, VERIFY_INDEX_DAMAGED, 0, "an index is damaged: %.100s", said);
	return verify_found(v, VERIFY_DATABASE_DAMAGED, 0, "the database is damaged: %.100s", said);
}

/* The table @name with its indexes. */
static int check_table(struct verifier *v, const char *name) {
	cleanup_(sqlite3_freep) char *sql = sqlite3_mprintf("PRAGMA integrity_check(%Q)", name);

	return name && sql ? run_check(v, sql) : -ENOMEM;
}

/*
 * All tables but the journal: its rows are those of the chain, and its indexes
 * have been read whole, which is more than SQLite asks of them, and for which it
 * looks up each row in each index.
 */
static int check_tables(struct verifier *v) {
	cleanup_(sqlite3_finalizep) sqlite3_stmt *stmt = NULL;
	int rc, r = 0;

	rc = sqlite3_prepare_v2(v->store->db,
				"SELECT name FROM sqlite_schema WHERE type = 'table' "
				"AND name <> 'journal' ORDER BY rowid",
				-1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return verify_sqlite(v, rc, "the schema");
	while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		r = check_table(v, (const char *)sqlite3_column_text(stmt, 0));
	if (r == 0 && rc != SQLITE_DONE)
		return verify_sqlite(v, rc, "the schema");
	return r;
}

/* Pages and trees of the whole file, then what stands in them. */
int verify_database(struct verifier *v) {
	int r;

	if (v->progress)
		sqlite3_progress_handler(v->store->db, 200000, go_on, v);
	r = run_check(v, "PRAGMA quick_check(1)");
	if (r == 0)
		r = check_tables(v);
	sqlite3_progress_handler(v->store->db, 0, NULL, NULL);
	return r;
}
