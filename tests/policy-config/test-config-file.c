/* SPDX-License-Identifier: Apache-2.0 */
/* What is read at all: CF-01, CF-02, CF-03, CF-05, PO-13 of the threat list. */
#undef NDEBUG
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "support.h"

static char folder[64];

/* A folder of our own below /tmp, which is sticky; removed by take_down(). */
static void set_up(void) {
	(void)umask(022);
	(void)snprintf(folder, sizeof(folder), "/tmp/careward-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void take_down(void) {
	static const char *const names[] = { "f", "g", "deep/f", "deep", "to" };

	(void)chmod(folder, 0700);
	(void)chmod("deep", 0700);
	for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
		(void)remove(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *name, const void *bytes, size_t n) {
	cleanup_(close_filep) FILE *f = fopen(name, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
}

static void whole_path(const char *name, char *path, size_t size) {
	(void)snprintf(path, size, "%s/%s", folder, name);
}

/* Reads once by the whole path and once by the relative one: the same answer. */
static void expect_refused(const char *name, const char *fragment) {
	cleanup_(free_charp) char *untouched = NULL;
	struct policy_messages *m = calloc(1, sizeof(*m));
	char path[128];
	size_t n = 77;

	ck_assert_ptr_nonnull(m);
	whole_path(name, path, sizeof(path));
	ck_assert_int_eq(policy_read_file(path, m, &untouched, &n), -EINVAL);
	ck_assert_msg(find_message(m, POLICY_ERROR, fragment) != NULL, "%s: no \"%s\" in: %s", name,
	              fragment, all_messages(m));
	ck_assert_str_eq(m->list[0].file, path);
	memset(m, 0, sizeof(*m));
	ck_assert_int_eq(policy_read_file(name, m, &untouched, &n), -EINVAL);
	ck_assert_msg(m->n_errors == 1, "relative: %s", all_messages(m));
	ck_assert_ptr_null(untouched);
	ck_assert_uint_eq(n, 77);
	free(m);
}

static void expect_read(const char *name, const char *text) {
	cleanup_(free_charp) char *read = NULL;
	struct policy_messages *m = calloc(1, sizeof(*m));
	size_t n = 0;

	ck_assert_ptr_nonnull(m);
	ck_assert_msg(policy_read_file(name, m, &read, &n) == 0, "%s", all_messages(m));
	ck_assert_uint_eq(n, strlen(text));
	ck_assert_str_eq(read, text);
	free(m);
}

START_TEST(plain_file_is_read_whole) {
	char path[128];

	write_file("f", "end = true;\n", 12);
	whole_path("f", path, sizeof(path));
	expect_read(path, "end = true;\n");
	expect_read("f", "end = true;\n");
	expect_read("./f", "end = true;\n");
	whole_path("/.//f", path, sizeof(path));
	expect_read(path, "end = true;\n");
}
END_TEST

START_TEST(missing_file_is_named_with_a_remedy) {
	expect_refused("f", "there is no such file; start from a profile");
	expect_refused("deep/f", "cannot open the directory");
}
END_TEST

START_TEST(cf01_symbolic_link_is_refused) {
	write_file("to", "end = true;\n", 12);
	ck_assert_int_eq(symlink("to", "f"), 0);
	expect_refused("f", "the file is a symbolic link");
}
END_TEST

START_TEST(cf01_link_in_the_path_is_refused) {
	ck_assert_int_eq(mkdir("to", 0755), 0);
	ck_assert_int_eq(symlink("to", "deep"), 0);
	write_file("to/f", "end = true;\n", 12);
	expect_refused("deep/f", "is a link or no directory");
	ck_assert_int_eq(remove("to/f"), 0);
}
END_TEST

START_TEST(cf01_hard_link_is_refused) {
	write_file("f", "end = true;\n", 12);
	ck_assert_int_eq(link("f", "g"), 0);
	expect_refused("f", "the file has a second name (hard link)");
}
END_TEST

START_TEST(cf01_fifo_is_refused_without_waiting) {
	ck_assert_int_eq(mkfifo("f", 0600), 0);
	(void)alarm(5); /* a read that waits is killed, and the test has failed */
	expect_refused("f", "not a regular file");
	(void)alarm(0);
}
END_TEST

START_TEST(cf01_directory_is_refused) {
	ck_assert_int_eq(mkdir("deep", 0755), 0);
	expect_refused("deep", "not a regular file");
	expect_refused("deep/", "not a regular file");
}
END_TEST

START_TEST(cf01_socket_is_refused) {
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "f" };
	cleanup_(close_fdp) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	expect_refused("f", "not a regular file");
}
END_TEST

START_TEST(cf01_device_is_refused) {
	struct policy_messages *m = calloc(1, sizeof(*m));
	char *text = NULL;
	size_t n = 0;

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(policy_read_file("/dev/zero", m, &text, &n), -EINVAL);
	ck_assert_ptr_nonnull(find_message(m, POLICY_ERROR, "not a regular file"));
	free(m);
}
END_TEST

START_TEST(cf02_file_of_a_stranger_is_refused) {
	write_file("f", "end = true;\n", 12);
	ck_assert_int_eq(chmod("f", 0600), 0);
	if (chown("f", 4711, 4711) != 0)
		return; /* only root can make the file of a stranger */
	expect_refused("f", "the file belongs to a stranger; chown it to root");
}
END_TEST

START_TEST(cf03_writable_file_is_refused) {
	static const mode_t modes[] = { 0620, 0602, 0666, 0660 };

	write_file("f", "end = true;\n", 12);
	for (size_t i = 0; i < ARRAY_SIZE(modes); ++i) {
		ck_assert_int_eq(chmod("f", modes[i]), 0);
		expect_refused("f", "others may write to the file; chmod go-w it");
	}
}
END_TEST

START_TEST(cf03_writable_directory_is_refused) {
	char fragment[160];

	ck_assert_int_eq(mkdir("deep", 0755), 0);
	write_file("deep/f", "end = true;\n", 12);
	expect_read("deep/f", "end = true;\n");
	ck_assert_int_eq(chmod("deep", 0775), 0);
	expect_refused("deep/f", "deep; chmod go-w it");
	ck_assert_int_eq(chmod("deep", 0757), 0);
	expect_refused("deep/f", "deep; chmod go-w it");
	ck_assert_int_eq(chmod("deep", 01777), 0);
	expect_read("deep/f", "end = true;\n");
	ck_assert_int_eq(chmod("deep", 0755), 0);
	/* Any directory above it, too. */
	ck_assert_int_eq(chmod(folder, 0777), 0);
	(void)snprintf(fragment, sizeof(fragment), "others may write to the directory");
	expect_refused("deep/f", fragment);
	/* Also when the current directory is below it. */
	ck_assert_int_eq(chdir("deep"), 0);
	{
		struct policy_messages *m = calloc(1, sizeof(*m));
		char *text = NULL;
		size_t n = 0;

		ck_assert_ptr_nonnull(m);
		ck_assert_int_eq(policy_read_file("f", m, &text, &n), -EINVAL);
		ck_assert_ptr_nonnull(find_message(m, POLICY_ERROR, fragment));
		free(m);
	}
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(chmod(folder, 0700), 0);
}
END_TEST

START_TEST(cf03_directory_of_a_stranger_is_refused) {
	ck_assert_int_eq(mkdir("deep", 0755), 0);
	write_file("deep/f", "end = true;\n", 12);
	if (chown("deep", 4711, 4711) != 0)
		return; /* only root can make the directory of a stranger */
	expect_refused("deep/f", "belongs to uid 4711; it must belong to root");
	ck_assert_int_eq(chown("deep", 0, 0), 0);
}
END_TEST

START_TEST(cf05_empty_file_is_refused) {
	write_file("f", "", 0);
	expect_refused("f", "the file is empty");
}
END_TEST

START_TEST(po13_large_file_is_refused_by_the_name_of_the_limit) {
	cleanup_(free_charp) char *text = malloc(LIMIT_CONFIG + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, '\n', LIMIT_CONFIG + 1);
	write_file("f", text, LIMIT_CONFIG + 1);
	expect_refused("f", "the file is larger than LIMIT_CONFIG (1048576 bytes)");
	write_file("f", text, LIMIT_CONFIG);
	text[LIMIT_CONFIG] = '\0';
	expect_read("f", text);
	/* 100 MB, with nothing in it. */
	ck_assert_int_eq(truncate("f", 100 * 1024 * 1024), 0);
	expect_refused("f", "the file is larger than LIMIT_CONFIG (1048576 bytes)");
}
END_TEST

START_TEST(po13_include_is_refused) {
	write_file("f", "@include \"f\"\n", 13);
	expect_refused("f", "@include is not allowed");
}
END_TEST

START_TEST(bytes_that_are_no_text_are_refused) {
	write_file("f", "end\0= true;\n", 12);
	expect_refused("f", "byte 0x00 is not text");
	write_file("f", "# \xff\n", 4);
	expect_refused("f", "not UTF-8");
}
END_TEST

START_TEST(name_of_a_file_moves_no_cursor) {
	struct policy_messages *m = calloc(1, sizeof(*m));
	char *text = NULL;
	size_t n = 0;

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(policy_read_file("f\033[2J\x7f", m, &text, &n), -EINVAL);
	ck_assert_str_eq(m->list[0].file, "f?[2J?");
	free(m);
}
END_TEST

START_TEST(no_descriptor_is_left_open) {
	int before = open("/", O_PATH | O_CLOEXEC), after;

	write_file("f", "end = true;\n", 12);
	expect_read("f", "end = true;\n");
	expect_refused("g", "there is no such file");
	expect_refused("deep/f", "cannot open");
	after = open("/", O_PATH | O_CLOEXEC);
	ck_assert_int_eq(after, before + 1);
	(void)close(before);
	(void)close(after);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("config-file");
	TCase *tc = tcase_create("file");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, set_up, take_down);
	tcase_add_test(tc, plain_file_is_read_whole);
	tcase_add_test(tc, missing_file_is_named_with_a_remedy);
	tcase_add_test(tc, cf01_symbolic_link_is_refused);
	tcase_add_test(tc, cf01_link_in_the_path_is_refused);
	tcase_add_test(tc, cf01_hard_link_is_refused);
	tcase_add_test(tc, cf01_fifo_is_refused_without_waiting);
	tcase_add_test(tc, cf01_directory_is_refused);
	tcase_add_test(tc, cf01_socket_is_refused);
	tcase_add_test(tc, cf01_device_is_refused);
	tcase_add_test(tc, cf02_file_of_a_stranger_is_refused);
	tcase_add_test(tc, cf03_writable_file_is_refused);
	tcase_add_test(tc, cf03_writable_directory_is_refused);
	tcase_add_test(tc, cf03_directory_of_a_stranger_is_refused);
	tcase_add_test(tc, cf05_empty_file_is_refused);
	tcase_add_test(tc, po13_large_file_is_refused_by_the_name_of_the_limit);
	tcase_add_test(tc, po13_include_is_refused);
	tcase_add_test(tc, bytes_that_are_no_text_are_refused);
	tcase_add_test(tc, name_of_a_file_moves_no_cursor);
	tcase_add_test(tc, no_descriptor_is_left_open);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
