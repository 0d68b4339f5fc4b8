/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Break-glass at every bad moment: the real library against the real broker
 *
 * Each moment is played three times: the emergency is ended when the broker is
 * back, while it is away, and, declared in good time, by another process while
 * it is away.
 */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "disk.h"
#include "glass.h"

/* Uses before the end: more than the broker takes one by one in a second. */
#define N_AWAY 40u

static struct world world;
static struct disk disk = { .keeper = -1 };
static struct screen screen;
static struct other other;
static pid_t engine;

static void set_up(void) {
	world_make(&world);
}

static void tear_down(void) {
	disk_thaw(&disk);
	world_kill(&world);
	disk_done(&disk);
	world_remove(&world);
}

/* The call came back though nothing had changed: or this ends the test. */
static void on_alarm(int signal) {
	static const char said[] = "# a call did not come back\n";

	(void)!write(STDERR_FILENO, said, sizeof(said) - 1);
	_exit(99);
}

static void watchdog(unsigned seconds) {
	(void)signal(SIGALRM, on_alarm);
	(void)alarm(seconds);
}

/* ---- moments ----------------------------------------------------------------------- */

static void nothing(void) {
}

static void pause_engine(void) {
	engine = world_engine(&world);
	ck_assert_int_eq(kill(engine, SIGSTOP), 0);
}

static void continue_soon(void) {
	screen_run(&screen, 300);
	ck_assert_int_eq(kill(engine, SIGCONT), 0);
}

static void continue_late(void) {
	screen_run(&screen, 2500);
	ck_assert_int_eq(kill(engine, SIGCONT), 0);
}

static void kill_engine(void) {
	ck_assert_int_eq(kill(world_engine(&world), SIGKILL), 0);
}

static void kill_all(void) {
	world_kill(&world);
}

static void start_again(void) {
	screen_run(&screen, 2500);
	world_start(&world);
}

static void stop_broker(void) {
	world_stop(&world);
}

static void freeze(void) {
	const char *why = disk_freeze(&disk);

	ck_assert_msg(why == NULL, "%s", why);
}

static void thaw(void) {
	screen_run(&screen, 4000);
	disk_thaw(&disk);
}

/* Long enough for the engine to be given up and for one without a journal to serve. */
static void thaw_late(void) {
	screen_run(&screen, 16000);
	disk_thaw(&disk);
}

/* An old engine that hangs in the disk, and a new supervisor that knows nothing of it. */
static void kill_frozen(void) {
	screen_run(&screen, 300);
	world_kill(&world);
	world_spawn(&world);
	screen_run(&screen, 6000);
	disk_thaw(&disk);
}

/* Nothing more can be written: uses stay here. */
static void fill(void) {
	uint64_t end = boot_now_ms() + GLASS_WAIT_MS;
	enum cw_verdict verdict;

	disk_fill(&disk);
	while (screen_status(&screen).unrecorded == 0) {
		ck_assert_msg(boot_now_ms() < end, "everything is recorded on a full disk");
		ck_assert_int_eq(cw_use(screen.cw, STOP, NULL, 0, &verdict, NULL, NULL), 0);
		screen_run(&screen, 60);
	}
}

static void unfill(void) {
	screen_run(&screen, 1500);
	disk_empty(&disk);
}

static void rename_database(const char *from, const char *to) {
	static const char *const files[] = { "", "-wal", "-shm" };
	char a[256], b[256];

	for (size_t i = 0; i < ARRAY_SIZE(files); ++i) {
		(void)snprintf(a, sizeof(a), "%s/%s%s", world.state, from, files[i]);
		(void)snprintf(b, sizeof(b), "%s/%s%s", world.state, to, files[i]);
		ck_assert(rename(a, b) == 0 || errno == ENOENT);
	}
}

static void until_connected(void) {
	uint64_t end = boot_now_ms() + GLASS_WAIT_MS;

	while (!screen_status(&screen).connected) {
		ck_assert_msg(boot_now_ms() < end, "no connection");
		screen_run(&screen, 20);
	}
}

static void lose_database(void) {
	world_stop(&world);
	rename_database("careward.db", "away.db");
	world_start(&world);
	until_connected();
}

static void find_database(void) {
	screen_run(&screen, 500);
	world_stop(&world);
	rename_database("away.db", "careward.db");
	world_start(&world);
}

enum disk_kind { DISK_PLAIN = 0, DISK_SMALL, DISK_LOOP };

