/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "auth/entry.h"

void flow_entry(struct journal_entry *entry, const struct seat *seat, const struct actor *actor,
		const struct moment *now, enum audit_event event, enum audit_outcome outcome) {
	*entry = (struct journal_entry){
		.at = *now,
		.event = event,
		.outcome = outcome,
		.seat = (uint8_t)(seat->index + 1),
		.assurance = (uint8_t)seat->session.assurance,
		.factor = (uint8_t)seat->session.factor,
		.account = seat->session.account,
		.session = seat->session.number,
		.peer_uid = actor ? actor->peer_uid : UINT32_MAX,
	};
	if (seat->flags & STATE_NOT_ISOLATED)
		entry->flags |= ENTRY_NOT_ISOLATED;
	if (seat->emergency.open) {
		entry->flags |= ENTRY_EMERGENCY;
		flow_entry_emergency(entry, seat->emergency.id);
	}
}

void flow_entry_emergency(struct journal_entry *entry, const uint8_t id[16]) {
	entry->has_emergency = true;
	memcpy(entry->emergency, id, sizeof(entry->emergency));
}
