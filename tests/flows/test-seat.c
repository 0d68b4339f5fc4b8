/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <string.h>

#include "tests/flows/world.h"

static enum cw_verdict decide(const char *name, enum cw_reason *reason) {
	return seat_decide(&world.seat, &world.policy->table, action(name), &world.now, reason);
}

static void signal_is(const char *name, int value) {
	int index = policy_signal_index(&world.policy->table, name);

	ck_assert_int_ge(index, 0);
	ck_assert_int_eq(
		seat_signal(&world.seat, &world.policy->table, (uint32_t)index, value, &world.now),
		0);
}

static struct policy_state state(void) {
	struct policy_state s;

	seat_state(&world.seat, &world.policy->table, &world.now, 5000, &s);
	return s;
}

START_TEST(an_empty_seat_asks_for_a_sign_in) {
	ck_assert_int_eq(decide("therapy.stop", NULL), CW_ALLOW);
	ck_assert_int_eq(decide("therapy.start", NULL), CW_SIGN_IN);
	ck_assert_int_eq(decide("settings.display", NULL), CW_SIGN_IN);
	ck_assert_uint_eq(state().lock_at, 0);
	ck_assert_uint_eq(state().lease_until, world.now.boot_ms + 5000);
}
END_TEST

START_TEST(R6_a_session_has_the_rights_of_its_roles) {
	sign_in(KIM);
	ck_assert_int_eq(decide("therapy.start", NULL), CW_ALLOW);
	ck_assert_int_eq(decide("therapy.opiate", NULL), CW_BREAK_GLASS);
	ck_assert_int_eq(decide("settings.display", NULL), CW_ALLOW);
	ck_assert_int_eq(decide("data.export", NULL), CW_DENY);
}
END_TEST

START_TEST(PO_02_unknown_roles_give_nothing) {
	static const char names[][POLICY_NAME_SIZE] = { "", "Nurse", "nurse ", "nurses", "root" };

	ck_assert_uint_eq(seat_role_bits(&world.policy->table, names, 5), 0);
	ck_assert_int_eq(seat_decide(&world.seat, &world.policy->table, 9999, &world.now, NULL),
			 CW_DENY);
}
END_TEST

START_TEST(an_idle_session_locks_at_its_deadline) {
	sign_in(KIM);
	ck_assert(!seat_tick(world.store, &world.seat, world.policy, &world.now));
	/* Unknown signals are decided for care: the longest time that may be in force. */
	ck_assert_uint_eq(state().lock_at, world.now.boot_ms + 1800000);
	signal_is("patient-connected", -1);
	ck_assert_uint_eq(state().signals_until, world.now.boot_ms + 10000);
	/* In ten seconds that will be unknown again; until then it is routine. */
	for (unsigned s = 0; s < 299; s += 5) {
		signal_is("patient-connected", -1);
		ck_assert(!seat_tick(world.store, &world.seat, world.policy, &world.now));
		pass_ms(5000);
	}
	signal_is("patient-connected", -1);
	ck_assert(seat_tick(world.store, &world.seat, world.policy, &world.now));
	ck_assert_int_eq(world.seat.session.lock, SEAT_LOCKED);
	ck_assert_str_eq(trail(), "lock:ok");
	ck_assert_str_eq(newest(EVENT_LOCK).detail, "why=idle");
	ck_assert_int_eq(decide("therapy.start", NULL), CW_UNLOCK);
}
END_TEST

START_TEST(TM_05_touching_the_screen_revives_nothing_that_is_past_its_time) {
	sign_in(KIM);
	pass_ms(1799999);
	seat_activity(&world.seat, &world.policy->table, &world.now);
	ck_assert_uint_eq(state().lock_at, world.now.boot_ms + 1800000);
	pass_ms(1800000); /* suspended: nobody ticked */
	seat_activity(&world.seat, &world.policy->table, &world.now);
	ck_assert_uint_le(state().lock_at, world.now.boot_ms);
	ck_assert_int_eq(decide("settings.display", NULL), CW_UNLOCK);
	ck_assert(seat_tick(world.store, &world.seat, world.policy, &world.now));
}
END_TEST

START_TEST(TM_01_the_wall_clock_moves_no_lock) {
	static const int64_t clocks[] = { 0,
					  INT64_C(915148800000),
					  INT64_C(2147483647000),
					  INT64_C(253402300799000),
					  INT64_MAX,
					  INT64_MIN };
	uint64_t lock_at;

	sign_in(KIM);
	lock_at = state().lock_at;
	for (unsigned i = 0; i < ARRAY_SIZE(clocks); ++i) {
		world.now.wall_ms = clocks[i];
		ck_assert_uint_eq(state().lock_at, lock_at);
		ck_assert(!seat_tick(world.store, &world.seat, world.policy, &world.now));
	}
}
END_TEST

START_TEST(a_signal_is_heard_from_its_own_seat_only) {
	const struct policy_table *t = &world.policy->table;

	ck_assert_int_eq(seat_signal(&world.seat, t, 1, 1, &world.now), -EACCES);
	ck_assert_int_eq(seat_signal(&world.seat, t, 2, 1, &world.now), -ENOENT);
	ck_assert_int_eq(seat_signal(&world.seat, t, UINT32_MAX, 1, &world.now), -ENOENT);
}
END_TEST

