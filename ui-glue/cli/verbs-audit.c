/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, whether it can be believed, and what has to be looked at. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/output.h"
#include "ui-glue/messages/messages.h"

#define VERIFY_TIMEOUT_MS (3600 * 1000)
#define PREFIX_MIN 4u

/* Hexadecimal text to bytes. Return: how many; -1: not hexadecimal, or too long. */
static int bytes_from(const char *hex, uint8_t *ret, size_t room) {
	size_t n = strlen(hex);

	if (n % 2 != 0 || n / 2 > room || strspn(hex, "0123456789abcdefABCDEF") != n)
		return -1;
	for (size_t i = 0; i < n / 2; ++i) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		ret[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return (int)(n / 2);
}

/* ---- history -------------------------------------------------------------------------- */

struct history {
	uint64_t before;
	uint64_t n;
	bool has_emergency;
	uint8_t emergency[16];
};

static void fill_history(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct history *h = data;

	if (h->before != 0)
		frame_uint(w, "before", h->before);
	if (h->n != 0)
		frame_uint(w, "n", h->n);
	if (cli_option(cli, OPT_ACCOUNT))
		frame_text(w, "name", cli_option(cli, OPT_ACCOUNT));
	if (cli_option(cli, OPT_EVENT))
		frame_text(w, "event", cli_option(cli, OPT_EVENT));
	if (h->has_emergency)
		frame_bytes(w, "emergency", h->emergency, sizeof(h->emergency));
}

static void show_when(const json_t *row, const json_t *value, char *cell, size_t room) {
	char text[OUTPUT_TIME];

	output_time(json_integer_value(value), strcmp(json_text(row, "trust"), "trusted") == 0, text);
	(void)snprintf(cell, room, "%s", text);
}

#define FLAG_CLAIMED 0x01
#define FLAG_LATE 0x02
#define FLAG_EMERGENCY 0x08
#define FLAG_WAIVED 0x10

static void show_who(const json_t *row, const json_t *value, char *cell, size_t room) {
	const char *who = json_text(row, "who"), *name = json_text(row, "name");

	if (who[0] != '\0')
		(void)snprintf(cell, room, "%s", who);
	else if (name[0] != '\0')
		(void)snprintf(cell, room, "\"%s\"%s", name,
		               json_number(row, "flags") & FLAG_CLAIMED ? " (claimed)" : "");
	else
		(void)snprintf(cell, room, "%s", json_number(row, "account") != 0 ? "?" : "-");
}

/* Everything else of an entry, in one cell. */
static void show_rest(const json_t *row, const json_t *value, char *cell, size_t room) {
	static const char *const keys[] = { "action", "object", "whom", "context", "detail", "text" };
	long long flags = (long long)json_number(row, "flags");
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && n + 1 < room; ++i) {
		const char *text = json_text(row, keys[i]);

		if (text[0] != '\0')
			n += (size_t)snprintf(cell + n, room - n, "%s%s", n > 0 ? " " : "", text);
	}
	if (strcmp(json_text(row, "outcome"), "refused") == 0 && n + 1 < room &&
	    strcmp(json_text(row, "reason"), "none") != 0)
		n += (size_t)snprintf(cell + n, room - n, " [%s]", json_text(row, "reason"));
	if (n + 1 < room)
		(void)snprintf(cell + n, room - n, "%s%s%s", flags & FLAG_EMERGENCY ? " [emergency]" : "",
		               flags & FLAG_LATE ? " [late]" : "", flags & FLAG_WAIVED ? " [waived]" : "");
}

static const struct column history_columns[] = {
	{ "no", "seq", NULL },        { "when", "wall_ms", show_when },
	{ "event", "event", NULL },   { "outcome", "outcome", NULL },
	{ "who", "account", show_who }, { "what", "seq", show_rest },
};

