/* SPDX-License-Identifier: Apache-2.0 */

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "common/cleanup.h"
#include "tokens/public-key.h"

#define RSA_BITS_MIN     2048
#define RSA_BITS_MAX     4096
#define RSA_EXPONENT_MIN 65537u

DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)

const uint8_t p256_spki_head[P256_SPKI_HEAD] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};
static const uint8_t p384_spki_head[] = {
	0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
	0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04,
};
static const uint8_t p521_spki_head[] = {
	0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
	0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00, 0x04,
};
const uint8_t ed25519_spki_head[ED25519_SPKI_HEAD] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
};

/* Forms that are told by their first bytes and their exact length. */
static const struct {
	enum key_form form;
	const uint8_t *head;
	size_t n_head;
	size_t n;
	uint32_t bits;
	const char *curve; /* NULL: Ed25519                                          */
} fixed[] = {
	{ KEY_FORM_P256, p256_spki_head, sizeof(p256_spki_head), P256_SPKI, 256, "P-256" },
	{ KEY_FORM_P384, p384_spki_head, sizeof(p384_spki_head), 120, 384, "P-384" },
	{ KEY_FORM_P521, p521_spki_head, sizeof(p521_spki_head), 158, 521, "P-521" },
	{ KEY_FORM_ED25519, ed25519_spki_head, sizeof(ed25519_spki_head), ED25519_SPKI, 256, NULL },
};

void public_key_close(struct public_key *key) {
	EVP_PKEY_free(key->pkey);
	*key = (struct public_key){ 0 };
}

enum token_fault fault_of_openssl(enum token_fault otherwise) {
	enum token_fault fault = otherwise;
	unsigned long e;

	while ((e = ERR_get_error()) != 0)
		if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
			fault = TOKEN_FAULT_DEVICE;
	return fault;
}

/* A point of the order 1, 2, 4 or 8 signs everything: its y is one of these. */
static bool is_small_order(const uint8_t point[32]) {
	static const uint8_t ys[][32] = {
		{ 0 },
		{ 1 },
		{ 0xec, [1 ... 30] = 0xff, [31] = 0x7f },
		{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
		  0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
		  0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
		{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
		  0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
		  0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
	};
	uint8_t y[32];

	memcpy(y, point, sizeof(y));
	y[31] &= 0x7f;
	for (size_t i = 0; i < ARRAY_SIZE(ys); ++i)
		if (memcmp(y, ys[i], sizeof(y)) == 0)
			return true;
	return false;
}

/* y written as y + p: the same point again, and nobody honest writes it so. */
static bool is_not_reduced(const uint8_t point[32]) {
	if (point[0] < 0xed || (point[31] & 0x7f) != 0x7f)
		return false;
	for (size_t i = 1; i < 31; ++i)
		if (point[i] != 0xff)
			return false;
	return true;
}

static EVP_PKEY *open_curve(const char *curve, const uint8_t *point, size_t n) {
	cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx =
		EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	char name[16] = { 0 };
	uint8_t copy[133];
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, n),
		OSSL_PARAM_END,
	};

	params[0].data_size = strlen(curve);
	memcpy(name, curve, params[0].data_size);
	memcpy(copy, point, n);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return pkey;
}

static enum token_fault open_fixed(size_t i, const uint8_t *spki, EVP_PKEY *pkey,
				   struct public_key *key) {
	const uint8_t *point = spki + fixed[i].n_head;

	key->form = fixed[i].form;
	key->bits = fixed[i].bits;
	if (!fixed[i].curve && (is_small_order(point) || is_not_reduced(point)))
		return TOKEN_FAULT_WEAK;
	if (pkey) {
		if (EVP_PKEY_up_ref(pkey) != 1)
			return TOKEN_FAULT_DEVICE;
		key->pkey = pkey;
	} else if (fixed[i].curve) {
		/* From the 04 on. */
		key->pkey = open_curve(fixed[i].curve, point - 1, fixed[i].n - fixed[i].n_head + 1);
	} else {
		key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point, 32);
	}
	return key->pkey ? TOKEN_FAULT_NONE : fault_of_openssl(TOKEN_FAULT_FORM);
}

static enum token_fault check_rsa(EVP_PKEY *pkey, uint32_t *ret_bits) {
	cleanup_(BN_freep) BIGNUM *e = NULL;
	int bits = EVP_PKEY_get_bits(pkey);

	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
		return TOKEN_FAULT_WEAK;
	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		return TOKEN_FAULT_DEVICE;
	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || !BN_is_odd(e) || BN_num_bits(e) > 32 ||
	    BN_get_word(e) < RSA_EXPONENT_MIN)
		return TOKEN_FAULT_WEAK;
	*ret_bits = (uint32_t)bits;
	return TOKEN_FAULT_NONE;
}

/* RSA, or something that has no business here. */
static enum token_fault open_other(const uint8_t *spki, size_t n, EVP_PKEY *parsed,
				   struct public_key *key) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
	const uint8_t *at = spki;
	enum token_fault fault;

	if (parsed && EVP_PKEY_up_ref(parsed) == 1)
		pkey = parsed;
	if (!pkey)
		pkey = d2i_PUBKEY(NULL, &at, (long)n);
	if (!pkey || (!parsed && at != spki + n))
		return fault_of_openssl(TOKEN_FAULT_FORM);
	fault = check_rsa(pkey, &key->bits);
	if (fault != TOKEN_FAULT_NONE)
		return fault_of_openssl(fault);
	key->form = KEY_FORM_RSA;
	key->pkey = pkey;
	pkey = NULL;
	return TOKEN_FAULT_NONE;
}

