/* SPDX-License-Identifier: Apache-2.0 */

/* The application at the bed: it breaks the glass, treats, and ends it; and dies, too. */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <careward/careward.h>

#include "disk.h"
#include "ledger.h"
#include "tests/broker/glass.h"

struct bed {
	struct ledger *ledger;
	struct screen screen;
	struct ledger_emergency *open;
	uint32_t settled; /* care uses that were acknowledged up to here            */
	uint32_t first;   /* the first of this process                              */
	uint64_t seed;
};

static unsigned draw(struct bed *b, unsigned n) {
	return (unsigned)(random_next(&b->seed) % n);
}

static struct cw_status status_of(struct bed *b) {
	struct cw_status status = { .size = sizeof(status) };

	(void)cw_status(b->screen.cw, &status);
	return status;
}

/* What the events and the count of what is unrecorded acknowledge. */
static void look(struct bed *b) {
	struct cw_status status;

	screen_run(&b->screen, 5 + (int)draw(b, 25));
	if (b->screen.n_recorded > 0)
		for (uint32_t i = atomic_load(&b->ledger->n_emergencies); i > 0; --i)
			if (memcmp(b->ledger->emergencies[i - 1].id, b->screen.recorded, 16) == 0)
				atomic_store(&b->ledger->emergencies[i - 1].recorded, ACKNOWLEDGED);
	status = status_of(b);
	if (status.unrecorded != 0)
		return;
	for (; b->settled < atomic_load(&b->ledger->n_care); ++b->settled)
		if (b->settled >= b->first)
			atomic_store(&b->ledger->care[b->settled], ACKNOWLEDGED);
	atomic_fetch_add(&b->ledger->at_bed, 1);
	for (uint32_t i = atomic_load(&b->ledger->n_emergencies); b->open == NULL && i > 0; --i) {
		struct ledger_emergency *e = &b->ledger->emergencies[i - 1];

		if (atomic_load(&e->ended) == ASKED)
			atomic_store(&e->ended, ACKNOWLEDGED);
		break;
	}
}

/* The entry of an id; a new one when it has none yet. */
static struct ledger_emergency *entry_of(struct bed *b, const uint8_t id[16]) {
	uint32_t n = atomic_load(&b->ledger->n_emergencies);
	struct ledger_emergency *e = &b->ledger->emergencies[n];

	for (uint32_t i = n; i > 0; --i)
		if (memcmp(b->ledger->emergencies[i - 1].id, id, 16) == 0)
			return &b->ledger->emergencies[i - 1];
	memcpy(e->id, id, 16);
	atomic_store(&e->declared, ASKED);
	atomic_store(&b->ledger->n_emergencies, n + 1);
	return e;
}

/* A new one; or the one that a process before this one left open, and the broker knows. */
static void press(struct bed *b) {
	uint8_t id[16];

	if (atomic_load(&b->ledger->n_emergencies) + 1 >= LEDGER_EMERGENCIES)
		return;
	if (cw_break_glass(b->screen.cw, NULL, id, NULL) != 0)
		_exit(3);
	b->open = entry_of(b, id);
}

static void end(struct bed *b) {
	if (cw_break_glass_end(b->screen.cw, b->open->id) == 0)
		atomic_store(&b->open->ended, ASKED);
	b->open = NULL;
}

static void care(struct bed *b) {
	uint32_t n = atomic_load(&b->ledger->n_care);
	enum cw_verdict verdict = CW_DENY;
	char object[32];
	int r;

	if (n + 1 >= LEDGER_USES)
		return;
	snprintf(object, sizeof(object), "use-%u", n);
	atomic_store(&b->ledger->care[n], ASKED);
	atomic_store(&b->ledger->n_care, n + 1);
	r = cw_use(b->screen.cw, START, object, cw_session(b->screen.cw), &verdict, NULL, NULL);
	if (r != 0 || verdict != CW_ALLOW)
		_exit(4); /* care that was not open is worse than a record that is lost */
}

static void step(struct bed *b) {
	if (!b->open)
		press(b);
	else if (draw(b, 5) == 0)
		end(b);
	else if (status_of(b).emergency)
		care(b);
	look(b);
}

void bed_run(const struct world *w, struct ledger *ledger, uint64_t seed) {
	struct bed b = { .ledger = ledger, .seed = seed };
	uint64_t until;

	b.first = b.settled = atomic_load(&ledger->n_care);
	screen_open(&b.screen, w);
	screen_run(&b.screen, 50);
	while (!atomic_load(&ledger->stop))
		step(&b);
	if (b.open)
		end(&b);
	/* Until all of it is recorded. */
	for (until = boot_now_ms() + 120000; boot_now_ms() < until;) {
		if (status_of(&b).emergency) {
			press(&b);
			end(&b);
		}
		look(&b);
		if (status_of(&b).connected && status_of(&b).unrecorded == 0 &&
		    !status_of(&b).emergency)
			break;
	}
	if (boot_now_ms() >= until)
		(void)fprintf(stderr, "bed: connected %d, emergency %d, unrecorded %d\n",
		              status_of(&b).connected, status_of(&b).emergency,
		              status_of(&b).unrecorded);
	look(&b);
	(void)cw_close(b.screen.cw);
	_exit(boot_now_ms() < until ? 0 : 5);
}
