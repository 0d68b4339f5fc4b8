/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are pulled, that lie, hang and flood: never TOKEN_OK for it, and the next try works. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/tokens/key-world.h"
#include "tokens/confine.h"

static struct key_world *w;

static void begin(void) {
	w = key_world_new();
	key_world_tell(w, 1, "unplug");
	key_world_enrol(w, 0);
}

static void end(void) {
	w = key_world_free(w);
}

static enum token_error try_to_make(void) {
	struct token_credentials before = w->look.credentials;
	enum token_error error;

	w->look.credentials.n = 0;
	key_world_again(w);
	error = key_world_look(w);
	if (error == TOKEN_OK)
		error = key_world_make(w, 0, PIN);
	w->look.credentials = before;
	return error;
}

static void the_next_try_works(const char *why, unsigned n) {
	enum token_error error;

	key_world_tell(w, 0, "clear");
	error = key_world_try(w, PIN);
	ck_assert_msg(error == TOKEN_OK, "%s (%u): the next try says %u", why, n, error);
	ck_assert_msg(key_world_peer_accepts(w, true), "%s (%u): the next one is bad", why, n);
}

/* For each n: pulled after n reports. Ends when there are not so many. */
static unsigned pull_at_each_report(const char *why, enum token_error (*attempt)(void)) {
	for (unsigned n = 0; n < 1000; ++n) {
		enum token_error error;
		char words[40];
		unsigned pins;

		(void)snprintf(words, sizeof(words), "fault unplug %u", n);
		key_world_tell(w, 0, words);
		pins = key_world_count(w, 0, "pins");
		error = attempt();
		ck_assert_msg(key_world_count(w, 0, "pins") <= pins + 1, "%s (%u): PIN resent", why,
		              n);
		if (error == TOKEN_OK)
			return n;
		ck_assert_msg(error == TOKEN_REMOVED || error == TOKEN_ABSENT, "%s (%u): said %u",
		              why, n, error);
		the_next_try_works(why, n);
	}
	return 0;
}

static enum token_error try_to_sign(void) {
	return key_world_try(w, PIN);
}

START_TEST(FD_18_pulled_at_every_report_of_a_signature) {
	unsigned n = pull_at_each_report("sign", try_to_sign);

	ck_assert_msg(n > 15, "only %u reports", n);
	ck_assert(key_world_peer_accepts(w, true));
}
END_TEST

START_TEST(FD_18_pulled_at_every_report_of_a_registration) {
	unsigned n = pull_at_each_report("make", try_to_make);

	ck_assert_msg(n > 15, "only %u reports", n);
}
END_TEST

/* --- nonsense ---------------------------------------------------------------- */

static const struct {
	const char *why;
	const char *fault;
	unsigned n; /* variants */
} nonsense[] = {
	{ "FD-18 a short report", "short-report", 1 },
	{ "FD-18 a report of no bytes", "empty-report", 1 },
	{ "FD-18 an answer of no bytes", "empty-answer", 1 },
	{ "FD-18 another channel's report", "wrong-cid", 1 },
	{ "FD-18 a report out of sequence", "wrong-sequence", 1 },
	{ "FD-18 CBOR that claims more than there is", "bomb", 8 },
	{ "FD-18 garbage after the status", "garbage", 24 },
	{ "FD-18 a signature of no bytes", "no-signature", 1 },
	{ "FD-19 silence", "delay 60000", 0 },
};

