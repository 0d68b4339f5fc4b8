/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sqlite3.h>

#include "auth/layout.h"
#include "auth/lockout-time.h"
#include "auth/lockout.h"
#include "auth/row.h"
#include "common/limits.h"

#define CODE_TRIES_TIMES 2u /* as many tries at all seats together as at one       */
#define FAILURES_OF_DAMAGED 8u /* a row that cannot be believed, in a sum          */

/* A row of `lockouts`. */
struct lockout_row {
	struct lockout_key key;
	uint32_t failures;
	struct lockout_clock clock; /* boot_ms is of boot_id                          */
	uint8_t boot_id[16];
	uint8_t mac[32];
};

static int row_mac(struct store *store, const struct lockout_row *row, uint8_t ret_mac[32]) {
	uint8_t columns[64];
	struct layout_writer w = { .p = columns, .capacity = sizeof(columns) };

	layout_put64(&w, (uint64_t)row->key.subject);
	layout_put32(&w, (uint32_t)row->key.factor);
	layout_put32(&w, row->key.seat);
	layout_put64(&w, row->failures);
	layout_put64(&w, row->clock.remaining_ms);
	layout_put(&w, row->boot_id, sizeof(row->boot_id));
	layout_put64(&w, row->clock.boot_ms);
	return w.failed ? -EIO : store_mac(store, "lockout row", columns, w.n, ret_mac);
}

/* Columns 3..7 of a statement that stands on a row. Return: 0; -EBADMSG; -EIO. */
static int row_read(struct store *store, sqlite3_stmt *stmt, const struct lockout_key *key,
                    struct lockout_row *ret_row) {
	sqlite3_int64 failures = sqlite3_column_int64(stmt, 3);
	sqlite3_int64 remaining = sqlite3_column_int64(stmt, 4);
	sqlite3_int64 boot_ms = sqlite3_column_int64(stmt, 6);
	struct lockout_row row = { .key = *key };
	uint8_t mac[32];
	int r;

	if (failures < 0 || failures > UINT32_MAX || remaining < 0 || boot_ms < 0 ||
	    sqlite3_column_bytes(stmt, 5) != (int)sizeof(row.boot_id) ||
	    sqlite3_column_bytes(stmt, 7) != (int)sizeof(row.mac))
		return -EBADMSG;
	row.failures = (uint32_t)failures;
	row.clock.remaining_ms = (uint64_t)remaining;
	row.clock.boot_ms = (uint64_t)boot_ms;
	memcpy(row.boot_id, sqlite3_column_blob(stmt, 5), sizeof(row.boot_id));
	memcpy(row.mac, sqlite3_column_blob(stmt, 7), sizeof(row.mac));
	r = row_mac(store, &row, mac);
	if (r < 0)
		return r;
	if (!equal_32(mac, row.mac))
		return -EBADMSG;
	*ret_row = row;
	return 0;
}

#define LOCKOUT_COLUMNS "subject, factor, seat, failures, remaining_ms, boot_id, boot_ms, mac"

static int bind_key(sqlite3_stmt *stmt, const struct lockout_key *key) {
	return sqlite3_bind_int64(stmt, 1, key->subject) == SQLITE_OK &&
	                       sqlite3_bind_int64(stmt, 2, key->factor) == SQLITE_OK &&
	                       sqlite3_bind_int64(stmt, 3, key->seat) == SQLITE_OK
	               ? 0
	               : -EIO;
}

/* No row is a row of zeroes. Return: 0; -EBADMSG; -EIO. */
static int row_load(struct store *store, const struct lockout_key *key,
                    struct lockout_row *ret_row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	int r;

	r = store_prepare(store,
	                  "SELECT " LOCKOUT_COLUMNS
	                  " FROM lockouts WHERE subject = ?1 AND factor = ?2 AND seat = ?3",
	                  &stmt);
	if (r < 0)
		return r;
	r = bind_key(stmt, key);
	if (r == 0)
		r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	if (!found) {
		*ret_row = (struct lockout_row){ .key = *key };
		return 0;
	}
	return row_read(store, stmt, key, ret_row);
}

