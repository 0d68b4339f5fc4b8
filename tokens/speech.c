/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's side: questions out, and what comes back held to its form. */

#include "tokens/speech.h"

#include <errno.h>
#include <string.h>

#include "wire/frame.h"

enum step {
	STEP_NEW = 0, /* nothing was asked: nothing may come                        */
	STEP_LOOKING,
	STEP_FOUND,   /* nothing may come before sign or make                       */
	STEP_WORKING,
	STEP_WATCHING,
	STEP_OVER,    /* nothing may come any more                                  */
};

static size_t finish(struct frame_writer *w) {
	return frame_end(w) == 0 ? w->n : 0;
}

static void begin(struct frame_writer *w, uint8_t *buffer, const char *name) {
	frame_begin(w, buffer, LIMIT_FRAME, FRAME_REQUEST, 1, name);
}

static void put_credentials(struct frame_writer *w, const char *key,
			    const struct token_credentials *credentials) {
	frame_open_array(w, key);
	for (uint32_t i = 0; i < credentials->n && i < TOKEN_CREDENTIALS_MAX; ++i)
		frame_bytes(w, NULL, credentials->list[i].id, credentials->list[i].n);
	frame_close(w);
}

size_t speech_look(uint8_t buffer[static LIMIT_FRAME], const struct token_look *look) {
	struct frame_writer w;

	begin(&w, buffer, "look");
	frame_uint(&w, "factor", look->factor);
	frame_uint(&w, "seats", look->seats);
	put_credentials(&w, "credentials", &look->credentials);
	return finish(&w);
}

size_t speech_sign(uint8_t buffer[static LIMIT_FRAME], const struct token_sign *sign) {
	struct frame_writer w;

	begin(&w, buffer, "sign");
	frame_uint(&w, "candidate", sign->candidate);
	frame_bytes(&w, "digest", sign->digest, sizeof(sign->digest));
	frame_bool(&w, "verify", sign->verify_user);
	frame_bytes(&w, "pin", sign->pin.bytes, sign->pin.n);
	return finish(&w);
}

size_t speech_make(uint8_t buffer[static LIMIT_FRAME], const struct token_make *make) {
	struct frame_writer w;

	begin(&w, buffer, "make");
	frame_uint(&w, "candidate", make->candidate);
	frame_bytes(&w, "digest", make->digest, sizeof(make->digest));
	frame_bytes(&w, "user", make->user, sizeof(make->user));
	frame_text(&w, "name", make->name);
	frame_bool(&w, "verify", make->verify_user);
	put_credentials(&w, "exclude", &make->exclude);
	frame_bytes(&w, "pin", make->pin.bytes, make->pin.n);
	return finish(&w);
}

size_t speech_watch(uint8_t buffer[static LIMIT_FRAME]) {
	struct frame_writer w;

	begin(&w, buffer, "watch");
	return finish(&w);
}

void speech_sent(struct speech *speech, const char *request) {
	static const struct {
		const char *request;
		enum step from;
		enum step to;
	} moves[] = {
		{"look", STEP_NEW, STEP_LOOKING},
		{"sign", STEP_FOUND, STEP_WORKING},
		{"make", STEP_FOUND, STEP_WORKING},
		{"watch", STEP_NEW, STEP_WATCHING},
	};

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); ++i)
		if (strcmp(request, moves[i].request) == 0 && speech->step == moves[i].from) {
			speech->step = moves[i].to;
			return;
		}
	speech->step = STEP_OVER;
}

/* ---- what came ---------------------------------------------------------------------- */

/* Bytes of at most @room, by copy. A key that is missing is an error of form, too. */
static int take_bytes(struct frame_span map, const char *key, uint8_t *ret, size_t room,
		      size_t *ret_n) {
	const uint8_t *p = NULL;
	size_t n = 0;

	if (frame_get_bytes(map, key, &p, &n) < 0 || n > room)
		return -EBADMSG;
	if (n > 0)
		memcpy(ret, p, n);
	*ret_n = n;
	return 0;
}

static int take_u32(struct frame_span map, const char *key, uint32_t most, uint32_t *ret) {
	uint64_t value = 0;

	if (frame_get_uint(map, key, &value) < 0 || value > most)
		return -EBADMSG;
	*ret = (uint32_t)value;
	return 0;
}

static int take_candidate(struct speech *speech, const struct frame *frame) {
	struct token_candidate *c = NULL;

	if (speech->found.n >= TOKEN_CANDIDATES_MAX)
		return -EBADMSG;
	c = &speech->found.candidates[speech->found.n];
	if (take_u32(frame->body, "index", UINT32_MAX, &c->index) < 0 ||
	    frame_get_text(frame->body, "reader", c->reader, sizeof(c->reader)) < 0 ||
	    frame_get_text(frame->body, "label", c->label, sizeof(c->label)) < 0 ||
	    frame_get_bool(frame->body, "needs_pin", &c->needs_pin) < 0 ||
	    frame_get_bool(frame->body, "has_pad", &c->has_pad) < 0 ||
	    frame_get_bool(frame->body, "pin_low", &c->pin_low) < 0 ||
	    frame_get_bool(frame->body, "pin_final", &c->pin_final) < 0 ||
	    frame_get_bool(frame->body, "pin_locked", &c->pin_locked) < 0 ||
	    take_u32(frame->body, "tries", TRIES_UNKNOWN, &c->tries_left) < 0 ||
	    take_bytes(frame->body, "certificate", c->certificate, sizeof(c->certificate),
		       &c->n_certificate) < 0)
		return -EBADMSG;
	for (uint32_t i = 0; i < speech->found.n; ++i)
		if (speech->found.candidates[i].index == c->index)
			return -EBADMSG;
	++speech->found.n;
	return 0;
}

