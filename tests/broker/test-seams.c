/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "run.h"

/* Connections that go at the wrong moment, and things that happen twice at once. */

static struct caller service, ui;
static char recovery[64];
static const uint8_t id[16] = { 0x5e, 0xa3, 3 };

static void begin(void) {
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
}

static void end(void) {
	caller_close(&service);
	world_stop(&world);
}

static void send_text_request(struct caller *c, const char *verb, const char *key,
                              const char *value) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), verb);
	if (strcmp(verb, "attempt.begin") == 0)
		frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
	frame_text(&w, key, value);
	if (strcmp(verb, "attempt.begin") != 0) {
		frame_open_array(&w, "roles");
		frame_text(&w, NULL, strcmp(verb, "init") == 0 ? "admin" : "nurse");
		frame_close(&w);
	}
	caller_send(c, &w);
}

/* One engine for all of it: a crash would make another one. */
START_TEST(a_client_that_asks_and_goes_at_once_hurts_nobody) {
	pid_t engine = 0;

	begin();
	engine = world_engine(&world);
	for (int i = 0; i < 50; ++i) {
		ck_assert_int_eq(kill(engine, SIGSTOP), 0);
		caller_close(&service);
		service.fd = -1;
		ck_assert_int_eq(kill(engine, SIGCONT), 0);
		caller_open(&ui, &world, "main");
		/* The engine finds request and end together: its answers reach nobody. */
		ck_assert_int_eq(kill(engine, SIGSTOP), 0);
		send_text_request(&ui, "attempt.begin", "name", i % 2 ? "anna" : "nobody");
		caller_close(&ui);
		ck_assert_int_eq(kill(engine, SIGCONT), 0);
		caller_open(&service, &world, "service");
	}
	ck_assert_int_eq(world_engine(&world), engine);
	ck_assert_uint_eq(caller_call(&service, "status"), RESULT_OK);
	end();
}
END_TEST

/* The right password, and nobody there when its hash is done: no session, no success. */
START_TEST(a_sign_in_whose_connection_went_is_recorded_as_given_up) {
	static const char password[] = ADMIN_PASSWORD;
	uint64_t attempt = 0, before = 0;
	uint8_t buffer[512];
	struct frame_writer w;
	struct caller gone;

	begin();
	world_add(&service, &service, "lena", "lead");
	before = history_count(&service, "handover") + history_count(&service, "sign-in");
	caller_open(&gone, &world, "main");
	send_text_request(&gone, "attempt.begin", "name", "anna");
	ck_assert(caller_event(&gone, "prompt"));
	ck_assert_int_eq(frame_get_uint(gone.frame.body, "attempt", &attempt), 0);
	caller_begin(&gone, &w, buffer, sizeof(buffer), "attempt.answer");
	frame_uint(&w, "attempt", attempt);
	frame_bytes(&w, "value", password, sizeof(password) - 1);
	caller_send(&gone, &w);
	caller_close(&gone);
	usleep(500000);
	caller_open(&ui, &world, "main");
	ck_assert_uint_eq(caller_call(&ui, "status"), RESULT_OK);
	/* One entry more: that it was given up. */
	ck_assert_uint_eq(history_count(&service, "handover") + history_count(&service, "sign-in"),
	                  before + 1);
	caller_begin(&service, &w, buffer, sizeof(buffer), "history");
	frame_uint(&w, "n", 2);
	frame_text(&w, "event", "sign-in");
	caller_send(&service, &w);
	ck_assert_uint_eq(caller_reply(&service), RESULT_OK);
	{
		struct frame_span entries, item;
		size_t cursor = 0;
		char outcome[32];

		ck_assert_int_eq(frame_get_array(service.frame.body, "entries", &entries), 0);
		ck_assert_int_eq(frame_next_item(entries, &cursor, &item), 1);
		ck_assert_int_eq(frame_get_text(item, "outcome", outcome, sizeof(outcome)), 0);
		ck_assert_str_eq(outcome, "cancelled");
	}
	caller_close(&ui);
	end();
}
END_TEST

START_TEST(the_session_in_the_journal_is_the_session_on_the_screen) {
	struct frame_span entries, item;
	struct policy_state s;
	uint64_t session = 0;
	uint8_t buffer[256];
	struct frame_writer w;
	size_t cursor = 0;

	begin();
	world_add(&service, &service, "lena", "lead");
	ck_assert_int_eq(state_page_read(service.page, &s), 0);
	caller_begin(&service, &w, buffer, sizeof(buffer), "history");
	frame_uint(&w, "n", 1);
	frame_text(&w, "event", "handover");
	caller_send(&service, &w);
	ck_assert_uint_eq(caller_reply(&service), RESULT_OK);
	ck_assert_int_eq(frame_get_array(service.frame.body, "entries", &entries), 0);
	ck_assert_int_eq(frame_next_item(entries, &cursor, &item), 1);
	ck_assert_int_eq(frame_get_uint(item, "session", &session), 0);
	ck_assert_uint_eq(session, s.session);
	end();
}
END_TEST

/* Both were asked before either password was hashed: one device, one first administrator. */
START_TEST(two_inits_at_once_make_one_administrator) {
	struct caller a, b;
	uint64_t first = 0, second = 0;

	world_start(&world);
	caller_open_as(&a, &world, "service", 0);
	caller_open_as(&b, &world, "service", 0);
	send_text_request(&a, "init", "name", "anna");
	send_text_request(&b, "init", "name", "bert");
	first = caller_reply(&a);
	second = caller_reply(&b);
	ck_assert_uint_eq(first + second, RESULT_OK + RESULT_EXISTS);
	caller_close(&a);
	caller_close(&b);
	world_stop(&world);
}
END_TEST

