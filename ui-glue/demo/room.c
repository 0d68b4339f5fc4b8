/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/room.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Up to a line break, which is cut off. Return: 0; -errno. */
static int read_line(int fd, char ret_line[ROOM_LINE]) {
	size_t n = 0;

	while (n < ROOM_LINE - 1) {
		ssize_t r = read(fd, ret_line + n, 1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -ECONNRESET;
		if (ret_line[n] == '\n')
			break;
		++n;
	}
	ret_line[n] = '\0';
	return 0;
}

static int ask(int fd, const struct sockaddr_un *address, const char *line,
	       char ret_answer[ROOM_LINE]) {
	const struct timeval longest = { .tv_sec = 10 };
	char text[ROOM_LINE + 2];
	int n = snprintf(text, sizeof(text), "%s\n", line);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest));
	if (n < 0 || (size_t)n >= sizeof(text))
		return -EMSGSIZE;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		return -EIO;
	return read_line(fd, ret_answer);
}

int room_tell(const struct places *places, const char *device, const char *line, char *ret_answer) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char answer[ROOM_LINE] = "";
	int fd, n, r;

	if (!places->room)
		return -ENOENT;
	n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", places->room, device);
	if (n < 0 || (size_t)n >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = ask(fd, &address, line, answer);
	(void)close(fd);
	if (r == 0 && ret_answer)
		memcpy(ret_answer, answer, sizeof(answer));
	if (r == 0 && strncmp(answer, "ok", 2) != 0)
		r = -EPROTO;
	return r;
}
