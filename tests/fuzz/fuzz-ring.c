/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a ring: its reader comes to the end and believes no bad record. */

#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"
#include "wire/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With the checksums that a liar would write. */
static void checksums_set(struct ring *ring) {
	for (uint32_t i = 0; i < 8; ++i) {
		struct ring_record *it = &ring->slots[i].record;

		it->magic = RING_MAGIC;
		it->zero = 0;
		it->crc = policy_crc32((const uint8_t *)it, sizeof(*it) - 4, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct ring ring;
	struct ring_record record;
	uint32_t cursor = 0;
	unsigned n = 0;
	int r;

	memset((void *)&ring, 0, sizeof(ring));
	if (size > 0)
		memcpy((void *)&ring, data, size < sizeof(ring) ? size : sizeof(ring));
	if (size % 2 == 0)
		checksums_set(&ring);
	while ((r = ring_next(&ring, &cursor, &record)) != 0) {
		if (++n > LIMIT_RING_RECORDS)
			abort(); /* does not end */
		if (r < 0)
			continue;
		if (!memchr(record.action, 0, sizeof(record.action)) ||
		    !memchr(record.name, 0, sizeof(record.name)) ||
		    !memchr(record.object, 0, sizeof(record.object)) ||
		    !memchr(record.text, 0, sizeof(record.text)))
			abort(); /* a text without an end was believed */
		if (record.kind < RECORD_START || record.kind > RECORD_REASON)
			abort();
	}
	return 0;
}
