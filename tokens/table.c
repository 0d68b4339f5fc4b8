/* SPDX-License-Identifier: Apache-2.0 */

/* The kinds of token that a helper knows. A new kind is one file and one line. */

#include "tokens/token.h"

const struct token_kind *const token_kinds[] = {
	&token_kind_pkcs11,
	&token_kind_fido2,
	NULL,
};
