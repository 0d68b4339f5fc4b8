/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tokens/speech.h"
#include "wire/frame.h"

/* What goes out comes in again, at its largest; what is cut or bent does not. */

static uint8_t buffer[LIMIT_FRAME];
static struct speech speech;
static struct speech_request request;

static void fill_many(struct token_credentials *c) {
	c->n = TOKEN_CREDENTIALS_MAX;
	for (uint32_t i = 0; i < c->n; ++i) {
		c->list[i].n = TOKEN_CREDENTIAL_MAX;
		memset(c->list[i].id, (int)(0x80 + i), TOKEN_CREDENTIAL_MAX);
	}
}

static enum speech_kind take(size_t n) {
	enum speech_kind kind = SPEECH_NONE;

	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(speech_take(&speech, buffer, n, &kind), 0);
	return kind;
}

static void fill(struct token_candidate *c, uint32_t index) {
	*c = (struct token_candidate){ .index = index, .needs_pin = true, .pin_final = true,
				       .tries_left = 1, .n_certificate = TOKEN_CERTIFICATE_MAX };
	memset(c->reader, 'r', LIMIT_NAME - 1);
	memset(c->label, 'l', LIMIT_NAME - 1);
	memset(c->certificate, 0x30, sizeof(c->certificate));
}

static void fill_answer(struct token_answer *a) {
	memset(a, 0x41, sizeof(*a));
	a->factor = CW_FACTOR_FIDO2;
	a->reader[LIMIT_NAME - 1] = '\0';
	a->format[sizeof(a->format) - 1] = '\0';
	a->n_certificate = sizeof(a->certificate);
	a->n_credential = sizeof(a->credential);
	a->n_authdata = sizeof(a->authdata);
	a->n_signature = sizeof(a->signature);
	a->n_statement = sizeof(a->statement);
}

START_TEST(questions_at_their_largest_arrive_whole) {
	static struct token_look look;
	static struct token_sign sign;
	static struct token_make make;

	look.factor = CW_FACTOR_FIDO2;
	fill_many(&look.credentials);
	ck_assert_int_eq(speech_heard(buffer, speech_look(buffer, &look), &request), 0);
	ck_assert_int_eq(request.verb, SPEECH_LOOK);
	ck_assert_mem_eq(&request.look, &look, sizeof(look));
	sign = (struct token_sign){ .candidate = UINT32_MAX, .verify_user = true };
	memset(sign.digest, 7, sizeof(sign.digest));
	memset(&sign.pin, '9', sizeof(sign.pin));
	sign.pin.n = SECRET_MAX;
	ck_assert_int_eq(speech_heard(buffer, speech_sign(buffer, &sign), &request), 0);
	ck_assert_int_eq(request.verb, SPEECH_SIGN);
	ck_assert_uint_eq(request.sign.candidate, UINT32_MAX);
	ck_assert(request.sign.verify_user);
	ck_assert_mem_eq(request.sign.digest, sign.digest, 32);
	ck_assert_uint_eq(request.sign.pin.n, SECRET_MAX);
	ck_assert_mem_eq(request.sign.pin.bytes, sign.pin.bytes, SECRET_MAX);
	make.candidate = 3;
	make.pin = sign.pin;
	fill_many(&make.exclude);
	memset(make.name, 'n', LIMIT_NAME - 1);
	memset(make.user, 8, sizeof(make.user));
	ck_assert_int_eq(speech_heard(buffer, speech_make(buffer, &make), &request), 0);
	ck_assert_int_eq(request.verb, SPEECH_MAKE);
	ck_assert_str_eq(request.make.name, make.name);
	ck_assert_mem_eq(request.make.user, make.user, 32);
	ck_assert_mem_eq(&request.make.exclude, &make.exclude, sizeof(make.exclude));
	speech_request_wipe(&request);
	ck_assert_uint_eq(request.make.pin.n + request.sign.pin.n, 0);
	ck_assert_int_eq(speech_heard(buffer, speech_watch(buffer), &request), 0);
	ck_assert_int_eq(request.verb, SPEECH_WATCH);
}
END_TEST

