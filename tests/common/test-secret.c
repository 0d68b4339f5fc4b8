/* SPDX-License-Identifier: Apache-2.0 */

/* What is short-lived, and what is cleaned up by scope: common/secret.h, common/cleanup.h. */

#undef NDEBUG
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/secret.h"

static const struct {
	const char *why;
	size_t n;
	bool accepted;
} lengths[] = {
	{ .why = "nothing at all is a secret of no bytes", .n = 0, .accepted = true },
	{ .why = "one byte fits", .n = 1, .accepted = true },
	{ .why = "the longest one fits to the byte", .n = SECRET_MAX, .accepted = true },
	{ .why = "one byte more is refused", .n = SECRET_MAX + 1, .accepted = false },
	{ .why = "the greatest length is refused", .n = SIZE_MAX, .accepted = false },
};

START_TEST(a_secret_takes_what_fits_and_is_empty_otherwise) {
	static const uint8_t bytes[SECRET_MAX + 1] = { 7, 8, 9 };
	static const struct secret empty;
	struct secret s = { .n = 3, .bytes = { 1, 2, 3 } };
	const char *why = lengths[_i].why;

	ck_assert_msg(secret_set(&s, bytes, lengths[_i].n) == lengths[_i].accepted, "%s", why);
	if (lengths[_i].accepted) {
		ck_assert_msg(s.n == lengths[_i].n, "%s", why);
		ck_assert_msg(memcmp(s.bytes, bytes, s.n) == 0, "%s", why);
	} else {
		ck_assert_msg(memcmp(&s, &empty, sizeof(s)) == 0, "%s: bytes are left", why);
	}
}
END_TEST

START_TEST(a_wiped_secret_is_all_zeroes) {
	struct secret s = { .n = SECRET_MAX };
	static const struct secret empty;

	memset(s.bytes, 0xa5, sizeof(s.bytes));
	secret_wipe(&s);
	ck_assert_int_eq(memcmp(&s, &empty, sizeof(s)), 0);
}
END_TEST

START_TEST(one_bit_anywhere_makes_two_values_differ) {
	uint8_t a[32], b[32];

	for (size_t i = 0; i < 32; ++i)
		a[i] = b[i] = (uint8_t)(i * 9);
	ck_assert(equal_32(a, b));
	b[_i / 8] ^= (uint8_t)(1u << (_i % 8));
	ck_assert(!equal_32(a, b));
}
END_TEST

START_TEST(a_descriptor_is_closed_by_its_scope_and_errno_is_kept) {
	int number = -1;

	{
		cleanup_(close_fdp) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		ck_assert_int_ge(fd, 0);
		number = fd;
		errno = ENOSPC;
	}
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(fcntl(number, F_GETFD), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("secret");
	TCase *cases = tcase_create("secret and cleanup");
	SRunner *runner = srunner_create(suite);
	int failed = 0;

	tcase_add_loop_test(cases, a_secret_takes_what_fits_and_is_empty_otherwise, 0,
	                    (int)ARRAY_SIZE(lengths));
	tcase_add_test(cases, a_wiped_secret_is_all_zeroes);
	tcase_add_loop_test(cases, one_bit_anywhere_makes_two_values_differ, 0, 256);
	tcase_add_test(cases, a_descriptor_is_closed_by_its_scope_and_errno_is_kept);
	suite_add_tcase(suite, cases);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
