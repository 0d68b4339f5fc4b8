/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_ENGINE_H
#define BROKER_ENGINE_H

/*
 * The engine: one process, one loop, one owner of database and keys
 *
 * It carries: packets in, answers out, pages published, time passed on. What is
 * allowed is decided in policy/ and auth/; what happened is kept by audit/.
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "audit/journal.h"
#include "audit/store.h"
#include "auth/emergency.h"
#include "auth/seat.h"
#include "auth/signin.h"
#include "broker/clock.h"
#include "broker/spool.h"
#include "broker/supervisor.h"
#include "broker/worker.h"
#include "common/limits.h"
#include "policy/config.h"
#include "wire/frame.h"
#include "wire/page.h"

#define ENGINE_LEASE_MS 5000u
#define ENGINE_TICK_MS 1000u
#define ENGINE_SHOWN_MS 10000u  /* a tap waits so long for the attempt that it is for    */
#define ENGINE_REASON_MS 5000u /* after an emergency, before its reason is asked for    */

/* Alarms of Careward's own, each a message id that `status` and the screen show. */
#define ENGINE_REFUSAL 544u /* bytes of why a file is refused, with NUL                */

enum engine_alarm {
	ALARM_NONE = 0,
	ALARM_STORE_MISSING,  /* database or keys are missing or damaged              */
	ALARM_STORE_NEWER,    /* the database is whole, and for a newer release only  */
	ALARM_STORE_FAILED,   /* writing failed; tried again every second             */
	ALARM_NO_JOURNAL,     /* an older engine hangs in the disk                    */
	ALARM_CONFIG_REFUSED, /* a configuration file is refused; the last good one runs */
	ALARM_CONFIG_FOREIGN, /* a configuration file is not the installed one        */
	ALARM_CONFIG_NONE,    /* no valid configuration at all: only compiled-in care */
	ALARM_CLOCK,          /* the wall clock is not believed                       */
	ALARM_NOT_ISOLATED,   /* embedded engine                                      */
	ALARM_ENGINE_DIED,    /* the engine had to be restarted                       */
	ALARM_RECORDS_LOST,   /* records found no room                                */
	ALARM_RECOVERED,      /* the recovery code was used                           */
	ALARM_AUTHORITIES,    /* an authority or revocation list of cards is not usable */
	ALARM_TOKENS,         /* cards, keys and readers are configured and do not work */
	ALARM_SEAL,           /* the journal goes on, and its epochs are not signed    */
	ALARM_ROWS,           /* rows of emergencies are not what the journal says    */
	ALARM_N,
};

const char *engine_alarm_name(enum engine_alarm alarm);

struct peer;
struct engine;
struct tokens;
struct ring;

/* So many in a second; what is over is counted. */
struct budget {
	uint64_t second;
	uint32_t used;
	uint64_t over;
};

struct seat_runtime {
	struct seat seat;
	struct engine *engine;
	struct seat_socket socket;
	struct state_page *page;
	int page_fd;
	bool page_sealed;
	struct policy_state published;
	uint32_t session_uid;  /* uid whose process opened the session                  */
	struct token_sight card; /* that lies in a reader of the seat; kind 0: none     */
	struct token_sight shown; /* what was held to it last: badge, key               */
	uint64_t shown_ms;     /* boot time of that; it is forgotten after 10 s         */
	bool reason_wanted;    /* an emergency ended, and nobody has said why           */
	uint8_t reason_id[16]; /* that emergency                                       */
	uint64_t reason_ms;    /* boot time of its end                                 */
	uint8_t reason_given[16]; /* emergency of the last reason                      */
	uv_poll_t *listen;     /* NULL: embedded                                        */
	uint32_t n_peers;
	struct budget drained; /* from rings of clients that have gone; by the minute    */
	uint64_t compile_after_ms; /* the next one not before; CLOCK_BOOTTIME            */
	struct budget compiles; /* configurations checked on request                    */
	struct budget noise;   /* entries about what is no request                       */
};

struct attempt_slot {
	struct attempt *attempt; /* NULL: free                                          */
	uint64_t number;
	uint64_t peer;           /* number of the connection; 0: it has gone            */
	uint32_t peer_uid;
	struct seat_runtime *seat;
	struct engine *engine;
	struct password_job *job; /* of the attempt, while hashing                        */
	uint64_t token_job;      /* of the helper that looks or signs for it; 0: none   */
	bool hashing;            /* the worker has its job: may not be freed            */
	bool dropped;            /* free it when the worker is done                     */
	bool is_open;            /* another seat may sign what it asks                  */
	uint32_t told;           /* bits of the seats that were told so                 */
};

#define ENGINE_ATTEMPTS (LIMIT_ATTEMPTS * LIMIT_SEATS)

