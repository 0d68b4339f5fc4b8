/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_OBJECT_HASH_H
#define COMMON_OBJECT_HASH_H

/*
 * An object's name in one word of the state page: FNV-1a, 64 bits
 *
 * It tells one dose from another by mistake or by slip. It is no seal: whoever wants
 * to can find another text of the same word, and could as well do the care itself.
 */

#include <stdint.h>

/* @text: NULL is the empty text. */
static inline uint64_t object_hash(const char *text) {
	uint64_t hash = 14695981039346656037u;

	for (; text && *text != '\0'; ++text)
		hash = (hash ^ (uint8_t)*text) * 1099511628211u;
	return hash;
}

#endif
