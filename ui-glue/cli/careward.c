/* SPDX-License-Identifier: Apache-2.0 */
/*
 * careward - the command line for those who look after a device
 *
 * Nothing exists only here: every verb is a request that a permitted client may
 * make. careward(1) describes what is printed and what the exit status means.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <popt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/nearest.h"
#include "ui-glue/cli/output.h"

#define COMMON                                                                                     \
	(TAKES(SEAT) | TAKES(SOCKET) | TAKES(BROKER_UID) | TAKES(TIMEOUT) | TAKES(FORMAT) |        \
	 TAKES(HELP) | TAKES(VERSION))
/* Verbs that may have to ask who is there. */
#define PEOPLE                                                                                     \
	(TAKES(AS) | TAKES(SECOND) | TAKES(PASSWORD_FD) | TAKES(YES) | TAKES(CARD) | TAKES(KEY) |  \
	 TAKES(BADGE))

const struct verb cli_verbs[] = {
	{ "init", "NAME", 1, 1, TAKES(ROLE) | TAKES(PERSON), run_init,
	  "set the device up, with its first account" },
	{ "status", "", 0, 0, 0, run_status, "what the device is, and how it is" },
	{ "check", "FILE", 1, 1, TAKES(KIND), run_check, "look for mistakes in a configuration file" },
	{ "config install", "FILE", 1, 1, PEOPLE | TAKES(KIND), run_install,
	  "put a configuration file in force" },
	{ "explain", "ACTION", 1, 1, PEOPLE | TAKES(ROLE) | TAKES(NAME) | TAKES(CONTEXT), run_explain,
	  "why somebody may, or may not, do something" },
	{ "user add", "NAME", 1, 1,
	  PEOPLE | TAKES(ROLE) | TAKES(PERSON) | TAKES(DISPLAY) | TAKES(FROM) | TAKES(UNTIL),
	  run_user_add, "make an account, with a one-time password" },
	{ "user list", "", 0, 0, PEOPLE, run_user_list, "all accounts" },
	{ "user disable", "NAME", 1, 1, PEOPLE, run_user_disable, "keep somebody out" },
	{ "user enable", "NAME", 1, 1, PEOPLE, run_user_enable, "let somebody in again" },
	{ "user reset", "NAME", 1, 1, PEOPLE, run_user_reset, "give a new one-time password" },
	{ "user role", "NAME", 1, 1, PEOPLE | TAKES(ADD) | TAKES(REMOVE), run_user_role,
	  "give or take roles" },
	{ "token enrol", "NAME card|key|badge|code", 2, 2, PEOPLE | TAKES(LABEL), run_token_enrol,
	  "enrol a token for somebody" },
	{ "token list", "[NAME]", 0, 1, PEOPLE, run_token_list, "somebody's tokens, or one's own" },
	{ "token rename", "NUMBER LABEL", 2, 2, PEOPLE, run_token_rename,
	  "call a token something else" },
	{ "token revoke", "NUMBER", 1, 1, PEOPLE, run_token_revoke,
	  "a lost token proves nothing from now on" },
	{ "token export", "FILE", 1, 1, PEOPLE, run_token_export,
	  "all tokens into a file, for another device of the site" },
	{ "token import", "FILE", 1, 1, PEOPLE | TAKES(DEVICE_KEY), run_token_import,
	  "take over another device's tokens" },
	{ "sign-in", "[NAME]", 0, 1, PEOPLE, run_sign_in, "sign in at the seat, and stay" },
	{ "password", "", 0, 0, PEOPLE, run_password, "change one's own password" },
	{ "recover", "", 0, 0, PEOPLE, run_recover,
	  "make an administrator with the recovery code" },
	{ "sign-out", "", 0, 0, 0, run_sign_out, "end the session at the seat" },
	{ "history", "", 0, 0,
	  PEOPLE | TAKES(ACCOUNT) | TAKES(EVENT) | TAKES(EMERGENCY) | TAKES(NUMBER) | TAKES(ALL),
	  run_history, "what happened, newest first" },
	{ "verify", "", 0, 0, TAKES(HEAD) | TAKES(ANCHOR), run_verify,
	  "is the journal whole and genuine?" },
	{ "review list", "", 0, 0, PEOPLE | TAKES(ALL), run_review_list,
	  "emergencies that wait for a review" },
	{ "review close", "ID", 1, 1, PEOPLE | TAKES(OUTCOME) | TAKES(TEXT), run_review_close,
	  "close the review of an emergency" },
	{ "approve", "ACTION FILE", 2, 2,
	  PEOPLE | TAKES(WORDS) | TAKES(RECEIPT) | TAKES(ELSEWHERE), run_approve,
	  "confirm a sensitive action with exactly this file" },
	{ "redeem", "ACTION FILE", 2, 2, TAKES(RECEIPT), run_redeem, "use a receipt, once" },
	{ "approval list", "", 0, 0, PEOPLE, run_approval_list,
	  "what waits for your yes, from other seats" },
	{ "approval sign", "NUMBER", 1, 1, PEOPLE, run_approval_sign,
	  "say yes as the second person" },
	{ "approval refuse", "NUMBER", 1, 1, PEOPLE | TAKES(REASON), run_approval_refuse,
	  "say no, and why" },
	{ "approval verify", "RECEIPT", 1, 1,
	  TAKES(OBJECT) | TAKES(KEYS) | TAKES(ACTION) | TAKES(BY_TOKEN) | TAKES(TWO_PERSONS) |
		  TAKES(ONCE),
	  run_approval_verify,
	  "is a receipt genuine, and about this file? Asks no broker", true },
	{ "keys", "", 0, 0, PEOPLE, run_keys, "the keys that verify receipts, for elsewhere" },
};
const size_t cli_n_verbs = ARRAY_SIZE(cli_verbs);

