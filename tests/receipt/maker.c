/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/receipt/maker.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include <careward/result.h>

#include "common/cleanup.h"

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

const uint8_t maker_seed[32] = { 1, 2, 3 };
/* SHA-256 of MAKER_IMAGE. */
const uint8_t maker_object[32] = {
	0x06, 0x90, 0x67, 0x94, 0x97, 0x3e, 0x89, 0xe9, 0xa7, 0x35, 0xb2, 0x6e,
	0x9a, 0x96, 0xc0, 0x8d, 0x2c, 0x29, 0x4c, 0x82, 0x13, 0x50, 0x66, 0x9b,
	0x1e, 0x33, 0x0b, 0x23, 0x98, 0x45, 0x3d, 0xe2,
};

static void must(bool good) {
	if (!good)
		abort();
}

EVP_PKEY *maker_key(enum maker_token token) {
	static EVP_PKEY *keys[MAKER_N_TOKENS];

	if (keys[token])
		return keys[token];
	if (token == MAKER_CARD_RSA)
		keys[token] = EVP_RSA_gen(2048);
	else if (token == MAKER_KEY_EDDSA)
		keys[token] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else
		keys[token] = EVP_EC_gen("P-256");
	must(keys[token]);
	return keys[token];
}

void maker_receipt(struct receipt *receipt, bool second) {
	memset(receipt, 0, sizeof(*receipt));
	memset(receipt->device, 0xde, sizeof(receipt->device));
	memset(receipt->boot_id, 0xb0, sizeof(receipt->boot_id));
	receipt->seat = 1;
	receipt->session = 0x123456789abc;
	receipt->account = MAKER_FIRST;
	memcpy(receipt->action, "software.update", sizeof("software.update"));
	memcpy(receipt->digest, maker_object, sizeof(receipt->digest));
	memcpy(receipt->object, "pump-2.1.swu", sizeof("pump-2.1.swu"));
	memcpy(receipt->words, "Install 2.1 \303\274ber 2.0?", sizeof("Install 2.1 \303\274ber 2.0?"));
	memset(receipt->nonce, 0x5a, sizeof(receipt->nonce));
	receipt->assurance = CW_ASSURANCE_PASSWORD;
	if (second) {
		receipt->second = MAKER_SECOND;
		receipt->second_assurance = CW_ASSURANCE_PASSWORD;
	}
	receipt->boot_ms = 1000000;
	receipt->wall_ms = 1795000000000;
	receipt->trust = 2;
	receipt->head_seq = 4711;
	memset(receipt->head_hash, 0x4a, sizeof(receipt->head_hash));
	must(receipt_public_key(maker_seed, receipt->device_key) == 0);
}

static void sign(struct receipt_signature *s, enum maker_token token, const uint8_t *message,
		 size_t n) {
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = token == MAKER_KEY_EDDSA ? NULL : EVP_sha256();

	s->n_signature = sizeof(s->signature);
	must(ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, maker_key(token)) == 1 &&
	     EVP_DigestSign(ctx, s->signature, &s->n_signature, message, n) == 1);
}

void maker_sign_challenge(struct receipt_signature *s, enum maker_token token,
			  const struct challenge *challenge) {
	static const int32_t algorithms[MAKER_N_TOKENS] = {
		[MAKER_CARD_EC] = -7, [MAKER_CARD_RSA] = -257, [MAKER_KEY_EC] = -7,
		[MAKER_KEY_EDDSA] = -8,
	};
	uint8_t message[RECEIPT_AUTHDATA_MAX + CHALLENGE_BYTES], *spki = NULL;
	int n = i2d_PUBKEY(maker_key(token), &spki);

	must(n > 0 && (size_t)n <= sizeof(s->public_key));
	memcpy(s->public_key, spki, (size_t)n);
	s->n_public_key = (size_t)n;
	OPENSSL_free(spki);
	s->algorithm = algorithms[token];
	s->challenge = *challenge;
	if (token == MAKER_CARD_EC || token == MAKER_CARD_RSA) {
		s->factor = CW_FACTOR_SMARTCARD;
		s->n_authdata = 0;
		challenge_bytes(challenge, message);
		sign(s, token, message, CHALLENGE_BYTES);
		return;
	}
	s->factor = CW_FACTOR_FIDO2;
	if (s->n_authdata == 0) {
		s->n_authdata = 37;
		memset(s->authdata, 0x1d, 32);
		s->authdata[32] = 0x05; /* present, verified */
	}
	memcpy(message, s->authdata, s->n_authdata);
	must(challenge_digest(challenge, message + s->n_authdata) == 0);
	sign(s, token, message, s->n_authdata + 32);
}

void maker_sign(struct receipt *receipt, unsigned person, enum maker_token token) {
	struct receipt_signature *s = &receipt->signatures[person - 1];
	struct challenge challenge = { .boot_ms = receipt->boot_ms - 5000 };

	challenge.seat = (uint8_t)person;
	*(person == 1 ? &receipt->assurance : &receipt->second_assurance) = CW_ASSURANCE_STRONG;
	challenge.account = person == 1 ? receipt->account : receipt->second;
	memset(challenge.nonce, (int)(0x70 + person), sizeof(challenge.nonce));
	memcpy(challenge.device, receipt->device, sizeof(challenge.device));
	memcpy(challenge.boot_id, receipt->boot_id, sizeof(challenge.boot_id));
	must(receipt_statement(receipt, person, challenge.statement) == 0);
	s->person = (uint8_t)person;
	maker_sign_challenge(s, token, &challenge);
}

size_t maker_make(enum maker_token first, enum maker_token second,
		  uint8_t bytes[APPROVAL_RECEIPT_MAX], struct receipt *receipt) {
	size_t n = 0;

	maker_receipt(receipt, second != MAKER_N_TOKENS);
	if (first != MAKER_NONE)
		maker_sign(receipt, 1, first);
	if (second != MAKER_NONE && second != MAKER_N_TOKENS)
		maker_sign(receipt, 2, second);
	must(receipt_make(maker_seed, receipt, bytes, &n) == 0);
	return n;
}

void maker_keys(const struct receipt *receipt, struct receipt_token_key tokens[2],
		struct receipt_keys *keys) {
	memset(keys, 0, sizeof(*keys));
	memset(tokens, 0, 2 * sizeof(*tokens));
	memcpy(keys->device, receipt->device, sizeof(keys->device));
	memcpy(keys->approval, receipt->device_key, sizeof(keys->approval));
	keys->tokens = tokens;
	for (unsigned i = 0; i < RECEIPT_PERSONS; ++i) {
		const struct receipt_signature *s = &receipt->signatures[i];

		if (s->person == 0)
			continue;
		tokens[keys->n_tokens].account = i == 0 ? receipt->account : receipt->second;
		tokens[keys->n_tokens].n_key = s->n_public_key;
		memcpy(tokens[keys->n_tokens++].key, s->public_key, s->n_public_key);
	}
}
