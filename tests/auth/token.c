/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>

#include "auth/row.h"
#include "tests/auth/device.h"
#include "tests/auth/token.h"

struct token token_of(uint32_t account, enum cw_factor factor, uint8_t byte) {
	struct token token = { .account = account, .factor = factor };

	(void)snprintf(token.label, sizeof(token.label), "Blue %u", byte);
	if (factor == CW_FACTOR_BADGE) {
		token.n_badge = 7;
		memset(token.badge, byte, token.n_badge);
		token.badge[0] = 0x04;
	} else if (factor == CW_FACTOR_CODE) {
		token.code = fake_verifier(byte);
	} else if (factor == CW_FACTOR_SMARTCARD || factor == CW_FACTOR_FIDO2) {
		token.key.algorithm = -7;
		token.key.n_public_key = 91;
		memset(token.key.public_key, byte, token.key.n_public_key);
	}
	if (factor == CW_FACTOR_SMARTCARD) {
		memset(token.id, byte, sizeof(token.id));
		memset(token.key_hash, (uint8_t)~byte, sizeof(token.key_hash));
	}
	if (factor == CW_FACTOR_FIDO2) {
		token.key.n_id = 48;
		memset(token.key.id, byte, token.key.n_id);
		token.key.counter = 10;
		token.key.flags = 0x45;
		memset(token.key.aaguid, 0xaa, sizeof(token.key.aaguid));
	}
	return token;
}

const uint8_t *token_id(const struct token *token, size_t *ret_n) {
	if (token->factor == CW_FACTOR_BADGE) {
		*ret_n = token->n_badge;
		return token->badge;
	}
	*ret_n = token->factor == CW_FACTOR_FIDO2 ? token->key.n_id : sizeof(token->id);
	return token->factor == CW_FACTOR_FIDO2 ? token->key.id : token->id;
}

bool same_token(const struct token *a, const struct token *b) {
	uint8_t plain_a[TOKEN_PLAIN_MAX];
	uint8_t plain_b[TOKEN_PLAIN_MAX];
	size_t n = token_encode(a, plain_a);

	return n > 0 && token_encode(b, plain_b) == n && memcmp(plain_a, plain_b, n) == 0 &&
	       a->number == b->number && a->generation == b->generation &&
	       a->account == b->account && a->disabled == b->disabled;
}

int enrol_token(struct token *token, uint32_t by) {
	struct moment now = moment_at(5);
	struct actor actor = actor_of(by);

	return token_store(device.store, &actor, &now, EVENT_TOKEN_ENROLLED, token);
}

struct token enrolled_token(uint32_t account, enum cw_factor factor, uint8_t byte) {
	struct token token = token_of(account, factor, byte);

	ck_assert_int_eq(enrol_token(&token, 2), 0);
	return token;
}

int store_token(enum audit_event event, struct token *token) {
	struct moment now = moment_at(6);
	struct actor actor = actor_of(2);

	return token_store(device.store, &actor, &now, event, token);
}

int end_token(uint64_t number, const struct admin_rule *rule) {
	struct moment now = moment_at(7);
	struct actor actor = actor_of(2);

	return token_revoke(device.store, &actor, &now, rule, number);
}

int find_token(const struct token *token, struct token *ret_token) {
	size_t n = 0;
	const uint8_t *id = token_id(token, &n);

	return token_find(device.store, token->factor, id, n, ret_token);
}

int count_entries(unsigned event) {
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM journal WHERE event = %u", event);
	device_close();
	return (int)device_number(sql);
}
