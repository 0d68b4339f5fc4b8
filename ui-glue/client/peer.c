/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may be the broker
 *
 * Its user is looked for in /etc/passwd, by hand and once, in cw_open(): a name
 * service could wait for a network, and be asked by whoever answers there.
 */

#include "ui-glue/client/client.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define PASSWD_MAX 262144u /* bytes of the file that are looked at                  */

/* The number between the second colon and the third. Return: UINT32_MAX: none. */
static uint32_t line_uid(const char *line, size_t n_name) {
	const char *p = strchr(line + n_name + 1, ':');
	uint64_t uid = 0;

	if (!p || p[1] < '0' || p[1] > '9')
		return UINT32_MAX;
	for (++p; *p >= '0' && *p <= '9' && uid < UINT32_MAX; ++p)
		uid = uid * 10 + (uint64_t)(*p - '0');
	return *p == ':' && uid < UINT32_MAX ? (uint32_t)uid : UINT32_MAX;
}

uint32_t passwd_uid(const char *path, const char *name) {
	cleanup_(close_fdp) int fd = fd_lift(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	size_t n_name = strlen(name);
	char line[256];
	char block[1024];
	size_t n_line = 0, total = 0;
	ssize_t n;

	while (fd >= 0 && total < PASSWD_MAX && (n = read(fd, block, sizeof(block))) > 0) {
		total += (size_t)n;
		for (ssize_t i = 0; i < n; ++i) {
			if (block[i] != '\n') {
				/* What is behind the end of a long line is not of interest. */
				if (n_line < sizeof(line) - 1)
					line[n_line++] = block[i];
				continue;
			}
			line[n_line] = 0;
			n_line = 0;
			if (strncmp(line, name, n_name) == 0 && line[n_name] == ':')
				return line_uid(line, n_name);
		}
	}
	return UINT32_MAX;
}

/* Is it the broker that was promised? Told once when it is not. */
bool peer_is_right(struct cw *cw, int fd) {
	struct ucred peer = { 0 };
	socklen_t n = sizeof(peer);
	struct cw_event *event;
	bool right;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || n != sizeof(peer))
		return false;
	/* An uid that was not found is UINT32_MAX, which the kernel gives to nobody. */
	right = peer.uid == cw->broker_uid || (cw->root_is_right && peer.uid == 0);
	if (!right && !cw->refused_told) {
		cw->refused_told = true;
		event = event_push(cw, CW_EVENT_ALARM);
		if (event)
			text_fit(event->message, sizeof(event->message), "broker-foreign");
	}
	return right && peer.uid != UINT32_MAX;
}
