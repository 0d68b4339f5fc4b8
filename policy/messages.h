/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_MESSAGES_H
#define POLICY_MESSAGES_H

/*
 * Collecting what is wrong with a configuration, in the words of its author
 *
 * A message may quote the file that it is about, so everything that could move
 * a terminal's cursor is replaced before it is kept.
 */

#include <stdint.h>

#include "policy/config.h"

/* Where messages go, and which file they are about. Both are borrowed. */
struct reader {
	const char *path;
	struct policy_messages *messages;
};

/*
 * refuse() - add an error
 * @line: 1 and up; 0 when it is about the whole file
 *
 * Past POLICY_MESSAGES_MAX the error is counted and its text is dropped.
 */
void refuse(const struct reader *r, uint32_t line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* warn() - add a warning; see refuse(). Past POLICY_MESSAGES_MAX it is dropped. */
void warn(const struct reader *r, uint32_t line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
