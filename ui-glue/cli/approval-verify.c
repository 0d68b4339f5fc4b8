/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this receipt genuine, and about this object? Without broker and database
 *
 * What decides is in auth/receipt.c; here files are read, and the answer is put
 * into words.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <careward/result.h>

#include "auth/receipt.h"
#include "common/bytes.h"
#include "common/cleanup.h"
#include "ui-glue/cli/approval-demand.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/files.h"
#include "ui-glue/cli/output.h"
#include "ui-glue/messages/messages.h"

#define EXPORT_VERSION 1
#define EXPORT_MAX (8u << 20)

/* ---- the keys that `careward keys` wrote ------------------------------------------ */

struct export {
	struct receipt_keys keys;
	struct receipt_token_key *tokens; /* heap */
};

static void export_done(struct export *e) {
	free(e->tokens);
}

static bool bytes_from_hex(const char *hex, uint8_t *ret_bytes, size_t capacity, size_t *ret_n) {
	static const char digits[] = "0123456789abcdef";
	size_t n = strlen(hex);

	if (n == 0 || n % 2 != 0 || n / 2 > capacity || hex[strspn(hex, digits)] != '\0')
		return false;
	for (size_t i = 0; i < n / 2; ++i)
		ret_bytes[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
		                         (strchr(digits, hex[2 * i + 1]) - digits));
	*ret_n = n / 2;
	return true;
}

static bool exactly_from_hex(const char *hex, uint8_t *ret_bytes, size_t size) {
	size_t n = 0;

	return bytes_from_hex(hex, ret_bytes, size, &n) && n == size;
}

static bool take_token(const json_t *object, struct receipt_token_key *t) {
	json_int_t account = json_number(object, "account");

	if (account <= 0 || account > UINT32_MAX)
		return false;
	t->account = (uint32_t)account;
	return bytes_from_hex(json_text(object, "key"), t->key, sizeof(t->key), &t->n_key);
}

static bool take_export(const json_t *root, struct export *e) {
	const json_t *tokens = json_object_get(root, "tokens");
	size_t n = json_array_size(tokens);

	if (json_number(root, "careward-keys") != EXPORT_VERSION || !json_is_array(tokens) ||
	    !exactly_from_hex(json_text(root, "device"), e->keys.device, sizeof(e->keys.device)) ||
	    !exactly_from_hex(json_text(root, "approval"), e->keys.approval,
	                      sizeof(e->keys.approval)))
		return false;
	e->tokens = calloc(n ? n : 1, sizeof(*e->tokens));
	if (!e->tokens)
		return false;
	for (size_t i = 0; i < n; ++i)
		if (!take_token(json_array_get(tokens, i), &e->tokens[i]))
			return false;
	e->keys.tokens = e->tokens;
	e->keys.n_tokens = n;
	return true;
}

static int read_export(struct cli *cli, const char *path, struct export *e) {
	cleanup_(free_charp) char *text = NULL;
	json_t *root = NULL;
	size_t n = 0;
	bool good;
	int r = file_read(path, EXPORT_MAX, &text, &n);

	if (r < 0)
		return file_unread(cli, path, r);
	root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	good = root && take_export(root, e);
	json_decref(root);
	return good ? CLI_YES : cli_unknown(cli, "%s is not what careward keys writes", path);
}

/* ---- the answer ------------------------------------------------------------------- */

static void line(const char *title, const char *text) {
	(void)printf("%-16s", title);
	output_clean(stdout, text);
	(void)putchar('\n');
}

/* How one person said yes. */
static const char *how(const struct receipt *receipt, unsigned person) {
	const struct receipt_signature *s = &receipt->signatures[person - 1];

	if (s->person == 0)
		return "gave a password; signed by the device, not by the person";
	return s->factor == CW_FACTOR_SMARTCARD ? "signed by the person's smartcard"
						: "signed by the person's security key";
}

static void person_line(const char *title, uint32_t account, const struct receipt *receipt,
                        unsigned person) {
	char text[128];

	(void)snprintf(text, sizeof(text), "account %u: %s", account, how(receipt, person));
	line(title, text);
}

