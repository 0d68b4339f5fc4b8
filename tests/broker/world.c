/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <careward/sign_in.h>

#include "world.h"

#define DEADLINE_MS 10000

bool world_has_two_uids(void) {
	return geteuid() == 0;
}

uint64_t boot_now_ms(void) {
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static char *slurp(const char *path, size_t *ret_n) {
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 65536);

	ck_assert_msg(f && text, "cannot read %s", path);
	*ret_n = fread(text, 1, 65535, f);
	fclose(f);
	return text;
}

static void spit(const char *path, const char *text, size_t n) {
	FILE *f = fopen(path, "we");

	ck_assert_msg(f && fwrite(text, 1, n, f) == n && fclose(f) == 0, "cannot write %s", path);
	ck_assert_int_eq(chmod(path, 0644), 0);
}

void world_edit(const struct world *w, const char *file, const char *from, const char *to) {
	char path[256], out[65536];
	size_t n = 0;
	char *text = NULL, *at = NULL;

	snprintf(path, sizeof(path), "%s/%s", w->config, file);
	text = slurp(path, &n);
	at = strstr(text, from);
	ck_assert_msg(at != NULL, "%s does not contain: %s", file, from);
	n = (size_t)snprintf(out, sizeof(out), "%.*s%s%s", (int)(at - text), text, to,
	                     at + strlen(from));
	spit(path, out, n);
	free(text);
}

static void copy_config(const struct world *w, const char *profile, const char *file) {
	char from[512], to[256];
	size_t n = 0;
	char *text = NULL;

	snprintf(from, sizeof(from), "%s/%s", profile, file);
	snprintf(to, sizeof(to), "%s/%s", w->config, file);
	text = slurp(from, &n);
	spit(to, text, n);
	free(text);
}

void world_make(struct world *w) {
	char dir[] = P_tmpdir "/careward-test-XXXXXX";

	ck_assert_msg(mkdtemp(dir) != NULL, "mkdtemp: %s", strerror(errno));
	world_make_of(w, dir, TEST_CONFIG_DIR, TEST_CAREWARDD);
}

void world_make_of(struct world *w, const char *dir, const char *profile, const char *carewardd) {
	static const char *const files[] = { "device.cfg", "site.cfg", "place.cfg" };
	const char *group = world_has_two_uids() ? "nogroup" : "";

	*w = (struct world){ .ready_fd = -1, .carewardd = carewardd };
	snprintf(w->dir, sizeof(w->dir), "%s", dir);
	ck_assert_int_eq(chmod(w->dir, 0755), 0);
	snprintf(w->config, sizeof(w->config), "%s/config", w->dir);
	snprintf(w->state, sizeof(w->state), "%s/state", w->dir);
	snprintf(w->run, sizeof(w->run), "%s/run", w->dir);
	ck_assert_int_eq(mkdir(w->config, 0755), 0);
	ck_assert_int_eq(mkdir(w->state, 0700), 0);
	ck_assert_int_eq(mkdir(w->run, 0755), 0);
	if (world_has_two_uids()) {
		ck_assert_int_eq(chown(w->state, BROKER_UID, BROKER_UID), 0);
		ck_assert_int_eq(chown(w->run, BROKER_UID, BROKER_UID), 0);
	}
	for (size_t i = 0; i < 3; ++i)
		copy_config(w, profile, files[i]);
	/* Groups that exist everywhere; a cost that a test under valgrind can pay. */
	if (group[0] != '\0') {
		world_edit(w, "device.cfg", "group = \"pump-ui\";", "group = \"nogroup\"; mode = \"0666\";");
		world_edit(w, "device.cfg", "group = \"careward-admin\";",
		           "group = \"nogroup\"; mode = \"0666\";");
	} else {
		world_edit(w, "device.cfg", "group = \"pump-ui\";", "");
		world_edit(w, "device.cfg", "group = \"careward-admin\";", "");
	}
	world_edit(w, "site.cfg", "passwords = {", "passwords = {\n  argon2_memory = 19456;\n  argon2_passes = 2;");
}

