/* SPDX-License-Identifier: Apache-2.0 */

#include <check.h>
#include <openssl/core_names.h>
#include <string.h>

#include "tests/tokens/key.h"

#define PRESENT_AND_VERIFIED 0x05u
#define CREDENTIAL           0x40u
#define EXTENSIONS           0x80u

struct security_key_rules key_rules(void) {
	return (struct security_key_rules){ .on = true, .rp = KEY_RP };
}

static size_t put(uint8_t *bytes, size_t at, const void *p, size_t n) {
	memcpy(bytes + at, p, n);
	return at + n;
}

static size_t cose_p256(EVP_PKEY *key, uint8_t *bytes) {
	static const uint8_t head[] = {
		0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20
	};
	static const uint8_t middle[] = { 0x22, 0x58, 0x20 };
	uint8_t point[65];
	size_t n = 0, at = put(bytes, 0, head, sizeof(head));

	ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
							 sizeof(point), &n),
			 1);
	ck_assert_uint_eq(n, sizeof(point));
	at = put(bytes, at, point + 1, 32);
	at = put(bytes, at, middle, sizeof(middle));
	return put(bytes, at, point + 33, 32);
}

static size_t cose_ed25519(EVP_PKEY *key, uint8_t *bytes) {
	static const uint8_t head[] = {
		0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20
	};
	uint8_t point[32];
	size_t n = sizeof(point);

	ck_assert_int_eq(EVP_PKEY_get_raw_public_key(key, point, &n), 1);
	return put(bytes, put(bytes, 0, head, sizeof(head)), point, n);
}

static size_t cose_rsa(EVP_PKEY *key, uint8_t *bytes) {
	static const uint8_t head[] = { 0xa4, 0x01, 0x03, 0x03, 0x39, 0x01,
					0x00, 0x20, 0x59, 0x01, 0x00 };
	static const uint8_t tail[] = { 0x21, 0x43, 0x01, 0x00, 0x01 };
	BIGNUM *n = NULL;
	uint8_t modulus[256];
	size_t at;

	ck_assert_int_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	ck_assert_int_eq(BN_bn2binpad(n, modulus, sizeof(modulus)), sizeof(modulus));
	BN_free(n);
	at = put(bytes, 0, head, sizeof(head));
	at = put(bytes, at, modulus, sizeof(modulus));
	return put(bytes, at, tail, sizeof(tail));
}

size_t key_cose(EVP_PKEY *key, int32_t algorithm, uint8_t *bytes) {
	return algorithm == -8     ? cose_ed25519(key, bytes)
	       : algorithm == -257 ? cose_rsa(key, bytes)
				   : cose_p256(key, bytes);
}

/* Everything up to the counter. Return: length. */
static size_t put_head(const struct key_request *request, uint8_t flags, uint8_t *bytes) {
	const char *rp = request->rp ? request->rp : KEY_RP;

	ck_assert_int_eq(EVP_Digest(rp, strlen(rp), bytes, NULL, EVP_sha256(), NULL), 1);
	flags |= request->n_extensions > 0 ? EXTENSIONS : 0;
	bytes[32] = (uint8_t)((flags | request->flags_on) & ~request->flags_off);
	for (unsigned i = 0; i < 4; ++i)
		bytes[33 + i] = (uint8_t)(request->counter >> (24 - 8 * i));
	return 37;
}

void key_sign_again(EVP_PKEY *key, const uint8_t digest[32], struct token_answer *answer) {
	uint8_t message[TOKEN_AUTHDATA_MAX + 32];

	memcpy(message, answer->authdata, answer->n_authdata);
	memcpy(message + answer->n_authdata, digest, 32);
	answer->n_signature = authority_sign(key, message, answer->n_authdata + 32,
					     answer->signature, sizeof(answer->signature));
}

static size_t put_credential(const struct key *key, const struct key_request *request, size_t at,
			     struct token_answer *answer) {
	size_t n_id = request->n_id ? request->n_id : 32;

	memset(answer->authdata + at, 0xaa, 16);
	answer->authdata[at + 16] = (uint8_t)(n_id >> 8);
	answer->authdata[at + 17] = (uint8_t)n_id;
	memset(answer->authdata + at + 18, 0xcc, n_id);
	at += 18 + n_id;
	if (request->cose)
		return put(answer->authdata, at, request->cose, request->n_cose);
	return at + key_cose(key->key, key->algorithm, answer->authdata + at);
}

struct key key_make(const struct key_request *request, const uint8_t digest[32],
		    struct token_answer *ret_answer) {
	struct token_answer *a = ret_answer;
	struct key key = { .algorithm = request->algorithm ? request->algorithm : -7 };
	size_t at;

	*a = (struct token_answer){ .factor = CW_FACTOR_FIDO2 };
	key.key = request->with_key;
	if (key.key)
		ck_assert_int_eq(EVP_PKEY_up_ref(key.key), 1);
	else
		key.key = authority_new_key(key.algorithm == -8     ? AUTHORITY_ED25519
					    : key.algorithm == -257 ? AUTHORITY_RSA_2048
								    : AUTHORITY_P256);
	at = put_head(request, PRESENT_AND_VERIFIED | CREDENTIAL, a->authdata);
	at = put_credential(&key, request, at, a);
	if (request->n_extensions > 0)
		at = put(a->authdata, at, request->extensions, request->n_extensions);
	a->n_authdata = at;
	a->n_credential = request->n_id ? request->n_id : 32;
	memset(a->credential, 0xcc,
	       a->n_credential < sizeof(a->credential) ? a->n_credential : sizeof(a->credential));
	(void)snprintf(a->format, sizeof(a->format), "%s",
		       request->format ? request->format : "packed");
	if (request->by)
		a->n_statement = authority_der(request->by, a->statement, sizeof(a->statement));
	if (strcmp(a->format, "none") != 0)
		key_sign_again(request->by ? request->by->key : key.key, digest, a);
	return key;
}

void key_end(struct key *key) {
	EVP_PKEY_free(key->key);
	*key = (struct key){ 0 };
}

void key_assert(const struct key *key, const struct key_request *request, const uint8_t digest[32],
		struct token_answer *ret_answer) {
	struct token_answer *a = ret_answer;
	size_t at;

	*a = (struct token_answer){ .factor = CW_FACTOR_FIDO2, .n_credential = 32 };
	memset(a->credential, 0xcc, 32);
	at = put_head(request, PRESENT_AND_VERIFIED, a->authdata);
	if (request->n_extensions > 0)
		at = put(a->authdata, at, request->extensions, request->n_extensions);
	a->n_authdata = at;
	key_sign_again(key->key, digest, a);
}
