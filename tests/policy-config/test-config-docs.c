/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages say what the grammar tables say, key by key, and nothing else
 *
 * In the man pages a section `## passwords` holds `*min_length* (number, ...)`;
 * in docs/configuration.md it holds `| min_length | number, ... | ... |`.
 * With --list the texts that the tables ask for are printed.
 */
#undef NDEBUG
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "policy/parse.h"
#include "support.h"

static const char *word_of(const struct key *key, int64_t value) {
	for (const struct word *w = key->words; w->name; ++w)
		if (w->value == (uint64_t)value)
			return w->name;
	return NULL;
}

static void put_words(const struct key *key, FILE *out) {
	for (const struct word *w = key->words; w->name; ++w)
		(void)fprintf(out, "%s\"%s\"", w == key->words ? "" : w[1].name ? ", " : " or ",
		              w->name);
}

static void put_default(const struct key *key, FILE *out) {
	const char *word;

	if (key->required) {
		(void)fputs(", required", out);
		return;
	}
	if (key->type == KEY_INT && key->fallback >= key->min)
		(void)fprintf(out, ", default %" PRId64, key->fallback);
	if (key->type == KEY_BOOL && key->fallback != UNSAID)
		(void)fprintf(out, ", default %s", key->fallback ? "true" : "false");
	word = key->type == KEY_WORD ? word_of(key, key->fallback) : NULL;
	if (key->type == KEY_CHOICE)
		word = key->words[key->fallback].name;
	if (word)
		(void)fprintf(out, ", default \"%s\"", word);
}

/* What the pages have to say about one key; free() it. */
static char *phrase(const struct key *key) {
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		abort();
	switch (key->type) {
	case KEY_INT:
		(void)fprintf(out, "number, %" PRId64 " to %" PRId64 " %s", key->min, key->max,
		              key->unit);
		break;
	case KEY_BOOL:
		(void)fputs("true or false", out);
		break;
	case KEY_NAME:
		(void)fputs("name", out);
		break;
	case KEY_TEXT:
		(void)fprintf(out, "text, 1 to %zu bytes", key->size - 1);
		break;
	case KEY_WORD:
	case KEY_CHOICE:
		put_words(key, out);
		break;
	case KEY_NAMES:
		(void)fputs("list of names", out);
		break;
	case KEY_TEXTS:
		(void)fprintf(out, "list of texts, at most %" PRId64, key->max);
		break;
	case KEY_GROUP:
		(void)fputs("group", out);
		break;
	case KEY_LIST:
		(void)fprintf(out, "list of groups, at most %" PRId64, key->max);
		break;
	}
	put_default(key, out);
	(void)fclose(out);
	return text;
}

/* The part of a page below `## heading`, up to the next heading; free() it. */
static char *part_of(const char *page, const char *heading) {
	char line[80];
	const char *from, *to;

	(void)snprintf(line, sizeof(line), "\n## %s\n", heading);
	from = strstr(page, line);
	if (!from)
		return NULL;
	from += strlen(line);
	to = strstr(from, "\n#");
	return to ? strndup(from, (size_t)(to - from) + 1) : strdup(from);
}

/* How a page writes a key, up to its end. */
struct style {
	const char *begin, *middle, *end;
	bool by_file; /* the page has a `# site.cfg` above the sections of that file */
};

static const struct style man_style = { "*", "* (", ")", false };
static const struct style table_style = { "| `", "` | ", " |", true };

static uint32_t count_keys(const char *part, const struct style *style) {
	uint32_t n = 0;

	for (const char *p = part; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		const char *line_end = strchr(p, '\n');
		const char *middle = strstr(p, style->middle);

		if (strncmp(p, style->begin, strlen(style->begin)) == 0 && middle &&
		    (!line_end || middle < line_end))
			n++;
	}
	return n;
}

static void expect_section(const char *path, const char *page, const struct section *section,
                           const struct style *style) {
	cleanup_(free_charp) char *part = part_of(page, section->name);

	ck_assert_msg(part != NULL, "%s has no section %s", path, section->name);
	for (uint32_t i = 0; i < section->n_keys; ++i) {
		cleanup_(free_charp) char *text = phrase(&section->keys[i]);
		char line[512];

		(void)snprintf(line, sizeof(line), "%s%s%s%s%s", style->begin, section->keys[i].name,
		               style->middle, text, style->end);
		ck_assert_msg(strstr(part, line) != NULL, "%s, %s: no line %s", path, section->name,
		              line);
	}
	ck_assert_msg(count_keys(part, style) == section->n_keys,
	              "%s, %s: %u keys on the page, %u in the grammar", path, section->name,
	              count_keys(part, style), section->n_keys);
}

static void expect_file(const char *path, enum file which, const struct style *style) {
	const struct section *file = grammars[which];
	struct sections all = all_sections(which);
	size_t n = 0;
	cleanup_(free_charp) char *page = slurp(path, &n);
	const char *from = page;

	if (style->by_file) {
		char heading[80];

		(void)snprintf(heading, sizeof(heading), "\n# %s\n", file->name);
		from = strstr(page, heading);
		ck_assert_msg(from != NULL, "%s has no heading %s", path, heading);
	}
	for (uint32_t i = 0; i < all.n; ++i)
		expect_section(path, from, all.list[i], style);
}

#define MAN SOURCE_ROOT "/docs/man/"
#define DOC SOURCE_ROOT "/docs/configuration.md"

static const struct {
	const char *path;
	enum file file;
	const struct style *style;
} pages[] = {
	{ MAN "careward-device.cfg.5.scd", DEVICE, &man_style },
	{ MAN "careward-site.cfg.5.scd", SITE, &man_style },
	{ MAN "careward-place.cfg.5.scd", PLACE, &man_style },
	{ DOC, DEVICE, &table_style },
	{ DOC, SITE, &table_style },
	{ DOC, PLACE, &table_style },
};

START_TEST(page_says_what_the_grammar_says) {
	expect_file(pages[_i].path, pages[_i].file, pages[_i].style);
}
END_TEST

static void list(void) {
	for (int file = 0; file < N_FILES; ++file) {
		struct sections all = all_sections((enum file)file);

		for (uint32_t i = 0; i < all.n; ++i)
			for (uint32_t k = 0; k < all.list[i]->n_keys; ++k) {
				const struct key *key = &all.list[i]->keys[k];
				cleanup_(free_charp) char *text = phrase(key);

				(void)printf("%s\t%s\t%s\n", all.list[i]->name, key->name, text);
			}
	}
}

int main(int argc, char **argv) {
	Suite *suite = suite_create("config-docs");
	TCase *tc = tcase_create("docs");
	SRunner *sr;
	int failed;

	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		list();
		return 0;
	}
	tcase_add_loop_test(tc, page_says_what_the_grammar_says, 0, (int)ARRAY_SIZE(pages));
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
