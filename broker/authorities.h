/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_AUTHORITIES_H
#define BROKER_AUTHORITIES_H

/*
 * The site's authorities for cards, and their revocation lists: from files to auth.trust
 *
 * Files are read and parsed in a thread of their own: a list may be large, and a
 * disk may hang. Until that is done, and with an authority that is not as site.cfg
 * pins it, there is no trust: no card counts by its chain, and an alarm and an
 * entry name the file. Nothing else waits for it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "policy/token-rules.h"

struct authorities;
struct engine;

/* Before the filter: makes a thread. Return: 0; -ENOMEM; -EAGAIN. */
int authorities_new(struct engine *engine, struct authorities **ret_authorities);
struct authorities *authorities_free(struct authorities *authorities);

/* New rules: no trust until their files have been read. NULL is fine. */
void authorities_set_rules(struct authorities *authorities, const struct token_rules *rules);

/* Every second: looks after lists now and then, and reads what has changed. */
void authorities_tick(struct authorities *authorities, uint64_t boot_ms);

/* Are files being read at this moment? */
bool authorities_are_busy(const struct authorities *authorities);

#endif
