/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/player.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "pump-actions.h"
#include "ui-glue/demo/child.h"
#include "ui-glue/demo/room.h"

#define ANSWER_TIMEOUT_MS 30000

int player_open(struct player *p, const char *socket, uint32_t broker_uid) {
	const struct cw_options options = { .size = sizeof(options),
					    .n_actions = CW_ACT_COUNT,
					    .actions = CW_ACT_TABLE,
					    .seat = "main",
					    .socket = socket,
					    .broker_uid = broker_uid };

	*p = (struct player){ 0 };
	return cw_open(&options, &p->cw);
}

void player_close(struct player *p) {
	p->cw = cw_close(p->cw);
}

int player_hand(const struct player *p, const char *deed) {
	char device[32];
	size_t n = strcspn(deed + 1, " ");

	if (!p->places || n >= sizeof(device) || deed[1 + n] != ' ')
		return -EINVAL;
	(void)snprintf(device, sizeof(device), "%.*s", (int)n, deed + 1);
	return room_tell(p->places, device, deed + n + 2);
}

/* Return: the prompt is done with: the hand did something, or waits. */
static bool use_hand(struct player *p, const struct cw_prompt *prompt) {
	if (p->answers && *p->answers && **p->answers == '@') {
		(void)player_hand(p, *p->answers++);
		return true;
	}
	return prompt->field == CW_FIELD_INSERT || prompt->field == CW_FIELD_TOUCH;
}

static void answer(struct player *p) {
	struct cw_prompt prompt = { .size = sizeof(prompt) };

	if (cw_prompt(p->cw, p->attempt, &prompt) < 0)
		return;
	/* Every question but the plain ones says what was wrong before. */
	if (strncmp(prompt.message, "ask-", 4) != 0 && strncmp(prompt.message, "confirm", 7) != 0)
		(void)memcpy(p->refusal, prompt.message, sizeof(p->refusal));
	if (prompt.field == CW_FIELD_PIN)
		p->tries = prompt.tries_left;
	if (use_hand(p, &prompt))
		return;
	/* A fresh sign-in needs no password again: its answer is passed over. */
	while (prompt.field == CW_FIELD_CONFIRM && p->answers && *p->answers &&
	       strcmp(*p->answers, "yes") != 0)
		++p->answers;
	if (!p->answers || !*p->answers) {
		(void)cw_cancel(p->cw, p->attempt);
		p->given_up = true;
		return;
	}
	/* Not taken: the conversation then ends by itself, as nobody answers it. */
	if (cw_answer(p->cw, p->attempt, *p->answers, strlen(*p->answers)) == 0)
		++p->answers;
}

/* Takes all that has come. Return: @kind was among it. */
static bool take_events(struct player *p, enum cw_event_kind kind) {
	struct cw_event event = { .size = sizeof(event) };
	bool found = false;

	while (cw_next_event(p->cw, &event) == 1) {
		p->seen |= 1u << event.kind;
		if (event.kind == CW_EVENT_PROMPT && event.attempt == p->attempt)
			answer(p);
		if (event.kind == kind) {
			p->last = event;
			found = true;
			if (kind != CW_EVENT_NONE)
				return true;
		}
	}
	return found;
}

bool player_wait(struct player *p, enum cw_event_kind kind, int timeout_ms) {
	int64_t until = child_now_ms() + timeout_ms;
	struct pollfd wanted = { .fd = cw_fd(p->cw), .events = POLLIN };

	for (;;) {
		int64_t left = until - child_now_ms();
		int own = cw_timeout_ms(p->cw);

		(void)cw_dispatch(p->cw);
		if (take_events(p, kind))
			return true;
		if (left <= 0)
			return false;
		if (own >= 0 && own < left)
			left = own;
		(void)poll(&wanted, 1, (int)left);
	}
}

bool player_saw(const struct player *p, enum cw_event_kind kind) {
	return (p->seen >> kind & 1u) != 0;
}