static int row_store(struct store *store, struct lockout_row *row) {
	sqlite3_stmt *stmt = NULL;
	int r;

	r = row_mac(store, row, row->mac);
	if (r < 0)
		return r;
	r = store_prepare(store,
	                  "INSERT OR REPLACE INTO lockouts (" LOCKOUT_COLUMNS
	                  ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	                  &stmt);
	if (r < 0)
		return r;
	r = bind_key(stmt, &row->key);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 4, row->failures) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 5, (sqlite3_int64)row->clock.remaining_ms) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 6, row->boot_id, sizeof(row->boot_id), SQLITE_STATIC) !=
	            SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 7, (sqlite3_int64)row->clock.boot_ms) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 8, row->mac, sizeof(row->mac), SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	return sql_done(stmt);
}

static int row_delete(struct store *store, const struct lockout_key *key) {
	sqlite3_stmt *stmt = NULL;
	int r;

	r = store_prepare(store,
	                  "DELETE FROM lockouts WHERE subject = ?1 AND factor = ?2 AND seat = ?3",
	                  &stmt);
	if (r < 0)
		return r;
	r = bind_key(stmt, key);
	return r < 0 ? r : sql_done(stmt);
}

/* Brings the row to now: what remains, measured in this boot. */
static void row_advance(struct lockout_row *row, const struct moment *now) {
	bool same_boot = memcmp(row->boot_id, now->boot_id, sizeof(row->boot_id)) == 0;

	row->clock = lockout_advance(&row->clock, same_boot, now->boot_ms);
	memcpy(row->boot_id, now->boot_id, sizeof(row->boot_id));
}

static struct lockout lockout_of(const struct lockout_row *row, const struct lockout_rules *rules) {
	return (struct lockout){
		.failures = row->failures,
		.remaining_ms = lockout_within_rules(rules, row->clock.remaining_ms),
		.disabled = row->failures >= lockout_disable_at(rules),
	};
}

/* What a row that cannot be believed is taken for: once the longest wait. */
static void row_restrict(struct lockout_row *row, const struct lockout_rules *rules,
                         const struct lockout_key *key, const struct moment *now) {
	*row = (struct lockout_row){
		.key = *key,
		.failures = lockout_worst_failures(rules, key->factor),
	};
	row_advance(row, now);
	row->clock.remaining_ms = lockout_longest_ms(rules);
}

/* One row, changed in a transaction of its own or in the caller's. */
static int row_write(struct store *store, struct lockout_row *row) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = row_store(store, row);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

int lockout_unknown(struct store *store, const char *name, int64_t *ret_subject) {
	uint8_t mac[32];
	int r;

	r = store_mac(store, "lockout name", (const uint8_t *)name, strlen(name), mac);
	if (r < 0)
		return r;
	*ret_subject = -1 - (int64_t)(get_le32(mac) % LOCKOUT_BUCKETS);
	return 0;
}

/*
 * All seats together
 *
 * Only for codes: whoever goes from seat to seat has no more tries than one ladder
 * gives. The sum is that of the seats' rows, so a success takes back what was typed
 * at its own seat, and nothing that somebody typed elsewhere.
 */

static bool counts_everywhere(const struct lockout_key *key) {
	return key->factor == CW_FACTOR_CODE;
}

static struct lockout_key key_everywhere(const struct lockout_key *key) {
	return (struct lockout_key){ .subject = key->subject, .factor = key->factor };
}

/* Return: 0; -EIO. */
static int sum_of_seats(struct store *store, const struct lockout_key *key,
			uint32_t *ret_failures) {
	struct lockout_key at = *key;
	uint64_t sum = 0;

	for (uint8_t seat = 1; seat <= LIMIT_SEATS; ++seat) {
		struct lockout_row row = { .failures = 0 };
		int r;

		at.seat = seat;
		r = row_load(store, &at, &row);
		if (r < 0 && r != -EBADMSG)
			return r;
		sum += r == -EBADMSG ? FAILURES_OF_DAMAGED : row.failures;
	}
	*ret_failures = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
	return 0;
}

