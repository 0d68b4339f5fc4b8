/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AUTH_TOKEN_H
#define TESTS_AUTH_TOKEN_H

/* Sound tokens out of nothing. */

#include "auth/token.h"

/* Of @account, not stored yet; two of the same factor and byte are the same token. */
struct token token_of(uint32_t account, enum cw_factor factor, uint8_t byte);

/* What token_find() takes for it; a card's certificate. */
const uint8_t *token_id(const struct token *token, size_t *ret_n);

bool same_token(const struct token *a, const struct token *b);

/* With an entry by account 2 or @by, at moments of its own. Return: of the call. */
int enrol_token(struct token *token, uint32_t by);
int store_token(enum audit_event event, struct token *token);
int end_token(uint64_t number, const struct admin_rule *rule);
int find_token(const struct token *token, struct token *ret_token);
/* token_of(), enrolled by account 2. */
struct token enrolled_token(uint32_t account, enum cw_factor factor, uint8_t byte);

/* How many entries of an event there are. The store is closed afterwards. */
int count_entries(unsigned event);

#endif
