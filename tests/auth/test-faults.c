/* SPDX-License-Identifier: Apache-2.0 */

/*
 * RS-04, CC-03: every step of the database and every allocation fails in turn.
 * Whatever fails: the call says so, nothing is half done, and what was there
 * before is there and whole.
 */

#include <errno.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/lockout.h"
#include "auth/row.h"
#include "tests/auth/device.h"
#include "tests/auth/token.h"

/* What fails, and at the how many-th time. */
enum fault {
	FAULT_NONE = 0,
	FAULT_STEP_IO,
	FAULT_STEP_FULL,
	FAULT_SQLITE_MEMORY,
	FAULT_OPENSSL_MEMORY
};

static enum fault fault;
static unsigned n_left; /* until it fails */
static bool has_failed;

static void arm(enum fault what, unsigned n) {
	fault = what;
	n_left = n;
	has_failed = false;
}

static void disarm(void) {
	fault = FAULT_NONE;
}

static bool fails(enum fault what) {
	if (fault != what || has_failed || --n_left > 0)
		return false;
	has_failed = true;
	return true;
}

int __real_sqlite3_step(sqlite3_stmt *stmt);
int __wrap_sqlite3_step(sqlite3_stmt *stmt);
int __wrap_sqlite3_step(sqlite3_stmt *stmt) {
	if (fails(FAULT_STEP_IO))
		return SQLITE_IOERR;
	if (fails(FAULT_STEP_FULL))
		return SQLITE_FULL;
	return __real_sqlite3_step(stmt);
}

/* Nothing here outlives a process, so nothing has to reach a disk. */
__attribute__((visibility("default"))) int fsync(int fd);
__attribute__((visibility("default"))) int fsync(int fd) {
	return 0;
}

__attribute__((visibility("default"))) int fdatasync(int fd);
__attribute__((visibility("default"))) int fdatasync(int fd) {
	return 0;
}

static sqlite3_mem_methods memory;

static void *sqlite_malloc(int n) {
	return fails(FAULT_SQLITE_MEMORY) ? NULL : memory.xMalloc(n);
}

static void *sqlite_realloc(void *p, int n) {
	return fails(FAULT_SQLITE_MEMORY) ? NULL : memory.xRealloc(p, n);
}

static void *openssl_malloc(size_t n, const char *file, int line) {
	return fails(FAULT_OPENSSL_MEMORY) ? NULL : malloc(n);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line) {
	return fails(FAULT_OPENSSL_MEMORY) ? NULL : realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line) {
	free(p);
}

static const struct admin_rule admins = { .n_roles = 1, .roles = { "lead" } };
static const struct lockout_rules rules = {
	.free_tries = 5,
	.first_ms = 300000,
	.longest_ms = 3600000,
	.disable_at = 100,
	.code_tries = 3,
};
static const struct lockout_key kim = { .subject = 1, .factor = CW_FACTOR_PASSWORD, .seat = 1 };

/*
 * The operations. Each begins with what is stored and writes its output only on
 * success: *@ret_clean is false when it wrote on failure.
 */
static int create(bool *ret_clean) {
	struct account account = account_of("new", "nurse");
	struct moment now = moment_at(9);
	int r = account_create(device.store, &nobody, &now, &account);

	*ret_clean = account.number == 0;
	return r;
}

static int change(bool *ret_clean) {
	struct account account;
	struct moment now = moment_at(9);
	uint64_t generation;
	int r;

	*ret_clean = true;
	r = account_by_number(device.store, 1, &account);
	if (r < 0)
		return r;
	generation = account.generation;
	account.state = ACCOUNT_DISABLED;
	r = account_change(device.store, &nobody, &now, EVENT_ACCOUNT_DISABLED, &admins, &account);
	*ret_clean = account.generation == generation;
	return r;
}

static int by_name(bool *ret_clean) {
	struct account account = { .number = 77 };
	int r = account_by_name(device.store, "kim", &account);

	*ret_clean = account.number == 77;
	return r;
}

static int set_password(bool *ret_clean) {
	struct password password = { 0 };
	struct moment now = moment_at(9);
	int r;

	*ret_clean = true;
	r = password_load(device.store, 1, &password);
	if (r < 0) {
		*ret_clean = password.number == 0;
		return r;
	}
	password.current = fake_verifier(9);
	r = password_store(device.store, &nobody, &now, EVENT_PASSWORD_CHANGED, &password);
	*ret_clean = password.generation == 1;
	return r;
}

static int first_password(bool *ret_clean) {
	struct password password = { .account = 3, .current = fake_verifier(9) };
	struct moment now = moment_at(9);
	int r = password_store(device.store, &nobody, &now, EVENT_ACCOUNT_RESET, &password);

	*ret_clean = password.number == 0 && password.generation == 0;
	return r;
}

