/* SPDX-License-Identifier: Apache-2.0 */
/* The device itself: setting it up, how it is, why it decides as it does. */
#include <stdio.h>
#include <string.h>

#include <careward/result.h>

#include "common/cleanup.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/output.h"
#include "ui-glue/messages/messages.h"

/* The sentence for a published name, by walking the numbers of its kind. */
static const char *words_of(enum message_kind kind, const char *name) {
	for (unsigned i = 0; i < 256; ++i)
		if (strcmp(message_name(kind, i), name) == 0)
			return message_words(kind, i);
	return name;
}

/* "Title:   text", aligned. */
static void line(const char *title, const char *text) {
	(void)printf("%-20s", title);
	output_clean(stdout, text);
	(void)putchar('\n');
}

/* ---- init ----------------------------------------------------------------------------- */

static void fill_init(struct cli *cli, struct frame_writer *w, const void *data) {
	frame_text(w, "name", data);
	if (cli_option(cli, OPT_PERSON))
		frame_text(w, "person", cli_option(cli, OPT_PERSON));
	frame_open_array(w, "roles");
	for (unsigned i = 0; i < cli->options[OPT_ROLE].n; ++i)
		frame_text(w, NULL, cli->options[OPT_ROLE].list[i]);
	frame_close(w);
}

static void print_init(const char *name, const json_t *reply) {
	(void)printf("The device is set up. Write these three down; they are not shown again.\n\n");
	line("Account:", name);
	line("One-time password:", json_text(reply, "secret"));
	line("Recovery code:", json_text(reply, "recovery"));
	line("Anchor:", json_text(reply, "anchor"));
	(void)printf("\nThe password can do nothing but be changed, at the first sign-in.\n"
	             "The recovery code makes one administrator, once, at the device, with an alarm:\n"
	             "seal it in an envelope and lock it away. The anchor is no secret: keep it where\n"
	             "the device cannot reach, for `careward verify --anchor`.\n");
}

int run_init(struct cli *cli, char **args, unsigned n) {
	const struct ask ask = { VERB_INIT, fill_init, args[0], -1, 0 };
	json_t *reply = NULL;
	int status = CLI_YES;

	if (cli->options[OPT_ROLE].n == 0)
		return cli_usage(cli, "the first account needs a role that may make accounts: --role admin");
	reply = cli_ask(cli, &ask, &status);
	if (!reply)
		return status;
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	else if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		print_init(args[0], reply);
	json_decref(reply);
	return status;
}

/* ---- status --------------------------------------------------------------------------- */

static bool has_alarm(const json_t *s, const char *name) {
	const json_t *alarms = json_object_get(s, "alarms");

	for (size_t i = 0; i < json_array_size(alarms); ++i)
		if (strcmp(json_string_value(json_array_get(alarms, i)), name) == 0)
			return true;
	return false;
}

/* Without its database a device does not know whether it was set up. */
static const char *set_up(const json_t *s) {
	if (json_true_at(s, "initialised"))
		return "yes";
	return has_alarm(s, "database-missing-or-damaged")
		       ? "not known: database or keys are missing or damaged; do not set it up anew"
		       : "no: run careward init";
}

/* Each of a list of texts on a line of its own. */
static void lines(const json_t *s, const char *key, const char *title) {
	const json_t *texts = json_object_get(s, key);

	for (size_t i = 0; i < json_array_size(texts); ++i)
		line(title, json_string_value(json_array_get(texts, i)));
}

static void print_status(const json_t *s) {
	const json_t *alarms = json_object_get(s, "alarms");
	char text[128];

	line("Device:", json_text(s, "model"));
	line("Site:", json_text(s, "site"));
	line("Place:", json_text(s, "place"));
	line("Careward:", json_text(s, "version"));
	line("Set up:", set_up(s));
	(void)snprintf(text, sizeof(text), "generation %lld", (long long)json_number(s, "generation"));
	line("Configuration:", json_true_at(s, "policy") ? text : "none that is valid: only care works");
	line("Isolated:", json_true_at(s, "embedded") ? "no: the broker is the application's child"
						      : "yes");
	line("Signed in:", !json_true_at(s, "signed_in") ? "nobody, or locked" : json_text(s, "name"));
	(void)snprintf(text, sizeof(text), "%lld open", (long long)json_number(s, "reviews"));
	line("Reviews:", text);
	(void)snprintf(text, sizeof(text), "%lld:%s",
	               (long long)json_number(json_object_get(s, "head"), "seq"),
	               json_text(json_object_get(s, "head"), "hash"));
	line("Journal's head:", text);
	if (json_array_size(alarms) == 0)
		line("Alarms:", "none");
	for (size_t i = 0; i < json_array_size(alarms); ++i)
		line("Alarm:", message_text(json_string_value(json_array_get(alarms, i))));
	lines(s, "refused", "Refused:");
	lines(s, "differs", "Differs:");
	if (json_array_size(json_object_get(s, "differs")) > 0)
		line("", "Copy the file that was installed there, or install the one there: careward config install FILE");
}

