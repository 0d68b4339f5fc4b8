/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAREWARD_SIGN_IN_H
#define CAREWARD_SIGN_IN_H

/*
 * Signing in: a conversation of typed prompts
 *
 * The broker asks, the screen shows, the person answers. The same conversation
 * serves a first sign-in, a forced change of password, unlocking, handover and
 * re-authentication. An attempt that nobody answers for 60 s ends by itself,
 * counted as nothing.
 */

#include <careward/device.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cw_purpose {
	CW_PURPOSE_SIGN_IN = 1,  /* also takes over a running seat (handover)            */
	CW_PURPOSE_UNLOCK,       /* the owner of the session on the screen               */
	CW_PURPOSE_REAUTH,       /* the same, freshly, for something sensitive           */
	CW_PURPOSE_CHANGE,       /* the signed-in person changes the password            */
	CW_PURPOSE_RECOVER,      /* the one-use code of `careward init`                  */
	CW_PURPOSE_ENROL,        /* a token for somebody: cw_enrol()                     */
	CW_PURPOSE_WITNESS,      /* a second person checks a care action: cw_witness()   */
	CW_PURPOSE_COUNTERSIGN,  /* a yes to what another seat asks: cw_countersign()    */
};

enum cw_field {
	CW_FIELD_NONE = 0,
	CW_FIELD_NAME,         /* who are you?                                          */
	CW_FIELD_PASSWORD,     /* secret                                                */
	CW_FIELD_NEW_PASSWORD, /* secret; asked twice                                   */
	CW_FIELD_NEW_PASSWORD_AGAIN,
	CW_FIELD_CODE,         /* secret; 4-6 digits                                    */
	CW_FIELD_PIN,          /* secret; tries_left is set                             */
	CW_FIELD_TOUCH,        /* no answer: touch the key                              */
	CW_FIELD_INSERT,       /* no answer: insert the card or tap the badge           */
	CW_FIELD_CHOICE,       /* one of text, separated by newlines                    */
	CW_FIELD_RECOVERY,     /* secret; the recovery code                             */
	CW_FIELD_CONFIRM,      /* "yes" or "no" to the words shown in text              */
};

struct cw_prompt {
	uint32_t size;          /* sizeof(struct cw_prompt), set by the caller           */
	enum cw_field field;
	uint8_t is_secret;      /* do not echo                                           */
	uint8_t tries_left;     /* PIN; 255: not known                                   */
	uint64_t attempt;
	char message[64];       /* message id: what to ask, and what went wrong before   */
	char text[512];         /* the words to confirm, the choices, the person's name, */
	                        /* the least number of characters of a new password      */
};

/*
 * cw_sign_in() - begin a conversation
 * @purpose:      enum cw_purpose
 * @name:         claimed name, or NULL: it will be asked for
 * @ret_attempt:  number of the attempt
 *
 * The first prompt comes as CW_EVENT_PROMPT.
 *
 * Return: 0; -EINVAL; -EAGAIN (socket full); -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_sign_in(struct cw *cw, enum cw_purpose purpose, const char *name,
                                    uint64_t *ret_attempt);

/*
 * cw_sign_in_with() - the same, by a factor that the person has chosen
 * @factor:  CW_FACTOR_NONE: whatever lies at the reader, or else name and password;
 *           CW_FACTOR_PASSWORD, _BADGE, _SMARTCARD, _FIDO2
 *
 * With a card or badge no name is needed; a security key asks for one.
 *
 * Return: as cw_sign_in().
 */
CW_PUBLIC CW_CHECKED int cw_sign_in_with(struct cw *cw, enum cw_purpose purpose,
                                         enum cw_factor factor, const char *name,
                                         uint64_t *ret_attempt);

/*
 * cw_badge() - a badge was read by something that types into this application
 * @line:  what the reader typed, without the end of line; at most 127 bytes
 *
 * Only where device.cfg gives this seat a reader of kind "wedge" without a path.
 * Answered like a tap at a reader of the device, by CW_EVENT_TOKEN.
 *
 * Return: 0; -EINVAL (empty, too long); -EAGAIN; -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_badge(struct cw *cw, const char *line);

/*
 * cw_enrol() - begin to enrol a token for somebody
 * @name:    the account
 * @factor:  CW_FACTOR_SMARTCARD, _FIDO2, _BADGE or _CODE
 * @label:   what people call it, at most 63 bytes; NULL: none
 *
 * Needs careward.enrol in the open session. The conversation asks for the token,
 * its PIN, a touch; for a code, twice for the digits. Ends in
 * CW_EVENT_ATTEMPT_OVER with the message "enrolled", or why not.
 *
 * Return: 0; -EINVAL; -EAGAIN; -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_enrol(struct cw *cw, const char *name, enum cw_factor factor,
                                  const char *label, uint64_t *ret_attempt);

/*
 * cw_witness() - a second person checks a care action
 * @action:  handle of a care action that asks for a witness
 * @object:  what is checked (drug, dose, channel), in exactly the words that cw_use()
 *           will say; at most 127 bytes; NULL: the action as such
 *
 * By tap, code, card or password of somebody who could do it, too. Then cw_use()
 * allows this action once, with this very object, within 120 s, until the seat locks
 * or changes hands; with another object it answers CW_CONFIRM (CW_REASON_WITNESS).
 * cw_check(), which knows no object, then allows the action. In an emergency, and
 * where one works alone, no witness is asked.
 *
 * Return: 0; -EINVAL; -EAGAIN; -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_witness(struct cw *cw, uint32_t action, const char *object,
                                    uint64_t *ret_attempt);

/*
 * cw_prompt() - what an attempt asks for now
 *
 * Return: 0; -ENOENT (nothing is asked).
 */
CW_PUBLIC int cw_prompt(struct cw *cw, uint64_t attempt, struct cw_prompt *ret_prompt);

/*
 * cw_answer() - answer it
 * @answer, @n_answer:  bytes, at most 256; borrowed for the call; the library
 *                      keeps no copy and wipes its buffer
 *
 * Return: 0; -EINVAL (no such attempt, nothing asked, too long); -EAGAIN;
 * -ENOTCONN.
 */
CW_PUBLIC CW_CHECKED int cw_answer(struct cw *cw, uint64_t attempt, const void *answer,
                                   size_t n_answer);

/* Give it up. Nothing is counted. Return: 0; -ENOENT; -EAGAIN; -ENOTCONN. */
CW_PUBLIC int cw_cancel(struct cw *cw, uint64_t attempt);

#ifdef __cplusplus
}
#endif

#endif
