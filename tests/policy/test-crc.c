/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"

static const struct {
	const char *why;
	const char *text;
	uint32_t expect;
} vectors[] = {
	{ "nothing at all", "", 0x00000000u },
	{ "the check value of the standard", "123456789", 0xcbf43926u },
	{ "one letter", "a", 0xe8b7be43u },
	{ "a sentence", "The quick brown fox jumps over the lazy dog", 0x414fa339u },
};

START_TEST(crc_is_that_of_ieee_802_3) {
	uint32_t crc = policy_crc32((const uint8_t *)vectors[_i].text,
	                            (uint32_t)strlen(vectors[_i].text), 0);

	ck_assert_msg(crc == vectors[_i].expect, "%s: %08x, want %08x", vectors[_i].why, crc,
	              vectors[_i].expect);
}
END_TEST

START_TEST(crc_may_be_continued_at_any_byte) {
	const uint8_t *p = (const uint8_t *)"123456789";

	for (uint32_t n = 0; n <= 9; ++n)
		ck_assert_uint_eq(policy_crc32(p + n, 9 - n, policy_crc32(p, n, 0)), 0xcbf43926u);
}
END_TEST

/* Bit by bit, as the standard says it. */
static uint32_t slow_crc(const uint8_t *p, size_t n, uint32_t crc) {
	uint32_t r = ~crc;

	for (size_t i = 0; i < n; ++i) {
		r ^= p[i];
		for (int bit = 0; bit < 8; ++bit)
			r = r >> 1 ^ (r & 1u ? 0xedb88320u : 0);
	}
	return ~r;
}

/* Each number of the table decides about some of these. */
START_TEST(crc_is_that_of_each_four_bits_in_each_place) {
	for (uint32_t place = 0; place < 48; ++place) {
		for (uint32_t value = 0; value < 16; ++value) {
			uint8_t bytes[24] = { 0 };
			uint32_t crc;

			bytes[place / 2] = (uint8_t)(value << (place % 2 * 4));
			crc = policy_crc32(bytes, sizeof(bytes), 0xffffffffu);
			ck_assert_msg(crc == slow_crc(bytes, sizeof(bytes), 0xffffffffu),
			              "%x at place %u: %08x", value, place, crc);
		}
	}
}
END_TEST

START_TEST(crc_is_that_of_any_bytes_of_any_length) {
	uint8_t bytes[600];
	uint32_t state = 1;

	for (size_t i = 0; i < sizeof(bytes); ++i) {
		state = state * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(state >> 24);
	}
	for (uint32_t n = 0; n <= 520; ++n)
		for (uint32_t from = 0; from < 9; ++from)
			ck_assert_msg(policy_crc32(bytes + from, n, n) ==
			                      slow_crc(bytes + from, n, n),
			              "%u bytes from %u on", n, from);
}
END_TEST

static struct policy_table table;

START_TEST(checksum_takes_its_own_field_as_zero) {
	uint32_t crc;

	memset(&table, 0, sizeof(table));
	table.n_actions = 7;
	crc = policy_crc32((const uint8_t *)&table, sizeof(table), 0);
	ck_assert_uint_eq(policy_table_checksum(&table), crc);
	table.checksum = 0xffffffffu;
	ck_assert_uint_eq(policy_table_checksum(&table), crc);
}
END_TEST

START_TEST(checksum_sees_a_flip_in_every_byte_but_its_own) {
	uint8_t *bytes = (uint8_t *)&table;
	size_t own = offsetof(struct policy_table, checksum);
	uint32_t crc;

	memset(&table, 0, sizeof(table));
	crc = policy_table_checksum(&table);
	/* Every byte of the first kilobyte, then one in 97: the rest is alike. */
	for (size_t i = 0; i < sizeof(table); i += i < 1024 ? 1 : 97) {
		if (i >= own && i < own + sizeof(table.checksum))
			continue;
		bytes[i] ^= 0x10;
		ck_assert_msg(policy_table_checksum(&table) != crc, "byte %zu is not seen", i);
		bytes[i] ^= 0x10;
	}
}
END_TEST

int main(void) {
	Suite *suite = suite_create("crc");
	TCase *tc = tcase_create("crc");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, crc_is_that_of_ieee_802_3, 0,
	                    (int)(sizeof(vectors) / sizeof(vectors[0])));
	tcase_add_test(tc, crc_may_be_continued_at_any_byte);
	tcase_add_test(tc, crc_is_that_of_each_four_bits_in_each_place);
	tcase_add_test(tc, crc_is_that_of_any_bytes_of_any_length);
	tcase_add_test(tc, checksum_takes_its_own_field_as_zero);
	tcase_add_test(tc, checksum_sees_a_flip_in_every_byte_but_its_own);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
