/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts, offline: who signed what, and the name of whatever was changed. */
#undef NDEBUG
#include <check.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include <careward/result.h>

#include "common/item.h"
#include "common/cleanup.h"
#include "tests/receipt/maker.h"
#include "tests/receipt/receipt-cases.h"

#define N_FIELDS 24u
#define DEVICE_SAYS "signature of the device"

/* As docs/approval.md has them, in the order of their keys. */
static const char *const names[N_FIELDS] = {
	"version", "device", "boot id", "seat", "session", "account", "action",
	"digest of the object", "name of the object", "words", "nonce", "second account",
	"signed by", "second signed by", "assurance", "second assurance", "boot time", "wall time",
	"trust in the clock", "number of the entry", "hash of the entry", "key of the device",
	"signature of the first person", "signature of the second person",
};

/* Where everything lies in the bytes of a receipt. */
struct layout {
	size_t field[N_FIELDS + 1]; /* where it begins; the last one: where the fields end */
	size_t list, signature;
};

static struct layout layout_of(const uint8_t *bytes, size_t n) {
	struct item_reader outer = { .p = bytes, .n = n }, inner;
	struct layout l = { 0 };
	struct item payload;

	ck_assert(item_is(&outer, ITEM_MAP, 3));
	ck_assert(item_is(&outer, ITEM_UINT, 0));
	payload = item_next(&outer);
	inner = (struct item_reader){ .p = payload.p, .n = payload.n };
	ck_assert(item_is(&inner, ITEM_MAP, N_FIELDS));
	for (unsigned i = 0; i < N_FIELDS; ++i) {
		l.field[i] = (size_t)(inner.p - bytes);
		ck_assert(item_skip(&inner));
		ck_assert(item_skip(&inner));
	}
	l.field[N_FIELDS] = (size_t)(inner.p - bytes);
	ck_assert_uint_eq(inner.n, 0);
	ck_assert(item_is(&outer, ITEM_UINT, 1));
	l.list = (size_t)(item_next(&outer).p - bytes);
	ck_assert(item_is(&outer, ITEM_UINT, 2));
	l.signature = (size_t)(item_next(&outer).p - bytes);
	return l;
}

static const char *name_at(const struct layout *l, size_t at) {
	for (unsigned i = 0; i < N_FIELDS; ++i)
		if (at >= l->field[i] && at < l->field[i + 1])
			return names[i];
	if ((at >= l->list && at < l->list + (size_t)32 * N_FIELDS) || at >= l->signature)
		return DEVICE_SAYS;
	return "form";
}

/* Signs the fields as they are: what only the device, or its thief, can do. */
static void sign_again(uint8_t *bytes, size_t n) {
	static const char domain[] = "careward approval 2";
	struct layout l = layout_of(bytes, n);
	uint8_t signed_bytes[sizeof(domain) + (size_t)32 * N_FIELDS], digest[32];
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, maker_seed, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n_signature = 64;

	for (unsigned i = 0; i < N_FIELDS; ++i)
		(void)SHA256(bytes + l.field[i], l.field[i + 1] - l.field[i],
			     bytes + l.list + (size_t)32 * i);
	memcpy(signed_bytes, domain, sizeof(domain));
	memcpy(signed_bytes + sizeof(domain), bytes + l.list, (size_t)32 * N_FIELDS);
	(void)SHA256(signed_bytes, sizeof(signed_bytes), digest);
	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, bytes + l.signature, &n_signature, digest, 32), 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
}

static const struct {
	const char *why;
	enum maker_token first, second;
} kinds[] = {
	{ "one password", MAKER_NONE, MAKER_N_TOKENS },
	{ "two passwords", MAKER_NONE, MAKER_NONE },
	{ "one card", MAKER_CARD_EC, MAKER_N_TOKENS },
	{ "a card with RSA and a password", MAKER_CARD_RSA, MAKER_NONE },
	{ "a password and a security key", MAKER_NONE, MAKER_KEY_EC },
	{ "a card and a security key", MAKER_CARD_EC, MAKER_KEY_EC },
	{ "two security keys", MAKER_KEY_EDDSA, MAKER_KEY_EC },
	{ "two cards", MAKER_CARD_RSA, MAKER_CARD_EC },
};

