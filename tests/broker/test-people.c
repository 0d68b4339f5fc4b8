/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "auth/receipt.h"
#include "run.h"

static struct caller service, ui;
static char recovery[64];

static void begin(void) {
	world_start(&world);
	caller_open(&service, &world, "service");
	world_commission(&world, &service, recovery);
	caller_open(&ui, &world, "main");
}

static void end(void) {
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);
}

static uint64_t named(struct caller *c, const char *verb, const char *name) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), verb);
	frame_text(&w, "name", name);
	caller_send(c, &w);
	return caller_reply(c);
}

static uint64_t add(struct caller *c, const char *name, const char *role) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "user.add");
	frame_text(&w, "name", name);
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, role);
	frame_close(&w);
	caller_send(c, &w);
	return caller_reply(c);
}

static uint64_t use(struct caller *c, const char *action, uint64_t session) {
	uint8_t buffer[256];
	struct frame_writer w;
	uint64_t verdict = 0;

	caller_begin(c, &w, buffer, sizeof(buffer), "use");
	frame_text(&w, "action", action);
	frame_uint(&w, "session", session);
	caller_send(c, &w);
	(void)caller_reply(c);
	ck_assert_int_eq(frame_get_uint(c->frame.body, "verdict", &verdict), 0);
	return verdict;
}

static uint64_t reason_of(struct caller *c) {
	uint64_t reason = 0;

	(void)frame_get_uint(c->frame.body, "reason", &reason);
	return reason;
}

static uint64_t session_of(struct caller *c) {
	struct policy_state s;

	ck_assert_int_eq(state_page_read(c->page, &s), 0);
	return s.session;
}

START_TEST(init_happens_once_and_for_root_or_the_broker_alone) {
	uint8_t buffer[256];
	struct frame_writer w;
	struct caller c;

	world_start(&world);
	caller_open(&c, &world, "service");
	caller_begin(&c, &w, buffer, sizeof(buffer), "init");
	frame_text(&w, "name", "mallory");
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, "admin");
	frame_close(&w);
	caller_send(&c, &w);
	if (world_has_two_uids())
		ck_assert_uint_eq(caller_reply(&c), RESULT_DENIED);
	else
		ck_assert_uint_eq(caller_reply(&c), RESULT_OK);
	if (world_has_two_uids())
		world_commission(&world, &c, recovery);
	caller_begin(&c, &w, buffer, sizeof(buffer), "init");
	frame_text(&w, "name", "mallory");
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, "admin");
	frame_close(&w);
	caller_send(&c, &w);
	ck_assert_uint_eq(caller_reply(&c), RESULT_EXISTS);
	caller_close(&c);
}
END_TEST

START_TEST(a_sign_in_opens_a_session_and_shows_it_on_the_page) {
	struct policy_state s;

	begin();
	world_add(&service, &ui, "nina", "nurse");
	ck_assert_uint_eq(caller_call(&ui, "sign-out"), RESULT_OK);
	ck_assert_uint_eq(session_of(&ui), 0);
	caller_sign_in(&ui, "nina");
	ck_assert_int_eq(state_page_read(ui.page, &s), 0);
	ck_assert_uint_ne(s.session, 0);
	ck_assert_uint_eq(s.assurance, CW_ASSURANCE_PASSWORD);
	ck_assert_uint_gt(s.lock_at, boot_now_ms());
	ck_assert_uint_gt(s.lease_until, boot_now_ms());
	end();
}
END_TEST

START_TEST(the_last_sign_in_and_the_failures_since_are_told) {
	const struct answer wrong = { CW_FIELD_PASSWORD, "not the password at all" };
	uint64_t failures = 0;
	int64_t last = 0;

	begin();
	world_add(&service, &ui, "nina", "nurse");
	caller_call(&ui, "sign-out");
	for (int i = 0; i < 2; ++i)
		ck_assert_str_eq(caller_attempt(&ui, CW_PURPOSE_SIGN_IN, "nina", &wrong, 1),
		                 "attempt-over");
	caller_sign_in(&ui, "nina");
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "failures", &failures), 0);
	ck_assert_int_eq(frame_get_int(ui.frame.body, "last_ms", &last), 0);
	ck_assert_uint_eq(failures, 2);
	ck_assert_int_gt(last, 0);
	end();
}
END_TEST

