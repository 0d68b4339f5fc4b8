/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How waits hang together, proved
 *
 * Each function asks twice and compares. They are only proved, never run.
 */

#include "auth/lockout-time.c"

/*@
  requires \valid_read(rules);
  terminates \true;
  assigns \nothing;
  ensures fewer <= more ==> \result == \true;
*/
bool more_failures_never_wait_less(const struct lockout_rules *rules, uint32_t fewer, uint32_t more,
				   uint32_t tries) {
	return lockout_wait_ms(rules, fewer, tries) <= lockout_wait_ms(rules, more, tries);
}

/* Nor more: what is stored every ten seconds ends when it would have ended. */
/*@
  requires \valid_read(clock);
  terminates \true;
  assigns \nothing;
  ensures clock->boot_ms <= now <= later ==> \result == \true;
*/
bool a_tick_never_shortens_a_wait(const struct lockout_clock *clock, uint64_t now, uint64_t later) {
	struct lockout_clock ticked = lockout_advance(clock, true, now);
	struct lockout_clock end = lockout_advance(&ticked, true, later);
	struct lockout_clock straight = lockout_advance(clock, true, later);

	return end.remaining_ms == straight.remaining_ms && end.boot_ms == straight.boot_ms;
}

/* Asking again at the same time changes nothing, whatever the time is. */
/*@
  requires \valid_read(clock);
  terminates \true;
  assigns \nothing;
  ensures \result == \true;
*/
bool looking_twice_never_shortens_a_wait(const struct lockout_clock *clock, bool same_boot,
					 uint64_t now) {
	struct lockout_clock once = lockout_advance(clock, same_boot, now);
	struct lockout_clock twice = lockout_advance(&once, true, now);

	return twice.remaining_ms == once.remaining_ms && twice.boot_ms == once.boot_ms;
}

/* LK-05, LK-07: a reboot takes away only the time that the device has been on since. */
/*@
  requires \valid_read(clock);
  terminates \true;
  assigns \nothing;
  ensures \result == \true;
*/
bool a_reboot_never_ends_a_wait(const struct lockout_clock *clock, uint64_t on_since) {
	struct lockout_clock next = lockout_advance(clock, false, on_since);

	return next.remaining_ms >= clock->remaining_ms ||
	       clock->remaining_ms - next.remaining_ms <= on_since;
}