static void wait_ready(struct world *w) {
	struct pollfd p = { .fd = w->ready_fd, .events = POLLIN };
	char byte = 0;

	ck_assert_msg(poll(&p, 1, DEADLINE_MS) == 1 && read(w->ready_fd, &byte, 1) == 1,
	              "carewardd did not become ready");
}

void world_spawn(struct world *w) {
	char ready[16];
	int pipes[2];

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	w->pid = fork();
	ck_assert_int_ge(w->pid, 0);
	if (w->pid == 0) {
		int fd = fcntl(pipes[1], F_DUPFD, 20);

		const struct rlimit few = { w->files, w->files };
		int log = w->log ? open(w->log, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;

		if (w->log && (log < 0 || dup2(log, STDERR_FILENO) < 0))
			_exit(126);

		if (w->files != 0 && setrlimit(RLIMIT_NOFILE, &few) < 0)
			_exit(126);
		snprintf(ready, sizeof(ready), "%d", fd);
		execl(w->carewardd, "carewardd", "--config", w->config, "--state", w->state, "--run",
		      w->run, "--ready-fd", ready, "--token-helper",
		      w->token_helper ? w->token_helper : "", "--token-user", "games",
		      world_has_two_uids() ? "--user" : NULL, "nobody",
		      NULL);
		_exit(127);
	}
	close(pipes[1]);
	if (w->ready_fd >= 0)
		close(w->ready_fd);
	w->ready_fd = pipes[0];
}

void world_start(struct world *w) {
	world_spawn(w);
	wait_ready(w);
	close(w->ready_fd);
	w->ready_fd = -1;
}

void world_stop(struct world *w) {
	int status = 0;

	if (w->pid <= 0)
		return;
	ck_assert_int_eq(kill(w->pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(w->pid, &status, 0), w->pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "carewardd ended with status %x",
	              (unsigned)status);
	w->pid = 0;
}

/* Its children die with the supervisor. */
void world_kill(struct world *w) {
	if (w->pid <= 0)
		return;
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	w->pid = 0;
}

void world_remove(struct world *w) {
	char command[256];

	world_kill(w);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	ck_assert_int_eq(system(command), 0);
}

/* The engine alone has threads: what its own user may see of it. */
static bool has_threads(pid_t pid) {
	char path[64], line[128];
	unsigned threads = 0;
	FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && threads == 0 && fgets(line, sizeof(line), f))
		(void)sscanf(line, "Threads: %u", &threads);
	if (f)
		fclose(f);
	return threads > 1;
}

/* The child that has the database open; only root may look there. */
static bool holds_database(pid_t pid) {
	char path[64], target[256];

	for (int fd = 3; fd < 64; ++fd) {
		ssize_t n = 0;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strstr(target, "careward.db"))
			return true;
	}
	return false;
}

pid_t world_engine(const struct world *w) {
	for (int i = 0; i < 500; ++i) {
		char path[64];
		FILE *f = NULL;
		int child = 0;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)w->pid, (int)w->pid);
		f = fopen(path, "re");
		while (f && fscanf(f, "%d", &child) == 1)
			if (world_has_two_uids() ? holds_database(child) : has_threads(child)) {
				fclose(f);
				return child;
			}
		if (f)
			fclose(f);
		usleep(10000);
	}
	ck_abort_msg("no engine");
	return 0;
}

int caller_connect(struct caller *c, const struct world *w, const char *seat, uint32_t uid) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint32_t old = geteuid();
	int r = 0;

	*c = (struct caller){ .fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", w->run, seat);
	if (uid != 0 && old == 0)
		ck_assert_int_eq(seteuid(uid), 0);
	for (int i = 0; i < 200; ++i) {
		r = connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
		if (r != -EAGAIN && r != -ECONNREFUSED)
			break;
		usleep(10000);
	}
	if (uid != 0 && old == 0)
		ck_assert_int_eq(seteuid(old), 0);
	return r;
}

