/* SPDX-License-Identifier: Apache-2.0 */

/* Stored accounts: changes, damage, the last administrator. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/row.h"
#include "auth/text.h"
#include "tests/auth/device.h"

static const struct admin_rule admins = { .n_roles = 1, .roles = { "lead" } };

START_TEST(an_account_is_found_as_it_was_made) {
	struct account account = account_of("Kim.WEBER", "nurse");
	struct moment now = moment_at(5);
	struct actor actor = actor_of(7);
	struct account found;

	account.sponsor = 4;
	account.created_by = 7;
	account.valid_from_ms = now.wall_ms;
	account.valid_until_ms = now.wall_ms + 43200000;
	ck_assert_int_eq(account_create(device.store, &actor, &now, &account), 0);
	ck_assert_uint_eq(account.number, 1);
	ck_assert_uint_eq(account.generation, 1);
	ck_assert_str_eq(account.name, "kim.weber");
	ck_assert(account.created_ms == now.wall_ms);

	ck_assert_int_eq(account_by_name(device.store, "kim.weber", &found), 0);
	ck_assert(same_account(&account, &found));
	device_close();
	device_open();
	ck_assert_int_eq(account_by_number(device.store, 1, &found), 0);
	ck_assert(same_account(&account, &found));
	ck_assert_int_eq(account_by_name(device.store, "kim", &found), -ENOENT);
	ck_assert_int_eq(account_by_number(device.store, 2, &found), -ENOENT);
	ck_assert_int_eq(account_by_number(device.store, 0, &found), -ENOENT);
}
END_TEST

/* What makes an account unsound, done to a sound one. */
static void no_name(struct account *a) {
	a->name[0] = '\0';
}
static void path_name(struct account *a) {
	memcpy(a->name, "../x", 5);
}
static void endless_name(struct account *a) {
	memset(a->name, 'a', sizeof(a->name));
}
static void endless_person(struct account *a) {
	memset(a->person, 'a', sizeof(a->person));
}
static void rude_display(struct account *a) {
	memcpy(a->display, "a\x1b[2J", 6);
}
static void no_source(struct account *a) {
	a->source = ACCOUNT_FROM_NOWHERE;
}
static void odd_source(struct account *a) {
	a->source = (enum account_source)99;
}
static void no_state(struct account *a) {
	a->state = ACCOUNT_NONE;
}
static void born_dead(struct account *a) {
	a->state = ACCOUNT_ENDED;
}
static void many_roles(struct account *a) {
	a->n_roles = LIMIT_ROLES_OF_ACCOUNT + 1;
}
static void empty_role(struct account *a) {
	a->roles[0][0] = '\0';
}
static void role_twice(struct account *a) {
	a->n_roles = 2;
	memcpy(a->roles[1], a->roles[0], sizeof(a->roles[0]));
}
static void ends_before(struct account *a) {
	a->valid_from_ms = 10;
	a->valid_until_ms = 10;
}

static const struct {
	const char *why;
	void (*spoil)(struct account *account);
} unsound[] = {
	{ "no name", no_name },
	{ "LK-14 a path for a name", path_name },
	{ "a name without an end", endless_name },
	{ "a person without an end", endless_person },
	{ "a display name that clears the screen", rude_display },
	{ "no source", no_source },
	{ "an unknown source", odd_source },
	{ "no state", no_state },
	{ "ended before it began", born_dead },
	{ "more roles than there is room for", many_roles },
	{ "a role without a name", empty_role },
	{ "a role twice", role_twice },
	{ "a validity that ends where it begins", ends_before },
};

START_TEST(an_unsound_account_is_not_made) {
	struct account account = account_of("kim", "nurse");
	struct moment now = moment_at(0);

	unsound[_i].spoil(&account);
	ck_assert_msg(account_create(device.store, &nobody, &now, &account) == -EINVAL, "%s",
		      unsound[_i].why);
	device_close();
	ck_assert_int_eq(device_number("SELECT count(*) FROM accounts"), 0);
	ck_assert_int_eq(device_number("SELECT count(*) FROM journal"), 0);
}
END_TEST