/* LK-05, LK-07, LK-11 end to end. */
START_TEST(five_failures_lock_and_a_restart_does_not_unlock) {
	const struct answer wrong = { CW_FIELD_PASSWORD, "not the password at all" };
	const struct answer right = { CW_FIELD_PASSWORD, STAFF_PASSWORD };
	uint64_t wait = 0;

	begin();
	world_add(&service, &ui, "nina", "nurse");
	caller_call(&ui, "sign-out");
	for (int i = 0; i < 5; ++i)
		ck_assert_str_eq(caller_attempt(&ui, CW_PURPOSE_SIGN_IN, "nina", &wrong, 1),
		                 "attempt-over");
	ck_assert_str_eq(caller_attempt(&ui, CW_PURPOSE_SIGN_IN, "nina", &right, 1), "attempt-over");
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "wait_ms", &wait), 0);
	ck_assert_uint_gt(wait, 250000);
	ck_assert_uint_le(wait, 300000);
	caller_close(&ui);
	caller_close(&service);
	world_stop(&world);

	world_start(&world);
	caller_open(&service, &world, "service");
	caller_open(&ui, &world, "main");
	ck_assert_str_eq(caller_attempt(&ui, CW_PURPOSE_SIGN_IN, "nina", &right, 1), "attempt-over");
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "wait_ms", &wait), 0);
	ck_assert_uint_gt(wait, 200000);
	end();
}
END_TEST

/* LK-17: the same for a name that nobody has. */
START_TEST(an_unknown_name_is_locked_like_a_known_one) {
	const struct answer wrong = { CW_FIELD_PASSWORD, "not the password at all" };
	char known[64], unknown[64];
	uint64_t wait[2] = { 0 };

	begin();
	world_add(&service, &ui, "nina", "nurse");
	caller_call(&ui, "sign-out");
	for (int i = 0; i < 6; ++i)
		(void)caller_attempt(&ui, CW_PURPOSE_SIGN_IN, "nina", &wrong, 1);
	ck_assert_int_eq(frame_get_text(ui.frame.body, "message", known, sizeof(known)), 0);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "wait_ms", &wait[0]), 0);
	for (int i = 0; i < 6; ++i)
		(void)caller_attempt(&ui, CW_PURPOSE_SIGN_IN, "nobody-of-this-name", &wrong, 1);
	ck_assert_int_eq(frame_get_text(ui.frame.body, "message", unknown, sizeof(unknown)), 0);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "wait_ms", &wait[1]), 0);
	ck_assert_str_eq(known, unknown);
	ck_assert_uint_gt(wait[1] + 30000, wait[0]);
	end();
}
END_TEST

START_TEST(a_disabled_account_loses_its_session_at_once) {
	begin();
	world_add(&service, &ui, "nina", "nurse");
	ck_assert_uint_ne(session_of(&ui), 0);
	ck_assert_uint_eq(named(&service, "user.disable", "nina"), RESULT_OK);
	ck_assert_uint_eq(session_of(&ui), 0);
	end();
}
END_TEST

START_TEST(the_last_administrator_stays) {
	begin();
	ck_assert_uint_eq(add(&service, "ben", "admin"), RESULT_OK);
	/* Nobody changes himself; and nobody takes the last one away. */
	ck_assert_uint_eq(named(&service, "user.disable", "anna"), RESULT_DENIED);
	end();
}
END_TEST

START_TEST(a_lead_gives_the_roles_that_the_site_lists_and_no_other) {
	begin();
	world_add(&service, &ui, "lena", "lead");
	ck_assert_uint_eq(add(&ui, "nora", "nurse"), RESULT_OK);
	ck_assert_uint_eq(add(&ui, "mallory", "admin"), RESULT_DENIED);
	ck_assert_uint_eq(add(&ui, "mallory", "biomed"), RESULT_DENIED);
	ck_assert_uint_eq(add(&ui, "mallory", "surgeon"), RESULT_NOT_FOUND);
	/* Nor does she become an administrator by way of a reset. */
	ck_assert_uint_eq(named(&ui, "user.reset", "anna"), RESULT_DENIED);
	end();
}
END_TEST

START_TEST(a_name_is_given_once_for_ever) {
	begin();
	ck_assert_uint_eq(add(&service, "nina", "nurse"), RESULT_OK);
	ck_assert_uint_eq(add(&service, "nina", "nurse"), RESULT_EXISTS);
	ck_assert_uint_eq(add(&service, "NINA", "nurse"), RESULT_EXISTS);
	ck_assert_uint_eq(add(&service, "../nina", "nurse"), RESULT_INVALID);
	end();
}
END_TEST

