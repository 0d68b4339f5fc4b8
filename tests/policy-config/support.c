/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

const struct section *const grammars[N_FILES] = { &grammar_device, &grammar_site, &grammar_place };
const char *const file_names[N_FILES] = { "device.cfg", "site.cfg", "place.cfg" };

#define DIGEST "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

/* No error, no warning. Tests that want a warning change something. */
static const struct change base[] = {
	{ DEVICE, "device", 0, "model", "\"Test pump\"" },
	{ DEVICE, "seats", 0, "name", "\"main\"" },
	{ DEVICE, "seats", 0, "user", "\"pump\"" },
	{ DEVICE, "signals", 0, "name", "\"patient\"" },
	{ DEVICE, "signals", 0, "seat", "\"main\"" },
	{ DEVICE, "signals", 1, "name", "\"standby\"" },
	{ DEVICE, "signals", 1, "seat", "\"main\"" },
	{ DEVICE, "actions", 0, "name", "\"therapy.start\"" },
	{ DEVICE, "actions", 0, "kind", "\"care\"" },
	{ DEVICE, "actions", 1, "name", "\"therapy.stop\"" },
	{ DEVICE, "actions", 1, "kind", "\"always\"" },
	{ DEVICE, "actions", 2, "name", "\"settings.display\"" },
	{ DEVICE, "actions", 2, "kind", "\"guarded\"" },
	{ DEVICE, "actions", 3, "name", "\"software.update\"" },
	{ DEVICE, "actions", 3, "kind", "\"sensitive\"" },
	{ DEVICE, "readers", 0, "kind", "\"usb-key\"" },
	{ DEVICE, "readers", 0, "seat", "\"main\"" },
	{ DEVICE, "readers", 1, "kind", "\"serial\"" },
	{ DEVICE, "readers", 1, "seat", "\"main\"" },
	{ DEVICE, "readers", 1, "path", "\"/dev/ttyS0\"" },
	{ DEVICE, "readers", 2, "kind", "\"pcsc\"" },
	{ DEVICE, "readers", 2, "seat", "\"main\"" },
	{ DEVICE, "service_authority", 0, "file", "\"maker.pem\"" },
	{ DEVICE, "service_authority", 0, "sha256", "\"" DIGEST "\"" },
	{ DEVICE, "", 0, "end", "true" },
	{ SITE, "site", 0, "name", "\"Test site\"" },
	{ SITE, "roles", 0, "name", "\"nurse\"" },
	{ SITE, "roles", 0, "allow", "[ \"therapy.*\" ]" },
	{ SITE, "roles", 1, "name", "\"biomed\"" },
	{ SITE, "roles", 1, "allow",
	  "[ \"settings.*\", \"software.update\", \"careward.config\", \"careward.recover\" ]" },
	{ SITE, "roles", 2, "name", "\"reviewer\"" },
	{ SITE, "roles", 2, "allow",
	  "[ \"careward.review\", \"careward.history\", \"careward.export\" ]" },
	{ SITE, "roles", 3, "name", "\"admin\"" },
	{ SITE, "roles", 3, "allow", "[ \"careward.accounts\", \"careward.enrol\" ]" },
	{ SITE, "roles", 3, "creates", "[ \"nurse\", \"biomed\", \"reviewer\", \"admin\" ]" },
	{ SITE, "contexts", 0, "name", "\"routine\"" },
	{ SITE, "contexts", 1, "name", "\"acute\"" },
	{ SITE, "contexts", 1, "when", "[ \"patient\" ]" },
	{ SITE, "tokens.smartcard", 0, "module", "\"/usr/lib/test-pkcs11.so\"" },
	{ SITE, "tokens.smartcard", 0, "revocation_lists", "[ \"site.crl\" ]" },
	{ SITE, "tokens.smartcard.authorities", 0, "file", "\"site.pem\"" },
	{ SITE, "tokens.smartcard.authorities", 0, "sha256", "\"" DIGEST "\"" },
	{ SITE, "tokens.security_key", 0, "rp", "\"keys.test\"" },
	{ SITE, "", 0, "end", "true" },
	{ PLACE, "place", 0, "inventory", "\"TEST-1\"" },
	{ PLACE, "", 0, "end", "true" },
};