static int take_found(struct speech *speech, const struct frame *frame) {
	uint32_t n = 0;

	if (take_u32(frame->body, "n", TOKEN_CANDIDATES_MAX, &n) < 0 || n == 0 ||
	    n != speech->found.n)
		return -EBADMSG;
	speech->step = STEP_FOUND;
	return 0;
}

static int take_touch(struct speech *speech, const struct frame *frame) {
	return 0;
}

static int take_answer(struct speech *speech, const struct frame *frame) {
	struct token_answer *a = &speech->answer;
	uint32_t factor = 0;

	if (take_u32(frame->body, "factor", CW_N_FACTORS - 1, &factor) < 0 ||
	    frame_get_text(frame->body, "reader", a->reader, sizeof(a->reader)) < 0 ||
	    take_bytes(frame->body, "certificate", a->certificate, sizeof(a->certificate),
		       &a->n_certificate) < 0 ||
	    take_bytes(frame->body, "credential", a->credential, sizeof(a->credential),
		       &a->n_credential) < 0 ||
	    take_bytes(frame->body, "authdata", a->authdata, sizeof(a->authdata),
		       &a->n_authdata) < 0 ||
	    take_bytes(frame->body, "signature", a->signature, sizeof(a->signature),
		       &a->n_signature) < 0 ||
	    frame_get_text(frame->body, "format", a->format, sizeof(a->format)) < 0 ||
	    take_bytes(frame->body, "statement", a->statement, sizeof(a->statement),
		       &a->n_statement) < 0)
		return -EBADMSG;
	a->factor = (enum cw_factor)factor;
	speech->step = STEP_OVER;
	return 0;
}

static int take_failed(struct speech *speech, const struct frame *frame) {
	uint32_t error = 0;

	/* Those from TOKEN_ENDED on are for the engine alone to say. */
	if (take_u32(frame->body, "error", TOKEN_MODULE, &error) < 0 || error == TOKEN_OK ||
	    take_u32(frame->body, "tries", TRIES_UNKNOWN, &speech->tries_left) < 0)
		return -EBADMSG;
	speech->error = (enum token_error)error;
	speech->step = STEP_OVER;
	return 0;
}

static int take_sight(struct speech *speech, const struct frame *frame) {
	struct token_sight *s = &speech->sight;
	uint32_t kind = 0;

	memset(s, 0, sizeof(*s));
	if (take_u32(frame->body, "kind", TOKEN_N_SIGHTS - 1, &kind) < 0 ||
	    kind == TOKEN_SIGHT_NONE ||
	    take_u32(frame->body, "reader", TOKEN_READERS_MAX - 1, &s->reader) < 0 ||
	    frame_get_text(frame->body, "name", s->name, sizeof(s->name)) < 0 ||
	    take_bytes(frame->body, "id", s->id, sizeof(s->id), &s->n_id) < 0 ||
	    (s->n_id > 0) != (kind == TOKEN_SIGHT_BADGE))
		return -EBADMSG;
	s->kind = (enum token_sight_kind)kind;
	return 0;
}

/* What may come when, and with which keys. */
static const struct {
	const char *name;
	uint32_t steps; /* bits                                                     */
	enum speech_kind kind;
	int (*take)(struct speech *speech, const struct frame *frame);
	const char *keys[12];
} answers[] = {
	{"candidate", 1u << STEP_LOOKING, SPEECH_NONE, take_candidate,
	 {"index", "reader", "label", "needs_pin", "has_pad", "pin_low", "pin_final", "pin_locked",
	  "tries", "certificate", NULL}},
	{"found", 1u << STEP_LOOKING, SPEECH_FOUND, take_found, {"n", NULL}},
	{"touch", 1u << STEP_WORKING, SPEECH_TOUCH, take_touch, {NULL}},
	{"answer", 1u << STEP_WORKING, SPEECH_ANSWER, take_answer,
	 {"factor", "reader", "certificate", "credential", "authdata", "signature", "format",
	  "statement", NULL}},
	{"failed", 1u << STEP_LOOKING | 1u << STEP_WORKING, SPEECH_FAILED, take_failed,
	 {"error", "tries", NULL}},
	{"sight", 1u << STEP_WATCHING, SPEECH_SIGHT, take_sight,
	 {"kind", "reader", "name", "id", NULL}},
};

static int take_frame(struct speech *speech, const struct frame *frame,
		      enum speech_kind *ret_kind) {
	char stranger[FRAME_NAME_MAX];

	if (frame->kind != FRAME_EVENT || frame->serial != 0)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); ++i) {
		if (strcmp(frame->name, answers[i].name) != 0)
			continue;
		if (!(answers[i].steps & 1u << speech->step) ||
		    !frame_only_keys(frame->body, answers[i].keys, stranger) ||
		    answers[i].take(speech, frame) < 0)
			return -EBADMSG;
		*ret_kind = answers[i].kind;
		return 0;
	}
	return -EBADMSG;
}

int speech_take(struct speech *speech, const uint8_t *packet, size_t n,
		enum speech_kind *ret_kind) {
	struct frame frame;

	if (n > LIMIT_FRAME || frame_parse(packet, n, &frame) < 0 ||
	    take_frame(speech, &frame, ret_kind) < 0) {
		speech->step = STEP_OVER;
		return -EBADMSG;
	}
	return 0;
}
