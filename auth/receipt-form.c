/* SPDX-License-Identifier: Apache-2.0 */

#include "auth/receipt-form.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "auth/receipt-cbor.h"
#include "common/cleanup.h"
#include "common/item.h"

enum field_kind {
	FIELD_VERSION = 0,
	FIELD_UINT8,
	FIELD_UINT32,
	FIELD_UINT64,
	FIELD_INT64,
	FIELD_BYTES,
	FIELD_TEXT,
	FIELD_BY,
	FIELD_SIGNATURE,
};

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset;
	size_t size;
};

#define AT(k, member)                                                                              \
	FIELD_##k, offsetof(struct receipt, member), sizeof(((struct receipt *)0)->member)

/* All that reading, writing and naming need to know. */
static const struct field fields[RECEIPT_N_FIELDS] = {
	[RECEIPT_FIELD_VERSION] = { "version", FIELD_VERSION, 0, 0 },
	[RECEIPT_FIELD_DEVICE] = { "device", AT(BYTES, device) },
	[RECEIPT_FIELD_BOOT_ID] = { "boot id", AT(BYTES, boot_id) },
	[RECEIPT_FIELD_SEAT] = { "seat", AT(UINT8, seat) },
	[RECEIPT_FIELD_SESSION] = { "session", AT(UINT64, session) },
	[RECEIPT_FIELD_ACCOUNT] = { "account", AT(UINT32, account) },
	[RECEIPT_FIELD_ACTION] = { "action", AT(TEXT, action) },
	[RECEIPT_FIELD_DIGEST] = { "digest of the object", AT(BYTES, digest) },
	[RECEIPT_FIELD_OBJECT] = { "name of the object", AT(TEXT, object) },
	[RECEIPT_FIELD_WORDS] = { "words", AT(TEXT, words) },
	[RECEIPT_FIELD_NONCE] = { "nonce", AT(BYTES, nonce) },
	[RECEIPT_FIELD_SECOND] = { "second account", AT(UINT32, second) },
	[RECEIPT_FIELD_BY] = { "signed by", AT(BY, by) },
	[RECEIPT_FIELD_SECOND_BY] = { "second signed by", AT(BY, second_by) },
	[RECEIPT_FIELD_ASSURANCE] = { "assurance", AT(UINT8, assurance) },
	[RECEIPT_FIELD_SECOND_ASSURANCE] = { "second assurance", AT(UINT8, second_assurance) },
	[RECEIPT_FIELD_BOOT_MS] = { "boot time", AT(UINT64, boot_ms) },
	[RECEIPT_FIELD_WALL_MS] = { "wall time", AT(INT64, wall_ms) },
	[RECEIPT_FIELD_TRUST] = { "trust in the clock", AT(UINT8, trust) },
	[RECEIPT_FIELD_HEAD_SEQ] = { "number of the entry", AT(UINT64, head_seq) },
	[RECEIPT_FIELD_HEAD_HASH] = { "hash of the entry", AT(BYTES, head_hash) },
	[RECEIPT_FIELD_DEVICE_KEY] = { "key of the device", AT(BYTES, device_key) },
	[RECEIPT_FIELD_SIGNATURE_1] = { "signature of the first person",
					AT(SIGNATURE, signatures[0]) },
	[RECEIPT_FIELD_SIGNATURE_2] = { "signature of the second person",
					AT(SIGNATURE, signatures[1]) },
};

static const char *const by_words[] = {
	[RECEIPT_BY_NOBODY] = "nobody",
	[RECEIPT_BY_DEVICE] = "device",
	[RECEIPT_BY_TOKEN] = "token",
};

#define SIGNATURE_MEMBERS 10u

const char *receipt_field_name(unsigned field) {
	return field < RECEIPT_N_FIELDS ? fields[field].name : "form";
}

/*
 * Writing
 */

/* Nobody can say that a token signed when it did not: it follows from what is there. */
static enum receipt_by by_of(const struct receipt *receipt, unsigned person) {
	if (receipt->signatures[person - 1].person != 0)
		return RECEIPT_BY_TOKEN;
	return person == 1 || receipt->second != 0 ? RECEIPT_BY_DEVICE : RECEIPT_BY_NOBODY;
}

