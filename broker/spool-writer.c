/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The supervisor's side of the spool: a queue in shared memory, and the process
 * that writes it down
 *
 * Each index has one writer: head is the supervisor's, tail the writer's. An
 * entry leaves the queue when it is durable, so a writer that is killed and
 * started again writes the same ones once more.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/spool-file.h"
#include "common/cleanup.h"

#define FEED_ENTRIES 128u /* a power of two: indices wrap at 2^32              */
#define FULL_WAIT_MS 100
#define ERROR_WAIT_MS 500
#define ROOM_WAIT_MS 1000

struct feed_memory {
	_Atomic uint32_t head;
	_Atomic uint32_t tail;
	_Atomic uint32_t stop;
	_Atomic uint32_t room;
	_Atomic uint64_t durable;
	struct spool_record entries[FEED_ENTRIES];
};

struct spool_feed {
	int wake_writer;     /* eventfd                                             */
	int wake_supervisor; /* eventfd, non-blocking                               */
	struct feed_memory *memory;
};

DEFINE_CLEANUP(struct spool_feed *, spool_feed_free)

int spool_feed_new(struct spool_feed **ret_feed) {
	cleanup_(spool_feed_freep) struct spool_feed *feed = calloc(1, sizeof(*feed));
	void *p;

	if (!feed)
		return -ENOMEM;
	feed->wake_supervisor = -1;
	feed->wake_writer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (feed->wake_writer < 0)
		return -errno;
	feed->wake_supervisor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (feed->wake_supervisor < 0)
		return -errno;
	p = mmap(NULL, sizeof(*feed->memory), PROT_READ | PROT_WRITE,
	         MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	feed->memory = p;
	*ret_feed = feed;
	feed = NULL; /* handed over */
	return 0;
}

struct spool_feed *spool_feed_free(struct spool_feed *feed) {
	if (!feed)
		return NULL;
	if (feed->memory)
		(void)munmap(feed->memory, sizeof(*feed->memory));
	close_fdp(&feed->wake_writer);
	close_fdp(&feed->wake_supervisor);
	free(feed);
	return NULL;
}

/* A counter at its maximum says the same as one more would: nobody need hear of it. */
static void wake(int fd) {
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

static void heard(int fd) {
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
}

uint32_t spool_feed_waiting(const struct spool_feed *feed) {
	uint32_t n = atomic_load(&feed->memory->head) - atomic_load(&feed->memory->tail);

	return n > FEED_ENTRIES ? FEED_ENTRIES : n;
}

bool spool_feed_push(struct spool_feed *feed, const struct spool_record *record) {
	uint32_t head = atomic_load_explicit(&feed->memory->head, memory_order_relaxed);

	if (spool_feed_waiting(feed) >= FEED_ENTRIES)
		return false;
	feed->memory->entries[head % FEED_ENTRIES] = *record;
	atomic_store_explicit(&feed->memory->head, head + 1, memory_order_release);
	wake(feed->wake_writer);
	return true;
}

int spool_feed_fd(const struct spool_feed *feed) {
	return feed->wake_supervisor;
}

uint64_t spool_feed_durable(struct spool_feed *feed) {
	heard(feed->wake_supervisor);
	return atomic_load(&feed->memory->durable);
}

uint32_t spool_feed_room(const struct spool_feed *feed) {
	return atomic_load(&feed->memory->room);
}

void spool_feed_stop(struct spool_feed *feed) {
	atomic_store(&feed->memory->stop, 1);
	wake(feed->wake_writer);
}

/* ---- the writer process -------------------------------------------------------- */

struct writer {
	struct feed_memory *memory;
	int state_fd;
	int fd;        /* -1: to be opened                                          */
	uint64_t next; /* number of the next record                                 */
};

/* All of it is allocated now, so that a full disk cannot refuse a record later. */
static int make_room(int fd, int state_fd) {
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size >= (off_t)SPOOL_SIZE)
		return 0;
	r = posix_fallocate(fd, 0, SPOOL_SIZE);
	if (r != 0)
		return -r;
	if (fsync(fd) < 0 || fsync(state_fd) < 0)
		return -errno;
	return 0;
}

static int find_next(struct writer *w, int fd) {
	uint64_t last;
	int r;

	r = spool_file_done(fd, &last);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < SPOOL_SLOTS; ++i) {
		struct spool_record slot;
		off_t at = (off_t)(SPOOL_FIRST + i * sizeof(slot));

		if (pread(fd, &slot, sizeof(slot), at) != (ssize_t)sizeof(slot))
			return -EIO;
		if (spool_slot_check(&slot, i) == SPOOL_GOOD && slot.number > last)
			last = slot.number;
	}
	w->next = last + 1;
	return 0;
}

