/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "loop.h"
#include "tokens/confine.h"

static struct loop loop;
static char once[64];

/* A file that the next helper that misbehaves takes away. */
static void make_once(const char *dir) {
	int fd = -1;

	snprintf(once, sizeof(once), "%s/once", dir);
	fd = open(once, O_CREAT | O_WRONLY, 0666);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static char scratch[64];

static void make_scratch(void) {
	snprintf(scratch, sizeof(scratch), "%s/careward-token-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(scratch));
	ck_assert_int_eq(chmod(scratch, 0777), 0);
}

static void remove_scratch(void) {
	(void)unlink(once);
	(void)rmdir(scratch);
}

static pid_t guard(void) {
	return child_of(getpid(), 0);
}

static pid_t keeper(void) {
	return child_of(guard(), 0);
}

static pid_t helper(void) {
	ck_assert_uint_eq(loop.found.n, 1);
	return (pid_t)atoi(loop.found.candidates[0].label);
}

static void wait_gone(pid_t pid) {
	for (int i = 0; i < 1000 && kill(pid, 0) == 0; ++i)
		loop_for(&loop, 10);
	ck_assert_msg(kill(pid, 0) < 0, "process %d is still there", (int)pid);
}

/* ---- one helper misbehaves, the next one works ---------------------------------------- */

static const struct misbehaviour {
	const char *why;
	const char *behaviour;
	enum token_error error; /* TOKEN_OK: nobody notices                           */
	uint32_t n_found;
} misbehaviours[] = {
	{"FD-19: a helper that hangs in look is killed at the deadline", "hang-look", TOKEN_LATE, 0},
	{"CD-27: a helper that hangs in sign is killed at the deadline", "hang-sign", TOKEN_LATE, 1},
	{"a helper that computes for ever is killed, too", "spin-sign", TOKEN_LATE, 1},
	{"CD-27: a helper that crashes in look is an error", "crash-look", TOKEN_ENDED, 0},
	{"CD-27: a helper that crashes in sign is an error", "crash-sign", TOKEN_ENDED, 1},
	{"a helper that ends in look is an error", "exit-look", TOKEN_ENDED, 0},
	{"a helper that ends in sign is an error", "exit-sign", TOKEN_ENDED, 1},
	{"a helper that closes its socket and stays is an error", "close-look", TOKEN_ENDED, 0},
	{"... also in the middle of a signature", "close-sign", TOKEN_ENDED, 1},
	{"a helper that answers ok to everything signs nobody in", "ok-look", TOKEN_BROKEN, 0},
	{"... neither after it was asked to sign", "ok-sign", TOKEN_BROKEN, 1},
	{"garbage instead of a frame is an error", "garbage-look", TOKEN_BROKEN, 0},
	{"... also in the middle of a signature", "garbage-sign", TOKEN_BROKEN, 1},
	{"a frame that is too long is an error", "large-look", TOKEN_BROKEN, 0},
	{"... also in the middle of a signature", "large-sign", TOKEN_BROKEN, 1},
	{"an answer before the question is an error", "answer-look", TOKEN_BROKEN, 0},
	{"a touch before the question is an error", "touch-look", TOKEN_BROKEN, 0},
	{"a flood of touches is an error and not a flood of prompts", "touch-sign", TOKEN_BROKEN, 1},
	{"more found than was offered is an error", "found-look", TOKEN_BROKEN, 0},
	{"found after sign is an error", "found-sign", TOKEN_BROKEN, 1},
	{"an answer for another factor is an error", "other-factor", TOKEN_BROKEN, 1},
	{"CD-03: no card is an error with its name", "absent", TOKEN_ABSENT, 0},
	{"CD-30: a reader that is gone is an error with its name", "reader-gone", TOKEN_READER_GONE, 0},
	{"a wrong PIN is an error with its name", "pin-wrong", TOKEN_PIN_WRONG, 1},
};

START_TEST(test_misbehaviour) {
	const struct misbehaviour *m = &misbehaviours[_i];
	char pair[128];
	uint64_t began = 0;

	make_scratch();
	make_once(scratch);
	loop_begin(&loop, m->behaviour);
	snprintf(pair, sizeof(pair), "FIXTURE_ONCE=%s", once);
	loop_environment(&loop, pair);
	if (m->error == TOKEN_LATE)
		loop.rules.deadline_ms = 2000;
	loop_set_rules(&loop);
	loop_until_alive(&loop);
	began = loop_now();
	ck_assert_msg(loop_job(&loop, "1234") == m->error, "%s: ended with %s", m->why,
		      token_error_message(loop.error));
	ck_assert_msg(loop.n_found == m->n_found && loop.n_done == 1 && !loop.has_answer,
		      "%s: %u found, %u done", m->why, loop.n_found, loop.n_done);
	ck_assert_uint_le(loop.n_touch, 1);
	if (m->error == TOKEN_LATE)
		ck_assert_uint_ge(loop_now() - began, 1900);
	ck_assert_msg(loop_job(&loop, "1234") == TOKEN_OK, "%s: the next try ended with %s", m->why,
		      token_error_message(loop.error));
	ck_assert_uint_eq(loop.answer.n_signature, 32);
	ck_assert_uint_eq(loop.n_done, 1);
	loop_end(&loop);
	remove_scratch();
}
END_TEST

/* Before any job: a spare that cannot open is replaced, and whoever comes gets the next. */
static const struct {
	const char *why;
	const char *behaviour;
} opens[] = {
	{"CD-29: a library that hangs while it is loaded delays nobody's later try", "hang-open"},
	{"CD-27: a library that crashes while it is loaded is tried again", "crash-open"},
	{"a library that ends the process while it is loaded is tried again", "exit-open"},
	{"a library that cannot be opened is tried again", "fail-open"},
};

START_TEST(test_open) {
	char pair[128];
	uint64_t end = loop_now() + 20000;

	make_scratch();
	make_once(scratch);
	loop_begin(&loop, opens[_i].behaviour);
	loop.rules.deadline_ms = 1000;
	snprintf(pair, sizeof(pair), "FIXTURE_ONCE=%s", once);
	loop_environment(&loop, pair);
	loop_set_rules(&loop);
	loop_until_alive(&loop);
	while (loop_job(&loop, "1234") != TOKEN_OK)
		ck_assert_msg(loop_now() < end, "%s", opens[_i].why);
	ck_assert_int_ne(access(once, F_OK), 0);
	loop_until_alarm(&loop, false);
	loop_end(&loop);
	remove_scratch();
}
END_TEST

START_TEST(test_open_never) {
	static const char *const behaviours[] = {"hang-open", "crash-open", "exit-open", "fail-open"};
	static const enum token_error errors[] = {TOKEN_LATE, TOKEN_ENDED, TOKEN_ENDED,
						  TOKEN_MODULE};

	loop_begin(&loop, behaviours[_i]);
	if (_i == 0) {
		loop.rules.deadline_ms = 500;
		loop_set_rules(&loop);
	}
	loop_until_alive(&loop);
	for (int i = 0; i < 3; ++i)
		ck_assert_int_eq(loop_job(&loop, "1234"), errors[_i]);
	loop_until_alarm(&loop, true);
	loop_end(&loop);
}
END_TEST

START_TEST(test_module_missing) {
	loop_begin(&loop, "good");
	snprintf(loop.rules.smartcard.module, sizeof(loop.rules.smartcard.module),
		 "/nowhere/module.so");
	loop_set_rules(&loop);
	loop_until_alive(&loop);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_MODULE);
	loop_until_alarm(&loop, true);
	loop.rules.smartcard.module[0] = '\0';
	loop_set_rules(&loop);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	loop_until_alarm(&loop, false);
	loop_end(&loop);
}
END_TEST

START_TEST(test_good) {
	loop_begin(&loop, "touch");
	for (uint32_t i = 0; i < 30; ++i) {
		ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
		ck_assert_uint_eq(loop.n_touch, 1);
		ck_assert_uint_eq(loop.answer.signature[31], 0x5a);
		/* A name that is not UTF-8 came through, readable. */
		ck_assert_msg(strncmp(loop.found.candidates[0].reader, "Reader ?? ", 10) == 0,
			      "reader: %s", loop.found.candidates[0].reader);
	}
	ck_assert_int_eq(loop_job(&loop, "12345"), TOKEN_PIN_WRONG);
	ck_assert_uint_eq(loop.tries, 2);
	loop_end(&loop);
}
END_TEST

START_TEST(test_two_answers) {
	loop_begin(&loop, "twice");
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	/* The first one counts for what it is: an answer without a signature. */
	ck_assert_uint_eq(loop.answer.n_signature, 0);
	loop_for(&loop, 200);
	ck_assert_uint_eq(loop.n_done, 1);
	loop_end(&loop);
}
END_TEST

START_TEST(test_cancel) {
	static const char *const behaviours[] = {"hang-look", "hang-sign", "good", "hang-open"};
	uint64_t job = 0;

	loop_begin(&loop, behaviours[_i]);
	loop.rules.deadline_ms = 60000;
	loop_set_rules(&loop);
	loop_until_alive(&loop);
	job = loop_look(&loop);
	if (_i == 1 || _i == 2)
		loop_until(&loop, &loop.n_found, 1);
	if (_i == 1)
		loop_sign(&loop, job, "1234");
	loop_for(&loop, 100);
	token_job_drop(loop.engine.tokens, job);
	token_job_drop(loop.engine.tokens, job);
	if (loop.n_found)
		wait_gone(helper());
	loop_for(&loop, 100);
	ck_assert_uint_eq(loop.n_done, 0);
	/* The helper of the cancelled job is not the next one's. */
	if (_i == 2) {
		ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	} else {
		job = loop_look(&loop);
		token_job_drop(loop.engine.tokens, job);
	}
	loop_end(&loop);
}
END_TEST

/* ---- what a helper may ----------------------------------------------------------------- */

static const char *certificate(void) {
	static char text[TOKEN_CERTIFICATE_MAX + 1];

	ck_assert_uint_eq(loop.found.n, 1);
	memset(text, 0, sizeof(text));
	memcpy(text, loop.found.candidates[0].certificate, loop.found.candidates[0].n_certificate);
	return text;
}

START_TEST(test_rights) {
	static const char *const expected[] = {
		"thread=1", "fork=0",	"exec=0",   "unix=1",  "inet=0",     "inet6=0",  "packet=0",
		"netlink=0", "ptrace=0", "mount=0",  "bpf=0",   "keyctl=0",   "kill=0",   "unshare=0",
		"setsid=0",  "memory=1", " type=0", "wide-type=0", "ioctl=1", "hand-over=0",
	};
	static const char *const always[] = {"files=64", "core=0", "dumpable=0", "fd0=1", "fd5=0"};
	char uid[32];

	loop_begin(&loop, "rights");
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	for (size_t i = 0; i < ARRAY_SIZE(always); ++i)
		ck_assert_msg(strstr(certificate(), always[i]) != NULL, "not %s: %s", always[i],
			      certificate());
	for (size_t i = 0; confine_has_filter() && i < ARRAY_SIZE(expected); ++i)
		ck_assert_msg(strstr(certificate(), expected[i]) != NULL, "not %s: %s", expected[i],
			      certificate());
	snprintf(uid, sizeof(uid), "uid=%u ", geteuid() == 0 ? TEST_UID : geteuid());
	ck_assert_msg(strstr(certificate(), uid) != NULL, "not %s: %s", uid, certificate());
	loop_end(&loop);
}
END_TEST

/* CD-28: nothing of the environment of whoever started it. */
START_TEST(test_environment) {
	ck_assert_int_eq(setenv("OPENSC_CONF", "/tmp/evil.conf", 1), 0);
	ck_assert_int_eq(setenv("LD_LIBRARY_PATH", "/tmp/evil", 1), 0);
	loop_begin(&loop, "environment");
	loop_environment(&loop, "SOFTHSM2_CONF=/etc/careward/softhsm=2.conf");
	loop_environment(&loop, "EMPTY=");
	loop_set_rules(&loop);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	ck_assert_str_eq(certificate(), "FIXTURE=environment\n"
					"SOFTHSM2_CONF=/etc/careward/softhsm=2.conf\n"
					"EMPTY=\n");
	loop_end(&loop);
}
END_TEST

START_TEST(test_closed_descriptors) {
	int low = -1;

	/* FD-23: started without 0, 1 and 2, a helper has something harmless there. */
	close(0);
	close(1);
	close(2);
	loop_start(&loop, "rights");
	low = open("/dev/null", O_RDWR);
	ck_assert_int_eq(low, 0);
	ck_assert_int_eq(dup(low), 1);
	ck_assert_int_eq(dup(low), 2);
	ck_assert_int_ge(loop.fd, 3);
	loop_begin_again(&loop);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	ck_assert_ptr_nonnull(strstr(certificate(), "fd0=1"));
	loop_end(&loop);
}
END_TEST

START_TEST(test_bomb) {
	enum token_error error = TOKEN_OK;

	loop_begin(&loop, "bomb");
	if (!confine_has_filter()) {
		loop.rules.deadline_ms = 1000;
		loop_set_rules(&loop);
	}
	error = loop_job(&loop, "1234");
	/* With the filter there is no second process; without it there is a deadline. */
	ck_assert_int_eq(error, confine_has_filter() ? TOKEN_OK : TOKEN_LATE);
	loop_end(&loop);
	ck_assert_uint_eq(children_of(getpid()), 0);
}
END_TEST

/* One helper is about to take all threads there are. */
static void begin_with_threads(void) {
	uint64_t job = 0;
	char pair[128];

	make_scratch();
	make_once(scratch);
	loop_begin(&loop, "threads-sign");
	snprintf(pair, sizeof(pair), "FIXTURE_ONCE=%s", once);
	loop_environment(&loop, pair);
	loop_environment(&loop, "FIXTURE_THREAD=1");
	loop.rules.deadline_ms = 120000;
	loop_set_rules(&loop);
	loop_until_alive(&loop);
	job = loop_look(&loop);
	loop_until(&loop, &loop.n_found, 1);
	ck_assert_str_eq(certificate(), "thread=1");
	loop_sign(&loop, job, "1234");
}

/*
 * RLIMIT_NPROC counts a user, and all helpers are one: whoever takes all threads is
 * ended, long before its deadline, and the next one has some again.
 */
START_TEST(test_threads) {
	uint64_t began = 0;

	begin_with_threads();
	began = loop_now();
	loop_until(&loop, &loop.n_done, 1);
	printf("# ended after %u ms\n", (unsigned)(loop_now() - began));
	ck_assert_int_eq(loop.error, TOKEN_ENDED);
	ck_assert_int_ne(access(once, F_OK), 0);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	ck_assert_str_eq(certificate(), "thread=1");
	loop_end(&loop);
	remove_scratch();
}
END_TEST

/* Meanwhile: what the others have, told and not judged. */
START_TEST(test_threads_meanwhile) {
	uint64_t began = 0, job = 0;
	uint32_t starved = 0, n = 0;

	begin_with_threads();
	began = loop_now();
	while (access(once, F_OK) == 0)
		loop_for(&loop, 5);
	while (loop_now() - began < 3000) {
		job = loop_look(&loop);
		while (loop.n_found + loop.n_done == 0)
			loop_for(&loop, 5);
		if (loop.n_found > 0) {
			++n;
			starved += strcmp(certificate(), "thread=0") == 0;
		}
		token_job_drop(loop.engine.tokens, job);
	}
	printf("# of %u helpers in 3 s %u could have no thread\n", n, starved);
	ck_assert_uint_gt(n, starved);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	loop_end(&loop);
	remove_scratch();
}
END_TEST

/* ---- ends ------------------------------------------------------------------------------ */

START_TEST(test_keeper_dies) {
	pid_t first = 0, child = 0;

	loop_begin(&loop, "hang-sign");
	loop.rules.deadline_ms = 60000;
	loop_set_rules(&loop);
	for (int i = 0; i < 3; ++i) {
		uint64_t job = 0;

		/* A try in the very moment of its beginning may end, too. */
		do {
			job = loop_look(&loop);
			while (loop.n_found + loop.n_done == 0)
				loop_for(&loop, 10);
		} while (loop.n_done != 0);
		loop_sign(&loop, job, "1234");
		first = keeper();
		child = helper();
		ck_assert_int_gt(first, 0);
		ck_assert_int_eq(kill(first, SIGKILL), 0);
		loop_until(&loop, &loop.n_done, 1);
		ck_assert_int_eq(loop.error, TOKEN_ENDED);
		wait_gone(child);
		loop_until_alive(&loop);
		ck_assert_int_ne(keeper(), first);
	}
	loop_end(&loop);
	ck_assert_uint_eq(children_of(getpid()), 0);
}
END_TEST

START_TEST(test_guard_dies) {
	pid_t first = 0, child = 0;
	uint64_t job = 0;

	loop_begin(&loop, "hang-sign");
	loop.rules.deadline_ms = 60000;
	loop_set_rules(&loop);
	job = loop_look(&loop);
	loop_until(&loop, &loop.n_found, 1);
	loop_sign(&loop, job, "1234");
	first = keeper();
	child = helper();
	ck_assert_int_eq(kill(guard(), SIGKILL), 0);
	loop_until(&loop, &loop.n_done, 1);
	for (int i = 0; i < 500 && (is_alive(first) || is_alive(child)); ++i)
		loop_for(&loop, 10);
	ck_assert(!is_alive(first) && !is_alive(child));
	/* No tokens any more, and it is said; the next job ends at once. */
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_MODULE);
	loop_until_alarm(&loop, true);
	loop_end_engine(&loop);
	close(loop.fd);
	ck_assert_int_gt(wait(NULL), 0);
}
END_TEST

