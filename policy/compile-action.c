/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/compile.h"

#include <errno.h>
#include <string.h>

#include <careward/result.h>

#include "policy/names.h"

#define FRESH_MAX_MS 120000u

#define KIND(k) (1u << (k))

static bool says_assurance(const struct parsed_action *a) {
	return a->assurance != 0;
}

static bool says_confirm(const struct parsed_action *a) {
	return a->confirm != 0;
}

static bool says_fresh(const struct parsed_action *a) {
	return a->fresh_ms != 0;
}

static bool says_only_when(const struct parsed_action *a) {
	return a->only_when != NULL;
}

static bool says_witness(const struct parsed_action *a) {
	return a->witness == 1;
}

/* Which keys mean something for which kinds. */
static const struct {
	const char *key;
	bool (*is_said)(const struct parsed_action *a);
	uint32_t kinds;
	const char *instead;
} keys_of_kinds[] = {
	{ "assurance", says_assurance, KIND(CW_KIND_GUARDED) | KIND(CW_KIND_SENSITIVE),
	  "what care asks for is said by the contexts of site.cfg" },
	{ "confirm", says_confirm, KIND(CW_KIND_SENSITIVE), "make the action sensitive" },
	{ "fresh", says_fresh, KIND(CW_KIND_SENSITIVE), "make the action sensitive" },
	{ "only_when", says_only_when, KIND(CW_KIND_GUARDED) | KIND(CW_KIND_SENSITIVE),
	  "always and care wait for no signal" },
	{ "witness", says_witness, KIND(CW_KIND_CARE),
	  "sensitive actions have confirm = \"second-person\"" },
};

static void check_keys(const struct compile_file *f, const struct parsed_action *a,
                       const char *name, uint8_t kind) {
	for (size_t i = 0; i < sizeof(keys_of_kinds) / sizeof(*keys_of_kinds); ++i)
		if (keys_of_kinds[i].is_said(a) && (keys_of_kinds[i].kinds & KIND(kind)) == 0)
			refuse(&f->r, a->item.line, "%s has no meaning for \"%s\", which is %s; %s",
			       keys_of_kinds[i].key, name, parse_kind_names[kind],
			       keys_of_kinds[i].instead);
}

bool compile_has_room(const struct compile *c) {
	return c->device_file.r.messages->n < POLICY_MESSAGES_MAX;
}

static void unknown_signal(struct compile *c, const struct compile_file *f, uint32_t line,
                           const char *what, const char *name) {
	const struct policy_table *t = &c->p->table;

	refuse(&f->r, line, "%s names the unknown signal \"%.64s\"; write \"x\" or \"!x\" of "
	       "device.cfg's signals" NEAREST_FORMAT, what, name,
	       NEAREST_ARGS(compile_has_room(c)
	                            ? policy_nearest(name, t->signal_names, t->n_signals)
	                            : NULL));
}

void compile_signals(struct compile *c, const struct compile_file *f,
                     const config_setting_t *array, const char *what, uint32_t *ret_true,
                     uint32_t *ret_false) {
	int n = array ? config_setting_length(array) : 0;

	for (int i = 0; i < n; ++i) {
		const char *text = config_setting_get_string_elem(array, i);
		bool no = text[0] == '!';
		int signal = policy_signal_index(&c->p->table, no ? text + 1 : text);

		if (signal < 0 || !name_is_good(no ? text + 1 : text)) {
			unknown_signal(c, f, element_line(f->source, array, i), what,
			               no ? text + 1 : text);
			continue;
		}
		*(no ? ret_false : ret_true) |= 1u << signal;
		if ((*ret_true & *ret_false & 1u << signal) != 0)
			refuse(&f->r, element_line(f->source, array, i),
			       "%s can never hold: it asks for \"%s\" and for \"!%s\"; drop one", what,
			       c->p->table.signal_names[signal], c->p->table.signal_names[signal]);
	}
}

/* What an action of this kind asks for when its file does not say. */
static void action_defaults(struct policy_action *action, uint8_t kind) {
	action->kind = kind;
	if (kind == CW_KIND_GUARDED && action->assurance == 0)
		action->assurance = CW_ASSURANCE_PASSWORD;
	if (kind == CW_KIND_SENSITIVE && action->assurance == 0)
		action->assurance = CW_ASSURANCE_STRONG;
	if (kind == CW_KIND_SENSITIVE && action->confirm == 0)
		action->confirm = CW_CONFIRM_SAME_PERSON;
	if (kind == CW_KIND_SENSITIVE && action->fresh_ms == 0)
		action->fresh_ms = FRESH_MAX_MS;
}

