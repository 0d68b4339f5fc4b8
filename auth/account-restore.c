/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The copy of the accounts becomes a database
 *
 * The new one is made whole in a directory of its own, then the old one is set
 * aside, then the new one takes its name. In between there is no database, and an
 * engine that starts then says so: never one without accounts, in which anybody
 * could begin anew.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/account-copy-form.h"
#include "auth/account.h"
#include "common/bytes.h"
#include "common/cleanup.h"

#define WORKSHOP "restore"

static void closep(struct store **store) {
	*store = store_close(*store);
}

/* ---- rows ------------------------------------------------------------------------- */

static void get_blob(struct layout_reader *r, uint8_t *p, size_t room, size_t *ret_n) {
	uint32_t n = layout_get32(r);

	*ret_n = 0;
	if (n > room) {
		r->failed = true;
		return;
	}
	layout_get(r, p, n);
	*ret_n = n;
}

static int get_row(struct layout_reader *r, struct stored_row *ret_row) {
	ret_row->number = (int64_t)layout_get64(r);
	ret_row->account = (int64_t)layout_get64(r);
	ret_row->factor = (int64_t)layout_get64(r);
	ret_row->state = (int64_t)layout_get64(r);
	ret_row->generation = (int64_t)layout_get64(r);
	get_blob(r, ret_row->key, sizeof(ret_row->key), &ret_row->n_key);
	get_blob(r, ret_row->sealed, sizeof(ret_row->sealed), &ret_row->n_sealed);
	layout_get(r, ret_row->mac, sizeof(ret_row->mac));
	return r->failed ? -EBADMSG : 0;
}

static int bind_row(sqlite3_stmt *stmt, const struct stored_row *row) {
	const int codes[] = {
		sqlite3_bind_int64(stmt, 1, row->number),
		sqlite3_bind_blob(stmt, 2, row->key, (int)row->n_key, SQLITE_STATIC),
		sqlite3_bind_int64(stmt, 3, row->state),
		sqlite3_bind_int64(stmt, 4, row->generation),
		sqlite3_bind_blob(stmt, 5, row->sealed, (int)row->n_sealed, SQLITE_STATIC),
		sqlite3_bind_blob(stmt, 6, row->mac, sizeof(row->mac), SQLITE_STATIC),
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); ++i)
		if (codes[i] != SQLITE_OK)
			return -EIO;
	return 0;
}

static int put_row(struct store *store, const struct stored_row *row, bool is_account) {
	sqlite3_stmt *stmt = NULL;
	int r = is_account ? store_prepare(store,
	                                   "INSERT INTO accounts (number, name_key, state, "
	                                   "generation, sealed, mac) "
	                                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	                                   &stmt)
			   : store_prepare(store,
	                                   "INSERT INTO authenticators (number, lookup, state, "
	                                   "generation, sealed, mac, account, factor) "
	                                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	                                   &stmt);

	if (r == 0)
		r = bind_row(stmt, row);
	if (r == 0 && !is_account &&
	    (sqlite3_bind_int64(stmt, 7, row->account) != SQLITE_OK ||
	     sqlite3_bind_int64(stmt, 8, row->factor) != SQLITE_OK))
		r = -EIO;
	return r < 0 ? r : sql_done(stmt);
}

static int put_rows(struct store *store, struct layout_reader *in, uint32_t n, bool is_account) {
	struct stored_row row = { 0 };
	int r = 0;

	for (uint32_t i = 0; i < n && r == 0; ++i) {
		r = get_row(in, &row);
		if (r == 0)
			r = put_row(store, &row, is_account);
	}
	return r;
}

/* ---- the new journal's first words --------------------------------------------------- */

static int record_all(struct store *store, const struct account_copy *copy,
                      const struct moment *now) {
	const struct actor nobody = { .peer_uid = UINT32_MAX };
	char detail[LIMIT_TEXT], head[65];
	struct journal_entry entry = {
		.at = *now,
		.event = EVENT_ACCOUNTS_RESTORED,
		.outcome = OUTCOME_OK,
		.peer_uid = UINT32_MAX,
		.detail = detail,
	};
	uint32_t number = 0;
	int r;

	hex_encode(head, copy->head, sizeof(copy->head));
	(void)snprintf(detail, sizeof(detail), "accounts=%u copied_ms=%lld seq=%llu head=%s",
	               copy->n_accounts, (long long)copy->wall_ms, (unsigned long long)copy->seq,
	               head);
	r = journal_append(store, &entry);
	while (r == 0) {
		r = account_next(store, number, &number);
		if (r == -ENOENT)
			return 0;
		if (r == 0)
			r = account_record(store, &nobody, now, EVENT_ACCOUNT_RESTORED, number,
			                   NULL);
	}
	return r;
}

/* Return: 0; -EBADMSG (not exactly the form, a row that is damaged); -errno. */
static int fill(struct store *store, const struct copy_bytes *b, const struct account_copy *copy,
                const struct moment *now) {
	struct layout_reader in = { .p = b->p + COPY_HEAD, .n = b->n - COPY_HEAD - 32 };
	cleanup_(transaction_endp) struct store *transaction = NULL;
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = put_rows(store, &in, copy->n_accounts, true);
	if (r == 0)
		r = put_rows(store, &in, copy->n_authenticators, false);
	if (r == 0 && !layout_is_done(&in))
		r = -EBADMSG;
	if (r == 0)
		r = record_all(store, copy, now);
	if (r < 0)
		return r == -EEXIST ? -EBADMSG : r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	return store_commit(store);
}

/* ---- files ------------------------------------------------------------------------- */

