/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOKENS_AUTHORITY_H
#define TESTS_TOKENS_AUTHORITY_H

/*
 * A certificate authority for tests: makes certificates and revocation lists, good
 * ones and any kind of bad ones, with OpenSSL's own calls. Whatever cannot be made
 * ends the test.
 */

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum authority_key {
	AUTHORITY_P256 = 0,
	AUTHORITY_P384,
	AUTHORITY_P521,
	AUTHORITY_ED25519,
	AUTHORITY_SECP256K1,
	AUTHORITY_RSA_512,
	AUTHORITY_RSA_1024,
	AUTHORITY_RSA_2048,
	AUTHORITY_RSA_3072,
	AUTHORITY_RSA_EXPONENT_3, /* of 2048 bits                                   */
};

/* The moment at which everything made here is valid, unless it says otherwise. */
#define AUTHORITY_NOW 1790000000 /* seconds since 1970: September 2026             */

/* Zeroed: a good P-256 card. */
struct authority_request {
	const char *name; /* common name; NULL: "Kim Weber"                     */
	size_t n_name;    /* 0: up to its NUL                                   */
	size_t n_long;    /* bytes of organisation names to add                 */
	enum authority_key key;
	EVP_PKEY *with_key; /* borrowed: this key instead of a new one            */
	bool ca;
	int path;        /* CA: path length + 1; 0: none                       */
	uint64_t serial; /* 0: the next one                                    */
	bool serial_zero;
	bool serial_negative;
	int64_t from, to;        /* seconds since 1970; 0: a year around AUTHORITY_NOW  */
	const char *digest;      /* NULL: SHA256                                       */
	const char *usage;       /* keyUsage as text; NULL: as fits; "": none          */
	const char *extended;    /* extendedKeyUsage as text; NULL: none               */
	const char *constraints; /* basicConstraints as text; NULL: as fits           */
	const char *place;       /* crlDistributionPoints as text; NULL: none        */
	const char *unknown;     /* object id of a critical extension that nobody knows */
	const char *aaguid;      /* 16 bytes: the extension of attestation certificates */
	bool old;                /* version 1: no extensions                           */
};

/* A certificate and its key: an authority, or a card. */
struct authority {
	X509 *certificate;
	EVP_PKEY *key;
};

EVP_PKEY *authority_new_key(enum authority_key kind);

/* @issuer: NULL: signed by itself. */
struct authority authority_make(const struct authority *issuer,
				const struct authority_request *request);
void authority_end(struct authority *authority);

/* A root and what it issues, in one go: @n certificates, each signed by the one before. */
void authority_chain(struct authority *chain, size_t n);

/* DER. Return: length. */
size_t authority_der(const struct authority *authority, uint8_t *bytes, size_t capacity);

/* Appends PEM and a NUL to what is there. Return: length without the NUL. */
size_t authority_pem(const struct authority *authority, char *text, size_t n, size_t capacity);

/* What a card would answer: ECDSA in DER, or PKCS#1 v1.5 over SHA-256. Return: length. */
size_t authority_sign_digest(const struct authority *card, const uint8_t digest[32],
			     uint8_t *signature, size_t capacity);

/* What a security key would answer: SHA-256 in between, but for Ed25519. Return: length. */
size_t authority_sign(EVP_PKEY *key, const uint8_t *message, size_t n, uint8_t *signature,
		      size_t capacity);

/* A revocation list. Zeroed: empty, fresh at AUTHORITY_NOW, number 1. */
struct authority_list {
	int64_t from, to; /* thisUpdate, nextUpdate; 0: a day around AUTHORITY_NOW */
	bool endless;     /* no nextUpdate                                    */
	uint64_t number;
	const struct authority *revoked[4];
	size_t n_filler;    /* serial numbers of nobody                         */
	const char *digest; /* NULL: SHA256                                     */
	const char *scope;  /* issuingDistributionPoint as text; NULL: none     */
	bool delta;
};

/* DER, in memory that the caller frees with OPENSSL_free(). Return: length. */
size_t authority_make_list(const struct authority *issuer, const struct authority_list *list,
			   uint8_t **ret_bytes);

#endif
