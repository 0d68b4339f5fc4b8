/* SPDX-License-Identifier: Apache-2.0 */

/* Attempts: what the broker calls, and the step through the table. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/attempt-enrol.h"
#include "auth/copy.h"
#include "auth/entry.h"
#include "auth/row.h"

/* Actions that may follow each other without waiting; more would be a circle. */
#define STEPS_MAX 8u

/*
 * What actions share
 */

enum attempt_event attempt_ask(struct attempt *a, const struct moment *now, enum cw_field field,
			       bool is_secret, const char *message, const char *text) {
	uint64_t wait_ms = (uint64_t)a->auth->policy->settings.prompt_timeout_s * 1000;

	a->prompt = (struct attempt_prompt){
		.field = field,
		.is_secret = is_secret,
		.message = a->fault ? a->fault : message,
		.tries_left = TRIES_UNKNOWN,
	};
	if (text)
		(void)strncpy(a->prompt.text, text, sizeof(a->prompt.text) - 1);
	a->fault = NULL;
	a->want = ATTEMPT_ANSWER;
	a->deadline_ms = now->boot_ms > UINT64_MAX - wait_ms ? UINT64_MAX : now->boot_ms + wait_ms;
	return ATTEMPT_EV_NONE;
}

enum attempt_event attempt_again(struct attempt *a, const char *message, enum attempt_event event) {
	a->fault = message;
	return ++a->n_faults < ATTEMPT_FAULTS_MAX ? event : ATTEMPT_EV_CANCEL;
}

enum attempt_event attempt_end(struct attempt *a, const char *message) {
	a->result.message = message;
	return ATTEMPT_EV_REFUSED;
}

enum attempt_event attempt_fail(struct attempt *a, int error) {
	a->error = error == -EBADMSG || error == -ENOMEM ? -EIO : error;
	return attempt_end(a, "not-recorded");
}

void attempt_entry(const struct attempt *a, const struct person *person, const struct moment *now,
		   enum audit_event event, enum audit_outcome outcome,
		   struct journal_entry *ret_entry) {
	flow_entry(ret_entry, a->seat, &a->actor, now, event, outcome);
	if (a->auth->not_isolated)
		ret_entry->flags |= ENTRY_NOT_ISOLATED;
	ret_entry->account = 0;
	ret_entry->assurance = CW_ASSURANCE_NONE;
	ret_entry->factor = CW_FACTOR_NONE;
	if (!a->route->needs_session)
		ret_entry->session = 0;
	if (!person)
		return;
	ret_entry->factor = (uint8_t)person->key.factor;
	if (person->is_known)
		ret_entry->account = person->account.number;
	else if (person->by_number)
		ret_entry->account = person->number;
	if (!person->by_number && person->name[0] != '\0' && outcome != OUTCOME_OK)
		ret_entry->name = person->name;
	if (outcome == OUTCOME_OK)
		ret_entry->assurance = (uint8_t)person->assurance;
	else if (!person->is_proved && ret_entry->account != 0)
		ret_entry->flags |= ENTRY_CLAIMED;
}

int attempt_record(struct attempt *a, struct journal_entry *entry, struct person *uncount,
		   const struct moment *now) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct store *store = a->auth->store;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	if (uncount && uncount->is_counted) {
		r = lockout_uncount(store, &a->auth->policy->settings.lockout, &uncount->key, now);
		/* A damaged row takes nothing back; it must not hide the record. */
		if (r < 0 && r != -EBADMSG)
			return r;
	}
	r = journal_append(store, entry);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	r = store_commit(store);
	if (r == 0 && uncount)
		uncount->is_counted = false;
	return r;
}

/*
 * Stepping
 */

static void person_wipe(struct person *person) {
	explicit_bzero(&person->password, sizeof(person->password));
	explicit_bzero(&person->token, sizeof(person->token));
	person->has_password = false;
}

