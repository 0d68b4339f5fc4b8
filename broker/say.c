/* SPDX-License-Identifier: Apache-2.0 */

#include "broker/say.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* A pipe that poll() calls writable has room for 4096 bytes; a line is shorter. */
#define LINE_MOST 1024

void say(const char *format, ...) {
	struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
	char line[LINE_MOST] = "carewardd: ";
	const size_t n_front = sizeof("carewardd: ") - 1;
	va_list arguments;
	size_t n;
	int r;

	va_start(arguments, format);
	r = vsnprintf(line + n_front, sizeof(line) - n_front - 1, format, arguments);
	va_end(arguments);
	if (r < 0 || poll(&log, 1, 0) != 1 || !(log.revents & POLLOUT))
		return;
	n = n_front + (size_t)r;
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n] = '\n';
	(void)!write(STDERR_FILENO, line, n + 1);
}
