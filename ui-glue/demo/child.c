/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t child_now_ms(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All lines into a pipe, which holds more than they are. Return: its reading end; -errno. */
static int offer_lines(const char *const *lines) {
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	for (; lines && *lines; ++lines)
		if (write(ends[1], *lines, strlen(*lines)) < 0 || write(ends[1], "\n", 1) < 0)
			break;
	(void)close(ends[1]);
	return ends[0];
}

static void become(const char *const *args, int secrets, int out) {
	char *const *argv = NULL;

	if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 ||
	    dup2(secrets, CHILD_SECRETS_FD) < 0)
		_exit(127);
	/* dup2() onto itself leaves it to be closed. */
	(void)fcntl(CHILD_SECRETS_FD, F_SETFD, 0);
	(void)signal(SIGPIPE, SIG_DFL);
	memcpy(&argv, &args, sizeof(argv));
	(void)execv(args[0], argv);
	_exit(127);
}

static size_t read_all(int fd, char *ret_out, size_t room) {
	char rest[256];
	size_t have = 0;
	ssize_t n;

	do {
		if (have + 1 < room)
			n = read(fd, ret_out + have, room - 1 - have);
		else
			n = read(fd, rest, sizeof(rest));
		if (n > 0 && have + 1 < room)
			have += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	ret_out[have] = '\0';
	return have;
}

int child_run(const char *const *args, const char *const *lines, char *ret_out, size_t room) {
	int secrets = offer_lines(lines), out[2], status = 0;
	pid_t pid;

	if (secrets < 0)
		return secrets;
	if (pipe2(out, O_CLOEXEC) < 0) {
		(void)close(secrets);
		return -EMFILE;
	}
	pid = fork();
	if (pid == 0)
		become(args, secrets, out[1]);
	(void)close(secrets);
	(void)close(out[1]);
	if (pid > 0)
		(void)read_all(out[0], ret_out, room);
	(void)close(out[0]);
	if (pid < 0)
		return -EAGAIN;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
