/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LOSS_DISK_H
#define TESTS_LOSS_DISK_H

/*
 * A disk that forgets what was not synced
 *
 * Fed with the operations of a log, it knows at each of them what is durable and
 * what is merely on its way. A file's bytes and size are durable when the file
 * was synced; a name, when the directory was. What is on its way may have
 * arrived in any part and any order: a write by sectors of 512 bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

#define DISK_SECTOR 512u

struct disk;

/* What a power cut leaves of what was on its way. */
enum disk_cut {
	DISK_ALL,      /* everything: also what a killed process leaves            */
	DISK_SYNCED,   /* nothing but what was synced                              */
	DISK_TORN,     /* everything, but a part only of the last write            */
	DISK_SOME,     /* a random part of the writes' sectors and of the names    */
	DISK_CUTS,
};

struct image_file {
	char name[LOG_NAME];
	uint8_t *p;
	size_t n;
};

#define IMAGE_FILES 32u

/* A directory, at rest. */
struct image {
	struct image_file files[IMAGE_FILES];
	unsigned n;
};

struct disk *disk_new(void);
void disk_free(struct disk *disk);
/* Return: true when it changed anything, or made anything durable. */
bool disk_step(struct disk *disk, const struct log_op *op);
/* The directory after a cut now. @seed: DISK_TORN, DISK_SOME. */
void disk_cut(const struct disk *disk, enum disk_cut cut, uint64_t seed, struct image *ret_image);

void image_free(struct image *image);
uint64_t image_hash(const struct image *image);
/* Empties the directory, and fills it. Return: 0; -errno. */
int image_lay_out(const struct image *image, int dirfd);

uint64_t random_next(uint64_t *state);

#endif
