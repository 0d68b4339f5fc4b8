/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CC-05: threads, each with a handle of its own, at once
 *
 * A handle belongs to one thread; what is shared between handles is nothing. Each
 * thread has a broker of its own, opens, asks, uses, breaks the glass, closes, and
 * begins again, while the others do the same in every order.
 */

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/client/fake.h"
#include "ui-glue/client/client.h"

#define N_THREADS 4u
#define N_ROUNDS 40u

static _Atomic unsigned ready, wrong;

/* Check's asserts are for the test's own thread. */
static void expect(bool it) {
	if (!it)
		atomic_fetch_add(&wrong, 1);
}

static void one_round(struct fake *fake, bool signed_in) {
	struct cw_options options = fake_options(fake);
	struct cw_event event = {.size = sizeof(event)};
	struct cw *cw = NULL;
	uint8_t id[16];

	expect(cw_open(&options, &cw) == 0);
	fake_accept(fake);
	fake_greet(fake, true);
	expect(cw_dispatch(cw) == 0);
	fake->state.session = signed_in ? 42 : 0;
	fake_publish(fake, 5000);
	for (unsigned i = 0; i < 200; ++i) {
		expect(cw_check(cw, STOP, NULL) == CW_ALLOW);
		expect(cw_check(cw, START, NULL) == (signed_in ? CW_ALLOW : CW_SIGN_IN));
		expect(cw_session(cw) == fake->state.session);
	}
	expect(cw_break_glass(cw, NULL, id, NULL) == 0);
	expect(cw_check(cw, START, NULL) == CW_ALLOW);
	expect(cw_check(cw, UPDATE, NULL) != CW_ALLOW);
	while (cw_next_event(cw, &event))
		;
	cw = cw_close(cw);
	fake_hang_up(fake);
}

static void *run(void *argument) {
	const unsigned which = (unsigned)(uintptr_t)argument;
	struct fake *fake = calloc(1, sizeof(*fake));

	fake_begin(fake);
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < N_THREADS)
		(void)sched_yield();
	for (unsigned round = 0; round < N_ROUNDS; ++round)
		one_round(fake, which % 2 == 0);
	fake_done(fake);
	free(fake);
	return NULL;
}

START_TEST(CC_05_threads_with_a_handle_each_do_not_meet) {
	pthread_t threads[N_THREADS];

	for (size_t i = 0; i < N_THREADS; ++i)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < N_THREADS; ++i)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(atomic_load(&wrong), 0);
}
END_TEST

/* A child of fork() opens one of its own, and its parent's goes on. */
START_TEST(CC_05_after_a_fork_both_have_a_handle_of_their_own) {
	struct cw_options options;
	struct cw *cw = NULL;
	enum cw_verdict verdict = CW_DENY;
	struct fake *fake = calloc(2, sizeof(*fake)), *own = fake + 1;
	int status;
	pid_t pid;

	fake_begin(fake);
	options = fake_options(fake);
	ck_assert_int_eq(cw_open(&options, &cw), 0);
	fake_accept(fake);
	fake_greet(fake, true);
	ck_assert_int_eq(cw_dispatch(cw), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fake_begin(own);
		one_round(own, true);
		fake_done(own);
		_exit(atomic_load(&wrong) == 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	fake_publish(fake, 5000);
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_ALLOW);
	ck_assert_int_eq(cw_use(cw, STOP, NULL, 42, &verdict, NULL, NULL), 0);
	ck_assert_int_eq(verdict, CW_ALLOW);
	cw = cw_close(cw);
	fake_done(fake);
	free(fake);
}
END_TEST

int main(void) {
	Suite *s = suite_create("threads");
	TCase *t = tcase_create("threads");
	SRunner *runner;
	int n;

	tcase_set_timeout(t, 100);
	tcase_add_test(t, CC_05_threads_with_a_handle_each_do_not_meet);
	tcase_add_test(t, CC_05_after_a_fork_both_have_a_handle_of_their_own);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	n = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
