/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Keys as files of a directory
 *
 *   device.key      32 random bytes, written once
 *   epoch-N.key     seed of the Ed25519 key of epoch N
 *
 * Each file is written under another name, synced, renamed without replacing
 * anything, and the directory is synced: after a power cut a key is whole or
 * absent. A key is read from its file each time that it is needed and wiped
 * after, so that destroying the file is the end of it.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "common/cleanup.h"
#include "common/keystore.h"
#include "common/random.h"
#include "common/secret.h"

#define KEY_BYTES  32u
#define DEVICE_KEY "device.key"
#define EPOCH_PREFIX "epoch-"
#define HKDF_SALT  "careward device key 1"

struct keystore_file {
	struct keystore base;
	int dirfd;
};

struct key_name {
	char s[40];
};

static const struct keystore_ops file_ops;

static struct keystore_file *keystore_file(struct keystore *ks) {
	return (struct keystore_file *)(void *)ks;
}

static struct key_name epoch_name(uint64_t epoch) {
	struct key_name name;

	(void)snprintf(name.s, sizeof(name.s), EPOCH_PREFIX "%llu.key",
		       (unsigned long long)epoch);
	return name;
}

/* Whatever the system said, a key store knows only these. */
static int key_errno(int e) {
	static const int known[] = { ENOENT, EEXIST, ENOSPC, EPERM, EBADMSG };

	if (e == EDQUOT)
		return -ENOSPC;
	if (e == ELOOP)
		return -EPERM; /* a symbolic link */
	for (size_t i = 0; i < ARRAY_SIZE(known); ++i)
		if (e == known[i])
			return -e;
	return -EIO;
}

/* Return: 0; -EPERM when the directory is not ours or open to others; -EIO. */
static int directory_check(int dirfd) {
	struct stat st;

	if (fstat(dirfd, &st) < 0)
		return -EIO;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return -EPERM;
	return 0;
}

/* False only when there is surely nothing of that name. */
static bool exists(int dirfd, const char *name) {
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static int write_all(int fd, const uint8_t *p, size_t n) {
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return w < 0 ? key_errno(errno) : -EIO;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* Return: 0; -ENOENT; -EPERM (link, mode, owner, kind); -EBADMSG (length); -EIO. */
static int key_read(int dirfd, const char *name, struct secret *ret_key) {
	cleanup_(secret_wipe) struct secret key = { 0 };
	cleanup_(close_fdp) int fd = -1;
	struct stat st;
	ssize_t n;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return key_errno(errno);
	if (fstat(fd, &st) < 0)
		return -EIO;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0)
		return -EPERM;
	if (st.st_size != KEY_BYTES)
		return -EBADMSG;
	do
		n = read(fd, key.bytes, KEY_BYTES);
	while (n < 0 && errno == EINTR);
	if (n != KEY_BYTES)
		return -EIO;
	key.n = KEY_BYTES;
	*ret_key = key;
	return 0;
}

/* Some file systems cannot rename without replacing: there, look first. */
static int rename_new(int dirfd, const char *from, const char *to) {
	if (renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return key_errno(errno);
	if (exists(dirfd, to))
		return -EEXIST;
	if (renameat(dirfd, from, dirfd, to) < 0)
		return key_errno(errno);
	return 0;
}

static int key_write_as(int dirfd, const char *temporary, const uint8_t key[KEY_BYTES]) {
	cleanup_(close_fdp) int fd = -1;
	int r;

	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return key_errno(errno);
	if (fchmod(fd, 0600) < 0)
		return -EIO;
	r = write_all(fd, key, KEY_BYTES);
	if (r == 0 && fsync(fd) < 0)
		r = key_errno(errno);
	return r;
}

/* Return: 0, durable; -EEXIST; -ENOSPC; -EPERM; -EIO. */
static int key_write(int dirfd, const char *name, const uint8_t key[KEY_BYTES]) {
	char temporary[sizeof(struct key_name) + 4];
	int r;

	if (exists(dirfd, name))
		return -EEXIST;
	(void)snprintf(temporary, sizeof(temporary), "%s.new", name);
	/* What a crash left behind was never certified by anything. */
	if (unlinkat(dirfd, temporary, 0) < 0 && errno != ENOENT)
		return key_errno(errno);
	r = key_write_as(dirfd, temporary, key);
	if (r == 0)
		r = rename_new(dirfd, temporary, name);
	if (r < 0) {
		(void)unlinkat(dirfd, temporary, 0);
		return r;
	}
	return fsync(dirfd) < 0 ? key_errno(errno) : 0;
}

/* Overwrites and removes; the directory is the caller's to sync. */
static int key_erase(int dirfd, const char *name) {
	static const uint8_t zeros[KEY_BYTES];
	cleanup_(close_fdp) int fd = -1;
	int r = 0;

	fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && errno != ELOOP)
		return -EIO;
	if (fd >= 0) {
		/* No promise on flash; it costs nothing where it works. */
		r = write_all(fd, zeros, sizeof(zeros));
		if (r == 0 && fsync(fd) < 0)
			r = -EIO;
	}
	if (unlinkat(dirfd, name, 0) < 0)
		return -EIO;
	return r < 0 ? -EIO : 0;
}

static int hkdf(const struct secret *key, const char *label, uint8_t ret_key[KEY_BYTES]) {
	char digest[] = "SHA256", salt[] = HKDF_SALT;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	uint8_t out[KEY_BYTES];
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key->bytes,
						  key->n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, strlen(salt)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)label,
						  strlen(label)),
		OSSL_PARAM_construct_end(),
	};
	int done = ctx ? EVP_KDF_derive(ctx, out, sizeof(out), parameters) : 0;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	if (done == 1)
		memcpy(ret_key, out, sizeof(out));
	explicit_bzero(out, sizeof(out));
	return done == 1 ? 0 : -EIO;
}

