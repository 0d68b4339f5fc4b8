/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_TOKEN_ROW_H
#define AUTH_TOKEN_ROW_H

/*
 * Rows of tokens, between the files that read and write them
 */

#include "auth/row.h"
#include "auth/token.h"

#define TOKEN_KEY 32u /* one HMAC of the lookup column; a card has two           */

/*
 * The lookup column: HMACs of what the token says of itself. A card has two, of
 * its certificate and of its key, so that a site may change which one it goes by.
 *
 * Return: 0; -EINVAL (not a token, or one without an id); -EIO.
 */
int token_keys(struct store *store, const struct token *token,
	       uint8_t ret_keys[static ROW_LOOKUP_MAX], size_t *ret_n);

/*
 * May @token->account enrol it? Not what is somebody's already.
 *
 * Return: 0; -EEXIST; -EINVAL; -EBADMSG; -EIO.
 */
int token_is_free(struct store *store, const struct token *token);

/* MAC, seal and form of a row; not its account's digest. Return: 0; -EBADMSG; -EIO. */
int token_row_open(struct store *store, const struct stored_row *row, struct token *ret_token);

#endif
