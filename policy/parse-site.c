/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of site.cfg, the hospital's file, and of place.cfg. */
#include <careward/result.h>

#include "policy/parse.h"
#include "policy/parse-keys.h"

#define REASONS_MAX 8

static const struct word place_words[] = {
	{ "hospital", 0 }, { "home", 0 }, { "ambulance", 0 }, { NULL, 0 },
};

#define ITEM struct parsed_role
static const struct key role_keys[] = {
	{ .name = "name", .type = KEY_NAME, .required = true, FIELD(name) },
	{ .name = "inherits", .type = KEY_NAMES, FIELD(inherits) },
	{ .name = "allow", .type = KEY_NAMES, FIELD(allow) },
	{ .name = "deny", .type = KEY_NAMES, FIELD(deny) },
	{ .name = "creates", .type = KEY_NAMES, FIELD(creates) },
	{ .name = "creates_for", .type = KEY_INT, .min = 0, .max = 87600, HOURS,
	  FIELD(creates_for_s) },
};
#undef ITEM

#define ITEM struct parsed_context
static const struct key context_keys[] = {
	{ .name = "name", .type = KEY_NAME, .required = true, FIELD(name) },
	{ .name = "when", .type = KEY_NAMES, FIELD(when) },
	{ .name = "care", .type = KEY_WORD, .words = parse_care_words,
	  .fallback = CW_ASSURANCE_PASSWORD, FIELD(care) },
	{ .name = "guarded", .type = KEY_WORD, .words = parse_assurance_words,
	  .fallback = CW_ASSURANCE_PASSWORD, FIELD(guarded) },
	{ .name = "idle_lock", .type = KEY_INT, .min = 30, .max = 3600, .fallback = 300,
	  SECONDS_AS_MS, FIELD(idle_lock_ms) },
	{ .name = "removal_locks", .type = KEY_BOOL, .fallback = 1, FIELD(removal_locks) },
	{ .name = "alone", .type = KEY_BOOL, .fallback = 0, FIELD(alone) },
};
#undef ITEM

#define ITEM struct parsed_action
static const struct key action_keys[] = {
	{ .name = "name", .type = KEY_NAME, .required = true, FIELD(name) },
	{ .name = "kind", .type = KEY_WORD, .words = parse_kind_words, FIELD(kind) },
	{ .name = "assurance", .type = KEY_WORD, .words = parse_assurance_words, FIELD(assurance) },
	{ .name = "confirm", .type = KEY_WORD, .words = parse_confirm_words, FIELD(confirm) },
	{ .name = "fresh", .type = KEY_INT, .min = 10, .max = 120, SECONDS_AS_MS, FIELD(fresh_ms) },
	{ .name = "only_when", .type = KEY_NAMES, FIELD(only_when) },
	{ .name = "witness", .type = KEY_BOOL, .fallback = UNSAID, FIELD(witness) },
};
#undef ITEM

#define ITEM struct parsed_site
static const struct key site_keys[] = {
	{ .name = "name", .type = KEY_TEXT, .required = true, MEMBER(site, name) },
};

static const struct key password_keys[] = {
	{ .name = "min_length", .type = KEY_INT, .min = 8, .max = 64, .fallback = 12,
	  .unit = "characters", MEMBER(passwords, rules.min_length) },
	{ .name = "min_length_privileged", .type = KEY_INT, .min = 8, .max = 64, .fallback = 15,
	  .unit = "characters", MEMBER(passwords, rules.min_length_privileged) },
	{ .name = "min_classes", .type = KEY_INT, .min = 0, .max = 4, .fallback = 0,
	  .unit = "classes", MEMBER(passwords, rules.min_classes) },
	{ .name = "history", .type = KEY_INT, .min = 0, .max = LIMIT_PASSWORD_HISTORY,
	  .fallback = 5, .unit = "passwords", MEMBER(passwords, rules.history) },
	{ .name = "max_age", .type = KEY_INT, .min = 0, .max = 3650, .fallback = 0, DAYS,
	  MEMBER(passwords, rules.max_age_s) },
	{ .name = "min_age", .type = KEY_INT, .min = 0, .max = 30, .fallback = 0, DAYS,
	  MEMBER(passwords, rules.min_age_s) },
	{ .name = "one_time_valid", .type = KEY_INT, .min = 1, .max = 168, .fallback = 72, HOURS,
	  MEMBER(passwords, rules.one_time_valid_s) },
	{ .name = "dictionary", .type = KEY_BOOL, .fallback = 1,
	  MEMBER(passwords, rules.dictionary) },
	{ .name = "argon2_memory", .type = KEY_INT, .min = 19456, .max = 1048576,
	  .fallback = 65536, .unit = "KiB", MEMBER(passwords, rules.argon2_memory_kib) },
	{ .name = "argon2_passes", .type = KEY_INT, .min = 2, .max = 16, .fallback = 3,
	  .unit = "passes", MEMBER(passwords, rules.argon2_passes) },
};

