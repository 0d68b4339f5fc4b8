/* SPDX-License-Identifier: Apache-2.0 */
/* The private broker: started only when there is none, refused without harm. */

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/client/fake.h"
#include "ui-glue/client/client.h"

static struct fake fake;
static struct cw *cw;

static void setup(void) {
	fake_begin(&fake);
}

static void teardown(void) {
	cw = cw_close(cw);
	fake_done(&fake);
}

static void open_embedded(const char *state, const char *broker) {
	struct cw_options options = fake_options(&fake);

	options.embedded = state;
	options.embedded_config = "/config";
	options.embedded_broker = broker;
	ck_assert_int_eq(cw_open(&options, &cw), 0);
}

/* Dispatches until the link is as wanted, or a few seconds are over. */
static void wait_for(enum link_state link) {
	for (int i = 0; i < 100 && cw->link != link; ++i) {
		struct pollfd p = { .fd = cw_fd(cw), .events = POLLIN };

		(void)poll(&p, 1, 50);
		(void)cw_dispatch(cw);
	}
	ck_assert_int_eq(cw->link, link);
}

START_TEST(a_private_broker_is_started_when_there_is_none) {
	ck_assert_int_eq(unlink(fake.path), 0);
	open_embedded("/state", EMBEDDED_BROKER);
	ck_assert_int_gt(cw->embedded_pid, 0);
	wait_for(LINK_UP);
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_ALLOW);
	ck_assert_int_eq(cw_dispatch(cw), 0);
}
END_TEST

START_TEST(a_private_broker_that_refuses_is_no_broker) {
	ck_assert_int_eq(unlink(fake.path), 0);
	open_embedded("/refuse", EMBEDDED_BROKER);
	wait_for(LINK_DOWN);
	for (int i = 0; i < 100 && cw->embedded_pid != 0; ++i) {
		(void)usleep(10000);
		(void)cw_dispatch(cw);
	}
	ck_assert_msg(cw->embedded_pid == 0, "its child was left behind");
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_BREAK_GLASS);
}
END_TEST

START_TEST(a_private_broker_that_is_not_installed_is_no_broker) {
	ck_assert_int_eq(unlink(fake.path), 0);
	open_embedded("/state", "/nonexistent/carewardd");
	ck_assert_int_eq(cw->link, LINK_DOWN);
	ck_assert_int_eq(cw->embedded_pid, 0);
	ck_assert_int_eq(cw_check(cw, STOP, NULL), CW_ALLOW);
}
END_TEST

START_TEST(none_is_started_where_a_broker_is) {
	open_embedded("/state", EMBEDDED_BROKER);
	ck_assert_int_eq(cw->embedded_pid, 0);
	fake_accept(&fake);
}
END_TEST

int main(void) {
	Suite *s = suite_create("embedded");
	TCase *t = tcase_create("embedded");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_private_broker_is_started_when_there_is_none);
	tcase_add_test(t, a_private_broker_that_refuses_is_no_broker);
	tcase_add_test(t, a_private_broker_that_is_not_installed_is_no_broker);
	tcase_add_test(t, none_is_started_where_a_broker_is);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
