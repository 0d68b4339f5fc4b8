/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_FD_H
#define COMMON_FD_H

/* Descriptors: new ones, and those that come with a message. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_LOWEST 3

/*
 * fd_lift() - move a descriptor that was just made away from 0, 1 and 2
 * @fd:  new descriptor, close-on-exec, or -1 with errno set; taken over
 *
 * A process that was started with these closed must not find a page or a socket
 * behind its standard output.
 *
 * Return: the descriptor, 3 or greater; -errno, and nothing is left open.
 */
static inline int fd_lift(int fd) {
	int high;
	int error;

	if (fd < 0)
		return -errno;
	if (fd >= FD_LOWEST)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FD_LOWEST);
	error = errno;
	(void)close(fd);
	return high < 0 ? -error : high;
}

/*
 * fd_received() - the first descriptor that came along; any other is closed
 * @header:  as recvmsg() left it
 *
 * Return: the descriptor, the caller's; -1: none.
 */
static inline int fd_received(struct msghdr *header) {
	int first = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; ++i) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (first < 0)
				first = fd;
			else
				(void)close(fd);
		}
	}
	return first;
}

#endif
