/* SPDX-License-Identifier: Apache-2.0 */

#include "tokens/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tokens/helper.h"
#include "tokens/keeper-child.h"

#define MESSAGES_AT_ONCE 32
#define POLL_MOST_MS 1000u     /* poll() does not count what the device slept        */
#define CHILDREN_MAX (4u * KEEPER_HELPERS_MAX) /* with those that were killed and are dying */
#define THREADS_MOST 32u       /* of one helper; looked at as often as poll() returns  */
#define AGAIN_MS 200u          /* first wait after a spare that could not open       */
#define AGAIN_MOST_MS 10000u

/* The kinds of which a spare is kept ready. */
static const enum cw_factor spares[] = {CW_FACTOR_SMARTCARD, CW_FACTOR_FIDO2};

struct keeper {
	int fd;
	int signal_fd;
	bool has_own_user;
	uint64_t engine; /* 0: no SETUP yet                                           */
	struct token_rules rules;
	struct child children[CHILDREN_MAX];
	uint64_t next_spare_ms[ARRAY_SIZE(spares)];
	uint32_t again_ms[ARRAY_SIZE(spares)];
	uint64_t starts;
	uint64_t good_start[ARRAY_SIZE(spares)]; /* the latest one that opened        */
};

/* Until when a helper may live counts on while the device sleeps. */
static uint64_t now_ms(void) {
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_enabled(const struct keeper *k, enum cw_factor factor) {
	if (factor == CW_FACTOR_SMARTCARD)
		return k->rules.smartcard.on;
	return factor == CW_FACTOR_FIDO2 && k->rules.security_key.on;
}

static size_t index_of(enum cw_factor factor) {
	return factor == CW_FACTOR_FIDO2 ? 1 : 0;
}

/* ---- what the engine is told -------------------------------------------------------- */

/* Return: false when it cannot be told now. Nobody waits for an engine. */
static bool tell(const struct keeper *k, const struct keeper_message *m, int fd) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)m, .iov_len = sizeof(*m)};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	return sendmsg(k->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(*m);
}

static void tell_ended(const struct keeper *k, uint64_t number, enum keeper_end how, int code) {
	const struct keeper_message m = {.kind = KEEPER_ENDED,
					 .engine = k->engine,
					 .number = number,
					 .how = how,
					 .code = code};

	(void)tell(k, &m, -1);
}

/* What an older one says last is no news when a newer one has opened. */
static void tell_opened(struct keeper *k, const struct child *c, int code) {
	const struct keeper_message m = {
		.kind = KEEPER_OPENED, .factor = c->factor, .engine = k->engine, .code = code};
	uint64_t *good = &k->good_start[index_of(c->factor)];

	if (c->is_void || (code != 0 && c->start < *good))
		return;
	if (code == 0 && c->start > *good)
		*good = c->start;
	(void)tell(k, &m, -1);
}

/* ---- helpers ------------------------------------------------------------------------ */

/* Return: a new child; NULL with errno in @ret_error. */
static struct child *start(struct keeper *k, enum cw_factor factor, int *ret_error) {
	struct child *child = NULL;
	uint32_t alive = 0;
	int r = -EAGAIN;

	for (uint32_t i = 0; i < CHILDREN_MAX; ++i) {
		alive += k->children[i].pid != 0 && !k->children[i].is_dying;
		if (k->children[i].pid == 0 && !child)
			child = &k->children[i];
	}
	if (child && alive < KEEPER_HELPERS_MAX)
		r = child_start(child, &k->rules, factor, k->has_own_user);
	if (r < 0) {
		*ret_error = -r;
		return NULL;
	}
	child->start = ++k->starts;
	child->deadline_ms = now_ms() + k->rules.deadline_ms;
	return child;
}

static struct child *find_spare(struct keeper *k, enum cw_factor factor) {
	for (uint32_t i = 0; i < CHILDREN_MAX; ++i) {
		struct child *c = &k->children[i];

		if (c->pid != 0 && !c->is_dying && c->number == 0 && c->factor == factor)
			return c;
	}
	return NULL;
}

