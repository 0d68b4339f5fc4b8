/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/requests.h"

/* Claims: ring records, from a socket, a ring whose client has gone, or the spool. */

static void tell_recorded(struct peer *peer, const struct ring_record *record) {
	uint8_t buffer[96];
	struct frame_writer w;

	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, "recorded");
	frame_bytes(&w, "emergency", record->emergency, sizeof(record->emergency));
	frame_uint(&w, "serial", record->serial);
	if (frame_end(&w) == 0)
		peer_send(peer, buffer, w.n, NULL, 0);
}

/* Its client may have missed the end: it still shows it open. */
static void tell_over(struct peer *peer, const struct ring_record *record) {
	uint8_t buffer[96];
	struct frame_writer w;

	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, "emergency-ended");
	frame_bytes(&w, "emergency", record->emergency, sizeof(record->emergency));
	frame_text(&w, "how", "before");
	if (frame_end(&w) == 0)
		peer_send(peer, buffer, w.n, NULL, 0);
}

static void tell_seat(struct seat_runtime *seat, const struct ring_record *record,
                      const struct emergency_outcome *outcome) {
	if (outcome->began)
		engine_tell_emergency(seat->engine, seat, record->emergency, "emergency", NULL);
	if (outcome->ended)
		engine_tell_emergency(seat->engine, seat, record->emergency, "emergency-ended",
		                      "person");
}

/* Return: as emergency_record(). */
static int take(struct engine *e, struct seat_runtime *seat, const struct ring_record *record,
                enum emergency_way way, uint32_t uid, struct emergency_outcome *outcome) {
	struct moment now = engine_now(e);
	int r = emergency_record(e->store, engine_policy(e), &seat->seat, record, way, uid, &now,
	                         outcome);

	if (r == -EBADMSG)
		return r;
	if (r < 0)
		engine_store_failed(e, r);
	tell_seat(seat, record, outcome);
	return r;
}

/* A start that opens and an end are never joined with others. */
static bool is_precious(const struct peer *peer, const struct ring_record *record) {
	if (record->kind == RECORD_END || record->kind == RECORD_REASON)
		return true;
	return record->kind == RECORD_START && !peer->seat->seat.emergency.open;
}

/*
 * Too many at once: this one is a number in an entry that claims_flush_budget()
 * writes. When nothing can be written its client keeps it, and says it again.
 */
static void join(struct peer *peer, const struct ring_record *record) {
	const struct store *store = peer->engine->store;

	if (store && !store_is_broken(store))
		tell_recorded(peer, record);
	else
		--peer->records.over;
}

int claims_packet(struct peer *peer, const uint8_t *packet, size_t n) {
	struct emergency_outcome outcome = { 0 };
	struct ring_record record;
	struct moment now = engine_now(peer->engine);
	int r = 0;

	if (peer->phase != PEER_OPEN || n != 1 + sizeof(record))
		return -EPROTO;
	memcpy(&record, packet + 1, sizeof(record));
	if (!ring_record_is_valid(&record))
		return -EPROTO;
	if (!budget_take(&peer->records, now.boot_ms, PEER_RECORDS_PER_S) &&
	    !is_precious(peer, &record)) {
		join(peer, &record);
		return 0;
	}
	if (peer->records.over > 0 && peer->records.used <= 1)
		claims_flush_budget(peer);
	r = take(peer->engine, peer->seat, &record, EMERGENCY_BY_SOCKET, peer->uid, &outcome);
	if (r == -EBADMSG)
		return -EPROTO;
	/* What is said again is no claim more: it takes no room from the others. */
	if (outcome.repeated && peer->records.used > 0)
		--peer->records.used;
	if (outcome.over)
		tell_over(peer, &record);
	if (outcome.recorded)
		tell_recorded(peer, &record);
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

	if (peer->records.over == 0)
		return;
	(void)snprintf(detail, sizeof(detail), "count=%llu",
	               (unsigned long long)peer->records.over);
	if (engine_record(peer->engine, &entry) == 0)
		peer->records.over = 0;
}

/*
 * The client has gone: what it wrote and did not send is taken from its ring. The
 * ring is written by its client, who could still change it: each record is
 * copied, then checked. At most one ring's worth.
 */
void claims_drain_ring(struct peer *peer) {
	struct ring_record record;
	uint32_t cursor = 0;

	if (!peer->ring)
		return;
	for (uint32_t i = 0; i < LIMIT_RING_RECORDS; ++i) {
		struct emergency_outcome outcome = { 0 };
		int r = ring_next(peer->ring, &cursor, &record);

		if (r == 0)
			break;
		if (r < 0)
			continue;
		if (take(peer->engine, peer->seat, &record, EMERGENCY_BY_RING, peer->uid,
			 &outcome) < 0)
			return; /* the supervisor still has the ring and spools it */
	}
	engine_tell_ring(peer->engine, peer, -1, false);
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
	}
	(void)spool_reset(engine->spool);
}
