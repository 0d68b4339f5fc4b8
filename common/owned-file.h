/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_OWNED_FILE_H
#define COMMON_OWNED_FILE_H

/*
 * A file that nobody but root and its reader can change or exchange
 *
 * The path is gone through directory by directory, without following a link, and what
 * is looked at is the open descriptor, not the name.
 */

#include <sys/stat.h>
#include <sys/types.h>

#define OWNED_WHY 256u /* bytes of a reason, with NUL                                */

/*
 * owned_file_open() - open a file, if it may be believed
 * @path:     whole, or from the current directory
 * @reader:   may own the file and the directories on its way, beside root
 * @most:     bytes that it has at most
 * @ret_st:   of the open file
 * @ret_why:  what is wrong and what would mend it, in words
 *
 * Nothing is waited for: a FIFO holds nobody up.
 *
 * Return: the descriptor; -EINVAL with the reason (missing, empty, larger than @most,
 * not a regular file, a link or one on the way, a second name, somebody else's, writable
 * by others, or a directory on the way that is; not to be opened); -ENOMEM.
 */
int owned_file_open(const char *path, uid_t reader, off_t most, struct stat *ret_st,
		    char ret_why[static OWNED_WHY]);

#endif
