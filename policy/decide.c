/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision, and the proof of it
 *
 * The comments that begin with an @ are contracts in ACSL. tests/proof/prove.sh
 * proves each of them for any bytes in the table and in the state; docs/proof.md
 * says what that does and does not cover. Each C function below has a predicate
 * with the same words; the predicates Other, Care and Decided are the rules.
 *
 * What decides about kinds other than care takes its arguments from the fields
 * that it names and has no way to `emergency`.
 */

#include "policy/decide.h"
#include "policy/masks.h"

/*@
  logic integer Contexts{L}(struct policy_state *s, integer now) =
    now < s->signals_until ? s->contexts_now : s->contexts_later;

  predicate Foreign{L}(struct policy_table *t, struct policy_state *s) =
    s->policy_generation != t->generation;

  predicate Granted{L}(struct policy_action *a, struct policy_state *s) =
    Both(s->roles, a->roles) != 0;

  predicate Locked{L}(struct policy_state *s, integer now) =
    s->lock_at == 0 || now >= s->lock_at;

  predicate Closed{L}(struct policy_state *s, integer now) =
    s->suspended != 0 || Locked(s, now);

  predicate Confirmed{L}(struct policy_state *s, integer action) =
    s->confirmed == action + 1;

  // Guarded and sensitive.

  predicate Degraded{L}(struct policy_state *s, integer now) =
    now >= s->lease_until || Bit(s->flags, 3);

  predicate Holds{L}(struct policy_action *a, struct policy_state *s, integer now) =
    (now < s->signals_until ==>
      Known(a->when_true, a->when_false, s->true_now, s->false_now)) &&
    (now >= s->signals_until ==>
      Known(a->when_true, a->when_false, s->true_later, s->false_later));

  predicate Strict_context{L}(struct policy_table *t, integer i, integer level) =
    i < t->n_contexts && t->contexts[i].guarded <= level;

  predicate Enough{L}(struct policy_table *t, struct policy_action *a, integer possible,
                      integer level) =
    CW_ASSURANCE_PASSWORD <= level <= CW_ASSURANCE_STRONG &&
    CW_ASSURANCE_PASSWORD <= a->assurance <= level &&
    \forall integer i; 0 <= i < 32 && Bit(possible, i) ==> Strict_context(t, i, level);

  predicate Wants_fresh{L}(struct policy_action *a) =
    a->kind == CW_KIND_SENSITIVE || a->fresh_ms != 0;

  predicate Recent{L}(struct policy_action *a, struct policy_state *s, integer now) =
    a->fresh_ms != 0 && s->reauth_at != 0 && s->reauth_at <= now &&
    now - s->reauth_at <= a->fresh_ms;

  predicate Wants_confirmation{L}(struct policy_action *a) =
    a->kind == CW_KIND_SENSITIVE || a->confirm != CW_CONFIRM_NONE;

  predicate Approved{L}(struct policy_action *a, struct policy_state *s, integer action) =
    Confirmed(s, action) &&
    CW_CONFIRM_SAME_PERSON <= a->confirm <= s->confirmed_how &&
    s->confirmed_how <= CW_CONFIRM_SECOND_PERSON;

  predicate Proved{L}(struct policy_table *t, struct policy_action *a,
                      struct policy_state *s, integer action, integer now, integer v) =
    !Enough(t, a, Contexts(s, now), s->assurance) ? v == CW_REAUTH :
    Contexts(s, now) == 0 ? v == CW_DENY :
    Wants_fresh(a) && !Recent(a, s, now) ? v == CW_REAUTH :
    Wants_fresh(a) && !Enough(t, a, Contexts(s, now), s->reauth_assurance) ?
      v == CW_REAUTH :
    Wants_confirmation(a) && !Approved(a, s, action) ? v == CW_CONFIRM :
    v == CW_ALLOW;

  predicate Other{L}(struct policy_table *t, struct policy_action *a,
                     struct policy_state *s, integer action, integer now, integer v) =
    Degraded(s, now) || Foreign(t, s) ? v == CW_DENY :
    s->session == 0 ? v == CW_SIGN_IN :
    !Granted(a, s) ? v == CW_DENY :
    !Holds(a, s, now) ? v == CW_DENY :
    Closed(s, now) ? v == CW_UNLOCK :
    Proved(t, a, s, action, now, v);

  // Care.

  predicate Mild_enough{L}(struct policy_table *t, integer possible, integer level) =
    possible == 0 ||
    \exists integer i; 0 <= i < 32 && Bit(possible, i) && t->contexts[i].care <= level;

  predicate Alone{L}(struct policy_table *t, integer possible) =
    possible == 0 ||
    \exists integer i; 0 <= i < 32 && Bit(possible, i) && t->contexts[i].alone != 0;

  predicate Witness_done{L}(struct policy_table *t, struct policy_action *a,
                            struct policy_state *s, integer action, integer now) =
    a->witness == 0 || Alone(t, Contexts(s, now)) ||
    (s->witnessed != 0 && Confirmed(s, action));

  predicate Care{L}(struct policy_table *t, struct policy_action *a,
                    struct policy_state *s, integer action, integer now, integer v) =
    s->emergency != 0 ? v == CW_ALLOW :
    s->session == 0 || Foreign(t, s) ? v == CW_SIGN_IN :
    Closed(s, now) ? v == CW_UNLOCK :
    !Granted(a, s) ? v == CW_BREAK_GLASS :
    !Mild_enough(t, Contexts(s, now), s->assurance) ? v == CW_REAUTH :
    !Witness_done(t, a, s, action, now) ? v == CW_CONFIRM :
    v == CW_ALLOW;

  // All of it.

  predicate Is_known{L}(struct policy_table *t, integer action) =
    action < t->n_actions && action < POLICY_ACTIONS_MAX &&
    CW_KIND_ALWAYS <= t->actions[action].kind <= CW_KIND_SENSITIVE;

  predicate Is_other{L}(struct policy_table *t, integer action) =
    Is_known(t, action) && t->actions[action].kind >= CW_KIND_GUARDED;

  predicate Is_kind{L}(struct policy_table *t, integer action, integer kind) =
    Is_known(t, action) && t->actions[action].kind == kind;

  predicate Decided{L}(struct policy_table *t, struct policy_state *s, integer action,
                       integer now, integer v) =
    !Is_known(t, action) ? v == CW_DENY :
    t->actions[action].kind == CW_KIND_ALWAYS ? v == CW_ALLOW :
    t->actions[action].kind == CW_KIND_CARE ?
      Care(t, &t->actions[action], s, action, now, v) :
    Other(t, &t->actions[action], s, action, now, v);

  // Which reasons go with which verdict.

  predicate Coherent(integer v, integer r) =
    (v == CW_ALLOW <==>
      r == CW_REASON_ALWAYS || r == CW_REASON_GRANTED || r == CW_REASON_EMERGENCY) &&
    (v == CW_SIGN_IN <==> r == CW_REASON_NO_SESSION) &&
    (v == CW_UNLOCK <==> r == CW_REASON_LOCKED || r == CW_REASON_SUSPENDED) &&
    (v == CW_REAUTH <==> r == CW_REASON_ASSURANCE || r == CW_REASON_STALE) &&
    (v == CW_CONFIRM <==> r == CW_REASON_CONFIRMATION || r == CW_REASON_WITNESS) &&
    (v == CW_BREAK_GLASS ==> r == CW_REASON_ROLE) &&
    (v == CW_DENY ==>
      r == CW_REASON_UNKNOWN_ACTION || r == CW_REASON_DEGRADED ||
      r == CW_REASON_BAD_POLICY || r == CW_REASON_ROLE || r == CW_REASON_PRECONDITION);

  // The reason, exactly.

  predicate Closed_reason{L}(struct policy_state *s, integer r) =
    s->suspended != 0 ? r == CW_REASON_SUSPENDED : r == CW_REASON_LOCKED;

  predicate Proved_reason{L}(struct policy_table *t, struct policy_action *a,
                             struct policy_state *s, integer action, integer now,
                             integer r) =
    !Enough(t, a, Contexts(s, now), s->assurance) ? r == CW_REASON_ASSURANCE :
    Contexts(s, now) == 0 ? r == CW_REASON_BAD_POLICY :
    Wants_fresh(a) && !Recent(a, s, now) ? r == CW_REASON_STALE :
    Wants_fresh(a) && !Enough(t, a, Contexts(s, now), s->reauth_assurance) ?
      r == CW_REASON_ASSURANCE :
    Wants_confirmation(a) && !Approved(a, s, action) ? r == CW_REASON_CONFIRMATION :
    r == CW_REASON_GRANTED;

  predicate Other_reason{L}(struct policy_table *t, struct policy_action *a,
                            struct policy_state *s, integer action, integer now,
                            integer r) =
    Degraded(s, now) ? r == CW_REASON_DEGRADED :
    Foreign(t, s) ? r == CW_REASON_BAD_POLICY :
    s->session == 0 ? r == CW_REASON_NO_SESSION :
    !Granted(a, s) ? r == CW_REASON_ROLE :
    !Holds(a, s, now) ? r == CW_REASON_PRECONDITION :
    Closed(s, now) ? Closed_reason(s, r) :
    Proved_reason(t, a, s, action, now, r);

  predicate Care_reason{L}(struct policy_table *t, struct policy_action *a,
                           struct policy_state *s, integer action, integer now,
                           integer r) =
    s->emergency != 0 ? r == CW_REASON_EMERGENCY :
    s->session == 0 || Foreign(t, s) ? r == CW_REASON_NO_SESSION :
    Closed(s, now) ? Closed_reason(s, r) :
    !Granted(a, s) ? r == CW_REASON_ROLE :
    !Mild_enough(t, Contexts(s, now), s->assurance) ? r == CW_REASON_ASSURANCE :
    !Witness_done(t, a, s, action, now) ? r == CW_REASON_WITNESS :
    r == CW_REASON_GRANTED;

  predicate Explained{L}(struct policy_table *t, struct policy_state *s, integer action,
                         integer now, integer r) =
    !Is_known(t, action) ? r == CW_REASON_UNKNOWN_ACTION :
    t->actions[action].kind == CW_KIND_ALWAYS ? r == CW_REASON_ALWAYS :
    t->actions[action].kind == CW_KIND_CARE ?
      Care_reason(t, &t->actions[action], s, action, now, r) :
    Other_reason(t, &t->actions[action], s, action, now, r);
*/

