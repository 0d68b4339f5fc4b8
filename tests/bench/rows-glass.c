/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Break-glass: until care is open in the process, until another process of the
 * seat sees it, until it is durable
 */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/bench/device.h"
#include "wire/ring.h"

#define PROCESS "break-glass in the process"
#define BEYOND "break-glass beyond the process"
#define RECORD 512u
#define FLOOR_SIZE (4u << 20)

struct glass {
	struct device device;
	pid_t engine;
	struct cw *cw;       /* at the seat                                            */
	struct cw *alone;    /* nobody listens                                         */
	struct cw *full;     /* nobody listens, and its ring is full                   */
	unsigned n_alone;
	uint8_t id[16];
	uint8_t record[RECORD];
	int fd;              /* floor                                                  */
	off_t at;
	pid_t other;         /* the other process                                      */
	int stamps;          /* what it saw, and when                                  */
};

static void press(struct cw *cw, uint8_t id[16]) {
	bench_must(cw_break_glass(cw, NULL, id, NULL) == 0, "cw_break_glass");
}

static void must_be_open(struct cw *cw) {
	bench_must(cw_check(cw, ACT_START, NULL) == CW_ALLOW, "care is not open in an emergency");
}

static void run_copy(void *arg, unsigned n) {
	struct glass *g = arg;
	static uint8_t to[64][RECORD];

	for (unsigned i = 0; i < n; ++i) {
		g->record[0] = (uint8_t)i;
		memcpy(to[i & 63u], g->record, RECORD);
		bench_keep(to[i & 63u][0]);
	}
}

/* Alive. */

static void run_alive(void *arg, unsigned n) {
	struct glass *g = arg;

	press(g->cw, g->id);
}

static void end_alive(void *arg) {
	struct glass *g = arg;

	must_be_open(g->cw);
	bench_must(cw_break_glass_end(g->cw, g->id) == 0, "cw_break_glass_end");
	client_settle(g->cw);
}

/* Stopped: it reads nothing, and its socket still takes what is sent. */

static void stop_engine(void *arg) {
	struct glass *g = arg;

	device_freeze(g->engine, true);
}

static void end_stopped(void *arg) {
	struct glass *g = arg;

	must_be_open(g->cw);
	device_freeze(g->engine, false);
	end_alive(arg);
}

/* Absent: nothing is ever taken out of the ring, so a new one is taken before it is full. */

static void open_alone(void *arg) {
	struct glass *g = arg;

	if (g->n_alone++ % 100 == 0) {
		g->alone = cw_close(g->alone);
		g->alone = client_open(NULL);
	}
}

static void run_alone(void *arg, unsigned n) {
	struct glass *g = arg;

	press(g->alone, g->id);
}

static void end_alone(void *arg) {
	struct glass *g = arg;
	struct cw_event event = { .size = sizeof(event) };

	must_be_open(g->alone);
	bench_must(cw_break_glass_end(g->alone, g->id) == 0, "cw_break_glass_end");
	(void)cw_dispatch(g->alone);
	while (cw_next_event(g->alone, &event) == 1)
		;
}

static void run_full(void *arg, unsigned n) {
	struct glass *g = arg;

	press(g->full, g->id);
}

static void end_full(void *arg) {
	struct glass *g = arg;
	struct cw_event event = { .size = sizeof(event) };

	must_be_open(g->full);
	bench_must(cw_break_glass_end(g->full, g->id) == 0, "cw_break_glass_end");
	(void)cw_dispatch(g->full);
	while (cw_next_event(g->full, &event) == 1)
		;
}

static void fill_ring(struct glass *g) {
	for (unsigned i = 0; i <= LIMIT_RING_RECORDS / 2; ++i) {
		press(g->full, g->id);
		end_full(g);
	}
}

/* Beyond the process. */

static uint64_t time_floor(void *arg) {
	struct glass *g = arg;
	uint64_t begin = bench_ns();

	if (g->at + (off_t)RECORD > (off_t)FLOOR_SIZE)
		g->at = 0;
	bench_must(pwrite(g->fd, g->record, RECORD, g->at) == RECORD && fdatasync(g->fd) == 0,
	           "fdatasync");
	g->at += RECORD;
	return bench_ns() - begin;
}

static void floor_make(struct bench *b, struct glass *g) {
	static const uint8_t zeros[65536];
	char path[320];

	(void)snprintf(path, sizeof(path), "%s/glass-floor", b->dir);
	g->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bench_must(g->fd >= 0, "no file can be made");
	for (unsigned n = 0; n < FLOOR_SIZE; n += sizeof(zeros))
		bench_must(write(g->fd, zeros, sizeof(zeros)) == sizeof(zeros), "write");
	bench_must(fsync(g->fd) == 0, "fsync");
}