static int take_history(struct cli *cli, struct history *h, uint64_t *ret_wanted) {
	const char *number = cli_option(cli, OPT_NUMBER), *id = cli_option(cli, OPT_EMERGENCY);
	char *end = NULL;

	*ret_wanted = 40;
	if (cli->options[OPT_ALL].n > 0)
		*ret_wanted = UINT64_MAX;
	if (number) {
		errno = 0;
		*ret_wanted = strtoull(number, &end, 10);
		if (errno != 0 || number[0] < '0' || number[0] > '9' || *end != '\0' ||
		    *ret_wanted == 0)
			return cli_usage(cli, "--number is a number from 1, not \"%s\"", number);
	}
	h->has_emergency = id != NULL;
	if (id && bytes_from(id, h->emergency, 16) != 16)
		return cli_usage(cli, "--emergency is an id of 32 hexadecimal digits");
	return CLI_YES;
}

int run_history(struct cli *cli, char **args, unsigned n) {
	struct history h = { 0 };
	const struct ask ask = { VERB_HISTORY, fill_history, &h, -1, 0 };
	json_t *all = json_array(), *reply = NULL, *object = NULL;
	uint64_t wanted = 0;
	int status = take_history(cli, &h, &wanted);

	while (status == CLI_YES) {
		h.n = wanted - json_array_size(all) < 40 ? wanted - json_array_size(all) : 40;
		reply = cli_ask(cli, &ask, &status);
		if (reply && status != CLI_YES)
			status = cli_refused(cli, reply, status);
		if (reply && status == CLI_YES)
			(void)json_array_extend(all, json_object_get(reply, "entries"));
		h.before = (uint64_t)json_number(reply, "next");
		json_decref(reply);
		if (h.before == 0 || json_array_size(all) >= wanted)
			break;
	}
	if (status == CLI_YES && cli->json) {
		object = json_pack("{s:s, s:O, s:I}", "result", "ok", "entries", all, "next",
		                   (json_int_t)h.before);
		status = output_json(object) == 0 ? CLI_YES : CLI_UNKNOWN;
		json_decref(object);
	} else if (status == CLI_YES) {
		output_table(all, history_columns, ARRAY_SIZE(history_columns), "No entries.");
		if (h.before != 0)
			(void)printf("There are older entries: --all shows them.\n");
	}
	json_decref(all);
	return status;
}

/* ---- verify --------------------------------------------------------------------------- */

struct verify {
	bool has_head;
	bool has_anchor;
	uint8_t head[40];
	uint8_t anchor[32];
};

static void fill_verify(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct verify *v = data;

	if (v->has_head)
		frame_bytes(w, "head", v->head, sizeof(v->head));
	if (v->has_anchor)
		frame_bytes(w, "anchor", v->anchor, sizeof(v->anchor));
}

static int take_verify(struct cli *cli, struct verify *v) {
	const char *head = cli_option(cli, OPT_HEAD), *anchor = cli_option(cli, OPT_ANCHOR);
	char *end = NULL;
	unsigned long long seq = 0;

	if (head) {
		errno = 0;
		seq = strtoull(head, &end, 10);
		if (errno != 0 || head[0] < '0' || head[0] > '9' || *end != ':' ||
		    bytes_from(end + 1, v->head + 8, 32) != 32)
			return cli_usage(cli, "--head is SEQ:HEX with 64 hexadecimal digits, "
			                 "as status and verify print it");
		put_le64(v->head, (uint64_t)seq);
		v->has_head = true;
	}
	if (anchor && bytes_from(anchor, v->anchor, 32) != 32)
		return cli_usage(cli, "--anchor has 64 hexadecimal digits, as init printed it");
	v->has_anchor = anchor != NULL;
	return CLI_YES;
}

