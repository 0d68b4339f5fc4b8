/* SPDX-License-Identifier: Apache-2.0 */

/* Reading the journal, newest first, a bounded number of rows at a time. */

#include <errno.h>
#include <string.h>

#include "audit/entry.h"
#include "audit/store-internal.h"
#include "common/cleanup.h"

#define QUERY_ROWS   4000u /* rows that one call looks at               */
#define SIGN_IN_ROWS 8000u /* entries of one account that are looked at */

#define IN_RANGE " AND seq < ?1 AND seq > ?2 ORDER BY seq DESC"

static const char scan_all[] = "SELECT seq, body FROM journal WHERE 1" IN_RANGE;
static const char scan_account[] = "SELECT seq, body FROM journal INDEXED BY journal_account "
				   "WHERE account = ?3 AND account > 0" IN_RANGE;
static const char scan_target[] = "SELECT seq, body FROM journal INDEXED BY journal_target "
				  "WHERE target = ?3 AND target > 0" IN_RANGE;
static const char scan_event[] = "SELECT seq, body FROM journal INDEXED BY journal_emergency "
				 "WHERE event = ?3 AND event BETWEEN 400 AND 499" IN_RANGE;

/* Rows of one statement, in descending order. */
struct stream {
	sqlite3_stmt *stmt;
	uint64_t seq; /* of the current row; 0: at the end */
};

#define STREAMS 2u

/* Several streams, merged; a row that stands in two comes once. */
struct merge {
	struct stream streams[STREAMS];
	size_t n;
};

static void merge_done(struct merge *merge) {
	for (size_t i = 0; i < merge->n; ++i)
		(void)sqlite3_reset(merge->streams[i].stmt);
}

static int stream_step(struct stream *stream) {
	int rc = sqlite3_step(stream->stmt);

	stream->seq = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stream->stmt, 0) : 0;
	return store_errno(rc);
}

static int merge_add(struct store *store, struct merge *merge, const char *sql,
		     const struct journal_filter *filter, uint32_t key) {
	struct stream *stream = &merge->streams[merge->n];
	uint64_t before =
		filter->before == 0 || filter->before > INT64_MAX ? INT64_MAX : filter->before;
	uint64_t after = filter->after > INT64_MAX ? INT64_MAX : filter->after;
	int r = store_prepare(store, sql, &stream->stmt);

	if (r < 0)
		return r;
	merge->n++;
	(void)sqlite3_bind_int64(stream->stmt, 1, (int64_t)before);
	(void)sqlite3_bind_int64(stream->stmt, 2, (int64_t)after);
	if (sql != scan_all)
		(void)sqlite3_bind_int64(stream->stmt, 3, key);
	return stream_step(stream);
}

/* The statements that find all rows of the filter, and few others. */
static int merge_plan(struct store *store, struct merge *merge,
		      const struct journal_filter *filter) {
	int r;

	if (filter->account > 0) {
		r = merge_add(store, merge, scan_account, filter, filter->account);
		return r < 0 ? r : merge_add(store, merge, scan_target, filter, filter->account);
	}
	if (filter->event_from == filter->event_to && filter->event_from >= 400 &&
	    filter->event_from <= 499)
		return merge_add(store, merge, scan_event, filter, filter->event_from);
	return merge_add(store, merge, scan_all, filter, 0);
}

/* The stream with the highest number; NULL at the end of all. */
static struct stream *merge_first(struct merge *merge) {
	struct stream *first = NULL;

	for (size_t i = 0; i < merge->n; ++i)
		if (merge->streams[i].seq > 0 && (!first || merge->streams[i].seq > first->seq))
			first = &merge->streams[i];
	return first;
}

static int merge_step(struct merge *merge, uint64_t seq) {
	int r = 0;

	for (size_t i = 0; r == 0 && i < merge->n; ++i)
		if (merge->streams[i].seq == seq)
			r = stream_step(&merge->streams[i]);
	return r;
}

static bool matches(const struct journal_filter *f, const struct journal_entry *e) {
	if (f->account > 0 && e->account != f->account && e->target != f->account)
		return false;
	if ((f->event_from > 0 || f->event_to > 0) &&
	    ((unsigned)e->event < f->event_from || (unsigned)e->event > f->event_to))
		return false;
	if (f->wall_from_ms != 0 && e->at.wall_ms < f->wall_from_ms)
		return false;
	if (f->wall_to_ms != 0 && e->at.wall_ms > f->wall_to_ms)
		return false;
	return !f->has_emergency ||
	       (e->has_emergency && memcmp(e->emergency, f->emergency, sizeof(e->emergency)) == 0);
}

/* Unseals one text into @room. *@ret_text is NULL when it has been erased. */
static int text_read(struct store *store, uint64_t seq, enum entry_text what,
		     char room[static LIMIT_TEXT], const char **ret_text) {
	size_t n = LIMIT_TEXT - 1;
	sqlite3_stmt *stmt = NULL;
	const char *text = NULL;
	int rc, r;

	r = store_prepare(store, "SELECT sealed FROM texts WHERE seq = ?1 AND what = ?2", &stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)seq);
	(void)sqlite3_bind_int(stmt, 2, (int)what);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW) {
		r = rc == SQLITE_DONE ? -EBADMSG : store_errno(rc);
	} else if (sqlite3_column_bytes(stmt, 0) > 0) {
		r = store_unseal(store, "texts", (int64_t)seq, (uint64_t)what,
				 sqlite3_column_blob(stmt, 0),
				 (size_t)sqlite3_column_bytes(stmt, 0), (uint8_t *)room, &n);
		if (r == 0) {
			room[n] = '\0';
			text = room;
		}
	}
	(void)sqlite3_reset(stmt);
	if (r == 0)
		*ret_text = text;
	return r == -ENOSPC ? -EBADMSG : r;
}