START_TEST(a_name_is_given_once) {
	struct account account = account_of("kim", "nurse");
	struct account other = account_of("KIM", "nurse");
	struct moment now = moment_at(0);

	ck_assert_int_eq(account_create(device.store, &nobody, &now, &account), 0);
	ck_assert_int_eq(account_create(device.store, &nobody, &now, &other), -EEXIST);

	account.state = ACCOUNT_ENDED;
	ck_assert_int_eq(
		account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ENDED, &admins, &account),
		0);
	ck_assert_int_eq(account_create(device.store, &nobody, &now, &other), -EEXIST);
	ck_assert_int_eq(account_by_name(device.store, "kim", &account), 0);
	ck_assert_int_eq((int)account.state, ACCOUNT_ENDED);
}
END_TEST

START_TEST(a_tombstone_stays_one_and_its_number_is_not_given_again) {
	struct moment now = moment_at(0);
	struct account account = account_of("kim", "nurse");
	struct password password = { .account = 1, .current = fake_verifier(1) };

	ck_assert_int_eq(account_create(device.store, &nobody, &now, &account), 0);
	account.state = ACCOUNT_ENDED;
	ck_assert_int_eq(
		account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ENDED, &admins, &account),
		0);
	account.state = ACCOUNT_ENABLED;
	ck_assert_int_eq(account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ENABLED, &admins,
					&account),
			 -EINVAL);
	ck_assert_int_eq(
		password_store(device.store, &nobody, &now, EVENT_ACCOUNT_RESET, &password),
		-EINVAL);
	device_sql("DELETE FROM accounts"); /* even then */
	ck_assert_uint_eq(make_account("lee", "nurse"), 2);
}
END_TEST

static const struct {
	const char *why;
	enum audit_event event;
	enum account_state state;
	int expect;
} events[] = {
	{ "disable", EVENT_ACCOUNT_DISABLED, ACCOUNT_DISABLED, 0 },
	{ "end", EVENT_ACCOUNT_ENDED, ACCOUNT_ENDED, 0 },
	{ "enable what is enabled", EVENT_ACCOUNT_ENABLED, ACCOUNT_ENABLED, 0 },
	{ "roles", EVENT_ACCOUNT_ROLES, ACCOUNT_ENABLED, 0 },
	{ "an entry that says less than was done", EVENT_ACCOUNT_ROLES, ACCOUNT_DISABLED, -EINVAL },
	{ "disabled in the row, enabled in the entry", EVENT_ACCOUNT_ENABLED, ACCOUNT_DISABLED,
	  -EINVAL },
	{ "enabled in the row, disabled in the entry", EVENT_ACCOUNT_DISABLED, ACCOUNT_ENABLED,
	  -EINVAL },
	{ "an event that is none of accounts", EVENT_SIGN_IN, ACCOUNT_ENABLED, -EINVAL },
	{ "no event", EVENT_NONE, ACCOUNT_ENABLED, -EINVAL },
	{ "no state", EVENT_ACCOUNT_ROLES, ACCOUNT_NONE, -EINVAL },
};

START_TEST(an_entry_says_what_was_done) {
	struct moment now = moment_at(0);
	struct account account = account_of("kim", "nurse");
	struct account found;
	int r;

	ck_assert_int_eq(account_create(device.store, &nobody, &now, &account), 0);
	account.state = events[_i].state;
	r = account_change(device.store, &nobody, &now, events[_i].event, &admins, &account);
	ck_assert_msg(r == events[_i].expect, "%s: gave %d", events[_i].why, r);
	ck_assert_uint_eq(account.generation, r == 0 ? 2 : 1);
	ck_assert_int_eq(account_by_number(device.store, 1, &found), 0);
	ck_assert_int_eq((int)found.state, (int)(r == 0 ? events[_i].state : ACCOUNT_ENABLED));
}
END_TEST

START_TEST(PW_16_only_the_generation_that_was_read_is_written_over) {
	struct moment now = moment_at(0);
	struct account mine = account_of("kim", "nurse");
	struct account yours;

	ck_assert_int_eq(account_create(device.store, &nobody, &now, &mine), 0);
	yours = mine;
	(void)snprintf(mine.display, sizeof(mine.display), "Mine");
	(void)snprintf(yours.display, sizeof(yours.display), "Yours");
	ck_assert_int_eq(
		account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ROLES, &admins, &mine),
		0);
	ck_assert_int_eq(
		account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ROLES, &admins, &yours),
		-ESTALE);
	ck_assert_int_eq(account_by_number(device.store, 1, &yours), 0);
	ck_assert_str_eq(yours.display, "Mine");
}
END_TEST

