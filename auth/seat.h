/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_SEAT_H
#define AUTH_SEAT_H

/*
 * One seat: its session, its signals, its emergency
 *
 * Plain state, moved by the functions below; seat_state() makes of it the state
 * that is published and decided on. Nothing here waits or reads a clock.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/result.h>

#include "audit/journal.h"
#include "auth/account.h"
#include "common/moment.h"
#include "policy/config.h"
#include "policy/decide.h"
#include "policy/knowledge.h"
#include "tokens/token.h"

enum seat_lock {
	SEAT_UNLOCKED = 0,
	SEAT_LOCKED,    /* by the person, idle, a removed token                       */
	SEAT_SUSPENDED, /* by an emergency: only its owner unlocks it                 */
};

struct session {
	uint64_t number; /* 0: nobody; random, never twice                          */
	uint32_t account;
	uint64_t account_generation;
	int64_t valid_until_ms; /* wall time at which the account ends; 0: it does not */
	char name[LIMIT_NAME]; /* display name                                     */
	uint32_t n_roles;
	char role_names[LIMIT_ROLES_OF_ACCOUNT][POLICY_NAME_SIZE];
	uint32_t roles; /* bits, by the policy in force                            */
	enum cw_assurance assurance;
	enum cw_factor factor;
	uint64_t since_ms;
	uint64_t activity_ms; /* boot time of the last activity                   */
	uint64_t reauth_ms;
	enum cw_assurance reauth_assurance;
	uint64_t void_ms; /* receipts of this boot time or before are void    */
	uint32_t voids;   /* how often: what waits for a second yes is void, too */
	enum seat_lock lock;
	uint64_t token;          /* row of the token that opened it; 0: none           */
	char reader[LIMIT_NAME]; /* where it lies: its removal locks, by the context   */
};

/* A care action that a second person has checked. Zeroed: none. */
struct witness {
	uint32_t action;    /* index + 1                                              */
	uint32_t account;   /* of the second person                                   */
	uint64_t until_ms;  /* boot time                                              */
	uint64_t session;   /* for which it was given                                 */
	uint64_t generation; /* of the policy that the index is of                     */
	char object[LIMIT_OBJECT];
};

struct emergency {
	bool open;
	uint8_t id[16];
	uint64_t since_ms;      /* boot time                                             */
	uint64_t used_ms;       /* last use                                              */
	uint64_t gone_since_ms; /* patient gone since; 0: not, or unknown               */
	bool asked;             /* "still needed?" is on the screen                      */
	uint32_t n_uses;
	uint64_t policy_generation; /* of the table that the bits refer to; 0: none    */
	uint32_t actions_used[16];  /* bits of the actions of the table used inside     */
	bool used_unknown;          /* one was used that the table does not have             */
};

/* Ends that may not be durable yet: a start that comes after it opens nothing. */
#define SEAT_ENDED_MAX 8u
struct seat_ended {
	uint32_t n; /* ever put in; the newest SEAT_ENDED_MAX are kept      */
	uint8_t ids[SEAT_ENDED_MAX][16];
};

struct seat {
	uint8_t index; /* + 1 in records                                         */
	char name[POLICY_NAME_SIZE];
	struct session session;
	struct policy_told signals[POLICY_SIGNALS_MAX];
	struct emergency emergency;
	struct seat_ended ended;
	struct witness witness;
	uint8_t flags; /* STATE_* to publish                                     */
};

/*
 * seat_state() - what is to be published
 * @lease_ms:  how long from now it may be believed without the engine
 */
void seat_state(const struct seat *seat, const struct policy_table *table, const struct moment *now,
		uint32_t lease_ms, struct policy_state *ret_state);

/* policy_decide() for this seat now. */
enum cw_verdict seat_decide(const struct seat *seat, const struct policy_table *table,
			    uint32_t action, const struct moment *now, enum cw_reason *ret_reason);

/* The same for what it is done to: a witness of one dose is none of another. */
enum cw_verdict seat_decide_object(const struct seat *seat, const struct policy_table *table,
				   uint32_t action, const char *object, const struct moment *now,
				   enum cw_reason *ret_reason);

