/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tokens/watching.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_MS 60000

static void see(const struct token_sight *sight, void *userdata) {
	struct watching *w = userdata;

	if (sight->kind == TOKEN_SIGHT_ALIVE)
		++w->beats;
	else if (write(w->sights[1], sight, sizeof(*sight)) != sizeof(*sight))
		w->result = -1;
}

static void *run(void *userdata) {
	struct watching *w = userdata;

	w->result = token_watch(&w->rules, w->stop[0], see, w);
	return NULL;
}

void watching_start(struct watching *w) {
	ck_assert_int_eq(pipe2(w->stop, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(w->sights, O_CLOEXEC | O_DIRECT), 0);
	if (!w->confine) {
		ck_assert_int_eq(pthread_create(&w->thread, NULL, run, w), 0);
		return;
	}
	w->pid = fork();
	ck_assert_int_ge(w->pid, 0);
	if (w->pid > 0)
		return;
	(void)close(w->stop[1]);
	_exit(w->confine() < 0 || token_watch(&w->rules, w->stop[0], see, w) < 0);
}

void watching_stop(struct watching *w) {
	(void)close(w->stop[1]);
	if (w->pid > 0) {
		ck_assert_int_eq(waitpid(w->pid, &w->result, 0), w->pid);
	} else {
		ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
	}
	(void)close(w->stop[0]);
	(void)close(w->sights[0]);
	(void)close(w->sights[1]);
	ck_assert_int_eq(w->result, 0);
}

bool watching_next(struct watching *w, int ms, struct token_sight *ret_sight) {
	struct pollfd wait = { .fd = w->sights[0], .events = POLLIN };

	if (poll(&wait, 1, ms) != 1)
		return false;
	ck_assert_int_eq(read(w->sights[0], ret_sight, sizeof(*ret_sight)), sizeof(*ret_sight));
	return true;
}

struct token_sight watching_need(struct watching *w, enum token_sight_kind kind) {
	struct token_sight sight = { .kind = TOKEN_SIGHT_NONE };

	ck_assert_msg(watching_next(w, LONGEST_MS, &sight), "nothing was seen, not %d", (int)kind);
	ck_assert_msg(sight.kind == kind, "seen %d of '%s', not %d", (int)sight.kind, sight.name,
		      (int)kind);
	return sight;
}

void watching_need_none(struct watching *w, int ms) {
	struct token_sight sight = { .kind = TOKEN_SIGHT_NONE };

	ck_assert_msg(!watching_next(w, ms, &sight), "seen %d of '%s'", (int)sight.kind, sight.name);
}

double watching_now_ms(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void hid_plug(const char *folder, const char *name, const uint8_t *descriptor, size_t n) {
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/%s/device", folder, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/%s/device/report_descriptor", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, descriptor, n), (ssize_t)n);
	(void)close(fd);
}

void hid_unplug(const char *folder, const char *name) {
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s/device/report_descriptor", folder, name);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/%s/device", folder, name);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)rmdir(path);
}
