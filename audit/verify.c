/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Recomputing the journal, in one pass
 *
 * Entries are read in portions, so that no read keeps the log from being
 * checkpointed for long. The first thing that is wrong ends it: what follows
 * from a forged entry proves nothing.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit/entry.h"
#include "audit/verify-internal.h"
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/secret.h"

#define PORTION 20000 /* entries in one read */

#define LLU(x) ((unsigned long long)(x))

static void reset_stmtp(sqlite3_stmt **stmt) {
	(void)sqlite3_reset(*stmt);
}

int verify_found(struct verifier *v, enum verify_finding finding, uint64_t seq, const char *format,
		 ...) {
	va_list args;

	v->report->finding = finding;
	v->report->seq = seq;
	va_start(args, format);
	(void)vsnprintf(v->report->what, sizeof(v->report->what), format, args);
	va_end(args);
	return 1;
}

int verify_sqlite(struct verifier *v, int code, const char *where) {
	int r = store_errno(code);

	if (r == -EBADMSG)
		return verify_found(v, VERIFY_DATABASE_DAMAGED, 0, "%s cannot be read: %s", where,
				    sqlite3_errstr(code));
	return r == 0 ? -EIO : r;
}

/* A number out of one statement, which may use the bounds of @v as ?1 and ?2. */
static int number(struct verifier *v, const char *sql, int64_t *ret_n) {
	cleanup_(reset_stmtp) sqlite3_stmt *stmt = NULL;
	int rc, r = store_prepare(v->store, sql, &stmt);

	if (r < 0)
		return r;
	if (sqlite3_bind_parameter_count(stmt) == 2) {
		/* From the very first on, also those that nobody may number so. */
		(void)sqlite3_bind_int64(stmt, 1, v->first > 1 ? (int64_t)v->first : INT64_MIN);
		(void)sqlite3_bind_int64(stmt, 2, (int64_t)v->all);
	}
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return verify_sqlite(v, rc, "the journal");
	*ret_n = sqlite3_column_int64(stmt, 0);
	return 0;
}

/* Reads epoch @n. Return: 0; 1 (found something); -errno. */
static int read_epoch(struct verifier *v, uint64_t n, struct epoch *epoch) {
	cleanup_(reset_stmtp) sqlite3_stmt *stmt = NULL;
	int rc, r;

	r = store_prepare(v->store,
			  "SELECT number, first, last, head, wall, public_key, next_key, signature "
			  "FROM epochs WHERE number = ?1",
			  &stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)n);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		return verify_found(v, VERIFY_SEAL_MISSING, n, "epoch %llu: its seal is missing",
				    LLU(n));
	if (rc != SQLITE_ROW)
		return verify_sqlite(v, rc, "the table of epochs");
	if (epoch_read(stmt, epoch) < 0)
		return verify_found(v, VERIFY_SEAL_FORGED, n,
				    "epoch %llu: its seal is malformed (a length is wrong)",
				    LLU(n));
	return 0;
}

/* The seal that comes after the last good one, if there is one. */
static int next_epoch(struct verifier *v, uint64_t n) {
	int r;

	v->has_epoch = false;
	if (n > v->n_seals)
		return 0;
	r = read_epoch(v, n, &v->epoch);
	v->has_epoch = r == 0;
	return r;
}

/* All of a seal but its head. */
static int check_seal(struct verifier *v) {
	const struct epoch *e = &v->epoch;
	int r;

	if (e->first != v->sealed + 1 || e->last < e->first)
		return verify_found(
			v, VERIFY_SEAL_MISSING, e->number,
			"epoch %llu: covers entries %llu to %llu, but has to begin at %llu",
			LLU(e->number), LLU(e->first), LLU(e->last), LLU(v->sealed + 1));
	if (!equal_32(e->public_key, v->key))
		return verify_found(v, VERIFY_SEAL_FORGED, e->number,
				    "epoch %llu: sealed with a key that was not certified before",
				    LLU(e->number));
	if (v->seals)
		return verify_note_seal(v->seals, e, v->store->device_id);
	r = epoch_verify(e, v->store->device_id);
	if (r == -EKEYREJECTED)
		return verify_found(v, VERIFY_SEAL_FORGED, e->number,
				    "epoch %llu: the signature of its seal is not good",
				    LLU(e->number));
	return r;
}

