/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"

/* Nobody but the owner, or root, may rename what is in the directory. */
static int check_directory(int dirfd, uint32_t uid) {
	struct stat st;

	if (fstat(dirfd, &st) < 0)
		return -errno;
	if (st.st_uid != 0 && st.st_uid != uid && st.st_uid != geteuid())
		return -EPERM;
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
		return -EPERM;
	return 0;
}

static int check_place(int dirfd, const char *name, uint32_t uid) {
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode) || (st.st_uid != uid && st.st_uid != geteuid()))
		return -EEXIST;
	return 0;
}

/* A socket that a broker left behind in the middle of this is no obstacle. */
static int clear_temporary(int dirfd, const char *name, uint32_t uid) {
	int r;

	r = check_place(dirfd, name, uid);
	if (r < 0)
		return r;
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* Binds at @path with mode 0: connecting needs the right to write. */
static int bind_closed(int fd, const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t before;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	before = umask(0777);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)umask(before);
	return r;
}

/*
 * The mode comes last: until then only the owner could do anything, and chown()
 * could take bits away.
 */
static int hand_out(int dirfd, const char *temporary, const struct seat_socket *seat,
                    uint32_t uid) {
	if (fchownat(dirfd, temporary, uid, seat->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (fchmodat(dirfd, temporary, seat->mode & 0666, 0) < 0)
		return -errno;
	if (renameat(dirfd, temporary, dirfd, seat->name) < 0)
		return -errno;
	return 0;
}

int listen_bind(const char *run_path, const struct seat_socket *seat, uint32_t uid, int *ret_fd) {
	cleanup_(close_fdp) int dirfd = -1;
	cleanup_(close_fdp) int fd = -1;
	char temporary[LIMIT_NAME + 8];
	char path[256];
	int n, r;

	if (memchr(seat->name, 0, sizeof(seat->name)) == NULL)
		return -EINVAL;
	(void)snprintf(temporary, sizeof(temporary), ".%s.new", seat->name);
	n = snprintf(path, sizeof(path), "%s/%s", run_path, temporary);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	dirfd = open(run_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	r = check_directory(dirfd, uid);
	if (r < 0)
		return r;
	r = check_place(dirfd, seat->name, uid);
	if (r < 0)
		return r;
	r = clear_temporary(dirfd, temporary, uid);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind_closed(fd, path);
	if (r < 0)
		return r;
	r = hand_out(dirfd, temporary, seat, uid);
	if (r < 0) {
		(void)unlinkat(dirfd, temporary, 0);
		return r;
	}
	*ret_fd = fd;
	fd = -1; /* handed over */
	return 0;
}

int listen_begin(int fd) {
	return listen(fd, LISTEN_BACKLOG) < 0 ? -errno : 0;
}
