/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_CLI_ASK_H
#define UI_GLUE_CLI_ASK_H

/*
 * Asking a person, at the terminal or through a descriptor
 *
 * What is asked is shown on the terminal, /dev/tty, whatever standard output is.
 * A secret is read without echo; the terminal is put back as it was on every way
 * out, a signal included. Secrets never come from arguments or environment.
 */

#include <stdbool.h>

#include "common/secret.h"

struct asker {
	int password_fd;  /* one line for each secret; -1: from the terminal             */
};

/*
 * ask_line() - ask one thing
 * @label:   what is asked, without colon
 * @secret:  do not echo; from password_fd, if there is one
 *
 * Return: 0; -ENXIO (no terminal to ask on); -ENODATA (no more lines, or the
 * person ended the input); -E2BIG (longer than SECRET_MAX); -errno.
 */
int ask_line(const struct asker *asker, const char *label, bool secret, struct secret *ret_answer);

/* Shows a line to the person who is being asked; without a terminal on standard error. */
void ask_say(const char *line);

#endif
