/* SPDX-License-Identifier: Apache-2.0 */

/* How a password is brought into the one form that is hashed, and how one is made up. */

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "auth/password.h"
#include "common/cleanup.h"
#include "tests/auth/device.h"

#define BYTES(s) (s), sizeof(s) - 1

static const struct {
	const char *why;
	const char *typed;
	size_t n_typed;
	int expect;
	const char *prepared;
	size_t n_prepared;
} forms[] = {
	{ "PW-02 empty is refused before hashing", BYTES(""), -EINVAL, "", 0 },
	{ "plain letters stay", BYTES("four words in a row"), 0, BYTES("four words in a row") },
	{ "case is kept", BYTES("AbC"), 0, BYTES("AbC") },
	{ "blanks at both ends are kept", BYTES(" x "), 0, BYTES(" x ") },
	{ "PW-10 a NUL is not the end of a password", BYTES("abc\0def"), -EINVAL, "", 0 },
	{ "PW-10 nor at its end", BYTES("abc\0"), -EINVAL, "", 0 },
	{ "PW-11 a lone continuation byte", BYTES("abc\x80"), -EINVAL, "", 0 },
	{ "PW-11 a byte that UTF-8 does not have", BYTES("abc\xff"), -EINVAL, "", 0 },
	{ "PW-11 Latin-1", BYTES("caf\xe9"), -EINVAL, "", 0 },
	{ "PW-11 a cut sequence", BYTES("abc\xe2\x82"), -EINVAL, "", 0 },
	{ "PW-11 an overlong form", BYTES("\xc0\xaf"), -EINVAL, "", 0 },
	{ "PW-11 a surrogate", BYTES("\xed\xa0\x80"), -EINVAL, "", 0 },
	{ "PW-11 above the last code point", BYTES("\xf4\x90\x80\x80"), -EINVAL, "", 0 },
	{ "PW-11 a control character", BYTES("abc\x07"), -EINVAL, "", 0 },
	{ "PW-11 a tab", BYTES("a\tb"), -EINVAL, "", 0 },
	{ "PW-11 a line feed", BYTES("abc\n"), -EINVAL, "", 0 },
	{ "PW-11 DEL", BYTES("a\x7f"), -EINVAL, "", 0 },
	{ "PW-11 a C1 control", BYTES("a\xc2\x85"), -EINVAL, "", 0 },
	{ "PW-11 a line separator", BYTES("a\xe2\x80\xa8"), -EINVAL, "", 0 },
	{ "PW-11 a noncharacter", BYTES("a\xef\xbf\xbf"), -EINVAL, "", 0 },
	{ "PW-11 private use", BYTES("a\xee\x80\x80"), -EINVAL, "", 0 },
	{ "PW-11 an invisible soft hyphen", BYTES("a\xc2\xad"), -EINVAL, "", 0 },
	{ "PW-11 a byte order mark",
	  BYTES("\xef\xbb\xbf"
		"abc"),
	  -EINVAL, "", 0 },
	{ "PW-11 an emoji is a symbol", BYTES("\xf0\x9f\x8d\x8b"), 0, BYTES("\xf0\x9f\x8d\x8b") },
	{ "PW-11 joiners belong to spelling",
	  BYTES("a\xe2\x80\x8c"
		"b"),
	  0,
	  BYTES("a\xe2\x80\x8c"
		"b") },
	{ "PW-12 composed stays", BYTES("caf\xc3\xa9"), 0, BYTES("caf\xc3\xa9") },
	{ "PW-12 decomposed is composed", BYTES("cafe\xcc\x81"), 0, BYTES("caf\xc3\xa9") },
	{ "PW-12 marks in another order", BYTES("q\xcc\x87\xcc\xa3"), 0,
	  BYTES("q\xcc\xa3\xcc\x87") },
	{ "PW-12 the Angstrom sign is the letter", BYTES("\xe2\x84\xab"), 0, BYTES("\xc3\x85") },
	{ "PW-12 Korean letters become syllables", BYTES("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"), 0,
	  BYTES("\xed\x95\x9c") },
	{ "PW-12 compatibility forms stay different", BYTES("\xef\xac\x81"), 0,
	  BYTES("\xef\xac\x81") },
	{ "a no-break space becomes a space",
	  BYTES("a\xc2\xa0"
		"b"),
	  0, BYTES("a b") },
	{ "an ideographic space becomes a space",
	  BYTES("a\xe3\x80\x80"
		"b"),
	  0, BYTES("a b") },
};

START_TEST(a_password_has_one_form) {
	struct secret typed = { 0 };
	struct secret prepared = { .n = 77 };
	int r;

	ck_assert(secret_set(&typed, forms[_i].typed, forms[_i].n_typed));
	r = password_prepare(&typed, &prepared);
	ck_assert_msg(r == forms[_i].expect, "%s: gave %d, want %d", forms[_i].why, r,
		      forms[_i].expect);
	if (r < 0) {
		ck_assert_msg(prepared.n == 77, "%s: output written on failure", forms[_i].why);
		return;
	}
	ck_assert_msg(prepared.n == forms[_i].n_prepared &&
			      memcmp(prepared.bytes, forms[_i].prepared, prepared.n) == 0,
		      "%s: %zu bytes, not as expected", forms[_i].why, prepared.n);
}
END_TEST

