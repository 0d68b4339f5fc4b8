/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <careward/approval.h>
#include <careward/event.h>
#include <careward/result.h>
#include <careward/sign_in.h>

#include "auth/receipt.h"
#include "run.h"

/*
 * The real broker, two seats, two uids: a physician asks at the pump's screen, and the
 * engineer at the service seat sees it, signs it or says no.
 */

#define SERVICE_UID 12346u
#define WORDS "Greatest rate 100 ml/h"

static struct caller service, ui;
static char recovery[64];
static const uint8_t digest[32] = { 1, 2, 3 };

static void begin(void) {
	world_start(&world);
	caller_open_as(&service, &world, "service", SERVICE_UID);
	world_commission(&world, &service, recovery);
	caller_open(&ui, &world, "main");
	world_add(&service, &ui, "pia", "physician");
	world_add(&service, &ui, "nina", "nurse");
	world_add(&service, &ui, "bert", "biomed");
	world_add(&service, &ui, "lena", "lead");
	caller_sign_in(&ui, "pia");
	caller_sign_in(&service, "bert");
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

static void say(struct caller *c, uint64_t attempt, const char *value) {
	uint8_t buffer[1024];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "attempt.answer");
	frame_uint(&w, "attempt", attempt);
	frame_bytes(&w, "value", value, strlen(value));
	caller_send(c, &w);
}

/* The next event of an attempt; its message. Return: the event's name. */
static const char *next_event(struct caller *c, char ret_message[64]) {
	uint64_t attempt = 0;

	for (;;) {
		ck_assert_int_eq(caller_next(c, 10000), 1);
		if (c->frame.kind != FRAME_EVENT ||
		    frame_get_uint(c->frame.body, "attempt", &attempt) < 0)
			continue;
		ret_message[0] = '\0';
		(void)frame_get_text(c->frame.body, "message", ret_message, 64);
		return c->frame.name;
	}
}

/* The last answer: how it is taken, and how the attempt ends, in either order. */
static void say_last(struct caller *c, uint64_t attempt, const char *value, char ret_message[64]) {
	bool is_replied = false, is_over = false;

	say(c, attempt, value);
	while (!is_replied || !is_over) {
		ck_assert_int_eq(caller_next(c, 10000), 1);
		is_replied |= c->frame.kind == FRAME_REPLY && c->frame.serial == c->serial;
		if (c->frame.kind != FRAME_EVENT || strcmp(c->frame.name, "attempt-over") != 0)
			continue;
		ck_assert_int_eq(frame_get_text(c->frame.body, "message", ret_message, 64), 0);
		is_over = true;
	}
}

/* Pia asks, and says yes; a second person is waited for. Return: her attempt. */
static uint64_t ask(struct caller *c) {
	uint8_t buffer[512];
	struct frame_writer w;
	uint64_t attempt = 0;
	char message[64];

	caller_begin(c, &w, buffer, sizeof(buffer), "authorize");
	frame_text(&w, "action", "settings.limits");
	frame_bytes(&w, "digest", digest, 32);
	frame_text(&w, "object", "limit");
	frame_text(&w, "words", WORDS);
	caller_send(c, &w);
	ck_assert_uint_eq(caller_reply(c), RESULT_OK);
	ck_assert_int_eq(frame_get_uint(c->frame.body, "attempt", &attempt), 0);
	ck_assert_str_eq(next_event(c, message), "prompt");
	if (strcmp(message, "confirm") != 0) { /* not fresh */
		say(c, attempt, STAFF_PASSWORD);
		ck_assert_str_eq(next_event(c, message), "prompt");
	}
	ck_assert_str_eq(message, "confirm");
	say(c, attempt, "yes");
	ck_assert_str_eq(next_event(c, message), "prompt");
	ck_assert_str_eq(message, "ask-second-name");
	return attempt;
}

/* How many are told to the person at @c; the number of the last of them. */
static unsigned listed(struct caller *c, uint64_t *ret_number) {
	struct frame_span approvals, item;
	size_t cursor = 0;
	unsigned n = 0;

	ck_assert_uint_eq(caller_call(c, "approval.list"), RESULT_OK);
	ck_assert_int_eq(frame_get_array(c->frame.body, "approvals", &approvals), 0);
	for (; frame_next_item(approvals, &cursor, &item) == 1; ++n)
		ck_assert_int_eq(frame_get_uint(item, "approval", ret_number), 0);
	return n;
}

static uint64_t answer_open(struct caller *c, const char *verb, uint64_t number,
			    const char *reason) {
	uint8_t buffer[1024];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), verb);
	frame_uint(&w, "approval", number);
	if (reason)
		frame_text(&w, "reason", reason);
	caller_send(c, &w);
	return caller_reply(c);
}

