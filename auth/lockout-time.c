/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait after so many failures, and what is left of it; proved
 *
 * Everything here is safe and bounded for any rules, any count and any time.
 */

#include "auth/lockout-time.h"

/* Floors and ceilings: whatever the rules say, zeroes included. */
#define FREE_TRIES_DEFAULT 5u
#define FREE_TRIES_MOST 10u
#define CODE_TRIES_MOST 3u
#define FIRST_MS_LEAST 30000u
#define LONGEST_MS_MOST 86400000u /* a day */
#define DISABLE_AT_DEFAULT 100u
#define DOUBLINGS_MOST 12u /* lead from the shortest first wait past the longest */

/*@
  logic integer First{L}(struct lockout_rules *r) =
    r->first_ms < FIRST_MS_LEAST ? FIRST_MS_LEAST :
    r->first_ms < LONGEST_MS_MOST ? r->first_ms : LONGEST_MS_MOST;

  logic integer Longest{L}(struct lockout_rules *r) =
    r->longest_ms < First(r) ? First(r) :
    r->longest_ms < LONGEST_MS_MOST ? r->longest_ms : LONGEST_MS_MOST;

  logic integer Disable_at{L}(struct lockout_rules *r) =
    r->disable_at == 0 ? DISABLE_AT_DEFAULT : r->disable_at;

  logic integer Power(integer n) =
    n <= 0 ? 1 : n == 1 ? 2 : n == 2 ? 4 : n == 3 ? 8 : n == 4 ? 16 : n == 5 ? 32 :
    n == 6 ? 64 : n == 7 ? 128 : n == 8 ? 256 : n == 9 ? 512 : n == 10 ? 1024 :
    n == 11 ? 2048 : 4096;

  // Failures without a wait; 0 is taken for 1.
  logic integer First_at(integer tries) = tries > 1 ? tries : 1;

  logic integer Wait{L}(struct lockout_rules *r, integer failures, integer tries) =
    failures < First_at(tries) ? 0 :
    First(r) * Power(failures - First_at(tries)) < Longest(r) ?
      First(r) * Power(failures - First_at(tries)) : Longest(r);

  // The last time that a row can hold.
  logic integer Storable(integer t) = t < INT64_MAX ? t : INT64_MAX;

  // What has surely passed since `then`.
  logic integer Passed(integer same_boot, integer then, integer now) =
    same_boot == 0 ? now : now > then ? now - then : 0;

  logic integer Left(integer remaining, integer passed) =
    remaining > passed ? remaining - passed : 0;
*/

/*@
  requires \valid_read(rules);
  terminates \true;
  assigns \nothing;
  ensures \result == First(rules);
  ensures FIRST_MS_LEAST <= \result <= LONGEST_MS_MOST;
*/
static uint64_t first_wait(const struct lockout_rules *rules) {
	if (rules->first_ms < FIRST_MS_LEAST)
		return FIRST_MS_LEAST;
	return rules->first_ms < LONGEST_MS_MOST ? rules->first_ms : LONGEST_MS_MOST;
}

/*@
  requires \valid_read(rules);
  terminates \true;
  assigns \nothing;
  ensures \result == Longest(rules);
  ensures a_day_at_most: FIRST_MS_LEAST <= \result <= LONGEST_MS_MOST;
  ensures First(rules) <= \result;
*/
uint64_t lockout_longest_ms(const struct lockout_rules *rules) {
	uint64_t first = first_wait(rules);

	if (rules->longest_ms < first)
		return first;
	return rules->longest_ms < LONGEST_MS_MOST ? rules->longest_ms : LONGEST_MS_MOST;
}

/*@
  requires \valid_read(rules);
  terminates \true;
  assigns \nothing;
  ensures never_none_never_many:
    1 <= \result <= (factor == CW_FACTOR_CODE ? CODE_TRIES_MOST : FREE_TRIES_MOST);
*/
uint32_t lockout_free_tries(const struct lockout_rules *rules, enum cw_factor factor) {
	uint32_t most = factor == CW_FACTOR_CODE ? CODE_TRIES_MOST : FREE_TRIES_MOST;
	uint32_t n = factor == CW_FACTOR_CODE ? rules->code_tries : rules->free_tries;

	if (n == 0)
		n = factor == CW_FACTOR_CODE ? CODE_TRIES_MOST : FREE_TRIES_DEFAULT;
	return n > most ? most : n;
}

