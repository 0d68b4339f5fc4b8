/* SPDX-License-Identifier: Apache-2.0 */

/* A name, a password: counted, hashed, judged. In this order and for everybody. */

#include <errno.h>
#include <string.h>

#include "auth/attempt-try.h"
#include "auth/row.h"

enum attempt_event ask_name(struct attempt *a, const struct moment *now) {
	bool is_witness = a->route->row.purpose == CW_PURPOSE_WITNESS;

	return attempt_ask(a, now, CW_FIELD_NAME, false,
			   is_witness ? "ask-witness-name" : "ask-name",
			   is_witness ? a->witness.object : NULL);
}

void person_take_name(struct attempt *a, struct person *person) {
	/* What is no name is nobody's, and asks for a password like any other. */
	if (account_normalise((const char *)a->answer->bytes, a->answer->n, person->name) < 0)
		person->name[0] = '\0';
	person->is_named = true;
	a->has_answered = true;
}

enum attempt_event take_name(struct attempt *a, const struct moment *now) {
	(void)now;
	person_take_name(a, &a->first);
	return attempt_way_named(a);
}

enum attempt_event ask_password(struct attempt *a, const struct moment *now) {
	a->who->factor = CW_FACTOR_PASSWORD;
	return attempt_ask(a, now, CW_FIELD_PASSWORD, true,
			   a->who == &a->second ? "ask-second-password" : "ask-password", NULL);
}

/* Which event a try is about: the second person's is a re-authentication. */
static enum audit_event event_of(const struct attempt *a) {
	return a->who == &a->second ? EVENT_REAUTH : a->route->event;
}

void try_entry(const struct attempt *a, const struct moment *now, enum audit_outcome outcome,
	       struct journal_entry *entry) {
	attempt_entry(a, a->who, now, event_of(a), outcome, entry);
	if (a->who == &a->second)
		entry->target = a->first.number;
}

/*
 * Trying
 */

/* Not even verified. The same for a name that nobody has. */
static enum attempt_event refuse_locked(struct attempt *a, const struct moment *now,
					const struct lockout *lockout) {
	struct journal_entry entry;
	char detail[LIMIT_NAME];
	int r;

	(void)snprintf(detail, sizeof(detail), "failures=%u wait_ms=%llu", lockout->failures,
		       (unsigned long long)lockout->remaining_ms);
	try_entry(a, now, OUTCOME_LOCKED, &entry);
	entry.detail = detail;
	r = attempt_record(a, &entry, NULL, now);
	if (r < 0)
		return attempt_fail(a, r);
	a->result.wait_ms = lockout->remaining_ms;
	return attempt_end(a, "wait");
}

/* Durable before the result can be known. */
static int count_try(struct attempt *a, const struct moment *now, bool is_row_damaged) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct store *store = a->auth->store;
	struct journal_entry entry;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = lockout_count(store, &a->auth->policy->settings.lockout, &a->who->key, now,
			  &a->who->lockout);
	if (r < 0)
		return r;
	attempt_entry(a, a->who, now, EVENT_TRY_COUNTED, OUTCOME_OK, &entry);
	entry.assurance = CW_ASSURANCE_NONE;
	entry.flags |= entry.account != 0 ? ENTRY_CLAIMED : 0;
	entry.detail = is_row_damaged ? "lockout-row-damaged" : NULL;
	r = journal_append(store, &entry);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	r = store_commit(store);
	if (r == 0)
		a->who->is_counted = true;
	return r;
}

static struct argon2_cost cost_of(const struct password_rules *rules) {
	return (struct argon2_cost){
		.memory_kib = rules->argon2_memory_kib,
		.passes = rules->argon2_passes,
		.lanes = 1,
	};
}

static bool is_cheaper(const struct argon2_cost *is, const struct argon2_cost *want) {
	return is->memory_kib < want->memory_kib || is->passes < want->passes;
}

