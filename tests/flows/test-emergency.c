/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <sqlite3.h>
#include <string.h>

#include "tests/flows/world.h"

#define RIGHT(name) PASSWORD_OF " " name "'s"

static const uint8_t id_a[16] = { 0xe1, 1 }, id_b[16] = { 0xe1, 2 }, none[16];

static struct ring_record record(enum record_kind kind, const uint8_t id[16], uint64_t serial) {
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
		(void)strcpy(r.action, "therapy.start");
	}
	return r;
}

static int take_by(struct ring_record *r, enum emergency_way way, struct emergency_outcome *o) {
	struct emergency_outcome outcome;

	r->crc = policy_crc32((const uint8_t *)r, offsetof(struct ring_record, crc), 0);
	return emergency_record(world.store, world.policy, &world.seat, r, way, 1000, &world.now,
	                        o ? o : &outcome);
}

static struct emergency_outcome take(struct ring_record r) {
	struct emergency_outcome outcome = { 0 };

	ck_assert_int_eq(take_by(&r, EMERGENCY_BY_SOCKET, &outcome), 0);
	ck_assert(outcome.recorded);
	return outcome;
}

static void start(void) {
	ck_assert(take(record(RECORD_START, id_a, 1)).began);
	(void)trail();
}

static void use(const char *name, uint64_t serial) {
	struct ring_record r = record(RECORD_USE, id_a, serial);

	memset(r.action, 0, sizeof(r.action));
	(void)strcpy(r.action, name);
	(void)take(r);
}

static enum cw_verdict decide(const char *name) {
	return seat_decide(&world.seat, &world.policy->table, action(name), &world.now, NULL);
}

static void signal_is(int value) {
	ck_assert_int_eq(seat_signal(&world.seat, &world.policy->table, 0, value, &world.now), 0);
}

struct found {
	struct review last;
	unsigned n;
};

static int see(const struct review *review, void *userdata) {
	struct found *found = userdata;

	found->last = *review;
	found->n++;
	return 0;
}

static struct found reviews(bool all) {
	struct found found = { 0 };

	ck_assert_int_eq(review_list(world.store, world.policy, all, &world.now, see, &found), 0);
	return found;
}

/*
 * Starting
 */

START_TEST(care_is_open_and_nothing_else) {
	static const char *const closed[] = { "settings.limits", "settings.dose", "settings.display",
		                              "data.export", "software.update", "careward.accounts",
		                              "careward.enrol", "careward.config", "careward.review",
		                              "careward.history", "careward.export",
		                              "careward.recover" };

	start();
	ck_assert_int_eq(decide("therapy.start"), CW_ALLOW);
	ck_assert_int_eq(decide("therapy.opiate"), CW_ALLOW);
	for (unsigned i = 0; i < ARRAY_SIZE(closed); ++i)
		ck_assert_msg(decide(closed[i]) != CW_ALLOW, "BG-05 %s is open", closed[i]);
}
END_TEST

START_TEST(BG_05_the_session_that_was_open_lends_nothing) {
	struct journal_entry entry;

	sign_in(TOM); /* may export */
	ck_assert_int_eq(decide("data.export"), CW_ALLOW);
	ck_assert(take(record(RECORD_START, id_a, 1)).began);
	ck_assert_int_eq(decide("data.export"), CW_UNLOCK);
	ck_assert_str_eq(trail(), "emergency-started:ok+emergency");
	entry = newest(EVENT_EMERGENCY_STARTED);
	ck_assert_uint_eq(entry.account, 0);
	ck_assert_uint_eq(entry.target, TOM);
	ck_assert_uint_eq(entry.session, world.seat.session.number);
	use("therapy.start", 2);
	entry = newest(EVENT_EMERGENCY_USE);
	ck_assert_uint_eq(entry.account, 0); /* nothing inside is his */
	ck_assert_uint_eq(entry.target, 0);
	ck_assert_int_eq(entry.assurance, CW_ASSURANCE_NONE);
}
END_TEST

