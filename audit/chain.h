/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_CHAIN_H
#define AUDIT_CHAIN_H

/* The hashes of the chain and the string that is signed: docs/journal.md. */

#include "audit/store-internal.h"

#define CHAIN_ENTRY_TAG   "careward entry 1"
#define CHAIN_GENESIS_TAG "careward genesis 1"
#define CHAIN_EPOCH_TAG   "careward epoch 1"

/* Bytes that are signed at the end of an epoch. */
#define EPOCH_SIGNED    160u
#define EPOCH_SIGNATURE 64u

struct epoch {
	uint64_t number, first, last;
	uint8_t head[STORE_HASH];
	int64_t wall_ms;
	uint8_t public_key[STORE_HASH], next_key[STORE_HASH];
	uint8_t signature[EPOCH_SIGNATURE];
};

/* Each returns 0 or -EIO. */
int chain_genesis(struct store *store, uint8_t ret_hash[STORE_HASH]);
int chain_next(struct store *store, uint64_t seq, const uint8_t previous[STORE_HASH],
	       const uint8_t *body, size_t n_body, uint8_t ret_hash[STORE_HASH]);
int chain_text(struct store *store, const uint8_t salt[16], const uint8_t *text, size_t n,
	       uint8_t ret_hash[STORE_HASH]);

/* What is signed. */
void epoch_spell(const struct epoch *epoch, const uint8_t device_id[16],
		 uint8_t ret_bytes[EPOCH_SIGNED]);
/* Return: 0; -EKEYREJECTED (the signature is not good); -EIO. */
int epoch_verify(const struct epoch *epoch, const uint8_t device_id[16]);
/* The epoch in a row of "SELECT number, first, last, head, wall, public_key,
 * next_key, signature". Return: 0; -EBADMSG (a length is wrong). */
int epoch_read(sqlite3_stmt *stmt, struct epoch *ret_epoch);

/*
 * epoch_certify() - make sure that the open epoch has a key, inside the
 * transaction of the journal's first entry
 */
int epoch_certify_first(struct store *store, int64_t wall_ms);
/*
 * Is the key of the open epoch there, and the one that was certified? An older copy
 * of the database beside newer keys has lost it. Return: 0; -EBADMSG; -EIO.
 */
int epoch_key_check(struct store *store, const struct journal_state *state);
/* Erases the key of the last sealed epoch if it is still there. */
void epoch_erase_stale(struct store *store);

#endif
