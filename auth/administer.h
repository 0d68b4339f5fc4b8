/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_ADMINISTER_H
#define AUTH_ADMINISTER_H

/*
 * Who may administer whom
 *
 * careward.accounts alone is not enough: a role gives and takes only the roles
 * that site.cfg lists for it (`creates`), for at most the time that it lists, and
 * it touches only accounts all of whose roles it could give. So a ward lead
 * cannot reset an administrator's password and become one.
 */

#include <stdint.h>

#include "auth/account.h"
#include "policy/config.h"

/*
 * administer_bounds() - what holders of these roles may give
 * @roles:  bits of the actor's roles
 * @until:  longest validity in seconds for accounts with @wanted; 0: no bound
 *
 * Return: 0; -EPERM when one of @wanted may not be given; -EINVAL when @wanted
 * is empty.
 */
int administer_bounds(const struct policy *policy, uint32_t roles, uint32_t wanted,
                      uint64_t *ret_until_s);

/*
 * administer_may_change() - may the holder of @roles change @target?
 * @by:  the actor's account; nobody changes his own roles or state
 *
 * Roles that the policy does not know (any more) bind nobody.
 *
 * Return: 0; -EPERM.
 */
int administer_may_change(const struct policy *policy, uint32_t by, uint32_t roles,
                          const struct account *target);

/*
 * administer_limit() - put an account's validity within the bound
 *
 * Without an end it gets the latest one allowed.
 *
 * Return: 0; -EPERM when it asks for more; -EINVAL when it ends before it
 * begins; -ERANGE when it has ended, by a clock that is trusted.
 */
int administer_limit(struct account *account, uint64_t until_s, const struct moment *now);

/* The roles that grant careward.accounts, for the rule of the last administrator. */
void administer_admins(const struct policy *policy, struct admin_rule *ret_rule);

/* Adds and removes role names. Return: 0; -ENOSPC (LIMIT_ROLES_OF_ACCOUNT). */
int administer_add_role(struct account *account, const char *role);
void administer_remove_role(struct account *account, const char *role);

#endif
