/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A day with real tokens: the broker, careward-token, OpenSC's module on a card in
 * a reader of pcscd, libfido2 on a security key, badges on a serial line
 *
 * Runs inside a card room; its folder is the first argument. Nothing between the
 * application's socket and the card's, key's and reader's wire is replaced.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <careward/device.h>
#include <careward/sign_in.h>

#include "run.h"
#include "tests/fixtures/control.h"

#define CARD_PIN "123456"
#define KEY_PIN "98765432"
#define CODE "7391"
#define NINAS_BADGE "04A1B2C3"
#define NINAS_BADGE_TYPED "77705923" /* the same, by a reader that types a number      */
#define NOAHS_BADGE "04A1B2C4"

static const char *room;
static struct caller service, ui;
static char recovery[64];

/* Says a line to a device of the room. */
static void tell(const char *device, const char *line) {
	char path[256], answer[CONTROL_LINE];

	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", room, device);
	r = control_tell(path, line, answer);
	ck_assert_msg(r == 0, "%s: %s: %s", device, line, r == -EPROTO ? answer : strerror(-r));
}

/*
 * Before anybody types: an attempt would take a card that comes for its answer. It may
 * have been seen before we were there to be told, and then nothing comes.
 */
static void until_the_card_is_seen(void) {
	uint64_t until = boot_now_ms() + 3000;
	char message[64] = "";

	while (boot_now_ms() < until && strcmp(message, "card-inserted") != 0) {
		if (caller_next(&ui, 200) == 1 && strcmp(ui.frame.name, "token") == 0)
			(void)frame_get_text(ui.frame.body, "message", message, sizeof(message));
	}
}

