/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/peer.h"
#include "tokens/token.h"

/* What a person did at a reader, told to every process of the reader's seat. */

static const char *const messages[TOKEN_N_SIGHTS] = {
	[TOKEN_SIGHT_CARD_IN] = "card-inserted",
	[TOKEN_SIGHT_CARD_OUT] = "card-removed",
	[TOKEN_SIGHT_KEY_IN] = "key-inserted",
	[TOKEN_SIGHT_KEY_OUT] = "key-removed",
	[TOKEN_SIGHT_BADGE] = "badge-tapped",
	[TOKEN_SIGHT_READER_GONE] = "reader-unavailable",
	[TOKEN_SIGHT_READER_BACK] = "reader-back",
};

void seats_see(struct engine *engine, const struct token_sight *sight) {
	const struct token_rules *rules = &engine_policy(engine)->settings.tokens;
	uint8_t buffer[192];
	struct frame_writer w;
	uint32_t seat;

	if (sight->reader >= rules->n_readers || (unsigned)sight->kind >= TOKEN_N_SIGHTS ||
	    !messages[sight->kind])
		return;
	seat = rules->readers[sight->reader].seat;
	if (seat >= engine->n_seats)
		return;
	frame_begin(&w, buffer, sizeof(buffer), FRAME_EVENT, 0, "token");
	frame_text(&w, "message", messages[sight->kind]);
	frame_text(&w, "text", sight->name);
	if (frame_end(&w) == 0)
		seat_broadcast(&engine->seats[seat], buffer, w.n, NULL);
}
