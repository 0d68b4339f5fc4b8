/* SPDX-License-Identifier: Apache-2.0 */

/* Smartcards: signature, chain, usage, algorithms, validity. */

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/authority.h"
#include "tests/tokens/run.h"
#include "tokens/verify.h"

static const uint8_t digest[32] = { 9, 8, 7 };

/* Root, authority, card: a site, and what a card of it answers. */
struct scene {
	struct smartcard_rules rules;
	struct authority root, middle, card;
	struct trust *trust;
	struct moment now;
	struct token_answer answer;
	uint8_t digest[32];
	struct card_proof proof;
};

static struct scene scene;

static struct trust *trust_of(const struct smartcard_rules *rules, const struct authority *roots,
			      const struct authority *middles, const struct authority *service) {
	static char site[16384], maker[8192];
	char message[256] = "";
	struct trust_file files[2] = { { "site.pem", (uint8_t *)site, 0 },
				       { "maker.pem", (uint8_t *)maker, 0 } };
	struct trust *trust = NULL;

	files[0].n = authority_pem(roots, site, 0, sizeof(site));
	if (middles)
		files[0].n = authority_pem(middles, site, files[0].n, sizeof(site));
	if (service)
		files[1].n = authority_pem(service, maker, 0, sizeof(maker));
	ck_assert_msg(trust_new(rules, files, 1, service ? &files[1] : NULL, message, &trust) == 0,
		      "%s", message);
	return trust;
}

static void answer_with(struct scene *s, const struct authority *card) {
	s->answer.factor = CW_FACTOR_SMARTCARD;
	s->answer.n_certificate =
		authority_der(card, s->answer.certificate, sizeof(s->answer.certificate));
	s->answer.n_signature = authority_sign_digest(card, s->digest, s->answer.signature,
						      sizeof(s->answer.signature));
}

/* Lists are missing, and that is let pass: other tests ask about lists. */
static struct scene *set(const struct authority_request *card) {
	static const struct authority_request root = { .name = "Root", .ca = true };
	static const struct authority_request middle = { .name = "Cards", .ca = true };
	struct scene *s = &scene;

	memset(s, 0, sizeof(*s));
	s->rules = (struct smartcard_rules){ .on = true,
					     .missing = REVOCATION_RECORD,
					     .min_rsa_bits = 2048 };
	s->now =
		(struct moment){ .wall_ms = (int64_t)AUTHORITY_NOW * 1000, .trust = CLOCK_TRUSTED };
	memcpy(s->digest, digest, 32);
	s->root = authority_make(NULL, &root);
	s->middle = authority_make(&s->root, &middle);
	s->card = authority_make(&s->middle, card);
	s->trust = trust_of(&s->rules, &s->root, &s->middle, NULL);
	answer_with(s, &s->card);
	return s;
}

static void end(struct scene *s) {
	s->trust = trust_free(s->trust);
	authority_end(&s->card);
	authority_end(&s->middle);
	authority_end(&s->root);
}

static enum token_fault verify(struct scene *s, const uint8_t *enrolled_key) {
	enum token_fault fault = card_verify(&s->rules, s->trust, enrolled_key, &s->answer,
					     s->digest, &s->now, &s->proof);

	ck_assert_int_eq(s->proof.fault, fault);
	ck_assert_uint_eq(s->proof.proved, fault == TOKEN_FAULT_NONE ? TOKEN_YES : 0);
	return fault;
}

#define YEARS(n) ((int64_t)(n)*365 * 86400)

