/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/token-start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "tokens/keeper.h"

#define ASIDE 64 /* above KEEPER_FD                                                  */

static void become_token(const char *path, const char *user, int fd) {
	const char *arguments[] = {"careward-token", user ? "--user" : NULL, user, NULL};
	char *const nothing[] = {NULL};
	int aside = fcntl(fd, F_DUPFD_CLOEXEC, ASIDE);

	if (aside < 0 || dup2(aside, KEEPER_FD) < 0)
		_exit(126);
	(void)close_range(KEEPER_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	(void)execve(path, (char *const *)(uintptr_t)arguments, nothing);
	_exit(127);
}

int token_start(const char *path, const char *user) {
	cleanup_(close_fdp) int theirs = -1;
	int ends[2];
	int ours = -1;
	pid_t pid;

	if (path[0] == '\0')
		return -ENOENT;
	if (access(path, X_OK) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	theirs = ends[1];
	ours = fd_lift(ends[0]);
	if (ours < 0)
		return ours;
	pid = fork();
	if (pid == 0)
		become_token(path, user, theirs);
	if (pid < 0) {
		int error = errno;

		(void)close(ours);
		return -error;
	}
	return ours;
}
