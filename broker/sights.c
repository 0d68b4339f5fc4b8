/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>

#include "broker/attempts.h"
#include "broker/requests.h"
#include "tokens/token.h"

/* What a person did at a reader: for the seat, for an attempt that waits, for all processes. */

static const char *const messages[TOKEN_N_SIGHTS] = {
	[TOKEN_SIGHT_CARD_IN] = "card-inserted",
	[TOKEN_SIGHT_CARD_OUT] = "card-removed",
	[TOKEN_SIGHT_KEY_IN] = "key-inserted",
	[TOKEN_SIGHT_KEY_OUT] = "key-removed",
	[TOKEN_SIGHT_BADGE] = "badge-tapped",
	[TOKEN_SIGHT_READER_GONE] = "reader-unavailable",
	[TOKEN_SIGHT_READER_BACK] = "reader-back",
};

static void tell(struct seat_runtime *seat, const struct token_sight *sight) {
	uint8_t buffer[192];
	struct frame_writer w;

	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, "token");
	frame_text(&w, "message", messages[sight->kind]);
	frame_text(&w, "text", sight->name);
	if (frame_end(&w) == 0)
		seat_broadcast(seat, buffer, w.n, NULL);
}

/* Of the card, for as long as it lies there; of a badge or key, for a moment. */
static void remember(struct seat_runtime *seat, const struct token_sight *sight,
		     const struct moment *now) {
	switch (sight->kind) {
	case TOKEN_SIGHT_CARD_IN:
		seat->card = *sight;
		break;
	case TOKEN_SIGHT_CARD_OUT:
	case TOKEN_SIGHT_READER_GONE:
		if (seat->card.reader == sight->reader)
			seat->card = (struct token_sight){ 0 };
		break;
	case TOKEN_SIGHT_BADGE:
	case TOKEN_SIGHT_KEY_IN:
		seat->shown = *sight;
		seat->shown_ms = now->boot_ms;
		break;
	case TOKEN_SIGHT_KEY_OUT:
		if (seat->shown.kind == TOKEN_SIGHT_KEY_IN)
			seat->shown = (struct token_sight){ 0 };
		break;
	case TOKEN_SIGHT_NONE:
	case TOKEN_SIGHT_READER_BACK:
	case TOKEN_SIGHT_ALIVE:
	case TOKEN_N_SIGHTS:
		break;
	}
}

/* The seats that a reader serves. */
static uint32_t seats_of(const struct engine *e, uint32_t reader) {
	const struct token_rules *rules = &engine_policy(e)->settings.tokens;

	if (reader >= rules->n_readers || reader >= TOKEN_READERS_MAX)
		return 0;
	return rules->readers[reader].seats;
}

/*
 * A card that is pulled locks whatever it opened: also a seat that its reader does not
 * serve any more since other rules came.
 */
static void lock_removed(struct engine *e, uint32_t seats, const struct token_sight *sight,
			 const struct moment *now) {
	for (uint32_t i = 0; i < e->n_seats; ++i) {
		struct seat_runtime *seat = &e->seats[i];
		bool is_named = sight->kind == TOKEN_SIGHT_CARD_OUT &&
				seat->seat.session.reader[0] != '\0';

		if (((seats >> i & 1u) != 0 || is_named) && e->store &&
		    seat_removed(e->store, &seat->seat, engine_policy(e), sight, now))
			engine_publish(e, seat, false);
	}
}

/* Does an attempt wait for it? The first one gets it. */
static bool is_awaited(struct engine *e, uint32_t seats, const struct token_sight *sight,
		       const struct moment *now) {
	for (uint32_t i = 0; i < e->n_seats; ++i)
		if ((seats >> i & 1u) != 0 && attempts_see(e, &e->seats[i], sight, now))
			return true;
	return false;
}

/* Does it end sessions? */
static bool taps_out(struct engine *e, uint32_t seats, const struct token_sight *sight,
		     const struct moment *now) {
	bool any = false;

	for (uint32_t i = 0; i < e->n_seats; ++i) {
		struct seat_runtime *seat = &e->seats[i];

		if ((seats >> i & 1u) == 0 || !e->store ||
		    !seat_taps_out(e->store, &seat->seat, engine_policy(e), sight))
			continue;
		(void)seat_lock(e->store, &seat->seat, now, "tap-out");
		engine_publish(e, seat, false);
		any = true;
	}
	return any;
}

/*
 * Nothing here waits for a timer: the page is written before anybody is told. Of several
 * seats at one reader an attempt that waits is first, then sessions that it ends; what
 * nobody uses is told to all screens.
 */
static void see(struct engine *e, uint32_t seats, const struct token_sight *sight) {
	struct moment now = engine_now(e);
	bool used;

	lock_removed(e, seats, sight, &now);
	for (uint32_t i = 0; i < e->n_seats; ++i)
		if ((seats >> i & 1u) != 0) {
			remember(&e->seats[i], sight, &now);
			attempts_saw(e, &e->seats[i], sight);
		}
	used = is_awaited(e, seats, sight, &now) || taps_out(e, seats, sight, &now);
	for (uint32_t i = 0; i < e->n_seats; ++i) {
		if ((seats >> i & 1u) == 0)
			continue;
		if (used)
			seat_presented_used(&e->seats[i]);
		else
			tell(&e->seats[i], sight);
	}
}

void seats_see(struct engine *engine, const struct token_sight *sight) {
	if ((unsigned)sight->kind < TOKEN_N_SIGHTS && messages[sight->kind])
		see(engine, seats_of(engine, sight->reader), sight);
}

/* The seat's reader that types into its application. NULL: none. */
static const struct reader_rules *wedge_of(const struct request *r, uint32_t *ret_index) {
	const struct token_rules *rules = &r->engine->policy->settings.tokens;

	for (uint32_t i = 0; i < rules->n_readers && i < TOKEN_READERS_MAX; ++i) {
		const struct reader_rules *reader = &rules->readers[i];

		if (reader->kind == READER_WEDGE && reader->path[0] == '\0' &&
		    (reader->seats >> r->seat->seat.index & 1u) != 0) {
			*ret_index = i;
			return reader;
		}
	}
	return NULL;
}

int handle_badge(struct request *r) {
	struct token_sight sight = { .kind = TOKEN_SIGHT_BADGE, .name = "wedge" };
	const struct reader_rules *reader = wedge_of(r, &sight.reader);
	char line[128];

	if (frame_get_text(r->body, "line", line, sizeof(line)) < 0)
		return -EPROTO;
	if (!reader)
		return reply_message(r, RESULT_INVALID, "no-such-reader");
	if (badge_normalise(reader->form, (const uint8_t *)line, strlen(line), sight.id,
			    &sight.n_id) < 0)
		return reply_message(r, RESULT_INVALID, "badge-unreadable");
	(void)reply(r, RESULT_OK);
	/* It typed into this seat's application, whatever seats there are. */
	see(r->engine, 1u << r->seat->seat.index, &sight);
	return 0;
}
