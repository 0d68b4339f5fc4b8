/* SPDX-License-Identifier: Apache-2.0 */

/* Hashing: who matches, what it costs, what is left behind. */

#include <argon2.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "auth/password-arena.h"
#include "auth/password.h"
#include "common/cleanup.h"
#include "tests/auth/device.h"
#include "tests/auth/memory.h"

#define COST_KIB 256u

/* Every call of argon2id_ctx() goes through here: counted, and made to fail. */
static unsigned n_fills;
static uint64_t n_fill_blocks;
static unsigned fail_at; /* the n-th fill; 0: none */
static int fail_with;

int __real_argon2id_ctx(argon2_context *context);
int __wrap_argon2id_ctx(argon2_context *context);
int __wrap_argon2id_ctx(argon2_context *context) {
	++n_fills;
	n_fill_blocks += (uint64_t)context->m_cost * context->t_cost;
	if (fail_at != 0 && n_fills == fail_at) {
		uint8_t *block = NULL;

		/* Fails after it has begun to work in the arena. */
		if (context->allocate_cbk(&block, COST_KIB * 1024) == 0)
			memset(block, 0xee, COST_KIB * 1024);
		return fail_with;
	}
	return __real_argon2id_ctx(context);
}

static struct arena *arena;
static const struct argon2_cost cost = { .memory_kib = COST_KIB, .passes = 2, .lanes = 1 };
static const struct argon2_cost dearer = { .memory_kib = 2 * COST_KIB, .passes = 3, .lanes = 1 };

static void set_up(void) {
	ck_assert_int_eq(arena_new(1024, &arena), 0);
	n_fills = 0;
	n_fill_blocks = 0;
	fail_at = 0;
}

static void tear_down(void) {
	arena = arena_free(arena);
}

static bool arena_is_clean(void) {
	uint8_t any = 0;

	for (size_t i = 0; i < arena->size; ++i)
		any |= arena->block[i];
	return any == 0;
}

static struct secret secret_of(const char *text) {
	struct secret secret = { 0 };

	ck_assert(secret_set(&secret, text, strlen(text)));
	return secret;
}

static struct verifier verifier_of(const char *text, const struct argon2_cost *at) {
	struct password_job job = { .kind = PASSWORD_JOB_MAKE, .cost = *at, .salt = { 1, 2, 3 } };

	job.candidate = secret_of(text);
	password_job_run(arena, &job);
	ck_assert_int_eq(job.error, 0);
	ck_assert_uint_eq(job.is_made, PASSWORD_YES);
	return job.made;
}

static struct password_job verify_job(const char *text, const struct verifier *verifier) {
	struct password_job job = { .kind = PASSWORD_JOB_VERIFY, .current = *verifier };

	job.candidate = secret_of(text);
	return job;
}

static const struct {
	const char *why;
	const char *typed;
	uint32_t expect;
} tries[] = {
	{ "the right password", "Correct-Horse-7", PASSWORD_YES },
	{ "PW-05 a prefix", "Correct-Horse-", 0 },
	{ "PW-05 one letter more", "Correct-Horse-77", 0 },
	{ "PW-05 the same first letters", "Correct-Horse-8", 0 },
	{ "PW-06 another case", "correct-horse-7", 0 },
	{ "another one", "x", 0 },
};

START_TEST(only_the_password_matches) {
	struct verifier verifier = verifier_of("Correct-Horse-7", &cost);
	struct password_job job = verify_job(tries[_i].typed, &verifier);

	password_job_run(arena, &job);
	ck_assert_msg(job.error == 0 && job.matched == tries[_i].expect, "%s: error %d, matched %x",
		      tries[_i].why, job.error, job.matched);
	ck_assert_uint_eq(job.is_made, 0);
}
END_TEST

START_TEST(the_hash_is_argon2id_of_rfc_9106) {
	struct password_job job = { .kind = PASSWORD_JOB_MAKE, .cost = cost };
	uint8_t expect[32];

	memcpy(job.salt, "0123456789abcdef", 16);
	job.candidate = secret_of("vector");
	password_job_run(arena, &job);
	ck_assert_int_eq(
		argon2id_hash_raw(2, COST_KIB, 1, "vector", 6, "0123456789abcdef", 16, expect, 32),
		ARGON2_OK);
	ck_assert_mem_eq(job.made.hash, expect, 32);
}
END_TEST

