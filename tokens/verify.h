/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_VERIFY_H
#define TOKENS_VERIFY_H

/*
 * Does this answer prove anything? The engine's part, with OpenSSL alone
 *
 * No library for tokens is used here. Every function leaves `proved` at zero
 * until the last check has passed; TOKEN_YES is set in one place for each kind.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/moment.h"
#include "policy/token-rules.h"
#include "tokens/token.h"

#define TOKEN_YES 0xc33c5aa5u

/* Why an answer proves nothing. Each is machine text for the journal (why=...). */
enum token_fault {
	TOKEN_FAULT_NONE = 0,
	TOKEN_FAULT_FORM,          /* "form": not what it should be, or too long       */
	TOKEN_FAULT_SIGNATURE,     /* "signature"                                      */
	TOKEN_FAULT_CHAIN,         /* "chain": no path to an authority of the site     */
	TOKEN_FAULT_VALIDITY,      /* "validity": not yet, or no longer                */
	TOKEN_FAULT_USAGE,         /* "usage": key usage or extended key usage         */
	TOKEN_FAULT_WEAK,          /* "weak": algorithm or key below the floor         */
	TOKEN_FAULT_REVOKED,       /* "revoked"                                        */
	TOKEN_FAULT_LIST_MISSING,  /* "list-missing"                                   */
	TOKEN_FAULT_LIST_STALE,    /* "list-stale"                                     */
	TOKEN_FAULT_OTHER_KEY,     /* "other-key": not the one that was enrolled       */
	TOKEN_FAULT_RP,            /* "rp": made for another site                      */
	TOKEN_FAULT_NOT_PRESENT,   /* "not-present": nobody touched it                 */
	TOKEN_FAULT_NOT_VERIFIED,  /* "not-verified": no PIN, no finger                */
	TOKEN_FAULT_COUNTER,       /* "counter": did not grow: a copy?                 */
	TOKEN_FAULT_SYNCED,        /* "synced": the key can be copied                  */
	TOKEN_FAULT_ATTESTATION,   /* "attestation": not on the site's list            */
	TOKEN_FAULT_DEVICE,        /* "device": OpenSSL failed; nothing is said of the token */
	TOKEN_N_FAULTS,
};
const char *token_fault_text(unsigned fault);

/*
 * The site's authorities, parsed once; revocation lists, replaced when they come
 */
struct trust;

/* One PEM or DER file in memory. */
struct trust_file {
	const char *name; /* for messages                                            */
	const uint8_t *bytes;
	size_t n;
};

#define TRUST_LIST_MAX (64u << 20) /* bytes of one revocation list                  */

/*
 * trust_new() - parse the authorities
 * @rules:  borrowed while it lives
 * @authorities:  certificates, one or more a file; self-signed ones are roots
 * @service:  NULL, or the maker's authority (device.cfg)
 * @ret_message:  what is wrong, for the log and the check; at least 256 bytes
 *
 * Return: 0; -EINVAL with a message (no certificate in it, not an authority, a
 * weak key); -ENOMEM.
 */
int trust_new(const struct smartcard_rules *rules, const struct trust_file *authorities,
	      size_t n_authorities, const struct trust_file *service, char *ret_message,
	      struct trust **ret_trust);
struct trust *trust_free(struct trust *trust);

/*
 * trust_set_lists() - take revocation lists
 *
 * A list that is not signed by one of the authorities, or is older than the one
 * that it would replace, is refused, and the one before stays.
 *
 * A list that is held already counts as taken. One that is refused keeps no other
 * from being taken.
 *
 * Return: number taken; -EINVAL with a message on the first one that was refused.
 */
int trust_set_lists(struct trust *trust, const struct trust_file *lists, size_t n_lists,
		    char *ret_message);

