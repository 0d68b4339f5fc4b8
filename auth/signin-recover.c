/* SPDX-License-Identifier: Apache-2.0 */

/* The recovery code: once, it makes one administrator, and says so loudly. */

#include <errno.h>
#include <string.h>

#include "auth/copy.h"
#include "auth/attempt-try.h"
#include "auth/recovery.h"
#include "auth/row.h"

enum attempt_event ask_code(struct attempt *a, const struct moment *now) {
	a->who = &a->first;
	return attempt_ask(a, now, CW_FIELD_RECOVERY, true, "ask-recovery-code", NULL);
}

enum attempt_event judge_code(struct attempt *a, const struct moment *now) {
	return person_prove(a, now);
}

enum attempt_event ask_admin(struct attempt *a, const struct moment *now) {
	return attempt_ask(a, now, CW_FIELD_NAME, false, "ask-admin-name", NULL);
}

static enum attempt_event fault(struct attempt *a, const char *message) {
	a->fault = message;
	return ++a->n_faults < ATTEMPT_FAULTS_MAX ? ATTEMPT_EV_FAULT : ATTEMPT_EV_CANCEL;
}

enum attempt_event take_admin(struct attempt *a, const struct moment *now) {
	struct account account;
	int r;

	if (account_normalise((const char *)a->answer->bytes, a->answer->n, a->admin) < 0)
		return fault(a, "name-invalid");
	r = account_by_name(a->auth->store, a->admin, &account);
	if (r == 0 || r == -EBADMSG)
		return fault(a, "name-taken");
	if (r != -ENOENT)
		return attempt_fail(a, r);
	return ask_new(a, now);
}

/* Every role that grants careward.accounts. Return: 0; -ENOENT (there is none). */
static int give_roles(const struct policy *policy, struct account *account) {
	struct admin_rule rule;

	attempt_admins(policy, &rule);
	for (uint32_t i = 0; i < rule.n_roles && account->n_roles < LIMIT_ROLES_OF_ACCOUNT; ++i)
		text_copy(account->roles[account->n_roles++], POLICY_NAME_SIZE, rule.roles[i]);
	return account->n_roles > 0 ? 0 : -ENOENT;
}

static int append(struct attempt *a, const struct moment *now, enum audit_event event,
		  uint32_t target, const char *detail) {
	struct journal_entry entry;

	attempt_entry(a, NULL, now, event, OUTCOME_OK, &entry);
	entry.factor = CW_FACTOR_RECOVERY;
	entry.target = target;
	entry.detail = detail;
	return journal_append(a->auth->store, &entry);
}

static int make_admin(struct attempt *a, const struct moment *now, struct account *account) {
	struct actor actor = a->actor;
	struct password password = { 0 };
	int r;

	actor.account = 0;
	actor.seat = (uint8_t)(a->seat->index + 1);
	actor.assurance = CW_ASSURANCE_NONE;
	actor.factor = CW_FACTOR_RECOVERY;
	actor.session = 0;
	r = account_create(a->auth->store, &actor, now, account);
	if (r < 0)
		return r;
	password.account = account->number;
	password.current = a->made;
	password.set_ms = now->wall_ms;
	password.set_by = account->number;
	r = password_store(a->auth->store, &actor, now, EVENT_PASSWORD_CHANGED, &password);
	explicit_bzero(&password, sizeof(password));
	return r;
}

/*
 * finish_recover() - code spent, administrator made, alarm: all or nothing
 *
 * Return: 0; -ESTALE (spent meanwhile, name taken meanwhile, no such role); -errno.
 */
int finish_recover(struct attempt *a, const struct moment *now) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct account account = { .state = ACCOUNT_ENABLED, .source = ACCOUNT_FROM_RECOVERY };
	struct store *store = a->auth->store;
	int r;

	if (!a->first.is_proved || !a->is_made || give_roles(a->auth->policy, &account) < 0)
		return -ESTALE;
	text_copy(account.name, sizeof(account.name), a->admin);
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = recovery_spend(store, a->auth->recovery_verifier_name);
	if (r == 0)
		r = lockout_clear(store, &a->first.key);
	if (r == 0)
		r = make_admin(a, now, &account);
	if (r == 0)
		r = append(a, now, EVENT_RECOVERY, account.number, NULL);
	if (r == 0)
		r = append(a, now, EVENT_ALARM, account.number, "what=recovery-code-used");
	if (r < 0)
		return r == -ENOENT || r == -EEXIST || r == -EINVAL ? -ESTALE : r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	r = store_commit(store);
	if (r < 0)
		return r;
	a->first.is_counted = false;
	a->result.purpose = CW_PURPOSE_RECOVER;
	a->result.account = account;
	return 0;
}
