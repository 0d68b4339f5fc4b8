/* SPDX-License-Identifier: Apache-2.0 */

/* Authorities and revocation lists: what is taken, and what a list does. */

#include <check.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/authority.h"
#include "tests/tokens/run.h"
#include "tokens/verify.h"

#define MINUTE 60

static const uint8_t digest[32] = { 4, 5, 6 };

/* A site with two authorities below its root, and a card of the first. */
struct scene {
	struct smartcard_rules rules;
	struct authority root, middle, twin, card, colleague;
	struct trust *trust;
	struct moment now;
	struct card_proof proof;
	char message[256];
};

static struct scene scene;

static struct scene *set(void) {
	static char pem[16384];
	struct scene *s = &scene;
	struct trust_file file = { "site.pem", (uint8_t *)pem, 0 };

	memset(s, 0, sizeof(*s));
	s->rules.on = true;
	s->now.wall_ms = (int64_t)AUTHORITY_NOW * 1000;
	s->now.trust = CLOCK_TRUSTED;
	s->root = authority_make(NULL, &(struct authority_request){ .name = "Root", .ca = true });
	s->middle = authority_make(&s->root,
				   &(struct authority_request){ .name = "Cards", .ca = true });
	/* CD-19: another authority of the same name. */
	s->twin = authority_make(&s->root,
				 &(struct authority_request){ .name = "Cards", .ca = true });
	s->card = authority_make(&s->middle, &(struct authority_request){ 0 });
	s->colleague = authority_make(&s->middle, &(struct authority_request){ 0 });
	file.n = authority_pem(&s->root, pem, 0, sizeof(pem));
	file.n = authority_pem(&s->middle, pem, file.n, sizeof(pem));
	file.n = authority_pem(&s->twin, pem, file.n, sizeof(pem));
	ck_assert_int_eq(trust_new(&s->rules, &file, 1, NULL, s->message, &s->trust), 0);
	return s;
}

static void end(struct scene *s) {
	s->trust = trust_free(s->trust);
	authority_end(&s->colleague);
	authority_end(&s->card);
	authority_end(&s->twin);
	authority_end(&s->middle);
	authority_end(&s->root);
}

/* Return: what trust_set_lists() returns. */
static int take(struct scene *s, const struct authority *issuer,
		const struct authority_list *request) {
	struct trust_file file = { .name = "list.crl" };
	uint8_t *bytes;
	int r;

	file.n = authority_make_list(issuer, request, &bytes);
	file.bytes = bytes;
	r = trust_set_lists(s->trust, &file, 1, s->message);
	OPENSSL_free(bytes);
	return r;
}

static void must_take(struct scene *s, const struct authority *issuer,
		      const struct authority_list *request) {
	ck_assert_msg(take(s, issuer, request) == 1, "%s", s->message);
}

static void must_refuse(struct scene *s, const struct authority *issuer,
			const struct authority_list *request, const char *expect) {
	ck_assert_int_eq(take(s, issuer, request), -EINVAL);
	ck_assert_msg(strstr(s->message, expect) != NULL, "%s", s->message);
}

static enum token_fault verify(struct scene *s) {
	static struct token_answer answer;
	enum token_fault fault;

	answer.factor = CW_FACTOR_SMARTCARD;
	answer.n_certificate =
		authority_der(&s->card, answer.certificate, sizeof(answer.certificate));
	answer.n_signature =
		authority_sign_digest(&s->card, digest, answer.signature, sizeof(answer.signature));
	fault = card_verify(&s->rules, s->trust, NULL, &answer, digest, &s->now, &s->proof);
	ck_assert_uint_eq(s->proof.proved, fault == TOKEN_FAULT_NONE ? TOKEN_YES : 0);
	return fault;
}

static const struct authority_list fresh;

