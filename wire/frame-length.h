/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_FRAME_LENGTH_H
#define WIRE_FRAME_LENGTH_H

/*
 * Lengths, counts and offsets in a frame: the arithmetic on what a peer claims,
 * and on the room that is left; pure and proved
 *
 * None of it wraps for any numbers, so that nobody has to rely on a check that
 * was made elsewhere.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"

#define FRAME_DEPTH_MAX 6u  /* the frame's array is the first, its body the second   */
#define FRAME_NAME_MAX 32u  /* bytes of a verb, an event or a key, with NUL          */
#define FRAME_KEYS_MAX 64u  /* keys of one map                                       */

/*
 * frame_item_fits() - can a decoded item be as it says?
 * @n:       bytes there are
 * @taken:   bytes that the head took, with a string's text
 * @length:  bytes of a string's text; 0 for all else
 * @number:  values of an array, pairs of a map; 0 for all else
 * @pairs:   is it a map?
 *
 * Return: true when all of it, with the least that its values take, is in @n bytes.
 */
bool frame_item_fits(size_t n, size_t taken, size_t length, uint64_t number, bool pairs);

/*
 * frame_wanted() - how many values are still to come, after one that has values itself
 * @wanted:  how many there were, with this one
 * @left:    bytes behind its head
 *
 * Return: true with *@ret_wanted; false when there are too few bytes for them.
 */
bool frame_wanted(uint64_t wanted, uint64_t number, bool pairs, size_t left,
		  uint64_t *ret_wanted);

/* One map or array that a walk is inside of. */
struct frame_inside {
	uint64_t left; /* values or pairs that are still to come                 */
	bool is_map;
	uint32_t n_keys;
	uint16_t keys[FRAME_KEYS_MAX]; /* offsets of the keys' texts              */
	uint8_t lengths[FRAME_KEYS_MAX];
};

/* A walk through a packet of @n bytes. Zeroed but for @n: at its beginning. */
struct frame_walk {
	size_t n;
	size_t done;
	uint32_t depth;
	struct frame_inside levels[FRAME_DEPTH_MAX];
};

/* Takes @taken bytes. Return: true; false when there are not as many. */
bool frame_walk_take(struct frame_walk *walk, size_t taken);

/* Goes into a map or an array. Return: true; false when it is too deep. */
bool frame_walk_enter(struct frame_walk *walk, uint64_t number, bool is_map);

/*
 * frame_walk_next() - leave what is at its end, and count the next value or pair
 *
 * Return: true with @walk->depth - 1 as the level that it is of; false at the end.
 */
bool frame_walk_next(struct frame_walk *walk);

/*
 * frame_key_is_new() - is the text at @at, @length bytes, another than all keys before?
 *
 * Return: false as well for a level or a text that is not within the @n bytes of @packet.
 */
bool frame_key_is_new(const struct frame_inside *level, const uint8_t *packet, size_t n, size_t at,
		      size_t length);

/* Notes a key. Return: true; false when it is one too many, too long or too far away. */
bool frame_key_note(struct frame_inside *level, size_t at, size_t length);

/* Is there room for @n bytes more? */
bool frame_has_room(size_t capacity, size_t used, size_t n);

/*
 * frame_head_grows() - what moves when a head of one byte becomes one of @n_head
 * @start:  offset of the head
 *
 * Return: true with the number of bytes behind the head; false when there is no room.
 */
bool frame_head_grows(size_t capacity, size_t used, size_t start, size_t n_head,
		      size_t *ret_behind);

#endif
