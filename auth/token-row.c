/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of enrolled tokens: read, changed by compare and swap, revoked, never removed. */

#include <errno.h>
#include <sqlite3.h>

#include "auth/token-row.h"

static const size_t n_keys[CW_N_FACTORS] = {
	[CW_FACTOR_BADGE] = TOKEN_KEY,
	[CW_FACTOR_SMARTCARD] = 2 * TOKEN_KEY,
	[CW_FACTOR_FIDO2] = TOKEN_KEY,
};

own_frame_ int token_row_open(struct store *store, const struct stored_row *row,
			      struct token *ret_token) {
	cleanup_(token_wipe) struct token token = { 0 };
	uint8_t plain[ROW_SEALED_MAX];
	size_t n = 0;
	int r;

	r = authenticator_unseal(store, row, plain, &n);
	if (r < 0)
		return r;
	r = token_decode(plain, n, &token);
	explicit_bzero(plain, sizeof(plain));
	if (r < 0)
		return r;
	if ((int64_t)token.factor != row->factor || row->n_key != n_keys[token.factor])
		return -EBADMSG;
	token.number = (uint64_t)row->number;
	token.generation = (uint64_t)row->generation;
	token.account = (uint32_t)row->account;
	token.disabled = row->state == AUTHENTICATOR_DISABLED;
	*ret_token = token;
	return 0;
}

static own_frame_ int row_close(struct store *store, const struct token *token,
				struct stored_row *row) {
	uint8_t plain[TOKEN_PLAIN_MAX];
	size_t n = token_encode(token, plain);
	int r;

	*row = (struct stored_row){
		.number = (int64_t)token->number,
		.account = token->account,
		.factor = token->factor,
		.state = token->disabled ? AUTHENTICATOR_DISABLED : AUTHENTICATOR_ENABLED,
		.generation = (int64_t)token->generation,
	};
	if (n == 0)
		return -EINVAL;
	r = token_keys(store, token, row->key, &row->n_key);
	if (r == 0)
		r = authenticator_seal(store, plain, n, row);
	explicit_bzero(plain, sizeof(plain));
	return r;
}

/* Steps a bound statement to its first row. Return: 0; -ENOENT; -EBADMSG; -EIO. */
static int row_fetch(sqlite3_stmt *stmt, struct stored_row *ret_row) {
	bool found = false;
	int r = sql_row(stmt, &found);

	if (r < 0)
		return r;
	return found ? authenticator_row_read(stmt, ret_row) : -ENOENT;
}

static bool is_token_factor(int64_t factor) {
	return factor == CW_FACTOR_BADGE || factor == CW_FACTOR_CODE ||
	       factor == CW_FACTOR_SMARTCARD || factor == CW_FACTOR_FIDO2;
}

static own_frame_ int row_by_number(struct store *store, uint64_t number,
				    struct stored_row *ret_row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	int r;

	if (number < 1 || number > UINT32_MAX)
		return -ENOENT;
	r = store_prepare(store,
			  "SELECT " AUTHENTICATOR_COLUMNS " FROM authenticators WHERE number = ?1",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, (sqlite3_int64)number) != SQLITE_OK)
		return -EIO;
	return row_fetch(stmt, ret_row);
}

int token_load(struct store *store, uint64_t number, struct token *ret_token) {
	cleanup_(token_wipe) struct token token = { 0 };
	struct stored_row row;
	int r;

	r = row_by_number(store, number, &row);
	if (r < 0)
		return r;
	if (!is_token_factor(row.factor))
		return -ENOENT; /* a password, or a link to the directory */
	r = token_row_open(store, &row, &token);
	if (r < 0)
		return r;
	r = account_digest_check(store, token.account);
	if (r < 0)
		return r;
	*ret_token = token;
	return 0;
}

