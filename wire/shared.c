/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic on what another process wrote into memory that both see; proved
 */

#include "wire/shared.h"

#include <careward/result.h>

/*@
  // The text of a field: so many bytes, then nothing but NULs, and one at least.
  predicate Is_text{L}(char *field, integer n, integer size) =
    0 <= n < size &&
    (\forall integer i; 0 <= i < n ==> field[i] != 0) &&
    (\forall integer i; n <= i < size ==> field[i] == 0);

  predicate Is_verdict(integer v) =
    v == CW_DENY || v == CW_ALLOW || v == CW_SIGN_IN || v == CW_UNLOCK || v == CW_REAUTH ||
    v == CW_CONFIRM || v == CW_BREAK_GLASS;

  predicate Good_numbers{L}(struct ring_record *r) =
    r->magic == RING_MAGIC && r->zero == 0 && r->serial != 0 &&
    RECORD_START <= r->kind <= RECORD_REASON && Is_verdict(r->verdict) &&
    r->reason < CW_N_REASONS;
*/

/*@
  terminates \true;
  assigns \nothing;
  ensures 0 <= \result <= 1;
  ensures \result == generation % 2;
*/
uint32_t state_page_slot(uint64_t generation) {
	return (uint32_t)(generation % 2);
}

/*@
  terminates \true;
  assigns \nothing;
  ensures never_being_written: \result != 0;
  ensures never_the_named_slot: \result % 2 != generation % 2;
  ensures generation < UINT64_MAX ==> \result == generation + 1;
*/
uint64_t state_page_after(uint64_t generation) {
	return generation < UINT64_MAX ? generation + 1 : 2;
}

/*@
  terminates \true;
  assigns \nothing;
  ensures \result <==> generation != 0 && generation != before;
*/
bool state_page_may_read(uint64_t generation, uint64_t before) {
	return generation != 0 && generation != before;
}

/*@
  terminates \true;
  assigns \nothing;
  ensures within_the_ring: 0 <= \result < LIMIT_RING_RECORDS;
  ensures exactly: \result == (written + i) % LIMIT_RING_RECORDS;
*/
uint32_t ring_slot_after(uint64_t written, uint32_t i) {
	uint32_t first = (uint32_t)(written % LIMIT_RING_RECORDS);

	return (first + i % LIMIT_RING_RECORDS) % LIMIT_RING_RECORDS;
}

/*@
  terminates \true;
  assigns \nothing;
  ensures \result == (lost < 255 ? lost : 255);
*/
uint8_t ring_lost_told(uint64_t lost) {
	return lost < UINT8_MAX ? (uint8_t)lost : UINT8_MAX;
}

/*@
  terminates \true;
  assigns \nothing;
  ensures \result >= lost && \result >= 1;
  ensures lost < UINT64_MAX ==> \result == lost + 1;
*/
uint64_t ring_lost_more(uint64_t lost) {
	return lost < UINT64_MAX ? lost + 1 : lost;
}

/*@
  requires \valid(cursor) && \valid(ret_slot) && \separated(cursor, ret_slot);
  terminates \true;
  assigns *cursor, *ret_slot;
  ensures exactly: \result <==> \old(*cursor) < LIMIT_RING_RECORDS;
  ensures \result ==> *ret_slot == \old(*cursor) && *cursor == \old(*cursor) + 1;
  ensures within_the_ring: \result ==> *ret_slot < LIMIT_RING_RECORDS;
*/
bool ring_cursor_take(uint32_t *cursor, uint32_t *ret_slot) {
	if (*cursor >= LIMIT_RING_RECORDS)
		return false;
	*ret_slot = *cursor;
	++*cursor;
	return true;
}

/*@
  requires \valid_read(field + (0 .. size - 1));
  terminates \true;
  assigns \nothing;
  ensures a_text: \result < size ==> Is_text(field, \result, size);
  ensures no_text: \result >= size ==> \result == size &&
    \forall integer n; !Is_text(field, n, size);
*/
size_t ring_text_length(const char *field, size_t size) {
	size_t n = 0;

	/*@
	  loop invariant 0 <= n <= size;
	  loop invariant \forall integer i; 0 <= i < n ==> field[i] != 0;
	  loop assigns n;
	  loop variant size - n;
	*/
	while (n < size && field[n] != 0)
		++n;
	/*@ assert ends_there: \forall integer k; Is_text(field, k, size) ==> k == n; */
	/*@
	  loop invariant n <= i <= size;
	  loop invariant \forall integer k; n <= k < i ==> field[k] == 0;
	  loop assigns i;
	  loop variant size - i;
	*/
	for (size_t i = n; i < size; ++i) {
		if (field[i] != 0)
			return size;
	}
	return n;
}

/*@
  terminates \true;
  assigns \nothing;
  ensures \result <==> Is_verdict(verdict);
*/
static bool is_verdict(uint8_t verdict) {
	return verdict == CW_DENY || verdict == CW_ALLOW || verdict == CW_SIGN_IN ||
	       verdict == CW_UNLOCK || verdict == CW_REAUTH || verdict == CW_CONFIRM ||
	       verdict == CW_BREAK_GLASS;
}

/*@
  requires \valid_read(record);
  terminates \true;
  assigns \nothing;
  ensures exactly: \result <==> Good_numbers(record);
*/
bool ring_numbers_are_valid(const struct ring_record *record) {
	if (record->magic != RING_MAGIC || record->zero != 0 || record->serial == 0)
		return false;
	if (record->kind < RECORD_START || record->kind > RECORD_REASON)
		return false;
	return is_verdict(record->verdict) && record->reason < CW_N_REASONS;
}