/* A code is so many digits. */
static bool is_code(const struct secret *secret, uint32_t digits) {
	uint8_t wrong = secret->n != digits;

	for (size_t i = 0; i < secret->n; ++i)
		wrong |= (uint8_t)(secret->bytes[i] < '0') | (uint8_t)(secret->bytes[i] > '9');
	return wrong == 0;
}

/* A job that costs as much whoever it is, and whatever was typed. */
static int make_job(struct attempt *a) {
	const struct password_rules *rules = &a->auth->policy->settings.passwords;
	struct password_job *job = &a->job;
	int r;

	explicit_bzero(job, sizeof(*job));
	job->kind = PASSWORD_JOB_VERIFY;
	job->cost = cost_of(rules);
	if (a->is_unusable)
		(void)secret_set(&job->candidate, "x", 1);
	else
		job->candidate = a->old;
	if (a->who->has_password && !a->is_unusable)
		job->current = a->who->password.current;
	else
		password_dummy(&job->cost, &job->current);
	job->rehash = is_cheaper(&job->current.cost, &job->cost);
	r = a->auth->random(job->salt, sizeof(job->salt));
	if (r < 0)
		return r;
	a->want = ATTEMPT_HASH;
	return 0;
}

static enum attempt_event count_and_hash(struct attempt *a, const struct moment *now,
					 bool is_row_damaged) {
	struct journal_entry entry;
	int r = count_try(a, now, is_row_damaged);

	if (r < 0)
		return attempt_fail(a, r);
	r = make_job(a);
	if (r == 0)
		return ATTEMPT_EV_NONE;
	try_entry(a, now, OUTCOME_FAILED, &entry);
	entry.detail = "what=random";
	r = attempt_record(a, &entry, a->who, now);
	return r < 0 ? attempt_fail(a, r) : attempt_end(a, "failed");
}

enum attempt_event try_password(struct attempt *a, const struct moment *now) {
	const struct lockout_rules *rules = &a->auth->policy->settings.lockout;
	int (*find)(struct attempt *, struct person *) =
		a->who == &a->second ? person_find : a->route->find;
	struct lockout lockout = { 0 };
	int r;

	a->has_answered = true;
	/* Too long, or no text: refused, but neither sooner nor for nothing. */
	a->is_unusable = password_prepare(a->answer, &a->old) < 0;
	if (a->who->factor == CW_FACTOR_CODE &&
	    !is_code(&a->old, a->auth->policy->settings.tokens.badge.code_digits))
		a->is_unusable = true;
	secret_wipe(a->answer);
	r = find(a, a->who);
	if (r < 0)
		return attempt_fail(a, r);
	r = lockout_read(a->auth->store, rules, &a->who->key, now, &lockout);
	if (r < 0 && r != -EBADMSG)
		return attempt_fail(a, r);
	if (lockout.remaining_ms > 0)
		return refuse_locked(a, now, &lockout);
	return count_and_hash(a, now, r == -EBADMSG);
}

/*
 * Judging
 */

/* A wait begins: one more entry, for known and unknown alike. */
static int append_lockout(struct attempt *a, const struct moment *now) {
	const struct lockout *lockout = &a->who->lockout;
	struct journal_entry entry;
	char detail[LIMIT_NAME];

	if (lockout->remaining_ms == 0)
		return 0;
	(void)snprintf(detail, sizeof(detail), "failures=%u wait_ms=%llu", lockout->failures,
		       (unsigned long long)lockout->remaining_ms);
	attempt_entry(a, a->who, now, EVENT_LOCKOUT, OUTCOME_REFUSED, &entry);
	entry.detail = detail;
	return journal_append(a->auth->store, &entry);
}

static int append_damaged(struct attempt *a, const struct moment *now) {
	struct journal_entry entry;

	if (!a->who->is_damaged)
		return 0;
	attempt_entry(a, a->who, now, EVENT_ACCOUNT_DAMAGED, OUTCOME_FAILED, &entry);
	return journal_append(a->auth->store, &entry);
}

