/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying a password in the kept arena, next to Argon2id with memory of its own. */
#include "tests/bench/bench.h"

#include <argon2.h>
#include <string.h>

#include "auth/password.h"
#include "common/cleanup.h"

struct hashing {
	struct arena *arena;
	struct verifier verifier;
};

static const char password[] = "seven quiet green bicycles";

static void hash_plain(const struct verifier *v, uint8_t hash[32]) {
	int r = argon2id_hash_raw(v->cost.passes, v->cost.memory_kib, v->cost.lanes, password,
	                          sizeof(password) - 1, v->salt, sizeof(v->salt), hash, 32);

	bench_must(r == ARGON2_OK, "argon2id_hash_raw");
}

static void run_plain(void *arg, unsigned n) {
	struct hashing *h = arg;
	uint8_t hash[32];

	for (unsigned i = 0; i < n; ++i) {
		hash_plain(&h->verifier, hash);
		bench_keep(hash[0]);
	}
}

static void run_job(void *arg, unsigned n) {
	struct hashing *h = arg;

	for (unsigned i = 0; i < n; ++i) {
		struct password_job job = { .kind = PASSWORD_JOB_VERIFY, .current = h->verifier };

		memcpy(job.candidate.bytes, password, sizeof(password) - 1);
		job.candidate.n = sizeof(password) - 1;
		password_job_run(h->arena, &job);
		bench_must(job.error == 0 && job.matched == PASSWORD_YES, "the password is refused");
	}
}

static void one_cost(struct bench *b, const char *group, const struct argon2_cost *cost,
                     const struct plan *plan) {
	struct hashing h = { .verifier = { .cost = *cost, .salt = { 1, 2, 3 } } };
	const struct contender rows[] = {
		{ .name = "argon2id_hash_raw(), memory of its own", .n = 1, .run = run_plain, .arg = &h },
		{ .name = "password_job_run(), kept and wiped arena", .n = 1, .run = run_job, .arg = &h },
	};

	bench_must(arena_new(cost->memory_kib, &h.arena) == 0, "no arena");
	hash_plain(&h.verifier, h.verifier.hash);
	bench_measure(b, group, true, rows, ARRAY_SIZE(rows), plan);
	h.arena = arena_free(h.arena);
}

void rows_password(struct bench *b) {
	static const struct argon2_cost strong = { 65536, 3, 1 }, light = { 19456, 2, 1 };

	one_cost(b, "password, 64 MiB, 3 passes", &strong, &(struct plan){ 5, 5 });
	one_cost(b, "password, 19 MiB, 2 passes", &light, &(struct plan){ 5, 20 });
}
