/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_SHARED_H
#define WIRE_SHARED_H

/*
 * What another process wrote into memory that both see: the arithmetic on it, pure
 * and proved
 *
 * Callers load each number once and pass the copy on: what stands in the memory may
 * be something else a moment later.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ring.h"

/* Which of the two slots of a state page holds @generation? Return: 0, 1. */
uint32_t state_page_slot(uint64_t generation);

/*
 * Which generation comes after @generation? Return: one of the other slot; never 0,
 * which is a slot that is being written.
 */
uint64_t state_page_after(uint64_t generation);

/*
 * Is there anything to read in the slot that the index names? @before was read in vain.
 *
 * An index that stands still names a slot that does. Return: false when it is damaged.
 */
bool state_page_may_read(uint64_t generation, uint64_t before);

/* The slot of the ring that is @i after the @written that were ever written. */
uint32_t ring_slot_after(uint64_t written, uint32_t i);

/* How many records were lost, as a record tells it. Return: 255 for more than that. */
uint8_t ring_lost_told(uint64_t lost);

/* One more is lost. Return: never fewer than before. */
uint64_t ring_lost_more(uint64_t lost);

/* Takes the slot at *@cursor. Return: true with it; false at the end, and for any other number. */
bool ring_cursor_take(uint32_t *cursor, uint32_t *ret_slot);

/*
 * ring_text_length() - does a text end inside its field, with nothing behind it?
 *
 * Return: its length; @size when it does not.
 */
size_t ring_text_length(const char *field, size_t size);

/*
 * ring_numbers_are_valid() - is every number of a record within its range?
 * @record:  a copy that nobody else can write to
 *
 * Does not look at the checksum and at the texts.
 */
bool ring_numbers_are_valid(const struct ring_record *record);

#endif
