/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AUTH_MEMORY_H
#define TESTS_AUTH_MEMORY_H

/* Looks through the process's own memory, by /proc/self/mem. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is looked for, kept xored, so that it is not found in itself. */
struct memory_pattern {
	size_t n;
	uint8_t masked[64];
};

void memory_pattern_set(struct memory_pattern *pattern, const uint8_t *p, size_t n);

/*
 * Can it be looked through? Not with the address sanitizer: it keeps what was
 * freed, on purpose, and maps terabytes. The suites say so and leave those tests
 * to the plain build.
 */
bool memory_can_be_searched(void);

/* How often it stands in the writable memory of this process. */
size_t memory_find(const struct memory_pattern *pattern);

/* Has the mapping of @address this flag in /proc/self/smaps? */
bool memory_has_flag(const void *address, const char *flag);

#endif
