/* SPDX-License-Identifier: Apache-2.0 */

/* Enrolled tokens as rows: form, uniqueness, compare and swap, revocation, damage. */

#include <errno.h>
#include <stdio.h>

#include "auth/row.h"
#include "tests/auth/device.h"
#include "tests/auth/token.h"

static const struct admin_rule admins = { .n_roles = 1, .roles = { "lead" } };

static const enum cw_factor factors[] = { CW_FACTOR_BADGE, CW_FACTOR_CODE, CW_FACTOR_SMARTCARD,
					  CW_FACTOR_FIDO2 };
#define N_FACTORS ((int)ARRAY_SIZE(factors))

START_TEST(a_token_is_loaded_and_found_as_it_was_stored) {
	struct token token = token_of(1, factors[_i], 7);
	struct token back = { .number = 77 };

	(void)make_account("kim", "nurse");
	(void)make_account("lead", "lead");
	ck_assert_int_eq(token_load(device.store, 1, &back), -ENOENT);
	ck_assert_int_eq(find_token(&token, &back), -ENOENT);
	ck_assert_uint_eq(back.number, 77);
	ck_assert_int_eq(enrol_token(&token, 2), 0);
	ck_assert_uint_eq(token.number, 1);
	ck_assert_uint_eq(token.generation, 1);
	ck_assert_uint_eq(token.enrolled_by, 2);
	ck_assert_int_eq(token.enrolled_ms, moment_at(5).wall_ms);
	device_close();
	device_open();
	ck_assert_int_eq(token_load(device.store, 1, &back), 0);
	ck_assert(same_token(&token, &back));
	back = (struct token){ 0 };
	ck_assert_int_eq(find_token(&token, &back), factors[_i] == CW_FACTOR_CODE ? -ENOENT : 0);
	if (factors[_i] == CW_FACTOR_CODE)
		ck_assert_int_eq(token_code(device.store, 1, &back), 0);
	ck_assert(same_token(&token, &back));
	ck_assert_int_eq(token_code(device.store, 2, &back), -ENOENT);
}
END_TEST

START_TEST(a_cards_row_is_found_by_its_certificate_and_by_its_key) {
	struct token token;
	struct token back;

	(void)make_account("kim", "nurse");
	token = enrolled_token(1, CW_FACTOR_SMARTCARD, 7);
	ck_assert_int_eq(token_find(device.store, CW_FACTOR_SMARTCARD, token.id, 32, &back), 0);
	ck_assert(same_token(&token, &back));
	ck_assert_int_eq(token_find(device.store, CW_FACTOR_SMARTCARD, token.key_hash, 32, &back),
			 0);
	ck_assert(same_token(&token, &back));
	/* Not as what it is not, and not by a part. */
	ck_assert_int_eq(token_find(device.store, CW_FACTOR_FIDO2, token.id, 32, &back), -ENOENT);
	ck_assert_int_eq(token_find(device.store, CW_FACTOR_BADGE, token.id, 32, &back), -ENOENT);
	ck_assert_int_eq(token_find(device.store, CW_FACTOR_SMARTCARD, token.id, 31, &back),
			 -ENOENT);
	ck_assert_int_eq(token_find(device.store, CW_FACTOR_SMARTCARD, token.id, 0, &back),
			 -ENOENT);
	ck_assert_int_eq(token_find(device.store, CW_FACTOR_SMARTCARD, token.id, 4096, &back),
			 -ENOENT);
	ck_assert_int_eq(token_find(device.store, (enum cw_factor)77, token.id, 32, &back),
			 -ENOENT);
}
END_TEST

START_TEST(CD_14_each_card_is_its_own_persons_in_any_order) {
	struct token kim;
	struct token lee;
	struct token back;

	(void)make_account("kim", "nurse");
	(void)make_account("lee", "nurse");
	kim = enrolled_token(_i ? 2 : 1, CW_FACTOR_SMARTCARD, 1);
	lee = enrolled_token(_i ? 1 : 2, CW_FACTOR_SMARTCARD, 2);
	ck_assert_int_eq(find_token(&lee, &back), 0);
	ck_assert_uint_eq(back.account, lee.account);
	ck_assert_int_eq(find_token(&kim, &back), 0);
	ck_assert_uint_eq(back.account, kim.account);
	ck_assert_int_eq(
		token_find(device.store, CW_FACTOR_SMARTCARD, lee.key_hash, 32, &back), 0);
	ck_assert_uint_eq(back.account, lee.account);
}
END_TEST

