/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_DISK_H
#define TESTS_BROKER_DISK_H

/*
 * Disks that misbehave, for this process and its children alone: a mount
 * namespace of its own, gone with the last of them
 */

#include <stdbool.h>

struct disk {
	char at[192];    /* where it is mounted; empty: nowhere                      */
	int keeper;      /* closing it, or dying, thaws; -1: nothing is frozen       */
	int keeper_pid;
	bool is_private; /* the namespace was made                                   */
};

/*
 * disk_small() - a tmpfs of @kib KiB on @at
 * disk_loop()  - an ext4 in a file beside @at, mounted there
 *
 * Return: NULL; why it cannot be done here.
 */
const char *disk_small(struct disk *disk, const char *at, unsigned kib);
const char *disk_loop(struct disk *disk, const char *at);

/* Writes a file until nothing more fits; removes it. */
void disk_fill(const struct disk *disk);
void disk_empty(const struct disk *disk);

/*
 * Nobody can write until disk_thaw(). A keeper in a session of its own thaws
 * when this process is gone, whatever the reason, and after 60 s. Return: as above.
 */
const char *disk_freeze(struct disk *disk);
void disk_thaw(struct disk *disk);

/* Thaws and unmounts. */
void disk_done(struct disk *disk);

#endif
