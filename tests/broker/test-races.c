/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "run.h"

/* What changes between a question and its answer: many at once, ends, restarts. */

#define GUESSERS 12

static struct caller service;
static struct caller guessers[GUESSERS];
static uint64_t attempts[GUESSERS];
static char recovery[64];

static void begin(void) {
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
}

static void end(void) {
	caller_close(&service);
	world_stop(&world);
}

/* An attempt that waits for its password. */
static void ask(struct caller *c, uint64_t *ret_attempt) {
	uint8_t buffer[128];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "attempt.begin");
	frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
	frame_text(&w, "name", "anna");
	caller_send(c, &w);
	ck_assert(caller_event(c, "prompt"));
	ck_assert_int_eq(frame_get_uint(c->frame.body, "attempt", ret_attempt), 0);
}

static void answer(struct caller *c, uint64_t attempt, const char *value) {
	uint8_t buffer[512];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "attempt.answer");
	frame_uint(&w, "attempt", attempt);
	frame_bytes(&w, "value", value, strlen(value));
	caller_send(c, &w);
}

static const char *sign_in(struct caller *c, const char *password) {
	const struct answer a = { CW_FIELD_PASSWORD, password };

	return caller_attempt(c, CW_PURPOSE_SIGN_IN, "anna", &a, 1);
}

/* The wait that goes with the refusal just read. */
static uint64_t wait_of(struct caller *c) {
	uint64_t ms = 0;

	(void)frame_get_uint(c->frame.body, "wait_ms", &ms);
	return ms;
}

/* LK-01: whoever comes with many at once gets no more guesses than one. */
START_TEST(guesses_at_once_are_counted_before_any_is_judged) {
	unsigned judged = 0;
	pid_t engine = 0;

	begin();
	engine = world_engine(&world);
	for (int i = 0; i < GUESSERS; ++i)
		caller_open(&guessers[i], &world, "main");
	/* Half of the hashing queue is one seat's: the rest of a round is busy, and
	 * was neither verified nor counted. */
	for (int round = 0; round < 2; ++round) {
		for (int i = 0; i < GUESSERS; ++i)
			ask(&guessers[i], &attempts[i]);
		ck_assert_int_eq(kill(engine, SIGSTOP), 0);
		for (int i = 0; i < GUESSERS; ++i)
			answer(&guessers[i], attempts[i], "wrong it is");
		ck_assert_int_eq(kill(engine, SIGCONT), 0);
		for (int i = 0; i < GUESSERS; ++i) {
			char message[64] = "";

			ck_assert(caller_event(&guessers[i], "attempt-over"));
			(void)frame_get_text(guessers[i].frame.body, "message", message,
			                     sizeof(message));
			judged += strcmp(message, "refused") == 0;
		}
	}
	ck_assert_msg(judged <= 5, "%u guesses were judged, five are free", judged);
	ck_assert_str_eq(sign_in(&guessers[0], ADMIN_PASSWORD), "attempt-over");
	ck_assert_uint_gt(wait_of(&guessers[0]), 0);
	for (int i = 0; i < GUESSERS; ++i)
		caller_close(&guessers[i]);
	end();
}
END_TEST

#define THIRTY 30

/* How many sign-ins the history has with this outcome. */
static unsigned count_outcome(struct caller *c, const char *outcome) {
	uint64_t before = 0;
	unsigned n = 0;

	do {
		struct frame_span entries, item;
		uint8_t buffer[128];
		struct frame_writer w;
		size_t cursor = 0;

		caller_begin(c, &w, buffer, sizeof(buffer), "history");
		frame_uint(&w, "before", before);
		frame_text(&w, "event", "sign-in");
		caller_send(c, &w);
		ck_assert_uint_eq(caller_reply(c), RESULT_OK);
		ck_assert_int_eq(frame_get_array(c->frame.body, "entries", &entries), 0);
		while (frame_next_item(entries, &cursor, &item) == 1) {
			char text[32] = "";

			(void)frame_get_text(item, "outcome", text, sizeof(text));
			n += strcmp(text, outcome) == 0;
		}
		ck_assert_int_eq(frame_get_uint(c->frame.body, "next", &before), 0);
	} while (before != 0);
	return n;
}

/* Is there a word but "busy"? Asked again otherwise. */
static bool is_answered(struct caller *c) {
	char message[64] = "";

	ck_assert(caller_event(c, "attempt-over"));
	(void)frame_get_text(c->frame.body, "message", message, sizeof(message));
	return strcmp(message, "busy") != 0;
}

