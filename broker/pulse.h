/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_PULSE_H
#define BROKER_PULSE_H

/*
 * Does the watcher still say that it is alive?
 *
 * Judged by the timer that runs anyway. A second of the loop is one miss at most,
 * however long the device slept or the engine was held up: what the watcher said
 * meanwhile is read before the next.
 */

#include <stdbool.h>
#include <stdint.h>

#define PULSE_BEAT_MS 1000u /* a watcher says it so often                            */
#define PULSE_MISSES 5u     /* so often it has not: it hangs, or there is none       */

struct pulse {
	uint64_t judged_ms; /* of the loop's clock: when one was missed last           */
	unsigned misses;
	bool is_lost;       /* nobody watches, until the next beat                     */
};

void pulse_beat(struct pulse *pulse);

/*
 * pulse_judge() - a moment has passed
 * @loop_ms:  now, by a clock that only runs while the loop may
 * @wanted:   somebody ought to watch
 *
 * Return: true: whoever watches is to be ended.
 */
bool pulse_judge(struct pulse *pulse, uint64_t loop_ms, bool wanted);

#endif
