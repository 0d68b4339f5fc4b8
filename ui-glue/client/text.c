/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/client/client.h"

#include <string.h>
#include <time.h>

/* Bytes of the valid letter at @p, at most 4 and at most @n; 0: none. */
static size_t letter(const char *p, size_t n) {
	for (size_t k = 1; k <= 4 && k <= n; ++k) {
		if (frame_text_is_valid((const uint8_t *)p, k))
			return k;
	}
	return 0;
}

void text_fit(char *to, size_t room, const char *from) {
	size_t done = 0;
	size_t left;

	memset(to, 0, room);
	if (!from)
		return;
	left = strnlen(from, 4 * room);
	while (left > 0) {
		size_t n = letter(from, left);
		size_t taken = n > 0 ? n : 1;

		if (done + taken >= room)
			return;
		if (n > 0)
			memcpy(to + done, from, n);
		else
			to[done] = '?';
		done += taken;
		from += taken;
		left -= taken;
	}
}

bool text_is_fit(const char *text, size_t room) {
	size_t n;

	if (!text)
		return true;
	n = strnlen(text, room);
	return n < room && frame_text_is_valid((const uint8_t *)text, n);
}

uint64_t clock_boot_ms(void) {
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}