/* At the last entry of an epoch. */
static int close_epoch(struct verifier *v) {
	const struct epoch *e = &v->epoch;
	int r = check_seal(v);

	if (r != 0)
		return r;
	if (!equal_32(e->head, v->hash))
		return verify_found(v, VERIFY_SEAL_DIFFERS, e->number,
				    "epoch %llu: its seal is of other entries than %llu to %llu, "
				    "as they stand now",
				    LLU(e->number), LLU(e->first), LLU(e->last));
	v->sealed = e->last;
	memcpy(v->key, e->next_key, STORE_HASH);
	v->report->n_epochs++;
	return next_epoch(v, e->number + 1);
}

/* One row of the table. */
struct row {
	uint64_t seq;
	uint64_t account, target, event;
	const uint8_t *body;
	size_t n_body;
	const uint8_t *hash; /* NULL: not 32 bytes */
};

/*
 * Which of two is wrong, when entry and hash do not fit: told by the entry that
 * comes after it.
 */
static int name_mismatch(struct verifier *v, const struct row *row,
			 const uint8_t computed[STORE_HASH]) {
	cleanup_(reset_stmtp) sqlite3_stmt *stmt = NULL;
	uint8_t after_stored[STORE_HASH], after_computed[STORE_HASH];
	const uint8_t *body, *hash;
	unsigned long long seq = LLU(row->seq);
	size_t n;
	int r;

	r = store_prepare(v->store, "SELECT body, hash FROM journal WHERE seq = ?1", &stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)row->seq + 1);
	if (!row->hash)
		return verify_found(v, VERIFY_ENTRY_EDITED, row->seq,
				    "entry %llu: its hash was changed (length differs)", seq);
	if (sqlite3_step(stmt) != SQLITE_ROW || sqlite3_column_bytes(stmt, 1) != (int)STORE_HASH)
		return verify_found(v, VERIFY_ENTRY_EDITED, row->seq,
				    "entry %llu: its contents were changed (hash differs)", seq);
	body = sqlite3_column_blob(stmt, 0);
	n = (size_t)sqlite3_column_bytes(stmt, 0);
	hash = sqlite3_column_blob(stmt, 1);
	if (chain_next(v->store, row->seq + 1, row->hash, body, n, after_stored) < 0 ||
	    chain_next(v->store, row->seq + 1, computed, body, n, after_computed) < 0)
		return -EIO;
	if (equal_32(after_computed, hash))
		return verify_found(v, VERIFY_ENTRY_EDITED, row->seq,
				    "entry %llu: its hash was changed, not its contents", seq);
	if (equal_32(after_stored, hash) && row->seq > 1)
		return verify_found(v, VERIFY_ENTRY_EDITED, row->seq,
				    "entry %llu: its contents were changed (hash differs), "
				    "or those of entry %llu with its hash",
				    seq, seq - 1);
	if (equal_32(after_stored, hash))
		return verify_found(v, VERIFY_ENTRY_EDITED, row->seq,
				    "entry %llu: its contents were changed (hash differs), "
				    "or the journal is another device's",
				    seq);
	return verify_found(v, VERIFY_CHAIN_BROKEN, row->seq,
			    "entry %llu: does not follow %s, nor does the next one follow it", seq,
			    row->seq > 1 ? "the entry before it" : "the beginning of this journal");
}

