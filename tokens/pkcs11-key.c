/* SPDX-License-Identifier: Apache-2.0 */
#include "tokens/pkcs11-key.h"

#include <errno.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/cleanup.h"

DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free)
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)

/* DigestInfo { SHA-256, NULL }, up to the digest: RFC 8017, 9.2, note 1. */
static const uint8_t digest_info[19] = {
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
};
_Static_assert(sizeof(digest_info) + 32 == PKCS11_INPUT_MAX, "the digest follows");

static const struct {
	const char *group;
	size_t n_raw;
} curves[] = {
	{ "prime256v1", 64 },
	{ "secp384r1", 96 },
};

static int use_rsa(struct card_key *key) {
	int n = EVP_PKEY_get_size(key->key);

	if (n <= 0 || (size_t)n > TOKEN_SIGNATURE_MAX)
		return -ENOTSUP;
	key->type = CKK_RSA;
	key->mechanism = CKM_RSA_PKCS;
	key->n_raw = (size_t)n;
	return 0;
}

static int use_ec(struct card_key *key) {
	char group[32];
	size_t n = 0;

	if (EVP_PKEY_get_group_name(key->key, group, sizeof(group), &n) != 1)
		return -ENOTSUP;
	for (size_t i = 0; i < ARRAY_SIZE(curves); ++i) {
		if (strcmp(curves[i].group, group) == 0) {
			key->type = CKK_EC;
			key->mechanism = CKM_ECDSA;
			key->n_raw = curves[i].n_raw;
			return 0;
		}
	}
	return -ENOTSUP;
}

static int take_key(struct card_key *key, X509 *x) {
	key->key = X509_get_pubkey(x);
	key->authority = X509_check_ca(x) != 0;
	if (!key->key)
		return -ENOTSUP;
	switch (EVP_PKEY_get_base_id(key->key)) {
	case EVP_PKEY_RSA:
		return use_rsa(key);
	case EVP_PKEY_EC:
		return use_ec(key);
	default:
		return -ENOTSUP;
	}
}

int card_key_read(struct card_key *ret_key, const uint8_t *certificate, size_t n_certificate) {
	cleanup_(X509_freep) X509 *x = NULL;
	const uint8_t *p = certificate;
	struct card_key key = { 0 };
	int r;

	if (n_certificate == 0 || n_certificate > TOKEN_CERTIFICATE_MAX)
		return -EINVAL;
	x = d2i_X509(NULL, &p, (long)n_certificate);
	if (!x || p != certificate + n_certificate) {
		ERR_clear_error();
		return -EINVAL;
	}
	r = take_key(&key, x);
	if (r < 0) {
		card_key_done(&key);
		ERR_clear_error();
		return r;
	}
	*ret_key = key;
	return 0;
}

void card_key_done(struct card_key *key) {
	EVP_PKEY_free(key->key);
	*key = (struct card_key){ 0 };
}

size_t card_key_input(const struct card_key *key, const uint8_t digest[static 32],
		      uint8_t ret_input[static PKCS11_INPUT_MAX]) {
	size_t n = 0;

	if (key->mechanism == CKM_RSA_PKCS) {
		memcpy(ret_input, digest_info, sizeof(digest_info));
		n = sizeof(digest_info);
	}
	memcpy(ret_input + n, digest, 32);
	return n + 32;
}

/* r and s side by side -> ECDSA-Sig-Value. Return: its length; 0: OpenSSL failed. */
static size_t ecdsa_to_der(const uint8_t *raw, size_t n_raw,
			   uint8_t ret_der[static TOKEN_SIGNATURE_MAX]) {
	cleanup_(ECDSA_SIG_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, (int)(n_raw / 2), NULL);
	BIGNUM *s = BN_bin2bn(raw + n_raw / 2, (int)(n_raw / 2), NULL);
	uint8_t *p = ret_der;
	int n;

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return 0;
	}
	/* Two numbers of 48 bytes are far below TOKEN_SIGNATURE_MAX. */
	n = i2d_ECDSA_SIG(sig, &p);
	return n > 0 ? (size_t)n : 0;
}

static int verify(const struct card_key *key, const uint8_t digest[static 32],
		  const uint8_t *signature, size_t n) {
	cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->key, NULL);
	bool is_rsa = key->mechanism == CKM_RSA_PKCS;
	int good = 0;

	if (ctx && EVP_PKEY_verify_init(ctx) == 1 &&
	    (!is_rsa || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1) &&
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1)
		good = EVP_PKEY_verify(ctx, signature, n, digest, 32);
	ERR_clear_error();
	return good == 1 ? 0 : -EBADMSG;
}

int card_key_signature(const struct card_key *key, const uint8_t digest[static 32],
		       const uint8_t *raw, size_t n_raw,
		       uint8_t ret_signature[static TOKEN_SIGNATURE_MAX], size_t *ret_n) {
	uint8_t signature[TOKEN_SIGNATURE_MAX];
	size_t n = n_raw;

	if (n_raw != key->n_raw || n_raw > sizeof(signature))
		return -EBADMSG;
	if (key->mechanism == CKM_ECDSA)
		n = ecdsa_to_der(raw, n_raw, signature);
	else
		memcpy(signature, raw, n_raw);
	if (n == 0 || verify(key, digest, signature, n) < 0)
		return -EBADMSG;
	memcpy(ret_signature, signature, n);
	*ret_n = n;
	return 0;
}
