/* SPDX-License-Identifier: Apache-2.0 */

/* Adding, sealing, asking. */

#undef NDEBUG

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/store-internal.h"
#include "common/cleanup.h"
#include "tests/audit/fixture.h"

/* Appending. */

static const struct {
	const char *why;
	struct journal_entry e;
} bad_entries[] = {
	{ "no event", { .event = EVENT_NONE } },
	{ "an event that is not published", { .event = (enum audit_event)299 } },
	{ "an outcome that is not published", { .event = EVENT_USE, .outcome = OUTCOME_N } },
	{ "an assurance above the ladder", { .event = EVENT_USE, .assurance = CW_N_ASSURANCES } },
	{ "a factor that does not exist", { .event = EVENT_USE, .factor = CW_N_FACTORS } },
	{ "a reason that does not exist", { .event = EVENT_USE, .reason = CW_N_REASONS } },
	{ "a seat that no device has", { .event = EVENT_USE, .seat = LIMIT_SEATS + 1 } },
	{ "a clock that is more than trusted",
	  { .event = EVENT_USE, .at.trust = (enum clock_trust)3 } },
	{ "an action that is not UTF-8", { .event = EVENT_USE, .action = "\xff" } },
	{ "a name that is not UTF-8", { .event = EVENT_USE, .name = "\xff" } },
	{ "a text that is not UTF-8", { .event = EVENT_USE, .text = "a\xff" } },
	{ "a name with an escape", { .event = EVENT_USE, .name = "\x1b[1m" } },
};

START_TEST(a_bad_entry_is_refused_and_nothing_written) {
	struct journal_entry e = bad_entries[_i].e;
	struct journal_head head;

	e.seq = 77;
	ck_assert_msg(journal_append(fx.store, &e) == -EINVAL, "%s", bad_entries[_i].why);
	ck_assert_uint_eq(e.seq, 77);
	ck_assert_int_eq(journal_head(fx.store, &head), 0);
	ck_assert_uint_eq(head.seq, 0);
}
END_TEST

START_TEST(a_free_text_has_its_limit_to_the_byte) {
	struct journal_entry e = fixture_entry(1);
	char s[LIMIT_TEXT + 1];

	memset(s, 'x', sizeof(s));
	s[LIMIT_TEXT] = '\0';
	e.text = s;
	ck_assert_int_eq(journal_append(fx.store, &e), -EINVAL);
	s[LIMIT_TEXT - 1] = '\0';
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	e.name = s;
	ck_assert_int_eq(journal_append(fx.store, &e), -EINVAL);
	s[LIMIT_NAME] = '\0';
	ck_assert_int_eq(journal_append(fx.store, &e), -EINVAL);
	s[LIMIT_NAME - 1] = '\0';
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	fixture_close();
	ck_assert_int_eq(verify_it(NULL, true).finding, VERIFY_OK);
}
END_TEST

