/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/device.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define DEADLINE_MS 10000u

const struct cw_action device_actions[ACT_N] = {
	[ACT_STOP] = { "therapy.stop", CW_KIND_ALWAYS },
	[ACT_START] = { "therapy.start", CW_KIND_CARE },
	[ACT_EXPORT] = { "data.export", CW_KIND_GUARDED },
};

static void copy(const char *from_dir, const char *to_dir, const char *file) {
	cleanup_(close_filep) FILE *in = NULL;
	cleanup_(close_filep) FILE *out = NULL;
	char from[512], to[512], text[4096];
	size_t n;

	(void)snprintf(from, sizeof(from), "%s/%s", from_dir, file);
	(void)snprintf(to, sizeof(to), "%s/%s", to_dir, file);
	in = fopen(from, "re");
	out = fopen(to, "we");
	bench_must(in && out, "the profile cannot be copied");
	while ((n = fread(text, 1, sizeof(text), in)) > 0)
		bench_must(fwrite(text, 1, n, out) == n, "the profile cannot be copied");
	bench_must(chmod(to, 0644) == 0, "chmod");
}

static void own(const char *path) {
	if (world_has_two_uids())
		bench_must(chown(path, BROKER_UID, BROKER_UID) == 0, "chown");
}

/* The three directories, and the profile with groups that exist everywhere. */
static void lay_out(struct bench *b, struct device *d) {
	static const char *const files[] = { "device.cfg", "site.cfg", "place.cfg" };
	struct world *w = &d->world;
	static unsigned number;

	w->carewardd = TEST_CAREWARDD;
	bench_must(strlen(b->dir) <= 120, "--dir: the path is too long for a broker");
	(void)snprintf(w->state, sizeof(w->state), "%.120s/state-%u", b->dir, number++);
	(void)snprintf(d->place, sizeof(d->place), "%s/careward-bench-XXXXXX", P_tmpdir);
	bench_must(mkdtemp(d->place) && chmod(d->place, 0755) == 0, "no place for the sockets");
	(void)snprintf(w->run, sizeof(w->run), "%s/run", d->place);
	/* Not below --dir: a checkout may be its group's to write, a configuration may not. */
	(void)snprintf(w->config, sizeof(w->config), "%s/config", d->place);
	bench_must(mkdir(w->run, 0755) == 0 && chmod(w->run, 0755) == 0, "mkdir");
	bench_must(mkdir(w->config, 0755) == 0 && chmod(w->config, 0755) == 0, "mkdir");
	bench_must(mkdir(w->state, 0700) == 0, "mkdir");
	own(w->state);
	own(w->run);
	for (size_t i = 0; i < ARRAY_SIZE(files); ++i)
		copy(b->config, w->config, files[i]);
	if (world_has_two_uids()) {
		world_edit(w, "device.cfg", "group = \"pump-ui\";", "group = \"nogroup\"; mode = \"0666\";");
		world_edit(w, "device.cfg", "group = \"careward-admin\";",
		           "group = \"nogroup\"; mode = \"0666\";");
	} else {
		world_edit(w, "device.cfg", "group = \"pump-ui\";", "");
		world_edit(w, "device.cfg", "group = \"careward-admin\";", "");
	}
	world_edit(w, "site.cfg", "passwords = {",
	           "passwords = {\n  argon2_memory = 19456;\n  argon2_passes = 2;");
}

/* The device that runs, for when the bench ends in the middle; NULL: none. */
static struct device *running;

/* Everything else is below the directory of --dir, which is removed. */
static void remove_place(const struct device *d) {
	static const char *const names[] = { "run/main",        "run/service",      "run",
					     "config/site.cfg", "config/place.cfg", "config/device.cfg",
					     "config",          "" };

	for (size_t i = 0; i < ARRAY_SIZE(names); ++i) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/%s", d->place, names[i]);
		(void)remove(path);
	}
}

static void end_running(void) {
	if (!running)
		return;
	world_kill(&running->world);
	remove_place(running);
	running = NULL;
}

