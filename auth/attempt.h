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
#include "auth/token.h"
#include "tokens/challenge.h"

enum attempt_state {
	ATTEMPT_ST_OVER = 0, /* nothing opens from here                          */
	ATTEMPT_ST_BEGIN,
	ATTEMPT_ST_NAME,     /* who are you?                                     */
	ATTEMPT_ST_NAMED,    /* said, chosen or presented: how is it proved?     */
	ATTEMPT_ST_CHOICE,   /* by card or by key?                               */
	ATTEMPT_ST_PASSWORD, /* the password of whoever it is                    */
	ATTEMPT_ST_DIGITS,   /* the code that goes with the badge                */
	ATTEMPT_ST_TRYING,   /* either is being hashed; the try is counted       */
	ATTEMPT_ST_INSERT,   /* a token is to be presented                       */
	ATTEMPT_ST_LOOKING,  /* a helper looks what is there                     */
	ATTEMPT_ST_LOOKED,
	ATTEMPT_ST_WARNED,  /* the last try of the PIN: really?                 */
	ATTEMPT_ST_PIN,     /* the PIN of the token                             */
	ATTEMPT_ST_SIGNING, /* a helper lets it sign                            */
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
	ATTEMPT_ST_SECOND, /* name of the second person, who is then proved likewise */
	ATTEMPT_ST_SECOND_READS, /* the words, before the second person's token signs them */
	ATTEMPT_ST_SECOND_CONFIRM,
	ATTEMPT_ST_ENROL, /* for somebody: what comes next?                   */
	ATTEMPT_ST_ENROL_INSERT,
	ATTEMPT_ST_ENROL_LOOKING,
	ATTEMPT_ST_ENROL_CHOICE, /* which of the certificates or keys?            */
	ATTEMPT_ST_ENROL_WARNED,
	ATTEMPT_ST_ENROL_PIN,
	ATTEMPT_ST_ENROL_SIGNING,
	ATTEMPT_ST_ENROL_CODE, /* a new code for a badge                        */
	ATTEMPT_ST_ENROL_AGAIN,
	ATTEMPT_ST_ENROL_MAKING,
	ATTEMPT_N_STATES,
};

enum attempt_event {
	ATTEMPT_EV_NONE = 0, /* wait                                             */
	ATTEMPT_EV_ASK_NAME, /* how it begins                                    */
	ATTEMPT_EV_ASK_PASSWORD,
	ATTEMPT_EV_ASK_CODE,
	ATTEMPT_EV_ENROL,
	ATTEMPT_EV_CHOOSE, /* ways to prove who it is                          */
	ATTEMPT_EV_INSERT,
	ATTEMPT_EV_LOOK,
	ATTEMPT_EV_BADGE, /* presented: whose is it?                          */
	ATTEMPT_EV_ASK_DIGITS,
	ATTEMPT_EV_TAPPED, /* the tap is enough                                */
	ATTEMPT_EV_WARN,
	ATTEMPT_EV_ASK_PIN,
	ATTEMPT_EV_SIGN,
	ATTEMPT_EV_ANSWER, /* from outside                                     */
	ATTEMPT_EV_HASHED,
	ATTEMPT_EV_BUSY,
	ATTEMPT_EV_PRESENTED,
	ATTEMPT_EV_FOUND,
	ATTEMPT_EV_TOUCHED,
	ATTEMPT_EV_SIGNED,
	ATTEMPT_EV_TOKEN_FAILED,
	ATTEMPT_EV_CANCEL,
	ATTEMPT_EV_TIMEOUT,
	ATTEMPT_EV_RIGHT, /* from the actions                                 */
	ATTEMPT_EV_MUST_CHANGE,
	ATTEMPT_EV_CONFIRM,
	ATTEMPT_EV_SECOND,
	ATTEMPT_EV_SECOND_PROVED,
	ATTEMPT_EV_READ,     /* the second person has to see the words first     */
	ATTEMPT_EV_APPROVED, /* a token has signed them                          */
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
	bool is_named;         /* said, whether or not it is a name                   */
	char name[LIMIT_NAME]; /* as typed, normalised; empty: not a name             */
	bool by_number;        /* the session's owner                                 */
	uint32_t number;
	char alias[LIMIT_NAME]; /* of a token that nobody has: shares a row of lockout */
	enum cw_factor factor; /* that is being tried; 0: the password               */
	struct token token;    /* enrolled row that it is tried with; number 0: none  */
	uint32_t counter;      /* of the key, to be stored with the success           */
	bool is_known;
	bool is_damaged;
	bool has_password;
	struct account account;
	struct password password;
	struct lockout_key key;
	struct lockout lockout; /* as it holds if the try fails                        */
	bool is_counted;        /* and neither cleared nor left standing               */
	bool is_proved;         /* PASSWORD_YES or TOKEN_YES, or tapped; in this attempt */
	enum cw_assurance assurance; /* how sure, once it is proved                   */
	const char *note;       /* let in by a rule of the site: for the record; or NULL */
	char reader[LIMIT_NAME]; /* where the token lies                              */
};

