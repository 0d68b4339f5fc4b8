/* SPDX-License-Identifier: Apache-2.0 */

#include <check.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/authority.h"

#define HALF_A_YEAR (182 * 86400)

static const struct {
	const char *type;
	const char *curve;
	size_t bits;
} keys[] = {
	[AUTHORITY_P256] = { "EC", "P-256", 0 },
	[AUTHORITY_P384] = { "EC", "P-384", 0 },
	[AUTHORITY_P521] = { "EC", "P-521", 0 },
	[AUTHORITY_ED25519] = { "ED25519", NULL, 0 },
	[AUTHORITY_SECP256K1] = { "EC", "secp256k1", 0 },
	[AUTHORITY_RSA_512] = { "RSA", NULL, 512 },
	[AUTHORITY_RSA_1024] = { "RSA", NULL, 1024 },
	[AUTHORITY_RSA_2048] = { "RSA", NULL, 2048 },
	[AUTHORITY_RSA_3072] = { "RSA", NULL, 3072 },
};

static EVP_PKEY *new_exponent_3(void) {
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *e = BN_new();

	ck_assert_int_eq(BN_set_word(e, 3), 1);
	ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e), 1);
	ck_assert_int_eq(EVP_PKEY_keygen(ctx, &key), 1);
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

EVP_PKEY *authority_new_key(enum authority_key kind) {
	if (kind == AUTHORITY_RSA_EXPONENT_3)
		return new_exponent_3();

	EVP_PKEY *key = keys[kind].curve  ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", keys[kind].curve)
			: keys[kind].bits ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", keys[kind].bits)
					  : EVP_PKEY_Q_keygen(NULL, NULL, keys[kind].type);

	ck_assert_ptr_nonnull(key);
	return key;
}

static void add_name(X509_NAME *name, const char *field, const char *text, size_t n) {
	ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
						    (const unsigned char *)text, (int)n, -1, 0),
			 1);
}

/* An organisation has at most 64 letters: as many as are needed. */
static void set_name(X509 *certificate, const struct authority_request *request) {
	const char *text = request->name ? request->name : "Kim Weber";
	X509_NAME *name = X509_NAME_new();
	char filler[64];

	ck_assert_ptr_nonnull(name);
	memset(filler, 'o', sizeof(filler));
	for (size_t left = request->n_long; left > 0;) {
		size_t n = left < sizeof(filler) ? left : sizeof(filler);

		add_name(name, "O", filler, n);
		left -= n;
	}
	add_name(name, "CN", text, request->n_name ? request->n_name : strlen(text));
	ck_assert_int_eq(X509_set_subject_name(certificate, name), 1);
	X509_NAME_free(name);
}

static void set_time(ASN1_TIME *at, int64_t seconds) {
	ck_assert_ptr_nonnull(ASN1_TIME_set(at, (time_t)seconds));
}

static void set_serial(X509 *certificate, const struct authority_request *request) {
	static uint64_t next = 0x1000;
	ASN1_INTEGER *serial = X509_get_serialNumber(certificate);
	int64_t value = request->serial ? (int64_t)request->serial : (int64_t)next++;

	if (request->serial_negative)
		value = -value;
	ck_assert_int_eq(ASN1_INTEGER_set_int64(serial, request->serial_zero ? 0 : value), 1);
}

static void add(X509 *certificate, X509V3_CTX *ctx, int nid, const char *text) {
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, ctx, nid, text);

	ck_assert_msg(extension != NULL, "extension %s", text);
	ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void add_raw(X509 *certificate, const char *oid, bool critical, const uint8_t *p, size_t n) {
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	ck_assert_int_eq(ASN1_OCTET_STRING_set(value, p, (int)n), 1);
	extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
}

static void add_special(X509 *certificate, const struct authority_request *request) {
	uint8_t value[18] = { 0x04, 0x10 };

	if (request->unknown)
		add_raw(certificate, request->unknown, true, (const uint8_t *)"\x05\x00", 2);
	if (request->aaguid) {
		memcpy(value + 2, request->aaguid, 16);
		add_raw(certificate, "1.3.6.1.4.1.45724.1.1.4", false, value, sizeof(value));
	}
}

