/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Preloaded into carewardd: what it does to its state directory goes into the log
 *
 * Nothing here makes a system call that carewardd may not make, so its filters
 * stay on. A sync is recorded and not made: nobody pulls the real plug.
 */

/* Both names of each call are defined here; the headers must not turn one into the other. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define EXPORT __attribute__((visibility("default")))

static struct log *shared;
static char state[128];
static dev_t state_dev;
static ino_t state_ino;
static bool wrote; /* this process has written into the directory                  */

/* The next one of a name; there is no typed way to ask for it. */
static void *next_of(const char *name) {
	return dlsym(RTLD_NEXT, name);
}

#define REAL(type, name)                                                                           \
	static type real_##name;                                                                   \
	if (!real_##name) {                                                                        \
		void *next = next_of(#name);                                                       \
		memcpy(&real_##name, &next, sizeof(next));                                         \
	}

__attribute__((constructor)) static void begin(void) {
	const char *path = getenv(LOG_MEMORY), *watched = getenv(LOG_STATE);
	int fd = path && watched ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct stat st;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, LOG_ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p == MAP_FAILED || stat(watched, &st) < 0)
		abort();
	(void)strncpy(state, watched, sizeof(state) - 1);
	state_dev = st.st_dev;
	state_ino = st.st_ino;
	shared = p;
}

static struct log_op *add(enum log_kind kind, size_t n) {
	uint64_t used = atomic_load(&shared->used);
	struct log_op *op = (struct log_op *)(void *)(shared->bytes + used);
	uint64_t size = sizeof(*op) + ((n + 7u) & ~(uint64_t)7);

	if (used + size > LOG_ROOM - sizeof(struct log)) {
		atomic_store(&shared->full, 1);
		return NULL;
	}
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->pid = (uint32_t)getpid();
	op->n = (uint32_t)n;
	atomic_store(&shared->used, used + size);
	return op;
}

static void *payload(struct log_op *op) {
	return op + 1;
}

static void name_it(char to[LOG_NAME], const char *name) {
	(void)strncpy(to, name, LOG_NAME - 1);
}

/* Of a regular file next to the state directory's others: its inode; else 0. */
static uint64_t ours(int fd) {
	int e = errno;
	struct stat st;
	uint64_t inode = 0;

	if (shared && fstat(fd, &st) == 0 && st.st_dev == state_dev && S_ISREG(st.st_mode))
		inode = st.st_ino;
	errno = e;
	return inode;
}

static bool is_state(int fd) {
	int e = errno;
	struct stat st;
	bool is = shared && fstat(fd, &st) == 0 && st.st_dev == state_dev &&
		  st.st_ino == state_ino;

	errno = e;
	return is;
}

/* The name inside of the state directory; NULL: elsewhere. */
static const char *name_in(int dirfd, const char *path) {
	size_t n = strlen(state);

	if (!shared)
		return NULL;
	if (path[0] == '/')
		return strncmp(path, state, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
	return dirfd != AT_FDCWD && is_state(dirfd) ? path : NULL;
}

/* ---- names ------------------------------------------------------------------------ */

typedef int (*openat_t)(int, const char *, int, ...);

static int open_and_log(int dirfd, const char *path, int flags, mode_t mode) {
	REAL(openat_t, openat)
	const char *name = (flags & (O_CREAT | O_TRUNC)) ? name_in(dirfd, path) : NULL;
	struct stat st;
	struct log_op *op;
	bool was_there;
	int fd, e;

	if (!name)
		return real_openat(dirfd, path, flags, mode);
	log_lock(shared);
	was_there = fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	fd = real_openat(dirfd, path, flags, mode);
	e = errno;
	if (fd >= 0 && (!was_there || (flags & O_TRUNC))) {
		op = add(was_there ? LOG_TRUNCATE : LOG_CREATE, 0);
		if (op) {
			op->inode = ours(fd);
			name_it(op->name, name);
		}
	}
	log_unlock(shared);
	errno = e;
	return fd;
}

#define OPEN_MODE(flags, mode)                                                                     \
	mode_t mode = 0;                                                                           \
	if ((flags) & (O_CREAT | O_TMPFILE)) {                                                     \
		va_list list;                                                                      \
		va_start(list, flags);                                                             \
		mode = va_arg(list, mode_t);                                                       \
		va_end(list);                                                                      \
	}

EXPORT int open(const char *path, int flags, ...) {
	OPEN_MODE(flags, mode)
	return open_and_log(AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...) {
	OPEN_MODE(flags, mode)
	return open_and_log(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int dirfd, const char *path, int flags, ...) {
	OPEN_MODE(flags, mode)
	return open_and_log(dirfd, path, flags, mode);
}

EXPORT int openat64(int dirfd, const char *path, int flags, ...) {
	OPEN_MODE(flags, mode)
	return open_and_log(dirfd, path, flags, mode);
}

/* The name is gone: @done says whether the call said so. */
static int log_unlink(const char *name, int done) {
	int e = errno;
	struct log_op *op = name && done == 0 ? add(LOG_UNLINK, 0) : NULL;

	if (op)
		name_it(op->name, name);
	errno = e;
	return done;
}

EXPORT int unlink(const char *path) {
	typedef int (*unlink_t)(const char *);
	REAL(unlink_t, unlink)
	const char *name = name_in(AT_FDCWD, path);
	int r;

	if (!name)
		return real_unlink(path);
	log_lock(shared);
	r = log_unlink(name, real_unlink(path));
	log_unlock(shared);
	return r;
}

EXPORT int unlinkat(int dirfd, const char *path, int flags) {
	typedef int (*unlinkat_t)(int, const char *, int);
	REAL(unlinkat_t, unlinkat)
	const char *name = name_in(dirfd, path);
	int r;

	if (!name)
		return real_unlinkat(dirfd, path, flags);
	log_lock(shared);
	r = log_unlink(name, real_unlinkat(dirfd, path, flags));
	log_unlock(shared);
	return r;
}

EXPORT int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
	typedef int (*renameat2_t)(int, const char *, int, const char *, unsigned);
	REAL(renameat2_t, renameat2)
	const char *name = name_in(from_fd, from), *other = name_in(to_fd, to);
	struct log_op *op;
	int r, e;

	if (!name || !other)
		return real_renameat2(from_fd, from, to_fd, to, flags);
	log_lock(shared);
	r = real_renameat2(from_fd, from, to_fd, to, flags);
	e = errno;
	op = r == 0 ? add(LOG_RENAME, 0) : NULL;
	if (op) {
		name_it(op->name, name);
		name_it(op->to, other);
	}
	log_unlock(shared);
	errno = e;
	return r;
}

EXPORT int renameat(int from_fd, const char *from, int to_fd, const char *to) {
	return renameat2(from_fd, from, to_fd, to, 0);
}

EXPORT int rename(const char *from, const char *to) {
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- bytes ------------------------------------------------------------------------ */

typedef ssize_t (*pwrite_t)(int, const void *, size_t, off_t);

static ssize_t write_and_log(uint64_t inode, int fd, const void *p, size_t n, off_t at) {
	REAL(pwrite_t, pwrite)
	struct log_op *op;
	ssize_t done;
	int e;

	log_lock(shared);
	done = real_pwrite(fd, p, n, at);
	e = errno;
	op = done > 0 ? add(LOG_WRITE, (size_t)done) : NULL;
	if (op) {
		op->inode = inode;
		op->at = at;
		memcpy(payload(op), p, (size_t)done);
	}
	wrote = true;
	log_unlock(shared);
	errno = e;
	return done;
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
	REAL(pwrite_t, pwrite)
	uint64_t inode = ours(fd);

	return inode ? write_and_log(inode, fd, p, n, at) : real_pwrite(fd, p, n, at);
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) {
	return pwrite(fd, p, n, at);
}

/* The spool writer's word to the supervisor is eight bytes to an eventfd. */
static void log_word(size_t n) {
	if (!shared || !wrote || n != 8)
		return;
	log_lock(shared);
	(void)add(LOG_SPOOLED, 0);
	log_unlock(shared);
}

EXPORT ssize_t write(int fd, const void *p, size_t n) {
	typedef ssize_t (*write_t)(int, const void *, size_t);
	REAL(write_t, write)
	uint64_t inode = ours(fd);
	off_t at;
	ssize_t done;

	if (!inode) {
		log_word(n);
		return real_write(fd, p, n);
	}
	at = lseek(fd, 0, SEEK_CUR);
	done = write_and_log(inode, fd, p, n, at);
	if (done > 0)
		(void)lseek(fd, at + done, SEEK_SET);
	return done;
}

static void log_size_of(enum log_kind kind, uint64_t inode, off_t at) {
	struct log_op *op = add(kind, 0);

	if (op) {
		op->inode = inode;
		op->at = at;
	}
}

EXPORT int ftruncate(int fd, off_t size) {
	typedef int (*ftruncate_t)(int, off_t);
	REAL(ftruncate_t, ftruncate)
	uint64_t inode = ours(fd);
	int r;

	if (!inode)
		return real_ftruncate(fd, size);
	log_lock(shared);
	r = real_ftruncate(fd, size);
	if (r == 0)
		log_size_of(LOG_TRUNCATE, inode, size);
	log_unlock(shared);
	return r;
}

EXPORT int ftruncate64(int fd, off64_t size) {
	return ftruncate(fd, size);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t n) {
	typedef int (*fallocate_t)(int, off_t, off_t);
	REAL(fallocate_t, posix_fallocate)
	uint64_t inode = ours(fd);
	int r;

	if (!inode)
		return real_posix_fallocate(fd, at, n);
	log_lock(shared);
	r = real_posix_fallocate(fd, at, n);
	if (r == 0)
		log_size_of(LOG_ALLOCATE, inode, at + n);
	log_unlock(shared);
	return r;
}

EXPORT int posix_fallocate64(int fd, off64_t at, off64_t n) {
	return posix_fallocate(fd, at, n);
}

EXPORT int fsync(int fd) {
	typedef int (*fsync_t)(int);
	REAL(fsync_t, fsync)
	uint64_t inode = ours(fd);

	if (!inode && !is_state(fd))
		return real_fsync(fd);
	log_lock(shared);
	log_size_of(inode ? LOG_SYNC : LOG_SYNC_DIR, inode, 0);
	log_unlock(shared);
	return 0;
}

EXPORT int fdatasync(int fd) {
	return fsync(fd);
}

/* ---- what is said ----------------------------------------------------------------- */

/* A frame is an array of four; what goes to the supervisor is none. */
EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags) {
	typedef ssize_t (*sendmsg_t)(int, const struct msghdr *, int);
	REAL(sendmsg_t, sendmsg)
	const struct iovec *part = msg->msg_iovlen > 0 ? &msg->msg_iov[0] : NULL;
	size_t n = part && part->iov_len > LOG_CLIP ? LOG_CLIP : part ? part->iov_len : 0;
	struct log_op *op;

	if (shared && n > 0 && *(const uint8_t *)part->iov_base == 0x84) {
		log_lock(shared);
		op = add(LOG_SENT, n);
		if (op)
			memcpy(payload(op), part->iov_base, n);
		log_unlock(shared);
	}
	return real_sendmsg(fd, msg, flags);
}

/* libargon2's; its context is none of our business. */
EXPORT int argon2id_ctx(void *context);
EXPORT int argon2id_ctx(void *context) {
	typedef int (*argon2id_ctx_t)(void *);
	REAL(argon2id_ctx_t, argon2id_ctx)

	if (shared) {
		log_lock(shared);
		(void)add(LOG_HASH, 0);
		log_unlock(shared);
	}
	return real_argon2id_ctx(context);
}