/* What one entry needs while it is shown. */
struct shown {
	struct entry_strings strings;
	char name[LIMIT_TEXT];
	char text[LIMIT_TEXT];
};

static int show(struct store *store, const struct journal_filter *filter,
		const struct entry_view *view, uint64_t seq,
		int (*each)(const struct journal_entry *entry, void *userdata), void *userdata) {
	struct journal_entry entry;
	struct shown shown;
	int r = 0;

	entry_from_view(view, &shown.strings, &entry);
	entry.seq = seq;
	if (filter->with_texts && view->text_hash[TEXT_NAME])
		r = text_read(store, seq, TEXT_NAME, shown.name, &entry.name);
	if (r == 0 && filter->with_texts && view->text_hash[TEXT_TEXT])
		r = text_read(store, seq, TEXT_TEXT, shown.text, &entry.text);
	if (r == 0)
		r = each(&entry, userdata);
	explicit_bzero(shown.name, sizeof(shown.name));
	explicit_bzero(shown.text, sizeof(shown.text));
	return r;
}

static int parse_column(sqlite3_stmt *stmt, int column, struct entry_view *ret_view) {
	const uint8_t *body = sqlite3_column_blob(stmt, column);
	int n = sqlite3_column_bytes(stmt, column);

	return n <= 0 || entry_parse(body, (size_t)n, ret_view) < 0 ? -EBADMSG : 0;
}

int journal_query(struct store *store, const struct journal_filter *filter, uint32_t n,
		  int (*each)(const struct journal_entry *entry, void *userdata), void *userdata,
		  uint64_t *ret_next) {
	cleanup_(merge_done) struct merge merge = { 0 };
	struct stream *stream = NULL;
	uint32_t shown = 0, looked_at = 0;
	uint64_t seq = 0;
	int r;

	if (n > LIMIT_HISTORY_PAGE)
		n = LIMIT_HISTORY_PAGE;
	r = merge_plan(store, &merge, filter);
	while (r == 0 && shown < n && looked_at < QUERY_ROWS &&
	       (stream = merge_first(&merge)) != NULL) {
		struct entry_view view;

		seq = stream->seq;
		looked_at++;
		r = parse_column(stream->stmt, 1, &view);
		if (r == 0 && matches(filter, &view.fixed)) {
			shown++;
			r = show(store, filter, &view, seq, each, userdata);
		}
		if (r == 0)
			r = merge_step(&merge, seq);
	}
	if (r != 0)
		return r;
	if (n == 0)
		*ret_next = filter->before;
	else
		*ret_next = merge_first(&merge) ? seq : 0;
	return 0;
}

static void reset_stmtp(sqlite3_stmt **stmt) {
	(void)sqlite3_reset(*stmt);
}

/* Events by which one proves who one is; a handover is a sign-in over another's session. */
static bool is_sign_in(int event) {
	return event == EVENT_SIGN_IN || event == EVENT_HANDOVER;
}

static bool is_proof(int event) {
	return is_sign_in(event) || event == EVENT_UNLOCK || event == EVENT_REAUTH;
}

/* Counts one entry into @last. True when it was the successful sign-in. */
static bool note_sign_in(const struct journal_entry *e, struct journal_last *last) {
	if (e->outcome == OUTCOME_OK && !is_sign_in((int)e->event))
		return false;
	/* What was given up, or could not be tried, is nobody's failure. */
	if (e->outcome == OUTCOME_CANCELLED || e->outcome == OUTCOME_FAILED)
		return false;
	if (e->outcome == OUTCOME_OK) {
		last->has_success = true;
		last->success_wall_ms = e->at.wall_ms;
		last->success_trust = (uint8_t)e->at.trust;
		last->success_seat = e->seat;
		return true;
	}
	if (last->failures_since == 0)
		last->failure_wall_ms = e->at.wall_ms;
	last->failures_since++;
	return false;
}

int journal_last_sign_in(struct store *store, uint32_t account, struct journal_last *ret_last) {
	cleanup_(reset_stmtp) sqlite3_stmt *stmt = NULL;
	struct journal_last last = { 0 };
	int rc = SQLITE_DONE, r;

	r = store_prepare(store,
			  "SELECT event, body FROM journal INDEXED BY journal_account "
			  "WHERE account = ?1 AND account > 0 ORDER BY seq DESC",
			  &stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, account);
	for (uint32_t i = 0; i < SIGN_IN_ROWS && (rc = sqlite3_step(stmt)) == SQLITE_ROW; ++i) {
		struct entry_view view;

		if (!is_proof(sqlite3_column_int(stmt, 0)))
			continue;
		if (parse_column(stmt, 1, &view) < 0)
			return -EBADMSG;
		if (note_sign_in(&view.fixed, &last))
			break;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_errno(rc);
	*ret_last = last;
	return 0;
}

int journal_account_digest(struct store *store, uint32_t account, uint8_t ret_digest[32]) {
	cleanup_(reset_stmtp) sqlite3_stmt *stmt = NULL;
	int rc, r;

	r = store_prepare(
		store,
		"SELECT body FROM journal INDEXED BY journal_target WHERE target = ?1 AND "
		"target > 0 AND (event BETWEEN 300 AND 399 OR event = 108) ORDER BY seq DESC",
		&stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, account);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct entry_view view;

		if (parse_column(stmt, 0, &view) < 0)
			return -EBADMSG;
		if (!view.fixed.has_digest)
			continue;
		memcpy(ret_digest, view.fixed.digest, 32);
		return 0;
	}
	return rc == SQLITE_DONE ? -ENOENT : store_errno(rc);
}
