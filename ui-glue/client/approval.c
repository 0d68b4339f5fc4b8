/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals: asked for, waiting at another seat, and used. */

#include "ui-glue/client/client.h"

#include <errno.h>
#include <string.h>

int cw_authorize(struct cw *cw, uint32_t action, const uint8_t digest[32], const char *object,
		 const char *words, uint64_t *ret_attempt) {
	struct frame_writer w;

	if (action >= cw->n_actions || cw->actions[action].kind != CW_KIND_SENSITIVE || !digest ||
	    !words || !text_is_fit(words, LIMIT_WORDS) || !text_is_fit(object, LIMIT_OBJECT))
		return -EINVAL;
	frame_start(cw, &w, "authorize");
	frame_text(&w, "action", cw->actions[action].name);
	frame_bytes(&w, "digest", digest, 32);
	if (object)
		frame_text(&w, "object", object);
	frame_text(&w, "words", words);
	return attempt_begin(cw, &w, ret_attempt);
}

int cw_receipt(struct cw *cw, uint64_t attempt, uint8_t *ret_receipt, size_t *ret_size) {
	struct attempt *a = attempt_by_number(cw, attempt);

	if (!a || a->state != ATTEMPT_RECEIPT)
		return -ENOENT;
	if (*ret_size < a->n_receipt)
		return -ENOSPC;
	memcpy(ret_receipt, a->receipt, a->n_receipt);
	*ret_size = a->n_receipt;
	return 0;
}

int cw_redeem(struct cw *cw, const uint8_t *receipt, size_t n_receipt, uint32_t action,
	      const uint8_t digest[32], uint64_t *ret_serial) {
	struct frame_writer w;

	if (action >= cw->n_actions || !receipt || n_receipt == 0 ||
	    n_receipt > CLIENT_RECEIPT_MAX || !digest)
		return -EINVAL;
	frame_start(cw, &w, "redeem");
	frame_text(&w, "action", cw->actions[action].name);
	frame_bytes(&w, "digest", digest, 32);
	frame_bytes(&w, "receipt", receipt, n_receipt);
	return request_send(cw, &w, PENDING_REDEEM, 0, ret_serial);
}

/*
 * Two seats
 */

int cw_approvals(struct cw *cw,
		 void (*each)(const struct cw_open_approval *approval, void *userdata),
		 void *userdata) {
	struct frame_writer w;
	int r;

	if (!each)
		return -EINVAL;
	if (cw->each_open)
		return -EBUSY;
	frame_start(cw, &w, "approval.list");
	r = request_send(cw, &w, PENDING_APPROVALS, 0, NULL);
	if (r < 0)
		return r;
	cw->each_open = each;
	cw->each_open_userdata = userdata;
	return 0;
}

static uint32_t handle_of(const struct cw *cw, const char *name) {
	for (uint32_t i = 0; i < cw->n_actions; ++i)
		if (strcmp(cw->actions[i].name, name) == 0)
			return i;
	return UINT32_MAX;
}

/* Words that do not fit are no words to be confirmed: all is there, or nothing is shown. */
static bool open_read(const struct cw *cw, struct frame_span map, struct cw_open_approval *open) {
	uint64_t account = 0;
	int r;

	memset(open, 0, sizeof(*open));
	r = frame_get_text(map, "object", open->object, sizeof(open->object));
	if ((r < 0 && r != -ENOENT) || frame_get_uint(map, "approval", &open->approval) < 0 ||
	    frame_get_uint(map, "account", &account) < 0 || account > UINT32_MAX ||
	    frame_get_text(map, "seat", open->seat, sizeof(open->seat)) < 0 ||
	    frame_get_text(map, "who", open->name, sizeof(open->name)) < 0 ||
	    frame_get_text(map, "action", open->action_name, sizeof(open->action_name)) < 0 ||
	    frame_get_text(map, "words", open->words, sizeof(open->words)) < 0 ||
	    frame_get_fixed(map, "digest", open->digest, sizeof(open->digest)) < 0 ||
	    frame_get_int(map, "since_ms", &open->since_ms) < 0 ||
	    frame_get_uint(map, "left_ms", &open->left_ms) < 0)
		return false;
	open->account = (uint32_t)account;
	open->action = handle_of(cw, open->action_name);
	return true;
}

int approvals_take(struct cw *cw, const struct frame *frame) {
	void (*each)(const struct cw_open_approval *approval, void *userdata) = cw->each_open;
	struct frame_span approvals, item;
	size_t cursor = 0;
	int r = 0;

	cw->each_open = NULL;
	if (!each)
		return 0;
	if (frame && frame_get_array(frame->body, "approvals", &approvals) < 0)
		r = -EBADMSG;
	while (frame && r == 0 && frame_next_item(approvals, &cursor, &item)) {
		if (open_read(cw, item, &cw->open))
			each(&cw->open, cw->each_open_userdata);
		else
			r = -EBADMSG;
	}
	each(NULL, cw->each_open_userdata);
	return r;
}

int cw_countersign(struct cw *cw, uint64_t approval, enum cw_factor factor, uint64_t *ret_attempt) {
	struct frame_writer w;

	if (factor > CW_FACTOR_FIDO2 || factor == CW_FACTOR_CODE)
		return -EINVAL;
	frame_start(cw, &w, "approval.sign");
	frame_uint(&w, "approval", approval);
	if (factor != CW_FACTOR_NONE)
		frame_uint(&w, "factor", (uint64_t)factor);
	return attempt_begin(cw, &w, ret_attempt);
}

int cw_refuse(struct cw *cw, uint64_t approval, const char *reason) {
	struct frame_writer w;

	if (!text_is_fit(reason, LIMIT_TEXT))
		return -EINVAL;
	frame_start(cw, &w, "approval.refuse");
	frame_uint(&w, "approval", approval);
	if (reason)
		frame_text(&w, "reason", reason);
	return request_send(cw, &w, PENDING_OTHER, 0, NULL);
}
