/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_SHIFT_H
#define UI_GLUE_DEMO_SHIFT_H

#include "ui-glue/demo/places.h"

/*
 * shift_play() - play a shift at the infusion pump, without a terminal
 *
 * Each step prints one line: its number, what, the verdict that is expected, the
 * one that came, and the milliseconds that it took.
 *
 * Return: 0 when every step went as expected; 1 when any did not; 3 when the
 * broker could not be started at all; 77 when what was asked for cannot be here.
 */
int shift_play(const struct places *places);

#endif
