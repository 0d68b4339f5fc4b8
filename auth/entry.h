/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_ENTRY_H
#define AUTH_ENTRY_H

/* What the entries of all flows have in common. */

#include "audit/journal.h"
#include "auth/seat.h"

/*
 * flow_entry() - an entry about a seat, filled with what the seat knows
 * @actor:  who asks; NULL: the device itself
 *
 * Sets time, seat, session, assurance, factor, the emergency that is open, and
 * whether the engine is isolated. `account` is the session's: whoever is not
 * that person sets it anew.
 */
void flow_entry(struct journal_entry *entry, const struct seat *seat, const struct actor *actor,
		const struct moment *now, enum audit_event event, enum audit_outcome outcome);

/* The entry is about @id, whether it is open or not. */
void flow_entry_emergency(struct journal_entry *entry, const uint8_t id[16]);

#endif
