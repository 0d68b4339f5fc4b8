/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_SPOOL_FILE_H
#define BROKER_SPOOL_FILE_H

/* The layout of the spool's file, shared by its reader and its writer. */

#include <stdbool.h>
#include <stdint.h>

#include "broker/spool.h"

#define SPOOL_MAGIC 0x43575051u        /* "CWPQ" */
#define SPOOL_HEADER_MAGIC 0x43575048u /* "CWPH" */
#define SPOOL_VERSION 1u
#define SPOOL_FIRST 4096u /* offset of slot 0; the header has the page before it */

_Static_assert(SPOOL_FIRST + SPOOL_SLOTS * sizeof(struct spool_record) == SPOOL_SIZE,
               "the slots fill the file");

/* Written by the engine alone; zeros in a new file, which says "none". */
struct spool_header {
	uint32_t magic;
	uint32_t version;
	uint64_t done; /* every record up to this number is in the journal          */
	uint32_t zero;
	uint32_t crc;  /* of all bytes before                                       */
};

/* Opens and checks. Return: 0; -EPERM (not a regular file of our own); -errno. */
int spool_file_open(int state_fd, int flags, int *ret_fd);

/* What the header says; a header that cannot be believed says 0. Return: 0; -EIO; -errno. */
int spool_file_done(int fd, uint64_t *ret_done);

/* Return: 0; -EIO; -errno. Durable on return. */
int spool_file_set_done(int fd, uint64_t done);

/* All slots. Return: 0; -EIO; -errno. */
int spool_file_read(int fd, struct spool_record ret_slots[SPOOL_SLOTS]);

/* Return: 0; -ENOSPC; -EIO; -errno. Not durable yet. */
int spool_file_write(int fd, const struct spool_record *record);

enum spool_slot {
	SPOOL_EMPTY = 0,
	SPOOL_GOOD,
	SPOOL_TORN, /* neither of both                                            */
};

enum spool_slot spool_slot_check(const struct spool_record *record, uint32_t slot);

/* Writes magic and checksum. */
void spool_record_close(struct spool_record *record);

#endif
