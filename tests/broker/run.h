/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_RUN_H
#define TESTS_BROKER_RUN_H

/* Each test runs in a process of its own with a private device, removed at the end. */

#include <check.h>
#include <stdlib.h>

#include "world.h"

static struct world world;

static void set_up(void) {
	world_make(&world);
}

static void tear_down(void) {
	world_remove(&world);
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t n) {
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);
	SRunner *r = NULL;
	int failed = 0;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	for (size_t i = 0; i < n; ++i)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_SILENT);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define RUN_TESTS(name, tests) run_tests(name, tests, sizeof(tests) / sizeof((tests)[0]))

#endif