static const struct cli_option_row {
	const char *name;
	char letter;
	const char *argument;
	const char *help;
} option_rows[OPT_N] = {
#define OPTION(symbol, name, letter, argument, help)                                               \
	[OPT_##symbol] = { name, letter, argument, help },
	CLI_OPTIONS(OPTION)
#undef OPTION
};

_Static_assert(OPT_N <= 64, "options are bits of 64");

const char *cli_option(const struct cli *cli, enum cli_option which) {
	const struct cli_values *v = &cli->options[which];

	return v->n > 0 ? v->list[v->n - 1] : NULL;
}

__attribute__((format(printf, 2, 0))) static void complain(const struct cli *cli,
                                                           const char *format, va_list list) {
	cleanup_(free_charp) char *text = NULL;

	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	(void)fputs("careward", stderr);
	if (cli && cli->verb)
		(void)fprintf(stderr, " %s", cli->verb->name);
	(void)fputs(": ", stderr);
	output_clean(stderr, text ? text : "no memory");
	(void)fputc('\n', stderr);
}

int cli_usage(const struct cli *cli, const char *format, ...) {
	va_list list;

	va_start(list, format);
	complain(cli, format, list);
	va_end(list);
	return CLI_USAGE;
}

int cli_unknown(const struct cli *cli, const char *format, ...) {
	cleanup_(free_charp) char *text = NULL;
	json_t *object = NULL;
	va_list list;

	va_start(list, format);
	if (cli->json) {
		if (vasprintf(&text, format, list) < 0)
			text = NULL;
		object = json_pack("{s:s, s:s*}", "result", "unknown", "message", text);
		(void)output_json(object);
		json_decref(object);
	} else {
		complain(cli, format, list);
	}
	va_end(list);
	return CLI_UNKNOWN;
}

/* ---- help ------------------------------------------------------------------------- */

static void print_option(const struct cli_option_row *row) {
	char text[64];

	(void)snprintf(text, sizeof(text), "--%s%s%s", row->name, row->argument ? "=" : "",
	               row->argument ? row->argument : "");
	if (row->letter)
		(void)printf("  -%c, %-20s %s\n", row->letter, text, row->help);
	else
		(void)printf("      %-20s %s\n", text, row->help);
}

static void print_options(uint64_t takes) {
	for (unsigned o = OPT_NONE + 1; o < OPT_N; ++o)
		if (takes & (UINT64_C(1) << o))
			print_option(&option_rows[o]);
}

/* Prints the verbs that begin with a word; NULL: all. Return: how many there are. */
static unsigned print_verbs(const char *group) {
	size_t n_group = group ? strlen(group) : 0;
	unsigned n = 0;

	for (size_t i = 0; i < cli_n_verbs; ++i) {
		char text[64];

		if (group && (strncmp(cli_verbs[i].name, group, n_group) != 0 ||
		              cli_verbs[i].name[n_group] != ' '))
			continue;
		if (group && n++ == 0)
			(void)printf("usage: careward %s VERB [ARGUMENT...] [OPTION...]\n\n", group);
		(void)snprintf(text, sizeof(text), "%s %s", cli_verbs[i].name, cli_verbs[i].args);
		(void)printf("  %-20s %s\n", text, cli_verbs[i].help);
	}
	return n;
}

static int help(const struct verb *verb) {
	if (verb) {
		(void)printf("usage: careward %s%s%s [OPTION...]\n", verb->name,
		             verb->args[0] != '\0' ? " " : "", verb->args);
		(void)printf("%s\n\n", verb->help);
		print_options(verb->takes);
		(void)printf("\nwith every verb:\n");
		print_options(COMMON);
		return CLI_YES;
	}
	(void)printf("usage: careward VERB [ARGUMENT...] [OPTION...]\n\n");
	(void)print_verbs(NULL);
	(void)printf("\n`careward VERB --help` tells the options of a verb; careward(1) tells all.\n");
	return CLI_YES;
}

/* ---- reading the command line --------------------------------------------------------- */

static int unknown_option(const char *bad) {
	const char *names[OPT_N] = { NULL };
	char typed[64];
	const char *near = NULL;

	for (unsigned o = OPT_NONE + 1; o < OPT_N; ++o)
		names[o] = option_rows[o].name;
	(void)snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(bad + strspn(bad, "-"), "="),
	               bad + strspn(bad, "-"));
	near = nearest(typed, names, OPT_N);
	if (near)
		return cli_usage(NULL, "there is no option --%s; did you mean --%s?", typed, near);
	return cli_usage(NULL, "there is no option %s; see careward --help", bad);
}