static void put_signature(struct cbor_writer *w, const struct receipt_signature *s,
			  unsigned person) {
	if (s->person == 0) {
		cbor_put_array(w, 0);
		return;
	}
	if (s->person != person || s->n_public_key > sizeof(s->public_key) ||
	    s->n_signature > sizeof(s->signature) || s->n_authdata > sizeof(s->authdata)) {
		w->failed = true;
		return;
	}
	cbor_put_array(w, SIGNATURE_MEMBERS);
	cbor_put_uint(w, s->factor);
	cbor_put_int(w, s->algorithm);
	cbor_put_bytes(w, s->public_key, s->n_public_key);
	cbor_put_bytes(w, s->signature, s->n_signature);
	cbor_put_bytes(w, s->authdata, s->n_authdata);
	cbor_put_bytes(w, s->challenge.nonce, sizeof(s->challenge.nonce));
	cbor_put_uint(w, s->challenge.boot_ms);
	cbor_put_uint(w, s->challenge.account);
	cbor_put_uint(w, s->challenge.purpose);
	cbor_put_uint(w, s->challenge.seat);
}

static void put_number(struct cbor_writer *w, const struct field *field, const uint8_t *p) {
	uint32_t u32;
	uint64_t u64;
	int64_t i64;

	if (field->kind == FIELD_UINT8) {
		cbor_put_uint(w, *p);
	} else if (field->kind == FIELD_UINT32) {
		memcpy(&u32, p, sizeof(u32));
		cbor_put_uint(w, u32);
	} else if (field->kind == FIELD_UINT64) {
		memcpy(&u64, p, sizeof(u64));
		cbor_put_uint(w, u64);
	} else {
		memcpy(&i64, p, sizeof(i64));
		cbor_put_int(w, i64);
	}
}

static void put_value(struct cbor_writer *w, enum receipt_field which,
		      const struct receipt *receipt) {
	const struct field *field = &fields[which];
	const uint8_t *p = (const uint8_t *)receipt + field->offset;
	const char *word;

	switch (field->kind) {
	case FIELD_VERSION:
		cbor_put_uint(w, RECEIPT_VERSION);
		return;
	case FIELD_UINT8:
	case FIELD_UINT32:
	case FIELD_UINT64:
	case FIELD_INT64:
		put_number(w, field, p);
		return;
	case FIELD_BYTES:
		cbor_put_bytes(w, p, field->size);
		return;
	case FIELD_TEXT:
		cbor_put_text(w, (const char *)p, field->size);
		return;
	case FIELD_BY:
		word = by_words[by_of(receipt, which == RECEIPT_FIELD_BY ? 1 : 2)];
		cbor_put_text(w, word, strlen(word) + 1);
		return;
	case FIELD_SIGNATURE:
		put_signature(w, (const struct receipt_signature *)(const void *)p,
			      which == RECEIPT_FIELD_SIGNATURE_1 ? 1 : 2);
		return;
	}
	w->failed = true;
}

static int digest_of(const uint8_t *p, size_t n, uint8_t ret_digest[32]) {
	unsigned n_digest = 0;

	return EVP_Digest(p, n, ret_digest, &n_digest, EVP_sha256(), NULL) == 1 && n_digest == 32
		       ? 0
		       : -EIO;
}

/* Key and value; its digest is of exactly these bytes. */
static int put_field(struct cbor_writer *w, enum receipt_field which,
		     const struct receipt *receipt, uint8_t *digests) {
	size_t begin = w->n;

	cbor_put_uint(w, which);
	put_value(w, which, receipt);
	if (w->failed)
		return -EINVAL;
	return digest_of(w->p + begin, w->n - begin, digests + 32 * which);
}

int receipt_form_write(const struct receipt *receipt, uint8_t *ret_bytes, size_t *n,
		       uint8_t ret_digests[RECEIPT_DIGESTS]) {
	struct cbor_writer w = { .p = ret_bytes, .capacity = *n };
	int r = 0;

	cbor_put_map(&w, RECEIPT_N_FIELDS);
	for (unsigned i = 0; i < RECEIPT_N_FIELDS && r == 0; ++i)
		r = put_field(&w, (enum receipt_field)i, receipt, ret_digests);
	*n = w.n;
	return r;
}

int receipt_form_digests(const struct receipt *receipt, enum receipt_field last,
			 uint8_t ret_digests[RECEIPT_DIGESTS]) {
	uint8_t bytes[APPROVAL_RECEIPT_MAX];
	struct cbor_writer w = { .p = bytes, .capacity = sizeof(bytes) };
	int r = 0;

	for (unsigned i = 0; i <= (unsigned)last && r == 0; ++i)
		r = put_field(&w, (enum receipt_field)i, receipt, ret_digests);
	return r;
}

