/* SPDX-License-Identifier: Apache-2.0 */

/* The code of a badge, and how every enrolment ends: one row, one entry, or a refusal. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/attempt-enrol.h"
#include "auth/row.h"

static bool is_own(const struct attempt *a) {
	return a->first.number == a->actor.account;
}

/*
 * Refused, cancelled
 */

static int record(struct attempt *a, const struct moment *now, enum audit_outcome outcome,
		  const char *why) {
	const struct policy_table *t = &a->auth->policy->table;
	struct journal_entry entry;
	char detail[LIMIT_TEXT];

	(void)snprintf(detail, sizeof(detail), "factor=%s why=%s",
		       token_factor_name(a->held.factor), why);
	attempt_entry(a, NULL, now, EVENT_DENIED, outcome, &entry);
	entry.account = a->actor.account;
	entry.assurance = a->actor.assurance;
	entry.factor = a->actor.factor;
	entry.session = a->session;
	entry.target = a->first.number;
	entry.action = t->action_names[policy_builtin_index(t, POLICY_ENROL)];
	entry.detail = detail;
	return attempt_record(a, &entry, NULL, now);
}

enum attempt_event enrol_refuse(struct attempt *a, const struct moment *now, const char *why,
				const char *message) {
	int r = record(a, now, OUTCOME_REFUSED, why);

	return r < 0 ? attempt_fail(a, r) : attempt_end(a, message);
}

/* A prompt that nobody answered at all leaves no record. */
static enum attempt_event give_up(struct attempt *a, const struct moment *now, const char *why) {
	int r = a->has_answered ? record(a, now, OUTCOME_CANCELLED, why) : 0;

	return r < 0 ? attempt_fail(a, r) : attempt_end(a, why);
}

enum attempt_event enrol_cancel(struct attempt *a, const struct moment *now) {
	return give_up(a, now, "cancelled");
}

enum attempt_event enrol_timeout(struct attempt *a, const struct moment *now) {
	return give_up(a, now, "timed-out");
}

/*
 * A code
 */

static const char *const faults[CODE_N_FAULTS] = {
	[CODE_OFF] = "code-off",
	[CODE_LENGTH] = "code-length",
	[CODE_DIGITS] = "code-digits",
	[CODE_TRIVIAL] = "code-trivial",
	[CODE_LIKE_BADGE] = "code-like-badge",
};

enum attempt_event enrol_ask_code(struct attempt *a, const struct moment *now) {
	return attempt_ask(a, now, CW_FIELD_CODE, true, "ask-new-code", NULL);
}

static enum attempt_event fault(struct attempt *a, const char *message) {
	secret_wipe(&a->candidate);
	return attempt_again(a, message, ATTEMPT_EV_FAULT);
}

struct code_to_check {
	const struct badge_rules *rules;
	const struct secret *code;
	enum code_fault fault;
};

static int check_badge(const struct token *token, void *userdata) {
	struct code_to_check *check = userdata;

	if (token->factor == CW_FACTOR_BADGE && !token->disabled)
		check->fault = code_check(check->rules, check->code, token->badge, token->n_badge);
	return check->fault != CODE_GOOD;
}

enum attempt_event enrol_take_code(struct attempt *a, const struct moment *now) {
	const struct badge_rules *rules = &a->auth->policy->settings.tokens.badge;
	struct code_to_check check = { .rules = rules, .code = a->answer };
	int r;

	a->has_answered = true;
	check.fault = code_check(rules, a->answer, NULL, 0);
	if (check.fault == CODE_GOOD) {
		r = token_list(a->auth->store, a->first.number, check_badge, &check);
		if (r < 0)
			return attempt_fail(a, r);
	}
	if (check.fault != CODE_GOOD)
		return fault(a, faults[check.fault]);
	a->candidate = *a->answer;
	return attempt_ask(a, now, CW_FIELD_CODE, true, "ask-new-code-again", NULL);
}

/* In time that does not depend on where they differ. */
static bool is_same(const struct secret *p, const struct secret *q) {
	volatile uint8_t difference = p->n != q->n;

	for (size_t i = 0; i < sizeof(p->bytes); ++i)
		difference |= (uint8_t)(p->bytes[i] ^ q->bytes[i]);
	return difference == 0;
}

enum attempt_event enrol_take_again(struct attempt *a, const struct moment *now) {
	const struct password_rules *rules = &a->auth->policy->settings.passwords;
	struct password_job *job = &a->job;

