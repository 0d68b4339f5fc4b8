/* SPDX-License-Identifier: Apache-2.0 */

/*
 * CF-04: between looking at a file and reading it, somebody puts another one there
 *
 * Each call that reading makes is followed, once, by the swap: so it happens at
 * every point at which it could. What comes of it is the good text, or a refusal;
 * never a byte of the other one.
 */

#undef NDEBUG

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "support.h"

#define GOOD "site = { name = \"good\"; };\n"
#define EVIL "site = { name = \"evil\"; };\n" /* of the same length */

static char folder[64];
static unsigned calls, swap_after; /* 0: never */
static void (*swap)(void);
static bool is_owners; /* who swaps may write to the file: the other text is one, too */

static void write_file(const char *name, const char *text, mode_t mode) {
	cleanup_(close_filep) FILE *f = fopen(name, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fchmod(fileno(f), mode), 0);
}

/* A file of somebody else's; who is not root has only the mode to tell by. */
static void write_evil(const char *name) {
	write_file(name, EVIL, 0666);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(name, 65534, 65534), 0);
}

static void swap_by_rename(void) {
	ck_assert_int_eq(rename("evil", "f"), 0);
}

static void swap_by_link(void) {
	ck_assert_int_eq(unlink("f"), 0);
	ck_assert_int_eq(symlink("evil", "f"), 0);
}

static void swap_by_fifo(void) {
	ck_assert_int_eq(unlink("f"), 0);
	ck_assert_int_eq(mkfifo("f", 0644), 0);
}

/* By who may write to it, with the old times put back: one text or the other, whole. */
static void swap_by_writing(void) {
	struct stat st;
	struct timespec times[2];
	int fd = open("f", O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(fstat(fd, &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	ck_assert_int_eq(pwrite(fd, EVIL, sizeof(EVIL) - 1, 0), (ssize_t)sizeof(EVIL) - 1);
	ck_assert_int_eq(futimens(fd, times), 0);
	(void)close(fd);
}

static void swap_of_folder(void) {
	ck_assert_int_eq(rename("in", "was"), 0);
	ck_assert_int_eq(rename("other", "in"), 0);
}

/* ---- every call, followed by the swap when it is its turn --------------------------------- */

static void called(void) {
	int e = errno;

	if (++calls == swap_after)
		swap();
	errno = e;
}

/* Under the names that the C library has for them with large files, and without. */
#define WRAP_OPENAT(name)                                                                          \
	int __real_##name(int dirfd, const char *path, int flags, ...);                            \
	int __wrap_##name(int dirfd, const char *path, int flags, ...);                            \
	int __wrap_##name(int dirfd, const char *path, int flags, ...) {                           \
		int fd = __real_##name(dirfd, path, flags);                                        \
		called();                                                                          \
		return fd;                                                                         \
	}
#define WRAP_FSTAT(name)                                                                           \
	int __real_##name(int fd, struct stat *st);                                                \
	int __wrap_##name(int fd, struct stat *st);                                                \
	int __wrap_##name(int fd, struct stat *st) {                                               \
		int r = __real_##name(fd, st);                                                     \
		called();                                                                          \
		return r;                                                                          \
	}

WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)
WRAP_FSTAT(fstat)
WRAP_FSTAT(fstat64)

#define WRAP_FSTATAT(name)                                                                         \
	int __real_##name(int dirfd, const char *path, struct stat *st, int flags);                \
	int __wrap_##name(int dirfd, const char *path, struct stat *st, int flags);                \
	int __wrap_##name(int dirfd, const char *path, struct stat *st, int flags) {               \
		int r = __real_##name(dirfd, path, st, flags);                                     \
		called();                                                                          \
		return r;                                                                          \
	}

WRAP_FSTATAT(fstatat)
WRAP_FSTATAT(fstatat64)

ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n);

ssize_t __wrap_read(int fd, void *p, size_t n) {
	ssize_t r = __real_read(fd, p, n);

	called();
	return r;
}

static void set_up(void) {
	(void)umask(022);
	(void)snprintf(folder, sizeof(folder), "/tmp/careward-swap-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	write_file("f", GOOD, 0644);
	write_evil("evil");
	ck_assert_int_eq(mkdir("in", 0755) | mkdir("other", 0777) | chmod("other", 0777), 0);
	write_file("in/f", GOOD, 0644);
	write_evil("other/f");
}

static void take_down(void) {
	static const char *const names[] = {"f",	 "evil", "in/f", "other/f", "was/f",
					    "in", "other", "was"};

	swap_after = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
		(void)remove(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

/* Return: 0 read, -errno; fails the test when a byte of the other file was read. */
static int read_it(const char *name, unsigned after) {
	cleanup_(free_charp) char *text = NULL;
	struct policy_messages *m = calloc(1, sizeof(*m));
	char path[128];
	size_t n = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	calls = 0;
	swap_after = after;
	r = policy_read_file(path, m, &text, &n);
	swap_after = 0;
	ck_assert_msg(r < 0 || strcmp(text, GOOD) == 0 || (is_owners && strcmp(text, EVIL) == 0),
		      "swapped after call %u: read %s", after, text);
	free(m);
	return r;
}

static const struct {
	const char *why;
	void (*swap)(void);
	const char *name;
} swaps[] = {
	{"another file is renamed over it", swap_by_rename, "f"},
	{"a link takes its place", swap_by_link, "f"},
	{"a pipe takes its place", swap_by_fifo, "f"},
	{"it is written over", swap_by_writing, "f"},
	{"its folder is exchanged", swap_of_folder, "in/f"},
};

START_TEST(CF_04_a_swap_after_any_call_is_never_read) {
	unsigned n_calls, n_refused = 0;

	swap = swaps[_i].swap;
	is_owners = swap == swap_by_writing;
	ck_assert_int_eq(read_it(swaps[_i].name, 0), 0);
	n_calls = calls;
	ck_assert_uint_gt(n_calls, 4);
	for (unsigned after = 1; after <= n_calls; ++after) {
		n_refused += read_it(swaps[_i].name, after) < 0;
		take_down();
		set_up();
	}
	/* Some points come before the file is opened: there it has to be refused. */
	ck_assert_msg(n_refused > 0, "%s: was always read", swaps[_i].why);
}
END_TEST

START_TEST(CF_04_what_was_good_once_is_looked_at_again) {
	ck_assert_int_eq(read_it("f", 0), 0);
	ck_assert_int_eq(chmod("f", 0666), 0);
	ck_assert_int_eq(read_it("f", 0), -EINVAL);
	ck_assert_int_eq(chmod("f", 0644), 0);
	ck_assert_int_eq(read_it("f", 0), 0);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	ck_assert_int_eq(read_it("f", 0), -EINVAL);
	ck_assert_int_eq(chmod(folder, 0755), 0);
	ck_assert_int_eq(read_it("f", 0), 0);
}
END_TEST

int main(void) {
	Suite *s = suite_create("swap");
	TCase *t = tcase_create("swap");
	SRunner *runner;
	int n;

	tcase_add_checked_fixture(t, set_up, take_down);
	tcase_add_loop_test(t, CF_04_a_swap_after_any_call_is_never_read, 0,
			    (int)ARRAY_SIZE(swaps));
	tcase_add_test(t, CF_04_what_was_good_once_is_looked_at_again);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	n = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