START_TEST(BG_05_only_the_owner_unlocks_what_was_suspended) {
	const char *const ada[] = { RIGHT("ada"), NULL };
	const char *const kim[] = { RIGHT("kim"), NULL };
	struct attempt *a;

	sign_in(KIM);
	start();
	ck_assert_int_eq(world.seat.session.lock, SEAT_SUSPENDED);
	a = converse(CW_PURPOSE_UNLOCK, ada);
	ck_assert(!is_yes_result(a));
	(void)attempt_free(a);
	a = converse(CW_PURPOSE_UNLOCK, kim);
	ck_assert(is_yes_result(a));
	apply(attempt_result(a));
	(void)attempt_free(a);
	ck_assert_int_eq(world.seat.session.lock, SEAT_UNLOCKED);
}
END_TEST

START_TEST(a_start_said_again_is_one_emergency) {
	struct emergency_outcome o;

	start();
	o = take(record(RECORD_START, id_a, 1));
	ck_assert(o.repeated && !o.began);
	o = take(record(RECORD_START, id_a, 9));
	ck_assert(!o.began);
	ck_assert_str_eq(trail(), "");
	ck_assert_uint_eq(reviews(false).n, 1);
}
END_TEST

START_TEST(two_processes_at_once_are_one_emergency_at_the_seat) {
	start();
	ck_assert(!take(record(RECORD_START, id_b, 1)).began);
	ck_assert_mem_eq(world.seat.emergency.id, id_a, sizeof(id_a));
	ck_assert_uint_eq(reviews(false).n, 1);
	ck_assert(!take(record(RECORD_END, id_b, 2)).ended);
	ck_assert(world.seat.emergency.open);
	ck_assert(take(record(RECORD_END, id_a, 2)).ended);
}
END_TEST

START_TEST(the_claimed_name_is_claimed_and_can_be_erased) {
	struct ring_record r = record(RECORD_START, id_a, 1);
	struct journal_entry entry;

	(void)strcpy(r.name, "Sister Kim");
	(void)take(r);
	entry = newest(EVENT_EMERGENCY_STARTED);
	ck_assert_str_eq(entry.name, "Sister Kim");
	ck_assert(entry.flags & ENTRY_CLAIMED);
	ck_assert_str_eq(reviews(false).last.claimed, "Sister Kim");
}
END_TEST

/*
 * Late
 */

START_TEST(a_start_read_past_its_deadline_is_recorded_and_never_granted) {
	struct ring_record r = record(RECORD_START, id_a, 1);
	struct emergency_outcome o;

	pass_ms(2001);
	o = take(r);
	ck_assert(o.late && !o.began);
	ck_assert(!world.seat.emergency.open);
	ck_assert_str_eq(trail(), "emergency-late-request:ok+late+emergency");
	ck_assert_uint_eq(reviews(false).n, 1);
	/* Its client is still there and says it anew. */
	ck_assert(take(record(RECORD_START, id_a, 1)).began);
	ck_assert_str_eq(trail(), "emergency-started:ok+emergency");
	ck_assert_uint_eq(reviews(false).n, 1);
}
END_TEST

START_TEST(BG_03_a_deadline_of_another_boot_is_past_whatever_the_clock) {
	struct ring_record r = record(RECORD_START, id_a, 1);

	reboot();
	world.now.boot_ms = 1;
	world.now.wall_ms = 0;
	ck_assert(take(r).late);
	ck_assert(!world.seat.emergency.open);
}
END_TEST

START_TEST(what_comes_from_a_ring_or_spool_opens_nothing) {
	static const enum emergency_way ways[] = { EMERGENCY_BY_RING, EMERGENCY_BY_SPOOL };
	struct ring_record r = record(RECORD_START, id_a, 1);
	struct emergency_outcome o;

	ck_assert_int_eq(take_by(&r, ways[_i], &o), 0);
	ck_assert(o.late && !o.began);
	ck_assert(!world.seat.emergency.open);
	ck_assert_str_eq(trail(), _i == 0 ? "emergency-late-request:ok+late+emergency"
	                                  : "emergency-late-request:ok+late+emergency+spool");
	r = record(RECORD_USE, id_a, 2);
	ck_assert_int_eq(take_by(&r, ways[_i], &o), 0);
	ck_assert_str_eq(trail(), _i == 0 ? "emergency-use:ok+late+emergency"
	                                  : "emergency-use:ok+late+emergency+spool");
	ck_assert_mem_eq(newest(EVENT_EMERGENCY_USE).claimed_boot_id, r.boot_id, 16);
	ck_assert_uint_eq(reviews(false).last.uses, 1);
}
END_TEST