static void put_off_spare(struct keeper *k, enum cw_factor factor) {
	size_t i = index_of(factor);

	k->again_ms[i] = k->again_ms[i] == 0 ? AGAIN_MS : 2 * k->again_ms[i];
	if (k->again_ms[i] > AGAIN_MOST_MS)
		k->again_ms[i] = AGAIN_MOST_MS;
	k->next_spare_ms[i] = now_ms() + k->again_ms[i];
}

static void start_spares(struct keeper *k) {
	uint64_t now = now_ms();

	for (size_t i = 0; i < ARRAY_SIZE(spares); ++i) {
		int error = 0;

		if (k->engine == 0 || !is_enabled(k, spares[i]) || now < k->next_spare_ms[i] ||
		    find_spare(k, spares[i]))
			continue;
		if (!start(k, spares[i], &error))
			put_off_spare(k, spares[i]);
	}
}

/* What a helper says of its library: once, and before any job. */
static void on_opened(struct keeper *k, struct child *c) {
	int code = child_opened(c);
	bool is_spare = c->number == 0;

	if (code == -EAGAIN || c->factor == CW_FACTOR_NONE)
		return;
	if (!c->is_dying)
		tell_opened(k, c, code);
	if (code == 0) {
		k->again_ms[index_of(c->factor)] = 0;
		if (is_spare)
			c->deadline_ms = 0;
		return;
	}
	/* It stays and says so to whoever takes it, until it is tried again. */
	if (is_spare) {
		put_off_spare(k, c->factor);
		c->deadline_ms = k->next_spare_ms[index_of(c->factor)];
	}
}

static void kill_late(struct keeper *k) {
	uint64_t now = now_ms();

	for (uint32_t i = 0; i < CHILDREN_MAX; ++i) {
		struct child *c = &k->children[i];

		if (c->pid == 0 || c->is_dying || c->deadline_ms == 0 || now < c->deadline_ms)
			continue;
		if (c->number == 0 && c->opened_fd >= 0) {
			tell_opened(k, c, -ETIMEDOUT);
			put_off_spare(k, c->factor);
		}
		c->is_late = true;
		child_kill(c);
	}
}

/*
 * One library must not take the threads that all helpers share (confine.c): it is
 * ended long before its deadline.
 */
static void kill_many(struct keeper *k) {
	for (uint32_t i = 0; i < CHILDREN_MAX; ++i) {
		struct child *c = &k->children[i];

		if (c->pid == 0 || c->is_dying || child_threads(c) <= THREADS_MOST)
			continue;
		if (c->number == 0) {
			if (c->opened_fd >= 0)
				tell_opened(k, c, -ECHILD);
			put_off_spare(k, c->factor);
		}
		child_kill(c);
	}
}

static void on_child_end(struct keeper *k, struct child *c, int status) {
	enum keeper_end how = WIFSIGNALED(status) ? KEEPER_END_SIGNAL : KEEPER_END_EXIT;
	int code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

	if (c->opened_fd >= 0 && !c->is_dying)
		on_opened(k, c);
	/* It died while it loaded its library. */
	if (c->opened_fd >= 0 && !c->is_dying && c->factor != CW_FACTOR_NONE) {
		tell_opened(k, c, -ECHILD);
		put_off_spare(k, c->factor);
	}
	if (c->number != 0 && !c->is_void)
		tell_ended(k, c->number, c->is_late ? KEEPER_END_DEADLINE : how, code);
	child_forget(c);
}

static void reap(struct keeper *k) {
	for (;;) {
		siginfo_t info = {0};
		struct child *child = NULL;
		int status = 0;

		/* Looked at first: its group is still its own. */
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return;
		for (uint32_t i = 0; i < CHILDREN_MAX; ++i)
			if (k->children[i].pid == info.si_pid)
				child = &k->children[i];
		if (child)
			(void)kill(-info.si_pid, SIGKILL);
		if (waitpid(info.si_pid, &status, WNOHANG) == info.si_pid && child)
			on_child_end(k, child, status);
	}
}

/* ---- what the engine wants ---------------------------------------------------------- */

