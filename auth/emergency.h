/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_EMERGENCY_H
#define AUTH_EMERGENCY_H

/*
 * Break-glass on the engine's side: adopting, recording, ending, reviewing
 *
 * The client has granted already; what arrives is its record. Everything here
 * is idempotent by (emergency id, serial).
 */

#include <stdbool.h>
#include <stdint.h>

#include "auth/seat.h"
#include "wire/ring.h"

enum emergency_state {
	EMERGENCY_NONE = 0,
	EMERGENCY_OPEN,
	EMERGENCY_ENDED,       /* by a person, a sign-in, an event of the device         */
	EMERGENCY_INTERRUPTED, /* by a reboot                                            */
	EMERGENCY_LATE,        /* read past its deadline: recorded, never granted        */
};

enum review_state {
	REVIEW_NONE = 0,
	REVIEW_OPEN,
	REVIEW_JUSTIFIED,
	REVIEW_ROLE_GAP,
	REVIEW_REFER,
	REVIEW_TEST,
	REVIEW_N,
};

enum emergency_way {
	EMERGENCY_BY_SOCKET = 0, /* read from the connection now                          */
	EMERGENCY_BY_RING,       /* from a ring, the client being gone                    */
	EMERGENCY_BY_SPOOL,      /* from the supervisor's spool                           */
};

/* What a record changed, for the broker to publish and to tell. */
struct emergency_outcome {
	bool recorded; /* durable: tell the client                                       */
	bool repeated; /* was known already                                              */
	bool began;    /* the seat's emergency began: publish, tell                      */
	bool ended;    /* it ended: publish, tell                                        */
	bool late;     /* recorded, not granted                                          */
	bool over;     /* a START of one that has ended or was joined: tell its client   */
};

/* Told as soon as a record has been taken in, before anything is written. */
struct emergency_hook {
	void (*taken)(const struct emergency_outcome *outcome, void *userdata);
	void *userdata;
};

/*
 * emergency_record() - take in one record
 * @seat:      of the connection (or of the ring's connection)
 * @peer_uid:  of the connection
 * @hook:      NULL, or called with what the record changed before it is written:
 *             the seat's other processes do not wait for the disk
 *
 * One transaction: journal entry, row of the emergency, row of the record.
 * When the store fails, the seat's emergency is adopted and published all the
 * same; @ret_outcome->recorded stays false and the caller offers the record
 * again later. A START suspends the open session.
 *
 * Return: 0; -EBADMSG (not well-formed: a protocol error); -ENOSPC, -EROFS, -EIO
 * (not durable; @ret_outcome is set all the same).
 */
int emergency_record(struct store *store, const struct policy *policy, struct seat *seat,
		     const struct ring_record *record, enum emergency_way way, uint32_t peer_uid,
		     const struct moment *now, const struct emergency_hook *hook,
		     struct emergency_outcome *ret_outcome);

/*
 * emergency_tick() - time goes by: patient gone, still needed?
 * @ret_ended, @ret_ask:  what to tell the seat
 *
 * Return: 0; -EIO (ended all the same).
 */
int emergency_tick(struct store *store, const struct policy *policy, struct seat *seat,
		   const struct moment *now, bool *ret_ended, bool *ret_ask);

/*
 * emergency_on_sign_in() - does this session end the emergency?
 *
 * Ends it when the role grants every care action used inside, at the session's
 * assurance. "Locked out, then identified": the emergency's row is marked.
 *
 * Return: 1 when it ended; 0 when not; -EIO.
 */
int emergency_on_sign_in(struct store *store, const struct policy *policy, struct seat *seat,
			 const struct moment *now);

/* emergency_on_event() - a new patient, standby: the device says it is over. As above. */
int emergency_on_event(struct store *store, struct seat *seat, const char *what,
		       const struct moment *now);

/*
 * emergency_resume() - after a restart of the engine
 *
 * Opens again what was open in this boot; closes as interrupted what was open in
 * another, with its entry.
 *
 * Return: 0; -EIO.
 */
int emergency_resume(struct store *store, struct seat *seats, uint32_t n_seats,
		     const struct moment *now);

/* Reviews. */
struct review {
	uint8_t id[16];
	uint8_t seat;
	enum emergency_state state;
	enum review_state review;
	uint64_t started_seq;
	uint64_t ended_seq;
	int64_t started_ms;
	int64_t ended_ms;    /* 0: open                                                 */
	uint32_t identified; /* account that identified itself afterwards; 0: nobody    */
	uint32_t uses;
	uint32_t reviewer;
	bool overdue;
	char claimed[LIMIT_NAME]; /* empty: nobody said, or erased                        */
	char reason[LIMIT_NAME];
	char text[LIMIT_TEXT];
};

/* review_list() - oldest first. Return: 0; what @each returned; -EIO. */
int review_list(struct store *store, const struct policy *policy, bool all,
		const struct moment *now, int (*each)(const struct review *review, void *userdata),
		void *userdata);

/*
 * review_close() - one person of another role closes it
 *
 * Return: 0; -ENOENT; -EALREADY (closed before); -EBUSY (the emergency is still
 * open); -EPERM (the reviewer is the person inside it, or was paired with it);
 * -EINVAL (state); -EIO.
 */
int review_close(struct store *store, const struct actor *actor, const uint8_t id[16],
		 enum review_state outcome, const char *text, const struct moment *now);

/* Number of reviews that are open. Return: 0; -EIO. */
int review_count(struct store *store, uint32_t *ret_open);

/*
 * reviews_check() - are the rows of emergencies those that the journal tells of?
 *
 * For verify and for a start. Reads all entries of emergencies.
 *
 * Return: 0; 1 with the first thing that is wrong; -EIO.
 */
struct review_fault {
	uint64_t seq;   /* entry that it is about; 0: none                            */
	char what[160]; /* in words                                                   */
};
int reviews_check(struct store *store, struct review_fault *ret_fault);

#endif
