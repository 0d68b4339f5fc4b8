/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_ITEM_H
#define COMMON_ITEM_H

/*
 * CBOR that somebody else wrote: one item after the other, in place
 *
 * Only definite lengths; a string is as long as what is held, or there is none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum item_kind {
	ITEM_NONE = 0, /* nothing left, cut off, or of a kind that is not taken        */
	ITEM_UINT,
	ITEM_NEGINT,
	ITEM_BYTES,
	ITEM_TEXT,
	ITEM_ARRAY,
	ITEM_MAP,
	ITEM_TAG,
	ITEM_SIMPLE, /* true, false, null, undefined, a float                          */
};

struct item {
	enum item_kind kind;
	uint64_t v;       /* UINT, NEGINT (-1 - v), ARRAY (items), MAP (pairs)          */
	const uint8_t *p; /* BYTES, TEXT                                                */
	size_t n;
};

struct item_reader {
	const uint8_t *p;
	size_t n; /* left; 0 after an error                                             */
};

struct item item_next(struct item_reader *reader);

/* Is the next item exactly this one? */
bool item_is(struct item_reader *reader, enum item_kind kind, uint64_t v);

/* An integer of either sign, as COSE labels things. False: not one, or beyond 32 bits. */
bool item_int(const struct item *item, int32_t *ret_v);

/* Passes over one item with all that is in it. Return: true if it is whole. */
bool item_skip(struct item_reader *reader);

#endif
