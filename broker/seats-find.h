/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_SEATS_FIND_H
#define BROKER_SEATS_FIND_H

/*
 * The seats of device.cfg: for seats_ask() and for `carewardd --seats`
 *
 * Parses and asks the name service, which may load libraries and take its time:
 * in a child only.
 */

#include <stdint.h>

#include "broker/seats.h"

/*
 * seats_find() - compile device.cfg and resolve the names in it
 * @config_path: directory of device.cfg
 * @gid:         group of a seat that names none, or one that there is not
 *
 * What is wrong is said on standard error. A user that there is not becomes
 * SEAT_NO_UID: nobody may connect.
 *
 * Return: 0; -EINVAL (no device.cfg, or it was refused); -ENAMETOOLONG; -ENOMEM.
 */
int seats_find(const char *config_path, uint32_t gid, struct seats *ret_seats);

#endif