START_TEST(test_keeper_hangs) {
	loop_begin(&loop, "good");
	loop.rules.deadline_ms = 2000;
	loop_set_rules(&loop);
	loop_until_alive(&loop);
	ck_assert_int_eq(kill(keeper(), SIGSTOP), 0);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_LATE);
	ck_assert(!tokens_is_alive(loop.engine.tokens));
	loop_until_alarm(&loop, true);
	ck_assert_int_eq(kill(keeper(), SIGCONT), 0);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	loop_until_alarm(&loop, false);
	loop_end(&loop);
}
END_TEST

START_TEST(test_engine_dies) {
	pid_t child = 0;

	/* One engine after the other on one socket, each killed in the middle. */
	loop_begin(&loop, "good");
	for (int i = 0; i < 5; ++i) {
		(void)loop_look(&loop);
		if (i % 2 == 0) {
			loop_until(&loop, &loop.n_found, 1);
			child = helper();
		}
		loop_end_engine(&loop);
		loop_begin_again(&loop);
		ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
		wait_gone(child);
	}
	loop_end(&loop);
	ck_assert_uint_eq(children_of(getpid()), 0);
}
END_TEST

START_TEST(test_no_zombies) {
	loop_begin(&loop, "good");
	for (int i = 0; i < 20; ++i)
		ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	for (int i = 0; i < 200 && children_of(keeper()) > 1; ++i)
		loop_for(&loop, 20);
	/* The spare, and nobody else. */
	ck_assert_uint_eq(children_of(keeper()), 1);
	ck_assert(!has_state(child_of(keeper(), 0), 'Z'));
	loop_end(&loop);
}
END_TEST

