/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/tokens/fixture-card.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *path_of(const char *name) {
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", getenv("FIXTURE_CARD"), name);
	return path;
}

static bool is_there(const char *name) {
	return access(path_of(name), F_OK) == 0;
}

static void put(const char *name) {
	int fd = open(path_of(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);

	if (fd >= 0)
		(void)close(fd);
}

bool fixture_has_card(void) {
	return getenv("FIXTURE_CARD") != NULL;
}

static size_t read_certificate(uint8_t ret[TOKEN_CERTIFICATE_MAX]) {
	FILE *f = fopen(path_of("card.der"), "re");
	size_t n = f ? fread(ret, 1, TOKEN_CERTIFICATE_MAX, f) : 0;

	if (f)
		(void)fclose(f);
	return n;
}

void fixture_card_look(struct token_candidate *candidate) {
	(void)snprintf(candidate->reader, sizeof(candidate->reader), FIXTURE_CARD_READER);
	candidate->n_certificate = read_certificate(candidate->certificate);
}

enum token_error fixture_card_sign(const struct token_sign *sign, struct token_answer *ret_answer) {
	FILE *f = fopen(path_of("card.key"), "re");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
	EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	size_t n = sizeof(ret_answer->signature);
	bool done;

	if (is_there("pull")) {
		put("pulled");
		while (!is_there("told"))
			(void)usleep(1000);
		(void)usleep(100000); /* the engine has read it */
	}
	done = context && EVP_PKEY_sign_init(context) == 1 &&
	       EVP_PKEY_sign(context, ret_answer->signature, &n, sign->digest,
			     sizeof(sign->digest)) == 1;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(key);
	if (f)
		(void)fclose(f);
	ret_answer->factor = CW_FACTOR_SMARTCARD;
	ret_answer->n_signature = n;
	ret_answer->n_certificate = read_certificate(ret_answer->certificate);
	(void)snprintf(ret_answer->reader, sizeof(ret_answer->reader), FIXTURE_CARD_READER);
	return done ? TOKEN_OK : TOKEN_BROKEN;
}

bool fixture_card_is_pulled(void) {
	return fixture_has_card() && is_there("pulled") && !is_there("told");
}

void fixture_card_told(void) {
	put("told");
}
