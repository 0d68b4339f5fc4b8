/* SPDX-License-Identifier: Apache-2.0 */

/* Whose is it? Rows are found by an HMAC of what the token says of itself. */

#include <errno.h>
#include <sqlite3.h>

#include "auth/layout.h"
#include "auth/row.h"
#include "auth/token-row.h"

#define FIND_ID_MAX (1 + TOKEN_CREDENTIAL_MAX)

/* The HMAC of one id of a token. Return: 0; -EINVAL (no id of that factor); -EIO. */
static int id_key(struct store *store, enum cw_factor factor, const uint8_t *id, size_t n_id,
		  uint8_t ret_key[static TOKEN_KEY]) {
	uint8_t bytes[FIND_ID_MAX];

	if (n_id == 0 || n_id > TOKEN_CREDENTIAL_MAX)
		return -EINVAL;
	bytes[0] = (uint8_t)factor;
	memcpy(bytes + 1, id, n_id);
	return store_mac(store, "token lookup", bytes, 1 + n_id, ret_key);
}

static int card_keys(struct store *store, const struct token *token,
		     uint8_t ret_keys[static 2 * TOKEN_KEY]) {
	int r = id_key(store, CW_FACTOR_SMARTCARD, token->id, sizeof(token->id), ret_keys);

	if (r < 0)
		return r;
	return id_key(store, CW_FACTOR_SMARTCARD, token->key_hash, sizeof(token->key_hash),
		      ret_keys + TOKEN_KEY);
}

int token_keys(struct store *store, const struct token *token,
	       uint8_t ret_keys[static ROW_LOOKUP_MAX], size_t *ret_n) {
	int r = -EINVAL;

	*ret_n = 0;
	if (token->factor == CW_FACTOR_CODE)
		return 0; /* found by its account alone */
	if (token->factor == CW_FACTOR_BADGE)
		r = id_key(store, CW_FACTOR_BADGE, token->badge, token->n_badge, ret_keys);
	else if (token->factor == CW_FACTOR_FIDO2)
		r = id_key(store, CW_FACTOR_FIDO2, token->key.id, token->key.n_id, ret_keys);
	else if (token->factor == CW_FACTOR_SMARTCARD)
		r = card_keys(store, token, ret_keys);
	if (r == 0)
		*ret_n = token->factor == CW_FACTOR_SMARTCARD ? 2 * TOKEN_KEY : TOKEN_KEY;
	return r;
}

/*
 * Enabled rows come first, then the newest. With an account in ?4, only rows that
 * keep it from enrolling the same: enabled ones, and revoked ones of somebody else
 * unless it is a badge, which may be handed on.
 */
#define MATCH_TAIL                                                                                 \
	" AND (?4 = 0 OR state = 1 OR (account <> ?4 AND factor <> 2)) "                           \
	"ORDER BY state, number DESC LIMIT 2"

static const char by_first_key[] = "SELECT " AUTHENTICATOR_COLUMNS
				   " FROM authenticators WHERE factor = ?1 AND length(lookup) > 0 "
				   "AND lookup BETWEEN ?2 AND ?3" MATCH_TAIL;
static const char by_second_key[] = "SELECT " AUTHENTICATOR_COLUMNS
				    " FROM authenticators WHERE factor = ?1 "
				    "AND substr(lookup, 33) = ?2 AND ?3 IS NOT NULL" MATCH_TAIL;
_Static_assert(CW_FACTOR_BADGE == 2 && AUTHENTICATOR_ENABLED == 1, "the numbers in MATCH_TAIL");

/* Return: 0; -ENOENT; -EBADMSG (two at once are enabled, or a column is impossible); -EIO. */
static own_frame_ int match(struct store *store, const char *sql, enum cw_factor factor,
			    const uint8_t key[static TOKEN_KEY], uint32_t account,
			    struct stored_row *ret_row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	uint8_t end[ROW_LOOKUP_MAX + 1];
	bool found = false;
	int r;

	memset(end, 0xff, sizeof(end));
	memcpy(end, key, TOKEN_KEY);
	r = store_prepare(store, sql, &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, factor) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 2, key, TOKEN_KEY, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 3, end, sizeof(end), SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 4, account) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;
	r = authenticator_row_read(stmt, ret_row);
	if (r < 0)
		return r;
	r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	if (found && sqlite3_column_int64(stmt, 4) == AUTHENTICATOR_ENABLED)
		return account == 0 ? -EBADMSG : 0;
	return 0;
}

static int match_either(struct store *store, enum cw_factor factor,
			const uint8_t key[static TOKEN_KEY], uint32_t account,
			struct stored_row *ret_row) {
	int r = match(store, by_first_key, factor, key, account, ret_row);

	if (r == -ENOENT && factor == CW_FACTOR_SMARTCARD)
		r = match(store, by_second_key, factor, key, account, ret_row);
	return r;
}

int token_is_free(struct store *store, const struct token *token) {
	uint8_t keys[ROW_LOOKUP_MAX];
	struct stored_row row;
	size_t n = 0;
	int r;

	r = token_keys(store, token, keys, &n);
	for (size_t at = 0; r == 0 && at < n; at += TOKEN_KEY) {
		r = match_either(store, token->factor, keys + at, token->account, &row);
		r = r == 0 ? -EEXIST : r == -ENOENT ? 0 : r;
	}
	return r;
}

int token_find(struct store *store, enum cw_factor factor, const uint8_t *id, size_t n_id,
	       struct token *ret_token) {
	cleanup_(token_wipe) struct token token = { 0 };
	uint8_t key[TOKEN_KEY];
	struct stored_row row;
	int r;

	r = id_key(store, factor, id, n_id, key);
	if (r < 0)
		return r == -EINVAL ? -ENOENT : r;
	r = match_either(store, factor, key, 0, &row);
	if (r < 0)
		return r;
	r = token_row_open(store, &row, &token);
	if (r < 0)
		return r;
	r = account_digest_check(store, token.account);
	if (r < 0)
		return r;
	*ret_token = token;
	return 0;
}

int token_dummy(struct store *store, const char *name, struct token_credentials *ret_credentials) {
	struct token_credentials credentials = { .n = 1 };
	int r;

	credentials.list[0].n = 64;
	r = store_mac(store, "token of nobody 1", (const uint8_t *)name, strlen(name),
		      credentials.list[0].id);
	if (r == 0)
		r = store_mac(store, "token of nobody 2", (const uint8_t *)name, strlen(name),
			      credentials.list[0].id + 32);
	if (r < 0)
		return -EIO;
	*ret_credentials = credentials;
	return 0;
}