static void print_receipt(const struct receipt *receipt, const char *path, bool has_keys) {
	char text[160], hex[65], when[OUTPUT_TIME];

	(void)printf("Valid: this is a receipt for exactly this file.\n\n");
	line("File:", path);
	line("Action:", receipt->action);
	line("Object:", receipt->object);
	line("Words shown:", receipt->words);
	person_line("Person:", receipt->account, receipt, 1);
	if (receipt->second != 0)
		person_line("Second person:", receipt->second, receipt, 2);
	output_time(receipt->wall_ms, receipt->trust == 2, when);
	line("When:", when);
	hex_encode(hex, receipt->device, sizeof(receipt->device));
	(void)snprintf(text, sizeof(text), "%s, seat %u", hex, receipt->seat);
	line("Device:", text);
	hex_encode(hex, receipt->head_hash, sizeof(receipt->head_hash));
	(void)snprintf(text, sizeof(text), "%llu:%s", (unsigned long long)receipt->head_seq, hex);
	line("Journal:", text);
	line("Keys:", has_keys ? "as the device exported them"
			       : "keys are taken from the receipt itself: it is whole, but anybody "
	                         "could have made it; --keys says whose it is");
}

static json_t *person_object(const struct receipt *receipt, unsigned person) {
	const struct receipt_signature *s = &receipt->signatures[person - 1];
	uint32_t account = person == 1 ? receipt->account : receipt->second;

	return json_pack("{s:I, s:s, s:s}", "account", (json_int_t)account, "signed_by",
	                 s->person ? "token" : "device", "factor",
	                 s->person == 0                     ? "password"
	                 : s->factor == CW_FACTOR_SMARTCARD ? "smartcard"
	                                                    : "fido2");
}

static int print_json(const struct receipt *receipt, bool has_keys) {
	char device[33], head[65];
	json_t *persons = json_array(), *object = NULL;
	int r;

	hex_encode(device, receipt->device, sizeof(receipt->device));
	hex_encode(head, receipt->head_hash, sizeof(receipt->head_hash));
	(void)json_array_append_new(persons, person_object(receipt, 1));
	if (receipt->second != 0)
		(void)json_array_append_new(persons, person_object(receipt, 2));
	object = json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:b, s:s, s:i, s:I, s:s, s:s}", "result",
	                   "valid", "action", receipt->action, "object", receipt->object, "words",
	                   receipt->words, "persons", persons, "wall_ms",
	                   (json_int_t)receipt->wall_ms, "clock_trusted", receipt->trust == 2,
	                   "device", device, "seat", (int)receipt->seat, "head_seq",
	                   (json_int_t)receipt->head_seq, "head_hash", head, "keys",
	                   has_keys ? "exported" : "receipt");
	r = object ? output_json(object) : -ENOMEM;
	json_decref(object);
	return r == 0 ? CLI_YES : CLI_UNKNOWN;
}

static int refused(struct cli *cli, const char *field) {
	json_t *object = NULL;

	if (!cli->json) {
		(void)cli_usage(cli, "refused: %s", field);
		return CLI_NO;
	}
	object = json_pack("{s:s, s:s}", "result", "refused", "field", field);
	if (object)
		(void)output_json(object);
	json_decref(object);
	return CLI_NO;
}

int run_approval_verify(struct cli *cli, char **args, unsigned n) {
	cleanup_(export_done) struct export export = { .tokens = NULL };
	const char *object = cli_option(cli, OPT_OBJECT), *keys = cli_option(cli, OPT_KEYS);
	cleanup_(free_charp) char *bytes = NULL;
	static struct receipt receipt;
	const char *field = "form";
	uint8_t digest[32];
	size_t n_bytes = 0;
	int r, status;

	if (!object)
		return cli_usage(cli, "which object is it about? Say --object FILE");
	if (cli_option(cli, OPT_ONCE) && !keys)
		return cli_usage(cli, "--once needs --keys: without it anybody can make new receipts");
	r = file_read(args[0], APPROVAL_RECEIPT_MAX, &bytes, &n_bytes);
	if (r == -EFBIG || r == -ENODATA)
		return refused(cli, field); /* no receipt is that long, or empty */
	if (r < 0)
		return file_unread(cli, args[0], r);
	status = file_digest(cli, object, digest);
	if (status == CLI_YES && keys)
		status = read_export(cli, keys, &export);
	if (status != CLI_YES)
		return status;
	r = receipt_check(keys ? &export.keys : NULL, (const uint8_t *)bytes, n_bytes, digest,
	                  &field, &receipt);
	if (r == -EBADMSG)
		return refused(cli, field);
	if (r < 0)
		return cli_unknown(cli, "cannot verify: %s", strerror(-r));
	field = demand_refuses(cli, &receipt);
	if (field)
		return refused(cli, field);
	status = demand_once(cli, &receipt, &field);
	if (status != CLI_YES)
		return field ? refused(cli, field) : status;
	if (cli->json)
		return print_json(&receipt, keys != NULL);
	print_receipt(&receipt, object, keys != NULL);
	return CLI_YES;
}
