/* SPDX-License-Identifier: Apache-2.0 */
/* Security keys through the real libfido2: register, sign, PINs, several keys. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/key-world.h"

static struct key_world *w;

static void begin(void) {
	w = key_world_new();
}

static void end(void) {
	w = key_world_free(w);
}

START_TEST(what_is_made_and_signed_verifies) {
	key_world_enrol(w, 0);
	ck_assert_str_eq(w->made.format, "packed");
	ck_assert_uint_eq(w->made.n_statement, 0);
	ck_assert(key_world_peer_accepts_made(w));
	ck_assert_uint_eq(w->touches, 1);

	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
	ck_assert_uint_eq(w->touches, 2);
	ck_assert_uint_eq(w->found.n, 1);
	ck_assert_uint_eq(w->answer.n_authdata, 37);
	ck_assert_uint_eq(w->answer.n_credential, w->made.n_credential);
	ck_assert_mem_eq(w->answer.credential, w->made.credential, w->made.n_credential);
	ck_assert(key_world_peer_accepts(w, true));
	ck_assert_int_eq(w->answer.factor, CW_FACTOR_FIDO2);
	ck_assert_str_eq(w->answer.reader, "key-0");

	w->digest[31] ^= 1;
	ck_assert_msg(!key_world_peer_accepts(w, true), "the peer accepts anything");
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("fido2");
	TCase *t = tcase_create("key");

	tcase_add_checked_fixture(t, begin, end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_is_made_and_signed_verifies);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_SILENT);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
