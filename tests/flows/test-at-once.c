/* SPDX-License-Identifier: Apache-2.0 */

/* Two changes of one password at once: whatever the order, one of them counts. */

#undef NDEBUG

#include <string.h>

#include "tests/flows/world.h"

#define RIGHT(name) PASSWORD_OF " " name "'s"
#define OTHER_PASSWORD "nine patient lighthouse keepers 4"
#define DAY_MS UINT64_C(86400000)

/* What is done to change a password, in order. */
static void step(struct attempt *a, unsigned i, const char *old) {
	const char *const answers[] = {old, NULL, OTHER_PASSWORD, OTHER_PASSWORD, NULL};

	if (attempt_want(a) == ATTEMPT_ANSWER && answers[i])
		(void)say(a, answers[i]);
	else if (attempt_want(a) == ATTEMPT_HASH && !answers[i])
		(void)hash(a);
}

#define N_STEPS 5u

/*
 * The least age of a password is a day. In each row the second change has come so
 * far when the first one becomes durable.
 */
static const struct {
	const char *why;
	unsigned steps;
	const char *old; /* what the second types as the old password */
	const char *end;
	const char *trail;
} orders[] = {
	{"PW-15 begun, and nothing said", 0, RIGHT("kim"), "refused",
	 "try-counted:ok+claimed password-changed:refused+claimed"},
	{"PW-15 the old password is being looked at", 1, RIGHT("kim"), "refused",
	 "password-changed:disabled+claimed"},
	{"PW-15 the old password was right", 2, RIGHT("kim"), "stale",
	 "password-changed:refused"},
	{"PW-15 the new one is typed once", 3, RIGHT("kim"), "stale",
	 "password-changed:refused"},
	{"PW-15 the new one is being hashed", 4, RIGHT("kim"), "stale",
	 "password-changed:refused"},
	{"PW-15 begun, and the new password is typed as the old one", 0, NEW_PASSWORD,
	 "password-too-soon", "try-counted:ok+claimed password-changed:refused"},
};

START_TEST(PW_15_of_two_changes_at_once_one_counts) {
	const char *const first_says[] = {RIGHT("kim"), NEW_PASSWORD, NEW_PASSWORD, NULL};
	struct attempt *first, *second;
	struct password after, now;
	const char *left;

	world.policy->settings.passwords.min_age_s = DAY_MS / 1000;
	pass_ms(2 * DAY_MS);
	sign_in(KIM);
	second = begin(CW_PURPOSE_CHANGE, NULL);
	for (unsigned i = 0; i < orders[_i].steps; ++i)
		step(second, i, orders[_i].old);
	ck_assert_int_ne(attempt_want(second), ATTEMPT_OVER);
	first = begin(CW_PURPOSE_CHANGE, NULL);
	talk(first, first_says);
	ck_assert_msg(is_yes_result(first), "%s: the first: %s", orders[_i].why, message(first));
	after = password_now(KIM);
	(void)trail();

	for (unsigned i = orders[_i].steps; i < N_STEPS; ++i)
		step(second, i, orders[_i].old);
	left = trail();
	ck_assert_msg(!is_yes_result(second) && strcmp(message(second), orders[_i].end) == 0 &&
			      strcmp(left, orders[_i].trail) == 0,
		      "%s: the second: %s, %s", orders[_i].why, message(second), left);
	now = password_now(KIM);
	ck_assert_msg(memcmp(&after, &now, sizeof(now)) == 0, "%s: the row was changed",
		      orders[_i].why);
	(void)attempt_free(first);
	(void)attempt_free(second);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("at-once");
	TCase *t = tcase_create("at-once");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, PW_15_of_two_changes_at_once_one_counts, 0, (int)ARRAY_SIZE(orders));
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
