/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "run.h"

/* Every verb of the protocol, from the one list: a new one is tested at once. */
static const char *const verbs[] = {
#define VERB(symbol, name) name,
	PROTOCOL_VERBS(VERB)
#undef VERB
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* Who may say it without a session: the rest must answer "sign in". */
static const char *const open_verbs[] = { "hello",  "status",       "signal",        "activity",
					  "lock",   "sign-out",     "use",           "attempt.begin",
					  "attempt.answer", "attempt.cancel", "authorize", "redeem",
					  "explain", "check",       "init",          "config.install",
					  "verify", "witness",      "badge",         "token.enrol",
					  "token.list", "token.rename", "token.revoke",
					  "approval.sign",  "approval.refuse" };

static bool is_open(const char *verb) {
	for (size_t i = 0; i < sizeof(open_verbs) / sizeof(open_verbs[0]); ++i)
		if (strcmp(open_verbs[i], verb) == 0)
			return true;
	return false;
}

static void send_raw(struct caller *c, const void *p, size_t n) {
	(void)send(c->fd, p, n, MSG_NOSIGNAL);
}

START_TEST(before_hello_every_verb_ends_the_connection) {
	world_start(&world);
	for (size_t i = 0; i < N_VERBS; ++i) {
		uint8_t buffer[128];
		struct frame_writer w;
		struct caller c;

		if (strcmp(verbs[i], "hello") == 0)
			continue;
		ck_assert_int_eq(caller_connect(&c, &world, "main", UI_UID), 0);
		caller_begin(&c, &w, buffer, sizeof(buffer), verbs[i]);
		caller_send(&c, &w);
		ck_assert_msg(caller_is_closed(&c), "%s was answered before hello", verbs[i]);
		close(c.fd);
	}
}
END_TEST

START_TEST(a_verb_with_a_built_in_action_asks_for_a_session) {
	struct caller service, c;
	char recovery[64];

	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	for (size_t i = 0; i < N_VERBS; ++i) {
		uint64_t verdict = 0;

		if (is_open(verbs[i]))
			continue;
		caller_open(&c, &world, "main");
		ck_assert_msg(caller_call(&c, verbs[i]) == RESULT_DENIED, "%s was not denied", verbs[i]);
		ck_assert_int_eq(frame_get_uint(c.frame.body, "verdict", &verdict), 0);
		ck_assert_msg(verdict == CW_SIGN_IN, "%s: verdict %llx", verbs[i],
		              (unsigned long long)verdict);
		caller_close(&c);
	}
	caller_close(&service);
}
END_TEST

START_TEST(a_session_of_one_uid_is_no_session_of_another) {
	struct caller service, stranger;
	char recovery[64];

	if (!world_has_two_uids())
		return;
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	ck_assert_uint_eq(caller_call(&service, "user.list"), RESULT_OK);
	ck_assert_int_eq(caller_connect(&stranger, &world, "service", 4711), 0);
	close(stranger.fd);
	/* The same seat, another uid: says hello by hand. */
	{
		uint8_t buffer[128];
		struct frame_writer w;

		ck_assert_int_eq(caller_connect(&stranger, &world, "service", 4711), 0);
		caller_begin(&stranger, &w, buffer, sizeof(buffer), "hello");
		frame_uint(&w, "version", PROTOCOL_VERSION);
		frame_uint(&w, "actions", 0);
		caller_send(&stranger, &w);
		ck_assert_uint_eq(caller_reply(&stranger), RESULT_OK);
		ck_assert_uint_eq(caller_call(&stranger, "user.list"), RESULT_DENIED);
	}
	caller_close(&stranger);
	caller_close(&service);
}
END_TEST

/* Rubbish: each ends its connection, and nobody else notices. */
START_TEST(rubbish_ends_one_connection_and_no_other) {
	static const struct {
		const char *why;
		const char *bytes;
		size_t n;
	} rubbish[] = {
		{ "one zero byte", "\0", 1 },
		{ "text", "GET / HTTP/1.1\r\n\r\n", 18 },
		{ "an empty array", "\x80", 1 },
		{ "an unknown verb", "\x84\x01\x01\x63"
				     "foo\xa0",
		  8 },
		{ "a reply", "\x84\x02\x01\x66status\xa0", 11 },
		{ "a key that status has not", "\x84\x01\x01\x66status\xa1\x61x\x01", 14 },
		{ "something behind the frame", "\x84\x01\x01\x66status\xa0\x00", 12 },
		{ "a record that is too short", "\x01"
						"abc",
		  4 },
	};
	struct caller good;

	world_start(&world);
	caller_open(&good, &world, "main");
	for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); ++i) {
		struct caller bad;

		caller_open(&bad, &world, "main");
		send_raw(&bad, rubbish[i].bytes, rubbish[i].n);
		ck_assert_msg(caller_is_closed(&bad), "not closed after %s", rubbish[i].why);
		caller_close(&bad);
		ck_assert_uint_eq(caller_call(&good, "status"), RESULT_OK);
	}
	caller_close(&good);
}
END_TEST

