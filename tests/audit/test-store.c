/* SPDX-License-Identifier: Apache-2.0 */

/* The database: recognised or refused, one writer, all or nothing. */

#undef NDEBUG

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "audit/store-internal.h"
#include "common/cleanup.h"
#include "tests/audit/fixture.h"

static int run_in(struct store *store, const char *sql) {
	sqlite3_stmt *stmt = NULL;
	int r = store_prepare(store, sql, &stmt), rc;

	if (r < 0)
		return r;
	rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	return store_errno(rc);
}

static int64_t number_in(struct store *store, const char *sql) {
	sqlite3_stmt *stmt = NULL;
	int64_t n;

	ck_assert_int_eq(store_prepare(store, sql, &stmt), 0);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	return n;
}

#define INSERT_META "INSERT INTO meta (name, value) VALUES ('test', x'01')"
#define COUNT_META  "SELECT count(*) FROM meta WHERE name = 'test'"

/* Opening. */

static void link_symbolic(void) {
	ck_assert_int_eq(renameat(fx.dirfd, "careward.db", fx.dirfd, "x.db"), 0);
	ck_assert_int_eq(symlinkat("x.db", fx.dirfd, "careward.db"), 0);
}

static void link_hard(void) {
	ck_assert_int_eq(linkat(fx.dirfd, "careward.db", fx.dirfd, "x.db", 0), 0);
}

static void absent(void) {
	ck_assert_int_eq(unlinkat(fx.dirfd, "careward.db", 0), 0);
}

static void fifo(void) {
	absent();
	ck_assert_int_eq(mkfifoat(fx.dirfd, "careward.db", 0600), 0);
}

static void directory(void) {
	absent();
	ck_assert_int_eq(mkdirat(fx.dirfd, "careward.db", 0700), 0);
}

static void write_instead(const char *s, size_t n) {
	cleanup_(close_fdp) int fd =
		openat(fx.dirfd, "careward.db", O_WRONLY | O_TRUNC | O_CLOEXEC);

	ck_assert_int_eq(write(fd, s, n), (ssize_t)n);
}

static void empty(void) {
	write_instead("", 0);
}

static void text(void) {
	char much[5000];

	memset(much, 'x', sizeof(much));
	write_instead(much, sizeof(much));
}

static void half(void) {
	cleanup_(close_fdp) int fd = openat(fx.dirfd, "careward.db", O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 6000), 0);
}

static void readable(void) {
	ck_assert_int_eq(fchmodat(fx.dirfd, "careward.db", 0640, 0), 0);
}

static void somebody_elses(void) {
	if (geteuid() == 0)
		ck_assert_int_eq(fchownat(fx.dirfd, "careward.db", 12345, 0, 0), 0);
	else
		readable(); /* only root can give files away */
}

/* What a newer release leaves that may be read by this one. */
#define NEWER                                                                                      \
	"PRAGMA user_version = 2; UPDATE meta SET value = x'02000000' WHERE name = 'format'; "

