/* SPDX-License-Identifier: Apache-2.0 */
#include "ui-glue/cli/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "common/cleanup.h"
#include "common/fd.h"

/* Signals after which the terminal is put back before they have their way. */
static const int watched[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM };

static volatile sig_atomic_t caught;

static void on_signal(int number) {
	caught = number;
}

struct guard {
	sigset_t before;
	struct sigaction actions[ARRAY_SIZE(watched)];
};

/* From here to guard_end() the signals arrive only while we wait. */
static void guard_begin(struct guard *g) {
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;

	caught = 0;
	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(watched); ++i)
		(void)sigaddset(&blocked, watched[i]);
	/* A stopped program would leave the terminal silent. */
	(void)sigaddset(&blocked, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &blocked, &g->before);
	for (size_t i = 0; i < ARRAY_SIZE(watched); ++i)
		(void)sigaction(watched[i], &action, &g->actions[i]);
}

static void guard_end(struct guard *g) {
	int number = (int)caught;

	for (size_t i = 0; i < ARRAY_SIZE(watched); ++i)
		(void)sigaction(watched[i], &g->actions[i], NULL);
	if (number != 0)
		(void)raise(number);
	(void)sigprocmask(SIG_SETMASK, &g->before, NULL);
}

/* Waits for input with the signals let in. Return: 0; -EINTR; -errno. */
static int wait_input(int fd, const struct guard *g) {
	sigset_t open = g->before;
	struct pollfd wanted = { .fd = fd, .events = POLLIN };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(watched); ++i)
		(void)sigdelset(&open, watched[i]);
	(void)sigaddset(&open, SIGTSTP);
	do {
		r = ppoll(&wanted, 1, NULL, &open);
	} while (r < 0 && errno == EINTR && caught == 0);
	return r < 0 ? -errno : 0;
}

/* One line, byte by byte: what follows it stays for the next. */
static int read_line(int fd, const struct guard *g, struct secret *ret_line) {
	cleanup_(secret_wipe) struct secret line = { 0 };
	bool too_long = false;
	unsigned char c = 0;
	ssize_t n;
	int r;

	for (;;) {
		r = g ? wait_input(fd, g) : 0;
		if (r < 0)
			return r;
		n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 && line.n == 0 && !too_long)
			return -ENODATA;
		if (n == 0 || c == '\n')
			break;
		if (line.n < SECRET_MAX)
			line.bytes[line.n++] = c;
		else
			too_long = true;
	}
	if (too_long)
		return -E2BIG;
	*ret_line = line;
	return 0;
}

static void write_all(int fd, const char *text) {
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t done = write(fd, text, n);

		if (done <= 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

static int open_terminal(void) {
	return fd_lift(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
}

static int ask_terminal(const char *label, bool secret, struct secret *ret_answer) {
	cleanup_(close_fdp) int tty = open_terminal();
	struct termios before, silent;
	struct guard guard;
	int r = 0;

	if (tty < 0)
		return -ENXIO;
	guard_begin(&guard);
	if (tcgetattr(tty, &before) < 0) {
		guard_end(&guard);
		return -ENXIO;
	}
	silent = before;
	if (secret) {
		silent.c_lflag &= ~(tcflag_t)ECHO;
		silent.c_lflag |= ECHONL | ICANON;
	}
	(void)tcsetattr(tty, TCSAFLUSH, &silent);
	write_all(tty, label);
	write_all(tty, ": ");
	r = read_line(tty, &guard, ret_answer);
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	if (r < 0)
		write_all(tty, "\n");
	guard_end(&guard);
	return r;
}

int ask_line(const struct asker *asker, const char *label, bool secret, struct secret *ret_answer) {
	if (secret && asker->password_fd >= 0)
		return read_line(asker->password_fd, NULL, ret_answer);
	return ask_terminal(label, secret, ret_answer);
}

void ask_say(const char *line) {
	cleanup_(close_fdp) int tty = open_terminal();

	write_all(tty >= 0 ? tty : STDERR_FILENO, line);
	write_all(tty >= 0 ? tty : STDERR_FILENO, "\n");
}
