/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "auth/receipt.h"
#include "tests/flows/world.h"

#define RIGHT(name) PASSWORD_OF " " name "'s"
#define WORDS       "Limit 3: 40 ml/h"
#define COUNTED     "try-counted:ok+claimed "
#define REAUTH      COUNTED "re-authentication:ok "

static const uint8_t digest[32] = { 0xd1 };
static const struct actor ui = { .seat = 1, .peer_uid = 1000 };

static enum cw_verdict redeem_as(const uint8_t *receipt, size_t n, const char *name,
				 const uint8_t of[32], int *ret_r, enum cw_reason *ret_reason) {
	enum cw_verdict verdict = CW_ALLOW;
	enum cw_reason reason;
	int r = approval_redeem(world.store, world.policy, &world.seat, &ui, receipt, n,
				action(name), of, &world.now, &verdict, &reason);

	if (ret_r)
		*ret_r = r;
	if (ret_reason)
		*ret_reason = reason;
	return verdict;
}

static enum cw_verdict redeem(const uint8_t *receipt, size_t n, const char *name) {
	return redeem_as(receipt, n, name, digest, NULL, NULL);
}

/*
 * Conversations
 */

/* clang-format off */
static const struct {
	const char *why;
	uint32_t first;
	const char *action;
	const char *answers[8];
	bool success;
	const char *message;
	const char *trail;
} outcomes[] = {
	{ "the same person, freshly, says yes", ADA, "settings.dose",
	  { RIGHT("ada"), "yes" }, true, "approved", REAUTH "approval:ok" },
	{ "two people say yes", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", "bob", RIGHT("bob"), "yes" }, true, "approved",
	  REAUTH COUNTED "approval:ok" },
	{ "no is no", ADA, "settings.dose", { RIGHT("ada"), "no" }, false, "not-confirmed",
	  REAUTH "approval-refused:refused" },
	{ "Yes is not yes", ADA, "settings.dose", { RIGHT("ada"), "Yes" }, false, "not-confirmed",
	  REAUTH "approval-refused:refused" },
	{ "yes and more is not yes", ADA, "settings.dose", { RIGHT("ada"), "yes!" }, false,
	  "not-confirmed", REAUTH "approval-refused:refused" },
	{ "nothing is not yes", ADA, "settings.dose", { RIGHT("ada"), "" }, false, "not-confirmed",
	  REAUTH "approval-refused:refused" },
	{ "a wrong password ends it", ADA, "settings.dose", { "wrong" }, false, "refused",
	  COUNTED "re-authentication:refused+claimed" },
	{ "walking away from the words is no", ADA, "settings.dose", { RIGHT("ada"), LATE }, false,
	  "timed-out", REAUTH "approval-refused:cancelled" },
	{ "walking away from the password leaves no record", ADA, "settings.dose", { LATE }, false,
	  "timed-out", "" },
	{ "one cannot be one's own second person", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", "ada", RIGHT("ada") }, false, "same-person",
	  REAUTH COUNTED "approval-refused:refused" },
	{ "nor can whom one has made", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", "eve", RIGHT("eve") }, false, "paired",
	  REAUTH COUNTED "approval-refused:refused" },
	{ "nor who has made one", EVE, "settings.limits",
	  { RIGHT("eve"), "yes", "ada", RIGHT("ada") }, false, "paired",
	  REAUTH COUNTED "approval-refused:refused" },
	{ "R6 the second role has to grant it, too", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", "kim", RIGHT("kim") }, false, "not-entitled",
	  REAUTH COUNTED "approval-refused:refused" },
	{ "the second person's wrong password ends it", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", "bob", "wrong" }, false, "refused",
	  REAUTH COUNTED "re-authentication:refused+claimed" },
	{ "an unknown second person is refused alike", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", "zoe", "wrong" }, false, "refused",
	  REAUTH "try-counted:ok re-authentication:refused" },
	{ "PW-22 a one-time password confirms nothing", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", "otp", ONE_TIME }, false, "second-must-change",
	  REAUTH COUNTED "approval-refused:refused" },
	{ "the second person says no", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", "bob", RIGHT("bob"), "no" }, false, "not-confirmed",
	  REAUTH COUNTED "approval-refused:refused" },
	{ "the second person does not come", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", LATE }, false, "timed-out", REAUTH "approval-refused:cancelled" },
	{ "a role that does not grant it is told at once", KIM, "settings.dose", { HANG }, false,
	  "not-entitled", "approval-refused:refused" },
	{ "PO-16 a password does not do for a token", TOM, "software.update", { HANG }, false,
	  "not-entitled", "approval-refused:refused" },
	{ "only_when that is not known to hold is told at once", ADA, "settings.calm", { HANG },
	  false, "not-entitled", "approval-refused:refused" },
	{ "a busy worker is nobody's fault", ADA, "settings.limits",
	  { RIGHT("ada"), "yes", "bob", RIGHT("bob"), BUSY }, false, "busy",
	  REAUTH COUNTED "re-authentication:failed+claimed" },
};
/* clang-format on */

START_TEST(JR_07_each_approval_leaves_exactly_its_entries) {
	struct attempt *a;
	const char *found;

	sign_in(outcomes[_i].first);
	a = begin_approval_of(outcomes[_i].action, WORDS);
	talk(a, outcomes[_i].answers);
	ck_assert_msg(attempt_want(a) == ATTEMPT_OVER, "%s: asks %s", outcomes[_i].why, message(a));
	found = trail();
	ck_assert_msg(strcmp(found, outcomes[_i].trail) == 0, "%s: journal has\n  %s\nnot\n  %s",
		      outcomes[_i].why, found, outcomes[_i].trail);
	ck_assert_msg(strcmp(message(a), outcomes[_i].message) == 0, "%s: says %s",
		      outcomes[_i].why, message(a));
	ck_assert_msg(is_yes_result(a) == outcomes[_i].success, "%s", outcomes[_i].why);
	ck_assert_msg((attempt_result(a)->n_receipt != 0) == outcomes[_i].success, "%s",
		      outcomes[_i].why);
	/* A right password that led to nothing is no failure. */
	ck_assert_uint_eq(lockout_of_person(ADA).failures,
			  strcmp(message(a), "refused") == 0 && outcomes[_i].answers[1] == NULL);
	if (strcmp(message(a), "refused") != 0)
		ck_assert_uint_eq(lockout_of_person(BOB).failures, 0);
	(void)attempt_free(a);
}
END_TEST

START_TEST(the_words_are_shown_to_both) {
	const char *const first[] = { RIGHT("ada"), HANG };
	const char *const second[] = { "yes", "bob", RIGHT("bob"), HANG };
	struct attempt *a;

	sign_in(ADA);
	a = begin_approval_of("settings.limits", WORDS);
	talk(a, first);
	ck_assert_int_eq(attempt_prompt(a)->field, CW_FIELD_CONFIRM);
	ck_assert_str_eq(attempt_prompt(a)->text, WORDS);
	talk(a, second);
	ck_assert_int_eq(attempt_prompt(a)->field, CW_FIELD_CONFIRM);
	ck_assert_str_eq(attempt_prompt(a)->text, WORDS);
	ck_assert_str_eq(message(a), "confirm-second");
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_fresh_re_authentication_serves_one_object) {
	const char *const reauth[] = { RIGHT("ada"), NULL };
	const char *const yes[] = { "yes", NULL };
	struct attempt *a;

	sign_in(ADA);
	a = converse(CW_PURPOSE_REAUTH, reauth);
	apply(attempt_result(a));
	(void)attempt_free(a);
	a = begin_approval_of("settings.dose", WORDS);
	ck_assert_int_eq(attempt_prompt(a)->field, CW_FIELD_CONFIRM);
	talk(a, yes);
	ck_assert(is_yes_result(a));
	(void)attempt_free(a);
	a = begin_approval_of("settings.dose", WORDS);
	ck_assert_int_eq(attempt_prompt(a)->field, CW_FIELD_PASSWORD);
	(void)attempt_free(a);
}
END_TEST

START_TEST(what_needs_no_approval_gets_none) {
	static const char *const names[] = { "therapy.start", "therapy.stop", "settings.display" };
	struct attempt *a = NULL;

	sign_in(ADA);
	for (unsigned i = 0; i <= ARRAY_SIZE(names); ++i) {
		const struct approval_request approval = {
			.action = i < ARRAY_SIZE(names) ? action(names[i]) : 4711,
		};
		const struct attempt_request request = { .approval = &approval };

		ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
				 -EINVAL);
	}
	ck_assert_ptr_null(a);
}
END_TEST

