/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

/*
 * Looking at a configuration's bytes before the parser does
 *
 * libconfig reads some texts as something else than they say: numbers that do
 * not fit are cut to 32 bits, `\x00` ends a string early, two strings without a
 * comma become one, and `@include` opens a file. All of that is refused here.
 */

#include <stdbool.h>
#include <stddef.h>

#include "policy/messages.h"

#define TEXT_DEPTH_MAX 8u   /* brackets inside brackets                        */
#define TEXT_SETTINGS_MAX 16384u /* `key = value` in one file                  */
#define TEXT_DIGITS_MAX 9u  /* digits of a number: any such number fits        */

/* Return: true when the @n bytes at @p are well-formed UTF-8 (RFC 3629). */
bool text_is_utf8(const char *p, size_t n);

/*
 * text_check() - refuse what the parser would misread
 * @r:  where errors go
 * @p:  bytes of the file, @n of them; a NUL inside is an error
 *
 * Return: true when there is nothing to refuse; otherwise one error was added,
 * about the first thing that is wrong.
 */
bool text_check(const struct reader *r, const char *p, size_t n);

#endif
