/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same badge by any reader is the same bytes, and a hostile line is none
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tokens/badge-cases.h"

#define LINE(s) (const uint8_t *)(s), sizeof(s) - 1
#define SIXTEEN "0000000000000000"

static const struct {
	const char *why;
	enum badge_form form;
	const uint8_t *line;
	size_t n_line;
	const char *id; /* hexadecimal; NULL: refused */
} lines[] = {
	/* One badge of ISO 14443 with 4 bytes: de ad be ef */
	{ "hexadecimal in capitals", BADGE_HEX, LINE("DEADBEEF"), "deadbeef" },
	{ "hexadecimal in small letters", BADGE_HEX, LINE("deadbeef"), "deadbeef" },
	{ "with colons", BADGE_HEX, LINE("DE:AD:BE:EF"), "deadbeef" },
	{ "with hyphens", BADGE_HEX, LINE("DE-AD-BE-EF"), "deadbeef" },
	{ "with spaces", BADGE_HEX, LINE("DE AD BE EF"), "deadbeef" },
	{ "with 0x", BADGE_HEX, LINE("0xDEADBEEF"), "deadbeef" },
	{ "padded with zeros", BADGE_HEX, LINE("00000000DEADBEEF"), "deadbeef" },
	{ "with the end of a line", BADGE_HEX, LINE("DEADBEEF\r\n"), "deadbeef" },
	{ "with blanks around", BADGE_HEX, LINE(" \tDEADBEEF  "), "deadbeef" },
	{ "in the other order", BADGE_HEX_REVERSED, LINE("EFBEADDE"), "deadbeef" },
	{ "in the other order with colons", BADGE_HEX_REVERSED, LINE("ef:be:ad:de"), "deadbeef" },
	{ "as a number", BADGE_DECIMAL, LINE("3735928559"), "deadbeef" },
	{ "as a number of a fixed width", BADGE_DECIMAL, LINE("00000000003735928559"), "deadbeef" },
	{ "as a number of the other order", BADGE_DECIMAL_REVERSED, LINE("4022250974"), "deadbeef" },

	/* 7 bytes: 04 a2 24 5a 6b 1d 80 */
	{ "seven bytes", BADGE_HEX, LINE("04A2245A6B1D80"), "04a2245a6b1d80" },
	{ "seven bytes, a zero of the first left out", BADGE_HEX, LINE("4A2245A6B1D80"),
	  "04a2245a6b1d80" },
	{ "seven bytes in the other order", BADGE_HEX_REVERSED, LINE("801D6B5A24A204"),
	  "04a2245a6b1d80" },
	{ "seven bytes as a number", BADGE_DECIMAL, LINE("1304176926334336"), "04a2245a6b1d80" },
	{ "seven bytes as a number of the other order", BADGE_DECIMAL_REVERSED,
	  LINE("36061143930020356"), "04a2245a6b1d80" },

	/* An end or beginning of zeros: 12 34 56 00 and 00 12 34 56 */
	{ "a zero at the end", BADGE_HEX, LINE("12345600"), "12345600" },
	{ "a zero at the end, the other order", BADGE_HEX_REVERSED, LINE("00563412"), "12345600" },
	{ "the same without its leading zeros", BADGE_HEX_REVERSED, LINE("563412"), "12345600" },
	{ "a zero at the end, a number of the other order", BADGE_DECIMAL_REVERSED, LINE("5649426"),
	  "12345600" },
	{ "a zero at the beginning", BADGE_HEX, LINE("00123456"), "123456" },
	{ "a zero at the beginning, the other order", BADGE_HEX_REVERSED, LINE("56341200"), "123456" },
	{ "a zero at the beginning, as a number", BADGE_DECIMAL, LINE("1193046"), "123456" },

	/* 26 bits: facility 123, number 45678 */
	{ "facility and number", BADGE_WIEGAND, LINE("123,45678"), "7bb26e" },
	{ "facility and number with zeros", BADGE_WIEGAND, LINE("00123,45678"), "7bb26e" },
	{ "the same as one number", BADGE_DECIMAL, LINE("8106606"), "7bb26e" },
	{ "the same as digits", BADGE_HEX, LINE("7BB26E"), "7bb26e" },
	{ "the largest of both", BADGE_WIEGAND, LINE("65535,65535"), "ffffffff" },
	{ "facility 0", BADGE_WIEGAND, LINE("0,1"), "01" },

	{ "a barcode", BADGE_TEXT, LINE("nurse-0042"), "004e555253452d30303432" },
	{ "a barcode in capitals", BADGE_TEXT, LINE("NURSE-0042\r"), "004e555253452d30303432" },
	{ "a barcode of digits is not the number", BADGE_TEXT, LINE("42"), "003432" },
	{ "a barcode with a space inside", BADGE_TEXT, LINE("A B"), "00412042" },
	{ "the longest barcode", BADGE_TEXT, LINE("123456789012345678901234567890123456789"),
	  "00313233343536373839303132333435363738393031323334353637383930313233343536373839" },

	{ "the longest number", BADGE_HEX,
	  LINE("F" SIXTEEN SIXTEEN SIXTEEN SIXTEEN "000000000000000"),
	  "f0000000000000000000000000000000000000000000000000000000000000000000000000000000" },

	/* Hostile lines */
	{ "nothing", BADGE_HEX, LINE(""), NULL },
	{ "nothing, as a number", BADGE_DECIMAL, LINE(""), NULL },
	{ "nothing, the other order", BADGE_DECIMAL_REVERSED, LINE(""), NULL },
	{ "nothing, facility and number", BADGE_WIEGAND, LINE(""), NULL },
	{ "nothing, a barcode", BADGE_TEXT, LINE(""), NULL },
	{ "blanks alone", BADGE_TEXT, LINE(" \r\n"), NULL },
	{ "zeros alone", BADGE_HEX, LINE("00000000"), NULL },
	{ "zeros alone, as a number", BADGE_DECIMAL, LINE("0000000000"), NULL },
	{ "zeros alone, the other order", BADGE_HEX_REVERSED, LINE("00000000"), NULL },
	{ "zeros alone, facility and number", BADGE_WIEGAND, LINE("0,0"), NULL },
	{ "0x alone", BADGE_HEX, LINE("0x"), NULL },
	{ "a letter that is no digit", BADGE_HEX, LINE("DEADBEEG"), NULL },
	{ "a NUL in the middle", BADGE_HEX, LINE("DEAD\0BEEF"), NULL },
	{ "a NUL in a barcode", BADGE_TEXT, LINE("NURSE\0A"), NULL },
	{ "a byte above ASCII", BADGE_TEXT, LINE("N\xc3\xa4"), NULL },
	{ "an escape sequence", BADGE_TEXT, LINE("\x1b[2J"), NULL },
	{ "two kinds of separators", BADGE_HEX, LINE("DE:AD-BE:EF"), NULL },
	{ "two separators", BADGE_HEX, LINE("DE::AD"), NULL },
	{ "a separator at the end", BADGE_HEX, LINE("DE:AD:"), NULL },
	{ "a separator at the beginning", BADGE_HEX, LINE(":DE:AD"), NULL },
	{ "half a byte behind separators", BADGE_HEX, LINE("DE:AD:B"), NULL },
	{ "separators in some places", BADGE_HEX, LINE("DE:ADBE"), NULL },
	{ "a minus", BADGE_DECIMAL, LINE("-3735928559"), NULL },
	{ "hexadecimal where a number should be", BADGE_DECIMAL, LINE("DEADBEEF"), NULL },
	{ "a number with a blank inside", BADGE_DECIMAL, LINE("3735 928559"), NULL },
	{ "a number with a point", BADGE_DECIMAL, LINE("3735928559.0"), NULL },
	{ "a format", BADGE_DECIMAL, LINE("%n%n%n"), NULL },
	{ "a facility above 16 bits", BADGE_WIEGAND, LINE("65536,1"), NULL },
	{ "a number above 16 bits", BADGE_WIEGAND, LINE("1,65536"), NULL },
	{ "six digits", BADGE_WIEGAND, LINE("000001,1"), NULL },
	{ "no comma", BADGE_WIEGAND, LINE("12345678"), NULL },
	{ "two commas", BADGE_WIEGAND, LINE("1,2,3"), NULL },
	{ "no facility", BADGE_WIEGAND, LINE(",45678"), NULL },
	{ "no number", BADGE_WIEGAND, LINE("123,"), NULL },
	{ "one digit too many", BADGE_HEX,
	  LINE("1" SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN), NULL },
	{ "one character too many", BADGE_TEXT, LINE("1234567890123456789012345678901234567890"),
	  NULL },
	{ "a number that is too large", BADGE_DECIMAL,
	  LINE("9999999999999999999999999999999999999999999999999999999999999999999999999999999999"
	       "99999999999999999999"), NULL },
	{ "a line of 129 bytes, most of them blank", BADGE_HEX,
	  LINE("DEADBEEF         "
	       "                                                        "
	       "                                                        "), NULL },
	{ "a form that does not exist", BADGE_N_FORMS, LINE("DEADBEEF"), NULL },
	{ "a form far outside", (enum badge_form)77777, LINE("DEADBEEF"), NULL },
};

