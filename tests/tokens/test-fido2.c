/* SPDX-License-Identifier: Apache-2.0 */
/* Security keys through the real libfido2: register, sign, PINs, several keys. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/tokens/key-world.h"

#define UP 0x01u
#define UV 0x04u

static struct key_world *w;

static void begin(void) {
	w = key_world_new();
}

static void end(void) {
	w = key_world_free(w);
}

static unsigned flags(void) {
	ck_assert_uint_gt(w->answer.n_authdata, 36);
	return w->answer.authdata[32];
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

/* --- keys of other kinds ---------------------------------------------------- */

static const struct {
	const char *why;
	const char *tell[3];
	const char *format;
	bool statement, uv_of_its_own;
} kinds[] = {
	{ "an older key gives its PIN token without permissions", { "feature permissions off" },
	  "packed" },
	{ "a key with the first PIN protocol alone", { "feature two off" }, "packed" },
	{ "both", { "feature two off", "feature permissions off" }, "packed" },
	{ "a key that knows EdDSA alone", { "feature es256 off", "feature eddsa on" }, "packed" },
	{ "a key that knows both signs ES256", { "feature eddsa on" }, "packed" },
	{ "no attestation", { "attest none" }, "none" },
	{ "a maker's certificate", { "attest certificate" }, "packed", .statement = true },
	{ "FD-22 a key with a check of its own needs no PIN", { "feature uv on" }, "packed",
	  .uv_of_its_own = true },
	{ "FD-22 ... also an older one", { "feature uv on", "feature permissions off" }, "packed",
	  .uv_of_its_own = true },
	{ "FD-22 ... also one without any PIN", { "feature uv on", "feature pin off" }, "packed",
	  .uv_of_its_own = true },
	{ "a key that says nothing without a touch", { "feature silent off" }, "packed" },
};

START_TEST(each_kind_of_key_registers_and_signs) {
	const char *pin = kinds[_i].uv_of_its_own ? NULL : PIN;

	for (size_t i = 0; i < ARRAY_SIZE(kinds[_i].tell) && kinds[_i].tell[i]; ++i)
		key_world_tell(w, 0, kinds[_i].tell[i]);
	key_world_tell(w, 1, "unplug");
	ck_assert_msg(key_world_look(w) == TOKEN_OK, "%s: look", kinds[_i].why);
	ck_assert_msg(w->found.candidates[0].needs_pin, "%s", kinds[_i].why);
	ck_assert_msg(w->found.candidates[0].has_pad == kinds[_i].uv_of_its_own, "%s", kinds[_i].why);
	ck_assert_msg(key_world_make(w, 0, pin) == TOKEN_OK, "%s: make", kinds[_i].why);
	ck_assert_msg(flags() & UV, "%s: nobody was verified", kinds[_i].why);
	w->made = w->answer;
	ck_assert_str_eq(w->made.format, kinds[_i].format);
	ck_assert_msg((w->made.n_statement > 0) == kinds[_i].statement, "%s", kinds[_i].why);
	ck_assert_msg(strcmp(kinds[_i].format, "none") == 0 || key_world_peer_accepts_made(w),
	              "%s: the peer refuses what was made", kinds[_i].why);
	w->look.credentials.n = 1;
	w->look.credentials.list[0].n = w->made.n_credential;
	memcpy(w->look.credentials.list[0].id, w->made.credential, w->made.n_credential);
	ck_assert_msg(key_world_try(w, pin) == TOKEN_OK, "%s: sign", kinds[_i].why);
	ck_assert_msg(key_world_peer_accepts(w, true), "%s: the peer refuses it", kinds[_i].why);
}
END_TEST

START_TEST(a_key_that_knows_no_algorithm_of_ours_is_not_supported) {
	key_world_tell(w, 0, "feature es256 off");
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_int_eq(key_world_make(w, 0, PIN), TOKEN_UNSUPPORTED);
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 1);
}
END_TEST

