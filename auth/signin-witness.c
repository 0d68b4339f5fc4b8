/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A witness: a second person who could do it, too, checks a care action
 *
 * Whoever says so is somebody else, may do it by role, and is proved as well as
 * the context asks of care. Who made whose account is not looked at: this is a
 * second pair of eyes, not a second signature, and care is not kept waiting.
 */

#include <errno.h>
#include <string.h>

#include "auth/attempt-try.h"
#include "auth/copy.h"
#include "auth/row.h"

#define OWN_LEASE_MS 1000u

/* The action, in the policy as it is now. NULL: it asks for no witness any more. */
static const struct policy_action *action_of(const struct attempt *a) {
	const struct policy_table *t = &a->auth->policy->table;
	uint32_t action = a->witness.action;

	if (action >= t->n_actions || action >= POLICY_ACTIONS_MAX)
		return NULL;
	return t->actions[action].kind == CW_KIND_CARE && t->actions[action].witness
		       ? &t->actions[action]
		       : NULL;
}

int witness_take(struct attempt *a, const struct witness_request *request) {
	if (!request || strnlen(request->object, LIMIT_OBJECT) == LIMIT_OBJECT)
		return -EINVAL;
	a->witness = *request;
	return action_of(a) ? 0 : -EINVAL;
}

static void witness_entry(const struct attempt *a, const struct person *person,
			  const struct moment *now, enum audit_outcome outcome,
			  struct journal_entry *entry) {
	const struct policy_table *t = &a->auth->policy->table;

	attempt_entry(a, person, now, EVENT_WITNESS, outcome, entry);
	entry->target = a->seat->session.account;
	entry->object = a->witness.object[0] != '\0' ? a->witness.object : NULL;
	entry->context = seat_context(a->seat, t, now);
	if (a->witness.action < t->n_actions && a->witness.action < POLICY_ACTIONS_MAX)
		entry->action = t->action_names[a->witness.action];
}

/* NULL: this person may be the witness. */
static const char *obstacle(const struct attempt *a, const struct moment *now) {
	const struct policy_table *t = &a->auth->policy->table;
	const struct account *person = &a->first.account;
	struct policy_state state;
	enum cw_verdict v;

	if (!action_of(a))
		return "not-entitled";
	if (person->number == a->seat->session.account)
		return "same-person";
	/* As if it were this person's session, with the witness there already. */
	seat_state(a->seat, t, now, OWN_LEASE_MS, &state);
	state.account = person->number;
	state.roles = seat_role_bits(t, person->roles, person->n_roles);
	state.assurance = (uint8_t)a->first.assurance;
	state.emergency = 0;
	state.witnessed = 1;
	state.confirmed = (uint16_t)(a->witness.action + 1);
	v = policy_decide(t, &state, a->witness.action, now->boot_ms);
	return v == CW_ALLOW ? NULL : v == CW_REAUTH ? "witness-too-weak" : "not-entitled";
}

enum attempt_event witness_proved(struct attempt *a, const struct moment *now) {
	const char *why = obstacle(a, now);
	struct journal_entry entry;
	char detail[LIMIT_NAME];
	int r;

	if (!why && !person_must_change(a, &a->first, now))
		return ATTEMPT_EV_RIGHT;
	if (!why)
		why = "second-must-change";
	(void)snprintf(detail, sizeof(detail), "why=%s", why);
	witness_entry(a, &a->first, now, OUTCOME_REFUSED, &entry);
	entry.detail = detail;
	r = attempt_record(a, &entry, &a->first, now);
	return r < 0 ? attempt_fail(a, r) : attempt_end(a, why);
}

int finish_witness(struct attempt *a, const struct moment *now) {
	struct witness *w = &a->result.witness;
	struct journal_entry entry;
	char detail[LIMIT_NAME];

	if (obstacle(a, now) || a->seat->session.lock != SEAT_UNLOCKED)
		return -ESTALE;
	a->result.purpose = CW_PURPOSE_WITNESS;
	*w = (struct witness){
		.action = a->witness.action + 1,
		.account = a->first.account.number,
		.session = a->session,
		.generation = a->auth->policy->table.generation,
	};
	text_copy(w->object, sizeof(w->object), a->witness.object);
	witness_entry(a, &a->first, now, OUTCOME_OK, &entry);
	if (person_detail(&a->first, detail))
		entry.detail = detail;
	return journal_append(a->auth->store, &entry);
}
