/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_SAY_H
#define BROKER_SAY_H

/*
 * say() - one line to whoever collects this program's messages
 *
 * "carewardd: " stands in front, a line feed behind. Nobody waits for the log of
 * the system: where it takes nothing now, the line is lost.
 */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
