/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_LAYOUT_H
#define AUTH_LAYOUT_H

/*
 * Writing and reading the fixed little-endian forms of rows
 *
 * Both sides stop at the first thing that does not fit and stay stopped: one
 * look at `failed` at the end is enough. A reader that has bytes left over at
 * the end has failed as well (layout_is_done).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/bytes.h"

struct layout_writer {
	uint8_t *p;
	size_t n;
	size_t capacity;
	bool failed;
};

struct layout_reader {
	const uint8_t *p;
	size_t n; /* left */
	bool failed;
};

static inline void layout_put(struct layout_writer *w, const void *p, size_t n) {
	if (w->failed || n > w->capacity - w->n) {
		w->failed = true;
		return;
	}
	if (n > 0)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

static inline void layout_put8(struct layout_writer *w, uint8_t v) {
	layout_put(w, &v, 1);
}

static inline void layout_put32(struct layout_writer *w, uint32_t v) {
	uint8_t bytes[4];

	put_le32(bytes, v);
	layout_put(w, bytes, sizeof(bytes));
}

static inline void layout_put64(struct layout_writer *w, uint64_t v) {
	uint8_t bytes[8];

	put_le64(bytes, v);
	layout_put(w, bytes, sizeof(bytes));
}

/* A 32-bit length and the bytes: the form of a column in a MAC or a digest. */
static inline void layout_put_blob(struct layout_writer *w, const void *p, size_t n) {
	if (n > UINT32_MAX) {
		w->failed = true;
		return;
	}
	layout_put32(w, (uint32_t)n);
	layout_put(w, p, n);
}

/* An 8-bit length and the bytes of @text, without its NUL. */
static inline void layout_put_text(struct layout_writer *w, const char *text, size_t size) {
	size_t n = strnlen(text, size);

	if (n >= size || n > UINT8_MAX) {
		w->failed = true;
		return;
	}
	layout_put8(w, (uint8_t)n);
	layout_put(w, text, n);
}

static inline void layout_get(struct layout_reader *r, void *ret_p, size_t n) {
	if (r->failed || n > r->n) {
		r->failed = true;
		memset(ret_p, 0, n);
		return;
	}
	memcpy(ret_p, r->p, n);
	r->p += n;
	r->n -= n;
}

static inline uint8_t layout_get8(struct layout_reader *r) {
	uint8_t v;

	layout_get(r, &v, 1);
	return v;
}

static inline uint32_t layout_get32(struct layout_reader *r) {
	uint8_t bytes[4];

	layout_get(r, bytes, sizeof(bytes));
	return get_le32(bytes);
}

static inline uint64_t layout_get64(struct layout_reader *r) {
	uint8_t bytes[8];

	layout_get(r, bytes, sizeof(bytes));
	return get_le64(bytes);
}

/* @ret_text has room for @size bytes; a NUL inside or no room for one outside fails. */
static inline void layout_get_text(struct layout_reader *r, char *ret_text, size_t size) {
	size_t n = layout_get8(r);

	if (n >= size) {
		r->failed = true;
		n = 0;
	}
	layout_get(r, ret_text, n);
	ret_text[n] = '\0';
	if (memchr(ret_text, 0, n))
		r->failed = true;
}

static inline bool layout_is_done(const struct layout_reader *r) {
	return !r->failed && r->n == 0;
}

#endif