/* Return: 0; 1 (found); -errno. Without keys, only that it is there and has its form. */
static int check_text(struct verifier *v, uint64_t seq, enum entry_text what,
		      const uint8_t expected[STORE_HASH]) {
	static const char *const names[TEXT_N] = { [TEXT_NAME] = "name", [TEXT_TEXT] = "text" };
	cleanup_(reset_stmtp) sqlite3_stmt *stmt = NULL;
	uint8_t plain[LIMIT_TEXT], hash[STORE_HASH];
	size_t n = sizeof(plain), n_sealed;
	bool whole;
	int rc, r;

	r = store_prepare(v->store, "SELECT salt, sealed FROM texts WHERE seq = ?1 AND what = ?2",
			  &stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)seq);
	(void)sqlite3_bind_int(stmt, 2, (int)what);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		return verify_found(v, VERIFY_TEXT_DIFFERS, seq,
				    "entry %llu: its %s is missing without having been erased",
				    LLU(seq), names[what]);
	if (rc != SQLITE_ROW)
		return verify_sqlite(v, rc, "the table of texts");
	v->n_texts++;
	n_sealed = (size_t)sqlite3_column_bytes(stmt, 1);
	whole = sqlite3_column_bytes(stmt, 0) == 16 &&
		(n_sealed == 0 || n_sealed >= STORE_SEAL_OVERHEAD);
	v->report->n_texts_erased += whole && n_sealed == 0;
	if (whole && (n_sealed == 0 || !v->store->ks))
		return 0;
	r = whole ? store_unseal(v->store, "texts", (int64_t)seq, (uint64_t)what,
				 sqlite3_column_blob(stmt, 1), n_sealed, plain, &n)
		  : -EBADMSG;
	if (r == 0) {
		r = chain_text(v->store, sqlite3_column_blob(stmt, 0), plain, n, hash);
		explicit_bzero(plain, sizeof(plain));
		if (r == 0 && equal_32(hash, expected))
			return 0;
	}
	if (r == -EIO || r == -ENOMEM)
		return r;
	return verify_found(v, VERIFY_TEXT_DIFFERS, seq,
			    "entry %llu: its %s is not the one that was recorded", LLU(seq),
			    names[what]);
}

static int check_texts(struct verifier *v, const struct entry_view *view, uint64_t seq) {
	int r = 0;

	for (int what = TEXT_NAME; r == 0 && what < TEXT_N; ++what)
		if (view->text_hash[what])
			r = check_text(v, seq, (enum entry_text)what, view->text_hash[what]);
	return r;
}

/* The time of the beginning is a copy out of the first entry. */
static int check_created(struct verifier *v, const struct journal_entry *first) {
	uint8_t created[8];
	int r = store_meta_get(v->store, "created", created, sizeof(created));

	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	if (r < 0 || get_le64(created) != (uint64_t)first->at.wall_ms)
		return verify_found(v, VERIFY_COLUMN_DIFFERS, 1,
				    "entry 1: is not of the time at which the journal is said to "
				    "begin");
	return 0;
}

/* Body against columns, and what the indexes have to hold. */
static int check_columns(struct verifier *v, const struct row *row, const struct entry_view *view) {
	const struct journal_entry *e = &view->fixed;
	const struct {
		const char *name;
		uint64_t column, body;
	} columns[] = {
		{"account", row->account, e->account        },
		{ "target", row->target,  e->target         },
		{ "event",  row->event,   (uint64_t)e->event},
	};

	for (size_t i = 0; i < ARRAY_SIZE(columns); ++i)
		if (columns[i].column != columns[i].body)
			return verify_found(v, VERIFY_COLUMN_DIFFERS, row->seq,
					    "entry %llu: column %s says %lld, the entry says %llu",
					    LLU(row->seq), columns[i].name,
					    (long long)columns[i].column, LLU(columns[i].body));
	if (e->account > 0)
		verify_print_add(&v->indexed[INDEX_ACCOUNT], &v->point, e->account, row->seq);
	if (e->target > 0)
		verify_print_add(&v->indexed[INDEX_TARGET], &v->point, e->target, row->seq);
	if (e->event >= 400 && e->event <= 499)
		verify_print_add(&v->indexed[INDEX_EMERGENCY], &v->point, (uint64_t)e->event,
				 row->seq);
	return 0;
}

static int check_row(struct verifier *v, const struct row *row) {
	uint8_t computed[STORE_HASH];
	struct entry_view view;
	int r;

	if (row->seq != v->seq + 1)
		return verify_found(v, VERIFY_ENTRY_MISSING, v->seq + 1, "entry %llu: is missing",
				    LLU(v->seq + 1));
	if (chain_next(v->store, row->seq, v->hash, row->body, row->n_body, computed) < 0)
		return -EIO;
	if (!row->hash || !equal_32(computed, row->hash))
		return name_mismatch(v, row, computed);
	r = entry_parse(row->body, row->n_body, &view);
	if (r < 0)
		return verify_found(v, VERIFY_ENTRY_MALFORMED, row->seq, "entry %llu: %s",
				    LLU(row->seq),
				    r == -ENOTSUP ? "is of another version than this program reads"
						  : "cannot be understood (malformed)");
	r = check_columns(v, row, &view);
	if (r == 0 && row->seq == 1)
		r = check_created(v, &view.fixed);
	if (r == 0)
		r = check_texts(v, &view, row->seq);
	if (r != 0)
		return r;
	v->seq = row->seq;
	memcpy(v->hash, computed, STORE_HASH);
	v->report->n_entries++;
	if (v->options->has_head && v->options->head.seq == row->seq &&
	    !equal_32(computed, v->options->head.hash))
		return verify_found(v, VERIFY_HEAD_DIFFERS, row->seq,
				    "entry %llu: is not the one whose head was given",
				    LLU(row->seq));
	return v->has_epoch && v->epoch.last == row->seq ? close_epoch(v) : 0;
}

