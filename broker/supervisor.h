/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_SUPERVISOR_H
#define BROKER_SUPERVISOR_H

/*
 * The supervisor: keeps an engine running, and what clients say while there is none
 *
 * It forks the engine, watches that it is alive, restarts it, and moves the
 * records of the clients' rings to the spool whenever no engine would. It reads
 * no file, parses nothing, allocates nothing after its start, and waits for
 * nothing but poll(): a hung disk hangs the engine and the spool's writer,
 * which are processes of their own.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/control.h"
#include "broker/seats.h"
#include "common/limits.h"

/* The one descriptor of an embedded engine: its client's connected socket. */
#define EMBEDDED_CLIENT_FD 3

/* What an engine is given. All descriptors are its own and close with it. */
struct engine_setup {
	bool embedded;        /* no supervisor: client_fd instead of control and listen */
	bool without_journal; /* an older engine hangs in the disk: do not touch it     */
	int control_fd;       /* CONTROL_FD, non-blocking; -1 when embedded             */
	int client_fd;        /* embedded: the one client; else -1                      */
	int state_fd;         /* state directory: CONTROL_STATE_FD; spool is in it      */
	int config_fd;        /* configuration directory, O_PATH: CONTROL_CONFIG_FD     */
	int token_fd;         /* CONTROL_TOKEN_FD; -1: no tokens                        */
	const char *config_path; /* the same by name, for messages and policy_read_file() */
	uint32_t n_seats;     /* 1..LIMIT_SEATS; embedded: 1                            */
	struct seat_socket seats[LIMIT_SEATS];  /* name, group, who may connect                */
	int listen_fds[LIMIT_SEATS];     /* CONTROL_FIRST_LISTEN_FD + i: listening,
	                                    non-blocking; embedded: -1                   */
	enum seats_source seats_source;  /* where the seats come from, for the journal  */
	uint64_t starts;      /* engines started before this one by this supervisor     */
	enum control_death death; /* how the previous one died                          */
	int death_code;       /* its exit status, or its signal                         */
	uint64_t lost;        /* ring records that found no room anywhere, since start  */
};

/*
 * An engine: runs until CONTROL_STOP or until the control socket ends, and
 * returns its exit status. SIGTERM, SIGINT, SIGHUP and SIGPIPE are ignored in
 * it: a service manager that signals the whole group does not cut it off.
 */
#define ENGINE_FUNCTION(name) int name(const struct engine_setup *setup)

/* Milliseconds. Zero members stand for the defaults named here. */
struct supervisor_times {
	uint32_t backoff_ms;       /* first wait before a restart: 10             */
	uint32_t backoff_most_ms;  /* it doubles up to here: 1000                 */
	uint32_t settled_ms;       /* an engine that lived so long resets it: 10000 */
	uint32_t hang_ms;          /* no CONTROL_ALIVE for so long: hung: 3000    */
	uint32_t kill_ms;          /* hung for so long: killed: 10000             */
	uint32_t start_ms;         /* before CONTROL_READY, killed after: 60000   */
	uint32_t stuck_ms;         /* killed and not gone: a second engine: 1000  */
	uint32_t drain_ms;         /* rings are looked at so often: 100           */
	uint32_t stale_ms;         /* a ring that no new engine names goes after: 60000 */
	uint32_t stop_ms;          /* a clean stop may take so long: 5000         */
};

struct supervisor_setup {
	ENGINE_FUNCTION((*engine));
	int state_fd;             /* directory, readable                           */
	int config_fd;            /* O_PATH                                        */
	int token_fd;             /* careward-token's socket; -1: no tokens        */
	const char *config_path;
	uint32_t n_seats;
	struct seat_socket seats[LIMIT_SEATS];
	int listen_fds[LIMIT_SEATS];
	enum seats_source seats_source;
	int ready_fd;             /* gets "1\n" when the engine first says READY, and is
	                             closed; -1: none                               */
	bool sandboxed;           /* load sandbox_supervisor()                     */
	struct supervisor_times times;
};

/*
 * supervisor_run() - run engines until SIGTERM or SIGINT
 * @setup:  borrowed; the descriptors stay the caller's, but ready_fd, which is
 *          closed when it has been written to
 *
 * The caller has dropped its privileges, has no other children (but careward-token,
 * which ends by itself and is only reaped) and no other threads, and wants SIGTERM,
 * SIGINT and SIGCHLD for nothing else.
 *
 * Return: 0 after a clean shutdown; -errno when it could not begin (-ENOMEM,
 * -EMFILE, -EINVAL for a setup without seat or engine, -EPERM from the sandbox).
 * Once begun, it never gives up.
 */
int supervisor_run(const struct supervisor_setup *setup);

#endif
