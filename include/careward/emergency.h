/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAREWARD_EMERGENCY_H
#define CAREWARD_EMERGENCY_H

/*
 * Break-glass: care, at once, for anybody; recorded, reviewed, and nothing more
 *
 * cw_break_glass() waits for nothing and nobody: it makes the emergency real in
 * this process, keeps the record in memory that the broker can read, and tells
 * the broker without blocking. Other processes of the seat learn of it from the
 * broker; with the broker dead it holds in the process where it was declared.
 */

#include <careward/device.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cw_recorded {
	CW_RECORDED_NOT = 0,     /* granted, and this memory alone knows (ring full)      */
	CW_RECORDED_IN_RING,     /* granted, not yet durable; CW_EVENT_EMERGENCY_RECORDED */
};

/*
 * cw_break_glass() - declare an emergency at this seat
 * @name:        claimed name or badge number, at most 63 bytes; NULL: nobody said
 * @ret_id:      its 128-bit id; of the one that is open already, if there is one
 * @ret_recorded: may be NULL
 *
 * The widget asks for one deliberate act (two touches in two places); this is
 * the call behind it. No allocation, no system call that can block.
 *
 * Return: 0 always: care is open.
 */
CW_PUBLIC int cw_break_glass(struct cw *cw, const char *name, uint8_t ret_id[16],
                             enum cw_recorded *ret_recorded);

/*
 * cw_break_glass_reason() - say why, at a quiet moment
 * @reason:  one of the site's short list
 * @text:    at most 151 bytes; NULL: none
 *
 * Return: 0; -ENOENT (no emergency of this id was declared or told here);
 * -EINVAL (too long); -ENOSPC (ring full: say it again later).
 */
CW_PUBLIC int cw_break_glass_reason(struct cw *cw, const uint8_t id[16], const char *reason,
                                    const char *text);

/*
 * cw_break_glass_end() - a person says that it is over
 *
 * Final for this id, here and everywhere, also when the broker learns of it
 * first.
 *
 * Return: 0; -ENOENT (no such emergency is open).
 */
CW_PUBLIC int cw_break_glass_end(struct cw *cw, const uint8_t id[16]);

#ifdef __cplusplus
}
#endif

#endif