static uint8_t bytes[APPROVAL_RECEIPT_MAX + 1];
static struct receipt receipt, opened;

START_TEST(a_receipt_says_who_signed_and_holds_offline) {
	struct receipt_token_key tokens[2];
	struct receipt_keys keys;
	const char *field = NULL;
	size_t n = maker_make(kinds[_i].first, kinds[_i].second, bytes, &receipt);
	int r = receipt_check(NULL, bytes, n, maker_object, &field, &opened);

	ck_assert_msg(r == 0, "%s: %d %s", kinds[_i].why, r, field);
	maker_keys(&receipt, tokens, &keys);
	r = receipt_check(&keys, bytes, n, maker_object, &field, &opened);
	ck_assert_msg(r == 0, "%s, with keys: %d %s", kinds[_i].why, r, field);
	ck_assert_int_eq(receipt_open(receipt.device_key, bytes, n, &opened), 0);
	ck_assert_uint_eq(opened.by, kinds[_i].first ? RECEIPT_BY_TOKEN : RECEIPT_BY_DEVICE);
	ck_assert_uint_eq(opened.second_by, kinds[_i].second == MAKER_N_TOKENS ? RECEIPT_BY_NOBODY
					    : kinds[_i].second ? RECEIPT_BY_TOKEN
							       : RECEIPT_BY_DEVICE);
	ck_assert_str_eq(opened.words, receipt.words);
	ck_assert_str_eq(opened.action, receipt.action);
	ck_assert_uint_eq(opened.second, receipt.second);
	ck_assert_int_eq(opened.wall_ms, receipt.wall_ms);
	receipt_property(bytes, n, maker_seed);
}
END_TEST

/* PO-06, PO-08: no field of a receipt can be another one afterwards. */
START_TEST(PO_06_one_changed_bit_is_refused_by_the_name_of_its_field) {
	size_t n = maker_make(kinds[_i].first, kinds[_i].second, bytes, &receipt);
	struct layout l = layout_of(bytes, n);
	/* Some bit of every byte, at least. */
	size_t step = kinds[_i].first == MAKER_CARD_EC ? 1 : 7;

	for (size_t i = 0; i < 8 * n; i += step) {
		const char *field = NULL, *expect = name_at(&l, i / 8);
		int r, o;

		bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
		r = receipt_check(NULL, bytes, n, NULL, &field, &opened);
		o = receipt_open(receipt.device_key, bytes, n, &opened);
		bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
		ck_assert_msg(r == -EBADMSG && o == -EBADMSG, "%s: bit %zu of byte %zu: %d, %d",
			      kinds[_i].why, i % 8, i / 8, r, o);
		ck_assert_msg(strcmp(field, expect) == 0, "%s: bit %zu of byte %zu: \"%s\", not \"%s\"",
			      kinds[_i].why, i % 8, i / 8, field, expect);
	}
}
END_TEST

START_TEST(a_part_of_a_receipt_is_none) {
	size_t n = maker_make(kinds[_i].first, kinds[_i].second, bytes, &receipt);
	const char *field = NULL;

	for (size_t i = 0; i < n; ++i) {
		ck_assert_int_eq(receipt_check(NULL, bytes, i, NULL, &field, &opened), -EBADMSG);
		ck_assert_str_eq(field, "form");
		ck_assert_int_eq(receipt_open(receipt.device_key, bytes, i, &opened), -EBADMSG);
	}
	bytes[n] = 0;
	ck_assert_int_eq(receipt_check(NULL, bytes, n + 1, NULL, &field, &opened), -EBADMSG);
	ck_assert_str_eq(field, "form");
}
END_TEST

