/* SPDX-License-Identifier: Apache-2.0 */

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/auth/memory.h"

#define MASK    0x5au
#define WINDOW  ((size_t)1024 * 1024)
#define OVERLAP ((size_t)64)

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

bool memory_can_be_searched(void) {
#ifdef SANITIZED
	printf("# PW-20 skipped: the sanitizer keeps copies of its own\n");
	return false;
#else
	return true;
#endif
}

void memory_pattern_set(struct memory_pattern *pattern, const uint8_t *p, size_t n) {
	ck_assert_uint_ge(n, 8);
	ck_assert_uint_le(n, sizeof(pattern->masked));
	pattern->n = n;
	for (size_t i = 0; i < n; ++i)
		pattern->masked[i] = p[i] ^ MASK;
}

static size_t count(const struct memory_pattern *pattern, const uint8_t *p, size_t n,
		    size_t n_starts) {
	size_t found = 0;

	for (size_t i = 0; i < n_starts && i + pattern->n <= n; ++i) {
		size_t k = 0;

		while (k < pattern->n && p[i + k] == (pattern->masked[k] ^ MASK))
			++k;
		if (k == pattern->n)
			++found;
	}
	return found;
}

static size_t find_between(int fd, const struct memory_pattern *pattern, uint8_t *window,
			   uintptr_t from, uintptr_t to) {
	size_t found = 0;

	for (uintptr_t at = from; at < to; at += WINDOW) {
		size_t n_starts = to - at < WINDOW ? to - at : WINDOW;
		size_t want = to - at < WINDOW + OVERLAP ? to - at : WINDOW + OVERLAP;
		ssize_t got = pread(fd, window, want, (off_t)at);

		if (got > 0)
			found += count(pattern, window, (size_t)got, n_starts);
		explicit_bzero(window, WINDOW + OVERLAP);
	}
	return found;
}

size_t memory_find(const struct memory_pattern *pattern) {
	cleanup_(close_fdp) int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	cleanup_(close_filep) FILE *maps = fopen("/proc/self/maps", "re");
	/* Shared, so that the kernel does not join it with what is looked at. */
	uint8_t *window = mmap(NULL, WINDOW + OVERLAP, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char line[512];
	size_t found = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_nonnull(maps);
	ck_assert_ptr_ne(window, MAP_FAILED);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char flags[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, flags) != 3 || flags[0] != 'r' ||
		    flags[1] != 'w' || strstr(line, "[v") ||
		    ((uintptr_t)window >= from && (uintptr_t)window < to))
			continue;
		found += find_between(fd, pattern, window, from, to);
	}
	(void)munmap(window, WINDOW + OVERLAP);
	return found;
}

bool memory_has_flag(const void *address, const char *flag) {
	cleanup_(close_filep) FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool inside = false;

	ck_assert_ptr_nonnull(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long from, to;
		char flags[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, flags) == 3)
			inside = (uintptr_t)address >= from && (uintptr_t)address < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			return strstr(line + 8, flag) != NULL;
	}
	return false;
}