/* The other process: another window of the same seat. It says when care opens and closes. */
static _Noreturn void other_main(struct glass *g, int out) {
	struct cw_event event = { .size = sizeof(event) };
	bool was_open = false;
	struct cw *cw = NULL;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	cw = client_open(&g->device);
	for (;;) {
		bool is_open = cw_check(cw, ACT_START, NULL) == CW_ALLOW;
		uint64_t now = bench_ns();

		if (is_open != was_open && write(out, &now, sizeof(now)) != sizeof(now))
			_exit(1);
		was_open = is_open;
		client_turn(cw, 1000);
		while (cw_next_event(cw, &event) == 1)
			;
	}
}

static void other_start(struct glass *g) {
	int pipes[2];

	bench_must(pipe2(pipes, O_CLOEXEC) == 0, "pipe2");
	g->other = fork();
	bench_must(g->other >= 0, "fork");
	if (g->other == 0)
		other_main(g, pipes[1]);
	(void)close(pipes[1]);
	g->stamps = pipes[0];
}

static void other_stop(struct glass *g) {
	(void)kill(g->other, SIGKILL);
	(void)waitpid(g->other, NULL, 0);
	(void)close(g->stamps);
}

static uint64_t other_stamp(struct glass *g) {
	struct pollfd p = { .fd = g->stamps, .events = POLLIN };
	uint64_t at = 0;

	bench_must(poll(&p, 1, 10000) == 1 && read(g->stamps, &at, sizeof(at)) == sizeof(at),
	           "the other process did not see it");
	return at;
}

static uint64_t time_seen(void *arg) {
	struct glass *g = arg;
	uint64_t begin = bench_ns();

	press(g->cw, g->id);
	return other_stamp(g) - begin;
}

static uint64_t time_recorded(void *arg) {
	struct glass *g = arg;
	struct cw_event event = { .size = sizeof(event) };
	uint64_t begin = bench_ns(), end;

	press(g->cw, g->id);
	client_wait(g->cw, CW_EVENT_EMERGENCY_RECORDED, &event);
	end = bench_ns();
	(void)other_stamp(g);
	return end - begin;
}

/* Ended for the other process, too. */
static void end_seen(void *arg) {
	struct glass *g = arg;

	end_alive(arg);
	(void)other_stamp(g);
}

static void rows_process(struct bench *b, struct glass *g, const char *why) {
	const struct contender rows[] = {
		{ .name = "memcpy() of 512 bytes", .n = 64, .run = run_copy, .arg = g },
		{ .name = "cw_break_glass(), no broker",
		  .n = 1,
		  .before = open_alone,
		  .run = run_alone,
		  .after = end_alone,
		  .arg = g },
		{ .name = "cw_break_glass(), no broker, ring full",
		  .n = 1,
		  .run = run_full,
		  .after = end_full,
		  .arg = g },
		{ .name = "cw_break_glass(), broker alive",
		  .n = 1,
		  .run = run_alive,
		  .after = end_alive,
		  .arg = g },
		{ .name = "cw_break_glass(), engine stopped",
		  .n = 1,
		  .before = stop_engine,
		  .run = run_alive,
		  .after = end_stopped,
		  .arg = g },
	};

	bench_measure(b, PROCESS, true, rows, ARRAY_SIZE(rows) - (why ? 2 : 0),
	              &(struct plan){ 5, 60 });
	for (unsigned i = 3; why && i < ARRAY_SIZE(rows); ++i)
		bench_skip(b, PROCESS, rows[i].name, why);
}

static void rows_beyond(struct bench *b, struct glass *g) {
	const struct contender rows[] = {
		{ .name = "pwrite() and fdatasync() of 512 bytes", .timed = time_floor, .arg = g },
		{ .name = "seen by another process: its event, cw_check()",
		  .timed = time_seen,
		  .after = end_seen,
		  .arg = g },
		{ .name = "durable: event `recorded`",
		  .timed = time_recorded,
		  .after = end_seen,
		  .arg = g },
	};

	other_start(g);
	/* It has greeted and seen a closed seat as soon as it sees this one open. */
	press(g->cw, g->id);
	(void)other_stamp(g);
	end_seen(g);
	bench_measure(b, BEYOND, true, rows, ARRAY_SIZE(rows), &(struct plan){ 5, 40 });
	other_stop(g);
}

void rows_glass(struct bench *b) {
	static struct glass g; /* outlives exit() */
	const char *why = device_start(b, &g.device);

	g.full = client_open(NULL);
	fill_ring(&g);
	floor_make(b, &g);
	if (!why) {
		g.engine = world_engine(&g.device.world);
		g.cw = client_open(&g.device);
	}
	rows_process(b, &g, why);
	if (why) {
		bench_skip(b, BEYOND, "seen by another process", why);
		bench_skip(b, BEYOND, "durable", why);
	} else {
		rows_beyond(b, &g);
		g.cw = cw_close(g.cw);
		device_stop(&g.device);
	}
	g.alone = cw_close(g.alone);
	g.full = cw_close(g.full);
	(void)close(g.fd);
}
