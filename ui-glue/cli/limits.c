/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is too long for the protocol, by the name of the option or argument
 *
 * Looked at before anything is asked: to the broker, a text that is too long is a
 * protocol error, and it hangs up on whoever is signed in.
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "policy/table.h"
#include "ui-glue/cli/cli.h"
#include "wire/frame.h"

static const struct {
	enum cli_option option;
	const char *name;
	size_t room; /* bytes, with the NUL */
} option_rooms[] = {
	{ OPT_AS, "as", LIMIT_NAME },
	{ OPT_SECOND, "second", LIMIT_NAME },
	{ OPT_ROLE, "role", POLICY_NAME_SIZE },
	{ OPT_ADD, "add", POLICY_NAME_SIZE },
	{ OPT_REMOVE, "remove", POLICY_NAME_SIZE },
	{ OPT_PERSON, "person", LIMIT_PERSON },
	{ OPT_DISPLAY, "display", LIMIT_NAME },
	{ OPT_NAME, "name", LIMIT_NAME },
	{ OPT_CONTEXT, "context", POLICY_NAME_SIZE },
	{ OPT_ACCOUNT, "account", LIMIT_NAME },
	{ OPT_EVENT, "event", FRAME_NAME_MAX },
	{ OPT_OUTCOME, "outcome", FRAME_NAME_MAX },
	{ OPT_TEXT, "text", LIMIT_TEXT },
	{ OPT_WORDS, "words", LIMIT_WORDS },
	{ OPT_LABEL, "label", LIMIT_NAME },
	{ OPT_REASON, "reason", LIMIT_TEXT },
};

/* Words of a verb's usage that travel as texts. */
static const struct {
	const char *word;
	size_t room;
} argument_rooms[] = {
	{ "NAME", LIMIT_NAME },
	{ "ACTION", POLICY_NAME_SIZE },
	{ "LABEL", LIMIT_NAME },
};

static int too_long(const struct cli *cli, const char *what, size_t room) {
	return cli_usage(cli, "%s is longer than %zu bytes, which is the most", what, room - 1);
}

static int check_options(const struct cli *cli) {
	char what[32];

	for (size_t i = 0; i < sizeof(option_rooms) / sizeof(option_rooms[0]); ++i) {
		const struct cli_values *v = &cli->options[option_rooms[i].option];

		for (unsigned k = 0; k < v->n; ++k) {
			if (strlen(v->list[k]) < option_rooms[i].room)
				continue;
			(void)snprintf(what, sizeof(what), "--%s", option_rooms[i].name);
			return too_long(cli, what, option_rooms[i].room);
		}
	}
	return CLI_YES;
}

/* Return: the room of the text that the usage line calls so; 0: it does not travel. */
static size_t argument_room(const char *word, size_t n) {
	for (size_t i = 0; i < sizeof(argument_rooms) / sizeof(argument_rooms[0]); ++i) {
		if (strlen(argument_rooms[i].word) == n &&
		    memcmp(argument_rooms[i].word, word, n) == 0)
			return argument_rooms[i].room;
	}
	return 0;
}

int cli_check_lengths(const struct cli *cli, const char *const *args, unsigned n) {
	const char *word = cli->verb->args;
	int status = check_options(cli);

	for (unsigned i = 0; i < n && status == CLI_YES; ++i) {
		size_t length, room;
		char what[32];

		word += strspn(word, " []");
		length = strcspn(word, " []");
		room = argument_room(word, length);
		(void)snprintf(what, sizeof(what), "%.*s", (int)length, word);
		if (room != 0 && strlen(args[i]) >= room)
			status = too_long(cli, what, room);
		word += length;
	}
	return status;
}
