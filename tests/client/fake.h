/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CLIENT_FAKE_H
#define TESTS_CLIENT_FAKE_H

/*
 * A broker that does what a test says, in the test's own thread: nothing in the
 * client waits, so nothing here needs to run beside it.
 */

#include <careward/careward.h>

#include "wire/frame.h"
#include "wire/page.h"
#include "wire/protocol.h"
#include "wire/ring.h"

enum { STOP, START, LIMITS, UPDATE, LOST, N_ACTIONS };

/* always, care, guarded, sensitive; and a care action that the table does not know. */
extern const struct cw_action fake_actions[N_ACTIONS];

struct fake {
	char folder[64];
	char path[96];
	int listen_fd;
	int fd; /* the connection                                                   */
	const struct ring *ring;
	int ring_fd;
	struct policy_table table;
	struct policy_state state;
	struct state_page *page;
	int state_fd;
	int policy_fd;
	struct frame frame;     /* the last one that was read                        */
	struct ring_record record;
	uint8_t packet[LIMIT_FRAME];
	size_t n_packet;
	uint8_t out[LIMIT_FRAME];
	struct frame_writer w;
};

void fake_begin(struct fake *f); /* folder, socket, pages: a nurse is signed in      */
void fake_done(struct fake *f);
void fake_publish(struct fake *f, uint64_t lease_ms);
struct cw_options fake_options(const struct fake *f);

/* Each of these ends the test with a message when it does not work out. */
void fake_accept(struct fake *f);  /* takes the connection and its hello              */
void fake_greet(struct fake *f, bool with_policy);
void fake_hang_up(struct fake *f);
bool fake_has_packet(struct fake *f);
void fake_read_frame(struct fake *f, const char *verb); /* into f->frame              */
void fake_read_record(struct fake *f, enum record_kind kind); /* into f->record        */
/* Begin, then frame_*(&f->w, ...), then fake_send(). */
void fake_reply(struct fake *f, uint64_t result);
void fake_event(struct fake *f, const char *name);
void fake_send(struct fake *f);
void fake_send_raw(struct fake *f, const void *p, size_t n, const int *fds, size_t n_fds);
unsigned fake_ring_count(const struct fake *f, const struct ring *ring);
uint64_t fake_now(void);

#endif
