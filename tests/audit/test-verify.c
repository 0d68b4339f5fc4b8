/* SPDX-License-Identifier: Apache-2.0 */

/* Every forgery is named, or said to be out of reach. */

#undef NDEBUG

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "audit/chain.h"
#include "common/cleanup.h"
#include "tests/audit/fixture.h"

/* The store is filled, and closed: the forger has the files. */
static void setup(void) {
	fixture_setup();
	fixture_fill();
	fixture_close();
}

/*
 * What somebody does who can write the database and knows its format. @rechain
 * is the first entry whose hash is recomputed, up to the end.
 */
static const struct {
	const char *why;
	const char *sql;
	uint64_t rechain;
	enum verify_finding finding;
	uint64_t seq;
} forgeries[] = {
	{ "nothing was done", "SELECT 1", 0, VERIFY_OK, 0 },
	{ "JR-03 a body is emptied", "UPDATE journal SET body = x'' WHERE seq = 6", 0,
	  VERIFY_ENTRY_EDITED, 6 },
	{ "JR-03 a hash is changed", "UPDATE journal SET hash = randomblob(32) WHERE seq = 6", 0,
	  VERIFY_ENTRY_EDITED, 6 },
	{ "JR-03 a hash is emptied", "UPDATE journal SET hash = x'' WHERE seq = 6", 0,
	  VERIFY_ENTRY_EDITED, 6 },
	{ "JR-03 the hash of the last entry is changed",
	  "UPDATE journal SET hash = randomblob(32) WHERE seq = 12", 0, VERIFY_ENTRY_EDITED, 12 },
	{ "JR-03 the column account is changed", "UPDATE journal SET account = 9 WHERE seq = 5", 0,
	  VERIFY_COLUMN_DIFFERS, 5 },
	{ "JR-03 the column account is emptied", "UPDATE journal SET account = 0 WHERE seq = 5", 0,
	  VERIFY_COLUMN_DIFFERS, 5 },
	{ "JR-03 the column target is changed", "UPDATE journal SET target = 9 WHERE seq = 3", 0,
	  VERIFY_COLUMN_DIFFERS, 3 },
	{ "JR-03 the column event is changed", "UPDATE journal SET event = 101 WHERE seq = 2", 0,
	  VERIFY_COLUMN_DIFFERS, 2 },
	{ "JR-03 a column is negative", "UPDATE journal SET account = -1 WHERE seq = 5", 0,
	  VERIFY_COLUMN_DIFFERS, 5 },
	{ "JR-03 two entries are swapped",
	  "UPDATE journal SET seq = 100 WHERE seq = 5; UPDATE journal SET seq = 5 WHERE seq = 6;"
	  "UPDATE journal SET seq = 6 WHERE seq = 100",
	  0, VERIFY_CHAIN_BROKEN, 5 },
	{ "JR-04 two entries are swapped, all hashes recomputed",
	  "UPDATE journal SET seq = 100 WHERE seq = 5; UPDATE journal SET seq = 7 WHERE seq = 100 "
	  "AND 0;"
	  "UPDATE journal SET seq = 5 WHERE seq = 7; UPDATE journal SET seq = 7 WHERE seq = 100",
	  5, VERIFY_SEAL_DIFFERS, 2 },
	{ "JR-03 an entry is duplicated over the next",
	  "UPDATE journal SET body = (SELECT body FROM journal WHERE seq = 5), hash = "
	  "(SELECT hash FROM journal WHERE seq = 5) WHERE seq = 6",
	  0, VERIFY_CHAIN_BROKEN, 6 },
	{ "JR-03 an entry is duplicated at the end",
	  "INSERT INTO journal SELECT 13, account, target, event, body, hash FROM journal WHERE "
	  "seq = 12",
	  0, VERIFY_ENTRY_EDITED, 13 },
	{ "JR-03 an entry is inserted in front",
	  "INSERT INTO journal SELECT 0, account, target, event, body, hash FROM journal WHERE seq "
	  "= 1",
	  0, VERIFY_CHAIN_BROKEN, 0 },
	{ "JR-03 an entry is inserted far in front",
	  "INSERT INTO journal SELECT -9, 0, 0, event, body, hash FROM journal WHERE seq = 1", 0,
	  VERIFY_CHAIN_BROKEN, 0 },
	{ "JR-04 an entry is inserted, the rest renumbered, all hashes recomputed",
	  "UPDATE journal SET seq = seq + 1000 WHERE seq >= 6;"
	  "UPDATE journal SET seq = seq - 999 WHERE seq > 1000;"
	  "INSERT INTO journal SELECT 6, account, target, event, body, hash FROM journal WHERE seq "
	  "= 5;"
	  "UPDATE texts SET seq = -seq - 1 WHERE seq >= 6; UPDATE texts SET seq = -seq WHERE seq < "
	  "0",
	  6, VERIFY_TEXT_DIFFERS, 7 },
	{ "JR-03 an entry is deleted", "DELETE FROM journal WHERE seq = 6", 0, VERIFY_ENTRY_MISSING,
	  6 },
	{ "JR-03 the first entry is deleted", "DELETE FROM journal WHERE seq = 1", 0,
	  VERIFY_ENTRY_MISSING, 1 },
	{ "JR-04 an entry is deleted, the rest renumbered, all hashes recomputed",
	  "DELETE FROM journal WHERE seq = 7; UPDATE journal SET seq = seq - 1 WHERE seq = 8;"
	  "UPDATE journal SET seq = seq - 1 WHERE seq = 9;"
	  "UPDATE journal SET seq = seq - 1 WHERE seq = 10; UPDATE texts SET seq = 9 WHERE seq = "
	  "10;"
	  "UPDATE journal SET seq = seq - 1 WHERE seq = 11;"
	  "UPDATE journal SET seq = seq - 1 WHERE seq = 12",
	  7, VERIFY_SEAL_DIFFERS, 2 },
	{ "JR-04 the seal's head is made to fit the forged chain",
	  "UPDATE journal SET body = (SELECT body FROM journal WHERE seq = 1), account = 1 "
	  "WHERE seq = 4;"
	  "UPDATE epochs SET head = randomblob(32) WHERE number = 1",
	  4, VERIFY_SEAL_FORGED, 1 },
	{ "a seal's signature is changed",
	  "UPDATE epochs SET signature = randomblob(64) WHERE number = 2", 0, VERIFY_SEAL_FORGED,
	  2 },
	{ "a seal's signature is cut", "UPDATE epochs SET signature = x'00' WHERE number = 2", 0,
	  VERIFY_SEAL_FORGED, 2 },
	{ "a seal's time is changed", "UPDATE epochs SET wall = wall + 1 WHERE number = 2", 0,
	  VERIFY_SEAL_FORGED, 2 },
	{ "a seal's next key is changed",
	  "UPDATE epochs SET next_key = randomblob(32) WHERE number = 1", 0, VERIFY_SEAL_FORGED,
	  1 },
	{ "a seal's key is changed",
	  "UPDATE epochs SET public_key = randomblob(32) WHERE number = 2", 0, VERIFY_SEAL_FORGED,
	  2 },
	{ "a seal's first entry is changed", "UPDATE epochs SET first = 6 WHERE number = 2", 0,
	  VERIFY_SEAL_MISSING, 2 },
	{ "a seal's last entry is moved back", "UPDATE epochs SET last = 7 WHERE number = 2", 0,
	  VERIFY_SEAL_FORGED, 2 },
	{ "a seal's last entry is before its first", "UPDATE epochs SET last = 2 WHERE number = 2",
	  0, VERIFY_SEAL_MISSING, 2 },
	{ "a seal's last entry is moved out of sight",
	  "UPDATE epochs SET last = 99 WHERE number = 2", 0, VERIFY_SEAL_FORGED, 2 },
	{ "two epochs are swapped",
	  "UPDATE epochs SET number = 9 WHERE number = 1; UPDATE epochs SET number = 1 WHERE "
	  "number = 2;"
	  "UPDATE epochs SET number = 2 WHERE number = 9",
	  0, VERIFY_SEAL_MISSING, 1 },
	{ "the first seal is deleted", "DELETE FROM epochs WHERE number = 1", 0,
	  VERIFY_SEAL_MISSING, 1 },
	{ "a seal is inserted below the first",
	  "INSERT INTO epochs SELECT 0, first, last, head, wall, public_key, next_key, signature "
	  "FROM epochs WHERE number = 1",
	  0, VERIFY_SEAL_FORGED, 0 },
	{ "the newest seal is deleted: the device's key is ahead",
	  "DELETE FROM epochs WHERE number = 2", 0, VERIFY_TRUNCATED, 12 },
	{ "all seals are deleted: the device's key is ahead", "DELETE FROM epochs", 0,
	  VERIFY_TRUNCATED, 12 },
	{ "JR-01 entries and seals are cut: the device's key is ahead",
	  "DELETE FROM journal WHERE seq > 4; DELETE FROM texts WHERE seq > 4;"
	  "DELETE FROM epochs WHERE number > 1",
	  0, VERIFY_TRUNCATED, 4 },
	{ "JR-01 everything is cut but the anchor: the device's key is ahead",
	  "DELETE FROM journal WHERE seq > 1; DELETE FROM texts; DELETE FROM epochs", 0,
	  VERIFY_TRUNCATED, 1 },
	{ "JR-01 everything is cut, and the anchor stays",
	  "DELETE FROM journal; DELETE FROM texts; DELETE FROM epochs", 0, VERIFY_TRUNCATED, 0 },
	{ "JR-01 the last sealed entry is cut",
	  "DELETE FROM journal WHERE seq > 7; DELETE FROM texts WHERE seq > 7", 0, VERIFY_TRUNCATED,
	  7 },
	{ "the anchor is changed", "UPDATE meta SET value = randomblob(32) WHERE name = 'anchor'",
	  0, VERIFY_SEAL_FORGED, 1 },
	{ "the anchor is deleted", "DELETE FROM meta WHERE name = 'anchor'", 0,
	  VERIFY_ANCHOR_DIFFERS, 0 },
	{ "the time of the beginning is changed",
	  "UPDATE meta SET value = randomblob(8) WHERE name = 'created'", 0, VERIFY_COLUMN_DIFFERS,
	  1 },
	{ "the time of the beginning is deleted", "DELETE FROM meta WHERE name = 'created'", 0,
	  VERIFY_COLUMN_DIFFERS, 1 },
	{ "the device id is changed",
	  "UPDATE meta SET value = randomblob(16) WHERE name = 'device_id'", 0, VERIFY_ENTRY_EDITED,
	  1 },
	{ "JR-04 the device id is changed, all hashes recomputed",
	  "UPDATE meta SET value = randomblob(16) WHERE name = 'device_id'", 1, VERIFY_SEAL_FORGED,
	  1 },
	{ "a text is changed",
	  "UPDATE texts SET sealed = randomblob(40) WHERE seq = 6 AND what = 2", 0,
	  VERIFY_TEXT_DIFFERS, 6 },
	{ "a salt is changed", "UPDATE texts SET salt = randomblob(16) WHERE seq = 6 AND what = 1",
	  0, VERIFY_TEXT_DIFFERS, 6 },
	{ "a text is another entry's",
	  "UPDATE texts SET sealed = (SELECT sealed FROM texts WHERE seq = 2 AND what = 2), salt = "
	  "(SELECT salt FROM texts WHERE seq = 2 AND what = 2) WHERE seq = 6 AND what = 2",
	  0, VERIFY_TEXT_DIFFERS, 6 },
	{ "a text is deleted with its row", "DELETE FROM texts WHERE seq = 6 AND what = 2", 0,
	  VERIFY_TEXT_DIFFERS, 6 },
	{ "an erased text loses its salt",
	  "UPDATE texts SET sealed = x'', salt = x'' WHERE seq = 6 AND what = 2", 0,
	  VERIFY_TEXT_DIFFERS, 6 },
	{ "a text is added that no entry has",
	  "INSERT INTO texts VALUES (5, 1, randomblob(16), x'')", 0, VERIFY_TEXT_DIFFERS, 0 },
	{ "JR-01 open entries are cut, and their texts stay", "DELETE FROM journal WHERE seq > 8",
	  0, VERIFY_TEXT_DIFFERS, 0 },
	{ "a text is added in front of all",
	  "INSERT INTO texts VALUES (-5, 1, randomblob(16), x'')", 0, VERIFY_TEXT_DIFFERS, 0 },
	{ "a text is erased", "UPDATE texts SET sealed = x'' WHERE seq = 6 AND what = 2", 0,
	  VERIFY_OK, 0 },
};

