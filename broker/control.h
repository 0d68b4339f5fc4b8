/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_CONTROL_H
#define BROKER_CONTROL_H

/*
 * What supervisor and engine say to each other
 *
 * A socketpair (SOCK_SEQPACKET) that the engine inherits. Fixed structs: both
 * ends are the same program. The supervisor believes nothing in them but the
 * descriptors, which it checks itself.
 */

#include <stdint.h>

enum control_kind {
	CONTROL_NONE = 0,
	CONTROL_READY,     /* engine: listening, state pages published                  */
	CONTROL_ALIVE,     /* engine: every second; without it for 3 s the engine hangs  */
	CONTROL_RING,      /* engine: a client's ring, with its descriptor               */
	CONTROL_RING_GONE, /* engine: that client is gone and its ring has been drained  */
	CONTROL_SPOOLED,   /* supervisor: records were added to the spool                */
	CONTROL_STOP,      /* supervisor: shut down cleanly                              */
};

struct control_message {
	uint32_t kind;     /* enum control_kind                                          */
	uint32_t seat;     /* RING: index of the seat                                    */
	uint32_t peer_uid; /* RING                                                       */
	uint32_t peer_pid; /* RING                                                       */
	uint64_t ring;     /* number of the ring, the engine's                           */
};

/* Descriptors that the engine inherits, and their numbers in it. */
#define CONTROL_FD 3
#define CONTROL_STATE_FD 4        /* state directory                                */
#define CONTROL_CONFIG_FD 5       /* configuration directory, O_PATH                */
#define CONTROL_TOKEN_FD 6        /* socket of careward-token, for every engine the same;
                                     closed where there is none                     */
#define CONTROL_FIRST_LISTEN_FD 7 /* listening sockets, in the order of the seats   */

/* How the engine died, told to the next one for its journal. */
enum control_death {
	DEATH_NONE = 0,
	DEATH_EXIT,
	DEATH_SIGNAL,
	DEATH_HUNG,
};

#endif
