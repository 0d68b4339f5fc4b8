/* SPDX-License-Identifier: Apache-2.0 */

/* Configuration files, as careward check sees them; and what is said without a broker. */

#undef NDEBUG
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/limits.h"
#include "tests/cli/fake.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SCRIPT(...) ((const struct exchange[]){ __VA_ARGS__, { .verb = NULL } })
#define OURSELVES UINT32_MAX

static const char small_file[] = "site = { name = \"x\"; };\n";

static void give_errors(struct frame_writer *w) {
	frame_uint(w, "errors", 1);
	frame_open_array(w, "messages");
	frame_open_map(w, NULL);
	frame_text(w, "file", "site.cfg");
	frame_uint(w, "line", 3);
	frame_text(w, "severity", "error");
	frame_text(w, "text", "there is no key \"rols\"; did you mean \"roles\"?");
	frame_close(w);
	frame_close(w);
}

static void give_no_errors(struct frame_writer *w) {
	frame_uint(w, "errors", 0);
	frame_open_array(w, "messages");
	frame_close(w);
	frame_uint(w, "generation", 2);
}

/* Large content comes as memory that nobody can change any more. */
static bool is_sealed(struct frame_span body, int fd) {
	const int wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	const uint8_t *p = NULL;
	size_t n = 0;
	struct stat st;

	return fd >= 0 && frame_get_bytes(body, "content", &p, &n) < 0 &&
	       (fcntl(fd, F_GET_SEALS) & wanted) == wanted && fstat(fd, &st) == 0 &&
	       st.st_size == 40000;
}

static bool is_in_frame(struct frame_span body, int fd) {
	const uint8_t *p = NULL;
	size_t n = 0;

	return fd < 0 && frame_get_bytes(body, "content", &p, &n) == 0 && n == strlen(small_file);
}

START_TEST(test_check_files) {
	static struct run run;
	static char large[40000];
	char path[64];

	fake_file(path, "small", small_file, strlen(small_file));
	fake_run(WORDS("check", path, "--kind", "site"), NULL,
	         SCRIPT({ .verb = "check", .fill = give_errors, .is_right = is_in_frame }), OURSELVES,
	         &run);
	ck_assert(run.followed);
	ck_assert_int_eq(run.status, 1);
	/* The file is named as it was given, with the line. */
	ck_assert_ptr_nonnull(strstr(run.out, path));
	ck_assert_ptr_nonnull(strstr(run.out, ":3: error: there is no key"));
	(void)unlink(path);

	memset(large, '#', sizeof(large));
	fake_file(path, "large", large, sizeof(large));
	fake_run(WORDS("check", path, "--kind", "site"), NULL,
	         SCRIPT({ .verb = "check", .fill = give_no_errors, .is_right = is_sealed }), OURSELVES,
	         &run);
	ck_assert(run.followed);
	ck_assert_int_eq(run.status, 0);
	(void)unlink(path);
	fake_run(WORDS("check", path, "--kind", "site"), NULL, SCRIPT({ .verb = NULL }), OURSELVES, &run);
	ck_assert_int_eq(run.status, 3);
}
END_TEST

/* The folder of the last file, as the broker's own. */
static char in_place_of[64];

static void give_no_errors_here(struct frame_writer *w) {
	frame_text(w, "directory", in_place_of);
	frame_uint(w, "uid", getuid());
	give_no_errors(w);
}

static void give_no_errors_elsewhere(struct frame_writer *w) {
	frame_text(w, "directory", "/etc/careward");
	frame_uint(w, "uid", getuid());
	frame_bool(w, "in_place", false);
	give_no_errors(w);
}

