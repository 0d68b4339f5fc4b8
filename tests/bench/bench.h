/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

/*
 * Measuring: what must be paid anyway (the floor) beside what we do, in one run
 *
 * Contenders take turns, batch by batch, so that a busy machine is busy for all
 * of them. A round gives each its own median and 99th percentile; the row shows
 * the median of the rounds, and the greatest single time of all. Nothing here
 * passes or fails by a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_ROWS_MAX 128u
#define BENCH_ROUNDS_MAX 32u
#define BENCH_CONTENDERS_MAX 8u

/* One thing that is timed. */
struct contender {
	const char *name;
	unsigned n;                         /* operations in a batch, timed together  */
	void (*before)(void *arg);          /* not timed; NULL: nothing               */
	void (*run)(void *arg, unsigned n); /* timed                                  */
	void (*after)(void *arg);           /* not timed; NULL: nothing               */
	uint64_t (*timed)(void *arg);       /* instead of run: one operation that says */
	                                    /* itself how many nanoseconds it took     */
	void *arg;
	const char *note;                   /* NULL: none                             */
};

struct plan {
	unsigned rounds;  /* 1 to BENCH_ROUNDS_MAX                                   */
	unsigned batches; /* of each contender in a round                            */
};

/* Names, notes and reasons are literals. */
struct row {
	const char *group;
	const char *name;
	const char *not_run; /* NULL: it was; else why not                           */
	const char *note;
	bool is_floor;
	uint64_t samples;    /* batches in all                                       */
	unsigned per_sample; /* operations in one of them                            */
	double p50, p99, max; /* nanoseconds for one operation                       */
	double ratio;        /* to the group's floor; 0: there is none                */
};

struct bench {
	bool quick;        /* only show that it works                                */
	bool json;
	const char *picture; /* file to draw growth into; NULL: none                 */
	unsigned entries;  /* of the largest journal that growth is shown with        */
	char dir[256];     /* ours; removed at the end                               */
	char storage[32];  /* kind of file system that dir is on                     */
	char config[256];  /* profile that the device is made of                     */
	struct row rows[BENCH_ROWS_MAX];
	unsigned n_rows;
};

/* From now on SIGINT and SIGTERM end the program between two batches, cleaned up. */
void bench_watch_signals(void);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t bench_ns(void);

/* Ends the program with a message when @good is false. */
void bench_must(bool good, const char *what);

/* Keeps a value alive, so that nothing that is measured is left out by the compiler. */
void bench_keep(uint64_t value);

/*
 * bench_measure() - measures contenders in turn and adds a row for each
 * @contenders: the first one is the floor when @has_floor
 * @plan:       of a full run; a quick one does the least
 */
void bench_measure(struct bench *b, const char *group, bool has_floor,
                   const struct contender *contenders, unsigned n, const struct plan *plan);

/* Adds a row that says why something was not measured. */
void bench_skip(struct bench *b, const char *group, const char *name, const char *why);

/* Makes a directory below b->dir, mode 0700. Return: its descriptor, the caller's to close. */
int bench_scratch(struct bench *b, const char *name, char *ret_path, size_t n_path);

/* Prints all rows: an aligned table, or JSON. */
void bench_report(const struct bench *b);

/* The groups of rows, one for each file rows-*.c. */
void rows_check(struct bench *b);
void rows_record(struct bench *b);
void rows_glass(struct bench *b);
void rows_password(struct bench *b);
void rows_proof(struct bench *b);
void rows_verify(struct bench *b);
void rows_key(struct bench *b);
void rows_tokens(struct bench *b);
void rows_client(struct bench *b);
void rows_sign_in(struct bench *b);
void rows_growth(struct bench *b);

#endif
