/* SPDX-License-Identifier: Apache-2.0 */

/* libFuzzer target: a line of a badge reader. */

#include "tests/tokens/badge-cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	badge_property(data, size);
	return 0;
}
