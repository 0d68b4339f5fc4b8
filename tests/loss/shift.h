/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LOSS_SHIFT_H
#define TESTS_LOSS_SHIFT_H

/*
 * A shift with a real carewardd, and a log of all that it did to its disk
 *
 * Each step stands between two marks. The second one says which entry the answer
 * promises, and what the answer was.
 */

#include "log.h"
#include "tests/broker/world.h"

#define SHIFT_BEGIN 1u
#define SHIFT_DONE  2u

/* LOG_MARK's bytes. */
struct shift_mark {
	uint32_t what;   /* SHIFT_*                                                */
	uint32_t event;  /* enum audit_event; 0: none is promised                  */
	uint32_t hashes; /* the entry that has to stand before the hash begins     */
	uint32_t zero;
	char step[40];
	char ack[24];    /* "reply", or the event that is the answer               */
};

#define SHIFT_OLD_PASSWORD STAFF_PASSWORD
#define SHIFT_NEW_PASSWORD "eleven slow copper lanterns"

/* Makes the log, its file in @w's directory. Fails the test on any error. */
struct log *shift_log(const struct world *w, char ret_path[160]);
void shift_unmap(struct log *log);
/* Plays it from an empty state directory to an engine that is killed. */
void shift_play(struct world *w, struct log *log, const char *log_path, const char *recorder);

#endif
