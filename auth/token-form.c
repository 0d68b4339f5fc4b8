/* SPDX-License-Identifier: Apache-2.0 */

/* The sealed column of an enrolled token: docs/accounts.md, byte by byte. */

#include <errno.h>

#include "auth/layout.h"
#include "auth/row.h"
#include "auth/text.h"

#define TOKEN_IMPORTED 0x01u
#define TOKEN_FLAGS 0x01u

static void put_key(struct layout_writer *w, const struct key_credential *key) {
	if (key->n_public_key > sizeof(key->public_key)) {
		w->failed = true;
		return;
	}
	layout_put32(w, (uint32_t)key->algorithm);
	layout_put_blob(w, key->public_key, key->n_public_key);
}

/* A length of 32 bits, and at most @capacity bytes. */
static size_t get_blob(struct layout_reader *r, uint8_t *ret_p, size_t capacity) {
	size_t n = layout_get32(r);

	if (n > capacity) {
		r->failed = true;
		return 0;
	}
	layout_get(r, ret_p, n);
	return n;
}

static void get_key(struct layout_reader *r, struct key_credential *ret_key) {
	ret_key->algorithm = (int32_t)layout_get32(r);
	ret_key->n_public_key = get_blob(r, ret_key->public_key, sizeof(ret_key->public_key));
}

static void put_badge(struct layout_writer *w, const struct token *token) {
	layout_put_blob(w, token->badge, token->n_badge);
}

static void get_badge(struct layout_reader *r, struct token *ret_token) {
	ret_token->n_badge = get_blob(r, ret_token->badge, sizeof(ret_token->badge));
}

static bool badge_is_sound(const struct token *token) {
	return token->n_badge > 0 && token->n_badge <= sizeof(token->badge);
}

static void put_code(struct layout_writer *w, const struct token *token) {
	layout_put_verifier(w, &token->code);
}

static void get_code(struct layout_reader *r, struct token *ret_token) {
	layout_get_verifier(r, &ret_token->code);
}

static bool code_is_sound(const struct token *token) {
	return token->code.cost.memory_kib != 0 && token->code.cost.passes != 0 &&
	       token->code.cost.lanes != 0;
}

static void put_card(struct layout_writer *w, const struct token *token) {
	layout_put(w, token->id, sizeof(token->id));
	layout_put(w, token->key_hash, sizeof(token->key_hash));
	layout_put64(w, (uint64_t)token->not_after_ms);
	put_key(w, &token->key);
}

static void get_card(struct layout_reader *r, struct token *ret_token) {
	layout_get(r, ret_token->id, sizeof(ret_token->id));
	layout_get(r, ret_token->key_hash, sizeof(ret_token->key_hash));
	ret_token->not_after_ms = (int64_t)layout_get64(r);
	get_key(r, &ret_token->key);
}

static bool key_is_sound(const struct key_credential *key) {
	return key->algorithm != 0 && key->n_public_key > 0 &&
	       key->n_public_key <= sizeof(key->public_key);
}

static bool card_is_sound(const struct token *token) {
	static const uint8_t zeroes[32];

	return key_is_sound(&token->key) && !equal_32(token->id, zeroes) &&
	       !equal_32(token->key_hash, zeroes);
}

static void put_security_key(struct layout_writer *w, const struct token *token) {
	layout_put32(w, token->key.counter);
	layout_put(w, token->key.aaguid, sizeof(token->key.aaguid));
	layout_put8(w, token->key.flags);
	if (token->key.n_id > sizeof(token->key.id))
		w->failed = true;
	else
		layout_put_blob(w, token->key.id, token->key.n_id);
	put_key(w, &token->key);
}

static void get_security_key(struct layout_reader *r, struct token *ret_token) {
	ret_token->key.counter = layout_get32(r);
	layout_get(r, ret_token->key.aaguid, sizeof(ret_token->key.aaguid));
	ret_token->key.flags = layout_get8(r);
	ret_token->key.n_id = get_blob(r, ret_token->key.id, sizeof(ret_token->key.id));
	get_key(r, &ret_token->key);
}

