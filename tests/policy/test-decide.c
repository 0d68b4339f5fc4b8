/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each kind of action against each obstacle, as a table of sentences
 */
#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"

#define NOW 1000u

enum { ALWAYS, CARE, GUARDED, SENSITIVE, N_COLUMNS, RAISED = N_COLUMNS, WITNESSED, NO_KIND, N };

static struct policy_table table;
static struct policy_state seat;

/* A seat at which everything is in order, and one action of each kind. */
static void setup(void) {
	memset(&table, 0, sizeof(table));
	memset(&seat, 0, sizeof(seat));
	table.generation = 9;
	table.n_actions = N;
	table.n_contexts = 2;
	for (uint8_t i = 0; i < N_COLUMNS; ++i)
		table.actions[i].kind = (uint8_t)(CW_KIND_ALWAYS + i);
	for (uint8_t i = 0; i < N; ++i)
		table.actions[i].roles = 6;
	for (uint8_t i = GUARDED; i <= RAISED; ++i) {
		table.actions[i].assurance = CW_ASSURANCE_PASSWORD;
		table.actions[i].when_false = 1;
	}
	table.actions[SENSITIVE].confirm = CW_CONFIRM_SAME_PERSON;
	table.actions[SENSITIVE].fresh_ms = 400;
	table.actions[RAISED].kind = CW_KIND_GUARDED;
	table.actions[RAISED].confirm = CW_CONFIRM_SECOND_PERSON;
	table.actions[RAISED].fresh_ms = 400;
	table.actions[WITNESSED].kind = CW_KIND_CARE;
	table.actions[WITNESSED].witness = 1;
	table.actions[NO_KIND].kind = CW_N_KINDS;
	table.contexts[0].care = CW_ASSURANCE_CODE;
	table.contexts[1].care = CW_ASSURANCE_BADGE;
	table.contexts[1].guarded = CW_ASSURANCE_STRONG;

	seat.policy_generation = 9;
	seat.lease_until = 1500;
	seat.lock_at = 1300;
	seat.session = 4;
	seat.account = 12;
	seat.reauth_at = 700;
	seat.signals_until = 1200;
	seat.roles = 2;
	seat.contexts_now = 1;
	seat.contexts_later = 1;
	seat.false_now = 1;
	seat.false_later = 1;
	seat.confirmed_how = CW_CONFIRM_SECOND_PERSON;
	seat.assurance = CW_ASSURANCE_PASSWORD;
	seat.reauth_assurance = CW_ASSURANCE_PASSWORD;
}

struct change {
	size_t at;
	size_t size;
	uint64_t value;
};

#define S(f) offsetof(struct policy_state, f), sizeof(((struct policy_state *)0)->f)

static void change_seat(const struct change *c) {
	uint8_t *p = (uint8_t *)&seat + c->at;
	uint16_t half = (uint16_t)c->value;
	uint32_t word = (uint32_t)c->value;

	switch (c->size) {
	case 0:
		break;
	case 1:
		*p = (uint8_t)c->value;
		break;
	case 2:
		memcpy(p, &half, 2);
		break;
	case 4:
		memcpy(p, &word, 4);
		break;
	default:
		ck_assert_uint_eq(c->size, 8);
		memcpy(p, &c->value, 8);
	}
}

struct answer {
	enum cw_verdict verdict;
	enum cw_reason reason;
};

#define SHORT(name, v, r) static const struct answer name = { CW_##v, CW_REASON_##r }
SHORT(yes, ALLOW, GRANTED);
SHORT(always, ALLOW, ALWAYS);
SHORT(emergency, ALLOW, EMERGENCY);
SHORT(sign_in, SIGN_IN, NO_SESSION);
SHORT(locked, UNLOCK, LOCKED);
SHORT(suspended, UNLOCK, SUSPENDED);
SHORT(no_role, DENY, ROLE);
SHORT(glass, BREAK_GLASS, ROLE);
SHORT(weak, REAUTH, ASSURANCE);
SHORT(stale, REAUTH, STALE);
SHORT(confirm, CONFIRM, CONFIRMATION);
SHORT(witness, CONFIRM, WITNESS);
SHORT(not_now, DENY, PRECONDITION);
SHORT(degraded, DENY, DEGRADED);
SHORT(foreign, DENY, BAD_POLICY);
SHORT(unknown, DENY, UNKNOWN_ACTION);