START_TEST(ended_is_final_for_an_id) {
	struct emergency_outcome o;

	start();
	ck_assert(take(record(RECORD_END, id_a, 2)).ended);
	ck_assert_str_eq(trail(), "emergency-ended:ok+emergency");
	o = take(record(RECORD_START, id_a, 3));
	ck_assert(!o.began && o.late);
	ck_assert(!world.seat.emergency.open);
	o = take(record(RECORD_END, id_a, 4));
	ck_assert(!o.ended && o.repeated);
	ck_assert_int_eq(decide("therapy.start"), CW_SIGN_IN);
}
END_TEST

START_TEST(an_end_that_comes_first_wins) {
	(void)take(record(RECORD_END, id_a, 2));
	ck_assert_uint_eq(reviews(true).n, 0);
	ck_assert(!take(record(RECORD_START, id_a, 1)).began);
	ck_assert(!world.seat.emergency.open);
	ck_assert_uint_eq(reviews(false).n, 1); /* it happened, somewhere */
	world.seat.ended.n = 0;                /* as after a restart */
	ck_assert(!take(record(RECORD_START, id_a, 3)).began);
}
END_TEST

/*
 * BG-01: nothing can be written
 */

START_TEST(BG_01_04_without_a_store_care_is_open_all_the_same) {
	struct ring_record r = record(RECORD_START, id_a, 1);
	struct emergency_outcome o = { 0 };

	fault_at(1, true);
	ck_assert_int_lt(take_by(&r, EMERGENCY_BY_SOCKET, &o), 0);
	ck_assert(o.began && !o.recorded);
	ck_assert_int_eq(decide("therapy.start"), CW_ALLOW);
	(void)fault_off();
	(void)store_reopen(world.store);
	/* Offered again, much later: written as what it was. */
	pass_ms(60000);
	ck_assert_int_eq(take_by(&r, EMERGENCY_BY_SOCKET, &o), 0);
	ck_assert(o.recorded && !o.began && !o.late);
	ck_assert_str_eq(trail(), "emergency-started:ok+late+emergency");
	ck_assert_uint_eq(reviews(false).n, 1);
}
END_TEST

START_TEST(BG_01_an_end_without_a_store_is_final_too) {
	struct ring_record s = record(RECORD_START, id_a, 1), e;
	struct emergency_outcome o = { 0 };

	fault_at(1, true);
	(void)take_by(&s, EMERGENCY_BY_SOCKET, &o);
	e = record(RECORD_END, id_a, 2);
	ck_assert_int_lt(take_by(&e, EMERGENCY_BY_SOCKET, &o), 0);
	ck_assert(o.ended && !o.recorded);
	ck_assert(!world.seat.emergency.open);
	(void)fault_off();
	(void)store_reopen(world.store);
	ck_assert_int_eq(take_by(&s, EMERGENCY_BY_SOCKET, &o), 0);
	ck_assert(!o.began && !world.seat.emergency.open);
	ck_assert_int_eq(take_by(&e, EMERGENCY_BY_SOCKET, &o), 0);
	ck_assert_uint_eq(reviews(false).n, 1);
	ck_assert_int_eq(reviews(false).last.state, EMERGENCY_ENDED);
}
END_TEST

START_TEST(BG_01_a_fault_at_any_step_leaves_all_or_nothing) {
	struct ring_record r = record(RECORD_START, id_a, 1);
	struct emergency_outcome o;

	for (unsigned k = 1; k < 100; ++k) {
		int e;

		world.seat.emergency = (struct emergency){ 0 };
		fault_at(k, false);
		e = take_by(&r, EMERGENCY_BY_SOCKET, &o);
		ck_assert_msg(world.seat.emergency.open, "step %u: care is closed", k);
		if (fault_off() < k) {
			ck_assert_int_eq(e, 0);
			ck_assert_uint_gt(k, 5);
			return;
		}
		(void)store_reopen(world.store);
		ck_assert_msg(o.recorded == (e == 0), "step %u", k);
		ck_assert_msg(reviews(true).n == (e == 0), "step %u: half a record", k);
		if (e == 0)
			return; /* what failed was a reading that can be done without */
	}
	ck_abort_msg("never without a fault");
}
END_TEST

