/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CLIENT_COUNTED_H
#define TESTS_CLIENT_COUNTED_H

/*
 * Every call of the allocator is counted (link with -Wl,--wrap=malloc and so on),
 * and a marker for strace. For one file of a program: it defines the wrappers.
 */

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls since the program began. */
static unsigned n_allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

void *__wrap_malloc(size_t n) {
	++n_allocations;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
	++n_allocations;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n) {
	++n_allocations;
	return __real_realloc(p, n);
}

void __wrap_free(void *p) {
	++n_allocations;
	__real_free(p);
}

/* A system call that nothing else makes here, and that does nothing. */
static void marker(void) {
	(void)syscall(SYS_getpgid, 0);
}

#endif
