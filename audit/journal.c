/* SPDX-License-Identifier: Apache-2.0 */

/* Adding to the journal, and knowing where it stands. */

#include <errno.h>
#include <string.h>

#include "audit/chain.h"
#include "audit/entry.h"
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/random.h"

#define SALT 16u

int chain_genesis(struct store *store, uint8_t ret_hash[STORE_HASH]) {
	const struct piece pieces[] = {
		{CHAIN_GENESIS_TAG, sizeof(CHAIN_GENESIS_TAG) - 1},
		{ store->device_id, sizeof(store->device_id)     },
	};

	return store_sha256(store, pieces, ARRAY_SIZE(pieces), ret_hash);
}

int chain_next(struct store *store, uint64_t seq, const uint8_t previous[STORE_HASH],
	       const uint8_t *body, size_t n_body, uint8_t ret_hash[STORE_HASH]) {
	uint8_t head[16 + 8 + STORE_HASH];
	const struct piece pieces[] = {
		{head,  sizeof(head)},
                { body, n_body      }
	};

	_Static_assert(sizeof(CHAIN_ENTRY_TAG) - 1 == 16, "length of the tag");
	memcpy(head, CHAIN_ENTRY_TAG, 16);
	put_le64(head + 16, seq);
	memcpy(head + 24, previous, STORE_HASH);
	return store_sha256(store, pieces, ARRAY_SIZE(pieces), ret_hash);
}

int chain_text(struct store *store, const uint8_t salt[16], const uint8_t *text, size_t n,
	       uint8_t ret_hash[STORE_HASH]) {
	const struct piece pieces[] = {
		{salt,  SALT},
                { text, n   }
	};

	return store_sha256(store, pieces, ARRAY_SIZE(pieces), ret_hash);
}

/* The last entry. Return: 0; -EBADMSG; -errno. */
static int attach_last_entry(struct store *store, struct journal_state *state) {
	sqlite3_stmt *stmt = NULL;
	int rc, r;

	r = store_prepare(store, "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1", &stmt);
	if (r < 0)
		return r;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE) {
		r = chain_genesis(store, state->hash);
	} else if (rc != SQLITE_ROW) {
		r = store_errno(rc);
	} else if (sqlite3_column_bytes(stmt, 1) != (int)STORE_HASH ||
		   sqlite3_column_int64(stmt, 0) <= 0) {
		r = -EBADMSG;
	} else {
		state->seq = (uint64_t)sqlite3_column_int64(stmt, 0);
		memcpy(state->hash, sqlite3_column_blob(stmt, 1), STORE_HASH);
	}
	(void)sqlite3_reset(stmt);
	return r;
}

/* The last seal; without one, the anchor. Return: 0; -EBADMSG; -errno. */
static int attach_last_epoch(struct store *store, struct journal_state *state) {
	struct epoch epoch;
	sqlite3_stmt *stmt = NULL;
	int rc, r;

	r = store_prepare(store,
			  "SELECT number, first, last, head, wall, public_key, next_key, signature "
			  "FROM epochs ORDER BY number DESC LIMIT 1",
			  &stmt);
	if (r < 0)
		return r;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		r = epoch_read(stmt, &epoch);
	else if (rc != SQLITE_DONE)
		r = store_errno(rc);
	(void)sqlite3_reset(stmt);
	if (r < 0)
		return r;
	if (rc == SQLITE_ROW) {
		state->epoch = epoch.number + 1;
		state->sealed = epoch.last;
		memcpy(state->public_key, epoch.next_key, STORE_HASH);
		state->has_key = true;
		state->stale = true;
		return 0;
	}
	state->epoch = 1;
	r = store_meta_get(store, "anchor", state->public_key, STORE_HASH);
	state->has_key = r == 0;
	return r == -ENOENT ? 0 : r;
}

/*
 * A damaged journal must not keep the store from being opened for reading, but
 * nothing is ever added to one whose end is not understood, nor to an older copy,
 * whose open epoch has lost its key: what is written there could never be signed.
 */