int run_status(struct cli *cli, char **args, unsigned n) {
	const struct ask ask = { VERB_STATUS, NULL, NULL, -1, 0 };
	int status = CLI_YES;
	json_t *reply = cli_ask(cli, &ask, &status);

	if (!reply)
		return status;
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	else if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		print_status(reply);
	json_decref(reply);
	return status;
}

/* ---- explain -------------------------------------------------------------------------- */

static void fill_explain(struct cli *cli, struct frame_writer *w, const void *data) {
	static const struct {
		enum cli_option which;
		const char *key;
	} optional[] = { { OPT_ROLE, "role" }, { OPT_NAME, "name" }, { OPT_CONTEXT, "context" } };

	frame_text(w, "action", data);
	for (size_t i = 0; i < ARRAY_SIZE(optional); ++i)
		if (cli_option(cli, optional[i].which))
			frame_text(w, optional[i].key, cli_option(cli, optional[i].which));
}

static void show_verdict(const json_t *row, const json_t *value, char *cell, size_t room) {
	(void)snprintf(cell, room, "%s", words_of(MESSAGE_VERDICT, json_string_value(value)));
}

static void show_reason(const json_t *row, const json_t *value, char *cell, size_t room) {
	(void)snprintf(cell, room, "%s", words_of(MESSAGE_REASON, json_string_value(value)));
}

static void show_in_force(const json_t *row, const json_t *value, char *cell, size_t room) {
	(void)snprintf(cell, room, "%s", json_is_true(value) ? "*" : "");
}

static const struct column context_columns[] = {
	{ "", "in_force", show_in_force },      { "context", "name", NULL },
	{ "asks for", "needs", NULL },          { "answer", "verdict", show_verdict },
	{ "why", "reason", show_reason },
};

static void print_conditions(const json_t *x) {
	char text[256];

	if (json_array_size(json_object_get(x, "when_true")) > 0) {
		json_join(json_object_get(x, "when_true"), "", text, sizeof(text));
		line("Only while:", text);
	}
	if (json_array_size(json_object_get(x, "when_false")) > 0) {
		json_join(json_object_get(x, "when_false"), "", text, sizeof(text));
		line("Only while not:", text);
	}
	if (json_array_size(json_object_get(x, "missing")) > 0) {
		json_join(json_object_get(x, "missing"), "", text, sizeof(text));
		line("Not so, or unknown:", text);
	}
}

static void print_explanation(const char *action, const json_t *x) {
	const char *kind = json_text(x, "kind");
	char text[256];

	line("Action:", action);
	line("Kind:", words_of(MESSAGE_KIND, kind));
	json_join(json_object_get(x, "roles"), "none", text, sizeof(text));
	line("Roles with it:", strcmp(kind, "always") == 0 ? "no role is needed" : text);
	json_join(json_object_get(x, "own_roles"), "none", text, sizeof(text));
	line("Of those asked for:", text);
	if (strcmp(kind, "guarded") == 0 || strcmp(kind, "sensitive") == 0)
		line("Signed in with:", words_of(MESSAGE_ASSURANCE, json_text(x, "assurance")));
	if (strcmp(kind, "sensitive") == 0) {
		(void)snprintf(text, sizeof(text), "at most %lld s old",
		               (long long)json_number(x, "fresh_ms") / 1000);
		line("Second sign-in:", text);
		line("Confirmation:", words_of(MESSAGE_CONFIRM, json_text(x, "confirm")));
	}
	if (json_true_at(x, "witness"))
		line("Witness:", "a second person checks; waived in an emergency");
	print_conditions(x);
	line("Answer:", words_of(MESSAGE_VERDICT, json_text(x, "verdict")));
	line("Because:", words_of(MESSAGE_REASON, json_text(x, "reason")));
	(void)printf("\n");
	output_table(json_object_get(x, "contexts"), context_columns, ARRAY_SIZE(context_columns),
	             "There are no contexts.");
	(void)printf("* may be in force with what was asked about\n");
}

int run_explain(struct cli *cli, char **args, unsigned n) {
	const struct ask ask = { VERB_EXPLAIN, fill_explain, args[0], -1, 0 };
	int status = CLI_YES;
	json_t *reply = NULL;

	if (cli_option(cli, OPT_ROLE) && cli_option(cli, OPT_NAME))
		return cli_usage(cli, "either --role or --name");
	reply = cli_ask(cli, &ask, &status);
	if (!reply)
		return status;
	if (status != CLI_YES) {
		status = cli_refused(cli, reply, status);
		json_decref(reply);
		return status;
	}
	if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		print_explanation(args[0], reply);
	if (status == CLI_YES && strcmp(json_text(reply, "verdict"), "allow") != 0)
		status = CLI_NO;
	json_decref(reply);
	return status;
}
