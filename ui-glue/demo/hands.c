/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/hands.h"

#include <stdio.h>
#include <string.h>

#include "ui-glue/demo/player.h"
#include "ui-glue/demo/room.h"
#include "ui-glue/messages/messages.h"

#define SETTLE_MS 1500 /* for a reader to be seen                                    */

/* What is enrolled, and what a hand does for it first. */
static const struct {
	const char *what;
	enum who who;
	enum cw_factor factor;
	const char *first;  /* NULL: nothing                                           */
	const char *answers[3];
	const char *last[2];
} things[] = {
	{ "card", BERG, CW_FACTOR_SMARTCARD, "@slot0 insert", { "1", HANDS_CARD_PIN, NULL },
	  { "@slot0 pull" } },
	{ "security key", SORA, CW_FACTOR_FIDO2, "@key-control set-pin " HANDS_KEY_PIN,
	  { HANDS_KEY_PIN, NULL }, { "@key-control touching manual", "@key-control unplug" } },
	{ "badge", KIM, CW_FACTOR_BADGE, NULL, { "@reader tap " HANDS_BADGE, NULL }, { NULL } },
	{ "code of the badge", KIM, CW_FACTOR_CODE, NULL, { HANDS_CODE, HANDS_CODE, NULL }, { NULL } },
};

static bool is_asked_for(const struct places *places, enum cw_factor factor) {
	if (factor == CW_FACTOR_SMARTCARD)
		return places->with_card;
	return factor == CW_FACTOR_FIDO2 ? places->with_key : places->with_badge;
}

static bool enrol_one(struct player *p, const char *name, size_t i) {
	bool done;

	(void)printf("  %s for %s", things[i].what, name);
	(void)fflush(stdout);
	if (things[i].first) {
		(void)player_hand(p, things[i].first);
		(void)player_wait(p, CW_EVENT_NONE, SETTLE_MS);
	}
	done = cw_enrol(p->cw, name, things[i].factor, NULL, &p->attempt) == 0 &&
	       player_talk(p, things[i].answers, CW_EVENT_SIGNED_IN) &&
	       strcmp(p->last.message, "enrolled") == 0;
	for (unsigned k = 0; k < 2 && things[i].last[k]; ++k)
		(void)player_hand(p, things[i].last[k]);
	(void)printf("%s%s\n", done ? "" : ": not enrolled: ",
	             done ? "" : message_text(p->last.message));
	return done;
}

static void enrol_all(struct hands *hands, struct player *p, const struct hospital *h) {
	bool done[sizeof(things) / sizeof(things[0])] = { false };

	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); ++i)
		if (is_asked_for(hands->places, things[i].factor))
			done[i] = enrol_one(p, h->people[things[i].who].name, i);
	hands->card = done[0];
	hands->key = done[1];
	hands->badge = done[2] && done[3];
}

/* Who is given something has signed in before. Return: false: somebody cannot. */
static bool first_sign_ins(const struct places *places, struct hospital *h) {
	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); ++i) {
		struct person *p = &h->people[things[i].who];

		if (p->has_changed || !is_asked_for(places, things[i].factor))
			continue;
		if (hospital_first_sign_in(h, things[i].who) != 0)
			return false;
		p->has_changed = true;
	}
	return true;
}

void hands_enrol(struct hands *hands, struct hospital *h) {
	const struct person *adams = &h->people[ADAMS];
	const char *const answers[] = { adams->password, NULL };
	struct player player;

	*hands = (struct hands){ .places = h->broker->places };
	if (!hands->places->room ||
	    (!hands->places->with_card && !hands->places->with_key && !hands->places->with_badge))
		return;
	if (!first_sign_ins(hands->places, h) ||
	    player_open(&player, h->broker->main, h->broker->uid) < 0)
		return;
	player.places = hands->places;
	/* One that lies in the reader would be taken for whoever signs in. */
	(void)player_hand(&player, "@slot0 pull");
	(void)player_wait(&player, CW_EVENT_NONE, SETTLE_MS);
	if (player_sign_in(&player, CW_PURPOSE_SIGN_IN, adams->name, answers) &&
	    player.last.kind == CW_EVENT_SIGNED_IN)
		enrol_all(hands, &player, h);
	else
		(void)printf("  nothing is enrolled: %s\n", message_text(player.last.message));
	(void)cw_sign_out(player.cw);
	(void)player_wait(&player, CW_EVENT_NONE, SETTLE_MS);
	player_close(&player);
}

void hands_line(const struct hands *hands, char ret_line[static HANDS_LINE]) {
	char *p = ret_line, *end = ret_line + HANDS_LINE;

	*p = '\0';
	if (!hands->card && !hands->key && !hands->badge)
		return;
	if (hands->card)
		p += snprintf(p, (size_t)(end - p), "berg F9 card %s, PIN %s  ",
		              hands->is_card_in ? "out" : "in", HANDS_CARD_PIN);
	if (hands->key)
		p += snprintf(p, (size_t)(end - p), "sora F7 %s, PIN %s  ",
		              hands->is_touch_wanted ? "touch"
			      : hands->is_key_in     ? "key out"
						     : "key in",
		              HANDS_KEY_PIN);
	if (hands->badge)
		(void)snprintf(p, (size_t)(end - p), "kim F8 badge, %s", HANDS_CODE);
}

static bool move(struct hands *hands, const char *device, const char *line, const char *words,
                 char ret_words[static HANDS_LINE]) {
	int r = room_tell(hands->places, device, line);

	(void)snprintf(ret_words, HANDS_LINE, "%s%s", r == 0 ? "You " : "It does not work: ",
	               r == 0 ? words : strerror(-r));
	return true;
}

static bool move_key(struct hands *hands, char ret_words[static HANDS_LINE]) {
	if (hands->is_touch_wanted)
		return move(hands, "key-control", "touch", "touched the key.", ret_words);
	hands->is_key_in = !hands->is_key_in;
	return hands->is_key_in ?
		       move(hands, "key-control", "plug", "put the key in.", ret_words) :
		       move(hands, "key-control", "unplug", "pulled the key.", ret_words);
}

bool hands_move(struct hands *hands, char which, char ret_words[static HANDS_LINE]) {
	if (which == '9' && hands->card) {
		hands->is_card_in = !hands->is_card_in;
		return hands->is_card_in ?
			       move(hands, "slot0", "insert", "put the card in.", ret_words) :
			       move(hands, "slot0", "pull", "pulled the card.", ret_words);
	}
	if (which == '7' && hands->key)
		return move_key(hands, ret_words);
	if (which == '8' && hands->badge)
		return move(hands, "reader", "tap " HANDS_BADGE, "held the badge to its reader.",
		            ret_words);
	return false;
}
