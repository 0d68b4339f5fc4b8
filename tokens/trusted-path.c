/* SPDX-License-Identifier: Apache-2.0 */
#include "tokens/trusted-path.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 16u

/* done: followed and checked, without a slash at its end; rest: still to go. */
struct walk {
	char done[TRUSTED_PATH_MAX];
	char rest[TRUSTED_PATH_MAX];
	unsigned links;
};

static bool is_ours(const struct stat *st) {
	return st->st_uid == 0 || st->st_uid == geteuid();
}

/* Takes the next name off the rest. Return: its length, 0 at the end; -ENAMETOOLONG. */
static int next_name(struct walk *w, char ret_name[static NAME_MAX + 1]) {
	size_t slashes = strspn(w->rest, "/");
	size_t n = strcspn(w->rest + slashes, "/");
	size_t left;

	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(ret_name, w->rest + slashes, n);
	ret_name[n] = '\0';
	left = strlen(w->rest + slashes + n);
	memmove(w->rest, w->rest + slashes + n, left + 1);
	return (int)n;
}

static void go_up(struct walk *w) {
	char *slash = strrchr(w->done, '/');

	if (slash)
		*slash = '\0';
}

static int go_down(struct walk *w, const char *name) {
	size_t n_done = strlen(w->done);
	size_t n_name = strlen(name);

	if (n_done + 1 + n_name >= sizeof(w->done))
		return -ENAMETOOLONG;
	w->done[n_done] = '/';
	memcpy(w->done + n_done + 1, name, n_name + 1);
	return 0;
}

/* done is a symbolic link: its target goes before the rest. */
static int follow(struct walk *w) {
	char target[TRUSTED_PATH_MAX];
	size_t n_rest = strlen(w->rest);
	ssize_t n = readlink(w->done, target, sizeof(target));

	if (n < 0)
		return -errno;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if ((size_t)n + n_rest >= sizeof(w->rest))
		return -ENAMETOOLONG;
	memmove(w->rest + n, w->rest, n_rest + 1); /* it is empty or begins with a slash */
	memcpy(w->rest, target, (size_t)n);
	if (target[0] == '/')
		w->done[0] = '\0';
	else
		go_up(w);
	return 0;
}

/* Checks what done is. Return: 0 with whether it is the file; -errno. */
static int look_at(struct walk *w, bool *ret_is_file) {
	struct stat st;

	if (lstat(w->done[0] ? w->done : "/", &st) < 0)
		return -errno;
	if (!is_ours(&st))
		return -EPERM;
	*ret_is_file = false;
	if (S_ISLNK(st.st_mode))
		return follow(w);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	if (S_ISDIR(st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode) || w->rest[0] != '\0')
		return -EPERM;
	*ret_is_file = true;
	return 0;
}

int trusted_path(const char *path, char ret_resolved[static TRUSTED_PATH_MAX]) {
	struct walk w = { .done = "" };
	char name[NAME_MAX + 1];
	bool is_file = false;
	int r;

	if (path[0] != '/')
		return -EINVAL;
	if (strlen(path) >= sizeof(w.rest))
		return -ENAMETOOLONG;
	memcpy(w.rest, path, strlen(path) + 1);
	r = look_at(&w, &is_file);
	while (r == 0 && !is_file) {
		r = next_name(&w, name);
		if (r == 0)
			return -EPERM; /* a directory */
		if (r < 0)
			break;
		r = 0;
		if (strcmp(name, "..") == 0)
			go_up(&w);
		else if (strcmp(name, ".") != 0)
			r = go_down(&w, name);
		if (r == 0)
			r = look_at(&w, &is_file);
	}
	if (r < 0)
		return r;
	memcpy(ret_resolved, w.done, strlen(w.done) + 1);
	return 0;
}
