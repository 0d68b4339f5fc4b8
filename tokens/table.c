/* SPDX-License-Identifier: Apache-2.0 */

/* The kinds of token that a helper knows. A new kind is one file and one line. */

#include "tokens/token.h"

const struct token_kind *const token_kinds[] = {
#ifdef CW_HAS_PKCS11
	&token_kind_pkcs11,
#endif
#ifdef CW_HAS_FIDO2
	&token_kind_fido2,
#endif
	NULL,
};
