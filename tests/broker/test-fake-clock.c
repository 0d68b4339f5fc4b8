/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <careward/careward.h>

#include "run.h"

/*
 * TM-06: an application that is lied to about the time
 *
 * This program is both: started with --ui it is the application, with the real
 * library, which does what it is told line by line. Its clock is faked by a preloaded
 * library, or by a time namespace. The broker's is the true one.
 */

static struct caller service, ui;
static char recovery[64];
static uint32_t broker_uid;
static const char *self;

static const struct cw_action actions[] = {
	{ "therapy.stop", CW_KIND_ALWAYS },
	{ "therapy.start", CW_KIND_CARE },
	{ "settings.display", CW_KIND_GUARDED },
	{ "settings.limits", CW_KIND_SENSITIVE },
};
enum { STOP, START, DISPLAY, LIMITS };

/* ---- the application ----------------------------------------------------------------- */

static struct cw *cw;

/* Rounds, not time: the clock is not to be asked here. */
static bool next(struct cw_event *event, int rounds) {
	for (int i = 0; i < rounds; ++i) {
		struct pollfd p = { .fd = cw_fd(cw), .events = POLLIN };

		(void)cw_dispatch(cw);
		*event = (struct cw_event){ .size = sizeof(*event) };
		if (cw_next_event(cw, event) == 1)
			return true;
		(void)poll(&p, 1, 20);
	}
	return false;
}

static void do_sign_in(const char *name, const char *password) {
	struct cw_event event;
	uint64_t attempt = 0;

	if (cw_sign_in(cw, CW_PURPOSE_SIGN_IN, name, &attempt) < 0)
		printf("cannot\n");
	while (next(&event, 1000)) {
		if (event.attempt != attempt)
			continue;
		if (event.kind == CW_EVENT_PROMPT) {
			if (cw_answer(cw, attempt, password, strlen(password)) < 0)
				break;
			continue;
		}
		printf("%s wait=%llu\n",
		       event.kind == CW_EVENT_SIGNED_IN ? "signed-in" : event.message,
		       (unsigned long long)event.wait_ms);
		return;
	}
	printf("nothing\n");
}

static void do_use(uint32_t action) {
	enum cw_verdict v = CW_DENY;
	enum cw_reason reason = CW_REASON_NONE;
	struct cw_event event;
	uint64_t serial = 0;
	int r = cw_use(cw, action, NULL, cw_session(cw), &v, &reason, &serial);

	while (r == -EINPROGRESS && next(&event, 1000)) {
		if (event.kind != CW_EVENT_USED || event.serial != serial)
			continue;
		printf("0x%x %d\n", (unsigned)event.verdict, (int)event.reason);
		return;
	}
	printf("0x%x %d\n", (unsigned)v, (int)reason);
}

static void do_glass(void) {
	uint8_t id[16];
	enum cw_reason reason;
	struct cw_event event;
	int r = cw_break_glass(cw, NULL, id, NULL);
	enum cw_verdict v = cw_check(cw, START, &reason);

	while (next(&event, 250))
		if (event.kind == CW_EVENT_EMERGENCY_RECORDED)
			break;
	printf("%d 0x%x %s\n", r < 0, (unsigned)v,
	       event.kind == CW_EVENT_EMERGENCY_RECORDED ? "recorded" : "waits");
}

static void obey(char *line) {
	char word[32] = "", a[64] = "", b[64] = "";
	enum cw_reason reason = CW_REASON_NONE;
	struct cw_event event;

	(void)sscanf(line, "%31s %63s %63[^\n]", word, a, b);
	while (next(&event, 1))
		;
	if (strcmp(word, "sign-in") == 0)
		do_sign_in(a, b);
	else if (strcmp(word, "check") == 0)
		printf("0x%x %d\n", (unsigned)cw_check(cw, (uint32_t)atoi(a), &reason), (int)reason);
	else if (strcmp(word, "use") == 0)
		do_use((uint32_t)atoi(a));
	else if (strcmp(word, "glass") == 0)
		do_glass();
	else
		printf("what?\n");
	fflush(stdout);
}

static int be_application(const char *socket, const char *uid) {
	const struct cw_options options = {
		.size = sizeof(options),
		.n_actions = 4,
		.actions = actions,
		.socket = socket,
		.broker_uid = (uint32_t)strtoul(uid, NULL, 10),
	};
	struct cw_event event;
	char line[256];

	if (cw_open(&options, &cw) < 0)
		return 2;
	/* Greeted, and the pages are there. */
	while (next(&event, 1000) && event.kind != CW_EVENT_POLICY)
		;
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	cw = cw_close(cw);
	return 0;
}

/* ---- the test ------------------------------------------------------------------------ */

struct application {
	pid_t pid;
	FILE *in, *out;
	char said[256];
};

