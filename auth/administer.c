/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "auth/administer.h"
#include "auth/seat.h"

int administer_bounds(const struct policy *policy, uint32_t roles, uint32_t wanted,
                      uint64_t *ret_until_s) {
	uint64_t tightest = 0;

	if (wanted == 0)
		return -EINVAL;
	for (uint32_t w = 0; w < policy->settings.n_roles; ++w) {
		uint64_t loosest = 0;
		bool may = false, unbounded = false;

		if (!((wanted >> w) & 1))
			continue;
		for (uint32_t a = 0; a < policy->settings.n_roles; ++a) {
			const struct role_rules *rules = &policy->settings.roles[a];

			if (!((roles >> a) & 1) || !((rules->creates >> w) & 1))
				continue;
			may = true;
			unbounded |= rules->creates_for_s == 0;
			if (rules->creates_for_s > loosest)
				loosest = rules->creates_for_s;
		}
		if (!may)
			return -EPERM;
		if (!unbounded && (tightest == 0 || loosest < tightest))
			tightest = loosest;
	}
	*ret_until_s = tightest;
	return 0;
}

int administer_may_change(const struct policy *policy, uint32_t by, uint32_t roles,
                          const struct account *target) {
	uint32_t held = seat_role_bits(&policy->table, target->roles, target->n_roles);
	uint64_t until_s = 0;

	if (by == target->number)
		return -EPERM;
	if (held == 0)
		return 0;
	return administer_bounds(policy, roles, held, &until_s);
}

int administer_limit(struct account *account, uint64_t until_s, const struct moment *now) {
	int64_t latest = 0, begin = account->valid_from_ms;

	if (account->valid_until_ms != 0 && begin != 0 && account->valid_until_ms <= begin)
		return -EINVAL;
	if (account->valid_until_ms != 0 && now->trust == CLOCK_TRUSTED &&
	    account->valid_until_ms <= now->wall_ms)
		return -ERANGE;
	if (until_s == 0)
		return 0;
	if (begin == 0 || begin < now->wall_ms)
		begin = now->wall_ms;
	if (until_s > INT64_MAX / 1000 ||
	    __builtin_add_overflow(begin, (int64_t)until_s * 1000, &latest))
		return -EINVAL;
	if (account->valid_until_ms == 0)
		account->valid_until_ms = latest;
	return account->valid_until_ms <= latest ? 0 : -EPERM;
}

void administer_admins(const struct policy *policy, struct admin_rule *ret_rule) {
	uint32_t action = policy_builtin_index(&policy->table, POLICY_ACCOUNTS);
	uint32_t roles = policy->table.actions[action].roles;

	*ret_rule = (struct admin_rule){ 0 };
	for (uint32_t i = 0; i < policy->table.n_roles; ++i)
		if ((roles >> i) & 1)
			ret_rule->roles[ret_rule->n_roles++] = policy->table.role_names[i];
}

int administer_add_role(struct account *account, const char *role) {
	administer_remove_role(account, role);
	if (account->n_roles >= LIMIT_ROLES_OF_ACCOUNT || strlen(role) >= POLICY_NAME_SIZE)
		return -ENOSPC;
	memset(account->roles[account->n_roles], 0, POLICY_NAME_SIZE);
	memcpy(account->roles[account->n_roles++], role, strlen(role));
	return 0;
}

void administer_remove_role(struct account *account, const char *role) {
	uint32_t kept = 0;

	for (uint32_t i = 0; i < account->n_roles; ++i) {
		if (strcmp(account->roles[i], role) == 0)
			continue;
		if (kept != i)
			memcpy(account->roles[kept], account->roles[i], POLICY_NAME_SIZE);
		++kept;
	}
	for (uint32_t i = kept; i < account->n_roles; ++i)
		memset(account->roles[i], 0, POLICY_NAME_SIZE);
	account->n_roles = kept;
}