START_TEST(every_forgery_is_named) {
	struct verify_report report;

	ck_assert_msg(forge(forgeries[_i].sql) == SQLITE_OK, "%s: the forgery itself failed",
		      forgeries[_i].why);
	if (forgeries[_i].rechain > 0)
		forge_hashes(forgeries[_i].rechain, 20);
	report = verify_it(NULL, true);
	ck_assert_msg(report.finding == forgeries[_i].finding && report.seq == forgeries[_i].seq,
		      "%s: found %d at %llu (%s), want %d at %llu", forgeries[_i].why,
		      report.finding, (unsigned long long)report.seq, report.what,
		      forgeries[_i].finding, (unsigned long long)forgeries[_i].seq);
	ck_assert_msg(report.what[0] != '\0', "%s: nothing is said", forgeries[_i].why);
}
END_TEST

START_TEST(an_untouched_journal_is_counted) {
	struct verify_report report = verify_it(NULL, true);

	ck_assert_int_eq(report.finding, VERIFY_OK);
	ck_assert_uint_eq(report.n_entries, 12);
	ck_assert_uint_eq(report.n_epochs, 2);
	ck_assert_uint_eq(report.n_open, 4);
	ck_assert_uint_eq(report.n_texts_erased, 0);
	ck_assert_uint_eq(report.head.seq, 12);
	ck_assert(!report.rollback_excluded);
	ck_assert_ptr_nonnull(strstr(report.what, "rollback of the whole store not excluded"));
}
END_TEST

