/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_SANDBOX_H
#define BROKER_SANDBOX_H

/*
 * What a process of the broker may still ask of the kernel
 *
 * The broker brings its own filter and limits, so that they hold under every
 * service manager and under none. A call that is not on the list kills the
 * process; the supervisor starts the next one.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * sandbox_drop() - become @uid and @gid for good
 *
 * Root becomes @uid, without supplementary groups. Somebody else stays who he
 * is, whatever @uid and @gid say. In both cases: no capability and no bounding
 * set, no new privileges, not dumpable, no core files. Root that becomes root
 * is left with the files that root owns, and with no power over others.
 *
 * Return: 0; -EPERM (privileges came back); -errno.
 */
int sandbox_drop(uint32_t uid, uint32_t gid);

/*
 * sandbox_supervisor() - limits and filter of the supervisor
 *
 * Filters are inherited and only ever added to. So this one allows what the
 * engine and the spool's writer need until they load theirs, and forking,
 * waiting and killing; never execve, ptrace, mount, sockets of any kind, or
 * memory that is both new and executable.
 *
 * Return: 0; -ENOMEM; -EPERM; -errno.
 */
int sandbox_supervisor(void);

/*
 * sandbox_engine() - limits and filter of the engine
 *
 * To be called when every thread exists and every library has been loaded and
 * used once (name services, OpenSSL, the password dictionary): it forbids
 * threads, processes, signals to others, new sockets and executable memory, in
 * all threads of the process.
 *
 * Return: as above.
 */
int sandbox_engine(void);

/* The spool's writer: files that are open already, and one directory. */
int sandbox_writer(void);

/* Are filters part of this build? They are not in one with sanitizers. */
bool sandbox_has_filter(void);

#endif
