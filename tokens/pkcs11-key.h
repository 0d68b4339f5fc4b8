/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_PKCS11_KEY_H
#define TOKENS_PKCS11_KEY_H

/*
 * What a certificate's key can do on a card, and what its signatures look like
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>

#include "tokens/token.h"

/* DigestInfo of SHA-256, as RSA signs it. */
#define PKCS11_INPUT_MAX 51u

struct card_key {
	EVP_PKEY *key;  /* public, of the certificate                        */
	bool authority; /* the certificate says that it is a CA              */
	CK_KEY_TYPE type;
	CK_MECHANISM_TYPE mechanism;
	size_t n_raw; /* bytes of a signature as the card gives it         */
};

/*
 * card_key_read() - take the key out of a certificate
 *
 * Return: 0; -EINVAL (not exactly one certificate); -ENOTSUP (a key that is not
 * used here: EC on P-256 and P-384 and RSA of at most 8192 bits are).
 */
int card_key_read(struct card_key *key, const uint8_t *certificate, size_t n_certificate);
void card_key_done(struct card_key *key);

/* What the card is given to sign @digest. Return: its length. */
size_t card_key_input(const struct card_key *key, const uint8_t digest[static 32],
		      uint8_t ret_input[static PKCS11_INPUT_MAX]);

/*
 * card_key_signature() - bring what the card gave into the one form, and check it
 *
 * ECDSA is r and s side by side on the card, and a DER ECDSA-Sig-Value afterwards;
 * RSA stays as it is. A card that fails in the middle may answer with anything and
 * say that all is well, so the signature is verified here too: the error is then
 * the card's, and nobody is recorded as a forger. The engine verifies it again and
 * does not know of this.
 *
 * Return: 0 with the signature; -EBADMSG (length, or it does not verify).
 */
int card_key_signature(const struct card_key *key, const uint8_t digest[static 32],
		       const uint8_t *raw, size_t n_raw,
		       uint8_t ret_signature[static TOKEN_SIGNATURE_MAX], size_t *ret_n);

#endif
