/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals that tokens signed: what is given, and what is not. */
#undef NDEBUG
#include <string.h>

#include "auth/receipt.h"
#include "tests/flows/world.h"
#include "tests/receipt/maker.h"

static const struct actor ui = { .seat = 1, .peer_uid = 1000 };

/* One approval, ready to be given. */
static struct approval_request request;
static uint8_t nonce[16], bytes[APPROVAL_RECEIPT_MAX];
static struct receipt_signature signatures[3];
static struct receipt opened;
static uint32_t second;

static void strong(void) {
	static struct attempt_result result;

	memset(&result, 0, sizeof(result));
	result.success = ATTEMPT_YES;
	result.purpose = CW_PURPOSE_REAUTH;
	result.account = account_now(ADA);
	result.assurance = CW_ASSURANCE_STRONG;
	result.factor = CW_FACTOR_SMARTCARD;
	apply(&result);
	ck_assert_uint_ne(world.seat.session.reauth_ms, 0);
}

static void begin_with(const char *name, uint32_t other) {
	sign_in(ADA);
	strong();
	second = other;
	request = (struct approval_request){ .action = action(name), .digest = { 0xd1 },
					     .object = "limit 3", .words = "40 ml/h?" };
	memset(nonce, 0x5a, sizeof(nonce));
	memset(signatures, 0, sizeof(signatures));
}

static struct challenge challenge_for(unsigned person) {
	struct challenge challenge = { .boot_ms = world.now.boot_ms, .seat = 1 };

	challenge.account = person == 1 ? (uint32_t)ADA : second;
	memset(challenge.nonce, (int)(0x70 + person), sizeof(challenge.nonce));
	store_device_id(world.store, challenge.device);
	memcpy(challenge.boot_id, world.now.boot_id, sizeof(challenge.boot_id));
	ck_assert_int_eq(approval_statement(world.store, world.policy, &world.seat, &request, nonce,
					    second, person, &world.now, challenge.statement), 0);
	return challenge;
}

static void sign(struct receipt_signature *s, unsigned person, enum maker_token token) {
	struct challenge challenge = challenge_for(person);

	s->person = (uint8_t)person;
	maker_sign_challenge(s, token, &challenge);
}

static int give_it(size_t n_signatures, size_t *ret_n) {
	return approval_give(world.store, world.policy, &world.seat, &ui, &request, nonce, second,
			     CW_ASSURANCE_STRONG, 0, signatures, n_signatures, &world.now, bytes,
			     ret_n);
}

START_TEST(a_token_signs_for_its_person_and_anybody_can_see_it) {
	struct receipt_token_key tokens[2];
	struct receipt_keys keys;
	const char *field = NULL;
	enum cw_verdict verdict;
	enum cw_reason reason;
	size_t n = 0;

	begin_with("settings.limits", BOB);
	sign(&signatures[0], 1, MAKER_CARD_EC);
	pass_ms(2000); /* the second person takes a while */
	sign(&signatures[1], 2, MAKER_KEY_EC);
	pass_ms(10);
	(void)trail();
	ck_assert_int_eq(give_it(2, &n), 0);
	ck_assert_str_eq(trail(), "approval:ok");
	ck_assert_ptr_nonnull(strstr(newest(EVENT_APPROVAL).detail, "by=token,token"));
	ck_assert_msg(receipt_check(NULL, bytes, n, request.digest, &field, &opened) == 0, "%s",
		      field);
	ck_assert_uint_eq(opened.by, RECEIPT_BY_TOKEN);
	ck_assert_uint_eq(opened.second_by, RECEIPT_BY_TOKEN);
	maker_keys(&opened, tokens, &keys);
	ck_assert_int_eq(approval_public_key(world.store, keys.approval), 0);
	ck_assert_int_eq(receipt_check(&keys, bytes, n, request.digest, &field, NULL), 0);
	ck_assert_int_eq(approval_redeem(world.store, world.policy, &world.seat, &ui, bytes, n,
					 request.action, request.digest, &world.now, &verdict,
					 &reason), 0);
	ck_assert_int_eq(verdict, CW_ALLOW);
}
END_TEST

START_TEST(one_of_two_may_sign_and_the_other_give_a_password) {
	const char *field = NULL;
	size_t n = 0;

	begin_with("settings.limits", BOB);
	sign(&signatures[0], 2, MAKER_CARD_RSA);
	ck_assert_int_eq(give_it(1, &n), 0);
	ck_assert_ptr_nonnull(strstr(newest(EVENT_APPROVAL).detail, "by=device,token"));
	ck_assert_int_eq(receipt_check(NULL, bytes, n, request.digest, &field, &opened), 0);
	ck_assert_uint_eq(opened.by, RECEIPT_BY_DEVICE);
	ck_assert_uint_eq(opened.second_by, RECEIPT_BY_TOKEN);
}
END_TEST