/* CC-04 */
START_TEST(test_many_at_once) {
	uint64_t jobs[24];

	/* More than there are helpers: the rest is told, and then it works again. */
	loop_begin(&loop, "good");
	for (size_t i = 0; i < ARRAY_SIZE(jobs); ++i)
		jobs[i] = loop_look(&loop);
	loop_until(&loop, &loop.n_done, 1);
	ck_assert_int_eq(loop.error, TOKEN_BUSY);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); ++i)
		token_job_drop(loop.engine.tokens, jobs[i]);
	loop_for(&loop, 300);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	loop_end(&loop);
}
END_TEST

START_TEST(test_no_keeper) {
	memset(&loop, 0, sizeof(loop));
	loop.fd = -1;
	loop.rules.smartcard.on = true;
	loop.rules.deadline_ms = 500;
	loop_begin_again(&loop);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_MODULE);
	loop_until_alarm(&loop, true);
	loop.rules.smartcard.on = false;
	loop_set_rules(&loop);
	loop_until_alarm(&loop, false);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_MODULE);
	loop_for(&loop, 50);
	ck_assert_msg(!loop.engine.alarms[ALARM_TOKENS], "an alarm about what is not configured");
	loop_end_engine(&loop);
}
END_TEST

/* ---- the watcher ------------------------------------------------------------------------ */