START_TEST(CD_16_a_name_finds_nobody) {
	struct token token;
	struct token back;
	static const char *const names[] = { "kim", "CN=kim", "kim@hospital.example", "Kim's" };

	(void)make_account("kim", "nurse");
	token = token_of(1, CW_FACTOR_SMARTCARD, 7);
	(void)snprintf(token.label, sizeof(token.label), "kim");
	ck_assert_int_eq(enrol_token(&token, 2), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
		ck_assert_int_eq(token_find(device.store, CW_FACTOR_SMARTCARD,
					    (const uint8_t *)names[i], strlen(names[i]), &back),
				 -ENOENT);
}
END_TEST

static const struct {
	const char *why;
	enum cw_factor factor;
	bool same_person;
	bool revoked;
	int expect;
} twice[] = {
	{ "one's own badge again", CW_FACTOR_BADGE, true, false, -EEXIST },
	{ "somebody's badge", CW_FACTOR_BADGE, false, false, -EEXIST },
	{ "one's own badge, found again", CW_FACTOR_BADGE, true, true, 0 },
	{ "a badge that was handed back", CW_FACTOR_BADGE, false, true, 0 },
	{ "one's own card again", CW_FACTOR_SMARTCARD, true, false, -EEXIST },
	{ "somebody's card", CW_FACTOR_SMARTCARD, false, false, -EEXIST },
	{ "one's own card, found again", CW_FACTOR_SMARTCARD, true, true, 0 },
	{ "a card that somebody had", CW_FACTOR_SMARTCARD, false, true, -EEXIST },
	{ "FD-26 one's own key again", CW_FACTOR_FIDO2, true, false, -EEXIST },
	{ "FD-26 somebody's key", CW_FACTOR_FIDO2, false, false, -EEXIST },
	{ "FD-26 one's own key, found again", CW_FACTOR_FIDO2, true, true, 0 },
	{ "FD-26 a key that somebody had", CW_FACTOR_FIDO2, false, true, -EEXIST },
	{ "a second code", CW_FACTOR_CODE, true, false, -EEXIST },
	{ "the same code as somebody", CW_FACTOR_CODE, false, false, 0 },
	{ "a code beside a revoked one", CW_FACTOR_CODE, true, true, -EEXIST },
};

START_TEST(FD_26_a_token_belongs_to_one_person) {
	struct token first;
	struct token second;
	struct token back;
	int r;

	(void)make_account("kim", "nurse");
	(void)make_account("lead", "lead");
	(void)make_account("lee", "nurse");
	first = enrolled_token(1, twice[_i].factor, 7);
	if (twice[_i].revoked)
		ck_assert_int_eq(end_token(first.number, &admins), 0);
	second = token_of(twice[_i].same_person ? 1 : 3, twice[_i].factor, 7);
	r = enrol_token(&second, 2);
	ck_assert_msg(r == twice[_i].expect, "%s: gave %d", twice[_i].why, r);
	if (twice[_i].factor == CW_FACTOR_CODE)
		return;
	ck_assert_int_eq(find_token(&first, &back), 0);
	ck_assert_uint_eq(back.number, r == 0 ? second.number : first.number);
	ck_assert(back.disabled == (r != 0 && twice[_i].revoked));
	if (r == 0) { /* the one that counts is found, revoked or not */
		ck_assert_int_eq(end_token(second.number, &admins), 0);
		ck_assert_int_eq(find_token(&first, &back), 0);
		ck_assert_uint_eq(back.number, second.number);
		ck_assert(back.disabled);
	}
}
END_TEST

START_TEST(a_new_certificate_for_somebodys_key_is_still_somebodys) {
	struct token card;
	struct token renewed;
	struct token back;

	(void)make_account("kim", "nurse");
	(void)make_account("lee", "nurse");
	card = enrolled_token(1, CW_FACTOR_SMARTCARD, 7);
	renewed = token_of(2, CW_FACTOR_SMARTCARD, 9);
	memcpy(renewed.key_hash, card.key_hash, 32);
	ck_assert_int_eq(enrol_token(&renewed, 2), -EEXIST);
	renewed = token_of(2, CW_FACTOR_SMARTCARD, 9);
	memcpy(renewed.id, card.id, 32);
	ck_assert_int_eq(enrol_token(&renewed, 2), -EEXIST);
	/* Renewed for the same person: the old row first. */
	renewed = token_of(1, CW_FACTOR_SMARTCARD, 9);
	memcpy(renewed.key_hash, card.key_hash, 32);
	ck_assert_int_eq(enrol_token(&renewed, 2), -EEXIST);
	ck_assert_int_eq(end_token(card.number, &admins), 0);
	ck_assert_int_eq(enrol_token(&renewed, 2), 0);
	ck_assert_int_eq(token_find(device.store, CW_FACTOR_SMARTCARD, card.key_hash, 32, &back),
			 0);
	ck_assert_uint_eq(back.number, renewed.number);
	ck_assert_int_eq(token_find(device.store, CW_FACTOR_SMARTCARD, card.id, 32, &back), 0);
	ck_assert(back.disabled);
}
END_TEST

START_TEST(an_account_has_only_so_many) {
	struct token token;
	uint8_t i;

	(void)make_account("kim", "nurse");
	for (i = 1; i <= TOKEN_CREDENTIALS_MAX; ++i)
		(void)enrolled_token(1, CW_FACTOR_FIDO2, i);
	token = token_of(1, CW_FACTOR_FIDO2, i);
	ck_assert_int_eq(enrol_token(&token, 2), -EDQUOT);
	for (; i <= TOKENS_OF_ACCOUNT_MAX; ++i)
		(void)enrolled_token(1, CW_FACTOR_BADGE, i);
	token = token_of(1, CW_FACTOR_BADGE, i);
	ck_assert_int_eq(enrol_token(&token, 2), -EDQUOT);
	/* One revoked makes room for one. */
	ck_assert_int_eq(end_token(16, &admins), 0);
	ck_assert_int_eq(enrol_token(&token, 2), 0);
	while (token.number < TOKEN_ROWS_MAX) {
		ck_assert_int_eq(end_token(token.number, &admins), 0);
		token = token_of(1, CW_FACTOR_BADGE, 200);
		ck_assert_int_eq(enrol_token(&token, 2), 0);
	}
	ck_assert_int_eq(end_token(token.number, &admins), 0);
	token = token_of(1, CW_FACTOR_BADGE, 201);
	ck_assert_int_eq(enrol_token(&token, 2), -EDQUOT);
}
END_TEST

static void other_label(struct token *token) {
	(void)snprintf(token->label, sizeof(token->label), "blue");
}
static void disable(struct token *token) {
	token->disabled = true;
}
static void count_up(struct token *token) {
	token->key.counter += 1;
}
static void count_down(struct token *token) {
	token->key.counter -= 1;
}
static void other_code(struct token *token) {
	token->code = fake_verifier(99);
}
static void other_key(struct token *token) {
	token->key.public_key[0] ^= 1;
}
static void other_id(struct token *token) {
	token->key.id[0] ^= 1;
}
static void other_badge(struct token *token) {
	token->badge[0] ^= 1;
}
static void other_account(struct token *token) {
	token->account = 2;
}
static void other_enroller(struct token *token) {
	token->enrolled_by = 1;
}
static void imported(struct token *token) {
	token->imported = true;
}
static void flags_too(struct token *token) {
	token->key.counter += 1;
	token->key.flags ^= 1;
}

static const struct {
	const char *why;
	enum cw_factor factor;
	enum audit_event event;
	void (*change)(struct token *token);
	int expect;
} edits[] = {
	{ "a new label", CW_FACTOR_BADGE, EVENT_TOKEN_RENAMED, other_label, 0 },
	{ "revoked", CW_FACTOR_BADGE, EVENT_TOKEN_REVOKED, disable, 0 },
	{ "the counter has grown", CW_FACTOR_FIDO2, EVENT_TOKEN_COUNTER, count_up, 0 },
	{ "a new code by the person", CW_FACTOR_CODE, EVENT_CODE_CHANGED, other_code, 0 },
	{ "a new code by somebody else", CW_FACTOR_CODE, EVENT_TOKEN_ENROLLED, other_code, 0 },
	{ "FD-05 the counter has shrunk", CW_FACTOR_FIDO2, EVENT_TOKEN_COUNTER, count_down,
	  -EINVAL },
	{ "a label in the counter's entry", CW_FACTOR_FIDO2, EVENT_TOKEN_COUNTER, other_label,
	  -EINVAL },
	{ "flags in the counter's entry", CW_FACTOR_FIDO2, EVENT_TOKEN_COUNTER, flags_too,
	  -EINVAL },
	{ "a counter of a badge", CW_FACTOR_BADGE, EVENT_TOKEN_COUNTER, count_up, -EINVAL },
	{ "another key under the same row", CW_FACTOR_FIDO2, EVENT_TOKEN_RENAMED, other_key,
	  -EINVAL },
	{ "another credential", CW_FACTOR_FIDO2, EVENT_TOKEN_COUNTER, other_id, -EINVAL },
	{ "another badge", CW_FACTOR_BADGE, EVENT_TOKEN_RENAMED, other_badge, -EINVAL },
	{ "another badge, enrolled", CW_FACTOR_BADGE, EVENT_TOKEN_ENROLLED, other_badge, -EINVAL },
	{ "another key, enrolled", CW_FACTOR_FIDO2, EVENT_TOKEN_ENROLLED, other_key, -EINVAL },
	{ "another person's", CW_FACTOR_BADGE, EVENT_TOKEN_RENAMED, other_account, -ESTALE },
	{ "enrolled by somebody else", CW_FACTOR_BADGE, EVENT_TOKEN_RENAMED, other_enroller,
	  -EINVAL },
	{ "imported after all", CW_FACTOR_BADGE, EVENT_TOKEN_RENAMED, imported, -EINVAL },
	{ "revoked under the name of another change", CW_FACTOR_BADGE, EVENT_TOKEN_RENAMED,
	  disable, -EINVAL },
	{ "a code of a badge", CW_FACTOR_BADGE, EVENT_CODE_CHANGED, other_code, -EINVAL },
	{ "an event of accounts", CW_FACTOR_BADGE, EVENT_ACCOUNT_RESET, other_label, -EINVAL },
	{ "an event that carries no digest", CW_FACTOR_BADGE, EVENT_SIGN_IN, other_label,
	  -EINVAL },
	{ "no event", CW_FACTOR_BADGE, EVENT_NONE, other_label, -EINVAL },
};

START_TEST(an_entry_says_all_that_was_changed) {
	struct token token;
	struct token before;
	struct token back;
	int r;

	(void)make_account("kim", "nurse");
	(void)make_account("lead", "lead");
	before = token = enrolled_token(1, edits[_i].factor, 7);
	edits[_i].change(&token);
	r = store_token(edits[_i].event, &token);
	ck_assert_msg(r == edits[_i].expect, "%s: gave %d", edits[_i].why, r);
	ck_assert_uint_eq(token.generation, r == 0 ? 2 : 1);
	ck_assert_int_eq(token_load(device.store, 1, &back), 0);
	ck_assert(same_token(&back, r == 0 ? &token : &before));
	if (r == 0 && edits[_i].event != EVENT_TOKEN_ENROLLED)
		ck_assert_int_eq(count_entries(edits[_i].event), 1);
}
END_TEST

START_TEST(FD_06_two_sign_ins_with_one_key_lose_no_counter) {
	struct token first;
	struct token second;
	struct token back;

	(void)make_account("kim", "nurse");
	first = second = enrolled_token(1, CW_FACTOR_FIDO2, 7);
	first.key.counter = 12;
	second.key.counter = 11;
	ck_assert_int_eq(store_token(EVENT_TOKEN_COUNTER, &first), 0);
	ck_assert_int_eq(store_token(EVENT_TOKEN_COUNTER, &second), -ESTALE);
	ck_assert_uint_eq(second.generation, 1);
	ck_assert_int_eq(token_load(device.store, 1, &back), 0);
	ck_assert_uint_eq(back.key.counter, 12);
}
END_TEST

START_TEST(a_revoked_token_stays_revoked) {
	struct token token;
	struct token back;

	(void)make_account("kim", "nurse");
	token = enrolled_token(1, factors[_i], 7);
	ck_assert_int_eq(end_token(token.number, &admins), 0);
	ck_assert_int_eq(end_token(token.number, &admins), 0); /* no second entry */
	ck_assert_int_eq(token_load(device.store, token.number, &back), 0);
	ck_assert(back.disabled);
	ck_assert_uint_eq(back.generation, 2);
	back.disabled = false;
	ck_assert_int_eq(store_token(EVENT_TOKEN_RENAMED, &back), -EINVAL);
	ck_assert_int_eq(store_token(EVENT_TOKEN_COUNTER, &back), -EINVAL);
	ck_assert_int_eq(store_token(EVENT_CODE_CHANGED, &back), -EINVAL);
	/* A code alone is given anew, on record as an enrolment. */
	ck_assert_int_eq(store_token(EVENT_TOKEN_ENROLLED, &back),
			 factors[_i] == CW_FACTOR_CODE ? 0 : -EINVAL);
	ck_assert_int_eq(count_entries(308), 1);
}
END_TEST

START_TEST(a_revocation_needs_a_token_and_a_rule) {
	struct token card;
	struct token badge;

	(void)make_account("kim", "nurse");
	(void)make_password(1, 1, 2);
	card = enrolled_token(1, CW_FACTOR_SMARTCARD, 7);
	badge = enrolled_token(1, CW_FACTOR_BADGE, 8);
	ck_assert_int_eq(end_token(card.number, NULL), -EINVAL);
	ck_assert_int_eq(end_token(badge.number, NULL), 0);
	ck_assert_int_eq(end_token(1, &admins), -ENOENT); /* the password's row */
	ck_assert_int_eq(end_token(0, &admins), -ENOENT);
	ck_assert_int_eq(end_token(99, &admins), -ENOENT);
	ck_assert_int_eq(end_token(UINT64_MAX, &admins), -ENOENT);
	ck_assert_int_eq(count_entries(308), 1);
}
END_TEST

static const struct {
	const char *why;
	enum cw_factor factor; /* revoked                                            */
	bool password;
	enum cw_factor other; /* another token of the same person                     */
	bool second_admin;
	int expect;
} last[] = {
	{ "the only card of the only administrator", CW_FACTOR_SMARTCARD, false, CW_FACTOR_NONE,
	  false, -EBUSY },
	{ "the only key of the only administrator", CW_FACTOR_FIDO2, false, CW_FACTOR_NONE, false,
	  -EBUSY },
	{ "who has a password as well", CW_FACTOR_SMARTCARD, true, CW_FACTOR_NONE, false, 0 },
	{ "who has another key", CW_FACTOR_SMARTCARD, false, CW_FACTOR_FIDO2, false, 0 },
	{ "who has nothing but a badge left", CW_FACTOR_SMARTCARD, false, CW_FACTOR_BADGE, false,
	  -EBUSY },
	{ "who has nothing but a code left", CW_FACTOR_FIDO2, false, CW_FACTOR_CODE, false,
	  -EBUSY },
	{ "but there is another administrator", CW_FACTOR_SMARTCARD, false, CW_FACTOR_NONE, true,
	  0 },
	{ "a badge, by which nobody administers", CW_FACTOR_BADGE, false, CW_FACTOR_NONE, false,
	  0 },
};

START_TEST(PO_14_the_last_strong_factor_of_the_last_administrator_stays) {
	struct token token;
	struct token back;
	int r;

	(void)make_account("lead", "lead");
	(void)make_account("second", "lead");
	token = enrolled_token(1, last[_i].factor, 7);
	if (last[_i].other)
		(void)enrolled_token(1, last[_i].other, 8);
	if (last[_i].password)
		(void)make_password(1, 1, 2);
	if (last[_i].second_admin)
		(void)enrolled_token(2, CW_FACTOR_FIDO2, 9);
	r = end_token(token.number, &admins);
	ck_assert_msg(r == last[_i].expect, "%s: gave %d", last[_i].why, r);
	ck_assert_int_eq(token_load(device.store, token.number, &back), 0);
	ck_assert(back.disabled == (r == 0));
	ck_assert_int_eq(count_entries(308), r == 0 ? 1 : 0);
}
END_TEST

static const struct {
	const char *why;
	enum cw_factor factor;
	int64_t until_s; /* 0: no end; seconds after moment_at(0)                     */
	enum clock_trust trust;
	bool revoked;
	int expect;
} usable[] = {
	{ "a card", CW_FACTOR_SMARTCARD, 0, CLOCK_TRUSTED, false, 1 },
	{ "a card within its validity", CW_FACTOR_SMARTCARD, 100, CLOCK_TRUSTED, false, 1 },
	{ "CD-17 a card past its validity", CW_FACTOR_SMARTCARD, 8, CLOCK_TRUSTED, false, 0 },
	{ "CD-18 by a clock that is not trusted", CW_FACTOR_SMARTCARD, 8, CLOCK_UNKNOWN, false,
	  1 },
	{ "a revoked card", CW_FACTOR_SMARTCARD, 0, CLOCK_TRUSTED, true, 0 },
	{ "a key", CW_FACTOR_FIDO2, 0, CLOCK_TRUSTED, false, 1 },
	{ "a revoked key", CW_FACTOR_FIDO2, 0, CLOCK_TRUSTED, true, 0 },
	{ "a badge opens care only", CW_FACTOR_BADGE, 0, CLOCK_TRUSTED, false, 0 },
	{ "a code opens care only", CW_FACTOR_CODE, 0, CLOCK_TRUSTED, false, 0 },
};

START_TEST(PO_14_what_is_usable) {
	struct moment now = moment_at(9);
	struct token token;
	int r;

	(void)make_account("kim", "nurse");
	ck_assert_int_eq(account_has_usable_factor(device.store, 1, &now), 0);
	token = token_of(1, usable[_i].factor, 7);
	token.not_after_ms = usable[_i].until_s ? moment_at(usable[_i].until_s).wall_ms : 0;
	ck_assert_int_eq(enrol_token(&token, 2), 0);
	if (usable[_i].revoked)
		ck_assert_int_eq(end_token(token.number, &admins), 0);
	now.trust = usable[_i].trust;
	r = account_has_usable_factor(device.store, 1, &now);
	ck_assert_msg(r == usable[_i].expect, "%s: gave %d", usable[_i].why, r);
}
END_TEST

START_TEST(whoever_enrolled_a_token_had_a_hand_in_the_account) {
	struct moment now = moment_at(9);
	struct actor by = actor_of(3);
	struct token token;

	(void)make_account("kim", "nurse");
	(void)make_account("lead", "lead");
	(void)make_account("lee", "nurse");
	(void)make_account("mia", "nurse");
	(void)enrolled_token(1, CW_FACTOR_BADGE, 7);
	ck_assert_int_eq(account_touched_by(device.store, 1, 2), 1);
	ck_assert_int_eq(account_touched_by(device.store, 1, 3), 0);
	/* A code that lee has set, and so may know. */
	token = enrolled_token(1, CW_FACTOR_CODE, 8);
	token.code = fake_verifier(9);
	ck_assert_int_eq(token_store(device.store, &by, &now, EVENT_CODE_CHANGED, &token), 0);
	ck_assert_int_eq(account_touched_by(device.store, 1, 3), 1);
	/* To name or to take away is no hand in who it is. */
	by = actor_of(4);
	(void)snprintf(token.label, sizeof(token.label), "mine");
	ck_assert_int_eq(token_store(device.store, &by, &now, EVENT_TOKEN_RENAMED, &token), 0);
	ck_assert_int_eq(token_revoke(device.store, &by, &now, &admins, token.number), 0);
	ck_assert_int_eq(account_touched_by(device.store, 1, 4), 0);
}
END_TEST

START_TEST(the_row_remembers_what_the_journal_forgets) {
	struct token token;

	(void)make_account("kim", "nurse");
	(void)make_account("lead", "lead");
	(void)make_account("lee", "nurse");
	token = enrolled_token(1, CW_FACTOR_BADGE, 7);
	token.disabled = true;
	ck_assert_int_eq(store_token(EVENT_TOKEN_REVOKED, &token), 0);
	device_sql("DELETE FROM journal WHERE event = 307");
	ck_assert_int_eq(account_touched_by(device.store, 1, 2), 1);
	ck_assert_int_eq(account_touched_by(device.store, 1, 3), 0);
}
END_TEST

START_TEST(nobody_and_somebody_who_has_left_get_no_token) {
	struct moment now = moment_at(8);
	struct account account;
	struct token token = token_of(9, CW_FACTOR_BADGE, 7);
	struct token badge;

	ck_assert_int_eq(enrol_token(&token, 2), -EINVAL);
	token.account = 0;
	ck_assert_int_eq(enrol_token(&token, 2), -EINVAL);
	(void)make_account("kim", "nurse");
	(void)make_account("lead", "lead");
	(void)make_password(2, 1, 2);
	badge = enrolled_token(1, CW_FACTOR_BADGE, 8);
	ck_assert_int_eq(account_by_number(device.store, 1, &account), 0);
	account.state = ACCOUNT_ENDED;
	ck_assert_int_eq(account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ENDED, &admins,
					&account),
			 0);
	token.account = 1;
	ck_assert_int_eq(enrol_token(&token, 2), -EINVAL);
	ck_assert_int_eq(end_token(badge.number, &admins), 0);
	ck_assert_int_eq(account_by_number(device.store, 1, &account), 0);
}
END_TEST

