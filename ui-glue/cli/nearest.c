/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/cli/nearest.h"

#include <string.h>

#define LENGTH_MAX 48u

static size_t least(size_t a, size_t b, size_t c) {
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits between two words; as good as infinite for long ones. */
static size_t edits(const char *a, const char *b) {
	size_t rows[3][LENGTH_MAX + 1];
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > LENGTH_MAX || n_b > LENGTH_MAX)
		return LENGTH_MAX;
	for (size_t j = 0; j <= n_b; ++j)
		rows[0][j] = j;
	for (size_t i = 1; i <= n_a; ++i) {
		size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= n_b; ++j) {
			now[j] = least(before[j] + 1, now[j - 1] + 1,
			               before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    older[j - 2] + 1 < now[j])
				now[j] = older[j - 2] + 1;
		}
	}
	return rows[n_a % 3][n_b];
}

const char *nearest(const char *typed, const char *const *names, size_t n) {
	const char *best = NULL;
	size_t best_edits = LENGTH_MAX;

	for (size_t i = 0; i < n; ++i) {
		size_t e = names[i] ? edits(typed, names[i]) : LENGTH_MAX;
		size_t allowed = names[i] && strlen(names[i]) > 6 ? strlen(names[i]) / 3 : 2;

		if (names[i] && strlen(typed) > 1 && strncmp(names[i], typed, strlen(typed)) == 0)
			e = e < 1 ? e : 1;
		if (names[i] && e < best_edits && e <= allowed && e < strlen(names[i])) {
			best = names[i];
			best_edits = e;
		}
	}
	return best;
}
