/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The power is cut after each operation of a shift
 *
 * A real carewardd plays the shift once, and what it does to its disk is logged
 * (recorder.c). Then each prefix of the log is made a directory: with all that
 * was written, with nothing but what was synced, with the last write torn, and
 * with random parts of what was on its way. The real code opens each of them.
 *
 * What the database holds after a cut has to be what it held at some moment of
 * the shift, as a whole, not before the last thing that was told to anybody.
 *
 * soak-power [--seed N] [--samples N] [--starts N]: ./dev soak --power
 */

#undef NDEBUG

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "audit/journal.h"
#include "broker/spool.h"
#include "common/bytes.h"
#include "disk.h"
#include "judge.h"
#include "shift.h"

#define OPS 65536u

/* After those of enum judged_fault. */
enum finding {
	F_LOST = JUDGED_FAULTS, /* what was told is not there                          */
	F_HALF,    /* holds what it never held                                         */
	F_SPOOLED, /* what the spool had is neither there nor in the journal           */
	F_EARLY,   /* told before it was recorded                                      */
	F_HASHED,  /* hashed before the try was counted                                */
	F_START,   /* the broker does not start, or lets nobody in                     */
	F_N,
};

static struct {
	uint64_t seed;
	unsigned samples; /* random parts at each operation                             */
	unsigned starts;  /* directories in which the whole broker is started       */
} settings = { .seed = 1, .samples = 100, .starts = 1000 };

/* One operation of the log, and what was so after it. */
struct moment_of {
	const struct log_op *op;
	unsigned held;     /* index of what the database holds when nothing is lost */
	unsigned promised; /* the least that a cut has to leave                     */
	unsigned claims;   /* of told_claims[], how many were told by then          */
	bool changed;
};

static struct moment_of moments[OPS];
static unsigned n_moments;

/* What the database held, in order. */
static struct held {
	uint64_t content, head;
	bool has_account;
} held[8192];
static unsigned n_held;

static struct judged_claim told_claims[JUDGED_CLAIMS];
static unsigned n_told;

static struct {
	unsigned n;
	char first[512];
} findings[F_N];
static unsigned n_states, n_started;

/* Directories that were judged, by their hash; 0: an empty place. */
#define SEEN (1u << 21)
static uint64_t *seen;
static unsigned n_seen;

static struct world world;
static struct log *the_log;
static char work[64];
static int work_fd = -1;

static void __attribute__((format(printf, 3, 4)))
found(unsigned finding, unsigned at, const char *format, ...) {
	va_list list;
	char text[400];

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (findings[finding].n++ == 0)
		(void)snprintf(findings[finding].first, sizeof(findings[finding].first),
		               "after operation %u of %u: %s", at, n_moments, text);
}

/* ---- reading the log -------------------------------------------------------------- */

static const void *payload(const struct log_op *op) {
	return op + 1;
}

static void read_log(void) {
	uint64_t used = atomic_load(&the_log->used);

	for (uint64_t at = 0; at < used; at += log_size(log_at(the_log, at))) {
		ck_assert_uint_lt(n_moments, OPS);
		moments[n_moments++].op = log_at(the_log, at);
	}
	ck_assert_uint_gt(n_moments, 500);
}

/* Is this frame the answer that a mark names? */
static bool is_answer(const struct log_op *op, const char *ack) {
	struct frame f;

	if (op->kind != LOG_SENT || frame_parse(payload(op), op->n, &f) < 0)
		return false;
	if (strcmp(ack, "reply") == 0)
		return f.kind == FRAME_REPLY;
	return f.kind == FRAME_EVENT && strcmp(f.name, ack) == 0;
}

/* ---- what may be left of each moment ---------------------------------------------- */

static unsigned find_held(uint64_t content) {
	for (unsigned i = n_held; i > 0; --i)
		if (held[i - 1].content == content)
			return i - 1;
	return UINT32_MAX;
}

static void hold(unsigned at, const struct judged *j) {
	if (n_held == 0 || held[n_held - 1].content != j->content) {
		if (find_held(j->content) != UINT32_MAX)
			found(F_HALF, at, "what was there before is back");
		ck_assert_uint_lt(n_held, sizeof(held) / sizeof(held[0]));
		held[n_held++] = (struct held){ j->content, j->head, j->has_account };
	}
	moments[at].held = n_held - 1;
}