static int last_admin(bool *ret_clean) {
	struct moment now = moment_at(9);
	int r = account_is_last_admin(device.store, &admins, 2, &now);

	*ret_clean = r != 0; /* "not the last" is the answer that takes somebody away */
	return r < 0 ? r : 0;
}

static int touched(bool *ret_clean) {
	int r = account_touched_by(device.store, 1, 2);

	*ret_clean = r != 0; /* "no" is the answer that lets somebody confirm */
	return r < 0 ? r : 0;
}

static int count_failure(bool *ret_clean) {
	struct lockout lockout = { .failures = 77 };
	struct moment now = moment_at(9);
	int r = lockout_count(device.store, &rules, &kim, &now, &lockout);

	*ret_clean = lockout.failures == 77;
	return r;
}

static int read_lockout(bool *ret_clean) {
	struct lockout lockout = { .failures = 77 };
	struct moment now = moment_at(9);
	int r = lockout_read(device.store, &rules, &kim, &now, &lockout);

	*ret_clean = lockout.failures == 77;
	return r;
}

static int uncount(bool *ret_clean) {
	struct moment now = moment_at(9);

	*ret_clean = true;
	return lockout_uncount(device.store, &rules, &kim, &now);
}

static int clear(bool *ret_clean) {
	*ret_clean = true;
	return lockout_clear(device.store, &kim);
}

static int tick(bool *ret_clean) {
	struct moment now = moment_at(9);

	*ret_clean = true;
	return lockout_tick(device.store, &now);
}

static int enrol(bool *ret_clean) {
	struct token token = token_of(3, CW_FACTOR_SMARTCARD, 9);
	struct moment now = moment_at(9);
	int r = token_store(device.store, &nobody, &now, EVENT_TOKEN_ENROLLED, &token);

	*ret_clean = token.number == 0 && token.generation == 0;
	return r;
}

static int find_card(bool *ret_clean) {
	struct token card = token_of(2, CW_FACTOR_SMARTCARD, 5);
	struct token token = { .number = 77 };
	int r = token_find(device.store, CW_FACTOR_SMARTCARD, card.key_hash, 32, &token);

	*ret_clean = token.number == 77;
	return r;
}

static int end_key(bool *ret_clean) {
	struct moment now = moment_at(9);

	*ret_clean = true;
	return token_revoke(device.store, &nobody, &now, &admins, 3);
}

static int count_up(bool *ret_clean) {
	struct token token = { 0 };
	struct moment now = moment_at(9);
	int r;

	*ret_clean = true;
	r = token_load(device.store, 3, &token);
	if (r < 0)
		return r;
	token.key.counter = 99;
	r = token_store(device.store, &nobody, &now, EVENT_TOKEN_COUNTER, &token);
	*ret_clean = token.generation == 1;
	return r;
}

static const struct {
	const char *why;
	int (*run)(bool *ret_clean);
	unsigned at_least; /* steps of the database: it really went there */
} operations[] = {
	{ "create an account", create, 6 },
	{ "disable an account", change, 6 },
	{ "find an account", by_name, 3 },
	{ "change a password", set_password, 6 },
	{ "store a first password", first_password, 6 },
	{ "is it the last administrator", last_admin, 4 },
	{ "who had a hand in it", touched, 4 },
	{ "FD-12 enrol a card", enrol, 6 },
	{ "FD-12 find a card", find_card, 3 },
	{ "FD-12 revoke a key", end_key, 6 },
	{ "FD-12 store a counter", count_up, 6 },
	{ "count a failure", count_failure, 3 },
	{ "read a lockout", read_lockout, 1 },
	{ "take a failure back", uncount, 3 },
	{ "clear a lockout", clear, 3 },
	{ "store what remains", tick, 3 },
};

#define N_OPERATIONS ((int)ARRAY_SIZE(operations))

static const struct {
	const char *why;
	enum fault fault;
} faults[] = {
	{ "a step fails", FAULT_STEP_IO },
	{ "the disk is full", FAULT_STEP_FULL },
	{ "SQLite has no memory", FAULT_SQLITE_MEMORY },
	{ "OpenSSL has no memory", FAULT_OPENSSL_MEMORY },
};

static void make_token(uint32_t account, enum cw_factor factor, uint8_t byte) {
	struct token token = token_of(account, factor, byte);
	struct moment now = moment_at(2);

	ck_assert_int_eq(
		token_store(device.store, &nobody, &now, EVENT_TOKEN_ENROLLED, &token), 0);
}