START_TEST(another_encoding_of_the_same_is_refused) {
	static uint8_t longer[APPROVAL_RECEIPT_MAX];
	size_t n = maker_make(MAKER_CARD_EC, MAKER_NONE, bytes, &receipt);
	const char *field = NULL;

	/* The outer map's key 0 in two bytes: not signed, so nothing else finds it. */
	longer[0] = bytes[0];
	longer[1] = 0x18;
	memcpy(longer + 2, bytes + 1, n - 1);
	ck_assert_int_eq(receipt_check(NULL, longer, n + 1, NULL, &field, NULL), -EBADMSG);
	ck_assert_str_eq(field, "form");
	ck_assert_int_eq(receipt_open(receipt.device_key, longer, n + 1, &opened), -EBADMSG);
}
END_TEST

START_TEST(a_number_in_a_longer_form_is_refused_although_the_device_signed) {
	static uint8_t longer[APPROVAL_RECEIPT_MAX];
	size_t n = maker_make(MAKER_NONE, MAKER_N_TOKENS, bytes, &receipt);
	struct layout l = layout_of(bytes, n);
	size_t at = l.field[3] + 1, head = 0;
	const char *field = NULL;

	/* The seat as 0x18 0x01; the payload's length grows by one. */
	memcpy(longer, bytes, at);
	longer[at] = 0x18;
	memcpy(longer + at + 1, bytes + at, n - at);
	ck_assert_uint_eq(longer[2], 0x59);
	head = (size_t)longer[3] << 8 | longer[4];
	longer[3] = (uint8_t)((head + 1) >> 8);
	longer[4] = (uint8_t)(head + 1);
	sign_again(longer, n + 1);
	ck_assert_int_eq(receipt_check(NULL, longer, n + 1, NULL, &field, NULL), -EBADMSG);
	ck_assert_str_eq(field, "form");
	ck_assert_int_eq(receipt_open(receipt.device_key, longer, n + 1, &opened), -EBADMSG);
}
END_TEST

/* ---- what a person's token signed ------------------------------------------------- */

static void change_device(struct receipt *r) { r->device[0] ^= 1; }
static void change_boot_id(struct receipt *r) { r->boot_id[15] ^= 1; }
static void change_seat(struct receipt *r) { r->seat = 2; }
static void change_session(struct receipt *r) { r->session++; }
static void change_account(struct receipt *r) { r->account++; }
static void change_action(struct receipt *r) { r->action[0] = 'x'; }
static void change_digest(struct receipt *r) { r->digest[31] ^= 1; }
static void change_object(struct receipt *r) { r->object[0] = 'x'; }
static void change_words(struct receipt *r) { r->words[0] = 'i'; }
static void change_nonce(struct receipt *r) { r->nonce[0] ^= 1; }
static void change_second(struct receipt *r) { r->second = 10; }

/* A device that lies can sign anything, but not for a person. */
static const struct {
	const char *why;
	void (*change)(struct receipt *r);
	bool first, second; /* whose signature does not say yes to that */
} lies[] = {
	{ "PO-06 at another device", change_device, true, true },
	{ "PO-08 in another boot", change_boot_id, true, true },
	{ "PO-06 at another seat", change_seat, true, true },
	{ "PO-06 in another session", change_session, true, true },
	{ "PO-06 by somebody else", change_account, true, true },
	{ "PO-06 another action", change_action, true, true },
	{ "PO-06 another object", change_digest, true, true },
	{ "an object of another name", change_object, true, true },
	{ "other words than those shown", change_words, true, true },
	{ "FD-07 another approval", change_nonce, true, true },
	{ "another second person", change_second, false, true },
};

