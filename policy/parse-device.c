/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of device.cfg, the manufacturer's file. */
#include <careward/result.h>

#include "policy/parse.h"
#include "policy/parse-keys.h"

static const struct word isolation_words[] = { { "required", 1 }, { "optional", 0 }, { NULL, 0 } };

static const struct word mode_words[] = {
	{ "0600", 0600 }, { "0660", 0660 }, { "0666", 0666 }, { NULL, 0 },
};

#define ITEM struct parsed_device
static const struct key device_keys[] = {
	{ .name = "model", .type = KEY_TEXT, .required = true, MEMBER(device, model) },
	{ .name = "maker", .type = KEY_TEXT, MEMBER(device, maker) },
	{ .name = "isolation", .type = KEY_WORD, .words = isolation_words, .fallback = 1,
	  MEMBER(device, isolation) },
};

static const struct key minimum_keys[] = {
	{ .name = "care", .type = KEY_WORD, .words = parse_care_words, .fallback = CW_ASSURANCE_BADGE,
	  MEMBER(minimum, care) },
};
#undef ITEM

#define ITEM struct parsed_seat
static const struct key seat_keys[] = {
	{ .name = "name", .type = KEY_NAME, .required = true, FIELD(rules.name) },
	{ .name = "group", .type = KEY_NAME, FIELD(rules.group) },
	{ .name = "user", .type = KEY_NAME, FIELD(rules.user) },
	{ .name = "mode", .type = KEY_WORD, .words = mode_words, .fallback = 0660,
	  FIELD(rules.mode) },
};
#undef ITEM

#define ITEM struct parsed_signal
static const struct key signal_keys[] = {
	{ .name = "name", .type = KEY_NAME, .required = true, FIELD(name) },
	{ .name = "seat", .type = KEY_NAME, .required = true, FIELD(seat) },
	{ .name = "ttl", .type = KEY_INT, .min = 0, .max = 3600, .fallback = 10, SECONDS_AS_MS,
	  FIELD(ttl_ms) },
};
#undef ITEM

#define ITEM struct parsed_action
static const struct key action_keys[] = {
	{ .name = "name", .type = KEY_NAME, .required = true, FIELD(name) },
	{ .name = "kind", .type = KEY_WORD, .required = true, .words = parse_kind_words, FIELD(kind) },
	{ .name = "assurance", .type = KEY_WORD, .words = parse_assurance_words, FIELD(assurance) },
	{ .name = "confirm", .type = KEY_WORD, .words = parse_confirm_words, FIELD(confirm) },
	{ .name = "fresh", .type = KEY_INT, .min = 10, .max = 120, SECONDS_AS_MS, FIELD(fresh_ms) },
	{ .name = "only_when", .type = KEY_NAMES, FIELD(only_when) },
	{ .name = "witness", .type = KEY_BOOL, .fallback = UNSAID, FIELD(witness) },
};
#undef ITEM

static const struct section device_section = SECTION("device", device_keys);
static const struct section minimum_section = SECTION("minimum", minimum_keys);
static const struct section seat_section = SECTION("seats", seat_keys);
static const struct section signal_section = SECTION("signals", signal_keys);
static const struct section action_section = SECTION("actions", action_keys);

#define ITEM struct parsed_device
static const struct key file_keys[] = {
	{ .name = "device", .required = true, .section = &device_section, GROUP(device) },
	{ .name = "minimum", .section = &minimum_section, GROUP(minimum) },
	{ .name = "seats", .required = true, .section = &seat_section,
	  LIST(seats, n_seats, struct parsed_seat, POLICY_SEATS_MAX) },
	{ .name = "signals", .section = &signal_section,
	  LIST(signals, n_signals, struct parsed_signal, POLICY_SIGNALS_MAX) },
	{ .name = "readers", .section = &parse_readers,
	  LIST(readers, n_readers, struct parsed_reader, TOKEN_READERS_MAX) },
	{ .name = "service_authority", .section = &parse_service_authority,
	  GROUP(service_authority) },
	{ .name = "patient", .type = KEY_NAME, FIELD(patient) },
	{ .name = "actions", .required = true, .section = &action_section,
	  LIST(actions, n_actions, struct parsed_action, POLICY_ACTIONS_MAX) },
	{ .name = "end", .type = KEY_BOOL, .required = true, FIELD(end) },
};

const struct section grammar_device = SECTION("device.cfg", file_keys);
