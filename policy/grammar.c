/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/grammar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "policy/names.h"
#include "policy/text.h"

/* What is read at the moment: a section, and the item that it goes to. */
struct place {
	const struct reader *r;
	const struct policy_source *source;
	const struct section *section;
	char *item;
};

/* Sections that were met and are still to be read, in the order of the file. */
struct pending {
	const struct key *key;
	const config_setting_t *setting;
	const struct section *parent;
	char *item; /* the parent's */
};

struct queue {
	uint32_t n;
	struct pending list[GRAMMAR_SECTIONS_MAX];
};

static uint32_t line_of(const config_setting_t *setting) {
	return (uint32_t)config_setting_source_line(setting);
}

static void put(char *field, size_t size, uint64_t value) {
	uint8_t u8 = (uint8_t)value;
	uint32_t u32 = (uint32_t)value;

	if (size == sizeof(u8))
		memcpy(field, &u8, sizeof(u8));
	else if (size == sizeof(u32))
		memcpy(field, &u32, sizeof(u32));
	else
		memcpy(field, &value, sizeof(value));
}

/* "passwords.min_length"; a key of the file itself goes by its name alone. */
static bool is_file(const struct section *section) {
	const char *dot = strrchr(section->name, '.');

	return dot && strcmp(dot, ".cfg") == 0;
}

static const char *section_prefix(const struct section *section) {
	return is_file(section) ? "" : section->name;
}

#define KEY_FORMAT "%s%s%s"
#define KEY_ARGS(p, key)                                                                           \
	section_prefix((p)->section), *section_prefix((p)->section) ? "." : "", (key)->name

static bool read_int(const struct place *p, const struct key *key, const config_setting_t *s) {
	int64_t value, scale = key->scale ? key->scale : 1;

	if (config_setting_type(s) != CONFIG_TYPE_INT) {
		refuse(p->r, line_of(s), KEY_FORMAT " must be a number from %" PRId64 " to %" PRId64
		       " %s, without quotes", KEY_ARGS(p, key), key->min, key->max, key->unit);
		return false;
	}
	value = config_setting_get_int(s);
	if (value < key->min || value > key->max) {
		refuse(p->r, line_of(s), KEY_FORMAT " is %" PRId64 "; it must be from %" PRId64
		       " to %" PRId64 " %s", KEY_ARGS(p, key), value, key->min, key->max, key->unit);
		return false;
	}
	put(p->item + key->offset, key->size, (uint64_t)(value * scale));
	return true;
}

static bool read_bool(const struct place *p, const struct key *key, const config_setting_t *s) {
	if (config_setting_type(s) != CONFIG_TYPE_BOOL) {
		refuse(p->r, line_of(s), KEY_FORMAT " must be true or false, without quotes",
		       KEY_ARGS(p, key));
		return false;
	}
	put(p->item + key->offset, key->size, config_setting_get_bool(s) ? 1 : 0);
	return true;
}

static bool read_string(const struct place *p, const struct key *key, const config_setting_t *s) {
	const char *text = config_setting_get_string(s);

	if (config_setting_type(s) != CONFIG_TYPE_STRING || !text) {
		refuse(p->r, line_of(s), KEY_FORMAT " must be a text in double quotes",
		       KEY_ARGS(p, key));
		return false;
	}
	if (key->type == KEY_NAME && !name_is_good(text)) {
		refuse(p->r, line_of(s), KEY_FORMAT " \"%.70s\" is not a name; write 1 to 63 of a-z 0-9"
		       " _ - and single dots inside", KEY_ARGS(p, key), text);
		return false;
	}
	if (strlen(text) >= key->size || text[strspn(text, " \t")] == '\0') {
		refuse(p->r, line_of(s), KEY_FORMAT " must have 1 to %zu bytes", KEY_ARGS(p, key),
		       key->size - 1);
		return false;
	}
	if (key->remedy && key->remedy(text)) {
		refuse(p->r, line_of(s), KEY_FORMAT " is \"%.70s\"; %s", KEY_ARGS(p, key), text,
		       key->remedy(text));
		return false;
	}
	memcpy(p->item + key->offset, text, strlen(text) + 1);
	return true;
}

