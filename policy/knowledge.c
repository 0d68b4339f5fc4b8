/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the signals, now and when all that is perishable is gone; proved
 */

#include "policy/knowledge.h"
#include "policy/masks.h"

/*@
  logic integer Value{L}(struct policy_told *s, integer t) =
    s->until_ms != 0 && t >= s->until_ms ? 0 : s->value;

  predicate True_at{L}(struct policy_told *s, integer t) = Value(s, t) > 0;
  predicate False_at{L}(struct policy_told *s, integer t) = Value(s, t) < 0;

  // Said for good.
  predicate Stays_true{L}(struct policy_told *s) = s->until_ms == 0 && s->value > 0;
  predicate Stays_false{L}(struct policy_told *s) = s->until_ms == 0 && s->value < 0;

  logic integer N_told(integer n) = n < POLICY_SIGNALS_MAX ? n : POLICY_SIGNALS_MAX;

  // May the lock come after so long, for all that is known of the contexts?
  predicate May_idle{L}(struct policy_table *t, integer contexts, integer i) =
    0 <= i < t->n_contexts && i < POLICY_CONTEXTS_MAX && Bit(contexts, i);
*/

/*@
  requires \valid_read(told);
  terminates \true;
  assigns \nothing;
  ensures \result == Value(told, now_ms);
*/
int policy_told_value(const struct policy_told *told, uint64_t now_ms) {
	if (told->until_ms != 0 && now_ms >= told->until_ms)
		return 0;
	return told->value;
}

/*@
  terminates \true;
  assigns \nothing;
  ensures \result == 0 <==> ttl_ms == 0;
  ensures ttl_ms != 0 ==>
    \result == (now_ms + ttl_ms < UINT64_MAX ? now_ms + ttl_ms : UINT64_MAX);
*/
uint64_t policy_told_until(uint64_t now_ms, uint32_t ttl_ms) {
	if (ttl_ms == 0)
		return 0;
	return now_ms > UINT64_MAX - ttl_ms ? UINT64_MAX : now_ms + ttl_ms;
}

/*@
  requires \valid_read(told + (0 .. N_told(n) - 1));
  terminates \true;
  assigns \nothing;
  ensures \forall integer i; 0 <= i < 32 ==>
    (Bit(\result, i) <==> i < n && True_at(told + i, now_ms));
*/
static uint32_t true_at(const struct policy_told *told, uint32_t n, uint64_t now_ms) {
	uint32_t found = 0;

	/*@
	  loop invariant 0 <= i <= N_told(n);
	  loop invariant \forall integer k; 0 <= k < 32 ==>
	    (Bit(found, k) <==> k < i && True_at(told + k, now_ms));
	  loop assigns i, found;
	  loop variant POLICY_SIGNALS_MAX - i;
	*/
	for (uint32_t i = 0; i < n && i < POLICY_SIGNALS_MAX; ++i) {
		if (policy_told_value(&told[i], now_ms) > 0)
			found = with_bit(found, i);
	}
	return found;
}

/*@
  requires \valid_read(told + (0 .. N_told(n) - 1));
  terminates \true;
  assigns \nothing;
  ensures \forall integer i; 0 <= i < 32 ==>
    (Bit(\result, i) <==> i < n && False_at(told + i, now_ms));
*/
static uint32_t false_at(const struct policy_told *told, uint32_t n, uint64_t now_ms) {
	uint32_t found = 0;

	/*@
	  loop invariant 0 <= i <= N_told(n);
	  loop invariant \forall integer k; 0 <= k < 32 ==>
	    (Bit(found, k) <==> k < i && False_at(told + k, now_ms));
	  loop assigns i, found;
	  loop variant POLICY_SIGNALS_MAX - i;
	*/
	for (uint32_t i = 0; i < n && i < POLICY_SIGNALS_MAX; ++i) {
		if (policy_told_value(&told[i], now_ms) < 0)
			found = with_bit(found, i);
	}
	return found;
}

