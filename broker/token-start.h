/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_TOKEN_START_H
#define BROKER_TOKEN_START_H

/*
 * Starting careward-token, before the broker gives up its rights
 */

/*
 * token_start() - fork and execute careward-token
 * @path:  absolute path of the program; "": none
 * @user:  whom it becomes when this process is root; NULL: its own default
 *
 * The program gets an empty environment and its socket in KEEPER_FD. It ends when
 * the other end is closed. Nothing waits for it.
 *
 * Return: the engine's end of the socket, 3 or greater; -ENOENT (no path, or no
 * such program); -errno.
 */
int token_start(const char *path, const char *user);

#endif