static void with_reader(const char *behaviour) {
	loop_begin(&loop, behaviour);
	loop.rules.n_readers = 1;
	loop.rules.readers[0].kind = READER_PCSC;
	loop_set_rules(&loop);
}

START_TEST(test_watch) {
	with_reader("good");
	loop_until(&loop, &loop.n_sights, 2);
	ck_assert_int_eq(loop.sights[0].kind, TOKEN_SIGHT_BADGE);
	ck_assert_str_eq(loop.sights[0].name, "desk");
	ck_assert_uint_eq(loop.sights[1].id[0], 1);
	/* It does not end at a deadline, and a hung job blinds nobody. */
	loop_for(&loop, 1500);
	ck_assert_uint_eq(loop.n_sights, 2);
	loop_end(&loop);
}
END_TEST

START_TEST(test_watch_ends) {
	static const char *const behaviours[] = {"crash-watch", "exit-watch", "garbage-watch",
						 "ok-watch", "close-watch"};
	char pair[128];

	make_scratch();
	make_once(scratch);
	with_reader(behaviours[_i]);
	snprintf(pair, sizeof(pair), "FIXTURE_ONCE=%s", once);
	loop_environment(&loop, pair);
	loop_set_rules(&loop);
	loop_until(&loop, &loop.n_sights, 2);
	ck_assert_int_ne(access(once, F_OK), 0);
	loop_end(&loop);
	remove_scratch();
}
END_TEST