/* Begins to sign, and gives the password. Return: the attempt, at the words. */
static uint64_t sign_up_to_words(struct caller *c, uint64_t number) {
	char message[64], text[512] = "";
	uint64_t attempt = 0;

	ck_assert_uint_eq(answer_open(c, "approval.sign", number, NULL), RESULT_OK);
	ck_assert_int_eq(frame_get_uint(c->frame.body, "attempt", &attempt), 0);
	ck_assert_str_eq(next_event(c, message), "prompt");
	ck_assert_str_eq(message, "ask-second-password");
	say(c, attempt, STAFF_PASSWORD);
	ck_assert_str_eq(next_event(c, message), "prompt");
	ck_assert_str_eq(message, "confirm-second");
	ck_assert_int_eq(frame_get_text(c->frame.body, "text", text, sizeof(text)), 0);
	ck_assert_str_eq(text, WORDS);
	return attempt;
}

static uint64_t redeem(struct caller *c, const uint8_t *receipt, size_t n) {
	static uint8_t buffer[8192];
	struct frame_writer w;
	uint64_t verdict = CW_DENY;

	caller_begin(c, &w, buffer, sizeof(buffer), "redeem");
	frame_text(&w, "action", "settings.limits");
	frame_bytes(&w, "digest", digest, 32);
	frame_bytes(&w, "receipt", receipt, n);
	caller_send(c, &w);
	(void)caller_reply(c);
	(void)frame_get_uint(c->frame.body, "verdict", &verdict);
	return verdict;
}

START_TEST(asked_at_one_seat_signed_at_another_and_used_where_it_was_asked) {
	static uint8_t kept[APPROVAL_RECEIPT_MAX];
	const uint8_t *receipt = NULL;
	uint64_t number = 0, attempt = 0, account = 0, left = 0;
	struct frame_span approvals, item;
	char message[64], text[512];
	uint8_t got[32];
	size_t cursor = 0, n = 0;

	begin();
	ck_assert_uint_eq(listed(&service, &number), 0);
	(void)ask(&ui);
	ck_assert(caller_event(&service, "approvals"));
	ck_assert_uint_eq(listed(&service, &number), 1);
	ck_assert_int_eq(frame_get_array(service.frame.body, "approvals", &approvals), 0);
	ck_assert_int_eq(frame_next_item(approvals, &cursor, &item), 1);
	ck_assert_int_eq(frame_get_text(item, "words", text, sizeof(text)), 0);
	ck_assert_str_eq(text, WORDS);
	ck_assert_int_eq(frame_get_text(item, "who", text, sizeof(text)), 0);
	ck_assert_str_eq(text, "pia");
	ck_assert_int_eq(frame_get_text(item, "seat", text, sizeof(text)), 0);
	ck_assert_str_eq(text, "main");
	ck_assert_int_eq(frame_get_fixed(item, "digest", got, 32), 0);
	ck_assert_mem_eq(got, digest, 32);
	ck_assert_int_eq(frame_get_uint(item, "account", &account), 0);
	ck_assert_int_eq(frame_get_uint(item, "left_ms", &left), 0);
	ck_assert_uint_le(left, 120000);
	attempt = sign_up_to_words(&service, number);
	say(&service, attempt, "yes");
	ck_assert_str_eq(next_event(&service, message), "attempt-over");
	ck_assert_str_eq(message, "countersigned");
	ck_assert_str_eq(next_event(&ui, message), "authorized");
	ck_assert_int_eq(frame_get_bytes(ui.frame.body, "receipt", &receipt, &n), 0);
	ck_assert_uint_le(n, sizeof(kept));
	memcpy(kept, receipt, n);
	ck_assert_uint_eq(listed(&service, &number), 0);
	ck_assert_uint_ne(redeem(&service, kept, n), CW_ALLOW);
	ck_assert_uint_eq(redeem(&ui, kept, n), CW_ALLOW);
	ck_assert_uint_ne(redeem(&ui, kept, n), CW_ALLOW);
	end();
}
END_TEST