/* The account's next row after @after; any factor of a token, or @factor alone. */
static own_frame_ int row_after(struct store *store, uint32_t account, enum cw_factor factor,
				uint64_t after, struct stored_row *ret_row) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	int r;

	r = store_prepare(store,
			  "SELECT " AUTHENTICATOR_COLUMNS " FROM authenticators "
			  "WHERE account = ?1 AND number > ?2 AND factor IN (?3, ?4, ?5, ?6) "
			  "ORDER BY number LIMIT 1",
			  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, account) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)after) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 3, factor ? factor : CW_FACTOR_BADGE) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 4, factor ? factor : CW_FACTOR_CODE) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 5, factor ? factor : CW_FACTOR_SMARTCARD) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 6, factor ? factor : CW_FACTOR_FIDO2) != SQLITE_OK)
		return -EIO;
	return row_fetch(stmt, ret_row);
}

/*
 * token_list() - all tokens of an account, in order of number
 * @each:  not 0 ends the list and is returned; may itself use the store
 *
 * Return: 0; what @each returned; -EBADMSG (a row is not as it was written: then
 * none of the account's is believed); -EIO.
 */
int token_list(struct store *store, uint32_t account,
	       int (*each)(const struct token *token, void *userdata), void *userdata) {
	uint64_t after = 0;
	int r;

	r = account_digest_check(store, account);
	if (r < 0)
		return r;
	for (;;) {
		cleanup_(token_wipe) struct token token = { 0 };
		struct stored_row row;

		r = row_after(store, account, CW_FACTOR_NONE, after, &row);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		r = token_row_open(store, &row, &token);
		if (r < 0)
			return r;
		after = token.number;
		r = each(&token, userdata);
		if (r != 0)
			return r;
	}
}

int token_code(struct store *store, uint32_t account, struct token *ret_token) {
	struct stored_row row;
	struct stored_row another;
	int r;

	r = row_after(store, account, CW_FACTOR_CODE, 0, &row);
	if (r < 0)
		return r;
	r = row_after(store, account, CW_FACTOR_CODE, (uint64_t)row.number, &another);
	if (r != -ENOENT)
		return r < 0 ? r : -EBADMSG; /* an account has one code */
	return token_load(store, (uint64_t)row.number, ret_token);
}

struct count {
	uint32_t n_rows;
	uint32_t n_enabled;
	uint32_t n_keys;
	bool has_code;
};

static int count_one(const struct token *token, void *userdata) {
	struct count *count = userdata;

	++count->n_rows;
	if (token->factor == CW_FACTOR_CODE)
		count->has_code = true;
	if (!token->disabled) {
		++count->n_enabled;
		if (token->factor == CW_FACTOR_FIDO2)
			++count->n_keys;
	}
	return 0;
}

/* Room and right for a new row. Return: 0; -EEXIST; -EDQUOT; -EINVAL; -EBADMSG; -EIO. */
static own_frame_ int may_enrol(struct store *store, const struct token *new) {
	struct count count = { 0 };
	int r;

	r = token_list(store, new->account, count_one, &count);
	if (r < 0)
		return r;
	if (new->factor == CW_FACTOR_CODE && count.has_code)
		return -EEXIST; /* it is changed, not added: token_code() */
	r = token_is_free(store, new);
	if (r < 0)
		return r;
	if (count.n_enabled >= TOKENS_OF_ACCOUNT_MAX || count.n_rows >= TOKEN_ROWS_MAX)
		return -EDQUOT;
	if (new->factor == CW_FACTOR_FIDO2 && count.n_keys >= TOKEN_CREDENTIALS_MAX)
		return -EDQUOT; /* no more can be named to a key at once */
	return 0;
}

static bool take_label(const struct token *new, struct token *as) {
	memcpy(as->label, new->label, sizeof(as->label));
	return true;
}

static bool take_end(const struct token *new, struct token *as) {
	as->disabled = true;
	return true;
}

static bool take_counter(const struct token *new, struct token *as) {
	if (as->factor != CW_FACTOR_FIDO2 || as->disabled || new->key.counter < as->key.counter)
		return false;
	as->key.counter = new->key.counter;
	return true;
}

static bool take_code(const struct token *new, struct token *as) {
	as->code = new->code;
	return as->factor == CW_FACTOR_CODE && !as->disabled;
}

/* Also one that was revoked: an account has one code. */
static bool take_code_anew(const struct token *new, struct token *as) {
	as->code = new->code;
	as->disabled = false;
	return as->factor == CW_FACTOR_CODE && take_label(new, as);
}