/* Slots that were written before the writer said so. */
static void tell_claims(unsigned at, uint64_t spool_inode) {
	for (unsigned i = 0; i < at; ++i) {
		const struct log_op *op = moments[i].op;
		const struct spool_record *r = payload(op);

		if (op->kind != LOG_WRITE || op->inode != spool_inode || op->n != sizeof(*r) ||
		    op->pid != moments[at].op->pid || r->magic == 0)
			continue;
		if (n_told < JUDGED_CLAIMS && r->record.magic == RING_MAGIC) {
			struct judged_claim c = { .serial = r->record.serial };
			bool known = false;

			memcpy(c.emergency, r->record.emergency, 16);
			for (unsigned k = 0; k < n_told; ++k)
				known = known || memcmp(&told_claims[k], &c, sizeof(c)) == 0;
			if (!known)
				told_claims[n_told++] = c;
		}
	}
}

/* ---- one cut ----------------------------------------------------------------------- */

static bool is_new(const struct image *image) {
	uint64_t hash = image_hash(image) | 1;
	unsigned at = (unsigned)(hash >> 20) % SEEN;

	if (!seen)
		seen = calloc(SEEN, sizeof(*seen));
	ck_assert_ptr_nonnull(seen);
	for (; seen[at] != 0; at = (at + 1) % SEEN)
		if (seen[at] == hash)
			return false;
	ck_assert_uint_lt(++n_seen, SEEN / 2);
	seen[at] = hash;
	return true;
}

static void judge_image(const struct image *image, struct judged *ret) {
	ck_assert_int_eq(image_lay_out(image, work_fd), 0);
	judge(work_fd, ret);
	++n_states;
}

static void compare_claims(unsigned at, const struct judged *j) {
	for (unsigned i = 0; i < moments[at].claims; ++i) {
		bool there = false;

		for (unsigned k = 0; k < j->n_claims && !there; ++k)
			there = memcmp(&j->claims[k], &told_claims[i], sizeof(told_claims[i])) == 0;
		if (!there)
			found(F_SPOOLED, at, "record %llu is gone",
			      (unsigned long long)told_claims[i].serial);
	}
}

static const char *const cut_names[DISK_CUTS] = { "nothing lost", "unsynced lost", "torn",
	                                          "some lost" };

static void compare(unsigned at, enum disk_cut cut, const struct judged *j) {
	unsigned i = find_held(j->content);

	if (j->fault != JUDGED_GOOD)
		found(j->fault, at, "%s: %s", cut_names[cut], j->what);
	if (j->fault == JUDGED_CLOSED)
		return;
	if (i == UINT32_MAX || i > moments[at].held)
		found(F_HALF, at, "%s: head %llu, a database that never was so", cut_names[cut],
		      (unsigned long long)j->head);
	else if (i < moments[at].promised)
		found(F_LOST, at, "%s: head %llu, told was up to %llu", cut_names[cut],
		      (unsigned long long)j->head,
		      (unsigned long long)held[moments[at].promised].head);
	compare_claims(at, j);
}

static void try_cut(const struct disk *disk, unsigned at, enum disk_cut cut, uint64_t seed) {
	struct image image = { .n = 0 };
	struct judged j;

	disk_cut(disk, cut, seed, &image);
	if (is_new(&image)) {
		judge_image(&image, &j);
		compare(at, cut, &j);
	}
	image_free(&image);
}

/* ---- the walks ---------------------------------------------------------------------- */

/* First: what is so when nothing is lost. */
static void walk_whole(void) {
	struct disk *disk = disk_new();
	uint64_t spool_inode = 0;
	unsigned promised = 0;

	for (unsigned at = 0; at < n_moments; ++at) {
		const struct log_op *op = moments[at].op;
		struct image image = { .n = 0 };
		struct judged j;

		if (op->kind == LOG_CREATE && strcmp(op->name, SPOOL_NAME) == 0)
			spool_inode = op->inode;
		moments[at].changed = disk_step(disk, op);
		moments[at].held = at > 0 ? moments[at - 1].held : 0;
		if (at == 0 || (moments[at].changed && op->kind != LOG_SYNC &&
		                op->kind != LOG_SYNC_DIR)) {
			disk_cut(disk, DISK_ALL, 0, &image);
			if (is_new(&image)) {
				judge_image(&image, &j);
				hold(at, &j);
				compare(at, DISK_ALL, &j);
			}
			image_free(&image);
		}
		if (op->kind == LOG_SENT || op->kind == LOG_HASH)
			promised = moments[at].held;
		if (op->kind == LOG_SPOOLED)
			tell_claims(at, spool_inode);
		moments[at].promised = promised;
		moments[at].claims = n_told;
	}
	disk_free(disk);
}