/* The contexts that may be in force at @now. */
/*@
  requires \valid_read(s);
  terminates \true;
  assigns \nothing;
  ensures \result == Contexts(s, now);
*/
static uint32_t contexts_at(const struct policy_state *s, uint64_t now) {
	return now < s->signals_until ? s->contexts_now : s->contexts_later;
}

/*@
  requires \valid_read(s);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Closed(s, now);
*/
static bool session_is_closed(const struct policy_state *s, uint64_t now) {
	return s->suspended != 0 || s->lock_at == 0 || now >= s->lock_at;
}

/*
 * Guarded and sensitive
 */

/*@
  requires \valid_read(s);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Degraded(s, now);
*/
static bool seat_is_degraded(const struct policy_state *s, uint64_t now) {
	return now >= s->lease_until || ((s->flags >> 3) & 1) != 0;
}

/*@
  requires \valid_read(a) && \valid_read(s);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Holds(a, s, now);
*/
static bool precondition_holds(const struct policy_action *a, const struct policy_state *s,
                               uint64_t now) {
	if (now < s->signals_until)
		return signals_are_known(a->when_true, a->when_false, s->true_now, s->false_now);
	return signals_are_known(a->when_true, a->when_false, s->true_later, s->false_later);
}

/* Does @level satisfy every possible context? One that does not exist never. */
/*@
  requires \valid_read(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==>
    (\forall integer i; 0 <= i < 32 && Bit(possible, i) ==> Strict_context(t, i, level));
*/
static bool level_suits_all(const struct policy_table *t, uint32_t possible, uint8_t level) {
	/*@
	  loop invariant 0 <= i <= 32;
	  loop invariant
	    \forall integer k; 0 <= k < i && Bit(possible, k) ==> Strict_context(t, k, level);
	  loop assigns i;
	  loop variant 32 - i;
	*/
	for (uint32_t i = 0; i < POLICY_CONTEXTS_MAX; ++i) {
		if (((possible >> i) & 1u) != 0 &&
		    (i >= t->n_contexts || t->contexts[i].guarded > level))
			return false;
	}
	return true;
}

