/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/demo/room-line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int room_read_line(int fd, char ret_line[static ROOM_LINE]) {
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

int room_write_line(int fd, const char *line) {
	char text[ROOM_LINE + 1];
	int n = snprintf(text, sizeof(text), "%s\n", line);

	if (n < 0 || (size_t)n >= sizeof(text))
		return -EMSGSIZE;
	return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EIO;
}

static int ask(int fd, const struct sockaddr_un *address, const char *line, unsigned seconds,
	       char ret_answer[static ROOM_LINE]) {
	const struct timeval longest = { .tv_sec = seconds };
	int r;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest));
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	r = room_write_line(fd, line);
	return r < 0 ? r : room_read_line(fd, ret_answer);
}

int room_ask(const char *path, const char *line, unsigned seconds,
	     char ret_answer[static ROOM_LINE]) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = ask(fd, &address, line, seconds, ret_answer);
	(void)close(fd);
	if (r == 0 && strncmp(ret_answer, "ok", 2) != 0)
		r = -EPROTO;
	return r;
}
