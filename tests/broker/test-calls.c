/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the kernel is called for one sign-in by password
 *
 * A number of calls is the same on a busy machine, so this may fail by it.
 */
#undef NDEBUG

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/broker/run.h"

#define CALLS_MAX 200u /* of the engine and the caller together                         */

/* strace on the engine and on this process. Return: its pid; 0: it cannot trace here. */
static pid_t trace_start(pid_t engine, const char *file) {
	char engine_text[16], own_text[16], byte = 0;
	pid_t own = getpid(), pid;
	int pipes[2];

	(void)snprintf(engine_text, sizeof(engine_text), "%d", (int)engine);
	(void)snprintf(own_text, sizeof(own_text), "%d", (int)own);
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)dup2(pipes[1], 2);
		(void)execlp("strace", "strace", "-f", "-o", file, "-p", engine_text, "-p",
		             own_text, (char *)NULL);
		_exit(127);
	}
	(void)close(pipes[1]);
	/* It says "attached" once for each of the two. */
	for (int lines = 0; lines < 2;) {
		if (read(pipes[0], &byte, 1) != 1) {
			(void)waitpid(pid, NULL, 0);
			(void)close(pipes[0]);
			return 0;
		}
		lines += byte == '\n';
	}
	return pid; /* the pipe stays open: strace may say more */
}

/* Calls that were begun; what was cut in two is one. */
static unsigned count_calls(const char *file, bool print) {
	cleanup_(close_filep) FILE *f = fopen(file, "re");
	unsigned n = 0, n_syncs = 0;
	char line[512];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		bool is_call = strchr(line, '(') && !strstr(line, " resumed>") &&
		               !strstr(line, "+++") && !strstr(line, "---");

		n += is_call;
		n_syncs += is_call && strstr(line, "sync(");
		if (print)
			printf("# %.100s\n", line);
	}
	printf("# %u calls, %u of them syncs\n", n, n_syncs);
	ck_assert_msg(n_syncs >= 2, "try and outcome are durable, and there were %u syncs", n_syncs);
	return n;
}

START_TEST(a_sign_in_by_password_calls_the_kernel_at_most_200_times) {
	char recovery[64], file[160];
	static struct caller service, seat;
	unsigned n;
	pid_t pid;

	if (!TEST_HAS_FILTER) {
		printf("# SKIPPED: a sanitizer makes calls of its own\n");
		return;
	}
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	caller_sign_in(&service, "anna");
	caller_open(&seat, &world, "main");
	world_add(&service, &seat, "nina", "nurse");
	caller_close(&service);
	/* Once before, so that nothing is done for the first time. */
	caller_sign_in(&seat, "nina");
	ck_assert_uint_eq(caller_call(&seat, "sign-out"), RESULT_OK);

	(void)snprintf(file, sizeof(file), "%s/trace", world.dir);
	pid = trace_start(world_engine(&world), file);
	if (pid == 0) {
		printf("# SKIPPED: strace is not there, or cannot trace here\n");
		fprintf(stderr, "SKIPPED: strace is not there, or cannot trace here\n");
		return;
	}
	caller_sign_in(&seat, "nina");
	ck_assert_int_eq(kill(pid, SIGINT), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	n = count_calls(file, false);
	if (n > CALLS_MAX)
		(void)count_calls(file, true);
	ck_assert_msg(n <= CALLS_MAX, "%u calls, at most %u", n, CALLS_MAX);
	ck_assert_uint_gt(n, 20);
	ck_assert_int_eq(unlink(file), 0);
	caller_close(&seat);
}
END_TEST

int main(void) {
	const TTest *const tests[] = { a_sign_in_by_password_calls_the_kernel_at_most_200_times };

	return run_tests("calls", tests, ARRAY_SIZE(tests));
}
