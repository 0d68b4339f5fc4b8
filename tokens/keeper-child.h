/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_KEEPER_CHILD_H
#define TOKENS_KEEPER_CHILD_H

/* One helper, as the keeper sees it: a process, two descriptors, a deadline. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/token-rules.h"
#include "tokens/token.h"

struct child {
	pid_t pid;            /* 0: free                                              */
	enum cw_factor factor; /* NONE: the watcher                                   */
	uint64_t number;      /* the engine's; 0: a spare                             */
	uint64_t start;       /* the keeper's: the later, the larger                  */
	uint64_t deadline_ms; /* 0: none                                              */
	int job_fd;           /* the engine's end; -1: given away                     */
	int opened_fd;        /* says once whether the library is open; -1: it has    */
	bool is_dying;        /* was killed                                           */
	bool is_late;         /* ... because of its deadline                          */
	bool is_void;         /* of an engine or of rules before: nobody is told      */
};

/*
 * child_start() - fork a helper
 *
 * Return: 0; -errno of socketpair(), pipe() or fork().
 */
int child_start(struct child *child, const struct token_rules *rules, enum cw_factor factor,
		bool has_own_user);

/* SIGKILL for it and for its group. It is reaped later. */
void child_kill(struct child *child);

/*
 * child_threads() - how many it has now, as the kernel says
 *
 * Return: threads; 0: not known (no /proc, or not of this process).
 */
unsigned child_threads(const struct child *child);

/* What it said of its library. Return: 0; -errno of it; -EAGAIN: nothing yet. */
int child_opened(struct child *child);

void child_close_job(struct child *child);

/* It has been reaped. */
void child_forget(struct child *child);

#endif
