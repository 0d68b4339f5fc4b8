/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is every field of a table within its range? Proved to be exactly that
 *
 * What lies beyond the counts is not looked at.
 */

#include "policy/decide.h"

#define HOUR_MS 3600000u

/*@
  predicate Within(integer mask, integer n) = (mask >> n) == 0;

  predicate Good_header{L}(struct policy_table *t) =
    t->magic == POLICY_TABLE_MAGIC && t->version == POLICY_TABLE_VERSION &&
    t->size == sizeof(struct policy_table) &&
    t->n_actions <= POLICY_ACTIONS_MAX && t->n_roles <= POLICY_ROLES_MAX &&
    t->n_signals <= POLICY_SIGNALS_MAX && 1 <= t->n_contexts <= POLICY_CONTEXTS_MAX &&
    t->n_seats <= POLICY_SEATS_MAX && t->patient_signal <= t->n_signals;

  predicate Good_plain{L}(struct policy_action *a) =
    a->when_true == 0 && a->when_false == 0 && a->fresh_ms == 0 &&
    a->assurance == CW_ASSURANCE_NONE && a->confirm == CW_CONFIRM_NONE &&
    a->witness <= (a->kind == CW_KIND_CARE ? 1 : 0);

  predicate Good_strict{L}(struct policy_action *a) =
    CW_ASSURANCE_PASSWORD <= a->assurance <= CW_ASSURANCE_STRONG &&
    a->confirm <= CW_CONFIRM_SECOND_PERSON && a->fresh_ms <= HOUR_MS && a->witness == 0 &&
    (a->kind == CW_KIND_SENSITIVE ==>
      a->confirm >= CW_CONFIRM_SAME_PERSON && a->fresh_ms >= 1);

  predicate Good_action{L}(struct policy_table *t, struct policy_action *a) =
    a->zero == 0 && Within(a->roles, t->n_roles) && Within(a->when_true, t->n_signals) &&
    Within(a->when_false, t->n_signals) &&
    CW_KIND_ALWAYS <= a->kind <= CW_KIND_SENSITIVE &&
    (a->kind <= CW_KIND_CARE ==> Good_plain(a)) &&
    (a->kind >= CW_KIND_GUARDED ==> Good_strict(a));

  predicate Good_context{L}(struct policy_table *t, struct policy_context *c) =
    Within(c->when_true, t->n_signals) && Within(c->when_false, t->n_signals) &&
    1 <= c->idle_lock_ms <= HOUR_MS && c->care <= CW_ASSURANCE_STRONG &&
    c->guarded <= CW_ASSURANCE_STRONG && c->guarded != CW_ASSURANCE_BADGE &&
    c->guarded != CW_ASSURANCE_CODE && c->removal_locks <= 1 && c->alone <= 1;

  predicate Good_signal{L}(struct policy_table *t, struct policy_signal *g) =
    g->seat < t->n_seats && g->zero[0] == 0 && g->zero[1] == 0 && g->zero[2] == 0;

  predicate Good_actions{L}(struct policy_table *t) =
    \forall integer i; 0 <= i < t->n_actions ==> Good_action(t, &t->actions[i]);

  predicate Good_contexts{L}(struct policy_table *t) =
    t->contexts[0].when_true == 0 && t->contexts[0].when_false == 0 &&
    \forall integer i; 0 <= i < t->n_contexts ==> Good_context(t, &t->contexts[i]);

  predicate Good_signals{L}(struct policy_table *t) =
    \forall integer i; 0 <= i < t->n_signals ==> Good_signal(t, &t->signals[i]);

  predicate Good_names{L}(struct policy_table *t) =
    (\forall integer i; 0 <= i < t->n_actions ==>
      t->action_names[i][POLICY_NAME_SIZE - 1] == 0) &&
    (\forall integer i; 0 <= i < t->n_roles ==>
      t->role_names[i][POLICY_NAME_SIZE - 1] == 0) &&
    (\forall integer i; 0 <= i < t->n_signals ==>
      t->signal_names[i][POLICY_NAME_SIZE - 1] == 0) &&
    (\forall integer i; 0 <= i < t->n_contexts ==>
      t->context_names[i][POLICY_NAME_SIZE - 1] == 0) &&
    (\forall integer i; 0 <= i < t->n_seats ==>
      t->seat_names[i][POLICY_NAME_SIZE - 1] == 0);
*/

