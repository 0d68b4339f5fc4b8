/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Smartcards, through the site's PKCS#11 module
 *
 * look() lists certificates; sign() starts again from an empty slate: it closes
 * every session, lists the slots anew and looks whether the same card is still
 * there. After a card was pulled and put back the old session may look valid, and
 * the login may say that somebody is logged in already.
 */

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "tokens/pkcs11-key.h"
#include "tokens/pkcs11-module.h"
#include "tokens/token.h"

/* Ours: the slot is a reader of another seat, or of none. */
#define CKR_OTHER_SEAT (CKR_VENDOR_DEFINED | 0x63770001ul)

/* What tells one card from another. Nothing that it could not lie about. */
struct card {
	CK_SLOT_ID slot;
	char reader[LIMIT_NAME];
	unsigned char label[32];
	unsigned char model[16];
	unsigned char serial[16];
	CK_FLAGS flags;
	CK_ULONG pin_min;
	CK_ULONG pin_max;
};

/* One candidate of the last look, and what it takes to sign with it. */
struct held {
	struct card card;
	struct card_key key;
	bool asks_always; /* CKA_ALWAYS_AUTHENTICATE, as far as it was seen              */
	size_t n_id;
	uint8_t id[PKCS11_ID_MAX];
};

struct cards {
	struct pkcs11_module module;
	struct token_rules rules;
	uint32_t seats; /* bit of the seat that the last look was for                    */
	struct token_found found;
	struct held held[TOKEN_CANDIDATES_MAX];
};

static void cards_forget(struct cards *c) {
	for (size_t i = 0; i < TOKEN_CANDIDATES_MAX; ++i)
		card_key_done(&c->held[i].key);
	memset(&c->found, 0, sizeof(c->found));
	memset(c->held, 0, sizeof(c->held));
}

static void cards_close(void *kind) {
	struct cards *c = kind;

	if (!c)
		return;
	cards_forget(c);
	pkcs11_unload(&c->module);
	free(c);
}

static int cards_open(const struct token_rules *rules, void **ret_kind) {
	struct cards *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = pkcs11_load(&c->module, rules->smartcard.module);
	if (r < 0) {
		free(c);
		return r;
	}
	c->rules = *rules;
	*ret_kind = c;
	return 0;
}

/* Reads what is in a slot, if it is a reader of the seat that the look was for. */
static CK_RV card_read(struct cards *c, CK_SLOT_ID slot, struct card *ret_card) {
	CK_FUNCTION_LIST *call = c->module.call;
	CK_SLOT_INFO info = { 0 };
	CK_TOKEN_INFO token = { 0 };
	struct card card = { .slot = slot };
	CK_RV rv;

	rv = call->C_GetSlotInfo(slot, &info);
	if (rv != CKR_OK)
		return rv;
	pkcs11_text(info.slotDescription, sizeof(info.slotDescription), card.reader);
	if (!token_pcsc_serves(&c->rules, card.reader, c->seats))
		return CKR_OTHER_SEAT;
	if (!(info.flags & CKF_TOKEN_PRESENT))
		return CKR_TOKEN_NOT_PRESENT;
	rv = call->C_GetTokenInfo(slot, &token);
	if (rv != CKR_OK)
		return rv;
	memcpy(card.label, token.label, sizeof(card.label));
	memcpy(card.model, token.model, sizeof(card.model));
	memcpy(card.serial, token.serialNumber, sizeof(card.serial));
	card.flags = token.flags;
	card.pin_min = token.ulMinPinLen;
	card.pin_max = token.ulMaxPinLen;
	*ret_card = card;
	return CKR_OK;
}

static bool card_is_same(const struct card *a, const struct card *b) {
	return memcmp(a->reader, b->reader, sizeof(a->reader)) == 0 &&
	       memcmp(a->label, b->label, sizeof(a->label)) == 0 &&
	       memcmp(a->model, b->model, sizeof(a->model)) == 0 &&
	       memcmp(a->serial, b->serial, sizeof(a->serial)) == 0;
}

static bool card_asks_pin(const struct card *card) {
	return (card->flags & CKF_LOGIN_REQUIRED) != 0;
}

