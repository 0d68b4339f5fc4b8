/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

/*
 * Little-endian access and hexadecimal, for formats that outlive one machine
 *
 * Nothing here checks a length: the caller has done so.
 */

#include <stddef.h>
#include <stdint.h>

static inline void put_le16(uint8_t *p, uint16_t v) {
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v) {
	for (unsigned i = 0; i < 4; ++i)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline void put_le64(uint8_t *p, uint64_t v) {
	for (unsigned i = 0; i < 8; ++i)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint16_t get_le16(const uint8_t *p) {
	return (uint16_t)((uint32_t)p[0] | (uint32_t)p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p) {
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t get_le64(const uint8_t *p) {
	return (uint64_t)get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

/* Writes 2 * @n lower-case digits and a NUL to @hex. */
static inline void hex_encode(char *hex, const uint8_t *p, size_t n) {
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; ++i) {
		hex[2 * i] = digits[p[i] >> 4];
		hex[2 * i + 1] = digits[p[i] & 15];
	}
	hex[2 * n] = '\0';
}

#endif