/* Thirty at two seats: each failure stands in the journal, and no more are hashed than are free. */
START_TEST(LK_01_thirty_at_once_through_the_broker_are_thirty) {
	static struct caller many[THIRTY];
	static uint64_t asked[THIRTY];
	bool told[THIRTY] = { false };
	unsigned n = 0;
	pid_t engine = 0;

	begin();
	world_add(&service, &service, "lena", "lead"); /* reads the history */
	engine = world_engine(&world);
	for (int i = 0; i < THIRTY; ++i)
		caller_open(&many[i], &world, i % 2 ? "main" : "service");
	while (n < THIRTY) {
		for (int i = 0; i < THIRTY; ++i)
			if (!told[i])
				ask(&many[i], &asked[i]);
		ck_assert_int_eq(kill(engine, SIGSTOP), 0);
		for (int i = 0; i < THIRTY; ++i)
			if (!told[i])
				answer(&many[i], asked[i], "wrong it is");
		ck_assert_int_eq(kill(engine, SIGCONT), 0);
		for (int i = 0; i < THIRTY; ++i)
			if (!told[i] && is_answered(&many[i]))
				told[i] = ++n > 0;
	}
	for (int i = 0; i < THIRTY; ++i)
		caller_close(&many[i]);
	/* Five were looked at for each seat; the others were not even that. */
	ck_assert_uint_eq(count_outcome(&service, "refused"), 2 * 5);
	ck_assert_uint_eq(count_outcome(&service, "locked"), THIRTY - 2 * 5);
	for (int i = 0; i < 2; ++i) {
		caller_open(&many[i], &world, i % 2 ? "main" : "service");
		ck_assert_str_eq(sign_in(&many[i], ADMIN_PASSWORD), "attempt-over");
		ck_assert_uint_gt(wait_of(&many[i]), 0);
		caller_close(&many[i]);
	}
	end();
}
END_TEST

/* ---- two who change one password ---------------------------------------------------- */

static void prompted(struct caller *c, const char *value) {
	uint64_t attempt = 0;

	ck_assert(caller_event(c, "prompt"));
	ck_assert_int_eq(frame_get_uint(c->frame.body, "attempt", &attempt), 0);
	if (value)
		answer(c, attempt, value);
}

/* Up to the last question of a forced change. Return: the attempt. */
static uint64_t begin_change(struct caller *c, const char *one_time, const char *password) {
	uint8_t buffer[128];
	struct frame_writer w;
	uint64_t attempt = 0;

	caller_begin(c, &w, buffer, sizeof(buffer), "attempt.begin");
	frame_uint(&w, "purpose", CW_PURPOSE_SIGN_IN);
	frame_text(&w, "name", "nina");
	caller_send(c, &w);
	prompted(c, one_time);
	prompted(c, password);
	prompted(c, NULL);
	ck_assert_int_eq(frame_get_uint(c->frame.body, "attempt", &attempt), 0);
	return attempt;
}

static bool got_in(struct caller *c) {
	for (;;) {
		ck_assert_int_eq(caller_next(c, 10000), 1);
		if (c->frame.kind == FRAME_EVENT && strcmp(c->frame.name, "attempt-over") == 0)
			return false;
		if (c->frame.kind == FRAME_EVENT && strcmp(c->frame.name, "signed-in") == 0)
			return true;
	}
}

static const char *const changed[2] = { "eleven slow copper lanterns",
	                                "nineteen brave wet umbrellas" };

/* With a least age of a day: the second of two changes would be too soon as well. */
START_TEST(PW_15_PW_16_of_two_changes_at_once_one_counts) {
	struct caller two[2];
	uint64_t attempt[2];
	uint8_t buffer[256];
	struct frame_writer w;
	char secret[64];
	bool in[2];
	pid_t engine = 0;

	world_edit(&world, "site.cfg", "passwords = {", "passwords = {\n  min_age = 1;");
	begin();
	engine = world_engine(&world);
	caller_begin(&service, &w, buffer, sizeof(buffer), "user.add");
	frame_text(&w, "name", "nina");
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, "nurse");
	frame_close(&w);
	caller_send(&service, &w);
	ck_assert_uint_eq(caller_reply(&service), RESULT_OK);
	ck_assert_int_eq(frame_get_text(service.frame.body, "secret", secret, sizeof(secret)), 0);
	caller_open(&two[0], &world, "main");
	caller_open(&two[1], &world, "service");
	for (int i = 0; i < 2; ++i)
		attempt[i] = begin_change(&two[i], secret, changed[i]);
	ck_assert_int_eq(kill(engine, SIGSTOP), 0);
	for (int i = 0; i < 2; ++i)
		answer(&two[i], attempt[i], changed[i]);
	ck_assert_int_eq(kill(engine, SIGCONT), 0);
	for (int i = 0; i < 2; ++i)
		in[i] = got_in(&two[i]);
	ck_assert_msg(in[0] != in[1], "%d of two changes at once count", in[0] + in[1]);
	for (int i = 0; i < 2; ++i) {
		const struct answer own = { CW_FIELD_PASSWORD, changed[i] };

		ck_assert_str_eq(caller_attempt(&two[i], CW_PURPOSE_SIGN_IN, "nina", &own, 1),
		                 in[i] ? "signed-in" : "attempt-over");
		caller_close(&two[i]);
	}
	end();
}
END_TEST