/* A counter that did not grow: there may be two of this key. */
static int append_copied(struct attempt *a, const struct moment *now) {
	struct journal_entry entry;

	attempt_entry(a, NULL, now, EVENT_ALARM, OUTCOME_FAILED, &entry);
	entry.target = a->who->account.number;
	entry.factor = (uint8_t)a->who->key.factor;
	entry.detail = "what=key-counter";
	return journal_append(a->auth->store, &entry);
}

/* What can be guessed is counted. */
static bool is_counted_factor(enum cw_factor factor) {
	return factor == CW_FACTOR_NONE || factor == CW_FACTOR_PASSWORD || factor == CW_FACTOR_CODE;
}

static int write_refusal(struct attempt *a, const struct moment *now, enum audit_outcome outcome,
			 const char *why) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct store *store = a->auth->store;
	struct journal_entry entry;
	char detail[LIMIT_NAME];
	int r;

	if (is_counted_factor(a->who->factor))
		(void)snprintf(detail, sizeof(detail), "why=%s failures=%u", why,
			       a->who->lockout.failures);
	else
		(void)snprintf(detail, sizeof(detail), "why=%s", why);
	try_entry(a, now, outcome, &entry);
	entry.detail = detail;
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = journal_append(store, &entry);
	if (r == 0)
		r = append_lockout(a, now);
	if (r == 0)
		r = append_damaged(a, now);
	if (r == 0 && strcmp(why, token_fault_text(TOKEN_FAULT_COUNTER)) == 0)
		r = append_copied(a, now);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

/* The badge without its code opens less, and nobody is kept from the password. */
static void disable_code(struct attempt *a, const struct moment *now, const struct actor *device) {
	struct token code;

	if (token_code(a->auth->store, a->who->account.number, &code) < 0 || code.disabled)
		return;
	code.disabled = true;
	(void)token_store(a->auth->store, device, now, EVENT_TOKEN_REVOKED, &code);
	explicit_bzero(&code, sizeof(code));
}

/*
 * So many failures in a row that only an administrator may undo it; but never
 * the last administrator's. What fails here is done at the next failure.
 */
static void disable_password(struct attempt *a, const struct moment *now) {
	struct actor device = { .seat = (uint8_t)(a->seat->index + 1), .peer_uid = UINT32_MAX };
	struct person *who = a->who;
	struct admin_rule admins;

	if (!who->lockout.disabled || !who->is_known || !who->has_password ||
	    who->password.disabled || !is_counted_factor(who->factor))
		return;
	if (who->factor == CW_FACTOR_CODE) {
		disable_code(a, now, &device);
		return;
	}
	attempt_admins(a->auth->policy, &admins);
	if (account_is_last_admin(a->auth->store, &admins, who->account.number, now) != 0)
		return;
	who->password.disabled = true;
	(void)password_store(a->auth->store, &device, now, EVENT_TOKEN_REVOKED, &who->password);
}

/* Whatever the reason: one message. */
enum attempt_event person_refuse(struct attempt *a, const struct moment *now,
				 enum audit_outcome outcome, const char *why) {
	int r = write_refusal(a, now, outcome, why);

	if (r < 0)
		return attempt_fail(a, r);
	a->who->is_counted = false; /* it stands */
	disable_password(a, now);
	a->result.wait_ms = a->who->lockout.remaining_ms;
	return attempt_end(a, person_uses_token(a->who) ? "token-refused" : "refused");
}

/* The hash could not be made: nothing was tried. */
static enum attempt_event fail_hash(struct attempt *a, const struct moment *now, const char *what) {
	struct journal_entry entry;
	int r;

	try_entry(a, now, OUTCOME_FAILED, &entry);
	entry.detail = what;
	r = attempt_record(a, &entry, a->who, now);
	return r < 0 ? attempt_fail(a, r) : ATTEMPT_EV_NONE;
}

