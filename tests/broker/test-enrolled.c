/* SPDX-License-Identifier: Apache-2.0 */

/* Tokens of people, by the requests of the protocol, through the real broker. */

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "run.h"

static struct caller service, ui;
static char recovery[64];

static const struct answer code[] = { { CW_FIELD_CODE, "4711" }, { CW_FIELD_CODE, "4711" } };

static void begin(void) {
	world_edit(&world, "site.cfg", "code_digits = 0;", "code_digits = 4;");
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	caller_open(&ui, &world, "main");
	world_add(&service, &ui, "nina", "nurse");
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

static uint64_t enrol(struct caller *c, const char *name, const char *factor) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "token.enrol");
	frame_text(&w, "name", name);
	frame_text(&w, "factor", factor);
	frame_text(&w, "label", "Blue");
	caller_send(c, &w);
	return caller_reply(c);
}

static uint64_t number_call(struct caller *c, const char *verb, uint64_t number,
                            const char *label) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), verb);
	frame_uint(&w, "number", number);
	if (label)
		frame_text(&w, "label", label);
	caller_send(c, &w);
	return caller_reply(c);
}

struct row {
	uint64_t number;
	char factor[32], label[64], state[32];
};

/* Return: the result; the rows and their number. */
static uint64_t list(struct caller *c, const char *name, struct row rows[4], unsigned *ret_n) {
	struct frame_span array, item;
	uint8_t buffer[256];
	struct frame_writer w;
	size_t cursor = 0;
	uint64_t result;

	*ret_n = 0;
	caller_begin(c, &w, buffer, sizeof(buffer), "token.list");
	if (name)
		frame_text(&w, "name", name);
	caller_send(c, &w);
	result = caller_reply(c);
	if (result != RESULT_OK)
		return result;
	ck_assert_int_eq(frame_get_array(c->frame.body, "tokens", &array), 0);
	while (frame_next_item(array, &cursor, &item) == 1) {
		struct row *row = &rows[*ret_n];

		ck_assert_uint_lt((*ret_n)++, 4);
		ck_assert_int_eq(frame_get_uint(item, "number", &row->number), 0);
		ck_assert_int_eq(frame_get_text(item, "factor", row->factor, 32), 0);
		ck_assert_int_eq(frame_get_text(item, "label", row->label, 64), 0);
		ck_assert_int_eq(frame_get_text(item, "state", row->state, 32), 0);
	}
	return result;
}

static const char *message_of(struct caller *c) {
	static char message[64];

	message[0] = '\0';
	(void)frame_get_text(c->frame.body, "message", message, sizeof(message));
	return message;
}

