/* SPDX-License-Identifier: Apache-2.0 */
/* The queue, and what the broker's events become. */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <string.h>

struct cw_event *event_push(struct cw *cw, enum cw_event_kind kind) {
	struct cw_event *event;

	/* One redrawing is enough for any number of changes. */
	for (uint32_t i = 0; kind == CW_EVENT_STATE && i < cw->n_events; ++i) {
		event = &cw->events[(cw->events_first + i) % CLIENT_EVENTS];
		if (event->kind == CW_EVENT_STATE)
			return event;
	}
	if (cw->n_events == CLIENT_EVENTS)
		return NULL;
	event = &cw->events[(cw->events_first + cw->n_events++) % CLIENT_EVENTS];
	*event = (struct cw_event){ .size = sizeof(*event), .kind = kind };
	return event;
}

int cw_next_event(struct cw *cw, struct cw_event *ret_event) {
	uint32_t size = ret_event->size;

	if (cw->n_events == 0 || size < sizeof(*ret_event))
		return 0;
	*ret_event = cw->events[cw->events_first];
	ret_event->size = size;
	cw->events_first = (cw->events_first + 1) % CLIENT_EVENTS;
	--cw->n_events;
	return 1;
}

/* Values that may be missing. Return: 0; -EBADMSG (another type). */

static int optional_uint(struct frame_span body, const char *key, uint64_t *value) {
	int r = frame_get_uint(body, key, value);

	return r == -ENOENT ? 0 : r;
}

static int optional_text(struct frame_span body, const char *key, char *value, size_t room) {
	int r = frame_get_text(body, key, value, room);

	return r == -ENOENT ? 0 : r;
}

static int on_state(struct cw *cw, struct frame_span body, int fd) {
	(void)event_push(cw, CW_EVENT_STATE);
	return 0;
}

static int on_policy(struct cw *cw, struct frame_span body, int fd) {
	const struct policy_table *table = NULL;

	/* A policy that cannot be believed is none: always and care go on. */
	if (fd < 0 || page_map_policy(fd, &table) < 0)
		table = NULL;
	table_take(cw, table);
	(void)event_push(cw, CW_EVENT_POLICY);
	return 0;
}

static int on_prompt(struct cw *cw, struct frame_span body, int fd) {
	struct cw_prompt prompt = { .size = sizeof(prompt), .tries_left = 255 };
	uint64_t remote, field, tries = 255;
	struct attempt *attempt;
	struct cw_event *event;
	bool secret;

	if (frame_get_uint(body, "attempt", &remote) < 0 ||
	    frame_get_uint(body, "field", &field) < 0 ||
	    frame_get_bool(body, "secret", &secret) < 0 ||
	    frame_get_text(body, "message", prompt.message, sizeof(prompt.message)) < 0 ||
	    optional_text(body, "text", prompt.text, sizeof(prompt.text)) < 0 ||
	    optional_uint(body, "tries", &tries) < 0 || field > CW_FIELD_CONFIRM)
		return -EBADMSG;
	attempt = attempt_by_remote(cw, remote);
	if (!attempt)
		return 0; /* given up meanwhile */
	prompt.field = (enum cw_field)field;
	prompt.is_secret = secret;
	prompt.tries_left = tries > 255 ? 255 : (uint8_t)tries;
	prompt.attempt = attempt->number;
	attempt->prompt = prompt;
	attempt->state = ATTEMPT_ASKED;
	event = event_push(cw, CW_EVENT_PROMPT);
	if (event) {
		event->attempt = attempt->number;
		text_fit(event->message, sizeof(event->message), prompt.message);
	}
	return 0;
}

static int signed_in_read(struct frame_span body, struct cw_event *event, uint64_t *ret_remote,
			  bool *ret_handover) {
	uint64_t account = 0, failures = 0;
	int r;

	if (frame_get_uint(body, "session", &event->session) < 0 ||
	    frame_get_uint(body, "account", &account) < 0 ||
	    optional_uint(body, "attempt", ret_remote) < 0 ||
	    optional_uint(body, "failures", &failures) < 0 ||
	    optional_text(body, "text", event->text, sizeof(event->text)) < 0 ||
	    optional_text(body, "notice", event->message, sizeof(event->message)) < 0)
		return -EBADMSG;
	r = frame_get_int(body, "last_ms", &event->last_ms);
	if (r < 0 && r != -ENOENT)
		return r;
	r = frame_get_int(body, "failure_ms", &event->failure_ms);
	if (r < 0 && r != -ENOENT)
		return r;
	r = frame_get_bool(body, "handover", ret_handover);
	if (r < 0 && r != -ENOENT)
		return r;
	event->account = (uint32_t)account;
	event->failures = failures > UINT32_MAX ? UINT32_MAX : (uint32_t)failures;
	return 0;
}

