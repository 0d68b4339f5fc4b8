/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_ATTEMPT_H
#define AUTH_ATTEMPT_H

/*
 * The insides of an attempt, for the files signin-*.c and their tests
 *
 * The machine is the table in signin-table.c: where an attempt stands, what
 * happened, what is done, where it stands then. An action does its work and
 * says what happened next, or ATTEMPT_EV_NONE when the attempt has to wait.
 */

#include "auth/approval.h"
#include "auth/lockout.h"
#include "auth/password.h"
#include "auth/signin.h"

enum attempt_state {
	ATTEMPT_ST_OVER = 0, /* nothing opens from here                          */
	ATTEMPT_ST_BEGIN,
	ATTEMPT_ST_NAME,     /* who are you?                                     */
	ATTEMPT_ST_PASSWORD, /* the password of whoever it is                    */
	ATTEMPT_ST_TRYING,   /* it is being hashed; the try is counted           */
	ATTEMPT_ST_JUDGED,
	ATTEMPT_ST_NEW,    /* a new password                                   */
	ATTEMPT_ST_AGAIN,  /* and once more                                    */
	ATTEMPT_ST_MAKING, /* it is being hashed                               */
	ATTEMPT_ST_MADE,
	ATTEMPT_ST_CODE, /* the recovery code                                */
	ATTEMPT_ST_CODE_TRYING,
	ATTEMPT_ST_CODE_JUDGED,
	ATTEMPT_ST_ADMIN,   /* name of the administrator to be made             */
	ATTEMPT_ST_CONFIRM, /* yes to the words                                 */
	ATTEMPT_ST_APPROVING,
	ATTEMPT_ST_SECOND, /* name of the second person                        */
	ATTEMPT_ST_SECOND_PASSWORD,
	ATTEMPT_ST_SECOND_TRYING,
	ATTEMPT_ST_SECOND_JUDGED,
	ATTEMPT_ST_SECOND_CONFIRM,
	ATTEMPT_N_STATES,
};

enum attempt_event {
	ATTEMPT_EV_NONE = 0, /* wait                                             */
	ATTEMPT_EV_ASK_NAME, /* how it begins                                    */
	ATTEMPT_EV_ASK_PASSWORD,
	ATTEMPT_EV_ASK_CODE,
	ATTEMPT_EV_ANSWER, /* from outside                                     */
	ATTEMPT_EV_HASHED,
	ATTEMPT_EV_BUSY,
	ATTEMPT_EV_CANCEL,
	ATTEMPT_EV_TIMEOUT,
	ATTEMPT_EV_RIGHT, /* from the actions                                 */
	ATTEMPT_EV_MUST_CHANGE,
	ATTEMPT_EV_CONFIRM,
	ATTEMPT_EV_SECOND,
	ATTEMPT_EV_FAULT,
	ATTEMPT_EV_REFUSED, /* has no row anywhere: it is over                  */
	ATTEMPT_N_EVENTS,
};

typedef enum attempt_event attempt_action(struct attempt *a, const struct moment *now);

struct attempt_cell {
	enum attempt_state next;
	attempt_action *action; /* NULL: an empty cell: the end                        */
};

/* The cell; an empty one for anything out of range. */
const struct attempt_cell *attempt_cell(unsigned state, unsigned event);

/* One person of the attempt, and what the store says about the name. */
struct person {
	char name[LIMIT_NAME]; /* as typed, normalised; empty: not a name             */
	bool by_number;        /* the session's owner                                 */
	uint32_t number;
	bool is_known;
	bool is_damaged;
	bool has_password;
	struct account account;
	struct password password;
	struct lockout_key key;
	struct lockout lockout; /* as it holds if the try fails                        */
	bool is_counted;        /* and neither cleared nor left standing               */
	bool is_proved;         /* PASSWORD_YES, in this attempt                       */
};

/* What a route adds to the table. */
struct route {
	struct attempt_route row;
	enum attempt_event first;
	enum attempt_event right; /* what a proved person leads to                      */
	enum audit_event event;
	bool needs_session; /* an open one                                        */
	bool needs_unlocked;
	int (*find)(struct attempt *a, struct person *person);
	/* Inside the transaction of a success. Return: 0; -errno. */
	int (*finish)(struct attempt *a, const struct moment *now);
};

