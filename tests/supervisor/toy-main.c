/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An engine for carewardd that writes down what it was given
 *
 * One line for each fact, in the file `facts` of the state directory.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/carewardd.h"
#include "broker/sandbox.h"

static bool is_open(int fd) {
	return fcntl(fd, F_GETFD) >= 0;
}

static bool listens(int fd) {
	int yes = 0;
	socklen_t n = sizeof(yes);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) == 0 && yes == 1;
}

static bool is_null(int fd) {
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat("/dev/null", &b) == 0 && S_ISCHR(a.st_mode) &&
	       a.st_rdev == b.st_rdev;
}

static void write_facts(const struct engine_setup *setup) {
	char facts[1024];
	size_t n = 0;
	int fd = openat(setup->state_fd, "facts", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	n += (size_t)snprintf(facts, sizeof(facts),
			      "uid %u\nembedded %d\nseats %u\nsource %d\nconfig %s\nopen %d%d%d\n"
			      "null %d%d%d\nconfig_fd %d\nclient %d\nstarts %llu\n",
			      geteuid(), setup->embedded, setup->n_seats, (int)setup->seats_source,
			      setup->config_path, is_open(0), is_open(1), is_open(2), is_null(0),
			      is_null(1), is_null(2), is_open(setup->config_fd),
			      setup->client_fd, (unsigned long long)setup->starts);
	for (uint32_t i = 0; i < setup->n_seats; ++i)
		n += (size_t)snprintf(facts + n, sizeof(facts) - n, "seat %s %04o listens %d\n",
				      setup->seats[i].name, setup->seats[i].mode,
				      listens(setup->listen_fds[i]));
	if (fd < 0 || write(fd, facts, n) != (ssize_t)n || close(fd) < 0)
		_exit(9);
}

int restore_main(int state_fd) {
	return 9;
}

int engine_main(const struct engine_setup *setup) {
	struct control_message m = {.kind = CONTROL_READY};
	struct pollfd wanted = {.events = POLLIN};

	write_facts(setup);
	wanted.fd = setup->embedded ? setup->client_fd : setup->control_fd;
	if (sandbox_engine() < 0)
		return 9;
	do {
		if (!setup->embedded)
			(void)send(setup->control_fd, &m, sizeof(m), MSG_NOSIGNAL);
		m.kind = CONTROL_ALIVE;
		(void)poll(&wanted, 1, 500);
		m.kind = CONTROL_ALIVE;
	} while (wanted.revents == 0);
	if (recv(wanted.fd, &m, sizeof(m), MSG_DONTWAIT) <= 0)
		return 0;
	return m.kind == CONTROL_STOP ? 0 : 8;
}
