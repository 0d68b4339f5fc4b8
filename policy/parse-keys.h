/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_PARSE_KEYS_H
#define POLICY_PARSE_KEYS_H

/*
 * Short forms for the grammar tables. Before they are used, ITEM is defined as
 * the struct that the section's values go to.
 */

#include <stddef.h>

#define FIELD(f) .offset = offsetof(ITEM, f), .size = sizeof(((ITEM *)0)->f)

/* A field of the group @g, which lies inside the file's item. */
#define MEMBER(g, f)                                                                               \
	.offset = offsetof(ITEM, g.f) - offsetof(ITEM, g), .size = sizeof(((ITEM *)0)->g.f)

#define GROUP(g) .type = KEY_GROUP, .offset = offsetof(ITEM, g)

/* A list of groups: the array @a of @type, counted by @n, bounded by a limit. */
#define LIST(a, n, of_type, most)                                                                  \
	.type = KEY_LIST, .offset = offsetof(ITEM, a), .size = sizeof(of_type),                    \
	.n_offset = offsetof(ITEM, n), .max = (most), .limit = #most

#define SECTION(n, k) { .name = (n), .keys = (k), .n_keys = sizeof(k) / sizeof(*(k)) }

#define SECONDS .unit = "seconds"
#define SECONDS_AS_MS .unit = "seconds", .scale = 1000
#define HOURS .unit = "hours", .scale = 3600
#define DAYS .unit = "days", .scale = 86400

#endif
