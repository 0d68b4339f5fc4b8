/* SPDX-License-Identifier: Apache-2.0 */
/* A private broker as a child: for development and trials. */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define EMBEDDED_FD 3

static int actions_fill(posix_spawn_file_actions_t *actions, int fd) {
	int r = posix_spawn_file_actions_adddup2(actions, fd, EMBEDDED_FD);

	/* It must not find its database behind a standard output that is closed here. */
	for (int i = 0; i < 3 && r == 0; ++i) {
		if (fcntl(i, F_GETFD) < 0)
			r = posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
	}
	return -r;
}

static int spawn(const struct cw_options *options, int fd, int *ret_pid) {
	char name[] = "carewardd", embedded[] = "--embedded", state[] = "--state",
	     config[] = "--config";
	char *none[] = { NULL };
	char *argv[] = { name,   embedded,
			 state,  (char *)(uintptr_t)options->embedded,
			 config, (char *)(uintptr_t)options->embedded_config,
			 NULL };
	const char *path = options->embedded_broker ? options->embedded_broker : CAREWARD_BROKER;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t empty;
	pid_t pid = 0;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	(void)sigemptyset(&empty);
	(void)posix_spawnattr_setsigmask(&attributes, &empty);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	r = actions_fill(&actions, fd);
	if (r == 0)
		r = -posix_spawn(&pid, path, &actions, &attributes, argv, none);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r == 0)
		*ret_pid = pid;
	return r;
}

int embedded_start(const struct cw_options *options, int *ret_pid) {
	cleanup_(close_fdp) int ours = -1;
	cleanup_(close_fdp) int theirs = -1;
	int fds[2];
	int fd, r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	ours = fd_lift(fds[0]);
	theirs = fd_lift(fds[1]);
	if (ours < 0 || theirs < 0)
		return ours < 0 ? ours : theirs;
	r = spawn(options, theirs, ret_pid);
	if (r < 0)
		return r;
	fd = ours;
	ours = -1; /* handed over */
	return fd;
}
