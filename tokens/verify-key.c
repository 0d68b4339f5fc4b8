/* SPDX-License-Identifier: Apache-2.0 */

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#include "common/cleanup.h"
#include "tokens/authdata.h"
#include "tokens/public-key.h"

/* Is every length within its member, and is it an assertion? */
static bool has_form(const struct token_answer *answer, const struct key_credential *credential) {
	return answer->factor == CW_FACTOR_FIDO2 && answer->n_credential > 0 &&
	       answer->n_credential <= sizeof(answer->credential) &&
	       answer->n_authdata <= sizeof(answer->authdata) && answer->n_signature > 0 &&
	       answer->n_signature <= sizeof(answer->signature) && credential->n_id > 0 &&
	       credential->n_id <= sizeof(credential->id) &&
	       credential->n_public_key <= sizeof(credential->public_key);
}

static enum token_fault check_signature(const struct key_credential *credential,
					const struct token_answer *answer,
					const uint8_t digest[32]) {
	uint8_t message[SIGNED_MAX];
	size_t n = authdata_signed(answer, digest, message);

	return signature_verify(credential->algorithm, credential->public_key,
				credential->n_public_key, message, n, answer->signature,
				answer->n_signature);
}

/* A key that never counts answers 0 for ever; a key that counts, counts on. */
static bool counts_on(uint32_t before, uint32_t now) {
	return (before == 0 && now == 0) || now > before;
}

static enum token_fault check(const struct security_key_rules *rules,
			      const struct key_credential *credential,
			      const struct token_answer *answer, const uint8_t digest[32],
			      struct authdata *authdata) {
	enum token_fault fault;

	if (!has_form(answer, credential) ||
	    !authdata_read(answer->authdata, answer->n_authdata, authdata) ||
	    (authdata->flags & AUTHDATA_CREDENTIAL) != 0 || !authdata_ends(authdata))
		return TOKEN_FAULT_FORM;
	if (answer->n_credential != credential->n_id ||
	    CRYPTO_memcmp(answer->credential, credential->id, credential->n_id) != 0)
		return TOKEN_FAULT_OTHER_KEY;
	fault = check_signature(credential, answer, digest);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	fault = authdata_check(authdata, rules);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	/* For life: a key that could not be copied does not learn it, nor forget it. */
	if (((authdata->flags ^ credential->flags) & AUTHDATA_ELIGIBLE) != 0)
		return TOKEN_FAULT_SYNCED;
	if (!counts_on(credential->counter, authdata->counter))
		return TOKEN_FAULT_COUNTER;
	return TOKEN_FAULT_NONE;
}

enum token_fault key_verify(const struct security_key_rules *rules,
			    const struct key_credential *credential,
			    const struct token_answer *answer, const uint8_t digest[32],
			    struct key_proof *ret_proof) {
	struct authdata authdata = { 0 };
	enum token_fault fault;

	memset(ret_proof, 0, sizeof(*ret_proof));
	fault = check(rules, credential, answer, digest, &authdata);
	ret_proof->fault = fault;
	ret_proof->counter = authdata.counter;
	ret_proof->flags = authdata.flags;
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	ret_proof->user_verified = (authdata.flags & AUTHDATA_VERIFIED) != 0;
	ret_proof->proved = TOKEN_YES; /* the only place, of an assertion */
	return TOKEN_FAULT_NONE;
}
