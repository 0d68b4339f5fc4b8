/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LOSS_LEDGER_H
#define TESTS_LOSS_LEDGER_H

/*
 * What was asked and what was acknowledged, by number
 *
 * Memory of the process that kills and is not killed; the clients write into it.
 * An entry goes from nothing to asked before the request leaves, and to
 * acknowledged after the answer has come: whatever dies in between, an
 * acknowledged one was answered.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/broker/world.h"

#define LEDGER_USERS       4096u
#define LEDGER_USES        65536u
#define LEDGER_EMERGENCIES 8192u
#define LEDGER_SIGN_INS    65536u

enum asked {
	ASKED_NOT = 0,
	ASKED,
	ASKED_DENIED, /* answered with a no                                         */
	ACKNOWLEDGED,
};

/* An account, "u-N". */
struct ledger_user {
	_Atomic uint8_t made;
	_Atomic uint8_t changes; /* asked after it was made                         */
	_Atomic uint8_t state;   /* enum account_state that was acknowledged last   */
	_Atomic uint8_t unsure;  /* a change was asked, and not answered            */
	_Atomic uint32_t number;
};

struct ledger_emergency {
	_Atomic uint8_t declared;
	_Atomic uint8_t recorded; /* acknowledged                                   */
	_Atomic uint8_t ended;    /* ACKNOWLEDGED: and nothing was left unrecorded  */
	uint8_t id[16];
};

struct ledger {
	_Atomic uint32_t stop;
	_Atomic uint32_t at_desk, at_bed; /* what was acknowledged, in all         */
	_Atomic uint32_t n_users, n_uses, n_care, n_emergencies, n_wrong;
	_Atomic uint32_t wrong_told; /* wrong passwords that were answered          */
	_Atomic uint32_t right_told; /* ... and right ones                          */
	struct ledger_user users[LEDGER_USERS];
	_Atomic uint8_t uses[LEDGER_USES]; /* guarded, object "g-N"                 */
	_Atomic uint8_t care[LEDGER_USES]; /* in an emergency, object "use-N"       */
	struct ledger_emergency emergencies[LEDGER_EMERGENCIES];
};

/* The service seat: accounts, guarded uses, right and wrong passwords. Never returns. */
_Noreturn void desk_run(const struct world *w, struct ledger *ledger, uint64_t seed);
/* The main seat, with the real library: emergencies and uses in them. Never returns. */
_Noreturn void bed_run(const struct world *w, struct ledger *ledger, uint64_t seed);

#endif
