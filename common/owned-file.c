/* SPDX-License-Identifier: Apache-2.0 */
#include "common/owned-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

/* Who asks, and where the reason goes. */
struct look {
	uid_t reader;
	off_t most;
	char *why; /* OWNED_WHY bytes                                                   */
};

__attribute__((format(printf, 2, 3))) static void refuse(const struct look *l, const char *format,
							 ...) {
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(l->why, OWNED_WHY, format, arguments);
	va_end(arguments);
}

static bool is_stranger(const struct look *l, uid_t uid) {
	return uid != 0 && uid != l->reader;
}

/*
 * Who may rename a directory's entries may put another file in place of ours.
 * In a sticky directory only the owner of the entry may.
 */
static bool directory_is_good(const struct look *l, int fd, const char *name) {
	struct stat st;

	if (fstat(fd, &st) < 0) {
		refuse(l, "cannot look at the directory %.100s: %s", name, strerrordesc_np(errno));
		return false;
	}
	if (is_stranger(l, st.st_uid)) {
		refuse(l, "the directory %.100s belongs to uid %u; it must belong to root", name,
		       (unsigned)st.st_uid);
		return false;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0) {
		refuse(l, "others may write to the directory %.100s; chmod go-w it", name);
		return false;
	}
	return true;
}

/* Opens the next directory of the path. Return: its descriptor; -1 after an error. */
static int enter(const struct look *l, int parent, const char *name, const char *so_far) {
	int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && !directory_is_good(l, fd, so_far)) {
		close_fdp(&fd);
		return -1;
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		refuse(l, "%.100s is a link or no directory; write the path without links", so_far);
	else if (fd < 0)
		refuse(l, "cannot open the directory %.100s: %s", so_far, strerrordesc_np(errno));
	return fd;
}

/*
 * The directory that holds the file, by one step per directory, so that the
 * directory looked at is the one gone through.
 * Return: a descriptor; -1 after adding an error.
 */
static int open_parent(const struct look *l, char *path, const char **ret_name) {
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *name = path;

	if (fd < 0) {
		refuse(l, "cannot open the root directory: %s", strerrordesc_np(errno));
		return -1;
	}
	if (!directory_is_good(l, fd, "/")) {
		close_fdp(&fd);
		return -1;
	}
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		int next;

		*slash = '\0';
		if (*name) {
			next = enter(l, fd, name, path);
			close_fdp(&fd);
			if (next < 0)
				return -1;
			fd = next;
		}
		*slash = '/';
		name = slash + 1;
	}
	*ret_name = name;
	return fd;
}

/* Everything that the open descriptor says about the file. */
static bool file_is_good(const struct look *l, const struct stat *st) {
	const struct {
		bool wrong;
		const char *text;
	} rules[] = {
		{ !S_ISREG(st->st_mode), "not a regular file; name a file" },
		{ st->st_nlink != 1, "the file has a second name (hard link); copy it to a new file" },
		{ is_stranger(l, st->st_uid), "the file belongs to a stranger; chown it to root" },
		{ (st->st_mode & (S_IWGRP | S_IWOTH)) != 0,
		  "others may write to the file; chmod go-w it" },
		{ st->st_size == 0, "the file is empty; start from a profile in config/" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); ++i) {
		if (!rules[i].wrong)
			continue;
		refuse(l, "%s", rules[i].text);
		return false;
	}
	if (st->st_size > l->most) {
		refuse(l, "the file is larger than LIMIT_CONFIG (%lld bytes)", (long long)l->most);
		return false;
	}
	return true;
}

static void refuse_open(const struct look *l, int error) {
	if (error == ENOENT)
		refuse(l, "there is no such file; start from a profile in config/");
	else if (error == ELOOP)
		refuse(l, "the file is a symbolic link; name the file itself");
	else if (error == ENXIO)
		refuse(l, "not a regular file; name a file");
	else
		refuse(l, "cannot be opened: %s", strerrordesc_np(error));
}

/* The path from the root, on the heap; the current directory's has no links in it. */
static char *whole_path(const char *path) {
	cleanup_(free_charp) char *cwd = NULL;
	char *whole = NULL;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&whole, "%s/%s", cwd, path) < 0)
		return NULL;
	return whole;
}

int owned_file_open(const char *path, uid_t reader, off_t most, struct stat *ret_st,
		    char ret_why[static OWNED_WHY]) {
	const struct look l = { .reader = reader, .most = most, .why = ret_why };
	cleanup_(free_charp) char *copy = whole_path(path);
	cleanup_(close_fdp) int parent = -1;
	cleanup_(close_fdp) int fd = -1;
	const char *name = NULL;
	struct stat st;
	int taken;

	if (!copy)
		return -ENOMEM;
	parent = open_parent(&l, copy, &name);
	if (parent < 0)
		return -EINVAL;
	fd = openat(parent, *name ? name : ".",
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		refuse_open(&l, errno);
		return -EINVAL;
	}
	if (fstat(fd, &st) < 0 || !file_is_good(&l, &st))
		return -EINVAL;
	taken = fd;
	fd = -1; /* handed over */
	*ret_st = st;
	return taken;
}
