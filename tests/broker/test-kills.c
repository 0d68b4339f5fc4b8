/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emergencies while engine and supervisor are killed again and again
 *
 * Where the kills fall is drawn from a fixed seed; what the scheduler makes of it
 * is not fixed, so each run is another one.
 */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "glass.h"

#define N_KILLS 30u
#define N_EMERGENCIES 128u
#define N_USES 512u
#define SEED 0x9e3779b97f4a7c15u

struct declared {
	uint8_t id[16];
	bool acknowledged;
	bool ended;
	unsigned first, after; /* numbers of the uses inside                         */
};

static struct world world;
static struct screen screen;
static struct other other;
static struct declared declared[N_EMERGENCIES];
static unsigned n_declared, n_uses;
static uint64_t random_state = SEED;

static unsigned draw(unsigned n) {
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % n;
}

static void set_up(void) {
	world_make(&world);
}

static void tear_down(void) {
	world_remove(&world);
}

static struct declared *open_one(void) {
	struct declared *newest = n_declared > 0 ? &declared[n_declared - 1] : NULL;

	return newest && !newest->ended ? newest : NULL;
}

static void look(void) {
	for (unsigned i = 0; i < n_declared; ++i)
		if (screen.n_recorded > 0 && memcmp(screen.recorded, declared[i].id, 16) == 0)
			declared[i].acknowledged = true;
}

static void run(int ms) {
	screen_run(&screen, ms);
	look();
}

static void end_it(struct declared *d) {
	bool by_other = draw(3) == 0 && other_end_glass(&other, d->id) == 0;

	if (!by_other)
		ck_assert_int_eq(cw_break_glass_end(screen.cw, d->id), 0);
	d->after = n_uses;
	d->ended = true;
}

/* The other process's end may take a while to arrive here. */
static void press(void) {
	struct declared *d = &declared[n_declared];

	if (screen_status(&screen).emergency || n_declared == N_EMERGENCIES)
		return;
	ck_assert_int_eq(cw_break_glass(screen.cw, NULL, d->id, NULL), 0);
	ck_assert_int_eq(cw_check(screen.cw, START, NULL), CW_ALLOW);
	for (unsigned i = 0; i < n_declared; ++i)
		ck_assert_mem_ne(d->id, declared[i].id, 16);
	d->first = n_uses;
	++n_declared;
}

static void step(void) {
	struct declared *d = open_one();

	if (!d)
		press();
	else if (draw(4) == 0)
		end_it(d);
	else if (n_uses < N_USES && screen_status(&screen).emergency)
		screen_use(&screen, n_uses++);
	run(40 + (int)draw(60));
}

static void kill_one(void) {
	if (draw(4) == 0) {
		world_kill(&world);
		run((int)draw(100));
		world_start(&world);
	} else {
		(void)kill(world_engine(&world), SIGKILL);
	}
}

static void check_one(unsigned i) {
	const struct declared *d = &declared[i];
	struct tally t;

	journal_tally(&world, d->id, &t);
	ck_assert_msg(t.started <= 1 && t.late <= 1 && t.started + t.late >= 1,
	              "emergency %u: %u starts, %u late ones", i, t.started, t.late);
	ck_assert_msg(t.ended == 1 && t.interrupted == 0, "emergency %u: %u ends", i, t.ended);
	for (unsigned n = 0; n < N_USES; ++n)
		ck_assert_msg(t.uses[n] == (n >= d->first && n < d->after),
		              "emergency %u (uses %u to %u): use %u is there %u times", i, d->first,
		              d->after, n, t.uses[n]);
}

START_TEST(thirty_kills_lose_nothing_and_leave_nothing_open) {
	struct tally t;
	unsigned acknowledged = 0;

	world_start(&world);
	screen_open(&screen, &world);
	other_begin(&other, &world);
	both_until(&screen, &other, false);
	for (unsigned i = 0; i < N_KILLS; ++i) {
		for (unsigned n = draw(6); n > 0; --n)
			step();
		run((int)draw(30));
		kill_one();
	}
	run(100);
	if (open_one())
		end_it(open_one());
	both_until(&screen, &other, false);
	look();
	cw_close(screen.cw);
	other_end(&other);
	world_stop(&world);
	ck_assert_uint_gt(n_declared, 3);
	for (unsigned i = 0; i < n_declared; ++i) {
		check_one(i);
		acknowledged += declared[i].acknowledged;
	}
	journal_tally(&world, NULL, &t);
	ck_assert_uint_le(t.started, n_declared);
	ck_assert_uint_eq(t.ended, n_declared);
	printf("# %u kills, %u emergencies (%u acknowledged, %u late), %u uses\n", N_KILLS,
	       n_declared, acknowledged, t.late, n_uses);
}
END_TEST

/* test-broker-kills [SEED] */
int main(int argc, char **argv) {
	Suite *s = suite_create("broker kills");
	TCase *t = tcase_create("kills");
	SRunner *r = srunner_create(s);
	int failed = 0;

	if (argc == 2)
		random_state ^= strtoull(argv[1], NULL, 10) * 0x2545f4914f6cdd1du;
	tcase_set_timeout(t, 280);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, thirty_kills_lose_nothing_and_leave_nothing_open);
	suite_add_tcase(s, t);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
