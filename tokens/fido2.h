/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_FIDO2_H
#define TOKENS_FIDO2_H

/* Between the two files of the security keys: devices, and what they are asked. */

#include <fido.h>
#include <stdbool.h>
#include <stdint.h>

#include "tokens/token.h"

#define FIDO2_DEVICES_MAX TOKEN_CANDIDATES_MAX

/* One key that is plugged in. Zeroed: none. */
struct fido2_device {
	fido_dev_t *dev; /* open                                                     */
	char name[LIMIT_NAME];
	/* The credential that it answered for when asked without touch; n 0: unknown. */
	size_t n_credential;
	uint8_t credential[TOKEN_CREDENTIAL_MAX];
};

struct fido2_devices {
	uint32_t n;
	struct fido2_device list[FIDO2_DEVICES_MAX];
};

/* What libfido2 says, as one of ours. FIDO_OK alone is TOKEN_OK. */
enum token_error fido2_error(int fido);

/*
 * fido2_devices_open() - open every key that the rules allow at a seat
 * @seats:  bit of the seat: keys of other seats' readers are left alone
 * @ms:  what each of them may take to say who it is
 *
 * Sockets in the order of the rules, then what is on USB if the rules have a
 * USB_KEY reader.
 *
 * Return: TOKEN_OK with at least one; TOKEN_ABSENT; what the last one said when
 * none could be opened; TOKEN_BROKEN (no memory).
 */
enum token_error fido2_devices_open(const struct token_rules *rules, uint32_t seats, int ms,
				    struct fido2_devices *devices);

/* Cancels what is going on, closes all, and zeroes. */
void fido2_devices_close(struct fido2_devices *devices);

#endif
