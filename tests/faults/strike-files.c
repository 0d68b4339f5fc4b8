/* SPDX-License-Identifier: Apache-2.0 */
/* The database and the configuration: missing, damaged, changed, older, another's. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/journal.h"
#include "common/cleanup.h"
#include "tests/faults/strike.h"

#define HEADER 100u /* bytes                                                           */

static const char *const database_files[] = { "careward.db", "careward.db-wal", "careward.db-shm" };
static const char *const config_files[] = { "device.cfg", "site.cfg", "place.cfg" };

struct path {
	char text[512];
};

static struct path path_of(const char *dir, const char *file, const char *more) {
	struct path p;

	(void)snprintf(p.text, sizeof(p.text), "%s/%s%s", dir, file, more);
	return p;
}

/* As the broker's own user: nothing else belongs into that directory. */
static void as_broker(bool on) {
	ck_assert_int_eq(seteuid(on ? BROKER_UID : 0), 0);
}

static void move_database(struct cell *cell, const char *from, const char *to) {
	for (size_t i = 0; i < ARRAY_SIZE(database_files); ++i) {
		struct path a = path_of(cell->w.state, database_files[i], from);
		struct path b = path_of(cell->w.state, database_files[i], to);

		ck_assert(rename(a.text, b.text) == 0 || errno == ENOENT);
	}
}

static void copy_file(const char *from, const char *to, uint32_t uid, mode_t mode) {
	char command[1200];

	(void)snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(chown(to, uid, uid), 0);
	ck_assert_int_eq(chmod(to, mode), 0);
}

/* ---- missing ---------------------------------------------------------------------------- */

const char *strike_missing_database(struct cell *cell) {
	broker_down(cell);
	move_database(cell, "", ".away");
	return NULL;
}

void heal_missing_database(struct cell *cell) {
	broker_down(cell);
	move_database(cell, ".away", "");
}

/* It is, and none was made in its place. */
uint64_t struck_missing_database(struct cell *cell) {
	return access(path_of(cell->w.state, "careward.db", "").text, F_OK) < 0;
}

/* ---- locked by another process ------------------------------------------------------------ */