static const struct key lockout_keys[] = {
	{ .name = "free_tries", .type = KEY_INT, .min = 1, .max = 10, .fallback = 5,
	  .unit = "tries", MEMBER(lockout, rules.free_tries) },
	{ .name = "first", .type = KEY_INT, .min = 30, .max = 3600, .fallback = 300, SECONDS_AS_MS,
	  MEMBER(lockout, rules.first_ms) },
	{ .name = "longest", .type = KEY_INT, .min = 30, .max = 86400, .fallback = 3600,
	  SECONDS_AS_MS, MEMBER(lockout, rules.longest_ms) },
	{ .name = "disable_at", .type = KEY_INT, .min = 10, .max = 1000, .fallback = 100,
	  .unit = "failures", MEMBER(lockout, rules.disable_at) },
	{ .name = "code_tries", .type = KEY_INT, .min = 1, .max = 3, .fallback = 3,
	  .unit = "tries", MEMBER(lockout, rules.code_tries) },
};

static const struct key break_glass_keys[] = {
	{ .name = "reasons", .type = KEY_TEXTS, .max = REASONS_MAX, .limit = "REASONS_MAX",
	  MEMBER(break_glass, reasons) },
	{ .name = "still_needed", .type = KEY_INT, .min = 60, .max = 3600, .fallback = 600, SECONDS,
	  MEMBER(break_glass, rules.still_needed_s) },
	{ .name = "patient_gone", .type = KEY_INT, .min = 60, .max = 3600, .fallback = 300, SECONDS,
	  MEMBER(break_glass, rules.patient_gone_s) },
	{ .name = "review_due", .type = KEY_INT, .min = 1, .max = 720, .fallback = 72, HOURS,
	  MEMBER(break_glass, rules.review_due_s) },
};

static const struct key journal_keys[] = {
	{ .name = "min_days", .type = KEY_INT, .min = 30, .max = 1095, .fallback = 90,
	  .unit = "days", MEMBER(journal, rules.min_days) },
	{ .name = "max_days", .type = KEY_INT, .min = 30, .max = 1095, .fallback = 365,
	  .unit = "days", MEMBER(journal, rules.max_days) },
	{ .name = "epoch", .type = KEY_INT, .min = 10, .max = 300, .fallback = 60, SECONDS,
	  MEMBER(journal, rules.epoch_s) },
	{ .name = "epoch_entries", .type = KEY_INT, .min = 16, .max = 4096, .fallback = 256,
	  .unit = "entries", MEMBER(journal, rules.epoch_entries) },
};

static const struct section site_section = SECTION("site", site_keys);
static const struct section role_section = SECTION("roles", role_keys);
static const struct section context_section = SECTION("contexts", context_keys);
static const struct section action_section = SECTION("actions", action_keys);
static const struct section password_section = SECTION("passwords", password_keys);
static const struct section lockout_section = SECTION("lockout", lockout_keys);
static const struct section break_glass_section = SECTION("break_glass", break_glass_keys);
static const struct section journal_section = SECTION("journal", journal_keys);

static const struct key file_keys[] = {
	{ .name = "site", .required = true, .section = &site_section, GROUP(site) },
	{ .name = "roles", .required = true, .section = &role_section,
	  LIST(roles, n_roles, struct parsed_role, POLICY_ROLES_MAX) },
	{ .name = "contexts", .required = true, .section = &context_section,
	  LIST(contexts, n_contexts, struct parsed_context, POLICY_CONTEXTS_MAX) },
	{ .name = "actions", .section = &action_section,
	  LIST(actions, n_actions, struct parsed_action, POLICY_ACTIONS_MAX) },
	{ .name = "passwords", .section = &password_section, GROUP(passwords) },
	{ .name = "lockout", .section = &lockout_section, GROUP(lockout) },
	{ .name = "break_glass", .section = &break_glass_section, GROUP(break_glass) },
	{ .name = "journal", .section = &journal_section, GROUP(journal) },
	{ .name = "tokens", .section = &parse_tokens, GROUP(tokens) },
	{ .name = "reauth_fresh", .type = KEY_INT, .min = 10, .max = 120, .fallback = 120, SECONDS,
	  FIELD(reauth_fresh_s) },
	{ .name = "prompt_timeout", .type = KEY_INT, .min = 15, .max = 300, .fallback = 60, SECONDS,
	  FIELD(prompt_timeout_s) },
	{ .name = "end", .type = KEY_BOOL, .required = true, FIELD(end) },
};
#undef ITEM

const struct section grammar_site = SECTION("site.cfg", file_keys);

#define ITEM struct parsed_place
static const struct key place_keys[] = {
	{ .name = "inventory", .type = KEY_TEXT, .required = true, MEMBER(place, inventory) },
	{ .name = "ward", .type = KEY_TEXT, MEMBER(place, ward) },
	{ .name = "room", .type = KEY_TEXT, MEMBER(place, room) },
	{ .name = "place", .type = KEY_CHOICE, .words = place_words, .fallback = 0,
	  MEMBER(place, place) },
};

static const struct section place_section = SECTION("place", place_keys);

static const struct key place_file_keys[] = {
	{ .name = "place", .required = true, .section = &place_section, GROUP(place) },
	{ .name = "end", .type = KEY_BOOL, .required = true, FIELD(end) },
};
#undef ITEM

const struct section grammar_place = SECTION("place.cfg", place_file_keys);
