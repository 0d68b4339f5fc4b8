/* SPDX-License-Identifier: Apache-2.0 */

#include <cbor.h>
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "auth/receipt.h"
#include "common/cleanup.h"

#define SIGNATURE 64u

/* What is signed is SHA-256 of these bytes, the NUL with them, and the payload. */
static const char domain[] = "careward approval 1";

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

/*
 * Writing
 */

struct writer {
	uint8_t *p;
	size_t n;
	size_t capacity;
	bool failed;
};

/* @n: what a libcbor encoder wrote; 0 when it did not fit. */
static void wrote(struct writer *w, size_t n) {
	if (n == 0)
		w->failed = true;
	w->n += n;
}

static void put_uint(struct writer *w, uint64_t v) {
	wrote(w, cbor_encode_uint(v, w->p + w->n, w->capacity - w->n));
}

static void put_int(struct writer *w, int64_t v) {
	if (v >= 0)
		put_uint(w, (uint64_t)v);
	else
		wrote(w, cbor_encode_negint((uint64_t)(-(v + 1)), w->p + w->n, w->capacity - w->n));
}

static void put_raw(struct writer *w, const void *p, size_t n) {
	if (w->failed || n > w->capacity - w->n) {
		w->failed = true;
		return;
	}
	if (n > 0)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

static void put_bytes(struct writer *w, const void *p, size_t n) {
	wrote(w, cbor_encode_bytestring_start(n, w->p + w->n, w->capacity - w->n));
	put_raw(w, p, n);
}

static void put_text(struct writer *w, const char *text, size_t size) {
	size_t n = strnlen(text, size);

	if (n == size)
		w->failed = true;
	wrote(w, cbor_encode_string_start(n, w->p + w->n, w->capacity - w->n));
	put_raw(w, text, n);
}

/*
 * The payload's fields in their order; their keys are 0, 1, 2, ...
 * X(key, put and get, field). All that reading and writing need to know.
 */
enum field_kind {
	FIELD_UINT8,
	FIELD_UINT32,
	FIELD_UINT64,
	FIELD_INT64,
	FIELD_BYTES,
	FIELD_TEXT,
};

struct field {
	enum field_kind kind;
	size_t offset;
	size_t size;
};

#define FIELD(k, member)                                                                           \
	{ FIELD_##k, offsetof(struct receipt, member), sizeof(((struct receipt *)0)->member) }

static const struct field fields[] = {
	FIELD(BYTES, device),           /* 2 */
	FIELD(UINT8, seat),             /* 3 */
	FIELD(UINT64, session),         /* 4 */
	FIELD(UINT32, account),         /* 5 */
	FIELD(UINT32, second),          /* 6 */
	FIELD(UINT8, assurance),        /* 7 */
	FIELD(UINT8, second_assurance), /* 8 */
	FIELD(TEXT, action),            /* 9 */
	FIELD(BYTES, digest),           /* 10 */
	FIELD(TEXT, object),            /* 11 */
	FIELD(TEXT, words),             /* 12 */
	FIELD(BYTES, nonce),            /* 13 */
	FIELD(BYTES, boot_id),          /* 14 */
	FIELD(UINT64, boot_ms),         /* 15 */
	FIELD(INT64, wall_ms),          /* 16 */
	FIELD(UINT8, trust),            /* 17 */
	FIELD(UINT64, head_seq),        /* 18 */
	FIELD(BYTES, head_hash),        /* 19 */
};

#define FIRST_KEY 2u
static const char signed_by[] = "device";

static void put_field(struct writer *w, const struct field *field, const struct receipt *receipt) {
	const uint8_t *p = (const uint8_t *)receipt + field->offset;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;

	switch (field->kind) {
	case FIELD_UINT8:
		put_uint(w, *p);
		return;
	case FIELD_UINT32:
		memcpy(&u32, p, sizeof(u32));
		put_uint(w, u32);
		return;
	case FIELD_UINT64:
		memcpy(&u64, p, sizeof(u64));
		put_uint(w, u64);
		return;
	case FIELD_INT64:
		memcpy(&i64, p, sizeof(i64));
		put_int(w, i64);
		return;
	case FIELD_BYTES:
		put_bytes(w, p, field->size);
		return;
	case FIELD_TEXT:
		put_text(w, (const char *)p, field->size);
		return;
	}
	w->failed = true;
}

static int encode_payload(const struct receipt *receipt, struct writer *w) {
	wrote(w, cbor_encode_map_start(FIRST_KEY + ARRAY_SIZE(fields), w->p, w->capacity));
	put_uint(w, 0);
	put_uint(w, RECEIPT_VERSION);
	put_uint(w, 1);
	put_text(w, signed_by, sizeof(signed_by));
	for (size_t i = 0; i < ARRAY_SIZE(fields); ++i) {
		put_uint(w, FIRST_KEY + i);
		put_field(w, &fields[i], receipt);
	}
	return w->failed ? -EINVAL : 0;
}

/*
 * Signing
 */

static int digest_of(const uint8_t *payload, size_t n, uint8_t ret_digest[32]) {
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *hash = EVP_MD_CTX_new();

	if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(hash, domain, sizeof(domain)) != 1 ||
	    EVP_DigestUpdate(hash, payload, n) != 1 ||
	    EVP_DigestFinal_ex(hash, ret_digest, NULL) != 1)
		return -EIO;
	return 0;
}

static int sign(const uint8_t seed[32], const uint8_t *payload, size_t n,
		uint8_t ret_signature[SIGNATURE]) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n_signature = SIGNATURE;
	uint8_t digest[32];
	int r = digest_of(payload, n, digest);

	if (r < 0)
		return r;
	if (!key || !ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, ret_signature, &n_signature, digest, sizeof(digest)) != 1 ||
	    n_signature != SIGNATURE)
		return -EIO;
	return 0;
}

