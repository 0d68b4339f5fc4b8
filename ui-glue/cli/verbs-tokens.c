/* SPDX-License-Identifier: Apache-2.0 */
/* Cards, security keys, badges and codes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/nearest.h"
#include "ui-glue/cli/output.h"

struct token {
	const char *name;   /* of the account; NULL: one's own                          */
	const char *factor; /* by the protocol's name                                   */
	const char *label;
	uint64_t number;
	uint64_t after;
};

/* Prints a reply: as JSON, refused, or that it was done. */
static int finish(struct cli *cli, json_t *reply, int status, const char *words) {
	if (!reply)
		return status;
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	else if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		(void)printf("%s\n", words);
	json_decref(reply);
	return status;
}

/* ---- enrolling ------------------------------------------------------------------------ */

static const struct {
	const char *typed;
	const char *factor;
} kinds[] = {
	{ "card", "smartcard" },
	{ "key", "fido2" },
	{ "badge", "badge" },
	{ "code", "code" },
};

static void fill_enrol(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct token *token = data;

	frame_text(w, "name", token->name);
	frame_text(w, "factor", token->factor);
	if (token->label)
		frame_text(w, "label", token->label);
}

int run_token_enrol(struct cli *cli, char **args, unsigned n) {
	struct token token = { .name = args[0], .label = cli_option(cli, OPT_LABEL) };
	const struct ask ask = { VERB_TOKEN_ENROL, fill_enrol, &token, -1, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); ++i)
		if (strcmp(kinds[i].typed, args[1]) == 0)
			token.factor = kinds[i].factor;
	if (!token.factor)
		return cli_usage(cli, "\"%s\" is no token: card, key, badge or code", args[1]);
	return cli_begin(cli, &ask);
}

/* ---- list ----------------------------------------------------------------------------- */

static const char *typed_factor(const char *factor) {
	for (size_t i = 0; i < ARRAY_SIZE(kinds); ++i)
		if (strcmp(kinds[i].factor, factor) == 0)
			return kinds[i].typed;
	return factor;
}

static void show_factor(const json_t *row, const json_t *value, char *cell, size_t room) {
	const char *factor = json_string_value(value);

	(void)snprintf(cell, room, "%s", factor ? typed_factor(factor) : "-");
}

static void show_time(const json_t *row, const json_t *value, char *cell, size_t room) {
	char text[OUTPUT_TIME] = "-";

	if (json_integer_value(value) != 0)
		output_time(json_integer_value(value), true, text);
	(void)snprintf(cell, room, "%s", text);
}

static void show_imported(const json_t *row, const json_t *value, char *cell, size_t room) {
	(void)snprintf(cell, room, "%s", json_is_true(value) ? "imported" : "here");
}

static const struct column token_columns[] = {
	{ "number", "number", NULL },        { "kind", "factor", show_factor },
	{ "label", "label", NULL },          { "state", "state", NULL },
	{ "enrolled", "enrolled_ms", show_time }, { "by account", "enrolled_by", NULL },
	{ "where", "imported", show_imported },   { "until", "until_ms", show_time },
};

static void fill_list(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct token *token = data;

	if (token->name)
		frame_text(w, "name", token->name);
	if (token->after != 0)
		frame_uint(w, "after", token->after);
}

static int print_list(struct cli *cli, const char *name, json_t *all) {
	json_t *object = NULL;
	int status = CLI_YES;

	if (!cli->json) {
		output_table(all, token_columns, ARRAY_SIZE(token_columns), "There are no tokens.");
		return CLI_YES;
	}
	object = json_pack("{s:s, s:s, s:O}", "result", "ok", "name", name, "tokens", all);
	status = output_json(object) == 0 ? CLI_YES : CLI_UNKNOWN;
	json_decref(object);
	return status;
}

int run_token_list(struct cli *cli, char **args, unsigned n) {
	struct token token = { .name = n > 0 ? args[0] : NULL };
	const struct ask ask = { VERB_TOKEN_LIST, fill_list, &token, -1, 0 };
	json_t *all = json_array();
	char name[LIMIT_NAME] = "";
	int status = CLI_YES;

	do {
		json_t *reply = cli_ask(cli, &ask, &status);

		if (!reply || status != CLI_YES) {
			if (reply)
				status = cli_refused(cli, reply, status);
			json_decref(reply);
			json_decref(all);
			return status;
		}
		(void)snprintf(name, sizeof(name), "%s", json_text(reply, "name"));
		(void)json_array_extend(all, json_object_get(reply, "tokens"));
		token.after = (uint64_t)json_number(reply, "next");
		json_decref(reply);
	} while (token.after != 0);
	status = print_list(cli, name, all);
	json_decref(all);
	return status;
}

/* ---- one token ------------------------------------------------------------------------ */

static bool number_from(const char *text, uint64_t *ret_number) {
	char *end = NULL;

	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && text[0] >= '1' && text[0] <= '9';
}

static void fill_one(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct token *token = data;

	frame_uint(w, "number", token->number);
	if (token->label)
		frame_text(w, "label", token->label);
}

static int one(struct cli *cli, enum protocol_verb verb, const char *number, const char *label,
               const char *words) {
	struct token token = { .label = label };
	const struct ask ask = { verb, fill_one, &token, -1, 0 };
	int status = CLI_YES;
	json_t *reply = NULL;

	if (!number_from(number, &token.number))
		return cli_usage(cli, "\"%s\" is no token's number; token list shows them", number);
	reply = cli_ask(cli, &ask, &status);
	return finish(cli, reply, status, words);
}

int run_token_rename(struct cli *cli, char **args, unsigned n) {
	return one(cli, VERB_TOKEN_RENAME, args[0], args[1], "Renamed.");
}

int run_token_revoke(struct cli *cli, char **args, unsigned n) {
	return one(cli, VERB_TOKEN_REVOKE, args[0], NULL, "Revoked.");
}
