/* SPDX-License-Identifier: Apache-2.0 */

/* The published names of events and outcomes. */

#include <string.h>

#include "audit/events.h"
#include "common/cleanup.h"

static const struct {
	unsigned id;
	const char *name;
} events[] = {
#define X(number, symbol, text) { number, text },
	AUDIT_EVENTS(X)
#undef X
};

static const char *const outcomes[OUTCOME_N] = {
	[OUTCOME_NONE] = "none",         [OUTCOME_OK] = "ok",
	[OUTCOME_REFUSED] = "refused",   [OUTCOME_LOCKED] = "locked",
	[OUTCOME_DISABLED] = "disabled", [OUTCOME_CANCELLED] = "cancelled",
	[OUTCOME_FAILED] = "failed",
};

const char *audit_event_name(unsigned event) {
	for (size_t i = 0; i < ARRAY_SIZE(events); ++i)
		if (events[i].id == event)
			return events[i].name;
	return "unknown";
}

const char *audit_outcome_name(unsigned outcome) {
	return outcome < OUTCOME_N ? outcomes[outcome] : "unknown";
}

unsigned audit_event_by_name(const char *name) {
	for (size_t i = 0; name && i < ARRAY_SIZE(events); ++i)
		if (strcmp(events[i].name, name) == 0)
			return events[i].id;
	return EVENT_NONE;
}
