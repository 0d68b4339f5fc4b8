/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one field of the state can change in a verdict, proved
 *
 * Each function asks twice about the same seat and overwrites one field in
 * between, so that no equal field can be forgotten in a list. An emergency as it
 * is published sets both fields: one lemma after the other. They are only proved,
 * never run.
 */

#include "policy/decide.c"

/*@
  predicate Same_strict{A, B}(struct policy_table *t) =
    \forall integer i, level; 0 <= i < 32 ==>
      (Strict_context{A}(t, i, level) <==> Strict_context{B}(t, i, level));

  predicate Same_enough{A, B}(struct policy_table *t, struct policy_action *a) =
    \forall integer possible, level;
      Enough{A}(t, a, possible, level) <==> Enough{B}(t, a, possible, level);

  predicate Same_proved{A, B}(struct policy_table *t, struct policy_action *a,
                              struct policy_state *s, integer action, integer now) =
    \forall integer v;
      Proved{A}(t, a, s, action, now, v) <==> Proved{B}(t, a, s, action, now, v);

  predicate Same_proved_reason{A, B}(struct policy_table *t, struct policy_action *a,
                                     struct policy_state *s, integer action, integer now) =
    \forall integer r;
      Proved_reason{A}(t, a, s, action, now, r) <==>
      Proved_reason{B}(t, a, s, action, now, r);
*/

/*@
  requires \valid_read(t) && \valid(s) && \separated(t, s);
  terminates \true;
  assigns s->emergency;
  ensures \old(Is_other(t, action)) ==> \result == \true;
*/
bool emergency_changes_no_other_verdict(const struct policy_table *t, struct policy_state *s,
                                        uint32_t action, uint64_t now, uint8_t emergency) {
	enum cw_verdict before = policy_decide(t, s, action, now);

	s->emergency = emergency;
	/*@ assert Same_strict{Pre, Here}(t); */
	/*@ assert Is_other{Pre}(t, action) ==> Is_other(t, action); */
	/*@ assert Is_other(t, action) ==> Same_enough{Pre, Here}(t, &t->actions[action]); */
	/*@ assert Is_other(t, action) ==>
	      Same_proved{Pre, Here}(t, &t->actions[action], s, action, now); */
	return policy_decide(t, s, action, now) == before;
}

/*@
  requires \valid_read(t) && \valid(s) && \separated(t, s);
  terminates \true;
  assigns s->emergency;
  ensures \old(Is_other(t, action)) ==> \result == \true;
*/
bool emergency_changes_no_other_reason(const struct policy_table *t, struct policy_state *s,
                                       uint32_t action, uint64_t now, uint8_t emergency) {
	enum cw_reason before = policy_reason(t, s, action, now);

	s->emergency = emergency;
	/*@ assert Same_strict{Pre, Here}(t); */
	/*@ assert Is_other{Pre}(t, action) ==> Is_other(t, action); */
	/*@ assert Is_other(t, action) ==> Same_enough{Pre, Here}(t, &t->actions[action]); */
	/*@ assert Is_other(t, action) ==>
	      Same_proved_reason{Pre, Here}(t, &t->actions[action], s, action, now); */
	return policy_reason(t, s, action, now) == before;
}

/*@
  requires \valid_read(t) && \valid(s) && \separated(t, s);
  terminates \true;
  assigns s->suspended;
  ensures \old(Is_other(t, action)) && suspended != 0 ==> \result == \true;
*/
bool suspension_only_asks_to_unlock(const struct policy_table *t, struct policy_state *s,
                                    uint32_t action, uint64_t now, uint8_t suspended) {
	enum cw_verdict before = policy_decide(t, s, action, now);
	enum cw_verdict after;

	s->suspended = suspended;
	after = policy_decide(t, s, action, now);
	return after == before || after == CW_UNLOCK;
}
