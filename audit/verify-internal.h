/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_VERIFY_INTERNAL_H
#define AUDIT_VERIFY_INTERNAL_H

/* What verify.c and verify-index.c share. */

#include "audit/chain.h"
#include "audit/journal.h"

enum verify_index {
	INDEX_ACCOUNT,
	INDEX_TARGET,
	INDEX_EMERGENCY,
	INDEX_N,
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
	uint64_t sealed;           /* last entry of the last good epoch           */
	uint8_t key[STORE_HASH];   /* which has to sign the next epoch       */
	uint64_t indexed[INDEX_N]; /* rows that each index has to hold     */
	uint64_t n_texts;
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
int verify_indexes(struct verifier *v);
int verify_database(struct verifier *v);

#endif