/* Are only the first @n bits set? */
/*@
  requires n <= 32;
  terminates \true;
  assigns \nothing;
  ensures \result <==> Within(mask, n);
*/
static bool mask_is_within(uint32_t mask, uint32_t n) {
	return ((uint64_t)mask >> n) == 0;
}

/*@
  requires \valid_read(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Good_header(t);
*/
static bool header_is_valid(const struct policy_table *t) {
	if (t->magic != POLICY_TABLE_MAGIC || t->version != POLICY_TABLE_VERSION ||
	    t->size != sizeof(struct policy_table))
		return false;
	return t->n_actions <= POLICY_ACTIONS_MAX && t->n_roles <= POLICY_ROLES_MAX &&
	       t->n_signals <= POLICY_SIGNALS_MAX && t->n_contexts >= 1 &&
	       t->n_contexts <= POLICY_CONTEXTS_MAX && t->n_seats <= POLICY_SEATS_MAX &&
	       t->patient_signal <= t->n_signals;
}

/* Always and care ask for nothing that only the other kinds are asked for. */
/*@
  requires \valid_read(a);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Good_plain(a);
*/
static bool plain_is_valid(const struct policy_action *a) {
	return a->when_true == 0 && a->when_false == 0 && a->fresh_ms == 0 &&
	       a->assurance == CW_ASSURANCE_NONE && a->confirm == CW_CONFIRM_NONE &&
	       a->witness <= (a->kind == CW_KIND_CARE ? 1 : 0);
}

/*@
  requires \valid_read(a);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Good_strict(a);
*/
static bool strict_is_valid(const struct policy_action *a) {
	if (a->assurance < CW_ASSURANCE_PASSWORD || a->assurance > CW_ASSURANCE_STRONG)
		return false;
	if (a->confirm > CW_CONFIRM_SECOND_PERSON || a->fresh_ms > HOUR_MS || a->witness != 0)
		return false;
	return a->kind != CW_KIND_SENSITIVE ||
	       (a->confirm >= CW_CONFIRM_SAME_PERSON && a->fresh_ms >= 1);
}

/*@
  requires \valid_read(t) && \valid_read(a);
  requires Good_header(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Good_action(t, a);
*/
static bool action_is_valid(const struct policy_table *t, const struct policy_action *a) {
	if (a->zero != 0 || !mask_is_within(a->roles, t->n_roles) ||
	    !mask_is_within(a->when_true, t->n_signals) ||
	    !mask_is_within(a->when_false, t->n_signals))
		return false;
	if (a->kind < CW_KIND_ALWAYS || a->kind > CW_KIND_SENSITIVE)
		return false;
	return a->kind <= CW_KIND_CARE ? plain_is_valid(a) : strict_is_valid(a);
}

/*@
  requires \valid_read(t) && \valid_read(c);
  requires Good_header(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Good_context(t, c);
*/
static bool context_is_valid(const struct policy_table *t, const struct policy_context *c) {
	if (!mask_is_within(c->when_true, t->n_signals) ||
	    !mask_is_within(c->when_false, t->n_signals))
		return false;
	if (c->idle_lock_ms < 1 || c->idle_lock_ms > HOUR_MS || c->care > CW_ASSURANCE_STRONG)
		return false;
	if (c->guarded > CW_ASSURANCE_STRONG || c->guarded == CW_ASSURANCE_BADGE ||
	    c->guarded == CW_ASSURANCE_CODE)
		return false;
	return c->removal_locks <= 1 && c->alone <= 1;
}

