/* SPDX-License-Identifier: Apache-2.0 */
/* A durable entry of the journal, next to the same bytes made durable by hand. */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tests/bench/store.h"

#define GROUP "one durable record"
#define BYTES 200u
#define FLOOR_SIZE (8u << 20)

struct record {
	struct bench_store s;
	unsigned i;
	int fd;
	off_t at;
	sqlite3 *db;
	sqlite3_stmt *insert;
};

static void floor_make(struct bench *b, struct record *r) {
	static const uint8_t zeros[65536];
	char path[320];

	(void)snprintf(path, sizeof(path), "%s/floor", b->dir);
	r->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bench_must(r->fd >= 0, "no file can be made");
	for (unsigned n = 0; n < FLOOR_SIZE; n += sizeof(zeros))
		bench_must(write(r->fd, zeros, sizeof(zeros)) == sizeof(zeros), "write");
	bench_must(fsync(r->fd) == 0, "fsync");
}

static void run_floor(void *arg, unsigned n) {
	static const uint8_t bytes[BYTES] = { 1 };
	struct record *r = arg;

	for (unsigned i = 0; i < n; ++i) {
		if (r->at + (off_t)BYTES > (off_t)FLOOR_SIZE)
			r->at = 0;
		bench_must(pwrite(r->fd, bytes, BYTES, r->at) == BYTES && fdatasync(r->fd) == 0,
		           "fdatasync");
		r->at += BYTES;
	}
}

static void run_append(void *arg, unsigned n) {
	struct record *r = arg;

	for (unsigned i = 0; i < n; ++i) {
		struct journal_entry e = bench_entry(r->i++);

		bench_must(journal_append(r->s.store, &e) == 0, "journal_append");
	}
}

/* The engine does this when nobody waits. */
static void checkpoint(void *arg) {
	struct record *r = arg;

	if (store_wants_checkpoint(r->s.store))
		bench_must(store_checkpoint(r->s.store) == 0, "store_checkpoint");
}

static void append_one(void *arg) {
	run_append(arg, 1);
}

static void run_seal(void *arg, unsigned n) {
	struct record *r = arg;
	struct moment now = bench_moment(r->i);

	bench_must(journal_seal(r->s.store, &now) == 0, "journal_seal");
}

static void peer_make(struct bench *b, struct record *r) {
	char path[320];

	(void)snprintf(path, sizeof(path), "%s/peer.db", b->dir);
	bench_must(sqlite3_open(path, &r->db) == SQLITE_OK, "SQLite");
	bench_must(sqlite3_exec(r->db, "CREATE TABLE t (seq INTEGER PRIMARY KEY, body BLOB)", NULL,
	                        NULL, NULL) == SQLITE_OK,
	           "SQLite");
	bench_must(sqlite3_prepare_v2(r->db, "INSERT INTO t (body) VALUES (?1)", -1, &r->insert,
	                              NULL) == SQLITE_OK,
	           "SQLite");
}

static void run_peer(void *arg, unsigned n) {
	static const uint8_t bytes[BYTES] = { 1 };
	struct record *r = arg;

	for (unsigned i = 0; i < n; ++i) {
		(void)sqlite3_bind_blob(r->insert, 1, bytes, BYTES, SQLITE_STATIC);
		bench_must(sqlite3_step(r->insert) == SQLITE_DONE, "SQLite");
		bench_must(sqlite3_reset(r->insert) == SQLITE_OK, "SQLite");
	}
}

/* Peers that belong to the machine: measured nowhere but where they are, and never from here. */
static void peers_of_the_machine(struct bench *b) {
	static const struct {
		const char *name, *socket;
	} peers[] = {
		{ "peer: syslog", "/dev/log" },
		{ "peer: journald", "/run/systemd/journal/socket" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(peers); ++i)
		bench_skip(b, GROUP, peers[i].name,
		           access(peers[i].socket, F_OK) < 0
		                   ? "not installed on this machine"
		                   : "it acknowledges before anything is durable");
}

void rows_record(struct bench *b) {
	struct record r = { 0 };
	const struct contender rows[] = {
		{ .name = "pwrite() and fdatasync() of 200 bytes", .n = 1, .run = run_floor, .arg = &r },
		{ .name = "journal_append(), a transaction of its own",
		  .n = 1,
		  .run = run_append,
		  .after = checkpoint,
		  .arg = &r },
		{ .name = "journal_seal(), once in 60 s or 256 entries",
		  .n = 1,
		  .before = append_one,
		  .run = run_seal,
		  .after = checkpoint,
		  .arg = &r,
		  .note = "new key durable, old one erased" },
		{ .name = "peer: SQLite as it comes, insert 200 bytes", .n = 1, .run = run_peer, .arg = &r },
	};

	floor_make(b, &r);
	bench_store_make(b, &r.s, "record");
	peer_make(b, &r);
	bench_measure(b, GROUP, true, rows, ARRAY_SIZE(rows), &(struct plan){ 5, 100 });
	peers_of_the_machine(b);
	(void)sqlite3_finalize(r.insert);
	(void)sqlite3_close(r.db);
	(void)close(r.fd);
	bench_store_drop(&r.s);
}