static struct row row_of(sqlite3_stmt *stmt) {
	struct row row = {
		.seq = (uint64_t)sqlite3_column_int64(stmt, 0),
		.account = (uint64_t)sqlite3_column_int64(stmt, 1),
		.target = (uint64_t)sqlite3_column_int64(stmt, 2),
		.event = (uint64_t)sqlite3_column_int64(stmt, 3),
		.body = sqlite3_column_blob(stmt, 4),
		.n_body = (size_t)sqlite3_column_bytes(stmt, 4),
	};

	if (sqlite3_column_bytes(stmt, 5) == (int)STORE_HASH)
		row.hash = sqlite3_column_blob(stmt, 5);
	return row;
}

/* Some entries in one read. Return: 0; 1 (found); -errno. */
static int check_portion(struct verifier *v) {
	cleanup_(reset_stmtp) sqlite3_stmt *stmt = NULL;
	int rc = SQLITE_DONE, r;

	r = store_prepare(v->store,
			  "SELECT seq, account, target, event, body, hash FROM journal "
			  "WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
			  &stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)v->seq);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)v->all);
	(void)sqlite3_bind_int(stmt, 3, PORTION);
	while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct row row = row_of(stmt);

		r = check_row(v, &row);
	}
	if (r == 0 && rc != SQLITE_DONE)
		return verify_sqlite(v, rc, "the journal");
	return r;
}

static int check_entries(struct verifier *v) {
	int r = 0;

	while (r == 0 && v->seq < v->all) {
		uint64_t before = v->seq;

		r = check_portion(v);
		if (r == 0 && v->seq == before)
			return verify_found(v, VERIFY_ENTRY_MISSING, before + 1,
					    "entry %llu: is missing", LLU(before + 1));
		if (r == 0 && v->progress && v->progress(v->seq, v->all, v->userdata) != 0)
			r = -ECANCELED;
	}
	return r;
}

/* After the last entry: is anything known of more? */
static int check_end(struct verifier *v) {
	const struct journal_head *head = &v->options->head;
	int r;

	if (v->has_epoch) {
		r = check_seal(v);
		if (r != 0)
			return r;
		return verify_found(
			v, VERIFY_TRUNCATED, v->all,
			"the journal ends with entry %llu, but epoch %llu is sealed up to "
			"entry %llu",
			LLU(v->all), LLU(v->epoch.number), LLU(v->epoch.last));
	}
	if (v->options->has_head && head->seq > v->all)
		return verify_found(
			v, VERIFY_TRUNCATED, v->all,
			"the journal ends with entry %llu, but the head given is of entry %llu",
			LLU(v->all), LLU(head->seq));
	return 0;
}

/* The key that has to sign next is with the device, unless something was cut off. */
static int check_open_key(struct verifier *v) {
	cleanup_(secret_wipe) struct secret seed = { .n = 32 };
	EVP_PKEY *key = NULL;
	uint8_t public_key[STORE_HASH];
	size_t n = sizeof(public_key);
	uint64_t epoch = v->n_seals + 1;
	struct keystore *ks = v->store->ks;
	int r, done;

	if (!ks || (v->all == 0 && v->n_seals == 0))
		return 0;
	r = ks->ops->epoch_load(ks, epoch, seed.bytes);
	if (r == -ENOENT)
		return verify_found(
			v, VERIFY_TRUNCATED, v->all,
			"the journal ends with epoch %llu, but the device's key is of another: "
			"entries were cut off, or it is an older copy",
			LLU(epoch));
	if (r < 0)
		return -EIO;
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.bytes, 32);
	done = key ? EVP_PKEY_get_raw_public_key(key, public_key, &n) : 0;
	EVP_PKEY_free(key);
	if (done != 1)
		return -EIO;
	if (!equal_32(public_key, v->key))
		return verify_found(
			v, VERIFY_SEAL_FORGED, epoch,
			"epoch %llu: the device's key is not the one that was certified for it",
			LLU(epoch));
	return 0;
}

