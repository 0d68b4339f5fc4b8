/* SPDX-License-Identifier: Apache-2.0 */
/* Using actions, and the small requests. */

#include "common/object-hash.h"
#include "ui-glue/client/client.h"

#include <errno.h>
#include <string.h>

/* One use, on its way to be answered and recorded. */
struct use {
	uint32_t action;
	const char *object; /* NULL: none                                           */
	uint64_t session;   /* that the screen showed                               */
	enum cw_verdict verdict;
	enum cw_reason reason;
};

static void use_frame(struct cw *cw, struct frame_writer *w, const struct use *use,
		      const char *object) {
	frame_start(cw, w, "use");
	frame_text(w, "action", cw->actions[use->action].name);
	if (object && object[0] != 0)
		frame_text(w, "object", object);
	frame_uint(w, "session", use->session);
}

static void use_record(struct cw *cw, struct ring_record *record, const struct use *use,
		       const struct policy_state *state) {
	static const uint8_t none[16];

	record_begin(cw, record, RECORD_USE, state, state->emergency ? state->emergency_id : none);
	record->verdict = (uint8_t)use->verdict;
	record->reason = (uint8_t)use->reason;
	/* Under both: the session that was shown, and the account that is there now. */
	record->session = use->session;
	text_fit(record->action, sizeof(record->action), cw->actions[use->action].name);
	text_fit(record->object, sizeof(record->object), use->object);
}

/* always and care: answered already; now it is written down, one way or the other. */
static void use_tell(struct cw *cw, const struct use *use, const struct policy_state *state,
		     uint64_t now) {
	struct ring_record record;
	struct pending *pending;
	struct frame_writer w;
	uint64_t serial;

	use_record(cw, &record, use, state);
	if (state->emergency != 0 || !broker_is_alive(cw, now) || !pending_free(cw, PENDING_CARE)) {
		(void)record_keep(cw, &record);
		return;
	}
	use_frame(cw, &w, use, record.object);
	if (request_send(cw, &w, PENDING_CARE, 0, &serial) < 0) {
		(void)record_keep(cw, &record);
		return;
	}
	pending = pending_find(cw, serial);
	if (pending)
		pending->record = record;
}

static int use_now(struct cw *cw, struct use *use) {
	uint64_t now = clock_boot_ms();
	struct policy_state state;
	char object[LIMIT_OBJECT];

	state_now(cw, &state);
	/* As it will be recorded. Another dose than the one that was looked at has no witness. */
	text_fit(object, sizeof(object), use->object);
	if (state.witness_object != object_hash(object))
		state.witnessed = 0;
	use->verdict = action_decide(cw, use->action, &state, now, &use->reason);
	use_tell(cw, use, &state, now);
	return 0;
}

/* What this process knows better than the broker is answered here, the rest there. */
static int use_guarded(struct cw *cw, struct use *use, uint64_t *ret_serial) {
	struct policy_state state;
	struct frame_writer w;
	int r;

	if (!text_is_fit(use->object, LIMIT_OBJECT))
		return -EINVAL;
	state_now(cw, &state);
	use->reason = CW_REASON_DEGRADED;
	if (cw->link != LINK_UP || cw->broken)
		return -ENOTCONN;
	if (state.session != use->session) {
		use->reason = CW_REASON_OTHER_SESSION;
		return 0;
	}
	if (cw->local.open) {
		use->verdict =
			action_decide(cw, use->action, &state, clock_boot_ms(), &use->reason);
		if (use->verdict != CW_ALLOW)
			return 0;
	}
	use_frame(cw, &w, use, use->object);
	r = request_send(cw, &w, PENDING_USE, 0, ret_serial);
	if (r < 0)
		return r;
	use->verdict = CW_CONFIRM;
	use->reason = CW_REASON_NONE;
	return -EINPROGRESS;
}

int cw_use(struct cw *cw, uint32_t action, const char *object, uint64_t session,
	   enum cw_verdict *ret_verdict, enum cw_reason *ret_reason, uint64_t *ret_serial) {
	struct use use = { .action = action, .object = object, .session = session };
	int r;

	*ret_verdict = CW_DENY;
	if (ret_reason)
		*ret_reason = CW_REASON_UNKNOWN_ACTION;
	if (action >= cw->n_actions)
		return -EINVAL;
	use.verdict = CW_DENY;
	switch (cw->actions[action].kind) {
	case CW_KIND_ALWAYS:
	case CW_KIND_CARE:
		r = use_now(cw, &use);
		break;
	case CW_KIND_GUARDED:
		r = use_guarded(cw, &use, ret_serial);
		break;
	default:
		/* Sensitive: a receipt is what allows it, never this. */
		use.verdict = cw_check(cw, action, &use.reason);
		r = 0;
		break;
	}
	*ret_verdict = use.verdict;
	if (ret_reason)
		*ret_reason = use.reason;
	return r;
}

int cw_activity(struct cw *cw) {
	uint64_t now = clock_boot_ms();
	struct frame_writer w;
	int r;

	if (cw->link == LINK_UP && now - cw->activity_ms < CLIENT_ACTIVITY_MS)
		return 0;
	frame_start(cw, &w, "activity");
	r = frame_send(cw, &w);
	if (r == 0)
		cw->activity_ms = now;
	return r;
}

static int request_plain(struct cw *cw, const char *verb) {
	struct frame_writer w;

	frame_start(cw, &w, verb);
	return request_send(cw, &w, PENDING_OTHER, 0, NULL);
}

int cw_lock(struct cw *cw) {
	return request_plain(cw, "lock");
}

int cw_sign_out(struct cw *cw) {
	return request_plain(cw, "sign-out");
}

int cw_signal(struct cw *cw, const char *name, int value) {
	struct frame_writer w;

	if (!name || name[0] == 0 || !text_is_fit(name, LIMIT_NAME) || value < -1 || value > 1)
		return -EINVAL;
	frame_start(cw, &w, "signal");
	frame_text(&w, "name", name);
	if (value < 0)
		frame_null(&w, "value");
	else
		frame_bool(&w, "value", value == 1);
	return request_send(cw, &w, PENDING_OTHER, 0, NULL);
}