static int list_one(const struct token *token, void *userdata) {
	uint32_t *seen = userdata;

	*seen = *seen * 10 + (uint32_t)token->number + (token->disabled ? 5 : 0);
	return token->number == 4 ? 1 : 0;
}

START_TEST(a_list_has_all_of_one_account_and_no_password) {
	uint32_t seen = 0;

	(void)make_account("kim", "nurse");
	(void)make_account("lead", "lead");
	(void)make_password(1, 1, 2); /* 1 */
	(void)enrolled_token(1, CW_FACTOR_BADGE, 1); /* 2 */
	(void)enrolled_token(2, CW_FACTOR_BADGE, 2); /* 3 */
	ck_assert_int_eq(end_token(2, &admins), 0);
	ck_assert_int_eq(token_list(device.store, 1, list_one, &seen), 0);
	ck_assert_uint_eq(seen, 7);
	(void)enrolled_token(1, CW_FACTOR_CODE, 3); /* 4: ends the list */
	(void)enrolled_token(1, CW_FACTOR_FIDO2, 4);
	seen = 0;
	ck_assert_int_eq(token_list(device.store, 1, list_one, &seen), 1);
	ck_assert_uint_eq(seen, 74);
	ck_assert_int_eq(token_list(device.store, 9, list_one, &seen), -EBADMSG);
}
END_TEST

