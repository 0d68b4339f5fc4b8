/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAREWARD_EVENT_H
#define CAREWARD_EVENT_H

/* What happens at the seat, told to every process of the seat. */

#include <careward/device.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cw_event_kind {
	CW_EVENT_NONE = 0,
	CW_EVENT_CONNECTED,    /* a broker answers; the pages are mapped                 */
	CW_EVENT_DISCONNECTED, /* it does not; always and care go on                     */
	CW_EVENT_STATE,        /* session, lock, context or signal changed: redraw       */
	CW_EVENT_POLICY,       /* a new policy is in force: ask cw_check() again         */
	CW_EVENT_PROMPT,       /* an attempt asks for something: cw_prompt()             */
	CW_EVENT_SIGNED_IN,    /* text: display name; last_* and failures are set        */
	CW_EVENT_HANDOVER,     /* another person took over the running seat: keep A's    */
	                       /* work as a draft, or discard it                        */
	CW_EVENT_ATTEMPT_OVER, /* an attempt ended without a session: message says why   */
	CW_EVENT_USED,         /* answer to cw_use(): serial, verdict, reason            */
	CW_EVENT_AUTHORIZED,   /* answer to cw_authorize(): cw_receipt()                 */
	CW_EVENT_EMERGENCY,    /* an emergency began here or in another process          */
	CW_EVENT_EMERGENCY_RECORDED, /* its record is durable                            */
	CW_EVENT_EMERGENCY_ENDED,    /* final for this id                                */
	CW_EVENT_STILL_NEEDED, /* 600 s without use: ask; silence changes nothing        */
	CW_EVENT_REASON_WANTED, /* at a quiet moment: ask for the reason                 */
	CW_EVENT_ALARM,        /* an alarm of Careward's own: message                    */
	CW_EVENT_ERROR,        /* a request was refused: serial, message                 */
	CW_EVENT_TOKEN,        /* message: "card-inserted", "card-removed",              */
	                       /* "badge-tapped", "key-inserted", "key-removed",         */
	                       /* "reader-unavailable", "reader-back"; text: the reader.  */
	                       /* Show the sign-in screen and call cw_sign_in()           */
	CW_EVENT_APPROVALS,    /* what waits for a second person's yes changed:          */
	                       /* cw_approvals()                                         */
};

struct cw_event {
	uint32_t size;          /* sizeof(struct cw_event), set by the caller            */
	enum cw_event_kind kind;
	uint64_t serial;
	uint64_t attempt;
	uint64_t session;
	uint32_t account;
	enum cw_verdict verdict;
	enum cw_reason reason;
	uint32_t failures;      /* SIGNED_IN: failures since the last sign-in            */
	int64_t last_ms;        /* SIGNED_IN: wall time of the last sign-in; 0: never    */
	int64_t failure_ms;     /* SIGNED_IN: wall time of the newest failure; 0: none   */
	uint64_t wait_ms;       /* ATTEMPT_OVER: locked for so long                      */
	uint8_t emergency[16];
	char message[64];       /* message id of the shipped translations                */
	char text[128];         /* what the message speaks of; second-refused: why       */
};

/*
 * cw_next_event() - take the next event
 *
 * Return: 1 with an event; 0 when there is none.
 */
CW_PUBLIC int cw_next_event(struct cw *cw, struct cw_event *ret_event);

#ifdef __cplusplus
}
#endif

#endif