START_TEST(test_watch_floods) {
	with_reader("flood-watch");
	loop_for(&loop, 3000);
	/* Not more than 64 in a second, and its watcher starts anew. */
	ck_assert_uint_ge(loop.n_sights, 64);
	ck_assert_uint_le(loop.n_sights, 5 * 64);
	ck_assert_int_eq(loop_job(&loop, "1234"), TOKEN_OK);
	loop_end(&loop);
}
END_TEST

static unsigned count_sights(enum token_sight_kind kind) {
	unsigned n = 0;

	for (uint32_t i = 0; i < loop.n_sights && i < LOOP_SIGHTS; ++i)
		n += loop.sights[i].kind == kind && strcmp(loop.sights[i].name, "desk") == 0;
	return n;
}

/* CD-30: pulled while nobody watched, it is missed by the next watcher. */
START_TEST(test_card_pulled_while_nobody_watches) {
	char pair[128];

	make_scratch();
	make_once(scratch);
	with_reader("card-watch");
	snprintf(pair, sizeof(pair), "FIXTURE_ONCE=%s", once);
	loop_environment(&loop, pair);
	loop_set_rules(&loop);
	loop_until(&loop, &loop.n_sights, 4); /* in; two badges of the next one; out */
	ck_assert_uint_eq(count_sights(TOKEN_SIGHT_CARD_IN), 1);
	ck_assert_uint_eq(count_sights(TOKEN_SIGHT_CARD_OUT), 1);
	ck_assert_uint_eq(loop.sights[3].reader, 0);
	loop_end(&loop);
	remove_scratch();
}
END_TEST

