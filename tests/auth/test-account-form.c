/* SPDX-License-Identifier: Apache-2.0 */

/* Names, the sealed form of an account, its validity: all that needs no database. */

#include <errno.h>
#include <stdlib.h>

#include "auth/row.h"
#include "auth/text.h"
#include "tests/auth/device.h"

#define BYTES(s) (s), sizeof(s) - 1

static const char much[4096] = { [0 ... 4095] = 'a' };

static const struct {
	const char *why;
	const char *typed;
	size_t n_typed;
	const char *expect; /* NULL: refused */
} names[] = {
	{ "letters and digits", BYTES("nurse7"), "nurse7" },
	{ "signs inside", BYTES("kim.weber-o_1@ward"), "kim.weber-o_1@ward" },
	{ "capitals are folded", BYTES("Kim.Weber"), "kim.weber" },
	{ "sharp s is folded",
	  BYTES("Stra\xc3\x9f"
		"er"),
	  "strasser" },
	{ "decomposed is composed", BYTES("rene\xcc\x81"), "ren\xc3\xa9" },
	{ "Greek, with its final sigma", BYTES("\xce\xa3\xce\xbf\xcf\x86\xce\xbf\xcf\x82"),
	  "\xcf\x83\xce\xbf\xcf\x86\xce\xbf\xcf\x83" },
	{ "Devanagari with its vowel signs",
	  BYTES("\xe0\xa4\xae\xe0\xa5\x80\xe0\xa4\xb0\xe0\xa4\xbe"),
	  "\xe0\xa4\xae\xe0\xa5\x80\xe0\xa4\xb0\xe0\xa4\xbe" },
	{ "63 bytes", much, 63, much },
	{ "64 bytes", much, 64, NULL },
	{ "LK-14 a path upwards", BYTES("../x"), NULL },
	{ "LK-14 a path", BYTES("a/b"), NULL },
	{ "LK-14 a dot", BYTES("."), NULL },
	{ "LK-14 two dots", BYTES(".."), NULL },
	{ "LK-14 empty", BYTES(""), NULL },
	{ "LK-14 four KiB", much, 4096, NULL },
	{ "LK-14 a line feed", BYTES("\n"), NULL },
	{ "LK-14 a line feed at the end", BYTES("kim\n"), NULL },
	{ "LK-14 a format", BYTES("%s"), NULL },
	{ "LK-14 a home", BYTES("~"), NULL },
	{ "LK-14 invalid UTF-8", BYTES("kim\xff"), NULL },
	{ "LK-14 a NUL inside", BYTES("root\0x"), NULL },
	{ "a blank", BYTES("kim weber"), NULL },
	{ "a blank at the end", BYTES("kim "), NULL },
	{ "a no-break space", BYTES("kim\xc2\xa0w"), NULL },
	{ "a quote", BYTES("kim'"), NULL },
	{ "a sign at the beginning", BYTES("-kim"), NULL },
	{ "a mark at the beginning",
	  BYTES("\xcc\x81"
		"a"),
	  NULL },
	{ "an invisible joiner", BYTES("ki\xe2\x80\x8dm"), NULL },
	{ "a turn of direction", BYTES("ki\xe2\x80\xaem"), NULL },
	{ "an emoji", BYTES("\xf0\x9f\x8d\x8b"), NULL },
};

START_TEST(a_name_has_one_form) {
	char name[LIMIT_NAME] = "untouched";
	int r = account_normalise(names[_i].typed, names[_i].n_typed, name);

	if (!names[_i].expect) {
		ck_assert_msg(r == -EINVAL, "%s: gave %d", names[_i].why, r);
		ck_assert_str_eq(name, "untouched");
		return;
	}
	ck_assert_msg(r == 0, "%s: gave %d", names[_i].why, r);
	ck_assert_msg(strncmp(name, names[_i].expect, 63) == 0 && strlen(name) <= 63, "%s: gave %s",
		      names[_i].why, name);
}
END_TEST

START_TEST(normalising_a_name_twice_changes_nothing) {
	for (int32_t point = 1; point <= 0x10ffff; ++point) {
		struct text text = { .n = 3, .points = { 'a', point, 0x301 } };
		char once[LIMIT_NAME];
		char twice[LIMIT_NAME];
		uint8_t bytes[16];
		size_t n;

		if (point >= 0xd800 && point <= 0xdfff)
			continue;
		if (text_encode(&text, bytes, sizeof(bytes), &n) < 0)
			ck_abort_msg("U+%04X cannot be encoded", (unsigned)point);
		if (account_normalise((const char *)bytes, n, once) < 0)
			continue;
		if (account_normalise(once, strlen(once), twice) < 0 || strcmp(once, twice) != 0)
			ck_abort_msg("U+%04X is not stable", (unsigned)point);
	}
}
END_TEST

/* Every field at its largest. */
static struct account full_account(void) {
	struct account account = {
		.state = ACCOUNT_ENABLED,
		.source = ACCOUNT_FROM_DIRECTORY,
		.created_by = 3000000000u,
		.sponsor = 4000000000u,
		.valid_from_ms = INT64_MIN,
		.valid_until_ms = INT64_MAX,
		.created_ms = -1,
		.n_roles = LIMIT_ROLES_OF_ACCOUNT,
	};

