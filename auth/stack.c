/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "auth/stack.h"

/* Each part overwrites its own frame and has the next one stand below it. */
#define WIPE_PART(name, next)                                                                      \
	static __attribute__((noinline)) void name(void) {                                         \
		unsigned char place[7168];                                                         \
                                                                                                   \
		explicit_bzero(place, sizeof(place));                                              \
		next;                                                                              \
		/* The frame is still needed here, so that none takes another's place. */          \
		__asm__ volatile("" : : "r"(place) : "memory");                                    \
	}

WIPE_PART(wipe_fourth, (void)0)
WIPE_PART(wipe_third, wipe_fourth())
WIPE_PART(wipe_second, wipe_third())
WIPE_PART(wipe_first, wipe_second())

void stack_wipe(void) {
	wipe_first();
}