START_TEST(a_code_is_enrolled_listed_named_and_revoked) {
	struct row rows[4];
	unsigned n = 0;

	begin();
	ck_assert_uint_eq(list(&service, "nina", rows, &n), RESULT_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(enrol(&service, "nina", "code"), RESULT_OK);
	ck_assert_str_eq(caller_converse(&service, code, 2), "attempt-over");
	ck_assert_str_eq(message_of(&service), "enrolled");
	ck_assert_uint_eq(list(&service, "nina", rows, &n), RESULT_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(rows[0].factor, "code");
	ck_assert_str_eq(rows[0].label, "Blue");
	ck_assert_str_eq(rows[0].state, "enabled");
	ck_assert_uint_eq(number_call(&service, "token.rename", rows[0].number, "Red"), RESULT_OK);
	ck_assert_uint_eq(number_call(&service, "token.rename", rows[0].number, "R\x01"),
	                  RESULT_INVALID);
	ck_assert_str_eq(message_of(&service), "bad-label");
	ck_assert_uint_eq(number_call(&service, "token.revoke", rows[0].number, NULL), RESULT_OK);
	ck_assert_uint_eq(list(&service, "nina", rows, &n), RESULT_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(rows[0].label, "Red");
	ck_assert_str_eq(rows[0].state, "revoked");
	ck_assert_uint_eq(number_call(&service, "token.revoke", 9999, NULL), RESULT_NOT_FOUND);
	end();
}
END_TEST

START_TEST(ones_own_tokens_are_ones_own_and_nobody_elses) {
	struct row rows[4];
	unsigned n = 0;
	uint64_t number;

	begin();
	world_add(&service, &ui, "nora", "nurse");
	ck_assert_uint_eq(enrol(&service, "nina", "code"), RESULT_OK);
	ck_assert_str_eq(caller_converse(&service, code, 2), "attempt-over");
	ck_assert_uint_eq(list(&service, "nina", rows, &n), RESULT_OK);
	number = rows[0].number;
	/* Nora is at the screen. */
	ck_assert_uint_eq(list(&ui, NULL, rows, &n), RESULT_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(list(&ui, "nina", rows, &n), RESULT_DENIED);
	ck_assert_uint_eq(list(&ui, "nobody-of-this-name", rows, &n), RESULT_DENIED);
	ck_assert_uint_eq(number_call(&ui, "token.revoke", number, NULL), RESULT_DENIED);
	ck_assert_uint_eq(number_call(&ui, "token.revoke", 9999, NULL), RESULT_DENIED);
	ck_assert_uint_eq(number_call(&ui, "token.rename", number, "mine"), RESULT_DENIED);
	ck_assert_uint_eq(enrol(&ui, "nina", "code"), RESULT_DENIED);
	caller_sign_in(&ui, "nina");
	ck_assert_uint_eq(list(&ui, NULL, rows, &n), RESULT_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(number_call(&ui, "token.rename", number, "mine"), RESULT_OK);
	ck_assert_uint_eq(number_call(&ui, "token.revoke", number, NULL), RESULT_OK);
	ck_assert_uint_eq(caller_call(&ui, "lock"), RESULT_OK);
	ck_assert_uint_eq(list(&ui, NULL, rows, &n), RESULT_DENIED);
	ck_assert_uint_eq(caller_call(&ui, "sign-out"), RESULT_OK);
	ck_assert_uint_eq(list(&ui, NULL, rows, &n), RESULT_DENIED);
	end();
}
END_TEST

START_TEST(nobody_enrols_for_himself_but_a_new_code) {
	begin();
	ck_assert_uint_eq(enrol(&service, "anna", "badge"), RESULT_DENIED);
	ck_assert_uint_eq(enrol(&service, "anna", "smartcard"), RESULT_DENIED);
	ck_assert_uint_eq(enrol(&service, "anna", "fido2"), RESULT_DENIED);
	ck_assert_uint_eq(enrol(&service, "anna", "code"), RESULT_OK);
	ck_assert_str_eq(caller_converse(&service, code, 2), "attempt-over");
	ck_assert_str_eq(message_of(&service), "enrolled");
	ck_assert_uint_eq(enrol(&ui, "nina", "badge"), RESULT_DENIED);
	ck_assert_uint_eq(enrol(&ui, "nina", "code"), RESULT_OK);
	ck_assert_str_eq(caller_converse(&ui, code, 2), "attempt-over");
	ck_assert_str_eq(message_of(&ui), "enrolled");
	end();
}
END_TEST

START_TEST(what_is_no_factor_is_no_request) {
	uint8_t buffer[256];
	struct frame_writer w;

	begin();
	ck_assert_uint_eq(enrol(&service, "nina", "code"), RESULT_OK);
	ck_assert_str_eq(caller_converse(&service, code, 2), "attempt-over");
	caller_begin(&service, &w, buffer, sizeof(buffer), "token.enrol");
	frame_text(&w, "name", "nina");
	frame_text(&w, "factor", "password");
	caller_send(&service, &w);
	ck_assert(caller_is_closed(&service));
	end();
}
END_TEST

START_TEST(a_token_that_is_not_offered_or_cannot_be_had_says_so) {
	begin();
	ck_assert_uint_eq(enrol(&service, "nina", "smartcard"), RESULT_OK);
	ck_assert_str_eq(caller_converse(&service, NULL, 0), "attempt-over");
	ck_assert_str_eq(message_of(&service), "not-offered");
	ck_assert_uint_eq(enrol(&service, "nobody-of-this-name", "code"), RESULT_NOT_FOUND);
	end();
}
END_TEST

START_TEST(everything_about_tokens_is_recorded) {
	struct row rows[4];
	unsigned n = 0;

	begin();
	ck_assert_uint_eq(enrol(&service, "nina", "code"), RESULT_OK);
	ck_assert_str_eq(caller_converse(&service, code, 2), "attempt-over");
	ck_assert_uint_eq(list(&service, "nina", rows, &n), RESULT_OK);
	ck_assert_uint_eq(number_call(&service, "token.rename", rows[0].number, "Red"), RESULT_OK);
	ck_assert_uint_eq(enrol(&ui, "nina", "code"), RESULT_OK);
	ck_assert_str_eq(caller_converse(&ui, code, 2), "attempt-over");
	ck_assert_uint_eq(number_call(&service, "token.revoke", rows[0].number, NULL), RESULT_OK);
	world_add(&service, &ui, "rita", "reviewer");
	ck_assert_uint_eq(history_count(&ui, "token-enrolled"), 1);
	ck_assert_uint_eq(history_count(&ui, "token-renamed"), 1);
	ck_assert_uint_eq(history_count(&ui, "code-changed"), 1);
	ck_assert_uint_eq(history_count(&ui, "token-revoked"), 1);
	end();
}
END_TEST

#define PASSPHRASE "nine lives of one cat"

/* A request with a passphrase and memory. */
static void send_move(struct caller *c, const char *verb, const char *passphrase,
                      const uint8_t *key, int fd) {
	uint8_t buffer[512];
	struct frame_writer w;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = buffer };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };

	caller_begin(c, &w, buffer, sizeof(buffer), verb);
	frame_bytes(&w, "passphrase", passphrase, strlen(passphrase));
	if (key)
		frame_bytes(&w, "device_key", key, 32);
	ck_assert_int_eq(frame_end(&w), 0);
	iov.iov_len = w.n;
	control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					   .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(c->fd, &m, MSG_NOSIGNAL), (ssize_t)w.n);
}

static uint64_t move(struct caller *c, const char *verb, const char *passphrase,
                     const uint8_t *key, int fd) {
	send_move(c, verb, passphrase, key, fd);
	return caller_reply(c);
}

START_TEST(tokens_go_into_a_file_and_come_back_once) {
	uint8_t key[32], other[32] = { 1 };
	uint64_t size = 0;
	struct stat st;
	int fd;

	begin();
	fd = memfd_create("tokens", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(move(&service, "token.export", "too short", NULL, fd), RESULT_INVALID);
	ck_assert_str_eq(message_of(&service), "passphrase-too-short");
	ck_assert_uint_eq(move(&ui, "token.export", PASSPHRASE, NULL, fd), RESULT_DENIED);
	ck_assert_uint_eq(move(&service, "token.export", PASSPHRASE, NULL, fd), RESULT_OK);
	ck_assert_int_eq(frame_get_uint(service.frame.body, "size", &size), 0);
	ck_assert_int_eq(frame_get_fixed(service.frame.body, "device_key", key, 32), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, size);

	ck_assert_uint_eq(move(&service, "token.import", "another long passphrase", key, fd),
	                  RESULT_INVALID);
	ck_assert_str_eq(message_of(&service), "passphrase-or-file-wrong");
	ck_assert_uint_eq(move(&service, "token.import", PASSPHRASE, NULL, fd), RESULT_INVALID);
	ck_assert_str_eq(message_of(&service), "confirm-device-key");
	ck_assert_uint_eq(move(&service, "token.import", PASSPHRASE, other, fd), RESULT_INVALID);
	ck_assert_str_eq(message_of(&service), "other-device-key");
	ck_assert_uint_eq(move(&ui, "token.import", PASSPHRASE, key, fd), RESULT_DENIED);
	ck_assert_uint_eq(move(&service, "token.import", PASSPHRASE, key, fd), RESULT_OK);
	ck_assert_uint_eq(move(&service, "token.import", PASSPHRASE, key, fd), RESULT_STALE);
	ck_assert_str_eq(message_of(&service), "older-export");
	ck_assert_int_eq(ftruncate(fd, (off_t)size - 1), 0);
	ck_assert_uint_eq(move(&service, "token.import", PASSPHRASE, key, fd), RESULT_INVALID);
	ck_assert_str_eq(message_of(&service), "passphrase-or-file-wrong");
	ck_assert_int_eq(ftruncate(fd, 3), 0);
	ck_assert_uint_eq(move(&service, "token.import", PASSPHRASE, key, fd), RESULT_INVALID);
	ck_assert_str_eq(message_of(&service), "not-a-token-file");
	world_add(&service, &ui, "rita", "reviewer");
	ck_assert_uint_eq(history_count(&ui, "tokens-imported"), 1);
	ck_assert_uint_eq(history_count(&ui, "exported"), 1);
	(void)close(fd);
	end();
}
END_TEST

START_TEST(only_memory_is_written_to) {
	int fds[2];

	begin();
	ck_assert_int_eq(pipe(fds), 0);
	send_move(&service, "token.export", PASSPHRASE, NULL, fds[1]);
	ck_assert(caller_is_closed(&service));
	(void)close(fds[0]);
	(void)close(fds[1]);
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		a_code_is_enrolled_listed_named_and_revoked,
		ones_own_tokens_are_ones_own_and_nobody_elses,
		nobody_enrols_for_himself_but_a_new_code,
		what_is_no_factor_is_no_request,
		a_token_that_is_not_offered_or_cannot_be_had_says_so,
		everything_about_tokens_is_recorded,
		tokens_go_into_a_file_and_come_back_once,
		only_memory_is_written_to,
	};

	return RUN_TESTS("enrolled", tests);
}
