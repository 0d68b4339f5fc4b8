/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_SIGNIN_H
#define AUTH_SIGNIN_H

/*
 * One attempt: a conversation that may end in a session
 *
 * A state machine without I/O of its own but the store. Signing in, forced
 * change, unlocking, handover, re-authentication, change of one's own password,
 * recovery and approval are rows of one table (states x events); an empty cell
 * is the end. The caller feeds answers, hash results and time; the machine says
 * what it wants next. Success needs PASSWORD_YES from the worker, in this
 * attempt: no other value opens anything.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/sign_in.h>

#include "auth/account.h"
#include "auth/lockout.h"
#include "auth/password.h"
#include "auth/receipt.h"
#include "auth/seat.h"
#include "policy/config.h"
#include "tokens/token.h"
#include "tokens/verify.h"

struct attempt;

/* What the machine wants now. */
enum attempt_want {
	ATTEMPT_OVER = 0, /* finished: attempt_result()                            */
	ATTEMPT_ANSWER,   /* a person's answer to attempt_prompt()                 */
	ATTEMPT_HASH,     /* attempt_job() to be run by the worker                 */
	ATTEMPT_TOKEN,    /* attempt_token() to be run by a helper                 */
};

/* What a second person is to check. */
struct witness_request {
	uint32_t action; /* index of a care action that asks for a witness          */
	char object[LIMIT_OBJECT];
};

/* A token for somebody. Whether one may is asked before, and at the end once more. */
struct enrol_request {
	uint32_t account;       /* whose it will be                                    */
	enum cw_factor factor;  /* SMARTCARD, FIDO2, BADGE, CODE                       */
	char label[LIMIT_NAME]; /* may be empty                                        */
};

/* What it is for. Approvals bring what is to be confirmed. */
struct attempt_request {
	enum cw_purpose purpose; /* 0 with `approval`                               */
	const char *name;        /* claimed, or NULL                                */
	enum cw_factor factor;   /* chosen; 0: what is presented, or a password     */
	const struct token_sight *presented; /* NULL, or what lies at the seat's reader */
	const struct approval_request *approval; /* NULL, or auth/approval.h         */
	const struct witness_request *witness; /* CW_PURPOSE_WITNESS                    */
	const struct enrol_request *enrol; /* with CW_PURPOSE_ENROL alone             */
	struct attempt *asked; /* with CW_PURPOSE_COUNTERSIGN alone: is open; outlives it */
	struct actor actor; /* seat and peer of whoever asks                   */
};

struct attempt_prompt {
	enum cw_field field;
	bool is_secret;
	const char *message; /* message id                                     */
	char text[LIMIT_WORDS];
	uint32_t tries_left; /* PIN; TRIES_UNKNOWN                                */
};

/* A helper's next step. LOOK begins a job, SIGN and MAKE go on with it. */
enum attempt_step {
	ATTEMPT_STEP_NONE = 0,
	ATTEMPT_STEP_LOOK,
	ATTEMPT_STEP_SIGN,
	ATTEMPT_STEP_MAKE,
};

struct attempt_token {
	enum attempt_step step;
	struct token_look look;
	struct token_sign sign;
	struct token_make make;
};

/* How it ended. Zeroed: without a session. */
#define ATTEMPT_YES 0x3ca55ac3u
struct attempt_result {
	uint32_t success; /* ATTEMPT_YES, or it did not succeed              */
	enum cw_purpose purpose;
	struct account account; /* whose; number 0: none                          */
	uint32_t roles;         /* bits, by the policy in force                   */
	enum cw_assurance assurance;
	enum cw_factor factor;
	uint64_t session;         /* number for seat_open(), as in the entry; 0: none */
	uint32_t handover_from;   /* account whose session it takes over; 0: none   */
	struct journal_last last; /* before this sign-in                            */
	bool was_reset;           /* tell: your password was reset by somebody      */
	const char *message;      /* message id                                     */
	uint64_t wait_ms;         /* locked out for so long; 0: not                 */
	uint64_t token;           /* row of the token that proved it; 0: none       */
	char reader[LIMIT_NAME];  /* where it lies: taking it away locks            */
	struct token_sight removed; /* ... since it was looked at: for seat_removed(), once
				     * the result is applied; kind 0: it is there        */
	struct witness witness;   /* for seat_witness(); until_ms is not set yet    */
	uint8_t receipt[APPROVAL_RECEIPT_MAX]; /* approvals                         */
	size_t n_receipt;
	char reason[LIMIT_TEXT]; /* why somebody at another seat said no               */
};

/* What an attempt needs of the world; borrowed, must outlive it. */
struct auth {
	struct store *store;
	const struct policy *policy;
	/* Fills @p with @n random bytes. Return: 0; -EIO. */
	int (*random)(void *p, size_t n);
	bool not_isolated;
	const char *recovery_verifier_name; /* meta row of the recovery code's verifier */
	const struct trust *trust; /* authorities of the site; NULL: none             */
	const int64_t *not_before_ms; /* wall time that it is at least, for certificates at an
				       * untrusted clock; NULL: not known               */
};

/*
 * attempt_begin() - a new attempt
 * @seat:  the seat it is for; borrowed
 *
 * The attempt may be over at once (an approval that no password can lead to).
 *
 * Return: 0; -EINVAL (purpose, name too long, action that needs no approval);
 * -ENOENT (unlock, re-auth, change or approval, and there is no session, or,
 * but for unlock, it is locked); -EIO (no random number); -ENOMEM. An unknown
 * name is no error: it costs the same.
 */
int attempt_begin(struct auth *auth, struct seat *seat, const struct attempt_request *request,
		  const struct moment *now, struct attempt **ret_attempt);