/* The row of all seats, as it is now. A damaged one waits longest, once. */
static int load_everywhere(struct store *store, const struct lockout_rules *rules,
			   const struct lockout_key *key, const struct moment *now,
			   struct lockout_row *ret_row) {
	const struct lockout_key all = key_everywhere(key);
	int r = row_load(store, &all, ret_row);

	if (r < 0 && r != -EBADMSG)
		return r;
	if (r == -EBADMSG) {
		row_restrict(ret_row, rules, &all, now);
		(void)row_write(store, ret_row);
	}
	row_advance(ret_row, now);
	return r;
}

/* What waits at one seat or at all of them waits. */
static void join(struct lockout *lockout, const struct lockout_row *everywhere,
		 const struct lockout_rules *rules) {
	struct lockout all = lockout_of(everywhere, rules);

	if (all.remaining_ms > lockout->remaining_ms)
		lockout->remaining_ms = all.remaining_ms;
	lockout->disabled |= all.disabled;
}

/* After a seat's row has changed. @counts: by a try, which may begin a wait. */
static int sum_up(struct store *store, const struct lockout_rules *rules,
		  const struct lockout_key *key, const struct moment *now, bool counts,
		  struct lockout *lockout) {
	struct lockout_row row;
	uint64_t wait;
	int r = load_everywhere(store, rules, key, now, &row);

	if (r < 0 && r != -EBADMSG)
		return r;
	r = sum_of_seats(store, key, &row.failures);
	if (r < 0)
		return r;
	/* A try is only counted while no wait runs: what runs now was set by counting it. */
	wait = lockout_wait_ms(rules, row.failures,
			       CODE_TRIES_TIMES * lockout_free_tries(rules, key->factor));
	if (!counts)
		row.clock.remaining_ms = 0;
	else if (wait > row.clock.remaining_ms)
		row.clock.remaining_ms = wait;
	r = row_write(store, &row);
	if (r == 0 && lockout)
		join(lockout, &row, rules);
	return r;
}

int lockout_read(struct store *store, const struct lockout_rules *rules,
                 const struct lockout_key *key, const struct moment *now,
                 struct lockout *ret_lockout) {
	struct lockout_row row, all;
	struct lockout lockout;
	int r, e = 0;

	r = row_load(store, key, &row);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (r == -EBADMSG) {
		/* A good row in its place, so that the wait ends. Where nothing can
		 * be written, it holds for as long as that is so. */
		row_restrict(&row, rules, key, now);
		(void)row_write(store, &row);
	}
	row_advance(&row, now);
	lockout = lockout_of(&row, rules);
	if (counts_everywhere(key)) {
		e = load_everywhere(store, rules, key, now, &all);
		if (e < 0 && e != -EBADMSG)
			return e;
		join(&lockout, &all, rules);
	}
	*ret_lockout = lockout;
	return r < 0 ? r : e;
}

/* The seat's row and, of a code, that of all seats: one transaction. */
static int count_rows(struct store *store, const struct lockout_rules *rules,
		      struct lockout_row *row, const struct moment *now,
		      struct lockout *ret_lockout) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct lockout lockout = lockout_of(row, rules);
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = row_store(store, row);
	if (r == 0 && counts_everywhere(&row->key))
		r = sum_up(store, rules, &row->key, now, true, &lockout);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	r = store_commit(store);
	if (r == 0)
		*ret_lockout = lockout;
	return r;
}

int lockout_count(struct store *store, const struct lockout_rules *rules,
                  const struct lockout_key *key, const struct moment *now,
                  struct lockout *ret_lockout) {
	struct lockout_row row;
	uint64_t wait;
	int r;

	r = row_load(store, key, &row);
	if (r == -EBADMSG)
		row_restrict(&row, rules, key, now);
	else if (r < 0)
		return r;

	row_advance(&row, now);
	row.failures = lockout_one_more(row.failures);
	wait = lockout_wait_ms(rules, row.failures, lockout_free_tries(rules, key->factor));
	if (wait > row.clock.remaining_ms)
		row.clock.remaining_ms = wait;
	return count_rows(store, rules, &row, now, ret_lockout);
}

/*
 * lockout_uncount() - a try that was counted but never verified
 *
 * A try is only counted while no wait runs, so that the wait which runs now was
 * set by counting it, and goes with it.
 *
 * Return: 0; -EBADMSG (damaged: nothing is taken back); -EIO; -ENOSPC; -EROFS.
 */
