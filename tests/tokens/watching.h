/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOKENS_WATCHING_H
#define TESTS_TOKENS_WATCHING_H

/*
 * token_watch() in a thread of the test, or in a process of its own; the test reads
 * what it sees one by one.
 */

#include <pthread.h>
#include <stdbool.h>

#include "tokens/token.h"

struct watching {
	struct token_rules rules;
	pthread_t thread;
	int (*confine)(void); /* NULL: a thread; else a process that calls it first    */
	pid_t pid;
	int stop[2];
	int sights[2];
	_Atomic unsigned beats; /* "alive", which is no sight (a thread's alone)        */
	int result;       /* of token_watch(), after watching_stop()                   */
};

void watching_start(struct watching *w);
void watching_stop(struct watching *w);

/* The next sight within @ms. Return: false: none. */
bool watching_next(struct watching *w, int ms, struct token_sight *ret_sight);

/* The next one must be of this kind; waits for as long as a test may take. */
struct token_sight watching_need(struct watching *w, enum token_sight_kind kind);

/* Nothing more may come within @ms. */
void watching_need_none(struct watching *w, int ms);

double watching_now_ms(void);

/* A HID device as the kernel shows it, in a folder like /sys/class/hidraw; and away. */
void hid_plug(const char *folder, const char *name, const uint8_t *descriptor, size_t n);
void hid_unplug(const char *folder, const char *name);

#endif
