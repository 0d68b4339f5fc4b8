/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <string.h>

#include "tests/flows/records.h"

/*
 * Ending
 */

static void tick(bool *ended, bool *ask) {
	ck_assert_int_eq(
		emergency_tick(world.store, world.policy, &world.seat, &world.now, ended, ask), 0);
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

/* One that comes late, or again while nothing can be written, was used when it says. */
START_TEST(still_needed_counts_from_the_use_and_not_from_its_arrival) {
	struct ring_record r;
	bool ended, ask;

	start();
	r = record(RECORD_USE, id_a, 2);
	pass_ms(599999);
	(void)take(r);
	pass_ms(1);
	tick(&ended, &ask);
	ck_assert(ask);
	r = record(RECORD_USE, id_a, 3);
	r.boot_ms += 3600000; /* a claim of the future is one of now */
	(void)take(r);
	pass_ms(600000);
	tick(&ended, &ask);
	ck_assert(ask);
}
END_TEST

/* clang-format off */
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
/* clang-format on */

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
	ck_assert_int_eq(emergency_on_event(world.store, &world.seat, "new-patient", &world.now),
			 1);
	ck_assert_str_eq(newest(EVENT_EMERGENCY_ENDED).detail, "how=new-patient");
	ck_assert_int_eq(emergency_on_event(world.store, &world.seat, "new-patient", &world.now),
			 0);
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

	(void)snprintf(r.name, sizeof(r.name), "%s", "KIM");
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

	(void)snprintf(r.name, sizeof(r.name), "%s", "kim");
	(void)take(r);
	(void)take(record(RECORD_END, id_a, 2));
	pass_ms(15 * 60 * 1000 + 1);
	sign_in(KIM);
	(void)emergency_on_sign_in(world.store, world.policy, &world.seat, &world.now);
	ck_assert_uint_eq(reviews(false).last.identified, 0);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("emergency-end");
	TCase *t = tcase_create("emergency-end");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, it_ends_after_300_s_of_patient_gone_without_a_gap);
	tcase_add_loop_test(t, a_gap_begins_the_300_s_anew, 0, 3);
	tcase_add_test(t, unknown_never_ends_it);
	tcase_add_test(t, TM_01_the_wall_clock_ends_nothing);
	tcase_add_test(t, still_needed_is_asked_once_and_silence_changes_nothing);
	tcase_add_test(t, still_needed_counts_from_the_use_and_not_from_its_arrival);
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