static void check_tokens(const char *why, unsigned n) {
	struct token card = token_of(3, CW_FACTOR_SMARTCARD, 9);
	struct token token;
	int r;

	r = token_load(device.store, 3, &token);
	ck_assert_msg(r == 0 && !token.disabled && token.key.counter == 10, "%s, %u: the key %d",
		      why, n, r);
	r = token_find(device.store, CW_FACTOR_SMARTCARD, card.id, 32, &token);
	ck_assert_msg(r == -ENOENT, "%s, %u: the new card %d", why, n, r);
}

static void prepare(void) {
	struct moment now = moment_at(2);
	struct lockout lockout;

	(void)make_account("kim", "nurse");
	(void)make_password(1, 1, 2);
	(void)make_account("lead", "lead");
	(void)make_account("bare", "nurse");
	make_token(2, CW_FACTOR_SMARTCARD, 5); /* row 2 */
	make_token(2, CW_FACTOR_FIDO2, 6);     /* row 3 */
	for (unsigned i = 0; i < 5; ++i)
		ck_assert_int_eq(lockout_count(device.store, &rules, &kim, &now, &lockout), 0);
}

/* What prepare() made, as it made it. */
static void check_untouched(const char *why, unsigned n) {
	struct moment now = moment_at(2);
	struct account account;
	struct password password;
	struct lockout lockout;
	int r;

	r = account_by_name(device.store, "kim", &account);
	ck_assert_msg(r == 0 && account.generation == 1 && account.state == ACCOUNT_ENABLED,
		      "%s, %u: account %d", why, n, r);
	r = password_load(device.store, 1, &password);
	ck_assert_msg(r == 0 && password.generation == 1 && password.current.salt[0] == 1,
		      "%s, %u: password %d", why, n, r);
	r = account_by_name(device.store, "new", &account);
	ck_assert_msg(r == -ENOENT, "%s, %u: the new account %d", why, n, r);
	r = password_load(device.store, 3, &password);
	ck_assert_msg(r == -ENOENT, "%s, %u: the first password %d", why, n, r);
	check_tokens(why, n);
	r = lockout_read(device.store, &rules, &kim, &now, &lockout);
	ck_assert_msg(r == 0 && lockout.failures == 5 && lockout.remaining_ms == 300000,
		      "%s, %u: lockout %d, %u failures", why, n, r, lockout.failures);
}

START_TEST(RS_04_a_fault_leaves_what_was_there) {
	size_t op = (size_t)_i % ARRAY_SIZE(operations);
	size_t kind = (size_t)_i / ARRAY_SIZE(operations);
	unsigned n_failed = 0;
	char why[128];
	unsigned n;

	(void)snprintf(why, sizeof(why), "%s, %s", operations[op].why, faults[kind].why);
	prepare();
	for (n = 1; n < 2000; ++n) {
		bool clean = true;
		int r;

		/* A fresh connection: nothing is prepared or cached yet. */
		device_close();
		device_open();
		arm(faults[kind].fault, n);
		r = operations[op].run(&clean);
		disarm();
		if (!has_failed) {
			ck_assert_msg(r == 0, "%s: %d without a fault", why, r);
			break;
		}
		if (r == 0) { /* what failed was not needed: begin anew */
			device_tear_down();
			device_set_up();
			prepare();
			continue;
		}
		++n_failed;
		ck_assert_msg(clean, "%s, %u: output written on %d", why, n, r);
		ck_assert_msg(!store_is_broken(device.store) || store_reopen(device.store) == 0,
			      "%s, %u: cannot be reopened", why, n);
		check_untouched(why, n);
	}
	ck_assert_uint_lt(n, 2000);
	if (faults[kind].fault == FAULT_STEP_IO || faults[kind].fault == FAULT_STEP_FULL)
		ck_assert_msg(n_failed >= operations[op].at_least, "%s: only %u steps failed", why,
			      n_failed);
}
END_TEST

static Suite *suite(void) {
	Suite *s = suite_create("auth-faults");
	TCase *t = tcase_create("faults");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, device_set_up, device_tear_down);
	tcase_add_loop_test(t, RS_04_a_fault_leaves_what_was_there, 0,
			    N_OPERATIONS * (int)ARRAY_SIZE(faults));
	suite_add_tcase(s, t);
	return s;
}

int main(void) {
	sqlite3_mem_methods failing;

	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1 ||
	    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) != SQLITE_OK)
		return EXIT_FAILURE;
	failing = memory;
	failing.xMalloc = sqlite_malloc;
	failing.xRealloc = sqlite_realloc;
	/* No lookaside: every small allocation is one that can fail. */
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK ||
	    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK)
		return EXIT_FAILURE;
	return run_suite(suite());
}
