/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold in every cell
 *
 * care:         every always action, and every care action inside an emergency, is
 *               allowed at once; outside of one there is a way in
 * nothing else: no guarded or sensitive action, no verb, opens
 * outcome:      what came of the step and of the record is permitted by the table
 * record:       afterwards each emergency and each use stands in the journal, once
 * alarm:        it was told
 * health:       when the fault is gone, everything works again
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/journal.h"
#include "common/cleanup.h"
#include "tests/faults/verbs.h"

static const char *outcome_names[] = { "works",      "refused",  "silent",
	                               "not yet recorded", "recorded", "offers" };

static void look_at_always(struct cell *cell) {
	for (uint32_t i = 0; i < N_PUMP_ACTIONS; ++i)
		if (pump_actions[i].kind == CW_KIND_ALWAYS &&
		    cw_check(cell->cw, i, NULL) != CW_ALLOW)
			cell_red(cell, "care", "%s is not offered", pump_actions[i].name);
}

/* Without an emergency: never a plain no. */
static void look_at_way_in(struct cell *cell) {
	enum cw_reason reason = CW_REASON_NONE;

	for (uint32_t i = 0; i < N_PUMP_ACTIONS; ++i)
		if (pump_actions[i].kind == CW_KIND_CARE &&
		    cw_check(cell->cw, i, &reason) == CW_DENY)
			cell_red(cell, "care", "%s has no way in: reason %d", pump_actions[i].name,
			         (int)reason);
}

static void look_at_others(struct cell *cell) {
	bool may_offer = (cell->fault->permitted & MAY_OFFER) != 0;
	uint8_t digest[32] = { 1 };
	enum cw_verdict verdict;
	uint64_t serial = 0;

	for (uint32_t i = 0; i < N_PUMP_ACTIONS; ++i) {
		const struct cw_action *a = &pump_actions[i];
		int r = 0;

		if (a->kind != CW_KIND_GUARDED && a->kind != CW_KIND_SENSITIVE)
			continue;
		if (cw_check(cell->cw, i, NULL) == CW_ALLOW &&
		    (!may_offer || a->kind == CW_KIND_SENSITIVE))
			cell_red(cell, "nothing else", "%s is offered in an emergency", a->name);
		cell->used = -1;
		verdict = CW_DENY;
		r = cw_use(cell->cw, i, NULL, cw_session(cell->cw), &verdict, NULL, &serial);
		if (r == 0 && verdict == CW_ALLOW)
			cell_red(cell, "nothing else", "%s is allowed in an emergency", a->name);
		cell->used_serial = serial;
		for (int turns = 0; r == -EINPROGRESS && cell->used < 0 && turns < 5; ++turns)
			screen_turn(cell, 20);
		if (cell->used == CW_ALLOW)
			cell_red(cell, "nothing else", "%s was answered with yes", a->name);
		if (a->kind == CW_KIND_SENSITIVE &&
		    cw_authorize(cell->cw, i, digest, NULL, "Yes?", &serial) == 0)
			(void)cw_cancel(cell->cw, serial);
	}
}

