/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_DEMO_DRAW_H
#define UI_GLUE_DEMO_DRAW_H

#include "ui-glue/demo/hospital.h"
#include "ui-glue/demo/pump.h"

/* Everything that is on the terminal; 80 columns and 24 lines are enough. */
void draw_pump(struct pump *pump, int64_t now_ms);

/* Has the terminal that many? */
bool draw_has_room(void);

/* The first screen: what commissioning handed out. */
void draw_commissioning(const struct hospital *hospital);

#endif
