/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/offspring.h"
#include "broker/rings.h"
#include "broker/sandbox.h"
#include "broker/spool.h"
#include "common/cleanup.h"
#include "common/fd.h"

#define STUCK_MAX 8u       /* engines that were killed and do not go           */
#define MESSAGES_AT_ONCE 64
#define WRITER_AGAIN_MS 200
#define FLUSH_MS 2000      /* at the end: for the last records to reach the disk */

/* The engine that is running. pid 0: none. */
struct engine_child {
	pid_t pid;
	uint64_t number;      /* from 1                                            */
	int control_fd;       /* -1: none, or it closed its end                     */
	bool ready;
	bool without_journal;
	bool stop_owed;       /* it is to be told to stop, and was not yet          */
	bool spooled_owed;    /* it is to be told of the spool                      */
	bool hung;            /* was killed because it hung                         */
	uint64_t started_ms;
	uint64_t alive_ms;    /* last sign of life                                  */
	uint64_t leave_ms;    /* killed when it is still there then; 0: may stay    */
	uint64_t killed_ms;   /* 0: it was not                                      */
};

struct supervisor {
	const struct supervisor_setup *setup;
	struct supervisor_times times;
	struct parent parent;
	sigset_t signals; /* as they were                                         */
	struct spool_feed *feed;
	struct rings *rings;
	int signal_fd;
	struct engine_child engine;
	uint64_t starts;
	enum control_death death;
	int death_code;
	uint32_t backoff_ms;
	uint64_t next_start_ms;
	pid_t stuck[STUCK_MAX];
	uint32_t n_stuck;
	pid_t writer;
	uint64_t next_writer_ms;
	uint64_t durable;    /* as last told                                        */
	bool drain_again;
	uint64_t next_drain_ms;
	bool stopping;
};

/* Not CLOCK_BOOTTIME: a device that slept has no hung engine. */
static uint64_t now_ms(void) {
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise) {
	return value ? value : otherwise;
}

static struct supervisor_times with_defaults(const struct supervisor_times *t) {
	return (struct supervisor_times){
		.backoff_ms = or_default(t->backoff_ms, 10),
		.backoff_most_ms = or_default(t->backoff_most_ms, 1000),
		.settled_ms = or_default(t->settled_ms, 10000),
		.hang_ms = or_default(t->hang_ms, 3000),
		.kill_ms = or_default(t->kill_ms, 10000),
		.start_ms = or_default(t->start_ms, 60000),
		.stuck_ms = or_default(t->stuck_ms, 1000),
		.drain_ms = or_default(t->drain_ms, 100),
		.stale_ms = or_default(t->stale_ms, 60000),
		.stop_ms = or_default(t->stop_ms, 5000),
	};
}

/* ---- what the engine says ----------------------------------------------------------- */

static void on_ready(struct supervisor *s, uint64_t now) {
	s->engine.ready = true;
	rings_settle(s->rings, s->engine.number, now + s->times.stale_ms);
	if (s->parent.ready_fd < 0)
		return;
	(void)!write(s->parent.ready_fd, "1\n", 2);
	close_fdp(&s->parent.ready_fd);
	s->parent.ready_fd = -1;
}

static void on_message(struct supervisor *s, const struct control_message *m, int fd,
                       uint64_t now) {
	/* Every word is a sign of life. */
	s->engine.alive_ms = now;
	switch ((enum control_kind)m->kind) {
	case CONTROL_READY:
		on_ready(s, now);
		break;
	case CONTROL_RING:
		if (fd >= 0)
			(void)rings_take(s->rings, s->engine.number, m, fd);
		break;
	case CONTROL_RING_GONE:
		rings_forget(s->rings, s->engine.number, m->ring);
		break;
	case CONTROL_ALIVE:
	case CONTROL_NONE:
	case CONTROL_SPOOLED:
	case CONTROL_STOP:
	default:
		break;
	}
}