START_TEST(BG_04_a_damaged_row_keeps_nobody_from_care) {
	sqlite3_stmt *stmt = NULL;

	start();
	ck_assert_int_eq(store_begin(world.store), 0);
	ck_assert_int_eq(store_prepare(world.store, "UPDATE emergencies SET uses = 99", &stmt), 0);
	ck_assert_int_eq(store_errno(sqlite3_step(stmt)), 0);
	(void)sqlite3_reset(stmt);
	ck_assert_int_eq(store_commit(world.store), 0);
	use("therapy.start", 2);
	ck_assert_str_eq(trail(), "emergency-use:ok+emergency alarm:failed+emergency");
	ck_assert_int_eq(decide("therapy.start"), CW_ALLOW);
}
END_TEST

/*
 * Uses and reasons
 */

START_TEST(each_use_is_written_once) {
	start();
	use("therapy.start", 2);
	use("therapy.rate", 3);
	ck_assert(take(record(RECORD_USE, id_a, 3)).repeated);
	ck_assert_str_eq(trail(), "emergency-use:ok+emergency emergency-use:ok+emergency");
	ck_assert_uint_eq(reviews(false).last.uses, 2);
	ck_assert_uint_eq(world.seat.emergency.n_uses, 2);
}
END_TEST

START_TEST(uses_without_a_broker_are_told_apart_by_what_they_say) {
	struct ring_record r = record(RECORD_USE, none, 1), other;

	r.reason = CW_REASON_GRANTED;
	other = r;
	other.pid = 78; /* another client, counting from 1 as well */
	ck_assert(!take(r).repeated);
	ck_assert(!take(other).repeated);
	ck_assert(take(r).repeated);
	ck_assert_str_eq(trail(), "use:ok use:ok");
	ck_assert_uint_eq(reviews(true).n, 0);
}
END_TEST

START_TEST(whose_use_it_was_is_claimed_unless_the_session_is_there) {
	struct ring_record r = record(RECORD_USE, none, 1);

	sign_in(KIM);
	r.account = KIM;
	r.session = world.seat.session.number;
	(void)take(r);
	ck_assert_str_eq(trail(), "use:ok");
	r.serial = 2;
	r.account = ADA;
	(void)take(r);
	ck_assert_str_eq(trail(), "use:ok+claimed");
	r.serial = 3;
	r.account = KIM;
	pass_ms(5001);
	(void)take(r);
	ck_assert_str_eq(trail(), "use:ok+late");
}
END_TEST

START_TEST(a_reason_of_the_list_stays_and_another_can_be_erased) {
	struct ring_record r;

	start();
	r = record(RECORD_REASON, id_a, 2);
	(void)strcpy(r.name, "Patient in danger");
	(void)strcpy(r.text, "no pulse");
	(void)take(r);
	ck_assert_str_eq(trail(), "emergency-reason:ok+emergency");
	ck_assert_str_eq(newest(EVENT_EMERGENCY_REASON).detail, "reason=Patient in danger");
	ck_assert_str_eq(reviews(false).last.reason, "Patient in danger");
	ck_assert_str_eq(reviews(false).last.text, "no pulse");
	r.serial = 3;
	memset(r.name, 0, sizeof(r.name));
	(void)strcpy(r.name, "Other");
	(void)take(r);
	ck_assert_str_eq(newest(EVENT_EMERGENCY_REASON).name, "Other");
	ck_assert_str_eq(reviews(false).last.reason, "Other");
}
END_TEST

