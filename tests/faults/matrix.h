/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAULTS_MATRIX_H
#define TESTS_FAULTS_MATRIX_H

/* The program: which cells are played, each in processes of its own, and what is said. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/faults/faults.h"

#define RESULT_LINES 40u

struct place {
	unsigned fault, moment, variant;
};

struct result {
	struct place place;
	bool is_done;    /* it came to its end                                           */
	bool is_red;
	char skipped[160]; /* not empty: why it could not be played                       */
	uint64_t struck;
	unsigned outcome;
	uint64_t slowest_ns;
	unsigned ms;
	unsigned n_lines;
	char lines[RESULT_LINES][320];
};

struct options {
	const char *profile, *carewardd, *preload, *report;
	char program[256]; /* this one                                                   */
	char dir[64];      /* where everything is played                                  */
	const char *at;    /* and in which folder                                         */
	const char *fault; /* filters; NULL: all                                          */
	const char *moment;
	int variant;       /* -1: all                                                    */
	bool all, list, verbose;
	uint64_t seed;
	unsigned sample, jobs, part, parts;
};

/* run.c. @results: room for @n. Return: how many are red. */
unsigned matrix_run(const struct options *o, const struct place *places, unsigned n,
                    struct result *results);
/* Runs this program once more as the cell. Does not return. */
void matrix_cell(const struct options *o, int argc, char **argv);

/* select.c. Return: how many. Free with free(). */
unsigned matrix_select(const struct options *o, struct place **ret_places);

/* report.c */
void report_write(FILE *f, const struct options *o, const struct result *results, unsigned n);
void outcome_print(char *to, size_t room, unsigned outcome);

#endif
