/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_KEYSTORE_H
#define COMMON_KEYSTORE_H

/*
 * Where the device's keys live
 *
 * Two kinds of key. The device key never changes: all keys of the database are
 * derived from it, and destroying it makes the database unreadable. Epoch keys
 * sign the journal, one after the other; each is erased when the next is
 * certified. Today a directory of files (0600, owned by the engine); a TPM or
 * a secure element is another `struct keystore_ops`.
 */

#include <stdint.h>

struct keystore;

struct keystore_ops {
	const char *name;

	/* HKDF-SHA256 of the device key with @label. Return: 0, -EIO. */
	int (*derive)(struct keystore *ks, const char *label, uint8_t ret_key[32]);

	/* Ed25519 seeds by epoch number. Return: 0, -ENOENT (no such key), -EIO. */
	int (*epoch_load)(struct keystore *ks, uint64_t epoch, uint8_t ret_seed[32]);
	/* Durable on return. Return: 0, -EEXIST, -ENOSPC, -EIO. */
	int (*epoch_store)(struct keystore *ks, uint64_t epoch, const uint8_t seed[32]);
	/* Overwritten, removed, durable. Absent is fine. Return: 0, -EIO. */
	int (*epoch_erase)(struct keystore *ks, uint64_t epoch);

	/* Destroys every key. Nothing can be read afterwards. Return: 0, -EIO. */
	int (*destroy)(struct keystore *ks);
	void (*close)(struct keystore *ks); /* wipes; NULL is fine */
};

/* Implementations embed this first. */
struct keystore {
	const struct keystore_ops *ops;
};

/*
 * keystore_file_create() - make a new device key in an empty directory
 * @dirfd: the directory, owned by the caller, mode 0700
 *
 * Return: 0; -EEXIST when there is a device key already; -EPERM when the
 * directory is open to others; -ENOSPC; -EIO.
 */
int keystore_file_create(int dirfd);

/*
 * keystore_file_is_unused() - has no epoch ever had a key here?
 *
 * The first one is made with the first entry of a journal, so a device key alone is
 * what a first start leaves that was cut short before there was a database.
 *
 * Return: 1; 0 (there is or was one, or nobody can say).
 */
int keystore_file_is_unused(int dirfd);

/*
 * keystore_file_open() - open the keys of a directory
 * @dirfd:  borrowed; duplicated
 *
 * Return: 0; -ENOENT (no device key); -EPERM (mode or owner); -EBADMSG (wrong
 * length); -EIO; -ENOMEM.
 */
int keystore_file_open(int dirfd, struct keystore **ret_ks);

/* Closes; NULL is fine. Return: NULL. */
struct keystore *keystore_close(struct keystore *ks);

#endif
