/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/seats.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policy/decide.h"
#include "broker/sandbox.h"
#include "common/cleanup.h"

#define SEATS_NAME "seats"
#define SEATS_TEMPORARY "seats.new"

void seats_default(uint32_t gid, struct seats *ret_seats) {
	struct seats seats = {
		.source = SEATS_DEFAULT,
		.n = 1,
		.seats = {{.name = "main", .gid = gid, .mode = 0660}},
	};

	seats_close(&seats);
	*ret_seats = seats;
}

void seats_close(struct seats *seats) {
	seats->magic = SEATS_MAGIC;
	seats->crc = policy_crc32((const uint8_t *)seats, offsetof(struct seats, crc), 0);
}

static bool is_plain(char c) {
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_inner(char c) {
	return is_plain(c) || c == '-' || c == '_' || c == '.';
}

/* A name that cannot leave the directory of the sockets or hide in it. */
static bool name_is_good(const char name[LIMIT_NAME]) {
	size_t n = strnlen(name, LIMIT_NAME);

	if (n == 0 || n >= LIMIT_NAME || !is_plain(name[0]))
		return false;
	for (size_t i = 1; i < n; ++i)
		if (!is_inner(name[i]))
			return false;
	return true;
}

static bool seat_is_good(const struct seats *seats, uint32_t i) {
	const struct seat_socket *seat = &seats->seats[i];

	if (!name_is_good(seat->name) || (seat->mode & ~0666u) != 0 || seat->one_user > 1)
		return false;
	if (seat->gid == UINT32_MAX)
		return false;
	for (uint32_t j = 0; j < i; ++j)
		if (strcmp(seats->seats[j].name, seat->name) == 0)
			return false;
	return true;
}

bool seats_are_valid(const struct seats *seats) {
	if (seats->magic != SEATS_MAGIC || seats->source > SEATS_DEVICE ||
	    seats->n == 0 || seats->n > LIMIT_SEATS)
		return false;
	if (seats->crc != policy_crc32((const uint8_t *)seats, offsetof(struct seats, crc), 0))
		return false;
	for (uint32_t i = 0; i < seats->n; ++i)
		if (!seat_is_good(seats, i))
			return false;
	return true;
}

int seats_load(int state_fd, struct seats *ret_seats) {
	cleanup_(close_fdp) int fd = -1;
	struct seats seats;
	struct stat st;
	ssize_t n;

	fd = openat(state_fd, SEATS_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ELOOP ? -EPERM : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IRWXG | S_IRWXO)))
		return -EPERM;
	if (st.st_size != (off_t)sizeof(seats))
		return -EBADMSG;
	n = read(fd, &seats, sizeof(seats));
	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof(seats) || !seats_are_valid(&seats))
		return -EBADMSG;
	*ret_seats = seats;
	return 0;
}

int seats_save(int state_fd, const struct seats *seats) {
	cleanup_(close_fdp) int fd = -1;
	ssize_t n;

	if (unlinkat(state_fd, SEATS_TEMPORARY, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(state_fd, SEATS_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	n = write(fd, seats, sizeof(*seats));
	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof(*seats))
		return -ENOSPC;
	if (fchmod(fd, 0600) < 0 || fsync(fd) < 0)
		return -errno;
	if (renameat(state_fd, SEATS_TEMPORARY, state_fd, SEATS_NAME) < 0)
		return -errno;
	return fsync(state_fd) < 0 ? -errno : 0;
}

/* ---- the child that parses --------------------------------------------------------- */

/*
 * What the child does: find, or, if find is NULL, look for what was saved only.
 * The answer goes out before anything is written to the disk.
 */
struct question {
	int (*find)(const char *config_path, uint32_t gid, struct seats *ret_seats);
	const char *config_path;
	int state_fd;
	uint32_t uid;
	uint32_t gid;
};

static bool answer(int out, struct seats *seats, enum seats_source source) {
	seats->source = source;
	seats_close(seats);
	return seats_are_valid(seats) &&
	       write(out, seats, sizeof(*seats)) == (ssize_t)sizeof(*seats);
}

static int child(const struct question *q, int out) {
	struct seats seats = {0};
	struct seats last;
	bool known;

	if (sandbox_drop(q->uid, q->gid) < 0)
		return 1;
	known = seats_load(q->state_fd, &last) == 0;
	if (q->find && q->find(q->config_path, q->gid, &seats) == 0 &&
	    answer(out, &seats, SEATS_DEVICE)) {
		/* Not saved is not fatal: the file serves another day only. */
		if (!known || memcmp(&last, &seats, sizeof(seats)) != 0)
			(void)seats_save(q->state_fd, &seats);
		return 0;
	}
	return known && answer(out, &last, SEATS_LAST) ? 0 : 1;
}

_Static_assert(sizeof(struct seats) <= 4096, "one write to a pipe");

static bool read_answer(int in, uint32_t timeout_ms, struct seats *ret_seats) {
	struct pollfd wanted = {.fd = in, .events = POLLIN};
	struct seats seats;
	int r;

	do {
		r = poll(&wanted, 1, (int)timeout_ms);
	} while (r < 0 && errno == EINTR);
	if (r <= 0 || read(in, &seats, sizeof(seats)) != (ssize_t)sizeof(seats))
		return false;
	if (!seats_are_valid(&seats))
		return false;
	*ret_seats = seats;
	return true;
}

/* Half a second to save; a child that hangs in the disk is left to the supervisor. */
static void reap(pid_t pid, bool answered) {
	const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};

	if (!answered)
		(void)kill(pid, SIGKILL);
	for (int i = 0; i < 50; ++i) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		(void)nanosleep(&moment, NULL);
	}
	(void)kill(pid, SIGKILL);
	(void)nanosleep(&moment, NULL);
	(void)waitpid(pid, NULL, WNOHANG);
}

/* Return: true with an answer of a child. */
static bool ask(const struct question *q, uint32_t timeout_ms, struct seats *ret_seats) {
	cleanup_(close_fdp) int in = -1;
	cleanup_(close_fdp) int out = -1;
	bool answered;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0)
		_exit(child(q, out));
	(void)close(out);
	out = -1;
	answered = read_answer(in, timeout_ms, ret_seats);
	reap(pid, answered);
	return answered;
}

void seats_ask(int (*find)(const char *config_path, uint32_t gid, struct seats *ret_seats),
               const char *config_path, int state_fd, uint32_t uid, uint32_t gid,
               uint32_t timeout_ms, struct seats *ret_seats) {
	struct question q = {find, config_path, state_fd, uid, gid};

	seats_default(gid, ret_seats);
	if (ask(&q, timeout_ms, ret_seats))
		return;
	/* The parser crashed, hung or had nothing to say. */
	q.find = NULL;
	(void)ask(&q, timeout_ms, ret_seats);
}
