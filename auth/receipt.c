/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/receipt.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include <careward/result.h>

#include "auth/receipt-form.h"
#include "common/cleanup.h"
#include "tokens/verify.h"

/* In front of everything that is signed, their NULs with them. */
static const char device_domain[] = "careward approval 2";
static const char statement_domain[] = "careward statement 2";

#define AUTHDATA_MIN 37u /* rp id hash, flags, counter */
#define AUTHDATA_FLAGS 32u
#define FLAG_PRESENT 0x01u
#define FLAG_VERIFIED 0x04u

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

/*
 * The device's signature
 */

static int signed_digest(const uint8_t digests[RECEIPT_DIGESTS], uint8_t ret_digest[32]) {
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();

	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(hash, device_domain, sizeof(device_domain)) != 1 ||
	    EVP_DigestUpdate(hash, digests, RECEIPT_DIGESTS) != 1 ||
	    EVP_DigestFinal_ex(hash, ret_digest, NULL) != 1)
		return -EIO;
	return 0;
}

static int sign(const uint8_t seed[32], const uint8_t digests[RECEIPT_DIGESTS],
		uint8_t ret_signature[RECEIPT_SIGNATURE]) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n_signature = RECEIPT_SIGNATURE;
	uint8_t digest[32];
	int r = signed_digest(digests, digest);

	if (r < 0)
		return r;
	if (!key || !ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, ret_signature, &n_signature, digest, sizeof(digest)) != 1 ||
	    n_signature != RECEIPT_SIGNATURE)
		return -EIO;
	return 0;
}

/* Return: 0; -EBADMSG (not by this key); -EIO. */
static int verify(const uint8_t public_key[32], const uint8_t digests[RECEIPT_DIGESTS],
		  const uint8_t signature[RECEIPT_SIGNATURE]) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[32];
	int r = signed_digest(digests, digest);

	if (r < 0)
		return r;
	if (!key || !ctx || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
		return -EIO;
	return EVP_DigestVerify(ctx, signature, RECEIPT_SIGNATURE, digest, sizeof(digest)) == 1
		       ? 0
		       : -EBADMSG;
}

int receipt_public_key(const uint8_t seed[32], uint8_t ret_public_key[32]) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	size_t n = 32;

	if (!key || EVP_PKEY_get_raw_public_key(key, ret_public_key, &n) != 1 || n != 32)
		return -EIO;
	return 0;
}

int receipt_make(const uint8_t seed[32], const struct receipt *receipt,
		 uint8_t ret_bytes[static APPROVAL_RECEIPT_MAX], size_t *ret_n) {
	uint8_t digests[RECEIPT_DIGESTS], signature[RECEIPT_SIGNATURE], device_key[32];
	uint8_t payload[APPROVAL_RECEIPT_MAX];
	size_t n_payload = sizeof(payload), n = APPROVAL_RECEIPT_MAX;
	int r = receipt_public_key(seed, device_key);

	if (r == 0 && memcmp(device_key, receipt->device_key, sizeof(device_key)) != 0)
		r = -EINVAL;
	if (r == 0)
		r = receipt_form_write(receipt, payload, &n_payload, digests);
	if (r == 0)
		r = sign(seed, digests, signature);
	if (r == 0)
		r = receipt_form_wrap(payload, n_payload, digests, signature, ret_bytes, &n);
	if (r < 0)
		return r;
	*ret_n = n;
	return 0;
}

/*
 * The persons' signatures
 */

int receipt_statement(const struct receipt *receipt, unsigned person, uint8_t ret_statement[32]) {
	enum receipt_field last = person == 1 ? RECEIPT_FIELD_NONCE : RECEIPT_FIELD_SECOND;
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *hash = NULL;
	uint8_t digests[RECEIPT_DIGESTS], who = (uint8_t)person;
	int r;

	if (person == 0 || person > RECEIPT_PERSONS)
		return -EINVAL;
	r = receipt_form_digests(receipt, last, digests);
	if (r < 0)
		return r;
	hash = EVP_MD_CTX_new();
	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(hash, statement_domain, sizeof(statement_domain)) != 1 ||
	    EVP_DigestUpdate(hash, &who, sizeof(who)) != 1 ||
	    EVP_DigestUpdate(hash, digests, 32 * ((size_t)last + 1)) != 1 ||
	    EVP_DigestFinal_ex(hash, ret_statement, NULL) != 1)
		return -EIO;
	return 0;
}