START_TEST(a_lock_in_the_middle_ends_the_approval) {
	const char *const first[] = { RIGHT("ada"), HANG };
	const char *const yes[] = { "yes", NULL };
	struct attempt *a;

	sign_in(ADA);
	a = begin_approval_of("settings.dose", WORDS);
	talk(a, first);
	(void)seat_lock(world.store, &world.seat, &world.now, "person");
	talk(a, yes);
	ck_assert(!is_yes_result(a));
	ck_assert_str_eq(message(a), "stale");
	ck_assert_uint_eq(attempt_result(a)->n_receipt, 0);
	(void)attempt_free(a);
}
END_TEST

START_TEST(CC_06_a_second_person_who_is_disabled_meanwhile_does_not_count) {
	const char *const answers[] = { RIGHT("ada"), "yes", "bob", RIGHT("bob"), HANG };
	const char *const yes[] = { "yes", NULL };
	struct attempt *a;

	sign_in(ADA);
	a = begin_approval_of("settings.limits", WORDS);
	talk(a, answers);
	change_account(BOB, EVENT_ACCOUNT_DISABLED, ACCOUNT_DISABLED);
	talk(a, yes);
	ck_assert(!is_yes_result(a));
	(void)attempt_free(a);
}
END_TEST

/*
 * PO-06: a receipt is good for one thing, once
 */