/*
 * Is @level enough for the action in every possible context? The least that is
 * ever enough is a password, whatever the table's bytes say.
 */
/*@
  requires \valid_read(t) && \valid_read(a);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Enough(t, a, possible, level);
*/
static bool level_is_enough(const struct policy_table *t, const struct policy_action *a,
                            uint32_t possible, uint8_t level) {
	if (a->assurance < CW_ASSURANCE_PASSWORD || a->assurance > level ||
	    level > CW_ASSURANCE_STRONG)
		return false;
	return level_suits_all(t, possible, level);
}

/*@
  requires \valid_read(a);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Wants_fresh(a);
*/
static bool wants_fresh(const struct policy_action *a) {
	return a->kind == CW_KIND_SENSITIVE || a->fresh_ms != 0;
}

/*@
  requires \valid_read(a) && \valid_read(s);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Recent(a, s, now);
*/
static bool reauth_is_recent(const struct policy_action *a, const struct policy_state *s,
                             uint64_t now) {
	return a->fresh_ms != 0 && s->reauth_at != 0 && s->reauth_at <= now &&
	       now - s->reauth_at <= a->fresh_ms;
}

/* Is a confirmation asked for and not there? */
/*@
  requires \valid_read(a) && \valid_read(s);
  requires action < POLICY_ACTIONS_MAX;
  terminates \true;
  assigns \nothing;
  ensures \result <==> Wants_confirmation(a) && !Approved(a, s, action);
*/
static bool confirmation_is_missing(const struct policy_action *a, const struct policy_state *s,
                                    uint32_t action) {
	if (a->kind != CW_KIND_SENSITIVE && a->confirm == CW_CONFIRM_NONE)
		return false;
	if (s->confirmed != action + 1u || s->confirmed_how > CW_CONFIRM_SECOND_PERSON)
		return true;
	return a->confirm < CW_CONFIRM_SAME_PERSON || a->confirm > s->confirmed_how;
}

