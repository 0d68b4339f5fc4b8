/* SPDX-License-Identifier: Apache-2.0 */

/* A job: its helper, what that says, and how it ends. And the watcher, which is one without end. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "broker/tokens-inside.h"
#include "common/cleanup.h"

#define GRACE_MS 1000u        /* for a helper to log out, and for the keeper to kill  */
#define ENDED_MS 500u         /* a helper is gone: for the keeper to say why          */
#define WATCH_AGAIN_MS 1000u
#define PACKETS_AT_ONCE 16
#define SIGHTS_A_SECOND 64u
#define TOUCHES_MAX 64u       /* of one job; the first is told                          */

/* ---- the ends of a job -------------------------------------------------------------- */

void tokens_free_handle(uv_handle_t *handle) {
	free(handle);
}

void job_let_go(struct job *job) {
	if (job->poll)
		uv_close((uv_handle_t *)job->poll, tokens_free_handle);
	job->poll = NULL;
	close_fdp(&job->fd);
	job->fd = -1;
}

void job_clear(struct job *job) {
	job_let_go(job);
	if (job->look)
		explicit_bzero(job->look, job->n_look);
	free(job->look);
	if (job->speech)
		explicit_bzero(job->speech, sizeof(*job->speech));
	free(job->speech);
	*job = (struct job){.tokens = job->tokens, .fd = -1};
}

/*
 * The helper is of no use any more. One that waits sees its socket end, logs out
 * and ends; one that works is killed at once.
 */
void job_end_helper(struct job *job) {
	bool works = job->state == JOB_WANTED || job->state == JOB_LOOKING ||
		     job->state == JOB_WORKING;

	(void)keeper_tell(job->tokens, KEEPER_DEADLINE, job->factor, job->number,
		   works ? 0 : tokens_now_ms(job->tokens) + GRACE_MS);
	job_let_go(job);
}

/* done() will be called, from the loop. */
void job_fail(struct job *job, enum token_error error, uint32_t tries) {
	job->state = JOB_OVER;
	job->error = error;
	job->tries = tries;
	tokens_wake(job->tokens);
}

void job_done(struct job *job, enum token_error error, uint32_t tries) {
	struct token_client client = job->client;
	struct speech *speech = job->speech;

	if (error == TOKEN_MODULE && job->tokens->fd >= 0 &&
	    tokens_is_enabled(job->tokens, job->factor))
		job->tokens->module_failed[job->factor] = true;
	/* Over before it is told: the client may begin another one. */
	job->speech = NULL;
	job_clear(job);
	client.done(client.userdata, error, tries, error == TOKEN_OK ? &speech->answer : NULL);
	if (speech)
		explicit_bzero(speech, sizeof(*speech));
	free(speech);
}

void jobs_fail(struct tokens *t, enum token_error error) {
	for (uint32_t i = 0; i < JOBS_MAX; ++i)
		if (t->jobs[i].state != JOB_FREE && t->jobs[i].state != JOB_OVER) {
			job_let_go(&t->jobs[i]);
			job_fail(&t->jobs[i], error, TRIES_UNKNOWN);
		}
}

/* ---- to a helper -------------------------------------------------------------------- */

struct job *job_find(struct tokens *t, uint64_t number) {
	if (number == 0)
		return NULL;
	if (t->watch.number == number)
		return &t->watch;
	for (uint32_t i = 0; i < JOBS_MAX; ++i)
		if (t->jobs[i].state != JOB_FREE && t->jobs[i].number == number)
			return &t->jobs[i];
	return NULL;
}