/* JR-03: each byte of an entry that has every field. */
START_TEST(jr03_an_edit_of_any_byte_is_named) {
	for (unsigned at = 0; forge_byte(6, at, 0x01); ++at) {
		struct verify_report report = verify_it(NULL, true);

		ck_assert_msg(report.finding == VERIFY_ENTRY_EDITED && report.seq == 6,
			      "byte %u: found %d at %llu (%s)", at, report.finding,
			      (unsigned long long)report.seq, report.what);
		ck_assert_ptr_nonnull(strstr(report.what, "entry 6"));
		(void)forge_byte(6, at, 0x01);
	}
	ck_assert_int_eq(verify_it(NULL, true).finding, VERIFY_OK);
}
END_TEST

/* JR-04: the forger recomputes every hash there is; the seal knows better. */
START_TEST(jr04_an_edit_with_all_hashes_recomputed_is_named) {
	static const uint8_t masks[] = { 0x01, 0x80 };

	for (unsigned at = 0; forge_byte(6, at, masks[_i]); ++at) {
		struct verify_report report;

		forge_hashes(6, 12);
		report = verify_it(NULL, true);
		ck_assert_msg(report.finding == VERIFY_ENTRY_MALFORMED ||
				      report.finding == VERIFY_COLUMN_DIFFERS ||
				      report.finding == VERIFY_TEXT_DIFFERS ||
				      report.finding == VERIFY_SEAL_DIFFERS,
			      "byte %u: found %d at %llu (%s)", at, report.finding,
			      (unsigned long long)report.seq, report.what);
		ck_assert_uint_eq(report.seq, report.finding == VERIFY_SEAL_DIFFERS ? 2 : 6);
		(void)forge_byte(6, at, masks[_i]);
		forge_hashes(6, 12);
	}
	ck_assert_int_eq(verify_it(NULL, true).finding, VERIFY_OK);
}
END_TEST