static bool file_holds(const char *name, const void *what, size_t n) {
	cleanup_(close_fdp) int fd = openat(fx.dirfd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *p;
	bool holds = false;

	if (fd < 0)
		return false;
	ck_assert_int_eq(fstat(fd, &st), 0);
	p = malloc((size_t)st.st_size + 1);
	ck_assert_int_eq(read(fd, p, (size_t)st.st_size), st.st_size);
	for (size_t i = 0; !holds && i + n <= (size_t)st.st_size; ++i)
		holds = memcmp(p + i, what, n) == 0;
	free(p);
	return holds;
}

START_TEST(free_text_never_stands_open_on_the_disk) {
	struct journal_entry e = fixture_entry(1);

	e.text = "a very particular reason";
	e.name = "Ms Particular";
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert(
		file_holds("careward.db-wal", "therapy.start", 13)); /* this search finds things */
	ck_assert(!file_holds("careward.db-wal", "articular", 9));
	fixture_close();
	ck_assert(file_holds("careward.db", "therapy.start", 13));
	ck_assert(!file_holds("careward.db", "articular", 9));
}
END_TEST

START_TEST(an_erased_text_is_gone_after_a_checkpoint) {
	struct journal_entry e = fixture_entry(2);
	sqlite3_stmt *stmt = NULL;
	uint8_t sealed[16];

	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(store_prepare(fx.store, "SELECT sealed FROM texts WHERE what = 2", &stmt),
			 0);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	memcpy(sealed, sqlite3_column_blob(stmt, 0), sizeof(sealed));
	(void)sqlite3_reset(stmt);
	ck_assert_int_eq(store_checkpoint(fx.store), 0);
	ck_assert(file_holds("careward.db", sealed, sizeof(sealed)));
	ck_assert(file_holds("careward.db-wal", sealed, sizeof(sealed)));
	ck_assert_int_eq(journal_erase_texts(fx.store, 1), 0);
	ck_assert_int_eq(store_checkpoint(fx.store), 0);
	ck_assert(!file_holds("careward.db", sealed, sizeof(sealed)));
	ck_assert(!file_holds("careward.db-wal", sealed, sizeof(sealed)));
}
END_TEST

START_TEST(an_entry_takes_at_most_250_bytes) {
	struct journal_entry e = fixture_entry(1);
	const unsigned n = 5120;
	struct stat st;
	unsigned per_entry;
	off_t before;

	fixture_close();
	ck_assert_int_eq(fstatat(fx.dirfd, "careward.db", &st, 0), 0);
	before = st.st_size;
	ck_assert_int_eq(fixture_open(), 0);
	e.detail = "detail=0123456789 of=sixty-four bytes=in all=and no=more than=it";
	ck_assert_uint_eq(strlen(e.detail), 64);
	e.session = 1;
	e.peer_uid = 1000;
	for (unsigned i = 0; i < n; i += 256) {
		ck_assert_int_eq(store_begin(fx.store), 0);
		for (unsigned k = 0; k < 256; ++k) {
			e.account = 1 + k % 20;
			ck_assert_int_eq(journal_append(fx.store, &e), 0);
		}
		ck_assert_int_eq(store_commit(fx.store), 0);
		ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
	}
	fixture_close();
	ck_assert_int_eq(fstatat(fx.dirfd, "careward.db", &st, 0), 0);
	per_entry = (unsigned)((st.st_size - before) / n);
	printf("# %u bytes for each entry\n", per_entry);
	ck_assert_uint_le(per_entry, 250);
}
END_TEST

/* JR-10, TM-07: the clock may say what it likes; the order is the number's. */
START_TEST(jr10_order_is_by_number_whatever_the_clock_says) {
	static const int64_t walls[] = {
		1767225600000, 0, -5, INT64_MAX, 1767225500000, INT64_MIN
	};
	struct verify_report report;

	for (size_t i = 0; i < ARRAY_SIZE(walls); ++i) {
		struct journal_entry e = fixture_entry(1);

		e.at.wall_ms = walls[i];
		e.at.trust = (enum clock_trust)(i % 3);
		e.at.boot_id[0] = (uint8_t)i;
		ck_assert_int_eq(journal_append(fx.store, &e), 0);
		ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
		ck_assert_uint_eq(e.seq, i + 1);
	}
	fixture_close();
	report = verify_it(NULL, true);
	ck_assert_int_eq(report.finding, VERIFY_OK);
	ck_assert_uint_eq(report.n_epochs, 6);
}
END_TEST

/* Sealing. */

START_TEST(a_seal_is_due_by_time_number_and_kind) {
	struct journal_entry e = fixture_entry(1);
	struct moment now = e.at;

	ck_assert(!journal_must_seal(fx.store, &now, 60, 4));
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert(!journal_must_seal(fx.store, &now, 60, 4));
	now.boot_ms = e.at.boot_ms + 59999;
	ck_assert(!journal_must_seal(fx.store, &now, 60, 4));
	now.boot_ms++;
	ck_assert(journal_must_seal(fx.store, &now, 60, 4));
	now.boot_ms = e.at.boot_ms - 1;
	ck_assert(journal_must_seal(fx.store, &now, 60, 4));
	now = e.at;
	now.wall_ms += 1000000000; /* wall time is no measure */
	ck_assert(!journal_must_seal(fx.store, &now, 60, 4));
	now.boot_id[15] ^= 1;
	ck_assert(journal_must_seal(fx.store, &now, 60, 4));
	now = e.at;
	for (int i = 0; i < 3; ++i) {
		ck_assert(!journal_must_seal(fx.store, &now, 60, 4));
		ck_assert_int_eq(journal_append(fx.store, &e), 0);
	}
	ck_assert(journal_must_seal(fx.store, &now, 60, 4));
	ck_assert_int_eq(journal_seal(fx.store, &now), 0);
	ck_assert(!journal_must_seal(fx.store, &now, 60, 4));
	ck_assert(!journal_must_seal(fx.store, &now, 0, 0));
}
END_TEST

static const struct {
	enum audit_event event;
	bool urgent;
} urgencies[] = {
	{EVENT_SIGN_IN,               false},
        { EVENT_USE,                  false},
	{ EVENT_ACCOUNT_CREATED,      true },
        { EVENT_ACCOUNT_DAMAGED,      true },
	{ EVENT_EMERGENCY_STARTED,    true },
        { EVENT_EMERGENCY_IDENTIFIED, true },
	{ EVENT_INITIALISED,          false},
        { EVENT_ALARM,                false},
};

START_TEST(accounts_and_emergencies_are_sealed_at_once) {
	struct journal_entry e = { .event = urgencies[_i].event, .peer_uid = UINT32_MAX };

	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(journal_must_seal(fx.store, &e.at, 60, 256), urgencies[_i].urgent);
	ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
	ck_assert(!journal_must_seal(fx.store, &e.at, 60, 256));
	/* Taken back with its transaction. */
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	store_rollback(fx.store);
	ck_assert(!journal_must_seal(fx.store, &e.at, 60, 256));
}
END_TEST

START_TEST(what_a_dead_process_left_open_is_sealed_at_once) {
	struct journal_entry e = fixture_entry(1);

	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	fixture_close();
	ck_assert_int_eq(fixture_open(), 0);
	ck_assert(journal_must_seal(fx.store, &e.at, 60, 256));
	ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
	fixture_close();
	ck_assert_int_eq(fixture_open(), 0);
	ck_assert(!journal_must_seal(fx.store, &e.at, 60, 256));
}
END_TEST

START_TEST(a_seal_is_never_inside_a_transaction) {
	struct journal_entry e = fixture_entry(1);

	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert_int_eq(journal_seal(fx.store, &e.at), -EINVAL);
	store_rollback(fx.store);
	ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
	ck_assert_int_eq(journal_seal(fx.store, &e.at), 0); /* nothing to do */
}
END_TEST

START_TEST(the_anchor_is_there_with_the_first_entry) {
	struct journal_entry e = fixture_entry(1);
	uint8_t anchor[32] = { 77 }, again[32];

	ck_assert_int_eq(journal_anchor(fx.store, anchor), -ENOENT);
	ck_assert_uint_eq(anchor[0], 77);
	ck_assert_int_eq(store_begin(fx.store), 0);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	store_rollback(fx.store);
	ck_assert_int_eq(journal_anchor(fx.store, anchor), -ENOENT);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(journal_anchor(fx.store, anchor), 0);
	ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(journal_anchor(fx.store, again), 0);
	ck_assert_mem_eq(anchor, again, 32);
}
END_TEST

/* No key that ever signed is in the database, and only today's is in the store of keys. */
START_TEST(keys_never_enter_the_database_and_old_ones_are_erased) {
	uint8_t seeds[8][32], got[32];
	struct journal_entry e = fixture_entry(2);

	for (unsigned i = 0; i < 8; ++i) {
		ck_assert_int_eq(journal_append(fx.store, &e), 0);
		ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, i + 1, seeds[i]), 0);
		ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
		ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, i + 1, got), -ENOENT);
	}
	for (unsigned i = 0; i < 8; ++i)
		ck_assert(!file_holds("careward.db-wal", seeds[i], 16));
	fixture_close();
	for (unsigned i = 0; i < 8; ++i)
		ck_assert(!file_holds("careward.db", seeds[i], 16));
}
END_TEST