static void nothing(void) {
}

static void lock_and_unlock(void) {
	const char *const answers[] = { RIGHT("ada"), NULL };
	struct attempt *a;

	(void)seat_lock(world.store, &world.seat, &world.now, "person");
	a = converse(CW_PURPOSE_UNLOCK, answers);
	apply(attempt_result(a));
	(void)attempt_free(a);
	ck_assert_int_eq(world.seat.session.lock, SEAT_UNLOCKED);
}

/* The lock could not be written; the session was locked all the same. */
static void lock_unrecorded_and_unlock(void) {
	const char *const answers[] = { RIGHT("ada"), NULL };
	struct attempt *a;

	fault_at(1, true);
	(void)seat_lock(world.store, &world.seat, &world.now, "person");
	(void)fault_off();
	(void)store_reopen(world.store);
	a = converse(CW_PURPOSE_UNLOCK, answers);
	apply(attempt_result(a));
	(void)attempt_free(a);
}

static void lock(void) {
	(void)seat_lock(world.store, &world.seat, &world.now, "person");
}

static void sign_out_and_in(void) {
	(void)seat_close(world.store, &world.seat, &world.now, "person");
	sign_in(ADA);
}

static void hand_over(void) {
	sign_in(BOB);
}

static void lose_role(void) {
	change_roles(ADA, "nurse");
	(void)seat_refresh(world.store, &world.seat, world.policy, &world.now);
}

static void change_role_and_back(void) {
	lose_role();
	change_roles(ADA, "physician");
	(void)seat_refresh(world.store, &world.seat, world.policy, &world.now);
}

static void second_loses_role(void) {
	change_roles(BOB, "nurse");
}

static void wait_121_s(void) {
	pass_ms(120001);
}

static void wall_back_and_wait(void) {
	world.now.boot_ms += 120001;
	world.now.wall_ms -= 3600000;
}

static void wall_forward(void) {
	world.now.wall_ms += INT64_C(86400000);
}

static void wall_to_1970(void) {
	world.now.wall_ms = 0;
}

static void other_boot(void) {
	world.now.boot_id[1]++;
}

static void time_goes_back(void) {
	world.now.boot_ms -= 1000;
}

static void break_glass(void) {
	world.seat.session.lock = SEAT_SUSPENDED;
}