/* A ring whose client has gone before it could be written down. */
struct ring_left {
	struct ring_left *next;
	const struct ring *ring;
	struct seat_runtime *seat;
	uint64_t number;         /* of the connection                                     */
	uint32_t uid;
};

#define ENGINE_RINGS_LEFT 64u

struct engine {
	uv_loop_t loop;
	bool has_loop;
	const struct engine_setup *setup;
	struct clock clock;
	struct keystore *keys;   /* NULL: none                                          */
	struct store *store;     /* NULL: none                                          */
	int store_error;         /* why there is no store, if that may pass; 0: it may not */
	bool initialised;        /* somebody can sign in                                */
	struct policy *policy;   /* NULL: no valid one                                  */
	int policy_fd;           /* page of it; -1                                      */
	uint64_t generation;
	struct auth auth;
	uint32_t arena_kib;      /* of the hashing worker's arena                        */
	struct worker *hasher;
	struct worker *reader;
	struct worker *helper;   /* of the reading worker                                */
	struct tokens *tokens;
	struct authorities *authorities;
	uint32_t n_seats;
	struct seat_runtime seats[LIMIT_SEATS];
	struct peer *peers;      /* list                                                */
	uint64_t next_peer;
	uint64_t next_attempt;
	struct attempt_slot attempts[ENGINE_ATTEMPTS];
	struct spool *spool;
	struct ring_left *left;  /* list                                                */
	uint32_t n_left;
	bool alarms[ALARM_N];
	char refusals[4][ENGINE_REFUSAL]; /* by enum config_kind: file, line, why; ""    */
	bool foreign[4];         /* ... the file is not what was installed              */
	bool is_uncompiled;      /* what is installed does not compile: no file mends it */
	_Atomic bool stopping;   /* the reading worker looks at it, too                    */
	uint64_t ticks;
	bool any_failed;         /* a connection waits for peers_reap()                   */
	uint64_t copied_seq;     /* journal_accounts_seq() of the copy of the accounts     */
	bool copied;
	uint64_t sealed_ms;      /* boot time of the last seal                            */
	uint64_t log_kept_ms;    /* when a reader kept the log from being moved          */
	uv_timer_t *timer;
	uv_prepare_t *before;    /* runs before the loop waits                            */
	uv_poll_t *control;
	uint8_t out[LIMIT_FRAME]; /* the frame being written; wiped after each          */
};

/*
 * engine_main() - the engine's whole life (ENGINE_FUNCTION)
 *
 * Return: exit status: 0 after CONTROL_STOP, 1 when it could not begin.
 */
int engine_main(const struct engine_setup *setup);

struct moment engine_now(struct engine *engine);

/* The policy in force; without one, an empty policy that grants nothing. Never NULL. */
const struct policy *engine_policy(const struct engine *engine);

/* Raises or ends an alarm; a change is recorded and told to every seat. */
void engine_alarm(struct engine *engine, enum engine_alarm alarm, bool on);

/*
 * engine_record() - one entry of the engine's own, outside of any request
 *
 * Fills in the time and NOT_ISOLATED. Return: 0; -errno (an alarm is raised).
 */
int engine_record(struct engine *engine, struct journal_entry *entry);

/* After a failure of the store: raises the alarm and lets the tick reopen it. */
void engine_store_failed(struct engine *engine, int error);

/* In the middle of long work: still alive, and the pages hold on. */
void engine_breathe(struct engine *engine);

/* Publishes the seat's state if it changed or @force, and tells its connections. */
void engine_publish(struct engine *engine, struct seat_runtime *seat, bool force);
void engine_publish_all(struct engine *engine, bool force);

/* Puts a policy into force: page, attempts, sessions. Takes it over. Return: 0; -errno. */
int engine_set_policy(struct engine *engine, struct policy *policy);

/* Opens or makes database and keys, whatever is there; raises alarms for the rest. */
void engine_open_store(struct engine *engine);
/* Would the next engine have its store? One that another engine holds is not touched. */
bool engine_store_is_back(const struct engine *e);
/* Was something taken out of the database while nobody looked? */
void engine_check_rows(struct engine *e);

/* Ends the loop, and with it the engine, in good order. */
void engine_stop(struct engine *engine);

/* Tells the supervisor of a ring that came, or of one whose records are all durable. */
void engine_ring_came(struct engine *engine, const struct peer *peer, int fd);
void engine_ring_gone(struct engine *engine, uint64_t number);

/* Something came to a reader, or went: tells the reader's seat. */
void seats_see(struct engine *engine, const struct token_sight *sight);

/* After an emergency began, ended or was asked about: publishes and tells. */
void engine_tell_emergency(struct engine *engine, struct seat_runtime *seat, const uint8_t id[16],
                           const char *event, const char *how);

#endif
