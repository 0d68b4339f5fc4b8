/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/rings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/cleanup.h"

struct kept {
	const struct ring *ring; /* NULL: this place is free                        */
	dev_t dev;               /* which memory it is                              */
	ino_t ino;
	uint64_t engine;         /* that spoke of it last; engines count from 1     */
	uint64_t number;         /* that engine's                                   */
	uint64_t until_ms;       /* left over: goes then; 0: not said yet           */
	uint32_t seat;
	uint32_t peer_uid;
	uint32_t peer_pid;
	uint32_t spooled;        /* of its share                                    */
	bool waits;              /* something in it found no room                   */
	uint64_t seen[LIMIT_RING_RECORDS]; /* what was handed over from each slot    */
};

struct rings {
	struct spool_feed *feed;
	const struct seat_socket *seats;
	uint32_t n_seats;
	uint32_t first;  /* begin here next time: no ring is always the last        */
	uint64_t lost;
	struct kept kept[RINGS_MAX];
};

int rings_new(struct spool_feed *feed, const struct seat_socket *seats, uint32_t n_seats,
              struct rings **ret_rings) {
	struct rings *rings = calloc(1, sizeof(*rings));

	if (!rings)
		return -ENOMEM;
	rings->feed = feed;
	rings->seats = seats;
	rings->n_seats = n_seats;
	*ret_rings = rings;
	return 0;
}

static void let_go(struct kept *kept) {
	ring_unmap(kept->ring);
	memset(kept, 0, sizeof(*kept));
}

struct rings *rings_free(struct rings *rings) {
	if (!rings)
		return NULL;
	for (uint32_t i = 0; i < RINGS_MAX; ++i)
		if (rings->kept[i].ring)
			let_go(&rings->kept[i]);
	free(rings);
	return NULL;
}

/* ---- handing over ---------------------------------------------------------------- */

/* One record has one serial in its client's life; the checksum tells a changed one. */
static uint64_t mark_of(const struct ring_record *record) {
	uint64_t mark = record->serial ^ ((uint64_t)record->crc << 32);

	return mark ? mark : 1;
}

static bool may_push(const struct rings *rings, const struct kept *kept) {
	return kept->spooled < RINGS_SHARE || spool_feed_room(rings->feed) > SPOOL_SLOTS / 2;
}

static bool push(struct rings *rings, struct kept *kept, const struct ring_record *record,
                 enum spool_way way) {
	struct spool_record out = {
		.seat = kept->seat,
		.peer_uid = kept->peer_uid,
		.peer_pid = kept->peer_pid,
		.way = way,
		.lost = rings->lost,
		.record = *record,
	};

	memcpy(out.seat_name, rings->seats[kept->seat].name, sizeof(out.seat_name) - 1);
	if (!may_push(rings, kept) || !spool_feed_push(rings->feed, &out))
		return false;
	++kept->spooled;
	return true;
}

/* At most a share at once, so that a full ring leaves room in the queue for the others. */
static void drain_one(struct rings *rings, struct kept *kept, enum spool_way way) {
	struct ring_record record;
	uint32_t cursor = 0;
	uint32_t n = 0;

	kept->waits = false;
	for (uint32_t i = 0; i <= LIMIT_RING_RECORDS; ++i) {
		int r = ring_next(kept->ring, &cursor, &record);
		uint64_t mark;

		if (r == 0 || cursor == 0 || cursor > LIMIT_RING_RECORDS)
			return;
		if (r < 0)
			continue;
		mark = mark_of(&record);
		if (kept->seen[cursor - 1] == mark)
			continue;
		if (n == RINGS_SHARE || !push(rings, kept, &record, way)) {
			kept->waits = true;
			return;
		}
		kept->seen[cursor - 1] = mark;
		++n;
	}
}

bool rings_drain(struct rings *rings, uint64_t engine, enum spool_way way) {
	bool again = false;

	for (uint32_t i = 0; i < RINGS_MAX; ++i) {
		struct kept *kept = &rings->kept[(rings->first + i) % RINGS_MAX];

		if (!kept->ring || (engine != 0 && kept->engine == engine))
			continue;
		drain_one(rings, kept, engine != 0 ? SPOOL_LEFT_OVER : way);
		again = true;
	}
	rings->first = (rings->first + 1) % RINGS_MAX;
	return again;
}

