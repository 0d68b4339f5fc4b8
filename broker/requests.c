/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/requests.h"

#define KEYS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
#define ANYBODY REQUEST_OPEN
#define BUSY_RETRY_MS 1000u

/*
 * The whole list, in review, in one place. Verbs whose built-in action is asked
 * are refused, and the refusal recorded, before their handler is called. The
 * handlers of token.* ask themselves: what is one's own needs no action.
 */
const struct request_rule request_rules[VERB_N] = {
	/* verb: name, phase, what it asks, needs a store, needs a policy, keys, handler */
	[VERB_HELLO] = { "hello", PEER_GREETING, ANYBODY, false, false,
			 KEYS("version", "actions", "app"), handle_hello, true },
	[VERB_STATUS] = { "status", PEER_OPEN, ANYBODY, false, false, KEYS(), handle_status },
	[VERB_SIGNAL] = { "signal", PEER_OPEN, ANYBODY, false, true, KEYS("name", "value"),
			  handle_signal },
	[VERB_ACTIVITY] = { "activity", PEER_OPEN, ANYBODY, false, false, KEYS(), handle_activity },
	[VERB_LOCK] = { "lock", PEER_OPEN, ANYBODY, false, false, KEYS(), handle_lock },
	[VERB_SIGN_OUT] = { "sign-out", PEER_OPEN, ANYBODY, false, false, KEYS(), handle_sign_out },
	[VERB_USE] = { "use", PEER_OPEN, ANYBODY, false, true, KEYS("action", "object", "session"),
		       handle_use },
	[VERB_ATTEMPT_BEGIN] = { "attempt.begin", PEER_OPEN, ANYBODY, true, true,
				 KEYS("purpose", "name", "factor"), handle_attempt_begin },
	[VERB_ATTEMPT_ANSWER] = { "attempt.answer", PEER_OPEN, ANYBODY, true, true,
				  KEYS("attempt", "value"), handle_attempt_answer },
	[VERB_ATTEMPT_CANCEL] = { "attempt.cancel", PEER_OPEN, ANYBODY, true, true,
				  KEYS("attempt", "reason"), handle_attempt_cancel },
	[VERB_AUTHORIZE] = { "authorize", PEER_OPEN, ANYBODY, true, true,
			     KEYS("action", "digest", "object", "words", "factor"),
			     handle_authorize },
	[VERB_WITNESS] = { "witness", PEER_OPEN, ANYBODY, true, true,
			   KEYS("action", "object", "factor"), handle_witness },
	[VERB_BADGE] = { "badge", PEER_OPEN, ANYBODY, false, true, KEYS("line"), handle_badge },
	[VERB_REDEEM] = { "redeem", PEER_OPEN, ANYBODY, true, true,
			  KEYS("action", "digest", "receipt"), handle_redeem },
	[VERB_APPROVAL_LIST] = { "approval.list", PEER_OPEN, ANYBODY, true, true, KEYS(),
				 handle_approval_list },
	[VERB_APPROVAL_SIGN] = { "approval.sign", PEER_OPEN, ANYBODY, true, true,
				 KEYS("approval", "factor"), handle_approval_sign },
	[VERB_APPROVAL_REFUSE] = { "approval.refuse", PEER_OPEN, ANYBODY, true, true,
				   KEYS("approval", "reason"), handle_approval_refuse },
	[VERB_EXPLAIN] = { "explain", PEER_OPEN, ANYBODY, false, true,
			   KEYS("action", "role", "name", "context"), handle_explain },
	[VERB_CHECK] = { "check", PEER_OPEN, ANYBODY, false, false, KEYS("kind", "content"),
			 handle_check, true },
	[VERB_INIT] = { "init", PEER_OPEN, ANYBODY, true, true, KEYS("name", "person", "roles"),
			handle_init },
	[VERB_CONFIG_INSTALL] = { "config.install", PEER_OPEN, ANYBODY, true, false,
				  KEYS("kind", "content", "receipt"), handle_config_install, true },
	[VERB_USER_ADD] = { "user.add", PEER_OPEN, POLICY_ACCOUNTS, true, true,
			    KEYS("name", "roles", "person", "display", "from_ms", "until_ms"),
			    handle_user_add },
	[VERB_USER_LIST] = { "user.list", PEER_OPEN, POLICY_ACCOUNTS, true, true, KEYS("after"),
			     handle_user_list },
	[VERB_USER_DISABLE] = { "user.disable", PEER_OPEN, POLICY_ACCOUNTS, true, true,
				KEYS("name"), handle_user_disable },
	[VERB_USER_ENABLE] = { "user.enable", PEER_OPEN, POLICY_ACCOUNTS, true, true, KEYS("name"),
			       handle_user_enable },
	[VERB_USER_RESET] = { "user.reset", PEER_OPEN, POLICY_ACCOUNTS, true, true, KEYS("name"),
			      handle_user_reset },
	[VERB_USER_ROLE] = { "user.role", PEER_OPEN, POLICY_ACCOUNTS, true, true,
			     KEYS("name", "add", "remove"), handle_user_role },
	[VERB_TOKEN_ENROL] = { "token.enrol", PEER_OPEN, ANYBODY, true, true,
			       KEYS("name", "factor", "label"), handle_token_enrol },
	[VERB_TOKEN_LIST] = { "token.list", PEER_OPEN, ANYBODY, true, true, KEYS("name", "after"),
			      handle_token_list },
	[VERB_TOKEN_RENAME] = { "token.rename", PEER_OPEN, ANYBODY, true, true,
				KEYS("number", "label"), handle_token_rename },
	[VERB_TOKEN_REVOKE] = { "token.revoke", PEER_OPEN, ANYBODY, true, true, KEYS("number"),
				handle_token_revoke },
	[VERB_TOKEN_EXPORT] = { "token.export", PEER_OPEN, POLICY_ENROL, true, true,
				KEYS("passphrase"), handle_token_export, true },
	[VERB_TOKEN_IMPORT] = { "token.import", PEER_OPEN, POLICY_ENROL, true, true,
				KEYS("passphrase", "device_key"), handle_token_import, true },
	[VERB_HISTORY] = { "history", PEER_OPEN, POLICY_HISTORY, true, true,
			   KEYS("before", "n", "name", "event", "emergency"), handle_history },
	[VERB_VERIFY] = { "verify", PEER_OPEN, ANYBODY, true, false, KEYS("head", "anchor"),
			  handle_verify },
	[VERB_REVIEW_LIST] = { "review.list", PEER_OPEN, POLICY_REVIEW, true, true, KEYS("all"),
			       handle_review_list },
	[VERB_REVIEW_CLOSE] = { "review.close", PEER_OPEN, POLICY_REVIEW, true, true,
				KEYS("id", "outcome", "text"), handle_review_close },
	[VERB_KEYS] = { "keys", PEER_OPEN, POLICY_EXPORT, true, true, KEYS("after"), handle_keys },
};

