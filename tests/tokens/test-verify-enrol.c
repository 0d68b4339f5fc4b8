/* SPDX-License-Identifier: Apache-2.0 */

/* Security keys: what a new credential has to be. */

#include <check.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/key.h"
#include "tests/tokens/run.h"

#define BYTES(s) (s), sizeof(s) - 1

static const uint8_t digest[32] = { 1, 2, 3 };
static const char no_bytes[] = "";

static const struct {
	const char *why;
	struct key_request request;
	enum key_verification verification;
	bool synced;
	enum token_fault expect;
	bool proves;
} made[] = {
	{ "signed by itself", { 0 }, 0, false, TOKEN_FAULT_NONE, true },
	{ "FD-24 signed by nobody", { .format = "none" }, 0, false, TOKEN_FAULT_NONE, false },
	{ "a format that is not taken",
	  { .format = "android-safetynet" },
	  0,
	  false,
	  TOKEN_FAULT_ATTESTATION,
	  false },
	{ "a format without name",
	  { .format = no_bytes },
	  0,
	  false,
	  TOKEN_FAULT_ATTESTATION,
	  false },
	{ "FD-01 not verified", { .flags_off = 4 }, 0, false, TOKEN_FAULT_NOT_VERIFIED, false },
	{ "FD-01 not verified, signed by nobody",
	  { .flags_off = 4, .format = "none" },
	  0,
	  false,
	  TOKEN_FAULT_NOT_VERIFIED,
	  false },
	{ "touch alone where that is the rule",
	  { .flags_off = 4 },
	  KEY_VERIFY_NEVER,
	  false,
	  TOKEN_FAULT_NONE,
	  true },
	{ "FD-02 not touched",
	  { .flags_off = 1 },
	  KEY_VERIFY_NEVER,
	  false,
	  TOKEN_FAULT_NOT_PRESENT,
	  false },
	{ "FD-04 for another site", { .rp = "other.example" }, 0, false, TOKEN_FAULT_RP, false },
	{ "may be copied", { .flags_on = 8 }, 0, false, TOKEN_FAULT_SYNCED, false },
	{ "may be copied, and the site takes it",
	  { .flags_on = 8 },
	  0,
	  true,
	  TOKEN_FAULT_NONE,
	  true },
	{ "no credential in it", { .flags_off = 0x40 }, 0, false, TOKEN_FAULT_FORM, false },
	{ "extensions",
	  { .extensions = BYTES("\xa1\x61x\x02") },
	  0,
	  false,
	  TOKEN_FAULT_NONE,
	  true },
	{ "a byte behind",
	  { .extensions = BYTES("\xa1\x61x\x02\x03") },
	  0,
	  false,
	  TOKEN_FAULT_FORM,
	  false },
	{ "the shortest id", { .n_id = 16 }, 0, false, TOKEN_FAULT_NONE, true },
	{ "an id that can be guessed", { .n_id = 15 }, 0, false, TOKEN_FAULT_FORM, false },
	{ "the longest id", { .n_id = 512 }, 0, false, TOKEN_FAULT_NONE, true },
	{ "an id longer than its room", { .n_id = 513 }, 0, false, TOKEN_FAULT_FORM, false },
};

START_TEST(a_new_credential_is_judged) {
	struct security_key_rules rules = key_rules();
	struct key_credential credential = { .algorithm = 99 };
	static struct token_answer answer;
	struct key_proof proof;
	struct key key = key_make(&made[_i].request, digest, &answer);
	enum token_fault fault;

	rules.verification = made[_i].verification;
	rules.synced = made[_i].synced;
	fault = key_enrol(&rules, &answer, digest, &credential, &proof);
	ck_assert_msg(fault == made[_i].expect, "%s: %s", made[_i].why, token_fault_text(fault));
	ck_assert_int_eq(proof.fault, fault);
	ck_assert_uint_eq(proof.proved, made[_i].proves ? TOKEN_YES : 0);
	ck_assert_int_eq(credential.algorithm, fault == TOKEN_FAULT_NONE ? -7 : 99);
	key_end(&key);
}
END_TEST

#define X32    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define ZERO31 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define FF30                                                                                       \
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" \
	"\xff\xff\xff\xff\xff\xff\xff\xff"
#define OKP "\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20"