static const struct {
	const char *why;
	struct change change[2];
	uint64_t now; /* 0: NOW */
	const struct answer *expect[N_COLUMNS];
} obstacles[] = {
	{ "nothing in the way", { { 0 } }, 0, { &always, &yes, &yes, &yes } },
	{ "nobody signed in", { { S(session), 0 } }, 0, { &always, &sign_in, &sign_in, &sign_in } },
	{ "one more role", { { S(roles), 3 } }, 0, { &always, &yes, &yes, &yes } },
	{ "no role at all", { { S(roles), 0 } }, 0, { &always, &glass, &no_role, &no_role } },
	{ "only another role", { { S(roles), 9 } }, 0, { &always, &glass, &no_role, &no_role } },
	{ "state of an older policy", { { S(policy_generation), 8 } }, 0,
	  { &always, &sign_in, &foreign, &foreign } },
	{ "suspended", { { S(suspended), 1 } }, 0, { &always, &suspended, &suspended, &suspended } },
	{ "suspended by any value", { { S(suspended), 0x80 } }, 0,
	  { &always, &suspended, &suspended, &suspended } },
	{ "locked", { { S(lock_at), 0 } }, 0, { &always, &locked, &locked, &locked } },
	{ "lock is due now", { { S(lock_at), NOW } }, 0, { &always, &locked, &locked, &locked } },
	{ "lock is due next", { { S(lock_at), NOW + 1 } }, 0, { &always, &yes, &yes, &yes } },
	{ "lock was due, no role", { { S(lock_at), 1 }, { S(roles), 0 } }, 0,
	  { &always, &locked, &no_role, &no_role } },
	{ "lease ends now", { { S(lease_until), NOW } }, 0, { &always, &yes, &degraded, &degraded } },
	{ "never a lease", { { S(lease_until), 0 } }, 0, { &always, &yes, &degraded, &degraded } },
	{ "integrity alarm", { { S(flags), STATE_DEGRADED } }, 0,
	  { &always, &yes, &degraded, &degraded } },
	{ "other flags", { { S(flags), 0xff & ~STATE_DEGRADED } }, 0, { &always, &yes, &yes, &yes } },
	{ "no lease, nobody", { { S(lease_until), 0 }, { S(session), 0 } }, 0,
	  { &always, &sign_in, &degraded, &degraded } },

	{ "signed in with nothing", { { S(assurance), 0 } }, 0, { &always, &weak, &weak, &weak } },
	{ "badge", { { S(assurance), CW_ASSURANCE_BADGE } }, 0, { &always, &weak, &weak, &weak } },
	{ "code", { { S(assurance), CW_ASSURANCE_CODE } }, 0, { &always, &yes, &weak, &weak } },
	{ "token", { { S(assurance), CW_ASSURANCE_STRONG } }, 0, { &always, &yes, &yes, &yes } },
	{ "no such assurance", { { S(assurance), CW_N_ASSURANCES } }, 0,
	  { &always, &yes, &weak, &weak } },
	{ "badge in either context", { { S(assurance), 1 }, { S(contexts_now), 3 } }, 0,
	  { &always, &yes, &weak, &weak } },
	{ "password where a token may be due", { { S(contexts_now), 3 } }, 0,
	  { &always, &yes, &weak, &weak } },
	{ "token, re-authentication weaker", { { S(contexts_now), 2 }, { S(assurance), 4 } }, 0,
	  { &always, &yes, &yes, &weak } },
	{ "no context", { { S(contexts_now), 0 } }, 0, { &always, &yes, &foreign, &foreign } },
	{ "no context, no assurance", { { S(contexts_now), 0 }, { S(assurance), 0 } }, 0,
	  { &always, &yes, &weak, &weak } },
	{ "a context that is not there", { { S(contexts_now), 5 } }, 0,
	  { &always, &yes, &weak, &weak } },

	{ "excluded signal true", { { S(true_now), 1 }, { S(false_now), 0 } }, 0,
	  { &always, &yes, &not_now, &not_now } },
	{ "excluded signal unknown", { { S(false_now), 0 } }, 0,
	  { &always, &yes, &not_now, &not_now } },
	{ "excluded signal both", { { S(true_now), 1 } }, 0, { &always, &yes, &not_now, &not_now } },
	{ "signal stale, later not looked at", { { S(false_later), 0 } }, 0,
	  { &always, &yes, &yes, &yes } },
	{ "signal stale from now", { { S(false_later), 0 }, { S(signals_until), NOW } }, 0,
	  { &always, &yes, &not_now, &not_now } },
	{ "stale, known for good", { { S(false_now), 0 }, { S(signals_until), NOW } }, 0,
	  { &always, &yes, &yes, &yes } },
	{ "stale, stricter context then", { { S(contexts_later), 2 }, { S(signals_until), 0 } }, 0,
	  { &always, &yes, &weak, &weak } },
	{ "precondition before lock", { { S(false_now), 0 }, { S(lock_at), 0 } }, 0,
	  { &always, &locked, &not_now, &not_now } },

	{ "never re-authenticated", { { S(reauth_at), 0 } }, 0, { &always, &yes, &yes, &stale } },
	{ "as old as may be", { { S(reauth_at), NOW - 400 } }, 0, { &always, &yes, &yes, &yes } },
	{ "a millisecond older", { { S(reauth_at), NOW - 401 } }, 0,
	  { &always, &yes, &yes, &stale } },
	{ "re-authenticated now", { { S(reauth_at), NOW } }, 0, { &always, &yes, &yes, &yes } },
	{ "re-authenticated in future", { { S(reauth_at), NOW + 1 } }, 0,
	  { &always, &yes, &yes, &stale } },
	{ "re-authenticated by code", { { S(reauth_assurance), CW_ASSURANCE_CODE } }, 0,
	  { &always, &yes, &yes, &weak } },
	{ "re-authenticated by no such", { { S(reauth_assurance), 200 } }, 0,
	  { &always, &yes, &yes, &weak } },
	{ "confirmation of nothing", { { S(confirmed), 0 } }, 0, { &always, &yes, &yes, &confirm } },
	{ "confirmation of another", { { S(confirmed), 1 } }, 0, { &always, &yes, &yes, &confirm } },
	{ "confirmed in no way", { { S(confirmed_how), 0 } }, 0, { &always, &yes, &yes, &confirm } },
	{ "confirmed by oneself", { { S(confirmed_how), 1 } }, 0, { &always, &yes, &yes, &yes } },
	{ "confirmed by no such", { { S(confirmed_how), 3 } }, 0, { &always, &yes, &yes, &confirm } },

	{ "emergency", { { S(emergency), 1 } }, 0, { &always, &emergency, &yes, &yes } },
	{ "emergency by any value", { { S(emergency), 0x80 } }, 0,
	  { &always, &emergency, &yes, &yes } },
	{ "emergency suspends", { { S(emergency), 1 }, { S(suspended), 1 } }, 0,
	  { &always, &emergency, &suspended, &suspended } },
	{ "emergency, nobody", { { S(emergency), 1 }, { S(session), 0 } }, 0,
	  { &always, &emergency, &sign_in, &sign_in } },
	{ "emergency, no role", { { S(emergency), 1 }, { S(roles), 0 } }, 0,
	  { &always, &emergency, &no_role, &no_role } },
	{ "emergency, foreign state", { { S(emergency), 1 }, { S(policy_generation), 1 } }, 0,
	  { &always, &emergency, &foreign, &foreign } },
	{ "emergency, no broker", { { S(emergency), 1 }, { S(lease_until), 0 } }, 0,
	  { &always, &emergency, &degraded, &degraded } },

	{ "at the beginning of time", { { 0 } }, 1, { &always, &yes, &yes, &stale } },
	{ "at the end of time", { { 0 } }, UINT64_MAX, { &always, &locked, &degraded, &degraded } },
};