int lockout_uncount(struct store *store, const struct lockout_rules *rules,
                    const struct lockout_key *key, const struct moment *now) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct lockout_row row;
	int r;

	r = row_load(store, key, &row);
	if (r < 0 || row.failures == 0)
		return r;
	row_advance(&row, now);
	--row.failures;
	row.clock.remaining_ms = 0;
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = row_store(store, &row);
	if (r == 0 && counts_everywhere(key))
		r = sum_up(store, rules, key, now, false, NULL);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

/* What is left at the other seats, without a wait; nothing at all: no row. */
static int clear_everywhere(struct store *store, const struct lockout_key *key) {
	struct lockout_row row = { .key = key_everywhere(key) };
	int r = sum_of_seats(store, key, &row.failures);

	if (r < 0)
		return r;
	return row.failures == 0 ? row_delete(store, &row.key) : row_store(store, &row);
}

int lockout_clear(struct store *store, const struct lockout_key *key) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = row_delete(store, key);
	if (r == 0 && counts_everywhere(key))
		r = clear_everywhere(store, key);
	if (r < 0)
		return r;
	transaction = NULL;
	return store_commit(store);
}

static int delete_account(struct store *store, uint32_t account, enum cw_factor factor) {
	sqlite3_stmt *stmt = NULL;
	int r;

	r = store_prepare(store, "DELETE FROM lockouts WHERE subject = ?1 AND factor = ?2", &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, account) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, factor) != SQLITE_OK)
		return -EIO;
	return sql_done(stmt);
}

int lockout_clear_account(struct store *store, uint32_t account, enum cw_factor factor) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = delete_account(store, account, factor);
	if (r < 0)
		return r;
	transaction = NULL;
	return store_commit(store);
}

/* A place in the table, in the numbers that stand there, sound or not. */
struct lockout_place {
	sqlite3_int64 subject;
	sqlite3_int64 factor;
	sqlite3_int64 seat;
};

/*
 * The next row after @place whose wait runs; @place moves to it.
 *
 * Return: 0; -ENOENT (no more); -EBADMSG (it is damaged); -EIO.
 */
static int row_next_running(struct store *store, struct lockout_place *place,
                            struct lockout_row *ret_row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	struct lockout_key key;
	bool found = false;
	int r;

	r = store_prepare(store,
	                  "SELECT " LOCKOUT_COLUMNS " FROM lockouts "
	                  "WHERE (subject, factor, seat) > (?1, ?2, ?3) AND remaining_ms > 0 "
	                  "ORDER BY subject, factor, seat LIMIT 1",
	                  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, place->subject) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, place->factor) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 3, place->seat) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;

	place->subject = sqlite3_column_int64(stmt, 0);
	place->factor = sqlite3_column_int64(stmt, 1);
	place->seat = sqlite3_column_int64(stmt, 2);
	if (place->factor < 0 || place->factor >= CW_N_FACTORS || place->seat < 0 ||
	    place->seat > UINT8_MAX)
		return -EBADMSG; /* not written by us */
	key = (struct lockout_key){
		.subject = place->subject,
		.factor = (enum cw_factor)place->factor,
		.seat = (uint8_t)place->seat,
	};
	return row_read(store, stmt, &key, ret_row);
}

static int tick_rows(struct store *store, const struct moment *now) {
	struct lockout_place place = { .subject = INT64_MIN };
	struct lockout_row row;

	for (;;) {
		int r = row_next_running(store, &place, &row);

		if (r == -ENOENT)
			return 0;
		if (r == -EBADMSG)
			continue; /* lockout_read() deals with it when it matters */
		if (r < 0)
			return r;
		row_advance(&row, now);
		r = row_store(store, &row);
		if (r < 0)
			return r;
	}
}

/* Nothing runs, nothing is written. */
int lockout_tick(struct store *store, const struct moment *now) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct lockout_place place = { .subject = INT64_MIN };
	struct lockout_row first;
	int r;

	r = row_next_running(store, &place, &first);
	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EBADMSG)
		return r;
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = tick_rows(store, now);
	if (r < 0)
		return r;
	transaction = NULL;
	return store_commit(store);
}
