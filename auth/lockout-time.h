/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_LOCKOUT_TIME_H
#define AUTH_LOCKOUT_TIME_H

/*
 * How long to wait: the arithmetic of the lockout, pure and proved
 *
 * Whatever the rules, the stored row and the clock say, a wait is never longer
 * than the rules' longest, and that is between half a minute and a day.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/result.h>

#include "policy/settings.h"

/* What is left of a wait, as of a time of the boot clock. */
struct lockout_clock {
	uint64_t remaining_ms;
	uint64_t boot_ms; /* at most INT64_MAX, which is what the store can hold       */
};

/*
 * The rules with their floors and ceilings, zeroes included.
 *
 * lockout_free_tries(): Return: 1..10; 1..3 for codes of badges.
 * lockout_disable_at(): Return: at least 1.
 * lockout_longest_ms(): Return: 30 000..86 400 000.
 */
uint32_t lockout_free_tries(const struct lockout_rules *rules, enum cw_factor factor);
uint32_t lockout_disable_at(const struct lockout_rules *rules);
uint64_t lockout_longest_ms(const struct lockout_rules *rules);

/*
 * lockout_wait_ms() - how long to wait after so many failures
 * @tries:  failures up to the first wait; 0 is taken for 1
 *
 * Return: 0 below @tries, then first_ms, doubling up to longest_ms. Never
 * falls as @failures grows, for any rules.
 */
uint64_t lockout_wait_ms(const struct lockout_rules *rules, uint32_t failures, uint32_t tries);

/*
 * lockout_worst_failures() - what a row that cannot be believed is taken for
 *
 * Return: as many failures as are answered by the longest wait, but fewer than
 * disable: damage must not disable anybody, which is for an administrator to undo.
 */
uint32_t lockout_worst_failures(const struct lockout_rules *rules, enum cw_factor factor);

/* One failure more. Return: never fewer than before. */
uint32_t lockout_one_more(uint32_t failures);

/*
 * lockout_advance() - bring a wait to now
 * @same_boot:  was it written in the boot in which @now_ms was read?
 *
 * Within one boot what the boot clock has advanced has passed; after a reboot
 * the time since that reboot. A clock that goes back has not advanced.
 *
 * Return: what is left as of @now_ms; never more than before.
 */
struct lockout_clock lockout_advance(const struct lockout_clock *clock, bool same_boot,
				     uint64_t now_ms);

/* Return: what to wait in truth when @remaining_ms are said to be left. */
uint64_t lockout_within_rules(const struct lockout_rules *rules, uint64_t remaining_ms);

#endif
