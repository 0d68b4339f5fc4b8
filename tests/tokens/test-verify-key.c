/* SPDX-License-Identifier: Apache-2.0 */

/* Security keys: what an assertion has to be. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/run.h"
#include "tests/tokens/key.h"

#define BYTES(s) (s), sizeof(s) - 1

static const uint8_t digest[32] = { 1, 2, 3 };

/* Enrolled with @request, at counter 5. */
static struct key enrolled(int32_t algorithm, struct key_credential *ret_credential) {
	struct security_key_rules rules = key_rules();
	struct key_request request = { .algorithm = algorithm, .counter = 5 };
	static struct token_answer answer;
	struct key_proof proof;
	struct key key = key_make(&request, digest, &answer);

	ck_assert_int_eq(key_enrol(&rules, &answer, digest, ret_credential, &proof),
			 TOKEN_FAULT_NONE);
	ck_assert_uint_eq(proof.proved, TOKEN_YES);
	ck_assert_uint_eq(ret_credential->counter, 5);
	ck_assert_int_eq(ret_credential->algorithm, algorithm);
	return key;
}

static const int32_t algorithms[] = { -7, -8, -257 };

START_TEST(each_algorithm_is_enrolled_and_proves) {
	struct security_key_rules rules = key_rules();
	struct key_credential credential;
	static struct token_answer answer;
	struct key_proof proof;
	struct key key = enrolled(algorithms[_i], &credential);

	key_assert(&key, &(struct key_request){ .counter = 6 }, digest, &answer);
	ck_assert_int_eq(key_verify(&rules, &credential, &answer, digest, &proof),
			 TOKEN_FAULT_NONE);
	ck_assert_uint_eq(proof.proved, TOKEN_YES);
	ck_assert_uint_eq(proof.counter, 6);
	ck_assert(proof.user_verified);
	key_end(&key);
}
END_TEST

