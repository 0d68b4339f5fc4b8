/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_BROKER_H
#define UI_GLUE_DEMO_BROKER_H

/*
 * A private broker: carewardd in a directory of its own, under another user
 * where that is possible
 *
 * A device has one broker that its service manager starts. The demo starts one
 * for itself, with a copy of the infusion pump's files, and removes everything
 * at its end.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ui-glue/demo/keeper.h"
#include "ui-glue/demo/places.h"

#define BROKER_PATH 256

struct broker {
	const struct places *places;
	char root[BROKER_PATH];   /* directory of all the others; empty: none            */
	char config[BROKER_PATH];
	char state[BROKER_PATH];
	char run[BROKER_PATH];
	char main[BROKER_PATH];    /* sockets                                             */
	char service[BROKER_PATH];
	char uid_text[16];
	uint32_t uid;              /* of the broker                                       */
	bool other_user;           /* it is not ours                                      */
	pid_t pid;                 /* 0: not running                                      */
	struct keeper keeper;      /* cleans up if we cannot                               */
};

/* broker_prepare() - directories and copies. Return: 0; -errno. */
int broker_prepare(struct broker *broker, const struct places *places);

/* broker_start() - start it, wait until every seat is ready. Return: 0; -errno. */
int broker_start(struct broker *broker);

/* broker_stop() - ask it to end, and wait. Return: its exit status; -errno. */
int broker_stop(struct broker *broker);

/*
 * broker_kill_engine() - SIGKILL to the engine, not to its supervisor
 *
 * Return: 0; -ESRCH (it was not found).
 */
int broker_kill_engine(const struct broker *broker);

/*
 * broker_copy() - a second one with a copy of the first one's state
 *
 * The first has to be stopped. Return: 0; -errno.
 */
int broker_copy(const struct broker *broker, struct broker *ret_copy);

/*
 * broker_edit() - change one byte of the database
 * @text:  what stands in the journal; its last byte becomes '9'
 *
 * Return: 0; -ENOENT (the text is not there, or more than once); -errno.
 */
int broker_edit(const struct broker *broker, const char *text);

/* Ends it if it runs, removes its directory. */
void broker_remove(struct broker *broker);

#endif
