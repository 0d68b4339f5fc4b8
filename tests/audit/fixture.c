/* SPDX-License-Identifier: Apache-2.0 */

#undef NDEBUG

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "common/cleanup.h"
#include "tests/audit/fixture.h"

struct fixture fx;

/* Directories carry the number of the run, which removes what a failed test leaves. */
static pid_t run_id;

static const char *base_directory(void) {
	/* In memory where that is possible: what is tested here never waits for a disk. */
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ".";
}

void remove_tree(const char *path) {
	DIR *d = opendir(path);
	struct dirent *e;
	char name[512];

	while (d && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s/%.255s", path, e->d_name);
		if (e->d_type == DT_DIR)
			remove_tree(name);
		else
			(void)unlink(name);
	}
	if (d)
		(void)closedir(d);
	(void)rmdir(path);
}

void fixture_setup(void) {
	static const uint8_t device_id[16] = "device of tests";

	memset(&fx, 0, sizeof(fx));
	(void)snprintf(fx.directory, sizeof(fx.directory), "%s/audit-test-%ld-XXXXXX",
		       base_directory(), (long)run_id);
	ck_assert_ptr_nonnull(mkdtemp(fx.directory));
	fx.dirfd = open(fx.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fx.dirfd, 0);
	ck_assert_int_eq(mkdirat(fx.dirfd, "keys", 0700), 0);
	fx.keysfd = openat(fx.dirfd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fx.keysfd, 0);
	ck_assert_int_eq(keystore_file_create(fx.keysfd), 0);
	ck_assert_int_eq(keystore_file_open(fx.keysfd, &fx.ks), 0);
	ck_assert_int_eq(store_create(fx.dirfd, device_id), 0);
	ck_assert_int_eq(fixture_open(), 0);
}

void fixture_close(void) {
	fx.store = store_close(fx.store);
}

int fixture_open(void) {
	return store_open(fx.dirfd, STORE_READ_WRITE, fx.ks, &fx.store);
}

void fixture_teardown(void) {
	fixture_close();
	fx.ks = keystore_close(fx.ks);
	(void)close(fx.keysfd);
	(void)close(fx.dirfd);
	remove_tree(fx.directory);
}

struct moment fixture_moment(unsigned i) {
	struct moment m = {
		.wall_ms = 1767225600000 + (int64_t)i * 1000,
		.boot_ms = 5000 + (uint64_t)i * 1000,
		.boot_id = {0xb0, 0x07},
		.trust = CLOCK_TRUSTED,
	};

	return m;
}

/* One of everything, by number; 6 has every field that there is. */
struct journal_entry fixture_entry(unsigned i) {
	struct journal_entry e = {
		.at = fixture_moment(i),
		.event = EVENT_USE,
		.outcome = OUTCOME_OK,
		.seat = 1,
		.account = i % 3,
		.peer_uid = UINT32_MAX,
		.action = "therapy.start",
	};

	if (i % 4 == 2) {
		e.event = EVENT_EMERGENCY_USE;
		e.has_emergency = true;
		e.emergency[0] = 7;
		e.text = "the ventilator alarmed";
		e.name = "Kim";
	}
	if (i % 4 == 3) {
		e.event = EVENT_ACCOUNT_CREATED;
		e.target = i;
		e.has_digest = true;
		e.digest[0] = (uint8_t)i;
	}
	if (i == 6) {
		e.assurance = CW_ASSURANCE_PASSWORD;
		e.factor = CW_FACTOR_PASSWORD;
		e.flags = ENTRY_EMERGENCY | ENTRY_LATE;
		e.reason = CW_REASON_EMERGENCY;
		e.account = 4;
		e.target = 5;
		e.peer_uid = 1000;
		e.session = 77;
		e.has_claim = true;
		e.claimed_boot_id[3] = 3;
		e.claimed_boot_ms = 4711;
		e.claimed_wall_ms = -1;
		e.has_digest = true;
		e.digest[31] = 1;
		e.context = "acute";
		e.object = "pump 3, channel A";
		e.detail = "rate=12 unit=ml/h";
	}
	return e;
}

void fixture_fill(void) {
	for (unsigned i = 1; i <= 12; ++i) {
		struct journal_entry e = fixture_entry(i);
		struct moment now = fixture_moment(i);

		ck_assert_int_eq(journal_append(fx.store, &e), 0);
		ck_assert_uint_eq(e.seq, i);
		if (i == 4 || i == 8)
			ck_assert_int_eq(journal_seal(fx.store, &now), 0);
	}
}

sqlite3 *forge_open(void) {
	char path[128];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof(path), "%s/careward.db", fx.directory);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	return db;
}

int forge(const char *sql) {
	sqlite3 *db = forge_open();
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	(void)sqlite3_close(db);
	return rc;
}

/* The chain, by the page: nothing of audit/ is used. */
static void hash_entry(uint64_t seq, const uint8_t *previous, const void *body, size_t n_body,
		       uint8_t hash[32]) {
	uint8_t bytes[2048];
	size_t n = 0;

	memcpy(bytes, "careward entry 1", 16);
	for (n = 16; n < 24; ++n)
		bytes[n] = (uint8_t)(seq >> (8 * (n - 16)));
	memcpy(bytes + 24, previous, 32);
	memcpy(bytes + 56, body, n_body);
	(void)SHA256(bytes, 56 + n_body, hash);
}