START_TEST(what_is_no_record_is_a_protocol_error) {
	struct ring_record r = record(RECORD_START, none, 1);
	struct emergency_outcome o = { 0 };

	ck_assert_int_eq(take_by(&r, EMERGENCY_BY_SOCKET, &o), -EBADMSG);
	r = record((enum record_kind)5, id_a, 1);
	ck_assert_int_eq(take_by(&r, EMERGENCY_BY_SOCKET, &o), -EBADMSG);
	r = record(RECORD_START, id_a, UINT64_MAX);
	ck_assert_int_eq(take_by(&r, EMERGENCY_BY_SOCKET, &o), -EBADMSG);
	r = record(RECORD_START, id_a, 1);
	r.crc = 1;
	ck_assert_int_eq(emergency_record(world.store, world.policy, &world.seat, &r,
	                                  EMERGENCY_BY_SOCKET, 1000, &world.now, &o),
	                 -EBADMSG);
	ck_assert(!world.seat.emergency.open);
	ck_assert_str_eq(trail(), "");
}
END_TEST

START_TEST(claims_are_bounded_but_never_a_start_or_an_end) {
	struct claim_budget budget = { 0 };
	struct ring_record u = record(RECORD_USE, id_a, 1), s = record(RECORD_START, id_a, 1),
			   e = record(RECORD_END, id_a, 1);
	unsigned taken = 0;

	for (unsigned i = 0; i < 100; ++i)
		taken += claim_budget_take(&budget, &u, &world.now);
	ck_assert_uint_eq(taken, 32);
	ck_assert(claim_budget_take(&budget, &s, &world.now));
	ck_assert(claim_budget_take(&budget, &e, &world.now));
	ck_assert_int_eq(claim_budget_flush(world.store, &world.seat, &budget, 1000, &world.now), 0);
	ck_assert_str_eq(newest(EVENT_CLAIMS_COALESCED).detail, "count=68");
	ck_assert_int_eq(claim_budget_flush(world.store, &world.seat, &budget, 1000, &world.now), 0);
	ck_assert_str_eq(trail(), "claims-coalesced:ok");
	pass_ms(1000);
	ck_assert(claim_budget_take(&budget, &u, &world.now));
}
END_TEST

/*
 * Ending
 */

static void tick(bool *ended, bool *ask) {
	ck_assert_int_eq(emergency_tick(world.store, world.policy, &world.seat, &world.now, ended,
	                                ask),
	                 0);
}

START_TEST(it_ends_after_300_s_of_patient_gone_without_a_gap) {
	bool ended, ask;

	start();
	for (unsigned s = 0; s <= 300; s += 5) {
		signal_is(-1);
		tick(&ended, &ask);
		ck_assert_msg(ended == (s == 300), "after %u s", s);
		if (!ended)
			pass_ms(5000);
	}
	ck_assert(!world.seat.emergency.open);
	ck_assert_str_eq(trail(), "emergency-ended:ok+emergency");
	ck_assert_str_eq(newest(EVENT_EMERGENCY_ENDED).detail, "how=patient-gone");
}
END_TEST

/* A gap: unknown, told to be unknown, or true for a moment between two ticks. */
START_TEST(a_gap_begins_the_300_s_anew) {
	bool ended, ask;

	start();
	for (unsigned s = 0; s < 600; s += 5) {
		if (s == 200 && _i == 0)
			signal_is(0);
		if (s == 200 && _i == 1)
			signal_is(1);
		if (s == 200 && _i == 2)
			pass_ms(10000); /* stale */
		signal_is(-1);
		tick(&ended, &ask);
		if (ended) {
			ck_assert_uint_ge(s, 500);
			return;
		}
		pass_ms(5000);
	}
	ck_abort_msg("never ended");
}
END_TEST

START_TEST(unknown_never_ends_it) {
	bool ended, ask;

	start();
	for (unsigned i = 0; i < 100; ++i) {
		pass_ms(60000);
		tick(&ended, &ask);
		ck_assert(!ended);
	}
	ck_assert(world.seat.emergency.open);
}
END_TEST

START_TEST(TM_01_the_wall_clock_ends_nothing) {
	static const int64_t clocks[] = { 0, INT64_C(2147483647000), INT64_C(253402300799000),
		                          INT64_MAX };
	bool ended, ask;

	start();
	for (unsigned i = 0; i < ARRAY_SIZE(clocks); ++i) {
		world.now.wall_ms = clocks[i];
		signal_is(-1);
		tick(&ended, &ask);
		ck_assert(!ended && !ask);
	}
}
END_TEST

