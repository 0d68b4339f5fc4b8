/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "auth/layout.h"
#include "auth/recovery.h"
#include "auth/row.h"

#define PLAIN  (3u * 4u + 16u + 32u)
#define SEALED (PLAIN + STORE_SEAL_OVERHEAD)

int recovery_store(struct store *store, const char *name, const struct verifier *verifier) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	uint8_t plain[PLAIN], sealed[SEALED];
	struct layout_writer w = { .p = plain, .capacity = sizeof(plain) };
	size_t n_sealed = sizeof(sealed);
	sqlite3_stmt *stmt = NULL;
	int r;

	layout_put32(&w, verifier->cost.memory_kib);
	layout_put32(&w, verifier->cost.passes);
	layout_put32(&w, verifier->cost.lanes);
	layout_put(&w, verifier->salt, sizeof(verifier->salt));
	layout_put(&w, verifier->hash, sizeof(verifier->hash));
	r = store_seal(store, "recovery", 1, 1, plain, w.n, sealed, &n_sealed);
	explicit_bzero(plain, sizeof(plain));
	if (r == 0)
		r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = store_prepare(store, "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 2, sealed, (int)n_sealed, SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	r = sql_done(stmt);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

static int load_plain(struct store *store, const char *name, uint8_t plain[PLAIN]) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	size_t n = PLAIN;
	bool found = false;
	int r;

	r = store_prepare(store, "SELECT value FROM meta WHERE name = ?1", &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;
	if (sqlite3_column_bytes(stmt, 0) != (int)SEALED)
		return -EBADMSG;
	r = store_unseal(store, "recovery", 1, 1, sqlite3_column_blob(stmt, 0), SEALED, plain, &n);
	return r < 0 ? r : n == PLAIN ? 0 : -EBADMSG;
}

int recovery_load(struct store *store, const char *name, struct verifier *ret_verifier) {
	struct layout_reader reader;
	struct verifier verifier;
	uint8_t plain[PLAIN];
	int r;

	if (!name)
		return -ENOENT;
	r = load_plain(store, name, plain);
	if (r < 0)
		return r;
	reader = (struct layout_reader){ .p = plain, .n = sizeof(plain) };
	verifier.cost.memory_kib = layout_get32(&reader);
	verifier.cost.passes = layout_get32(&reader);
	verifier.cost.lanes = layout_get32(&reader);
	layout_get(&reader, verifier.salt, sizeof(verifier.salt));
	layout_get(&reader, verifier.hash, sizeof(verifier.hash));
	explicit_bzero(plain, sizeof(plain));
	*ret_verifier = verifier;
	explicit_bzero(&verifier, sizeof(verifier));
	return 0;
}

int recovery_spend(struct store *store, const char *name) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	sqlite3_stmt *stmt = NULL;
	int r;

	if (!name)
		return -ENOENT;
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = store_prepare(store, "DELETE FROM meta WHERE name = ?1", &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	r = sql_done(stmt);
	if (r < 0)
		return r;
	if (sqlite3_changes(sqlite3_db_handle(stmt)) != 1)
		return -ENOENT;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}