static const struct {
	const char *why;
	struct authority_request card;
	enum token_fault expect;
} cards[] = {
	{ "P-256", { .key = AUTHORITY_P256 }, TOKEN_FAULT_NONE },
	{ "P-384", { .key = AUTHORITY_P384 }, TOKEN_FAULT_NONE },
	{ "P-521", { .key = AUTHORITY_P521 }, TOKEN_FAULT_NONE },
	{ "RSA of 2048 bits", { .key = AUTHORITY_RSA_2048 }, TOKEN_FAULT_NONE },
	{ "RSA of 3072 bits", { .key = AUTHORITY_RSA_3072 }, TOKEN_FAULT_NONE },
	{ "CD-20 RSA of 1024 bits", { .key = AUTHORITY_RSA_1024 }, TOKEN_FAULT_WEAK },
	{ "CD-20 RSA of 512 bits", { .key = AUTHORITY_RSA_512 }, TOKEN_FAULT_WEAK },
	{ "CD-20 RSA with the exponent 3", { .key = AUTHORITY_RSA_EXPONENT_3 }, TOKEN_FAULT_WEAK },
	{ "CD-20 another curve", { .key = AUTHORITY_SECP256K1 }, TOKEN_FAULT_WEAK },
	{ "CD-20 signed by SHA-1", { .digest = "SHA1" }, TOKEN_FAULT_WEAK },
	{ "CD-20 signed by SHA-224", { .digest = "SHA224" }, TOKEN_FAULT_WEAK },
	{ "signed by SHA-512", { .digest = "SHA512" }, TOKEN_FAULT_NONE },
	{ "CD-20 no key usage at all", { .usage = "" }, TOKEN_FAULT_USAGE },
	{ "CD-20 without digitalSignature",
	  { .usage = "critical,nonRepudiation" },
	  TOKEN_FAULT_USAGE },
	{ "digitalSignature among others",
	  { .usage = "digitalSignature,keyEncipherment" },
	  TOKEN_FAULT_NONE },
	{ "CD-20 a server's", { .extended = "serverAuth" }, TOKEN_FAULT_USAGE },
	{ "CD-20 for mail", { .extended = "emailProtection" }, TOKEN_FAULT_USAGE },
	{ "CD-20 for anything", { .extended = "anyExtendedKeyUsage" }, TOKEN_FAULT_USAGE },
	{ "for clients", { .extended = "clientAuth" }, TOKEN_FAULT_NONE },
	{ "for clients and servers", { .extended = "serverAuth,clientAuth" }, TOKEN_FAULT_NONE },
	{ "for smartcard logon", { .extended = "1.3.6.1.4.1.311.20.2.2" }, TOKEN_FAULT_NONE },
	{ "CD-20 an authority's",
	  { .ca = true, .usage = "digitalSignature,keyCertSign" },
	  TOKEN_FAULT_USAGE },
	{ "CD-20 an authority's that may not sign certificates",
	  { .usage = "digitalSignature", .constraints = "critical,CA:TRUE" },
	  TOKEN_FAULT_USAGE },
	{ "CD-20 a critical extension that nobody knows",
	  { .unknown = "1.2.3.4.5" },
	  TOKEN_FAULT_USAGE },
	{ "CD-20 a name with a NUL", { .name = "Kim Weber\0x", .n_name = 11 }, TOKEN_FAULT_FORM },
	{ "CD-20 a name of three KiB", { .n_long = 2500 }, TOKEN_FAULT_NONE },
	{ "no version 3", { .old = true }, TOKEN_FAULT_FORM },
	{ "a serial number of zero", { .serial_zero = true }, TOKEN_FAULT_FORM },
	{ "a negative serial number", { .serial_negative = true }, TOKEN_FAULT_FORM },
	{ "CD-17 expired a second ago", { .to = AUTHORITY_NOW - 1 }, TOKEN_FAULT_VALIDITY },
	{ "CD-17 expired now: the last second no longer counts",
	  { .to = AUTHORITY_NOW },
	  TOKEN_FAULT_VALIDITY },
	{ "CD-17 valid for one more second", { .to = AUTHORITY_NOW + 1 }, TOKEN_FAULT_NONE },
	{ "CD-17 valid from now on", { .from = AUTHORITY_NOW }, TOKEN_FAULT_NONE },
	{ "CD-17 valid in a second", { .from = AUTHORITY_NOW + 1 }, TOKEN_FAULT_VALIDITY },
	{ "CD-17 for ever, to 99991231", { .to = 253402300799 }, TOKEN_FAULT_NONE },
	{ "CD-17 to the last second of two-digit years", { .to = 2524607999 }, TOKEN_FAULT_NONE },
	{ "CD-17 to the first second of four-digit years", { .to = 2524608000 }, TOKEN_FAULT_NONE },
};