START_TEST(each_kind_of_action_is_decided_and_recorded) {
	begin();
	world_add(&service, &ui, "nina", "nurse");
	ck_assert_uint_eq(use(&ui, "therapy.stop", 0), CW_ALLOW);
	ck_assert_uint_eq(use(&ui, "therapy.start", session_of(&ui)), CW_ALLOW);
	ck_assert_uint_eq(use(&ui, "settings.display", session_of(&ui)), CW_ALLOW);
	ck_assert_uint_eq(use(&ui, "settings.display", 1), CW_DENY); /* another session */
	ck_assert_uint_eq(use(&ui, "data.export", session_of(&ui)), CW_DENY);
	ck_assert_uint_eq(use(&ui, "settings.limits", session_of(&ui)), CW_DENY);
	ck_assert_uint_eq(use(&ui, "no.such.action", session_of(&ui)), CW_DENY);
	caller_call(&ui, "sign-out");
	ck_assert_uint_eq(use(&ui, "therapy.stop", 0), CW_ALLOW);
	ck_assert_uint_eq(use(&ui, "therapy.start", 0), CW_SIGN_IN);
	ck_assert_uint_eq(use(&ui, "settings.display", 0), CW_SIGN_IN);
	world_add(&service, &ui, "lena", "lead");
	ck_assert_uint_eq(history_count(&ui, "use"), 4);
	ck_assert_uint_eq(history_count(&ui, "denied") >= 5, true);
	ck_assert_uint_ge(history_count(&ui, "history-read"), 2);
	end();
}
END_TEST

static bool says(struct caller *c, const char *key, const char *wanted) {
	char text[64] = "";

	return frame_get_text(c->frame.body, key, text, sizeof(text)) == 0 &&
	       strcmp(text, wanted) == 0;
}

static uint64_t ask(struct caller *c, const char *verb, const char *const pairs[][2], size_t n) {
	uint8_t buffer[512];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), verb);
	for (size_t i = 0; i < n; ++i)
		frame_text(&w, pairs[i][0], pairs[i][1]);
	caller_send(c, &w);
	return caller_reply(c);
}

static uint64_t remove_role(struct caller *c, const char *name, const char *role) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "user.role");
	frame_text(&w, "name", name);
	frame_open_array(&w, "remove");
	frame_text(&w, NULL, role);
	frame_close(&w);
	caller_send(c, &w);
	return caller_reply(c);
}

static uint64_t add_until(struct caller *c, const char *name, int64_t until_ms) {
	uint8_t buffer[256];
	struct frame_writer w;

	caller_begin(c, &w, buffer, sizeof(buffer), "user.add");
	frame_text(&w, "name", name);
	frame_open_array(&w, "roles");
	frame_text(&w, NULL, "nurse");
	frame_close(&w);
	frame_int(&w, "until_ms", until_ms);
	caller_send(c, &w);
	return caller_reply(c);
}

START_TEST(a_refusal_says_what_it_is_about) {
	static const char *const about_nina[][2] = { { "action", "therapy.start" },
						     { "name", "nina" } };
	static const char *const misspelt[][2] = { { "event", "sing-in" } };
	uint64_t verdict = 0;

	begin();
	world_add(&service, &ui, "nina", "nurse");
	caller_call(&ui, "sign-out");
	/* Nobody is signed in: that would help, and it is said. */
	ck_assert_uint_eq(ask(&ui, "explain", about_nina, 2), RESULT_DENIED);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "verdict", &verdict), 0);
	ck_assert_uint_eq(verdict, CW_SIGN_IN);
	ck_assert_uint_eq(named(&service, "user.disable", "anna"), RESULT_DENIED);
	ck_assert(says(&service, "message", "not-oneself"));
	ck_assert_uint_eq(remove_role(&service, "nina", "lead"), RESULT_NOT_FOUND);
	ck_assert(says(&service, "message", "role-not-held"));
	ck_assert_uint_eq(remove_role(&service, "nina", "nurse"), RESULT_OK);
	ck_assert_uint_eq(add_until(&service, "late", 1577836800000), RESULT_INVALID); /* 2020 */
	ck_assert(says(&service, "message", "ends-in-the-past"));
	world_add(&service, &ui, "lena", "lead");
	ck_assert_uint_eq(ask(&ui, "history", misspelt, 1), RESULT_NOT_FOUND);
	ck_assert(says(&ui, "message", "unknown-event") && says(&ui, "nearest", "sign-in"));
	end();
}
END_TEST