/* ---- coming and going -------------------------------------------------------------- */

/* Counts what is still in a ring that has to go. */
static void give_up(struct rings *rings, struct kept *kept) {
	struct ring_record record;
	uint32_t cursor = 0;

	for (uint32_t i = 0; i <= LIMIT_RING_RECORDS; ++i) {
		int r = ring_next(kept->ring, &cursor, &record);

		if (r == 0 || cursor == 0 || cursor > LIMIT_RING_RECORDS)
			break;
		if (r > 0 && kept->seen[cursor - 1] != mark_of(&record))
			++rings->lost;
	}
	let_go(kept);
}

static struct kept *find_memory(struct rings *rings, const struct stat *st) {
	for (uint32_t i = 0; i < RINGS_MAX; ++i) {
		struct kept *kept = &rings->kept[i];

		if (kept->ring && kept->dev == st->st_dev && kept->ino == st->st_ino)
			return kept;
	}
	return NULL;
}

/* The place for one more of this seat: free, or the longest left over. */
static struct kept *find_place(struct rings *rings, uint64_t engine, uint32_t seat) {
	struct kept *place = NULL;
	struct kept *oldest = NULL;
	uint32_t of_seat = 0;

	for (uint32_t i = 0; i < RINGS_MAX; ++i) {
		struct kept *kept = &rings->kept[i];

		if (!kept->ring) {
			place = place ? place : kept;
			continue;
		}
		if (kept->seat == seat)
			++of_seat;
		if (kept->seat == seat && kept->engine != engine &&
		    (!oldest || kept->engine < oldest->engine))
			oldest = kept;
	}
	if (of_seat < LIMIT_PEERS)
		return place;
	if (!oldest)
		return NULL;
	drain_one(rings, oldest, SPOOL_LEFT_OVER);
	give_up(rings, oldest);
	return oldest;
}

int rings_take(struct rings *rings, uint64_t engine, const struct control_message *message,
               int fd) {
	const struct ring *ring;
	struct kept *kept;
	struct stat st;
	int r;

	if (message->seat >= rings->n_seats)
		return -EINVAL;
	/* Only memory has seals; fstat() on something else might wait for somebody. */
	if (fcntl(fd, F_GET_SEALS) < 0)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	kept = find_memory(rings, &st);
	if (!kept) {
		r = ring_map(fd, &ring);
		if (r < 0)
			return r;
		kept = find_place(rings, engine, message->seat);
		if (!kept) {
			ring_unmap(ring);
			return -ENOSPC;
		}
		/* The next engine has no business with it. */
		(void)madvise((void *)(uintptr_t)ring, sizeof(*ring), MADV_DONTFORK);
		kept->ring = ring;
		kept->dev = st.st_dev;
		kept->ino = st.st_ino;
	}
	kept->engine = engine;
	kept->number = message->ring;
	kept->seat = message->seat;
	kept->peer_uid = message->peer_uid;
	kept->peer_pid = message->peer_pid;
	kept->until_ms = 0;
	return 0;
}

void rings_forget(struct rings *rings, uint64_t engine, uint64_t number) {
	for (uint32_t i = 0; i < RINGS_MAX; ++i) {
		struct kept *kept = &rings->kept[i];

		if (kept->ring && kept->engine == engine && kept->number == number)
			let_go(kept);
	}
}

void rings_settle(struct rings *rings, uint64_t engine, uint64_t until_ms) {
	for (uint32_t i = 0; i < RINGS_MAX; ++i) {
		struct kept *kept = &rings->kept[i];

		kept->spooled = 0;
		if (kept->ring && kept->engine != engine && kept->until_ms == 0)
			kept->until_ms = until_ms;
	}
}

void rings_expire(struct rings *rings, uint64_t engine, uint64_t now_ms) {
	for (uint32_t i = 0; i < RINGS_MAX; ++i) {
		struct kept *kept = &rings->kept[i];

		if (kept->ring && kept->engine != engine && kept->until_ms != 0 &&
		    now_ms >= kept->until_ms && !kept->waits)
			let_go(kept);
	}
}

uint64_t rings_lost(const struct rings *rings) {
	return rings->lost;
}

uint32_t rings_count(const struct rings *rings) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < RINGS_MAX; ++i)
		n += rings->kept[i].ring != NULL;
	return n;
}