/* The second half of decide_other(): how well is it proved who wants this? */
/*@
  requires \valid_read(t) && \valid_read(a) && \valid_read(s);
  requires action < POLICY_ACTIONS_MAX;
  terminates \true;
  assigns \nothing;
  ensures Proved(t, a, s, action, now, \result);
*/
static enum cw_verdict decide_proved(const struct policy_table *t, const struct policy_action *a,
                                     const struct policy_state *s, uint32_t action, uint64_t now) {
	uint32_t possible = contexts_at(s, now);

	if (!level_is_enough(t, a, possible, s->assurance))
		return CW_REAUTH;
	if (possible == 0)
		return CW_DENY;
	if (wants_fresh(a) && !reauth_is_recent(a, s, now))
		return CW_REAUTH;
	if (wants_fresh(a) && !level_is_enough(t, a, possible, s->reauth_assurance))
		return CW_REAUTH;
	if (confirmation_is_missing(a, s, action))
		return CW_CONFIRM;
	return CW_ALLOW;
}

/* Guarded and sensitive. Must not read s->emergency; frama-c -deps checks that. */
/*@
  requires \valid_read(t) && \valid_read(a) && \valid_read(s);
  requires action < POLICY_ACTIONS_MAX;
  terminates \true;
  assigns \nothing;
  ensures Other(t, a, s, action, now, \result);
*/
static enum cw_verdict decide_other(const struct policy_table *t, const struct policy_action *a,
                                    const struct policy_state *s, uint32_t action, uint64_t now) {
	if (seat_is_degraded(s, now) || s->policy_generation != t->generation)
		return CW_DENY;
	if (s->session == 0)
		return CW_SIGN_IN;
	if (both(a->roles, s->roles) == 0)
		return CW_DENY;
	if (!precondition_holds(a, s, now))
		return CW_DENY;
	if (session_is_closed(s, now))
		return CW_UNLOCK;
	return decide_proved(t, a, s, action, now);
}

