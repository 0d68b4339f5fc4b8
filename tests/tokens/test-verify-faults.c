/* SPDX-License-Identifier: Apache-2.0 */

/*
 * RS-04, FD-12: every allocation of OpenSSL fails in turn
 *
 * Nothing is proved then, nothing leaks, and the next try works.
 */

#include <check.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/key.h"
#include "tests/tokens/run.h"

static const uint8_t digest[32] = { 3, 2, 1 };

/* Counts down to the allocation that fails; 0: none does. */
static unsigned long fails_at;
static bool for_ever; /* that one and all that follow                               */
static bool has_failed;
static long held;

static bool is_out(void) {
	if (has_failed && for_ever)
		return true;
	if (fails_at == 0 || --fails_at > 0)
		return false;
	has_failed = true;
	return true;
}

static void *count_malloc(size_t n, const char *file, int line) {
	void *p = is_out() ? NULL : malloc(n);

	held += p ? 1 : 0;
	return p;
}

static void *count_realloc(void *p, size_t n, const char *file, int line) {
	void *q = is_out() ? NULL : realloc(p, n);

	held += q && !p ? 1 : 0;
	return q;
}

static void count_free(void *p, const char *file, int line) {
	held -= p ? 1 : 0;
	free(p);
}

/* Without the strings of the last errors, which OpenSSL keeps for each thread. */
static long held_now(void) {
	OPENSSL_thread_stop();
	return held;
}

/* Everything that is tried; good when nothing fails. */
struct scene {
	struct smartcard_rules card_rules;
	struct security_key_rules key_rules;
	struct authority root, middle, card;
	struct trust_file authority, list;
	uint8_t *list_bytes;
	char pem[8192];
	struct trust *trust;
	struct moment now;
	struct token_answer card_answer, made, asserted;
	struct key key;
	struct key_credential credential;
};

static struct scene scene;

/* Return: proved. Each leaves nothing behind. */
static bool try_card(struct scene *s) {
	struct card_proof proof;
	enum token_fault fault = card_verify(&s->card_rules, s->trust, NULL, &s->card_answer,
					     digest, &s->now, &proof);

	ck_assert((proof.proved == TOKEN_YES) == (fault == TOKEN_FAULT_NONE));
	return proof.proved == TOKEN_YES;
}

static bool try_identify(struct scene *s) {
	struct card_proof proof;

	return card_identify(s->card_answer.certificate, s->card_answer.n_certificate, &proof) == 0;
}

static bool try_key(struct scene *s) {
	struct key_proof proof;
	enum token_fault fault =
		key_verify(&s->key_rules, &s->credential, &s->asserted, digest, &proof);

	ck_assert((proof.proved == TOKEN_YES) == (fault == TOKEN_FAULT_NONE));
	return proof.proved == TOKEN_YES;
}

static bool try_enrol(struct scene *s) {
	struct key_credential credential;
	struct key_proof proof;
	enum token_fault fault = key_enrol(&s->key_rules, &s->made, digest, &credential, &proof);

	ck_assert((proof.proved == TOKEN_YES) == (fault == TOKEN_FAULT_NONE));
	return proof.proved == TOKEN_YES;
}

static bool try_trust(struct scene *s) {
	struct trust *trust = NULL;
	char message[256];
	int r = trust_new(&s->card_rules, &s->authority, 1, NULL, message, &trust);

	ck_assert((r == 0) == (trust != NULL));
	trust = trust_free(trust);
	return r == 0;
}

static bool try_list(struct scene *s) {
	char message[256];

	return trust_set_lists(s->trust, &s->list, 1, message) == 1;
}

static const struct {
	const char *why;
	bool (*try)(struct scene *s);
	bool may_do_without; /* its last allocations are for the text of an error     */
} tries[] = {
	{ "a card", try_card },
	{ "who a card is", try_identify },
	{ "a security key", try_key },
	{ "FD-12 a new security key", try_enrol },
	{ "authorities", try_trust, .may_do_without = true },
	{ "a list", try_list },
};

