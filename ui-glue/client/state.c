/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is true at the seat, as far as this process knows
 *
 * The last good copy of the state page, and over it what the broker could not
 * publish: that it is gone, and what was declared or ended in this process.
 *
 * A state is about one policy, by its generation. When the policy changes, page and
 * table do not come at the same moment: until both are there the old pair decides,
 * for as long as its lease, and never more freely than the newer state would.
 */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <string.h>

/* The next table becomes the one that decides. */
static void table_turn(struct cw *cw) {
	cw->spent = cw->table; /* unmapping is a system call, and this is none */
	cw->table = cw->next;
	memcpy(cw->table_index, cw->next_index, sizeof(cw->table_index));
	cw->next = NULL;
	cw->has_paired = false;
}

void state_refresh(struct cw *cw) {
	uint64_t before = cw->last_generation;

	if (!cw->page || state_page_read_newer(cw->page, &cw->last_generation, &cw->last) < 0)
		return;
	cw->has_last = true;
	if (cw->next && cw->last.policy_generation == cw->next->generation)
		table_turn(cw);
	if (cw->table && cw->last.policy_generation == cw->table->generation &&
	    (!cw->has_paired || cw->last_generation != before)) {
		cw->paired = cw->last;
		cw->has_paired = true;
	}
}

static void take_less(uint64_t *value, uint64_t other) {
	if (other < *value)
		*value = other;
}

/* The old pair's state, and of the new one what closes, and what opens for anybody. */
static struct policy_state as_before(const struct policy_state *before,
				     const struct policy_state *now) {
	struct policy_state state = *before;

	if (now->session != before->session || now->account != before->account)
		return *now; /* somebody else: nothing of before is about this person */
	take_less(&state.lock_at, now->lock_at);
	take_less(&state.lease_until, now->lease_until);
	if (now->assurance < state.assurance)
		state.assurance = now->assurance;
	state.suspended |= now->suspended;
	state.flags |= now->flags;
	if (now->witnessed == 0)
		state.witnessed = 0;
	state.emergency = now->emergency;
	memcpy(state.emergency_id, now->emergency_id, sizeof(state.emergency_id));
	return state;
}

/* Is the state already about the next policy, whose table has not come yet? */
static bool is_between(const struct cw *cw) {
	return cw->table && cw->has_paired && cw->last.policy_generation != cw->table->generation;
}

/* Is what the page says all that is known here? */
static bool page_is_all(const struct cw *cw) {
	return cw->has_last && cw->link == LINK_UP && !cw->broken && !cw->local.open &&
	       cw->last.emergency == 0 && !is_between(cw);
}

static void state_overlay(struct cw *cw, struct policy_state *state) {
	if (cw->link != LINK_UP || cw->broken)
		state->lease_until = 0;
	if (state->emergency != 0 && emergency_is_ended(cw, state->emergency_id)) {
		state->emergency = 0;
		memset(state->emergency_id, 0, sizeof(state->emergency_id));
	}
	if (cw->local.open) {
		bool adopted = state->emergency != 0 &&
			       memcmp(state->emergency_id, cw->local.id, 16) == 0;

		/* Once the broker has it, the broker knows whether the owner unlocked. */
		if (!adopted)
			state->suspended = 1;
		state->emergency = 1;
		memcpy(state->emergency_id, cw->local.id, sizeof(state->emergency_id));
	}
}

/* @room is used where the page is not all: a copy costs more than the decision. */
static const struct policy_state *state_view(struct cw *cw, struct policy_state *room) {
	state_refresh(cw);
	if (page_is_all(cw))
		return &cw->last;
	if (!cw->has_last)
		*room = (struct policy_state){ 0 };
	else if (is_between(cw))
		*room = as_before(&cw->paired, &cw->last);
	else
		*room = cw->last;
	state_overlay(cw, room);
	return room;
}

void state_now(struct cw *cw, struct policy_state *ret_state) {
	struct policy_state room;
	const struct policy_state *state = state_view(cw, &room);

	*ret_state = *state;
}

bool broker_is_alive(const struct cw *cw, uint64_t now) {
	return cw->link == LINK_UP && !cw->broken && cw->has_last && now < cw->last.lease_until;
}

