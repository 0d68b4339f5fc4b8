/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAREWARD_CAREWARD_H
#define CAREWARD_CAREWARD_H

/* Everything that a device's user interface needs. */

#include <careward/approval.h>
#include <careward/device.h>
#include <careward/emergency.h>
#include <careward/event.h>
#include <careward/history.h>
#include <careward/result.h>
#include <careward/sign_in.h>

#endif