static int on_signed_in(struct cw *cw, struct frame_span body, int fd) {
	struct cw_event read = { .size = sizeof(read), .kind = CW_EVENT_SIGNED_IN };
	struct cw_event *event;
	struct attempt *attempt = NULL;
	uint64_t remote = 0;
	bool handover = false;

	if (signed_in_read(body, &read, &remote, &handover) < 0)
		return -EBADMSG;
	if (remote != 0)
		attempt = attempt_by_remote(cw, remote);
	if (attempt) {
		read.attempt = attempt->number;
		explicit_bzero(attempt, sizeof(*attempt));
	}
	event = event_push(cw, CW_EVENT_SIGNED_IN);
	if (event)
		*event = read;
	event = handover ? event_push(cw, CW_EVENT_HANDOVER) : NULL;
	if (event) {
		*event = read;
		event->kind = CW_EVENT_HANDOVER;
	}
	return 0;
}

static int on_attempt_over(struct cw *cw, struct frame_span body, int fd) {
	char message[64] = "", text[LIMIT_TEXT] = "";
	struct attempt *attempt;
	struct cw_event *event;
	uint64_t remote, wait = 0;

	if (frame_get_uint(body, "attempt", &remote) < 0 ||
	    frame_get_text(body, "message", message, sizeof(message)) < 0 ||
	    optional_text(body, "text", text, sizeof(text)) < 0 ||
	    optional_uint(body, "wait_ms", &wait) < 0)
		return -EBADMSG;
	attempt = attempt_by_remote(cw, remote);
	event = attempt ? attempt_over(cw, attempt, message) : NULL;
	if (event) {
		event->wait_ms = wait;
		text_fit(event->text, sizeof(event->text), text);
	}
	return 0;
}

static int on_authorized(struct cw *cw, struct frame_span body, int fd) {
	const uint8_t *receipt;
	struct attempt *attempt;
	struct cw_event *event;
	uint64_t remote;
	size_t n;

	if (frame_get_uint(body, "attempt", &remote) < 0 ||
	    frame_get_bytes(body, "receipt", &receipt, &n) < 0 || n > CLIENT_RECEIPT_MAX)
		return -EBADMSG;
	attempt = attempt_by_remote(cw, remote);
	if (!attempt)
		return 0;
	memcpy(attempt->receipt, receipt, n);
	attempt->n_receipt = n;
	attempt->state = ATTEMPT_RECEIPT;
	event = event_push(cw, CW_EVENT_AUTHORIZED);
	if (event) {
		event->attempt = attempt->number;
		event->verdict = CW_ALLOW;
		event->reason = CW_REASON_GRANTED;
	}
	return 0;
}

static int on_recorded(struct cw *cw, struct frame_span body, int fd) {
	struct cw_event *event;
	uint8_t id[16];
	uint64_t serial;

	if (frame_get_fixed(body, "emergency", id, sizeof(id)) < 0 ||
	    frame_get_uint(body, "serial", &serial) < 0)
		return -EBADMSG;
	record_released(cw, id, serial);
	/* Only the declaration is of interest to people. */
	if (id_is_zero(id) || memcmp(id, cw->local.id, sizeof(id)) != 0 ||
	    serial != cw->local.start.serial)
		return 0;
	/* Recorded, and not granted: it was read too late. Now it is said again. */
	state_refresh(cw);
	if (cw->local.open && cw->last.emergency == 0)
		cw->offer_at_ms = 1;
	if (cw->local.is_recorded)
		return 0;
	cw->local.is_recorded = true;
	event = event_push(cw, CW_EVENT_EMERGENCY_RECORDED);
	if (event)
		memcpy(event->emergency, id, sizeof(id));
	return 0;
}

static int on_emergency(struct cw *cw, struct frame_span body, int fd) {
	uint8_t id[16];

	if (frame_get_fixed(body, "emergency", id, sizeof(id)) < 0)
		return -EBADMSG;
	(void)emergency_began(cw, id);
	return 0;
}

