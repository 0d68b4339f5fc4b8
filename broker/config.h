/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

/*
 * Which configuration runs
 *
 * Before the device is initialised: the files as they stand. From then on only a
 * file whose SHA-256 the journal last recorded as installed; otherwise the
 * content that was installed, kept in the database, and an alarm says so.
 */

#include "broker/engine.h"

enum config_kind {
	CONFIG_NONE = 0,
	CONFIG_DEVICE,
	CONFIG_SITE,
	CONFIG_PLACE,
	CONFIG_N,
};

/* "device", "site", "place"; CONFIG_NONE for anything else. */
enum config_kind config_kind_by_name(const char *name);
const char *config_file_name(enum config_kind kind);

/*
 * config_load() - find the configuration that may run, compile it, put it in force
 *
 * Never fails: with nothing valid there is no policy, and alarms say why.
 */
void config_load(struct engine *engine);

/*
 * config_install_all() - record the files that run as installed (init)
 *
 * Inside the caller's transaction. Return: 0; -EIO, -ENOSPC.
 */
int config_install_all(struct engine *engine, const struct actor *actor, const struct moment *now);

/*
 * config_install() - check a new content against the others and put it in force
 * @messages:  zeroed by the caller
 *
 * Recorded durably first, then in force.
 *
 * Return: 0; -EINVAL (refused: @messages); -EIO, -ENOSPC, -ENOMEM.
 */
int config_install(struct engine *engine, enum config_kind kind, const char *content,
                   size_t n_content, const struct actor *actor, const struct moment *now,
                   struct policy_messages *messages);

/*
 * config_check() - would this content be accepted, with the others as they run?
 *
 * Return: 0; -EINVAL (@messages say why); -EIO, -ENOMEM.
 */
int config_check(struct engine *engine, enum config_kind kind, const char *content,
                 size_t n_content, struct policy_messages *messages);

/* SHA-256. Return: 0; -EIO. */
int config_digest(const void *content, size_t n, uint8_t ret_digest[32]);

/* While an alarm about files is on: is it over? To be called now and then. */
void config_tick(struct engine *engine);

/* Is this the content of the file that a start would read? */
bool config_is_in_place(struct engine *engine, enum config_kind kind, const char *content,
                        size_t n_content);

#endif