/* "a", "b" or "c" */
static void words_list(const struct key *key, char *out, size_t size) {
	size_t n = 0;

	out[0] = '\0';
	for (const struct word *w = key->words; w->name && n < size; ++w) {
		const char *between = w == key->words ? "" : w[1].name ? ", " : " or ";
		int r = snprintf(out + n, size - n, "%s\"%s\"", between, w->name);

		if (r < 0)
			return;
		n += (size_t)r;
	}
}

static bool read_word(const struct place *p, const struct key *key, const config_setting_t *s) {
	const char *text = config_setting_get_string(s);
	struct nearest nearest = { .name = text };
	char list[160];

	words_list(key, list, sizeof(list));
	if (config_setting_type(s) != CONFIG_TYPE_STRING || !text) {
		refuse(p->r, line_of(s), KEY_FORMAT " must be %s, with the quotes", KEY_ARGS(p, key),
		       list);
		return false;
	}
	for (const struct word *w = key->words; w->name; ++w) {
		nearest_offer(&nearest, w->name);
		if (strcmp(w->name, text) != 0)
			continue;
		if (key->type == KEY_CHOICE)
			memcpy(p->item + key->offset, text, strlen(text) + 1);
		else
			put(p->item + key->offset, key->size, w->value);
		return true;
	}
	refuse(p->r, line_of(s), KEY_FORMAT " is \"%.40s\"; it must be %s" NEAREST_FORMAT,
	       KEY_ARGS(p, key), text, list, NEAREST_ARGS(nearest.best));
	return false;
}

static bool read_array(const struct place *p, const struct key *key, const config_setting_t *s) {
	int64_t max = key->limit ? key->max : (int64_t)POLICY_ACTIONS_MAX;
	int n = config_setting_length(s);

	if (config_setting_type(s) != CONFIG_TYPE_ARRAY ||
	    (n > 0 && config_setting_type(config_setting_get_elem(s, 0)) != CONFIG_TYPE_STRING)) {
		refuse(p->r, line_of(s), KEY_FORMAT " must be a list of texts: [ \"...\", \"...\" ]",
		       KEY_ARGS(p, key));
		return false;
	}
	if (n > max) {
		refuse(p->r, line_of(s), KEY_FORMAT " has %d texts, more than %s (%" PRId64 ")",
		       KEY_ARGS(p, key), n, key->limit ? key->limit : "POLICY_ACTIONS_MAX", max);
		return false;
	}
	memcpy(p->item + key->offset, &s, sizeof(s));
	return true;
}

static bool (*const readers[])(const struct place *, const struct key *,
                               const config_setting_t *) = {
	[KEY_INT] = read_int,     [KEY_BOOL] = read_bool,   [KEY_NAME] = read_string,
	[KEY_TEXT] = read_string, [KEY_WORD] = read_word,   [KEY_CHOICE] = read_word,
	[KEY_NAMES] = read_array, [KEY_TEXTS] = read_array,
};

static void key_default(const struct key *key, char *item) {
	int64_t scale = key->scale ? key->scale : 1;

	if (key->type == KEY_INT || key->type == KEY_BOOL || key->type == KEY_WORD)
		put(item + key->offset, key->size, (uint64_t)(key->fallback * scale));
	if (key->type == KEY_CHOICE)
		memcpy(item + key->offset, key->words[key->fallback].name,
		       strlen(key->words[key->fallback].name) + 1);
}

static void section_defaults(const struct section *section, char *item) {
	for (uint32_t i = 0; i < section->n_keys; ++i)
		key_default(&section->keys[i], item);
}

