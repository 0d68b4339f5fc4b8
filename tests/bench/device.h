/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BENCH_DEVICE_H
#define TESTS_BENCH_DEVICE_H

/* A private device with the real carewardd, and its user interface by way of libcareward. */

#include <careward/careward.h>

#include "tests/bench/bench.h"
#include "tests/broker/world.h"

/* Handles of device_actions. */
enum {
	ACT_STOP,  /* always                                                         */
	ACT_START, /* care                                                           */
	ACT_EXPORT, /* guarded                                                       */
	ACT_N,
};
extern const struct cw_action device_actions[ACT_N];

#define DEVICE_NURSE "nina"

struct device {
	struct world world;
	char place[64]; /* of sockets and configuration; short, as a socket's path is */
};

/*
 * device_start() - starts carewardd, commissions it, adds a nurse
 *
 * Its state directory is below b->dir. Return: NULL; why there is none.
 */
const char *device_start(struct bench *b, struct device *d);
void device_stop(struct device *d);

/* Stops (or lets go on) the engine, and waits until it has. */
void device_freeze(pid_t engine, bool frozen);

/* A client at the seat, greeted; close with cw_close(). NULL device: nobody listens there. */
struct cw *client_open(const struct device *d);
/* Waits for an event of that kind; others are dropped. Ends the program after 10 s. */
void client_wait(struct cw *cw, enum cw_event_kind kind, struct cw_event *ret_event);
/* Waits until nothing that this client said is still to be written down. */
void client_settle(struct cw *cw);
/* Takes in what has come, within @ms. */
void client_turn(struct cw *cw, int ms);
void client_sign_in(struct cw *cw, const char *name, const char *password);

#endif