int job_ask(struct job *job, const char *request, size_t n) {
	struct tokens *t = job->tokens;
	ssize_t sent = n == 0 ? -1 : send(job->fd, t->buffer, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	explicit_bzero(t->buffer, sizeof(t->buffer));
	speech_sent(job->speech, request);
	return sent == (ssize_t)n ? 0 : -EPIPE;
}

/* ---- from a helper ------------------------------------------------------------------ */

/* What it told of is in doubt until the next one tells of it again. */
void watch_clear(struct tokens *t) {
	job_clear(&t->watch);
	cards_unwatched(&t->cards, tokens_now_ms(t));
}

void watch_end(struct job *watch) {
	struct tokens *t = watch->tokens;

	if (watch->number != 0)
		(void)keeper_tell(t, KEEPER_DEADLINE, CW_FACTOR_NONE, watch->number, 0);
	watch_clear(t);
	t->watch_ms = tokens_now_ms(t) + WATCH_AGAIN_MS;
}

/* A reader gone mad tells nobody anything any more, until its watcher starts anew. */
static void on_sight(struct job *watch) {
	struct tokens *t = watch->tokens;
	uint64_t second = tokens_now_ms(t) / 1000;

	if (t->sights.second != second)
		t->sights = (struct budget){.second = second};
	if (++t->sights.used > SIGHTS_A_SECOND ||
	    watch->speech->sight.reader >= t->rules.n_readers) {
		watch_end(watch);
		return;
	}
	if (watch->speech->sight.kind == TOKEN_SIGHT_ALIVE) {
		pulse_beat(&t->pulse);
		return;
	}
	cards_saw(&t->cards, &watch->speech->sight);
	t->see(t->engine, &watch->speech->sight);
}

static void on_found(struct job *job) {
	struct token_client client = job->client;
	uint64_t wait_ms = engine_policy(job->tokens->engine)->settings.prompt_timeout_s * 1000ull;

	/* It waits for a person now: for a warning, a choice and a PIN. */
	job->state = JOB_FOUND;
	job->until_ms = tokens_now_ms(job->tokens) + 3 * wait_ms + job->tokens->rules.deadline_ms;
	(void)keeper_tell(job->tokens, KEEPER_DEADLINE, job->factor, job->number, job->until_ms);
	job->tokens->module_failed[job->factor] = false;
	client.found(client.userdata, &job->speech->found);
}

static void job_lied(struct job *job) {
	job->state = JOB_WORKING; /* whatever it does: killed */
	job_end_helper(job);
	job_done(job, TOKEN_BROKEN, TRIES_UNKNOWN);
}

/* Return: true while there may be more. */
static bool on_packet(struct job *job, const uint8_t *packet, size_t n) {
	struct token_client client = job->client;
	enum speech_kind kind = SPEECH_NONE;

	if (speech_take(job->speech, packet, n, &kind) < 0 ||
	    (kind == SPEECH_ANSWER && job->speech->answer.factor != job->factor)) {
		if (job == &job->tokens->watch) {
			watch_end(job);
			return false;
		}
		job_lied(job);
		return false;
	}
	switch (kind) {
	case SPEECH_NONE:
		return true;
	case SPEECH_SIGHT:
		on_sight(job);
		return job->fd >= 0;
	case SPEECH_FOUND:
		on_found(job);
		return false; /* what it says now comes too early, and is read later */
	case SPEECH_TOUCH:
		if (++job->touches == 1)
			client.touch(client.userdata);
		else if (job->touches > TOUCHES_MAX)
			job_lied(job);
		return job->fd >= 0; /* the answer may lie behind it, and its helper be gone */
	case SPEECH_ANSWER:
	case SPEECH_FAILED:
		break;
	}
	job->state = JOB_FOUND; /* it has time to log out */
	job_end_helper(job);
	job_done(job, kind == SPEECH_ANSWER ? TOKEN_OK : job->speech->error,
		 kind == SPEECH_ANSWER ? TRIES_UNKNOWN : job->speech->tries_left);
	return false;
}

static void on_helper_end(struct job *job) {
	struct tokens *t = job->tokens;

	if (job == &t->watch) {
		watch_end(job);
		tokens_wake(t);
		return;
	}
	/* Whoever does not talk any more is of no use; if it was too late, the keeper knows. */
	(void)keeper_tell(t, KEEPER_DEADLINE, job->factor, job->number, 0);
	job_let_go(job);
	job->state = JOB_GONE;
	job->until_ms = tokens_now_ms(t) + ENDED_MS;
	tokens_wake(t);
}

/* Return: false when nothing more is to be read now. */
bool job_read(struct job *job) {
	struct tokens *t = job->tokens;
	ssize_t n = recv(job->fd, t->buffer, sizeof(t->buffer), MSG_DONTWAIT | MSG_TRUNC);
	bool more = false;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		on_helper_end(job);
		return false;
	}
	/* Longer than a frame may be: speech_take() refuses it by its length alone. */
	more = on_packet(job, t->buffer, (size_t)n);
	explicit_bzero(t->buffer, sizeof(t->buffer));
	return more;
}

void job_readable(uv_poll_t *poll, int status, int events) {
	struct job *job = poll->data;

	if (status < 0) {
		on_helper_end(job);
		return;
	}
	for (int i = 0; i < PACKETS_AT_ONCE; ++i)
		if (!job_read(job))
			return;
}
