/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/administer.h"
#include "auth/token-file.h"
#include "broker/requests.h"
#include "common/cleanup.h"
#include "common/fd.h"

/*
 * Tokens of this device in a file, and those of another device. The file goes
 * through memory of the client; its key is made by the worker, and what permitted
 * it has to hold still when that is done.
 */

struct move_op {
	struct later later;
	struct actor actor;
	uint64_t generation;    /* of the policy by which it was permitted           */
	int fd;                 /* export: where the file goes; -1                   */
	bool has_device_key;    /* import: whose file it has to be                   */
	uint8_t device_key[32];
	uint8_t salt[TOKEN_FILE_SALT];
	struct password_job job;
	uint8_t *file;          /* TOKEN_FILE_MAX                                    */
	size_t n_file;
};

static void op_free(struct move_op *op) {
	if (!op)
		return;
	if (op->fd >= 0)
		(void)close(op->fd);
	if (op->file)
		explicit_bzero(op->file, TOKEN_FILE_MAX);
	free(op->file);
	explicit_bzero(op, sizeof(*op));
	free(op);
}
DEFINE_CLEANUP(struct move_op *, op_free)

static void op_abandon(void *data) {
	op_free(data);
}

static void op_run(void *data, struct arena *arena) {
	struct move_op *op = data;

	password_job_run(arena, &op->job);
}