/* @boot_offset: seconds of a time namespace; NULL: none. */
static void be_lied_to(const char *how, const char *boot_offset) {
	int fd = -1, status = 0;
	pid_t pid = 0;

	if (boot_offset) {
		if (unshare(CLONE_NEWTIME) < 0)
			_exit(77);
		fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || dprintf(fd, "boottime %s 0\nmonotonic %s 0\n", boot_offset,
				      boot_offset) < 0)
			_exit(77);
		close(fd);
		/* The children are in it. */
		pid = fork();
		if (pid > 0) {
			(void)waitpid(pid, &status, 0);
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
		}
	}
	if (how && (setenv("LD_PRELOAD", TEST_FAKE_CLOCK, 1) < 0 ||
		    setenv("FAKE_CLOCK", how, 1) < 0))
		_exit(99);
}

static void start(struct application *app, const char *how, const char *boot_offset) {
	char socket[200], uid[16];
	int in[2], out[2];

	snprintf(socket, sizeof(socket), "%s/main", world.run);
	snprintf(uid, sizeof(uid), "%u", broker_uid);
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	app->pid = fork();
	ck_assert_int_ge(app->pid, 0);
	if (app->pid == 0) {
		close(in[1]);
		close(out[0]);
		be_lied_to(how, boot_offset);
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		if (world_has_two_uids() && (setgid(UI_UID) < 0 || setuid(UI_UID) < 0))
			_exit(98);
		(void)execl(self, self, "--ui", socket, uid, (char *)NULL);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	app->in = fdopen(in[1], "we");
	app->out = fdopen(out[0], "re");
	ck_assert(app->in && app->out);
}

static const char *tell(struct application *app, const char *line) {
	fprintf(app->in, "%s\n", line);
	fflush(app->in);
	app->said[0] = '\0';
	if (!fgets(app->said, sizeof(app->said), app->out))
		snprintf(app->said, sizeof(app->said), "gone");
	return app->said;
}

static unsigned verdict_of(struct application *app, const char *line) {
	return (unsigned)strtoul(tell(app, line), NULL, 16);
}

static int stop(struct application *app) {
	int status = 0;

	fclose(app->in);
	fclose(app->out);
	ck_assert_int_eq(waitpid(app->pid, &status, 0), app->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* clang-format off */
static const struct lie {
	const char *why;
	const char *how, *boot_offset;
	bool believes_the_lease; /* asks the pages as if the broker lived: it does */
} lies[] = {
	{ "the true time", NULL, NULL, true },
	{ "a clock that stands still", "stands", NULL, true },
	{ "ten years ahead", "ahead", NULL, false },
	{ "just after boot, in 1970", "back", NULL, true },
	{ "any time at each look", "wild", NULL, false },
	{ "a time namespace, eleven days ahead", NULL, "1000000", false },
	{ "a time namespace, as far back as it goes", NULL, "-60", true },
};
#define N_LIES (sizeof(lies) / sizeof(*lies))
/* clang-format on */

static void begin(void) {
	broker_uid = world_has_two_uids() ? BROKER_UID : (uint32_t)getuid();
	/* Whether a patient is there is not known, so both contexts count. */
	world_edit(&world, "site.cfg", "idle_lock = 300; },", "idle_lock = 30; },");
	world_edit(&world, "site.cfg", "idle_lock = 1800; }", "idle_lock = 30; }");
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	caller_open(&ui, &world, "main");
	world_add(&service, &ui, "nina", "nurse");
	world_add(&service, &ui, "nora", "nurse");
	ck_assert_uint_eq(caller_call(&ui, "sign-out"), RESULT_OK);
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

/* Nothing of these is more than the engine, or the true time, would give. */
static void play(const struct lie *lie) {
	struct application app;
	unsigned v = 0;

	start(&app, lie->how, lie->boot_offset);
	if (strcmp(tell(&app, "check 0"), "gone") == 0) {
		ck_assert_msg(stop(&app) == 77, "%s", lie->why);
		printf("# skipped: no time namespaces here\n");
		return;
	}
	/* Nobody is signed in: always, and nothing else. */
	ck_assert_uint_eq(verdict_of(&app, "check 0"), CW_ALLOW);
	ck_assert_msg(verdict_of(&app, "check 1") != CW_ALLOW, "%s: %s", lie->why, app.said);
	ck_assert_msg(verdict_of(&app, "use 2") != CW_ALLOW, "%s: %s", lie->why, app.said);
	/* Signing in is the engine's. */
	tell(&app, "sign-in nina " STAFF_PASSWORD);
	ck_assert_msg(strncmp(app.said, "signed-in", 9) == 0, "%s: %s", lie->why, app.said);
	/* The pages: care as ever, or the way in that is left when no broker lives. */
	v = verdict_of(&app, "check 1");
	ck_assert_msg(v == CW_ALLOW || (!lie->believes_the_lease && v == CW_BREAK_GLASS), "%s: %s",
		      lie->why, app.said);
	if (lie->believes_the_lease)
		ck_assert_msg(v == CW_ALLOW, "%s: %s", lie->why, app.said);
	ck_assert_msg(verdict_of(&app, "check 3") != CW_ALLOW, "%s: %s", lie->why, app.said);
	/* Somebody locks: the page says so, whatever the clock. */
	ck_assert_uint_eq(caller_call(&ui, "lock"), RESULT_OK);
	for (int i = 0; i < 50; ++i) {
		ck_assert_msg(verdict_of(&app, "check 1") != CW_ALLOW, "%s: %s", lie->why,
			      app.said);
		ck_assert_msg(verdict_of(&app, "use 2") != CW_ALLOW, "%s: %s", lie->why,
			      app.said);
	}
	ck_assert_int_eq(stop(&app), 0);
}

START_TEST(TM_06_no_clock_of_the_application_opens_anything) {
	begin();
	play(&lies[_i]);
	end();
}
END_TEST

/* Idle for its half minute: the engine locks, and a clock that stands sees it on the page. */
START_TEST(TM_06_a_clock_that_stands_still_is_locked_all_the_same) {
	struct application app;
	uint64_t began = 0;

	begin();
	start(&app, "stands", NULL);
	tell(&app, "sign-in nina " STAFF_PASSWORD);
	began = boot_now_ms();
	ck_assert_uint_eq(verdict_of(&app, "check 1"), CW_ALLOW);
	while (verdict_of(&app, "check 1") == CW_ALLOW) {
		ck_assert_uint_lt(boot_now_ms() - began, 55000);
		usleep(200000);
	}
	ck_assert_uint_ge(boot_now_ms() - began, 29000);
	ck_assert_uint_eq(verdict_of(&app, "check 1"), CW_UNLOCK);
	ck_assert_uint_ne(verdict_of(&app, "use 2"), CW_ALLOW);
	ck_assert_int_eq(stop(&app), 0);
	end();
}
END_TEST

/* Ten years later by its own clock, and the wait has not become shorter. */
START_TEST(TM_06_a_wait_is_the_engines) {
	struct application app;
	uint64_t wait = 0;

	begin();
	start(&app, "ahead", NULL);
	for (int i = 0; i < 5; ++i)
		tell(&app, "sign-in nora wrong password here");
	tell(&app, "sign-in nora " STAFF_PASSWORD);
	ck_assert_int_eq(sscanf(app.said, "wait wait=%llu", (unsigned long long *)&wait), 1);
	ck_assert_uint_gt(wait, 200000);
	ck_assert_int_eq(stop(&app), 0);
	end();
}
END_TEST

/* Care opens at once by any clock, and the press is in the journal. */
START_TEST(TM_06_break_glass_opens_and_is_recorded_by_any_clock) {
	struct application app;
	unsigned verdict = 0;
	int failed = 1;

	begin();
	start(&app, lies[_i].how, lies[_i].boot_offset);
	tell(&app, "glass");
	if (strcmp(app.said, "gone") != 0) {
		ck_assert_msg(sscanf(app.said, "%d %x", &failed, &verdict) == 2 && failed == 0 &&
				      verdict == CW_ALLOW,
			      "%s: %s", lies[_i].why, app.said);
		ck_assert_int_eq(stop(&app), 0);
		/* Granted to the whole seat, or recorded as too late: never lost. */
		world_add(&service, &ui, "lena", "lead");
		ck_assert_msg(history_count(&ui, "emergency-started") +
					      history_count(&ui, "emergency-late-request") >=
				      1,
			      "%s: nothing in the journal", lies[_i].why);
	} else {
		ck_assert_int_eq(stop(&app), 77);
	}
	end();
}
END_TEST

int main(int argc, char **argv) {
	Suite *s = NULL;
	TCase *t = NULL;
	SRunner *r = NULL;
	int failed = 0;

	if (argc == 4 && strcmp(argv[1], "--ui") == 0)
		return be_application(argv[2], argv[3]);
	self = argv[0];
	s = suite_create("broker fake-clock");
	t = tcase_create("broker fake-clock");
	r = srunner_create(s);
	tcase_set_timeout(t, 90);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, TM_06_no_clock_of_the_application_opens_anything, 0, (int)N_LIES);
	tcase_add_test(t, TM_06_a_clock_that_stands_still_is_locked_all_the_same);
	tcase_add_test(t, TM_06_a_wait_is_the_engines);
	tcase_add_loop_test(t, TM_06_break_glass_opens_and_is_recorded_by_any_clock, 0,
			    (int)N_LIES);
	suite_add_tcase(s, t);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_SILENT);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
