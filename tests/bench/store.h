/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BENCH_STORE_H
#define TESTS_BENCH_STORE_H

/* A store of its own, and entries as a device writes them. */

#include "audit/journal.h"
#include "tests/bench/bench.h"

struct bench_store {
	char path[320];
	int dirfd;
	int keysfd;
	struct keystore *ks;
	struct store *store;
};

void bench_store_make(struct bench *b, struct bench_store *s, const char *name);
void bench_store_drop(struct bench_store *s);

struct moment bench_moment(unsigned i);
/* A use of a guarded action by somebody signed in: about 200 bytes on the disk. */
struct journal_entry bench_entry(unsigned i);

#endif