static void expect_answer(const char *why, uint32_t action, uint64_t now,
                          const struct answer *expect) {
	enum cw_verdict verdict = policy_decide(&table, &seat, action, now);
	enum cw_reason reason = policy_reason(&table, &seat, action, now);

	ck_assert_msg(verdict == expect->verdict, "%s, action %u: verdict %02x, want %02x", why,
	              action, verdict, expect->verdict);
	ck_assert_msg(reason == expect->reason, "%s, action %u: reason %u, want %u", why, action,
	              reason, expect->reason);
}

START_TEST(each_kind_meets_each_obstacle) {
	for (uint32_t action = 0; action < N_COLUMNS; ++action) {
		setup();
		seat.confirmed = (uint16_t)(action + 1);
		change_seat(&obstacles[_i].change[0]);
		change_seat(&obstacles[_i].change[1]);
		expect_answer(obstacles[_i].why, action,
		              obstacles[_i].now != 0 ? obstacles[_i].now : NOW,
		              obstacles[_i].expect[action]);
	}
}
END_TEST

START_TEST(unknown_is_denied_in_every_state) {
	for (uint32_t fill = 0; fill < 3; ++fill) {
		if (fill > 0)
			memset(&seat, fill == 1 ? 0x01 : 0xff, sizeof(seat));
		expect_answer("no such kind", NO_KIND, NOW, &unknown);
		expect_answer("the first index behind the last", N, NOW, &unknown);
		expect_answer("behind the room", POLICY_ACTIONS_MAX, NOW, &unknown);
		expect_answer("the last index of all", UINT32_MAX, NOW, &unknown);
	}
	table.n_actions = UINT32_MAX;
	expect_answer("a count that lies", POLICY_ACTIONS_MAX, NOW, &unknown);
	table.n_actions = 0;
	expect_answer("no action at all", ALWAYS, NOW, &unknown);
	memset(&table, 0, sizeof(table));
	expect_answer("zeroed table", 0, NOW, &unknown);
}
END_TEST

