/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_AUTHDATA_H
#define TOKENS_AUTHDATA_H

/* Authenticator data of a security key, taken apart; nothing in it is believed here. */

#include "common/item.h"
#include "tokens/verify.h"

enum authdata_flag {
	AUTHDATA_PRESENT = 1u << 0,    /* UP: somebody touched it                     */
	AUTHDATA_VERIFIED = 1u << 2,   /* UV: it checked a PIN or a finger            */
	AUTHDATA_ELIGIBLE = 1u << 3,   /* BE: the key may be copied                   */
	AUTHDATA_COPIED = 1u << 4,     /* BS: it has been                             */
	AUTHDATA_CREDENTIAL = 1u << 6, /* AT: a new credential is in it              */
	AUTHDATA_EXTENSIONS = 1u << 7, /* ED: a map of extensions ends it            */
};

#define AUTHDATA_FIXED 37u
#define AUTHDATA_KNOWN 0xddu /* all of the above; a bit that nobody knows is refused */
#define CREDENTIAL_MIN 16u

struct authdata {
	uint8_t rp_hash[32];
	uint8_t flags;
	uint32_t counter;
	struct item_reader rest; /* what follows the counter                         */
};

/*
 * authdata_read() - the fixed part
 *
 * Return: true; false (short, unknown flags, copied without being eligible).
 */
bool authdata_read(const uint8_t *p, size_t n, struct authdata *ret_authdata);

/* The end: extensions if the flag says so, and not one byte more. */
bool authdata_ends(struct authdata *authdata);

/*
 * authdata_check() - does it say what the site asks for?
 *
 * Only worth asking once the signature has been checked: before, anybody may have
 * written it.
 *
 * Return: TOKEN_FAULT_NONE; _RP; _NOT_PRESENT; _NOT_VERIFIED; _SYNCED; _DEVICE.
 */
enum token_fault authdata_check(const struct authdata *authdata,
				const struct security_key_rules *rules);

#define SIGNED_MAX (TOKEN_AUTHDATA_MAX + 32u)

/* What the key signs: authenticator data, then the client data hash. Return: length. */
size_t authdata_signed(const struct token_answer *answer, const uint8_t digest[32],
		       uint8_t ret_message[SIGNED_MAX]);

#endif
