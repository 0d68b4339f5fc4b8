/* SPDX-License-Identifier: Apache-2.0 */

/* How emergencies end, and what becomes of them after a restart. */

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "auth/emergency-internal.h"
#include "auth/row.h"

#define IDENTIFY_MS   (15u * 60u * 1000u)
#define IDENTIFY_ROWS 4u
#define RESUME_ROWS   32u

/*
 * What was used inside
 */

void emergency_note_use(struct seat *seat, const struct policy_table *table, const char *action) {
	struct emergency *e = &seat->emergency;

	for (uint32_t i = 0; i < table->n_actions && i < POLICY_ACTIONS_MAX; ++i) {
		if (strncmp(table->action_names[i], action, POLICY_NAME_SIZE) == 0) {
			e->actions_used[i / 32] |= 1u << (i % 32);
			return;
		}
	}
	e->used_unknown = true;
}

struct noting {
	struct seat *seat;
	const struct policy_table *table;
};

static int note_entry(const struct journal_entry *entry, void *userdata) {
	struct noting *noting = userdata;

	emergency_note_use(noting->seat, noting->table, entry->action ? entry->action : "");
	return 0;
}

int emergency_refresh_used(struct store *store, const struct policy_table *table,
			   struct seat *seat) {
	struct noting noting = { .seat = seat, .table = table };
	struct emergency *e = &seat->emergency;
	int r;

	if (!e->open || e->policy_generation == table->generation)
		return 0;
	memset(e->actions_used, 0, sizeof(e->actions_used));
	e->used_unknown = false;
	r = emergency_entries(store, e->id, EVENT_EMERGENCY_USE, false, note_entry, &noting);
	if (r < 0) {
		e->used_unknown = true;
		return -EIO;
	}
	e->policy_generation = table->generation;
	return 0;
}

/* Does the session's role grant it, as if there were no emergency? */
static bool is_granted(const struct policy_table *table, const struct policy_state *state,
		       uint32_t action, const struct moment *now) {
	enum cw_verdict verdict = policy_decide(table, state, action, now->boot_ms);

	/* A witness may be missing: the role grants it all the same. */
	return verdict == CW_ALLOW ||
	       (verdict == CW_CONFIRM &&
		policy_reason(table, state, action, now->boot_ms) == CW_REASON_WITNESS);
}

/* Every care action used inside; when none was, at least one that there is. */
static bool session_covers(const struct seat *seat, const struct policy_table *table,
			   const struct moment *now) {
	const struct emergency *e = &seat->emergency;
	struct policy_state state;
	bool used = false, grants = false;

	if (e->used_unknown)
		return false;
	seat_state(seat, table, now, 1000, &state);
	state.emergency = 0;
	for (uint32_t i = 0; i < table->n_actions && i < POLICY_ACTIONS_MAX; ++i) {
		bool is_used = (e->actions_used[i / 32] & 1u << (i % 32)) != 0;

		if (table->actions[i].kind != CW_KIND_CARE)
			continue;
		if (is_granted(table, &state, i, now))
			grants = true;
		else if (is_used)
			return false;
		used = used || is_used;
	}
	return used || grants;
}

/*
 * Ending
 */

static int write_end(struct store *store, struct journal_entry *entry, const struct seat *seat,
		     enum emergency_state state) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct emergency_row row;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = emergency_row_load(store, entry->emergency, &row);
	if (r == -ENOENT || r == -EBADMSG) {
		/* Its start is not durable yet, or the row is damaged. */
		row = (struct emergency_row){
			.seat = (uint8_t)(seat->index + 1),
			.wall_ms = entry->at.wall_ms,
			.review = REVIEW_OPEN,
		};
		memcpy(row.id, entry->emergency, sizeof(row.id));
		r = 0;
	}
	if (r == 0)
		r = journal_append(store, entry);
	if (r < 0)
		return r;
	row.state = state;
	row.ended_seq = entry->seq;
	r = emergency_row_store(store, &row);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

