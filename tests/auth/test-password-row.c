/* SPDX-License-Identifier: Apache-2.0 */

/* The stored password: form, compare and swap, history, dates. */

#include <errno.h>
#include <stdlib.h>

#include "auth/row.h"
#include "tests/auth/device.h"

static const struct password_rules rules = { .history = 5 };

static bool same_password(const struct password *a, const struct password *b) {
	return a->one_time == b->one_time && a->used == b->used && a->set_ms == b->set_ms &&
	       a->expires_ms == b->expires_ms && a->set_by == b->set_by &&
	       a->reset_unseen == b->reset_unseen && a->n_history == b->n_history &&
	       memcmp(&a->current, &b->current, sizeof(a->current)) == 0 &&
	       memcmp(a->history, b->history, a->n_history * sizeof(a->history[0])) == 0;
}

static struct password full_password(void) {
	struct password password = {
		.one_time = true,
		.used = true,
		.reset_unseen = true,
		.set_ms = INT64_MIN,
		.expires_ms = INT64_MAX,
		.set_by = UINT32_MAX,
		.current = fake_verifier(200),
		.n_history = LIMIT_PASSWORD_HISTORY,
	};

	for (uint32_t i = 0; i < password.n_history; ++i)
		password.history[i] = fake_verifier((uint8_t)i);
	return password;
}

START_TEST(the_sealed_form_comes_back_as_it_was) {
	uint8_t plain[PASSWORD_PLAIN_MAX];

	for (unsigned flags = 0; flags < 8; ++flags) {
		struct password password = full_password();
		struct password back = { 0 };
		size_t n;

		password.one_time = flags & 1;
		password.used = flags & 2;
		password.reset_unseen = flags & 4;
		n = password_encode(&password, plain);
		ck_assert_uint_eq(n, 24 + 25 * 60);
		ck_assert_int_eq(password_decode(plain, n, &back), 0);
		ck_assert(same_password(&password, &back));
	}
}
END_TEST

START_TEST(the_sealed_form_is_taken_exactly_or_not_at_all) {
	struct password password = full_password();
	struct password back = { .number = 77 };
	uint8_t plain[PASSWORD_PLAIN_MAX + 1] = { 0 };
	size_t n;
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
	} edits[] = {
		{ "a version of the future", 0, 2 }, { "version 0", 0, 0 },
		{ "an unknown flag", 1, 8 },         { "one history less", 2, 2 },
		{ "one history more", 2, 4 },        { "more history than there may be", 2, 25 },
		{ "the reserved byte", 3, 1 },
	};

	password.n_history = 3;
	n = password_encode(&password, plain);
	for (size_t cut = 0; cut < n; ++cut)
		ck_assert_msg(password_decode(plain, cut, &back) == -EBADMSG, "cut to %zu", cut);
	ck_assert_int_eq(password_decode(plain, n + 1, &back), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(edits); ++i) {
		uint8_t kept = plain[edits[i].at];

		plain[edits[i].at] = edits[i].value;
		ck_assert_msg(password_decode(plain, n, &back) == -EBADMSG, "%s", edits[i].why);
		plain[edits[i].at] = kept;
	}
	ck_assert_uint_eq(back.number, 77);
}
END_TEST

START_TEST(a_password_is_loaded_as_it_was_stored) {
	struct password password = full_password();
	struct password back = { .number = 77 };
	struct moment now = moment_at(0);

	ck_assert_uint_eq(make_account("kim", "nurse"), 1);
	ck_assert_int_eq(password_load(device.store, 1, &back), -ENOENT);
	ck_assert_uint_eq(back.number, 77);
	password.account = 1;
	password.disabled = true;
	ck_assert_int_eq(
		password_store(device.store, &nobody, &now, EVENT_ACCOUNT_RESET, &password), 0);
	ck_assert_uint_eq(password.number, 1);
	ck_assert_uint_eq(password.generation, 1);
	device_close();
	device_open();
	ck_assert_int_eq(password_load(device.store, 1, &back), 0);
	ck_assert(same_password(&password, &back));
	ck_assert(back.disabled);
	ck_assert_uint_eq(back.account, 1);
	ck_assert_uint_eq(back.number, 1);
	ck_assert_uint_eq(back.generation, 1);
}
END_TEST

