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

/* Receipts for the same image, all genuine but one, and only the first is what it takes. */
static const struct {
	const char *file;
	enum maker_token first, second;
	const char *action;
} receipts[] = {
	{ "receipt", MAKER_CARD_EC, MAKER_KEY_EC, "software.update" },
	{ "alone", MAKER_CARD_EC, MAKER_N_TOKENS, "software.update" },
	{ "passwords", MAKER_NONE, MAKER_NONE, "software.update" },
	{ "second-password", MAKER_CARD_EC, MAKER_NONE, "software.update" },
	{ "settings", MAKER_CARD_EC, MAKER_KEY_EC, "settings.limits" },
	{ "stranger", MAKER_CARD_RSA, MAKER_KEY_EC, "software.update" }, /* not exported */
};

static int put_receipt(const char *folder, size_t i) {
	static uint8_t bytes[APPROVAL_RECEIPT_MAX];
	static struct receipt receipt;
	size_t n = 0;

	maker_receipt(&receipt, receipts[i].second != MAKER_N_TOKENS);
	(void)snprintf(receipt.action, sizeof(receipt.action), "%s", receipts[i].action);
	if (receipts[i].first != MAKER_NONE)
		maker_sign(&receipt, 1, receipts[i].first);
	if (receipts[i].second != MAKER_NONE && receipts[i].second != MAKER_N_TOKENS)
		maker_sign(&receipt, 2, receipts[i].second);
	if (receipt_make(maker_seed, &receipt, bytes, &n) < 0)
		return 1;
	return put(folder, receipts[i].file, bytes, n);
}

/* What careward keys would have written on the device of the first receipt. */
static int put_keys(const char *folder) {
	static uint8_t bytes[APPROVAL_RECEIPT_MAX];
	static struct receipt receipt;
	static char text[8192];
	struct receipt_token_key tokens[2];
	struct receipt_keys keys;
	char device[33], approval[65], key[2][2 * RECEIPT_KEY_MAX + 1];

	(void)maker_make(receipts[0].first, receipts[0].second, bytes, &receipt);
	maker_keys(&receipt, tokens, &keys);
	hex_encode(device, keys.device, sizeof(keys.device));
	hex_encode(approval, keys.approval, sizeof(keys.approval));
	for (size_t i = 0; i < 2; ++i)
		hex_encode(key[i], tokens[i].key, tokens[i].n_key);
	(void)snprintf(text, sizeof(text),
		       "{\"careward-keys\": 1, \"device\": \"%s\", \"approval\": \"%s\", \"tokens\": "
		       "[{\"account\": %u, \"key\": \"%s\"}, {\"account\": %u, \"key\": \"%s\"}]}\n",
		       device, approval, tokens[0].account, key[0], tokens[1].account, key[1]);
	return put(folder, "keys", text, strlen(text));
}

int main(int argc, char **argv) {
	int r;

	if (argc != 2)
		return 2;
	r = put(argv[1], "image", MAKER_IMAGE, strlen(MAKER_IMAGE));
	for (size_t i = 0; i < sizeof(receipts) / sizeof(receipts[0]); ++i)
		r |= put_receipt(argv[1], i);
	return r | put_keys(argv[1]);
}