int emergency_end(struct store *store, struct seat *seat, const char *how, uint32_t account,
		  const struct moment *now) {
	char detail[LIMIT_NAME];
	struct journal_entry entry;

	(void)snprintf(detail, sizeof(detail), "how=%.48s", how);
	flow_entry(&entry, seat, NULL, now, EVENT_EMERGENCY_ENDED, OUTCOME_OK);
	entry.detail = detail;
	entry.account = account;
	if (account == 0) {
		entry.assurance = CW_ASSURANCE_NONE;
		entry.factor = CW_FACTOR_NONE;
	}
	emergency_forget(seat, entry.emergency);
	return write_end(store, &entry, seat, EMERGENCY_ENDED);
}

static bool patient_is_gone(struct seat *seat, const struct policy *policy,
			    const struct moment *now) {
	uint64_t gone_ms = (uint64_t)policy->settings.break_glass.patient_gone_s * 1000;
	struct emergency *e = &seat->emergency;
	uint32_t signal = policy->table.patient_signal;

	if (signal == 0 || seat_signal_value(seat, signal - 1, now) >= 0) {
		e->gone_since_ms = 0;
		return false;
	}
	if (e->gone_since_ms == 0 || e->gone_since_ms > now->boot_ms)
		e->gone_since_ms = now->boot_ms == 0 ? 1 : now->boot_ms;
	return gone_ms != 0 && now->boot_ms - e->gone_since_ms >= gone_ms;
}

/* Once per silence. */
static bool is_still_needed_due(const struct seat *seat, const struct policy *policy,
				const struct moment *now) {
	uint64_t quiet_ms = (uint64_t)policy->settings.break_glass.still_needed_s * 1000;
	const struct emergency *e = &seat->emergency;

	return !e->asked && quiet_ms != 0 && now->boot_ms >= e->used_ms &&
	       now->boot_ms - e->used_ms >= quiet_ms;
}

int emergency_tick(struct store *store, const struct policy *policy, struct seat *seat,
		   const struct moment *now, bool *ret_ended, bool *ret_ask) {
	struct journal_entry entry;
	int r = 0;

	*ret_ended = false;
	*ret_ask = false;
	if (!seat->emergency.open)
		return 0;
	if (patient_is_gone(seat, policy, now)) {
		*ret_ended = true;
		r = emergency_end(store, seat, "patient-gone", 0, now);
		return r < 0 ? -EIO : 0;
	}
	if (!is_still_needed_due(seat, policy, now))
		return 0;
	seat->emergency.asked = true;
	*ret_ask = true;
	flow_entry(&entry, seat, NULL, now, EVENT_EMERGENCY_STILL_NEEDED, OUTCOME_OK);
	entry.account = 0;
	entry.assurance = CW_ASSURANCE_NONE;
	entry.factor = CW_FACTOR_NONE;
	r = journal_append(store, &entry);
	return r < 0 ? -EIO : 0;
}

int emergency_on_sign_in(struct store *store, const struct policy *policy, struct seat *seat,
			 const struct moment *now) {
	int identified, r;

	if (seat->session.number == 0 || seat->session.lock != SEAT_UNLOCKED)
		return 0;
	identified = emergency_identify(store, seat, now);
	if (!seat->emergency.open)
		return identified < 0 ? -EIO : 0;
	r = emergency_refresh_used(store, &policy->table, seat);
	if (r < 0)
		return -EIO;
	if (!session_covers(seat, &policy->table, now))
		return identified < 0 ? -EIO : 0;
	r = emergency_end(store, seat, "sign-in", seat->session.account, now);
	return r < 0 ? -EIO : 1;
}

int emergency_on_event(struct store *store, struct seat *seat, const char *what,
		       const struct moment *now) {
	int r;

	if (!seat->emergency.open)
		return 0;
	r = emergency_end(store, seat, what, 0, now);
	return r < 0 ? -EIO : 1;
}

/*
 * Locked out, then identified
 */

/* What is asked of the journal about one emergency and one account. */
struct inquiry {
	struct store *store;
	uint32_t account;
	const struct moment *now;
	char name[LIMIT_NAME]; /* claimed; empty: nobody said                            */
	bool is_named;         /* it is this account's                                   */
	bool was_locked_out;
	bool is_recent;
	uint8_t boot_id[16];
	uint64_t start_ms;
};

