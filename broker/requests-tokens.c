/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "auth/administer.h"
#include "auth/token.h"
#include "broker/requests.h"
#include "common/cleanup.h"

/*
 * Enrolled tokens. Those of others need careward.enrol, and roles that could have
 * made the account; one's own can be seen and named by whoever is signed in, and
 * revoked by whoever has proved as much as the token proves. Nobody enrols anything
 * for himself but a new code for a badge he has.
 */

/* Is it the session of whoever asks, and open? */
static bool has_session(const struct request *r) {
	const struct session *s = &r->seat->seat.session;

	return s->number != 0 && s->lock == SEAT_UNLOCKED && r->seat->session_uid == r->peer->uid;
}

static bool is_own(const struct request *r, uint32_t account) {
	return has_session(r) && r->seat->seat.session.account == account;
}

static int refuse(struct request *r) {
	const struct policy_table *t = &r->engine->policy->table;

	record_denied(r, t->action_names[policy_builtin_index(t, POLICY_ENROL)], CW_REASON_ROLE);
	return reply_denied(r, CW_DENY, CW_REASON_ROLE);
}

/* May whoever asks have to do with tokens of others at all? Return: true; false: answered. */
static bool may_enrol(struct request *r) {
	enum cw_reason reason = CW_REASON_NONE;
	enum cw_verdict v = request_decide(r, POLICY_ENROL, &reason);

	if (v != CW_ALLOW)
		(void)reply_denied(r, v, reason);
	return v == CW_ALLOW;
}

/* With this account's? Return: true; false: answered. */
static bool may_touch(struct request *r, const struct account *account) {
	const struct session *s = &r->seat->seat.session;

	if (is_own(r, account->number))
		return true;
	if (!may_enrol(r))
		return false;
	if (administer_may_change(r->engine->policy, s->account, s->roles, account) == 0)
		return true;
	(void)refuse(r);
	return false;
}

/* The account named in the body. Return: 0; 1 answered; -EPROTO. */
static int take_account(struct request *r, struct account *account) {
	char typed[LIMIT_NAME], name[LIMIT_NAME];
	int e = frame_get_text(r->body, "name", typed, sizeof(typed));

	if (e < 0)
		return -EPROTO;
	e = account_normalise(typed, strlen(typed), name);
	if (e == 0)
		e = account_by_name(r->engine->store, name, account);
	if (e == 0)
		return 0;
	/* Whether there is somebody of that name is told to those who may ask. */
	if (!may_enrol(r))
		return 1;
	if (e == -EINVAL || e == -ENOENT)
		(void)reply_message(r, RESULT_NOT_FOUND, "unknown-account");
	else
		(void)reply_errno(r, e);
	return 1;
}

/* The token whose number is in the body, of an account that may be touched. As above. */
static int take_token(struct request *r, struct token *token) {
	struct account account;
	uint64_t number = 0;
	int e = 0;

	if (frame_get_uint(r->body, "number", &number) < 0)
		return -EPROTO;
	e = token_load(r->engine->store, number, token);
	if (e == 0)
		e = account_by_number(r->engine->store, token->account, &account);
	if (e == 0)
		return may_touch(r, &account) ? 0 : 1;
	if (!may_enrol(r))
		return 1;
	if (e == -ENOENT)
		(void)reply_message(r, RESULT_NOT_FOUND, "unknown-token-number");
	else
		(void)reply_errno(r, e);
	return 1;
}

/*
 * One page of an account's tokens
 */

struct listing {
	struct frame_writer *w;
	uint64_t after;
	uint64_t last;
	bool full;
};

static int list_one(const struct token *token, void *userdata) {
	struct listing *l = userdata;
	struct frame_writer before = *l->w;

	if (token->number <= l->after)
		return 0;
	frame_open_map(l->w, NULL);
	frame_uint(l->w, "number", token->number);
	frame_text(l->w, "factor", token_factor_name(token->factor));
	frame_text(l->w, "label", token->label);
	frame_text(l->w, "state", token->disabled ? "revoked" : "enabled");
	frame_int(l->w, "enrolled_ms", token->enrolled_ms);
	frame_uint(l->w, "enrolled_by", token->enrolled_by);
	frame_bool(l->w, "imported", token->imported);
	frame_int(l->w, "until_ms", token->not_after_ms);
	frame_close(l->w);
	if (l->w->failed || l->w->n > LIMIT_FRAME - 64) {
		*l->w = before;
		l->full = true;
		return 1;
	}
	l->last = token->number;
	return 0;
}

/* Whose: named, or one's own. Return: 0; 1 answered; -EPROTO. */
static int take_owner(struct request *r, struct account *account) {
	char name[LIMIT_NAME];
	int e = frame_get_text(r->body, "name", name, sizeof(name));

	if (e == -ENOENT) {
		if (!has_session(r)) {
			(void)reply_denied(r, CW_SIGN_IN, CW_REASON_NO_SESSION);
			return 1;
		}
		e = account_by_number(r->engine->store, r->seat->seat.session.account, account);
		return e < 0 ? e : 0;
	}
	e = take_account(r, account);
	return e != 0 ? e : may_touch(r, account) ? 0 : 1;
}

