/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_TEXT_H
#define AUTH_TEXT_H

/*
 * UTF-8 as code points, without any heap
 *
 * Passwords pass through here, so the buffer is part of the caller's frame and
 * is wiped with it: cleanup_(text_wipe).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 256 bytes of UTF-8 decompose and fold to at most three code points for two bytes. */
#define TEXT_CODE_POINTS 512u

struct text {
	size_t n;
	int32_t points[TEXT_CODE_POINTS];
};

enum text_form {
	TEXT_NFC = 0, /* canonical composition                                   */
	TEXT_FOLDED,  /* case folding, then canonical composition                */
	TEXT_BARE,    /* for comparing only: case folded, accents taken away     */
};

enum text_class {
	TEXT_FORBIDDEN = 0, /* control, unassigned, private, separator of lines, ... */
	TEXT_LOWER,
	TEXT_UPPER,
	TEXT_LETTER, /* of a script without case                                 */
	TEXT_MARK,   /* belongs to the letter before it                          */
	TEXT_DIGIT,
	TEXT_SPACE,
	TEXT_OTHER, /* punctuation, symbols, other numbers                      */
	TEXT_N_CLASSES,
};

static inline void text_wipe(struct text *text) {
	explicit_bzero(text, sizeof(*text));
}

/*
 * text_decode() - UTF-8 to code points in one form
 * @p, @n:  the bytes; need not end in NUL
 *
 * Return: 0; -EINVAL (not valid UTF-8: overlong, surrogate, above U+10FFFF,
 * cut off); -E2BIG (more than TEXT_CODE_POINTS).
 */
int text_decode(const uint8_t *p, size_t n, enum text_form form, struct text *ret_text);

/*
 * text_encode() - code points to UTF-8
 * @capacity: room in @ret_p
 *
 * Return: 0; -E2BIG (does not fit; @ret_p is then partly written).
 */
int text_encode(const struct text *text, uint8_t *ret_p, size_t capacity, size_t *ret_n);

/* What kind of character it is; TEXT_FORBIDDEN for anything unknown. */
enum text_class text_classify(int32_t point);

/* Is @p well-formed UTF-8 without forbidden characters? Empty is. */
bool text_is_plain(const char *p, size_t n);

#endif
