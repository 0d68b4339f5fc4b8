/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_STORE_INTERNAL_H
#define AUDIT_STORE_INTERNAL_H

/* What the files of audit/ share about an open store; nobody else includes it. */

#include <openssl/evp.h>
#include <sqlite3.h>

#include "audit/store.h"

#define STORE_FILE           "careward.db"
#define STORE_APPLICATION_ID 0x43617265 /* "Care" */
#define STORE_LOG_ROOM       1048576    /* bytes of the log; moved when half full */

#define STORE_HASH 32u /* SHA-256, and an Ed25519 public key */

/* Where the journal stands. Seq, hash and epoch are those of the open epoch. */
struct journal_state {
	uint64_t seq;                   /* of the last entry; 0: empty              */
	uint8_t hash[STORE_HASH];       /* chain hash of it; the genesis when empty */
	uint64_t epoch;                 /* number of the open epoch, from 1         */
	uint64_t sealed;                /* last entry of the last seal; 0: none     */
	bool has_key;                   /* the first epoch's key has been certified */
	uint8_t public_key[STORE_HASH]; /* the key that has to sign the open epoch */
	bool urgent;                    /* to be sealed at once                     */
	uint64_t accounts_seq;          /* newest entry that an account's digest is in */
	bool stale;                     /* the last epoch's key is yet to be erased */
	bool has_open_since;            /* time of the first open entry is known    */
	uint64_t open_boot_ms;
	uint8_t open_boot_id[16];
};

struct store_statement {
	const char *sql;
	sqlite3_stmt *stmt;
};

struct store_key {
	char label[64];
	uint8_t key[32];
};

#define STORE_KEYS 32u

struct store {
	sqlite3 *db;
	enum store_mode mode;
	struct keystore *ks; /* borrowed */
	char *path;
	int lock_fd;
	uint8_t device_id[16];

	unsigned depth;  /* of nested transactions                            */
	bool doomed;     /* an inner one failed: the outermost cannot commit  */
	bool committing; /* the only time when SQLite may commit a change     */
	bool broken;
	bool scrub; /* something was erased that the log still holds      */
	int n_log;  /* pages in the log since it was begun anew           */

	struct store_statement *statements;
	size_t n_statements, n_statements_held;
	struct store_key keys[STORE_KEYS];
	size_t n_keys;
	EVP_MD_CTX *sha256;
	EVP_MAC *hmac;

	struct journal_state state;     /* as the open transaction sees it */
	struct journal_state committed; /* what is durable                 */
};

/*
 * store_open_beside() - another connection to read the same database, for
 * another thread; it has no keys
 *
 * Return: as store_open().
 */
int store_open_beside(const struct store *store, struct store **ret_store);

/* store-schema.c. Each returns 0 or -errno as store_open() and store_create(). */
int schema_create(sqlite3 *db, const uint8_t device_id[16]);
int schema_check(sqlite3 *db, uint8_t ret_device_id[16]);
int schema_settings(sqlite3 *db, enum store_mode mode);

/* store-crypto.c: forgets all derived keys. */
void store_keys_wipe(struct store *store);
/* SHA-256 of up to three pieces. Return: 0; -EIO. */
struct piece {
	const void *p;
	size_t n;
};
int store_sha256(struct store *store, const struct piece *pieces, size_t n_pieces,
		 uint8_t ret_hash[STORE_HASH]);

/* journal.c: reads where the journal stands, finishes an interrupted seal. */
int journal_attach(struct store *store);

/* Meta values. Return: 0; -ENOENT; -EBADMSG (other length); -EIO. */
int store_meta_get(struct store *store, const char *name, uint8_t *p, size_t n);
int store_meta_put(struct store *store, const char *name, const uint8_t *p, size_t n);

#endif
