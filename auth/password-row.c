/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sqlite3.h>

#include "auth/row.h"

static void password_wipe(struct password *password) {
	explicit_bzero(password, sizeof(*password));
}

/* The row of the account's password. Return: 0; -ENOENT; -EBADMSG; -EIO. */
static own_frame_ int row_fetch(struct store *store, uint32_t account, struct stored_row *ret_row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	bool another = false;
	int r;

	r = store_prepare(store,
	                  "SELECT " AUTHENTICATOR_COLUMNS " FROM authenticators "
	                  "WHERE account = ?1 AND factor = ?2 ORDER BY number",
	                  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, account) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, CW_FACTOR_PASSWORD) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;
	r = authenticator_row_read(stmt, ret_row);
	if (r < 0)
		return r;
	r = sql_row(stmt, &another);
	if (r < 0)
		return r;
	return another ? -EBADMSG : 0; /* an account has one password */
}

static own_frame_ int row_open(struct store *store, const struct stored_row *row,
			       struct password *ret_password) {
	cleanup_(password_wipe) struct password password = { 0 };
	uint8_t plain[ROW_SEALED_MAX];
	size_t n = 0;
	int r;

	if (row->n_key != 0)
		return -EBADMSG;
	r = authenticator_unseal(store, row, plain, &n);
	if (r < 0)
		return r;
	r = password_decode(plain, n, &password);
	explicit_bzero(plain, sizeof(plain));
	if (r < 0)
		return r;
	password.number = (uint64_t)row->number;
	password.generation = (uint64_t)row->generation;
	password.account = (uint32_t)row->account;
	password.disabled = row->state == AUTHENTICATOR_DISABLED;
	*ret_password = password;
	return 0;
}

/*
 * password_load() - the password of an account
 *
 * The account's digest is looked at by account_by_name(); here the row's own
 * MAC, seal and form are checked.
 *
 * Return: 0; -ENOENT (has no password); -EBADMSG (not the row that was written);
 * -EIO.
 */
int password_load(struct store *store, uint32_t account, struct password *ret_password) {
	struct stored_row row;
	int r;

	r = row_fetch(store, account, &row);
	return r < 0 ? r : row_open(store, &row, ret_password);
}

static own_frame_ int row_close(struct store *store, const struct password *password,
				struct stored_row *row) {
	uint8_t plain[PASSWORD_PLAIN_MAX];
	size_t n = password_encode(password, plain);
	int r;

	*row = (struct stored_row){
		.number = (int64_t)password->number,
		.account = password->account,
		.factor = CW_FACTOR_PASSWORD,
		.state = password->disabled ? AUTHENTICATOR_DISABLED : AUTHENTICATOR_ENABLED,
		.generation = (int64_t)password->generation,
	};
	if (n == 0)
		return -EINVAL;
	r = authenticator_seal(store, plain, n, row);
	explicit_bzero(plain, sizeof(plain));
	return r;
}

/* Is this the generation that stands there, and is what stands there whole? */
static own_frame_ int row_is_current(struct store *store, const struct password *password) {
	cleanup_(password_wipe) struct password old = { 0 };
	int r = password_load(store, password->account, &old);

	if (r == -ENOENT)
		return password->number == 0 ? 0 : -ESTALE;
	if (r < 0)
		return r;
	return password->number == old.number && password->generation == old.generation ? 0
	                                                                                 : -ESTALE;
}

static own_frame_ int store_rows(struct store *store, const struct actor *actor,
				 const struct moment *now, enum audit_event event,
				 struct password *new) {
	uint64_t generation = new->generation;
	struct account account;
	struct stored_row row;
	int r;

	r = account_by_number(store, new->account, &account);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	if (account.state == ACCOUNT_ENDED)
		return -EINVAL;
	r = row_is_current(store, new);
	if (r < 0)
		return r;

	if (new->number == 0) {
		generation = 0;
		r = authenticator_insert(store, new->account, CW_FACTOR_PASSWORD, &new->number);
		if (r < 0)
			return r;
	}
	new->generation = generation + 1;
	r = row_close(store, new, &row);
	if (r < 0)
		return r;
	r = authenticator_update(store, &row, (int64_t)generation);
	if (r < 0)
		return r;
	return account_record(store, actor, now, event, new->account, "factor=password");
}