void caller_begin(struct caller *c, struct frame_writer *w, uint8_t *buffer, size_t n,
                  const char *verb) {
	frame_begin(w, buffer, n, FRAME_REQUEST, ++c->serial, verb);
}

void caller_send(struct caller *c, struct frame_writer *w) {
	ck_assert_int_eq(frame_end(w), 0);
	(void)send(c->fd, w->p, w->n, MSG_NOSIGNAL);
}

int caller_next(struct caller *c, int ms) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	struct iovec iov = { .iov_base = c->packet, .iov_len = sizeof(c->packet) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&p, 1, ms) <= 0)
		return 0;
	n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return -ECONNRESET;
	c->n_fds = 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&msg); h; h = CMSG_NXTHDR(&msg, h)) {
		c->n_fds = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		ck_assert_int_le(c->n_fds, 2);
		memcpy(c->fds, CMSG_DATA(h), sizeof(int) * (size_t)c->n_fds);
	}
	c->n = (size_t)n;
	ck_assert_msg(frame_parse(c->packet, c->n, &c->frame) == 0, "the broker sent no frame");
	return 1;
}

int caller_try_reply(struct caller *c, uint64_t *ret_result) {
	uint64_t end = boot_now_ms() + DEADLINE_MS;

	while (boot_now_ms() < end) {
		if (caller_next(c, DEADLINE_MS) != 1)
			return -ECONNRESET;
		if (c->frame.kind == FRAME_REPLY && c->frame.serial == c->serial)
			return frame_get_uint(c->frame.body, "result", ret_result);
	}
	return -ECONNRESET;
}

uint64_t caller_reply(struct caller *c) {
	uint64_t result = 0, end = boot_now_ms() + DEADLINE_MS;

	while (boot_now_ms() < end) {
		int r = caller_next(c, DEADLINE_MS);

		ck_assert_msg(r == 1, "no reply to request %llu (%d)", (unsigned long long)c->serial, r);
		if (c->frame.kind != FRAME_REPLY)
			continue;
		ck_assert_uint_eq(c->frame.serial, c->serial);
		ck_assert_int_eq(frame_get_uint(c->frame.body, "result", &result), 0);
		return result;
	}
	ck_abort_msg("no reply");
	return 0;
}

bool caller_event(struct caller *c, const char *name) {
	uint64_t end = boot_now_ms() + DEADLINE_MS;

	while (boot_now_ms() < end) {
		int r = caller_next(c, DEADLINE_MS);

		if (r < 0)
			return false;
		if (r == 1 && c->frame.kind == FRAME_EVENT && strcmp(c->frame.name, name) == 0)
			return true;
	}
	ck_abort_msg("no event %s", name);
	return false;
}

bool caller_is_closed(struct caller *c) {
	uint64_t end = boot_now_ms() + 5000;

	while (boot_now_ms() < end)
		if (caller_next(c, 1000) < 0)
			return true;
	return false;
}

uint64_t caller_call(struct caller *c, const char *verb) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), verb);
	caller_send(c, &w);
	return caller_reply(c);
}

static int try_hello(struct caller *c) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	uint8_t buffer[256];
	struct frame_writer w;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	uint64_t result = 0;
	int ring_fd = -1;

	ck_assert_int_eq(ring_make(&c->ring, &ring_fd), 0);
	caller_begin(c, &w, buffer, sizeof(buffer), "hello");
	frame_uint(&w, "version", PROTOCOL_VERSION);
	frame_uint(&w, "actions", 0);
	frame_text(&w, "app", "test");
	ck_assert_int_eq(frame_end(&w), 0);
	iov = (struct iovec){ buffer, w.n };
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.header), &ring_fd, sizeof(ring_fd));
	(void)sendmsg(c->fd, &msg, MSG_NOSIGNAL);
	close(ring_fd);
	if (caller_try_reply(c, &result) < 0 || result != RESULT_OK)
		return -ECONNRESET;
	return frame_get_fixed(c->frame.body, "boot", c->boot, 16);
}