START_TEST(zeroed_seat_lets_nobody_in) {
	memset(&seat, 0, sizeof(seat));
	expect_answer("always", ALWAYS, NOW, &always);
	expect_answer("care", CARE, NOW, &sign_in);
	expect_answer("guarded", GUARDED, NOW, &degraded);
	expect_answer("sensitive", SENSITIVE, NOW, &degraded);
}
END_TEST

START_TEST(witness_is_asked_for_and_waived) {
	expect_answer("no witness", WITNESSED, NOW, &witness);
	seat.confirmed = WITNESSED + 1;
	expect_answer("a confirmation without a witness", WITNESSED, NOW, &witness);
	seat.witnessed = 1;
	expect_answer("a witness", WITNESSED, NOW, &yes);
	seat.confirmed = CARE + 1;
	expect_answer("a witness of another action", WITNESSED, NOW, &witness);
	table.contexts[1].alone = 1;
	expect_answer("not in the context in which one is alone", WITNESSED, NOW, &witness);
	seat.contexts_now = 3;
	expect_answer("one may be alone", WITNESSED, NOW, &yes);
	seat.contexts_now = 0;
	expect_answer("nothing is known", WITNESSED, NOW, &yes);
	seat.contexts_now = 1;
	seat.emergency = 1;
	expect_answer("an emergency", WITNESSED, NOW, &emergency);
}
END_TEST

START_TEST(guarded_that_was_made_stricter_asks_for_more) {
	expect_answer("no confirmation", RAISED, NOW, &confirm);
	seat.confirmed = RAISED + 1;
	expect_answer("confirmed by a second person", RAISED, NOW, &yes);
	seat.confirmed_how = CW_CONFIRM_SAME_PERSON;
	expect_answer("confirmed by oneself", RAISED, NOW, &confirm);
	seat.confirmed_how = CW_CONFIRM_SECOND_PERSON;
	seat.reauth_at = NOW - 401;
	expect_answer("stale", RAISED, NOW, &stale);
	seat.reauth_at = NOW;
	seat.reauth_assurance = CW_ASSURANCE_CODE;
	expect_answer("fresh by a code", RAISED, NOW, &weak);
}
END_TEST

START_TEST(required_signal_must_be_known_to_be_true) {
	table.actions[GUARDED].when_false = 0;
	table.actions[GUARDED].when_true = 2;
	expect_answer("unknown", GUARDED, NOW, &not_now);
	seat.true_now = 2;
	expect_answer("true", GUARDED, NOW, &yes);
	seat.false_now |= 2;
	expect_answer("told to be both", GUARDED, NOW, &not_now);
	seat.true_now = 0;
	expect_answer("false", GUARDED, NOW, &not_now);
	expect_answer("true only until then", GUARDED, seat.signals_until, &not_now);
	seat.true_later = 2;
	expect_answer("true for good", GUARDED, seat.signals_until, &yes);
}
END_TEST