START_TEST(two_accounts_of_one_name_at_once_are_one) {
	struct caller other;
	uint64_t first = 0, second = 0;

	begin();
	caller_open(&other, &world, "service");
	send_text_request(&service, "user.add", "name", "nina");
	send_text_request(&other, "user.add", "name", "nina");
	first = caller_reply(&service);
	second = caller_reply(&other);
	ck_assert_uint_eq(first + second, RESULT_OK + RESULT_EXISTS);
	caller_close(&other);
	end();
}
END_TEST

static void record(struct caller *c, uint8_t kind, uint64_t serial) {
	struct ring_record r;

	record_make(c, &r, kind, id, serial, 5000);
	r.verdict = kind == RECORD_START ? CW_ALLOW : 0;
	caller_record(c, &r);
}

START_TEST(a_start_of_what_has_ended_is_told_that_it_has) {
	struct caller late;

	begin();
	caller_open(&ui, &world, "main");
	caller_open(&late, &world, "main");
	record(&ui, RECORD_START, 1);
	record(&ui, RECORD_END, 2);
	ck_assert(caller_event(&ui, "emergency-ended"));
	caller_close(&late);
	caller_open(&late, &world, "main"); /* it missed the end */
	record(&late, RECORD_START, 1);
	ck_assert(caller_event(&late, "emergency-ended"));
	caller_close(&late);
	caller_close(&ui);
	end();
}
END_TEST

START_TEST(a_reason_is_asked_for_once_when_nobody_gave_one) {
	uint8_t told[16];
	bool again = false;

	begin();
	caller_open(&ui, &world, "main");
	record(&ui, RECORD_START, 1);
	record(&ui, RECORD_END, 2);
	ck_assert(caller_event(&ui, "reason-wanted"));
	ck_assert_int_eq(frame_get_fixed(ui.frame.body, "emergency", told, 16), 0);
	ck_assert_mem_eq(told, id, 16);
	while (caller_next(&ui, 2500) == 1)
		again |= ui.frame.kind == FRAME_EVENT && strcmp(ui.frame.name, "reason-wanted") == 0;
	ck_assert(!again);
	caller_close(&ui);
	end();
}
END_TEST

START_TEST(a_reason_that_was_given_is_not_asked_for) {
	uint64_t until = 0;

	begin();
	caller_open(&ui, &world, "main");
	record(&ui, RECORD_START, 1);
	record(&ui, RECORD_REASON, 2);
	record(&ui, RECORD_END, 3);
	ck_assert(caller_event(&ui, "emergency-ended"));
	for (until = boot_now_ms() + 8000; boot_now_ms() < until;)
		if (caller_next(&ui, 500) == 1)
			ck_assert_str_ne(ui.frame.name, "reason-wanted");
	caller_close(&ui);
	end();
}
END_TEST

/* What a client counted on is acknowledged, if not one by one: nothing stays in its ring. */
START_TEST(what_was_joined_is_acknowledged_when_its_count_is_durable) {
	uint32_t recorded = 0, joined = 0;
	uint64_t until = 0;

	begin();
	world_add(&service, &service, "lena", "lead");
	caller_open(&ui, &world, "main");
	record(&ui, RECORD_START, 1);
	for (uint64_t i = 0; i < 100; ++i) {
		struct ring_record r;

		record_make(&ui, &r, RECORD_USE, id, 2 + i, 0);
		memcpy(r.action, "therapy.start", sizeof("therapy.start"));
		r.verdict = CW_ALLOW;
		caller_record(&ui, &r);
		while (caller_next(&ui, 0) == 1)
			recorded += strcmp(ui.frame.name, "recorded") == 0;
	}
	for (until = boot_now_ms() + 5000; boot_now_ms() < until && recorded < 101;)
		if (caller_next(&ui, 200) == 1)
			recorded += strcmp(ui.frame.name, "recorded") == 0;
	ck_assert_uint_eq(recorded, 101);
	joined = (uint32_t)history_count(&service, "claims-coalesced");
	ck_assert_uint_ge(joined, 1);
	caller_close(&ui);
	end();
}
END_TEST

/* JR: whoever turns over pages that nobody opened opens a book. */
START_TEST(every_reading_of_the_history_is_recorded) {
	uint8_t buffer[256];
	struct frame_writer w;
	uint64_t before = 0;

	begin();
	world_add(&service, &service, "lena", "lead");
	before = history_count(&service, "history-read"); /* itself is the next one */
	for (uint64_t i = 0; i < 3; ++i) {
		caller_begin(&service, &w, buffer, sizeof(buffer), "history");
		frame_uint(&w, "before", 5 + i);
		frame_uint(&w, "n", 1);
		caller_send(&service, &w);
		ck_assert_uint_eq(caller_reply(&service), RESULT_OK);
	}
	ck_assert_uint_eq(history_count(&service, "history-read"), before + 4);
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		a_client_that_asks_and_goes_at_once_hurts_nobody,
		a_sign_in_whose_connection_went_is_recorded_as_given_up,
		the_session_in_the_journal_is_the_session_on_the_screen,
		two_inits_at_once_make_one_administrator,
		two_accounts_of_one_name_at_once_are_one,
		a_start_of_what_has_ended_is_told_that_it_has,
		a_reason_is_asked_for_once_when_nobody_gave_one,
		a_reason_that_was_given_is_not_asked_for,
		what_was_joined_is_acknowledged_when_its_count_is_durable,
		every_reading_of_the_history_is_recorded,
	};

	return RUN_TESTS("broker seams", tests);
}