struct sections all_sections(enum file file) {
	struct sections all = { 1, { grammars[file] } };

	for (uint32_t i = 0; i < all.n; ++i)
		for (uint32_t k = 0; k < all.list[i]->n_keys; ++k)
			if (all.list[i]->keys[k].section) {
				ck_assert_uint_lt(all.n, GRAMMAR_SECTIONS_MAX);
				all.list[all.n++] = all.list[i]->keys[k].section;
			}
	return all;
}

const char *section_path(enum file file, const struct section *section) {
	return section == grammars[file] ? "" : section->name;
}

struct render {
	FILE *out;
	enum file file;
	const struct change *changes;
	size_t n;
	uint32_t line;
	uint32_t line_of_first;
};

static bool is_in(const struct change *c, enum file file, const char *section, int item) {
	return c->file == file && strcmp(c->section, section) == 0 && c->item == item;
}

static const struct change *changed(const struct render *r, const char *section, int item,
                                    const char *key) {
	for (size_t i = 0; i < r->n; ++i)
		if (is_in(&r->changes[i], r->file, section, item) && r->changes[i].key &&
		    strcmp(r->changes[i].key, key) == 0)
			return &r->changes[i];
	return NULL;
}

static void print_line(struct render *r, const char *text) {
	(void)fprintf(r->out, "%s\n", text);
	r->line++;
}

static void print_key(struct render *r, const struct change *c) {
	if (c == r->changes)
		r->line_of_first = r->line + 1;
	if (!c->value)
		return;
	(void)fprintf(r->out, "  %s = %s;\n", c->key, c->value);
	r->line++;
}

/* The base's keys, changed or not, and then the keys that are new. */
static void print_keys(struct render *r, const char *section, int item) {
	for (size_t i = 0; i < ARRAY_SIZE(base); ++i) {
		const struct change *c;

		if (!is_in(&base[i], r->file, section, item))
			continue;
		c = changed(r, section, item, base[i].key);
		print_key(r, c ? c : &base[i]);
	}
	for (size_t i = 0; i < r->n; ++i) {
		bool known = false;

		if (!r->changes[i].key || !is_in(&r->changes[i], r->file, section, item))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(base); ++k)
			known |= is_in(&base[k], r->file, section, item) &&
			         strcmp(base[k].key, r->changes[i].key) == 0;
		if (!known)
			print_key(r, &r->changes[i]);
	}
}

static int count_items(const struct render *r, const char *section) {
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(base); ++i)
		if (is_in(&base[i], r->file, section, base[i].item) && base[i].item >= n)
			n = base[i].item + 1;
	for (size_t i = 0; i < r->n; ++i)
		if (is_in(&r->changes[i], r->file, section, r->changes[i].item) &&
		    r->changes[i].item >= n)
			n = r->changes[i].item + 1;
	return n;
}

static bool is_left_out(const struct render *r, const char *section) {
	for (size_t i = 0; i < r->n; ++i)
		if (r->changes[i].file == r->file && !r->changes[i].key &&
		    strcmp(r->changes[i].section, section) == 0)
			return true;
	return false;
}

/* Return: true when the base or a change says something inside of the section. */
static bool has_inside(const struct render *r, const char *section) {
	size_t n = strlen(section);

	for (size_t i = 0; i < ARRAY_SIZE(base); ++i)
		if (base[i].file == r->file && strncmp(base[i].section, section, n) == 0 &&
		    base[i].section[n] == '.')
			return true;
	for (size_t i = 0; i < r->n; ++i)
		if (r->changes[i].file == r->file &&
		    strncmp(r->changes[i].section, section, n) == 0 &&
		    r->changes[i].section[n] == '.')
			return true;
	return false;
}

static void print_section(struct render *r, const struct key *key) {
	const struct section *section = key->section;
	bool list = key->type == KEY_LIST;
	int n = count_items(r, section->name);

	if (n == 0 && has_inside(r, section->name))
		n = 1;
	if (n == 0 || is_left_out(r, section->name))
		return;
	(void)fprintf(r->out, "%s = %s{\n", key->name, list ? "( " : "");
	r->line++;
	for (int i = 0; i < n; ++i) {
		if (i > 0)
			print_line(r, " }, {");
		print_keys(r, section->name, i);
		for (uint32_t k = 0; k < section->n_keys && !list; ++k)
			if (section->keys[k].section)
				print_section(r, &section->keys[k]);
	}
	print_line(r, list ? " } );" : "};");
}

