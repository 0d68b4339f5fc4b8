/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_SPOOL_H
#define BROKER_SPOOL_H

/*
 * The spool: ring records on disk until a journal takes them
 *
 * One preallocated file of 256 KiB in the state directory: a header page and
 * SPOOL_SLOTS slots. Records are numbered from 1 without end; record n lies in
 * slot n modulo SPOOL_SLOTS. The header says up to which number the journal has
 * them; their slots are free. The writer, a process of its own, writes slots
 * only; the engine writes the header only. So neither waits for the other.
 *
 * Duplicates happen and are harmless: a record is unique by (emergency, serial).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ring.h"

#define SPOOL_NAME "spool"
#define SPOOL_SIZE 262144u
#define SPOOL_SLOTS 448u

/* One slot: 576 bytes, little-endian on the machines we support. */
struct spool_record {
	uint32_t magic;    /* SPOOL_MAGIC                                           */
	uint32_t crc;      /* CRC-32 of all bytes behind                            */
	uint64_t number;   /* from 1                                                */
	uint32_t seat;     /* index of the seat                                     */
	uint32_t peer_uid; /* of the client that wrote the ring                     */
	uint32_t peer_pid;
	uint32_t way;      /* enum spool_way                                        */
	uint64_t lost;     /* ring records that found no room, since the supervisor began */
	char seat_name[24]; /* first bytes of the seat's name, NUL-padded: the index may
	                       mean another seat after device.cfg changed            */
	struct ring_record record;
};

_Static_assert(sizeof(struct spool_record) == 576, "a slot is 576 bytes");

/* Why the supervisor and not the engine read the ring. */
enum spool_way {
	SPOOL_NONE = 0,
	SPOOL_NO_ENGINE,  /* there was none                                         */
	SPOOL_HUNG,       /* it did not say that it is alive                        */
	SPOOL_NO_JOURNAL, /* it runs without the journal                            */
	SPOOL_LEFT_OVER,  /* the client has not come to the new engine              */
};

/* ---- the engine's side ------------------------------------------------------- */

struct spool;

/*
 * spool_open() - make a reader
 * @state_fd:  state directory; duplicated
 *
 * Return: 0; -ENOMEM; -EMFILE.
 */
int spool_open(int state_fd, struct spool **ret_spool);

/*
 * spool_load() - look at the file: at the start, and after CONTROL_SPOOLED
 *
 * Forgets what was loaded and not taken by spool_next(): it comes again.
 *
 * Return: number of records to take, >= 0 (0 too when there is no file yet);
 * -EPERM (not a regular file of our own); -EIO; -errno.
 */
int spool_load(struct spool *spool);

/* The next record, oldest first. Return: true with a record; false at the end. */
bool spool_next(struct spool *spool, struct spool_record *ret_record);

/*
 * spool_reset() - all records that spool_next() has returned are durable elsewhere
 *
 * Return: 0; -EIO, -ENOSPC, -errno: their slots stay taken and they come again.
 */
int spool_reset(struct spool *spool);

/* Slots that hold something that cannot be believed (a torn write), at the last load. */
uint32_t spool_torn(const struct spool *spool);

/* Closes; NULL is fine. Return: NULL. */
struct spool *spool_close(struct spool *spool);

/* ---- the supervisor's side --------------------------------------------------- */

/* Shared memory between the supervisor and the writer. */
struct spool_feed;

/*
 * spool_feed_new() - make the shared memory and its two wake-up descriptors
 *
 * Return: 0; -ENOMEM; -EMFILE.
 */
int spool_feed_new(struct spool_feed **ret_feed);

/* Unmaps and closes; NULL is fine. Return: NULL. */
struct spool_feed *spool_feed_free(struct spool_feed *feed);

/*
 * spool_feed_push() - hand over one record; never blocks
 * @record: its number, magic and crc are set by the writer
 *
 * Return: true; false when there is no room: try again later.
 */
bool spool_feed_push(struct spool_feed *feed, const struct spool_record *record);

/* Readable when records became durable; spool_feed_durable() says how many in all. */
int spool_feed_fd(const struct spool_feed *feed);
uint64_t spool_feed_durable(struct spool_feed *feed);

/* Slots of the file that are free, as the writer last saw it; 0 until it has. */
uint32_t spool_feed_room(const struct spool_feed *feed);

/* Records pushed and not yet durable. */
uint32_t spool_feed_waiting(const struct spool_feed *feed);

/* Asks the writer to end once everything pushed is durable. */
void spool_feed_stop(struct spool_feed *feed);

/*
 * spool_writer_run() - the writer process: does not return before spool_feed_stop()
 *
 * Whatever the disk says, it tries again; what is not durable stays in the feed.
 *
 * Return: 0.
 */
int spool_writer_run(struct spool_feed *feed, int state_fd);

#endif
