/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/cli/output.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "ui-glue/messages/messages.h"

#define CELL_MAX 256u
#define COLUMNS_MAX 12u

static void free_wiped(void *p) {
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void output_init(void) {
	json_set_alloc_funcs(malloc, free_wiped);
}

/* ---- from CBOR ---------------------------------------------------------------------- */

static const struct {
	const char *key;
	enum message_kind kind;
} named[] = {
	{ "verdict", MESSAGE_VERDICT },     { "reason", MESSAGE_REASON },
	{ "assurance", MESSAGE_ASSURANCE }, { "needs", MESSAGE_ASSURANCE },
	{ "factor", MESSAGE_FACTOR },       { "kind", MESSAGE_KIND },
	{ "confirm", MESSAGE_CONFIRM },     { "trust", MESSAGE_TRUST },
	{ "finding", MESSAGE_FINDING },     { "result", MESSAGE_RESULT },
};

/* The major type of an item; frame_parse() has looked at the whole packet. */
static unsigned major_of(struct frame_span item) {
	return item.n > 0 ? item.p[0] >> 5 : 7;
}

/* What the head of an item says. Return: bytes of the head; 0: not well-formed. */
static size_t head_of(struct frame_span item, uint64_t *ret_value) {
	unsigned low = item.n > 0 ? item.p[0] & 31 : 31;
	size_t n = low < 24 ? 0 : (size_t)1 << (low - 24);
	uint64_t value = low;

	if (low > 27 || item.n < 1 + n)
		return 0;
	if (n > 0)
		value = 0;
	for (size_t i = 0; i < n; ++i)
		value = value << 8 | item.p[1 + i];
	*ret_value = value;
	return 1 + n;
}

static json_t *number_from(const char *key, struct frame_span item) {
	uint64_t value = 0;

	if (head_of(item, &value) == 0)
		return NULL;
	if (major_of(item) == 1)
		return value <= INT64_MAX ? json_integer(-1 - (json_int_t)value) : NULL;
	for (size_t i = 0; key && i < ARRAY_SIZE(named); ++i)
		if (strcmp(named[i].key, key) == 0)
			return json_string(message_name(named[i].kind, (unsigned long)value));
	/* A 64-bit session number does not fit into what JSON readers take for a number. */
	if (value > (UINT64_C(1) << 53)) {
		char text[24];

		(void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)value);
		return json_string(text);
	}
	return json_integer((json_int_t)value);
}

static json_t *string_from(struct frame_span item) {
	uint64_t n = 0;
	size_t head = head_of(item, &n);
	char *hex = NULL;
	json_t *text = NULL;

	if (head == 0 || n > item.n - head)
		return NULL;
	if (major_of(item) == 3)
		return json_stringn((const char *)item.p + head, (size_t)n);
	hex = malloc(2 * (size_t)n + 1);
	if (!hex)
		return NULL;
	hex_encode(hex, item.p + head, (size_t)n);
	text = json_string(hex);
	free(hex);
	return text;
}

static json_t *simple_from(struct frame_span item) {
	uint64_t value = 0;

	if (head_of(item, &value) != 1)
		return NULL;
	switch (value) {
	case 20:
		return json_false();
	case 21:
		return json_true();
	case 22:
		return json_null();
	default:
		return NULL;
	}
}

/* What is being filled, and how far it has been read: nesting without recursion. */
struct level {
	struct frame_span span;
	size_t cursor;
	json_t *into;
};

static json_t *open_level(struct frame_span item, struct level *ret) {
	*ret = (struct level){ item, 0, major_of(item) == 5 ? json_object() : json_array() };
	return ret->into;
}

static json_t *scalar_from(const char *key, struct frame_span item) {
	switch (major_of(item)) {
	case 0:
	case 1:
		return number_from(key, item);
	case 2:
	case 3:
		return string_from(item);
	case 7:
		return simple_from(item);
	default:
		return NULL;
	}
}

static int add(json_t *into, const char *key, json_t *value) {
	if (!value)
		return -1;
	return json_is_object(into) ? json_object_set_new(into, key, value)
				    : json_array_append_new(into, value);
}

json_t *output_from_frame(struct frame_span body) {
	struct level levels[FRAME_DEPTH_MAX + 1];
	size_t depth = 1;
	json_t *root = open_level(body, &levels[0]);
	char key[FRAME_NAME_MAX] = "";
	struct frame_span item;

	while (root && depth > 0) {
		struct level *l = &levels[depth - 1];
		bool is_map = json_is_object(l->into);
		int r = is_map ? frame_next_pair(l->span, &l->cursor, key, &item)
			       : frame_next_item(l->span, &l->cursor, &item);

		if (r != 1) {
			--depth;
			continue;
		}
		if (major_of(item) == 4 || major_of(item) == 5) {
			if (depth > FRAME_DEPTH_MAX || !open_level(item, &levels[depth]) ||
			    add(l->into, key, levels[depth].into) < 0)
				break;
			++depth;
		} else if (add(l->into, key, scalar_from(is_map ? key : NULL, item)) < 0) {
			break;
		}
	}
	if (depth == 0)
		return root;
	json_decref(root);
	return NULL;
}

