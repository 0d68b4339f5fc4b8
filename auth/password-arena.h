/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_PASSWORD_ARENA_H
#define AUTH_PASSWORD_ARENA_H

/* The arena, for the one file that hashes in it. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
	uint8_t *block;    /* size bytes, on a boundary of huge pages                 */
	size_t size;
	uint8_t *mapping;  /* what munmap() wants                                     */
	size_t n_mapping;
	size_t dirty;      /* bytes handed out since the last wipe                    */
	atomic_flag taken; /* one job at a time: the arena is the memory budget       */
};

/* Overwrites what was handed out since the last call. */
void arena_wipe(struct arena *arena);

#endif
