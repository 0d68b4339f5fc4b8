/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Writes and syncs that fail, power cuts, full disks
 *
 * Entries are written in pairs, each pair in one transaction and with a mark of
 * its own. Afterwards every acknowledged pair is there, and none is half there
 * or there twice.
 */

#undef NDEBUG

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/audit/fixture.h"

/* A layer below SQLite that fails the n-th call. */

enum fault {
	FAULT_WRITE,
	FAULT_SHORT, /* half of it is written, then it fails */
	FAULT_FULL,
	FAULT_SYNC,
	FAULT_ANY, /* every kind of call                   */
	FAULT_N,
};

static struct {
	enum fault fault;
	unsigned at; /* fail this call; 0: none        */
	bool stays;  /* and all that follow            */
	bool dies;   /* the process ends there         */
	unsigned calls;
	unsigned hits;
} shim;

#define KINDS 4u
static struct {
	const sqlite3_io_methods *real;
	sqlite3_io_methods mine;
} layers[KINDS];
static unsigned n_layers;

static const sqlite3_io_methods *real_of(const sqlite3_file *file) {
	for (unsigned i = 0; i < n_layers; ++i)
		if (file->pMethods == &layers[i].mine)
			return layers[i].real;
	abort();
}

static bool trips(bool is_sync) {
	if (shim.at == 0 || (shim.fault != FAULT_ANY && is_sync != (shim.fault == FAULT_SYNC)))
		return false;
	shim.calls++;
	if (shim.calls != shim.at && !(shim.stays && shim.calls > shim.at))
		return false;
	shim.hits++;
	if (shim.dies)
		_exit(9);
	return true;
}

static int shim_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at) {
	if (!trips(false))
		return real_of(file)->xWrite(file, p, n, at);
	if (shim.fault == FAULT_SHORT)
		(void)real_of(file)->xWrite(file, p, n / 2, at);
	return shim.fault == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size) {
	return trips(false) ? SQLITE_IOERR_TRUNCATE : real_of(file)->xTruncate(file, size);
}

/* Nobody pulls the real plug, so a good sync need not be one. */
static int shim_sync(sqlite3_file *file, int flags) {
	return trips(true) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static sqlite3_vfs shim_vfs;
static sqlite3_vfs *real_vfs;

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
	int rc = real_vfs->xOpen(real_vfs, name, file, flags, out);
	unsigned i;

	if (rc != SQLITE_OK || !file->pMethods)
		return rc;
	for (i = 0; i < n_layers && layers[i].real != file->pMethods; ++i)
		;
	if (i == n_layers) {
		ck_assert_uint_lt(n_layers, KINDS);
		layers[i].real = file->pMethods;
		layers[i].mine = *file->pMethods;
		layers[i].mine.xWrite = shim_write;
		layers[i].mine.xTruncate = shim_truncate;
		layers[i].mine.xSync = shim_sync;
		n_layers++;
	}
	file->pMethods = &layers[i].mine;
	return rc;
}

static void shim_install(void) {
	real_vfs = sqlite3_vfs_find(NULL);
	shim_vfs = *real_vfs;
	shim_vfs.zName = "shim";
	shim_vfs.xOpen = shim_open;
	shim_vfs.pNext = NULL;
	ck_assert_int_eq(sqlite3_vfs_register(&shim_vfs, 1), SQLITE_OK);
}

static void setup(void) {
	memset(&shim, 0, sizeof(shim));
	shim_install();
	fixture_setup();
}

static void teardown(void) {
	shim.at = 0;
	fixture_teardown();
	(void)sqlite3_vfs_unregister(&shim_vfs);
}

/* Pairs. */

static int write_pair(struct store *store, unsigned mark) {
	char detail[32];
	struct journal_entry e = fixture_entry(1);
	int r = store_begin(store);

	if (r < 0)
		return r;
	(void)snprintf(detail, sizeof(detail), "pair=%u", mark);
	e.detail = detail;
	e.text = "and a text, too";
	for (int i = 0; i < 2; ++i) {
		r = journal_append(store, &e);
		if (r < 0) {
			store_rollback(store);
			return r;
		}
	}
	return store_commit(store);
}

#define MARKS 128u
static unsigned seen[MARKS];

static int see(const struct journal_entry *e, void *userdata) {
	unsigned mark = 0;

	ck_assert_ptr_nonnull(e->detail);
	ck_assert_int_eq(sscanf(e->detail, "pair=%u", &mark), 1);
	ck_assert_uint_lt(mark, MARKS);
	seen[mark]++;
	return 0;
}

