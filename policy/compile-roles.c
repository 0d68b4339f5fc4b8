/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/compile.h"

#include <errno.h>
#include <string.h>

#include <careward/result.h>

#include "policy/names.h"

/* Marks the actions that one pattern covers. Return: how many there are. */
static uint32_t mark(const struct policy_table *t, const char *pattern, bool *actions) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n_actions; ++i) {
		if (!pattern_covers(pattern, t->action_names[i]))
			continue;
		actions[i] = true;
		n++;
	}
	return n;
}

static void compile_patterns(struct compile *c, const struct parsed_role *role,
                             const config_setting_t *array, const char *key, bool *actions) {
	const struct compile_file *f = &c->site_file;
	const struct policy_table *t = &c->p->table;
	int n = array ? config_setting_length(array) : 0;

	for (int i = 0; i < n; ++i) {
		const char *text = config_setting_get_string_elem(array, i);

		if (!pattern_is_good(text))
			refuse(&f->r, element_line(f->source, array, i), "%s of role \"%s\": \"%.70s\" is "
			       "no action; write a name, or the beginning of one followed by .*", key,
			       role->name, text);
		else if (mark(t, text, actions) == 0)
			refuse(&f->r, element_line(f->source, array, i), "%s of role \"%s\": \"%s\" "
			       "matches no action of device.cfg" NEAREST_FORMAT, key, role->name, text,
			       NEAREST_ARGS(compile_has_room(c) ? policy_nearest(text,
			                            t->action_names, t->n_actions) : NULL));
	}
}

/* Return: the bits of the roles that an array names. */
static uint32_t compile_role_names(struct compile *c, const struct parsed_role *role,
                                   const config_setting_t *array, const char *key) {
	const struct compile_file *f = &c->site_file;
	const struct policy_table *t = &c->p->table;
	int n = array ? config_setting_length(array) : 0;
	uint32_t bits = 0;

	for (int i = 0; i < n; ++i) {
		const char *text = config_setting_get_string_elem(array, i);
		int index = policy_role_index(t, text);
		const char *near = NULL;

		if (index < 0 && compile_has_room(c))
			near = policy_nearest(text, t->role_names, t->n_roles);
		if (index >= 0 && text[0])
			bits |= 1u << index;
		else
			refuse(&f->r, element_line(f->source, array, i),
			       "%s of role \"%s\" names the unknown role \"%.64s\"" NEAREST_FORMAT, key,
			       role->name, text, NEAREST_ARGS(near));
	}
	return bits;
}

/* From the roles named to all roles included, and then each includes itself. */
static void close_inheritance(struct compile *c, const uint32_t direct[POLICY_ROLES_MAX]) {
	struct policy_settings *s = &c->p->settings;
	uint32_t n = c->site.n_roles;

	for (uint32_t i = 0; i < n; ++i)
		s->roles[i].inherits = direct[i];
	for (uint32_t k = 0; k < n; ++k)
		for (uint32_t i = 0; i < n; ++i)
			if (s->roles[i].inherits >> k & 1)
				s->roles[i].inherits |= s->roles[k].inherits;
	for (uint32_t i = 0; i < n; ++i) {
		if (s->roles[i].inherits >> i & 1)
			refuse(&c->site_file.r, c->site.roles[i].item.line,
			       "role \"%s\" inherits itself in a circle; drop one inherits of the circle",
			       c->site.roles[i].name);
		s->roles[i].inherits |= 1u << i;
	}
}

/* One round: what role @i has by itself and by the roles that it names. */
static bool inherit_once(struct compile *c, uint32_t i, uint32_t direct) {
	bool grown = false;

	for (uint32_t k = 0; k < c->site.n_roles; ++k) {
		if ((direct >> k & 1) == 0)
			continue;
		for (uint32_t a = 0; a < c->p->table.n_actions; ++a) {
			if (!c->granted[k][a] || c->granted[i][a] || c->denied[i][a])
				continue;
			c->granted[i][a] = true;
			grown = true;
		}
	}
	return grown;
}

static bool inherits_action(const struct compile *c, uint32_t direct, uint32_t a) {
	for (uint32_t k = 0; k < c->site.n_roles; ++k)
		if ((direct >> k & 1) && c->granted[k][a])
			return true;
	return false;
}

/* deny takes away from this role only: what it allows itself and what it inherits. */
static void subtract_denied(struct compile *c, const uint32_t direct[POLICY_ROLES_MAX]) {
	bool grown = true;

	for (uint32_t i = 0; i < c->site.n_roles; ++i)
		for (uint32_t a = 0; a < c->p->table.n_actions; ++a)
			if (c->denied[i][a])
				c->granted[i][a] = false;
	for (uint32_t round = 0; grown && round < POLICY_ROLES_MAX; ++round) {
		grown = false;
		for (uint32_t i = 0; i < c->site.n_roles; ++i)
			grown |= inherit_once(c, i, direct[i]);
	}
}

