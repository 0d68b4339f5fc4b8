/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_SCREEN_H
#define UI_GLUE_DEMO_SCREEN_H

#include "ui-glue/demo/places.h"

/*
 * screen_run() - the pump on a terminal of 80x24 or larger
 *
 * Return: 0 when the person left; 2 when there is no such terminal; 3 when the
 * broker could not be started.
 */
int screen_run(const struct places *places);

#endif
