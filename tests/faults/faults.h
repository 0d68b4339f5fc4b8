/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAULTS_FAULTS_H
#define TESTS_FAULTS_FAULTS_H

/*
 * The care-availability matrix: every fault at every moment
 *
 * A cell is one fault at one moment, played with the real carewardd and the real
 * client library in processes of their own. The table of faults says beforehand
 * how a fault is struck and healed, what proves that it struck, and which outcomes
 * are permitted; judge.c looks at what must hold in every cell.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <careward/careward.h>

#include "tests/broker/disk.h"
#include "tests/broker/world.h"
#include "tests/faults/shim.h"

#define CELL_WAIT_MS 40000

/* What came of a step that needs the broker and its storage: all that are permitted. */
enum outcome {
	STEP_WORKS = 1,   /* done, and durable                                          */
	STEP_REFUSED = 2, /* answered: no                                               */
	STEP_SILENT = 4,  /* not answered while the fault lasted                        */
	KEPT = 8,         /* the press was granted, and not yet recorded                */
	RECORDED = 16,    /* the press was durable while the fault lasted               */
	MAY_OFFER = 32,   /* a page that lies may offer something; the engine refuses it */
};

enum moment_number {
	AT_START = 0,
	AT_SIGN_IN,
	SIGNED_IN,
	AT_PRESS,
	INSIDE,
	AT_END,
	AT_REVIEW,
	N_MOMENTS,
};
#define ALL_MOMENTS ((1u << N_MOMENTS) - 1)

enum disk_kind { DISK_PLAIN = 0, DISK_SMALL, DISK_LOOP };

struct cell;

struct fault {
	const char *name;
	const char *group;      /* the class of which CI plays one at every moment       */
	const char *ids;        /* threats                                               */
	const char *(*strike)(struct cell *cell); /* NULL; why it cannot be done here    */
	void (*heal)(struct cell *cell);
	uint64_t (*struck)(struct cell *cell);    /* above zero: it did                   */
	unsigned moments;       /* at which it makes sense                               */
	unsigned permitted;     /* enum outcome                                          */
	const char *told;       /* alarms of which one is told, by '|'; NULL: none is due */
	enum disk_kind disk;
	int64_t argument;       /* of its strike                                         */
	unsigned variants;      /* 0: one                                                */
	bool rotates;           /* each variant at one moment, and all moments have some */
	unsigned stay_ms;       /* it lasts so long at least                             */
	bool needs_shim;
	bool reopens;           /* the screen has to begin anew to meet it               */
	bool long_only;         /* too long for CI                                       */
};

struct moment_row {
	const char *name;
	void (*before)(struct cell *cell);        /* in good health                      */
	enum outcome (*step)(struct cell *cell);  /* while the fault lasts               */
};

#define CELL_USES 64u
#define CELL_TOLD 64u

struct emergency_told {
	uint8_t id[16];
	bool ended;
	bool recorded; /* the screen was told                                            */
	enum cw_recorded answer;
};

struct cell {
	const struct fault *fault;
	const struct moment_row *moment;
	unsigned moment_number;
	unsigned variant;
	const char *dir;      /* of its own                                              */
	const char *template; /* directory of a device that was commissioned             */
	const char *profile;  /* directory of the three files                            */
	const char *carewardd;
	struct shim_page *shim;
	const char *preload;  /* NULL: none can be used here                             */
	struct world w;
	struct disk disk;
	struct cw *cw;
	struct caller reviewer;
	bool has_reviewer;
	pid_t engine, helper;
	unsigned n_bare;      /* what was taken away from the screen                     */
	int report;           /* where lines go                                          */
	bool is_struck, is_red;
	bool is_down;         /* the fault keeps the broker from running                */

	unsigned n_emergencies;
	struct emergency_told emergencies[4];
	unsigned n_uses;
	struct {
		const char *action;
		int emergency; /* -1: outside                                            */
	} uses[CELL_USES];
	char told[CELL_TOLD][64];
	unsigned n_told;
	unsigned outcome;     /* enum outcome, as it was                                  */
	uint64_t attempt;     /* the conversation that is open                            */
	bool asked;           /* a prompt waits                                           */
	enum cw_event_kind over; /* how it ended                                          */
	uint64_t used_serial;
	int used;             /* -1: not answered; else the verdict                       */
	uint64_t slowest_ns;  /* call of the library while the fault lasted               */
};

/* The tables. */
extern const struct fault faults[];
extern const unsigned n_faults;
extern const struct moment_row moments[N_MOMENTS];

/* The compiled actions of the infusion pump. */
#define N_PUMP_ACTIONS 10u
extern const struct cw_action pump_actions[N_PUMP_ACTIONS];

/* cell.c: what every strike, moment and judgement is made of. */
void cell_red(struct cell *cell, const char *check, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void cell_told(struct cell *cell, const char *what);
void broker_up(struct cell *cell);      /* starts it, and waits until it is ready      */
void broker_spawn(struct cell *cell);   /* starts it                                   */
void broker_down(struct cell *cell);    /* in good order, or not at all                */
void screen_begin(struct cell *cell);
void screen_turn(struct cell *cell, int ms);
bool screen_wait(struct cell *cell, bool (*until)(struct cell *cell), int ms);
bool is_connected(struct cell *cell);
bool is_quiet(struct cell *cell);       /* connected, and nothing is left to record    */
void cell_use(struct cell *cell, uint32_t action);
void cell_press(struct cell *cell);
bool cell_end(struct cell *cell); /* Return: true: all are over.                     */
struct emergency_told *cell_open_one(struct cell *cell);
enum outcome cell_sign_in(struct cell *cell, int ms);
void cell_sign_in_begin(struct cell *cell);
enum outcome cell_guarded(struct cell *cell, int ms);
enum outcome cell_review(struct cell *cell, int ms);
void cell_reviewer_begin(struct cell *cell);
struct cw_status cell_status(struct cell *cell);
uint64_t cell_now_ns(void);

/* judge.c: under the fault, and when it is healed. */
void judge_under(struct cell *cell);
void judge_after(struct cell *cell);

/* play.c: plays it, and writes lines to @report. Return: 0. */
int cell_play(struct cell *cell);
/* Makes a commissioned device in the cell's directory. */
void template_make(struct cell *cell);

#endif
