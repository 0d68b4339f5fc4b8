/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

/*
 * Frames: one CBOR item in one packet of an AF_UNIX SOCK_SEQPACKET socket
 *
 *	[ kind, serial, name, { key: value, ... } ]
 *
 * kind is 1 (request), 2 (reply) or 3 (event); serial is the client's, repeated
 * in the reply, 0 in an event; name is the verb or the event. Strings have a
 * definite length, maps and arrays either; keys are text, never twice in a map;
 * nesting ends at FRAME_DEPTH_MAX; nothing may follow.
 *
 * Encoding and decoding use libcbor's streaming functions on the caller's
 * buffer: nothing is allocated, so a frame with a secret is wiped by wiping its
 * buffer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/secret.h"
#include "wire/frame-length.h"
#include "wire/frame-text.h"

enum frame_kind {
	FRAME_NONE = 0,
	FRAME_REQUEST,
	FRAME_REPLY,
	FRAME_EVENT,
};

/* Writing. The first failure (no room) sticks; frame_end() tells. */
struct frame_writer {
	uint8_t *p;
	size_t n;
	size_t capacity;
	uint32_t depth;
	bool failed;
	struct frame_level {
		size_t start;   /* offset of the head                               */
		uint32_t items; /* values so far                                    */
		bool is_map;
	} levels[FRAME_DEPTH_MAX];
};

void frame_begin(struct frame_writer *w, uint8_t *buffer, size_t capacity, enum frame_kind kind,
                 uint64_t serial, const char *name);
/* @key: NULL inside an array. Text that is not UTF-8, or has a NUL inside, fails. */
void frame_text(struct frame_writer *w, const char *key, const char *value);
void frame_text_n(struct frame_writer *w, const char *key, const char *value, size_t n);
void frame_bytes(struct frame_writer *w, const char *key, const void *value, size_t n);
void frame_uint(struct frame_writer *w, const char *key, uint64_t value);
void frame_int(struct frame_writer *w, const char *key, int64_t value);
void frame_bool(struct frame_writer *w, const char *key, bool value);
void frame_null(struct frame_writer *w, const char *key);
void frame_open_map(struct frame_writer *w, const char *key);
void frame_open_array(struct frame_writer *w, const char *key);
void frame_close(struct frame_writer *w); /* the innermost map or array            */
/* Return: 0 with the length in w->n; -EMSGSIZE (no room, bad text, bad nesting). */
int frame_end(struct frame_writer *w);

/* Reading. Spans point into the packet. */
struct frame_span {
	const uint8_t *p;
	size_t n;
};

struct frame {
	enum frame_kind kind;
	uint64_t serial;
	char name[FRAME_NAME_MAX];
	struct frame_span body; /* a map                                            */
};

/*
 * frame_parse() - check a whole packet
 *
 * Everything is checked that does not depend on the verb: form, nesting, number
 * and length of keys, UTF-8, and that nothing follows. The functions below take
 * spans that come from here; on other bytes they are safe, and say -EBADMSG.
 *
 * Return: 0; -EBADMSG (anything but the above).
 */
int frame_parse(const uint8_t *packet, size_t n, struct frame *ret_frame);

/*
 * Values by key, from a map. Return: 0; -ENOENT (no such key); -EBADMSG (another
 * type, out of the target's range, text with NUL or not UTF-8, longer than room).
 */
int frame_get_text(struct frame_span map, const char *key, char *ret, size_t room);
int frame_get_secret(struct frame_span map, const char *key, struct secret *ret);
int frame_get_bytes(struct frame_span map, const char *key, const uint8_t **ret_p, size_t *ret_n);
int frame_get_fixed(struct frame_span map, const char *key, uint8_t *ret, size_t n);
int frame_get_uint(struct frame_span map, const char *key, uint64_t *ret);
int frame_get_int(struct frame_span map, const char *key, int64_t *ret);
int frame_get_bool(struct frame_span map, const char *key, bool *ret);
bool frame_has_null(struct frame_span map, const char *key);
int frame_get_map(struct frame_span map, const char *key, struct frame_span *ret);
int frame_get_array(struct frame_span map, const char *key, struct frame_span *ret);

/*
 * Walking. frame_next_item() gives each item of an array, frame_next_pair() each
 * key and value of a map; *@cursor begins as 0.
 *
 * Return: 1 with an item; 0 at the end, or when it is no array or map.
 */
int frame_next_item(struct frame_span array, size_t *cursor, struct frame_span *ret_item);
int frame_next_pair(struct frame_span map, size_t *cursor, char ret_key[FRAME_NAME_MAX],
                    struct frame_span *ret_value);
/* The item itself as text (array of texts). Return: 0; -EBADMSG. */
int frame_item_text(struct frame_span item, char *ret, size_t room);
/* ... as bytes, in the packet. Return: 0; -EBADMSG. */
int frame_item_bytes(struct frame_span item, const uint8_t **ret_p, size_t *ret_n);

/*
 * frame_only_keys() - does a map hold none but these keys?
 * @keys:  NULL-terminated
 *
 * Return: true; false, and the stranger in @ret_key.
 */
bool frame_only_keys(struct frame_span map, const char *const *keys, char ret_key[FRAME_NAME_MAX]);

#endif