int journal_attach(struct store *store) {
	struct journal_state state = { 0 };
	int r = attach_last_entry(store, &state);

	if (r == 0)
		r = attach_last_epoch(store, &state);
	if (r == 0 && store->mode == STORE_READ_WRITE)
		r = epoch_key_check(store, &state);
	if (r < 0 && store->mode == STORE_READ_WRITE)
		return r;
	/* What was left open by the process before is sealed at once. */
	state.urgent = state.seq > state.sealed;
	store->state = state;
	store->committed = state;
	if (store->mode == STORE_READ_WRITE)
		epoch_erase_stale(store);
	return 0;
}

static bool has_string(const char *s) {
	return s && s[0] != '\0';
}

/* Ranges that only a writer enforces: a reader may be older than the words. */
static int entry_check(const struct journal_entry *e) {
	if (strcmp(audit_event_name((unsigned)e->event), "unknown") == 0 ||
	    (unsigned)e->outcome >= OUTCOME_N || e->assurance >= CW_N_ASSURANCES ||
	    e->factor >= CW_N_FACTORS || e->reason >= CW_N_REASONS || e->seat > LIMIT_SEATS)
		return -EINVAL;
	if (has_string(e->name) &&
	    !entry_text_is_good((const uint8_t *)e->name, strnlen(e->name, LIMIT_NAME), LIMIT_NAME,
				true))
		return -EINVAL;
	if (has_string(e->text) &&
	    !entry_text_is_good((const uint8_t *)e->text, strnlen(e->text, LIMIT_TEXT), LIMIT_TEXT,
				true))
		return -EINVAL;
	return 0;
}

/* A free text on its way: salt and hash drawn before the entry is spelled. */
struct free_text {
	const char *s; /* NULL: none */
	uint8_t salt[SALT];
	uint8_t hash[STORE_HASH];
};

static int free_text_make(struct store *store, const char *s, struct free_text *text) {
	if (!has_string(s))
		return 0;
	text->s = s;
	if (random_draw(text->salt, SALT) < 0)
		return -EIO;
	return chain_text(store, text->salt, (const uint8_t *)s, strlen(s), text->hash);
}