START_TEST(no_table_lends_guarded_to_a_code) {
	for (uint32_t asked = 0; asked < 256; ++asked) {
		for (uint32_t had = 0; had < 256; ++had) {
			bool enough = asked >= CW_ASSURANCE_PASSWORD && had >= asked &&
			              had <= CW_ASSURANCE_STRONG;

			table.actions[GUARDED].assurance = (uint8_t)asked;
			seat.assurance = (uint8_t)had;
			expect_answer("asked against had", GUARDED, NOW, enough ? &yes : &weak);
		}
	}
}
END_TEST

START_TEST(invalid_sensitive_is_never_allowed) {
	seat.confirmed = SENSITIVE + 1;
	seat.reauth_at = NOW;
	table.actions[SENSITIVE].fresh_ms = 0;
	expect_answer("no freshness is asked for", SENSITIVE, NOW, &stale);
	table.actions[SENSITIVE].fresh_ms = 1;
	expect_answer("one millisecond", SENSITIVE, NOW, &yes);
	table.actions[SENSITIVE].confirm = CW_CONFIRM_NONE;
	expect_answer("no confirmation is asked for", SENSITIVE, NOW, &confirm);
	table.actions[SENSITIVE].confirm = CW_N_CONFIRMS;
	expect_answer("more than there is", SENSITIVE, NOW, &confirm);
}
END_TEST

/* PO-04: success is exactly one value, and no few flips turn another into it. */
START_TEST(po_04_no_three_flips_turn_one_verdict_into_another) {
	static const enum cw_verdict all[] = { CW_DENY,   CW_ALLOW,   CW_SIGN_IN,    CW_UNLOCK,
		                               CW_REAUTH, CW_CONFIRM, CW_BREAK_GLASS };

	ck_assert_int_eq(CW_DENY, 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); ++i) {
		for (size_t k = 0; k < i; ++k)
			ck_assert_int_ge(__builtin_popcount((unsigned)all[i] ^ (unsigned)all[k]),
			                 4);
	}
}
END_TEST

/* PO-04: every single flip in the state of a refused seat is followed up. */
START_TEST(po_04_no_flip_of_one_bit_signs_anybody_in) {
	uint8_t *bytes = (uint8_t *)&seat;

	memset(&seat, 0, sizeof(seat));
	for (size_t bit = 0; bit < 8 * sizeof(seat); ++bit) {
		bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		ck_assert_int_ne(policy_decide(&table, &seat, GUARDED, NOW), CW_ALLOW);
		ck_assert_int_ne(policy_decide(&table, &seat, SENSITIVE, NOW), CW_ALLOW);
		ck_assert_int_ne(policy_decide(&table, &seat, NO_KIND, NOW), CW_ALLOW);
		ck_assert_int_eq(policy_decide(&table, &seat, ALWAYS, NOW), CW_ALLOW);
		ck_assert_int_ne(policy_decide(&table, &seat, CARE, NOW), CW_DENY);
		bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
}
END_TEST

int main(void) {
	Suite *suite = suite_create("decide");
	TCase *tc = tcase_create("decide");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, each_kind_meets_each_obstacle, 0,
	                    (int)(sizeof(obstacles) / sizeof(obstacles[0])));
	tcase_add_test(tc, unknown_is_denied_in_every_state);
	tcase_add_test(tc, zeroed_seat_lets_nobody_in);
	tcase_add_test(tc, witness_is_asked_for_and_waived);
	tcase_add_test(tc, guarded_that_was_made_stricter_asks_for_more);
	tcase_add_test(tc, required_signal_must_be_known_to_be_true);
	tcase_add_test(tc, no_table_lends_guarded_to_a_code);
	tcase_add_test(tc, invalid_sensitive_is_never_allowed);
	tcase_add_test(tc, po_04_no_three_flips_turn_one_verdict_into_another);
	tcase_add_test(tc, po_04_no_flip_of_one_bit_signs_anybody_in);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