/* The open epoch is the limit of what the journal shows by itself. */
START_TEST(an_edit_of_the_open_epoch_needs_a_head_to_be_named) {
	struct verify_report before = verify_it(NULL, true), after;
	struct verify_options options = { .has_head = true, .head = before.head };

	after = verify_it(&options, true);
	ck_assert_int_eq(after.finding, VERIFY_OK);
	ck_assert(after.rollback_excluded);

	ck_assert(forge_byte(11, 10, 0x01)); /* its wall time */
	ck_assert_int_eq(verify_it(NULL, true).finding, VERIFY_ENTRY_EDITED);
	forge_hashes(11, 12);
	ck_assert_int_eq(verify_it(NULL, true).finding, VERIFY_OK);
	after = verify_it(&options, true);
	ck_assert_int_eq(after.finding, VERIFY_HEAD_DIFFERS);
	ck_assert(!after.rollback_excluded);
}
END_TEST

/* JR-01: the end is cut at each entry in turn. */
START_TEST(jr01_truncation_at_each_entry_is_named_or_needs_a_head) {
	struct verify_options options = { .has_head = true, .head = verify_it(NULL, true).head };
	unsigned left = (unsigned)_i;
	struct verify_report report;
	char sql[160];

	(void)snprintf(sql, sizeof(sql),
		       "DELETE FROM journal WHERE seq > %u; DELETE FROM texts WHERE seq > %u", left,
		       left);
	ck_assert_int_eq(forge(sql), SQLITE_OK);
	report = verify_it(NULL, true);
	if (left < 8) {
		ck_assert_msg(report.finding == VERIFY_TRUNCATED && report.seq == left,
			      "cut after %u: found %d (%s)", left, report.finding, report.what);
	} else {
		ck_assert_msg(report.finding == VERIFY_OK, "cut after %u: %s", left, report.what);
		ck_assert_ptr_nonnull(
			strstr(report.what, "rollback of the whole store not excluded"));
		ck_assert_uint_eq(report.n_open, left - 8);
	}
	report = verify_it(&options, true);
	ck_assert_int_eq(report.finding, left < 12 ? VERIFY_TRUNCATED : VERIFY_OK);
}
END_TEST

