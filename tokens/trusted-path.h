/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_TRUSTED_PATH_H
#define TOKENS_TRUSTED_PATH_H

/*
 * A path that nobody but root, or the user that runs this, can lead elsewhere
 */

#define TRUSTED_PATH_MAX 1024u /* bytes, with NUL, also of what links lead to */

/*
 * trusted_path() - follow a path and check every step of it
 * @path:  absolute
 * @ret_resolved:  the same file, without any symbolic link
 *
 * The file, every directory above it and every symbolic link on the way, with the
 * directories above that, must belong to root or to the effective user, and no
 * directory and not the file may be writable by group or others. The sticky bit
 * is no excuse. What is found cannot be exchanged afterwards by anybody else, so
 * that it may be opened by name.
 *
 * Return: 0; -EINVAL (empty, not absolute); -EPERM (owner, mode, or not a regular
 * file); -ENAMETOOLONG; -ELOOP; or what lstat() and readlink() said.
 */
int trusted_path(const char *path, char ret_resolved[static TRUSTED_PATH_MAX]);

#endif
