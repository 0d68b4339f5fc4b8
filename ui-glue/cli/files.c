/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "common/cleanup.h"
#include "common/fd.h"

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

/* Return: the descriptor; -EINVAL; -errno. */
static int open_regular(const char *path, struct stat *ret_st) {
	int fd = fd_lift(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
	int r = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, ret_st) < 0)
		r = -errno;
	else if (!S_ISREG(ret_st->st_mode))
		r = -EINVAL;
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}

static ssize_t read_some(int fd, void *p, size_t n) {
	ssize_t got;

	do
		got = read(fd, p, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

int file_read(const char *path, size_t most, char **ret_text, size_t *ret_n) {
	cleanup_(free_charp) char *text = NULL;
	cleanup_(close_fdp) int fd = -1;
	struct stat st;
	size_t n = 0;

	fd = open_regular(path, &st);
	if (fd < 0)
		return fd;
	if (st.st_size <= 0)
		return -ENODATA;
	if ((uint64_t)st.st_size > most)
		return -EFBIG;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (n < (size_t)st.st_size) {
		ssize_t got = read_some(fd, text + n, (size_t)st.st_size - n);

		if (got <= 0)
			return got < 0 ? (int)got : -EAGAIN;
		n += (size_t)got;
	}
	text[n] = '\0';
	*ret_text = text;
	text = NULL; /* handed over */
	*ret_n = n;
	return 0;
}

int file_unread(struct cli *cli, const char *path, int error) {
	switch (error) {
	case -EINVAL:
		return cli_unknown(cli, "%s is no regular file", path);
	case -ENODATA:
		return cli_unknown(cli, "%s is empty", path);
	case -EFBIG:
		return cli_unknown(cli, "%s is too large", path);
	case -EAGAIN:
		return cli_unknown(cli, "%s changes while it is read", path);
	default:
		return cli_unknown(cli, "%s: %s", path, strerror(-error));
	}
}

static int digest_of(const char *path, uint8_t ret_digest[32]) {
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();
	cleanup_(close_fdp) int fd = -1;
	static uint8_t block[65536];
	struct stat st;
	ssize_t n;

	fd = open_regular(path, &st);
	if (fd < 0)
		return fd;
	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	while ((n = read_some(fd, block, sizeof(block))) > 0)
		if (EVP_DigestUpdate(hash, block, (size_t)n) != 1)
			return -EIO;
	if (n < 0)
		return (int)n;
	return EVP_DigestFinal_ex(hash, ret_digest, NULL) == 1 ? 0 : -EIO;
}

int file_digest(struct cli *cli, const char *path, uint8_t ret_digest[32]) {
	int r = digest_of(path, ret_digest);

	return r < 0 ? file_unread(cli, path, r) : CLI_YES;
}