/* JR-02 */
START_TEST(jr02_an_older_copy_is_named_by_the_key_or_by_a_head) {
	struct verify_options options = { .has_head = true };
	struct verify_report report;
	struct moment now = fixture_moment(20);

	copy_file("careward.db", "old.db");
	ck_assert_int_eq(fixture_open(), 0);
	for (unsigned i = 1; i < 4; ++i) {
		struct journal_entry e = fixture_entry(i);

		ck_assert_int_eq(journal_append(fx.store, &e), 0);
	}
	fixture_close();
	options.head = verify_it(NULL, true).head;
	copy_file("careward.db", "newer.db");
	copy_file("old.db", "careward.db");

	/* Nothing sealed in between: only the head tells. */
	report = verify_it(NULL, true);
	ck_assert_int_eq(report.finding, VERIFY_OK);
	ck_assert_int_eq(verify_it(&options, true).finding, VERIFY_TRUNCATED);

	copy_file("newer.db", "careward.db");
	ck_assert_int_eq(fixture_open(), 0);
	ck_assert_int_eq(journal_seal(fx.store, &now), 0);
	fixture_close();
	copy_file("old.db", "careward.db");
	report = verify_it(NULL, true);
	ck_assert_int_eq(report.finding, VERIFY_TRUNCATED);
	ck_assert_int_eq(verify_it(NULL, false).finding,
			 VERIFY_OK); /* without the keys: not seen */

	/* Nothing is written into it: lockouts and disabled accounts would be as they were. */
	ck_assert_int_eq(fixture_open(), -EBADMSG);
}
END_TEST

START_TEST(jr02_another_devices_journal_is_named) {
	uint8_t anchor[32];
	struct verify_options options = { .has_anchor = true };
	struct fixture mine = fx;
	struct verify_report report;

	ck_assert_int_eq(fixture_open(), 0);
	ck_assert_int_eq(journal_anchor(fx.store, anchor), 0);
	fixture_close();
	fixture_setup();
	fixture_fill();
	fixture_close();
	memcpy(options.anchor, anchor, 32);
	ck_assert_int_eq(verify_it(&options, false).finding, VERIFY_ANCHOR_DIFFERS);
	ck_assert_int_eq(verify_it(NULL, false).finding, VERIFY_OK);

	/* With the keys of this device, nothing of it is believed. */
	struct fixture other = fx;

	fx.ks = mine.ks;
	report = verify_it(NULL, true);
	ck_assert_int_eq(report.finding, VERIFY_TEXT_DIFFERS);
	fx = other;
	ck_assert_int_eq(forge("UPDATE texts SET sealed = x''"), SQLITE_OK);
	fx.ks = mine.ks;
	report = verify_it(NULL, true);
	ck_assert_int_eq(report.finding, VERIFY_SEAL_FORGED);
	fx = other;
	fixture_teardown();
	fx = mine;
	ck_assert_int_eq(verify_it(&options, true).finding, VERIFY_OK);
}
END_TEST

START_TEST(jr02_a_copy_without_its_log_is_named) {
	struct verify_options options = { .has_head = true };
	struct moment now = fixture_moment(30);
	struct journal_head head;

	ck_assert_int_eq(fixture_open(), 0);
	for (unsigned i = 1; i < 4; ++i) {
		struct journal_entry e = fixture_entry(i);

		ck_assert_int_eq(journal_append(fx.store, &e), 0);
	}
	ck_assert_int_eq(journal_seal(fx.store, &now), 0);
	ck_assert_int_eq(journal_head(fx.store, &head), 0);
	/* What a copy of the one file holds while the engine runs. */
	copy_file("careward.db", "copy.db");
	fixture_close();
	copy_file("copy.db", "careward.db");
	options.head = head;
	ck_assert_int_eq(verify_it(&options, false).finding, VERIFY_TRUNCATED);
	ck_assert_int_eq(verify_it(NULL, true).finding, VERIFY_TRUNCATED);
}
END_TEST

/* Indexes: rows hidden although each of their hashes holds. */
static const struct {
	const char *why;
	const char *sql;
} index_forgeries[] = {
	{"an index is redirected to another index",
         "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = "
	  "'journal_target') WHERE name = 'journal_account'"        },
	{ "an index is redirected to an empty one",
         "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = "
	  "'authenticators_account') WHERE name = 'journal_account'"},
	{ "the index of emergencies is redirected to an empty one",
         "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = "
	  "'configurations_kind') WHERE name = 'journal_emergency'" },
	{ "two indexes are exchanged",                              "UPDATE sqlite_schema SET rootpage = (CASE name WHEN "
         "'journal_account' THEN (SELECT rootpage "
				       "FROM sqlite_schema WHERE name = 'journal_target') ELSE "
				       "(SELECT rootpage FROM sqlite_schema "
				       "WHERE name = 'journal_account') END) WHERE name IN "
				       "('journal_account', 'journal_target')"                              },
};

static struct verify_report verify_or_refuse(void) {
	static const struct verify_options none;
	struct verify_report report = { .finding = VERIFY_INDEX_DAMAGED };
	struct store *store = NULL;
	int r = store_open(fx.dirfd, STORE_READ_ONLY, fx.ks, &store);

