/* SPDX-License-Identifier: Apache-2.0 */
/* One cell from its beginning to its end, in a process of its own. */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/table.h"
#include "tests/faults/faults.h"
#include "tests/faults/strike.h"

static int report_fd = 2;

/*
 * What Check's assertions call. This program runs where there is no Check: a cell
 * in which the ground itself gives way is red.
 */
void _mark_point(const char *file, int line) {
}

void _ck_assert_failed(const char *file, int line, const char *expression, const char *message,
                       ...) {
	char text[512] = "";
	va_list list;

	va_start(list, message);
	if (message)
		(void)vsnprintf(text, sizeof(text), message, list);
	va_end(list);
	(void)dprintf(report_fd, "RED ground: %s:%d: %s %s\n", file, line, expression, text);
	_exit(0);
}

/* People: an administrator, a nurse, a reviewer. */
void template_make(struct cell *cell) {
	struct caller service;
	char recovery[64];

	report_fd = cell->report;
	world_make_of(&cell->w, cell->dir, cell->profile, cell->carewardd);
	world_start(&cell->w);
	caller_open(&service, &cell->w, "service");
	world_commission(&cell->w, &service, recovery);
	world_add(&service, &service, "nina", "nurse");
	caller_sign_in(&service, "anna");
	world_add(&service, &service, "rosa", "reviewer");
	caller_close(&service);
	world_stop(&cell->w);
	(void)dprintf(cell->report, "DONE\n");
}

/* Return: NULL; why the disk cannot be had. */
static const char *disk_begin(struct cell *cell) {
	const char *why = NULL;

	cell->disk = (struct disk){ .keeper = -1 };
	if (cell->fault->disk == DISK_SMALL)
		why = disk_small(&cell->disk, cell->w.state, 2048);
	if (cell->fault->disk == DISK_LOOP)
		why = disk_loop(&cell->disk, cell->w.state);
	return why;
}

static void state_copy(struct cell *cell) {
	char command[512];
	struct stat st;

	(void)snprintf(command, sizeof(command), "cp -a '%s/state/.' '%s/'", cell->template,
	               cell->w.state);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(chown(cell->w.state, BROKER_UID, BROKER_UID), 0);
	ck_assert_int_eq(chmod(cell->w.state, 0700), 0);
	ck_assert_int_eq(stat(cell->w.state, &st), 0);
	cell->shim->device = st.st_dev;
	cell->shim->policy_size = sizeof(struct policy_table);
	cell->shim->state_size = 4096;
}

static void say(struct cell *cell) {
	(void)dprintf(cell->report, "OUTCOME %u\nSLOWEST %llu\n", cell->outcome,
	              (unsigned long long)cell->slowest_ns);
}

/* What a service manager does: a broker that ended is started again. */
static void revive(struct cell *cell) {
	if (cell->w.pid > 0 && waitpid(cell->w.pid, NULL, WNOHANG) == cell->w.pid)
		cell->w.pid = 0;
	broker_up(cell);
}

int cell_play(struct cell *cell) {
	const struct fault *f = cell->fault;
	const char *why = NULL;
	uint64_t n;

	report_fd = cell->report;
	world_make_of(&cell->w, cell->dir, cell->profile, cell->carewardd);
	why = disk_begin(cell);
	if (!why) {
		state_copy(cell);
		cell->moment->before(cell);
		why = f->strike(cell);
	}
	if (why) {
		(void)dprintf(cell->report, "SKIPPED %s\n", why);
		return 0;
	}
	cell->is_struck = true;
	if (cell->w.pid == 0 && !cell->is_down)
		broker_spawn(cell);
	if (!cell->cw)
		screen_begin(cell);
	judge_under(cell);
	for (int i = 0; (n = f->struck(cell)) == 0 && i < 400; ++i)
		screen_turn(cell, 20);
	(void)dprintf(cell->report, "STRUCK %llu\n", (unsigned long long)n);
	if (n == 0)
		cell_red(cell, "struck", "the fault never fired");
	f->heal(cell);
	cell->is_struck = false;
	revive(cell);
	judge_after(cell);
	say(cell);
	(void)dprintf(cell->report, "DONE\n");
	return 0;
}