START_TEST(FD_22_a_touch_alone_is_asked_for_without_a_word_of_verification) {
	w->rules.security_key.verification = KEY_VERIFY_NEVER;
	key_world_tell(w, 0, "set-pin");
	key_world_tell(w, 1, "set-pin");
	key_world_enrol(w, 0);
	ck_assert_int_eq(key_world_try(w, NULL), TOKEN_OK);
	ck_assert(!w->found.candidates[0].needs_pin);
	ck_assert_uint_eq(flags() & (UP | UV), UP);
	ck_assert(key_world_peer_accepts(w, false));
	ck_assert_msg(!key_world_peer_accepts(w, true), "verified without a PIN");
	/* A PIN that comes all the same is not given away. */
	key_world_tell(w, 0, "set-pin " PIN);
	ck_assert_int_eq(key_world_try(w, "9999"), TOKEN_OK);
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 0);
}
END_TEST

/* --- FD-16: which key ------------------------------------------------------- */

START_TEST(FD_16_no_key_then_one_plugged_in_later) {
	key_world_enrol(w, 0);
	key_world_tell(w, 0, "unplug");
	key_world_tell(w, 1, "unplug");
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_ABSENT);
	ck_assert_int_eq(key_world_look(w), TOKEN_ABSENT);
	key_world_tell(w, 0, "plug");
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_int_eq(key_world_sign(w, w->found.candidates[0].index, PIN), TOKEN_OK);
	ck_assert(key_world_peer_accepts(w, true));
}
END_TEST

START_TEST(FD_16_the_wrong_key_first) {
	key_world_enrol(w, 1);
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_uint_eq(w->found.n, 1);
	ck_assert_str_eq(w->found.candidates[0].reader, "key-1");
	ck_assert_int_eq(key_world_sign(w, w->found.candidates[0].index, PIN), TOKEN_OK);
	ck_assert(key_world_peer_accepts(w, true));
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 0);
	ck_assert_uint_eq(key_world_count(w, 0, "tries"), 8);
}
END_TEST

START_TEST(FD_16_the_wrong_key_alone_gets_no_PIN) {
	key_world_enrol(w, 1);
	key_world_tell(w, 1, "unplug");
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_NO_CREDENTIAL);
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 0);
}
END_TEST

START_TEST(FD_16_two_keys_of_one_person_sign_both) {
	static struct token_answer first;

	key_world_enrol(w, 0);
	first = w->made;
	key_world_enrol(w, 1);
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_uint_eq(w->found.n, 2);
	ck_assert_int_eq(key_world_sign(w, w->found.candidates[1].index, PIN), TOKEN_OK);
	ck_assert(key_world_peer_accepts(w, true));
	ck_assert_str_eq(w->answer.reader, "key-1");
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_int_eq(key_world_sign(w, w->found.candidates[0].index, PIN), TOKEN_OK);
	w->made = first;
	ck_assert(key_world_peer_accepts(w, true));
}
END_TEST

START_TEST(FD_16_a_key_at_another_seat_is_neither_seen_nor_asked) {
	key_world_enrol(w, 0);
	key_world_enrol(w, 1);
	w->rules.readers[0].seats = 2;
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_uint_eq(w->found.n, 1);
	ck_assert_str_eq(w->found.candidates[0].reader, "key-1");
	/* A line without a seat serves all of them; one of no seat nobody. */
	w->rules.readers[0].seats = 3;
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_uint_eq(w->found.n, 2);
	w->rules.readers[0].seats = 2;
	w->rules.readers[1].seats = 0;
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_ABSENT);
}
END_TEST

START_TEST(FD_16_a_key_without_PIN_is_told_and_hides_no_other) {
	key_world_enrol(w, 0);
	key_world_enrol(w, 1);
	key_world_tell(w, 0, "set-pin");
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
	ck_assert_uint_eq(w->found.n, 1);
	ck_assert_str_eq(w->answer.reader, "key-1");
	key_world_tell(w, 1, "unplug");
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_PIN_UNSET);
	key_world_tell(w, 0, "feature pin off");
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_UNSUPPORTED);
}
END_TEST

