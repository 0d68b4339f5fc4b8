/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which contexts may be in force, given what is known of the signals; proved
 */

#include "policy/decide.h"
#include "policy/masks.h"

/*@
  predicate Possible{L}(struct policy_table *t, integer i, integer yes, integer no) =
    Not_excluded(t->contexts[i].when_true, t->contexts[i].when_false, yes, no);

  predicate Certain{L}(struct policy_table *t, integer i, integer yes, integer no) =
    Known(t->contexts[i].when_true, t->contexts[i].when_false, yes, no);

  logic integer N_contexts{L}(struct policy_table *t) =
    t->n_contexts < POLICY_CONTEXTS_MAX ? t->n_contexts : POLICY_CONTEXTS_MAX;

  predicate None_certain{L}(struct policy_table *t, integer from, integer yes, integer no) =
    \forall integer j; from <= j < N_contexts(t) ==> !Certain(t, j, yes, no);

  predicate May_be_in_force{L}(struct policy_table *t, integer i, integer yes, integer no) =
    i < N_contexts(t) && Possible(t, i, yes, no) && None_certain(t, i + 1, yes, no);

  predicate Routine_first{L}(struct policy_table *t) =
    t->n_contexts > 0 && t->contexts[0].when_true == 0 && t->contexts[0].when_false == 0;
*/

/*@
  requires \valid_read(t);
  terminates \true;
  assigns \nothing;
  ensures exactly_those:
    \forall integer k; 0 <= k < 32 ==>
      (Bit(\result, k) <==> May_be_in_force(t, k, yes, no));
  ensures never_none: Routine_first(t) ==> \result != 0;
*/
uint32_t policy_contexts(const struct policy_table *t, uint32_t yes, uint32_t no) {
	uint32_t n = t->n_contexts < POLICY_CONTEXTS_MAX ? t->n_contexts : POLICY_CONTEXTS_MAX;
	uint32_t found = 0;

	/*@
	  loop invariant 0 <= i <= n;
	  loop invariant None_certain(t, i, yes, no);
	  loop invariant
	    \forall integer k; 0 <= k < 32 ==>
	      (Bit(found, k) <==> k >= i && May_be_in_force(t, k, yes, no));
	  loop assigns i, found;
	  loop variant i;
	*/
	for (uint32_t i = n; i > 0; --i) {
		const struct policy_context *c = &t->contexts[i - 1];

		if (signals_are_possible(c->when_true, c->when_false, yes, no))
			found = with_bit(found, i - 1);
		if (signals_are_known(c->when_true, c->when_false, yes, no)) {
			/*@ assert Bit(found, i - 1); */
			return found;
		}
	}
	/*@ assert n > 0 ==> !Certain(t, 0, yes, no); */
	/*@ assert !Routine_first(t); */
	return found;
}
