/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fd.h"

int memfd_make(const char *name, size_t size) {
	cleanup_(close_fdp) int fd = -1;
	int made;

	fd = fd_lift(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
	if (fd == -EINVAL) /* before Linux 6.3 */
		fd = fd_lift(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (fd < 0)
		return fd;
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)size) < 0)
		return -errno;
	made = fd;
	fd = -1; /* handed over */
	return made;
}

/* "/proc/self/fd/" and the number, by hand: no stdio in the client library. */
static void fd_path(int fd, char ret[32]) {
	static const char prefix[] = "/proc/self/fd/";
	char digits[12];
	size_t n_digits = 0;
	size_t n = 0;

	for (unsigned rest = (unsigned)fd; n_digits == 0 || rest > 0; rest /= 10)
		digits[n_digits++] = (char)('0' + rest % 10);
	while (prefix[n]) {
		ret[n] = prefix[n];
		++n;
	}
	while (n_digits > 0)
		ret[n++] = digits[--n_digits];
	ret[n] = 0;
}

int memfd_reopen_read_only(int fd) {
	char path[32];

	if (fchmod(fd, 0400) < 0)
		return -errno;
	fd_path(fd, path);
	return fd_lift(open(path, O_RDONLY | O_CLOEXEC));
}

int memfd_check(int fd, int seals, size_t size) {
	struct stat st;
	int have;

	have = fcntl(fd, F_GET_SEALS);
	if (have < 0)
		return errno == EINVAL ? -EPERM : -errno;
	if ((have & seals) != seals)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size != size)
		return -EBADMSG;
	return 0;
}
