/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring records
 *
 * record_begin() and record_keep() are the break-glass path: no allocation, no
 * system call but send() without waiting (and what a clock may need).
 */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

void record_begin(struct cw *cw, struct ring_record *record, enum record_kind kind,
		  const struct policy_state *state, const uint8_t emergency[16]) {
	struct timespec wall = { 0 };
	uint64_t now = clock_boot_ms();
	bool early = now < state->signals_until;

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	memset(record, 0, sizeof(*record));
	record->magic = RING_MAGIC;
	record->kind = (uint8_t)kind;
	memcpy(record->emergency, emergency, sizeof(record->emergency));
	memcpy(record->boot_id, cw->boot_id, sizeof(record->boot_id));
	record->serial = ++cw->record_serial;
	record->boot_ms = now;
	record->wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
	record->session = state->session;
	record->account = state->account;
	record->signals_true = early ? state->true_now : state->true_later;
	record->signals_false = early ? state->false_now : state->false_later;
	record->pid = cw->pid;
}

/* Return: true when the broker has it in its socket. */
static bool record_send(struct cw *cw, const struct ring_record *record) {
	ssize_t n;

	if (cw->link != LINK_UP || cw->broken)
		return false;
	cw->raw[0] = PROTOCOL_RAW_RECORD;
	memcpy(cw->raw + 1, record, sizeof(*record));
	n = send(cw->socket_fd, cw->raw, sizeof(cw->raw), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)sizeof(cw->raw))
		return true;
	if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
		cw->broken = true;
	return false;
}

bool record_keep(struct cw *cw, struct ring_record *record) {
	bool kept = ring_write(cw->ring, record);
	bool in_turn = cw->resend_from != 0 && record->kind == RECORD_USE;

	if (cw->offer_at_ms == 0)
		cw->offer_at_ms = record->boot_ms + CLIENT_OFFER_MS;
	/* A use waits behind what is being sent again; a start and an end do not. */
	if (!in_turn && record_send(cw, record))
		return kept;
	if (cw->resend_from == 0 && kept)
		cw->resend_from = record->serial;
	return kept;
}

/* What was ended before is said before: else the new one would be joined to it. */
static void ends_send(struct cw *cw, uint64_t before) {
	for (uint32_t i = 0; i < LIMIT_RING_RECORDS; ++i) {
		const struct ring_slot *slot = &cw->ring->slots[i];

		if (slot->state == RECORD_WRITTEN && slot->record.kind == RECORD_END &&
		    slot->record.serial < before)
			(void)record_send(cw, &slot->record);
	}
}

void record_resend_all(struct cw *cw, uint64_t now) {
	if (cw->local.open) {
		struct ring_record again = cw->local.start;

		ends_send(cw, again.serial);
		again.deadline_ms = now + CLIENT_DEADLINE_MS;
		again.crc =
			policy_crc32((const uint8_t *)&again, offsetof(struct ring_record, crc), 0);
		(void)record_send(cw, &again);
	}
	cw->resend_from = 1;
	cw->resend_at_ms = now;
	cw->offer_at_ms = now + CLIENT_OFFER_MS;
}

/* The written record with the lowest serial from @serial on; NULL: there is none. */
static const struct ring_record *record_from(const struct cw *cw, uint64_t serial) {
	const struct ring_record *found = NULL;

	for (uint32_t i = 0; i < LIMIT_RING_RECORDS; ++i) {
		const struct ring_slot *slot = &cw->ring->slots[i];

		if (slot->state != RECORD_WRITTEN || slot->record.serial < serial)
			continue;
		if (!found || slot->record.serial < found->serial)
			found = &slot->record;
	}
	return found;
}

static bool is_open_start(const struct cw *cw, const struct ring_record *record) {
	return cw->local.open && record->kind == RECORD_START &&
	       memcmp(record->emergency, cw->local.id, sizeof(cw->local.id)) == 0;
}

void record_resend(struct cw *cw, uint64_t now) {
	if (cw->resend_from == 0 || cw->link != LINK_UP || now < cw->resend_at_ms)
		return;
	for (uint32_t i = 0; i < CLIENT_RESEND_BATCH; ++i) {
		const struct ring_record *record = record_from(cw, cw->resend_from);

		if (!record) {
			cw->resend_from = 0;
			return;
		}
		/* The start of what is still open was said by record_resend_all(). */
		if (!is_open_start(cw, record) && !record_send(cw, record))
			break;
		cw->resend_from = record->serial + 1;
	}
	cw->resend_at_ms = now + CLIENT_RESEND_MS;
}

bool record_has_room(const struct cw *cw) {
	for (uint32_t i = 0; i < LIMIT_RING_RECORDS; ++i)
		if (cw->ring->slots[i].state == RECORD_FREE)
			return true;
	return false;
}

void record_offer(struct cw *cw, uint64_t now) {
	emergency_say_ends(cw);
	if (cw->offer_at_ms == 0 || now < cw->offer_at_ms || cw->resend_from != 0)
		return;
	state_refresh(cw);
	/* One that is stopped would only have it all twice. */
	if (!broker_is_alive(cw, now))
		return;
	if (record_from(cw, 1) || (cw->local.open && cw->last.emergency == 0))
		record_resend_all(cw, now);
	else
		cw->offer_at_ms = 0;
}

void record_released(struct cw *cw, const uint8_t emergency[16], uint64_t serial) {
	ring_release(cw->ring, emergency, serial);
}