static int file_derive(struct keystore *ks, const char *label, uint8_t ret_key[32]) {
	cleanup_(secret_wipe) struct secret key = { 0 };

	if (key_read(keystore_file(ks)->dirfd, DEVICE_KEY, &key) < 0)
		return -EIO;
	return hkdf(&key, label, ret_key);
}

static int file_epoch_load(struct keystore *ks, uint64_t epoch, uint8_t ret_seed[32]) {
	cleanup_(secret_wipe) struct secret key = { 0 };
	int r = key_read(keystore_file(ks)->dirfd, epoch_name(epoch).s, &key);

	if (r < 0)
		return r == -ENOENT ? r : -EIO;
	memcpy(ret_seed, key.bytes, KEY_BYTES);
	return 0;
}

static int file_epoch_store(struct keystore *ks, uint64_t epoch, const uint8_t seed[32]) {
	int r = key_write(keystore_file(ks)->dirfd, epoch_name(epoch).s, seed);

	return r == 0 || r == -EEXIST || r == -ENOSPC ? r : -EIO;
}

static int file_epoch_erase(struct keystore *ks, uint64_t epoch) {
	int dirfd = keystore_file(ks)->dirfd;
	struct key_name name = epoch_name(epoch);
	int r;

	if (!exists(dirfd, name.s))
		return 0;
	r = key_erase(dirfd, name.s);
	if (fsync(dirfd) < 0)
		return -EIO;
	return r;
}

static void close_dirp(DIR **d) {
	if (*d)
		(void)closedir(*d);
}

/* Every file of the directory goes: all of them are keys, or were to be. */
static int file_destroy(struct keystore *ks) {
	cleanup_(close_dirp) DIR *dir = NULL;
	int dirfd = keystore_file(ks)->dirfd;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = key_erase(dirfd, DEVICE_KEY);
	const struct dirent *d;

	if (fd < 0)
		return -EIO;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -EIO;
	}
	errno = 0;
	while ((d = readdir(dir)) != NULL) {
		if (strncmp(d->d_name, EPOCH_PREFIX, strlen(EPOCH_PREFIX)) != 0 &&
		    strncmp(d->d_name, DEVICE_KEY, 10) != 0)
			continue;
		if (key_erase(dirfd, d->d_name) < 0)
			r = -EIO;
		errno = 0;
	}
	if (errno != 0 || fsync(dirfd) < 0)
		return -EIO;
	return r;
}

static void file_close(struct keystore *ks) {
	struct keystore_file *file = ks ? keystore_file(ks) : NULL;

	if (!file)
		return;
	(void)close(file->dirfd);
	explicit_bzero(file, sizeof(*file));
	free(file);
}

static const struct keystore_ops file_ops = {
	.name = "file",
	.derive = file_derive,
	.epoch_load = file_epoch_load,
	.epoch_store = file_epoch_store,
	.epoch_erase = file_epoch_erase,
	.destroy = file_destroy,
	.close = file_close,
};

int keystore_file_create(int dirfd) {
	cleanup_(secret_wipe) struct secret key = { .n = KEY_BYTES };
	int r = directory_check(dirfd);

	if (r < 0)
		return r;
	if (random_draw(key.bytes, KEY_BYTES) < 0)
		return -EIO;
	return key_write(dirfd, DEVICE_KEY, key.bytes);
}

int keystore_file_is_unused(int dirfd) {
	cleanup_(close_dirp) DIR *dir = NULL;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *d;

	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return 0;
	}
	errno = 0;
	while ((d = readdir(dir)) != NULL) {
		if (strncmp(d->d_name, EPOCH_PREFIX, strlen(EPOCH_PREFIX)) == 0)
			return 0;
		errno = 0;
	}
	return errno == 0;
}

int keystore_file_open(int dirfd, struct keystore **ret_ks) {
	cleanup_(secret_wipe) struct secret key = { 0 };
	struct keystore_file *file;
	int r = directory_check(dirfd);

	if (r < 0)
		return r;
	r = key_read(dirfd, DEVICE_KEY, &key);
	if (r < 0)
		return r;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	file->base.ops = &file_ops;
	file->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	if (file->dirfd < 0) {
		free(file);
		return -EIO;
	}
	*ret_ks = &file->base;
	return 0;
}

struct keystore *keystore_close(struct keystore *ks) {
	if (ks)
		ks->ops->close(ks);
	return NULL;
}
