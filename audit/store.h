/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_STORE_H
#define AUDIT_STORE_H

/*
 * The one database: journal, accounts and everything else that must be durable
 *
 * One writer, one file, one transaction per outcome: no change without its
 * record. SQLite in WAL mode with synchronous=FULL, defensive, trusted_schema
 * off. The text of the whole schema is compared at opening; an unknown object
 * or another text is an error. A newer format may have tables of its own besides,
 * with indexes of theirs: they are left alone (docs/decisions/009-older-release.md).
 * Not thread-safe: the engine's main thread owns it.
 *
 * NULL is a store that fails: whoever has no database (it is missing, damaged, or
 * another process hangs in it) goes on with NULL, and every call that would read
 * or write returns -EIO, as with a broken one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/keystore.h"

struct sqlite3;
struct sqlite3_stmt;
struct store;

#define STORE_FORMAT 1u     /* format that this code writes                       */
#define STORE_MIN_READER 1u /* oldest code that may read what this code writes    */

enum store_mode {
	STORE_READ_WRITE = 0,
	STORE_READ_ONLY, /* for verify and queries on a snapshot                  */
};

/*
 * store_create() - make the database of a new device
 * @dirfd:      state directory; the file is careward.db, mode 0600
 * @device_id:  random 16 bytes that name this device from now on
 *
 * Return: 0; -EEXIST; -EBUSY (somebody has it open or makes one); -ENOSPC;
 * -EROFS; -EIO.
 */
int store_create(int dirfd, const uint8_t device_id[16]);

/*
 * store_open() - open it
 * @ks:  borrowed for the store's life; NULL only with STORE_READ_ONLY, and then
 *       sealed columns and texts cannot be read
 *
 * Return: 0; -EINVAL (no keys for writing); -ENOENT (no file); -EPERM (not our
 * file, or open to others; only for writing); -EBADMSG (not ours: header, schema,
 * application id, a link; for writing: an older copy, whose open epoch has lost its
 * key); -ENOTSUP (written by newer code, min_reader above STORE_FORMAT: it is whole,
 * and not for this release); -EBUSY (another writer has it); -EROFS; -EIO; -ENOMEM.
 */
int store_open(int dirfd, enum store_mode mode, struct keystore *ks, struct store **ret_store);

/* Does a writer have it now? Writes nothing, so it does not wait for a frozen disk. */
bool store_is_busy(int dirfd);

/* Closes with a checkpoint; NULL is fine. Return: NULL. */
struct store *store_close(struct store *store);

struct keystore *store_keys(struct store *store);
void store_device_id(const struct store *store, uint8_t ret_id[16]);

/*
 * Transactions. store_begin() takes the write lock (BEGIN IMMEDIATE) and may be
 * nested: only the outermost store_commit() syncs. Every store_begin() that
 * returned 0 is ended by one store_commit() or store_rollback(); after an inner
 * store_rollback() the outermost store_commit() rolls back, too, and returns
 * -EIO. A change outside a transaction is refused by SQLite (commit hook). A
 * failed commit rolls back everything and marks the store broken: every later
 * call returns -EIO until store_reopen() succeeds; nothing of the failed commit
 * is there then, and the caller writes again what was not acknowledged.
 *
 * Return: 0; -EBUSY; -ENOSPC; -EROFS; -EIO.
 */
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store); /* no transaction open: nothing happens */
bool store_is_broken(const struct store *store);
int store_reopen(struct store *store);

/*
 * store_checkpoint() - move the log into the database, when nobody waits
 *
 * Never called by itself: the engine does when it is idle, and the log grows
 * until then. Waits for no reader.
 *
 * Return: 0; -EBUSY (inside a transaction; or a reader keeps a part of the log:
 * call again later); -ENOSPC; -EROFS; -EIO.
 */
int store_checkpoint(struct store *store);

/* Is the room that the log has from the beginning half full? */
bool store_wants_checkpoint(const struct store *store);

/*
 * store_prepare() - a prepared statement, from the store's cache
 * @sql:  a string literal: the cache is keyed by its address
 *
 * The statement comes back reset and with bindings cleared. The caller steps it
 * and calls sqlite3_reset() when done with it.
 *
 * Return: 0; -EIO (broken store or schema); -ENOMEM.
 */
int store_prepare(struct store *store, const char *sql, struct sqlite3_stmt **ret_stmt);

/* Turns an SQLite result code into 0 (OK, DONE, ROW) or -errno. */
int store_errno(int sqlite_code);

/*
 * Sealing under the device key: AES-256-GCM with a random nonce, the key
 * derived for @table, @row and @generation authenticated with the data, so that
 * neither can be moved to another row nor an old one be taken for a new one.
 * The sealed form is nonce (12), ciphertext, tag (16): 28 bytes longer.
 *
 * Return: 0; -ENOSPC (capacity); -EBADMSG (store_unseal: forged, moved, other
 * device); -EIO.
 */
#define STORE_SEAL_OVERHEAD 28u
int store_seal(struct store *store, const char *table, int64_t row, uint64_t generation,
               const uint8_t *plain, size_t n_plain, uint8_t *sealed, size_t *n_sealed);
int store_unseal(struct store *store, const char *table, int64_t row, uint64_t generation,
                 const uint8_t *sealed, size_t n_sealed, uint8_t *plain, size_t *n_plain);

/*
 * store_check_keys() - are the keys those that the database was made with?
 * @is_new:  nobody is in it yet: what is to be compared with is written, if it is not there
 *
 * Return: 0; -EBADMSG (another device's key, or nothing to compare with); -errno.
 */
int store_check_keys(struct store *store, bool is_new);

/* HMAC-SHA256 under the key derived for @label. Return: 0; -EIO. */
int store_mac(struct store *store, const char *label, const uint8_t *p, size_t n,
              uint8_t ret_mac[32]);

#endif