/* The index + 1 in the table of an action of this name and kind; 0: there is none. */
static uint16_t table_find(const struct policy_table *table, const struct cw_action *action) {
	for (uint32_t i = 0; i < table->n_actions; ++i) {
		if (strncmp(table->action_names[i], action->name, POLICY_NAME_SIZE) == 0)
			return table->actions[i].kind == action->kind ? (uint16_t)(i + 1) : 0;
	}
	return 0;
}

void tables_tidy(struct cw *cw) {
	page_unmap_policy(cw->spent);
	cw->spent = NULL;
}

static void next_is(struct cw *cw, const struct policy_table *table) {
	tables_tidy(cw);
	page_unmap_policy(cw->next);
	cw->next = table;
	memset(cw->next_index, 0, sizeof(cw->next_index));
	for (uint32_t i = 0; table && i < cw->n_actions; ++i)
		cw->next_index[i] = table_find(table, &cw->actions[i]);
}

void table_take(struct cw *cw, const struct policy_table *table) {
	next_is(cw, table);
	if (!table)
		table_turn(cw); /* none that can be believed: at once */
	state_refresh(cw);
	tables_tidy(cw);
}

void pages_take(struct cw *cw, const struct policy_table *table, const struct state_page *page) {
	page_unmap_state_read(cw->page);
	cw->page = page;
	cw->last_generation = 0; /* what was read is another page's */
	/* Another broker, perhaps: nothing of the one before decides. */
	next_is(cw, table);
	table_turn(cw);
	state_refresh(cw);
	tables_tidy(cw);
}

/* The decision when the table does not know the action: its compiled kind alone counts. */
static enum cw_verdict compiled_decide(const struct cw *cw, uint8_t kind,
				       const struct policy_state *state, enum cw_reason *reason) {
	if (kind == CW_KIND_ALWAYS) {
		*reason = CW_REASON_ALWAYS;
		return CW_ALLOW;
	}
	if (kind == CW_KIND_CARE && state->emergency != 0) {
		*reason = CW_REASON_EMERGENCY;
		return CW_ALLOW;
	}
	if (cw->table && kind != CW_KIND_CARE)
		*reason = CW_REASON_UNKNOWN_ACTION;
	else
		*reason = cw->has_last ? CW_REASON_BAD_POLICY : CW_REASON_DEGRADED;
	return kind == CW_KIND_CARE ? CW_BREAK_GLASS : CW_DENY;
}

enum cw_verdict action_decide(struct cw *cw, uint32_t action, const struct policy_state *state,
			      uint64_t now, enum cw_reason *ret_reason) {
	struct policy_state unconfirmed;
	enum cw_verdict verdict;
	uint32_t index;

	if (action >= cw->n_actions) {
		*ret_reason = CW_REASON_UNKNOWN_ACTION;
		return CW_DENY;
	}
	if (!cw->table || !cw->has_last || cw->table_index[action] == 0)
		return compiled_decide(cw, cw->actions[action].kind, state, ret_reason);
	/* A page never carries a confirmation of something sensitive; nor is one believed. */
	if (cw->actions[action].kind == CW_KIND_SENSITIVE) {
		unconfirmed = *state;
		unconfirmed.confirmed = 0;
		state = &unconfirmed;
	}
	index = (uint32_t)cw->table_index[action] - 1;
	verdict = policy_decide(cw->table, state, index, now);
	if (verdict == CW_ALLOW) {
		*ret_reason = policy_reason_of_allow(cw->table, state, index);
		return CW_ALLOW;
	}
	*ret_reason = policy_reason(cw->table, state, index, now);
	/* Nobody can sign in or unlock while no broker answers: care has its other way in. */
	if (cw->actions[action].kind == CW_KIND_CARE && now >= state->lease_until) {
		*ret_reason = CW_REASON_DEGRADED;
		verdict = CW_BREAK_GLASS;
	}
	return verdict;
}

enum cw_verdict cw_check(struct cw *cw, uint32_t action, enum cw_reason *ret_reason) {
	struct policy_state room;
	const struct policy_state *state = state_view(cw, &room);
	enum cw_reason reason;
	enum cw_verdict verdict = action_decide(cw, action, state, clock_boot_ms(), &reason);

	if (ret_reason)
		*ret_reason = reason;
	return verdict;
}