/* What an event takes from the new token, and nothing else; false: not that token. */
static const struct {
	enum audit_event event;
	bool (*take)(const struct token *new, struct token *as);
} takes[] = {
	{ EVENT_TOKEN_RENAMED,  take_label     },
	{ EVENT_TOKEN_REVOKED,  take_end       },
	{ EVENT_TOKEN_COUNTER,  take_counter   },
	{ EVENT_CODE_CHANGED,   take_code      },
	{ EVENT_TOKEN_ENROLLED, take_code_anew },
};

static bool take_change(enum audit_event event, const struct token *new, struct token *as) {
	for (size_t i = 0; i < ARRAY_SIZE(takes); ++i)
		if (takes[i].event == event)
			return takes[i].take(new, as);
	return false;
}

/* Would the row say just what the entry says? Return: 0; -EINVAL; -ESTALE; -EBADMSG; -EIO. */
static own_frame_ int may_change(struct store *store, enum audit_event event,
				 const struct token *new) {
	cleanup_(token_wipe) struct token as = { 0 };
	uint8_t plain_as[TOKEN_PLAIN_MAX];
	uint8_t plain_new[TOKEN_PLAIN_MAX];
	size_t n;
	int r;

	r = token_load(store, new->number, &as);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	if (as.generation != new->generation || as.account != new->account)
		return -ESTALE;
	if (!take_change(event, new, &as) || as.disabled != new->disabled)
		return -EINVAL;
	n = token_encode(&as, plain_as);
	r = n > 0 && token_encode(new, plain_new) == n && memcmp(plain_as, plain_new, n) == 0
		    ? 0
		    : -EINVAL;
	explicit_bzero(plain_as, sizeof(plain_as));
	explicit_bzero(plain_new, sizeof(plain_new));
	return r;
}

/* "factor=badge token=7": a number is no personal data, a label may be. */
static int record(struct store *store, const struct actor *actor, const struct moment *now,
		  enum audit_event event, const struct token *token) {
	char detail[LIMIT_TEXT];

	(void)snprintf(detail, sizeof(detail), "factor=%s token=%u%s",
		       token_factor_name(token->factor), (unsigned)token->number,
		       token->imported && event == EVENT_TOKEN_ENROLLED ? " imported=1" : "");
	return account_record(store, actor, now, event, token->account, detail);
}

/* Nobody's token, or that of somebody who is gone. Return: 0; -EINVAL; -EBADMSG; -EIO. */
static own_frame_ int account_takes(struct store *store, enum audit_event event,
				    uint32_t number) {
	struct account account;
	int r = account_by_number(store, number, &account);

	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	/* What somebody who has left still carries about can be taken away. */
	return account.state == ACCOUNT_ENDED && event != EVENT_TOKEN_REVOKED ? -EINVAL : 0;
}

static own_frame_ int store_rows(struct store *store, const struct actor *actor,
				 const struct moment *now, enum audit_event event,
				 struct token *new) {
	uint64_t generation = new->generation;
	struct stored_row row;
	int r;

	r = account_takes(store, event, new->account);
	if (r < 0)
		return r;
	r = new->number == 0 ? may_enrol(store, new) : may_change(store, event, new);
	if (r < 0)
		return r;

	if (event == EVENT_TOKEN_ENROLLED) {
		new->enrolled_ms = now->wall_ms;
		new->enrolled_by = actor->account;
	}
	if (new->number == 0) {
		generation = 0;
		r = authenticator_insert(store, new->account, new->factor, &new->number);
		if (r < 0)
			return r;
	}
	new->generation = generation + 1;
	r = row_close(store, new, &row);
	if (r < 0)
		return r;
	r = authenticator_update(store, &row, (int64_t)generation);
	if (r < 0)
		return r;
	return record(store, actor, now, event, new);
}

