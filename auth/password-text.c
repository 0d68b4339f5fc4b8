/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>

#include "auth/password.h"
#include "auth/text.h"
#include "common/cleanup.h"
#include "common/limits.h"

_Static_assert(LIMIT_PASSWORD <= SECRET_MAX, "a password fits into a secret");

int password_prepare(const struct secret *typed, struct secret *ret_prepared) {
	cleanup_(secret_wipe) struct secret prepared = { 0 };
	cleanup_(text_wipe) struct text text = { 0 };
	int r;

	if (typed->n > SECRET_MAX)
		return -E2BIG;
	if (typed->n == 0 || memchr(typed->bytes, 0, typed->n))
		return -EINVAL;

	r = text_decode(typed->bytes, typed->n, TEXT_NFC, &text);
	if (r < 0)
		return r;

	for (size_t i = 0; i < text.n; ++i) {
		enum text_class class = text_classify(text.points[i]);

		if (class == TEXT_FORBIDDEN)
			return -EINVAL;
		if (class == TEXT_SPACE)
			text.points[i] = ' ';
	}

	r = text_encode(&text, prepared.bytes, LIMIT_PASSWORD, &prepared.n);
	if (r < 0)
		return r;
	if (prepared.n == 0)
		return -EINVAL;

	*ret_prepared = prepared; /* the only write, on the only success path */
	return 0;
}

/* Digits and capitals without 0 and O, 1, I and L. */
static const char one_time_alphabet[] = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
_Static_assert(sizeof(one_time_alphabet) - 1 == 31, "31 letters are 4.95 bits each");

#define ONE_TIME_GROUPS 4u
#define ONE_TIME_LETTERS 5u

/* Divides the number in @p (big end first) by @divisor; the rest is returned. */
static uint32_t divide_bytes(uint8_t *p, size_t n, uint32_t divisor) {
	uint32_t rest = 0;

	for (size_t i = 0; i < n; ++i) {
		uint32_t part = rest << 8 | p[i];

		p[i] = (uint8_t)(part / divisor);
		rest = part % divisor;
	}
	return rest;
}

/*
 * The 256 random bits are one number, written in base 31: its lowest 20 digits
 * are even to within 2^-157, without a letter that could run out of bytes.
 */
void password_one_time(uint8_t random[static 32], struct secret *ret_secret) {
	secret_wipe(ret_secret);
	for (unsigned group = 0; group < ONE_TIME_GROUPS; ++group) {
		if (group > 0)
			ret_secret->bytes[ret_secret->n++] = '-';
		for (unsigned i = 0; i < ONE_TIME_LETTERS; ++i) {
			uint32_t digit = divide_bytes(random, 32, 31);

			ret_secret->bytes[ret_secret->n++] = (uint8_t)one_time_alphabet[digit];
		}
	}
	explicit_bzero(random, 32);
}