START_TEST(a_whole_job_at_its_largest_arrives_whole) {
	static struct token_candidate candidates[TOKEN_CANDIDATES_MAX];
	static struct token_answer answer;

	memset(&speech, 0, sizeof(speech));
	speech_sent(&speech, "look");
	for (uint32_t i = 0; i < TOKEN_CANDIDATES_MAX; ++i) {
		fill(&candidates[i], 1000 + i);
		ck_assert_int_eq(take(speech_candidate(buffer, &candidates[i])), SPEECH_NONE);
	}
	ck_assert_int_eq(take(speech_found(buffer, TOKEN_CANDIDATES_MAX)), SPEECH_FOUND);
	for (uint32_t i = 0; i < TOKEN_CANDIDATES_MAX; ++i) {
		const struct token_candidate *c = &speech.found.candidates[i];

		ck_assert_uint_eq(c->index, 1000 + i);
		ck_assert_str_eq(c->reader, candidates[i].reader);
		ck_assert_str_eq(c->label, candidates[i].label);
		ck_assert(c->needs_pin && c->pin_final && !c->has_pad && !c->pin_locked);
		ck_assert_uint_eq(c->tries_left, 1);
		ck_assert_uint_eq(c->n_certificate, TOKEN_CERTIFICATE_MAX);
	}
	speech_sent(&speech, "sign");
	ck_assert_int_eq(take(speech_touch(buffer)), SPEECH_TOUCH);
	fill_answer(&answer);
	ck_assert_int_eq(take(speech_answer(buffer, &answer)), SPEECH_ANSWER);
	ck_assert_str_eq(speech.answer.format, answer.format);
	ck_assert_mem_eq(speech.answer.signature, answer.signature, sizeof(answer.signature));
	ck_assert_mem_eq(speech.answer.statement, answer.statement, sizeof(answer.statement));
	ck_assert_uint_eq(speech.answer.n_authdata, sizeof(answer.authdata));
}
END_TEST

START_TEST(errors_that_are_the_engines_to_say_are_not_a_helpers) {
	static const struct {
		unsigned error;
		bool good;
	} errors[] = { { TOKEN_OK, false },    { TOKEN_ABSENT, true }, { TOKEN_MODULE, true },
		       { TOKEN_ENDED, false }, { TOKEN_LATE, false },  { TOKEN_BUSY, false },
		       { 1000, false } };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); ++i) {
		enum speech_kind kind = SPEECH_NONE;
		size_t n = speech_failed(buffer, (enum token_error)errors[i].error, 3);

		memset(&speech, 0, sizeof(speech));
		speech_sent(&speech, "look");
		ck_assert_msg((speech_take(&speech, buffer, n, &kind) == 0) == errors[i].good,
			      "error %u", errors[i].error);
		if (errors[i].good)
			ck_assert_uint_eq(speech.tries_left, 3);
	}
}
END_TEST

/* Each prefix, and each byte bent: refused, or something of the right form. */
START_TEST(what_is_cut_or_bent_is_refused_or_well_formed) {
	static struct token_answer answer;
	static uint8_t whole[LIMIT_FRAME];
	enum speech_kind kind = SPEECH_NONE;
	size_t n = 0;

	answer.factor = CW_FACTOR_SMARTCARD;
	answer.n_signature = 70;
	n = speech_answer(whole, &answer);
	ck_assert_uint_gt(n, 0);
	for (size_t cut = 0; cut < n; ++cut) {
		memset(&speech, 0, sizeof(speech));
		speech_sent(&speech, "look");
		fill(&speech.found.candidates[0], 1);
		ck_assert_int_eq(take(speech_candidate(buffer, &speech.found.candidates[0])),
				 SPEECH_NONE);
		ck_assert_int_eq(take(speech_found(buffer, 1)), SPEECH_FOUND);
		speech_sent(&speech, "sign");
		ck_assert_int_eq(speech_take(&speech, whole, cut, &kind), -EBADMSG);
		/* Over is over, whatever comes. */
		ck_assert_int_eq(speech_take(&speech, whole, n, &kind), -EBADMSG);
	}
	ck_assert_int_eq(speech_take(&speech, whole, LIMIT_FRAME + 1, &kind), -EBADMSG);
}
END_TEST

START_TEST(a_question_that_is_bent_leaves_no_pin_behind) {
	static struct token_sign sign;
	size_t n = 0;

	secret_set(&sign.pin, "1234", 4);
	n = speech_sign(buffer, &sign);
	for (size_t cut = 0; cut < n; ++cut) {
		ck_assert_int_eq(speech_heard(buffer, cut, &request), -EBADMSG);
		ck_assert_uint_eq(request.sign.pin.n, 0);
		ck_assert_uint_eq(request.sign.pin.bytes[0], 0);
		ck_assert_int_eq(request.verb, SPEECH_VERB_NONE);
	}
}
END_TEST

START_TEST(every_error_has_a_message) {
	ck_assert_str_eq(token_error_message(TOKEN_LATE), "token-late");
	ck_assert_str_eq(token_error_message(TOKEN_N_ERRORS), "token-failed");
	for (unsigned e = 0; e < TOKEN_N_ERRORS; ++e)
		ck_assert_ptr_nonnull(token_error_message(e));
}
END_TEST

int main(void) {
	Suite *s = suite_create("tokens speech");
	TCase *t = tcase_create("speech");
	SRunner *sr = NULL;
	int failed = 0;

	tcase_add_test(t, questions_at_their_largest_arrive_whole);
	tcase_add_test(t, a_whole_job_at_its_largest_arrives_whole);
	tcase_add_test(t, errors_that_are_the_engines_to_say_are_not_a_helpers);
	tcase_add_test(t, what_is_cut_or_bent_is_refused_or_well_formed);
	tcase_add_test(t, a_question_that_is_bent_leaves_no_pin_behind);
	tcase_add_test(t, every_error_has_a_message);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