static enum protocol_verb verb_by_name(const char *name) {
	for (unsigned v = VERB_NONE + 1; v < VERB_N; ++v)
		if (request_rules[v].handle && strcmp(request_rules[v].name, name) == 0)
			return (enum protocol_verb)v;
	return VERB_NONE;
}

void reply_begin(struct request *r, struct frame_writer *w, enum protocol_result result) {
	frame_begin(w, r->engine->out, sizeof(r->engine->out), FRAME_REPLY, r->serial, r->name);
	frame_uint(w, "result", result);
}

void reply_send(struct request *r, struct frame_writer *w) {
	if (frame_end(w) == 0)
		peer_send(r->peer, r->engine->out, w->n, NULL, 0);
	else
		peer_fail(r->peer);
	explicit_bzero(r->engine->out, sizeof(r->engine->out));
}

int reply(struct request *r, enum protocol_result result) {
	struct frame_writer w;

	reply_begin(r, &w, result);
	reply_send(r, &w);
	return 0;
}

int reply_message(struct request *r, enum protocol_result result, const char *message) {
	struct frame_writer w;

	reply_begin(r, &w, result);
	frame_text(&w, "message", message);
	if (result == RESULT_BUSY)
		frame_uint(&w, "retry_ms", BUSY_RETRY_MS);
	reply_send(r, &w);
	return 0;
}

