/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's side of the spool: read, and say what need not be kept. */

#include "broker/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "broker/spool-file.h"
#include "common/cleanup.h"

struct spool {
	int state_fd;
	int fd;         /* -1: not opened yet                                       */
	uint64_t done;  /* as the header says                                       */
	uint64_t taken; /* newest number that spool_next() returned                 */
	uint32_t n;     /* records in order[]                                       */
	uint32_t at;    /* next one of them                                         */
	uint32_t torn;
	uint16_t order[SPOOL_SLOTS]; /* slots, oldest record first                  */
	struct spool_record slots[SPOOL_SLOTS];
};

DEFINE_CLEANUP(struct spool *, spool_close)

int spool_open(int state_fd, struct spool **ret_spool) {
	cleanup_(spool_closep) struct spool *spool = calloc(1, sizeof(*spool));

	if (!spool)
		return -ENOMEM;
	spool->fd = -1;
	spool->state_fd = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (spool->state_fd < 0)
		return -errno;
	*ret_spool = spool;
	spool = NULL; /* handed over */
	return 0;
}

static uint64_t newest(const struct spool *spool) {
	uint64_t n = 0;

	for (uint32_t i = 0; i < SPOOL_SLOTS; ++i)
		if (spool_slot_check(&spool->slots[i], i) == SPOOL_GOOD &&
		    spool->slots[i].number > n)
			n = spool->slots[i].number;
	return n;
}

static void keep_in_order(struct spool *spool, uint16_t slot) {
	uint32_t i = spool->n++;

	while (i > 0 &&
	       spool->slots[spool->order[i - 1]].number > spool->slots[slot].number) {
		spool->order[i] = spool->order[i - 1];
		--i;
	}
	spool->order[i] = slot;
}

static void sort_out(struct spool *spool, uint64_t last) {
	for (uint16_t i = 0; i < SPOOL_SLOTS; ++i) {
		const struct spool_record *record = &spool->slots[i];
		enum spool_slot what = spool_slot_check(record, i);

		if (what == SPOOL_TORN)
			++spool->torn;
		if (what == SPOOL_GOOD && record->number > spool->done && record->number <= last)
			keep_in_order(spool, i);
	}
}

int spool_load(struct spool *spool) {
	uint64_t last;
	int r;

	spool->n = 0;
	spool->at = 0;
	spool->torn = 0;
	if (spool->fd < 0) {
		r = spool_file_open(spool->state_fd, O_RDWR, &spool->fd);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
	}
	r = spool_file_done(spool->fd, &spool->done);
	if (r < 0)
		return r;
	spool->taken = spool->done;
	r = spool_file_read(spool->fd, spool->slots);
	if (r < 0)
		return r;
	/*
	 * The writer may be writing meanwhile. What the first reading saw last was
	 * written last, so a second reading has everything before it whole: a gap
	 * in it is a gap on the disk, and nothing that is still being written can
	 * be jumped over by spool_reset().
	 */
	last = newest(spool);
	r = spool_file_read(spool->fd, spool->slots);
	if (r < 0)
		return r;
	sort_out(spool, last);
	return (int)spool->n;
}

bool spool_next(struct spool *spool, struct spool_record *ret_record) {
	const struct spool_record *record;

	if (spool->at >= spool->n)
		return false;
	record = &spool->slots[spool->order[spool->at++]];
	spool->taken = record->number;
	*ret_record = *record;
	return true;
}

int spool_reset(struct spool *spool) {
	int r;

	if (spool->fd < 0 || spool->taken <= spool->done)
		return 0;
	r = spool_file_set_done(spool->fd, spool->taken);
	if (r < 0)
		return r;
	spool->done = spool->taken;
	return 0;
}

uint32_t spool_torn(const struct spool *spool) {
	return spool->torn;
}

struct spool *spool_close(struct spool *spool) {
	if (!spool)
		return NULL;
	close_fdp(&spool->fd);
	close_fdp(&spool->state_fd);
	free(spool);
	return NULL;
}
