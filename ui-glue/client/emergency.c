/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Break-glass
 *
 * The order is the promise: first the emergency is real in this process, then
 * the record is kept, then the broker is told without waiting.
 */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <string.h>

bool id_is_zero(const uint8_t id[16]) {
	static const uint8_t zero[16];

	return memcmp(id, zero, sizeof(zero)) == 0;
}

static struct known_emergency *known_find(struct cw *cw, const uint8_t id[16]) {
	for (uint32_t i = 0; i < CLIENT_KNOWN; ++i) {
		if (cw->known[i].is_set && memcmp(cw->known[i].id, id, 16) == 0)
			return &cw->known[i];
	}
	return NULL;
}

bool emergency_is_ended(const struct cw *cw, const uint8_t id[16]) {
	for (uint32_t i = 0; i < CLIENT_KNOWN; ++i) {
		if (cw->known[i].is_set && cw->known[i].ended &&
		    memcmp(cw->known[i].id, id, 16) == 0)
			return true;
	}
	return false;
}

/*
 * Remembers it, in place of the oldest; never of the one that is open here, and of
 * one whose end is still to be said only when there is no other place.
 */
static struct known_emergency *known_add(struct cw *cw, const uint8_t id[16]) {
	struct known_emergency *known = known_find(cw, id);
	uint32_t passed = 0;

	if (known)
		return known;
	do {
		known = &cw->known[cw->known_next++ % CLIENT_KNOWN];
	} while (known->is_set &&
	         ((cw->local.open && memcmp(known->id, cw->local.id, 16) == 0) ||
	          (known->end_owed && passed++ < CLIENT_KNOWN)));
	*known = (struct known_emergency){ .is_set = true };
	memcpy(known->id, id, sizeof(known->id));
	return known;
}

void emergency_remember(struct cw *cw, const uint8_t id[16]) {
	(void)known_add(cw, id);
}

bool emergency_began(struct cw *cw, const uint8_t id[16]) {
	struct cw_event *event;

	if (known_find(cw, id))
		return false;
	(void)known_add(cw, id);
	event = event_push(cw, CW_EVENT_EMERGENCY);
	if (event)
		memcpy(event->emergency, id, sizeof(event->emergency));
	return true;
}

bool emergency_ended(struct cw *cw, const uint8_t id[16]) {
	struct known_emergency *known = known_add(cw, id);
	struct cw_event *event;

	if (known->ended)
		return false;
	known->ended = true;
	if (cw->local.open && memcmp(cw->local.id, id, sizeof(cw->local.id)) == 0)
		cw->local.open = false;
	event = event_push(cw, CW_EVENT_EMERGENCY_ENDED);
	if (event)
		memcpy(event->emergency, id, sizeof(event->emergency));
	return true;
}

/* An id that was drawn ahead; when they are used up, one that no other can be. */
static void id_take(struct cw *cw, uint8_t ret_id[16]) {
	uint64_t counter;

	if (cw->ids_left > 0) {
		memcpy(ret_id, cw->ids[--cw->ids_left], 16);
		return;
	}
	memcpy(ret_id, cw->id_base, 16);
	counter = ++cw->id_counter;
	for (int i = 0; i < 8; ++i)
		ret_id[8 + i] ^= (uint8_t)(counter >> (8 * i));
}

/* A new emergency: real first, then kept, then told. */
static void emergency_start(struct cw *cw, const char *name, const struct policy_state *state) {
	struct ring_record *start = &cw->local.start;

	id_take(cw, cw->local.id);
	cw->local.open = true;
	cw->local.is_recorded = false;
	record_begin(cw, start, RECORD_START, state, cw->local.id);
	start->verdict = CW_ALLOW;
	start->reason = CW_REASON_EMERGENCY;
	start->deadline_ms = start->boot_ms + CLIENT_DEADLINE_MS;
	text_fit(start->name, sizeof(start->name), name);
	cw->local.recorded = record_keep(cw, start) ? CW_RECORDED_IN_RING : CW_RECORDED_NOT;
	(void)emergency_began(cw, cw->local.id);
}

int cw_break_glass(struct cw *cw, const char *name, uint8_t ret_id[16],
		   enum cw_recorded *ret_recorded) {
	enum cw_recorded recorded = CW_RECORDED_IN_RING;
	struct policy_state state;
	const uint8_t *id;

	state_now(cw, &state);
	/* Another process's emergency holds here, too, while the broker says so. */
	if (!cw->local.open && state.emergency != 0 && broker_is_alive(cw, clock_boot_ms())) {
		id = state.emergency_id;
	} else {
		if (!cw->local.open)
			emergency_start(cw, name, &state);
		id = cw->local.id;
		recorded = cw->local.recorded;
	}
	if (ret_id)
		memcpy(ret_id, id, 16);
	if (ret_recorded)
		*ret_recorded = recorded;
	return 0;
}

/* Is it open, or was it ever, as far as is known here? */
static bool emergency_is_known(struct cw *cw, const uint8_t id[16],
			       const struct policy_state *state) {
	if (known_find(cw, id))
		return true;
	return state->emergency != 0 && memcmp(state->emergency_id, id, 16) == 0;
}

int cw_break_glass_reason(struct cw *cw, const uint8_t id[16], const char *reason,
			  const char *text) {
	struct ring_record record;
	struct policy_state state;

	if (!reason || !text_is_fit(reason, sizeof(record.name)) ||
	    !text_is_fit(text, sizeof(record.text)))
		return -EINVAL;
	state_now(cw, &state);
	if (!emergency_is_known(cw, id, &state))
		return -ENOENT;
	record_begin(cw, &record, RECORD_REASON, &state, id);
	text_fit(record.name, sizeof(record.name), reason);
	text_fit(record.text, sizeof(record.text), text);
	return record_keep(cw, &record) ? 0 : -ENOSPC;
}

int cw_break_glass_end(struct cw *cw, const uint8_t id[16]) {
	struct known_emergency *known;
	struct ring_record record;
	struct policy_state state;
	bool kept;

	state_now(cw, &state);
	if (!emergency_is_known(cw, id, &state) || emergency_is_ended(cw, id))
		return -ENOENT;
	record_begin(cw, &record, RECORD_END, &state, id);
	kept = record_keep(cw, &record);
	(void)emergency_ended(cw, id);
	known = known_find(cw, id);
	if (known && !kept) {
		known->end_owed = true;
		known->end_boot_ms = record.boot_ms;
		known->end_wall_ms = record.wall_ms;
	}
	return 0;
}

void emergency_say_ends(struct cw *cw) {
	for (uint32_t i = 0; i < CLIENT_KNOWN; ++i) {
		struct known_emergency *known = &cw->known[i];
		struct ring_record record;
		struct policy_state state;

		if (!known->end_owed || !record_has_room(cw))
			continue;
		state_now(cw, &state);
		record_begin(cw, &record, RECORD_END, &state, known->id);
		record.boot_ms = known->end_boot_ms;
		record.wall_ms = known->end_wall_ms;
		known->end_owed = !record_keep(cw, &record);
	}
}