static int writer_open(struct writer *w) {
	cleanup_(close_fdp) int fd = -1;
	int r;

	r = spool_file_open(w->state_fd, O_RDWR | O_CREAT, &fd);
	if (r < 0)
		return r;
	r = make_room(fd, w->state_fd);
	if (r < 0)
		return r;
	r = find_next(w, fd);
	if (r < 0)
		return r;
	w->fd = fd;
	fd = -1; /* handed over */
	return 0;
}

/* Slots that the engine has freed, less those in use. */
static int look_at_room(const struct writer *w, uint32_t *ret_room) {
	uint64_t done, used;
	int r;

	r = spool_file_done(w->fd, &done);
	if (r < 0)
		return r;
	used = done < w->next ? w->next - 1 - done : 0;
	*ret_room = used < SPOOL_SLOTS ? SPOOL_SLOTS - (uint32_t)used : 0;
	return 0;
}

/* Writes @n entries from the queue's tail and makes them durable. Return: 0; -errno. */
static int write_down(struct writer *w, uint32_t tail, uint32_t n) {
	for (uint32_t i = 0; i < n; ++i) {
		struct spool_record record = w->memory->entries[(tail + i) % FEED_ENTRIES];
		int r;

		record.number = w->next + i;
		spool_record_close(&record);
		r = spool_file_write(w->fd, &record);
		if (r < 0)
			return r;
	}
	return fdatasync(w->fd) < 0 ? -errno : 0;
}

/* One round. Return: entries left, because there is no room; -errno. */
static int writer_round(struct writer *w, int wake_supervisor) {
	uint32_t tail = atomic_load_explicit(&w->memory->tail, memory_order_relaxed);
	uint32_t waiting = atomic_load_explicit(&w->memory->head, memory_order_acquire) - tail;
	uint32_t room, n;
	int r;

	if (w->fd < 0) {
		r = writer_open(w);
		if (r < 0)
			return r;
	}
	r = look_at_room(w, &room);
	if (r < 0)
		return r;
	n = waiting < room ? waiting : room;
	if (n > 0) {
		r = write_down(w, tail, n);
		if (r < 0)
			return r;
		w->next += n;
		room -= n;
		atomic_fetch_add(&w->memory->durable, n);
		atomic_store_explicit(&w->memory->tail, tail + n, memory_order_release);
	}
	atomic_store(&w->memory->room, room);
	if (n > 0)
		wake(wake_supervisor);
	return (int)(waiting - n);
}

static int next_wait(const struct writer *w, int result) {
	if (result < 0)
		return ERROR_WAIT_MS;
	if (result > 0)
		return FULL_WAIT_MS;
	return atomic_load(&w->memory->room) < SPOOL_SLOTS ? ROOM_WAIT_MS : -1;
}

int spool_writer_run(struct spool_feed *feed, int state_fd) {
	struct writer w = {.memory = feed->memory, .state_fd = state_fd, .fd = -1};

	for (;;) {
		struct pollfd wanted = {.fd = feed->wake_writer, .events = POLLIN};
		int r;

		heard(feed->wake_writer);
		r = writer_round(&w, feed->wake_supervisor);
		if (r < 0) {
			/* After a failed write or sync nothing is known of the pages: anew. */
			close_fdp(&w.fd);
			w.fd = -1;
		}
		if (atomic_load(&w.memory->stop) && spool_feed_waiting(feed) == 0)
			break;
		(void)poll(&wanted, 1, next_wait(&w, r));
	}
	close_fdp(&w.fd);
	return 0;
}
