/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_FD_H
#define COMMON_FD_H

/*
 * Descriptors that stay away from 0, 1 and 2
 *
 * A process that was started with these closed must not find a page or a socket
 * behind its standard output.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FD_LOWEST 3

/*
 * fd_lift() - move a descriptor that was just made out of the way
 * @fd:  new descriptor, close-on-exec, or -1 with errno set; taken over
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

#endif
