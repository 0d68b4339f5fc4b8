/* SPDX-License-Identifier: Apache-2.0 */

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/cleanup.h"
#include "tokens/authdata.h"
#include "tokens/cose.h"
#include "tokens/public-key.h"

DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free)

static bool has_form(const struct token_answer *answer) {
	return answer->factor == CW_FACTOR_FIDO2 &&
	       answer->n_authdata <= sizeof(answer->authdata) &&
	       answer->n_signature <= sizeof(answer->signature) &&
	       answer->n_statement <= sizeof(answer->statement) &&
	       strnlen(answer->format, sizeof(answer->format)) < sizeof(answer->format);
}

/* Model, credential id and public key, and the end. */
static enum token_fault read_credential(const struct token_answer *answer,
					struct authdata *authdata,
					struct key_credential *credential) {
	struct item_reader *rest = &authdata->rest;
	enum token_fault fault;

	if ((authdata->flags & AUTHDATA_CREDENTIAL) == 0 || rest->n < 18)
		return TOKEN_FAULT_FORM;
	memcpy(credential->aaguid, rest->p, sizeof(credential->aaguid));
	credential->n_id = (size_t)rest->p[16] << 8 | rest->p[17];
	rest->p += 18;
	rest->n -= 18;
	if (credential->n_id < CREDENTIAL_MIN || credential->n_id > sizeof(credential->id) ||
	    credential->n_id > rest->n)
		return TOKEN_FAULT_FORM;
	memcpy(credential->id, rest->p, credential->n_id);
	rest->p += credential->n_id;
	rest->n -= credential->n_id;
	/* What the library says beside it must be the same. */
	if (answer->n_credential != 0 &&
	    (answer->n_credential != credential->n_id ||
	     memcmp(answer->credential, credential->id, credential->n_id) != 0))
		return TOKEN_FAULT_FORM;
	fault = cose_key(rest, credential);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	return authdata_ends(authdata) ? TOKEN_FAULT_NONE : TOKEN_FAULT_FORM;
}

/* The model that the certificate names, if it names one, is the model that the key names. */
static enum token_fault check_model(const X509 *certificate, const uint8_t aaguid[16]) {
	static const char oid[] = "1.3.6.1.4.1.45724.1.1.4";
	cleanup_(ASN1_OBJECT_freep) ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	const ASN1_OCTET_STRING *value;
	X509_EXTENSION *extension;
	int at;

	if (!object)
		return TOKEN_FAULT_DEVICE;
	at = X509_get_ext_by_OBJ(certificate, object, -1);
	if (at < 0)
		return TOKEN_FAULT_NONE;
	extension = X509_get_ext(certificate, at);
	value = X509_EXTENSION_get_data(extension);
	/* An OCTET STRING of 16 bytes in the extension's own. */
	if (X509_get_ext_by_OBJ(certificate, object, at) >= 0 || ASN1_STRING_length(value) != 18 ||
	    memcmp(ASN1_STRING_get0_data(value), "\x04\x10", 2) != 0 ||
	    memcmp(ASN1_STRING_get0_data(value) + 2, aaguid, 16) != 0)
		return TOKEN_FAULT_ATTESTATION;
	return TOKEN_FAULT_NONE;
}

static enum token_fault open_certificate(const struct token_answer *answer, X509 **ret_certificate,
					 struct public_key *ret_key) {
	cleanup_(X509_freep) X509 *certificate = NULL;
	const uint8_t *at = answer->statement;
	uint8_t *spki = NULL;
	enum token_fault fault;
	int n;

	certificate = d2i_X509(NULL, &at, (long)answer->n_statement);
	if (!certificate || at != answer->statement + answer->n_statement)
		return fault_of_openssl(TOKEN_FAULT_ATTESTATION);
	if (X509_get_version(certificate) != X509_VERSION_3 ||
	    (X509_get_extension_flags(certificate) & (EXFLAG_CA | EXFLAG_INVALID)) != 0)
		return fault_of_openssl(TOKEN_FAULT_ATTESTATION);
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
	if (n <= 0)
		return fault_of_openssl(TOKEN_FAULT_DEVICE);
	fault = public_key_open(spki, (size_t)n, NULL, ret_key);
	OPENSSL_free(spki);
	if (fault != TOKEN_FAULT_NONE)
		return fault == TOKEN_FAULT_DEVICE ? fault : TOKEN_FAULT_ATTESTATION;
	*ret_certificate = certificate;
	certificate = NULL;
	return TOKEN_FAULT_NONE;
}

