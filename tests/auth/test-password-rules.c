/* SPDX-License-Identifier: Apache-2.0 */

/* Which new passwords are taken, and what the check leaves behind. */

#include <check.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "auth/password.h"
#include "common/cleanup.h"
#include "tests/auth/device.h"
#include "tests/auth/memory.h"

static const struct password_rules defaults = {
	.min_length = 12,
	.min_length_privileged = 15,
	.history = 5,
	.dictionary = true,
};

static const struct password_rules classes = {
	.min_length = 12,
	.min_classes = 4,
	.dictionary = true,
};

static const struct password_rules lax = { .min_length = 1, .dictionary = false };
static const struct password_rules zeroes = { 0 };

static const struct account kim = {
	.name = "kim.weber",
	.person = "H-20417",
	.display = "Kim Weber-Okafor",
};

static const struct account li = { .name = "li", .display = "Li Na" };

static const char *const words[] = { "SN-77310-B", "Infusomat Nova" };

static const struct {
	const char *why;
	const struct password_rules *rules;
	const struct account *account;
	const char *old;
	const char *new;
	bool privileged;
	enum password_fault expect;
} cases[] = {
	{ "four unrelated words", &defaults, &kim, NULL, "lantern velvet orbit mosaic", false,
	  PASSWORD_GOOD },
	{ "twelve mixed characters", &defaults, &kim, NULL, "tR4!zuq9Wm#e", false, PASSWORD_GOOD },
	{ "eleven characters", &defaults, &kim, NULL, "tR4!zuq9Wm#", false, PASSWORD_TOO_SHORT },
	{ "length counts characters, not bytes", &defaults, &kim, NULL,
	  "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa9\xc3\xa8", false, PASSWORD_TOO_SHORT },
	{ "twelve characters of two bytes are twelve", &defaults, &kim, NULL,
	  "\xc3\xa4x\xc3\xb6v\xc3\xbcz\xc3\x9fq\xc3\xa9w\xc3\xa8j", false, PASSWORD_GOOD },
	{ "PW-21 empty", &defaults, &kim, NULL, "", false, PASSWORD_TOO_SHORT },
	{ "a privileged role needs fifteen", &defaults, &kim, NULL, "tR4!zuq9Wm#e", true,
	  PASSWORD_TOO_SHORT },
	{ "fifteen do for a privileged role", &defaults, &kim, NULL, "tR4!zuq9Wm#eLp2", true,
	  PASSWORD_GOOD },
	{ "the floor of eight holds for rules of zeroes", &zeroes, &kim, NULL, "tR4!zuq", false,
	  PASSWORD_TOO_SHORT },
	{ "the floor of eight holds for lax rules", &lax, &kim, NULL, "tR4!zuq", true,
	  PASSWORD_TOO_SHORT },
	{ "eight do at the floor", &lax, &kim, NULL, "tR4!zuq9", false, PASSWORD_GOOD },
	{ "no class rule by default", &defaults, &kim, NULL, "qzvwkxjyplmh", false, PASSWORD_GOOD },
	{ "three classes where four are asked for", &classes, &kim, NULL, "tR4zuq9WmheK", false,
	  PASSWORD_CLASSES },
	{ "four classes where four are asked for", &classes, &kim, NULL, "tR4zuq9Wmhe!", false,
	  PASSWORD_GOOD },
	{ "classes are Unicode's", &classes, &kim, NULL, "\xc3\x84\xc3\xb6z4 uqvwmhe", false,
	  PASSWORD_GOOD },
	{ "a control character", &defaults, &kim, NULL, "tR4!zuq9\x07Wm#e", false,
	  PASSWORD_BAD_TEXT },
	{ "not UTF-8", &defaults, &kim, NULL, "tR4!zuq9\xff\xffWm#e", false, PASSWORD_BAD_TEXT },
	{ "a word of the dictionary, dressed up", &defaults, &kim, NULL, "international1", false,
	  PASSWORD_IN_DICTIONARY },
	{ "the dictionary can be left out", &lax, &kim, NULL, "international1", false,
	  PASSWORD_GOOD },
	{ "too few different characters", &defaults, &kim, NULL, "ababababababab", false,
	  PASSWORD_IN_DICTIONARY },
	{ "one character again and again", &lax, &kim, NULL, "aaaaaaaaaaaaaa", false,
	  PASSWORD_IN_DICTIONARY },
	{ "a row of the alphabet", &lax, &kim, NULL, "abcdefghijklmn", false,
	  PASSWORD_IN_DICTIONARY },
	{ "a palindrome", &lax, &kim, NULL, "qzvwkxxkwvzq", false, PASSWORD_IN_DICTIONARY },
	{ "PW-21 the account's name", &defaults, &kim, NULL, "kim.weber.7731", false,
	  PASSWORD_LIKE_NAME },
	{ "PW-21 part of the name on the screen", &defaults, &kim, NULL, "my-Okafor-9912-zz", false,
	  PASSWORD_LIKE_NAME },
	{ "PW-21 the name in capitals", &defaults, &kim, NULL, "xxOKAFOR-93-pqv", false,
	  PASSWORD_LIKE_NAME },
	{ "PW-21 the name with accents", &defaults, &kim, NULL,
	  "w\xc3\xa9"
	  "b\xc3\xa9r!x92pqvz",
	  false, PASSWORD_LIKE_NAME },
	{ "PW-21 the person's number", &defaults, &kim, NULL, "zq-20417-vwkxjy", false,
	  PASSWORD_LIKE_NAME },
	{ "PW-21 the serial number of the device", &defaults, &kim, NULL, "sn-77310-b!!zq", false,
	  PASSWORD_LIKE_NAME },
	{ "PW-21 the model of the device", &defaults, &kim, NULL, "infusomat-vq-93", false,
	  PASSWORD_LIKE_NAME },
	{ "a short name is in too many good ones", &defaults, &li, NULL, "lantern velvet oli mosa",
	  false, PASSWORD_GOOD },
	{ "PW-21 itself", &defaults, &kim, "tR4!zuq9Wm#e", "tR4!zuq9Wm#e", false,
	  PASSWORD_LIKE_OLD },
	{ "PW-21 itself in another case", &defaults, &kim, "tR4!zuq9Wm#e", "Tr4!ZUQ9wM#E", false,
	  PASSWORD_LIKE_OLD },
	{ "PW-21 itself with a number after it", &defaults, &kim, "tR4!zuq9Wm#e", "tR4!zuq9Wm#e2",
	  false, PASSWORD_LIKE_OLD },
	{ "PW-21 a part of itself", &defaults, &kim, "tR4!zuq9Wm#e-and-more", "tR4!zuq9Wm#e", false,
	  PASSWORD_LIKE_OLD },
	{ "two characters changed", &defaults, &kim, "tR4!zuq9Wm#e", "tR4!zvq9Wk#e", false,
	  PASSWORD_LIKE_OLD },
	{ "turned round", &defaults, &kim, "tR4!zuq9Wm#e", "R4!zuq9Wm#et", false,
	  PASSWORD_LIKE_OLD },
	{ "quite another one", &defaults, &kim, "tR4!zuq9Wm#e", "lantern velvet orbit", false,
	  PASSWORD_GOOD },
	{ "after a one-time one", &defaults, &kim, "ABCDE-FGHJK-23456-MNPQR",
	  "lantern velvet orbit", false, PASSWORD_GOOD },
};

