/* SPDX-License-Identifier: Apache-2.0 */
/* Signing with a smartcard, next to the bare calls of its module. */
#include "tests/bench/bench.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tokens/pkcs11-module.h"
#include "tokens/token.h"

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define PIN     "123456"

extern char **environ;

struct cards_bench {
	char ca[320];
	struct token_rules rules;
	/* The bare calls. */
	struct pkcs11_module module;
	struct pkcs11_session session;
	CK_OBJECT_HANDLE key;
	CK_SLOT_ID slot;
	EVP_PKEY *soft;
	EVP_PKEY_CTX *signing;
	EVP_PKEY_CTX *verifying;
	/* Ours. */
	void *kind;
	uint32_t candidate;
	struct token_found found;
	struct token_answer answer;
};

static const uint8_t digest[32] = "signed once more, and once more";

static bool run_program(const char *program, const char *a, const char *b) {
	char *arguments[] = { strdup(program), strdup(a), b ? strdup(b) : NULL, NULL };
	int status = -1;
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, arguments, environ) == 0)
		(void)waitpid(pid, &status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(arguments); ++i)
		free(arguments[i]);
	return status == 0;
}

/* ---- bare calls ---------------------------------------------------------------------- */

static void find_key(struct cards_bench *c) {
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	unsigned char id[] = { 1 };
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_ID, id, sizeof(id) },
	};
	CK_OBJECT_HANDLE keys[PKCS11_OBJECTS_MAX];
	size_t n = 0;

	bench_must(pkcs11_find(&c->session, wanted, ARRAY_SIZE(wanted), keys, &n) == CKR_OK &&
			   n > 0,
		   "no key on the token");
	c->key = keys[0];
}

static void load_bare(void *arg) {
	struct cards_bench *c = arg;
	CK_SLOT_ID slots[PKCS11_SLOTS_MAX];
	CK_TOKEN_INFO info;
	size_t n = 0;
	bool any;

	bench_must(pkcs11_load(&c->module, c->rules.smartcard.module) == 0 &&
			   pkcs11_slots(&c->module, slots, &n, &any) == CKR_OK,
		   "the module does not load");
	for (size_t i = 0; i < n; ++i) {
		if (c->module.call->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
		    memcmp(info.label, "careward-a", 10) == 0)
			c->slot = slots[i];
	}
}

static void unload_bare(void *arg) {
	struct cards_bench *c = arg;

	pkcs11_session_done(&c->session);
	pkcs11_unload(&c->module);
}

static void log_in_bare(struct cards_bench *c) {
	struct secret pin = { 0 };

	(void)secret_set(&pin, PIN, strlen(PIN));
	bench_must(pkcs11_session_open(&c->module, c->slot, &c->session) == CKR_OK &&
			   pkcs11_login(&c->session, &pin) == CKR_OK,
		   "C_Login");
	find_key(c);
}

static void load_and_log_in_bare(void *arg) {
	load_bare(arg);
	log_in_bare(arg);
}

static void sign_bare(struct cards_bench *c) {
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	uint8_t input[32];
	uint8_t raw[64];
	CK_ULONG n = sizeof(raw);

	memcpy(input, digest, sizeof(input));
	bench_must(c->session.call->C_SignInit(c->session.handle, &mechanism, c->key) == CKR_OK &&
			   c->session.call->C_Sign(c->session.handle, input, 32, raw, &n) == CKR_OK,
		   "C_Sign");
	bench_keep(raw[0]);
}

static void run_sign(void *arg, unsigned n) {
	for (unsigned i = 0; i < n; ++i)
		sign_bare(arg);
}

static void run_login_and_sign(void *arg, unsigned n) {
	struct cards_bench *c = arg;

	for (unsigned i = 0; i < n; ++i) {
		log_in_bare(c);
		sign_bare(c);
		pkcs11_session_done(&c->session);
	}
}

static void run_soft(void *arg, unsigned n) {
	struct cards_bench *c = arg;
	uint8_t signature[128];

	for (unsigned i = 0; i < n; ++i) {
		size_t length = sizeof(signature);

		bench_must(EVP_PKEY_sign(c->signing, signature, &length, digest, 32) == 1 &&
				   EVP_PKEY_verify(c->verifying, signature, length, digest, 32) ==
					   1,
			   "ECDSA");
		bench_keep(signature[8]);
	}
}

/* ---- ours ---------------------------------------------------------------------------- */

static void look(struct cards_bench *c) {
	static const struct token_look wanted = { .factor = CW_FACTOR_SMARTCARD, .seats = 1 };

	bench_must(token_kind_pkcs11.look(c->kind, &wanted, &c->found) == TOKEN_OK, "look()");
}

/* The P-256 key of the first token, whichever place it has. */
static void open_ours(void *arg) {
	struct cards_bench *c = arg;

	bench_must(token_kind_pkcs11.open(&c->rules, &c->kind) == 0, "open()");
	look(c);
	for (uint32_t i = 0; i < c->found.n; ++i) {
		struct token_sign sign = { .candidate = i };
		const struct token_talk talk = { 0 };
		uint32_t tries;

		(void)secret_set(&sign.pin, PIN, strlen(PIN));
		if (token_kind_pkcs11.sign(c->kind, &sign, &talk, &c->answer, &tries) == TOKEN_OK &&
		    c->answer.n_signature <= 72) {
			c->candidate = i;
			return;
		}
	}
	bench_must(false, "no candidate signs");
}