static const struct {
	const char *why;
	void (*do_it)(void);
	const char *sql;
	int expect;
} refusals[] = {
	{ "nothing was done", NULL, "SELECT 1", 0 },
	{ "there is no file", absent, NULL, -ENOENT },
	{ "CF-01 a symbolic link", link_symbolic, NULL, -EBADMSG },
	{ "CF-01 a second name", link_hard, NULL, -EBADMSG },
	{ "CF-01 a FIFO, without waiting", fifo, NULL, -EBADMSG },
	{ "CF-01 a directory", directory, NULL, -EBADMSG },
	{ "CF-02 somebody else's", somebody_elses, NULL, -EPERM },
	{ "CF-03 open to a group", readable, NULL, -EPERM },
	{ "CF-05 an empty file", empty, NULL, -EBADMSG },
	{ "a text", text, NULL, -EBADMSG },
	{ "half a file", half, NULL, -EBADMSG },
	{ "another application", NULL, "PRAGMA application_id = 1", -EBADMSG },
	{ "another version in the header", NULL, "PRAGMA user_version = 2", -EBADMSG },
	{ "newer, and this code may not read it", NULL,
	  "UPDATE meta SET value = x'02000000' WHERE name = 'min_reader'", -ENOTSUP },
	{ "newer, with tables of its own", NULL,
	  "UPDATE meta SET value = x'02000000' WHERE name = 'min_reader'; CREATE TABLE t (a)",
	  -ENOTSUP },
	{ "newer, and for this code as well", NULL, NEWER "SELECT 1", 0 },
	{ "newer, for this code, with a table and an index of its own", NULL,
	  NEWER "CREATE TABLE more (a PRIMARY KEY, b); CREATE INDEX more_b ON more (b)", 0 },
	{ "newer, and one of our tables has a column more", NULL,
	  NEWER "ALTER TABLE accounts ADD COLUMN more INTEGER", -EBADMSG },
	{ "newer, and one of our tables has an index more", NULL,
	  NEWER "CREATE INDEX more ON journal (hash)", -EBADMSG },
	{ "newer, with a trigger on its own table", NULL,
	  NEWER "CREATE TABLE more (a); CREATE TRIGGER t AFTER INSERT ON more BEGIN DELETE FROM "
	        "journal; END",
	  -EBADMSG },
	{ "newer, with a view", NULL, NEWER "CREATE VIEW v AS SELECT 1", -EBADMSG },
	{ "newer, and one of our tables is missing", NULL,
	  NEWER "DROP TABLE approvals; CREATE TABLE more (a)", -EBADMSG },
	{ "newer by its header alone", NULL, "PRAGMA user_version = 2; CREATE TABLE more (a)",
	  -EBADMSG },
	{ "no version for readers", NULL, "DELETE FROM meta WHERE name = 'min_reader'", -EBADMSG },
	{ "no device id", NULL, "DELETE FROM meta WHERE name = 'device_id'", -EBADMSG },
	{ "a short device id", NULL, "UPDATE meta SET value = x'01' WHERE name = 'device_id'",
	  -EBADMSG },
	{ "a table too many", NULL, "CREATE TABLE more (a)", -EBADMSG },
	{ "an index too many", NULL, "CREATE INDEX more ON journal (hash)", -EBADMSG },
	{ "a view", NULL, "CREATE VIEW v AS SELECT 1", -EBADMSG },
	{ "a trigger", NULL,
	  "CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM journal; END", -EBADMSG },
	{ "a table is missing", NULL, "DROP TABLE approvals", -EBADMSG },
	{ "an index is missing", NULL, "DROP INDEX journal_account", -EBADMSG },
	{ "a column too many", NULL, "ALTER TABLE journal ADD COLUMN more INTEGER", -EBADMSG },
	{ "a column renamed", NULL, "ALTER TABLE journal RENAME COLUMN account TO who", -EBADMSG },
	{ "another default", NULL,
	  "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, "
	  "'WHERE account > 0', 'WHERE account > 1')",
	  -EBADMSG },
};

START_TEST(what_is_not_ours_is_refused) {
	int r;

	fixture_close();
	if (refusals[_i].do_it)
		refusals[_i].do_it();
	else
		ck_assert_int_eq(forge(refusals[_i].sql), SQLITE_OK);
	r = fixture_open();
	ck_assert_msg(r == refusals[_i].expect, "%s: %d, want %d", refusals[_i].why, r,
		      refusals[_i].expect);
	ck_assert(r == 0 || !fx.store);
}
END_TEST

/* The other slot's release is back: it works on what the newer one left, and leaves that alone. */
START_TEST(an_older_release_goes_on_in_a_newer_database) {
	struct verify_report report;
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	fixture_close();
	ck_assert_int_eq(forge(NEWER "CREATE TABLE more (a); INSERT INTO more VALUES (42)"),
	                 SQLITE_OK);
	ck_assert_int_eq(fixture_open(), 0);
	fixture_fill();
	fixture_close();
	report = verify_it(&(struct verify_options){ 0 }, true);
	ck_assert_msg(report.finding == VERIFY_OK, "%s", report.what);
	ck_assert_uint_eq(report.n_entries, 12);
	db = forge_open();
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT a FROM more", -1, &stmt, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	ck_assert_int_eq(sqlite3_column_int(stmt, 0), 42);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
}
END_TEST

