/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sqlite3.h>

#include "auth/layout.h"
#include "auth/row.h"
#include "auth/text.h"

size_t account_encode(const struct account *account, uint8_t ret_plain[static ACCOUNT_PLAIN_MAX]) {
	struct layout_writer w = { .p = ret_plain, .capacity = ACCOUNT_PLAIN_MAX };

	if (account->n_roles > LIMIT_ROLES_OF_ACCOUNT)
		return 0;
	layout_put8(&w, ROW_FORMAT);
	layout_put8(&w, (uint8_t)account->source);
	layout_put8(&w, (uint8_t)account->n_roles);
	layout_put8(&w, 0);
	layout_put32(&w, account->created_by);
	layout_put32(&w, account->sponsor);
	layout_put64(&w, (uint64_t)account->valid_from_ms);
	layout_put64(&w, (uint64_t)account->valid_until_ms);
	layout_put64(&w, (uint64_t)account->created_ms);
	layout_put_text(&w, account->name, sizeof(account->name));
	layout_put_text(&w, account->person, sizeof(account->person));
	layout_put_text(&w, account->display, sizeof(account->display));
	for (uint32_t i = 0; i < account->n_roles; ++i)
		layout_put_text(&w, account->roles[i], sizeof(account->roles[i]));
	return w.failed ? 0 : w.n;
}

static bool account_is_plausible(const struct account *account) {
	if (account->source == ACCOUNT_FROM_NOWHERE || account->source > ACCOUNT_FROM_RECOVERY)
		return false;
	for (uint32_t i = 0; i < account->n_roles; ++i)
		if (account->roles[i][0] == '\0')
			return false;
	return account->name[0] != '\0' && text_is_plain(account->name, strlen(account->name)) &&
	       text_is_plain(account->person, strlen(account->person)) &&
	       text_is_plain(account->display, strlen(account->display));
}

int account_decode(const uint8_t *plain, size_t n_plain, struct account *ret_account) {
	struct layout_reader r = { .p = plain, .n = n_plain };
	struct account account = { 0 };

	if (layout_get8(&r) != ROW_FORMAT)
		return -EBADMSG;
	account.source = (enum account_source)layout_get8(&r);
	account.n_roles = layout_get8(&r);
	if (layout_get8(&r) != 0 || account.n_roles > LIMIT_ROLES_OF_ACCOUNT)
		return -EBADMSG;
	account.created_by = layout_get32(&r);
	account.sponsor = layout_get32(&r);
	account.valid_from_ms = (int64_t)layout_get64(&r);
	account.valid_until_ms = (int64_t)layout_get64(&r);
	account.created_ms = (int64_t)layout_get64(&r);
	layout_get_text(&r, account.name, sizeof(account.name));
	layout_get_text(&r, account.person, sizeof(account.person));
	layout_get_text(&r, account.display, sizeof(account.display));
	for (uint32_t i = 0; i < account.n_roles; ++i)
		layout_get_text(&r, account.roles[i], sizeof(account.roles[i]));
	if (!layout_is_done(&r) || !account_is_plausible(&account))
		return -EBADMSG;

	*ret_account = account;
	return 0;
}

#define PASSWORD_ONE_TIME 0x01u
#define PASSWORD_USED 0x02u
#define PASSWORD_RESET_UNSEEN 0x04u
#define PASSWORD_FLAGS 0x07u

void layout_put_verifier(struct layout_writer *w, const struct verifier *verifier) {
	layout_put32(w, verifier->cost.memory_kib);
	layout_put32(w, verifier->cost.passes);
	layout_put32(w, verifier->cost.lanes);
	layout_put(w, verifier->salt, sizeof(verifier->salt));
	layout_put(w, verifier->hash, sizeof(verifier->hash));
}

void layout_get_verifier(struct layout_reader *r, struct verifier *ret_verifier) {
	ret_verifier->cost.memory_kib = layout_get32(r);
	ret_verifier->cost.passes = layout_get32(r);
	ret_verifier->cost.lanes = layout_get32(r);
	layout_get(r, ret_verifier->salt, sizeof(ret_verifier->salt));
	layout_get(r, ret_verifier->hash, sizeof(ret_verifier->hash));
}

