/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_CLOCK_H
#define BROKER_CLOCK_H

/*
 * The one place where clocks are read
 *
 * A moment is taken once for each packet and each tick, and passed down. Trust:
 * a wall clock before this build or before the last entry is not believed; one
 * that steps forward by more than a day against CLOCK_BOOTTIME is suspicious
 * until the next start of the engine or until somebody entitled accepts it; so is
 * one that stands 50 years after the build and the last entry, from its first reading.
 */

#include <stdbool.h>

#include "common/moment.h"

#define CLOCK_STEP_MS (24 * 3600 * INT64_C(1000))
#define CLOCK_FAR_MS (50 * 365 * CLOCK_STEP_MS) /* later than that after all that is known */

struct clock {
	uint8_t boot_id[16];
	int64_t offset_ms;   /* wall minus boot time at the last reading               */
	int64_t not_before_ms; /* build, or the last entry                             */
	bool suspicious;
	bool stepped;        /* a step was seen since clock_take_step()                */
	int64_t step_ms;     /* how far                                                */
};

/*
 * clock_init() - read the boot id
 * @not_before_ms:  wall time before which the clock is not believed
 *
 * Return: 0; -EIO (no boot id: intervals still work, a boot is then its own
 * random id).
 */
int clock_init(struct clock *clock, int64_t not_before_ms);

/* Entries exist up to @wall_ms: nothing earlier is believed from now on. */
void clock_not_before(struct clock *clock, int64_t wall_ms);

/* Reads both clocks. */
struct moment clock_now(struct clock *clock);

/* Judges a reading; the pure part of clock_now(). */
struct moment clock_judge(struct clock *clock, int64_t wall_ms, uint64_t boot_ms);

/* Return: true once after a step, with its size. */
bool clock_take_step(struct clock *clock, int64_t *ret_step_ms);

/* Wall time of this build in milliseconds. */
int64_t clock_build_ms(void);

#endif