static void walk_cut(void) {
	struct disk *disk = disk_new();
	uint64_t seed = settings.seed * 1000003u;

	for (unsigned at = 0; at < n_moments; ++at) {
		(void)disk_step(disk, moments[at].op);
		if (!moments[at].changed)
			continue;
		try_cut(disk, at, DISK_SYNCED, 0);
		if (moments[at].op->kind == LOG_WRITE)
			try_cut(disk, at, DISK_TORN, random_next(&seed));
		for (unsigned i = 0; i < settings.samples; ++i)
			try_cut(disk, at, DISK_SOME, random_next(&seed));
	}
	disk_free(disk);
}

/* ---- answers and what they promise --------------------------------------------------- */

static int count_event(const struct journal_entry *e, void *userdata) {
	uint8_t *events = userdata;

	put_le32(events + 4 * e->seq, e->event);
	return 0;
}

#define ENTRIES 8192u
static uint8_t events[4 * ENTRIES];

/* The whole journal, from the last image of all. */
static void read_events(void) {
	struct journal_filter filter = { 0 };
	struct keystore *ks = NULL;
	struct store *store = NULL;

	ck_assert_int_eq(keystore_file_open(work_fd, &ks), 0);
	ck_assert_int_eq(store_open(work_fd, STORE_READ_WRITE, ks, &store), 0);
	do {
		ck_assert_int_eq(journal_query(store, &filter, LIMIT_HISTORY_PAGE, count_event,
		                               events, &filter.before),
		                 0);
	} while (filter.before != 0);
	(void)store_close(store);
	(void)keystore_close(ks);
}

static bool has_event(uint64_t after, uint64_t last, uint32_t event) {
	for (uint64_t seq = after + 1; seq <= last && seq < ENTRIES; ++seq)
		if (get_le32(events + 4 * seq) == event)
			return true;
	return false;
}

static void check_step(unsigned first, unsigned last, const struct shift_mark *m) {
	unsigned answer = 0, hash = 0;
	uint64_t before = held[moments[first].held].head;

	for (unsigned at = first; at < last; ++at) {
		if (is_answer(moments[at].op, m->ack))
			answer = at;
		if (moments[at].op->kind == LOG_HASH && hash == 0)
			hash = at;
	}
	if (answer == 0)
		found(F_EARLY, last, "%s: there was no answer", m->step);
	if (m->event != 0 && !has_event(before, held[moments[answer].held].head, m->event))
		found(F_EARLY, answer, "%s: answered before entry %u was there", m->step, m->event);
	if (m->hashes != 0 && hash == 0)
		found(F_HASHED, last, "%s: nothing was hashed", m->step);
	if (m->hashes != 0 && !has_event(before, held[moments[hash].held].head, m->hashes))
		found(F_HASHED, hash, "%s: hashed before the try was counted", m->step);
}

static unsigned check_steps(void) {
	unsigned begun = 0, n = 0;

	for (unsigned at = 0; at < n_moments; ++at) {
		const struct shift_mark *m = payload(moments[at].op);

		if (moments[at].op->kind != LOG_MARK)
			continue;
		if (m->what == SHIFT_BEGIN) {
			begun = at;
			continue;
		}
		check_step(begun, at, m);
		++n;
	}
	return n;
}

/* ---- the whole broker ------------------------------------------------------------------ */

static bool has_alarm(struct caller *c, const char *alarm) {
	struct frame_span alarms, item;
	size_t cursor = 0;
	char text[64];

	ck_assert_uint_eq(caller_call(c, "status"), RESULT_OK);
	ck_assert_int_eq(frame_get_array(c->frame.body, "alarms", &alarms), 0);
	while (frame_next_item(alarms, &cursor, &item) == 1)
		if (frame_item_text(item, text, sizeof(text)) == 0 && strcmp(text, alarm) == 0)
			return true;
	return false;
}