void grammar_defaults(const struct section *file, void *item) {
	struct {
		const struct section *section;
		char *item;
	} list[GRAMMAR_SECTIONS_MAX] = { { file, item } };
	uint32_t n = 1;

	for (uint32_t i = 0; i < n; ++i) {
		const struct section *section = list[i].section;

		section_defaults(section, list[i].item);
		for (uint32_t k = 0; k < section->n_keys; ++k) {
			const struct key *key = &section->keys[k];

			if (key->type != KEY_GROUP || n >= GRAMMAR_SECTIONS_MAX)
				continue;
			list[n].section = key->section;
			list[n++].item = list[i].item + key->offset;
		}
	}
}

/* Return: the key of that name; NULL after adding an error. */
static const struct key *find_key(const struct place *p, const config_setting_t *s) {
	const char *name = config_setting_name(s);
	struct nearest nearest = { .name = name };

	for (uint32_t i = 0; i < p->section->n_keys; ++i) {
		if (strcmp(p->section->keys[i].name, name) == 0)
			return &p->section->keys[i];
		nearest_offer(&nearest, p->section->keys[i].name);
	}
	refuse(p->r, line_of(s), "unknown key \"%.70s\" in %s" NEAREST_FORMAT, name,
	       p->section->name, NEAREST_ARGS(nearest.best));
	return NULL;
}

static void require_keys(const struct place *p, uint32_t seen, uint32_t line) {
	for (uint32_t i = 0; i < p->section->n_keys; ++i) {
		const struct key *key = &p->section->keys[i];

		if (!key->required || (seen >> i & 1) != 0)
			continue;
		if (is_file(p->section) && strcmp(key->name, "end") == 0)
			refuse(p->r, line, "end is missing: the file may have been cut; if nothing is "
			       "missing, its last line is end = true;");
		else
			refuse(p->r, line, KEY_FORMAT " is missing; it has no default",
			       KEY_ARGS(p, key));
	}
}

/* The values of a group; its sections are put behind what is still to be read. */
static void read_keys(const struct place *p, const config_setting_t *group, struct queue *q) {
	uint32_t line = is_file(p->section) ? 0 : line_of(group), seen = 0;

	for (int i = 0; i < config_setting_length(group); ++i) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const struct key *key = find_key(p, s);

		if (!key)
			continue;
		seen |= 1u << (key - p->section->keys);
		if (!key->section)
			(void)readers[key->type](p, key, s);
		else if (q->n < GRAMMAR_SECTIONS_MAX)
			q->list[q->n++] = (struct pending){ key, s, p->section, p->item };
		else
			refuse(p->r, line_of(s), "more sections than GRAMMAR_SECTIONS_MAX (%u)",
			       GRAMMAR_SECTIONS_MAX);
	}
	require_keys(p, seen, line);
}

static void read_group(const struct place *p, const config_setting_t *group, struct queue *q) {
	struct item item = { .line = line_of(group) };

	section_defaults(p->section, p->item);
	memcpy(p->item, &item, sizeof(item));
	read_keys(p, group, q);
}

static void read_section_group(const struct place *parent, const struct key *key,
                               const config_setting_t *s, struct queue *q) {
	struct place p = *parent;

	if (config_setting_type(s) != CONFIG_TYPE_GROUP) {
		refuse(p.r, line_of(s), KEY_FORMAT " must be a group: { key = value; ... }",
		       KEY_ARGS(parent, key));
		return;
	}
	p.section = key->section;
	p.item = parent->item + key->offset;
	read_group(&p, s, q);
}

static void read_section_list(const struct place *parent, const struct key *key,
                              const config_setting_t *s, struct queue *q) {
	struct place p = *parent;
	uint32_t n = 0;

	if (config_setting_type(s) != CONFIG_TYPE_LIST) {
		refuse(p.r, line_of(s), KEY_FORMAT " must be a list of groups: ( { ... }, { ... } )",
		       KEY_ARGS(parent, key));
		return;
	}
	p.section = key->section;
	for (int i = 0; i < config_setting_length(s); ++i) {
		const config_setting_t *group = config_setting_get_elem(s, (unsigned)i);

		if (n >= (uint64_t)key->max) {
			refuse(p.r, line_of(group), "more " KEY_FORMAT " than %s (%" PRId64 ")",
			       KEY_ARGS(parent, key), key->limit, key->max);
			break;
		}
		if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
			refuse(p.r, line_of(group), KEY_FORMAT " must hold groups: { key = value; ... }",
			       KEY_ARGS(parent, key));
			continue;
		}
		p.item = parent->item + key->offset + n * key->size;
		read_group(&p, group, q);
		n++;
	}
	if (n == 0 && key->required && config_setting_length(s) == 0)
		refuse(p.r, line_of(s), KEY_FORMAT " is empty; it needs at least one { ... }",
		       KEY_ARGS(parent, key));
	put(parent->item + key->n_offset, sizeof(n), n);
}

