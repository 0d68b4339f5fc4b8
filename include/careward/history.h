/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAREWARD_HISTORY_H
#define CAREWARD_HISTORY_H

/* The login history, for a screen. Reading it is itself recorded. */

#include <careward/device.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cw_history_entry {
	uint64_t seq;
	int64_t wall_ms;
	uint8_t clock_trusted;
	uint8_t assurance;
	uint8_t claimed;   /* the identity was claimed, not proved                     */
	uint8_t late;      /* recorded after the fact                                  */
	uint32_t account;
	uint32_t target;
	char event[32];    /* published name                                           */
	char outcome[16];
	char action[64];
	char object[128];
	char name[64];     /* display name of the account, or the name claimed         */
	char text[128];
};

/*
 * cw_history() - ask for a page, newest first
 * @before:   entries with a lower number; 0: from the newest
 * @n:        at most 50
 * @each:     called from a later cw_dispatch(), once an entry, then once with
 *            NULL; entries live during the call
 *
 * Needs careward.history in the open session. A refusal comes as CW_EVENT_ERROR
 * and one call with NULL.
 *
 * Return: 0; -EINVAL; -EBUSY (one is going on); -EAGAIN; -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_history(struct cw *cw, uint64_t before, uint32_t n,
                                    void (*each)(const struct cw_history_entry *entry,
                                                 void *userdata),
                                    void *userdata);

#ifdef __cplusplus
}
#endif

#endif
