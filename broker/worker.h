/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_WORKER_H
#define BROKER_WORKER_H

/*
 * One thread that does one thing after the other, away from the loop
 *
 * There are three: one hashes passwords and owns the arena, so that all hashing
 * on the device shares one budget of memory; one reads long (verify), and one
 * helps it.
 */

#include <stdint.h>

#include <uv.h>

#include "auth/password.h"

struct worker;

/*
 * run() is called in the thread, done() in the loop; data is the caller's until done().
 * abandon() instead of done() when the worker ends first; NULL: its owner knows.
 */
struct worker_task {
	void (*run)(void *data, struct arena *arena);
	void (*done)(void *data);
	void *data;
	void (*abandon)(void *data);
};

/*
 * worker_new() - start the thread
 * @n_queue:  tasks that may wait, the running one included; at most 16
 *
 * Return: 0; -ENOMEM; -EAGAIN (no thread).
 */
int worker_new(uv_loop_t *loop, uint32_t n_queue, struct worker **ret_worker);

/*
 * worker_set_arena() - hash in this arena from the next task on
 *
 * Taken over; the one before is freed by the worker when it lets go of it.
 */
void worker_set_arena(struct worker *worker, struct arena *arena);

/* worker_submit() - Return: 0; -EBUSY (the queue is full). */
int worker_submit(struct worker *worker, const struct worker_task *task);

/* Waits for the running task, abandons the rest, ends the thread. NULL is fine. */
struct worker *worker_free(struct worker *worker);

#endif
