/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the set of contexts means, proved
 *
 * A world says of each signal whether it is true. Whatever is known of a world,
 * the context that is in force in it is in the set; and who knows less keeps
 * every context: what is decided when signals have gone stale is never milder
 * for want of one. The functions are only proved, never run.
 */

#include "policy/contexts.c"

/*@
  // The provers do not know these two; scripts/ unfolds them for Qed, which does.
  lemma turn: \forall integer p, q; Both(p, q) == Both(q, p);
  lemma regroup: \forall integer p, q, r; Both(p, Both(q, r)) == Both(Both(p, q), r);

  // What is known is so in this world.
  predicate Told(integer yes, integer no, integer world) =
    Both(yes, world) == yes && Both(no, world) == 0;

  predicate Applies{L}(struct policy_table *t, integer i, integer world) =
    Both(world, t->contexts[i].when_true) == t->contexts[i].when_true &&
    Both(world, t->contexts[i].when_false) == 0;

  predicate In_force{L}(struct policy_table *t, integer i, integer world) =
    0 <= i < N_contexts(t) && Applies(t, i, world) &&
    \forall integer j; i < j < N_contexts(t) ==> !Applies(t, j, world);

  // Everything of (yes, no) is known in (yes_2, no_2), where nothing is told to be both.
  predicate Knows_more(integer yes, integer no, integer yes_2, integer no_2) =
    Both(yes, yes_2) == yes && Both(no, no_2) == no && Both(yes_2, no_2) == 0;

  lemma certain_applies{L}:
    \forall struct policy_table *t, integer i, yes, no, world;
      Told(yes, no, world) && Certain(t, i, yes, no) ==> Applies(t, i, world);

  lemma what_applies_is_possible{L}:
    \forall struct policy_table *t, integer i, yes, no, world;
      Told(yes, no, world) && Applies(t, i, world) ==> Possible(t, i, yes, no);

  lemma certain_stays_certain{L}:
    \forall struct policy_table *t, integer i, yes, no, yes_2, no_2;
      Knows_more(yes, no, yes_2, no_2) && Certain(t, i, yes, no) ==>
      Certain(t, i, yes_2, no_2);

  lemma possible_was_possible{L}:
    \forall struct policy_table *t, integer i, yes, no, yes_2, no_2;
      Knows_more(yes, no, yes_2, no_2) && Possible(t, i, yes_2, no_2) ==>
      Possible(t, i, yes, no);

  lemma none_was_certain{L}:
    \forall struct policy_table *t, integer i, yes, no, yes_2, no_2;
      Knows_more(yes, no, yes_2, no_2) && None_certain(t, i, yes_2, no_2) ==>
      None_certain(t, i, yes, no);

  lemma was_in_the_set{L}:
    \forall struct policy_table *t, integer i, yes, no, yes_2, no_2;
      Knows_more(yes, no, yes_2, no_2) && May_be_in_force(t, i, yes_2, no_2) ==>
      May_be_in_force(t, i, yes, no);
*/

/*@
  requires \valid_read(t) && i < 32;
  terminates \true;
  assigns \nothing;
  ensures Told(yes, no, world) && In_force(t, i, world) ==> \result == \true;
*/
bool the_context_in_force_is_among_them(const struct policy_table *t, uint32_t yes, uint32_t no,
					uint32_t world, uint32_t i) {
	return ((policy_contexts(t, yes, no) >> i) & 1) != 0;
}

/*@
  requires \valid_read(t) && i < 32;
  terminates \true;
  assigns \nothing;
  ensures Knows_more(yes, no, yes_2, no_2) ==> \result == \true;
*/
bool knowing_less_keeps_every_context(const struct policy_table *t, uint32_t yes, uint32_t no,
				      uint32_t yes_2, uint32_t no_2, uint32_t i) {
	bool with_more = ((policy_contexts(t, yes_2, no_2) >> i) & 1) != 0;
	bool with_less = ((policy_contexts(t, yes, no) >> i) & 1) != 0;

	return with_less || !with_more;
}
