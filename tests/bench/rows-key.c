/* SPDX-License-Identifier: Apache-2.0 */
/* A security key's assertion: our verifier next to libfido2's, over the same one. */
#include "tests/bench/bench.h"

#include <fido.h>
#include <fido/es256.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/tokens/key.h"
#include "tokens/challenge.h"
#include "tokens/verify.h"

#define GROUP "a security key's assertion, ES256"

struct key_bench {
	struct security_key_rules rules;
	struct challenge challenge;
	uint8_t digest[32];
	struct key_credential credential;
	struct token_answer answer;
	fido_assert_t *assert;
	es256_pk_t *public_key;
};

/* The same as libfido2 holds it. */
static void give_peer(struct key_bench *k, EVP_PKEY *pkey) {
	uint8_t wrapped[256] = { 0x58, (uint8_t)k->answer.n_authdata };

	bench_must(k->answer.n_authdata < 250, "authenticator data");
	memcpy(wrapped + 2, k->answer.authdata, k->answer.n_authdata);
	k->assert = fido_assert_new();
	k->public_key = es256_pk_new();
	bench_must(k->assert && k->public_key &&
	                   es256_pk_from_EVP_PKEY(k->public_key, pkey) == FIDO_OK &&
	                   fido_assert_set_rp(k->assert, KEY_RP) == FIDO_OK &&
	                   fido_assert_set_clientdata_hash(k->assert, k->digest, 32) == FIDO_OK &&
	                   fido_assert_set_count(k->assert, 1) == FIDO_OK &&
	                   fido_assert_set_authdata(k->assert, 0, wrapped,
						    2 + k->answer.n_authdata) == FIDO_OK &&
	                   fido_assert_set_sig(k->assert, 0, k->answer.signature,
					       k->answer.n_signature) == FIDO_OK &&
	                   fido_assert_set_up(k->assert, FIDO_OPT_TRUE) == FIDO_OK &&
	                   fido_assert_set_uv(k->assert, FIDO_OPT_TRUE) == FIDO_OK,
	           "libfido2 does not take the assertion");
}

static void make(struct key_bench *k) {
	const struct key_request first = { .counter = 1 }, second = { .counter = 2 };
	struct key_proof proof;
	struct key key;

	k->rules = key_rules();
	bench_must(challenge_digest(&k->challenge, k->digest) == 0, "challenge_digest");
	key = key_make(&first, k->digest, &k->answer);
	bench_must(key_enrol(&k->rules, &k->answer, k->digest, &k->credential, &proof) ==
	                   TOKEN_FAULT_NONE,
	           "key_enrol");
	key_assert(&key, &second, k->digest, &k->answer);
	give_peer(k, key.key);
	key_end(&key);
}

static void run_peer(void *arg, unsigned n) {
	const struct key_bench *k = arg;

	for (unsigned i = 0; i < n; ++i)
		bench_must(fido_assert_verify(k->assert, 0, COSE_ES256, k->public_key) == FIDO_OK,
		           "fido_assert_verify");
}

static void run_ours(void *arg, unsigned n) {
	const struct key_bench *k = arg;
	struct key_proof proof;

	for (unsigned i = 0; i < n; ++i)
		bench_must(key_verify(&k->rules, &k->credential, &k->answer, k->digest, &proof) ==
		                           TOKEN_FAULT_NONE &&
		                   proof.proved == TOKEN_YES,
		           "key_verify");
}

/* All that the engine computes for one sign-in: the challenge first. */
static void run_both(void *arg, unsigned n) {
	struct key_bench *k = arg;

	for (unsigned i = 0; i < n; ++i) {
		bench_must(challenge_digest(&k->challenge, k->digest) == 0, "challenge_digest");
		run_ours(k, 1);
	}
}

void rows_key(struct bench *b) {
	static struct key_bench k;
	const struct contender rows[] = {
		{ .name = "fido_assert_verify()", .n = 20, .run = run_peer, .arg = &k },
		{ .name = "key_verify()", .n = 20, .run = run_ours, .arg = &k },
		{ .name = "challenge_digest() and key_verify()", .n = 20, .run = run_both, .arg = &k },
	};

	fido_init(0);
	make(&k);
	bench_measure(b, GROUP, true, rows, ARRAY_SIZE(rows), &(struct plan){ 9, 100 });
	fido_assert_free(&k.assert);
	es256_pk_free(&k.public_key);
}