/* Over: secrets go. The job stays: the worker may still hold it. */
void attempt_close(struct attempt *a) {
	bool is_hashing = a->want == ATTEMPT_HASH;
	char reason[LIMIT_TEXT];

	memcpy(reason, a->result.reason, sizeof(reason));
	a->state = ATTEMPT_ST_OVER;
	a->want = ATTEMPT_OVER;
	a->deadline_ms = UINT64_MAX;
	a->asked = NULL;
	secret_wipe(&a->old);
	secret_wipe(&a->candidate);
	explicit_bzero(&a->made, sizeof(a->made));
	person_wipe(&a->first);
	person_wipe(&a->second);
	explicit_bzero(&a->held, sizeof(a->held));
	explicit_bzero(&a->token, sizeof(a->token));
	explicit_bzero(&a->enrol, sizeof(a->enrol));
	if (!is_hashing)
		explicit_bzero(&a->job, sizeof(a->job));
	explicit_bzero(&a->prompt, sizeof(a->prompt));
	/* Who did not succeed carries nothing away but why. */
	if (a->result.success != ATTEMPT_YES)
		a->result = (struct attempt_result){
			.purpose = a->route->row.purpose,
			.message = a->result.message ? a->result.message : "failed",
			.wait_ms = a->result.wait_ms,
		};
	if (a->result.success != ATTEMPT_YES)
		text_copy(a->result.reason, sizeof(a->result.reason), reason);
}

static bool is_given_back(enum attempt_event event) {
	return event == ATTEMPT_EV_HASHED || event == ATTEMPT_EV_BUSY ||
	       event == ATTEMPT_EV_FOUND || event == ATTEMPT_EV_SIGNED ||
	       event == ATTEMPT_EV_TOKEN_FAILED;
}

/* Return: 0; -EPROTO (nothing like that is foreseen here); what the store returned. */
static int step(struct attempt *a, enum attempt_event event, const struct moment *now) {
	bool is_foreseen = attempt_cell(a->state, event)->action != NULL;

	a->error = 0;
	for (unsigned i = 0; i < STEPS_MAX && event != ATTEMPT_EV_NONE; ++i) {
		const struct attempt_cell *cell = attempt_cell(a->state, event);

		a->state = cell->next;
		if (!cell->action)
			break;
		if (is_given_back(event))
			a->want = ATTEMPT_OVER; /* the worker or the helper is done */
		event = cell->action(a, now);
		if (event == ATTEMPT_EV_NONE && a->state != ATTEMPT_ST_OVER)
			return 0;
	}
	attempt_close(a);
	return a->error < 0 ? a->error : is_foreseen ? 0 : -EPROTO;
}

/*
 * What the broker calls
 */

static int check_session(const struct route *route, const struct seat *seat) {
	if (route->needs_session && seat->session.number == 0)
		return -ENOENT;
	if (route->needs_unlocked && seat->session.lock != SEAT_UNLOCKED)
		return -ENOENT;
	return 0;
}

static int take_approval(struct attempt *a, const struct approval_request *approval) {
	const struct policy_table *t = &a->auth->policy->table;
	const struct policy_action *action;

	if (approval->action >= t->n_actions || approval->action >= POLICY_ACTIONS_MAX)
		return -EINVAL;
	action = &t->actions[approval->action];
	if (action->kind != CW_KIND_SENSITIVE && action->confirm == CW_CONFIRM_NONE)
		return -EINVAL;
	if (strnlen(approval->object, LIMIT_OBJECT) == LIMIT_OBJECT ||
	    strnlen(approval->words, LIMIT_WORDS) == LIMIT_WORDS)
		return -EINVAL;
	a->approval = *approval;
	a->has_approval = true;
	return a->auth->random(a->nonce, sizeof(a->nonce));
}

/* A name that is none is nobody's: it goes the way of the unknown. */
static void take_claim(struct attempt *a, const char *name) {
	if (account_normalise(name, strlen(name), a->first.name) < 0)
		a->first.name[0] = '\0';
	a->first.is_named = true;
	a->has_answered = true;
}

static enum attempt_event begin_approval(struct attempt *a, const struct attempt_request *request,
					 const struct moment *now) {
	enum cw_assurance need = CW_ASSURANCE_NONE;
	bool is_fresh = false;
	enum cw_reason reason = approval_obstacle(a, now, &is_fresh, &need);
	enum attempt_event event;

	a->needs_strong = need >= CW_ASSURANCE_STRONG;
	if (reason == CW_REASON_NONE && a->needs_strong &&
	    !attempt_has_factor(a, CW_FACTOR_SMARTCARD) && !attempt_has_factor(a, CW_FACTOR_FIDO2))
		reason = CW_REASON_ASSURANCE;
	if (reason != CW_REASON_NONE)
		return approval_refuse(a, now, OUTCOME_REFUSED, reason, "not-entitled");
	event = attempt_way(a, request);
	if (event == ATTEMPT_EV_REFUSED)
		return approval_refuse(a, now, OUTCOME_REFUSED, CW_REASON_ASSURANCE,
				       a->result.message);
	/* Whoever gave a password just now is not asked again, but a token signs each time. */
	if (is_fresh && !a->needs_strong && !a->held.is_chosen)
		return ATTEMPT_EV_CONFIRM;
	a->signs = a->needs_strong || a->held.factor == CW_FACTOR_SMARTCARD ||
		   a->held.factor == CW_FACTOR_FIDO2;
	return a->signs ? ATTEMPT_EV_CONFIRM : event;
}

