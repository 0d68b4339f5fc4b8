/* SPDX-License-Identifier: Apache-2.0 */

/* Opening, transactions and statements of the database. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/store-internal.h"
#include "common/cleanup.h"

static const struct {
	int code;
	int error;
} error_table[] = {
	{SQLITE_OK,          0         },
	{ SQLITE_ROW,        0         },
	{ SQLITE_DONE,       0         },
	{ SQLITE_BUSY,       -EBUSY    },
	{ SQLITE_LOCKED,     -EBUSY    },
	{ SQLITE_FULL,       -ENOSPC   },
	{ SQLITE_READONLY,   -EROFS    },
	{ SQLITE_NOMEM,      -ENOMEM   },
	{ SQLITE_CORRUPT,    -EBADMSG  },
	{ SQLITE_NOTADB,     -EBADMSG  },
	{ SQLITE_CONSTRAINT, -EEXIST   },
	{ SQLITE_INTERRUPT,  -ECANCELED},
};

int store_errno(int sqlite_code) {
	for (size_t i = 0; i < ARRAY_SIZE(error_table); ++i)
		if (error_table[i].code == (sqlite_code & 0xff))
			return error_table[i].error;
	return -EIO;
}

/* SQLite asks before every commit: outside store_commit() nothing may change. */
static int on_commit(void *userdata) {
	const struct store *store = userdata;

	return store->committing ? 0 : 1;
}

static int on_log(void *userdata, sqlite3 *db, const char *name, int n_pages) {
	struct store *store = userdata;

	store->n_log = n_pages;
	return SQLITE_OK;
}

