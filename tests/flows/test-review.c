/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <sqlite3.h>
#include <string.h>

#include "auth/emergency-row.h"
#include "tests/flows/world.h"

static const uint8_t id_a[16] = { 0xe1, 1 }, id_b[16] = { 0xe1, 2 };

static void take(enum record_kind kind, const uint8_t id[16], uint64_t serial, const char *name) {
	struct emergency_outcome outcome;
	struct ring_record r = {
		.magic = RING_MAGIC,
		.kind = (uint8_t)kind,
		.serial = serial,
		.boot_ms = world.now.boot_ms,
		.wall_ms = world.now.wall_ms,
		.deadline_ms = world.now.boot_ms + 2000,
	};

	memcpy(r.emergency, id, sizeof(r.emergency));
	memcpy(r.boot_id, world.now.boot_id, sizeof(r.boot_id));
	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	r.crc = policy_crc32((const uint8_t *)&r, offsetof(struct ring_record, crc), 0);
	ck_assert_int_eq(emergency_record(world.store, world.policy, &world.seat, &r,
					  EMERGENCY_BY_SOCKET, 1000, &world.now, NULL, &outcome),
			 0);
}

static int close_by(uint32_t who, const uint8_t id[16], enum review_state outcome,
		    const char *text) {
	const struct actor actor = {
		.account = who,
		.seat = 1,
		.assurance = CW_ASSURANCE_PASSWORD,
		.factor = CW_FACTOR_PASSWORD,
		.peer_uid = 1000,
	};

	return review_close(world.store, &actor, id, outcome, text, &world.now);
}

struct found {
	struct review list[8];
	unsigned n;
};

static int see(const struct review *review, void *userdata) {
	struct found *found = userdata;

	found->list[found->n++] = *review;
	return found->n == 8;
}

static const struct found *reviews(bool all) {
	static struct found found;

	found.n = 0;
	ck_assert_int_eq(review_list(world.store, world.policy, all, &world.now, see, &found), 0);
	return &found;
}

static void one_emergency(void) {
	take(RECORD_START, id_a, 1, "");
	take(RECORD_END, id_a, 2, "");
	(void)trail();
}

START_TEST(a_reviewer_closes_it_once) {
	static const enum review_state states[] = { REVIEW_JUSTIFIED, REVIEW_ROLE_GAP, REVIEW_REFER,
						    REVIEW_TEST };
	static const char *const words[] = { "outcome=justified", "outcome=role-gap",
					     "outcome=refer", "outcome=test" };

	one_emergency();
	ck_assert_int_eq(close_by(ROY, id_a, states[_i], "seen"), 0);
	ck_assert_str_eq(trail(), "review-closed:ok");
	ck_assert_str_eq(newest(EVENT_REVIEW_CLOSED).detail, words[_i]);
	ck_assert_str_eq(newest(EVENT_REVIEW_CLOSED).text, "seen");
	ck_assert_uint_eq(newest(EVENT_REVIEW_CLOSED).account, ROY);
	ck_assert_int_eq(close_by(ROY, id_a, states[_i], "again"), -EALREADY);
	ck_assert_str_eq(trail(), "");
	ck_assert_uint_eq(reviews(false)->n, 0);
	ck_assert_uint_eq(reviews(true)->n, 1);
	ck_assert_int_eq(reviews(true)->list[0].review, states[_i]);
	ck_assert_uint_eq(reviews(true)->list[0].reviewer, ROY);
}
END_TEST

START_TEST(what_is_no_outcome_closes_nothing) {
	static const int states[] = { REVIEW_NONE, REVIEW_OPEN, REVIEW_N, -1, 99 };

	one_emergency();
	for (unsigned i = 0; i < ARRAY_SIZE(states); ++i)
		ck_assert_int_eq(close_by(ROY, id_a, (enum review_state)states[i], NULL), -EINVAL);
	ck_assert_int_eq(close_by(ROY, id_b, REVIEW_TEST, NULL), -ENOENT);
	ck_assert_uint_eq(reviews(false)->n, 1);
	ck_assert_str_eq(trail(), "");
}
END_TEST

START_TEST(an_open_emergency_is_not_reviewed) {
	take(RECORD_START, id_a, 1, "");
	ck_assert_int_eq(close_by(ROY, id_a, REVIEW_TEST, NULL), -EBUSY);
}
END_TEST