/* One message. Return: 1; 0 when there is none now; -EPIPE when there will be none. */
static int read_message(struct supervisor *s, uint64_t now) {
	cleanup_(close_fdp) int fd = -1;
	struct control_message m;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec part = {.iov_base = &m, .iov_len = sizeof(m)};
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	n = recvmsg(s->engine.control_fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	fd = fd_received(&header);
	if (n == 0)
		return -EPIPE;
	if (n == (ssize_t)sizeof(m) && !(header.msg_flags & MSG_TRUNC))
		on_message(s, &m, fd, now);
	return 1;
}

static void close_control(struct supervisor *s) {
	close_fdp(&s->engine.control_fd);
	s->engine.control_fd = -1;
	s->parent.control_fd = -1;
}

static void read_control(struct supervisor *s, uint64_t now, int most) {
	for (int i = 0; i < most && s->engine.control_fd >= 0; ++i) {
		int r = read_message(s, now);

		if (r == 0)
			return;
		if (r > 0)
			continue;
		/* It does not listen any more: whatever it does, it may not do it for long. */
		close_control(s);
		if (s->engine.leave_ms == 0)
			s->engine.leave_ms = now + s->times.stuck_ms;
	}
}

/* Return: true when it was said, or nobody is there to hear it. */
static bool say(struct supervisor *s, enum control_kind kind) {
	struct control_message m = {.kind = kind};
	ssize_t n;

	if (s->engine.control_fd < 0)
		return true;
	n = send(s->engine.control_fd, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL);
	return n >= 0 || errno != EAGAIN;
}

static void say_what_is_owed(struct supervisor *s) {
	if (s->engine.stop_owed)
		s->engine.stop_owed = !say(s, CONTROL_STOP);
	if (s->engine.spooled_owed)
		s->engine.spooled_owed = !say(s, CONTROL_SPOOLED);
}

/* ---- starting, ending ---------------------------------------------------------------- */

static void put_off(struct supervisor *s, uint64_t now) {
	s->next_start_ms = now + s->backoff_ms;
	s->backoff_ms *= 2;
	if (s->backoff_ms > s->times.backoff_most_ms)
		s->backoff_ms = s->times.backoff_most_ms;
}

static void start_engine(struct supervisor *s, uint64_t now) {
	cleanup_(close_fdp) int theirs = -1;
	struct engine_setup inherit = {
		.without_journal = s->n_stuck > 0,
		.client_fd = -1,
		.token_fd = s->setup->token_fd,
		.config_path = s->setup->config_path,
		.n_seats = s->setup->n_seats,
		.seats_source = s->setup->seats_source,
		.starts = s->starts,
		.death = s->death,
		.death_code = s->death_code,
		.lost = rings_lost(s->rings),
	};
	int ends[2];
	pid_t pid;

	memcpy(inherit.seats, s->setup->seats, sizeof(inherit.seats));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
		put_off(s, now);
		return;
	}
	theirs = ends[1];
	s->parent.control_fd = ends[0];
	pid = offspring_engine(&s->parent, s->setup, &inherit, theirs);
	if (pid < 0) {
		(void)close(ends[0]);
		s->parent.control_fd = -1;
		put_off(s, now);
		return;
	}
	s->engine = (struct engine_child){
		.pid = pid,
		.number = ++s->starts,
		.control_fd = ends[0],
		.without_journal = s->n_stuck > 0,
		.started_ms = now,
		.alive_ms = now,
	};
}

static void start_writer(struct supervisor *s, uint64_t now) {
	pid_t pid = offspring_writer(&s->parent, s->setup);

	s->next_writer_ms = now + WRITER_AGAIN_MS;
	s->writer = pid > 0 ? pid : 0;
}

/* The engine is gone, or will never be of use again. */
static void leave_engine(struct supervisor *s, uint64_t now) {
	/* What it said last may be a ring. */
	read_control(s, now, INT32_MAX);
	close_control(s);
	if (now - s->engine.started_ms >= s->times.settled_ms)
		s->backoff_ms = s->times.backoff_ms;
	put_off(s, now);
	s->engine = (struct engine_child){.control_fd = -1};
	s->next_drain_ms = now;
}

static void on_engine_death(struct supervisor *s, int status, uint64_t now) {
	if (s->engine.hung) {
		s->death = DEATH_HUNG;
		s->death_code = SIGKILL;
	} else if (WIFSIGNALED(status)) {
		s->death = DEATH_SIGNAL;
		s->death_code = WTERMSIG(status);
	} else {
		s->death = DEATH_EXIT;
		s->death_code = WEXITSTATUS(status);
	}
	leave_engine(s, now);
}

