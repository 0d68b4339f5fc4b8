/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_TOKENS_INSIDE_H
#define BROKER_TOKENS_INSIDE_H

/*
 * The insides of the engine's end of careward-token
 *
 * tokens.c is what the engine calls, and time; tokens-job.c a job and its helper;
 * tokens-keeper.c the keeper, who gives helpers out.
 */

#include <uv.h>

#include "broker/cards.h"
#include "broker/engine.h"
#include "broker/pulse.h"
#include "broker/tokens.h"

#define JOBS_MAX (2u * ENGINE_ATTEMPTS)

enum job_state {
	JOB_FREE = 0,
	JOB_WANTED,  /* a helper has been asked for                                  */
	JOB_LOOKING,
	JOB_FOUND,   /* somebody is asked for a PIN                                  */
	JOB_WORKING,
	JOB_GONE,    /* the socket has ended; the keeper will say why                */
	JOB_OVER,    /* done() is to be called                                       */
};

/* A job, or, as `watch`, the watcher. */
struct job {
	struct tokens *tokens;
	enum job_state state;
	uint64_t number;
	enum cw_factor factor;
	struct token_client client;
	int fd;                 /* -1                                                */
	uv_poll_t *poll;
	uint64_t until_ms;      /* given up then, whatever the keeper does           */
	size_t n_look;          /* the question, until there is somebody to ask      */
	uint8_t *look;
	char reader[LIMIT_NAME]; /* while it works: in use                            */
	struct speech *speech;
	enum token_error error; /* OVER                                              */
	uint32_t tries;
	uint32_t touches;
};

struct tokens {
	struct engine *engine;
	void (*see)(struct engine *engine, const struct token_sight *sight);
	int fd;
	uv_poll_t *poll;
	uv_timer_t *timer;
	struct token_rules rules;
	bool has_rules;
	uint64_t setup;      /* number of the last SETUP                              */
	uint64_t setup_ms;   /* when it was said                                      */
	uint64_t silent_ms;  /* since when nothing is heard; 0: it answers            */
	bool is_ready;       /* the keeper has answered it                            */
	bool module_failed[CW_N_FACTORS];
	uint64_t next_number;
	struct job jobs[JOBS_MAX];
	struct job watch;
	uint64_t watch_ms;   /* the watcher is started again then                     */
	struct pulse pulse;  /* of the watcher                                        */
	struct cards cards;  /* that it told of                                       */
	struct budget sights;
	uint8_t buffer[LIMIT_FRAME];
};

/* tokens.c */
uint64_t tokens_now_ms(const struct tokens *t); /* boot time */
/* Do the rules ask for a helper at all; for this factor? */
bool tokens_is_wanted(const struct tokens *t);
bool tokens_is_enabled(const struct tokens *t, enum cw_factor factor);
/* Soon: from the loop, and never from inside a call. */
void tokens_wake(struct tokens *t);
/* Raises or ends the alarm "tokens-unavailable". */
void tokens_judge_alarm(struct tokens *t);

/* tokens-job.c */
void tokens_free_handle(uv_handle_t *handle);
/* Closes its socket. */
void job_let_go(struct job *job);
/* Free again, and wiped. */
void job_clear(struct job *job);
/*
 * The helper is of no use any more. One that waits sees its socket end, logs out
 * and ends; one that works is killed at once.
 */
void job_end_helper(struct job *job);
/* done() will be called, from the loop. */
void job_fail(struct job *job, enum token_error error, uint32_t tries);
/* done() is called now, and the job is free before. */
void job_done(struct job *job, enum token_error error, uint32_t tries);
void jobs_fail(struct tokens *t, enum token_error error);
/* What it told of is in doubt until the next one tells of it again. */
void watch_clear(struct tokens *t);
/* The same, its helper is killed, and another one is started a little later. */
void watch_end(struct job *watch);
/* A job or the watcher by its number; NULL: it is over. */
struct job *job_find(struct tokens *t, uint64_t number);
/* Sends what stands in the buffer, and wipes it. Return: 0; -EPIPE. */
int job_ask(struct job *job, const char *request, size_t n);
/* Takes one packet. Return: false when nothing more is to be read now. */
bool job_read(struct job *job);
void job_readable(uv_poll_t *poll, int status, int events);

/* tokens-keeper.c. Return: true: it is on its way. */
bool keeper_tell(struct tokens *t, enum keeper_kind kind, enum cw_factor factor, uint64_t number,
		 uint64_t deadline_ms);
/* The rules, and who we are; said again until it answers. */
void keeper_say_setup(struct tokens *t);
void keeper_readable(uv_poll_t *poll, int status, int events);

#endif
