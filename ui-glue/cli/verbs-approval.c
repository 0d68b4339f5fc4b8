/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals: confirming an object, using the receipt, and the keys that verify it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/files.h"
#include "ui-glue/cli/output.h"
#include "ui-glue/messages/messages.h"

#define RECEIPT_MAX sizeof(((struct call_event *)0)->receipt)

/* ---- approve ---------------------------------------------------------------------- */

/* An approval belongs to a session, so there has to be one. */
static int be_signed_in(struct cli *cli) {
	const struct ask ask = { VERB_STATUS, NULL, NULL, -1, 0 };
	int status = CLI_YES;
	json_t *reply = cli_ask(cli, &ask, &status);
	bool is_signed_in;

	if (!reply)
		return status;
	is_signed_in = json_true_at(reply, "signed_in");
	json_decref(reply);
	if (is_signed_in)
		return CLI_YES;
	status = cli_sign_in(cli, CW_PURPOSE_SIGN_IN, NULL);
	cli->signed_in = false; /* signing out would make the receipt void */
	return status;
}

static int write_all(int fd, const uint8_t *p, size_t n) {
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int print_approved(struct cli *cli, const char *path, size_t n) {
	json_t *object = NULL;
	int status;

	if (!cli->json) {
		(void)printf("Approved. The receipt is in ");
		output_clean(stdout, path);
		(void)printf("; it can be used once, from this session, within 120 s.\n");
		return CLI_YES;
	}
	object = json_pack("{s:s, s:s, s:I}", "result", "ok", "receipt", path, "bytes",
	                   (json_int_t)n);
	status = object && output_json(object) == 0 ? CLI_YES : CLI_UNKNOWN;
	json_decref(object);
	return status;
}

/* The name of a file, without its folders, as far as there is room. */
static void base_name(const char *path, char *ret, size_t size) {
	const char *base = strrchr(path, '/');

	(void)snprintf(ret, size, "%s", base ? base + 1 : path);
}

static int authorize_into(struct cli *cli, char **args, const uint8_t digest[32], int fd,
                          size_t *ret_n) {
	static struct call_event approval;
	char object[LIMIT_OBJECT];
	int r, status = be_signed_in(cli);

	if (status != CLI_YES)
		return status;
	base_name(args[1], object, sizeof(object));
	status = cli_authorize(cli, args[0], digest, object, cli_option(cli, OPT_WORDS), &approval);
	if (status != CLI_YES)
		return status;
	r = write_all(fd, approval.receipt, approval.n_receipt);
	*ret_n = approval.n_receipt;
	return r < 0 ? cli_unknown(cli, "approved, but the receipt cannot be written: %s",
	                           strerror(-r))
		     : CLI_YES;
}

int run_approve(struct cli *cli, char **args, unsigned n) {
	const char *out = cli_option(cli, OPT_RECEIPT);
	cleanup_(close_fdp) int fd = -1;
	uint8_t digest[32];
	size_t n_receipt = 0;
	int status;

	if (!cli_option(cli, OPT_WORDS))
		return cli_usage(cli, "what is confirmed? Say --words TEXT");
	if (!out)
		return cli_usage(cli, "where shall the receipt go? Say --receipt FILE");
	status = file_digest(cli, args[1], digest);
	if (status != CLI_YES)
		return status;
	/* Before anybody is asked: a receipt that cannot be kept is of no use. */
	fd = fd_lift(open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
	if (fd < 0)
		return cli_unknown(cli, "%s: %s", out, strerror(-fd));
	status = authorize_into(cli, args, digest, fd, &n_receipt);
	if (status != CLI_YES) {
		(void)unlink(out);
		return status;
	}
	return print_approved(cli, out, n_receipt);
}

/* ---- from another seat ------------------------------------------------------------- */

static void print_open(json_t *open) {
	char since[OUTPUT_TIME];

	output_time(json_number(open, "since_ms"), true, since);
	(void)printf("%lld  ", (long long)json_number(open, "approval"));
	output_clean(stdout, json_text(open, "action"));
	(void)printf("  ");
	output_clean(stdout, json_text(open, "object"));
	(void)printf("\n    asked by ");
	output_clean(stdout, json_text(open, "who"));
	(void)printf(" at seat ");
	output_clean(stdout, json_text(open, "seat"));
	(void)printf(" since %s; %lld s left\n    SHA-256 %s\n    ", since,
	             (long long)json_number(open, "left_ms") / 1000, json_text(open, "digest"));
	output_clean(stdout, json_text(open, "words"));
	(void)printf("\n");
}

/* It matters whose eyes these are: whoever is named signs in first, whoever is there. */
static int be_named(struct cli *cli) {
	return cli_option(cli, OPT_AS) ? cli_sign_in(cli, CW_PURPOSE_SIGN_IN, NULL) : CLI_YES;
}

int run_approval_list(struct cli *cli, char **args, unsigned n) {
	const struct ask ask = { VERB_APPROVAL_LIST, NULL, NULL, -1, 0 };
	int status = be_named(cli);
	json_t *reply = status == CLI_YES ? cli_ask(cli, &ask, &status) : NULL, *list = NULL;

	if (!reply)
		return status;
	list = json_object_get(reply, "approvals");
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	else if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else if (json_array_size(list) == 0)
		(void)printf("Nothing waits for you.\n");
	for (size_t i = 0; status == CLI_YES && !cli->json && i < json_array_size(list); ++i)
		print_open(json_array_get(list, i));
	json_decref(reply);
	return status;
}

static int read_number(const struct cli *cli, const char *text, uint64_t *ret_number) {
	char *end = NULL;

	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-')
		return cli_usage(cli, "\"%s\" is no number; careward approval list says them", text);
	return CLI_YES;
}

struct answer_open {
	uint64_t number;
	const char *reason;
};

static void fill_open(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct answer_open *open = data;

	frame_uint(w, "approval", open->number);
	if (open->reason)
		frame_text(w, "reason", open->reason);
	else if (cli->verb->run == run_approval_sign)
		cli_put_factor(cli, w);
}

int run_approval_sign(struct cli *cli, char **args, unsigned n) {
	struct answer_open open = { 0 };
	const struct ask ask = { VERB_APPROVAL_SIGN, fill_open, &open, -1, 0 };
	int status = read_number(cli, args[0], &open.number);

	if (status == CLI_YES)
		status = be_named(cli);
	return status == CLI_YES ? cli_begin(cli, &ask) : status;
}

int run_approval_refuse(struct cli *cli, char **args, unsigned n) {
	struct answer_open open = { .reason = cli_option(cli, OPT_REASON) };
	const struct ask ask = { VERB_APPROVAL_REFUSE, fill_open, &open, -1, 0 };
	int status = read_number(cli, args[0], &open.number);
	json_t *reply = NULL;

	if (status == CLI_YES)
		status = be_named(cli);
	reply = status == CLI_YES ? cli_ask(cli, &ask, &status) : NULL;

	if (!reply)
		return status;
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	else if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		(void)printf("Refused; who asked is told, and it is on record.\n");
	json_decref(reply);
	return status;
}

/* ---- redeem ----------------------------------------------------------------------- */

struct redemption {
	const char *action;
	const char *receipt;
	size_t n_receipt;
	uint8_t digest[32];
};

static void fill_redeem(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct redemption *r = data;

	frame_text(w, "action", r->action);
	frame_bytes(w, "digest", r->digest, sizeof(r->digest));
	frame_bytes(w, "receipt", r->receipt, r->n_receipt);
}

int run_redeem(struct cli *cli, char **args, unsigned n) {
	const char *path = cli_option(cli, OPT_RECEIPT);
	struct redemption redemption = { .action = args[0] };
	const struct ask ask = { VERB_REDEEM, fill_redeem, &redemption, -1, 0 };
	cleanup_(free_charp) char *receipt = NULL;
	json_t *reply = NULL;
	int r, status;

	if (!path)
		return cli_usage(cli, "which receipt? Say --receipt FILE");
	status = file_digest(cli, args[1], redemption.digest);
	if (status != CLI_YES)
		return status;
	r = file_read(path, RECEIPT_MAX, &receipt, &redemption.n_receipt);
	if (r < 0)
		return file_unread(cli, path, r);
	redemption.receipt = receipt;
	reply = cli_ask(cli, &ask, &status);
	if (!reply)
		return status;
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	else if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		(void)printf("Used: it may be done now, and is on record. The receipt is spent.\n");
	json_decref(reply);
	return status;
}

/* ---- keys ------------------------------------------------------------------------- */

static void fill_after(struct cli *cli, struct frame_writer *w, const void *data) {
	const int64_t *after = data;

	if (*after > 0)
		frame_uint(w, "after", (uint64_t)*after);
}

/* A page's tokens move to the whole; the device's own keys come with every page. */
static void take_page(json_t *whole, json_t *page) {
	static const char *const keys[] = { "device", "approval", "anchor" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); ++i)
		if (json_object_get(page, keys[i]))
			(void)json_object_set(whole, keys[i], json_object_get(page, keys[i]));
	(void)json_array_extend(json_object_get(whole, "tokens"), json_object_get(page, "tokens"));
}

int run_keys(struct cli *cli, char **args, unsigned n) {
	json_t *whole = json_pack("{s:i, s:[]}", "careward-keys", 1, "tokens");
	int64_t after = 0;
	const struct ask ask = { VERB_KEYS, fill_after, &after, -1, 0 };
	int status = whole ? CLI_YES : cli_unknown(cli, "no memory");

	do {
		json_t *page = status == CLI_YES ? cli_ask(cli, &ask, &status) : NULL;

		if (page && status != CLI_YES)
			status = cli_refused(cli, page, status);
		if (page && status == CLI_YES)
			take_page(whole, page);
		after = page && status == CLI_YES ? json_number(page, "next") : 0;
		json_decref(page);
	} while (after > 0);
	if (status == CLI_YES)
		status = output_json(whole) == 0 ? CLI_YES : CLI_UNKNOWN;
	json_decref(whole);
	return status;
}
