/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libFuzzer target: authenticator data and COSE keys
 *
 * The first byte says what: an assertion, a new credential without attestation,
 * or signed by itself. What is enrolled without a signature must open as a key,
 * and prove nothing.
 */

#include <stdlib.h>
#include <string.h>

#include "tokens/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
	if (!good)
		abort();
}

/* SHA-256 of the site's name in front, so that the fuzzer gets behind it. */
static const struct security_key_rules rules = { .on = true, .rp = "ward.example" };
static const uint8_t rp_hash[32] = { 0x9f, 0x13, 0x6b, 0xb5, 0xb2, 0xc6, 0x50, 0xd3,
				     0xcb, 0xb6, 0x3f, 0xb5, 0x9a, 0x71, 0x45, 0x16,
				     0xbe, 0xd1, 0x8a, 0x6e, 0x2d, 0x82, 0x6c, 0xc0,
				     0xda, 0xa0, 0x60, 0x79, 0x4a, 0xce, 0x58, 0x25 };

static void enrol(struct token_answer *answer, const char *format) {
	static const uint8_t digest[32] = { 1 };
	struct key_credential credential = { 0 };
	struct key_proof proof;
	enum token_fault fault;

	memcpy(answer->format, format, strlen(format) + 1);
	if (strcmp(format, "none") == 0)
		answer->n_signature = 0;
	fault = key_enrol(&rules, answer, digest, &credential, &proof);
	must(proof.proved == 0);
	if (fault != TOKEN_FAULT_NONE)
		return;
	must(strcmp(format, "none") == 0);
	must(credential.n_id >= 16 && credential.n_id <= sizeof(credential.id));
	/* A key that was taken can be used: only the signature is wrong. */
	must(signature_verify(credential.algorithm, credential.public_key, credential.n_public_key,
			      digest, 32, digest, 32) == TOKEN_FAULT_SIGNATURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const uint8_t digest[32] = { 1 };
	static struct key_credential credential;
	static struct token_answer answer;
	struct key_proof proof;

	if (size < 1 || size - 1 > sizeof(answer.authdata) - 32)
		return 0;
	memset(&answer, 0, sizeof(answer));
	answer.factor = CW_FACTOR_FIDO2;
	memcpy(answer.authdata, rp_hash, 32);
	memcpy(answer.authdata + 32, data + 1, size - 1);
	answer.n_authdata = 32 + size - 1;
	answer.n_signature = size - 1 < 72 ? size - 1 : 72;
	memcpy(answer.signature, data + size - answer.n_signature, answer.n_signature);
	if (data[0] % 3 == 0) {
		enrol(&answer, "none");
	} else if (data[0] % 3 == 1) {
		enrol(&answer, "packed");
	} else {
		/* A stored key as it may never be: what is behind the counter. */
		credential = (struct key_credential){ .n_id = 4, .algorithm = -7 };
		answer.n_credential = 4;
		credential.n_public_key = size - 1 < 91 ? size - 1 : 91;
		memcpy(credential.public_key, data + 1, credential.n_public_key);
		must(key_verify(&rules, &credential, &answer, digest, &proof) != TOKEN_FAULT_NONE);
		must(proof.proved == 0);
	}
	return 0;
}
