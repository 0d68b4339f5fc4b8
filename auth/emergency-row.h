/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_EMERGENCY_ROW_H
#define AUTH_EMERGENCY_ROW_H

/* Rows of `emergencies` and `emergency_records`, for emergency.c and review.c. */

#include "auth/emergency.h"

struct sqlite3_stmt;

struct emergency_row {
	uint8_t id[16];
	uint8_t seat; /* index + 1                                           */
	enum emergency_state state;
	uint64_t started_seq; /* 0: its start was never read                         */
	uint64_t ended_seq;   /* 0: open                                             */
	uint32_t identified;
	uint32_t uses;
	int64_t wall_ms; /* of its first record                                 */
	enum review_state review;
	uint32_t reviewer;
};

#define EMERGENCY_COLUMNS                                                                          \
	"id, seat, state, started_seq, ended_seq, identified, uses, wall, review, reviewer, mac"

/* Return: 0; -ENOENT; -EBADMSG (a column out of range, or the MAC); -EIO. */
int emergency_row_load(struct store *store, const uint8_t id[16], struct emergency_row *ret_row);
/* The row that a statement of EMERGENCY_COLUMNS stands on. Return: 0; -EBADMSG; -EIO. */
int emergency_row_read(struct store *store, struct sqlite3_stmt *stmt,
		       struct emergency_row *ret_row);
/* Inserts or replaces. Return: 0; -errno. */
int emergency_row_store(struct store *store, const struct emergency_row *row);

/* Was this record written? Return: 1; 0; -EIO. */
int emergency_record_is_known(struct store *store, const uint8_t id[16], uint64_t serial);
/* Return: 0; -EEXIST; -errno. */
int emergency_record_keep(struct store *store, const uint8_t id[16], uint64_t serial, uint64_t seq);

/* One entry by its number. @each as journal_query(). Return: 0; -ENOENT; -errno. */
int emergency_entry(struct store *store, uint64_t seq, bool with_texts,
		    int (*each)(const struct journal_entry *entry, void *userdata), void *userdata);

/* All entries of one event about one emergency, newest first. Return: as journal_query(). */
int emergency_entries(struct store *store, const uint8_t id[16], enum audit_event event,
		      bool with_texts,
		      int (*each)(const struct journal_entry *entry, void *userdata),
		      void *userdata);

#endif
