/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_ACCOUNT_COPY_H
#define AUTH_ACCOUNT_COPY_H

/*
 * A checked copy of the accounts, for the day when the database is damaged
 *
 * One small file beside the database: the rows of accounts and authenticators as
 * they are stored, with their seals and MACs, and one MAC over all. It is of use
 * with the device key alone. Put back, the accounts stand in a new database, whose
 * journal begins with saying so and with the digest of each; the old database is
 * set aside, whole, as evidence.
 */

#include <stdint.h>

#include "audit/store.h"
#include "common/keystore.h"
#include "common/moment.h"

#define ACCOUNT_COPY_NAME  "accounts.copy"
#define ACCOUNT_COPY_ASIDE "set-aside" /* directory of what was replaced            */

/* What a copy says of itself. */
struct account_copy {
	uint8_t device_id[16];
	int64_t wall_ms; /* when it was made                                        */
	uint64_t seq;    /* head of the journal then                                */
	uint8_t head[32];
	uint32_t n_accounts;
	uint32_t n_authenticators;
};

/*
 * account_copy_write() - replace the copy by one of the accounts as they are
 * @dirfd: the state directory
 *
 * Each account is compared with the journal first: a damaged one is not copied,
 * and the copy before stays. Durable on return.
 *
 * Return: 0; -EBADMSG (an account is damaged); -ENOSPC; -EIO; -ENOMEM.
 */
int account_copy_write(struct store *store, int dirfd, const struct moment *now);

/*
 * account_copy_restore() - make a new database of the copy
 * @ret_copy:   what was put back
 * @ret_anchor: public key of the new journal's first epoch
 *
 * Done only where the database is missing, damaged or of a newer release. The
 * caller is the only one who works in the directory. A process that dies in
 * between leaves the old database, or none; the call may then be repeated.
 *
 * Return: 0; -EEXIST (the database opens, or one was set aside before); -ENOENT (no
 * copy); -EBADMSG (the copy is damaged, or of another device); -EBUSY; -EPERM;
 * -ENOSPC; -EIO; -ENOMEM.
 */
int account_copy_restore(int dirfd, struct keystore *ks, const struct moment *now,
                         struct account_copy *ret_copy, uint8_t ret_anchor[32]);

#endif