START_TEST(a_store_is_made_once) {
	const uint8_t id[16] = { 1 };
	uint8_t got[16];

	ck_assert_int_eq(store_create(fx.dirfd, id), -EBUSY);
	fixture_close();
	ck_assert_int_eq(store_create(fx.dirfd, id), -EEXIST);
	ck_assert_int_eq(fixture_open(), 0);
	store_device_id(fx.store, got);
	ck_assert_mem_eq(got, "device of tests", 16);
	ck_assert_ptr_eq(store_keys(fx.store), fx.ks);
}
END_TEST

START_TEST(what_an_interrupted_creation_left_is_replaced) {
	static const char *const left[] = { "careward.db.new", "careward.db-wal",
					    "careward.db-shm" };
	const uint8_t id[16] = { 1 };

	fixture_close();
	absent();
	for (size_t i = 0; i < ARRAY_SIZE(left); ++i) {
		cleanup_(close_fdp) int fd = openat(fx.dirfd, left[i], O_WRONLY | O_CREAT, 0600);

		ck_assert_int_eq(write(fd, "rubbish", 7), 7);
	}
	ck_assert_int_eq(store_create(fx.dirfd, id), 0);
	ck_assert_int_eq(fixture_open(), 0);
	ck_assert_int_lt(faccessat(fx.dirfd, "careward.db.new", F_OK, 0), 0);
}
END_TEST

START_TEST(cf15_jr11_the_mode_is_0600_whatever_the_umask) {
	static const mode_t masks[] = { 000, 077, 0777 };
	static const char *const names[] = { "careward.db", "careward.db-wal", "careward.db-shm" };
	const uint8_t id[16] = { 1 };
	struct journal_entry e = fixture_entry(1);
	struct stat st;

	fixture_close();
	absent();
	(void)umask(masks[_i]);
	ck_assert_int_eq(store_create(fx.dirfd, id), 0);
	ck_assert_int_eq(fixture_open(), 0);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); ++i) {
		ck_assert_int_eq(fstatat(fx.dirfd, names[i], &st, 0), 0);
		ck_assert_msg((st.st_mode & 07777) == 0600, "%s has mode %o", names[i],
			      st.st_mode & 07777);
	}
}
END_TEST

START_TEST(there_is_one_writer_and_any_reader) {
	struct store *second = NULL, *reader = NULL;
	struct journal_entry e = fixture_entry(1);
	struct journal_head head;

	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_WRITE, fx.ks, &second), -EBUSY);
	ck_assert_ptr_null(second);
	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_WRITE, NULL, &second), -EINVAL);
	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_ONLY, NULL, &reader), 0);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(journal_head(reader, &head), 0);
	ck_assert_uint_eq(head.seq, 1);
	ck_assert_int_eq(journal_append(reader, &e), -EROFS);
	ck_assert_int_eq(store_begin(reader), -EROFS);
	ck_assert_int_lt(run_in(reader, INSERT_META), 0);
	ck_assert_int_eq(store_checkpoint(reader), -EROFS);
	reader = store_close(reader);
	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_WRITE, fx.ks, &second), -EBUSY);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	fixture_close();
	ck_assert_int_eq(fixture_open(), 0);
}
END_TEST

