/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it UTF-8? Proved never to read beyond the text, and to let no NUL through
 */

#include "wire/frame-text.h"

/* What the first two bytes of a sequence may be; all others are 0x80..0xbf. */
struct utf8_range {
	uint8_t first, last; /* lead byte                                            */
	uint8_t low, high;   /* second byte                                          */
	uint8_t n;           /* length of the sequence                               */
};

/* clang-format off */
static const struct utf8_range utf8_ranges[] = {
	{ 0x01, 0x7f, 0x00, 0x00, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};
/* clang-format on */

#define N_UTF8_RANGES (sizeof(utf8_ranges) / sizeof(utf8_ranges[0]))

/*@
  predicate No_nul{L}(uint8_t *p, integer from, integer to) =
    \forall integer i; from <= i < to ==> p[i] != 0;

  predicate Continued{L}(uint8_t *p, integer from, integer to) =
    \forall integer i; from <= i < to ==> 0x80 <= p[i] <= 0xbf;
*/

/*@
  requires \valid_read(p + (from .. to - 1));
  terminates \true;
  assigns \nothing;
  ensures \result <==> Continued(p, from, to);
*/
static bool is_continued(const uint8_t *p, size_t from, size_t to) {
	/*@
	  loop invariant from <= i;
	  loop invariant Continued(p, from, i);
	  loop assigns i;
	  loop variant to - i;
	*/
	for (size_t i = from; i < to; ++i) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return false;
	}
	return true;
}

/* Length of the sequence at @at of the @n bytes; 0: none that is allowed. */
/*@
  requires at < n;
  requires \valid_read(p + (0 .. n - 1));
  terminates \true;
  assigns \nothing;
  ensures never_beyond: at + \result <= n;
  ensures no_nul: No_nul(p, at, at + \result);
*/
static size_t utf8_sequence(const uint8_t *p, size_t at, size_t n) {
	if (p[at] == 0)
		return 0;
	/*@
	  loop invariant 0 <= i <= N_UTF8_RANGES;
	  loop assigns i;
	  loop variant N_UTF8_RANGES - i;
	*/
	for (size_t i = 0; i < N_UTF8_RANGES; ++i) {
		const struct utf8_range *r = &utf8_ranges[i];

		if (p[at] < r->first || p[at] > r->last)
			continue;
		if (n - at < r->n || !is_continued(p, at + 1, at + r->n))
			return 0;
		if (r->n > 1 && (p[at + 1] < r->low || p[at + 1] > r->high))
			return 0;
		return r->n;
	}
	return 0;
}

/*@
  requires \valid_read(p + (0 .. n - 1));
  terminates \true;
  assigns \nothing;
  ensures no_nul: \result ==> No_nul(p, 0, n);
*/
bool frame_text_is_valid(const uint8_t *p, size_t n) {
	size_t i = 0;

	/*@
	  loop invariant 0 <= i <= n;
	  loop invariant No_nul(p, 0, i);
	  loop assigns i;
	  loop variant n - i;
	*/
	while (i < n) {
		size_t length = utf8_sequence(p, i, n);

		if (length == 0)
			return false;
		i += length;
	}
	return true;
}