static void on_setup(struct keeper *k, const struct keeper_setup *setup) {
	struct keeper_message ready = {.kind = KEEPER_READY, .engine = setup->message.engine};

	for (uint32_t i = 0; i < CHILDREN_MAX; ++i)
		if (k->children[i].pid != 0) {
			k->children[i].is_void = true;
			child_kill(&k->children[i]);
		}
	k->engine = setup->message.engine;
	k->rules = setup->rules;
	if (k->rules.deadline_ms == 0)
		k->rules.deadline_ms = 10000;
	memset(k->next_spare_ms, 0, sizeof(k->next_spare_ms));
	memset(k->again_ms, 0, sizeof(k->again_ms));
	(void)tell(k, &ready, -1);
}

static void give(struct keeper *k, struct child *child, const struct keeper_message *m) {
	struct keeper_message given = {.kind = KEEPER_GIVEN,
				       .factor = child->factor,
				       .engine = k->engine,
				       .number = m->number};

	child->number = m->number;
	child->deadline_ms = m->deadline_ms;
	/* An engine that does not listen has no use for it. */
	if (!tell(k, &given, child->job_fd))
		child_kill(child);
	child_close_job(child);
}

static void on_take(struct keeper *k, const struct keeper_message *m) {
	enum cw_factor factor = (enum cw_factor)m->factor;
	struct child *child = NULL;
	int error = EINVAL;

	if (is_enabled(k, factor)) {
		child = find_spare(k, factor);
		if (!child)
			child = start(k, factor, &error);
	}
	if (child)
		give(k, child, m);
	else
		tell_ended(k, m->number, KEEPER_END_FORK, error);
}

static void on_watch(struct keeper *k, const struct keeper_message *m) {
	int error = 0;
	struct child *child = start(k, CW_FACTOR_NONE, &error);

	if (!child) {
		tell_ended(k, m->number, KEEPER_END_FORK, error);
		return;
	}
	give(k, child, m);
	child->deadline_ms = 0;
}

static void on_deadline(struct keeper *k, const struct keeper_message *m) {
	for (uint32_t i = 0; i < CHILDREN_MAX; ++i) {
		struct child *c = &k->children[i];

		if (c->pid == 0 || c->is_dying || c->number != m->number || c->is_void)
			continue;
		c->deadline_ms = m->deadline_ms;
		if (m->deadline_ms == 0)
			child_kill(c);
		return;
	}
}

static void on_message(struct keeper *k, const struct keeper_setup *setup, size_t n) {
	const struct keeper_message *m = &setup->message;

	if (n == sizeof(*setup) && m->kind == KEEPER_SETUP && m->engine != 0) {
		on_setup(k, setup);
		return;
	}
	if (n != sizeof(*m) || m->engine == 0 || m->engine != k->engine || m->number == 0)
		return;
	if (m->kind == KEEPER_TAKE)
		on_take(k, m);
	else if (m->kind == KEEPER_WATCH)
		on_watch(k, m);
	else if (m->kind == KEEPER_DEADLINE)
		on_deadline(k, m);
}

