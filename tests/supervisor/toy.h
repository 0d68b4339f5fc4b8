/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPERVISOR_TOY_H
#define TESTS_SUPERVISOR_TOY_H

/*
 * A toy engine, a supervisor around it in a process of its own, and a client
 *
 * The stage is shared memory. Its journal stands for the engine's: what is in
 * it is durable, and one key is there once.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/supervisor.h"
#include "wire/ring.h"

#define TOY_STARTS 512u
#define TOY_SERIALS 8192u

enum toy_act {
	TOY_RUN = 0,  /* takes clients, drains their rings, obeys CONTROL_STOP      */
	TOY_LAZY,     /* takes clients, never looks into their rings                */
	TOY_EXIT,     /* returns 7 at once, never READY                             */
	TOY_CRASH,    /* ends by a signal after READY                                */
	TOY_MUTE,     /* takes clients for a moment, then says nothing more         */
	TOY_STOPPED,  /* the same, by SIGSTOP                                       */
	TOY_SLOW,     /* READY only after a while                                   */
	TOY_DEAF,     /* lives, does not obey CONTROL_STOP                          */
	TOY_BRIEF,    /* READY, lives for some milliseconds, returns 0              */
	TOY_TALKS,    /* like LAZY, with much to say before it tells of a ring        */
	TOY_HOSTILE,  /* sends the supervisor every bad ring and bad message        */
};

struct toy_start {
	_Atomic int64_t pid;
	_Atomic uint64_t at_us;
	_Atomic int death;
	_Atomic int death_code;
	_Atomic bool without_journal;
	_Atomic bool numbers_are_right; /* of the inherited descriptors             */
};

struct toy_stage {
	_Atomic int act;             /* of the engines to come                       */
	_Atomic uint32_t starts;
	_Atomic uint32_t readies;
	_Atomic uint32_t rings;      /* taken by engines                             */
	_Atomic uint32_t stops;      /* CONTROL_STOP obeyed                          */
	_Atomic uint32_t from_spool; /* records that came out of the spool           */
	_Atomic uint32_t by_way[8];
	_Atomic uint32_t bad;        /* records that no client ever wrote            */
	_Atomic uint64_t lost;
	_Atomic uint32_t times[TOY_SERIALS]; /* journal: how often each was offered  */
	struct toy_start start[TOY_STARTS];
};

struct toy {
	struct toy_stage *stage;
	char dir[64];
	int state_fd;
	int listen_fd;
	int ready_fd; /* the reading end                                             */
	pid_t supervisor;
	struct supervisor_times times;
	bool sandboxed;
};

struct toy_client {
	struct ring *ring;
	int ring_fd;
	int fd;           /* -1: not connected                                       */
	uint64_t serial;  /* of the last record                                      */
	bool reconnects;
};

void toy_set_up(struct toy *toy);
void toy_begin(struct toy *toy, enum toy_act act);
/* SIGTERM, and its exit status; killed if it takes longer than 20 s: -1. */
int toy_end(struct toy *toy);
void toy_clean_up(struct toy *toy);

pid_t toy_engine_pid(const struct toy *toy);
/* Wait until *@value is at least @least. Return: false after 20 s. */
bool toy_wait(_Atomic uint32_t *value, uint32_t least);
/* Until the journal has all serials of @from..@to. Return: false after 20 s. */
bool toy_wait_journal(struct toy *toy, struct toy_client *client, uint64_t from, uint64_t to);

void toy_client_new(struct toy_client *client, uint64_t first_serial);
bool toy_client_connect(struct toy *toy, struct toy_client *client);
bool toy_client_write(struct toy_client *client);
/* Acknowledgements, lost connections. */
void toy_client_turn(struct toy *toy, struct toy_client *client);
void toy_client_free(struct toy_client *client);

int toy_engine(const struct engine_setup *setup);

#endif