/* ---- to people ------------------------------------------------------------------------ */

int output_json(const json_t *object) {
	if (json_dumpf(object, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF)
		return -EIO;
	return 0;
}

/* May this character be shown? No controls, nothing that reorders a line. */
static bool is_plain(wchar_t c) {
	return iswprint((wint_t)c) && !(c >= 0x202a && c <= 0x202e) &&
	       !(c >= 0x2066 && c <= 0x2069) && c != 0x200e && c != 0x200f;
}

/* Cleaned text to @out (may be NULL). Return: columns that it takes. */
static size_t put_clean(FILE *out, const char *text) {
	mbstate_t state = { 0 };
	size_t columns = 0;

	while (*text != '\0') {
		wchar_t c = 0;
		size_t n = mbrtowc(&c, text, strlen(text), &state);

		if (n == (size_t)-1 || n == (size_t)-2 || n == 0 || !is_plain(c)) {
			if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
				n = 1;
				state = (mbstate_t){ 0 };
			}
			if (out)
				(void)fputc('?', out);
			++columns;
		} else {
			int wide = wcwidth(c);

			if (out)
				(void)fwrite(text, 1, n, out);
			columns += wide > 0 ? (size_t)wide : 0;
		}
		text += n;
	}
	return columns;
}

void output_clean(FILE *out, const char *text) {
	(void)put_clean(out, text);
}

void output_time(int64_t wall_ms, bool trusted, char ret_text[OUTPUT_TIME]) {
	time_t t = (time_t)(wall_ms / 1000);
	struct tm local;
	char text[OUTPUT_TIME - 8];

	if (wall_ms == 0) {
		(void)snprintf(ret_text, OUTPUT_TIME, "never");
		return;
	}
	if (!localtime_r(&t, &local) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &local) == 0)
		(void)snprintf(text, sizeof(text), "%lld ms", (long long)wall_ms);
	(void)snprintf(ret_text, OUTPUT_TIME, "%s%s", text, trusted ? "" : " (?)");
}

void output_wait(uint64_t wait_ms, char ret_text[OUTPUT_TIME]) {
	unsigned long long s = (wait_ms + 999) / 1000;

	if (s >= 60)
		(void)snprintf(ret_text, OUTPUT_TIME, "%llu min %llu s", s / 60, s % 60);
	else
		(void)snprintf(ret_text, OUTPUT_TIME, "%llu s", s);
}

const char *json_text(const json_t *object, const char *key) {
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int64_t json_number(const json_t *object, const char *key) {
	return json_integer_value(json_object_get(object, key));
}

bool json_true_at(const json_t *object, const char *key) {
	return json_is_true(json_object_get(object, key));
}

void json_join(const json_t *array, const char *none, char *ret_text, size_t room) {
	size_t n = 0;

	(void)snprintf(ret_text, room, "%s", json_array_size(array) == 0 ? none : "");
	for (size_t i = 0; i < json_array_size(array) && n + 1 < room; ++i) {
		const char *text = json_string_value(json_array_get(array, i));
		int wrote = snprintf(ret_text + n, room - n, "%s%s", i > 0 ? ", " : "",
		                     text ? text : "?");

		n += wrote > 0 ? (size_t)wrote : 0;
	}
}

static void fill_cell(const json_t *row, const struct column *column, char cell[CELL_MAX]) {
	const json_t *value = json_object_get(row, column->key);

	cell[0] = '\0';
	if (column->show)
		column->show(row, value, cell, CELL_MAX);
	else if (json_is_integer(value))
		(void)snprintf(cell, CELL_MAX, "%lld", (long long)json_integer_value(value));
	else if (json_is_array(value))
		json_join(value, "-", cell, CELL_MAX);
	else if (json_is_string(value))
		(void)snprintf(cell, CELL_MAX, "%s", json_string_value(value));
}

static void put_padded(const char *text, size_t width, bool last) {
	size_t n = put_clean(stdout, text);

	for (; !last && n < width + 2; ++n)
		(void)putchar(' ');
}

void output_table(const json_t *rows, const struct column *columns, size_t n, const char *none) {
	size_t widths[COLUMNS_MAX] = { 0 };
	char cell[CELL_MAX];

	if (json_array_size(rows) == 0) {
		(void)printf("%s\n", none);
		return;
	}
	n = n < COLUMNS_MAX ? n : COLUMNS_MAX;
	for (size_t c = 0; c < n; ++c) {
		widths[c] = put_clean(NULL, columns[c].title);
		for (size_t i = 0; i < json_array_size(rows); ++i) {
			fill_cell(json_array_get(rows, i), &columns[c], cell);
			if (put_clean(NULL, cell) > widths[c])
				widths[c] = put_clean(NULL, cell);
		}
	}
	for (size_t c = 0; c < n; ++c)
		put_padded(columns[c].title, widths[c], c + 1 == n);
	(void)putchar('\n');
	for (size_t i = 0; i < json_array_size(rows); ++i) {
		for (size_t c = 0; c < n; ++c) {
			fill_cell(json_array_get(rows, i), &columns[c], cell);
			put_padded(cell, widths[c], c + 1 == n);
		}
		(void)putchar('\n');
	}
}
