/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and sessions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <careward/sign_in.h>

#include "common/cleanup.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/output.h"
#include "ui-glue/messages/messages.h"

struct user {
	const char *name;
	int64_t from_ms;
	int64_t until_ms;
};

static void put_roles(struct cli *cli, struct frame_writer *w, const char *key,
                      enum cli_option which) {
	frame_open_array(w, key);
	for (unsigned i = 0; i < cli->options[which].n; ++i)
		frame_text(w, NULL, cli->options[which].list[i]);
	frame_close(w);
}

static void put_option(struct cli *cli, struct frame_writer *w, const char *key,
                       enum cli_option which) {
	if (cli_option(cli, which))
		frame_text(w, key, cli_option(cli, which));
}

/* "+12h", "+3d", "2027-01-31", "2027-01-31 18:00". Return: false: none of these. */
static bool time_from(const char *text, int64_t *ret_ms) {
	struct tm local = { .tm_isdst = -1 };
	char unit = 0, rest = 0;
	unsigned amount = 0;
	const char *end = NULL;
	time_t t;

	if (text[0] == '+') {
		if (sscanf(text + 1, "%5u%c%c", &amount, &unit, &rest) != 2 ||
		    (unit != 'h' && unit != 'd'))
			return false;
		t = time(NULL) + (time_t)amount * (unit == 'h' ? 3600 : 86400);
		*ret_ms = (int64_t)t * 1000;
		return true;
	}
	end = strptime(text, "%Y-%m-%d %H:%M", &local);
	if (!end || *end != '\0') {
		local = (struct tm){ .tm_isdst = -1 };
		end = strptime(text, "%Y-%m-%d", &local);
	}
	if (!end || *end != '\0')
		return false;
	t = mktime(&local);
	if (t == (time_t)-1)
		return false;
	*ret_ms = (int64_t)t * 1000;
	return true;
}

static void fill_name(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct user *u = data;

	frame_text(w, "name", u->name);
}

static void fill_add(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct user *u = data;

	frame_text(w, "name", u->name);
	put_roles(cli, w, "roles", OPT_ROLE);
	put_option(cli, w, "person", OPT_PERSON);
	put_option(cli, w, "display", OPT_DISPLAY);
	if (u->from_ms != 0)
		frame_int(w, "from_ms", u->from_ms);
	if (u->until_ms != 0)
		frame_int(w, "until_ms", u->until_ms);
}

static void fill_role(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct user *u = data;

	frame_text(w, "name", u->name);
	if (cli->options[OPT_ADD].n > 0)
		put_roles(cli, w, "add", OPT_ADD);
	if (cli->options[OPT_REMOVE].n > 0)
		put_roles(cli, w, "remove", OPT_REMOVE);
}

/* Prints a reply: as JSON, refused, or with @words and what @print adds. */
static int finish(struct cli *cli, json_t *reply, int status,
                  void (*print)(const char *name, const json_t *reply), const char *name) {
	if (!reply)
		return status;
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	else if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		print(name, reply);
	json_decref(reply);
	return status;
}

static void print_secret(const char *name, const json_t *reply) {
	(void)printf("Account:            ");
	output_clean(stdout, name);
	(void)printf("\nOne-time password:  ");
	output_clean(stdout, json_text(reply, "secret"));
	(void)printf("\nHand it over in person. It can do nothing but be changed.\n");
}

static void print_done(const char *name, const json_t *reply) {
	(void)printf("Done: ");
	output_clean(stdout, name);
	(void)putchar('\n');
}

int run_user_add(struct cli *cli, char **args, unsigned n) {
	struct user user = { .name = args[0] };
	const char *from = cli_option(cli, OPT_FROM), *until = cli_option(cli, OPT_UNTIL);
	const struct ask ask = { VERB_USER_ADD, fill_add, &user, -1, 0 };
	int status = CLI_YES;
	json_t *reply = NULL;

	if (cli->options[OPT_ROLE].n == 0)
		return cli_usage(cli, "an account needs a role: --role ROLE");
	if (from && !time_from(from, &user.from_ms))
		return cli_usage(cli, "--from: \"%s\" is no time; write 2027-01-31 or +12h", from);
	if (until && !time_from(until, &user.until_ms))
		return cli_usage(cli, "--until: \"%s\" is no time; write 2027-01-31 or +12h", until);
	if (until && user.until_ms <= (int64_t)time(NULL) * 1000)
		return cli_usage(cli, "--until: %s is past", until);
	reply = cli_ask(cli, &ask, &status);
	return finish(cli, reply, status, print_secret, args[0]);
}

static int simple(struct cli *cli, enum protocol_verb verb, char **args,
                  void (*print)(const char *name, const json_t *reply)) {
	const struct user user = { .name = args[0] };
	const struct ask ask = { verb, fill_name, &user, -1, 0 };
	int status = CLI_YES;
	json_t *reply = cli_ask(cli, &ask, &status);

	return finish(cli, reply, status, print, args[0]);
}

int run_user_disable(struct cli *cli, char **args, unsigned n) {
	return simple(cli, VERB_USER_DISABLE, args, print_done);
}

int run_user_enable(struct cli *cli, char **args, unsigned n) {
	return simple(cli, VERB_USER_ENABLE, args, print_done);
}

int run_user_reset(struct cli *cli, char **args, unsigned n) {
	return simple(cli, VERB_USER_RESET, args, print_secret);
}