START_TEST(the_same_person_signs_alone) {
	const char *field = NULL;
	size_t n = 0;

	begin_with("settings.dose", 0);
	sign(&signatures[0], 1, MAKER_KEY_EDDSA);
	ck_assert_int_eq(give_it(1, &n), 0);
	ck_assert_ptr_nonnull(strstr(newest(EVENT_APPROVAL).detail, " by=token"));
	ck_assert_int_eq(receipt_check(NULL, bytes, n, request.digest, &field, &opened), 0);
	ck_assert_uint_eq(opened.second_by, RECEIPT_BY_NOBODY);
}
END_TEST

/* What comes between signing and giving. */
static void nothing(void) {}
static void other_object(void) { request.digest[31] ^= 1; }
static void other_words(void) { request.words[0] = '5'; }
static void other_name(void) { request.object[0] = 'x'; }
static void other_action(void) { request.action = action("settings.limits"); }
static void other_nonce(void) { nonce[0] ^= 1; }
static void other_session(void) {
	world.seat.session.number++;
}
static void reboot_between(void) { world.now.boot_id[0] ^= 1; }
static void time_goes_back(void) { world.now.boot_ms -= 5; }
static void wrong_bytes(void) { signatures[0].signature[20] ^= 1; }
static void other_key(void) {
	struct receipt_signature other = signatures[0];

	maker_sign_challenge(&other, MAKER_CARD_RSA, &signatures[0].challenge);
	memcpy(signatures[0].public_key, other.public_key, sizeof(other.public_key));
	signatures[0].n_public_key = other.n_public_key;
}
static void other_device(void) { signatures[0].challenge.device[0] ^= 1; }
static void nobody(void) { signatures[0].person = 0; }
static void third(void) { signatures[0].person = 3; }
static void second_of_none(void) { sign(&signatures[0], 2, MAKER_CARD_EC); }
static void of_sign_in(void) {
	struct challenge challenge = challenge_for(1);

	memset(challenge.statement, 0, sizeof(challenge.statement));
	challenge.purpose = CW_PURPOSE_SIGN_IN;
	maker_sign_challenge(&signatures[0], MAKER_CARD_EC, &challenge);
}
static void enormous(void) { signatures[0].n_public_key = RECEIPT_KEY_MAX + 1; }

/* clang-format off */
static const struct {
	const char *why;
	void (*between)(void);
	bool given;
} signings[] = {
	{ "what was signed is given", nothing, true },
	{ "PO-06 another object than what was signed", other_object, false },
	{ "other words than what was signed", other_words, false },
	{ "another name than what was signed", other_name, false },
	{ "PO-06 another action than what was signed", other_action, false },
	{ "FD-07 a signature for another approval", other_nonce, false },
	{ "PO-06 a signature for another session", other_session, false },
	{ "PO-08 a signature of another boot", reboot_between, false },
	{ "PO-08 a signature from the future", time_goes_back, false },
	{ "a signature with a changed bit", wrong_bytes, false },
	{ "FD-08 a signature by another key than it says", other_key, false },
	{ "CD-09 a signature for another device", other_device, false },
	{ "a signature of nobody", nobody, false },
	{ "a signature of a third person", third, false },
	{ "a signature of a second person who was not asked", second_of_none, false },
	{ "FD-07 a signature for signing in", of_sign_in, false },
	{ "a key longer than there is room", enormous, false },
};
/* clang-format on */

START_TEST(only_what_was_signed_is_given) {
	size_t n = 0;
	int r;

	begin_with("settings.dose", 0);
	sign(&signatures[0], 1, MAKER_CARD_EC);
	signings[_i].between();
	(void)trail();
	r = give_it(1, &n);
	ck_assert_msg(r == (signings[_i].given ? 0 : -EPERM), "%s: %d", signings[_i].why, r);
	if (signings[_i].given)
		return;
	/* Nothing was written, and the fresh sign-in is not used up. */
	ck_assert_str_eq(trail(), "");
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_ne(world.seat.session.reauth_ms, 0);
}
END_TEST

START_TEST(two_signatures_of_one_person_are_not_two_people) {
	size_t n = 0;

	begin_with("settings.limits", BOB);
	sign(&signatures[0], 1, MAKER_CARD_EC);
	sign(&signatures[1], 1, MAKER_KEY_EC);
	ck_assert_int_eq(give_it(2, &n), -EPERM);
	signatures[1] = signatures[0];
	signatures[1].person = 2;
	ck_assert_int_eq(give_it(2, &n), -EPERM);
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(a_statement_of_an_unknown_action_is_none) {
	uint8_t statement[32];

	begin_with("settings.dose", 0);
	request.action = world.policy->table.n_actions;
	ck_assert_int_eq(approval_statement(world.store, world.policy, &world.seat, &request, nonce,
					    0, 1, &world.now, statement), -EINVAL);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("approval-signed");
	TCase *t = tcase_create("signed");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_add_test(t, a_token_signs_for_its_person_and_anybody_can_see_it);
	tcase_add_test(t, one_of_two_may_sign_and_the_other_give_a_password);
	tcase_add_test(t, the_same_person_signs_alone);
	tcase_add_loop_test(t, only_what_was_signed_is_given, 0, (int)ARRAY_SIZE(signings));
	tcase_add_test(t, two_signatures_of_one_person_are_not_two_people);
	tcase_add_test(t, a_statement_of_an_unknown_action_is_none);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
