/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are killed, stopped, late, or have nothing left to work with. */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/strike.h"

#define RESTART_MS 100

static struct shim_side *broker(struct cell *cell) {
	return &cell->shim->side[SHIM_BROKER];
}

void strike_running(struct cell *cell) {
	broker_up(cell);
	cell->engine = world_engine(&cell->w);
}

const char *strike_memory(struct cell *cell) {
	broker(cell)->n_alloc = 0;
	broker(cell)->alloc_n = (uint32_t)cell->fault->argument;
	broker(cell)->alloc_first = cell->variant + 1;
	return NULL;
}

void heal_memory(struct cell *cell) {
	broker(cell)->alloc_first = 0;
}

uint64_t struck_memory(struct cell *cell) {
	return broker(cell)->n_alloc_failed;
}

/* The lowest descriptor that is free. */
static unsigned first_free(pid_t pid) {
	char path[64], target[8];
	unsigned fd = 0;

	do {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)pid, fd);
	} while (readlink(path, target, sizeof(target)) > 0 && ++fd < 4096);
	return fd;
}

/* As that process's own user may: who is root here need not have every right. */
static void limit_one(pid_t pid, bool none) {
	unsigned fd = first_free(pid);
	struct rlimit now;
	pid_t child = fork();

	if (child == 0) {
		if (setresgid(BROKER_UID, BROKER_UID, BROKER_UID) < 0 ||
		    setresuid(BROKER_UID, BROKER_UID, BROKER_UID) < 0 ||
		    prlimit(pid, RLIMIT_NOFILE, NULL, &now) < 0)
			_exit(1);
		now.rlim_cur = none ? fd : now.rlim_max;
		_exit(prlimit(pid, RLIMIT_NOFILE, &now, NULL) < 0);
	}
	(void)waitpid(child, NULL, 0);
}

/* Every process of the broker: no descriptor more, or as many as it may have at most. */
static void limit_files(struct cell *cell, bool none) {
	char path[64];
	int pid = (int)cell->w.pid;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	do {
		limit_one(pid, none);
	} while (f && fscanf(f, "%d", &pid) == 1);
	if (f)
		(void)fclose(f);
}

const char *strike_files(struct cell *cell) {
	strike_running(cell);
	limit_files(cell, true);
	return NULL;
}

void heal_files(struct cell *cell) {
	limit_files(cell, false);
}

uint64_t struck_files(struct cell *cell) {
	return broker(cell)->n_no_file;
}

const char *strike_killed(struct cell *cell) {
	strike_running(cell);
	ck_assert_int_eq(kill(cell->engine, SIGKILL), 0);
	return NULL;
}

void heal_killed(struct cell *cell) {
}

/* It is gone, and another one is there. */
uint64_t struck_killed(struct cell *cell) {
	return kill(cell->engine, 0) < 0 && world_engine(&cell->w) != cell->engine;
}

const char *strike_stopped(struct cell *cell) {
	strike_running(cell);
	ck_assert_int_eq(kill(cell->engine, SIGSTOP), 0);
	return NULL;
}

void heal_stopped(struct cell *cell) {
	(void)kill(cell->engine, SIGCONT);
}

/* It is stopped, or was killed for being so. */
uint64_t struck_stopped(struct cell *cell) {
	char path[64], state = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)cell->engine);
	f = fopen(path, "re");
	if (!f)
		return 1;
	(void)!fscanf(f, "%*d (%*[^)]) %c", &state);
	(void)fclose(f);
	return state == 'T';
}

const char *strike_loops(struct cell *cell) {
	bool runs = cell->w.pid > 0;

	broker(cell)->spin = 1;
	/* What it had begun when it was told is done first. */
	for (int i = 0; runs && broker(cell)->n_spin == 0 && i < 1000; ++i)
		(void)usleep(10000);
	return NULL;
}

void heal_loops(struct cell *cell) {
	broker(cell)->spin = 0;
}

uint64_t struck_loops(struct cell *cell) {
	return broker(cell)->n_spin > 0;
}

const char *strike_late(struct cell *cell) {
	broker(cell)->late_ms = (uint32_t)cell->fault->argument;
	return NULL;
}

void heal_late(struct cell *cell) {
	broker(cell)->late_ms = 0;
}

uint64_t struck_late(struct cell *cell) {
	return broker(cell)->n_late;
}

/* The supervisor's newest child, whatever it is at, is killed again and again. */
static void kill_for_ever(struct cell *cell) {
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		char path[64];
		int child = 0, last = 0;
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)cell->w.pid,
		               (int)cell->w.pid);
		f = fopen(path, "re");
		while (f && fscanf(f, "%d", &child) == 1)
			last = child;
		if (f)
			(void)fclose(f);
		if (last > 0 && kill(last, SIGKILL) == 0)
			++cell->shim->n_killed;
		(void)usleep(RESTART_MS * 1000);
	}
}

const char *strike_restarts(struct cell *cell) {
	strike_running(cell);
	cell->helper = fork();
	ck_assert_int_ge(cell->helper, 0);
	if (cell->helper == 0)
		kill_for_ever(cell);
	return NULL;
}

void heal_restarts(struct cell *cell) {
	(void)kill(cell->helper, SIGKILL);
	(void)waitpid(cell->helper, NULL, 0);
}

uint64_t struck_restarts(struct cell *cell) {
	return cell->shim->n_killed;
}

const char *strike_all_killed(struct cell *cell) {
	strike_running(cell);
	world_kill(&cell->w);
	cell->is_down = true;
	return NULL;
}

void heal_all_killed(struct cell *cell) {
	cell->is_down = false;
}

uint64_t struck_all_killed(struct cell *cell) {
	(void)waitpid(cell->engine, NULL, WNOHANG); /* ours by now: we are the first process */
	return kill(cell->engine, 0) < 0;
}
