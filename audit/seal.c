/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Epochs: signing the head and changing the key
 *
 * The key of the next epoch is durable before the seal that certifies it, the
 * seal is durable before the old key is erased. So a process that dies between
 * two steps leaves either a key that nobody has certified yet, which the next
 * seal uses, or an old key too many, which the next opening erases.
 */

#include <errno.h>
#include <string.h>

#include "audit/chain.h"
#include "audit/journal.h"
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/random.h"
#include "common/secret.h"

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

void epoch_spell(const struct epoch *epoch, const uint8_t device_id[16],
		 uint8_t ret_bytes[EPOCH_SIGNED]) {
	uint8_t *p = ret_bytes;

	_Static_assert(sizeof(CHAIN_EPOCH_TAG) - 1 == 16, "length of the tag");
	memcpy(p, CHAIN_EPOCH_TAG, 16);
	memcpy(p + 16, device_id, 16);
	put_le64(p + 32, epoch->number);
	put_le64(p + 40, epoch->first);
	put_le64(p + 48, epoch->last);
	memcpy(p + 56, epoch->head, 32);
	memcpy(p + 88, epoch->public_key, 32);
	memcpy(p + 120, epoch->next_key, 32);
	put_le64(p + 152, (uint64_t)epoch->wall_ms);
}

int epoch_verify(const struct epoch *epoch, const uint8_t device_id[16]) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t bytes[EPOCH_SIGNED];

	if (!ctx)
		return -EIO;
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, epoch->public_key, STORE_HASH);
	if (!key)
		return -EKEYREJECTED;
	if (EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
		return -EIO;
	epoch_spell(epoch, device_id, bytes);
	return EVP_DigestVerify(ctx, epoch->signature, EPOCH_SIGNATURE, bytes, sizeof(bytes)) == 1
		       ? 0
		       : -EKEYREJECTED;
}

static int read_blob(sqlite3_stmt *stmt, int column, uint8_t *p, size_t n) {
	if (sqlite3_column_bytes(stmt, column) != (int)n)
		return -EBADMSG;
	memcpy(p, sqlite3_column_blob(stmt, column), n);
	return 0;
}

int epoch_read(sqlite3_stmt *stmt, struct epoch *ret_epoch) {
	struct epoch epoch = {
		.number = (uint64_t)sqlite3_column_int64(stmt, 0),
		.first = (uint64_t)sqlite3_column_int64(stmt, 1),
		.last = (uint64_t)sqlite3_column_int64(stmt, 2),
		.wall_ms = sqlite3_column_int64(stmt, 4),
	};

	if (read_blob(stmt, 3, epoch.head, STORE_HASH) < 0 ||
	    read_blob(stmt, 5, epoch.public_key, STORE_HASH) < 0 ||
	    read_blob(stmt, 6, epoch.next_key, STORE_HASH) < 0 ||
	    read_blob(stmt, 7, epoch.signature, EPOCH_SIGNATURE) < 0)
		return -EBADMSG;
	*ret_epoch = epoch;
	return 0;
}

/* The pair of a seed. Return: 0; -EIO. */
static int pair_of(const struct secret *seed, EVP_PKEY **ret_key, uint8_t ret_public[STORE_HASH]) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	size_t n = STORE_HASH;

	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed->bytes, 32);
	if (!key || EVP_PKEY_get_raw_public_key(key, ret_public, &n) != 1 || n != STORE_HASH)
		return -EIO;
	if (ret_key) {
		*ret_key = key;
		key = NULL; /* handed over */
	}
	return 0;
}

/*
 * A new key for @epoch, durable; or the one that a process which died before
 * its seal has left. Return: 0; -ENOSPC; -EIO.
 */
static int next_key(struct store *store, uint64_t epoch, uint8_t ret_public[STORE_HASH]) {
	cleanup_(secret_wipe) struct secret seed = { .n = 32 };
	int r;

	if (random_draw(seed.bytes, 32) < 0)
		return -EIO;
	r = store->ks->ops->epoch_store(store->ks, epoch, seed.bytes);
	if (r == -EEXIST)
		r = store->ks->ops->epoch_load(store->ks, epoch, seed.bytes);
	if (r < 0)
		return r == -ENOSPC ? r : -EIO;
	return pair_of(&seed, NULL, ret_public);
}

int epoch_certify_first(struct store *store, int64_t wall_ms) {
	uint8_t created[8];
	int r = next_key(store, 1, store->state.public_key);

	put_le64(created, (uint64_t)wall_ms);
	if (r == 0)
		r = store_meta_put(store, "anchor", store->state.public_key, STORE_HASH);
	if (r == 0)
		r = store_meta_put(store, "created", created, sizeof(created));
	if (r == 0)
		store->state.has_key = true;
	return r;
}

int epoch_key_check(struct store *store, const struct journal_state *state) {
	cleanup_(secret_wipe) struct secret seed = { .n = 32 };
	uint8_t public_key[STORE_HASH];
	int r;

	if (!state->has_key)
		return 0;
	r = store->ks->ops->epoch_load(store->ks, state->epoch, seed.bytes);
	if (r == 0)
		r = pair_of(&seed, NULL, public_key);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : -EIO;
	return equal_32(public_key, state->public_key) ? 0 : -EBADMSG;
}

