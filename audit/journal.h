/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_JOURNAL_H
#define AUDIT_JOURNAL_H

/*
 * The journal: what happened, in order, provably
 *
 * Entries are chained by SHA-256; epochs of the chain are signed with Ed25519
 * keys that follow each other. The format is docs/journal.md.
 */

#include <stdbool.h>
#include <stdint.h>

#include <careward/result.h>

#include "audit/events.h"
#include "audit/store.h"
#include "common/limits.h"
#include "common/moment.h"

/* Flags of an entry, frozen. */
#define ENTRY_CLAIMED 0x01u      /* the identity is claimed, not proved              */
#define ENTRY_LATE 0x02u         /* from a ring or spool; `claimed_*` say when       */
#define ENTRY_NOT_ISOLATED 0x04u /* engine ran as the application's own child        */
#define ENTRY_EMERGENCY 0x08u    /* an emergency was open at the seat                */
#define ENTRY_WAIVED 0x10u       /* a witness or confirmation was waived             */
#define ENTRY_SPOOL 0x20u        /* came by way of the supervisor's spool            */

/*
 * One entry. Strings may be NULL for "none". Nothing here may hold patient
 * data. `detail` is short machine text (key=value, separated by blanks) without
 * personal data; `name` (a name that was typed or claimed) and `text` (a
 * reason, a comment) are free text: the entry holds only their salted hash, the
 * text stands sealed in an erasable table.
 */
struct journal_entry {
	uint64_t seq;     /* out: set by journal_append() and by queries             */
	struct moment at; /* when it was written                                     */
	enum audit_event event;
	enum audit_outcome outcome;
	uint8_t seat;     /* index + 1; 0: no seat                                   */
	uint8_t assurance; /* enum cw_assurance                                      */
	uint8_t factor;   /* enum cw_factor                                          */
	uint8_t flags;    /* ENTRY_*                                                 */
	uint8_t reason;   /* enum cw_reason                                          */
	uint32_t account; /* who; 0: nobody known                                    */
	uint32_t target;  /* the other account: changed, second person; 0: none      */
	uint32_t peer_uid; /* uid of the process that asked; UINT32_MAX: none         */
	uint64_t session; /* 0: none                                                 */
	bool has_emergency;
	uint8_t emergency[16];
	bool has_claim;   /* ENTRY_LATE: where and when the claim says it happened   */
	uint8_t claimed_boot_id[16];
	uint64_t claimed_boot_ms;
	int64_t claimed_wall_ms;
	bool has_digest;
	uint8_t digest[32]; /* hash of the row, file or object that the entry is about */
	const char *action;  /* < LIMIT_NAME                                         */
	const char *context; /* < LIMIT_NAME                                         */
	const char *object;  /* < LIMIT_OBJECT                                       */
	const char *detail;  /* < LIMIT_TEXT                                         */
	const char *name;    /* < LIMIT_NAME; erasable                               */
	const char *text;    /* < LIMIT_TEXT; erasable                               */
};

/*
 * journal_append() - add one entry, inside the caller's transaction
 *
 * Opens a transaction of its own when there is none. The first entry of a
 * journal makes the key of the first epoch, and its public half (the anchor)
 * becomes durable with the entry. An empty string is the same as none. An entry
 * of 3xx, or a changed password, without a target is about its account, and is
 * written with that as the target. @entry's seq holds as soon as the transaction
 * does.
 *
 * Return: 0; -EINVAL (a field out of range, a string too long, invalid UTF-8);
 * what store_begin() and store_commit() return.
 */
int journal_append(struct store *store, struct journal_entry *entry);

/*
 * journal_seal() - sign the head and change the epoch key
 * @now: time of the seal
 *
 * Does nothing when nothing was appended since the last seal. A process that
 * dies between any two of its steps leaves a journal that opens and verifies.
 *
 * Return: 0; -EINVAL inside a transaction (the old key may be erased only when
 * the seal is durable); -ENOKEY when the keystore lacks the key of the open
 * epoch (an older copy, another device); what store_*() and the keystore return.
 */
int journal_seal(struct store *store, const struct moment *now);

/*
 * journal_must_seal() - is a seal due?
 * @epoch_s, @epoch_entries: the site's rule (60 s, 256 entries)
 *
 * True as well after an entry of the 3xx or 4xx events, until sealed.
 */
bool journal_must_seal(const struct store *store, const struct moment *now, uint32_t epoch_s,
                       uint32_t epoch_entries);

/* The head: number and chain hash of the last entry. Seq 0: empty. Return: 0, -EIO. */
struct journal_head {
	uint64_t seq;
	uint8_t hash[32];
};
int journal_head(struct store *store, struct journal_head *ret_head);

/*
 * Number of the newest durable entry of 3xx, or of a changed password, since the store
 * was opened; 0: none. Another number is other accounts.
 */
uint64_t journal_accounts_seq(const struct store *store);

/*
 * journal_erase_texts() - erase the name and text of an entry, for good
 *
 * The hashes stay, so the journal still verifies. The caller appends the
 * TEXT_ERASED entry in the same transaction, and calls store_checkpoint() after
 * it until that returns 0: before, the sealed text is still in the log file.
 *
 * Return: 0; -ENOENT (nothing there to erase); what store_begin() and
 * store_commit() return.
 */
int journal_erase_texts(struct store *store, uint64_t seq);