/* DER writes it in one way: what OpenSSL writes must be what was read. */
static enum token_fault is_its_own_der(EVP_PKEY *pkey, const uint8_t *spki, size_t n) {
	uint8_t *again = NULL;
	int n_again = i2d_PUBKEY(pkey, &again);
	bool same = n_again > 0 && (size_t)n_again == n && memcmp(again, spki, n) == 0;

	OPENSSL_free(again);
	if (same)
		return TOKEN_FAULT_NONE;
	return n_again > 0 ? TOKEN_FAULT_FORM : TOKEN_FAULT_DEVICE;
}

enum token_fault public_key_open(const uint8_t *spki, size_t n, EVP_PKEY *pkey,
				 struct public_key *ret_key) {
	cleanup_(public_key_close) struct public_key key = { 0 };
	size_t i = 0;
	enum token_fault fault;

	if (n == 0 || n > sizeof(((struct key_credential *)0)->public_key))
		return TOKEN_FAULT_FORM;
	while (i < ARRAY_SIZE(fixed) &&
	       (n != fixed[i].n || memcmp(spki, fixed[i].head, fixed[i].n_head) != 0))
		++i;
	if (i < ARRAY_SIZE(fixed)) {
		fault = open_fixed(i, spki, pkey, &key);
	} else {
		fault = open_other(spki, n, pkey, &key);
		if (fault == TOKEN_FAULT_NONE)
			fault = is_its_own_der(key.pkey, spki, n);
	}
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	*ret_key = key;
	key = (struct public_key){ 0 };
	return TOKEN_FAULT_NONE;
}

bool public_key_fits(const struct public_key *key, int32_t algorithm) {
	switch (algorithm) {
	case COSE_ES256:
		return key->form == KEY_FORM_P256 || key->form == KEY_FORM_P384 ||
		       key->form == KEY_FORM_P521;
	case COSE_EDDSA:
		return key->form == KEY_FORM_ED25519;
	case COSE_RS256:
		return key->form == KEY_FORM_RSA;
	}
	return false;
}

/*
 * One INTEGER of an ECDSA signature: positive, in its shortest form, not zero.
 * Return: bytes that it takes; 0 when it is not one.
 */
static size_t check_integer(const uint8_t *p, size_t n, size_t most) {
	size_t length;

	if (n < 3 || p[0] != 0x02 || p[1] > 0x7f)
		return 0;
	length = p[1];
	if (length == 0 || length > n - 2 || (p[2] & 0x80) != 0)
		return 0;
	if (p[2] == 0 && (length == 1 || (p[3] & 0x80) == 0))
		return 0;
	if (length > most + (p[2] == 0))
		return 0;
	return 2 + length;
}

/* SEQUENCE { r, s }, DER, with nothing behind. */
static bool is_ecdsa_signature(const uint8_t *p, size_t n, uint32_t bits) {
	size_t head, r, s, most = (bits + 7) / 8;

	if (n < 8 || p[0] != 0x30)
		return false;
	head = p[1] == 0x81 ? 3 : 2;
	if (head == 3 ? p[2] < 0x80 || p[2] != n - 3 : p[1] > 0x7f || p[1] != n - 2)
		return false;
	r = check_integer(p + head, n - head, most);
	if (r == 0)
		return false;
	s = check_integer(p + head + r, n - head - r, most);
	return s != 0 && head + r + s == n;
}

static bool has_form(const struct public_key *key, const uint8_t *signature, size_t n) {
	switch (key->form) {
	case KEY_FORM_P256:
	case KEY_FORM_P384:
	case KEY_FORM_P521:
		return is_ecdsa_signature(signature, n, key->bits);
	case KEY_FORM_ED25519:
		return n == 64;
	case KEY_FORM_RSA:
		return n == (key->bits + 7) / 8;
	case KEY_FORM_NONE:
	case KEY_N_FORMS:
		return false;
	}
	return false;
}

enum token_fault public_key_verify_digest(const struct public_key *key, const uint8_t digest[32],
					  const uint8_t *signature, size_t n_signature) {
	cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = NULL;

	if (!key->pkey || key->form == KEY_FORM_ED25519)
		return TOKEN_FAULT_WEAK;
	if (!has_form(key, signature, n_signature))
		return TOKEN_FAULT_SIGNATURE;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (!ctx || EVP_PKEY_verify_init(ctx) != 1)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	if (key->form == KEY_FORM_RSA &&
	    (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1 ||
	     EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1))
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	if (EVP_PKEY_verify(ctx, signature, n_signature, digest, 32) != 1)
		return fault_of_openssl(TOKEN_FAULT_SIGNATURE);
	return TOKEN_FAULT_NONE;
}

static enum token_fault verify_ed25519(const struct public_key *key, const uint8_t *message,
				       size_t n, const uint8_t *signature, size_t n_signature) {
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!has_form(key, signature, n_signature))
		return TOKEN_FAULT_SIGNATURE;
	if (!ctx || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->pkey) != 1)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	if (EVP_DigestVerify(ctx, signature, n_signature, message, n) != 1)
		return fault_of_openssl(TOKEN_FAULT_SIGNATURE);
	return TOKEN_FAULT_NONE;
}

enum token_fault public_key_verify(const struct public_key *key, const uint8_t *message, size_t n,
				   const uint8_t *signature, size_t n_signature) {
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n_digest = 0;

	if (key->form == KEY_FORM_ED25519 && key->pkey)
		return verify_ed25519(key, message, n, signature, n_signature);
	if (EVP_Digest(message, n, digest, &n_digest, EVP_sha256(), NULL) != 1 || n_digest != 32)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	return public_key_verify_digest(key, digest, signature, n_signature);
}
