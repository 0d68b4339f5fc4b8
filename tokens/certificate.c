/* SPDX-License-Identifier: Apache-2.0 */

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "tokens/certificate.h"

#define RSA_BITS_FLOOR 2048u

static inline void openssl_freep(uint8_t **p) {
	OPENSSL_free(*p);
}

DEFINE_CLEANUP(EXTENDED_KEY_USAGE *, EXTENDED_KEY_USAGE_free)

/*
 * Numbers and times
 */

bool serial_of(const ASN1_INTEGER *number, struct serial *ret_serial) {
	int n = ASN1_STRING_length(number);
	const uint8_t *p = ASN1_STRING_get0_data(number);

	*ret_serial = (struct serial){ 0 };
	if (n < 1 || n > (int)SERIAL_MAX || ASN1_STRING_type(number) != V_ASN1_INTEGER ||
	    (n == 1 && p[0] == 0))
		return false;
	ret_serial->n = (uint8_t)n;
	memcpy(ret_serial->bytes, p, (size_t)n);
	return true;
}

int serial_compare(const void *a, const void *b) {
	return memcmp(a, b, sizeof(struct serial));
}

bool time_to_ms(const ASN1_TIME *time, int64_t *ret_ms) {
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*ret_ms = (int64_t)timegm(&tm) * 1000;
	return true;
}

int64_t seconds_of(int64_t ms) {
	return ms >= 0 ? ms / 1000 : -(-(ms + 1) / 1000) - 1;
}

/*
 * Names
 */

/* Is there a letter NUL in it? Where a letter is 2 or 4 bytes, all of them are 0. */
static bool has_nul(const ASN1_STRING *text) {
	const uint8_t *p = ASN1_STRING_get0_data(text);
	int n = ASN1_STRING_length(text), type = ASN1_STRING_type(text);
	int width = type == V_ASN1_BMPSTRING ? 2 : type == V_ASN1_UNIVERSALSTRING ? 4 : 1;

	for (int i = 0; i + width <= n; i += width) {
		int zeroes = 0;

		while (zeroes < width && p[i + zeroes] == 0)
			++zeroes;
		if (zeroes == width)
			return true;
	}
	return false;
}

static bool name_has_nul(const X509_NAME *name) {
	for (int i = 0; i < X509_NAME_entry_count(name); ++i)
		if (has_nul(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i))))
			return true;
	return false;
}

/* Length of one letter of UTF-8 that may be shown, at @p; 0: not one. */
static size_t letter(const uint8_t *p, size_t n) {
	size_t length = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;

	/* Controls of both sets. */
	if (length > n || p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0))
		return 0;
	return length;
}

/* For the screen alone: whole letters as far as there is room, others as "?". */
static void copy_shown(const uint8_t *p, size_t n, char shown[LIMIT_NAME]) {
	size_t out = 0;

	for (size_t i = 0; i < n;) {
		size_t length = letter(p + i, n - i);

		if (out + (length ? length : 1) >= LIMIT_NAME)
			break;
		if (length)
			memcpy(shown + out, p + i, length);
		else
			shown[out] = '?';
		out += length ? length : 1;
		i += length ? length : 1;
	}
	shown[out] = '\0';
}

static enum token_fault read_subject(X509 *certificate, char shown[LIMIT_NAME]) {
	const X509_NAME *name = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	uint8_t *text = NULL;
	int n;

	shown[0] = '\0';
	if (at < 0)
		return TOKEN_FAULT_NONE;
	n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (n < 0)
		return fault_of_openssl(TOKEN_FAULT_FORM);
	copy_shown(text, (size_t)n, shown);
	OPENSSL_free(text);
	return TOKEN_FAULT_NONE;
}

/*
 * The certificate
 */

enum token_fault certificate_parse(const uint8_t *bytes, size_t n, X509 **ret_certificate) {
	const uint8_t *at = bytes;
	X509 *certificate;

	if (n == 0 || n > TOKEN_CERTIFICATE_MAX)
		return TOKEN_FAULT_FORM;
	certificate = d2i_X509(NULL, &at, (long)n);
	if (!certificate)
		return fault_of_openssl(TOKEN_FAULT_FORM);
	if (at != bytes + n) {
		X509_free(certificate);
		return TOKEN_FAULT_FORM;
	}
	*ret_certificate = certificate;
	return TOKEN_FAULT_NONE;
}

static enum token_fault sha256(const uint8_t *p, size_t n, uint8_t ret_hash[32]) {
	uint8_t hash[EVP_MAX_MD_SIZE];

	if (EVP_Digest(p, n, hash, NULL, EVP_sha256(), NULL) != 1)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	memcpy(ret_hash, hash, 32);
	return TOKEN_FAULT_NONE;
}

