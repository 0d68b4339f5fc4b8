/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as one of the three files
 *
 * The first byte says which of the files the rest is; the other two are good.
 * Not only "no crash": what is accepted is a valid policy that keeps its floors.
 */
#undef NDEBUG
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <careward/result.h>

#include "policy/config.h"
#include "policy/decide.h"
#include "policy/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets a text that it was reading when it met a syntax error. */
const char *__lsan_default_suppressions(void) {
	return "leak:libconfig.so";
}

static const char *const good[3] = {
	"device = { model = \"m\"; };\n"
	"seats = ( { name = \"main\"; user = \"u\"; } );\n"
	"signals = ( { name = \"patient\"; seat = \"main\"; } );\n"
	"actions = ( { name = \"therapy.start\"; kind = \"care\"; },\n"
	"            { name = \"settings.x\"; kind = \"guarded\"; } );\n"
	"end = true;\n",
	"site = { name = \"s\"; };\n"
	"roles = ( { name = \"nurse\"; allow = [ \"therapy.*\" ]; } );\n"
	"contexts = ( { name = \"routine\"; } );\n"
	"end = true;\n",
	"place = { inventory = \"i\"; };\nend = true;\n",
};

/* What no configuration can undo. */
static void check_floors(const struct policy *p) {
	const struct policy_table *t = &p->table;

	assert(policy_table_is_valid(t));
	assert(t->checksum == policy_table_checksum(t));
	assert(t->n_actions >= POLICY_N_BUILTINS);
	for (uint32_t i = 0; i < POLICY_N_BUILTINS; ++i) {
		uint32_t at = policy_builtin_index(t, (enum policy_builtin)i);

		assert(strcmp(t->action_names[at], policy_builtin_names[i]) == 0);
		assert(t->actions[at].kind >= CW_KIND_GUARDED);
	}
	for (uint32_t i = 0; i < t->n_actions; ++i) {
		assert(name_is_good(t->action_names[i]));
		assert(t->actions[i].kind < CW_KIND_GUARDED ||
		       t->actions[i].assurance >= CW_ASSURANCE_PASSWORD);
		assert((t->actions[i].when_true & t->actions[i].when_false) == 0);
	}
	for (uint32_t i = 0; i < t->n_contexts; ++i)
		assert(t->contexts[i].guarded >= CW_ASSURANCE_PASSWORD);
	assert(p->settings.passwords.min_length >= 8);
	assert(p->settings.passwords.argon2_memory_kib >= 19456);
	assert(p->settings.lockout.code_tries >= 1 && p->settings.lockout.code_tries <= 3);
	assert(p->settings.reauth_fresh_s <= 120);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
	struct policy_source sources[3];
	struct policy_messages *m = calloc(1, sizeof(*m));
	struct policy *p = NULL, *again = NULL;
	int r;

	if (n == 0 || !m) {
		free(m);
		return 0;
	}
	for (size_t i = 0; i < 3; ++i)
		sources[i] = (struct policy_source){ "f", good[i], strlen(good[i]) };
	sources[data[0] % 3].text = (const char *)data + 1;
	sources[data[0] % 3].n_text = n - 1;
	r = policy_compile(&sources[0], &sources[1], &sources[2], 1, m, &p);
	assert(r == 0 || r == -22);
	assert((r == 0) == (m->n_errors == 0) && (r == 0) == (p != NULL));
	assert(m->n <= POLICY_MESSAGES_MAX && (r == 0 || m->n > 0));
	if (p) {
		check_floors(p);
		assert(policy_compile(&sources[0], &sources[1], &sources[2], 1, m, &again) == 0);
		assert(memcmp(p, again, sizeof(*p)) == 0);
	}
	(void)policy_free(p);
	(void)policy_free(again);
	free(m);
	return 0;
}
