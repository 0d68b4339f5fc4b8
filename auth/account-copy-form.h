/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_ACCOUNT_COPY_FORM_H
#define AUTH_ACCOUNT_COPY_FORM_H

/*
 * The form of a copy, which its two files share
 *
 * Head: magic (16), device id (16), wall time (i64), head of the journal (u64 and 32
 * bytes), number of accounts and of authenticators (u32 each). Then their rows: number,
 * account, factor, state, generation (64 bits each; account and factor are 0 in a row of
 * accounts), key and sealed (a 32-bit length each), mac (32). Then HMAC-SHA256 over all
 * of it, under the device key.
 */

#include "auth/account-copy.h"
#include "auth/layout.h"
#include "auth/row.h"

#define COPY_MAGIC   "careward copy  1" /* 16 bytes                                  */
#define COPY_LABEL   "account copy"
#define COPY_HEAD    88u
#define COPY_ROW_MAX (5 * 8 + 4 + ROW_LOOKUP_MAX + 4 + ROW_SEALED_MAX + 32)
#define COPY_MOST    (64u << 20)

struct copy_bytes {
	uint8_t *p;
	size_t n, room;
};

void copy_bytes_free(struct copy_bytes *b);

/* Reads a file of ours. Return: 0; -ENOENT; -EPERM; -EBADMSG (size); -EIO; -ENOMEM. */
int copy_read(int dirfd, const char *name, struct copy_bytes *ret_bytes);

#endif