/* Memory, of somebody who asks: nothing that reading or writing could wait for. */
static bool is_memory(int fd) {
	struct stat st;

	return fd >= 0 && fcntl(fd, F_GET_SEALS) >= 0 && fstat(fd, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

static int op_new(struct request *r, struct move_op **ret_op) {
	cleanup_(op_freep) struct move_op *op = calloc(1, sizeof(*op));

	if (!op)
		return -ENOMEM;
	op->fd = -1;
	op->file = calloc(1, TOKEN_FILE_MAX);
	if (!op->file)
		return -ENOMEM;
	op->later = later_from(r);
	op->actor = request_actor(r);
	op->generation = r->engine->generation;
	*ret_op = op;
	op = NULL; /* the caller's */
	return 0;
}

/* With the passphrase of the body. Return: 0 (it is on its way, or answered); -EPROTO. */
static int op_start(struct request *r, struct move_op **op, void (*done)(void *data)) {
	const struct worker_task task = { op_run, done, *op, op_abandon };
	cleanup_(secret_wipe) struct secret passphrase = { 0 };

	if (frame_get_secret(r->body, "passphrase", &passphrase) < 0)
		return -EPROTO;
	if (token_file_job(&passphrase, (*op)->salt, &(*op)->job) < 0)
		return reply_message(r, RESULT_INVALID, "passphrase-too-short");
	if (worker_submit(r->engine->hasher, &task) < 0)
		return reply_busy(r);
	*op = NULL; /* the worker's, then done()'s */
	return 0;
}

static int op_is_permitted(const struct move_op *op, struct request *r) {
	enum cw_reason reason = CW_REASON_NONE;

	if (!r->engine->store || !r->engine->policy)
		return -EIO;
	if (op->job.error != 0 || op->job.is_made != PASSWORD_YES)
		return -ENOMEM;
	return op->generation == r->engine->generation &&
			       r->seat->seat.session.number == op->actor.session &&
			       request_decide(r, POLICY_ENROL, &reason) == CW_ALLOW
		       ? 0
		       : -ESTALE;
}

/*
 * Export
 */

static int record_export(const struct move_op *op, struct request *r,
			 const struct token_file *head) {
	char detail[LIMIT_TEXT];
	struct journal_entry entry = {
		.at = r->now,
		.event = EVENT_EXPORTED,
		.outcome = OUTCOME_OK,
		.seat = op->actor.seat,
		.assurance = op->actor.assurance,
		.factor = op->actor.factor,
		.account = op->actor.account,
		.peer_uid = op->actor.peer_uid,
		.session = op->actor.session,
		.has_digest = true,
	};

	(void)snprintf(detail, sizeof(detail), "what=tokens n=%u generation=%llu", head->n,
		       (unsigned long long)head->generation);
	entry.detail = detail;
	memcpy(entry.digest, head->key, sizeof(entry.digest));
	return engine_record(r->engine, &entry);
}

static int hand_out(const struct move_op *op) {
	for (size_t done = 0; done < op->n_file;) {
		ssize_t n = pwrite(op->fd, op->file + done, op->n_file - done, (off_t)done);

		if (n <= 0)
			return -EINVAL;
		done += (size_t)n;
	}
	return 0;
}

static int make_export(struct move_op *op, struct request *r) {
	struct token_file head = { 0 };
	struct frame_writer w;
	uint8_t nonce[12];
	int e = op_is_permitted(op, r);

	if (e == 0 && getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		e = -EIO;
	if (e == 0)
		e = token_file_write(r->engine->store, &r->now, op->job.made.hash, op->salt, nonce,
				     op->file, &op->n_file, &head);
	if (e == 0)
		e = record_export(op, r, &head); /* durable before it is out */
	if (e == 0)
		e = hand_out(op);
	if (e == -E2BIG)
		return reply_message(r, RESULT_INVALID, "too-many-tokens-for-a-file");
	if (e < 0)
		return reply_errno(r, e);
	reply_begin(r, &w, RESULT_OK);
	frame_uint(&w, "size", op->n_file);
	frame_uint(&w, "tokens", head.n);
	frame_bytes(&w, "device_key", head.key, sizeof(head.key));
	reply_send(r, &w);
	return 0;
}

static void export_done(void *data) {
	cleanup_(op_freep) struct move_op *op = data;
	struct request r;

	if (later_resume(&op->later, &r))
		(void)make_export(op, &r);
}

int handle_token_export(struct request *r) {
	cleanup_(op_freep) struct move_op *op = NULL;
	int e = 0;

	if (!is_memory(r->fd))
		return -EPROTO;
	e = op_new(r, &op);
	if (e < 0)
		return e;
	op->fd = fd_lift(fcntl(r->fd, F_DUPFD_CLOEXEC, 3));
	if (op->fd < 0 || getrandom(op->salt, sizeof(op->salt), 0) != sizeof(op->salt))
		return -ENOMEM;
	return op_start(r, &op, export_done);
}

/*
 * Import
 */

static bool may_touch(const struct account *account, void *userdata) {
	const struct request *r = userdata;
	const struct session *s = &r->seat->seat.session;

	return administer_may_change(r->engine->policy, s->account, s->roles, account) == 0;
}

/* Whose it is has to be confirmed: nothing is changed before. */
static int ask_for_key(struct request *r, const struct token_file *head) {
	struct frame_writer w;

	reply_begin(r, &w, RESULT_INVALID);
	frame_text(&w, "message", "confirm-device-key");
	frame_bytes(&w, "device_key", head->key, sizeof(head->key));
	frame_uint(&w, "tokens", head->n);
	frame_int(&w, "wall_ms", head->wall_ms);
	reply_send(r, &w);
	return 0;
}

static int apply_import(struct move_op *op, struct request *r, const struct token_file *head) {
	struct token_import import = { 0 };
	struct admin_rule admins;
	struct frame_writer w;
	int e = 0;

	administer_admins(r->engine->policy, &admins);
	e = token_file_import(r->engine->store, &op->actor, &r->now, &admins, head, op->file,
			      may_touch, r, &import);
	if (e == -ESTALE)
		return reply_message(r, RESULT_STALE, "older-export");
	if (e == -EDQUOT)
		return reply_message(r, RESULT_INVALID, "too-many-tokens");
	if (e < 0)
		return reply_errno(r, e);
	reply_begin(r, &w, RESULT_OK);
	frame_uint(&w, "imported", import.n_imported);
	frame_uint(&w, "revoked", import.n_revoked);
	frame_uint(&w, "known", import.n_known);
	frame_uint(&w, "skipped", import.n_skipped);
	reply_send(r, &w);
	return 0;
}

static int make_import(struct move_op *op, struct request *r) {
	struct token_file head = { 0 };
	int e = op_is_permitted(op, r);

	if (e < 0)
		return reply_errno(r, e);
	e = token_file_open(op->job.made.hash, op->file, op->n_file, &head);
	if (e == -EKEYREJECTED)
		return reply_message(r, RESULT_INVALID, "passphrase-or-file-wrong");
	if (e == -EBADMSG)
		return reply_message(r, RESULT_INVALID, "not-a-token-file");
	if (e < 0)
		return reply_errno(r, e);
	if (!op->has_device_key)
		return ask_for_key(r, &head);
	if (!equal_32(op->device_key, head.key))
		return reply_message(r, RESULT_INVALID, "other-device-key");
	return apply_import(op, r, &head);
}

static void import_done(void *data) {
	cleanup_(op_freep) struct move_op *op = data;
	struct request r;

	if (later_resume(&op->later, &r))
		(void)make_import(op, &r);
}

/* Copied: what the client does to its memory afterwards changes nothing. */
static int take_file(const struct request *r, struct move_op *op) {
	ssize_t n = 0;

	do {
		n = pread(r->fd, op->file + op->n_file, TOKEN_FILE_MAX - op->n_file,
			  (off_t)op->n_file);
		if (n > 0)
			op->n_file += (size_t)n;
	} while (n > 0 && op->n_file < TOKEN_FILE_MAX);
	return token_file_salt(op->file, op->n_file, op->salt);
}

int handle_token_import(struct request *r) {
	cleanup_(op_freep) struct move_op *op = NULL;
	int e = 0;

	if (!is_memory(r->fd))
		return -EPROTO;
	e = op_new(r, &op);
	if (e < 0)
		return e;
	e = frame_get_fixed(r->body, "device_key", op->device_key, sizeof(op->device_key));
	if (e < 0 && e != -ENOENT)
		return -EPROTO;
	op->has_device_key = e == 0;
	if (take_file(r, op) < 0)
		return reply_message(r, RESULT_INVALID, "not-a-token-file");
	return op_start(r, &op, import_done);
}
