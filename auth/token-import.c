/* SPDX-License-Identifier: Apache-2.0 */

/* Taking over another device's tokens: one transaction, never an older file twice. */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/layout.h"
#include "auth/token-file.h"
#include "auth/token-row.h"

/*
 * What came from that device before
 */

#define SEEN (8 + 32)

static void seen_name(const struct token_file *head, char ret_name[static 64]) {
	char hex[33];

	hex_encode(hex, head->key, 16);
	(void)snprintf(ret_name, 64, "tokens of %s", hex);
}

static int seen_value(struct store *store, const char *name, uint64_t generation,
		      uint8_t ret_value[SEEN]) {
	uint8_t bytes[64 + 8] = { 0 };

	memcpy(bytes, name, strlen(name));
	put_le64(bytes + 64, generation);
	put_le64(ret_value, generation);
	return store_mac(store, "tokens seen", bytes, sizeof(bytes), ret_value + 8);
}

/* Return: 0; -ESTALE; -EBADMSG (the row was not written by this device); -EIO. */
static int is_newer(struct store *store, const struct token_file *head) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	uint8_t stored[SEEN], value[SEEN];
	bool found = false;
	char name[64];
	int r;

	seen_name(head, name);
	r = store_prepare(store, "SELECT value FROM meta WHERE name = ?1", &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0 || !found)
		return r;
	if (sqlite3_column_bytes(stmt, 0) != SEEN)
		return -EBADMSG;
	memcpy(stored, sqlite3_column_blob(stmt, 0), SEEN);
	r = seen_value(store, name, get_le64(stored), value);
	if (r < 0)
		return r;
	if (!equal_32(stored + 8, value + 8))
		return -EBADMSG;
	return head->generation > get_le64(stored) ? 0 : -ESTALE;
}

static int remember(struct store *store, const struct token_file *head) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	uint8_t value[SEEN];
	char name[64];
	int r;

	seen_name(head, name);
	r = seen_value(store, name, head->generation, value);
	if (r < 0)
		return r;
	r = store_prepare(store, "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_blob(stmt, 2, value, SEEN, SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	return sql_done(stmt);
}

/*
 * Whose are they here?
 */

struct here {
	uint32_t number;
	char person[LIMIT_PERSON];
	char name[LIMIT_NAME];
};

struct importing {
	struct store *store;
	const struct actor *actor;
	const struct moment *now;
	const struct admin_rule *admins;
	bool (*may)(const struct account *account, void *userdata);
	void *userdata;
	struct here *here;
	size_t n_here, room;
	struct token_import import;
};

static int note_account(const struct account *account, void *userdata) {
	struct importing *importing = userdata;
	struct here *here;

	if (account->state != ACCOUNT_ENABLED && account->state != ACCOUNT_DISABLED)
		return 0;
	if (importing->n_here == importing->room) {
		size_t room = importing->room > 0 ? 2 * importing->room : 64;

		here = reallocarray(importing->here, room, sizeof(*here));
		if (!here)
			return -ENOMEM;
		importing->here = here;
		importing->room = room;
	}
	here = &importing->here[importing->n_here++];
	here->number = account->number;
	memcpy(here->person, account->person, sizeof(here->person));
	memcpy(here->name, account->name, sizeof(here->name));
	return 0;
}

/* The hospital's id decides; two of the same id are nobody. Without any, the name. */
static uint32_t owner_of(const struct importing *importing, const struct token_record *record) {
	uint32_t number = 0;

	for (size_t i = 0; i < importing->n_here; ++i) {
		const struct here *here = &importing->here[i];

		if (strcmp(here->person, record->person) != 0 ||
		    (record->person[0] == '\0' && strcmp(here->name, record->name) != 0))
			continue;
		if (number != 0)
			return 0;
		number = here->number;
	}
	return number;
}

