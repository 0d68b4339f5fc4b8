/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "broker/cards.h"
#include "broker/engine.h"
#include "broker/pulse.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define JOBS_MAX (2u * ENGINE_ATTEMPTS)
#define SETUP_AGAIN_MS 1000u  /* a SETUP that nobody answered is said again           */
#define SILENT_MS 3000u       /* no answer for so long: an alarm                      */
#define GRACE_MS 1000u        /* for a helper to log out, and for the keeper to kill  */
#define ENDED_MS 500u         /* a helper is gone: for the keeper to say why          */
#define WATCH_AGAIN_MS 1000u
#define PACKETS_AT_ONCE 16
#define SIGHTS_A_SECOND 64u
#define TOUCHES_MAX 64u       /* of one job; the first is told                          */

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

static void on_timer(uv_timer_t *timer);

static uint64_t now_ms(const struct tokens *t) {
	return engine_now(t->engine).boot_ms;
}

static bool is_wanted(const struct tokens *t) {
	return t->has_rules && (t->rules.smartcard.on || t->rules.security_key.on ||
				t->rules.n_readers > 0);
}

static bool is_enabled(const struct tokens *t, enum cw_factor factor) {
	return t->has_rules && ((factor == CW_FACTOR_SMARTCARD && t->rules.smartcard.on) ||
				(factor == CW_FACTOR_FIDO2 && t->rules.security_key.on));
}

/* Soon: from the loop, and never from inside a call. */
static void wake(struct tokens *t) {
	(void)uv_timer_start(t->timer, on_timer, 0, 0);
}

static void judge_alarm(struct tokens *t) {
	bool on = is_wanted(t) && (t->fd < 0 || (t->silent_ms != 0 &&
						 now_ms(t) >= t->silent_ms + SILENT_MS) ||
				  (t->pulse.is_lost && t->rules.n_readers > 0));

	for (unsigned f = 0; f < CW_N_FACTORS; ++f)
		on |= is_wanted(t) && t->module_failed[f];
	engine_alarm(t->engine, ALARM_TOKENS, on);
}

/* ---- to the keeper ------------------------------------------------------------------ */

static bool tell(struct tokens *t, enum keeper_kind kind, enum cw_factor factor, uint64_t number,
		 uint64_t deadline_ms) {
	const struct keeper_message m = {.kind = kind,
					 .factor = factor,
					 .engine = t->setup,
					 .number = number,
					 .deadline_ms = deadline_ms};

	return t->fd >= 0 && send(t->fd, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL) ==
				     (ssize_t)sizeof(m);
}

static void say_setup(struct tokens *t) {
	struct keeper_setup *setup = calloc(1, sizeof(*setup));

	t->is_ready = false;
	t->setup_ms = now_ms(t);
	if (t->silent_ms == 0)
		t->silent_ms = t->setup_ms;
	if (!setup)
		return;
	setup->message = (struct keeper_message){.kind = KEEPER_SETUP, .engine = t->setup};
	setup->rules = t->rules;
	if (t->fd >= 0)
		(void)send(t->fd, setup, sizeof(*setup), MSG_DONTWAIT | MSG_NOSIGNAL);
	free(setup);
}

/* ---- the ends of a job -------------------------------------------------------------- */

static void free_handle(uv_handle_t *handle) {
	free(handle);
}

static void let_go(struct job *job) {
	if (job->poll)
		uv_close((uv_handle_t *)job->poll, free_handle);
	job->poll = NULL;
	close_fdp(&job->fd);
	job->fd = -1;
}

