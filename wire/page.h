/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_PAGE_H
#define WIRE_PAGE_H

/*
 * The two pages of a seat, as both sides see them
 *
 * The policy page is a memfd that holds one struct policy_table, fully sealed.
 * The state page is a memfd with F_SEAL_FUTURE_WRITE | SHRINK | GROW | SEAL that
 * holds one struct state_page: two slots and an index. The writer fills the slot
 * that is not named, then names it; a reader that copies the named slot while
 * its generation stays the same has a whole state, also when the writer was
 * stopped or killed at any instruction.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "policy/decide.h"

#define STATE_PAGE_MAGIC 0x43575332u /* "CWS2" */
#define STATE_PAGE_VERSION 1u
#define STATE_PAGE_SIZE 4096u
#define STATE_WORDS (sizeof(struct policy_state) / sizeof(uint64_t))

struct state_slot {
	_Atomic uint64_t generation; /* 0: being written                            */
	_Atomic uint64_t words[STATE_WORDS];
};

struct state_page {
	_Atomic uint32_t magic;
	_Atomic uint32_t version;
	_Atomic uint64_t index; /* generation of the slot to read; its lowest bit says which */
	struct state_slot slots[2];
};

_Static_assert(sizeof(struct state_page) <= STATE_PAGE_SIZE, "the state page is one page");

/*
 * state_page_init() - prepare a fresh, zeroed page for its first write
 * state_page_write() - publish a state; generations begin at 1 and grow
 */
void state_page_init(struct state_page *page);
void state_page_write(struct state_page *page, const struct policy_state *state);

/*
 * state_page_read() - copy the newest whole state
 *
 * At most 4 tries, no system call, no lock.
 *
 * Return: 0; -EAGAIN (the writer was faster four times: keep the last copy);
 * -EBADMSG (not a state page, nothing published yet, or a damaged index).
 */
int state_page_read(const struct state_page *page, struct policy_state *ret_state);

/*
 * state_page_read_newer() - the same, when there is a newer one than was read
 * @generation_read:  of the state that @ret_state holds, set by the reading
 *                    before; 0: it holds none
 *
 * While the page's index stands, nothing newer was published: the copy that was
 * made is as good as another. Return: 0 (newer, or left as it is); as above.
 */
int state_page_read_newer(const struct state_page *page, uint64_t *generation_read,
			  struct policy_state *ret_state);

/*
 * Making and taking the descriptors. The makers return a descriptor that was
 * opened again read-only, to be sent to peers; *@ret_sealed says whether
 * F_SEAL_FUTURE_WRITE was accepted by the kernel (Linux >= 5.1).
 *
 * page_make_policy(): Return: 0, -ENOMEM, -EMFILE, -errno.
 * page_make_state(): as above; *@ret_page stays writable for the caller alone.
 */
int page_make_policy(const struct policy_table *table, int *ret_fd);
int page_make_state(struct state_page **ret_page, bool *ret_sealed, int *ret_fd);
void page_unmap_state(struct state_page *page);

/*
 * page_map_policy() - check and map a policy page
 *
 * Seals, size, magic, version, checksum and policy_table_is_valid() are all
 * checked before the pointer is given out. Populated, locked where allowed.
 *
 * Return: 0; -EBADMSG (any check failed); -EPERM (not sealed); -errno.
 */
int page_map_policy(int fd, const struct policy_table **ret_table);
int page_map_state(int fd, const struct state_page **ret_page);
void page_unmap_policy(const struct policy_table *table);
void page_unmap_state_read(const struct state_page *page);

#endif