/*
 * seat_signal() - the device says what it knows
 * @value:  above 0: true; 0: unknown; below 0: false
 *
 * Return: 0; -ENOENT (no such signal); -EACCES (another seat's).
 */
int seat_signal(struct seat *seat, const struct policy_table *table, uint32_t signal, int value,
		const struct moment *now);

/* What the signal's own seat knows of it, for another seat of the device. */
void seat_signal_copy(struct seat *seat, const struct seat *source,
		      const struct policy_table *table, uint32_t signal, const struct moment *now);

/* What is known of a signal now. Return: 1 true; 0 unknown or stale; -1 false. */
int seat_signal_value(const struct seat *seat, uint32_t signal, const struct moment *now);

/* Name of the strictest context that may be in force; for records. "" with a bad table. */
const char *seat_context(const struct seat *seat, const struct policy_table *table,
			 const struct moment *now);

/*
 * Session. seat_open() begins one from a successful attempt, taking over what
 * was there (the handover is recorded by the attempt); the rest move it.
 * seat_refresh() takes account and policy anew (PO-09): a disabled account or a
 * lost role ends or narrows the session. Return: true when something changed.
 */
struct attempt_result;
void seat_open(struct seat *seat, const struct attempt_result *result, uint64_t number,
	       const struct moment *now);
void seat_unlock(struct seat *seat, const struct attempt_result *result, const struct moment *now);
void seat_reauth(struct seat *seat, const struct attempt_result *result, const struct moment *now);
void seat_activity(struct seat *seat, const struct policy_table *table, const struct moment *now);
int seat_lock(struct store *store, struct seat *seat, const struct moment *now, const char *why);
int seat_close(struct store *store, struct seat *seat, const struct moment *now, const char *why);
bool seat_refresh(struct store *store, struct seat *seat, const struct policy *policy,
		  const struct moment *now);
/*
 * Ends it with its account's time; locks when idle for as long as the context says.
 * Return: true when it ended or locked.
 */
bool seat_tick(struct store *store, struct seat *seat, const struct policy *policy,
	       const struct moment *now);

/*
 * Tokens at the seat (seat-token.c)
 *
 * seat_removed(): the session's card was taken away, or its reader has gone: locks
 * where every context that may be in force says so; recorded either way.
 * Return: true when it locked. The lock holds also when it could not be recorded.
 */
bool seat_removed(struct store *store, struct seat *seat, const struct policy *policy,
		  const struct token_sight *sight, const struct moment *now);

/* Is the card in @reader gone, by this sight? Of a name that is not known it may be. */
bool seat_is_removal(const char reader[static LIMIT_NAME], const struct token_sight *sight);
/* Has a card come to @reader? */
bool seat_is_insertion(const char reader[static LIMIT_NAME], const struct token_sight *sight);

/* Is this the owner's badge again, where the site lets that lock? */
bool seat_taps_out(struct store *store, const struct seat *seat, const struct policy *policy,
		   const struct token_sight *sight);

/* How long a witness holds. */
#define WITNESS_VALID_MS 120000u

/* A second person has checked: @result is a success of CW_PURPOSE_WITNESS. */
void seat_witness(struct seat *seat, const struct attempt_result *result,
		  const struct moment *now);
/*
 * seat_is_witnessed() - does it hold now, for this action and this object?
 * @action:  index
 * @object:  what it is done to; NULL: whatever was looked at
 */
bool seat_is_witnessed(const struct seat *seat, const struct policy_table *table, uint32_t action,
		       const char *object, const struct moment *now);
/* The action was done and recorded: once. Another object's witness stays. */
void seat_witness_used(struct seat *seat, uint32_t action, const char *object);

/* Bits of the roles by name that @policy knows. Unknown names give nothing. */
uint32_t seat_role_bits(const struct policy_table *table, const char (*names)[POLICY_NAME_SIZE],
			uint32_t n);

#endif