static void check_end(const struct place *p, const config_setting_t *root) {
	const config_setting_t *end = config_setting_get_member(root, "end");

	if (!end)
		return;
	if (config_setting_index(end) != config_setting_length(root) - 1)
		refuse(p->r, line_of(end), "end must be the last line; move it to the end");
	if (config_setting_type(end) == CONFIG_TYPE_BOOL && !config_setting_get_bool(end))
		refuse(p->r, line_of(end), "end must be true");
}

/* The whole file: the values of its own, and then section after section. */
static void read_file(const struct place *file, const config_setting_t *root) {
	struct queue q = { 0 };

	read_keys(file, root, &q);
	check_end(file, root);
	for (uint32_t i = 0; i < q.n; ++i) {
		struct place p = { file->r, file->source, q.list[i].parent, q.list[i].item };

		if (q.list[i].key->type == KEY_GROUP)
			read_section_group(&p, q.list[i].key, q.list[i].setting, &q);
		else
			read_section_list(&p, q.list[i].key, q.list[i].setting, &q);
	}
}

/* What libconfig says about a syntax error does not help; this does. */
static void refuse_syntax(const struct reader *r, const config_t *config) {
	const char *text = config_error_text(config);
	uint32_t line = (uint32_t)config_error_line(config);

	if (text && strcmp(text, "duplicate setting name") == 0)
		refuse(r, line, "this key stands here for the second time; keep one of them");
	else if (text && strcmp(text, "mismatched element type in array") == 0)
		refuse(r, line, "[ ] holds values of one kind only; groups stand in ( )");
	else
		refuse(r, line, "cannot be read here; look for a missing ; , quote or bracket"
		       " on this line or the one before");
}

bool grammar_read(const struct reader *r, const struct policy_source *source,
                  const struct section *file, config_t *config, void *item) {
	cleanup_(free_charp) char *text = NULL;
	struct place p = { .r = r, .source = source, .section = file, .item = item };

	if (!text_check(r, source->text, source->n_text))
		return false;
	/* A comment on the last line is only known to libconfig with a newline behind. */
	text = malloc(source->n_text + 2);
	if (!text) {
		refuse(r, 0, "not enough memory to read the file");
		return false;
	}
	memcpy(text, source->text, source->n_text);
	text[source->n_text] = '\n';
	text[source->n_text + 1] = '\0';
	if (!config_read_string(config, text)) {
		refuse_syntax(r, config);
		return false;
	}
	grammar_defaults(file, item);
	read_file(&p, config_root_setting(config));
	return true;
}

/* Return: true when @text stands in quotes between @from and @to. */
static bool line_holds(const char *from, const char *to, const char *text) {
	size_t n = strlen(text);

	for (const char *p = from; (size_t)(to - p) >= n + 2; ++p)
		if (*p == '"' && memcmp(p + 1, text, n) == 0 && p[n + 1] == '"')
			return true;
	return false;
}

uint32_t element_line(const struct policy_source *source, const config_setting_t *array,
                      int index) {
	const config_setting_t *element = config_setting_get_elem(array, (unsigned)index);
	uint32_t line = 1, found = line_of(array);
	const char *text = config_setting_get_string(element);
	const char *p = source->text, *end = source->text + source->n_text;

	while (p < end && line <= line_of(element)) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *to = newline ? newline : end;

		if (line >= line_of(array) && line_holds(p, to, text))
			found = line;
		p = newline ? newline + 1 : end;
		line++;
	}
	return found;
}
