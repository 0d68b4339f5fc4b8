/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "auth/password-arena.h"
#include "auth/password.h"
#include "common/cleanup.h"

#define HUGE_PAGE ((size_t)2 * 1024 * 1024)
#define ARENA_LARGEST_KIB (4u * 1024 * 1024) /* 4 GiB: more is a mistake */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static bool arena_map(struct arena *arena, size_t size) {
	size_t n = size + HUGE_PAGE;
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	arena->mapping = p;
	arena->n_mapping = n;
	arena->block = arena->mapping + (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
	arena->size = size;
	return true;
}

/* Takes the pages now. A kernel that knows how says no; an older one is made to. */
static bool arena_populate(struct arena *arena) {
	if (madvise(arena->block, arena->size, MADV_POPULATE_WRITE) == 0)
		return true;
	if (errno != EINVAL)
		return false;
	memset(arena->block, 0, arena->size);
	return true;
}

/*
 * arena_new() - the memory in which all passwords are hashed
 * @memory_kib:  largest cost that will be asked for; 8..4 GiB
 * @ret_arena:   to be given to arena_free()
 *
 * Huge pages and locking are a favour of the kernel: without them hashing is
 * slower, or the pages may be swapped; the memory itself is taken at once, so
 * that no later hash can fail for lack of it.
 *
 * Return: 0; -ENOMEM (no such memory, or @memory_kib out of range).
 */
int arena_new(uint32_t memory_kib, struct arena **ret_arena) {
	size_t size = (size_t)memory_kib * 1024;
	struct arena *arena;

	if (memory_kib < 8 || memory_kib > ARENA_LARGEST_KIB || size / 1024 != memory_kib ||
	    size > SIZE_MAX - 2 * HUGE_PAGE)
		return -ENOMEM;
	size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;

	arena = calloc(1, sizeof(*arena));
	if (!arena)
		return -ENOMEM;
	if (!arena_map(arena, size)) {
		free(arena);
		return -ENOMEM;
	}
	atomic_flag_clear(&arena->taken);

	/* A core dump must not hold it: where the kernel refuses that, there is no arena. */
	if (madvise(arena->mapping, arena->n_mapping, MADV_DONTDUMP) < 0) {
		(void)arena_free(arena);
		return -ENOMEM;
	}
	(void)madvise(arena->mapping, arena->n_mapping, MADV_HUGEPAGE);
	(void)mlock(arena->block, arena->size);
	if (!arena_populate(arena)) {
		(void)arena_free(arena);
		return -ENOMEM;
	}

	*ret_arena = arena;
	return 0;
}

/* Wipes and gives the memory back; NULL is fine. Return: NULL. */
struct arena *arena_free(struct arena *arena) {
	if (!arena)
		return NULL;
	arena_wipe(arena);
	(void)munmap(arena->mapping, arena->n_mapping);
	free(arena);
	return NULL;
}

void arena_wipe(struct arena *arena) {
	explicit_bzero(arena->block, arena->dirty);
	arena->dirty = 0;
}