static void add_changes(TCase *t) {
	tcase_add_loop_test(t, an_entry_says_all_that_was_changed, 0, (int)ARRAY_SIZE(edits));
	tcase_add_test(t, FD_06_two_sign_ins_with_one_key_lose_no_counter);
	tcase_add_loop_test(t, a_revoked_token_stays_revoked, 0, N_FACTORS);
	tcase_add_test(t, a_revocation_needs_a_token_and_a_rule);
	tcase_add_loop_test(t, PO_14_the_last_strong_factor_of_the_last_administrator_stays, 0,
			    (int)ARRAY_SIZE(last));
	tcase_add_loop_test(t, PO_14_what_is_usable, 0, (int)ARRAY_SIZE(usable));
	tcase_add_test(t, whoever_enrolled_a_token_had_a_hand_in_the_account);
	tcase_add_test(t, the_row_remembers_what_the_journal_forgets);
	tcase_add_test(t, nobody_and_somebody_who_has_left_get_no_token);
}

static Suite *suite(void) {
	Suite *s = suite_create("token-row");
	TCase *t = tcase_create("rows");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, device_set_up, device_tear_down);
	tcase_add_loop_test(t, a_token_is_loaded_and_found_as_it_was_stored, 0, N_FACTORS);
	tcase_add_test(t, a_cards_row_is_found_by_its_certificate_and_by_its_key);
	tcase_add_loop_test(t, CD_14_each_card_is_its_own_persons_in_any_order, 0, 2);
	tcase_add_test(t, CD_16_a_name_finds_nobody);
	tcase_add_loop_test(t, FD_26_a_token_belongs_to_one_person, 0, (int)ARRAY_SIZE(twice));
	tcase_add_test(t, a_new_certificate_for_somebodys_key_is_still_somebodys);
	tcase_add_test(t, an_account_has_only_so_many);
	tcase_add_test(t, a_list_has_all_of_one_account_and_no_password);
	add_changes(t);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
