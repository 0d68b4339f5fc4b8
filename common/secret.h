/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

/*
 * A short-lived secret: born empty, wiped on every way out
 *
 * Passwords, codes, PINs and keys travel in this type and in no other. It is
 * declared with cleanup_(secret_wipe) and never copied but by assignment.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef _GNU_SOURCE
#error "compile with -D_GNU_SOURCE: explicit_bzero"
#endif

/* Longest secret that anything accepts, in bytes; longer is refused unhashed. */
#define SECRET_MAX 256u

struct secret {
	size_t n;
	uint8_t bytes[SECRET_MAX];
};

static inline void secret_wipe(struct secret *s) {
	explicit_bzero(s, sizeof(*s));
}

/*
 * secret_set() - fill a secret from bytes
 *
 * Return: true; false when @n is greater than SECRET_MAX, and the secret is
 * then empty.
 */
static inline bool secret_set(struct secret *s, const void *p, size_t n) {
	secret_wipe(s);
	if (n > SECRET_MAX)
		return false;
	if (n > 0)
		memcpy(s->bytes, p, n);
	s->n = n;
	return true;
}

/*
 * equal_32() - compare two 32-byte values in constant time
 *
 * Return: true when all bytes are equal.
 */
static inline bool equal_32(const uint8_t a[static 32], const uint8_t b[static 32]) {
	volatile uint8_t difference = 0;

	for (size_t i = 0; i < 32; ++i)
		difference |= (uint8_t)(a[i] ^ b[i]);
	return difference == 0;
}

#endif
