/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "broker/spool.h"
#include "common/cleanup.h"
#include "tests/supervisor/toy-wire.h"
#include "tests/supervisor/toy.h"

#define CLIENTS 16

extern struct toy_stage *toy_stage;

struct toy_peer {
	int fd;
	const struct ring *ring;
	uint64_t number;
};

struct toy_engine {
	const struct engine_setup *setup;
	struct toy_stage *stage;
	struct spool *spool;
	enum toy_act act;
	struct toy_peer peers[CLIENTS];
	uint64_t rings;
};

static void say(const struct toy_engine *e, uint32_t kind, uint64_t ring, int fd) {
	struct control_message m = {.kind = kind, .ring = ring, .peer_uid = 1, .peer_pid = 2};

	(void)wire_send(e->setup->control_fd, &m, sizeof(m), fd);
}

static void journal(struct toy_engine *e, const struct ring_record *record) {
	if (record->serial == 0 || record->serial >= TOY_SERIALS ||
	    record->kind != RECORD_USE || strcmp(record->action, "therapy.start") != 0) {
		atomic_fetch_add(&e->stage->bad, 1);
		return;
	}
	atomic_fetch_add(&e->stage->times[record->serial], 1);
}

static void read_spool(struct toy_engine *e) {
	struct spool_record record;

	if (e->setup->without_journal || spool_load(e->spool) < 0)
		return;
	while (spool_next(e->spool, &record)) {
		atomic_fetch_add(&e->stage->by_way[record.way & 7], 1);
		atomic_fetch_add(&e->stage->from_spool, 1);
		atomic_store(&e->stage->lost, record.lost);
		journal(e, &record.record);
	}
	(void)spool_reset(e->spool);
}

