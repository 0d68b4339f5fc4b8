/* SPDX-License-Identifier: Apache-2.0 */

/* Any bytes as a receipt. */

#include "tests/receipt/receipt-cases.h"

static const uint8_t seed[32] = { 1, 2, 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	receipt_property(data, size, seed);
	return 0;
}
