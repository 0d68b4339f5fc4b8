/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOKENS_CARDS_H
#define TESTS_TOKENS_CARDS_H

/*
 * A CA, cards of several kinds, and processes that use them and may die of it
 */

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tokens/token.h"

#define CARDS_PATH 320

/* A folder in the one that the test was started in; cards.ca is one of make-ca. */
struct cards_world {
	char folder[CARDS_PATH];
	char ca[CARDS_PATH];
	char script[CARDS_PATH];
	char log[CARDS_PATH];
	char present[CARDS_PATH];
};

extern struct cards_world world;

/* Makes the world, and SoftHSM tokens if asked; runs the suite; takes all away. */
int run_cards_suite(Suite *suite, bool with_softhsm);

/* Rules with a PKCS#11 module. */
void cards_rules(struct token_rules *rules, const char *module);

/*
 * script() - write the script of the next process
 * @text:  printf format; every @ in the result becomes the folder of the CA
 *
 * The log is set up before it, and emptied.
 */
void script(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* Card with one EC key of Kim Berg, PIN 123456. */
#define ONE_CARD                                                                                   \
	"card kim 123456\n"                                                                        \
	"key 01 @/nurse-ec.key @/nurse-ec.pem\n"

/* How many calls of a function the log has; of all that begin with @words. */
unsigned logged(const char *words);
/* Is this a whole line of the log, from its beginning? */
bool logged_line(const char *line);

/* What one process saw; shared memory, so that it survives a crash. */
struct outcome {
	int opened;              /* of open(); 1: never came back                     */
	enum token_error looked; /* TOKEN_N_ERRORS: never came back                   */
	enum token_error signed_;
	uint32_t tries;
	bool is_signed; /* the answer's signature is that of its certificate */
	bool pin_wiped;
	struct token_found found;
	struct token_answer answer;
	/* The same once more, afterwards, in the same process. */
	int opened_again;
	enum token_error looked_again;
	enum token_error signed_again;
	bool is_signed_again;
	int status; /* of waitpid()                                      */
};

struct plan {
	const char *pin; /* NULL: none                                        */
	size_t n_pin;    /* if not that of the text                           */
	uint32_t candidate;
	bool again; /* close, open, look and sign afterwards             */
	bool again_without_close;
	void (*between)(void *kind); /* between look and sign; NULL: nothing          */
	void (*before_again)(void);
	const char *module;        /* NULL: the scripted one                            */
	unsigned kill_after_calls; /* of C_*: waits for the log to have them, then kills */
	const char *kill_at;
};

/* Opens, looks, signs and closes in a process of its own. Free it with outcome_free(). */
struct outcome *play(const struct plan *plan);
void outcome_free(struct outcome *outcome);

/* Verifies with OpenSSL. */
bool answer_is_signed(const struct token_answer *answer, const uint8_t digest[32]);
/* Is this certificate the one in NAME.der? */
bool is_certificate(const uint8_t *certificate, size_t n, const char *name);

extern const uint8_t cards_digest[32];

#endif
