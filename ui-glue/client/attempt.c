/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations
 *
 * The application has its number for an attempt at once; the broker's own comes
 * with the reply. What is answered is sent and wiped, and kept nowhere.
 */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <string.h>

struct attempt *attempt_by_number(struct cw *cw, uint64_t number) {
	for (uint32_t i = 0; i < CLIENT_ATTEMPTS; ++i) {
		if (cw->attempts[i].state != ATTEMPT_FREE && cw->attempts[i].number == number)
			return &cw->attempts[i];
	}
	return NULL;
}

struct attempt *attempt_by_remote(struct cw *cw, uint64_t remote) {
	struct attempt *oldest = NULL;

	for (uint32_t i = 0; i < CLIENT_ATTEMPTS; ++i) {
		struct attempt *attempt = &cw->attempts[i];

		if (attempt->state == ATTEMPT_FREE)
			continue;
		if (attempt->remote == remote)
			return attempt;
		if (attempt->state == ATTEMPT_BEGINNING && attempt->remote == 0 &&
		    (!oldest || attempt->number < oldest->number))
			oldest = attempt;
	}
	/* Its first prompt may overtake the reply that tells its number. */
	if (oldest)
		oldest->remote = remote;
	return oldest;
}

/* A free one, or the oldest receipt's that was never fetched. */
static struct attempt *attempt_new(struct cw *cw) {
	struct attempt *found = NULL;

	for (uint32_t i = 0; i < CLIENT_ATTEMPTS; ++i) {
		struct attempt *attempt = &cw->attempts[i];

		if (attempt->state == ATTEMPT_FREE) {
			found = attempt;
			break;
		}
		if (attempt->state == ATTEMPT_RECEIPT &&
		    (!found || attempt->number < found->number))
			found = attempt;
	}
	if (found)
		*found = (struct attempt){ .state = ATTEMPT_BEGINNING,
					   .number = ++cw->attempt_number };
	return found;
}

struct cw_event *attempt_over(struct cw *cw, struct attempt *attempt, const char *message) {
	struct cw_event *event = attempt->cancelled ? NULL : event_push(cw, CW_EVENT_ATTEMPT_OVER);

	if (event) {
		event->attempt = attempt->number;
		text_fit(event->message, sizeof(event->message), message);
	}
	explicit_bzero(attempt, sizeof(*attempt));
	return event;
}

static int cancel_send(struct cw *cw, struct attempt *attempt, const char *reason) {
	struct frame_writer w;

	frame_start(cw, &w, "attempt.cancel");
	frame_uint(&w, "attempt", attempt->remote);
	if (reason)
		frame_text(&w, "reason", reason);
	return request_send(cw, &w, PENDING_ATTEMPT, 0, NULL);
}

void attempt_begun(struct cw *cw, uint64_t number, uint64_t remote) {
	struct attempt *attempt = attempt_by_number(cw, number);

	if (!attempt)
		return;
	attempt->remote = remote;
	if (attempt->state == ATTEMPT_BEGINNING)
		attempt->state = ATTEMPT_OPEN;
	if (!attempt->cancelled)
		return;
	(void)cancel_send(cw, attempt, NULL);
	explicit_bzero(attempt, sizeof(*attempt));
}

int attempt_begin(struct cw *cw, struct frame_writer *w, uint64_t *ret_attempt) {
	struct attempt *attempt;
	int r;

	if (cw->link != LINK_UP || cw->broken)
		return -ENOTCONN;
	attempt = attempt_new(cw);
	if (!attempt)
		return -EAGAIN;
	r = request_send(cw, w, PENDING_BEGIN, attempt->number, NULL);
	if (r < 0) {
		*attempt = (struct attempt){ 0 };
		return r;
	}
	*ret_attempt = attempt->number;
	return 0;
}

int cw_sign_in(struct cw *cw, enum cw_purpose purpose, const char *name, uint64_t *ret_attempt) {
	return cw_sign_in_with(cw, purpose, CW_FACTOR_NONE, name, ret_attempt);
}

int cw_sign_in_with(struct cw *cw, enum cw_purpose purpose, enum cw_factor factor, const char *name,
		    uint64_t *ret_attempt) {
	struct frame_writer w;

	if (purpose < CW_PURPOSE_SIGN_IN || purpose > CW_PURPOSE_RECOVER ||
	    factor > CW_FACTOR_FIDO2 || factor == CW_FACTOR_CODE || !text_is_fit(name, LIMIT_NAME))
		return -EINVAL;
	frame_start(cw, &w, "attempt.begin");
	frame_uint(&w, "purpose", (uint64_t)purpose);
	if (name)
		frame_text(&w, "name", name);
	if (factor != CW_FACTOR_NONE)
		frame_uint(&w, "factor", (uint64_t)factor);
	return attempt_begin(cw, &w, ret_attempt);
}

