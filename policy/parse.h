/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_PARSE_H
#define POLICY_PARSE_H

/*
 * What the three files say, before anything is looked up
 *
 * Words that a file did not say are 0 (an assurance, a confirmation, a kind),
 * UNSAID (witness) or NULL (arrays).
 */

#include <libconfig.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"
#include "policy/grammar.h"
#include "policy/settings.h"
#include "policy/table.h"

#define UNSAID 2u

struct parsed_seat {
	struct item item;
	struct seat_rules rules;
};

struct parsed_signal {
	struct item item;
	char name[POLICY_NAME_SIZE];
	char seat[POLICY_NAME_SIZE];
	uint32_t ttl_ms;
};

/* In device.cfg, and in site.cfg where it makes one stricter. */
struct parsed_action {
	struct item item;
	char name[POLICY_NAME_SIZE];
	uint8_t kind;
	uint8_t assurance;
	uint8_t confirm;
	uint8_t witness;
	uint32_t fresh_ms;
	const config_setting_t *only_when;
};

/* A file in the configuration directory with its SHA-256 in hexadecimal. */
struct parsed_pin {
	struct item item;
	char file[LIMIT_NAME];
	char sha256[65];
};

struct parsed_reader {
	struct item item;
	uint8_t kind;
	uint8_t form;
	char seat[POLICY_NAME_SIZE];
	char path[TOKEN_PATH_MAX];
	uint32_t speed;
};

struct parsed_smartcard {
	struct item item;
	char module[TOKEN_PATH_MAX];
	const config_setting_t *environment;
	uint32_t n_authorities;
	struct parsed_pin authorities[TOKEN_AUTHORITIES_MAX];
	const config_setting_t *lists;
	struct {
		struct item item;
		uint8_t missing;
		uint8_t stale;
	} revocation;
	uint32_t min_rsa_bits;
	uint8_t by_key;
	uint8_t enrolled_without_chain;
	uint8_t service;
};

struct parsed_security_key {
	struct item item;
	char rp[sizeof(((struct security_key_rules *)0)->rp)];
	uint8_t verification;
	const config_setting_t *aaguids;
	uint8_t synced;
};

struct parsed_badge {
	struct item item;
	uint8_t tap_out;
	uint32_t code_digits;
};

/* Each group that is there is a factor that is on. */
struct parsed_tokens {
	struct item item;
	uint32_t deadline_ms;
	struct parsed_smartcard smartcard;
	struct parsed_security_key security_key;
	struct parsed_badge badge;
};

struct parsed_device {
	struct item item;
	uint8_t end;
	struct {
		struct item item;
		char model[LIMIT_NAME];
		char maker[LIMIT_NAME];
		uint8_t isolation;
	} device;
	struct {
		struct item item;
		uint8_t care;
	} minimum;
	struct parsed_pin service_authority;
	char patient[POLICY_NAME_SIZE];
	uint32_t n_readers;
	struct parsed_reader readers[TOKEN_READERS_MAX];
	uint32_t n_seats;
	uint32_t n_signals;
	uint32_t n_actions;
	struct parsed_seat seats[POLICY_SEATS_MAX];
	struct parsed_signal signals[POLICY_SIGNALS_MAX];
	struct parsed_action actions[POLICY_ACTIONS_MAX];
};

struct parsed_role {
	struct item item;
	char name[POLICY_NAME_SIZE];
	const config_setting_t *inherits;
	const config_setting_t *allow;
	const config_setting_t *deny;
	const config_setting_t *creates;
	uint64_t creates_for_s;
};

struct parsed_context {
	struct item item;
	char name[POLICY_NAME_SIZE];
	const config_setting_t *when;
	uint8_t care;
	uint8_t guarded;
	uint8_t removal_locks;
	uint8_t alone;
	uint32_t idle_lock_ms;
};

struct parsed_site {
	struct item item;
	uint8_t end;
	struct {
		struct item item;
		char name[LIMIT_NAME];
	} site;
	struct {
		struct item item;
		struct password_rules rules;
	} passwords;
	struct {
		struct item item;
		struct lockout_rules rules;
	} lockout;
	struct {
		struct item item;
		struct break_glass_rules rules;
		const config_setting_t *reasons;
	} break_glass;
	struct {
		struct item item;
		struct journal_rules rules;
	} journal;
	struct parsed_tokens tokens;
	uint32_t reauth_fresh_s;
	uint32_t prompt_timeout_s;
	uint32_t n_roles;
	uint32_t n_contexts;
	uint32_t n_actions;
	struct parsed_role roles[POLICY_ROLES_MAX];
	struct parsed_context contexts[POLICY_CONTEXTS_MAX];
	struct parsed_action actions[POLICY_ACTIONS_MAX];
};

struct parsed_place {
	struct item item;
	uint8_t end;
	struct {
		struct item item;
		char inventory[LIMIT_NAME];
		char ward[LIMIT_NAME];
		char room[LIMIT_NAME];
		char place[LIMIT_NAME];
	} place;
};

/* The words of the ladder, for messages; "none" and up. */
extern const char *const parse_assurance_names[];
extern const char *const parse_confirm_names[];
extern const char *const parse_kind_names[];

/* The words that a file may say. */
extern const struct word parse_kind_words[];
extern const struct word parse_care_words[];      /* a context's, for care      */
extern const struct word parse_assurance_words[]; /* everything else's          */
extern const struct word parse_confirm_words[];
extern const struct word parse_reader_words[];

/* Return: NULL when @text is an absolute path without detours; what would be one. */
const char *parse_remedy_path(const char *text);

/* Return: NULL when @text is the plain name of a file; what would be one. */
const char *parse_remedy_file(const char *text);

/* What both files say about tokens (parse-tokens.c). */
extern const struct section parse_tokens;            /* struct parsed_tokens */
extern const struct section parse_readers;           /* struct parsed_reader */
extern const struct section parse_service_authority; /* struct parsed_pin    */

#endif
