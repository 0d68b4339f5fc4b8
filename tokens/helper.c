/* SPDX-License-Identifier: Apache-2.0 */

#include "tokens/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tokens/confine.h"
#include "tokens/speech.h"

#define JOB_FD 3
#define OPENED_FD 4
#define ASIDE 16     /* above both                                                   */
#define FILES 4096u  /* where close_range() is not known                             */

/* Everything that one job needs; static, because it is large and there is one. */
static struct helper {
	uint8_t buffer[LIMIT_FRAME];
	struct speech_request request;
	struct token_found found;
	struct token_answer answer;
	const struct token_kind *kind;
	void *open;  /* what the kind's open() made; NULL: it could not             */
} helper;

/* ---- before foreign code ------------------------------------------------------------ */

static bool place_descriptors(const struct helper_setup *setup) {
	int job = fcntl(setup->job_fd, F_DUPFD_CLOEXEC, ASIDE);
	int opened = fcntl(setup->opened_fd, F_DUPFD_CLOEXEC, ASIDE);

	if (job < 0 || opened < 0 || dup3(job, JOB_FD, O_CLOEXEC) < 0 ||
	    dup3(opened, OPENED_FD, O_CLOEXEC) < 0)
		return false;
	if (close_range(OPENED_FD + 1, ~0u, 0) == 0)
		return true;
	for (int fd = OPENED_FD + 1; fd < (int)FILES; ++fd)
		(void)close(fd);
	return true;
}

/*
 * Nothing that a library does with 0, 1 and 2 reaches anything: it may print, read
 * from its standard input, or close it.
 */
static bool blind_standard_descriptors(void) {
	int null = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (null < 0)
		return false;
	for (int fd = 0; fd <= 2; ++fd)
		if (fd != null && dup2(null, fd) < 0)
			return false;
	if (null > OPENED_FD)
		(void)close(null);
	return true;
}

static bool set_environment(const struct token_rules *rules) {
	char pair[TOKEN_ENVIRONMENT_TEXT];

	if (clearenv() != 0)
		return false;
	for (uint32_t i = 0; i < rules->smartcard.n_environment && i < TOKEN_ENVIRONMENT_MAX; ++i) {
		char *equals;

		memcpy(pair, rules->smartcard.environment[i], sizeof(pair));
		pair[sizeof(pair) - 1] = '\0';
		equals = strchr(pair, '=');
		if (!equals || equals == pair)
			return false;
		*equals = '\0';
		if (setenv(pair, equals + 1, 1) < 0)
			return false;
	}
	return true;
}

static void default_signals(void) {
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(signals); ++i)
		(void)signal(signals[i], SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- speech ------------------------------------------------------------------------- */

static int say(size_t n) {
	ssize_t sent = n == 0 ? -1 : send(JOB_FD, helper.buffer, n, MSG_NOSIGNAL);

	return sent == (ssize_t)n ? 0 : -EPIPE;
}

static int say_failed(enum token_error error, uint32_t tries) {
	return say(speech_failed(helper.buffer, error, tries));
}

static void say_touch(void *userdata) {
	(void)say(speech_touch(helper.buffer));
}

/* Waits for a question. Return: 0; -EPIPE (nobody wants anything); -EBADMSG. */
static int hear(void) {
	ssize_t n;
	int r;

	do {
		n = recv(JOB_FD, helper.buffer, sizeof(helper.buffer), MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -EPIPE;
	r = n > (ssize_t)sizeof(helper.buffer) ?
		    -EBADMSG :
		    speech_heard(helper.buffer, (size_t)n, &helper.request);
	explicit_bzero(helper.buffer, sizeof(helper.buffer));
	return r;
}

/* ---- the job ------------------------------------------------------------------------ */

static int look(void) {
	enum token_error error = TOKEN_MODULE;
	int r = 0;

	if (helper.open)
		error = helper.kind->look(helper.open, &helper.request.look, &helper.found);
	if (error == TOKEN_OK && (helper.found.n == 0 || helper.found.n > TOKEN_CANDIDATES_MAX))
		error = TOKEN_BROKEN;
	if (error != TOKEN_OK) {
		(void)say_failed(error, TRIES_UNKNOWN);
		return -EIO;
	}
	for (uint32_t i = 0; i < helper.found.n && r == 0; ++i)
		r = say(speech_candidate(helper.buffer, &helper.found.candidates[i]));
	return r == 0 ? say(speech_found(helper.buffer, helper.found.n)) : r;
}

static int work(void) {
	const struct token_talk talk = {.touch = say_touch};
	enum token_error error = TOKEN_UNSUPPORTED;
	uint32_t tries = TRIES_UNKNOWN;
	int r;

	if (helper.request.verb == SPEECH_SIGN)
		error = helper.kind->sign(helper.open, &helper.request.sign, &talk, &helper.answer,
					  &tries);
	else if (helper.kind->make)
		error = helper.kind->make(helper.open, &helper.request.make, &talk, &helper.answer,
					  &tries);
	speech_request_wipe(&helper.request);
	if (error != TOKEN_OK)
		return say_failed(error, tries);
	r = say(speech_answer(helper.buffer, &helper.answer));
	return r < 0 ? say_failed(TOKEN_BROKEN, tries) : r;
}

/* One look, one signature. Return: exit status. */
static int serve_job(void) {
	int r = hear();

	if (r == 0 && (helper.request.verb != SPEECH_LOOK ||
		       helper.request.look.factor != helper.kind->factor))
		r = -EPROTO;
	if (r == 0)
		r = look();
	if (r == 0)
		r = hear();
	if (r == 0 && helper.request.verb != SPEECH_SIGN && helper.request.verb != SPEECH_MAKE)
		r = -EPROTO;
	if (r == 0)
		r = work();
	speech_request_wipe(&helper.request);
	if (helper.open)
		helper.kind->close(helper.open);
	return r == 0 || r == -EPIPE || r == -EIO ? 0 : 1;
}

static void tell_sight(const struct token_sight *sight, void *userdata) {
	if (say(speech_sight(helper.buffer, sight)) < 0)
		_exit(0); /* nobody listens any more */
}

static int serve_watch(const struct token_rules *rules) {
	if (hear() < 0 || helper.request.verb != SPEECH_WATCH)
		return 1;
	return token_watch(rules, JOB_FD, tell_sight, NULL) < 0 ? 1 : 0;
}

static const struct token_kind *find_kind(enum cw_factor factor) {
	for (size_t i = 0; token_kinds[i]; ++i)
		if (token_kinds[i]->factor == factor)
			return token_kinds[i];
	return NULL;
}

int helper_main(const struct helper_setup *setup) {
	int32_t opened = 0;

	if (!place_descriptors(setup) || !blind_standard_descriptors() ||
	    !set_environment(setup->rules))
		return 1;
	default_signals();
	if (setsid() < 0 || confine_helper(setup->has_own_user) < 0)
		return 1;
	if (setup->factor == CW_FACTOR_NONE) {
		(void)!write(OPENED_FD, &opened, sizeof(opened));
		(void)close(OPENED_FD);
		return serve_watch(setup->rules);
	}
	helper.kind = find_kind(setup->factor);
	opened = helper.kind ? helper.kind->open(setup->rules, &helper.open) : -ENOENT;
	if (opened < 0)
		helper.open = NULL;
	(void)!write(OPENED_FD, &opened, sizeof(opened));
	(void)close(OPENED_FD);
	return serve_job();
}
