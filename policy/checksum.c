/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksum of a table
 *
 * Apart from the proved files: the prover does not follow the view of a struct
 * as bytes.
 */

#include <stddef.h>

#include "policy/decide.h"

uint32_t policy_table_checksum(const struct policy_table *t) {
	static const uint8_t zero[sizeof(t->checksum)];
	const uint8_t *bytes = (const uint8_t *)t;
	const uint32_t before = (uint32_t)offsetof(struct policy_table, checksum);
	const uint32_t after = before + (uint32_t)sizeof(zero);
	uint32_t crc;

	crc = policy_crc32(bytes, before, 0);
	crc = policy_crc32(zero, sizeof(zero), crc);
	return policy_crc32(bytes + after, (uint32_t)sizeof(*t) - after, crc);
}