START_TEST(a_card_is_judged) {
	struct scene *s = set(&cards[_i].card);
	enum token_fault fault = verify(s, NULL);

	ck_assert_msg(fault == cards[_i].expect, "%s: %s", cards[_i].why, token_fault_text(fault));
	if (cards[_i].card.to)
		ck_assert_int_eq(s->proof.not_after_ms, cards[_i].card.to * 1000);
	end(s);
}
END_TEST

static const struct {
	const char *why;
	int64_t from, to; /* of the card; 0: the usual ones                           */
	int64_t now_ms;
	enum token_fault expect;
} moments[] = {
	{ "TM-01 1970, good card", 0, 0, 0, TOKEN_FAULT_VALIDITY },
	{ "TM-01 before 1970", 0, 0, -1, TOKEN_FAULT_VALIDITY },
	{ "TM-01 the beginning of time", 0, 0, INT64_MIN, TOKEN_FAULT_VALIDITY },
	{ "TM-01 2038", 0, 0, 2147483648000, TOKEN_FAULT_VALIDITY },
	{ "TM-01 2106", 0, 0, 4294967296000, TOKEN_FAULT_VALIDITY },
	{ "TM-01 9999", 0, 0, 253402300799000, TOKEN_FAULT_VALIDITY },
	{ "TM-01 the end of time", 0, 0, INT64_MAX, TOKEN_FAULT_VALIDITY },
	{ "CD-17 a millisecond before", AUTHORITY_NOW, 0, (int64_t)AUTHORITY_NOW * 1000 - 1,
	  TOKEN_FAULT_VALIDITY },
	{ "CD-17 the last millisecond", 0, AUTHORITY_NOW, (int64_t)AUTHORITY_NOW * 1000 - 1,
	  TOKEN_FAULT_NONE },
};

START_TEST(validity_is_judged_at_the_moment_that_is_given) {
	struct scene *s =
		set(&(struct authority_request){ .from = moments[_i].from, .to = moments[_i].to });
	enum token_fault fault;

	s->now.wall_ms = moments[_i].now_ms;
	fault = verify(s, NULL);
	ck_assert_msg(fault == moments[_i].expect, "%s: %s", moments[_i].why,
		      token_fault_text(fault));
	end(s);
}
END_TEST

/* The caller puts the last trusted time there, and says that the clock is unknown. */
START_TEST(CD_18_an_untrusted_clock_is_judged_at_the_last_trusted_time) {
	struct scene *s = set(&(struct authority_request){ 0 });

	s->now.trust = CLOCK_UNKNOWN;
	ck_assert_int_eq(verify(s, NULL), TOKEN_FAULT_NONE);
	end(s);
}
END_TEST

/*
 * Spoilt answers
 */

static void no_signature(struct scene *s) {
	s->answer.n_signature = 0;
}

/* CD-01: the certificate is public, the key is not. */
static void copied_certificate(struct scene *s) {
	struct authority other = authority_make(NULL, &(struct authority_request){ 0 });

	s->answer.n_signature = authority_sign_digest(&other, s->digest, s->answer.signature,
						      sizeof(s->answer.signature));
	authority_end(&other);
}

static void other_challenge(struct scene *s) {
	s->digest[0] ^= 1;
}

static void self_signed(struct scene *s) {
	authority_end(&s->card);
	s->card = authority_make(NULL, &(struct authority_request){ 0 });
	answer_with(s, &s->card);
}

/* CD-16: all names are right, the authority is not. */
static void other_authority_of_the_same_name(struct scene *s) {
	struct authority root =
		authority_make(NULL, &(struct authority_request){ .name = "Root", .ca = true });
	struct authority middle =
		authority_make(&root, &(struct authority_request){ .name = "Cards", .ca = true });

	authority_end(&s->card);
	s->card = authority_make(&middle, &(struct authority_request){ 0 });
	answer_with(s, &s->card);
	authority_end(&middle);
	authority_end(&root);
}

/* A card that signs another's certificate. */
static void issued_by_a_card(struct scene *s) {
	struct authority other = authority_make(&s->card, &(struct authority_request){ 0 });

	authority_end(&s->card);
	s->card = other;
	answer_with(s, &s->card);
}