void epoch_erase_stale(struct store *store) {
	struct journal_state *state = &store->state;

	if (!state->stale || state->epoch < 2)
		return;
	if (store->ks->ops->epoch_erase(store->ks, state->epoch - 1) == 0) {
		state->stale = false;
		store->committed.stale = false;
	}
}

static int sign(const struct epoch *epoch, const uint8_t device_id[16], EVP_PKEY *key,
		uint8_t ret_signature[EPOCH_SIGNATURE]) {
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t bytes[EPOCH_SIGNED];
	size_t n = EPOCH_SIGNATURE;

	epoch_spell(epoch, device_id, bytes);
	if (!ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, ret_signature, &n, bytes, sizeof(bytes)) != 1 ||
	    n != EPOCH_SIGNATURE)
		return -EIO;
	return 0;
}

/* The open epoch, signed. Return: 0; -ENOKEY; -ENOSPC; -EIO. */
static int make_seal(struct store *store, const struct moment *now, struct epoch *ret_epoch) {
	cleanup_(secret_wipe) struct secret seed = { .n = 32 };
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	const struct journal_state *state = &store->state;
	struct epoch epoch = {
		.number = state->epoch,
		.first = state->sealed + 1,
		.last = state->seq,
		.wall_ms = now->wall_ms,
	};
	int r = store->ks->ops->epoch_load(store->ks, state->epoch, seed.bytes);

	if (r < 0)
		return r == -ENOENT ? -ENOKEY : -EIO;
	r = pair_of(&seed, &key, epoch.public_key);
	if (r == 0 && !equal_32(epoch.public_key, state->public_key))
		r = -ENOKEY;
	if (r == 0)
		r = next_key(store, state->epoch + 1, epoch.next_key);
	if (r < 0)
		return r;
	memcpy(epoch.head, state->hash, STORE_HASH);
	r = sign(&epoch, store->device_id, key, epoch.signature);
	if (r == 0)
		*ret_epoch = epoch;
	return r;
}

static int write_seal(struct store *store, const struct epoch *epoch) {
	sqlite3_stmt *stmt = NULL;
	int rc, r;

	r = store_prepare(
		store,
		"INSERT INTO epochs (number, first, last, head, wall, public_key, next_key, "
		"signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		&stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)epoch->number);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)epoch->first);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)epoch->last);
	(void)sqlite3_bind_blob(stmt, 4, epoch->head, STORE_HASH, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 5, epoch->wall_ms);
	(void)sqlite3_bind_blob(stmt, 6, epoch->public_key, STORE_HASH, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 7, epoch->next_key, STORE_HASH, SQLITE_STATIC);
	/* A binding that failed is NULL, which no column takes. */
	(void)sqlite3_bind_blob(stmt, 8, epoch->signature, EPOCH_SIGNATURE, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return store_errno(rc);
}

static void state_sealed(struct journal_state *state, const struct epoch *epoch) {
	state->epoch = epoch->number + 1;
	state->sealed = epoch->last;
	memcpy(state->public_key, epoch->next_key, STORE_HASH);
	state->urgent = false;
	state->has_open_since = false;
	state->stale = true;
}

int journal_seal(struct store *store, const struct moment *now) {
	struct epoch epoch;
	int r;

	if (!store || store->broken)
		return -EIO;
	if (store->mode == STORE_READ_ONLY)
		return -EROFS;
	if (store->depth > 0)
		return -EINVAL;
	epoch_erase_stale(store);
	if (store->state.seq == store->state.sealed)
		return 0;
	r = make_seal(store, now, &epoch);
	if (r == 0)
		r = store_begin(store);
	if (r < 0)
		return r;
	r = write_seal(store, &epoch);
	if (r < 0) {
		store_rollback(store);
		return r == -ENOSPC || r == -EROFS || r == -EBUSY ? r : -EIO;
	}
	state_sealed(&store->state, &epoch);
	r = store_commit(store);
	if (r == 0)
		epoch_erase_stale(store);
	return r;
}

bool journal_must_seal(const struct store *store, const struct moment *now, uint32_t epoch_s,
		       uint32_t epoch_entries) {
	const struct journal_state *state = store ? &store->state : NULL;

	if (!state || store->broken || store->mode == STORE_READ_ONLY ||
	    state->seq == state->sealed)
		return false;
	if (state->urgent || state->seq - state->sealed >= epoch_entries || !state->has_open_since)
		return true;
	/* Another boot, or a clock that ran back: no waiting for either. */
	if (memcmp(state->open_boot_id, now->boot_id, sizeof(now->boot_id)) != 0 ||
	    now->boot_ms < state->open_boot_ms)
		return true;
	return now->boot_ms - state->open_boot_ms >= (uint64_t)epoch_s * 1000u;
}

int journal_anchor(struct store *store, uint8_t ret_key[32]) {
	int r = store_meta_get(store, "anchor", ret_key, STORE_HASH);

	return r == 0 || r == -ENOENT ? r : -EIO;
}
