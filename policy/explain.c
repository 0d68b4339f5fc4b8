/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/explain.h"

#include <errno.h>
#include <string.h>

#include "policy/decide.h"

/* Times of the seat that is made up: nothing is old, nothing runs out. */
#define NOW_MS 1000000u
#define LATER_MS (NOW_MS + 3600000u)

/* Bits below @n. */
static uint32_t mask(uint32_t n) {
	return n >= 32 ? 0xffffffffu : (1u << n) - 1;
}

static struct policy_state make_seat(const struct policy *p, const struct policy_question *q) {
	const struct policy_action *a = &p->table.actions[q->action];
	struct policy_state s = {
		.policy_generation = p->table.generation,
		.lease_until = LATER_MS,
		.signals_until = LATER_MS,
		.true_now = q->true_now,
		.false_now = q->false_now,
		.true_later = q->true_now,
		.false_later = q->false_now,
		.emergency = q->emergency,
	};

	if (q->emergency)
		s.emergency_id[0] = 1;
	if (q->confirmed || q->witnessed) {
		s.confirmed = (uint16_t)(q->action + 1);
		s.confirmed_how = q->confirmed ? a->confirm : 0;
		s.witnessed = q->witnessed;
	}
	if (!q->signed_in)
		return s;
	s.session = 1;
	s.account = 1;
	s.roles = q->roles;
	s.assurance = q->assurance;
	s.lock_at = LATER_MS;
	if (q->fresh) {
		s.reauth_at = NOW_MS;
		s.reauth_assurance = q->assurance;
	}
	return s;
}

/* What the action asks for while this context is in force. */
static uint8_t needs(const struct policy_action *a, const struct policy_context *context) {
	switch ((enum cw_kind)a->kind) {
	case CW_KIND_CARE:
		return context->care;
	case CW_KIND_GUARDED:
	case CW_KIND_SENSITIVE:
		return a->assurance > context->guarded ? a->assurance : context->guarded;
	case CW_KIND_NONE:
	case CW_KIND_ALWAYS:
	case CW_N_KINDS:
		break;
	}
	return CW_ASSURANCE_NONE;
}

static void explain_roles(const struct policy *p, const struct policy_question *q,
                          struct policy_explanation *e) {
	e->roles_granting = e->action.roles;
	e->roles_of_person = e->action.roles & q->roles;
	for (uint32_t i = 0; i < p->table.n_roles; ++i)
		if (e->action.roles >> i & 1)
			e->through[i] = p->settings.roles[i].inherits & e->action.roles &
			                ~(1u << i);
}

int policy_explain(const struct policy *policy, const struct policy_question *question,
                   struct policy_explanation *ret_explanation) {
	const struct policy_table *t = &policy->table;
	struct policy_explanation e = { .verdict = CW_DENY };
	struct policy_state seat;
	uint32_t in_force;

	if (question->action >= t->n_actions || (question->roles & ~mask(t->n_roles)) ||
	    ((question->true_now | question->false_now) & ~mask(t->n_signals)) ||
	    (question->true_now & question->false_now) || question->assurance >= CW_N_ASSURANCES)
		return -EINVAL;

	e.action = t->actions[question->action];
	explain_roles(policy, question, &e);
	e.signals_missing = (e.action.when_true & ~question->true_now) |
	                    (e.action.when_false & ~question->false_now);

	seat = make_seat(policy, question);
	in_force = policy_contexts(t, question->true_now, question->false_now);
	seat.contexts_now = seat.contexts_later = in_force;
	e.verdict = policy_decide(t, &seat, question->action, NOW_MS);
	e.reason = policy_reason(t, &seat, question->action, NOW_MS);

	e.n_contexts = t->n_contexts;
	for (uint32_t i = 0; i < t->n_contexts; ++i) {
		seat.contexts_now = seat.contexts_later = 1u << i;
		e.contexts[i].in_force = (in_force >> i & 1) != 0;
		e.contexts[i].needs = needs(&e.action, &t->contexts[i]);
		e.contexts[i].verdict = policy_decide(t, &seat, question->action, NOW_MS);
		e.contexts[i].reason = policy_reason(t, &seat, question->action, NOW_MS);
	}
	*ret_explanation = e;
	return 0;
}
