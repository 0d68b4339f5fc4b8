/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_KEEPER_H
#define UI_GLUE_DEMO_KEEPER_H

/*
 * The keeper: cleans up when the demo no longer can
 *
 * The kernel forgets PR_SET_PDEATHSIG when a program changes its user, as the broker
 * does. So a small process waits for the demo's end, however it comes, then ends the
 * demo's brokers and removes its folder. Should it be killed, too, as the end of a
 * card room's processes kills everything in it, the next demo
 * removes what is left: a folder in which nobody holds the lock any more.
 */

#include <sys/types.h>

struct keeper {
	pid_t pid; /* 0: there is none                                                 */
	int fd;    /* what is told to it; its end is the demo's                         */
};

/* keeper_start() - for this folder, which exists. Return: 0; -errno. */
int keeper_start(struct keeper *keeper, const char *root);

/* keeper_watch() - a broker that has been started; not yet waited for. */
void keeper_watch(const struct keeper *keeper, pid_t pid);

/* keeper_end() - everything that it knows is ended and removed: waits for that. */
void keeper_end(struct keeper *keeper);

/* Removes a folder and what is in it, as far as it can be. */
void keeper_remove(const char *root);

/* keeper_sweep() - remove what dead demos of this user have left in this folder. */
void keeper_sweep(const char *base);

#endif
