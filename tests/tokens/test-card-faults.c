/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CD-11, CD-12, CD-26: every function of the module, at every call of a whole job, fails
 * in six ways, or finds the card pulled
 *
 * A whole job is: open, look, sign, close. The same process then does it again. At
 * every end no session is open and nobody is logged in.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/tokens/cards.h"

#define PIN "123456"
#define JOB                                                                                        \
	"card kim 123456\n"                                                                        \
	"key 01 @/nurse-ec.key @/nurse-ec.pem always\n"                                            \
	"key 02 @/nurse-rsa.key @/nurse-rsa.pem\n"

/* Whether the job can succeed although this fails: nothing of the answer hangs on it. */
static const struct {
	const char *function;
	bool may_pass;
} functions[] = {
	{ "C_GetFunctionList", false },
	{ "C_Initialize", false },
	{ "C_Finalize", true },
	{ "C_GetSlotList", false },
	{ "C_GetSlotInfo", false },
	{ "C_GetTokenInfo", false },
	{ "C_OpenSession", false },
	{ "C_CloseSession", true },
	{ "C_CloseAllSessions", true },
	{ "C_Login", false },
	{ "C_Logout", true },
	{ "C_FindObjectsInit", false },
	{ "C_FindObjects", false },
	{ "C_FindObjectsFinal", false },
	{ "C_GetAttributeValue", false },
	{ "C_SignInit", false },
	{ "C_Sign", false },
};

static const char *const errors[] = {
	"CKR_GENERAL_ERROR",     "CKR_DEVICE_ERROR",           "CKR_DEVICE_REMOVED",
	"CKR_TOKEN_NOT_PRESENT", "CKR_SESSION_HANDLE_INVALID", "CKR_HOST_MEMORY",
};

/* Calls of a function in a job in which nothing fails. */
static unsigned calls_of(const char *function, uint32_t candidate) {
	struct outcome *o;
	unsigned n;

	script("%s", JOB);
	o = play(&(struct plan){ .pin = PIN, .candidate = candidate });
	ck_assert_int_eq(o->signed_, TOKEN_OK);
	ck_assert(o->is_signed);
	outcome_free(o);
	n = logged(function);
	ck_assert_uint_ge(n, 1);
	return n;
}

static void one_fault(const char *function, unsigned call, const char *action, bool may_pass,
		      uint32_t candidate) {
	struct outcome *o;
	bool passed;

	script("%scall %s %u %s\n", JOB, function, call, action);
	o = play(&(struct plan){ .pin = PIN, .candidate = candidate, .again = true });
	passed = o->opened == 0 && o->looked == TOKEN_OK && o->signed_ == TOKEN_OK;
	ck_assert_msg(o->status == 0, "%s %u %s: ended with %x", function, call, action,
		      (unsigned)o->status);
	ck_assert_msg(passed == may_pass, "%s %u %s: passed %d (%d, %d, %d)", function, call,
		      action, passed, o->opened, o->looked, o->signed_);
	ck_assert_msg(o->signed_ != TOKEN_OK || o->is_signed, "%s %u %s: OK without a signature",
		      function, call, action);
	ck_assert_msg(o->signed_ == TOKEN_N_ERRORS || o->pin_wiped, "%s %u %s: the PIN is left",
		      function, call, action);
	/* The next one in this process works, and nothing is left of the two. */
	ck_assert_msg(o->signed_again == TOKEN_OK && o->is_signed_again,
		      "%s %u %s: afterwards %d, %d, %d", function, call, action, o->opened_again,
		      o->looked_again, o->signed_again);
	for (unsigned i = logged("C_Finalize"); i > 0; --i) {
		char line[64];

		(void)snprintf(line, sizeof(line), "C_Finalize %u open 0 in 0", i);
		ck_assert_msg(logged_line(line), "%s %u %s: something is left open", function, call,
			      action);
	}
	outcome_free(o);
}

START_TEST(CD_11_every_call_fails_in_six_ways_and_nobody_is_let_in) {
	const char *function = functions[_i].function;
	unsigned n = calls_of(function, 0);

	for (unsigned call = 1; call <= n; ++call) {
		for (size_t e = 0; e < ARRAY_SIZE(errors); ++e) {
			char action[64];

			(void)snprintf(action, sizeof(action), "returns %s", errors[e]);
			one_fault(function, call, action, functions[_i].may_pass, 0);
		}
	}
}
END_TEST

/* What was to be done is done, and the answer is an error all the same. */
START_TEST(CD_11_every_call_that_works_and_says_no_lets_nobody_in) {
	const char *function = functions[_i].function;
	unsigned n = calls_of(function, 1);

	for (unsigned call = 1; call <= n; ++call)
		one_fault(function, call, "then CKR_DEVICE_ERROR", functions[_i].may_pass, 1);
}
END_TEST

static void put_back(void) {
	int fd = open(world.present, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || close(fd) != 0)
		_exit(1);
}

static void look_and_put_back(void) {
	put_back();
}

/* Pulled at this call, put back, and used again without anything being loaded anew. */
static void one_pull(const char *function, unsigned call) {
	struct outcome *o;
	bool after_all;

	put_back();
	script("present %s\n%scall %s %u pulls\n", world.present, JOB, function, call);
	o = play(&(struct plan){
		.pin = PIN, .again_without_close = true, .before_again = look_and_put_back });
	ck_assert_msg(o->status == 0, "%s %u: ended with %x", function, call, (unsigned)o->status);
	ck_assert_msg(o->signed_ != TOKEN_OK || o->is_signed, "%s %u: OK, not signed", function,
		      call);
	/* Pulled when all was done already: that answer is good. */
	after_all = strcmp(function, "C_Logout") == 0 || strcmp(function, "C_Finalize") == 0 ||
		    strncmp(function, "C_Close", 7) == 0;
	ck_assert_msg(after_all || o->looked != TOKEN_OK || o->signed_ != TOKEN_OK,
		      "%s %u: signed without a card", function, call);
	ck_assert_msg(o->signed_again == TOKEN_OK && o->is_signed_again, "%s %u: put back: %d, %d",
		      function, call, o->looked_again, o->signed_again);
	outcome_free(o);
}

START_TEST(CD_12_pulled_at_any_call_and_put_back_it_works) {
	const char *function = functions[_i].function;
	unsigned n;

	/* Loading touches no card; at its end nobody is left to see one. */
	if (_i < 2 || strcmp(function, "C_Finalize") == 0)
		return;
	n = calls_of(function, 0);
	for (unsigned call = 1; call <= n; ++call)
		one_pull(function, call);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("card faults");
	TCase *t = tcase_create("every call");
	int n = (int)ARRAY_SIZE(functions);

	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, CD_11_every_call_fails_in_six_ways_and_nobody_is_let_in, 0, n);
	tcase_add_loop_test(t, CD_11_every_call_that_works_and_says_no_lets_nobody_in, 0, n);
	tcase_add_loop_test(t, CD_12_pulled_at_any_call_and_put_back_it_works, 0, n);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_cards_suite(suite(), false);
}
