/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FLOWS_RECORDS_H
#define TESTS_FLOWS_RECORDS_H

/* Records of a client, taken in by the world's seat. */

#include <string.h>

#include "tests/flows/world.h"

#define RIGHT(name) PASSWORD_OF " " name "'s"

static const uint8_t id_a[16] = { 0xe1, 1 }, id_b[16] = { 0xe1, 2 };

static inline struct ring_record record(enum record_kind kind, const uint8_t id[16],
					uint64_t serial) {
	struct ring_record r = {
		.magic = RING_MAGIC,
		.kind = (uint8_t)kind,
		.serial = serial,
		.boot_ms = world.now.boot_ms,
		.wall_ms = world.now.wall_ms,
		.deadline_ms = world.now.boot_ms + 2000,
		.pid = 77,
	};

	memcpy(r.emergency, id, sizeof(r.emergency));
	memcpy(r.boot_id, world.now.boot_id, sizeof(r.boot_id));
	if (kind == RECORD_USE) {
		r.verdict = CW_ALLOW;
		r.reason = CW_REASON_EMERGENCY;
		(void)snprintf(r.action, sizeof(r.action), "%s", "therapy.start");
	}
	return r;
}

static inline int take_by(struct ring_record *r, enum emergency_way way,
			  struct emergency_outcome *o) {
	struct emergency_outcome outcome;

	r->crc = policy_crc32((const uint8_t *)r, offsetof(struct ring_record, crc), 0);
	return emergency_record(world.store, world.policy, &world.seat, r, way, 1000, &world.now,
				NULL, o ? o : &outcome);
}

static inline struct emergency_outcome take(struct ring_record r) {
	struct emergency_outcome outcome = { 0 };

	ck_assert_int_eq(take_by(&r, EMERGENCY_BY_SOCKET, &outcome), 0);
	ck_assert(outcome.recorded);
	return outcome;
}

static inline void start(void) {
	ck_assert(take(record(RECORD_START, id_a, 1)).began);
	(void)trail();
}

static inline void use(const char *name, uint64_t serial) {
	struct ring_record r = record(RECORD_USE, id_a, serial);

	memset(r.action, 0, sizeof(r.action));
	(void)snprintf(r.action, sizeof(r.action), "%s", name);
	(void)take(r);
}

static inline enum cw_verdict decide(const char *name) {
	return seat_decide(&world.seat, &world.policy->table, action(name), &world.now, NULL);
}

static inline void signal_is(int value) {
	ck_assert_int_eq(seat_signal(&world.seat, &world.policy->table, 0, value, &world.now), 0);
}

struct found {
	struct review last;
	unsigned n;
};

static inline int see(const struct review *review, void *userdata) {
	struct found *found = userdata;

	found->last = *review;
	found->n++;
	return 0;
}

static inline struct found reviews(bool all) {
	struct found found = { 0 };

	ck_assert_int_eq(review_list(world.store, world.policy, all, &world.now, see, &found), 0);
	return found;
}

#endif
