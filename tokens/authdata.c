/* SPDX-License-Identifier: Apache-2.0 */

#include <openssl/evp.h>
#include <string.h>

#include "common/secret.h"
#include "tokens/authdata.h"

bool authdata_read(const uint8_t *p, size_t n, struct authdata *ret_authdata) {
	struct authdata a = { 0 };

	if (n < AUTHDATA_FIXED || n > TOKEN_AUTHDATA_MAX)
		return false;
	memcpy(a.rp_hash, p, sizeof(a.rp_hash));
	a.flags = p[32];
	a.counter = (uint32_t)p[33] << 24 | (uint32_t)p[34] << 16 | (uint32_t)p[35] << 8 | p[36];
	a.rest = (struct item_reader){ .p = p + AUTHDATA_FIXED, .n = n - AUTHDATA_FIXED };
	if ((a.flags & ~AUTHDATA_KNOWN) != 0 ||
	    (a.flags & (AUTHDATA_ELIGIBLE | AUTHDATA_COPIED)) == AUTHDATA_COPIED)
		return false;
	*ret_authdata = a;
	return true;
}

bool authdata_ends(struct authdata *authdata) {
	struct item_reader *rest = &authdata->rest;
	struct item map;

	if ((authdata->flags & AUTHDATA_EXTENSIONS) == 0)
		return rest->n == 0;
	map = item_next(rest);
	if (map.kind != ITEM_MAP || map.v == 0 || map.v > rest->n)
		return false;
	for (uint64_t i = 0; i < map.v; ++i) {
		if (item_next(rest).kind != ITEM_TEXT || rest->n == 0)
			return false;
		if (!item_skip(rest))
			return false;
	}
	return rest->n == 0;
}

static bool is_for(const struct authdata *authdata, const char rp[static 128], bool *ret_is) {
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t n = strnlen(rp, 128);
	unsigned n_hash = 0;

	if (EVP_Digest(rp, n, hash, &n_hash, EVP_sha256(), NULL) != 1 || n_hash != 32)
		return false;
	*ret_is = n > 0 && n < 128 && equal_32(hash, authdata->rp_hash);
	return true;
}

enum token_fault authdata_check(const struct authdata *authdata,
				const struct security_key_rules *rules) {
	bool is = false;

	if (!is_for(authdata, rules->rp, &is))
		return TOKEN_FAULT_DEVICE;
	if (!is)
		return TOKEN_FAULT_RP;
	if ((authdata->flags & AUTHDATA_PRESENT) == 0)
		return TOKEN_FAULT_NOT_PRESENT;
	if ((authdata->flags & AUTHDATA_VERIFIED) == 0 && rules->verification != KEY_VERIFY_NEVER)
		return TOKEN_FAULT_NOT_VERIFIED;
	if ((authdata->flags & AUTHDATA_ELIGIBLE) != 0 && !rules->synced)
		return TOKEN_FAULT_SYNCED;
	return TOKEN_FAULT_NONE;
}

size_t authdata_signed(const struct token_answer *answer, const uint8_t digest[32],
		       uint8_t ret_message[SIGNED_MAX]) {
	memcpy(ret_message, answer->authdata, answer->n_authdata);
	memcpy(ret_message + answer->n_authdata, digest, 32);
	return answer->n_authdata + 32;
}