static bool is_one_of(const char *list, const char *word) {
	size_t n = strlen(word);

	for (const char *p = list; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (strncmp(p, word, n) == 0 && (p[n] == '\0' || p[n] == '|'))
			return true;
	return false;
}

static bool is_told(struct cell *cell) {
	for (unsigned i = 0; cell->fault->told && i < cell->n_told; ++i)
		if (is_one_of(cell->fault->told, cell->told[i]))
			return true;
	return !cell->fault->told;
}

static bool is_recorded(struct cell *cell) {
	struct emergency_told *open = cell_open_one(cell);

	return open && open->recorded;
}

static bool is_settled(struct cell *cell) {
	return is_told(cell) && (is_recorded(cell) || !(cell->fault->permitted & RECORDED));
}

static void look_at_record(struct cell *cell) {
	const struct emergency_told *open = cell_open_one(cell);

	if (!open)
		return;
	if (!open->recorded && open->answer == CW_RECORDED_IN_RING &&
	    cell_status(cell).unrecorded == 0 && cell->moment_number != INSIDE)
		cell_red(cell, "record", "nothing is left to record, and nothing was recorded");
	cell->outcome |= open->recorded ? RECORDED : KEPT;
}

/* What only the journal or a verification tells is looked for afterwards. */
static void wait_for_alarm(struct cell *cell) {
	const char *told = cell->fault->told;

	if (told && (strstr(told, "entry:") || strcmp(told, "verify") == 0))
		return;
	for (int i = 0; i < 40 && !is_told(cell); ++i) {
		(void)verbs_ask(cell);
		if (!is_connected(cell))
			cell_told(cell, "disconnected"); /* what the screen shows */
		(void)screen_wait(cell, is_told, 200);
	}
}

void judge_under(struct cell *cell) {
	const struct fault *f = cell->fault;
	unsigned bad;

	look_at_always(cell);
	if (!cell_status(cell).emergency)
		look_at_way_in(cell);
	cell->outcome |= (unsigned)cell->moment->step(cell);
	look_at_always(cell);
	if (!cell_status(cell).emergency) {
		if (cell->moment_number != AT_START && cell->moment_number != AT_END)
			(void)screen_wait(cell, NULL, (int)f->stay_ms);
		look_at_way_in(cell);
		cell_press(cell);
	}
	for (uint32_t i = 0; i < N_PUMP_ACTIONS; ++i)
		if (pump_actions[i].kind <= CW_KIND_CARE)
			cell_use(cell, i);
	look_at_others(cell);
	(void)screen_wait(cell, NULL, (int)f->stay_ms);
	(void)verbs_ask(cell);
	(void)screen_wait(cell, is_settled, 1500);
	wait_for_alarm(cell);
	if (!is_connected(cell))
		cell_told(cell, "disconnected"); /* what the screen shows */
	for (uint32_t i = 0; i < N_PUMP_ACTIONS; ++i)
		if (pump_actions[i].kind <= CW_KIND_CARE)
			cell_use(cell, i);
	look_at_always(cell);
	if (cell->moment_number != INSIDE)
		look_at_record(cell);
	bad = cell->outcome & ~f->permitted;
	for (unsigned i = 0; i < ARRAY_SIZE(outcome_names); ++i)
		if (bad & (1u << i))
			cell_red(cell, "outcome", "\"%s\" is not permitted", outcome_names[i]);
}

/* ---- afterwards ---------------------------------------------------------------------- */

struct tally {
	struct cell *cell;
	unsigned started[4], late[4], ended[4], interrupted[4];
	unsigned uses[CELL_USES];
};

static int count(const struct journal_entry *e, void *userdata) {
	struct tally *t = userdata;
	char told[64];
	unsigned n = 0;

	for (unsigned i = 0; e->has_emergency && i < t->cell->n_emergencies; ++i) {
		if (memcmp(e->emergency, t->cell->emergencies[i].id, 16) != 0)
			continue;
		t->started[i] += e->event == EVENT_EMERGENCY_STARTED;
		t->late[i] += e->event == EVENT_EMERGENCY_LATE;
		t->ended[i] += e->event == EVENT_EMERGENCY_ENDED;
		t->interrupted[i] += e->event == EVENT_EMERGENCY_INTERRUPTED;
	}
	if ((e->event == EVENT_EMERGENCY_USE || e->event == EVENT_USE) && e->object &&
	    sscanf(e->object, "use-%u", &n) == 1 && n < CELL_USES)
		t->uses[n]++;
	if (e->event == EVENT_ALARM && e->object && e->outcome == OUTCOME_FAILED)
		cell_told(t->cell, e->object);
	(void)snprintf(told, sizeof(told), "entry:%s", audit_event_name(e->event));
	cell_told(t->cell, told);
	return 0;
}

static void read_journal(struct cell *cell, struct tally *ret_tally) {
	struct journal_filter filter = { 0 };
	struct verify_options options = { 0 };
	struct verify_report report;
	struct store *store = NULL;
	cleanup_(close_fdp) int fd = open(cell->w.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned tries = 0;
	int r;

	*ret_tally = (struct tally){ .cell = cell };
	/* A process that has ended may still be letting go, thread by thread. */
	do {
		r = store_open(fd, STORE_READ_ONLY, NULL, &store);
	} while (r == -EBUSY && tries++ < 1000 && usleep(10000) == 0);
	ck_assert_msg(r == 0, "the journal does not open: %s", strerror(-r));
	do {
		ck_assert_int_eq(journal_query(store, &filter, LIMIT_HISTORY_PAGE, count, ret_tally,
		                               &filter.before),
		                 0);
	} while (filter.before != 0);
	ck_assert_int_eq(journal_verify(store, &options, NULL, NULL, &report), 0);
	if (report.finding != VERIFY_OK)
		cell_red(cell, "record", "verify: %s", report.what);
	(void)store_close(store);
}

/*
 * A use inside an emergency stands there once. Outside of one it has no number: when
 * the answer to it was lost it is said again, and may stand there twice.
 */
static void look_at_uses(struct cell *cell, const struct tally *t) {
	for (unsigned n = 0; n < cell->n_uses; ++n) {
		unsigned most = cell->uses[n].emergency >= 0 ? 1 : 2;

		if (t->uses[n] == 0 || t->uses[n] > most)
			cell_red(cell, "record", "use %u (%s, emergency %d) stands there %u times", n,
			         cell->uses[n].action, cell->uses[n].emergency, t->uses[n]);
	}
}

static void look_at_journal(struct cell *cell) {
	struct tally t;

	read_journal(cell, &t);
	for (unsigned i = 0; i < cell->n_emergencies; ++i) {
		/* A page that lies may show an emergency that there is not, beside the real one. */
		bool may_be_none = i > 0 && (cell->fault->permitted & MAY_OFFER) != 0;

		if (t.started[i] > 1 || t.late[i] > 1 ||
		    (t.started[i] + t.late[i] == 0 && !may_be_none))
			cell_red(cell, "record", "emergency %u: %u starts, %u late ones", i,
			         t.started[i], t.late[i]);
		if (cell->emergencies[i].recorded && t.started[i] + t.late[i] == 0)
			cell_red(cell, "record", "emergency %u: acknowledged, and lost", i);
		if (t.ended[i] > 1 || t.interrupted[i] > 0 ||
		    (t.ended[i] == 0 && cell->n_emergencies == 1))
			cell_red(cell, "record", "emergency %u: %u ends", i, t.ended[i]);
	}
	look_at_uses(cell, &t);
}

void judge_after(struct cell *cell) {
	bool quiet = screen_wait(cell, is_quiet, CELL_WAIT_MS);
	enum outcome outcome;

	if (!quiet) {
		cell->n_told = 0;
		(void)verbs_ask(cell);
		cell_red(cell, "record", "not merged: connected %d, unrecorded %d, alarms: %s, %s, %s",
		         cell_status(cell).connected, cell_status(cell).unrecorded, cell->told[0],
		         cell->told[1], cell->told[2]);
	}
	(void)cell_end(cell);
	if (quiet && !screen_wait(cell, is_quiet, CELL_WAIT_MS))
		cell_red(cell, "record", "the end is not recorded");
	/* What a lying page hid is seen now, and ended like any other. */
	if ((cell->fault->permitted & MAY_OFFER) && cell_status(cell).emergency) {
		cell_press(cell);
		(void)cell_end(cell);
		(void)screen_wait(cell, is_quiet, CELL_WAIT_MS);
	}
	if (cw_check(cell->cw, 2, NULL) == CW_ALLOW && cw_session(cell->cw) == 0)
		cell_red(cell, "nothing else", "care is open when all is over");
	outcome = cell_sign_in(cell, CELL_WAIT_MS);
	if (outcome != STEP_WORKS)
		cell_red(cell, "health", "sign-in does not work again (%d)", (int)outcome);
	outcome = cell_guarded(cell, CELL_WAIT_MS);
	if (outcome != STEP_WORKS)
		cell_red(cell, "health", "a guarded action does not work again (%d)", (int)outcome);
	(void)verbs_ask(cell);
	cell->cw = cw_close(cell->cw);
	if (cell->has_reviewer)
		caller_close(&cell->reviewer);
	world_stop(&cell->w);
	look_at_journal(cell);
	if (is_told(cell))
		return;
	cell_red(cell, "alarm", "none of: %s", cell->fault->told);
	for (unsigned i = 0; i < cell->n_told; ++i)
		cell_red(cell, "alarm", "told: %s", cell->told[i]);
}
