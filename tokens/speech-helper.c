/* SPDX-License-Identifier: Apache-2.0 */

/* The helper's side: what it is asked, and how it says what came of it. */

#include <errno.h>
#include <string.h>

#include "tokens/speech.h"
#include "wire/frame.h"

static void begin(struct frame_writer *w, uint8_t *buffer, const char *name) {
	frame_begin(w, buffer, LIMIT_FRAME, FRAME_EVENT, 0, name);
}

static size_t finish(struct frame_writer *w) {
	return frame_end(w) == 0 ? w->n : 0;
}

/* Names come from hardware: what is not UTF-8 becomes a question mark. */
static void put_name(struct frame_writer *w, const char *key, const char *name, size_t room) {
	char text[LIMIT_NAME];
	size_t n = strnlen(name, room < sizeof(text) ? room : sizeof(text) - 1);

	if (n > sizeof(text) - 1)
		n = sizeof(text) - 1;
	memcpy(text, name, n);
	/* A letter may have been cut in two at the end. */
	for (size_t cut = 0; cut < 3 && n > 0; ++cut)
		if (!frame_text_is_valid((const uint8_t *)text, n) &&
		    frame_text_is_valid((const uint8_t *)text, n - 1))
			--n;
	if (!frame_text_is_valid((const uint8_t *)text, n))
		for (size_t i = 0; i < n; ++i)
			if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e)
				text[i] = '?';
	frame_text_n(w, key, text, n);
}

size_t speech_candidate(uint8_t buffer[static LIMIT_FRAME], const struct token_candidate *c) {
	struct frame_writer w;

	begin(&w, buffer, "candidate");
	frame_uint(&w, "index", c->index);
	put_name(&w, "reader", c->reader, sizeof(c->reader));
	put_name(&w, "label", c->label, sizeof(c->label));
	frame_bool(&w, "needs_pin", c->needs_pin);
	frame_bool(&w, "has_pad", c->has_pad);
	frame_bool(&w, "pin_low", c->pin_low);
	frame_bool(&w, "pin_final", c->pin_final);
	frame_bool(&w, "pin_locked", c->pin_locked);
	frame_uint(&w, "tries", c->tries_left);
	frame_bytes(&w, "certificate", c->certificate, c->n_certificate);
	return finish(&w);
}

size_t speech_found(uint8_t buffer[static LIMIT_FRAME], uint32_t n) {
	struct frame_writer w;

	begin(&w, buffer, "found");
	frame_uint(&w, "n", n);
	return finish(&w);
}

size_t speech_touch(uint8_t buffer[static LIMIT_FRAME]) {
	struct frame_writer w;

	begin(&w, buffer, "touch");
	return finish(&w);
}

size_t speech_answer(uint8_t buffer[static LIMIT_FRAME], const struct token_answer *a) {
	struct frame_writer w;

	begin(&w, buffer, "answer");
	frame_uint(&w, "factor", a->factor);
	put_name(&w, "reader", a->reader, sizeof(a->reader));
	frame_bytes(&w, "certificate", a->certificate, a->n_certificate);
	frame_bytes(&w, "credential", a->credential, a->n_credential);
	frame_bytes(&w, "authdata", a->authdata, a->n_authdata);
	frame_bytes(&w, "signature", a->signature, a->n_signature);
	put_name(&w, "format", a->format, sizeof(a->format));
	frame_bytes(&w, "statement", a->statement, a->n_statement);
	return finish(&w);
}

size_t speech_failed(uint8_t buffer[static LIMIT_FRAME], enum token_error error,
		     uint32_t tries_left) {
	struct frame_writer w;

	begin(&w, buffer, "failed");
	frame_uint(&w, "error", error);
	frame_uint(&w, "tries", tries_left);
	return finish(&w);
}

size_t speech_sight(uint8_t buffer[static LIMIT_FRAME], const struct token_sight *s) {
	struct frame_writer w;

	begin(&w, buffer, "sight");
	frame_uint(&w, "kind", s->kind);
	frame_uint(&w, "reader", s->reader);
	put_name(&w, "name", s->name, sizeof(s->name));
	frame_bytes(&w, "id", s->id, s->n_id);
	return finish(&w);
}

