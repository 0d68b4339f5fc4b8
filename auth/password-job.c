/* SPDX-License-Identifier: Apache-2.0 */

#include <argon2.h>
#include <errno.h>

#include "auth/password-arena.h"
#include "auth/password.h"
#include "auth/stack.h"
#include "common/cleanup.h"

_Static_assert(PASSWORD_YES != 0, "zeroed memory is no");

/* Argon2's allocator takes no user data: the arena of this thread's hash stands here. */
static _Thread_local struct arena *arena_in_use;

static int arena_give(uint8_t **ret_memory, size_t n) {
	struct arena *arena = arena_in_use;

	if (!arena || n == 0 || n > arena->size)
		return -1;
	arena->dirty = n > arena->dirty ? n : arena->dirty;
	*ret_memory = arena->block;
	return 0;
}

static void arena_take_back(uint8_t *memory, size_t n) {
	(void)memory; /* stays; password_job_run() wipes it */
	(void)n;
}

static bool cost_is_sane(const struct argon2_cost *cost) {
	return cost->lanes == 1 && cost->passes >= 1 && cost->passes <= 1000 &&
	       cost->memory_kib >= 8;
}

/* One fill. Return: 0; -ENOMEM (more than the arena); -EIO (cost, or argon2 failed). */
static int hash_once(struct arena *arena, const struct secret *candidate,
                     const struct argon2_cost *cost, const uint8_t salt[static 16],
                     uint8_t ret_hash[static 32]) {
	/* Argon2 wipes what it is given, so it is given a copy. */
	cleanup_(secret_wipe) struct secret password = *candidate;
	uint8_t salt_copy[16];
	argon2_context context = {
		.out = ret_hash,
		.outlen = 32,
		.pwd = password.bytes,
		.pwdlen = (uint32_t)password.n,
		.salt = salt_copy,
		.saltlen = sizeof(salt_copy),
		.t_cost = cost->passes,
		.m_cost = cost->memory_kib,
		.lanes = cost->lanes,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.allocate_cbk = arena_give,
		.free_cbk = arena_take_back,
		.flags = ARGON2_FLAG_CLEAR_PASSWORD,
	};
	int r;

	if (!cost_is_sane(cost))
		return -EIO;
	if ((size_t)cost->memory_kib * 1024 > arena->size)
		return -ENOMEM;

	memcpy(salt_copy, salt, sizeof(salt_copy));
	arena_in_use = arena;
	r = argon2id_ctx(&context);
	arena_in_use = NULL;
	if (r == ARGON2_OK)
		return 0;
	return r == ARGON2_MEMORY_ALLOCATION_ERROR ? -ENOMEM : -EIO;
}

/* Return: 1 when the candidate is the verifier's password, 0 when not, or an error. */
static int matches(struct arena *arena, const struct secret *candidate,
                   const struct verifier *verifier) {
	uint8_t hash[32] = { 0 };
	int r = hash_once(arena, candidate, &verifier->cost, verifier->salt, hash);

	if (r == 0)
		r = equal_32(hash, verifier->hash) ? 1 : 0;
	explicit_bzero(hash, sizeof(hash));
	return r;
}

static int make(struct arena *arena, struct password_job *job) {
	struct verifier made = { .cost = job->cost };
	int r;

	memcpy(made.salt, job->salt, sizeof(made.salt));
	r = hash_once(arena, &job->candidate, &made.cost, made.salt, made.hash);
	if (r == 0) {
		job->made = made;
		job->is_made = PASSWORD_YES;
	}
	explicit_bzero(&made, sizeof(made));
	return r;
}

static int run_verify(struct arena *arena, struct password_job *job) {
	int r = matches(arena, &job->candidate, &job->current);

	if (r < 0)
		return r;
	if (r != 1)
		return 0;
	job->matched = PASSWORD_YES;

	/* A re-hash that fails takes nothing away from a password that was right. */
	if (job->rehash)
		(void)make(arena, job);
	return 0;
}

static int run_change(struct arena *arena, struct password_job *job) {
	if (job->n_history > ARRAY_SIZE(job->history))
		return -EIO;

	for (uint32_t i = 0; i < job->n_history; ++i) {
		int r = matches(arena, &job->candidate, &job->history[i]);

		if (r < 0)
			return r;
		if (r == 1) {
			job->matched = PASSWORD_YES;
			return 0;
		}
	}
	return make(arena, job);
}

static int run_make(struct arena *arena, struct password_job *job) {
	return make(arena, job);
}

static int (*const runs[])(struct arena *arena, struct password_job *job) = {
	[PASSWORD_JOB_VERIFY] = run_verify,
	[PASSWORD_JOB_CHANGE] = run_change,
	[PASSWORD_JOB_MAKE] = run_make,
};

static void job_clear_results(struct password_job *job) {
	job->error = 0;
	job->matched = 0;
	job->is_made = 0;
	explicit_bzero(&job->made, sizeof(job->made));
}

static int job_run(struct arena *arena, struct password_job *job) {
	int r;

	if ((unsigned)job->kind >= ARRAY_SIZE(runs) || !runs[job->kind])
		return -EIO;
	if (job->candidate.n == 0 || job->candidate.n > SECRET_MAX)
		return -EIO;
	if (!arena || atomic_flag_test_and_set(&arena->taken))
		return -ENOMEM;

	r = runs[job->kind](arena, job);
	arena_wipe(arena);
	stack_wipe();
	atomic_flag_clear(&arena->taken);
	return r;
}

/*
 * password_job_run() - run one job in the caller's thread
 * @arena:  not used by another job at the same time: that job gets -ENOMEM
 * @job:    kind, candidate (prepared, not empty) and what the kind needs;
 *          results and error are written, the candidate is wiped
 *
 * job->error: 0; -ENOMEM (no arena, it is taken, or the cost is larger than
 * it); -EIO (an unknown kind, an empty candidate, a cost out of range, or
 * argon2 failed). With an error nothing matched and nothing was made. A re-hash
 * that failed is no error: the password matched, and is_made stays 0.
 */
void password_job_run(struct arena *arena, struct password_job *job) {
	int r;

	job_clear_results(job);
	r = job_run(arena, job);
	if (r < 0) {
		job_clear_results(job);
		job->error = r;
	}
	secret_wipe(&job->candidate);
}

/*
 * The constant is nobody's verifier: it is not the hash of anything that was
 * ever hashed, so to find a password for it is to break Argon2id.
 */
void password_dummy(const struct argon2_cost *cost, struct verifier *ret_verifier) {
	static const char salt[17] = "careward.dummy.1";
	static const char hash[33] = "no password has this as its hash";

	*ret_verifier = (struct verifier){ .cost = *cost };
	memcpy(ret_verifier->salt, salt, sizeof(ret_verifier->salt));
	memcpy(ret_verifier->hash, hash, sizeof(ret_verifier->hash));
}
