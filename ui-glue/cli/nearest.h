/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_CLI_NEAREST_H
#define UI_GLUE_CLI_NEAREST_H

#include <stddef.h>

/*
 * nearest() - the name that was probably meant
 * @typed:  what was typed
 * @names:  @n names; NULLs among them are passed over
 *
 * Return: the name with the fewest edits (insert, drop, change, swap), if they
 * are at most a third of its length, two being always enough; or one that begins
 * with what was typed; NULL when none is near.
 */
const char *nearest(const char *typed, const char *const *names, size_t n);

#endif
