/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/receipt-cbor.h"

#include <cbor.h>
#include <string.h>

/*
 * Writing
 */

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

/*
 * Reading
 */

static void got(void *context, enum cbor_item_kind kind, uint64_t v) {
	struct cbor_read_item *item = context;

	*item = (struct cbor_read_item){ .kind = kind, .v = v };
}

static void got_uint8(void *context, uint8_t v) {
	got(context, CBOR_ITEM_UINT, v);
}

static void got_uint16(void *context, uint16_t v) {
	got(context, CBOR_ITEM_UINT, v);
}

static void got_uint32(void *context, uint32_t v) {
	got(context, CBOR_ITEM_UINT, v);
}

static void got_uint64(void *context, uint64_t v) {
	got(context, CBOR_ITEM_UINT, v);
}

static void got_negint8(void *context, uint8_t v) {
	got(context, CBOR_ITEM_NEGINT, v);
}

static void got_negint16(void *context, uint16_t v) {
	got(context, CBOR_ITEM_NEGINT, v);
}

static void got_negint32(void *context, uint32_t v) {
	got(context, CBOR_ITEM_NEGINT, v);
}

static void got_negint64(void *context, uint64_t v) {
	got(context, CBOR_ITEM_NEGINT, v);
}

static void got_bytes(void *context, cbor_data p, size_t n) {
	struct cbor_read_item *item = context;

	*item = (struct cbor_read_item){ .kind = CBOR_ITEM_BYTES, .p = p, .n = n };
}

static void got_text(void *context, cbor_data p, size_t n) {
	struct cbor_read_item *item = context;

	*item = (struct cbor_read_item){ .kind = CBOR_ITEM_TEXT, .p = p, .n = n };
}

static void got_map(void *context, size_t n) {
	got(context, CBOR_ITEM_MAP, n);
}

static void got_array(void *context, size_t n) {
	got(context, CBOR_ITEM_ARRAY, n);
}

const struct cbor_read_item *cbor_next(struct cbor_reader *reader) {
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	struct cbor_decoder_result result;

	callbacks.uint8 = got_uint8;
	callbacks.uint16 = got_uint16;
	callbacks.uint32 = got_uint32;
	callbacks.uint64 = got_uint64;
	callbacks.negint8 = got_negint8;
	callbacks.negint16 = got_negint16;
	callbacks.negint32 = got_negint32;
	callbacks.negint64 = got_negint64;
	callbacks.byte_string = got_bytes;
	callbacks.string = got_text;
	callbacks.map_start = got_map;
	callbacks.array_start = got_array;

	reader->item = (struct cbor_read_item){ 0 };
	if (reader->n == 0)
		return &reader->item;
	result = cbor_stream_decode(reader->p, reader->n, &callbacks, &reader->item);
	if (result.status != CBOR_DECODER_FINISHED || result.read > reader->n) {
		reader->item = (struct cbor_read_item){ 0 };
		reader->n = 0;
		return &reader->item;
	}
	reader->p += result.read;
	reader->n -= result.read;
	return &reader->item;
}

bool cbor_next_is(struct cbor_reader *reader, enum cbor_item_kind kind, uint64_t v) {
	const struct cbor_read_item *item = cbor_next(reader);

	return item->kind == kind && item->v == v;
}
