/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/supervisor/toy.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/listen.h"
#include "careward/result.h"
#include "common/cleanup.h"
#include "tests/supervisor/toy-wire.h"

#define PATIENCE_MS 20000

extern struct toy_stage *toy_stage;
struct toy_stage *toy_stage;

static void pause_ms(long ms) {
	const struct timespec t = {.tv_nsec = ms * 1000000};

	(void)nanosleep(&t, NULL);
}

void toy_set_up(struct toy *toy) {
	struct seat_socket seat = {.name = "main", .gid = getegid(), .mode = 0660};

	memset(toy, 0, sizeof(*toy));
	toy_stage = mmap(NULL, sizeof(*toy_stage), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(toy_stage != MAP_FAILED);
	toy->stage = toy_stage;
	(void)snprintf(toy->dir, sizeof(toy->dir), "/tmp/careward-supervisor-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(toy->dir));
	toy->state_fd = open(toy->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(toy->state_fd, 0);
	ck_assert_int_eq(listen_bind(toy->dir, &seat, geteuid(), &toy->listen_fd), 0);
	ck_assert_int_eq(listen_begin(toy->listen_fd), 0);
	toy->ready_fd = -1;
	toy->times = (struct supervisor_times){
		.backoff_ms = 2,
		.backoff_most_ms = 20,
		.settled_ms = 1,
		.drain_ms = 10,
	};
}

void toy_begin(struct toy *toy, enum toy_act act) {
	struct supervisor_setup setup = {
		.token_fd = -1,
		.engine = toy_engine,
		.state_fd = toy->state_fd,
		.config_fd = toy->state_fd,
		.config_path = toy->dir,
		.n_seats = 1,
		.seats = {{.name = "main", .gid = getegid(), .mode = 0660}},
		.listen_fds = {toy->listen_fd},
		.seats_source = SEATS_DEVICE,
		.sandboxed = toy->sandboxed,
		.times = toy->times,
	};
	int ends[2];

	atomic_store(&toy->stage->act, act);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	setup.ready_fd = ends[1];
	toy->ready_fd = ends[0];
	toy->supervisor = fork();
	ck_assert_int_ge(toy->supervisor, 0);
	if (toy->supervisor == 0) {
		(void)close(ends[0]);
		_exit(supervisor_run(&setup) == 0 ? 0 : 1);
	}
	(void)close(ends[1]);
}

int toy_end(struct toy *toy) {
	int status = -1;

	(void)kill(toy->supervisor, SIGTERM);
	for (int i = 0; i < PATIENCE_MS / 5; ++i) {
		if (waitpid(toy->supervisor, &status, WNOHANG) == toy->supervisor) {
			toy->supervisor = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		}
		pause_ms(5);
	}
	(void)kill(toy->supervisor, SIGKILL);
	(void)waitpid(toy->supervisor, NULL, 0);
	toy->supervisor = 0;
	return -1;
}

void toy_clean_up(struct toy *toy) {
	static const char *const names[] = {"main", ".main.new", "spool", "seats", "seats.new"};

	if (toy->supervisor > 0) {
		(void)kill(toy->supervisor, SIGKILL);
		(void)waitpid(toy->supervisor, NULL, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
		(void)unlinkat(toy->state_fd, names[i], 0);
	close_fdp(&toy->listen_fd);
	close_fdp(&toy->state_fd);
	close_fdp(&toy->ready_fd);
	(void)rmdir(toy->dir);
	(void)munmap(toy->stage, sizeof(*toy->stage));
}

pid_t toy_engine_pid(const struct toy *toy) {
	uint32_t n = atomic_load(&toy->stage->starts);

	return n ? (pid_t)atomic_load(&toy->stage->start[(n - 1) % TOY_STARTS].pid) : 0;
}

bool toy_wait(_Atomic uint32_t *value, uint32_t least) {
	for (int i = 0; i < PATIENCE_MS && atomic_load(value) < least; ++i)
		pause_ms(1);
	return atomic_load(value) >= least;
}

static bool has_all(const struct toy *toy, uint64_t from, uint64_t to) {
	for (uint64_t i = from; i <= to; ++i)
		if (atomic_load(&toy->stage->times[i]) == 0)
			return false;
	return true;
}

bool toy_wait_journal(struct toy *toy, struct toy_client *client, uint64_t from, uint64_t to) {
	for (int i = 0; i < PATIENCE_MS && !has_all(toy, from, to); ++i) {
		if (client)
			toy_client_turn(toy, client);
		pause_ms(1);
	}
	return has_all(toy, from, to);
}

/* ---- the client ----------------------------------------------------------------------- */

void toy_client_new(struct toy_client *client, uint64_t first_serial) {
	*client = (struct toy_client){
		.fd = -1,
		.ring_fd = -1,
		.serial = first_serial - 1,
		.reconnects = true,
	};
	ck_assert_int_eq(ring_make(&client->ring, &client->ring_fd), 0);
}

bool toy_client_connect(struct toy *toy, struct toy_client *client) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/main", toy->dir);
	client->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd >= 0 &&
	    connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	    wire_send(client->fd, "h", 1, client->ring_fd) == 1)
		return true;
	close_fdp(&client->fd);
	client->fd = -1;
	return false;
}

bool toy_client_write(struct toy_client *client) {
	struct ring_record record = {
		.kind = RECORD_USE,
		.verdict = CW_ALLOW,
		.serial = client->serial + 1,
		.action = "therapy.start",
	};

	if (!ring_write(client->ring, &record))
		return false;
	++client->serial;
	return true;
}

void toy_client_turn(struct toy *toy, struct toy_client *client) {
	static const uint8_t none[16] = {0};
	uint64_t serial;
	ssize_t n;

	if (client->fd < 0 && client->reconnects)
		(void)toy_client_connect(toy, client);
	if (client->fd < 0)
		return;
	while ((n = recv(client->fd, &serial, sizeof(serial), MSG_DONTWAIT)) > 0)
		ring_release(client->ring, none, serial);
	if (n < 0 && errno == EAGAIN)
		return;
	(void)close(client->fd);
	client->fd = -1;
}

void toy_client_free(struct toy_client *client) {
	ring_unmap(client->ring);
	close_fdp(&client->ring_fd);
	close_fdp(&client->fd);
}
