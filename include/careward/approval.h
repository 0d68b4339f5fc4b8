/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAREWARD_APPROVAL_H
#define CAREWARD_APPROVAL_H

/*
 * Approvals: what the person confirms is what is done
 *
 * A sensitive action needs a fresh re-authentication and a confirmation, of the
 * same or of a second person, bound to the digest of the exact object and to the
 * words that were shown. It ends in a receipt, which is redeemed once, by this
 * process or by the one that acts.
 */

#include <careward/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * cw_authorize() - begin an approval
 * @action:  handle of a sensitive action
 * @digest:  SHA-256 of the exact object (file, new value as the device encodes it)
 * @object:  short name of the object, for the record; at most 127 bytes
 * @words:   what the screen will show, in exactly these words; at most 511 bytes
 * @ret_attempt: the conversation; its prompts come as CW_EVENT_PROMPT
 *
 * Return: 0; -EINVAL (handle, not sensitive, too long); -EAGAIN; -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_authorize(struct cw *cw, uint32_t action, const uint8_t digest[32],
                                      const char *object, const char *words,
                                      uint64_t *ret_attempt);

/*
 * cw_receipt() - the receipt of a finished approval
 * @attempt:   of CW_EVENT_AUTHORIZED
 * @ret_size:  capacity in, length out; a receipt has at most 4096 bytes
 *
 * Return: 0; -ENOENT; -ENOSPC.
 */
CW_PUBLIC CW_CHECKED int cw_receipt(struct cw *cw, uint64_t attempt, uint8_t *ret_receipt,
                                    size_t *ret_size);

/*
 * cw_redeem() - use a receipt, once
 * @digest:  of the object that is about to be used: compared with the receipt's
 * @ret_serial:  number of the answer's CW_EVENT_USED
 *
 * Return: 0; -EINVAL; -EAGAIN; -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_redeem(struct cw *cw, const uint8_t *receipt, size_t n_receipt,
                                   uint32_t action, const uint8_t digest[32],
                                   uint64_t *ret_serial);

#ifdef __cplusplus
}
#endif

#endif
