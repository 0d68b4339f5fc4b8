/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_MASKS_H
#define POLICY_MASKS_H

/*
 * Bits of roles, signals and contexts, with what is proved about them
 *
 * Only for the proved files of this folder. Shifts of a 1 to the left are
 * avoided: the provers cannot bound them.
 */

#include <stdbool.h>
#include <stdint.h>

/*@
  predicate Bit(integer mask, integer i) = ((mask >> i) & 1) != 0;

  // Bits in both masks. Every & of the rules goes through this, because the provers
  // do not know that & may be turned round.
  logic integer Both(integer p, integer q) = p & q;

  // Signals known to be as wanted. One told to be both is not known.
  predicate Known(integer want_true, integer want_false, integer yes, integer no) =
    Both(yes, want_true) == want_true && Both(no, want_true) == 0 &&
    Both(no, want_false) == want_false && Both(yes, want_false) == 0;

  // No wanted signal is known to be the other way round.
  predicate Not_excluded(integer want_true, integer want_false, integer yes, integer no) =
    Both(yes, Both(no, want_true)) == Both(no, want_true) &&
    Both(no, Both(yes, want_false)) == Both(yes, want_false);

  lemma none_has_no_bit: \forall integer i; 0 <= i < 32 ==> !Bit(0, i);

  lemma nothing_wanted: \forall integer yes, no; Known(0, 0, yes, no);

  lemma known_is_possible:
    \forall integer want_true, want_false, yes, no;
      Known(want_true, want_false, yes, no) ==>
      Not_excluded(want_true, want_false, yes, no);
*/

/*@
  terminates \true;
  assigns \nothing;
  ensures \result == Both(q, p);
  ensures
    \forall integer i; 0 <= i < 32 ==> (Bit(\result, i) <==> Bit(p, i) && Bit(q, i));
*/
static inline uint32_t both(uint32_t p, uint32_t q) {
	return p & q;
}

/* Are all signals that are wanted known to be as wanted? */
/*@
  terminates \true;
  assigns \nothing;
  ensures \result <==> Known(want_true, want_false, yes, no);
*/
static inline bool signals_are_known(uint32_t want_true, uint32_t want_false, uint32_t yes,
                                     uint32_t no) {
	return both(want_true, yes) == want_true && both(want_true, no) == 0 &&
	       both(want_false, no) == want_false && both(want_false, yes) == 0;
}

/* May all signals that are wanted be as wanted, for all that is known? */
/*@
  terminates \true;
  assigns \nothing;
  ensures \result <==> Not_excluded(want_true, want_false, yes, no);
*/
static inline bool signals_are_possible(uint32_t want_true, uint32_t want_false, uint32_t yes,
                                        uint32_t no) {
	uint32_t against_true = both(want_true, no);
	uint32_t against_false = both(want_false, yes);

	return both(against_true, yes) == against_true && both(against_false, no) == against_false;
}

/* @mask with bit @i set as well. */
/*@
  requires i < 32;
  terminates \true;
  assigns \nothing;
  ensures \forall integer k; 0 <= k < 32 ==> (Bit(\result, k) <==> k == i || Bit(mask, k));
*/
static inline uint32_t with_bit(uint32_t mask, uint32_t i) {
	return mask | (0x80000000u >> (31u - i));
}

#endif
