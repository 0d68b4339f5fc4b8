/* SPDX-License-Identifier: Apache-2.0 */

/* Which reader belongs to which seat: the same answer for who watches and who looks. */

#include <string.h>

#include "tokens/token.h"

bool token_pcsc_rule(const struct token_rules *rules, const char *name, uint32_t *ret_reader) {
	size_t longest = 0;
	bool found = false;

	for (uint32_t i = 0; i < rules->n_readers && i < TOKEN_READERS_MAX; ++i) {
		const struct reader_rules *reader = &rules->readers[i];
		size_t n = strlen(reader->path);

		if (reader->kind != READER_PCSC || !strstr(name, reader->path) ||
		    (found && n <= longest))
			continue;
		longest = n;
		*ret_reader = i;
		found = true;
	}
	return found;
}

bool token_pcsc_serves(const struct token_rules *rules, const char *name, uint32_t seats) {
	bool was_cut = strlen(name) >= LIMIT_NAME - 1;
	uint32_t reader = 0;

	if (!token_pcsc_rule(rules, name, &reader) ||
	    (rules->readers[reader].seats & seats) == 0)
		return false;
	/* What stands behind the cut may be the part that another line gives. */
	for (uint32_t i = 0; was_cut && i < rules->n_readers && i < TOKEN_READERS_MAX; ++i)
		if (rules->readers[i].kind == READER_PCSC && rules->readers[i].path[0] &&
		    (rules->readers[i].seats & seats) == 0)
			return false;
	return true;
}