/* What a signature has to be, whatever it signs. */
static bool signature_is_plausible(const struct receipt *receipt,
				   const struct receipt_signature *s) {
	uint32_t account = s->person == 1 ? receipt->account : receipt->second;
	uint8_t assurance = s->person == 1 ? receipt->assurance : receipt->second_assurance;
	uint8_t flags = FLAG_PRESENT;

	if (s->person == 0 || s->person > RECEIPT_PERSONS || account == 0)
		return false;
	if (s->n_public_key > sizeof(s->public_key) || s->n_signature > sizeof(s->signature))
		return false;
	if (s->challenge.purpose != 0 || s->challenge.boot_ms > receipt->boot_ms ||
	    s->challenge.seat == 0 || (s->person == 1 && s->challenge.seat != receipt->seat) ||
	    (s->challenge.account != 0 && s->challenge.account != account))
		return false;
	if (s->factor == CW_FACTOR_SMARTCARD)
		return s->n_authdata == 0;
	if (assurance >= CW_ASSURANCE_STRONG)
		flags |= FLAG_VERIFIED;
	return s->factor == CW_FACTOR_FIDO2 && s->n_authdata >= AUTHDATA_MIN &&
	       s->n_authdata <= sizeof(s->authdata) &&
	       (s->authdata[AUTHDATA_FLAGS] & flags) == flags;
}

int receipt_signature_check(const struct receipt *receipt,
			    const struct receipt_signature *signature) {
	uint8_t message[RECEIPT_AUTHDATA_MAX + CHALLENGE_BYTES];
	struct challenge challenge = signature->challenge;
	size_t n_message = CHALLENGE_BYTES;
	enum token_fault fault;
	int r;

	if (!signature_is_plausible(receipt, signature))
		return -EBADMSG;
	memcpy(challenge.device, receipt->device, sizeof(challenge.device));
	memcpy(challenge.boot_id, receipt->boot_id, sizeof(challenge.boot_id));
	r = receipt_statement(receipt, signature->person, challenge.statement);
	if (r < 0)
		return r == -EINVAL ? -EBADMSG : r;
	/* A card signs SHA-256 of the challenge; a key its own data and that SHA-256. */
	if (signature->factor == CW_FACTOR_SMARTCARD) {
		challenge_bytes(&challenge, message);
	} else {
		n_message = signature->n_authdata + 32;
		memcpy(message, signature->authdata, signature->n_authdata);
		r = challenge_digest(&challenge, message + signature->n_authdata);
		if (r < 0)
			return r;
	}
	fault = signature_verify(signature->algorithm, signature->public_key,
				 signature->n_public_key, message, n_message,
				 signature->signature, signature->n_signature);
	if (fault == TOKEN_FAULT_DEVICE)
		return -EIO;
	return fault == TOKEN_FAULT_NONE ? 0 : -EBADMSG;
}

/*
 * Reading
 */

/* One encoding and no other. Return: 0; -EBADMSG; -EIO. */
static int is_only_encoding(const struct receipt *receipt, const struct receipt_parts *parts,
			    const uint8_t *bytes, size_t n) {
	int r = receipt_form_same_payload(receipt, parts);

	return r < 0 ? r : receipt_form_same_outside(parts, bytes, n);
}

int receipt_open(const uint8_t public_key[32], const uint8_t *bytes, size_t n,
		 struct receipt *ret_receipt) {
	struct receipt_parts parts;
	struct receipt receipt;
	int r;

	r = receipt_form_read(bytes, n, &parts, &receipt);
	if (r < 0)
		return r;
	if (CRYPTO_memcmp(parts.digests, parts.list, RECEIPT_DIGESTS) != 0 ||
	    CRYPTO_memcmp(receipt.device_key, public_key, 32) != 0)
		return -EBADMSG;
	r = verify(public_key, parts.list, parts.signature);
	if (r == 0)
		r = is_only_encoding(&receipt, &parts, bytes, n);
	if (r < 0)
		return r;
	*ret_receipt = receipt;
	return 0;
}

/*
 * Checking, with a name for what is wrong
 */

static const char device_name[] = "signature of the device";

/* The first field whose digest is not the listed one; RECEIPT_N_FIELDS: none of those read. */
static unsigned first_difference(const struct receipt_parts *parts) {
	for (unsigned i = 0; i < parts->n_fields; ++i)
		if (memcmp(parts->digests + (size_t)32 * i, parts->list + (size_t)32 * i, 32) != 0)
			return i;
	return RECEIPT_N_FIELDS;
}

/* What could not be read at all. */
static const char *fault_of_form(const struct receipt_parts *parts) {
	unsigned differs = parts->list ? first_difference(parts) : RECEIPT_N_FIELDS;

	if (!parts->list)
		return "form";
	return receipt_field_name(differs < parts->n_fields ? differs : parts->n_fields);
}

/* Is the list right, and does the device say so? */
static int check_device(const struct receipt *receipt, const struct receipt_parts *parts,
			const char **ret_field) {
	unsigned differs = first_difference(parts);
	int r = verify(receipt->device_key, parts->digests, parts->signature);

	if (r != -EBADMSG && differs == RECEIPT_N_FIELDS)
		return r;
	if (r < 0 && r != -EBADMSG)
		return r;
	/* The fields are what was signed, so it is the list that was changed. */
	*ret_field = r == 0 || differs == RECEIPT_N_FIELDS ? device_name
							   : receipt_field_name(differs);
	return -EBADMSG;
}