static const struct {
	const char *why;
	size_t n_letters;
	const char *letter;
	int expect;
} lengths[] = {
	{ "PW-09 one less than the most", 255, "x", 0 },
	{ "PW-09 the most", 256, "x", 0 },
	{ "PW-09 the most, in two bytes each", 128, "\xc3\xa9", 0 },
	{ "PW-07 more after normalisation than the most: refused, not cut", 85, "\xe0\xa5\x98",
	  -E2BIG },
};

START_TEST(lengths_are_exact) {
	struct secret typed = { 0 };
	struct secret prepared = { 0 };
	size_t n = strlen(lengths[_i].letter);
	int r;

	for (size_t i = 0; i < lengths[_i].n_letters; ++i)
		memcpy(typed.bytes + i * n, lengths[_i].letter, n);
	typed.n = n * lengths[_i].n_letters;
	r = password_prepare(&typed, &prepared);
	ck_assert_msg(r == lengths[_i].expect, "%s: gave %d, want %d", lengths[_i].why, r,
		      lengths[_i].expect);
	if (r == 0)
		ck_assert_uint_eq(prepared.n, typed.n); /* PW-08: nothing is cut off */
}
END_TEST

START_TEST(PW_07_longer_than_a_secret_holds_is_refused) {
	static const char much[1024 * 1024];
	struct secret typed = { 0 };

	ck_assert(!secret_set(&typed, much, sizeof(much)));
	ck_assert_uint_eq(typed.n, 0);
	typed.n = SECRET_MAX + 1; /* a length that lies is no way past it either */
	ck_assert_int_eq(password_prepare(&typed, &(struct secret){ 0 }), -E2BIG);
}
END_TEST

START_TEST(preparing_twice_changes_nothing) {
	static const char *const samples[] = { "cafe\xcc\x81 \xe3\x80\x80", "q\xcc\x87\xcc\xa3",
					       "\xe1\x84\x92\xe1\x85\xa1", "plain" };

	for (size_t i = 0; i < ARRAY_SIZE(samples); ++i) {
		struct secret typed = { 0 };
		struct secret once = { 0 };
		struct secret twice = { 0 };

		ck_assert(secret_set(&typed, samples[i], strlen(samples[i])));
		ck_assert_int_eq(password_prepare(&typed, &once), 0);
		ck_assert_int_eq(password_prepare(&once, &twice), 0);
		ck_assert_msg(once.n == twice.n && memcmp(once.bytes, twice.bytes, once.n) == 0,
			      "sample %zu is not stable", i);
	}
}
END_TEST

START_TEST(a_one_time_secret_is_four_groups_of_five) {
	uint8_t random[32];
	struct secret secret = { 0 };

	memset(random, 0xa7, sizeof(random));
	password_one_time(random, &secret);
	ck_assert_uint_eq(secret.n, 23);
	for (size_t i = 0; i < secret.n; ++i) {
		if (i % 6 == 5)
			ck_assert_int_eq(secret.bytes[i], '-');
		else
			ck_assert_msg(strchr("23456789ABCDEFGHJKMNPQRSTUVWXYZ", secret.bytes[i]),
				      "letter %zu is '%c'", i, secret.bytes[i]);
	}
	for (size_t i = 0; i < sizeof(random); ++i)
		ck_assert_msg(random[i] == 0, "byte %zu of the random number is left", i);
}
END_TEST

START_TEST(one_time_secrets_use_all_letters_alike) {
	unsigned counts[256] = { 0 };
	uint64_t x = 88172645463325252u;

	for (unsigned i = 0; i < 3100; ++i) {
		uint8_t random[32];
		struct secret secret;

		for (size_t k = 0; k < sizeof(random); ++k) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			random[k] = (uint8_t)(x >> 24);
		}
		password_one_time(random, &secret);
		for (size_t k = 0; k < secret.n; ++k)
			counts[secret.bytes[k]]++;
	}
	/* 62000 letters, 2000 each; five standard deviations are 220. */
	for (const char *p = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"; *p; ++p)
		ck_assert_msg(counts[(uint8_t)*p] > 1780 && counts[(uint8_t)*p] < 2220,
			      "letter %c came %u times", *p, counts[(uint8_t)*p]);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("password-text");
	TCase *t = tcase_create("forms");

	tcase_add_loop_test(t, a_password_has_one_form, 0, (int)ARRAY_SIZE(forms));
	tcase_add_loop_test(t, lengths_are_exact, 0, (int)ARRAY_SIZE(lengths));
	tcase_add_test(t, PW_07_longer_than_a_secret_holds_is_refused);
	tcase_add_test(t, preparing_twice_changes_nothing);
	tcase_add_test(t, a_one_time_secret_is_four_groups_of_five);
	tcase_add_test(t, one_time_secrets_use_all_letters_alike);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