/* Is another one open here, by a page that can be read? */
static bool another_is_shown(struct cw *cw, const uint8_t id[16]) {
	struct policy_state page;

	return cw->page && state_page_read(cw->page, &page) == 0 && page.emergency != 0 &&
	       memcmp(page.emergency_id, id, sizeof(page.emergency_id)) != 0 &&
	       !emergency_is_ended(cw, page.emergency_id);
}

static int on_emergency_ended(struct cw *cw, struct frame_span body, int fd) {
	char how[16] = "";
	uint8_t id[16];

	if (frame_get_fixed(body, "emergency", id, sizeof(id)) < 0 ||
	    optional_text(body, "how", how, sizeof(how)) < 0)
		return -EBADMSG;
	/* One that joined another holds on here for as long as no page shows the other:
	 * care that was opened is not closed by a page that cannot be believed. */
	if (strcmp(how, "joined") == 0 && cw->local.open &&
	    memcmp(cw->local.id, id, sizeof(id)) == 0 && !another_is_shown(cw, id))
		return 0;
	(void)emergency_ended(cw, id);
	return 0;
}

/* Events that tell an emergency and no more. */
static int emergency_tell(struct cw *cw, struct frame_span body, enum cw_event_kind kind) {
	struct cw_event *event;
	uint8_t id[16];

	if (frame_get_fixed(body, "emergency", id, sizeof(id)) < 0)
		return -EBADMSG;
	event = event_push(cw, kind);
	if (event)
		memcpy(event->emergency, id, sizeof(id));
	return 0;
}

static int on_still_needed(struct cw *cw, struct frame_span body, int fd) {
	return emergency_tell(cw, body, CW_EVENT_STILL_NEEDED);
}

static int on_reason_wanted(struct cw *cw, struct frame_span body, int fd) {
	uint8_t id[16];

	/* Perhaps told to a process that never met it: cw_break_glass_reason() needs it. */
	if (frame_get_fixed(body, "emergency", id, sizeof(id)) < 0)
		return -EBADMSG;
	emergency_remember(cw, id);
	return emergency_tell(cw, body, CW_EVENT_REASON_WANTED);
}

static int on_alarm(struct cw *cw, struct frame_span body, int fd) {
	char message[64], text[128] = "";
	struct cw_event *event;

	if (frame_get_text(body, "message", message, sizeof(message)) < 0 ||
	    optional_text(body, "text", text, sizeof(text)) < 0)
		return -EBADMSG;
	event = event_push(cw, CW_EVENT_ALARM);
	if (event) {
		text_fit(event->message, sizeof(event->message), message);
		text_fit(event->text, sizeof(event->text), text);
	}
	return 0;
}

static int on_token(struct cw *cw, struct frame_span body, int fd) {
	char message[64], text[128] = "";
	struct cw_event *event;

	if (frame_get_text(body, "message", message, sizeof(message)) < 0 ||
	    optional_text(body, "text", text, sizeof(text)) < 0)
		return -EBADMSG;
	event = event_push(cw, CW_EVENT_TOKEN);
	if (event) {
		text_fit(event->message, sizeof(event->message), message);
		text_fit(event->text, sizeof(event->text), text);
	}
	return 0;
}

static int on_approvals(struct cw *cw, struct frame_span body, int fd) {
	(void)event_push(cw, CW_EVENT_APPROVALS);
	return 0;
}

/* clang-format off */
static const struct {
	const char *name;
	int (*take)(struct cw *cw, struct frame_span body, int fd);
} handlers[] = {
	{ "state", on_state },
	{ "policy", on_policy },
	{ "prompt", on_prompt },
	{ "signed-in", on_signed_in },
	{ "attempt-over", on_attempt_over },
	{ "authorized", on_authorized },
	{ "recorded", on_recorded },
	{ "emergency", on_emergency },
	{ "emergency-ended", on_emergency_ended },
	{ "still-needed", on_still_needed },
	{ "reason-wanted", on_reason_wanted },
	{ "alarm", on_alarm },
	{ "token", on_token },
	{ "approvals", on_approvals },
};
/* clang-format on */

int event_take(struct cw *cw, const struct frame *frame, int fd, uint64_t now) {
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); ++i) {
		if (strcmp(handlers[i].name, frame->name) == 0)
			return handlers[i].take(cw, frame->body, fd);
	}
	return -EBADMSG;
}