static void close_ours(void *arg) {
	struct cards_bench *c = arg;

	token_kind_pkcs11.close(c->kind);
	c->kind = NULL;
}

static void run_ours(void *arg, unsigned n) {
	struct cards_bench *c = arg;

	for (unsigned i = 0; i < n; ++i) {
		struct token_sign sign = { .candidate = c->candidate };
		const struct token_talk talk = { 0 };
		uint32_t tries;

		look(c);
		memcpy(sign.digest, digest, sizeof(sign.digest));
		(void)secret_set(&sign.pin, PIN, strlen(PIN));
		bench_must(token_kind_pkcs11.sign(c->kind, &sign, &talk, &c->answer, &tries) ==
				   TOKEN_OK,
			   "sign()");
	}
}

/* ---- rows ---------------------------------------------------------------------------- */

static void use_module(struct cards_bench *c, const char *path) {
	size_t n = strlen(path);

	bench_must(n < sizeof(c->rules.smartcard.module), "the module's path is too long");
	memcpy(c->rules.smartcard.module, path, n + 1);
	c->rules.n_readers = 1;
	c->rules.readers[0] = (struct reader_rules){ .kind = READER_PCSC, .seats = 1 };
}

static void rows_softhsm(struct bench *b, struct cards_bench *c) {
	static const char group[] = "a smartcard, SoftHSM, P-256";
	const struct contender rows[] = {
		{ .name = "C_SignInit() and C_Sign(), bare",
		  .n = 1,
		  .before = load_and_log_in_bare,
		  .run = run_sign,
		  .after = unload_bare,
		  .arg = c },
		{ .name = "the same after C_OpenSession() and C_Login()",
		  .n = 1,
		  .before = load_bare,
		  .run = run_login_and_sign,
		  .after = unload_bare,
		  .arg = c },
		{ .name = "card sign: look() and sign()",
		  .n = 1,
		  .before = open_ours,
		  .run = run_ours,
		  .after = close_ours,
		  .arg = c,
		  .note = "two tokens, five certificates" },
	};
	char folder[360];

	(void)snprintf(folder, sizeof(folder), "%s/hsm", b->dir);
	if (access(SOFTHSM, R_OK) != 0 ||
	    !run_program(TEST_FIXTURES "/make-softhsm", folder, c->ca)) {
		bench_skip(b, group, "card sign, SoftHSM", "softhsm2 or opensc is not installed");
		return;
	}
	(void)snprintf(folder, sizeof(folder), "%s/hsm/softhsm2.conf", b->dir);
	bench_must(setenv("SOFTHSM2_CONF", folder, 1) == 0, "setenv");
	use_module(c, SOFTHSM);
	bench_measure(b, group, true, rows, ARRAY_SIZE(rows), &(struct plan){ 5, 40 });
}

static void rows_host(struct bench *b, struct cards_bench *c) {
	const struct contender rows[] = {
		{ .name = "ECDSA in OpenSSL: sign, verify", .n = 1, .run = run_soft, .arg = c },
		{ .name = "look() and sign(), scripted card",
		  .n = 1,
		  .before = open_ours,
		  .run = run_ours,
		  .after = close_ours,
		  .arg = c },
	};
	char path[360];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/nurse-ec.key", c->ca);
	f = fopen(path, "re");
	bench_must(f != NULL, "no key");
	c->soft = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	(void)fclose(f);
	c->signing = EVP_PKEY_CTX_new(c->soft, NULL);
	c->verifying = EVP_PKEY_CTX_new(c->soft, NULL);
	bench_must(c->signing && c->verifying && EVP_PKEY_sign_init(c->signing) == 1 &&
			   EVP_PKEY_verify_init(c->verifying) == 1,
		   "no key");
	(void)snprintf(path, sizeof(path), "%s/script", b->dir);
	bench_must(setenv("CAREWARD_SCRIPTED_PKCS11", path, 1) == 0, "setenv");
	f = fopen(path, "we");
	bench_must(f &&
			   fprintf(f, "card kim " PIN "\nkey 01 %s/nurse-ec.key %s/nurse-ec.pem\n",
				   c->ca, c->ca) > 0 &&
			   fclose(f) == 0,
		   "no script");
	use_module(c, TEST_SCRIPTED_PKCS11);
	bench_measure(b, "a smartcard, all but the card", true, rows, ARRAY_SIZE(rows),
		      &(struct plan){ 5, 100 });
	EVP_PKEY_CTX_free(c->signing);
	EVP_PKEY_CTX_free(c->verifying);
	EVP_PKEY_free(c->soft);
}

void rows_tokens(struct bench *b) {
	struct cards_bench *c = calloc(1, sizeof(*c));

	bench_must(c != NULL, "no memory");
	(void)snprintf(c->ca, sizeof(c->ca), "%s/ca", b->dir);
	bench_must(run_program(TEST_FIXTURES "/make-ca", c->ca, NULL), "make-ca");
	rows_softhsm(b, c);
	rows_host(b, c);
	free(c);
}
