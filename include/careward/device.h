/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAREWARD_DEVICE_H
#define CAREWARD_DEVICE_H

/*
 * A device's user interface and its seat
 *
 * A struct cw is one connection of one process to one seat. It belongs to the
 * thread that opened it; distinct ones are independent. No call blocks, starts
 * a thread, installs a signal handler, writes to stdio, reads the environment or
 * touches a file (but for cw_open(), which looks up this boot's id and the broker's
 * user): add cw_fd() to any main loop, call cw_dispatch() when it is
 * readable or when cw_timeout_ms() has passed, then cw_next_event() until it
 * says there is none.
 *
 * Without a broker everything in here still works in the only way that it may:
 * `always` and `care` actions go on, the rest is refused.
 */

#include <stddef.h>
#include <stdint.h>

#include <careward/result.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cw;

/*
 * One action as the manufacturer compiled it into the application; the table is
 * written by careward-compile from device.cfg, and an action's handle is its
 * index. It alone decides always and care when there is no valid policy page.
 */
struct cw_action {
	const char *name; /* "therapy.start"                                         */
	uint8_t kind;     /* enum cw_kind                                            */
};

struct cw_options {
	uint32_t size;       /* sizeof(struct cw_options): ABI                         */
	uint32_t n_actions;  /* at most 512                                            */
	const struct cw_action *actions; /* borrowed until cw_close()                  */
	const char *seat;    /* name of the seat; NULL: "main"                         */
	const char *socket;  /* path; NULL: /run/careward/SEAT                         */
	uint32_t broker_uid; /* uid that the broker must have; UINT32_MAX: that of the */
	                     /* user "careward" in /etc/passwd, or root               */
	const char *embedded; /* NULL, or a state directory: with no broker, start a   */
	                      /* private one as a child (development and trials)       */
	const char *embedded_config; /* directory of its three files                   */
	const char *embedded_broker; /* path of carewardd; NULL: as installed          */
};

/*
 * cw_open() - connect to a seat
 * @options:  see above; copied, but for what it says is borrowed
 * @ret_cw:   always set on 0; close with cw_close()
 *
 * Succeeds without a broker: the connection is tried again by cw_dispatch().
 * Reserves everything that break-glass needs.
 *
 * Return: 0; -EINVAL (options); -ENOMEM; -EMFILE. Never fails because of the
 * broker, its absence included.
 */
CW_PUBLIC CW_CHECKED int cw_open(const struct cw_options *options, struct cw **ret_cw);

/* Closes; an open emergency is left open. NULL is fine. Return: NULL. */
CW_PUBLIC struct cw *cw_close(struct cw *cw);

/* A descriptor that polls readable when cw_dispatch() has work. Never changes. */
CW_PUBLIC int cw_fd(const struct cw *cw);

/* Milliseconds until cw_dispatch() has work without the descriptor; -1: none. */
CW_PUBLIC int cw_timeout_ms(const struct cw *cw);

/*
 * cw_dispatch() - take in what has arrived, connect again if need be
 *
 * Return: 0; -ENOTCONN (no broker now: the answer to "is it there?", no error).
 */
CW_PUBLIC int cw_dispatch(struct cw *cw);

/*
 * cw_check() - may this action be offered now?
 * @action:      handle: index into the compiled table
 * @ret_reason:  may be NULL; why
 *
 * A system call free decision over the pages (but for one reading of the
 * clock): fit to be asked for every widget in every frame. Silent: records
 * nothing. CW_ALLOW on `guarded` means that cw_use() may be asked; `sensitive`
 * is never CW_ALLOW here, only by a receipt.
 *
 * Return: the verdict; CW_DENY for an unknown handle.
 */
CW_PUBLIC CW_CHECKED enum cw_verdict cw_check(struct cw *cw, uint32_t action,
                                              enum cw_reason *ret_reason);

/*
 * cw_use() - an action is being used
 * @object:   what it is done to, for the record: at most 127 bytes of UTF-8, no
 *            patient data; NULL: none
 * @session:  the session that the screen showed (cw_session()); an answer for
 *            another session is refused, for care it is recorded under both
 * @ret_verdict: CW_DENY unless allowed
 * @ret_serial:  guarded: number of the answer's CW_EVENT_USED; may be NULL
 *
 * `always` and `care` are answered at once, and recorded after; an object that is
 * too long or no UTF-8 is then made to fit, never a reason to refuse. `guarded` is
 * answered by an event when its record is durable: *@ret_verdict is then
 * CW_CONFIRM and the call returns -EINPROGRESS.
 *
 * Return: 0 (answered in *@ret_verdict); -EINPROGRESS (wait for the event);
 * -EINVAL (handle; guarded: object); -ENOTCONN (guarded, and there is no broker);
 * -EAGAIN (guarded, and the socket is full: dispatch, then again).
 */
CW_PUBLIC CW_CHECKED int cw_use(struct cw *cw, uint32_t action, const char *object,
                                uint64_t session, enum cw_verdict *ret_verdict,
                                enum cw_reason *ret_reason, uint64_t *ret_serial);

/* Number of the session on the screen; 0: nobody is signed in. */
CW_PUBLIC uint64_t cw_session(struct cw *cw);

/* What the seat shows: copied from the state page. */
struct cw_status {
	uint32_t size;         /* sizeof(struct cw_status), set by the caller           */
	uint8_t connected;     /* 1: a broker answers within its lease                  */
	uint8_t signed_in;
	uint8_t locked;
	uint8_t suspended;     /* by an emergency                                       */
	uint8_t emergency;     /* an emergency is open                                  */
	uint8_t still_needed;  /* ask whether it is still needed                        */
	uint8_t alarm;         /* an alarm of Careward's own                            */
	uint8_t not_isolated;  /* embedded broker                                       */
	uint8_t assurance;     /* enum cw_assurance of the session                      */
	uint8_t unrecorded;    /* records that only this memory holds (at most 255)     */
	uint64_t session;
	uint32_t account;
	int64_t locks_in_ms;   /* -1: does not apply                                    */
	char context[64];      /* the strictest that may be in force; may be empty      */
};
CW_PUBLIC int cw_status(struct cw *cw, struct cw_status *ret_status);

/* A person touched something: the idle lock starts anew. Return: 0; -EAGAIN; -ENOTCONN. */
CW_PUBLIC int cw_activity(struct cw *cw);

/* Lock the screen, keeping the session; or end it. Return: 0; -EAGAIN; -ENOTCONN. */
CW_PUBLIC int cw_lock(struct cw *cw);
CW_PUBLIC int cw_sign_out(struct cw *cw);

/*
 * cw_signal() - tell a signal of device.cfg
 * @value:  1 true, 0 false, -1 unknown
 *
 * To be told again before its ttl ends, or it becomes unknown.
 *
 * Return: 0; -EINVAL (value, name too long); -EAGAIN; -ENOTCONN. A signal that
 * this seat may not set is answered by CW_EVENT_ERROR.
 */
CW_PUBLIC int cw_signal(struct cw *cw, const char *name, int value);

#ifdef __cplusplus
}
#endif

#endif