static void trailing_byte(struct scene *s) {
	s->answer.certificate[s->answer.n_certificate++] = 0;
}

static void cut_off(struct scene *s) {
	--s->answer.n_certificate;
}

static void no_certificate(struct scene *s) {
	s->answer.n_certificate = 0;
}

static void longer_than_its_room(struct scene *s) {
	s->answer.n_certificate = TOKEN_CERTIFICATE_MAX + 1;
}

static void signature_longer_than_its_room(struct scene *s) {
	s->answer.n_signature = TOKEN_SIGNATURE_MAX + 1;
}

static void a_key(struct scene *s) {
	s->answer.factor = CW_FACTOR_FIDO2;
}

static void no_trust(struct scene *s) {
	s->trust = trust_free(s->trust);
}

static void higher_floor(struct scene *s) {
	authority_end(&s->card);
	s->card = authority_make(&s->middle,
				 &(struct authority_request){ .key = AUTHORITY_RSA_2048 });
	answer_with(s, &s->card);
	s->rules.min_rsa_bits = 3072;
}

static void floor_below_the_floor(struct scene *s) {
	authority_end(&s->card);
	s->card = authority_make(&s->middle,
				 &(struct authority_request){ .key = AUTHORITY_RSA_1024 });
	answer_with(s, &s->card);
	s->rules.min_rsa_bits = 0;
}

static void trailing_in_signature(struct scene *s) {
	s->answer.signature[s->answer.n_signature++] = 0;
}

static const struct {
	const char *why;
	void (*spoil)(struct scene *s);
	enum token_fault expect;
} spoilt[] = {
	{ "CD-01 no signature", no_signature, TOKEN_FAULT_FORM },
	{ "CD-01 the certificate of another card", copied_certificate, TOKEN_FAULT_SIGNATURE },
	{ "CD-02 signed by itself, with the right name", self_signed, TOKEN_FAULT_CHAIN },
	{ "CD-09 another challenge", other_challenge, TOKEN_FAULT_SIGNATURE },
	{ "CD-16 another authority of the same name", other_authority_of_the_same_name,
	  TOKEN_FAULT_CHAIN },
	{ "issued by a card", issued_by_a_card, TOKEN_FAULT_CHAIN },
	{ "a byte behind the certificate", trailing_byte, TOKEN_FAULT_FORM },
	{ "a certificate cut off", cut_off, TOKEN_FAULT_FORM },
	{ "no certificate", no_certificate, TOKEN_FAULT_FORM },
	{ "CD-20 a certificate longer than its room", longer_than_its_room, TOKEN_FAULT_FORM },
	{ "CD-10 a signature longer than its room", signature_longer_than_its_room,
	  TOKEN_FAULT_FORM },
	{ "CD-10 a byte behind the signature", trailing_in_signature, TOKEN_FAULT_SIGNATURE },
	{ "an answer of a security key", a_key, TOKEN_FAULT_FORM },
	{ "CD-02 nobody to trust", no_trust, TOKEN_FAULT_CHAIN },
	{ "CD-20 below the site's floor", higher_floor, TOKEN_FAULT_WEAK },
	{ "CD-20 a site's floor below ours", floor_below_the_floor, TOKEN_FAULT_WEAK },
};

START_TEST(a_spoilt_answer_proves_nothing) {
	struct scene *s = set(&(struct authority_request){ 0 });
	enum token_fault fault;

	spoilt[_i].spoil(s);
	fault = verify(s, NULL);
	ck_assert_msg(fault == spoilt[_i].expect, "%s: %s", spoilt[_i].why,
		      token_fault_text(fault));
	end(s);
}
END_TEST

