/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_REQUESTS_H
#define BROKER_REQUESTS_H

/*
 * The table of permitted requests
 *
 * One row a verb: in which phase, which keys, which built-in action. A handler
 * runs only when its row permits; what is not in the table is a protocol error.
 */

#include "broker/peer.h"

struct request {
	struct engine *engine;
	struct peer *peer;
	struct seat_runtime *seat;
	struct moment now;
	enum protocol_verb verb;
	const char *name;       /* of the verb                                        */
	uint64_t serial;
	struct frame_span body;
	int fd;                 /* that came along (hello: ring; check: content); -1   */
};

/* No built-in action is asked: whoever may connect may say it. */
#define REQUEST_OPEN UINT32_MAX

struct request_rule {
	const char *name;
	enum peer_phase phase;
	uint32_t builtin;       /* enum policy_builtin, or REQUEST_OPEN               */
	bool needs_store;       /* not-ready without database                         */
	bool needs_policy;
	const char *const *keys; /* NULL-terminated: all that may be in the body      */
	/* Return: 0 (answered, or will be); -EPROTO (protocol error); other -errno:
	 * answered as "failed". */
	int (*handle)(struct request *r);
	bool takes_fd;          /* one descriptor may come along                      */
};

extern const struct request_rule request_rules[VERB_N];

/*
 * request_handle() - one packet
 * @fds:  descriptors that came along; those not taken are closed by the caller
 *
 * Return: 0; -EPROTO: the connection has to be closed.
 */
int request_handle(struct peer *peer, const uint8_t *packet, size_t n, int *fds, uint32_t n_fds);

/*
 * request_decide() - a built-in action, for the seat's session at this moment
 *
 * The session must have been opened by a process of the same uid. A refusal is
 * recorded. Return: the verdict, and the reason for any but CW_ALLOW.
 */
enum cw_verdict request_decide(struct request *r, enum policy_builtin which,
                               enum cw_reason *ret_reason);

/* Answers. */
void reply_begin(struct request *r, struct frame_writer *w, enum protocol_result result);
void reply_send(struct request *r, struct frame_writer *w);
int reply(struct request *r, enum protocol_result result);
int reply_busy(struct request *r);
int reply_message(struct request *r, enum protocol_result result, const char *message);
int reply_denied(struct request *r, enum cw_verdict verdict, enum cw_reason reason);
/* "not-found" with the nearest known name, if there is one. */
int reply_nearest(struct request *r, const char *message, const char *nearest);
int reply_unknown_action(struct request *r, const char *name);
/* A refusal's entry: what was asked for, by which verb. */
void record_denied(struct request *r, const char *action, enum cw_reason reason);
/* -errno of auth/ or audit/ as an answer. Return: 0. */
int reply_errno(struct request *r, int error);

/* Answers that come later, when the request's struct is gone. */
struct later {
	struct engine *engine;
	uint64_t peer;
	uint64_t serial;
	enum protocol_verb verb;
};
struct later later_from(const struct request *r);
/* Return: the request again, or false when its connection has gone. */
bool later_resume(const struct later *later, struct request *ret_request);

/* Whoever's session the seat holds, as an actor for auth/. */
struct actor request_actor(const struct request *r);

/* "factor": what the person has chosen; nothing: what lies there. Return: false: no factor. */
bool request_factor(const struct request *r, enum cw_factor *ret_factor);

/* Arrays of names in a body. Return: count; -EPROTO. */
int request_names(const struct request *r, const char *key, char (*ret_names)[POLICY_NAME_SIZE],
                  uint32_t room);

/* Handlers, by noun. */
int handle_hello(struct request *r);          /* requests-seat.c */
int handle_status(struct request *r);
int handle_signal(struct request *r);
int handle_activity(struct request *r);
int handle_lock(struct request *r);
int handle_sign_out(struct request *r);
int handle_use(struct request *r);
int handle_attempt_begin(struct request *r);  /* attempts.c */
int handle_attempt_answer(struct request *r);
int handle_attempt_cancel(struct request *r);
int handle_authorize(struct request *r);
int handle_witness(struct request *r);
int handle_badge(struct request *r);          /* sights.c */
int handle_redeem(struct request *r);
int handle_approval_list(struct request *r);  /* requests-approvals.c */
int handle_approval_sign(struct request *r);
int handle_approval_refuse(struct request *r);
int handle_explain(struct request *r);        /* requests-config.c */
int handle_check(struct request *r);
int handle_config_install(struct request *r);
int handle_init(struct request *r);           /* requests-users.c */
int handle_user_add(struct request *r);
int handle_user_list(struct request *r);
int handle_user_disable(struct request *r);
int handle_user_enable(struct request *r);
int handle_user_reset(struct request *r);
int handle_user_role(struct request *r);
int handle_token_enrol(struct request *r);    /* requests-tokens.c */
int handle_token_list(struct request *r);
int handle_token_rename(struct request *r);
int handle_token_revoke(struct request *r);
int handle_token_export(struct request *r);   /* requests-move.c */
int handle_token_import(struct request *r);
int handle_history(struct request *r);        /* requests-audit.c */
int handle_verify(struct request *r);
int handle_review_list(struct request *r);
int handle_review_close(struct request *r);
int handle_keys(struct request *r);           /* requests-keys.c */

/* attempts.c */
/* Begins one and answers with its number. Return: 0 (answered); -errno of attempt_begin(). */
int attempts_begin(struct request *r, struct attempt_request *request);
void attempts_drop_peer(struct engine *engine, uint64_t peer);
void attempts_drop_seat(struct engine *engine, const struct seat_runtime *seat);
/* Wipes and frees all, once no worker holds a job any more. */
void attempts_end(struct engine *engine);
/* Is somebody being asked at this seat? */
bool attempts_any(const struct engine *engine, const struct seat_runtime *seat);
void attempts_tick(struct engine *engine, const struct moment *now);
/* Answers those that were open and were ended from another seat. */
void attempts_finish(struct engine *engine, const struct moment *now);

/* claims.c: records from sockets, rings and the spool. */
int claims_packet(struct peer *peer, const uint8_t *packet, size_t n);
void claims_drain_ring(struct peer *peer);
void claims_drain_spool(struct engine *engine);
void claims_flush_budget(struct peer *peer);
/* Writes again what could not be written, and what was joined. */
void claims_tick(struct engine *engine);
void claims_end(struct engine *engine);

#endif
