/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Journals for test-second-verifier.py, and what journal_verify() says of them
 *
 *   journal-tool make DIR N   a device with N entries, every fourth one sealed. Ends like
 *                             a process that was killed: the newest entries are in the -wal.
 *   journal-tool verify       one line in: DIR, "keys" or "blind", and "-" or a head as SEQ:HEX;
 *                             one line out: where it is wrong as docs/journal.md names it,
 *                             a tab, and in words
 */

#undef NDEBUG

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/audit/fixture.h"

static int open_directory(const char *path) {
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert(fd >= 0);
	return fd;
}

static int make(const char *path, unsigned n) {
	static const uint8_t device_id[16] = "a second opinion";
	struct keystore *ks = NULL;
	struct store *store = NULL;
	int fd = open_directory(path), keys;

	assert(mkdirat(fd, "keys", 0700) == 0);
	keys = openat(fd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(keystore_file_create(keys) == 0 && keystore_file_open(keys, &ks) == 0);
	assert(store_create(fd, device_id) == 0);
	assert(store_open(fd, STORE_READ_WRITE, ks, &store) == 0);
	for (unsigned i = 1; i <= n; ++i) {
		struct journal_entry e = fixture_entry(i);
		struct moment now = fixture_moment(i);

		assert(journal_append(store, &e) == 0);
		if (i % 4 == 0 && i + 4 <= n)
			assert(journal_seal(store, &now) == 0);
		if (i == n / 2)
			assert(store_checkpoint(store) == 0);
	}
	if (n >= 8)
		assert(journal_erase_texts(store, 2) == 0);
	/* Neither closed nor checkpointed. */
	_exit(0);
}

/* "entry N", "epoch N", "end N" or "0": docs/journal.md, "What is named". */
static void say(struct verify_report *report) {
	const char *kind = "entry ";

	/* SQLite's own words have several lines. */
	for (char *line = report->what; (line = strchr(line, '\n')) != NULL;)
		*line = ' ';

	if (report->finding == VERIFY_SEAL_FORGED || report->finding == VERIFY_SEAL_MISSING ||
	    report->finding == VERIFY_SEAL_DIFFERS)
		kind = "epoch ";
	if (report->finding == VERIFY_TRUNCATED)
		kind = "end ";
	else if (report->seq == 0)
		kind = "";
	if (report->finding == VERIFY_OK)
		(void)printf("good\t%s\n", report->what);
	else
		(void)printf("%s%" PRIu64 "\t%s\n", kind, report->seq, report->what);
}

static void head_of(char *text, struct verify_options *options) {
	char *hex = strchr(text, ':');
	unsigned byte;

	if (!hex)
		return;
	options->has_head = true;
	options->head.seq = strtoull(text, NULL, 10);
	for (size_t i = 0; i < 32; ++i) {
		assert(sscanf(hex + 1 + 2 * i, "%2x", &byte) == 1);
		options->head.hash[i] = (uint8_t)byte;
	}
}

static void verify(const char *path, bool with_keys, char *head) {
	struct verify_options options = { 0 };
	struct verify_report report;
	struct keystore *ks = NULL;
	struct store *store = NULL;
	int fd = open_directory(path), keys = openat(fd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = with_keys ? keystore_file_open(keys, &ks) : 0;

	head_of(head, &options);
	if (r == 0)
		r = store_open(fd, STORE_READ_ONLY, ks, &store);
	if (r == 0)
		r = journal_verify(store, &options, NULL, NULL, &report);
	if (r == 0)
		say(&report);
	else if (r == -EBADMSG)
		(void)printf("0\tthe database is refused\n");
	else
		(void)printf("no verdict\t%s\n", strerror(-r));
	store = store_close(store);
	ks = keystore_close(ks);
	(void)close(keys);
	(void)close(fd);
}

int main(int argc, char **argv) {
	char line[512], path[256], mode[16], head[128];

	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return make(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	if (argc != 2 || strcmp(argv[1], "verify") != 0)
		return 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		assert(sscanf(line, "%255s %15s %127s", path, mode, head) == 3);
		verify(path, strcmp(mode, "keys") == 0, head);
	}
	return 0;
}