static void add_extensions(X509 *certificate, X509 *issuer,
			   const struct authority_request *request) {
	const char *usage = request->usage;
	char text[64] = "critical,CA:FALSE";
	X509V3_CTX ctx;

	if (request->ca)
		(void)snprintf(text, sizeof(text), "critical,CA:TRUE");
	if (request->ca && request->path > 0)
		(void)snprintf(text, sizeof(text), "critical,CA:TRUE,pathlen:%d",
			       request->path - 1);
	if (!usage)
		usage = request->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature";
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	add(certificate, &ctx, NID_basic_constraints,
	    request->constraints ? request->constraints : text);
	if (*usage)
		add(certificate, &ctx, NID_key_usage, usage);
	add(certificate, &ctx, NID_subject_key_identifier, "hash");
	if (issuer != certificate)
		add(certificate, &ctx, NID_authority_key_identifier, "keyid:always");
	if (request->extended)
		add(certificate, &ctx, NID_ext_key_usage, request->extended);
	if (request->place)
		add(certificate, &ctx, NID_crl_distribution_points, request->place);
	add_special(certificate, request);
}

static const EVP_MD *digest_of(const EVP_PKEY *key, const char *name) {
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
		return NULL;
	return EVP_get_digestbyname(name ? name : "SHA256");
}

struct authority authority_make(const struct authority *issuer,
				const struct authority_request *request) {
	struct authority made = { .certificate = X509_new(), .key = request->with_key };
	EVP_PKEY *signer;

	if (made.key)
		ck_assert_int_eq(EVP_PKEY_up_ref(made.key), 1);
	else
		made.key = authority_new_key(request->key);
	signer = issuer ? issuer->key : made.key;
	ck_assert_int_eq(X509_set_version(made.certificate, request->old ? 0 : 2), 1);
	set_serial(made.certificate, request);
	set_name(made.certificate, request);
	ck_assert_int_eq(X509_set_issuer_name(made.certificate,
					      X509_get_subject_name(issuer ? issuer->certificate
									   : made.certificate)),
			 1);
	set_time(X509_getm_notBefore(made.certificate),
		 request->from ? request->from : AUTHORITY_NOW - HALF_A_YEAR);
	set_time(X509_getm_notAfter(made.certificate),
		 request->to ? request->to : AUTHORITY_NOW + HALF_A_YEAR);
	ck_assert_int_eq(X509_set_pubkey(made.certificate, made.key), 1);
	if (!request->old)
		add_extensions(made.certificate, issuer ? issuer->certificate : made.certificate,
			       request);
	ck_assert_int_gt(X509_sign(made.certificate, signer, digest_of(signer, request->digest)),
			 0);
	return made;
}

void authority_end(struct authority *authority) {
	X509_free(authority->certificate);
	EVP_PKEY_free(authority->key);
	*authority = (struct authority){ 0 };
}

void authority_chain(struct authority *chain, size_t n) {
	char name[32];

	for (size_t i = 0; i < n; ++i) {
		(void)snprintf(name, sizeof(name), "Authority %zu", i);
		chain[i] = authority_make(
			i == 0 ? NULL : &chain[i - 1],
			&(struct authority_request){ .name = i + 1 < n || n == 1 ? name : NULL,
						     .ca = i + 1 < n || n == 1 });
	}
}

size_t authority_der(const struct authority *authority, uint8_t *bytes, size_t capacity) {
	int n = i2d_X509(authority->certificate, NULL);
	uint8_t *at = bytes;

	ck_assert_int_gt(n, 0);
	ck_assert_uint_le((size_t)n, capacity);
	ck_assert_int_eq(i2d_X509(authority->certificate, &at), n);
	return (size_t)n;
}

size_t authority_pem(const struct authority *authority, char *text, size_t n, size_t capacity) {
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n_p;

	ck_assert_int_eq(PEM_write_bio_X509(bio, authority->certificate), 1);
	n_p = BIO_get_mem_data(bio, &p);
	ck_assert_int_gt(n_p, 0);
	ck_assert_uint_lt(n + (size_t)n_p, capacity);
	memcpy(text + n, p, (size_t)n_p);
	text[n + (size_t)n_p] = '\0';
	BIO_free(bio);
	return n + (size_t)n_p;
}

