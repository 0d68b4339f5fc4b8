/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_COPY_H
#define AUTH_COPY_H

/* A text into a field of fixed size. Both fit by what their owners checked; if not, it is cut. */

#include <string.h>

static inline void text_copy(char *to, size_t size, const char *from) {
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

#endif
