/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: taking them apart. Every byte of a packet may be hostile. */

#include "wire/frame.h"

#include <cbor.h>
#include <errno.h>
#include <string.h>

enum item_type {
	ITEM_BAD = 0, /* tag, float, undefined, indefinite, break                     */
	ITEM_UINT,
	ITEM_NEGATIVE, /* -1 - number                                                 */
	ITEM_BYTES,
	ITEM_TEXT,
	ITEM_ARRAY,
	ITEM_MAP,
	ITEM_BOOL,
	ITEM_NULL,
};

/* The head of one item, and for strings all of it. */
struct item {
	enum item_type type;
	uint64_t number;  /* value; number of items of an array, of pairs of a map    */
	const uint8_t *p; /* text of a string: the end of what was taken              */
	size_t n;
	size_t read; /* bytes of the packet that were taken                      */
};

/* What the decoder of libcbor calls. */

static void is(void *context, enum item_type type, uint64_t number) {
	struct item *item = context;

	item->type = type;
	item->number = number;
}

static void on_uint8(void *context, uint8_t value) {
	is(context, ITEM_UINT, value);
}

static void on_uint16(void *context, uint16_t value) {
	is(context, ITEM_UINT, value);
}

static void on_uint32(void *context, uint32_t value) {
	is(context, ITEM_UINT, value);
}

static void on_uint64(void *context, uint64_t value) {
	is(context, ITEM_UINT, value);
}

static void on_negint8(void *context, uint8_t value) {
	is(context, ITEM_NEGATIVE, value);
}

static void on_negint16(void *context, uint16_t value) {
	is(context, ITEM_NEGATIVE, value);
}

static void on_negint32(void *context, uint32_t value) {
	is(context, ITEM_NEGATIVE, value);
}

static void on_negint64(void *context, uint64_t value) {
	is(context, ITEM_NEGATIVE, value);
}

static void on_bytes(void *context, cbor_data p, size_t n) {
	struct item *item = context;

	item->type = ITEM_BYTES;
	item->n = n;
}

static void on_text(void *context, cbor_data p, size_t n) {
	struct item *item = context;

	item->type = ITEM_TEXT;
	item->n = n;
}

static void on_array(void *context, size_t n) {
	is(context, ITEM_ARRAY, n);
}

static void on_map(void *context, size_t n) {
	is(context, ITEM_MAP, n);
}

static void on_bool(void *context, bool value) {
	is(context, ITEM_BOOL, value);
}

static void on_null(void *context) {
	is(context, ITEM_NULL, 0);
}

static void on_refused(void *context) {
	is(context, ITEM_BAD, 0);
}

static void on_refused_tag(void *context, uint64_t value) {
	is(context, ITEM_BAD, 0);
}

static void on_refused_float(void *context, float value) {
	is(context, ITEM_BAD, 0);
}

static void on_refused_double(void *context, double value) {
	is(context, ITEM_BAD, 0);
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint8 = on_negint8,
	.negint16 = on_negint16,
	.negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string_start = on_refused,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = on_refused,
	.indef_array_start = on_refused,
	.array_start = on_array,
	.indef_map_start = on_refused,
	.map_start = on_map,
	.tag = on_refused_tag,
	.float2 = on_refused_float,
	.float4 = on_refused_float,
	.float8 = on_refused_double,
	.undefined = on_refused,
	.null = on_null,
	.boolean = on_bool,
	.indef_break = on_refused,
};

/* How many values, or pairs of a map, come behind the head. */
static uint64_t values_of(const struct item *item) {
	return item->type == ITEM_ARRAY || item->type == ITEM_MAP ? item->number : 0;
}

/*
 * Decodes one head. What the decoder says is not believed: neither that the text
 * lies in the packet nor that the values which are claimed can be there.
 */
static bool item_read(const uint8_t *p, size_t n, struct item *ret) {
	struct item item = { 0 };
	struct cbor_decoder_result result;

	if (n == 0)
		return false;
	result = cbor_stream_decode(p, n, &callbacks, &item);
	if (result.status != CBOR_DECODER_FINISHED || item.type == ITEM_BAD)
		return false;
	if (!frame_item_fits(n, result.read, item.n, values_of(&item), item.type == ITEM_MAP))
		return false;
	item.read = result.read;
	item.p = p + (item.read - item.n);
	*ret = item;
	return true;
}

/* Bytes of the whole item at @p; 0: it is not whole. */
static size_t item_size(const uint8_t *p, size_t n) {
	size_t done = 0;
	uint64_t wanted = 1;

	while (wanted > 0) {
		struct item item;

		if (!item_read(p + done, n - done, &item))
			return 0;
		done += item.read;
		if (!frame_wanted(wanted, values_of(&item), item.type == ITEM_MAP, n - done,
				  &wanted))
			return 0;
	}
	return done;
}