static enum password_fault check_text(const struct password_rules *rules,
				      const struct account *account, const char *old,
				      const char *new, bool privileged) {
	struct secret prepared = { 0 };
	struct secret old_prepared = { 0 };

	ck_assert(secret_set(&prepared, new, strlen(new)));
	ck_assert(secret_set(&old_prepared, old ? old : "", old ? strlen(old) : 0));
	return password_check(rules, &prepared, old ? &old_prepared : NULL, account, words,
			      ARRAY_SIZE(words), privileged);
}

START_TEST(the_rules_hold) {
	enum password_fault fault = check_text(cases[_i].rules, cases[_i].account, cases[_i].old,
					       cases[_i].new, cases[_i].privileged);

	ck_assert_msg(fault == cases[_i].expect, "%s: gave %d, want %d", cases[_i].why, (int)fault,
		      (int)cases[_i].expect);
}
END_TEST

START_TEST(the_longest_password_is_checked_whole) {
	struct secret prepared = { .n = LIMIT_PASSWORD };

	for (size_t i = 0; i < prepared.n; ++i)
		prepared.bytes[i] = (uint8_t) "qzVw4!kxJy7#plMh"[(i * 7 + i / 16) % 16];
	ck_assert_int_eq(password_check(&defaults, &prepared, NULL, &kim, NULL, 0, true),
			 PASSWORD_GOOD);
	memcpy(prepared.bytes + LIMIT_PASSWORD - 9, "kim.weber", 9);
	ck_assert_int_eq(password_check(&defaults, &prepared, NULL, &kim, NULL, 0, true),
			 PASSWORD_LIKE_NAME);
	prepared.n = LIMIT_PASSWORD + 1;
	ck_assert_int_eq(password_check(&defaults, &prepared, NULL, &kim, NULL, 0, true),
			 PASSWORD_TOO_LONG);
}
END_TEST