/* A key store that dies, or fails, at a step. */
enum step {
	STEP_LOAD,
	STEP_BEFORE_STORE,
	STEP_AFTER_STORE,
	STEP_BEFORE_ERASE,
	STEP_AFTER_ERASE,
	STEP_N,
};

struct fault_keystore {
	struct keystore base;
	struct keystore *real;
	enum step at;
	int error; /* 0: the process dies */
	unsigned hits;
};

static int trip(struct keystore *ks, enum step step) {
	struct fault_keystore *f = (struct fault_keystore *)(void *)ks;

	if (f->at != step)
		return 0;
	f->hits++;
	if (f->error == 0)
		_exit(9);
	return f->error;
}

static struct keystore *real_of(struct keystore *ks) {
	return ((struct fault_keystore *)(void *)ks)->real;
}

static int fault_derive(struct keystore *ks, const char *label, uint8_t key[32]) {
	return real_of(ks)->ops->derive(real_of(ks), label, key);
}

static int fault_load(struct keystore *ks, uint64_t epoch, uint8_t seed[32]) {
	int r = trip(ks, STEP_LOAD);

	return r < 0 ? r : real_of(ks)->ops->epoch_load(real_of(ks), epoch, seed);
}

static int fault_store(struct keystore *ks, uint64_t epoch, const uint8_t seed[32]) {
	int r = trip(ks, STEP_BEFORE_STORE);

	if (r == 0)
		r = real_of(ks)->ops->epoch_store(real_of(ks), epoch, seed);
	return r < 0 ? r : trip(ks, STEP_AFTER_STORE);
}

