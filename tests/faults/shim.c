/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is preloaded: the C library's calls as a bad device answers them
 *
 * It only does what the engine's filter of system calls lets the engine do.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/shim.h"

#define EXPORT __attribute__((visibility("default")))
#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))
/* Looked up once; who comes first in two threads finds the same. */
#define REAL(name)                                                                                 \
	static __typeof__(&name) real;                                                             \
	if (!real)                                                                                 \
	real = NEXT(name)

static struct shim_page *page;
static struct shim_side *me;

__attribute__((constructor)) static void begin(void) {
	const char *path = getenv(SHIM_PAGE_VARIABLE);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct shim_page *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (map == MAP_FAILED || map->magic != SHIM_MAGIC)
		return;
	page = map;
	me = &map->side[strcmp(program_invocation_short_name, "carewardd") == 0 ? SHIM_BROKER :
	                                                                          SHIM_SCREEN];
}

static void nap(unsigned ms) {
	const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* Counts what the kernel itself said. */
static int told(int r) {
	if (r < 0 && me && errno == ENOSPC)
		++me->n_no_space;
	if (r < 0 && me && errno == EROFS)
		++me->n_read_only;
	if (r < 0 && me && errno == EMFILE)
		++me->n_no_file;
	return r;
}

static ssize_t told_size(ssize_t r) {
	(void)told(r < 0 ? -1 : 0);
	return r;
}

/* ---- storage ---------------------------------------------------------------------- */

static bool is_read_only(int fd) {
	struct stat st;

	if (!me || !me->read_only || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_dev != page->device)
		return false;
	++me->n_read_only;
	errno = EROFS;
	return true;
}

/* Return: 0: go on; -1. */
static int sync_bad(int fd) {
	uint32_t once = SYNC_FAIL_ONCE;
	struct stat st;

	if (!me || me->sync == SYNC_GOOD || fstat(fd, &st) < 0 || st.st_dev != page->device)
		return 0;
	++me->n_sync;
	if (me->sync == SYNC_SLOW)
		nap(me->sync_ms);
	while (me->sync == SYNC_HANG)
		nap(5);
	if (me->sync != SYNC_FAIL && !atomic_compare_exchange_strong(&me->sync, &once, SYNC_GOOD))
		return 0;
	errno = EIO;
	return -1;
}

EXPORT int fsync(int fd) {
	REAL(fsync);
	return sync_bad(fd) < 0 ? -1 : told(real(fd));
}

EXPORT int fdatasync(int fd) {
	REAL(fdatasync);
	return sync_bad(fd) < 0 ? -1 : told(real(fd));
}

EXPORT ssize_t write(int fd, const void *p, size_t n) {
	REAL(write);
	return is_read_only(fd) ? -1 : told_size(real(fd, p, n));
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int n) {
	REAL(writev);
	return is_read_only(fd) ? -1 : told_size(real(fd, iov, n));
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
	REAL(pwrite);
	return is_read_only(fd) ? -1 : told_size(real(fd, p, n, at));
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) {
	REAL(pwrite64);
	return is_read_only(fd) ? -1 : told_size(real(fd, p, n, at));
}

EXPORT int ftruncate(int fd, off_t n) {
	REAL(ftruncate);
	return is_read_only(fd) ? -1 : told(real(fd, n));
}

EXPORT int ftruncate64(int fd, off64_t n) {
	REAL(ftruncate64);
	return is_read_only(fd) ? -1 : told(real(fd, n));
}

EXPORT int fallocate(int fd, int mode, off_t at, off_t n) {
	REAL(fallocate);
	return is_read_only(fd) ? -1 : told(real(fd, mode, at, n));
}

EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t n) {
	REAL(fallocate64);
	return is_read_only(fd) ? -1 : told(real(fd, mode, at, n));
}

/* A file that was opened for writing is closed again. */
static int opened(int fd, int flags) {
	if (fd >= 0 && (flags & O_ACCMODE) != O_RDONLY && is_read_only(fd)) {
		(void)close(fd);
		errno = EROFS;
		return -1;
	}
	return told(fd);
}

#define MODE_OF(flags, mode)                                                                       \
	do {                                                                                       \
		va_list list;                                                                      \
		va_start(list, flags);                                                             \
		if ((flags) & (O_CREAT | O_TMPFILE))                                               \
			(mode) = va_arg(list, mode_t);                                             \
		va_end(list);                                                                      \
	} while (0)

EXPORT int open(const char *path, int flags, ...) {
	REAL(open);
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return opened(real(path, flags, mode), flags);
}

EXPORT int open64(const char *path, int flags, ...) {
	REAL(open64);
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return opened(real(path, flags, mode), flags);
}

EXPORT int openat(int at, const char *path, int flags, ...) {
	REAL(openat);
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return opened(real(at, path, flags, mode), flags);
}

EXPORT int openat64(int at, const char *path, int flags, ...) {
	REAL(openat64);
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return opened(real(at, path, flags, mode), flags);
}

/* ---- descriptors and seals --------------------------------------------------------- */