static const struct moment {
	const char *why;
	void (*away)(void);
	void (*back)(void);
	enum disk_kind disk;
	bool never_met;
	bool lives; /* the engine reads what is said, sooner or later                */
} moments[] = {
	{ "the broker is alive", nothing, nothing, .lives = true },
	{ "the engine is slow", pause_engine, continue_soon, .lives = true },
	{ "the engine is stopped past the deadline", pause_engine, continue_late, .lives = true },
	{ "the engine is killed", kill_engine, nothing },
	{ "supervisor and engine are killed", kill_all, start_again },
	{ "the broker is stopped in good order", stop_broker, start_again },
	{ "the broker was never met", nothing, start_again, .never_met = true },
	{ "the disk is frozen", freeze, thaw, .disk = DISK_LOOP, .lives = true },
	{ "the disk is frozen for long", freeze, thaw_late, .disk = DISK_LOOP },
	{ "the disk is frozen, the supervisor killed", freeze, kill_frozen, .disk = DISK_LOOP },
	{ "the disk is full", fill, unfill, .disk = DISK_SMALL, .lives = true },
	{ "the database is missing", lose_database, find_database, .lives = true },
};

/* Return: false: this disk cannot be had here. */
static bool prepare(const struct moment *m) {
	const char *why = NULL;

	if (m->disk == DISK_SMALL)
		why = disk_small(&disk, world.state, 2048);
	if (m->disk == DISK_LOOP)
		why = disk_loop(&disk, world.state);
	if (why) {
		printf("# SKIPPED: %s: %s\n", m->why, why);
		(void)fflush(stdout);
		return false;
	}
	if (m->disk != DISK_PLAIN) {
		ck_assert_int_eq(chown(world.state, BROKER_UID, BROKER_UID), 0);
		ck_assert_int_eq(chmod(world.state, 0700), 0);
	}
	if (!m->never_met)
		world_start(&world);
	screen_open(&screen, &world);
	other_begin(&other, &world);
	if (!m->never_met)
		both_until(&screen, &other, false);
	return true;
}

static enum cw_verdict use_verdict(uint32_t action) {
	enum cw_verdict verdict = CW_ALLOW;
	int r = cw_use(screen.cw, action, NULL, cw_session(screen.cw), &verdict, NULL, NULL);

	ck_assert(r == 0 || r == -ENOTCONN);
	return verdict;
}

/* What must hold while nobody answers; nothing in here waits for anybody. */
static void press(uint8_t ret_id[16]) {
	enum cw_recorded recorded = CW_RECORDED_NOT;
	uint8_t again[16];

	watchdog(20);
	ck_assert_int_eq(cw_break_glass(screen.cw, "Kim", ret_id, &recorded), 0);
	ck_assert_int_eq(cw_check(screen.cw, START, NULL), CW_ALLOW);
	screen_assert_care_alone(&screen);
	ck_assert_int_eq(recorded, CW_RECORDED_IN_RING);
	ck_assert_int_ne(use_verdict(EXPORT), CW_ALLOW);
	ck_assert_int_ne(use_verdict(LIMITS), CW_ALLOW);
	ck_assert_int_eq(cw_break_glass(screen.cw, NULL, again, NULL), 0);
	ck_assert_mem_eq(ret_id, again, 16);
	(void)alarm(0);
}

/* At a pace that a person could have, while the broker may be there. */
static void uses(unsigned from, unsigned to, int pause_ms) {
	watchdog(20);
	for (unsigned n = from; n < to; ++n) {
		screen_use(&screen, n);
		if (pause_ms > 0)
			screen_run(&screen, pause_ms);
	}
	(void)alarm(0);
}

/* Nobody shows it open, and nobody does after another engine has looked. */
static void assert_over(const uint8_t id[16]) {
	both_until(&screen, &other, false);
	ck_assert_int_eq(cw_break_glass_end(screen.cw, id), -ENOENT);
	ck_assert_int_ne(cw_check(screen.cw, START, NULL), CW_ALLOW);
	ck_assert_int_eq(kill(world_engine(&world), SIGKILL), 0);
	screen_run(&screen, 300);
	both_until(&screen, &other, false);
	screen_run(&screen, 300);
	ck_assert_uint_eq(other_status(&other).emergency, 0);
	ck_assert_uint_eq(screen_status(&screen).emergency, 0);
	ck_assert_uint_eq(screen.n_ended, 1);
}

static void finish(const struct moment *m, const uint8_t id[16], unsigned n_uses) {
	struct tally t;

	cw_close(screen.cw);
	other_end(&other);
	world_stop(&world);
	journal_tally(&world, id, &t);
	ck_assert_msg(t.started <= 1 && t.late <= 1 && t.started + t.late >= 1,
	              "%s: %u starts, %u late ones", m->why, t.started, t.late);
	ck_assert_msg(t.ended == 1 && t.interrupted == 0, "%s: %u ends", m->why, t.ended);
	for (unsigned n = 0; n < ARRAY_SIZE(t.uses); ++n)
		ck_assert_msg(t.uses[n] == (n < n_uses), "%s: use %u is there %u times", m->why, n,
		              t.uses[n]);
	journal_tally(&world, NULL, &t);
	ck_assert_msg(t.started <= 1 && t.late <= 1 && t.ended == 1, "%s: another emergency",
	              m->why);
}