START_TEST(still_needed_is_asked_once_and_silence_changes_nothing) {
	struct policy_state s;
	bool ended, ask;

	start();
	pass_ms(599999);
	tick(&ended, &ask);
	ck_assert(!ask);
	pass_ms(1);
	tick(&ended, &ask);
	ck_assert(ask && !ended);
	ck_assert_str_eq(trail(), "emergency-still-needed:ok+emergency");
	seat_state(&world.seat, &world.policy->table, &world.now, 5000, &s);
	ck_assert(s.flags & STATE_STILL_NEEDED);
	pass_ms(3600000);
	tick(&ended, &ask);
	ck_assert(!ask && !ended);
	ck_assert_int_eq(decide("therapy.start"), CW_ALLOW);
	use("therapy.start", 2);
	pass_ms(600000);
	tick(&ended, &ask);
	ck_assert(ask);
}
END_TEST

static const struct {
	const char *why;
	uint32_t who;
	const char *used[3];
	bool ends;
} sign_ins[] = {
	{ "who may all that was used ends it", KIM, { "therapy.start", "therapy.rate" }, true },
	{ "who may not all of it does not", KIM, { "therapy.start", "therapy.opiate" }, false },
	{ "another role may", ADA, { "therapy.start", "therapy.opiate" }, true },
	{ "who may none of it does not", TOM, { "therapy.start" }, false },
	{ "when nothing was used, who gives care ends it", KIM, { NULL }, true },
	{ "when nothing was used, who gives none does not", TOM, { NULL }, false },
	{ "an action that nobody knows is granted by nobody", ADA, { "therapy.unheard-of" }, false },
};

START_TEST(a_sign_in_ends_it_when_the_role_grants_what_was_used) {
	start();
	for (unsigned i = 0; i < 3 && sign_ins[_i].used[i]; ++i)
		use(sign_ins[_i].used[i], 2 + i);
	sign_in(sign_ins[_i].who);
	ck_assert_msg(emergency_on_sign_in(world.store, world.policy, &world.seat, &world.now) ==
	                      sign_ins[_i].ends,
	              "%s", sign_ins[_i].why);
	ck_assert(world.seat.emergency.open != sign_ins[_i].ends);
	if (sign_ins[_i].ends) {
		ck_assert_str_eq(trail(), "emergency-ended:ok+emergency");
		ck_assert_uint_eq(newest(EVENT_EMERGENCY_ENDED).account, sign_ins[_i].who);
	} else {
		ck_assert_str_eq(trail(), "");
	}
}
END_TEST

START_TEST(what_was_used_is_known_after_a_new_policy) {
	struct policy *next = world.policy;

	start();
	use("therapy.opiate", 2);
	next->table.generation = 2; /* indices may have moved: read again by name */
	memset(world.seat.emergency.actions_used, 0, sizeof(world.seat.emergency.actions_used));
	sign_in(KIM);
	ck_assert_int_eq(emergency_on_sign_in(world.store, next, &world.seat, &world.now), 0);
	ck_assert(world.seat.emergency.open);
}
END_TEST

START_TEST(the_device_ends_it_by_an_event) {
	start();
	ck_assert_int_eq(emergency_on_event(world.store, &world.seat, "new-patient", &world.now), 1);
	ck_assert_str_eq(newest(EVENT_EMERGENCY_ENDED).detail, "how=new-patient");
	ck_assert_int_eq(emergency_on_event(world.store, &world.seat, "new-patient", &world.now), 0);
}
END_TEST

START_TEST(it_ends_though_that_cannot_be_written) {
	start();
	fault_at(1, true);
	ck_assert_int_eq(emergency_on_event(world.store, &world.seat, "standby", &world.now), -EIO);
	(void)fault_off();
	ck_assert(!world.seat.emergency.open);
	(void)store_reopen(world.store);
	ck_assert(!take(record(RECORD_START, id_a, 1)).began);
}
END_TEST

START_TEST(the_session_stays_suspended_after_the_end) {
	sign_in(KIM);
	start();
	(void)take(record(RECORD_END, id_a, 2));
	ck_assert_int_eq(world.seat.session.lock, SEAT_SUSPENDED);
	ck_assert_int_eq(decide("therapy.start"), CW_UNLOCK);
}
END_TEST