int run_user_role(struct cli *cli, char **args, unsigned n) {
	const struct user user = { .name = args[0] };
	const struct ask ask = { VERB_USER_ROLE, fill_role, &user, -1, 0 };
	int status = CLI_YES;
	json_t *reply = NULL;

	if (cli->options[OPT_ADD].n + cli->options[OPT_REMOVE].n == 0)
		return cli_usage(cli, "nothing to do: --add ROLE or --remove ROLE");
	reply = cli_ask(cli, &ask, &status);
	return finish(cli, reply, status, print_done, args[0]);
}

/* ---- list ----------------------------------------------------------------------------- */

static void show_until(const json_t *row, const json_t *value, char *cell, size_t room) {
	char text[OUTPUT_TIME] = "-";

	if (json_integer_value(value) != 0)
		output_time(json_integer_value(value), true, text);
	(void)snprintf(cell, room, "%s", text);
}

static void show_locked(const json_t *row, const json_t *value, char *cell, size_t room) {
	char text[OUTPUT_TIME] = "-";

	if (json_integer_value(value) > 0)
		output_wait((uint64_t)json_integer_value(value), text);
	(void)snprintf(cell, room, "%s", text);
}

static const struct column user_columns[] = {
	{ "number", "number", NULL },       { "name", "name", NULL },
	{ "shown as", "display", NULL },    { "person", "person", NULL },
	{ "state", "state", NULL },         { "roles", "roles", NULL },
	{ "until", "until_ms", show_until }, { "locked for", "locked_ms", show_locked },
};

static void fill_after(struct cli *cli, struct frame_writer *w, const void *data) {
	const uint64_t *after = data;

	if (*after != 0)
		frame_uint(w, "after", *after);
}

int run_user_list(struct cli *cli, char **args, unsigned n) {
	uint64_t after = 0;
	const struct ask ask = { VERB_USER_LIST, fill_after, &after, -1, 0 };
	json_t *all = json_array(), *object = NULL;
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
		(void)json_array_extend(all, json_object_get(reply, "users"));
		after = (uint64_t)json_number(reply, "next");
		json_decref(reply);
	} while (after != 0);
	if (cli->json) {
		object = json_pack("{s:s, s:O}", "result", "ok", "users", all);
		status = output_json(object) == 0 ? CLI_YES : CLI_UNKNOWN;
		json_decref(object);
	} else {
		output_table(all, user_columns, ARRAY_SIZE(user_columns), "There are no accounts.");
	}
	json_decref(all);
	return status;
}

/* ---- sessions ----------------------------------------------------------------------- */

static void print_signed_in(const struct call_event *e) {
	char text[OUTPUT_TIME];

	(void)printf("Signed in:             ");
	output_clean(stdout, e->text);
	output_time(e->last_ms, true, text);
	(void)printf("\nLast sign-in:          %s\n", text);
	(void)printf("Failures since then:   %llu", (unsigned long long)e->failures);
	if (e->failures > 0) {
		output_time(e->failure_ms, true, text);
		(void)printf(", the last at %s", text);
	}
	(void)putchar('\n');
	if (e->notice[0] != '\0')
		(void)printf("Notice:                %s\n", message_text(e->notice));
	if (e->handover)
		(void)printf("The seat was taken over from somebody else.\n");
}

int run_sign_in(struct cli *cli, char **args, unsigned n) {
	struct call_event event = { 0 };
	json_t *object = NULL;
	int status;

	if (n == 1 && cli->options[OPT_AS].n > 0)
		return cli_usage(cli, "name the account once: as argument or with --as");
	if (n == 1) {
		char *copy = strdup(args[0]);

		if (!copy)
			return cli_unknown(cli, "no memory");
		cli->options[OPT_AS].list[cli->options[OPT_AS].n++] = copy;
	}
	status = cli_sign_in(cli, CW_PURPOSE_SIGN_IN, &event);
	cli->signed_in = false; /* this verb means to stay */
	if (status != CLI_YES)
		return status;
	if (cli->json) {
		object = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "result", "ok", "name",
		                   event.text, "account", (json_int_t)event.account, "last_ms",
		                   (json_int_t)event.last_ms, "failures", (json_int_t)event.failures,
		                   "failure_ms", (json_int_t)event.failure_ms, "handover", event.handover);
		if (event.notice[0] != '\0')
			(void)json_object_set_new(object, "notice", json_string(event.notice));
		status = output_json(object) == 0 ? CLI_YES : CLI_UNKNOWN;
		json_decref(object);
	} else {
		print_signed_in(&event);
	}
	return status;
}

int run_password(struct cli *cli, char **args, unsigned n) {
	int status = CLI_YES;

	if (cli_option(cli, OPT_AS))
		status = cli_sign_in(cli, CW_PURPOSE_SIGN_IN, NULL);
	return status == CLI_YES ? cli_converse(cli, CW_PURPOSE_CHANGE) : status;
}

int run_recover(struct cli *cli, char **args, unsigned n) {
	return cli_converse(cli, CW_PURPOSE_RECOVER);
}

int run_sign_out(struct cli *cli, char **args, unsigned n) {
	const struct ask ask = { VERB_SIGN_OUT, NULL, NULL, -1, 0 };
	int status = CLI_YES;
	json_t *reply = cli_ask(cli, &ask, &status);

	return finish(cli, reply, status, print_done, "signed out");
}
