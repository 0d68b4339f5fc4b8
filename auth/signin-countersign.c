/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two people at two seats: an approval that waits, and the yes or no from elsewhere
 *
 * Who signs has an attempt of his own (CW_PURPOSE_COUNTERSIGN), with the prompts
 * and actions of a second person; who asked waits where he would wait for a name.
 */

#include <errno.h>
#include <string.h>

#include "auth/attempt-try.h"
#include "auth/copy.h"
#include "auth/entry.h"

struct attempt *approval_asked(struct attempt *a) {
	return a->asked ? a->asked : a;
}

const struct seat *approval_seat(const struct attempt *a) {
	return a->asked ? a->asked->seat : a->seat;
}

/* The same clock, believed as much as before? */
static bool clock_agrees(const struct moment *then, const struct moment *now) {
	return memcmp(then->boot_id, now->boot_id, sizeof(then->boot_id)) == 0 &&
	       now->boot_ms >= then->boot_ms && now->trust == then->trust;
}

bool approval_holds(const struct attempt *a, const struct moment *now) {
	const struct session *s = &a->seat->session;

	if (s->number == 0 || s->number != a->session || s->voids != a->voids ||
	    s->lock != SEAT_UNLOCKED)
		return false;
	return a->asked_at.boot_ms == 0 || clock_agrees(&a->asked_at, now);
}

/* Does it wait for somebody's name, or for whoever comes from elsewhere? */
static bool is_waiting(const struct attempt *a) {
	return a->state == ATTEMPT_ST_SECOND && a->want == ATTEMPT_ANSWER && a->has_approval &&
	       !a->asked;
}

bool attempt_is_open(const struct attempt *attempt, const struct moment *now,
		     struct attempt_open *ret_open) {
	if (!is_waiting(attempt) || now->boot_ms >= attempt->deadline_ms ||
	    !approval_holds(attempt, now))
		return false;
	if (ret_open)
		*ret_open = (struct attempt_open){
			.account = attempt->first.number,
			.seat = (uint8_t)(attempt->seat->index + 1),
			.since_ms = attempt->asked_at.boot_ms,
			.since_wall_ms = attempt->asked_at.wall_ms,
			.until_ms = attempt->deadline_ms,
			.approval = &attempt->approval,
		};
	return true;
}

enum cw_reason attempt_bars(const struct attempt *attempt, const struct seat *seat,
			    const struct moment *now) {
	struct account account;

	if (!attempt_is_open(attempt, now, NULL))
		return CW_REASON_STALE;
	if (seat == attempt->seat || seat->session.number == 0)
		return CW_REASON_NO_SESSION;
	if (seat->session.lock != SEAT_UNLOCKED)
		return CW_REASON_LOCKED;
	if (account_by_number(attempt->auth->store, seat->session.account, &account) < 0 ||
	    account.state != ACCOUNT_ENABLED || !account_is_valid(&account, now))
		return CW_REASON_ROLE;
	if (approval_pair(attempt->auth->store, attempt->first.number, account.number) < 0)
		return CW_REASON_CONFIRMATION;
	/* As if proved just now, as well as can be: that comes when it is signed. */
	return second_obstacle(attempt, &account, CW_ASSURANCE_STRONG, now);
}

/*
 * The second person, elsewhere
 */

enum attempt_event countersign_begin(struct attempt *a, const struct attempt_request *request,
				     const struct moment *now, int *ret_r) {
	struct attempt *asked = request->asked;

	if (attempt_bars(asked, a->seat, now) != CW_REASON_NONE) {
		*ret_r = -ESTALE;
		return ATTEMPT_EV_REFUSED;
	}
	*ret_r = 0;
	a->asked = asked;
	a->has_approval = true;
	a->approval = asked->approval;
	memcpy(a->nonce, asked->nonce, sizeof(a->nonce));
	a->needs_strong = asked->needs_strong;
	/* The session's owner is the second person; the first is the other session's. */
	a->first = (struct person){ .is_named = true, .number = asked->first.number };
	a->second = (struct person){
		.by_number = true,
		.is_named = true,
		.number = a->seat->session.account,
	};
	a->who = &a->second;
	return attempt_way(a, request);
}

/* Nobody is proved as the first person here, and no route leads here. */
int finish_countersign(struct attempt *a, const struct moment *now) {
	(void)a;
	(void)now;
	return -ESTALE;
}

void countersign_given(struct attempt *a) {
	struct attempt *asked = a->asked;

	asked->result = a->result;
	attempt_close(asked);
	a->result = (struct attempt_result){
		.success = ATTEMPT_YES,
		.purpose = CW_PURPOSE_COUNTERSIGN,
		.message = "countersigned",
	};
}

/* Over, as somebody at another seat wants it; that is on record already. */
static void end_asked(struct attempt *asked, const char *reason) {
	asked->result.message = "second-refused";
	text_copy(asked->result.reason, sizeof(asked->result.reason), reason);
	attempt_close(asked);
}

void countersign_refused(struct attempt *a) {
	/* Not recorded, not refused: it is asked again, or ends by itself. */
	if (a->asked && a->error == 0 && is_waiting(a->asked))
		end_asked(a->asked, a->reason);
}

/*
 * Ends
 */

static int record_refusal(const struct attempt *attempt, const struct seat *seat,
			  const struct actor *actor, const char *reason,
			  const struct moment *now) {
	const struct policy_table *t = &attempt->auth->policy->table;
	struct journal_entry entry;

	flow_entry(&entry, seat, actor, now, EVENT_APPROVAL_REFUSED, OUTCOME_REFUSED);
	entry.account = attempt->first.number;
	entry.target = seat->session.account;
	entry.reason = CW_REASON_CONFIRMATION;
	entry.action = t->action_names[attempt->approval.action];
	entry.object = attempt->approval.object[0] != '\0' ? attempt->approval.object : NULL;
	entry.detail = "second-refused";
	entry.text = reason[0] != '\0' ? reason : NULL;
	entry.has_digest = true;
	memcpy(entry.digest, attempt->approval.digest, sizeof(entry.digest));
	return journal_append(attempt->auth->store, &entry);
}

int attempt_refuse(struct attempt *attempt, const struct seat *seat, const struct actor *actor,
		   const char *reason, const struct moment *now) {
	int r;

	if (attempt_bars(attempt, seat, now) != CW_REASON_NONE)
		return -ESTALE;
	attempt_because(attempt, reason);
	r = record_refusal(attempt, seat, actor, attempt->reason, now);
	if (r < 0)
		return r;
	end_asked(attempt, attempt->reason);
	return 0;
}

void attempt_because(struct attempt *attempt, const char *reason) {
	if (attempt->has_approval && reason && reason[0] != '\0')
		attempt_take_reason(attempt, (const uint8_t *)reason, strlen(reason));
}

bool attempt_lapse(struct attempt *attempt, const struct moment *now) {
	if (!is_waiting(attempt) || approval_holds(attempt, now))
		return false;
	(void)approval_refuse(attempt, now, OUTCOME_REFUSED, CW_REASON_OTHER_SESSION, "stale");
	attempt_close(attempt);
	return true;
}

const struct attempt *attempt_asked(const struct attempt *attempt) {
	return attempt->asked;
}

void attempt_withdraw(struct attempt *attempt, const struct moment *now) {
	if (attempt->state == ATTEMPT_ST_OVER)
		return;
	attempt_cancel(attempt, now, false);
	attempt->result.message = "approval-gone";
}