static void hello(struct caller *c) {
	ck_assert_int_eq(try_hello(c), 0);
}

void caller_open(struct caller *c, const struct world *w, const char *seat) {
	caller_open_as(c, w, seat, UI_UID);
}

static void map_pages(struct caller *c) {
	if (c->n_fds == 2)
		ck_assert_int_eq(page_map_policy(c->fds[0], &c->policy), 0);
	ck_assert_int_ge(c->n_fds, 1);
	ck_assert_int_eq(page_map_state(c->fds[c->n_fds - 1], &c->page), 0);
}

void caller_open_as(struct caller *c, const struct world *w, const char *seat, uint32_t uid) {
	ck_assert_int_eq(caller_connect(c, w, seat, uid), 0);
	hello(c);
	map_pages(c);
}

int caller_try_open(struct caller *c, const struct world *w, const char *seat) {
	int r = caller_connect(c, w, seat, UI_UID);

	if (r == 0)
		r = try_hello(c);
	if (r < 0) {
		caller_close(c);
		return r;
	}
	map_pages(c);
	for (int i = 0; i < c->n_fds; ++i)
		close(c->fds[i]);
	return 0;
}

void caller_close(struct caller *c) {
	close(c->fd);
	if (c->policy)
		page_unmap_policy(c->policy);
	if (c->page)
		page_unmap_state_read(c->page);
	if (c->ring)
		ring_unmap(c->ring);
	*c = (struct caller){ .fd = -1 };
}

static void answer(struct caller *c, uint64_t attempt, const struct answer *a, uint64_t field) {
	uint8_t buffer[512];
	struct frame_writer w;

	ck_assert_msg(a->field == field, "asked for field %llu, the test has an answer for %llu",
	              (unsigned long long)field, (unsigned long long)a->field);
	caller_begin(c, &w, buffer, sizeof(buffer), "attempt.answer");
	frame_uint(&w, "attempt", attempt);
	frame_bytes(&w, "value", a->value, strlen(a->value));
	caller_send(c, &w);
}

const char *caller_converse(struct caller *c, const struct answer *answers, size_t n) {
	static char over[FRAME_NAME_MAX];
	uint64_t attempt = 0, field = 0;
	size_t i = 0;

	for (;;) {
		ck_assert_int_eq(caller_next(c, DEADLINE_MS), 1);
		if (c->frame.kind != FRAME_EVENT ||
		    frame_get_uint(c->frame.body, "attempt", &attempt) < 0)
			continue;
		if (strcmp(c->frame.name, "prompt") != 0) {
			memcpy(over, c->frame.name, sizeof(over));
			return over;
		}
		ck_assert_int_eq(frame_get_uint(c->frame.body, "field", &field), 0);
		ck_assert_msg(i < n, "asked for field %llu after the last answer",
		              (unsigned long long)field);
		answer(c, attempt, &answers[i++], field);
	}
}

const char *caller_attempt(struct caller *c, uint64_t purpose, const char *name,
                           const struct answer *answers, size_t n) {
	uint8_t buffer[512];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "attempt.begin");
	frame_uint(&w, "purpose", purpose);
	if (name)
		frame_text(&w, "name", name);
	caller_send(c, &w);
	return caller_reply(c) == RESULT_OK ? caller_converse(c, answers, n) : "refused";
}

static void take_text(struct caller *c, const char *key, char *ret, size_t n) {
	ck_assert_int_eq(frame_get_text(c->frame.body, key, ret, n), 0);
}

/* From a one-time password to one of one's own. */
static void first_change(struct caller *c, const char *name, const char *one_time,
                         const char *password) {
	const struct answer answers[] = { { CW_FIELD_PASSWORD, one_time },
					  { CW_FIELD_NEW_PASSWORD, password },
					  { CW_FIELD_NEW_PASSWORD_AGAIN, password } };

	ck_assert_str_eq(caller_attempt(c, CW_PURPOSE_SIGN_IN, name, answers, 3), "signed-in");
}