static enum token_fault check_certificate(const struct token_answer *answer,
					  const struct key_credential *credential,
					  const uint8_t *message, size_t n) {
	cleanup_(public_key_close) struct public_key key = { 0 };
	cleanup_(X509_freep) X509 *certificate = NULL;
	enum token_fault fault = open_certificate(answer, &certificate, &key);

	if (fault != TOKEN_FAULT_NONE)
		return fault;
	fault = public_key_verify(&key, message, n, answer->signature, answer->n_signature);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	return check_model(certificate, credential->aaguid);
}

/*
 * Who vouches for it. *@ret_signed: something was signed, over this digest.
 */
static enum token_fault check_attestation(const struct token_answer *answer,
					  const struct key_credential *credential,
					  const uint8_t digest[32], bool *ret_signed) {
	uint8_t message[SIGNED_MAX];
	size_t n = authdata_signed(answer, digest, message);

	*ret_signed = false;
	if (strcmp(answer->format, "none") == 0)
		return answer->n_signature == 0 && answer->n_statement == 0 ? TOKEN_FAULT_NONE
									    : TOKEN_FAULT_FORM;
	if (strcmp(answer->format, "packed") != 0)
		return TOKEN_FAULT_ATTESTATION;
	*ret_signed = true;
	if (answer->n_statement > 0)
		return check_certificate(answer, credential, message, n);
	return signature_verify(credential->algorithm, credential->public_key,
				credential->n_public_key, message, n, answer->signature,
				answer->n_signature);
}

/* Is it a model that the site lists, and does a certificate say so? */
static bool is_listed(const struct security_key_rules *rules, const struct token_answer *answer,
		      const struct key_credential *credential) {
	size_t n = rules->n_aaguids < TOKEN_AAGUIDS_MAX ? rules->n_aaguids : TOKEN_AAGUIDS_MAX;

	if (!rules->attested)
		return true;
	if (answer->n_statement == 0)
		return false;
	for (size_t i = 0; i < n; ++i)
		if (memcmp(rules->aaguids[i], credential->aaguid, 16) == 0)
			return true;
	return false;
}

static enum token_fault check(const struct security_key_rules *rules,
			      const struct token_answer *answer, const uint8_t digest[32],
			      struct authdata *authdata, struct key_credential *credential,
			      bool *ret_signed) {
	enum token_fault fault;

	if (!has_form(answer) || !authdata_read(answer->authdata, answer->n_authdata, authdata))
		return TOKEN_FAULT_FORM;
	fault = read_credential(answer, authdata, credential);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	fault = check_attestation(answer, credential, digest, ret_signed);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	fault = authdata_check(authdata, rules);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	if (!is_listed(rules, answer, credential))
		return TOKEN_FAULT_ATTESTATION;
	credential->counter = authdata->counter;
	credential->flags = authdata->flags;
	return TOKEN_FAULT_NONE;
}

enum token_fault key_enrol(const struct security_key_rules *rules,
			   const struct token_answer *answer, const uint8_t digest[32],
			   struct key_credential *ret_credential, struct key_proof *ret_proof) {
	struct key_credential credential = { 0 };
	struct authdata authdata = { 0 };
	bool was_signed = false;
	enum token_fault fault;

	ERR_clear_error();
	memset(ret_proof, 0, sizeof(*ret_proof));
	fault = check(rules, answer, digest, &authdata, &credential, &was_signed);
	ret_proof->fault = fault;
	ret_proof->counter = authdata.counter;
	ret_proof->flags = authdata.flags;
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	*ret_credential = credential;
	if (was_signed) {
		ret_proof->user_verified = (authdata.flags & AUTHDATA_VERIFIED) != 0;
		ret_proof->proved = TOKEN_YES; /* the only place, of a new credential */
	}
	return TOKEN_FAULT_NONE;
}