struct attempt {
	struct auth *auth;
	struct seat *seat;
	struct actor actor;
	const struct route *route;
	enum attempt_state state;
	enum attempt_want want;
	struct attempt_prompt prompt;
	uint64_t deadline_ms;
	uint64_t session;  /* on the screen when it began; 0: nobody             */
	bool has_answered; /* or a name was claimed: its end is worth a record   */
	bool is_unusable;  /* the answer can be no password                      */
	bool is_made;      /* a new verifier stands in `made`                    */
	uint32_t n_faults;
	const char *fault;       /* message id for the next prompt; NULL: none         */
	int error;               /* of the store: returned to the caller               */
	struct secret *answer;   /* during attempt_answer() only                       */
	struct secret old;       /* proved; until the new one is accepted              */
	struct secret candidate; /* the new one                                        */
	struct verifier made;
	struct person first;
	struct person second;
	struct person *who; /* whose password is asked                            */
	struct password_job job;
	bool has_approval;
	struct approval_request approval;
	uint8_t nonce[16];
	char admin[LIMIT_NAME]; /* recovery: the account to be made                   */
	struct attempt_result result;
};

/* What an attempt may go round in circles. */
#define ATTEMPT_FAULTS_MAX 10u

/* Row of the approvals in the table of routes. */
#define ATTEMPT_APPROVAL ((enum cw_purpose)0)
const struct route *attempt_route_of(enum cw_purpose purpose);

/* Asks; what was asked before is forgotten. */
enum attempt_event attempt_ask(struct attempt *a, const struct moment *now, enum cw_field field,
			       bool is_secret, const char *message, const char *text);

/* Ends with a message. Return: ATTEMPT_EV_REFUSED. */
enum attempt_event attempt_end(struct attempt *a, const char *message);
/* Ends because the store failed: nothing was opened. Return: ATTEMPT_EV_REFUSED. */
enum attempt_event attempt_fail(struct attempt *a, int error);

/* An entry of this attempt about @person (NULL: nobody). */
void attempt_entry(const struct attempt *a, const struct person *person, const struct moment *now,
		   enum audit_event event, enum audit_outcome outcome,
		   struct journal_entry *ret_entry);
/* One entry in a transaction of its own; with @person, its try is taken back. */
int attempt_record(struct attempt *a, struct journal_entry *entry, struct person *uncount,
		   const struct moment *now);

/* signin-person.c */
int person_find(struct attempt *a, struct person *person);
int person_find_recovery(struct attempt *a, struct person *person);
/* NULL: may be let in, with what the store says now. Otherwise: why not. */
const char *person_trouble(const struct attempt *a, const struct person *person,
			   const struct moment *now);
/* Reads again what may have changed since. Return: 0; -ESTALE; -EIO. */
int person_again(struct attempt *a, struct person *person);
bool person_must_change(const struct attempt *a, const struct person *person,
			const struct moment *now);

/* Success: one transaction with everything. Return: 0; -ESTALE; -errno. */
int attempt_commit(struct attempt *a, const struct moment *now);
int finish_sign_in(struct attempt *a, const struct moment *now);
int finish_unlock(struct attempt *a, const struct moment *now);
int finish_reauth(struct attempt *a, const struct moment *now);
int finish_change(struct attempt *a, const struct moment *now);
int finish_recover(struct attempt *a, const struct moment *now);

/* Roles that grant careward.accounts, by the policy in force. */
void attempt_admins(const struct policy *policy, struct admin_rule *ret_rule);

/* Is there any way to this approval, with a password? Return: CW_REASON_NONE: yes. */
enum cw_reason approval_obstacle(const struct attempt *a, const struct moment *now,
				 bool *ret_is_fresh);
enum attempt_event approval_refuse(struct attempt *a, const struct moment *now,
				   enum audit_outcome outcome, enum cw_reason reason,
				   const char *message);

/* The actions, by the file that they stand in. */
attempt_action ask_name, take_name, ask_password, try_password, judge, note_busy;  /* try */
attempt_action note_cancel, note_timeout, finish;                                  /* end */
attempt_action ask_new, take_new, take_again, judge_new, busy_new;                 /* change */
attempt_action ask_code, judge_code, ask_admin, take_admin;                        /* recover */
attempt_action start_confirm, take_confirm, ask_second, take_second, judge_second; /* approve */
attempt_action ask_second_confirm, take_second_confirm, give;

#endif
