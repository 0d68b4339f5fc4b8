/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_SPEECH_H
#define TOKENS_SPEECH_H

/*
 * What the engine and one helper say: frames (wire/frame.h), one socket, one job
 *
 *	engine -> helper           helper -> engine
 *	look { factor, ... }       candidate { ... }, once for each; then
 *	                           found { n } or failed { error, tries }
 *	sign { ... }               touch, any number of times; then
 *	make { ... }               answer { ... } or failed { error, tries }
 *	watch                      sight { ... }, for ever
 *
 * A job is one look and then one sign or make. The helper is not believed: what
 * it sends is checked here for form and length, and the first thing out of order
 * ends it. A frame that holds a PIN is wiped by whoever wrote or read it.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "tokens/token.h"

/*
 * Engine: requests. @buffer is LIMIT_FRAME bytes; wipe it after sending.
 * Return: length; 0 when it does not fit.
 */
size_t speech_look(uint8_t buffer[static LIMIT_FRAME], const struct token_look *look);
size_t speech_sign(uint8_t buffer[static LIMIT_FRAME], const struct token_sign *sign);
size_t speech_make(uint8_t buffer[static LIMIT_FRAME], const struct token_make *make);
size_t speech_watch(uint8_t buffer[static LIMIT_FRAME]);

/* Engine: what came. */
enum speech_kind {
	SPEECH_NONE = 0, /* nothing to tell yet (a candidate was kept)               */
	SPEECH_FOUND,
	SPEECH_TOUCH,
	SPEECH_ANSWER,
	SPEECH_FAILED,
	SPEECH_SIGHT,
};

/* Where a job stands: what may come next. Zeroed: a new one. */
struct speech {
	uint32_t step;
	struct token_found found;   /* SPEECH_FOUND                                  */
	struct token_answer answer; /* SPEECH_ANSWER                                 */
	struct token_sight sight;   /* SPEECH_SIGHT                                  */
	enum token_error error;     /* SPEECH_FAILED                                 */
	uint32_t tries_left;        /* SPEECH_FAILED; TRIES_UNKNOWN                  */
};

/* The engine has sent this request: other answers than its own are errors. */
void speech_sent(struct speech *speech, const char *request);

/*
 * speech_take() - one packet of a helper
 *
 * Return: 0 with what it was; -EBADMSG (not foreseen here: kill the helper).
 */
int speech_take(struct speech *speech, const uint8_t *packet, size_t n,
		enum speech_kind *ret_kind);

/*
 * Helper: what it is asked. A request that holds a PIN is wiped by whoever reads it.
 */
enum speech_verb {
	SPEECH_VERB_NONE = 0,
	SPEECH_LOOK,
	SPEECH_SIGN,
	SPEECH_MAKE,
	SPEECH_WATCH,
};

struct speech_request {
	enum speech_verb verb;
	struct token_look look;
	struct token_sign sign;
	struct token_make make;
};

static inline void speech_request_wipe(struct speech_request *request) {
	secret_wipe(&request->sign.pin);
	secret_wipe(&request->make.pin);
}

/* Return: 0; -EBADMSG, and no PIN is left in it. */
int speech_heard(const uint8_t *packet, size_t n, struct speech_request *ret_request);

/*
 * Helper: answers. Names that are not UTF-8 are made so. Return: length; 0 when it
 * does not fit.
 */
size_t speech_candidate(uint8_t buffer[static LIMIT_FRAME],
			const struct token_candidate *candidate);
size_t speech_found(uint8_t buffer[static LIMIT_FRAME], uint32_t n);
size_t speech_touch(uint8_t buffer[static LIMIT_FRAME]);
size_t speech_answer(uint8_t buffer[static LIMIT_FRAME], const struct token_answer *answer);
size_t speech_failed(uint8_t buffer[static LIMIT_FRAME], enum token_error error,
		     uint32_t tries_left);
size_t speech_sight(uint8_t buffer[static LIMIT_FRAME], const struct token_sight *sight);

#endif