static void begin(void) {
	char text[2048];

	(void)snprintf(text, sizeof(text),
		       "{ kind = \"usb-key\"; },\n"
		       "  { kind = \"key-socket\"; seat = \"main\"; path = \"%s/key\"; },\n"
		       "  { kind = \"serial\"; seat = \"main\"; path = \"%s/tty\"; form = \"hex\"; },\n"
		       "  { kind = \"wedge\"; seat = \"main\"; form = \"decimal\"; }",
		       room, room);
	world_edit(&world, "device.cfg", "{ kind = \"usb-key\"; }", text);
	(void)snprintf(text, sizeof(text),
		       "tokens = {\n  smartcard = { module = \"%s\";\n"
		       "    environment = [ \"PCSCLITE_CSOCK_NAME=/run/pcscd/pcscd.comm\" ];\n"
		       "    recognise = \"key\"; enrolled_without_authority = true; };\n",
		       TEST_OPENSC);
	world_edit(&world, "site.cfg", "tokens = {", text);
	world_edit(&world, "site.cfg", "code_digits = 0;", "code_digits = 4;");
	/* In everyday life care wants badge and code; with a patient, the badge alone. */
	world_edit(&world, "site.cfg", "care = \"password\";", "care = \"code\";");
	tell("slot0", "insert");
	tell("key-control", "reset");
	tell("key-control", "set-pin " KEY_PIN);
	world.token_helper = TEST_TOKEN;
	world_start(&world);
	caller_open(&service, &world, "service");
	caller_open(&ui, &world, "main");
	until_the_card_is_seen();
	world_commission(&world, &service, recovery);
	world_add(&service, &ui, "nina", "nurse");
	world_add(&service, &ui, "noah", "nurse");
	world_add(&service, &ui, "bert", "biomed");
	world_add(&service, &ui, "sara", "service");
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

/*
 * Conversations. What has no answer (INSERT, TOUCH) is shown and waited out; a
 * value of NULL there is what the person does: a line to a device of the room.
 */
struct deed {
	uint64_t field;
	const char *value;  /* answered; NULL: nothing is to be typed                  */
	const char *device; /* told `line`; NULL: nothing                             */
	const char *line;
};

static void answer(uint64_t attempt, const char *value) {
	uint8_t buffer[512];
	struct frame_writer w;

	caller_begin(&ui, &w, buffer, sizeof(buffer), "attempt.answer");
	frame_uint(&w, "attempt", attempt);
	frame_bytes(&w, "value", value, strlen(value));
	caller_send(&ui, &w);
}

static char said[64]; /* message of the last prompt or end */

/* Until the end. Return: name of the event that ended it. */
static const char *converse(const struct deed *deeds, size_t n) {
	static char name[FRAME_NAME_MAX];
	uint64_t until = boot_now_ms() + 25000, attempt = 0, field = 0;
	char text[512];
	size_t i = 0;

	while (boot_now_ms() < until) {
		if (caller_next(&ui, 1000) != 1 || ui.frame.kind != FRAME_EVENT ||
		    frame_get_uint(ui.frame.body, "attempt", &attempt) < 0)
			continue;
		said[0] = '\0';
		(void)frame_get_text(ui.frame.body, "message", said, sizeof(said));
		(void)snprintf(name, sizeof(name), "%s", ui.frame.name);
		if (strcmp(name, "prompt") != 0)
			return name;
		ck_assert_int_eq(frame_get_uint(ui.frame.body, "field", &field), 0);
		/* A prompt that waits may come again, or not at all when it was quick. */
		if (field == CW_FIELD_TOUCH && (i == n || deeds[i].field != field))
			continue;
		while (i < n && deeds[i].field != field && !deeds[i].value)
			++i;
		text[0] = '\0';
		(void)frame_get_text(ui.frame.body, "text", text, sizeof(text));
		ck_assert_msg(i < n && deeds[i].field == field, "%zu: asked for %u: %s: %s", i,
			      (unsigned)field, said, text);
		if (deeds[i].device)
			tell(deeds[i].device, deeds[i].line);
		if (deeds[i].value)
			answer(attempt, deeds[i].value);
		++i;
	}
	ck_abort_msg("the attempt says nothing more; last: %s", said);
}
#define CONVERSE(...)                                                                              \
	converse((const struct deed[]){ __VA_ARGS__ },                                             \
		 sizeof((const struct deed[]){ __VA_ARGS__ }) / sizeof(struct deed))

static void ask(const char *verb, uint64_t purpose, enum cw_factor factor, const char *name) {
	uint8_t buffer[512];
	struct frame_writer w;

	caller_begin(&ui, &w, buffer, sizeof(buffer), verb);
	frame_uint(&w, "purpose", purpose);
	if (factor != CW_FACTOR_NONE)
		frame_uint(&w, "factor", factor);
	if (name)
		frame_text(&w, "name", name);
	caller_send(&ui, &w);
	ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
}

static void enrol(const char *name, const char *factor) {
	uint8_t buffer[512];
	struct frame_writer w;

	caller_begin(&ui, &w, buffer, sizeof(buffer), "token.enrol");
	frame_text(&w, "name", name);
	frame_text(&w, "factor", factor);
	caller_send(&ui, &w);
	ck_assert_msg(caller_reply(&ui) == RESULT_OK, "%s %s", name, factor);
}

static void sign_out(void) {
	(void)caller_call(&ui, "sign-out");
}

static void nobody_is_connected(void) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(&ui, &w, buffer, sizeof(buffer), "signal");
	frame_text(&w, "name", "patient-connected");
	frame_bool(&w, "value", false);
	caller_send(&ui, &w);
	ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
}

/* A tap, told to the seat. */
static void tap(const char *badge) {
	char line[64], message[64] = "";

	(void)snprintf(line, sizeof(line), "tap %s", badge);
	tell("reader", line);
	while (strcmp(message, "badge-tapped") != 0) {
		ck_assert_msg(caller_event(&ui, "token"), "nobody saw the badge");
		(void)frame_get_text(ui.frame.body, "message", message, sizeof(message));
	}
}

static void type(const char *line) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(&ui, &w, buffer, sizeof(buffer), "badge");
	frame_text(&w, "line", line);
	caller_send(&ui, &w);
	ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
}

static uint8_t assurance_now(void) {
	struct policy_state state;

	return state_page_read(ui.page, &state) == 0 ? state.assurance : 0;
}

static bool is_locked_within(unsigned ms) {
	struct policy_state state;

	for (unsigned i = 0; i < ms / 5; ++i) {
		if (state_page_read(ui.page, &state) == 0 && state.lock_at == 0)
			return true;
		(void)usleep(5000);
	}
	return false;
}