START_TEST(CD_19_without_a_list_of_each_authority_nobody_gets_in) {
	struct scene *s = set();

	ck_assert_int_eq(verify(s), TOKEN_FAULT_LIST_MISSING);
	must_take(s, &s->middle, &fresh);
	ck_assert_int_eq(verify(s), TOKEN_FAULT_LIST_MISSING);
	must_take(s, &s->root, &fresh);
	ck_assert_int_eq(verify(s), TOKEN_FAULT_NONE);
	ck_assert(!s->proof.list_missing && !s->proof.list_stale);
	end(s);
}
END_TEST

START_TEST(CD_19_a_missing_list_is_let_pass_by_rule_and_shown) {
	struct scene *s = set();

	s->rules.missing = REVOCATION_RECORD;
	ck_assert_int_eq(verify(s), TOKEN_FAULT_NONE);
	ck_assert(s->proof.list_missing && !s->proof.list_stale);
	end(s);
}
END_TEST

static const struct {
	const char *why;
	int64_t later_s; /* than nextUpdate                                           */
	enum revocation_rule rule;
	enum token_fault expect;
	bool stale;
} ages[] = {
	{ "a second before nextUpdate", -1, REVOCATION_REFUSE, TOKEN_FAULT_NONE, false },
	{ "at nextUpdate", 0, REVOCATION_REFUSE, TOKEN_FAULT_LIST_STALE, false },
	{ "a month later", 30 * 86400, REVOCATION_REFUSE, TOKEN_FAULT_LIST_STALE, false },
	{ "at nextUpdate, and it is recorded", 0, REVOCATION_RECORD, TOKEN_FAULT_NONE, true },
	{ "fresh, and it would be recorded", -1, REVOCATION_RECORD, TOKEN_FAULT_NONE, false },
	{ "a rule that nobody knows refuses", 0, (enum revocation_rule)7, TOKEN_FAULT_LIST_STALE,
	  false },
};

START_TEST(CD_19_a_stale_list_is_treated_by_rule) {
	struct scene *s = set();
	struct authority_list root = { .to = AUTHORITY_NOW + 60 * 86400 };
	enum token_fault fault;

	must_take(s, &s->root, &root);
	must_take(s, &s->middle, &(struct authority_list){ .to = AUTHORITY_NOW + 86400 });
	s->rules.stale = ages[_i].rule;
	s->now.wall_ms = ((int64_t)AUTHORITY_NOW + 86400 + ages[_i].later_s) * 1000;
	fault = verify(s);
	ck_assert_msg(fault == ages[_i].expect, "%s: %s", ages[_i].why, token_fault_text(fault));
	ck_assert_msg(s->proof.list_stale == ages[_i].stale, "%s", ages[_i].why);
	ck_assert(!s->proof.list_missing);
	end(s);
}
END_TEST

START_TEST(CD_19_revoked_stays_revoked_however_old_the_list) {
	struct scene *s = set();

	s->rules.missing = s->rules.stale = REVOCATION_RECORD;
	must_take(s, &s->middle, &(struct authority_list){ .revoked = { &s->card } });
	ck_assert_int_eq(verify(s), TOKEN_FAULT_REVOKED);
	s->now.wall_ms += (int64_t)30 * 86400 * 1000;
	ck_assert_int_eq(verify(s), TOKEN_FAULT_REVOKED);
	/* CD-18: also with a clock that is not believed, whatever it says. */
	s->now.trust = CLOCK_UNKNOWN;
	ck_assert_int_eq(verify(s), TOKEN_FAULT_REVOKED);
	end(s);
}
END_TEST

START_TEST(a_list_of_the_future_is_not_stale) {
	struct scene *s = set();

	must_take(s, &s->root, &fresh);
	must_take(s, &s->middle,
		  &(struct authority_list){ .from = AUTHORITY_NOW + 3600,
					    .to = AUTHORITY_NOW + 86400 });
	ck_assert_int_eq(verify(s), TOKEN_FAULT_NONE);
	end(s);
}
END_TEST