/* One that is told again lies there still, however often watchers end. */
START_TEST(test_card_stays_while_watchers_end) {
	with_reader("card-watch");
	loop_for(&loop, 8000);
	ck_assert_uint_ge(count_sights(TOKEN_SIGHT_CARD_IN), 2);
	ck_assert_uint_eq(count_sights(TOKEN_SIGHT_CARD_OUT), 0);
	loop_end(&loop);
}
END_TEST

static pid_t watcher(void) {
	pid_t pid = 0;

	/* No spare is there: whoever the keeper has started is the watcher. */
	for (int i = 0; i < 500 && pid <= 0; ++i) {
		pid = keeper() > 0 ? child_of(keeper(), 0) : 0;
		loop_for(&loop, 10);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void with_watcher_alone(const char *behaviour) {
	with_reader(behaviour);
	loop.rules.smartcard.on = false;
}

/* CD-30: stopped, it is as good as dead: ended, replaced, and its card pulled. */
START_TEST(test_watch_hangs) {
	char pair[128];
	pid_t first;

	make_scratch();
	make_once(scratch);
	with_watcher_alone("stay-watch");
	snprintf(pair, sizeof(pair), "FIXTURE_ONCE=%s", once);
	loop_environment(&loop, pair);
	loop_set_rules(&loop);
	loop_until(&loop, &loop.n_sights, 1);
	ck_assert_uint_eq(count_sights(TOKEN_SIGHT_CARD_IN), 1);
	/* As long as it says that it is alive, nothing happens. */
	loop_for(&loop, 7000);
	ck_assert_uint_eq(loop.n_sights, 1);
	ck_assert(!loop.engine.alarms[ALARM_TOKENS]);
	first = watcher();
	ck_assert_int_eq(kill(first, SIGSTOP), 0);
	loop_until_alarm(&loop, true);
	wait_gone(first);
	loop_until_alarm(&loop, false);
	ck_assert_int_ne(watcher(), first);
	loop_until(&loop, &loop.n_sights, 4); /* two badges of the next one; out      */
	ck_assert_uint_eq(count_sights(TOKEN_SIGHT_CARD_OUT), 1);
	loop_end(&loop);
	remove_scratch();
}
END_TEST

/* One whose loop hangs, and that cannot know it: the same. */
START_TEST(test_watch_is_mute) {
	pid_t first;

	with_watcher_alone("mute-watch");
	loop_set_rules(&loop);
	loop_until(&loop, &loop.n_sights, 2);
	first = watcher();
	loop_until_alarm(&loop, true);
	wait_gone(first);
	loop_until(&loop, &loop.n_sights, 4);
	ck_assert(loop.engine.alarms[ALARM_TOKENS]);
	loop_end(&loop);
}
END_TEST

/* The engine was held up, the watcher was not: what it said meanwhile counts. */
START_TEST(test_watch_is_not_judged_by_an_engine_that_slept) {
	pid_t first;

	with_watcher_alone("good");
	loop_set_rules(&loop);
	loop_until(&loop, &loop.n_sights, 2);
	loop_for(&loop, 1500);
	first = watcher();
	(void)sleep(7);
	loop_for(&loop, 2500);
	ck_assert_int_eq(watcher(), first);
	ck_assert(!loop.engine.alarms[ALARM_TOKENS]);
	loop_end(&loop);
}
END_TEST

/* Each ends before it has said anything: told, and tried again. */
START_TEST(test_watch_never_stays) {
	with_watcher_alone("exit-watch");
	loop_set_rules(&loop);
	loop_until_alarm(&loop, true);
	loop.rules.n_readers = 0;
	loop_set_rules(&loop);
	loop_until_alarm(&loop, false);
	loop_end(&loop);
}
END_TEST

/* With the guard everything is gone for good. */
START_TEST(test_card_is_out_when_there_will_be_no_watcher) {
	char pair[128];

	make_scratch();
	make_once(scratch);
	with_reader("card-watch");
	snprintf(pair, sizeof(pair), "FIXTURE_ONCE=%s", once);
	loop_environment(&loop, pair);
	loop_set_rules(&loop);
	loop_until(&loop, &loop.n_sights, 1);
	ck_assert_int_eq(kill(guard(), SIGKILL), 0);
	loop_for(&loop, 7000);
	ck_assert_uint_eq(count_sights(TOKEN_SIGHT_CARD_OUT), 1);
	loop_end_engine(&loop);
	close(loop.fd);
	ck_assert_int_gt(wait(NULL), 0);
	remove_scratch();
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("tokens helpers");
	TCase *t = tcase_create("helpers");
	TCase *slow = tcase_create("watchers");

	tcase_set_timeout(t, 20);
	tcase_add_test(t, test_good);
	tcase_add_loop_test(t, test_misbehaviour, 0, (int)ARRAY_SIZE(misbehaviours));
	tcase_add_loop_test(t, test_open, 0, (int)ARRAY_SIZE(opens));
	tcase_add_loop_test(t, test_open_never, 0, 4);
	tcase_add_test(t, test_module_missing);
	tcase_add_test(t, test_two_answers);
	tcase_add_loop_test(t, test_cancel, 0, 4);
	tcase_add_test(t, test_rights);
	tcase_add_test(t, test_environment);
	tcase_add_test(t, test_closed_descriptors);
	tcase_add_test(t, test_bomb);
	tcase_add_test(t, test_threads);
	tcase_add_test(t, test_threads_meanwhile);
	tcase_add_test(t, test_keeper_dies);
	tcase_add_test(t, test_guard_dies);
	tcase_add_test(t, test_keeper_hangs);
	tcase_add_test(t, test_engine_dies);
	tcase_add_test(t, test_no_zombies);
	tcase_add_test(t, test_many_at_once);
	tcase_add_test(t, test_no_keeper);
	tcase_add_test(t, test_watch);
	tcase_add_loop_test(t, test_watch_ends, 0, 5);
	tcase_add_test(t, test_watch_floods);
	tcase_add_test(t, test_card_pulled_while_nobody_watches);
	tcase_add_test(t, test_card_stays_while_watchers_end);
	tcase_add_test(t, test_card_is_out_when_there_will_be_no_watcher);
	tcase_set_timeout(slow, 60);
	tcase_add_test(slow, test_watch_hangs);
	tcase_add_test(slow, test_watch_is_mute);
	tcase_add_test(slow, test_watch_is_not_judged_by_an_engine_that_slept);
	tcase_add_test(slow, test_watch_never_stays);
	suite_add_tcase(s, slow);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	SRunner *sr = srunner_create(suite());
	int failed = 0;

	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
