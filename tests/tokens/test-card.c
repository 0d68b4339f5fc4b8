/* SPDX-License-Identifier: Apache-2.0 */

/* Smartcards through SoftHSM: looking and signing as it should be. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "tests/tokens/cards.h"

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

static int find(const struct outcome *o, const char *name) {
	for (uint32_t i = 0; i < o->found.n; ++i) {
		if (is_certificate(o->found.candidates[i].certificate,
				   o->found.candidates[i].n_certificate, name))
			return (int)i;
	}
	return -1;
}

/* Looks alone: a candidate that is not there is not signed with. */
static struct outcome *look(void) {
	struct outcome *o = play(&(struct plan){ .module = SOFTHSM, .candidate = 99 });

	ck_assert_int_eq(o->status, 0);
	ck_assert_int_eq(o->looked, TOKEN_OK);
	ck_assert_int_eq(o->signed_, TOKEN_NO_CREDENTIAL);
	return o;
}

static struct outcome *sign(const char *name, const char *pin) {
	struct outcome *o = look();
	struct plan plan = { .module = SOFTHSM, .pin = pin };
	int i = find(o, name);

	ck_assert_int_ge(i, 0);
	plan.candidate = (uint32_t)i;
	outcome_free(o);
	o = play(&plan);
	ck_assert_int_eq(o->status, 0);
	ck_assert_int_eq(o->looked, TOKEN_OK);
	ck_assert(o->pin_wiped);
	return o;
}

START_TEST(every_certificate_of_every_card_is_a_candidate) {
	static const char *const names[] = { "nurse-ec", "nurse-rsa", "p384", "lead-ec", "mid" };
	struct outcome *o = look();

	ck_assert_uint_eq(o->found.n, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
		ck_assert_msg(find(o, names[i]) >= 0, "%s is missing", names[i]);
	for (uint32_t i = 0; i < o->found.n; ++i) {
		const struct token_candidate *c = &o->found.candidates[i];

		ck_assert_uint_eq(c->index, i);
		ck_assert(c->needs_pin && !c->has_pad && !c->pin_locked && !c->pin_final);
		ck_assert_uint_eq(c->tries_left, TRIES_UNKNOWN);
		ck_assert(strncmp(c->label, "careward-", 9) == 0 && strlen(c->label) == 10);
		ck_assert_int_ne(c->reader[0], '\0');
	}
	outcome_free(o);
}
END_TEST

START_TEST(an_authority_on_the_card_comes_last) {
	struct outcome *o = look();

	ck_assert_int_eq(find(o, "mid"), (int)o->found.n - 1);
	outcome_free(o);
}
END_TEST

static const struct {
	const char *why;
	const char *name;
	const char *pin;
	enum token_error expect;
} signatures[] = {
	{ "a P-256 key", "nurse-ec", "123456", TOKEN_OK },
	{ "an RSA key", "nurse-rsa", "123456", TOKEN_OK },
	{ "a P-384 key", "p384", "123456", TOKEN_OK },
	{ "a key of the second card", "lead-ec", "654321", TOKEN_OK },
	{ "a wrong PIN", "nurse-ec", "123457", TOKEN_PIN_WRONG },
	{ "CD-14 the PIN of the other card", "lead-ec", "123456", TOKEN_PIN_WRONG },
	{ "CD-05 an empty PIN", "nurse-ec", "", TOKEN_PIN_INVALID },
	{ "CD-04 no PIN at all", "nurse-ec", NULL, TOKEN_PIN_INVALID },
	{ "a PIN shorter than the token has any", "nurse-ec", "1", TOKEN_PIN_INVALID },
	{ "a certificate without a key", "mid", "123456", TOKEN_NO_CREDENTIAL },
};

START_TEST(a_card_signs_with_its_pin_alone) {
	struct outcome *o = sign(signatures[_i].name, signatures[_i].pin);

	ck_assert_msg(o->signed_ == signatures[_i].expect, "%s: %d", signatures[_i].why,
		      o->signed_);
	ck_assert_msg(o->is_signed == (signatures[_i].expect == TOKEN_OK), "%s",
		      signatures[_i].why);
	if (o->signed_ == TOKEN_OK) {
		ck_assert_int_eq(o->answer.factor, CW_FACTOR_SMARTCARD);
		ck_assert(is_certificate(o->answer.certificate, o->answer.n_certificate,
					 signatures[_i].name));
		ck_assert_int_ne(o->answer.reader[0], '\0');
	}
	outcome_free(o);
}
END_TEST

START_TEST(CD_26_a_second_try_in_the_process_has_to_give_the_pin_again) {
	struct outcome *o = look();
	struct plan plan = { .module = SOFTHSM, .pin = "123456", .again_without_close = true };
	int i = find(o, "nurse-ec");

	outcome_free(o);
	ck_assert_int_ge(i, 0);
	plan.candidate = (uint32_t)i;
	o = play(&plan);
	ck_assert(o->signed_ == TOKEN_OK && o->is_signed);
	ck_assert(o->signed_again == TOKEN_OK && o->is_signed_again);
	outcome_free(o);
	plan.pin = "999999";
	o = play(&plan);
	ck_assert_int_eq(o->signed_, TOKEN_PIN_WRONG);
	ck_assert_int_eq(o->signed_again, TOKEN_PIN_WRONG);
	outcome_free(o);
}
END_TEST

static unsigned open_files(void) {
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		++n;
	(void)closedir(dir);
	return n;
}

static void many_times(void *kind) {
	static const struct token_look look = { .factor = CW_FACTOR_SMARTCARD, .seats = 1 };
	struct token_found *found = calloc(1, sizeof(*found));
	struct token_answer *answer = calloc(1, sizeof(*answer));
	const struct token_talk talk = { 0 };
	unsigned files = open_files();

	for (unsigned i = 0; i < 100; ++i) {
		struct token_sign sign = { .candidate = i % 2 };
		uint32_t tries;

		(void)secret_set(&sign.pin, i % 3 ? "123456" : "wrong", i % 3 ? 6 : 5);
		(void)token_kind_pkcs11.look(kind, &look, found);
		(void)token_kind_pkcs11.sign(kind, &sign, &talk, answer, &tries);
	}
	free(found);
	free(answer);
	if (open_files() != files)
		_exit(1);
}

START_TEST(RS_05_a_hundred_tries_leave_no_file_open) {
	struct outcome *o = play(&(struct plan){ .module = SOFTHSM, .between = many_times });

	ck_assert_int_eq(o->status, 0);
	outcome_free(o);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("card");
	TCase *t = tcase_create("softhsm");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, every_certificate_of_every_card_is_a_candidate);
	tcase_add_test(t, an_authority_on_the_card_comes_last);
	tcase_add_loop_test(t, a_card_signs_with_its_pin_alone, 0, (int)ARRAY_SIZE(signatures));
	tcase_add_test(t, CD_26_a_second_try_in_the_process_has_to_give_the_pin_again);
	tcase_add_test(t, RS_05_a_hundred_tries_leave_no_file_open);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_cards_suite(suite(), true);
}
