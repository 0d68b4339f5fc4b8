/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lengths, counts and offsets in a frame; proved
 */

#include "wire/frame-length.h"

/*@
  logic integer Values(integer number, integer pairs) = pairs == 0 ? number : 2 * number;

  predicate Same_text{L}(uint8_t *p, uint8_t *q, integer n) =
    \forall integer i; 0 <= i < n ==> p[i] == q[i];

  // Key number i of the level is the text at `at`.
  predicate Is_key{L}(struct frame_inside *level, integer i, uint8_t *p, integer at,
                      integer length) =
    level->lengths[i] == length && Same_text(p + level->keys[i], p + at, length);

  predicate Within_packet{L}(struct frame_inside *level, integer i, integer n) =
    level->keys[i] + level->lengths[i] <= n;
*/

/*@
  terminates \true;
  assigns \nothing;
  ensures \result <==> Values(number, pairs) <= left;
*/
static bool values_fit(uint64_t number, bool pairs, uint64_t left) {
	return number <= (pairs ? left / 2 : left);
}

/*@
  terminates \true;
  assigns \nothing;
  ensures exactly: \result <==>
    1 <= taken <= n && length < taken && taken + Values(number, pairs) <= n;
*/
bool frame_item_fits(size_t n, size_t taken, size_t length, uint64_t number, bool pairs) {
	return taken <= n && length < taken && values_fit(number, pairs, n - taken);
}

/*@
  requires \valid(ret_wanted);
  terminates \true;
  assigns *ret_wanted;
  ensures exactly: \result <==> wanted >= 1 && wanted - 1 + Values(number, pairs) <= left;
  ensures \result ==> *ret_wanted == wanted - 1 + Values(number, pairs);
*/
bool frame_wanted(uint64_t wanted, uint64_t number, bool pairs, size_t left,
		  uint64_t *ret_wanted) {
	if (wanted == 0 || wanted - 1 > left || !values_fit(number, pairs, left - (wanted - 1)))
		return false;
	*ret_wanted = wanted - 1 + (pairs ? 2 * number : number);
	return true;
}

/*@
  requires \valid(walk);
  terminates \true;
  assigns walk->done;
  ensures exactly: \result <==> \old(walk->done) + taken <= walk->n;
  ensures \result ==> walk->done == \old(walk->done) + taken;
  ensures !\result ==> walk->done == \old(walk->done);
*/
bool frame_walk_take(struct frame_walk *walk, size_t taken) {
	if (walk->done > walk->n || taken > walk->n - walk->done)
		return false;
	walk->done += taken;
	return true;
}

/*@
  requires \valid(walk);
  terminates \true;
  assigns walk->depth, walk->levels[0 .. FRAME_DEPTH_MAX - 1];
  ensures exactly: \result <==> \old(walk->depth) < FRAME_DEPTH_MAX;
  ensures \result ==>
    walk->depth == \old(walk->depth) + 1 &&
    walk->levels[walk->depth - 1].left == number &&
    walk->levels[walk->depth - 1].n_keys == 0 &&
    (walk->levels[walk->depth - 1].is_map <==> is_map);
  ensures never_too_deep: \result ==> 1 <= walk->depth <= FRAME_DEPTH_MAX;
*/
bool frame_walk_enter(struct frame_walk *walk, uint64_t number, bool is_map) {
	struct frame_inside *level;

	if (walk->depth >= FRAME_DEPTH_MAX)
		return false;
	level = &walk->levels[walk->depth];
	level->left = number;
	level->is_map = is_map;
	level->n_keys = 0;
	++walk->depth;
	return true;
}

/*@
  requires \valid(walk);
  terminates \true;
  assigns walk->depth, walk->levels[0 .. FRAME_DEPTH_MAX - 1].left;
  ensures never_too_deep: \result ==> 1 <= walk->depth <= FRAME_DEPTH_MAX;
  ensures never_deeper: walk->depth <= \old(walk->depth);
  ensures one_less: \result ==>
    walk->levels[walk->depth - 1].left ==
      \at(walk->levels[\at(walk->depth, Post) - 1].left, Pre) - 1;
  ensures only_what_is_at_its_end_is_left: \forall integer i;
    (\result ? walk->depth : 0) <= i < \old(walk->depth) <= FRAME_DEPTH_MAX ==>
    \old(walk->levels[i].left) == 0;
*/
bool frame_walk_next(struct frame_walk *walk) {
	if (walk->depth > FRAME_DEPTH_MAX)
		return false;
	/*@
	  loop invariant walk->depth <= \at(walk->depth, Pre);
	  loop invariant \forall integer i;
	    walk->depth <= i < \at(walk->depth, Pre) ==> \at(walk->levels[i].left, Pre) == 0;
	  loop assigns walk->depth;
	  loop variant walk->depth;
	*/
	while (walk->depth > 0) {
		struct frame_inside *level = &walk->levels[walk->depth - 1];

		if (level->left > 0) {
			--level->left;
			return true;
		}
		--walk->depth;
	}
	return false;
}

