/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DECIDE_H
#define POLICY_DECIDE_H

/*
 * The decision: pure functions over a table, a copy of a seat's state, a time
 *
 * These functions read nothing else, write nothing, call nothing and are
 * proved (tests/proof/). Every time is CLOCK_BOOTTIME in milliseconds.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/result.h>

#include "policy/table.h"

/*
 * What is true at a seat at one moment: 128 bytes, published as 16 words.
 * Zeroed memory is a seat at which nobody is signed in and nothing is known.
 */
struct policy_state {
	uint64_t policy_generation; /* table that indices and masks refer to              */
	uint64_t lease_until; /* past it only always and care are decided               */
	uint64_t lock_at;     /* the session is locked from then on; 0: it is locked    */
	uint64_t session;     /* number of the session on the screen; 0: nobody         */
	uint64_t reauth_at;   /* when the person last authenticated freshly; 0: never   */
	uint64_t signals_until; /* before it contexts_now and signals hold, then *_later */
	uint32_t roles;
	uint32_t contexts_now; /* bit set: contexts that may be in force                */
	uint32_t contexts_later; /* the same when every perishable signal has gone stale */
	uint32_t true_now;     /* signals known to be true                              */
	uint32_t false_now;    /* signals known to be false                             */
	uint32_t true_later;
	uint32_t false_later;
	uint32_t account;      /* number of the account of the session; 0: nobody       */
	uint16_t confirmed;    /* index + 1 of the one action confirmed; 0: none        */
	uint8_t confirmed_how; /* enum cw_confirm: by the same or by a second person    */
	uint8_t assurance;     /* enum cw_assurance of the session                      */
	uint8_t reauth_assurance; /* enum cw_assurance of the last re-authentication    */
	uint8_t emergency;     /* not 0: an emergency is open at this seat              */
	uint8_t suspended;     /* not 0: an emergency suspended the session             */
	uint8_t witnessed;     /* not 0: `confirmed` was witnessed (care)               */
	uint8_t emergency_id[16]; /* of the open emergency; zeroes: none                */
	uint8_t flags;         /* STATE_* below; the decision reads STATE_DEGRADED      */
	uint8_t zero[7];
	uint64_t witness_object; /* hash of what was witnessed; no decision reads it     */
	uint64_t reserved[1];
};

#define STATE_ALARM 0x01u        /* an alarm of Careward's own is open            */
#define STATE_NOT_ISOLATED 0x02u /* the engine is the application's own child     */
#define STATE_STILL_NEEDED 0x04u /* the emergency has not been used for 600 s     */
#define STATE_DEGRADED 0x08u     /* integrity alarm: only care until it is left   */

_Static_assert(sizeof(struct policy_state) == 128, "the state is 16 words");

/*
 * policy_decide() - may this action happen now?
 * @t:      table; any bytes are safe, a table that policy_table_is_valid()
 *          refuses gives verdicts that grant no more than its bytes say
 * @s:      seat's state; any bytes are safe
 * @action: index of the action in @t
 * @now:    CLOCK_BOOTTIME in milliseconds
 *
 * A sensitive action is only ever allowed when @s->confirmed names it, which
 * the broker sets in a copy of its own while it redeems a receipt: a state
 * page never carries it.
 *
 * Return: the verdict. An unknown action, an unknown kind: CW_DENY.
 */
enum cw_verdict policy_decide(const struct policy_table *t, const struct policy_state *s,
                              uint32_t action, uint64_t now);

/*
 * policy_reason() - the reason that goes with policy_decide()'s verdict
 *
 * Return: the reason; CW_REASON_ALWAYS, _GRANTED or _EMERGENCY exactly when
 * the verdict is CW_ALLOW.
 */
enum cw_reason policy_reason(const struct policy_table *t, const struct policy_state *s,
                             uint32_t action, uint64_t now);

/*
 * policy_reason_of_allow() - the same where policy_decide() has said CW_ALLOW
 *
 * At whatever time: without deciding once more. Return: the reason; after
 * another verdict it means nothing.
 */
enum cw_reason policy_reason_of_allow(const struct policy_table *t, const struct policy_state *s,
                                      uint32_t action);

/*
 * policy_contexts() - the contexts that may be in force
 * @t:       table
 * @yes:     signals known to be true
 * @no:      signals known to be false
 *
 * Return: a bit set. A context is in it when it is possible and no context of
 * a higher index is certain. It is never empty for a valid table.
 */
uint32_t policy_contexts(const struct policy_table *t, uint32_t yes, uint32_t no);

/*
 * policy_table_is_valid() - is every field of the table within its range?
 *
 * Does not look at the checksum, which policy_table_checksum() computes.
 *
 * Return: true exactly when all counts, kinds, assurances, confirmations,
 * masks and deadlines are in range and context 0 is the routine one.
 */
bool policy_table_is_valid(const struct policy_table *t);

/* CRC-32 (IEEE 802.3) of @n bytes at @p, continued from @crc (0 to begin). */
uint32_t policy_crc32(const uint8_t *p, uint32_t n, uint32_t crc);

/* The checksum of a table: its CRC-32 with the field itself taken as 0. */
uint32_t policy_table_checksum(const struct policy_table *t);

#endif
