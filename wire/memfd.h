/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_MEMFD_H
#define WIRE_MEMFD_H

/* Sealed memory that travels as a descriptor: what pages and ring have in common. */

#include <stddef.h>

/* Old headers do not know them; old kernels refuse them, which is dealt with. */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/*
 * memfd_make() - zeroed memory of @size bytes, mode 0600, close-on-exec, not
 * executable where the kernel knows how, no seals but that yet
 *
 * Return: the descriptor, 3 or greater; -ENOMEM; -EMFILE; -errno.
 */
int memfd_make(const char *name, size_t size);

/*
 * memfd_reopen_read_only() - a second descriptor of it, for peers
 * @fd:  borrowed; its mode becomes 0400
 *
 * Return: the descriptor, 3 or greater; -errno (without /proc: -ENOENT).
 */
int memfd_reopen_read_only(int fd);

/*
 * memfd_check() - is it what the peer says it is?
 * @seals:  all of these have to be set
 *
 * Return: 0; -EPERM (a seal is missing, or it cannot be sealed at all);
 * -EBADMSG (not a file of exactly @size bytes); -errno.
 */
int memfd_check(int fd, int seals, size_t size);

#endif