	if (r == 0)
		report = verify_both_ways(store, &none);
	else
		ck_assert_int_eq(r, -EBADMSG);
	store = store_close(store);
	return report;
}

START_TEST(a_redirected_index_is_named) {
	sqlite3 *db = forge_open();
	struct verify_report report;

	ck_assert_int_eq(sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, index_forgeries[_i].sql, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_gt(sqlite3_changes(db), 0);
	(void)sqlite3_close(db);
	report = verify_or_refuse();
	ck_assert_msg(report.finding == VERIFY_INDEX_DAMAGED, "%s: found %d (%s)",
		      index_forgeries[_i].why, report.finding, report.what);
}
END_TEST

/*
 * An index is made by another statement, and the statement is put back: what it
 * holds is no more what it says that it holds.
 */
static const struct {
	const char *why;
	const char *index;
	const char *forged; /* statement                                          */
	const char *sql;    /* run while the forged one stands                    */
} index_contents[] = {
	{ "a row is taken out of an index", "journal_account",
	  "CREATE INDEX journal_account ON journal (account) WHERE seq <> 5",
	  "REINDEX journal_account" },
	{ "a row stands under another account: as many as before", "journal_account",
	  "CREATE INDEX journal_account ON journal (account + (seq = 5)) WHERE account > 0",
	  "REINDEX journal_account" },
	{ "two rows are exchanged: as many of each account as before", "journal_account",
	  "CREATE INDEX journal_account ON journal (CASE seq WHEN 4 THEN 2 WHEN 5 THEN 1 "
	  "ELSE account END) WHERE account > 0",
	  "REINDEX journal_account" },
	{ "the same rows, not in their order", "journal_account",
	  "CREATE INDEX journal_account ON journal (account DESC) WHERE account > 0",
	  "REINDEX journal_account" },
	{ "an index names an entry that is not there", "journal_account",
	  "CREATE INDEX journal_account ON journal (account) WHERE account > 1000000",
	  "DELETE FROM journal WHERE seq > 10; DELETE FROM texts WHERE seq > 10" },
	{ "a number is a text in an index", "journal_account",
	  "CREATE INDEX journal_account ON journal (CAST(account AS TEXT)) WHERE account > 0",
	  "REINDEX journal_account" },
	{ "an emergency is another kind of it", "journal_emergency",
	  "CREATE INDEX journal_emergency ON journal (event + (seq = 6)) "
	  "WHERE event BETWEEN 400 AND 499",
	  "REINDEX journal_emergency" },
	{ "an index of another table is thinned out", "authenticators_account",
	  "CREATE INDEX authenticators_account ON authenticators (account) WHERE account > 1",
	  "INSERT INTO authenticators VALUES (1, 1, 1, 1, 1, x'', x'', x''); "
	  "INSERT INTO authenticators VALUES (2, 2, 1, 1, 1, x'', x'', x'')" },
	{ "the index of reviews is emptied", "emergencies_review",
	  "CREATE INDEX emergencies_review ON emergencies (review) WHERE review > 9",
	  "INSERT INTO emergencies VALUES (x'01', 1, 1, 1, 1, 0, 0, 0, 1, 0, x'')" },
};

static void schema_sql(const char *index, const char *sql) {
	sqlite3 *db = forge_open();
	sqlite3_stmt *stmt = NULL;

	ck_assert_int_eq(sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "UPDATE sqlite_schema SET sql = ?1 WHERE name = ?2",
					    -1, &stmt, NULL),
			 SQLITE_OK);
	(void)sqlite3_bind_text(stmt, 1, sql, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 2, index, -1, SQLITE_STATIC);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_DONE);
	ck_assert_int_eq(sqlite3_changes(db), 1);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
}

static void schema_sql_of(const char *index, char *ret_sql, size_t n) {
	sqlite3 *db = forge_open();
	sqlite3_stmt *stmt = NULL;

	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_schema WHERE name = ?1", -1,
					    &stmt, NULL),
			 SQLITE_OK);
	(void)sqlite3_bind_text(stmt, 1, index, -1, SQLITE_STATIC);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	(void)snprintf(ret_sql, n, "%s", (const char *)sqlite3_column_text(stmt, 0));
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
}

START_TEST(an_index_that_holds_something_else_is_named) {
	struct verify_report report;
	char sql[512];

	schema_sql_of(index_contents[_i].index, sql, sizeof(sql));
	schema_sql(index_contents[_i].index, index_contents[_i].forged);
	ck_assert_msg(forge(index_contents[_i].sql) == SQLITE_OK, "%s: the forgery itself failed",
		      index_contents[_i].why);
	schema_sql(index_contents[_i].index, sql);
	report = verify_or_refuse();
	ck_assert_msg(report.finding == VERIFY_INDEX_DAMAGED, "%s: found %d (%s)",
		      index_contents[_i].why, report.finding, report.what);
}
END_TEST