int receipt_form_wrap(const uint8_t *payload, size_t n_payload,
		      const uint8_t digests[RECEIPT_DIGESTS],
		      const uint8_t signature[RECEIPT_SIGNATURE], uint8_t *ret_bytes, size_t *n) {
	struct cbor_writer w = { .p = ret_bytes, .capacity = *n };

	cbor_put_map(&w, 3);
	cbor_put_uint(&w, 0);
	cbor_put_bytes(&w, payload, n_payload);
	cbor_put_uint(&w, 1);
	cbor_put_bytes(&w, digests, RECEIPT_DIGESTS);
	cbor_put_uint(&w, 2);
	cbor_put_bytes(&w, signature, RECEIPT_SIGNATURE);
	if (w.failed)
		return -EINVAL;
	*n = w.n;
	return 0;
}

/*
 * Reading
 */

static bool get_uint(struct item_reader *reader, uint64_t most, uint64_t *ret_v) {
	const struct item item = item_next(reader);

	if (item.kind != ITEM_UINT || item.v > most)
		return false;
	*ret_v = item.v;
	return true;
}

static bool get_number(struct item_reader *reader, size_t size, uint8_t *p) {
	uint64_t most = size == 1 ? UINT8_MAX : size == 4 ? UINT32_MAX : UINT64_MAX, v;
	uint32_t u32;

	if (!get_uint(reader, most, &v))
		return false;
	u32 = (uint32_t)v;
	if (size == 1)
		*p = (uint8_t)v;
	else if (size == 4)
		memcpy(p, &u32, sizeof(u32));
	else
		memcpy(p, &v, sizeof(v));
	return true;
}

static bool get_signed(struct item_reader *reader, int64_t *ret_v) {
	const struct item item = item_next(reader);

	if ((item.kind != ITEM_UINT && item.kind != ITEM_NEGINT) ||
	    item.v > INT64_MAX)
		return false;
	*ret_v = item.kind == ITEM_UINT ? (int64_t)item.v : -1 - (int64_t)item.v;
	return true;
}

/* Bytes of at most @capacity. */
static bool get_bytes(struct item_reader *reader, uint8_t *p, size_t capacity, size_t *ret_n) {
	const struct item item = item_next(reader);

	if (item.kind != ITEM_BYTES || item.n > capacity)
		return false;
	if (item.n > 0)
		memcpy(p, item.p, item.n);
	*ret_n = item.n;
	return true;
}

static bool get_exactly(struct item_reader *reader, uint8_t *p, size_t size) {
	size_t n = 0;

	return get_bytes(reader, p, size, &n) && n == size;
}

static bool get_text(struct item_reader *reader, char *p, size_t size) {
	const struct item item = item_next(reader);

	if (item.kind != ITEM_TEXT || item.n >= size ||
	    (item.n > 0 && memchr(item.p, 0, item.n)))
		return false;
	if (item.n > 0)
		memcpy(p, item.p, item.n);
	return true;
}

static bool get_by(struct item_reader *reader, uint8_t *p) {
	char word[16] = "";

	if (!get_text(reader, word, sizeof(word)))
		return false;
	for (uint8_t i = 0; i < ARRAY_SIZE(by_words); ++i) {
		if (strcmp(word, by_words[i]) != 0)
			continue;
		*p = i;
		return true;
	}
	return false;
}

static bool get_challenge(struct item_reader *reader, struct challenge *c) {
	uint64_t account, purpose, seat;

	if (!get_exactly(reader, c->nonce, sizeof(c->nonce)) ||
	    !get_uint(reader, UINT64_MAX, &c->boot_ms) || !get_uint(reader, UINT32_MAX, &account) ||
	    !get_uint(reader, UINT32_MAX, &purpose) || !get_uint(reader, UINT8_MAX, &seat))
		return false;
	c->account = (uint32_t)account;
	c->purpose = (uint32_t)purpose;
	c->seat = (uint8_t)seat;
	return true;
}

static bool get_signature(struct item_reader *reader, unsigned person,
			  struct receipt_signature *s) {
	const struct item item = item_next(reader);
	uint64_t factor;
	int64_t algorithm;

	if (item.kind != ITEM_ARRAY)
		return false;
	if (item.v == 0)
		return true;
	if (item.v != SIGNATURE_MEMBERS || !get_uint(reader, UINT8_MAX, &factor) ||
	    !get_signed(reader, &algorithm) || algorithm < INT32_MIN || algorithm > INT32_MAX ||
	    !get_bytes(reader, s->public_key, sizeof(s->public_key), &s->n_public_key) ||
	    !get_bytes(reader, s->signature, sizeof(s->signature), &s->n_signature) ||
	    !get_bytes(reader, s->authdata, sizeof(s->authdata), &s->n_authdata) ||
	    !get_challenge(reader, &s->challenge))
		return false;
	s->person = (uint8_t)person;
	s->factor = (uint8_t)factor;
	s->algorithm = (int32_t)algorithm;
	return true;
}

