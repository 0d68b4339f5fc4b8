/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

/*
 * Passwords: Argon2id in a kept, wiped arena; rules; one-time secrets
 *
 * Hashing is the only slow thing in the engine. It is described by a job that
 * holds everything it needs, is run by the one worker thread with
 * password_job_run(), and touches neither store nor clock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/account.h"
#include "common/secret.h"
#include "policy/settings.h"

struct argon2_cost {
	uint32_t memory_kib;
	uint32_t passes;
	uint32_t lanes; /* 1 */
};

/* One stored verifier. All zeroes: verifies nothing. */
struct verifier {
	struct argon2_cost cost;
	uint8_t salt[16];
	uint8_t hash[32];
};

/* The password authenticator of an account, as sealed in its row. */
struct password {
	uint64_t number;     /* row of the authenticator; 0: not stored yet          */
	uint64_t generation;
	uint32_t account;
	bool disabled;       /* by too many failures; until an administrator resets  */
	bool one_time;       /* default or reset: can only be changed                */
	bool used;           /* a one-time password that has been used up            */
	int64_t set_ms;      /* wall                                                 */
	int64_t expires_ms;  /* wall; one-time only; 0: never                        */
	uint32_t set_by;     /* account; itself, or who reset it                     */
	bool reset_unseen;   /* a reset that the person has not been told of yet     */
	struct verifier current;
	uint32_t n_history;
	struct verifier history[LIMIT_PASSWORD_HISTORY]; /* newest first              */
};

/*
 * The arena: one block of memory for all hashing, kept, populated, in huge
 * pages where there are any, left out of core dumps, wiped after every job.
 */
struct arena;
/* @memory_kib: largest cost that will be asked for. Return: 0; -ENOMEM. */
int arena_new(uint32_t memory_kib, struct arena **ret_arena);
struct arena *arena_free(struct arena *arena);

enum password_job_kind {
	PASSWORD_JOB_NONE = 0,
	PASSWORD_JOB_VERIFY, /* does candidate match current?                        */
	PASSWORD_JOB_CHANGE, /* does candidate match none of history? make a new one */
	PASSWORD_JOB_MAKE,   /* make a verifier for a one-time secret                */
};

/*
 * What the worker does. `matched` and `made` are the worker's alone to set, to
 * PASSWORD_YES: any other value, zeroes included, is no.
 */
#define PASSWORD_YES 0x5ac3a53cu
struct password_job {
	enum password_job_kind kind;
	struct secret candidate; /* wiped by password_job_run()                       */
	struct verifier current; /* VERIFY; the dummy of an unknown account           */
	uint32_t n_history;      /* CHANGE: current and history, all must differ      */
	struct verifier history[LIMIT_PASSWORD_HISTORY + 1];
	struct argon2_cost cost; /* MAKE, CHANGE: cost of the new one                 */
	uint8_t salt[16];        /* MAKE, CHANGE: fresh random salt                   */
	bool rehash;             /* VERIFY: also make a new one when matched          */
	/* results */
	int error;               /* 0; -ENOMEM, -EIO                                  */
	uint32_t matched;        /* VERIFY: matched; CHANGE: one of history matched   */
	uint32_t is_made;
	struct verifier made;
};

/*
 * password_job_run() - run one job in the caller's thread, 20 ms to 1 s
 *
 * Wipes the candidate and the arena on every way out. On an error nothing
 * matches and nothing is made.
 */
void password_job_run(struct arena *arena, struct password_job *job);

/* A verifier of equal cost that matches no password, for names that nobody has. */
void password_dummy(const struct argon2_cost *cost, struct verifier *ret_verifier);

/*
 * password_prepare() - the one form in which a password is hashed
 *
 * Valid UTF-8 is normalised to NFC (RFC 8265, OpaqueString: spaces of other
 * scripts become U+0020); no control characters; 1..LIMIT_PASSWORD bytes after
 * it. Used on setting and on verifying alike.
 *
 * Return: 0; -EINVAL (empty, invalid UTF-8, NUL or control character, or a
 * character that is unassigned, private or shows nothing); -E2BIG (too long:
 * refused before any hashing).
 */
int password_prepare(const struct secret *typed, struct secret *ret_prepared);

/* Why a new password is refused. Each is a message id of the user interface. */
enum password_fault {
	PASSWORD_GOOD = 0,
	PASSWORD_TOO_SHORT,
	PASSWORD_TOO_LONG,
	PASSWORD_BAD_TEXT,
	PASSWORD_CLASSES,
	PASSWORD_IN_DICTIONARY,
	PASSWORD_LIKE_NAME,
	PASSWORD_LIKE_OLD, /* the one being replaced, or nearly                      */
	PASSWORD_REUSED,
	PASSWORD_TOO_SOON, /* minimum age                                            */
	PASSWORD_UNCHECKED, /* the dictionary cannot be read: refused, with this reason */
	PASSWORD_N_FAULTS,
};

/* Characters that a password of such a role has at least. */
uint32_t password_least(const struct password_rules *rules, bool privileged);

/*
 * password_check() - do the site's rules accept it?
 * @prepared:   by password_prepare()
 * @old:        the password being replaced, prepared; NULL: not known
 * @account:    whose; name, display and person must not be in it
 * @device:     NULL or words that must not be it either (serial number, model)
 * @privileged: min_length_privileged applies
 *
 * Return: PASSWORD_GOOD or the first fault.
 */
enum password_fault password_check(const struct password_rules *rules,
                                   const struct secret *prepared, const struct secret *old,
                                   const struct account *account, const char *const *device,
                                   size_t n_device, bool privileged);

/*
 * password_one_time() - a generated secret of at least 80 bits
 *
 * 4 groups of 5 of a 31-letter alphabet without look-alikes (0/O, 1/I/L), with
 * '-' between: 99 bits. @random: 32 fresh random bytes, wiped.
 */
void password_one_time(uint8_t random[static 32], struct secret *ret_secret);

/*
 * Rows. All of these are one transaction with the entry named.
 *
 * password_load(): Return: 0; -ENOENT (has no password); -EBADMSG; -EIO.
 * password_store(): writes (compare and swap by generation) with @event, which
 *   is EVENT_PASSWORD_CHANGED or one of the 3xx: only those carry the account's
 *   digest; number and generation are updated in @password. Return: 0; -ESTALE;
 *   -EINVAL (event, no such account, ended); -EBADMSG; -ENOSPC; -EIO.
 */
int password_load(struct store *store, uint32_t account, struct password *ret_password);
int password_store(struct store *store, const struct actor *actor, const struct moment *now,
                   enum audit_event event, struct password *password);

/*
 * Is a one-time password past its date or used, or another past the site's
 * greatest age (@rules, may be NULL)? An untrusted clock expires nothing.
 */
bool password_is_expired(const struct password *password, const struct password_rules *rules,
                         const struct moment *now);

/*
 * Is it younger than the site's least age? A one-time password never is, and an
 * untrusted clock, or one before the day it was set, keeps nobody from changing.
 */
bool password_is_too_young(const struct password *password, const struct password_rules *rules,
                           const struct moment *now);

/*
 * password_job_refuse_old() - what a CHANGE job compares with
 *
 * The current password and as many earlier ones as the site asks for *now*.
 */
void password_job_refuse_old(const struct password *password, const struct password_rules *rules,
                             struct password_job *job);

/*
 * password_take() - put a new verifier in the place of the current one
 *
 * The current one becomes the newest of the history, which is cut to what the
 * site asks for. Flags and dates are the caller's.
 */
void password_take(struct password *password, const struct password_rules *rules,
                   const struct verifier *made);

#endif
