/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_CARDS_H
#define BROKER_CARDS_H

/*
 * Cards that were told of, while nobody watches
 *
 * A watcher tells what there is when it begins, and what changes: not what went
 * while there was none. A card that its successor does not tell of in time is out.
 */

#include <stdbool.h>
#include <stdint.h>

#include "policy/token-rules.h"
#include "tokens/token.h"

#define CARDS_MAX 16u        /* two for each reader                                  */
#define CARDS_DOUBT_MS 5000u /* for the next watcher to tell of it                   */

struct card_there {
	bool there;
	uint64_t doubt_ms; /* taken to be out then; 0: somebody watches it           */
	uint32_t reader;
	char name[LIMIT_NAME];
};

struct cards {
	struct card_there list[CARDS_MAX];
};

/* cards_saw() - a watcher tells something; whatever it is, it is noted */
void cards_saw(struct cards *cards, const struct token_sight *sight);

/* cards_unwatched() - the watcher has ended: every card is in doubt from now on */
void cards_unwatched(struct cards *cards, uint64_t now_ms);

/* cards_rules() - other readers: what is known of those that changed is forgotten */
void cards_rules(struct cards *cards, const struct token_rules *old,
		 const struct token_rules *rules);

/*
 * cards_lost() - a card that nobody told of any more
 * @ret_sight:  that it is out
 *
 * Return: true, once for each; false: none.
 */
bool cards_lost(struct cards *cards, uint64_t now_ms, struct token_sight *ret_sight);

#endif