/*
 * The journal is good, marks 1 to @acknowledged stand in it as whole pairs, and
 * after them at most @more further ones.
 */
static void check_pairs(struct store *store, unsigned acknowledged, unsigned more,
			const char *why) {
	static const struct verify_options none;
	struct journal_filter filter = { .with_texts = true };
	struct verify_report report = { 0 };
	uint64_t next = 0;

	memset(seen, 0, sizeof(seen));
	ck_assert_int_eq(journal_verify(store, &none, NULL, NULL, &report), 0);
	ck_assert_msg(report.finding == VERIFY_OK, "%s: %s", why, report.what);
	do {
		ck_assert_int_eq(journal_query(store, &filter, 200, see, NULL, &next), 0);
		filter.before = next;
	} while (next != 0);
	for (unsigned i = 1; i < MARKS; ++i) {
		if (i <= acknowledged)
			ck_assert_msg(seen[i] == 2, "%s: pair %u of %u is there %u times", why, i,
				      acknowledged, seen[i]);
		else
			ck_assert_msg(seen[i] == 0 || (seen[i] == 2 && i <= acknowledged + more),
				      "%s: pair %u was not acknowledged, but is there %u times",
				      why, i, seen[i]);
	}
}

static int checkpoint(struct store *store) {
	int r = store_checkpoint(store);

	return r == -EBUSY ? 0 : r;
}

/* Some work, in which something fails. Return: number of pairs acknowledged. */
static unsigned work(struct store *store, unsigned acknowledged) {
	struct moment now = fixture_moment(1);

	for (unsigned i = 0; i < 4; ++i) {
		int r = write_pair(store, acknowledged + 1);

		if (r == 0)
			acknowledged++;
		if (r == 0 && i % 2 == 1)
			r = journal_seal(store, &now);
		if (r == 0 && i == 2)
			r = checkpoint(store);
		if (r < 0)
			break;
	}
	return acknowledged;
}

static void fail_each_call(enum fault fault, bool stays) {
	for (unsigned at = 1;; ++at) {
		unsigned acknowledged;
		char why[64];

		fixture_setup();
		acknowledged = work(fx.store, 0);
		ck_assert_uint_eq(acknowledged, 4);
		shim.fault = fault;
		shim.stays = stays;
		shim.calls = shim.hits = 0;
		shim.at = at;
		acknowledged = work(fx.store, acknowledged);
		(void)snprintf(why, sizeof(why), "fault %d, call %u%s", fault, at,
			       stays ? " and all after" : "");
		if (store_is_broken(fx.store)) {
			ck_assert_int_eq(write_pair(fx.store, 99), -EIO);
			if (stays && fault != FAULT_SYNC)
				ck_assert_msg(store_reopen(fx.store) < 0, "%s: reopened", why);
		}
		shim.at = 0;
		ck_assert_msg(store_reopen(fx.store) == 0, "%s: cannot be reopened", why);
		check_pairs(fx.store, acknowledged, 0, why);
		/* Written again, it is there once. */
		ck_assert_int_eq(write_pair(fx.store, acknowledged + 1), 0);
		check_pairs(fx.store, acknowledged + 1, 0, why);
		fixture_close();
		ck_assert_int_eq(fixture_open(), 0);
		check_pairs(fx.store, acknowledged + 1, 0, why);
		fixture_teardown();
		if (shim.hits == 0) {
			printf("# fault %d: each of %u calls failed in turn\n", fault, at - 1);
			ck_assert_uint_gt(at, 4);
			break;
		}
	}
}

START_TEST(nothing_acknowledged_is_lost_when_one_call_fails) {
	fixture_teardown();
	fail_each_call((enum fault)_i, false);
	fixture_setup();
}
END_TEST

START_TEST(nothing_acknowledged_is_lost_when_all_further_calls_fail) {
	fixture_teardown();
	fail_each_call((enum fault)_i, true);
	fixture_setup();
}
END_TEST