START_TEST(a_card_signs_in_is_pulled_and_unlocks) {
	begin();
	caller_sign_in(&ui, "anna");
	enrol("nina", "smartcard");
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CHOICE, "1" }, { CW_FIELD_PIN, CARD_PIN }),
			 "attempt-over");
	ck_assert_str_eq(said, "enrolled");
	sign_out();
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_SMARTCARD, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_PIN, CARD_PIN }), "signed-in");
	ck_assert_uint_eq(assurance_now(), CW_ASSURANCE_STRONG);
	tell("slot0", "pull");
	ck_assert_msg(is_locked_within(5000), "the card is gone and the seat is open");
	tell("slot0", "insert");
	ask("attempt.begin", CW_PURPOSE_UNLOCK, CW_FACTOR_SMARTCARD, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_INSERT }, { CW_FIELD_PIN, CARD_PIN }), "signed-in");
	end();
}
END_TEST

static bool is_open(const struct caller *c) {
	struct policy_state state;

	return state_page_read(c->page, &state) == 0 && state.session != 0 && state.lock_at != 0;
}

/* The one who asks from now on. */
static void change_seats(void) {
	static struct caller other;

	other = ui;
	ui = service;
	service = other;
}

static void enrol_ninas_card(void) {
	caller_sign_in(&ui, "anna");
	enrol("nina", "smartcard");
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CHOICE, "1" }, { CW_FIELD_PIN, CARD_PIN }),
			 "attempt-over");
	ck_assert_str_eq(said, "enrolled");
	sign_out();
}

/* The field of the next prompt. */
static uint64_t next_field(void) {
	uint64_t field = 0;

	ck_assert(caller_event(&ui, "prompt"));
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "field", &field), 0);
	return field;
}

START_TEST(CD_12_a_card_at_another_seat_opens_nothing_here) {
	world_edit(&world, "device.cfg", "{ kind = \"pcsc\"; },",
		   "{ kind = \"pcsc\"; seat = \"main\"; },\n"
		   "  { kind = \"pcsc\"; seat = \"service\"; path = \"the desk's\"; },");
	begin();
	enrol_ninas_card();
	change_seats();
	sign_out();
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_SMARTCARD, NULL);
	ck_assert_uint_eq(next_field(), CW_FIELD_INSERT); /* and no PIN                   */
	change_seats();
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_SMARTCARD, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_PIN, CARD_PIN }), "signed-in");
	ck_assert(is_open(&ui) && !is_open(&service));
	end();
}
END_TEST

START_TEST(CD_12_a_card_that_opened_two_seats_locks_both) {
	begin();
	enrol_ninas_card();
	for (unsigned i = 0; i < 2; ++i) {
		ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_SMARTCARD, NULL);
		ck_assert_str_eq(CONVERSE({ CW_FIELD_PIN, CARD_PIN }), "signed-in");
		change_seats();
	}
	ck_assert(is_open(&ui) && is_open(&service));
	tell("slot0", "pull");
	ck_assert_msg(is_locked_within(5000), "the card is gone and the seat is open");
	change_seats();
	ck_assert_msg(is_locked_within(5000), "the card is gone and the other seat is open");
	end();
}
END_TEST

/*
 * What a person waits for, told and not judged: machines are noisy. From the card put
 * in to the PIN's prompt, from the PIN to the session, from the card pulled to the lock.
 */
#define ROUNDS 9
static int by_size(const void *a, const void *b) {
	uint64_t p = *(const uint64_t *)a, q = *(const uint64_t *)b;

	return p < q ? -1 : p > q;
}

static uint64_t median(uint64_t *times) {
	qsort(times, ROUNDS, sizeof(*times), by_size);
	return times[ROUNDS / 2];
}

static uint64_t wait_prompt(uint64_t want) {
	uint64_t attempt = 0, field = 0;

	do {
		ck_assert(caller_event(&ui, "prompt"));
		ck_assert_int_eq(frame_get_uint(ui.frame.body, "field", &field), 0);
		ck_assert_int_eq(frame_get_uint(ui.frame.body, "attempt", &attempt), 0);
	} while (field != want);
	return attempt;
}