/* Return: false when the broker is gone. */
static bool read_messages(struct keeper *k) {
	static struct keeper_setup setup;

	for (int i = 0; i < MESSAGES_AT_ONCE; ++i) {
		ssize_t n = recv(k->fd, &setup, sizeof(setup), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		on_message(k, &setup, (size_t)n);
	}
	return true;
}

/* ---- the loop ----------------------------------------------------------------------- */

static int next_timeout(const struct keeper *k) {
	uint64_t now = now_ms();
	uint64_t at = UINT64_MAX;

	for (uint32_t i = 0; i < CHILDREN_MAX; ++i) {
		const struct child *c = &k->children[i];

		/* Whoever works, or watches, is looked at: how many threads are there? */
		if (c->pid != 0 && !c->is_dying && c->number != 0 && at > now + POLL_MOST_MS)
			at = now + POLL_MOST_MS;
		if (c->pid != 0 && !c->is_dying && c->deadline_ms != 0 && c->deadline_ms < at)
			at = c->deadline_ms;
	}
	for (size_t i = 0; i < ARRAY_SIZE(spares); ++i)
		if (k->next_spare_ms[i] > now && k->next_spare_ms[i] < at)
			at = k->next_spare_ms[i];
	if (at == UINT64_MAX)
		return -1;
	if (at <= now)
		return 0;
	return at - now < POLL_MOST_MS ? (int)(at - now) : (int)POLL_MOST_MS;
}

static void wait_for_something(struct keeper *k) {
	struct pollfd wanted[2 + CHILDREN_MAX] = {
		{.fd = k->fd, .events = POLLIN},
		{.fd = k->signal_fd, .events = POLLIN},
	};

	for (uint32_t i = 0; i < CHILDREN_MAX; ++i)
		wanted[2 + i] = (struct pollfd){
			.fd = k->children[i].pid != 0 ? k->children[i].opened_fd : -1,
			.events = POLLIN,
		};
	(void)poll(wanted, ARRAY_SIZE(wanted), next_timeout(k));
	for (uint32_t i = 0; i < CHILDREN_MAX; ++i)
		if (wanted[2 + i].revents != 0)
			on_opened(k, &k->children[i]);
}

/* Return: exit status: 0 when the broker is gone. */
static int keep(int fd, int signal_fd, bool has_own_user) {
	static struct keeper k;
	const struct keeper_message begun = {.kind = KEEPER_READY};
	struct signalfd_siginfo info;

	k = (struct keeper){.fd = fd, .signal_fd = signal_fd, .has_own_user = has_own_user};
	/* Whatever escapes from a helper comes back here, and is not left a zombie. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	(void)tell(&k, &begun, -1);
	for (;;) {
		start_spares(&k);
		wait_for_something(&k);
		if (!read_messages(&k))
			return 0;
		while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			;
		kill_late(&k);
		kill_many(&k);
		reap(&k);
	}
}

/* ---- the guard ---------------------------------------------------------------------- */

static pid_t start_keeper(int fd, int signal_fd, bool has_own_user) {
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(1);
	_exit(keep(fd, signal_fd, has_own_user));
}

/* Return: true when the other end of the socket is gone. */
static bool wait_for_end(int fd, int signal_fd, int ms) {
	struct pollfd wanted[] = {{.fd = fd}, {.fd = signal_fd, .events = POLLIN}};
	struct signalfd_siginfo info;

	(void)poll(wanted, ARRAY_SIZE(wanted), ms);
	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		;
	return wanted[0].revents & (POLLHUP | POLLERR | POLLNVAL);
}

/* Keepers that die at once are started ever more slowly. */
static int guard(int fd, int signal_fd, bool has_own_user) {
	uint32_t wait_ms = 10;
	uint64_t started_ms = 0;
	pid_t keeper = 0;

	for (;;) {
		pid_t pid;
		bool is_over;

		if (keeper <= 0) {
			started_ms = now_ms();
			keeper = start_keeper(fd, signal_fd, has_own_user);
		}
		is_over = wait_for_end(fd, signal_fd, keeper > 0 ? -1 : (int)wait_ms);
		if (is_over && keeper > 0)
			(void)kill(keeper, SIGKILL);
		while ((pid = waitpid(-1, NULL, is_over ? 0 : WNOHANG)) > 0) {
			if (pid != keeper)
				continue;
			keeper = 0;
			wait_ms = now_ms() - started_ms > 10000 ? 10 : 2 * wait_ms;
			if (wait_ms > 1000)
				wait_ms = 1000;
			is_over |= wait_for_end(fd, signal_fd, (int)wait_ms);
		}
		if (is_over)
			return 0;
	}
}

int keeper_main(int fd, bool has_own_user) {
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	cleanup_(close_fdp) int signal_fd = -1;
	sigset_t watched;

	/* The end comes with the end of the broker, however that comes. */
	for (size_t i = 0; i < ARRAY_SIZE(ignored); ++i)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&watched);
	(void)sigaddset(&watched, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &watched, NULL) < 0)
		return 1;
	signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return 1;
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return guard(fd, signal_fd, has_own_user);
}