static bool card_has_pad(const struct card *card) {
	return (card->flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
}

static uint32_t card_tries(const struct card *card) {
	if (card->flags & CKF_USER_PIN_LOCKED)
		return 0;
	return card->flags & CKF_USER_PIN_FINAL_TRY ? 1 : TRIES_UNKNOWN;
}

/* A yes or no of a key. Return: @absent where it has no such attribute. */
static CK_RV read_flag(struct pkcs11_session *s, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
		       bool absent, bool *ret_flag) {
	unsigned char value = CK_FALSE;
	size_t n = 0;
	CK_RV rv = pkcs11_read(s, key, type, sizeof(value), &value, &n);

	if (rv == CKR_ATTRIBUTE_TYPE_INVALID) {
		*ret_flag = absent;
		return CKR_OK;
	}
	if (rv != CKR_OK)
		return rv;
	if (n != sizeof(value))
		return CKR_GENERAL_ERROR;
	*ret_flag = value != CK_FALSE;
	return CKR_OK;
}

/*
 * Finds the private key that belongs to a certificate. Return: CKR_OK with it, or
 * with CK_INVALID_HANDLE when there is none to be seen.
 */
static CK_RV find_key(struct pkcs11_session *s, struct held *h, CK_OBJECT_HANDLE *ret_key) {
	CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &private_key, sizeof(private_key) },
		{ CKA_KEY_TYPE, &h->key.type, sizeof(h->key.type) },
		{ CKA_ID, h->id, h->n_id },
	};
	CK_OBJECT_HANDLE keys[PKCS11_OBJECTS_MAX];
	size_t n = 0;
	CK_RV rv = pkcs11_find(s, wanted, ARRAY_SIZE(wanted), keys, &n);

	if (rv != CKR_OK)
		return rv;
	*ret_key = n > 0 ? keys[0] : CK_INVALID_HANDLE;
	return CKR_OK;
}

/* A card that asks for a PIN hides its private keys until it has one. */
static CK_RV are_keys_hidden(struct pkcs11_session *s, const struct card *card, bool *ret_hidden) {
	CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted = { CKA_CLASS, &private_key, sizeof(private_key) };
	CK_OBJECT_HANDLE keys[PKCS11_OBJECTS_MAX];
	size_t n = 0;
	CK_RV rv = pkcs11_find(s, &wanted, 1, keys, &n);

	if (rv != CKR_OK)
		return rv;
	*ret_hidden = n == 0 && card_asks_pin(card);
	return CKR_OK;
}

/* Can the key of this certificate sign? One that may still come to light can. */
static CK_RV is_usable(struct pkcs11_session *s, struct held *h, bool hidden, bool *ret_usable) {
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV rv;

	if (hidden) {
		*ret_usable = true;
		return CKR_OK;
	}
	rv = find_key(s, h, &key);
	if (rv != CKR_OK)
		return rv;
	if (key == CK_INVALID_HANDLE) {
		*ret_usable = card_asks_pin(&h->card);
		return CKR_OK;
	}
	rv = read_flag(s, key, CKA_ALWAYS_AUTHENTICATE, false, &h->asks_always);
	if (rv != CKR_OK)
		return rv;
	return read_flag(s, key, CKA_SIGN, true, ret_usable);
}

static void describe(const struct held *h, struct token_candidate *candidate) {
	const struct card *card = &h->card;

	memcpy(candidate->reader, card->reader, sizeof(candidate->reader));
	pkcs11_text(card->label, sizeof(card->label), candidate->label);
	candidate->needs_pin = card_asks_pin(card) || h->asks_always;
	candidate->has_pad = card_has_pad(card);
	candidate->pin_low = (card->flags & CKF_USER_PIN_COUNT_LOW) != 0;
	candidate->pin_final = (card->flags & CKF_USER_PIN_FINAL_TRY) != 0;
	candidate->pin_locked = (card->flags & CKF_USER_PIN_LOCKED) != 0;
	candidate->tries_left = card_tries(card);
}

/*
 * Keeps a candidate. Cards carry the certificates of their authorities too: those
 * come last, and are the first to go when there is no room.
 */
static void keep(struct cards *c, struct held *h, const struct token_candidate *candidate) {
	size_t at = c->found.n;

	while (!h->key.authority && at > 0 && c->held[at - 1].key.authority)
		--at;
	if (at == TOKEN_CANDIDATES_MAX) {
		card_key_done(&h->key);
		return;
	}
	if (c->found.n == TOKEN_CANDIDATES_MAX)
		card_key_done(&c->held[--c->found.n].key);
	memmove(&c->held[at + 1], &c->held[at], (c->found.n - at) * sizeof(c->held[0]));
	memmove(&c->found.candidates[at + 1], &c->found.candidates[at],
		(c->found.n - at) * sizeof(c->found.candidates[0]));
	c->held[at] = *h;
	c->found.candidates[at] = *candidate;
	++c->found.n;
	h->key = (struct card_key){ 0 }; /* handed over */
}