START_TEST(a_revoked_authority_takes_its_cards_along) {
	struct scene *s = set();

	must_take(s, &s->middle, &fresh);
	must_take(s, &s->root, &(struct authority_list){ .revoked = { &s->middle } });
	ck_assert_int_eq(verify(s), TOKEN_FAULT_REVOKED);
	end(s);
}
END_TEST

START_TEST(only_the_revoked_card_is_revoked) {
	struct scene *s = set();

	must_take(s, &s->root, &fresh);
	must_take(s, &s->middle,
		  &(struct authority_list){ .revoked = { &s->colleague }, .n_filler = 5000 });
	ck_assert_int_eq(verify(s), TOKEN_FAULT_NONE);
	must_take(s, &s->middle,
		  &(struct authority_list){
			  .number = 2, .revoked = { &s->colleague, &s->card }, .n_filler = 5000 });
	ck_assert_int_eq(verify(s), TOKEN_FAULT_REVOKED);
	end(s);
}
END_TEST

/* Same name, same serial number, another key: neither its word nor its silence counts. */
START_TEST(CD_19_a_list_of_another_authority_of_the_same_name_says_nothing) {
	struct scene *s = set();
	struct authority stranger =
		authority_make(NULL, &(struct authority_request){ .name = "Cards", .ca = true });

	must_take(s, &s->root, &fresh);
	must_take(s, &s->twin, &(struct authority_list){ .revoked = { &s->card } });
	ck_assert_int_eq(verify(s), TOKEN_FAULT_LIST_MISSING);
	must_refuse(s, &stranger, &fresh, "not signed by any");
	must_take(s, &s->middle, &fresh);
	ck_assert_int_eq(verify(s), TOKEN_FAULT_NONE);
	authority_end(&stranger);
	end(s);
}
END_TEST

static const struct {
	const char *why;
	struct authority_list list;
	const char *expect; /* NULL: taken                                            */
} lists[] = {
	{ "an empty one", { 0 }, NULL },
	{ "CD-19 endless", { .endless = true }, "until when" },
	{ "CD-19 ends before it begins",
	  { .from = AUTHORITY_NOW, .to = AUTHORITY_NOW - 1 },
	  "until when" },
	{ "signed by SHA-1", { .digest = "SHA1" }, "algorithm" },
	{ "signed by SHA-384", { .digest = "SHA384" }, NULL },
	{ "only what changed", { .delta = true }, "what changed" },
	{ "only some reasons", { .scope = "critical,onlysomereasons:keyCompromise" }, "reasons" },
	{ "also for others", { .scope = "critical,indirectCRL:TRUE" }, "other authorities" },
	{ "only attributes", { .scope = "critical,onlyAA:TRUE" }, "other authorities" },
	{ "only people", { .scope = "critical,onlyuser:TRUE" }, NULL },
};

START_TEST(a_list_is_judged_when_it_comes) {
	struct scene *s = set();

	if (lists[_i].expect)
		must_refuse(s, &s->middle, &lists[_i].list, lists[_i].expect);
	else
		must_take(s, &s->middle, &lists[_i].list);
	end(s);
}
END_TEST

static const struct {
	const char *why;
	struct authority_request card;
	const char *scope;
	enum token_fault expect; /* where the list revokes nobody; LIST_MISSING: not its */
} scopes[] = {
	{ "people", { 0 }, "critical,onlyuser:TRUE", TOKEN_FAULT_NONE },
	{ "authorities", { 0 }, "critical,onlyCA:TRUE", TOKEN_FAULT_LIST_MISSING },
	{ "the place that the card names",
	  { .place = "URI:http://ward.example/a.crl" },
	  "critical,fullname:URI:http://ward.example/a.crl",
	  TOKEN_FAULT_NONE },
	{ "another place",
	  { .place = "URI:http://ward.example/b.crl" },
	  "critical,fullname:URI:http://ward.example/a.crl",
	  TOKEN_FAULT_LIST_MISSING },
	{ "a place, and the card names none",
	  { 0 },
	  "critical,fullname:URI:http://ward.example/a.crl",
	  TOKEN_FAULT_LIST_MISSING },
};