START_TEST(a_snapshot_in_a_read_only_place_can_be_read) {
	struct store *reader = NULL;
	struct journal_head head;
	int fd;

	fixture_fill();
	fixture_close();
	ck_assert_int_eq(mkdirat(fx.dirfd, "odd %3f?name", 0700), 0);
	copy_file("careward.db", "odd %3f?name/careward.db");
	ck_assert_int_eq(fchmodat(fx.dirfd, "odd %3f?name", 0500, 0), 0);
	fd = openat(fx.dirfd, "odd %3f?name", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(store_open(fd, STORE_READ_ONLY, NULL, &reader), 0);
	ck_assert_int_eq(journal_head(reader, &head), 0);
	ck_assert_uint_eq(head.seq, 12);
	reader = store_close(reader);
	ck_assert_int_eq(fchmod(fd, 0700), 0);
	(void)close(fd);
}
END_TEST

START_TEST(the_connection_is_configured_as_designed) {
	static const struct {
		const char *sql;
		int64_t expect;
	} pragmas[] = {
		{"PRAGMA synchronous",         2                   },
		{ "PRAGMA wal_autocheckpoint", 0                   },
		{ "PRAGMA trusted_schema",     0                   },
		{ "PRAGMA cell_size_check",    1                   },
		{ "PRAGMA mmap_size",          0                   },
		{ "PRAGMA secure_delete",      1                   },
		{ "PRAGMA user_version",       1                   },
		{ "PRAGMA application_id",     STORE_APPLICATION_ID},
		{ "PRAGMA journal_size_limit", 4194304             },
	};
	static const struct {
		int what, expect;
	} flags[] = {
		{SQLITE_DBCONFIG_DEFENSIVE,        1},
                { SQLITE_DBCONFIG_TRUSTED_SCHEMA,  0},
		{ SQLITE_DBCONFIG_DQS_DDL,         0},
                { SQLITE_DBCONFIG_DQS_DML,         0},
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER,  0},
                { SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
	};
	sqlite3_stmt *stmt = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(pragmas); ++i)
		ck_assert_msg(number_in(fx.store, pragmas[i].sql) == pragmas[i].expect, "%s",
			      pragmas[i].sql);
	for (size_t i = 0; i < ARRAY_SIZE(flags); ++i) {
		int is = -1;

		ck_assert_int_eq(sqlite3_db_config(fx.store->db, flags[i].what, -1, &is),
				 SQLITE_OK);
		ck_assert_int_eq(is, flags[i].expect);
	}
	ck_assert_int_eq(store_prepare(fx.store, "PRAGMA journal_mode", &stmt), 0);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(stmt, 0), "wal");
	ck_assert_int_lt(run_in(fx.store, "SELECT \"no such column\""), 0);
}
END_TEST

/* Transactions. */

