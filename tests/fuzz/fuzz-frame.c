/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a packet. What parses stays inside the packet, and is whole. */

#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void body_walk(struct frame_span map, const uint8_t *end) {
	struct frame_span value, item;
	char key[FRAME_NAME_MAX], text[64];
	size_t cursor = 0;
	uint64_t number;

	while (frame_next_pair(map, &cursor, key, &value)) {
		size_t inner = 0;

		if (value.n == 0 || value.p + value.n > end)
			abort(); /* left the packet */
		if (frame_get_text(map, key, text, sizeof(text)) == 0 &&
		    frame_get_uint(map, key, &number) == 0)
			abort(); /* is two things */
		while (frame_next_item(value, &inner, &item)) {
			if (item.n == 0 || item.p + item.n > value.p + value.n)
				abort(); /* left the array */
		}
	}
	if (cursor != map.n)
		abort(); /* did not see all of it */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct frame frame;

	if (frame_parse(data, size, &frame) < 0)
		return 0;
	if (frame.kind < FRAME_REQUEST || frame.kind > FRAME_EVENT || frame.name[0] == 0 ||
	    strlen(frame.name) >= FRAME_NAME_MAX)
		abort();
	if (frame.body.p + frame.body.n != data + size)
		abort();
	body_walk(frame.body, data + size);
	if (frame_parse(data, size - 1, &frame) == 0)
		abort(); /* a frame without its last byte is none */
	return 0;
}