/* The row that this device has of it. Return: 0; -ENOENT; -EBADMSG; -EIO. */
static int find_same(struct store *store, const struct token *token, struct token *ret_token) {
	if (token->factor == CW_FACTOR_BADGE)
		return token_find(store, CW_FACTOR_BADGE, token->badge, token->n_badge, ret_token);
	if (token->factor == CW_FACTOR_FIDO2)
		return token_find(store, CW_FACTOR_FIDO2, token->key.id, token->key.n_id,
				  ret_token);
	return token_find(store, CW_FACTOR_SMARTCARD, token->id, sizeof(token->id), ret_token);
}

static int take_new(struct importing *importing, const struct token_record *record,
		    uint32_t account) {
	cleanup_(token_wipe) struct token token = record->token;
	int r;

	if (token.disabled) {
		++importing->import.n_skipped;
		return 0; /* it was never here */
	}
	token.number = token.generation = 0;
	token.account = account;
	token.imported = true;
	r = token_is_free(importing->store, &token);
	if (r == -EEXIST) {
		++importing->import.n_skipped;
		return 0;
	}
	if (r == 0)
		r = token_store(importing->store, importing->actor, importing->now,
				EVENT_TOKEN_ENROLLED, &token);
	if (r == 0)
		++importing->import.n_imported;
	return r;
}

static int take_known(struct importing *importing, const struct token_record *record,
		      const struct token *here, uint32_t account) {
	int r;

	if (here->account != account) {
		++importing->import.n_skipped;
		return 0;
	}
	/* What was revoked here stays so, whatever another device says. */
	if (!record->token.disabled || here->disabled) {
		++importing->import.n_known;
		return 0;
	}
	r = token_revoke(importing->store, importing->actor, importing->now, importing->admins,
			 here->number);
	if (r == 0)
		++importing->import.n_revoked;
	return r;
}

static int take_record(const struct token_record *record, void *data) {
	cleanup_(token_wipe) struct token here = { 0 };
	struct importing *importing = data;
	uint32_t number = owner_of(importing, record);
	struct account account;
	int r;

	if (number == 0 || number == importing->actor->account ||
	    account_by_number(importing->store, number, &account) < 0 ||
	    !importing->may(&account, importing->userdata)) {
		++importing->import.n_skipped;
		return 0;
	}
	r = find_same(importing->store, &record->token, &here);
	if (r == 0)
		return take_known(importing, record, &here, number);
	return r == -ENOENT ? take_new(importing, record, number) : r;
}

static int record_import(const struct importing *importing, const struct token_file *head) {
	struct journal_entry entry = {
		.at = *importing->now,
		.event = EVENT_TOKENS_IMPORTED,
		.outcome = OUTCOME_OK,
		.seat = importing->actor->seat,
		.assurance = importing->actor->assurance,
		.factor = importing->actor->factor,
		.account = importing->actor->account,
		.peer_uid = importing->actor->peer_uid,
		.session = importing->actor->session,
		.has_digest = true,
	};
	const struct token_import *import = &importing->import;
	char detail[LIMIT_TEXT];

	(void)snprintf(detail, sizeof(detail), "new=%u revoked=%u known=%u skipped=%u",
		       import->n_imported, import->n_revoked, import->n_known, import->n_skipped);
	memcpy(entry.digest, head->key, sizeof(entry.digest)); /* whose they were */
	entry.detail = detail;
	return journal_append(importing->store, &entry);
}

int token_file_import(struct store *store, const struct actor *actor, const struct moment *now,
		      const struct admin_rule *admins, const struct token_file *head,
		      const uint8_t *file,
		      bool (*may)(const struct account *account, void *userdata), void *userdata,
		      struct token_import *ret_import) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct importing importing = { .store = store,
				       .actor = actor,
				       .now = now,
				       .admins = admins,
				       .may = may,
				       .userdata = userdata };
	int r = store_begin(store);

	if (r < 0)
		return r;
	transaction = store;
	r = is_newer(store, head);
	if (r == 0)
		r = account_list(store, 0, UINT32_MAX, note_account, &importing);
	if (r == 0)
		r = token_file_each(file, take_record, &importing);
	free(importing.here);
	if (r == 0)
		r = remember(store, head);
	if (r == 0)
		r = record_import(&importing, head);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	r = store_commit(store);
	if (r == 0)
		*ret_import = importing.import;
	return r;
}
