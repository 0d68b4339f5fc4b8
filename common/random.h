/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

/*
 * Random bytes, from the kernel and nobody else
 *
 * A generator in a library has a state of its own, which an allocation that fails in
 * a bad moment leaves broken for as long as the process lives.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>

/* Fills @n bytes at @p. Return: 0; -EIO, and @p is not to be used. */
static inline int random_draw(void *p, size_t n) {
	uint8_t *to = p;
	size_t done = 0;

	while (done < n) {
		ssize_t k = getrandom(to + done, n - done, 0);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -EIO;
		done += (size_t)k;
	}
	return 0;
}

#endif