/* While it makes, signs, and is only asked what it is. */
START_TEST(nonsense_is_refused_and_forgotten) {
	const char *why = nonsense[_i].why;

	w->rules.deadline_ms = 400;
	for (unsigned n = 0; n < (nonsense[_i].n ? nonsense[_i].n : 1); ++n) {
		char words[40];

		/* A sanitizer ends at a claim of gigabytes. */
		if (strcmp(nonsense[_i].fault, "bomb") == 0 && n > 4 && !confine_has_filter())
			break;
		(void)snprintf(words, sizeof(words), nonsense[_i].n ? "fault %s %u" : "fault %s",
		               nonsense[_i].fault, n);
		key_world_tell(w, 0, words);
		ck_assert_msg(try_to_sign() != TOKEN_OK, "%s (%u): signed", why, n);
		if (strcmp(nonsense[_i].fault, "no-signature") == 0) {
			the_next_try_works(why, n);
			continue; /* attestation may be without, and the engine says whether */
		}
		ck_assert_msg(try_to_make() != TOKEN_OK, "%s (%u): made", why, n);
		the_next_try_works(why, n);
		key_world_tell(w, 0, "everywhere on");
		key_world_tell(w, 0, words);
		ck_assert_msg(try_to_sign() != TOKEN_OK, "%s (%u): signed", why, n);
		the_next_try_works(why, n);
	}
}
END_TEST

/* What each status of CTAP becomes. */
static const struct {
	unsigned status;
	enum token_error expect;
} statuses[] = {
	{ 0x01, TOKEN_UNSUPPORTED }, { 0x06, TOKEN_BUSY },
	{ 0x05, TOKEN_NOT_TOUCHED }, { 0x27, TOKEN_CANCELLED },
	{ 0x2b, TOKEN_UNSUPPORTED }, { 0x2c, TOKEN_UNSUPPORTED },
	{ 0x2d, TOKEN_CANCELLED },   { 0x2f, TOKEN_NOT_TOUCHED },
	{ 0x31, TOKEN_PIN_WRONG },   { 0x32, TOKEN_PIN_LOCKED },
	{ 0x34, TOKEN_PIN_BLOCKED }, { 0x35, TOKEN_PIN_UNSET },
	{ 0x36, TOKEN_PIN_NEEDED },  { 0x37, TOKEN_PIN_INVALID },
	{ 0x3a, TOKEN_NOT_TOUCHED }, { 0x3c, TOKEN_PIN_NEEDED },
	{ 0x3f, TOKEN_PIN_WRONG },   { 0x7f, TOKEN_BROKEN },
};

static enum token_error expected(unsigned status) {
	for (size_t i = 0; i < ARRAY_SIZE(statuses); ++i)
		if (statuses[i].status == status)
			return statuses[i].expect;
	return TOKEN_BROKEN;
}

START_TEST(every_status_but_zero_is_a_refusal) {
	for (unsigned status = 1; status < 256; ++status) {
		enum token_error error;
		char words[40];
		unsigned pins;

		/* Asked while the key is well, told when it is to sign. */
		key_world_tell(w, 0, "clear");
		key_world_again(w);
		ck_assert_int_eq(key_world_look(w), TOKEN_OK);
		pins = key_world_count(w, 0, "pins");
		(void)snprintf(words, sizeof(words), "fault status %u", status);
		key_world_tell(w, 0, words);
		error = key_world_sign(w, 0, PIN);
		ck_assert_msg(error != TOKEN_OK, "status %#x signed", status);
		/* 0x2e and 0x22: not there; 0x19: enrolled; 0x26, 0x28: not supported */
		if (!memchr("\x2e\x22\x19\x26\x28", (int)status, 5))
			ck_assert_msg(error == expected(status), "status %#x became %u", status,
			              error);
		ck_assert_msg(key_world_count(w, 0, "pins") == pins + 1, "status %#x: PIN resent",
		              status);
	}
	the_next_try_works("after all of them", 0);
}
END_TEST

/* --- the keeper's part ---------------------------------------------------------- */

static int fork_and_try(void (*prepare)(void)) {
	int pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		enum token_error error;

		prepare();
		/* The key is served by the parent: only the helper's side is used here. */
		error = key_world_try(w, PIN);
		if (error != TOKEN_OK)
			_exit(10 + (int)error);
		_exit(key_world_peer_accepts(w, true) ? 0 : 1);
	}
	return pid;
}

static void nothing(void) {
}

