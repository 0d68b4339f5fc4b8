/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_SCHEMA_H
#define AUDIT_SCHEMA_H

/*
 * The schema, text for text
 *
 * sqlite_schema must hold exactly these statements, in this order, and nothing
 * else; a newer format may have tables of its own besides. A table more is a new
 * STORE_FORMAT; another text for one of these is a new STORE_MIN_READER as well
 * (docs/decisions/009-older-release.md). Columns named `sealed` are encrypted
 * under the device key with the row's number and generation (store_seal); `mac`
 * is HMAC-SHA256 over all other columns of the row in their order.
 */
static const char *const schema_statements[] = {
	/* device_id, format, min_reader, created */
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",

	"CREATE TABLE journal (seq INTEGER PRIMARY KEY, account INTEGER NOT NULL, "
	"target INTEGER NOT NULL, event INTEGER NOT NULL, body BLOB NOT NULL, "
	"hash BLOB NOT NULL) STRICT",
	"CREATE INDEX journal_account ON journal (account) WHERE account > 0",
	"CREATE INDEX journal_target ON journal (target) WHERE target > 0",
	"CREATE INDEX journal_emergency ON journal (event) WHERE event BETWEEN 400 AND 499",

	/* what: 1 name, 2 text. Erased: sealed is empty, salt is kept. */
	"CREATE TABLE texts (seq INTEGER NOT NULL, what INTEGER NOT NULL, salt BLOB NOT NULL, "
	"sealed BLOB NOT NULL, PRIMARY KEY (seq, what)) STRICT, WITHOUT ROWID",

	"CREATE TABLE epochs (number INTEGER PRIMARY KEY, first INTEGER NOT NULL, "
	"last INTEGER NOT NULL, head BLOB NOT NULL, wall INTEGER NOT NULL, "
	"public_key BLOB NOT NULL, next_key BLOB NOT NULL, signature BLOB NOT NULL) STRICT",

	/* name_key: HMAC of the normalised name. state: enum account_state. */
	"CREATE TABLE accounts (number INTEGER PRIMARY KEY AUTOINCREMENT, "
	"name_key BLOB NOT NULL UNIQUE, state INTEGER NOT NULL, generation INTEGER NOT NULL, "
	"sealed BLOB NOT NULL, mac BLOB NOT NULL) STRICT",

	/* factor: enum cw_factor. lookup: HMAC of a badge id or credential id, or empty. */
	"CREATE TABLE authenticators (number INTEGER PRIMARY KEY AUTOINCREMENT, "
	"account INTEGER NOT NULL, factor INTEGER NOT NULL, state INTEGER NOT NULL, "
	"generation INTEGER NOT NULL, lookup BLOB NOT NULL, sealed BLOB NOT NULL, "
	"mac BLOB NOT NULL) STRICT",
	"CREATE INDEX authenticators_account ON authenticators (account)",
	"CREATE INDEX authenticators_lookup ON authenticators (lookup) WHERE length(lookup) > 0",

	/* subject: account number; or minus a bucket of unknown names. */
	"CREATE TABLE lockouts (subject INTEGER NOT NULL, factor INTEGER NOT NULL, "
	"seat INTEGER NOT NULL, failures INTEGER NOT NULL, remaining_ms INTEGER NOT NULL, "
	"boot_id BLOB NOT NULL, boot_ms INTEGER NOT NULL, mac BLOB NOT NULL, "
	"PRIMARY KEY (subject, factor, seat)) STRICT, WITHOUT ROWID",

	/* state: enum emergency_state. review: enum review_state. */
	"CREATE TABLE emergencies (id BLOB PRIMARY KEY, seat INTEGER NOT NULL, "
	"state INTEGER NOT NULL, started_seq INTEGER NOT NULL, ended_seq INTEGER NOT NULL, "
	"identified INTEGER NOT NULL, uses INTEGER NOT NULL, wall INTEGER NOT NULL, "
	"review INTEGER NOT NULL, reviewer INTEGER NOT NULL, mac BLOB NOT NULL) STRICT, "
	"WITHOUT ROWID",
	"CREATE INDEX emergencies_review ON emergencies (review)",
	/* Which record of which emergency has been written: a claim is written once. */
	"CREATE TABLE emergency_records (id BLOB NOT NULL, serial INTEGER NOT NULL, "
	"seq INTEGER NOT NULL, PRIMARY KEY (id, serial)) STRICT, WITHOUT ROWID",

	/* state: enum approval_state. One use: the nonce is the key. */
	"CREATE TABLE approvals (nonce BLOB PRIMARY KEY, state INTEGER NOT NULL, "
	"account INTEGER NOT NULL, session INTEGER NOT NULL, seq INTEGER NOT NULL, "
	"sealed BLOB NOT NULL, mac BLOB NOT NULL) STRICT, WITHOUT ROWID",

	/* kind: 1 device.cfg, 2 site.cfg, 3 place.cfg. */
	"CREATE TABLE configurations (number INTEGER PRIMARY KEY AUTOINCREMENT, "
	"kind INTEGER NOT NULL, sha256 BLOB NOT NULL, seq INTEGER NOT NULL, "
	"content BLOB NOT NULL) STRICT",
	"CREATE INDEX configurations_kind ON configurations (kind)",
};

#endif
