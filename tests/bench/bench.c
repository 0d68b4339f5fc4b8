/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - what Careward costs, next to what cannot be avoided
 *
 *	bench [--quick] [--format table|json] [--dir DIRECTORY] [--only GROUP] [--entries N]
 *	      [--picture FILE.svg]
 *
 * See docs/performance.md.
 */
#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static struct bench bench;

static const struct group {
	const char *name;
	void (*rows)(struct bench *b);
} groups[] = {
	{ "check", rows_check },       { "record", rows_record }, { "glass", rows_glass },
	{ "password", rows_password }, { "verify", rows_verify },
	{ "tokens", rows_tokens },     { "key", rows_key },
	{ "proof", rows_proof },       { "client", rows_client },
	{ "sign-in", rows_sign_in },   { "growth", rows_growth },
};

/* The format comes with the rest, as a check macro passes it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* What the helpers of the tests call when something is wrong; there is no test runner here. */
void __wrap__ck_assert_failed(const char *file, int line, const char *expression, ...);
void __wrap__ck_assert_failed(const char *file, int line, const char *expression, ...) {
	const char *format;
	va_list list;

	(void)fprintf(stderr, "bench: %s:%d: %s: ", file, line, expression);
	va_start(list, expression);
	format = va_arg(list, const char *);
	if (format)
		(void)vfprintf(stderr, format, list);
	va_end(list);
	(void)fputc('\n', stderr);
	exit(1);
}

#pragma GCC diagnostic pop

void __wrap__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line) {
}

/* Names of file systems on which a sync costs something, or nothing at all. */
static void storage_name(struct bench *b) {
	static const struct {
		unsigned long magic;
		const char *name;
	} known[] = {
		{ 0x01021994u, "tmpfs (no disk: syncs cost nothing)" },
		{ 0xef53u, "ext4" },
		{ 0x58465342u, "xfs" },
		{ 0x9123683eu, "btrfs" },
		{ 0xf2f52010u, "f2fs" },
		{ 0x24051905u, "ubifs" },
		{ 0x794c7630u, "overlayfs" },
	};
	struct statfs fs;

	bench_must(statfs(b->dir, &fs) == 0, "statfs");
	(void)snprintf(b->storage, sizeof(b->storage), "file system %lx", (unsigned long)fs.f_type);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); ++i)
		if ((unsigned long)fs.f_type == known[i].magic)
			(void)snprintf(b->storage, sizeof(b->storage), "%s", known[i].name);
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *at) {
	return remove(path);
}

static void clean_up(void) {
	if (bench.dir[0] != 0)
		(void)nftw(bench.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Below @where, or below the build folder, so that it is a disk and not memory. */
static void make_dir(struct bench *b, const char *where) {
	char whole[PATH_MAX];

	if (!where)
		where = access("build", W_OK) == 0 ? "build" : ".";
	bench_must(realpath(where, whole) != NULL, "--dir: no such directory");
	bench_must((size_t)snprintf(b->dir, sizeof(b->dir), "%.200s/bench-XXXXXX", whole) < 220,
	           "--dir: the path is too long");
	bench_must(mkdtemp(b->dir) != NULL, "no directory can be made there");
	/* The broker is another user as soon as it runs. */
	bench_must(chmod(b->dir, 0755) == 0, "chmod");
	bench_must(atexit(clean_up) == 0, "atexit");
}

int bench_scratch(struct bench *b, const char *name, char *ret_path, size_t n_path) {
	int fd;

	bench_must((size_t)snprintf(ret_path, n_path, "%s/%s", b->dir, name) < n_path &&
	                   mkdir(ret_path, 0700) == 0,
	           "no scratch directory can be made");
	fd = open(ret_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bench_must(fd >= 0, "the scratch directory does not open");
	return fd;
}

static _Noreturn void usage(int status) {
	(void)fprintf(status ? stderr : stdout,
	              "usage: bench [--quick] [--format table|json] [--dir DIRECTORY] [--only GROUP]\n"
	              "             [--entries N] [--picture FILE.svg]\n"
	              "groups: check, record, glass, password, verify, tokens, key, proof, client,\n"
	              "        sign-in, growth (with --entries of the largest journal)\n");
	exit(status);
}

static bool only_is_known(const char *only) {
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); ++i)
		if (!only || strcmp(groups[i].name, only) == 0)
			return true;
	return false;
}

int main(int argc, char **argv) {
	static const struct option options[] = {
		{ "quick", no_argument, NULL, 'q' },        { "format", required_argument, NULL, 'f' },
		{ "dir", required_argument, NULL, 'd' },    { "only", required_argument, NULL, 'o' },
		{ "entries", required_argument, NULL, 'e' }, { "help", no_argument, NULL, 'h' },
		{ "picture", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 },
	};
	const char *dir = NULL, *only = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'q')
			bench.quick = true;
		else if (option == 'f' && (strcmp(optarg, "json") == 0 || strcmp(optarg, "table") == 0))
			bench.json = optarg[0] == 'j';
		else if (option == 'd')
			dir = optarg;
		else if (option == 'o')
			only = optarg;
		else if (option == 'e' && atoi(optarg) >= 1000)
			bench.entries = (unsigned)atoi(optarg);
		else if (option == 'p')
			bench.picture = optarg;
		else
			usage(option == 'h' ? 0 : 2);
	}
	if (optind != argc || !only_is_known(only))
		usage(2);
	bench_watch_signals();
	make_dir(&bench, dir);
	storage_name(&bench);
	(void)snprintf(bench.config, sizeof(bench.config), "%s", TEST_CONFIG_DIR);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); ++i)
		if (!only || strcmp(groups[i].name, only) == 0)
			groups[i].rows(&bench);
	bench_report(&bench);
	return 0;
}