/* What is changed before the key signs, in rules, credential and answer. */
static const struct {
	const char *why;
	struct key_request request;
	enum key_verification verification;
	bool synced;
	bool was_eligible;
	uint32_t before; /* counter that is stored                                   */
	enum token_fault expect;
} asserted[] = {
	{ "touched and verified", { .counter = 1 }, 0, false, false, 0, TOKEN_FAULT_NONE },
	{ "FD-01 not verified where it is asked for",
	  { .flags_off = 4, .counter = 1 },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_NOT_VERIFIED },
	{ "FD-03 touch alone where a PIN is asked for",
	  { .flags_off = 4 },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_NOT_VERIFIED },
	{ "touch alone where that is the rule",
	  { .flags_off = 4, .counter = 1 },
	  KEY_VERIFY_NEVER,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_NONE },
	{ "FD-02 nobody touched it",
	  { .flags_off = 1, .counter = 1 },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_NOT_PRESENT },
	{ "FD-02 nobody touched it, where touch is all",
	  { .flags_off = 5 },
	  KEY_VERIFY_NEVER,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_NOT_PRESENT },
	{ "FD-04 another site",
	  { .rp = "other.example", .counter = 1 },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_RP },
	{ "FD-04 a site whose name begins alike",
	  { .rp = "ward.example.org" },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_RP },
	{ "FD-05 a key that never counts", { .counter = 0 }, 0, false, false, 0, TOKEN_FAULT_NONE },
	{ "FD-05 the same number again",
	  { .counter = 7 },
	  0,
	  false,
	  false,
	  7,
	  TOKEN_FAULT_COUNTER },
	{ "FD-05 a lower number", { .counter = 6 }, 0, false, false, 7, TOKEN_FAULT_COUNTER },
	{ "FD-05 zero after it has counted",
	  { .counter = 0 },
	  0,
	  false,
	  false,
	  7,
	  TOKEN_FAULT_COUNTER },
	{ "FD-05 it wraps", { .counter = 1 }, 0, false, false, UINT32_MAX, TOKEN_FAULT_COUNTER },
	{ "FD-05 the last number",
	  { .counter = UINT32_MAX },
	  0,
	  false,
	  false,
	  UINT32_MAX - 1,
	  TOKEN_FAULT_NONE },
	{ "FD-05 it begins to count", { .counter = 1 }, 0, false, false, 0, TOKEN_FAULT_NONE },
	{ "may be copied, and the site takes none such",
	  { .flags_on = 8 },
	  0,
	  false,
	  true,
	  0,
	  TOKEN_FAULT_SYNCED },
	{ "may be copied, and the site takes it",
	  { .flags_on = 8 },
	  0,
	  true,
	  true,
	  0,
	  TOKEN_FAULT_NONE },
	{ "has been copied, and the site takes it",
	  { .flags_on = 0x18 },
	  0,
	  true,
	  true,
	  0,
	  TOKEN_FAULT_NONE },
	{ "learnt to be copied", { .flags_on = 8 }, 0, true, false, 0, TOKEN_FAULT_SYNCED },
	{ "forgot that it can be copied", { 0 }, 0, true, true, 0, TOKEN_FAULT_SYNCED },
	{ "copied without being eligible",
	  { .flags_on = 0x10 },
	  0,
	  true,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "a flag that nobody knows", { .flags_on = 0x02 }, 0, false, false, 0, TOKEN_FAULT_FORM },
	{ "another flag that nobody knows",
	  { .flags_on = 0x20 },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "a new credential in an assertion",
	  { .flags_on = 0x40 },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "extensions",
	  { .extensions = BYTES("\xa1\x61x\xf5") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_NONE },
	{ "extensions with things in things",
	  { .extensions = BYTES("\xa2\x61x\x82\xa1\x01\x43"
				"abc\xc1\x02\x61y\xfa\x00\x00\x00\x00") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_NONE },
	{ "a byte behind the extensions",
	  { .extensions = BYTES("\xa1\x61x\xf5\x00") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "extensions without their flag",
	  { .extensions = BYTES("\xa1\x61x\xf5"), .flags_off = 0x80 },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "the flag without extensions",
	  { .flags_on = 0x80 },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "an array as long as a map",
	  { .extensions = BYTES("\x81\x61x\xf5") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "extensions that are no map",
	  { .extensions = BYTES("\x81\x61x") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "an empty map", { .extensions = BYTES("\xa0") }, 0, false, false, 0, TOKEN_FAULT_FORM },
	{ "a map cut off",
	  { .extensions = BYTES("\xa2\x61x\xf5") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "a value cut off",
	  { .extensions = BYTES("\xa1\x61x\x58\x20"
				"abc") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "a number as name",
	  { .extensions = BYTES("\xa1\x01\xf5") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "an array of four thousand million",
	  { .extensions = BYTES("\xa1\x61x\x9a\xff\xff\xff\xff") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "a string of 2^64 - 1 bytes",
	  { .extensions = BYTES("\xa1\x61x\x5b\xff\xff\xff\xff\xff\xff\xff\xff") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
	{ "a map without end",
	  { .extensions = BYTES("\xbf\x61x\xf5\xff") },
	  0,
	  false,
	  false,
	  0,
	  TOKEN_FAULT_FORM },
};

START_TEST(an_assertion_is_judged) {
	struct security_key_rules rules = key_rules();
	struct key_credential credential;
	static struct token_answer answer;
	struct key_proof proof;
	struct key key = enrolled(-7, &credential);
	enum token_fault fault;

	rules.verification = asserted[_i].verification;
	rules.synced = asserted[_i].synced;
	credential.counter = asserted[_i].before;
	credential.flags |= asserted[_i].was_eligible ? 8 : 0;
	key_assert(&key, &asserted[_i].request, digest, &answer);
	fault = key_verify(&rules, &credential, &answer, digest, &proof);
	ck_assert_msg(fault == asserted[_i].expect, "%s: %s", asserted[_i].why,
		      token_fault_text(fault));
	ck_assert_int_eq(proof.fault, fault);
	ck_assert_uint_eq(proof.proved, fault == TOKEN_FAULT_NONE ? TOKEN_YES : 0);
	key_end(&key);
}
END_TEST

/* A credential and a good answer, to be spoilt by a function. */
struct scene {
	struct security_key_rules rules;
	struct key_credential credential;
	struct token_answer answer;
	uint8_t digest[32];
	struct key key;
};

static void set(struct scene *s) {
	memset(s, 0, sizeof(*s));
	s->rules = key_rules();
	memcpy(s->digest, digest, 32);
	s->key = enrolled(-7, &s->credential);
	key_assert(&s->key, &(struct key_request){ .counter = 6 }, digest, &s->answer);
}

static void other_challenge(struct scene *s) {
	s->digest[31] ^= 1;
}

static void other_credential(struct scene *s) {
	s->answer.credential[31] ^= 1;
}

static void shorter_credential(struct scene *s) {
	--s->answer.n_credential;
}

static void other_key(struct scene *s) {
	EVP_PKEY *key = authority_new_key(AUTHORITY_P256);

	key_sign_again(key, digest, &s->answer);
	EVP_PKEY_free(key);
}

static void no_signature(struct scene *s) {
	s->answer.n_signature = 0;
}

static void long_signature(struct scene *s) {
	s->answer.n_signature = TOKEN_SIGNATURE_MAX + 1;
}

static void trailing_byte(struct scene *s) {
	s->answer.signature[s->answer.n_signature++] = 0;
}

static void trailing_in_sequence(struct scene *s) {
	s->answer.signature[s->answer.n_signature++] = 0;
	++s->answer.signature[1];
}

static void zero_r(struct scene *s) {
	static const uint8_t zero[] = { 0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01 };

	memcpy(s->answer.signature, zero, sizeof(zero));
	s->answer.n_signature = sizeof(zero);
}

static void zero_s(struct scene *s) {
	static const uint8_t zero[] = { 0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x00 };

	memcpy(s->answer.signature, zero, sizeof(zero));
	s->answer.n_signature = sizeof(zero);
}

/* The length of the sequence in two bytes, where one does. */
static void not_der(struct scene *s) {
	memmove(s->answer.signature + 2, s->answer.signature + 1, s->answer.n_signature);
	s->answer.signature[1] = 0x81;
	++s->answer.n_signature;
}

/* A zero in front of r that says nothing. */
static void padded_r(struct scene *s) {
	memmove(s->answer.signature + 5, s->answer.signature + 4, s->answer.n_signature);
	s->answer.signature[4] = 0;
	++s->answer.signature[3];
	++s->answer.signature[1];
	++s->answer.n_signature;
}

static void algorithm_eddsa(struct scene *s) {
	s->credential.algorithm = -8;
}

static void algorithm_rsa(struct scene *s) {
	s->credential.algorithm = -257;
}

static void algorithm_unknown(struct scene *s) {
	s->credential.algorithm = -35;
}

static void not_on_curve(struct scene *s) {
	s->credential.public_key[s->credential.n_public_key - 1] ^= 1;
}

static void key_too_long(struct scene *s) {
	s->credential.n_public_key = sizeof(s->credential.public_key) + 1;
}

static void key_cut_off(struct scene *s) {
	--s->credential.n_public_key;
}

static void id_too_long(struct scene *s) {
	s->credential.n_id = s->answer.n_credential = TOKEN_CREDENTIAL_MAX + 1;
}

static void no_id(struct scene *s) {
	s->credential.n_id = s->answer.n_credential = 0;
}

static void data_too_long(struct scene *s) {
	s->answer.n_authdata = TOKEN_AUTHDATA_MAX + 1;
}

static void data_cut_off(struct scene *s) {
	--s->answer.n_authdata;
	key_sign_again(s->key.key, digest, &s->answer);
}

static void no_data(struct scene *s) {
	s->answer.n_authdata = 0;
	key_sign_again(s->key.key, digest, &s->answer);
}

static void a_card(struct scene *s) {
	s->answer.factor = CW_FACTOR_SMARTCARD;
}

static void no_rp(struct scene *s) {
	s->rules.rp[0] = '\0';
}

static void endless_rp(struct scene *s) {
	memset(s->rules.rp, 'x', sizeof(s->rules.rp));
}

/* The key has signed for just that name. */
static void no_rp_signed(struct scene *s) {
	s->rules.rp[0] = '\0';
	key_assert(&s->key, &(struct key_request){ .rp = "", .counter = 6 }, digest, &s->answer);
}

static void endless_rp_signed(struct scene *s) {
	static char rp[sizeof(s->rules.rp) + 1];

	memset(rp, 'x', sizeof(rp) - 1);
	memset(s->rules.rp, 'x', sizeof(s->rules.rp));
	key_assert(&s->key, &(struct key_request){ .rp = rp, .counter = 6 }, digest, &s->answer);
}

static const struct {
	const char *why;
	void (*spoil)(struct scene *s);
	enum token_fault expect;
} spoilt[] = {
	{ "FD-04 a site without a name, and a key made for none", no_rp_signed, TOKEN_FAULT_RP },
	{ "FD-04 a name without an end, and a key made for it", endless_rp_signed, TOKEN_FAULT_RP },
	{ "FD-07 another challenge", other_challenge, TOKEN_FAULT_SIGNATURE },
	{ "FD-08 another credential", other_credential, TOKEN_FAULT_OTHER_KEY },
	{ "FD-08 a credential that begins alike", shorter_credential, TOKEN_FAULT_OTHER_KEY },
	{ "FD-08 the id of this one, the signature of another", other_key, TOKEN_FAULT_SIGNATURE },
	{ "FD-11 no signature", no_signature, TOKEN_FAULT_FORM },
	{ "FD-11 a signature longer than its room", long_signature, TOKEN_FAULT_FORM },
	{ "FD-11 a byte behind the signature", trailing_byte, TOKEN_FAULT_SIGNATURE },
	{ "FD-11 a byte behind s", trailing_in_sequence, TOKEN_FAULT_SIGNATURE },
	{ "FD-11 r = 0", zero_r, TOKEN_FAULT_SIGNATURE },
	{ "FD-11 s = 0", zero_s, TOKEN_FAULT_SIGNATURE },
	{ "FD-11 not DER", not_der, TOKEN_FAULT_SIGNATURE },
	{ "FD-11 r with a zero too many", padded_r, TOKEN_FAULT_SIGNATURE },
	{ "FD-11 an algorithm of another kind of key", algorithm_eddsa, TOKEN_FAULT_WEAK },
	{ "FD-11 another algorithm of another kind", algorithm_rsa, TOKEN_FAULT_WEAK },
	{ "FD-11 an algorithm that is not taken", algorithm_unknown, TOKEN_FAULT_WEAK },
	{ "FD-11 a point that is not on the curve", not_on_curve, TOKEN_FAULT_FORM },
	{ "FD-15 a stored key longer than its room", key_too_long, TOKEN_FAULT_FORM },
	{ "FD-15 a stored key cut off", key_cut_off, TOKEN_FAULT_FORM },
	{ "FD-15 ids longer than their room", id_too_long, TOKEN_FAULT_FORM },
	{ "FD-15 no ids", no_id, TOKEN_FAULT_FORM },
	{ "data longer than their room", data_too_long, TOKEN_FAULT_FORM },
	{ "data cut off", data_cut_off, TOKEN_FAULT_FORM },
	{ "no data", no_data, TOKEN_FAULT_FORM },
	{ "an answer of a card", a_card, TOKEN_FAULT_FORM },
	{ "FD-04 a site without a name", no_rp, TOKEN_FAULT_RP },
	{ "FD-04 a name without an end", endless_rp, TOKEN_FAULT_RP },
};

START_TEST(a_spoilt_assertion_proves_nothing) {
	static struct scene s;
	struct key_proof proof;
	enum token_fault fault;

	set(&s);
	spoilt[_i].spoil(&s);
	fault = key_verify(&s.rules, &s.credential, &s.answer, s.digest, &proof);
	ck_assert_msg(fault == spoilt[_i].expect, "%s: %s", spoilt[_i].why,
		      token_fault_text(fault));
	ck_assert_uint_eq(proof.proved, 0);
	ck_assert_int_eq(proof.fault, fault);
	key_end(&s.key);
}
END_TEST

static void flip_all(struct scene *s, const char *what, uint8_t *bytes, size_t n) {
	struct key_proof proof;

	for (size_t i = 0; i < n * 8; ++i) {
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		ck_assert_msg(key_verify(&s->rules, &s->credential, &s->answer, s->digest,
					 &proof) != TOKEN_FAULT_NONE &&
				      proof.proved == 0,
			      "%s, bit %zu", what, i);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

START_TEST(no_flipped_bit_proves) {
	static struct scene s;

	set(&s);
	flip_all(&s, "FD-08 credential id", s.answer.credential, s.answer.n_credential);
	flip_all(&s, "authenticator data", s.answer.authdata, s.answer.n_authdata);
	flip_all(&s, "FD-11 signature", s.answer.signature, s.answer.n_signature);
	flip_all(&s, "FD-07 digest", s.digest, sizeof(s.digest));
	flip_all(&s, "stored key", s.credential.public_key, s.credential.n_public_key);
	key_end(&s.key);
}
END_TEST

START_TEST(nothing_that_is_shorter_proves) {
	static struct token_answer cut;
	static struct scene s;
	struct key_proof proof;

	set(&s);
	for (size_t n = 0; n < s.answer.n_authdata; ++n) {
		cut = s.answer;

		cut.n_authdata = n;
		ck_assert_int_ne(key_verify(&s.rules, &s.credential, &cut, digest, &proof),
				 TOKEN_FAULT_NONE);
	}
	for (size_t n = 0; n < s.answer.n_signature; ++n) {
		cut = s.answer;

		cut.n_signature = n;
		ck_assert_int_ne(key_verify(&s.rules, &s.credential, &cut, digest, &proof),
				 TOKEN_FAULT_NONE);
	}
	key_end(&s.key);
}
END_TEST

START_TEST(every_fault_has_its_text) {
	for (unsigned i = 0; i < TOKEN_N_FAULTS; ++i) {
		ck_assert_ptr_nonnull(token_fault_text(i));
		for (unsigned k = 0; k < i; ++k)
			ck_assert_str_ne(token_fault_text(i), token_fault_text(k));
	}
	ck_assert_str_eq(token_fault_text(TOKEN_N_FAULTS), "unknown");
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("verify-key");
	TCase *t = tcase_create("keys");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, each_algorithm_is_enrolled_and_proves, 0,
			    (int)ARRAY_SIZE(algorithms));
	tcase_add_loop_test(t, an_assertion_is_judged, 0, (int)ARRAY_SIZE(asserted));
	tcase_add_loop_test(t, a_spoilt_assertion_proves_nothing, 0, (int)ARRAY_SIZE(spoilt));
	tcase_add_test(t, no_flipped_bit_proves);
	tcase_add_test(t, nothing_that_is_shorter_proves);
	tcase_add_test(t, every_fault_has_its_text);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