/* The reply's 40 bytes become SEQ:HEX, as --head takes it. */
static void rewrite_head(json_t *reply) {
	uint8_t bytes[40];
	char text[96];

	if (bytes_from(json_text(reply, "head"), bytes, sizeof(bytes)) != 40)
		return;
	(void)snprintf(text, sizeof(text), "%llu:", (unsigned long long)get_le64(bytes));
	hex_encode(text + strlen(text), bytes + 8, 32);
	(void)json_object_set_new(reply, "head", json_string(text));
}

static const char *finding_words(const char *name) {
	for (unsigned i = 0; i < 64; ++i)
		if (strcmp(message_name(MESSAGE_FINDING, i), name) == 0)
			return message_words(MESSAGE_FINDING, i);
	return "The journal is not as it should be.";
}

static void print_verify(const json_t *v, bool has_head) {
	(void)printf("%s\n", finding_words(json_text(v, "finding")));
	if (!json_true_at(v, "ok")) {
		if (json_number(v, "seq") != 0)
			(void)printf("Where:     %lld\n", (long long)json_number(v, "seq"));
		(void)printf("What:      ");
		output_clean(stdout, json_text(v, "what"));
		(void)putchar('\n');
	}
	(void)printf("Entries:   %lld, in %lld sealed epochs; %lld after the last seal\n",
	             (long long)json_number(v, "entries"), (long long)json_number(v, "epochs"),
	             (long long)json_number(v, "open"));
	if (json_number(v, "erased") > 0)
		(void)printf("Erased:    %lld texts\n", (long long)json_number(v, "erased"));
	(void)printf("Head:      %s\n", json_text(v, "head"));
	if (json_true_at(v, "rollback_excluded"))
		(void)printf("The head that was given is part of it: nothing was rolled back to before it.\n");
	else if (has_head)
		(void)printf("rollback of the whole store not excluded by the head that was given\n");
	else
		(void)printf("rollback of the whole store not excluded: give --head SEQ:HEX, "
		             "seen outside the device\n");
}

int run_verify(struct cli *cli, char **args, unsigned n) {
	struct verify v = { 0 };
	const struct ask ask = { VERB_VERIFY, fill_verify, &v, -1, VERIFY_TIMEOUT_MS };
	json_t *reply = NULL;
	int status = take_verify(cli, &v);

	if (status != CLI_YES)
		return status;
	reply = cli_ask(cli, &ask, &status);
	if (!reply)
		return status;
	if (status != CLI_YES) {
		status = cli_refused(cli, reply, status);
		json_decref(reply);
		return status;
	}
	rewrite_head(reply);
	if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		print_verify(reply, v.has_head);
	if (status == CLI_YES && !json_true_at(reply, "ok"))
		status = CLI_NO;
	json_decref(reply);
	return status;
}

/* ---- reviews -------------------------------------------------------------------------- */

static void show_time(const json_t *row, const json_t *value, char *cell, size_t room) {
	char text[OUTPUT_TIME] = "-";

	if (json_integer_value(value) != 0)
		output_time(json_integer_value(value), true, text);
	(void)snprintf(cell, room, "%s", text);
}

static void show_claimed(const json_t *row, const json_t *value, char *cell, size_t room) {
	const char *who = json_text(row, "who"), *claimed = json_text(row, "claimed");

	if (who[0] != '\0')
		(void)snprintf(cell, room, "%s (identified)", who);
	else
		(void)snprintf(cell, room, "%s%s", claimed[0] != '\0' ? claimed : "-",
		               claimed[0] != '\0' ? " (claimed)" : "");
}

static void show_state(const json_t *row, const json_t *value, char *cell, size_t room) {
	(void)snprintf(cell, room, "%s%s", json_text(row, "state"),
	               json_true_at(row, "overdue") ? ", overdue" : "");
}

static void show_why(const json_t *row, const json_t *value, char *cell, size_t room) {
	const char *reason = json_text(row, "reason"), *text = json_text(row, "text");

	(void)snprintf(cell, room, "%s%s%s", reason[0] != '\0' ? reason : "-",
	               text[0] != '\0' ? ": " : "", text);
}

