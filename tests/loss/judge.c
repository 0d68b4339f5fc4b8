/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "audit/journal.h"
#include "audit/store-internal.h"
#include "auth/account-copy.h"
#include "auth/account.h"
#include "auth/password.h"
#include "auth/row.h"
#include "broker/spool.h"
#include "common/cleanup.h"

static void __attribute__((format(printf, 3, 4)))
blame(struct judged *j, enum judged_fault fault, const char *format, ...) {
	va_list list;

	if (j->fault != JUDGED_GOOD)
		return;
	j->fault = fault;
	va_start(list, format);
	(void)vsnprintf(j->what, sizeof(j->what), format, list);
	va_end(list);
}

/* ---- tables -------------------------------------------------------------------- */

static const char *const tables[] = {
	"SELECT * FROM meta",
	"SELECT * FROM journal",
	"SELECT * FROM texts",
	"SELECT * FROM epochs",
	"SELECT * FROM accounts",
	"SELECT * FROM authenticators",
	"SELECT * FROM lockouts",
	"SELECT * FROM emergencies",
	"SELECT * FROM emergency_records",
	"SELECT * FROM approvals",
	"SELECT number, kind, sha256, seq, length(content) FROM configurations",
};

static uint64_t mix(uint64_t h, const void *p, size_t n) {
	const uint8_t *at = p;

	for (size_t i = 0; i < n; ++i)
		h = (h ^ at[i]) * 0x100000001b3u;
	return h;
}

static uint64_t mix_row(uint64_t h, sqlite3_stmt *stmt) {
	for (int i = 0; i < sqlite3_column_count(stmt); ++i) {
		const void *p = sqlite3_column_blob(stmt, i);
		int n = sqlite3_column_bytes(stmt, i);

		h = mix(h, &n, sizeof(n));
		if (p && n > 0)
			h = mix(h, p, (size_t)n);
	}
	return h;
}

static void read_tables(struct judged *j, struct store *store) {
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < ARRAY_SIZE(tables); ++i) {
		sqlite3_stmt *stmt = NULL;
		int rc = sqlite3_prepare_v2(store->db, tables[i], -1, &stmt, NULL);

		h = mix(h, &i, sizeof(i));
		while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
			h = mix_row(h, stmt);
			rc = SQLITE_OK;
		}
		if (rc != SQLITE_DONE)
			blame(j, JUDGED_CLOSED, "%s: %d", tables[i], rc);
		(void)sqlite3_finalize(stmt);
	}
	j->content = h;
}

/* ---- accounts ------------------------------------------------------------------ */

struct people {
	struct judged *judged;
	struct store *store;
};

static int look_at_account(const struct account *account, void *userdata) {
	struct people *people = userdata;
	struct judged *j = people->judged;
	struct password password;
	int r;

	j->has_account = true;
	if (account->state == ACCOUNT_NONE)
		blame(j, JUDGED_ACCOUNT, "account %u is damaged", account->number);
	r = account_digest_check(people->store, account->number);
	if (r < 0)
		blame(j, JUDGED_ACCOUNT, "account %u is not the journal's: %d", account->number, r);
	r = password_load(people->store, account->number, &password);
	if (r < 0 || password.disabled || (password.one_time && password.used))
		blame(j, JUDGED_PASSWORD, "PW-23: account %u has no password to go on with: %d",
		      account->number, r);
	return 0;
}

/* ---- configuration --------------------------------------------------------------- */

struct installation {
	const uint8_t *digest;
	bool is_so;
};

static int see_installation(const struct journal_entry *e, void *userdata) {
	struct installation *i = userdata;

	i->is_so = e->event == EVENT_CONFIG_INSTALLED && e->has_digest &&
		   memcmp(e->digest, i->digest, 32) == 0;
	return 1;
}

static void look_at_configuration(struct judged *j, struct store *store) {
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, "SELECT seq, sha256, content FROM configurations", -1,
	                            &stmt, NULL);

	while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		uint64_t seq = (uint64_t)sqlite3_column_int64(stmt, 0), next = 0;
		struct journal_filter filter = { .before = seq + 1, .after = seq - 1 };
		uint8_t digest[32];
		struct installation i = { .digest = digest };
		const void *p = sqlite3_column_blob(stmt, 2);
		int n = sqlite3_column_bytes(stmt, 2);

		(void)EVP_Digest(p, (size_t)n, digest, NULL, EVP_sha256(), NULL);
		if (sqlite3_column_bytes(stmt, 1) != 32 ||
		    memcmp(sqlite3_column_blob(stmt, 1), digest, 32) != 0)
			blame(j, JUDGED_CONFIG, "CF-05: half a configuration at entry %llu",
			      (unsigned long long)seq);
		if (journal_query(store, &filter, 1, see_installation, &i, &next) < 0 || !i.is_so)
			blame(j, JUDGED_CONFIG, "CF-05: entry %llu tells of no such configuration",
			      (unsigned long long)seq);
	}
	(void)sqlite3_finalize(stmt);
}

/* One row for each entry that tells of an installed file. */
static void count_configurations(struct judged *j, struct store *store) {
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db,
	                            "SELECT (SELECT count(*) FROM configurations), "
	                            "(SELECT count(*) FROM journal WHERE event = 502)",
	                            -1, &stmt, NULL);

	if (rc != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW ||
	    sqlite3_column_int(stmt, 0) != sqlite3_column_int(stmt, 1))
		blame(j, JUDGED_CONFIG, "CF-05: %d files, %d entries", sqlite3_column_int(stmt, 0),
		      sqlite3_column_int(stmt, 1));
	(void)sqlite3_finalize(stmt);
}

