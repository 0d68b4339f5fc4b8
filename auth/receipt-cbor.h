/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_RECEIPT_CBOR_H
#define AUTH_RECEIPT_CBOR_H

/* Writing and reading one item after the other, within bounds. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once it failed it stays so, and writes nothing more. */
struct cbor_writer {
	uint8_t *p;
	size_t n;
	size_t capacity;
	bool failed;
};

void cbor_put_uint(struct cbor_writer *w, uint64_t v);
void cbor_put_int(struct cbor_writer *w, int64_t v);
void cbor_put_bytes(struct cbor_writer *w, const void *p, size_t n);
void cbor_put_text(struct cbor_writer *w, const char *text, size_t size); /* ends within @size */
void cbor_put_map(struct cbor_writer *w, size_t n_pairs);
void cbor_put_array(struct cbor_writer *w, size_t n);

enum cbor_item_kind {
	CBOR_ITEM_OTHER = 0, /* nothing that stands in a receipt                      */
	CBOR_ITEM_UINT,
	CBOR_ITEM_NEGINT,
	CBOR_ITEM_BYTES,
	CBOR_ITEM_TEXT,
	CBOR_ITEM_MAP,
	CBOR_ITEM_ARRAY,
};

struct cbor_read_item {
	enum cbor_item_kind kind;
	uint64_t v;       /* UINT, NEGINT (-1 - v), MAP (pairs), ARRAY (items)         */
	const uint8_t *p; /* BYTES, TEXT: points into what is read                     */
	size_t n;
};

struct cbor_reader {
	const uint8_t *p;
	size_t n; /* left */
	struct cbor_read_item item;
};

/* The next item; what stands in no receipt, and the end, are CBOR_ITEM_OTHER. */
const struct cbor_read_item *cbor_next(struct cbor_reader *reader);

/* Is the next item exactly this one? */
bool cbor_next_is(struct cbor_reader *reader, enum cbor_item_kind kind, uint64_t v);

#endif
