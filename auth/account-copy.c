/* SPDX-License-Identifier: Apache-2.0 */

/* The checked copy of the accounts: its form, and how it is written. */

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/account-copy-form.h"
#include "auth/row.h"
#include "common/cleanup.h"

#define TEMPORARY ACCOUNT_COPY_NAME ".new"

void copy_bytes_free(struct copy_bytes *b) {
	free(b->p);
	*b = (struct copy_bytes){ 0 };
}

static int append(struct copy_bytes *b, const void *p, size_t n) {
	uint8_t *bigger;

	if (n > COPY_MOST - b->n)
		return -ENOSPC;
	if (b->n + n > b->room) {
		bigger = realloc(b->p, 2 * (b->n + n));
		if (!bigger)
			return -ENOMEM;
		b->p = bigger;
		b->room = 2 * (b->n + n);
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
	return 0;
}

/* ---- reading the tables ----------------------------------------------------------- */

static int append_row(struct copy_bytes *b, const struct stored_row *row) {
	uint8_t bytes[COPY_ROW_MAX];
	struct layout_writer w = { .p = bytes, .capacity = sizeof(bytes) };
	int r;

	layout_put64(&w, (uint64_t)row->number);
	layout_put64(&w, (uint64_t)row->account);
	layout_put64(&w, (uint64_t)row->factor);
	layout_put64(&w, (uint64_t)row->state);
	layout_put64(&w, (uint64_t)row->generation);
	layout_put_blob(&w, row->key, row->n_key);
	layout_put_blob(&w, row->sealed, row->n_sealed);
	layout_put(&w, row->mac, sizeof(row->mac));
	r = w.failed ? -EIO : append(b, bytes, w.n);
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

/* Return: 0 with the number of rows; -errno. */
static int append_rows(struct copy_bytes *b, sqlite3_stmt *stmt,
                       int (*read)(sqlite3_stmt *, struct stored_row *), uint32_t *ret_n) {
	cleanup_(sql_resetp) sqlite3_stmt *held = stmt;
	struct stored_row row;
	bool found = false;
	uint32_t n = 0;
	int r;

	for (;; ++n) {
		r = sql_row(held, &found);
		if (r < 0 || !found)
			break;
		r = read(held, &row);
		if (r == 0)
			r = append_row(b, &row);
		if (r < 0)
			return r;
	}
	*ret_n = n;
	return r;
}

static int append_tables(struct store *store, struct copy_bytes *b, struct account_copy *copy) {
	sqlite3_stmt *stmt = NULL;
	int r = store_prepare(store, "SELECT " ACCOUNT_COLUMNS " FROM accounts ORDER BY number",
	                      &stmt);

	if (r == 0)
		r = append_rows(b, stmt, account_row_read, &copy->n_accounts);
	if (r == 0)
		r = store_prepare(store,
		                  "SELECT " AUTHENTICATOR_COLUMNS
		                  " FROM authenticators ORDER BY number",
		                  &stmt);
	if (r == 0)
		r = append_rows(b, stmt, authenticator_row_read, &copy->n_authenticators);
	return r;
}

/* Is each account the one that the journal tells of? Return: 0; -EBADMSG; -EIO. */
static int check_accounts(struct store *store) {
	uint32_t number = 0;
	int r;

	for (;;) {
		r = account_next(store, number, &number);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		r = account_digest_check(store, number);
		if (r < 0)
			return r;
	}
}

static void head_put(uint8_t bytes[COPY_HEAD], const struct account_copy *copy) {
	struct layout_writer w = { .p = bytes, .capacity = COPY_HEAD };

	layout_put(&w, COPY_MAGIC, 16);
	layout_put(&w, copy->device_id, sizeof(copy->device_id));
	layout_put64(&w, (uint64_t)copy->wall_ms);
	layout_put64(&w, copy->seq);
	layout_put(&w, copy->head, sizeof(copy->head));
	layout_put32(&w, copy->n_accounts);
	layout_put32(&w, copy->n_authenticators);
}

/* All of it, in memory. Return: 0; -errno. */
static int make(struct store *store, const struct moment *now, struct copy_bytes *b) {
	struct account_copy copy = { .wall_ms = now->wall_ms };
	struct journal_head head;
	uint8_t bytes[COPY_HEAD] = { 0 }, mac[32];
	int r = check_accounts(store);

	if (r == 0)
		r = journal_head(store, &head);
	if (r == 0)
		r = append(b, bytes, sizeof(bytes));
	if (r == 0)
		r = append_tables(store, b, &copy);
	if (r < 0)
		return r;
	store_device_id(store, copy.device_id);
	copy.seq = head.seq;
	memcpy(copy.head, head.hash, sizeof(copy.head));
	head_put(b->p, &copy);
	r = store_mac(store, COPY_LABEL, b->p, b->n, mac);
	return r < 0 ? r : append(b, mac, sizeof(mac));
}

/* ---- the file --------------------------------------------------------------------- */

int copy_read(int dirfd, const char *name, struct copy_bytes *ret_bytes) {
	cleanup_(close_fdp) int fd =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	cleanup_(copy_bytes_free) struct copy_bytes b = { 0 };
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : errno == ELOOP ? -EPERM : -EIO;
	if (fstat(fd, &st) < 0)
		return -EIO;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0)
		return -EPERM;
	if (st.st_size < (off_t)(COPY_HEAD + 32) || st.st_size > (off_t)COPY_MOST)
		return -EBADMSG;
	b.p = malloc((size_t)st.st_size);
	if (!b.p)
		return -ENOMEM;
	while (b.n < (size_t)st.st_size) {
		ssize_t n = read(fd, b.p + b.n, (size_t)st.st_size - b.n);

		if (n <= 0)
			return -EIO;
		b.n += (size_t)n;
	}
	*ret_bytes = b;
	b = (struct copy_bytes){ 0 }; /* handed over */
	return 0;
}

static int write_file(int dirfd, const struct copy_bytes *b) {
	cleanup_(close_fdp) int fd = openat(dirfd, TEMPORARY,
	                                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	                                    0600);
	size_t had = 0;

	if (fd < 0 || fchmod(fd, 0600) < 0)
		return errno == ENOSPC ? -ENOSPC : -EIO;
	while (had < b->n) {
		ssize_t n = write(fd, b->p + had, b->n - had);

		if (n <= 0)
			return n < 0 && errno == ENOSPC ? -ENOSPC : -EIO;
		had += (size_t)n;
	}
	return fsync(fd) < 0 ? -EIO : 0;
}

/* What stands in the file is what was to be written. Return: 0; -EIO; -errno. */
static int read_back(int dirfd, const struct copy_bytes *b) {
	cleanup_(copy_bytes_free) struct copy_bytes is = { 0 };
	int r = copy_read(dirfd, TEMPORARY, &is);

	if (r < 0)
		return r;
	return is.n == b->n && memcmp(is.p, b->p, b->n) == 0 ? 0 : -EIO;
}

int account_copy_write(struct store *store, int dirfd, const struct moment *now) {
	cleanup_(copy_bytes_free) struct copy_bytes b = { 0 };
	int r = make(store, now, &b);

	if (r < 0)
		return r;
	if (unlinkat(dirfd, TEMPORARY, 0) < 0 && errno != ENOENT)
		return -EIO;
	r = write_file(dirfd, &b);
	if (r == 0)
		r = read_back(dirfd, &b);
	if (r == 0 && renameat(dirfd, TEMPORARY, dirfd, ACCOUNT_COPY_NAME) < 0)
		r = -EIO;
	if (r < 0) {
		(void)unlinkat(dirfd, TEMPORARY, 0);
		return r;
	}
	return fsync(dirfd) < 0 ? -EIO : 0;
}