START_TEST(FD_16_a_key_that_hangs_does_not_hide_the_other) {
	key_world_enrol(w, 1);
	w->rules.deadline_ms = 800;
	key_world_tell(w, 0, "everywhere on");
	key_world_tell(w, 0, "fault delay 60000");
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
	ck_assert_str_eq(w->answer.reader, "key-1");
}
END_TEST

START_TEST(a_key_that_was_exchanged_after_the_look_gets_no_PIN) {
	key_world_enrol(w, 0);
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	key_world_tell(w, 0, "unplug");
	key_world_tell(w, 0, "plug");
	ck_assert_int_eq(key_world_sign(w, 0, PIN), TOKEN_REMOVED);
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 1); /* of the enrolment */
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
}
END_TEST

START_TEST(candidates_that_were_not_offered_sign_nothing) {
	key_world_enrol(w, 0);
	key_world_again(w);
	ck_assert_int_eq(key_world_sign(w, 0, PIN), TOKEN_BROKEN);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_int_eq(key_world_sign(w, 2, PIN), TOKEN_BROKEN);
	ck_assert_int_eq(key_world_sign(w, UINT32_MAX, PIN), TOKEN_BROKEN);
	ck_assert_int_eq(key_world_make(w, UINT32_MAX, PIN), TOKEN_BROKEN);
}
END_TEST

START_TEST(a_kind_without_rp_id_is_not_opened) {
	void *kind = NULL;

	w->rules.security_key.rp[0] = 0;
	ck_assert_int_lt(token_kind_fido2.open(&w->rules, &kind), 0);
	memset(w->rules.security_key.rp, 'a', sizeof(w->rules.security_key.rp));
	ck_assert_int_lt(token_kind_fido2.open(&w->rules, &kind), 0);
	memcpy(w->rules.security_key.rp, RP, sizeof(RP));
	w->rules.security_key.on = false;
	ck_assert_int_lt(token_kind_fido2.open(&w->rules, &kind), 0);
	ck_assert_ptr_null(kind);
	token_kind_fido2.close(NULL);
}
END_TEST

/* --- PINs ------------------------------------------------------------------- */

START_TEST(FD_20_a_wrong_PIN_is_given_once_and_its_tries_are_told) {
	key_world_enrol(w, 0);
	ck_assert_int_eq(key_world_try(w, "1111"), TOKEN_PIN_WRONG);
	ck_assert_uint_eq(w->tries, 7);
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 2);
	/* In this helper there is no second one, not even the right one. */
	ck_assert_int_ne(key_world_sign(w, w->found.candidates[0].index, PIN), TOKEN_OK);
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 2);
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_uint_eq(w->found.candidates[0].tries_left, 7);
	ck_assert(w->found.candidates[0].pin_low && !w->found.candidates[0].pin_final);
	ck_assert_int_eq(key_world_sign(w, 0, PIN), TOKEN_OK);
	ck_assert_uint_eq(key_world_count(w, 0, "tries"), 8);
}
END_TEST

START_TEST(FD_20_three_wrong_ones_block_until_it_is_taken_out) {
	key_world_enrol(w, 0);
	ck_assert_int_eq(key_world_try(w, "1111"), TOKEN_PIN_WRONG);
	ck_assert_int_eq(key_world_try(w, "2222"), TOKEN_PIN_WRONG);
	ck_assert_int_eq(key_world_try(w, "3333"), TOKEN_PIN_BLOCKED);
	ck_assert_uint_eq(w->tries, 5);
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_PIN_BLOCKED);
	ck_assert_uint_eq(key_world_count(w, 0, "tries"), 5);
	key_world_tell(w, 0, "unplug");
	key_world_tell(w, 0, "plug");
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
}
END_TEST