/* Going away before the answer gives no guess for nothing. */
START_TEST(who_goes_before_the_answer_has_guessed) {
	struct caller c;

	begin();
	/* More than five: who comes while four are being hashed is told "busy". */
	for (int i = 0; i < 8; ++i) {
		uint64_t attempt = 0;

		caller_open(&c, &world, "main");
		ask(&c, &attempt);
		answer(&c, attempt, "wrong it is");
		ck_assert_uint_eq(caller_reply(&c), RESULT_OK);
		caller_close(&c);
		usleep(300000);
	}
	caller_open(&c, &world, "main");
	ck_assert_str_eq(sign_in(&c, ADMIN_PASSWORD), "attempt-over");
	ck_assert_uint_gt(wait_of(&c), 0);
	caller_close(&c);
	end();
}
END_TEST

/* A guess is a guess, whatever it is for. */
START_TEST(guesses_at_another_prompt_count_as_well) {
	static const uint64_t purposes[] = { CW_PURPOSE_REAUTH, CW_PURPOSE_CHANGE,
					     CW_PURPOSE_UNLOCK, CW_PURPOSE_REAUTH,
					     CW_PURPOSE_CHANGE };
	const struct answer wrong = { CW_FIELD_PASSWORD, "wrong it is" };

	begin();
	for (int i = 0; i < 5; ++i)
		ck_assert_str_eq(caller_attempt(&service, purposes[i], NULL, &wrong, 1),
				 "attempt-over");
	ck_assert_str_eq(sign_in(&service, ADMIN_PASSWORD), "attempt-over");
	ck_assert_uint_gt(wait_of(&service), 0);
	end();
}
END_TEST

static void say_hello(struct caller *c) {
	uint8_t buffer[128];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "hello");
	frame_uint(&w, "version", PROTOCOL_VERSION);
	frame_uint(&w, "actions", 0);
	caller_send(c, &w);
	ck_assert_uint_eq(caller_reply(c), RESULT_OK);
}

static void send_person(struct caller *c, const char *verb, const char *name, const char *role) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), verb);
	frame_text(&w, "name", name);
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, role);
	frame_close(&w);
	caller_send(c, &w);
}

START_TEST(two_who_initialise_at_once_do_not_both_succeed) {
	static struct caller root[2];
	uint64_t results[2];
	pid_t engine = 0;

	world_start(&world);
	engine = world_engine(&world);
	for (int i = 0; i < 2; ++i) {
		ck_assert_int_eq(caller_connect(&root[i], &world, "service", 0), 0);
		say_hello(&root[i]);
	}
	ck_assert_int_eq(kill(engine, SIGSTOP), 0);
	send_person(&root[0], "init", "anna", "admin");
	send_person(&root[1], "init", "mallory", "admin");
	ck_assert_int_eq(kill(engine, SIGCONT), 0);
	for (int i = 0; i < 2; ++i)
		results[i] = caller_reply(&root[i]);
	ck_assert_msg((results[0] == RESULT_OK) != (results[1] == RESULT_OK), "results %d and %d",
	              (int)results[0], (int)results[1]);
	for (int i = 0; i < 2; ++i)
		caller_close(&root[i]);
	world_stop(&world);
}
END_TEST

START_TEST(who_has_signed_out_adds_nobody) {
	uint64_t serial = 0, result = 0, asked = 0;
	uint8_t buffer[64];
	struct frame_writer w;
	pid_t engine = 0;

	begin();
	engine = world_engine(&world);
	ck_assert_int_eq(kill(engine, SIGSTOP), 0);
	send_person(&service, "user.add", "mallory", "nurse");
	asked = service.serial;
	caller_begin(&service, &w, buffer, sizeof(buffer), "sign-out");
	caller_send(&service, &w);
	ck_assert_int_eq(kill(engine, SIGCONT), 0);
	while (serial != asked) {
		ck_assert_int_eq(caller_next(&service, 10000), 1);
		if (service.frame.kind == FRAME_REPLY)
			serial = service.frame.serial;
	}
	ck_assert_int_eq(frame_get_uint(service.frame.body, "result", &result), 0);
	ck_assert_uint_eq(result, RESULT_STALE);
	end();
}
END_TEST

/* careward.history is asked of the process, not only of the seat. */
START_TEST(a_stranger_at_the_seat_learns_nobodys_roles) {
	struct caller stranger;
	uint8_t buffer[256];
	struct frame_writer w;

	if (!world_has_two_uids())
		return;
	begin();
	world_add(&service, &service, "lena", "lead"); /* may read the history, is signed in */
	ck_assert_int_eq(caller_connect(&stranger, &world, "service", 4711), 0);
	say_hello(&stranger);
	caller_begin(&stranger, &w, buffer, sizeof(buffer), "explain");
	frame_text(&w, "action", "therapy.start");
	frame_text(&w, "name", "anna");
	caller_send(&stranger, &w);
	ck_assert_uint_eq(caller_reply(&stranger), RESULT_DENIED);
	caller_close(&stranger);
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		guesses_at_once_are_counted_before_any_is_judged,
		LK_01_thirty_at_once_through_the_broker_are_thirty,
		PW_15_PW_16_of_two_changes_at_once_one_counts,
		who_goes_before_the_answer_has_guessed,
		guesses_at_another_prompt_count_as_well,
		two_who_initialise_at_once_do_not_both_succeed,
		who_has_signed_out_adds_nobody,
		a_stranger_at_the_seat_learns_nobodys_roles,
	};

	return RUN_TESTS("broker races", tests);
}
