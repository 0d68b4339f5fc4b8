/* SPDX-License-Identifier: Apache-2.0 */

/* The sealed form of a token, and which codes are none. */

#include <errno.h>
#include <stdio.h>

#include "auth/row.h"
#include "tests/auth/device.h"
#include "tests/auth/token.h"

static const enum cw_factor factors[] = { CW_FACTOR_BADGE, CW_FACTOR_CODE, CW_FACTOR_SMARTCARD,
					  CW_FACTOR_FIDO2 };
#define N_FACTORS ((int)ARRAY_SIZE(factors))

START_TEST(the_sealed_form_comes_back_as_it_was) {
	struct token token = token_of(0, factors[_i], 7);
	struct token back = { 0 };
	uint8_t plain[TOKEN_PLAIN_MAX];
	size_t n;

	token.imported = true;
	token.enrolled_ms = INT64_MIN;
	token.enrolled_by = UINT32_MAX;
	memset(token.label, 'x', sizeof(token.label) - 1);
	token.n_badge = token.n_badge ? TOKEN_BADGE_MAX : 0;
	if (token.factor == CW_FACTOR_FIDO2)
		token.key.n_id = TOKEN_CREDENTIAL_MAX;
	token.key.n_public_key = token.key.n_public_key ? sizeof(token.key.public_key) : 0;
	n = token_encode(&token, plain);
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(token_decode(plain, n, &back), 0);
	ck_assert_int_eq(back.enrolled_ms, INT64_MIN);
	ck_assert(back.imported);
	ck_assert(same_token(&token, &back));
}
END_TEST

static const struct {
	const char *why;
	enum cw_factor factor;
	enum key_verification verification;
	enum cw_assurance proves;
} worths[] = {
	{ "a badge", CW_FACTOR_BADGE, KEY_VERIFY_REQUIRED, CW_ASSURANCE_BADGE },
	{ "a code", CW_FACTOR_CODE, KEY_VERIFY_REQUIRED, CW_ASSURANCE_CODE },
	{ "a card", CW_FACTOR_SMARTCARD, KEY_VERIFY_NEVER, CW_ASSURANCE_STRONG },
	{ "a key with its PIN", CW_FACTOR_FIDO2, KEY_VERIFY_REQUIRED, CW_ASSURANCE_STRONG },
	{ "a key that is merely touched", CW_FACTOR_FIDO2, KEY_VERIFY_NEVER, CW_ASSURANCE_BADGE },
	{ "what is no token", CW_FACTOR_NONE, KEY_VERIFY_NEVER, CW_ASSURANCE_STRONG },
};

START_TEST(PO_16_what_a_token_proves_is_what_it_takes_to_revoke_it) {
	static struct token_rules rules;
	const struct token token = { .factor = worths[_i].factor };

	rules.security_key.verification = worths[_i].verification;
	ck_assert_msg(token_assurance(&token, &rules) == worths[_i].proves, "%s", worths[_i].why);
}
END_TEST

START_TEST(FD_15_the_sealed_form_is_taken_exactly_or_not_at_all) {
	struct token token = token_of(0, factors[_i], 7);
	struct token back = { .number = 77 };
	uint8_t plain[TOKEN_PLAIN_MAX + 1] = { 0 };
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
	} edits[] = {
		{ "a version of the future", 0, 2 },
		{ "version 0", 0, 0 },
		{ "a password's", 1, CW_FACTOR_PASSWORD },
		{ "of no factor", 1, CW_FACTOR_NONE },
		{ "of a factor that there is not", 1, 200 },
		{ "an unknown flag", 2, 2 },
		{ "the reserved byte", 3, 1 },
		{ "a label that runs over the end", 16, 255 },
		{ "a label with a line in it", 17, '\n' },
	};
	size_t n = token_encode(&token, plain);

	for (size_t cut = 0; cut < n; ++cut)
		ck_assert_msg(token_decode(plain, cut, &back) == -EBADMSG, "cut to %zu", cut);
	ck_assert_int_eq(token_decode(plain, n + 1, &back), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(edits); ++i) {
		uint8_t kept = plain[edits[i].at];

		plain[edits[i].at] = edits[i].value;
		ck_assert_msg(token_decode(plain, n, &back) == -EBADMSG, "%s", edits[i].why);
		plain[edits[i].at] = kept;
	}
	ck_assert_uint_eq(back.number, 77);
}
END_TEST

