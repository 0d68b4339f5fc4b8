/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sqlite3.h>

#include "auth/row.h"
#include "auth/text.h"

static int bind_all(int a, int b, int c, int d, int e) {
	return a == SQLITE_OK && b == SQLITE_OK && c == SQLITE_OK && d == SQLITE_OK &&
	                       e == SQLITE_OK
	               ? 0
	               : -EIO;
}

/* From the stored columns to the account. Return: 0; -EBADMSG; -EIO. */
static int row_open(struct store *store, const struct stored_row *row,
                    struct account *ret_account) {
	uint8_t plain[ROW_SEALED_MAX];
	uint8_t mac[32];
	struct account account;
	size_t n = sizeof(plain);
	int r;

	r = account_row_mac(store, row, mac);
	if (r < 0)
		return r;
	if (!equal_32(mac, row->mac) || row->n_key != 32)
		return -EBADMSG;
	if (row->state < ACCOUNT_ENABLED || row->state > ACCOUNT_ENDED)
		return -EBADMSG;
	r = store_unseal(store, "accounts", row->number, (uint64_t)row->generation, row->sealed,
	                 row->n_sealed, plain, &n);
	if (r < 0)
		return r;
	r = account_decode(plain, n, &account);
	explicit_bzero(plain, sizeof(plain));
	if (r < 0)
		return r;
	account.number = (uint32_t)row->number;
	account.generation = (uint64_t)row->generation;
	account.state = (enum account_state)row->state;
	*ret_account = account;
	return 0;
}

/* Steps a prepared and bound statement to its only row. Return: 0; -ENOENT; -EBADMSG; -EIO. */
static int row_fetch(sqlite3_stmt *stmt, struct stored_row *ret_row) {
	bool found = false;
	int r = sql_row(stmt, &found);

	if (r == 0)
		r = found ? account_row_read(stmt, ret_row) : -ENOENT;
	(void)sqlite3_reset(stmt);
	return r;
}

static int row_believe(struct store *store, const struct stored_row *row,
                       struct account *ret_account) {
	struct account account;
	int r;

	r = row_open(store, row, &account);
	if (r < 0)
		return r;
	r = account_digest_check(store, account.number);
	if (r < 0)
		return r;
	*ret_account = account;
	return 0;
}

/*
 * account_by_name() - find by normalised name
 * @name:  as account_normalise() returned it
 *
 * Return: 0; -ENOENT (the name was never given); -EBADMSG (MAC, seal, form or
 * digest: not the row that was written); -EIO (store).
 */