static int see_start(const struct journal_entry *entry, void *userdata) {
	struct inquiry *q = userdata;
	const bool late = entry->has_claim;

	memcpy(q->boot_id, late ? entry->claimed_boot_id : entry->at.boot_id, sizeof(q->boot_id));
	q->start_ms = late ? entry->claimed_boot_ms : entry->at.boot_ms;
	if (entry->name && account_normalise(entry->name, strlen(entry->name), q->name) < 0)
		q->name[0] = '\0';
	return 0;
}

static int see_end(const struct journal_entry *entry, void *userdata) {
	struct inquiry *q = userdata;

	q->is_recent = memcmp(entry->at.boot_id, q->now->boot_id, 16) == 0 &&
		       q->now->boot_ms >= entry->at.boot_ms &&
		       q->now->boot_ms - entry->at.boot_ms <= IDENTIFY_MS;
	return 0;
}

static int see_lockout(const struct journal_entry *entry, void *userdata) {
	struct inquiry *q = userdata;

	if (entry->account != q->account || memcmp(entry->at.boot_id, q->boot_id, 16) != 0 ||
	    (entry->event != EVENT_LOCKOUT && entry->outcome != OUTCOME_LOCKED))
		return 0;
	q->was_locked_out = entry->at.boot_ms + IDENTIFY_MS >= q->start_ms;
	return q->was_locked_out ? 1 : 0;
}

static int inquire(struct inquiry *q, const struct emergency_row *row) {
	struct journal_filter filter = {
		.account = q->account,
		.event_from = EVENT_SIGN_IN,
		.event_to = EVENT_LOCKOUT,
	};
	struct account account;
	uint64_t next = 0;
	int r;

	q->is_recent = row->state == EMERGENCY_OPEN;
	r = emergency_entry(q->store, row->started_seq, true, see_start, q);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!q->is_recent) {
		r = emergency_entry(q->store, row->ended_seq ? row->ended_seq : row->started_seq,
				    false, see_end, q);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	q->is_named = q->name[0] != '\0' && account_by_name(q->store, q->name, &account) == 0 &&
		      account.number == q->account;
	if (!q->is_recent || q->is_named)
		return 0;
	r = journal_query(q->store, &filter, LIMIT_HISTORY_PAGE, see_lockout, q, &next);
	return r < 0 ? r : 0;
}

static int write_identified(struct store *store, const struct seat *seat, const struct inquiry *q,
			    struct emergency_row *row) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct journal_entry entry;
	int r;

	flow_entry(&entry, seat, NULL, q->now, EVENT_EMERGENCY_IDENTIFIED, OUTCOME_OK);
	flow_entry_emergency(&entry, row->id);
	entry.detail = q->is_named ? "by=claimed-name" : "by=locked-out";
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	row->identified = q->account;
	r = journal_append(store, &entry);
	if (r == 0)
		r = emergency_row_store(store, row);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

/* Rows that a statement finds; damaged ones are passed over and counted. */
static int load_rows(struct store *store, const char *sql, int64_t first, int64_t second,
		     struct emergency_row *rows, uint32_t n_rows, uint32_t *ret_n,
		     uint32_t *ret_damaged) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	uint32_t n = 0, damaged = 0;
	int r;

	r = store_prepare(store, sql, &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, first) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, second) != SQLITE_OK)
		return -EIO;
	while (n < n_rows) {
		bool found = false;

		r = sql_row(stmt, &found);
		if (r < 0)
			return r;
		if (!found)
			break;
		r = emergency_row_read(store, stmt, &rows[n]);
		if (r == -EBADMSG)
			damaged++;
		else if (r < 0)
			return r;
		else
			n++;
	}
	*ret_n = n;
	*ret_damaged = damaged;
	return 0;
}

int emergency_identify(struct store *store, const struct seat *seat, const struct moment *now) {
	static const char sql[] =
		"SELECT " EMERGENCY_COLUMNS " FROM emergencies WHERE seat = ?1 "
		"AND review = ?2 AND identified = 0 ORDER BY wall DESC, id LIMIT 4";
	struct emergency_row rows[IDENTIFY_ROWS];
	uint32_t n = 0, damaged = 0;
	int r;

	r = load_rows(store, sql, seat->index + 1, REVIEW_OPEN, rows, IDENTIFY_ROWS, &n, &damaged);
	for (uint32_t i = 0; r == 0 && i < n; ++i) {
		struct inquiry q = {
			.store = store,
			.account = seat->session.account,
			.now = now,
		};

		r = inquire(&q, &rows[i]);
		if (r == 0 && q.is_recent && (q.is_named || q.was_locked_out))
			r = write_identified(store, seat, &q, &rows[i]);
	}
	return r < 0 ? -EIO : 0;
}