START_TEST(how_long_a_card_takes) {
	uint64_t shown[ROUNDS], signed_in[ROUNDS], locked[ROUNDS], from, attempt;
	char message[64];

	begin();
	caller_sign_in(&ui, "anna");
	enrol("nina", "smartcard");
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CHOICE, "1" }, { CW_FIELD_PIN, CARD_PIN }),
			 "attempt-over");
	sign_out();
	tell("slot0", "pull");
	for (unsigned i = 0; i < ROUNDS; ++i) {
		(void)usleep(500000 + i * 37000); /* pcscd looks each 400 ms: at any moment of it */
		from = boot_now_ms();
		tell("slot0", "insert");
		do {
			ck_assert(caller_event(&ui, "token"));
			(void)frame_get_text(ui.frame.body, "message", message, sizeof(message));
		} while (strcmp(message, "card-inserted") != 0);
		ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_SMARTCARD, NULL);
		attempt = wait_prompt(CW_FIELD_PIN);
		shown[i] = boot_now_ms() - from;
		from = boot_now_ms();
		answer(attempt, CARD_PIN);
		ck_assert(caller_event(&ui, "signed-in"));
		signed_in[i] = boot_now_ms() - from;
		(void)usleep(300000 + i * 41000);
		from = boot_now_ms();
		tell("slot0", "pull");
		ck_assert(is_locked_within(5000));
		locked[i] = boot_now_ms() - from;
		sign_out();
	}
	printf("# median of %d: inserted to prompt %u ms, PIN to session %u ms, pulled to locked %u ms\n", ROUNDS,
	       (unsigned)median(shown), (unsigned)median(signed_in), (unsigned)median(locked));
	end();
}
END_TEST

START_TEST(a_key_signs_in_with_its_pin_and_not_without) {
	begin();
	caller_sign_in(&ui, "anna");
	enrol("nina", "fido2");
	ck_assert_str_eq(
		CONVERSE({ CW_FIELD_INSERT }, { CW_FIELD_PIN, KEY_PIN }, { CW_FIELD_TOUCH }),
		"attempt-over");
	ck_assert_str_eq(said, "enrolled");
	sign_out();
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_FIDO2, "nina");
	ck_assert_str_eq(
		CONVERSE({ CW_FIELD_INSERT }, { CW_FIELD_PIN, KEY_PIN }, { CW_FIELD_TOUCH }),
		"signed-in");
	ck_assert_uint_eq(assurance_now(), CW_ASSURANCE_STRONG);
	sign_out();
	/* A wrong PIN is told, and the key still has tries. */
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_FIDO2, "nina");
	ck_assert_str_eq(CONVERSE({ CW_FIELD_INSERT }, { CW_FIELD_PIN, "00000000" },
				  { CW_FIELD_PIN, KEY_PIN }, { CW_FIELD_TOUCH }),
			 "signed-in");
	sign_out();
	/* Its counter goes back: a copy. */
	tell("key-control", "counter 1");
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_FIDO2, "nina");
	ck_assert_str_eq(
		CONVERSE({ CW_FIELD_INSERT }, { CW_FIELD_PIN, KEY_PIN }, { CW_FIELD_TOUCH }),
		"attempt-over");
	end();
}
END_TEST

START_TEST(badge_and_code_open_care_and_the_next_tap_hands_over) {
	begin();
	caller_sign_in(&ui, "anna");
	for (unsigned i = 0; i < 2; ++i) {
		enrol(i ? "noah" : "nina", "badge");
		ck_assert_str_eq(CONVERSE({ CW_FIELD_INSERT, NULL, "reader",
					    i ? "tap " NOAHS_BADGE : "tap " NINAS_BADGE }),
				 "attempt-over");
		ck_assert_str_eq(said, "enrolled");
		enrol(i ? "noah" : "nina", "code");
		ck_assert_str_eq(CONVERSE({ CW_FIELD_CODE, CODE }, { CW_FIELD_CODE, CODE }),
				 "attempt-over");
		ck_assert_str_eq(said, "enrolled");
	}
	sign_out();
	/* With a patient, or while it is not known, the badge alone does. */
	tap(NINAS_BADGE);
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_NONE, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CODE, NULL }), "signed-in");
	ck_assert_uint_eq(assurance_now(), CW_ASSURANCE_BADGE);
	sign_out();
	(void)sleep(2); /* the same badge within a second is a bounce */
	nobody_is_connected();
	tap(NINAS_BADGE);
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_NONE, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CODE, CODE }), "signed-in");
	ck_assert_uint_eq(assurance_now(), CW_ASSURANCE_CODE);
	nobody_is_connected();
	tap(NOAHS_BADGE);
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_NONE, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CODE, CODE }), "signed-in");
	/* Back to Nina, by a reader that types into the application. */
	nobody_is_connected();
	type(NINAS_BADGE_TYPED);
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_NONE, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CODE, CODE }), "signed-in");
	(void)sleep(2);
	tell("reader", "tap " NINAS_BADGE);
	ck_assert_msg(is_locked_within(5000), "tapped out, and the seat is open");
	end();
}
END_TEST

