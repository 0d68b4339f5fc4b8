/* SPDX-License-Identifier: Apache-2.0 */

/* Making, recognising and configuring the database. */

#include <errno.h>
#include <string.h>

#include "audit/schema.h"
#include "audit/store-internal.h"
#include "common/bytes.h"
#include "common/cleanup.h"

DEFINE_CLEANUP(sqlite3_stmt *, sqlite3_finalize)
DEFINE_CLEANUP(sqlite3 *, sqlite3_close)

static int run(sqlite3 *db, const char *sql) {
	return store_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* Number that a PRAGMA answers. Return: 0; -errno. */
static int pragma_number(sqlite3 *db, const char *sql, int64_t *ret_n) {
	cleanup_(sqlite3_finalizep) sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? -EIO : store_errno(rc);
	*ret_n = sqlite3_column_int64(stmt, 0);
	return 0;
}

static int put_meta(sqlite3 *db, const char *name, const uint8_t *p, size_t n) {
	cleanup_(sqlite3_finalizep) sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, "INSERT INTO meta (name, value) VALUES (?1, ?2)", -1, &stmt,
				    NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(stmt, 2, p, (int)n, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	return store_errno(rc);
}

/* Return: 0; -EBADMSG (absent or of another length); -errno. */
static int get_meta(sqlite3 *db, const char *name, uint8_t *p, size_t n) {
	cleanup_(sqlite3_finalizep) sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name = ?1", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE || rc == SQLITE_ERROR)
		return -EBADMSG;
	if (rc != SQLITE_ROW)
		return store_errno(rc);
	if (sqlite3_column_bytes(stmt, 0) != (int)n)
		return -EBADMSG;
	memcpy(p, sqlite3_column_blob(stmt, 0), n);
	return 0;
}

static int create_tables(sqlite3 *db) {
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(schema_statements); ++i)
		r = run(db, schema_statements[i]);
	return r;
}

/*
 * schema_create() - fill an empty database
 * @db:         just opened, nothing in it
 * @device_id:  what the device is to be called
 *
 * Return: 0; -ENOSPC; -EIO.
 */
int schema_create(sqlite3 *db, const uint8_t device_id[16]) {
	uint8_t format[4], min_reader[4];
	char pragma[64];
	int r;

	put_le32(format, STORE_FORMAT);
	put_le32(min_reader, STORE_MIN_READER);
	r = run(db, "BEGIN EXCLUSIVE");
	if (r == 0)
		r = create_tables(db);
	if (r == 0)
		r = put_meta(db, "device_id", device_id, 16);
	if (r == 0)
		r = put_meta(db, "format", format, sizeof(format));
	if (r == 0)
		r = put_meta(db, "min_reader", min_reader, sizeof(min_reader));
	if (r == 0) {
		(void)sqlite3_snprintf((int)sizeof(pragma), pragma, "PRAGMA application_id = %d",
				       STORE_APPLICATION_ID);
		r = run(db, pragma);
	}
	if (r == 0) {
		(void)sqlite3_snprintf((int)sizeof(pragma), pragma, "PRAGMA user_version = %d",
				       (int)STORE_FORMAT);
		r = run(db, pragma);
	}
	if (r == 0)
		r = run(db, "COMMIT");
	/* The switch is the last thing written: before it, there is no -wal. */
	if (r == 0)
		r = run(db, "PRAGMA journal_mode = WAL");
	return r;
}

/* One object of a schema: type, name, table, text. Texts live until the next step. */
struct object {
	const char *column[4];
};

/* Return: 1 with an object; 0 at the end; -errno. */
static int next_object(sqlite3_stmt *stmt, struct object *ret_object) {
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW)
		return store_errno(rc);
	for (int i = 0; i < 4; ++i)
		ret_object->column[i] = (const char *)sqlite3_column_text(stmt, i);
	return 1;
}

static bool is_same(const struct object *a, const struct object *b) {
	for (int i = 0; i < 4; ++i) {
		const char *x = a->column[i], *y = b->column[i];

		if ((x == NULL) != (y == NULL) || (x && y && strcmp(x, y) != 0))
			return false;
	}
	return true;
}

