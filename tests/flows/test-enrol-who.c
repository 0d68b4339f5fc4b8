/* SPDX-License-Identifier: Apache-2.0 */

/* Enrolment as a conversation: codes, and who may. */

#include <errno.h>
#include <string.h>

#include "tests/flows/enrol.h"

static bool is_code(const char *digits) {
	struct password_job job = { .kind = PASSWORD_JOB_VERIFY };
	struct token token;

	ck_assert_int_eq(token_code(world.store, KIM, &token), 0);
	job.current = token.code;
	ck_assert(secret_set(&job.candidate, digits, strlen(digits)));
	password_job_run(world.arena, &job);
	return job.matched == PASSWORD_YES;
}

START_TEST(a_code_is_typed_twice_and_kept_as_a_password_is) {
	static const char *const answers[] = { "4711", "4711", NULL };
	struct attempt *a = enrol(KIM, CW_FACTOR_CODE);

	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_CODE);
	ck_assert(attempt_prompt(a)->is_secret);
	talk(a, answers);
	expect_enrolled(a, KIM);
	ck_assert(is_code("4711"));
	ck_assert(!is_code("4712"));
	ck_assert_uint_eq(last_token.code.cost.memory_kib,
			  world.policy->settings.passwords.argon2_memory_kib);
}
END_TEST

static const struct {
	const char *why;
	const char *code;
	const char *again;
	const char *message;
} codes[] = {
	{ "a run", "1234", NULL, "code-trivial" },
	{ "one digit", "7777", NULL, "code-trivial" },
	{ "too short", "471", NULL, "code-length" },
	{ "letters", "abcd", NULL, "code-digits" },
	{ "the badge's last digits", "0109", NULL, "code-like-badge" },
	{ "another one the second time", "4711", "4712", "code-differs" },
	{ "nothing the second time", "4711", "", "code-differs" },
};

START_TEST(a_bad_code_is_asked_for_again_with_the_reason) {
	static const char *const good[] = { "4711", "4711", NULL };
	struct attempt *a = enrol(KIM, CW_FACTOR_BADGE);

	(void)tap(a, 9);
	(void)attempt_free(a);
	a = enrol(KIM, CW_FACTOR_CODE);
	ck_assert_int_eq(say(a, codes[_i].code), 0);
	if (codes[_i].again)
		ck_assert_int_eq(say(a, codes[_i].again), 0);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_CODE);
	ck_assert_str_eq(message(a), codes[_i].message);
	talk(a, good);
	ck_assert(is_yes_result(a));
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_code_is_not_asked_for_for_ever) {
	struct attempt *a = enrol(KIM, CW_FACTOR_CODE);
	unsigned n = 0;

	for (; attempt_want(a) == ATTEMPT_ANSWER && n < 50; ++n)
		(void)say(a, "1111");
	ck_assert_uint_eq(n, ATTEMPT_FAULTS_MAX);
	ck_assert_str_eq(message(a), "cancelled");
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_code_given_anew_is_one_row_and_says_who_gave_it) {
	static const char *const first[] = { "4711", "4711", NULL };
	static const char *const second[] = { "2580", "2580", NULL };
	struct attempt *a = enrol(KIM, CW_FACTOR_CODE);

	talk(a, first);
	expect_enrolled(a, KIM);
	a = enrol(KIM, CW_FACTOR_CODE);
	talk(a, second);
	expect_enrolled(a, KIM);
	ck_assert(is_code("2580"));
	/* Kim's own wish, with a password. */
	sign_in(KIM);
	a = enrol_by(KIM, KIM, CW_FACTOR_CODE);
	talk(a, first);
	ck_assert(is_yes_result(a));
	ck_assert_str_eq(trail(), "code-changed:ok");
	ck_assert(is_code("4711"));
	ck_assert_int_eq(tokens_of(KIM), 1);
	ck_assert_uint_eq(last_token.enrolled_by, ANN);
	(void)attempt_free(a);
}
END_TEST

START_TEST(a_hash_that_fails_enrols_no_code) {
	const char *const answers[] = { "4711", "4711", _i == 0 ? BROKEN : BUSY, NULL };
	struct attempt *a = enrol(KIM, CW_FACTOR_CODE);

	talk(a, answers);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_CODE);
	ck_assert_str_eq(message(a), _i == 0 ? "failed" : "busy");
	ck_assert_int_eq(tokens_of(KIM), 0);
	(void)attempt_free(a);
}
END_TEST

/*
 * Who may
 */

static void lock_it(void) {
	(void)seat_lock(world.store, &world.seat, &world.now, "person");
}
static void sign_out(void) {
	(void)seat_close(world.store, &world.seat, &world.now, "person");
}
static void hand_over(void) {
	sign_in(LEA);
}
static void sign_in_anew(void) {
	sign_out();
	sign_in(ANN);
}
static void lose_role(void) {
	change_roles(ANN, "nurse");
	(void)seat_refresh(world.store, &world.seat, world.policy, &world.now);
}

static const struct {
	const char *why;
	void (*happen)(void);
} meanwhile[] = {
	{ "locked", lock_it },
	{ "signed out", sign_out },
	{ "handed over", hand_over },
	{ "the same person, but another session", sign_in_anew },
	{ "lost the role", lose_role },
};

START_TEST(PO_09_who_may_no_longer_enrols_nothing) {
	struct attempt *a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");

	meanwhile[_i].happen();
	(void)trail();
	answer_step(a, 7, ATTEMPT_STEP_SIGN);
	expect_refused(a, KIM, "stale");
}
END_TEST