START_TEST(PW_01_zeroes_and_the_dummy_match_nothing) {
	static const char *const typed[] = { "a", "password", "careward" };
	struct verifier dummy;
	struct verifier zeroes = { 0 };

	password_dummy(&cost, &dummy);
	for (size_t i = 0; i < ARRAY_SIZE(typed); ++i) {
		struct password_job job = verify_job(typed[i], &dummy);

		password_job_run(arena, &job);
		ck_assert_int_eq(job.error, 0);
		ck_assert_uint_eq(job.matched, 0);
		job = verify_job(typed[i], &zeroes);
		password_job_run(arena, &job);
		ck_assert_int_eq(job.error, -EIO);
		ck_assert_uint_eq(job.matched, 0);
	}
}
END_TEST

START_TEST(PW_02_an_empty_candidate_is_never_hashed) {
	struct verifier verifier = verifier_of("something", &cost);
	enum password_job_kind kinds[] = { PASSWORD_JOB_VERIFY, PASSWORD_JOB_CHANGE,
					   PASSWORD_JOB_MAKE };

	n_fills = 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); ++i) {
		struct password_job job = verify_job("", &verifier);

		job.kind = kinds[i];
		job.cost = cost;
		password_job_run(arena, &job);
		ck_assert_int_eq(job.error, -EIO);
		ck_assert_uint_eq(job.matched | job.is_made, 0);
	}
	ck_assert_uint_eq(n_fills, 0);
}
END_TEST

START_TEST(PW_03_the_unknown_cost_the_same_fills) {
	struct verifier verifier = verifier_of("Correct-Horse-7", &cost);
	struct verifier dummy;
	struct password_job job;
	uint64_t known;

	n_fills = 0;
	n_fill_blocks = 0;
	job = verify_job("wrong-wrong-wrong", &verifier);
	password_job_run(arena, &job);
	ck_assert_uint_eq(n_fills, 1);
	known = n_fill_blocks;

	n_fills = 0;
	n_fill_blocks = 0;
	password_dummy(&cost, &dummy);
	job = verify_job("wrong-wrong-wrong", &dummy);
	password_job_run(arena, &job);
	ck_assert_uint_eq(n_fills, 1);
	ck_assert_uint_eq(n_fill_blocks, known);
}
END_TEST

START_TEST(PW_18_a_raised_cost_is_hashed_anew_once) {
	struct verifier old = verifier_of("Correct-Horse-7", &cost);
	struct password_job job = verify_job("Correct-Horse-7", &old);

	job.rehash = true;
	job.cost = dearer;
	memset(job.salt, 9, sizeof(job.salt));
	password_job_run(arena, &job);
	ck_assert_uint_eq(job.matched, PASSWORD_YES);
	ck_assert_uint_eq(job.is_made, PASSWORD_YES);
	ck_assert_uint_eq(job.made.cost.memory_kib, dearer.memory_kib);

	struct password_job again = verify_job("Correct-Horse-7", &job.made);

	password_job_run(arena, &again);
	ck_assert_uint_eq(again.matched, PASSWORD_YES);
}
END_TEST

START_TEST(PW_18_a_wrong_password_is_not_hashed_anew) {
	struct verifier old = verifier_of("Correct-Horse-7", &cost);
	struct password_job job = verify_job("Correct-Horse-8", &old);

	job.rehash = true;
	job.cost = dearer;
	password_job_run(arena, &job);
	ck_assert_uint_eq(job.matched | job.is_made, 0);
}
END_TEST

START_TEST(PW_18_a_failed_rehash_does_not_fail_the_sign_in) {
	struct verifier old = verifier_of("Correct-Horse-7", &cost);
	struct password_job job = verify_job("Correct-Horse-7", &old);

	job.rehash = true;
	job.cost = (struct argon2_cost){ .memory_kib = 1u << 20, .passes = 2, .lanes = 1 };
	password_job_run(arena, &job);
	ck_assert_int_eq(job.error, 0);
	ck_assert_uint_eq(job.matched, PASSWORD_YES);
	ck_assert_uint_eq(job.is_made, 0);
}
END_TEST

