/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_COSE_H
#define TOKENS_COSE_H

/* A public key as a security key writes it (COSE_Key), turned into our one form. */

#include "common/item.h"
#include "tokens/verify.h"

/*
 * cose_key() - read one key
 * @reader:  stands at its first byte; behind it afterwards
 *
 * Fills algorithm, n_public_key and public_key.
 *
 * Return: TOKEN_FAULT_NONE; _FORM (not such a key, a member twice or unknown, not
 * on its curve); _WEAK (another algorithm, a small one, a point of small order);
 * _DEVICE.
 */
enum token_fault cose_key(struct item_reader *reader, struct key_credential *ret_credential);

#endif
