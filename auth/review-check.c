/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Do the rows that people are shown say what the journal says?
 *
 * A row's MAC shows that it was edited. It does not show that it is gone, nor that an
 * older one was put back: the journal knows of every emergency and of every review that
 * was closed, and nobody takes an entry out of it unseen.
 */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "auth/emergency-row.h"
#include "auth/row.h"
#include "common/bytes.h"

#define PAGE 200u

struct check {
	struct store *store;
	struct review_fault *fault;
	int error;
};

static int found(struct check *c, uint64_t seq, const uint8_t id[16], const char *words) {
	char hex[33];

	hex_encode(hex, id, 16);
	c->fault->seq = seq;
	(void)snprintf(c->fault->what, sizeof(c->fault->what), "entry %llu: the emergency %s %s",
		       (unsigned long long)seq, hex, words);
	return 1;
}

/* Newest first. Return: 0; 1 (a fault, or an error). */
static int check_entry(const struct journal_entry *entry, void *userdata) {
	struct check *c = userdata;
	struct emergency_row row;
	int r;

	if (!entry->has_emergency || entry->outcome != OUTCOME_OK ||
	    (entry->event != EVENT_EMERGENCY_STARTED && entry->event != EVENT_REVIEW_CLOSED))
		return 0;
	r = emergency_row_load(c->store, entry->emergency, &row);
	if (r == -ENOENT)
		return found(c, entry->seq, entry->emergency,
			     "has no row: it was taken out, and its review with it");
	if (r == -EBADMSG)
		return found(c, entry->seq, entry->emergency, "has a row that was changed");
	if (r < 0) {
		c->error = r;
		return 1;
	}
	if (entry->event == EVENT_REVIEW_CLOSED && row.review <= REVIEW_OPEN)
		return found(c, entry->seq, entry->emergency,
			     "was reviewed, and its row says that it was not: an older one");
	return 0;
}

static int note_closed(const struct journal_entry *entry, void *userdata) {
	bool *is_closed = userdata;

	*is_closed |= entry->outcome == OUTCOME_OK;
	return *is_closed ? 1 : 0;
}

/* The next row that says it was reviewed. Return: 1; 0; -EIO. A changed row was told above. */
static int next_closed(struct store *store, uint8_t id[16]) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool is_there = false;
	int r = store_prepare(store,
			      "SELECT id FROM emergencies WHERE review > ?1 AND id > ?2 "
			      "ORDER BY id LIMIT 1",
			      &stmt);

	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, REVIEW_OPEN) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 2, id, 16, SQLITE_TRANSIENT) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &is_there);
	if (r < 0 || !is_there)
		return r;
	if (sqlite3_column_bytes(stmt, 0) != 16)
		return 0;
	memcpy(id, sqlite3_column_blob(stmt, 0), 16);
	return 1;
}

static int check_rows(struct check *c) {
	uint8_t id[16] = { 0 };
	int r;

	while ((r = next_closed(c->store, id)) == 1) {
		bool is_closed = false;

		r = emergency_entries(c->store, id, EVENT_REVIEW_CLOSED, false, note_closed,
				      &is_closed);
		if (r < 0)
			return r;
		if (!is_closed)
			return found(c, 0, id, "has a row that says it was reviewed, and no entry of it");
	}
	return r;
}

int reviews_check(struct store *store, struct review_fault *ret_fault) {
	struct review_fault fault = { 0 };
	struct check c = { .store = store, .fault = &fault };
	struct journal_filter filter = { .event_from = EVENT_EMERGENCY_STARTED,
					 .event_to = EVENT_REVIEW_CLOSED };
	uint64_t next = 0;
	int r;

	do {
		r = journal_query(store, &filter, PAGE, check_entry, &c, &next);
		if (r < 0 || c.error < 0)
			return -EIO;
		filter.before = next;
	} while (r == 0 && next != 0);
	if (fault.what[0] == '\0' && check_rows(&c) < 0)
		return -EIO;
	*ret_fault = fault;
	return fault.what[0] != '\0' ? 1 : 0;
}
