/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/bytes.h"
#include "tokens/challenge.h"

/* In front of everything, its NUL with it: no other bytes of ours begin so. */
static const char domain[] = "careward token 1";

_Static_assert(sizeof(domain) + 113 == CHALLENGE_BYTES, "the layout of docs/tokens.md");

static uint8_t *put(uint8_t *at, const void *p, size_t n) {
	memcpy(at, p, n);
	return at + n;
}

void challenge_bytes(const struct challenge *challenge, uint8_t ret_bytes[CHALLENGE_BYTES]) {
	uint8_t *at = ret_bytes;

	at = put(at, domain, sizeof(domain));
	at = put(at, challenge->nonce, sizeof(challenge->nonce));
	at = put(at, challenge->device, sizeof(challenge->device));
	at = put(at, challenge->boot_id, sizeof(challenge->boot_id));
	put_le64(at, challenge->boot_ms);
	put_le32(at + 8, challenge->account);
	put_le32(at + 12, challenge->purpose);
	at[16] = challenge->seat;
	put(at + 17, challenge->statement, sizeof(challenge->statement));
}

int challenge_digest(const struct challenge *challenge, uint8_t ret_digest[32]) {
	uint8_t bytes[CHALLENGE_BYTES], digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	challenge_bytes(challenge, bytes);
	if (EVP_Digest(bytes, sizeof(bytes), digest, &n, EVP_sha256(), NULL) != 1 || n != 32)
		return -EIO;
	memcpy(ret_digest, digest, 32);
	return 0;
}