START_TEST(R6_who_may_not_sign_it_is_told_what_nobody_would_be_told) {
	uint64_t number = 0, before = 0, none = 0;
	struct caller stranger;

	begin();
	(void)ask(&ui);
	ck_assert_uint_eq(listed(&service, &number), 1);
	/* The person who asks is signed in there, too; a nurse; nobody. */
	caller_sign_in(&service, "pia");
	ck_assert_uint_eq(listed(&service, &none), 0);
	ck_assert_uint_eq(answer_open(&service, "approval.sign", number, NULL), RESULT_NOT_FOUND);
	ck_assert_uint_eq(answer_open(&service, "approval.refuse", number, "no"), RESULT_NOT_FOUND);
	caller_sign_in(&service, "nina");
	ck_assert_uint_eq(listed(&service, &none), 0);
	ck_assert_uint_eq(answer_open(&service, "approval.sign", number, NULL), RESULT_NOT_FOUND);
	ck_assert_uint_eq(answer_open(&service, "approval.sign", number + 77, NULL),
			  RESULT_NOT_FOUND);
	caller_sign_in(&service, "lena");
	before = history_count(&service, "denied");
	ck_assert_uint_ge(before, 3); /* pia twice, nina once */
	ck_assert_uint_eq(caller_call(&service, "sign-out"), RESULT_OK);
	ck_assert_uint_eq(caller_call(&service, "approval.list"), RESULT_DENIED);
	ck_assert_uint_eq(answer_open(&service, "approval.sign", number, NULL), RESULT_DENIED);
	/* Another program's session does not lend its eyes. */
	caller_sign_in(&service, "bert");
	if (world_has_two_uids()) {
		caller_open_as(&stranger, &world, "service", SERVICE_UID + 1);
		ck_assert_uint_eq(caller_call(&stranger, "approval.list"), RESULT_DENIED);
		ck_assert_uint_eq(answer_open(&stranger, "approval.refuse", number, "no"),
				  RESULT_DENIED);
		caller_close(&stranger);
	}
	ck_assert_uint_eq(listed(&service, &number), 1);
	end();
}
END_TEST

START_TEST(a_no_with_its_reason_reaches_who_asked_and_the_journal) {
	uint64_t number = 0, attempt = 0;
	char message[64], text[512] = "";

	begin();
	(void)ask(&ui);
	ck_assert_uint_eq(listed(&service, &number), 1);
	ck_assert_uint_eq(answer_open(&service, "approval.refuse", number, "Wrong patient"),
			  RESULT_OK);
	ck_assert_str_eq(next_event(&ui, message), "attempt-over");
	ck_assert_str_eq(message, "second-refused");
	ck_assert_int_eq(frame_get_text(ui.frame.body, "text", text, sizeof(text)), 0);
	ck_assert_str_eq(text, "Wrong patient");
	ck_assert_uint_eq(answer_open(&service, "approval.refuse", number, "Twice"),
			  RESULT_NOT_FOUND);
	/* And to the words, after the password. */
	(void)ask(&ui);
	ck_assert_uint_eq(listed(&service, &number), 1);
	attempt = sign_up_to_words(&service, number);
	say(&service, attempt, "no Too high");
	ck_assert_str_eq(next_event(&service, message), "attempt-over");
	ck_assert_str_eq(next_event(&ui, message), "attempt-over");
	ck_assert_str_eq(message, "second-refused");
	ck_assert_int_eq(frame_get_text(ui.frame.body, "text", text, sizeof(text)), 0);
	ck_assert_str_eq(text, "Too high");
	/* Who asked says no, and why. */
	{
		uint8_t buffer[256];
		struct frame_writer w;

		attempt = ask(&ui);
		caller_begin(&ui, &w, buffer, sizeof(buffer), "attempt.cancel");
		frame_uint(&w, "attempt", attempt);
		frame_text(&w, "reason", "A slip");
		caller_send(&ui, &w);
		ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
	}
	ck_assert_uint_eq(listed(&service, &number), 0);
	caller_sign_in(&service, "lena");
	ck_assert_uint_eq(history_count(&service, "approval-refused"), 3);
	end();
}
END_TEST

static void lock(void) {
	ck_assert_uint_eq(caller_call(&ui, "lock"), RESULT_OK);
}

static void sign_out(void) {
	ck_assert_uint_eq(caller_call(&ui, "sign-out"), RESULT_OK);
}

static void hand_over(void) {
	struct caller other;

	caller_open(&other, &world, "main");
	caller_sign_in(&other, "nina");
	caller_close(&other);
}

static void break_glass(void) {
	const uint8_t id[16] = { 9, 9 };
	struct ring_record r;
	struct caller other;

	caller_open(&other, &world, "main");
	record_make(&other, &r, RECORD_START, id, 1, 60000);
	caller_record(&other, &r);
	ck_assert(caller_event(&other, "recorded"));
	caller_close(&other);
}

static void go_away(void) {
	caller_close(&ui);
	caller_open(&ui, &world, "main");
}

static void take_role(void) {
	uint8_t buffer[256];
	struct frame_writer w;
	struct caller admin;

	caller_open_as(&admin, &world, "service", SERVICE_UID);
	caller_sign_in(&admin, "anna");
	caller_begin(&admin, &w, buffer, sizeof(buffer), "user.role");
	frame_text(&w, "name", "pia");
	frame_open_array(&w, "add");
	frame_text(&w, NULL, "nurse");
	frame_close(&w);
	frame_open_array(&w, "remove");
	frame_text(&w, NULL, "physician");
	frame_close(&w);
	caller_send(&admin, &w);
	ck_assert_uint_eq(caller_reply(&admin), RESULT_OK);
	caller_close(&admin);
}

