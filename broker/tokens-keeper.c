/* SPDX-License-Identifier: Apache-2.0 */

/* The keeper: what it is told, the helpers that it gives, and what it says of their ends. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "broker/tokens-inside.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define PACKETS_AT_ONCE 16

/* ---- to the keeper ------------------------------------------------------------------ */

bool keeper_tell(struct tokens *t, enum keeper_kind kind, enum cw_factor factor, uint64_t number,
		 uint64_t deadline_ms) {
	const struct keeper_message m = {.kind = kind,
					 .factor = factor,
					 .engine = t->setup,
					 .number = number,
					 .deadline_ms = deadline_ms};

	return t->fd >= 0 && send(t->fd, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL) ==
				     (ssize_t)sizeof(m);
}

void keeper_say_setup(struct tokens *t) {
	struct keeper_setup *setup = calloc(1, sizeof(*setup));

	t->is_ready = false;
	t->setup_ms = tokens_now_ms(t);
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

/* ---- from the keeper ---------------------------------------------------------------- */

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
	return uv_poll_start(job->poll, UV_READABLE, job_readable) < 0 ? -EIO : 0;
}

static void on_watch_given(struct job *watch, int error) {
	struct tokens *t = watch->tokens;

	if (error < 0 || job_ask(watch, "watch", speech_watch(t->buffer)) < 0) {
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
		r = job_ask(job, "look", job->n_look);
	}
	if (r == 0) {
		job->state = JOB_LOOKING;
		return;
	}
	job_end_helper(job);
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
		if (!job_read(job))
			break;
	if (job->number != m->number || job->state == JOB_FREE || job->state == JOB_OVER)
		return;
	if (job == &t->watch) {
		watch_end(job);
		return;
	}
	job_let_go(job);
	job_done(job, error, TRIES_UNKNOWN);
}

/* A keeper that knows nothing of us: its predecessor has died, and its helpers with it. */
static void on_ready(struct tokens *t, uint64_t number) {
	if (number == t->setup) {
		t->is_ready = true;
		t->silent_ms = 0;
		tokens_wake(t);
		return;
	}
	if (number != 0 || !t->is_ready)
		return;
	jobs_fail(t, TOKEN_ENDED);
	watch_clear(t);
	t->watch_ms = 0;
	keeper_say_setup(t);
}

static void on_opened(struct tokens *t, const struct keeper_message *m) {
	if (m->factor < CW_N_FACTORS)
		t->module_failed[m->factor] = m->code != 0;
	tokens_judge_alarm(t);
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
	job = job_find(t, m->number);
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
	uv_close((uv_handle_t *)t->poll, tokens_free_handle);
	t->poll = NULL;
	close_fdp(&t->fd);
	t->fd = -1;
	jobs_fail(t, TOKEN_MODULE);
	watch_clear(t);
	tokens_judge_alarm(t);
}

void keeper_readable(uv_poll_t *poll, int status, int events) {
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