START_TEST(only_the_outermost_commit_makes_it_durable) {
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert_int_eq(run_in(fx.store, INSERT_META), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	ck_assert_int_eq(number_in(fx.store, COUNT_META), 1);
	store_rollback(fx.store);
	ck_assert_int_eq(number_in(fx.store, COUNT_META), 0);
	ck_assert_int_eq(store_commit(fx.store), -EINVAL);
	store_rollback(fx.store);
	ck_assert(!store_is_broken(fx.store));
}
END_TEST

START_TEST(an_inner_rollback_takes_everything_along) {
	struct journal_entry e = fixture_entry(1);
	struct journal_head before, after;

	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(journal_head(fx.store, &before), 0);
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert_int_eq(run_in(fx.store, INSERT_META), 0);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_uint_eq(e.seq, 2);
	ck_assert_int_eq(store_begin(fx.store), 0);
	store_rollback(fx.store);
	ck_assert_int_eq(store_begin(fx.store), -EIO);
	ck_assert_int_eq(store_commit(fx.store), -EIO);
	ck_assert_int_eq(number_in(fx.store, COUNT_META), 0);
	ck_assert_int_eq(journal_head(fx.store, &after), 0);
	ck_assert_uint_eq(after.seq, 1);
	ck_assert_mem_eq(after.hash, before.hash, 32);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_uint_eq(e.seq, 2);
}
END_TEST

START_TEST(jr07_no_change_outside_a_transaction) {
	ck_assert_int_lt(run_in(fx.store, INSERT_META), 0);
	ck_assert_int_eq(number_in(fx.store, COUNT_META), 0);
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert_int_eq(run_in(fx.store, INSERT_META), 0);
	ck_assert_int_lt(run_in(fx.store, "COMMIT"), 0); /* not by the back door */
	store_rollback(fx.store);
	ck_assert_int_eq(store_is_broken(fx.store) ? store_reopen(fx.store) : 0, 0);
	ck_assert_int_eq(number_in(fx.store, COUNT_META), 0);
}
END_TEST

START_TEST(jr07_a_change_whose_record_is_refused_can_be_taken_back) {
	struct journal_entry e = fixture_entry(1);

	e.action = "\xff not UTF-8";
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert_int_eq(run_in(fx.store, INSERT_META), 0);
	ck_assert_int_eq(journal_append(fx.store, &e), -EINVAL);
	store_rollback(fx.store);
	ck_assert_int_eq(number_in(fx.store, COUNT_META), 0);
	ck_assert(!store_is_broken(fx.store));
}
END_TEST

START_TEST(a_prepared_statement_is_kept_by_its_address) {
	static const char sql[] = "SELECT ?1";
	sqlite3_stmt *a = NULL, *b = NULL;

	ck_assert_int_eq(store_prepare(fx.store, sql, &a), 0);
	ck_assert_int_eq(sqlite3_bind_int(a, 1, 5), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(a), SQLITE_ROW);
	ck_assert_int_eq(store_prepare(fx.store, sql, &b), 0);
	ck_assert_ptr_eq(a, b);
	ck_assert_int_eq(sqlite3_step(b), SQLITE_ROW);
	ck_assert_int_eq(sqlite3_column_type(b, 0), SQLITE_NULL);
	ck_assert_int_eq(store_prepare(fx.store, "SELECT nonsense FROM nowhere", &b), -EIO);
}
END_TEST

START_TEST(a_checkpoint_waits_for_nobody) {
	struct journal_entry e = fixture_entry(1);
	struct store *reader = NULL;
	sqlite3_stmt *stmt = NULL;
	struct stat st;

	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert_int_eq(store_checkpoint(fx.store), -EBUSY);
	store_rollback(fx.store);
	/* A reader that stays: the log is kept for it, and nobody hangs. */
	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_ONLY, NULL, &reader), 0);
	ck_assert_int_eq(store_prepare(reader, "SELECT seq FROM journal", &stmt), 0);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(store_checkpoint(fx.store), -EBUSY);
	reader = store_close(reader);
	ck_assert_int_eq(store_checkpoint(fx.store), 0);
	/* And the log does not grow for ever: it is used again. */
	for (int i = 0; i < 50; ++i) {
		ck_assert_int_eq(journal_append(fx.store, &e), 0);
		ck_assert_int_eq(store_checkpoint(fx.store), 0);
	}
	ck_assert_int_eq(fstatat(fx.dirfd, "careward.db-wal", &st, 0), 0);
	ck_assert_int_eq(st.st_size, STORE_LOG_ROOM);
}
END_TEST

/* A sync waits for no change of a size: the room is there from the beginning, and stays. */
START_TEST(the_log_has_its_room_at_once) {
	static const struct {
		const char *why;
		bool erases;
		bool reopens;
	} rows[] = {
		{ .why = "after it was opened" },
		{ .why = "after a text was erased, which empties the log", .erases = true },
		{ .why = "after another opening", .reopens = true },
	};
	struct journal_entry e = fixture_entry(2);

	for (size_t i = 0; i < ARRAY_SIZE(rows); ++i) {
		struct stat st;

		ck_assert_int_eq(journal_append(fx.store, &e), 0);
		if (rows[i].erases) {
			ck_assert_int_eq(journal_erase_texts(fx.store, e.seq), 0);
			ck_assert_int_eq(store_checkpoint(fx.store), 0);
		}
		if (rows[i].reopens) {
			fixture_close();
			ck_assert_int_eq(fixture_open(), 0);
		}
		for (int n = 0; n < 8; ++n) {
			ck_assert_int_eq(fstatat(fx.dirfd, "careward.db-wal", &st, 0), 0);
			ck_assert_msg(st.st_size == STORE_LOG_ROOM &&
					      st.st_blocks * 512 >= STORE_LOG_ROOM,
				      "%s: %lld bytes, %lld blocks", rows[i].why,
				      (long long)st.st_size, (long long)st.st_blocks);
			ck_assert_int_eq(journal_append(fx.store, &e), 0);
		}
	}
}
END_TEST