/* Queries. */
struct journal_filter {
	uint64_t before;    /* entries with a lower seq; 0: from the newest              */
	uint64_t after;     /* entries with a higher seq; 0: no bound                    */
	uint32_t account;   /* who or target; 0: anybody                                 */
	uint32_t event_from; /* first and last event id; 0, 0: all                       */
	uint32_t event_to;
	int64_t wall_from_ms; /* 0: no bound                                             */
	int64_t wall_to_ms;   /* 0: no bound                                             */
	bool has_emergency;
	uint8_t emergency[16];
	bool with_texts;    /* unseal name and text (needs the device key)               */
};

/*
 * journal_query() - newest first, one page
 * @n:     entries wanted, at most LIMIT_HISTORY_PAGE
 * @each:  called for each entry, whose strings live during the call only; a
 *         return value other than 0 ends the query and is returned
 *
 * Looks at a bounded number of rows, so that no read lasts long; continue with
 * filter->before = *@ret_next while that is not 0. @each must not query the
 * same store. An erased text is NULL.
 *
 * Return: 0; -EBADMSG (an entry cannot be parsed, a text cannot be opened);
 * -EIO.
 */
int journal_query(struct store *store, const struct journal_filter *filter, uint32_t n,
                  int (*each)(const struct journal_entry *entry, void *userdata), void *userdata,
                  uint64_t *ret_next);

/* Last successful sign-in of an account, and the failures since. */
struct journal_last {
	bool has_success;
	int64_t success_wall_ms;
	uint8_t success_trust; /* enum clock_trust                                     */
	uint8_t success_seat;
	uint32_t failures_since;
	int64_t failure_wall_ms; /* of the newest failure; 0: none                     */
};
/*
 * journal_last_sign_in() - what a person is told at sign-in
 *
 * Every SIGN_IN of the account whose outcome is not OK is a failure. Looks at
 * the newest 8000 entries of the account: what is further back does not count.
 *
 * Return: 0; -EBADMSG (an entry cannot be parsed); -EIO.
 */
int journal_last_sign_in(struct store *store, uint32_t account, struct journal_last *ret_last);

/*
 * Newest row hash that the journal has for an account (as the target of 3xx
 * events and password changes). Return: 0; -ENOENT; -EBADMSG; -EIO.
 */
int journal_account_digest(struct store *store, uint32_t account, uint8_t ret_digest[32]);

/* Verification. */
enum verify_finding {
	VERIFY_OK = 0,
	VERIFY_ENTRY_EDITED,    /* entry's hash is not that of its body                   */
	VERIFY_CHAIN_BROKEN,    /* entry does not follow its predecessor                  */
	VERIFY_ENTRY_MISSING,   /* a number is missing                                    */
	VERIFY_ENTRY_MALFORMED, /* body cannot be parsed                                  */
	VERIFY_COLUMN_DIFFERS,  /* an indexed column differs from the body                */
	VERIFY_INDEX_DAMAGED,   /* an index does not agree with the table                 */
	VERIFY_SEAL_FORGED,     /* signature of an epoch does not verify                  */
	VERIFY_SEAL_MISSING,    /* an epoch is missing, or its range does not join        */
	VERIFY_SEAL_DIFFERS,    /* an epoch's head is not the chain's                     */
	VERIFY_TRUNCATED,       /* entries are missing at the end                         */
	VERIFY_TEXT_DIFFERS,    /* a text does not have the hash in its entry             */
	VERIFY_HEAD_DIFFERS,    /* --head: not part of this journal                       */
	VERIFY_DATABASE_DAMAGED, /* SQLite's own integrity check                          */
	VERIFY_ANCHOR_DIFFERS,  /* first key is not the one given                         */
	VERIFY_ROWS_DIFFER,     /* rows of emergencies are not what the entries say; found
				 * by auth/review-check.c, after all the above            */
	VERIFY_N_FINDINGS,
};

/*
 * Somebody with a thread to spare. run() has job(data) called once, in that
 * thread; wait() returns when it has returned. Without one, everything is read
 * by the caller's thread.
 */
struct verify_helper {
	void (*run)(void (*job)(void *data), void *data, void *userdata);
	void (*wait)(void *userdata);
	void *userdata;
};

struct verify_options {
	bool has_head;
	struct journal_head head; /* a head seen earlier: alert, receipt, export         */
	bool has_anchor;
	uint8_t anchor[32];       /* first epoch's public key, as printed by init        */
	bool quick;               /* the newest sealed epoch and what is open, no indexes */
	const struct verify_helper *helper; /* NULL: none; not asked by the quick way    */
};

struct verify_report {
	enum verify_finding finding; /* the first one                                   */
	uint64_t seq;                /* entry or epoch that it is about; 0: the whole    */
	char what[160];              /* in words                                        */
	uint64_t n_entries;
	uint64_t n_epochs;
	uint64_t n_texts_erased;
	uint64_t n_open;             /* entries after the last seal                     */
	struct journal_head head;
	bool rollback_excluded;      /* a head was given and is part of the journal      */
};

/*
 * journal_verify() - recompute everything
 * @progress:  NULL, or called every few thousand entries; not 0 interrupts. With
 *             a helper, from its thread, too
 *
 * What a helper finds is found once more without one, which names the first
 * thing that is wrong.
 *
 * Return: 0 with the result in @ret_report; -ECANCELED; -EIO.
 */
int journal_verify(struct store *store, const struct verify_options *options,
                   int (*progress)(uint64_t done, uint64_t all, void *userdata), void *userdata,
                   struct verify_report *ret_report);

/* Public key of the first epoch. Return: 0; -ENOENT; -EIO. */
int journal_anchor(struct store *store, uint8_t ret_key[32]);

#endif
