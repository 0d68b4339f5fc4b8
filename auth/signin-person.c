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

/* The code stands where the password does: tried, counted and compared alike. */
static int load_code(struct attempt *a, struct person *person) {
	struct token code;
	int r = token_code(a->auth->store, person->account.number, &code);

	person->has_password = r == 0;
	if (r == -EBADMSG)
		person->is_damaged = true;
	explicit_bzero(&person->password, sizeof(person->password));
	if (r == 0) {
		person->password.number = code.number;
		person->password.generation = code.generation;
		person->password.disabled = code.disabled;
		person->password.current = code.code;
	}
	explicit_bzero(&code, sizeof(code));
	return r == 0 || r == -ENOENT || r == -EBADMSG ? 0 : r;
}

static const char *name_of(const struct person *person) {
	if (person->name[0] != '\0')
		return person->name;
	return person->alias[0] != '\0' ? person->alias : no_name;
}

/* The session's owner, or whose token it is; 0: whoever has the name. */
static uint32_t number_of(const struct person *person) {
	if (person->by_number)
		return person->number;
	return person->token.number != 0 ? person->token.account : 0;
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
	const char *name = name_of(person);
	struct store *store = a->auth->store;
	uint32_t number = number_of(person);
	int64_t subject = 0;
	int r;

	person->is_known = person->is_damaged = person->has_password = false;
	r = lockout_unknown(store, name, &subject);
	if (r < 0)
		return r;
	r = number != 0 ? account_by_number(store, number, &person->account)
			: account_by_name(store, name, &person->account);
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	person->is_known = r == 0;
	person->is_damaged = r == -EBADMSG;
	if (person->is_known)
		subject = person->account.number;
	else if (number != 0)
		subject = number;
	person->key = (struct lockout_key){
		.subject = subject,
		.factor = person->factor != CW_FACTOR_NONE ? person->factor : CW_FACTOR_PASSWORD,
		.seat = (uint8_t)(a->seat->index + 1),
	};
	if (!person->is_known)
		return 0;
	return person->factor == CW_FACTOR_CODE ? load_code(a, person) : load_password(a, person);
}

/* With a name said, only that person's tokens count; the account was looked up for it. */
static bool may_hold(const struct person *who, const struct token *token) {
	if (!who->is_named)
		return true;
	if (who->by_number)
		return token->account == who->number;
	return who->is_known && token->account == who->account.number;
}

int person_comes(struct attempt *a, enum cw_factor factor) {
	struct person *who = a->who;

	who->factor = factor;
	who->token = (struct token){ 0 };
	who->alias[0] = '\0';
	return who->is_named ? person_find(a, who) : 0;
}

int person_token(struct attempt *a, enum cw_factor factor, const uint8_t *id, size_t n,
		 struct token *ret_token) {
	int r = token_find(a->auth->store, factor, id, n, ret_token);

	if (r < 0)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	return may_hold(a->who, ret_token) ? 1 : 0;
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

/* Why what was proved with does not count any more, or never did. NULL: it does. */
static const char *token_trouble(const struct person *person) {
	if (person->token.number == 0)
		return "unknown-token";
	if (person->token.account != person->account.number)
		return "other-person";
	if (person->token.disabled)
		return "token-disabled";
	if (person->factor != CW_FACTOR_CODE)
		return NULL;
	if (!person->has_password)
		return "no-code";
	return person->password.disabled ? "code-disabled" : NULL;
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
	if (person_uses_token(person))
		return token_trouble(person);
	if (!person->has_password)
		return "no-password";
	if (person->password.disabled)
		return "password-disabled";
	if (person->password.one_time && password_is_expired(&person->password, rules, now))
		return "one-time-expired";
	return NULL;
}

bool person_uses_token(const struct person *person) {
	return person->factor != CW_FACTOR_NONE && person->factor != CW_FACTOR_PASSWORD &&
	       person->factor != CW_FACTOR_RECOVERY;
}

/* A one-time password is nobody's way in; another factor of the person's still is. */
bool person_must_change(const struct attempt *a, const struct person *person,
			const struct moment *now) {
	if (person_uses_token(person))
		return false;
	return person->password.one_time ||
	       password_is_expired(&person->password, &a->auth->policy->settings.passwords, now);
}

/* Is the row still the one that it was proved with? Return: 0; -ESTALE; -EIO. */
static int token_again(struct attempt *a, struct person *person) {
	struct token token;
	int r;

	if (!person_uses_token(person) || person->token.number == 0)
		return 0;
	r = token_load(a->auth->store, person->token.number, &token);
	if (r == -ENOENT || r == -EBADMSG)
		return -ESTALE;
	if (r == 0 && (token.generation != person->token.generation ||
		       token.account != person->token.account ||
		       token.disabled != person->token.disabled))
		r = -ESTALE;
	explicit_bzero(&token, sizeof(token));
	return r;
}

/* Is the account still the one, and what was proved with still what it was? */
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
	if (r == 0)
		r = token_again(a, person);
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
