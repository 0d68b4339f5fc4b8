/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_EVENTS_H
#define AUDIT_EVENTS_H

/*
 * The frozen list of event ids
 *
 * Ids are only ever added. The hundreds say what kind of event it is. The list
 * with its meanings is published in docs/journal.md, and a test compares both.
 */

#define AUDIT_EVENTS(X)                                                                            \
	/* 1xx: signing in and out */                                                              \
	X(101, SIGN_IN, "sign-in")                                                                 \
	X(102, SIGN_OUT, "sign-out")                                                               \
	X(103, LOCK, "lock")                                                                       \
	X(104, UNLOCK, "unlock")                                                                   \
	X(105, HANDOVER, "handover")                                                               \
	X(106, REAUTH, "re-authentication")                                                        \
	X(107, LOCKOUT, "lockout")                                                                 \
	X(108, PASSWORD_CHANGED, "password-changed")                                               \
	X(109, TRY_COUNTED, "try-counted")                                                         \
	X(110, RECOVERY, "recovery-code-used")                                                     \
	X(111, TOKEN_REMOVED, "token-removed")                                                     \
	/* 2xx: using the device */                                                                \
	X(201, USE, "use")                                                                         \
	X(202, DENIED, "denied")                                                                   \
	X(203, APPROVAL, "approval")                                                               \
	X(204, APPROVAL_REFUSED, "approval-refused")                                               \
	X(205, WITNESS, "witness")                                                                 \
	X(206, RECEIPT_USED, "receipt-used")                                                       \
	/* 3xx: accounts */                                                                        \
	X(301, ACCOUNT_CREATED, "account-created")                                                 \
	X(302, ACCOUNT_DISABLED, "account-disabled")                                               \
	X(303, ACCOUNT_ENABLED, "account-enabled")                                                 \
	X(304, ACCOUNT_RESET, "account-reset")                                                     \
	X(305, ACCOUNT_ROLES, "account-roles")                                                     \
	X(306, ACCOUNT_ENDED, "account-ended")                                                     \
	X(307, TOKEN_ENROLLED, "token-enrolled")                                                   \
	X(308, TOKEN_REVOKED, "token-revoked")                                                     \
	X(309, VERIFIER_REHASHED, "verifier-rehashed")                                             \
	X(310, ACCOUNT_DAMAGED, "account-damaged")                                                 \
	X(311, TOKEN_RENAMED, "token-renamed")                                                     \
	X(312, TOKEN_COUNTER, "token-counter")                                                     \
	X(313, CODE_CHANGED, "code-changed")                                                       \
	X(314, ACCOUNT_RESTORED, "account-restored")                                               \
	/* 4xx: break-glass */                                                                     \
	X(401, EMERGENCY_STARTED, "emergency-started")                                             \
	X(402, EMERGENCY_USE, "emergency-use")                                                     \
	X(403, EMERGENCY_ENDED, "emergency-ended")                                                 \
	X(404, EMERGENCY_REASON, "emergency-reason")                                               \
	X(405, EMERGENCY_INTERRUPTED, "emergency-interrupted")                                     \
	X(406, EMERGENCY_STILL_NEEDED, "emergency-still-needed")                                   \
	X(407, EMERGENCY_LATE, "emergency-late-request")                                           \
	X(408, REVIEW_CLOSED, "review-closed")                                                     \
	X(409, REVIEW_NOTE, "review-note")                                                         \
	X(410, EMERGENCY_IDENTIFIED, "emergency-identified")                                       \
	/* 5xx: configuration and the device */                                                    \
	X(501, INITIALISED, "initialised")                                                         \
	X(502, CONFIG_INSTALLED, "configuration-installed")                                        \
	X(503, CONFIG_REFUSED, "configuration-refused")                                            \
	X(504, ENGINE_STARTED, "engine-started")                                                   \
	X(505, ENGINE_STOPPED, "engine-stopped")                                                   \
	X(506, ENGINE_DIED, "engine-died")                                                         \
	X(507, CLOCK_STEP, "clock-step")                                                           \
	X(508, SIGNAL_CHANGED, "signal-changed")                                                   \
	X(509, CLAIMS_COALESCED, "claims-coalesced")                                               \
	X(510, TOKENS_IMPORTED, "tokens-imported")                                                 \
	X(511, ACCOUNTS_RESTORED, "accounts-restored")                                             \
	/* 6xx: integrity */                                                                       \
	X(601, PROTOCOL_ERROR, "protocol-error")                                                   \
	X(602, PEER_REFUSED, "peer-refused")                                                       \
	X(603, ALARM, "alarm")                                                                     \
	X(604, HISTORY_READ, "history-read")                                                       \
	X(605, EXPORTED, "exported")                                                               \
	X(606, TEXT_ERASED, "text-erased")                                                         \
	X(607, PURGED, "purged")                                                                   \
	X(608, STORE_REOPENED, "store-reopened")                                                   \
	X(609, VERIFIED, "verified")

enum audit_event {
	EVENT_NONE = 0,
#define X(id, symbol, name) EVENT_##symbol = id,
	AUDIT_EVENTS(X)
#undef X
};

/* How it came out. Frozen, too. */
enum audit_outcome {
	OUTCOME_NONE = 0,
	OUTCOME_OK,        /* done, granted                                              */
	OUTCOME_REFUSED,   /* evidence was wrong, or the rules say no                    */
	OUTCOME_LOCKED,    /* not even verified: too many failures before                */
	OUTCOME_DISABLED,  /* the account is disabled, not yet valid or has ended        */
	OUTCOME_CANCELLED, /* the person or the time-out ended it                        */
	OUTCOME_FAILED,    /* a part of the device failed                                */
	OUTCOME_N,
};

/* The published name of an event or an outcome; "unknown" for anything else. */
const char *audit_event_name(unsigned event);
const char *audit_outcome_name(unsigned outcome);
/* The id of a published name; 0 for anything else. */
unsigned audit_event_by_name(const char *name);

#endif