static char *render(enum file file, const struct change *changes, size_t n, uint32_t *ret_line) {
	struct render r = { .file = file, .changes = changes, .n = n };
	char *text = NULL;
	size_t size = 0;

	r.out = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(r.out);
	for (uint32_t i = 0; i < grammars[file]->n_keys; ++i)
		if (grammars[file]->keys[i].section)
			print_section(&r, &grammars[file]->keys[i]);
	/* Keys that are changed come before `end`, which comes last. */
	for (size_t i = 0; i < n; ++i)
		if (changes[i].key && is_in(&changes[i], file, "", 0) &&
		    strcmp(changes[i].key, "end") != 0)
			print_key(&r, &changes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(base); ++i)
		if (is_in(&base[i], file, "", 0)) {
			const struct change *c = changed(&r, "", 0, base[i].key);

			print_key(&r, c ? c : &base[i]);
		}
	(void)fclose(r.out);
	if (n > 0 && changes[0].file == file && changes[0].key)
		*ret_line = r.line_of_first;
	return text;
}

static void compile_texts(struct result *result, const size_t n_text[N_FILES]) {
	struct policy_source sources[N_FILES];

	for (int i = 0; i < N_FILES; ++i)
		sources[i] = (struct policy_source){ file_names[i], result->text[i], n_text[i] };
	result->messages = calloc(1, sizeof(*result->messages));
	ck_assert_ptr_nonnull(result->messages);
	result->r = policy_compile(&sources[DEVICE], &sources[SITE], &sources[PLACE], 7,
	                           result->messages, &result->policy);
	ck_assert_msg((result->r == 0) == (result->policy != NULL), "output only on success");
	ck_assert_msg((result->r == 0) == (result->messages->n_errors == 0),
	              "refused exactly when there is an error: %d, %u", result->r,
	              result->messages->n_errors);
}

struct result compile_with(const struct change *changes, size_t n) {
	struct result result = { .r = -1 };
	size_t n_text[N_FILES];

	for (int i = 0; i < N_FILES; ++i) {
		result.text[i] = render((enum file)i, changes, n, &result.line);
		n_text[i] = strlen(result.text[i]);
	}
	compile_texts(&result, n_text);
	return result;
}

struct result compile_text(enum file file, const char *text, size_t n) {
	struct result result = { .r = -1 };
	size_t n_text[N_FILES];

	for (int i = 0; i < N_FILES; ++i) {
		result.text[i] = render((enum file)i, NULL, 0, &result.line);
		n_text[i] = strlen(result.text[i]);
	}
	free(result.text[file]);
	/* Exactly as large as it is, so that a sanitizer sees one byte too far. */
	result.text[file] = malloc(n ? n : 1);
	ck_assert_ptr_nonnull(result.text[file]);
	memcpy(result.text[file], text, n);
	n_text[file] = n;
	compile_texts(&result, n_text);
	return result;
}

void result_done(struct result *result) {
	result->policy = policy_free(result->policy);
	free(result->messages);
	for (int i = 0; i < N_FILES; ++i)
		free(result->text[i]);
	memset(result, 0, sizeof(*result));
}

const struct policy_message *find_message(const struct policy_messages *m,
                                          enum policy_severity severity, const char *fragment) {
	for (uint32_t i = 0; i < m->n; ++i)
		if (m->list[i].severity == severity && strstr(m->list[i].text, fragment))
			return &m->list[i];
	return NULL;
}

const char *all_messages(const struct policy_messages *m) {
	static char text[8192];
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < m->n && n < sizeof(text) - 600; ++i) {
		const struct policy_message *one = &m->list[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%u: %s", i ? " | " : "",
		                      one->file, one->line, one->text);
	}
	return text;
}

char *slurp(const char *path, size_t *ret_n) {
	cleanup_(close_filep) FILE *f = fopen(path, "re");
	char *text = malloc(1u << 20);

	ck_assert_msg(f != NULL, "cannot open %s", path);
	ck_assert_ptr_nonnull(text);
	*ret_n = fread(text, 1, (1u << 20) - 1, f);
	text[*ret_n] = '\0';
	return text;
}