int reply_busy(struct request *r) {
	struct frame_writer w;

	reply_begin(r, &w, RESULT_BUSY);
	frame_uint(&w, "retry_ms", BUSY_RETRY_MS);
	reply_send(r, &w);
	return 0;
}

int reply_nearest(struct request *r, const char *message, const char *nearest) {
	struct frame_writer w;

	reply_begin(r, &w, RESULT_NOT_FOUND);
	frame_text(&w, "message", message);
	if (nearest)
		frame_text(&w, "nearest", nearest);
	reply_send(r, &w);
	return 0;
}

int reply_denied(struct request *r, enum cw_verdict verdict, enum cw_reason reason) {
	struct frame_writer w;

	reply_begin(r, &w, RESULT_DENIED);
	frame_uint(&w, "verdict", (uint64_t)verdict);
	frame_uint(&w, "reason", (uint64_t)reason);
	reply_send(r, &w);
	return 0;
}

int reply_errno(struct request *r, int error) {
	static const struct {
		int error;
		enum protocol_result result;
		const char *message;
	} map[] = {
		{ -ENOENT, RESULT_NOT_FOUND, "not-found" },
		{ -EEXIST, RESULT_EXISTS, "name-was-given-before" },
		{ -EINVAL, RESULT_INVALID, "invalid-value" },
		{ -ESTALE, RESULT_STALE, "changed-meanwhile" },
		{ -EBUSY, RESULT_LAST_ADMIN, "last-administrator" },
		{ -EBADMSG, RESULT_FAILED, "row-damaged" },
		{ -ENOSPC, RESULT_NOT_RECORDED, "disk-full" },
		{ -EROFS, RESULT_NOT_RECORDED, "read-only" },
		{ -EIO, RESULT_NOT_RECORDED, "storage-failed" },
		{ -ENOMEM, RESULT_BUSY, "no-memory" },
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); ++i) {
		if (map[i].error != error)
			continue;
		if (map[i].result == RESULT_NOT_RECORDED)
			engine_store_failed(r->engine, error);
		return reply_message(r, map[i].result, map[i].message);
	}
	return reply_message(r, RESULT_FAILED, "failed");
}

struct later later_from(const struct request *r) {
	return (struct later){ r->engine, r->peer->number, r->serial, r->verb };
}

bool later_resume(const struct later *later, struct request *ret_request) {
	struct peer *peer = peer_by_number(later->engine, later->peer);

	if (!peer)
		return false;
	*ret_request = (struct request){ .engine = later->engine,
					 .peer = peer,
					 .seat = peer->seat,
					 .now = engine_now(later->engine),
					 .verb = later->verb,
					 .name = request_rules[later->verb].name,
					 .serial = later->serial,
					 .fd = -1 };
	return true;
}

struct actor request_actor(const struct request *r) {
	const struct session *s = &r->seat->seat.session;

	return (struct actor){ .account = s->account,
			       .seat = (uint8_t)(r->seat->seat.index + 1),
			       .assurance = (uint8_t)s->assurance,
			       .factor = (uint8_t)s->factor,
			       .session = s->number,
			       .peer_uid = r->peer->uid };
}

int request_names(const struct request *r, const char *key, char (*ret_names)[POLICY_NAME_SIZE],
                  uint32_t room) {
	struct frame_span array, item;
	size_t cursor = 0;
	int n = 0;
	int e = frame_get_array(r->body, key, &array);

	if (e == -ENOENT)
		return 0;
	if (e < 0)
		return -EPROTO;
	while (frame_next_item(array, &cursor, &item) == 1) {
		if ((uint32_t)n >= room ||
		    frame_item_text(item, ret_names[n], POLICY_NAME_SIZE) < 0)
			return -EPROTO;
		++n;
	}
	return n;
}

