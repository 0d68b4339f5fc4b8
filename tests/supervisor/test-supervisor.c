/* SPDX-License-Identifier: Apache-2.0 */

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/sandbox.h"
#include "broker/spool.h"
#include "tests/supervisor/toy.h"

static struct toy toy;

static void set_up(void) {
	toy_set_up(&toy);
	toy.sandboxed = sandbox_has_filter();
}

static void clean_up(void) {
	toy_clean_up(&toy);
}

static void pause_ms(long ms) {
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&t, NULL);
}

START_TEST(readiness_is_told_once_and_not_before_the_engine_is_ready) {
	struct pollfd wanted;
	char text[8] = "";

	toy_begin(&toy, TOY_SLOW);
	wanted = (struct pollfd){.fd = toy.ready_fd, .events = POLLIN};
	ck_assert(toy_wait(&toy.stage->starts, 1));
	if (atomic_load(&toy.stage->readies) == 0) {
		int early = poll(&wanted, 1, 0);

		ck_assert(early == 0 || atomic_load(&toy.stage->readies) > 0);
	}
	ck_assert_int_eq(poll(&wanted, 1, 20000), 1);
	ck_assert_uint_ge(atomic_load(&toy.stage->readies), 1);
	ck_assert_int_eq(read(toy.ready_fd, text, sizeof(text)), 2);
	ck_assert_str_eq(text, "1\n");
	ck_assert_int_eq(poll(&wanted, 1, 20000), 1);
	ck_assert_int_eq(read(toy.ready_fd, text, sizeof(text)), 0);
	ck_assert(atomic_load(&toy.stage->start[0].numbers_are_right));
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

static const struct {
	const char *why;
	enum toy_act act;
	int death;
	int code;
} deaths[] = {
	{"an engine that exits before it is ready", TOY_EXIT, DEATH_EXIT, 7},
	{"an engine that crashes", TOY_CRASH, DEATH_SIGNAL, SIGUSR2},
	{"an engine that lives for a moment", TOY_BRIEF, DEATH_EXIT, 0},
};

START_TEST(the_next_engine_learns_how_this_one_died) {
	struct toy_start *start = toy.stage->start;

	toy_begin(&toy, deaths[_i].act);
	ck_assert_msg(toy_wait(&toy.stage->starts, 4), "%s", deaths[_i].why);
	ck_assert_int_eq(atomic_load(&start[0].death), DEATH_NONE);
	for (int i = 1; i < 4; ++i) {
		ck_assert_int_eq(atomic_load(&start[i].death), deaths[_i].death);
		ck_assert_int_eq(atomic_load(&start[i].death_code), deaths[_i].code);
		ck_assert(!atomic_load(&start[i].without_journal));
	}
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

START_TEST(waits_double_between_restarts_up_to_the_longest) {
	static const uint64_t least_us[] = {10000, 20000, 40000, 80000, 80000};

	toy.times.backoff_ms = 10;
	toy.times.backoff_most_ms = 80;
	toy.times.settled_ms = 60000;
	toy_begin(&toy, TOY_EXIT);
	ck_assert(toy_wait(&toy.stage->starts, 6));
	for (int i = 0; i < 5; ++i) {
		uint64_t gap = atomic_load(&toy.stage->start[i + 1].at_us) -
			       atomic_load(&toy.stage->start[i].at_us);

		/* The clock of the loop has whole milliseconds. */
		ck_assert_uint_ge(gap + 1000, least_us[i]);
	}
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

START_TEST(an_engine_that_settled_begins_the_waits_anew) {
	toy.times.backoff_ms = 1;
	toy.times.backoff_most_ms = 1u << 30;
	toy.times.settled_ms = 2;
	toy_begin(&toy, TOY_BRIEF);
	/* Doubling 40 times from a millisecond would take years. */
	ck_assert(toy_wait(&toy.stage->starts, 40));
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

START_TEST(records_written_while_there_is_no_engine_reach_the_next_one) {
	struct toy_client client;

	toy.times.backoff_ms = 300;
	toy_client_new(&client, 1);
	client.reconnects = false;
	toy_begin(&toy, TOY_LAZY);
	ck_assert(toy_wait(&toy.stage->readies, 1));
	ck_assert(toy_client_connect(&toy, &client));
	ck_assert(toy_wait(&toy.stage->rings, 1));
	for (int i = 0; i < 5; ++i)
		ck_assert(toy_client_write(&client));
	(void)kill(toy_engine_pid(&toy), SIGKILL);
	for (int i = 0; i < 5; ++i)
		ck_assert(toy_client_write(&client));
	ck_assert(toy_wait_journal(&toy, NULL, 1, 10));
	ck_assert_uint_eq(atomic_load(&toy.stage->from_spool), 10);
	for (int i = 1; i <= 10; ++i)
		ck_assert_uint_eq(atomic_load(&toy.stage->times[i]), 1);
	ck_assert_uint_eq(atomic_load(&toy.stage->bad), 0);
	toy_client_free(&client);
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

START_TEST(records_of_a_client_that_died_with_the_engine_reach_the_next_one) {
	struct toy_client client;
	pid_t pid;

	toy_client_new(&client, 1);
	toy_begin(&toy, TOY_LAZY);
	ck_assert(toy_wait(&toy.stage->readies, 1));
	pid = fork();
	if (pid == 0) {
		if (!toy_client_connect(&toy, &client) || !toy_wait(&toy.stage->rings, 1))
			_exit(1);
		for (int i = 0; i < 200; ++i)
			(void)toy_client_write(&client);
		_exit(0);
	}
	/* From here on the supervisor alone has the ring. */
	toy_client_free(&client);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	(void)kill(toy_engine_pid(&toy), SIGKILL);
	ck_assert(toy_wait_journal(&toy, NULL, 1, 200));
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

START_TEST(the_last_words_of_an_engine_are_heard) {
	struct toy_client client;

	toy_client_new(&client, 1);
	client.reconnects = false;
	toy_begin(&toy, TOY_TALKS);
	ck_assert(toy_wait(&toy.stage->readies, 1));
	atomic_store(&toy.stage->act, TOY_LAZY);
	/* More than is read at once, and nobody reads before it is dead. */
	(void)kill(toy.supervisor, SIGSTOP);
	ck_assert(toy_client_connect(&toy, &client));
	ck_assert(toy_wait(&toy.stage->rings, 1));
	for (int i = 0; i < 5; ++i)
		ck_assert(toy_client_write(&client));
	(void)kill(toy_engine_pid(&toy), SIGKILL);
	(void)kill(toy.supervisor, SIGCONT);
	ck_assert(toy_wait_journal(&toy, NULL, 1, 5));
	toy_client_free(&client);
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

START_TEST(a_client_that_has_not_come_back_is_still_heard) {
	struct toy_client client;

	toy_client_new(&client, 1);
	client.reconnects = false;
	toy_begin(&toy, TOY_RUN);
	ck_assert(toy_client_connect(&toy, &client));
	ck_assert(toy_wait(&toy.stage->rings, 1));
	(void)kill(toy_engine_pid(&toy), SIGKILL);
	ck_assert(toy_wait(&toy.stage->readies, 2));
	for (int i = 0; i < 3; ++i) {
		ck_assert(toy_client_write(&client));
		pause_ms(20);
	}
	ck_assert(toy_wait_journal(&toy, NULL, 1, 3));
	ck_assert_uint_ge(atomic_load(&toy.stage->by_way[SPOOL_LEFT_OVER]), 1);
	toy_client_free(&client);
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

static const enum toy_act hangs[] = {TOY_MUTE, TOY_STOPPED};

START_TEST(a_hung_engine_is_drained_around_then_killed_and_replaced) {
	struct toy_client client;

	toy.times.hang_ms = 200;
	toy.times.kill_ms = 400;
	toy.times.start_ms = 1;
	toy_client_new(&client, 1);
	client.reconnects = false;
	toy_begin(&toy, hangs[_i]);
	ck_assert(toy_client_connect(&toy, &client));
	ck_assert(toy_wait(&toy.stage->rings, 1));
	atomic_store(&toy.stage->act, TOY_LAZY);
	for (int i = 0; i < 5; ++i)
		ck_assert(toy_client_write(&client));
	ck_assert(toy_wait(&toy.stage->starts, 2));
	ck_assert(toy_wait_journal(&toy, NULL, 1, 5));
	ck_assert_int_eq(atomic_load(&toy.stage->start[1].death), DEATH_HUNG);
	ck_assert_uint_eq(atomic_load(&toy.stage->by_way[SPOOL_HUNG]), 5);
	toy_client_free(&client);
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

START_TEST(an_engine_that_never_gets_ready_is_replaced) {
	toy.times.hang_ms = 10;
	toy.times.kill_ms = 10;
	toy.times.start_ms = 50;
	toy_begin(&toy, TOY_SLOW); /* 300 ms */
	ck_assert(toy_wait(&toy.stage->starts, 2));
	ck_assert_int_eq(atomic_load(&toy.stage->start[1].death), DEATH_HUNG);
	ck_assert_uint_eq(atomic_load(&toy.stage->readies), 0);
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

/*
 * A traced process that was killed is not seen by its parent until the tracer
 * lets go: like one that waits for a disk.
 */
START_TEST(an_engine_that_cannot_die_is_replaced_without_journal_until_it_is_gone) {
	struct toy_client client;
	pid_t old;

	toy.times.hang_ms = 100;
	toy.times.kill_ms = 50;
	toy.times.stuck_ms = 50;
	toy.times.start_ms = 1;
	toy_client_new(&client, 1);
	toy_begin(&toy, TOY_MUTE);
	ck_assert(toy_client_connect(&toy, &client));
	ck_assert(toy_wait(&toy.stage->rings, 1));
	old = toy_engine_pid(&toy);
	ck_assert_int_eq(ptrace(PTRACE_SEIZE, old, NULL, NULL), 0);
	atomic_store(&toy.stage->act, TOY_RUN);
	ck_assert(toy_wait(&toy.stage->readies, 2));
	ck_assert(atomic_load(&toy.stage->start[1].without_journal));
	ck_assert(toy_client_write(&client));
	toy_client_turn(&toy, &client);
	pause_ms(50);
	ck_assert_uint_eq(atomic_load(&toy.stage->times[1]), 0);
	/* The disk lets go. */
	ck_assert_int_eq(waitpid(old, NULL, __WALL), old);
	ck_assert(toy_wait(&toy.stage->readies, 3));
	ck_assert(!atomic_load(&toy.stage->start[2].without_journal));
	ck_assert(toy_wait_journal(&toy, &client, 1, 1));
	toy_client_free(&client);
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

START_TEST(bad_rings_and_bad_words_do_no_harm) {
	struct toy_client client;
	pid_t before;

	toy_client_new(&client, 1);
	toy_begin(&toy, TOY_HOSTILE);
	ck_assert(toy_wait(&toy.stage->readies, 1));
	before = toy_engine_pid(&toy);
	ck_assert(toy_client_connect(&toy, &client));
	ck_assert(toy_wait(&toy.stage->rings, 1));
	atomic_store(&toy.stage->act, TOY_LAZY);
	client.reconnects = false;
	(void)kill(before, SIGKILL);
	for (int i = 0; i < 5; ++i)
		ck_assert(toy_client_write(&client));
	ck_assert(toy_wait_journal(&toy, NULL, 1, 5));
	ck_assert_uint_eq(atomic_load(&toy.stage->bad), 0);
	ck_assert_int_eq(waitpid(toy.supervisor, NULL, WNOHANG), 0);
	toy_client_free(&client);
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

START_TEST(a_clean_stop_is_the_engines_own) {
	toy_begin(&toy, TOY_RUN);
	ck_assert(toy_wait(&toy.stage->readies, 1));
	ck_assert_int_eq(toy_end(&toy), 0);
	ck_assert_uint_eq(atomic_load(&toy.stage->stops), 1);
	ck_assert_uint_eq(atomic_load(&toy.stage->starts), 1);
}
END_TEST

START_TEST(an_engine_that_does_not_stop_is_killed) {
	pid_t engine;

	toy.times.stop_ms = 100;
	toy_begin(&toy, TOY_DEAF);
	ck_assert(toy_wait(&toy.stage->readies, 1));
	engine = toy_engine_pid(&toy);
	ck_assert_int_eq(toy_end(&toy), 0);
	ck_assert_int_lt(kill(engine, 0), 0);
	ck_assert_int_eq(errno, ESRCH);
}
END_TEST

START_TEST(a_stop_while_there_is_no_engine_ends_at_once) {
	toy.times.backoff_ms = 1u << 20;
	toy.times.backoff_most_ms = 1u << 20;
	toy_begin(&toy, TOY_EXIT);
	ck_assert(toy_wait(&toy.stage->starts, 1));
	ck_assert_int_eq(toy_end(&toy), 0);
	ck_assert_uint_eq(atomic_load(&toy.stage->starts), 1);
}
END_TEST

START_TEST(no_engine_outlives_its_supervisor) {
	pid_t engine;

	toy_begin(&toy, TOY_DEAF);
	ck_assert(toy_wait(&toy.stage->readies, 1));
	engine = toy_engine_pid(&toy);
	(void)kill(toy.supervisor, SIGKILL);
	ck_assert_int_eq(waitpid(toy.supervisor, NULL, 0), toy.supervisor);
	toy.supervisor = 0;
	for (int i = 0; i < 10000 && kill(engine, 0) == 0; ++i)
		pause_ms(1);
	ck_assert_int_lt(kill(engine, 0), 0);
}
END_TEST

/* Until an engine runs that is not @old. */
static pid_t next_engine(pid_t old) {
	for (int i = 0; i < 20000; ++i) {
		pid_t pid = toy_engine_pid(&toy);

		if (pid != old && pid > 0 && kill(pid, 0) == 0)
			return pid;
		pause_ms(1);
	}
	return 0;
}

/* CC-03, for the way of the rings. */
START_TEST(two_hundred_kills_lose_no_record) {
	struct toy_client client;
	pid_t engine = 0;

	toy_client_new(&client, 1);
	toy_begin(&toy, TOY_RUN);
	srandom(1);
	for (int i = 0; i < 200; ++i) {
		engine = next_engine(engine);
		ck_assert_int_gt(engine, 0);
		for (long n = random() % 8; n > 0; --n) {
			toy_client_turn(&toy, &client);
			(void)toy_client_write(&client);
			if (random() % 2)
				pause_ms(1);
		}
		(void)kill(engine, SIGKILL);
		(void)toy_client_write(&client);
	}
	ck_assert(toy_wait_journal(&toy, &client, 1, client.serial));
	ck_assert_uint_gt(client.serial, 200);
	ck_assert_uint_gt(atomic_load(&toy.stage->from_spool), 0);
	ck_assert_uint_eq(atomic_load(&toy.stage->bad), 0);
	ck_assert_uint_eq(atomic_load(&toy.stage->lost), 0);
	toy_client_free(&client);
	ck_assert_int_eq(toy_end(&toy), 0);
}
END_TEST

static Suite *suite_new(void) {
	Suite *s = suite_create("supervisor");
	TCase *t = tcase_create("supervisor");

	tcase_add_checked_fixture(t, set_up, clean_up);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, readiness_is_told_once_and_not_before_the_engine_is_ready);
	tcase_add_loop_test(t, the_next_engine_learns_how_this_one_died, 0, 3);
	tcase_add_test(t, waits_double_between_restarts_up_to_the_longest);
	tcase_add_test(t, an_engine_that_settled_begins_the_waits_anew);
	tcase_add_test(t, records_written_while_there_is_no_engine_reach_the_next_one);
	tcase_add_test(t, records_of_a_client_that_died_with_the_engine_reach_the_next_one);
	tcase_add_test(t, the_last_words_of_an_engine_are_heard);
	tcase_add_test(t, a_client_that_has_not_come_back_is_still_heard);
	tcase_add_loop_test(t, a_hung_engine_is_drained_around_then_killed_and_replaced, 0, 2);
	tcase_add_test(t, an_engine_that_never_gets_ready_is_replaced);
	tcase_add_test(t,
		       an_engine_that_cannot_die_is_replaced_without_journal_until_it_is_gone);
	tcase_add_test(t, bad_rings_and_bad_words_do_no_harm);
	tcase_add_test(t, a_clean_stop_is_the_engines_own);
	tcase_add_test(t, an_engine_that_does_not_stop_is_killed);
	tcase_add_test(t, a_stop_while_there_is_no_engine_ends_at_once);
	tcase_add_test(t, no_engine_outlives_its_supervisor);
	tcase_add_test(t, two_hundred_kills_lose_no_record);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	SRunner *runner = srunner_create(suite_new());
	int n;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	n = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
