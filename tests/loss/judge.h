/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LOSS_JUDGE_H
#define TESTS_LOSS_JUDGE_H

/* What the real code makes of a state directory. */

#include <stdbool.h>
#include <stdint.h>

#include "audit/events.h"

enum judged_fault {
	JUDGED_GOOD = 0,
	JUDGED_CLOSED,   /* keys or database do not open                             */
	JUDGED_CHAIN,    /* verify finds something                                   */
	JUDGED_ACCOUNT,  /* an account is not the one that the journal tells of      */
	JUDGED_PASSWORD, /* an account has neither the old password nor the new one  */
	JUDGED_CONFIG,   /* what is installed is not what the journal tells of       */
	JUDGED_KEYS,     /* nothing can be sealed, or a key too many is left         */
	JUDGED_SPOOL,    /* the spool does not open                                  */
	JUDGED_FAULTS,
};

#define JUDGED_CLAIMS 256u

struct judged_claim {
	uint8_t emergency[16];
	uint64_t serial;
};

struct judged {
	enum judged_fault fault;
	char what[200];
	bool has_database;
	bool has_account;
	uint64_t content; /* of all tables; 0: no database                          */
	uint64_t head;    /* number of the last entry                               */
	unsigned n_claims; /* in the spool or in the journal                        */
	struct judged_claim claims[JUDGED_CLAIMS];
};

/* Opens, looks, writes and seals one more entry, closes, looks again. */
void judge(int dirfd, struct judged *ret);

#endif
