/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A good database in which bytes were changed
 *
 * The input is a list of changes, four bytes each: offset (24 bits) and value.
 * Whatever they are, opening, verifying and reading come to an end; and what
 * is called good has every entry as it was written.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/audit/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *good; /* the file as the fixture wrote it */
static size_t n_good;
static struct verify_options options = { .has_anchor = true, .has_head = true };

/* The entries, folded up: number, hash and body of each. */
struct digest {
	uint64_t n;
	uint64_t sum;
};
static struct digest written;

static void fold(struct digest *d, const void *bytes, size_t n) {
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; ++i)
		d->sum = (d->sum ^ p[i]) * 0x100000001b3u;
}

static int on_entry(const struct journal_entry *e, void *userdata) {
	struct digest *d = userdata;
	const char *const texts[] = { e->action, e->context, e->object,
				      e->detail, e->name,    e->text };

	d->n++;
	fold(d, &e->seq, sizeof(e->seq));
	fold(d, &e->at.wall_ms, sizeof(e->at.wall_ms));
	fold(d, &e->account, sizeof(e->account));
	fold(d, &e->event, sizeof(e->event));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); ++i)
		fold(d, texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) + 1 : 1);
	return 0;
}

static int read_all(struct store *store, struct digest *d) {
	struct journal_filter filter = { .with_texts = true };
	uint64_t next = 0;

	return journal_query(store, &filter, LIMIT_HISTORY_PAGE, on_entry, d, &next);
}

static void take_file(void) {
	char path[128];
	FILE *f = NULL;

	(void)snprintf(path, sizeof(path), "%s/careward.db", fx.directory);
	good = malloc(1u << 20);
	f = fopen(path, "re");
	if (!good || !f)
		abort();
	n_good = fread(good, 1, 1u << 20, f);
	(void)fclose(f);
}

static void tidy(void) {
	fixture_teardown();
	free(good);
}

static void begin(void) {
	fixture_setup();
	fixture_fill();
	if (journal_anchor(fx.store, options.anchor) < 0 ||
	    journal_head(fx.store, &options.head) < 0 || read_all(fx.store, &written) < 0)
		abort();
	fixture_close();
	take_file();
	(void)atexit(tidy);
}

static void put_file(const uint8_t *data, size_t size) {
	static uint8_t bytes[1u << 20];
	int fd = openat(fx.dirfd, "careward.db", O_WRONLY | O_TRUNC | O_CLOEXEC);

	memcpy(bytes, good, n_good);
	for (size_t i = 0; i + 4 <= size; i += 4)
		bytes[((size_t)data[i] << 16 | (size_t)data[i + 1] << 8 | data[i + 2]) % n_good] =
			data[i + 3];
	if (fd < 0 || write(fd, bytes, n_good) != (ssize_t)n_good)
		abort();
	(void)close(fd);
	(void)unlinkat(fx.dirfd, "careward.db-wal", 0);
	(void)unlinkat(fx.dirfd, "careward.db-shm", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct verify_report report = { 0 };
	struct digest seen = { 0 };
	struct journal_last last;
	struct store *store = NULL;

	if (!good)
		begin();
	put_file(data, size);
	if (store_open(fx.dirfd, STORE_READ_ONLY, fx.ks, &store) < 0)
		return 0;
	if (journal_verify(store, &options, NULL, NULL, &report) == 0 &&
	    report.finding == VERIFY_OK) {
		if (read_all(store, &seen) < 0 || seen.n != written.n || seen.sum != written.sum)
			abort(); /* another history is called good */
	} else {
		(void)read_all(store, &seen);
	}
	(void)journal_last_sign_in(store, 1, &last);
	store = store_close(store);
	return 0;
}
