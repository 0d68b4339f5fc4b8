/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tokens/key-world.h"

#include <check.h>
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <ftw.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/tokens/run.h"

static void touched(void *userdata) {
	struct key_world *w = userdata;

	++w->touches;
}

/* Of the whole run; short, because a socket's path has little room. */
static char run_dir[64] = "/tmp";

static int take_away(const char *path, const struct stat *st, int what, struct FTW *at) {
	return remove(path);
}

int key_world_run(Suite *suite) {
	int status;

	(void)snprintf(run_dir, sizeof(run_dir), "/tmp/careward-keys-XXXXXX");
	if (!mkdtemp(run_dir))
		return EXIT_FAILURE;
	status = run_suite(suite);
	return nftw(run_dir, take_away, 8, FTW_DEPTH | FTW_PHYS) == 0 ? status : EXIT_FAILURE;
}

struct key_world *key_world_new(void) {
	struct key_world *w = calloc(1, sizeof(*w));

	ck_assert(w != NULL);
	(void)snprintf(w->dir, sizeof(w->dir), "%.40s/XXXXXX", run_dir);
	ck_assert(mkdtemp(w->dir) != NULL);
	w->rules.deadline_ms = 4000;
	w->rules.security_key = (struct security_key_rules){ .on = true, .rp = RP };
	w->look.factor = CW_FACTOR_FIDO2;
	w->look.seats = 1;
	for (unsigned i = 0; i < KEYS; ++i) {
		struct reader_rules *reader = &w->rules.readers[i];

		(void)snprintf(w->path[i], sizeof(w->path[i]), "%s/key-%u", w->dir, i);
		w->keys[i] = virtual_key_new(NULL);
		ck_assert(w->keys[i] != NULL);
		ck_assert_int_eq(virtual_key_start(w->keys[i], w->path[i]), 0);
		key_world_tell(w, i, "set-pin " PIN);
		reader->kind = READER_KEY_SOCKET;
		reader->seats = 1;
		(void)snprintf(reader->path, sizeof(reader->path), "%s", w->path[i]);
	}
	w->rules.n_readers = KEYS;
	ck_assert_int_eq(RAND_bytes(w->digest, sizeof(w->digest)), 1);
	return w;
}

struct key_world *key_world_free(struct key_world *w) {
	if (!w)
		return NULL;
	token_kind_fido2.close(w->kind);
	for (unsigned i = 0; i < KEYS; ++i)
		w->keys[i] = virtual_key_free(w->keys[i]);
	(void)rmdir(w->dir);
	free(w);
	return NULL;
}

void key_world_tell(struct key_world *w, unsigned key, const char *words) {
	char said[200];

	ck_assert_msg(virtual_key_control(w->keys[key], words, said, sizeof(said)) == 0,
	              "the key does not know \"%s\"", words);
}

unsigned key_world_count(struct key_world *w, unsigned key, const char *what) {
	char said[200];
	const char *at;

	ck_assert_int_eq(virtual_key_control(w->keys[key], "count", said, sizeof(said)), 0);
	at = strstr(said, what);
	ck_assert_msg(at && at[strlen(what)] == '=', "\"%s\" is not counted: %s", what, said);
	return (unsigned)strtoul(at + strlen(what) + 1, NULL, 10);
}

void key_world_again(struct key_world *w) {
	token_kind_fido2.close(w->kind);
	w->kind = NULL;
	ck_assert_int_eq(token_kind_fido2.open(&w->rules, &w->kind), 0);
}

enum token_error key_world_look(struct key_world *w) {
	if (!w->kind)
		key_world_again(w);
	memset(&w->found, 0, sizeof(w->found));
	return token_kind_fido2.look(w->kind, &w->look, &w->found);
}

static void set_pin(struct secret *secret, const char *pin) {
	secret_wipe(secret);
	if (pin)
		ck_assert(secret_set(secret, pin, strlen(pin)));
}

static void is_wiped(const struct secret *secret) {
	static const struct secret zero;

	ck_assert_msg(memcmp(secret, &zero, sizeof(zero)) == 0, "the PIN was left in its place");
}

enum token_error key_world_make(struct key_world *w, uint32_t candidate, const char *pin) {
	const struct token_talk talk = { .touch = touched, .userdata = w };
	struct token_make make = { .candidate = candidate, .name = "n.kim", .verify_user = true };
	enum token_error error;

	make.verify_user = w->rules.security_key.verification == KEY_VERIFY_REQUIRED;
	memcpy(make.digest, w->digest, sizeof(make.digest));
	ck_assert_int_eq(RAND_bytes(make.user, sizeof(make.user)), 1);
	make.exclude = w->look.credentials;
	set_pin(&make.pin, pin);
	memset(&w->answer, 0, sizeof(w->answer));
	error = token_kind_fido2.make(w->kind, &make, &talk, &w->answer, &w->tries);
	is_wiped(&make.pin);
	return error;
}

enum token_error key_world_sign(struct key_world *w, uint32_t candidate, const char *pin) {
	const struct token_talk talk = { .touch = touched, .userdata = w };
	struct token_sign sign = { .candidate = candidate };
	enum token_error error;

	sign.verify_user = w->rules.security_key.verification == KEY_VERIFY_REQUIRED;
	memcpy(sign.digest, w->digest, sizeof(sign.digest));
	set_pin(&sign.pin, pin);
	memset(&w->answer, 0, sizeof(w->answer));
	error = token_kind_fido2.sign(w->kind, &sign, &talk, &w->answer, &w->tries);
	is_wiped(&sign.pin);
	return error;
}