/* The one-time password that init answered, from the log. */
static bool first_secret(unsigned before, char ret_secret[64]) {
	for (unsigned at = 0; at < before; ++at) {
		const struct log_op *op = moments[at].op;
		struct frame f;

		if (op->kind == LOG_SENT && frame_parse(payload(op), op->n, &f) == 0 &&
		    frame_get_text(f.body, "secret", ret_secret, 64) == 0)
			return true;
	}
	return false;
}

/* PW-23: with the password, or with the one that has to be changed. */
static bool gets_in(struct caller *c, unsigned at) {
	const struct answer own = { CW_FIELD_PASSWORD, ADMIN_PASSWORD };
	char secret[64] = "";
	const struct answer forced[] = { { CW_FIELD_PASSWORD, secret },
		                         { CW_FIELD_NEW_PASSWORD, ADMIN_PASSWORD },
		                         { CW_FIELD_NEW_PASSWORD_AGAIN, ADMIN_PASSWORD } };

	if (strcmp(caller_attempt(c, CW_PURPOSE_SIGN_IN, "anna", &own, 1), "signed-in") == 0)
		return true;
	return first_secret(n_moments, secret) && at > 0 &&
	       strcmp(caller_attempt(c, CW_PURPOSE_SIGN_IN, "anna", forced, 3), "signed-in") == 0;
}

static void give_away(void) {
	char command[300];

	snprintf(command, sizeof(command), "chown -R %u:%u '%s'", BROKER_UID, BROKER_UID,
	         world.state);
	if (world_has_two_uids())
		ck_assert_int_eq(system(command), 0);
}

static void probe(unsigned at, const char *cut) {
	struct caller service;
	bool ok = false, initialised = false;
	char recovery[64];

	world_start(&world);
	caller_open(&service, &world, "service");
	if (has_alarm(&service, "database-missing-or-damaged") ||
	    has_alarm(&service, "storage-fails")) {
		found(F_START, at, "%s: the broker has no database", cut);
	} else {
		ck_assert_uint_eq(caller_call(&service, "status"), RESULT_OK);
		ck_assert_int_eq(frame_get_bool(service.frame.body, "initialised", &initialised), 0);
		if (!initialised && held[moments[at].promised].has_account)
			found(F_START, at, "%s: initialised, and not any more", cut);
		if (!initialised)
			world_commission(&world, &service, recovery);
		else if (!gets_in(&service, at))
			found(F_START, at, "%s: anna does not get in", cut);
		ck_assert_uint_eq(caller_call(&service, "verify"), RESULT_OK);
		if (frame_get_bool(service.frame.body, "ok", &ok) < 0 || !ok)
			found(F_START, at, "%s: verify is not content", cut);
	}
	caller_close(&service);
	world_stop(&world);
	++n_started;
}