/*
 * Care
 */

/* Does @level satisfy at least one possible context? Unknown is decided for care. */
/*@
  requires \valid_read(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Mild_enough(t, possible, level);
*/
static bool level_suits_one(const struct policy_table *t, uint32_t possible, uint8_t level) {
	if (possible == 0)
		return true;
	/*@
	  loop invariant 0 <= i <= 32;
	  loop invariant
	    \forall integer k; 0 <= k < i && Bit(possible, k) ==> t->contexts[k].care > level;
	  loop assigns i;
	  loop variant 32 - i;
	*/
	for (uint32_t i = 0; i < POLICY_CONTEXTS_MAX; ++i) {
		if (((possible >> i) & 1u) != 0 && t->contexts[i].care <= level)
			return true;
	}
	return false;
}

/* May this be a place where one works alone? Unknown is decided for care. */
/*@
  requires \valid_read(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Alone(t, possible);
*/
static bool one_may_be_alone(const struct policy_table *t, uint32_t possible) {
	if (possible == 0)
		return true;
	/*@
	  loop invariant 0 <= i <= 32;
	  loop invariant
	    \forall integer k; 0 <= k < i && Bit(possible, k) ==> t->contexts[k].alone == 0;
	  loop assigns i;
	  loop variant 32 - i;
	*/
	for (uint32_t i = 0; i < POLICY_CONTEXTS_MAX; ++i) {
		if (((possible >> i) & 1u) != 0 && t->contexts[i].alone != 0)
			return true;
	}
	return false;
}

/*@
  requires \valid_read(t) && \valid_read(a) && \valid_read(s);
  requires action < POLICY_ACTIONS_MAX;
  terminates \true;
  assigns \nothing;
  ensures \result <==> !Witness_done(t, a, s, action, now);
*/
static bool witness_is_missing(const struct policy_table *t, const struct policy_action *a,
                               const struct policy_state *s, uint32_t action, uint64_t now) {
	if (a->witness == 0 || one_may_be_alone(t, contexts_at(s, now)))
		return false;
	return s->witnessed == 0 || s->confirmed != action + 1u;
}

/*@
  requires \valid_read(t) && \valid_read(a) && \valid_read(s);
  requires action < POLICY_ACTIONS_MAX;
  terminates \true;
  assigns \nothing;
  ensures Care(t, a, s, action, now, \result);
*/
static enum cw_verdict decide_care(const struct policy_table *t, const struct policy_action *a,
                                   const struct policy_state *s, uint32_t action, uint64_t now) {
	if (s->emergency != 0)
		return CW_ALLOW;
	if (s->session == 0 || s->policy_generation != t->generation)
		return CW_SIGN_IN;
	if (session_is_closed(s, now))
		return CW_UNLOCK;
	if (both(a->roles, s->roles) == 0)
		return CW_BREAK_GLASS;
	if (!level_suits_one(t, contexts_at(s, now), s->assurance))
		return CW_REAUTH;
	if (witness_is_missing(t, a, s, action, now))
		return CW_CONFIRM;
	return CW_ALLOW;
}

/*
 * Reasons, in the order of the verdicts above
 */

/*@
  requires \valid_read(s);
  terminates \true;
  assigns \nothing;
  ensures Closed_reason(s, \result);
*/
static enum cw_reason reason_closed(const struct policy_state *s) {
	return s->suspended != 0 ? CW_REASON_SUSPENDED : CW_REASON_LOCKED;
}

