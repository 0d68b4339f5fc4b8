/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded default: the real library starts the real broker as its child. */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "glass.h"

static struct world world;
static struct screen screen;

static void set_up(void) {
	world_make(&world);
	/* It runs as whoever starts it. */
	if (geteuid() == 0)
		ck_assert_int_eq(chown(world.state, 0, 0), 0);
}

static void tear_down(void) {
	world_remove(&world);
}

static void open_embedded(const char *broker) {
	char path[192];
	struct cw_options options = { .size = sizeof(options),
				      .n_actions = N_GLASS_ACTIONS,
				      .actions = glass_actions,
				      .socket = path,
				      .broker_uid = geteuid(),
				      .embedded = world.state,
				      .embedded_config = world.config,
				      .embedded_broker = broker };

	screen = (struct screen){ 0 };
	(void)snprintf(path, sizeof(path), "%s/main", world.run);
	ck_assert_int_eq(cw_open(&options, &screen.cw), 0);
}

static void make_optional(void) {
	world_edit(&world, "device.cfg", "isolation = \"required\"", "isolation = \"optional\"");
}

/* Return: the only child of this process; 0: there is none. */
static pid_t child(void) {
	char path[64];
	int pid = 0;
	FILE *f = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)getpid(),
	               (int)getpid());
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	(void)fclose(f);
	return pid;
}

static bool wait_connected(bool wanted) {
	uint64_t end = boot_now_ms() + GLASS_WAIT_MS;

	while (boot_now_ms() < end) {
		screen_run(&screen, 20);
		if (screen_status(&screen).connected == wanted)
			return true;
	}
	return false;
}

/* Also without a library that would reap it. */
static void wait_no_engine(pid_t pid) {
	char path[64], state = 'R';

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (int i = 0; i < 1000 && state != 'Z'; ++i) {
		FILE *f = fopen(path, "re");

		if (!f)
			return;
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'Z';
		(void)fclose(f);
		(void)usleep(10000);
	}
	ck_assert_msg(state == 'Z', "the private broker is still there");
}

static void glass(uint8_t ret_id[16]) {
	ck_assert_int_eq(cw_break_glass(screen.cw, NULL, ret_id, NULL), 0);
	screen_assert_care_alone(&screen);
}

START_TEST(where_isolation_is_required_it_is_refused_and_care_goes_on) {
	struct cw_status status;
	uint8_t id[16];

	open_embedded(TEST_CAREWARDD);
	ck_assert_int_gt(child(), 0);
	for (int i = 0; i < 2000 && child() != 0; ++i)
		screen_run(&screen, 20);
	ck_assert_msg(child() == 0, "it was not refused, or not reaped");
	status = screen_status(&screen);
	ck_assert_uint_eq(status.connected, 0);
	ck_assert_int_eq(cw_check(screen.cw, STOP, NULL), CW_ALLOW);
	ck_assert_int_eq(cw_check(screen.cw, START, NULL), CW_BREAK_GLASS);
	ck_assert_int_eq(cw_check(screen.cw, DISPLAY, NULL), CW_DENY);
	glass(id);
	screen_use(&screen, 0);
	screen_run(&screen, 500);
	ck_assert_uint_eq(screen_status(&screen).connected, 0);
	ck_assert_uint_eq(screen_status(&screen).unrecorded, 2);
	cw_close(screen.cw);
}
END_TEST