static int fault_erase(struct keystore *ks, uint64_t epoch) {
	int r = trip(ks, STEP_BEFORE_ERASE);

	if (r == 0)
		r = real_of(ks)->ops->epoch_erase(real_of(ks), epoch);
	return r < 0 ? r : trip(ks, STEP_AFTER_ERASE);
}

static const struct keystore_ops fault_ops = {
	.name = "fault",
	.derive = fault_derive,
	.epoch_load = fault_load,
	.epoch_store = fault_store,
	.epoch_erase = fault_erase,
};

/* The journal is whole, goes on, and keeps one key only. */
static void goes_on(uint64_t n_entries) {
	struct journal_entry e = fixture_entry(1);
	struct verify_report report;
	unsigned n_keys = 0;
	uint8_t seed[32];

	ck_assert_int_eq(fixture_open(), 0);
	/* Opening has erased the key of what is sealed, and kept that of what is open. */
	for (uint64_t epoch = 1; epoch < fx.store->state.epoch; ++epoch)
		ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, epoch, seed), -ENOENT);
	if (n_entries > 0)
		ck_assert_int_eq(fx.ks->ops->epoch_load(fx.ks, fx.store->state.epoch, seed), 0);
	fixture_close();
	report = verify_it(NULL, true);
	ck_assert_msg(report.finding == VERIFY_OK, "%s", report.what);
	ck_assert_uint_eq(report.n_entries, n_entries);
	ck_assert_int_eq(fixture_open(), 0);
	for (int i = 0; i < 2; ++i) {
		ck_assert_int_eq(journal_append(fx.store, &e), 0);
		ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
	}
	fixture_close();
	report = verify_it(NULL, true);
	ck_assert_msg(report.finding == VERIFY_OK, "%s", report.what);
	ck_assert_uint_eq(report.n_open, 0);
	for (uint64_t epoch = 1; epoch < 20; ++epoch)
		n_keys += fx.ks->ops->epoch_load(fx.ks, epoch, seed) == 0;
	ck_assert_uint_eq(n_keys, 1);
}

/* @n entries and seals before; then one more of both, in which the process dies. */
static void die_at(enum step step, unsigned n) {
	struct fault_keystore f = { { &fault_ops }, fx.ks, STEP_N, 0, 0 };
	struct journal_entry e = fixture_entry(1);
	int status = 0;
	pid_t child;

	fixture_close();
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct store *store = NULL;

		if (store_open(fx.dirfd, STORE_READ_WRITE, &f.base, &store) < 0)
			_exit(1);
		for (unsigned i = 0; i < n; ++i)
			if (journal_append(store, &e) < 0 || journal_seal(store, &e.at) < 0)
				_exit(2);
		f.at = step;
		if (journal_append(store, &e) < 0 || journal_seal(store, &e.at) < 0)
			_exit(3);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 9);
}

