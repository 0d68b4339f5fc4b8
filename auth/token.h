/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

/*
 * Enrolled tokens: rows of an account, as its password is one
 *
 * A token is a row of `authenticators`: sealed, MACed, in the account's digest.
 * Its lookup column is an HMAC, so that nobody reads badge ids out of the file.
 * Every change is one transaction with its entry.
 */

#include <stdbool.h>
#include <stdint.h>

#include "auth/account.h"
#include "auth/password.h"
#include "common/secret.h"
#include "policy/token-rules.h"
#include "tokens/verify.h"

/* One enrolled token. Which members count, the factor says. */
struct token {
	uint64_t number;        /* row; 0: not stored yet                              */
	uint64_t generation;
	uint32_t account;
	enum cw_factor factor;  /* BADGE, CODE, SMARTCARD, FIDO2                       */
	bool disabled;          /* revoked rows stay, and prove nothing                */
	char label[LIMIT_NAME]; /* what people call it; may be empty                   */
	int64_t enrolled_ms;    /* wall                                                */
	uint32_t enrolled_by;   /* account                                             */
	bool imported;          /* from another device of the site                     */
	uint8_t id[32];         /* SMARTCARD: issuer and serial, hashed                 */
	uint8_t key_hash[32];   /* SMARTCARD                                           */
	int64_t not_after_ms;   /* SMARTCARD                                           */
	struct key_credential key; /* FIDO2; SMARTCARD: algorithm and public key alone  */
	size_t n_badge;         /* BADGE                                               */
	uint8_t badge[TOKEN_BADGE_MAX];
	struct verifier code;   /* CODE                                                */
};

#define TOKENS_OF_ACCOUNT_MAX 16u /* that are not revoked                              */
#define TOKEN_ROWS_MAX 128u       /* of one account, revoked ones included             */

static inline void token_wipe(struct token *token) {
	explicit_bzero(token, sizeof(*token));
}

/* "badge", "code", "smartcard", "fido2"; "none" for anything that is no token. */
const char *token_factor_name(enum cw_factor factor);

/*
 * token_assurance() - what a sign-in by it proves under these rules
 *
 * Return: BADGE, CODE or STRONG; STRONG for anything that is no token.
 */
enum cw_assurance token_assurance(const struct token *token, const struct token_rules *rules);

/* Is it a token, and everything in it that its factor needs? */
bool token_is_sound(const struct token *token);

/*
 * token_store() - write a new or changed token (compare and swap by generation)
 * @event:  EVENT_TOKEN_ENROLLED, _REVOKED, _RENAMED, _COUNTER, EVENT_CODE_CHANGED
 *
 * Return: 0; -ESTALE; -EEXIST (somebody's already: a card, key or badge belongs
 * to one person); -EDQUOT (TOKENS_OF_ACCOUNT_MAX); -EINVAL; -EBADMSG; -ENOSPC; -EIO.
 */
int token_store(struct store *store, const struct actor *actor, const struct moment *now,
		enum audit_event event, struct token *token);

/* By row number. Return: 0; -ENOENT (no such row, or a password's); -EBADMSG (not as
 * written); -EIO. */
int token_load(struct store *store, uint64_t number, struct token *ret_token);

/*
 * token_find() - whose is it?
 * @id:  SMARTCARD: 32 bytes, card_proof.id or .key_hash by the site's rule; FIDO2:
 *       credential id; BADGE: its one form
 *
 * The row's MAC and its account's digest are checked. A disabled token is found,
 * and says so.
 *
 * Return: 0; -ENOENT; -EBADMSG; -EIO.
 */
int token_find(struct store *store, enum cw_factor factor, const uint8_t *id, size_t n_id,
	       struct token *ret_token);

/* The account's tokens, disabled ones included. Return: 0; what @each returned;
 * -EBADMSG (the account is damaged); -EIO. */
int token_list(struct store *store, uint32_t account,
	       int (*each)(const struct token *token, void *userdata), void *userdata);

/* The account's badge code. Return: 0; -ENOENT; -EBADMSG; -EIO. */
int token_code(struct store *store, uint32_t account, struct token *ret_token);

/*
 * token_revoke() - it proves nothing from now on
 * @admins:  as in account_change()
 *
 * Return: 0; -ENOENT; -EBUSY (the last strong factor of the last administrator);
 * -EINVAL (@admins NULL with a card or a key); -EBADMSG; -ESTALE; -EIO.
 */
int token_revoke(struct store *store, const struct actor *actor, const struct moment *now,
		 const struct admin_rule *admins, uint64_t number);

/* Why a new badge code is refused. Each is a message id of the user interface. */
enum code_fault {
	CODE_GOOD = 0,
	CODE_OFF,        /* "code-off": there are no codes at this site                */
	CODE_LENGTH,     /* "code-length"                                              */
	CODE_DIGITS,     /* "code-digits": something that is no digit                  */
	CODE_TRIVIAL,    /* "code-trivial": 1111, 1234, 9876                           */
	CODE_LIKE_BADGE, /* "code-like-badge": can be read off the badge               */
	CODE_N_FAULTS,
};

/*
 * code_check() - do the site's rules accept this badge code?
 * @badge, @n_badge:  one of the person's badges, in its one form; n 0: none
 *
 * Return: CODE_GOOD or the first fault.
 */
enum code_fault code_check(const struct badge_rules *rules, const struct secret *typed,
			   const uint8_t *badge, size_t n_badge);

/* A credential id of an account that has none, or of a name that nobody has: the
 * same for the same name, so that nothing is told by asking. Return: 0; -EIO. */
int token_dummy(struct store *store, const char *name, struct token_credentials *ret_credentials);

#endif
