/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "broker/clock.h"
#include "common/cleanup.h"

/* Seconds since 1970, set by the build from the newest NEWS entry's date. */
#ifndef CW_BUILD_EPOCH
#error "CW_BUILD_EPOCH is defined by broker/meson.build"
#endif

int64_t clock_build_ms(void) {
	return (int64_t)CW_BUILD_EPOCH * 1000;
}

static int hex_value(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* The kernel's form: 32 hexadecimal digits with four '-' between. */
static bool parse_boot_id(const char *text, size_t n, uint8_t ret_id[16]) {
	size_t digits = 0;

	memset(ret_id, 0, 16);
	for (size_t i = 0; i < n && digits < 32; ++i) {
		int v = hex_value(text[i]);

		if (v < 0)
			continue;
		ret_id[digits / 2] = (uint8_t)(ret_id[digits / 2] << 4 | v);
		++digits;
	}
	return digits == 32;
}

int clock_init(struct clock *clock, int64_t not_before_ms) {
	cleanup_(close_fdp) int fd = -1;
	char text[64];
	ssize_t n = 0;

	*clock = (struct clock){ .not_before_ms = not_before_ms };
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, sizeof(text));
	if (n > 0 && parse_boot_id(text, (size_t)n, clock->boot_id))
		return 0;
	if (getrandom(clock->boot_id, sizeof(clock->boot_id), 0) != sizeof(clock->boot_id))
		memset(clock->boot_id, 0xff, sizeof(clock->boot_id));
	return -EIO;
}

void clock_not_before(struct clock *clock, int64_t wall_ms) {
	if (wall_ms > clock->not_before_ms)
		clock->not_before_ms = wall_ms;
}

/* Later than any device lives: at the start no step tells that it is wrong. */
static bool is_far(const struct clock *clock, int64_t wall_ms) {
	int64_t after = 0;

	return __builtin_sub_overflow(wall_ms, clock->not_before_ms, &after) ||
	       after > CLOCK_FAR_MS;
}

struct moment clock_judge(struct clock *clock, int64_t wall_ms, uint64_t boot_ms) {
	struct moment m = { .wall_ms = wall_ms, .boot_ms = boot_ms, .trust = CLOCK_TRUSTED };
	int64_t offset = 0, step = 0;

	memcpy(m.boot_id, clock->boot_id, sizeof(m.boot_id));
	if (__builtin_sub_overflow(wall_ms, (int64_t)boot_ms, &offset))
		offset = INT64_MAX;
	if (clock->offset_ms != 0 && __builtin_sub_overflow(offset, clock->offset_ms, &step))
		step = INT64_MAX;

	if (step > CLOCK_STEP_MS) {
		clock->suspicious = true;
		clock->stepped = true;
		clock->step_ms = step;
	} else if (step < -CLOCK_STEP_MS) {
		/* Back by more than a day: whoever stepped it forward put it right, or is
		 * cheating; below, the last entry decides. */
		clock->suspicious = false;
		clock->stepped = true;
		clock->step_ms = step;
	}
	clock->offset_ms = offset == 0 ? 1 : offset;

	if (wall_ms < clock->not_before_ms)
		m.trust = CLOCK_UNKNOWN;
	else if (clock->suspicious || is_far(clock, wall_ms))
		m.trust = CLOCK_SUSPICIOUS;
	return m;
}

static int64_t read_ms(clockid_t id) {
	struct timespec ts = { 0 };

	if (clock_gettime(id, &ts) < 0)
		return 0;
	if (ts.tv_sec > INT64_MAX / 1000 - 1)
		return INT64_MAX;
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct moment clock_now(struct clock *clock) {
	return clock_judge(clock, read_ms(CLOCK_REALTIME), (uint64_t)read_ms(CLOCK_BOOTTIME));
}

bool clock_take_step(struct clock *clock, int64_t *ret_step_ms) {
	if (!clock->stepped)
		return false;
	clock->stepped = false;
	*ret_step_ms = clock->step_ms;
	return true;
}
