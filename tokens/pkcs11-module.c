/* SPDX-License-Identifier: Apache-2.0 */
#include "tokens/pkcs11-module.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tokens/trusted-path.h"

/* The only place where a module's words become ours. */
static const struct {
	CK_RV rv;
	enum token_error error;
} errors[] = {
	{ CKR_OK, TOKEN_OK },
	{ CKR_TOKEN_NOT_PRESENT, TOKEN_REMOVED },
	{ CKR_DEVICE_REMOVED, TOKEN_REMOVED },
	{ CKR_SESSION_HANDLE_INVALID, TOKEN_REMOVED },
	{ CKR_SESSION_CLOSED, TOKEN_REMOVED },
	{ CKR_SLOT_ID_INVALID, TOKEN_READER_GONE },
	{ CKR_PIN_INCORRECT, TOKEN_PIN_WRONG },
	{ CKR_PIN_LOCKED, TOKEN_PIN_LOCKED },
	{ CKR_PIN_INVALID, TOKEN_PIN_INVALID },
	{ CKR_PIN_LEN_RANGE, TOKEN_PIN_INVALID },
	{ CKR_USER_NOT_LOGGED_IN, TOKEN_PIN_NEEDED },
	{ CKR_USER_PIN_NOT_INITIALIZED, TOKEN_PIN_UNSET },
	{ CKR_PIN_EXPIRED, TOKEN_PIN_UNSET },
	{ CKR_FUNCTION_CANCELED, TOKEN_CANCELLED },
	{ CKR_CANCEL, TOKEN_CANCELLED },
	{ CKR_TOKEN_NOT_RECOGNIZED, TOKEN_UNSUPPORTED },
	{ CKR_MECHANISM_INVALID, TOKEN_UNSUPPORTED },
	{ CKR_MECHANISM_PARAM_INVALID, TOKEN_UNSUPPORTED },
	{ CKR_KEY_TYPE_INCONSISTENT, TOKEN_UNSUPPORTED },
	{ CKR_KEY_SIZE_RANGE, TOKEN_UNSUPPORTED },
	{ CKR_KEY_FUNCTION_NOT_PERMITTED, TOKEN_UNSUPPORTED },
	{ CKR_FUNCTION_NOT_SUPPORTED, TOKEN_UNSUPPORTED },
	{ CKR_CRYPTOKI_NOT_INITIALIZED, TOKEN_MODULE },
};

enum token_error pkcs11_error(CK_RV rv) {
	for (size_t i = 0; i < ARRAY_SIZE(errors); ++i) {
		if (errors[i].rv == rv)
			return errors[i].error;
	}
	return TOKEN_BROKEN;
}

/* Every function that we call is there. */
static bool is_complete(const CK_FUNCTION_LIST *f) {
	return f->version.major == 2 && f->C_Initialize && f->C_Finalize && f->C_GetSlotList &&
	       f->C_GetSlotInfo && f->C_GetTokenInfo && f->C_OpenSession && f->C_CloseSession &&
	       f->C_CloseAllSessions && f->C_Login && f->C_Logout && f->C_FindObjectsInit &&
	       f->C_FindObjects && f->C_FindObjectsFinal && f->C_GetAttributeValue &&
	       f->C_SignInit && f->C_Sign;
}

static int find_functions(struct pkcs11_module *m) {
	CK_C_GetFunctionList get = NULL;
	void *symbol = dlsym(m->library, "C_GetFunctionList");

	if (!symbol)
		return -ELIBBAD;
	memcpy(&get, &symbol, sizeof(get)); /* ISO C has no cast from one to the other */
	if (get(&m->call) != CKR_OK || !m->call || !is_complete(m->call))
		return -ELIBBAD;
	return 0;
}

static int initialise(struct pkcs11_module *m) {
	CK_RV rv = m->call->C_Initialize(NULL);

	/* Left by somebody else, with who knows who logged in. */
	if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		(void)m->call->C_Finalize(NULL);
		rv = m->call->C_Initialize(NULL);
	}
	if (!pkcs11_is_ours(m))
		return -ECHILD;
	if (rv != CKR_OK)
		return -EIO;
	m->initialised = true;
	return 0;
}

int pkcs11_load(struct pkcs11_module *m, const char *path) {
	char resolved[TRUSTED_PATH_MAX];
	int r = trusted_path(path, resolved);

	if (r < 0)
		return r;
	*m = (struct pkcs11_module){ .pid = getpid() };
	/* Threads of the module may outlive dlclose(): its code stays where it is. */
	m->library = dlopen(resolved, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!m->library)
		return -ELIBBAD;
	r = find_functions(m);
	if (r == 0)
		r = initialise(m);
	if (r < 0)
		pkcs11_unload(m);
	return r;
}

void pkcs11_unload(struct pkcs11_module *m) {
	if (m->library && pkcs11_is_ours(m)) {
		if (m->initialised)
			(void)m->call->C_Finalize(NULL);
		(void)dlclose(m->library);
	}
	*m = (struct pkcs11_module){ 0 };
}

bool pkcs11_is_ours(const struct pkcs11_module *m) {
	return m->pid == getpid();
}