/* What the receipt says about itself has to fit together. */
static const char *contradiction(const struct receipt *receipt) {
	const uint8_t by[RECEIPT_PERSONS] = { receipt->by, receipt->second_by };

	for (unsigned i = 0; i < RECEIPT_PERSONS; ++i) {
		bool is_there = i == 0 || receipt->second != 0;
		enum receipt_by right = receipt->signatures[i].person ? RECEIPT_BY_TOKEN
					: is_there                     ? RECEIPT_BY_DEVICE
								       : RECEIPT_BY_NOBODY;

		if (by[i] != right)
			return receipt_field_name(i == 0 ? RECEIPT_FIELD_BY
							 : RECEIPT_FIELD_SECOND_BY);
	}
	if (receipt->account == 0)
		return receipt_field_name(RECEIPT_FIELD_ACCOUNT);
	if (receipt->second == receipt->account)
		return receipt_field_name(RECEIPT_FIELD_SECOND);
	if ((receipt->second == 0) != (receipt->second_assurance == 0))
		return receipt_field_name(RECEIPT_FIELD_SECOND_ASSURANCE);
	return NULL;
}

static bool is_enrolled(const struct receipt_keys *keys, const struct receipt *receipt,
			const struct receipt_signature *s) {
	uint32_t account = s->person == 1 ? receipt->account : receipt->second;

	for (size_t i = 0; i < keys->n_tokens; ++i)
		if (keys->tokens[i].account == account &&
		    keys->tokens[i].n_key == s->n_public_key &&
		    memcmp(keys->tokens[i].key, s->public_key, s->n_public_key) == 0)
			return true;
	return false;
}

/* Every token that is said to have signed did. */
static int check_persons(const struct receipt_keys *keys, const struct receipt *receipt,
			 const char **ret_field) {
	static const char *const key_names[] = { "key of the first person",
						 "key of the second person" };

	for (unsigned i = 0; i < RECEIPT_PERSONS; ++i) {
		const struct receipt_signature *s = &receipt->signatures[i];
		int r;

		if (s->person == 0)
			continue;
		r = receipt_signature_check(receipt, s);
		if (r == -EBADMSG)
			*ret_field = receipt_field_name(RECEIPT_FIELD_SIGNATURE_1 + i);
		if (r < 0)
			return r;
		if (keys && !is_enrolled(keys, receipt, s)) {
			*ret_field = key_names[i];
			return -EBADMSG;
		}
	}
	return 0;
}

/* Is it of the device whose keys were exported, and about the object at hand? */
static const char *mismatch(const struct receipt_keys *keys, const struct receipt *receipt,
			    const uint8_t *object) {
	if (keys && memcmp(keys->device, receipt->device, sizeof(keys->device)) != 0)
		return receipt_field_name(RECEIPT_FIELD_DEVICE);
	if (keys && memcmp(keys->approval, receipt->device_key, sizeof(keys->approval)) != 0)
		return receipt_field_name(RECEIPT_FIELD_DEVICE_KEY);
	if (object && memcmp(object, receipt->digest, sizeof(receipt->digest)) != 0)
		return receipt_field_name(RECEIPT_FIELD_DIGEST);
	return NULL;
}

/* All of it, on a receipt that could be read. */
static int check_parts(const struct receipt_keys *keys, const uint8_t *object,
		       const struct receipt *receipt, const struct receipt_parts *parts,
		       const char **ret_field) {
	int r = check_device(receipt, parts, ret_field);

	if (r < 0)
		return r;
	*ret_field = contradiction(receipt);
	if (*ret_field)
		return -EBADMSG;
	r = check_persons(keys, receipt, ret_field);
	if (r < 0)
		return r;
	*ret_field = mismatch(keys, receipt, object);
	return *ret_field ? -EBADMSG : 0;
}

int receipt_check(const struct receipt_keys *keys, const uint8_t *bytes, size_t n,
		  const uint8_t *object, const char **ret_field, struct receipt *ret_receipt) {
	struct receipt_parts parts;
	struct receipt receipt;
	int r;

	*ret_field = "form";
	r = receipt_form_read(bytes, n, &parts, &receipt);
	if (r == -EBADMSG)
		*ret_field = fault_of_form(&parts);
	if (r < 0)
		return r;
	r = check_parts(keys, object, &receipt, &parts, ret_field);
	if (r < 0)
		return r;
	*ret_field = "form";
	r = is_only_encoding(&receipt, &parts, bytes, n);
	if (r < 0)
		return r;
	if (ret_receipt)
		*ret_receipt = receipt;
	return 0;
}