START_TEST(what_a_token_did_not_sign_the_device_cannot_say_for_it) {
	const char *field = NULL;
	size_t n = 0;

	for (unsigned person = 1; person <= 2; ++person) {
		bool refused = person == 1 ? lies[_i].first : lies[_i].second;

		maker_receipt(&receipt, true);
		maker_sign(&receipt, person, person == 1 ? MAKER_CARD_EC : MAKER_KEY_EC);
		lies[_i].change(&receipt);
		ck_assert_int_eq(receipt_make(maker_seed, &receipt, bytes, &n), 0);
		ck_assert_msg(receipt_check(NULL, bytes, n, NULL, &field, NULL) ==
				      (refused ? -EBADMSG : 0), "%s: person %u, %s", lies[_i].why,
			      person, field);
		if (refused)
			ck_assert_str_eq(field, names[21 + person]);
	}
}
END_TEST

static void other_purpose(struct receipt *r, struct challenge *c) { c->purpose = 1; }
static void no_statement(struct receipt *r, struct challenge *c) { memset(c->statement, 0, 32); }
static void other_account(struct receipt *r, struct challenge *c) { c->account = 8; }
static void later(struct receipt *r, struct challenge *c) { c->boot_ms = r->boot_ms + 1; }
static void no_seat(struct receipt *r, struct challenge *c) { c->seat = 0; }
static void other_seat(struct receipt *r, struct challenge *c) { c->seat = 2; }
static void other_device(struct receipt *r, struct challenge *c) { c->device[0] ^= 1; }
static void other_boot(struct receipt *r, struct challenge *c) { c->boot_id[0] ^= 1; }
static void of_second(struct receipt *r, struct challenge *c) {
	ck_assert_int_eq(receipt_statement(r, 2, c->statement), 0);
}
static void nothing(struct receipt *r, struct challenge *c) {}
static void card_says_who(struct receipt *r, struct challenge *c) { c->account = 0; }
static void not_present(struct receipt *r, struct challenge *c) {
	r->signatures[0].authdata[32] = 0x04;
	r->signatures[0].n_authdata = 37;
}
static void not_verified(struct receipt *r, struct challenge *c) {
	r->signatures[0].authdata[32] = 0x01;
	r->signatures[0].n_authdata = 37;
}
static void short_authdata(struct receipt *r, struct challenge *c) {
	r->signatures[0].authdata[32] = 0x05;
	r->signatures[0].n_authdata = 36;
}

/* A token that signed something else, on its holder's own will. */
static const struct {
	const char *why;
	void (*change)(struct receipt *r, struct challenge *c);
	enum maker_token token;
	bool good;
} challenges[] = {
	{ "what it has to sign", nothing, MAKER_CARD_EC, true },
	{ "what a security key has to sign", nothing, MAKER_KEY_EC, true },
	{ "a card that says itself whose it is", card_says_who, MAKER_CARD_EC, true },
	{ "FD-07 a challenge for signing in", other_purpose, MAKER_CARD_EC, false },
	{ "FD-07 a challenge without a statement", no_statement, MAKER_CARD_EC, false },
	{ "FD-07 a challenge of another person", other_account, MAKER_KEY_EC, false },
	{ "the statement of the second person", of_second, MAKER_CARD_EC, false },
	{ "CD-09 a challenge of another device", other_device, MAKER_CARD_EC, false },
	{ "CD-09 a challenge of another boot", other_boot, MAKER_CARD_EC, false },
	{ "a challenge that was made afterwards", later, MAKER_CARD_EC, false },
	{ "a challenge of no seat", no_seat, MAKER_CARD_EC, false },
	{ "a challenge of another seat", other_seat, MAKER_CARD_EC, false },
	{ "FD-02 nobody touched it", not_present, MAKER_KEY_EC, false },
	{ "FD-01 no PIN was given", not_verified, MAKER_KEY_EC, false },
	{ "FD-18 authenticator data that are too short", short_authdata, MAKER_KEY_EC, false },
};