/*@
  requires \valid_read(rules);
  terminates \true;
  assigns \nothing;
  ensures \result == Disable_at(rules);
  ensures \result >= 1;
*/
uint32_t lockout_disable_at(const struct lockout_rules *rules) {
	return rules->disable_at == 0 ? DISABLE_AT_DEFAULT : rules->disable_at;
}

/*@
  terminates \true;
  assigns \nothing;
  ensures \result == Power(n);
  ensures 1 <= \result <= 4096;
*/
static uint32_t power_of_two(uint32_t n) {
	const uint32_t powers[DOUBLINGS_MOST + 1] = { 1,   2,   4,   8,    16,   32,  64,
						      128, 256, 512, 1024, 2048, 4096 };

	return powers[n < DOUBLINGS_MOST ? n : DOUBLINGS_MOST];
}

/*@
  requires \valid_read(rules);
  terminates \true;
  assigns \nothing;
  ensures exactly: \result == Wait(rules, failures, tries);
  ensures none_when_free: failures < First_at(tries) ==> \result == 0;
  ensures never_shorter_than_the_first: failures >= First_at(tries) ==> \result >= First(rules);
  ensures never_longer_than_the_longest: \result <= Longest(rules);
  ensures longest_in_the_end:
    failures >= First_at(tries) + DOUBLINGS_MOST ==> \result == Longest(rules);
*/
uint64_t lockout_wait_ms(const struct lockout_rules *rules, uint32_t failures, uint32_t tries) {
	uint64_t longest = lockout_longest_ms(rules);
	uint32_t first_at = tries > 1 ? tries : 1;
	uint64_t wait;

	if (failures < first_at)
		return 0;
	wait = first_wait(rules) * power_of_two(failures - first_at);
	return wait < longest ? wait : longest;
}

/*@
  requires \valid_read(rules);
  terminates \true;
  assigns \nothing;
  ensures disables_nobody: \result < Disable_at(rules);
  ensures \result <= FREE_TRIES_MOST + DOUBLINGS_MOST;
*/
uint32_t lockout_worst_failures(const struct lockout_rules *rules, enum cw_factor factor) {
	uint32_t most = lockout_disable_at(rules) - 1;
	uint32_t tries = lockout_free_tries(rules, factor);
	uint64_t longest = lockout_longest_ms(rules);
	uint32_t failures = tries;

	/*@
	  loop invariant tries <= failures <= tries + DOUBLINGS_MOST;
	  loop assigns failures;
	  loop variant tries + DOUBLINGS_MOST - failures;
	*/
	while (lockout_wait_ms(rules, failures, tries) < longest)
		++failures;
	/*@ assert as_good_as_the_longest: Wait(rules, failures, tries) == Longest(rules); */
	return failures < most ? failures : most;
}

/*@
  terminates \true;
  assigns \nothing;
  ensures \result >= failures;
  ensures failures < UINT32_MAX ==> \result == failures + 1;
*/
uint32_t lockout_one_more(uint32_t failures) {
	return failures < UINT32_MAX ? failures + 1 : failures;
}

/*@
  requires \valid_read(clock);
  terminates \true;
  assigns \nothing;
  ensures exactly:
    \result.remaining_ms ==
      Left(clock->remaining_ms, Passed(same_boot, clock->boot_ms, Storable(now_ms)));
  ensures never_more: \result.remaining_ms <= clock->remaining_ms;
  ensures \result.boot_ms == Storable(now_ms);
*/
struct lockout_clock lockout_advance(const struct lockout_clock *clock, bool same_boot,
				     uint64_t now_ms) {
	uint64_t now = now_ms < INT64_MAX ? now_ms : INT64_MAX;
	struct lockout_clock next = { .remaining_ms = 0, .boot_ms = now };
	uint64_t passed = now;

	if (same_boot)
		passed = now > clock->boot_ms ? now - clock->boot_ms : 0;
	if (clock->remaining_ms > passed)
		next.remaining_ms = clock->remaining_ms - passed;
	return next;
}

/*@
  requires \valid_read(rules);
  terminates \true;
  assigns \nothing;
  ensures never_longer_than_the_longest: \result <= Longest(rules);
  ensures \result <= remaining_ms;
  ensures remaining_ms <= Longest(rules) ==> \result == remaining_ms;
*/
uint64_t lockout_within_rules(const struct lockout_rules *rules, uint64_t remaining_ms) {
	uint64_t longest = lockout_longest_ms(rules);

	return remaining_ms < longest ? remaining_ms : longest;
}