/* The token that an attempt is about to let sign. Zeroed: none. */
struct held {
	bool is_chosen;      /* the person asked for this factor: no other instead       */
	enum cw_factor factor;
	struct token_sight sight; /* presented; kind 0: nothing                         */
	uint32_t candidate;
	uint32_t skip;       /* candidates that could not, of the looks before          */
	uint32_t n;
	bool needs_pin;
	bool has_pad;
	bool is_final;       /* a wrong PIN locks it                                    */
	bool is_locked;
	bool is_warned;
	bool wants_pin;      /* it said so in the attempt before                        */
	uint32_t tries_left;
	struct secret pin;
	bool has_challenge;  /* made, and not used                                      */
	struct challenge challenge;
	uint8_t digest[32];
};

/* One of several that could be enrolled. */
struct enrol_choice {
	char id[LIMIT_NAME];   /* tells it from the others; empty: none               */
	char name[LIMIT_NAME]; /* for the screen of whoever enrols                    */
};

/* What is being enrolled, for a->first. Zeroed: nothing. */
struct enrolment {
	struct token token;
	struct enrol_choice picked;
	uint32_t n_choices;
	struct enrol_choice choices[TOKEN_CANDIDATES_MAX];
	bool is_made; /* a security key has made its credential, and signs now      */
};

