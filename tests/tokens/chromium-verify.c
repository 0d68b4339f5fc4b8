/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chromium-verify FILE...: what Chromium's own authenticator made, before our verifier
 *
 * Each FILE is one credential and two assertions (chromium-key.mjs). TAP.
 */
#include <cbor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tokens/verify.h"

#define LINES_MAX 16u

struct line {
	char name[32];
	uint8_t bytes[3000];
	size_t n;
};

struct made {
	struct line lines[LINES_MAX];
	unsigned n;
	struct token_answer answer;
	struct key_credential credential;
	struct key_proof proof;
};

static const struct security_key_rules rules = { .on = true, .rp = "ward.example" };
static unsigned checks;
static unsigned failed;

static void check(bool good, const char *file, const char *words) {
	failed += !good;
	(void)printf("%sok %u - %s: %s\n", good ? "" : "not ", ++checks, file, words);
}

static inline void item_freep(cbor_item_t **item) {
	if (*item)
		cbor_decref(item);
}

static const struct line *find(const struct made *m, const char *name) {
	static const struct line none;

	for (unsigned i = 0; i < m->n; ++i)
		if (strcmp(m->lines[i].name, name) == 0)
			return &m->lines[i];
	return &none;
}

static bool read_file(const char *path, struct made *m) {
	cleanup_(close_filep) FILE *f = fopen(path, "re");
	char digits[2 * sizeof(m->lines[0].bytes) + 1];

	while (f && m->n < LINES_MAX) {
		struct line *it = &m->lines[m->n];
		unsigned byte;

		if (fscanf(f, "%31s %6000s", it->name, digits) != 2)
			break;
		for (const char *p = digits; sscanf(p, "%2x", &byte) == 1 && it->n < 3000; p += 2)
			it->bytes[it->n++] = (uint8_t)byte;
		++m->n;
	}
	return find(m, "signature_2")->n > 0;
}

static cbor_item_t *member(cbor_item_t *map, const char *name) {
	for (size_t i = 0; map && cbor_isa_map(map) && i < cbor_map_size(map); ++i) {
		struct cbor_pair *it = &cbor_map_handle(map)[i];

		if (cbor_isa_string(it->key) && cbor_string_length(it->key) == strlen(name) &&
		    memcmp(cbor_string_handle(it->key), name, strlen(name)) == 0)
			return it->value;
	}
	return NULL;
}

static size_t copy(cbor_item_t *item, uint8_t *p, size_t max) {
	if (!item || !cbor_isa_bytestring(item) || cbor_bytestring_length(item) > max)
		return 0;
	memcpy(p, cbor_bytestring_handle(item), cbor_bytestring_length(item));
	return cbor_bytestring_length(item);
}

/* The attestation object, as libfido2 takes it apart. */
static bool take_object(struct made *m) {
	const struct line *line = find(m, "made_object"), *id = find(m, "credential");
	struct cbor_load_result loaded = { 0 };
	cleanup_(item_freep) cbor_item_t *map = cbor_load(line->bytes, line->n, &loaded);
	cbor_item_t *format = member(map, "fmt"), *statement = member(map, "attStmt");
	cbor_item_t *x5c = member(statement, "x5c");
	struct token_answer *a = &m->answer;

	*a = (struct token_answer){ .factor = CW_FACTOR_FIDO2 };
	if (!format || !cbor_isa_string(format) ||
	    cbor_string_length(format) >= sizeof(a->format) || id->n > sizeof(a->credential))
		return false;
	memcpy(a->format, cbor_string_handle(format), cbor_string_length(format));
	memcpy(a->credential, id->bytes, id->n);
	a->n_credential = id->n;
	a->n_authdata = copy(member(map, "authData"), a->authdata, sizeof(a->authdata));
	a->n_signature = copy(member(statement, "sig"), a->signature, sizeof(a->signature));
	if (x5c && cbor_isa_array(x5c) && cbor_array_size(x5c) > 0)
		a->n_statement =
			copy(cbor_array_handle(x5c)[0], a->statement, sizeof(a->statement));
	return a->n_authdata > 0;
}

static void take_assertion(struct made *m, const struct line *authdata, const struct line *sig) {
	struct token_answer *a = &m->answer;

	a->n_authdata = authdata->n < sizeof(a->authdata) ? authdata->n : 0;
	memcpy(a->authdata, authdata->bytes, a->n_authdata);
	a->n_signature = sig->n < sizeof(a->signature) ? sig->n : 0;
	memcpy(a->signature, sig->bytes, a->n_signature);
	a->n_statement = 0;
}

static enum token_fault judge(struct made *m, const struct line *hash) {
	return key_verify(&rules, &m->credential, &m->answer, hash->bytes, &m->proof);
}

static void check_file(const char *path, struct made *m) {
	const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	bool anonymous = strstr(file, "none") != NULL;
	const struct line *hash_1 = find(m, "hash_1"), *hash_2 = find(m, "hash_2");
	enum token_fault fault;

	check(take_object(m), file, "an attestation object");
	fault = key_enrol(&rules, &m->answer, find(m, "made_hash")->bytes, &m->credential,
	                  &m->proof);
	check(fault == TOKEN_FAULT_NONE, file, "it is enrolled");
	check((m->proof.proved == TOKEN_YES) == !anonymous, file,
	      anonymous ? "nobody has signed for it" : "what was signed is proved");
	if (!anonymous)
		check(key_enrol(&rules, &m->answer, hash_1->bytes, &m->credential, &m->proof) ==
		              TOKEN_FAULT_SIGNATURE,
		      file, "another challenge is not");
	take_assertion(m, find(m, "authdata_1"), find(m, "signature_1"));
	check(judge(m, hash_1) == TOKEN_FAULT_NONE && m->proof.proved == TOKEN_YES, file,
	      "the first assertion is proved");
	check(m->proof.user_verified, file, "its user was verified");
	check(judge(m, hash_2) == TOKEN_FAULT_SIGNATURE, file, "for its own challenge alone");
	m->credential.counter = m->proof.counter;
	check(judge(m, hash_1) == TOKEN_FAULT_COUNTER, file, "once");
	take_assertion(m, find(m, "authdata_2"), find(m, "signature_2"));
	check(judge(m, hash_2) == TOKEN_FAULT_NONE, file, "the second one is proved");
	m->answer.authdata[32] ^= 1;
	check(judge(m, hash_2) != TOKEN_FAULT_NONE, file, "and no other flags");
}

int main(int argc, char **argv) {
	for (int i = 1; i < argc; ++i) {
		struct made *m = calloc(1, sizeof(*m));

		if (!m || !read_file(argv[i], m))
			check(false, argv[i], "it can be read");
		else
			check_file(argv[i], m);
		free(m);
	}
	(void)printf("1..%u\n", checks);
	return failed == 0 && checks > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
