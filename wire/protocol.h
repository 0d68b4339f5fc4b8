/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_PROTOCOL_H
#define WIRE_PROTOCOL_H

/*
 * The protocol between a seat's processes and the broker, version 1
 *
 * A packet that begins with PROTOCOL_RAW_RECORD is that byte and one struct
 * ring_record: the break-glass path, laid by hand, no encoder on it. Every other
 * packet is a frame (frame.h). docs/protocol.md says the rest.
 */

#define PROTOCOL_VERSION 1u
#define PROTOCOL_RAW_RECORD 0x01u

/* Every verb. VERB(symbol, "name") */
#define PROTOCOL_VERBS(VERB)                                                                       \
	VERB(HELLO, "hello")                                                                       \
	VERB(STATUS, "status")                                                                     \
	VERB(SIGNAL, "signal")                                                                     \
	VERB(ACTIVITY, "activity")                                                                 \
	VERB(LOCK, "lock")                                                                         \
	VERB(SIGN_OUT, "sign-out")                                                                 \
	VERB(USE, "use")                                                                           \
	VERB(ATTEMPT_BEGIN, "attempt.begin")                                                       \
	VERB(ATTEMPT_ANSWER, "attempt.answer")                                                     \
	VERB(ATTEMPT_CANCEL, "attempt.cancel")                                                     \
	VERB(AUTHORIZE, "authorize")                                                               \
	VERB(WITNESS, "witness")                                                                   \
	VERB(BADGE, "badge")                                                                       \
	VERB(REDEEM, "redeem")                                                                     \
	VERB(APPROVAL_LIST, "approval.list")                                                       \
	VERB(APPROVAL_SIGN, "approval.sign")                                                       \
	VERB(APPROVAL_REFUSE, "approval.refuse")                                                   \
	VERB(EXPLAIN, "explain")                                                                   \
	VERB(CHECK, "check")                                                                       \
	VERB(INIT, "init")                                                                         \
	VERB(CONFIG_INSTALL, "config.install")                                                     \
	VERB(USER_ADD, "user.add")                                                                 \
	VERB(USER_LIST, "user.list")                                                               \
	VERB(USER_DISABLE, "user.disable")                                                         \
	VERB(USER_ENABLE, "user.enable")                                                           \
	VERB(USER_RESET, "user.reset")                                                             \
	VERB(USER_ROLE, "user.role")                                                               \
	VERB(TOKEN_ENROL, "token.enrol")                                                           \
	VERB(TOKEN_LIST, "token.list")                                                             \
	VERB(TOKEN_RENAME, "token.rename")                                                         \
	VERB(TOKEN_REVOKE, "token.revoke")                                                         \
	VERB(TOKEN_EXPORT, "token.export")                                                         \
	VERB(TOKEN_IMPORT, "token.import")                                                         \
	VERB(HISTORY, "history")                                                                   \
	VERB(VERIFY, "verify")                                                                     \
	VERB(REVIEW_LIST, "review.list")                                                           \
	VERB(REVIEW_CLOSE, "review.close")                                                         \
	VERB(KEYS, "keys")

enum protocol_verb {
	VERB_NONE = 0,
#define VERB(symbol, name) VERB_##symbol,
	PROTOCOL_VERBS(VERB)
#undef VERB
	VERB_N,
};

/* "result" of a reply. Frozen numbers. */
enum protocol_result {
	RESULT_OK = 0,
	RESULT_DENIED = 1,       /* not allowed; "verdict" and "reason" say why           */
	RESULT_BUSY = 2,         /* too much at once; "retry_ms"                           */
	RESULT_NOT_FOUND = 3,
	RESULT_INVALID = 4,      /* a value is wrong; "message" says which                 */
	RESULT_EXISTS = 5,
	RESULT_STALE = 6,        /* changed meanwhile, other session, expired attempt      */
	RESULT_NOT_RECORDED = 7, /* the record could not be made durable: nothing happened */
	RESULT_NOT_READY = 8,    /* no initialised device, no valid policy                 */
	RESULT_FAILED = 9,       /* a part of the device failed                            */
	RESULT_LAST_ADMIN = 10,  /* would leave nobody to administer                       */
	RESULT_N,
};

#endif
