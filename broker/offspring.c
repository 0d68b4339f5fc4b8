/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/offspring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "broker/sandbox.h"
#include "broker/spool.h"
#include "common/cleanup.h"

#define ASIDE 64    /* above every number that a child has a use for             */
#define FILES 4096u /* where close_range() is not known                          */

/* A child that the supervisor does not outlive, and that only it stops. */
static bool begin(const struct parent *parent) {
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};

	for (size_t i = 0; i < ARRAY_SIZE(ignored); ++i)
		(void)signal(ignored[i], SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent->pid)
		return false;
	return sigprocmask(SIG_SETMASK, parent->signals, NULL) == 0;
}

/* Puts @n descriptors at CONTROL_FD and up, in order; of one that is -1 nothing is there. */
static bool place(int *fds, uint32_t n) {
	for (uint32_t i = 0; i < n; ++i) {
		if (fds[i] < 0)
			continue;
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, ASIDE);
		if (fds[i] < 0)
			return false;
	}
	for (uint32_t i = 0; i < n; ++i) {
		if (fds[i] < 0)
			(void)close(CONTROL_FD + (int)i);
		else if (dup3(fds[i], CONTROL_FD + (int)i, O_CLOEXEC) < 0)
			return false;
	}
	return true;
}

static void close_above(unsigned first) {
	if (close_range(first, ~0u, 0) == 0)
		return;
	for (unsigned fd = first; fd < FILES; ++fd)
		(void)close((int)fd);
}

static int engine(const struct parent *parent, const struct supervisor_setup *setup,
                  const struct engine_setup *inherit, int control) {
	struct engine_setup mine = *inherit;
	int fds[CONTROL_FIRST_LISTEN_FD - CONTROL_FD + LIMIT_SEATS];
	uint32_t n = 0;

	if (!begin(parent))
		return 1;
	(void)spool_feed_free(parent->feed);
	fds[n++] = control;
	fds[n++] = setup->state_fd;
	fds[n++] = setup->config_fd;
	fds[n++] = setup->token_fd;
	for (uint32_t i = 0; i < setup->n_seats; ++i)
		fds[n++] = setup->listen_fds[i];
	if (!place(fds, n))
		return 1;
	close_above(CONTROL_FD + n);
	mine.control_fd = CONTROL_FD;
	mine.state_fd = CONTROL_STATE_FD;
	mine.config_fd = CONTROL_CONFIG_FD;
	mine.token_fd = setup->token_fd < 0 ? -1 : CONTROL_TOKEN_FD;
	for (uint32_t i = 0; i < LIMIT_SEATS; ++i)
		mine.listen_fds[i] = i < setup->n_seats ? CONTROL_FIRST_LISTEN_FD + (int)i : -1;
	return setup->engine(&mine);
}

pid_t offspring_engine(const struct parent *parent, const struct supervisor_setup *setup,
                       const struct engine_setup *inherit, int control) {
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(engine(parent, setup, inherit, control));
	return pid;
}

/* Whatever the writer holds open, the other end never sees closed. */
static int writer(const struct parent *parent, const struct supervisor_setup *setup) {
	if (!begin(parent))
		return 1;
	for (uint32_t i = 0; i < setup->n_seats; ++i)
		(void)close(setup->listen_fds[i]);
	if (setup->config_fd != setup->state_fd)
		(void)close(setup->config_fd);
	if (setup->token_fd >= 0)
		(void)close(setup->token_fd);
	(void)close(parent->signal_fd);
	if (parent->ready_fd >= 0)
		(void)close(parent->ready_fd);
	if (parent->control_fd >= 0)
		(void)close(parent->control_fd);
	if (setup->sandboxed && sandbox_writer() < 0)
		return 1;
	return spool_writer_run(parent->feed, setup->state_fd);
}

pid_t offspring_writer(const struct parent *parent, const struct supervisor_setup *setup) {
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(writer(parent, setup));
	return pid;
}
