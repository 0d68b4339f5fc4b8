/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/compile.h"

#include <errno.h>
#include <string.h>

#include <careward/result.h>

#include "policy/names.h"

static const struct parsed_action builtins[POLICY_N_BUILTINS] = {
	[POLICY_ACCOUNTS] = { .kind = CW_KIND_GUARDED },
	[POLICY_ENROL] = { .kind = CW_KIND_GUARDED },
	[POLICY_CONFIG] = { .kind = CW_KIND_SENSITIVE },
	[POLICY_REVIEW] = { .kind = CW_KIND_GUARDED },
	[POLICY_HISTORY] = { .kind = CW_KIND_GUARDED },
	[POLICY_EXPORT] = { .kind = CW_KIND_GUARDED },
	[POLICY_RECOVER] = { .kind = CW_KIND_SENSITIVE },
};

static void compile_seats(struct compile *c) {
	struct policy_table *t = &c->p->table;

	for (uint32_t i = 0; i < c->device.n_seats; ++i) {
		const struct parsed_seat *seat = &c->device.seats[i];
		int other = policy_seat_index(t, seat->rules.name);

		if (other >= 0 && seat->rules.name[0])
			refuse(&c->device_file.r, seat->item.line,
			       "seat \"%s\" stands here for the second time; rename one",
			       seat->rules.name);
		memcpy(t->seat_names[i], seat->rules.name, POLICY_NAME_SIZE);
		c->p->settings.seats[i] = seat->rules;
		t->n_seats = c->p->settings.n_seats = i + 1;
	}
}

static void compile_signal(struct compile *c, uint32_t i) {
	const struct parsed_signal *signal = &c->device.signals[i];
	const struct reader *r = &c->device_file.r;
	struct policy_table *t = &c->p->table;
	int seat = policy_seat_index(t, signal->seat);

	if (policy_signal_index(t, signal->name) >= 0 && signal->name[0])
		refuse(r, signal->item.line, "signal \"%s\" stands here for the second time; keep one",
		       signal->name);
	if (seat < 0 && signal->seat[0])
		refuse(r, signal->item.line, "unknown seat \"%s\"; seats lists them" NEAREST_FORMAT,
		       signal->seat,
		       NEAREST_ARGS(policy_nearest(signal->seat, t->seat_names, t->n_seats)));
	memcpy(t->signal_names[i], signal->name, POLICY_NAME_SIZE);
	t->signals[i].ttl_ms = signal->ttl_ms;
	t->signals[i].seat = seat < 0 ? 0 : (uint8_t)seat;
	t->n_signals = i + 1;
}

static void compile_patient(struct compile *c) {
	struct policy_table *t = &c->p->table;
	const char *name = c->device.patient;
	int signal = policy_signal_index(t, name);

	if (!name[0])
		return;
	if (signal < 0)
		refuse(&c->device_file.r, 0, "patient names the unknown signal \"%s\"; signals lists "
		       "them" NEAREST_FORMAT, name,
		       NEAREST_ARGS(policy_nearest(name, t->signal_names, t->n_signals)));
	else
		t->patient_signal = (uint32_t)signal + 1;
}

static bool is_careward(const char *name) {
	return strncmp(name, "careward.", strlen("careward.")) == 0;
}

/* The device's own actions, in the order of the file. */
static void compile_own_actions(struct compile *c) {
	const uint32_t most = POLICY_ACTIONS_MAX - POLICY_N_BUILTINS;
	const struct reader *r = &c->device_file.r;
	struct policy_table *t = &c->p->table;

	for (uint32_t i = 0; i < c->device.n_actions; ++i) {
		const struct parsed_action *a = &c->device.actions[i];
		uint32_t n = t->n_actions;
		int other = policy_action_index(t, a->name);

		if (is_careward(a->name) || !a->name[0])
			continue;
		if (other >= 0) {
			refuse(r, a->item.line, "action \"%s\" stands here for the second time; "
			       "the first is on line %u", a->name, c->line_of_action[other]);
			continue;
		}
		if (n >= most) {
			refuse(r, a->item.line, "more actions than POLICY_ACTIONS_MAX (%u) less the "
			       "%u built-in ones", POLICY_ACTIONS_MAX, (unsigned)POLICY_N_BUILTINS);
			return;
		}
		memcpy(t->action_names[n], a->name, POLICY_NAME_SIZE);
		c->line_of_action[n] = a->item.line;
		t->n_actions = n + 1;
		compile_action(c, &c->device_file, a, n);
	}
}

static void compile_builtins(struct compile *c) {
	struct policy_table *t = &c->p->table;

	for (uint32_t i = 0; i < POLICY_N_BUILTINS; ++i) {
		uint32_t n = t->n_actions++;

		(void)strncpy(t->action_names[n], policy_builtin_names[i], POLICY_NAME_SIZE - 1);
		compile_action(c, &c->device_file, &builtins[i], n);
		t->actions[n].assurance = CW_ASSURANCE_PASSWORD;
	}
}

/* Built-in actions that device.cfg makes stricter. */
static void raise_builtins(struct compile *c) {
	const struct reader *r = &c->device_file.r;
	struct policy_table *t = &c->p->table;

	for (uint32_t i = 0; i < c->device.n_actions; ++i) {
		const struct parsed_action *a = &c->device.actions[i];
		int action = policy_action_index(t, a->name);

		if (!is_careward(a->name))
			continue;
		if (action < 0) {
			uint32_t first = policy_builtin_index(t, 0);

			refuse(r, a->item.line, "unknown action \"%s\"; names that begin with careward. "
			       "are Careward's own" NEAREST_FORMAT, a->name,
			       NEAREST_ARGS(policy_nearest(a->name, t->action_names + first,
			                                   POLICY_N_BUILTINS)));
			continue;
		}
		if (c->line_of_action[action]) {
			refuse(r, a->item.line, "action \"%s\" stands here for the second time; "
			       "the first is on line %u", a->name, c->line_of_action[action]);
			continue;
		}
		c->line_of_action[action] = a->item.line;
		compile_action(c, &c->device_file, a, (uint32_t)action);
	}
}

void compile_device(struct compile *c) {
	struct policy_settings *s = &c->p->settings;

	memcpy(s->device_model, c->device.device.model, sizeof(s->device_model));
	memcpy(s->device_maker, c->device.device.maker, sizeof(s->device_maker));
	s->isolation_required = c->device.device.isolation != 0;
	compile_seats(c);
	compile_readers(c);
	for (uint32_t i = 0; i < c->device.n_signals; ++i)
		compile_signal(c, i);
	compile_patient(c);
	compile_own_actions(c);
	compile_builtins(c);
	raise_builtins(c);
}