/* In a root without /var/cache/cracklib; 99: the test's own trouble. */
static int check_without_dictionary(const struct password_rules *rules, const char *new) {
	char directory[] = "empty-root-XXXXXX";
	int status = 0;
	pid_t pid;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (chroot(directory) < 0 || chdir("/") < 0)
			_exit(99);
		_exit((int)check_text(rules, &kim, NULL, new, false));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(rmdir(directory), 0);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(without_its_dictionary_nothing_is_taken) {
	static const struct {
		const char *why;
		const struct password_rules *rules;
		const char *new;
		enum password_fault expect;
	} rows[] = {
		{ "a good one cannot be checked", &defaults, "lantern velvet orbit mosaic",
		  PASSWORD_UNCHECKED },
		{ "a bad one neither", &defaults, "international1", PASSWORD_UNCHECKED },
		{ "what needs no dictionary is still said", &defaults, "short",
		  PASSWORD_TOO_SHORT },
		{ "a site without the rule does not need it", &lax, "lantern velvet orbit",
		  PASSWORD_GOOD },
	};

	if (geteuid() != 0) {
		(void)fprintf(stderr, "NOT tried, a root of its own needs root: a password without "
				      "the dictionary\n");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); ++i) {
		int got = check_without_dictionary(rows[i].rules, rows[i].new);

		ck_assert_msg(got == (int)rows[i].expect, "%s: gave %d", rows[i].why, got);
	}
}
END_TEST

static void unmask(const uint8_t *masked, size_t n, struct secret *ret_secret) {
	ret_secret->n = n;
	for (size_t i = 0; i < n; ++i)
		ret_secret->bytes[i] = masked[i] ^ (volatile uint8_t) { 0x55 };
}

/* "zQ8!fjtMw4pXv#" and forms that the dictionary's rules make of it, xored. */
static const uint8_t masked_new[] = { 0x2f, 0x04, 0x6d, 0x74, 0x33, 0x3f, 0x21,
				      0x18, 0x22, 0x61, 0x25, 0x0d, 0x23, 0x76 };
static const uint8_t masked_old[] = { 0x3c, 0x0e, 0x67, 0x74, 0x3d, 0x27, 0x31,
				      0x1c, 0x2a, 0x63, 0x20, 0x1f, 0x3e, 0x70 };

static uint8_t lower(uint8_t c) {
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static uint8_t upper(uint8_t c) {
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

/* Patterns of the secret, of its lower and upper case, and each turned round. */
static size_t make_patterns(const uint8_t *masked, size_t n, struct memory_pattern *patterns) {
	for (unsigned form = 0; form < 6; ++form) {
		struct secret secret = { 0 };
		struct secret turned = { 0 };

		unmask(masked, n, &secret);
		for (size_t i = 0; i < n; ++i) {
			uint8_t c = secret.bytes[i];

			c = form / 2 == 1 ? lower(c) : form / 2 == 2 ? upper(c) : c;
			turned.bytes[form % 2 == 0 ? i : n - 1 - i] = c;
		}
		memory_pattern_set(&patterns[form], turned.bytes, n);
		secret_wipe(&secret);
		secret_wipe(&turned);
	}
	return 6;
}

START_TEST(PW_20_the_check_leaves_no_copy) {
	struct memory_pattern patterns[12];
	struct secret prepared = { 0 };
	struct secret old = { 0 };
	size_t n;

	n = make_patterns(masked_new, sizeof(masked_new), patterns);
	n += make_patterns(masked_old, sizeof(masked_old), patterns + n);
	unmask(masked_new, sizeof(masked_new), &prepared);
	unmask(masked_old, sizeof(masked_old), &old);
	ck_assert_uint_ge(memory_find(&patterns[0]), 1);

	ck_assert_int_eq(
		password_check(&defaults, &prepared, &old, &kim, words, ARRAY_SIZE(words), false),
		PASSWORD_GOOD);
	secret_wipe(&prepared);
	secret_wipe(&old);
	for (size_t i = 0; i < n; ++i) {
		size_t found = memory_find(&patterns[i]);

		ck_assert_msg(found == 0, "%zu copies of form %zu are left", found, i);
	}
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("password-rules");
	TCase *t = tcase_create("rules");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, the_rules_hold, 0, (int)ARRAY_SIZE(cases));
	tcase_add_test(t, the_longest_password_is_checked_whole);
	tcase_add_test(t, without_its_dictionary_nothing_is_taken);
	if (memory_can_be_searched())
		tcase_add_test(t, PW_20_the_check_leaves_no_copy);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
