/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_SEATS_H
#define BROKER_SEATS_H

/*
 * Which seats there are: one listening socket each
 *
 * The supervisor does not parse. A short-lived child compiles device.cfg,
 * resolves the names of users and groups, and hands fixed structs back through
 * a pipe. What it found is kept in the file `seats` of the state directory, and
 * serves on the day when device.cfg is missing or refused: care must go on.
 * Without either there is one seat, "main", open to the broker's own group.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/limits.h"

#define SEAT_NO_UID UINT32_MAX


struct seat_socket {
	char name[LIMIT_NAME]; /* [a-z0-9._-], begins with a letter or digit; the socket's name */
	uint32_t gid;          /* of the socket                                     */
	uint32_t mode;         /* of the socket; within 0666                        */
	uint32_t uid;          /* only if one_user; SEAT_NO_UID: the user is unknown, nobody may */
	uint32_t one_user;     /* 1: only this uid's processes; 0: any that can connect */
};

enum seats_source {
	SEATS_DEFAULT = 0, /* neither: one seat "main"                             */
	SEATS_LAST,        /* device.cfg is missing or refused: the last known seats */
	SEATS_DEVICE,      /* device.cfg                                           */
};

struct seats {
	uint32_t magic; /* SEATS_MAGIC                                             */
	uint32_t source; /* enum seats_source                                      */
	uint32_t n;      /* 1..LIMIT_SEATS                                         */
	struct seat_socket seats[LIMIT_SEATS];
	uint32_t crc;    /* CRC-32 of all bytes before                             */
};

#define SEATS_MAGIC 0x43575331u /* "CWS1" */

/* The seats of last resort. */
void seats_default(uint32_t gid, struct seats *ret_seats);

/* Is every field within its range, are the names unique and the checksum right? */
bool seats_are_valid(const struct seats *seats);

/* Writes magic and checksum. */
void seats_close(struct seats *seats);

/* Return: 0; -ENOENT; -EBADMSG (not the file that seats_save() wrote); -EPERM; -EIO. */
int seats_load(int state_fd, struct seats *ret_seats);

/* Durable and complete or not at all. Return: 0; -ENOSPC; -EROFS; -EIO; -errno. */
int seats_save(int state_fd, const struct seats *seats);

/*
 * seats_ask() - fork a child that finds the seats, and believe nothing unchecked
 * @find:  runs in the child; fills in seats and returns 0, or -errno
 * @timeout_ms:  after this the child is killed
 * @uid, @gid: what the child runs as when the caller is root
 *
 * The child saves what @find found, or falls back on what was saved; so does a
 * second child when the first one crashes or hangs.
 *
 * Return: nothing; *@ret_seats is valid in every case.
 */
void seats_ask(int (*find)(const char *config_path, uint32_t gid, struct seats *ret_seats),
               const char *config_path, int state_fd, uint32_t uid, uint32_t gid,
               uint32_t timeout_ms, struct seats *ret_seats);

#endif
