/* SPDX-License-Identifier: Apache-2.0 */

/* One writer, whatever is done to the files under it; and keys that are this device's alone. */

#undef NDEBUG

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/audit/fixture.h"

static void nothing(void) {
}

static void remove_lock(void) {
	(void)unlinkat(fx.dirfd, "careward.lock", 0);
}

static void put_lock(void) {
	int fd = openat(fx.dirfd, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(renameat(fx.dirfd, "new", fx.dirfd, "careward.lock"), 0);
}

/* The rename by which others publish a new state: the lock would go with the old file. */
static void replace_database(void) {
	copy_file("careward.db", "new");
	ck_assert_int_eq(renameat(fx.dirfd, "new", fx.dirfd, "careward.db"), 0);
}

static void replace_all(void) {
	replace_database();
	put_lock();
	(void)unlinkat(fx.dirfd, "careward.db-wal", 0);
	(void)unlinkat(fx.dirfd, "careward.db-shm", 0);
}

static const struct {
	const char *why;
	void (*act)(void);
} deeds[] = {
	{"LK-02 nothing was done", nothing},
	{"LK-02 a lock file is removed", remove_lock},
	{"LK-02 a lock file is replaced", put_lock},
	{"LK-02 the database is published anew by a rename", replace_database},
	{"LK-02 everything is replaced", replace_all},
};

static int open_second(void) {
	struct store *second = NULL;
	int r = store_open(fx.dirfd, STORE_READ_WRITE, fx.ks, &second);

	second = store_close(second);
	return r;
}

START_TEST(LK_02_no_file_that_is_replaced_lets_a_second_writer_in) {
	const uint8_t id[16] = {9};
	int status;
	pid_t pid;

	deeds[_i].act();
	ck_assert_msg(open_second() == -EBUSY, "%s: in the same process", deeds[_i].why);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(open_second() == -EBUSY && store_create(fx.dirfd, id) == -EBUSY ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "%s: in another process", deeds[_i].why);
	ck_assert_msg(store_is_busy(fx.dirfd), "%s: nobody says so", deeds[_i].why);
}
END_TEST

START_TEST(LK_02_who_closes_or_dies_leaves_room) {
	int status;
	pid_t pid;

	fixture_close();
	ck_assert(!store_is_busy(fx.dirfd));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(fixture_open() == 0 && store_is_busy(fx.dirfd) ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(fixture_open(), 0);
	/* Asking whether somebody writes is no obstacle to who does. */
	ck_assert(store_is_busy(fx.dirfd));
	ck_assert_int_eq(open_second(), -EBUSY);
}
END_TEST

/* Nothing of a key follows from the machine: neither its id nor its name nor its clock. */
START_TEST(CF_12_two_devices_of_one_machine_share_no_key) {
	static const char *const labels[] = {"careward seal 1 texts", "careward seal 1 accounts"};
	struct fixture first = fx;
	struct journal_entry e = fixture_entry(1);
	uint8_t keys[2][ARRAY_SIZE(labels)][32], anchors[2][32];

	for (unsigned device = 0; device < 2; ++device) {
		if (device == 1)
			fixture_setup();
		ck_assert_int_eq(journal_append(fx.store, &e), 0);
		ck_assert_int_eq(journal_anchor(fx.store, anchors[device]), 0);
		for (unsigned i = 0; i < ARRAY_SIZE(labels); ++i)
			ck_assert_int_eq(fx.ks->ops->derive(fx.ks, labels[i], keys[device][i]), 0);
	}
	ck_assert(memcmp(anchors[0], anchors[1], 32) != 0);
	for (unsigned i = 0; i < ARRAY_SIZE(labels); ++i)
		ck_assert_msg(memcmp(keys[0][i], keys[1][i], 32) != 0, "%s", labels[i]);
	ck_assert(memcmp(keys[0][0], keys[0][1], 32) != 0);
	fixture_teardown();
	fx = first;
}
END_TEST

int main(void) {
	Suite *suite = suite_create("writers");
	TCase *tc = tcase_create("writers");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, LK_02_no_file_that_is_replaced_lets_a_second_writer_in, 0,
			    (int)ARRAY_SIZE(deeds));
	tcase_add_test(tc, LK_02_who_closes_or_dies_leaves_room);
	tcase_add_test(tc, CF_12_two_devices_of_one_machine_share_no_key);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
