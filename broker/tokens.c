/* SPDX-License-Identifier: Apache-2.0 */

/* Tokens, as the engine calls for them, and what passes with time. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/tokens-inside.h"
#include "common/cleanup.h"

#define SETUP_AGAIN_MS 1000u  /* a SETUP that nobody answered is said again           */
#define SILENT_MS 3000u       /* no answer for so long: an alarm                      */
#define GRACE_MS 1000u        /* for a helper to log out, and for the keeper to kill  */

static void on_timer(uv_timer_t *timer);

uint64_t tokens_now_ms(const struct tokens *t) {
	return engine_now(t->engine).boot_ms;
}

bool tokens_is_wanted(const struct tokens *t) {
	return t->has_rules && (t->rules.smartcard.on || t->rules.security_key.on ||
				t->rules.n_readers > 0);
}

bool tokens_is_enabled(const struct tokens *t, enum cw_factor factor) {
	return t->has_rules && ((factor == CW_FACTOR_SMARTCARD && t->rules.smartcard.on) ||
				(factor == CW_FACTOR_FIDO2 && t->rules.security_key.on));
}

/* Soon: from the loop, and never from inside a call. */
void tokens_wake(struct tokens *t) {
	(void)uv_timer_start(t->timer, on_timer, 0, 0);
}

void tokens_judge_alarm(struct tokens *t) {
	bool on = tokens_is_wanted(t) && (t->fd < 0 || (t->silent_ms != 0 &&
						 tokens_now_ms(t) >= t->silent_ms + SILENT_MS) ||
				  (t->pulse.is_lost && t->rules.n_readers > 0));

	for (unsigned f = 0; f < CW_N_FACTORS; ++f)
		on |= tokens_is_wanted(t) && t->module_failed[f];
	engine_alarm(t->engine, ALARM_TOKENS, on);
}

/* ---- time --------------------------------------------------------------------------- */

static void start_watch(struct tokens *t) {
	if (!t->is_ready || t->rules.n_readers == 0 || t->watch.number != 0 ||
	    tokens_now_ms(t) < t->watch_ms)
		return;
	t->watch.speech = calloc(1, sizeof(*t->watch.speech));
	if (!t->watch.speech)
		return;
	t->watch.state = JOB_WANTED;
	t->watch.number = ++t->next_number;
	if (!keeper_tell(t, KEEPER_WATCH, CW_FACTOR_NONE, t->watch.number, 0))
		watch_end(&t->watch);
}

/* One that hangs ends, and another one looks at once. */
static void judge_watch(struct tokens *t) {
	bool wanted = t->is_ready && t->rules.n_readers > 0;

	if (pulse_judge(&t->pulse, uv_now(&t->engine->loop), wanted) && t->watch.number != 0) {
		watch_end(&t->watch);
		t->watch_ms = 0;
	}
}

/* The keeper has had its time, and more: it hangs, or has lost the helper. */
static void give_up_late(struct tokens *t, struct job *job) {
	enum token_error error = job->state == JOB_GONE ? TOKEN_ENDED : TOKEN_LATE;

	if (job->state == JOB_WANTED && t->silent_ms == 0)
		t->silent_ms = tokens_now_ms(t);
	job->state = JOB_WORKING;
	job_end_helper(job);
	job_done(job, error, TRIES_UNKNOWN);
}

static void tick_jobs(struct tokens *t) {
	for (uint32_t i = 0; i < JOBS_MAX; ++i) {
		struct job *job = &t->jobs[i];
		/* The keeper kills at the deadline, and says so; a little later nobody waits. */
		uint64_t at = job->until_ms + (job->state == JOB_GONE ? 0 : GRACE_MS);

		if (job->state == JOB_OVER)
			job_done(job, job->error, job->tries);
		else if (job->state != JOB_FREE && tokens_now_ms(t) >= at)
			give_up_late(t, job);
	}
}

