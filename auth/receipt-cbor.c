/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/receipt-cbor.h"

#include <cbor.h>
#include <string.h>

/* @n: what a libcbor encoder wrote; 0 when it did not fit. */
static void wrote(struct cbor_writer *w, size_t n) {
	if (n == 0)
		w->failed = true;
	w->n += n;
}

static void put_raw(struct cbor_writer *w, const void *p, size_t n) {
	if (w->failed || n > w->capacity - w->n) {
		w->failed = true;
		return;
	}
	if (n > 0)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

void cbor_put_uint(struct cbor_writer *w, uint64_t v) {
	wrote(w, cbor_encode_uint(v, w->p + w->n, w->capacity - w->n));
}

void cbor_put_int(struct cbor_writer *w, int64_t v) {
	if (v >= 0)
		cbor_put_uint(w, (uint64_t)v);
	else
		wrote(w, cbor_encode_negint((uint64_t)(-(v + 1)), w->p + w->n, w->capacity - w->n));
}

void cbor_put_bytes(struct cbor_writer *w, const void *p, size_t n) {
	wrote(w, cbor_encode_bytestring_start(n, w->p + w->n, w->capacity - w->n));
	put_raw(w, p, n);
}

void cbor_put_text(struct cbor_writer *w, const char *text, size_t size) {
	size_t n = strnlen(text, size);

	if (n == size)
		w->failed = true;
	wrote(w, cbor_encode_string_start(n, w->p + w->n, w->capacity - w->n));
	put_raw(w, text, n);
}

void cbor_put_map(struct cbor_writer *w, size_t n_pairs) {
	wrote(w, cbor_encode_map_start(n_pairs, w->p + w->n, w->capacity - w->n));
}

void cbor_put_array(struct cbor_writer *w, size_t n) {
	wrote(w, cbor_encode_array_start(n, w->p + w->n, w->capacity - w->n));
}