static bool get_value(struct item_reader *reader, enum receipt_field which,
		      struct receipt *receipt) {
	const struct field *field = &fields[which];
	uint8_t *p = (uint8_t *)receipt + field->offset;
	int64_t i64;

	switch (field->kind) {
	case FIELD_VERSION:
		return item_is(reader, ITEM_UINT, RECEIPT_VERSION);
	case FIELD_UINT8:
	case FIELD_UINT32:
	case FIELD_UINT64:
		return get_number(reader, field->size, p);
	case FIELD_INT64:
		if (!get_signed(reader, &i64))
			return false;
		memcpy(p, &i64, sizeof(i64));
		return true;
	case FIELD_BYTES:
		return get_exactly(reader, p, field->size);
	case FIELD_TEXT:
		return get_text(reader, (char *)p, field->size);
	case FIELD_BY:
		return get_by(reader, p);
	case FIELD_SIGNATURE:
		return get_signature(reader, which == RECEIPT_FIELD_SIGNATURE_1 ? 1 : 2,
				     &receipt->signatures[which - RECEIPT_FIELD_SIGNATURE_1]);
	}
	return false;
}

/* The three byte strings of the outer map. */
static int read_outer(const uint8_t *bytes, size_t n, struct receipt_parts *parts,
		      struct item_reader *ret_payload) {
	struct item_reader reader = { .p = bytes, .n = n };
	struct item items[3];

	if (n > APPROVAL_RECEIPT_MAX || !item_is(&reader, ITEM_MAP, ARRAY_SIZE(items)))
		return -EBADMSG;
	for (unsigned i = 0; i < ARRAY_SIZE(items); ++i) {
		if (!item_is(&reader, ITEM_UINT, i))
			return -EBADMSG;
		items[i] = item_next(&reader);
		if (items[i].kind != ITEM_BYTES)
			return -EBADMSG;
	}
	if (items[1].n != RECEIPT_DIGESTS || items[2].n != RECEIPT_SIGNATURE || reader.n != 0)
		return -EBADMSG;
	*ret_payload = (struct item_reader){ .p = items[0].p, .n = items[0].n };
	if (!item_is(ret_payload, ITEM_MAP, RECEIPT_N_FIELDS))
		return -EBADMSG;
	parts->payload = items[0].p;
	parts->n_payload = items[0].n;
	parts->list = items[1].p;
	parts->signature = items[2].p;
	return 0;
}

int receipt_form_read(const uint8_t *bytes, size_t n, struct receipt_parts *ret_parts,
		      struct receipt *ret_receipt) {
	struct item_reader reader = { 0 };
	int r;

	memset(ret_parts, 0, sizeof(*ret_parts));
	memset(ret_receipt, 0, sizeof(*ret_receipt));
	r = read_outer(bytes, n, ret_parts, &reader);
	for (unsigned i = 0; i < RECEIPT_N_FIELDS && r == 0; ++i) {
		const uint8_t *begin = reader.p;

		if (!item_is(&reader, ITEM_UINT, i) ||
		    !get_value(&reader, (enum receipt_field)i, ret_receipt))
			return -EBADMSG;
		r = digest_of(begin, (size_t)(reader.p - begin),
			      ret_parts->digests + (size_t)32 * i);
		ret_parts->n_fields = i + 1;
	}
	if (r == 0 && reader.n != 0)
		return -EBADMSG;
	return r;
}

int receipt_form_same_payload(const struct receipt *receipt, const struct receipt_parts *parts) {
	uint8_t again[APPROVAL_RECEIPT_MAX], digests[RECEIPT_DIGESTS];
	size_t n = sizeof(again);
	int r = receipt_form_write(receipt, again, &n, digests);

	if (r == -EIO)
		return r;
	return r == 0 && n == parts->n_payload && memcmp(again, parts->payload, n) == 0 ? 0
											 : -EBADMSG;
}

int receipt_form_same_outside(const struct receipt_parts *parts, const uint8_t *bytes, size_t n) {
	uint8_t again[APPROVAL_RECEIPT_MAX];
	size_t n_again = sizeof(again);
	int r = receipt_form_wrap(parts->payload, parts->n_payload, parts->list, parts->signature,
				  again, &n_again);

	return r == 0 && n_again == n && memcmp(again, bytes, n) == 0 ? 0 : -EBADMSG;
}
