/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_CAREWARDD_H
#define BROKER_CAREWARDD_H

/* What the program is linked with. */

#include "broker/supervisor.h"

/* The engine; broker/engine.h says more of it. */
int engine_main(const struct engine_setup *setup);

/* --restore-accounts, as the broker's user, while no engine runs. Return: an exit status. */
int restore_main(int state_fd);

#endif