/* Forgets the candidates of one card. */
static void drop(struct cards *c, CK_SLOT_ID slot) {
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->found.n; ++i) {
		if (c->held[i].card.slot == slot) {
			card_key_done(&c->held[i].key);
			continue;
		}
		if (n != i) {
			c->held[n] = c->held[i];
			c->held[i].key = (struct card_key){ 0 }; /* handed over */
			c->found.candidates[n] = c->found.candidates[i];
		}
		++n;
	}
	c->found.n = n;
}

/* One certificate object. Only what stops the whole card is an error. */
static CK_RV look_at_certificate(struct cards *c, struct pkcs11_session *s, const struct card *card,
				 bool hidden, CK_OBJECT_HANDLE object) {
	struct token_candidate candidate = { 0 };
	struct held h = { .card = *card };
	bool usable = false;
	CK_RV rv;

	rv = pkcs11_read(s, object, CKA_ID, sizeof(h.id), h.id, &h.n_id);
	if (rv == CKR_OK)
		rv = pkcs11_read(s, object, CKA_VALUE, sizeof(candidate.certificate),
				 candidate.certificate, &candidate.n_certificate);
	/* Without an id or too long: not one for us, but the next one may be. */
	if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_BUFFER_TOO_SMALL)
		return CKR_OK;
	if (rv != CKR_OK)
		return rv;
	if (h.n_id == 0 ||
	    card_key_read(&h.key, candidate.certificate, candidate.n_certificate) < 0)
		return CKR_OK;
	rv = is_usable(s, &h, hidden, &usable);
	if (rv == CKR_OK && usable) {
		describe(&h, &candidate);
		keep(c, &h, &candidate);
	}
	card_key_done(&h.key);
	return rv;
}

static CK_RV look_at_slot(struct cards *c, CK_SLOT_ID slot) {
	cleanup_(pkcs11_session_done) struct pkcs11_session s = { 0 };
	CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
	CK_ATTRIBUTE wanted = { CKA_CLASS, &certificate, sizeof(certificate) };
	CK_OBJECT_HANDLE objects[PKCS11_OBJECTS_MAX];
	bool hidden = false;
	struct card card;
	size_t n = 0;
	CK_RV rv;

	rv = card_read(c, slot, &card);
	/* An empty one, always shown by modules that keep tokens in files. */
	if (rv == CKR_OK && !(card.flags & CKF_TOKEN_INITIALIZED))
		return CKR_OK;
	if (rv == CKR_OK)
		rv = pkcs11_session_open(&c->module, slot, &s);
	if (rv == CKR_OK)
		rv = pkcs11_find(&s, &wanted, 1, objects, &n);
	if (rv == CKR_OK && n > 0)
		rv = are_keys_hidden(&s, &card, &hidden);
	for (size_t i = 0; i < n && rv == CKR_OK; ++i)
		rv = look_at_certificate(c, &s, &card, hidden, objects[i]);
	return rv;
}

/* Has the seat a line for readers of cards at all? */
static bool has_reader(const struct cards *c) {
	for (uint32_t i = 0; i < c->rules.n_readers && i < TOKEN_READERS_MAX; ++i)
		if (c->rules.readers[i].kind == READER_PCSC &&
		    (c->rules.readers[i].seats & c->seats) != 0)
			return true;
	return false;
}

static enum token_error cards_look(void *kind, const struct token_look *look,
				   struct token_found *ret_found) {
	struct cards *c = kind;
	CK_SLOT_ID slots[PKCS11_SLOTS_MAX];
	size_t n = 0;
	bool any = false, any_here = false;
	CK_RV first = CKR_OK;
	CK_RV rv;

	c->seats = look->seats;
	if (!pkcs11_is_ours(&c->module))
		return TOKEN_MODULE;
	cards_forget(c);
	rv = pkcs11_slots(&c->module, slots, &n, &any);
	if (rv != CKR_OK)
		return pkcs11_error(rv);
	if (!any || !has_reader(c))
		return TOKEN_READER_GONE;
	for (size_t i = 0; i < n; ++i) {
		/* A card that is broken hides no other one, and is not half there. */
		rv = look_at_slot(c, slots[i]);
		if (rv == CKR_OTHER_SEAT)
			continue;
		any_here = true;
		if (rv != CKR_OK)
			drop(c, slots[i]);
		if (first == CKR_OK)
			first = rv;
	}
	if (!any_here)
		return TOKEN_ABSENT;
	if (c->found.n == 0)
		return first != CKR_OK ? pkcs11_error(first) : TOKEN_NO_CREDENTIAL;
	for (uint32_t i = 0; i < c->found.n; ++i)
		c->found.candidates[i].index = i;
	*ret_found = c->found;
	return TOKEN_OK;
}

