/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "wire/frame-length.h"

#define MAX UINT64_MAX
#define HALF (UINT64_MAX / 2)

static const struct {
	const char *why;
	size_t n, taken, length;
	uint64_t number;
	bool pairs, expect;
} items[] = {
	{ "one byte", 1, 1, 0, 0, false, true },
	{ "no byte was taken", 1, 0, 0, 0, false, false },
	{ "more was taken than there is", 1, 2, 0, 0, false, false },
	{ "a text to the end", 5, 5, 4, 0, false, true },
	{ "a text without a head", 5, 5, 5, 0, false, false },
	{ "a text that begins before the packet", 5, 5, SIZE_MAX, 0, false, false },
	{ "as many values as bytes", 4, 1, 0, 3, false, true },
	{ "one value too many", 4, 1, 0, 4, false, false },
	{ "a pair takes two bytes", 5, 1, 0, 2, true, true },
	{ "one pair too many", 4, 1, 0, 2, true, false },
	{ "twice the pairs is nothing", 4, 1, 0, HALF + 1, true, false },
	{ "twice the pairs is few", 9, 1, 0, HALF + 3, true, false },
	{ "all the values there are", 4, 1, 0, MAX, false, false },
};

START_TEST(items_are_judged) {
	bool got = frame_item_fits(items[_i].n, items[_i].taken, items[_i].length,
				   items[_i].number, items[_i].pairs);

	ck_assert_msg(got == items[_i].expect, "%s", items[_i].why);
}
END_TEST

static const struct {
	const char *why;
	uint64_t wanted, number;
	bool pairs;
	size_t left;
	bool expect;
	uint64_t then;
} sums[] = {
	{ "the last, without values", 1, 0, false, 0, true, 0 },
	{ "none was wanted", 0, 0, false, 9, false, 0 },
	{ "three more", 1, 3, false, 3, true, 3 },
	{ "two pairs more", 2, 2, true, 5, true, 5 },
	{ "one byte is missing", 2, 2, true, 4, false, 0 },
	{ "the sum is nothing", 2, MAX, false, 9, false, 0 },
	{ "the sum is few", 5, MAX, false, 9, false, 0 },
	{ "the pairs are few", 1, HALF + 2, true, 9, false, 0 },
	{ "as many as can be", MAX, 1, false, SIZE_MAX, true, MAX },
	{ "and one more", MAX, 2, false, SIZE_MAX, false, 0 },
};

START_TEST(what_is_wanted_is_added_up) {
	uint64_t got = 77;
	bool fits = frame_wanted(sums[_i].wanted, sums[_i].number, sums[_i].pairs, sums[_i].left,
				 &got);

	ck_assert_msg(fits == sums[_i].expect && got == (fits ? sums[_i].then : 77), "%s: %llu",
		      sums[_i].why, (unsigned long long)got);
}
END_TEST

START_TEST(a_walk_goes_in_and_out) {
	struct frame_walk walk = { .n = 3 };

	ck_assert(!frame_walk_next(&walk));
	for (uint32_t i = 0; i < FRAME_DEPTH_MAX; ++i)
		ck_assert(frame_walk_enter(&walk, i == 1 ? 2 : 0, i == 1));
	ck_assert(!frame_walk_enter(&walk, 1, false));
	ck_assert(frame_walk_next(&walk));
	ck_assert_uint_eq(walk.depth, 2);
	ck_assert(walk.levels[1].is_map);
	ck_assert(frame_walk_next(&walk));
	ck_assert(!frame_walk_next(&walk));
	ck_assert_uint_eq(walk.depth, 0);

	ck_assert(frame_walk_take(&walk, 3));
	ck_assert(!frame_walk_take(&walk, 1));
	ck_assert(!frame_walk_take(&walk, SIZE_MAX));
	ck_assert_uint_eq(walk.done, 3);
	walk.done = 4;
	ck_assert(!frame_walk_take(&walk, 0));
	walk.depth = UINT32_MAX;
	ck_assert(!frame_walk_next(&walk));
	ck_assert(!frame_walk_enter(&walk, 1, false));
}
END_TEST

START_TEST(a_key_comes_once) {
	static const uint8_t packet[] = "role role rule";
	struct frame_inside level = { 0 };

	ck_assert(frame_key_is_new(&level, packet, 14, 0, 4));
	ck_assert(frame_key_note(&level, 0, 4));
	ck_assert(!frame_key_is_new(&level, packet, 14, 5, 4));
	ck_assert(frame_key_is_new(&level, packet, 14, 5, 3));
	ck_assert(frame_key_is_new(&level, packet, 14, 10, 4));
	ck_assert(!frame_key_is_new(&level, packet, 14, 11, 4));
	ck_assert(!frame_key_is_new(&level, packet, 14, SIZE_MAX, 4));
	ck_assert(!frame_key_is_new(&level, packet, 14, 4, SIZE_MAX));
	ck_assert(!frame_key_is_new(&level, packet, 3, 0, 1)); /* the key before is not there */

	ck_assert(!frame_key_note(&level, LIMIT_FRAME, 4));
	ck_assert(!frame_key_note(&level, 0x10000, 4));
	ck_assert(!frame_key_note(&level, 0, FRAME_NAME_MAX));
	for (uint32_t i = 1; i < FRAME_KEYS_MAX; ++i)
		ck_assert(frame_key_note(&level, LIMIT_FRAME - 1, i % FRAME_NAME_MAX));
	ck_assert_uint_eq(level.keys[FRAME_KEYS_MAX - 1], LIMIT_FRAME - 1);
	ck_assert(!frame_key_note(&level, 0, 4));
	level.n_keys = UINT32_MAX;
	ck_assert(!frame_key_note(&level, 0, 4));
	ck_assert(!frame_key_is_new(&level, packet, 14, 0, 4));
}
END_TEST

START_TEST(room_is_measured_without_a_sum) {
	size_t behind = 77;

	ck_assert(frame_has_room(8, 3, 5));
	ck_assert(!frame_has_room(8, 3, 6));
	ck_assert(!frame_has_room(8, 3, SIZE_MAX));
	ck_assert(!frame_has_room(8, 9, 0));

	ck_assert(frame_head_grows(8, 5, 2, 4, &behind));
	ck_assert_uint_eq(behind, 2);
	ck_assert(!frame_head_grows(8, 5, 2, 5, &behind));
	ck_assert(!frame_head_grows(8, 5, 5, 1, &behind));
	ck_assert(!frame_head_grows(8, 5, SIZE_MAX, 1, &behind));
	ck_assert(!frame_head_grows(8, 5, 2, 0, &behind));
	ck_assert_uint_eq(behind, 2);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("frame-length");
	TCase *t = tcase_create("numbers");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(t, items_are_judged, 0, (int)ARRAY_SIZE(items));
	tcase_add_loop_test(t, what_is_wanted_is_added_up, 0, (int)ARRAY_SIZE(sums));
	tcase_add_test(t, a_walk_goes_in_and_out);
	tcase_add_test(t, a_key_comes_once);
	tcase_add_test(t, room_is_measured_without_a_sum);
	tcase_set_timeout(t, 0);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
