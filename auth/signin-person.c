/* SPDX-License-Identifier: Apache-2.0 */

/* Who it is said to be, and what the store says about it. */

#include <errno.h>
#include <string.h>

#include "auth/attempt.h"
#include "auth/recovery.h"

/* No account has this name: what is typed and is no name shares one row. */
static const char no_name[] = "?";

static int load_password(struct attempt *a, struct person *person) {
	int r = password_load(a->auth->store, person->account.number, &person->password);

	person->has_password = r == 0;
	if (r == -EBADMSG)
		person->is_damaged = true;
	return r == 0 || r == -ENOENT || r == -EBADMSG ? 0 : r;
}

/*
 * person_find() - look up when the password has been typed, not before
 *
 * The lookup is the same for everybody; whoever is not found gets the subject of
 * the name's bucket and no password.
 *
 * Return: 0; -EIO.
 */
int person_find(struct attempt *a, struct person *person) {
	const char *name = person->name[0] != '\0' ? person->name : no_name;
	struct store *store = a->auth->store;
	int64_t subject = 0;
	int r;

	person->is_known = person->is_damaged = person->has_password = false;
	r = lockout_unknown(store, name, &subject);
	if (r < 0)
		return r;
	r = person->by_number ? account_by_number(store, person->number, &person->account)
			      : account_by_name(store, name, &person->account);
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	person->is_known = r == 0;
	person->is_damaged = r == -EBADMSG;
	if (person->is_known)
		subject = person->account.number;
	else if (person->by_number)
		subject = person->number;
	person->key = (struct lockout_key){
		.subject = subject,
		.factor = CW_FACTOR_PASSWORD,
		.seat = (uint8_t)(a->seat->index + 1),
	};
	return person->is_known ? load_password(a, person) : 0;
}

/* The recovery code belongs to nobody. Return: 0; -EIO. */
int person_find_recovery(struct attempt *a, struct person *person) {
	int r;

	person->is_known = false;
	person->key = (struct lockout_key){
		.subject = 0,
		.factor = CW_FACTOR_RECOVERY,
		.seat = (uint8_t)(a->seat->index + 1),
	};
	r = recovery_load(a->auth->store, a->auth->recovery_verifier_name,
			  &person->password.current);
	person->has_password = r == 0;
	person->is_damaged = r == -EBADMSG;
	return r == 0 || r == -ENOENT || r == -EBADMSG ? 0 : r;
}

const char *person_trouble(const struct attempt *a, const struct person *person,
			   const struct moment *now) {
	const struct password_rules *rules = &a->auth->policy->settings.passwords;

	if (person->is_damaged)
		return "damaged";
	if (!person->is_known)
		return "unknown";
	if (person->account.state != ACCOUNT_ENABLED)
		return "disabled";
	if (!account_is_valid(&person->account, now))
		return "not-valid";
	if (!person->has_password)
		return "no-password";
	if (person->password.disabled)
		return "password-disabled";
	if (person->password.one_time && password_is_expired(&person->password, rules, now))
		return "one-time-expired";
	return NULL;
}

bool person_must_change(const struct attempt *a, const struct person *person,
			const struct moment *now) {
	return person->password.one_time ||
	       password_is_expired(&person->password, &a->auth->policy->settings.passwords, now);
}

/* Is the account still the one, and the password still the one that was proved? */
int person_again(struct attempt *a, struct person *person) {
	struct person before = *person;
	int r = person_find(a, person);

	person->is_counted = before.is_counted;
	if (r == 0 &&
	    (person->is_known != before.is_known || person->has_password != before.has_password ||
	     person->account.number != before.account.number ||
	     person->password.generation != before.password.generation ||
	     person->password.number != before.password.number))
		r = -ESTALE;
	explicit_bzero(&before, sizeof(before));
	return r;
}

void attempt_admins(const struct policy *policy, struct admin_rule *ret_rule) {
	const struct policy_table *t = &policy->table;
	struct admin_rule rule = { 0 };
	uint32_t bits = 0;

	if (t->n_actions >= POLICY_N_BUILTINS && t->n_actions <= POLICY_ACTIONS_MAX)
		bits = t->actions[t->n_actions - POLICY_N_BUILTINS + POLICY_ACCOUNTS].roles;
	for (uint32_t i = 0; i < t->n_roles && i < POLICY_ROLES_MAX; ++i)
		if ((bits & 1u << i) != 0)
			rule.roles[rule.n_roles++] = t->role_names[i];
	*ret_rule = rule;
}
