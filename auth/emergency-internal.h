/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_EMERGENCY_INTERNAL_H
#define AUTH_EMERGENCY_INTERNAL_H

/* What the files of the emergency share. */

#include "auth/emergency-row.h"
#include "auth/entry.h"

/* Is the end of @id remembered at this seat, durable or not? */
bool emergency_has_ended(const struct seat *seat, const uint8_t id[16]);

/* The emergency of the seat is over in memory; its end is final. */
void emergency_forget(struct seat *seat, const uint8_t id[16]);

/* Notes that @action was used inside the seat's emergency. */
void emergency_note_use(struct seat *seat, const struct policy_table *table, const char *action);

/*
 * Reads from the journal what was used inside, when the seat's bits are those of
 * another table. Return: 0; -EIO (taken for: something that nobody may).
 */
int emergency_refresh_used(struct store *store, const struct policy_table *table,
			   struct seat *seat);

/*
 * emergency_end() - end the seat's emergency, with entry and row
 * @account: by whose sign-in; 0: nobody's
 *
 * Return: 0; -errno: ended all the same.
 */
int emergency_end(struct store *store, struct seat *seat, const char *how, uint32_t account,
		  const struct moment *now);

/*
 * emergency_identify() - has whoever is signed in broken the glass before?
 *
 * Marks the emergencies of this seat, open or over for at most 15 minutes, that
 * name this account or that it began while being locked out.
 *
 * Return: 0; -EIO.
 */
int emergency_identify(struct store *store, const struct seat *seat, const struct moment *now);

#endif
