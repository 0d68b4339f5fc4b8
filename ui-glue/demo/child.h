/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_CHILD_H
#define UI_GLUE_DEMO_CHILD_H

/* Other programs, run the way that a person would run them. */

#include <stddef.h>
#include <stdint.h>

#define CHILD_SECRETS_FD 9 /* where child_run() offers its lines                     */

/*
 * child_run() - run a program to its end
 * @args:   NULL-terminated, the program's path first
 * @lines:  NULL, or NULL-terminated lines to read from CHILD_SECRETS_FD
 * @ret_out, @room:  what it writes to standard output and error, cut to fit
 *
 * Return: its exit status; 128 and the signal that ended it; -errno.
 */
int child_run(const char *const *args, const char *const *lines, char *ret_out, size_t room);

/* Milliseconds, for measuring how long something took. */
int64_t child_now_ms(void);

#endif
