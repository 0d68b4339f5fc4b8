/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <openssl/evp.h>
#include <sqlite3.h>

#include "auth/layout.h"
#include "auth/row.h"

/* All columns of a row but its MAC, or with it, in the order of the schema. */
#define ROW_COLUMNS_MAX (5 * 8 + 4 + ROW_LOOKUP_MAX + 4 + ROW_SEALED_MAX + 32)

static void put_account(struct layout_writer *w, const struct stored_row *row) {
	layout_put64(w, (uint64_t)row->number);
	layout_put_blob(w, row->key, row->n_key);
	layout_put64(w, (uint64_t)row->state);
	layout_put64(w, (uint64_t)row->generation);
	layout_put_blob(w, row->sealed, row->n_sealed);
}

static void put_authenticator(struct layout_writer *w, const struct stored_row *row) {
	layout_put64(w, (uint64_t)row->number);
	layout_put64(w, (uint64_t)row->account);
	layout_put64(w, (uint64_t)row->factor);
	layout_put64(w, (uint64_t)row->state);
	layout_put64(w, (uint64_t)row->generation);
	layout_put_blob(w, row->key, row->n_key);
	layout_put_blob(w, row->sealed, row->n_sealed);
}

int account_name_key(struct store *store, const char *name, uint8_t ret_key[32]) {
	return store_mac(store, "account name", (const uint8_t *)name, strlen(name), ret_key);
}

int account_row_mac(struct store *store, const struct stored_row *row, uint8_t ret_mac[32]) {
	uint8_t columns[ROW_COLUMNS_MAX];
	struct layout_writer w = { .p = columns, .capacity = sizeof(columns) };

	put_account(&w, row);
	return w.failed ? -EIO : store_mac(store, "account row", columns, w.n, ret_mac);
}

int authenticator_row_mac(struct store *store, const struct stored_row *row, uint8_t ret_mac[32]) {
	uint8_t columns[ROW_COLUMNS_MAX];
	struct layout_writer w = { .p = columns, .capacity = sizeof(columns) };

	put_authenticator(&w, row);
	return w.failed ? -EIO : store_mac(store, "authenticator row", columns, w.n, ret_mac);
}

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static int hash_row(EVP_MD_CTX *hash, const struct stored_row *row,
                    void (*put)(struct layout_writer *w, const struct stored_row *row)) {
	uint8_t columns[ROW_COLUMNS_MAX];
	struct layout_writer w = { .p = columns, .capacity = sizeof(columns) };

	put(&w, row);
	layout_put(&w, row->mac, sizeof(row->mac));
	if (w.failed || EVP_DigestUpdate(hash, columns, w.n) != 1)
		return -EIO;
	return 0;
}

static int hash_account(struct store *store, EVP_MD_CTX *hash, uint32_t number) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	struct stored_row row;
	bool found = false;
	int r;

	r = store_prepare(store, "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE number = ?1",
	                  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, number) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;
	r = account_row_read(stmt, &row);
	return r < 0 ? r : hash_row(hash, &row, put_account);
}

static int hash_authenticators(struct store *store, EVP_MD_CTX *hash, uint32_t account) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	int r;

	r = store_prepare(store,
	                  "SELECT " AUTHENTICATOR_COLUMNS
	                  " FROM authenticators WHERE account = ?1 ORDER BY number",
	                  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, account) != SQLITE_OK)
		return -EIO;

	for (;;) {
		struct stored_row row;
		bool found = false;

		r = sql_row(stmt, &found);
		if (r < 0 || !found)
			return r;
		r = authenticator_row_read(stmt, &row);
		if (r < 0)
			return r;
		r = hash_row(hash, &row, put_authenticator);
		if (r < 0)
			return r;
	}
}

int account_digest(struct store *store, uint32_t number, uint8_t ret_digest[32]) {
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t digest[32];
	int r;

	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		return -EIO;
	r = hash_account(store, hash, number);
	if (r < 0)
		return r;
	r = hash_authenticators(store, hash, number);
	if (r < 0)
		return r;
	if (EVP_DigestFinal_ex(hash, digest, NULL) != 1)
		return -EIO;
	memcpy(ret_digest, digest, sizeof(digest));
	return 0;
}

int account_digest_check(struct store *store, uint32_t number) {
	uint8_t now[32];
	uint8_t recorded[32];
	int r;

	r = account_digest(store, number, now);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	r = journal_account_digest(store, number, recorded);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r; /* no change without its record */
	return equal_32(now, recorded) ? 0 : -EBADMSG;
}

bool account_event_has_digest(enum audit_event event) {
	return event == EVENT_PASSWORD_CHANGED || ((unsigned)event >= 300 && (unsigned)event < 400);
}

int account_record(struct store *store, const struct actor *actor, const struct moment *now,
                   enum audit_event event, uint32_t target, const char *detail) {
	struct journal_entry entry = {
		.at = *now,
		.event = event,
		.outcome = OUTCOME_OK,
		.seat = actor->seat,
		.assurance = actor->assurance,
		.factor = actor->factor,
		.account = actor->account,
		.target = target,
		.peer_uid = actor->peer_uid,
		.session = actor->session,
		.has_digest = true,
		.detail = detail,
	};
	int r;

	if (!account_event_has_digest(event))
		return -EINVAL;
	r = account_digest(store, target, entry.digest);
	if (r < 0)
		return r;
	return journal_append(store, &entry);
}
