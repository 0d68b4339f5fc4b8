/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AUDIT_FIXTURE_H
#define TESTS_AUDIT_FIXTURE_H

/*
 * A device of its own for each test, and somebody who knows the format
 *
 * The forger recomputes hashes by docs/journal.md with code of its own.
 */

#include <check.h>
#include <sqlite3.h>
#include <stdint.h>

#include "audit/journal.h"
#include "common/keystore.h"

struct fixture {
	char directory[64];
	int dirfd;
	int keysfd;
	struct keystore *ks;
	struct store *store;
};

extern struct fixture fx;

/* Unchecked fixtures: a directory with keys and an empty store, open; all removed. */
void fixture_setup(void);
void fixture_teardown(void);

void fixture_close(void);
int fixture_open(void); /* for writing, with keys */

/* Twelve entries of all kinds: 1-4 and 5-8 sealed, 9-12 open. */
void fixture_fill(void);
struct journal_entry fixture_entry(unsigned i);
struct moment fixture_moment(unsigned i);

/* SQL on the closed store, without any of its defences. Return: SQLite's code. */
int forge(const char *sql);
sqlite3 *forge_open(void);
/* Recomputes the hashes of entries @first to @last, and the columns stay. */
void forge_hashes(uint64_t first, uint64_t last);
/* Changes one byte of a body; returns false past its end. */
bool forge_byte(uint64_t seq, unsigned at, uint8_t xor_with);

/*
 * Verifies the open store with a helping thread and without one: both have to say
 * the same.
 */
struct verify_report verify_both_ways(struct store *store, const struct verify_options *options);

/* Verifies the closed store, for reading, with or without keys; both ways. */
struct verify_report verify_it(const struct verify_options *options, bool with_keys);

/* Copies a file of the fixture's directory. */
void copy_file(const char *from, const char *to);
/* Removes a directory below the fixture's. */
void remove_tree(const char *path);

int run_suite(Suite *suite);

#endif
