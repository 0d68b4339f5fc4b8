/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/room.h"

#include <errno.h>
#include <stdio.h>

#define ANSWER_S 10u

int room_tell(const struct places *places, const char *device, const char *line) {
	char path[ROOM_LINE], answer[ROOM_LINE] = "";
	int n;

	if (!places->room)
		return -ENOENT;
	n = snprintf(path, sizeof(path), "%s/%s", places->room, device);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return room_ask(path, line, ANSWER_S, answer);
}