START_TEST(a_signature_over_something_else_says_nothing) {
	struct receipt_signature *s = &receipt.signatures[0];
	struct challenge challenge;
	const char *field = NULL;
	size_t n = 0;
	int r;

	maker_receipt(&receipt, true);
	maker_sign(&receipt, 1, challenges[_i].token);
	challenge = s->challenge;
	challenges[_i].change(&receipt, &challenge);
	maker_sign_challenge(s, challenges[_i].token, &challenge);
	r = receipt_signature_check(&receipt, s);
	ck_assert_msg(r == (challenges[_i].good ? 0 : -EBADMSG), "%s: %d", challenges[_i].why, r);
	/* Nor when the device signs it all the same. */
	ck_assert_int_eq(receipt_make(maker_seed, &receipt, bytes, &n), 0);
	r = receipt_check(NULL, bytes, n, NULL, &field, NULL);
	ck_assert_msg(r == (challenges[_i].good ? 0 : -EBADMSG), "%s: %d", challenges[_i].why, r);
	if (!challenges[_i].good)
		ck_assert_str_eq(field, "signature of the first person");
}
END_TEST

START_TEST(one_persons_signature_is_not_the_others) {
	maker_receipt(&receipt, true);
	maker_sign(&receipt, 1, MAKER_CARD_EC);
	ck_assert_int_eq(receipt_signature_check(&receipt, &receipt.signatures[0]), 0);
	receipt.signatures[1] = receipt.signatures[0];
	receipt.signatures[1].person = 2;
	receipt.second_assurance = CW_ASSURANCE_STRONG;
	ck_assert_int_eq(receipt_signature_check(&receipt, &receipt.signatures[1]), -EBADMSG);
	receipt.signatures[1].challenge.account = MAKER_SECOND;
	ck_assert_int_eq(receipt_signature_check(&receipt, &receipt.signatures[1]), -EBADMSG);
	receipt.signatures[1].person = 3;
	ck_assert_int_eq(receipt_signature_check(&receipt, &receipt.signatures[1]), -EBADMSG);
	receipt.signatures[1].person = 0;
	ck_assert_int_eq(receipt_signature_check(&receipt, &receipt.signatures[1]), -EBADMSG);
}
END_TEST

START_TEST(a_statement_is_of_one_person_and_one_object) {
	uint8_t first[32], second[32], other[32];

	maker_receipt(&receipt, true);
	ck_assert_int_eq(receipt_statement(&receipt, 1, first), 0);
	ck_assert_int_eq(receipt_statement(&receipt, 2, second), 0);
	ck_assert_mem_ne(first, second, 32);
	/* What is not known yet when the token is asked is not in it. */
	receipt.boot_ms += 60000;
	receipt.wall_ms += 60000;
	receipt.assurance = CW_ASSURANCE_STRONG;
	receipt.head_seq++;
	receipt.head_hash[0] ^= 1;
	ck_assert_int_eq(receipt_statement(&receipt, 1, other), 0);
	ck_assert_mem_eq(first, other, 32);
	receipt.second = 0;
	ck_assert_int_eq(receipt_statement(&receipt, 1, other), 0);
	ck_assert_mem_eq(first, other, 32);
	ck_assert_int_eq(receipt_statement(&receipt, 2, other), 0);
	ck_assert_mem_ne(second, other, 32);
	ck_assert_int_eq(receipt_statement(&receipt, 0, other), -EINVAL);
	ck_assert_int_eq(receipt_statement(&receipt, 3, other), -EINVAL);
	memset(receipt.words, 'w', sizeof(receipt.words));
	ck_assert_int_eq(receipt_statement(&receipt, 1, other), -EINVAL);
}
END_TEST

/* ---- who says so -------------------------------------------------------------------- */

