/* SPDX-License-Identifier: Apache-2.0 */

/* What lies at the seat, or was held to its reader; and who looked over whose shoulder. */

#include <errno.h>
#include <string.h>

#include "auth/entry.h"
#include "auth/row.h"
#include "auth/seat.h"
#include "auth/signin.h"
#include "auth/token.h"

/*
 * Taking it away
 */

/* Unknown is decided for care: a context that may be in force and does not ask for it. */
static bool removal_locks(const struct seat *seat, const struct policy_table *t,
			  const struct moment *now) {
	struct policy_state state;
	bool locks = false;

	seat_state(seat, t, now, 0, &state);
	for (uint32_t i = 0; i < t->n_contexts && i < POLICY_CONTEXTS_MAX; ++i) {
		if ((state.contexts_now & 1u << i) == 0)
			continue;
		if (!t->contexts[i].removal_locks)
			return false;
		locks = true;
	}
	return locks;
}

/*
 * Modules and watchers name one reader alike, but for what they cut off or fill
 * with spaces. A name that is not known may be any.
 */
static bool is_same_reader(const char *a, const char *b) {
	size_t n = strnlen(a, LIMIT_NAME), m = strnlen(b, LIMIT_NAME);

	while (n > 0 && a[n - 1] == ' ')
		--n;
	while (m > 0 && b[m - 1] == ' ')
		--m;
	return memcmp(a, b, n < m ? n : m) == 0;
}

/*
 * A reader that is gone is known by the part of its name that the site gives, and
 * that may stand anywhere in it, or behind where ours was cut.
 */
static bool is_reader_of(const char *reader, const char *part) {
	return strnlen(reader, LIMIT_NAME) >= LIMIT_NAME - 1 || is_same_reader(reader, part) ||
	       strstr(reader, part) != NULL;
}

bool seat_is_removal(const char reader[static LIMIT_NAME], const struct token_sight *sight) {
	if (sight->kind == TOKEN_SIGHT_READER_GONE)
		return is_reader_of(reader, sight->name);
	return sight->kind == TOKEN_SIGHT_CARD_OUT && is_same_reader(reader, sight->name);
}

bool seat_is_insertion(const char reader[static LIMIT_NAME], const struct token_sight *sight) {
	return sight->kind == TOKEN_SIGHT_CARD_IN && is_same_reader(reader, sight->name);
}

static bool is_gone(const struct session *s, const struct token_sight *sight) {
	return s->number != 0 && s->token != 0 && s->factor == CW_FACTOR_SMARTCARD &&
	       seat_is_removal(s->reader, sight);
}

static int record_removal(struct store *store, struct seat *seat, const struct moment *now,
			  bool locks) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct journal_entry entry;
	int r, lock;

	flow_entry(&entry, seat, NULL, now, EVENT_TOKEN_REMOVED, OUTCOME_OK);
	entry.detail = locks ? NULL : "locks=no";
	r = store_begin(store);
	if (r == 0) {
		transaction = store;
		r = journal_append(store, &entry);
	}
	lock = locks ? seat_lock(store, seat, now, "token-removed") : 0;
	if (r < 0 || lock < 0)
		return r < 0 ? r : lock;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

bool seat_removed(struct store *store, struct seat *seat, const struct policy *policy,
		  const struct token_sight *sight, const struct moment *now) {
	bool locks;

	if (!is_gone(&seat->session, sight) || seat->session.lock != SEAT_UNLOCKED)
		return false;
	locks = removal_locks(seat, &policy->table, now);
	(void)record_removal(store, seat, now, locks);
	return locks;
}

bool seat_taps_out(struct store *store, const struct seat *seat, const struct policy *policy,
		   const struct token_sight *sight) {
	const struct badge_rules *rules = &policy->settings.tokens.badge;
	struct token token;

	if (!rules->on || !rules->tap_out || sight->kind != TOKEN_SIGHT_BADGE ||
	    seat->session.number == 0 || seat->session.lock != SEAT_UNLOCKED)
		return false;
	if (sight->n_id == 0 || sight->n_id > sizeof(sight->id) ||
	    token_find(store, CW_FACTOR_BADGE, sight->id, sight->n_id, &token) < 0)
		return false;
	return !token.disabled && token.account == seat->session.account;
}

/*
 * Witnesses
 */

void seat_witness(struct seat *seat, const struct attempt_result *result,
		  const struct moment *now) {
	const struct session *s = &seat->session;

	if (result->success != ATTEMPT_YES || result->purpose != CW_PURPOSE_WITNESS ||
	    result->witness.action == 0 || result->witness.account == 0)
		return;
	if (s->number == 0 || s->number != result->witness.session || s->lock != SEAT_UNLOCKED ||
	    result->witness.account == s->account)
		return;
	seat->witness = result->witness;
	seat->witness.until_ms = now->boot_ms > UINT64_MAX - WITNESS_VALID_MS
					 ? UINT64_MAX
					 : now->boot_ms + WITNESS_VALID_MS;
}

bool seat_is_witnessed(const struct seat *seat, const struct policy_table *table, uint32_t action,
		       const char *object, const struct moment *now) {
	const struct witness *w = &seat->witness;

	if (object && strncmp(object, w->object, sizeof(w->object)) != 0)
		return false;
	return w->action != 0 && w->action == action + 1 && action < table->n_actions &&
	       action < POLICY_ACTIONS_MAX && table->actions[action].kind == CW_KIND_CARE &&
	       w->generation == table->generation && w->session != 0 &&
	       w->session == seat->session.number && seat->session.lock == SEAT_UNLOCKED &&
	       now->boot_ms < w->until_ms;
}

void seat_witness_used(struct seat *seat, uint32_t action, const char *object) {
	if (seat->witness.action == action + 1 &&
	    strncmp(object, seat->witness.object, sizeof(seat->witness.object)) == 0)
		seat->witness = (struct witness){ 0 };
}