static void set(struct scene *s) {
	char message[256];

	s->card_rules = (struct smartcard_rules){ .on = true, .missing = REVOCATION_RECORD };
	s->key_rules = key_rules();
	s->now.wall_ms = (int64_t)AUTHORITY_NOW * 1000;
	s->root = authority_make(NULL, &(struct authority_request){ .name = "Root", .ca = true });
	s->middle = authority_make(&s->root,
				   &(struct authority_request){ .name = "Cards", .ca = true });
	s->card =
		authority_make(&s->middle, &(struct authority_request){ .extended = "clientAuth" });
	s->authority = (struct trust_file){ "site.pem", (uint8_t *)s->pem, 0 };
	s->authority.n = authority_pem(&s->root, s->pem, 0, sizeof(s->pem));
	s->authority.n = authority_pem(&s->middle, s->pem, s->authority.n, sizeof(s->pem));
	ck_assert_int_eq(trust_new(&s->card_rules, &s->authority, 1, NULL, message, &s->trust), 0);
	s->list = (struct trust_file){ .name = "list.crl" };
	s->list.n = authority_make_list(&s->middle, &(struct authority_list){ .n_filler = 3 },
					&s->list_bytes);
	s->list.bytes = s->list_bytes;
	s->card_answer.factor = CW_FACTOR_SMARTCARD;
	s->card_answer.n_certificate = authority_der(&s->card, s->card_answer.certificate,
						     sizeof(s->card_answer.certificate));
	s->card_answer.n_signature = authority_sign_digest(
		&s->card, digest, s->card_answer.signature, sizeof(s->card_answer.signature));
	s->key = key_make(&(struct key_request){ .by = &s->card }, digest, &s->made);
	key_assert(&s->key, &(struct key_request){ 0 }, digest, &s->asserted);
}

static void end(struct scene *s) {
	s->trust = trust_free(s->trust);
	OPENSSL_free(s->list_bytes);
	key_end(&s->key);
	authority_end(&s->card);
	authority_end(&s->middle);
	authority_end(&s->root);
}

/* One try in which the @n-th allocation fails. Return: was there an @n-th? */
static bool fail_one(struct scene *s, size_t i, unsigned long n) {
	long before = held_now(), now;
	bool proved, reached;

	has_failed = false;
	fails_at = n;
	proved = tries[i].try(s);
	reached = has_failed;
	fails_at = 0;
	has_failed = false;
	now = held_now();
	/* Some of OpenSSL does without a single one; nothing does without any. */
	ck_assert_msg(!reached || !for_ever || !proved || tries[i].may_do_without,
		      "%s, from allocation %lu on", tries[i].why, n);
	ck_assert_msg(now <= before, "%s, allocation %lu: %ld lost", tries[i].why, n, now - before);
	return reached;
}

/* Fails the 1st, 2nd, 3rd ... allocation until there are no more of them. */
static void fail_each(struct scene *s, size_t i, bool all_after) {
	unsigned long n = 1;

	/* Caches are filled by the first ones. */
	for (unsigned k = 0; k < 3; ++k)
		ck_assert_msg(tries[i].try(s), "%s", tries[i].why);
	for_ever = all_after;
	for (; fail_one(s, i, n); n += all_after ? 3 : 1)
		if (n % 16 == 1)
			ck_assert_msg(tries[i].try(s), "%s, after allocation %lu", tries[i].why, n);
	for_ever = false;
	ck_assert_uint_gt(n, 20);
	ck_assert_msg(tries[i].try(s), "%s, at last", tries[i].why);
}

START_TEST(RS_04_each_allocation_fails_and_nothing_is_proved) {
	struct scene *s = &scene;

	set(s);
	ck_assert_int_eq(try_enrol(s), true);
	ck_assert_int_eq(key_enrol(&s->key_rules, &s->made, digest, &s->credential,
				   &(struct key_proof){ 0 }),
			 TOKEN_FAULT_NONE);
	fail_each(s, (size_t)_i, false);
	fail_each(s, (size_t)_i, true);
	end(s);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("verify-faults");
	TCase *t = tcase_create("faults");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, RS_04_each_allocation_fails_and_nothing_is_proved, 0,
			    (int)ARRAY_SIZE(tries));
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	/* Before OpenSSL has taken anything. */
	if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
		return EXIT_FAILURE;
	return run_suite(suite());
}