/* Who was inside, or near it. */
static void claimed(void) {
	take(RECORD_START, id_a, 1, "Bob");
	take(RECORD_END, id_a, 2, "");
}

static void was_signed_in(void) {
	sign_in(BOB);
	one_emergency();
}

static void ended_by_sign_in(void) {
	take(RECORD_START, id_a, 1, "");
	sign_in(BOB);
	ck_assert_int_eq(emergency_on_sign_in(world.store, world.policy, &world.seat, &world.now),
			 1);
}

static void identified(void) {
	const char *const wrong[] = { "bob", "wrong", NULL };

	for (unsigned i = 0; i < 5; ++i)
		(void)attempt_free(converse(CW_PURPOSE_SIGN_IN, wrong));
	one_emergency();
	pass_ms(300001);
	sign_in(BOB);
	(void)emergency_on_sign_in(world.store, world.policy, &world.seat, &world.now);
}

static void eve_was_signed_in(void) {
	sign_in(EVE);
	one_emergency();
}

/* clang-format off */
static const struct {
	const char *why;
	void (*before)(void);
	uint32_t reviewer;
	int result;
} people_inside[] = {
	{ "who claimed to be inside does not review it", claimed, BOB, -EPERM },
	{ "who was signed in when it began neither", was_signed_in, BOB, -EPERM },
	{ "whose sign-in ended it neither", ended_by_sign_in, BOB, -EPERM },
	{ "who was locked out and identified neither", identified, BOB, -EPERM },
	{ "who has made the account of one inside neither", eve_was_signed_in, ADA, -EPERM },
	{ "nobody is no reviewer", one_emergency, 0, -EPERM },
	{ "somebody else does", was_signed_in, ROY, 0 },
	{ "somebody else does, whoever claimed", claimed, ROY, 0 },
};
/* clang-format on */

START_TEST(the_reviewer_was_not_inside) {
	people_inside[_i].before();
	(void)trail();
	ck_assert_msg(close_by(people_inside[_i].reviewer, id_a, REVIEW_JUSTIFIED, "fine") ==
			      people_inside[_i].result,
		      "%s", people_inside[_i].why);
	ck_assert_str_eq(trail(), people_inside[_i].result == 0 ? "review-closed:ok"
								: "review-closed:refused");
	ck_assert_uint_eq(reviews(false)->n, people_inside[_i].result != 0);
}
END_TEST

START_TEST(the_oldest_comes_first_and_says_when_it_is_overdue) {
	const struct found *found;

	one_emergency();
	pass_ms(UINT64_C(72) * 3600 * 1000);
	take(RECORD_START, id_b, 3, "kim");
	pass_ms(1000);
	found = reviews(false);
	ck_assert_uint_eq(found->n, 2);
	ck_assert_mem_eq(found->list[0].id, id_a, sizeof(id_a));
	ck_assert(found->list[0].overdue);
	ck_assert_int_ne(found->list[0].ended_ms, 0);
	ck_assert(!found->list[1].overdue);
	ck_assert_int_eq(found->list[1].ended_ms, 0);
	ck_assert_str_eq(found->list[1].claimed, "kim");
	/* An untrusted clock hurries nobody. */
	world.now.trust = CLOCK_SUSPICIOUS;
	ck_assert(!reviews(false)->list[0].overdue);
}
END_TEST

START_TEST(a_damaged_row_is_listed_and_not_closed) {
	sqlite3_stmt *stmt = NULL;

	one_emergency();
	ck_assert_int_eq(store_begin(world.store), 0);
	ck_assert_int_eq(store_prepare(world.store, "UPDATE emergencies SET identified = 3", &stmt),
			 0);
	ck_assert_int_eq(store_errno(sqlite3_step(stmt)), 0);
	(void)sqlite3_reset(stmt);
	ck_assert_int_eq(store_commit(world.store), 0);
	ck_assert_uint_eq(reviews(false)->n, 1);
	ck_assert_int_eq(reviews(false)->list[0].state, EMERGENCY_NONE);
	ck_assert_int_eq(close_by(ROY, id_a, REVIEW_TEST, NULL), -EIO);
}
END_TEST

/* One statement, by whoever has the file and not the keys. */
static void run(const char *sql) {
	sqlite3_stmt *stmt = NULL;

	ck_assert_int_eq(store_begin(world.store), 0);
	ck_assert_int_eq(store_prepare(world.store, sql, &stmt), 0);
	ck_assert_int_eq(store_errno(sqlite3_step(stmt)), 0);
	(void)sqlite3_reset(stmt);
	ck_assert_int_eq(store_commit(world.store), 0);
}

