/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libFuzzer target: certificates
 *
 * No certificate that the fuzzer makes is signed by our authority, so none may
 * prove anything; what identifies is read without being believed.
 */

#include <stdlib.h>
#include <string.h>

#include "tokens/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct smartcard_rules rules = { .on = true,
						      .missing = REVOCATION_RECORD,
						      .stale = REVOCATION_RECORD,
						      .service = true };
	static const uint8_t digest[32] = { 1 };
	static struct token_answer answer;
	const struct moment now = { .wall_ms = 1790000000000, .trust = CLOCK_TRUSTED };
	struct trust_file file = { "fuzzed", data, size };
	struct trust *trust = NULL;
	struct card_proof proof;
	char message[256];
	size_t n = size < sizeof(answer.certificate) ? size : sizeof(answer.certificate);

	if (card_identify(data, size, &proof) == 0)
		must(proof.proved == 0 && strnlen(proof.subject, LIMIT_NAME) < LIMIT_NAME &&
		     proof.n_public_key <= sizeof(proof.public_key));
	answer.factor = CW_FACTOR_SMARTCARD;
	answer.n_certificate = n;
	memcpy(answer.certificate, data, n);
	answer.n_signature = size < 72 ? size : 72;
	memcpy(answer.signature, data + size - answer.n_signature, answer.n_signature);
	/* As an authority and as its own card; a list is of nobody then. */
	(void)trust_new(&rules, &file, 1, &file, message, &trust);
	if (trust)
		must(trust_set_lists(trust, &file, 1, message) < 0);
	must(card_verify(&rules, trust, NULL, &answer, digest, &now, &proof) != TOKEN_FAULT_NONE);
	must(proof.proved == 0);
	trust = trust_free(trust);
	return 0;
}