static void on_timer(uv_timer_t *timer) {
	struct tokens *t = timer->data;
	struct token_sight lost;
	uint64_t wait_ms = 1000;

	tick_jobs(t);
	judge_watch(t);
	while (cards_lost(&t->cards, tokens_now_ms(t), &lost))
		t->see(t->engine, &lost);
	if (tokens_is_wanted(t) && !t->is_ready && t->fd >= 0 &&
	    tokens_now_ms(t) >= t->setup_ms + SETUP_AGAIN_MS)
		keeper_say_setup(t);
	start_watch(t);
	tokens_judge_alarm(t);
	for (uint32_t i = 0; i < JOBS_MAX; ++i) {
		if (t->jobs[i].state == JOB_OVER)
			wait_ms = 0;
		else if (t->jobs[i].state == JOB_GONE && wait_ms > 50)
			wait_ms = 50;
	}
	(void)uv_timer_start(timer, on_timer, wait_ms, 0);
}

/* ---- for the engine ----------------------------------------------------------------- */

static int begin(struct tokens *t) {
	t->timer = calloc(1, sizeof(*t->timer));
	if (!t->timer)
		return -ENOMEM;
	(void)uv_timer_init(&t->engine->loop, t->timer);
	t->timer->data = t;
	if (t->fd < 0)
		return uv_timer_start(t->timer, on_timer, 1000, 0) < 0 ? -EIO : 0;
	t->poll = calloc(1, sizeof(*t->poll));
	if (!t->poll)
		return -ENOMEM;
	if (uv_poll_init(&t->engine->loop, t->poll, t->fd) < 0) {
		free(t->poll);
		t->poll = NULL;
		return -EIO;
	}
	t->poll->data = t;
	if (uv_poll_start(t->poll, UV_READABLE, keeper_readable) < 0 ||
	    uv_timer_start(t->timer, on_timer, 1000, 0) < 0)
		return -EIO;
	return 0;
}

int tokens_new(struct engine *engine, int fd,
	       void (*see)(struct engine *engine, const struct token_sight *sight),
	       struct tokens **ret_tokens) {
	struct tokens *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->engine = engine;
	t->see = see;
	t->fd = fd;
	t->watch = (struct job){.tokens = t, .fd = -1};
	for (uint32_t i = 0; i < JOBS_MAX; ++i)
		t->jobs[i] = t->watch;
	/* Numbers of an engine before are not met again. */
	r = engine->auth.random(&t->next_number, sizeof(t->next_number));
	t->next_number >>= 1;
	if (r == 0)
		r = begin(t);
	if (r < 0) {
		tokens_free(t);
		return r;
	}
	*ret_tokens = t;
	return 0;
}

struct tokens *tokens_free(struct tokens *tokens) {
	if (!tokens)
		return NULL;
	for (uint32_t i = 0; i < JOBS_MAX; ++i)
		job_clear(&tokens->jobs[i]);
	job_clear(&tokens->watch);
	if (tokens->poll)
		uv_close((uv_handle_t *)tokens->poll, tokens_free_handle);
	close_fdp(&tokens->fd);
	if (tokens->timer)
		uv_close((uv_handle_t *)tokens->timer, tokens_free_handle);
	explicit_bzero(tokens, sizeof(*tokens));
	free(tokens);
	return NULL;
}

void tokens_set_rules(struct tokens *tokens, const struct token_rules *rules) {
	if (!tokens)
		return;
	jobs_fail(tokens, TOKEN_ENDED);
	watch_clear(tokens);
	cards_rules(&tokens->cards, &tokens->rules, rules);
	tokens->watch_ms = 0;
	tokens->pulse.misses = 0;
	memset(tokens->module_failed, 0, sizeof(tokens->module_failed));
	tokens->rules = *rules;
	tokens->has_rules = true;
	/* Never one that was used before, and never 0. */
	if (tokens->engine->auth.random(&tokens->setup, sizeof(tokens->setup)) < 0)
		tokens->setup = tokens->next_number + 1;
	tokens->setup |= 1;
	tokens->silent_ms = 0;
	keeper_say_setup(tokens);
	tokens_wake(tokens);
}

bool tokens_is_alive(const struct tokens *tokens) {
	return tokens->fd >= 0 && tokens->is_ready && tokens->silent_ms == 0;
}