static int begin(struct attempt *a, const struct attempt_request *request,
		 const struct moment *now) {
	enum attempt_event event;
	int r = 0;

	a->state = ATTEMPT_ST_BEGIN;
	a->who = &a->first;
	a->session = a->seat->session.number;
	a->voids = a->seat->session.voids;
	if (request->purpose == CW_PURPOSE_WITNESS) {
		r = witness_take(a, request->witness);
		if (r < 0)
			return r;
	} else if (a->route->needs_session) {
		a->first.by_number = a->first.is_named = true;
		a->first.number = a->seat->session.account;
	}
	if (request->approval) {
		r = take_approval(a, request->approval);
		if (r < 0)
			return r;
		event = begin_approval(a, request, now);
	} else if (request->asked) {
		event = countersign_begin(a, request, now, &r);
		if (r < 0)
			return r;
	} else if (request->enrol) {
		r = enrol_begin(a, request->enrol);
		if (r < 0)
			return r;
		event = a->route->first;
	} else {
		if (a->route->first == ATTEMPT_EV_ASK_NAME && request->name)
			take_claim(a, request->name);
		event = attempt_way(a, request);
	}
	(void)step(a, event, now); /* over at once is an answer, too */
	return 0;
}

int attempt_begin(struct auth *auth, struct seat *seat, const struct attempt_request *request,
		  const struct moment *now, struct attempt **ret_attempt) {
	const struct route *route;
	struct attempt *a;
	int r;

	if (request->approval && request->purpose != ATTEMPT_APPROVAL)
		return -EINVAL;
	route = attempt_route_of(request->purpose);
	if (!route || (request->purpose == ATTEMPT_APPROVAL && !request->approval))
		return -EINVAL;
	if (!request->enrol != (request->purpose != CW_PURPOSE_ENROL))
		return -EINVAL;
	if (!request->asked != (request->purpose != CW_PURPOSE_COUNTERSIGN))
		return -EINVAL;
	if (request->name && strnlen(request->name, SECRET_MAX + 1) > SECRET_MAX)
		return -EINVAL;
	if (request->factor > CW_FACTOR_FIDO2 || request->factor == CW_FACTOR_CODE)
		return -EINVAL;
	r = check_session(route, seat);
	if (r < 0)
		return r;

	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->auth = auth;
	a->seat = seat;
	a->actor = request->actor;
	a->route = route;
	r = begin(a, request, now);
	if (r < 0) {
		(void)attempt_free(a);
		return r;
	}
	*ret_attempt = a;
	return 0;
}

struct attempt *attempt_free(struct attempt *attempt) {
	if (!attempt)
		return NULL;
	explicit_bzero(attempt, sizeof(*attempt));
	free(attempt);
	return NULL;
}

enum attempt_want attempt_want(const struct attempt *attempt) {
	return attempt->state == ATTEMPT_ST_OVER ? ATTEMPT_OVER : attempt->want;
}

const struct attempt_prompt *attempt_prompt(const struct attempt *attempt) {
	return &attempt->prompt;
}

int attempt_answer(struct attempt *attempt, struct secret *answer, const struct moment *now) {
	int r;

	if (attempt->want == ATTEMPT_ANSWER && now->boot_ms >= attempt->deadline_ms) {
		secret_wipe(answer);
		return step(attempt, ATTEMPT_EV_TIMEOUT, now);
	}
	attempt->answer = answer;
	if (attempt->want == ATTEMPT_ANSWER) {
		attempt->want = ATTEMPT_OVER; /* until an action says otherwise */
		r = step(attempt, ATTEMPT_EV_ANSWER, now);
	} else if (attempt->want == ATTEMPT_OVER) {
		r = -EPROTO; /* over already: what it ended with stays */
	} else {
		r = step(attempt, ATTEMPT_EV_ANSWER, now);
	}
	attempt->answer = NULL;
	secret_wipe(answer);
	return r;
}

