/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/token-start.h"
#include "loop.h"

static struct loop *current;

uint64_t loop_now(void) {
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int random_bytes(void *p, size_t n) {
	return getrandom(p, n, 0) == (ssize_t)n ? 0 : -1;
}

static void see(struct engine *engine, const struct token_sight *sight) {
	if (current->n_sights < LOOP_SIGHTS)
		current->sights[current->n_sights] = *sight;
	++current->n_sights;
}

void loop_begin_again(struct loop *l) {
	memset(&l->engine, 0, sizeof(l->engine));
	current = l;
	l->setup = (struct engine_setup){.embedded = true, .client_fd = -1, .token_fd = l->fd};
	l->engine.setup = &l->setup;
	l->engine.auth.random = random_bytes;
	ck_assert_int_eq(clock_init(&l->engine.clock, 0), 0);
	ck_assert_int_eq(uv_loop_init(&l->engine.loop), 0);
	ck_assert_int_eq(tokens_new(&l->engine, l->fd < 0 ? -1 : dup(l->fd), see,
				    &l->engine.tokens), 0);
	loop_set_rules(l);
}

void loop_environment(struct loop *l, const char *pair) {
	snprintf(l->rules.smartcard.environment[l->rules.smartcard.n_environment++],
		 TOKEN_ENVIRONMENT_TEXT, "%s", pair);
}

void loop_set_rules(struct loop *l) {
	tokens_set_rules(l->engine.tokens, &l->rules);
}

void loop_start(struct loop *l, const char *behaviour) {
	char pair[96];

	memset(l, 0, sizeof(*l));
	l->rules.deadline_ms = 20000;
	l->rules.smartcard.on = true;
	snprintf(pair, sizeof(pair), "FIXTURE=%s", behaviour);
	loop_environment(l, pair);
	l->fd = token_start(TEST_TOKEN, TEST_USER);
	ck_assert_int_ge(l->fd, 3);
}

void loop_begin(struct loop *l, const char *behaviour) {
	loop_start(l, behaviour);
	loop_begin_again(l);
}

static void close_handle(uv_handle_t *handle, void *arg) {
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void loop_end_engine(struct loop *l) {
	l->engine.tokens = tokens_free(l->engine.tokens);
	uv_walk(&l->engine.loop, close_handle, NULL);
	(void)uv_run(&l->engine.loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&l->engine.loop), 0);
}

void loop_end(struct loop *l) {
	int status = 0;

	loop_end_engine(l);
	close(l->fd);
	/* Everything ends with the socket, and nothing is left. */
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "careward-token: status %x",
		      (unsigned)status);
}

static void on_alarm(uv_timer_t *timer) {
	*(bool *)timer->data = true;
}

/* One turn of the loop; at most @ms. */
static void turn(struct loop *l, uint64_t ms) {
	uv_timer_t timer;
	bool over = false;

	ck_assert_int_eq(uv_timer_init(&l->engine.loop, &timer), 0);
	timer.data = &over;
	ck_assert_int_eq(uv_timer_start(&timer, on_alarm, ms, 0), 0);
	(void)uv_run(&l->engine.loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	(void)uv_run(&l->engine.loop, UV_RUN_NOWAIT);
}

void loop_until(struct loop *l, const uint32_t *counter, uint32_t n) {
	uint64_t end = loop_now() + 20000;

	while (*counter < n) {
		turn(l, 100);
		ck_assert_msg(loop_now() < end, "nothing came (%u of %u)", *counter, n);
	}
}

void loop_until_alive(struct loop *l) {
	uint64_t end = loop_now() + 20000;

	while (!tokens_is_alive(l->engine.tokens)) {
		turn(l, 100);
		ck_assert_msg(loop_now() < end, "the keeper does not answer");
	}
}

void loop_until_alarm(struct loop *l, bool on) {
	uint64_t end = loop_now() + 20000;

	while (l->engine.alarms[ALARM_TOKENS] != on) {
		turn(l, 100);
		ck_assert_msg(loop_now() < end, on ? "no alarm" : "the alarm does not end");
	}
}

void loop_for(struct loop *l, uint64_t ms) {
	uint64_t end = loop_now() + ms;

	while (loop_now() < end)
		turn(l, 20);
}

static void on_found(void *userdata, const struct token_found *found) {
	struct loop *l = userdata;

	++l->n_found;
	l->found = *found;
}

static void on_touch(void *userdata) {
	++((struct loop *)userdata)->n_touch;
}

static void on_done(void *userdata, enum token_error error, uint32_t tries,
		    const struct token_answer *answer) {
	struct loop *l = userdata;

	++l->n_done;
	l->error = error;
	l->tries = tries;
	l->has_answer = answer != NULL;
	ck_assert_int_eq(answer != NULL, error == TOKEN_OK);
	if (answer)
		l->answer = *answer;
}

uint64_t loop_look(struct loop *l) {
	const struct token_client client = {on_found, on_touch, on_done, l};
	struct token_look look = {.factor = CW_FACTOR_SMARTCARD, .seats = 1};
	uint64_t job = 0;

	l->n_found = l->n_touch = l->n_done = 0;
	memset(&l->answer, 0, sizeof(l->answer));
	job = token_job_new(l->engine.tokens, &look, &client);
	ck_assert_uint_ne(job, 0);
	ck_assert_uint_eq(l->n_found + l->n_done, 0);
	return job;
}

void loop_sign(struct loop *l, uint64_t job, const char *pin) {
	struct token_sign sign = {.candidate = 7};

	memset(sign.digest, 0x5a, sizeof(sign.digest));
	secret_set(&sign.pin, pin, strlen(pin));
	token_job_sign(l->engine.tokens, job, &sign);
	ck_assert_uint_eq(sign.pin.n, 0);
	ck_assert_uint_eq(sign.pin.bytes[0], 0);
}

enum token_error loop_job(struct loop *l, const char *pin) {
	uint64_t job = loop_look(l), end = loop_now() + 20000;

	while (l->n_found + l->n_done == 0 && loop_now() < end)
		turn(l, 100);
	if (l->n_done == 0)
		loop_sign(l, job, pin);
	loop_until(l, &l->n_done, 1);
	return l->error;
}

/* ---- processes ----------------------------------------------------------------------- */

static FILE *children(pid_t pid) {
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	return fopen(path, "re");
}

pid_t child_of(pid_t pid, unsigned n) {
	FILE *f = children(pid);
	int child = 0;

	for (unsigned i = 0; f && i <= n; ++i)
		if (fscanf(f, "%d", &child) != 1)
			child = 0;
	if (f)
		fclose(f);
	return child;
}

unsigned children_of(pid_t pid) {
	unsigned n = 0;

	while (child_of(pid, n) > 0)
		++n;
	return n;
}

bool has_state(pid_t pid, char state) {
	char path[64], line[512], *end = NULL;
	FILE *f = NULL;
	bool is_so = false;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	is_so = end && end[1] == ' ' && end[2] == state;
	fclose(f);
	return is_so;
}

bool is_alive(pid_t pid) {
	return kill(pid, 0) == 0 && !has_state(pid, 'Z');
}
