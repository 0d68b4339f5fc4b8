/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_GLASS_H
#define TESTS_BROKER_GLASS_H

/*
 * Two processes of one seat, with the real library, and what the journal says
 * afterwards
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <careward/careward.h>

#include "world.h"

/* The actions that are compiled into the application. */
enum {
	STOP,    /* always    */
	START,   /* care      */
	DISPLAY, /* guarded   */
	EXPORT,  /* guarded   */
	LIMITS,  /* sensitive */
	UPDATE,  /* sensitive */
	N_GLASS_ACTIONS,
};
extern const struct cw_action glass_actions[N_GLASS_ACTIONS];

#define GLASS_WAIT_MS 40000

/* This process's screen. */
struct screen {
	struct cw *cw;
	uint64_t n_recorded; /* CW_EVENT_EMERGENCY_RECORDED                          */
	uint64_t n_ended;    /* CW_EVENT_EMERGENCY_ENDED                             */
	uint8_t recorded[16]; /* of the newest                                       */
};

void screen_open(struct screen *screen, const struct world *w);
/* As the application's loop does, for about @ms. */
void screen_run(struct screen *screen, int ms);
struct cw_status screen_status(struct screen *screen);
/* A use of care, "use-N"; fails the test unless it is allowed at once. */
void screen_use(struct screen *screen, unsigned n);
/* Care is open, and nothing else. */
void screen_assert_care_alone(struct screen *screen);

/* Another process of the seat: it only runs its loop, and does what it is told. */
struct other {
	pid_t pid;
	int fd;
};
struct other_answer {
	struct cw_status status;
	int result;
};
void other_begin(struct other *other, const struct world *w);
void other_end(struct other *other);
struct cw_status other_status(const struct other *other);
void other_use(const struct other *other, unsigned n);
int other_end_glass(const struct other *other, const uint8_t id[16]);

/* Waits until both are served and nothing is left to say, and both show it @open. */
void both_until(struct screen *screen, const struct other *other, bool open);

/* What stands in the journal of a world that was stopped. */
struct tally {
	uint8_t id[16];
	unsigned started, late, ended, interrupted, reasons;
	unsigned not_isolated, entries; /* of them                                   */
	unsigned uses[512];             /* by their number                           */
};
/* Looks for entries of emergency @id; NULL: of any, and of none. Also verifies. */
void journal_tally(const struct world *w, const uint8_t id[16], struct tally *ret_tally);

#endif
