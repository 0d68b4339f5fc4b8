/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of the machine, walked: every state with every event, out of range
 * as well, and every route with a one-time password.
 */

#undef NDEBUG

#include <stdlib.h>
#include <string.h>

#include "tests/flows/world.h"

#define RIGHT(name) PASSWORD_OF " " name "'s"

START_TEST(an_empty_cell_is_the_end_whatever_the_numbers) {
	static const unsigned beyond[] = { ATTEMPT_N_STATES, ATTEMPT_N_EVENTS, 255, 0x7fffffff,
					   0xffffffff };

	for (unsigned i = 0; i < ARRAY_SIZE(beyond); ++i) {
		for (unsigned k = 0; k < ATTEMPT_N_EVENTS + 3 && beyond[i] >= ATTEMPT_N_STATES;
		     ++k) {
			ck_assert_ptr_null(attempt_cell(beyond[i], k)->action);
			ck_assert_int_eq(attempt_cell(beyond[i], k)->next, ATTEMPT_ST_OVER);
		}
		if (beyond[i] < ATTEMPT_N_EVENTS)
			continue;
		for (unsigned k = 0; k < ATTEMPT_N_STATES; ++k)
			ck_assert_ptr_null(attempt_cell(k, beyond[i])->action);
	}
}
END_TEST

START_TEST(the_cells_are_as_many_as_were_thought_of) {
	unsigned filled = 0;

	for (unsigned s = 0; s < ATTEMPT_N_STATES; ++s) {
		for (unsigned e = 0; e < ATTEMPT_N_EVENTS; ++e) {
			const struct attempt_cell *cell = attempt_cell(s, e);

			ck_assert_msg(cell->action || cell->next == ATTEMPT_ST_OVER,
				      "state %u, event %u: moves without an action", s, e);
			filled += cell->action != NULL;
		}
	}
	/* Who adds a cell looks at this test. */
	ck_assert_uint_eq(ATTEMPT_N_STATES * ATTEMPT_N_EVENTS, 1254);
	ck_assert_uint_eq(filled, 170);
}
END_TEST

START_TEST(nothing_leads_out_of_over_and_refused_leads_nowhere) {
	for (unsigned e = 0; e < ATTEMPT_N_EVENTS; ++e)
		ck_assert_ptr_null(attempt_cell(ATTEMPT_ST_OVER, e)->action);
	for (unsigned s = 0; s < ATTEMPT_N_STATES; ++s) {
		ck_assert_ptr_null(attempt_cell(s, ATTEMPT_EV_REFUSED)->action);
		ck_assert_ptr_null(attempt_cell(s, ATTEMPT_EV_NONE)->action);
	}
}
END_TEST

START_TEST(success_is_reached_from_proved_states_only) {
	for (unsigned s = 0; s < ATTEMPT_N_STATES; ++s) {
		for (unsigned e = 0; e < ATTEMPT_N_EVENTS; ++e) {
			attempt_action *cell = attempt_cell(s, e)->action;

			if (cell == finish)
				ck_assert_msg((s == ATTEMPT_ST_JUDGED || s == ATTEMPT_ST_MADE) &&
						      e == ATTEMPT_EV_RIGHT,
					      "state %u, event %u finishes", s, e);
			if (cell == judge)
				ck_assert_msg(s == ATTEMPT_ST_TRYING && e == ATTEMPT_EV_HASHED,
					      "state %u, event %u judges", s, e);
			if (cell == judge_token)
				ck_assert_msg(s == ATTEMPT_ST_SIGNING && e == ATTEMPT_EV_SIGNED,
					      "state %u, event %u judges a token", s, e);
			if (cell == judge_badge)
				ck_assert_msg(s == ATTEMPT_ST_NAMED && e == ATTEMPT_EV_TAPPED,
					      "state %u, event %u judges a badge", s, e);
			if (cell == give)
				ck_assert_msg(s == ATTEMPT_ST_APPROVING && e == ATTEMPT_EV_RIGHT,
					      "state %u, event %u gives", s, e);
		}
	}
}
END_TEST

