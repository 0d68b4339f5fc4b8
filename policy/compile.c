/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/cleanup.h"
#include "policy/decide.h"
#include "policy/text.h"

static struct compile *compile_free(struct compile *c) {
	if (!c)
		return NULL;
	config_destroy(&c->device_file.config);
	config_destroy(&c->site_file.config);
	config_destroy(&c->place_file.config);
	(void)policy_free(c->p);
	free(c);
	return NULL;
}

DEFINE_CLEANUP(struct compile *, compile_free)

struct policy *policy_free(struct policy *policy) {
	free(policy);
	return NULL;
}

static void file_init(struct compile_file *f, const struct policy_source *source,
                      struct policy_messages *messages) {
	f->source = source;
	f->r.path = source && source->path ? source->path : "-";
	f->r.messages = messages;
}

static struct compile *compile_new(const struct policy_source *device,
                                   const struct policy_source *site,
                                   const struct policy_source *place,
                                   struct policy_messages *messages) {
	struct compile *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	config_init(&c->device_file.config);
	config_init(&c->site_file.config);
	config_init(&c->place_file.config);
	file_init(&c->device_file, device, messages);
	file_init(&c->site_file, site, messages);
	file_init(&c->place_file, place, messages);
	c->p = calloc(1, sizeof(*c->p));
	if (!c->p)
		return compile_free(c);
	return c;
}

static void read_one(struct compile_file *f, const struct section *grammar, const char *what,
                     void *item) {
	if (!f->source || !f->source->text) {
		refuse(&f->r, 0, "there is no %s; start from a profile in config/", what);
		return;
	}
	f->readable = grammar_read(&f->r, f->source, grammar, &f->config, item);
}

static void compile_reasons(struct compile *c) {
	const config_setting_t *array = c->site.break_glass.reasons;
	const struct compile_file *f = &c->site_file;
	struct break_glass_rules *rules = &c->p->settings.break_glass;
	int n = array ? config_setting_length(array) : 0;

	for (int i = 0; i < n && i < (int)ARRAY_SIZE(rules->reasons); ++i) {
		const char *text = config_setting_get_string_elem(array, i);

		if (strlen(text) >= LIMIT_NAME || text[strspn(text, " \t")] == '\0')
			refuse(&f->r, element_line(f->source, array, i),
			       "break_glass.reasons: each text must have 1 to %u bytes", LIMIT_NAME - 1);
		else
			memcpy(rules->reasons[i], text, strlen(text) + 1);
		rules->n_reasons = (uint32_t)i + 1;
	}
}

/* Every sensitive action is at least as fresh as the site asks for everywhere. */
static void compile_fresh(struct compile *c) {
	struct policy_table *t = &c->p->table;
	uint32_t most = c->site.reauth_fresh_s * 1000;

	for (uint32_t i = 0; i < t->n_actions; ++i)
		if (t->actions[i].fresh_ms > most)
			t->actions[i].fresh_ms = most;
}

void compile_settings(struct compile *c) {
	struct policy_settings *s = &c->p->settings;

	memcpy(s->site_name, c->site.site.name, sizeof(s->site_name));
	s->reauth_fresh_s = c->site.reauth_fresh_s;
	s->prompt_timeout_s = c->site.prompt_timeout_s;
	s->passwords = c->site.passwords.rules;
	s->lockout = c->site.lockout.rules;
	s->break_glass = c->site.break_glass.rules;
	s->journal = c->site.journal.rules;
	compile_reasons(c);
	compile_fresh(c);
	memcpy(s->inventory, c->place.place.inventory, sizeof(s->inventory));
	memcpy(s->ward, c->place.place.ward, sizeof(s->ward));
	memcpy(s->room, c->place.place.room, sizeof(s->room));
	memcpy(s->place, c->place.place.place, sizeof(s->place));
}

static int hash(const struct policy_source *source, uint8_t ret_hash[32]) {
	unsigned n = 0;

	if (EVP_Digest(source->text, source->n_text, ret_hash, &n, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	return 0;
}

static int finish_table(struct compile *c, uint64_t generation) {
	struct policy_table *t = &c->p->table;
	int r;

	t->magic = POLICY_TABLE_MAGIC;
	t->version = POLICY_TABLE_VERSION;
	t->size = sizeof(*t);
	t->generation = generation;
	r = hash(c->device_file.source, t->device_hash);
	if (r == 0 && c->site_file.source)
		r = hash(c->site_file.source, t->site_hash);
	if (r < 0)
		return r;
	t->checksum = policy_table_checksum(t);
	return 0;
}

/* What needs names of the other file is looked up only when both could be read. */
static void compile_all(struct compile *c) {
	read_one(&c->device_file, &grammar_device, "device.cfg", &c->device);
	read_one(&c->site_file, &grammar_site, "site.cfg", &c->site);
	if (c->place_file.source && c->place_file.source->text)
		read_one(&c->place_file, &grammar_place, "place.cfg", &c->place);
	else
		grammar_defaults(&grammar_place, &c->place);
	if (c->device_file.readable)
		compile_device(c);
	if (c->device_file.readable && c->site_file.readable) {
		compile_site_actions(c);
		compile_roles(c);
		compile_contexts(c);
	}
	if (c->site_file.readable) {
		compile_settings(c);
		compile_tokens(c);
		check_values(c);
	}
}

int policy_compile(const struct policy_source *device, const struct policy_source *site,
                   const struct policy_source *place, uint64_t generation,
                   struct policy_messages *messages, struct policy **ret_policy) {
	cleanup_(compile_freep) struct compile *c = compile_new(device, site, place, messages);
	uint32_t n_errors = messages->n_errors;
	int r;

	if (!c)
		return -ENOMEM;
	compile_all(c);
	if (messages->n_errors > n_errors)
		return -EINVAL;
	check_policy(c);
	r = finish_table(c, generation);
	if (r < 0)
		return r;
	if (!policy_table_is_valid(&c->p->table)) {
		refuse(&c->site_file.r, 0, "the compiled table is not valid; report this with the files");
		return -EINVAL;
	}
	*ret_policy = c->p;
	c->p = NULL; /* handed over */
	return 0;
}

int policy_compile_device(const struct policy_source *device, struct policy_messages *messages,
                          struct policy **ret_policy) {
	cleanup_(compile_freep) struct compile *c = compile_new(device, NULL, NULL, messages);
	uint32_t n_errors = messages->n_errors;
	int r;

	if (!c)
		return -ENOMEM;
	read_one(&c->device_file, &grammar_device, "device.cfg", &c->device);
	if (c->device_file.readable)
		compile_device(c);
	if (messages->n_errors > n_errors)
		return -EINVAL;
	r = finish_table(c, 0);
	if (r < 0)
		return r;
	*ret_policy = c->p;
	c->p = NULL; /* handed over */
	return 0;
}
