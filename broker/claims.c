/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/requests.h"

#define CLAIMS_BREATH 16u /* records that are written before the engine says that it lives */
#define CLAIMS_TICK 64u   /* records that are taken from rings in one tick                */

/* Claims: ring records, from a socket, a ring whose client has gone, or the spool. */

static void tell_recorded(struct peer *peer, const uint8_t emergency[16], uint64_t serial) {
	uint8_t buffer[96];
	struct frame_writer w;

	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, "recorded");
	frame_bytes(&w, "emergency", emergency, 16);
	frame_uint(&w, "serial", serial);
	if (frame_end(&w) == 0)
		peer_send(peer, buffer, w.n, NULL, 0);
}

/*
 * Its client may have missed the end: without it, care stays open there for ever. While
 * another one is open, care is, and its client is told that, too.
 */
static void tell_over(struct peer *peer, const struct ring_record *record) {
	bool is_joined = peer->seat->seat.emergency.open;
	uint8_t buffer[128];
	struct frame_writer w;

	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, "emergency-ended");
	frame_bytes(&w, "emergency", record->emergency, sizeof(record->emergency));
	frame_text(&w, "how", is_joined ? "joined" : "before");
	if (frame_end(&w) == 0)
		peer_send(peer, buffer, w.n, NULL, 0);
}

struct taking {
	struct seat_runtime *seat;
	const struct ring_record *record;
};

/* Before anything is written: the seat's other processes do not wait for the disk. */
static void tell_seat(const struct emergency_outcome *outcome, void *userdata) {
	const struct taking *t = userdata;
	struct engine *e = t->seat->engine;

	if (outcome->began)
		engine_tell_emergency(e, t->seat, t->record->emergency, "emergency", NULL);
	if (outcome->ended)
		engine_tell_emergency(e, t->seat, t->record->emergency, "emergency-ended", "person");
}

/* A reason that was given is not asked for. */
static void note_reason(struct seat_runtime *seat, const struct ring_record *record) {
	memcpy(seat->reason_given, record->emergency, sizeof(seat->reason_given));
	if (memcmp(seat->reason_id, record->emergency, sizeof(seat->reason_id)) == 0)
		seat->reason_wanted = false;
}

/* Return: as emergency_record(). */
static int take(struct engine *e, struct seat_runtime *seat, const struct ring_record *record,
                enum emergency_way way, uint32_t uid, struct emergency_outcome *outcome) {
	struct moment now = engine_now(e);
	struct taking taking = { seat, record };
	const struct emergency_hook hook = { tell_seat, &taking };
	int r = emergency_record(e->store, engine_policy(e), &seat->seat, record, way, uid, &now,
	                         &hook, outcome);

	if (r < 0 && r != -EBADMSG)
		engine_store_failed(e, r);
	if (r == 0 && record->kind == RECORD_REASON)
		note_reason(seat, record);
	return r;
}

/* What opens or ends this seat's emergency is no part of a flood: never joined with others. */
static bool is_precious(const struct peer *peer, const struct ring_record *record,
                        const struct moment *now) {
	const struct emergency *e = &peer->seat->seat.emergency;

	if (record->kind == RECORD_END)
		return e->open && memcmp(e->id, record->emergency, sizeof(e->id)) == 0;
	return record->kind == RECORD_START && !e->open && now->boot_ms <= record->deadline_ms &&
	       memcmp(record->boot_id, now->boot_id, sizeof(record->boot_id)) == 0;
}

/* What could not be written stays in its client's ring; claims_tick() takes it from there. */
static void fall_behind(struct peer *peer) {
	peer->behind = peer->ring != NULL;
	peer->cursor = 0;
}

static bool is_joined(const struct peer *peer, const struct ring_record *record) {
	for (uint32_t i = 0; i < peer->n_joined; ++i)
		if (peer->joined[i].serial == record->serial &&
		    memcmp(peer->joined[i].emergency, record->emergency, 16) == 0)
			return true;
	return false;
}