/* A deny that takes nothing away is a slip of the pen. */
static void check_denied(struct compile *c, const uint32_t direct[POLICY_ROLES_MAX]) {
	for (uint32_t i = 0; i < c->site.n_roles; ++i) {
		const struct parsed_role *role = &c->site.roles[i];
		bool own[POLICY_ACTIONS_MAX] = { false };
		bool useful = false;

		for (int k = 0; role->allow && k < config_setting_length(role->allow); ++k)
			(void)mark(&c->p->table, config_setting_get_string_elem(role->allow, k),
			           own);
		for (uint32_t a = 0; a < c->p->table.n_actions; ++a)
			useful |= c->denied[i][a] && (own[a] || inherits_action(c, direct[i], a));
		if (role->deny && config_setting_length(role->deny) > 0 && !useful)
			refuse(&c->site_file.r, config_setting_source_line(role->deny),
			       "deny of role \"%s\" takes nothing away; drop it", role->name);
	}
}

static void compile_role(struct compile *c, uint32_t i, uint32_t *ret_direct) {
	const struct parsed_role *role = &c->site.roles[i];
	struct role_rules *rules = &c->p->settings.roles[i];

	compile_patterns(c, role, role->allow, "allow", c->granted[i]);
	compile_patterns(c, role, role->deny, "deny", c->denied[i]);
	*ret_direct = compile_role_names(c, role, role->inherits, "inherits");
	rules->creates = compile_role_names(c, role, role->creates, "creates");
	rules->creates_for_s = role->creates_for_s;
	if (rules->creates_for_s && !rules->creates)
		refuse(&c->site_file.r, role->item.line,
		       "role \"%s\" has creates_for but creates nobody; name roles in creates",
		       role->name);
}

static void write_roles(struct compile *c) {
	struct policy_table *t = &c->p->table;

	for (uint32_t a = 0; a < t->n_actions; ++a) {
		bool high = t->actions[a].kind == CW_KIND_GUARDED ||
		            t->actions[a].kind == CW_KIND_SENSITIVE;

		for (uint32_t i = 0; i < t->n_roles; ++i) {
			if (!c->granted[i][a])
				continue;
			t->actions[a].roles |= 1u << i;
			if (high)
				c->p->settings.roles[i].privileged = true;
		}
	}
}

void compile_roles(struct compile *c) {
	struct policy_table *t = &c->p->table;
	uint32_t direct[POLICY_ROLES_MAX] = { 0 };

	for (uint32_t i = 0; i < c->site.n_roles; ++i) {
		const struct parsed_role *role = &c->site.roles[i];
		int other = policy_role_index(t, role->name);

		if (other >= 0 && role->name[0])
			refuse(&c->site_file.r, role->item.line,
			       "role \"%s\" stands here for the second time; the first is on line %u",
			       role->name, c->site.roles[other].item.line);
		memcpy(t->role_names[i], role->name, POLICY_NAME_SIZE);
		t->n_roles = c->p->settings.n_roles = i + 1;
	}
	for (uint32_t i = 0; i < c->site.n_roles; ++i)
		compile_role(c, i, &direct[i]);
	close_inheritance(c, direct);
	subtract_denied(c, direct);
	check_denied(c, direct);
	write_roles(c);
}

static void compile_context(struct compile *c, uint32_t i) {
	const struct parsed_context *context = &c->site.contexts[i];
	const struct compile_file *f = &c->site_file;
	struct policy_table *t = &c->p->table;
	struct policy_context *out = &t->contexts[i];
	bool always = !context->when || config_setting_length(context->when) == 0;

	if (i == 0 && context->when)
		refuse(&f->r, context->item.line, "the first context, \"%s\", has no when; it applies "
		       "while no other does", context->name);
	if (i > 0 && always)
		refuse(&f->r, context->item.line, "context \"%s\" needs when = [ \"a-signal\" ]; only "
		       "the first one has none", context->name);
	if (context->care < c->device.minimum.care)
		refuse(&f->r, context->item.line, "care of context \"%s\" is \"%s\"; device.cfg allows "
		       "no less than \"%s\"", context->name, parse_assurance_names[context->care],
		       parse_assurance_names[c->device.minimum.care]);
	compile_signals(c, f, context->when, "when", &out->when_true, &out->when_false);
	out->care = context->care;
	out->guarded = context->guarded;
	out->idle_lock_ms = context->idle_lock_ms;
	out->removal_locks = context->removal_locks;
	out->alone = context->alone;
	for (uint32_t k = 1; k < i; ++k)
		if (t->contexts[k].when_true == out->when_true &&
		    t->contexts[k].when_false == out->when_false)
			refuse(&f->r, context->item.line, "context \"%s\" has the same when as \"%s\", "
			       "which could never apply; join them", context->name,
			       c->site.contexts[k].name);
}

void compile_contexts(struct compile *c) {
	struct policy_table *t = &c->p->table;

	for (uint32_t i = 0; i < c->site.n_contexts; ++i) {
		const struct parsed_context *context = &c->site.contexts[i];
		int other = policy_context_index(t, context->name);

		if (other >= 0 && context->name[0])
			refuse(&c->site_file.r, context->item.line,
			       "context \"%s\" stands here for the second time; the first is on line %u",
			       context->name, c->site.contexts[other].item.line);
		memcpy(t->context_names[i], context->name, POLICY_NAME_SIZE);
		t->n_contexts = i + 1;
		compile_context(c, i);
	}
}
