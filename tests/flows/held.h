/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FLOWS_HELD_H
#define TESTS_FLOWS_HELD_H

/*
 * Cards, security keys and badges of the world's people, with keys that sign. What
 * a helper would carry is made here; the verifier is the real one.
 */

#include "auth/token.h"
#include "tests/flows/world.h"
#include "tests/tokens/key.h"

#define READER "Reader 00 00"
#define CODE   "2580"

struct card {
	struct authority held;
	size_t n_der;
	uint8_t der[TOKEN_CERTIFICATE_MAX];
	const char *pin;
};

extern struct authority site_ca;
extern struct token_rules *site;

/* Checked fixtures: world_set_up() with every factor on, the authority trusted. */
void held_set_up(void);
void held_tear_down(void);

/* The maker's authority is trusted as well, for people of the service alone. */
void trust_service(const struct authority *ca);

/* A card of this authority, for nobody yet. */
struct card card_make(const struct authority *ca, const char *name);
void card_end(struct card *card);
/* It is somebody's from now on. */
struct token card_enrol(const struct card *card, uint32_t account);

/* A security key, enrolled; key_end() when it is not needed any more. */
struct key key_enrol_for(uint32_t account, uint32_t counter, struct token *ret_token);
void badge_enrol(uint32_t account, uint8_t id);
void code_enrol(uint32_t account, const char *digits);
struct token token_of(uint32_t account, enum cw_factor factor);

/* Sights. */
struct token_sight card_in(void);
struct token_sight key_in(void);
struct token_sight badge_at(uint8_t id);

/* Begins with a factor and something that was presented; either may be none. */
struct attempt *begin_with(enum cw_purpose purpose, const char *name, enum cw_factor factor,
			   const struct token_sight *sight);

/* The helper's part. Each is checked to be what the attempt wants. */
/* With may_fail the store may have failed under it. */
extern bool may_fail;
void find_cards(struct attempt *a, const struct card *const cards[], unsigned n);
void find_key(struct attempt *a, bool with_pin);
/* What a card answers to the digest that it is given; not told to the attempt yet. */
struct token_answer *card_answer(const struct attempt *a, const struct card *card);
struct token_answer *key_answer(const struct attempt *a, const struct key *key,
				const struct token *token, uint32_t counter, uint8_t flags_off);
int bring(struct attempt *a, const struct token_answer *answer);

/* A whole sign-in by card: looked at, PIN, signed. */
void by_card(struct attempt *a, const struct card *card);
/* The same by key. */
void by_key(struct attempt *a, const struct key *key, const struct token *token, uint32_t counter);

void expect_prompt(const struct attempt *a, enum cw_field field, const char *text);
/* How it ended. Frees it. */
void expect_over(struct attempt *a, const char *text, const char *records);
/* Success of this strength; applied to the seat. Frees it. */
void expect_session(struct attempt *a, uint32_t account, enum cw_assurance assurance);

#endif