/* Takes the key of the next pair. */
static bool walk_key(struct frame_walk *walk, const uint8_t *packet, struct frame_inside *level) {
	struct item item;
	size_t at;

	if (!item_read(packet + walk->done, walk->n - walk->done, &item))
		return false;
	if (item.type != ITEM_TEXT || !frame_text_is_valid(item.p, item.n))
		return false;
	at = walk->done + item.read - item.n;
	return frame_key_is_new(level, packet, walk->n, at, item.n) &&
	       frame_key_note(level, at, item.n) && frame_walk_take(walk, item.read);
}

/* Takes the next value, going into it when it is a map or an array. */
static bool walk_value(struct frame_walk *walk, const uint8_t *packet) {
	struct item item;

	if (!item_read(packet + walk->done, walk->n - walk->done, &item))
		return false;
	if (item.type == ITEM_TEXT && !frame_text_is_valid(item.p, item.n))
		return false;
	if (!frame_walk_take(walk, item.read))
		return false;
	if (item.type != ITEM_ARRAY && item.type != ITEM_MAP)
		return true;
	return frame_walk_enter(walk, item.number, item.type == ITEM_MAP);
}

/* Is the packet exactly one item of the permitted form? */
static bool packet_is_sound(const uint8_t *packet, size_t n) {
	struct frame_walk walk = { .n = n };

	if (!walk_value(&walk, packet))
		return false;
	while (frame_walk_next(&walk)) {
		struct frame_inside *level = &walk.levels[walk.depth - 1];

		if (level->is_map && !walk_key(&walk, packet, level))
			return false;
		if (!walk_value(&walk, packet))
			return false;
	}
	return walk.done == n;
}

static int text_copy(const struct item *item, char *ret, size_t room) {
	if (item->type != ITEM_TEXT || item->n >= room)
		return -EBADMSG;
	if (!frame_text_is_valid(item->p, item->n))
		return -EBADMSG;
	memcpy(ret, item->p, item->n);
	ret[item->n] = 0;
	return 0;
}

int frame_parse(const uint8_t *packet, size_t n, struct frame *ret_frame) {
	struct frame frame = { 0 };
	struct item head, kind, serial, name;
	size_t done;

	if (n == 0 || n > LIMIT_FRAME || !packet_is_sound(packet, n))
		return -EBADMSG;
	if (!item_read(packet, n, &head) || head.type != ITEM_ARRAY || head.number != 4)
		return -EBADMSG;
	done = head.read;
	if (!item_read(packet + done, n - done, &kind) || kind.type != ITEM_UINT)
		return -EBADMSG;
	if (kind.number < FRAME_REQUEST || kind.number > FRAME_EVENT)
		return -EBADMSG;
	done += kind.read;
	if (!item_read(packet + done, n - done, &serial) || serial.type != ITEM_UINT)
		return -EBADMSG;
	if ((serial.number == 0) != (kind.number == FRAME_EVENT))
		return -EBADMSG;
	done += serial.read;
	if (!item_read(packet + done, n - done, &name) || name.n == 0)
		return -EBADMSG;
	if (text_copy(&name, frame.name, sizeof(frame.name)) < 0)
		return -EBADMSG;
	done += name.read;
	if (!item_read(packet + done, n - done, &head) || head.type != ITEM_MAP)
		return -EBADMSG;
	frame.kind = (enum frame_kind)kind.number;
	frame.serial = serial.number;
	frame.body = (struct frame_span){ packet + done, n - done };
	*ret_frame = frame;
	return 0;
}

/* The offset of the first value behind an array's or a map's head; 0: it is none. */
static size_t collection_begins(struct frame_span span, enum item_type type) {
	struct item head;

	if (!item_read(span.p, span.n, &head) || head.type != type)
		return 0;
	return head.read;
}

/* Is the cursor at the end? Spans end where their last item ends. */
static bool span_ends(struct frame_span span, size_t cursor) {
	return cursor >= span.n;
}

static int next_item(struct frame_span span, size_t *cursor, struct frame_span *ret_item) {
	size_t n;

	if (span_ends(span, *cursor))
		return 0;
	n = item_size(span.p + *cursor, span.n - *cursor);
	if (n == 0)
		return 0;
	*ret_item = (struct frame_span){ span.p + *cursor, n };
	*cursor += n;
	return 1;
}

int frame_next_item(struct frame_span array, size_t *cursor, struct frame_span *ret_item) {
	if (*cursor == 0)
		*cursor = collection_begins(array, ITEM_ARRAY);
	return *cursor == 0 ? 0 : next_item(array, cursor, ret_item);
}

int frame_next_pair(struct frame_span map, size_t *cursor, char ret_key[FRAME_NAME_MAX],
		    struct frame_span *ret_value) {
	struct frame_span key, value;
	char text[FRAME_NAME_MAX];

	if (*cursor == 0)
		*cursor = collection_begins(map, ITEM_MAP);
	if (*cursor == 0 || next_item(map, cursor, &key) == 0)
		return 0;
	if (frame_item_text(key, text, sizeof(text)) < 0 || next_item(map, cursor, &value) == 0)
		return 0;
	memcpy(ret_key, text, sizeof(text));
	*ret_value = value;
	return 1;
}