/*
 * After a restart
 */

static void restart_engine(void) {
	world_close();
	memset(&world.seat.session, 0, sizeof(world.seat) - offsetof(struct seat, session));
	world_open();
	ck_assert_int_eq(emergency_resume(world.store, &world.seat, 1, &world.now), 0);
}

START_TEST(it_survives_a_restart_of_the_engine) {
	bool ended, ask;

	start();
	use("therapy.opiate", 2);
	pass_ms(1000);
	(void)trail();
	restart_engine();
	ck_assert_str_eq(trail(), "");
	ck_assert(world.seat.emergency.open);
	ck_assert_mem_eq(world.seat.emergency.id, id_a, sizeof(id_a));
	ck_assert_uint_eq(world.seat.emergency.n_uses, 1);
	tick(&ended, &ask);
	ck_assert(!ended && !ask);
	/* What was used before is still known. */
	sign_in(KIM);
	ck_assert_int_eq(emergency_on_sign_in(world.store, world.policy, &world.seat, &world.now),
	                 0);
	ck_assert(take(record(RECORD_START, id_a, 1)).repeated);
	ck_assert(take(record(RECORD_END, id_a, 3)).ended);
	restart_engine();
	ck_assert(!world.seat.emergency.open);
}
END_TEST

START_TEST(BG_02_after_a_reboot_it_is_closed_as_interrupted) {
	start();
	reboot();
	restart_engine();
	ck_assert(!world.seat.emergency.open);
	ck_assert_str_eq(trail(), "emergency-interrupted:ok+emergency");
	ck_assert_int_eq(reviews(false).last.state, EMERGENCY_INTERRUPTED);
	ck_assert(!take(record(RECORD_START, id_a, 1)).began);
	/* Offered again: a new one. */
	ck_assert(take(record(RECORD_START, id_b, 2)).began);
	restart_engine();
	ck_assert_str_eq(trail(), "emergency-started:ok+emergency");
}
END_TEST

START_TEST(BG_06_unreviewed_ones_refuse_nothing_and_are_told) {
	uint32_t open;

	start();
	(void)take(record(RECORD_END, id_a, 2));
	ck_assert(take(record(RECORD_START, id_b, 3)).began);
	ck_assert_ptr_nonnull(strstr(newest(EVENT_EMERGENCY_STARTED).detail, "unreviewed=1"));
	ck_assert_int_eq(review_count(world.store, &open), 0);
	ck_assert_uint_eq(open, 2);
}
END_TEST

/*
 * Locked out, then identified
 */

static void lock_kim_out(void) {
	const char *const wrong[] = { "kim", "wrong", NULL };

	for (unsigned i = 0; i < 5; ++i)
		(void)attempt_free(converse(CW_PURPOSE_SIGN_IN, wrong));
}

START_TEST(locked_out_then_identified_explains_itself) {
	lock_kim_out();
	start();
	use("therapy.start", 2);
	pass_ms(300001);
	sign_in(KIM);
	ck_assert_int_eq(emergency_on_sign_in(world.store, world.policy, &world.seat, &world.now),
	                 1);
	ck_assert_str_eq(trail(), "emergency-identified:ok+emergency emergency-ended:ok+emergency");
	ck_assert_uint_eq(reviews(false).last.identified, KIM);
	ck_assert_str_eq(newest(EVENT_EMERGENCY_IDENTIFIED).detail, "by=locked-out");
}
END_TEST

START_TEST(who_was_not_locked_out_is_not_identified) {
	lock_kim_out();
	start();
	sign_in(ADA);
	(void)emergency_on_sign_in(world.store, world.policy, &world.seat, &world.now);
	ck_assert_uint_eq(reviews(false).last.identified, 0);
}
END_TEST

