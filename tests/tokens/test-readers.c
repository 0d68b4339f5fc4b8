/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cards and badges through pcscd, which comes and goes; runs in a card room
 *
 * Slot 0: a badge; slot 1: a card. The first argument is the room's folder.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/bytes.h"
#include "tests/fixtures/control.h"
#include "tests/tokens/watching.h"
#include "tokens/confine.h"

#define BADGE_SLOT "slot0"
#define CARD_SLOT "slot1"
#define BADGE_ID "04a2245a6b1d80"
#define ROUNDS 9

static const char *room;
static struct watching w;

static void tell(const char *what, const char *line) {
	char path[512], answer[CONTROL_LINE] = "";
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", room, what);
	r = control_tell(path, line, answer);
	ck_assert_msg(r == 0, "%s: %s: %s", what, line, answer);
}

static void rest_ms(unsigned ms) {
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* What another test left must be gone; pcscd has seen that after a second. */
static void setup(void) {
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/room", room);
	(void)control_tell(path, "continue", NULL);
	(void)control_tell(path, "start", NULL);
	tell("slot0", "clear");
	tell("slot1", "clear");
	tell("slot0", "pull");
	tell("slot1", "pull");
	rest_ms(1000);
	w = (struct watching){ .rules = { .n_readers = 1, .badge.on = true } };
	w.rules.readers[0].kind = READER_PCSC;
}

static void need_id(const struct token_sight *sight, const char *id) {
	char hex[2 * TOKEN_BADGE_MAX + 1];

	hex_encode(hex, sight->id, sight->n_id);
	ck_assert_str_eq(hex, id);
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, double *ms) {
	qsort(ms, ROUNDS, sizeof(ms[0]), compare);
	(void)printf("# %s: median %.0f ms, longest %.0f ms\n", what, ms[ROUNDS / 2],
	             ms[ROUNDS - 1]);
}

/* Times are printed; a slow machine fails nothing. */
START_TEST(a_card_that_comes_and_goes_is_told) {
	double in[ROUNDS], out[ROUNDS];

	watching_start(&w);
	rest_ms(500);
	for (unsigned i = 0; i < ROUNDS; ++i) {
		double begin;

		/* Not in step with pcscd. */
		rest_ms(450 + 37 * i % 400);
		begin = watching_now_ms();
		tell(CARD_SLOT, "insert");
		ck_assert_str_eq(watching_need(&w, TOKEN_SIGHT_CARD_IN).name, "Virtual PCD 00 01");
		in[i] = watching_now_ms() - begin;
		rest_ms(450 + 53 * i % 400);
		begin = watching_now_ms();
		tell(CARD_SLOT, "pull");
		(void)watching_need(&w, TOKEN_SIGHT_CARD_OUT);
		out[i] = watching_now_ms() - begin;
	}
	watching_stop(&w);
	report("card presented -> told", in);
	report("card pulled -> told", out);
}
END_TEST

START_TEST(a_badge_is_told_once_with_its_id) {
	double in[ROUNDS];
	struct token_sight sight;

	watching_start(&w);
	rest_ms(500);
	for (unsigned i = 0; i < ROUNDS; ++i) {
		char badge[64];
		double begin;

		rest_ms(450 + 37 * i % 400);
		(void)snprintf(badge, sizeof(badge), "badge 04a2245a6b1d%02x", i);
		tell(BADGE_SLOT, badge);
		begin = watching_now_ms();
		tell(BADGE_SLOT, "insert");
		sight = watching_need(&w, TOKEN_SIGHT_BADGE);
		in[i] = watching_now_ms() - begin;
		need_id(&sight, badge + 6);
		watching_need_none(&w, 500); /* it lies there, and nothing is told again */
		tell(BADGE_SLOT, "pull");
	}
	watching_stop(&w);
	report("badge presented -> told", in);
}
END_TEST

START_TEST(a_badge_that_bounces_is_one_tap) {
	struct token_sight sight;

	tell(BADGE_SLOT, "badge " BADGE_ID);
	tell(BADGE_SLOT, "insert");
	watching_start(&w);
	sight = watching_need(&w, TOKEN_SIGHT_BADGE); /* it was there at the beginning */
	need_id(&sight, BADGE_ID);
	rest_ms(1500);
	tell(BADGE_SLOT, "tap 2000");
	watching_need_none(&w, 1500);
	tell(BADGE_SLOT, "pull");
	rest_ms(2500);
	tell(BADGE_SLOT, "insert");
	(void)watching_need(&w, TOKEN_SIGHT_BADGE);
	watching_stop(&w);
}
END_TEST

START_TEST(an_id_drawn_at_each_tap_is_no_badge) {
	tell(BADGE_SLOT, "badge 08112233");
	tell(BADGE_SLOT, "insert");
	watching_start(&w);
	(void)watching_need(&w, TOKEN_SIGHT_CARD_IN);
	watching_stop(&w);
}
END_TEST

START_TEST(without_badges_at_the_site_nobody_asks_for_ids) {
	w.rules.badge.on = false;
	tell(BADGE_SLOT, "badge " BADGE_ID);
	tell(BADGE_SLOT, "insert");
	watching_start(&w);
	(void)watching_need(&w, TOKEN_SIGHT_CARD_IN);
	watching_stop(&w);
}
END_TEST

START_TEST(each_reader_belongs_to_the_rule_that_names_it_best) {
	w.rules.n_readers = 3;
	w.rules.readers[1] = (struct reader_rules){ .kind = READER_PCSC, .path = "00 01" };
	w.rules.readers[2] = (struct reader_rules){ .kind = READER_PCSC, .path = "Omnikey" };
	tell(BADGE_SLOT, "badge " BADGE_ID);
	watching_start(&w);
	/* The one that names no reader there is. */
	ck_assert_uint_eq(watching_need(&w, TOKEN_SIGHT_READER_GONE).reader, 2);
	tell(CARD_SLOT, "insert");
	ck_assert_uint_eq(watching_need(&w, TOKEN_SIGHT_CARD_IN).reader, 1);
	tell(BADGE_SLOT, "insert");
	ck_assert_uint_eq(watching_need(&w, TOKEN_SIGHT_BADGE).reader, 0);
	watching_stop(&w);
}
END_TEST

START_TEST(CD_30_a_dead_pcscd_is_told_and_its_return_as_well) {
	tell(CARD_SLOT, "insert");
	watching_start(&w);
	(void)watching_need(&w, TOKEN_SIGHT_CARD_IN);
	tell("room", "kill");
	(void)watching_need(&w, TOKEN_SIGHT_READER_GONE);
	watching_need_none(&w, 2500); /* tried again twice in between */
	tell("room", "start");
	(void)watching_need(&w, TOKEN_SIGHT_READER_BACK);
	/* The card is where it was: nobody is told anything. */
	watching_need_none(&w, 2000);
	tell(CARD_SLOT, "pull");
	(void)watching_need(&w, TOKEN_SIGHT_CARD_OUT);
	watching_stop(&w);
}
END_TEST

START_TEST(CD_30_a_card_pulled_while_pcscd_was_dead_is_told) {
	tell(CARD_SLOT, "insert");
	watching_start(&w);
	(void)watching_need(&w, TOKEN_SIGHT_CARD_IN);
	tell("room", "kill");
	(void)watching_need(&w, TOKEN_SIGHT_READER_GONE);
	tell(CARD_SLOT, "pull");
	tell("room", "start");
	(void)watching_need(&w, TOKEN_SIGHT_READER_BACK);
	(void)watching_need(&w, TOKEN_SIGHT_CARD_OUT);
	watching_stop(&w);
}
END_TEST

START_TEST(CD_30_no_pcscd_at_the_beginning) {
	tell("room", "kill");
	watching_start(&w);
	(void)watching_need(&w, TOKEN_SIGHT_READER_GONE);
	tell(CARD_SLOT, "insert");
	tell("room", "start");
	(void)watching_need(&w, TOKEN_SIGHT_READER_BACK);
	(void)watching_need(&w, TOKEN_SIGHT_CARD_IN);
	watching_stop(&w);
}
END_TEST

START_TEST(CD_30_a_pcscd_that_hangs_is_gone) {
	tell(CARD_SLOT, "insert");
	watching_start(&w);
	(void)watching_need(&w, TOKEN_SIGHT_CARD_IN);
	tell("room", "stop");
	(void)watching_need(&w, TOKEN_SIGHT_READER_GONE);
	tell("room", "continue");
	(void)watching_need(&w, TOKEN_SIGHT_READER_BACK);
	watching_need_none(&w, 2000);
	tell(CARD_SLOT, "pull");
	(void)watching_need(&w, TOKEN_SIGHT_CARD_OUT);
	watching_stop(&w);
}
END_TEST

/* The other readers are watched as if nothing was; the end is not waited for. */
START_TEST(CD_30_a_pcscd_that_hangs_holds_nobody_up) {
	double begin;

	watching_start(&w);
	rest_ms(1500);
	tell("room", "stop");
	(void)watching_need(&w, TOKEN_SIGHT_READER_GONE);
	begin = watching_now_ms();
	watching_stop(&w);
	(void)printf("# stopped after %.0f ms\n", watching_now_ms() - begin);
	tell("room", "continue");
}
END_TEST

static int confine(void) {
	return confine_helper(false);
}

/* As careward-token does: limits and filter first, then the library. */
START_TEST(what_a_helper_may_not_do_is_not_needed) {
	w.confine = confine;
	tell(BADGE_SLOT, "badge " BADGE_ID);
	w.rules.n_readers = 3;
	w.rules.readers[1] = (struct reader_rules){ .kind = READER_USB_KEY };
	w.rules.readers[2] = (struct reader_rules){ .kind = READER_SERIAL };
	(void)snprintf(w.rules.readers[2].path, TOKEN_PATH_MAX, "%s/tty", room);
	watching_start(&w);
	tell(CARD_SLOT, "insert");
	(void)watching_need(&w, TOKEN_SIGHT_CARD_IN);
	tell(BADGE_SLOT, "insert");
	(void)watching_need(&w, TOKEN_SIGHT_BADGE);
	tell("reader", "tap DEADBEEF");
	ck_assert_uint_eq(watching_need(&w, TOKEN_SIGHT_BADGE).reader, 2);
	tell("reader", "pull");
	(void)watching_need(&w, TOKEN_SIGHT_READER_GONE);
	tell("reader", "insert");
	(void)watching_need(&w, TOKEN_SIGHT_READER_BACK);
	watching_stop(&w);
}
END_TEST

int main(int argc, char **argv) {
	Suite *suite = suite_create("readers");
	TCase *tc = tcase_create("readers");
	SRunner *sr;
	int failed;

	room = argc == 2 ? argv[1] : ".";
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_card_that_comes_and_goes_is_told);
	tcase_add_test(tc, a_badge_is_told_once_with_its_id);
	tcase_add_test(tc, a_badge_that_bounces_is_one_tap);
	tcase_add_test(tc, an_id_drawn_at_each_tap_is_no_badge);
	tcase_add_test(tc, without_badges_at_the_site_nobody_asks_for_ids);
	tcase_add_test(tc, each_reader_belongs_to_the_rule_that_names_it_best);
	tcase_add_test(tc, CD_30_a_dead_pcscd_is_told_and_its_return_as_well);
	tcase_add_test(tc, CD_30_a_card_pulled_while_pcscd_was_dead_is_told);
	tcase_add_test(tc, CD_30_no_pcscd_at_the_beginning);
	tcase_add_test(tc, CD_30_a_pcscd_that_hangs_is_gone);
	tcase_add_test(tc, CD_30_a_pcscd_that_hangs_holds_nobody_up);
	tcase_add_test(tc, what_a_helper_may_not_do_is_not_needed);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
