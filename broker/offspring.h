/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_OFFSPRING_H
#define BROKER_OFFSPRING_H

/* The supervisor's children, from fork() to their first line. */

#include <signal.h>
#include <sys/types.h>

#include "broker/supervisor.h"

struct spool_feed;

/* What a child finds in the supervisor's memory. */
struct parent {
	pid_t pid;
	const sigset_t *signals; /* to restore                                      */
	struct spool_feed *feed;
	int signal_fd;           /* the supervisor's own descriptors                */
	int control_fd;          /* -1: none now                                    */
	int ready_fd;            /* -1: none, or written                            */
};

/*
 * offspring_engine() - fork an engine
 * @inherit:  its setup; descriptors in it are the supervisor's numbers
 * @control:  the engine's end of the control socket
 *
 * Return: the pid; -errno of fork().
 */
pid_t offspring_engine(const struct parent *parent, const struct supervisor_setup *setup,
                       const struct engine_setup *inherit, int control);

/* Fork the spool's writer. Return: the pid; -errno of fork(). */
pid_t offspring_writer(const struct parent *parent, const struct supervisor_setup *setup);

#endif
