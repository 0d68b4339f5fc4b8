/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FLOWS_WORLD_H
#define TESTS_FLOWS_WORLD_H

/*
 * A device with a policy, people, one seat and a clock that the test moves
 *
 * What flows leave in the journal is read back as one line of words, so that a
 * table of tests can say exactly what is to stand there.
 */

#include <check.h>
#include <stdint.h>

#include "auth/attempt.h"
#include "auth/emergency.h"
#include "auth/recovery.h"
#include "common/cleanup.h"

/* People, by number. Created in this order; all by init but Eve and Max, by Ann. */
enum {
	ANN = 1, /* admin: accounts                                                   */
	KIM,     /* nurse                                                             */
	ADA,     /* physician: may approve limits                                     */
	BOB,     /* physician                                                         */
	ROY,     /* reviewer                                                          */
	EVE,     /* physician, made by Ada                                            */
	TOM,     /* biomed                                                            */
	OTP,     /* nurse with a one-time password                                    */
	OFF,     /* nurse, disabled                                                   */
	NIL,     /* nurse without a password                                          */
	LEA,     /* a second admin                                                    */
	N_PEOPLE,
};

#define PASSWORD_OF   "correct horse battery" /* + " " + name                           */
#define ONE_TIME      "ABCDE-FGHJK-MNPQR-STUVW"
#define NEW_PASSWORD  "purple monkeys juggle 7 swords"
#define RECOVERY_CODE "WVUTS-RQPNM-KJHGF-EDCBA"
#define RECOVERY_NAME "recovery"

struct world {
	char directory[64];
	int dirfd;
	int keysfd;
	struct keystore *ks;
	struct store *store;
	struct policy *policy;
	struct arena *arena;
	struct auth auth;
	struct seat seat;
	struct moment now;
	uint64_t mark;  /* entries up to here have been read                             */
	uint8_t random; /* next byte of the device's randomness                          */
	bool no_random;
	struct {
		unsigned prompts;
		unsigned hashes;
		unsigned writes; /* steps of SQLite that are no reading                   */
		unsigned commits;
	} effort;
};

extern struct world world;
extern const char *const people[N_PEOPLE];

/* Checked fixtures. */
void world_set_up(void);
void world_tear_down(void);
void world_close(void);
void world_open(void);

void pass_ms(uint64_t ms); /* both clocks */
void reboot(void);

/* n-th step of SQLite that fails from now on; 0: none. Returns how many there were. */
void fault_at(unsigned n, bool for_good);
unsigned fault_off(void);

/* "try-counted:ok sign-in:refused+claimed", what was written since the last call. */
const char *trail(void);
/* Newest entry of an event, texts included; strings live until the next call. */
struct journal_entry newest(enum audit_event event);

/* The action of a name in the policy. */
uint32_t action(const char *name);

/* People. */
const char *password_of(uint32_t number);
void give_password(uint32_t number, const char *password, bool one_time);
struct account account_now(uint32_t number);
struct password password_now(uint32_t number);
void change_account(uint32_t number, enum audit_event event, enum account_state state);
void change_roles(uint32_t number, const char *role);
struct lockout lockout_of_person(uint32_t number);

/*
 * Conversations. `answers` end with NULL. HANG: nothing more is answered; STOP:
 * given up; LATE: the prompt times out. While the worker hashes: FREEZE: the test
 * takes over; QUIT: given up; BUSY, BROKEN: the job comes back like that.
 */
extern const char HANG[], FREEZE[], STOP[], QUIT[], LATE[], BUSY[], BROKEN[];
struct attempt *begin(enum cw_purpose purpose, const char *name);
struct attempt *begin_approval_of(const char *action_name, const char *words);
int say(struct attempt *a, const char *answer);
int say_bytes(struct attempt *a, const void *p, size_t n);
/* Runs the job that is wanted, and gives it back. */
int hash(struct attempt *a);
void talk(struct attempt *a, const char *const answers[]);
/* All of it, to the end. The caller frees. */
struct attempt *converse(enum cw_purpose purpose, const char *const answers[]);

/* Signs in and opens the session, as a broker does. */
void sign_in(uint32_t number);
void apply(const struct attempt_result *result);

/* A receipt for an action, confirmed as the policy asks; Ada and Bob. */
size_t approve(const char *action_name, uint8_t receipt[static APPROVAL_RECEIPT_MAX]);

bool is_yes_result(const struct attempt *a);
const char *message(const struct attempt *a);

int run_suite(Suite *suite);

#endif