/*@
  requires \valid_read(p + (0 .. n - 1));
  requires \valid_read(q + (0 .. n - 1));
  terminates \true;
  assigns \nothing;
  ensures \result <==> Same_text(p, q, n);
*/
static bool is_same_text(const uint8_t *p, const uint8_t *q, size_t n) {
	/*@
	  loop invariant 0 <= i <= n;
	  loop invariant Same_text(p, q, i);
	  loop assigns i;
	  loop variant n - i;
	*/
	for (size_t i = 0; i < n; ++i) {
		if (p[i] != q[i])
			return false;
	}
	return true;
}

/*@
  requires \valid_read(level);
  requires \valid_read(packet + (0 .. n - 1));
  terminates \true;
  assigns \nothing;
  ensures never_twice: \result ==> \forall integer i; 0 <= i < level->n_keys ==>
    !Is_key(level, i, packet, at, length);
  ensures new_is_new: !\result && at + length <= n && level->n_keys <= FRAME_KEYS_MAX ==>
    \exists integer i; 0 <= i < level->n_keys &&
      (Is_key(level, i, packet, at, length) || !Within_packet(level, i, n));
*/
bool frame_key_is_new(const struct frame_inside *level, const uint8_t *packet, size_t n, size_t at,
		      size_t length) {
	if (level->n_keys > FRAME_KEYS_MAX || at > n || length > n - at)
		return false;
	/*@
	  loop invariant 0 <= i <= level->n_keys;
	  loop invariant \forall integer k; 0 <= k < i ==>
	    !Is_key(level, k, packet, at, length);
	  loop assigns i;
	  loop variant level->n_keys - i;
	*/
	for (uint32_t i = 0; i < level->n_keys; ++i) {
		if (level->keys[i] > n || level->lengths[i] > n - level->keys[i]) {
			/*@ assert !Within_packet(level, i, n); */
			return false;
		}
		if (level->lengths[i] == length &&
		    is_same_text(packet + level->keys[i], packet + at, length)) {
			/*@ assert Is_key(level, i, packet, at, length); */
			return false;
		}
	}
	return true;
}

/*@
  requires \valid(level);
  terminates \true;
  assigns level->n_keys, level->keys[0 .. FRAME_KEYS_MAX - 1],
          level->lengths[0 .. FRAME_KEYS_MAX - 1];
  ensures exactly: \result <==>
    \old(level->n_keys) < FRAME_KEYS_MAX && length < FRAME_NAME_MAX && at < LIMIT_FRAME;
  ensures noted_as_it_is: \result ==>
    level->n_keys == \old(level->n_keys) + 1 &&
    level->keys[level->n_keys - 1] == at && level->lengths[level->n_keys - 1] == length;
  ensures others_stay: \forall integer i; 0 <= i < \old(level->n_keys) < FRAME_KEYS_MAX ==>
    level->keys[i] == \old(level->keys[i]) && level->lengths[i] == \old(level->lengths[i]);
*/
bool frame_key_note(struct frame_inside *level, size_t at, size_t length) {
	if (level->n_keys >= FRAME_KEYS_MAX || length >= FRAME_NAME_MAX || at >= LIMIT_FRAME)
		return false;
	level->keys[level->n_keys] = (uint16_t)at;
	level->lengths[level->n_keys] = (uint8_t)length;
	++level->n_keys;
	return true;
}

/*@
  terminates \true;
  assigns \nothing;
  ensures exactly: \result <==> used + n <= capacity;
*/
bool frame_has_room(size_t capacity, size_t used, size_t n) {
	return used <= capacity && n <= capacity - used;
}

/*@
  requires \valid(ret_behind);
  terminates \true;
  assigns *ret_behind;
  ensures exactly: \result <==>
    n_head >= 1 && start + 1 <= used && used + n_head - 1 <= capacity;
  ensures \result ==>
    start + 1 + *ret_behind == used && start + n_head + *ret_behind <= capacity;
*/
bool frame_head_grows(size_t capacity, size_t used, size_t start, size_t n_head,
		      size_t *ret_behind) {
	if (n_head == 0 || start >= used || !frame_has_room(capacity, used, n_head - 1))
		return false;
	*ret_behind = used - start - 1;
	return true;
}