/* The process dies at a call, or after a failed one without having reopened. */
static void die_in_each_call(bool at_once) {
	for (unsigned at = 1;; ++at) {
		int status = 0, pipes[2];
		unsigned acknowledged = 0, hits = 1;
		pid_t child;
		char why[64];

		fixture_setup();
		fixture_close();
		ck_assert_int_eq(pipe(pipes), 0);
		child = fork();
		ck_assert_int_ge(child, 0);
		if (child == 0) {
			if (fixture_open() < 0)
				_exit(1);
			shim.fault = at_once ? FAULT_ANY : FAULT_SYNC;
			shim.calls = shim.hits = 0;
			shim.at = at;
			shim.dies = at_once;
			for (;;) {
				unsigned before = acknowledged;

				if (write_pair(fx.store, acknowledged + 1) < 0)
					_exit(9);
				acknowledged++;
				if (write(pipes[1], "x", 1) != 1)
					_exit(2);
				if (acknowledged % 3 == 0 && checkpoint(fx.store) < 0)
					_exit(9);
				if (before == 8)
					_exit(shim.hits > 0 ? 9 : 0);
			}
		}
		(void)close(pipes[1]);
		for (char c; read(pipes[0], &c, 1) == 1;)
			acknowledged++;
		(void)close(pipes[0]);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFEXITED(status));
		hits = WEXITSTATUS(status) == 9;
		ck_assert(hits || WEXITSTATUS(status) == 0);
		(void)snprintf(why, sizeof(why), "dead at call %u", at);
		ck_assert_int_eq(fixture_open(), 0);
		/* What was on its way may be there, but then whole. */
		check_pairs(fx.store, acknowledged, 1, why);
		fixture_teardown();
		if (hits == 0) {
			ck_assert_uint_gt(at, 4);
			break;
		}
	}
}

START_TEST(jr06_a_death_at_any_call_leaves_whole_pairs) {
	fixture_teardown();
	die_in_each_call(_i == 0);
	fixture_setup();
}
END_TEST

/* JR-06: power cuts. */

/* Where the log ends: behind the last frame with the salt of its header. */
static off_t log_end(void) {
	cleanup_(close_fdp) int fd = openat(fx.dirfd, "careward.db-wal", O_RDONLY | O_CLOEXEC);
	uint8_t header[32], frame[24];
	off_t at = sizeof(header);

	ck_assert_int_eq(pread(fd, header, sizeof(header), 0), sizeof(header));
	while (pread(fd, frame, sizeof(frame), at) == sizeof(frame) &&
	       memcmp(frame + 8, header + 16, 8) == 0)
		at += (off_t)sizeof(frame) + 4096;
	return at;
}

static void cut_at(off_t at, unsigned pairs, unsigned *ret_seen) {
	int fd;
	char why[64];
	struct store *store = NULL;
	unsigned n = 0;

	(void)snprintf(why, sizeof(why), "log cut after %lld bytes", (long long)at);
	copy_file("careward.db", "cut/careward.db");
	copy_file("careward.db-wal", "cut/careward.db-wal");
	fd = openat(fx.dirfd, "cut/careward.db-wal", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, at), 0);
	(void)close(fd);
	fd = openat(fx.dirfd, "cut", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(store_open(fd, STORE_READ_WRITE, fx.ks, &store), 0);
	check_pairs(store, 0, pairs, why);
	for (unsigned i = 1; i <= pairs; ++i) {
		ck_assert_msg(seen[i] == 0 || i == 1 || seen[i - 1] == 2, "%s: pair %u, but not %u",
			      why, i, i - 1);
		n += seen[i] / 2;
	}
	ck_assert_int_eq(write_pair(store, n + 1), 0);
	check_pairs(store, n + 1, 0, why);
	store = store_close(store);
	(void)close(fd);
	(void)unlinkat(fx.dirfd, "cut/careward.db", 0);
	*ret_seen = n;
}

START_TEST(jr06_a_log_cut_anywhere_gives_whole_pairs) {
	const unsigned pairs = 3;
	unsigned n = 0, before = 0, steps = 0;
	off_t all;

	ck_assert_int_eq(mkdirat(fx.dirfd, "cut", 0700), 0);
	for (unsigned i = 1; i <= pairs; ++i)
		ck_assert_int_eq(write_pair(fx.store, i), 0);
	all = log_end();
	/* Each byte at the ends of frames, every 211th in between. */
	for (off_t at = 0; at <= all; ++at) {
		off_t in_frame = (at - 32) % 4120;

		if (at > 40 && at < all - 4 && in_frame > 26 && in_frame < 4118 && at % 211 != 0)
			continue;
		if (at > 40 && in_frame > 2 && in_frame < 26 && at % 7 != 0)
			continue;
		cut_at(at, pairs, &n);
		ck_assert_uint_ge(n, before);
		before = n;
		steps++;
	}
	ck_assert_uint_eq(n, pairs);
	printf("# log of %lld bytes cut at %u places\n", (long long)all, steps);
}
END_TEST

