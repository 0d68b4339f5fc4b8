/* SPDX-License-Identifier: Apache-2.0 */

/* CD-28: whose module is it? */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/tokens/cards.h"
#include "tokens/trusted-path.h"

/* Below world.folder, made before each test. */
static void set_up(void) {
	static const char *const folders[] = { "a", "a/b", "a/open", "a/open/c" };
	int fd;

	ck_assert_int_eq(chdir(world.folder), 0);
	for (size_t i = 0; i < ARRAY_SIZE(folders); ++i)
		ck_assert_int_eq(mkdir(folders[i], 0755), 0);
	fd = open("a/b/module.so", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	fd = open("a/open/c/module.so", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(chmod("a/open", 0777), 0);
	ck_assert_int_eq(symlink("b/module.so", "a/link"), 0);
	ck_assert_int_eq(symlink("../b/../b/module.so", "a/b/up"), 0);
	ck_assert_int_eq(symlink("b", "a/folder"), 0);
	ck_assert_int_eq(symlink("open/c/module.so", "a/through"), 0);
	ck_assert_int_eq(symlink("../../b/module.so", "a/open/c/back"), 0);
	ck_assert_int_eq(symlink("loop", "a/loop"), 0);
	ck_assert_int_eq(mkfifo("a/b/fifo", 0700), 0);
}

static void tear_down(void) {
	static const char *const files[] = {
		"a/b/module.so", "a/open/c/module.so", "a/link", "a/b/up",   "a/folder",
		"a/through",     "a/open/c/back",      "a/loop", "a/b/fifo",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); ++i)
		(void)unlink(files[i]);
	(void)rmdir("a/open/c");
	(void)rmdir("a/open");
	(void)rmdir("a/b");
	(void)rmdir("a");
}

static const struct {
	const char *why;
	const char *path; /* ~ is the folder                                             */
	mode_t mode;      /* of a/b/module.so; 0: as it is                               */
	mode_t folder;    /* of a/b                                                      */
	int expect;
} paths[] = {
	{ "CD-28 a file of ours in folders of ours", "~/a/b/module.so", 0, 0, 0 },
	{ "CD-28 more slashes and dots", "~//a/./b/../b///module.so", 0, 0, 0 },
	{ "CD-28 a link to it", "~/a/link", 0, 0, 0 },
	{ "CD-28 a link that goes up and down", "~/a/b/up", 0, 0, 0 },
	{ "CD-28 a folder that is a link", "~/a/folder/module.so", 0, 0, 0 },
	{ "CD-28 a relative path", "a/b/module.so", 0, 0, -EINVAL },
	{ "CD-28 a name alone, as the loader would look for it", "module.so", 0, 0, -EINVAL },
	{ "CD-28 nothing", "", 0, 0, -EINVAL },
	{ "CD-28 a file that everybody may write", "~/a/b/module.so", 0757, 0, -EPERM },
	{ "CD-28 a file that the group may write", "~/a/b/module.so", 0775, 0, -EPERM },
	{ "CD-28 a folder that everybody may write", "~/a/b/module.so", 0, 0757, -EPERM },
	{ "CD-28 a folder that the group may write", "~/a/b/module.so", 0, 0775, -EPERM },
	{ "CD-28 the sticky bit is no excuse", "~/a/b/module.so", 0, 01777, -EPERM },
	{ "CD-28 a folder further up that everybody may write", "~/a/open/c/module.so", 0, 0,
	  -EPERM },
	{ "CD-28 a link through it", "~/a/through", 0, 0, -EPERM },
	{ "CD-28 a link that lies in it", "~/a/open/c/back", 0, 0, -EPERM },
	{ "CD-28 a way through it and out again", "~/a/open/c/../../b/module.so", 0, 0, -EPERM },
	{ "CD-28 not there", "~/a/b/missing.so", 0, 0, -ENOENT },
	{ "CD-28 a folder", "~/a/b", 0, 0, -EPERM },
	{ "CD-28 the root", "/", 0, 0, -EPERM },
	{ "CD-28 a file as if it were a folder", "~/a/b/module.so/x", 0, 0, -EPERM },
	{ "CD-28 a link without an end", "~/a/loop", 0, 0, -ELOOP },
	{ "CD-28 a fifo", "~/a/b/fifo", 0, 0, -EPERM },
	{ "CD-28 a device", "/dev/zero", 0, 0, -EPERM },
};

START_TEST(CD_28_only_a_path_that_nobody_else_can_change) {
	char resolved[TRUSTED_PATH_MAX] = "untouched";
	char path[2 * CARDS_PATH];
	const char *text = paths[_i].path;
	int r;

	(void)snprintf(path, sizeof(path), "%s%s", text[0] == '~' ? world.folder : "",
		       text[0] == '~' ? text + 1 : text);
	if (paths[_i].mode)
		ck_assert_int_eq(chmod("a/b/module.so", paths[_i].mode), 0);
	if (paths[_i].folder)
		ck_assert_int_eq(chmod("a/b", paths[_i].folder), 0);
	r = trusted_path(path, resolved);
	ck_assert_msg(r == paths[_i].expect, "%s: %d", paths[_i].why, r);
	if (r < 0)
		ck_assert_str_eq(resolved, "untouched");
	else
		ck_assert_msg(strlen(resolved) > 16 && resolved[0] == '/' &&
				      strstr(resolved, "/a/b/module.so") && !strstr(resolved, ".."),
			      "%s: %s", paths[_i].why, resolved);
}
END_TEST

START_TEST(CD_28_another_user_s_file_is_refused) {
	char resolved[TRUSTED_PATH_MAX];
	char path[2 * CARDS_PATH];

	if (geteuid() != 0)
		return; /* only root can give a file away */
	(void)snprintf(path, sizeof(path), "%s/a/b/module.so", world.folder);
	ck_assert_int_eq(chown("a/b/module.so", 65534, (gid_t)-1), 0);
	ck_assert_int_eq(trusted_path(path, resolved), -EPERM);
	ck_assert_int_eq(chown("a/b/module.so", 0, (gid_t)-1), 0);
	ck_assert_int_eq(trusted_path(path, resolved), 0);
	ck_assert_int_eq(chown("a/b", 65534, (gid_t)-1), 0);
	ck_assert_int_eq(trusted_path(path, resolved), -EPERM);
}
END_TEST

START_TEST(a_path_without_end_is_refused) {
	char resolved[TRUSTED_PATH_MAX];
	char path[TRUSTED_PATH_MAX + 2];

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(trusted_path(path, resolved), -ENAMETOOLONG);
	path[300] = '\0';
	ck_assert_int_eq(trusted_path(path, resolved), -ENAMETOOLONG);
	for (size_t i = 0; i + 1 < sizeof(path); ++i)
		path[i] = '/';
	path[TRUSTED_PATH_MAX - 1] = '\0';
	ck_assert_int_eq(trusted_path(path, resolved), -EPERM);
}
END_TEST

static const struct {
	const char *why;
	const char *path; /* ~ is the folder, & this program                             */
	int expect;
} modules[] = {
	{ "CD-03 no module there", "/usr/lib/no-such-module.so", -ENOENT },
	{ "CD-28 no module configured", "", -EINVAL },
	{ "CD-28 a relative module", "libsofthsm2.so", -EINVAL },
	{ "not a library at all", "~/a/b/module.so", -ELIBBAD },
	{ "a library that is no module", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", -ELIBBAD },
	{ "CD-28 a module in a folder of everybody", "~/a/open/c/module.so", -EPERM },
};

START_TEST(CD_28_a_module_that_is_not_trusted_is_not_loaded) {
	struct token_rules *rules = calloc(1, sizeof(*rules));
	const char *text = modules[_i].path;
	char path[2 * CARDS_PATH];
	void *kind = NULL;
	int r;

	if (strstr(text, "libcrypto") && access(text, R_OK) != 0)
		text = "~/a/b/module.so";
	(void)snprintf(path, sizeof(path), "%s%s", text[0] == '~' ? world.folder : "",
		       text[0] == '~' ? text + 1 : text);
	cards_rules(rules, path);
	r = token_kind_pkcs11.open(rules, &kind);
	ck_assert_msg(r == modules[_i].expect, "%s: %d", modules[_i].why, r);
	ck_assert_ptr_null(kind);
	free(rules);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("trusted path");
	TCase *t = tcase_create("paths");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, CD_28_only_a_path_that_nobody_else_can_change, 0,
			    (int)ARRAY_SIZE(paths));
	tcase_add_test(t, CD_28_another_user_s_file_is_refused);
	tcase_add_test(t, a_path_without_end_is_refused);
	tcase_add_loop_test(t, CD_28_a_module_that_is_not_trusted_is_not_loaded, 0,
			    (int)ARRAY_SIZE(modules));
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_cards_suite(suite(), false);
}
