/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RING_H
#define WIRE_RING_H

/*
 * The ring: what a client has to say, kept where nothing can block
 *
 * A memfd of LIMIT_RING_RECORDS records, made by the client at cw_open(), with
 * F_SEAL_SHRINK | GROW | SEAL, populated and locked, mapped by the supervisor and
 * the engine. Writing a record is a memcpy and a release store. The same 512
 * bytes, preceded by one byte, travel as a raw frame (protocol.h), so that the
 * broker learns at once; the ring is what remains when it does not.
 *
 * A record is a *claim*: it changes no account, session, lockout or review.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"

#define RING_MAGIC 0x43575231u /* "CWR1" */
#define RING_VERSION 1u

enum record_kind {
	RECORD_NONE = 0,
	RECORD_START,  /* break-glass was declared                                */
	RECORD_USE,    /* an action was used inside the emergency, or an always/care */
	               /* action while no broker answered (emergency id all zero)  */
	RECORD_END,    /* a person ended it                                        */
	RECORD_REASON, /* the reason given                                         */
};

/* 512 bytes, fixed layout, little-endian on the machines we support. */
struct ring_record {
	uint32_t magic;          /* RING_MAGIC                                       */
	uint8_t kind;            /* enum record_kind                                 */
	uint8_t verdict;         /* enum cw_verdict given by the client: USE         */
	uint8_t reason;          /* enum cw_reason: USE                              */
	uint8_t lost;            /* records that found the ring full before this one */
	uint8_t emergency[16];   /* 128 random bits; all zero: none                  */
	uint8_t boot_id[16];
	uint64_t serial;         /* of the client's records, growing by 1; begins at a  */
	                         /* random number: records without an emergency are  */
	                         /* told apart by it                                 */
	uint64_t boot_ms;        /* when                                             */
	int64_t wall_ms;
	uint64_t deadline_ms;    /* START: CLOCK_BOOTTIME; read later: record, do not grant */
	uint64_t session;        /* session on the screen                            */
	uint32_t account;        /* its account                                      */
	uint32_t signals_true;   /* as the client's state page said                  */
	uint32_t signals_false;
	uint32_t pid;
	char action[LIMIT_NAME]; /* USE; NUL-padded                                  */
	char name[LIMIT_NAME];   /* START: claimed name or empty; REASON: short reason */
	char object[LIMIT_OBJECT]; /* USE                                            */
	char text[152];          /* REASON: free text                                */
	uint32_t zero;
	uint32_t crc;            /* CRC-32 of all bytes before                       */
};

_Static_assert(sizeof(struct ring_record) == 512, "a record is 512 bytes");

enum record_state {
	RECORD_FREE = 0, /* may be written                                          */
	RECORD_WRITTEN,  /* said here; the broker may or may not know               */
};

struct ring_slot {
	_Atomic uint32_t state;    /* enum record_state; written by the client only   */
	_Atomic uint32_t zero;
	struct ring_record record;
};

struct ring {
	uint32_t magic;
	uint32_t version;
	_Atomic uint64_t written; /* records written since the ring was made            */
	_Atomic uint64_t lost;    /* records that found no free slot                    */
	struct ring_slot slots[LIMIT_RING_RECORDS];
};

/*
 * ring_make() - make a ring: memfd, sealed, populated, locked where allowed
 *
 * Return: 0 with the mapping and a descriptor to send; -ENOMEM, -EMFILE, -errno.
 */
int ring_make(struct ring **ret_ring, int *ret_fd);

/*
 * ring_map() - map somebody else's ring for reading
 *
 * Seals and size are checked first, so that its maker cannot take memory away
 * from under the reader. Return: 0; -EPERM (not sealed); -EBADMSG; -errno.
 */
int ring_map(int fd, const struct ring **ret_ring);
void ring_unmap(const struct ring *ring);

/*
 * ring_write() - keep a record; never blocks, allocates nothing, calls nothing
 *
 * Sets magic, lost and crc. Return: true; false when no slot is free (counted).
 */
bool ring_write(struct ring *ring, struct ring_record *record);

/* ring_release() - the broker says that @serial is durable. Unknown: nothing happens. */
void ring_release(struct ring *ring, const uint8_t emergency[16], uint64_t serial);

/*
 * ring_next() - copy the next written record at or after slot *@cursor
 *
 * Checks magic, crc, ranges and that every string ends. *@cursor moves on.
 *
 * Return: 1 with a record; 0 at the end; -EBADMSG (a slot that cannot be
 * believed was passed over: count it, go on).
 */
int ring_next(const struct ring *ring, uint32_t *cursor, struct ring_record *ret_record);

/* Is a record that came from somebody else well-formed? */
bool ring_record_is_valid(const struct ring_record *record);

#endif