START_TEST(jr06_a_death_between_two_steps_of_a_seal_leaves_a_good_journal) {
	die_at((enum step)_i, 2);
	goes_on(3);
}
END_TEST

START_TEST(jr06_a_death_in_the_very_first_entry_leaves_a_good_journal) {
	die_at(_i == 0 ? STEP_BEFORE_STORE : STEP_AFTER_STORE, 0);
	goes_on(0);
}
END_TEST

static const struct {
	enum step at;
	int error, expect;
} key_faults[] = {
	{STEP_LOAD,          -EIO,    -EIO   },
        { STEP_LOAD,         -ENOENT, -ENOKEY},
	{ STEP_BEFORE_STORE, -EIO,    -EIO   },
        { STEP_BEFORE_STORE, -ENOSPC, -ENOSPC},
	{ STEP_AFTER_STORE,  -EIO,    -EIO   },
        { STEP_BEFORE_ERASE, -EIO,    0      },
	{ STEP_AFTER_ERASE,  -EIO,    0      },
};

START_TEST(a_failing_key_store_delays_the_seal_and_loses_nothing) {
	struct fault_keystore f = { { &fault_ops }, fx.ks, STEP_N, -EIO, 0 };
	struct journal_entry e = fixture_entry(1);

	fixture_close();
	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_WRITE, &f.base, &fx.store), 0);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	f.at = key_faults[_i].at;
	f.error = key_faults[_i].error;
	ck_assert_int_eq(journal_seal(fx.store, &e.at), key_faults[_i].expect);
	ck_assert_uint_gt(f.hits, 0);
	ck_assert(!store_is_broken(fx.store));
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	f.at = STEP_N;
	ck_assert_int_eq(journal_seal(fx.store, &e.at), 0);
	fixture_close();
	goes_on(3);
}
END_TEST

/* Queries: everything that was put in comes out, newest first. */

#define MANY 400u

static struct journal_entry random_entry(unsigned i) {
	static const enum audit_event events[] = { EVENT_SIGN_IN, EVENT_USE, EVENT_EMERGENCY_USE,
						   EVENT_ACCOUNT_CREATED, EVENT_EMERGENCY_STARTED };
	struct journal_entry e = {
		.at = fixture_moment(i),
		.event = events[(unsigned)random() % ARRAY_SIZE(events)],
		.outcome = (enum audit_outcome)((unsigned)random() % OUTCOME_N),
		.account = (unsigned)random() % 5,
		.target = (unsigned)random() % 4 == 0 ? (unsigned)random() % 5 : 0,
		.peer_uid = UINT32_MAX,
		.session = i,
		.has_emergency = (unsigned)random() % 3 == 0,
	};

	e.emergency[0] = (uint8_t)((unsigned)random() % 3);
	if ((unsigned)random() % 4 == 0)
		e.text = "some text";
	if ((unsigned)random() % 4 == 0)
		e.at.wall_ms -= 300000;
	return e;
}

static const struct {
	const char *why;
	struct journal_filter filter;
} filters[] = {
	{"everything",                      { 0 }					       },
	{ "with texts",                     { .with_texts = true }                              },
	{ "one account, as who or as whom", { .account = 3 }                                    },
	{ "an account that does nothing",   { .account = 99 }                                   },
	{ "one event with an index",        { .event_from = 402, .event_to = 402 }              },
	{ "one event without an index",     { .event_from = 101, .event_to = 101 }              },
	{ "a range of events",              { .event_from = 300, .event_to = 499 }              },
	{ "account and event",              { .account = 2, .event_from = 201, .event_to = 201 }},
	{ "between two numbers",            { .before = 300, .after = 100 }                     },
	{ "account between two numbers",    { .before = 300, .after = 100, .account = 1 }       },
	{ "from a time on",                 { .wall_from_ms = 1767225600000 + 200000 }          },
	{ "up to a time",                   { .wall_to_ms = 1767225600000 + 100000 }            },
	{ "one emergency",                  { .has_emergency = true, .emergency = { 2 } }       },
	{ "nothing at all",                 { .before = 1 }                                     },
	{ "after the end",                  { .after = UINT64_MAX }                             },
};

