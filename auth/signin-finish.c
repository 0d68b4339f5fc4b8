/* SPDX-License-Identifier: Apache-2.0 */

/* Success: one transaction holds everything that it changes, and its entry. */

#include <errno.h>
#include <string.h>

#include "auth/attempt.h"
#include "auth/copy.h"
#include "auth/row.h"

static struct actor self(const struct attempt *a) {
	struct actor actor = a->actor;

	actor.account = a->first.account.number;
	actor.seat = (uint8_t)(a->seat->index + 1);
	actor.assurance = (uint8_t)a->first.assurance;
	actor.factor = (uint8_t)a->first.key.factor;
	actor.session = a->seat->session.number;
	return actor;
}

/* Old and flag, or new: one row, one transaction. */
static int store_new(struct attempt *a, const struct moment *now) {
	struct password *password = &a->first.password;
	struct actor actor = self(a);

	password_take(password, &a->auth->policy->settings.passwords, &a->made);
	password->one_time = false;
	password->used = false;
	password->disabled = false;
	password->reset_unseen = false;
	password->set_ms = now->wall_ms;
	password->expires_ms = 0;
	password->set_by = a->first.account.number;
	return password_store(a->auth->store, &actor, now, EVENT_PASSWORD_CHANGED, password);
}

/*
 * person_store_counter() - the key's counter, in the transaction of the success
 *
 * The row is the one that was verified against: two sign-ins at once with the
 * same key cannot both be the newest.
 *
 * Return: 0; -ESTALE; -errno.
 */
int person_store_counter(struct attempt *a, struct person *person, const struct moment *now) {
	struct actor actor = self(a);
	int r;

	if (person->factor != CW_FACTOR_FIDO2 || person->counter == person->token.key.counter)
		return 0;
	actor.account = person->account.number;
	actor.assurance = (uint8_t)person->assurance;
	actor.factor = CW_FACTOR_FIDO2;
	person->token.key.counter = person->counter;
	r = token_store(a->auth->store, &actor, now, EVENT_TOKEN_COUNTER, &person->token);
	if (r < 0)
		person->token.key.counter = 0; /* not what the row says: never tried again */
	return r;
}

static int store_rehashed(struct attempt *a, const struct moment *now) {
	struct actor actor = self(a);

	a->first.password.current = a->job.made;
	return password_store(a->auth->store, &actor, now, EVENT_VERIFIER_REHASHED,
			      &a->first.password);
}

static bool is_rehashed(const struct attempt *a) {
	const struct password_job *job = &a->job;

	return !a->is_made && !person_uses_token(&a->first) && job->kind == PASSWORD_JOB_VERIFY &&
	       job->rehash && job->matched == PASSWORD_YES && job->is_made == PASSWORD_YES;
}

/* What held when the password was right has to hold now. Return: 0; -ESTALE; -EIO. */
static int still_good(struct attempt *a, const struct moment *now) {
	int r;

	if (a->route->needs_session &&
	    (a->seat->session.number == 0 || a->seat->session.number != a->session))
		return -ESTALE;
	if (!a->first.is_proved)
		return -ESTALE;
	r = person_again(a, &a->first);
	if (r < 0)
		return r;
	if (person_trouble(a, &a->first, now))
		return -ESTALE;
	/* No route leads past the change: not even a wrong one. */
	return person_must_change(a, &a->first, now) && !a->is_made ? -ESTALE : 0;
}

static int commit_once(struct attempt *a, const struct moment *now, bool with_rehash) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct store *store = a->auth->store;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = still_good(a, now);
	if (r == 0)
		a->result.was_reset = a->first.password.reset_unseen;
	if (r == 0)
		r = lockout_clear(store, &a->first.key);
	if (r == 0 && a->is_made)
		r = store_new(a, now);
	else if (r == 0 && with_rehash)
		r = store_rehashed(a, now);
	if (r == 0)
		r = person_store_counter(a, &a->first, now);
	if (r == 0)
		r = a->route->finish(a, now);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

int attempt_commit(struct attempt *a, const struct moment *now) {
	bool with_rehash = is_rehashed(a);
	int r = commit_once(a, now, with_rehash);

	/* A stronger verifier is good to have, and nobody is turned away for it. */
	if (r < 0 && r != -ESTALE && with_rehash)
		r = commit_once(a, now, false);
	if (r == 0)
		a->first.is_counted = false;
	return r;
}

/*
 * What each route adds to the transaction
 */

/* Which token, and what the site's rules let pass. Return: false: none. */
bool person_detail(const struct person *person, char ret_detail[static LIMIT_NAME]) {
	if (!person_uses_token(person))
		return false;
	(void)snprintf(ret_detail, LIMIT_NAME, "token=%llu%s%s",
		       (unsigned long long)person->token.number, person->note ? " " : "",
		       person->note ? person->note : "");
	return true;
}