static void flip_all(struct scene *s, const char *what, uint8_t *bytes, size_t n) {
	for (size_t i = 0; i < n * 8; ++i) {
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		ck_assert_msg(verify(s, NULL) != TOKEN_FAULT_NONE, "%s, bit %zu", what, i);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

START_TEST(no_flipped_bit_proves) {
	struct scene *s = set(&(struct authority_request){ .extended = "clientAuth",
							   .key = (enum authority_key)_i });

	flip_all(s, "certificate", s->answer.certificate, s->answer.n_certificate);
	flip_all(s, "signature", s->answer.signature, s->answer.n_signature);
	flip_all(s, "digest", s->digest, sizeof(s->digest));
	ck_assert_int_eq(verify(s, NULL), TOKEN_FAULT_NONE);
	end(s);
}
END_TEST

/*
 * Who it is
 */

START_TEST(CD_16_the_subject_is_no_identity) {
	struct scene *s = set(&(struct authority_request){ .name = "Kim Weber", .serial = 77 });
	struct authority twin = authority_make(
		&s->middle, &(struct authority_request){ .name = "Kim Weber", .serial = 78 });
	struct authority renewed = authority_make(
		&s->middle, &(struct authority_request){ .serial = 79, .with_key = s->card.key });
	struct card_proof proof, other;
	uint8_t der[TOKEN_CERTIFICATE_MAX];

	ck_assert_int_eq(card_identify(s->answer.certificate, s->answer.n_certificate, &proof), 0);
	ck_assert_uint_eq(proof.proved, 0);
	ck_assert_str_eq(proof.subject, "Kim Weber");
	ck_assert_int_eq(card_identify(der, authority_der(&twin, der, sizeof(der)), &other), 0);
	ck_assert_str_eq(other.subject, proof.subject);
	ck_assert_mem_ne(other.id, proof.id, 32);
	ck_assert_mem_ne(other.key_hash, proof.key_hash, 32);
	ck_assert_int_eq(card_identify(der, authority_der(&renewed, der, sizeof(der)), &other), 0);
	ck_assert_mem_ne(other.id, proof.id, 32);
	ck_assert_mem_eq(other.key_hash, proof.key_hash, 32);
	ck_assert_int_eq(verify(s, NULL), TOKEN_FAULT_NONE);
	ck_assert_mem_eq(s->proof.id, proof.id, 32);
	ck_assert_mem_eq(s->proof.key_hash, proof.key_hash, 32);
	authority_end(&renewed);
	authority_end(&twin);
	end(s);
}
END_TEST

/* The names of the issuers differ in their last letter, three KiB behind the first. */
START_TEST(CD_20_a_long_name_is_never_cut_into_an_identity) {
	uint8_t ids[2][32];

	for (int i = 0; i < 2; ++i) {
		struct authority issuer = authority_make(
			NULL, &(struct authority_request){ .name = i ? "Root B" : "Root A",
							   .n_long = 2500,
							   .ca = true });
		struct authority card =
			authority_make(&issuer, &(struct authority_request){ .serial = 5 });
		uint8_t der[TOKEN_CERTIFICATE_MAX];
		struct card_proof proof;

		ck_assert_int_eq(card_identify(der, authority_der(&card, der, sizeof(der)), &proof),
				 0);
		memcpy(ids[i], proof.id, 32);
		authority_end(&card);
		authority_end(&issuer);
	}
	ck_assert_mem_ne(ids[0], ids[1], 32);
}
END_TEST

static const struct {
	const char *why;
	const char *name;
	const char *shown;
} shown[] = {
	{ "letters of any script", "Ren\xc3\xa9 \xe0\xa4\xae", "Ren\xc3\xa9 \xe0\xa4\xae" },
	{ "a line feed", "Kim\nWeber", "Kim?Weber" },
	{ "an escape", "Kim\x1b[2J", "Kim?[2J" },
	{ "a control of the second set", "Kim\xc2\x9b", "Kim??" },
	{ "64 letters end at the 63rd",
	  "0123456789012345678901234567890123456789012345678901234567890123",
	  "012345678901234567890123456789012345678901234567890123456789012" },
	{ "a letter is never halved",
	  "01234567890123456789012345678901234567890123456789012345678901\xc3\xa9",
	  "01234567890123456789012345678901234567890123456789012345678901" },
};

START_TEST(a_subject_is_cut_for_the_screen_alone) {
	struct authority card =
		authority_make(NULL, &(struct authority_request){ .name = shown[_i].name });
	uint8_t der[TOKEN_CERTIFICATE_MAX];
	struct card_proof proof;

	ck_assert_int_eq(card_identify(der, authority_der(&card, der, sizeof(der)), &proof), 0);
	ck_assert_msg(strcmp(proof.subject, shown[_i].shown) == 0, "%s: %s", shown[_i].why,
		      proof.subject);
	authority_end(&card);
}
END_TEST

START_TEST(what_is_no_certificate_identifies_nobody) {
	struct card_proof proof;
	uint8_t rubbish[64];

	memset(&proof, 0x5a, sizeof(proof));
	memset(rubbish, 0x30, sizeof(rubbish));
	ck_assert_int_eq(card_identify(rubbish, sizeof(rubbish), &proof), -EINVAL);
	ck_assert_int_eq(card_identify(rubbish, 0, &proof), -EINVAL);
	ck_assert_uint_eq(proof.id[0], 0x5a);
}
END_TEST

/*
 * Enrolled keys
 */

START_TEST(an_enrolled_key_has_to_be_that_key) {
	struct scene *s = set(&(struct authority_request){ 0 });
	uint8_t other[32];

	ck_assert_int_eq(verify(s, NULL), TOKEN_FAULT_NONE);
	memcpy(other, s->proof.key_hash, 32);
	ck_assert_int_eq(verify(s, other), TOKEN_FAULT_NONE);
	other[31] ^= 0x80;
	ck_assert_int_eq(verify(s, other), TOKEN_FAULT_OTHER_KEY);
	s->rules.enrolled_without_chain = true;
	ck_assert_int_eq(verify(s, other), TOKEN_FAULT_OTHER_KEY);
	end(s);
}
END_TEST

START_TEST(CD_02_an_enrolled_key_needs_its_chain_unless_the_site_says_no) {
	struct scene *s = set(&(struct authority_request){ 0 });
	struct card_proof proof;

	self_signed(s);
	ck_assert_int_eq(card_identify(s->answer.certificate, s->answer.n_certificate, &proof), 0);
	ck_assert_int_eq(verify(s, proof.key_hash), TOKEN_FAULT_CHAIN);
	no_trust(s);
	ck_assert_int_eq(verify(s, proof.key_hash), TOKEN_FAULT_CHAIN);
	s->rules.enrolled_without_chain = true;
	ck_assert_int_eq(verify(s, proof.key_hash), TOKEN_FAULT_NONE);
	/* It does not spare the signature, and a key that nobody enrolled has no such right. */
	ck_assert_int_eq(verify(s, NULL), TOKEN_FAULT_CHAIN);
	copied_certificate(s);
	ck_assert_int_eq(verify(s, proof.key_hash), TOKEN_FAULT_SIGNATURE);
	end(s);
}
END_TEST

/*
 * Chains
 */

START_TEST(CD_20_a_chain_has_at_most_six_authorities_below_its_root) {
	static struct authority chain[51];
	size_t n = (size_t)_i;
	struct scene *s = set(&(struct authority_request){ 0 });
	static char pem[131072];
	char message[256];
	struct trust_file file = { "chain.pem", (uint8_t *)pem, 0 };

	authority_chain(chain, n);
	for (size_t i = 0; i + 1 < n; ++i)
		file.n = authority_pem(&chain[i], pem, file.n, sizeof(pem));
	s->trust = trust_free(s->trust);
	ck_assert_int_eq(trust_new(&s->rules, &file, 1, NULL, message, &s->trust), 0);
	answer_with(s, &chain[n - 1]);
	ck_assert_int_eq(verify(s, NULL), n <= 8 ? TOKEN_FAULT_NONE : TOKEN_FAULT_CHAIN);
	for (size_t i = 0; i < n; ++i)
		authority_end(&chain[i]);
	end(s);
}
END_TEST

static const struct {
	const char *why;
	struct authority_request middle;
	enum token_fault expect; /* of a card of it                                   */
} middles[] = {
	{ "for clients", { .extended = "clientAuth" }, TOKEN_FAULT_NONE },
	{ "for anything", { .extended = "anyExtendedKeyUsage" }, TOKEN_FAULT_NONE },
	{ "CD-20 an authority for servers", { .extended = "serverAuth" }, TOKEN_FAULT_USAGE },
	{ "CD-17 an authority that expired", { .to = AUTHORITY_NOW - 1 }, TOKEN_FAULT_VALIDITY },
	{ "CD-20 no authority may stand below a path of none", { .path = 1 }, TOKEN_FAULT_NONE },
};

START_TEST(the_authorities_in_between_are_judged) {
	struct scene *s = set(&(struct authority_request){ 0 });
	struct authority_request request = middles[_i].middle;
	enum token_fault fault;

	s->trust = trust_free(s->trust);
	authority_end(&s->middle);
	authority_end(&s->card);
	request.ca = true;
	request.name = "Cards";
	s->middle = authority_make(&s->root, &request);
	s->card = authority_make(&s->middle, &(struct authority_request){ 0 });
	s->trust = trust_of(&s->rules, &s->root, &s->middle, NULL);
	answer_with(s, &s->card);
	fault = verify(s, NULL);
	ck_assert_msg(fault == middles[_i].expect, "%s: %s", middles[_i].why,
		      token_fault_text(fault));
	end(s);
}
END_TEST

START_TEST(the_makers_authority_counts_where_the_site_says_so) {
	struct scene *s = set(&(struct authority_request){ 0 });
	struct authority maker =
		authority_make(NULL, &(struct authority_request){ .name = "Maker", .ca = true });
	struct authority service = authority_make(&maker, &(struct authority_request){ 0 });

	s->trust = trust_free(s->trust);
	s->trust = trust_of(&s->rules, &s->root, &s->middle, &maker);
	ck_assert_int_eq(verify(s, NULL), TOKEN_FAULT_NONE);
	ck_assert(!s->proof.by_service);
	answer_with(s, &service);
	ck_assert_int_eq(verify(s, NULL), TOKEN_FAULT_CHAIN);
	ck_assert(!s->proof.by_service);
	s->rules.service = true;
	ck_assert_int_eq(verify(s, NULL), TOKEN_FAULT_NONE);
	ck_assert(s->proof.by_service);
	answer_with(s, &s->card);
	ck_assert_int_eq(verify(s, NULL), TOKEN_FAULT_NONE);
	ck_assert(!s->proof.by_service);
	authority_end(&service);
	authority_end(&maker);
	end(s);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("verify-card");
	TCase *t = tcase_create("cards");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, a_card_is_judged, 0, (int)ARRAY_SIZE(cards));
	tcase_add_loop_test(t, validity_is_judged_at_the_moment_that_is_given, 0,
			    (int)ARRAY_SIZE(moments));
	tcase_add_test(t, CD_18_an_untrusted_clock_is_judged_at_the_last_trusted_time);
	tcase_add_loop_test(t, a_spoilt_answer_proves_nothing, 0, (int)ARRAY_SIZE(spoilt));
	tcase_add_test(t, CD_16_the_subject_is_no_identity);
	tcase_add_test(t, CD_20_a_long_name_is_never_cut_into_an_identity);
	tcase_add_loop_test(t, a_subject_is_cut_for_the_screen_alone, 0, (int)ARRAY_SIZE(shown));
	tcase_add_test(t, what_is_no_certificate_identifies_nobody);
	tcase_add_test(t, an_enrolled_key_has_to_be_that_key);
	tcase_add_test(t, CD_02_an_enrolled_key_needs_its_chain_unless_the_site_says_no);
	tcase_add_loop_test(t, CD_20_a_chain_has_at_most_six_authorities_below_its_root, 7, 10);
	tcase_add_loop_test(t, CD_20_a_chain_has_at_most_six_authorities_below_its_root, 50, 51);
	tcase_add_loop_test(t, the_authorities_in_between_are_judged, 0, (int)ARRAY_SIZE(middles));
	tcase_add_test(t, the_makers_authority_counts_where_the_site_says_so);
	suite_add_tcase(s, t);
	t = tcase_create("bits");
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, no_flipped_bit_proves, AUTHORITY_P256, AUTHORITY_P256 + 1);
	tcase_add_loop_test(t, no_flipped_bit_proves, AUTHORITY_RSA_2048, AUTHORITY_RSA_2048 + 1);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