void world_commission(const struct world *w, struct caller *service, char ret_recovery[64]) {
	char secret[64];
	uint8_t buffer[512];
	struct frame_writer f;
	struct caller root;

	ck_assert_int_eq(caller_connect(&root, w, "service", 0), 0);
	hello(&root);
	caller_begin(&root, &f, buffer, sizeof(buffer), "init");
	frame_text(&f, "name", "anna");
	frame_open_array(&f, "roles");
	frame_text(&f, NULL, "admin");
	frame_close(&f);
	caller_send(&root, &f);
	ck_assert_uint_eq(caller_reply(&root), RESULT_OK);
	take_text(&root, "secret", secret, sizeof(secret));
	take_text(&root, "recovery", ret_recovery, 64);
	caller_close(&root);
	first_change(service, "anna", secret, ADMIN_PASSWORD);
}

void world_add(struct caller *service, struct caller *c, const char *name, const char *role) {
	char secret[64];
	uint8_t buffer[512];
	struct frame_writer f;

	caller_begin(service, &f, buffer, sizeof(buffer), "user.add");
	frame_text(&f, "name", name);
	frame_open_array(&f, "roles");
	frame_text(&f, NULL, role);
	frame_close(&f);
	caller_send(service, &f);
	ck_assert_msg(caller_reply(service) == RESULT_OK, "cannot add %s as %s", name, role);
	take_text(service, "secret", secret, sizeof(secret));
	first_change(c, name, secret, STAFF_PASSWORD);
}

void caller_sign_in(struct caller *c, const char *name) {
	const struct answer a = { CW_FIELD_PASSWORD,
				  strcmp(name, "anna") == 0 ? ADMIN_PASSWORD : STAFF_PASSWORD };

	ck_assert_str_eq(caller_attempt(c, CW_PURPOSE_SIGN_IN, name, &a, 1), "signed-in");
}

void record_make(const struct caller *c, struct ring_record *r, uint8_t kind,
                 const uint8_t id[16], uint64_t serial, uint64_t deadline_in_ms) {
	*r = (struct ring_record){ .magic = RING_MAGIC,
				   .kind = kind,
				   .serial = serial,
				   .boot_ms = boot_now_ms(),
				   .wall_ms = (int64_t)time(NULL) * 1000,
				   .deadline_ms = boot_now_ms() + deadline_in_ms,
				   .pid = (uint32_t)getpid() };
	memcpy(r->emergency, id, 16);
	memcpy(r->boot_id, c->boot, 16);
}

void caller_record(struct caller *c, struct ring_record *r) {
	uint8_t packet[1 + sizeof(*r)];

	ck_assert(ring_write(c->ring, r));
	packet[0] = PROTOCOL_RAW_RECORD;
	memcpy(packet + 1, r, sizeof(*r));
	ck_assert_int_eq(send(c->fd, packet, sizeof(packet), MSG_NOSIGNAL),
			 (ssize_t)sizeof(packet));
}

uint64_t history_count(struct caller *c, const char *event) {
	uint64_t before = 0, n = 0;

	do {
		uint8_t buffer[256];
		struct frame_writer w;
		struct frame_span entries, item;
		size_t cursor = 0;

		caller_begin(c, &w, buffer, sizeof(buffer), "history");
		frame_uint(&w, "before", before);
		frame_text(&w, "event", event);
		caller_send(c, &w);
		ck_assert_uint_eq(caller_reply(c), RESULT_OK);
		ck_assert_int_eq(frame_get_array(c->frame.body, "entries", &entries), 0);
		while (frame_next_item(entries, &cursor, &item) == 1)
			++n;
		ck_assert_int_eq(frame_get_uint(c->frame.body, "next", &before), 0);
	} while (before != 0);
	return n;
}