static void refuse_as_it_lies(const char *path, const char *why) {
	static struct run run;

	fake_run(WORDS("check", path), NULL,
	         SCRIPT({ .verb = "check", .fill = give_no_errors_here }), OURSELVES, &run);
	ck_assert_msg(run.status == 1 && strstr(run.out, why) && strstr(run.out, ": error: "),
	              "in its place: %d, %s", run.status, run.out);
	fake_run(WORDS("check", path), NULL,
	         SCRIPT({ .verb = "check", .fill = give_no_errors_elsewhere }), OURSELVES, &run);
	ck_assert_msg(run.status == 0 && strstr(run.out, why) && strstr(run.out, ": warning: "),
	              "elsewhere: %d, %s", run.status, run.out);
	fake_run(WORDS("check", path, "--format", "json"), NULL,
	         SCRIPT({ .verb = "check", .fill = give_no_errors_here }), OURSELVES, &run);
	ck_assert_int_eq(run.status, 1);
	ck_assert_ptr_nonnull(strstr(run.out, "\"errors\": 1"));
}

/* What the broker would refuse before it looks at the content is told ahead. */
START_TEST(test_check_place) {
	static struct run run;
	char file[128], real[160];
	FILE *f;

	(void)snprintf(in_place_of, sizeof(in_place_of), "/tmp/careward-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(in_place_of));
	(void)snprintf(file, sizeof(file), "%s/site.cfg", in_place_of);
	(void)snprintf(real, sizeof(real), "%s/real", in_place_of);
	f = fopen(file, "we");
	ck_assert(f && fputs("x", f) >= 0 && fclose(f) == 0);
	ck_assert_int_eq(chmod(file, 0644), 0);
	fake_run(WORDS("check", file), NULL,
	         SCRIPT({ .verb = "check", .fill = give_no_errors_here }), OURSELVES, &run);
	ck_assert_msg(run.status == 0 && strstr(run.out, "no errors"), "%s", run.out);
	ck_assert_int_eq(chmod(file, 0666), 0);
	refuse_as_it_lies(file, "others may write to the file; chmod go-w it");
	ck_assert_int_eq(chmod(file, 0664), 0);
	refuse_as_it_lies(file, "others may write to the file; chmod go-w it");
	ck_assert_int_eq(chmod(file, 0644), 0);
	if (getuid() == 0) {
		ck_assert_int_eq(chown(file, 4711, 0), 0);
		refuse_as_it_lies(file, "the file belongs to a stranger; chown it to root");
		ck_assert_int_eq(chown(file, 0, 0), 0);
	}
	ck_assert_int_eq(chmod(in_place_of, 0777), 0);
	refuse_as_it_lies(file, "others may write to the directory");
	ck_assert_int_eq(chmod(in_place_of, 0700), 0);
	ck_assert_int_eq(rename(file, real), 0);
	ck_assert_int_eq(symlink(real, file), 0);
	refuse_as_it_lies(file, "the file is a symbolic link");
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(unlink(real), 0);
	ck_assert_int_eq(rmdir(in_place_of), 0);
}
END_TEST

static const struct {
	const char *why;
	const char *const *args;
	const char *out;
} help_cases[] = {
	{ "help is a word, too", WORDS("help"), "usage: careward VERB" },
	{ "of one verb", WORDS("help", "verify"), "usage: careward verify" },
	{ "of a verb of two words", WORDS("help", "user", "add"), "usage: careward user add NAME" },
	{ "of a family of verbs", WORDS("help", "user"), "user disable NAME" },
	{ "which may be asked the other way", WORDS("user", "--help"), "user disable NAME" },
	{ "and so may a verb", WORDS("user", "add", "--help"), "usage: careward user add NAME" },
};

START_TEST(test_help) {
	static struct run run;

	fake_run(help_cases[_i].args, NULL, NULL, OURSELVES, &run);
	ck_assert_msg(run.status == 0 && strstr(run.out, help_cases[_i].out), "%s: %d, %s%s",
	              help_cases[_i].why, run.status, run.out, run.err);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("careward files");
	TCase *t = tcase_create("files");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_check_files);
	tcase_add_test(t, test_check_place);
	tcase_add_loop_test(t, test_help, 0, (int)(sizeof(help_cases) / sizeof(help_cases[0])));
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
