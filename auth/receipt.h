/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_RECEIPT_H
#define AUTH_RECEIPT_H

/*
 * The receipt of an approval, as bytes: docs/approval.md
 *
 * There is exactly one encoding of a receipt: what was parsed is encoded again
 * and compared. So a changed bit is an error in any place.
 */

#include <stddef.h>
#include <stdint.h>

#include "auth/approval.h"
#include "policy/table.h"

#define RECEIPT_VERSION 1u

struct receipt {
	uint8_t device[16];
	uint8_t seat; /* index + 1                                        */
	uint64_t session;
	uint32_t account;
	uint32_t second; /* 0: nobody                                        */
	uint8_t assurance;
	uint8_t second_assurance; /* 0 with second 0                                  */
	char action[POLICY_NAME_SIZE];
	uint8_t digest[32];
	char object[LIMIT_OBJECT];
	char words[LIMIT_WORDS];
	uint8_t nonce[16];
	uint8_t boot_id[16];
	uint64_t boot_ms;
	int64_t wall_ms;
	uint8_t trust;     /* enum clock_trust                                 */
	uint64_t head_seq; /* the journal's head, the approval's entry in it   */
	uint8_t head_hash[32];
};

/*
 * receipt_make() - encode and sign
 * @seed:  Ed25519 seed of the device's approval key
 *
 * Return: 0; -EINVAL (a text that does not end, or a negative time that has no
 * encoding); -EIO (crypto).
 */
int receipt_make(const uint8_t seed[32], const struct receipt *receipt,
		 uint8_t ret_bytes[static APPROVAL_RECEIPT_MAX], size_t *ret_n);

/*
 * receipt_open() - parse strictly and verify with a public key
 *
 * Return: 0; -EBADMSG (not a receipt, or not signed by this key); -EIO (crypto).
 */
int receipt_open(const uint8_t public_key[32], const uint8_t *bytes, size_t n,
		 struct receipt *ret_receipt);

/* The public half. Return: 0; -EIO. */
int receipt_public_key(const uint8_t seed[32], uint8_t ret_public_key[32]);

#endif