START_TEST(what_is_history_is_not_rewritten) {
	struct moment now = moment_at(0);
	struct account account = account_of("kim", "nurse");

	ck_assert_int_eq(account_create(device.store, &nobody, &now, &account), 0);
	for (unsigned i = 0; i < 4; ++i) {
		struct account changed = account;

		if (i == 0)
			memcpy(changed.name, "lee", 4);
		else if (i == 1)
			changed.created_by = 5;
		else if (i == 2)
			changed.created_ms += 1;
		else
			changed.source = ACCOUNT_FROM_INIT;
		ck_assert_int_eq(account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ROLES,
						&admins, &changed),
				 -EINVAL);
	}
}
END_TEST

/* Each of these is another row than the one that was written. Account 1 is kim, 2 is lee. */
static const struct {
	const char *why;
	const char *sql;
	int expect; /* of account_by_number(1) */
} edits[] = {
	{ "the state", "UPDATE accounts SET state = 2 WHERE number = 1", -EBADMSG },
	{ "a state of the future", "UPDATE accounts SET state = 9 WHERE number = 1", -EBADMSG },
	{ "the generation", "UPDATE accounts SET generation = 9 WHERE number = 1", -EBADMSG },
	{ "a generation below one", "UPDATE accounts SET generation = 0 WHERE number = 1",
	  -EBADMSG },
	{ "the name's key", "UPDATE accounts SET name_key = zeroblob(32) WHERE number = 1",
	  -EBADMSG },
	{ "a short name's key", "UPDATE accounts SET name_key = x'00' WHERE number = 1", -EBADMSG },
	{ "an endless name's key", "UPDATE accounts SET name_key = zeroblob(5000) WHERE number = 1",
	  -EBADMSG },
	{ "the sealed columns", "UPDATE accounts SET sealed = zeroblob(100) WHERE number = 1",
	  -EBADMSG },
	{ "no sealed columns", "UPDATE accounts SET sealed = x'' WHERE number = 1", -EBADMSG },
	{ "endless sealed columns",
	  "UPDATE accounts SET sealed = zeroblob(100000) WHERE number = 1", -EBADMSG },
	{ "the MAC", "UPDATE accounts SET mac = zeroblob(32) WHERE number = 1", -EBADMSG },
	{ "no MAC", "UPDATE accounts SET mac = x'' WHERE number = 1", -EBADMSG },
	{ "moved to another number",
	  "DELETE FROM accounts WHERE number = 1; UPDATE accounts SET number = 1 WHERE number = 2",
	  -EBADMSG },
	{ "another's columns under this number",
	  "UPDATE accounts SET (state, generation, sealed, mac) = (SELECT state, generation, "
	  "sealed, "
	  "mac FROM accounts WHERE number = 2) WHERE number = 1",
	  -EBADMSG },
	{ "two names exchanged",
	  "UPDATE accounts SET name_key = x'01' WHERE number = 1;"
	  "UPDATE accounts SET name_key = (SELECT name_key FROM behind.accounts WHERE number = 1) "
	  "WHERE number = 2;"
	  "UPDATE accounts SET name_key = (SELECT name_key FROM behind.accounts WHERE number = 2) "
	  "WHERE number = 1",
	  -EBADMSG },
	{ "the authenticator's state", "UPDATE authenticators SET state = 2 WHERE account = 1",
	  -EBADMSG },
	{ "the authenticator's generation",
	  "UPDATE authenticators SET generation = 7 WHERE account = 1", -EBADMSG },
	{ "the authenticator's factor", "UPDATE authenticators SET factor = 4 WHERE account = 1",
	  -EBADMSG },
	{ "the authenticator's lookup",
	  "UPDATE authenticators SET lookup = x'01' WHERE account = 1", -EBADMSG },
	{ "the authenticator's sealed columns",
	  "UPDATE authenticators SET sealed = zeroblob(300) WHERE account = 1", -EBADMSG },
	{ "the authenticator's MAC",
	  "UPDATE authenticators SET mac = zeroblob(32) WHERE account = 1", -EBADMSG },
	{ "the authenticator given to another", "UPDATE authenticators SET account = 2", -EBADMSG },
	{ "the authenticator taken away", "DELETE FROM authenticators WHERE account = 1",
	  -EBADMSG },
	{ "another's authenticator added",
	  "UPDATE authenticators SET account = 1 WHERE account = 2", -EBADMSG },
	{ "the authenticator under another number",
	  "UPDATE authenticators SET number = 99 WHERE account = 1", -EBADMSG },
	{ "the whole account put back from an older copy",
	  "UPDATE accounts SET (state, generation, sealed, mac) = (SELECT state, generation, "
	  "sealed, "
	  "mac FROM behind.accounts WHERE number = 1) WHERE number = 1;"
	  "UPDATE authenticators SET (state, generation, sealed, mac) = (SELECT state, generation, "
	  "sealed, mac FROM behind.authenticators WHERE account = 1) WHERE account = 1",
	  -EBADMSG },
	{ "only its authenticators put back",
	  "UPDATE authenticators SET (state, generation, sealed, mac) = (SELECT state, generation, "
	  "sealed, mac FROM behind.authenticators WHERE account = 1) WHERE account = 1",
	  -EBADMSG },
	{ "its record cut out of the journal",
	  "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal WHERE target = 1)",
	  -EBADMSG },
	{ "all its records cut out of the journal", "DELETE FROM journal WHERE target = 1",
	  -EBADMSG },
	{ "nothing", "SELECT 1", 0 },
};

