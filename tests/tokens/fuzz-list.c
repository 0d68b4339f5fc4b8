/* SPDX-License-Identifier: Apache-2.0 */

/* libFuzzer target: revocation lists, of an authority whose key nobody has any more. */

#include <stdlib.h>

#include "tests/tokens/authority.h"
#include "tokens/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the helper of the tests calls; there is no test runner here. */
void __wrap__ck_assert_failed(const char *file, int line, const char *expression, ...);
void __wrap__mark_point(const char *file, int line);

void __wrap__ck_assert_failed(const char *file, int line, const char *expression, ...) {
	abort();
}

void __wrap__mark_point(const char *file, int line) {
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct smartcard_rules rules = { .on = true };
	static struct trust *trust;
	struct trust_file file = { "fuzzed", data, size };
	char message[256];

	if (!trust) {
		struct authority root = authority_make(
			NULL, &(struct authority_request){ .name = "Root", .ca = true });
		static uint8_t der[4096];
		struct trust_file known = { "root", der, authority_der(&root, der, sizeof(der)) };

		authority_end(&root);
		if (trust_new(&rules, &known, 1, NULL, message, &trust) != 0)
			abort();
	}
	if (trust_set_lists(trust, &file, 1, message) >= 0)
		abort();
	return 0;
}