static bool security_key_is_sound(const struct token *token) {
	return key_is_sound(&token->key) && token->key.n_id > 0 &&
	       token->key.n_id <= sizeof(token->key.id);
}

/* What is a token, and what of it is stored. What is not in here, is none. */
static const struct {
	const char *name; /* in entries and in files                                   */
	void (*put)(struct layout_writer *w, const struct token *token);
	void (*get)(struct layout_reader *r, struct token *ret_token);
	bool (*is_sound)(const struct token *token);
} forms[CW_N_FACTORS] = {
	[CW_FACTOR_BADGE] = { "badge", put_badge, get_badge, badge_is_sound },
	[CW_FACTOR_CODE] = { "code", put_code, get_code, code_is_sound },
	[CW_FACTOR_SMARTCARD] = { "smartcard", put_card, get_card, card_is_sound },
	[CW_FACTOR_FIDO2] = { "fido2", put_security_key, get_security_key, security_key_is_sound },
};

static bool is_token(unsigned factor) {
	return factor < CW_N_FACTORS && forms[factor].put;
}

const char *token_factor_name(enum cw_factor factor) {
	return is_token(factor) ? forms[factor].name : "none";
}

enum cw_assurance token_assurance(const struct token *token, const struct token_rules *rules) {
	if (token->factor == CW_FACTOR_BADGE)
		return CW_ASSURANCE_BADGE;
	if (token->factor == CW_FACTOR_CODE)
		return CW_ASSURANCE_CODE;
	/* Touched by anybody: no more than a badge. */
	return token->factor == CW_FACTOR_FIDO2 &&
			       rules->security_key.verification != KEY_VERIFY_REQUIRED
		       ? CW_ASSURANCE_BADGE
		       : CW_ASSURANCE_STRONG;
}

bool token_is_sound(const struct token *token) {
	size_t n = strnlen(token->label, sizeof(token->label));

	return is_token(token->factor) && n < sizeof(token->label) &&
	       text_is_plain(token->label, n) && forms[token->factor].is_sound(token);
}

size_t token_encode(const struct token *token, uint8_t ret_plain[static TOKEN_PLAIN_MAX]) {
	struct layout_writer w = { .p = ret_plain, .capacity = TOKEN_PLAIN_MAX };

	if (!token_is_sound(token))
		return 0;
	layout_put8(&w, ROW_FORMAT);
	layout_put8(&w, (uint8_t)token->factor);
	layout_put8(&w, token->imported ? TOKEN_IMPORTED : 0);
	layout_put8(&w, 0);
	layout_put64(&w, (uint64_t)token->enrolled_ms);
	layout_put32(&w, token->enrolled_by);
	layout_put_text(&w, token->label, sizeof(token->label));
	forms[token->factor].put(&w, token);
	return w.failed ? 0 : w.n;
}

int token_decode(const uint8_t *plain, size_t n_plain, struct token *ret_token) {
	cleanup_(token_wipe) struct token token = { 0 };
	struct layout_reader r = { .p = plain, .n = n_plain };
	uint8_t flags;

	if (layout_get8(&r) != ROW_FORMAT)
		return -EBADMSG;
	token.factor = (enum cw_factor)layout_get8(&r);
	flags = layout_get8(&r);
	if (layout_get8(&r) != 0 || (flags & ~TOKEN_FLAGS) != 0 || !is_token(token.factor))
		return -EBADMSG;
	token.imported = flags & TOKEN_IMPORTED;
	token.enrolled_ms = (int64_t)layout_get64(&r);
	token.enrolled_by = layout_get32(&r);
	layout_get_text(&r, token.label, sizeof(token.label));
	forms[token.factor].get(&r, &token);
	if (!layout_is_done(&r) || !token_is_sound(&token))
		return -EBADMSG;
	*ret_token = token;
	return 0;
}
