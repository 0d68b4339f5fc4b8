/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_RECOVERY_H
#define AUTH_RECOVERY_H

/*
 * The verifier of the one-use recovery code, sealed in the table `meta`
 *
 * It is written when the device is initialised and taken away in the
 * transaction that makes the new administrator.
 */

#include "audit/store.h"
#include "auth/password.h"

/* Write it, in place of an earlier one. Return: 0; -ENOSPC; -EROFS; -EIO. */
int recovery_store(struct store *store, const char *name, const struct verifier *verifier);

/* Return: 0; -ENOENT (none, or spent); -EBADMSG (damaged); -EIO. */
int recovery_load(struct store *store, const char *name, struct verifier *ret_verifier);

/* Take it away. Return: 0; -ENOENT (spent before); -errno. */
int recovery_spend(struct store *store, const char *name);

#endif
