/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOKENS_LOOP_H
#define TESTS_TOKENS_LOOP_H

/*
 * The engine's end of careward-token in a loop of its own, without a broker
 */

#include <stdbool.h>
#include <stdint.h>

#include "broker/engine.h"
#include "broker/tokens.h"

#define LOOP_SIGHTS 16u

struct loop {
	struct engine engine;
	struct engine_setup setup;
	struct token_rules rules;
	int fd; /* of the keeper, as the supervisor holds it                          */
	/* What the last job said. */
	uint32_t n_found, n_touch, n_done;
	struct token_found found;
	enum token_error error;
	uint32_t tries;
	struct token_answer answer;
	bool has_answer;
	uint32_t n_sights;
	struct token_sight sights[LOOP_SIGHTS];
};

/* Starts TEST_TOKEN; rules: smartcards on, a deadline of 20 s, and FIXTURE=@behaviour. */
void loop_start(struct loop *l, const char *behaviour);
/* ... and an engine's end of it. */
void loop_begin(struct loop *l, const char *behaviour);
/* Another engine on the same socket. */
void loop_begin_again(struct loop *l);
void loop_end_engine(struct loop *l);
void loop_end(struct loop *l);

void loop_environment(struct loop *l, const char *pair);
void loop_set_rules(struct loop *l);

/* Runs the loop until *@counter reaches @n; fails the test after 20 s. */
void loop_until(struct loop *l, const uint32_t *counter, uint32_t n);
/* Runs it until the condition of the engine holds. */
void loop_until_alive(struct loop *l);
void loop_for(struct loop *l, uint64_t ms);
/* Runs it until the alarm is, or is not. */
void loop_until_alarm(struct loop *l, bool on);

/* One job: look; loop_sign() goes on with it. Return: its number. */
uint64_t loop_look(struct loop *l);
void loop_sign(struct loop *l, uint64_t job, const char *pin);
/* A whole job. Return: how it ended. */
enum token_error loop_job(struct loop *l, const char *pin);

uint64_t loop_now(void);

/* Processes: the guard is the child of this one. */
pid_t child_of(pid_t pid, unsigned n);
unsigned children_of(pid_t pid);
bool is_alive(pid_t pid);
bool has_state(pid_t pid, char state);

#endif