START_TEST(BG_04_it_is_ended_when_the_broker_is_back) {
	const struct moment *m = &moments[_i];
	uint8_t id[16];
	struct tally t;

	if (!prepare(m))
		return;
	m->away();
	press(id);
	uses(0, 20, 0);
	m->back();
	both_until(&screen, &other, true);
	screen_assert_care_alone(&screen);
	ck_assert_uint_eq(screen.n_recorded, 1);
	ck_assert_mem_eq(screen.recorded, id, 16);
	uses(20, N_AWAY, 80);
	other_use(&other, N_AWAY);
	ck_assert_int_eq(cw_break_glass_reason(screen.cw, id, "Locked out", NULL), 0);
	both_until(&screen, &other, true);
	ck_assert_int_eq(cw_break_glass_end(screen.cw, id), 0);
	assert_over(id);
	finish(m, id, N_AWAY + 1);
	journal_tally(&world, id, &t);
	ck_assert_msg(t.started == 1, "%s: it was never granted", m->why);
	ck_assert_uint_eq(t.reasons, 1);
}
END_TEST

START_TEST(it_is_ended_while_the_broker_is_away) {
	const struct moment *m = &moments[_i];
	unsigned n = m->lives ? 20 : N_AWAY; /* more at once would be joined */
	uint8_t id[16];

	if (!prepare(m))
		return;
	m->away();
	press(id);
	uses(0, n, 0);
	watchdog(20);
	ck_assert_int_eq(cw_break_glass_end(screen.cw, id), 0);
	ck_assert_int_ne(cw_check(screen.cw, START, NULL), CW_ALLOW);
	(void)alarm(0);
	m->back();
	assert_over(id);
	finish(m, id, n);
}
END_TEST

START_TEST(another_process_ends_it_while_the_broker_is_away) {
	const struct moment *m = &moments[_i];
	uint8_t id[16];

	if (m->never_met || !prepare(m))
		return;
	press(id);
	both_until(&screen, &other, true);
	m->away();
	uses(0, 10, 0);
	watchdog(20);
	ck_assert_int_eq(other_end_glass(&other, id), 0);
	(void)alarm(0);
	m->back();
	assert_over(id);
	finish(m, id, 10);
}
END_TEST

/* ---- more ---------------------------------------------------------------------------- */

START_TEST(an_end_that_found_the_ring_full_is_said_later) {
	struct tally t;
	uint8_t id[16];

	ck_assert(prepare(&moments[0]));
	press(id);
	both_until(&screen, &other, true);
	kill_all();
	for (unsigned n = 0; n < LIMIT_RING_RECORDS + 4; ++n)
		screen_use(&screen, 500);
	ck_assert_int_eq(cw_break_glass_end(screen.cw, id), 0);
	ck_assert_int_eq(cw_break_glass_end(screen.cw, id), -ENOENT);
	world_start(&world);
	for (int i = 0; i < 2000 && other_status(&other).emergency; ++i)
		screen_run(&screen, 20);
	ck_assert_msg(!other_status(&other).emergency, "it is still open for others");
	ck_assert_uint_eq(screen_status(&screen).emergency, 0);
	cw_close(screen.cw);
	other_end(&other);
	world_stop(&world);
	journal_tally(&world, id, &t);
	ck_assert_uint_eq(t.started, 1);
	ck_assert_uint_eq(t.ended, 1);
}
END_TEST

START_TEST(two_processes_that_declare_at_once_have_one_emergency) {
	uint8_t ids[2][16];
	struct screen second;
	struct tally t;

	ck_assert(prepare(&moments[0]));
	screen_open(&second, &world);
	while (!screen_status(&second).connected)
		screen_run(&second, 20);
	pause_engine();
	press(ids[0]);
	ck_assert_int_eq(cw_break_glass(second.cw, NULL, ids[1], NULL), 0);
	ck_assert_mem_ne(ids[0], ids[1], 16);
	ck_assert_int_eq(kill(engine, SIGCONT), 0);
	both_until(&screen, &other, true);
	screen_run(&second, 300);
	ck_assert_int_eq(cw_check(second.cw, START, NULL), CW_ALLOW);
	/* Whoever of them ends it, ends it for all. */
	ck_assert_int_eq(cw_break_glass(second.cw, NULL, ids[1], NULL), 0);
	ck_assert_mem_eq(ids[0], ids[1], 16);
	ck_assert_int_eq(cw_break_glass_end(screen.cw, ids[0]), 0);
	both_until(&screen, &other, false);
	screen_run(&second, 300);
	ck_assert_uint_eq(screen_status(&second).emergency, 0);
	cw_close(second.cw);
	cw_close(screen.cw);
	other_end(&other);
	world_stop(&world);
	journal_tally(&world, NULL, &t);
	ck_assert_uint_eq(t.started, 2); /* the second one says that it joined */
	ck_assert_uint_eq(t.ended, 1);
}
END_TEST