int account_by_name(struct store *store, const char *name, struct account *ret_account) {
	sqlite3_stmt *stmt = NULL;
	struct stored_row row;
	uint8_t key[32];
	int r;

	r = account_name_key(store, name, key);
	if (r < 0)
		return r;
	r = store_prepare(store, "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE name_key = ?1",
	                  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_blob(stmt, 1, key, sizeof(key), SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	r = row_fetch(stmt, &row);
	return r < 0 ? r : row_believe(store, &row, ret_account);
}

/* The same by number. Return: as account_by_name(). */
int account_by_number(struct store *store, uint32_t number, struct account *ret_account) {
	sqlite3_stmt *stmt = NULL;
	struct stored_row row;
	int r;

	r = store_prepare(store, "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE number = ?1",
	                  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, number) != SQLITE_OK)
		return -EIO;
	r = row_fetch(stmt, &row);
	return r < 0 ? r : row_believe(store, &row, ret_account);
}

int account_next(struct store *store, uint32_t after, uint32_t *ret_number) {
	cleanup_(sql_resetp) sqlite3_stmt *stmt = NULL;
	bool found = false;
	sqlite3_int64 number;
	int r;

	r = store_prepare(store,
	                  "SELECT number FROM accounts WHERE number > ?1 ORDER BY number LIMIT 1",
	                  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_int64(stmt, 1, after) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;
	number = sqlite3_column_int64(stmt, 0);
	if (number < 1 || number > UINT32_MAX)
		return -EIO;
	*ret_number = (uint32_t)number;
	return 0;
}

/*
 * account_list() - all accounts in order of number
 * @after:  number after which to begin; 0: from the first
 * @n:      at most so many
 * @each:   not 0 ends the list and is returned; may itself use the store
 *
 * Return: 0; what @each returned; -EIO.
 */
int account_list(struct store *store, uint32_t after, uint32_t n,
                 int (*each)(const struct account *account, void *userdata), void *userdata) {
	for (uint32_t i = 0; i < n; ++i) {
		struct account account = { 0 };
		int r = account_next(store, after, &after);

		if (r < 0)
			return r == -ENOENT ? 0 : r;
		r = account_by_number(store, after, &account);
		if (r == -EBADMSG || r == -ENOENT)
			account = (struct account){ .number = after };
		else if (r < 0)
			return r;
		r = each(&account, userdata);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Seals the account for its row and sets the row's MAC. */
static own_frame_ int row_close(struct store *store, const struct account *account,
				struct stored_row *row) {
	uint8_t plain[ACCOUNT_PLAIN_MAX];
	size_t n = account_encode(account, plain);
	int r;

	row->number = account->number;
	row->state = account->state;
	row->generation = (int64_t)account->generation;
	row->n_key = 32;
	row->n_sealed = sizeof(row->sealed);
	if (n == 0)
		return -EINVAL;
	r = account_name_key(store, account->name, row->key);
	if (r == 0)
		r = store_seal(store, "accounts", row->number, account->generation, plain, n,
		               row->sealed, &row->n_sealed);
	if (r == 0)
		r = account_row_mac(store, row, row->mac);
	explicit_bzero(plain, sizeof(plain));
	return r;
}

/* Return: 0; -ESTALE (another generation stands there, or nothing); -errno. */
static int row_update(struct store *store, const struct stored_row *row, int64_t generation) {
	sqlite3_stmt *stmt = NULL;
	int r;

	r = store_prepare(store,
	                  "UPDATE accounts SET state = ?1, generation = ?2, sealed = ?3, mac = ?4 "
	                  "WHERE number = ?5 AND generation = ?6",
	                  &stmt);
	if (r < 0)
		return r;
	r = bind_all(sqlite3_bind_int64(stmt, 1, row->state),
	             sqlite3_bind_int64(stmt, 2, row->generation),
	             sqlite3_bind_blob(stmt, 3, row->sealed, (int)row->n_sealed, SQLITE_STATIC),
	             sqlite3_bind_blob(stmt, 4, row->mac, sizeof(row->mac), SQLITE_STATIC),
	             sqlite3_bind_int64(stmt, 5, row->number));
	if (r == 0 && sqlite3_bind_int64(stmt, 6, generation) != SQLITE_OK)
		r = -EIO;
	if (r == 0)
		r = sql_done(stmt);
	if (r < 0)
		return r;
	return sqlite3_changes(sqlite3_db_handle(stmt)) == 1 ? 0 : -ESTALE;
}

static int row_insert(struct store *store, const char *name, uint32_t *ret_number) {
	sqlite3_stmt *stmt = NULL;
	uint64_t number = 0;
	uint8_t key[32];
	int r;

	r = account_name_key(store, name, key);
	if (r < 0)
		return r;
	r = store_prepare(store,
	                  "INSERT INTO accounts (name_key, state, generation, sealed, mac) "
	                  "VALUES (?1, 0, 0, x'', x'')",
	                  &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_blob(stmt, 1, key, sizeof(key), SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	r = sql_insert(stmt, &number);
	if (r < 0)
		return r;
	*ret_number = (uint32_t)number;
	return 0;
}

static int name_is_free(struct store *store, const char *name) {
	sqlite3_stmt *stmt = NULL;
	uint8_t key[32];
	bool found = false;
	int r;

	r = account_name_key(store, name, key);
	if (r < 0)
		return r;
	r = store_prepare(store, "SELECT 1 FROM accounts WHERE name_key = ?1", &stmt);
	if (r < 0)
		return r;
	if (sqlite3_bind_blob(stmt, 1, key, sizeof(key), SQLITE_STATIC) != SQLITE_OK)
		return -EIO;
	r = sql_row(stmt, &found);
	(void)sqlite3_reset(stmt);
	return r < 0 ? r : found ? -EEXIST : 0;
}

static bool text_is_good(const char *text, size_t size) {
	size_t n = strnlen(text, size);

	return n < size && text_is_plain(text, n);
}

/* What holds for every account that is written. */
static bool account_is_sound(const struct account *account) {
	char name[LIMIT_NAME];
	size_t n_name = strnlen(account->name, sizeof(account->name));

	if (account_normalise(account->name, n_name, name) < 0 || strcmp(name, account->name) != 0)
		return false;
	if (!text_is_good(account->person, sizeof(account->person)) ||
	    !text_is_good(account->display, sizeof(account->display)))
		return false;
	if (account->source == ACCOUNT_FROM_NOWHERE || account->source > ACCOUNT_FROM_RECOVERY)
		return false;
	if (account->valid_until_ms != 0 && account->valid_until_ms <= account->valid_from_ms)
		return false;
	if (account->n_roles > LIMIT_ROLES_OF_ACCOUNT)
		return false;
	for (uint32_t i = 0; i < account->n_roles; ++i) {
		if (account->roles[i][0] == '\0' ||
		    !text_is_good(account->roles[i], sizeof(account->roles[i])))
			return false;
		for (uint32_t k = 0; k < i; ++k)
			if (strcmp(account->roles[i], account->roles[k]) == 0)
				return false;
	}
	return true;
}

/* "state=2 roles=nurse,lead": names of roles are no personal data. Cut off at the end. */
static const char *describe(const struct account *account, char detail[static LIMIT_TEXT]) {
	int n = snprintf(detail, LIMIT_TEXT, "state=%u roles=", (unsigned)account->state);

	for (uint32_t i = 0; i < account->n_roles && n > 0; ++i) {
		size_t room = LIMIT_TEXT - (size_t)n;
		int more = snprintf(detail + n, room, "%s%s", i > 0 ? "," : "", account->roles[i]);

		if (more < 0 || (size_t)more >= room) {
			detail[n] = '\0'; /* whole names only */
			break;
		}
		n += more;
	}
	return detail;
}

static own_frame_ int create_rows(struct store *store, const struct actor *actor,
				  const struct moment *now, struct account *account) {
	struct stored_row row = { 0 };
	char detail[LIMIT_TEXT];
	int r;

	r = name_is_free(store, account->name);
	if (r < 0)
		return r;
	r = row_insert(store, account->name, &account->number);
	if (r < 0)
		return r;
	account->generation = 1;
	r = row_close(store, account, &row);
	if (r < 0)
		return r;
	r = row_update(store, &row, 0);
	if (r < 0)
		return r;
	return account_record(store, actor, now, EVENT_ACCOUNT_CREATED, account->number,
	                      describe(account, detail));
}

/*
 * account_create() - a new account without any authenticator
 * @actor:    who does it; not NULL
 * @account:  name (normalised by the call), state (enabled or disabled), source,
 *            roles, ...; number, generation and created_ms are set by the call
 *
 * Return: 0; -EEXIST (the name was given before, tombstones included); -EINVAL
 * (name, text, state, source, roles, or a validity that ends before it begins);
 * -ENOSPC; -EROFS; -EBUSY; -EIO.
 */
int account_create(struct store *store, const struct actor *actor, const struct moment *now,
                   struct account *account) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct account new = *account;
	int r;

	if (account_normalise(account->name, strnlen(account->name, sizeof(account->name)),
	                      new.name) < 0)
		return -EINVAL;
	if (new.state != ACCOUNT_ENABLED && new.state != ACCOUNT_DISABLED)
		return -EINVAL;
	new.created_ms = now->wall_ms;
	if (!account_is_sound(&new))
		return -EINVAL;

	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = create_rows(store, actor, now, &new);
	if (r < 0)
		return r;
	transaction = NULL; /* a commit that fails rolls back by itself */
	r = store_commit(store);
	if (r < 0)
		return r;
	*account = new;
	return 0;
}

/* Which state an event leaves the account in. ACCOUNT_NONE: the one it has. */
static const struct {
	enum audit_event event;
	enum account_state state;
} changes[] = {
	{ EVENT_ACCOUNT_DISABLED, ACCOUNT_DISABLED },
	{ EVENT_ACCOUNT_ENABLED,  ACCOUNT_ENABLED  },
	{ EVENT_ACCOUNT_ENDED,    ACCOUNT_ENDED    },
	{ EVENT_ACCOUNT_ROLES,    ACCOUNT_NONE     },
};

/* Is all that is sealed, roles and validity included, as it was? */
static own_frame_ bool same_content(const struct account *a, const struct account *b) {
	uint8_t plain_a[ACCOUNT_PLAIN_MAX];
	uint8_t plain_b[ACCOUNT_PLAIN_MAX];
	size_t n = account_encode(a, plain_a);

	return n > 0 && account_encode(b, plain_b) == n && memcmp(plain_a, plain_b, n) == 0;
}

static bool change_is_allowed(enum audit_event event, const struct account *old,
                              const struct account *new) {
	if (old->state == ACCOUNT_ENDED)
		return false; /* a tombstone stays one */
	if (strcmp(old->name, new->name) != 0 || old->source != new->source ||
	    old->created_by != new->created_by || old->created_ms != new->created_ms)
		return false; /* never rewritten */
	if (event != EVENT_ACCOUNT_ROLES && !same_content(old, new))
		return false; /* the entry would say less than was done */

	for (size_t i = 0; i < ARRAY_SIZE(changes); ++i)
		if (changes[i].event == event)
			return new->state ==
			       (changes[i].state == ACCOUNT_NONE ? old->state : changes[i].state);
	return false;
}

static bool has_admin_role(const struct account *account, const struct admin_rule *admins) {
	for (uint32_t i = 0; i < account->n_roles; ++i)
		for (uint32_t k = 0; k < admins->n_roles && k < POLICY_ROLES_MAX; ++k)
			if (admins->roles[k] && strcmp(account->roles[i], admins->roles[k]) == 0)
				return true;
	return false;
}

static bool administers(const struct account *account, const struct admin_rule *admins,
                        const struct moment *now) {
	return account->state == ACCOUNT_ENABLED && account_is_valid(account, now) &&
	       has_admin_role(account, admins);
}

int account_is_last_admin(struct store *store, const struct admin_rule *admins, uint32_t number,
                          const struct moment *now) {
	struct account account;
	uint32_t at = 0;
	int r;

	r = account_by_number(store, number, &account);
	if (r < 0)
		return r == -EBADMSG || r == -ENOENT ? 0 : -EIO; /* nobody signs in with it */
	if (!administers(&account, admins, now))
		return 0;

	for (;;) {
		r = account_next(store, at, &at);
		if (r < 0)
			return r == -ENOENT ? 1 : -EIO;
		if (at == number)
			continue;
		r = account_by_number(store, at, &account);
		if (r == -EBADMSG || r == -ENOENT)
			continue; /* damaged: no help */
		if (r < 0)
			return -EIO;
		if (!administers(&account, admins, now))
			continue;
		r = account_has_usable_factor(store, at, now);
		if (r != 0)
			return r < 0 ? -EIO : 0;
	}
}

/* Return: 0; -EBUSY (nobody would be left); -EINVAL (no rule to judge by); -EIO. */
static int somebody_administers(struct store *store, const struct admin_rule *admins,
                                const struct moment *now, const struct account *new) {
	int r;

	if (!admins)
		return -EINVAL;
	if (administers(new, admins, now))
		return 0;
	r = account_is_last_admin(store, admins, new->number, now);
	return r < 0 ? r : r == 1 ? -EBUSY : 0;
}

static own_frame_ int change_rows(struct store *store, const struct actor *actor,
				  const struct moment *now, enum audit_event event,
				  const struct admin_rule *admins, struct account *new) {
	struct stored_row row = { 0 };
	char detail[LIMIT_TEXT];
	struct account old;
	int r;

	/* A damaged account is not made good by writing over half of it. */
	r = account_by_number(store, new->number, &old);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	if (old.generation != new->generation)
		return -ESTALE;
	if (!change_is_allowed(event, &old, new))
		return -EINVAL;
	if (event != EVENT_ACCOUNT_ENABLED) {
		r = somebody_administers(store, admins, now, new);
		if (r < 0)
			return r;
	}

	new->generation = old.generation + 1;
	r = row_close(store, new, &row);
	if (r < 0)
		return r;
	r = row_update(store, &row, (int64_t)old.generation);
	if (r < 0)
		return r;
	return account_record(store, actor, now, event, new->number, describe(new, detail));
}

/*
 * account_change() - write back a changed account
 * @event:    EVENT_ACCOUNT_DISABLED, _ENABLED or _ENDED, which must agree with
 *            account->state and change nothing else; or _ROLES: roles, validity,
 *            display, person, sponsor, and the state stays
 * @admins:   roles that make an administrator; NULL only with _ENABLED, which can
 *            take nobody away
 * @account:  as read, with the changes; the generation is counted up by the call
 *
 * Name, source, who created it and when are never rewritten, and an account that
 * has ended never changes again.
 *
 * Return: 0; -ESTALE (changed meanwhile: read again); -EBUSY (would leave no
 * enabled administrator); -EINVAL; -EBADMSG (the stored account is damaged);
 * -ENOSPC; -EROFS; -EIO.
 */
int account_change(struct store *store, const struct actor *actor, const struct moment *now,
                   enum audit_event event, const struct admin_rule *admins,
                   struct account *account) {
	cleanup_(transaction_endp) struct store *transaction = NULL;
	struct account new = *account;
	int r;

	if (!account_is_sound(&new))
		return -EINVAL;
	r = store_begin(store);
	if (r < 0)
		return r;
	transaction = store;
	r = change_rows(store, actor, now, event, admins, &new);
	if (r < 0)
		return r;
	transaction = NULL;
	r = store_commit(store);
	if (r < 0)
		return r;
	*account = new;
	return 0;
}