static const struct {
	const char *why;
	const void *bytes;
	size_t n;
	enum token_fault expect;
} cose[] = {
	{ "FD-11 not on the curve",
	  BYTES("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" X32 "\x22\x58\x20" X32),
	  TOKEN_FAULT_FORM },
	{ "FD-11 the point at infinity",
	  BYTES("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" ZERO31 "\0\x22\x58\x20" ZERO31 "\0"),
	  TOKEN_FAULT_FORM },
	{ "FD-11 another curve",
	  BYTES("\xa5\x01\x02\x03\x26\x20\x02\x21\x58\x20" X32 "\x22\x58\x20" X32),
	  TOKEN_FAULT_FORM },
	{ "FD-11 x of 31 bytes",
	  BYTES("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x1f" ZERO31 "\x22\x58\x20" X32),
	  TOKEN_FAULT_FORM },
	{ "FD-11 y as a sign", BYTES("\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" X32 "\x22\xf5"),
	  TOKEN_FAULT_FORM },
	{ "FD-11 ES256 with the type of EdDSA",
	  BYTES("\xa5\x01\x01\x03\x26\x20\x01\x21\x58\x20" X32 "\x22\x58\x20" X32),
	  TOKEN_FAULT_FORM },
	{ "FD-11 EdDSA with the type of ES256",
	  BYTES("\xa4\x01\x02\x03\x27\x20\x06\x21\x58\x20" X32), TOKEN_FAULT_FORM },
	{ "FD-11 EdDSA, y = 0", BYTES(OKP ZERO31 "\0"), TOKEN_FAULT_WEAK },
	{ "FD-11 EdDSA, y = 0 with a sign", BYTES(OKP ZERO31 "\x80"), TOKEN_FAULT_WEAK },
	{ "FD-11 EdDSA, the neutral point", BYTES(OKP "\x01" ZERO31), TOKEN_FAULT_WEAK },
	{ "FD-11 EdDSA, order 2", BYTES(OKP "\xec" FF30 "\x7f"), TOKEN_FAULT_WEAK },
	{ "FD-11 EdDSA, order 8",
	  BYTES(OKP "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53"
		    "\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a"),
	  TOKEN_FAULT_WEAK },
	{ "FD-11 EdDSA, order 8, the other one",
	  BYTES(OKP "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac"
		    "\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x85"),
	  TOKEN_FAULT_WEAK },
	{ "FD-11 EdDSA, y = 0 as p", BYTES(OKP "\xed" FF30 "\x7f"), TOKEN_FAULT_WEAK },
	{ "FD-11 EdDSA, y = 1 as p + 1", BYTES(OKP "\xee" FF30 "\xff"), TOKEN_FAULT_WEAK },
	{ "FD-11 another algorithm", BYTES("\xa4\x01\x01\x03\x38\x22\x20\x06\x21\x58\x20" X32),
	  TOKEN_FAULT_WEAK },
	{ "FD-11 RSA of 256 bits",
	  BYTES("\xa4\x01\x03\x03\x39\x01\x00\x20\x58\x20" X32 "\x21\x43\x01\0\x01"),
	  TOKEN_FAULT_FORM },
	{ "a member twice", BYTES("\xa4\x01\x01\x01\x01\x03\x27\x21\x58\x20" X32),
	  TOKEN_FAULT_FORM },
	{ "a member that nobody knows",
	  BYTES("\xa5\x01\x01\x03\x27\x20\x06\x21\x58\x20" X32 "\x04\x81\x02"), TOKEN_FAULT_FORM },
	{ "a member too few", BYTES("\xa3\x01\x01\x03\x27\x20\x06"), TOKEN_FAULT_FORM },
	{ "no map", BYTES("\x84\x01\x01\x03\x27"), TOKEN_FAULT_FORM },
	{ "cut off", BYTES("\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20xx"), TOKEN_FAULT_FORM },
	{ "nothing", no_bytes, 0, TOKEN_FAULT_FORM },
};

START_TEST(a_public_key_is_judged) {
	struct security_key_rules rules = key_rules();
	struct key_request request = { .format = "none",
				       .cose = cose[_i].bytes,
				       .n_cose = cose[_i].n };
	struct key_credential credential;
	static struct token_answer answer;
	struct key_proof proof;
	struct key key = key_make(&request, digest, &answer);
	enum token_fault fault = key_enrol(&rules, &answer, digest, &credential, &proof);

	ck_assert_msg(fault == cose[_i].expect, "%s: %s", cose[_i].why, token_fault_text(fault));
	ck_assert_uint_eq(proof.proved, 0);
	key_end(&key);
}
END_TEST

static const char model[] = "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa";