static int take_options(struct cli *cli, poptContext context) {
	int r = 0;

	while ((r = poptGetNextOpt(context)) > 0) {
		struct cli_values *v = &cli->options[r];
		char *value = poptGetOptArg(context);

		if (v->n == CLI_LIST_MAX) {
			free(value);
			return cli_usage(NULL, "--%s was said too often", option_rows[r].name);
		}
		v->list[v->n++] = value ? value : strdup("");
	}
	if (r == POPT_ERROR_BADOPT)
		return unknown_option(poptBadOption(context, 0));
	if (r < -1)
		return cli_usage(NULL, "%s: %s", poptBadOption(context, 0), poptStrerror(r));
	return CLI_YES;
}

static const struct verb *find_verb(const char *name) {
	for (size_t i = 0; i < cli_n_verbs; ++i)
		if (strcmp(cli_verbs[i].name, name) == 0)
			return &cli_verbs[i];
	return NULL;
}

static int unknown_verb(const char *one, const char *two) {
	const char *names[ARRAY_SIZE(cli_verbs)];
	const char *near = NULL;
	char both[128];
	size_t n_one = strlen(one), group = 0;

	for (size_t i = 0; i < cli_n_verbs; ++i) {
		names[i] = cli_verbs[i].name;
		if (strncmp(names[i], one, n_one) == 0 && names[i][n_one] == ' ')
			++group;
	}
	if (group > 0 && !two)
		return cli_usage(NULL, "%s what? See careward --help", one);
	(void)snprintf(both, sizeof(both), "%s %s", one, two ? two : "");
	near = two ? nearest(both, names, cli_n_verbs) : NULL;
	if (!near)
		near = nearest(one, names, cli_n_verbs);
	if (near)
		return cli_usage(NULL, "there is no verb \"%s\"; did you mean \"%s\"?",
		                 group > 0 ? both : one, near);
	return cli_usage(NULL, "there is no verb \"%s\"; see careward --help",
	                 group > 0 ? both : one);
}