/* ---- what it asks of the kernel ------------------------------------------------------- */

#if TEST_HAS_STRACE

/* Traces the path of tests/broker/glass-path.c. Return: false: no strace here. */
static bool trace(const char *how, unsigned *ret_sends) {
	char command[1024], said[1024] = "";
	FILE *f = NULL;

	(void)snprintf(command, sizeof(command),
	               "strace -f -o '%s/trace' '%s' '%s/main' %u %s %d 2>&1; echo status=$?",
	               world.dir, TEST_GLASS_PATH, world.run, BROKER_UID, how, (int)engine);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	(void)!fread(said, 1, sizeof(said) - 1, f);
	(void)pclose(f);
	if (strstr(said, "status=127") || strstr(said, "PTRACE")) {
		printf("# SKIPPED: strace cannot trace here: %s\n", said);
		return false;
	}
	ck_assert_msg(strstr(said, "status=0"), "%s: %s", how, said);
	*ret_sends = 0;
	return true;
}

static void read_trace(const char *how, unsigned *ret_sends) {
	char path[192], line[4096];
	unsigned markers = 0;
	FILE *f = NULL;

	(void)snprintf(path, sizeof(path), "%s/trace", world.dir);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		bool may_send = strstr(line, "sendto(") && strstr(line, "MSG_DONTWAIT");

		if (strstr(line, "getpgid(0)"))
			++markers;
		else if (markers % 2 == 1 && may_send)
			++*ret_sends;
		else if (markers % 2 == 1 && !strstr(line, "clock_gettime("))
			ck_abort_msg("%s: not permitted: %s", how, line);
	}
	(void)fclose(f);
	ck_assert_uint_eq(markers, 2);
}

static const struct {
	const char *how; /* as tests/broker/glass-path.c understands it              */
	unsigned sends;
} paths[] = {
	{ "alive", 7 },   /* start, 4 uses, reason, end                              */
	{ "stopped", 7 }, /* the engine is stopped at the press                      */
	{ "dead", 0 },    /* there is no broker any more, and that is known          */
	{ "theirs", 6 },  /* inside another process's emergency: no start            */
};

START_TEST(it_makes_no_system_call_that_can_wait_and_allocates_nothing) {
	unsigned sends = 0;

	ck_assert(prepare(&moments[0]));
	engine = world_engine(&world);
	if (strcmp(paths[_i].how, "theirs") == 0) {
		uint8_t id[16];

		press(id);
		both_until(&screen, &other, true);
	}
	if (strcmp(paths[_i].how, "dead") == 0)
		kill_all();
	if (trace(paths[_i].how, &sends)) {
		read_trace(paths[_i].how, &sends);
		ck_assert_msg(sends == paths[_i].sends, "%s: %u sends", paths[_i].how, sends);
	}
	(void)kill(engine, SIGCONT);
	cw_close(screen.cw);
	other_end(&other);
}
END_TEST

#endif

/* test-broker-break-glass [FIRST AFTER]: these moments alone; what needs none, with the first */
int main(int argc, char **argv) {
	Suite *s = suite_create("broker break-glass");
	TCase *t = tcase_create("break-glass");
	SRunner *r = srunner_create(s);
	int failed = 0, first = 0, n = (int)ARRAY_SIZE(moments);

	if (argc == 3) {
		first = atoi(argv[1]);
		n = atoi(argv[2]);
	}
	tcase_set_timeout(t, 150);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, BG_04_it_is_ended_when_the_broker_is_back, first, n);
	tcase_add_loop_test(t, it_is_ended_while_the_broker_is_away, first, n);
	tcase_add_loop_test(t, another_process_ends_it_while_the_broker_is_away, first, n);
	if (first == 0) {
		tcase_add_test(t, an_end_that_found_the_ring_full_is_said_later);
		tcase_add_test(t, two_processes_that_declare_at_once_have_one_emergency);
	}
#if TEST_HAS_STRACE
	if (first == 0)
		tcase_add_loop_test(t, it_makes_no_system_call_that_can_wait_and_allocates_nothing,
		                    0, (int)ARRAY_SIZE(paths));
#endif
	suite_add_tcase(s, t);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