/* Nothing but the device's word stands there: it cannot be dressed up. */
START_TEST(a_password_never_reads_as_signed_by_the_person) {
	size_t n = maker_make(MAKER_NONE, MAKER_N_TOKENS, bytes, &receipt);
	struct layout l = layout_of(bytes, n);
	const char *field = NULL;

	ck_assert_mem_eq(bytes + l.field[12], "\x0c\x66" "device", 8);
	memcpy(bytes + l.field[12] + 2, "nobody", 6);
	sign_again(bytes, n);
	ck_assert_int_eq(receipt_check(NULL, bytes, n, NULL, &field, NULL), -EBADMSG);
	ck_assert_str_eq(field, "signed by");
	/* Whatever the caller says, what is written follows from the signatures. */
	receipt.by = RECEIPT_BY_TOKEN;
	receipt.second_by = RECEIPT_BY_TOKEN;
	ck_assert_int_eq(receipt_make(maker_seed, &receipt, bytes, &n), 0);
	ck_assert_int_eq(receipt_check(NULL, bytes, n, NULL, &field, &opened), 0);
	ck_assert_uint_eq(opened.by, RECEIPT_BY_DEVICE);
	ck_assert_uint_eq(opened.second_by, RECEIPT_BY_NOBODY);
}
END_TEST

/* "token" where no token signed, written and signed by a device that lies. */
START_TEST(a_device_cannot_say_that_a_token_signed) {
	size_t n = maker_make(MAKER_NONE, MAKER_NONE, bytes, &receipt), head;
	const char *field = NULL;

	for (unsigned person = 1; person <= 2; ++person) {
		struct layout l;
		size_t at;

		n = maker_make(MAKER_NONE, MAKER_NONE, bytes, &receipt);
		l = layout_of(bytes, n);
		at = l.field[11 + person] + 1;
		ck_assert_mem_eq(bytes + at, "\x66" "device", 7);
		memcpy(bytes + at, "\x65" "token", 6);
		memmove(bytes + at + 6, bytes + at + 7, n - at - 7);
		ck_assert_uint_eq(bytes[2], 0x59);
		head = ((size_t)bytes[3] << 8 | bytes[4]) - 1;
		bytes[3] = (uint8_t)(head >> 8);
		bytes[4] = (uint8_t)head;
		sign_again(bytes, n - 1);
		ck_assert_int_eq(receipt_check(NULL, bytes, n - 1, NULL, &field, NULL), -EBADMSG);
		ck_assert_str_eq(field, names[11 + person]);
		ck_assert_int_eq(receipt_open(receipt.device_key, bytes, n - 1, &opened), -EBADMSG);
	}
}
END_TEST

START_TEST(a_receipt_that_names_another_key_than_the_devices_is_refused) {
	size_t n = maker_make(MAKER_NONE, MAKER_N_TOKENS, bytes, &receipt);
	struct layout l = layout_of(bytes, n);

	bytes[l.field[22] - 1] ^= 1; /* the last byte of the key */
	sign_again(bytes, n);
	ck_assert_int_eq(receipt_open(receipt.device_key, bytes, n, &opened), -EBADMSG);
}
END_TEST

/* By the page alone, with the digests that stand in the receipt. */
START_TEST(a_statement_is_laid_out_as_published) {
	static const char domain[] = "careward statement 2";
	size_t n = maker_make(MAKER_CARD_EC, MAKER_KEY_EC, bytes, &receipt);
	struct layout l = layout_of(bytes, n);

	for (unsigned person = 1; person <= 2; ++person) {
		uint8_t all[sizeof(domain) + 1 + (size_t)32 * 12], expect[32], statement[32];
		size_t n_digests = (size_t)32 * (person == 1 ? 11 : 12);

		memcpy(all, domain, sizeof(domain));
		all[sizeof(domain)] = (uint8_t)person;
		memcpy(all + sizeof(domain) + 1, bytes + l.list, n_digests);
		(void)SHA256(all, sizeof(domain) + 1 + n_digests, expect);
		ck_assert_int_eq(receipt_statement(&receipt, person, statement), 0);
		ck_assert_mem_eq(statement, expect, 32);
	}
}
END_TEST

