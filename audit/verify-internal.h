/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_VERIFY_INTERNAL_H
#define AUDIT_VERIFY_INTERNAL_H

/* What the files of the verification share. */

#include <stdatomic.h>

#include "audit/chain.h"
#include "audit/journal.h"

enum verify_index {
	INDEX_ACCOUNT,
	INDEX_TARGET,
	INDEX_EMERGENCY,
	INDEX_N,
};

/*
 * A print of a set of pairs (value, entry): two sets have the same one when they
 * are the same, and else with a chance of at most their size divided by 2^61.
 *
 * It is the product of x - (value * y + entry) modulo 2^61 - 1 over all pairs, a
 * polynomial that two sets share only when they are equal, at a point (x, y)
 * that is drawn for each verification: nobody can forge for it.
 */
struct verify_point {
	uint64_t x, y;
};

struct verify_print {
	uint64_t n;
	uint64_t product;
};

struct verifier {
	struct store *store;
	const struct verify_options *options;
	int (*progress)(uint64_t done, uint64_t all, void *userdata);
	void *userdata;
	struct verify_report *report;

	/* Fixed at the beginning: what comes after is not looked at. */
	uint64_t all;     /* last entry                                   */
	uint64_t n_seals; /* last epoch                                   */

	/* Where it is. */
	uint64_t first; /* number that it began with                    */
	uint64_t seq;   /* last entry that was good                     */
	uint8_t hash[STORE_HASH];
	struct epoch epoch; /* that the next entries belong to             */
	bool has_epoch;
	uint64_t sealed;         /* last entry of the last good epoch           */
	uint8_t key[STORE_HASH]; /* which has to sign the next epoch            */
	uint64_t n_texts;

	struct verify_point point;
	struct verify_print indexed[INDEX_N]; /* what each index has to hold    */

	/* NULL: signatures are verified on the way. Else: a hash of all seals, whose
	 * signatures the helper verifies. */
	EVP_MD_CTX *seals;
};

/*
 * What needs no order, read by a helper through a connection of its own while
 * the entries are read: signatures of seals, indexes, the database itself.
 */
struct verify_beside {
	struct verifier v; /* its own; bounds and point are those of the other      */
	struct verify_report report;
	const struct verify_helper *helper; /* NULL: not running */
	int (*progress)(uint64_t done, uint64_t all, void *userdata);
	void *userdata;
	_Atomic bool stop;
	_Atomic unsigned next;             /* index, for whoever of the two is free     */
	struct verify_print read[INDEX_N]; /* by one or the other                        */
	int result;
};

/*
 * verify_found() - note the first thing that is wrong
 *
 * Return: 1, which ends the verification.
 */
int verify_found(struct verifier *v, enum verify_finding finding, uint64_t seq, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/* SQLite said no: damaged is a finding, everything else an error. */
int verify_sqlite(struct verifier *v, int code, const char *where);

/* verify-index.c. Return: 0; 1 (found); -ECANCELED; -errno. */
int verify_point_draw(struct verify_point *ret_point);
void verify_print_add(struct verify_print *print, const struct verify_point *point, uint64_t value,
		      uint64_t seq);
/* Reads an index in its order: how it stands there. */
int verify_index_read(struct verifier *v, enum verify_index index, struct verify_print *ret_read);
/* Is that what the entries want? */
int verify_indexes_compare(struct verifier *v, const struct verify_print read[INDEX_N]);
int verify_database(struct verifier *v);

/*
 * verify-beside.c: start, and always an end
 *
 * Return of the start: 0; -errno (there is nothing to end). Of the end: 0 (what
 * it read is good, and fits to what @v has read); 1 (it is not: which of all is
 * told by a verification without a helper); -ECANCELED; -errno.
 */
int verify_beside_start(struct verify_beside *beside, struct verifier *v);
/* What is left of the indexes, read by @v. Return: 0; 1; -errno. */
int verify_beside_share(struct verify_beside *beside, struct verifier *v);
int verify_beside_end(struct verify_beside *beside, struct verifier *v, bool cancel);

/* Adds a seal to the hash of all seals. Return: 0; -EIO. */
int verify_note_seal(EVP_MD_CTX *seals, const struct epoch *epoch, const uint8_t device_id[16]);

#endif
