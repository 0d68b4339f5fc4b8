/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LOSS_LOG_H
#define TESTS_LOSS_LOG_H

/*
 * What a broker did to its disk, in order, and what it said meanwhile
 *
 * One file, mapped by the test and, through recorder.so, by every process of the
 * broker. A lock spans the call and its record, so the order is the true one.
 */

#include <stdatomic.h>
#include <stdint.h>

#define LOG_ROOM   (192u << 20)
#define LOG_NAME   32u
#define LOG_CLIP   512u /* bytes kept of a packet                                  */
#define LOG_MEMORY "CAREWARD_LOSS_LOG"   /* environment: the file                  */
#define LOG_STATE  "CAREWARD_LOSS_STATE" /* ... the directory that is watched      */

enum log_kind {
	LOG_NONE = 0,
	LOG_CREATE,    /* name, inode: a file that was not there before            */
	LOG_WRITE,     /* inode, at, bytes                                         */
	LOG_TRUNCATE,  /* inode, at: the new size                                  */
	LOG_ALLOCATE,  /* inode, at: the least size                                */
	LOG_SYNC,      /* inode                                                    */
	LOG_SYNC_DIR,
	LOG_UNLINK,    /* name                                                     */
	LOG_RENAME,    /* name, to                                                 */
	LOG_SENT,      /* bytes: a frame to a client                               */
	LOG_SPOOLED,   /* the spool writer told the supervisor: durable            */
	LOG_HASH,      /* a password begins to be hashed                           */
	LOG_MARK,      /* bytes: a word of the test's own                          */
	LOG_KINDS,
};

struct log_op {
	uint32_t kind; /* enum log_kind                                            */
	uint32_t pid;
	uint64_t inode;
	int64_t at;
	uint32_t n; /* bytes that follow, padded to 8                              */
	uint32_t zero;
	char name[LOG_NAME];
	char to[LOG_NAME];
};

struct log {
	_Atomic uint32_t lock;
	_Atomic uint32_t full; /* something found no room                          */
	_Atomic uint64_t used; /* bytes of operations                              */
	uint8_t bytes[];
};

static inline void log_lock(struct log *log) {
	uint32_t free_ = 0;

	while (!atomic_compare_exchange_weak(&log->lock, &free_, 1))
		free_ = 0;
}

static inline void log_unlock(struct log *log) {
	atomic_store(&log->lock, 0);
}

static inline const struct log_op *log_at(const struct log *log, uint64_t at) {
	return (const struct log_op *)(const void *)(log->bytes + at);
}

static inline uint64_t log_size(const struct log_op *op) {
	return sizeof(*op) + ((op->n + 7u) & ~(uint64_t)7);
}

#endif