START_TEST(PW_16_a_reset_and_a_change_do_not_lose_one_another) {
	struct moment now = moment_at(0);
	struct password mine;
	struct password yours;

	(void)make_account("kim", "nurse");
	mine = make_password(1, 1, 2);
	yours = mine;
	yours.current = fake_verifier(2);
	ck_assert_int_eq(password_store(device.store, &nobody, &now, EVENT_ACCOUNT_RESET, &yours),
			 0);
	ck_assert_uint_eq(yours.generation, 2);
	mine.current = fake_verifier(3);
	ck_assert_int_eq(password_store(device.store, &nobody, &now, EVENT_PASSWORD_CHANGED, &mine),
			 -ESTALE);
	ck_assert_uint_eq(mine.generation, 1);
	ck_assert_int_eq(password_load(device.store, 1, &mine), 0);
	ck_assert_mem_eq(&mine.current, &yours.current, sizeof(mine.current));
}
END_TEST

START_TEST(PW_16_two_first_passwords_are_one_too_many) {
	struct moment now = moment_at(0);
	struct password first = { .account = 1, .current = fake_verifier(1) };
	struct password second = { .account = 1, .current = fake_verifier(2) };

	(void)make_account("kim", "nurse");
	ck_assert_int_eq(password_store(device.store, &nobody, &now, EVENT_ACCOUNT_RESET, &first),
			 0);
	ck_assert_int_eq(password_store(device.store, &nobody, &now, EVENT_ACCOUNT_RESET, &second),
			 -ESTALE);
	ck_assert_uint_eq(second.number, 0);
	device_close();
	ck_assert_int_eq(device_number("SELECT count(*) FROM authenticators"), 1);
}
END_TEST

static const struct {
	const char *why;
	enum audit_event event;
	uint32_t account;
	int expect;
} stores[] = {
	{ "changed by the person", EVENT_PASSWORD_CHANGED, 1, 0 },
	{ "reset", EVENT_ACCOUNT_RESET, 1, 0 },
	{ "hashed anew", EVENT_VERIFIER_REHASHED, 1, 0 },
	{ "an event that carries no digest", EVENT_LOCKOUT, 1, -EINVAL },
	{ "a sign-in", EVENT_SIGN_IN, 1, -EINVAL },
	{ "no event", EVENT_NONE, 1, -EINVAL },
	{ "nobody's account", EVENT_ACCOUNT_RESET, 9, -EINVAL },
	{ "account 0", EVENT_ACCOUNT_RESET, 0, -EINVAL },
};

START_TEST(only_an_entry_that_carries_the_digest_goes_with_a_password) {
	struct moment now = moment_at(0);
	struct password password = { .account = stores[_i].account, .current = fake_verifier(1) };
	struct account account;
	int r;

	(void)make_account("kim", "nurse");
	r = password_store(device.store, &nobody, &now, stores[_i].event, &password);
	ck_assert_msg(r == stores[_i].expect, "%s: gave %d", stores[_i].why, r);
	ck_assert_int_eq(account_by_number(device.store, 1, &account), 0);
}
END_TEST

START_TEST(another_accounts_row_is_not_written_over) {
	struct moment now = moment_at(0);
	struct password kim;

	(void)make_account("kim", "nurse");
	(void)make_account("lee", "nurse");
	kim = make_password(1, 1, 0);
	(void)make_password(2, 2, 0);
	kim.account = 2; /* row 1, generation 1, but of kim */
	ck_assert_int_eq(password_store(device.store, &nobody, &now, EVENT_ACCOUNT_RESET, &kim),
			 -ESTALE);
}
END_TEST

START_TEST(a_second_password_row_is_damage) {
	struct password password;

	(void)make_account("kim", "nurse");
	(void)make_password(1, 1, 0);
	device_sql(
		"INSERT INTO authenticators (account, factor, state, generation, lookup, sealed, "
		"mac) SELECT account, factor, state, generation, lookup, sealed, mac "
		"FROM authenticators");
	ck_assert_int_eq(password_load(device.store, 1, &password), -EBADMSG);
}
END_TEST

/* Puts passwords 1..n in, one after the other, by the rule of @depth. */
static struct password with_history(uint8_t n, uint32_t depth) {
	struct password_rules at = { .history = depth };
	struct password password = { 0 };

	for (uint8_t i = 1; i <= n; ++i) {
		struct verifier made = fake_verifier(i);

		password_take(&password, &at, &made);
	}
	return password;
}

