/* SPDX-License-Identifier: Apache-2.0 */

#include <cbor.h>

#include "common/item.h"

static void got(void *context, enum item_kind kind, uint64_t v) {
	*(struct item *)context = (struct item){ .kind = kind, .v = v };
}

static void got_uint8(void *context, uint8_t v) {
	got(context, ITEM_UINT, v);
}

static void got_uint16(void *context, uint16_t v) {
	got(context, ITEM_UINT, v);
}

static void got_uint32(void *context, uint32_t v) {
	got(context, ITEM_UINT, v);
}

static void got_uint64(void *context, uint64_t v) {
	got(context, ITEM_UINT, v);
}

static void got_negint8(void *context, uint8_t v) {
	got(context, ITEM_NEGINT, v);
}

static void got_negint16(void *context, uint16_t v) {
	got(context, ITEM_NEGINT, v);
}

static void got_negint32(void *context, uint32_t v) {
	got(context, ITEM_NEGINT, v);
}

static void got_negint64(void *context, uint64_t v) {
	got(context, ITEM_NEGINT, v);
}

static void got_bytes(void *context, cbor_data p, size_t n) {
	*(struct item *)context = (struct item){ .kind = ITEM_BYTES, .p = p, .n = n };
}

static void got_text(void *context, cbor_data p, size_t n) {
	*(struct item *)context = (struct item){ .kind = ITEM_TEXT, .p = p, .n = n };
}

static void got_array(void *context, size_t n) {
	got(context, ITEM_ARRAY, n);
}

static void got_map(void *context, size_t n) {
	got(context, ITEM_MAP, n);
}

static void got_tag(void *context, uint64_t v) {
	got(context, ITEM_TAG, v);
}

static void got_float(void *context, float v) {
	got(context, ITEM_SIMPLE, 0);
}

static void got_double(void *context, double v) {
	got(context, ITEM_SIMPLE, 0);
}

static void got_boolean(void *context, bool v) {
	got(context, ITEM_SIMPLE, v);
}

static void got_nothing(void *context) {
	got(context, ITEM_SIMPLE, 0);
}

/* What is without length (strings in pieces, arrays to a break) stays ITEM_NONE. */
static struct cbor_callbacks make_callbacks(void) {
	struct cbor_callbacks callbacks = cbor_empty_callbacks;

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
	callbacks.array_start = got_array;
	callbacks.map_start = got_map;
	callbacks.tag = got_tag;
	callbacks.float2 = got_float;
	callbacks.float4 = got_float;
	callbacks.float8 = got_double;
	callbacks.boolean = got_boolean;
	callbacks.null = got_nothing;
	callbacks.undefined = got_nothing;
	return callbacks;
}

static bool is_within(const struct item_reader *reader, const struct item *item) {
	if (item->kind != ITEM_BYTES && item->kind != ITEM_TEXT)
		return true;
	return item->n <= reader->n && item->p >= reader->p &&
	       item->p <= reader->p + (reader->n - item->n);
}

struct item item_next(struct item_reader *reader) {
	const struct cbor_callbacks callbacks = make_callbacks();
	struct cbor_decoder_result result;
	struct item item = { 0 };

	if (reader->n == 0)
		return item;
	result = cbor_stream_decode(reader->p, reader->n, &callbacks, &item);
	if (result.status != CBOR_DECODER_FINISHED || result.read == 0 || result.read > reader->n ||
	    item.kind == ITEM_NONE || !is_within(reader, &item)) {
		reader->n = 0;
		return (struct item){ 0 };
	}
	reader->p += result.read;
	reader->n -= result.read;
	return item;
}

bool item_is(struct item_reader *reader, enum item_kind kind, uint64_t v) {
	struct item item = item_next(reader);

	return item.kind == kind && item.v == v;
}

bool item_int(const struct item *item, int32_t *ret_v) {
	if ((item->kind != ITEM_UINT && item->kind != ITEM_NEGINT) || item->v > INT32_MAX)
		return false;
	*ret_v = item->kind == ITEM_UINT ? (int32_t)item->v : -1 - (int32_t)item->v;
	return true;
}

/* Without a stack: how many items are still to come is all that counts. */
bool item_skip(struct item_reader *reader) {
	uint64_t left = 1;

	while (left > 0) {
		struct item item = item_next(reader);

		--left;
		if (item.kind == ITEM_NONE)
			return false;
		/* Each of them takes a byte at least. */
		if ((item.kind == ITEM_ARRAY || item.kind == ITEM_MAP) && item.v > reader->n)
			return false;
		left += item.kind == ITEM_ARRAY ? item.v : 0;
		left += item.kind == ITEM_MAP ? 2 * item.v : 0;
		left += item.kind == ITEM_TAG ? 1 : 0;
		if (left > reader->n)
			return false;
	}
	return true;
}