START_TEST(a_log_that_is_half_full_wants_to_be_moved) {
	struct journal_entry e = fixture_entry(1);
	struct store *reader = NULL;
	unsigned n = 0;

	ck_assert_int_eq(store_checkpoint(fx.store), 0);
	ck_assert(!store_wants_checkpoint(fx.store));
	for (; n < 1000 && !store_wants_checkpoint(fx.store); ++n)
		ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_uint_gt(n, 30);
	ck_assert_uint_lt(n, 130);
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert(!store_wants_checkpoint(fx.store));
	store_rollback(fx.store);
	ck_assert_int_eq(store_checkpoint(fx.store), 0);
	ck_assert(!store_wants_checkpoint(fx.store));
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert(!store_wants_checkpoint(fx.store));
	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_ONLY, NULL, &reader), 0);
	ck_assert(!store_wants_checkpoint(reader));
	reader = store_close(reader);
	ck_assert(!store_wants_checkpoint(NULL));
}
END_TEST

/* Sealing. */

START_TEST(what_is_sealed_opens_in_its_place_only) {
	uint8_t plain[600], sealed[700], opened[600];
	size_t n_sealed = sizeof(sealed), n = sizeof(opened);
	size_t length = (size_t)_i * 50;

	memset(plain, 0x5a, sizeof(plain));
	ck_assert_int_eq(store_seal(fx.store, "accounts", 5, 9, plain, length, sealed, &n_sealed),
			 0);
	ck_assert_uint_eq(n_sealed, length + STORE_SEAL_OVERHEAD);
	ck_assert_int_eq(store_unseal(fx.store, "accounts", 5, 9, sealed, n_sealed, opened, &n), 0);
	ck_assert_uint_eq(n, length);
	ck_assert_mem_eq(opened, plain, length);
	n = sizeof(opened);
	ck_assert_int_eq(store_unseal(fx.store, "accounts", 6, 9, sealed, n_sealed, opened, &n),
			 -EBADMSG);
	ck_assert_int_eq(store_unseal(fx.store, "accounts", 5, 8, sealed, n_sealed, opened, &n),
			 -EBADMSG);
	ck_assert_int_eq(store_unseal(fx.store, "account", 5, 9, sealed, n_sealed, opened, &n),
			 -EBADMSG);
	ck_assert_int_eq(store_unseal(fx.store, "accounts", 5, 9, sealed, n_sealed - 1, opened, &n),
			 -EBADMSG);
	for (size_t i = 0; i < n_sealed; ++i) {
		sealed[i] ^= 0x10;
		ck_assert_int_eq(
			store_unseal(fx.store, "accounts", 5, 9, sealed, n_sealed, opened, &n),
			-EBADMSG);
		sealed[i] ^= 0x10;
	}
	ck_assert_uint_eq(n, sizeof(opened));
}
END_TEST

START_TEST(sealing_checks_the_room) {
	uint8_t plain[32] = { 1 }, sealed[60], opened[32];
	size_t n = 59;

	ck_assert_int_eq(store_seal(fx.store, "t", 1, 1, plain, 32, sealed, &n), -ENOSPC);
	n = 60;
	ck_assert_int_eq(store_seal(fx.store, "t", 1, 1, plain, 32, sealed, &n), 0);
	n = 31;
	ck_assert_int_eq(store_unseal(fx.store, "t", 1, 1, sealed, 60, opened, &n), -ENOSPC);
	ck_assert_int_eq(store_unseal(fx.store, "t", 1, 1, sealed, 27, opened, &n), -EBADMSG);
}
END_TEST

START_TEST(two_seals_of_one_thing_differ) {
	uint8_t plain[8] = { 1 }, a[36], b[36];
	size_t n = sizeof(a);

	ck_assert_int_eq(store_seal(fx.store, "t", 1, 1, plain, 8, a, &n), 0);
	ck_assert_int_eq(store_seal(fx.store, "t", 1, 1, plain, 8, b, &n), 0);
	ck_assert_mem_ne(a, b, 12);
	ck_assert_mem_ne(a + 12, b + 12, 24);
}
END_TEST