/* The disk has let go of an old engine: the journal can be had again. */
static void on_stuck_death(struct supervisor *s, uint32_t i, uint64_t now) {
	s->stuck[i] = s->stuck[--s->n_stuck];
	if (s->n_stuck > 0 || s->engine.pid == 0 || !s->engine.without_journal)
		return;
	s->engine.stop_owed = true;
	s->engine.leave_ms = now + s->times.stop_ms;
}

static void reap(struct supervisor *s, uint64_t now) {
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid <= 0)
			return;
		if (pid == s->engine.pid) {
			on_engine_death(s, status, now);
			continue;
		}
		if (pid == s->writer)
			s->writer = 0;
		for (uint32_t i = 0; i < s->n_stuck; ++i)
			if (pid == s->stuck[i]) {
				on_stuck_death(s, i, now);
				break;
			}
	}
}

/* ---- judging -------------------------------------------------------------------------- */

static bool is_hung(const struct supervisor *s, uint64_t now) {
	return s->engine.pid != 0 && now >= s->engine.alive_ms + s->times.hang_ms;
}

/* Can the engine take records from rings and sockets itself? */
static bool is_healthy(const struct supervisor *s, uint64_t now) {
	return s->engine.pid != 0 && s->engine.ready && !s->engine.without_journal &&
	       s->engine.control_fd >= 0 && s->engine.killed_ms == 0 && !is_hung(s, now);
}

/* When the engine is to be killed if it says nothing till then. */
static uint64_t kill_time(const struct supervisor *s) {
	const struct engine_child *e = &s->engine;
	uint64_t at = e->alive_ms + s->times.hang_ms + s->times.kill_ms;

	if (!e->ready && at < e->started_ms + s->times.start_ms)
		at = e->started_ms + s->times.start_ms;
	if (e->leave_ms != 0 && e->leave_ms < at)
		at = e->leave_ms;
	return at;
}

static void judge(struct supervisor *s, uint64_t now) {
	struct engine_child *e = &s->engine;

	if (e->pid == 0)
		return;
	if (e->killed_ms == 0 && now >= kill_time(s)) {
		e->hung = e->leave_ms == 0 || now < e->leave_ms;
		e->killed_ms = now;
		(void)kill(e->pid, SIGKILL);
		return;
	}
	/* It waits for the disk and cannot even die. The next one keeps off the disk. */
	if (e->killed_ms != 0 && now >= e->killed_ms + s->times.stuck_ms &&
	    (s->n_stuck < STUCK_MAX || s->stopping)) {
		if (s->n_stuck < STUCK_MAX)
			s->stuck[s->n_stuck++] = e->pid;
		s->death = DEATH_HUNG;
		s->death_code = SIGKILL;
		leave_engine(s, now);
	}
}

static enum spool_way way_now(const struct supervisor *s, uint64_t now) {
	if (s->engine.pid == 0)
		return SPOOL_NO_ENGINE;
	if (is_hung(s, now) || s->engine.killed_ms != 0)
		return SPOOL_HUNG;
	return s->engine.without_journal ? SPOOL_NO_JOURNAL : SPOOL_NO_ENGINE;
}

static void drain(struct supervisor *s, uint64_t now) {
	bool healthy = is_healthy(s, now);

	if (now < s->next_drain_ms)
		return;
	s->next_drain_ms = now + s->times.drain_ms;
	s->drain_again = rings_drain(s->rings, healthy ? s->engine.number : 0, way_now(s, now));
	if (healthy)
		rings_expire(s->rings, s->engine.number, now);
}

static void look_at_spool(struct supervisor *s) {
	uint64_t durable = spool_feed_durable(s->feed);

	if (durable == s->durable)
		return;
	s->durable = durable;
	s->engine.spooled_owed = s->engine.pid != 0;
}

/* ---- the loop ------------------------------------------------------------------------- */

static void sooner(uint64_t *at, uint64_t other) {
	if (other < *at)
		*at = other;
}

/* Nothing that is left undone now waits longer than this. */
static int next_timeout(const struct supervisor *s, uint64_t now) {
	const struct engine_child *e = &s->engine;
	uint64_t at = now + 60000;

	if (e->pid == 0)
		sooner(&at, s->next_start_ms);
	if (e->pid != 0 && e->killed_ms == 0) {
		sooner(&at, kill_time(s));
		if (!is_hung(s, now))
			sooner(&at, e->alive_ms + s->times.hang_ms);
	}
	if (e->killed_ms != 0)
		sooner(&at, now + s->times.stuck_ms);
	if (s->writer == 0)
		sooner(&at, s->next_writer_ms);
	if (s->drain_again || !is_healthy(s, now))
		sooner(&at, s->next_drain_ms);
	if (e->stop_owed || e->spooled_owed)
		sooner(&at, now + 10);
	return at > now ? (int)(at - now) : 0;
}

