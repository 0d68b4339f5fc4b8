/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The one form of a badge's id
 *
 * A number is kept as its bytes, most significant first, without leading zeros:
 * whether a reader wrote it as hexadecimal or decimal digits, padded or not, then
 * does not show. The other order of the bytes needs their count; where the text
 * does not say it, it is the next one that badges have. A barcode's text begins
 * with a zero byte, which no number does: it is never taken for one.
 */

#include <errno.h>
#include <string.h>

#include "tokens/token.h"

/* What a line may have, and the digits of TOKEN_BADGE_MAX bytes with any zeros. */
#define BADGE_LINE_MAX 128u

#define WIEGAND_MAX 65535u /* facility and number: 16 bits each at most */

/* A number of TOKEN_BADGE_MAX bytes, most significant first, right-aligned. */
struct number {
	uint8_t bytes[TOKEN_BADGE_MAX];
};

/* number = number * @base + @digit. Return: 0; -EINVAL (does not fit). */
static int number_add(struct number *number, unsigned base, unsigned digit) {
	unsigned carry = digit;

	for (size_t i = TOKEN_BADGE_MAX; i-- > 0;) {
		carry += number->bytes[i] * base;
		number->bytes[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return carry == 0 ? 0 : -EINVAL;
}

static size_t number_length(const struct number *number) {
	size_t zeros = 0;

	while (zeros < TOKEN_BADGE_MAX && number->bytes[zeros] == 0)
		++zeros;
	return TOKEN_BADGE_MAX - zeros;
}

/* How many bytes has an id that fills @n? 4, 7, 10: ISO 14443; 8: ISO 15693; 5: 125 kHz. */
static size_t full_length(size_t n) {
	static const uint8_t lengths[] = { 4, 5, 7, 8, 10 };

	for (size_t i = 0; i < sizeof(lengths); ++i)
		if (n <= lengths[i])
			return lengths[i];
	return n;
}

/* The last @n bytes in the other order; the ones before are zeros and stay. */
static void number_reverse(struct number *number, size_t n) {
	uint8_t *first = number->bytes + TOKEN_BADGE_MAX - n;

	for (size_t i = 0; i < n / 2; ++i) {
		uint8_t kept = first[i];

		first[i] = first[n - 1 - i];
		first[n - 1 - i] = kept;
	}
}

/* Return: value of a digit; 16: it is none. */
static unsigned digit_of(uint8_t c) {
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	return 16;
}

static int read_decimal(const uint8_t *p, size_t n, struct number *ret_number) {
	int r = n > 0 ? 0 : -EINVAL;

	for (size_t i = 0; i < n && r == 0; ++i)
		r = digit_of(p[i]) < 10 ? number_add(ret_number, 10, digit_of(p[i])) : -EINVAL;
	return r;
}

static bool is_separator(uint8_t c) {
	return c == ':' || c == '-' || c == ' ';
}

/*
 * Digits; or pairs of them with one kind of separator between all. A beginning
 * "0x" is no digit. @ret_digits: how many.
 */
static int read_hex(const uint8_t *p, size_t n, struct number *ret_number, size_t *ret_digits) {
	bool apart = false;
	size_t digits = 0;
	int r = 0;

	if (n > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		p += 2;
		n -= 2;
	}
	apart = n > 2 && is_separator(p[2]);
	for (size_t i = 0; i < n && r == 0; ++i) {
		if (apart && i % 3 == 2) {
			r = p[i] == p[2] && i + 1 < n ? 0 : -EINVAL;
			continue;
		}
		r = digit_of(p[i]) < 16 ? number_add(ret_number, 16, digit_of(p[i])) : -EINVAL;
		++digits;
	}
	if (digits == 0 || (apart && digits % 2 != 0))
		r = -EINVAL;
	*ret_digits = digits;
	return r;
}

static int form_hex(const uint8_t *p, size_t n, struct number *ret_number) {
	size_t digits = 0;

	return read_hex(p, n, ret_number, &digits);
}

static int form_hex_reversed(const uint8_t *p, size_t n, struct number *ret_number) {
	size_t digits = 0, length = 0;
	int r = read_hex(p, n, ret_number, &digits);

	/* A text of a length that badges have says how many bytes there are. */
	length = digits % 2 == 0 && full_length(digits / 2) == digits / 2
	                 ? digits / 2
	                 : full_length(number_length(ret_number));
	if (r == 0 && length > TOKEN_BADGE_MAX)
		r = -EINVAL;
	if (r == 0)
		number_reverse(ret_number, length);
	return r;
}

static int form_decimal(const uint8_t *p, size_t n, struct number *ret_number) {
	return read_decimal(p, n, ret_number);
}

static int form_decimal_reversed(const uint8_t *p, size_t n, struct number *ret_number) {
	int r = read_decimal(p, n, ret_number);

	if (r == 0)
		number_reverse(ret_number, full_length(number_length(ret_number)));
	return r;
}

/* One half: 1 to 5 digits, at most WIEGAND_MAX. */
static int read_half(const uint8_t *p, size_t n, unsigned *ret_value) {
	unsigned value = 0;

	if (n == 0 || n > 5)
		return -EINVAL;
	for (size_t i = 0; i < n; ++i) {
		if (digit_of(p[i]) >= 10)
			return -EINVAL;
		value = value * 10 + digit_of(p[i]);
	}
	if (value > WIEGAND_MAX)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

/* The number has the lower 16 bits, the facility what is above: as on the wire. */
static int form_wiegand(const uint8_t *p, size_t n, struct number *ret_number) {
	unsigned facility = 0, card = 0;
	size_t comma = 0;

	while (comma < n && p[comma] != ',')
		++comma;
	if (comma == n || read_half(p, comma, &facility) < 0 ||
	    read_half(p + comma + 1, n - comma - 1, &card) < 0)
		return -EINVAL;
	ret_number->bytes[TOKEN_BADGE_MAX - 4] = (uint8_t)(facility >> 8);
	ret_number->bytes[TOKEN_BADGE_MAX - 3] = (uint8_t)facility;
	ret_number->bytes[TOKEN_BADGE_MAX - 2] = (uint8_t)(card >> 8);
	ret_number->bytes[TOKEN_BADGE_MAX - 1] = (uint8_t)card;
	return 0;
}

/* Printable ASCII, letters as capitals, behind one zero byte. */
static int normalise_text(const uint8_t *p, size_t n, uint8_t *ret_id, size_t *ret_n) {
	if (n == 0 || n + 1 > TOKEN_BADGE_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; ++i)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return -EINVAL;
	ret_id[0] = 0;
	for (size_t i = 0; i < n; ++i)
		ret_id[i + 1] = p[i] >= 'a' && p[i] <= 'z' ? (uint8_t)(p[i] - 'a' + 'A') : p[i];
	*ret_n = n + 1;
	return 0;
}

static bool is_blank(uint8_t c) {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int badge_normalise(enum badge_form form, const uint8_t *line, size_t n_line,
		    uint8_t ret_id[static TOKEN_BADGE_MAX], size_t *ret_n) {
	static int (*const readers[BADGE_N_FORMS])(const uint8_t *p, size_t n,
	                                           struct number *ret_number) = {
		[BADGE_HEX] = form_hex,
		[BADGE_HEX_REVERSED] = form_hex_reversed,
		[BADGE_DECIMAL] = form_decimal,
		[BADGE_DECIMAL_REVERSED] = form_decimal_reversed,
		[BADGE_WIEGAND] = form_wiegand,
	};
	struct number number = { { 0 } };
	size_t n = 0;

	if (n_line > BADGE_LINE_MAX || (unsigned)form >= BADGE_N_FORMS)
		return -EINVAL;
	for (; n_line > 0 && is_blank(line[0]); --n_line)
		++line;
	while (n_line > 0 && is_blank(line[n_line - 1]))
		--n_line;
	if (form == BADGE_TEXT)
		return normalise_text(line, n_line, ret_id, ret_n);
	if (readers[form](line, n_line, &number) < 0)
		return -EINVAL;
	/* Nothing but zeros is what a reader says that has read nothing. */
	n = number_length(&number);
	if (n == 0)
		return -EINVAL;
	memcpy(ret_id, number.bytes + TOKEN_BADGE_MAX - n, n);
	*ret_n = n;
	return 0;
}