/* What a route adds to the table. */
struct route {
	struct attempt_route row;
	enum attempt_event first;
	enum attempt_event right; /* what a proved person leads to                      */
	enum audit_event event;
	bool needs_session; /* an open one                                        */
	bool needs_unlocked;
	bool takes_tokens;
	bool takes_badges; /* a tap is something here                                */
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
	uint32_t voids;    /* of that session, when it began                     */
	bool has_answered; /* or a name was claimed: its end is worth a record   */
	bool is_unusable;  /* the answer can be no password                      */
	bool is_made;      /* a new verifier stands in `made`                    */
	uint32_t n_faults;
	const char *fault;       /* message id for the next prompt; NULL: none         */
	int error;               /* of the store: returned to the caller               */
	struct secret *answer;   /* during attempt_answer() only                       */
	/* During the call that brings it only. */
	const struct token_found *found;
	const struct token_answer *reply;
	enum token_error token_error;
	bool needs_strong;       /* a token of the person, and nothing else            */
	struct held held;
	struct attempt_token token;
	struct token_sight removed; /* the first person's card, since it was looked at   */
	struct enrolment enrol;
	struct secret old;       /* proved; until the new one is accepted              */
	struct secret candidate; /* the new one                                        */
	struct verifier made;
	struct person first;
	struct person second;
	struct person *who; /* whose password is asked                            */
	struct password_job job;
	bool has_approval;
	struct approval_request approval;
	bool signs;              /* the first person's token signs what was shown      */
	bool has_read;           /* the second person has said yes to the words        */
	uint32_t read_by;        /* whose card it was then; 0: nobody's                */
	char reason[LIMIT_TEXT]; /* why somebody said no                               */
	struct moment asked_at; /* a second person was asked for; boot_ms 0: not yet   */
	struct attempt *asked; /* whose approval it signs, at another seat; NULL: its own */
	struct receipt_signature signatures[RECEIPT_PERSONS]; /* by person - 1; person 0: none */
	struct witness_request witness;
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

/* Asked again, with what is wrong; not for ever. Return: @event; ATTEMPT_EV_CANCEL. */
enum attempt_event attempt_again(struct attempt *a, const char *message, enum attempt_event event);

/* signin-person.c */
int person_find(struct attempt *a, struct person *person);
/* Somebody with a token of this kind: not known by another one any more. Return: 0; -EIO. */
int person_comes(struct attempt *a, enum cw_factor factor);
/* The row of a token that counts for a->who. Return: 1; 0 (nobody's, or another's); -EIO. */
int person_token(struct attempt *a, enum cw_factor factor, const uint8_t *id, size_t n,
		 struct token *ret_token);
int person_find_recovery(struct attempt *a, struct person *person);
/* NULL: may be let in, with what the store says now. Otherwise: why not. */
const char *person_trouble(const struct attempt *a, const struct person *person,
			   const struct moment *now);
/* Reads again what may have changed since. Return: 0; -ESTALE; -EIO. */
int person_again(struct attempt *a, struct person *person);
/* Is it proved by something that the person holds, the code of a badge included? */
bool person_uses_token(const struct person *person);
bool person_must_change(const struct attempt *a, const struct person *person,
			const struct moment *now);

/* signin-choose.c */
/* How it begins: by what the request says, what lies there, what is needed. */
enum attempt_event attempt_way(struct attempt *a, const struct attempt_request *request);
/* Who it is has been said: how is it proved? */
enum attempt_event attempt_way_named(struct attempt *a);
/* The token cannot be used: by something else, with @message, or over. */
enum attempt_event attempt_way_instead(struct attempt *a, const char *message);
/* Is it something for this attempt, as it stands? */
bool attempt_takes(const struct attempt *a, const struct token_sight *sight);
bool attempt_has_factor(const struct attempt *a, enum cw_factor factor);

/* Success: one transaction with everything. Return: 0; -ESTALE; -errno. */
int attempt_commit(struct attempt *a, const struct moment *now);
int person_store_counter(struct attempt *a, struct person *person, const struct moment *now);
bool person_detail(const struct person *person, char ret_detail[static LIMIT_NAME]);
void result_take_person(struct attempt_result *result, const struct person *person);
int finish_enrol(struct attempt *a, const struct moment *now);
int finish_sign_in(struct attempt *a, const struct moment *now);
int finish_unlock(struct attempt *a, const struct moment *now);
int finish_reauth(struct attempt *a, const struct moment *now);
int finish_change(struct attempt *a, const struct moment *now);
int finish_recover(struct attempt *a, const struct moment *now);
int finish_witness(struct attempt *a, const struct moment *now);
int finish_countersign(struct attempt *a, const struct moment *now);

/* signin-witness.c. Return: 0; -EINVAL (no care action that asks for a witness). */
int witness_take(struct attempt *a, const struct witness_request *request);

/* Roles that grant careward.accounts, by the policy in force. */
void attempt_admins(const struct policy *policy, struct admin_rule *ret_rule);

/*
 * Is there any way to this approval?
 * @ret_need:  what the person has to be proved with: PASSWORD or STRONG
 *
 * Return: CW_REASON_NONE: yes.
 */
enum cw_reason approval_obstacle(const struct attempt *a, const struct moment *now,
				 bool *ret_is_fresh, enum cw_assurance *ret_need);
enum attempt_event approval_refuse(struct attempt *a, const struct moment *now,
				   enum audit_outcome outcome, enum cw_reason reason,
				   const char *message);

/*
 * signin-countersign.c
 *
 * The attempt that asks for the approval: itself, or the one at another seat.
 */
struct attempt *approval_asked(struct attempt *a);
const struct seat *approval_seat(const struct attempt *a);
/* Is the asking seat as it was when it asked? */
bool approval_holds(const struct attempt *a, const struct moment *now);
/* Return: what happens first; -ESTALE in *@ret_r (not open for this person). */
enum attempt_event countersign_begin(struct attempt *a, const struct attempt_request *request,
				     const struct moment *now, int *ret_r);
/* The second person's no, at another seat, ends what was asked for, too. */
void countersign_refused(struct attempt *a);
/* The receipt is the other seat's. */
void countersign_given(struct attempt *a);
/* Over: secrets go. */
void attempt_close(struct attempt *a);
void attempt_take_reason(struct attempt *a, const uint8_t *p, size_t n);
/* signin-approve.c */
enum cw_reason second_obstacle(const struct attempt *a, const struct account *second,
			       enum cw_assurance assurance, const struct moment *now);

/* The actions, by the file that they stand in. */
attempt_action ask_name, take_name, ask_password, try_password, judge, note_busy;  /* try */
attempt_action ask_choice, take_choice, take_presented;                            /* choose */
attempt_action ask_insert, look_again, look, take_found, judge_failed;             /* token */
attempt_action ask_last_try, take_last_try, ask_pin, take_pin;                     /* pin */
attempt_action let_sign, show_touch, judge_token;                                  /* prove */
attempt_action take_badge, ask_digits, judge_badge;                                /* badge */
attempt_action enrol_start, enrol_again, enrol_presented, enrol_look, enrol_found; /* enrol */
attempt_action enrol_ask_choice, enrol_choose, enrol_sign, enrol_judge, enrol_failed;
attempt_action enrol_ask_code, enrol_take_code, enrol_take_again, enrol_judge_code; /* enrolled */
attempt_action enrol_busy, enrol_finish, enrol_cancel, enrol_timeout;
attempt_action note_cancel, note_timeout, finish;                                  /* end */
attempt_action ask_new, take_new, take_again, judge_new, busy_new;                 /* change */
attempt_action ask_code, judge_code, ask_admin, take_admin;                        /* recover */
attempt_action start_confirm, take_confirm, ask_second, take_second;               /* approve */
attempt_action ask_second_confirm, take_second_confirm, give;
attempt_action take_second_reads, confirm_signed;

#endif
