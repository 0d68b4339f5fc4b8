/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A million random tables and seats against a second decision, written apart
 *
 * The oracle is slow and plain: it collects every obstacle first and looks for
 * the first one afterwards. Numbers are drawn near each other, so that limits
 * are met and not only passed.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decide.h"

#define ROUNDS 1000000u

static uint64_t random_state;

static uint64_t draw(void) {
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void draw_bytes(void *p, size_t n) {
	uint8_t *bytes = p;

	for (size_t i = 0; i < n; ++i)
		bytes[i] = (uint8_t)(draw() >> 24);
}

static uint32_t below(uint32_t n) {
	return (uint32_t)((draw() >> 20) % n);
}

static bool chance(uint32_t of_16) {
	return below(16) < of_16;
}

static struct policy_table table;

#define N_PLAYED 4u

static void draw_table(bool any) {
	draw_bytes(&table.n_actions, sizeof(table.n_actions));
	draw_bytes(table.actions, N_PLAYED * sizeof(table.actions[0]));
	draw_bytes(table.contexts, sizeof(table.contexts));
	table.generation = below(2);
	table.n_contexts = any ? (uint32_t)draw() : 30 + below(4);
	if (any)
		return;
	table.n_actions = chance(14) ? N_PLAYED : below(N_PLAYED);
	for (uint32_t i = 0; i < N_PLAYED; ++i) {
		struct policy_action *a = &table.actions[i];

		a->roles = chance(14) ? UINT32_MAX : (uint32_t)draw();
		a->when_true &= chance(4) ? 1u : 0u;
		a->when_false &= chance(4) ? 2u : 0u;
		a->fresh_ms = chance(12) ? 50 : below(60);
		a->kind = (uint8_t)(chance(15) ? 1 + below(4) : below(7));
		a->assurance = (uint8_t)(chance(12) ? 3 : below(6));
		a->confirm = (uint8_t)(chance(12) ? 1 : below(4));
		a->witness = (uint8_t)below(2);
	}
	for (uint32_t i = 0; i < POLICY_CONTEXTS_MAX; ++i) {
		table.contexts[i].care = (uint8_t)below(5);
		table.contexts[i].guarded = (uint8_t)(chance(15) ? below(4) : below(7));
		table.contexts[i].alone = (uint8_t)(chance(1) ? 1 : 0);
	}
}

static void draw_seat(struct policy_state *s, bool any) {
	draw_bytes(s, sizeof(*s));
	if (any)
		return;
	s->policy_generation = chance(15) ? table.generation : below(2);
	s->lease_until = chance(14) ? 200 : below(200);
	s->lock_at = chance(14) ? 200 : below(200);
	s->session = chance(15) ? 1 : 0;
	s->reauth_at = chance(13) ? 80 + below(20) : below(120);
	s->signals_until = 50 + below(100);
	s->roles = chance(14) ? 1 : below(2);
	s->contexts_now = chance(14) ? 1u << below(31) : (uint32_t)draw();
	s->contexts_later = chance(14) ? 1u << below(31) : below(2);
	s->true_now = chance(12) ? 1 : below(4);
	s->false_now = chance(12) ? 2 : below(4);
	s->true_later = chance(12) ? 1 : below(4);
	s->false_later = chance(12) ? 2 : below(4);
	s->confirmed = (uint16_t)below(N_PLAYED + 1);
	s->confirmed_how = (uint8_t)(chance(12) ? 1 + below(2) : below(4));
	s->assurance = (uint8_t)(chance(12) ? 3 + below(2) : below(6));
	s->reauth_assurance = (uint8_t)(chance(12) ? 3 + below(2) : below(6));
	s->emergency = (uint8_t)(chance(2) ? draw() : 0);
	s->suspended = (uint8_t)(chance(1) ? draw() : 0);
	s->witnessed = (uint8_t)below(2);
	s->flags = (uint8_t)(chance(15) ? 0xf7 : draw());
}

/* What is true of an action at a seat, each on its own. */
struct facts {
	bool emergency, degraded, foreign, nobody, role, precondition, suspended, locked;
	bool assured_mildly, assured, no_context, fresh_due, recent, reauth_assured;
	bool confirmation_missing, witness_missing;
};

static bool signal_is(uint32_t mask, uint32_t other, uint32_t i) {
	return (mask & (UINT32_C(1) << i)) != 0 && (other & (UINT32_C(1) << i)) == 0;
}

static bool is_assured(const struct policy_action *a, uint32_t set, uint32_t level) {
	uint32_t need = a->assurance;

	for (uint32_t i = 0; i < 32; ++i) {
		if ((set & (UINT32_C(1) << i)) == 0)
			continue;
		if (i >= table.n_contexts)
			return false;
		if (table.contexts[i].guarded > need)
			need = table.contexts[i].guarded;
	}
	return (a->assurance == CW_ASSURANCE_PASSWORD || a->assurance == CW_ASSURANCE_STRONG) &&
	       (level == CW_ASSURANCE_PASSWORD || level == CW_ASSURANCE_STRONG) && level >= need;
}

static void find_facts(struct facts *f, const struct policy_action *a,
                       const struct policy_state *s, uint32_t index, uint64_t now) {
	bool stale = s->signals_until <= now;
	uint32_t yes = stale ? s->true_later : s->true_now;
	uint32_t no = stale ? s->false_later : s->false_now;
	uint32_t set = stale ? s->contexts_later : s->contexts_now;
	bool alone = set == 0;

	memset(f, 0, sizeof(*f));
	f->emergency = s->emergency > 0;
	f->degraded = s->lease_until <= now || (s->flags & STATE_DEGRADED) != 0;
	f->foreign = table.generation != s->policy_generation;
	f->nobody = s->session < 1;
	f->precondition = true;
	f->assured_mildly = set == 0;
	for (uint32_t i = 0; i < 32; ++i) {
		if ((a->roles & s->roles & (UINT32_C(1) << i)) != 0)
			f->role = true;
		if ((a->when_true & (UINT32_C(1) << i)) != 0 && !signal_is(yes, no, i))
			f->precondition = false;
		if ((a->when_false & (UINT32_C(1) << i)) != 0 && !signal_is(no, yes, i))
			f->precondition = false;
		if ((set & (UINT32_C(1) << i)) != 0) {
			f->assured_mildly |= s->assurance >= table.contexts[i].care;
			alone |= table.contexts[i].alone > 0;
		}
	}
	f->suspended = s->suspended > 0;
	f->locked = s->lock_at <= now; /* 0 is never later than now */
	f->assured = is_assured(a, set, s->assurance);
	f->no_context = set == 0;
	f->fresh_due = a->kind == CW_KIND_SENSITIVE || a->fresh_ms > 0;
	f->recent = a->fresh_ms > 0 && s->reauth_at > 0 && now >= s->reauth_at &&
	            s->reauth_at >= (now > a->fresh_ms ? now - a->fresh_ms : 0);
	f->reauth_assured = is_assured(a, set, s->reauth_assurance);
	f->confirmation_missing = a->kind == CW_KIND_SENSITIVE || a->confirm > 0;
	if (s->confirmed == index + 1 && s->confirmed_how <= 2 && s->confirmed_how >= 1 &&
	    a->confirm >= 1 && s->confirmed_how >= a->confirm)
		f->confirmation_missing = false;
	f->witness_missing = a->witness > 0 && !alone &&
	                     !(s->witnessed > 0 && s->confirmed == index + 1);
}

struct answer {
	enum cw_verdict verdict;
	enum cw_reason reason;
};

/* The first row that is met is the answer. */
static struct answer first_of(const struct facts *f, bool care) {
	const struct {
		bool met;
		enum cw_verdict verdict;
		enum cw_reason reason;
	} rows[] = {
		{ care && f->emergency, CW_ALLOW, CW_REASON_EMERGENCY },
		{ !care && f->degraded, CW_DENY, CW_REASON_DEGRADED },
		{ !care && f->foreign, CW_DENY, CW_REASON_BAD_POLICY },
		{ f->nobody || f->foreign, CW_SIGN_IN, CW_REASON_NO_SESSION },
		{ !care && !f->role, CW_DENY, CW_REASON_ROLE },
		{ !care && !f->precondition, CW_DENY, CW_REASON_PRECONDITION },
		{ f->suspended, CW_UNLOCK, CW_REASON_SUSPENDED },
		{ f->locked, CW_UNLOCK, CW_REASON_LOCKED },
		{ care && !f->role, CW_BREAK_GLASS, CW_REASON_ROLE },
		{ care && !f->assured_mildly, CW_REAUTH, CW_REASON_ASSURANCE },
		{ care && f->witness_missing, CW_CONFIRM, CW_REASON_WITNESS },
		{ !care && !f->assured, CW_REAUTH, CW_REASON_ASSURANCE },
		{ !care && f->no_context, CW_DENY, CW_REASON_BAD_POLICY },
		{ !care && f->fresh_due && !f->recent, CW_REAUTH, CW_REASON_STALE },
		{ !care && f->fresh_due && !f->reauth_assured, CW_REAUTH, CW_REASON_ASSURANCE },
		{ !care && f->confirmation_missing, CW_CONFIRM, CW_REASON_CONFIRMATION },
		{ true, CW_ALLOW, CW_REASON_GRANTED },
	};
	size_t i = 0;

	while (!rows[i].met)
		++i;
	return (struct answer){ rows[i].verdict, rows[i].reason };
}

static struct answer oracle(const struct policy_state *s, uint32_t index, uint64_t now) {
	const struct answer no = { CW_DENY, CW_REASON_UNKNOWN_ACTION };
	const struct answer always = { CW_ALLOW, CW_REASON_ALWAYS };
	struct facts f;

	if (index >= table.n_actions || index >= POLICY_ACTIONS_MAX)
		return no;
	switch (table.actions[index].kind) {
	case CW_KIND_ALWAYS:
		return always;
	case CW_KIND_CARE:
	case CW_KIND_GUARDED:
	case CW_KIND_SENSITIVE:
		find_facts(&f, &table.actions[index], s, index, now);
		return first_of(&f, table.actions[index].kind == CW_KIND_CARE);
	default:
		return no;
	}
}

/* Everything that is seen: a test that never meets a case would prove little. */
static uint32_t met[CW_N_KINDS][CW_N_REASONS];

static void expect_every_case(void) {
	static const struct {
		uint8_t kind;
		uint32_t reasons;
	} wanted[] = {
#define R(name) (1u << CW_REASON_##name)
		{ CW_KIND_CARE, R(EMERGENCY) | R(NO_SESSION) | R(SUSPENDED) | R(LOCKED) | R(ROLE) |
		                        R(ASSURANCE) | R(WITNESS) | R(GRANTED) },
		{ CW_KIND_GUARDED, R(DEGRADED) | R(BAD_POLICY) | R(NO_SESSION) | R(SUSPENDED) |
		                           R(LOCKED) | R(ROLE) | R(ASSURANCE) | R(PRECONDITION) |
		                           R(STALE) | R(CONFIRMATION) | R(GRANTED) },
		{ CW_KIND_SENSITIVE, R(DEGRADED) | R(BAD_POLICY) | R(NO_SESSION) | R(SUSPENDED) |
		                             R(LOCKED) | R(ROLE) | R(ASSURANCE) | R(PRECONDITION) |
		                             R(STALE) | R(CONFIRMATION) | R(GRANTED) },
#undef R
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); ++i) {
		for (uint32_t r = 0; r < CW_N_REASONS; ++r) {
			if ((wanted[i].reasons & (1u << r)) != 0)
				ck_assert_msg(met[wanted[i].kind][r] >= 20,
				              "kind %u met reason %u only %u times",
				              wanted[i].kind, r, met[wanted[i].kind][r]);
		}
	}
}