/* clang-format off */
static const struct {
	const char *why;
	void (*change)(void);
	const char *action;
	uint8_t digest0;
	enum cw_verdict verdict;
	enum cw_reason reason;
} uses[] = {
	{ "used as confirmed", nothing, "settings.limits", 0xd1, CW_ALLOW, CW_REASON_GRANTED },
	{ "PO-06 for another action", nothing, "settings.dose", 0xd1, CW_DENY,
	  CW_REASON_CONFIRMATION },
	{ "PO-06 for another object", nothing, "settings.limits", 0xd0, CW_DENY,
	  CW_REASON_CONFIRMATION },
	{ "PO-06 while it is locked", lock, "settings.limits", 0xd1, CW_DENY,
	  CW_REASON_CONFIRMATION },
	{ "PO-06 after lock and unlock", lock_and_unlock, "settings.limits", 0xd1, CW_DENY,
	  CW_REASON_CONFIRMATION },
	{ "PO-06 after a lock that could not be recorded", lock_unrecorded_and_unlock,
	  "settings.limits", 0xd1, CW_DENY, CW_REASON_CONFIRMATION },
	{ "PO-06 in another session of the same person", sign_out_and_in, "settings.limits", 0xd1,
	  CW_DENY, CW_REASON_OTHER_SESSION },
	{ "PO-06 after a handover", hand_over, "settings.limits", 0xd1, CW_DENY,
	  CW_REASON_OTHER_SESSION },
	{ "PO-06 after a change of role", lose_role, "settings.limits", 0xd1, CW_DENY,
	  CW_REASON_CONFIRMATION },
	{ "PO-06 after a change of role and back", change_role_and_back, "settings.limits", 0xd1,
	  CW_DENY, CW_REASON_CONFIRMATION },
	{ "when the second person no longer may", second_loses_role, "settings.limits", 0xd1,
	  CW_DENY, CW_REASON_ROLE },
	{ "PO-06 after its time", wait_121_s, "settings.limits", 0xd1, CW_DENY, CW_REASON_STALE },
	{ "PO-08 after its time with the wall clock set back", wall_back_and_wait,
	  "settings.limits", 0xd1, CW_DENY, CW_REASON_STALE },
	{ "PO-08 the wall clock shortens nothing", wall_forward, "settings.limits", 0xd1, CW_ALLOW,
	  CW_REASON_GRANTED },
	{ "PO-08 nor in 1970", wall_to_1970, "settings.limits", 0xd1, CW_ALLOW, CW_REASON_GRANTED },
	{ "PO-08 in another boot", other_boot, "settings.limits", 0xd1, CW_DENY, CW_REASON_STALE },
	{ "PO-08 before it was given", time_goes_back, "settings.limits", 0xd1, CW_DENY,
	  CW_REASON_STALE },
	{ "while an emergency suspends the session", break_glass, "settings.limits", 0xd1,
	  CW_UNLOCK, CW_REASON_SUSPENDED },
};
/* clang-format on */

START_TEST(PO_06_a_receipt_is_good_for_what_it_says) {
	uint8_t receipt[APPROVAL_RECEIPT_MAX], of[32] = { uses[_i].digest0 };
	enum cw_verdict verdict;
	enum cw_reason reason;
	size_t n;
	int r;

	sign_in(ADA);
	n = approve("settings.limits", receipt);
	pass_ms(10);
	uses[_i].change();
	(void)trail();
	verdict = redeem_as(receipt, n, uses[_i].action, of, &r, &reason);
	ck_assert_int_eq(r, 0);
	ck_assert_msg(verdict == uses[_i].verdict, "%s: %#x", uses[_i].why, verdict);
	ck_assert_msg(reason == uses[_i].reason, "%s: reason %d", uses[_i].why, (int)reason);
	ck_assert_str_eq(trail(), verdict == CW_ALLOW ? "receipt-used:ok" : "receipt-used:refused");
	/* A second time never. */
	ck_assert_int_ne(redeem_as(receipt, n, uses[_i].action, of, NULL, NULL), CW_ALLOW);
}
END_TEST

static int64_t state_of_the_approval(void) {
	sqlite3_stmt *stmt = NULL;
	int64_t state;

	ck_assert_int_eq(store_prepare(world.store, "SELECT state FROM approvals", &stmt), 0);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	state = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	return state;
}

static void (*const voiding[])(void) = { lock, sign_out_and_in, hand_over, lose_role };

START_TEST(what_is_void_is_void_in_the_store) {
	uint8_t receipt[APPROVAL_RECEIPT_MAX];

	sign_in(ADA);
	(void)approve("settings.limits", receipt);
	ck_assert_int_eq(state_of_the_approval(), APPROVAL_GIVEN);
	voiding[_i]();
	ck_assert_int_eq(state_of_the_approval(), APPROVAL_VOID);
}
END_TEST