START_TEST(an_edited_row_is_nobody) {
	struct moment now = moment_at(2);
	struct account account = { .number = 77 };
	struct password password;
	int r;

	ck_assert_uint_eq(make_account("kim", "nurse"), 1);
	ck_assert_uint_eq(make_account("lee", "nurse"), 2);
	password = make_password(1, 1, 2);
	(void)make_password(2, 2, 1);
	device_sql("CREATE TABLE behind.accounts AS SELECT * FROM main.accounts;"
		   "CREATE TABLE behind.authenticators AS SELECT * FROM main.authenticators");
	password.current = fake_verifier(9);
	ck_assert_int_eq(
		password_store(device.store, &nobody, &now, EVENT_PASSWORD_CHANGED, &password), 0);
	device_sql(edits[_i].sql);

	r = account_by_number(device.store, 1, &account);
	ck_assert_msg(r == edits[_i].expect, "%s: gave %d", edits[_i].why, r);
	if (r == 0)
		return;
	ck_assert_uint_eq(account.number, 77);
	r = account_by_name(device.store, "kim", &account);
	ck_assert_msg(r == -EBADMSG || r == -ENOENT, "%s: found by name, %d", edits[_i].why, r);
}
END_TEST

/* Somebody who can write entries as well: the digest is right, the MAC is not. */
static const struct {
	const char *why;
	const char *sql;
} keyless[] = {
	{ "the state", "UPDATE accounts SET state = 2 WHERE number = 1" },
	{ "the generation", "UPDATE accounts SET generation = 9 WHERE number = 1" },
	{ "the name's key", "UPDATE accounts SET name_key = zeroblob(32) WHERE number = 1" },
	{ "the sealed columns", "UPDATE accounts SET sealed = (SELECT sealed FROM accounts WHERE "
				"number = 2) WHERE number = 1" },
	{ "the MAC", "UPDATE accounts SET mac = zeroblob(32) WHERE number = 1" },
	{ "the password's state", "UPDATE authenticators SET state = 1 WHERE account = 1" },
	{ "the password's generation",
	  "UPDATE authenticators SET generation = 9 WHERE account = 1" },
	{ "the password's lookup", "UPDATE authenticators SET lookup = x'01' WHERE account = 1" },
	{ "the password's number", "UPDATE authenticators SET number = 99 WHERE account = 1" },
	{ "another's password", "DELETE FROM authenticators WHERE account = 1; "
				"UPDATE authenticators SET account = 1" },
	{ "the password's sealed columns", "UPDATE authenticators SET sealed = (SELECT sealed FROM "
					   "authenticators WHERE account = 2) "
					   "WHERE account = 1" },
	{ "the password's MAC", "UPDATE authenticators SET mac = zeroblob(32) WHERE account = 1" },
};

START_TEST(an_edited_row_is_nobody_even_with_an_entry_that_agrees) {
	struct moment now = moment_at(2);
	struct account account;
	struct password password;
	int r;

	(void)make_account("kim", "nurse");
	(void)make_account("lee", "nurse");
	password = make_password(1, 1, 2);
	(void)make_password(2, 2, 1);
	password.disabled = true; /* what an edit would like to undo */
	ck_assert_int_eq(
		password_store(device.store, &nobody, &now, EVENT_ACCOUNT_DISABLED, &password), 0);
	device_sql(keyless[_i].sql);
	ck_assert_int_eq(account_record(device.store, &nobody, &now, EVENT_ACCOUNT_ROLES, 1, NULL),
			 0);
	ck_assert_int_eq(account_digest_check(device.store, 1), 0);
	r = account_by_number(device.store, 1, &account);
	if (r == 0)
		r = password_load(device.store, 1, &password);
	ck_assert_msg(r == -EBADMSG, "%s: gave %d", keyless[_i].why, r);
}
END_TEST

