/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libFuzzer target: revocation lists
 *
 * As they come, where none is signed and none is taken; and signed by an authority
 * that has gone mad, where one is taken or refused with a reason.
 */

#include <openssl/crypto.h>
#include <stdlib.h>

#include "tests/tokens/authority.h"
#include "tokens/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct smartcard_rules rules = { .on = true };
static struct authority root;

static struct trust *trust_of_root(void) {
	static uint8_t der[4096];
	struct trust_file known = { "root", der, 0 };
	struct trust *trust = NULL;
	char message[256];

	if (!root.certificate)
		root = authority_make(NULL,
				      &(struct authority_request){ .name = "Root", .ca = true });
	known.n = authority_der(&root, der, sizeof(der));
	if (trust_new(&rules, &known, 1, NULL, message, &trust) != 0)
		abort();
	return trust;
}

/* Return: length; 0: it is no list. */
static size_t sign(const uint8_t *data, size_t size, uint8_t **ret_bytes) {
	X509_CRL *crl = d2i_X509_CRL(NULL, &data, (long)size);
	int n = 0;

	if (crl && X509_CRL_set_issuer_name(crl, X509_get_subject_name(root.certificate)) == 1 &&
	    X509_CRL_sign(crl, root.key, EVP_sha256()) > 0)
		n = i2d_X509_CRL(crl, ret_bytes);
	X509_CRL_free(crl);
	return n > 0 ? (size_t)n : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct trust *trust = trust_of_root();
	struct trust_file file = { "fuzzed", data, size };
	char message[256] = "";
	uint8_t *bytes = NULL;
	int r;

	if (trust_set_lists(trust, &file, 1, message) >= 0)
		abort();
	file.n = sign(data, size, &bytes);
	file.bytes = bytes;
	if (file.n > 0) {
		r = trust_set_lists(trust, &file, 1, message);
		if (r != 1 && (r >= 0 || message[0] == '\0'))
			abort();
		/* The same one again is the same answer: it is not older than itself. */
		if (trust_set_lists(trust, &file, 1, message) != r)
			abort();
	}
	OPENSSL_free(bytes);
	trust = trust_free(trust);
	return 0;
}