static void take_client(struct toy_engine *e) {
	int fd = accept4(e->setup->listen_fds[0], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	char hello;
	int ring = -1;

	if (fd < 0)
		return;
	(void)poll(&wanted, 1, 1000);
	for (int i = 0; i < CLIENTS; ++i) {
		struct toy_peer *p = &e->peers[i];

		if (p->fd >= 0)
			continue;
		if (wire_receive(fd, &hello, 1, &ring) != 1 || ring < 0 ||
		    ring_map(ring, &p->ring) < 0)
			break;
		p->fd = fd;
		p->number = ++e->rings;
		for (int k = 0; e->act == TOY_TALKS && k < 100; ++k)
			say(e, CONTROL_ALIVE, 0, -1);
		say(e, CONTROL_RING, p->number, ring);
		(void)close(ring);
		atomic_fetch_add(&e->stage->rings, 1);
		return;
	}
	close_fdp(&ring);
	(void)close(fd);
}

static void drain_peer(struct toy_engine *e, struct toy_peer *p) {
	struct ring_record record;
	uint32_t cursor = 0;
	int r;

	if (e->setup->without_journal)
		return;
	while ((r = ring_next(p->ring, &cursor, &record)) != 0) {
		if (r < 0)
			continue;
		journal(e, &record);
		(void)send(p->fd, &record.serial, sizeof(record.serial),
			   MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void look_at_peers(struct toy_engine *e, bool lazy) {
	for (int i = 0; i < CLIENTS; ++i) {
		struct toy_peer *p = &e->peers[i];
		struct pollfd gone = {.fd = p->fd, .events = 0};

		if (p->fd < 0)
			continue;
		if (!lazy)
			drain_peer(e, p);
		if (poll(&gone, 1, 0) == 1 && (gone.revents & POLLHUP) && !lazy) {
			drain_peer(e, p);
			say(e, CONTROL_RING_GONE, p->number, -1);
			ring_unmap(p->ring);
			(void)close(p->fd);
			p->fd = -1;
		}
	}
}

/* Return: true when it is to stop. */
static bool listen_to_supervisor(struct toy_engine *e) {
	struct control_message m;
	int fd;
	ssize_t n;

	while ((n = wire_receive(e->setup->control_fd, &m, sizeof(m), &fd)) == sizeof(m)) {
		if (m.kind == CONTROL_SPOOLED)
			read_spool(e);
		if (m.kind == CONTROL_STOP)
			return true;
	}
	return n == 0;
}

static void bad_ring(struct toy_engine *e, int fd) {
	say(e, CONTROL_RING, ++e->rings, fd);
	close_fdp(&fd);
}

static int memory(unsigned seals, off_t size, int fill) {
	char page[4096];
	int fd = memfd_create("bad", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	memset(page, fill, sizeof(page));
	if (ftruncate(fd, size) < 0)
		return fd;
	for (off_t at = 0; fill != 0 && at < size; at += (off_t)sizeof(page))
		(void)!pwrite(fd, page, sizeof(page) < (size_t)(size - at) ? sizeof(page) :
			      (size_t)(size - at), at);
	(void)fcntl(fd, F_ADD_SEALS, seals);
	return fd;
}

/* A ring whose head is right and whose slots are rubbish that says "written". */
static int rubbish(void) {
	struct ring *ring;
	int fd;

	if (ring_make(&ring, &fd) < 0)
		return -1;
	memset(ring->slots, 1, sizeof(ring->slots));
	for (uint32_t i = 0; i < LIMIT_RING_RECORDS; ++i)
		atomic_store(&ring->slots[i].state, RECORD_WRITTEN);
	ring_unmap(ring);
	return fd;
}

static void be_hostile(struct toy_engine *e) {
	const unsigned all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	const off_t size = (off_t)sizeof(struct ring);
	struct control_message m = {.kind = CONTROL_RING, .seat = LIMIT_SEATS, .ring = 9};
	int ends[2];
	int fd;

	bad_ring(e, memory(0, size, 0));
	bad_ring(e, memory(all, size, 0));
	bad_ring(e, memory(all, size, 0xff));
	bad_ring(e, memory(all, size - 1, 0));
	bad_ring(e, memory(all, 0, 0));
	bad_ring(e, memory(F_SEAL_SHRINK, size, 0));
	bad_ring(e, open("/dev/null", O_RDWR | O_CLOEXEC));
	bad_ring(e, open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
	bad_ring(e, rubbish());
	if (pipe2(ends, O_CLOEXEC) == 0) {
		bad_ring(e, ends[0]);
		bad_ring(e, ends[1]);
	}
	/* A good ring of a seat that there is not; none at all; words without meaning. */
	fd = rubbish();
	(void)wire_send(e->setup->control_fd, &m, sizeof(m), fd);
	close_fdp(&fd);
	say(e, CONTROL_RING, 7, -1);
	say(e, CONTROL_RING_GONE, UINT64_MAX, -1);
	say(e, UINT32_MAX, 1, -1);
	say(e, CONTROL_STOP, 1, -1);
	(void)send(e->setup->control_fd, &m, 3, MSG_DONTWAIT);
}

static void note_start(struct toy_engine *e) {
	uint32_t n = atomic_load(&e->stage->starts);
	struct toy_start *s = &e->stage->start[n % TOY_STARTS];
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	atomic_store(&s->at_us,
		     (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
	atomic_store(&s->pid, getpid());
	atomic_store(&s->death, (int)e->setup->death);
	atomic_store(&s->death_code, e->setup->death_code);
	atomic_store(&s->without_journal, e->setup->without_journal);
	atomic_store(&s->numbers_are_right,
		     e->setup->control_fd == CONTROL_FD &&
			     e->setup->state_fd == CONTROL_STATE_FD &&
			     e->setup->config_fd == CONTROL_CONFIG_FD &&
			     e->setup->listen_fds[0] == CONTROL_FIRST_LISTEN_FD &&
			     fcntl(CONTROL_FIRST_LISTEN_FD, F_GETFD) == FD_CLOEXEC &&
			     fcntl(CONTROL_FIRST_LISTEN_FD + 1, F_GETFD) < 0 &&
			     e->setup->starts == n);
	atomic_fetch_add(&e->stage->starts, 1);
}

static void pause_ms(long ms) {
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&t, NULL);
}

static int live(struct toy_engine *e, enum toy_act act, int turns) {
	for (int i = 0; turns < 0 || i < turns; ++i) {
		struct pollfd wanted[] = {
			{.fd = e->setup->control_fd, .events = POLLIN},
			{.fd = e->setup->listen_fds[0], .events = POLLIN},
		};

		(void)poll(wanted, 2, 2);
		say(e, CONTROL_ALIVE, 0, -1);
		take_client(e);
		look_at_peers(e, act != TOY_RUN && act != TOY_HOSTILE);
		if (listen_to_supervisor(e) && act != TOY_DEAF) {
			atomic_fetch_add(&e->stage->stops, 1);
			return 0;
		}
	}
	return 0;
}

int toy_engine(const struct engine_setup *setup) {
	struct toy_engine e = {.setup = setup, .stage = toy_stage};
	enum toy_act act = (enum toy_act)atomic_load(&e.stage->act);

	e.act = act;
	for (int i = 0; i < CLIENTS; ++i)
		e.peers[i].fd = -1;
	note_start(&e);
	if (act == TOY_EXIT)
		return 7;
	if (spool_open(setup->state_fd, &e.spool) < 0)
		return 9;
	if (act == TOY_SLOW)
		pause_ms(300);
	read_spool(&e);
	atomic_fetch_add(&e.stage->readies, 1);
	say(&e, CONTROL_READY, 0, -1);
	if (act == TOY_CRASH)
		(void)raise(SIGUSR2);
	if (act == TOY_BRIEF) {
		pause_ms(5);
		return 0;
	}
	if (act == TOY_HOSTILE)
		be_hostile(&e);
	if (act == TOY_MUTE || act == TOY_STOPPED) {
		while (atomic_load(&e.stage->rings) == 0)
			(void)live(&e, act, 5);
		if (act == TOY_STOPPED)
			(void)raise(SIGSTOP);
		for (;;)
			pause_ms(1000);
	}
	return live(&e, act, -1);
}