/*@
  requires \valid_read(t);
  requires Good_header(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Good_actions(t);
*/
static bool actions_are_valid(const struct policy_table *t) {
	/*@
	  loop invariant 0 <= i <= t->n_actions;
	  loop invariant \forall integer k; 0 <= k < i ==> Good_action(t, &t->actions[k]);
	  loop assigns i;
	  loop variant t->n_actions - i;
	*/
	for (uint32_t i = 0; i < t->n_actions; ++i) {
		if (!action_is_valid(t, &t->actions[i]))
			return false;
	}
	return true;
}

/*@
  requires \valid_read(t);
  requires Good_header(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Good_contexts(t);
*/
static bool contexts_are_valid(const struct policy_table *t) {
	if (t->contexts[0].when_true != 0 || t->contexts[0].when_false != 0)
		return false;
	/*@
	  loop invariant 0 <= i <= t->n_contexts;
	  loop invariant \forall integer k; 0 <= k < i ==> Good_context(t, &t->contexts[k]);
	  loop assigns i;
	  loop variant t->n_contexts - i;
	*/
	for (uint32_t i = 0; i < t->n_contexts; ++i) {
		if (!context_is_valid(t, &t->contexts[i]))
			return false;
	}
	return true;
}

/*@
  requires \valid_read(t);
  requires Good_header(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Good_signals(t);
*/
static bool signals_are_valid(const struct policy_table *t) {
	/*@
	  loop invariant 0 <= i <= t->n_signals;
	  loop invariant \forall integer k; 0 <= k < i ==> Good_signal(t, &t->signals[k]);
	  loop assigns i;
	  loop variant t->n_signals - i;
	*/
	for (uint32_t i = 0; i < t->n_signals; ++i) {
		const struct policy_signal *g = &t->signals[i];

		if (g->seat >= t->n_seats || g->zero[0] != 0 || g->zero[1] != 0 || g->zero[2] != 0)
			return false;
	}
	return true;
}

/* Does each of @n names end with a NUL at the latest in its last byte? */
/*@
  requires \valid_read(names + (0 .. n - 1));
  terminates \true;
  assigns \nothing;
  ensures \result <==>
    \forall integer i; 0 <= i < n ==> names[i][POLICY_NAME_SIZE - 1] == 0;
*/
static bool names_are_terminated(const char (*names)[POLICY_NAME_SIZE], uint32_t n) {
	/*@
	  loop invariant 0 <= i <= n;
	  loop invariant
	    \forall integer k; 0 <= k < i ==> names[k][POLICY_NAME_SIZE - 1] == 0;
	  loop assigns i;
	  loop variant n - i;
	*/
	for (uint32_t i = 0; i < n; ++i) {
		if (names[i][POLICY_NAME_SIZE - 1] != '\0')
			return false;
	}
	return true;
}

/*@
  requires \valid_read(t);
  requires Good_header(t);
  terminates \true;
  assigns \nothing;
  ensures \result <==> Good_names(t);
*/
static bool names_are_valid(const struct policy_table *t) {
	return names_are_terminated(t->action_names, t->n_actions) &&
	       names_are_terminated(t->role_names, t->n_roles) &&
	       names_are_terminated(t->signal_names, t->n_signals) &&
	       names_are_terminated(t->context_names, t->n_contexts) &&
	       names_are_terminated(t->seat_names, t->n_seats);
}

/*@
  requires \valid_read(t);
  terminates \true;
  assigns \nothing;
  ensures exactly_the_good_ones:
    \result <==> Good_header(t) && Good_actions(t) && Good_contexts(t) &&
                 Good_signals(t) && Good_names(t);
*/
bool policy_table_is_valid(const struct policy_table *t) {
	return header_is_valid(t) && actions_are_valid(t) && contexts_are_valid(t) &&
	       signals_are_valid(t) && names_are_valid(t);
}
