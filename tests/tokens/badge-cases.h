/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOKENS_BADGE_CASES_H
#define TESTS_TOKENS_BADGE_CASES_H

/* What must hold for any line: for the fuzzer and for the replay of its corpus. */

#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "tokens/token.h"

static inline void badge_must(int holds) {
	if (!holds)
		abort();
}

/* Writes @id as a reader of the most significant byte first does. */
static inline void badge_property_hex(const uint8_t *id, size_t n) {
	char text[2 * TOKEN_BADGE_MAX + 1];
	uint8_t again[TOKEN_BADGE_MAX];
	size_t n_again = 0;

	hex_encode(text, id, n);
	badge_must(badge_normalise(BADGE_HEX, (const uint8_t *)text, 2 * n, again, &n_again) == 0);
	badge_must(n_again == n && memcmp(again, id, n) == 0);
}

/* First byte: the form; the rest: the line. */
static inline void badge_property(const uint8_t *p, size_t n) {
	uint8_t id[TOKEN_BADGE_MAX], before[TOKEN_BADGE_MAX];
	size_t n_id = 77;
	int r;

	if (n == 0)
		return;
	memset(id, 0x5a, sizeof(id));
	memcpy(before, id, sizeof(id));
	r = badge_normalise((enum badge_form)(p[0] & 7), p + 1, n - 1, id, &n_id);
	if (r < 0) {
		badge_must(n_id == 77 && memcmp(id, before, sizeof(id)) == 0);
		return;
	}
	badge_must((p[0] & 7) < BADGE_N_FORMS && n - 1 <= 128 && n_id >= 1 && n_id <= sizeof(id));
	if ((p[0] & 7) == BADGE_TEXT) {
		badge_must(n_id >= 2 && id[0] == 0);
		return;
	}
	badge_must(id[0] != 0);
	badge_property_hex(id, n_id);
}

#endif
