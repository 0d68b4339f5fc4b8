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
#include "common/owned-file.h"
#include "policy/messages.h"
#include "policy/text.h"

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

static int read_text(const struct reader *r, int fd, const struct stat *before, char **ret_text,
		     size_t *ret_n_text) {
	cleanup_(free_charp) char *text = NULL;
	struct stat after;
	ssize_t n;

	/* One byte more than there should be, to see a file that grew. */
	text = malloc((size_t)before->st_size + 2);
	if (!text)
		return -ENOMEM;
	n = read_all(fd, text, (size_t)before->st_size + 1);
	if (n < 0 || fstat(fd, &after) < 0) {
		refuse(r, 0, "cannot be read: %s", strerrordesc_np(errno));
		return -EINVAL;
	}
	if (n != before->st_size || has_changed(before, &after)) {
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

int policy_read_file(const char *path, struct policy_messages *messages, char **ret_text,
                     size_t *ret_n_text) {
	const struct reader r = { .path = path, .messages = messages };
	cleanup_(close_fdp) int fd = -1;
	char why[OWNED_WHY] = "";
	struct stat st;

	fd = owned_file_open(path, geteuid(), LIMIT_CONFIG, &st, why);
	if (fd == -EINVAL)
		refuse(&r, 0, "%s", why);
	return fd < 0 ? fd : read_text(&r, fd, &st, ret_text, ret_n_text);
}
