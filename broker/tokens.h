/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_TOKENS_H
#define BROKER_TOKENS_H

/*
 * The engine's end of careward-token: helpers by number, answers by callback
 *
 * Nothing here blocks. A helper that dies, hangs, lies about the form or is not
 * to be had ends its task with an error, within the deadline of the rules; the
 * next task gets another one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tokens/keeper.h"
#include "tokens/speech.h"

struct engine;
struct tokens;

/*
 * One job on its way. All callbacks come from the loop, never from inside a
 * call of this header; after done() none comes any more.
 */
struct token_client {
	void (*found)(void *userdata, const struct token_found *found);
	void (*touch)(void *userdata);
	/* @answer: NULL with an error. Unbelieved: verify it. */
	void (*done)(void *userdata, enum token_error error, uint32_t tries_left,
		     const struct token_answer *answer);
	void *userdata;
};

/*
 * tokens_new() - begin to talk to the keeper
 * @fd:   its socket, taken over; -1: there is none, and every task fails with TOKEN_MODULE
 * @see:  what the watcher sees
 *
 * Return: 0; -ENOMEM; -errno of the loop.
 */
int tokens_new(struct engine *engine, int fd,
	       void (*see)(struct engine *engine, const struct token_sight *sight),
	       struct tokens **ret_tokens);
struct tokens *tokens_free(struct tokens *tokens);

/* New rules: running jobs end with TOKEN_ENDED, helpers start anew. NULL is fine. */
void tokens_set_rules(struct tokens *tokens, const struct token_rules *rules);

/* Is there a keeper that answers? (alarm "tokens-unavailable") */
bool tokens_is_alive(const struct tokens *tokens);

/*
 * token_job_new() - look for tokens; ends in found() or done()
 *
 * Return: number of the job; 0 when there are more than two for each attempt that
 * there can be. What else goes wrong comes by done().
 */
uint64_t token_job_new(struct tokens *tokens, const struct token_look *look,
		       const struct token_client *client);
/* After found(): let one sign, or make a credential. The PIN is wiped. Ends in done(). */
void token_job_sign(struct tokens *tokens, uint64_t job, struct token_sign *sign);
void token_job_make(struct tokens *tokens, uint64_t job, struct token_make *make);
/* Gives it up, the helper with it; no callback any more. Unknown number: nothing. */
void token_job_drop(struct tokens *tokens, uint64_t job);

#endif
