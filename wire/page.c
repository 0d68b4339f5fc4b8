/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/page.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "wire/memfd.h"
#include "wire/shared.h"

#define STATE_TRIES     4u
#define SEALS_OF_SIZE   (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SEALS_OF_POLICY (SEALS_OF_SIZE | F_SEAL_WRITE)

/*
 * The state page
 */

void state_page_init(struct state_page *page) {
	atomic_store_explicit(&page->version, STATE_PAGE_VERSION, memory_order_relaxed);
	atomic_store_explicit(&page->magic, STATE_PAGE_MAGIC, memory_order_release);
}

void state_page_write(struct state_page *page, const struct policy_state *state) {
	uint64_t before = atomic_load_explicit(&page->index, memory_order_relaxed);
	uint64_t generation = state_page_after(before);
	struct state_slot *slot = &page->slots[state_page_slot(generation)];
	uint64_t words[STATE_WORDS];

	memcpy(words, state, sizeof(words));
	/* Released: who sees the 0 sees the index that names the other slot, too. */
	atomic_store_explicit(&slot->generation, 0, memory_order_release);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < STATE_WORDS; ++i)
		atomic_store_explicit(&slot->words[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&slot->generation, generation, memory_order_release);
	atomic_store_explicit(&page->index, generation, memory_order_release);
}

/* Return: true with a whole copy of the slot that @generation names. */
static bool slot_read(const struct state_page *page, uint64_t generation,
		      struct policy_state *ret_state) {
	const struct state_slot *slot = &page->slots[state_page_slot(generation)];
	uint64_t words[STATE_WORDS];

	for (size_t i = 0; i < STATE_WORDS; ++i)
		words[i] = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&slot->generation, memory_order_relaxed) != generation)
		return false;
	memcpy(ret_state, words, sizeof(words));
	return true;
}

int state_page_read_newer(const struct state_page *page, uint64_t *generation_read,
			  struct policy_state *ret_state) {
	uint64_t before = 0;

	if (atomic_load_explicit(&page->magic, memory_order_acquire) != STATE_PAGE_MAGIC ||
	    atomic_load_explicit(&page->version, memory_order_relaxed) != STATE_PAGE_VERSION)
		return -EBADMSG;
	for (unsigned i = 0; i < STATE_TRIES; ++i) {
		uint64_t generation = atomic_load_explicit(&page->index, memory_order_acquire);

		if (!state_page_may_read(generation, before))
			return -EBADMSG;
		if (generation == *generation_read)
			return 0;
		if (slot_read(page, generation, ret_state)) {
			*generation_read = generation;
			return 0;
		}
		atomic_thread_fence(memory_order_acquire);
		before = generation;
	}
	return -EAGAIN;
}

int state_page_read(const struct state_page *page, struct policy_state *ret_state) {
	uint64_t none = 0;

	return state_page_read_newer(page, &none, ret_state);
}

int page_make_state(struct state_page **ret_page, bool *ret_sealed, int *ret_fd) {
	cleanup_(close_fdp) int fd = -1;
	struct state_page *page;
	bool sealed = true;
	int peer_fd;
	int r;

	fd = memfd_make("careward-state", STATE_PAGE_SIZE);
	if (fd < 0)
		return fd;
	page = mmap(NULL, STATE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		    0);
	if (page == MAP_FAILED)
		return -errno;
	r = fcntl(fd, F_ADD_SEALS, SEALS_OF_SIZE | F_SEAL_FUTURE_WRITE);
	if (r < 0) {
		sealed = false;
		r = fcntl(fd, F_ADD_SEALS, SEALS_OF_SIZE);
	}
	peer_fd = r < 0 ? -errno : memfd_reopen_read_only(fd);
	if (peer_fd < 0) {
		page_unmap_state(page);
		return peer_fd;
	}
	(void)mlock(page, STATE_PAGE_SIZE);
	state_page_init(page);
	*ret_page = page;
	*ret_sealed = sealed;
	*ret_fd = peer_fd;
	return 0;
}

void page_unmap_state(struct state_page *page) {
	if (page)
		(void)munmap(page, STATE_PAGE_SIZE);
}

int page_map_state(int fd, const struct state_page **ret_page) {
	const struct state_page *page;
	void *map;
	int r;

	r = memfd_check(fd, SEALS_OF_SIZE, STATE_PAGE_SIZE);
	if (r < 0)
		return r;
	map = mmap(NULL, STATE_PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	page = map;
	if (atomic_load_explicit(&page->magic, memory_order_acquire) != STATE_PAGE_MAGIC ||
	    atomic_load_explicit(&page->version, memory_order_relaxed) != STATE_PAGE_VERSION) {
		(void)munmap(map, STATE_PAGE_SIZE);
		return -EBADMSG;
	}
	(void)mlock(map, STATE_PAGE_SIZE);
	*ret_page = page;
	return 0;
}

void page_unmap_state_read(const struct state_page *page) {
	if (page)
		(void)munmap((void *)(uintptr_t)page, STATE_PAGE_SIZE);
}

/*
 * The policy page
 */

static int write_all(int fd, const void *p, size_t n) {
	const uint8_t *bytes = p;
	size_t done = 0;

	while (done < n) {
		ssize_t k = pwrite(fd, bytes + done, n - done, (off_t)done);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			return -EIO;
		done += (size_t)k;
	}
	return 0;
}

int page_make_policy(const struct policy_table *table, int *ret_fd) {
	cleanup_(close_fdp) int fd = -1;
	int peer_fd;
	int r;

	fd = memfd_make("careward-policy", sizeof(*table));
	if (fd < 0)
		return fd;
	/* Written without a mapping: F_SEAL_WRITE is refused while a writable one exists. */
	r = write_all(fd, table, sizeof(*table));
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, SEALS_OF_POLICY) < 0)
		return -errno;
	peer_fd = memfd_reopen_read_only(fd);
	if (peer_fd < 0)
		return peer_fd;
	*ret_fd = peer_fd;
	return 0;
}

static bool table_is_sound(const struct policy_table *table) {
	return policy_table_is_valid(table) && table->checksum == policy_table_checksum(table);
}

int page_map_policy(int fd, const struct policy_table **ret_table) {
	void *map;
	int r;

	r = memfd_check(fd, SEALS_OF_POLICY, sizeof(struct policy_table));
	if (r < 0)
		return r;
	map = mmap(NULL, sizeof(struct policy_table), PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	if (!table_is_sound(map)) {
		(void)munmap(map, sizeof(struct policy_table));
		return -EBADMSG;
	}
	(void)mlock(map, sizeof(struct policy_table));
	*ret_table = map;
	return 0;
}

void page_unmap_policy(const struct policy_table *table) {
	if (table)
		(void)munmap((void *)(uintptr_t)table, sizeof(*table));
}
