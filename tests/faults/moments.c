/* SPDX-License-Identifier: Apache-2.0 */
/* The moments of a day at the device, and what somebody does there under the fault. */

#include <check.h>
#include <stdio.h>

#include "tests/faults/faults.h"

#define STEP_MS 1500 /* after that long without an answer: silent, where that may be  */

/* What has to be answered is waited for, however busy this machine is. */
static int patience(const struct cell *cell, unsigned outcome) {
	return (cell->fault->permitted & outcome) ? STEP_MS : CELL_WAIT_MS;
}

static void healthy(struct cell *cell) {
	broker_up(cell);
	screen_begin(cell);
	ck_assert_msg(screen_wait(cell, is_connected, CELL_WAIT_MS), "no connection in good health");
}

static bool is_prompted(struct cell *cell) {
	return cell->asked;
}

static void before_sign_in(struct cell *cell) {
	healthy(cell);
	cell_sign_in_begin(cell);
	ck_assert_msg(screen_wait(cell, is_prompted, CELL_WAIT_MS), "no prompt in good health");
}

static void before_signed_in(struct cell *cell) {
	healthy(cell);
	ck_assert_int_eq(cell_sign_in(cell, CELL_WAIT_MS), STEP_WORKS);
	cell_use(cell, 2);
	ck_assert_msg(screen_wait(cell, is_quiet, CELL_WAIT_MS), "not recorded in good health");
}

static void before_inside(struct cell *cell) {
	healthy(cell);
	cell_press(cell);
	cell_use(cell, 2);
	ck_assert_msg(screen_wait(cell, is_quiet, CELL_WAIT_MS), "not recorded in good health");
}

static void before_review(struct cell *cell) {
	before_inside(cell);
	(void)cell_end(cell);
	ck_assert_msg(screen_wait(cell, is_quiet, CELL_WAIT_MS), "not recorded in good health");
	cell_reviewer_begin(cell);
}

static void nothing_before(struct cell *cell) {
}

/* A screen that has just begun greets its broker, if there is one. */
static void greet(struct cell *cell) {
	if (cell->moment_number == AT_START || cell->fault->reopens)
		(void)screen_wait(cell, is_connected, patience(cell, STEP_REFUSED));
}

static enum outcome sign_in(struct cell *cell) {
	greet(cell);
	return cell_sign_in(cell, patience(cell, STEP_SILENT));
}

/* Whoever is signed in goes on giving care, whatever the guarded action answers. */
static enum outcome go_on(struct cell *cell) {
	for (uint32_t action = 2; action < 5; ++action)
		if (cw_check(cell->cw, action, NULL) == CW_ALLOW)
			cell_use(cell, action);
	return cell_guarded(cell, patience(cell, STEP_SILENT));
}

static enum outcome only_press(struct cell *cell) {
	cell_press(cell);
	return 0;
}

static enum outcome use_inside(struct cell *cell) {
	greet(cell);
	cell_press(cell);
	cell_use(cell, 2);
	cell_use(cell, 4);
	return 0;
}

static enum outcome end_it(struct cell *cell) {
	bool lies = (cell->fault->permitted & MAY_OFFER) != 0;

	greet(cell);
	if (cell->fault->reopens)
		cell_press(cell);
	if (cell_end(cell) && !lies && cw_check(cell->cw, 2, NULL) == CW_ALLOW)
		cell_red(cell, "nothing else", "care is open after the end");
	return 0;
}

static enum outcome review(struct cell *cell) {
	return cell_review(cell, patience(cell, STEP_SILENT));
}

const struct moment_row moments[N_MOMENTS] = {
	[AT_START] = { "at start", nothing_before, sign_in },
	[AT_SIGN_IN] = { "at sign-in", before_sign_in, sign_in },
	[SIGNED_IN] = { "while signed in", before_signed_in, go_on },
	[AT_PRESS] = { "at the press", healthy, only_press },
	[INSIDE] = { "inside an emergency", before_inside, use_inside },
	[AT_END] = { "at its end", before_inside, end_it },
	[AT_REVIEW] = { "at review", before_review, review },
};
