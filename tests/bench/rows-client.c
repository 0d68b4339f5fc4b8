/* SPDX-License-Identifier: Apache-2.0 */
/* What the client library costs a user interface that starts: time and memory. */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/bench/device.h"

#define GROUP "a user interface starts"

struct start {
	struct device device;
	char socket[128];
	char uid[16];
	long kib; /* resident, of the last one */
};

/* Starts a program and reads what it prints. Return: what it printed, in @ret_text. */
static void spawn(char *const argv[], char *ret_text, size_t n) {
	static char *const environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	int pipes[2], status = 0;
	ssize_t got;
	pid_t pid;

	bench_must(pipe2(pipes, O_CLOEXEC) == 0 && posix_spawn_file_actions_init(&actions) == 0 &&
	                   posix_spawn_file_actions_adddup2(&actions, pipes[1], 1) == 0,
	           "no pipe");
	bench_must(posix_spawn(&pid, argv[0], &actions, NULL, argv, environment) == 0, "spawn");
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipes[1]);
	got = read(pipes[0], ret_text, n - 1);
	ret_text[got > 0 ? got : 0] = 0;
	(void)close(pipes[0]);
	bench_must(waitpid(pid, &status, 0) == pid && status == 0, "the program that was started failed");
}

/* A process that does nothing: what the kernel and the loader ask for. */
static uint64_t time_true(void *arg) {
	static char name[] = "/bin/true";
	char *const argv[] = { name, NULL };
	uint64_t begin = bench_ns();
	char text[8];

	spawn(argv, text, sizeof(text));
	return bench_ns() - begin;
}

static uint64_t time_open(void *arg) {
	static char program[] = TEST_MAPPED;
	struct start *s = arg;
	char since[32], text[64];
	char *const argv[] = { program, s->socket, s->uid, since, NULL };
	long long us = 0;

	(void)snprintf(since, sizeof(since), "%llu", (unsigned long long)(bench_ns() / 1000));
	spawn(argv, text, sizeof(text));
	bench_must(sscanf(text, "%lld %ld", &us, &s->kib) == 2, "it said something else");
	return (uint64_t)us * 1000u;
}

void rows_client(struct bench *b) {
	static struct start s; /* outlives exit() */
	static char note[64];
	const char *why = device_start(b, &s.device);
	const struct contender rows[] = {
		{ .name = "a process that does nothing: start to end", .timed = time_true, .arg = &s },
		{ .name = "a process that opens its seat: start to greeting",
		  .timed = time_open,
		  .arg = &s,
		  .note = note },
	};

	if (why) {
		bench_skip(b, GROUP, rows[1].name, why);
		return;
	}
	(void)snprintf(s.socket, sizeof(s.socket), "%s/run/main", s.device.place);
	(void)snprintf(s.uid, sizeof(s.uid), "%u",
	               world_has_two_uids() ? BROKER_UID : (unsigned)geteuid());
	(void)time_open(&s);
	(void)snprintf(note, sizeof(note), "%ld KiB resident for the library", s.kib);
	bench_measure(b, GROUP, true, rows, ARRAY_SIZE(rows), &(struct plan){ 5, 30 });
	device_stop(&s.device);
}