static void hash_before(sqlite3 *db, uint64_t seq, uint8_t hash[32]) {
	sqlite3_stmt *stmt = NULL;
	uint8_t bytes[34];

	if (seq > 1) {
		ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT hash FROM journal WHERE seq = ?1",
						    -1, &stmt, NULL),
				 SQLITE_OK);
		(void)sqlite3_bind_int64(stmt, 1, (int64_t)seq - 1);
		ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
		memcpy(hash, sqlite3_column_blob(stmt, 0), 32);
	} else {
		ck_assert_int_eq(
			sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name = 'device_id'",
					   -1, &stmt, NULL),
			SQLITE_OK);
		ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
		memcpy(bytes, "careward genesis 1", 18);
		memcpy(bytes + 18, sqlite3_column_blob(stmt, 0), 16);
		(void)SHA256(bytes, sizeof(bytes), hash);
	}
	(void)sqlite3_finalize(stmt);
}

void forge_hashes(uint64_t first, uint64_t last) {
	sqlite3 *db = forge_open();
	sqlite3_stmt *get = NULL, *put = NULL;
	uint8_t hash[32];

	hash_before(db, first, hash);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_prepare_v2(db, "SELECT body FROM journal WHERE seq = ?1", -1, &get, NULL),
		SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "UPDATE journal SET hash = ?2 WHERE seq = ?1", -1,
					    &put, NULL),
			 SQLITE_OK);
	for (uint64_t seq = first; seq <= last; ++seq) {
		(void)sqlite3_bind_int64(get, 1, (int64_t)seq);
		if (sqlite3_step(get) == SQLITE_ROW) {
			hash_entry(seq, hash, sqlite3_column_blob(get, 0),
				   (size_t)sqlite3_column_bytes(get, 0), hash);
			(void)sqlite3_bind_int64(put, 1, (int64_t)seq);
			(void)sqlite3_bind_blob(put, 2, hash, 32, SQLITE_STATIC);
			ck_assert_int_eq(sqlite3_step(put), SQLITE_DONE);
			(void)sqlite3_reset(put);
		}
		(void)sqlite3_reset(get);
	}
	(void)sqlite3_finalize(get);
	(void)sqlite3_finalize(put);
	ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

bool forge_byte(uint64_t seq, unsigned at, uint8_t xor_with) {
	sqlite3 *db = forge_open();
	sqlite3_blob *blob = NULL;
	uint8_t byte = 0;
	bool there;

	ck_assert_int_eq(
		sqlite3_blob_open(db, "main", "journal", "body", (sqlite3_int64)seq, 1, &blob),
		SQLITE_OK);
	there = at < (unsigned)sqlite3_blob_bytes(blob);
	if (there) {
		ck_assert_int_eq(sqlite3_blob_read(blob, &byte, 1, (int)at), SQLITE_OK);
		byte = (uint8_t)(byte ^ xor_with);
		ck_assert_int_eq(sqlite3_blob_write(blob, &byte, 1, (int)at), SQLITE_OK);
	}
	ck_assert_int_eq(sqlite3_blob_close(blob), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	return there;
}

static pthread_t helping;
static void (*helping_job)(void *data);

static void *help_main(void *data) {
	helping_job(data);
	return NULL;
}

static void help(void (*job)(void *data), void *data, void *userdata) {
	helping_job = job;
	ck_assert_int_eq(pthread_create(&helping, NULL, help_main, data), 0);
}

static void help_wait(void *userdata) {
	ck_assert_int_eq(pthread_join(helping, NULL), 0);
	++*(unsigned *)userdata;
}

struct verify_report verify_both_ways(struct store *store, const struct verify_options *options) {
	struct verify_report alone = { 0 }, helped = { 0 };
	struct verify_options with = *options;
	unsigned n = 0;
	const struct verify_helper helper = { help, help_wait, &n };

	with.helper = &helper;
	ck_assert_int_eq(journal_verify(store, options, NULL, NULL, &alone), 0);
	ck_assert_int_eq(journal_verify(store, &with, NULL, NULL, &helped), 0);
	ck_assert_msg(memcmp(&alone, &helped, sizeof(alone)) == 0,
		      "alone: %d at %llu (%s); with a helper: %d at %llu (%s)", alone.finding,
		      (unsigned long long)alone.seq, alone.what, helped.finding,
		      (unsigned long long)helped.seq, helped.what);
	ck_assert_msg(n == 1 || options->quick || helped.finding != VERIFY_OK,
		      "the helper was asked %u times", n);
	return helped;
}

struct verify_report verify_it(const struct verify_options *options, bool with_keys) {
	static const struct verify_options none;
	struct verify_report report = { 0 };
	struct store *store = NULL;

	ck_assert_int_eq(store_open(fx.dirfd, STORE_READ_ONLY, with_keys ? fx.ks : NULL, &store),
			 0);
	report = verify_both_ways(store, options ? options : &none);
	store = store_close(store);
	return report;
}

void copy_file(const char *from, const char *to) {
	int in = openat(fx.dirfd, from, O_RDONLY | O_CLOEXEC);
	int out = openat(fx.dirfd, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint8_t bytes[4096];
	ssize_t n;

	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		ck_assert_int_eq(write(out, bytes, (size_t)n), n);
	(void)close(in);
	(void)close(out);
}

static void remove_left(void) {
	char prefix[64], path[320];
	DIR *d = opendir(base_directory());
	const struct dirent *e;

	(void)snprintf(prefix, sizeof(prefix), "audit-test-%ld-", (long)run_id);
	while (d && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", base_directory(), e->d_name);
		remove_tree(path);
	}
	if (d)
		(void)closedir(d);
}

int run_suite(Suite *suite) {
	SRunner *runner = srunner_create(suite);
	int failed;

	run_id = getpid();
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	remove_left();
	return failed == 0 ? 0 : 1;
}
