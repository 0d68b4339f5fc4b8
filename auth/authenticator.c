/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The row of whatever somebody is recognised by: password, token, code
 *
 * What a row means is its kind's business (password-row.c, token-row.c). How it
 * gets its number, its seal and its MAC, and how it is exchanged, is the same for
 * all.
 */

#include <errno.h>
#include <sqlite3.h>

#include "auth/row.h"

/*
 * sql_insert() - run a statement that inserts one row
 *
 * A seal is bound to the number of its row, so the number is taken first: the
 * statement inserts an empty row, which is filled in the same transaction.
 *
 * Return: 0 with the number; -errno (-EIO for a number that no row may have).
 */
int sql_insert(sqlite3_stmt *stmt, uint64_t *ret_number) {
	sqlite3_int64 number;
	int r;

	r = sql_done(stmt);
	if (r < 0)
		return r;
	number = sqlite3_last_insert_rowid(sqlite3_db_handle(stmt));
	if (number < 1 || number > UINT32_MAX)
		return -EIO;
	*ret_number = (uint64_t)number;
	return 0;
}

int authenticator_insert(struct store *store, uint32_t account, enum cw_factor factor,
			 uint64_t *ret_number) {
	sqlite3_stmt *stmt = NULL;
	int r;

	r = store_prepare(store,
			  "INSERT INTO authenticators (account, factor, state, generation, "
			  "lookup, sealed, mac) VALUES (?1, ?2, 0, 0, x'', x'', x'')",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, account) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, factor) != SQLITE_OK)
		return -EIO;
	return sql_insert(stmt, ret_number);
}

static int row_bind(sqlite3_stmt *stmt, const struct stored_row *row, int64_t generation) {
	const int codes[] = {
		sqlite3_bind_int64(stmt, 1, row->state),
		sqlite3_bind_int64(stmt, 2, row->generation),
		sqlite3_bind_blob(stmt, 3, row->key, (int)row->n_key, SQLITE_STATIC),
		sqlite3_bind_blob(stmt, 4, row->sealed, (int)row->n_sealed, SQLITE_STATIC),
		sqlite3_bind_blob(stmt, 5, row->mac, sizeof(row->mac), SQLITE_STATIC),
		sqlite3_bind_int64(stmt, 6, row->number),
		sqlite3_bind_int64(stmt, 7, row->account),
		sqlite3_bind_int64(stmt, 8, row->factor),
		sqlite3_bind_int64(stmt, 9, generation),
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); ++i)
		if (codes[i] != SQLITE_OK)
			return -EIO;
	return 0;
}

int authenticator_update(struct store *store, const struct stored_row *row, int64_t generation) {
	sqlite3_stmt *stmt = NULL;
	int r;

	r = store_prepare(store,
			  "UPDATE authenticators SET state = ?1, generation = ?2, lookup = ?3, "
			  "sealed = ?4, mac = ?5 WHERE number = ?6 AND account = ?7 "
			  "AND factor = ?8 AND generation = ?9",
			  &stmt);
	if (r < 0)
		return r;
	r = row_bind(stmt, row, generation);
	if (r == 0)
		r = sql_done(stmt);
	if (r < 0)
		return r;
	return sqlite3_changes(sqlite3_db_handle(stmt)) == 1 ? 0 : -ESTALE;
}

int authenticator_seal(struct store *store, const uint8_t *plain, size_t n_plain,
		       struct stored_row *row) {
	int r;

	row->n_sealed = sizeof(row->sealed);
	r = store_seal(store, "authenticators", row->number, (uint64_t)row->generation, plain,
		       n_plain, row->sealed, &row->n_sealed);
	return r < 0 ? r : authenticator_row_mac(store, row, row->mac);
}

int authenticator_unseal(struct store *store, const struct stored_row *row,
			 uint8_t ret_plain[static ROW_SEALED_MAX], size_t *ret_n) {
	size_t n = ROW_SEALED_MAX;
	uint8_t mac[32];
	int r;

	r = authenticator_row_mac(store, row, mac);
	if (r < 0)
		return r;
	if (!equal_32(mac, row->mac))
		return -EBADMSG;
	if (row->state <= AUTHENTICATOR_NONE || row->state >= AUTHENTICATOR_N_STATES)
		return -EBADMSG;
	r = store_unseal(store, "authenticators", row->number, (uint64_t)row->generation,
			 row->sealed, row->n_sealed, ret_plain, &n);
	if (r < 0)
		return r;
	*ret_n = n;
	return 0;
}
