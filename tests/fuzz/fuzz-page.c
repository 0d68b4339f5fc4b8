/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the two pages of a seat
 *
 * The first byte says whether header and checksum are put right, so that the
 * fuzzer gets behind them. What is mapped is a valid table; and whatever the
 * state holds, the decision keeps what it promises for every action of it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/memfd.h"
#include "wire/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good) {
	if (!good)
		abort();
}

static int sealed(const void *bytes, size_t n) {
	int fd = memfd_make("fuzzed", n);

	must(fd >= 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n);
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0);
	return fd;
}

static void decisions_hold(const struct policy_table *t, const struct policy_state *s) {
	enum cw_verdict v = CW_DENY;

	for (uint32_t a = 0; a < t->n_actions; ++a) {
		v = policy_decide(t, s, a, s->lease_until / 2);
		if (t->actions[a].kind == CW_KIND_ALWAYS)
			must(v == CW_ALLOW);
		else if (t->actions[a].kind == CW_KIND_CARE)
			must(v != CW_DENY && (s->emergency == 0 || v == CW_ALLOW));
		else
			must(v != CW_BREAK_GLASS);
	}
	must(policy_decide(t, s, t->n_actions, 0) == CW_DENY);
	must(policy_decide(t, s, UINT32_MAX, 0) == CW_DENY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct policy_table bytes;
	static struct state_page page;
	const struct policy_table *table = NULL;
	struct policy_state state;
	size_t n;
	int fd, r;

	if (size < 1)
		return 0;
	n = size - 1 < sizeof(page) ? size - 1 : sizeof(page);
	memset((void *)&page, 0, sizeof(page));
	memcpy((void *)&page, data + 1, n);
	if (data[0] & 1)
		state_page_init(&page);
	r = state_page_read(&page, &state);
	must(r == 0 || r == -EAGAIN || r == -EBADMSG);
	if (r < 0) {
		memset(&state, 0, sizeof(state));
		memcpy(&state, data + size - (size < sizeof(state) ? size : sizeof(state)),
		       size < sizeof(state) ? size : sizeof(state));
	}
	memset(&bytes, 0, sizeof(bytes));
	n = size - 1 < sizeof(bytes) ? size - 1 : sizeof(bytes);
	memcpy(&bytes, data + 1, n);
	if (data[0] & 2) {
		bytes.magic = POLICY_TABLE_MAGIC;
		bytes.version = POLICY_TABLE_VERSION;
		bytes.size = sizeof(bytes);
		bytes.checksum = policy_table_checksum(&bytes);
	}
	fd = sealed(&bytes, data[0] & 4 ? sizeof(bytes) : n + 1);
	r = page_map_policy(fd, &table);
	(void)close(fd);
	if (r < 0)
		return 0;
	must(policy_table_is_valid(table) && table->checksum == policy_table_checksum(table));
	decisions_hold(table, &state);
	page_unmap_policy(table);
	return 0;
}
