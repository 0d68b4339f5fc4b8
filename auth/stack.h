/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_STACK_H
#define AUTH_STACK_H

/*
 * stack_wipe() - overwrite what returned functions left on the stack
 *
 * Hashing and the quality library copy blocks of the password into their frames
 * and leave them there. Called after them, from the function that called them,
 * this walks over the 28 KiB in which they stood.
 */
void stack_wipe(void);

#endif