size_t password_encode(const struct password *password,
                       uint8_t ret_plain[static PASSWORD_PLAIN_MAX]) {
	struct layout_writer w = { .p = ret_plain, .capacity = PASSWORD_PLAIN_MAX };
	uint8_t flags = 0;

	if (password->n_history > LIMIT_PASSWORD_HISTORY)
		return 0;
	if (password->one_time)
		flags |= PASSWORD_ONE_TIME;
	if (password->used)
		flags |= PASSWORD_USED;
	if (password->reset_unseen)
		flags |= PASSWORD_RESET_UNSEEN;

	layout_put8(&w, ROW_FORMAT);
	layout_put8(&w, flags);
	layout_put8(&w, (uint8_t)password->n_history);
	layout_put8(&w, 0);
	layout_put64(&w, (uint64_t)password->set_ms);
	layout_put64(&w, (uint64_t)password->expires_ms);
	layout_put32(&w, password->set_by);
	layout_put_verifier(&w, &password->current);
	for (uint32_t i = 0; i < password->n_history; ++i)
		layout_put_verifier(&w, &password->history[i]);
	return w.failed ? 0 : w.n;
}

static void password_wipe(struct password *password) {
	explicit_bzero(password, sizeof(*password));
}

int password_decode(const uint8_t *plain, size_t n_plain, struct password *ret_password) {
	cleanup_(password_wipe) struct password password = { 0 };
	struct layout_reader r = { .p = plain, .n = n_plain };
	uint8_t flags;

	if (layout_get8(&r) != ROW_FORMAT)
		return -EBADMSG;
	flags = layout_get8(&r);
	password.n_history = layout_get8(&r);
	if (layout_get8(&r) != 0 || (flags & ~PASSWORD_FLAGS) != 0 ||
	    password.n_history > LIMIT_PASSWORD_HISTORY)
		return -EBADMSG;
	password.one_time = flags & PASSWORD_ONE_TIME;
	password.used = flags & PASSWORD_USED;
	password.reset_unseen = flags & PASSWORD_RESET_UNSEEN;
	password.set_ms = (int64_t)layout_get64(&r);
	password.expires_ms = (int64_t)layout_get64(&r);
	password.set_by = layout_get32(&r);
	layout_get_verifier(&r, &password.current);
	for (uint32_t i = 0; i < password.n_history; ++i)
		layout_get_verifier(&r, &password.history[i]);
	if (!layout_is_done(&r))
		return -EBADMSG;

	*ret_password = password;
	return 0;
}

static int blob_column(sqlite3_stmt *stmt, int column, uint8_t *ret_p, size_t capacity,
                       size_t *ret_n) {
	const void *p = sqlite3_column_blob(stmt, column);
	int n = sqlite3_column_bytes(stmt, column);

	if (n < 0 || (size_t)n > capacity || (n > 0 && !p))
		return -EBADMSG;
	if (n > 0)
		memcpy(ret_p, p, (size_t)n);
	*ret_n = (size_t)n;
	return 0;
}

static int blobs_read(sqlite3_stmt *stmt, int key, int sealed, int mac, struct stored_row *row) {
	size_t n_mac = 0;

	if (blob_column(stmt, key, row->key, sizeof(row->key), &row->n_key) < 0 ||
	    blob_column(stmt, sealed, row->sealed, sizeof(row->sealed), &row->n_sealed) < 0 ||
	    blob_column(stmt, mac, row->mac, sizeof(row->mac), &n_mac) < 0 ||
	    n_mac != sizeof(row->mac))
		return -EBADMSG;
	if (row->number < 1 || row->number > UINT32_MAX || row->generation < 1)
		return -EBADMSG;
	return 0;
}

int account_row_read(sqlite3_stmt *stmt, struct stored_row *ret_row) {
	*ret_row = (struct stored_row){
		.number = sqlite3_column_int64(stmt, 0),
		.state = sqlite3_column_int64(stmt, 2),
		.generation = sqlite3_column_int64(stmt, 3),
	};
	return blobs_read(stmt, 1, 4, 5, ret_row);
}

int authenticator_row_read(sqlite3_stmt *stmt, struct stored_row *ret_row) {
	*ret_row = (struct stored_row){
		.number = sqlite3_column_int64(stmt, 0),
		.account = sqlite3_column_int64(stmt, 1),
		.factor = sqlite3_column_int64(stmt, 2),
		.state = sqlite3_column_int64(stmt, 3),
		.generation = sqlite3_column_int64(stmt, 4),
	};
	return blobs_read(stmt, 5, 6, 7, ret_row);
}

int sql_done(sqlite3_stmt *stmt) {
	int code = sqlite3_step(stmt);

	(void)sqlite3_reset(stmt);
	return code == SQLITE_DONE ? 0 : code == SQLITE_ROW ? -EIO : store_errno(code);
}

int sql_row(sqlite3_stmt *stmt, bool *ret_row) {
	int code = sqlite3_step(stmt);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return store_errno(code);
	*ret_row = code == SQLITE_ROW;
	return 0;
}

void sql_reset(sqlite3_stmt *stmt) {
	(void)sqlite3_reset(stmt);
}