void player_forget(struct player *p) {
	p->seen = 0;
	p->refusal[0] = '\0';
}

/* Ends of a conversation. */
static bool wait_end(struct player *p, const char *const *answers, enum cw_event_kind yes) {
	int64_t until = child_now_ms() + ANSWER_TIMEOUT_MS;

	p->answers = answers;
	p->given_up = false;
	while (child_now_ms() < until && !p->given_up) {
		struct cw_event event = { .size = sizeof(event) };
		struct pollfd wanted = { .fd = cw_fd(p->cw), .events = POLLIN };

		(void)cw_dispatch(p->cw);
		while (cw_next_event(p->cw, &event) == 1) {
			p->seen |= 1u << event.kind;
			if (event.attempt != p->attempt)
				continue;
			if (event.kind == CW_EVENT_PROMPT)
				answer(p);
			if (event.kind == yes || event.kind == CW_EVENT_ATTEMPT_OVER ||
			    event.kind == CW_EVENT_ERROR) {
				p->last = event;
				return true;
			}
		}
		(void)poll(&wanted, 1, 50);
	}
	return false;
}

bool player_talk(struct player *p, const char *const *answers, enum cw_event_kind yes) {
	p->last = (struct cw_event){ .size = sizeof(p->last) };
	player_forget(p);
	return wait_end(p, answers, yes);
}

bool player_sign_in(struct player *p, enum cw_purpose purpose, const char *name,
                    const char *const *answers) {
	p->last = (struct cw_event){ .size = sizeof(p->last) };
	player_forget(p);
	if (cw_sign_in(p->cw, purpose, name, &p->attempt) < 0)
		return false;
	return wait_end(p, answers, CW_EVENT_SIGNED_IN);
}

bool player_approve(struct player *p, uint32_t action, const uint8_t digest[32], const char *words,
                    const char *const *answers) {
	p->last = (struct cw_event){ .size = sizeof(p->last) };
	player_forget(p);
	if (cw_authorize(p->cw, action, digest, "rate limit", words, &p->attempt) < 0)
		return false;
	return wait_end(p, answers, CW_EVENT_AUTHORIZED);
}

/* The answer with this number. */
static enum cw_verdict wait_used(struct player *p, uint64_t serial, enum cw_reason *ret_reason) {
	for (unsigned i = 0; i < 16; ++i) {
		if (!player_wait(p, CW_EVENT_USED, 10000))
			return CW_DENY;
		if (p->last.serial != serial)
			continue;
		*ret_reason = p->last.reason;
		return p->last.verdict;
	}
	return CW_DENY;
}

enum cw_verdict player_use(struct player *p, uint32_t action, const char *object,
                           enum cw_reason *ret_reason) {
	enum cw_verdict verdict = CW_DENY;
	uint64_t serial = 0;
	int r;

	*ret_reason = CW_REASON_NONE;
	r = cw_use(p->cw, action, object, cw_session(p->cw), &verdict, ret_reason, &serial);
	if (r == -EINPROGRESS)
		return wait_used(p, serial, ret_reason);
	return r == 0 ? verdict : CW_DENY;
}

enum cw_verdict player_redeem_this(struct player *p, const uint8_t *receipt, size_t n,
                                   uint32_t action, const uint8_t digest[32],
                                   enum cw_reason *ret_reason) {
	uint64_t serial = 0;

	*ret_reason = CW_REASON_NONE;
	if (cw_redeem(p->cw, receipt, n, action, digest, &serial) < 0)
		return CW_DENY;
	return wait_used(p, serial, ret_reason);
}

enum cw_verdict player_redeem(struct player *p, uint32_t action, const uint8_t digest[32],
                              enum cw_reason *ret_reason) {
	uint8_t receipt[4096];
	size_t n = sizeof(receipt);

	*ret_reason = CW_REASON_NONE;
	if (cw_receipt(p->cw, p->attempt, receipt, &n) < 0)
		return CW_DENY;
	return player_redeem_this(p, receipt, n, action, digest, ret_reason);
}