START_TEST(a_change_refuses_every_old_one) {
	static const char *const old[] = { "first-of-them", "second-of-them", "third-of-them" };

	for (size_t i = 0; i < ARRAY_SIZE(old) + 1; ++i) {
		struct password_job job = { .kind = PASSWORD_JOB_CHANGE, .cost = cost };

		job.n_history = ARRAY_SIZE(old);
		for (size_t k = 0; k < ARRAY_SIZE(old); ++k)
			job.history[k] = verifier_of(old[k], &cost);
		job.candidate = secret_of(i < ARRAY_SIZE(old) ? old[i] : "a-new-one");
		password_job_run(arena, &job);
		ck_assert_int_eq(job.error, 0);
		ck_assert_msg((job.matched == PASSWORD_YES) == (i < ARRAY_SIZE(old)), "old %zu", i);
		ck_assert_msg((job.is_made == PASSWORD_YES) == (i == ARRAY_SIZE(old)), "old %zu",
			      i);
	}
}
END_TEST

START_TEST(a_history_longer_than_the_job_is_an_error) {
	struct password_job job = { .kind = PASSWORD_JOB_CHANGE, .cost = cost };

	job.n_history = LIMIT_PASSWORD_HISTORY + 2;
	job.candidate = secret_of("anything");
	password_job_run(arena, &job);
	ck_assert_int_eq(job.error, -EIO);
	ck_assert_uint_eq(job.is_made, 0);
}
END_TEST

static const struct {
	const char *why;
	struct argon2_cost cost;
	int expect;
} costs[] = {
	{ "PW-26 more memory than the arena has", { 4096, 2, 1 }, -ENOMEM },
	{ "PW-26 all the memory there could be", { UINT32_MAX, 2, 1 }, -ENOMEM },
	{ "no memory", { 0, 2, 1 }, -EIO },
	{ "no passes", { COST_KIB, 0, 1 }, -EIO },
	{ "passes for a year", { COST_KIB, UINT32_MAX, 1 }, -EIO },
	{ "no lanes", { COST_KIB, 2, 0 }, -EIO },
	{ "more lanes than there are threads", { COST_KIB, 2, 4 }, -EIO },
};

START_TEST(a_cost_out_of_range_makes_nothing) {
	struct password_job job = { .kind = PASSWORD_JOB_MAKE, .cost = costs[_i].cost };

	job.candidate = secret_of("anything");
	password_job_run(arena, &job);
	ck_assert_msg(job.error == costs[_i].expect, "%s: error %d", costs[_i].why, job.error);
	ck_assert_uint_eq(job.is_made, 0);
	ck_assert_uint_eq(job.candidate.n, 0);
}
END_TEST

static const struct {
	const char *why;
	int error;
	int expect;
} backend[] = {
	{ "PW-26 the allocation fails", ARGON2_MEMORY_ALLOCATION_ERROR, -ENOMEM },
	{ "PW-26 argon2 refuses", ARGON2_INCORRECT_PARAMETER, -EIO },
	{ "PW-26 a thread fails", ARGON2_THREAD_FAIL, -EIO },
};

START_TEST(PW_26_a_failing_backend_matches_nobody) {
	struct verifier verifier = verifier_of("Correct-Horse-7", &cost);
	enum password_job_kind kinds[] = { PASSWORD_JOB_VERIFY, PASSWORD_JOB_CHANGE,
					   PASSWORD_JOB_MAKE };

	/* A verifier of zeroes is what a hash that was never written looks like. */
	memset(verifier.hash, 0, sizeof(verifier.hash));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); ++i) {
		struct password_job job = verify_job("Correct-Horse-7", &verifier);

		job.kind = kinds[i];
		job.cost = cost;
		job.n_history = 1;
		job.history[0] = verifier;
		n_fills = 0;
		fail_at = 1;
		fail_with = backend[_i].error;
		password_job_run(arena, &job);
		ck_assert_msg(job.error == backend[_i].expect, "%s: error %d", backend[_i].why,
			      job.error);
		ck_assert_uint_eq(job.matched | job.is_made, 0);
		ck_assert_msg(arena_is_clean(), "%s: the arena is not", backend[_i].why);
	}
}
END_TEST

START_TEST(PW_26_a_failure_in_the_middle_of_a_change_makes_nothing) {
	for (unsigned n = 1; n <= 4; ++n) {
		struct password_job job = { .kind = PASSWORD_JOB_CHANGE, .cost = cost };

		fail_at = 0;
		job.n_history = 3;
		for (uint32_t k = 0; k < job.n_history; ++k)
			job.history[k] = verifier_of("another-one", &cost);
		job.candidate = secret_of("new-and-good");
		n_fills = 0;
		fail_at = n;
		fail_with = ARGON2_MEMORY_ALLOCATION_ERROR;
		password_job_run(arena, &job);
		ck_assert_int_eq(job.error, -ENOMEM);
		ck_assert_uint_eq(job.matched | job.is_made, 0);
	}
}
END_TEST