static void start_at(const struct disk *disk, unsigned at, enum disk_cut cut, uint64_t seed) {
	struct image image = { .n = 0 };
	int fd = open(world.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	disk_cut(disk, cut, seed, &image);
	if (is_new(&image)) {
		ck_assert_int_eq(image_lay_out(&image, fd), 0);
		give_away();
		probe(at, cut_names[cut]);
	}
	image_free(&image);
	close(fd);
}

/* Before there is a database: after each change of the directory; of all others: some. */
static void walk_starts(void) {
	struct disk *disk = disk_new();
	uint64_t seed = settings.seed * 7919u;
	unsigned n_changed = 0;

	memset(seen, 0, SEEN * sizeof(*seen));
	n_seen = 0;
	for (unsigned at = 0; at < n_moments; ++at)
		n_changed += moments[at].changed;
	for (unsigned at = 0; at < n_moments; ++at) {
		bool first = held[moments[at].held].content == 0;

		(void)disk_step(disk, moments[at].op);
		if (!moments[at].changed)
			continue;
		if (first && (moments[at].op->kind != LOG_WRITE || settings.starts > n_changed)) {
			start_at(disk, at, DISK_ALL, 0);
			start_at(disk, at, DISK_SYNCED, 0);
		}
		if (random_next(&seed) % n_changed < settings.starts)
			start_at(disk, at, DISK_SOME, random_next(&seed));
	}
	disk_free(disk);
}

/* ---- tests ------------------------------------------------------------------------------- */

static bool played;

static void play(void) {
	char path[160];

	world_make(&world);
	the_log = shift_log(&world, path);
	shift_play(&world, the_log, path, TEST_RECORDER);
	read_log();
	snprintf(work, sizeof(work), "%s/careward-power-XXXXXX",
	         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(work));
	work_fd = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(work_fd, 0);
	walk_whole();
	read_events();
	printf("# %u operations, %u contents, %u steps\n", n_moments, n_held, check_steps());
	walk_cut();
	printf("# %u directories judged\n", n_states);
	walk_starts();
	printf("# %u of them started\n", n_started);
	(void)fflush(stdout);
	played = true;
}

static void clean_up(void) {
	char command[100];

	snprintf(command, sizeof(command), "rm -rf '%s'", work);
	if (work_fd >= 0)
		ck_assert_int_eq(system(command), 0);
	world_remove(&world);
}

static void none(unsigned finding) {
	ck_assert_msg(findings[finding].n == 0, "%u times; %s", findings[finding].n,
	              findings[finding].first);
}

/* Before the first test, where a failure has a name; the others have nothing to look at then. */
static void once(void) {
	static bool begun;

	if (!begun) {
		begun = true;
		play();
	}
	ck_assert(played);
}

START_TEST(CC_03_what_was_told_is_there_after_any_cut) {
	none(F_LOST);
}
END_TEST

START_TEST(CC_03_half_a_change_never_stands) {
	none(F_HALF);
	none(JUDGED_ACCOUNT);
}
END_TEST

START_TEST(JR_06_the_chain_is_valid_after_any_cut) {
	none(JUDGED_CLOSED);
	none(JUDGED_CHAIN);
}
END_TEST

START_TEST(PW_23_a_forced_change_is_the_old_password_or_the_new_one) {
	none(JUDGED_PASSWORD);
}
END_TEST

START_TEST(LK_13_no_hash_begins_before_its_try_is_durable) {
	none(F_HASHED);
}
END_TEST

START_TEST(CF_05_a_configuration_is_whole_or_the_one_before) {
	none(JUDGED_CONFIG);
}
END_TEST

START_TEST(CF_06_each_key_is_whole_and_none_is_left_over) {
	none(JUDGED_KEYS);
}
END_TEST

START_TEST(nothing_is_answered_before_it_is_recorded) {
	none(F_EARLY);
}
END_TEST

START_TEST(CC_03_a_spooled_record_is_in_the_spool_or_in_the_journal) {
	none(JUDGED_SPOOL);
	none(F_SPOOLED);
	ck_assert_uint_ge(n_told, 4);
}
END_TEST

START_TEST(CC_03_the_broker_starts_and_the_administrator_gets_in) {
	none(F_START);
	ck_assert_uint_gt(n_started, 10);
}
END_TEST

static void read_options(int argc, char **argv) {
	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned long long n = strtoull(argv[i + 1], NULL, 10);

		if (strcmp(argv[i], "--seed") == 0)
			settings.seed = n;
		if (strcmp(argv[i], "--samples") == 0)
			settings.samples = (unsigned)n;
		if (strcmp(argv[i], "--starts") == 0)
			settings.starts = (unsigned)n;
	}
}

int main(int argc, char **argv) {
	Suite *s = suite_create("loss power");
	TCase *t = tcase_create("power");
	SRunner *r = NULL;
	int failed = 0;

	read_options(argc, argv);
	tcase_add_unchecked_fixture(t, NULL, clean_up);
	tcase_add_checked_fixture(t, once, NULL);
	tcase_add_test(t, CC_03_what_was_told_is_there_after_any_cut);
	tcase_add_test(t, CC_03_half_a_change_never_stands);
	tcase_add_test(t, JR_06_the_chain_is_valid_after_any_cut);
	tcase_add_test(t, PW_23_a_forced_change_is_the_old_password_or_the_new_one);
	tcase_add_test(t, LK_13_no_hash_begins_before_its_try_is_durable);
	tcase_add_test(t, CF_05_a_configuration_is_whole_or_the_one_before);
	tcase_add_test(t, CF_06_each_key_is_whole_and_none_is_left_over);
	tcase_add_test(t, nothing_is_answered_before_it_is_recorded);
	tcase_add_test(t, CC_03_a_spooled_record_is_in_the_spool_or_in_the_journal);
	tcase_add_test(t, CC_03_the_broker_starts_and_the_administrator_gets_in);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_set_tap(r, "-");
	srunner_run_all(r, CK_SILENT);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
