/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cli/fake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRETS_FD 9

static uint8_t packet[LIMIT_FRAME];

/* One packet, and the descriptor that may come along. */
static ssize_t take(int fd, int *ret_passed) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { packet, sizeof(packet) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
				  .msg_controllen = sizeof(control.room) };
	ssize_t n = recvmsg(fd, &message, 0);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*ret_passed = -1;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_passed, CMSG_DATA(c), sizeof(int));
	return n;
}

static void say(int fd, struct frame_writer *w, const uint8_t *buffer) {
	if (frame_end(w) == 0)
		(void)send(fd, buffer, w->n, MSG_NOSIGNAL);
}

static void answer(int fd, const struct exchange *x, uint64_t serial, const char *name) {
	static uint8_t buffer[LIMIT_FRAME];
	struct frame_writer w;

	if (x->rubbish) {
		(void)send(fd, "\xff\xff\xff", 3, MSG_NOSIGNAL);
		return;
	}
	/* Somebody else's event comes first, as it may at any time. */
	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, "state");
	say(fd, &w, buffer);
	frame_begin(&w, buffer, sizeof(buffer), FRAME_REPLY,
	            x->strange ? serial + 1 : serial, name);
	frame_uint(&w, "result", x->result);
	if (x->fill)
		x->fill(&w);
	say(fd, &w, buffer);
	if (x->event) {
		frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, x->event);
		frame_uint(&w, "attempt", 7);
		if (x->fill_event)
			x->fill_event(&w);
		say(fd, &w, buffer);
	}
}

/* What is left of @script, on a connection that is made now. */
static int play_again(int listening, const struct exchange *script);

/* Return: 0 when all came as it is written, and then the end; 1 otherwise. */
static int play(int listening, int fd, const struct exchange *script) {
	static const struct exchange greeting = { .verb = "hello" };
	const struct exchange *x = &greeting;
	struct frame frame;
	int passed = -1;
	ssize_t n;

	for (;;) {
		n = take(fd, &passed);
		if (n <= 0)
			return x != &greeting && !x->verb ? 0 : 1;
		if (frame_parse(packet, (size_t)n, &frame) < 0 || frame.kind != FRAME_REQUEST ||
		    !x->verb || strcmp(x->verb, frame.name) != 0)
			return 1;
		if (x->is_right && !x->is_right(frame.body, passed))
			return 1;
		if (x->hang_up) {
			(void)close(fd);
			return x[1].verb ? play_again(listening, x + 1) : 0;
		}
		answer(fd, x, frame.serial, frame.name);
		if (passed >= 0)
			(void)close(passed);
		x = x == &greeting ? script : x + 1;
	}
}

static int play_again(int listening, const struct exchange *script) {
	struct pollfd wanted = { .fd = listening, .events = POLLIN };

	/* Who is not even greeted leaves at once. */
	if (poll(&wanted, 1, 20000) != 1)
		return 1;
	return play(listening, accept(listening, NULL, NULL), script);
}

static int listen_at(const char *path) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	(void)chmod(path, 0666);
	return fd;
}

static pid_t start_broker(const char *path, const struct exchange *script, uint32_t uid) {
	int ready[2], fd = listen_at(path);
	char c = 0;
	pid_t pid;

	if (pipe(ready) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		if (uid != UINT32_MAX && setuid(uid) < 0)
			_exit(1);
		/* The kernel notes who it is when it begins to listen. */
		if (listen(fd, 4) < 0 || write(ready[1], "1", 1) != 1)
			_exit(1);
		_exit(play_again(fd, script));
	}
	if (read(ready[0], &c, 1) != 1)
		abort();
	(void)close(ready[0]);
	(void)close(ready[1]);
	(void)close(fd);
	return pid;
}

static void read_all(int fd, char *ret, size_t room) {
	size_t have = 0;
	ssize_t n;

	while (have + 1 < room && (n = read(fd, ret + have, room - 1 - have)) > 0)
		have += (size_t)n;
	ret[have] = '\0';
}

static void become(const char *const *args, const char *path, const char *lines, int out, int err) {
	const char *all[40] = { CAREWARD_CLI };
	char *const *argv = NULL;
	const char *const *list = all;
	size_t n = 1;
	int secrets[2];

	for (; args[n - 1]; ++n)
		all[n] = args[n - 1];
	if (path) {
		all[n++] = "--socket";
		all[n++] = path;
	}
	if (lines) {
		all[n++] = "--password-fd";
		all[n++] = "9";
		/* Whatever numbers the pipe got: out of the way, then to the one that is told. */
		if (pipe(secrets) < 0 || write(secrets[1], lines, strlen(lines)) < 0)
			_exit(127);
		secrets[0] = fcntl(secrets[0], F_DUPFD, 2 * SECRETS_FD);
		(void)close(secrets[1]);
		if (dup2(secrets[0], SECRETS_FD) < 0)
			_exit(127);
		(void)close(secrets[0]);
	}
	/* No terminal: whoever is asked for something is not there. */
	(void)setsid();
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	memcpy(&argv, &list, sizeof(argv));
	(void)execv(CAREWARD_CLI, argv);
	_exit(127);
}

void fake_run(const char *const *args, const char *lines, const struct exchange *script,
              uint32_t uid, struct run *ret_run) {
	char folder[] = "/tmp/careward-cli-XXXXXX", path[64];
	int out[2], err[2], status = 0;
	pid_t broker = 0, pid;

	memset(ret_run, 0, sizeof(*ret_run));
	if (!mkdtemp(folder) || chmod(folder, 0755) < 0 || pipe(out) < 0 || pipe(err) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "%s/seat", folder);
	if (script)
		broker = start_broker(path, script, uid);
	pid = fork();
	if (pid == 0)
		become(args, script ? path : NULL, lines, out[1], err[1]);
	(void)close(out[1]);
	(void)close(err[1]);
	read_all(out[0], ret_run->out, sizeof(ret_run->out));
	read_all(err[0], ret_run->err, sizeof(ret_run->err));
	(void)close(out[0]);
	(void)close(err[0]);
	(void)waitpid(pid, &status, 0);
	ret_run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (broker > 0) {
		(void)waitpid(broker, &status, 0);
		ret_run->followed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	(void)unlink(path);
	(void)rmdir(folder);
}

void fake_file(char ret_path[64], const char *name, const char *text, size_t n) {
	FILE *f = NULL;

	(void)snprintf(ret_path, 64, "/tmp/careward-test-%d-%s", (int)getpid(), name);
	f = fopen(ret_path, "we");
	if (!f || fwrite(text, 1, n, f) != n || fclose(f) != 0)
		abort();
}
