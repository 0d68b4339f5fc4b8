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
 * Two seats
 *
 * While cw_authorize() asks for the second person's name, that person may as well sign
 * at another seat, within the time that the first one's re-authentication is fresh. At
 * the asking seat CW_EVENT_AUTHORIZED comes as ever; a refusal comes as
 * CW_EVENT_ATTEMPT_OVER with the message "second-refused" and the reason in text.
 */

/* What waits for a second person's yes. */
struct cw_open_approval {
	uint64_t approval;  /* for cw_countersign() and cw_refuse()                      */
	uint32_t account;   /* who asks                                                  */
	uint32_t action;    /* handle; UINT32_MAX: none of this application's            */
	int64_t since_ms;   /* wall time                                                 */
	uint64_t left_ms;   /* as long as this it can be signed                          */
	uint8_t digest[32];
	char seat[64];      /* where it is asked                                         */
	char name[64];      /* display name of who asks                                  */
	char action_name[64];
	char object[128];
	char words[512];    /* what is to be confirmed; show all of it                   */
};

/*
 * cw_approvals() - what waits for the person who is signed in here
 * @each:  called from a later cw_dispatch(), once for each, then once with NULL;
 *         what it points at lives during the call
 *
 * CW_EVENT_APPROVALS says when to ask again; ask after a sign-in, too. Without an
 * open session it is refused: CW_EVENT_ERROR, and one call with NULL.
 *
 * Return: 0; -EINVAL; -EBUSY (one is going on); -EAGAIN; -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_approvals(struct cw *cw,
                                      void (*each)(const struct cw_open_approval *approval,
                                                   void *userdata),
                                      void *userdata);

/*
 * cw_countersign() - begin to say yes to one, or no
 * @factor:  as for cw_sign_in_with()
 *
 * The session's owner proves who it is and confirms the words. Ends in
 * CW_EVENT_ATTEMPT_OVER with the message "countersigned", or why not; the receipt
 * goes to the asking seat.
 *
 * Return: 0; -EINVAL; -EAGAIN; -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_countersign(struct cw *cw, uint64_t approval, enum cw_factor factor,
                                        uint64_t *ret_attempt);

/*
 * cw_refuse() - say no to it, without being proved once more
 * @reason:  why, for the record and for who asked; at most 511 bytes; NULL: none
 *
 * A refusal of this very request comes as CW_EVENT_ERROR.
 *
 * Return: 0; -EINVAL; -EAGAIN; -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_refuse(struct cw *cw, uint64_t approval, const char *reason);

/*
 * cw_cancel_because() - as cw_cancel(), for an approval, with the reason on record
 *
 * Return: as cw_cancel(); -EINVAL (@reason too long).
 */
CW_PUBLIC CW_CHECKED int cw_cancel_because(struct cw *cw, uint64_t attempt, const char *reason);

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