struct card_proof {
	uint32_t proved;        /* TOKEN_YES, or nothing is proved                    */
	enum token_fault fault;
	bool list_missing;      /* let in by the site's rule: to be recorded          */
	bool list_stale;
	bool by_service;        /* chain to the maker's authority                     */
	uint8_t id[32];         /* SHA-256 of issuer and serial number, DER            */
	uint8_t key_hash[32];   /* SHA-256 of the public key's SubjectPublicKeyInfo    */
	size_t n_public_key;    /* SubjectPublicKeyInfo, DER                          */
	uint8_t public_key[600];
	char subject[LIMIT_NAME]; /* common name, for the screen of whoever enrols; never
				     an identity                                      */
	int64_t not_after_ms;
};

/*
 * card_identify() - who could this certificate be? Nothing is proved by it
 *
 * Fills id, key_hash, subject; to choose among the certificates of a card and to
 * find the account before the PIN is asked for. proved stays 0.
 *
 * Return: 0; -EINVAL (not a certificate); -ENOMEM.
 */
int card_identify(const uint8_t *certificate, size_t n_certificate, struct card_proof *ret_proof);

/*
 * card_verify() - signature over @digest by the certificate's key, and its chain
 * @trust:     NULL only with @enrolled_key
 * @enrolled_key:  NULL, or key hash that has to match
 * @now:       validity is judged at wall time if trusted, else at the last trusted
 *             time that the caller put into it
 *
 * Return: TOKEN_FAULT_NONE with proof->proved TOKEN_YES; else the fault, also in
 * the proof.
 */
enum token_fault card_verify(const struct smartcard_rules *rules, const struct trust *trust,
			     const uint8_t *enrolled_key, const struct token_answer *answer,
			     const uint8_t digest[32], const struct moment *now,
			     struct card_proof *ret_proof);

/* A security key as enrolled. */
struct key_credential {
	size_t n_id;
	uint8_t id[TOKEN_CREDENTIAL_MAX];
	int32_t algorithm;       /* COSE: -7 ES256, -8 EdDSA, -257 RS256              */
	size_t n_public_key;     /* SubjectPublicKeyInfo, DER                         */
	uint8_t public_key[600];
	uint32_t counter;
	uint8_t aaguid[16];
	uint8_t flags;           /* of the authenticator data, when enrolled           */
};

struct key_proof {
	uint32_t proved;
	enum token_fault fault;
	uint32_t counter;        /* to be stored with the success                     */
	uint8_t flags;
	bool user_verified;
};

/*
 * key_verify() - an assertion by an enrolled key over the client data hash @digest
 *
 * Checks the credential id, exact length and extensions of the authenticator
 * data, rp id hash, presence, verification, backup eligibility, counter (grows,
 * or is 0 for ever), and the signature.
 */
enum token_fault key_verify(const struct security_key_rules *rules,
			    const struct key_credential *credential,
			    const struct token_answer *answer, const uint8_t digest[32],
			    struct key_proof *ret_proof);

/*
 * key_enrol() - check a new credential and take it apart
 *
 * Attestation "none", self attestation, or certificate, by the site's rule. With
 * "none" nothing is signed: TOKEN_FAULT_NONE, the credential is filled, and
 * proved stays 0 until the new key has signed an assertion (key_verify).
 */
enum token_fault key_enrol(const struct security_key_rules *rules,
			   const struct token_answer *answer, const uint8_t digest[32],
			   struct key_credential *ret_credential, struct key_proof *ret_proof);

/*
 * signature_verify() - by a bare public key: receipts, offline
 * @algorithm: COSE; -7, -8, -257
 *
 * Return: TOKEN_FAULT_NONE, _SIGNATURE, _WEAK, _FORM, _DEVICE.
 */
enum token_fault signature_verify(int32_t algorithm, const uint8_t *public_key, size_t n_public_key,
				  const uint8_t *message, size_t n_message,
				  const uint8_t *signature, size_t n_signature);

/*
 * signature_verify_digest() - the same for what a card signed: the digest itself
 * @algorithm: COSE; -7, -257; -8 signs no digests and is TOKEN_FAULT_WEAK
 */
enum token_fault signature_verify_digest(int32_t algorithm, const uint8_t *public_key,
					 size_t n_public_key, const uint8_t digest[32],
					 const uint8_t *signature, size_t n_signature);

#endif
