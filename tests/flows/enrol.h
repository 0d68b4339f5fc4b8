/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FLOWS_ENROL_H
#define TESTS_FLOWS_ENROL_H

/* Ann enrols tokens for others, with a verifier that the tests play. */

#include "auth/token.h"
#include "tests/flows/world.h"

/* What the verifier says next, and what it was asked. */
struct play {
	enum token_fault fault;
	uint32_t proved;
	bool is_verified;
	bool by_service;
	uint8_t digest[32]; /* that the last answer was to be over                     */
	unsigned n_calls;
	bool had_key;       /* card_verify() was told which key it has to be           */
};
extern struct play play;
extern const uint8_t p256[91]; /* the public key of every card and key               */
extern struct token_rules *site;
extern struct token last_token; /* of tokens_of()                                    */

/* Checked fixture; world_tear_down() is the other one. */
void enrol_set_up(void);

struct attempt *enrol_by(uint32_t by, uint32_t account, enum cw_factor factor);
struct attempt *enrol(uint32_t account, enum cw_factor factor);
/* A badge of this number. */
int tap(struct attempt *a, uint8_t id);
/* Cards of these numbers, with a PIN. */
struct token_found *cards(const char *numbers);
/* The helper has looked. */
void look_at(struct attempt *a, const struct token_found *found);
/* The helper brings an answer of the card of this number. */
void answer_step(struct attempt *a, uint8_t number, enum attempt_step step);
/* Up to the signature, with a PIN. */
struct attempt *to_signing(uint32_t account, enum cw_factor factor, const char *numbers);
/* How many tokens that count somebody has. */
int tokens_of(uint32_t account);

/* How it has ended. Both free it. */
void expect_enrolled(struct attempt *a, uint32_t account);
void expect_refused(struct attempt *a, uint32_t account, const char *text);

#endif