/* An attempt of each purpose, put by force into a state, is given each outer event. */
static const enum attempt_event outer[] = { ATTEMPT_EV_ANSWER, ATTEMPT_EV_HASHED, ATTEMPT_EV_BUSY,
					    ATTEMPT_EV_CANCEL, ATTEMPT_EV_TIMEOUT,
					    ATTEMPT_EV_FOUND,  ATTEMPT_EV_TOUCHED,
					    ATTEMPT_EV_SIGNED, ATTEMPT_EV_TOKEN_FAILED,
					    ATTEMPT_EV_PRESENTED };

static void give_event(struct attempt *a, enum attempt_event event) {
	static const struct token_found found = { .n = 1 };
	static const struct token_answer reply = { .factor = CW_FACTOR_SMARTCARD };
	static const struct token_sight sight = { .kind = TOKEN_SIGHT_CARD_IN };
	cleanup_(secret_wipe) struct secret answer = { 0 };

	ck_assert(secret_set(&answer, "yes", 3));
	if (event == ATTEMPT_EV_FOUND)
		(void)attempt_found(a, &found, &world.now);
	else if (event == ATTEMPT_EV_TOUCHED)
		(void)attempt_touch(a, &world.now);
	else if (event == ATTEMPT_EV_SIGNED)
		(void)attempt_answered(a, &reply, &world.now);
	else if (event == ATTEMPT_EV_TOKEN_FAILED)
		(void)attempt_token_failed(a, TOKEN_BROKEN, TRIES_UNKNOWN, &world.now);
	else if (event == ATTEMPT_EV_PRESENTED)
		(void)attempt_presented(a, &sight, &world.now);
	else if (event == ATTEMPT_EV_ANSWER)
		(void)attempt_answer(a, &answer, &world.now);
	else if (event == ATTEMPT_EV_HASHED)
		(void)attempt_hashed(a, &world.now);
	else if (event == ATTEMPT_EV_BUSY)
		(void)attempt_busy(a, &world.now);
	else
		attempt_cancel(a, &world.now, event == ATTEMPT_EV_TIMEOUT);
}

START_TEST(no_state_and_event_by_force_open_anything) {
	enum attempt_state state = (enum attempt_state)_i;

	for (unsigned p = 0; p < 6; ++p) {
		for (unsigned e = 0; e < ARRAY_SIZE(outer); ++e) {
			struct attempt *a;
			bool foreseen = attempt_cell((unsigned)state, outer[e])->action != NULL;

			world.seat.session = (struct session){ 0 };
			sign_in(ADA);
			a = p == 0 ? begin_approval_of("settings.dose", "words")
				   : begin((enum cw_purpose)p, NULL);
			a->state = state;
			a->want = outer[e] == ATTEMPT_EV_ANSWER ? ATTEMPT_ANSWER : ATTEMPT_HASH;
			give_event(a, outer[e]);
			ck_assert_msg(!is_yes_result(a), "route %u, state %u, event %u opened", p,
				      (unsigned)state, (unsigned)outer[e]);
			/* What is shown to a reader and is for nobody here is not even taken. */
			if (!foreseen && outer[e] != ATTEMPT_EV_PRESENTED)
				ck_assert_int_eq(attempt_want(a), ATTEMPT_OVER);
			if (state != ATTEMPT_ST_OVER && attempt_want(a) == ATTEMPT_OVER)
				ck_assert_ptr_nonnull(attempt_result(a)->message);
			(void)attempt_free(a);
		}
	}
}
END_TEST

START_TEST(a_state_out_of_range_is_over) {
	struct attempt *a = begin(CW_PURPOSE_SIGN_IN, "kim");

	a->state = (enum attempt_state)77;
	ck_assert_int_eq(say(a, RIGHT("kim")), -EPROTO);
	ck_assert_int_eq(attempt_want(a), ATTEMPT_OVER);
	ck_assert_int_eq(say(a, RIGHT("kim")), -EPROTO);
	(void)attempt_free(a);
}
END_TEST

