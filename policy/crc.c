/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32 (IEEE 802.3), four bits at a time; proved free of run-time errors
 */

#include "policy/decide.h"

/* The remainder of four bits, polynomial 0xedb88320. */
/*@
  terminates \true;
  assigns \nothing;
*/
static uint32_t remainder_of(uint32_t bits) {
	const uint32_t remainders[16] = {
		0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
		0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
		0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
	};

	return remainders[bits & 15u];
}

/*@
  requires \valid_read(p + (0 .. n - 1));
  terminates \true;
  assigns \nothing;
*/
uint32_t policy_crc32(const uint8_t *p, uint32_t n, uint32_t crc) {
	uint32_t r = crc ^ 0xffffffffu;

	/*@
	  loop invariant 0 <= i <= n;
	  loop assigns i, r;
	  loop variant n - i;
	*/
	for (uint32_t i = 0; i < n; ++i) {
		r ^= p[i];
		r = (r >> 4) ^ remainder_of(r);
		r = (r >> 4) ^ remainder_of(r);
	}
	return r ^ 0xffffffffu;
}
