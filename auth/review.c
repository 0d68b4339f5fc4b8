/* SPDX-License-Identifier: Apache-2.0 */

/* Reviews of emergencies. */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "auth/emergency-row.h"
#include "auth/row.h"

static const char *const outcomes[REVIEW_N] = {
	[REVIEW_JUSTIFIED] = "justified",
	[REVIEW_ROLE_GAP] = "role-gap",
	[REVIEW_REFER] = "refer",
	[REVIEW_TEST] = "test",
};

static void copy_text(char *to, size_t size, const char *from) {
	if (from)
		(void)snprintf(to, size, "%s", from);
}

static int see_start(const struct journal_entry *entry, void *userdata) {
	struct review *review = userdata;

	review->started_ms = entry->has_claim ? entry->claimed_wall_ms : entry->at.wall_ms;
	copy_text(review->claimed, sizeof(review->claimed), entry->name);
	return 0;
}

static int see_end(const struct journal_entry *entry, void *userdata) {
	struct review *review = userdata;

	review->ended_ms = entry->at.wall_ms;
	return 0;
}

/* The newest one; a reason of the site's list stands in the detail. */
static int see_reason(const struct journal_entry *entry, void *userdata) {
	static const char key[] = "reason=";
	struct review *review = userdata;

	copy_text(review->reason, sizeof(review->reason), entry->name);
	if (entry->detail && strncmp(entry->detail, key, sizeof(key) - 1) == 0)
		copy_text(review->reason, sizeof(review->reason), entry->detail + sizeof(key) - 1);
	copy_text(review->text, sizeof(review->text), entry->text);
	return 1;
}

static int review_fill(struct store *store, const struct emergency_row *row,
		       struct review *review) {
	int r;

	*review = (struct review){
		.seat = row->seat,
		.state = row->state,
		.review = row->review,
		.started_seq = row->started_seq,
		.ended_seq = row->ended_seq,
		.started_ms = row->wall_ms,
		.identified = row->identified,
		.uses = row->uses,
		.reviewer = row->reviewer,
	};
	memcpy(review->id, row->id, sizeof(review->id));
	r = emergency_entry(store, row->started_seq, true, see_start, review);
	if (r < 0 && r != -ENOENT)
		return r;
	r = emergency_entry(store, row->ended_seq, false, see_end, review);
	if (r < 0 && r != -ENOENT)
		return r;
	r = emergency_entries(store, row->id, EVENT_EMERGENCY_REASON, true, see_reason, review);
	return r < 0 ? r : 0;
}

static bool is_overdue(const struct review *review, const struct policy *policy,
		       const struct moment *now) {
	int64_t due_ms = (int64_t)policy->settings.break_glass.review_due_s * 1000;

	return review->review == REVIEW_OPEN && now->trust == CLOCK_TRUSTED &&
	       now->wall_ms > review->started_ms && now->wall_ms - review->started_ms > due_ms;
}

/* The next row behind the last one shown. Return: 1; 0; -EBADMSG (damaged; moved on); -EIO. */
struct cursor {
	int64_t wall_ms;
	uint8_t id[16];
};

static int next_row(struct store *store, bool all, struct cursor *cursor,
		    struct emergency_row *ret_row) {
	static const char sql[] = "SELECT " EMERGENCY_COLUMNS " FROM emergencies "
				  "WHERE (wall, id) > (?1, ?2) AND review >= ?3 AND review <= ?4 "
				  "ORDER BY wall, id LIMIT 1";
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	int r;

	r = store_prepare(store, sql, &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, cursor->wall_ms) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 2, cursor->id, sizeof(cursor->id), SQLITE_STATIC) !=
		    SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 3, REVIEW_OPEN) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 4, all ? REVIEW_N - 1 : REVIEW_OPEN) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0 || !found)
		return r;
	cursor->wall_ms = sqlite3_column_int64(stmt, 7);
	if (sqlite3_column_bytes(stmt, 0) != (int)sizeof(cursor->id))
		return -EIO;
	memcpy(cursor->id, sqlite3_column_blob(stmt, 0), sizeof(cursor->id));
	r = emergency_row_read(store, stmt, ret_row);
	return r < 0 ? r : 1;
}

int review_list(struct store *store, const struct policy *policy, bool all,
		const struct moment *now, int (*each)(const struct review *review, void *userdata),
		void *userdata) {
	struct cursor cursor = { .wall_ms = INT64_MIN };

	for (;;) {
		struct emergency_row row;
		struct review review;
		int r = next_row(store, all, &cursor, &row);

		if (r == 0)
			return 0;
		if (r == -EBADMSG) {
			/* Somebody has to look at it: id only, state EMERGENCY_NONE. */
			review = (struct review){ .started_ms = cursor.wall_ms };
			memcpy(review.id, cursor.id, sizeof(review.id));
		} else if (r > 0) {
			r = review_fill(store, &row, &review);
			if (r < 0)
				return -EIO;
			review.overdue = is_overdue(&review, policy, now);
		} else {
			return -EIO;
		}
		r = each(&review, userdata);
		if (r != 0)
			return r;
	}
}

/*
 * Who may close
 */