/* When the first of those that are known at @now_ms perishes. */
/*@
  requires \valid_read(told + (0 .. N_told(n) - 1));
  terminates \true;
  assigns \nothing;
  ensures \result > now_ms || \result == UINT64_MAX;
  ensures holds_until: \forall integer i, t;
    0 <= i < N_told(n) && now_ms <= t < \result ==>
    Value(told + i, t) == Value(told + i, now_ms);
*/
static uint64_t known_until(const struct policy_told *told, uint32_t n, uint64_t now_ms) {
	uint64_t until = UINT64_MAX;

	/*@
	  loop invariant 0 <= i <= N_told(n);
	  loop invariant until > now_ms || until == UINT64_MAX;
	  loop invariant \forall integer k; 0 <= k < i && Value(told + k, now_ms) != 0 ==>
	    told[k].until_ms == 0 || until <= told[k].until_ms;
	  loop assigns i, until;
	  loop variant POLICY_SIGNALS_MAX - i;
	*/
	for (uint32_t i = 0; i < n && i < POLICY_SIGNALS_MAX; ++i) {
		if (policy_told_value(&told[i], now_ms) == 0 || told[i].until_ms == 0)
			continue;
		if (told[i].until_ms < until)
			until = told[i].until_ms;
	}
	return until;
}

/*@
  requires \valid_read(told + (0 .. N_told(n) - 1));
  requires \valid(ret_knowledge);
  requires \separated(told + (0 .. N_told(n) - 1), ret_knowledge);
  terminates \true;
  assigns *ret_knowledge;
  ensures true_now: \forall integer i; 0 <= i < 32 ==>
    (Bit(ret_knowledge->true_now, i) <==> i < n && True_at(told + i, now_ms));
  ensures false_now: \forall integer i; 0 <= i < 32 ==>
    (Bit(ret_knowledge->false_now, i) <==> i < n && False_at(told + i, now_ms));
  ensures true_later: \forall integer i; 0 <= i < 32 ==>
    (Bit(ret_knowledge->true_later, i) <==> i < n && Stays_true(told + i));
  ensures false_later: \forall integer i; 0 <= i < 32 ==>
    (Bit(ret_knowledge->false_later, i) <==> i < n && Stays_false(told + i));
  ensures true_later_is_known_now: \forall integer i; 0 <= i < 32 ==>
    Bit(ret_knowledge->true_later, i) ==> Bit(ret_knowledge->true_now, i);
  ensures false_later_is_known_now: \forall integer i; 0 <= i < 32 ==>
    Bit(ret_knowledge->false_later, i) ==> Bit(ret_knowledge->false_now, i);
  ensures nothing_is_both: \forall integer i; 0 <= i < 32 ==>
    !(Bit(ret_knowledge->true_now, i) && Bit(ret_knowledge->false_now, i));
  ensures holds_until: \forall integer i, t;
    0 <= i < N_told(n) && now_ms <= t < ret_knowledge->until_ms ==>
    Value(told + i, t) == Value(told + i, now_ms);
*/
void policy_look(const struct policy_told *told, uint32_t n, uint64_t now_ms,
		 struct policy_knowledge *ret_knowledge) {
	uint32_t true_now = true_at(told, n, now_ms);
	uint32_t false_now = false_at(told, n, now_ms);
	/* At the end of time all that ever perishes is gone. */
	uint32_t true_later = true_at(told, n, UINT64_MAX);
	uint32_t false_later = false_at(told, n, UINT64_MAX);
	uint64_t until_ms = known_until(told, n, now_ms);

	ret_knowledge->true_now = true_now;
	ret_knowledge->false_now = false_now;
	ret_knowledge->true_later = true_later;
	ret_knowledge->false_later = false_later;
	ret_knowledge->until_ms = until_ms;
}

/*@
  requires \valid_read(table);
  terminates \true;
  assigns \nothing;
  ensures longest: \forall integer i; May_idle(table, contexts, i) ==>
    table->contexts[i].idle_lock_ms <= \result;
  ensures one_of_them: \result != 0 ==>
    \exists integer i; May_idle(table, contexts, i) &&
      table->contexts[i].idle_lock_ms == \result;
*/
uint32_t policy_idle_ms(const struct policy_table *table, uint32_t contexts) {
	uint32_t longest = 0;

	/*@
	  loop invariant 0 <= i <= POLICY_CONTEXTS_MAX && i <= table->n_contexts;
	  loop invariant \forall integer k; 0 <= k < i && May_idle(table, contexts, k) ==>
	    table->contexts[k].idle_lock_ms <= longest;
	  loop invariant longest != 0 ==>
	    \exists integer k; 0 <= k < i && May_idle(table, contexts, k) &&
	      table->contexts[k].idle_lock_ms == longest;
	  loop assigns i, longest;
	  loop variant POLICY_CONTEXTS_MAX - i;
	*/
	for (uint32_t i = 0; i < table->n_contexts && i < POLICY_CONTEXTS_MAX; ++i) {
		if (((contexts >> i) & 1) != 0 && table->contexts[i].idle_lock_ms > longest)
			longest = table->contexts[i].idle_lock_ms;
	}
	return longest;
}
