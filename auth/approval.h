/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_APPROVAL_H
#define AUTH_APPROVAL_H

/*
 * Approvals of sensitive actions: what is confirmed is what is done
 *
 * An approval by password is signed by the device (an Ed25519 key derived from
 * the device key) and says so: by = "device". One by token holds what the token
 * signed. The receipt is a CBOR map, docs/approval.md. One use, bound to
 * device, seat, session, account, action, object digest and words; void after
 * lock, sign-out, handover, a change of role, or when its time is over.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/result.h>

#include "auth/receipt.h"
#include "auth/seat.h"
#include "common/limits.h"

#define APPROVAL_VALID_MS 120000u

enum approval_state {
	APPROVAL_NONE = 0,
	APPROVAL_GIVEN,
	APPROVAL_USED,
	APPROVAL_VOID,
};

struct approval_request {
	uint32_t action;
	uint8_t digest[32];
	char object[LIMIT_OBJECT];
	char words[LIMIT_WORDS];
};

/*
 * approval_statement() - what a person's token has to sign: challenge.statement
 * @nonce:   the approval's, as it will be given
 * @second:  account of the second person; not looked at for person 1
 * @person:  1 or 2
 *
 * Return: 0; -EINVAL; -EIO.
 */
int approval_statement(struct store *store, const struct policy *policy, const struct seat *seat,
		       const struct approval_request *request, const uint8_t nonce[16],
		       uint32_t second, unsigned person, const struct moment *now,
		       uint8_t ret_statement[32]);

/*
 * approval_give() - everything was confirmed: make the receipt
 * @second:  account of the second person; 0 with a same-person confirmation
 * @second_seat:  where the second person said yes, from 1; 0: at the same seat
 * @signatures:  of tokens, @n_signatures of them, at most one for each person; who
 *           has none gave a password. Each is verified here once more.
 *
 * One transaction: the row, the entry.
 *
 * Return: 0; -EPERM (second person is the first, or touched the account: see
 * account_touched_by(); a signature that does not say yes to exactly this, or of
 * a person who is not asked); -ENOSPC, -ENOMEM, -EIO.
 */
int approval_give(struct store *store, const struct policy *policy, struct seat *seat,
		  const struct actor *actor, const struct approval_request *request,
		  const uint8_t nonce[16], uint32_t second, enum cw_assurance second_assurance,
		  uint8_t second_seat, const struct receipt_signature *signatures,
		  size_t n_signatures, const struct moment *now, uint8_t *ret_receipt,
		  size_t *ret_n_receipt);

/* Was this receipt of ours redeemed before? For the words of a refusal. */
bool approval_is_used(struct store *store, const uint8_t *receipt, size_t n_receipt);

/*
 * approval_redeem() - use a receipt, once
 *
 * Checks signature, binding, age, and decides once more with the seat's state as
 * it is now and the confirmation set: CW_ALLOW comes only from policy_decide().
 * Used and recorded in one transaction, before the answer.
 *
 * Return: 0 with the verdict; -EBADMSG (not a receipt of this device); -EIO
 * (not recorded: the verdict is CW_DENY).
 */
int approval_redeem(struct store *store, const struct policy *policy, struct seat *seat,
		    const struct actor *actor, const uint8_t *receipt, size_t n_receipt,
		    uint32_t action, const uint8_t digest[32], const struct moment *now,
		    enum cw_verdict *ret_verdict, enum cw_reason *ret_reason);

/* The private half, to be wiped: for what the device itself signs. Return: 0; -EIO. */
int approval_seed(struct store *store, uint8_t ret_seed[32]);

/* The device's Ed25519 key that signs receipts, for whoever verifies. Return: 0; -EIO. */
int approval_public_key(struct store *store, uint8_t ret_public_key[32]);

/* May these two confirm together? Return: 0; -EPERM (also when it cannot be known). */
int approval_pair(struct store *store, uint32_t first, uint32_t second);

/* Voids what was given to a session: lock, sign-out, handover, roles. Return: 0; -EIO. */
int approval_void(struct store *store, uint64_t session, const struct moment *now);

#endif
