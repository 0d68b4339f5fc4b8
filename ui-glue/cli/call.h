/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_CLI_CALL_H
#define UI_GLUE_CLI_CALL_H

/*
 * One connection of the command line to a seat's broker
 *
 * A request and its reply, and the events of a conversation. Waiting blocks, up
 * to a limit. Both buffers are wiped after every use that may have held a secret.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/secret.h"
#include "wire/frame.h"
#include "wire/protocol.h"

enum call_event_kind {
	CALL_EVENT_NONE = 0,
	CALL_EVENT_PROMPT,
	CALL_EVENT_SIGNED_IN,
	CALL_EVENT_OVER,
	CALL_EVENT_AUTHORIZED,
};

/* What a conversation says. Fields that the event does not have are zero. */
struct call_event {
	enum call_event_kind kind;
	uint64_t attempt;
	uint64_t field;      /* PROMPT: enum cw_field                                     */
	uint64_t tries;      /* PROMPT: of a PIN; UINT64_MAX: not told                    */
	bool secret;         /* PROMPT                                                    */
	bool handover;       /* SIGNED_IN                                                 */
	uint64_t wait_ms;    /* OVER                                                      */
	uint64_t session;    /* SIGNED_IN                                                 */
	uint64_t account;    /* SIGNED_IN                                                 */
	uint64_t failures;   /* SIGNED_IN                                                 */
	int64_t last_ms;     /* SIGNED_IN                                                 */
	int64_t failure_ms;  /* SIGNED_IN                                                 */
	char message[LIMIT_NAME];
	char text[LIMIT_WORDS];
	char notice[LIMIT_NAME]; /* SIGNED_IN                                              */
	uint8_t receipt[4096];   /* AUTHORIZED                                             */
	size_t n_receipt;
};

struct call {
	int fd;              /* -1: not connected                                         */
	uint64_t serial;     /* of the last request                                       */
	struct frame_writer writer;
	struct call_event pending; /* that came before it was waited for                  */
	struct frame reply;  /* points into `in`                                          */
	uint8_t out[LIMIT_FRAME];
	uint8_t in[LIMIT_FRAME];
};

/*
 * call_open() - connect, and look who answers
 * @path:        of the socket
 * @broker_uid:  uid that the broker may have besides root, "careward" and our
 *               own; UINT32_MAX: none
 *
 * Return: 0; -EPERM (somebody else holds the socket; *@ret_uid says who);
 * -ENOENT, -ECONNREFUSED, -EACCES and other -errno of connecting.
 */
int call_open(struct call *call, const char *path, uint32_t broker_uid, uint32_t *ret_uid);

/* Closes and wipes. A zeroed call with fd -1 is fine. */
void call_close(struct call *call);

/*
 * call_begin() - begin a request
 *
 * The body's keys are then written with the frame_*() functions; call_finish()
 * sends it and waits for its reply.
 *
 * Return: the writer, which is the call's.
 */
struct frame_writer *call_begin(struct call *call, enum protocol_verb verb);

/*
 * call_finish() - send it, wait for the reply
 * @fd:          descriptor that goes along; -1: none
 * @timeout_ms:  to wait for
 * @ret_result:  "result" of the reply
 *
 * call->reply.body holds until the next request or event. Events of a
 * conversation that come meanwhile are kept, the others are dropped.
 *
 * Return: 0; -EMSGSIZE (the request is too large); -ETIMEDOUT; -EPIPE (the broker
 * closed the connection); -EBADMSG (it does not speak the protocol); -errno.
 */
int call_finish(struct call *call, int fd, int timeout_ms, uint64_t *ret_result);

/*
 * call_event() - wait for the next event of a conversation
 * @attempt:  whose; others are dropped
 *
 * Return: as call_finish().
 */
int call_event(struct call *call, uint64_t attempt, int timeout_ms, struct call_event *ret_event);

/* Name of a verb of the protocol. */
const char *call_verb_name(enum protocol_verb verb);

#endif