START_TEST(a_list_speaks_of_its_scope_alone) {
	struct scene *s = set();
	struct authority_list list = { .scope = scopes[_i].scope };
	enum token_fault fault;

	authority_end(&s->card);
	s->card = authority_make(&s->middle, &scopes[_i].card);
	must_take(s, &s->root, &fresh);
	must_take(s, &s->middle, &list);
	fault = verify(s);
	ck_assert_msg(fault == scopes[_i].expect, "%s: %s", scopes[_i].why,
		      token_fault_text(fault));
	/* A list of everything beside it fills the gap. */
	must_take(s, &s->middle, &fresh);
	ck_assert_int_eq(verify(s), TOKEN_FAULT_NONE);
	list.revoked[0] = &s->card;
	list.number = 2;
	must_take(s, &s->middle, &list);
	ck_assert_int_eq(verify(s), scopes[_i].expect == TOKEN_FAULT_NONE ? TOKEN_FAULT_REVOKED
									  : TOKEN_FAULT_NONE);
	end(s);
}
END_TEST

START_TEST(CD_19_an_older_list_never_replaces_a_newer_one) {
	struct scene *s = set();
	struct authority_list newer = { .from = AUTHORITY_NOW - MINUTE, .number = 7 };

	newer.revoked[0] = &s->card;
	must_take(s, &s->root, &fresh);
	must_take(s, &s->middle, &newer);
	must_refuse(s, &s->middle,
		    &(struct authority_list){ .from = AUTHORITY_NOW - 2 * MINUTE, .number = 8 },
		    "older");
	must_refuse(s, &s->middle,
		    &(struct authority_list){ .from = AUTHORITY_NOW - MINUTE, .number = 6 },
		    "older");
	ck_assert_int_eq(verify(s), TOKEN_FAULT_REVOKED);
	/* The same one again, as it lies there at every start. */
	must_take(s, &s->middle, &newer);
	ck_assert_int_eq(verify(s), TOKEN_FAULT_REVOKED);
	must_take(s, &s->middle, &(struct authority_list){ .from = AUTHORITY_NOW, .number = 8 });
	ck_assert_int_eq(verify(s), TOKEN_FAULT_NONE);
	end(s);
}
END_TEST