int handle_token_list(struct request *r) {
	struct frame_writer w;
	struct listing l = { .w = &w };
	struct account account;
	int e = frame_get_uint(r->body, "after", &l.after);

	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	e = take_owner(r, &account);
	if (e != 0)
		return e < 0 ? e : 0;
	reply_begin(r, &w, RESULT_OK);
	frame_text(&w, "name", account.name);
	frame_open_array(&w, "tokens");
	e = token_list(r->engine->store, account.number, list_one, &l);
	if (e < 0)
		return reply_errno(r, e);
	frame_close(&w);
	frame_uint(&w, "next", l.full ? l.last : 0);
	reply_send(r, &w);
	return 0;
}

int handle_token_rename(struct request *r) {
	cleanup_(token_wipe) struct token token = { 0 };
	struct actor actor = request_actor(r);
	int e = take_token(r, &token);

	if (e != 0)
		return e < 0 ? e : 0;
	memset(token.label, 0, sizeof(token.label));
	if (frame_get_text(r->body, "label", token.label, sizeof(token.label)) < 0)
		return -EPROTO;
	if (!token_is_sound(&token))
		return reply_message(r, RESULT_INVALID, "bad-label");
	e = token_store(r->engine->store, &actor, &r->now, EVENT_TOKEN_RENAMED, &token);
	return e < 0 ? reply_errno(r, e) : reply(r, RESULT_OK);
}

/*
 * Whoever has found a badge must not take its owner's card away. Return: true; false:
 * answered.
 */
static bool may_revoke(struct request *r, const struct token *token) {
	const struct policy *policy = r->engine->policy;
	enum cw_reason reason = CW_REASON_NONE;

	if (!is_own(r, token->account) ||
	    r->seat->seat.session.assurance >= token_assurance(token, &policy->settings.tokens))
		return true; /* of others: take_token() has asked */
	if (request_decide(r, POLICY_ENROL, &reason) == CW_ALLOW)
		return true;
	record_denied(r, policy->table.action_names[policy_builtin_index(&policy->table,
									 POLICY_ENROL)],
		      CW_REASON_ASSURANCE);
	(void)reply_denied(r, CW_REAUTH, CW_REASON_ASSURANCE);
	return false;
}

int handle_token_revoke(struct request *r) {
	cleanup_(token_wipe) struct token token = { 0 };
	struct actor actor = request_actor(r);
	struct admin_rule admins;
	int e = take_token(r, &token);

	if (e != 0)
		return e < 0 ? e : 0;
	if (!may_revoke(r, &token))
		return 0;
	administer_admins(r->engine->policy, &admins);
	e = token_revoke(r->engine->store, &actor, &r->now, &admins, token.number);
	return e < 0 ? reply_errno(r, e) : reply(r, RESULT_OK);
}

static const struct {
	const char *name;
	enum cw_factor factor;
} factors[] = {
	{ "smartcard", CW_FACTOR_SMARTCARD },
	{ "fido2", CW_FACTOR_FIDO2 },
	{ "badge", CW_FACTOR_BADGE },
	{ "code", CW_FACTOR_CODE },
};

/* Return: 0; -EPROTO (no such factor, or a label that is too long). */
static int take_enrolment(struct request *r, struct enrol_request *enrol) {
	char name[LIMIT_NAME];
	int e = 0;

	if (frame_get_text(r->body, "factor", name, sizeof(name)) < 0)
		return -EPROTO;
	for (size_t i = 0; i < ARRAY_SIZE(factors); ++i)
		if (strcmp(factors[i].name, name) == 0)
			enrol->factor = factors[i].factor;
	e = frame_get_text(r->body, "label", enrol->label, sizeof(enrol->label));
	return enrol->factor == CW_FACTOR_NONE || (e < 0 && e != -ENOENT) ? -EPROTO : 0;
}

/*
 * One's own: a new code, by somebody who has proved more than a code. Anything
 * else for oneself would make one person both the enroller and the enrolled.
 */
static bool may_enrol_for(struct request *r, const struct account *account,
			  enum cw_factor factor) {
	const struct session *s = &r->seat->seat.session;

	if (!is_own(r, account->number))
		return may_touch(r, account);
	if (factor == CW_FACTOR_CODE && s->assurance >= CW_ASSURANCE_PASSWORD)
		return true;
	if (may_enrol(r))
		(void)refuse(r);
	return false;
}

int handle_token_enrol(struct request *r) {
	struct enrol_request enrol = { 0 };
	struct attempt_request request = {
		.purpose = CW_PURPOSE_ENROL,
		.enrol = &enrol,
		.actor = request_actor(r),
	};
	struct account account;
	int e = take_enrolment(r, &enrol);

	if (e < 0)
		return e;
	e = take_account(r, &account);
	if (e != 0)
		return e < 0 ? e : 0;
	if (!may_enrol_for(r, &account, enrol.factor))
		return 0;
	if (account.state == ACCOUNT_ENDED)
		return reply_message(r, RESULT_INVALID, "account-has-ended");
	enrol.account = account.number;
	return attempts_begin(r, &request);
}
