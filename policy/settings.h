/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_SETTINGS_H
#define POLICY_SETTINGS_H

/*
 * What device.cfg, site.cfg and place.cfg say besides the table
 *
 * Plain data, filled by the parser with the defaults of docs/configuration.md
 * where a file is silent, and always within the floors named there.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"
#include "policy/table.h"
#include "policy/token-rules.h"

struct password_rules {
	uint32_t min_length;            /* characters; 12, floor 8                        */
	uint32_t min_length_privileged; /* for roles with guarded or sensitive rights; 15 */
	uint32_t min_classes;           /* of lower, upper, digit, other; 0..4, default 0 */
	uint32_t history;               /* earlier passwords refused; 5, at most 24       */
	uint64_t max_age_s;             /* 0: never expires                               */
	uint64_t min_age_s;             /* 0: may be changed at once                      */
	uint64_t one_time_valid_s;      /* 72 h                                           */
	bool dictionary;                /* true                                           */
	uint32_t argon2_memory_kib;     /* 65536; floor 19456                             */
	uint32_t argon2_passes;         /* 3; floor 2                                     */
};

struct lockout_rules {
	uint32_t free_tries;   /* failures before the first wait; 5, 1..10            */
	uint64_t first_ms;     /* first wait; 300 000, floor 30 000                   */
	uint64_t longest_ms;   /* waits double up to here; 3 600 000                  */
	uint32_t disable_at;   /* consecutive failures that disable; 100              */
	uint32_t code_tries;   /* free tries of a badge code; 3, at most 3            */
};

struct break_glass_rules {
	uint32_t still_needed_s;   /* asked after so long without use; 600            */
	uint32_t patient_gone_s;   /* closed after so long of patient gone; 300       */
	uint32_t review_due_s;     /* 72 h                                            */
	uint32_t n_reasons;        /* offered short list; at most 8                   */
	char reasons[8][LIMIT_NAME];
};

struct journal_rules {
	uint32_t min_days;  /* 90                                                     */
	uint32_t max_days;  /* 365, at most 1095                                      */
	uint32_t epoch_s;   /* 60                                                     */
	uint32_t epoch_entries; /* 256                                                */
};

/* What one role may do with other accounts (site.cfg: roles[].creates). */
struct role_rules {
	uint32_t creates;        /* bits of roles that it may give and take           */
	uint64_t creates_for_s;  /* longest validity that it may give; 0: no bound    */
	uint32_t inherits;       /* bits of roles that it includes, itself too        */
	bool privileged;         /* holds a guarded or sensitive action               */
};

struct seat_rules {
	char name[POLICY_NAME_SIZE];
	char group[POLICY_NAME_SIZE]; /* group of the socket; empty: the engine's own  */
	char user[POLICY_NAME_SIZE];  /* only this user's processes; empty: any of the group */
	uint32_t mode;                /* 0660                                         */
};

struct policy_settings {
	char device_model[LIMIT_NAME];
	char device_maker[LIMIT_NAME];
	bool isolation_required;  /* true: the embedded default is refused            */
	uint32_t n_seats;
	struct seat_rules seats[POLICY_SEATS_MAX];
	char site_name[LIMIT_NAME];
	uint32_t n_roles;
	struct role_rules roles[POLICY_ROLES_MAX];
	uint32_t reauth_fresh_s;  /* 120                                              */
	uint32_t prompt_timeout_s; /* 60                                              */
	struct password_rules passwords;
	struct lockout_rules lockout;
	struct break_glass_rules break_glass;
	struct journal_rules journal;
	struct token_rules tokens;
	char inventory[LIMIT_NAME]; /* place.cfg                                      */
	char ward[LIMIT_NAME];
	char room[LIMIT_NAME];
	char place[LIMIT_NAME];     /* hospital, home, ambulance                      */
};

#endif