START_TEST(a_torn_page_is_named) {
	struct verify_report report;
	struct store *store = NULL;
	static const struct verify_options none;
	uint8_t rubbish[512];
	struct stat st;
	int fd = openat(fx.dirfd, "careward.db", O_RDWR | O_CLOEXEC);
	unsigned named = 0;

	memset(rubbish, 0xa5, sizeof(rubbish));
	ck_assert_int_eq(fstat(fd, &st), 0);
	copy_file("careward.db", "good.db");
	for (off_t at = 4096; at < st.st_size; at += 4096) {
		int r;

		ck_assert_int_eq(pwrite(fd, rubbish, sizeof(rubbish), at), sizeof(rubbish));
		r = store_open(fx.dirfd, STORE_READ_ONLY, fx.ks, &store);
		if (r == 0) {
			report = verify_both_ways(store, &none);
			ck_assert_msg(report.finding != VERIFY_OK, "page at %lld: not seen",
				      (long long)at);
		} else {
			ck_assert_int_eq(r, -EBADMSG);
		}
		named++;
		store = store_close(store);
		copy_file("good.db", "careward.db");
	}
	(void)close(fd);
	ck_assert_uint_gt(named, 10);
}
END_TEST

/* A thief of today's key: whatever was sealed before stays out of reach. */
START_TEST(todays_key_cannot_sign_yesterdays_epoch) {
	struct epoch epoch = { .number = 1, .first = 1, .last = 4 };
	uint8_t seed[32], device_id[16], spelled[EPOCH_SIGNED];
	size_t n = STORE_HASH, n_signature = EPOCH_SIGNATURE;
	sqlite3 *db;
	sqlite3_stmt *stmt = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *key;
	struct verify_report report;

	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 1, seed), -ENOENT);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 2, seed), -ENOENT);
	ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, 3, seed), 0);
	ck_assert_int_eq(
		forge("UPDATE journal SET account = 0, target = 0, body = (SELECT body FROM "
		      "journal WHERE seq = 9), event = 201 WHERE seq = 3"),
		SQLITE_OK);
	forge_hashes(3, 12);

	/* He signs epoch 1 anew with what he has, and puts that key in. */
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	ck_assert_int_eq(EVP_PKEY_get_raw_public_key(key, epoch.public_key, &n), 1);
	db = forge_open();
	ck_assert_int_eq(
		sqlite3_prepare_v2(db,
				   "SELECT (SELECT hash FROM journal WHERE seq = 4), "
				   "(SELECT public_key FROM epochs WHERE number = 2), (SELECT "
				   "value FROM meta WHERE name = 'device_id')",
				   -1, &stmt, NULL),
		SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	memcpy(epoch.head, sqlite3_column_blob(stmt, 0), 32);
	memcpy(epoch.next_key, sqlite3_column_blob(stmt, 1), 32);
	memcpy(device_id, sqlite3_column_blob(stmt, 2), 16);
	(void)sqlite3_finalize(stmt);
	epoch_spell(&epoch, device_id, spelled);
	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	ck_assert_int_eq(
		EVP_DigestSign(ctx, epoch.signature, &n_signature, spelled, sizeof(spelled)), 1);
	ck_assert_int_eq(epoch_verify(&epoch, device_id), 0);
	ck_assert_int_eq(
		sqlite3_prepare_v2(db,
				   "UPDATE epochs SET head = ?1, wall = 0, public_key = ?2, "
				   "signature = ?3 WHERE number = 1",
				   -1, &stmt, NULL),
		SQLITE_OK);
	(void)sqlite3_bind_blob(stmt, 1, epoch.head, 32, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 2, epoch.public_key, 32, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 3, epoch.signature, 64, SQLITE_STATIC);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_DONE);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);

	report = verify_it(NULL, true);
	ck_assert_int_eq(report.finding, VERIFY_SEAL_FORGED);
	ck_assert_uint_eq(report.seq, 1);
	/* He may put his key in as the anchor, too: the one printed at first tells. */
	ck_assert_int_eq(
		forge("UPDATE meta SET value = (SELECT public_key FROM epochs WHERE number = 1) "
		      "WHERE name = 'anchor'"),
		SQLITE_OK);
	report = verify_it(NULL, true);
	ck_assert_int_eq(report.finding, VERIFY_SEAL_DIFFERS);
	ck_assert_uint_eq(report.seq, 2);
}
END_TEST

