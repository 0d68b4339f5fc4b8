/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "policy/decide.h"
#include "wire/frame.h"
#include "wire/memfd.h"
#include "wire/shared.h"

#define RING_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

_Static_assert(sizeof(struct ring) == 24u + LIMIT_RING_RECORDS * 520u, "the layout has no holes");

static uint32_t record_crc(const struct ring_record *record) {
	return policy_crc32((const uint8_t *)record, offsetof(struct ring_record, crc), 0);
}

int ring_make(struct ring **ret_ring, int *ret_fd) {
	cleanup_(close_fdp) int fd = -1;
	struct ring *ring;

	fd = memfd_make("careward-ring", sizeof(struct ring));
	if (fd < 0)
		return fd;
	ring = mmap(NULL, sizeof(struct ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		    fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	/* Without FUTURE_WRITE (before Linux 5.1) the peer could write; the rest must hold. */
	if (fcntl(fd, F_ADD_SEALS, RING_SEALS | F_SEAL_FUTURE_WRITE) < 0 &&
	    fcntl(fd, F_ADD_SEALS, RING_SEALS) < 0) {
		int error = errno;

		(void)munmap(ring, sizeof(struct ring));
		return -error;
	}
	(void)mlock(ring, sizeof(struct ring));
	ring->magic = RING_MAGIC;
	ring->version = RING_VERSION;
	*ret_ring = ring;
	*ret_fd = fd;
	fd = -1; /* handed over */
	return 0;
}

int ring_map(int fd, const struct ring **ret_ring) {
	const struct ring *ring;
	void *map;
	int r;

	r = memfd_check(fd, RING_SEALS, sizeof(struct ring));
	if (r < 0)
		return r;
	map = mmap(NULL, sizeof(struct ring), PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ring = map;
	if (ring->magic != RING_MAGIC || ring->version != RING_VERSION) {
		(void)munmap(map, sizeof(struct ring));
		return -EBADMSG;
	}
	*ret_ring = ring;
	return 0;
}

void ring_unmap(const struct ring *ring) {
	if (ring)
		(void)munmap((void *)(uintptr_t)ring, sizeof(*ring));
}

/* The free slot after the one that was written last; NULL: there is none. */
static struct ring_slot *slot_find(struct ring *ring) {
	uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);

	for (uint32_t i = 0; i < LIMIT_RING_RECORDS; ++i) {
		struct ring_slot *slot = &ring->slots[ring_slot_after(written, i)];

		if (atomic_load_explicit(&slot->state, memory_order_relaxed) == RECORD_FREE)
			return slot;
	}
	return NULL;
}

bool ring_write(struct ring *ring, struct ring_record *record) {
	struct ring_slot *slot = slot_find(ring);
	uint64_t lost = atomic_load_explicit(&ring->lost, memory_order_relaxed);

	record->magic = RING_MAGIC;
	record->lost = ring_lost_told(lost);
	record->zero = 0;
	record->crc = record_crc(record);
	if (!slot) {
		atomic_store_explicit(&ring->lost, ring_lost_more(lost), memory_order_relaxed);
		return false;
	}
	memcpy(&slot->record, record, sizeof(*record));
	atomic_store_explicit(&slot->state, RECORD_WRITTEN, memory_order_release);
	atomic_fetch_add_explicit(&ring->written, 1, memory_order_release);
	return true;
}

void ring_release(struct ring *ring, const uint8_t emergency[16], uint64_t serial) {
	for (uint32_t i = 0; i < LIMIT_RING_RECORDS; ++i) {
		struct ring_slot *slot = &ring->slots[i];

		if (atomic_load_explicit(&slot->state, memory_order_relaxed) == RECORD_WRITTEN &&
		    slot->record.serial == serial &&
		    memcmp(slot->record.emergency, emergency, 16) == 0)
			atomic_store_explicit(&slot->state, RECORD_FREE, memory_order_release);
	}
}

/* Does the text end inside its field, is it UTF-8, and is nothing behind it? */
static bool field_is_text(const char *field, size_t size) {
	size_t n = ring_text_length(field, size);

	return n < size && frame_text_is_valid((const uint8_t *)field, n);
}

bool ring_record_is_valid(const struct ring_record *record) {
	if (record->crc != record_crc(record) || !ring_numbers_are_valid(record))
		return false;
	return field_is_text(record->action, sizeof(record->action)) &&
	       field_is_text(record->name, sizeof(record->name)) &&
	       field_is_text(record->object, sizeof(record->object)) &&
	       field_is_text(record->text, sizeof(record->text));
}

int ring_next(const struct ring *ring, uint32_t *cursor, struct ring_record *ret_record) {
	uint32_t at;

	while (ring_cursor_take(cursor, &at)) {
		const struct ring_slot *slot = &ring->slots[at];
		struct ring_record record;

		if (atomic_load_explicit(&slot->state, memory_order_acquire) != RECORD_WRITTEN)
			continue;
		memcpy(&record, &slot->record, sizeof(record));
		atomic_thread_fence(memory_order_acquire);
		/* Freed meanwhile, perhaps written anew: its writer is alive and says it again. */
		if (atomic_load_explicit(&slot->state, memory_order_relaxed) != RECORD_WRITTEN)
			continue;
		if (!ring_record_is_valid(&record))
			return -EBADMSG;
		*ret_record = record;
		return 1;
	}
	return 0;
}