/*
 * Ends it wiped; a cancelled attempt counts nothing. NULL is fine. A job that the
 * worker has not given back is still in use: free the attempt after that.
 *
 * Return: NULL.
 */
struct attempt *attempt_free(struct attempt *attempt);

enum attempt_want attempt_want(const struct attempt *attempt);
const struct attempt_prompt *attempt_prompt(const struct attempt *attempt);

/*
 * attempt_answer() - a person's answer
 * @answer:  wiped by the call
 *
 * A password's answer counts the try durably before the job is handed out.
 *
 * Return: 0; -EPROTO (nothing was asked: the attempt is over); -EIO (store: the
 * attempt is over, nothing verified); -EINVAL never: a bad answer is a new
 * prompt or the end.
 */
int attempt_answer(struct attempt *attempt, struct secret *answer, const struct moment *now);

/* The job to run; the attempt keeps it. NULL: none is wanted. */
struct password_job *attempt_job(struct attempt *attempt);

/* attempt_hashed() - the worker is done with the job. Return: as attempt_answer(). */
int attempt_hashed(struct attempt *attempt, const struct moment *now);

/* The worker's queue was full: the try is uncounted, the attempt over with "busy". */
int attempt_busy(struct attempt *attempt, const struct moment *now);

/*
 * The helper's step to be run; the attempt keeps it and its PIN is wiped by who
 * sends it. NULL: none is wanted.
 */
struct attempt_token *attempt_token(struct attempt *attempt);

/* Is the helper's job still needed: at work, or kept while somebody types the PIN? */
bool attempt_needs_helper(const struct attempt *attempt);

/*
 * What became of it. attempt_answered() verifies: nothing else proves a token.
 * After each, look at attempt_want() again, and give the job up that
 * attempt_needs_helper() says is no longer needed.
 *
 * Return: as attempt_answer().
 */
int attempt_found(struct attempt *attempt, const struct token_found *found,
		  const struct moment *now);
int attempt_touch(struct attempt *attempt, const struct moment *now); /* prompt: CW_FIELD_TOUCH */
int attempt_answered(struct attempt *attempt, const struct token_answer *answer,
		     const struct moment *now);
int attempt_token_failed(struct attempt *attempt, enum token_error error, uint32_t tries_left,
			 const struct moment *now);

/*
 * attempt_presented() - something came to the seat's reader while it runs
 *
 * Taken when the attempt waits for a name or for a token to be presented.
 *
 * Return: 1 (taken); 0 (not for this attempt); as attempt_answer().
 */
int attempt_presented(struct attempt *attempt, const struct token_sight *sight,
		      const struct moment *now);

/*
 * attempt_saw() - what a watcher tells while it runs, whatever it waits for
 *
 * A card that is pulled while it signs may be told of before its answer comes, and
 * no session is there yet that it could lock: it is kept for the result.
 */
void attempt_saw(struct attempt *attempt, const struct token_sight *sight);

/* Nobody answered, or the person gave up. Nothing is counted. */
void attempt_cancel(struct attempt *attempt, const struct moment *now, bool timed_out);

/* Milliseconds of boot time at which the prompt times out. */
uint64_t attempt_deadline(const struct attempt *attempt);

/* Valid when attempt_want() is ATTEMPT_OVER. */
const struct attempt_result *attempt_result(const struct attempt *attempt);

/*
 * Approvals that wait for a second person, who may be at another seat
 *
 * docs/decisions/009. The one who asks and the one who signs have an attempt each;
 * the latter's points at the former's and ends before it does.
 */
struct attempt_open {
	uint32_t account; /* who asks                                           */
	uint8_t seat;     /* where, from 1                                      */
	uint64_t since_ms, until_ms; /* boot time                               */
	int64_t since_wall_ms;
	const struct approval_request *approval;
};

/* Does it wait for a second person, and is all still as it was asked? */
bool attempt_is_open(const struct attempt *attempt, const struct moment *now,
		     struct attempt_open *ret_open);

/*
 * attempt_bars() - what keeps the owner of @seat's session from being the second person
 *
 * Return: CW_REASON_NONE: nothing.
 */
enum cw_reason attempt_bars(const struct attempt *attempt, const struct seat *seat,
			    const struct moment *now);

/*
 * attempt_refuse() - the owner of @seat's session says no to it
 * @reason:  why, or NULL
 *
 * Recorded; the attempt is over. Return: 0; -ESTALE (not open); -EIO.
 */
int attempt_refuse(struct attempt *attempt, const struct seat *seat, const struct actor *actor,
		   const char *reason, const struct moment *now);

/* Why the person who is asked gives it up: for the record of attempt_cancel(). */
void attempt_because(struct attempt *attempt, const char *reason);

/* Ends, with its record, what waited and does not hold any more. Return: true: it did. */
bool attempt_lapse(struct attempt *attempt, const struct moment *now);

/* The attempt that it would sign; NULL: none, or it is over. */
const struct attempt *attempt_asked(const struct attempt *attempt);

/* What it would sign is no longer open: over, as nobody's fault. */
void attempt_withdraw(struct attempt *attempt, const struct moment *now);

/*
 * Every request that can end in a session or change a verifier has a row here;
 * the list of purposes is generated from enum cw_purpose and a missing row does
 * not compile. forced_change: true: a one-time password leads to nothing but its
 * change.
 */
struct attempt_route {
	enum cw_purpose purpose;
	const char *name;
	bool forced_change;
	bool opens_session;
};
const struct attempt_route *attempt_route(enum cw_purpose purpose);

#endif
