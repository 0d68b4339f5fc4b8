/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOKENS_RUN_H
#define TESTS_TOKENS_RUN_H

#include <check.h>
#include <stdlib.h>

static inline int run_suite(Suite *suite) {
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
