/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "run.h"

static struct caller service, ui;
static char recovery[64];
static const uint8_t id[16] = { 0xe1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static void begin(void) {
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	world_add(&service, &service, "lena", "lead"); /* reads the history */
	caller_open(&ui, &world, "main");
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

static struct policy_state state_of(struct caller *c) {
	struct policy_state s;

	ck_assert_int_eq(state_page_read(c->page, &s), 0);
	return s;
}

static void record(struct caller *c, uint8_t kind, uint64_t serial, uint64_t deadline_in_ms) {
	struct ring_record r;

	record_make(c, &r, kind, id, serial, deadline_in_ms);
	if (kind == RECORD_USE)
		memcpy(r.action, "therapy.start", sizeof("therapy.start"));
	if (kind == RECORD_REASON)
		memcpy(r.name, "Locked out", sizeof("Locked out"));
	r.verdict = kind == RECORD_USE ? CW_ALLOW : 0;
	caller_record(c, &r);
}

static bool recorded(struct caller *c, uint64_t serial) {
	uint64_t s = 0;

	while (caller_event(c, "recorded"))
		if (frame_get_uint(c->frame.body, "serial", &s) == 0 && s == serial)
			return true;
	return false;
}

START_TEST(an_emergency_is_adopted_published_and_recorded) {
	struct caller other;
	struct policy_state s;

	begin();
	caller_open(&other, &world, "main");
	record(&ui, RECORD_START, 1, 1000);
	ck_assert(recorded(&ui, 1));
	ck_assert(caller_event(&other, "emergency"));
	s = state_of(&other);
	ck_assert_uint_ne(s.emergency, 0);
	ck_assert_mem_eq(s.emergency_id, id, 16);
	record(&ui, RECORD_END, 2, 0);
	ck_assert(recorded(&ui, 2));
	ck_assert(caller_event(&other, "emergency-ended"));
	ck_assert_uint_eq(state_of(&other).emergency, 0);
	ck_assert_uint_eq(history_count(&service, "emergency-started"), 1);
	ck_assert_uint_eq(history_count(&service, "emergency-ended"), 1);
	caller_close(&other);
	end();
}
END_TEST

START_TEST(a_repeated_record_changes_nothing_and_is_answered_again) {
	begin();
	for (int i = 0; i < 3; ++i) {
		record(&ui, RECORD_START, 1, 1000);
		ck_assert(recorded(&ui, 1));
	}
	ck_assert_uint_eq(history_count(&service, "emergency-started"), 1);
	end();
}
END_TEST

START_TEST(ended_is_final) {
	begin();
	record(&ui, RECORD_START, 1, 1000);
	record(&ui, RECORD_END, 2, 0);
	ck_assert(recorded(&ui, 2));
	record(&ui, RECORD_START, 3, 5000);
	ck_assert(caller_event(&ui, "emergency-ended"));
	/* A client that missed the end says the first one again. */
	record(&ui, RECORD_START, 1, 5000);
	ck_assert(caller_event(&ui, "emergency-ended"));
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	ck_assert_uint_eq(state_of(&ui).emergency, 0);
	end();
}
END_TEST

/* BG: what is read past its deadline is recorded and never granted. */
START_TEST(a_late_start_is_recorded_and_not_granted) {
	struct ring_record r;

	begin();
	record_make(&ui, &r, RECORD_START, id, 1, 0);
	r.deadline_ms = boot_now_ms() - 1;
	caller_record(&ui, &r);
	ck_assert(recorded(&ui, 1));
	ck_assert_uint_eq(state_of(&ui).emergency, 0);
	ck_assert_uint_eq(history_count(&service, "emergency-late-request"), 1);
	/* The client is still there and says it again. */
	record(&ui, RECORD_START, 2, 1000);
	ck_assert(recorded(&ui, 2));
	ck_assert_uint_ne(state_of(&ui).emergency, 0);
	end();
}
END_TEST

START_TEST(an_emergency_suspends_the_session_and_lends_nothing) {
	struct policy_state s;
	uint8_t buffer[256];
	struct frame_writer w;
	uint64_t session = 0, verdict = 0;

	begin();
	caller_sign_in(&service, "anna");
	world_add(&service, &ui, "bert", "biomed");
	session = state_of(&ui).session;
	ck_assert_uint_ne(session, 0);
	record(&ui, RECORD_START, 1, 1000);
	ck_assert(recorded(&ui, 1));
	s = state_of(&ui);
	ck_assert_uint_ne(s.suspended, 0);
	/* BG-05: not care, so not open, whoever was signed in. */
	caller_begin(&ui, &w, buffer, sizeof(buffer), "use");
	frame_text(&w, "action", "data.export");
	frame_uint(&w, "session", session);
	caller_send(&ui, &w);
	ck_assert_uint_eq(caller_reply(&ui), RESULT_DENIED);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "verdict", &verdict), 0);
	ck_assert_uint_eq(verdict, CW_UNLOCK);
	ck_assert_uint_eq(caller_call(&ui, "history"), RESULT_DENIED);
	ck_assert_uint_eq(caller_call(&ui, "user.list"), RESULT_DENIED);
	ck_assert_uint_eq(caller_call(&ui, "review.list"), RESULT_DENIED);
	end();
}
END_TEST