START_TEST(another_device_opens_nothing) {
	uint8_t plain[8] = { 1 }, sealed[36], mac[32], other[32];
	size_t n = sizeof(sealed), n_plain = sizeof(plain);
	struct fixture mine;

	ck_assert_int_eq(store_seal(fx.store, "t", 1, 1, plain, 8, sealed, &n), 0);
	ck_assert_int_eq(store_mac(fx.store, "t", plain, 8, mac), 0);
	mine = fx;
	fixture_setup();
	ck_assert_int_eq(store_unseal(fx.store, "t", 1, 1, sealed, n, plain, &n_plain), -EBADMSG);
	ck_assert_int_eq(store_mac(fx.store, "t", plain, 8, other), 0);
	ck_assert_mem_ne(mac, other, 32);
	fixture_teardown();
	fx = mine;
}
END_TEST

START_TEST(a_mac_is_hmac_under_the_key_of_its_label) {
	uint8_t key[32], expected[32], mac[32], other[32];
	unsigned n = 0;
	char label[16];

	ck_assert_int_eq(fx.ks->ops->derive(fx.ks, "careward mac 1 accounts", key), 0);
	(void)HMAC(EVP_sha256(), key, 32, (const uint8_t *)"row", 3, expected, &n);
	ck_assert_int_eq(store_mac(fx.store, "accounts", (const uint8_t *)"row", 3, mac), 0);
	ck_assert_mem_eq(mac, expected, 32);
	ck_assert_int_eq(store_mac(fx.store, "lockouts", (const uint8_t *)"row", 3, other), 0);
	ck_assert_mem_ne(mac, other, 32);
	/* More labels than are kept. */
	for (unsigned i = 0; i < 3 * STORE_KEYS; ++i) {
		(void)snprintf(label, sizeof(label), "label %u", i);
		ck_assert_int_eq(store_mac(fx.store, label, (const uint8_t *)"row", 3, other), 0);
	}
	ck_assert_int_eq(store_mac(fx.store, "accounts", (const uint8_t *)"row", 3, mac), 0);
	ck_assert_mem_eq(mac, expected, 32);
}
END_TEST

START_TEST(without_keys_nothing_is_sealed_or_opened) {
	uint8_t sealed[36] = { 0 }, plain[8] = { 0 };
	size_t n = 8;
	struct store *reader = NULL;

	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_ONLY, NULL, &reader), 0);
	ck_assert_int_eq(store_unseal(reader, "t", 1, 1, sealed, 36, plain, &n), -EIO);
	ck_assert_int_eq(store_mac(reader, "t", plain, 8, sealed), -EIO);
	reader = store_close(reader);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("store");
	TCase *tc = tcase_create("store");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, what_is_not_ours_is_refused, 0, (int)ARRAY_SIZE(refusals));
	tcase_add_test(tc, an_older_release_goes_on_in_a_newer_database);
	tcase_add_test(tc, a_store_is_made_once);
	tcase_add_test(tc, what_an_interrupted_creation_left_is_replaced);
	tcase_add_loop_test(tc, cf15_jr11_the_mode_is_0600_whatever_the_umask, 0, 3);
	tcase_add_test(tc, there_is_one_writer_and_any_reader);
	tcase_add_test(tc, a_snapshot_in_a_read_only_place_can_be_read);
	tcase_add_test(tc, the_connection_is_configured_as_designed);
	tcase_add_test(tc, only_the_outermost_commit_makes_it_durable);
	tcase_add_test(tc, an_inner_rollback_takes_everything_along);
	tcase_add_test(tc, jr07_no_change_outside_a_transaction);
	tcase_add_test(tc, jr07_a_change_whose_record_is_refused_can_be_taken_back);
	tcase_add_test(tc, a_prepared_statement_is_kept_by_its_address);
	tcase_add_test(tc, a_checkpoint_waits_for_nobody);
	tcase_add_test(tc, the_log_has_its_room_at_once);
	tcase_add_test(tc, a_log_that_is_half_full_wants_to_be_moved);
	tcase_add_loop_test(tc, what_is_sealed_opens_in_its_place_only, 0, 5);
	tcase_add_test(tc, sealing_checks_the_room);
	tcase_add_test(tc, two_seals_of_one_thing_differ);
	tcase_add_test(tc, another_device_opens_nothing);
	tcase_add_test(tc, a_mac_is_hmac_under_the_key_of_its_label);
	tcase_add_test(tc, without_keys_nothing_is_sealed_or_opened);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
