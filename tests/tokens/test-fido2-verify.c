/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the key to the verdict: what a key answers, carried by libfido2, is judged
 * by our verifier. The helper believes nothing and checks nothing: that is shown too.
 */
#include <check.h>
#include <fido.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/key-world.h"
#include "tokens/verify.h"

static struct key_world *w;
static struct key_credential credential;
static struct key_proof proof;

/* The nth call of a wrapped setter does nothing and says that it did. 0: none. */
static unsigned omit;
static unsigned calls;
static bool silent; /* a signature is asked for without a touch, like a look            */

static bool is_omitted(void) {
	return ++calls == omit;
}

#define OMITTED(name, declared, given)                                                             \
	int __real_##name declared;                                                                \
	int __wrap_##name declared;                                                                \
	int __wrap_##name declared {                                                               \
		return is_omitted() ? FIDO_OK : __real_##name given;                               \
	}

OMITTED(fido_assert_allow_cred, (fido_assert_t * a, const unsigned char *p, size_t n), (a, p, n))
OMITTED(fido_assert_set_clientdata_hash, (fido_assert_t * a, const unsigned char *p, size_t n),
	(a, p, n))
OMITTED(fido_assert_set_rp, (fido_assert_t * a, const char *rp), (a, rp))
OMITTED(fido_assert_set_up, (fido_assert_t * a, fido_opt_t up),
	(a, silent ? FIDO_OPT_FALSE : up))
OMITTED(fido_assert_set_uv, (fido_assert_t * a, fido_opt_t uv), (a, uv))
OMITTED(fido_cred_set_clientdata_hash, (fido_cred_t * c, const unsigned char *p, size_t n),
	(c, p, n))
OMITTED(fido_cred_set_rp, (fido_cred_t * c, const char *id, const char *name), (c, id, name))
OMITTED(fido_cred_set_uv, (fido_cred_t * c, fido_opt_t uv), (c, uv))

static void begin(void) {
	omit = 0;
	w = key_world_new();
	key_world_tell(w, 1, "unplug");
}

static void end(void) {
	omit = 0;
	w = key_world_free(w);
}

static void enrol(void) {
	key_world_enrol(w, 0);
	ck_assert_int_eq(key_enrol(&w->rules.security_key, &w->made, w->digest, &credential,
	                           &proof),
	                 TOKEN_FAULT_NONE);
	/* What is stored is the counter of the enrolment. */
	ck_assert_uint_eq(proof.counter, credential.counter);
}

static enum token_fault judge(void) {
	enum token_fault fault = key_verify(&w->rules.security_key, &credential, &w->answer,
	                                    w->digest, &proof);

	ck_assert((proof.proved == TOKEN_YES) == (fault == TOKEN_FAULT_NONE));
	return fault;
}

static const struct {
	const char *why;
	const char *tell;
	bool proved;
} attestations[] = {
	{ "by itself", "attest self", true },
	{ "by nobody: enrolled, and nothing is proved", "attest none", false },
	{ "by its maker", "attest certificate", true },
	{ "EdDSA", "feature es256 off", true },
};

START_TEST(what_a_key_makes_and_signs_is_proved) {
	key_world_tell(w, 0, attestations[_i].tell);
	key_world_tell(w, 0, "feature eddsa on");
	enrol();
	ck_assert_msg((proof.proved == TOKEN_YES) == attestations[_i].proved, "%s",
	              attestations[_i].why);
	ck_assert_msg(credential.n_id == w->made.n_credential, "%s", attestations[_i].why);
	for (unsigned i = 0; i < 3; ++i) {
		ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
		ck_assert_msg(judge() == TOKEN_FAULT_NONE, "%s", attestations[_i].why);
		ck_assert(proof.user_verified && key_world_peer_accepts(w, true));
		ck_assert_uint_gt(proof.counter, credential.counter);
		credential.counter = proof.counter;
	}
}
END_TEST