enum token_error key_world_try(struct key_world *w, const char *pin) {
	enum token_error error;

	key_world_again(w);
	error = key_world_look(w);
	if (error == TOKEN_OK)
		error = key_world_sign(w, w->found.candidates[0].index, pin);
	return error;
}

void key_world_enrol(struct key_world *w, unsigned key) {
	struct token_credentials before = w->look.credentials;
	uint32_t n = before.n;
	uint32_t index = TOKEN_CANDIDATES_MAX;
	const char *name = strrchr(w->path[key], '/') + 1;

	w->look.credentials.n = 0;
	key_world_again(w);
	ck_assert_int_eq(key_world_look(w), TOKEN_OK);
	for (uint32_t i = 0; i < w->found.n; ++i)
		if (strcmp(w->found.candidates[i].reader, name) == 0)
			index = w->found.candidates[i].index;
	w->look.credentials = before;
	ck_assert_int_eq(key_world_make(w, index, w->rules.security_key.verification ==
	                                                  KEY_VERIFY_REQUIRED ? PIN : NULL),
	                 TOKEN_OK);
	w->made = w->answer;
	w->look.credentials.list[n].n = w->made.n_credential;
	memcpy(w->look.credentials.list[n].id, w->made.credential, w->made.n_credential);
	w->look.credentials.n = n + 1;
}

static fido_cred_t *made_credential(const struct key_world *w, const uint8_t *digest) {
	fido_cred_t *cred = fido_cred_new();
	int algorithm = COSE_ES256;

	/* alg stands in the third pair of bytes of a COSE key; EdDSA's begins with a4. */
	if (w->made.authdata[37 + 18 + w->made.n_credential] == 0xa4)
		algorithm = COSE_EDDSA;
	ck_assert(cred != NULL);
	ck_assert_int_eq(fido_cred_set_type(cred, algorithm), FIDO_OK);
	ck_assert_int_eq(fido_cred_set_rp(cred, RP, RP), FIDO_OK);
	ck_assert_int_eq(fido_cred_set_clientdata_hash(cred, digest, 32), FIDO_OK);
	ck_assert_int_eq(fido_cred_set_authdata_raw(cred, w->made.authdata, w->made.n_authdata),
	                 FIDO_OK);
	return cred;
}

bool key_world_peer_accepts_made(const struct key_world *w) {
	fido_cred_t *cred = made_credential(w, w->digest);
	bool good;

	good = fido_cred_set_fmt(cred, w->made.format) == FIDO_OK &&
	       fido_cred_set_sig(cred, w->made.signature, w->made.n_signature) == FIDO_OK;
	if (w->made.n_statement > 0)
		good = good &&
		       fido_cred_set_x509(cred, w->made.statement, w->made.n_statement) ==
			       FIDO_OK &&
		       fido_cred_verify(cred) == FIDO_OK;
	else
		good = good && fido_cred_verify_self(cred) == FIDO_OK;
	fido_cred_free(&cred);
	return good;
}

bool key_world_peer_accepts(const struct key_world *w, bool user_verified) {
	fido_cred_t *cred = made_credential(w, w->digest);
	fido_assert_t *assert = fido_assert_new();
	uint8_t wrapped[3 + TOKEN_AUTHDATA_MAX] = { 0x59, (uint8_t)(w->answer.n_authdata >> 8),
						    (uint8_t)w->answer.n_authdata };
	bool eddsa = fido_cred_type(cred) == COSE_EDDSA;
	es256_pk_t *es256 = es256_pk_new();
	eddsa_pk_t *ed = eddsa_pk_new();
	bool good;

	memcpy(wrapped + 3, w->answer.authdata, w->answer.n_authdata);
	if (eddsa)
		good = eddsa_pk_from_ptr(ed, fido_cred_pubkey_ptr(cred),
		                         fido_cred_pubkey_len(cred)) == FIDO_OK;
	else
		good = es256_pk_from_ptr(es256, fido_cred_pubkey_ptr(cred),
		                         fido_cred_pubkey_len(cred)) == FIDO_OK;
	good = good && fido_assert_set_rp(assert, RP) == FIDO_OK &&
	       fido_assert_set_clientdata_hash(assert, w->digest, 32) == FIDO_OK &&
	       fido_assert_set_count(assert, 1) == FIDO_OK &&
	       fido_assert_set_authdata(assert, 0, wrapped, 3 + w->answer.n_authdata) == FIDO_OK &&
	       fido_assert_set_sig(assert, 0, w->answer.signature, w->answer.n_signature) ==
		       FIDO_OK &&
	       fido_assert_set_up(assert, FIDO_OPT_TRUE) == FIDO_OK &&
	       fido_assert_set_uv(assert, user_verified ? FIDO_OPT_TRUE : FIDO_OPT_OMIT) ==
		       FIDO_OK &&
	       fido_assert_verify(assert, 0, eddsa ? COSE_EDDSA : COSE_ES256,
	                          eddsa ? (const void *)ed : (const void *)es256) == FIDO_OK;
	es256_pk_free(&es256);
	eddsa_pk_free(&ed);
	fido_assert_free(&assert);
	fido_cred_free(&cred);
	return good;
}
