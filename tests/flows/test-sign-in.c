/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Each outcome of each conversation: what the person is told, what stands in the
 * journal afterwards, and what it cost.
 */

#undef NDEBUG

#include <string.h>

#include "tests/flows/world.h"

#define RIGHT(name) PASSWORD_OF " " name "'s"
#define WRONG       "not the password"
#define COUNTED     "try-counted:ok+claimed "

/* What was done before the conversation begins. */
static void nothing(void) {
}

static void kim_is_in(void) {
	sign_in(KIM);
}

static void kim_is_locked(void) {
	sign_in(KIM);
	ck_assert_int_eq(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
}

static void otp_is_in(void) {
	/* Signed in with a password of her own; then somebody resets it. */
	give_password(OTP, RIGHT("otp"), false);
	sign_in(OTP);
	give_password(OTP, ONE_TIME, true);
}

static void otp_is_locked(void) {
	otp_is_in();
	ck_assert_int_eq(seat_lock(world.store, &world.seat, &world.now, "person"), 0);
}

static void misses(const char *name, unsigned n) {
	const char *const answers[] = { name, WRONG, NULL };

	for (unsigned i = 0; i < n; ++i)
		(void)attempt_free(converse(CW_PURPOSE_SIGN_IN, answers));
}

static void kim_failed_4(void) {
	misses("kim", 4);
}

static void kim_failed_5(void) {
	misses("kim", 5);
}

static void nobody_failed_5(void) {
	misses("zoe", 5);
}

static void otp_has_expired(void) {
	pass_ms(UINT64_C(73) * 3600 * 1000);
}

static void kims_cost_was_raised(void) {
	world.policy->settings.passwords.argon2_passes = 2;
}

static void kims_password_is_old(void) {
	world.policy->settings.passwords.max_age_s = 86400;
	pass_ms(UINT64_C(2) * 86400 * 1000);
}

static void kim_must_wait_to_change(void) {
	kim_is_in();
	world.policy->settings.passwords.min_age_s = 86400;
}

static void code_is_spent(void) {
	ck_assert_int_eq(recovery_spend(world.store, RECOVERY_NAME), 0);
}

static void code_failed_5(void) {
	const char *const answers[] = { WRONG, NULL };

	for (unsigned i = 0; i < 5; ++i)
		(void)attempt_free(converse(CW_PURPOSE_RECOVER, answers));
}

static void ann_is_last(void) {
	change_account(LEA, EVENT_ACCOUNT_DISABLED, ACCOUNT_DISABLED);
}

static void disable_at_3(void) {
	world.policy->settings.lockout.disable_at = 3;
	misses("kim", 2);
}

static void disable_at_3_last_admin(void) {
	ann_is_last();
	world.policy->settings.lockout.disable_at = 3;
	misses("ann", 2);
}

/* clang-format off */
static const struct {
	const char *why;
	enum cw_purpose purpose;
	void (*before)(void);
	const char *answers[8];
	bool success;
	const char *message;
	const char *trail;
} outcomes[] = {
	/* sign-in */
	{ "a name and its password open a session", CW_PURPOSE_SIGN_IN, nothing,
	  { "kim", RIGHT("kim") }, true, "signed-in", COUNTED "sign-in:ok" },
	{ "a name is the same in any case", CW_PURPOSE_SIGN_IN, nothing,
	  { "KIM", RIGHT("kim") }, true, "signed-in", COUNTED "sign-in:ok" },
	{ "a wrong password is refused", CW_PURPOSE_SIGN_IN, nothing,
	  { "kim", WRONG }, false, "refused", COUNTED "sign-in:refused+claimed" },
	{ "an unknown name is refused alike", CW_PURPOSE_SIGN_IN, nothing,
	  { "zoe", WRONG }, false, "refused", "try-counted:ok sign-in:refused" },
	{ "PW-21 what is no name is refused alike", CW_PURPOSE_SIGN_IN, nothing,
	  { "../x", WRONG }, false, "refused", "try-counted:ok sign-in:refused" },
	{ "an empty name is refused alike", CW_PURPOSE_SIGN_IN, nothing,
	  { "", WRONG }, false, "refused", "try-counted:ok sign-in:refused" },
	{ "PW-04 a disabled account is refused alike", CW_PURPOSE_SIGN_IN, nothing,
	  { "off", RIGHT("off") }, false, "refused", COUNTED "sign-in:disabled+claimed" },
	{ "PW-04 and so it is with a wrong password", CW_PURPOSE_SIGN_IN, nothing,
	  { "off", WRONG }, false, "refused", COUNTED "sign-in:refused+claimed" },
	{ "PW-04 an account without password is refused alike", CW_PURPOSE_SIGN_IN, nothing,
	  { "nil", WRONG }, false, "refused", COUNTED "sign-in:refused+claimed" },
	{ "PW-02 the empty password is refused and counted", CW_PURPOSE_SIGN_IN, nothing,
	  { "kim", "" }, false, "refused", COUNTED "sign-in:refused+claimed" },
	{ "LK-01 the fifth failure begins a wait", CW_PURPOSE_SIGN_IN, kim_failed_4,
	  { "kim", WRONG }, false, "refused",
	  COUNTED "sign-in:refused+claimed lockout:refused+claimed" },
	{ "LK-11 while it runs the right password is not even verified", CW_PURPOSE_SIGN_IN,
	  kim_failed_5, { "kim", RIGHT("kim") }, false, "wait", "sign-in:locked+claimed" },
	{ "LK-17 an unknown name waits alike", CW_PURPOSE_SIGN_IN, nobody_failed_5,
	  { "zoe", WRONG }, false, "wait", "sign-in:locked" },
	{ "an unanswered name leaves no record", CW_PURPOSE_SIGN_IN, nothing,
	  { LATE }, false, "timed-out", "" },
	{ "a cancelled name leaves no record", CW_PURPOSE_SIGN_IN, nothing,
	  { STOP }, false, "cancelled", "" },
	{ "a password that nobody types counts nothing", CW_PURPOSE_SIGN_IN, nothing,
	  { "kim", LATE }, false, "timed-out", "sign-in:cancelled" },
	{ "a prompt that is given up counts nothing", CW_PURPOSE_SIGN_IN, nothing,
	  { "kim", STOP }, false, "cancelled", "sign-in:cancelled" },
	{ "PW-19 a busy worker takes the try back", CW_PURPOSE_SIGN_IN, nothing,
	  { "kim", RIGHT("kim"), BUSY }, false, "busy", COUNTED "sign-in:failed+claimed" },
	{ "PW-26 a hash that fails is no success and no failure", CW_PURPOSE_SIGN_IN, nothing,
	  { "kim", RIGHT("kim"), BROKEN }, false, "failed", COUNTED "sign-in:failed+claimed" },
	{ "giving up after the answer leaves the try standing", CW_PURPOSE_SIGN_IN, nothing,
	  { "kim", WRONG, QUIT }, false, "cancelled", COUNTED "sign-in:cancelled+claimed" },
	{ "PW-18 a raised cost is taken over at sign-in", CW_PURPOSE_SIGN_IN, kims_cost_was_raised,
	  { "kim", RIGHT("kim") }, true, "signed-in",
	  COUNTED "verifier-rehashed:ok sign-in:ok" },
	{ "another person takes over the seat", CW_PURPOSE_SIGN_IN, kim_is_in,
	  { "ada", RIGHT("ada") }, true, "signed-in", COUNTED "handover:ok" },
	{ "the same person unlocks the own session", CW_PURPOSE_SIGN_IN, kim_is_locked,
	  { "kim", RIGHT("kim") }, true, "unlocked", COUNTED "unlock:ok" },
	{ "LK-16 so many failures disable the password", CW_PURPOSE_SIGN_IN, disable_at_3,
	  { "kim", WRONG }, false, "refused",
	  COUNTED "sign-in:refused+claimed token-revoked:ok" },
	{ "LK-16 but never the last administrator's", CW_PURPOSE_SIGN_IN, disable_at_3_last_admin,
	  { "ann", WRONG }, false, "refused", COUNTED "sign-in:refused+claimed" },
	/* forced change */
	{ "PW-22 a one-time password leads to its change", CW_PURPOSE_SIGN_IN, nothing,
	  { "otp", ONE_TIME, NEW_PASSWORD, NEW_PASSWORD }, true, "signed-in",
	  COUNTED "password-changed:ok sign-in:ok" },
	{ "giving up the change opens nothing and counts nothing", CW_PURPOSE_SIGN_IN, nothing,
	  { "otp", ONE_TIME, STOP }, false, "cancelled", COUNTED "sign-in:cancelled" },
	{ "letting the change time out opens nothing", CW_PURPOSE_SIGN_IN, nothing,
	  { "otp", ONE_TIME, NEW_PASSWORD, LATE }, false, "timed-out", COUNTED "sign-in:cancelled" },
	{ "an expired one-time password is refused alike", CW_PURPOSE_SIGN_IN, otp_has_expired,
	  { "otp", ONE_TIME }, false, "refused", COUNTED "sign-in:disabled+claimed" },
	{ "a password past its age leads to its change", CW_PURPOSE_SIGN_IN, kims_password_is_old,
	  { "kim", RIGHT("kim"), NEW_PASSWORD, NEW_PASSWORD }, true, "signed-in",
	  COUNTED "password-changed:ok sign-in:ok" },
	/* unlock */
	{ "the owner unlocks", CW_PURPOSE_UNLOCK, kim_is_locked,
	  { RIGHT("kim") }, true, "unlocked", COUNTED "unlock:ok" },
	{ "somebody else's password does not", CW_PURPOSE_UNLOCK, kim_is_locked,
	  { RIGHT("ada") }, false, "refused", COUNTED "unlock:refused+claimed" },
	{ "an unlock prompt that nobody answers leaves no record", CW_PURPOSE_UNLOCK, kim_is_locked,
	  { LATE }, false, "timed-out", "" },
	{ "PW-22 a reset meanwhile is changed before the unlock", CW_PURPOSE_UNLOCK, otp_is_locked,
	  { ONE_TIME, NEW_PASSWORD, NEW_PASSWORD }, true, "unlocked",
	  COUNTED "password-changed:ok unlock:ok" },
	/* re-authentication */
	{ "the same person, freshly", CW_PURPOSE_REAUTH, kim_is_in,
	  { RIGHT("kim") }, true, "re-authenticated", COUNTED "re-authentication:ok" },
	{ "a wrong one is refused", CW_PURPOSE_REAUTH, kim_is_in,
	  { WRONG }, false, "refused", COUNTED "re-authentication:refused+claimed" },
	{ "PW-22 a reset meanwhile is changed first", CW_PURPOSE_REAUTH, otp_is_in,
	  { ONE_TIME, NEW_PASSWORD, NEW_PASSWORD }, true, "re-authenticated",
	  COUNTED "password-changed:ok re-authentication:ok" },
	/* change */
	{ "one's own password is changed with the old one", CW_PURPOSE_CHANGE, kim_is_in,
	  { RIGHT("kim"), NEW_PASSWORD, NEW_PASSWORD }, true, "password-changed",
	  COUNTED "password-changed:ok" },
	{ "not with a wrong one", CW_PURPOSE_CHANGE, kim_is_in,
	  { WRONG }, false, "refused", COUNTED "password-changed:refused+claimed" },
	{ "nor too soon", CW_PURPOSE_CHANGE, kim_must_wait_to_change,
	  { RIGHT("kim") }, false, "password-too-soon", COUNTED "password-changed:refused" },
	{ "giving up leaves the old one", CW_PURPOSE_CHANGE, kim_is_in,
	  { RIGHT("kim"), STOP }, false, "cancelled", COUNTED "password-changed:cancelled" },
	{ "a busy worker asks once more", CW_PURPOSE_CHANGE, kim_is_in,
	  { RIGHT("kim"), NEW_PASSWORD, NEW_PASSWORD, BUSY, NEW_PASSWORD, NEW_PASSWORD }, true,
	  "password-changed", COUNTED "password-changed:ok" },
	/* recovery */
	{ "the recovery code makes one administrator", CW_PURPOSE_RECOVER, nothing,
	  { RECOVERY_CODE, "Newman", NEW_PASSWORD, NEW_PASSWORD }, true, "recovered",
	  "try-counted:ok account-created:ok password-changed:ok recovery-code-used:ok alarm:ok" },
	{ "a wrong code is refused", CW_PURPOSE_RECOVER, nothing,
	  { WRONG }, false, "refused", "try-counted:ok recovery-code-used:refused" },
	{ "a spent code is refused alike", CW_PURPOSE_RECOVER, code_is_spent,
	  { RECOVERY_CODE }, false, "refused", "try-counted:ok recovery-code-used:refused" },
	{ "guessing codes is slowed down, too", CW_PURPOSE_RECOVER, code_failed_5,
	  { RECOVERY_CODE }, false, "wait", "recovery-code-used:locked" },
	{ "a taken name is asked for again", CW_PURPOSE_RECOVER, nothing,
	  { RECOVERY_CODE, "kim", "Newman", NEW_PASSWORD, NEW_PASSWORD }, true, "recovered",
	  "try-counted:ok account-created:ok password-changed:ok recovery-code-used:ok alarm:ok" },
	{ "giving up leaves the code unspent", CW_PURPOSE_RECOVER, nothing,
	  { RECOVERY_CODE, STOP }, false, "cancelled", "try-counted:ok recovery-code-used:cancelled" },
};
/* clang-format on */

START_TEST(JR_07_each_outcome_leaves_exactly_its_entries) {
	struct attempt *a;
	const char *found;

	outcomes[_i].before();
	(void)trail();
	a = converse(outcomes[_i].purpose, outcomes[_i].answers);
	ck_assert_msg(attempt_want(a) == ATTEMPT_OVER, "%s: asks %s", outcomes[_i].why,
		      attempt_prompt(a)->message);
	found = trail();
	ck_assert_msg(strcmp(found, outcomes[_i].trail) == 0, "%s: journal has\n  %s\nnot\n  %s",
		      outcomes[_i].why, found, outcomes[_i].trail);
	ck_assert_msg(strcmp(message(a), outcomes[_i].message) == 0, "%s: says %s, not %s",
		      outcomes[_i].why, message(a), outcomes[_i].message);
	ck_assert_msg(is_yes_result(a) == outcomes[_i].success, "%s", outcomes[_i].why);
	/* Who did not succeed carries nothing away. */
	if (!outcomes[_i].success) {
		ck_assert_uint_eq(attempt_result(a)->account.number, 0);
		ck_assert_uint_eq(attempt_result(a)->session, 0);
		ck_assert_uint_eq(attempt_result(a)->roles, 0);
	}
	(void)attempt_free(a);
}
END_TEST

/*
 * Equal effort
 */

static void kim_is_ended(void) {
	change_account(KIM, EVENT_ACCOUNT_ENDED, ACCOUNT_ENDED);
}

/* clang-format off */
static const struct {
	const char *why;
	void (*before)(void);
	const char *name, *password;
} alike[] = {
	{ "a known name", nothing, "kim", WRONG },
	{ "an unknown name", nothing, "zoe", WRONG },
	{ "a disabled account, wrong password", nothing, "off", WRONG },
	{ "a disabled account, right password", nothing, "off", RIGHT("off") },
	{ "an ended account", kim_is_ended, "kim", RIGHT("kim") },
	{ "an account without password", nothing, "nil", WRONG },
	{ "a one-time password past its date", otp_has_expired, "otp", ONE_TIME },
	{ "PW-07 a control character", nothing, "kim", "a\tb" },
	{ "PW-07 the same for an unknown name", nothing, "zoe", "a\tb" },
};
/* clang-format on */

START_TEST(PW_03_04_07_everybody_refused_costs_the_same) {
	const char *const answers[] = { alike[_i].name, alike[_i].password, NULL };
	struct attempt *a;

	alike[_i].before();
	memset(&world.effort, 0, sizeof(world.effort));
	a = converse(CW_PURPOSE_SIGN_IN, answers);
	ck_assert_str_eq(message(a), "refused");
	ck_assert_uint_eq(attempt_result(a)->wait_ms, 0);
	ck_assert_msg(world.effort.prompts == 2, "%s: %u prompts", alike[_i].why,
		      world.effort.prompts);
	ck_assert_msg(world.effort.hashes == 1, "%s: %u hashes", alike[_i].why,
		      world.effort.hashes);
	ck_assert_msg(world.effort.commits == 2, "%s: %u commits", alike[_i].why,
		      world.effort.commits);
	/* begin, lockout, journal; begin, journal, its text */
	ck_assert_msg(world.effort.writes == 6, "%s: %u writes", alike[_i].why,
		      world.effort.writes);
	(void)attempt_free(a);
}
END_TEST

START_TEST(LK_17_the_wait_costs_and_says_the_same) {
	static const char *const names[] = { "kim", "zoe" };
	uint64_t wait_ms[2];
	unsigned writes[2], hashes[2];

	for (unsigned i = 0; i < 2; ++i) {
		const char *const answers[] = { names[i], WRONG, NULL };
		struct attempt *a;

		misses(names[i], 5);
		memset(&world.effort, 0, sizeof(world.effort));
		a = converse(CW_PURPOSE_SIGN_IN, answers);
		ck_assert_str_eq(message(a), "wait");
		wait_ms[i] = attempt_result(a)->wait_ms;
		writes[i] = world.effort.writes;
		hashes[i] = world.effort.hashes;
		(void)attempt_free(a);
	}
	ck_assert_uint_eq(wait_ms[0], 300000);
	ck_assert_uint_eq(wait_ms[0], wait_ms[1]);
	ck_assert_uint_eq(writes[0], writes[1]);
	ck_assert_uint_eq(hashes[0], 0);
	ck_assert_uint_eq(hashes[1], 0);
}
END_TEST

/*
 * What a success tells
 */

START_TEST(last_sign_in_and_the_failures_since_are_told) {
	const char *const answers[] = { "kim", RIGHT("kim"), NULL };
	int64_t first_ms = world.now.wall_ms;
	struct attempt *a;

	sign_in(KIM);
	ck_assert_int_eq(seat_close(world.store, &world.seat, &world.now, "person"), 0);
	pass_ms(1000);
	misses("kim", 2);
	(void)attempt_free(
		converse(CW_PURPOSE_SIGN_IN, (const char *const[]){ "kim", STOP, NULL }));
	pass_ms(1000);
	a = converse(CW_PURPOSE_SIGN_IN, answers);
	ck_assert(is_yes_result(a));
	ck_assert(attempt_result(a)->last.has_success);
	ck_assert_int_eq(attempt_result(a)->last.success_wall_ms, first_ms);
	ck_assert_uint_eq(attempt_result(a)->last.failures_since, 2);
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_handover_says_from_whom_and_counts_as_a_sign_in) {
	const char *const answers[] = { "ada", RIGHT("ada"), NULL };
	struct journal_last last;
	struct journal_entry entry;
	struct attempt *a;

	sign_in(KIM);
	a = converse(CW_PURPOSE_SIGN_IN, answers);
	ck_assert_uint_eq(attempt_result(a)->handover_from, KIM);
	entry = newest(EVENT_HANDOVER);
	ck_assert_uint_eq(entry.account, ADA);
	ck_assert_uint_eq(entry.target, KIM);
	ck_assert_uint_eq(entry.session, attempt_result(a)->session);
	ck_assert_int_eq(journal_last_sign_in(world.store, ADA, &last), 0);
	ck_assert(last.has_success);
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_reset_is_told_at_the_next_sign_in) {
	const char *const answers[] = { "otp", ONE_TIME, NEW_PASSWORD, NEW_PASSWORD, NULL };
	struct attempt *a = converse(CW_PURPOSE_SIGN_IN, answers);
	struct password after;

	ck_assert(is_yes_result(a));
	ck_assert(attempt_result(a)->was_reset);
	after = password_now(OTP);
	ck_assert(!after.reset_unseen);
	ck_assert(!after.one_time);
	ck_assert_uint_eq(after.set_by, OTP);
	(void)attempt_free(a);
}
END_TEST

START_TEST(the_new_administrator_administers) {
	const char *const answers[] = { RECOVERY_CODE, "Newman", NEW_PASSWORD, NEW_PASSWORD, NULL };
	const char *const enter[] = { "newman", NEW_PASSWORD, NULL };
	struct attempt *a = converse(CW_PURPOSE_RECOVER, answers);
	struct verifier verifier;

	ck_assert(is_yes_result(a));
	ck_assert_uint_eq(world.seat.session.number, 0);
	(void)attempt_free(a);
	ck_assert_int_eq(recovery_load(world.store, RECOVERY_NAME, &verifier), -ENOENT);
	a = converse(CW_PURPOSE_SIGN_IN, enter);
	ck_assert(is_yes_result(a));
	apply(attempt_result(a));
	ck_assert_int_eq(seat_decide(&world.seat, &world.policy->table, action("careward.accounts"),
				     &world.now, NULL),
			 CW_ALLOW);
	(void)attempt_free(a);
}
END_TEST

START_TEST(the_prompts_of_a_sign_in) {
	struct attempt *a = begin(CW_PURPOSE_SIGN_IN, NULL);

	ck_assert_int_eq(attempt_prompt(a)->field, CW_FIELD_NAME);
	ck_assert(!attempt_prompt(a)->is_secret);
	ck_assert_int_eq(say(a, "kim"), 0);
	ck_assert_int_eq(attempt_prompt(a)->field, CW_FIELD_PASSWORD);
	ck_assert(attempt_prompt(a)->is_secret);
	ck_assert_str_eq(attempt_prompt(a)->text, ""); /* nobody's name */
	(void)attempt_free(a);
	a = begin(CW_PURPOSE_SIGN_IN, "kim");
	ck_assert_int_eq(attempt_prompt(a)->field, CW_FIELD_PASSWORD);
	(void)attempt_free(a);
}
END_TEST

START_TEST(no_random_number_no_session) {
	const char *const answers[] = { "kim", RIGHT("kim"), NULL };
	struct attempt *a;

	world.no_random = true;
	a = converse(CW_PURPOSE_SIGN_IN, answers);
	ck_assert_str_eq(message(a), "failed");
	ck_assert_uint_eq(lockout_of_person(KIM).failures, 0);
	(void)attempt_free(a);
}
END_TEST

START_TEST(PW_01_nothing_of_the_worker_but_its_one_yes_opens) {
	static const uint32_t answers[] = { 0, 1, 2, UINT32_MAX, ~PASSWORD_YES, PASSWORD_YES ^ 1,
					    PASSWORD_YES ^ 0x80000000u, PASSWORD_YES << 1 };

	for (unsigned i = 0; i < ARRAY_SIZE(answers); ++i) {
		struct attempt *a = begin(CW_PURPOSE_SIGN_IN, i % 2 ? "kim" : "ada");

		ck_assert_int_eq(say(a, password_of(i % 2 ? KIM : ADA)), 0);
		ck_assert_int_eq(attempt_want(a), ATTEMPT_HASH);
		secret_wipe(&attempt_job(a)->candidate);
		attempt_job(a)->matched = answers[i];
		ck_assert_int_eq(attempt_hashed(a, &world.now), 0);
		ck_assert(!is_yes_result(a));
		ck_assert_str_eq(message(a), "refused");
		(void)attempt_free(a);
	}
}
END_TEST

START_TEST(what_begins_without_a_session_is_refused) {
	static const enum cw_purpose purposes[] = { CW_PURPOSE_UNLOCK, CW_PURPOSE_REAUTH,
						    CW_PURPOSE_CHANGE };
	struct attempt *a = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(purposes); ++i) {
		const struct attempt_request request = { .purpose = purposes[i] };

		ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
				 -ENOENT);
	}
	kim_is_locked();
	for (unsigned i = 1; i < ARRAY_SIZE(purposes); ++i) {
		const struct attempt_request request = { .purpose = purposes[i] };

		ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
				 -ENOENT);
	}
	ck_assert_ptr_null(a);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("sign-in");
	TCase *t = tcase_create("sign-in");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, JR_07_each_outcome_leaves_exactly_its_entries, 0,
			    ARRAY_SIZE(outcomes));
	tcase_add_loop_test(t, PW_03_04_07_everybody_refused_costs_the_same, 0, ARRAY_SIZE(alike));
	tcase_add_test(t, LK_17_the_wait_costs_and_says_the_same);
	tcase_add_test(t, last_sign_in_and_the_failures_since_are_told);
	tcase_add_test(t, a_handover_says_from_whom_and_counts_as_a_sign_in);
	tcase_add_test(t, a_reset_is_told_at_the_next_sign_in);
	tcase_add_test(t, the_new_administrator_administers);
	tcase_add_test(t, the_prompts_of_a_sign_in);
	tcase_add_test(t, no_random_number_no_session);
	tcase_add_test(t, PW_01_nothing_of_the_worker_but_its_one_yes_opens);
	tcase_add_test(t, what_begins_without_a_session_is_refused);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
