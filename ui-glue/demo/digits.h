/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_DIGITS_H
#define UI_GLUE_DEMO_DIGITS_H

/*
 * Digits: keys of the pump, or of a code that somebody types?
 *
 * Whoever holds a badge to the reader goes on typing the code that is asked for on
 * other days; whoever puts a card in types the PIN before the screen asks. None of
 * that may start a therapy. So a digit counts as a key of the pump when it stays
 * alone for a moment, a longer one after a tap or card. Several keys in a row are
 * typing: they are kept for the prompt that may follow, and press nothing.
 *
 * Only digits: F1, F2 and F10 never wait. Times are milliseconds that only grow.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGITS_ALONE_MS 500        /* for so long no other key                       */
#define DIGITS_TAPPED_MS 5000      /* so long after a tap or card ...                 */
#define DIGITS_TAPPED_ALONE_MS 1500 /* ... for so long no other key                    */
#define DIGITS_ROOM 16u            /* a PIN that is longer is typed once more         */

struct digits {
	int64_t typed_ms;      /* the newest key; 0: none                             */
	int64_t presented_ms;  /* the newest tap or card; 0: none                     */
	char held;             /* waits for being alone; 0: none                      */
	bool in_row;
	char ahead[DIGITS_ROOM]; /* typed before they were asked for                   */
	size_t n;
};

/* A badge was tapped; a card or key was put in. */
void digits_presented(struct digits *d, int64_t now_ms);

/* digits_typed() - a digit, while nothing asks for it. Return: it is one of several in a row. */
bool digits_typed(struct digits *d, char digit, int64_t now_ms);

/* Any other key. Return: it belongs to the row, and is to be passed over. */
bool digits_other(struct digits *d, bool is_enter, int64_t now_ms);

/* digits_due() - the one that has stayed alone: a key of the pump. Return: it; 0: none. */
char digits_due(struct digits *d, int64_t now_ms);

/* A prompt for digits: takes what was typed ahead, at most @room. Return: how many. */
size_t digits_claim(struct digits *d, char *ret_digits, size_t room);

/* A prompt for something else. */
void digits_wipe(struct digits *d);

#endif