START_TEST(the_recovery_code_makes_one_administrator_once) {
	const struct answer answers[] = { { CW_FIELD_RECOVERY, recovery },
					  { CW_FIELD_NAME, "rescue" },
					  { CW_FIELD_NEW_PASSWORD, ADMIN_PASSWORD },
					  { CW_FIELD_NEW_PASSWORD_AGAIN, ADMIN_PASSWORD } };
	const struct answer password = { CW_FIELD_PASSWORD, ADMIN_PASSWORD };

	begin();
	/* It opens no session: the new administrator signs in with the new password. */
	ck_assert_str_eq(caller_attempt(&ui, CW_PURPOSE_RECOVER, NULL, answers, 4), "attempt-over");
	ck_assert_uint_eq(session_of(&ui), 0);
	ck_assert_str_eq(caller_attempt(&ui, CW_PURPOSE_SIGN_IN, "rescue", &password, 1), "signed-in");
	ck_assert_msg(caller_call(&ui, "user.list") == RESULT_OK, "refused: reason %llu",
	              (unsigned long long)reason_of(&ui));
	ck_assert_str_eq(caller_attempt(&ui, CW_PURPOSE_RECOVER, NULL, answers, 1), "attempt-over");
	end();
}
END_TEST

START_TEST(handover_tells_everybody_and_the_old_session_is_gone) {
	struct caller other;
	uint64_t before = 0;
	bool handover = false;

	begin();
	world_add(&service, &ui, "nina", "nurse");
	world_add(&service, &ui, "pia", "physician");
	caller_sign_in(&ui, "nina");
	before = session_of(&ui);
	caller_open(&other, &world, "main");
	caller_sign_in(&ui, "pia");
	ck_assert_int_eq(frame_get_bool(ui.frame.body, "handover", &handover), 0);
	ck_assert(handover);
	ck_assert(caller_event(&other, "signed-in"));
	ck_assert_uint_ne(session_of(&ui), before);
	ck_assert_uint_eq(use(&ui, "settings.display", before), CW_DENY);
	caller_close(&other);
	end();
}
END_TEST

/* The second person's confirmation, end to end. */
static uint64_t authorize(struct caller *c, const uint8_t digest[32]) {
	uint8_t buffer[512];
	struct frame_writer w;
	uint64_t attempt = 0;

	caller_begin(c, &w, buffer, sizeof(buffer), "authorize");
	frame_text(&w, "action", "settings.limits");
	frame_bytes(&w, "digest", digest, 32);
	frame_text(&w, "object", "limit");
	frame_text(&w, "words", "Greatest rate 100 ml/h");
	caller_send(c, &w);
	ck_assert_uint_eq(caller_reply(c), RESULT_OK);
	ck_assert_int_eq(frame_get_uint(c->frame.body, "attempt", &attempt), 0);
	return attempt;
}

static char over[64];

/* Confirms, with @second as the second person; everybody has the same password. */
static bool confirm_with(struct caller *c, const char *second) {
	for (int prompts = 0; prompts < 10;) {
		uint8_t buffer[512];
		struct frame_writer w;
		uint64_t attempt = 0, field = 0;
		const char *value = STAFF_PASSWORD;

		ck_assert_int_eq(caller_next(c, 10000), 1);
		if (c->frame.kind != FRAME_EVENT || frame_get_uint(c->frame.body, "attempt", &attempt) < 0)
			continue;
		if (strcmp(c->frame.name, "prompt") != 0) {
			over[0] = '\0';
			(void)frame_get_text(c->frame.body, "message", over, sizeof(over));
			return strcmp(c->frame.name, "authorized") == 0;
		}
		ck_assert_int_eq(frame_get_uint(c->frame.body, "field", &field), 0);
		if (field == CW_FIELD_NAME)
			value = second;
		else if (field == CW_FIELD_CONFIRM)
			value = "yes";
		caller_begin(c, &w, buffer, sizeof(buffer), "attempt.answer");
		frame_uint(&w, "attempt", attempt);
		frame_bytes(&w, "value", value, strlen(value));
		caller_send(c, &w);
		++prompts;
	}
	ck_abort_msg("asked without end");
	return false;
}

static uint64_t redeem(struct caller *c, const uint8_t *receipt, size_t n,
		       const uint8_t digest[32]) {
	static uint8_t buffer[8192];
	struct frame_writer w;
	uint64_t verdict = 0;

	caller_begin(c, &w, buffer, sizeof(buffer), "redeem");
	frame_text(&w, "action", "settings.limits");
	frame_bytes(&w, "digest", digest, 32);
	frame_bytes(&w, "receipt", receipt, n);
	caller_send(c, &w);
	if (caller_reply(c) == RESULT_INVALID)
		return CW_DENY;
	ck_assert_int_eq(frame_get_uint(c->frame.body, "verdict", &verdict), 0);
	return verdict;
}