static bool is_told(const char *words) {
	struct review_fault fault;
	int r = reviews_check(world.store, &fault);

	ck_assert_int_ge(r, 0);
	ck_assert_msg(r == 0 || !words || strstr(fault.what, words), "told: %s", fault.what);
	return r == 1;
}

START_TEST(JR_03_an_emergency_that_was_taken_out_is_told) {
	one_emergency();
	ck_assert(!is_told(NULL));
	run("DELETE FROM emergencies");
	ck_assert(is_told("has no row"));
}
END_TEST

START_TEST(JR_03_a_reviewed_one_that_was_taken_out_is_told) {
	one_emergency();
	ck_assert_int_eq(close_by(ROY, id_a, REVIEW_TEST, NULL), 0);
	ck_assert(!is_told(NULL));
	run("DELETE FROM emergencies");
	ck_assert(is_told("has no row"));
}
END_TEST

START_TEST(JR_03_an_edited_row_is_told) {
	one_emergency();
	run("UPDATE emergencies SET uses = uses + 1");
	ck_assert(is_told("was changed"));
}
END_TEST

/* With its own MAC, which was good once. */
START_TEST(JR_03_an_older_row_put_back_is_told) {
	struct emergency_row before;

	one_emergency();
	ck_assert_int_eq(emergency_row_load(world.store, id_a, &before), 0);
	ck_assert_int_eq(close_by(ROY, id_a, REVIEW_TEST, NULL), 0);
	ck_assert(!is_told(NULL));
	ck_assert_int_eq(store_begin(world.store), 0);
	ck_assert_int_eq(emergency_row_store(world.store, &before), 0);
	ck_assert_int_eq(store_commit(world.store), 0);
	ck_assert(is_told("an older one"));
}
END_TEST

START_TEST(JR_03_a_review_without_its_entry_is_told) {
	struct emergency_row row;

	one_emergency();
	ck_assert_int_eq(emergency_row_load(world.store, id_a, &row), 0);
	row.review = REVIEW_JUSTIFIED;
	row.reviewer = ROY;
	ck_assert_int_eq(store_begin(world.store), 0);
	ck_assert_int_eq(emergency_row_store(world.store, &row), 0);
	ck_assert_int_eq(store_commit(world.store), 0);
	ck_assert(is_told("no entry of it"));
}
END_TEST

START_TEST(a_fault_at_any_step_closes_it_wholly_or_not_at_all) {
	one_emergency();
	for (unsigned k = 1; k < 200; ++k) {
		int r;

		fault_at(k, false);
		r = close_by(ROY, id_a, REVIEW_TEST, "seen");
		if (fault_off() < k) {
			ck_assert_int_eq(r, 0);
			ck_assert_uint_gt(k, 3);
			return;
		}
		(void)store_reopen(world.store);
		ck_assert_msg((r == 0) == (reviews(false)->n == 0), "step %u", k);
		if (r == 0)
			return;
		ck_assert_msg(strstr(trail(), "review-closed:ok") == NULL, "step %u", k);
	}
	ck_abort_msg("never without a fault");
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("review");
	TCase *t = tcase_create("review");

	tcase_add_checked_fixture(t, world_set_up, world_tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_reviewer_closes_it_once, 0, 4);
	tcase_add_test(t, what_is_no_outcome_closes_nothing);
	tcase_add_test(t, an_open_emergency_is_not_reviewed);
	tcase_add_loop_test(t, the_reviewer_was_not_inside, 0, ARRAY_SIZE(people_inside));
	tcase_add_test(t, the_oldest_comes_first_and_says_when_it_is_overdue);
	tcase_add_test(t, a_damaged_row_is_listed_and_not_closed);
	tcase_add_test(t, JR_03_an_emergency_that_was_taken_out_is_told);
	tcase_add_test(t, JR_03_a_reviewed_one_that_was_taken_out_is_told);
	tcase_add_test(t, JR_03_an_edited_row_is_told);
	tcase_add_test(t, JR_03_an_older_row_put_back_is_told);
	tcase_add_test(t, JR_03_a_review_without_its_entry_is_told);
	tcase_add_test(t, a_fault_at_any_step_closes_it_wholly_or_not_at_all);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