/* Return: 0; -ENOENT; -EBADMSG. */
static int value_read(struct frame_span map, const char *key, struct frame_span *ret_span,
		      struct item *ret_item) {
	struct frame_span value;
	char name[FRAME_NAME_MAX];
	size_t cursor = 0;

	while (frame_next_pair(map, &cursor, name, &value)) {
		if (strcmp(name, key) != 0)
			continue;
		if (!item_read(value.p, value.n, ret_item))
			return -EBADMSG;
		*ret_span = value;
		return 0;
	}
	return -ENOENT;
}

/* As value_read(), when the value has to be of one type. */
static int typed_read(struct frame_span map, const char *key, enum item_type type,
		      struct frame_span *ret_span, struct item *ret_item) {
	int r = value_read(map, key, ret_span, ret_item);

	if (r < 0)
		return r;
	return ret_item->type == type ? 0 : -EBADMSG;
}

int frame_get_text(struct frame_span map, const char *key, char *ret, size_t room) {
	struct frame_span span;
	struct item item;
	int r = typed_read(map, key, ITEM_TEXT, &span, &item);

	return r < 0 ? r : text_copy(&item, ret, room);
}

int frame_get_secret(struct frame_span map, const char *key, struct secret *ret) {
	struct frame_span span;
	struct item item;
	int r = typed_read(map, key, ITEM_BYTES, &span, &item);

	if (r < 0)
		return r;
	return secret_set(ret, item.p, item.n) ? 0 : -EBADMSG;
}

int frame_get_bytes(struct frame_span map, const char *key, const uint8_t **ret_p, size_t *ret_n) {
	struct frame_span span;
	struct item item;
	int r = typed_read(map, key, ITEM_BYTES, &span, &item);

	if (r < 0)
		return r;
	*ret_p = item.p;
	*ret_n = item.n;
	return 0;
}

int frame_get_fixed(struct frame_span map, const char *key, uint8_t *ret, size_t n) {
	struct frame_span span;
	struct item item;
	int r = typed_read(map, key, ITEM_BYTES, &span, &item);

	if (r < 0)
		return r;
	if (item.n != n)
		return -EBADMSG;
	memcpy(ret, item.p, n);
	return 0;
}

int frame_get_uint(struct frame_span map, const char *key, uint64_t *ret) {
	struct frame_span span;
	struct item item;
	int r = typed_read(map, key, ITEM_UINT, &span, &item);

	if (r < 0)
		return r;
	*ret = item.number;
	return 0;
}

int frame_get_int(struct frame_span map, const char *key, int64_t *ret) {
	struct frame_span span;
	struct item item;
	int r = value_read(map, key, &span, &item);

	if (r < 0)
		return r;
	if (item.type != ITEM_UINT && item.type != ITEM_NEGATIVE)
		return -EBADMSG;
	if (item.number > INT64_MAX)
		return -EBADMSG;
	*ret = item.type == ITEM_UINT ? (int64_t)item.number : -1 - (int64_t)item.number;
	return 0;
}

int frame_get_bool(struct frame_span map, const char *key, bool *ret) {
	struct frame_span span;
	struct item item;
	int r = typed_read(map, key, ITEM_BOOL, &span, &item);

	if (r < 0)
		return r;
	*ret = item.number != 0;
	return 0;
}

bool frame_has_null(struct frame_span map, const char *key) {
	struct frame_span span;
	struct item item;

	return typed_read(map, key, ITEM_NULL, &span, &item) == 0;
}

int frame_get_map(struct frame_span map, const char *key, struct frame_span *ret) {
	struct frame_span span;
	struct item item;
	int r = typed_read(map, key, ITEM_MAP, &span, &item);

	if (r < 0)
		return r;
	*ret = span;
	return 0;
}

int frame_get_array(struct frame_span map, const char *key, struct frame_span *ret) {
	struct frame_span span;
	struct item item;
	int r = typed_read(map, key, ITEM_ARRAY, &span, &item);

	if (r < 0)
		return r;
	*ret = span;
	return 0;
}

int frame_item_text(struct frame_span item, char *ret, size_t room) {
	struct item head;

	if (!item_read(item.p, item.n, &head))
		return -EBADMSG;
	return text_copy(&head, ret, room);
}

int frame_item_bytes(struct frame_span item, const uint8_t **ret_p, size_t *ret_n) {
	struct item head;

	if (!item_read(item.p, item.n, &head) || head.type != ITEM_BYTES)
		return -EBADMSG;
	*ret_p = head.p;
	*ret_n = head.n;
	return 0;
}

static bool is_among(const char *key, const char *const *keys) {
	for (size_t i = 0; keys[i]; ++i) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

bool frame_only_keys(struct frame_span map, const char *const *keys, char ret_key[FRAME_NAME_MAX]) {
	struct frame_span value;
	char key[FRAME_NAME_MAX];
	size_t cursor = 0;

	while (frame_next_pair(map, &cursor, key, &value)) {
		if (!is_among(key, keys)) {
			memcpy(ret_key, key, sizeof(key));
			return false;
		}
	}
	return true;
}