/* The number of one's own token of this kind; 0: none. */
static uint64_t own_token(const char *factor) {
	struct frame_span array, item;
	size_t cursor = 0;
	uint64_t number = 0;
	char text[32];

	ck_assert_uint_eq(caller_call(&ui, "token.list"), RESULT_OK);
	ck_assert_int_eq(frame_get_array(ui.frame.body, "tokens", &array), 0);
	while (frame_next_item(array, &cursor, &item) == 1) {
		ck_assert_int_eq(frame_get_text(item, "factor", text, sizeof(text)), 0);
		if (strcmp(text, factor) == 0)
			ck_assert_int_eq(frame_get_uint(item, "number", &number), 0);
	}
	return number;
}

static uint64_t revoke_token(uint64_t number) {
	uint8_t buffer[128];
	struct frame_writer w;

	caller_begin(&ui, &w, buffer, sizeof(buffer), "token.revoke");
	frame_uint(&w, "number", number);
	caller_send(&ui, &w);
	return caller_reply(&ui);
}

static void is_too_weak_for(uint64_t number) {
	uint64_t reason = 0;

	ck_assert_uint_eq(revoke_token(number), RESULT_DENIED);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "reason", &reason), 0);
	ck_assert_uint_eq(reason, CW_REASON_ASSURANCE);
}

/* Whoever has found a badge takes nobody's card away. */
START_TEST(PO_16_what_is_weaker_than_a_token_does_not_revoke_it) {
	uint64_t card, badge;

	begin();
	caller_sign_in(&ui, "anna");
	enrol("nina", "smartcard");
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CHOICE, "1" }, { CW_FIELD_PIN, CARD_PIN }),
			 "attempt-over");
	enrol("nina", "badge");
	ck_assert_str_eq(CONVERSE({ CW_FIELD_INSERT, NULL, "reader", "tap " NINAS_BADGE }),
			 "attempt-over");
	ck_assert_str_eq(said, "enrolled");
	sign_out();
	tell("slot0", "pull");
	(void)sleep(2); /* the same badge within a second is a bounce */
	tap(NINAS_BADGE);
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_NONE, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CODE, NULL }), "signed-in");
	ck_assert_uint_eq(assurance_now(), CW_ASSURANCE_BADGE);
	card = own_token("smartcard");
	badge = own_token("badge");
	is_too_weak_for(card);
	sign_out();
	/* A password proves less than a card, too, and more than a badge. */
	caller_sign_in(&ui, "nina");
	is_too_weak_for(card);
	ck_assert_uint_eq(revoke_token(badge), RESULT_OK);
	sign_out();
	tell("slot0", "insert");
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_SMARTCARD, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_INSERT }, { CW_FIELD_PIN, CARD_PIN }), "signed-in");
	ck_assert_uint_eq(revoke_token(card), RESULT_OK);
	end();
}
END_TEST

/* SHA-256 of what is to be installed. */
#define UPDATE "an update of the pump"
static const uint8_t digest[32] = {
	0x49, 0x79, 0xf2, 0x15, 0xd6, 0xb2, 0x54, 0x94, 0xfb, 0x9a, 0xf6, 0xb2,
	0x59, 0x15, 0xf4, 0x58, 0x1b, 0x29, 0xc4, 0x99, 0x0d, 0xbf, 0xc4, 0x46,
	0xf0, 0xfb, 0x35, 0xad, 0x4b, 0x97, 0x09, 0x44,
};

static void authorize(enum cw_factor factor) {
	uint8_t buffer[1024];
	struct frame_writer w;

	caller_begin(&ui, &w, buffer, sizeof(buffer), "authorize");
	frame_text(&w, "action", "software.update");
	frame_bytes(&w, "digest", digest, sizeof(digest));
	frame_text(&w, "object", "pump-2.4.1");
	frame_text(&w, "words", "Install version 2.4.1 on this pump");
	frame_uint(&w, "factor", factor);
	caller_send(&ui, &w);
	ck_assert_uint_eq(caller_reply(&ui), RESULT_OK);
}

static uint64_t redeem(const uint8_t *receipt, size_t n) {
	uint8_t buffer[8192];
	struct frame_writer w;

	caller_begin(&ui, &w, buffer, sizeof(buffer), "redeem");
	frame_text(&w, "action", "software.update");
	frame_bytes(&w, "digest", digest, sizeof(digest));
	frame_bytes(&w, "receipt", receipt, n);
	caller_send(&ui, &w);
	return caller_reply(&ui);
}