/* Writes where every byte is watched. */
START_TEST(a_line_is_one_id_or_none) {
	uint8_t id[TOKEN_BADGE_MAX];
	char hex[2 * TOKEN_BADGE_MAX + 1];
	size_t n = 77;
	int r;

	memset(id, 0x5a, sizeof(id));
	r = badge_normalise(lines[_i].form, lines[_i].line, lines[_i].n_line, id, &n);
	if (!lines[_i].id) {
		ck_assert_msg(r == -EINVAL, "%s: taken", lines[_i].why);
		ck_assert_msg(n == 77 && id[0] == 0x5a, "%s: written", lines[_i].why);
		return;
	}
	ck_assert_msg(r == 0, "%s: refused", lines[_i].why);
	hex_encode(hex, id, n);
	ck_assert_msg(strcmp(hex, lines[_i].id) == 0, "%s: %s", lines[_i].why, hex);
	for (size_t i = n; i < sizeof(id); ++i)
		ck_assert_msg(id[i] == 0x5a, "%s: written past the end", lines[_i].why);
}
END_TEST

/* Any id of a length that badges have, written in each way by arithmetic of its own. */
START_TEST(every_way_of_writing_gives_the_same_id) {
	static const size_t lengths[] = { 4, 5, 7, 8 };
	uint64_t state = 1;

	for (unsigned round = 0; round < 4000; ++round) {
		size_t length = lengths[round % 4], n[4] = { 0 };
		uint8_t id[4][TOKEN_BADGE_MAX] = { { 0 } };
		char text[4][32];
		uint64_t there = 0, back = 0;

		state = state * 6364136223846793005u + 1442695040888963407u;
		there = length == 8 ? state : state >> (64 - 8 * length);
		/* Neither end is zero: what is lost then, the table says. */
		there |= 1u | (uint64_t)1 << (8 * length - 1);
		for (size_t i = 0; i < length; ++i)
			back |= (there >> (8 * i) & 0xff) << (8 * (length - 1 - i));
		(void)snprintf(text[0], 32, "%0*llX", (int)(2 * length), (unsigned long long)there);
		(void)snprintf(text[1], 32, "%0*llx", (int)(2 * length), (unsigned long long)back);
		(void)snprintf(text[2], 32, "%llu", (unsigned long long)there);
		(void)snprintf(text[3], 32, "%020llu", (unsigned long long)back);
		for (unsigned f = 0; f < 4; ++f)
			ck_assert_int_eq(badge_normalise((enum badge_form)f,
			                                 (const uint8_t *)text[f],
			                                 strlen(text[f]), id[f], &n[f]),
			                 0);
		for (unsigned f = 0; f < 4; ++f)
			ck_assert_msg(n[f] == length && memcmp(id[f], id[0], length) == 0,
			              "%s and %s", text[0], text[f]);
	}
}
END_TEST

/* What the fuzzer was told to begin with, and whatever it found since. */
START_TEST(the_corpus_holds) {
	const char *path = SOURCE_ROOT "/tests/fuzz/corpus/badge";
	DIR *folder = opendir(path);
	const struct dirent *entry = NULL;
	unsigned n = 0;

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder))) {
		uint8_t bytes[512];
		char name[1024];
		FILE *f = NULL;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		f = fopen(name, "re");
		ck_assert_ptr_nonnull(f);
		badge_property(bytes, fread(bytes, 1, sizeof(bytes), f));
		(void)fclose(f);
		++n;
	}
	(void)closedir(folder);
	ck_assert_uint_ge(n, 6);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("badge");
	TCase *tc = tcase_create("badge");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, a_line_is_one_id_or_none, 0,
	                    (int)(sizeof(lines) / sizeof(lines[0])));
	tcase_add_test(tc, every_way_of_writing_gives_the_same_id);
	tcase_add_test(tc, the_corpus_holds);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
