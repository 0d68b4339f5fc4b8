/* SPDX-License-Identifier: Apache-2.0 */

/* A build without the verifier: every token proves nothing. Weak: the verifier takes its place. */

#include <errno.h>
#include <string.h>

#include "tokens/challenge.h"
#include "tokens/verify.h"

#define weak_ __attribute__((weak))

weak_ const char *token_error_message(unsigned error) {
	(void)error;
	return "token-failed";
}

weak_ const char *token_fault_text(unsigned fault) {
	return fault == TOKEN_FAULT_COUNTER ? "counter" : "device";
}

weak_ int challenge_digest(const struct challenge *challenge, uint8_t ret_digest[32]) {
	(void)challenge;
	memset(ret_digest, 0, 32);
	return -EIO;
}

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

weak_ enum token_fault key_verify(const struct security_key_rules *rules,
				  const struct key_credential *credential,
				  const struct token_answer *answer, const uint8_t digest[32],
				  struct key_proof *ret_proof) {
	(void)rules;
	(void)credential;
	(void)answer;
	(void)digest;
	*ret_proof = (struct key_proof){ .fault = TOKEN_FAULT_DEVICE };
	return TOKEN_FAULT_DEVICE;
}

weak_ enum token_fault key_enrol(const struct security_key_rules *rules,
				 const struct token_answer *answer, const uint8_t digest[32],
				 struct key_credential *ret_credential, struct key_proof *ret_proof) {
	(void)rules;
	(void)answer;
	(void)digest;
	*ret_credential = (struct key_credential){ 0 };
	*ret_proof = (struct key_proof){ .fault = TOKEN_FAULT_DEVICE };
	return TOKEN_FAULT_DEVICE;
}
