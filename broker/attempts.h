/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_ATTEMPTS_H
#define BROKER_ATTEMPTS_H

/* What attempts.c and attempts-token.c share. */

#include "broker/engine.h"

/* Does what the attempt wants now; may end it and free the slot. */
void slot_drive(struct attempt_slot *slot, const struct moment *now);

/*
 * slot_run_token() - hand the helper its step
 *
 * Return: true: on its way; false: no helper is free, the attempt has been told so
 * and wants something else now.
 */
bool slot_run_token(struct attempt_slot *slot, const struct moment *now);

/* Nobody waits for the helper any more. */
void slot_drop_job(struct attempt_slot *slot);

/*
 * seat_presented() - what lies at the seat, or was held to it a moment ago
 * @is_owners:  the attempt is one of the session's owner
 *
 * Return: NULL: nothing.
 */
const struct token_sight *seat_presented(struct seat_runtime *seat, bool is_owners,
					 const struct moment *now);
/* One tap is for one attempt. */
void seat_presented_used(struct seat_runtime *seat);

/* Whatever was seen: all attempts at the seat learn of it, also while they hash. */
void attempts_saw(struct engine *engine, const struct seat_runtime *seat,
		  const struct token_sight *sight);

/* Something was presented: does an attempt that runs at the seat take it? */
bool attempts_see(struct engine *engine, struct seat_runtime *seat,
		  const struct token_sight *sight, const struct moment *now);

#endif
