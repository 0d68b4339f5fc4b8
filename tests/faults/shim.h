/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAULTS_SHIM_H
#define TESTS_FAULTS_SHIM_H

/*
 * Orders to the library that is preloaded into broker and screen, and its counts
 *
 * One page that the matrix and both sides share. A cell writes orders into it at
 * the moment of its fault; each time the library carries one out it counts. A fault
 * whose count is 0 has not struck.
 */

#include <stdatomic.h>
#include <stdint.h>

#define SHIM_PAGE_VARIABLE "CAREWARD_FAULTS_PAGE" /* path of the page               */
#define SHIM_MAGIC 0x43574631u

enum shim_who { SHIM_BROKER = 0, SHIM_SCREEN, SHIM_N };

enum shim_sync {
	SYNC_GOOD = 0,
	SYNC_SLOW,      /* takes `sync_ms`                                             */
	SYNC_FAIL_ONCE, /* EIO, then good again                                       */
	SYNC_FAIL,      /* EIO                                                         */
	SYNC_HANG,      /* until told otherwise                                        */
};

enum shim_flip { FLIP_NONE = 0, FLIP_POLICY, FLIP_STATE };

struct shim_side {
	/* Orders. */
	_Atomic uint32_t sync;        /* enum shim_sync                              */
	_Atomic uint32_t sync_ms;
	_Atomic uint32_t read_only;   /* files of `device` cannot be written         */
	_Atomic uint32_t alloc_first; /* number of the first allocation that fails; 0: none */
	_Atomic uint32_t alloc_n;     /* so many fail                                */
	_Atomic uint32_t late_ms;     /* each turn of the loop begins so late        */
	_Atomic uint32_t spin;        /* the loop does not turn any more             */
	_Atomic uint32_t wall;        /* the clock on the wall is `wall_s`           */
	_Atomic int64_t wall_s;
	_Atomic uint32_t no_future_write; /* the kernel does not know that seal      */
	_Atomic uint32_t flip;        /* enum shim_flip: which page is changed       */
	_Atomic uint32_t flip_at;     /* its byte                                    */
	/* Counts. */
	_Atomic uint64_t n_sync, n_read_only, n_alloc, n_alloc_failed, n_late, n_spin, n_wall;
	_Atomic uint64_t n_seal, n_flip;
	_Atomic uint64_t n_no_space, n_no_file; /* ENOSPC; EMFILE, as the kernel said */
};

struct shim_page {
	_Atomic uint32_t magic;
	_Atomic uint64_t device; /* st_dev of the state directory                    */
	_Atomic uint32_t policy_size, state_size;
	_Atomic uint64_t n_killed; /* by the cell's own killer                       */
	_Atomic uint64_t n_met;    /* connections of the stranger at the socket      */
	_Atomic uint64_t n_leaked; /* of them those that said something to him       */
	struct shim_side side[SHIM_N];
};

#endif
