/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "policy/messages.h"
#include "policy/text.h"

static bool is_stranger(uid_t uid) {
	return uid != 0 && uid != geteuid();
}

/*
 * Who may rename a directory's entries may put another file in place of ours.
 * In a sticky directory only the owner of the entry may.
 */
static bool directory_is_good(const struct reader *r, int fd, const char *name) {
	struct stat st;

	if (fstat(fd, &st) < 0) {
		refuse(r, 0, "cannot look at the directory %.100s: %s", name, strerrordesc_np(errno));
		return false;
	}
	if (is_stranger(st.st_uid)) {
		refuse(r, 0, "the directory %.100s belongs to uid %u; it must belong to root", name,
		       (unsigned)st.st_uid);
		return false;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0) {
		refuse(r, 0, "others may write to the directory %.100s; chmod go-w it", name);
		return false;
	}
	return true;
}

/* Opens the next directory of the path. Return: its descriptor; -1 after an error. */
static int enter(const struct reader *r, int parent, const char *name, const char *so_far) {
	int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && !directory_is_good(r, fd, so_far)) {
		close_fdp(&fd);
		return -1;
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		refuse(r, 0, "%.100s is a link or no directory; write the path without links", so_far);
	else if (fd < 0)
		refuse(r, 0, "cannot open the directory %.100s: %s", so_far, strerrordesc_np(errno));
	return fd;
}

/*
 * The directory that holds the file, by one step per directory, so that the
 * directory looked at is the one gone through.
 * Return: a descriptor; -1 after adding an error.
 */
static int open_parent(const struct reader *r, char *path, const char **ret_name) {
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *name = path;

	if (fd < 0) {
		refuse(r, 0, "cannot open the root directory: %s", strerrordesc_np(errno));
		return -1;
	}
	if (!directory_is_good(r, fd, "/")) {
		close_fdp(&fd);
		return -1;
	}
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		int next;

		*slash = '\0';
		if (*name) {
			next = enter(r, fd, name, path);
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
static bool file_is_good(const struct reader *r, const struct stat *st) {
	const struct {
		bool wrong;
		const char *text;
	} rules[] = {
		{ !S_ISREG(st->st_mode), "not a regular file; name a file" },
		{ st->st_nlink != 1, "the file has a second name (hard link); copy it to a new file" },
		{ is_stranger(st->st_uid), "the file belongs to a stranger; chown it to root" },
		{ (st->st_mode & (S_IWGRP | S_IWOTH)) != 0,
		  "others may write to the file; chmod go-w it" },
		{ st->st_size == 0, "the file is empty; start from a profile in config/" },
		{ st->st_size > (off_t)LIMIT_CONFIG,
		  "the file is larger than LIMIT_CONFIG (1048576 bytes)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); ++i) {
		if (!rules[i].wrong)
			continue;
		refuse(r, 0, "%s", rules[i].text);
		return false;
	}
	return true;
}

/* Reads up to @n bytes. Return: how many there were; -1 with errno. */
static ssize_t read_all(int fd, char *p, size_t n) {
	size_t done = 0;

	while (done < n) {
		ssize_t k = read(fd, p + done, n - done);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0)
			break;
		done += (size_t)k;
	}
	return (ssize_t)done;
}

static bool has_changed(const struct stat *a, const struct stat *b) {
	return a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
	       a->st_mtim.tv_nsec != b->st_mtim.tv_nsec || a->st_ctim.tv_sec != b->st_ctim.tv_sec ||
	       a->st_ctim.tv_nsec != b->st_ctim.tv_nsec;
}

static int read_text(const struct reader *r, int fd, char **ret_text, size_t *ret_n_text) {
	cleanup_(free_charp) char *text = NULL;
	struct stat before, after;
	ssize_t n;

	if (fstat(fd, &before) < 0 || !file_is_good(r, &before))
		return -EINVAL;
	/* One byte more than there should be, to see a file that grew. */
	text = malloc((size_t)before.st_size + 2);
	if (!text)
		return -ENOMEM;
	n = read_all(fd, text, (size_t)before.st_size + 1);
	if (n < 0 || fstat(fd, &after) < 0) {
		refuse(r, 0, "cannot be read: %s", strerrordesc_np(errno));
		return -EINVAL;
	}
	if (n != before.st_size || has_changed(&before, &after)) {
		refuse(r, 0, "the file changed while it was read; try again");
		return -EINVAL;
	}
	text[n] = '\0';
	if (!text_check(r, text, (size_t)n))
		return -EINVAL;
	*ret_text = text;
	text = NULL; /* handed over */
	*ret_n_text = (size_t)n;
	return 0;
}

static void refuse_open(const struct reader *r, int error) {
	if (error == ENOENT)
		refuse(r, 0, "there is no such file; start from a profile in config/");
	else if (error == ELOOP)
		refuse(r, 0, "the file is a symbolic link; name the file itself");
	else if (error == ENXIO)
		refuse(r, 0, "not a regular file; name a file");
	else
		refuse(r, 0, "cannot be opened: %s", strerrordesc_np(error));
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

int policy_read_file(const char *path, struct policy_messages *messages, char **ret_text,
                     size_t *ret_n_text) {
	const struct reader r = { .path = path, .messages = messages };
	cleanup_(free_charp) char *copy = whole_path(path);
	cleanup_(close_fdp) int parent = -1;
	cleanup_(close_fdp) int fd = -1;
	const char *name = NULL;

	if (!copy)
		return -ENOMEM;
	parent = open_parent(&r, copy, &name);
	if (parent < 0)
		return -EINVAL;
	fd = openat(parent, *name ? name : ".",
	            O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		refuse_open(&r, errno);
		return -EINVAL;
	}
	return read_text(&r, fd, ret_text, ret_n_text);
}
