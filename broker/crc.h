/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_CRC_H
#define BROKER_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (IEEE 802.3) of @n bytes at @p: against torn writes, not against people. */
static inline uint32_t crc_of(const void *p, size_t n) {
	const uint8_t *byte = p;
	uint32_t r = 0xffffffffu;

	for (size_t i = 0; i < n; ++i) {
		r ^= byte[i];
		for (int bit = 0; bit < 8; ++bit)
			r = (r >> 1) ^ (0xedb88320u & (0u - (r & 1u)));
	}
	return ~r;
}

#endif
