/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/cards.h"

#include <string.h>

static bool is_of(const struct card_there *card, const struct token_sight *sight) {
	return card->there && card->reader == sight->reader &&
	       strncmp(card->name, sight->name, sizeof(card->name)) == 0;
}

static void forget(struct card_there *card) {
	*card = (struct card_there){ 0 };
}

static void note(struct cards *cards, const struct token_sight *sight) {
	struct card_there *place = NULL;

	for (size_t i = 0; i < CARDS_MAX; ++i) {
		if (is_of(&cards->list[i], sight)) {
			cards->list[i].doubt_ms = 0;
			return;
		}
		if (!cards->list[i].there && !place)
			place = &cards->list[i];
	}
	if (!place)
		return;
	*place = (struct card_there){ .there = true, .reader = sight->reader };
	memcpy(place->name, sight->name, sizeof(place->name));
}

void cards_saw(struct cards *cards, const struct token_sight *sight) {
	if (sight->kind == TOKEN_SIGHT_CARD_IN) {
		note(cards, sight);
		return;
	}
	for (size_t i = 0; i < CARDS_MAX; ++i) {
		struct card_there *card = &cards->list[i];

		if ((sight->kind == TOKEN_SIGHT_CARD_OUT && is_of(card, sight)) ||
		    (sight->kind == TOKEN_SIGHT_READER_GONE && card->reader == sight->reader))
			forget(card);
	}
}

void cards_unwatched(struct cards *cards, uint64_t now_ms) {
	for (size_t i = 0; i < CARDS_MAX; ++i)
		if (cards->list[i].there && cards->list[i].doubt_ms == 0)
			cards->list[i].doubt_ms = now_ms + CARDS_DOUBT_MS;
}

void cards_rules(struct cards *cards, const struct token_rules *old,
		 const struct token_rules *rules) {
	for (size_t i = 0; i < CARDS_MAX; ++i) {
		uint32_t n = cards->list[i].reader;

		if (n >= old->n_readers || n >= rules->n_readers ||
		    old->readers[n].kind != rules->readers[n].kind ||
		    old->readers[n].seats != rules->readers[n].seats ||
		    strcmp(old->readers[n].path, rules->readers[n].path) != 0)
			forget(&cards->list[i]);
	}
}

bool cards_lost(struct cards *cards, uint64_t now_ms, struct token_sight *ret_sight) {
	for (size_t i = 0; i < CARDS_MAX; ++i) {
		struct card_there *card = &cards->list[i];

		if (!card->there || card->doubt_ms == 0 || now_ms < card->doubt_ms)
			continue;
		*ret_sight = (struct token_sight){ .kind = TOKEN_SIGHT_CARD_OUT,
						   .reader = card->reader };
		memcpy(ret_sight->name, card->name, sizeof(ret_sight->name));
		forget(card);
		return true;
	}
	return false;
}