START_TEST(a_million_draws_agree_with_the_oracle) {
	struct policy_state s;

	random_state = 0x9e3779b97f4a7c15u;
	memset(met, 0, sizeof(met));
	for (uint32_t round = 0; round < ROUNDS; ++round) {
		bool any = round % 8 == 0;
		uint32_t index = below(N_PLAYED);
		uint64_t now = any ? draw() : 60 + below(60);
		struct answer want;
		enum cw_verdict verdict;
		enum cw_reason reason;

		if (round % 16 == 0)
			draw_table(round % 128 == 0);
		draw_seat(&s, any);
		if (chance(10))
			s.confirmed = (uint16_t)(index + 1);
		want = oracle(&s, index, now);
		verdict = policy_decide(&table, &s, index, now);
		reason = policy_reason(&table, &s, index, now);
		ck_assert_msg(verdict == want.verdict && reason == want.reason,
		              "draw %u: verdict %02x reason %u, the oracle says %02x and %u", round,
		              verdict, reason, want.verdict, want.reason);
		ck_assert_msg(verdict != CW_ALLOW ||
		                      policy_reason_of_allow(&table, &s, index) == want.reason,
		              "draw %u: allowed, for another reason than %u", round, want.reason);
		if (index < table.n_actions && table.actions[index].kind < CW_N_KINDS)
			met[table.actions[index].kind][reason] += 1;
	}
	expect_every_case();
}
END_TEST

START_TEST(an_emergency_changes_care_alone) {
	struct policy_state s;

	random_state = 0xd1b54a32d192ed03u;
	for (uint32_t round = 0; round < ROUNDS / 4; ++round) {
		uint32_t index = below(N_PLAYED);
		uint64_t now = 60 + below(60);
		enum cw_verdict before, after;

		if (round % 16 == 0)
			draw_table(false);
		draw_seat(&s, round % 8 == 0);
		if (index >= table.n_actions || table.actions[index].kind < CW_KIND_GUARDED)
			continue;
		before = policy_decide(&table, &s, index, now);
		s.emergency = (uint8_t)draw();
		ck_assert_int_eq(policy_decide(&table, &s, index, now), before);
		s.suspended = 1;
		after = policy_decide(&table, &s, index, now);
		ck_assert(after == before || after == CW_UNLOCK);
	}
}
END_TEST

int main(void) {
	Suite *suite = suite_create("decide-oracle");
	TCase *tc = tcase_create("decide-oracle");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, a_million_draws_agree_with_the_oracle);
	tcase_add_test(tc, an_emergency_changes_care_alone);
	tcase_set_timeout(tc, 0);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