START_TEST(an_empty_packet_ends_the_connection) {
	struct caller c;

	world_start(&world);
	caller_open(&c, &world, "main");
	send_raw(&c, "", 0);
	ck_assert(caller_is_closed(&c));
	caller_close(&c);
}
END_TEST

START_TEST(a_raw_record_with_one_wrong_bit_ends_the_connection) {
	struct ring_record r;
	uint8_t packet[1 + sizeof(r)], id[16] = { 1 };
	struct caller c;

	world_start(&world);
	caller_open(&c, &world, "main");
	record_make(&c, &r, RECORD_START, id, 1, 1000);
	ck_assert(ring_write(c.ring, &r));
	packet[0] = PROTOCOL_RAW_RECORD;
	r.pid ^= 1;
	memcpy(packet + 1, &r, sizeof(r));
	send_raw(&c, packet, sizeof(packet));
	ck_assert(caller_is_closed(&c));
	caller_close(&c);
}
END_TEST

START_TEST(a_second_hello_ends_the_connection) {
	uint8_t buffer[128];
	struct frame_writer w;
	struct caller c;

	world_start(&world);
	caller_open(&c, &world, "main");
	caller_begin(&c, &w, buffer, sizeof(buffer), "hello");
	frame_uint(&w, "version", PROTOCOL_VERSION);
	frame_uint(&w, "actions", 0);
	caller_send(&c, &w);
	ck_assert(caller_is_closed(&c));
	caller_close(&c);
}
END_TEST

START_TEST(too_many_requests_are_busy_and_nobody_else_suffers) {
	struct caller loud, quiet;
	uint8_t buffer[128];
	struct frame_writer w;
	bool busy = false;

	world_start(&world);
	caller_open(&loud, &world, "main");
	caller_open(&quiet, &world, "main");
	for (int i = 0; i < 120 && !busy; ++i) {
		caller_begin(&loud, &w, buffer, sizeof(buffer), "status");
		caller_send(&loud, &w);
		busy = caller_reply(&loud) == RESULT_BUSY;
	}
	ck_assert(busy);
	ck_assert_uint_eq(caller_call(&quiet, "status"), RESULT_OK);
	caller_close(&loud);
	caller_close(&quiet);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_disconnected) {
	struct caller deaf, c;

	world_start(&world);
	caller_open(&deaf, &world, "main");
	caller_open(&c, &world, "main");
	/* Each is answered, with "busy" when there are too many. */
	for (uint32_t i = 0; i < 2000; ++i) {
		uint8_t buffer[64];
		struct frame_writer w;

		caller_begin(&deaf, &w, buffer, sizeof(buffer), "activity");
		caller_send(&deaf, &w);
	}
	ck_assert_uint_eq(caller_call(&c, "status"), RESULT_OK);
	ck_assert(caller_is_closed(&deaf));
	caller_close(&deaf);
	caller_close(&c);
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		before_hello_every_verb_ends_the_connection,
		a_verb_with_a_built_in_action_asks_for_a_session,
		a_session_of_one_uid_is_no_session_of_another,
		rubbish_ends_one_connection_and_no_other,
		an_empty_packet_ends_the_connection,
		a_raw_record_with_one_wrong_bit_ends_the_connection,
		a_second_hello_ends_the_connection,
		too_many_requests_are_busy_and_nobody_else_suffers,
		a_client_that_does_not_read_is_disconnected,
	};

	return RUN_TESTS("broker protocol", tests);
}
