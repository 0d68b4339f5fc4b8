/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"

/* One round's figures of one contender. */
struct figures {
	double p50, p99, max;
};

static volatile uint64_t kept;
static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
	interrupted = 1;
}

void bench_watch_signals(void) {
	/* The second one ends it at once. */
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	bench_must(sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0,
	           "sigaction");
}

uint64_t bench_ns(void) {
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void bench_must(bool good, const char *what) {
	if (good)
		return;
	(void)fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

void bench_keep(uint64_t value) {
	kept = value;
}

static int by_size(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The smallest value that @part (0 to 1) of all are not above. Sorts. */
static double percentile(double *values, unsigned n, double part) {
	unsigned at = 0;

	qsort(values, n, sizeof(*values), by_size);
	while (at + 1 < n && (double)(at + 1) < part * (double)n)
		++at;
	return values[at];
}

static double median(double *values, unsigned n) {
	return percentile(values, n, 0.5);
}

static double batch_time(const struct contender *c) {
	uint64_t begin, end;

	if (c->before)
		c->before(c->arg);
	if (c->timed) {
		begin = 0;
		end = c->timed(c->arg);
	} else {
		begin = bench_ns();
		c->run(c->arg, c->n);
		end = bench_ns();
	}
	if (c->after)
		c->after(c->arg);
	return (double)(end - begin) / (double)(c->timed ? 1 : c->n);
}

/* One round: every contender in turn, @batches times. */
static void round_run(const struct contender *contenders, unsigned n, unsigned batches,
                      double *samples, struct figures *ret_figures) {
	for (unsigned i = 0; i < batches; ++i) {
		bench_must(!interrupted, "interrupted");
		for (unsigned c = 0; c < n; ++c)
			samples[c * batches + i] = batch_time(&contenders[c]);
	}
	for (unsigned c = 0; c < n; ++c) {
		double *mine = samples + c * batches;

		ret_figures[c].p50 = percentile(mine, batches, 0.5);
		ret_figures[c].p99 = percentile(mine, batches, 0.99);
		ret_figures[c].max = mine[batches - 1];
	}
}

static struct row *row_add(struct bench *b, const char *group, const char *name) {
	struct row *row = &b->rows[b->n_rows];

	bench_must(b->n_rows < BENCH_ROWS_MAX, "too many rows");
	++b->n_rows;
	*row = (struct row){ .group = group, .name = name };
	return row;
}

void bench_measure(struct bench *b, const char *group, bool has_floor,
                   const struct contender *contenders, unsigned n, const struct plan *plan) {
	struct figures figures[BENCH_ROUNDS_MAX][BENCH_CONTENDERS_MAX];
	unsigned rounds = b->quick ? 1 : plan->rounds;
	unsigned batches = b->quick ? 2 : plan->batches;
	double *samples = calloc((size_t)n * batches, sizeof(*samples));

	bench_must(samples && n <= BENCH_CONTENDERS_MAX && rounds <= BENCH_ROUNDS_MAX, "a wrong plan");
	for (unsigned r = 0; r < rounds; ++r)
		round_run(contenders, n, batches, samples, figures[r]);
	free(samples);
	for (unsigned c = 0; c < n; ++c) {
		double p50[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX], ratio[BENCH_ROUNDS_MAX];
		struct row *row = row_add(b, group, contenders[c].name);

		for (unsigned r = 0; r < rounds; ++r) {
			p50[r] = figures[r][c].p50;
			p99[r] = figures[r][c].p99;
			ratio[r] = figures[r][0].p50 > 0 ? p50[r] / figures[r][0].p50 : 0;
			row->max = figures[r][c].max > row->max ? figures[r][c].max : row->max;
		}
		row->p50 = median(p50, rounds);
		row->p99 = median(p99, rounds);
		row->ratio = has_floor ? median(ratio, rounds) : 0;
		row->is_floor = has_floor && c == 0;
		row->samples = (uint64_t)rounds * batches;
		row->per_sample = contenders[c].timed ? 1 : contenders[c].n;
		row->note = contenders[c].note;
	}
}

void bench_skip(struct bench *b, const char *group, const char *name, const char *why) {
	row_add(b, group, name)->not_run = why;
}