static void keys_of_other_device(struct receipt_keys *k, struct receipt_token_key *t) {
	k->device[0] ^= 1;
}
static void key_of_other_device(struct receipt_keys *k, struct receipt_token_key *t) {
	k->approval[0] ^= 1;
}
static void not_enrolled(struct receipt_keys *k, struct receipt_token_key *t) {
	k->n_tokens = 0;
}
static void second_not_enrolled(struct receipt_keys *k, struct receipt_token_key *t) {
	k->n_tokens = 1;
}
static void enrolled_for_another(struct receipt_keys *k, struct receipt_token_key *t) {
	t[0].account = 77;
}
static void exchanged(struct receipt_keys *k, struct receipt_token_key *t) {
	t[0].account = MAKER_SECOND;
	t[1].account = MAKER_FIRST;
}
static void other_key(struct receipt_keys *k, struct receipt_token_key *t) { t[0].key[60] ^= 1; }

static const struct {
	const char *why;
	void (*change)(struct receipt_keys *keys, struct receipt_token_key *tokens);
	const char *field;
} strangers[] = {
	{ "keys of another device", keys_of_other_device, "device" },
	{ "a receipt by a device that says it is this one", key_of_other_device,
	  "key of the device" },
	{ "a token that nobody enrolled", not_enrolled, "key of the first person" },
	{ "a second token that nobody enrolled", second_not_enrolled, "key of the second person" },
	{ "a token of somebody else", enrolled_for_another, "key of the first person" },
	{ "both tokens exchanged", exchanged, "key of the first person" },
	{ "another token of the same person", other_key, "key of the first person" },
};

START_TEST(keys_that_were_exported_decide_whose_word_counts) {
	struct receipt_token_key tokens[2];
	struct receipt_keys keys;
	const char *field = NULL;
	size_t n = maker_make(MAKER_CARD_EC, MAKER_KEY_EDDSA, bytes, &receipt);

	maker_keys(&receipt, tokens, &keys);
	ck_assert_int_eq(receipt_check(&keys, bytes, n, maker_object, &field, NULL), 0);
	strangers[_i].change(&keys, tokens);
	ck_assert_msg(receipt_check(&keys, bytes, n, maker_object, &field, NULL) == -EBADMSG, "%s",
		      strangers[_i].why);
	ck_assert_str_eq(field, strangers[_i].field);
}
END_TEST

START_TEST(PO_06_another_object_is_refused) {
	size_t n = maker_make(MAKER_CARD_EC, MAKER_KEY_EC, bytes, &receipt);
	const char *field = NULL;
	uint8_t object[32];

	memcpy(object, maker_object, sizeof(object));
	object[31] ^= 0x80;
	ck_assert_int_eq(receipt_check(NULL, bytes, n, object, &field, NULL), -EBADMSG);
	ck_assert_str_eq(field, "digest of the object");
}
END_TEST

START_TEST(a_receipt_contradicts_itself) {
	static const struct {
		uint32_t account, second;
		uint8_t second_assurance;
		const char *field;
	} cases[] = {
		{ 0, 0, 0, "account" },
		{ 7, 7, CW_ASSURANCE_PASSWORD, "second account" },
		{ 7, 9, 0, "second assurance" },
		{ 7, 0, CW_ASSURANCE_PASSWORD, "second assurance" },
	};
	const char *field = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); ++i) {
		maker_receipt(&receipt, false);
		receipt.account = cases[i].account;
		receipt.second = cases[i].second;
		receipt.second_assurance = cases[i].second_assurance;
		ck_assert_int_eq(receipt_make(maker_seed, &receipt, bytes, &n), 0);
		ck_assert_int_eq(receipt_check(NULL, bytes, n, NULL, &field, NULL), -EBADMSG);
		ck_assert_str_eq(field, cases[i].field);
	}
}
END_TEST

