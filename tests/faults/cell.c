/* SPDX-License-Identifier: Apache-2.0 */
/* The screen, the broker, and what a person does there. */

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/faults/faults.h"

#define NURSE "nina"
#define REVIEWER "rosa"

const struct cw_action pump_actions[N_PUMP_ACTIONS] = {
	{ "therapy.stop", CW_KIND_ALWAYS },      { "alarm.pause", CW_KIND_ALWAYS },
	{ "therapy.start", CW_KIND_CARE },       { "therapy.rate", CW_KIND_CARE },
	{ "therapy.bolus", CW_KIND_CARE },       { "therapy.high-risk-drug", CW_KIND_CARE },
	{ "settings.display", CW_KIND_GUARDED }, { "data.export", CW_KIND_GUARDED },
	{ "settings.limits", CW_KIND_SENSITIVE }, { "software.update", CW_KIND_SENSITIVE },
};
#define DISPLAY 6u

uint64_t cell_now_ns(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void cell_red(struct cell *cell, const char *check, const char *format, ...) {
	char text[512];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	cell->is_red = true;
	(void)dprintf(cell->report, "RED %s: %s\n", check, text);
}

void cell_told(struct cell *cell, const char *what) {
	for (unsigned i = 0; i < cell->n_told; ++i)
		if (strcmp(cell->told[i], what) == 0)
			return;
	if (cell->n_told < CELL_TOLD)
		(void)snprintf(cell->told[cell->n_told++], sizeof(cell->told[0]), "%s", what);
}

/* ---- the broker ---------------------------------------------------------------------- */

/* What is preloaded is for the broker alone: our own was taken at our own start. */
void broker_spawn(struct cell *cell) {
	if (cell->preload)
		(void)setenv("LD_PRELOAD", cell->preload, 1);
	world_spawn(&cell->w);
	(void)unsetenv("LD_PRELOAD");
}

void broker_up(struct cell *cell) {
	struct pollfd p;
	char byte = 0;

	if (cell->w.pid > 0)
		return;
	broker_spawn(cell);
	p = (struct pollfd){ .fd = cell->w.ready_fd, .events = POLLIN };
	if (poll(&p, 1, CELL_WAIT_MS) != 1 || read(p.fd, &byte, 1) != 1)
		cell_red(cell, "health", "carewardd did not become ready");
	(void)close(p.fd);
	cell->w.ready_fd = -1;
}

void broker_down(struct cell *cell) {
	if (cell->w.pid > 0)
		world_stop(&cell->w);
}

/* ---- the screen ---------------------------------------------------------------------- */

void screen_begin(struct cell *cell) {
	char path[192];
	struct cw_options options = { .size = sizeof(options),
				      .n_actions = N_PUMP_ACTIONS,
				      .actions = pump_actions,
				      .socket = path,
				      .broker_uid = BROKER_UID };
	int r;

	(void)snprintf(path, sizeof(path), "%s/main", cell->w.run);
	cell->cw = cw_close(cell->cw);
	r = cw_open(&options, &cell->cw);
	ck_assert_msg(r == 0, "cw_open: %s", strerror(-r));
}

struct cw_status cell_status(struct cell *cell) {
	struct cw_status status = { .size = sizeof(status) };

	(void)cw_status(cell->cw, &status);
	return status;
}

struct emergency_told *cell_open_one(struct cell *cell) {
	for (unsigned i = cell->n_emergencies; i-- > 0;)
		if (!cell->emergencies[i].ended)
			return &cell->emergencies[i];
	return NULL;
}

static void take(struct cell *cell, const struct cw_event *event) {
	switch ((int)event->kind) {
	case CW_EVENT_ALARM:
		cell_told(cell, event->message);
		break;
	case CW_EVENT_DISCONNECTED:
		cell_told(cell, "disconnected");
		break;
	case CW_EVENT_PROMPT:
		cell->asked |= event->attempt == cell->attempt;
		break;
	case CW_EVENT_SIGNED_IN:
	case CW_EVENT_HANDOVER:
	case CW_EVENT_ATTEMPT_OVER:
		if (event->attempt == cell->attempt)
			cell->over = event->kind;
		break;
	case CW_EVENT_USED:
		if (event->serial == cell->used_serial)
			cell->used = (int)event->verdict;
		break;
	case CW_EVENT_EMERGENCY_RECORDED:
		for (unsigned i = 0; i < cell->n_emergencies; ++i)
			if (memcmp(cell->emergencies[i].id, event->emergency, 16) == 0)
				cell->emergencies[i].recorded = true;
		break;
	default:
		break;
	}
}

void screen_turn(struct cell *cell, int ms) {
	struct cw_event event = { .size = sizeof(event) };
	struct pollfd p = { .fd = cw_fd(cell->cw), .events = POLLIN };
	int wanted = cw_timeout_ms(cell->cw);

	(void)poll(&p, 1, wanted >= 0 && wanted < ms ? wanted : ms);
	(void)cw_dispatch(cell->cw);
	while (cw_next_event(cell->cw, &event))
		take(cell, &event);
}

bool screen_wait(struct cell *cell, bool (*until)(struct cell *cell), int ms) {
	uint64_t end = boot_now_ms() + (uint64_t)ms;

	for (;;) {
		uint64_t now = boot_now_ms();

		if (until && until(cell))
			return true;
		if (now >= end)
			return false;
		screen_turn(cell, end - now < 20 ? (int)(end - now) : 20);
	}
}

bool is_connected(struct cell *cell) {
	return cell_status(cell).connected;
}

bool is_quiet(struct cell *cell) {
	struct cw_status status = cell_status(cell);
	bool lies = (cell->fault->permitted & MAY_OFFER) != 0;

	/* A page that lies may show an emergency that nobody can record. */
	for (unsigned i = 0; i < (lies ? 0 : cell->n_emergencies); ++i)
		if (!cell->emergencies[i].ended && !cell->emergencies[i].recorded &&
		    cell->emergencies[i].answer != CW_RECORDED_NOT)
			return false;
	return status.connected && status.unrecorded == 0;
}

/* ---- what a person does -------------------------------------------------------------- */

static void measure(struct cell *cell, uint64_t since) {
	uint64_t took = cell_now_ns() - since;

	if (cell->is_struck && took > cell->slowest_ns)
		cell->slowest_ns = took;
}

/* An always or care action that is to be allowed, at once. */
void cell_use(struct cell *cell, uint32_t action) {
	struct emergency_told *open = cell_open_one(cell);
	enum cw_verdict verdict = CW_DENY;
	enum cw_reason reason = CW_REASON_NONE;
	unsigned n = cell->n_uses;
	char object[32];
	uint64_t since = cell_now_ns();
	int r;

	if (n == CELL_USES)
		return;
	(void)snprintf(object, sizeof(object), "use-%u", n);
	r = cw_use(cell->cw, action, object, cw_session(cell->cw), &verdict, &reason, NULL);
	measure(cell, since);
	if (r != 0 || verdict != CW_ALLOW) {
		cell_red(cell, "care", "%s is not allowed: %d, verdict %#x, reason %d",
		         pump_actions[action].name, r, (unsigned)verdict, (int)reason);
		return;
	}
	cell->uses[n].action = pump_actions[action].name;
	cell->uses[n].emergency = open ? (int)(open - cell->emergencies) : -1;
	++cell->n_uses;
}

void cell_press(struct cell *cell) {
	struct emergency_told *e = &cell->emergencies[cell->n_emergencies];
	uint64_t since = cell_now_ns();
	int r;

	*e = (struct emergency_told){ 0 };
	r = cw_break_glass(cell->cw, "Kim", e->id, &e->answer);
	measure(cell, since);
	if (r != 0)
		cell_red(cell, "care", "break-glass answers %d", r);
	for (unsigned i = 0; i < cell->n_emergencies; ++i)
		if (memcmp(e->id, cell->emergencies[i].id, 16) == 0) {
			cell->emergencies[i].ended = false; /* it is the one that is open already */
			return;
		}
	++cell->n_emergencies;
}

bool cell_end(struct cell *cell) {
	bool all = true;

	for (unsigned i = 0; i < cell->n_emergencies; ++i) {
		struct emergency_told *e = &cell->emergencies[i];
		int r = e->ended ? 0 : cw_break_glass_end(cell->cw, e->id);

		/* One that joined another is over for its client already; and a screen that
		 * began anew has not heard of what was before. */
		if (r == -ENOENT && !is_connected(cell)) {
			all = false;
			continue;
		}
		if (r != 0 && !(r == -ENOENT && cell->n_emergencies > 1))
			cell_red(cell, "record", "the emergency cannot be ended: %d", r);
		e->ended = true;
	}
	return all;
}

static bool is_asked(struct cell *cell) {
	return cell->asked || cell->over != CW_EVENT_NONE;
}

static bool is_over(struct cell *cell) {
	return cell->over != CW_EVENT_NONE;
}

void cell_sign_in_begin(struct cell *cell) {
	int r;

	cell->asked = false;
	cell->over = CW_EVENT_NONE;
	r = cw_sign_in(cell->cw, CW_PURPOSE_SIGN_IN, NURSE, &cell->attempt);
	if (r < 0)
		cell->over = CW_EVENT_ATTEMPT_OVER;
}

/* Goes on with the conversation that is open. */
static enum outcome sign_in_go_on(struct cell *cell, int ms) {
	struct cw_prompt prompt = { .size = sizeof(prompt) };

	while (screen_wait(cell, is_asked, ms) && !is_over(cell)) {
		cell->asked = false;
		if (cw_prompt(cell->cw, cell->attempt, &prompt) < 0)
			break;
		if (prompt.field != CW_FIELD_PASSWORD ||
		    cw_answer(cell->cw, cell->attempt, STAFF_PASSWORD,
		              sizeof(STAFF_PASSWORD) - 1) < 0)
			return STEP_REFUSED;
	}
	if (!is_over(cell))
		return STEP_SILENT;
	return cell->over == CW_EVENT_ATTEMPT_OVER ? STEP_REFUSED : STEP_WORKS;
}

/* Goes on with an open conversation, or begins one. */
enum outcome cell_sign_in(struct cell *cell, int ms) {
	enum outcome outcome;

	if (cell->attempt == 0)
		cell_sign_in_begin(cell);
	outcome = sign_in_go_on(cell, ms);
	if (outcome == STEP_SILENT)
		(void)cw_cancel(cell->cw, cell->attempt);
	cell->attempt = 0;
	return outcome;
}

static bool is_used(struct cell *cell) {
	return cell->used >= 0;
}

/* A guarded action that the person who is signed in may do. */
enum outcome cell_guarded(struct cell *cell, int ms) {
	enum cw_verdict verdict = CW_ALLOW;
	int r;

	cell->used = -1;
	r = cw_use(cell->cw, DISPLAY, NULL, cw_session(cell->cw), &verdict, NULL,
	           &cell->used_serial);
	if (r == 0 && verdict == CW_ALLOW)
		cell_red(cell, "nothing else", "a guarded action is allowed without an answer");
	if (r != -EINPROGRESS)
		return STEP_REFUSED;
	if (!screen_wait(cell, is_used, ms))
		return STEP_SILENT;
	return cell->used == CW_ALLOW ? STEP_WORKS : STEP_REFUSED;
}

void cell_reviewer_begin(struct cell *cell) {
	caller_open(&cell->reviewer, &cell->w, "service");
	caller_sign_in(&cell->reviewer, REVIEWER);
	cell->has_reviewer = true;
}

/* Closes the review of the first emergency. */
enum outcome cell_review(struct cell *cell, int ms) {
	struct caller *c = &cell->reviewer;
	uint64_t end = boot_now_ms() + (uint64_t)ms, result = RESULT_FAILED;
	uint8_t buffer[256];
	struct frame_writer w;
	int r = 0;

	caller_begin(c, &w, buffer, sizeof(buffer), "review.close");
	frame_bytes(&w, "id", cell->emergencies[0].id, 16);
	frame_text(&w, "outcome", "justified");
	caller_send(c, &w);
	while (r >= 0 && boot_now_ms() < end) {
		screen_turn(cell, 0);
		r = caller_next(c, 20);
		if (r != 1 || c->frame.kind != FRAME_REPLY || c->frame.serial != c->serial)
			continue;
		(void)frame_get_uint(c->frame.body, "result", &result);
		return result == RESULT_OK ? STEP_WORKS : STEP_REFUSED;
	}
	return STEP_SILENT;
}
