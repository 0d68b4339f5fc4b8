/* SPDX-License-Identifier: Apache-2.0 */
/* A sign-in by password, next to its hash: the same parameters, each in a kept arena. */
#include "tests/bench/bench.h"

#include <string.h>
#include <time.h>

#include "auth/password.h"
#include "common/cleanup.h"
#include "tests/bench/device.h"

#define GROUP "a sign-in by password, 19 MiB, 2 passes"

struct signing {
	struct device device;
	struct caller seat;
	struct arena *arena;
	struct verifier verifier;
};

static void run_hash(void *arg, unsigned n) {
	struct signing *s = arg;

	for (unsigned i = 0; i < n; ++i) {
		struct password_job job = { .kind = PASSWORD_JOB_VERIFY, .current = s->verifier };

		memcpy(job.candidate.bytes, STAFF_PASSWORD, sizeof(STAFF_PASSWORD) - 1);
		job.candidate.n = sizeof(STAFF_PASSWORD) - 1;
		password_job_run(s->arena, &job);
		bench_must(job.error == 0, "the hash fails");
		bench_keep(job.matched == PASSWORD_YES);
	}
}

/* From the first request to the session: the try and its outcome durable before it. */
static void run_sign_in(void *arg, unsigned n) {
	struct signing *s = arg;

	for (unsigned i = 0; i < n; ++i)
		caller_sign_in(&s->seat, DEVICE_NURSE);
}

/* The same two in time of a processor, which others who want it do not change. */

static uint64_t clock_ns(clockid_t clock) {
	struct timespec ts;

	bench_must(clock_gettime(clock, &ts) == 0, "clock_gettime");
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t processor_hash(void *arg) {
	uint64_t begin = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	run_hash(arg, 1);
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin;
}

static uint64_t processor_sign_in(void *arg) {
	struct signing *s = arg;
	uint64_t begin;
	clockid_t clock;

	bench_must(clock_getcpuclockid(world_engine(&s->device.world), &clock) == 0, "no clock");
	begin = clock_ns(clock);
	run_sign_in(arg, 1);
	return clock_ns(clock) - begin;
}

static void sign_out(void *arg) {
	struct signing *s = arg;

	bench_must(caller_call(&s->seat, "sign-out") == RESULT_OK, "sign-out");
}

void rows_sign_in(struct bench *b) {
	static struct signing s = { .verifier = { .cost = { 19456, 2, 1 }, .salt = { 1, 2, 3 } } };
	const struct contender rows[] = {
		{ .name = "password_job_run(), the bare hash", .n = 1, .run = run_hash, .arg = &s },
		{ .name = "sign-in by the broker, to the session",
		  .n = 1,
		  .run = run_sign_in,
		  .after = sign_out,
		  .arg = &s,
		  .note = "two durable records" },
	};
	const struct contender processor[] = {
		{ .name = "password_job_run(), the bare hash", .timed = processor_hash, .arg = &s },
		{ .name = "all threads of the engine",
		  .timed = processor_sign_in,
		  .after = sign_out,
		  .arg = &s },
	};
	const char *why = device_start(b, &s.device);

	if (why) {
		bench_skip(b, GROUP, rows[1].name, why);
		return;
	}
	bench_must(arena_new(s.verifier.cost.memory_kib, &s.arena) == 0, "no arena");
	caller_open(&s.seat, &s.device.world, "main");
	bench_measure(b, GROUP, true, rows, ARRAY_SIZE(rows), &(struct plan){ 5, 20 });
	bench_skip(b, GROUP, "peer: pam_unix with faillock", "changes the accounts of the machine");
	bench_measure(b, "the same, time of a processor", true, processor, ARRAY_SIZE(processor),
	              &(struct plan){ 5, 10 });
	caller_close(&s.seat);
	s.arena = arena_free(s.arena);
	device_stop(&s.device);
}
