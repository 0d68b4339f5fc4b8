/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_CHALLENGE_H
#define TOKENS_CHALLENGE_H

/*
 * What a token signs: made by the engine, used once, worth nothing elsewhere
 *
 * SHA-256 of a domain and a fixed layout (docs/tokens.md). Device, boot, account,
 * purpose and a fresh nonce are in it, so an answer fits one attempt of one
 * person at one device and no other.
 */

#include <stdint.h>

#include "common/moment.h"

struct challenge {
	uint8_t nonce[32];    /* of getrandom()                                      */
	uint8_t device[16];
	uint8_t boot_id[16];
	uint64_t boot_ms;
	uint32_t account;     /* 0: the card says who it is                           */
	uint32_t purpose;     /* enum cw_purpose; 0: approval                         */
	uint8_t seat;         /* index + 1                                            */
	uint8_t statement[32]; /* approvals: digest of the statement; else zeroes      */
};

#define CHALLENGE_VALID_MS 120000u

#define CHALLENGE_BYTES 130u

/* Domain and layout: what the digest is of. Whoever verifies later builds it again. */
void challenge_bytes(const struct challenge *challenge, uint8_t ret_bytes[CHALLENGE_BYTES]);

/* The 32 bytes to be signed; FIDO2: the client data hash. Return: 0; -EIO. */
int challenge_digest(const struct challenge *challenge, uint8_t ret_digest[32]);

#endif