/* Return: 1 when @reference has a table of that name; 0; -errno. */
static int is_table_of(sqlite3 *reference, const char *name) {
	cleanup_(sqlite3_finalizep) sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(reference,
				    "SELECT 1 FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE",
				    -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	return rc == SQLITE_ROW ? 1 : store_errno(rc);
}

/*
 * What a newer release may have added: a plain table of its own, and indexes of that.
 * Return: 0; -EBADMSG; -errno.
 */
static int check_addition(sqlite3 *reference, const struct object *o) {
	static const char table[] = "CREATE TABLE ";
	int r;

	if (!o->column[0] || !o->column[2])
		return -EBADMSG;
	if (strcmp(o->column[0], "table") == 0) {
		if (!o->column[3] || strncmp(o->column[3], table, sizeof(table) - 1) != 0)
			return -EBADMSG; /* a virtual one runs code */
	} else if (strcmp(o->column[0], "index") != 0) {
		return -EBADMSG;
	}
	r = is_table_of(reference, o->column[2]);
	return r == 0 ? 0 : r < 0 ? r : -EBADMSG;
}

/*
 * Return: 0 when both hold the same objects with the same texts in the same order,
 * and @newer: none besides but what may be added; -EBADMSG; -errno.
 */
static int compare_schemas(sqlite3 *db, sqlite3 *reference, bool newer) {
	static const char sql[] =
		"SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid";
	cleanup_(sqlite3_finalizep) sqlite3_stmt *a = NULL;
	cleanup_(sqlite3_finalizep) sqlite3_stmt *b = NULL;
	struct object is, wanted;
	int r = store_errno(sqlite3_prepare_v2(db, sql, -1, &a, NULL)), n = 0;

	if (r == 0)
		r = store_errno(sqlite3_prepare_v2(reference, sql, -1, &b, NULL));
	if (r == 0)
		n = next_object(b, &wanted);
	while (r == 0 && n >= 0) {
		r = next_object(a, &is);
		if (r <= 0)
			return r < 0 ? r : n == 0 ? 0 : -EBADMSG;
		if (n == 1 && is_same(&is, &wanted)) {
			n = next_object(b, &wanted);
			r = 0;
			continue;
		}
		r = newer ? check_addition(reference, &is) : -EBADMSG;
	}
	return r < 0 ? r : n;
}

/* The reference is made by the same SQLite, in memory: it spells alike. */
static int check_texts(sqlite3 *db, bool newer) {
	cleanup_(sqlite3_closep) sqlite3 *reference = NULL;
	int r = store_errno(sqlite3_open_v2(":memory:", &reference,
					    SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL));

	if (r == 0)
		r = create_tables(reference);
	if (r == 0)
		r = compare_schemas(db, reference, newer);
	return r;
}

/*
 * schema_check() - is this a database of ours, and may this code read it?
 *
 * Return: 0; -EBADMSG; -ENOTSUP; -EBUSY; -EIO; -ENOMEM.
 */
int schema_check(sqlite3 *db, uint8_t ret_device_id[16]) {
	uint8_t format[4], min_reader[4], device_id[16];
	int64_t application = 0, version = 0;
	int r;

	r = pragma_number(db, "PRAGMA application_id", &application);
	if (r == 0)
		r = pragma_number(db, "PRAGMA user_version", &version);
	if (r == 0 && application != STORE_APPLICATION_ID)
		r = -EBADMSG;
	if (r == 0)
		r = get_meta(db, "min_reader", min_reader, sizeof(min_reader));
	if (r == 0 && get_le32(min_reader) > STORE_FORMAT)
		r = -ENOTSUP;
	if (r == 0)
		r = get_meta(db, "format", format, sizeof(format));
	if (r == 0 && (version != get_le32(format) || get_le32(min_reader) == 0))
		r = -EBADMSG;
	if (r == 0)
		r = check_texts(db, get_le32(format) > STORE_FORMAT);
	if (r == 0)
		r = get_meta(db, "device_id", device_id, sizeof(device_id));
	if (r == 0)
		memcpy(ret_device_id, device_id, sizeof(device_id));
	return r;
}

/* What the connection may not do, whatever is written in the file. */
static const struct {
	int what;
	int on;
} limits[] = {
	{SQLITE_DBCONFIG_DEFENSIVE,              1},
	{ SQLITE_DBCONFIG_TRUSTED_SCHEMA,        0},
	{ SQLITE_DBCONFIG_DQS_DDL,               0},
	{ SQLITE_DBCONFIG_DQS_DML,               0},
	{ SQLITE_DBCONFIG_ENABLE_TRIGGER,        0},
	{ SQLITE_DBCONFIG_ENABLE_VIEW,           0},
	{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	{ SQLITE_DBCONFIG_WRITABLE_SCHEMA,       0},
};

static const char *const settings[] = {
	"PRAGMA cell_size_check = ON",
	"PRAGMA mmap_size = 0",
	"PRAGMA temp_store = MEMORY",
};

static const char *const writer_settings[] = {
	"PRAGMA journal_mode = WAL",
	"PRAGMA synchronous = FULL",
	"PRAGMA secure_delete = ON",
	/* Checkpoints are store_checkpoint(): nobody who waits pays for them. */
	"PRAGMA wal_autocheckpoint = 0",
	"PRAGMA journal_size_limit = 4194304",
};

/* Return: 0; -EIO; -errno. */
int schema_settings(sqlite3 *db, enum store_mode mode) {
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(limits); ++i)
		r = store_errno(sqlite3_db_config(db, limits[i].what, limits[i].on, NULL));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(settings); ++i)
		r = run(db, settings[i]);
	for (size_t i = 0; r == 0 && mode == STORE_READ_WRITE && i < ARRAY_SIZE(writer_settings);
	     ++i)
		r = run(db, writer_settings[i]);
	return r;
}