/*@
  requires \valid_read(t) && \valid_read(a) && \valid_read(s);
  requires action < POLICY_ACTIONS_MAX;
  terminates \true;
  assigns \nothing;
  ensures Proved_reason(t, a, s, action, now, \result);
*/
static enum cw_reason reason_proved(const struct policy_table *t, const struct policy_action *a,
                                    const struct policy_state *s, uint32_t action, uint64_t now) {
	uint32_t possible = contexts_at(s, now);

	if (!level_is_enough(t, a, possible, s->assurance))
		return CW_REASON_ASSURANCE;
	if (possible == 0)
		return CW_REASON_BAD_POLICY;
	if (wants_fresh(a) && !reauth_is_recent(a, s, now))
		return CW_REASON_STALE;
	if (wants_fresh(a) && !level_is_enough(t, a, possible, s->reauth_assurance))
		return CW_REASON_ASSURANCE;
	if (confirmation_is_missing(a, s, action))
		return CW_REASON_CONFIRMATION;
	return CW_REASON_GRANTED;
}

/* Must not read s->emergency either. */
/*@
  requires \valid_read(t) && \valid_read(a) && \valid_read(s);
  requires action < POLICY_ACTIONS_MAX;
  terminates \true;
  assigns \nothing;
  ensures Other_reason(t, a, s, action, now, \result);
*/
static enum cw_reason reason_other(const struct policy_table *t, const struct policy_action *a,
                                   const struct policy_state *s, uint32_t action, uint64_t now) {
	if (seat_is_degraded(s, now))
		return CW_REASON_DEGRADED;
	if (s->policy_generation != t->generation)
		return CW_REASON_BAD_POLICY;
	if (s->session == 0)
		return CW_REASON_NO_SESSION;
	if (both(a->roles, s->roles) == 0)
		return CW_REASON_ROLE;
	if (!precondition_holds(a, s, now))
		return CW_REASON_PRECONDITION;
	if (session_is_closed(s, now))
		return reason_closed(s);
	return reason_proved(t, a, s, action, now);
}

/*@
  requires \valid_read(t) && \valid_read(a) && \valid_read(s);
  requires action < POLICY_ACTIONS_MAX;
  terminates \true;
  assigns \nothing;
  ensures Care_reason(t, a, s, action, now, \result);
*/
static enum cw_reason reason_care(const struct policy_table *t, const struct policy_action *a,
                                  const struct policy_state *s, uint32_t action, uint64_t now) {
	if (s->emergency != 0)
		return CW_REASON_EMERGENCY;
	if (s->session == 0 || s->policy_generation != t->generation)
		return CW_REASON_NO_SESSION;
	if (session_is_closed(s, now))
		return reason_closed(s);
	if (both(a->roles, s->roles) == 0)
		return CW_REASON_ROLE;
	if (!level_suits_one(t, contexts_at(s, now), s->assurance))
		return CW_REASON_ASSURANCE;
	if (witness_is_missing(t, a, s, action, now))
		return CW_REASON_WITNESS;
	return CW_REASON_GRANTED;
}

/*
 * What others call. The first ensures is the full statement; those with names
 * are the promises of the design, each proved from the code as well.
 */