/* clang-format off */
static const struct {
	const char *why;
	void (*happens)(void);
	bool is_told; /* the connection that asked is still there */
} voids[] = {
	{ "locked", lock, true },
	{ "signed out", sign_out, true },
	{ "handed over", hand_over, true },
	{ "suspended by an emergency", break_glass, true },
	{ "the connection that asked has gone", go_away, false },
	{ "the first person's role is taken away", take_role, true },
};
/* clang-format on */

START_TEST(CC_06_what_happens_at_the_asking_seat_ends_it_at_both) {
	uint64_t number = 0, attempt = 0;
	char message[64];

	begin();
	for (size_t i = 0; i < sizeof(voids) / sizeof(*voids); ++i) {
		(void)ask(&ui);
		ck_assert_uint_eq(listed(&service, &number), 1);
		attempt = sign_up_to_words(&service, number);
		voids[i].happens();
		say_last(&service, attempt, "yes", message);
		ck_assert_msg(strcmp(message, "countersigned") != 0, "%s", voids[i].why);
		if (voids[i].is_told) {
			while (strcmp(next_event(&ui, message), "attempt-over") != 0)
				ck_assert_str_ne(ui.frame.name, "authorized");
			ck_assert_msg(strcmp(message, "stale") == 0, "%s: %s", voids[i].why,
				      message);
		}
		caller_sign_in(&service, "bert");
		ck_assert_msg(listed(&service, &number) == 0, "%s", voids[i].why);
		caller_sign_in(&ui, "pia");
	}
	end();
}
END_TEST

/* What fails at the other seat is that seat's: it stays open, and can be signed. */
START_TEST(a_failure_at_the_other_seat_leaves_it_open) {
	uint64_t number = 0, attempt = 0;
	char message[64];

	begin();
	(void)ask(&ui);
	ck_assert_uint_eq(listed(&service, &number), 1);
	ck_assert_uint_eq(answer_open(&service, "approval.sign", number, NULL), RESULT_OK);
	ck_assert_int_eq(frame_get_uint(service.frame.body, "attempt", &attempt), 0);
	ck_assert_str_eq(next_event(&service, message), "prompt");
	say(&service, attempt, "not the password at all");
	ck_assert_str_eq(next_event(&service, message), "attempt-over");
	ck_assert_str_eq(message, "refused");
	/* Its connection goes in the middle of the hash. */
	ck_assert_uint_eq(answer_open(&service, "approval.sign", number, NULL), RESULT_OK);
	ck_assert_int_eq(frame_get_uint(service.frame.body, "attempt", &attempt), 0);
	ck_assert_str_eq(next_event(&service, message), "prompt");
	say(&service, attempt, STAFF_PASSWORD);
	caller_close(&service);
	caller_open_as(&service, &world, "service", SERVICE_UID);
	ck_assert_uint_eq(listed(&service, &number), 1);
	attempt = sign_up_to_words(&service, number);
	say(&service, attempt, "yes");
	ck_assert_str_eq(next_event(&service, message), "attempt-over");
	ck_assert_str_eq(message, "countersigned");
	ck_assert_str_eq(next_event(&ui, message), "authorized");
	end();
}
END_TEST

/* Who asked goes while the other one's password is being hashed. */
START_TEST(CC_06_gone_in_the_middle_of_the_others_hash) {
	uint64_t number = 0, attempt = 0;
	char message[64];

	begin();
	for (int i = 0; i < 3; ++i) {
		(void)ask(&ui);
		ck_assert_uint_eq(listed(&service, &number), 1);
		ck_assert_uint_eq(answer_open(&service, "approval.sign", number, NULL), RESULT_OK);
		ck_assert_int_eq(frame_get_uint(service.frame.body, "attempt", &attempt), 0);
		ck_assert_str_eq(next_event(&service, message), "prompt");
		say(&service, attempt, STAFF_PASSWORD);
		caller_close(&ui);
		ck_assert_str_eq(next_event(&service, message), "attempt-over");
		ck_assert_str_eq(message, "approval-gone");
		caller_open(&ui, &world, "main");
	}
	ck_assert_uint_eq(listed(&service, &number), 0);
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		asked_at_one_seat_signed_at_another_and_used_where_it_was_asked,
		R6_who_may_not_sign_it_is_told_what_nobody_would_be_told,
		a_no_with_its_reason_reaches_who_asked_and_the_journal,
		CC_06_what_happens_at_the_asking_seat_ends_it_at_both,
		a_failure_at_the_other_seat_leaves_it_open,
		CC_06_gone_in_the_middle_of_the_others_hash,
	};

	return RUN_TESTS("broker two-seats", tests);
}
