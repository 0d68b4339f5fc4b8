/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_RECEIPT_CBOR_H
#define AUTH_RECEIPT_CBOR_H

/* Writing one item after the other, within bounds; common/item.h reads them. */

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

#endif
