/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_KEEPER_H
#define TOKENS_KEEPER_H

/*
 * careward-token: the keeper of the helpers, and what it and the engine say
 *
 * carewardd starts `careward-token` before it gives up its rights: the program
 * becomes its own user (careward-token) and stays for the life of the broker,
 * whatever engines come and go. Its first process only starts the keeper again
 * when that has died. The keeper holds no library and parses nothing: it forks
 * helpers ahead, hands the engine a socket to one of them, and kills each at its
 * deadline. A helper loads its library, says that it is ready, takes one job
 * (speech.h) and ends.
 *
 * Fixed structs over SOCK_SEQPACKET; both ends are the same build. The keeper
 * does what the engine says; the engine believes nothing but the descriptors.
 * Times are CLOCK_BOOTTIME in milliseconds.
 */

#include <stdbool.h>
#include <stdint.h>

#include "policy/token-rules.h"

/* The descriptor that careward-token finds its socket on. */
#define KEEPER_FD 3

enum keeper_kind {
	KEEPER_NONE = 0,
	/* from the engine */
	KEEPER_SETUP,    /* rules and `number` of this engine: everything before is void */
	KEEPER_TAKE,     /* a helper of `factor` under `number`, to be killed at `deadline_ms` */
	KEEPER_DEADLINE, /* another deadline for it; 0: now                            */
	KEEPER_WATCH,    /* start the watcher, under `number`; it has no deadline      */
	/* from the keeper */
	KEEPER_READY,    /* answer to SETUP, with its number; 0: a new keeper, which
			    knows nothing and wants a SETUP                            */
	KEEPER_GIVEN,    /* answer to TAKE and WATCH, with the socket                  */
	KEEPER_OPENED,   /* a spare of `factor` is initialised: `code` 0, or -errno    */
	KEEPER_ENDED,    /* that helper is gone: `how`, `code`                         */
	KEEPER_N_KINDS,
};

enum keeper_end {
	KEEPER_END_NONE = 0,
	KEEPER_END_EXIT,     /* code: status                                           */
	KEEPER_END_SIGNAL,   /* code: signal                                           */
	KEEPER_END_DEADLINE, /* killed because it was too late                         */
	KEEPER_END_FORK,     /* could not be started; code: errno                      */
};

struct keeper_message {
	uint32_t kind;       /* enum keeper_kind                                       */
	uint32_t factor;     /* TAKE, OPENED                                           */
	uint64_t engine;     /* number of the SETUP that it belongs to                 */
	uint64_t number;     /* of the helper, the engine's                            */
	uint64_t deadline_ms;
	uint32_t how;        /* ENDED: enum keeper_end                                 */
	int32_t code;
};

/* SETUP alone is longer. */
struct keeper_setup {
	struct keeper_message message;
	struct token_rules rules;
};

#define KEEPER_HELPERS_MAX 16u /* alive, spares included                             */

/*
 * keeper_main() - the first process of careward-token: starts the keeper, again and
 * again, until the other end of the socket is gone
 * @fd:         socket of the engine
 * @has_own_user:  the processes of this user are the keeper's alone
 *
 * Return: exit status.
 */
int keeper_main(int fd, bool has_own_user);

#endif
