/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a helper verifies while the entries are read
 *
 * Signatures, indexes and pages take as long as hashing the entries, and wait
 * for none of them. The helper finds that all is good, or that it is not: which
 * of several things is the first is not for two threads to say.
 */

#include <errno.h>
#include <string.h>

#include "audit/verify-internal.h"
#include "common/cleanup.h"
#include "common/secret.h"

#define SEALS 2000 /* in one read */

int verify_note_seal(EVP_MD_CTX *seals, const struct epoch *epoch, const uint8_t device_id[16]) {
	uint8_t bytes[EPOCH_SIGNED];

	epoch_spell(epoch, device_id, bytes);
	return EVP_DigestUpdate(seals, bytes, sizeof(bytes)) == 1 &&
			       EVP_DigestUpdate(seals, epoch->signature, EPOCH_SIGNATURE) == 1
		       ? 0
		       : -EIO;
}

/* Return: 0; 1 (not good); -errno. */
static int check_seal(struct verifier *v, sqlite3_stmt *stmt, uint64_t *n) {
	struct epoch epoch;
	int r;

	if (epoch_read(stmt, &epoch) < 0)
		return 1;
	r = epoch_verify(&epoch, v->store->device_id);
	if (r == 0)
		r = verify_note_seal(v->seals, &epoch, v->store->device_id);
	*n = epoch.number;
	return r == -EKEYREJECTED ? 1 : r;
}

/* Signatures of the seals after epoch *@n. */
static int check_some_seals(struct verifier *v, uint64_t *n) {
	sqlite3_stmt *stmt = NULL;
	int rc = SQLITE_DONE, r;

	r = store_prepare(v->store,
			  "SELECT number, first, last, head, wall, public_key, next_key, signature "
			  "FROM epochs WHERE number > ?1 AND number <= ?2 ORDER BY number LIMIT ?3",
			  &stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)*n);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)v->n_seals);
	(void)sqlite3_bind_int(stmt, 3, SEALS);
	while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		r = check_seal(v, stmt, n);
	if (r == 0 && rc != SQLITE_DONE)
		r = -EIO;
	(void)sqlite3_reset(stmt);
	return r;
}

static int check_seals(struct verifier *v) {
	uint64_t n = 0, before;
	int r = 0;

	do {
		before = n;
		r = check_some_seals(v, &n);
		if (r == 0 && v->progress(v->all, v->all, v->userdata) != 0)
			r = -ECANCELED;
	} while (r == 0 && n != before);
	return r;
}

static int go_on(uint64_t done, uint64_t all, void *userdata) {
	struct verify_beside *beside = userdata;

	if (atomic_load(&beside->stop))
		return 1;
	return beside->progress ? beside->progress(done, all, beside->userdata) : 0;
}

int verify_beside_share(struct verify_beside *beside, struct verifier *v) {
	unsigned i;
	int r = 0;

	while (r == 0 && (i = atomic_fetch_add(&beside->next, 1)) < INDEX_N)
		r = verify_index_read(v, (enum verify_index)i, &beside->read[i]);
	return r;
}

/* In the helper's thread. */
static void run(void *data) {
	struct verify_beside *beside = data;
	struct verifier *v = &beside->v;
	int r = check_seals(v);

	if (r == 0)
		r = verify_database(v);
	if (r == 0)
		r = verify_beside_share(beside, v);
	beside->result = r;
}

static EVP_MD_CTX *hash_new(void) {
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

static void drop(struct verify_beside *beside, struct verifier *v) {
	EVP_MD_CTX_free(v->seals);
	EVP_MD_CTX_free(beside->v.seals);
	v->seals = NULL;
	(void)store_close(beside->v.store);
}

int verify_beside_start(struct verify_beside *beside, struct verifier *v) {
	int r;

	*beside = (struct verify_beside){
		.v = { .options = v->options,
		       .progress = go_on,
		       .userdata = beside,
		       .report = &beside->report,
		       .all = v->all,
		       .n_seals = v->n_seals,
		       .point = v->point,
		       .seals = hash_new() },
		.helper = v->options->helper,
		.progress = v->progress,
		.userdata = v->userdata,
	};
	v->seals = hash_new();
	r = v->seals && beside->v.seals ? store_open_beside(v->store, &beside->v.store) : -ENOMEM;
	if (r < 0) {
		drop(beside, v);
		return r;
	}
	beside->helper->run(run, beside, beside->helper->userdata);
	return 0;
}

/* Both have read the same seals. Return: 0; 1; -EIO. */
static int compare_seals(struct verify_beside *beside, struct verifier *v) {
	uint8_t mine[STORE_HASH], its[STORE_HASH];

	if (EVP_DigestFinal_ex(v->seals, mine, NULL) != 1 ||
	    EVP_DigestFinal_ex(beside->v.seals, its, NULL) != 1)
		return -EIO;
	return equal_32(mine, its) ? 0 : 1;
}

int verify_beside_end(struct verify_beside *beside, struct verifier *v, bool cancel) {
	int r;

	if (cancel)
		atomic_store(&beside->stop, true);
	beside->helper->wait(beside->helper->userdata);
	r = beside->result;
	if (r == 0 && !cancel)
		r = compare_seals(beside, v);
	if (r == 0 && !cancel)
		r = verify_indexes_compare(v, beside->read);
	drop(beside, v);
	return r;
}
