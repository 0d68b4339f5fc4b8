/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_ROOM_H
#define UI_GLUE_DEMO_ROOM_H

/*
 * The hand that moves virtual cards, badges and keys
 *
 * `./dev demo --with-card --with-key --with-badge` starts the demo in a room
 * (tests/fixtures/card-room.c) and tells its folder with --room. In it:
 *
 *	slot0           control socket of the card "anna" (tests/fixtures/virtual-piv.c)
 *	slot1           ... of an empty contactless reader: "badge HEX", then "tap"
 *	tty, reader     a serial badge reader, and its control socket: "tap TEXT"
 *	key, key-control  a security key, and its control socket
 *
 * Without a room real readers are used, and a person does what is asked for.
 */

#include "ui-glue/demo/places.h"
#include "ui-glue/demo/room-line.h"

/*
 * room_tell() - say one line to a device
 * @device:  name of its control socket: "slot0", "slot1", "reader", "key-control"
 *
 * Return: 0 ("ok ..."); -EPROTO (it refuses); -ENOENT (there is no room); -errno.
 */
int room_tell(const struct places *places, const char *device, const char *line);

#endif
