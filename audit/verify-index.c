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

#include "audit/verify-internal.h"
#include "common/cleanup.h"

static const struct {
	const char *name;
	const char *count;
} indexes[INDEX_N] = {
	[INDEX_ACCOUNT] = {"journal_account",
                           "SELECT count(*) FROM journal INDEXED BY journal_account "
			    "WHERE account > 0 AND seq <= ?1"                },
	[INDEX_TARGET] = { "journal_target",
			   "SELECT count(*) FROM journal INDEXED BY journal_target "
			   "WHERE target > 0 AND seq <= ?1"                  },
	[INDEX_EMERGENCY] = { "journal_emergency",
                           "SELECT count(*) FROM journal INDEXED BY journal_emergency "
			      "WHERE event BETWEEN 400 AND 499 AND seq <= ?1"},
};

static int verify_index(struct verifier *v, enum verify_index index) {
	sqlite3_stmt *stmt = NULL;
	uint64_t n = 0;
	int rc, r;

	r = store_prepare(v->store, indexes[index].count, &stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)v->all);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		n = (uint64_t)sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	if (store_errno(rc) == -EBADMSG)
		return verify_found(v, VERIFY_INDEX_DAMAGED, 0, "index %s cannot be read",
				    indexes[index].name);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? -EIO : store_errno(rc);
	if (n != v->indexed[index])
		return verify_found(v, VERIFY_INDEX_DAMAGED, 0,
				    "index %s names %llu entries, the journal has %llu for it",
				    indexes[index].name, (unsigned long long)n,
				    (unsigned long long)v->indexed[index]);
	return 0;
}

int verify_indexes(struct verifier *v) {
	int r = 0;

	for (int i = 0; r == 0 && i < INDEX_N; ++i)
		r = verify_index(v, (enum verify_index)i);
	return r;
}

/* SQLite asks now and then whether it shall go on. */
static int go_on(void *userdata) {
	const struct verifier *v = userdata;

	return v->progress(v->all, v->all, v->userdata);
}

/* SQLite's own check: pages, order, each row in each index. */
int verify_database(struct verifier *v) {
	sqlite3_stmt *stmt = NULL;
	const char *said;
	int rc, r;

	r = store_prepare(v->store, "PRAGMA integrity_check(1)", &stmt);
	if (r < 0)
		return r;
	if (v->progress)
		sqlite3_progress_handler(v->store->db, 200000, go_on, v);
	rc = sqlite3_step(stmt);
	sqlite3_progress_handler(v->store->db, 0, NULL, NULL);
	if (rc != SQLITE_ROW) {
		r = verify_sqlite(v, rc, "the database");
	} else {
		said = (const char *)sqlite3_column_text(stmt, 0);
		if (!said)
			r = -ENOMEM;
		else if (strcmp(said, "ok") == 0)
			r = 0;
		else if (strstr(said, "index"))
			r = verify_found(v, VERIFY_INDEX_DAMAGED, 0, "an index is damaged: %.100s",
					 said);
		else
			r = verify_found(v, VERIFY_DATABASE_DAMAGED, 0,
					 "the database is damaged: %.100s", said);
	}
	(void)sqlite3_reset(stmt);
	return r;
}
