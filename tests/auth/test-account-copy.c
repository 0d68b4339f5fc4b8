/* SPDX-License-Identifier: Apache-2.0 */

/* The checked copy of the accounts: what it takes, and what it gives back. */

#undef NDEBUG

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/account-copy.h"
#include "auth/row.h"
#include "tests/auth/device.h"

/* The process ends at the n-th of these calls; 0: never. */
static unsigned calls, dies_at;

static void step(void) {
	if (++calls == dies_at)
		_exit(9);
}

#define WRAP(name, parameters, arguments)                                                          \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters;                                                              \
	int __wrap_##name parameters {                                                             \
		step();                                                                            \
		return __real_##name arguments;                                                    \
	}

WRAP(fsync, (int fd), (fd))
WRAP(mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
WRAP(renameat, (int fd, const char *path, int to_fd, const char *to), (fd, path, to_fd, to))
WRAP(unlinkat, (int fd, const char *path, int flags), (fd, path, flags))

static uint32_t anna, bert;
static struct account_copy copied;
static uint8_t anchor[32];

/* Two people with passwords, one of them disabled, and a copy. */
static void make_people(void) {
	struct moment now = moment_at(100);
	struct account a;

	anna = make_account("anna", "admin");
	bert = make_account("bert", "nurse");
	(void)make_password(anna, 1, anna);
	(void)make_password(bert, 2, anna);
	ck_assert_int_eq(account_by_number(device.store, bert, &a), 0);
	a.state = ACCOUNT_DISABLED;
	ck_assert_int_eq(account_change(device.store, &nobody, &now, EVENT_ACCOUNT_DISABLED,
	                                &(struct admin_rule){ 1, { "admin" } }, &a),
	                 0);
	ck_assert_int_eq(account_copy_write(device.store, device.dirfd, &now), 0);
}

static void damage(void) {
	int fd = openat(device.dirfd, "careward.db", O_WRONLY);

	ck_assert_int_eq(pwrite(fd, "no database", 11, 0), 11);
	(void)close(fd);
}

static int restore(void) {
	struct moment now = moment_at(5000);

	return account_copy_restore(device.dirfd, device.ks, &now, &copied, anchor);
}

static bool exists(const char *name) {
	struct stat st;

	return fstatat(device.dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void check_people(void) {
	const struct verify_options options = { 0 };
	struct verify_report report;
	struct account a;
	struct password p;

	device_open();
	ck_assert_int_eq(account_by_name(device.store, "anna", &a), 0);
	ck_assert_uint_eq(a.number, anna);
	ck_assert_int_eq(password_load(device.store, anna, &p), 0);
	ck_assert_int_eq(account_by_name(device.store, "bert", &a), 0);
	ck_assert_int_eq(a.state, ACCOUNT_DISABLED);
	ck_assert_int_eq(password_load(device.store, bert, &p), 0);
	/* Numbers are never given again. */
	ck_assert_uint_gt(make_account("carl", "nurse"), bert);
	ck_assert_int_eq(journal_verify(device.store, &options, NULL, NULL, &report), 0);
	ck_assert_msg(report.finding == VERIFY_OK, "%s", report.what);
}

static void tear_down(void) {
	(void)unlinkat(device.dirfd, "set-aside/careward.db", 0);
	(void)unlinkat(device.dirfd, "set-aside/careward.db-wal", 0);
	(void)unlinkat(device.dirfd, "set-aside", AT_REMOVEDIR);
	(void)unlinkat(device.dirfd, "restore/careward.lock", 0);
	(void)unlinkat(device.dirfd, "restore", AT_REMOVEDIR);
	device_tear_down();
}

START_TEST(a_damaged_database_gives_way_to_the_copy) {
	make_people();
	device_close();
	damage();
	ck_assert_int_eq(restore(), 0);
	ck_assert_uint_eq(copied.n_accounts, 2);
	ck_assert_uint_eq(copied.n_authenticators, 2);
	ck_assert(exists("set-aside/careward.db"));
	ck_assert(!exists("restore"));
	check_people();
}
END_TEST

START_TEST(a_database_of_a_newer_release_gives_way_to_the_copy) {
	make_people();
	device_close();
	device_sql("UPDATE meta SET value = x'02000000' WHERE name = 'min_reader'");
	ck_assert_int_eq(restore(), 0);
	check_people();
}
END_TEST

START_TEST(a_database_that_opens_stays) {
	make_people();
	device_close();
	ck_assert_int_eq(restore(), -EEXIST);
	device_open();
}
END_TEST

START_TEST(without_a_copy_nothing_changes) {
	make_people();
	device_close();
	damage();
	ck_assert_int_eq(unlinkat(device.dirfd, ACCOUNT_COPY_NAME, 0), 0);
	ck_assert_int_eq(restore(), -ENOENT);
	ck_assert(exists("careward.db") && !exists("set-aside"));
}
END_TEST

/* JR-03: a byte of it changed is no copy. */
START_TEST(JR_03_a_copy_that_was_changed_is_not_taken) {
	int fd = -1;
	struct stat st;

	make_people();
	device_close();
	damage();
	fd = openat(device.dirfd, ACCOUNT_COPY_NAME, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	for (off_t at = 0; at < st.st_size; at += at < 90 ? 1 : 23) {
		uint8_t byte, other;

		ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
		other = byte ^ 0x10;
		ck_assert_int_eq(pwrite(fd, &other, 1, at), 1);
		ck_assert_msg(restore() == -EBADMSG, "byte %lld of %lld", (long long)at,
		              (long long)st.st_size);
		ck_assert(exists("careward.db") && !exists("set-aside"));
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	}
	ck_assert_int_eq(ftruncate(fd, st.st_size - 1), 0);
	ck_assert_int_eq(restore(), -EBADMSG);
	(void)close(fd);
}
END_TEST

/* FD-15, for the copy: a damaged account does not get into it, and the copy before stays. */
START_TEST(FD_15_a_damaged_account_is_not_copied) {
	struct moment now = moment_at(200);

	make_people();
	device_sql("UPDATE accounts SET state = 1 WHERE number = 2");
	ck_assert_int_eq(account_copy_write(device.store, device.dirfd, &now), -EBADMSG);
	device_close();
	damage();
	ck_assert_int_eq(restore(), 0);
	check_people();
}
END_TEST

/* CC-03: wherever it dies, there is the old database, or none, or the new one with everybody. */
START_TEST(CC_03_a_restore_that_dies_can_be_repeated) {
	unsigned n = 0;
	int status = 0;

	make_people();
	device_close();
	damage();
	for (n = 1; n < 200; ++n) {
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			calls = 0;
			dies_at = n;
			_exit(restore() == 0 ? 0 : 1);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status));
		if (WEXITSTATUS(status) != 9)
			break;
	}
	/* After the new one has its name, there is nothing to repeat. */
	ck_assert_uint_gt(n, 10);
	ck_assert(exists("set-aside/careward.db"));
	check_people();
}
END_TEST

int main(void) {
	Suite *suite = suite_create("account copy");
	TCase *tc = tcase_create("copy");

	tcase_add_checked_fixture(tc, device_set_up, tear_down);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_damaged_database_gives_way_to_the_copy);
	tcase_add_test(tc, a_database_of_a_newer_release_gives_way_to_the_copy);
	tcase_add_test(tc, a_database_that_opens_stays);
	tcase_add_test(tc, without_a_copy_nothing_changes);
	tcase_add_test(tc, JR_03_a_copy_that_was_changed_is_not_taken);
	tcase_add_test(tc, FD_15_a_damaged_account_is_not_copied);
	tcase_add_test(tc, CC_03_a_restore_that_dies_can_be_repeated);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