/* Issuer, then serial number, as they stand in it, however long the name is. */
static enum token_fault read_id(X509 *certificate, uint8_t ret_id[32]) {
	cleanup_(openssl_freep) uint8_t *both = NULL;
	int n_issuer = i2d_X509_NAME(X509_get_issuer_name(certificate), NULL);
	int n_serial = i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), NULL);
	uint8_t *at;

	if (n_issuer <= 0 || n_serial <= 0)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	both = OPENSSL_malloc((size_t)n_issuer + (size_t)n_serial);
	if (!both)
		return TOKEN_FAULT_DEVICE;
	at = both;
	if (i2d_X509_NAME(X509_get_issuer_name(certificate), &at) != n_issuer ||
	    i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), &at) != n_serial)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	return sha256(both, (size_t)n_issuer + (size_t)n_serial, ret_id);
}

static enum token_fault read_key(X509 *certificate, struct card_proof *proof) {
	cleanup_(openssl_freep) uint8_t *spki = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);

	if (n <= 0)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	if ((size_t)n <= sizeof(proof->public_key)) {
		memcpy(proof->public_key, spki, (size_t)n);
		proof->n_public_key = (size_t)n;
	}
	return sha256(spki, (size_t)n, proof->key_hash);
}

enum token_fault certificate_read(X509 *certificate, struct card_proof *proof) {
	struct serial serial;
	enum token_fault fault;

	if (X509_get_version(certificate) != X509_VERSION_3 ||
	    !serial_of(X509_get0_serialNumber(certificate), &serial) ||
	    name_has_nul(X509_get_subject_name(certificate)) ||
	    name_has_nul(X509_get_issuer_name(certificate)) ||
	    !time_to_ms(X509_get0_notAfter(certificate), &proof->not_after_ms))
		return fault_of_openssl(TOKEN_FAULT_FORM);
	fault = read_id(certificate, proof->id);
	if (fault == TOKEN_FAULT_NONE)
		fault = read_key(certificate, proof);
	if (fault == TOKEN_FAULT_NONE)
		fault = read_subject(certificate, proof->subject);
	return fault;
}

enum token_fault certificate_key(X509 *certificate, uint32_t min_rsa_bits,
				 struct public_key *ret_key) {
	cleanup_(public_key_close) struct public_key key = { 0 };
	cleanup_(openssl_freep) uint8_t *spki = NULL;
	EVP_PKEY *pkey = X509_get0_pubkey(certificate);
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
	enum token_fault fault;

	if (n <= 0)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	if (!pkey)
		return fault_of_openssl(TOKEN_FAULT_FORM);
	fault = public_key_open(spki, (size_t)n, pkey, &key);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	if (key.form == KEY_FORM_ED25519 ||
	    (key.form == KEY_FORM_RSA &&
	     key.bits < (min_rsa_bits > RSA_BITS_FLOOR ? min_rsa_bits : RSA_BITS_FLOOR)))
		return TOKEN_FAULT_WEAK;
	*ret_key = key;
	key = (struct public_key){ 0 };
	return TOKEN_FAULT_NONE;
}

bool certificate_digest_is_strong(X509 *certificate) {
	int digest = NID_undef;

	return X509_get_signature_info(certificate, &digest, NULL, NULL, NULL) == 1 &&
	       (digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512);
}

/* Does its list of purposes hold one of ours? *@ret_any: or the purpose "any". */
static enum token_fault find_purpose(X509 *certificate, bool *ret_ours, bool *ret_any) {
	cleanup_(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *purposes = NULL;
	int critical;

	*ret_ours = *ret_any = false;
	purposes = X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
	if (!purposes)
		return fault_of_openssl(TOKEN_FAULT_USAGE);
	for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); ++i) {
		int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(purposes, i));

		*ret_ours |= nid == NID_client_auth || nid == NID_ms_smartcard_login;
		*ret_any |= nid == NID_anyExtendedKeyUsage;
	}
	return TOKEN_FAULT_NONE;
}

enum token_fault certificate_is_for_people(X509 *certificate) {
	uint32_t flags = X509_get_extension_flags(certificate);
	bool ours = true, any = false;
	enum token_fault fault = TOKEN_FAULT_NONE;

	if ((flags & (EXFLAG_CA | EXFLAG_INVALID | EXFLAG_CRITICAL)) != 0 ||
	    (flags & EXFLAG_KUSAGE) == 0 ||
	    (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0)
		return fault_of_openssl(TOKEN_FAULT_USAGE);
	if ((flags & EXFLAG_XKUSAGE) != 0)
		fault = find_purpose(certificate, &ours, &any);
	if (fault == TOKEN_FAULT_NONE && !ours)
		fault = TOKEN_FAULT_USAGE;
	return fault;
}

enum token_fault certificate_may_issue(X509 *certificate) {
	bool ours = true, any = true;
	enum token_fault fault = TOKEN_FAULT_NONE;

	if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0)
		fault = find_purpose(certificate, &ours, &any);
	if (fault == TOKEN_FAULT_NONE && !ours && !any)
		fault = TOKEN_FAULT_USAGE;
	return fault;
}
