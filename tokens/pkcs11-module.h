/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_PKCS11_MODULE_H
#define TOKENS_PKCS11_MODULE_H

/*
 * A PKCS#11 module that is not believed
 *
 * Thin: loads it, and asks it one thing at a time with a limit on every answer.
 * Values are CK_RV, as the module gave them, until pkcs11_error(); what breaks a
 * limit is CKR_GENERAL_ERROR. One thread, no locking by the operating system: a
 * module that was asked for locks may hold one for ever when a card is pulled.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <p11-kit/pkcs11.h>

#include "tokens/token.h"

#define PKCS11_SLOTS_MAX   64u
#define PKCS11_OBJECTS_MAX 64u /* of one search                                     */
#define PKCS11_ID_MAX      64u /* bytes of CKA_ID                                   */

struct pkcs11_module {
	void *library; /* of dlopen(); NULL: none                           */
	CK_FUNCTION_LIST *call;
	bool initialised;
	pid_t pid; /* whose this is: a fork's child may not use it      */
};

/*
 * pkcs11_load() - load and initialise
 * @path:  see trusted_path()
 *
 * Return: 0; what trusted_path() says; -ELIBBAD (not a module, or of another
 * version); -EIO (it does not initialise); -ECHILD (it forked, and we are the
 * child: end at once).
 */
int pkcs11_load(struct pkcs11_module *module, const char *path);

/* Also for a zeroed one. In the child of a fork it calls nothing of the module. */
void pkcs11_unload(struct pkcs11_module *module);

/* Is this still the process that loaded it? */
bool pkcs11_is_ours(const struct pkcs11_module *module);

/* One table for all values. Unknown ones are TOKEN_BROKEN; only CKR_OK is TOKEN_OK. */
enum token_error pkcs11_error(CK_RV rv);

/*
 * pkcs11_slots() - slots that hold a token, found anew
 * @ret_any:  whether there is any slot at all
 */
CK_RV pkcs11_slots(struct pkcs11_module *module, CK_SLOT_ID ret_slots[static PKCS11_SLOTS_MAX],
		   size_t *ret_n, bool *ret_any);

/* The one session that we have; closed by its scope. Zeroed: none. */
struct pkcs11_session {
	CK_FUNCTION_LIST *call;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE handle;
	bool login_tried;
};

/* Closes all others on that slot first. */
CK_RV pkcs11_session_open(struct pkcs11_module *module, CK_SLOT_ID slot,
			  struct pkcs11_session *ret_session);

/* Logs out if anybody tried to log in, and closes everything on the slot. */
void pkcs11_session_done(struct pkcs11_session *session);

/*
 * pkcs11_login() - log the user in, by this PIN and not by somebody else's
 * @pin:  NULL: at the reader's own pad
 *
 * A login that is there already proves nothing: it is ended, and made again once.
 */
CK_RV pkcs11_login(struct pkcs11_session *session, struct secret *pin);

/* Finds at most PKCS11_OBJECTS_MAX objects. */
CK_RV pkcs11_find(struct pkcs11_session *session, CK_ATTRIBUTE *wanted, CK_ULONG n_wanted,
		  CK_OBJECT_HANDLE ret_objects[static PKCS11_OBJECTS_MAX], size_t *ret_n);

/*
 * pkcs11_read() - one attribute of an object, of at most @max bytes
 *
 * Return: CKR_OK with the length, which may be 0; CKR_ATTRIBUTE_TYPE_INVALID when
 * the object has none; anything else is an error.
 */
CK_RV pkcs11_read(struct pkcs11_session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
		  size_t max, void *ret_value, size_t *ret_n);

/* A text of fixed length, padded with blanks, becomes printable ASCII with a NUL. */
void pkcs11_text(const unsigned char *field, size_t n, char ret_text[static LIMIT_NAME]);

#endif
