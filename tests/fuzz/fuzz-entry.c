/* SPDX-License-Identifier: Apache-2.0 */

/* libFuzzer target: the body of an entry. */

#include "tests/audit/entry-cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	entry_property(data, size);
	return 0;
}
