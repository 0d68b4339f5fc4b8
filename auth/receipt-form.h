/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_RECEIPT_FORM_H
#define AUTH_RECEIPT_FORM_H

/* The fields of a receipt as CBOR, and their digests. For receipt.c alone. */

#include <stdbool.h>

#include "auth/receipt.h"

/* Keys of the payload; the order of the fields. */
enum receipt_field {
	RECEIPT_FIELD_VERSION = 0,
	RECEIPT_FIELD_DEVICE,
	RECEIPT_FIELD_BOOT_ID,
	RECEIPT_FIELD_SEAT,
	RECEIPT_FIELD_SESSION,
	RECEIPT_FIELD_ACCOUNT,
	RECEIPT_FIELD_ACTION,
	RECEIPT_FIELD_DIGEST,
	RECEIPT_FIELD_OBJECT,
	RECEIPT_FIELD_WORDS,
	RECEIPT_FIELD_NONCE, /* the last one of the first person's statement */
	RECEIPT_FIELD_SECOND, /* the last one of the second person's          */
	RECEIPT_FIELD_BY,
	RECEIPT_FIELD_SECOND_BY,
	RECEIPT_FIELD_ASSURANCE,
	RECEIPT_FIELD_SECOND_ASSURANCE,
	RECEIPT_FIELD_BOOT_MS,
	RECEIPT_FIELD_WALL_MS,
	RECEIPT_FIELD_TRUST,
	RECEIPT_FIELD_HEAD_SEQ,
	RECEIPT_FIELD_HEAD_HASH,
	RECEIPT_FIELD_DEVICE_KEY,
	RECEIPT_FIELD_SIGNATURE_1,
	RECEIPT_FIELD_SIGNATURE_2,
	RECEIPT_N_FIELDS,
};

#define RECEIPT_DIGESTS (32u * RECEIPT_N_FIELDS)
#define RECEIPT_SIGNATURE 64u /* of the device: Ed25519 */

/* What a field is called when it is refused. */
const char *receipt_field_name(unsigned field);

/* A receipt, taken apart. The pointers point into the bytes. */
struct receipt_parts {
	const uint8_t *payload;
	size_t n_payload;
	const uint8_t *list;      /* RECEIPT_DIGESTS, as it stands there                 */
	const uint8_t *signature; /* RECEIPT_SIGNATURE                                   */
	uint8_t digests[RECEIPT_DIGESTS]; /* of the fields, computed                     */
	unsigned n_fields;        /* read so far: all of them, or up to the wrong one    */
};

/*
 * receipt_form_write() - the payload and the digests
 * @ret_bytes:  @*n: capacity in, length out
 *
 * Return: 0; -EINVAL; -EIO (crypto).
 */
int receipt_form_write(const struct receipt *receipt, uint8_t *ret_bytes, size_t *n,
		       uint8_t ret_digests[RECEIPT_DIGESTS]);

/* The digests alone, of the fields up to @last. Return: as above. */
int receipt_form_digests(const struct receipt *receipt, enum receipt_field last,
			 uint8_t ret_digests[RECEIPT_DIGESTS]);

/* The whole receipt, signed as it is said. Return: 0; -EINVAL. */
int receipt_form_wrap(const uint8_t *payload, size_t n_payload,
		      const uint8_t digests[RECEIPT_DIGESTS],
		      const uint8_t signature[RECEIPT_SIGNATURE], uint8_t *ret_bytes, size_t *n);

/*
 * receipt_form_read() - take a receipt apart; nothing is verified
 *
 * On -EBADMSG with ret_parts->list set, the field ret_parts->n_fields is wrong, or
 * a digest before it does not fit.
 *
 * Return: 0; -EBADMSG (*ret_parts and *ret_receipt hold what was read); -EIO.
 */
int receipt_form_read(const uint8_t *bytes, size_t n, struct receipt_parts *ret_parts,
		      struct receipt *ret_receipt);

/* Is this how the payload, and what is around it, are written? Return: 0; -EBADMSG; -EIO. */
int receipt_form_same_payload(const struct receipt *receipt, const struct receipt_parts *parts);
int receipt_form_same_outside(const struct receipt_parts *parts, const uint8_t *bytes, size_t n);

#endif
