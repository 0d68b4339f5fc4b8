/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOKENS_KEY_H
#define TESTS_TOKENS_KEY_H

/* Answers of a security key, byte by byte, for tests of the verifier. */

#include <openssl/evp.h>

#include "tests/tokens/authority.h"
#include "tokens/verify.h"

#define KEY_RP "ward.example"

/* Zeroed: good ES256, touched and verified, counter 0, format "packed", by itself. */
struct key_request {
	int32_t algorithm;  /* 0: -7                                              */
	EVP_PKEY *with_key; /* borrowed; NULL: a new one                          */
	const char *rp;     /* NULL: KEY_RP                                       */
	uint8_t flags_on, flags_off;
	uint32_t counter;
	const void *extensions; /* CBOR behind everything                             */
	size_t n_extensions;
	const char *format;         /* NULL: "packed"                                     */
	const struct authority *by; /* attestation certificate; NULL: the key itself  */
	const void *cose;           /* NULL: as it should be                              */
	size_t n_cose;
	size_t n_id; /* 0: 32                                              */
};

struct key {
	EVP_PKEY *key;
	int32_t algorithm;
};

/* A made credential, and its key for what follows. */
struct key key_make(const struct key_request *request, const uint8_t digest[32],
		    struct token_answer *ret_answer);
void key_end(struct key *key);

/* An assertion. */
void key_assert(const struct key *key, const struct key_request *request, const uint8_t digest[32],
		struct token_answer *ret_answer);

/* Signs again what is in the answer, after it was changed. */
void key_sign_again(EVP_PKEY *key, const uint8_t digest[32], struct token_answer *answer);

/* The COSE form of a key. Return: length. */
size_t key_cose(EVP_PKEY *key, int32_t algorithm, uint8_t *bytes);

/* The rules of a site that asks for verification and takes no copied keys. */
struct security_key_rules key_rules(void);

#endif