START_TEST(FD_20_eight_wrong_ones_lock_it) {
	key_world_enrol(w, 0);
	for (unsigned i = 0; i < 8; ++i) {
		enum token_error error;

		key_world_tell(w, 0, "unplug");
		key_world_tell(w, 0, "plug");
		error = key_world_try(w, "0000");
		ck_assert_msg(error == (i < 7 ? TOKEN_PIN_WRONG : TOKEN_PIN_LOCKED),
		              "try %u: %u", i, error);
		ck_assert_uint_eq(w->tries, 7 - i);
		ck_assert(w->found.candidates[0].pin_final == (i == 7));
		ck_assert(!w->found.candidates[0].pin_locked);
	}
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_PIN_LOCKED);
	ck_assert(w->found.candidates[0].pin_locked);
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 9);
}
END_TEST

static const struct {
	const char *why;
	const char *pin;
	enum token_error expect;
} pins[] = {
	{ "FD-03 no PIN, then a touch: nothing is asked of the key", NULL, TOKEN_PIN_NEEDED },
	{ "FD-03 the empty PIN is none", "", TOKEN_PIN_NEEDED },
	{ "three characters are no PIN", "246", TOKEN_PIN_INVALID },
	{ "64 bytes are no PIN",
	  "1234567890123456789012345678901234567890123456789012345678901234", TOKEN_PIN_INVALID },
	{ "63 bytes may be one",
	  "123456789012345678901234567890123456789012345678901234567890123", TOKEN_PIN_WRONG },
	{ "four may be one", "2469", TOKEN_PIN_WRONG },
};

START_TEST(a_PIN_that_is_none_costs_no_try) {
	unsigned given = pins[_i].expect == TOKEN_PIN_WRONG ? 1 : 0;
	unsigned signatures;

	key_world_enrol(w, 0);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	signatures = key_world_count(w, 0, "signatures");
	w->touches = 0;
	ck_assert_msg(key_world_try(w, pins[_i].pin) == pins[_i].expect, "%s", pins[_i].why);
	ck_assert_msg(key_world_count(w, 0, "pins") == 1 + given, "%s", pins[_i].why);
	/* The look was one silent signature. */
	ck_assert_msg(key_world_count(w, 0, "signatures") == signatures + 1, "%s", pins[_i].why);
	ck_assert_msg(w->touches == given, "%s", pins[_i].why);
}
END_TEST

START_TEST(a_NUL_does_not_end_a_PIN) {
	struct token_sign sign = { .verify_user = true };

	key_world_enrol(w, 0);
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert(secret_set(&sign.pin, PIN "\0more", 9));
	ck_assert_int_eq(token_kind_fido2.sign(w->kind, &sign, NULL, &w->answer, &w->tries),
	                 TOKEN_PIN_INVALID);
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 1);
}
END_TEST

/* --- FD-26: keys that were enrolled ------------------------------------------ */

START_TEST(FD_26_the_same_key_is_not_enrolled_twice_for_one_account) {
	key_world_enrol(w, 0);
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_int_eq(key_world_make(w, 0, PIN), TOKEN_ENROLLED);
	/* For another account it is: another credential, another key pair. */
	w->look.credentials.n = 0;
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	ck_assert_int_eq(key_world_make(w, 0, PIN), TOKEN_OK);
	ck_assert_mem_ne(w->answer.credential, w->made.credential, w->made.n_credential);
}
END_TEST

START_TEST(FD_26_a_key_that_was_reset_is_unknown) {
	key_world_enrol(w, 0);
	key_world_tell(w, 0, "reset");
	key_world_tell(w, 0, "set-pin " PIN);
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_NO_CREDENTIAL);
	ck_assert_uint_eq(key_world_count(w, 0, "pins"), 1);
}
END_TEST

START_TEST(every_error_has_a_message) {
	for (unsigned i = 0; i < TOKEN_N_ERRORS + 2; ++i)
		ck_assert_msg(token_error_message(i) != NULL, "error %u has none", i);
	ck_assert_str_eq(token_error_message(TOKEN_ENROLLED), "token-enrolled");
}
END_TEST

/* --- touch ------------------------------------------------------------------- */

