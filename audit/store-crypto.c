/* SPDX-License-Identifier: Apache-2.0 */

/* Sealing, MACs and hashes of a store, with the contexts and keys kept. */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "audit/store-internal.h"
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/random.h"
#include "common/secret.h"

#define NONCE 12u
#define TAG   16u

DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free)
DEFINE_CLEANUP(EVP_MAC_CTX *, EVP_MAC_CTX_free)

void store_keys_wipe(struct store *store) {
	explicit_bzero(store->keys, sizeof(store->keys));
	store->n_keys = 0;
}

/* The key for @purpose and @label, derived once. Return: 0; -EIO. */
static int key_for(struct store *store, const char *purpose, const char *label,
		   const uint8_t **ret_key) {
	char full[sizeof(store->keys[0].label)];
	struct store_key *slot;
	size_t n_purpose = strlen(purpose), n = n_purpose + strlen(label);

	if (!store || !store->ks || n >= sizeof(full))
		return -EIO;
	memcpy(full, purpose, n_purpose);
	memcpy(full + n_purpose, label, n - n_purpose + 1);
	for (size_t i = 0; i < store->n_keys; ++i) {
		if (strcmp(store->keys[i].label, full) == 0) {
			*ret_key = store->keys[i].key;
			return 0;
		}
	}
	if (store->n_keys == STORE_KEYS)
		store_keys_wipe(store);
	slot = &store->keys[store->n_keys];
	if (store->ks->ops->derive(store->ks, full, slot->key) < 0)
		return -EIO;
	memcpy(slot->label, full, n + 1);
	store->n_keys++;
	*ret_key = slot->key;
	return 0;
}

/* Table, row and generation, as the AEAD authenticates them. */
static int context_of(const char *table, int64_t row, uint64_t generation, uint8_t aad[64],
		      size_t *ret_n) {
	size_t n = strlen(table);

	if (n > 40)
		return -EIO;
	put_le64(aad, (uint64_t)row);
	put_le64(aad + 8, generation);
	memcpy(aad + 16, table, n);
	*ret_n = 16 + n;
	return 0;
}

int store_seal(struct store *store, const char *table, int64_t row, uint64_t generation,
	       const uint8_t *plain, size_t n_plain, uint8_t *sealed, size_t *n_sealed) {
	cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const uint8_t *key = NULL;
	uint8_t aad[64];
	size_t n_aad = 0;
	int n = 0, last = 0;

	if (n_plain > INT_MAX - STORE_SEAL_OVERHEAD || *n_sealed < n_plain + STORE_SEAL_OVERHEAD)
		return -ENOSPC;
	if (!ctx || context_of(table, row, generation, aad, &n_aad) < 0 ||
	    key_for(store, "careward seal 1 ", table, &key) < 0 || random_draw(sealed, NONCE) < 0)
		return -EIO;
	if (EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)n_aad) != 1)
		return -EIO;
	n = 0;
	if (n_plain > 0 && EVP_EncryptUpdate(ctx, sealed + NONCE, &n, plain, (int)n_plain) != 1)
		return -EIO;
	if (EVP_EncryptFinal_ex(ctx, sealed + NONCE + n, &last) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, sealed + NONCE + n_plain) != 1)
		return -EIO;
	*n_sealed = n_plain + STORE_SEAL_OVERHEAD;
	return 0;
}

/* Return: 0; -EBADMSG (and @plain wiped); -EIO. */
static int open_sealed(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *aad, size_t n_aad,
		       const uint8_t *sealed, size_t n_plain, uint8_t *plain) {
	uint8_t tag[TAG];
	int n = 0, last = 0;

	memcpy(tag, sealed + NONCE + n_plain, TAG);
	if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)n_aad) != 1)
		return -EIO;
	n = 0;
	if (n_plain > 0 && EVP_DecryptUpdate(ctx, plain, &n, sealed + NONCE, (int)n_plain) != 1)
		return -EIO;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) != 1)
		return -EIO;
	/* The final step writes nothing in this mode, but wants somewhere to write. */
	if (EVP_DecryptFinal_ex(ctx, tag, &last) != 1) {
		explicit_bzero(plain, n_plain);
		return -EBADMSG;
	}
	return 0;
}

int store_unseal(struct store *store, const char *table, int64_t row, uint64_t generation,
		 const uint8_t *sealed, size_t n_sealed, uint8_t *plain, size_t *n_plain) {
	cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = NULL;
	const uint8_t *key = NULL;
	uint8_t aad[64];
	size_t n_aad = 0, n;
	int r;

	if (n_sealed < STORE_SEAL_OVERHEAD || n_sealed > INT_MAX)
		return -EBADMSG;
	n = n_sealed - STORE_SEAL_OVERHEAD;
	if (*n_plain < n)
		return -ENOSPC;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || context_of(table, row, generation, aad, &n_aad) < 0 ||
	    key_for(store, "careward seal 1 ", table, &key) < 0)
		return -EIO;
	r = open_sealed(ctx, key, aad, n_aad, sealed, n, plain);
	if (r == 0)
		*n_plain = n;
	return r;
}

int store_mac(struct store *store, const char *label, const uint8_t *p, size_t n,
	      uint8_t ret_mac[32]) {
	cleanup_(EVP_MAC_CTX_freep) EVP_MAC_CTX *ctx = NULL;
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	const uint8_t *key = NULL;
	uint8_t mac[32];
	size_t n_mac = 0;

	if (key_for(store, "careward mac 1 ", label, &key) < 0)
		return -EIO;
	ctx = EVP_MAC_CTX_new(store->hmac);
	if (!ctx || EVP_MAC_init(ctx, key, 32, parameters) != 1 || EVP_MAC_update(ctx, p, n) != 1 ||
	    EVP_MAC_final(ctx, mac, &n_mac, sizeof(mac)) != 1 || n_mac != sizeof(mac))
		return -EIO;
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

int store_check_keys(struct store *store, bool is_new) {
	uint8_t stored[32], mac[32];
	int r = store_mac(store, "key check", store->device_id, sizeof(store->device_id), mac);

	if (r == 0)
		r = store_meta_get(store, "key_check", stored, sizeof(stored));
	if (r == 0)
		return equal_32(stored, mac) ? 0 : -EBADMSG;
	if (r != -ENOENT || !is_new)
		return r == -ENOENT ? -EBADMSG : r;
	r = store_begin(store);
	if (r < 0)
		return r;
	r = store_meta_put(store, "key_check", mac, sizeof(mac));
	if (r == 0)
		return store_commit(store);
	store_rollback(store);
	return r;
}

int store_sha256(struct store *store, const struct piece *pieces, size_t n_pieces,
		 uint8_t ret_hash[STORE_HASH]) {
	/* The context keeps its algorithm from store_open(): half the time. */
	if (EVP_DigestInit_ex(store->sha256, NULL, NULL) != 1)
		return -EIO;
	for (size_t i = 0; i < n_pieces; ++i)
		if (EVP_DigestUpdate(store->sha256, pieces[i].p, pieces[i].n) != 1)
			return -EIO;
	return EVP_DigestFinal_ex(store->sha256, ret_hash, NULL) == 1 ? 0 : -EIO;
}