/* The card of the last look, if it is still there, with its flags of now. */
static enum token_error find_card(struct cards *c, const struct held *h, struct card *ret_card) {
	CK_SLOT_ID slots[PKCS11_SLOTS_MAX];
	size_t n = 0;
	bool any = false;
	CK_RV rv;

	(void)c->module.call->C_CloseAllSessions(h->card.slot);
	rv = pkcs11_slots(&c->module, slots, &n, &any);
	if (rv != CKR_OK)
		return pkcs11_error(rv);
	if (!any)
		return TOKEN_READER_GONE;
	for (size_t i = 0; i < n; ++i) {
		if (slots[i] != h->card.slot)
			continue;
		rv = card_read(c, slots[i], ret_card);
		if (rv == CKR_OTHER_SEAT)
			return TOKEN_REMOVED;
		if (rv != CKR_OK)
			return pkcs11_error(rv);
		/* Another card gets no PIN that was meant for this one. */
		return card_is_same(ret_card, &h->card) ? TOKEN_OK : TOKEN_REMOVED;
	}
	return TOKEN_REMOVED;
}

/*
 * May this PIN be given to this card? What can be known without asking the card
 * costs no try. @told: the person was warned that it is the last one.
 */
static enum token_error check_pin(const struct card *card, const struct secret *pin, bool told,
				  uint32_t *ret_tries) {
	*ret_tries = card_tries(card);
	if (card->flags & CKF_USER_PIN_LOCKED)
		return TOKEN_PIN_LOCKED;
	if (!card_has_pad(card)) {
		if (pin->n == 0 || memchr(pin->bytes, 0, pin->n))
			return TOKEN_PIN_INVALID;
		if (card->pin_max > 0 && card->pin_max != CK_UNAVAILABLE_INFORMATION &&
		    (pin->n > card->pin_max || pin->n < card->pin_min))
			return TOKEN_PIN_INVALID;
	}
	/* Somebody else used up the tries since; this one is asked again, and warned. */
	if ((card->flags & CKF_USER_PIN_FINAL_TRY) && !told)
		return TOKEN_PIN_NEEDED;
	return TOKEN_OK;
}

/* The login failed: what is left now? */
static enum token_error refused(struct cards *c, const struct held *h, CK_RV rv,
				uint32_t *ret_tries) {
	enum token_error error = pkcs11_error(rv);
	struct card card;

	*ret_tries = error == TOKEN_PIN_LOCKED ? 0 : TRIES_UNKNOWN;
	if (error != TOKEN_PIN_WRONG || card_read(c, h->card.slot, &card) != CKR_OK)
		return error;
	*ret_tries = card_tries(&card);
	return *ret_tries == 0 ? TOKEN_PIN_LOCKED : error;
}

/* Signs, in a session that is logged in. */
static CK_RV sign_in_session(struct pkcs11_session *s, struct held *h, const uint8_t digest[32],
			     struct secret *pin, bool *ret_by_login,
			     uint8_t raw[static TOKEN_SIGNATURE_MAX], CK_ULONG *ret_n) {
	uint8_t input[PKCS11_INPUT_MAX];
	CK_ULONG n_input = card_key_input(&h->key, digest, input);
	CK_MECHANISM mechanism = { h->key.mechanism, NULL, 0 };
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_ULONG n = TOKEN_SIGNATURE_MAX;
	bool always = false;
	CK_RV rv;

	rv = find_key(s, h, &key);
	if (rv == CKR_OK && key == CK_INVALID_HANDLE)
		rv = CKR_KEY_HANDLE_INVALID;
	if (rv == CKR_OK)
		rv = read_flag(s, key, CKA_ALWAYS_AUTHENTICATE, false, &always);
	if (rv == CKR_OK)
		rv = s->call->C_SignInit(s->handle, &mechanism, key);
	/* Not foreseen when the PIN was asked for: an empty one is never given. */
	if (rv == CKR_OK && always && pin && pin->n == 0)
		rv = CKR_USER_NOT_LOGGED_IN;
	if (rv == CKR_OK && always) {
		s->login_tried = true;
		rv = s->call->C_Login(s->handle, CKU_CONTEXT_SPECIFIC, pin ? pin->bytes : NULL,
				      pin ? pin->n : 0);
		*ret_by_login = rv != CKR_OK;
	}
	if (rv == CKR_OK)
		rv = s->call->C_Sign(s->handle, input, n_input, raw, &n);
	if (rv == CKR_OK && n > TOKEN_SIGNATURE_MAX)
		rv = CKR_GENERAL_ERROR;
	if (rv == CKR_OK)
		*ret_n = n;
	return rv;
}