/* One or two words of the arguments are the verb. */
static int take_verb(struct cli *cli, const char **args, unsigned n, unsigned *ret_used) {
	char both[128];

	if (n >= 2) {
		(void)snprintf(both, sizeof(both), "%s %s", args[0], args[1]);
		cli->verb = find_verb(both);
		*ret_used = 2;
	}
	if (!cli->verb) {
		cli->verb = find_verb(args[0]);
		*ret_used = 1;
	}
	return cli->verb ? CLI_YES : unknown_verb(args[0], n >= 2 ? args[1] : NULL);
}

static int check_takes(const struct cli *cli, unsigned n_args) {
	const struct verb *v = cli->verb;

	for (unsigned o = OPT_NONE + 1; o < OPT_N; ++o)
		if (cli->options[o].n > 0 && ((v->takes | COMMON) & (UINT64_C(1) << o)) == 0)
			return cli_usage(cli, "takes no --%s; see careward %s --help",
			                 option_rows[o].name, v->name);
	if (n_args < v->n_min)
		return cli_usage(cli, "%s is missing; usage: careward %s %s", v->args, v->name, v->args);
	if (n_args > v->n_max)
		return cli_usage(cli, "too much; usage: careward %s %s", v->name, v->args);
	return CLI_YES;
}

/* A number of an option. Return: it; -1: not one, or out of range. */
static long number_of(const char *text, long most) {
	char *end = NULL;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < 0 || value > most)
		return -1;
	return value;
}

static int take_values(struct cli *cli) {
	const char *format = cli_option(cli, OPT_FORMAT), *fd = cli_option(cli, OPT_PASSWORD_FD);
	const char *uid = cli_option(cli, OPT_BROKER_UID), *wait = cli_option(cli, OPT_TIMEOUT);
	const char *seat = cli_option(cli, OPT_SEAT), *path = cli_option(cli, OPT_SOCKET);
	long value = 0;
	int n;

	cli->json = format && strcmp(format, "json") == 0;
	if (format && !cli->json && strcmp(format, "text") != 0)
		return cli_usage(cli, "--format is text or json, not \"%s\"", format);
	cli->asker.password_fd = -1;
	if (fd) {
		value = number_of(fd, 1 << 20);
		if (value < 0 || fcntl((int)value, F_GETFD) < 0)
			return cli_usage(cli, "--password-fd %s is no open descriptor", fd);
		cli->asker.password_fd = (int)value;
	}
	cli->broker_uid = UINT32_MAX;
	value = uid ? number_of(uid, (long)UINT32_MAX - 1) : 0;
	if (value < 0)
		return cli_usage(cli, "--broker-uid is a number, not \"%s\"", uid);
	if (uid)
		cli->broker_uid = (uint32_t)value;
	value = wait ? number_of(wait, 86400) : 60;
	if (value <= 0)
		return cli_usage(cli, "--timeout is a number of seconds, not \"%s\"", wait);
	cli->timeout_ms = (int)value * 1000;
	if (cli->options[OPT_CARD].n + cli->options[OPT_KEY].n + cli->options[OPT_BADGE].n > 1)
		return cli_usage(cli, "one of --card, --key and --badge");
	if (seat && path)
		return cli_usage(cli, "either --seat or --socket");
	if (seat && (seat[0] == '\0' || strchr(seat, '/') || seat[0] == '.'))
		return cli_usage(cli, "\"%s\" is no name of a seat", seat);
	n = path ? snprintf(cli->socket, sizeof(cli->socket), "%s", path)
		 : snprintf(cli->socket, sizeof(cli->socket), "%s/%s", CW_RUNDIR,
	                    seat ? seat : "service");
	if (n < 0 || (size_t)n >= sizeof(cli->socket))
		return cli_usage(cli, "the path of the socket is too long");
	return CLI_YES;
}

/* ---- running ------------------------------------------------------------------------ */