static int free_text_write(struct store *store, uint64_t seq, enum entry_text what,
			   const struct free_text *text) {
	uint8_t sealed[LIMIT_TEXT + STORE_SEAL_OVERHEAD];
	size_t n = sizeof(sealed);
	sqlite3_stmt *stmt = NULL;
	int rc, r;

	if (!text->s)
		return 0;
	r = store_seal(store, "texts", (int64_t)seq, (uint64_t)what, (const uint8_t *)text->s,
		       strlen(text->s), sealed, &n);
	if (r == 0)
		r = store_prepare(
			store,
			"INSERT INTO texts (seq, what, salt, sealed) VALUES (?1, ?2, ?3, ?4)",
			&stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)seq);
	(void)sqlite3_bind_int(stmt, 2, (int)what);
	rc = sqlite3_bind_blob(stmt, 3, text->salt, SALT, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(stmt, 4, sealed, (int)n, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return store_errno(rc);
}

static int row_write(struct store *store, uint64_t seq, const struct journal_entry *entry,
		     const uint8_t *body, size_t n_body, const uint8_t hash[STORE_HASH]) {
	sqlite3_stmt *stmt = NULL;
	int rc, r;

	r = store_prepare(store,
			  "INSERT INTO journal (seq, account, target, event, body, hash) "
			  "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			  &stmt);
	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)seq);
	(void)sqlite3_bind_int64(stmt, 2, entry->account);
	(void)sqlite3_bind_int64(stmt, 3, entry->target);
	(void)sqlite3_bind_int(stmt, 4, (int)entry->event);
	rc = sqlite3_bind_blob(stmt, 5, body, (int)n_body, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(stmt, 6, hash, STORE_HASH, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return store_errno(rc);
}

/* What is remembered of the entry for journal_must_seal(). */
static void note_open(struct journal_state *state, const struct journal_entry *entry) {
	if (!state->has_open_since) {
		state->has_open_since = true;
		state->open_boot_ms = entry->at.boot_ms;
		memcpy(state->open_boot_id, entry->at.boot_id, sizeof(state->open_boot_id));
	}
	if (entry->event >= 300 && entry->event <= 499)
		state->urgent = true;
	if ((entry->event >= 300 && entry->event <= 399) || entry->event == EVENT_PASSWORD_CHANGED)
		state->accounts_seq = state->seq;
}

/* Inside a transaction. */
static int append(struct store *store, const struct journal_entry *entry,
		  const struct free_text texts[TEXT_N], const uint8_t *body, size_t n_body) {
	struct journal_state *state = &store->state;
	uint8_t hash[STORE_HASH];
	uint64_t seq = state->seq + 1;
	int r = 0;

	if (!state->has_key)
		r = epoch_certify_first(store, entry->at.wall_ms);
	if (r == 0)
		r = chain_next(store, seq, state->hash, body, n_body, hash);
	if (r == 0)
		r = row_write(store, seq, entry, body, n_body, hash);
	for (int what = TEXT_NAME; r == 0 && what < TEXT_N; ++what)
		r = free_text_write(store, seq, (enum entry_text)what, &texts[what]);
	if (r < 0)
		return r;
	state->seq = seq;
	memcpy(state->hash, hash, STORE_HASH);
	note_open(state, entry);
	return 0;
}

/* Whatever failed below a transaction, its callers know only these. */
static int write_errno(int r) {
	return r == 0 || r == -EBUSY || r == -ENOSPC || r == -EROFS ? r : -EIO;
}

/* Who changes himself is the one that is changed: found through one index. */
static struct journal_entry with_target(const struct journal_entry *entry) {
	struct journal_entry e = *entry;

	if (e.target == 0 &&
	    ((e.event >= 300 && e.event <= 399) || e.event == EVENT_PASSWORD_CHANGED))
		e.target = e.account;
	return e;
}

int journal_append(struct store *store, struct journal_entry *entry) {
	const struct journal_entry e = with_target(entry);
	struct free_text texts[TEXT_N] = { 0 };
	uint8_t body[ENTRY_BODY_MAX];
	size_t n_body = 0;
	uint64_t seq;
	int r = store ? entry_check(&e) : -EIO;

	if (r == 0)
		r = free_text_make(store, e.name, &texts[TEXT_NAME]);
	if (r == 0)
		r = free_text_make(store, e.text, &texts[TEXT_TEXT]);
	if (r == 0)
		r = entry_build(&e, texts[TEXT_NAME].s ? texts[TEXT_NAME].hash : NULL,
				texts[TEXT_TEXT].s ? texts[TEXT_TEXT].hash : NULL, body, &n_body);
	if (r < 0)
		return r;
	r = store_begin(store);
	if (r < 0)
		return r;
	r = append(store, &e, texts, body, n_body);
	if (r < 0) {
		store_rollback(store);
		return write_errno(r);
	}
	seq = store->state.seq;
	r = store_commit(store);
	if (r == 0)
		entry->seq = seq;
	return r;
}

int journal_head(struct store *store, struct journal_head *ret_head) {
	struct journal_state state = { 0 };

	if (!store || store->broken)
		return -EIO;
	if (store->mode == STORE_READ_WRITE)
		state = store->state;
	else if (attach_last_entry(store, &state) < 0)
		return -EIO;
	ret_head->seq = state.seq;
	memcpy(ret_head->hash, state.hash, STORE_HASH);
	return 0;
}

uint64_t journal_accounts_seq(const struct store *store) {
	return store ? store->committed.accounts_seq : 0;
}

int journal_erase_texts(struct store *store, uint64_t seq) {
	sqlite3_stmt *stmt = NULL;
	int r = store_begin(store), n = 0;

	if (r < 0)
		return r;
	r = store_prepare(store,
			  "UPDATE texts SET sealed = x'' WHERE seq = ?1 AND length(sealed) > 0",
			  &stmt);
	if (r == 0) {
		(void)sqlite3_bind_int64(stmt, 1, (int64_t)seq);
		r = store_errno(sqlite3_step(stmt));
		n = sqlite3_changes(store->db);
		(void)sqlite3_reset(stmt);
	}
	if (r < 0) {
		store_rollback(store);
		return write_errno(r);
	}
	store->scrub = store->scrub || n > 0;
	r = store_commit(store);
	return r < 0 ? r : n > 0 ? 0 : -ENOENT;
}
