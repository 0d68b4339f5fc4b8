/* SPDX-License-Identifier: Apache-2.0 */

/* Approvals: fresh, shown, confirmed; where it is asked for, by two. */

#include <errno.h>
#include <string.h>

#include "auth/attempt-try.h"
#include "auth/row.h"

#define OWN_LEASE_MS 1000u

static const struct policy_action *action_of(const struct attempt *a) {
	const struct policy_table *t = &a->auth->policy->table;

	/* The policy may have changed since it began. */
	return a->approval.action < t->n_actions && a->approval.action < POLICY_ACTIONS_MAX
		       ? &t->actions[a->approval.action]
		       : NULL;
}

/* A state in which the person has just been proved like that. */
static void as_if_fresh(struct policy_state *state, enum cw_assurance assurance,
			const struct moment *now) {
	state->reauth_at = now->boot_ms == 0 ? 1 : now->boot_ms;
	if (state->reauth_assurance < assurance)
		state->reauth_assurance = (uint8_t)assurance;
	if (state->assurance < assurance)
		state->assurance = (uint8_t)assurance;
}

enum cw_reason approval_obstacle(const struct attempt *a, const struct moment *now,
				 bool *ret_is_fresh, enum cw_assurance *ret_need) {
	const struct policy_table *t = &a->auth->policy->table;
	uint32_t action = a->approval.action;
	struct policy_state state;
	enum cw_reason reason;

	seat_state(a->seat, t, now, OWN_LEASE_MS, &state);
	*ret_is_fresh = policy_decide(t, &state, action, now->boot_ms) == CW_CONFIRM;
	state.assurance = state.reauth_assurance = CW_ASSURANCE_NONE;
	for (enum cw_assurance need = CW_ASSURANCE_PASSWORD; need < CW_N_ASSURANCES; ++need) {
		*ret_need = need;
		as_if_fresh(&state, need, now);
		if (policy_decide(t, &state, action, now->boot_ms) == CW_CONFIRM)
			return CW_REASON_NONE;
	}
	*ret_is_fresh = false;
	reason = policy_reason(t, &state, action, now->boot_ms);
	return reason == CW_REASON_NONE ? CW_REASON_ROLE : reason;
}

enum attempt_event approval_refuse(struct attempt *a, const struct moment *now,
				   enum audit_outcome outcome, enum cw_reason reason,
				   const char *message) {
	struct person *second = a->second.is_proved ? &a->second : NULL;
	struct person *uncount = second ? second : a->first.is_proved ? &a->first : NULL;
	const struct policy_table *t = &a->auth->policy->table;
	struct journal_entry entry;
	int r;

	attempt_entry(a, NULL, now, EVENT_APPROVAL_REFUSED, outcome, &entry);
	entry.account = a->first.number;
	entry.target = second ? second->account.number : 0;
	entry.reason = (uint8_t)reason;
	entry.action = action_of(a) ? t->action_names[a->approval.action] : NULL;
	entry.object = a->approval.object[0] != '\0' ? a->approval.object : NULL;
	entry.detail = message;
	entry.text = a->reason[0] != '\0' ? a->reason : NULL;
	entry.has_digest = true;
	memcpy(entry.digest, a->approval.digest, sizeof(entry.digest));
	r = attempt_record(a, &entry, uncount, now);
	return r < 0 ? attempt_fail(a, r) : attempt_end(a, message);
}

/* Proved just now: that is a re-authentication of its own, with its own entry. */
static int note_reauth(struct attempt *a, const struct moment *now) {
	struct attempt_result result = { 0 };
	int r = attempt_commit(a, now);

	a->result = (struct attempt_result){ 0 }; /* the approval's is yet to come */
	if (r < 0)
		return r;
	result.success = ATTEMPT_YES;
	result.purpose = CW_PURPOSE_REAUTH;
	result_take_person(&result, &a->first);
	seat_reauth(a->seat, &result, now);
	return 0;
}

/* The first person has said yes: is a second one asked? */
static enum attempt_event after_yes(const struct attempt *a) {
	const struct policy_action *action = action_of(a);

	return action && action->confirm == CW_CONFIRM_SAME_PERSON ? ATTEMPT_EV_RIGHT
								   : ATTEMPT_EV_SECOND;
}

enum attempt_event start_confirm(struct attempt *a, const struct moment *now) {
	enum cw_assurance need = CW_ASSURANCE_NONE;
	bool is_fresh = false;
	enum cw_reason reason;
	int r = 0;

