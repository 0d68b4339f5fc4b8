/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_TRUST_H
#define TOKENS_TRUST_H

/* The inside of struct trust: authorities of two stores, and revocation lists. */

#include <openssl/x509v3.h>

#include "tokens/certificate.h"

#define TRUST_AUTHORITIES_MAX 64u
#define TRUST_LISTS_MAX 16u
#define TRUST_MESSAGE 256u
#define CHAIN_DEPTH 6 /* authorities between a card and its root                     */

/* Whose word counts: the site's, or the maker's. Zeroed: nobody's. */
struct anchors {
	X509_STORE *store;              /* roots                                   */
	STACK_OF(X509) *intermediates;
	unsigned n_roots;
};

/* One list, boiled down. Zeroed: none. */
struct revocations {
	uint64_t issuers;               /* bits of the authorities whose key signed it */
	int64_t from_ms, to_ms;         /* thisUpdate, nextUpdate                  */
	struct serial number;           /* CRL number; n 0: none                   */
	ISSUING_DIST_POINT *scope;      /* NULL: everything that they issued       */
	ASN1_OCTET_STRING *scope_bytes; /* the same as it came, to compare         */
	size_t n;
	struct serial *serials;         /* sorted                                  */
};

struct trust {
	const struct smartcard_rules *rules; /* borrowed                           */
	struct anchors site, service;
	size_t n_authorities;
	X509 *authorities[TRUST_AUTHORITIES_MAX];
	size_t n_lists;
	struct revocations lists[TRUST_LISTS_MAX];
};

/* "file: what", cut. Return: -EINVAL. */
int trust_refuse(char message[TRUST_MESSAGE], const char *file, const char *what);

void revocations_end(struct revocations *list);

/*
 * revocations_check() - is @certificate on a list of @issuer?
 * @issuer: certificate of an authority that is in @trust
 *
 * Sets proof->list_missing and list_stale where the site lets that pass.
 *
 * Return: TOKEN_FAULT_NONE; _REVOKED, whatever the list's age; _LIST_MISSING;
 * _LIST_STALE; _DEVICE.
 */
enum token_fault revocations_check(const struct trust *trust, X509 *certificate, X509 *issuer,
				   const struct moment *now, struct card_proof *proof);

/*
 * trust_check() - is there a path from this certificate to an authority, now?
 *
 * Return: TOKEN_FAULT_NONE; _CHAIN; _VALIDITY; _USAGE; _WEAK; _REVOKED;
 * _LIST_MISSING; _LIST_STALE; _DEVICE.
 */
enum token_fault trust_check(const struct trust *trust, X509 *certificate,
			     const struct moment *now, struct card_proof *proof);

#endif