uint64_t cw_session(struct cw *cw) {
	struct policy_state state;

	state_now(cw, &state);
	return state.session;
}

/* Of the contexts that may be in force the one that asks for most. */
static const char *context_strictest(const struct cw *cw, const struct policy_state *state,
				     uint64_t now) {
	uint32_t possible =
		now < state->signals_until ? state->contexts_now : state->contexts_later;
	const char *name = "";
	int most = -1;

	if (!cw->table || cw->table->generation != state->policy_generation)
		return name;
	for (uint32_t i = 0; i < cw->table->n_contexts && i < POLICY_CONTEXTS_MAX; ++i) {
		const struct policy_context *context = &cw->table->contexts[i];
		int asks = context->care * 8 + context->guarded;

		if (((possible >> i) & 1u) != 0 && asks > most) {
			most = asks;
			name = cw->table->context_names[i];
		}
	}
	return name;
}

/* Records that only this memory holds. */
static uint8_t unrecorded(const struct cw *cw) {
	uint64_t n = cw->ring->lost;

	for (uint32_t i = 0; i < LIMIT_RING_RECORDS; ++i)
		n += cw->ring->slots[i].state == RECORD_WRITTEN;
	return n > UINT8_MAX ? UINT8_MAX : (uint8_t)n;
}

static bool state_is_locked(const struct policy_state *state, uint64_t now) {
	return state->session != 0 && (state->lock_at == 0 || now >= state->lock_at);
}

int cw_status(struct cw *cw, struct cw_status *ret_status) {
	uint64_t now = clock_boot_ms();
	struct policy_state state;
	struct cw_status s = { .locks_in_ms = -1 };

	if (ret_status->size < sizeof(s))
		return -EINVAL;
	state_now(cw, &state);
	s.size = ret_status->size;
	s.connected = broker_is_alive(cw, now);
	s.signed_in = state.session != 0;
	s.locked = state_is_locked(&state, now);
	s.suspended = state.suspended != 0;
	s.emergency = state.emergency != 0;
	s.still_needed = state.emergency != 0 && (state.flags & STATE_STILL_NEEDED) != 0;
	s.alarm = (state.flags & STATE_ALARM) != 0;
	s.not_isolated = (state.flags & STATE_NOT_ISOLATED) != 0;
	s.assurance = state.assurance;
	s.unrecorded = unrecorded(cw);
	s.session = state.session;
	s.account = state.account;
	if (state.session != 0 && !s.locked) {
		uint64_t left = state.lock_at - now;

		s.locks_in_ms = left > INT64_MAX ? INT64_MAX : (int64_t)left;
	}
	text_fit(s.context, sizeof(s.context), context_strictest(cw, &state, now));
	memcpy(ret_status, &s, sizeof(s));
	return 0;
}

/* What changes by time alone, in bits. */
static uint32_t state_phase(const struct cw *cw, const struct policy_state *state, uint64_t now) {
	return (broker_is_alive(cw, now) ? 1u : 0) | (state_is_locked(state, now) ? 2u : 0) |
	       (now < state->signals_until ? 4u : 0);
}

void state_tick(struct cw *cw, uint64_t now) {
	struct policy_state state;
	uint32_t phase;

	state_now(cw, &state);
	phase = state_phase(cw, &state, now);
	if (phase == cw->told)
		return;
	if ((phase & 1u) != (cw->told & 1u))
		(void)event_push(cw, phase & 1u ? CW_EVENT_CONNECTED : CW_EVENT_DISCONNECTED);
	(void)event_push(cw, CW_EVENT_STATE);
	cw->told = phase;
}

uint64_t state_deadline(const struct cw *cw, uint64_t now) {
	uint64_t next = UINT64_MAX;
	struct policy_state state = cw->last;
	uint64_t times[3];

	/* From the page itself when it can be read: the broker may have renewed its lease. */
	if (cw->page)
		(void)state_page_read(cw->page, &state);
	if (cw->link != LINK_UP)
		state.lease_until = 0;
	times[0] = state.lease_until;
	times[1] = state.session != 0 ? state.lock_at : 0;
	times[2] = state.signals_until;
	for (int i = 0; i < 3; ++i) {
		if (times[i] > now && times[i] < next)
			next = times[i];
	}
	return next;
}