START_TEST(CD_19_a_list_with_a_bit_flipped_is_refused) {
	struct scene *s = set();
	struct authority_list request = { .revoked = { &s->card }, .n_filler = 1 };
	struct trust_file file = { .name = "list.crl" };
	uint8_t *bytes;

	must_take(s, &s->root, &fresh);
	must_take(s, &s->middle, &request);
	file.n = authority_make_list(&s->middle, &request, &bytes);
	file.bytes = bytes;
	for (size_t i = 0; i < file.n * 8; ++i) {
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		ck_assert_msg(trust_set_lists(s->trust, &file, 1, s->message) == -EINVAL, "bit %zu",
			      i);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	ck_assert_int_eq(verify(s), TOKEN_FAULT_REVOKED);
	OPENSSL_free(bytes);
	end(s);
}
END_TEST

START_TEST(one_bad_list_keeps_no_other_out) {
	struct scene *s = set();
	struct trust_file files[3] = { { .name = "rubbish.crl", (const uint8_t *)"rubbish", 7 },
				       { .name = "root.crl" },
				       { .name = "empty.crl" } };
	uint8_t *bytes;

	must_take(s, &s->middle, &fresh);
	files[1].n = authority_make_list(&s->root, &fresh, &bytes);
	files[1].bytes = bytes;
	ck_assert_int_eq(trust_set_lists(s->trust, files, 3, s->message), -EINVAL);
	ck_assert_ptr_nonnull(strstr(s->message, "rubbish.crl"));
	ck_assert_int_eq(verify(s), TOKEN_FAULT_NONE);
	OPENSSL_free(bytes);
	end(s);
}
END_TEST

START_TEST(CD_19_a_list_longer_than_the_limit_is_not_read) {
	struct scene *s = set();
	static const uint8_t first = 0x30;
	struct trust_file file = { "long.crl", &first, TRUST_LIST_MAX + 1 };

	ck_assert_int_eq(trust_set_lists(s->trust, &file, 1, s->message), -EINVAL);
	ck_assert_ptr_nonnull(strstr(s->message, "64 MiB"));
	end(s);
}
END_TEST

/*
 * Authorities
 */

static const struct {
	const char *why;
	struct authority_request request;
	const char *expect; /* NULL: taken                                            */
} authorities[] = {
	{ "P-256", { .ca = true }, NULL },
	{ "P-521", { .ca = true, .key = AUTHORITY_P521 }, NULL },
	{ "RSA of 2048 bits", { .ca = true, .key = AUTHORITY_RSA_2048 }, NULL },
	{ "CD-20 RSA of 1024 bits", { .ca = true, .key = AUTHORITY_RSA_1024 }, "weak key" },
	{ "CD-20 another curve", { .ca = true, .key = AUTHORITY_SECP256K1 }, "weak key" },
	{ "Ed25519", { .ca = true, .key = AUTHORITY_ED25519 }, "weak" },
	{ "CD-20 signed by SHA-1", { .ca = true, .digest = "SHA1" }, "weak algorithm" },
	{ "CD-20 signed by MD5",
	  { .ca = true, .digest = "MD5", .key = AUTHORITY_RSA_2048 },
	  "weak algorithm" },
	{ "CD-02 a card", { 0 }, "not an authority" },
	{ "may not sign certificates",
	  { .ca = true, .usage = "critical,digitalSignature" },
	  "not an authority" },
	{ "version 1", { .ca = true, .old = true }, "not an authority" },
	{ "CD-20 a critical extension that nobody knows",
	  { .ca = true, .unknown = "1.2.3.4.5" },
	  "critical extension" },
};

START_TEST(an_authority_is_judged_when_it_is_read) {
	struct smartcard_rules rules = { .on = true };
	struct authority root = authority_make(NULL, &authorities[_i].request);
	static char pem[8192];
	struct trust_file file = { "root.pem", (uint8_t *)pem, 0 };
	struct trust *trust = NULL;
	char message[256] = "";
	int r;

	file.n = authority_pem(&root, pem, 0, sizeof(pem));
	r = trust_new(&rules, &file, 1, NULL, message, &trust);
	ck_assert_msg(r == (authorities[_i].expect ? -EINVAL : 0), "%s: %s", authorities[_i].why,
		      message);
	if (authorities[_i].expect)
		ck_assert_msg(strstr(message, authorities[_i].expect) &&
				      strstr(message, "root.pem") && !trust,
			      "%s: %s", authorities[_i].why, message);
	trust = trust_free(trust);
	authority_end(&root);
}
END_TEST

static const struct {
	const char *why;
	const char *text;
	const char *expect;
} rubbish[] = {
	{ "nothing", "", "empty" },
	{ "text", "Dear all", "not a certificate" },
	{ "half a block", "-----BEGIN CERTIFICATE-----\nMIIB\n", "not a certificate" },
	{ "a block of something else",
	  "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not a certificate" },
	{ "DER that is none", "0\x03xyz", "not a certificate" },
};

START_TEST(rubbish_is_no_authority) {
	struct smartcard_rules rules = { .on = true };
	struct trust_file file = { "site.pem", (const uint8_t *)rubbish[_i].text,
				   strlen(rubbish[_i].text) };
	struct trust *trust = NULL;
	char message[256] = "";

	ck_assert_int_eq(trust_new(&rules, &file, 1, NULL, message, &trust), -EINVAL);
	ck_assert_msg(strstr(message, rubbish[_i].expect) != NULL, "%s: %s", rubbish[_i].why,
		      message);
	ck_assert_ptr_null(trust);
}
END_TEST

START_TEST(an_authority_without_its_root_is_refused) {
	struct scene *s = set();
	static char pem[8192];
	struct trust_file file = { "middle.pem", (uint8_t *)pem, 0 };
	struct trust *trust = NULL;

	file.n = authority_pem(&s->middle, pem, 0, sizeof(pem));
	ck_assert_int_eq(trust_new(&s->rules, &file, 1, NULL, s->message, &trust), -EINVAL);
	ck_assert_ptr_nonnull(strstr(s->message, "no root"));
	ck_assert_int_eq(trust_new(&s->rules, NULL, 0, NULL, s->message, &trust), -EINVAL);
	ck_assert_ptr_null(trust);
	end(s);
}
END_TEST

START_TEST(an_authority_that_may_not_sign_lists_signs_none) {
	struct scene *s = set();
	struct authority root = authority_make(
		NULL, &(struct authority_request){ .ca = true, .usage = "critical,keyCertSign" });
	static uint8_t der[4096];
	struct trust_file file = { "root.der", der, 0 };

	file.n = authority_der(&root, der, sizeof(der));
	s->trust = trust_free(s->trust);
	ck_assert_int_eq(trust_new(&s->rules, &file, 1, NULL, s->message, &s->trust), 0);
	must_refuse(s, &root, &fresh, "not signed by any");
	authority_end(&root);
	end(s);
}
END_TEST

START_TEST(der_is_taken_as_pem_is) {
	struct scene *s = set();
	static uint8_t der[4096];
	struct trust_file file = { "root.der", der, 0 };
	struct trust *trust = NULL;

	file.n = authority_der(&s->root, der, sizeof(der));
	ck_assert_int_eq(trust_new(&s->rules, &file, 1, NULL, s->message, &trust), 0);
	trust = trust_free(trust);
	++file.n;
	ck_assert_int_eq(trust_new(&s->rules, &file, 1, NULL, s->message, &trust), -EINVAL);
	end(s);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("trust");
	TCase *t = tcase_create("trust");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, CD_19_without_a_list_of_each_authority_nobody_gets_in);
	tcase_add_test(t, CD_19_a_missing_list_is_let_pass_by_rule_and_shown);
	tcase_add_loop_test(t, CD_19_a_stale_list_is_treated_by_rule, 0, (int)ARRAY_SIZE(ages));
	tcase_add_test(t, CD_19_revoked_stays_revoked_however_old_the_list);
	tcase_add_test(t, a_list_of_the_future_is_not_stale);
	tcase_add_test(t, a_revoked_authority_takes_its_cards_along);
	tcase_add_test(t, only_the_revoked_card_is_revoked);
	tcase_add_test(t, CD_19_a_list_of_another_authority_of_the_same_name_says_nothing);
	tcase_add_loop_test(t, a_list_is_judged_when_it_comes, 0, (int)ARRAY_SIZE(lists));
	tcase_add_loop_test(t, a_list_speaks_of_its_scope_alone, 0, (int)ARRAY_SIZE(scopes));
	tcase_add_test(t, CD_19_an_older_list_never_replaces_a_newer_one);
	tcase_add_test(t, CD_19_a_list_with_a_bit_flipped_is_refused);
	tcase_add_test(t, one_bad_list_keeps_no_other_out);
	tcase_add_test(t, CD_19_a_list_longer_than_the_limit_is_not_read);
	tcase_add_loop_test(t, an_authority_is_judged_when_it_is_read, 0,
			    (int)ARRAY_SIZE(authorities));
	tcase_add_loop_test(t, rubbish_is_no_authority, 0, (int)ARRAY_SIZE(rubbish));
	tcase_add_test(t, an_authority_without_its_root_is_refused);
	tcase_add_test(t, an_authority_that_may_not_sign_lists_signs_none);
	tcase_add_test(t, der_is_taken_as_pem_is);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