/* What a token of each kind cannot be without. */
static void no_badge(struct token *token) {
	token->n_badge = 0;
}
static void long_badge(struct token *token) {
	token->n_badge = TOKEN_BADGE_MAX + 1;
}
static void no_verifier(struct token *token) {
	token->code = (struct verifier){ 0 };
}
static void no_card(struct token *token) {
	memset(token->id, 0, sizeof(token->id));
}
static void no_key_hash(struct token *token) {
	memset(token->key_hash, 0, sizeof(token->key_hash));
}
static void no_key(struct token *token) {
	token->key.n_public_key = 0;
}
static void long_key(struct token *token) {
	token->key.n_public_key = sizeof(token->key.public_key) + 1;
}
static void no_algorithm(struct token *token) {
	token->key.algorithm = 0;
}
static void no_credential(struct token *token) {
	token->key.n_id = 0;
}
static void long_credential(struct token *token) {
	token->key.n_id = TOKEN_CREDENTIAL_MAX + 1;
}
static void bad_label(struct token *token) {
	(void)snprintf(token->label, sizeof(token->label), "a\x01");
}
static void endless_label(struct token *token) {
	memset(token->label, 'a', sizeof(token->label));
}
static void a_password(struct token *token) {
	token->factor = CW_FACTOR_PASSWORD;
}
static void no_factor(struct token *token) {
	token->factor = (enum cw_factor)99;
}

static const struct {
	const char *why;
	enum cw_factor factor;
	void (*spoil)(struct token *token);
} unsound[] = {
	{ "a badge without an id", CW_FACTOR_BADGE, no_badge },
	{ "a badge with too long an id", CW_FACTOR_BADGE, long_badge },
	{ "a code that was never made", CW_FACTOR_CODE, no_verifier },
	{ "a card that no certificate names", CW_FACTOR_SMARTCARD, no_card },
	{ "a card without a key's hash", CW_FACTOR_SMARTCARD, no_key_hash },
	{ "a card without a key", CW_FACTOR_SMARTCARD, no_key },
	{ "FD-11 a key that is too long", CW_FACTOR_FIDO2, long_key },
	{ "FD-11 a key of no algorithm", CW_FACTOR_FIDO2, no_algorithm },
	{ "FD-12 a security key without a credential", CW_FACTOR_FIDO2, no_credential },
	{ "a credential that is too long", CW_FACTOR_FIDO2, long_credential },
	{ "a label with a control character", CW_FACTOR_BADGE, bad_label },
	{ "a label without an end", CW_FACTOR_BADGE, endless_label },
	{ "PO-15 a password called a token", CW_FACTOR_BADGE, a_password },
	{ "a factor that there is not", CW_FACTOR_BADGE, no_factor },
};

START_TEST(what_proves_nothing_is_not_stored) {
	struct token token = token_of(1, unsound[_i].factor, 7);
	uint8_t plain[TOKEN_PLAIN_MAX];

	(void)make_account("kim", "nurse");
	unsound[_i].spoil(&token);
	ck_assert_msg(token_encode(&token, plain) == 0, "%s: has a form", unsound[_i].why);
	ck_assert_msg(enrol_token(&token, 2) == -EINVAL, "%s: was stored", unsound[_i].why);
	ck_assert_uint_eq(token.number, 0);
	ck_assert_int_eq(count_entries(307), 0);
}
END_TEST