static const struct column review_columns[] = {
	{ "id", "id", NULL },             { "began", "started_ms", show_time },
	{ "ended", "ended_ms", show_time }, { "state", "state", show_state },
	{ "who", "claimed", show_claimed }, { "uses", "uses", NULL },
	{ "reason", "reason", show_why },
};

static void fill_all(struct cli *cli, struct frame_writer *w, const void *data) {
	const bool *all = data;

	if (*all)
		frame_bool(w, "all", true);
}

int run_review_list(struct cli *cli, char **args, unsigned n) {
	const bool all = cli->options[OPT_ALL].n > 0;
	const struct ask ask = { VERB_REVIEW_LIST, fill_all, &all, -1, 0 };
	int status = CLI_YES;
	json_t *reply = cli_ask(cli, &ask, &status);

	if (!reply)
		return status;
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	else if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		output_table(json_object_get(reply, "reviews"), review_columns,
		             ARRAY_SIZE(review_columns), "No emergency waits for a review.");
	if (!cli->json && json_true_at(reply, "more"))
		(void)printf("There are more: these come first.\n");
	json_decref(reply);
	return status;
}

struct closing {
	uint8_t id[16];
};

static void fill_close(struct cli *cli, struct frame_writer *w, const void *data) {
	const struct closing *c = data;

	frame_bytes(w, "id", c->id, sizeof(c->id));
	frame_text(w, "outcome", cli_option(cli, OPT_OUTCOME));
	if (cli_option(cli, OPT_TEXT))
		frame_text(w, "text", cli_option(cli, OPT_TEXT));
}

/* The beginning of an id names it, if it names one only. */
static int find_review(struct cli *cli, const char *typed, uint8_t ret_id[static 16]) {
	const bool all = true;
	const struct ask ask = { VERB_REVIEW_LIST, fill_all, &all, -1, 0 };
	int status = CLI_YES, found = 0;
	json_t *reply = NULL;
	const json_t *reviews = NULL;

	if (bytes_from(typed, ret_id, 16) == 16)
		return CLI_YES;
	if (strlen(typed) < PREFIX_MIN || strspn(typed, "0123456789abcdef") != strlen(typed))
		return cli_usage(cli, "ID is a review's id, or its first %u or more digits", PREFIX_MIN);
	reply = cli_ask(cli, &ask, &status);
	if (!reply)
		return status;
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	reviews = json_object_get(reply, "reviews");
	for (size_t i = 0; status == CLI_YES && i < json_array_size(reviews); ++i) {
		const char *id = json_text(json_array_get(reviews, i), "id");

		if (strncmp(id, typed, strlen(typed)) == 0 && bytes_from(id, ret_id, 16) == 16)
			++found;
	}
	json_decref(reply);
	if (status == CLI_YES && found != 1)
		status = cli_unknown(cli, found == 0 ? "there is no emergency %s"
						     : "more than one emergency begins with %s", typed);
	return status == CLI_UNKNOWN && found != 1 ? CLI_NO : status;
}

int run_review_close(struct cli *cli, char **args, unsigned n) {
	struct closing c;
	const struct ask ask = { VERB_REVIEW_CLOSE, fill_close, &c, -1, 0 };
	json_t *reply = NULL;
	int status = CLI_YES;

	if (!cli_option(cli, OPT_OUTCOME))
		return cli_usage(cli, "--outcome is missing: justified, role-gap, refer or test");
	status = find_review(cli, args[0], c.id);
	if (status != CLI_YES)
		return status;
	reply = cli_ask(cli, &ask, &status);
	if (!reply)
		return status;
	if (status != CLI_YES)
		status = cli_refused(cli, reply, status);
	else if (cli->json)
		status = output_json(reply) == 0 ? CLI_YES : CLI_UNKNOWN;
	else
		(void)printf("Closed as %s.\n", cli_option(cli, OPT_OUTCOME));
	json_decref(reply);
	return status;
}