START_TEST(a_damaged_account_is_not_made_good_by_a_change) {
	struct moment now = moment_at(2);
	struct account account;
	struct password old;
	struct password new;

	(void)make_account("kim", "nurse");
	old = make_password(1, 1, 2);
	device_sql("CREATE TABLE behind.authenticators AS SELECT * FROM main.authenticators");
	ck_assert_int_eq(account_by_number(device.store, 1, &account), 0);
	new = old;
	new.current = fake_verifier(2);
	ck_assert_int_eq(password_store(device.store, &nobody, &now, EVENT_PASSWORD_CHANGED, &new),
			 0);
	device_sql("UPDATE authenticators SET (state, generation, sealed, mac) = (SELECT state, "
		   "generation, sealed, mac FROM behind.authenticators)");

	/* The row itself is good: it stood there once. */
	ck_assert_int_eq(password_load(device.store, 1, &new), 0);
	ck_assert_mem_eq(&new.current, &old.current, sizeof(new.current));
	ck_assert_int_eq(
		account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ROLES, &admins, &account),
		-EBADMSG);
	ck_assert_int_eq(password_store(device.store, &nobody, &now, EVENT_ACCOUNT_RESET, &new),
			 -EBADMSG);
	ck_assert_int_eq(account_by_number(device.store, 1, &account), -EBADMSG);
}
END_TEST

struct listed {
	unsigned n;
	uint32_t numbers[8];
	enum account_state states[8];
	unsigned stop_at;
};

static int note(const struct account *account, void *userdata) {
	struct listed *listed = userdata;
	struct account again;

	/* The store may be used inside. */
	if (account->state != ACCOUNT_NONE)
		ck_assert_int_eq(account_by_name(device.store, account->name, &again), 0);
	listed->numbers[listed->n] = account->number;
	listed->states[listed->n++] = account->state;
	return listed->n == listed->stop_at ? -ECANCELED : 0;
}

START_TEST(a_list_goes_on_past_a_damaged_row) {
	struct listed listed = { 0 };

	for (unsigned i = 0; i < 4; ++i) {
		const char name[2] = { (char)('a' + i), '\0' };

		(void)make_account(name, "nurse");
	}
	device_sql("UPDATE accounts SET state = 2 WHERE number = 2");
	ck_assert_int_eq(account_list(device.store, 0, 100, note, &listed), 0);
	ck_assert_uint_eq(listed.n, 4);
	for (unsigned i = 0; i < 4; ++i) {
		ck_assert_uint_eq(listed.numbers[i], i + 1);
		ck_assert_int_eq((int)listed.states[i],
				 (int)(i == 1 ? ACCOUNT_NONE : ACCOUNT_ENABLED));
	}

	listed = (struct listed){ 0 };
	ck_assert_int_eq(account_list(device.store, 2, 1, note, &listed), 0);
	ck_assert_uint_eq(listed.n, 1);
	ck_assert_uint_eq(listed.numbers[0], 3);

	listed = (struct listed){ .stop_at = 3 };
	ck_assert_int_eq(account_list(device.store, 0, 100, note, &listed), -ECANCELED);
	ck_assert_uint_eq(listed.n, 3);
}
END_TEST

/* Who else is there when the only lead, account 1, is to go? */
enum other { OTHER_NONE, OTHER_NURSE, OTHER_LEAD };

static const struct {
	const char *why;
	enum other other;
	const char *fate; /* of the other: see make_other() */
	int expect;
} last[] = {
	{ "PO-14 nobody else", OTHER_NONE, "", -EBUSY },
	{ "PO-14 somebody else, who may not", OTHER_NURSE, "password", -EBUSY },
	{ "PO-14 another lead, who has no password", OTHER_LEAD, "", -EBUSY },
	{ "another lead with a password", OTHER_LEAD, "password", 0 },
	{ "another lead with a one-time password", OTHER_LEAD, "one-time", 0 },
	{ "PO-14 whose one-time password is used up", OTHER_LEAD, "used", -EBUSY },
	{ "PO-14 whose one-time password is past its date", OTHER_LEAD, "past", -EBUSY },
	{ "PO-14 whose password is disabled", OTHER_LEAD, "password-disabled", -EBUSY },
	{ "PO-14 who is disabled", OTHER_LEAD, "disabled", -EBUSY },
	{ "PO-14 who has ended", OTHER_LEAD, "ended", -EBUSY },
	{ "PO-14 whose time is over", OTHER_LEAD, "expired", -EBUSY },
	{ "PO-14 whose time has not begun", OTHER_LEAD, "future", -EBUSY },
	{ "PO-14 whose row is damaged", OTHER_LEAD, "damaged", -EBUSY },
};