static void write_file(const char *name, const void *p, size_t n, char ret_path[256]) {
	FILE *f;

	(void)snprintf(ret_path, 256, "%s/%s", world.dir, name);
	f = fopen(ret_path, "we");
	ck_assert(f && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

/* Elsewhere, without broker and database. Return: exit status. */
static int verify_elsewhere(const char *receipt, const char *object, char ret_said[2048]) {
	int out[2], status = 0;
	size_t n = 0;
	ssize_t r;
	pid_t pid;

	ck_assert_int_eq(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(out[1], STDERR_FILENO);
		(void)execl(TEST_CLI, "careward", "approval", "verify", receipt, "--object", object,
			    (char *)NULL);
		_exit(99);
	}
	(void)close(out[1]);
	while ((r = read(out[0], ret_said + n, 2047 - n)) > 0)
		n += (size_t)r;
	ret_said[n] = '\0';
	(void)close(out[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void verify_offline(const uint8_t *receipt, size_t n) {
	char receipt_path[256], object[256], other[256], text[2048];

	write_file("receipt", receipt, n, receipt_path);
	write_file("update", UPDATE, strlen(UPDATE), object);
	write_file("other", UPDATE "!", strlen(UPDATE) + 1, other);
	ck_assert_msg(verify_elsewhere(receipt_path, object, text) == 0, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "Install version 2.4.1 on this pump"));
	ck_assert_ptr_nonnull(strstr(text, "signed by the person's smartcard"));
	ck_assert_ptr_nonnull(strstr(text, "signed by the person's security key"));
	ck_assert_int_eq(verify_elsewhere(receipt_path, other, text), 1);
}

START_TEST(an_update_is_signed_by_a_card_and_by_a_second_persons_key) {
	const uint8_t *found = NULL;
	uint8_t receipt[8192];
	size_t n = 0;

	begin();
	caller_sign_in(&ui, "anna");
	enrol("bert", "smartcard");
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CHOICE, "1" }, { CW_FIELD_PIN, CARD_PIN }),
			 "attempt-over");
	enrol("sara", "fido2");
	ck_assert_str_eq(CONVERSE({ CW_FIELD_INSERT }, { CW_FIELD_PIN, KEY_PIN }),
			 "attempt-over");
	ck_assert_str_eq(said, "enrolled");
	sign_out();
	ask("attempt.begin", CW_PURPOSE_SIGN_IN, CW_FACTOR_SMARTCARD, NULL);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_PIN, CARD_PIN }), "signed-in");
	nobody_is_connected();
	authorize(CW_FACTOR_SMARTCARD);
	ck_assert_str_eq(CONVERSE({ CW_FIELD_CONFIRM, "yes" }, { CW_FIELD_PIN, CARD_PIN },
				  { CW_FIELD_NAME, "sara" }, { CW_FIELD_CHOICE, "security key" },
				  { CW_FIELD_INSERT }, { CW_FIELD_CONFIRM, "yes" },
				  { CW_FIELD_PIN, KEY_PIN }),
			 "authorized");
	ck_assert_int_eq(frame_get_bytes(ui.frame.body, "receipt", &found, &n), 0);
	ck_assert_uint_le(n, sizeof(receipt));
	memcpy(receipt, found, n);
	printf("# a receipt with two signatures has %zu bytes\n", n);
	verify_offline(receipt, n);
	receipt[n / 2] ^= 1;
	ck_assert_uint_ne(redeem(receipt, n), RESULT_OK);
	receipt[n / 2] ^= 1;
	nobody_is_connected();
	ck_assert_uint_eq(redeem(receipt, n), RESULT_OK);
	ck_assert_uint_ne(redeem(receipt, n), RESULT_OK);
	end();
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {
		a_card_signs_in_is_pulled_and_unlocks,
		CD_12_a_card_at_another_seat_opens_nothing_here,
		CD_12_a_card_that_opened_two_seats_locks_both,
		how_long_a_card_takes,
		a_key_signs_in_with_its_pin_and_not_without,
		badge_and_code_open_care_and_the_next_tap_hands_over,
		PO_16_what_is_weaker_than_a_token_does_not_revoke_it,
		an_update_is_signed_by_a_card_and_by_a_second_persons_key,
	};

	if (argc != 2)
		return EXIT_FAILURE;
	room = argv[1];
	return RUN_TESTS("token day", tests);
}