static int append_ok(struct attempt *a, const struct moment *now, enum audit_event event,
		     uint64_t session, uint32_t target) {
	struct journal_entry entry;
	char detail[LIMIT_NAME];

	attempt_entry(a, &a->first, now, event, OUTCOME_OK, &entry);
	entry.session = session;
	entry.target = target;
	entry.context = seat_context(a->seat, &a->auth->policy->table, now);
	if (a->is_made)
		entry.detail = "after=forced-change";
	else if (person_detail(&a->first, detail))
		entry.detail = detail;
	return journal_append(a->auth->store, &entry);
}

static int draw_session(struct attempt *a) {
	uint64_t number = 0;

	for (unsigned i = 0; i < 4 && number == 0; ++i) {
		int r = a->auth->random(&number, sizeof(number));

		if (r < 0)
			return r;
		number &= INT64_MAX; /* CBOR, SQL and people read it without a sign */
	}
	a->result.session = number;
	return number == 0 ? -EIO : 0;
}

int finish_sign_in(struct attempt *a, const struct moment *now) {
	const struct session *there = &a->seat->session;
	int r;

	r = journal_last_sign_in(a->auth->store, a->first.account.number, &a->result.last);
	if (r < 0)
		return r;
	/* Who signs in to the session that is one's own unlocks it. */
	if (there->number != 0 && there->account == a->first.account.number) {
		a->result.purpose = CW_PURPOSE_UNLOCK;
		a->result.session = there->number;
		return append_ok(a, now, EVENT_UNLOCK, there->number, 0);
	}
	a->result.purpose = CW_PURPOSE_SIGN_IN;
	r = draw_session(a);
	if (r < 0)
		return r;
	if (there->number == 0)
		return append_ok(a, now, EVENT_SIGN_IN, a->result.session, 0);
	/* A to B: what was approved for A is void. */
	a->result.handover_from = there->account;
	r = approval_void(a->auth->store, there->number, now);
	return r < 0 ? r : append_ok(a, now, EVENT_HANDOVER, a->result.session, there->account);
}

int finish_unlock(struct attempt *a, const struct moment *now) {
	a->result.purpose = CW_PURPOSE_UNLOCK;
	a->result.session = a->session;
	return append_ok(a, now, EVENT_UNLOCK, a->session, 0);
}

int finish_reauth(struct attempt *a, const struct moment *now) {
	a->result.purpose = CW_PURPOSE_REAUTH;
	a->result.session = a->session;
	return append_ok(a, now, EVENT_REAUTH, a->session, 0);
}

/* The entry of the change is the one that says it. */
int finish_change(struct attempt *a, const struct moment *now) {
	(void)now;
	a->result.purpose = CW_PURPOSE_CHANGE;
	a->result.session = a->session;
	return a->is_made ? 0 : -ESTALE;
}

/*
 * The last action of all routes but approvals
 */

static const char *message_of(const struct attempt *a) {
	static const char *const messages[] = {
		[CW_PURPOSE_SIGN_IN] = "signed-in",       [CW_PURPOSE_UNLOCK] = "unlocked",
		[CW_PURPOSE_REAUTH] = "re-authenticated", [CW_PURPOSE_CHANGE] = "password-changed",
		[CW_PURPOSE_RECOVER] = "recovered",       [CW_PURPOSE_WITNESS] = "witnessed",
	};

	return messages[a->result.purpose];
}

static enum attempt_event fail_stale(struct attempt *a, const struct moment *now) {
	struct journal_entry entry;
	int r;

	attempt_entry(a, &a->first, now, a->route->event, OUTCOME_REFUSED, &entry);
	entry.detail = "why=changed-meanwhile";
	r = attempt_record(a, &entry, &a->first, now);
	return r < 0 ? attempt_fail(a, r) : attempt_end(a, "stale");
}

void result_take_person(struct attempt_result *result, const struct person *person) {
	result->account = person->account;
	result->assurance = person->assurance;
	result->factor = person->key.factor;
	if (person_uses_token(person)) {
		result->token = person->token.number;
		text_copy(result->reader, sizeof(result->reader), person->reader);
	}
}

/* The session that runs by this very card has been told of it already. */
static void take_removal(struct attempt *a) {
	const struct session *s = &a->seat->session;

	if (a->result.purpose != CW_PURPOSE_REAUTH || s->token != a->result.token)
		a->result.removed = a->removed;
}

static void no_result(struct attempt *a) {
	a->result = (struct attempt_result){ 0 };
}

enum attempt_event finish(struct attempt *a, const struct moment *now) {
	bool is_recovery = a->route->row.purpose == CW_PURPOSE_RECOVER;
	int r = is_recovery ? finish_recover(a, now) : attempt_commit(a, now);

	if (r < 0) {
		no_result(a);
		return r == -ESTALE ? fail_stale(a, now) : attempt_fail(a, r);
	}
	if (!is_recovery) {
		a->result.roles = seat_role_bits(&a->auth->policy->table, a->first.account.roles,
						 a->first.account.n_roles);
		result_take_person(&a->result, &a->first);
		take_removal(a);
	}
	a->result.message = message_of(a);
	/* Durable, and only now. */
	a->result.success = ATTEMPT_YES;
	return ATTEMPT_EV_NONE;
}
