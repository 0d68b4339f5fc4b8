/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_NAMES_H
#define POLICY_NAMES_H

/*
 * Names: what they are made of, which pattern covers them, which is nearest
 */

#include <stdbool.h>
#include <stdint.h>

#include "policy/config.h"

/*
 * Return: true when @name has 1 to 63 characters of a-z, 0-9, `.`, `_` and `-`,
 * and no dot at an end or beside another dot.
 */
bool name_is_good(const char *name);

/* Return: true when @pattern is a good name, or a good name followed by `.*`. */
bool pattern_is_good(const char *pattern);

/*
 * Return: true when @pattern is @name, or is `prefix.*` and @name continues
 * the prefix by one or more whole segments.
 */
bool pattern_covers(const char *pattern, const char *name);

/* The nearest of the names offered so far. Begin with { .name = what was written }. */
struct nearest {
	const char *name;
	const char *best;
	uint32_t distance;
};

/* Offers one more candidate; far ones are ignored. @candidate is borrowed. */
void nearest_offer(struct nearest *n, const char *candidate);

/* `, did you mean "x"?`, or nothing when no name was near. */
#define NEAREST_FORMAT "%s%s%s"
#define NEAREST_ARGS(best)                                                                         \
	((best) ? "; did you mean \"" : ""), ((best) ? (best) : ""), ((best) ? "\"?" : "")

#endif