/* The first key becomes durable with the first entry, and not before. */
static int check_empty(struct verifier *v) {
	int64_t n = 0;
	/* Counted anew: that entry may have been written just now. */
	int r = number(v, "SELECT count(*) FROM journal", &n);

	if (r == 0 && n == 0)
		r = verify_found(v, VERIFY_TRUNCATED, 0,
				 "the journal is empty, but its first key is recorded: entries "
				 "were cut off");
	return r;
}

static int check_anchor(struct verifier *v) {
	int r = store_meta_get(v->store, "anchor", v->key, STORE_HASH);

	if (r == -ENOENT && v->all == 0 && !v->options->has_anchor)
		return 0;
	if (r == -ENOENT || (r == -EBADMSG))
		return verify_found(v, VERIFY_ANCHOR_DIFFERS, 0,
				    "the first key of the journal is not recorded");
	if (r < 0)
		return r;
	if (v->options->has_anchor && !equal_32(v->key, v->options->anchor))
		return verify_found(
			v, VERIFY_ANCHOR_DIFFERS, 0,
			"the first key of the journal is not the one given: another journal");
	return v->all == 0 && v->n_seals == 0 ? check_empty(v) : 0;
}

/* The stored hash of an entry that the quick way does not recompute. */
static int check_head_before(struct verifier *v, uint64_t seq, const uint8_t expected[STORE_HASH]) {
	cleanup_(reset_stmtp) sqlite3_stmt *stmt = NULL;
	int r = store_prepare(v->store, "SELECT hash FROM journal WHERE seq = ?1", &stmt);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)seq);
	if (sqlite3_step(stmt) != SQLITE_ROW || sqlite3_column_bytes(stmt, 0) != (int)STORE_HASH ||
	    !equal_32(sqlite3_column_blob(stmt, 0), expected))
		return verify_found(v, VERIFY_HEAD_DIFFERS, seq,
				    "entry %llu: is not the one whose head is known", LLU(seq));
	return 0;
}

/* Begins at the newest seal, trusting the one before it. */
static int start_quick(struct verifier *v) {
	struct epoch before;
	int r = read_epoch(v, v->n_seals - 1, &before);

	if (r != 0)
		return r;
	r = epoch_verify(&before, v->store->device_id);
	if (r == -EKEYREJECTED)
		return verify_found(v, VERIFY_SEAL_FORGED, before.number,
				    "epoch %llu: the signature of its seal is not good",
				    LLU(before.number));
	if (r < 0)
		return r;
	r = check_head_before(v, before.last, before.head);
	if (r == 0 && v->options->has_head && v->options->head.seq > 0 &&
	    v->options->head.seq <= before.last)
		r = check_head_before(v, v->options->head.seq, v->options->head.hash);
	v->seq = v->sealed = before.last;
	v->first = before.last + 1;
	memcpy(v->hash, before.head, STORE_HASH);
	memcpy(v->key, before.next_key, STORE_HASH);
	return r != 0 ? r : next_epoch(v, v->n_seals);
}

/* How far it goes, and that nothing is numbered below 1. */
static int find_bounds(struct verifier *v) {
	int64_t least_epoch = 0, epoch = 0, least = 0, last = 0;
	int r;

	/* Epochs first: of what is written meanwhile, the entries come before the seal. */
	r = number(v, "SELECT ifnull(min(number), 1) FROM epochs", &least_epoch);
	if (r == 0)
		r = number(v, "SELECT ifnull(max(number), 0) FROM epochs", &epoch);
	if (r == 0)
		r = number(v, "SELECT ifnull(min(seq), 1) FROM journal", &least);
	if (r == 0)
		r = number(v, "SELECT ifnull(max(seq), 0) FROM journal", &last);
	if (r != 0)
		return r;
	if (least < 1)
		return verify_found(v, VERIFY_CHAIN_BROKEN, 0,
				    "entry %lld: does not belong to the journal (below 1)",
				    (long long)least);
	if (least_epoch < 1)
		return verify_found(v, VERIFY_SEAL_FORGED, 0,
				    "epoch %lld: does not belong to the journal (below 1)",
				    (long long)least_epoch);
	v->n_seals = (uint64_t)epoch;
	v->all = (uint64_t)last;
	return 0;
}