START_TEST(PW_14_the_history_follows_the_rule_of_today) {
	struct password password = with_history(6, 5);
	struct password_rules at = { .history = 5 };
	struct password_job job = { 0 };
	struct verifier made = fake_verifier(7);

	ck_assert_uint_eq(password.n_history, 5);
	password_job_refuse_old(&password, &at, &job);
	ck_assert_uint_eq(job.n_history, 6); /* the current one and five before it */
	for (uint8_t i = 0; i < 6; ++i)
		ck_assert_uint_eq(job.history[i].salt[0], 6u - i);

	at.history = 2; /* lowered: the fourth may come back */
	password_job_refuse_old(&password, &at, &job);
	ck_assert_uint_eq(job.n_history, 3);
	password_take(&password, &at, &made);
	ck_assert_uint_eq(password.n_history, 2);
	ck_assert_uint_eq(password.history[0].salt[0], 6);
	ck_assert_uint_eq(password.history[1].salt[0], 5);
	ck_assert_mem_eq(&password.history[2], &(struct verifier){ 0 }, sizeof(struct verifier));

	at.history = 24; /* raised: what is gone is gone, nothing breaks */
	password_job_refuse_old(&password, &at, &job);
	ck_assert_uint_eq(job.n_history, 3);
	password = with_history(60, 1000);
	ck_assert_uint_eq(password.n_history, LIMIT_PASSWORD_HISTORY);
	at.history = UINT32_MAX;
	password_job_refuse_old(&password, &at, &job);
	ck_assert_uint_eq(job.n_history, LIMIT_PASSWORD_HISTORY + 1);

	at.history = 0; /* none: still not the current one */
	password_job_refuse_old(&password, &at, &job);
	ck_assert_uint_eq(job.n_history, 1);
	password_take(&password, &at, &made);
	ck_assert_uint_eq(password.n_history, 0);
}
END_TEST

START_TEST(a_first_password_has_nothing_before_it) {
	struct password password = { 0 };
	struct password_job job = { .n_history = 9 };
	struct verifier made = fake_verifier(1);

	password_job_refuse_old(&password, &rules, &job);
	ck_assert_uint_eq(job.n_history, 0);
	password_take(&password, &rules, &made);
	ck_assert_uint_eq(password.n_history, 0);
	ck_assert_uint_eq(password.current.salt[0], 1);
}
END_TEST

START_TEST(PW_18_a_rehash_is_stored_once_and_takes_nothing_away) {
	struct moment now = moment_at(3);
	struct password first;
	struct password second;

	(void)make_account("kim", "nurse");
	first = second = make_password(1, 1, 1);
	first.current = fake_verifier(2);
	ck_assert_int_eq(
		password_store(device.store, &nobody, &now, EVENT_VERIFIER_REHASHED, &first), 0);
	/* A second sign-in that read the old row at the same time. */
	second.current = fake_verifier(3);
	ck_assert_int_eq(
		password_store(device.store, &nobody, &now, EVENT_VERIFIER_REHASHED, &second),
		-ESTALE);
	ck_assert_int_eq(password_load(device.store, 1, &second), 0);
	ck_assert_uint_eq(second.current.salt[0], 2);
}
END_TEST

#define HOUR INT64_C(3600)

static const struct {
	const char *why;
	struct password password; /* times in seconds after moment_at(0) */
	uint64_t max_age_s;
	int64_t now_s;
	enum clock_trust trust;
	bool expect;
} ages[] = {
	{ "no greatest age, no expiry", { .set_ms = 0 }, 0, 1000000 * HOUR, CLOCK_TRUSTED, false },
	{ "within the greatest age", { .set_ms = 0 }, 3600, HOUR, CLOCK_TRUSTED, false },
	{ "past the greatest age", { .set_ms = 0 }, 3600, HOUR + 1, CLOCK_TRUSTED, true },
	{ "TM-04 an untrusted clock ages nothing",
	  { .set_ms = 0 },
	  3600,
	  9 * HOUR,
	  CLOCK_UNKNOWN,
	  false },
	{ "TM-01 nor a suspicious one",
	  { .set_ms = 0 },
	  3600,
	  9000 * HOUR,
	  CLOCK_SUSPICIOUS,
	  false },
	{ "TM-04 a clock before the day it was set",
	  { .set_ms = HOUR },
	  3600,
	  0,
	  CLOCK_TRUSTED,
	  false },
	{ "an age that cannot be counted is never reached",
	  { .set_ms = 0 },
	  UINT64_MAX,
	  HOUR,
	  CLOCK_TRUSTED,
	  false },
	{ "one-time, before its date",
	  { .one_time = true, .expires_ms = HOUR },
	  0,
	  HOUR - 1,
	  CLOCK_TRUSTED,
	  false },
	{ "one-time, at its date",
	  { .one_time = true, .expires_ms = HOUR },
	  0,
	  HOUR,
	  CLOCK_TRUSTED,
	  true },
	{ "one-time, past its date on an untrusted clock",
	  { .one_time = true, .expires_ms = HOUR },
	  0,
	  9 * HOUR,
	  CLOCK_SUSPICIOUS,
	  false },
	{ "one-time, used up",
	  { .one_time = true, .used = true, .expires_ms = HOUR },
	  0,
	  0,
	  CLOCK_TRUSTED,
	  true },
	{ "one-time, used up, whatever the clock says",
	  { .one_time = true, .used = true, .expires_ms = HOUR },
	  0,
	  0,
	  CLOCK_UNKNOWN,
	  true },
};

