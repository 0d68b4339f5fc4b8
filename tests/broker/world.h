/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_WORLD_H
#define TESTS_BROKER_WORLD_H

/*
 * A private device: the real carewardd in a directory of its own
 *
 * As root the broker runs as one uid and callers as another; otherwise both are
 * the same, and tests that need two say that they are skipped.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/frame.h"
#include "wire/page.h"
#include "wire/protocol.h"
#include "wire/ring.h"

#define BROKER_UID 65534u /* nobody                                                 */
#define UI_UID 12345u     /* no such user: nothing belongs to it                    */

struct world {
	char dir[128];
	char config[160], state[160], run[160];
	pid_t pid; /* supervisor; 0: not running                                   */
	int ready_fd;
	const char *token_helper; /* NULL: none; becomes the user "games"               */
	const char *log; /* file that takes what it says; NULL: our own standard error   */
	unsigned files; /* descriptors that carewardd may have; 0: as usual            */
	const char *carewardd; /* the program                                          */
};

/* Makes the directory with the infusion pump's profile. Fails the test on any error. */
void world_make(struct world *w);
/* The same, with @dir as its directory, a profile from @profile, and @carewardd to run. */
void world_make_of(struct world *w, const char *dir, const char *profile, const char *carewardd);
/* Starts carewardd and waits until it is ready. */
void world_start(struct world *w);
void world_spawn(struct world *w); /* Starts it, and waits for nothing.             */
void world_stop(struct world *w); /* SIGTERM, waits                                */
void world_kill(struct world *w); /* SIGKILL to the supervisor and its children    */
void world_remove(struct world *w);
/* The engine's pid: the child of the supervisor that holds the database. */
pid_t world_engine(const struct world *w);
/* Replaces text in a configuration file. */
void world_edit(const struct world *w, const char *file, const char *from, const char *to);
bool world_has_two_uids(void);

/* A caller: one connection, blocking, with a deadline of 10 s for everything. */
struct caller {
	int fd;
	uint64_t serial;
	uint8_t packet[LIMIT_FRAME];
	size_t n;
	struct frame frame;       /* the last one received                          */
	int fds[2];
	int n_fds;
	const struct policy_table *policy;
	const struct state_page *page;
	struct ring *ring;
	uint8_t boot[16];
};

/* Connects as @uid (0: as oneself). Return: 0; -errno. */
int caller_connect(struct caller *c, const struct world *w, const char *seat, uint32_t uid);
/* Connects and says hello; the pages are mapped. Fails the test. */
void caller_open(struct caller *c, const struct world *w, const char *seat);
void caller_open_as(struct caller *c, const struct world *w, const char *seat, uint32_t uid);
void caller_close(struct caller *c);
/* The same for a broker that may die at any moment. Return: 0; -errno, and closed. */
int caller_try_open(struct caller *c, const struct world *w, const char *seat);

/* A request: caller_begin(), frame_*(), caller_send(). */
void caller_begin(struct caller *c, struct frame_writer *w, uint8_t *buffer, size_t n,
                  const char *verb);
void caller_send(struct caller *c, struct frame_writer *w);
/* Waits for the reply to the last request; events before it are dropped. Return: result. */
uint64_t caller_reply(struct caller *c);
/* The same. Return: 0; -ECONNRESET, also when nothing comes. */
int caller_try_reply(struct caller *c, uint64_t *ret_result);
/* Waits for an event of this name. Return: false when the connection ended first. */
bool caller_event(struct caller *c, const char *name);
/* The next frame of any kind. Return: 1; 0 nothing within @ms; -ECONNRESET. */
int caller_next(struct caller *c, int ms);
/* Is the connection closed by the broker (within 5 s)? */
bool caller_is_closed(struct caller *c);

/* A request without arguments. Return: result. */
uint64_t caller_call(struct caller *c, const char *verb);

/* Conversations. Return: the event that ended it: "signed-in", "attempt-over", "authorized". */
struct answer {
	uint64_t field; /* enum cw_field                                            */
	const char *value;
};
const char *caller_converse(struct caller *c, const struct answer *answers, size_t n);
const char *caller_attempt(struct caller *c, uint64_t purpose, const char *name,
                           const struct answer *answers, size_t n);

/* init with an administrator "anna"; her password afterwards. Fails the test. */
#define ADMIN_PASSWORD "correct horse battery staple"
#define STAFF_PASSWORD "seven quiet green bicycles"
void world_commission(const struct world *w, struct caller *service, char ret_recovery[64]);
/* Creates an account with a role and gives it STAFF_PASSWORD at the seat of @c. */
void world_add(struct caller *service, struct caller *c, const char *name, const char *role);
/* Signs in with STAFF_PASSWORD (or ADMIN_PASSWORD for anna). Fails the test. */
void caller_sign_in(struct caller *c, const char *name);

/* Ring records. */
void record_make(const struct caller *c, struct ring_record *r, uint8_t kind,
                 const uint8_t id[16], uint64_t serial, uint64_t deadline_in_ms);
void caller_record(struct caller *c, struct ring_record *r);
uint64_t boot_now_ms(void);

/* How many entries the history has for an event (as a signed-in reader). */
uint64_t history_count(struct caller *c, const char *event);

#endif
