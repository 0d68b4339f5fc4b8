/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_ROW_H
#define AUTH_ROW_H

/*
 * Rows of accounts and of what they are recognised by, as they are stored
 *
 * docs/accounts.md describes the forms byte by byte. A row is believed when its
 * MAC holds, its sealed column opens for this row and generation, the form
 * inside is exactly as described, and the digest over the account and all its
 * authenticators is the newest one in the journal.
 */

#include <stddef.h>
#include <stdint.h>

#include "auth/account.h"
#include "auth/password.h"
#include "auth/token.h"
#include "common/cleanup.h"

struct sqlite3_stmt;

/* Rows and texts are kilobytes: functions that hold one keep a frame of their own. */
#define own_frame_ __attribute__((noinline))

#define ROW_FORMAT 1u
#define ACCOUNT_PLAIN_MAX 1280u  /* 36, 3 texts and 16 roles of at most 64        */
#define PASSWORD_PLAIN_MAX 1536u /* 24, and 25 verifiers of 60                    */
#define TOKEN_PLAIN_MAX 1280u    /* 16, a label of 64, 25, ids of 512 and 600      */
#define ROW_SEALED_MAX (PASSWORD_PLAIN_MAX + STORE_SEAL_OVERHEAD)
#define ROW_LOOKUP_MAX 64u

/* One row of `accounts` or of `authenticators`, columns as stored. */
struct stored_row {
	int64_t number;
	int64_t account; /* authenticators only                                     */
	int64_t factor;  /* authenticators only                                     */
	int64_t state;
	int64_t generation;
	size_t n_key; /* name_key (accounts, always 32) or lookup                  */
	uint8_t key[ROW_LOOKUP_MAX];
	size_t n_sealed;
	uint8_t sealed[ROW_SEALED_MAX];
	uint8_t mac[32];
};

/* State of an authenticator's row. */
enum authenticator_state {
	AUTHENTICATOR_NONE = 0,
	AUTHENTICATOR_ENABLED,
	AUTHENTICATOR_DISABLED,
	AUTHENTICATOR_N_STATES,
};

/*
 * The sealed columns in the clear
 *
 * encode: Return: the length; 0 when something in the object does not fit.
 * decode: Return: 0; -EBADMSG (not exactly the form), *@ret_... untouched.
 * Numbers, states and generations are columns of their own and left alone.
 */
size_t account_encode(const struct account *account, uint8_t ret_plain[static ACCOUNT_PLAIN_MAX]);
int account_decode(const uint8_t *plain, size_t n_plain, struct account *ret_account);
size_t password_encode(const struct password *password,
                       uint8_t ret_plain[static PASSWORD_PLAIN_MAX]);
int password_decode(const uint8_t *plain, size_t n_plain, struct password *ret_password);
size_t token_encode(const struct token *token, uint8_t ret_plain[static TOKEN_PLAIN_MAX]);
int token_decode(const uint8_t *plain, size_t n_plain, struct token *ret_token);

/* The form of a verifier, inside of others. */
struct layout_writer;
struct layout_reader;
void layout_put_verifier(struct layout_writer *w, const struct verifier *verifier);
void layout_get_verifier(struct layout_reader *r, struct verifier *ret_verifier);

/* The column name_key. Return: 0; -EIO. */
int account_name_key(struct store *store, const char *name, uint8_t ret_key[32]);

/* MAC over all other columns. Return: 0; -EIO. */
int account_row_mac(struct store *store, const struct stored_row *row, uint8_t ret_mac[32]);
int authenticator_row_mac(struct store *store, const struct stored_row *row, uint8_t ret_mac[32]);

/*
 * Columns of a statement that stands on a row: number, name_key, state,
 * generation, sealed, mac; or number, account, factor, state, generation,
 * lookup, sealed, mac. Return: 0; -EBADMSG (a length or a number out of range).
 */
#define ACCOUNT_COLUMNS "number, name_key, state, generation, sealed, mac"
#define AUTHENTICATOR_COLUMNS                                                                      \
	"number, account, factor, state, generation, lookup, sealed, mac"
int account_row_read(struct sqlite3_stmt *stmt, struct stored_row *ret_row);
int authenticator_row_read(struct sqlite3_stmt *stmt, struct stored_row *ret_row);

/*
 * account_digest() - SHA-256 over the account's row and its authenticators' rows
 *
 * As stored, in order of number. This is what stands in the journal.
 *
 * Return: 0; -ENOENT (no such account); -EBADMSG (a column has an impossible
 * length); -EIO.
 */
int account_digest(struct store *store, uint32_t number, uint8_t ret_digest[32]);

/* Is the digest that of the journal? Return: 0; -EBADMSG (no); -EIO. */
int account_digest_check(struct store *store, uint32_t number);

/*
 * account_record() - write the entry of a change, with the digest after it
 * @detail: machine text or NULL
 *
 * Return: 0; -EINVAL; -ENOSPC; -EIO.
 */
int account_record(struct store *store, const struct actor *actor, const struct moment *now,
                   enum audit_event event, uint32_t target, const char *detail);

/* Number of the next account after @after. Return: 0; -ENOENT (there is none); -EIO. */
int account_next(struct store *store, uint32_t after, uint32_t *ret_number);

/* Has it anything that can open more than care? Return: 1 or 0; -EIO. */
int account_has_usable_factor(struct store *store, uint32_t number, const struct moment *now);
/* ... a card or a key among it. Return: 1 or 0; -EIO. */
int account_has_usable_token(struct store *store, uint32_t number, const struct moment *now);
/* Did @by enrol one of its tokens? Return: 1 or 0; -EIO. */
int account_has_token_of(struct store *store, uint32_t number, uint32_t by);

/* May an entry of this event carry an account's digest? 108 and 3xx do. */
bool account_event_has_digest(enum audit_event event);

/*
 * An authenticator's row, whatever its kind
 *
 * authenticator_insert(): an empty row, whose number the seal is bound to.
 *   Return: 0; -errno.
 * authenticator_seal(): fills sealed and mac of @row, whose other columns are set.
 *   Return: 0; -EIO.
 * authenticator_update(): writes the row over its @generation. Return: 0; -ESTALE
 *   (another generation stands there, or nothing); -errno.
 * authenticator_unseal(): MAC, state, seal. The caller wipes @ret_plain. Return: 0;
 *   -EBADMSG (not the row that was written); -EIO.
 */
int authenticator_insert(struct store *store, uint32_t account, enum cw_factor factor,
                         uint64_t *ret_number);
int authenticator_seal(struct store *store, const uint8_t *plain, size_t n_plain,
                       struct stored_row *row);
int authenticator_update(struct store *store, const struct stored_row *row, int64_t generation);
int authenticator_unseal(struct store *store, const struct stored_row *row,
                         uint8_t ret_plain[static ROW_SEALED_MAX], size_t *ret_n);

/* Helpers of SQL: insert one row, step once to the end, or to one row. */
int sql_insert(struct sqlite3_stmt *stmt, uint64_t *ret_number); /* Return: 0; -errno */
int sql_done(struct sqlite3_stmt *stmt);               /* Return: 0; -errno */
int sql_row(struct sqlite3_stmt *stmt, bool *ret_row); /* Return: 0; -errno */
void sql_reset(struct sqlite3_stmt *stmt);
DEFINE_CLEANUP(struct sqlite3_stmt *, sql_reset)

/* Rolls back what the scope did not commit. */
static inline void transaction_endp(struct store **store) {
	if (*store)
		store_rollback(*store);
}

#endif
