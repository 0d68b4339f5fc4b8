/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_CLI_CHOICES_H
#define UI_GLUE_CLI_CHOICES_H

/*
 * The text of a choice: one line for each, as the broker gives it
 *
 * Some texts number their lines and want the number, others want the words. A person
 * sees all of them numbered, and may type either.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/secret.h"

#define CHOICES_MAX 16u

/* One line as it is shown, cut to @size. Return: false: there is none of that @index. */
bool choices_line(const char *text, unsigned index, char *ret_line, size_t size);

/*
 * choices_answer() - what the broker wants to hear
 * @answer:  what was typed: a number, or the words in any case; what is neither stays
 */
void choices_answer(const char *text, struct secret *answer);

#endif