static void on_signals(struct supervisor *s, uint64_t now) {
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD || s->stopping)
			continue;
		s->stopping = true;
		s->engine.stop_owed = s->engine.pid != 0;
		s->engine.leave_ms = now + s->times.stop_ms;
	}
}

static void wait_for_something(struct supervisor *s) {
	uint64_t now = now_ms();
	struct pollfd wanted[] = {
		{.fd = s->signal_fd, .events = POLLIN},
		{.fd = spool_feed_fd(s->feed), .events = POLLIN},
		{.fd = s->engine.control_fd, .events = POLLIN}, /* -1 is passed over       */
	};

	(void)poll(wanted, ARRAY_SIZE(wanted), next_timeout(s, now));
	now = now_ms();
	/* First what was said, then who is judged: a supervisor that slept is not deaf. */
	read_control(s, now, MESSAGES_AT_ONCE);
	on_signals(s, now);
	reap(s, now);
	judge(s, now);
	look_at_spool(s);
	drain(s, now);
	say_what_is_owed(s);
}

static void run(struct supervisor *s) {
	while (!s->stopping || s->engine.pid != 0) {
		uint64_t now = now_ms();

		if (s->writer == 0 && now >= s->next_writer_ms)
			start_writer(s, now);
		if (s->engine.pid == 0 && !s->stopping && now >= s->next_start_ms)
			start_engine(s, now);
		wait_for_something(s);
	}
}

/* The last records go to the disk, if it takes them. */
static void finish(struct supervisor *s) {
	uint64_t until = now_ms() + FLUSH_MS;
	uint64_t now;

	s->next_drain_ms = 0;
	drain(s, now_ms());
	spool_feed_stop(s->feed);
	for (now = now_ms(); s->writer != 0 && now < until; now = now_ms()) {
		struct pollfd wanted = {.fd = s->signal_fd, .events = POLLIN};

		(void)poll(&wanted, 1, (int)(until - now));
		on_signals(s, now);
		reap(s, now);
	}
	if (s->writer != 0)
		(void)kill(s->writer, SIGKILL);
	reap(s, now);
}

static int begin(struct supervisor *s) {
	sigset_t watched;
	int r;

	s->times = with_defaults(&s->setup->times);
	s->backoff_ms = s->times.backoff_ms;
	r = spool_feed_new(&s->feed);
	if (r < 0)
		return r;
	r = rings_new(s->feed, s->setup->seats, s->setup->n_seats, &s->rings);
	if (r < 0)
		return r;
	(void)sigemptyset(&watched);
	(void)sigaddset(&watched, SIGTERM);
	(void)sigaddset(&watched, SIGINT);
	(void)sigaddset(&watched, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &watched, &s->signals) < 0)
		return -errno;
	s->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return -errno;
	s->parent = (struct parent){
		.pid = getpid(),
		.signals = &s->signals,
		.feed = s->feed,
		.signal_fd = s->signal_fd,
		.control_fd = -1,
		.ready_fd = s->setup->ready_fd,
	};
	return s->setup->sandboxed ? sandbox_supervisor() : 0;
}

static void end(struct supervisor *s) {
	close_fdp(&s->signal_fd);
	close_fdp(&s->parent.ready_fd);
	s->rings = rings_free(s->rings);
	s->feed = spool_feed_free(s->feed);
	if (s->parent.pid != 0)
		(void)sigprocmask(SIG_SETMASK, &s->signals, NULL);
}

int supervisor_run(const struct supervisor_setup *setup) {
	struct supervisor s = {
		.setup = setup,
		.signal_fd = -1,
		.parent = {.control_fd = -1, .ready_fd = setup->ready_fd},
		.engine = {.control_fd = -1},
	};
	int r;

	if (!setup->engine || setup->n_seats == 0 || setup->n_seats > LIMIT_SEATS)
		return -EINVAL;
	(void)signal(SIGPIPE, SIG_IGN);
	r = begin(&s);
	if (r == 0) {
		run(&s);
		finish(&s);
	}
	end(&s);
	return r;
}