START_TEST(the_engine_killed_inside_an_emergency_goes_on_with_it) {
	struct caller again;

	begin();
	record(&ui, RECORD_START, 1, 1000);
	ck_assert(recorded(&ui, 1));
	ck_assert_int_eq(kill(world_engine(&world), SIGKILL), 0);
	ck_assert(caller_is_closed(&ui));
	(void)world_engine(&world); /* waits for the next one */
	caller_open(&again, &world, "main");
	ck_assert_uint_ne(state_of(&again).emergency, 0);
	ck_assert_mem_eq(state_of(&again).emergency_id, id, 16);
	caller_close(&again);
	caller_close(&service);
	caller_open(&service, &world, "service");
	caller_sign_in(&service, "lena");
	ck_assert_uint_eq(history_count(&service, "emergency-started"), 1);
	ck_assert_uint_eq(history_count(&service, "engine-died"), 1);
	end();
}
END_TEST

START_TEST(what_was_pressed_while_the_engine_was_dead_comes_through_the_ring) {
	pid_t engine = 0;
	uint64_t n = 0;

	begin();
	engine = world_engine(&world);
	ck_assert_int_eq(kill(engine, SIGSTOP), 0);
	record(&ui, RECORD_START, 1, 60000);
	record(&ui, RECORD_USE, 2, 0);
	ck_assert_int_eq(kill(engine, SIGKILL), 0);
	caller_close(&service);
	(void)world_engine(&world);
	caller_open(&service, &world, "service");
	caller_sign_in(&service, "lena");
	for (int i = 0; i < 100 && n == 0; ++i) {
		n = history_count(&service, "emergency-use");
		usleep(100000);
	}
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(history_count(&service, "emergency-started") +
	                          history_count(&service, "emergency-late-request"),
	                  1);
	caller_close(&ui);
	caller_open(&ui, &world, "main");
	end();
}
END_TEST

START_TEST(a_client_that_dies_leaves_its_ring_to_the_engine) {
	struct ring_record r;

	begin();
	record_make(&ui, &r, RECORD_START, id, 1, 60000);
	ck_assert(ring_write(ui.ring, &r)); /* written, never sent */
	caller_close(&ui);
	for (int i = 0; i < 50 && history_count(&service, "emergency-late-request") == 0; ++i)
		usleep(100000);
	/* Nobody is there any more whom it could be granted to. */
	ck_assert_uint_eq(history_count(&service, "emergency-late-request"), 1);
	ck_assert_uint_eq(history_count(&service, "emergency-started"), 0);
	caller_open(&ui, &world, "main");
	ck_assert_uint_eq(state_of(&ui).emergency, 0);
	end();
}
END_TEST