size_t authority_sign_digest(const struct authority *card, const uint8_t digest[32],
			     uint8_t *signature, size_t capacity) {
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, card->key, NULL);
	size_t n = capacity;

	ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
	if (EVP_PKEY_get_base_id(card->key) == EVP_PKEY_RSA) {
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
	}
	ck_assert_int_eq(EVP_PKEY_sign(ctx, signature, &n, digest, 32), 1);
	EVP_PKEY_CTX_free(ctx);
	return n;
}

size_t authority_sign(EVP_PKEY *key, const uint8_t *message, size_t n, uint8_t *signature,
		      size_t capacity) {
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n_signature = capacity;

	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, digest_of(key, NULL), NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, signature, &n_signature, message, n), 1);
	EVP_MD_CTX_free(ctx);
	return n_signature;
}

static void add_revoked(X509_CRL *crl, const ASN1_INTEGER *serial) {
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *at = ASN1_TIME_set(NULL, AUTHORITY_NOW - 3600);
	ASN1_INTEGER *copy = ASN1_INTEGER_dup(serial);

	ck_assert_int_eq(X509_REVOKED_set_serialNumber(entry, copy), 1);
	ck_assert_int_eq(X509_REVOKED_set_revocationDate(entry, at), 1);
	ck_assert_int_eq(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_INTEGER_free(copy);
	ASN1_TIME_free(at);
}

static void revoke_filler(X509_CRL *crl, size_t n) {
	ASN1_INTEGER *serial = ASN1_INTEGER_new();

	for (size_t i = 0; i < n; ++i) {
		ck_assert_int_eq(ASN1_INTEGER_set_uint64(serial, 0x4000000000000000u + i * 7919),
				 1);
		add_revoked(crl, serial);
	}
	ASN1_INTEGER_free(serial);
}

static void set_numbers(X509_CRL *crl, const struct authority_list *list) {
	ASN1_INTEGER *number = ASN1_INTEGER_new();

	ck_assert_int_eq(ASN1_INTEGER_set_uint64(number, list->number ? list->number : 1), 1);
	ck_assert_int_eq(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0), 1);
	if (list->delta)
		ck_assert_int_eq(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, number, 1, 0), 1);
	ASN1_INTEGER_free(number);
}

static void set_dates(X509_CRL *crl, const struct authority_list *list) {
	ASN1_TIME *at = ASN1_TIME_set(NULL, list->from ? list->from : AUTHORITY_NOW - 3600);

	ck_assert_int_eq(X509_CRL_set1_lastUpdate(crl, at), 1);
	set_time(at, list->to ? list->to : AUTHORITY_NOW + 86400);
	if (!list->endless)
		ck_assert_int_eq(X509_CRL_set1_nextUpdate(crl, at), 1);
	ASN1_TIME_free(at);
}

size_t authority_make_list(const struct authority *issuer, const struct authority_list *list,
			   uint8_t **ret_bytes) {
	X509_CRL *crl = X509_CRL_new();
	X509_EXTENSION *scope;
	int n;

	ck_assert_int_eq(X509_CRL_set_version(crl, 1), 1);
	ck_assert_int_eq(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate)),
			 1);
	set_dates(crl, list);
	set_numbers(crl, list);
	if (list->scope) {
		scope = X509V3_EXT_conf_nid(NULL, NULL, NID_issuing_distribution_point,
					    list->scope);
		ck_assert_ptr_nonnull(scope);
		ck_assert_int_eq(X509_CRL_add_ext(crl, scope, -1), 1);
		X509_EXTENSION_free(scope);
	}
	for (size_t i = 0; i < ARRAY_SIZE(list->revoked) && list->revoked[i]; ++i)
		add_revoked(crl, X509_get0_serialNumber(list->revoked[i]->certificate));
	revoke_filler(crl, list->n_filler);
	ck_assert_int_gt(X509_CRL_sign(crl, issuer->key, digest_of(issuer->key, list->digest)), 0);
	*ret_bytes = NULL;
	n = i2d_X509_CRL(crl, ret_bytes);
	ck_assert_int_gt(n, 0);
	X509_CRL_free(crl);
	return (size_t)n;
}