/* Return: 0; -EBADMSG (not by this key); -EIO. */
static int verify(const uint8_t public_key[32], const uint8_t *payload, size_t n,
		  const uint8_t signature[SIGNATURE]) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
	cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[32];
	int r = digest_of(payload, n, digest);

	if (r < 0)
		return r;
	if (!key || !ctx || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
		return -EIO;
	return EVP_DigestVerify(ctx, signature, SIGNATURE, digest, sizeof(digest)) == 1 ? 0
											: -EBADMSG;
}

int receipt_public_key(const uint8_t seed[32], uint8_t ret_public_key[32]) {
	cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	size_t n = 32;

	if (!key || EVP_PKEY_get_raw_public_key(key, ret_public_key, &n) != 1 || n != 32)
		return -EIO;
	return 0;
}

int receipt_make(const uint8_t seed[32], const struct receipt *receipt,
		 uint8_t ret_bytes[static APPROVAL_RECEIPT_MAX], size_t *ret_n) {
	uint8_t payload[APPROVAL_RECEIPT_MAX], signature[SIGNATURE];
	struct writer inner = { .p = payload, .capacity = sizeof(payload) };
	struct writer outer = { .p = ret_bytes, .capacity = APPROVAL_RECEIPT_MAX };
	int r;

	r = encode_payload(receipt, &inner);
	if (r < 0)
		return r;
	r = sign(seed, payload, inner.n, signature);
	if (r < 0)
		return r;
	wrote(&outer, cbor_encode_map_start(2, outer.p, outer.capacity));
	put_uint(&outer, 0);
	put_bytes(&outer, payload, inner.n);
	put_uint(&outer, 1);
	put_bytes(&outer, signature, sizeof(signature));
	if (outer.failed)
		return -EINVAL;
	*ret_n = outer.n;
	return 0;
}

/*
 * Reading
 */

enum item_kind {
	ITEM_OTHER = 0, /* nothing that stands in a receipt                         */
	ITEM_UINT,
	ITEM_NEGINT,
	ITEM_BYTES,
	ITEM_TEXT,
	ITEM_MAP,
};