	memset(account.name, 'n', LIMIT_NAME - 1);
	memset(account.person, 'p', LIMIT_PERSON - 1);
	memset(account.display, 'd', LIMIT_NAME - 1);
	for (uint32_t i = 0; i < account.n_roles; ++i)
		memset(account.roles[i], 'a' + (int)i, POLICY_NAME_SIZE - 1);
	return account;
}

START_TEST(the_sealed_form_comes_back_as_it_was) {
	struct account account = full_account();
	struct account back = { 0 };
	uint8_t plain[ACCOUNT_PLAIN_MAX];
	size_t n = account_encode(&account, plain);

	ck_assert_uint_eq(n, 36 + 19 * 64);
	ck_assert_int_eq(account_decode(plain, n, &back), 0);
	back.state = account.state;
	ck_assert(same_account(&account, &back));
}
END_TEST

START_TEST(the_sealed_form_is_taken_exactly_or_not_at_all) {
	struct account account = full_account();
	struct account back = { .number = 77 };
	uint8_t plain[ACCOUNT_PLAIN_MAX + 1] = { 0 };
	size_t n;

	account.n_roles = 2;
	n = account_encode(&account, plain);
	for (size_t cut = 0; cut < n; ++cut)
		ck_assert_msg(account_decode(plain, cut, &back) == -EBADMSG, "cut to %zu", cut);
	ck_assert_int_eq(account_decode(plain, n + 1, &back), -EBADMSG);

	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
	} edits[] = {
		{ "a version of the future", 0, 2 },
		{ "version 0", 0, 0 },
		{ "no source", 1, 0 },
		{ "a source of the future", 1, 6 },
		{ "seventeen roles", 2, 17 },
		{ "one role less", 2, 1 },
		{ "one role more", 2, 3 },
		{ "the reserved byte", 3, 1 },
		{ "a NUL in the name", 40, 0 },
		{ "a control character", 40, 7 },
		{ "half a character", 40, 0xc3 },
		{ "a name of 64 bytes", 36, 64 },
		{ "no name", 36, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(edits); ++i) {
		uint8_t kept = plain[edits[i].at];

		plain[edits[i].at] = edits[i].value;
		ck_assert_msg(account_decode(plain, n, &back) == -EBADMSG, "%s", edits[i].why);
		plain[edits[i].at] = kept;
	}
	ck_assert_uint_eq(back.number, 77); /* nothing is written on failure */
	ck_assert_int_eq(account_decode(plain, n, &back), 0);
}
END_TEST

static const struct {
	const char *why;
	int64_t from_s; /* against now; 0: no bound */
	int64_t until_s;
	enum clock_trust trust;
	int64_t wall_ms; /* 0: now */
	bool expect;
} validity[] = {
	{ "no bounds", 0, 0, CLOCK_TRUSTED, 0, true },
	{ "within its time", -10, 10, CLOCK_TRUSTED, 0, true },
	{ "over", -10, -1, CLOCK_TRUSTED, 0, false },
	{ "not begun", 1, 0, CLOCK_TRUSTED, 0, false },
	{ "TM-01 1970 expires nobody", -10, 10, CLOCK_UNKNOWN, 1, true },
	{ "TM-01 nor does 1999", -10, 10, CLOCK_UNKNOWN, 915148800000, true },
	{ "TM-01 nor 2038", -10, 10, CLOCK_SUSPICIOUS, 2147483648000, true },
	{ "TM-01 nor 2106", -10, 10, CLOCK_SUSPICIOUS, 4294967296000, true },
	{ "TM-01 nor 9999", -10, 10, CLOCK_SUSPICIOUS, 253402300799000, true },
	{ "TM-01 nor the end of time", -10, 10, CLOCK_SUSPICIOUS, INT64_MAX, true },
	{ "TM-01 nor a time before 1970", -10, 10, CLOCK_UNKNOWN, INT64_MIN, true },
	{ "an unknown clock cannot say that somebody has ended", -10, -1, CLOCK_UNKNOWN, 0, true },
	{ "a clock that ran ahead and is still before the day", 100, 0, CLOCK_SUSPICIOUS, 0,
	  false },
	{ "TM-01 2038 on a trusted clock is after 2026", -10, 10, CLOCK_TRUSTED, 2147483648000,
	  false },
};

START_TEST(TM_01_only_a_trusted_clock_expires_anybody) {
	struct moment now = moment_at(0);
	struct account account = { 0 };

	if (validity[_i].from_s != 0)
		account.valid_from_ms = now.wall_ms + validity[_i].from_s * 1000;
	if (validity[_i].until_s != 0)
		account.valid_until_ms = now.wall_ms + validity[_i].until_s * 1000;
	if (validity[_i].wall_ms != 0)
		now.wall_ms = validity[_i].wall_ms;
	now.trust = validity[_i].trust;
	ck_assert_msg(account_is_valid(&account, &now) == validity[_i].expect, "%s",
		      validity[_i].why);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("account-form");
	TCase *t = tcase_create("forms");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_name_has_one_form, 0, (int)ARRAY_SIZE(names));
	tcase_add_test(t, normalising_a_name_twice_changes_nothing);
	tcase_add_test(t, the_sealed_form_comes_back_as_it_was);
	tcase_add_test(t, the_sealed_form_is_taken_exactly_or_not_at_all);
	tcase_add_loop_test(t, TM_01_only_a_trusted_clock_expires_anybody, 0,
			    (int)ARRAY_SIZE(validity));
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