static const struct {
	const char *why;
	bool by_itself;
	struct authority_request by;
	bool listed;     /* the model is on the site's list                          */
	bool list_other; /* another one is                                           */
	enum token_fault expect;
} attested[] = {
	{ "by a certificate of its model",
	  false,
	  { .aaguid = model },
	  true,
	  false,
	  TOKEN_FAULT_NONE },
	{ "by a certificate that names no model", false, { 0 }, true, false, TOKEN_FAULT_NONE },
	{ "FD-24 by a certificate of another model",
	  false,
	  { .aaguid = "0123456789abcdef" },
	  true,
	  false,
	  TOKEN_FAULT_ATTESTATION },
	{ "the site asks for nothing", false, { .aaguid = model }, false, false, TOKEN_FAULT_NONE },
	{ "FD-24 the site lists another model",
	  false,
	  { .aaguid = model },
	  false,
	  true,
	  TOKEN_FAULT_ATTESTATION },
	{ "FD-24 by itself, which says nothing of its model",
	  true,
	  { 0 },
	  true,
	  false,
	  TOKEN_FAULT_ATTESTATION },
	{ "by an authority", false, { .ca = true }, true, false, TOKEN_FAULT_ATTESTATION },
	{ "by a certificate of version 1",
	  false,
	  { .old = true },
	  true,
	  false,
	  TOKEN_FAULT_ATTESTATION },
	{ "by RSA of 1024 bits",
	  false,
	  { .key = AUTHORITY_RSA_1024 },
	  false,
	  false,
	  TOKEN_FAULT_ATTESTATION },
	{ "by RSA of 2048 bits",
	  false,
	  { .key = AUTHORITY_RSA_2048 },
	  true,
	  false,
	  TOKEN_FAULT_NONE },
};

START_TEST(an_attestation_is_judged) {
	struct security_key_rules rules = key_rules();
	struct authority by = authority_make(NULL, &attested[_i].by);
	struct key_request request = { .by = attested[_i].by_itself ? NULL : &by };
	struct key_credential credential;
	static struct token_answer answer;
	struct key_proof proof;
	struct key key = key_make(&request, digest, &answer);
	enum token_fault fault;

	rules.attested = attested[_i].listed || attested[_i].list_other;
	rules.n_aaguids = rules.attested;
	memset(rules.aaguids[0], attested[_i].listed ? 0xaa : 0xab, 16);
	fault = key_enrol(&rules, &answer, digest, &credential, &proof);
	ck_assert_msg(fault == attested[_i].expect, "%s: %s", attested[_i].why,
		      token_fault_text(fault));
	ck_assert_uint_eq(proof.proved, fault == TOKEN_FAULT_NONE ? TOKEN_YES : 0);
	/* Another challenge: FD-07. */
	answer.authdata[36] ^= 1;
	ck_assert_int_ne(key_enrol(&rules, &answer, digest, &credential, &proof), TOKEN_FAULT_NONE);
	ck_assert_uint_eq(proof.proved, 0);
	key_end(&key);
	authority_end(&by);
}
END_TEST

START_TEST(the_id_beside_the_data_is_the_one_in_them) {
	struct security_key_rules rules = key_rules();
	struct key_credential credential;
	static struct token_answer answer;
	struct key_proof proof;
	struct key key = key_make(&(struct key_request){ 0 }, digest, &answer);

	answer.credential[0] ^= 1;
	ck_assert_int_eq(key_enrol(&rules, &answer, digest, &credential, &proof), TOKEN_FAULT_FORM);
	answer.n_credential = 0;
	ck_assert_int_eq(key_enrol(&rules, &answer, digest, &credential, &proof), TOKEN_FAULT_NONE);
	key_end(&key);
}
END_TEST

START_TEST(FD_24_without_attestation_there_is_no_signature_and_no_certificate) {
	struct security_key_rules rules = key_rules();
	struct key_credential credential;
	static struct token_answer answer;
	struct key_proof proof;
	struct key key = key_make(&(struct key_request){ .format = "none" }, digest, &answer);

	answer.n_statement = 1;
	ck_assert_int_eq(key_enrol(&rules, &answer, digest, &credential, &proof), TOKEN_FAULT_FORM);
	answer.n_statement = 0;
	answer.n_signature = 1;
	ck_assert_int_eq(key_enrol(&rules, &answer, digest, &credential, &proof), TOKEN_FAULT_FORM);
	answer.n_signature = 0;
	ck_assert_int_eq(key_enrol(&rules, &answer, digest, &credential, &proof), TOKEN_FAULT_NONE);
	key_end(&key);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("verify-enrol");
	TCase *t = tcase_create("new keys");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_new_credential_is_judged, 0, (int)ARRAY_SIZE(made));
	tcase_add_loop_test(t, a_public_key_is_judged, 0, (int)ARRAY_SIZE(cose));
	tcase_add_loop_test(t, an_attestation_is_judged, 0, (int)ARRAY_SIZE(attested));
	tcase_add_test(t, FD_24_without_attestation_there_is_no_signature_and_no_certificate);
	tcase_add_test(t, the_id_beside_the_data_is_the_one_in_them);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