	if (a->first.is_proved)
		r = note_reauth(a, now);
	if (r < 0 && r != -ESTALE)
		return attempt_fail(a, r);
	if (r == -ESTALE || a->seat->session.number != a->session)
		return approval_refuse(a, now, OUTCOME_REFUSED, CW_REASON_OTHER_SESSION, "stale");
	reason = approval_obstacle(a, now, &is_fresh, &need);
	if (reason != CW_REASON_NONE || (!is_fresh && (!a->signs || a->first.is_proved)))
		return approval_refuse(a, now, OUTCOME_REFUSED,
				       reason == CW_REASON_NONE ? CW_REASON_STALE : reason,
				       "not-entitled");
	if (a->signs && a->first.is_proved)
		return after_yes(a);
	return attempt_ask(a, now, CW_FIELD_CONFIRM, false, "confirm", a->approval.words);
}

/* "yes", and nothing else, is yes. */
static bool is_yes(const struct secret *answer) {
	return answer->n == 3 && memcmp(answer->bytes, "yes", 3) == 0;
}

void attempt_take_reason(struct attempt *a, const uint8_t *p, size_t n) {
	cleanup_(secret_wipe) struct secret typed = { 0 };
	cleanup_(secret_wipe) struct secret text = { 0 };

	/* No secret, but a text like any other: normalised, without control characters. */
	if (!secret_set(&typed, p, n) || password_prepare(&typed, &text) < 0 ||
	    text.n >= sizeof(a->reason))
		return;
	memcpy(a->reason, text.bytes, text.n);
	a->reason[text.n] = '\0';
}

/* "no", and perhaps why. Said at another seat, it ends what was asked for there. */
static enum attempt_event refuse_unconfirmed(struct attempt *a, const struct moment *now) {
	enum attempt_event event;

	if (a->answer->n >= 4 && memcmp(a->answer->bytes, "no ", 3) == 0)
		attempt_take_reason(a, a->answer->bytes + 3, a->answer->n - 3);
	event = approval_refuse(a, now, OUTCOME_REFUSED, CW_REASON_CONFIRMATION, "not-confirmed");
	countersign_refused(a);
	return event;
}

enum attempt_event take_confirm(struct attempt *a, const struct moment *now) {
	a->has_answered = true;
	if (!is_yes(a->answer) || !action_of(a))
		return refuse_unconfirmed(a, now);
	return a->signs ? attempt_way_named(a) : after_yes(a);
}

/* The words were shown, and the token has signed them. */
enum attempt_event confirm_signed(struct attempt *a, const struct moment *now) {
	return a->who == &a->second ? ATTEMPT_EV_RIGHT : start_confirm(a, now);
}

/* The first person's yes holds for as long as it is fresh, and no longer. */
static uint64_t fresh_until(const struct attempt *a) {
	uint64_t since = a->seat->session.reauth_ms, fresh = action_of(a)->fresh_ms;

	return since > UINT64_MAX - fresh ? UINT64_MAX : since + fresh;
}

enum attempt_event ask_second(struct attempt *a, const struct moment *now) {
	enum attempt_event event;

	if (a->who == &a->first) {
		a->held = (struct held){ 0 }; /* the first person's */
		a->asked_at = *now;
	}
	a->who = &a->second;
	event = attempt_ask(a, now, CW_FIELD_NAME, false, "ask-second-name", NULL);
	if (action_of(a) && action_of(a)->fresh_ms > 0)
		a->deadline_ms = fresh_until(a);
	return event;
}

enum attempt_event take_second(struct attempt *a, const struct moment *now) {
	(void)now;
	person_take_name(a, &a->second);
	return attempt_way_named(a);
}

/* Would the second person be let do it alone, but for the confirmation? */
enum cw_reason second_obstacle(const struct attempt *a, const struct account *second,
			       enum cw_assurance assurance, const struct moment *now) {
	const struct policy_table *t = &a->auth->policy->table;
	struct policy_state state;

	seat_state(approval_seat(a), t, now, OWN_LEASE_MS, &state);
	state.account = second->number;
	state.roles = seat_role_bits(t, second->roles, second->n_roles);
	state.assurance = (uint8_t)assurance;
	state.reauth_assurance = (uint8_t)assurance;
	state.reauth_at = now->boot_ms == 0 ? 1 : now->boot_ms;
	if (policy_decide(t, &state, a->approval.action, now->boot_ms) == CW_CONFIRM)
		return CW_REASON_NONE;
	return policy_reason(t, &state, a->approval.action, now->boot_ms);
}