int reply_unknown_action(struct request *r, const char *name) {
	const struct policy_table *t = &r->engine->policy->table;

	return reply_nearest(r, "unknown-action", policy_nearest(name, t->action_names, t->n_actions));
}

void record_denied(struct request *r, const char *action, enum cw_reason reason) {
	struct seat *seat = &r->seat->seat;
	struct journal_entry entry = {
		.event = EVENT_DENIED,
		.outcome = OUTCOME_REFUSED,
		.seat = (uint8_t)(seat->index + 1),
		.assurance = (uint8_t)seat->session.assurance,
		.factor = (uint8_t)seat->session.factor,
		.reason = (uint8_t)reason,
		.account = seat->session.account,
		.session = seat->session.number,
		.peer_uid = r->peer->uid,
		.action = action,
		.object = r->name,
	};

	(void)engine_record(r->engine, &entry);
}

enum cw_verdict request_decide(struct request *r, enum policy_builtin which,
                               enum cw_reason *ret_reason) {
	struct seat_runtime *seat = r->seat;
	uint32_t action = policy_builtin_index(&r->engine->policy->table, which);
	enum cw_verdict v = CW_DENY;

	if (seat->seat.session.number != 0 && seat->session_uid != r->peer->uid) {
		*ret_reason = CW_REASON_NO_SESSION;
		v = CW_SIGN_IN;
	} else {
		v = seat_decide(&seat->seat, &r->engine->policy->table, action, &r->now,
				ret_reason);
	}
	if (v != CW_ALLOW)
		record_denied(r, r->engine->policy->table.action_names[action], *ret_reason);
	return v;
}

static int handle_permitted(struct request *r, const struct request_rule *rule) {
	enum cw_reason reason = CW_REASON_NONE;
	enum cw_verdict v = CW_DENY;
	int e = 0;

	if (rule->needs_store && !r->engine->store)
		return reply_message(r, RESULT_NOT_READY, "no-database");
	if (rule->needs_policy && !r->engine->policy)
		return reply_message(r, RESULT_NOT_READY, "no-policy");
	if (rule->builtin != REQUEST_OPEN) {
		v = request_decide(r, (enum policy_builtin)rule->builtin, &reason);
		if (v != CW_ALLOW)
			return reply_denied(r, v, reason);
	}
	e = rule->handle(r);
	if (e == 0 || e == -EPROTO)
		return e;
	return reply_errno(r, e);
}

int request_handle(struct peer *peer, const uint8_t *packet, size_t n, int *fds, uint32_t n_fds) {
	const struct request_rule *rule = NULL;
	char stranger[FRAME_NAME_MAX];
	struct frame frame;
	struct request r = { .engine = peer->engine, .peer = peer, .seat = peer->seat, .fd = -1 };

	if (frame_parse(packet, n, &frame) < 0 || frame.kind != FRAME_REQUEST)
		return -EPROTO;
	r.verb = verb_by_name(frame.name);
	if (r.verb == VERB_NONE)
		return -EPROTO;
	rule = &request_rules[r.verb];
	if (peer->phase == PEER_CLOSED || rule->phase != peer->phase)
		return -EPROTO;
	if (!frame_only_keys(frame.body, rule->keys, stranger))
		return -EPROTO;
	if (n_fds > (rule->takes_fd ? 1u : 0u))
		return -EPROTO;
	r.name = rule->name;
	r.serial = frame.serial;
	r.body = frame.body;
	r.now = engine_now(peer->engine);
	if (n_fds == 1)
		r.fd = fds[0];
	if (!budget_take(&peer->requests, r.now.boot_ms, PEER_REQUESTS_PER_S))
		return reply_busy(&r);
	return handle_permitted(&r, rule);
}