START_TEST(FD_24_only_models_of_the_list_where_the_site_has_one) {
	static const uint8_t model[16] = { 0xca, 0x4e, 0x3a, 0x4d, 0,   1,   0x40, 0,
		                           0x80, 0,    'v',  'i',  'r', 't', 'u',  'a' };
	struct security_key_rules *rules = &w->rules.security_key;

	key_world_tell(w, 0, "attest certificate");
	key_world_enrol(w, 0);
	rules->attested = true;
	ck_assert_int_eq(key_enrol(rules, &w->made, w->digest, &credential, &proof),
	                 TOKEN_FAULT_ATTESTATION);
	rules->n_aaguids = 1;
	memcpy(rules->aaguids[0], model, sizeof(model));
	ck_assert_int_eq(key_enrol(rules, &w->made, w->digest, &credential, &proof),
	                 TOKEN_FAULT_NONE);
	key_world_tell(w, 0, "reset");
	key_world_tell(w, 0, "set-pin " PIN);
	key_world_tell(w, 0, "attest self");
	w->look.credentials.n = 0;
	key_world_enrol(w, 0);
	ck_assert_int_eq(key_enrol(rules, &w->made, w->digest, &credential, &proof),
	                 TOKEN_FAULT_ATTESTATION);
}
END_TEST

/* The helper hands on whatever came; the verifier says no. */
static const struct {
	const char *why;
	const char *tell;
	enum token_fault expect;
	bool peer_too; /* libfido2's own check refuses it as well                        */
} lies[] = {
	{ "FD-01 not verified, though a PIN was given", "fault no-uv", TOKEN_FAULT_NOT_VERIFIED,
	  true },
	{ "FD-02 not touched", "fault no-up", TOKEN_FAULT_NOT_PRESENT, true },
	{ "FD-04 made for another site", "fault other-rp", TOKEN_FAULT_RP, true },
	{ "FD-05 the counter goes back", "counter 0", TOKEN_FAULT_COUNTER, false },
	{ "FD-05 the counter stays", "counter stay", TOKEN_FAULT_COUNTER, false },
	{ "FD-05 the counter wraps", "counter 4294967295", TOKEN_FAULT_COUNTER, false },
	{ "FD-08 the id of another credential", "fault other-id", TOKEN_FAULT_OTHER_KEY, false },
	{ "another key signs", "fault other-key", TOKEN_FAULT_SIGNATURE, true },
	{ "one bit of the signature", "fault bad-signature", TOKEN_FAULT_SIGNATURE, true },
	{ "FD-07 the answer before, once more", "fault replay", TOKEN_FAULT_SIGNATURE, true },
	{ "says that it can be copied", "fault backup", TOKEN_FAULT_SYNCED, false },
	{ "a byte behind the authenticator data", "fault trailing", TOKEN_FAULT_FORM, false },
};

START_TEST(a_key_that_lies_is_carried_and_refused) {
	const char *why = lies[_i].why;

	enrol();
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
	ck_assert_int_eq(judge(), TOKEN_FAULT_NONE);
	credential.counter = proof.counter;

	/* Looked at while it is honest; the silent question is not what is tested. */
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	w->digest[0] ^= 1; /* another challenge */
	if (strcmp(lies[_i].tell, "counter stay") == 0)
		credential.counter = key_world_count(w, 0, "counter");
	key_world_tell(w, 0, lies[_i].tell);
	ck_assert_msg(key_world_sign(w, 0, PIN) == TOKEN_OK, "%s: the helper judged", why);
	ck_assert_msg(judge() == lies[_i].expect, "%s: %s", why, token_fault_text(proof.fault));
	ck_assert_msg(key_world_peer_accepts(w, true) == !lies[_i].peer_too, "%s: the peer", why);
}
END_TEST

START_TEST(FD_05_a_key_that_never_counts_is_taken) {
	key_world_tell(w, 0, "counter stay");
	enrol();
	ck_assert_uint_eq(credential.counter, 0);
	for (unsigned i = 0; i < 2; ++i) {
		ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
		ck_assert_int_eq(judge(), TOKEN_FAULT_NONE);
	}
}
END_TEST