static enum token_error sign_raw(struct cards *c, struct held *h, const uint8_t digest[32],
				 struct secret *pin, const struct card *card,
				 uint8_t raw[static TOKEN_SIGNATURE_MAX], CK_ULONG *ret_n,
				 uint32_t *ret_tries) {
	cleanup_(pkcs11_session_done) struct pkcs11_session s = { 0 };
	struct secret *given = card_has_pad(card) ? NULL : pin;
	bool by_login = false;
	CK_RV rv;

	rv = pkcs11_session_open(&c->module, card->slot, &s);
	if (rv != CKR_OK)
		return pkcs11_error(rv);
	if (card_asks_pin(card)) {
		rv = pkcs11_login(&s, given);
		if (rv != CKR_OK)
			return refused(c, h, rv, ret_tries);
	}
	rv = sign_in_session(&s, h, digest, given, &by_login, raw, ret_n);
	if (by_login)
		return refused(c, h, rv, ret_tries);
	if (rv == CKR_KEY_HANDLE_INVALID)
		return TOKEN_NO_CREDENTIAL;
	return pkcs11_error(rv);
}

/* All of sign(), with a PIN that is wiped by whoever called. */
static enum token_error sign_with(struct cards *c, uint32_t index, const uint8_t digest[32],
				  struct secret *pin,
				  uint8_t ret_signature[static TOKEN_SIGNATURE_MAX], size_t *ret_n,
				  uint32_t *ret_tries) {
	uint8_t raw[TOKEN_SIGNATURE_MAX] = { 0 };
	struct held *h = &c->held[index];
	enum token_error error;
	struct card card;
	CK_ULONG n = 0;

	error = find_card(c, h, &card);
	if (error != TOKEN_OK)
		return error;
	if (c->found.candidates[index].needs_pin || card_asks_pin(&card)) {
		error = check_pin(&card, pin, c->found.candidates[index].pin_final, ret_tries);
		if (error != TOKEN_OK)
			return error;
	}
	error = sign_raw(c, h, digest, pin, &card, raw, &n, ret_tries);
	if (error != TOKEN_OK)
		return error;
	if (!pkcs11_is_ours(&c->module))
		return TOKEN_MODULE;
	if (card_key_signature(&h->key, digest, raw, n, ret_signature, ret_n) < 0)
		return TOKEN_BROKEN;
	return TOKEN_OK;
}

static enum token_error cards_sign(void *kind, struct token_sign *sign,
				   const struct token_talk *talk, struct token_answer *ret_answer,
				   uint32_t *ret_tries) {
	cleanup_(secret_wipe) struct secret pin = sign->pin;
	struct cards *c = kind;
	const struct token_candidate *candidate;
	uint8_t signature[TOKEN_SIGNATURE_MAX];
	size_t n_signature = 0;
	enum token_error error;

	(void)talk;
	secret_wipe(&sign->pin);
	*ret_tries = TRIES_UNKNOWN;
	if (!pkcs11_is_ours(&c->module))
		return TOKEN_MODULE;
	if (sign->candidate >= c->found.n)
		return TOKEN_NO_CREDENTIAL;
	candidate = &c->found.candidates[sign->candidate];
	error = sign_with(c, sign->candidate, sign->digest, &pin, signature, &n_signature,
			  ret_tries);
	if (error != TOKEN_OK)
		return error;
	memset(ret_answer, 0, sizeof(*ret_answer));
	ret_answer->factor = CW_FACTOR_SMARTCARD;
	memcpy(ret_answer->reader, candidate->reader, sizeof(ret_answer->reader));
	memcpy(ret_answer->certificate, candidate->certificate, candidate->n_certificate);
	ret_answer->n_certificate = candidate->n_certificate;
	memcpy(ret_answer->signature, signature, n_signature);
	ret_answer->n_signature = n_signature;
	return TOKEN_OK;
}

const struct token_kind token_kind_pkcs11 = {
	.name = "pkcs11",
	.factor = CW_FACTOR_SMARTCARD,
	.open = cards_open,
	.look = cards_look,
	.sign = cards_sign,
	.make = NULL,
	.close = cards_close,
};