START_TEST(TM_01_a_password_expires_by_a_trusted_clock_only) {
	struct moment now = moment_at(ages[_i].now_s);
	struct moment start = moment_at(0);
	struct password_rules at = { .max_age_s = ages[_i].max_age_s };
	struct password password = ages[_i].password;

	now.trust = ages[_i].trust;
	password.set_ms = start.wall_ms + password.set_ms * 1000;
	if (password.expires_ms != 0)
		password.expires_ms = start.wall_ms + password.expires_ms * 1000;
	ck_assert_msg(password_is_expired(&password, &at, &now) == ages[_i].expect, "%s",
		      ages[_i].why);
	if (password.one_time)
		ck_assert(password_is_expired(&password, NULL, &now) == ages[_i].expect);
}
END_TEST

static const struct {
	const char *why;
	bool one_time;
	uint64_t min_age_s;
	int64_t age_s;
	enum clock_trust trust;
	bool expect;
} youth[] = {
	{ "no least age", false, 0, 0, CLOCK_TRUSTED, false },
	{ "too young", false, 3600, 10, CLOCK_TRUSTED, true },
	{ "old enough", false, 3600, 3601, CLOCK_TRUSTED, false },
	{ "PW-25 a clock in 1970 keeps nobody from changing", false, 3600, -56 * 365 * 24 * HOUR,
	  CLOCK_UNKNOWN, false },
	{ "PW-25 nor a trusted one before that day", false, 3600, -10, CLOCK_TRUSTED, false },
	{ "a one-time password can always be changed", true, 3600, 10, CLOCK_TRUSTED, false },
};

START_TEST(PW_25_the_least_age_never_blocks_a_forced_change) {
	struct moment start = moment_at(0);
	struct moment now = moment_at(youth[_i].age_s);
	struct password password = { .one_time = youth[_i].one_time, .set_ms = start.wall_ms };
	struct password_rules at = { .min_age_s = youth[_i].min_age_s };

	now.trust = youth[_i].trust;
	ck_assert_msg(password_is_too_young(&password, &at, &now) == youth[_i].expect, "%s",
		      youth[_i].why);
}
END_TEST

START_TEST(PW_25_a_change_is_stored_with_a_clock_in_1970) {
	struct moment now = { .wall_ms = 5000, .boot_ms = 5000, .trust = CLOCK_UNKNOWN };
	struct password password;
	struct account account;

	(void)make_account("kim", "nurse");
	password = make_password(1, 1, 2);
	password.set_ms = now.wall_ms;
	password.current = fake_verifier(2);
	ck_assert_int_eq(
		password_store(device.store, &nobody, &now, EVENT_PASSWORD_CHANGED, &password), 0);
	ck_assert_int_eq(account_by_name(device.store, "kim", &account), 0);
	device_close();
	ck_assert_int_eq(device_number("SELECT event FROM journal ORDER BY seq DESC LIMIT 1"), 108);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("password-row");
	TCase *plain = tcase_create("plain");
	TCase *t = tcase_create("rows");

	tcase_add_test(plain, the_sealed_form_comes_back_as_it_was);
	tcase_add_test(plain, the_sealed_form_is_taken_exactly_or_not_at_all);
	tcase_add_test(plain, PW_14_the_history_follows_the_rule_of_today);
	tcase_add_test(plain, a_first_password_has_nothing_before_it);
	tcase_add_loop_test(plain, TM_01_a_password_expires_by_a_trusted_clock_only, 0,
			    (int)ARRAY_SIZE(ages));
	tcase_add_loop_test(plain, PW_25_the_least_age_never_blocks_a_forced_change, 0,
			    (int)ARRAY_SIZE(youth));
	suite_add_tcase(s, plain);

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, device_set_up, device_tear_down);
	tcase_add_test(t, a_password_is_loaded_as_it_was_stored);
	tcase_add_test(t, PW_16_a_reset_and_a_change_do_not_lose_one_another);
	tcase_add_test(t, PW_16_two_first_passwords_are_one_too_many);
	tcase_add_loop_test(t, only_an_entry_that_carries_the_digest_goes_with_a_password, 0,
			    (int)ARRAY_SIZE(stores));
	tcase_add_test(t, another_accounts_row_is_not_written_over);
	tcase_add_test(t, a_second_password_row_is_damage);
	tcase_add_test(t, PW_18_a_rehash_is_stored_once_and_takes_nothing_away);
	tcase_add_test(t, PW_25_a_change_is_stored_with_a_clock_in_1970);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
