/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/names.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

const char *const policy_builtin_names[POLICY_N_BUILTINS] = {
	[POLICY_ACCOUNTS] = "careward.accounts", [POLICY_ENROL] = "careward.enrol",
	[POLICY_CONFIG] = "careward.config",     [POLICY_REVIEW] = "careward.review",
	[POLICY_HISTORY] = "careward.history",   [POLICY_EXPORT] = "careward.export",
	[POLICY_RECOVER] = "careward.recover",
};

static bool is_good(const char *name, size_t n) {
	if (n == 0 || n >= POLICY_NAME_SIZE || name[0] == '.' || name[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; ++i) {
		char c = name[i];

		if (c == '.' && name[i + 1] == '.')
			return false;
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		      c == '-'))
			return false;
	}
	return true;
}

bool name_is_good(const char *name) {
	return is_good(name, strlen(name));
}

bool pattern_is_good(const char *pattern) {
	size_t n = strlen(pattern);

	if (n > 2 && strcmp(pattern + n - 2, ".*") == 0)
		return is_good(pattern, n - 2) && n < POLICY_NAME_SIZE;
	return is_good(pattern, n);
}

bool pattern_covers(const char *pattern, const char *name) {
	size_t n = strlen(pattern);

	if (n < 3 || strcmp(pattern + n - 2, ".*") != 0)
		return strcmp(pattern, name) == 0;
	/* The prefix with its dot, and behind it segments that are not empty. */
	return strncmp(pattern, name, n - 1) == 0 && name_is_good(name);
}

static uint32_t smallest(uint32_t a, uint32_t b, uint32_t c) {
	uint32_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Insertions, deletions, replacements and swaps of neighbours, case ignored. */
static uint32_t edit_distance(const char *a, const char *b) {
	uint32_t rows[3][POLICY_NAME_SIZE + 1];
	uint32_t *before = rows[0], *last = rows[1], *now = rows[2];
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > POLICY_NAME_SIZE || n_b > POLICY_NAME_SIZE)
		return UINT32_MAX;
	for (uint32_t k = 0; k <= n_b; ++k)
		last[k] = before[k] = k;
	for (uint32_t i = 1; i <= n_a; ++i) {
		uint32_t *spare = before;

		now[0] = i;
		for (uint32_t k = 1; k <= n_b; ++k) {
			uint32_t differs = (a[i - 1] | 0x20) != (b[k - 1] | 0x20);

			now[k] = smallest(last[k] + 1, now[k - 1] + 1, last[k - 1] + differs);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				now[k] = smallest(now[k], before[k - 2] + 1, now[k]);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[n_b];
}

void nearest_offer(struct nearest *n, const char *candidate) {
	size_t length = strlen(n->name);
	uint32_t distance = edit_distance(n->name, candidate);
	uint32_t near = length < 4 ? 1 : length < 8 ? 2 : (uint32_t)(length / 3);

	if (distance > near || (n->best && distance >= n->distance))
		return;
	n->best = candidate;
	n->distance = distance;
}

const char *policy_nearest(const char *name, const char (*names)[POLICY_NAME_SIZE], uint32_t n) {
	struct nearest nearest = { .name = name };

	for (uint32_t i = 0; i < n; ++i)
		nearest_offer(&nearest, names[i]);
	return nearest.best;
}

static int index_of(const char *name, const char (*names)[POLICY_NAME_SIZE], uint32_t n,
                    uint32_t max) {
	for (uint32_t i = 0; i < n && i < max; ++i)
		if (strncmp(names[i], name, POLICY_NAME_SIZE) == 0)
			return (int)i;
	return -ENOENT;
}

int policy_action_index(const struct policy_table *t, const char *name) {
	return index_of(name, t->action_names, t->n_actions, POLICY_ACTIONS_MAX);
}

int policy_role_index(const struct policy_table *t, const char *name) {
	return index_of(name, t->role_names, t->n_roles, POLICY_ROLES_MAX);
}

int policy_signal_index(const struct policy_table *t, const char *name) {
	return index_of(name, t->signal_names, t->n_signals, POLICY_SIGNALS_MAX);
}

int policy_context_index(const struct policy_table *t, const char *name) {
	return index_of(name, t->context_names, t->n_contexts, POLICY_CONTEXTS_MAX);
}

int policy_seat_index(const struct policy_table *t, const char *name) {
	return index_of(name, t->seat_names, t->n_seats, POLICY_SEATS_MAX);
}

uint32_t policy_builtin_index(const struct policy_table *t, enum policy_builtin which) {
	return t->n_actions - POLICY_N_BUILTINS + (uint32_t)which;
}