enum attempt_event person_admit(struct attempt *a, const struct moment *now,
				enum cw_assurance assurance) {
	const char *trouble;
	int r = person_again(a, a->who);

	if (r < 0 && r != -ESTALE)
		return attempt_fail(a, r);
	trouble = r == -ESTALE ? "changed-meanwhile" : person_trouble(a, a->who, now);
	if (trouble)
		return person_refuse(a, now, OUTCOME_DISABLED, trouble);
	a->who->assurance = assurance;
	a->who->is_proved = true;
	return ATTEMPT_EV_RIGHT;
}

enum attempt_event person_prove(struct attempt *a, const struct moment *now) {
	bool is_right = a->job.error == 0 && a->job.kind == PASSWORD_JOB_VERIFY &&
			a->job.matched == PASSWORD_YES && !a->is_unusable && a->who->has_password;

	if (a->job.error != 0)
		return fail_hash(a, now, "what=hash") == ATTEMPT_EV_NONE ? attempt_end(a, "failed")
									 : ATTEMPT_EV_REFUSED;
	if (!is_right)
		return person_refuse(a, now, OUTCOME_REFUSED, a->is_unusable ? "unusable" : "wrong");
	if (a->who->key.factor == CW_FACTOR_RECOVERY) {
		a->who->is_proved = true;
		return ATTEMPT_EV_RIGHT;
	}
	return person_admit(a, now,
			    a->who->factor == CW_FACTOR_CODE ? CW_ASSURANCE_CODE
							     : CW_ASSURANCE_PASSWORD);
}

enum attempt_event judge(struct attempt *a, const struct moment *now) {
	enum attempt_event event = person_prove(a, now);

	return event == ATTEMPT_EV_RIGHT ? attempt_proved(a, now) : event;
}

enum attempt_event attempt_proved(struct attempt *a, const struct moment *now) {
	const struct password_rules *rules = &a->auth->policy->settings.passwords;
	struct journal_entry entry;
	int r;

	if (a->who == &a->second)
		return second_proved(a, now);
	if (a->route->row.purpose == CW_PURPOSE_WITNESS)
		return witness_proved(a, now);
	if (a->signs)
		return ATTEMPT_EV_APPROVED;
	if (person_must_change(a, a->who, now))
		return ATTEMPT_EV_MUST_CHANGE;
	if (a->route->right != ATTEMPT_EV_MUST_CHANGE ||
	    !password_is_too_young(&a->who->password, rules, now))
		return a->route->right;
	try_entry(a, now, OUTCOME_REFUSED, &entry);
	entry.detail = "why=too-soon";
	r = attempt_record(a, &entry, a->who, now);
	return r < 0 ? attempt_fail(a, r) : attempt_end(a, "password-too-soon");
}

/*
 * Ends that are nobody's fault
 */

enum attempt_event note_busy(struct attempt *a, const struct moment *now) {
	if (fail_hash(a, now, "what=busy") != ATTEMPT_EV_NONE)
		return ATTEMPT_EV_REFUSED;
	return attempt_end(a, "busy");
}

/*
 * Given up. A prompt that nobody answered at all leaves no record; a try whose
 * result nobody waited for stands.
 */
static enum attempt_event give_up(struct attempt *a, const struct moment *now,
				  const char *message) {
	struct journal_entry entry;
	struct person *uncount = a->who->is_proved ? a->who : NULL;
	int r;

	if (!a->has_answered)
		return attempt_end(a, message);
	if (a->has_approval && !a->asked)
		return approval_refuse(a, now, OUTCOME_CANCELLED, CW_REASON_CONFIRMATION, message);
	try_entry(a, now, OUTCOME_CANCELLED, &entry);
	entry.detail = message;
	r = attempt_record(a, &entry, uncount, now);
	return r < 0 ? attempt_fail(a, r) : attempt_end(a, message);
}

enum attempt_event note_cancel(struct attempt *a, const struct moment *now) {
	return give_up(a, now, "cancelled");
}

enum attempt_event note_timeout(struct attempt *a, const struct moment *now) {
	return give_up(a, now, "timed-out");
}