START_TEST(an_answer_that_nobody_asked_for_ends_it) {
	struct attempt *a = begin(CW_PURPOSE_SIGN_IN, "kim");

	ck_assert_int_eq(say(a, RIGHT("kim")), 0);
	ck_assert_int_eq(attempt_want(a), ATTEMPT_HASH);
	ck_assert_int_eq(say(a, RIGHT("kim")), -EPROTO);
	ck_assert_int_eq(attempt_want(a), ATTEMPT_OVER);
	/* The worker brings the job back later: nothing comes of it. */
	a->job.matched = PASSWORD_YES;
	ck_assert_int_eq(attempt_hashed(a, &world.now), 0);
	ck_assert(!is_yes_result(a));
	(void)attempt_free(a);
}
END_TEST

START_TEST(what_is_over_holds_no_secret) {
	const char *const answers[] = { "otp", ONE_TIME, NEW_PASSWORD, NEW_PASSWORD, NULL };
	struct attempt *a = converse(CW_PURPOSE_SIGN_IN, answers);
	static const struct secret none;

	ck_assert(is_yes_result(a));
	ck_assert_mem_eq(&a->old, &none, sizeof(none));
	ck_assert_mem_eq(&a->candidate, &none, sizeof(none));
	ck_assert_mem_eq(&a->job.candidate, &none, sizeof(none));
	ck_assert_uint_eq(a->first.password.current.cost.memory_kib, 0);
	ck_assert_uint_eq(a->made.cost.memory_kib, 0);
	(void)attempt_free(a);
}
END_TEST

/*
 * Routes
 */

START_TEST(every_purpose_has_a_route_and_nothing_else_has) {
	for (int p = -3; p < 20; ++p) {
		const struct attempt_route *route = attempt_route((enum cw_purpose)p);

		if (p < 0 || p > CW_PURPOSE_COUNTERSIGN) {
			ck_assert_ptr_null(route);
			continue;
		}
		ck_assert_ptr_nonnull(route);
		ck_assert_int_eq((int)route->purpose, p);
		ck_assert(route->forced_change);
	}
}
END_TEST

/* How far a conversation by @p gets with a one-time password: to what it asks then. */
static struct attempt *with_one_time(unsigned p) {
	const char *const by_name[] = { "otp", ONE_TIME, HANG };
	const char *const by_owner[] = { ONE_TIME, HANG };
	struct attempt *a;

	if (p == 0) {
		a = begin_approval_of("settings.dose", "words");
		talk(a, by_owner);
		return a;
	}
	return converse((enum cw_purpose)p, p == CW_PURPOSE_SIGN_IN ? by_name : by_owner);
}

/* A session of the person whose password has been reset since, as the route wants it. */
static void prepare_session(const struct attempt_route *route) {
	world.seat.session = (struct session){ 0 };
	give_password(OTP, RIGHT("otp"), false);
	change_roles(OTP, "physician");
	sign_in(OTP);
	give_password(OTP, ONE_TIME, true);
	if (route->purpose == CW_PURPOSE_UNLOCK)
		(void)seat_lock(world.store, &world.seat, &world.now, "person");
	if (route->purpose == CW_PURPOSE_SIGN_IN || route->purpose == CW_PURPOSE_RECOVER)
		(void)seat_close(world.store, &world.seat, &world.now, "person");
	(void)trail();
}

START_TEST(PW_22_on_every_route_a_one_time_password_leads_to_its_change_only) {
	const struct attempt_route *route = attempt_route((enum cw_purpose)_i);
	const char *const change[] = { NEW_PASSWORD, NEW_PASSWORD, HANG };
	struct attempt *a;

	prepare_session(route);
	a = with_one_time((unsigned)_i);
	ck_assert_msg(!is_yes_result(a), "%s opens with a one-time password", route->name);
	if (route->purpose == CW_PURPOSE_RECOVER) {
		ck_assert_str_eq(message(a), "refused"); /* it is no recovery code */
		(void)attempt_free(a);
		return;
	}
	ck_assert_msg(attempt_want(a) == ATTEMPT_ANSWER &&
			      attempt_prompt(a)->field == CW_FIELD_NEW_PASSWORD,
		      "%s: %s", route->name, message(a));
	ck_assert_str_eq(trail(), "try-counted:ok+claimed");
	ck_assert(password_now(OTP).one_time);

	talk(a, change);
	ck_assert(!password_now(OTP).one_time);
	/* All routes are over with the change but approvals, which go on. */
	if (route->purpose == ATTEMPT_APPROVAL)
		ck_assert_int_eq(attempt_prompt(a)->field, CW_FIELD_CONFIRM);
	else
		ck_assert_msg(is_yes_result(a), "%s: %s", route->name, message(a));
	(void)attempt_free(a);
}
END_TEST

