/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/secret.h"
#include "tokens/trust.h"

DEFINE_CLEANUP(X509 *, X509_free)

static bool has_form(const struct token_answer *answer) {
	return answer->factor == CW_FACTOR_SMARTCARD && answer->n_certificate > 0 &&
	       answer->n_certificate <= sizeof(answer->certificate) && answer->n_signature > 0 &&
	       answer->n_signature <= sizeof(answer->signature);
}

int card_identify(const uint8_t *certificate, size_t n_certificate, struct card_proof *ret_proof) {
	cleanup_(X509_freep) X509 *x509 = NULL;
	struct card_proof proof = { 0 };
	enum token_fault fault;

	ERR_clear_error();
	fault = certificate_parse(certificate, n_certificate, &x509);
	if (fault == TOKEN_FAULT_NONE)
		fault = certificate_read(x509, &proof);
	if (fault != TOKEN_FAULT_NONE)
		return fault == TOKEN_FAULT_DEVICE ? -ENOMEM : -EINVAL;
	*ret_proof = proof;
	return 0;
}

/* The card holds the key of this certificate, and signed this challenge with it. */
static enum token_fault check_signature(const struct smartcard_rules *rules, X509 *certificate,
					const struct token_answer *answer,
					const uint8_t digest[32]) {
	cleanup_(public_key_close) struct public_key key = { 0 };
	enum token_fault fault = certificate_key(certificate, rules->min_rsa_bits, &key);

	if (fault != TOKEN_FAULT_NONE)
		return fault;
	return public_key_verify_digest(&key, digest, answer->signature, answer->n_signature);
}

/* Who stands behind the key: an authority, or the one who enrolled it. */
static enum token_fault check_origin(const struct smartcard_rules *rules, const struct trust *trust,
				     const uint8_t *enrolled_key, X509 *certificate,
				     const struct moment *now, struct card_proof *proof) {
	struct card_proof unused = { 0 };

	if (enrolled_key && !equal_32(enrolled_key, proof->key_hash))
		return TOKEN_FAULT_OTHER_KEY;
	if (!enrolled_key || !rules->enrolled_without_chain)
		return trust ? trust_check(trust, certificate, now, proof) : TOKEN_FAULT_CHAIN;
	/* No authority is asked for. One that says "revoked" is heard all the same. */
	if (trust && trust_check(trust, certificate, now, &unused) == TOKEN_FAULT_REVOKED)
		return TOKEN_FAULT_REVOKED;
	return TOKEN_FAULT_NONE;
}

static enum token_fault check(const struct smartcard_rules *rules, const struct trust *trust,
			      const uint8_t *enrolled_key, const struct token_answer *answer,
			      const uint8_t digest[32], const struct moment *now,
			      struct card_proof *proof) {
	cleanup_(X509_freep) X509 *certificate = NULL;
	enum token_fault fault;

	if (!has_form(answer))
		return TOKEN_FAULT_FORM;
	fault = certificate_parse(answer->certificate, answer->n_certificate, &certificate);
	if (fault == TOKEN_FAULT_NONE)
		fault = certificate_read(certificate, proof);
	if (fault == TOKEN_FAULT_NONE)
		fault = check_signature(rules, certificate, answer, digest);
	if (fault == TOKEN_FAULT_NONE)
		fault = check_origin(rules, trust, enrolled_key, certificate, now, proof);
	return fault;
}

enum token_fault card_verify(const struct smartcard_rules *rules, const struct trust *trust,
			     const uint8_t *enrolled_key, const struct token_answer *answer,
			     const uint8_t digest[32], const struct moment *now,
			     struct card_proof *ret_proof) {
	enum token_fault fault;

	ERR_clear_error();
	memset(ret_proof, 0, sizeof(*ret_proof));
	fault = check(rules, trust, enrolled_key, answer, digest, now, ret_proof);
	ret_proof->fault = fault;
	if (fault == TOKEN_FAULT_NONE)
		ret_proof->proved = TOKEN_YES; /* the only place, of a card */
	return fault;
}
