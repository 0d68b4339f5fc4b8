/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine checks of a card and of a security key, next to OpenSSL alone. */
#include "tests/bench/bench.h"

#include <openssl/x509_vfy.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/key.h"

static const uint8_t digest[32] = { 1, 2, 3 };

struct proving {
	struct smartcard_rules card_rules;
	struct security_key_rules key_rules;
	struct authority root, middle, card;
	struct trust *trust;
	X509_STORE *store;
	STACK_OF(X509) * intermediates;
	struct moment now;
	struct token_answer card_answer, key_answer;
	struct key key;
	struct key_credential credential;
};

static struct proving proving;

/* What cannot be left out: the chain of certificates that are parsed already. */
static void run_bare_chain(void *arg, unsigned n) {
	struct proving *p = arg;

	for (unsigned i = 0; i < n; ++i) {
		X509_STORE_CTX *ctx = X509_STORE_CTX_new();

		bench_must(X509_STORE_CTX_init(ctx, p->store, p->card.certificate,
					       p->intermediates) == 1,
			   "X509_STORE_CTX_init");
		X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), AUTHORITY_NOW);
		bench_must(X509_verify_cert(ctx) == 1, "X509_verify_cert");
		X509_STORE_CTX_free(ctx);
	}
}

static void verify_bare(EVP_PKEY *key, const struct token_answer *answer) {
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	bench_must(EVP_PKEY_verify_init(ctx) == 1 &&
			   EVP_PKEY_verify(ctx, answer->signature, answer->n_signature, digest,
					   sizeof(digest)) == 1,
		   "EVP_PKEY_verify");
	EVP_PKEY_CTX_free(ctx);
}

static void run_bare_card(void *arg, unsigned n) {
	struct proving *p = arg;

	for (unsigned i = 0; i < n; ++i) {
		run_bare_chain(p, 1);
		verify_bare(p->card.key, &p->card_answer);
	}
}

/* The certificate that the card hands over has to be parsed by anybody. */
static void run_parsed_card(void *arg, unsigned n) {
	struct proving *p = arg;
	X509 *kept = p->card.certificate;

	for (unsigned i = 0; i < n; ++i) {
		const uint8_t *at = p->card_answer.certificate;

		p->card.certificate = d2i_X509(NULL, &at, (long)p->card_answer.n_certificate);
		run_bare_chain(p, 1);
		verify_bare(X509_get0_pubkey(p->card.certificate), &p->card_answer);
		X509_free(p->card.certificate);
	}
	p->card.certificate = kept;
}

static void run_card_verify(void *arg, unsigned n) {
	struct proving *p = arg;
	struct card_proof proof;

	for (unsigned i = 0; i < n; ++i) {
		(void)card_verify(&p->card_rules, p->trust, NULL, &p->card_answer, digest, &p->now,
				  &proof);
		bench_must(proof.proved == TOKEN_YES, "card_verify");
	}
}

static void run_bare_key(void *arg, unsigned n) {
	struct proving *p = arg;
	uint8_t message[TOKEN_AUTHDATA_MAX + 32];
	size_t n_message = p->key_answer.n_authdata + 32;

	memcpy(message, p->key_answer.authdata, p->key_answer.n_authdata);
	memcpy(message + p->key_answer.n_authdata, digest, 32);
	for (unsigned i = 0; i < n; ++i) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();

		bench_must(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, p->key.key) == 1 &&
				   EVP_DigestVerify(ctx, p->key_answer.signature,
						    p->key_answer.n_signature, message,
						    n_message) == 1,
			   "EVP_DigestVerify");
		EVP_MD_CTX_free(ctx);
	}
}

static void run_key_verify(void *arg, unsigned n) {
	struct proving *p = arg;
	struct key_proof proof;

	for (unsigned i = 0; i < n; ++i) {
		(void)key_verify(&p->key_rules, &p->credential, &p->key_answer, digest, &proof);
		bench_must(proof.proved == TOKEN_YES, "key_verify");
	}
}

static void set_card(struct proving *p) {
	static char pem[8192];
	struct trust_file file = { "site.pem", (uint8_t *)pem, 0 };
	char message[256];

	p->card_rules = (struct smartcard_rules){ .on = true, .missing = REVOCATION_RECORD };
	p->now.wall_ms = (int64_t)AUTHORITY_NOW * 1000;
	p->root = authority_make(NULL, &(struct authority_request){ .name = "Root", .ca = true });
	p->middle = authority_make(&p->root,
				   &(struct authority_request){ .name = "Cards", .ca = true });
	p->card =
		authority_make(&p->middle, &(struct authority_request){ .extended = "clientAuth" });
	file.n = authority_pem(&p->root, pem, 0, sizeof(pem));
	file.n = authority_pem(&p->middle, pem, file.n, sizeof(pem));
	bench_must(trust_new(&p->card_rules, &file, 1, NULL, message, &p->trust) == 0, "trust_new");
	p->store = X509_STORE_new();
	p->intermediates = sk_X509_new_null();
	bench_must(X509_STORE_add_cert(p->store, p->root.certificate) == 1 &&
			   sk_X509_push(p->intermediates, p->middle.certificate) == 1,
		   "the store");
	p->card_answer.factor = CW_FACTOR_SMARTCARD;
	p->card_answer.n_certificate = authority_der(&p->card, p->card_answer.certificate,
						     sizeof(p->card_answer.certificate));
	p->card_answer.n_signature = authority_sign_digest(
		&p->card, digest, p->card_answer.signature, sizeof(p->card_answer.signature));
}

static void set_key(struct proving *p) {
	struct key_proof proof;

	p->key_rules = key_rules();
	p->key = key_make(&(struct key_request){ 0 }, digest, &p->key_answer);
	bench_must(key_enrol(&p->key_rules, &p->key_answer, digest, &p->credential, &proof) ==
			   TOKEN_FAULT_NONE,
		   "key_enrol");
	key_assert(&p->key, &(struct key_request){ 0 }, digest, &p->key_answer);
}

static void end(struct proving *p) {
	sk_X509_free(p->intermediates);
	X509_STORE_free(p->store);
	p->trust = trust_free(p->trust);
	key_end(&p->key);
	authority_end(&p->card);
	authority_end(&p->middle);
	authority_end(&p->root);
}

void rows_proof(struct bench *b) {
	struct proving *p = &proving;
	const struct contender card[] = {
		{ .name = "X509_verify_cert() and EVP_PKEY_verify(), all parsed",
		  .n = 10,
		  .run = run_bare_card,
		  .arg = p },
		{ .name = "the same, the card's certificate parsed each time",
		  .n = 10,
		  .run = run_parsed_card,
		  .arg = p },
		{ .name = "card_verify()", .n = 10, .run = run_card_verify, .arg = p },
	};
	const struct contender key[] = {
		{ .name = "EVP_DigestVerify(), key parsed",
		  .n = 20,
		  .run = run_bare_key,
		  .arg = p },
		{ .name = "key_verify()", .n = 20, .run = run_key_verify, .arg = p },
	};

	set_card(p);
	set_key(p);
	bench_measure(b, "card, chain of 3, P-256", true, card, ARRAY_SIZE(card),
		      &(struct plan){ 10, 20 });
	bench_measure(b, "security key, ES256", true, key, ARRAY_SIZE(key),
		      &(struct plan){ 10, 20 });
	end(p);
}