START_TEST(PW_22_not_even_a_machine_gone_wrong_finishes_without_the_change) {
	const struct attempt_route *route = attempt_route((enum cw_purpose)_i);
	struct attempt *a;

	if (route->purpose == CW_PURPOSE_RECOVER)
		return;
	prepare_session(route);
	a = with_one_time((unsigned)_i);
	/* As if the judge had let it pass. */
	ck_assert_int_eq((int)finish(a, &world.now), ATTEMPT_EV_REFUSED);
	ck_assert_uint_ne(attempt_result(a)->success, ATTEMPT_YES);
	ck_assert_uint_eq(attempt_result(a)->session, 0);
	(void)attempt_free(a);
}
END_TEST

START_TEST(only_what_says_so_opens_a_session) {
	for (int p = 1; p <= CW_PURPOSE_RECOVER; ++p) {
		struct attempt_result result = {
			.success = ATTEMPT_YES,
			.purpose = (enum cw_purpose)p,
			.account = { .number = KIM },
		};
		bool opens = attempt_route(result.purpose)->opens_session;

		world.seat.session = (struct session){ 0 };
		seat_open(&world.seat, &result, 7, &world.now);
		ck_assert_msg((world.seat.session.number != 0) == (p == CW_PURPOSE_SIGN_IN),
			      "purpose %d", p);
		world.seat.session = (struct session){ .number = 7, .account = KIM };
		world.seat.session.lock = SEAT_LOCKED;
		seat_unlock(&world.seat, &result, &world.now);
		ck_assert_msg((world.seat.session.lock == SEAT_UNLOCKED) ==
				      (p == CW_PURPOSE_UNLOCK),
			      "purpose %d", p);
		ck_assert(opens == (p == CW_PURPOSE_SIGN_IN || p == CW_PURPOSE_UNLOCK));
	}
}
END_TEST

START_TEST(a_purpose_that_there_is_not_begins_nothing) {
	static const int purposes[] = { -1, 8, 255, 0 };
	struct attempt *a = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(purposes); ++i) {
		const struct attempt_request request = { .purpose = (enum cw_purpose)purposes[i] };

		ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
				 -EINVAL);
	}
	ck_assert_ptr_null(a);
	ck_assert_ptr_null(attempt_free(NULL));
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("machine");
	TCase *t = tcase_create("machine");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, an_empty_cell_is_the_end_whatever_the_numbers);
	tcase_add_test(t, the_cells_are_as_many_as_were_thought_of);
	tcase_add_test(t, nothing_leads_out_of_over_and_refused_leads_nowhere);
	tcase_add_test(t, success_is_reached_from_proved_states_only);
	tcase_add_loop_test(t, no_state_and_event_by_force_open_anything, 0, ATTEMPT_N_STATES);
	tcase_add_test(t, a_state_out_of_range_is_over);
	tcase_add_test(t, an_answer_that_nobody_asked_for_ends_it);
	tcase_add_test(t, what_is_over_holds_no_secret);
	tcase_add_test(t, every_purpose_has_a_route_and_nothing_else_has);
	tcase_add_loop_test(t, PW_22_on_every_route_a_one_time_password_leads_to_its_change_only, 0,
			    CW_PURPOSE_RECOVER + 1);
	tcase_add_loop_test(t, PW_22_not_even_a_machine_gone_wrong_finishes_without_the_change, 0,
			    CW_PURPOSE_RECOVER + 1);
	tcase_add_test(t, only_what_says_so_opens_a_session);
	tcase_add_test(t, a_purpose_that_there_is_not_begins_nothing);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
