/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/pulse.h"

void pulse_beat(struct pulse *pulse) {
	pulse->misses = 0;
	pulse->is_lost = false;
}

bool pulse_judge(struct pulse *pulse, uint64_t loop_ms, bool wanted) {
	if (!wanted) {
		pulse->misses = 0;
		return false;
	}
	if (loop_ms - pulse->judged_ms < PULSE_BEAT_MS)
		return false;
	pulse->judged_ms = loop_ms;
	if (++pulse->misses < PULSE_MISSES)
		return false;
	pulse->misses = 0;
	pulse->is_lost = true;
	return true;
}