/*
 * After a restart
 */

struct resuming {
	struct seat *seat;
	const struct emergency_row *row;
	const struct moment *now;
	bool is_this_boot;
	uint64_t since_ms;
	uint64_t used_ms;
};

static int see_beginning(const struct journal_entry *entry, void *userdata) {
	struct resuming *re = userdata;

	re->is_this_boot = memcmp(entry->at.boot_id, re->now->boot_id, 16) == 0;
	re->since_ms = entry->at.boot_ms;
	return 0;
}

static int see_newest_use(const struct journal_entry *entry, void *userdata) {
	struct resuming *re = userdata;

	re->used_ms = entry->at.boot_ms;
	return 1;
}

static void open_again(struct resuming *re, struct store *store) {
	struct emergency *e = &re->seat->emergency;

	re->used_ms = re->since_ms;
	(void)emergency_entries(store, re->row->id, EVENT_EMERGENCY_USE, false, see_newest_use, re);
	*e = (struct emergency){
		.open = true,
		.since_ms = re->since_ms,
		.used_ms = re->used_ms,
		.n_uses = re->row->uses,
		/* generation 0: what was used is read when it is needed */
	};
	memcpy(e->id, re->row->id, sizeof(e->id));
}

static int interrupt(struct store *store, const struct emergency_row *row,
		     const struct moment *now) {
	const struct seat seat = { .index = (uint8_t)(row->seat - 1) };
	struct journal_entry entry;

	flow_entry(&entry, &seat, NULL, now, EVENT_EMERGENCY_INTERRUPTED, OUTCOME_OK);
	entry.flags |= ENTRY_EMERGENCY;
	flow_entry_emergency(&entry, row->id);
	return write_end(store, &entry, &seat, EMERGENCY_INTERRUPTED);
}

static int resume_one(struct store *store, struct seat *seats, uint32_t n_seats,
		      const struct emergency_row *row, const struct moment *now) {
	struct resuming re = { .row = row, .now = now };
	int r;

	for (uint32_t i = 0; i < n_seats; ++i)
		if (seats[i].index + 1 == row->seat)
			re.seat = &seats[i];
	r = emergency_entry(store, row->started_seq, false, see_beginning, &re);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r < 0 || !re.is_this_boot || !re.seat || re.seat->emergency.open)
		return interrupt(store, row, now);
	open_again(&re, store);
	return 0;
}

static int alarm_damaged(struct store *store, uint32_t n, const struct moment *now) {
	struct journal_entry entry = {
		.at = *now,
		.event = EVENT_ALARM,
		.outcome = OUTCOME_FAILED,
		.peer_uid = UINT32_MAX,
		.detail = "what=emergency-row-damaged",
	};

	return n == 0 ? 0 : journal_append(store, &entry);
}

int emergency_resume(struct store *store, struct seat *seats, uint32_t n_seats,
		     const struct moment *now) {
	static const char sql[] = "SELECT " EMERGENCY_COLUMNS " FROM emergencies WHERE state = ?1 "
				  "AND wall >= ?2 ORDER BY wall, id";
	struct emergency_row rows[RESUME_ROWS];
	uint32_t n = 0, damaged = 0;
	int r;

	/* Those of this boot stay in the list, at most one for each seat. */
	do {
		r = load_rows(store, sql, EMERGENCY_OPEN, INT64_MIN, rows, RESUME_ROWS, &n,
			      &damaged);
		if (r < 0)
			return -EIO;
		for (uint32_t i = 0; r == 0 && i < n_seats; ++i)
			seats[i].emergency = (struct emergency){ 0 };
		for (uint32_t i = 0; r == 0 && i < n; ++i)
			r = resume_one(store, seats, n_seats, &rows[i], now);
	} while (r == 0 && n == RESUME_ROWS);
	if (r == 0)
		r = alarm_damaged(store, damaged, now);
	return r < 0 ? -EIO : 0;
}
