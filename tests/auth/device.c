/* SPDX-License-Identifier: Apache-2.0 */

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/auth/device.h"

struct device device;
const struct actor nobody = { .peer_uid = UINT32_MAX };

static void empty_directory(int dirfd) {
	DIR *dir = fdopendir(dup(dirfd));
	struct dirent *entry;

	if (!dir)
		return;
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd, entry->d_name, 0);
	(void)closedir(dir);
}

void device_set_up(void) {
	static const uint8_t device_id[16] = "a pump of tests";

	memset(&device, 0, sizeof(device));
	(void)snprintf(device.directory, sizeof(device.directory), "auth-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(device.directory));
	device.dirfd = open(device.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(device.dirfd, 0);
	ck_assert_int_eq(mkdirat(device.dirfd, "keys", 0700), 0);
	device.keysfd = openat(device.dirfd, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(device.keysfd, 0);
	ck_assert_int_eq(keystore_file_create(device.keysfd), 0);
	ck_assert_int_eq(keystore_file_open(device.keysfd, &device.ks), 0);
	ck_assert_int_eq(store_create(device.dirfd, device_id), 0);
	device_open();
}

void device_tear_down(void) {
	device_close();
	device.ks = keystore_close(device.ks);
	empty_directory(device.keysfd);
	(void)unlinkat(device.dirfd, "keys", AT_REMOVEDIR);
	empty_directory(device.dirfd);
	(void)close(device.keysfd);
	(void)close(device.dirfd);
	(void)rmdir(device.directory);
}

void device_close(void) {
	device.store = store_close(device.store);
}

void device_open(void) {
	ck_assert_int_eq(store_open(device.dirfd, STORE_READ_WRITE, device.ks, &device.store), 0);
}

static sqlite3 *open_behind(void) {
	char path[128];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof(path), "%s/careward.db", device.directory);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	(void)snprintf(path, sizeof(path), "ATTACH '%s/behind.db' AS behind", device.directory);
	ck_assert_int_eq(sqlite3_exec(db, path, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

void device_sql(const char *sql) {
	bool was_open = device.store != NULL;
	char *message = NULL;
	sqlite3 *db;

	device_close();
	db = open_behind();
	(void)sqlite3_exec(db, sql, NULL, NULL, &message);
	ck_assert_msg(!message, "%s: %s", sql, message);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	if (was_open)
		device_open();
}

int64_t device_number(const char *sql) {
	sqlite3 *db = open_behind();
	sqlite3_stmt *stmt = NULL;
	int64_t number;

	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	number = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	return number;
}

struct moment moment_at(int64_t s) {
	return (struct moment){
		.wall_ms = 1767225600000 + s * 1000,
		.boot_ms = (uint64_t)(1000000 + s * 1000),
		.boot_id = { 1 },
		.trust = CLOCK_TRUSTED,
	};
}

struct actor actor_of(uint32_t number) {
	return (struct actor){
		.account = number,
		.seat = 1,
		.assurance = CW_ASSURANCE_PASSWORD,
		.factor = CW_FACTOR_PASSWORD,
		.session = 9,
		.peer_uid = 1000,
	};
}

struct account account_of(const char *name, const char *role) {
	struct account account = {
		.state = ACCOUNT_ENABLED,
		.source = ACCOUNT_FROM_LOCAL,
		.person = "H-1001",
		.display = "Somebody",
		.n_roles = 1,
	};

	(void)snprintf(account.name, sizeof(account.name), "%s", name);
	(void)snprintf(account.roles[0], sizeof(account.roles[0]), "%s", role);
	return account;
}

uint32_t make_account(const char *name, const char *role) {
	struct account account = account_of(name, role);
	struct moment now = moment_at(0);

	ck_assert_int_eq(account_create(device.store, &nobody, &now, &account), 0);
	return account.number;
}

struct verifier fake_verifier(uint8_t byte) {
	struct verifier verifier = { .cost = { 65536, 3, 1 } };

	memset(verifier.salt, byte, sizeof(verifier.salt));
	memset(verifier.hash, (uint8_t)~byte, sizeof(verifier.hash));
	return verifier;
}

struct password make_password(uint32_t number, uint8_t byte, uint32_t by) {
	struct moment now = moment_at(1);
	struct password password = {
		.account = number,
		.set_by = by,
		.set_ms = now.wall_ms,
		.current = fake_verifier(byte),
	};
	struct actor actor = actor_of(by);

	ck_assert_int_eq(password_store(device.store, &actor, &now, EVENT_ACCOUNT_RESET, &password),
			 0);
	return password;
}

bool same_account(const struct account *a, const struct account *b) {
	bool same = a->number == b->number && a->generation == b->generation &&
		    a->state == b->state && a->source == b->source &&
		    a->created_by == b->created_by && a->sponsor == b->sponsor &&
		    a->valid_from_ms == b->valid_from_ms &&
		    a->valid_until_ms == b->valid_until_ms && a->created_ms == b->created_ms &&
		    strcmp(a->name, b->name) == 0 && strcmp(a->person, b->person) == 0 &&
		    strcmp(a->display, b->display) == 0 && a->n_roles == b->n_roles;

	for (uint32_t i = 0; same && i < a->n_roles; ++i)
		same = strcmp(a->roles[i], b->roles[i]) == 0;
	return same;
}

int run_suite(Suite *suite) {
	SRunner *sr = srunner_create(suite);
	int failed;

	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
