/* SPDX-License-Identifier: Apache-2.0 */

#include "tokens/keeper-child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "tokens/helper.h"

#define THREADS_FIELD 20u /* of /proc/PID/stat: num_threads, see proc(5)              */

static int socket_pair(int ret[2]) {
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	ret[0] = fd_lift(ends[0]);
	ret[1] = fd_lift(ends[1]);
	/* The engine's end never waits; the helper's always does. */
	if (ret[0] < 0 || ret[1] < 0 || fcntl(ret[0], F_SETFL, O_NONBLOCK) < 0) {
		close_fdp(&ret[0]);
		close_fdp(&ret[1]);
		return -EMFILE;
	}
	return 0;
}

int child_start(struct child *child, const struct token_rules *rules, enum cw_factor factor,
		bool has_own_user) {
	cleanup_(close_fdp) int helper_job = -1;
	cleanup_(close_fdp) int helper_opened = -1;
	struct helper_setup setup = {
		.rules = rules, .factor = factor, .has_own_user = has_own_user};
	pid_t parent = getpid();
	int job[2] = {-1, -1};
	int opened[2] = {-1, -1};
	int r = socket_pair(job);

	if (r < 0)
		return r;
	helper_job = job[1];
	*child = (struct child){.factor = factor, .job_fd = job[0], .opened_fd = -1};
	if (pipe2(opened, O_CLOEXEC | O_NONBLOCK) == 0) {
		child->opened_fd = opened[0];
		helper_opened = opened[1];
		child->pid = fork();
	}
	if (child->pid == 0 && child->opened_fd >= 0) {
		setup.job_fd = helper_job;
		setup.opened_fd = helper_opened;
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
			_exit(1);
		_exit(helper_main(&setup));
	}
	if (child->pid <= 0) {
		r = -errno;
		child_forget(child);
		return r;
	}
	return 0;
}

void child_kill(struct child *child) {
	child->is_dying = true;
	/* The group is there only once it has made it: both. */
	(void)kill(child->pid, SIGKILL);
	(void)kill(-child->pid, SIGKILL);
}

unsigned child_threads(const struct child *child) {
	char path[64], text[1024];
	cleanup_(close_fdp) int fd = -1;
	const char *p = NULL;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)child->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name may hold anything, and ends with the last bracket. */
	p = strrchr(text, ')');
	for (unsigned field = 2; p && field < THREADS_FIELD; ++field)
		p = strchr(p + 1, ' ');
	return p ? (unsigned)strtoul(p + 1, NULL, 10) : 0;
}

int child_opened(struct child *child) {
	int32_t code = 0;
	ssize_t n = read(child->opened_fd, &code, sizeof(code));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n != (ssize_t)sizeof(code))
		code = -ECHILD; /* it ended before it could say */
	close_fdp(&child->opened_fd);
	child->opened_fd = -1;
	return code > 0 || code == -EAGAIN ? -EIO : code;
}

void child_close_job(struct child *child) {
	close_fdp(&child->job_fd);
	child->job_fd = -1;
}

void child_forget(struct child *child) {
	close_fdp(&child->job_fd);
	close_fdp(&child->opened_fd);
	*child = (struct child){.job_fd = -1, .opened_fd = -1};
}
