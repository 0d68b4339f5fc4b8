/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AUTH_DEVICE_H
#define TESTS_AUTH_DEVICE_H

/* A device with an empty database and keys of its own, in a directory of its own. */

#include <check.h>
#include <stdint.h>

#include "auth/account.h"
#include "auth/password.h"
#include "common/keystore.h"

struct device {
	char directory[64];
	int dirfd;
	int keysfd;
	struct keystore *ks;
	struct store *store;
};

extern struct device device;

/* Checked fixtures. */
void device_set_up(void);
void device_tear_down(void);

void device_close(void);
void device_open(void);

/*
 * SQL behind the back of the store, which is closed meanwhile. The schema
 * `behind` is a file beside it, for copies.
 */
void device_sql(const char *sql);
/* The only integer that a query finds. */
int64_t device_number(const char *sql);

/* 2026-01-01 and @s seconds, in the first boot, on a trusted clock. */
struct moment moment_at(int64_t s);

extern const struct actor nobody;
struct actor actor_of(uint32_t number);

/* A sound account with one role, enabled. */
struct account account_of(const char *name, const char *role);
/* Creates it; by init. */
uint32_t make_account(const char *name, const char *role);
/* Gives it a password whose verifier is made of @byte; by whom. */
struct password make_password(uint32_t number, uint8_t byte, uint32_t by);
struct verifier fake_verifier(uint8_t byte);

/* All fields alike? */
bool same_account(const struct account *a, const struct account *b);

int run_suite(Suite *suite);

#endif
