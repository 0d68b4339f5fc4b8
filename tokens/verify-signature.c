/* SPDX-License-Identifier: Apache-2.0 */

#include <openssl/err.h>

#include "common/cleanup.h"
#include "tokens/public-key.h"

static const char *const fault_texts[TOKEN_N_FAULTS] = {
	[TOKEN_FAULT_NONE] = "none",
	[TOKEN_FAULT_FORM] = "form",
	[TOKEN_FAULT_SIGNATURE] = "signature",
	[TOKEN_FAULT_CHAIN] = "chain",
	[TOKEN_FAULT_VALIDITY] = "validity",
	[TOKEN_FAULT_USAGE] = "usage",
	[TOKEN_FAULT_WEAK] = "weak",
	[TOKEN_FAULT_REVOKED] = "revoked",
	[TOKEN_FAULT_LIST_MISSING] = "list-missing",
	[TOKEN_FAULT_LIST_STALE] = "list-stale",
	[TOKEN_FAULT_OTHER_KEY] = "other-key",
	[TOKEN_FAULT_RP] = "rp",
	[TOKEN_FAULT_NOT_PRESENT] = "not-present",
	[TOKEN_FAULT_NOT_VERIFIED] = "not-verified",
	[TOKEN_FAULT_COUNTER] = "counter",
	[TOKEN_FAULT_SYNCED] = "synced",
	[TOKEN_FAULT_ATTESTATION] = "attestation",
	[TOKEN_FAULT_DEVICE] = "device",
};

const char *token_fault_text(unsigned fault) {
	return fault < TOKEN_N_FAULTS ? fault_texts[fault] : "unknown";
}

static enum token_fault open_for(int32_t algorithm, const uint8_t *public_key, size_t n_public_key,
				 struct public_key *key) {
	enum token_fault fault;

	ERR_clear_error();
	fault = public_key_open(public_key, n_public_key, NULL, key);
	if (fault == TOKEN_FAULT_NONE && !public_key_fits(key, algorithm))
		fault = TOKEN_FAULT_WEAK;
	return fault;
}

enum token_fault signature_verify(int32_t algorithm, const uint8_t *public_key, size_t n_public_key,
				  const uint8_t *message, size_t n_message,
				  const uint8_t *signature, size_t n_signature) {
	cleanup_(public_key_close) struct public_key key = { 0 };
	enum token_fault fault = open_for(algorithm, public_key, n_public_key, &key);

	if (fault != TOKEN_FAULT_NONE)
		return fault;
	return public_key_verify(&key, message, n_message, signature, n_signature);
}

enum token_fault signature_verify_digest(int32_t algorithm, const uint8_t *public_key,
					 size_t n_public_key, const uint8_t digest[32],
					 const uint8_t *signature, size_t n_signature) {
	cleanup_(public_key_close) struct public_key key = { 0 };
	enum token_fault fault = open_for(algorithm, public_key, n_public_key, &key);

	if (fault != TOKEN_FAULT_NONE)
		return fault;
	return public_key_verify_digest(&key, digest, signature, n_signature);
}
