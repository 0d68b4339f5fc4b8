/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>

#include "auth/copy.h"
#include "auth/approval.h"
#include "auth/entry.h"
#include "auth/row.h"
#include "auth/seat.h"
#include "auth/signin.h"
#include "common/object-hash.h"

/* For decisions of the engine itself: any time later than now will do. */
#define OWN_LEASE_MS 1000u

static uint64_t add_ms(uint64_t a, uint64_t b) {
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/*
 * Signals
 */

int seat_signal_value(const struct seat *seat, uint32_t signal, const struct moment *now) {
	if (signal >= POLICY_SIGNALS_MAX)
		return 0;
	return policy_told_value(&seat->signals[signal], now->boot_ms);
}

/* The patient is only gone while that is known without a gap. */
static void watch_patient(struct seat *seat, const struct policy_table *table, uint32_t signal,
			  int before, int value) {
	if (table->patient_signal == signal + 1 && (before >= 0 || value >= 0))
		seat->emergency.gone_since_ms = 0;
}

int seat_signal(struct seat *seat, const struct policy_table *table, uint32_t signal, int value,
		const struct moment *now) {
	struct policy_told *s;
	uint32_t ttl;

	if (signal >= table->n_signals || signal >= POLICY_SIGNALS_MAX)
		return -ENOENT;
	if (table->signals[signal].seat != seat->index)
		return -EACCES;

	s = &seat->signals[signal];
	ttl = table->signals[signal].ttl_ms;
	watch_patient(seat, table, signal, seat_signal_value(seat, signal, now), value);
	s->value = (int8_t)((value > 0) - (value < 0));
	s->until_ms = s->value != 0 ? policy_told_until(now->boot_ms, ttl) : 0;
	return 0;
}

void seat_signal_copy(struct seat *seat, const struct seat *source,
		      const struct policy_table *table, uint32_t signal, const struct moment *now) {
	if (signal >= table->n_signals || signal >= POLICY_SIGNALS_MAX || seat == source)
		return;
	watch_patient(seat, table, signal, seat_signal_value(seat, signal, now),
		      source->signals[signal].value);
	seat->signals[signal] = source->signals[signal];
}

static struct policy_knowledge look(const struct seat *seat, const struct policy_table *table,
				    const struct moment *now) {
	struct policy_knowledge k;

	policy_look(seat->signals, table->n_signals, now->boot_ms, &k);
	return k;
}

/*
 * Contexts
 */

/* When the session locks by itself; 0: it is locked, or there is none. */
static uint64_t lock_at(const struct seat *seat, const struct policy_table *table,
			const struct policy_knowledge *k) {
	const struct session *s = &seat->session;
	uint32_t now_ms = policy_idle_ms(table, policy_contexts(table, k->true_now, k->false_now));
	uint32_t later_ms =
		policy_idle_ms(table, policy_contexts(table, k->true_later, k->false_later));
	uint64_t at = add_ms(s->activity_ms, now_ms);

	if (s->number == 0 || s->lock != SEAT_UNLOCKED)
		return 0;
	/* By then less is known, and perhaps more time is given. */
	if (at > k->until_ms && later_ms > now_ms)
		at = add_ms(s->activity_ms, later_ms);
	return at;
}

const char *seat_context(const struct seat *seat, const struct policy_table *table,
			 const struct moment *now) {
	struct policy_knowledge k = look(seat, table, now);
	uint32_t contexts = policy_contexts(table, k.true_now, k.false_now);
	const char *name = "";
	unsigned strictest = 0;

	for (uint32_t i = 0; i < table->n_contexts && i < POLICY_CONTEXTS_MAX; ++i) {
		const struct policy_context *c = &table->contexts[i];
		unsigned strict = 1u + 256u * c->guarded + c->care;

		if ((contexts & 1u << i) != 0 && strict > strictest) {
			strictest = strict;
			name = table->context_names[i];
		}
	}
	return name;
}

/*
 * State
 */

void seat_state(const struct seat *seat, const struct policy_table *table, const struct moment *now,
		uint32_t lease_ms, struct policy_state *ret_state) {
	const struct session *s = &seat->session;
	struct policy_knowledge k = look(seat, table, now);
	struct policy_state state = {
		.policy_generation = table->generation,
		.lease_until = add_ms(now->boot_ms, lease_ms),
		.lock_at = lock_at(seat, table, &k),
		.signals_until = k.until_ms,
		.contexts_now = policy_contexts(table, k.true_now, k.false_now),
		.contexts_later = policy_contexts(table, k.true_later, k.false_later),
		.true_now = k.true_now,
		.false_now = k.false_now,
		.true_later = k.true_later,
		.false_later = k.false_later,
		.flags = seat->flags,
	};

	if (s->number != 0) {
		state.session = s->number;
		state.account = s->account;
		state.roles = s->roles;
		state.assurance = (uint8_t)s->assurance;
		state.reauth_at = s->reauth_ms;
		state.reauth_assurance = (uint8_t)s->reauth_assurance;
		state.suspended = s->lock == SEAT_SUSPENDED;
	}
	if (seat->witness.action != 0 &&
	    seat_is_witnessed(seat, table, seat->witness.action - 1, NULL, now)) {
		/* For care alone: what is sensitive asks who confirmed, and nobody did. */
		state.witnessed = 1;
		state.confirmed = (uint16_t)seat->witness.action;
		state.witness_object = object_hash(seat->witness.object);
	}
	if (seat->emergency.open) {
		state.emergency = 1;
		memcpy(state.emergency_id, seat->emergency.id, sizeof(state.emergency_id));
		if (seat->emergency.asked)
			state.flags |= STATE_STILL_NEEDED;
	}
	*ret_state = state;
}

enum cw_verdict seat_decide(const struct seat *seat, const struct policy_table *table,
			    uint32_t action, const struct moment *now, enum cw_reason *ret_reason) {
	return seat_decide_object(seat, table, action, NULL, now, ret_reason);
}

enum cw_verdict seat_decide_object(const struct seat *seat, const struct policy_table *table,
				   uint32_t action, const char *object, const struct moment *now,
				   enum cw_reason *ret_reason) {
	struct policy_state state;

	seat_state(seat, table, now, OWN_LEASE_MS, &state);
	if (object && !seat_is_witnessed(seat, table, action, object, now))
		state.witnessed = 0;
	if (ret_reason)
		*ret_reason = policy_reason(table, &state, action, now->boot_ms);
	return policy_decide(table, &state, action, now->boot_ms);
}

/*
 * Session
 */

uint32_t seat_role_bits(const struct policy_table *table, const char (*names)[POLICY_NAME_SIZE],
			uint32_t n) {
	uint32_t bits = 0;

	for (uint32_t i = 0; i < n && i < LIMIT_ROLES_OF_ACCOUNT; ++i)
		for (uint32_t k = 0; k < table->n_roles && k < POLICY_ROLES_MAX; ++k)
			if (strncmp(names[i], table->role_names[k], POLICY_NAME_SIZE) == 0)
				bits |= 1u << k;
	return bits;
}

static void session_take_account(struct session *s, const struct account *account) {
	s->account = account->number;
	s->account_generation = account->generation;
	s->valid_until_ms = account->valid_until_ms;
	s->n_roles = account->n_roles;
	memcpy(s->role_names, account->roles, sizeof(s->role_names));
	text_copy(s->name, sizeof(s->name),
		  account->display[0] != '\0' ? account->display : account->name);
}

/* What it was opened or raised with lies there, and is missed when it is taken away. */
static void session_take_token(struct session *s, const struct attempt_result *result) {
	s->token = result->token;
	text_copy(s->reader, sizeof(s->reader), result->reader);
}

/* Is it a success, and of the right kind? */
static bool result_opens(const struct attempt_result *result, enum cw_purpose purpose) {
	return result->success == ATTEMPT_YES && result->purpose == purpose &&
	       result->account.number != 0;
}

void seat_open(struct seat *seat, const struct attempt_result *result, uint64_t number,
	       const struct moment *now) {
	if (!result_opens(result, CW_PURPOSE_SIGN_IN) || number == 0)
		return;
	seat->session = (struct session){
		.number = number,
		.roles = result->roles,
		.assurance = result->assurance,
		.factor = result->factor,
		.since_ms = now->boot_ms,
		.activity_ms = now->boot_ms,
		.void_ms = now->boot_ms,
		.lock = SEAT_UNLOCKED,
	};
	session_take_account(&seat->session, &result->account);
	session_take_token(&seat->session, result);
	seat->witness = (struct witness){ 0 };
}

/* Is the result about the person whose session this is? */
static bool result_is_owners(const struct seat *seat, const struct attempt_result *result) {
	return seat->session.number != 0 && seat->session.account == result->account.number;
}

void seat_unlock(struct seat *seat, const struct attempt_result *result, const struct moment *now) {
	if (!result_opens(result, CW_PURPOSE_UNLOCK) || !result_is_owners(seat, result))
		return;
	session_take_account(&seat->session, &result->account);
	seat->session.roles = result->roles;
	seat->session.assurance = result->assurance;
	seat->session.factor = result->factor;
	session_take_token(&seat->session, result);
	seat->session.activity_ms = now->boot_ms;
	seat->session.lock = SEAT_UNLOCKED;
}

void seat_reauth(struct seat *seat, const struct attempt_result *result, const struct moment *now) {
	if (!result_opens(result, CW_PURPOSE_REAUTH) || !result_is_owners(seat, result) ||
	    seat->session.lock != SEAT_UNLOCKED)
		return;
	seat->session.reauth_ms = now->boot_ms == 0 ? 1 : now->boot_ms;
	seat->session.reauth_assurance = result->assurance;
	if (result->assurance > seat->session.assurance) {
		seat->session.assurance = result->assurance;
		seat->session.factor = result->factor;
		session_take_token(&seat->session, result);
	}
	seat->session.activity_ms = now->boot_ms;
}

static bool session_is_idle(const struct seat *seat, const struct policy_table *table,
			    const struct moment *now) {
	struct policy_knowledge k = look(seat, table, now);

	return now->boot_ms >= lock_at(seat, table, &k);
}

void seat_activity(struct seat *seat, const struct policy_table *table, const struct moment *now) {
	if (seat->session.number == 0 || seat->session.lock != SEAT_UNLOCKED)
		return;
	/* Touching the screen does not undo a lock that is only not yet carried out. */
	if (session_is_idle(seat, table, now))
		return;
	if (now->boot_ms > seat->session.activity_ms)
		seat->session.activity_ms = now->boot_ms;
}

/* What was given to the session is void from now on, whether or not that is stored. */
static void session_void(struct session *s, const struct moment *now) {
	s->void_ms = now->boot_ms;
	++s->voids;
	s->reauth_ms = 0;
	s->reauth_assurance = CW_ASSURANCE_NONE;
}

/* One transaction: approvals void, one entry. */
static int record_end(struct store *store, const struct seat *seat, const struct moment *now,
		      enum audit_event event, const char *why) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	char detail[LIMIT_NAME];
	struct journal_entry entry;
	int r;

	(void)snprintf(detail, sizeof(detail), "why=%s", why);
	flow_entry(&entry, seat, NULL, now, event, OUTCOME_OK);
	entry.detail = detail;
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = approval_void(store, seat->session.number, now);
	if (r == 0)
		r = journal_append(store, &entry);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

/*
 * seat_lock() - lock the session, with its entry
 * @why:  a word for the record: "person", "idle", ...
 *
 * Return: 0; what store_*() return: the session is locked all the same.
 */
int seat_lock(struct store *store, struct seat *seat, const struct moment *now, const char *why) {
	if (seat->session.number == 0 || seat->session.lock != SEAT_UNLOCKED)
		return 0;
	seat->session.lock = SEAT_LOCKED;
	seat->witness = (struct witness){ 0 };
	session_void(&seat->session, now);
	return record_end(store, seat, now, EVENT_LOCK, why);
}

/*
 * seat_close() - end the session, with its entry
 *
 * Return: 0; what store_*() return: the session is over all the same.
 */
int seat_close(struct store *store, struct seat *seat, const struct moment *now, const char *why) {
	int r;

	if (seat->session.number == 0)
		return 0;
	r = record_end(store, seat, now, EVENT_SIGN_OUT, why);
	seat->session = (struct session){ 0 };
	seat->witness = (struct witness){ 0 };
	return r;
}

/* NULL: the session may go on. */
static const char *account_trouble(int r, const struct account *account, const struct moment *now) {
	if (r == -ENOENT)
		return "account-missing";
	if (r == -EBADMSG)
		return "account-damaged";
	if (account->state != ACCOUNT_ENABLED)
		return "account-disabled";
	return account_is_valid(account, now) ? NULL : "account-expired";
}

bool seat_refresh(struct store *store, struct seat *seat, const struct policy *policy,
		  const struct moment *now) {
	struct session *s = &seat->session;
	uint32_t roles_before = s->roles;
	struct account account = { 0 };
	const char *trouble;
	int r;

	if (s->number == 0)
		return false;
	r = account_by_number(store, s->account, &account);
	/* A store that cannot be read says nothing about the person. */
	if (r == 0 || r == -ENOENT || r == -EBADMSG) {
		trouble = account_trouble(r, &account, now);
		if (trouble) {
			(void)seat_close(store, seat, now, trouble);
			return true;
		}
		session_take_account(s, &account);
	}
	s->roles = seat_role_bits(&policy->table, s->role_names, s->n_roles);
	if (s->roles == roles_before)
		return false;
	session_void(s, now);
	(void)approval_void(store, s->number, now);
	return true;
}

bool seat_tick(struct store *store, struct seat *seat, const struct policy *policy,
	       const struct moment *now) {
	/* A clock that is not believed ends nobody's time. */
	if (store && seat->session.valid_until_ms != 0 && now->trust == CLOCK_TRUSTED &&
	    now->wall_ms >= seat->session.valid_until_ms &&
	    seat_refresh(store, seat, policy, now))
		return true;
	if (seat->session.number == 0 || seat->session.lock != SEAT_UNLOCKED ||
	    !session_is_idle(seat, &policy->table, now))
		return false;
	(void)seat_lock(store, seat, now, "idle");
	return true;
}
