/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/compile.h"

#include <string.h>

#include <careward/result.h>

/* Two values of one group that contradict each other. */
void check_values(struct compile *c) {
	const struct policy_settings *s = &c->p->settings;
	const struct reader *r = &c->site_file.r;
	const struct {
		bool wrong;
		uint32_t line;
		const char *text;
	} rules[] = {
		{ s->passwords.min_length_privileged < s->passwords.min_length,
		  c->site.passwords.item.line,
		  "passwords.min_length_privileged is less than min_length; raise it" },
		{ s->passwords.max_age_s > 0 && s->passwords.min_age_s >= s->passwords.max_age_s,
		  c->site.passwords.item.line,
		  "passwords.min_age is not less than max_age; nobody could change in time" },
		{ s->lockout.longest_ms < s->lockout.first_ms, c->site.lockout.item.line,
		  "lockout.longest is less than first; raise it" },
		{ s->journal.max_days < s->journal.min_days, c->site.journal.item.line,
		  "journal.max_days is less than min_days; raise it" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); ++i)
		if (rules[i].wrong)
			refuse(r, rules[i].line, "%s", rules[i].text);
}

static uint32_t builtin_roles(const struct compile *c, enum policy_builtin which) {
	const struct policy_table *t = &c->p->table;

	return t->actions[policy_builtin_index(t, which)].roles;
}

/* Who makes accounts must not be who reviews what was done with them. */
static void warn_one_role_for_both(const struct compile *c) {
	uint32_t both = builtin_roles(c, POLICY_ACCOUNTS) & builtin_roles(c, POLICY_REVIEW);

	for (uint32_t i = 0; i < c->site.n_roles; ++i)
		if (both >> i & 1)
			warn(&c->site_file.r, c->site.roles[i].item.line,
			     "role \"%s\" holds both careward.accounts and careward.review; give them "
			     "to two roles", c->site.roles[i].name);
}

/* Nothing to stop with, nothing guarded: nobody has looked at the risks. */
static void warn_all_therapy_is_care(const struct compile *c) {
	const struct policy_table *t = &c->p->table;
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n_actions; ++i) {
		if (strncmp(t->action_names[i], "therapy.", strlen("therapy.")) != 0)
			continue;
		if (t->actions[i].kind != CW_KIND_CARE)
			return;
		n++;
	}
	if (n > 0)
		warn(&c->device_file.r, c->line_of_action[0],
		     "every therapy action is care; is there nothing to stop with (always), and "
		     "nothing that a visitor must not touch (guarded)?");
}

/* Nobody gets there but by breaking the glass, or not at all. */
static void warn_unreachable(const struct compile *c) {
	const struct policy_table *t = &c->p->table;

	for (uint32_t i = 0; i < t->n_actions; ++i) {
		const struct policy_action *a = &t->actions[i];
		bool care = a->kind == CW_KIND_CARE;

		if (a->kind == CW_KIND_ALWAYS || a->roles != 0)
			continue;
		warn(&c->site_file.r, 0, care ? "no role allows \"%s\"; people will break the glass "
		     "for it every day" : "no role allows \"%s\"; nobody can do it",
		     t->action_names[i]);
	}
}

/* Processes of one uid cannot be told apart, and share what one of them opens. */
static void warn_shared_seats(const struct compile *c) {
	for (uint32_t i = 0; i < c->device.n_seats; ++i) {
		const struct seat_rules *a = &c->device.seats[i].rules;

		for (uint32_t k = 0; k < i; ++k) {
			const struct seat_rules *b = &c->device.seats[k].rules;
			bool same_user = a->user[0] && strcmp(a->user, b->user) == 0;
			bool same_group = !a->user[0] && !b->user[0] &&
			                  strcmp(a->group, b->group) == 0;

			if (same_user || same_group)
				warn(&c->device_file.r, c->device.seats[i].item.line,
				     "seats \"%s\" and \"%s\" are open to the same processes; give each "
				     "a user of its own", b->name, a->name);
		}
	}
}

static void warn_empty_roles(const struct compile *c) {
	const struct policy_table *t = &c->p->table;

	for (uint32_t i = 0; i < c->site.n_roles; ++i) {
		bool used = false;

		for (uint32_t a = 0; a < t->n_actions; ++a)
			used |= (t->actions[a].roles >> i & 1) != 0;
		if (!used)
			warn(&c->site_file.r, c->site.roles[i].item.line,
			     "role \"%s\" allows nothing; give it something to allow, or drop it",
			     c->site.roles[i].name);
	}
}

/* A role that nobody may give can never be held by anybody. */
static void warn_creators(const struct compile *c) {
	uint32_t accounts = builtin_roles(c, POLICY_ACCOUNTS), given = 0;

	for (uint32_t i = 0; i < c->site.n_roles; ++i) {
		bool may = (accounts >> i & 1) != 0;
		uint32_t creates = c->p->settings.roles[i].creates;

		if (may)
			given |= creates;
		if (creates != 0 && !may)
			warn(&c->site_file.r, c->site.roles[i].item.line,
			     "role \"%s\" has creates but not careward.accounts; it can create nobody",
			     c->site.roles[i].name);
	}
	for (uint32_t i = 0; i < c->site.n_roles; ++i)
		if ((given >> i & 1) == 0)
			warn(&c->site_file.r, c->site.roles[i].item.line,
			     "no role may give the role \"%s\"; name it in a creates",
			     c->site.roles[i].name);
}

void check_policy(struct compile *c) {
	static void (*const checks[])(const struct compile *) = {
		warn_one_role_for_both, warn_all_therapy_is_care, warn_unreachable,
		warn_shared_seats,      warn_empty_roles,         warn_creators,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); ++i)
		checks[i](c);
	check_tokens(c);
}
