/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_CLI_FILES_H
#define UI_GLUE_CLI_FILES_H

/* Files that the command line is given: regular ones, read whole, or only hashed. */

#include <stddef.h>
#include <stdint.h>

#include "ui-glue/cli/cli.h"

/*
 * file_read() - read a regular file of 1 to @most bytes
 * @ret_text:  heap, a NUL behind it that is not counted
 *
 * Return: 0; -EINVAL (not a regular file); -ENODATA (empty); -EFBIG; -EAGAIN (it
 * changes while it is read); -ENOMEM; -errno.
 */
int file_read(const char *path, size_t most, char **ret_text, size_t *ret_n);

/* Says why a file could not be read. Return: CLI_UNKNOWN. */
int file_unread(struct cli *cli, const char *path, int error);

/* SHA-256 of a regular file of any length. Return: CLI_YES; CLI_UNKNOWN, said already. */
int file_digest(struct cli *cli, const char *path, uint8_t ret_digest[32]);

#endif