struct item {
	enum item_kind kind;
	uint64_t v;       /* UINT, NEGINT (-1 - v), MAP (pairs)                      */
	const uint8_t *p; /* BYTES, TEXT                                             */
	size_t n;
};

struct reader {
	const uint8_t *p;
	size_t n; /* left */
	struct item item;
};

static void got(void *context, enum item_kind kind, uint64_t v) {
	struct item *item = context;

	*item = (struct item){ .kind = kind, .v = v };
}

static void got_uint8(void *context, uint8_t v) {
	got(context, ITEM_UINT, v);
}

static void got_uint16(void *context, uint16_t v) {
	got(context, ITEM_UINT, v);
}

static void got_uint32(void *context, uint32_t v) {
	got(context, ITEM_UINT, v);
}

static void got_uint64(void *context, uint64_t v) {
	got(context, ITEM_UINT, v);
}

static void got_negint8(void *context, uint8_t v) {
	got(context, ITEM_NEGINT, v);
}

static void got_negint16(void *context, uint16_t v) {
	got(context, ITEM_NEGINT, v);
}

static void got_negint32(void *context, uint32_t v) {
	got(context, ITEM_NEGINT, v);
}

static void got_negint64(void *context, uint64_t v) {
	got(context, ITEM_NEGINT, v);
}

static void got_bytes(void *context, cbor_data p, size_t n) {
	*(struct item *)context = (struct item){ .kind = ITEM_BYTES, .p = p, .n = n };
}

static void got_text(void *context, cbor_data p, size_t n) {
	*(struct item *)context = (struct item){ .kind = ITEM_TEXT, .p = p, .n = n };
}

static void got_map(void *context, size_t n) {
	got(context, ITEM_MAP, n);
}

/* The next item; a kind that stands in no receipt leaves ITEM_OTHER. */
static const struct item *next(struct reader *reader) {
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	struct cbor_decoder_result result;

	callbacks.uint8 = got_uint8;
	callbacks.uint16 = got_uint16;
	callbacks.uint32 = got_uint32;
	callbacks.uint64 = got_uint64;
	callbacks.negint8 = got_negint8;
	callbacks.negint16 = got_negint16;
	callbacks.negint32 = got_negint32;
	callbacks.negint64 = got_negint64;
	callbacks.byte_string = got_bytes;
	callbacks.string = got_text;
	callbacks.map_start = got_map;

	reader->item = (struct item){ 0 };
	if (reader->n == 0)
		return &reader->item;
	result = cbor_stream_decode(reader->p, reader->n, &callbacks, &reader->item);
	if (result.status != CBOR_DECODER_FINISHED || result.read > reader->n) {
		reader->item = (struct item){ 0 };
		reader->n = 0;
		return &reader->item;
	}
	reader->p += result.read;
	reader->n -= result.read;
	return &reader->item;
}

static bool next_is(struct reader *reader, enum item_kind kind, uint64_t v) {
	const struct item *item = next(reader);

	return item->kind == kind && item->v == v;
}

static bool get_number(const struct item *item, const struct field *field, uint8_t *p) {
	uint64_t most = field->size == 1 ? UINT8_MAX : field->size == 4 ? UINT32_MAX : UINT64_MAX;
	uint32_t u32 = (uint32_t)item->v;
	uint8_t u8 = (uint8_t)item->v;

	if (item->kind != ITEM_UINT || item->v > most)
		return false;
	memcpy(p,
	       field->size == 1   ? (const void *)&u8
	       : field->size == 4 ? (const void *)&u32
				  : (const void *)&item->v,
	       field->size);
	return true;
}

static bool get_signed(const struct item *item, uint8_t *p) {
	int64_t v;

	if ((item->kind != ITEM_UINT && item->kind != ITEM_NEGINT) || item->v > INT64_MAX)
		return false;
	v = item->kind == ITEM_UINT ? (int64_t)item->v : -1 - (int64_t)item->v;
	memcpy(p, &v, sizeof(v));
	return true;
}