static bool wanted(const struct journal_filter *f, const struct journal_entry *e) {
	return (f->before == 0 || e->seq < f->before) && e->seq > f->after &&
	       (f->account == 0 || e->account == f->account || e->target == f->account) &&
	       (f->event_to == 0 ||
		((unsigned)e->event >= f->event_from && (unsigned)e->event <= f->event_to)) &&
	       (f->wall_from_ms == 0 || e->at.wall_ms >= f->wall_from_ms) &&
	       (f->wall_to_ms == 0 || e->at.wall_ms <= f->wall_to_ms) &&
	       (!f->has_emergency ||
		(e->has_emergency && memcmp(e->emergency, f->emergency, 16) == 0));
}

struct walk {
	const struct journal_entry *entries;
	const struct journal_filter *filter;
	uint64_t next; /* highest number that may come */
	unsigned n;
};

static int on_entry(const struct journal_entry *e, void *userdata) {
	struct walk *walk = userdata;
	const struct journal_entry *expected;

	while (walk->next > 0 && !wanted(walk->filter, &walk->entries[walk->next]))
		walk->next--;
	ck_assert_uint_eq(e->seq, walk->next);
	expected = &walk->entries[walk->next--];
	ck_assert_uint_eq(e->session, expected->session);
	ck_assert_int_eq(e->event, expected->event);
	ck_assert_int_eq(e->outcome, expected->outcome);
	ck_assert_int_eq(e->at.wall_ms, expected->at.wall_ms);
	if (walk->filter->with_texts && expected->text)
		ck_assert_str_eq(e->text, expected->text);
	else
		ck_assert_ptr_null(e->text);
	walk->n++;
	return 0;
}

START_TEST(pages_give_back_what_was_put_in_newest_first) {
	static struct journal_entry entries[MANY + 1];

	srandom(4711);
	ck_assert_int_eq(store_begin(fx.store), 0);
	for (unsigned i = 1; i <= MANY; ++i) {
		entries[i] = random_entry(i);
		ck_assert_int_eq(journal_append(fx.store, &entries[i]), 0);
	}
	ck_assert_int_eq(store_commit(fx.store), 0);
	for (size_t i = 0; i < ARRAY_SIZE(filters); ++i) {
		struct journal_filter filter = filters[i].filter;
		struct walk walk = { entries, &filters[i].filter, MANY, 0 };
		unsigned expected = 0;
		uint64_t next = 0;

		do {
			unsigned before = walk.n, page = 1 + (unsigned)random() % 50;

			ck_assert_int_eq(
				journal_query(fx.store, &filter, page, on_entry, &walk, &next), 0);
			ck_assert_uint_le(walk.n - before, page);
			filter.before = next;
		} while (next != 0);
		for (unsigned k = 1; k <= MANY; ++k)
			expected += wanted(&filters[i].filter, &entries[k]);
		ck_assert_msg(walk.n == expected, "%s: %u entries, want %u", filters[i].why, walk.n,
			      expected);
	}
}
END_TEST

static int count(const struct journal_entry *e, void *userdata) {
	(*(unsigned *)userdata)++;
	return 0;
}

static int stop(const struct journal_entry *e, void *userdata) {
	return -ESTALE;
}