START_TEST(a_signal_is_true_false_or_goes_stale) {
	struct policy_state s;

	signal_is("patient-connected", 5);
	s = state();
	ck_assert_uint_eq(s.true_now, 1);
	ck_assert_uint_eq(s.true_later, 0);
	ck_assert_uint_eq(s.contexts_now, 2);
	ck_assert_uint_eq(s.contexts_later, 3);
	pass_ms(9999);
	ck_assert_int_eq(seat_signal_value(&world.seat, 0, &world.now), 1);
	pass_ms(1);
	ck_assert_int_eq(seat_signal_value(&world.seat, 0, &world.now), 0);
	ck_assert_uint_eq(state().contexts_now, 3);
	ck_assert_uint_eq(state().signals_until, UINT64_MAX);
	signal_is("patient-connected", 0);
	ck_assert_int_eq(seat_signal_value(&world.seat, 0, &world.now), 0);
}
END_TEST

START_TEST(what_one_seat_knows_another_can_be_told) {
	struct seat other = { .index = 1 };

	signal_is("patient-connected", -1);
	seat_signal_copy(&other, &world.seat, &world.policy->table, 0, &world.now);
	ck_assert_int_eq(seat_signal_value(&other, 0, &world.now), -1);
	pass_ms(10000);
	ck_assert_int_eq(seat_signal_value(&other, 0, &world.now), 0);
}
END_TEST

