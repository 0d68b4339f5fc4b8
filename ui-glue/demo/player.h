/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_PLAYER_H
#define UI_GLUE_DEMO_PLAYER_H

/*
 * The pump without a screen: what a person would do, done by a program
 *
 * Only what <careward/careward.h> offers. A conversation is answered from a list.
 * "@DEVICE LINE" in it is no answer but what a hand does: room_tell().
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/careward.h>

#include "ui-glue/demo/places.h"

struct player {
	struct cw *cw;
	uint64_t attempt;          /* of the last conversation                         */
	const char *const *answers; /* for the prompts that come; NULL-terminated       */
	const struct places *places; /* of the hand; NULL: none                         */
	bool given_up;             /* no answer was left                               */
	uint8_t tries;             /* that the last prompt for a PIN named             */
	char refusal[64];          /* message of the last prompt that named a fault     */
	struct cw_event last;      /* that player_wait() found                          */
	uint32_t seen;             /* bits of the kinds of event since player_forget()  */
};

/*
 * player_open() - sit down at the pump's seat
 * @socket:      path
 * @broker_uid:  who the broker is
 *
 * Return: 0; as cw_open().
 */
int player_open(struct player *p, const char *socket, uint32_t broker_uid);
void player_close(struct player *p);

/* Goes on for so long, or until @kind has come. Return: it came: p->last is it. */
bool player_wait(struct player *p, enum cw_event_kind kind, int timeout_ms);

/* Whether @kind has come since; forgets what has come. */
bool player_saw(const struct player *p, enum cw_event_kind kind);
void player_forget(struct player *p);

/*
 * player_sign_in() - one conversation to its end
 * @answers:  to its prompts, in their order; NULL-terminated
 *
 * Return: it ended: p->last is SIGNED_IN (a HANDOVER follows it), ATTEMPT_OVER or
 * ERROR; false: it did not end.
 */
bool player_sign_in(struct player *p, enum cw_purpose purpose, const char *name,
                    const char *const *answers);

/* player_approve() - cw_authorize() to its end. As player_sign_in(); AUTHORIZED is yes. */
bool player_approve(struct player *p, uint32_t action, const uint8_t digest[32], const char *words,
                    const char *const *answers);

/*
 * player_talk() - the rest of a conversation whose number is in p->attempt
 * @yes:  the event that ends it well
 *
 * Return: as player_sign_in().
 */
bool player_talk(struct player *p, const char *const *answers, enum cw_event_kind yes);

/* player_hand() - what a hand does: "@DEVICE LINE". Return: as room_tell(). */
int player_hand(const struct player *p, const char *deed);

/* player_use() - cw_use(), the answer of guarded ones awaited. */
enum cw_verdict player_use(struct player *p, uint32_t action, const char *object,
                           enum cw_reason *ret_reason);

/* player_redeem_this() - a receipt from wherever. */
enum cw_verdict player_redeem_this(struct player *p, const uint8_t *receipt, size_t n,
                                   uint32_t action, const uint8_t digest[32],
                                   enum cw_reason *ret_reason);

/* player_redeem() - the receipt of the last approval. */
enum cw_verdict player_redeem(struct player *p, uint32_t action, const uint8_t digest[32],
                              enum cw_reason *ret_reason);

#endif