START_TEST(an_erased_text_is_counted_and_nothing_else) {
	struct verify_report report;

	ck_assert_int_eq(fixture_open(), 0);
	ck_assert_int_eq(journal_erase_texts(fx.store, 6), 0);
	ck_assert_int_eq(journal_erase_texts(fx.store, 6), -ENOENT);
	ck_assert_int_eq(journal_erase_texts(fx.store, 5), -ENOENT);
	fixture_close();
	report = verify_it(NULL, true);
	ck_assert_int_eq(report.finding, VERIFY_OK);
	ck_assert_uint_eq(report.n_texts_erased, 2);
}
END_TEST

START_TEST(the_quick_way_sees_the_newest_epoch_only) {
	struct verify_options quick = { .quick = true };
	struct verify_report report = verify_it(&quick, true);

	ck_assert_int_eq(report.finding, VERIFY_OK);
	ck_assert_uint_eq(report.n_entries, 8);
	ck_assert_uint_eq(report.n_epochs, 1);
	ck_assert(forge_byte(2, 10, 1));
	ck_assert_int_eq(verify_it(&quick, true).finding, VERIFY_OK);
	ck_assert_int_eq(verify_it(NULL, true).finding, VERIFY_ENTRY_EDITED);
	ck_assert(forge_byte(7, 10, 1));
	report = verify_it(&quick, true);
	ck_assert_int_eq(report.finding, VERIFY_ENTRY_EDITED);
	ck_assert_uint_eq(report.seq, 7);
}
END_TEST

START_TEST(the_quick_way_claims_nothing_about_an_old_head) {
	struct verify_options options = { .quick = true, .has_head = true };
	struct verify_report report;

	options.head = verify_it(NULL, true).head;
	ck_assert(verify_it(&options, true).rollback_excluded);
	options.head.seq = 2;
	report = verify_it(&options, true);
	ck_assert_int_eq(report.finding, VERIFY_HEAD_DIFFERS);
	ck_assert(!report.rollback_excluded);
}
END_TEST

static int stop_at_once(uint64_t done, uint64_t all, void *userdata) {
	(*(unsigned *)userdata)++;
	return 1;
}

START_TEST(a_verification_can_be_interrupted) {
	static const struct verify_options none;
	struct verify_report report = { .n_entries = 77 };
	struct store *store = NULL;
	unsigned calls = 0;

	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_ONLY, fx.ks, &store), 0);
	ck_assert_int_eq(journal_verify(store, &none, stop_at_once, &calls, &report), -ECANCELED);
	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(report.n_entries, 77);
	store = store_close(store);
}
END_TEST

START_TEST(an_empty_journal_verifies) {
	struct verify_report report;
	struct fixture filled = fx;

	fixture_setup();
	fixture_close();
	report = verify_it(NULL, true);
	ck_assert_int_eq(report.finding, VERIFY_OK);
	ck_assert_uint_eq(report.n_entries, 0);
	fixture_teardown();
	fx = filled;
}
END_TEST

int main(void) {
	Suite *suite = suite_create("verify");
	TCase *tc = tcase_create("verify");

	tcase_add_checked_fixture(tc, setup, fixture_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, every_forgery_is_named, 0, (int)ARRAY_SIZE(forgeries));
	tcase_add_test(tc, an_untouched_journal_is_counted);
	tcase_add_test(tc, jr03_an_edit_of_any_byte_is_named);
	tcase_add_loop_test(tc, jr04_an_edit_with_all_hashes_recomputed_is_named, 0, 2);
	tcase_add_test(tc, an_edit_of_the_open_epoch_needs_a_head_to_be_named);
	tcase_add_loop_test(tc, jr01_truncation_at_each_entry_is_named_or_needs_a_head, 1, 13);
	tcase_add_test(tc, jr02_an_older_copy_is_named_by_the_key_or_by_a_head);
	tcase_add_test(tc, jr02_another_devices_journal_is_named);
	tcase_add_test(tc, jr02_a_copy_without_its_log_is_named);
	tcase_add_loop_test(tc, a_redirected_index_is_named, 0, (int)ARRAY_SIZE(index_forgeries));
	tcase_add_loop_test(tc, an_index_that_holds_something_else_is_named, 0,
			    (int)ARRAY_SIZE(index_contents));
	tcase_add_test(tc, a_torn_page_is_named);
	tcase_add_test(tc, todays_key_cannot_sign_yesterdays_epoch);
	tcase_add_test(tc, an_erased_text_is_counted_and_nothing_else);
	tcase_add_test(tc, the_quick_way_sees_the_newest_epoch_only);
	tcase_add_test(tc, the_quick_way_claims_nothing_about_an_old_head);
	tcase_add_test(tc, a_verification_can_be_interrupted);
	tcase_add_test(tc, an_empty_journal_verifies);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
