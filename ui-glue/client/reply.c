/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker's replies become. */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <string.h>

/* Message ids for results that came without one. */
static const char *const result_names[RESULT_N] = {
	[RESULT_OK] = "ok",
	[RESULT_DENIED] = "denied",
	[RESULT_BUSY] = "busy",
	[RESULT_NOT_FOUND] = "not-found",
	[RESULT_INVALID] = "invalid",
	[RESULT_EXISTS] = "exists",
	[RESULT_STALE] = "stale",
	[RESULT_NOT_RECORDED] = "not-recorded",
	[RESULT_NOT_READY] = "not-ready",
	[RESULT_FAILED] = "failed",
	[RESULT_LAST_ADMIN] = "last-admin",
};

/* A reply, taken apart as far as all of them are alike. */
struct reply {
	const struct frame *frame;
	uint64_t result;
	enum cw_verdict verdict;
	enum cw_reason reason;
	uint64_t retry_ms;
	char message[64];
};

static enum cw_verdict verdict_known(uint64_t value) {
	static const enum cw_verdict verdicts[] = { CW_ALLOW,  CW_SIGN_IN, CW_UNLOCK,
						    CW_REAUTH, CW_CONFIRM, CW_BREAK_GLASS };

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); ++i) {
		if (value == (uint64_t)verdicts[i])
			return verdicts[i];
	}
	return CW_DENY;
}

enum cw_verdict verdict_read(struct frame_span body, enum cw_reason *ret_reason) {
	uint64_t verdict, reason;

	*ret_reason = CW_REASON_NONE;
	if (frame_get_uint(body, "reason", &reason) == 0 && reason < CW_N_REASONS)
		*ret_reason = (enum cw_reason)reason;
	if (frame_get_uint(body, "verdict", &verdict) < 0)
		return CW_DENY;
	return verdict_known(verdict);
}

static int reply_read(const struct frame *frame, struct reply *ret_reply) {
	struct reply reply = { .frame = frame };
	int r;

	if (frame_get_uint(frame->body, "result", &reply.result) < 0 || reply.result >= RESULT_N)
		return -EBADMSG;
	reply.verdict = verdict_read(frame->body, &reply.reason);
	/* Only a request that was done may allow. */
	if (reply.result != RESULT_OK && reply.verdict == CW_ALLOW)
		reply.verdict = CW_DENY;
	if (reply.result == RESULT_NOT_RECORDED && reply.reason == CW_REASON_NONE)
		reply.reason = CW_REASON_NOT_RECORDED;
	r = frame_get_uint(frame->body, "retry_ms", &reply.retry_ms);
	if (r < 0 && r != -ENOENT)
		return r;
	r = frame_get_text(frame->body, "message", reply.message, sizeof(reply.message));
	if (r < 0)
		text_fit(reply.message, sizeof(reply.message), result_names[reply.result]);
	*ret_reply = reply;
	return 0;
}

static int on_care(struct cw *cw, struct pending *pending, const struct reply *reply) {
	/* Somebody has to write it down. A refusal was written down as one. */
	if (reply->result != RESULT_OK && reply->result != RESULT_DENIED)
		(void)record_keep(cw, &pending->record);
	return 0;
}

static int on_use(struct cw *cw, struct pending *pending, const struct reply *reply) {
	struct cw_event *event = event_push(cw, CW_EVENT_USED);

	if (event) {
		event->serial = pending->serial;
		event->verdict = reply->verdict;
		event->reason = reply->reason;
		text_fit(event->message, sizeof(event->message), reply->message);
	}
	return 0;
}

static int on_begin(struct cw *cw, struct pending *pending, const struct reply *reply) {
	struct attempt *attempt = attempt_by_number(cw, pending->attempt);
	struct cw_event *event;
	uint64_t remote;

	if (!attempt)
		return 0;
	if (reply->result == RESULT_OK) {
		if (frame_get_uint(reply->frame->body, "attempt", &remote) < 0 || remote == 0)
			return -EBADMSG;
		attempt_begun(cw, pending->attempt, remote);
		return 0;
	}
	event = attempt_over(cw, attempt, reply->message);
	if (event) {
		event->verdict = reply->verdict;
		event->reason = reply->reason;
		event->wait_ms = reply->retry_ms;
	}
	return 0;
}

static int on_attempt(struct cw *cw, struct pending *pending, const struct reply *reply) {
	struct attempt *attempt = attempt_by_number(cw, pending->attempt);

	if (attempt && (reply->result == RESULT_NOT_FOUND || reply->result == RESULT_STALE))
		(void)attempt_over(cw, attempt, reply->message);
	return 0;
}

static int on_other(struct cw *cw, struct pending *pending, const struct reply *reply) {
	struct cw_event *event;

	if (reply->result == RESULT_OK)
		return 0;
	event = event_push(cw, CW_EVENT_ERROR);
	if (event) {
		event->serial = pending->serial;
		event->verdict = reply->verdict;
		event->reason = reply->reason;
		text_fit(event->message, sizeof(event->message), reply->message);
	}
	return 0;
}

static int on_history(struct cw *cw, struct pending *pending, const struct reply *reply) {
	if (reply->result == RESULT_OK)
		return history_take(cw, reply->frame);
	(void)on_other(cw, pending, reply);
	return history_take(cw, NULL);
}

static int on_approvals(struct cw *cw, struct pending *pending, const struct reply *reply) {
	if (reply->result == RESULT_OK)
		return approvals_take(cw, reply->frame);
	(void)on_other(cw, pending, reply);
	return approvals_take(cw, NULL);
}

static int (*const takers[])(struct cw *cw, struct pending *pending, const struct reply *reply) = {
	[PENDING_CARE] = on_care,   [PENDING_USE] = on_use,         [PENDING_REDEEM] = on_use,
	[PENDING_BEGIN] = on_begin, [PENDING_ATTEMPT] = on_attempt, [PENDING_HISTORY] = on_history,
	[PENDING_OTHER] = on_other, [PENDING_APPROVALS] = on_approvals,
};

int reply_take(struct cw *cw, const struct frame *frame) {
	struct pending *slot = pending_find(cw, frame->serial);
	struct pending pending;
	struct reply reply;

	if (reply_read(frame, &reply) < 0)
		return -EBADMSG;
	if (!slot)
		return 0; /* nobody waits for it */
	pending = *slot;
	*slot = (struct pending){ 0 };
	return takers[pending.what](cw, &pending, &reply);
}

/* The connection is gone: each request that waits is answered as refused. */
void pending_fail(struct cw *cw) {
	struct reply reply = { .result = RESULT_FAILED, .reason = CW_REASON_DEGRADED };

	text_fit(reply.message, sizeof(reply.message), "disconnected");
	for (uint32_t i = 0; i < CLIENT_PENDING; ++i) {
		struct pending pending = cw->pending[i];

		cw->pending[i] = (struct pending){ 0 };
		/* Attempts end below, the answered and the asked alike. */
		if (pending.what != PENDING_NONE && pending.what != PENDING_BEGIN)
			(void)takers[pending.what](cw, &pending, &reply);
	}
	for (uint32_t i = 0; i < CLIENT_ATTEMPTS; ++i) {
		enum attempt_state state = cw->attempts[i].state;

		if (state != ATTEMPT_FREE && state != ATTEMPT_RECEIPT)
			(void)attempt_over(cw, &cw->attempts[i], reply.message);
	}
}
