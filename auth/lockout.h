/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_LOCKOUT_H
#define AUTH_LOCKOUT_H

/*
 * Lockout: slows a guesser, never a patient
 *
 * Failures are counted, not dated, per subject, factor and seat; the count is
 * durable before the result of the verification can be known. A wait runs on
 * CLOCK_BOOTTIME; what remains is stored every 10 s; a reboot resumes it and
 * counts no time that the device was off. The wall clock is never read.
 *
 * A badge code is short, so that its failures count for the account as well, over
 * all seats: a row with seat 0, with twice the free tries and the same ladder.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/result.h>

#include "audit/store.h"
#include "common/moment.h"
#include "policy/settings.h"

/* Names that nobody has share this many rows, chosen by HMAC of the name. */
#define LOCKOUT_BUCKETS 1024u

struct lockout_key {
	int64_t subject;       /* account number; -1..-LOCKOUT_BUCKETS: unknown name   */
	enum cw_factor factor;
	uint8_t seat;          /* index + 1                                            */
};

struct lockout {
	uint32_t failures;     /* consecutive                                          */
	uint64_t remaining_ms; /* of the wait; 0: may try                              */
	bool disabled;         /* disable_at reached                                   */
};

/* The subject of a name that nobody has. Return: 0; -EIO. */
int lockout_unknown(struct store *store, const char *name, int64_t *ret_subject);

/*
 * lockout_read() - may this authenticator be tried now?
 * @codes:  rules of badge codes apply (code_tries) when factor is CW_FACTOR_CODE
 *
 * A row that is damaged counts as a wait of the longest time, once, and is
 * reported by -EBADMSG in addition to *@ret_lockout.
 *
 * Return: 0; -EBADMSG (with *@ret_lockout set to the most restrictive); -EIO.
 */
int lockout_read(struct store *store, const struct lockout_rules *rules,
                 const struct lockout_key *key, const struct moment *now,
                 struct lockout *ret_lockout);

/*
 * lockout_count() - count one try as failed, before it is verified
 *
 * Inside the caller's transaction, which also writes EVENT_TRY_COUNTED and must
 * be committed before the verification's result is looked at. In the same
 * transaction lockout_read() must have said that no wait runs: what waits is not
 * verified, so it is not counted either.
 *
 * Return: 0 with the state that holds if the try fails; -EIO, -ENOSPC, -EROFS.
 */
int lockout_count(struct store *store, const struct lockout_rules *rules,
                  const struct lockout_key *key, const struct moment *now,
                  struct lockout *ret_lockout);

/*
 * lockout_uncount() - a try that was never verified (hash could not run)
 *
 * Return: 0; -EIO.
 */
int lockout_uncount(struct store *store, const struct lockout_rules *rules,
                    const struct lockout_key *key, const struct moment *now);

/* Success with the same factor: clears. Return: 0; -EIO. */
int lockout_clear(struct store *store, const struct lockout_key *key);
/* An administrator's reset: clears the account at all seats. Return: 0; -EIO. */
int lockout_clear_account(struct store *store, uint32_t account, enum cw_factor factor);

/* Every 10 s: stores what remains of every wait that runs. Return: 0; -EIO. */
int lockout_tick(struct store *store, const struct moment *now);

#endif
