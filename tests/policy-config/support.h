/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_POLICY_CONFIG_SUPPORT_H
#define TESTS_POLICY_CONFIG_SUPPORT_H

/*
 * A small configuration as a table of settings, rendered with changes
 *
 * Every key stands on a line of its own, so that a test knows the line that a
 * message has to name.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/grammar.h"

enum file { DEVICE = 0, SITE, PLACE, N_FILES };

struct change {
	enum file file;
	const char *section; /* "": a key of the file itself; "tokens.badge"          */
	int item;            /* of a list, from 0; one more than there are: a new one */
	const char *key;     /* NULL: the whole section is left out                   */
	const char *value;   /* NULL: the key is left out                             */
};

struct result {
	int r;
	struct policy_messages *messages;
	struct policy *policy; /* NULL when r < 0 */
	uint32_t line;         /* of the first change; 0: it is not a line */
	char *text[N_FILES];
};

extern const struct section *const grammars[N_FILES];
extern const char *const file_names[N_FILES];

/* The sections of a file, those inside of others too; the file itself comes first. */
struct sections {
	uint32_t n;
	const struct section *list[GRAMMAR_SECTIONS_MAX];
};

struct sections all_sections(enum file file);

/* What a change calls a section: "" for the file itself. */
const char *section_path(enum file file, const struct section *section);

/* The base configuration with @n changes, compiled. */
struct result compile_with(const struct change *changes, size_t n);

/* The base configuration with one of its files replaced by a text. */
struct result compile_text(enum file file, const char *text, size_t n_text);

void result_done(struct result *result);

/* Return: the first message of that severity that contains @fragment; NULL. */
const struct policy_message *find_message(const struct policy_messages *m,
                                          enum policy_severity severity, const char *fragment);

/* All messages in one text that is overwritten by the next call. */
const char *all_messages(const struct policy_messages *m);

/* The text of a whole file below the source folder; free() it. */
char *slurp(const char *path, size_t *ret_n);

#endif