static void raise_kind(struct compile *c, const struct compile_file *f,
                       const struct parsed_action *a, uint32_t index) {
	struct policy_action *action = &c->p->table.actions[index];
	bool builtin = index >= policy_builtin_index(&c->p->table, 0);

	if (a->kind == 0 || a->kind == action->kind)
		return;
	if (!builtin) {
		refuse(&f->r, a->item.line, "\"%s\" is %s; only device.cfg says of what kind it is",
		       a->name, parse_kind_names[action->kind]);
		return;
	}
	if (a->kind < action->kind) {
		refuse(&f->r, a->item.line, "\"%s\" is %s; it can only be made stricter than that",
		       a->name, parse_kind_names[action->kind]);
		return;
	}
	action_defaults(action, a->kind);
}

/* The same rule for an assurance and a confirmation: up, never down. */
static void raise_word(const struct compile_file *f, const struct parsed_action *a,
                       const char *key, const char *const *names, uint8_t said, uint8_t *value) {
	if (said == 0)
		return;
	if (said < *value)
		refuse(&f->r, a->item.line, "%s of \"%s\" is at least \"%s\"; \"%s\" would be weaker",
		       key, a->name, names[*value], names[said]);
	else
		*value = said;
}

static void raise_action(struct compile *c, const struct compile_file *f,
                         const struct parsed_action *a, uint32_t index) {
	struct policy_action *action = &c->p->table.actions[index];

	raise_kind(c, f, a, index);
	check_keys(f, a, a->name, action->kind);
	raise_word(f, a, "assurance", parse_assurance_names, a->assurance, &action->assurance);
	raise_word(f, a, "confirm", parse_confirm_names, a->confirm, &action->confirm);
	if (a->fresh_ms > action->fresh_ms)
		refuse(&f->r, a->item.line, "fresh of \"%s\" is at most %u seconds", a->name,
		       action->fresh_ms / 1000);
	else if (a->fresh_ms)
		action->fresh_ms = a->fresh_ms;
	if (a->witness == 0 && action->witness)
		refuse(&f->r, a->item.line, "device.cfg asks for a witness of \"%s\"; drop witness",
		       a->name);
	if (a->witness == 1)
		action->witness = 1;
}

void compile_action(struct compile *c, const struct compile_file *f,
                    const struct parsed_action *a, uint32_t index) {
	struct policy_action *action = &c->p->table.actions[index];

	if (action->kind != CW_KIND_NONE) {
		raise_action(c, f, a, index);
	} else if (a->kind != CW_KIND_NONE) {
		action->assurance = a->assurance;
		action->confirm = a->confirm;
		action->fresh_ms = a->fresh_ms;
		action->witness = a->witness == 1;
		action_defaults(action, a->kind);
		check_keys(f, a, a->name, a->kind);
	}
	compile_signals(c, f, a->only_when, "only_when", &action->when_true, &action->when_false);
}

void compile_site_actions(struct compile *c) {
	const struct compile_file *f = &c->site_file;
	const struct policy_table *t = &c->p->table;

	for (uint32_t i = 0; i < c->site.n_actions; ++i) {
		const struct parsed_action *a = &c->site.actions[i];
		int action = policy_action_index(t, a->name);

		if (!a->name[0])
			continue;
		for (uint32_t k = 0; k < i; ++k)
			if (strcmp(c->site.actions[k].name, a->name) == 0)
				refuse(&f->r, a->item.line, "action \"%s\" stands here for the second "
				       "time; the first is on line %u", a->name,
				       c->site.actions[k].item.line);
		if (action < 0)
			refuse(&f->r, a->item.line, "unknown action \"%s\"; device.cfg does not have it"
			       NEAREST_FORMAT, a->name,
			       NEAREST_ARGS(compile_has_room(c) ? policy_nearest(a->name,
			                            t->action_names, t->n_actions) : NULL));
		else
			compile_action(c, f, a, (uint32_t)action);
	}
}
