/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <utf8proc.h>

#include "auth/text.h"
#include "common/cleanup.h"

/* Everything that is not named here is TEXT_FORBIDDEN. */
static const uint8_t classes[] = {
	[UTF8PROC_CATEGORY_LU] = TEXT_UPPER,  [UTF8PROC_CATEGORY_LL] = TEXT_LOWER,
	[UTF8PROC_CATEGORY_LT] = TEXT_UPPER,  [UTF8PROC_CATEGORY_LM] = TEXT_LETTER,
	[UTF8PROC_CATEGORY_LO] = TEXT_LETTER, [UTF8PROC_CATEGORY_MN] = TEXT_MARK,
	[UTF8PROC_CATEGORY_MC] = TEXT_MARK,   [UTF8PROC_CATEGORY_ME] = TEXT_OTHER,
	[UTF8PROC_CATEGORY_ND] = TEXT_DIGIT,  [UTF8PROC_CATEGORY_NL] = TEXT_OTHER,
	[UTF8PROC_CATEGORY_NO] = TEXT_OTHER,  [UTF8PROC_CATEGORY_PC] = TEXT_OTHER,
	[UTF8PROC_CATEGORY_PD] = TEXT_OTHER,  [UTF8PROC_CATEGORY_PS] = TEXT_OTHER,
	[UTF8PROC_CATEGORY_PE] = TEXT_OTHER,  [UTF8PROC_CATEGORY_PI] = TEXT_OTHER,
	[UTF8PROC_CATEGORY_PF] = TEXT_OTHER,  [UTF8PROC_CATEGORY_PO] = TEXT_OTHER,
	[UTF8PROC_CATEGORY_SM] = TEXT_OTHER,  [UTF8PROC_CATEGORY_SC] = TEXT_OTHER,
	[UTF8PROC_CATEGORY_SK] = TEXT_OTHER,  [UTF8PROC_CATEGORY_SO] = TEXT_OTHER,
	[UTF8PROC_CATEGORY_ZS] = TEXT_SPACE,
};
_Static_assert(TEXT_FORBIDDEN == 0, "what the table does not name is forbidden");

/* Joiners: part of correct spelling in Persian and Indic scripts, and of emoji. */
#define ZERO_WIDTH_NON_JOINER 0x200c
#define ZERO_WIDTH_JOINER 0x200d

static bool is_old_hangul(int32_t point) {
	return (point >= 0x1100 && point <= 0x11ff) || (point >= 0xa960 && point <= 0xa97c) ||
	       (point >= 0xd7b0 && point <= 0xd7fb);
}

enum text_class text_classify(int32_t point) {
	if (point == ZERO_WIDTH_NON_JOINER || point == ZERO_WIDTH_JOINER)
		return TEXT_OTHER;
	if (point < 0 || point > 0x10ffff || is_old_hangul(point))
		return TEXT_FORBIDDEN;

	const utf8proc_property_t *property = utf8proc_get_property(point);

	if (property->ignorable)
		return TEXT_FORBIDDEN;
	if (property->category < 0 || (size_t)property->category >= ARRAY_SIZE(classes))
		return TEXT_FORBIDDEN;
	return (enum text_class)classes[property->category];
}

static utf8proc_option_t options_of(enum text_form form) {
	switch (form) {
	case TEXT_FOLDED:
		return UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | UTF8PROC_CASEFOLD;
	case TEXT_BARE:
		return UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | UTF8PROC_CASEFOLD |
		       UTF8PROC_STRIPMARK | UTF8PROC_IGNORE;
	case TEXT_NFC:
		break;
	}
	return UTF8PROC_DECOMPOSE | UTF8PROC_STABLE;
}

int text_decode(const uint8_t *p, size_t n, enum text_form form, struct text *ret_text) {
	cleanup_(text_wipe) struct text text = { 0 };
	utf8proc_ssize_t got;

	if (n == 0) {
		ret_text->n = 0;
		return 0;
	}
	/* One byte is at least a third of a code point, see TEXT_CODE_POINTS. */
	if (n > TEXT_CODE_POINTS)
		return -E2BIG;

	got = utf8proc_decompose(p, (utf8proc_ssize_t)n, text.points, TEXT_CODE_POINTS,
	                         options_of(form));
	if (got < 0)
		return -EINVAL;
	if (got > (utf8proc_ssize_t)TEXT_CODE_POINTS)
		return -E2BIG;

	got = utf8proc_normalize_utf32(text.points, got, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	if (got < 0 || got > (utf8proc_ssize_t)TEXT_CODE_POINTS)
		return -EINVAL;

	text.n = (size_t)got;
	*ret_text = text;
	return 0;
}

int text_encode(const struct text *text, uint8_t *ret_p, size_t capacity, size_t *ret_n) {
	size_t n = 0;

	for (size_t i = 0; i < text->n; ++i) {
		uint8_t bytes[4];
		utf8proc_ssize_t got = utf8proc_encode_char(text->points[i], bytes);

		if (got <= 0 || (size_t)got > capacity - n)
			return -E2BIG;
		for (size_t k = 0; k < (size_t)got; ++k)
			ret_p[n++] = bytes[k];
	}
	*ret_n = n;
	return 0;
}

bool text_is_plain(const char *p, size_t n) {
	size_t at = 0;

	while (at < n) {
		utf8proc_int32_t point;
		utf8proc_ssize_t got = utf8proc_iterate((const uint8_t *)p + at,
		                                        (utf8proc_ssize_t)(n - at), &point);

		if (got <= 0 || text_classify(point) == TEXT_FORBIDDEN)
			return false;
		at += (size_t)got;
	}
	return true;
}