START_TEST(jr06_a_torn_last_frame_is_left_out) {
	off_t before, all;
	unsigned kept = 0;

	ck_assert_int_eq(mkdirat(fx.dirfd, "cut", 0700), 0);
	ck_assert_int_eq(write_pair(fx.store, 1), 0);
	before = log_end();
	ck_assert_int_eq(write_pair(fx.store, 2), 0);
	all = log_end();
	for (off_t at = before; at < all; at += 97) {
		struct store *store = NULL;
		uint8_t byte;
		int fd;

		copy_file("careward.db", "cut/careward.db");
		copy_file("careward.db-wal", "cut/careward.db-wal");
		fd = openat(fx.dirfd, "cut/careward.db-wal", O_RDWR | O_CLOEXEC);
		ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
		byte ^= 0xff;
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
		(void)close(fd);
		fd = openat(fx.dirfd, "cut", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_eq(store_open(fd, STORE_READ_WRITE, fx.ks, &store), 0);
		check_pairs(store, 1, 0, "a byte torn");
		store = store_close(store);
		(void)close(fd);
		(void)unlinkat(fx.dirfd, "cut/careward.db", 0);
		kept++;
	}
	ck_assert_uint_gt(kept, 20);
}
END_TEST

/* JR-14: a file system that is full. */

static void loudly_skip(const char *why) {
	fprintf(stderr, "# SKIPPED a_full_disk_loses_nothing: %s\n", why);
	printf("# SKIPPED a_full_disk_loses_nothing: %s\n", why);
}

static int fill_up(int dirfd) {
	static const uint8_t zeros[4096];
	cleanup_(close_fdp) int fd = openat(dirfd, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < 40; ++i)
		if (write(fd, zeros, sizeof(zeros)) != (ssize_t)sizeof(zeros))
			return -1;
	return 0;
}

START_TEST(jr14_a_full_disk_loses_nothing) {
	static const uint8_t device_id[16] = "a small device";
	char path[96];
	struct store *store = NULL;
	unsigned acknowledged = 0;
	int r = 0, dirfd;

	(void)snprintf(path, sizeof(path), "%s/small", fx.directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("small", path, "tmpfs", 0, "size=1664k,mode=700") < 0) {
		loudly_skip(strerror(errno));
		return;
	}
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(store_create(dirfd, device_id), 0);
	/* Keys of an earlier test of this device would belong to another journal. */
	ck_assert_int_eq(store_open(dirfd, STORE_READ_WRITE, fx.ks, &store), 0);
	ck_assert_int_eq(fill_up(dirfd), 0);
	while (acknowledged < MARKS - 8 && (r = write_pair(store, acknowledged + 1)) == 0)
		acknowledged++;
	ck_assert_msg(r == -ENOSPC, "after %u pairs: %d", acknowledged, r);
	ck_assert_uint_gt(acknowledged, 1);
	ck_assert_int_eq(unlinkat(dirfd, "ballast", 0), 0);
	ck_assert_int_eq(store_reopen(store), 0);
	check_pairs(store, acknowledged, 0, "full disk");
	ck_assert_int_eq(write_pair(store, acknowledged + 1), 0);
	check_pairs(store, acknowledged + 1, 0, "room again");
	store = store_close(store);
	(void)close(dirfd);
	ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
}
END_TEST

START_TEST(a_store_is_not_made_by_halves) {
	const uint8_t id[16] = { 1 };
	unsigned at;

	fixture_close();
	for (at = 1;; ++at) {
		int r;

		(void)unlinkat(fx.dirfd, "careward.db", 0);
		shim.fault = FAULT_ANY;
		shim.calls = shim.hits = 0;
		shim.at = at;
		r = store_create(fx.dirfd, id);
		shim.at = 0;
		if (r < 0) {
			ck_assert_int_lt(faccessat(fx.dirfd, "careward.db", F_OK, 0), 0);
			ck_assert_int_eq(store_create(fx.dirfd, id), 0);
		}
		ck_assert_msg(fixture_open() == 0, "call %u failed, creation said %d", at, r);
		fixture_close();
		if (shim.hits == 0)
			break;
	}
	ck_assert_uint_gt(at, 5);
	printf("# creation: each of %u calls failed in turn\n", at - 1);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("faults");
	TCase *tc = tcase_create("faults");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, nothing_acknowledged_is_lost_when_one_call_fails, 0, FAULT_N);
	tcase_add_loop_test(tc, nothing_acknowledged_is_lost_when_all_further_calls_fail, 0,
			    FAULT_N);
	tcase_add_loop_test(tc, jr06_a_death_at_any_call_leaves_whole_pairs, 0, 2);
	tcase_add_test(tc, jr06_a_log_cut_anywhere_gives_whole_pairs);
	tcase_add_test(tc, jr06_a_torn_last_frame_is_left_out);
	tcase_add_test(tc, jr14_a_full_disk_loses_nothing);
	tcase_add_test(tc, a_store_is_not_made_by_halves);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