START_TEST(an_unknown_kind_is_an_error) {
	struct password_job job = { .cost = cost,
				    .matched = PASSWORD_YES,
				    .is_made = PASSWORD_YES };

	for (unsigned kind = 0; kind < 300; kind += kind == 0 ? 4 : 1) {
		job.kind = (enum password_job_kind)kind;
		job.candidate = secret_of("anything");
		job.matched = job.is_made = PASSWORD_YES; /* as a caller may have left it */
		password_job_run(arena, &job);
		ck_assert_int_eq(job.error, -EIO);
		ck_assert_uint_eq(job.matched | job.is_made, 0);
	}
}
END_TEST

static const struct {
	const char *why;
	uint32_t memory_kib;
	int expect;
} arenas[] = {
	{ "PW-19 no memory is no arena", 0, -ENOMEM },
	{ "PW-19 less than argon2 needs", 7, -ENOMEM },
	{ "PW-19 more than 4 GiB is a mistake", UINT32_MAX, -ENOMEM },
	{ "PW-19 the smallest", 8, 0 },
	{ "PW-19 the floor of the site's rules", 19456, 0 },
};

START_TEST(PW_19_an_arena_is_bounded) {
	struct arena *other = NULL;
	int r = arena_new(arenas[_i].memory_kib, &other);

	ck_assert_msg(r == arenas[_i].expect, "%s: gave %d", arenas[_i].why, r);
	ck_assert((other != NULL) == (r == 0));
	ck_assert_ptr_null(arena_free(other));
}
END_TEST

struct racer {
	pthread_t thread;
	struct password_job job;
};

static void *race(void *userdata) {
	struct racer *racer = userdata;

	password_job_run(arena, &racer->job);
	return NULL;
}