int cli_connect(struct cli *cli) {
	uint32_t uid = 0;
	uint64_t result = 0;
	struct frame_writer *w = NULL;
	int r = call_open(&cli->call, cli->socket, cli->broker_uid, &uid);

	if (r == -EPERM && uid != 0)
		return cli_unknown(cli, "user %u answers at %s, and that is not the broker; nothing was "
		                   "asked. If it is, say --broker-uid %u", uid, cli->socket, uid);
	if (r < 0)
		return cli_unknown(cli, "no broker answers at %s: %s. Is carewardd running, and may you "
		                   "use this seat?", cli->socket, strerror(-r));
	w = call_begin(&cli->call, VERB_HELLO);
	frame_uint(w, "version", PROTOCOL_VERSION);
	frame_uint(w, "actions", 0);
	frame_text(w, "app", "careward");
	r = call_finish(&cli->call, -1, cli->timeout_ms, &result);
	if (r < 0 || result != RESULT_OK)
		return cli_unknown(cli, "the broker at %s does not greet: %s", cli->socket,
		                   r < 0 ? strerror(-r) : "refused");
	return CLI_YES;
}

static int connect_and_run(struct cli *cli, char **args, unsigned n) {
	int status = cli_connect(cli);

	if (status != CLI_YES)
		return status;
	status = cli->verb->run(cli, args, n);
	cli_sign_out(cli);
	return status;
}

static int run_words(struct cli *cli, const char **args) {
	unsigned n = 0, used = 0;
	char *words[8] = { NULL };
	bool asks_help = cli->options[OPT_HELP].n > 0;
	int status = CLI_YES;

	while (args && args[n])
		++n;
	if (cli->options[OPT_VERSION].n > 0) {
		(void)printf("careward %s\n", CW_VERSION);
		return CLI_YES;
	}
	if (n == 0)
		return cli->options[OPT_HELP].n > 0 ? help(NULL)
						    : cli_usage(NULL, "what? See careward --help");
	/* "help", "help user add", "user --help". */
	if (strcmp(args[0], "help") == 0) {
		if (n == 1)
			return help(NULL);
		++args;
		--n;
		asks_help = true;
	}
	if (asks_help && n == 1 && print_verbs(args[0]) > 0)
		return CLI_YES;
	status = take_verb(cli, args, n, &used);
	if (status != CLI_YES)
		return status;
	if (asks_help)
		return help(cli->verb);
	status = check_takes(cli, n - used);
	if (status == CLI_YES)
		status = take_values(cli);
	if (status == CLI_YES)
		status = cli_check_lengths(cli, args + used, n - used);
	if (status != CLI_YES)
		return status;
	for (unsigned i = used; i < n && i - used < ARRAY_SIZE(words); ++i)
		words[i - used] = strdup(args[i]);
	status = cli->verb->offline ? cli->verb->run(cli, words, n - used)
				    : connect_and_run(cli, words, n - used);
	for (unsigned i = 0; i < ARRAY_SIZE(words); ++i)
		free(words[i]);
	return status;
}

/* Nothing of ours may land behind a closed standard descriptor. */
static void fill_standard(void) {
	for (int fd = 0; fd < 3; ++fd)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
}

static void free_options(struct cli *cli) {
	for (unsigned o = 0; o < OPT_N; ++o)
		for (unsigned i = 0; i < cli->options[o].n; ++i)
			free(cli->options[o].list[i]);
}

int main(int argc, char **argv) {
	static struct cli cli;
	struct poptOption table[OPT_N] = { { 0 } };
	const char **args;
	poptContext context;
	int status;

	if (argc < 1)
		return CLI_USAGE;
	fill_standard();
	(void)setlocale(LC_ALL, "");
	output_init();
	for (unsigned o = OPT_NONE + 1; o < OPT_N; ++o)
		table[o - 1] = (struct poptOption){ .longName = option_rows[o].name,
						    .shortName = option_rows[o].letter,
						    .argInfo = option_rows[o].argument
								       ? POPT_ARG_STRING
								       : POPT_ARG_NONE,
						    .val = (int)o };
	cli.call.fd = -1;
	/* popt takes pointers to const; C does not convert two levels by itself. */
	memcpy(&args, &argv, sizeof(args));
	context = poptGetContext("careward", argc, args, table, 0);
	if (!context)
		return CLI_UNKNOWN;
	status = take_options(&cli, context);
	if (status == CLI_YES)
		status = run_words(&cli, poptGetArgs(context));
	call_close(&cli.call);
	poptFreeContext(context);
	free_options(&cli);
	if (fflush(stdout) != 0 && status == CLI_YES)
		status = CLI_UNKNOWN;
	return status;
}