START_TEST(FD_07_an_answer_fits_its_own_challenge_alone) {
	enrol();
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
	for (unsigned bit = 0; bit < 256; ++bit) {
		w->digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(judge(), TOKEN_FAULT_SIGNATURE);
		w->digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_int_eq(judge(), TOKEN_FAULT_NONE);
}
END_TEST

START_TEST(FD_03_touch_alone_is_not_verified) {
	enrol();
	/* As if the helper had been told to ask for a touch alone. */
	w->rules.security_key.verification = KEY_VERIFY_NEVER;
	ck_assert_int_eq(key_world_try(w, NULL), TOKEN_OK);
	ck_assert_int_eq(judge(), TOKEN_FAULT_NONE);
	w->rules.security_key.verification = KEY_VERIFY_REQUIRED;
	ck_assert_int_eq(judge(), TOKEN_FAULT_NOT_VERIFIED);
}
END_TEST

/* What a helper hears when it asks without a touch, handed on as if it were an answer. */
START_TEST(FD_02_what_a_look_hears_proves_nothing) {
	const struct security_key_rules touch = { .on = true,
		                                  .rp = RP,
		                                  .verification = KEY_VERIFY_NEVER };

	enrol();
	w->rules.security_key.verification = KEY_VERIFY_NEVER;
	silent = true;
	ck_assert_int_eq(key_world_try(w, NULL), TOKEN_OK);
	silent = false;
	ck_assert_uint_eq(w->answer.authdata[32] & 1u, 0);
	ck_assert_int_eq(key_verify(&touch, &credential, &w->answer, w->digest, &proof),
	                 TOKEN_FAULT_NOT_PRESENT);
	ck_assert_uint_eq(proof.proved, 0);
}
END_TEST

/*
 * FD-01: leaving out any of what is asked of libfido2 may fail or may not matter;
 * it never lets something through that the site's rule forbids.
 */
START_TEST(FD_01_no_setter_left_out_proves_more) {
	unsigned proved = 0;

	enrol();
	for (unsigned n = 1; n < 20; ++n) {
		enum token_error error;

		calls = 0;
		omit = n;
		error = key_world_try(w, PIN);
		omit = 0;
		if (error != TOKEN_OK || judge() != TOKEN_FAULT_NONE)
			continue;
		ck_assert_uint_eq(w->answer.authdata[32] & 5u, 5u);
		credential.counter = proof.counter;
		++proved;
	}
	/* Presence and verification are asked for by default and by the PIN. */
	ck_assert_uint_gt(proved, 0);
	for (unsigned n = 1; n < 20; ++n) {
		struct token_credentials before = w->look.credentials;

		w->look.credentials.n = 0;
		key_world_again(w);
		calls = 0;
		omit = n;
		if (key_world_look(w) == TOKEN_OK && key_world_make(w, 0, PIN) == TOKEN_OK &&
		    key_enrol(&w->rules.security_key, &w->answer, w->digest, &credential, &proof) ==
		            TOKEN_FAULT_NONE)
			ck_assert_uint_eq(w->answer.authdata[32] & 5u, 5u);
		omit = 0;
		w->look.credentials = before;
	}
}
END_TEST

START_TEST(FD_26_the_same_key_for_two_people_is_two_credentials) {
	static struct key_credential first;

	enrol();
	first = credential;
	w->look.credentials.n = 0;
	enrol();
	ck_assert_mem_ne(first.id, credential.id, first.n_id);
	ck_assert_mem_ne(first.public_key, credential.public_key, first.n_public_key);
	/* The second one's answer is nothing for the first one. */
	ck_assert_int_eq(key_world_try(w, PIN), TOKEN_OK);
	ck_assert_int_eq(judge(), TOKEN_FAULT_NONE);
	credential = first;
	ck_assert_int_eq(judge(), TOKEN_FAULT_OTHER_KEY);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("fido2-verify");
	TCase *t = tcase_create("key");

	tcase_add_checked_fixture(t, begin, end);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, what_a_key_makes_and_signs_is_proved, 0, ARRAY_SIZE(attestations));
	tcase_add_test(t, FD_24_only_models_of_the_list_where_the_site_has_one);
	tcase_add_loop_test(t, a_key_that_lies_is_carried_and_refused, 0, ARRAY_SIZE(lies));
	tcase_add_test(t, FD_05_a_key_that_never_counts_is_taken);
	tcase_add_test(t, FD_07_an_answer_fits_its_own_challenge_alone);
	tcase_add_test(t, FD_03_touch_alone_is_not_verified);
	tcase_add_test(t, FD_02_what_a_look_hears_proves_nothing);
	tcase_add_test(t, FD_01_no_setter_left_out_proves_more);
	tcase_add_test(t, FD_26_the_same_key_for_two_people_is_two_credentials);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return key_world_run(suite());
}
