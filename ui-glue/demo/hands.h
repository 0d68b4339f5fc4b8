/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_HANDS_H
#define UI_GLUE_DEMO_HANDS_H

/*
 * Hands for the virtual card, security key and badge, at the interactive screen
 *
 * In a room (room.h) somebody has to put the card in, touch the key and hold the
 * badge to its reader: keys of the keyboard do, whatever is on the screen. With
 * real readers there are no such hands, and no PIN is known or shown.
 */

#include <stdbool.h>
#include <stddef.h>

#include "ui-glue/demo/hospital.h"

/* What is true of the virtual ones, and of no real one. */
#define HANDS_CARD_PIN "123456"
#define HANDS_KEY_PIN  "98765432"
#define HANDS_CODE     "7391"
#define HANDS_BADGE    "04A1B2C3"

#define HANDS_LINE 80u

struct hands {
	const struct places *places;
	bool card, key, badge; /* enrolled, and can be moved                            */
	bool is_card_in, is_key_in;
	bool is_touch_wanted;  /* the screen asks for it                                */
};

/*
 * hands_enrol() - give the staff what the room has, by Adams
 *
 * Berg the card and Sora the key, who update the software together; Kim the badge.
 *
 * What cannot be enrolled is said on standard output, and left out.
 */
void hands_enrol(struct hands *hands, struct hospital *h);

/* How to move them, in one line of the screen; "": there are none. */
void hands_line(const struct hands *hands, char ret_line[static HANDS_LINE]);

/*
 * hands_move() - '9' the card, in or out; '7' the key, in, touched or out; '8' the badge
 * @ret_words:  what has been done, or could not
 *
 * Return: true; false: there is no such hand.
 */
bool hands_move(struct hands *hands, char which, char ret_words[static HANDS_LINE]);

#endif