CK_RV pkcs11_slots(struct pkcs11_module *m, CK_SLOT_ID ret_slots[static PKCS11_SLOTS_MAX],
		   size_t *ret_n, bool *ret_any) {
	CK_SLOT_ID slots[PKCS11_SLOTS_MAX];
	CK_ULONG n_all = 0;
	CK_ULONG n = PKCS11_SLOTS_MAX;
	CK_RV rv;

	/* Readers are only looked for anew when no list is given. */
	rv = m->call->C_GetSlotList(CK_FALSE, NULL, &n_all);
	if (rv != CKR_OK)
		return rv;
	if (n_all > 0) {
		rv = m->call->C_GetSlotList(CK_TRUE, slots, &n);
		if (rv != CKR_OK)
			return rv;
	} else {
		n = 0;
	}
	if (n > PKCS11_SLOTS_MAX)
		return CKR_GENERAL_ERROR;
	memcpy(ret_slots, slots, n * sizeof(slots[0]));
	*ret_n = n;
	*ret_any = n_all > 0;
	return CKR_OK;
}

CK_RV pkcs11_session_open(struct pkcs11_module *m, CK_SLOT_ID slot,
			  struct pkcs11_session *ret_session) {
	CK_SESSION_HANDLE handle = 0;
	CK_RV rv;

	(void)m->call->C_CloseAllSessions(slot);
	rv = m->call->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &handle);
	if (rv != CKR_OK) {
		/* It may be open all the same. */
		(void)m->call->C_CloseAllSessions(slot);
		return rv;
	}
	*ret_session = (struct pkcs11_session){ .call = m->call, .slot = slot, .handle = handle };
	return CKR_OK;
}

void pkcs11_session_done(struct pkcs11_session *s) {
	if (!s->call)
		return;
	if (s->login_tried)
		(void)s->call->C_Logout(s->handle);
	(void)s->call->C_CloseSession(s->handle);
	(void)s->call->C_CloseAllSessions(s->slot);
	*s = (struct pkcs11_session){ 0 };
}

CK_RV pkcs11_login(struct pkcs11_session *s, struct secret *pin) {
	unsigned char *bytes = pin ? pin->bytes : NULL;
	CK_ULONG n = pin ? pin->n : 0;
	CK_RV rv;

	s->login_tried = true;
	rv = s->call->C_Login(s->handle, CKU_USER, bytes, n);
	if (rv == CKR_USER_ALREADY_LOGGED_IN) {
		(void)s->call->C_Logout(s->handle);
		rv = s->call->C_Login(s->handle, CKU_USER, bytes, n);
	}
	return rv;
}

/* The search itself, between its beginning and its end. */
static CK_RV find_some(struct pkcs11_session *s, CK_OBJECT_HANDLE *objects, size_t *n) {
	while (*n < PKCS11_OBJECTS_MAX) {
		CK_ULONG room = PKCS11_OBJECTS_MAX - *n;
		CK_ULONG got = 0;
		CK_RV rv = s->call->C_FindObjects(s->handle, objects + *n, room, &got);

		if (rv != CKR_OK)
			return rv;
		if (got > room)
			return CKR_GENERAL_ERROR;
		if (got == 0)
			break;
		*n += got;
	}
	return CKR_OK;
}

CK_RV pkcs11_find(struct pkcs11_session *s, CK_ATTRIBUTE *wanted, CK_ULONG n_wanted,
		  CK_OBJECT_HANDLE ret_objects[static PKCS11_OBJECTS_MAX], size_t *ret_n) {
	CK_OBJECT_HANDLE objects[PKCS11_OBJECTS_MAX];
	size_t n = 0;
	CK_RV rv;
	CK_RV end;

	rv = s->call->C_FindObjectsInit(s->handle, wanted, n_wanted);
	if (rv != CKR_OK)
		return rv;
	rv = find_some(s, objects, &n);
	end = s->call->C_FindObjectsFinal(s->handle);
	if (rv != CKR_OK)
		return rv;
	if (end != CKR_OK)
		return end;
	memcpy(ret_objects, objects, n * sizeof(objects[0]));
	*ret_n = n;
	return CKR_OK;
}

CK_RV pkcs11_read(struct pkcs11_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
		  size_t max, void *ret_value, size_t *ret_n) {
	CK_ATTRIBUTE attribute = { .type = type, .pValue = ret_value, .ulValueLen = max };
	CK_RV rv = s->call->C_GetAttributeValue(s->handle, object, &attribute, 1);

	if (rv != CKR_OK)
		return rv;
	/* Without a value; or a length that cannot be, whatever the module said. */
	if (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (attribute.ulValueLen > max)
		return CKR_GENERAL_ERROR;
	*ret_n = attribute.ulValueLen;
	return CKR_OK;
}

void pkcs11_text(const unsigned char *field, size_t n, char ret_text[static LIMIT_NAME]) {
	if (n > LIMIT_NAME - 1)
		n = LIMIT_NAME - 1;
	for (size_t i = 0; i < n; ++i)
		ret_text[i] = field[i] >= ' ' && field[i] <= '~' ? (char)field[i] : '?';
	while (n > 0 && ret_text[n - 1] == ' ')
		--n;
	ret_text[n] = '\0';
}
