/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <sqlite3.h>
#include <string.h>

#include "tests/flows/records.h"

static const uint8_t none[16];

/*
 * Starting
 */

START_TEST(care_is_open_and_nothing_else) {
	static const char *const closed[] = {
		"settings.limits", "settings.dose",     "settings.display", "data.export",
		"software.update", "careward.accounts", "careward.enrol",   "careward.config",
		"careward.review", "careward.history",  "careward.export",  "careward.recover"
	};

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
	struct emergency_outcome o;

	start();
	o = take(record(RECORD_START, id_b, 1));
	ck_assert(!o.began && o.over); /* its client hears that this id is none */
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

	(void)snprintf(r.name, sizeof(r.name), "%s", "Sister Kim");
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
	ck_assert(!o.began && o.late && o.over);
	ck_assert(!world.seat.emergency.open);
	o = take(record(RECORD_START, id_a, 3)); /* it missed the end, and says it again */
	ck_assert(o.repeated && o.over);
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
	world.seat.ended.n = 0;                 /* as after a restart */
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
	(void)snprintf(r.name, sizeof(r.name), "%s", "Patient in danger");
	(void)snprintf(r.text, sizeof(r.text), "%s", "no pulse");
	(void)take(r);
	ck_assert_str_eq(trail(), "emergency-reason:ok+emergency");
	ck_assert_str_eq(newest(EVENT_EMERGENCY_REASON).detail, "reason=Patient in danger");
	ck_assert_str_eq(reviews(false).last.reason, "Patient in danger");
	ck_assert_str_eq(reviews(false).last.text, "no pulse");
	r.serial = 3;
	memset(r.name, 0, sizeof(r.name));
	(void)snprintf(r.name, sizeof(r.name), "%s", "Other");
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
					  EMERGENCY_BY_SOCKET, 1000, &world.now, NULL, &o),
			 -EBADMSG);
	ck_assert(!world.seat.emergency.open);
	ck_assert_str_eq(trail(), "");
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
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
