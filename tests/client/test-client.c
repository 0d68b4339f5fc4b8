/* SPDX-License-Identifier: Apache-2.0 */
/* With a broker that does what it should. */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/client/fake.h"
#include "ui-glue/client/client.h"

static struct fake fake;
static struct cw *cw;

/* Takes everything in. Return: the last event of a kind, zeroed when there was none. */
static struct cw_event event_of(enum cw_event_kind kind, unsigned *ret_n) {
	struct cw_event event = { .size = sizeof(event) }, found = { 0 };
	unsigned n = 0;

	(void)cw_dispatch(cw);
	while (cw_next_event(cw, &event)) {
		if (event.kind != kind)
			continue;
		found = event;
		++n;
	}
	if (ret_n)
		*ret_n = n;
	return found;
}

static void greeted(void) {
	fake_accept(&fake);
	fake_greet(&fake, true);
	ck_assert_int_eq(cw_dispatch(cw), 0);
}

static void setup(void) {
	struct cw_options options;

	fake_begin(&fake);
	options = fake_options(&fake);
	ck_assert_int_eq(cw_open(&options, &cw), 0);
	greeted();
}

static void teardown(void) {
	cw = cw_close(cw);
	fake_done(&fake);
}

static void reconnect(void) {
	fake_hang_up(&fake);
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	cw->deadline_ms = 0;
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	greeted();
}

static uint64_t get_uint(const char *key) {
	uint64_t value = UINT64_MAX;

	ck_assert_msg(frame_get_uint(fake.frame.body, key, &value) == 0, "no %s", key);
	return value;
}

static void text_is(const char *key, const char *wanted) {
	char text[600];

	ck_assert_msg(frame_get_text(fake.frame.body, key, text, sizeof(text)) == 0, "no %s", key);
	ck_assert_str_eq(text, wanted);
}

