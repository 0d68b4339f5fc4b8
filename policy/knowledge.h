/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_KNOWLEDGE_H
#define POLICY_KNOWLEDGE_H

/*
 * What is known of the signals now, what will be when all that is perishable has
 * gone stale, and when that begins; pure and proved
 *
 * Every time is CLOCK_BOOTTIME in milliseconds.
 */

#include <stdint.h>

#include "policy/decide.h"

/* What the device said of one signal. Zeroed: nothing. */
struct policy_told {
	int8_t value;      /* above 0 true, 0 unknown, below 0 false                  */
	uint64_t until_ms; /* from then on unknown; 0: stays                          */
};

/* As struct policy_state has it. */
struct policy_knowledge {
	uint32_t true_now, false_now;
	uint32_t true_later, false_later;
	uint64_t until_ms; /* UINT64_MAX: nothing perishes */
};

/* Return: above 0: true at @now_ms; 0: unknown; below 0: false. */
int policy_told_value(const struct policy_told *told, uint64_t now_ms);

/* Until when holds what is said at @now_ms? Return: never 0 but for a @ttl_ms of 0, which stays. */
uint64_t policy_told_until(uint64_t now_ms, uint32_t ttl_ms);

/*
 * policy_look() - what @n signals say at @now_ms; those past POLICY_SIGNALS_MAX are left out
 *
 * What is known now stays so before until_ms; what is known later stays for good,
 * and is known now as well. Nothing is both.
 */
void policy_look(const struct policy_told *told, uint32_t n, uint64_t now_ms,
		 struct policy_knowledge *ret_knowledge);

/*
 * policy_idle_ms() - after how long without activity the seat locks
 * @contexts:  those that may be in force
 *
 * Return: unknown is decided for care: the longest of them; 0 for none.
 */
uint32_t policy_idle_ms(const struct policy_table *table, uint32_t contexts);

#endif