/* Counts one more; it is acknowledged when the count is durable. */
static void join(struct peer *peer, const struct ring_record *record) {
	struct joined *j = NULL;

	if (is_joined(peer, record))
		return;
	if (peer->n_joined == PEER_JOINED)
		claims_flush_budget(peer);
	if (peer->n_joined == PEER_JOINED) {
		fall_behind(peer);
		return;
	}
	/* What was used is not known any more: no sign-in ends the emergency. */
	if (record->kind == RECORD_USE)
		peer->seat->seat.emergency.used_unknown = true;
	j = &peer->joined[peer->n_joined++];
	memcpy(j->emergency, record->emergency, sizeof(j->emergency));
	j->serial = record->serial;
}

int claims_packet(struct peer *peer, const uint8_t *packet, size_t n) {
	struct emergency_outcome outcome = { 0 };
	struct ring_record record;
	struct moment now = engine_now(peer->engine);
	bool counted = false;
	int r = 0;

	if (peer->phase != PEER_OPEN || n != 1 + sizeof(record))
		return -EPROTO;
	memcpy(&record, packet + 1, sizeof(record));
	if (!ring_record_is_valid(&record))
		return -EPROTO;
	counted = !is_precious(peer, &record, &now);
	if (counted && !budget_take(&peer->records, now.boot_ms, PEER_RECORDS_PER_S)) {
		join(peer, &record);
		return 0;
	}
	r = take(peer->engine, peer->seat, &record, EMERGENCY_BY_SOCKET, peer->uid, &outcome);
	if (r == -EBADMSG)
		return -EPROTO;
	/* What is said again is no claim more: it gives back the room that it took. */
	if (counted && outcome.repeated && peer->records.used > 0)
		--peer->records.used;
	if (outcome.recorded)
		tell_recorded(peer, record.emergency, record.serial);
	else
		fall_behind(peer);
	if (outcome.over)
		tell_over(peer, &record);
	return 0;
}

void claims_flush_budget(struct peer *peer) {
	char detail[48];
	struct journal_entry entry = {
		.event = EVENT_CLAIMS_COALESCED,
		.outcome = OUTCOME_OK,
		.seat = (uint8_t)(peer->seat->seat.index + 1),
		.flags = ENTRY_CLAIMED,
		.peer_uid = peer->uid,
		.detail = detail,
	};

	if (peer->n_joined == 0)
		return;
	(void)snprintf(detail, sizeof(detail), "count=%u", peer->n_joined);
	if (engine_record(peer->engine, &entry) < 0)
		return;
	for (uint32_t i = 0; i < peer->n_joined; ++i)
		tell_recorded(peer, peer->joined[i].emergency, peer->joined[i].serial);
	peer->n_joined = 0;
}

/* Rings are written by their clients, who could still change them: each record is
 * copied, then checked. */
struct reading {
	struct engine *engine;
	struct seat_runtime *seat;
	const struct ring *ring;
	struct peer *peer; /* NULL: it has gone                                        */
	uint32_t uid;
	uint32_t cursor;
	uint32_t n_most;
};

/* Return: 0 at the end; 1 there may be more; -errno: not durable, to be tried again. */
static int read_ring(struct reading *in) {
	struct moment now = engine_now(in->engine);
	struct ring_record record;

	for (uint32_t n = 0; n < in->n_most; ++n) {
		struct emergency_outcome outcome = { 0 };
		uint32_t before = in->cursor;
		int r = ring_next(in->ring, &in->cursor, &record);

		if (r == 0)
			return 0;
		if (r < 0 || (in->peer && is_joined(in->peer, &record)))
			continue;
		/* Who comes again and again with a full ring is joined, too. */
		if (!budget_take(&in->seat->drained, now.boot_ms / 60, SEAT_DRAINED_PER_MIN)) {
			if (in->peer)
				join(in->peer, &record);
			continue;
		}
		r = take(in->engine, in->seat, &record, EMERGENCY_BY_RING, in->uid, &outcome);
		if (r < 0 && r != -EBADMSG) {
			in->cursor = before;
			return r;
		}
		if (in->peer && outcome.recorded)
			tell_recorded(in->peer, record.emergency, record.serial);
		if ((n + 1) % CLAIMS_BREATH == 0)
			engine_breathe(in->engine);
	}
	return 1;
}