/* ---- what it is asked --------------------------------------------------------------- */

static int take_credentials(struct frame_span map, const char *key,
			    struct token_credentials *ret) {
	struct frame_span array, item;
	size_t cursor = 0;

	if (frame_get_array(map, key, &array) < 0)
		return -EBADMSG;
	while (frame_next_item(array, &cursor, &item) == 1) {
		const uint8_t *p = NULL;
		size_t n = 0;

		if (ret->n >= TOKEN_CREDENTIALS_MAX || frame_item_bytes(item, &p, &n) < 0 ||
		    n > TOKEN_CREDENTIAL_MAX)
			return -EBADMSG;
		memcpy(ret->list[ret->n].id, p, n);
		ret->list[ret->n++].n = n;
	}
	return 0;
}

static int take_candidate(struct frame_span map, uint32_t *ret) {
	uint64_t value = 0;

	if (frame_get_uint(map, "candidate", &value) < 0 || value > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)value;
	return 0;
}

static int heard_look(struct frame_span body, struct speech_request *r) {
	uint64_t factor = 0, seats = 0;

	if (frame_get_uint(body, "factor", &factor) < 0 || factor >= CW_N_FACTORS ||
	    frame_get_uint(body, "seats", &seats) < 0 || seats > UINT32_MAX)
		return -EBADMSG;
	r->look.seats = (uint32_t)seats;
	r->verb = SPEECH_LOOK;
	r->look.factor = (enum cw_factor)factor;
	return take_credentials(body, "credentials", &r->look.credentials);
}

static int heard_sign(struct frame_span body, struct speech_request *r) {
	r->verb = SPEECH_SIGN;
	if (take_candidate(body, &r->sign.candidate) < 0 ||
	    frame_get_fixed(body, "digest", r->sign.digest, sizeof(r->sign.digest)) < 0 ||
	    frame_get_bool(body, "verify", &r->sign.verify_user) < 0)
		return -EBADMSG;
	return frame_get_secret(body, "pin", &r->sign.pin);
}

static int heard_make(struct frame_span body, struct speech_request *r) {
	r->verb = SPEECH_MAKE;
	if (take_candidate(body, &r->make.candidate) < 0 ||
	    frame_get_fixed(body, "digest", r->make.digest, sizeof(r->make.digest)) < 0 ||
	    frame_get_fixed(body, "user", r->make.user, sizeof(r->make.user)) < 0 ||
	    frame_get_text(body, "name", r->make.name, sizeof(r->make.name)) < 0 ||
	    frame_get_bool(body, "verify", &r->make.verify_user) < 0 ||
	    take_credentials(body, "exclude", &r->make.exclude) < 0)
		return -EBADMSG;
	return frame_get_secret(body, "pin", &r->make.pin);
}

static int heard_watch(struct frame_span body, struct speech_request *r) {
	r->verb = SPEECH_WATCH;
	return 0;
}

int speech_heard(const uint8_t *packet, size_t n, struct speech_request *ret_request) {
	static const struct {
		const char *name;
		int (*heard)(struct frame_span body, struct speech_request *r);
	} verbs[] = {
		{"look", heard_look},
		{"sign", heard_sign},
		{"make", heard_make},
		{"watch", heard_watch},
	};
	struct frame frame;

	memset(ret_request, 0, sizeof(*ret_request));
	if (n > LIMIT_FRAME || frame_parse(packet, n, &frame) < 0 || frame.kind != FRAME_REQUEST)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); ++i)
		if (strcmp(frame.name, verbs[i].name) == 0) {
			if (verbs[i].heard(frame.body, ret_request) == 0)
				return 0;
			break;
		}
	speech_request_wipe(ret_request);
	ret_request->verb = SPEECH_VERB_NONE;
	return -EBADMSG;
}