static const struct {
	const char *why;
	const char *code;
	const char *badge; /* as text; see also below                                   */
	enum code_fault expect;
} codes[] = {
	{ "a good one", "4711", "", CODE_GOOD },
	{ "too short", "471", "", CODE_LENGTH },
	{ "too long", "47112", "", CODE_LENGTH },
	{ "empty", "", "", CODE_LENGTH },
	{ "a letter", "47a1", "", CODE_DIGITS },
	{ "a blank", "471 ", "", CODE_DIGITS },
	{ "digits of another script", "\xd9\xa1\xd9\xa2", "", CODE_DIGITS },
	{ "all the same", "0000", "", CODE_TRIVIAL },
	{ "all nines", "9999", "", CODE_TRIVIAL },
	{ "upwards", "1234", "", CODE_TRIVIAL },
	{ "downwards", "4321", "", CODE_TRIVIAL },
	{ "over the end", "8901", "", CODE_TRIVIAL },
	{ "downwards over the end", "2109", "", CODE_TRIVIAL },
	{ "a step of two is none of these", "1357", "", CODE_GOOD },
	{ "nearly a run", "1235", "", CODE_GOOD },
	{ "the end of a barcode", "0815", "B-0815", CODE_LIKE_BADGE },
	{ "in the middle of a barcode", "0815", "B-08150", CODE_GOOD },
	{ "the whole of a short barcode", "0815", "0815", CODE_LIKE_BADGE },
	{ "a badge shorter than the code", "0815", "15", CODE_GOOD },
};

START_TEST(a_trivial_code_is_refused) {
	struct badge_rules at = { .on = true, .code_digits = 4 };
	struct secret typed = { 0 };
	enum code_fault fault;

	ck_assert(secret_set(&typed, codes[_i].code, strlen(codes[_i].code)));
	fault = code_check(&at, &typed, (const uint8_t *)codes[_i].badge, strlen(codes[_i].badge));
	ck_assert_msg(fault == codes[_i].expect, "%s: %d", codes[_i].why, (int)fault);
	at.code_digits = 0;
	ck_assert_int_eq(code_check(&at, &typed, NULL, 0), CODE_OFF);
	at.code_digits = 7;
	ck_assert_int_eq(code_check(&at, &typed, NULL, 0), CODE_OFF);
}
END_TEST

START_TEST(a_code_that_is_printed_on_the_badge_is_refused) {
	static const uint8_t badge[] = { 0x04, 0x25, 0x18, 0x62 }; /* 69539938; 1645749508 */
	struct badge_rules at = { .on = true, .code_digits = 4 };
	static const char *const printed[] = { "9938", "9508", "1862" };
	struct secret typed = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(printed); ++i) {
		ck_assert(secret_set(&typed, printed[i], 4));
		ck_assert_msg(code_check(&at, &typed, badge, sizeof(badge)) == CODE_LIKE_BADGE,
			      "%s", printed[i]);
	}
	ck_assert(secret_set(&typed, "9939", 4));
	ck_assert_int_eq(code_check(&at, &typed, badge, sizeof(badge)), CODE_GOOD);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("token-form");
	TCase *t = tcase_create("plain");
	TCase *rows = tcase_create("rows");

	tcase_add_loop_test(t, the_sealed_form_comes_back_as_it_was, 0, N_FACTORS);
	tcase_add_loop_test(t, PO_16_what_a_token_proves_is_what_it_takes_to_revoke_it, 0,
			    (int)ARRAY_SIZE(worths));
	tcase_add_loop_test(t, FD_15_the_sealed_form_is_taken_exactly_or_not_at_all, 0, N_FACTORS);
	tcase_add_loop_test(t, a_trivial_code_is_refused, 0, (int)ARRAY_SIZE(codes));
	tcase_add_test(t, a_code_that_is_printed_on_the_badge_is_refused);
	suite_add_tcase(s, t);
	tcase_set_timeout(rows, 60);
	tcase_add_checked_fixture(rows, device_set_up, device_tear_down);
	tcase_add_loop_test(rows, what_proves_nothing_is_not_stored, 0, (int)ARRAY_SIZE(unsound));
	suite_add_tcase(s, rows);
	return s;
}

int main(void) {
	return run_suite(suite());
}
