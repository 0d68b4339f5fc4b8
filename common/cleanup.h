/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_CLEANUP_H
#define COMMON_CLEANUP_H

/*
 * Scope-bound resources: every resource has its cleanup in its declaration,
 * and handing it over is a visible assignment (`fd = -1; // handed over`).
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup_(fn) __attribute__((cleanup(fn)))

/* Defines fn##p(), for cleanup_(), from a free function that takes NULL. */
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline void fn##p(type *p) {                                                        \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}

/* Closes *@fd if it is open; errno is kept. */
static inline void close_fdp(int *fd) {
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

static inline void free_charp(char **p) {
	free(*p);
}

static inline void free_bytesp(unsigned char **p) {
	free(*p);
}

static inline void close_filep(FILE **f) {
	if (*f)
		(void)fclose(*f);
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
