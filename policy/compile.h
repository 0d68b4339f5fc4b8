/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_COMPILE_H
#define POLICY_COMPILE_H

/*
 * Between parsing and the table: looking names up, and making things stricter
 *
 * The steps run in the order of this page. Each one adds its errors and goes
 * on; a policy with an error is thrown away at the end.
 */

#include <stdbool.h>
#include <stdint.h>

#include "policy/parse.h"

/* One file: where it comes from, what it says. */
struct compile_file {
	struct reader r;
	const struct policy_source *source;
	config_t config; /* owns the settings that the parsed items point to */
	bool readable;   /* false: it is not a tree, and says nothing        */
};

struct compile {
	struct policy *p;
	struct compile_file device_file;
	struct compile_file site_file;
	struct compile_file place_file;
	struct parsed_device device;
	struct parsed_site site;
	struct parsed_place place;
	/* granted[role][action]: by the role itself, then with what it inherits. */
	bool granted[POLICY_ROLES_MAX][POLICY_ACTIONS_MAX];
	bool denied[POLICY_ROLES_MAX][POLICY_ACTIONS_MAX];
	uint32_t line_of_action[POLICY_ACTIONS_MAX]; /* in device.cfg; 0: built in */
};

/* device.cfg: seats, signals, actions, and the built-in actions behind them. */
void compile_device(struct compile *c);

/* site.cfg: actions that it makes stricter. */
void compile_site_actions(struct compile *c);

/* site.cfg: roles with what they inherit, who may create whom. */
void compile_roles(struct compile *c);

/* site.cfg: contexts. */
void compile_contexts(struct compile *c);

/* device.cfg: readers of tokens, and the authority of the maker's own people. */
void compile_readers(struct compile *c);

/* site.cfg: which tokens, on which conditions. */
void compile_tokens(struct compile *c);

/* site.cfg and place.cfg: everything that is a number or a text. */
void compile_settings(struct compile *c);

/* Errors about two values that do not go together. */
void check_values(struct compile *c);

/* Warnings about a policy that has no error. */
void check_policy(struct compile *c);

/* The part of them that is about tokens. */
void check_tokens(const struct compile *c);

/*
 * compile_action() - a new action, or one made stricter
 * @c:       compilation
 * @f:       the file that says so
 * @a:       what it says
 * @action:  index in the table; its kind is CW_KIND_NONE when it is new
 */
void compile_action(struct compile *c, const struct compile_file *f,
                    const struct parsed_action *a, uint32_t action);

/*
 * compile_signals() - the masks of an array like [ "standby", "!patient" ]
 * @array:  setting of that array; NULL: empty
 * @what:   the key, for messages
 *
 * Bits are added to *@ret_true and *@ret_false.
 */
void compile_signals(struct compile *c, const struct compile_file *f,
                     const config_setting_t *array, const char *what, uint32_t *ret_true,
                     uint32_t *ret_false);

/* Return: true when another message would be kept, so that a search is worth it. */
bool compile_has_room(const struct compile *c);

#endif
