/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_RINGS_H
#define BROKER_RINGS_H

/*
 * The clients' rings, as the supervisor keeps them
 *
 * A ring is kept by its memory, not by its number: a client that comes to the
 * next engine brings the same memory again and is found. A ring of an engine
 * that is gone is *left over*: its client may still be writing into it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "broker/control.h"
#include "broker/seats.h"
#include "broker/spool.h"

#define RINGS_MAX (LIMIT_PEERS * LIMIT_SEATS)

/* Records that one ring may put into a spool that is more than half full. */
#define RINGS_SHARE 32u

struct rings;

/* @seats: borrowed, @n_seats of them. Return: 0; -ENOMEM. */
int rings_new(struct spool_feed *feed, const struct seat_socket *seats, uint32_t n_seats,
              struct rings **ret_rings);

/* Unmaps and frees; NULL is fine. Return: NULL. */
struct rings *rings_free(struct rings *rings);

/*
 * rings_take() - keep a ring that engine number @engine speaks of
 * @fd:  its descriptor; stays the caller's
 *
 * Nothing is believed: not memory of a fixed size, no ring.
 *
 * Return: 0; -EINVAL (no such seat); -ENOSPC (its seat has LIMIT_PEERS rings, or
 * the table is full of rings that are in use); -EPERM, -EBADMSG, -errno (no ring).
 */
int rings_take(struct rings *rings, uint64_t engine, const struct control_message *message, int fd);

/* Engine number @engine says that the ring is drained and its client gone. */
void rings_forget(struct rings *rings, uint64_t engine, uint64_t number);

/*
 * rings_drain() - hand every record that was not handed over before to the spool
 * @engine:  the engine that runs, if it can take records itself; 0: none can
 * @way:     why, for the rings that are not left over
 *
 * Return: true when some rings wait for room, or are left over: look again.
 */
bool rings_drain(struct rings *rings, uint64_t engine, enum spool_way way);

/* A new engine is ready: shares begin anew, and rings left over go at @until_ms. */
void rings_settle(struct rings *rings, uint64_t engine, uint64_t until_ms);

/* Let go of the rings left over whose time has come and that wait for no room. */
void rings_expire(struct rings *rings, uint64_t engine, uint64_t now_ms);

/* Records that were in a ring that had to be let go of. */
uint64_t rings_lost(const struct rings *rings);

/* Rings that are kept. */
uint32_t rings_count(const struct rings *rings);

#endif
