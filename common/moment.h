/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_MOMENT_H
#define COMMON_MOMENT_H

/*
 * One reading of the clocks, taken at the edge and passed down
 *
 * Intervals are measured with boot_ms (CLOCK_BOOTTIME) inside one boot_id;
 * wall_ms is for people and for expiry.
 */

#include <stdint.h>

enum clock_trust {
	CLOCK_UNKNOWN = 0, /* before the build or before the last entry: not believed   */
	CLOCK_SUSPICIOUS,  /* stepped forward by more than a day against boot time       */
	CLOCK_TRUSTED,
};

struct moment {
	int64_t wall_ms;     /* milliseconds since 1970, UTC; may be wrong              */
	uint64_t boot_ms;    /* CLOCK_BOOTTIME in milliseconds                          */
	uint8_t boot_id[16]; /* /proc/sys/kernel/random/boot_id                         */
	enum clock_trust trust;
};

#endif