static int control(int (*real)(int, int, ...), int fd, int command, void *argument) {
	if (me && me->no_future_write && command == F_ADD_SEALS &&
	    ((uintptr_t)argument & F_SEAL_FUTURE_WRITE)) {
		++me->n_seal;
		errno = EINVAL;
		return -1;
	}
	return told(real(fd, command, argument));
}

#define ARGUMENT_OF(command, argument)                                                             \
	do {                                                                                       \
		va_list list;                                                                      \
		va_start(list, command);                                                           \
		(argument) = va_arg(list, void *);                                                 \
		va_end(list);                                                                      \
	} while (0)

EXPORT int fcntl(int fd, int command, ...) {
	REAL(fcntl);
	void *argument = NULL;

	ARGUMENT_OF(command, argument);
	return control(real, fd, command, argument);
}

EXPORT int fcntl64(int fd, int command, ...) {
	REAL(fcntl64);
	void *argument = NULL;

	ARGUMENT_OF(command, argument);
	return control(real, fd, command, argument);
}

EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *n, int flags) {
	REAL(accept4);
	return told(real(fd, address, n, flags));
}

EXPORT int memfd_create(const char *name, unsigned flags) {
	REAL(memfd_create);
	return told(real(name, flags));
}

/* ---- pages ------------------------------------------------------------------------- */

/* The same descriptor, but of a copy with one byte changed, and the same seals. */
static void swap(int fd, size_t size) {
	int seals = fcntl(fd, F_GET_SEALS);
	int copy = memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint8_t *from = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	uint8_t byte = 0;

	if (copy >= 0 && from != MAP_FAILED && write(copy, from, size) == (ssize_t)size) {
		byte = from[me->flip_at % size] ^ 0xff;
		if (pwrite(copy, &byte, 1, (off_t)(me->flip_at % size)) == 1 &&
		    fcntl(copy, F_ADD_SEALS, seals) == 0 && dup3(copy, fd, O_CLOEXEC) == fd)
			++me->n_flip;
	}
	if (from != MAP_FAILED)
		(void)munmap(from, size);
	if (copy >= 0)
		(void)close(copy);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags) {
	REAL(recvmsg);
	ssize_t n = real(fd, msg, flags);
	uint32_t want = 0;

	if (n >= 0 && me && (msg->msg_flags & MSG_CTRUNC))
		++me->n_no_file;
	if (n <= 0 || !me || me->flip == FLIP_NONE)
		return n;
	want = me->flip == FLIP_POLICY ? page->policy_size : page->state_size;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
		size_t n_fds = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; h->cmsg_type == SCM_RIGHTS && i < n_fds; ++i) {
			struct stat st;
			int got = -1;

			memcpy(&got, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (fstat(got, &st) == 0 && st.st_size == (off_t)want)
				swap(got, want);
		}
	}
	return n;
}

/* ---- the loop ---------------------------------------------------------------------- */

static void turn(void) {
	if (!me)
		return;
	if (me->late_ms > 0) {
		++me->n_late;
		nap(me->late_ms);
	}
	while (me->spin)
		++me->n_spin;
}

EXPORT int epoll_wait(int fd, struct epoll_event *events, int n, int ms) {
	REAL(epoll_wait);
	int r = real(fd, events, n, ms);

	turn();
	return r;
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int n, int ms, const sigset_t *mask) {
	REAL(epoll_pwait);
	int r = real(fd, events, n, ms, mask);

	turn();
	return r;
}

/* ---- the clock on the wall ---------------------------------------------------------- */

static bool wall(int64_t *ret_s) {
	if (!me || !me->wall)
		return false;
	++me->n_wall;
	*ret_s = me->wall_s;
	return true;
}

EXPORT int clock_gettime(clockid_t id, struct timespec *ret) {
	REAL(clock_gettime);
	int r = real(id, ret);
	int64_t s = 0;

	if (r == 0 && id == CLOCK_REALTIME && wall(&s))
		ret->tv_sec = s;
	return r;
}

EXPORT int gettimeofday(struct timeval *ret, void *zone) {
	REAL(gettimeofday);
	int r = real(ret, zone);
	int64_t s = 0;

	if (r == 0 && wall(&s))
		ret->tv_sec = s;
	return r;
}

EXPORT time_t time(time_t *ret) {
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

/* ---- memory ------------------------------------------------------------------------- */

/* The C library's own names for what is replaced here. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static bool is_used_up(void) {
	uint64_t n, first;

	if (!me || me->alloc_first == 0)
		return false;
	n = ++me->n_alloc;
	first = me->alloc_first;
	if (n < first || n - first >= me->alloc_n)
		return false;
	++me->n_alloc_failed;
	errno = ENOMEM;
	return true;
}

EXPORT void *malloc(size_t n) {
	return is_used_up() ? NULL : __libc_malloc(n);
}

EXPORT void *calloc(size_t n, size_t size) {
	return is_used_up() ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *p, size_t n) {
	return n > 0 && is_used_up() ? NULL : __libc_realloc(p, n);
}

EXPORT void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
	REAL(mmap);
	return (flags & MAP_ANONYMOUS) && is_used_up() ? MAP_FAILED :
	                                                 real(at, n, protection, flags, fd, offset);
}
