/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_PUBLIC_KEY_H
#define TOKENS_PUBLIC_KEY_H

/*
 * A public key in the one form that is taken: SubjectPublicKeyInfo, DER
 *
 * P-256, P-384 and P-521 by name and as an uncompressed point; Ed25519; RSA of
 * 2048 to 4096 bits with an odd exponent of 65537 or more. Everything else is
 * refused before OpenSSL sees it.
 */

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "tokens/verify.h"

enum key_form {
	KEY_FORM_NONE = 0,
	KEY_FORM_P256,
	KEY_FORM_P384,
	KEY_FORM_P521,
	KEY_FORM_ED25519,
	KEY_FORM_RSA,
	KEY_N_FORMS,
};

#define COSE_ES256 (-7)
#define COSE_EDDSA (-8)
#define COSE_RS256 (-257)

#define P256_SPKI_HEAD    27u /* bytes before x, the 04 of the point among them      */
#define P256_SPKI         91u
#define ED25519_SPKI_HEAD 12u
#define ED25519_SPKI      44u

extern const uint8_t p256_spki_head[P256_SPKI_HEAD];
extern const uint8_t ed25519_spki_head[ED25519_SPKI_HEAD];

/* Zeroed: nothing. */
struct public_key {
	enum key_form form;
	uint32_t bits;
	EVP_PKEY *pkey; /* owned */
};

/* For cleanup_(). */
void public_key_close(struct public_key *key);

/*
 * public_key_open() - parse, and check that it is a key one may believe
 * @pkey:  NULL, or the same key as somebody has parsed it already; a reference
 *         is taken
 *
 * Return: TOKEN_FAULT_NONE; _FORM (no such form, not on its curve); _WEAK (another
 * algorithm, too small, a point of small order); _DEVICE.
 */
enum token_fault public_key_open(const uint8_t *spki, size_t n, EVP_PKEY *pkey,
				 struct public_key *ret_key);

/* Does a signature by this COSE algorithm come from such a key? */
bool public_key_fits(const struct public_key *key, int32_t algorithm);

/*
 * public_key_verify() - a signature over a message, SHA-256 of it in between
 *
 * Return: TOKEN_FAULT_NONE; _SIGNATURE (also one of a wrong form); _DEVICE.
 */
enum token_fault public_key_verify(const struct public_key *key, const uint8_t *message, size_t n,
				   const uint8_t *signature, size_t n_signature);

/* The same where the digest is what was signed. _WEAK: Ed25519. */
enum token_fault public_key_verify_digest(const struct public_key *key, const uint8_t digest[32],
					  const uint8_t *signature, size_t n_signature);

/*
 * fault_of_openssl() - empty OpenSSL's error queue
 * @otherwise:  what it means when OpenSSL did not run out of memory
 *
 * Return: TOKEN_FAULT_DEVICE or @otherwise.
 */
enum token_fault fault_of_openssl(enum token_fault otherwise);

#endif