enum attempt_event second_proved(struct attempt *a, const struct moment *now) {
	enum cw_reason reason;

	if (person_must_change(a, &a->second, now))
		return approval_refuse(a, now, OUTCOME_REFUSED, CW_REASON_ASSURANCE,
				       "second-must-change");
	if (a->second.account.number == a->first.number)
		return approval_refuse(a, now, OUTCOME_REFUSED, CW_REASON_CONFIRMATION,
				       "same-person");
	if (approval_pair(a->auth->store, a->first.number, a->second.account.number) < 0)
		return approval_refuse(a, now, OUTCOME_REFUSED, CW_REASON_CONFIRMATION, "paired");
	reason = second_obstacle(a, &a->second.account, a->second.assurance, now);
	if (reason != CW_REASON_NONE)
		return approval_refuse(a, now, OUTCOME_REFUSED, reason, "not-entitled");
	/* Read before it was signed; whoever gives a password reads and confirms now. */
	return a->has_read && person_uses_token(&a->second) ? ATTEMPT_EV_APPROVED
							    : ATTEMPT_EV_SECOND_PROVED;
}

enum attempt_event ask_second_confirm(struct attempt *a, const struct moment *now) {
	return attempt_ask(a, now, CW_FIELD_CONFIRM, false, "confirm-second", a->approval.words);
}

enum attempt_event take_second_confirm(struct attempt *a, const struct moment *now) {
	return is_yes(a->answer) ? ATTEMPT_EV_RIGHT : refuse_unconfirmed(a, now);
}

enum attempt_event take_second_reads(struct attempt *a, const struct moment *now) {
	if (!is_yes(a->answer))
		return refuse_unconfirmed(a, now);
	a->has_read = true;
	a->read_by = a->second.is_known ? a->second.account.number : 0;
	return after_look(a);
}

/*
 * Giving
 */

/* Is the second person, some prompts later, still the one who was proved? */
static int second_again(struct attempt *a, const struct moment *now) {
	int r;

	if (a->who != &a->second)
		return 0;
	if (!a->second.is_proved)
		return -EPERM;
	r = person_again(a, &a->second);
	if (r < 0)
		return r == -ESTALE ? -EPERM : r;
	if (person_trouble(a, &a->second, now) ||
	    second_obstacle(a, &a->second.account, a->second.assurance, now) != CW_REASON_NONE)
		return -EPERM;
	r = person_store_counter(a, &a->second, now);
	if (r < 0)
		return r == -ESTALE ? -EPERM : r;
	return lockout_clear(a->auth->store, &a->second.key);
}

static int give_rows(struct attempt *a, const struct moment *now) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	uint32_t second = a->who == &a->second ? a->second.account.number : 0;
	struct receipt_signature *signatures = a->signatures;
	struct attempt *asked = approval_asked(a);
	struct store *store = a->auth->store;
	size_t n = 0;
	int r;

	if (!approval_holds(a, now) || (a->asked && !attempt_is_open(asked, now, NULL)))
		return -EPERM;
	signatures[0] = asked->signatures[0];
	if (asked->signs && signatures[0].person != 1)
		return -EPERM;
	if (person_uses_token(&a->second) && signatures[1].person != 2)
		return -EPERM;
	for (size_t i = 0; i < RECEIPT_PERSONS; ++i)
		if (signatures[i].person != 0)
			signatures[n++] = signatures[i];
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = second_again(a, now);
	if (r == 0)
		r = approval_give(store, a->auth->policy, asked->seat, &asked->actor,
				  &asked->approval, asked->nonce, second, a->second.assurance,
				  a->asked ? (uint8_t)(a->seat->index + 1) : 0, signatures, n, now,
				  a->result.receipt, &a->result.n_receipt);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

enum attempt_event give(struct attempt *a, const struct moment *now) {
	int r = give_rows(a, now);

	if (r < 0)
		a->result = (struct attempt_result){ 0 };
	if (r == -EPERM)
		return approval_refuse(a, now, OUTCOME_REFUSED, CW_REASON_OTHER_SESSION, "stale");
	if (r < 0)
		return attempt_fail(a, r);
	a->second.is_counted = false;
	a->result.message = "approved";
	a->result.success = ATTEMPT_YES;
	if (a->asked)
		countersign_given(a);
	return ATTEMPT_EV_NONE;
}