START_TEST(PW_19_fifty_at_once_share_one_budget) {
	static struct racer racers[50];
	unsigned n_made = 0;

	for (size_t i = 0; i < ARRAY_SIZE(racers); ++i) {
		racers[i].job = (struct password_job){ .kind = PASSWORD_JOB_MAKE, .cost = cost };
		racers[i].job.candidate = secret_of("many-at-once");
		ck_assert_int_eq(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(racers); ++i)
		ck_assert_int_eq(pthread_join(racers[i].thread, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(racers); ++i) {
		/* Hashed right, or told that the arena is taken: nothing in between. */
		if (racers[i].job.error == 0) {
			struct password_job check = verify_job("many-at-once", &racers[i].job.made);

			password_job_run(arena, &check);
			ck_assert_uint_eq(check.matched, PASSWORD_YES);
			++n_made;
		} else {
			ck_assert_int_eq(racers[i].job.error, -ENOMEM);
			ck_assert_uint_eq(racers[i].job.is_made, 0);
		}
	}
	ck_assert_uint_ge(n_made, 1);
}
END_TEST

START_TEST(PW_19_a_taken_arena_refuses) {
	struct password_job job = { .kind = PASSWORD_JOB_MAKE, .cost = cost };

	ck_assert(!atomic_flag_test_and_set(&arena->taken));
	job.candidate = secret_of("too-late");
	password_job_run(arena, &job);
	ck_assert_int_eq(job.error, -ENOMEM);
	ck_assert_uint_eq(job.candidate.n, 0);
	atomic_flag_clear(&arena->taken);
}
END_TEST

START_TEST(no_arena_is_an_error) {
	struct password_job job = { .kind = PASSWORD_JOB_MAKE, .cost = cost };

	job.candidate = secret_of("anything");
	password_job_run(NULL, &job);
	ck_assert_int_eq(job.error, -ENOMEM);
	ck_assert_uint_eq(job.candidate.n, 0);
}
END_TEST

START_TEST(the_arena_is_left_clean_and_out_of_core_dumps) {
	struct verifier verifier = verifier_of("Correct-Horse-7", &cost);

	(void)verifier;
	ck_assert(arena_is_clean());
	ck_assert_uint_eq((uintptr_t)arena->block % (2 * 1024 * 1024), 0);
	ck_assert_msg(memory_has_flag(arena->block, "dd"), "the arena would be dumped");
}
END_TEST

/* The secret exists only xored, so that the scan cannot find the scan. */
static void secret_unmask(struct secret *secret) {
	static const uint8_t masked[] = { 'P' ^ 0x55, 'W' ^ 0x55, '2' ^ 0x55, '0' ^ 0x55,
					  ':' ^ 0x55, 'f' ^ 0x55, 'i' ^ 0x55, 'n' ^ 0x55,
					  'd' ^ 0x55, 'M' ^ 0x55, 'e' ^ 0x55, 'N' ^ 0x55,
					  'o' ^ 0x55, 'w' ^ 0x55, '!' ^ 0x55, 'q' ^ 0x55 };

	secret->n = sizeof(masked);
	for (size_t i = 0; i < sizeof(masked); ++i)
		secret->bytes[i] = masked[i] ^ (volatile uint8_t) { 0x55 };
}

static const struct {
	const char *why;
	enum password_job_kind kind;
	unsigned fail_at;
	uint32_t memory_kib;
} remains[] = {
	{ "after a verification", PASSWORD_JOB_VERIFY, 0, COST_KIB },
	{ "after a change", PASSWORD_JOB_CHANGE, 0, COST_KIB },
	{ "after making one", PASSWORD_JOB_MAKE, 0, COST_KIB },
	{ "after a fill that failed", PASSWORD_JOB_VERIFY, 1, COST_KIB },
	{ "after a change that failed in the middle", PASSWORD_JOB_CHANGE, 2, COST_KIB },
	{ "after a cost that is too large", PASSWORD_JOB_MAKE, 0, 1u << 20 },
	{ "after an unknown kind", PASSWORD_JOB_NONE, 0, COST_KIB },
};

START_TEST(PW_20_nothing_is_left_in_memory) {
	struct verifier other = verifier_of("another-one", &cost);
	struct secret typed = { 0 };
	static struct password_job job;
	struct memory_pattern pattern = { 0 };
	size_t found;

	job = (struct password_job){ .kind = remains[_i].kind, .cost = cost, .current = other };
	job.cost.memory_kib = remains[_i].memory_kib;
	job.n_history = 2;
	job.history[0] = job.history[1] = other;
	n_fills = 0;
	fail_at = remains[_i].fail_at;
	fail_with = ARGON2_MEMORY_ALLOCATION_ERROR;

	secret_unmask(&typed);
	memory_pattern_set(&pattern, typed.bytes, typed.n);
	/* The test can fail: while it is there, it is found. */
	ck_assert_uint_ge(memory_find(&pattern), 1);
	ck_assert_int_eq(password_prepare(&typed, &job.candidate), 0);
	secret_wipe(&typed);
	password_job_run(arena, &job);

	found = memory_find(&pattern);
	ck_assert_msg(found == 0, "%s: %zu copies are left", remains[_i].why, found);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("password-job");
	TCase *t = tcase_create("jobs");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, only_the_password_matches, 0, (int)ARRAY_SIZE(tries));
	tcase_add_test(t, the_hash_is_argon2id_of_rfc_9106);
	tcase_add_test(t, PW_01_zeroes_and_the_dummy_match_nothing);
	tcase_add_test(t, PW_02_an_empty_candidate_is_never_hashed);
	tcase_add_test(t, PW_03_the_unknown_cost_the_same_fills);
	tcase_add_test(t, PW_18_a_raised_cost_is_hashed_anew_once);
	tcase_add_test(t, PW_18_a_wrong_password_is_not_hashed_anew);
	tcase_add_test(t, PW_18_a_failed_rehash_does_not_fail_the_sign_in);
	tcase_add_test(t, a_change_refuses_every_old_one);
	tcase_add_test(t, a_history_longer_than_the_job_is_an_error);
	tcase_add_loop_test(t, a_cost_out_of_range_makes_nothing, 0, (int)ARRAY_SIZE(costs));
	tcase_add_loop_test(t, PW_26_a_failing_backend_matches_nobody, 0, (int)ARRAY_SIZE(backend));
	tcase_add_test(t, PW_26_a_failure_in_the_middle_of_a_change_makes_nothing);
	tcase_add_test(t, an_unknown_kind_is_an_error);
	tcase_add_loop_test(t, PW_19_an_arena_is_bounded, 0, (int)ARRAY_SIZE(arenas));
	tcase_add_test(t, PW_19_fifty_at_once_share_one_budget);
	tcase_add_test(t, PW_19_a_taken_arena_refuses);
	tcase_add_test(t, no_arena_is_an_error);
	tcase_add_test(t, the_arena_is_left_clean_and_out_of_core_dumps);
	if (memory_can_be_searched())
		tcase_add_loop_test(t, PW_20_nothing_is_left_in_memory, 0,
				    (int)ARRAY_SIZE(remains));
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
