/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolling through the library. */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/client/fake.h"
#include "ui-glue/client/client.h"

static struct fake fake;
static struct cw *cw;

static void setup(void) {
	struct cw_options options;

	fake_begin(&fake);
	options = fake_options(&fake);
	ck_assert_int_eq(cw_open(&options, &cw), 0);
	fake_accept(&fake);
	fake_greet(&fake, true);
	ck_assert_int_eq(cw_dispatch(cw), 0);
}

static void teardown(void) {
	cw = cw_close(cw);
	fake_done(&fake);
}

static void text_is(const char *key, const char *wanted) {
	char text[600];

	ck_assert_msg(frame_get_text(fake.frame.body, key, text, sizeof(text)) == 0, "no %s", key);
	ck_assert_str_eq(text, wanted);
}

/* Takes everything in. Return: did an event of this kind come? */
static bool next_of(enum cw_event_kind kind, struct cw_event *ret_event) {
	struct cw_event event = { .size = sizeof(event) };

	(void)cw_dispatch(cw);
	while (cw_next_event(cw, &event))
		if (event.kind == kind) {
			*ret_event = event;
			return true;
		}
	return false;
}

static const struct {
	enum cw_factor factor;
	const char *name;
} factors[] = {
	{ CW_FACTOR_BADGE, "badge" },
	{ CW_FACTOR_CODE, "code" },
	{ CW_FACTOR_SMARTCARD, "smartcard" },
	{ CW_FACTOR_FIDO2, "fido2" },
};

START_TEST(an_enrolment_is_a_conversation_with_an_end) {
	struct cw_event event = { 0 };
	uint64_t attempt = 0;

	ck_assert_int_eq(cw_enrol(cw, "kim", factors[_i].factor, "Blue", &attempt), 0);
	fake_read_frame(&fake, "token.enrol");
	text_is("name", "kim");
	text_is("factor", factors[_i].name);
	text_is("label", "Blue");
	fake_reply(&fake, RESULT_OK);
	frame_uint(&fake.w, "attempt", 900);
	fake_send(&fake);
	fake_event(&fake, "attempt-over");
	frame_uint(&fake.w, "attempt", 900);
	frame_text(&fake.w, "message", "enrolled");
	fake_send(&fake);
	ck_assert(next_of(CW_EVENT_ATTEMPT_OVER, &event));
	ck_assert_uint_eq(event.attempt, attempt);
	ck_assert_str_eq(event.message, "enrolled");
	ck_assert_int_eq(cw_cancel(cw, attempt), -ENOENT);
}
END_TEST

START_TEST(what_cannot_be_enrolled_is_not_sent) {
	static const int wrong[] = { CW_FACTOR_NONE, CW_FACTOR_PASSWORD, CW_FACTOR_DIRECTORY,
				     CW_FACTOR_RECOVERY, CW_N_FACTORS, -1, 255 };
	char longest[65];
	uint64_t attempt = 77;

	memset(longest, 'x', 64);
	longest[64] = '\0';
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); ++i)
		ck_assert_int_eq(cw_enrol(cw, "kim", (enum cw_factor)wrong[i], NULL, &attempt),
				 -EINVAL);
	ck_assert_int_eq(cw_enrol(cw, NULL, CW_FACTOR_BADGE, NULL, &attempt), -EINVAL);
	ck_assert_int_eq(cw_enrol(cw, longest, CW_FACTOR_BADGE, NULL, &attempt), -EINVAL);
	ck_assert_int_eq(cw_enrol(cw, "kim", CW_FACTOR_BADGE, longest, &attempt), -EINVAL);
	ck_assert_uint_eq(attempt, 77);
	fake_hang_up(&fake);
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	ck_assert_int_eq(cw_enrol(cw, "kim", CW_FACTOR_BADGE, NULL, &attempt), -ENOTCONN);
}
END_TEST

int main(void) {
	Suite *s = suite_create("enrol");
	TCase *t = tcase_create("enrol");
	SRunner *r = NULL;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, an_enrolment_is_a_conversation_with_an_end, 0,
			    (int)(sizeof(factors) / sizeof(*factors)));
	tcase_add_test(t, what_cannot_be_enrolled_is_not_sent);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_SILENT);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