/* Two cards with RSA-4096, and the longest texts that there are. */
START_TEST(the_longest_receipt_has_room_and_a_longer_one_is_refused) {
	size_t n = 0;

	maker_receipt(&receipt, true);
	receipt.session = receipt.boot_ms = receipt.head_seq = UINT64_MAX;
	receipt.wall_ms = INT64_MIN;
	receipt.account = UINT32_MAX;
	receipt.second = UINT32_MAX - 1;
	memset(receipt.action, 'a', sizeof(receipt.action) - 1);
	memset(receipt.object, 'o', sizeof(receipt.object) - 1);
	memset(receipt.words, 'w', sizeof(receipt.words) - 1);
	for (unsigned i = 0; i < 2; ++i) {
		receipt.signatures[i].person = (uint8_t)(i + 1);
		receipt.signatures[i].factor = CW_FACTOR_SMARTCARD;
		receipt.signatures[i].algorithm = -257;
		receipt.signatures[i].n_public_key = 550;
		receipt.signatures[i].n_signature = 512;
		receipt.signatures[i].challenge.boot_ms = UINT64_MAX;
		receipt.signatures[i].challenge.account = UINT32_MAX;
		receipt.signatures[i].challenge.seat = 255;
	}
	ck_assert_int_eq(receipt_make(maker_seed, &receipt, bytes, &n), 0);
	ck_assert_uint_le(n, APPROVAL_RECEIPT_MAX);
	ck_assert_uint_gt(n, 3800);
	receipt.signatures[0].n_authdata = receipt.signatures[1].n_authdata = RECEIPT_AUTHDATA_MAX;
	ck_assert_int_eq(receipt_make(maker_seed, &receipt, bytes, &n), -EINVAL);
	receipt.signatures[0].n_authdata = receipt.signatures[1].n_authdata = 0;
	receipt.signatures[0].n_signature = RECEIPT_SIGNATURE_MAX + 1;
	ck_assert_int_eq(receipt_make(maker_seed, &receipt, bytes, &n), -EINVAL);
}
END_TEST

START_TEST(a_key_that_is_not_the_devices_makes_no_receipt) {
	size_t n = 0;

	maker_receipt(&receipt, false);
	receipt.device_key[0] ^= 1;
	ck_assert_int_eq(receipt_make(maker_seed, &receipt, bytes, &n), -EINVAL);
}
END_TEST

int main(void) {
	Suite *suite = suite_create("receipt");
	TCase *tc = tcase_create("receipt");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, a_receipt_says_who_signed_and_holds_offline, 0,
			    (int)ARRAY_SIZE(kinds));
	tcase_add_loop_test(tc, PO_06_one_changed_bit_is_refused_by_the_name_of_its_field, 0,
			    (int)ARRAY_SIZE(kinds));
	tcase_add_loop_test(tc, a_part_of_a_receipt_is_none, 0, (int)ARRAY_SIZE(kinds));
	tcase_add_test(tc, another_encoding_of_the_same_is_refused);
	tcase_add_test(tc, a_number_in_a_longer_form_is_refused_although_the_device_signed);
	tcase_add_loop_test(tc, what_a_token_did_not_sign_the_device_cannot_say_for_it, 0,
			    (int)ARRAY_SIZE(lies));
	tcase_add_loop_test(tc, a_signature_over_something_else_says_nothing, 0,
			    (int)ARRAY_SIZE(challenges));
	tcase_add_test(tc, one_persons_signature_is_not_the_others);
	tcase_add_test(tc, a_statement_is_of_one_person_and_one_object);
	tcase_add_test(tc, a_password_never_reads_as_signed_by_the_person);
	tcase_add_test(tc, a_device_cannot_say_that_a_token_signed);
	tcase_add_test(tc, a_receipt_that_names_another_key_than_the_devices_is_refused);
	tcase_add_test(tc, a_statement_is_laid_out_as_published);
	tcase_add_loop_test(tc, keys_that_were_exported_decide_whose_word_counts, 0,
			    (int)ARRAY_SIZE(strangers));
	tcase_add_test(tc, PO_06_another_object_is_refused);
	tcase_add_test(tc, a_receipt_contradicts_itself);
	tcase_add_test(tc, the_longest_receipt_has_room_and_a_longer_one_is_refused);
	tcase_add_test(tc, a_key_that_is_not_the_devices_makes_no_receipt);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