START_TEST(the_greeting_is_as_promised_and_events_follow) {
	unsigned n;

	ck_assert_uint_eq(get_uint("version"), PROTOCOL_VERSION);
	ck_assert_uint_eq(get_uint("actions"), N_ACTIONS);
	ck_assert_uint_eq(cw_session(cw), 42);
	(void)event_of(CW_EVENT_CONNECTED, &n);
	ck_assert_uint_eq(n, 1);
	fake_hang_up(&fake);
	(void)event_of(CW_EVENT_DISCONNECTED, &n);
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(the_decision_is_that_of_the_pages) {
	static const struct {
		const char *why;
		uint8_t assurance;
		uint32_t roles;
		bool locked;
		uint64_t session;
		enum cw_verdict verdicts[4];
	} cases[] = {
		{ "a nurse with a password", CW_ASSURANCE_PASSWORD, 1, false, 42,
		  { CW_ALLOW, CW_ALLOW, CW_ALLOW, CW_REAUTH } },
		{ "a nurse with a code", CW_ASSURANCE_CODE, 1, false, 42,
		  { CW_ALLOW, CW_ALLOW, CW_REAUTH, CW_REAUTH } },
		{ "without the role", CW_ASSURANCE_PASSWORD, 0, false, 42,
		  { CW_ALLOW, CW_BREAK_GLASS, CW_DENY, CW_DENY } },
		{ "locked", CW_ASSURANCE_PASSWORD, 1, true, 42,
		  { CW_ALLOW, CW_UNLOCK, CW_UNLOCK, CW_UNLOCK } },
		{ "nobody", CW_ASSURANCE_NONE, 0, false, 0,
		  { CW_ALLOW, CW_SIGN_IN, CW_SIGN_IN, CW_SIGN_IN } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); ++i) {
		fake.state.assurance = cases[i].assurance;
		fake.state.roles = cases[i].roles;
		fake.state.lock_at = cases[i].locked ? 0 : fake_now() + 1000;
		fake.state.session = cases[i].session;
		fake_publish(&fake, 5000);
		for (uint32_t a = 0; a < 4; ++a) {
			enum cw_verdict v = cw_check(cw, a, NULL);

			ck_assert_msg(v == cases[i].verdicts[a], "%s: %s gave 0x%x", cases[i].why,
			              fake_actions[a].name, v);
		}
	}
}
END_TEST

START_TEST(a_page_never_allows_something_sensitive) {
	fake.state.assurance = CW_ASSURANCE_STRONG;
	fake.state.reauth_assurance = CW_ASSURANCE_STRONG;
	fake.state.reauth_at = fake_now();
	fake.state.confirmed = UPDATE + 1;
	fake.state.confirmed_how = CW_CONFIRM_SECOND_PERSON;
	fake_publish(&fake, 5000);
	ck_assert_int_eq(cw_check(cw, UPDATE, NULL), CW_CONFIRM);
}
END_TEST

START_TEST(a_kind_that_differs_is_decided_as_compiled) {
	static const struct cw_action other[] = {
		{ "therapy.stop", CW_KIND_GUARDED },
		{ "therapy.start", CW_KIND_SENSITIVE },
		{ "settings.limits", CW_KIND_CARE },
		{ "software.update", CW_KIND_ALWAYS },
	};
	static const enum cw_verdict wanted[] = { CW_DENY, CW_DENY, CW_BREAK_GLASS, CW_ALLOW };
	struct cw_options options = fake_options(&fake);

	cw = cw_close(cw);
	fake_hang_up(&fake);
	options.actions = other;
	options.n_actions = 4;
	ck_assert_int_eq(cw_open(&options, &cw), 0);
	greeted();
	for (uint32_t a = 0; a < 4; ++a)
		ck_assert_int_eq(cw_check(cw, a, NULL), wanted[a]);
}
END_TEST

START_TEST(guarded_is_answered_when_the_broker_has_recorded_it) {
	static const struct {
		const char *why;
		uint64_t result;
		uint64_t verdict;
		enum cw_verdict wanted;
	} cases[] = {
		{ "allowed", RESULT_OK, CW_ALLOW, CW_ALLOW },
		{ "denied", RESULT_DENIED, CW_UNLOCK, CW_UNLOCK },
		{ "allowed and not done", RESULT_NOT_RECORDED, CW_ALLOW, CW_DENY },
		{ "busy", RESULT_BUSY, CW_ALLOW, CW_DENY },
		{ "a verdict that is none", RESULT_OK, 0xa4, CW_DENY },
		{ "a verdict that is one when cut", RESULT_OK, 0x1000000a5, CW_DENY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); ++i) {
		enum cw_verdict verdict = CW_ALLOW;
		uint64_t serial = 0;
		struct cw_event event;
		unsigned n;

		ck_assert_int_eq(cw_use(cw, LIMITS, "upper", 42, &verdict, NULL, &serial),
		                 -EINPROGRESS);
		ck_assert_int_eq(verdict, CW_CONFIRM);
		fake_read_frame(&fake, "use");
		text_is("action", "settings.limits");
		text_is("object", "upper");
		ck_assert_uint_eq(get_uint("session"), 42);
		fake_reply(&fake, cases[i].result);
		frame_uint(&fake.w, "verdict", cases[i].verdict);
		frame_uint(&fake.w, "reason", CW_REASON_GRANTED);
		fake_send(&fake);
		event = event_of(CW_EVENT_USED, &n);
		ck_assert_uint_eq(n, 1);
		ck_assert_uint_eq(event.serial, serial);
		ck_assert_msg(event.verdict == cases[i].wanted, "%s", cases[i].why);
	}
}
END_TEST

START_TEST(guarded_is_refused_when_the_broker_goes_away) {
	enum cw_verdict verdict = CW_ALLOW;
	struct cw_event event;
	uint64_t serial = 0;
	unsigned n;

	ck_assert_int_eq(cw_use(cw, LIMITS, NULL, 42, &verdict, NULL, &serial), -EINPROGRESS);
	fake_hang_up(&fake);
	event = event_of(CW_EVENT_USED, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(event.serial, serial);
	ck_assert_int_eq(event.verdict, CW_DENY);
	ck_assert_int_eq(event.reason, CW_REASON_DEGRADED);
}
END_TEST

START_TEST(another_session_is_refused_but_for_care) {
	enum cw_verdict verdict = CW_ALLOW;
	enum cw_reason reason = CW_REASON_NONE;

	ck_assert_int_eq(cw_use(cw, LIMITS, NULL, 41, &verdict, &reason, NULL), 0);
	ck_assert_int_eq(verdict, CW_DENY);
	ck_assert_int_eq(reason, CW_REASON_OTHER_SESSION);
	ck_assert(!fake_has_packet(&fake));
	ck_assert_int_eq(cw_use(cw, START, NULL, 41, &verdict, &reason, NULL), 0);
	ck_assert_int_eq(verdict, CW_ALLOW);
	fake_read_frame(&fake, "use");
	ck_assert_uint_eq(get_uint("session"), 41);
}
END_TEST

START_TEST(care_is_recorded_by_the_broker_or_by_the_ring_never_by_nobody) {
	static const struct {
		const char *why;
		int result; /* -1: it dies before it answers                            */
		unsigned in_ring;
	} cases[] = {
		{ "the broker recorded it", RESULT_OK, 0 },
		{ "the broker recorded a refusal", RESULT_DENIED, 0 },
		{ "the broker could not record it", RESULT_NOT_RECORDED, 1 },
		{ "the broker is busy", RESULT_BUSY, 1 },
		{ "the broker died first", -1, 1 },
		{ "the broker recorded it and died: the next one alone is kept", -2, 1 },
	};
	enum cw_verdict verdict = CW_DENY;

	ck_assert_int_eq(cw_use(cw, START, "left arm", 42, &verdict, NULL, NULL), 0);
	ck_assert_int_eq(verdict, CW_ALLOW);
	ck_assert_uint_eq(fake_ring_count(&fake, cw->ring), 0);
	fake_read_frame(&fake, "use");
	text_is("object", "left arm");
	if (cases[_i].result != -1) {
		fake_reply(&fake, cases[_i].result < 0 ? RESULT_OK : (uint64_t)cases[_i].result);
		fake_send(&fake);
	}
	if (cases[_i].result < 0)
		fake_hang_up(&fake);
	if (cases[_i].result == -2)
		ck_assert_int_eq(cw_use(cw, START, "left arm", 42, &verdict, NULL, NULL), 0);
	(void)cw_dispatch(cw);
	ck_assert_msg(fake_ring_count(&fake, cw->ring) == cases[_i].in_ring, "%s", cases[_i].why);
}
END_TEST

START_TEST(break_glass_is_told_at_once_and_released_when_recorded) {
	struct cw_event event;
	uint8_t id[16];
	unsigned n;

	ck_assert_int_eq(cw_break_glass(cw, "Kim", id, NULL), 0);
	fake_read_record(&fake, RECORD_START);
	ck_assert_mem_eq(fake.record.emergency, id, 16);
	ck_assert_uint_eq(fake.record.session, 42);
	ck_assert_uint_eq(fake.record.account, 7);
	ck_assert_uint_eq(fake.record.pid, (uint32_t)getpid());
	ck_assert_uint_eq(fake_ring_count(&fake, fake.ring), 1);
	(void)event_of(CW_EVENT_EMERGENCY, &n);
	ck_assert_uint_eq(n, 1);
	fake_event(&fake, "emergency");
	frame_bytes(&fake.w, "emergency", id, 16);
	fake_send(&fake);
	fake_event(&fake, "recorded");
	frame_bytes(&fake.w, "emergency", id, 16);
	frame_uint(&fake.w, "serial", fake.record.serial);
	fake_send(&fake);
	event = event_of(CW_EVENT_EMERGENCY_RECORDED, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_mem_eq(event.emergency, id, 16);
	ck_assert_uint_eq(fake_ring_count(&fake, fake.ring), 0);
}
END_TEST

START_TEST(inside_an_emergency_everything_is_written_under_its_id) {
	enum cw_verdict verdict = CW_DENY;
	enum cw_reason reason = CW_REASON_NONE;
	uint8_t id[16];

	ck_assert_int_eq(cw_break_glass(cw, NULL, id, NULL), 0);
	fake_read_record(&fake, RECORD_START);
	ck_assert_int_eq(cw_use(cw, START, "left arm", 42, &verdict, &reason, NULL), 0);
	ck_assert_int_eq(verdict, CW_ALLOW);
	ck_assert_int_eq(reason, CW_REASON_EMERGENCY);
	fake_read_record(&fake, RECORD_USE);
	ck_assert_mem_eq(fake.record.emergency, id, 16);
	ck_assert_str_eq(fake.record.action, "therapy.start");
	ck_assert_str_eq(fake.record.object, "left arm");
	ck_assert_uint_eq(fake.record.verdict, CW_ALLOW);
	ck_assert_uint_eq(fake.record.reason, CW_REASON_EMERGENCY);
	ck_assert_int_eq(cw_use(cw, LIMITS, NULL, 42, &verdict, &reason, NULL), 0);
	ck_assert_int_eq(verdict, CW_UNLOCK);
	ck_assert(!fake_has_packet(&fake));
	ck_assert_int_eq(cw_break_glass_reason(cw, id, "locked-out", "forgot"), 0);
	fake_read_record(&fake, RECORD_REASON);
	ck_assert_str_eq(fake.record.name, "locked-out");
	ck_assert_str_eq(fake.record.text, "forgot");
	ck_assert_int_eq(cw_break_glass_end(cw, id), 0);
	fake_read_record(&fake, RECORD_END);
}
END_TEST

START_TEST(an_open_emergency_is_declared_again_to_a_new_broker) {
	uint64_t serial;
	uint8_t id[16];

	ck_assert_int_eq(cw_break_glass(cw, "Kim", id, NULL), 0);
	fake_read_record(&fake, RECORD_START);
	serial = fake.record.serial;
	cw->local.start.deadline_ms = 1;
	reconnect();
	fake_read_record(&fake, RECORD_START);
	ck_assert_mem_eq(fake.record.emergency, id, 16);
	ck_assert_uint_eq(fake.record.serial, serial);
	ck_assert_uint_gt(fake.record.deadline_ms, fake_now());
	ck_assert(!fake_has_packet(&fake));
}
END_TEST

START_TEST(an_ended_emergency_is_told_and_never_declared_again) {
	uint64_t deadline;
	uint8_t id[16];

	ck_assert_int_eq(cw_break_glass(cw, NULL, id, NULL), 0);
	fake_read_record(&fake, RECORD_START);
	deadline = fake.record.deadline_ms;
	fake_hang_up(&fake);
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	ck_assert_int_eq(cw_break_glass_end(cw, id), 0);
	cw->deadline_ms = 0;
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	/* The page of the next broker still shows it. */
	fake.state.emergency = 1;
	fake.state.roles = 0;
	memcpy(fake.state.emergency_id, id, 16);
	fake_publish(&fake, 5000);
	greeted();
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_BREAK_GLASS);
	fake_read_record(&fake, RECORD_START);
	ck_assert_uint_eq(fake.record.deadline_ms, deadline);
	fake_read_record(&fake, RECORD_END);
}
END_TEST

START_TEST(the_broker_ends_an_emergency_for_good) {
	struct cw_event event;
	uint8_t id[16];
	unsigned n;

	ck_assert_int_eq(cw_break_glass(cw, NULL, id, NULL), 0);
	fake_event(&fake, "emergency-ended");
	frame_bytes(&fake.w, "emergency", id, 16);
	frame_text(&fake.w, "how", "patient-gone");
	fake_send(&fake);
	event = event_of(CW_EVENT_EMERGENCY_ENDED, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_mem_eq(event.emergency, id, 16);
	fake.state.roles = 0;
	fake_publish(&fake, 5000);
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_BREAK_GLASS);
	ck_assert_int_eq(cw_break_glass_end(cw, id), -ENOENT);
}
END_TEST

START_TEST(another_process_s_emergency_holds_here) {
	struct cw_status status = { .size = sizeof(status) };
	uint8_t id[16], other[16];

	memset(other, 9, sizeof(other));
	fake.state.emergency = 1;
	fake.state.suspended = 1;
	memcpy(fake.state.emergency_id, other, 16);
	fake_publish(&fake, 5000);
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_ALLOW);
	ck_assert_int_eq(cw_status(cw, &status), 0);
	ck_assert_uint_eq(status.emergency, 1);
	ck_assert_int_eq(cw_break_glass(cw, NULL, id, NULL), 0);
	ck_assert_mem_eq(id, other, 16);
	ck_assert(!fake_has_packet(&fake));
	/* With its broker gone, a declaration is one of this process. */
	fake_publish(&fake, 0);
	ck_assert_int_eq(cw_break_glass(cw, NULL, id, NULL), 0);
	ck_assert_mem_ne(id, other, 16);
	fake_read_record(&fake, RECORD_START);
}
END_TEST

START_TEST(records_are_sent_again_in_order_and_not_all_at_once) {
	enum cw_verdict verdict;
	uint64_t last = 0;
	unsigned n = 0;

	fake_hang_up(&fake);
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	for (unsigned i = 0; i < 40; ++i)
		ck_assert_int_eq(cw_use(cw, STOP, NULL, 42, &verdict, NULL, NULL), 0);
	cw->deadline_ms = 0;
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	greeted();
	for (unsigned round = 0; round < 3; ++round) {
		unsigned before = n;

		while (fake_has_packet(&fake)) {
			fake_read_record(&fake, RECORD_USE);
			ck_assert_uint_gt(fake.record.serial, last);
			ck_assert(id_is_zero(fake.record.emergency));
			last = fake.record.serial;
			++n;
		}
		ck_assert_uint_le(n - before, CLIENT_RESEND_BATCH);
		cw->resend_at_ms = 0; /* as if the time had passed */
		ck_assert_int_eq(cw_dispatch(cw), 0);
	}
	ck_assert_uint_eq(n, 40);
	ck_assert_uint_eq(cw->resend_from, 0);
}
END_TEST

START_TEST(a_broker_that_breaks_off_at_once_is_asked_later_each_time) {
	uint64_t before = cw->retry_ms;

	for (int i = 0; i < 3; ++i)
		reconnect();
	ck_assert_uint_ge(cw->retry_ms, 8 * before);
	cw->up_ms -= CLIENT_RETRY_LAST_MS; /* as if it had stayed */
	fake_hang_up(&fake);
	ck_assert_int_eq(cw_dispatch(cw), -ENOTCONN);
	ck_assert_uint_eq(cw->retry_ms, 2 * CLIENT_RETRY_FIRST_MS);
}
END_TEST

START_TEST(a_conversation_is_led_to_its_end) {
	struct cw_prompt prompt = { .size = sizeof(prompt) };
	struct cw_event event;
	const uint8_t *p;
	uint64_t attempt;
	unsigned count;
	size_t n;

	ck_assert_int_eq(cw_sign_in(cw, CW_PURPOSE_SIGN_IN, "kim", &attempt), 0);
	fake_read_frame(&fake, "attempt.begin");
	ck_assert_uint_eq(get_uint("purpose"), CW_PURPOSE_SIGN_IN);
	text_is("name", "kim");
	ck_assert_int_eq(cw_prompt(cw, attempt, &prompt), -ENOENT);
	ck_assert_int_eq(cw_answer(cw, attempt, "x", 1), -EINVAL);
	fake_reply(&fake, RESULT_OK);
	frame_uint(&fake.w, "attempt", 900);
	fake_send(&fake);
	fake_event(&fake, "prompt");
	frame_uint(&fake.w, "attempt", 900);
	frame_uint(&fake.w, "field", CW_FIELD_PASSWORD);
	frame_bool(&fake.w, "secret", true);
	frame_text(&fake.w, "message", "password");
	fake_send(&fake);
	event = event_of(CW_EVENT_PROMPT, NULL);
	ck_assert_uint_eq(event.attempt, attempt);
	ck_assert_int_eq(cw_prompt(cw, attempt, &prompt), 0);
	ck_assert_int_eq(prompt.field, CW_FIELD_PASSWORD);
	ck_assert_uint_eq(prompt.is_secret, 1);
	ck_assert_uint_eq(prompt.tries_left, 255);
	ck_assert_int_eq(cw_answer(cw, attempt, "correct horse battery", 257), -EINVAL);
	ck_assert_int_eq(cw_answer(cw, attempt, "correct horse battery", 21), 0);
	fake_read_frame(&fake, "attempt.answer");
	ck_assert_uint_eq(get_uint("attempt"), 900);
	ck_assert_int_eq(frame_get_bytes(fake.frame.body, "value", &p, &n), 0);
	ck_assert_uint_eq(n, 21);
	ck_assert_ptr_null(memmem(cw, sizeof(*cw), "correct horse", 13));
	ck_assert_int_eq(cw_answer(cw, attempt, "again", 5), -EINVAL);
	fake_event(&fake, "signed-in");
	frame_uint(&fake.w, "attempt", 900);
	frame_uint(&fake.w, "session", 43);
	frame_uint(&fake.w, "account", 8);
	frame_text(&fake.w, "text", "Kim");
	frame_int(&fake.w, "last_ms", 1000);
	frame_uint(&fake.w, "failures", 2);
	frame_int(&fake.w, "failure_ms", 900);
	frame_bool(&fake.w, "handover", true);
	fake_send(&fake);
	(void)cw_dispatch(cw);
	ck_assert_int_eq(cw->events[cw->events_first].kind, CW_EVENT_SIGNED_IN);
	event = event_of(CW_EVENT_HANDOVER, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(event.attempt, attempt);
	ck_assert_uint_eq(event.session, 43);
	ck_assert_uint_eq(event.failures, 2);
	ck_assert_int_eq(cw_cancel(cw, attempt), -ENOENT);
}
END_TEST

START_TEST(an_attempt_is_over_when_it_is_refused_cancelled_or_cut_off) {
	struct cw_event event;
	uint64_t attempt;
	unsigned n;

	ck_assert_int_eq(cw_sign_in(cw, CW_PURPOSE_SIGN_IN, NULL, &attempt), 0);
	fake_read_frame(&fake, "attempt.begin");
	fake_reply(&fake, RESULT_BUSY);
	frame_uint(&fake.w, "retry_ms", 700);
	fake_send(&fake);
	event = event_of(CW_EVENT_ATTEMPT_OVER, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(event.message, "busy");
	ck_assert_uint_eq(event.wait_ms, 700);
	/* Given up before its number is known: told when it is. */
	ck_assert_int_eq(cw_sign_in(cw, CW_PURPOSE_SIGN_IN, NULL, &attempt), 0);
	fake_read_frame(&fake, "attempt.begin");
	ck_assert_int_eq(cw_cancel(cw, attempt), 0);
	ck_assert_int_eq(cw_cancel(cw, attempt), -ENOENT);
	fake_reply(&fake, RESULT_OK);
	frame_uint(&fake.w, "attempt", 5);
	fake_send(&fake);
	(void)event_of(CW_EVENT_ATTEMPT_OVER, &n);
	ck_assert_uint_eq(n, 0);
	fake_read_frame(&fake, "attempt.cancel");
	ck_assert_uint_eq(get_uint("attempt"), 5);
	ck_assert_int_eq(cw_sign_in(cw, CW_PURPOSE_UNLOCK, NULL, &attempt), 0);
	fake_hang_up(&fake);
	event = event_of(CW_EVENT_ATTEMPT_OVER, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(event.attempt, attempt);
	ck_assert_str_eq(event.message, "disconnected");
}
END_TEST

START_TEST(an_approval_ends_in_a_receipt_that_is_redeemed) {
	uint8_t digest[32] = { 5 }, receipt[100];
	struct cw_event event;
	uint64_t attempt, serial;
	size_t n = 3;

	ck_assert_int_eq(cw_authorize(cw, LIMITS, digest, NULL, "w", &attempt), -EINVAL);
	ck_assert_int_eq(cw_authorize(cw, UPDATE, digest, "fw 2", "Install 2?", &attempt), 0);
	fake_read_frame(&fake, "authorize");
	text_is("words", "Install 2?");
	fake_reply(&fake, RESULT_OK);
	frame_uint(&fake.w, "attempt", 6);
	fake_send(&fake);
	fake_event(&fake, "authorized");
	frame_uint(&fake.w, "attempt", 6);
	frame_bytes(&fake.w, "receipt", "RECEIPT", 7);
	fake_send(&fake);
	event = event_of(CW_EVENT_AUTHORIZED, NULL);
	ck_assert_uint_eq(event.attempt, attempt);
	ck_assert_int_eq(cw_receipt(cw, attempt, receipt, &n), -ENOSPC);
	n = sizeof(receipt);
	ck_assert_int_eq(cw_receipt(cw, attempt, receipt, &n), 0);
	ck_assert_uint_eq(n, 7);
	ck_assert_int_eq(cw_receipt(cw, attempt + 1, receipt, &n), -ENOENT);
	ck_assert_int_eq(cw_redeem(cw, receipt, n, UPDATE, digest, &serial), 0);
	fake_read_frame(&fake, "redeem");
	fake_reply(&fake, RESULT_OK);
	frame_uint(&fake.w, "verdict", CW_ALLOW);
	frame_uint(&fake.w, "reason", CW_REASON_GRANTED);
	fake_send(&fake);
	event = event_of(CW_EVENT_USED, NULL);
	ck_assert_uint_eq(event.serial, serial);
	ck_assert_int_eq(event.verdict, CW_ALLOW);
}
END_TEST

static unsigned n_entries, n_ends;
static struct cw_history_entry newest;

static void on_entry(const struct cw_history_entry *entry, void *userdata) {
	*(int *)userdata += 1;
	if (!entry) {
		++n_ends;
		return;
	}
	if (n_entries++ == 0)
		newest = *entry;
}

START_TEST(history_comes_entry_by_entry) {
	char long_text[400];
	int calls = 0;

	memset(long_text, 'x', sizeof(long_text));

	ck_assert_int_eq(cw_history(cw, 0, 51, on_entry, &calls), -EINVAL);
	ck_assert_int_eq(cw_history(cw, 100, 2, on_entry, &calls), 0);
	ck_assert_int_eq(cw_history(cw, 100, 2, on_entry, &calls), -EBUSY);
	fake_read_frame(&fake, "history");
	ck_assert_uint_eq(get_uint("before"), 100);
	fake_reply(&fake, RESULT_OK);
	frame_open_array(&fake.w, "entries");
	for (unsigned i = 0; i < 2; ++i) {
		frame_open_map(&fake.w, NULL);
		frame_uint(&fake.w, "seq", 99 - i);
		frame_text(&fake.w, "event", "sign-in");
		frame_uint(&fake.w, "trust", 2);
		frame_uint(&fake.w, "flags", 2);
		frame_uint(&fake.w, "account", 7);
		frame_text(&fake.w, "name", "claimed");
		frame_text(&fake.w, "who", "Kim");
		frame_text_n(&fake.w, "text", long_text, 400);
		frame_close(&fake.w);
	}
	frame_close(&fake.w);
	fake_send(&fake);
	ck_assert_int_eq(cw_dispatch(cw), 0);
	ck_assert_int_eq(calls, 3);
	ck_assert_uint_eq(n_entries, 2);
	ck_assert_uint_eq(n_ends, 1);
	ck_assert_uint_eq(newest.seq, 99);
	ck_assert_str_eq(newest.event, "sign-in");
	ck_assert_uint_eq(newest.late, 1);
	ck_assert_uint_eq(newest.claimed, 0);
	ck_assert_uint_eq(newest.clock_trusted, 1);
	ck_assert_uint_eq(newest.account, 7);
	ck_assert_str_eq(newest.name, "Kim");
	ck_assert_uint_eq(strlen(newest.text), sizeof(newest.text) - 1);
	/* Refused, and cut off: one call with NULL each. */
	ck_assert_int_eq(cw_history(cw, 0, 2, on_entry, &calls), 0);
	fake_read_frame(&fake, "history");
	fake_reply(&fake, RESULT_DENIED);
	fake_send(&fake);
	ck_assert_int_eq(event_of(CW_EVENT_ERROR, NULL).kind, CW_EVENT_ERROR);
	ck_assert_uint_eq(n_ends, 2);
	ck_assert_int_eq(cw_history(cw, 0, 2, on_entry, &calls), 0);
	fake_hang_up(&fake);
	(void)cw_dispatch(cw);
	ck_assert_uint_eq(n_ends, 3);
}
END_TEST

START_TEST(small_requests_are_as_promised) {
	bool yes = false;
	unsigned n;

	ck_assert_int_eq(cw_signal(cw, "patient-connected", 2), -EINVAL);
	ck_assert_int_eq(cw_signal(cw, "patient-connected", 1), 0);
	fake_read_frame(&fake, "signal");
	ck_assert_int_eq(frame_get_bool(fake.frame.body, "value", &yes), 0);
	ck_assert(yes);
	fake_reply(&fake, RESULT_DENIED);
	fake_send(&fake);
	(void)event_of(CW_EVENT_ERROR, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(cw_signal(cw, "patient-connected", -1), 0);
	fake_read_frame(&fake, "signal");
	ck_assert(frame_has_null(fake.frame.body, "value"));
	ck_assert_int_eq(cw_lock(cw), 0);
	fake_read_frame(&fake, "lock");
	ck_assert_int_eq(cw_sign_out(cw), 0);
	fake_read_frame(&fake, "sign-out");
	for (int i = 0; i < 100; ++i)
		ck_assert_int_eq(cw_activity(cw), 0);
	fake_read_frame(&fake, "activity");
	ck_assert_msg(!fake_has_packet(&fake), "one is enough");
}
END_TEST

START_TEST(state_events_become_one_and_none_is_lost) {
	struct cw_event event = { .size = sizeof(event) };
	unsigned n, total = 0, rounds = 0;

	for (int i = 0; i < 20; ++i) {
		fake_event(&fake, "state");
		fake_send(&fake);
	}
	(void)event_of(CW_EVENT_STATE, &n);
	ck_assert_uint_eq(n, 1);
	for (unsigned i = 0; i < 100; ++i) {
		fake_event(&fake, "alarm");
		frame_text(&fake.w, "message", "disk-full");
		fake_send(&fake);
	}
	for (; total < 100 && rounds < 10; ++rounds) {
		ck_assert_int_eq(cw_dispatch(cw), 0);
		ck_assert_uint_le(cw->n_events, CLIENT_EVENTS);
		while (cw_next_event(cw, &event))
			total += event.kind == CW_EVENT_ALARM;
	}
	ck_assert_uint_eq(total, 100);
	ck_assert_uint_gt(rounds, 1);
}
END_TEST

START_TEST(deadlines_are_told_without_the_broker) {
	struct cw_status status = { .size = sizeof(status) };
	unsigned n;

	(void)event_of(CW_EVENT_STATE, &n);
	fake.state.lock_at = fake_now() + 30;
	fake_publish(&fake, 60000);
	ck_assert_int_eq(cw_status(cw, &status), 0);
	ck_assert_int_ge(status.locks_in_ms, 0);
	ck_assert_int_le(cw_timeout_ms(cw), 30);
	while (fake_now() < fake.state.lock_at)
		(void)usleep(1000);
	ck_assert_int_eq(cw_timeout_ms(cw) > 60000, 0);
	(void)event_of(CW_EVENT_STATE, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(cw_status(cw, &status), 0);
	ck_assert_uint_eq(status.locked, 1);
	ck_assert_int_eq(status.locks_in_ms, -1);
	ck_assert_str_eq(status.context, "routine");
	fake_publish(&fake, 0);
	(void)event_of(CW_EVENT_DISCONNECTED, &n);
	ck_assert_uint_eq(n, 1);
	fake_publish(&fake, 60000);
	(void)event_of(CW_EVENT_CONNECTED, &n);
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(a_new_policy_replaces_the_old_one) {
	static struct policy_table next;
	int fd = -1;
	unsigned n;

	next = fake.table;
	next.generation = 4;
	next.actions[START].roles = 0;
	next.checksum = policy_table_checksum(&next);
	ck_assert_int_eq(page_make_policy(&next, &fd), 0);
	fake_event(&fake, "policy");
	frame_uint(&fake.w, "generation", 4);
	ck_assert_int_eq(frame_end(&fake.w), 0);
	fake_send_raw(&fake, fake.out, fake.w.n, &fd, 1);
	(void)close(fd);
	fake.state.policy_generation = 4;
	fake_publish(&fake, 5000);
	(void)event_of(CW_EVENT_POLICY, &n);
	ck_assert_uint_ge(n, 1);
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_BREAK_GLASS);
	/* One that cannot be believed is none: what is compiled in decides. */
	fake_event(&fake, "policy");
	frame_uint(&fake.w, "generation", 5);
	ck_assert_int_eq(frame_end(&fake.w), 0);
	fake_send_raw(&fake, fake.out, fake.w.n, &fake.listen_fd, 1);
	(void)event_of(CW_EVENT_POLICY, &n);
	ck_assert_int_eq(cw_check(cw, STOP, NULL), CW_ALLOW);
	ck_assert_int_eq(cw_check(cw, START, NULL), CW_BREAK_GLASS);
	ck_assert_int_eq(cw_check(cw, LIMITS, NULL), CW_DENY);
}
END_TEST

int main(void) {
	Suite *s = suite_create("client");
	TCase *t = tcase_create("client");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_greeting_is_as_promised_and_events_follow);
	tcase_add_test(t, the_decision_is_that_of_the_pages);
	tcase_add_test(t, a_page_never_allows_something_sensitive);
	tcase_add_test(t, a_kind_that_differs_is_decided_as_compiled);
	tcase_add_test(t, guarded_is_answered_when_the_broker_has_recorded_it);
	tcase_add_test(t, guarded_is_refused_when_the_broker_goes_away);
	tcase_add_test(t, another_session_is_refused_but_for_care);
	tcase_add_loop_test(t, care_is_recorded_by_the_broker_or_by_the_ring_never_by_nobody, 0, 6);
	tcase_add_test(t, break_glass_is_told_at_once_and_released_when_recorded);
	tcase_add_test(t, inside_an_emergency_everything_is_written_under_its_id);
	tcase_add_test(t, an_open_emergency_is_declared_again_to_a_new_broker);
	tcase_add_test(t, an_ended_emergency_is_told_and_never_declared_again);
	tcase_add_test(t, the_broker_ends_an_emergency_for_good);
	tcase_add_test(t, another_process_s_emergency_holds_here);
	tcase_add_test(t, records_are_sent_again_in_order_and_not_all_at_once);
	tcase_add_test(t, a_broker_that_breaks_off_at_once_is_asked_later_each_time);
	tcase_add_test(t, a_conversation_is_led_to_its_end);
	tcase_add_test(t, an_attempt_is_over_when_it_is_refused_cancelled_or_cut_off);
	tcase_add_test(t, an_approval_ends_in_a_receipt_that_is_redeemed);
	tcase_add_test(t, history_comes_entry_by_entry);
	tcase_add_test(t, small_requests_are_as_promised);
	tcase_add_test(t, state_events_become_one_and_none_is_lost);
	tcase_add_test(t, deadlines_are_told_without_the_broker);
	tcase_add_test(t, a_new_policy_replaces_the_old_one);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
