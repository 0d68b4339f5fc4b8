/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a genuine receipt the one that is wanted here, and is it new?
 *
 * Which action, by whose word, of how many people: whoever acts on a receipt says
 * what it has to be about, for the one who hands it over is not to be believed. A
 * list of nonces, kept by whoever acts, makes each receipt good once.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "ui-glue/cli/approval-demand.h"
#include "ui-glue/cli/files.h"

#define LINE (2 * 16 + 1) /* a nonce in hexadecimal, and the end of the line */
#define LIST_MAX (4u << 20)

const char *demand_refuses(const struct cli *cli, const struct receipt *receipt) {
	const char *action = cli_option(cli, OPT_ACTION);

	if (action && strcmp(action, receipt->action) != 0)
		return "action";
	if (cli_option(cli, OPT_TWO_PERSONS) && receipt->second == 0)
		return "second account";
	if (!cli_option(cli, OPT_BY_TOKEN))
		return NULL;
	if (receipt->by != RECEIPT_BY_TOKEN)
		return "signed by";
	if (receipt->second != 0 && receipt->second_by != RECEIPT_BY_TOKEN)
		return "second signed by";
	return NULL;
}

/* Return: 1 it stands there; 0 not; -EBADMSG (another kind of file); -errno. */
static int list_has(int fd, size_t n, const char *nonce) {
	char line[LINE];

	/* What stands behind the last whole line was never answered with yes. */
	for (size_t at = 0; at + LINE <= n; at += LINE) {
		if (pread(fd, line, LINE, (off_t)at) != LINE)
			return -EIO;
		if (line[LINE - 1] != '\n' || strspn(line, "0123456789abcdef") != LINE - 1)
			return -EBADMSG;
		if (memcmp(line, nonce, LINE - 1) == 0)
			return 1;
	}
	return 0;
}

/* Makes the name of a file that is new durable as well. */
static int sync_folder(const char *path) {
	cleanup_(free_charp) char *copy = strdup(path);
	cleanup_(close_fdp) int fd = -1;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Return: 0 it is new, and written down for good; -EEXIST it was used; -errno. */
static int list_add(const char *path, const char *nonce) {
	cleanup_(close_fdp) int fd = -1;
	char line[LINE + 1];
	struct stat st;
	size_t whole;
	int r;

	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || (size_t)st.st_size > LIST_MAX)
		return -EFBIG;
	whole = (size_t)st.st_size / LINE * LINE;
	r = list_has(fd, whole, nonce);
	if (r != 0)
		return r == 1 ? -EEXIST : r;
	(void)snprintf(line, sizeof(line), "%s\n", nonce);
	if (pwrite(fd, line, LINE, (off_t)whole) != LINE || fsync(fd) < 0)
		return errno ? -errno : -EIO;
	return whole == 0 ? sync_folder(path) : 0;
}

int demand_once(struct cli *cli, const struct receipt *receipt, const char **ret_field) {
	const char *path = cli_option(cli, OPT_ONCE);
	char nonce[2 * sizeof(receipt->nonce) + 1];
	int r;

	*ret_field = NULL;
	if (!path)
		return CLI_YES;
	hex_encode(nonce, receipt->nonce, sizeof(receipt->nonce));
	errno = 0;
	r = list_add(path, nonce);
	if (r == 0)
		return CLI_YES;
	if (r == -EEXIST) {
		*ret_field = "once";
		return CLI_NO;
	}
	if (r == -EBADMSG)
		return cli_unknown(cli, "%s: not a list of receipts that were used", path);
	return file_unread(cli, path, r);
}
