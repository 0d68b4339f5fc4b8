/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_CERTIFICATE_H
#define TOKENS_CERTIFICATE_H

/* What a certificate says, and what we ask of one by itself, without its chain. */

#include <openssl/x509.h>

#include "tokens/public-key.h"

#define SERIAL_MAX 20u /* bytes of a serial number (RFC 5280)                       */

/* Longest first, then by value: an order for looking up. Zeroed: none. */
struct serial {
	uint8_t n;
	uint8_t bytes[SERIAL_MAX];
};

/* False: zero, negative, or too long. */
bool serial_of(const ASN1_INTEGER *number, struct serial *ret_serial);
int serial_compare(const void *a, const void *b);

/* Milliseconds since 1970; true if it is a time. */
bool time_to_ms(const ASN1_TIME *time, int64_t *ret_ms);

/* Seconds since 1970, earlier ones for what is in between. */
int64_t seconds_of(int64_t ms);

/*
 * certificate_parse() - one certificate in DER and nothing behind
 *
 * Return: TOKEN_FAULT_NONE, the certificate is the caller's; _FORM; _DEVICE.
 */
enum token_fault certificate_parse(const uint8_t *bytes, size_t n, X509 **ret_certificate);

/*
 * certificate_read() - fill the members of a proof that say who it is
 *
 * Return: TOKEN_FAULT_NONE; _FORM (a name with a NUL, no usable serial number, not
 * version 3); _DEVICE.
 */
enum token_fault certificate_read(X509 *certificate, struct card_proof *proof);

/*
 * certificate_key() - its public key, if we take such
 * @min_rsa_bits: of the site; never less than 2048
 *
 * Return: as public_key_open(); _WEAK also for Ed25519: no card has it.
 */
enum token_fault certificate_key(X509 *certificate, uint32_t min_rsa_bits,
				 struct public_key *ret_key);

/* Is it signed by SHA-256, SHA-384 or SHA-512? */
bool certificate_digest_is_strong(X509 *certificate);

/*
 * certificate_is_for_people() - may it sign in?
 *
 * Not an authority; key usage is there and has digitalSignature; extended key
 * usage, if it is there, names client authentication or smartcard logon.
 *
 * Return: TOKEN_FAULT_NONE; _USAGE; _DEVICE.
 */
enum token_fault certificate_is_for_people(X509 *certificate);

/* An authority whose extended key usage is there must have one of ours, or any. */
enum token_fault certificate_may_issue(X509 *certificate);

#endif