START_TEST(FD_19_a_flood_of_keepalives_ends_with_the_process) {
	unsigned before;
	int status, pid;

	key_world_tell(w, 0, "fault flood");
	before = key_world_count(w, 0, "reports");
	pid = fork_and_try(nothing);
	/* Far more than any signature takes. */
	while (key_world_count(w, 0, "reports") < before + 1000) {
		ck_assert_msg(waitpid(pid, &status, WNOHANG) == 0, "it ended by itself: %#x", status);
		(void)usleep(1000);
	}
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	the_next_try_works("flood", 0);
}
END_TEST

START_TEST(FD_19_killed_while_it_waits_for_a_touch) {
	unsigned before = key_world_count(w, 0, "requests");
	int status, pid;

	key_world_tell(w, 0, "touching manual");
	pid = fork_and_try(nothing);
	/* getInfo, silent assertion, tries, agreement, token, assertion */
	while (key_world_count(w, 0, "requests") < before + 6) {
		ck_assert_msg(waitpid(pid, &status, WNOHANG) == 0, "it ended by itself: %#x", status);
		(void)usleep(1000);
	}
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	key_world_tell(w, 0, "touching auto");
	the_next_try_works("killed", 0);
}
END_TEST

/* As careward-token does before it loads anything. */
static void confine(void) {
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || confine_helper(false) != 0)
		_exit(9);
}

START_TEST(works_behind_the_filter_of_the_helper) {
	struct reader_rules *usb = &w->rules.readers[w->rules.n_readers++];
	int status, pid;

	/* And looks for keys on USB there. */
	*usb = (struct reader_rules){ .kind = READER_USB_KEY, .seats = 1 };
	pid = fork_and_try(confine);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ended with %#x", status);
}
END_TEST

/* libcbor fills an array of 2^31 pointers: 16 GB, if it may. */
START_TEST(FD_18_a_bomb_that_eats_memory_meets_the_limit_of_the_helper) {
	int status, pid;

	if (!confine_has_filter())
		return;
	key_world_tell(w, 0, "fault bomb 8");
	pid = fork_and_try(confine);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) > 10, "ended with %#x", status);
	the_next_try_works("bomb of memory", 8);
}
END_TEST

static void close_the_first_three(void) {
	for (int fd = 0; fd < 3; ++fd)
		(void)close(fd);
}

static void see_descriptors(void *userdata) {
	for (int fd = 0; fd < 3; ++fd)
		if (fcntl(fd, F_GETFD) >= 0)
			_exit(3 + fd);
}

START_TEST(FD_23_works_without_standard_descriptors_and_takes_none) {
	int status, pid = fork_and_try(close_the_first_three);

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ended with %#x", status);
	pid = fork();
	if (pid == 0) {
		const struct token_talk talk = { .touch = see_descriptors };
		struct token_sign sign = { .verify_user = true };

		close_the_first_three();
		key_world_again(w);
		if (key_world_look(w) != TOKEN_OK || !secret_set(&sign.pin, PIN, sizeof(PIN) - 1))
			_exit(1);
		/* While the key is open and asks for a touch. */
		_exit(token_kind_fido2.sign(w->kind, &sign, &talk, &w->answer, &w->tries) ==
		                      TOKEN_OK ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ended with %#x", status);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("fido2-faults");
	TCase *t = tcase_create("fault");

	tcase_add_checked_fixture(t, begin, end);
	tcase_set_timeout(t, 240);
	tcase_add_test(t, FD_18_pulled_at_every_report_of_a_signature);
	tcase_add_test(t, FD_18_pulled_at_every_report_of_a_registration);
	tcase_add_loop_test(t, nonsense_is_refused_and_forgotten, 0, ARRAY_SIZE(nonsense));
	tcase_add_test(t, every_status_but_zero_is_a_refusal);
	tcase_add_test(t, FD_19_a_flood_of_keepalives_ends_with_the_process);
	tcase_add_test(t, FD_19_killed_while_it_waits_for_a_touch);
	tcase_add_test(t, works_behind_the_filter_of_the_helper);
	tcase_add_test(t, FD_18_a_bomb_that_eats_memory_meets_the_limit_of_the_helper);
	tcase_add_test(t, FD_23_works_without_standard_descriptors_and_takes_none);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return key_world_run(suite());
}
