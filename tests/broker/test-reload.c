/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <careward/careward.h>

#include "install.h"
#include "run.h"

/*
 * PO-10: another policy while eight applications ask without a pause
 *
 * The second policy takes one right from nurses and gives the roles other numbers: an
 * answer that is made of half of each would be wrong, and so would one made of none.
 */

#define CLIENTS  8
#define INSTALLS 16

static const struct cw_action actions[] = {
	{ "therapy.stop", CW_KIND_ALWAYS },
	{ "therapy.start", CW_KIND_CARE },
	{ "settings.display", CW_KIND_GUARDED },
	{ "data.export", CW_KIND_GUARDED },
};
enum { STOP, START, DISPLAY, EXPORT };

static struct caller service, ui;
static char recovery[64];
static uint32_t broker_uid;

/* What one application saw. */
struct seen {
	uint64_t n, with, without; /* answers; display allowed, not allowed             */
	uint64_t n_used, n_refused; /* the engine's own                                 */
	char wrong[160];           /* the first answer that is neither                  */
};

static void note(struct seen *seen, const char *what, enum cw_verdict v, enum cw_reason reason) {
	if (seen->wrong[0] == '\0')
		snprintf(seen->wrong, sizeof(seen->wrong), "%s: verdict 0x%x, reason %d", what,
			 (unsigned)v, (int)reason);
}

/* One round of questions, as a screen asks when it draws. */
static void ask(struct cw *cw, struct seen *seen) {
	enum cw_reason reason;
	enum cw_verdict v = cw_check(cw, STOP, &reason);

	++seen->n;
	if (v != CW_ALLOW)
		note(seen, "always", v, reason);
	v = cw_check(cw, START, &reason);
	if (v != CW_ALLOW)
		note(seen, "care", v, reason);
	v = cw_check(cw, EXPORT, &reason);
	if (v != CW_DENY || reason != CW_REASON_ROLE)
		note(seen, "never granted", v, reason);
	v = cw_check(cw, DISPLAY, &reason);
	if (v == CW_ALLOW)
		++seen->with;
	else if (v == CW_DENY && reason == CW_REASON_ROLE)
		++seen->without;
	else
		note(seen, "granted by the one", v, reason);
}

static void take_events(struct cw *cw, struct seen *seen) {
	struct cw_event event = { .size = sizeof(event) };

	while (cw_next_event(cw, &event) == 1) {
		if (event.kind == CW_EVENT_USED && event.verdict == CW_ALLOW)
			++seen->n_used;
		else if (event.kind == CW_EVENT_USED && event.verdict == CW_DENY &&
			 event.reason == CW_REASON_ROLE)
			++seen->n_refused;
		else if (event.kind == CW_EVENT_USED)
			note(seen, "the engine", event.verdict, event.reason);
		else if (event.kind == CW_EVENT_DISCONNECTED)
			note(seen, "disconnected", 0, 0);
		event.size = sizeof(event);
	}
}

/* An application that looks at its socket every @pause_ms, and asks all the time. */
static void run_client(unsigned which, int stop, int out) {
	static const unsigned pauses[] = { 0, 1, 10, 50, 100, 200, 400, 800 };
	char socket[200];
	struct cw_options options = {
		.size = sizeof(options),
		.n_actions = 4,
		.actions = actions,
		.socket = socket,
		.broker_uid = broker_uid,
	};
	struct seen seen = { 0 };
	struct cw *cw = NULL;
	uint64_t dispatched = 0, used = 0;
	struct pollfd p = { .fd = stop, .events = POLLIN };

	snprintf(socket, sizeof(socket), "%s/main", world.run);
	if (world_has_two_uids() && (setgid(UI_UID) < 0 || setuid(UI_UID) < 0))
		_exit(1);
	if (cw_open(&options, &cw) < 0)
		_exit(2);
	while (cw_dispatch(cw) < 0 || cw_session(cw) == 0)
		usleep(1000);
	while (poll(&p, 1, 0) == 0) {
		uint64_t now = boot_now_ms(), serial = 0;
		enum cw_verdict v = CW_DENY;

		for (int i = 0; i < 100; ++i)
			ask(cw, &seen);
		usleep(200); /* others live here, too */
		if (now - dispatched < pauses[which])
			continue;
		dispatched = now;
		(void)cw_dispatch(cw);
		take_events(cw, &seen);
		/* The engine's own answers, ten a second. */
		if (now - used >= 100 && cw_use(cw, DISPLAY, NULL, cw_session(cw), &v, NULL,
						&serial) == -EINPROGRESS)
			used = now;
	}
	if (write(out, &seen, sizeof(seen)) != (ssize_t)sizeof(seen))
		_exit(3);
	_exit(0);
}

