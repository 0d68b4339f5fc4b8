/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_RECEIPT_RECEIPT_CASES_H
#define TESTS_RECEIPT_RECEIPT_CASES_H

/* What holds for any bytes at all, shared by the fuzzer and the tests. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/receipt.h"

/* @seed: of the device whose receipts are genuine */
static inline void receipt_property(const uint8_t *bytes, size_t n, const uint8_t seed[32]) {
	static struct receipt receipt, opened;
	static uint8_t again[APPROVAL_RECEIPT_MAX];
	const char *field = NULL;
	uint8_t public_key[32];
	size_t n_again = 0;
	int r, o;

	if (receipt_public_key(seed, public_key) < 0)
		abort();
	memset(&receipt, 0xee, sizeof(receipt));
	r = receipt_check(NULL, bytes, n, NULL, &field, &receipt);
	o = receipt_open(public_key, bytes, n, &opened);
	if (r != 0 && r != -EBADMSG)
		abort();
	/* Refused always has a name, and what is refused leaves nothing behind. */
	if (r < 0 && (!field || field[0] == '\0' || receipt.seat != 0xee))
		abort();
	if (r < 0 || o < 0)
		return;
	/* Taken by this device: made again by its key, it is the same bytes. */
	if (receipt_make(seed, &receipt, again, &n_again) < 0 || n_again != n ||
	    memcmp(again, bytes, n) != 0 || memcmp(&receipt, &opened, sizeof(receipt)) != 0)
		abort();
}

#endif