struct password_job *attempt_job(struct attempt *attempt) {
	return attempt_want(attempt) == ATTEMPT_HASH ? &attempt->job : NULL;
}

int attempt_hashed(struct attempt *attempt, const struct moment *now) {
	if (attempt->state == ATTEMPT_ST_OVER) {
		explicit_bzero(&attempt->job, sizeof(attempt->job)); /* given up meanwhile */
		return 0;
	}
	return step(attempt, ATTEMPT_EV_HASHED, now);
}

int attempt_busy(struct attempt *attempt, const struct moment *now) {
	if (attempt->state == ATTEMPT_ST_OVER)
		return 0;
	return step(attempt, ATTEMPT_EV_BUSY, now);
}

struct attempt_token *attempt_token(struct attempt *attempt) {
	return attempt_want(attempt) == ATTEMPT_TOKEN && attempt->token.step != ATTEMPT_STEP_NONE
		       ? &attempt->token
		       : NULL;
}

bool attempt_needs_helper(const struct attempt *attempt) {
	static const bool with_helper[ATTEMPT_N_STATES] = {
		[ATTEMPT_ST_LOOKING] = true,       [ATTEMPT_ST_LOOKED] = true,
		[ATTEMPT_ST_WARNED] = true,        [ATTEMPT_ST_PIN] = true,
		[ATTEMPT_ST_SIGNING] = true,       [ATTEMPT_ST_SECOND_READS] = true,
		[ATTEMPT_ST_ENROL_LOOKING] = true,
		[ATTEMPT_ST_ENROL_WARNED] = true,  [ATTEMPT_ST_ENROL_PIN] = true,
		[ATTEMPT_ST_ENROL_SIGNING] = true,
	};

	return (unsigned)attempt->state < ATTEMPT_N_STATES && with_helper[attempt->state];
}

/* Something came of a helper, or of a reader. Late, or for nobody: nothing comes of it. */
static int token_event(struct attempt *a, enum attempt_event event, const struct moment *now) {
	int r = 0;

	if (a->state != ATTEMPT_ST_OVER)
		r = step(a, now->boot_ms >= a->deadline_ms ? ATTEMPT_EV_TIMEOUT : event, now);
	a->found = NULL;
	a->reply = NULL;
	a->token_error = TOKEN_OK;
	return r;
}

int attempt_found(struct attempt *attempt, const struct token_found *found,
		  const struct moment *now) {
	attempt->found = found;
	return token_event(attempt, ATTEMPT_EV_FOUND, now);
}

int attempt_touch(struct attempt *attempt, const struct moment *now) {
	return token_event(attempt, ATTEMPT_EV_TOUCHED, now);
}

int attempt_answered(struct attempt *attempt, const struct token_answer *answer,
		     const struct moment *now) {
	attempt->reply = answer;
	return token_event(attempt, ATTEMPT_EV_SIGNED, now);
}

int attempt_token_failed(struct attempt *attempt, enum token_error error, uint32_t tries_left,
			 const struct moment *now) {
	attempt->token_error = error;
	if (attempt->state != ATTEMPT_ST_OVER)
		attempt->held.tries_left = tries_left;
	return token_event(attempt, ATTEMPT_EV_TOKEN_FAILED, now);
}

int attempt_presented(struct attempt *attempt, const struct token_sight *sight,
		      const struct moment *now) {
	int r;

	if (attempt_want(attempt) != ATTEMPT_ANSWER || !attempt_takes(attempt, sight))
		return 0;
	attempt->held.sight = *sight;
	attempt->want = ATTEMPT_OVER; /* until an action says otherwise */
	r = token_event(attempt, ATTEMPT_EV_PRESENTED, now);
	return r < 0 ? r : 1;
}

void attempt_cancel(struct attempt *attempt, const struct moment *now, bool timed_out) {
	if (attempt->state != ATTEMPT_ST_OVER)
		(void)step(attempt, timed_out ? ATTEMPT_EV_TIMEOUT : ATTEMPT_EV_CANCEL, now);
}

uint64_t attempt_deadline(const struct attempt *attempt) {
	return attempt->want == ATTEMPT_ANSWER || attempt->want == ATTEMPT_TOKEN
		       ? attempt->deadline_ms
		       : UINT64_MAX;
}

const struct attempt_result *attempt_result(const struct attempt *attempt) {
	return &attempt->result;
}