START_TEST(a_page_is_bounded_and_can_be_ended) {
	static const struct journal_filter all, rare = { .event_from = 609, .event_to = 609 };
	struct journal_entry e = fixture_entry(1);
	uint64_t next = 77;
	unsigned n = 0;

	ck_assert_int_eq(store_begin(fx.store), 0);
	for (unsigned i = 0; i < 4100; ++i)
		ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(store_commit(fx.store), 0);
	ck_assert_int_eq(journal_query(fx.store, &all, 100000, count, &n, &next), 0);
	ck_assert_uint_eq(n, LIMIT_HISTORY_PAGE);
	ck_assert_uint_eq(next, 4100 - LIMIT_HISTORY_PAGE + 1);
	ck_assert_int_eq(journal_query(fx.store, &all, 5, stop, NULL, &next), -ESTALE);
	/* A search that finds nothing comes back all the same, and says where it was. */
	n = 0;
	ck_assert_int_eq(journal_query(fx.store, &rare, 10, count, &n, &next), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_gt(next, 1);
}
END_TEST

START_TEST(an_erased_text_reads_as_none_and_a_forged_one_not_at_all) {
	static const struct journal_filter filter = { .with_texts = true };
	unsigned n = 0;
	uint64_t next = 0;

	fixture_fill();
	ck_assert_int_eq(journal_erase_texts(fx.store, 6), 0);
	ck_assert_int_eq(journal_query(fx.store, &filter, 200, count, &n, &next), 0);
	ck_assert_uint_eq(n, 12);
	fixture_close();
	ck_assert_int_eq(forge("UPDATE texts SET sealed = randomblob(50) WHERE seq = 10"),
			 SQLITE_OK);
	ck_assert_int_eq(fixture_open(), 0);
	ck_assert_int_eq(journal_query(fx.store, &filter, 200, count, &n, &next), -EBADMSG);
}
END_TEST

START_TEST(a_damaged_entry_is_not_shown) {
	static const struct journal_filter all;
	unsigned n = 0;
	uint64_t next = 0;

	fixture_fill();
	fixture_close();
	ck_assert(forge_byte(5, 0, 0xff));
	ck_assert_int_eq(fixture_open(), 0);
	ck_assert_int_eq(journal_query(fx.store, &all, 200, count, &n, &next), -EBADMSG);
	ck_assert_uint_eq(n, 7);
}
END_TEST

/* Last sign-in. */

static void sign_in(uint32_t account, enum audit_outcome outcome, unsigned at) {
	struct journal_entry e = {
		.at = fixture_moment(at),
		.event = EVENT_SIGN_IN,
		.outcome = outcome,
		.account = account,
		.seat = 2,
		.peer_uid = UINT32_MAX,
	};

	ck_assert_int_eq(journal_append(fx.store, &e), 0);
}

START_TEST(last_sign_in_and_the_failures_since) {
	struct journal_last last = { .failures_since = 77 };
	struct journal_entry e = fixture_entry(2);

	ck_assert_int_eq(journal_last_sign_in(fx.store, 7, &last), 0);
	ck_assert(!last.has_success);
	ck_assert_uint_eq(last.failures_since, 0);
	sign_in(7, OUTCOME_REFUSED, 1);
	ck_assert_int_eq(journal_last_sign_in(fx.store, 7, &last), 0);
	ck_assert(!last.has_success);
	ck_assert_uint_eq(last.failures_since, 1);
	ck_assert_int_eq(last.failure_wall_ms, fixture_moment(1).wall_ms);
	sign_in(7, OUTCOME_OK, 2);
	sign_in(8, OUTCOME_REFUSED, 3);
	sign_in(7, OUTCOME_OK, 4);
	e.account = 7;
	ck_assert_int_eq(journal_append(fx.store, &e), 0);
	ck_assert_int_eq(journal_last_sign_in(fx.store, 7, &last), 0);
	ck_assert(last.has_success);
	ck_assert_int_eq(last.success_wall_ms, fixture_moment(4).wall_ms);
	ck_assert_uint_eq(last.success_seat, 2);
	ck_assert_uint_eq(last.success_trust, CLOCK_TRUSTED);
	ck_assert_uint_eq(last.failures_since, 0);
	ck_assert_int_eq(last.failure_wall_ms, 0);
	sign_in(7, OUTCOME_REFUSED, 5);
	sign_in(7, OUTCOME_LOCKED, 6);
	sign_in(70, OUTCOME_OK, 7);
	ck_assert_int_eq(journal_last_sign_in(fx.store, 7, &last), 0);
	ck_assert_uint_eq(last.failures_since, 2);
	ck_assert_int_eq(last.failure_wall_ms, fixture_moment(6).wall_ms);
	ck_assert_int_eq(last.success_wall_ms, fixture_moment(4).wall_ms);
}
END_TEST

static void about(enum audit_event event, uint32_t who, uint32_t whom, uint8_t digest) {
	struct journal_entry e = {
		.event = event,
		.account = who,
		.target = whom,
		.peer_uid = UINT32_MAX,
		.has_digest = digest != 0,
		.digest = { digest },
	};

	ck_assert_int_eq(journal_append(fx.store, &e), 0);
}

START_TEST(the_newest_row_hash_of_an_account) {
	uint8_t digest[32] = { 77 };

	ck_assert_int_eq(journal_account_digest(fx.store, 7, digest), -ENOENT);
	about(EVENT_ACCOUNT_CREATED, 1, 7, 10);
	about(EVENT_ACCOUNT_CREATED, 7, 8, 11); /* he did it, it is about another */
	about(EVENT_USE, 7, 0, 12);             /* another kind of event          */
	about(EVENT_ACCOUNT_ROLES, 1, 7, 0);    /* without a row                  */
	ck_assert_int_eq(journal_account_digest(fx.store, 7, digest), 0);
	ck_assert_uint_eq(digest[0], 10);
	about(EVENT_PASSWORD_CHANGED, 7, 0, 13);
	ck_assert_int_eq(journal_account_digest(fx.store, 7, digest), 0);
	ck_assert_uint_eq(digest[0], 13);
	about(EVENT_PASSWORD_CHANGED, 7, 7, 14);
	ck_assert_int_eq(journal_account_digest(fx.store, 7, digest), 0);
	ck_assert_uint_eq(digest[0], 14);
	about(EVENT_ACCOUNT_RESET, 1, 7, 15);
	ck_assert_int_eq(journal_account_digest(fx.store, 7, digest), 0);
	ck_assert_uint_eq(digest[0], 15);
	ck_assert_int_eq(journal_account_digest(fx.store, 1, digest), -ENOENT);
	ck_assert_int_eq(journal_account_digest(fx.store, 8, digest), 0);
	ck_assert_uint_eq(digest[0], 11);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("journal");
	TCase *tc = tcase_create("journal");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_bad_entry_is_refused_and_nothing_written, 0,
			    (int)ARRAY_SIZE(bad_entries));
	tcase_add_test(tc, a_free_text_has_its_limit_to_the_byte);
	tcase_add_test(tc, free_text_never_stands_open_on_the_disk);
	tcase_add_test(tc, an_erased_text_is_gone_after_a_checkpoint);
	tcase_add_test(tc, an_entry_takes_at_most_250_bytes);
	tcase_add_test(tc, jr10_order_is_by_number_whatever_the_clock_says);
	tcase_add_test(tc, a_seal_is_due_by_time_number_and_kind);
	tcase_add_loop_test(tc, accounts_and_emergencies_are_sealed_at_once, 0,
			    (int)ARRAY_SIZE(urgencies));
	tcase_add_test(tc, what_a_dead_process_left_open_is_sealed_at_once);
	tcase_add_test(tc, a_seal_is_never_inside_a_transaction);
	tcase_add_test(tc, the_anchor_is_there_with_the_first_entry);
	tcase_add_test(tc, keys_never_enter_the_database_and_old_ones_are_erased);
	tcase_add_loop_test(tc, jr06_a_death_between_two_steps_of_a_seal_leaves_a_good_journal,
			    STEP_LOAD, STEP_N);
	tcase_add_loop_test(tc, jr06_a_death_in_the_very_first_entry_leaves_a_good_journal, 0, 2);
	tcase_add_loop_test(tc, a_failing_key_store_delays_the_seal_and_loses_nothing, 0,
			    (int)ARRAY_SIZE(key_faults));
	tcase_add_test(tc, pages_give_back_what_was_put_in_newest_first);
	tcase_add_test(tc, a_page_is_bounded_and_can_be_ended);
	tcase_add_test(tc, an_erased_text_reads_as_none_and_a_forged_one_not_at_all);
	tcase_add_test(tc, a_damaged_entry_is_not_shown);
	tcase_add_test(tc, last_sign_in_and_the_failures_since);
	tcase_add_test(tc, the_newest_row_hash_of_an_account);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
