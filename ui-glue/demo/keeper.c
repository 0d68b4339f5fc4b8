/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_ROOM 512
#define BROKERS 4
#define STOP_TIMEOUT_MS 20000
#define LOCK "demo.lock" /* held by the demo and its keeper                           */
#define PREFIX "careward-demo-"

/* ---- folders ------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *where) {
	(void)remove(path);
	return 0;
}

void keeper_remove(const char *path) {
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Return: a descriptor that holds the lock; -EWOULDBLOCK (somebody else does); -errno. */
static int take_lock(const char *root, int flags) {
	char path[PATH_ROOM];
	int n = snprintf(path, sizeof(path), "%s/" LOCK, root);
	int fd, r;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}

/* One whose lock somebody holds is alive; one that has none yet is only being made. */
static void sweep_one(const char *path) {
	struct stat st;
	int lock;

	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return;
	lock = take_lock(path, 0);
	if (lock < 0)
		return;
	keeper_remove(path);
	(void)close(lock);
}

void keeper_sweep(const char *base) {
	DIR *folder = opendir(base);
	const struct dirent *entry = NULL;
	char path[PATH_ROOM];

	while (folder && (entry = readdir(folder))) {
		int n = snprintf(path, sizeof(path), "%s/%s", base, entry->d_name);

		if (strncmp(entry->d_name, PREFIX, sizeof(PREFIX) - 1) == 0 && n > 0 &&
		    (size_t)n < sizeof(path))
			sweep_one(path);
	}
	if (folder)
		(void)closedir(folder);
}

/* ---- the keeper itself ---------------------------------------------------------------- */

/* A handle for each broker, taken while its number cannot be anybody else's. */
static unsigned listen_to_demo(int fd, int brokers[static BROKERS]) {
	unsigned n = 0;
	pid_t pid = 0;
	ssize_t r;

	do {
		r = read(fd, &pid, sizeof(pid));
		if (r != (ssize_t)sizeof(pid))
			continue;
		brokers[n] = pidfd_open(pid, 0);
		n += brokers[n] >= 0 && n + 1 < BROKERS ? 1 : 0;
	} while (r > 0 || (r < 0 && errno == EINTR));
	return n;
}

static void end_broker(int handle) {
	struct pollfd ended = { .fd = handle, .events = POLLIN };

	(void)pidfd_send_signal(handle, SIGTERM, NULL, 0);
	if (poll(&ended, 1, STOP_TIMEOUT_MS) > 0)
		return;
	(void)pidfd_send_signal(handle, SIGKILL, NULL, 0);
	(void)poll(&ended, 1, STOP_TIMEOUT_MS);
}

/* Only the pipe and the lock: it must not hold the terminal, or anybody's pipe, open. */
static void let_go(int fd, int lock) {
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int low = fd < lock ? fd : lock, high = fd < lock ? lock : fd;

	for (int i = 0; i <= 2 && null >= 0; ++i)
		(void)dup2(null, i);
	if (low > 3)
		(void)close_range(3, (unsigned)low - 1, 0);
	if (high > low + 1)
		(void)close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	(void)close_range((unsigned)high + 1, ~0u, 0);
}

static void keep(const char *root, int fd, int lock) {
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
	int brokers[BROKERS];
	unsigned n;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); ++i)
		(void)signal(ignored[i], SIG_IGN);
	(void)setsid();
	let_go(fd, lock);
	n = listen_to_demo(fd, brokers);
	for (unsigned i = 0; i < n; ++i)
		end_broker(brokers[i]);
	keeper_remove(root);
	_exit(0);
}

int keeper_start(struct keeper *keeper, const char *root) {
	int ends[2], lock = take_lock(root, O_CREAT | O_EXCL);

	if (lock < 0)
		return lock;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		(void)close(lock);
		return -EMFILE;
	}
	keeper->pid = fork();
	if (keeper->pid == 0) {
		(void)close(ends[1]);
		keep(root, ends[0], lock);
	}
	(void)close(ends[0]);
	/* The keeper holds it from now on, for as long as there is something to remove. */
	(void)close(lock);
	keeper->fd = ends[1];
	if (keeper->pid > 0)
		return 0;
	(void)close(ends[1]);
	keeper->pid = 0;
	return -EAGAIN;
}

void keeper_watch(const struct keeper *keeper, pid_t pid) {
	if (keeper->pid > 0 && write(keeper->fd, &pid, sizeof(pid)) < 0)
		return; /* it is gone: the broker is ended by the demo alone */
}

void keeper_end(struct keeper *keeper) {
	if (keeper->pid <= 0)
		return;
	(void)close(keeper->fd);
	while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
		;
	keeper->pid = 0;
}
