/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "auth/approval.h"
#include "auth/token.h"
#include "broker/requests.h"

/* What verifies receipts elsewhere: the device's public keys, and those of people's tokens. */

#define KEYS_PAGE 100u /* accounts of one page                                      */

struct keys_page {
	struct request *r;
	struct frame_writer *w;
	uint32_t last; /* account whose tokens are all in the page                  */
	uint32_t n;
	bool full;
};

/* Public keys alone; who has none signs nothing. */
static int put_token(const struct token *token, void *userdata) {
	struct keys_page *p = userdata;

	if (token->disabled || token->key.n_public_key == 0 ||
	    (token->factor != CW_FACTOR_SMARTCARD && token->factor != CW_FACTOR_FIDO2))
		return 0;
	frame_open_map(p->w, NULL);
	frame_uint(p->w, "account", token->account);
	frame_uint(p->w, "factor", (uint64_t)token->factor);
	frame_bytes(p->w, "key", token->key.public_key, token->key.n_public_key);
	frame_close(p->w);
	return 0;
}

/* All of an account's, or none of them in this page. */
static int put_account(const struct account *account, void *userdata) {
	struct keys_page *p = userdata;
	struct frame_writer before = *p->w;
	int e = 0;

	if (account->state != ACCOUNT_NONE)
		e = token_list(p->r->engine->store, account->number, put_token, p);
	if (e < 0)
		return e;
	if (p->w->failed || p->w->n > LIMIT_FRAME - 64) {
		*p->w = before;
		p->full = true;
		return 1;
	}
	p->last = account->number;
	++p->n;
	return 0;
}

static int record_export(struct request *r) {
	const struct session *s = &r->seat->seat.session;
	struct journal_entry entry = {
		.at = r->now,
		.seat = (uint8_t)(r->seat->seat.index + 1),
		.event = EVENT_EXPORTED,
		.outcome = OUTCOME_OK,
		.assurance = (uint8_t)s->assurance,
		.factor = (uint8_t)s->factor,
		.account = s->account,
		.session = s->number,
		.peer_uid = r->peer->uid,
		.detail = "keys",
	};

	return engine_record(r->engine, &entry);
}

static int put_device(struct request *r, struct frame_writer *w) {
	uint8_t device[16], approval[32], anchor[32];
	int e = approval_public_key(r->engine->store, approval);

	if (e < 0)
		return e;
	store_device_id(r->engine->store, device);
	frame_bytes(w, "device", device, sizeof(device));
	frame_bytes(w, "approval", approval, sizeof(approval));
	if (journal_anchor(r->engine->store, anchor) == 0)
		frame_bytes(w, "anchor", anchor, sizeof(anchor));
	return 0;
}

int handle_keys(struct request *r) {
	struct frame_writer w;
	struct keys_page p = { .r = r, .w = &w };
	uint64_t after = 0;
	int e = frame_get_uint(r->body, "after", &after);

	if ((e < 0 && e != -ENOENT) || after > UINT32_MAX)
		return -EPROTO;
	/* An export is recorded; the pages that follow belong to it. */
	if (after == 0 && record_export(r) < 0)
		return reply_message(r, RESULT_NOT_RECORDED, "storage-failed");
	reply_begin(r, &w, RESULT_OK);
	e = put_device(r, &w);
	if (e < 0)
		return reply_errno(r, e);
	frame_open_array(&w, "tokens");
	e = account_list(r->engine->store, (uint32_t)after, KEYS_PAGE, put_account, &p);
	if (e < 0)
		return reply_errno(r, e);
	frame_close(&w);
	frame_uint(&w, "next", p.full || p.n == KEYS_PAGE ? p.last : 0);
	reply_send(r, &w);
	return 0;
}