static void *touch_later(void *arg) {
	struct key_world *world = arg;

	/* Until libfido2 waits: it was asked for, and the key has said so. */
	for (unsigned before = key_world_count(world, 0, "reports");
	     key_world_count(world, 0, "reports") < before + 12;)
		(void)usleep(1000);
	key_world_tell(world, 0, "touch");
	return NULL;
}

START_TEST(a_person_touches_it_after_being_asked) {
	pthread_t thread;

	key_world_enrol(w, 0);
	key_world_tell(w, 0, "touching manual");
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	w->touches = 0;
	ck_assert_int_eq(pthread_create(&thread, NULL, touch_later, w), 0);
	ck_assert_int_eq(key_world_sign(w, 0, PIN), TOKEN_OK);
	(void)pthread_join(thread, NULL);
	ck_assert_uint_eq(w->touches, 1);
	ck_assert(key_world_peer_accepts(w, true));
}
END_TEST

START_TEST(FD_19_nobody_touches_it_and_the_next_try_works) {
	key_world_enrol(w, 0);
	w->rules.deadline_ms = 600;
	key_world_tell(w, 0, "touching manual");
	for (unsigned i = 0; i < 3; ++i) {
		enum token_error error = key_world_try(w, PIN);

		ck_assert_msg(error == TOKEN_REMOVED || error == TOKEN_NOT_TOUCHED, "said %u",
		              error);
		token_kind_fido2.close(w->kind);
		w->kind = NULL;
		/* The key is told, and waits no more; else this does not end. */
		while (key_world_count(w, 0, "cancels") <= i)
			(void)usleep(1000);
	}
	key_world_tell(w, 0, "touching auto");
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
	ck_assert(key_world_peer_accepts(w, true));
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("fido2");
	TCase *t = tcase_create("key");

	tcase_add_checked_fixture(t, begin, end);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, what_is_made_and_signed_verifies);
	tcase_add_loop_test(t, each_kind_of_key_registers_and_signs, 0, ARRAY_SIZE(kinds));
	tcase_add_test(t, a_key_that_knows_no_algorithm_of_ours_is_not_supported);
	tcase_add_test(t, FD_22_a_touch_alone_is_asked_for_without_a_word_of_verification);
	tcase_add_test(t, FD_16_no_key_then_one_plugged_in_later);
	tcase_add_test(t, FD_16_the_wrong_key_first);
	tcase_add_test(t, FD_16_the_wrong_key_alone_gets_no_PIN);
	tcase_add_test(t, FD_16_two_keys_of_one_person_sign_both);
	tcase_add_test(t, FD_16_a_key_at_another_seat_is_neither_seen_nor_asked);
	tcase_add_test(t, FD_16_a_key_without_PIN_is_told_and_hides_no_other);
	tcase_add_test(t, FD_16_a_key_that_hangs_does_not_hide_the_other);
	tcase_add_test(t, a_key_that_was_exchanged_after_the_look_gets_no_PIN);
	tcase_add_test(t, candidates_that_were_not_offered_sign_nothing);
	tcase_add_test(t, a_kind_without_rp_id_is_not_opened);
	tcase_add_test(t, FD_20_a_wrong_PIN_is_given_once_and_its_tries_are_told);
	tcase_add_test(t, FD_20_three_wrong_ones_block_until_it_is_taken_out);
	tcase_add_test(t, FD_20_eight_wrong_ones_lock_it);
	tcase_add_loop_test(t, a_PIN_that_is_none_costs_no_try, 0, ARRAY_SIZE(pins));
	tcase_add_test(t, a_NUL_does_not_end_a_PIN);
	tcase_add_test(t, FD_26_the_same_key_is_not_enrolled_twice_for_one_account);
	tcase_add_test(t, FD_26_a_key_that_was_reset_is_unknown);
	tcase_add_test(t, every_error_has_a_message);
	tcase_add_test(t, a_person_touches_it_after_being_asked);
	tcase_add_test(t, FD_19_nobody_touches_it_and_the_next_try_works);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return key_world_run(suite());
}