/*
 * password_store() - write a password's row, and its entry
 * @event:     EVENT_PASSWORD_CHANGED or an event of the 3xx: only those carry the
 *             digest by which the account is recognised next time
 * @password:  number 0: the account's first; number and generation are updated
 *
 * Return: 0; -ESTALE (changed meanwhile: read again); -EINVAL (event, history,
 * no such account, or it has ended); -EBADMSG (the stored account is damaged);
 * -ENOSPC; -EROFS; -EIO.
 */
int password_store(struct store *store, const struct actor *actor, const struct moment *now,
                   enum audit_event event, struct password *password) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	cleanup_(password_wipe) struct password new = *password;
	int r;

	if (!account_event_has_digest(event))
		return -EINVAL;
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = store_rows(store, actor, now, event, &new);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	r = store_commit(store);
	if (r < 0)
		return r;
	*password = new;
	return 0;
}

/* Is @ms so much before now that @age_s have passed? A clock behind it: no. */
static bool is_older(int64_t ms, uint64_t age_s, const struct moment *now) {
	if (now->wall_ms <= ms || age_s > INT64_MAX / 1000)
		return false;
	return (uint64_t)now->wall_ms - (uint64_t)ms > age_s * 1000;
}

bool password_is_expired(const struct password *password, const struct password_rules *rules,
                         const struct moment *now) {
	if (password->one_time && password->used)
		return true;
	if (now->trust != CLOCK_TRUSTED)
		return false;
	if (password->one_time)
		return password->expires_ms != 0 && now->wall_ms >= password->expires_ms;
	return rules && rules->max_age_s != 0 && is_older(password->set_ms, rules->max_age_s, now);
}

bool password_is_too_young(const struct password *password, const struct password_rules *rules,
                           const struct moment *now) {
	if (password->one_time || rules->min_age_s == 0 || now->trust != CLOCK_TRUSTED)
		return false;
	if (now->wall_ms < password->set_ms)
		return false;
	return !is_older(password->set_ms, rules->min_age_s, now);
}

static uint32_t history_depth(const struct password_rules *rules) {
	return rules->history < LIMIT_PASSWORD_HISTORY ? rules->history : LIMIT_PASSWORD_HISTORY;
}

/* A verifier of zeroes was never made from a password. */
static bool verifier_is_set(const struct verifier *verifier) {
	return verifier->cost.memory_kib != 0;
}

void password_job_refuse_old(const struct password *password, const struct password_rules *rules,
                             struct password_job *job) {
	uint32_t depth = history_depth(rules);
	uint32_t n = 0;

	if (verifier_is_set(&password->current))
		job->history[n++] = password->current;
	for (uint32_t i = 0; i < password->n_history && i < depth; ++i)
		job->history[n++] = password->history[i];
	job->n_history = n;
}

void password_take(struct password *password, const struct password_rules *rules,
                   const struct verifier *made) {
	uint32_t depth = history_depth(rules);
	uint32_t n = password->n_history < depth ? password->n_history : depth;

	if (verifier_is_set(&password->current) && depth > 0) {
		if (n == depth)
			--n;
		memmove(password->history + 1, password->history, n * sizeof(*password->history));
		password->history[0] = password->current;
		++n;
	}
	/* What the site no longer asks for is not kept either. */
	explicit_bzero(password->history + n,
	               (LIMIT_PASSWORD_HISTORY - n) * sizeof(*password->history));
	password->n_history = n;
	password->current = *made;
}

/* Return: 1, 0; -EIO. */
static own_frame_ int password_is_usable(struct store *store, uint32_t account,
					 const struct moment *now) {
	cleanup_(password_wipe) struct password password = { 0 };
	int r = password_load(store, account, &password);

	if (r == -ENOENT || r == -EBADMSG)
		return 0;
	if (r < 0)
		return -EIO;
	return !password.disabled &&
	       !(password.one_time && password_is_expired(&password, NULL, now));
}

int account_has_usable_factor(struct store *store, uint32_t number, const struct moment *now) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	int r;

	r = password_is_usable(store, number, now);
	if (r == 0)
		r = account_has_usable_token(store, number, now);
	if (r != 0)
		return r;
	r = store_prepare(store,
	                  "SELECT 1 FROM authenticators WHERE account = ?1 AND state = ?2 "
	                  "AND factor = ?3 LIMIT 1",
	                  &stmt);
	if (r < 0)
		return -EIO;
	if (sqlite3_bind_int64(stmt, 1, number) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, AUTHENTICATOR_ENABLED) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 3, CW_FACTOR_DIRECTORY) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	return r < 0 ? -EIO : found;
}