START_TEST(who_claimed_the_name_is_identified) {
	struct ring_record r = record(RECORD_START, id_a, 1);

	(void)strcpy(r.name, "KIM");
	(void)take(r);
	(void)take(record(RECORD_END, id_a, 2));
	pass_ms(15 * 60 * 1000);
	sign_in(KIM);
	ck_assert_int_eq(emergency_on_sign_in(world.store, world.policy, &world.seat, &world.now),
	                 0);
	ck_assert_str_eq(newest(EVENT_EMERGENCY_IDENTIFIED).detail, "by=claimed-name");
	ck_assert_uint_eq(reviews(false).last.identified, KIM);
}
END_TEST

START_TEST(a_quarter_of_an_hour_later_nobody_is) {
	struct ring_record r = record(RECORD_START, id_a, 1);

	(void)strcpy(r.name, "kim");
	(void)take(r);
	(void)take(record(RECORD_END, id_a, 2));
	pass_ms(15 * 60 * 1000 + 1);
	sign_in(KIM);
	(void)emergency_on_sign_in(world.store, world.policy, &world.seat, &world.now);
	ck_assert_uint_eq(reviews(false).last.identified, 0);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("emergency");
	TCase *t = tcase_create("emergency");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, care_is_open_and_nothing_else);
	tcase_add_test(t, BG_05_the_session_that_was_open_lends_nothing);
	tcase_add_test(t, BG_05_only_the_owner_unlocks_what_was_suspended);
	tcase_add_test(t, a_start_said_again_is_one_emergency);
	tcase_add_test(t, two_processes_at_once_are_one_emergency_at_the_seat);
	tcase_add_test(t, the_claimed_name_is_claimed_and_can_be_erased);
	tcase_add_test(t, a_start_read_past_its_deadline_is_recorded_and_never_granted);
	tcase_add_test(t, BG_03_a_deadline_of_another_boot_is_past_whatever_the_clock);
	tcase_add_loop_test(t, what_comes_from_a_ring_or_spool_opens_nothing, 0, 2);
	tcase_add_test(t, ended_is_final_for_an_id);
	tcase_add_test(t, an_end_that_comes_first_wins);
	tcase_add_test(t, BG_01_04_without_a_store_care_is_open_all_the_same);
	tcase_add_test(t, BG_01_an_end_without_a_store_is_final_too);
	tcase_add_test(t, BG_01_a_fault_at_any_step_leaves_all_or_nothing);
	tcase_add_test(t, BG_04_a_damaged_row_keeps_nobody_from_care);
	tcase_add_test(t, each_use_is_written_once);
	tcase_add_test(t, uses_without_a_broker_are_told_apart_by_what_they_say);
	tcase_add_test(t, whose_use_it_was_is_claimed_unless_the_session_is_there);
	tcase_add_test(t, a_reason_of_the_list_stays_and_another_can_be_erased);
	tcase_add_test(t, what_is_no_record_is_a_protocol_error);
	tcase_add_test(t, claims_are_bounded_but_never_a_start_or_an_end);
	tcase_add_test(t, it_ends_after_300_s_of_patient_gone_without_a_gap);
	tcase_add_loop_test(t, a_gap_begins_the_300_s_anew, 0, 3);
	tcase_add_test(t, unknown_never_ends_it);
	tcase_add_test(t, TM_01_the_wall_clock_ends_nothing);
	tcase_add_test(t, still_needed_is_asked_once_and_silence_changes_nothing);
	tcase_add_loop_test(t, a_sign_in_ends_it_when_the_role_grants_what_was_used, 0,
	                    ARRAY_SIZE(sign_ins));
	tcase_add_test(t, what_was_used_is_known_after_a_new_policy);
	tcase_add_test(t, the_device_ends_it_by_an_event);
	tcase_add_test(t, it_ends_though_that_cannot_be_written);
	tcase_add_test(t, the_session_stays_suspended_after_the_end);
	tcase_add_test(t, it_survives_a_restart_of_the_engine);
	tcase_add_test(t, BG_02_after_a_reboot_it_is_closed_as_interrupted);
	tcase_add_test(t, BG_06_unreviewed_ones_refuse_nothing_and_are_told);
	tcase_add_test(t, locked_out_then_identified_explains_itself);
	tcase_add_test(t, who_was_not_locked_out_is_not_identified);
	tcase_add_test(t, who_claimed_the_name_is_identified);
	tcase_add_test(t, a_quarter_of_an_hour_later_nobody_is);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