static void make_other(enum other other, const char *fate) {
	struct moment now = moment_at(1);
	struct account account = account_of("other", other == OTHER_LEAD ? "lead" : "nurse");
	struct password password = { .current = fake_verifier(3) };

	if (other == OTHER_NONE)
		return;
	if (strcmp(fate, "expired") == 0)
		account.valid_until_ms = now.wall_ms + 1;
	if (strcmp(fate, "future") == 0)
		account.valid_from_ms = now.wall_ms + 1000000;
	if (strcmp(fate, "disabled") == 0)
		account.state = ACCOUNT_DISABLED;
	ck_assert_int_eq(account_create(device.store, &nobody, &now, &account), 0);
	if (fate[0] == '\0')
		return;

	password.account = account.number;
	password.one_time = strcmp(fate, "one-time") == 0 || strcmp(fate, "used") == 0 ||
			    strcmp(fate, "past") == 0;
	password.used = strcmp(fate, "used") == 0;
	password.expires_ms = strcmp(fate, "past") == 0 ? now.wall_ms : 0;
	password.disabled = strcmp(fate, "password-disabled") == 0;
	ck_assert_int_eq(
		password_store(device.store, &nobody, &now, EVENT_ACCOUNT_RESET, &password), 0);
	if (strcmp(fate, "ended") == 0) {
		account.state = ACCOUNT_ENDED;
		ck_assert_int_eq(account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ENDED,
						&admins, &account),
				 0);
	}
	if (strcmp(fate, "damaged") == 0)
		device_sql("UPDATE accounts SET mac = zeroblob(32) WHERE number = 2");
}

START_TEST(PO_14_the_last_administrator_stays) {
	struct moment now = moment_at(10);
	struct account lead;
	struct account changed;
	int r;

	(void)make_account("lead", "lead");
	(void)make_password(1, 1, 0);
	make_other(last[_i].other, last[_i].fate);
	ck_assert_int_eq(account_by_number(device.store, 1, &lead), 0);
	ck_assert_int_eq(account_is_last_admin(device.store, &admins, 1, &now),
			 last[_i].expect == -EBUSY);
	ck_assert_int_eq(account_is_last_admin(device.store, &admins, 2, &now), 0);

	for (unsigned way = 0; way < 5; ++way) {
		enum audit_event event = EVENT_ACCOUNT_ROLES;

		changed = lead;
		if (way == 0) {
			event = EVENT_ACCOUNT_DISABLED;
			changed.state = ACCOUNT_DISABLED;
		} else if (way == 1) {
			event = EVENT_ACCOUNT_ENDED;
			changed.state = ACCOUNT_ENDED;
		} else if (way == 2) {
			memcpy(changed.roles[0], "nurse", 6);
		} else if (way == 3) {
			changed.valid_until_ms = now.wall_ms - 1;
		} else {
			changed.n_roles = 0;
		}
		if (last[_i].expect == 0 && way != 0)
			break; /* gone by the first way */
		r = account_change(device.store, &nobody, &now, event, &admins, &changed);
		ck_assert_msg(r == last[_i].expect, "%s, way %u: gave %d", last[_i].why, way, r);
	}
}
END_TEST

START_TEST(PO_14_no_entry_hides_another_change) {
	static const enum audit_event hiding[] = { EVENT_ACCOUNT_ENABLED, EVENT_ACCOUNT_DISABLED,
		                                   EVENT_ACCOUNT_ENDED };
	struct moment now = moment_at(10);
	struct account lead;

	(void)make_account("lead", "lead");
	ck_assert_int_eq(account_by_number(device.store, 1, &lead), 0);
	for (size_t i = 0; i < ARRAY_SIZE(hiding); ++i) {
		struct account changed = lead;

		changed.state = (enum account_state)(i + 1);
		memcpy(changed.roles[0], "nurse", 6);
		ck_assert_int_eq(account_change(device.store, &nobody, &now, hiding[i],
		                                i == 0 ? NULL : &admins, &changed),
		                 -EINVAL);
	}
	/* Nor can it be given away where nobody says what an administrator is. */
	memcpy(lead.roles[0], "nurse", 6);
	ck_assert_int_eq(account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ROLES, NULL,
	                                &lead),
	                 -EINVAL);
}
END_TEST