static bool get_field(struct reader *reader, const struct field *field, struct receipt *receipt) {
	uint8_t *p = (uint8_t *)receipt + field->offset;
	const struct item *item = next(reader);

	switch (field->kind) {
	case FIELD_UINT8:
	case FIELD_UINT32:
	case FIELD_UINT64:
		return get_number(item, field, p);
	case FIELD_INT64:
		return get_signed(item, p);
	case FIELD_BYTES:
		if (item->kind != ITEM_BYTES || item->n != field->size)
			return false;
		memcpy(p, item->p, item->n);
		return true;
	case FIELD_TEXT:
		if (item->kind != ITEM_TEXT || item->n >= field->size ||
		    (item->n > 0 && memchr(item->p, 0, item->n)))
			return false;
		if (item->n > 0)
			memcpy(p, item->p, item->n);
		return true;
	}
	return false;
}

static int decode_payload(const uint8_t *payload, size_t n, struct receipt *receipt) {
	uint8_t again[APPROVAL_RECEIPT_MAX];
	struct writer w = { .p = again, .capacity = sizeof(again) };
	struct reader reader = { .p = payload, .n = n };
	const struct item *item;

	if (!next_is(&reader, ITEM_MAP, FIRST_KEY + ARRAY_SIZE(fields)) ||
	    !next_is(&reader, ITEM_UINT, 0) || !next_is(&reader, ITEM_UINT, RECEIPT_VERSION) ||
	    !next_is(&reader, ITEM_UINT, 1))
		return -EBADMSG;
	item = next(&reader);
	if (item->kind != ITEM_TEXT || item->n != sizeof(signed_by) - 1 ||
	    memcmp(item->p, signed_by, item->n) != 0)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(fields); ++i)
		if (!next_is(&reader, ITEM_UINT, FIRST_KEY + i) ||
		    !get_field(&reader, &fields[i], receipt))
			return -EBADMSG;
	/* One encoding and no other: shortest forms, nothing behind. */
	if (encode_payload(receipt, &w) < 0 || w.n != n || memcmp(again, payload, n) != 0)
		return -EBADMSG;
	return 0;
}

/* The two byte strings of the outer map. */
static int open_outer(const uint8_t *bytes, size_t n, struct item *payload,
		      struct item *signature) {
	uint8_t again[APPROVAL_RECEIPT_MAX];
	struct writer w = { .p = again, .capacity = sizeof(again) };
	struct reader reader = { .p = bytes, .n = n };

	if (n > APPROVAL_RECEIPT_MAX || !next_is(&reader, ITEM_MAP, 2) ||
	    !next_is(&reader, ITEM_UINT, 0))
		return -EBADMSG;
	*payload = *next(&reader);
	if (payload->kind != ITEM_BYTES || !next_is(&reader, ITEM_UINT, 1))
		return -EBADMSG;
	*signature = *next(&reader);
	if (signature->kind != ITEM_BYTES || signature->n != SIGNATURE || reader.n != 0)
		return -EBADMSG;

	wrote(&w, cbor_encode_map_start(2, w.p, w.capacity));
	put_uint(&w, 0);
	put_bytes(&w, payload->p, payload->n);
	put_uint(&w, 1);
	put_bytes(&w, signature->p, signature->n);
	return !w.failed && w.n == n && memcmp(again, bytes, n) == 0 ? 0 : -EBADMSG;
}

int receipt_open(const uint8_t public_key[32], const uint8_t *bytes, size_t n,
		 struct receipt *ret_receipt) {
	struct item payload, signature;
	struct receipt receipt = { 0 };
	int r;

	r = open_outer(bytes, n, &payload, &signature);
	if (r < 0)
		return r;
	r = verify(public_key, payload.p, payload.n, signature.p);
	if (r < 0)
		return r;
	r = decode_payload(payload.p, payload.n, &receipt);
	if (r < 0)
		return r;
	*ret_receipt = receipt;
	return 0;
}