int cw_witness(struct cw *cw, uint32_t action, const char *object, uint64_t *ret_attempt) {
	struct frame_writer w;

	if (action >= cw->n_actions || cw->actions[action].kind != CW_KIND_CARE ||
	    !text_is_fit(object, LIMIT_OBJECT))
		return -EINVAL;
	frame_start(cw, &w, "witness");
	frame_text(&w, "action", cw->actions[action].name);
	if (object)
		frame_text(&w, "object", object);
	return attempt_begin(cw, &w, ret_attempt);
}

int cw_badge(struct cw *cw, const char *line) {
	struct frame_writer w;
	int r;

	if (!line || line[0] == '\0' || !text_is_fit(line, 128))
		return -EINVAL;
	if (cw->link != LINK_UP || cw->broken)
		return -ENOTCONN;
	frame_start(cw, &w, "badge");
	frame_text(&w, "line", line);
	r = request_send(cw, &w, PENDING_OTHER, 0, NULL);
	explicit_bzero(cw->out, w.n);
	return r;
}

/* What can be enrolled, by the names of the protocol. */
static const char *const enrolled[CW_N_FACTORS] = {
	[CW_FACTOR_BADGE] = "badge",
	[CW_FACTOR_CODE] = "code",
	[CW_FACTOR_SMARTCARD] = "smartcard",
	[CW_FACTOR_FIDO2] = "fido2",
};

int cw_enrol(struct cw *cw, const char *name, enum cw_factor factor, const char *label,
	     uint64_t *ret_attempt) {
	struct frame_writer w;

	if (!name || !text_is_fit(name, LIMIT_NAME) || !text_is_fit(label, LIMIT_NAME) ||
	    (unsigned)factor >= CW_N_FACTORS || !enrolled[factor])
		return -EINVAL;
	frame_start(cw, &w, "token.enrol");
	frame_text(&w, "name", name);
	frame_text(&w, "factor", enrolled[factor]);
	if (label)
		frame_text(&w, "label", label);
	return attempt_begin(cw, &w, ret_attempt);
}

int cw_prompt(struct cw *cw, uint64_t attempt, struct cw_prompt *ret_prompt) {
	const struct attempt *a = attempt_by_number(cw, attempt);
	uint32_t size = ret_prompt->size;

	if (!a || a->state != ATTEMPT_ASKED || size < sizeof(*ret_prompt))
		return -ENOENT;
	*ret_prompt = a->prompt;
	ret_prompt->size = size;
	return 0;
}

int cw_answer(struct cw *cw, uint64_t attempt, const void *answer, size_t n_answer) {
	struct attempt *a = attempt_by_number(cw, attempt);
	struct frame_writer w;
	int r;

	if (!a || a->state != ATTEMPT_ASKED || a->cancelled || n_answer > SECRET_MAX ||
	    (n_answer > 0 && !answer))
		return -EINVAL;
	if (a->prompt.field == CW_FIELD_TOUCH)
		return -EINVAL; /* a hand has to move, and that is seen by itself */
	frame_start(cw, &w, "attempt.answer");
	frame_uint(&w, "attempt", a->remote);
	frame_bytes(&w, "value", n_answer > 0 ? answer : "", n_answer);
	r = request_send(cw, &w, PENDING_ATTEMPT, a->number, NULL);
	explicit_bzero(cw->out, w.n);
	if (r == 0)
		a->state = ATTEMPT_OPEN;
	return r;
}

int cw_cancel(struct cw *cw, uint64_t attempt) {
	return cw_cancel_because(cw, attempt, NULL);
}

int cw_cancel_because(struct cw *cw, uint64_t attempt, const char *reason) {
	struct attempt *a = attempt_by_number(cw, attempt);
	int r;

	if (!text_is_fit(reason, LIMIT_TEXT))
		return -EINVAL;
	if (!a || a->cancelled)
		return -ENOENT;
	if (a->state == ATTEMPT_BEGINNING) {
		a->cancelled = true; /* told when its number is known */
		return 0;
	}
	r = a->state == ATTEMPT_RECEIPT ? 0 : cancel_send(cw, a, reason);
	if (r == 0)
		explicit_bzero(a, sizeof(*a));
	return r;
}
