/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOKENS_KEY_WORLD_H
#define TESTS_TOKENS_KEY_WORLD_H

/* A site with one account, and virtual keys that the real libfido2 speaks to. */

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/fixtures/virtual-key.h"
#include "tokens/token.h"

#define KEYS 2u
#define RP "ward.example"
#define PIN "2468"

struct key_world {
	char dir[64];
	char path[KEYS][96];
	struct virtual_key *keys[KEYS];
	struct token_rules rules;
	struct token_look look;   /* with the credentials that were enrolled           */
	struct token_found found; /* by the last look                                  */
	struct token_answer made; /* by the last enrolment                             */
	struct token_answer answer;
	void *kind;
	uint32_t tries;
	unsigned touches; /* that were asked for                                       */
	uint8_t digest[32];
};

/*
 * Runs a suite and takes away what its worlds have left: a test that fails, or is killed,
 * takes nothing away itself. Return: exit status.
 */
int key_world_run(Suite *suite);

/* Both keys are plugged in, with PINs. */
struct key_world *key_world_new(void);
struct key_world *key_world_free(struct key_world *w);

/* Tells a key; it has to know the words. */
void key_world_tell(struct key_world *w, unsigned key, const char *words);
/* One number out of what it has counted. */
unsigned key_world_count(struct key_world *w, unsigned key, const char *what);

/* Another helper: what was open is closed. */
void key_world_again(struct key_world *w);

/* Look; then one candidate makes or signs. @pin NULL: none. */
enum token_error key_world_look(struct key_world *w);
enum token_error key_world_make(struct key_world *w, uint32_t candidate, const char *pin);
enum token_error key_world_sign(struct key_world *w, uint32_t candidate, const char *pin);

/* A new helper looks and signs with the first candidate. */
enum token_error key_world_try(struct key_world *w, const char *pin);

/* Makes a credential on this key and remembers it; has to work. */
void key_world_enrol(struct key_world *w, unsigned key);

/* Verified by libfido2 itself: w->answer against w->made over w->digest. */
bool key_world_peer_accepts(const struct key_world *w, bool user_verified);
bool key_world_peer_accepts_made(const struct key_world *w);

#endif