START_TEST(PO_14_the_last_administrator_can_still_be_changed_otherwise) {
	struct moment now = moment_at(10);
	struct account lead;

	(void)make_account("lead", "lead");
	ck_assert_int_eq(account_by_number(device.store, 1, &lead), 0);
	(void)snprintf(lead.display, sizeof(lead.display), "Head of ward");
	lead.n_roles = 2;
	memcpy(lead.roles[1], "nurse", 6);
	ck_assert_int_eq(
		account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ROLES, &admins, &lead),
		0);
	/* Enabling takes nobody away; for the rest a rule to judge by is needed. */
	ck_assert_int_eq(account_change(device.store, &nobody, &now, EVENT_ACCOUNT_ENABLED, NULL,
	                                &lead),
	                 0);
	lead.state = ACCOUNT_DISABLED;
	ck_assert_int_eq(
		account_change(device.store, &nobody, &now, EVENT_ACCOUNT_DISABLED, NULL, &lead),
		-EINVAL);
}
END_TEST

/* Account 1 is kim; 2, 3 ... had a hand in it, or not. */
START_TEST(who_had_a_hand_in_an_account_is_known) {
	static const struct {
		const char *why;
		uint32_t by;
		int expect;
	} rows[] = {
		{ "oneself", 1, 1 },         { "who created it", 2, 1 },
		{ "who reset it", 3, 1 },    { "who gave a role", 4, 1 },
		{ "who disabled it", 5, 0 }, { "who enrolled a token", 6, 1 },
		{ "a stranger", 7, 0 },      { "nobody", 0, 1 },
	};
	struct moment now = moment_at(0);
	struct account account = account_of("kim", "nurse");
	struct actor actor = actor_of(2);
	struct journal_entry enrolled = { .at = now,
					  .event = EVENT_TOKEN_ENROLLED,
					  .outcome = OUTCOME_OK,
					  .account = 6,
					  .target = 1,
					  .peer_uid = UINT32_MAX };
	struct password password;

	account.created_by = 2;
	ck_assert_int_eq(account_create(device.store, &actor, &now, &account), 0);
	password = make_password(1, 1, 3);
	/* The person's own change takes the reset out of the row, not out of the journal. */
	password.set_by = 1;
	actor = actor_of(1);
	ck_assert_int_eq(
		password_store(device.store, &actor, &now, EVENT_PASSWORD_CHANGED, &password), 0);
	ck_assert_int_eq(account_by_number(device.store, 1, &account), 0);
	actor = actor_of(4);
	memcpy(account.roles[0], "other", 6);
	ck_assert_int_eq(
		account_change(device.store, &actor, &now, EVENT_ACCOUNT_ROLES, &admins, &account),
		0);
	actor = actor_of(5);
	account.state = ACCOUNT_DISABLED;
	ck_assert_int_eq(account_change(device.store, &actor, &now, EVENT_ACCOUNT_DISABLED, &admins,
					&account),
			 0);
	ck_assert_int_eq(journal_append(device.store, &enrolled), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); ++i)
		ck_assert_msg(account_touched_by(device.store, 1, rows[i].by) == rows[i].expect,
			      "%s", rows[i].why);

	device_sql("UPDATE accounts SET mac = zeroblob(32)");
	ck_assert_int_eq(account_touched_by(device.store, 1, 7), -EIO);
}
END_TEST

static int keep_detail(const struct journal_entry *entry, void *userdata) {
	char *detail = userdata;

	(void)snprintf(detail, LIMIT_TEXT, "%s", entry->detail ? entry->detail : "");
	return 1;
}