static uint64_t use_display(void) {
	uint8_t buffer[256];
	struct frame_writer w;
	struct policy_state s;
	uint64_t verdict = 0;

	ck_assert_int_eq(state_page_read(ui.page, &s), 0);
	caller_begin(&ui, &w, buffer, sizeof(buffer), "use");
	frame_text(&w, "action", "settings.display");
	frame_uint(&w, "session", s.session);
	caller_send(&ui, &w);
	(void)caller_reply(&ui);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "verdict", &verdict), 0);
	return verdict;
}

/* The policies; whoever was right by the one is told so until the other is in force. */
static void install_all(void) {
	char *with = config_text(&world, "site.cfg");
	char *other = text_with(with, "roles = (",
				"roles = (\n  { name = \"porter\"; allow = [ \"data.export\" ]; },");
	char *without = text_with(other, "allow = [ \"therapy.*\", \"settings.display\" ]; },",
				  "allow = [ \"therapy.*\" ]; },");

	for (int i = 0; i < INSTALLS; ++i) {
		ck_assert_uint_eq(config_install_as(&service, "site", i % 2 == 0 ? without : with),
				  RESULT_OK);
		ck_assert_uint_eq(use_display(), i % 2 == 0 ? CW_DENY : CW_ALLOW);
		usleep(300000);
	}
	free(without);
	free(other);
	free(with);
}

START_TEST(PO_10_old_or_new_and_never_neither_while_a_policy_changes) {
	struct seen seen[CLIENTS] = { 0 };
	int stop[2], out[CLIENTS][2], status = 0;
	pid_t pids[CLIENTS];

	broker_uid = world_has_two_uids() ? BROKER_UID : (uint32_t)getuid();
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	caller_open(&ui, &world, "main");
	world_add(&service, &ui, "bert", "biomed");
	world_add(&service, &ui, "nina", "nurse");
	caller_sign_in(&ui, "nina");
	caller_sign_in(&service, "bert");
	ck_assert_int_eq(pipe2(stop, O_CLOEXEC), 0);
	for (unsigned i = 0; i < CLIENTS; ++i) {
		ck_assert_int_eq(pipe2(out[i], O_CLOEXEC), 0);
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0) {
			close(stop[1]);
			run_client(i, stop[0], out[i][1]);
		}
		close(out[i][1]);
	}
	install_all();
	close(stop[1]);
	for (unsigned i = 0; i < CLIENTS; ++i) {
		ck_assert_int_eq(read(out[i][0], &seen[i], sizeof(seen[i])), sizeof(seen[i]));
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
		printf("# %u: %llu rounds, with %llu, without %llu; engine: %llu and %llu\n", i,
		       (unsigned long long)seen[i].n, (unsigned long long)seen[i].with,
		       (unsigned long long)seen[i].without, (unsigned long long)seen[i].n_used,
		       (unsigned long long)seen[i].n_refused);
	}
	for (unsigned i = 0; i < CLIENTS; ++i) {
		ck_assert_msg(seen[i].wrong[0] == '\0', "application %u: %s", i, seen[i].wrong);
		/* It saw both policies: it was there. */
		ck_assert_uint_gt(seen[i].with, 0);
		ck_assert_uint_gt(seen[i].without, 0);
	}
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		PO_10_old_or_new_and_never_neither_while_a_policy_changes,
	};

	return RUN_TESTS("broker reload", tests);
}