static void job_clear(struct job *job) {
	let_go(job);
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
static void end_helper(struct job *job) {
	bool works = job->state == JOB_WANTED || job->state == JOB_LOOKING ||
		     job->state == JOB_WORKING;

	(void)tell(job->tokens, KEEPER_DEADLINE, job->factor, job->number,
		   works ? 0 : now_ms(job->tokens) + GRACE_MS);
	let_go(job);
}

/* done() will be called, from the loop. */
static void job_fail(struct job *job, enum token_error error, uint32_t tries) {
	job->state = JOB_OVER;
	job->error = error;
	job->tries = tries;
	wake(job->tokens);
}

static void job_done(struct job *job, enum token_error error, uint32_t tries) {
	struct token_client client = job->client;
	struct speech *speech = job->speech;

	if (error == TOKEN_MODULE && is_enabled(job->tokens, job->factor) && job->tokens->fd >= 0)
		job->tokens->module_failed[job->factor] = true;
	/* Over before it is told: the client may begin another one. */
	job->speech = NULL;
	job_clear(job);
	client.done(client.userdata, error, tries, error == TOKEN_OK ? &speech->answer : NULL);
	if (speech)
		explicit_bzero(speech, sizeof(*speech));
	free(speech);
}

static void fail_jobs(struct tokens *t, enum token_error error) {
	for (uint32_t i = 0; i < JOBS_MAX; ++i)
		if (t->jobs[i].state != JOB_FREE && t->jobs[i].state != JOB_OVER) {
			let_go(&t->jobs[i]);
			job_fail(&t->jobs[i], error, TRIES_UNKNOWN);
		}
}

/* ---- from a helper ------------------------------------------------------------------ */

/* What it told of is in doubt until the next one tells of it again. */
static void watch_clear(struct tokens *t) {
	job_clear(&t->watch);
	cards_unwatched(&t->cards, now_ms(t));
}

static void watch_end(struct job *watch) {
	struct tokens *t = watch->tokens;

	if (watch->number != 0)
		(void)tell(t, KEEPER_DEADLINE, CW_FACTOR_NONE, watch->number, 0);
	watch_clear(t);
	t->watch_ms = now_ms(t) + WATCH_AGAIN_MS;
}

/* A reader gone mad tells nobody anything any more, until its watcher starts anew. */
static void on_sight(struct job *watch) {
	struct tokens *t = watch->tokens;
	uint64_t second = now_ms(t) / 1000;

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
	job->until_ms = now_ms(job->tokens) + 3 * wait_ms + job->tokens->rules.deadline_ms;
	(void)tell(job->tokens, KEEPER_DEADLINE, job->factor, job->number, job->until_ms);
	job->tokens->module_failed[job->factor] = false;
	client.found(client.userdata, &job->speech->found);
}

static void job_lied(struct job *job) {
	job->state = JOB_WORKING; /* whatever it does: killed */
	end_helper(job);
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
	end_helper(job);
	job_done(job, kind == SPEECH_ANSWER ? TOKEN_OK : job->speech->error,
		 kind == SPEECH_ANSWER ? TRIES_UNKNOWN : job->speech->tries_left);
	return false;
}

static void on_helper_end(struct job *job) {
	struct tokens *t = job->tokens;

	if (job == &t->watch) {
		watch_end(job);
		wake(t);
		return;
	}
	/* Whoever does not talk any more is of no use; if it was too late, the keeper knows. */
	(void)tell(t, KEEPER_DEADLINE, job->factor, job->number, 0);
	let_go(job);
	job->state = JOB_GONE;
	job->until_ms = now_ms(t) + ENDED_MS;
	wake(t);
}

/* Return: false when nothing more is to be read now. */
static bool read_packet(struct job *job) {
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

static void on_helper(uv_poll_t *poll, int status, int events) {
	struct job *job = poll->data;

	if (status < 0) {
		on_helper_end(job);
		return;
	}
	for (int i = 0; i < PACKETS_AT_ONCE; ++i)
		if (!read_packet(job))
			return;
}

/* ---- from the keeper ---------------------------------------------------------------- */

static struct job *find_job(struct tokens *t, uint64_t number) {
	if (number == 0)
		return NULL;
	if (t->watch.number == number)
		return &t->watch;
	for (uint32_t i = 0; i < JOBS_MAX; ++i)
		if (t->jobs[i].state != JOB_FREE && t->jobs[i].number == number)
			return &t->jobs[i];
	return NULL;
}

/* Return: 0; -errno. @fd is the job's from now on. */
static int listen_to(struct job *job, int fd) {
	job->fd = fd;
	job->poll = calloc(1, sizeof(*job->poll));
	if (!job->poll)
		return -ENOMEM;
	if (uv_poll_init(&job->tokens->engine->loop, job->poll, fd) < 0) {
		free(job->poll);
		job->poll = NULL;
		return -EIO;
	}
	job->poll->data = job;
	return uv_poll_start(job->poll, UV_READABLE, on_helper) < 0 ? -EIO : 0;
}

static int ask(struct job *job, const char *request, size_t n) {
	struct tokens *t = job->tokens;
	ssize_t sent = n == 0 ? -1 : send(job->fd, t->buffer, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	explicit_bzero(t->buffer, sizeof(t->buffer));
	speech_sent(job->speech, request);
	return sent == (ssize_t)n ? 0 : -EPIPE;
}

static void on_watch_given(struct job *watch, int error) {
	struct tokens *t = watch->tokens;

	if (error < 0 || ask(watch, "watch", speech_watch(t->buffer)) < 0) {
		watch_end(watch);
		return;
	}
	watch->state = JOB_WORKING;
}

static void on_given(struct tokens *t, struct job *job, int fd) {
	int r = listen_to(job, fd);

	if (job == &t->watch) {
		on_watch_given(job, r);
		return;
	}
	if (r == 0) {
		memcpy(t->buffer, job->look, job->n_look);
		r = ask(job, "look", job->n_look);
	}
	if (r == 0) {
		job->state = JOB_LOOKING;
		return;
	}
	end_helper(job);
	job_fail(job, TOKEN_ENDED, TRIES_UNKNOWN);
}

static void on_ended(struct tokens *t, struct job *job, const struct keeper_message *m) {
	enum token_error error = TOKEN_ENDED;

	if (m->how == KEEPER_END_DEADLINE)
		error = TOKEN_LATE;
	else if (m->how == KEEPER_END_FORK)
		error = TOKEN_BUSY;
	/* What it said last may still lie in its socket. */
	while (job->fd >= 0 && job->state != JOB_FOUND)
		if (!read_packet(job))
			break;
	if (job->number != m->number || job->state == JOB_FREE || job->state == JOB_OVER)
		return;
	if (job == &t->watch) {
		watch_end(job);
		return;
	}
	let_go(job);
	job_done(job, error, TRIES_UNKNOWN);
}

/* A keeper that knows nothing of us: its predecessor has died, and its helpers with it. */
static void on_ready(struct tokens *t, uint64_t number) {
	if (number == t->setup) {
		t->is_ready = true;
		t->silent_ms = 0;
		wake(t);
		return;
	}
	if (number != 0 || !t->is_ready)
		return;
	fail_jobs(t, TOKEN_ENDED);
	watch_clear(t);
	t->watch_ms = 0;
	say_setup(t);
}

static void on_opened(struct tokens *t, const struct keeper_message *m) {
	if (m->factor < CW_N_FACTORS)
		t->module_failed[m->factor] = m->code != 0;
	judge_alarm(t);
}

static void on_keeper_message(struct tokens *t, const struct keeper_message *m, int fd) {
	cleanup_(close_fdp) int given = fd;
	struct job *job = NULL;

	if (m->kind == KEEPER_READY) {
		on_ready(t, m->engine);
		return;
	}
	/* Meant for the engine before this one, or for rules that are no more. */
	if (m->engine != t->setup)
		return;
	if (t->is_ready)
		t->silent_ms = 0;
	if (m->kind == KEEPER_OPENED)
		on_opened(t, m);
	job = find_job(t, m->number);
	if (!job)
		return;
	if (m->kind == KEEPER_GIVEN && given >= 0 && job->state == JOB_WANTED) {
		given = -1; /* handed over */
		on_given(t, job, fd);
	} else if (m->kind == KEEPER_ENDED) {
		on_ended(t, job, m);
	}
}

static void keeper_is_gone(struct tokens *t) {
	uv_close((uv_handle_t *)t->poll, free_handle);
	t->poll = NULL;
	close_fdp(&t->fd);
	t->fd = -1;
	fail_jobs(t, TOKEN_MODULE);
	watch_clear(t);
	judge_alarm(t);
}

static void on_keeper(uv_poll_t *poll, int status, int events) {
	struct tokens *t = poll->data;

	for (int i = 0; i < PACKETS_AT_ONCE && t->fd >= 0; ++i) {
		struct keeper_message m;
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(4 * sizeof(int))];
		} control;
		struct iovec part = {.iov_base = &m, .iov_len = sizeof(m)};
		struct msghdr header = {.msg_iov = &part,
					.msg_iovlen = 1,
					.msg_control = &control,
					.msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(t->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		int fd = -1;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			keeper_is_gone(t);
			return;
		}
		fd = fd_received(&header);
		if (n == (ssize_t)sizeof(m) && !(header.msg_flags & MSG_TRUNC))
			on_keeper_message(t, &m, fd);
		else
			close_fdp(&fd);
	}
}

/* ---- time --------------------------------------------------------------------------- */

static void start_watch(struct tokens *t) {
	if (!t->is_ready || t->rules.n_readers == 0 || t->watch.number != 0 ||
	    now_ms(t) < t->watch_ms)
		return;
	t->watch.speech = calloc(1, sizeof(*t->watch.speech));
	if (!t->watch.speech)
		return;
	t->watch.state = JOB_WANTED;
	t->watch.number = ++t->next_number;
	if (!tell(t, KEEPER_WATCH, CW_FACTOR_NONE, t->watch.number, 0))
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
		t->silent_ms = now_ms(t);
	job->state = JOB_WORKING;
	end_helper(job);
	job_done(job, error, TRIES_UNKNOWN);
}

static void tick_jobs(struct tokens *t) {
	for (uint32_t i = 0; i < JOBS_MAX; ++i) {
		struct job *job = &t->jobs[i];
		/* The keeper kills at the deadline, and says so; a little later nobody waits. */
		uint64_t at = job->until_ms + (job->state == JOB_GONE ? 0 : GRACE_MS);

		if (job->state == JOB_OVER)
			job_done(job, job->error, job->tries);
		else if (job->state != JOB_FREE && now_ms(t) >= at)
			give_up_late(t, job);
	}
}

static void on_timer(uv_timer_t *timer) {
	struct tokens *t = timer->data;
	struct token_sight lost;
	uint64_t wait_ms = 1000;

	tick_jobs(t);
	judge_watch(t);
	while (cards_lost(&t->cards, now_ms(t), &lost))
		t->see(t->engine, &lost);
	if (is_wanted(t) && !t->is_ready && t->fd >= 0 && now_ms(t) >= t->setup_ms + SETUP_AGAIN_MS)
		say_setup(t);
	start_watch(t);
	judge_alarm(t);
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
	if (uv_poll_start(t->poll, UV_READABLE, on_keeper) < 0 ||
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
		uv_close((uv_handle_t *)tokens->poll, free_handle);
	close_fdp(&tokens->fd);
	if (tokens->timer)
		uv_close((uv_handle_t *)tokens->timer, free_handle);
	explicit_bzero(tokens, sizeof(*tokens));
	free(tokens);
	return NULL;
}

void tokens_set_rules(struct tokens *tokens, const struct token_rules *rules) {
	if (!tokens)
		return;
	fail_jobs(tokens, TOKEN_ENDED);
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
	say_setup(tokens);
	wake(tokens);
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
	job->until_ms = now_ms(tokens) + tokens->rules.deadline_ms;
	job->state = JOB_WANTED;
	if (tokens->fd < 0 || !is_enabled(tokens, look->factor))
		job_fail(job, TOKEN_MODULE, TRIES_UNKNOWN);
	else if (prepare(job, look) < 0 ||
		 !tell(tokens, KEEPER_TAKE, job->factor, job->number, job->until_ms))
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
		end_helper(job);
		job_fail(job, c ? TOKEN_BUSY : TOKEN_NO_CREDENTIAL, TRIES_UNKNOWN);
		return;
	}
	/* At the reader's own pad a person types meanwhile. */
	if (c->has_pad)
		ms += engine_policy(t->engine)->settings.prompt_timeout_s * 1000ull;
	job->until_ms = now_ms(t) + ms;
	memcpy(job->reader, c->reader, sizeof(job->reader));
	job->state = JOB_WORKING;
	(void)tell(t, KEEPER_DEADLINE, job->factor, job->number, job->until_ms);
	if (ask(job, request, n) < 0) {
		end_helper(job);
		job_fail(job, TOKEN_ENDED, TRIES_UNKNOWN);
	}
}

void token_job_sign(struct tokens *tokens, uint64_t number, struct token_sign *sign) {
	struct job *job = find_job(tokens, number);

	if (job && job->state == JOB_FOUND)
		begin_work(job, "sign", speech_sign(tokens->buffer, sign), sign->candidate);
	secret_wipe(&sign->pin);
}

void token_job_make(struct tokens *tokens, uint64_t number, struct token_make *make) {
	struct job *job = find_job(tokens, number);

	if (job && job->state == JOB_FOUND)
		begin_work(job, "make", speech_make(tokens->buffer, make), make->candidate);
	secret_wipe(&make->pin);
}

void token_job_drop(struct tokens *tokens, uint64_t number) {
	struct job *job = find_job(tokens, number);

	if (!job || job == &tokens->watch)
		return;
	if (job->state != JOB_OVER)
		end_helper(job);
	job_clear(job);
}