/* The directory's path without links; SQLite has no openat(). Return: 0; -errno. */
static int path_of(int dirfd, const char *name, char **ret_path) {
	char link[64], directory[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = readlink(link, directory, sizeof(directory) - 1);
	if (n < 0 || directory[0] != '/')
		return -EIO;
	directory[n] = '\0';
	return asprintf(ret_path, "%s/%s", directory, name) < 0 ? -ENOMEM : 0;
}

/*
 * Looks at the file without opening it for reading: closing such a descriptor
 * would drop the locks that SQLite holds in this process.
 */
static int file_check(int dirfd, enum store_mode mode) {
	struct stat st;

	if (fstatat(dirfd, STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? -ENOENT : -EIO;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return -EBADMSG;
	if (mode == STORE_READ_WRITE && (st.st_uid != geteuid() || (st.st_mode & 077) != 0))
		return -EPERM;
	return 0;
}

/* What is locked: the directory itself. A file in it could be another one for the next writer. */
static int open_lock(int dirfd) {
	return openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* One writer. Return: 0; -EBUSY; -EROFS; -EIO. */
static int lock_writer(int dirfd, int *ret_fd) {
	cleanup_(close_fdp) int fd = open_lock(dirfd);

	if (fd < 0 || faccessat(dirfd, ".", W_OK, 0) < 0)
		return errno == EROFS ? -errno : -EIO;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -EIO;
	*ret_fd = fd;
	fd = -1; /* handed over */
	return 0;
}

bool store_is_busy(int dirfd) {
	cleanup_(close_fdp) int fd = open_lock(dirfd);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* file:PATH?immutable=1, every other character than plain ones in hexadecimal. */
static int immutable_uri(const char *path, char **ret_uri) {
	char *uri = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&uri, &n);

	if (!f)
		return -ENOMEM;
	(void)fputs("file:", f);
	for (; *path; ++path) {
		unsigned char c = (unsigned char)*path;

		if (c == '/' || c == '.' || c == '-' || c == '_' || (c >= '0' && c <= '9') ||
		    (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
			(void)fputc(c, f);
		else
			(void)fprintf(f, "%%%02x", c);
	}
	(void)fputs("?immutable=1", f);
	if (fclose(f) != 0) {
		free(uri);
		return -ENOMEM;
	}
	*ret_uri = uri;
	return 0;
}

/* Return: 0; what schema_*() return; the connection is the caller's to close. */
static int connect_to(const char *path, enum store_mode mode, int more, sqlite3 **db,
		      uint8_t device_id[16]) {
	int flags = SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
		    SQLITE_OPEN_EXRESCODE | more;
	int r;

	flags |= mode == STORE_READ_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	r = store_errno(sqlite3_open_v2(path, db, flags, NULL));
	if (r == 0)
		r = schema_settings(*db, mode);
	if (r == 0)
		r = schema_check(*db, device_id);
	return r;
}

/* Of a copy on read-only media SQLite can make no -shm: there nobody writes. */
static int connect_immutable(struct store *store, sqlite3 **db, uint8_t device_id[16]) {
	cleanup_(free_charp) char *wal = NULL;
	cleanup_(free_charp) char *uri = NULL;
	struct stat st;
	int r;

	if (asprintf(&wal, "%s-wal", store->path) < 0)
		return -ENOMEM;
	if (stat(wal, &st) == 0 && st.st_size > 0)
		return -EIO; /* without it, the newest entries would be missing */
	r = immutable_uri(store->path, &uri);
	if (r < 0)
		return r;
	(void)sqlite3_close(*db);
	*db = NULL;
	return connect_to(uri, STORE_READ_ONLY, SQLITE_OPEN_URI, db, device_id);
}

/*
 * Room in the log, written with zeros: a sync of what stands inside of a file
 * waits for no change of its size or of its blocks, and a disk that is full later
 * still takes what happens. SQLite ends the log where a frame is not its own. A
 * log without that room works, too.
 */
static void fill_log(sqlite3 *db) {
	static const uint8_t zeros[65536];
	sqlite3_file *log = NULL;
	sqlite3_int64 size = 0;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
	    !log || !log->pMethods || log->pMethods->xFileSize(log, &size) != SQLITE_OK ||
	    size >= STORE_LOG_ROOM)
		return;
	while (size < STORE_LOG_ROOM) {
		int n = STORE_LOG_ROOM - size < (int)sizeof(zeros) ? (int)(STORE_LOG_ROOM - size)
								   : (int)sizeof(zeros);

		if (log->pMethods->xWrite(log, zeros, n, size) != SQLITE_OK)
			return;
		size += n;
	}
	(void)log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}

/* Opens store->path and checks it; store->db is set on success only. */
static int connect_store(struct store *store) {
	sqlite3 *db = NULL;
	uint8_t device_id[16];
	int r = connect_to(store->path, store->mode, 0, &db, device_id);

	if ((r == -EIO || r == -EROFS) && store->mode == STORE_READ_ONLY)
		r = connect_immutable(store, &db, device_id);
	if (r == -EEXIST || r == -EROFS)
		r = store->mode == STORE_READ_ONLY ? -EIO : r;
	if (r < 0) {
		(void)sqlite3_close(db);
		return r;
	}
	if (store->mode == STORE_READ_WRITE) {
		(void)sqlite3_commit_hook(db, on_commit, store);
		(void)sqlite3_wal_hook(db, on_log, store);
		fill_log(db);
	}
	memcpy(store->device_id, device_id, sizeof(device_id));
	store->db = db;
	return 0;
}

static void drop_statements(struct store *store) {
	for (size_t i = 0; i < store->n_statements; ++i)
		(void)sqlite3_finalize(store->statements[i].stmt);
	store->n_statements = 0;
}

static void store_free(struct store *store) {
	drop_statements(store);
	free(store->statements);
	(void)sqlite3_close(store->db);
	if (store->lock_fd >= 0)
		(void)close(store->lock_fd);
	store_keys_wipe(store);
	EVP_MD_CTX_free(store->sha256);
	EVP_MAC_free(store->hmac);
	free(store->path);
	free(store);
}

DEFINE_CLEANUP(struct store *, store_free)

static int make_contexts(struct store *store) {
	store->sha256 = EVP_MD_CTX_new();
	store->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!store->sha256 || !store->hmac)
		return -ENOMEM;
	return EVP_DigestInit_ex(store->sha256, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

int store_open(int dirfd, enum store_mode mode, struct keystore *ks, struct store **ret_store) {
	cleanup_(store_freep) struct store *store = NULL;
	int r;

	if (mode == STORE_READ_WRITE && !ks)
		return -EINVAL;
	store = calloc(1, sizeof(*store));
	if (!store)
		return -ENOMEM;
	store->lock_fd = -1;
	store->mode = mode;
	store->ks = ks;
	r = make_contexts(store);
	if (r == 0)
		r = path_of(dirfd, STORE_FILE, &store->path);
	if (r == 0)
		r = file_check(dirfd, mode);
	if (r == 0 && mode == STORE_READ_WRITE)
		r = lock_writer(dirfd, &store->lock_fd);
	if (r == 0)
		r = connect_store(store);
	if (r == 0)
		r = journal_attach(store);
	if (r < 0)
		return r;
	*ret_store = store;
	store = NULL; /* handed over */
	return 0;
}

int store_open_beside(const struct store *store, struct store **ret_store) {
	cleanup_(store_freep) struct store *beside = calloc(1, sizeof(*beside));
	int r;

	if (!beside)
		return -ENOMEM;
	beside->lock_fd = -1;
	beside->mode = STORE_READ_ONLY;
	r = make_contexts(beside);
	if (r == 0) {
		beside->path = strdup(store->path);
		r = beside->path ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = connect_store(beside);
	if (r < 0)
		return r;
	*ret_store = beside;
	beside = NULL; /* handed over */
	return 0;
}

struct store *store_close(struct store *store) {
	if (!store)
		return NULL;
	store->depth = store->depth > 0 ? 1 : 0;
	store_rollback(store);
	store_free(store);
	return NULL;
}

struct keystore *store_keys(struct store *store) {
	return store->ks;
}

void store_device_id(const struct store *store, uint8_t ret_id[16]) {
	memcpy(ret_id, store->device_id, sizeof(store->device_id));
}

/* Runs a statement that answers nothing. */
static int run_cached(struct store *store, const char *sql) {
	sqlite3_stmt *stmt = NULL;
	int r = store_prepare(store, sql, &stmt);

	if (r < 0)
		return r;
	r = store_errno(sqlite3_step(stmt));
	(void)sqlite3_reset(stmt);
	return r;
}

int store_begin(struct store *store) {
	int r;

	if (!store || store->broken || store->doomed)
		return -EIO;
	if (store->mode == STORE_READ_ONLY)
		return -EROFS;
	if (store->depth == 0) {
		r = run_cached(store, "BEGIN IMMEDIATE");
		if (r < 0)
			return r == -EBADMSG || r == -ENOMEM ? -EIO : r;
	}
	store->depth++;
	return 0;
}

/* Ends the outermost transaction without a change. */
static void abandon(struct store *store) {
	for (size_t i = 0; i < store->n_statements; ++i)
		(void)sqlite3_reset(store->statements[i].stmt);
	/* SQLite has rolled back by itself: something failed below it. */
	if (sqlite3_get_autocommit(store->db))
		store->broken = true;
	else if (sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		store->broken = true;
	store->state = store->committed;
	store->depth = 0;
	store->doomed = false;
}

int store_commit(struct store *store) {
	int r;

	if (!store)
		return -EIO;
	if (store->depth == 0)
		return store->broken ? -EIO : -EINVAL;
	if (store->depth > 1) {
		store->depth--;
		return store->doomed ? -EIO : 0;
	}
	if (store->doomed) {
		abandon(store);
		return -EIO;
	}
	store->committing = true;
	r = sqlite3_get_autocommit(store->db) ? -EIO : run_cached(store, "COMMIT");
	store->committing = false;
	if (r < 0) {
		abandon(store);
		store->broken = true;
		return r == -ENOSPC || r == -EROFS || r == -EBUSY ? r : -EIO;
	}
	store->depth = 0;
	store->committed = store->state;
	return 0;
}

void store_rollback(struct store *store) {
	if (!store)
		return;
	if (store->depth == 0)
		return;
	if (store->depth > 1) {
		store->depth--;
		store->doomed = true;
		return;
	}
	abandon(store);
}

bool store_is_broken(const struct store *store) {
	if (!store)
		return true;
	return store->broken;
}

/*
 * The old connection stays open until the new one stands: so SQLite goes on
 * with its index of the log, in which the failed transaction is not, instead of
 * reading the log anew, where the transaction might be found whole.
 */
int store_reopen(struct store *store) {
	struct journal_state acknowledged = store->committed;
	sqlite3 *old = store->db;
	int rc, r;

	if (!store)
		return -EIO;
	if (!store->broken)
		return 0;
	drop_statements(store);
	/* A transaction that could not be rolled back, for want of memory, is rolled back now. */
	if (!sqlite3_get_autocommit(old) &&
	    sqlite3_exec(old, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		return -EIO;
	rc = sqlite3_wal_checkpoint_v2(old, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
		return store_errno(rc) == -ENOSPC ? -ENOSPC : -EIO;
	store->broken = false;
	r = connect_store(store);
	if (r < 0) {
		store->broken = true;
		return r;
	}
	(void)sqlite3_commit_hook(old, NULL, NULL);
	(void)sqlite3_close(old);
	r = journal_attach(store);
	/* What was acknowledged is there, and nothing else. */
	if (r == 0 && (store->state.seq != acknowledged.seq ||
		       memcmp(store->state.hash, acknowledged.hash, STORE_HASH) != 0))
		r = -EBADMSG;
	store->broken = r < 0;
	return r;
}

bool store_wants_checkpoint(const struct store *store) {
	/* Of pages of 4 KiB, each with a head of 24 bytes. */
	return store && !store->broken && store->depth == 0 && store->mode == STORE_READ_WRITE &&
	       store->n_log > STORE_LOG_ROOM / 2 / 4120;
}

int store_checkpoint(struct store *store) {
	int rc, n_log = 0, n_done = 0;

	if (!store)
		return -EIO;
	if (store->broken)
		return -EIO;
	if (store->mode == STORE_READ_ONLY)
		return -EROFS;
	if (store->depth > 0)
		return -EBUSY;
	/* A log that is kept is quicker to write to; but what was erased has to go. */
	rc = sqlite3_wal_checkpoint_v2(store->db, NULL,
				       store->scrub ? SQLITE_CHECKPOINT_TRUNCATE
						    : SQLITE_CHECKPOINT_PASSIVE,
				       &n_log, &n_done);
	if (rc != SQLITE_OK)
		return store_errno(rc);
	if (n_done < n_log)
		return -EBUSY;
	if (store->scrub)
		fill_log(store->db);
	store->scrub = false;
	store->n_log = 0; /* the next page begins it anew */
	return 0;
}

/* Makes room for one more. Return: 0; -ENOMEM. */
static int grow_statements(struct store *store) {
	size_t n = store->n_statements_held == 0 ? 32 : 2 * store->n_statements_held;
	struct store_statement *statements;

	if (store->n_statements < store->n_statements_held)
		return 0;
	statements = reallocarray(store->statements, n, sizeof(*statements));
	if (!statements)
		return -ENOMEM;
	store->statements = statements;
	store->n_statements_held = n;
	return 0;
}

int store_prepare(struct store *store, const char *sql, struct sqlite3_stmt **ret_stmt) {
	sqlite3_stmt *stmt = NULL;
	int r;

	if (!store || store->broken)
		return -EIO;
	if (store->depth > 0 && sqlite3_get_autocommit(store->db)) {
		store->doomed = true;
		return -EIO;
	}
	for (size_t i = 0; i < store->n_statements; ++i) {
		if (store->statements[i].sql == sql) {
			stmt = store->statements[i].stmt;
			(void)sqlite3_reset(stmt);
			(void)sqlite3_clear_bindings(stmt);
			*ret_stmt = stmt;
			return 0;
		}
	}
	r = grow_statements(store);
	if (r < 0)
		return r;
	r = store_errno(
		sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL));
	if (r < 0)
		return r == -ENOMEM ? r : -EIO;
	store->statements[store->n_statements++] = (struct store_statement){ sql, stmt };
	*ret_stmt = stmt;
	return 0;
}

int store_meta_get(struct store *store, const char *name, uint8_t *p, size_t n) {
	sqlite3_stmt *stmt = NULL;
	int rc, r;

	r = store_prepare(store, "SELECT value FROM meta WHERE name = ?1", &stmt);
	if (r < 0)
		return r;
	rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		r = rc == SQLITE_DONE ? -ENOENT : store_errno(rc);
	else if (sqlite3_column_bytes(stmt, 0) != (int)n)
		r = -EBADMSG;
	else
		memcpy(p, sqlite3_column_blob(stmt, 0), n);
	(void)sqlite3_reset(stmt);
	return r;
}

int store_meta_put(struct store *store, const char *name, const uint8_t *p, size_t n) {
	sqlite3_stmt *stmt = NULL;
	int rc, r;

	r = store_prepare(store, "INSERT INTO meta (name, value) VALUES (?1, ?2)", &stmt);
	if (r < 0)
		return r;
	rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(stmt, 2, p, (int)n, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	return store_errno(rc);
}

/* Making a new one. */

static int remove_left(int dirfd) {
	static const char *const names[] = {
		STORE_FILE ".new",
		STORE_FILE ".new-journal",
		STORE_FILE ".new-wal",
		STORE_FILE ".new-shm",
		/* A log without its database would be played into the new one. */
		STORE_FILE "-wal",
		STORE_FILE "-shm",
		STORE_FILE "-journal",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
		if (unlinkat(dirfd, names[i], 0) < 0 && errno != ENOENT)
			return -EIO;
	return 0;
}

/* The file, with its mode fixed before anything stands in it. */
static int make_empty(int dirfd) {
	cleanup_(close_fdp) int fd = openat(
		dirfd, STORE_FILE ".new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return errno == ENOSPC ? -ENOSPC : -EIO;
	return fchmod(fd, 0600) < 0 ? -EIO : 0;
}

static int fill(const char *path, const uint8_t device_id[16]) {
	sqlite3 *db = NULL;
	int r = store_errno(sqlite3_open_v2(path, &db,
					    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
						    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
					    NULL));

	if (r == 0)
		r = schema_settings(db, STORE_READ_WRITE);
	if (r == 0)
		r = schema_create(db, device_id);
	if (sqlite3_close(db) != SQLITE_OK && r == 0)
		r = -EIO;
	return r == -ENOSPC ? r : r < 0 ? -EIO : 0;
}

static int sync_new(int dirfd) {
	struct stat st;
	cleanup_(close_fdp) int fd =
		openat(dirfd, STORE_FILE ".new", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	/* A log that stayed was not moved into the file, and would not be found again. */
	if (fstatat(dirfd, STORE_FILE ".new-wal", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EIO;
	return fd < 0 || fsync(fd) < 0 ? -EIO : 0;
}

int store_create(int dirfd, const uint8_t device_id[16]) {
	cleanup_(close_fdp) int lock = -1;
	cleanup_(free_charp) char *path = NULL;
	struct stat st;
	int r;

	r = lock_writer(dirfd, &lock);
	if (r < 0)
		return r;
	if (fstatat(dirfd, STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (errno != ENOENT)
		return -EIO;
	r = path_of(dirfd, STORE_FILE ".new", &path);
	if (r == 0)
		r = remove_left(dirfd);
	if (r == 0)
		r = make_empty(dirfd);
	if (r == 0)
		r = fill(path, device_id);
	if (r == 0)
		r = sync_new(dirfd);
	/* That its log is gone is durable before it has its name: nobody would look for it. */
	if (r == 0 && fsync(dirfd) < 0)
		r = -EIO;
	/* The lock is held: nobody else makes one of that name meanwhile. */
	if (r == 0 && renameat(dirfd, STORE_FILE ".new", dirfd, STORE_FILE) < 0)
		r = -EIO;
	if (r == 0 && fsync(dirfd) < 0)
		r = -EIO;
	if (r < 0)
		(void)remove_left(dirfd);
	return r;
}
