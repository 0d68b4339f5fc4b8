/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_CLI_OUTPUT_H
#define UI_GLUE_CLI_OUTPUT_H

/* Answers as JSON for machines, and as aligned text for people. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "wire/frame.h"

#define OUTPUT_TIME 64u /* bytes of a time as text, with NUL                         */

/* Freed JSON memory is wiped: one-time passwords pass through it. Call once, first. */
void output_init(void);

/*
 * output_from_frame() - a reply's body as JSON
 *
 * Keys stay as in docs/protocol.md; bytes become hexadecimal text; the numbers of
 * verdict, reason, assurance, needs, factor, kind, confirm, trust, finding and
 * result become their published names.
 *
 * Return: an object, to be decref'd; NULL when there is no memory, or the body
 * cannot be read.
 */
json_t *output_from_frame(struct frame_span body);

/* Prints one object, sorted by nothing, one line break at the end. Return: 0; -EIO. */
int output_json(const json_t *object);

/* A text with everything replaced that could move a terminal's cursor. */
void output_clean(FILE *out, const char *text);

/* Local time with its zone; "never" for 0; untrusted ones end in " (?)". */
void output_time(int64_t wall_ms, bool trusted, char ret_text[OUTPUT_TIME]);

/* "5 min 3 s" from milliseconds. */
void output_wait(uint64_t wait_ms, char ret_text[OUTPUT_TIME]);

/* A column: how a row's object becomes the text of one cell. */
struct column {
	const char *title;
	const char *key;
	/* NULL: text, number or array of texts as they are. Else fills @ret_cell. */
	void (*show)(const json_t *row, const json_t *value, char *ret_cell, size_t room);
};

/* Rows in aligned columns, with titles; @none is printed when there are none. */
void output_table(const json_t *rows, const struct column *columns, size_t n, const char *none);

/* Getters that take anything: "" and 0 for what is not there. */
const char *json_text(const json_t *object, const char *key);
int64_t json_number(const json_t *object, const char *key);
bool json_true_at(const json_t *object, const char *key);

/* Texts of an array, with ", " between; @none when there are none. */
void json_join(const json_t *array, const char *none, char *ret_text, size_t room);

#endif
