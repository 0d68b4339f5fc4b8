/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_PEER_H
#define BROKER_PEER_H

/* One connection of one process to one seat. */

#include "broker/engine.h"
#include "wire/protocol.h"
#include "wire/ring.h"

#define PEER_QUEUE_MAX 64u      /* frames waiting for a client that does not read     */
#define PEER_REQUESTS_PER_S 50u
#define PEER_RECORDS_PER_S 48u /* above what a client says again (30) with a start */
#define SEAT_DRAINED_PER_MIN 512u /* records from rings whose clients have gone          */
#define SEAT_NOISE_PER_S 16u    /* entries about rubbish and strangers               */
#define PEER_FDS_MAX 4u
#define PEER_JOINED 32u /* records that one entry of joined claims stands for        */
#define PEER_TURN_MS 250u          /* then one packet of each connection, no more         */
#define SEAT_COMPILES_PER_S 4u     /* configurations that anybody may have checked        */

enum peer_phase {
	PEER_CLOSED = 0, /* nothing is permitted                                       */
	PEER_GREETING,   /* hello alone                                                */
	PEER_OPEN,
};

struct packet {
	struct packet *next;
	size_t n;
	uint32_t n_fds;
	int fds[2]; /* its own: duplicates of pages                                  */
	uint8_t bytes[];
};

/* A record that was counted instead of being taken in. */
struct joined {
	uint8_t emergency[16];
	uint64_t serial;
};

struct peer {
	struct peer *next;
	uint64_t number;
	struct engine *engine;
	struct seat_runtime *seat;
	enum peer_phase phase;
	int fd;
	uv_poll_t *poll;
	uint32_t uid;
	uint32_t pid;
	const struct ring *ring; /* NULL: none                                        */
	struct packet *queue;
	struct packet **queue_end;
	uint32_t n_queue;
	struct budget requests;
	struct budget records;
	struct joined joined[PEER_JOINED]; /* counted, neither recorded nor acknowledged */
	uint32_t n_joined;
	bool behind;             /* its ring holds what could not be written yet         */
	uint32_t cursor;         /* where its ring is read on                             */
	bool failed;             /* cannot be sent to: peers_reap() closes it           */
	struct journal_filter history; /* the page that follows the one read last; before 0: none */
	uint64_t history_session; /* who read it                                          */
};

/* Takes a connected socket over. Return: 0; -EPERM (uid), -EBUSY (limit), -errno: closed. */
int peer_new(struct engine *engine, struct seat_runtime *seat, int fd);

/*
 * peer_close() - end the connection: attempts dropped, ring drained
 *
 * Only where nothing of the connection is in use: in its own callback, in
 * peers_reap() and at the end of the engine. Everywhere else: peer_fail().
 */
void peer_close(struct peer *peer);

/* Nothing is sent any more, and the connection ends before the loop waits again. */
void peer_fail(struct peer *peer);
void peers_reap(struct engine *engine);

/* NULL: it has gone, or cannot be sent to. */
struct peer *peer_by_number(struct engine *engine, uint64_t number);

/*
 * peer_send() - send a frame, now or when the client reads
 * @fds:  descriptors to go along; stay the caller's
 *
 * A client that has PEER_QUEUE_MAX frames waiting, or has gone, fails. Never
 * blocks, and never closes: whoever calls may go on using the connection.
 */
void peer_send(struct peer *peer, const uint8_t *frame, size_t n, const int *fds, uint32_t n_fds);

/* A protocol error: recorded, closed. */
void peer_protocol_error(struct peer *peer, const char *what);

/* Records how much rubbish was not recorded one by one. */
void seat_noise_flush(struct seat_runtime *seat);

/* Counts one against the budget. Return: true while within @limit. */
bool budget_take(struct budget *budget, uint64_t boot_ms, uint32_t limit);

/* Frames to every connection of a seat that has said hello. */
void seat_broadcast(struct seat_runtime *seat, const uint8_t *frame, size_t n,
                    const struct peer *except);

/* An event that is only a name. */
void seat_event(struct seat_runtime *seat, const char *name);

#endif
