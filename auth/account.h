/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_ACCOUNT_H
#define AUTH_ACCOUNT_H

/*
 * Accounts: named people of the site, and what they can be recognised by
 *
 * Every function that changes something takes the change and its journal entry
 * into one transaction (nested in the caller's if there is one): the row's
 * digest stands in the entry. An account that has ended stays as a tombstone:
 * its number and its name are never given again.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/result.h>

#include "audit/journal.h"
#include "audit/store.h"
#include "common/limits.h"
#include "common/moment.h"
#include "common/secret.h"
#include "policy/settings.h"

enum account_state {
	ACCOUNT_NONE = 0,
	ACCOUNT_ENABLED,
	ACCOUNT_DISABLED,
	ACCOUNT_ENDED, /* tombstone                                                */
};

enum account_source {
	ACCOUNT_FROM_NOWHERE = 0,
	ACCOUNT_FROM_INIT,      /* first administrator                              */
	ACCOUNT_FROM_LOCAL,     /* created at this device                           */
	ACCOUNT_FROM_ROSTER,    /* the site's list                                  */
	ACCOUNT_FROM_DIRECTORY, /* the site's directory                             */
	ACCOUNT_FROM_RECOVERY,  /* recovery code                                    */
};

struct account {
	uint32_t number;     /* 1..; never reused                                    */
	uint64_t generation; /* grows with every change                              */
	enum account_state state;
	enum account_source source;
	uint32_t created_by; /* account; 0: init                                     */
	uint32_t sponsor;    /* who answers for a guest; 0: nobody                   */
	int64_t valid_from_ms;  /* wall; 0: no bound                                 */
	int64_t valid_until_ms; /* wall; 0: no bound                                 */
	int64_t created_ms;
	char name[LIMIT_NAME];     /* what one types; NFC, case-folded               */
	char person[LIMIT_PERSON]; /* the hospital's stable id; empty: none          */
	char display[LIMIT_NAME];  /* how the screen calls the person; empty: name   */
	uint32_t n_roles;
	char roles[LIMIT_ROLES_OF_ACCOUNT][POLICY_NAME_SIZE];
};

/* Who does it, where from: written into the entry of the change. */
struct actor {
	uint32_t account; /* 0: init or the device itself                            */
	uint8_t seat;     /* index + 1; 0: none                                      */
	uint8_t assurance;
	uint8_t factor;
	uint64_t session;
	uint32_t peer_uid;
};

/*
 * account_normalise() - the one form in which a name is compared and kept
 *
 * NFC and case folding; 1..63 bytes of letters, digits, '.', '-', '_' and '@'
 * of any script, beginning with a letter or digit. A name is never a path.
 *
 * Return: 0; -EINVAL (empty, too long, invalid UTF-8, a forbidden character).
 */
int account_normalise(const char *name, size_t n_name, char ret_name[static LIMIT_NAME]);

/*
 * account_by_name() - find by normalised name
 *
 * The row's MAC is checked, and its digest against the newest in the journal.
 *
 * Return: 0; -ENOENT; -EBADMSG (the row is not the one that was written: it is
 * reported as damaged and nobody signs in with it); -EIO.
 */
int account_by_name(struct store *store, const char *name, struct account *ret_account);
int account_by_number(struct store *store, uint32_t number, struct account *ret_account);

/*
 * account_list() - all accounts in order of number
 * @after:  number after which to begin; 0: from the first
 *
 * Return: 0; what @each returned; -EIO. A damaged row is passed with number
 * only and state ACCOUNT_NONE.
 */
int account_list(struct store *store, uint32_t after, uint32_t n,
                 int (*each)(const struct account *account, void *userdata), void *userdata);

/*
 * account_create() - a new account without any authenticator
 * @account:  number and generation are set by the call
 *
 * Return: 0; -EEXIST (the name was given before, tombstones included); -EINVAL
 * (name, role list, validity that ends before it begins); -ENOSPC; -EIO.
 */
int account_create(struct store *store, const struct actor *actor, const struct moment *now,
                   struct account *account);

/*
 * account_change() - write back a changed account
 * @event:  which entry: EVENT_ACCOUNT_DISABLED, _ENABLED, _ROLES, _ENDED
 * @others: roles' names (by compiled policy) that make an administrator, see below
 *
 * The generation must be the one read (compare and swap).
 *
 * Return: 0; -ESTALE (changed meanwhile: read again); -EBUSY (would leave no
 * enabled administrator); -EINVAL; -EBADMSG (the stored account is damaged, and
 * a change does not make it good); -EIO.
 */
struct admin_rule {
	uint32_t n_roles;
	const char *roles[POLICY_ROLES_MAX]; /* roles that grant careward.accounts      */
};
int account_change(struct store *store, const struct actor *actor, const struct moment *now,
                   enum audit_event event, const struct admin_rule *admins,
                   struct account *account);

/*
 * account_is_last_admin() - would disabling leave nobody to administer?
 *
 * Return: 1 or 0; -EIO.
 */
int account_is_last_admin(struct store *store, const struct admin_rule *admins, uint32_t number,
                          const struct moment *now);

/*
 * account_touched_by() - separation of duties
 *
 * Return: 1 when @by created, reset, enrolled or changed the roles of @number;
 * 0 when not; -EIO (to be taken for yes).
 */
int account_touched_by(struct store *store, uint32_t number, uint32_t by);

/* Is the account within its validity? An untrusted clock expires nobody. */
bool account_is_valid(const struct account *account, const struct moment *now);

#endif