START_TEST(a_sensitive_action_needs_a_second_person_and_its_receipt_works_once) {
	const uint8_t digest[32] = { 1, 2, 3 }, other[32] = { 1, 2, 4 };
	const uint8_t *receipt = NULL;
	static uint8_t kept[APPROVAL_RECEIPT_MAX];
	size_t n = 0;

	begin();
	world_add(&service, &ui, "paul", "physician");
	world_add(&service, &ui, "pia", "physician");
	(void)authorize(&ui, digest);
	ck_assert_msg(!confirm_with(&ui, "pia"), "one person confirmed alone");
	ck_assert_str_eq(over, "same-person");
	(void)authorize(&ui, digest);
	ck_assert_msg(confirm_with(&ui, "paul"), "the second person's confirmation was refused: %s",
	              over);
	ck_assert_int_eq(frame_get_bytes(ui.frame.body, "receipt", &receipt, &n), 0);
	ck_assert_uint_le(n, sizeof(kept));
	memcpy(kept, receipt, n);
	ck_assert_uint_ne(redeem(&ui, kept, n, other), CW_ALLOW);
	ck_assert_uint_eq(redeem(&ui, kept, n, digest), CW_ALLOW);
	ck_assert_uint_ne(redeem(&ui, kept, n, digest), CW_ALLOW);
	ck_assert(says(&ui, "message", "receipt-was-used"));
	for (size_t i = 0; i < n; i += 7) {
		kept[i] ^= 1;
		ck_assert_msg(redeem(&ui, kept, n, digest) != CW_ALLOW, "byte %zu changed", i);
		kept[i] ^= 1;
		if (i % 210 == 0)
			usleep(1000000); /* 50 requests a second and connection */
	}
	end();
}
END_TEST

START_TEST(keys_are_for_those_entitled_and_verify_what_the_device_gave) {
	static uint8_t kept[APPROVAL_RECEIPT_MAX];
	const uint8_t digest[32] = { 1, 2, 3 };
	const uint8_t *receipt = NULL;
	struct receipt_keys keys = { .n_tokens = 0 };
	const char *field = NULL;
	uint64_t next = 1;
	size_t n = 0;

	begin();
	world_add(&service, &ui, "paul", "physician");
	world_add(&service, &ui, "rita", "reviewer");
	world_add(&service, &ui, "pia", "physician");
	(void)authorize(&ui, digest);
	ck_assert_msg(confirm_with(&ui, "paul"), "%s", over);
	ck_assert_int_eq(frame_get_bytes(ui.frame.body, "receipt", &receipt, &n), 0);
	ck_assert_uint_le(n, sizeof(kept));
	memcpy(kept, receipt, n);
	/* Pia is signed in, and no reviewer. */
	ck_assert_uint_eq(caller_call(&ui, "keys"), RESULT_DENIED);
	caller_sign_in(&ui, "rita");
	ck_assert_uint_eq(caller_call(&ui, "keys"), RESULT_OK);
	ck_assert_int_eq(frame_get_fixed(ui.frame.body, "device", keys.device, 16), 0);
	ck_assert_int_eq(frame_get_fixed(ui.frame.body, "approval", keys.approval, 32), 0);
	ck_assert_int_eq(frame_get_uint(ui.frame.body, "next", &next), 0);
	ck_assert_uint_eq(next, 0);
	ck_assert_msg(receipt_check(&keys, kept, n, digest, &field, NULL) == 0, "%s", field);
	keys.approval[0] ^= 1;
	ck_assert_int_eq(receipt_check(&keys, kept, n, digest, &field, NULL), -EBADMSG);
	end();
}
END_TEST

int main(void) {
	const TTest *const tests[] = {
		init_happens_once_and_for_root_or_the_broker_alone,
		a_sign_in_opens_a_session_and_shows_it_on_the_page,
		the_last_sign_in_and_the_failures_since_are_told,
		five_failures_lock_and_a_restart_does_not_unlock,
		an_unknown_name_is_locked_like_a_known_one,
		a_disabled_account_loses_its_session_at_once,
		the_last_administrator_stays,
		a_lead_gives_the_roles_that_the_site_lists_and_no_other,
		a_name_is_given_once_for_ever,
		each_kind_of_action_is_decided_and_recorded,
		a_refusal_says_what_it_is_about,
		the_recovery_code_makes_one_administrator_once,
		handover_tells_everybody_and_the_old_session_is_gone,
		a_sensitive_action_needs_a_second_person_and_its_receipt_works_once,
		keys_are_for_those_entitled_and_verify_what_the_device_gave,
	};

	return RUN_TESTS("broker people", tests);
}