static void watch_over(struct device *d) {
	static bool registered;

	running = d;
	bench_must(registered || atexit(end_running) == 0, "atexit");
	registered = true;
}

const char *device_start(struct bench *b, struct device *d) {
	static struct caller service, seat; /* large */
	char recovery[64];

	if (access(TEST_CAREWARDD, X_OK) < 0)
		return "carewardd is not built here";
	*d = (struct device){ .world = { .ready_fd = -1 } };
	lay_out(b, d);
	world_start(&d->world);
	watch_over(d);
	caller_open(&service, &d->world, "service");
	world_commission(&d->world, &service, recovery);
	caller_sign_in(&service, "anna");
	caller_open(&seat, &d->world, "main");
	world_add(&service, &seat, DEVICE_NURSE, "nurse");
	caller_close(&seat);
	caller_close(&service);
	return NULL;
}

void device_stop(struct device *d) {
	world_stop(&d->world);
	remove_place(d);
	running = NULL;
}

/* The letter of the process's state: T when it is stopped. */
static char state_of(pid_t pid) {
	cleanup_(close_filep) FILE *f = NULL;
	char path[64], state = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	bench_must(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1, "the engine is gone");
	return state;
}

void device_freeze(pid_t engine, bool frozen) {
	bench_must(kill(engine, frozen ? SIGSTOP : SIGCONT) == 0, "the engine is gone");
	for (int i = 0; i < 1000 && (state_of(engine) == 'T') != frozen; ++i)
		(void)usleep(1000);
}

struct cw *client_open(const struct device *d) {
	struct cw_options options = {
		.size = sizeof(options),
		.n_actions = ACT_N,
		.actions = device_actions,
		.socket = "/nonexistent/seat",
		.broker_uid = world_has_two_uids() ? BROKER_UID : geteuid(),
	};
	struct cw_event event = { .size = sizeof(event) };
	struct cw *cw = NULL;
	char path[128];

	if (d) {
		(void)snprintf(path, sizeof(path), "%s/run/main", d->place);
		options.socket = path;
	}
	bench_must(cw_open(&options, &cw) == 0, "cw_open");
	if (d)
		client_wait(cw, CW_EVENT_CONNECTED, &event);
	return cw;
}

void client_turn(struct cw *cw, int ms) {
	struct pollfd p = { .fd = cw_fd(cw), .events = POLLIN };
	int own_ms = cw_timeout_ms(cw);

	if (own_ms >= 0 && own_ms < ms)
		ms = own_ms;
	(void)poll(&p, 1, ms);
	(void)cw_dispatch(cw);
}

void client_wait(struct cw *cw, enum cw_event_kind kind, struct cw_event *ret_event) {
	uint64_t end = boot_now_ms() + DEADLINE_MS;

	while (boot_now_ms() < end) {
		ret_event->size = sizeof(*ret_event);
		while (cw_next_event(cw, ret_event) == 1)
			if (ret_event->kind == kind)
				return;
		client_turn(cw, 100);
	}
	bench_must(false, "an event did not come");
}

void client_settle(struct cw *cw) {
	uint64_t end = boot_now_ms() + DEADLINE_MS;
	struct cw_status status = { .size = sizeof(status) };
	struct cw_event event = { .size = sizeof(event) };

	while (boot_now_ms() < end) {
		while (cw_next_event(cw, &event) == 1)
			;
		if (cw_status(cw, &status) == 0 && status.unrecorded == 0 && status.connected &&
		    !status.emergency)
			return;
		client_turn(cw, 10);
	}
	bench_must(false, "the broker did not write down what it was told");
}

void client_sign_in(struct cw *cw, const char *name, const char *password) {
	struct cw_event event = { .size = sizeof(event) };
	uint64_t attempt = 0;

	bench_must(cw_sign_in(cw, CW_PURPOSE_SIGN_IN, name, &attempt) == 0, "cw_sign_in");
	client_wait(cw, CW_EVENT_PROMPT, &event);
	bench_must(cw_answer(cw, attempt, password, strlen(password)) == 0, "cw_answer");
	client_wait(cw, CW_EVENT_SIGNED_IN, &event);
}
