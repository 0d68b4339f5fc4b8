/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_RECEIPT_H
#define AUTH_RECEIPT_H

/*
 * The receipt of an approval, as bytes: docs/approval.md
 *
 * There is exactly one encoding of a receipt: what was parsed is encoded again
 * and compared. The device signs a list of digests, one for each field, so a
 * changed bit is refused by the name of the field that it is in. What a person's
 * token signed stands in it, too, and can be verified by anybody, without the
 * device. Nothing here needs a store.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "policy/table.h"
#include "tokens/challenge.h"

#define APPROVAL_RECEIPT_MAX 4096u

#define RECEIPT_VERSION 2u
#define RECEIPT_PERSONS 2u
#define RECEIPT_KEY_MAX 600u       /* SubjectPublicKeyInfo, DER                     */
#define RECEIPT_SIGNATURE_MAX 512u
#define RECEIPT_AUTHDATA_MAX 256u

/* Who signed for a person. */
enum receipt_by {
	RECEIPT_BY_NOBODY = 0, /* there is no such person                                */
	RECEIPT_BY_DEVICE,     /* a password was given to the device, which says so      */
	RECEIPT_BY_TOKEN,      /* the person's token                                     */
};

/*
 * What a person's token signed. Zeroed: it signed nothing.
 *
 * Of the challenge the receipt holds nonce, boot_ms, account, purpose and seat;
 * device and boot_id are the receipt's own, statement follows from it.
 */
struct receipt_signature {
	uint8_t person;         /* 1 or 2; 0: none                                       */
	uint8_t factor;         /* CW_FACTOR_SMARTCARD or CW_FACTOR_FIDO2                */
	int32_t algorithm;      /* COSE                                                  */
	size_t n_public_key;
	uint8_t public_key[RECEIPT_KEY_MAX];
	size_t n_signature;
	uint8_t signature[RECEIPT_SIGNATURE_MAX];
	size_t n_authdata;      /* FIDO2; 0 with a smartcard                             */
	uint8_t authdata[RECEIPT_AUTHDATA_MAX];
	struct challenge challenge;
};

struct receipt {
	uint8_t device[16];
	uint8_t boot_id[16];
	uint8_t seat;              /* index + 1                                          */
	uint64_t session;
	uint32_t account;
	char action[POLICY_NAME_SIZE];
	uint8_t digest[32];
	char object[LIMIT_OBJECT];
	char words[LIMIT_WORDS];
	uint8_t nonce[16];
	uint32_t second;           /* 0: nobody                                          */
	uint8_t by;                /* enum receipt_by; follows from signatures           */
	uint8_t second_by;
	uint8_t assurance;
	uint8_t second_assurance;  /* 0 with second 0                                    */
	uint64_t boot_ms;
	int64_t wall_ms;
	uint8_t trust;             /* enum clock_trust                                   */
	uint64_t head_seq;         /* the journal's head, the approval's entry in it     */
	uint8_t head_hash[32];
	uint8_t device_key[32];    /* public half of the key that signs the receipt      */
	struct receipt_signature signatures[RECEIPT_PERSONS]; /* by person - 1           */
};

/*
 * receipt_statement() - what a person's token says yes to
 * @receipt:  device, boot_id, seat, session, account, action, digest, object, words
 *            and nonce count; for person 2 second as well. The rest may be anything.
 * @person:   1 or 2
 *
 * It goes into challenge.statement before the token is asked.
 *
 * Return: 0; -EINVAL (a text that does not end, no such person); -EIO (crypto).
 */
int receipt_statement(const struct receipt *receipt, unsigned person, uint8_t ret_statement[32]);

/*
 * receipt_signature_check() - does this signature say yes to this receipt?
 *
 * The challenge is built again from both and compared with what was signed.
 *
 * Return: 0; -EBADMSG (it does not, or is not what it has to be); -EIO (crypto).
 */
int receipt_signature_check(const struct receipt *receipt,
			    const struct receipt_signature *signature);

/*
 * receipt_make() - encode and sign
 * @seed:     Ed25519 seed of the device's approval key
 * @receipt:  by and second_by are not looked at: they follow from the rest
 *
 * Return: 0; -EINVAL (a text that does not end, a signature whose sizes are wrong,
 * device_key is not the public half of @seed, more than APPROVAL_RECEIPT_MAX in
 * all); -EIO (crypto).
 */
int receipt_make(const uint8_t seed[32], const struct receipt *receipt,
		 uint8_t ret_bytes[static APPROVAL_RECEIPT_MAX], size_t *ret_n);

/*
 * receipt_open() - parse strictly and verify with the device's public key
 *
 * Tokens' signatures are not verified again: the device did before it signed.
 *
 * Return: 0; -EBADMSG (not a receipt, or not signed by this key); -EIO (crypto).
 */
int receipt_open(const uint8_t public_key[32], const uint8_t *bytes, size_t n,
		 struct receipt *ret_receipt);

/* One enrolled key, as a device exported it. */
struct receipt_token_key {
	uint32_t account;
	size_t n_key;
	uint8_t key[RECEIPT_KEY_MAX];
};

/* Whose word counts: what `careward keys` wrote. */
struct receipt_keys {
	uint8_t device[16];
	uint8_t approval[32];
	size_t n_tokens;
	const struct receipt_token_key *tokens; /* borrowed */
};

/*
 * receipt_check() - is it genuine? Offline, with nothing but the receipt
 * @keys:    NULL: keys are taken from the receipt itself, so it is whole, but
 *           anybody could have made it
 * @object:  SHA-256 of the object that is at hand; NULL: not compared
 * @ret_field:  -EBADMSG: what is wrong, in words ("action", "signature of the
 *           device", "signature of the first person", "form"); static text
 * @ret_receipt:  NULL, or the receipt
 *
 * Return: 0; -EBADMSG; -EIO (crypto).
 */
int receipt_check(const struct receipt_keys *keys, const uint8_t *bytes, size_t n,
		  const uint8_t *object, const char **ret_field, struct receipt *ret_receipt);

/* The public half. Return: 0; -EIO. */
int receipt_public_key(const uint8_t seed[32], uint8_t ret_public_key[32]);

#endif