/*@
  requires \valid_read(t) && \valid_read(s);
  terminates \true;
  assigns \nothing;
  ensures Decided(t, s, action, now, \result);

  ensures unknown_is_denied: !Is_known(t, action) ==> \result == CW_DENY;
  ensures always_is_allowed: Is_kind(t, action, CW_KIND_ALWAYS) ==> \result == CW_ALLOW;
  ensures care_in_emergency_is_allowed:
    Is_kind(t, action, CW_KIND_CARE) && s->emergency != 0 ==> \result == CW_ALLOW;
  ensures care_is_never_denied: Is_kind(t, action, CW_KIND_CARE) ==> \result != CW_DENY;
  ensures care_by_role_at_least:
    Is_kind(t, action, CW_KIND_CARE) && s->emergency == 0 && \result == CW_ALLOW ==>
      s->session != 0 && Granted(&t->actions[action], s) && !Closed(s, now);
  ensures glass_opens_care_only:
    \result == CW_BREAK_GLASS ==> Is_kind(t, action, CW_KIND_CARE);
  ensures allow_has_a_session:
    Is_other(t, action) && \result == CW_ALLOW ==>
      s->session != 0 && s->policy_generation == t->generation;
  ensures allow_has_a_role:
    Is_other(t, action) && \result == CW_ALLOW ==>
      Granted(&t->actions[action], s);
  ensures allow_has_a_lease:
    Is_other(t, action) && \result == CW_ALLOW ==> now < s->lease_until;
  ensures allow_is_unlocked:
    Is_other(t, action) && \result == CW_ALLOW ==> s->suspended == 0 && now < s->lock_at;
  ensures allow_has_its_precondition:
    Is_other(t, action) && \result == CW_ALLOW ==> Holds(&t->actions[action], s, now);
  ensures allow_has_a_password:
    Is_other(t, action) && \result == CW_ALLOW ==>
      s->assurance >= CW_ASSURANCE_PASSWORD &&
      s->assurance >= t->actions[action].assurance;
  ensures allow_suits_every_context:
    Is_other(t, action) && \result == CW_ALLOW ==> Contexts(s, now) != 0 &&
      \forall integer i; 0 <= i < 32 && Bit(Contexts(s, now), i) ==>
        t->contexts[i].guarded <= s->assurance;
  ensures sensitive_is_fresh:
    Is_kind(t, action, CW_KIND_SENSITIVE) && \result == CW_ALLOW ==>
      0 < s->reauth_at <= now <= s->reauth_at + t->actions[action].fresh_ms &&
      s->reauth_assurance >= CW_ASSURANCE_PASSWORD &&
      s->reauth_assurance >= t->actions[action].assurance;
  ensures sensitive_is_confirmed:
    Is_kind(t, action, CW_KIND_SENSITIVE) && \result == CW_ALLOW ==>
      s->confirmed == action + 1 &&
      CW_CONFIRM_SAME_PERSON <= t->actions[action].confirm <= s->confirmed_how;
*/
enum cw_verdict policy_decide(const struct policy_table *t, const struct policy_state *s,
                              uint32_t action, uint64_t now) {
	if (action >= t->n_actions || action >= POLICY_ACTIONS_MAX)
		return CW_DENY;
	switch (t->actions[action].kind) {
	case CW_KIND_ALWAYS:
		return CW_ALLOW;
	case CW_KIND_CARE:
		return decide_care(t, &t->actions[action], s, action, now);
	case CW_KIND_GUARDED:
	case CW_KIND_SENSITIVE:
		return decide_other(t, &t->actions[action], s, action, now);
	default:
		return CW_DENY;
	}
}

/*@
  requires \valid_read(t) && \valid_read(s);
  terminates \true;
  assigns \nothing;
  ensures Explained(t, s, action, now, \result);
  ensures reason_fits_the_verdict:
    \forall integer v; Decided(t, s, action, now, v) ==> Coherent(v, \result);
*/
enum cw_reason policy_reason(const struct policy_table *t, const struct policy_state *s,
                             uint32_t action, uint64_t now) {
	if (action >= t->n_actions || action >= POLICY_ACTIONS_MAX)
		return CW_REASON_UNKNOWN_ACTION;
	switch (t->actions[action].kind) {
	case CW_KIND_ALWAYS:
		return CW_REASON_ALWAYS;
	case CW_KIND_CARE:
		return reason_care(t, &t->actions[action], s, action, now);
	case CW_KIND_GUARDED:
	case CW_KIND_SENSITIVE:
		return reason_other(t, &t->actions[action], s, action, now);
	default:
		return CW_REASON_UNKNOWN_ACTION;
	}
}

/*@
  requires \valid_read(t) && \valid_read(s);
  terminates \true;
  assigns \nothing;
  ensures reason_of_each_allow:
    \forall integer now; Decided(t, s, action, now, CW_ALLOW) ==>
      Explained(t, s, action, now, \result);
*/
enum cw_reason policy_reason_of_allow(const struct policy_table *t, const struct policy_state *s,
                                      uint32_t action) {
	if (action >= t->n_actions || action >= POLICY_ACTIONS_MAX)
		return CW_REASON_UNKNOWN_ACTION;
	if (t->actions[action].kind == CW_KIND_ALWAYS)
		return CW_REASON_ALWAYS;
	if (t->actions[action].kind == CW_KIND_CARE && s->emergency != 0)
		return CW_REASON_EMERGENCY;
	return CW_REASON_GRANTED;
}
