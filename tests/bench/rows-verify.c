/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying a whole journal, next to the bare hash over the same bytes. */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/journal.h"
#include "common/cleanup.h"
#include "tests/bench/store.h"

#define GROUP "journal_verify(), for one entry"
#define CHAINED 56u /* bytes that are hashed with each body: docs/journal.md */

struct journal {
	struct bench_store s;
	unsigned n;
	uint8_t *bytes;
	size_t n_bytes;
	EVP_MD_CTX *context;
};

static void fill(struct journal *j) {
	struct moment now = bench_moment(0);

	for (unsigned i = 0; i < j->n;) {
		bench_must(store_begin(j->s.store) == 0, "store_begin");
		for (unsigned k = 0; k < 256 && i < j->n; ++k, ++i) {
			struct journal_entry e = bench_entry(i);

			bench_must(journal_append(j->s.store, &e) == 0, "journal_append");
			now = e.at;
		}
		bench_must(store_commit(j->s.store) == 0, "store_commit");
		bench_must(journal_seal(j->s.store, &now) == 0, "journal_seal");
	}
	bench_must(store_checkpoint(j->s.store) == 0, "store_checkpoint");
}

/* What the chain hashes: each body, and CHAINED bytes with it. */
static void collect(struct journal *j) {
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	char path[512];
	size_t room = (size_t)j->n * 512;

	j->bytes = calloc(1, room);
	(void)snprintf(path, sizeof(path), "%s/careward.db", j->s.path);
	bench_must(j->bytes && sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK,
	           "the journal cannot be read");
	bench_must(sqlite3_prepare_v2(db, "SELECT body FROM journal ORDER BY seq", -1, &stmt, NULL) ==
	                   SQLITE_OK,
	           "the journal cannot be read");
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		size_t n = (size_t)sqlite3_column_bytes(stmt, 0);

		bench_must(j->n_bytes + CHAINED + n <= room, "an entry is larger than thought");
		memcpy(j->bytes + j->n_bytes + CHAINED, sqlite3_column_blob(stmt, 0), n);
		j->n_bytes += CHAINED + n;
	}
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
}

static uint64_t time_hash(void *arg) {
	struct journal *j = arg;
	uint64_t begin = bench_ns();
	uint8_t hash[32];

	bench_must(EVP_DigestInit_ex(j->context, EVP_sha256(), NULL) == 1 &&
	                   EVP_DigestUpdate(j->context, j->bytes, j->n_bytes) == 1 &&
	                   EVP_DigestFinal_ex(j->context, hash, NULL) == 1,
	           "SHA-256");
	bench_keep(hash[0]);
	return (bench_ns() - begin) / j->n;
}

/* A thread that is there already, as the engine's. */
static struct {
	pthread_t thread;
	sem_t begin, end;
	void (*job)(void *data);
	void *data;
	uint64_t took; /* of the processor, by the last job */
} helper;

/* What this thread has had of a processor, whoever else wanted it. */
static uint64_t processor_ns(void) {
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void *helper_main(void *arg) {
	for (;;) {
		uint64_t begin;

		(void)sem_wait(&helper.begin);
		if (!helper.job)
			return NULL;
		begin = processor_ns();
		helper.job(helper.data);
		helper.took = processor_ns() - begin;
		(void)sem_post(&helper.end);
	}
}

static void help(void (*job)(void *data), void *data, void *userdata) {
	helper.job = job;
	helper.data = data;
	(void)sem_post(&helper.begin);
}

static void help_wait(void *userdata) {
	(void)sem_wait(&helper.end);
}

static void helper_start(void) {
	bench_must(sem_init(&helper.begin, 0, 0) == 0 && sem_init(&helper.end, 0, 0) == 0 &&
	                   pthread_create(&helper.thread, NULL, helper_main, NULL) == 0,
	           "no thread");
}

static void helper_stop(void) {
	help(NULL, NULL, NULL);
	(void)pthread_join(helper.thread, NULL);
}

static uint64_t time_verify_with(struct journal *j, const struct verify_helper *with) {
	const struct verify_options options = { .helper = with };
	struct verify_report report = { 0 };
	struct store *store = NULL;
	uint64_t begin, end;

	bench_must(store_open(j->s.dirfd, STORE_READ_ONLY, j->s.ks, &store) == 0, "store_open");
	begin = bench_ns();
	bench_must(journal_verify(store, &options, NULL, NULL, &report) == 0, "journal_verify");
	end = bench_ns();
	(void)store_close(store);
	bench_must(report.finding == VERIFY_OK && report.n_entries == j->n,
	           "a good journal does not verify");
	return (end - begin) / j->n;
}

static uint64_t time_verify(void *arg) {
	return time_verify_with(arg, NULL);
}

static const struct verify_helper with_helper = { help, help_wait, NULL };

static uint64_t time_verify_helped(void *arg) {
	return time_verify_with(arg, &with_helper);
}

/* What it takes where both threads have a processor: that of the busier one. */
static uint64_t time_busier(void *arg) {
	struct journal *j = arg;
	uint64_t begin = processor_ns(), mine;

	(void)time_verify_with(j, &with_helper);
	mine = processor_ns() - begin;
	return (mine > helper.took ? mine : helper.took) / j->n;
}

void rows_verify(struct bench *b) {
	struct journal j = { .n = b->quick ? 2000 : 100000, .context = EVP_MD_CTX_new() };
	const struct contender rows[] = {
		{ .name = "SHA-256 of the same bytes, in one go", .timed = time_hash, .arg = &j },
		{ .name = "journal_verify(), 100 000 entries, one thread",
		  .timed = time_verify,
		  .arg = &j },
		{ .name = "the same with a helper, as in the engine",
		  .timed = time_verify_helped,
		  .arg = &j },
		{ .name = "processor time of the busier of these two",
		  .timed = time_busier,
		  .arg = &j },
	};

	bench_must(j.context != NULL, "no memory");
	bench_store_make(b, &j.s, "verify");
	fill(&j);
	j.s.store = store_close(j.s.store);
	collect(&j);
	helper_start();
	bench_measure(b, GROUP, true, rows, ARRAY_SIZE(rows), &(struct plan){ 3, 5 });
	helper_stop();
	bench_skip(b, GROUP, "peer: journalctl --verify",
	           "needs a journal of its own with a sealing key");
	free(j.bytes);
	EVP_MD_CTX_free(j.context);
	bench_store_drop(&j.s);
}
