/* SPDX-License-Identifier: Apache-2.0 */
/* Writes an image, receipts and exported keys into a folder, for tests of other programs. */
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "tests/receipt/maker.h"

static int put(const char *folder, const char *name, const void *p, size_t n) {
	char path[512];
	FILE *f;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	if (!f)
		return 1;
	r = fwrite(p, 1, n, f) != n;
	return fclose(f) != 0 || r;
}

int main(int argc, char **argv) {
	static uint8_t bytes[APPROVAL_RECEIPT_MAX];
	static struct receipt receipt;
	struct receipt_token_key tokens[2];
	struct receipt_keys keys;
	static char text[4096];
	char device[33], approval[65], key[2 * RECEIPT_KEY_MAX + 1];
	size_t n = maker_make(MAKER_CARD_EC, MAKER_N_TOKENS, bytes, &receipt);
	int r;

	if (argc != 2)
		return 2;
	r = put(argv[1], "image", MAKER_IMAGE, strlen(MAKER_IMAGE));
	r |= put(argv[1], "receipt", bytes, n);
	maker_keys(&receipt, tokens, &keys);
	hex_encode(device, keys.device, sizeof(keys.device));
	hex_encode(approval, keys.approval, sizeof(keys.approval));
	hex_encode(key, tokens[0].key, tokens[0].n_key);
	(void)snprintf(text, sizeof(text),
		       "{\"careward-keys\": 1, \"device\": \"%s\", \"approval\": \"%s\", \"tokens\": "
		       "[{\"account\": %u, \"key\": \"%s\"}]}\n",
		       device, approval, tokens[0].account, key);
	r |= put(argv[1], "keys", text, strlen(text));
	/* The same words and signatures, by somebody whose keys nobody exported. */
	n = maker_make(MAKER_CARD_RSA, MAKER_N_TOKENS, bytes, &receipt);
	return r | put(argv[1], "stranger", bytes, n);
}
