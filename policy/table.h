/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TABLE_H
#define POLICY_TABLE_H

/*
 * The compiled policy: a flat, pointer-free table of fixed size
 *
 * The compiler (compile.c) fills it from device.cfg and site.cfg; the broker
 * publishes it, sealed, as the policy page; both sides decide from it. It is
 * never rewritten in place: a new policy is a new table with a new generation.
 * Byte order is the machine's: it never leaves the machine.
 *
 * Zeroed memory is a table without actions, which denies everything that is
 * not known to the application itself as always or care.
 */

#include <stdint.h>

#define POLICY_ACTIONS_MAX 512u /* the device's own and the built-in ones      */
#define POLICY_ROLES_MAX 32u
#define POLICY_SIGNALS_MAX 32u
#define POLICY_CONTEXTS_MAX 32u
#define POLICY_SEATS_MAX 8u
#define POLICY_NAME_SIZE 64u /* bytes with the final NUL                      */

#define POLICY_TABLE_MAGIC 0x43575031u /* "CWP1" */
#define POLICY_TABLE_VERSION 1u

/* One action. Bits of roles and signals are 1 << index. */
struct policy_action {
	uint32_t roles;      /* roles that grant it, inheritance resolved           */
	uint32_t when_true;  /* only_when: signals that must be known to be true    */
	uint32_t when_false; /* only_when: signals that must be known to be false   */
	uint32_t fresh_ms;   /* sensitive: greatest age of the re-authentication    */
	uint8_t kind;        /* enum cw_kind                                        */
	uint8_t assurance;   /* enum cw_assurance: guarded and sensitive            */
	uint8_t confirm;     /* enum cw_confirm: sensitive                          */
	uint8_t witness;     /* care: 1 when an independent double check is asked   */
	uint32_t zero;
};

/*
 * One context. It applies when all of when_true are true and all of when_false
 * are false; the one with the highest index that applies is in force. Index 0
 * is the routine context: both its masks are 0, so it always applies.
 */
struct policy_context {
	uint32_t when_true;
	uint32_t when_false;
	uint32_t idle_lock_ms; /* 0 is not valid; at most 3 600 000                 */
	uint8_t care;          /* enum cw_assurance that care asks for here         */
	uint8_t guarded;       /* least assurance for guarded and sensitive here    */
	uint8_t removal_locks; /* 1: taking the token away locks the seat           */
	uint8_t alone;         /* 1: one works alone here; witnesses are waived     */
};

/* One signal, and the seat whose application may set it. */
struct policy_signal {
	uint32_t ttl_ms; /* 0: stays until told otherwise or the connection ends  */
	uint8_t seat;    /* index of the seat                                     */
	uint8_t zero[3];
};

struct policy_table {
	uint32_t magic;
	uint32_t version;
	uint32_t size;       /* sizeof(struct policy_table)                        */
	uint32_t checksum;   /* CRC-32 of the table with this field 0              */
	uint64_t generation; /* grows with every policy that this device installs  */
	uint8_t device_hash[32]; /* SHA-256 of device.cfg                          */
	uint8_t site_hash[32];   /* SHA-256 of site.cfg                            */
	uint32_t n_actions;
	uint32_t n_roles;
	uint32_t n_signals;
	uint32_t n_contexts;
	uint32_t patient_signal; /* index + 1 of the signal that says a patient is there */
	uint32_t n_seats;
	struct policy_action actions[POLICY_ACTIONS_MAX];
	struct policy_context contexts[POLICY_CONTEXTS_MAX];
	struct policy_signal signals[POLICY_SIGNALS_MAX];
	char action_names[POLICY_ACTIONS_MAX][POLICY_NAME_SIZE];
	char role_names[POLICY_ROLES_MAX][POLICY_NAME_SIZE];
	char signal_names[POLICY_SIGNALS_MAX][POLICY_NAME_SIZE];
	char context_names[POLICY_CONTEXTS_MAX][POLICY_NAME_SIZE];
	char seat_names[POLICY_SEATS_MAX][POLICY_NAME_SIZE];
};

#endif
