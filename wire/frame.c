/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: writing them. frame-read.c takes them apart. */

#include "wire/frame.h"

#include <cbor.h>
#include <errno.h>
#include <string.h>

/* Takes over what an encoder of libcbor wrote: 0 bytes mean that it found no room. */
static void written(struct frame_writer *w, size_t n) {
	if (n == 0 || !frame_has_room(w->capacity, w->n, n))
		w->failed = true;
	else
		w->n += n;
}

static uint8_t *at(const struct frame_writer *w) {
	return w->p + w->n;
}

static size_t room(const struct frame_writer *w) {
	return w->capacity - w->n;
}

static void raw(struct frame_writer *w, const void *p, size_t n) {
	if (w->failed || n == 0)
		return;
	if (!frame_has_room(w->capacity, w->n, n)) {
		w->failed = true;
		return;
	}
	memcpy(at(w), p, n);
	w->n += n;
}

static void string(struct frame_writer *w, const char *p, size_t n) {
	if (w->failed)
		return;
	if (!frame_text_is_valid((const uint8_t *)p, n)) {
		w->failed = true;
		return;
	}
	written(w, cbor_encode_string_start(n, at(w), room(w)));
	raw(w, p, n);
}

/* Is a value in order here, with this key? Counts it, and writes the key. */
static bool value_begins(struct frame_writer *w, const char *key) {
	struct frame_level *level;

	if (w->failed)
		return false;
	if (w->depth == 0 || w->depth > FRAME_DEPTH_MAX) {
		w->failed = true;
		return false;
	}
	level = &w->levels[w->depth - 1];
	if (level->is_map != (key != NULL) || (level->is_map && level->items >= FRAME_KEYS_MAX)) {
		w->failed = true;
		return false;
	}
	++level->items;
	if (key) {
		size_t n = strlen(key);

		if (n >= FRAME_NAME_MAX)
			w->failed = true;
		string(w, key, n);
	}
	return !w->failed;
}

/* Opens a map or an array; its head is one byte until frame_close() knows more. */
static void level_open(struct frame_writer *w, bool is_map) {
	if (w->depth >= FRAME_DEPTH_MAX) {
		w->failed = true;
		return;
	}
	w->levels[w->depth] = (struct frame_level){ .start = w->n, .is_map = is_map };
	++w->depth;
	if (is_map)
		written(w, cbor_encode_map_start(0, at(w), room(w)));
	else
		written(w, cbor_encode_array_start(0, at(w), room(w)));
}

void frame_begin(struct frame_writer *w, uint8_t *buffer, size_t capacity, enum frame_kind kind,
		 uint64_t serial, const char *name) {
	*w = (struct frame_writer){ .p = buffer, .capacity = capacity };
	level_open(w, false);
	frame_uint(w, NULL, (uint64_t)kind);
	frame_uint(w, NULL, serial);
	if (strlen(name) >= FRAME_NAME_MAX)
		w->failed = true;
	frame_text(w, NULL, name);
	frame_open_map(w, NULL);
}

void frame_text(struct frame_writer *w, const char *key, const char *value) {
	if (!value) {
		w->failed = true;
		return;
	}
	frame_text_n(w, key, value, strlen(value));
}

void frame_text_n(struct frame_writer *w, const char *key, const char *value, size_t n) {
	if (value_begins(w, key))
		string(w, value, n);
}

void frame_bytes(struct frame_writer *w, const char *key, const void *value, size_t n) {
	if (!value_begins(w, key))
		return;
	written(w, cbor_encode_bytestring_start(n, at(w), room(w)));
	raw(w, value, n);
}

void frame_uint(struct frame_writer *w, const char *key, uint64_t value) {
	if (value_begins(w, key))
		written(w, cbor_encode_uint(value, at(w), room(w)));
}

void frame_int(struct frame_writer *w, const char *key, int64_t value) {
	if (!value_begins(w, key))
		return;
	if (value >= 0)
		written(w, cbor_encode_uint((uint64_t)value, at(w), room(w)));
	else
		written(w, cbor_encode_negint((uint64_t)(-1 - value), at(w), room(w)));
}

void frame_bool(struct frame_writer *w, const char *key, bool value) {
	if (value_begins(w, key))
		written(w, cbor_encode_bool(value, at(w), room(w)));
}

void frame_null(struct frame_writer *w, const char *key) {
	if (value_begins(w, key))
		written(w, cbor_encode_null(at(w), room(w)));
}

void frame_open_map(struct frame_writer *w, const char *key) {
	if (value_begins(w, key))
		level_open(w, true);
}

void frame_open_array(struct frame_writer *w, const char *key) {
	if (value_begins(w, key))
		level_open(w, false);
}

/* Gives a map or an array the head that its number of values needs. */
void frame_close(struct frame_writer *w) {
	const struct frame_level *level;
	uint8_t head[9];
	size_t n, behind;

	if (w->failed)
		return;
	if (w->depth == 0) {
		w->failed = true;
		return;
	}
	level = &w->levels[--w->depth];
	if (level->is_map)
		n = cbor_encode_map_start(level->items, head, sizeof(head));
	else
		n = cbor_encode_array_start(level->items, head, sizeof(head));
	if (!frame_head_grows(w->capacity, w->n, level->start, n, &behind)) {
		w->failed = true;
		return;
	}
	memmove(w->p + level->start + n, w->p + level->start + 1, behind);
	memcpy(w->p + level->start, head, n);
	w->n += n - 1;
}

int frame_end(struct frame_writer *w) {
	if (w->depth != 2)
		w->failed = true;
	frame_close(w);
	frame_close(w);
	return w->failed || w->n > LIMIT_FRAME ? -EMSGSIZE : 0;
}