/* People who were inside, as far as the record says. */
#define INSIDE_MAX 4u
struct inside {
	uint32_t n;
	uint32_t accounts[INSIDE_MAX];
	char claimed[LIMIT_NAME];
};

static void inside_add(struct inside *inside, uint32_t account) {
	if (account != 0 && inside->n < INSIDE_MAX)
		inside->accounts[inside->n++] = account;
}

static int inside_start(const struct journal_entry *entry, void *userdata) {
	struct inside *inside = userdata;

	inside_add(inside, entry->target); /* who was signed in when it began */
	copy_text(inside->claimed, sizeof(inside->claimed), entry->name);
	return 0;
}

static int inside_end(const struct journal_entry *entry, void *userdata) {
	inside_add(userdata, entry->account); /* whose sign-in ended it */
	return 0;
}

/* Return: 0; -EIO. */
static int inside_find(struct store *store, const struct emergency_row *row,
		       struct inside *inside) {
	char name[LIMIT_NAME];
	struct account account;
	int r;

	inside_add(inside, row->identified);
	r = emergency_entry(store, row->started_seq, true, inside_start, inside);
	if (r < 0 && r != -ENOENT)
		return -EIO;
	r = emergency_entry(store, row->ended_seq, false, inside_end, inside);
	if (r < 0 && r != -ENOENT)
		return -EIO;
	if (inside->claimed[0] == '\0' ||
	    account_normalise(inside->claimed, strlen(inside->claimed), name) < 0)
		return 0;
	r = account_by_name(store, name, &account);
	if (r == 0)
		inside_add(inside, account.number);
	return r == 0 || r == -ENOENT || r == -EBADMSG ? 0 : -EIO;
}

/* Return: 0; -EPERM; -EIO. */
static int reviewer_is_independent(struct store *store, const struct emergency_row *row,
				   uint32_t reviewer) {
	struct inside inside = { 0 };
	int r;

	if (reviewer == 0)
		return -EPERM;
	r = inside_find(store, row, &inside);
	for (uint32_t i = 0; r == 0 && i < inside.n; ++i) {
		if (inside.accounts[i] == reviewer)
			return -EPERM;
		r = account_touched_by(store, inside.accounts[i], reviewer) != 0 ? -EPERM : 0;
	}
	return r;
}

static int close_entry(struct store *store, const struct actor *actor, const uint8_t id[16],
		       enum audit_outcome outcome, enum review_state review, const char *text,
		       const struct moment *now) {
	struct journal_entry entry = {
		.at = *now,
		.event = EVENT_REVIEW_CLOSED,
		.outcome = outcome,
		.seat = actor->seat,
		.assurance = actor->assurance,
		.factor = actor->factor,
		.account = actor->account,
		.session = actor->session,
		.peer_uid = actor->peer_uid,
		.reason = outcome == OUTCOME_OK ? CW_REASON_GRANTED : CW_REASON_ROLE,
		.has_emergency = true,
		.text = text && text[0] != '\0' ? text : NULL,
	};
	char detail[LIMIT_NAME];

	(void)snprintf(detail, sizeof(detail), "outcome=%s", outcomes[review]);
	entry.detail = detail;
	memcpy(entry.emergency, id, sizeof(entry.emergency));
	return journal_append(store, &entry);
}

static int close_rows(struct store *store, const struct actor *actor, struct emergency_row *row,
		      enum review_state outcome, const char *text, const struct moment *now) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	row->review = outcome;
	row->reviewer = actor->account;
	r = close_entry(store, actor, row->id, OUTCOME_OK, outcome, text, now);
	if (r == 0)
		r = emergency_row_store(store, row);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

int review_close(struct store *store, const struct actor *actor, const uint8_t id[16],
		 enum review_state outcome, const char *text, const struct moment *now) {
	struct emergency_row row;
	int r;

	if (outcome <= REVIEW_OPEN || outcome >= REVIEW_N)
		return -EINVAL;
	r = emergency_row_load(store, id, &row);
	if (r < 0)
		return r == -ENOENT ? r : -EIO;
	if (row.review == REVIEW_NONE)
		return -ENOENT; /* joined to another one */
	if (row.review != REVIEW_OPEN)
		return -EALREADY;
	if (row.state == EMERGENCY_OPEN)
		return -EBUSY;
	r = reviewer_is_independent(store, &row, actor->account);
	if (r == -EPERM)
		return close_entry(store, actor, id, OUTCOME_REFUSED, outcome, NULL, now) < 0
			       ? -EIO
			       : -EPERM;
	if (r == 0)
		r = close_rows(store, actor, &row, outcome, text, now);
	return r < 0 ? -EIO : 0;
}

int review_count(struct store *store, uint32_t *ret_open) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	sqlite3_int64 n;

	if (store_prepare(store, "SELECT count(*) FROM emergencies WHERE review = ?1", &stmt) < 0 ||
	    sqlite3_bind_int64(stmt, 1, REVIEW_OPEN) != SQLITE_OK || sql_row(stmt, &found) < 0 ||
	    !found)
		return -EIO;
	n = sqlite3_column_int64(stmt, 0);
	*ret_open = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	return 0;
}