START_TEST(where_isolation_is_optional_it_serves_and_says_so_everywhere) {
	struct tally t;
	uint8_t id[16];
	pid_t pid = 0;

	make_optional();
	open_embedded(TEST_CAREWARDD);
	pid = child();
	ck_assert(wait_connected(true));
	ck_assert_uint_eq(screen_status(&screen).not_isolated, 1);
	ck_assert_int_eq(cw_check(screen.cw, STOP, NULL), CW_ALLOW);
	ck_assert_int_ne(cw_check(screen.cw, START, NULL), CW_ALLOW);
	glass(id);
	screen_use(&screen, 0);
	ck_assert_int_eq(cw_break_glass_end(screen.cw, id), 0);
	for (int i = 0; i < 2000 && screen_status(&screen).unrecorded > 0; ++i)
		screen_run(&screen, 20);
	ck_assert_uint_eq(screen.n_recorded, 1);
	cw_close(screen.cw);
	wait_no_engine(pid);
	journal_tally(&world, id, &t);
	ck_assert_uint_eq(t.started, 1);
	ck_assert_uint_eq(t.uses[0], 1);
	ck_assert_uint_eq(t.ended, 1);
	ck_assert_msg(t.not_isolated == t.entries, "%u of %u entries of the emergency say so",
	              t.not_isolated, t.entries);
	journal_tally(&world, NULL, &t);
	ck_assert_msg(t.not_isolated == t.entries, "%u of %u entries say so", t.not_isolated,
	              t.entries);
}
END_TEST

START_TEST(its_memory_is_the_state_directory_s) {
	struct tally t;
	uint8_t id[16];

	make_optional();
	for (unsigned round = 0; round < 2; ++round) {
		pid_t pid = 0;

		open_embedded(TEST_CAREWARDD);
		pid = child();
		ck_assert(wait_connected(true));
		/* An emergency that was open when its process ended is still open. */
		ck_assert_uint_eq(screen_status(&screen).emergency, round);
		if (round == 0)
			glass(id);
		else
			ck_assert_int_eq(cw_break_glass_end(screen.cw, id), 0);
		for (int i = 0; i < 2000 && screen_status(&screen).unrecorded > 0; ++i)
			screen_run(&screen, 20);
		cw_close(screen.cw);
		wait_no_engine(pid);
	}
	journal_tally(&world, id, &t);
	ck_assert_uint_eq(t.started, 1);
	ck_assert_uint_eq(t.ended, 1);
}
END_TEST

START_TEST(killed_it_leaves_care_as_a_dead_broker_does) {
	uint8_t id[16];
	pid_t pid = 0;

	make_optional();
	open_embedded(TEST_CAREWARDD);
	pid = child();
	ck_assert(wait_connected(true));
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	glass(id);
	screen_use(&screen, 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert(wait_connected(false));
	screen_assert_care_alone(&screen);
	for (int i = 0; i < 2000 && child() != 0; ++i)
		screen_run(&screen, 20);
	ck_assert_int_eq(child(), 0);
	ck_assert_int_eq(cw_break_glass_end(screen.cw, id), 0);
	ck_assert_int_ne(cw_check(screen.cw, START, NULL), CW_ALLOW);
	cw_close(screen.cw);
}
END_TEST

START_TEST(a_state_directory_that_others_may_read_is_refused) {
	make_optional();
	ck_assert_int_eq(chmod(world.state, 0755), 0);
	open_embedded(TEST_CAREWARDD);
	for (int i = 0; i < 2000 && child() != 0; ++i)
		screen_run(&screen, 20);
	ck_assert_int_eq(child(), 0);
	ck_assert_uint_eq(screen_status(&screen).connected, 0);
	ck_assert_int_eq(cw_check(screen.cw, STOP, NULL), CW_ALLOW);
	cw_close(screen.cw);
}
END_TEST

int main(void) {
	Suite *s = suite_create("broker embedded");
	TCase *t = tcase_create("embedded");
	SRunner *r = srunner_create(s);
	int failed = 0;

	tcase_set_timeout(t, 100);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, where_isolation_is_required_it_is_refused_and_care_goes_on);
	tcase_add_test(t, where_isolation_is_optional_it_serves_and_says_so_everywhere);
	tcase_add_test(t, its_memory_is_the_state_directory_s);
	tcase_add_test(t, killed_it_leaves_care_as_a_dead_broker_does);
	tcase_add_test(t, a_state_directory_that_others_may_read_is_refused);
	suite_add_tcase(s, t);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
