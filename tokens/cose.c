/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "common/cleanup.h"
#include "tokens/cose.h"
#include "tokens/public-key.h"

/* Labels and values of RFC 9052 and 9053. */
enum { KTY = 1, ALG = 3, KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3, CURVE_P256 = 1, CURVE_ED25519 = 6 };

/* All that is in one; what its kind lacks stays at zero. */
struct cose {
	unsigned seen; /* bits of the labels, by member_of()                         */
	int32_t kty;
	int32_t alg;
	int32_t curve;    /* -1, of EC2 and OKP                                      */
	struct item b[3]; /* -1, -2, -3 as bytes                                     */
};

/* The bit of a label; 0: not one of a key. */
static unsigned bit_of(int32_t label) {
	switch (label) {
	case KTY:
		return 1u << 0;
	case ALG:
		return 1u << 1;
	case -1:
		return 1u << 2;
	case -2:
		return 1u << 3;
	case -3:
		return 1u << 4;
	}
	return 0;
}

static bool read_member(struct item_reader *reader, struct cose *cose) {
	struct item item = item_next(reader);
	int32_t label;
	unsigned bit;

	if (!item_int(&item, &label))
		return false;
	bit = bit_of(label);
	if (bit == 0 || (cose->seen & bit) != 0)
		return false;
	cose->seen |= bit;
	item = item_next(reader);
	if (label == KTY)
		return item_int(&item, &cose->kty);
	if (label == ALG)
		return item_int(&item, &cose->alg);
	if (label == -1 && item.kind != ITEM_BYTES)
		return item_int(&item, &cose->curve);
	cose->b[-1 - label] = item;
	return item.kind == ITEM_BYTES;
}

static bool read_members(struct item_reader *reader, struct cose *cose) {
	struct item map = item_next(reader);

	if (map.kind != ITEM_MAP || map.v < 4 || map.v > 5)
		return false;
	for (uint64_t i = 0; i < map.v; ++i)
		if (!read_member(reader, cose))
			return false;
	return true;
}

static void put(struct key_credential *credential, const void *p, size_t n) {
	memcpy(credential->public_key + credential->n_public_key, p, n);
	credential->n_public_key += n;
}

static bool put_p256(const struct cose *cose, struct key_credential *credential) {
	if (cose->curve != CURVE_P256 || cose->b[1].n != 32 || cose->b[2].n != 32)
		return false;
	put(credential, p256_spki_head, sizeof(p256_spki_head));
	put(credential, cose->b[1].p, 32);
	put(credential, cose->b[2].p, 32);
	return true;
}

static bool put_ed25519(const struct cose *cose, struct key_credential *credential) {
	if (cose->curve != CURVE_ED25519 || cose->b[1].n != 32)
		return false;
	put(credential, ed25519_spki_head, sizeof(ed25519_spki_head));
	put(credential, cose->b[1].p, 32);
	return true;
}

/* The head of a DER value of 256 to 65535 bytes. */
static void put_long(struct key_credential *credential, uint8_t tag, size_t n) {
	const uint8_t head[] = { tag, 0x82, (uint8_t)(n >> 8), (uint8_t)n };

	put(credential, head, sizeof(head));
}

static bool put_rsa(const struct cose *cose, struct key_credential *credential) {
	static const uint8_t rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
				       0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
	static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };
	static const uint8_t zero[1] = { 0 }, e_head[] = { 0x02, 0x03 };
	const struct item *n = &cose->b[0], *e = &cose->b[1];
	/* n as an INTEGER: a zero in front, as its first bit is set. */
	size_t n_key = 4 + 1 + n->n + sizeof(e_head) + sizeof(exponent);

	if (!n->p || n->n < 256 || n->n > 512 || (n->p[0] & 0x80) == 0 ||
	    e->n != sizeof(exponent) || memcmp(e->p, exponent, sizeof(exponent)) != 0)
		return false;
	put_long(credential, 0x30, sizeof(rsa) + 4 + 1 + 4 + n_key);
	put(credential, rsa, sizeof(rsa));
	put_long(credential, 0x03, 1 + 4 + n_key);
	put(credential, zero, 1);
	put_long(credential, 0x30, n_key);
	put_long(credential, 0x02, 1 + n->n);
	put(credential, zero, 1);
	put(credential, n->p, n->n);
	put(credential, e_head, sizeof(e_head));
	put(credential, e->p, e->n);
	return true;
}

/* What a security key may be; the first that fits its numbers is tried alone. */
static const struct {
	int32_t alg;
	int32_t kty;
	unsigned seen;
	bool (*put)(const struct cose *cose, struct key_credential *credential);
} kinds[] = {
	{ COSE_ES256, KTY_EC2, 0x1f, put_p256 },
	{ COSE_EDDSA, KTY_OKP, 0x0f, put_ed25519 },
	{ COSE_RS256, KTY_RSA, 0x0f, put_rsa },
};

enum token_fault cose_key(struct item_reader *reader, struct key_credential *ret_credential) {
	cleanup_(public_key_close) struct public_key key = { 0 };
	struct key_credential credential = { 0 };
	struct cose cose = { 0 };
	enum token_fault fault;
	size_t i = 0;

	if (!read_members(reader, &cose))
		return TOKEN_FAULT_FORM;
	while (i < ARRAY_SIZE(kinds) && kinds[i].alg != cose.alg)
		++i;
	if (i == ARRAY_SIZE(kinds))
		return TOKEN_FAULT_WEAK;
	if (kinds[i].kty != cose.kty || kinds[i].seen != cose.seen ||
	    !kinds[i].put(&cose, &credential))
		return TOKEN_FAULT_FORM;
	fault = public_key_open(credential.public_key, credential.n_public_key, NULL, &key);
	if (fault != TOKEN_FAULT_NONE)
		return fault;
	ret_credential->algorithm = cose.alg;
	ret_credential->n_public_key = credential.n_public_key;
	memcpy(ret_credential->public_key, credential.public_key, credential.n_public_key);
	return TOKEN_FAULT_NONE;
}