static int prepare(struct job *job, const struct token_look *look) {
	struct tokens *t = job->tokens;

	job->speech = calloc(1, sizeof(*job->speech));
	job->n_look = speech_look(t->buffer, look);
	job->look = job->n_look > 0 ? malloc(job->n_look) : NULL;
	if (!job->speech || !job->look)
		return -ENOMEM;
	memcpy(job->look, t->buffer, job->n_look);
	return 0;
}

static struct job *free_job(struct tokens *t) {
	for (uint32_t i = 0; i < JOBS_MAX; ++i)
		if (t->jobs[i].state == JOB_FREE)
			return &t->jobs[i];
	return NULL;
}

uint64_t token_job_new(struct tokens *tokens, const struct token_look *look,
		       const struct token_client *client) {
	struct job *job = free_job(tokens);

	if (!job)
		return 0;
	job->number = ++tokens->next_number;
	job->client = *client;
	job->factor = look->factor;
	job->until_ms = tokens_now_ms(tokens) + tokens->rules.deadline_ms;
	job->state = JOB_WANTED;
	if (tokens->fd < 0 || !tokens_is_enabled(tokens, look->factor))
		job_fail(job, TOKEN_MODULE, TRIES_UNKNOWN);
	else if (prepare(job, look) < 0 ||
		 !keeper_tell(tokens, KEEPER_TAKE, job->factor, job->number, job->until_ms))
		job_fail(job, TOKEN_BUSY, TRIES_UNKNOWN);
	return job->number;
}

static const struct token_candidate *find_candidate(const struct job *job, uint32_t index) {
	for (uint32_t i = 0; i < job->speech->found.n; ++i)
		if (job->speech->found.candidates[i].index == index)
			return &job->speech->found.candidates[i];
	return NULL;
}

/* Two persons' PINs never meet in one reader. */
static bool is_reader_busy(const struct tokens *t, const char *reader) {
	for (uint32_t i = 0; i < JOBS_MAX; ++i)
		if (t->jobs[i].state == JOB_WORKING && strcmp(t->jobs[i].reader, reader) == 0)
			return true;
	return false;
}

/* The buffer holds the request; from here on the helper works until its deadline. */
static void begin_work(struct job *job, const char *request, size_t n, uint32_t index) {
	struct tokens *t = job->tokens;
	const struct token_candidate *c = find_candidate(job, index);
	uint64_t ms = t->rules.deadline_ms;

	if (!c || is_reader_busy(t, c->reader)) {
		explicit_bzero(t->buffer, sizeof(t->buffer));
		job_end_helper(job);
		job_fail(job, c ? TOKEN_BUSY : TOKEN_NO_CREDENTIAL, TRIES_UNKNOWN);
		return;
	}
	/* At the reader's own pad a person types meanwhile. */
	if (c->has_pad)
		ms += engine_policy(t->engine)->settings.prompt_timeout_s * 1000ull;
	job->until_ms = tokens_now_ms(t) + ms;
	memcpy(job->reader, c->reader, sizeof(job->reader));
	job->state = JOB_WORKING;
	(void)keeper_tell(t, KEEPER_DEADLINE, job->factor, job->number, job->until_ms);
	if (job_ask(job, request, n) < 0) {
		job_end_helper(job);
		job_fail(job, TOKEN_ENDED, TRIES_UNKNOWN);
	}
}

void token_job_sign(struct tokens *tokens, uint64_t number, struct token_sign *sign) {
	struct job *job = job_find(tokens, number);

	if (job && job->state == JOB_FOUND)
		begin_work(job, "sign", speech_sign(tokens->buffer, sign), sign->candidate);
	secret_wipe(&sign->pin);
}

void token_job_make(struct tokens *tokens, uint64_t number, struct token_make *make) {
	struct job *job = job_find(tokens, number);

	if (job && job->state == JOB_FOUND)
		begin_work(job, "make", speech_make(tokens->buffer, make), make->candidate);
	secret_wipe(&make->pin);
}

void token_job_drop(struct tokens *tokens, uint64_t number) {
	struct job *job = job_find(tokens, number);

	if (!job || job == &tokens->watch)
		return;
	if (job->state != JOB_OVER)
		job_end_helper(job);
	job_clear(job);
}