	(void)now;
	if (!is_same(a->answer, &a->candidate))
		return fault(a, "code-differs");
	explicit_bzero(job, sizeof(*job));
	job->kind = PASSWORD_JOB_MAKE;
	job->candidate = a->candidate;
	job->cost = (struct argon2_cost){
		.memory_kib = rules->argon2_memory_kib,
		.passes = rules->argon2_passes,
		.lanes = 1,
	};
	if (a->auth->random(job->salt, sizeof(job->salt)) < 0)
		return fault(a, "failed");
	a->want = ATTEMPT_HASH;
	return ATTEMPT_EV_NONE;
}

enum attempt_event enrol_judge_code(struct attempt *a, const struct moment *now) {
	(void)now;
	secret_wipe(&a->candidate);
	if (a->job.error != 0 || a->job.is_made != PASSWORD_YES)
		return fault(a, "failed");
	a->enrol.token.code = a->job.made;
	return ATTEMPT_EV_RIGHT;
}

enum attempt_event enrol_busy(struct attempt *a, const struct moment *now) {
	secret_wipe(&a->candidate);
	explicit_bzero(&a->job, sizeof(a->job));
	a->fault = "busy";
	return enrol_ask_code(a, now);
}

/*
 * The end
 */

/* It takes a while: is it still the same person's session, and may he still? */
static bool is_permitted(const struct attempt *a, const struct moment *now) {
	const struct policy_table *t = &a->auth->policy->table;
	enum cw_reason reason = CW_REASON_NONE;

	if (a->seat->session.number == 0 || a->seat->session.number != a->session ||
	    a->seat->session.lock != SEAT_UNLOCKED ||
	    a->seat->session.account != a->actor.account)
		return false;
	if (is_own(a))
		return a->held.factor == CW_FACTOR_CODE &&
		       a->seat->session.assurance >= CW_ASSURANCE_PASSWORD;
	return seat_decide(a->seat, t, policy_builtin_index(t, POLICY_ENROL), now, &reason) ==
	       CW_ALLOW;
}

/* An account has one code: it is given anew, and its tries begin anew. */
static int store_code(struct attempt *a, const struct actor *actor, const struct moment *now,
		      struct token *token) {
	enum audit_event event = EVENT_TOKEN_ENROLLED;
	struct verifier made = token->code;
	struct token old;
	int r;

	r = token_code(a->auth->store, token->account, &old);
	if (r == 0) {
		if (is_own(a) && !old.disabled)
			event = EVENT_CODE_CHANGED;
		else if (token->label[0] != '\0')
			memcpy(old.label, token->label, sizeof(old.label));
		*token = old;
		token->disabled = false;
		token->code = made;
	}
	explicit_bzero(&old, sizeof(old));
	explicit_bzero(&made, sizeof(made));
	if (r < 0 && r != -ENOENT)
		return r;
	r = lockout_clear_account(a->auth->store, token->account, CW_FACTOR_CODE);
	return r < 0 ? r : token_store(a->auth->store, actor, now, event, token);
}

static int store_token(struct attempt *a, const struct moment *now) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct actor actor = a->actor;
	struct token *token = &a->enrol.token;
	int r;

	actor.session = a->session;
	r = store_begin(a->auth->store);
	if (r < 0)
		return r;
	transaction = a->auth->store;
	r = token->factor == CW_FACTOR_CODE
		    ? store_code(a, &actor, now, token)
		    : token_store(a->auth->store, &actor, now, EVENT_TOKEN_ENROLLED, token);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(a->auth->store);
}

static const struct {
	int error;
	const char *why;
	const char *message;
} refusals[] = {
	{ -EEXIST, "taken", "token-taken" },
	{ -EDQUOT, "too-many", "too-many-tokens" },
	{ -ESTALE, "changed-meanwhile", "stale" },
	{ -EINVAL, "invalid", "enrol-refused" },
};

enum attempt_event enrol_finish(struct attempt *a, const struct moment *now) {
	int r;

	if (!is_permitted(a, now))
		return enrol_refuse(a, now, "not-entitled", "stale");
	r = store_token(a, now);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); ++i)
		if (refusals[i].error == r)
			return enrol_refuse(a, now, refusals[i].why, refusals[i].message);
	if (r < 0)
		return attempt_fail(a, r);
	a->result = (struct attempt_result){
		.purpose = CW_PURPOSE_ENROL,
		.account = a->first.account,
		.token = a->enrol.token.number,
		.message = "enrolled",
	};
	/* Durable, and only now. */
	a->result.success = ATTEMPT_YES;
	return ATTEMPT_EV_NONE;
}

/* Nobody is proved on this route: the last step of the others leads nowhere. */
int finish_enrol(struct attempt *a, const struct moment *now) {
	(void)a;
	(void)now;
	return -ESTALE;
}
