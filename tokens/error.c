/* SPDX-License-Identifier: Apache-2.0 */

#include "tokens/token.h"

static const char *const messages[TOKEN_N_ERRORS] = {
	[TOKEN_OK] = "token-failed", /* is no error, and names no success           */
	[TOKEN_ABSENT] = "token-absent",
	[TOKEN_REMOVED] = "token-removed",
	[TOKEN_READER_GONE] = "reader-unavailable",
	[TOKEN_PIN_WRONG] = "pin-wrong",
	[TOKEN_PIN_LOCKED] = "pin-locked",
	[TOKEN_PIN_INVALID] = "pin-invalid",
	[TOKEN_PIN_NEEDED] = "pin-needed",
	[TOKEN_PIN_UNSET] = "pin-unset",
	[TOKEN_PIN_BLOCKED] = "pin-blocked",
	[TOKEN_NOT_TOUCHED] = "not-touched",
	[TOKEN_NO_CREDENTIAL] = "token-unknown",
	[TOKEN_UNSUPPORTED] = "token-unsupported",
	[TOKEN_CANCELLED] = "token-cancelled",
	[TOKEN_BROKEN] = "token-failed",
	[TOKEN_MODULE] = "module-unusable",
	[TOKEN_ENDED] = "token-failed",
	[TOKEN_LATE] = "token-late",
	[TOKEN_BUSY] = "busy",
	[TOKEN_ENROLLED] = "token-enrolled",
};

const char *token_error_message(unsigned error) {
	return error < TOKEN_N_ERRORS ? messages[error] : messages[TOKEN_OK];
}
