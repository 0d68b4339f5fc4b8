/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_LISTEN_H
#define BROKER_LISTEN_H

/*
 * The listening socket of a seat
 *
 * In two steps, because a client reads the broker's uid from the socket
 * (SO_PEERCRED), and the kernel takes it down at listen(): bind as root, listen
 * as oneself.
 */

#include <stdint.h>

#include "broker/seats.h"

#define LISTEN_BACKLOG 64

/*
 * listen_bind() - make and place a seat's socket
 * @run_path: directory of the sockets, absolute
 * @seat:     name, group and mode
 * @uid:      owner of the socket
 *
 * Bound under a temporary name, given owner, group and mode, renamed into its
 * place: nobody ever sees it with another mode, and an old socket is replaced in
 * one step. What stands in its place and is no socket, or belongs neither to
 * @uid nor to the caller, is left alone.
 *
 * Return: 0 with a descriptor (SOCK_SEQPACKET, non-blocking, close-on-exec);
 * -EEXIST (something else stands there); -EPERM (directory that others may write
 * to, or group that the caller may not give); -ENAMETOOLONG; -ENOENT; -errno.
 */
int listen_bind(const char *run_path, const struct seat_socket *seat, uint32_t uid, int *ret_fd);

/* Begin to listen. Return: 0; -errno. */
int listen_begin(int fd);

#endif
