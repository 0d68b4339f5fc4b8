/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_GRAMMAR_H
#define POLICY_GRAMMAR_H

/*
 * The grammar as tables: what each file may say, in which range, by default
 *
 * A file is a list of keys. A key holds a value, or a section: one group
 * `{ ... }` or a list of groups `( { ... }, { ... } )`. A group may hold sections
 * again (tokens.smartcard.authorities is the deepest); the groups of a list hold
 * values only. docs/man/ is checked against these tables by a test.
 */

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/messages.h"

enum key_type {
	KEY_INT = 0, /* integer from min to max, times scale, in the field          */
	KEY_BOOL,    /* true or false                                               */
	KEY_NAME,    /* name of something: a-z 0-9 . _ -                            */
	KEY_TEXT,    /* text for people                                             */
	KEY_WORD,    /* one of words; the field takes the word's value              */
	KEY_CHOICE,  /* one of words; the field takes the word itself               */
	KEY_NAMES,   /* array of names; the field points to the setting             */
	KEY_TEXTS,   /* array of texts; the field points to the setting             */
	KEY_GROUP,   /* { section }                                                 */
	KEY_LIST,    /* ( { section }, ... )                                        */
};

struct word {
	const char *name; /* NULL ends the list                                      */
	uint32_t value;
};

struct section;

struct key {
	const char *name;
	enum key_type type;
	bool required;
	size_t offset;       /* of the field in the section's item                   */
	size_t size;         /* of the field; KEY_LIST: of one item                  */
	size_t n_offset;     /* KEY_LIST: of the uint32_t that counts the items      */
	int64_t min, max;    /* KEY_INT: in `unit`; KEY_LIST, KEY_TEXTS: most items  */
	int64_t fallback;    /* value when the key is absent, in `unit`              */
	int64_t scale;       /* KEY_INT: what one unit is in the field; 0 means 1    */
	const char *unit;    /* KEY_INT: word for people                             */
	const char *limit;   /* KEY_LIST, KEY_TEXTS: name of the limit that max is   */
	const struct word *words;
	const struct section *section;
	/* KEY_TEXT: says what would be right when @text is not; NULL when it is. */
	const char *(*remedy)(const char *text);
};

struct section {
	const char *name; /* "passwords", "tokens.badge"; of a file: "device.cfg"     */
	const struct key *keys;
	uint32_t n_keys;
};

/* Sections that one file may have, with those inside of others. */
#define GRAMMAR_SECTIONS_MAX 32u

/* Every item begins with the line that it was read from; 0: it was absent. */
struct item {
	uint32_t line;
};

/* The three files. */
extern const struct section grammar_device;
extern const struct section grammar_site;
extern const struct section grammar_place;

/*
 * grammar_read() - read one file into its item
 * @r:       where errors go
 * @source:  text; checked by text_check() here
 * @file:    grammar of the file
 * @config:  initialised by config_init(); owns every setting that @item points to
 * @item:    zeroed struct that the offsets of @file refer to
 *
 * Every absent key gets its fallback. The last setting of a file is
 * `end = true`, so that a file that was cut is never taken for a whole one.
 *
 * Return: true when the text could be read as a tree, which does not mean that
 * no error was added; false: @item holds nothing. -ENOMEM is an error, too.
 */
bool grammar_read(const struct reader *r, const struct policy_source *source,
                  const struct section *file, config_t *config, void *item);

/* Puts the fallback into each field of @file's item. */
void grammar_defaults(const struct section *file, void *item);

/*
 * element_line() - the line of a text in an array
 *
 * libconfig says the line where it was reading on when it noticed the end of
 * the element, so the text itself is looked for, backwards from there.
 */
uint32_t element_line(const struct policy_source *source, const config_setting_t *array,
                      int index);

#endif
