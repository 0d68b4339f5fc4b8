/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_CONFINE_H
#define TOKENS_CONFINE_H

/*
 * What the processes of careward-token may still do
 *
 * The program becomes its own user first of all. A helper then gets limits and a
 * filter of system calls before it loads foreign code: files, devices, threads and
 * AF_UNIX sockets are left; new programs and processes, the network, other
 * processes and the machine are not. A call that is refused answers EPERM and
 * kills nobody, because foreign code probes.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * confine_identity() - become a user for good, with the groups that it is in
 * @name:  user
 * @gid:   its group
 *
 * Root becomes the user; somebody else stays who he is. In both cases: no
 * capability, no new privileges, not dumpable, no core files.
 *
 * Return: 0; -EPERM (it is root all the same); -errno.
 */
int confine_identity(const char *name, uint32_t uid, uint32_t gid);

/*
 * confine_helper() - limits and filter of a helper
 * @has_own_user:  the number of processes of this user may be limited
 *
 * Return: 0; -ENOMEM; -EPERM; -errno.
 */
int confine_helper(bool has_own_user);

/* Are filter and memory limit part of this build? They are not in one with sanitizers. */
bool confine_has_filter(void);

#endif