START_TEST(locking_leaves_one_record_and_locks_without_a_store) {
	sign_in(KIM);
	fault_at(1, true);
	ck_assert_int_lt(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
	(void)fault_off();
	ck_assert_int_eq(world.seat.session.lock, SEAT_LOCKED);
	ck_assert_int_eq(decide("therapy.start", NULL), CW_UNLOCK);
	(void)store_reopen(world.store);
	ck_assert_int_eq(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
	ck_assert_str_eq(trail(), "");
	ck_assert_int_eq(seat_close(world.store, &world.seat, &world.now, "person"), 0);
	ck_assert_str_eq(trail(), "sign-out:ok");
	ck_assert_int_eq(seat_close(world.store, &world.seat, &world.now, "person"), 0);
	ck_assert_str_eq(trail(), "");
}
END_TEST

START_TEST(signing_out_signs_out_without_a_store) {
	sign_in(KIM);
	fault_at(1, true);
	ck_assert_int_lt(seat_close(world.store, &world.seat, &world.now, "person"), 0);
	(void)fault_off();
	ck_assert_uint_eq(world.seat.session.number, 0);
}
END_TEST

/* PO-09: the account changes while its session is open. */
static void disable_kim(void) {
	change_account(KIM, EVENT_ACCOUNT_DISABLED, ACCOUNT_DISABLED);
}

static void end_kim(void) {
	change_account(KIM, EVENT_ACCOUNT_ENDED, ACCOUNT_ENDED);
}

static void make_kim_reviewer(void) {
	change_roles(KIM, "reviewer");
}

static void promote_kim(void) {
	change_roles(KIM, "physician");
}

/* clang-format off */
static const struct {
	const char *why;
	void (*change)(void);
	bool stays;
	enum cw_verdict start, opiate;
	const char *detail;
} refreshed[] = {
	{ "PO-09 a disabled person is signed out", disable_kim, false, CW_SIGN_IN, CW_SIGN_IN,
	  "why=account-disabled" },
	{ "PO-09 so is one whose account has ended", end_kim, false, CW_SIGN_IN, CW_SIGN_IN,
	  "why=account-disabled" },
	{ "PO-09 a lost role takes its rights away", make_kim_reviewer, true, CW_BREAK_GLASS,
	  CW_BREAK_GLASS, NULL },
	{ "a new role brings its own", promote_kim, true, CW_ALLOW, CW_ALLOW, NULL },
};
/* clang-format on */

START_TEST(PO_09_a_session_follows_its_account) {
	sign_in(KIM);
	refreshed[_i].change();
	(void)trail();
	ck_assert(seat_refresh(world.store, &world.seat, world.policy, &world.now));
	ck_assert_msg((world.seat.session.number != 0) == refreshed[_i].stays, "%s",
		      refreshed[_i].why);
	ck_assert_msg(decide("therapy.start", NULL) == refreshed[_i].start, "%s",
		      refreshed[_i].why);
	ck_assert_msg(decide("therapy.opiate", NULL) == refreshed[_i].opiate, "%s",
		      refreshed[_i].why);
	if (refreshed[_i].detail)
		ck_assert_str_eq(newest(EVENT_SIGN_OUT).detail, refreshed[_i].detail);
	ck_assert(!seat_refresh(world.store, &world.seat, world.policy, &world.now));
}
END_TEST

/* An agency nurse's night, a technician's day: nobody has to look. */
START_TEST(PO_09_a_session_ends_with_its_accounts_time) {
	const struct actor actor = { .peer_uid = 0 };
	struct admin_rule rule = { .n_roles = 1, .roles = { "admin" } };
	struct account account = account_now(KIM);

	account.valid_until_ms = world.now.wall_ms + 10000;
	ck_assert_int_eq(account_change(world.store, &actor, &world.now, EVENT_ACCOUNT_ROLES, &rule,
					&account),
			 0);
	sign_in(KIM);
	pass_ms(9999);
	ck_assert(!seat_tick(world.store, &world.seat, world.policy, &world.now));
	ck_assert_uint_ne(world.seat.session.number, 0);
	pass_ms(1);
	/* A clock that is not believed ends nobody's time. */
	world.now.trust = CLOCK_SUSPICIOUS;
	ck_assert(!seat_tick(world.store, &world.seat, world.policy, &world.now));
	world.now.trust = CLOCK_TRUSTED;
	ck_assert(seat_tick(world.store, &world.seat, world.policy, &world.now));
	ck_assert_uint_eq(world.seat.session.number, 0);
	ck_assert_str_eq(newest(EVENT_SIGN_OUT).detail, "why=account-expired");
}
END_TEST

START_TEST(PO_09_a_store_that_cannot_be_read_ends_nobodys_session) {
	sign_in(KIM);
	fault_at(1, true);
	(void)seat_refresh(world.store, &world.seat, world.policy, &world.now);
	(void)fault_off();
	ck_assert_uint_ne(world.seat.session.number, 0);
	ck_assert_int_eq(decide("therapy.start", NULL), CW_ALLOW);
}
END_TEST

START_TEST(a_result_that_is_no_success_opens_nothing) {
	struct attempt_result result = {
		.success = 1,
		.purpose = CW_PURPOSE_SIGN_IN,
		.account = { .number = KIM },
	};

	seat_open(&world.seat, &result, 7, &world.now);
	ck_assert_uint_eq(world.seat.session.number, 0);
	result.success = ATTEMPT_YES;
	seat_open(&world.seat, &result, 0, &world.now);
	ck_assert_uint_eq(world.seat.session.number, 0);
	result.account.number = 0;
	seat_open(&world.seat, &result, 7, &world.now);
	ck_assert_uint_eq(world.seat.session.number, 0);
}
END_TEST

START_TEST(another_persons_result_unlocks_nothing) {
	struct attempt_result result = {
		.success = ATTEMPT_YES,
		.purpose = CW_PURPOSE_UNLOCK,
		.account = { .number = ADA },
	};

	sign_in(KIM);
	(void)seat_lock(world.store, &world.seat, &world.now, "person");
	seat_unlock(&world.seat, &result, &world.now);
	ck_assert_int_eq(world.seat.session.lock, SEAT_LOCKED);
	result.purpose = CW_PURPOSE_REAUTH;
	seat_reauth(&world.seat, &result, &world.now);
	ck_assert_uint_eq(world.seat.session.reauth_ms, 0);
}
END_TEST

START_TEST(signing_in_is_not_signing_in_once_more) {
	enum cw_reason reason;

	sign_in(ADA);
	ck_assert_int_eq(decide("settings.dose", &reason), CW_REAUTH);
	ck_assert_int_eq(reason, CW_REASON_STALE);
}
END_TEST

START_TEST(the_context_of_a_record_is_the_strictest_that_may_be) {
	ck_assert_str_eq(seat_context(&world.seat, &world.policy->table, &world.now), "routine");
	signal_is("patient-connected", 1);
	ck_assert_str_eq(seat_context(&world.seat, &world.policy->table, &world.now), "acute");
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("seat");
	TCase *t = tcase_create("seat");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, an_empty_seat_asks_for_a_sign_in);
	tcase_add_test(t, R6_a_session_has_the_rights_of_its_roles);
	tcase_add_test(t, PO_02_unknown_roles_give_nothing);
	tcase_add_test(t, an_idle_session_locks_at_its_deadline);
	tcase_add_test(t, TM_05_touching_the_screen_revives_nothing_that_is_past_its_time);
	tcase_add_test(t, TM_01_the_wall_clock_moves_no_lock);
	tcase_add_test(t, a_signal_is_heard_from_its_own_seat_only);
	tcase_add_test(t, a_signal_is_true_false_or_goes_stale);
	tcase_add_test(t, what_one_seat_knows_another_can_be_told);
	tcase_add_test(t, locking_leaves_one_record_and_locks_without_a_store);
	tcase_add_test(t, signing_out_signs_out_without_a_store);
	tcase_add_loop_test(t, PO_09_a_session_follows_its_account, 0, ARRAY_SIZE(refreshed));
	tcase_add_test(t, PO_09_a_session_ends_with_its_accounts_time);
	tcase_add_test(t, PO_09_a_store_that_cannot_be_read_ends_nobodys_session);
	tcase_add_test(t, a_result_that_is_no_success_opens_nothing);
	tcase_add_test(t, another_persons_result_unlocks_nothing);
	tcase_add_test(t, signing_in_is_not_signing_in_once_more);
	tcase_add_test(t, the_context_of_a_record_is_the_strictest_that_may_be);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
