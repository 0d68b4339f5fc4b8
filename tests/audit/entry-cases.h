/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AUDIT_ENTRY_CASES_H
#define TESTS_AUDIT_ENTRY_CASES_H

/* What must hold for any bytes: for the fuzzer and for the replay of its corpus. */

#include <stdlib.h>
#include <string.h>

#include "audit/entry.h"

/* What parses is built again to the same bytes; nothing else parses. */
static inline void entry_property(const uint8_t *p, size_t n) {
	struct entry_view view;
	struct entry_strings strings;
	struct journal_entry entry;
	uint8_t again[ENTRY_BODY_MAX];
	size_t n_again = 0;

	memset(&view, 0x5a, sizeof(view));
	if (entry_parse(p, n, &view) < 0)
		return;
	entry_from_view(&view, &strings, &entry);
	if (entry.seq != 0 || entry.name || entry.text)
		abort();
	if (entry_build(&entry, view.text_hash[TEXT_NAME], view.text_hash[TEXT_TEXT], again,
			&n_again) < 0)
		abort();
	if (n_again != n || memcmp(p, again, n) != 0)
		abort();
}

#endif