/*
 * token_store() - write a new or changed token, and its entry
 * @event:  what is done, and all that may differ from the row that is there:
 *          _ENROLLED: a new token (number 0), or a code given anew; _RENAMED: the
 *          label; _REVOKED: disabled; _COUNTER: a security key's counter, upwards;
 *          CODE_CHANGED: the code
 * @token:  number, generation, enrolled_ms and enrolled_by are set by the call
 *
 * Return: 0; -ESTALE (changed meanwhile: read again); -EEXIST (somebody's
 * already); -EDQUOT (TOKENS_OF_ACCOUNT_MAX and the other bounds); -EINVAL (event,
 * form, no such account, it has ended, or something else was changed as well);
 * -EBADMSG (the stored account is damaged); -ENOSPC (disk); -EROFS; -EIO.
 */
int token_store(struct store *store, const struct actor *actor, const struct moment *now,
		enum audit_event event, struct token *token) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	cleanup_(token_wipe) struct token new = *token;
	int r;

	if (!account_event_has_digest(event) || !token_is_sound(token))
		return -EINVAL;
	if (token->number == 0 && (event != EVENT_TOKEN_ENROLLED || token->disabled))
		return -EINVAL;
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = store_rows(store, actor, now, event, &new);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	r = store_commit(store);
	if (r < 0)
		return r;
	*token = new;
	return 0;
}

static bool is_strong(const struct token *token) {
	return token->factor == CW_FACTOR_SMARTCARD || token->factor == CW_FACTOR_FIDO2;
}

/* After it was disabled: has the last administrator anything left? Return: 0; -EBUSY; -EIO. */
static int somebody_is_left(struct store *store, const struct admin_rule *admins, uint32_t account,
			    const struct moment *now) {
	int r = account_is_last_admin(store, admins, account, now);

	if (r <= 0)
		return r;
	r = account_has_usable_factor(store, account, now);
	return r < 0 ? r : r == 0 ? -EBUSY : 0;
}

static own_frame_ int revoke_rows(struct store *store, const struct actor *actor,
				  const struct moment *now, const struct admin_rule *admins,
				  uint64_t number) {
	cleanup_(token_wipe) struct token token = { 0 };
	int r;

	r = token_load(store, number, &token);
	if (r < 0 || token.disabled)
		return r;
	token.disabled = true;
	r = token_store(store, actor, now, EVENT_TOKEN_REVOKED, &token);
	if (r < 0 || !is_strong(&token))
		return r;
	return admins ? somebody_is_left(store, admins, token.account, now) : -EINVAL;
}

/*
 * token_revoke() - it proves nothing from now on, and its row stays
 * @admins:  NULL only for a badge or a code, by which nobody administers
 *
 * What is revoked already stays so, without another entry.
 *
 * Return: 0; -ENOENT; -EBUSY (the last thing by which the last administrator can
 * sign in); -EINVAL (no rule to judge by); -EBADMSG; -ESTALE; -ENOSPC; -EROFS; -EIO.
 */
int token_revoke(struct store *store, const struct actor *actor, const struct moment *now,
		 const struct admin_rule *admins, uint64_t number) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	int r;

	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = revoke_rows(store, actor, now, admins, number);
	if (r < 0)
		return r;
	transaction = NULL;
	return store_commit(store);
}

static int is_usable(const struct token *token, void *userdata) {
	const struct moment *now = userdata;

	/* A badge or its code opens care only: nobody administers with it. */
	if (token->disabled || !is_strong(token))
		return 0;
	if (token->factor == CW_FACTOR_SMARTCARD && now->trust == CLOCK_TRUSTED &&
	    token->not_after_ms != 0 && now->wall_ms > token->not_after_ms)
		return 0;
	return 1;
}

int account_has_usable_token(struct store *store, uint32_t number, const struct moment *now) {
	struct moment at = *now;
	int r = token_list(store, number, is_usable, &at);

	return r >= 0 ? r : r == -EBADMSG || r == -ENOENT ? 0 : -EIO;
}

static int is_enrolled_by(const struct token *token, void *userdata) {
	const uint32_t *by = userdata;

	return token->enrolled_by == *by;
}

int account_has_token_of(struct store *store, uint32_t number, uint32_t by) {
	int r = token_list(store, number, is_enrolled_by, &by);

	return r < 0 ? -EIO : r;
}