START_TEST(PO_16_nobody_enrols_for_himself_but_a_code) {
	struct attempt *a = enrol(ANN, CW_FACTOR_BADGE);

	(void)tap(a, 9);
	expect_refused(a, ANN, "stale");
}
END_TEST

START_TEST(a_factor_that_the_site_has_not_is_not_offered) {
	static const enum cw_factor factors[] = { CW_FACTOR_SMARTCARD, CW_FACTOR_FIDO2,
						  CW_FACTOR_BADGE,     CW_FACTOR_CODE,
						  CW_FACTOR_PASSWORD,  (enum cw_factor)99 };

	memset(site, 0, sizeof(*site));
	for (size_t i = 0; i < ARRAY_SIZE(factors); ++i) {
		struct attempt *a = enrol(KIM, factors[i]);

		ck_assert_int_eq((int)attempt_want(a), ATTEMPT_OVER);
		ck_assert_str_eq(message(a), "not-offered");
		(void)attempt_free(a);
	}
}
END_TEST

START_TEST(an_enrolment_begins_with_somebody_and_by_its_own_purpose) {
	struct enrol_request enrolling = { .account = KIM, .factor = CW_FACTOR_BADGE };
	struct attempt_request request = { .purpose = CW_PURPOSE_ENROL };
	struct attempt *a = NULL;

	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
			 -EINVAL);
	request.enrol = &enrolling;
	request.purpose = CW_PURPOSE_SIGN_IN;
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
			 -EINVAL);
	request.purpose = CW_PURPOSE_ENROL;
	enrolling.account = 77;
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
			 -EINVAL);
	enrolling.account = KIM;
	memset(enrolling.label, 'x', sizeof(enrolling.label));
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
			 -EINVAL);
	enrolling.label[0] = '\0';
	lock_it();
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
			 -ENOENT);
	sign_out();
	ck_assert_int_eq(attempt_begin(&world.auth, &world.seat, &request, &world.now, &a),
			 -ENOENT);
	ck_assert_ptr_null(a);
}
END_TEST

START_TEST(nobody_there_is_waited_for_and_then_it_is_over) {
	struct attempt *a = enrol(KIM, CW_FACTOR_SMARTCARD);

	ck_assert_int_eq(attempt_token_failed(a, TOKEN_ABSENT, TRIES_UNKNOWN, &world.now), 0);
	ck_assert_int_eq((int)attempt_prompt(a)->field, CW_FIELD_INSERT);
	ck_assert_str_eq(message(a), "insert-card");
	pass_ms(61000);
	attempt_cancel(a, &world.now, true);
	ck_assert_str_eq(message(a), "timed-out");
	ck_assert_str_eq(trail(), ""); /* nothing was presented: nothing to tell */
	(void)attempt_free(a);
}
END_TEST

START_TEST(what_is_over_holds_no_pin_and_no_token) {
	struct attempt *a = to_signing(KIM, CW_FACTOR_SMARTCARD, "\x07");
	static const struct enrolment none;
	static const struct secret no_secret;

	attempt_cancel(a, &world.now, false);
	ck_assert_mem_eq(&a->enrol, &none, sizeof(none));
	ck_assert_mem_eq(&a->token.sign.pin, &no_secret, sizeof(no_secret));
	ck_assert_mem_eq(&a->held.pin, &no_secret, sizeof(no_secret));
	(void)attempt_free(a);
}
END_TEST

START_TEST(RS_04_no_step_of_the_database_that_fails_leaves_half_a_token) {
	for (unsigned n = 1; n < 500; ++n) {
		struct attempt *a = enrol(KIM, CW_FACTOR_BADGE);

		fault_at(n, false);
		(void)tap(a, 9);
		fault_at(0, false);
		if (is_yes_result(a)) {
			(void)attempt_free(a);
			ck_assert_uint_gt(n, 10);
			return;
		}
		(void)attempt_free(a);
		world_close();
		world_open();
		world.auth.store = world.store;
		ck_assert_msg(tokens_of(KIM) == 0, "step %u", n);
	}
	ck_abort_msg("it never succeeds");
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("enrol-who");
	TCase *t = tcase_create("enrol");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, enrol_set_up, world_tear_down);
	tcase_add_test(t, a_code_is_typed_twice_and_kept_as_a_password_is);
	tcase_add_loop_test(t, a_bad_code_is_asked_for_again_with_the_reason, 0,
			    (int)ARRAY_SIZE(codes));
	tcase_add_test(t, a_code_is_not_asked_for_for_ever);
	tcase_add_test(t, a_code_given_anew_is_one_row_and_says_who_gave_it);
	tcase_add_loop_test(t, a_hash_that_fails_enrols_no_code, 0, 2);
	tcase_add_loop_test(t, PO_09_who_may_no_longer_enrols_nothing, 0,
			    (int)ARRAY_SIZE(meanwhile));
	tcase_add_test(t, PO_16_nobody_enrols_for_himself_but_a_code);
	tcase_add_test(t, a_factor_that_the_site_has_not_is_not_offered);
	tcase_add_test(t, an_enrolment_begins_with_somebody_and_by_its_own_purpose);
	tcase_add_test(t, nobody_there_is_waited_for_and_then_it_is_over);
	tcase_add_test(t, what_is_over_holds_no_pin_and_no_token);
	tcase_add_test(t, RS_04_no_step_of_the_database_that_fails_leaves_half_a_token);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
