/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_RECEIPT_MAKER_H
#define TESTS_RECEIPT_MAKER_H

/*
 * Receipts of every kind, signed by keys that are made with OpenSSL here and now
 *
 * Cards sign SHA-256 of the challenge; security keys their own data and that
 * SHA-256. Nothing of the code under test signs for a token.
 */

#include <openssl/evp.h>
#include <stdbool.h>

#include "auth/receipt.h"

enum maker_token {
	MAKER_NONE = 0,   /* a password                                               */
	MAKER_CARD_EC,
	MAKER_CARD_RSA,
	MAKER_KEY_EC,
	MAKER_KEY_EDDSA,
	MAKER_N_TOKENS,
};

#define MAKER_FIRST 7u
#define MAKER_SECOND 9u

extern const uint8_t maker_seed[32];
#define MAKER_IMAGE "image 2.1\n" /* what the receipts are about */
extern const uint8_t maker_object[32];

/* The key that a kind of token has; made once. */
EVP_PKEY *maker_key(enum maker_token token);

/* A receipt without signatures; the second person is there when @second is true. */
void maker_receipt(struct receipt *ret_receipt, bool second);

/* Lets a token sign for a person, over the statement as it is now. */
void maker_sign(struct receipt *receipt, unsigned person, enum maker_token token);

/* Signs anything at all in its way: what an attacker with a token could do. */
void maker_sign_challenge(struct receipt_signature *signature, enum maker_token token,
			  const struct challenge *challenge);

/* One whole receipt. @second: MAKER_N_TOKENS: there is no second person. Return: its length. */
size_t maker_make(enum maker_token first, enum maker_token second,
		  uint8_t ret_bytes[APPROVAL_RECEIPT_MAX], struct receipt *ret_receipt);

/* What the device would have exported about these persons. */
void maker_keys(const struct receipt *receipt, struct receipt_token_key tokens[2],
		struct receipt_keys *ret_keys);

#endif
