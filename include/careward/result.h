/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAREWARD_RESULT_H
#define CAREWARD_RESULT_H

/*
 * Results, and the words everything else is said in
 *
 * Two kinds of answer are never mixed. An int says whether the *call* worked:
 * 0, or a negative errno value that the comment of the function lists. Only
 * enum cw_verdict says whether somebody *may*. A verdict is delivered through
 * an out-parameter or a field that is CW_DENY until proven otherwise, so that
 * zeroed memory, an early return and a forgotten branch all mean "no".
 *
 * The numbers below are part of the ABI, of the protocol and of the journal:
 * they are only ever added to.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CW_PUBLIC __attribute__((visibility("default")))
#define CW_CHECKED __attribute__((warn_unused_result))
#else
#define CW_PUBLIC
#define CW_CHECKED
#endif

/*
 * What the device does with a request. The values are words of the
 * extended Hamming code [8,4]: any two differ in at least four bits, so that no
 * three flipped bits turn one into another.
 */
enum cw_verdict {
	CW_DENY = 0x00,        /* no; also the value after any error                  */
	CW_ALLOW = 0xa5,       /* yes                                                 */
	CW_SIGN_IN = 0x0f,     /* somebody entitled has to sign in first              */
	CW_UNLOCK = 0x33,      /* the owner of the open session has to unlock it      */
	CW_REAUTH = 0x55,      /* the signed-in person has to authenticate again,     */
	                       /* freshly or with a stronger factor                   */
	CW_CONFIRM = 0x66,     /* a confirmation, or a witness, is still missing      */
	CW_BREAK_GLASS = 0x99, /* not by role; breaking the glass opens it            */
};

/* Why the verdict is what it is: one message of the user interface each. */
enum cw_reason {
	CW_REASON_NONE = 0,         /* nothing is in the way                           */
	CW_REASON_UNKNOWN_ACTION,   /* the device's configuration has no such action   */
	CW_REASON_NO_SESSION,       /* nobody is signed in at this seat                */
	CW_REASON_LOCKED,           /* the session is locked, or lock_at has passed    */
	CW_REASON_SUSPENDED,        /* an emergency suspended the session              */
	CW_REASON_ROLE,             /* no role of the person grants the action         */
	CW_REASON_ASSURANCE,        /* the sign-in was weaker than is needed here      */
	CW_REASON_STALE,            /* the last re-authentication is too old           */
	CW_REASON_CONFIRMATION,     /* the confirmation of the object is missing       */
	CW_REASON_WITNESS,          /* an independent double check is missing          */
	CW_REASON_PRECONDITION,     /* only_when does not hold, or is not known to     */
	CW_REASON_DEGRADED,         /* the broker is gone: only always and care work   */
	CW_REASON_ALWAYS,           /* allowed: kind always                            */
	CW_REASON_GRANTED,          /* allowed: role, assurance and all the rest hold  */
	CW_REASON_EMERGENCY,        /* allowed: care in an emergency                   */
	CW_REASON_BAD_POLICY,       /* the policy page is missing, damaged or foreign  */
	CW_REASON_OTHER_SESSION,    /* the session named is not the one on the screen  */
	CW_REASON_NOT_RECORDED,     /* the record could not be made durable            */
	CW_N_REASONS,
};

/* What kind of action it is; the manufacturer decides, in device.cfg. */
enum cw_kind {
	CW_KIND_NONE = 0, /* no such action: denied                                      */
	CW_KIND_ALWAYS,   /* anybody, in every state: stop, safe state. Still recorded   */
	CW_KIND_CARE,     /* by role and the context's assurance; break-glass opens it   */
	CW_KIND_GUARDED,  /* by role and its own assurance; never by break-glass         */
	CW_KIND_SENSITIVE, /* by role, fresh re-authentication and a confirmation        */
	CW_N_KINDS,
};

/* How sure we are who it is; an ordered ladder. BADGE and CODE open care only. */
enum cw_assurance {
	CW_ASSURANCE_NONE = 0,
	CW_ASSURANCE_BADGE,    /* a badge was tapped; nothing is proved               */
	CW_ASSURANCE_CODE,     /* badge and 4-6 digits, throttled                     */
	CW_ASSURANCE_PASSWORD, /* a password that has been changed from its default   */
	CW_ASSURANCE_STRONG,   /* hardware token with PIN, fingerprint or password    */
	CW_N_ASSURANCES,
};

/* What a sensitive action's confirmation asks for. */
enum cw_confirm {
	CW_CONFIRM_NONE = 0,
	CW_CONFIRM_SAME_PERSON,   /* the same person, once more, with the object shown  */
	CW_CONFIRM_SECOND_PERSON, /* a second entitled person                           */
	CW_N_CONFIRMS,
};

/* The evidence that somebody was recognised by. */
enum cw_factor {
	CW_FACTOR_NONE = 0,
	CW_FACTOR_PASSWORD,
	CW_FACTOR_BADGE,
	CW_FACTOR_CODE,
	CW_FACTOR_SMARTCARD,
	CW_FACTOR_FIDO2,
	CW_FACTOR_DIRECTORY,
	CW_FACTOR_RECOVERY, /* the one-use code of `careward init`                    */
	CW_N_FACTORS,
};

#ifdef __cplusplus
}
#endif

#endif