START_TEST(the_entry_of_a_change_names_state_and_roles) {
	struct account account = account_of("kim", "nurse");
	struct moment now = moment_at(0);
	struct actor actor = actor_of(4);
	struct journal_filter filter = { .account = 1 };
	char detail[LIMIT_TEXT] = "";
	uint64_t next;

	account.n_roles = 2;
	memcpy(account.roles[1], "reviewer", 9);
	ck_assert_int_eq(account_create(device.store, &actor, &now, &account), 0);
	ck_assert_int_eq(journal_query(device.store, &filter, 1, keep_detail, detail, &next), 1);
	ck_assert_str_eq(detail, "state=1 roles=nurse,reviewer");

	/* Sixteen long names do not fit: whole names only. */
	account.n_roles = LIMIT_ROLES_OF_ACCOUNT;
	for (uint32_t i = 0; i < account.n_roles; ++i) {
		memset(account.roles[i], 'a' + (int)i, POLICY_NAME_SIZE - 1);
		account.roles[i][POLICY_NAME_SIZE - 1] = '\0';
	}
	ck_assert_int_eq(
		account_change(device.store, &actor, &now, EVENT_ACCOUNT_ROLES, &admins, &account),
		0);
	ck_assert_int_eq(journal_query(device.store, &filter, 1, keep_detail, detail, &next), 1);
	ck_assert_uint_eq(strlen(detail), 14 + 7 * 63 + 6);
}
END_TEST

START_TEST(a_change_is_one_transaction_with_its_entry) {
	struct account account = account_of("kim", "nurse");
	struct moment now = moment_at(0);

	ck_assert_int_eq(store_begin(device.store), 0);
	ck_assert_int_eq(account_create(device.store, &nobody, &now, &account), 0);
	store_rollback(device.store);
	ck_assert_int_eq(account_by_name(device.store, "kim", &account), -ENOENT);
	device_close();
	ck_assert_int_eq(device_number("SELECT count(*) FROM journal"), 0);
	ck_assert_int_eq(device_number("SELECT count(*) FROM accounts"), 0);
}
END_TEST

START_TEST(nothing_readable_stands_in_the_database) {
	static const char *const secrets[] = { "kim.weber", "H-1001", "Somebody" };
	static char content[4 * 1024 * 1024];
	char path[128];
	size_t n;

	(void)make_account("kim.weber", "nurse");
	(void)make_password(1, 1, 0);
	device_close();
	(void)snprintf(path, sizeof(path), "%s/careward.db", device.directory);

	cleanup_(close_filep) FILE *f = fopen(path, "re");

	ck_assert_ptr_nonnull(f);
	n = fread(content, 1, sizeof(content), f);
	ck_assert_uint_gt(n, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(secrets); ++i)
		ck_assert_msg(!memmem(content, n, secrets[i], strlen(secrets[i])),
			      "\"%s\" can be read", secrets[i]);
	/* A verifier neither: sixteen bytes of salt. */
	ck_assert_ptr_null(memmem(content, n, "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 16));
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("account");
	TCase *t = tcase_create("rows");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, device_set_up, device_tear_down);
	tcase_add_test(t, an_account_is_found_as_it_was_made);
	tcase_add_loop_test(t, an_unsound_account_is_not_made, 0, (int)ARRAY_SIZE(unsound));
	tcase_add_test(t, a_name_is_given_once);
	tcase_add_test(t, a_tombstone_stays_one_and_its_number_is_not_given_again);
	tcase_add_loop_test(t, an_entry_says_what_was_done, 0, (int)ARRAY_SIZE(events));
	tcase_add_test(t, PW_16_only_the_generation_that_was_read_is_written_over);
	tcase_add_test(t, what_is_history_is_not_rewritten);
	tcase_add_loop_test(t, an_edited_row_is_nobody, 0, (int)ARRAY_SIZE(edits));
	tcase_add_loop_test(t, an_edited_row_is_nobody_even_with_an_entry_that_agrees, 0,
			    (int)ARRAY_SIZE(keyless));
	tcase_add_test(t, a_damaged_account_is_not_made_good_by_a_change);
	tcase_add_test(t, a_list_goes_on_past_a_damaged_row);
	tcase_add_loop_test(t, PO_14_the_last_administrator_stays, 0, (int)ARRAY_SIZE(last));
	tcase_add_test(t, PO_14_no_entry_hides_another_change);
	tcase_add_test(t, PO_14_the_last_administrator_can_still_be_changed_otherwise);
	tcase_add_test(t, who_had_a_hand_in_an_account_is_known);
	tcase_add_test(t, the_entry_of_a_change_names_state_and_roles);
	tcase_add_test(t, a_change_is_one_transaction_with_its_entry);
	tcase_add_test(t, nothing_readable_stands_in_the_database);
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	return run_suite(suite());
}
