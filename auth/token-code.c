/* SPDX-License-Identifier: Apache-2.0 */

/* Which badge codes are no secret at all. */

#include "auth/token.h"

#define CODE_LONGEST 6u
#define CODE_SHORTEST 4u

static bool is_digits(const uint8_t *p, size_t n) {
	for (size_t i = 0; i < n; ++i)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

/* Does every digit follow the one before by the same step, as in 1111, 1234, 9876, 8901? */
static bool is_run(const uint8_t *p, size_t n) {
	unsigned step = (unsigned)(p[1] + 10 - p[0]) % 10;

	if (step != 0 && step != 1 && step != 9)
		return false;
	for (size_t i = 2; i < n; ++i)
		if ((unsigned)(p[i] + 10 - p[i - 1]) % 10 != step)
			return false;
	return true;
}

/* The last @n_code digits of the number that @p is, written down. */
static bool ends_number(const uint8_t *p, size_t n, bool reversed, const uint8_t *code,
			size_t n_code) {
	uint64_t modulus = 1;
	uint64_t rest = 0;
	uint64_t typed = 0;

	for (size_t i = 0; i < n_code; ++i) {
		modulus *= 10;
		typed = typed * 10 + (uint64_t)(code[i] - '0');
	}
	for (size_t i = 0; i < n; ++i)
		rest = (rest << 8 | p[reversed ? n - 1 - i : i]) % modulus;
	return n > 0 && rest == typed;
}

/* The last digits of its bytes in hexadecimal, or of its text. */
static bool ends_text(const uint8_t *p, size_t n, const uint8_t *code, size_t n_code) {
	static const char digits[] = "0123456789abcdef";
	bool hex = n * 2 >= n_code;

	for (size_t i = 0; hex && i < n_code; ++i) {
		uint8_t byte = p[n - 1 - i / 2];

		hex = code[n_code - 1 - i] ==
		      (uint8_t)digits[i % 2 == 0 ? byte & 0x0f : byte >> 4];
	}
	return hex || (n >= n_code && memcmp(p + n - n_code, code, n_code) == 0);
}

enum code_fault code_check(const struct badge_rules *rules, const struct secret *typed,
			   const uint8_t *badge, size_t n_badge) {
	if (rules->code_digits < CODE_SHORTEST || rules->code_digits > CODE_LONGEST)
		return CODE_OFF;
	if (typed->n != rules->code_digits)
		return CODE_LENGTH;
	if (!is_digits(typed->bytes, typed->n))
		return CODE_DIGITS;
	if (is_run(typed->bytes, typed->n))
		return CODE_TRIVIAL;
	if (ends_number(badge, n_badge, false, typed->bytes, typed->n) ||
	    ends_number(badge, n_badge, true, typed->bytes, typed->n) ||
	    ends_text(badge, n_badge, typed->bytes, typed->n))
		return CODE_LIKE_BADGE;
	return CODE_GOOD;
}