/* ---- claims ---------------------------------------------------------------------- */

static void add_claim(struct judged *j, const void *emergency, uint64_t serial) {
	struct judged_claim *c = &j->claims[j->n_claims];

	if (j->n_claims == JUDGED_CLAIMS)
		return;
	memcpy(c->emergency, emergency, sizeof(c->emergency));
	c->serial = serial;
	++j->n_claims;
}

static void read_claims(struct judged *j, struct store *store) {
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, "SELECT id, serial FROM emergency_records", -1, &stmt,
	                            NULL);

	while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		if (sqlite3_column_bytes(stmt, 0) == 16)
			add_claim(j, sqlite3_column_blob(stmt, 0),
			          (uint64_t)sqlite3_column_int64(stmt, 1));
	(void)sqlite3_finalize(stmt);
}

static void read_spool(struct judged *j, int dirfd) {
	struct spool *spool = NULL;
	struct spool_record record;
	int r = spool_open(dirfd, &spool);

	if (r == 0)
		r = spool_load(spool);
	/* Made, and not yet as long as it will be: nothing was ever put into it. */
	if (r < 0 && r != -EIO)
		blame(j, JUDGED_SPOOL, "the spool does not open: %d", r);
	while (r > 0 && spool_next(spool, &record))
		add_claim(j, record.record.emergency, record.record.serial);
	(void)spool_close(spool);
}

/* ---- keys ------------------------------------------------------------------------ */

static bool key_may_stay(const char *name, uint64_t open_epoch) {
	char wanted[40];

	(void)snprintf(wanted, sizeof(wanted), "epoch-%llu.key", (unsigned long long)open_epoch);
	return strcmp(name, wanted) == 0 || strcmp(name, "device.key") == 0;
}

static void look_at_files(struct judged *j, int dirfd, uint64_t open_epoch) {
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	bool open_key = false;

	while (dir && (d = readdir(dir)) != NULL) {
		if (strstr(d->d_name, ".new"))
			blame(j, JUDGED_KEYS, "CF-06: %s is left", d->d_name);
		if (!strstr(d->d_name, ".key"))
			continue;
		if (!key_may_stay(d->d_name, open_epoch))
			blame(j, JUDGED_KEYS, "%s is left, epoch %llu is open", d->d_name,
			      (unsigned long long)open_epoch);
		open_key = open_key || strncmp(d->d_name, "epoch-", 6) == 0;
	}
	if (!dir || !open_key)
		blame(j, JUDGED_KEYS, "no key for epoch %llu", (unsigned long long)open_epoch);
	if (dir)
		(void)closedir(dir);
}

/* ---- all of it ------------------------------------------------------------------- */

static void verify(struct judged *j, struct store *store, const char *when) {
	const struct verify_options options = { 0 };
	struct verify_report report;
	int r = journal_verify(store, &options, NULL, NULL, &report);

	if (r < 0 || report.finding != VERIFY_OK)
		blame(j, JUDGED_CHAIN, "%s: verify says %d, %s", when, r, r < 0 ? "" : report.what);
}

/* The next engine's first words: an entry, and a seal that ends the epoch. */
static void go_on(struct judged *j, struct store *store, int dirfd) {
	struct journal_entry entry = {
		.at = { .wall_ms = 1800000000000, .boot_ms = 5000, .trust = CLOCK_TRUSTED },
		.event = EVENT_ENGINE_STARTED,
		.outcome = OUTCOME_OK,
		.peer_uid = UINT32_MAX,
	};
	int r = journal_append(store, &entry);

	if (r < 0)
		blame(j, JUDGED_KEYS, "nothing can be appended: %d", r);
	r = r == 0 ? journal_seal(store, &entry.at) : 0;
	if (r < 0)
		blame(j, JUDGED_KEYS, "nothing can be sealed: %d", r);
	if (account_copy_write(store, dirfd, &entry.at) < 0)
		blame(j, JUDGED_ACCOUNT, "the accounts cannot be copied");
	verify(j, store, "with one entry more");
}

static void look_inside(struct judged *j, struct store *store, int dirfd) {
	struct people people = { .judged = j, .store = store };
	struct journal_head head = { 0 };

	read_tables(j, store);
	if (journal_head(store, &head) < 0)
		blame(j, JUDGED_CLOSED, "the journal has no head");
	j->head = head.seq;
	verify(j, store, "as found");
	if (account_list(store, 0, 100, look_at_account, &people) < 0)
		blame(j, JUDGED_ACCOUNT, "the accounts cannot be listed");
	look_at_configuration(j, store);
	count_configurations(j, store);
	read_claims(j, store);
	read_spool(j, dirfd);
	go_on(j, store, dirfd);
}

void judge(int dirfd, struct judged *ret) {
	struct keystore *ks = NULL;
	struct store *store = NULL;
	struct stat st;
	uint64_t open_epoch = 0;
	int r;

	memset(ret, 0, offsetof(struct judged, claims));
	if (fstatat(dirfd, STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	ret->has_database = true;
	r = keystore_file_open(dirfd, &ks);
	if (r == 0)
		r = store_open(dirfd, STORE_READ_WRITE, ks, &store);
	if (r < 0)
		blame(ret, JUDGED_CLOSED, "%s: %d", ks ? "the database does not open" : "no keys", r);
	if (r == 0) {
		look_inside(ret, store, dirfd);
		open_epoch = store->state.epoch;
	}
	(void)store_close(store);
	if (r == 0)
		look_at_files(ret, dirfd, open_epoch);
	(void)keystore_close(ks);
}