/* Its ring outlives the connection until the storage has it. */
static void leave_ring(struct peer *peer) {
	struct engine *e = peer->engine;
	struct ring_left *left = NULL;

	if (!e->store || e->stopping || e->n_left >= ENGINE_RINGS_LEFT)
		return; /* the supervisor has it, and spools it for the next engine */
	left = calloc(1, sizeof(*left));
	if (!left)
		return;
	*left = (struct ring_left){ .next = e->left,
				    .ring = peer->ring,
				    .seat = peer->seat,
				    .number = peer->number,
				    .uid = peer->uid };
	peer->ring = NULL; /* handed over */
	e->left = left;
	++e->n_left;
}

/* The client has gone: what it wrote and did not send is taken from its ring. */
void claims_drain_ring(struct peer *peer) {
	struct reading in = { .engine = peer->engine,
			      .seat = peer->seat,
			      .ring = peer->ring,
			      .peer = peer,
			      .uid = peer->uid,
			      .n_most = LIMIT_RING_RECORDS + 1 };

	if (!peer->ring)
		return;
	if (read_ring(&in) < 0)
		leave_ring(peer);
	else
		engine_ring_gone(peer->engine, peer->number);
}

static void catch_up(struct engine *e, struct peer *peer) {
	struct reading in = { .engine = e,
			      .seat = peer->seat,
			      .ring = peer->ring,
			      .peer = peer,
			      .uid = peer->uid,
			      .cursor = peer->cursor,
			      .n_most = CLAIMS_TICK };
	int r = read_ring(&in);

	peer->cursor = in.cursor;
	peer->behind = r != 0;
}

/* Return: true when the storage failed. */
static bool read_left(struct engine *e) {
	while (e->left) {
		struct ring_left *left = e->left;
		struct reading in = { .engine = e,
				      .seat = left->seat,
				      .ring = left->ring,
				      .uid = left->uid,
				      .n_most = LIMIT_RING_RECORDS + 1 };

		if (read_ring(&in) < 0)
			return true;
		engine_ring_gone(e, left->number);
		e->left = left->next;
		--e->n_left;
		ring_unmap(left->ring);
		free(left);
	}
	return false;
}

void claims_tick(struct engine *engine) {
	if (!engine->store || store_is_broken(engine->store))
		return;
	for (struct peer *p = engine->peers; p; p = p->next) {
		if (p->phase != PEER_OPEN || p->failed)
			continue;
		claims_flush_budget(p);
		if (p->behind)
			catch_up(engine, p);
	}
	(void)read_left(engine);
}

void claims_end(struct engine *engine) {
	if (engine->store && !store_is_broken(engine->store))
		(void)read_left(engine);
}

static struct seat_runtime *spool_seat(struct engine *e, const struct spool_record *record) {
	for (uint32_t i = 0; i < e->n_seats; ++i)
		if (strncmp(e->seats[i].seat.name, record->seat_name,
		            sizeof(record->seat_name) - 1) == 0)
			return &e->seats[i];
	return &e->seats[0];
}

void claims_drain_spool(struct engine *engine) {
	struct spool_record record;
	uint32_t n = 0;

	if (!engine->spool || !engine->store || store_is_broken(engine->store))
		return;
	if (spool_load(engine->spool) <= 0)
		return;
	while (spool_next(engine->spool, &record)) {
		struct emergency_outcome outcome = { 0 };
		int r = take(engine, spool_seat(engine, &record), &record.record,
		             EMERGENCY_BY_SPOOL, record.peer_uid, &outcome);

		if (r < 0 && r != -EBADMSG)
			return; /* not durable: they come again */
		if (record.lost > 0)
			engine_alarm(engine, ALARM_RECORDS_LOST, true);
		if (++n % CLAIMS_BREATH == 0)
			engine_breathe(engine);
	}
	(void)spool_reset(engine->spool);
}