static void hold(struct cell *cell, int ready) {
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path_of(cell->w.state, "careward.db", "").text, O_RDWR | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || fcntl(fd, F_SETLK, &all) < 0 || write(ready, "1", 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

const char *strike_locked(struct cell *cell) {
	int ends[2];
	char byte = 0;

	broker_down(cell);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	cell->helper = fork();
	ck_assert_int_ge(cell->helper, 0);
	if (cell->helper == 0)
		hold(cell, ends[1]);
	(void)close(ends[1]);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	(void)close(ends[0]);
	return NULL;
}

void heal_locked(struct cell *cell) {
	(void)kill(cell->helper, SIGKILL);
	(void)waitpid(cell->helper, NULL, 0);
}

uint64_t struck_locked(struct cell *cell) {
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path_of(cell->w.state, "careward.db", "").text, O_RDWR | O_CLOEXEC);
	bool held = fd >= 0 && fcntl(fd, F_GETLK, &all) == 0 && all.l_pid == cell->helper;

	if (fd >= 0)
		(void)close(fd);
	return held;
}

/* ---- damaged -------------------------------------------------------------------------------- */

const char *strike_emptied(struct cell *cell) {
	struct path db = path_of(cell->w.state, "careward.db", "");

	broker_down(cell);
	copy_file(db.text, path_of(cell->w.dir, "whole.db", "").text, 0, 0600);
	ck_assert_int_eq(truncate(db.text, 0), 0);
	return NULL;
}

void heal_emptied(struct cell *cell) {
	broker_down(cell);
	for (size_t i = 1; i < ARRAY_SIZE(database_files); ++i)
		(void)unlink(path_of(cell->w.state, database_files[i], "").text);
	copy_file(path_of(cell->w.dir, "whole.db", "").text,
	          path_of(cell->w.state, "careward.db", "").text, BROKER_UID, 0600);
}

/* It is, but for the header that opening it may have left; no other was made in it. */
uint64_t struck_emptied(struct cell *cell) {
	struct stat st;

	return stat(path_of(cell->w.state, "careward.db", "").text, &st) == 0 && st.st_size <= 4096;
}

const char *strike_header(struct cell *cell) {
	struct path db = path_of(cell->w.state, "careward.db", "");
	uint8_t bytes[HEADER];
	int fd = -1;

	(void)strike_emptied(cell);
	heal_emptied(cell);
	fd = open(db.text, O_RDWR | O_CLOEXEC);
	memset(bytes, 0x5a, sizeof(bytes));
	ck_assert_int_eq(pwrite(fd, bytes, sizeof(bytes), 0), HEADER);
	(void)close(fd);
	return NULL;
}

void heal_header(struct cell *cell) {
	heal_emptied(cell);
}

uint64_t struck_header(struct cell *cell) {
	uint8_t byte = 0;
	int fd = open(path_of(cell->w.state, "careward.db", "").text, O_RDONLY | O_CLOEXEC);
	bool damaged = fd >= 0 && pread(fd, &byte, 1, 0) == 1 && byte == 0x5a;

	if (fd >= 0)
		(void)close(fd);
	return damaged;
}

/* Return: rows changed. */
static uint64_t edit(struct cell *cell, const char *sql) {
	sqlite3 *db = NULL;
	uint64_t n = 0;
	int r;

	as_broker(true);
	r = sqlite3_open(path_of(cell->w.state, "careward.db", "").text, &db);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, sql, NULL, NULL, NULL);
	ck_assert_msg(r == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
	n = (uint64_t)sqlite3_changes(db);
	(void)sqlite3_close(db);
	as_broker(false);
	return n;
}

/* The bytes of one entry, each the other way round; twice is as before. */
static uint64_t turn_entry(struct cell *cell) {
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	char sql[128], *turned = NULL;
	uint8_t body[4096];
	int n = 0;
	uint64_t rows = 0;

	as_broker(true);
	(void)snprintf(sql, sizeof(sql), "SELECT body FROM journal WHERE seq = %u", cell->variant + 1);
	ck_assert_int_eq(sqlite3_open(path_of(cell->w.state, "careward.db", "").text, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		n = sqlite3_column_bytes(stmt, 0);
		ck_assert_int_le(n, (int)sizeof(body));
		memcpy(body, sqlite3_column_blob(stmt, 0), (size_t)n);
	}
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	as_broker(false);
	if (n == 0)
		return 0;
	body[n - 1] ^= 0xff;
	turned = calloc(1, (size_t)n * 2 + 128);
	ck_assert_ptr_nonnull(turned);
	(void)snprintf(turned, 64, "UPDATE journal SET body = x'");
	for (int i = 0; i < n; ++i)
		(void)snprintf(turned + strlen(turned), 3, "%02x", body[i]);
	(void)snprintf(turned + strlen(turned), 64, "' WHERE seq = %u", cell->variant + 1);
	rows = edit(cell, turned);
	free(turned);
	return rows;
}

const char *strike_edited(struct cell *cell) {
	broker_down(cell);
	cell->n_bare = (unsigned)turn_entry(cell);
	return cell->n_bare == 1 ? NULL : "the journal has no such entry";
}

/* Whoever verifies finds it: that is the alarm. */
static void verify(struct cell *cell) {
	struct verify_options options = { 0 };
	struct verify_report report;
	struct store *store = NULL;
	int fd = open(cell->w.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (store_open(fd, STORE_READ_ONLY, NULL, &store) == 0 &&
	    journal_verify(store, &options, NULL, NULL, &report) == 0 &&
	    report.finding != VERIFY_OK)
		cell_told(cell, "verify");
	(void)store_close(store);
	(void)close(fd);
}

void heal_edited(struct cell *cell) {
	broker_down(cell);
	verify(cell);
	(void)turn_entry(cell);
}

uint64_t struck_edited(struct cell *cell) {
	return cell->n_bare;
}

/* That of the day when the device was set up; the keys are today's. */
const char *strike_older(struct cell *cell) {
	broker_down(cell);
	move_database(cell, "", ".away");
	copy_file(path_of(cell->template, "state/careward.db", "").text,
	          path_of(cell->w.state, "careward.db", "").text, BROKER_UID, 0600);
	return NULL;
}

/* What was written into the older copy stays in it: it is looked at, too. */
void heal_older(struct cell *cell) {
	broker_down(cell);
	move_database(cell, "", ".older");
	move_database(cell, ".away", "");
}

uint64_t struck_older(struct cell *cell) {
	return access(path_of(cell->w.state, "careward.db", ".away").text, F_OK) == 0 &&
	       access(path_of(cell->w.state, "careward.db", "").text, F_OK) == 0;
}

/* ---- the configuration that is installed ---------------------------------------------------- */

/* Everything that is guarded becomes care, in as many bytes. */
#define TURN(from, to)                                                                             \
	"UPDATE configurations SET content = CAST(replace(CAST(content AS TEXT), '" from           \
	"', '" to "') AS BLOB) WHERE kind = 1 AND instr(CAST(content AS TEXT), '" from "') > 0"
#define GUARDED "\"guarded\""
#define FORGED "\"care\"   "

const char *strike_content(struct cell *cell) {
	broker_down(cell);
	cell->n_bare = (unsigned)edit(cell, TURN(GUARDED, FORGED));
	return cell->n_bare > 0 ? NULL : "there is nothing installed";
}

void heal_content(struct cell *cell) {
	broker_down(cell);
	(void)edit(cell, TURN(FORGED, GUARDED));
}

uint64_t struck_content(struct cell *cell) {
	return cell->n_bare;
}

/* ---- the three files ------------------------------------------------------------- */

static void spoil(struct cell *cell, const char *file, const struct path *path) {
	bool site = strcmp(file, "site.cfg") == 0;
	struct stat st;

	if (cell->fault->argument == SPOIL_MISSING)
		ck_assert_int_eq(unlink(path->text), 0);
	if (cell->fault->argument == SPOIL_CUT) {
		ck_assert_int_eq(stat(path->text, &st), 0);
		ck_assert_int_eq(truncate(path->text, st.st_size / 2), 0);
	}
	/* Everything is care: whoever breaks the glass could export. */
	if (cell->fault->argument == SPOIL_FORGED || cell->fault->argument == SPOIL_STRANGER)
		world_edit(&cell->w, "device.cfg", "{ name = \"data.export\";      kind = \"guarded\"; }",
		           "{ name = \"data.export\";      kind = \"care\"; }");
	if (cell->fault->argument == SPOIL_STRANGER) {
		ck_assert_int_eq(chown(path->text, UI_UID, UI_UID), 0);
		ck_assert_int_eq(chmod(path->text, 0666), 0);
	}
	if (cell->fault->argument == SPOIL_OTHER)
		world_edit(&cell->w, file, site ? "\"settings.display\" ]" : "end = true;",
		           site ? "\"settings.display\", \"data.export\" ]" : "# another\nend = true;");
}

const char *strike_config(struct cell *cell) {
	const char *file = config_files[cell->variant % ARRAY_SIZE(config_files)];
	struct path path = path_of(cell->w.config, file, "");

	broker_down(cell);
	copy_file(path.text, path_of(cell->w.dir, "whole.cfg", "").text, 0, 0644);
	spoil(cell, file, &path);
	return NULL;
}

void heal_config(struct cell *cell) {
	const char *file = config_files[cell->variant % ARRAY_SIZE(config_files)];

	broker_down(cell);
	copy_file(path_of(cell->w.dir, "whole.cfg", "").text, path_of(cell->w.config, file, "").text,
	          0, 0644);
}

/* The file is not what it was, for the engine that ran. */
uint64_t struck_config(struct cell *cell) {
	const char *file = config_files[cell->variant % ARRAY_SIZE(config_files)];
	char command[1200];

	(void)snprintf(command, sizeof(command), "cmp -s '%s' '%s'",
	               path_of(cell->w.dir, "whole.cfg", "").text,
	               path_of(cell->w.config, file, "").text);
	return system(command) != 0;
}
