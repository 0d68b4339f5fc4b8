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

/* Nothing here waits for a timer: the page is written before anybody is told. */
static void see(struct engine *e, struct seat_runtime *seat, const struct token_sight *sight) {
	const struct policy *policy = engine_policy(e);
	struct moment now = engine_now(e);

	remember(seat, sight, &now);
	if (e->store && seat_removed(e->store, &seat->seat, policy, sight, &now))
		engine_publish(e, seat, false);
	attempts_saw(e, seat, sight);
	/* Who waits for it gets it; the screen follows the attempt's own prompts. */
	if (attempts_see(e, seat, sight, &now)) {
		seat_presented_used(seat);
		return;
	}
	if (e->store && seat_taps_out(e->store, &seat->seat, policy, sight)) {
		seat_presented_used(seat);
		(void)seat_lock(e->store, &seat->seat, &now, "tap-out");
		engine_publish(e, seat, false);
		return;
	}
	tell(seat, sight);
}

void seats_see(struct engine *engine, const struct token_sight *sight) {
	const struct token_rules *rules = &engine_policy(engine)->settings.tokens;
	uint32_t seat;

	if (sight->reader >= rules->n_readers || (unsigned)sight->kind >= TOKEN_N_SIGHTS ||
	    !messages[sight->kind])
		return;
	seat = rules->readers[sight->reader].seat;
	if (seat < engine->n_seats)
		see(engine, &engine->seats[seat], sight);
}

/* The seat's reader that types into its application. NULL: none. */
static const struct reader_rules *wedge_of(const struct request *r, uint32_t *ret_index) {
	const struct token_rules *rules = &r->engine->policy->settings.tokens;

	for (uint32_t i = 0; i < rules->n_readers && i < TOKEN_READERS_MAX; ++i) {
		const struct reader_rules *reader = &rules->readers[i];

		if (reader->kind == READER_WEDGE && reader->path[0] == '\0' &&
		    reader->seat == r->seat->seat.index) {
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
	seats_see(r->engine, &sight);
	return 0;
}