static int move(int from, const char *name, int to) {
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -EIO;
	return renameat(from, name, to, name) < 0 ? -EIO : 0;
}

static int open_directory(int dirfd, const char *name, int *ret_fd) {
	if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
		return errno == ENOSPC ? -ENOSPC : -EIO;
	*ret_fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? -EIO : 0;
}

static int clear_workshop(int fd) {
	static const char *const names[] = { "careward.db", "careward.db-wal", "careward.db-shm" };

	for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
		if (unlinkat(fd, names[i], 0) < 0 && errno != ENOENT)
			return -EIO;
	return 0;
}

static void close_workshop(int dirfd, int fd) {
	(void)clear_workshop(fd);
	(void)unlinkat(fd, "careward.lock", 0);
	(void)unlinkat(dirfd, WORKSHOP, AT_REMOVEDIR);
}

/* The log last: without its database nobody plays it into anything. */
static int set_aside(int dirfd) {
	cleanup_(close_fdp) int fd = -1;
	struct stat st;
	int r = open_directory(dirfd, ACCOUNT_COPY_ASIDE, &fd);

	if (r < 0)
		return r;
	if (fstatat(fd, "careward.db", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(dirfd, "careward.db", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	r = move(dirfd, "careward.db", fd);
	if (r == 0)
		r = move(dirfd, "careward.db-wal", fd);
	if (r == 0 && unlinkat(dirfd, "careward.db-shm", 0) < 0 && errno != ENOENT)
		r = -EIO;
	if (r == 0 && (fsync(fd) < 0 || fsync(dirfd) < 0))
		r = -EIO;
	return r;
}

/* ---- all of it ---------------------------------------------------------------------- */

static int head_get(const struct copy_bytes *b, struct account_copy *ret_copy) {
	struct layout_reader in = { .p = b->p, .n = COPY_HEAD };
	uint8_t magic[16];

	layout_get(&in, magic, sizeof(magic));
	layout_get(&in, ret_copy->device_id, sizeof(ret_copy->device_id));
	ret_copy->wall_ms = (int64_t)layout_get64(&in);
	ret_copy->seq = layout_get64(&in);
	layout_get(&in, ret_copy->head, sizeof(ret_copy->head));
	ret_copy->n_accounts = layout_get32(&in);
	ret_copy->n_authenticators = layout_get32(&in);
	return layout_is_done(&in) && memcmp(magic, COPY_MAGIC, sizeof(magic)) == 0 ? 0 : -EBADMSG;
}

/* Only where nothing else helps. Return: 0; -EEXIST; -errno. */
static int is_needed(int dirfd, struct keystore *ks) {
	cleanup_(closep) struct store *store = NULL;
	int r = store_open(dirfd, STORE_READ_WRITE, ks, &store);

	if (r == 0)
		return -EEXIST;
	return r == -EBADMSG || r == -ENOTSUP || r == -ENOENT ? 0 : r;
}

/* The new database, whole, in a directory of its own. */
static int build(int workshop, struct keystore *ks, const struct copy_bytes *b,
                 const struct account_copy *copy, const struct moment *now,
                 uint8_t ret_anchor[32]) {
	cleanup_(closep) struct store *store = NULL;
	uint8_t mac[32];
	int r = clear_workshop(workshop);

	if (r == 0)
		r = store_create(workshop, copy->device_id);
	if (r == 0)
		r = store_open(workshop, STORE_READ_WRITE, ks, &store);
	if (r == 0)
		r = store_mac(store, COPY_LABEL, b->p, b->n - 32, mac);
	if (r == 0 && !equal_32(mac, b->p + b->n - 32))
		r = -EBADMSG;
	if (r == 0)
		r = store_check_keys(store, true);
	if (r == 0)
		r = fill(store, b, copy, now);
	if (r == 0)
		r = journal_anchor(store, ret_anchor);
	return r == 0 ? store_checkpoint(store) : r;
}

/* The keys of the journal that was set aside sign nothing any more. */
static int erase_old_keys(int dirfd, struct keystore *ks) {
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned long long epoch = 0;
	const struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL)
		if (sscanf(d->d_name, "epoch-%llu.key", &epoch) == 1 && epoch != 1 &&
		    ks->ops->epoch_erase(ks, epoch) < 0)
			r = -EIO;
	if (dir)
		(void)closedir(dir);
	else if (fd >= 0)
		(void)close(fd);
	return dir ? r : -EIO;
}

int account_copy_restore(int dirfd, struct keystore *ks, const struct moment *now,
                         struct account_copy *ret_copy, uint8_t ret_anchor[32]) {
	cleanup_(copy_bytes_free) struct copy_bytes b = { 0 };
	cleanup_(close_fdp) int workshop = -1;
	struct account_copy copy;
	uint8_t anchor[32];
	int r = is_needed(dirfd, ks);

	if (r == 0)
		r = copy_read(dirfd, ACCOUNT_COPY_NAME, &b);
	if (r == 0)
		r = head_get(&b, &copy);
	if (r == 0)
		r = open_directory(dirfd, WORKSHOP, &workshop);
	if (r == 0)
		r = build(workshop, ks, &b, &copy, now, anchor);
	if (r == 0)
		r = set_aside(dirfd);
	if (r == 0)
		r = move(workshop, "careward.db", dirfd);
	if (r == 0 && fsync(dirfd) < 0)
		r = -EIO;
	if (workshop >= 0)
		close_workshop(dirfd, workshop);
	if (r < 0)
		return r;
	*ret_copy = copy;
	memcpy(ret_anchor, anchor, sizeof(anchor));
	return erase_old_keys(dirfd, ks);
}
