/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOKENS_FIXTURE_CARD_H
#define TESTS_TOKENS_FIXTURE_CARD_H

/*
 * A card that really signs, and that can be pulled at a moment which no real one hits
 *
 * FIXTURE_CARD names a folder with card.der and card.key. While there is a file
 * "pull" in it, the card signs only after the watcher has told that it is out, and
 * "told" is there: the watcher is quicker than the answer.
 */

#include <stdbool.h>

#include "tokens/token.h"

bool fixture_has_card(void);
/* @candidate becomes the card. */
void fixture_card_look(struct token_candidate *candidate);
enum token_error fixture_card_sign(const struct token_sign *sign, struct token_answer *ret_answer);

/* The watcher's part: was it pulled, and not told of yet? It has been told. */
bool fixture_card_is_pulled(void);
void fixture_card_told(void);
#define FIXTURE_CARD_READER "Card desk"

#endif