/* Claims are bounded; the first start and the end never are. */
START_TEST(a_flood_of_claims_is_joined_and_its_end_is_not) {
	begin();
	record(&ui, RECORD_START, 1, 1000);
	for (uint64_t i = 0; i < 150; ++i) {
		record(&ui, RECORD_USE, 2 + i, 0);
		ring_release(ui.ring, id, 2 + i);
	}
	record(&ui, RECORD_END, 1000, 0);
	ck_assert(recorded(&ui, 1000));
	ck_assert_uint_eq(state_of(&ui).emergency, 0);
	caller_close(&ui); /* what is still counted is recorded at the latest now */
	caller_open(&ui, &world, "main");
	ck_assert_uint_lt(history_count(&service, "emergency-use"), 100);
	ck_assert_uint_ge(history_count(&service, "claims-coalesced"), 1);
	end();
}
END_TEST

/* What is said again gives back the room that it took, and no more. */
START_TEST(repeats_make_no_room_for_a_flood) {
	begin();
	record(&ui, RECORD_START, 1, 5000);
	record(&ui, RECORD_END, 2, 0);
	ck_assert(recorded(&ui, 2));
	for (uint64_t i = 0; i < 150; ++i) {
		record(&ui, RECORD_USE, 3 + i, 0);
		ring_release(ui.ring, id, 3 + i);
		record(&ui, RECORD_START, 1, 5000); /* of what has ended: known, in time */
		ring_release(ui.ring, id, 1);
		while (caller_next(&ui, 0) == 1)
			;
	}
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	caller_close(&ui); /* what is still counted is recorded at the latest now */
	caller_open(&ui, &world, "main");
	ck_assert_msg(history_count(&service, "claims-coalesced") >= 1,
	              "150 uses between repeats were all taken one by one");
	end();
}
END_TEST

START_TEST(a_review_is_opened_and_closed_by_somebody_of_another_role) {
	uint8_t buffer[512];
	struct frame_writer w;
	struct frame_span reviews, item;
	size_t cursor = 0;
	struct caller r;

	begin();
	record(&ui, RECORD_START, 1, 1000);
	record(&ui, RECORD_REASON, 2, 0);
	record(&ui, RECORD_END, 3, 0);
	ck_assert(recorded(&ui, 3));
	caller_open(&r, &world, "main");
	caller_sign_in(&service, "anna");
	world_add(&service, &r, "rita", "reviewer");
	ck_assert_uint_eq(caller_call(&r, "review.list"), RESULT_OK);
	ck_assert_int_eq(frame_get_array(r.frame.body, "reviews", &reviews), 0);
	ck_assert_int_eq(frame_next_item(reviews, &cursor, &item), 1);
	ck_assert_int_eq(frame_next_item(reviews, &cursor, &item), 0);
	for (int round = 0; round < 2; ++round) {
		caller_begin(&r, &w, buffer, sizeof(buffer), "review.close");
		frame_bytes(&w, "id", id, 16);
		frame_text(&w, "outcome", "justified");
		caller_send(&r, &w);
		ck_assert_uint_eq(caller_reply(&r), round == 0 ? RESULT_OK : RESULT_EXISTS);
	}
	caller_close(&r);
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		an_emergency_is_adopted_published_and_recorded,
		a_repeated_record_changes_nothing_and_is_answered_again,
		ended_is_final,
		a_late_start_is_recorded_and_not_granted,
		an_emergency_suspends_the_session_and_lends_nothing,
		the_engine_killed_inside_an_emergency_goes_on_with_it,
		what_was_pressed_while_the_engine_was_dead_comes_through_the_ring,
		a_client_that_dies_leaves_its_ring_to_the_engine,
		a_flood_of_claims_is_joined_and_its_end_is_not,
		repeats_make_no_room_for_a_flood,
		a_review_is_opened_and_closed_by_somebody_of_another_role,
	};

	return RUN_TESTS("broker emergency", tests);
}