START_TEST(PO_06_a_second_time_never) {
	uint8_t receipt[APPROVAL_RECEIPT_MAX];
	enum cw_reason reason;
	size_t n;
	int r;

	sign_in(ADA);
	n = approve("settings.dose", receipt);
	ck_assert_int_eq(redeem(receipt, n, "settings.dose"), CW_ALLOW);
	(void)trail();
	ck_assert_int_eq(redeem_as(receipt, n, "settings.dose", digest, &r, &reason), CW_DENY);
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(reason, CW_REASON_CONFIRMATION);
	ck_assert_str_eq(trail(), "receipt-used:refused");
	/* Nor after a restart of the engine. */
	world_close();
	world_open();
	ck_assert_int_eq(redeem(receipt, n, "settings.dose"), CW_DENY);
}
END_TEST

START_TEST(a_receipt_of_one_person_does_not_do_for_two) {
	uint8_t receipt[APPROVAL_RECEIPT_MAX];
	size_t n;

	sign_in(ADA);
	n = approve("settings.dose", receipt);
	world.policy->table.actions[action("settings.dose")].confirm = CW_CONFIRM_SECOND_PERSON;
	ck_assert_int_eq(redeem(receipt, n, "settings.dose"), CW_CONFIRM);
}
END_TEST

START_TEST(one_changed_bit_in_any_place_is_no_receipt) {
	uint8_t receipt[APPROVAL_RECEIPT_MAX], public_key[32];
	struct receipt opened;
	size_t n;
	int r;

	sign_in(ADA);
	n = approve("settings.limits", receipt);
	ck_assert_int_eq(approval_public_key(world.store, public_key), 0);
	ck_assert_int_eq(receipt_open(public_key, receipt, n, &opened), 0);
	for (size_t i = 0; i < 8 * n; ++i) {
		receipt[i / 8] ^= (uint8_t)(1u << (i % 8));
		r = receipt_open(public_key, receipt, n, &opened);
		ck_assert_msg(r == -EBADMSG, "bit %zu of byte %zu: %d", i % 8, i / 8, r);
		receipt[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	for (size_t i = 0; i < n; ++i)
		ck_assert_int_eq(receipt_open(public_key, receipt, i, &opened), -EBADMSG);
	receipt[n] = 0;
	ck_assert_int_eq(receipt_open(public_key, receipt, n + 1, &opened), -EBADMSG);
	ck_assert_int_eq(redeem(receipt, n, "settings.limits"), CW_ALLOW);
}
END_TEST

START_TEST(what_is_no_receipt_is_recorded_and_denied) {
	uint8_t receipt[APPROVAL_RECEIPT_MAX] = { 0xa2 };
	enum cw_reason reason;
	size_t n;
	int r;

	sign_in(ADA);
	n = approve("settings.dose", receipt);
	receipt[n / 2] ^= 1;
	ck_assert_int_eq(redeem_as(receipt, n, "settings.dose", digest, &r, &reason), CW_DENY);
	ck_assert_int_eq(r, -EBADMSG);
	ck_assert_str_eq(trail(), "receipt-used:refused");
	ck_assert_int_eq(redeem_as(receipt, 0, "settings.dose", digest, &r, &reason), CW_DENY);
	ck_assert_int_eq(r, -EBADMSG);
}
END_TEST

START_TEST(another_encoding_of_the_same_is_no_receipt) {
	static const uint8_t seed[32] = { 1 };
	static uint8_t bytes[APPROVAL_RECEIPT_MAX], longer[APPROVAL_RECEIPT_MAX];
	static struct receipt receipt = { .seat = 1, .wall_ms = -1, .action = "a",
					  .by = RECEIPT_BY_DEVICE }, opened;
	uint8_t public_key[32];
	size_t n;

	ck_assert_int_eq(receipt_public_key(seed, public_key), 0);
	memcpy(receipt.device_key, public_key, sizeof(receipt.device_key));
	ck_assert_int_eq(receipt_make(seed, &receipt, bytes, &n), 0);
	ck_assert_int_eq(receipt_open(public_key, bytes, n, &opened), 0);
	ck_assert_mem_eq(&receipt, &opened, sizeof(receipt));
	/* The outer map's key 0 in two bytes: not signed, so nothing else finds it. */
	longer[0] = bytes[0];
	longer[1] = 0x18;
	memcpy(longer + 2, bytes + 1, n - 1);
	ck_assert_int_eq(receipt_open(public_key, longer, n + 1, &opened), -EBADMSG);
}
END_TEST

START_TEST(the_longest_texts_have_room) {
	static const uint8_t seed[32] = { 1 };
	static uint8_t bytes[APPROVAL_RECEIPT_MAX];
	static struct receipt receipt = {
		.seat = 255,
		.session = UINT64_MAX,
		.account = UINT32_MAX,
		.second = UINT32_MAX,
		.assurance = 255,
		.second_assurance = 255,
		.boot_ms = UINT64_MAX,
		.wall_ms = INT64_MIN,
		.trust = 255,
		.head_seq = UINT64_MAX,
	};
	size_t n;

	memset(receipt.action, 'a', sizeof(receipt.action) - 1);
	memset(receipt.object, 'o', sizeof(receipt.object) - 1);
	memset(receipt.words, 'w', sizeof(receipt.words) - 1);
	ck_assert_int_eq(receipt_public_key(seed, receipt.device_key), 0);
	ck_assert_int_eq(receipt_make(seed, &receipt, bytes, &n), 0);
	ck_assert_uint_le(n, APPROVAL_RECEIPT_MAX);
}
END_TEST

START_TEST(the_receipt_carries_the_journals_head) {
	uint8_t receipt[APPROVAL_RECEIPT_MAX], public_key[32];
	static struct receipt opened;
	struct journal_entry entry;
	size_t n;

	sign_in(ADA);
	n = approve("settings.limits", receipt);
	ck_assert_int_eq(approval_public_key(world.store, public_key), 0);
	ck_assert_int_eq(receipt_open(public_key, receipt, n, &opened), 0);
	entry = newest(EVENT_APPROVAL);
	ck_assert_uint_eq(opened.head_seq, entry.seq);
	ck_assert_uint_eq(opened.account, ADA);
	ck_assert_uint_eq(opened.second, BOB);
	ck_assert_str_eq(opened.action, "settings.limits");
	ck_assert_str_eq(opened.words, WORDS);
	ck_assert_uint_eq(entry.target, BOB);
	ck_assert_str_eq(entry.text, WORDS);
	ck_assert_mem_eq(entry.digest, digest, sizeof(digest));
}
END_TEST

START_TEST(a_receipt_is_not_used_when_that_cannot_be_written) {
	uint8_t receipt[APPROVAL_RECEIPT_MAX];
	enum cw_reason reason;
	size_t n;
	int r;

	sign_in(ADA);
	n = approve("settings.dose", receipt);
	for (unsigned k = 1; k < 100; ++k) {
		enum cw_verdict verdict;

		fault_at(k, false);
		verdict = redeem_as(receipt, n, "settings.dose", digest, &r, &reason);
		if (fault_off() < k) {
			ck_assert_int_eq(verdict, CW_ALLOW);
			ck_assert_uint_gt(k, 3);
			return;
		}
		ck_assert_msg(verdict == CW_DENY, "step %u", k);
		ck_assert_int_eq(r, -EIO);
		(void)store_reopen(world.store);
	}
	ck_abort_msg("never without a fault");
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("approval");
	TCase *t = tcase_create("approval");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, JR_07_each_approval_leaves_exactly_its_entries, 0,
			    ARRAY_SIZE(outcomes));
	tcase_add_test(t, the_words_are_shown_to_both);
	tcase_add_test(t, a_fresh_re_authentication_serves_one_object);
	tcase_add_test(t, what_needs_no_approval_gets_none);
	tcase_add_test(t, a_lock_in_the_middle_ends_the_approval);
	tcase_add_test(t, CC_06_a_second_person_who_is_disabled_meanwhile_does_not_count);
	tcase_add_loop_test(t, PO_06_a_receipt_is_good_for_what_it_says, 0, ARRAY_SIZE(uses));
	tcase_add_loop_test(t, what_is_void_is_void_in_the_store, 0, ARRAY_SIZE(voiding));
	tcase_add_test(t, PO_06_a_second_time_never);
	tcase_add_test(t, a_receipt_of_one_person_does_not_do_for_two);
	tcase_add_test(t, one_changed_bit_in_any_place_is_no_receipt);
	tcase_add_test(t, what_is_no_receipt_is_recorded_and_denied);
	tcase_add_test(t, another_encoding_of_the_same_is_no_receipt);
	tcase_add_test(t, the_longest_texts_have_room);
	tcase_add_test(t, the_receipt_carries_the_journals_head);
	tcase_add_test(t, a_receipt_is_not_used_when_that_cannot_be_written);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
