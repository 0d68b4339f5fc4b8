/* SPDX-License-Identifier: Apache-2.0 */

/* A build without the verifier of cards: none proves anything. Weak: the verifier takes its place. */

#include <errno.h>

#include "tokens/verify.h"

#define weak_ __attribute__((weak))

weak_ int card_identify(const uint8_t *certificate, size_t n_certificate,
			struct card_proof *ret_proof) {
	(void)certificate;
	(void)n_certificate;
	*ret_proof = (struct card_proof){ 0 };
	return -EINVAL;
}

weak_ enum token_fault card_verify(const struct smartcard_rules *rules, const struct trust *trust,
				   const uint8_t *enrolled_key, const struct token_answer *answer,
				   const uint8_t digest[32], const struct moment *now,
				   struct card_proof *ret_proof) {
	(void)rules;
	(void)trust;
	(void)enrolled_key;
	(void)answer;
	(void)digest;
	(void)now;
	*ret_proof = (struct card_proof){ .fault = TOKEN_FAULT_DEVICE };
	return TOKEN_FAULT_DEVICE;
}