static int start(struct verifier *v) {
	int r = verify_point_draw(&v->point);

	if (r == 0)
		r = find_bounds(v);
	if (r == 0)
		r = check_anchor(v);
	if (r != 0)
		return r;
	if (v->options->quick && v->n_seals >= 2)
		return start_quick(v);
	v->first = 1;
	r = chain_genesis(v->store, v->hash);
	if (r == 0 && v->options->has_head && v->options->head.seq == 0 &&
	    !equal_32(v->hash, v->options->head.hash))
		return verify_found(v, VERIFY_HEAD_DIFFERS, 0,
				    "the head given is another journal's");
	return r != 0 ? r : next_epoch(v, 1);
}

/* Texts that no entry speaks of; those of entries that were written meanwhile have one. */
static int check_text_count(struct verifier *v) {
	int64_t n = 0;
	int r = number(v,
		       "SELECT count(*) FROM texts WHERE seq >= ?1 AND (seq <= ?2 OR NOT EXISTS "
		       "(SELECT 1 FROM journal WHERE journal.seq = texts.seq))",
		       &n);

	if (r == 0 && (uint64_t)n != v->n_texts)
		r = verify_found(v, VERIFY_TEXT_DIFFERS, 0,
				 "there are %llu texts, but entries for %llu of them", LLU(n),
				 LLU(v->n_texts));
	return r;
}

/* The journal itself: entries, seals, their end. */
static int check_journal(struct verifier *v) {
	int r = check_entries(v);

	if (r == 0)
		r = check_end(v);
	if (r == 0)
		r = check_open_key(v);
	if (r == 0)
		r = check_text_count(v);
	return r;
}

static int check_all(struct verifier *v) {
	struct verify_print read[INDEX_N] = { 0 };
	int r = start(v);

	if (r == 0)
		r = check_journal(v);
	if (r != 0 || v->options->quick)
		return r;
	for (int i = 0; r == 0 && i < INDEX_N; ++i)
		r = verify_index_read(v, (enum verify_index)i, &read[i]);
	if (r == 0)
		r = verify_indexes_compare(v, read);
	if (r == 0)
		r = verify_database(v);
	return r;
}

/* Return: 0; 1 or -errno (not known which); -ECANCELED. */
static int check_all_with_helper(struct verifier *v) {
	struct verify_beside beside;
	int r = start(v), beside_r;

	if (r == 0)
		r = verify_beside_start(&beside, v);
	if (r != 0)
		return r;
	r = check_journal(v);
	if (r == 0)
		r = verify_beside_share(&beside, v);
	beside_r = verify_beside_end(&beside, v, r != 0);
	return r != 0 ? r : beside_r;
}

static void summarise(const struct verifier *v) {
	struct verify_report *report = v->report;

	report->n_open = v->seq > v->sealed ? v->seq - v->sealed : 0;
	report->head.seq = v->seq;
	memcpy(report->head.hash, v->hash, STORE_HASH);
	/* A head that was only compared with what stands there says nothing. */
	report->rollback_excluded = report->finding == VERIFY_OK && v->options->has_head &&
				    v->options->head.seq >= v->first && v->options->head.seq > 0;
	if (report->finding == VERIFY_OK)
		(void)snprintf(
			report->what, sizeof(report->what), "%s",
			report->rollback_excluded
				? "nothing is wrong"
				: "nothing is wrong; rollback of the whole store not excluded");
}

int journal_verify(struct store *store, const struct verify_options *options,
		   int (*progress)(uint64_t done, uint64_t all, void *userdata), void *userdata,
		   struct verify_report *ret_report) {
	struct verify_report report = { 0 };
	const struct verifier begin = {
		.store = store,
		.options = options,
		.progress = progress,
		.userdata = userdata,
		.report = &report,
	};
	struct verifier v = begin;
	int r = 1;

	if (options->helper && !options->quick)
		r = check_all_with_helper(&v);
	if (r != 0 && r != -ECANCELED) {
		report = (struct verify_report){ 0 };
		v = begin;
		r = check_all(&v);
	}
	if (r < 0)
		return r == -ECANCELED ? r : -EIO;
	summarise(&v);
	*ret_report = report;
	return 0;
}
