/* SPDX-License-Identifier: Apache-2.0 */

/* What is signed: its layout, and that every member changes it (CD-09, FD-07). */

#include <check.h>
#include <openssl/evp.h>
#include <string.h>

#include "tests/tokens/run.h"
#include "tokens/challenge.h"

/* Member by member, other bytes in each. */
static struct challenge sample(void) {
	struct challenge c = { .boot_ms = 0x1122334455667788u,
			       .account = 0x01020304,
			       .purpose = 0x0a0b0c0d,
			       .seat = 3 };

	memset(c.nonce, 0xa1, sizeof(c.nonce));
	memset(c.device, 0xa2, sizeof(c.device));
	memset(c.boot_id, 0xa3, sizeof(c.boot_id));
	memset(c.statement, 0xa4, sizeof(c.statement));
	return c;
}

START_TEST(a_challenge_is_laid_out_as_published) {
	static const uint8_t numbers[] = { 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 4,
					   3,    2,    1,    0x0d, 0x0c, 0x0b, 0x0a, 3 };
	struct challenge c = sample();
	uint8_t bytes[CHALLENGE_BYTES], expect[CHALLENGE_BYTES], digest[32], again[32];

	memcpy(expect, "careward token 1", 17);
	memset(expect + 17, 0xa1, 32);
	memset(expect + 49, 0xa2, 16);
	memset(expect + 65, 0xa3, 16);
	memcpy(expect + 81, numbers, sizeof(numbers));
	memset(expect + 98, 0xa4, 32);
	challenge_bytes(&c, bytes);
	ck_assert_mem_eq(bytes, expect, sizeof(expect));
	ck_assert_int_eq(challenge_digest(&c, digest), 0);
	ck_assert_int_eq(EVP_Digest(expect, sizeof(expect), again, NULL, EVP_sha256(), NULL), 1);
	ck_assert_mem_eq(digest, again, 32);
}
END_TEST

static const struct {
	const char *why;
	size_t offset;
	size_t size;
} members[] = {
#define MEMBER(why, m)                                                                             \
	{ why, offsetof(struct challenge, m), sizeof(((struct challenge *)0)->m) }
	MEMBER("CD-09 the nonce", nonce),         MEMBER("FD-07 another device", device),
	MEMBER("FD-07 another boot", boot_id),    MEMBER("FD-07 another moment", boot_ms),
	MEMBER("FD-07 another account", account), MEMBER("FD-07 another purpose", purpose),
	MEMBER("FD-07 another seat", seat),       MEMBER("FD-07 another statement", statement),
};

START_TEST(every_bit_of_every_member_makes_another_challenge) {
	struct challenge c = sample();
	uint8_t digest[32], other[32];

	ck_assert_int_eq(challenge_digest(&c, digest), 0);
	for (size_t i = 0; i < members[_i].size * 8; ++i) {
		c = sample();
		((uint8_t *)&c)[members[_i].offset + i / 8] ^= (uint8_t)(1u << i % 8);
		ck_assert_int_eq(challenge_digest(&c, other), 0);
		ck_assert_msg(memcmp(digest, other, 32) != 0, "%s, bit %zu", members[_i].why, i);
	}
}
END_TEST

int main(void) {
	Suite *suite = suite_create("challenge");
	TCase *tc = tcase_create("challenge");

	tcase_add_test(tc, a_challenge_is_laid_out_as_published);
	tcase_add_loop_test(tc, every_bit_of_every_member_makes_another_challenge, 0,
			    sizeof(members) / sizeof(members[0]));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
