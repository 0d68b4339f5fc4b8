/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that may turn into a conversation with the person at the terminal. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <careward/result.h>
#include <careward/sign_in.h>

#include "common/cleanup.h"
#include "ui-glue/cli/choices.h"
#include "ui-glue/cli/cli.h"
#include "ui-glue/cli/output.h"
#include "ui-glue/messages/messages.h"

/* Hands get as long as the broker gives them, which it ends itself. */
#define HANDS_MS 180000
#define TRIES_NOT_KNOWN 255u

/* What the results of the protocol mean for a script. */
static const uint8_t status_of_result[RESULT_N] = {
	[RESULT_OK] = CLI_YES,         [RESULT_DENIED] = CLI_NO,
	[RESULT_BUSY] = CLI_UNKNOWN,   [RESULT_NOT_FOUND] = CLI_NO,
	[RESULT_INVALID] = CLI_NO,     [RESULT_EXISTS] = CLI_NO,
	[RESULT_STALE] = CLI_NO,       [RESULT_NOT_RECORDED] = CLI_UNKNOWN,
	[RESULT_NOT_READY] = CLI_UNKNOWN, [RESULT_FAILED] = CLI_UNKNOWN,
	[RESULT_LAST_ADMIN] = CLI_NO,
};

static int trouble(const struct cli *cli, int error) {
	switch (error) {
	case -ETIMEDOUT:
		return cli_unknown(cli, "the broker does not answer; --timeout waits longer");
	case -EPIPE:
		return cli_unknown(cli, "the broker closed the connection");
	case -EBADMSG:
		return cli_unknown(cli, "the broker's answer cannot be read");
	case -EMSGSIZE:
		return cli_unknown(cli, "that is too long, or not UTF-8");
	default:
		return cli_unknown(cli, "%s", strerror(-error));
	}
}

/* ---- prompts ------------------------------------------------------------------------- */

static void say_message(const char *message) {
	cleanup_(free_charp) char *line = NULL;
	size_t n = 0;
	FILE *out = NULL;

	if (message_text(message)[0] == '\0')
		return;
	out = open_memstream(&line, &n);
	if (!out)
		return;
	output_clean(out, message_text(message));
	if (fclose(out) == 0)
		ask_say(line);
}

static void say_text(const char *text) {
	cleanup_(free_charp) char *line = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&line, &n);

	if (!out)
		return;
	output_clean(out, text);
	if (fclose(out) == 0)
		ask_say(line);
}

static void say_choices(const char *text) {
	char line[LIMIT_WORDS];

	for (unsigned i = 0; choices_line(text, i, line, sizeof(line)); ++i)
		say_text(line);
}

/* Answers that the options have; true: @ret_answer is set. */
static bool answer_from_options(struct cli *cli, const struct call_event *prompt,
                                struct secret *ret_answer) {
	const char *text = NULL;

	if (prompt->field == CW_FIELD_NAME) {
		text = cli_option(cli, cli->named ? OPT_SECOND : OPT_AS);
		cli->named = true;
	}
	/* --yes confirms words; it does not risk the last try of a PIN. */
	if (prompt->field == CW_FIELD_CONFIRM && cli->options[OPT_YES].n > 0 &&
	    strcmp(prompt->message, "pin-last-try") != 0)
		text = "yes";
	return text && secret_set(ret_answer, text, strlen(text));
}

/* The second person does not come here: the broker tells what is signed elsewhere. */
static bool is_for_others(const struct cli *cli, const struct call_event *prompt) {
	return cli->options[OPT_ELSEWHERE].n > 0 && prompt->field == CW_FIELD_NAME && cli->named &&
	       !cli_option(cli, OPT_SECOND);
}

/* Nothing is typed: a hand has to move, and the broker sees that by itself. */
static bool is_for_hands(const struct call_event *prompt) {
	return prompt->field == CW_FIELD_TOUCH || prompt->field == CW_FIELD_INSERT;
}

static void say_prompt(struct cli *cli, const struct call_event *prompt) {
	char tries[64];

	/* Who answers by a descriptor is told of faults, not of plain questions. */
	if (cli->asker.password_fd < 0 || !prompt->secret || strncmp(prompt->message, "ask-", 4) != 0)
		say_message(prompt->message);
	if (prompt->field == CW_FIELD_CHOICE)
		say_choices(prompt->text);
	else if (prompt->text[0] != '\0')
		say_text(prompt->text);
	if (prompt->tries != UINT64_MAX && prompt->tries != TRIES_NOT_KNOWN) {
		(void)snprintf(tries, sizeof(tries), prompt->tries == 1 ? "%llu try left" : "%llu tries left",
		               (unsigned long long)prompt->tries);
		ask_say(tries);
	}
}

static int answer_prompt(struct cli *cli, const struct call_event *prompt, struct secret *ret) {
	const char *name = message_name(MESSAGE_FIELD, (unsigned long)prompt->field);
	char label[96];
	int r;

	say_prompt(cli, prompt);
	if (answer_from_options(cli, prompt, ret))
		return 0;
	(void)snprintf(label, sizeof(label), "%s",
	               message_words(MESSAGE_FIELD, (unsigned long)prompt->field));
	/* An unknown field might ask for a secret of a kind that we do not know. */
	r = ask_line(&cli->asker, label, prompt->secret || strcmp(name, "unknown") == 0, ret);
	if (r == 0 && prompt->field == CW_FIELD_CHOICE)
		choices_answer(prompt->text, ret);
	return r;
}

static int send_answer(struct cli *cli, uint64_t attempt, const struct secret *answer) {
	struct frame_writer *w = call_begin(&cli->call, VERB_ATTEMPT_ANSWER);
	uint64_t result = 0;
	int r;

	frame_uint(w, "attempt", attempt);
	frame_bytes(w, "value", answer->bytes, answer->n);
	r = call_finish(&cli->call, -1, cli->timeout_ms, &result);
	if (r < 0)
		return trouble(cli, r);
	if (result != RESULT_OK)
		return cli_unknown(cli, "the conversation was broken off");
	return CLI_YES;
}

static void cancel(struct cli *cli, uint64_t attempt) {
	struct frame_writer *w = call_begin(&cli->call, VERB_ATTEMPT_CANCEL);
	uint64_t result = 0;

	frame_uint(w, "attempt", attempt);
	(void)call_finish(&cli->call, -1, cli->timeout_ms, &result);
}

static int say_no_answer(const struct cli *cli, int error) {
	if (error == -ENXIO)
		return cli_unknown(cli, "there is no terminal to ask on; secrets may come through "
		                   "--password-fd, names through --as and --second");
	if (error == -ENODATA)
		return cli_unknown(cli, "nothing more was typed, or --password-fd has no more lines");
	if (error == -E2BIG)
		return cli_unknown(cli, "that is longer than anything that is accepted");
	return cli_unknown(cli, "cannot ask: %s", strerror(-error));
}

/* Four conversations succeed without opening a session. */
static bool is_done(const struct call_event *over) {
	return strcmp(over->message, "recovered") == 0 || strcmp(over->message, "enrolled") == 0 ||
	       strcmp(over->message, "password-changed") == 0 ||
	       strcmp(over->message, "countersigned") == 0;
}

static int say_over(struct cli *cli, const struct call_event *over) {
	char wait[OUTPUT_TIME] = "";
	bool done = is_done(over);
	json_t *object = NULL;

	if (over->wait_ms > 0)
		output_wait(over->wait_ms, wait);
	if (cli->json) {
		object = json_pack("{s:s, s:s, s:I, s:s*}", "result", done ? "ok" : "refused",
		                   "message", over->message, "wait_ms", (json_int_t)over->wait_ms,
		                   "text", over->text[0] != '\0' ? over->text : NULL);
		(void)output_json(object);
		json_decref(object);
	} else if (done) {
		(void)printf("%s\n", message_text(over->message));
	} else {
		(void)cli_usage(cli, "%s%s%s%s%s%s", message_text(over->message),
		                wait[0] != '\0' ? " (" : "", wait, wait[0] != '\0' ? ")" : "",
		                over->text[0] != '\0' ? " " : "", over->text);
	}
	if (done)
		return CLI_YES;
	return strcmp(over->message, "busy") == 0 || strcmp(over->message, "storage-failed") == 0
		       ? CLI_UNKNOWN
		       : CLI_NO;
}

/* Answers what is asked until it is over. */
static int converse(struct cli *cli, uint64_t attempt, struct call_event *ret_event) {
	int r, status, more_ms = 0;
	struct call_event event;

	for (;;) {
		cleanup_(secret_wipe) struct secret answer = { 0 };

		r = call_event(&cli->call, attempt, cli->timeout_ms + more_ms, &event);
		if (r < 0)
			return trouble(cli, r);
		if (event.kind == CALL_EVENT_OVER)
			return say_over(cli, &event);
		if (event.kind != CALL_EVENT_PROMPT)
			break;
		more_ms = is_for_hands(&event) || is_for_others(cli, &event) ? HANDS_MS : 0;
		if (is_for_others(cli, &event)) {
			say_message("waiting-elsewhere");
			continue;
		}
		if (more_ms > 0) {
			say_prompt(cli, &event);
			continue;
		}
		r = answer_prompt(cli, &event, &answer);
		if (r < 0) {
			cancel(cli, attempt);
			return say_no_answer(cli, r);
		}
		status = send_answer(cli, attempt, &answer);
		if (status != CLI_YES)
			return status;
	}
	if (ret_event)
		*ret_event = event;
	return CLI_YES;
}

/* A conversation begins, or why not. */
static int begun(struct cli *cli, uint64_t result, struct call_event *ret_event) {
	uint64_t attempt = 0;
	json_t *reply = NULL;
	int status;

	if (result == RESULT_OK) {
		if (frame_get_uint(cli->call.reply.body, "attempt", &attempt) < 0)
			return trouble(cli, -EBADMSG);
		return converse(cli, attempt, ret_event);
	}
	reply = output_from_frame(cli->call.reply.body);
	status = cli_refused(cli, reply,
	                     result < RESULT_N ? status_of_result[result] : CLI_UNKNOWN);
	json_decref(reply);
	return status;
}

/* The reply to attempt.begin or authorize. */
static int begin(struct cli *cli, struct call_event *ret_event) {
	uint64_t result = 0;
	int r = call_finish(&cli->call, -1, cli->timeout_ms, &result);

	return r < 0 ? trouble(cli, r) : begun(cli, result, ret_event);
}

void cli_put_factor(const struct cli *cli, struct frame_writer *w) {
	static const struct {
		enum cli_option option;
		enum cw_factor factor;
	} factors[] = {
		{ OPT_CARD, CW_FACTOR_SMARTCARD },
		{ OPT_KEY, CW_FACTOR_FIDO2 },
		{ OPT_BADGE, CW_FACTOR_BADGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(factors); ++i) {
		if (cli->options[factors[i].option].n == 0)
			continue;
		frame_uint(w, "factor", (uint64_t)factors[i].factor);
		return;
	}
}

int cli_sign_in(struct cli *cli, uint64_t purpose, struct call_event *ret_event) {
	struct frame_writer *w = call_begin(&cli->call, VERB_ATTEMPT_BEGIN);
	struct call_event event = { 0 };
	int status;

	frame_uint(w, "purpose", purpose);
	if (cli_option(cli, OPT_AS)) {
		if (purpose == CW_PURPOSE_SIGN_IN)
			frame_text(w, "name", cli_option(cli, OPT_AS));
		cli->named = true;
	}
	cli_put_factor(cli, w);
	status = begin(cli, &event);
	if (status == CLI_YES && event.kind != CALL_EVENT_SIGNED_IN)
		return trouble(cli, -EBADMSG);
	if (status == CLI_YES && purpose == CW_PURPOSE_SIGN_IN)
		cli->signed_in = true;
	if (status == CLI_YES && ret_event)
		*ret_event = event;
	return status;
}

int cli_converse(struct cli *cli, uint64_t purpose) {
	struct frame_writer *w = call_begin(&cli->call, VERB_ATTEMPT_BEGIN);

	frame_uint(w, "purpose", purpose);
	/* The only name that is asked for is that of the new administrator: --as. */
	return begin(cli, NULL);
}

int cli_authorize(struct cli *cli, const char *action, const uint8_t digest[static 32],
                  const char *object, const char *words, struct call_event *ret_event) {
	struct frame_writer *w = call_begin(&cli->call, VERB_AUTHORIZE);
	int status;

	frame_text(w, "action", action);
	frame_bytes(w, "digest", digest, 32);
	frame_text(w, "object", object);
	frame_text(w, "words", words);
	cli_put_factor(cli, w);
	cli->named = true; /* whoever confirms is told by --second, not by --as */
	status = begin(cli, ret_event);
	if (status == CLI_YES && ret_event->kind != CALL_EVENT_AUTHORIZED)
		return trouble(cli, -EBADMSG);
	return status;
}

static bool sign_out(struct cli *cli) {
	uint64_t result = RESULT_FAILED;

	(void)call_begin(&cli->call, VERB_SIGN_OUT);
	return call_finish(&cli->call, -1, cli->timeout_ms, &result) == 0 && result == RESULT_OK;
}

/* A session belongs to its seat, not to the connection, which may have ended. */
static bool sign_out_anew(struct cli *cli) {
	call_close(&cli->call);
	return cli_connect(cli) == CLI_YES && sign_out(cli);
}

void cli_sign_out(struct cli *cli) {
	if (!cli->signed_in)
		return;
	if (!sign_out(cli) && !sign_out_anew(cli))
		(void)fprintf(stderr, "careward: could not sign out: the seat locks by itself\n");
	cli->signed_in = false;
}

/* ---- requests ---------------------------------------------------------------------- */

static int carry(struct cli *cli, const struct ask *ask, uint64_t *ret_result) {
	struct frame_writer *w = call_begin(&cli->call, ask->verb);

	if (ask->fill)
		ask->fill(cli, w, ask->data);
	return call_finish(&cli->call, ask->fd,
	                   ask->timeout_ms > 0 ? ask->timeout_ms : cli->timeout_ms, ret_result);
}

/* What a denied request asks of us. Return: enum cw_purpose; 0: nothing helps. */
static uint64_t way_in(const struct cli *cli) {
	uint64_t verdict = 0, reason = 0;

	if (frame_get_uint(cli->call.reply.body, "verdict", &verdict) < 0 ||
	    frame_get_uint(cli->call.reply.body, "reason", &reason) < 0)
		return 0;
	switch (verdict) {
	case CW_SIGN_IN:
		return CW_PURPOSE_SIGN_IN;
	case CW_UNLOCK:
		/* Whoever is named takes over; only the owner unlocks. */
		return cli_option(cli, OPT_AS) ? CW_PURPOSE_SIGN_IN : CW_PURPOSE_UNLOCK;
	case CW_REAUTH:
		return CW_PURPOSE_REAUTH;
	default:
		/* Somebody without the right is signed in; somebody else was named. */
		return verdict == CW_DENY && reason == CW_REASON_ROLE && cli_option(cli, OPT_AS) &&
				       !cli->signed_in
			       ? CW_PURPOSE_SIGN_IN
			       : 0;
	}
}

static bool may_ask(const struct cli *cli) {
	return (cli->verb->takes & TAKES(AS)) != 0;
}

/* Asks; signs in if the answer says so, and asks again. Return: CLI_YES: there is a reply. */
static int ask_again(struct cli *cli, const struct ask *ask, uint64_t *ret_result) {
	uint64_t purpose = 0;
	int status, r = carry(cli, ask, ret_result);

	if (r == 0 && *ret_result == RESULT_DENIED && may_ask(cli)) {
		purpose = way_in(cli);
		if (purpose != 0) {
			status = cli_sign_in(cli, purpose, NULL);
			if (status != CLI_YES)
				return status;
			r = carry(cli, ask, ret_result);
		}
	}
	return r < 0 ? trouble(cli, r) : CLI_YES;
}

json_t *cli_ask(struct cli *cli, const struct ask *ask, int *ret_status) {
	uint64_t result = 0;
	json_t *reply = NULL;

	*ret_status = ask_again(cli, ask, &result);
	if (*ret_status != CLI_YES)
		return NULL;
	reply = output_from_frame(cli->call.reply.body);
	explicit_bzero(cli->call.in, sizeof(cli->call.in));
	if (!reply) {
		*ret_status = trouble(cli, -EBADMSG);
		return NULL;
	}
	*ret_status = result < RESULT_N ? (int)status_of_result[result] : CLI_UNKNOWN;
	return reply;
}

int cli_begin(struct cli *cli, const struct ask *ask) {
	uint64_t result = 0;
	int status = ask_again(cli, ask, &result);

	return status == CLI_YES ? begun(cli, result, NULL) : status;
}

int cli_refused(struct cli *cli, const json_t *reply, int status) {
	const char *message = json_text(reply, "message"), *near = json_text(reply, "nearest");
	const char *words = message_text(message);

	if (cli->json) {
		(void)output_json(reply);
		return status;
	}
	if (message[0] == '\0') {
		/* Names, not numbers: the sentence is looked up by walking the list. */
		const char *name = json_text(reply, "reason");

		words = NULL;
		for (unsigned i = 0; i < CW_N_REASONS && !words; ++i)
			if (strcmp(message_name(MESSAGE_REASON, i), name) == 0)
				words = message_words(MESSAGE_REASON, i);
		for (unsigned i = 0; i < RESULT_N && !words; ++i)
			if (strcmp(message_name(MESSAGE_RESULT, i), json_text(reply, "result")) == 0)
				words = message_words(MESSAGE_RESULT, i);
	}
	(void)cli_usage(cli, near[0] != '\0' ? "%s Did you mean \"%s\"?" : "%s%s",
	                words ? words : "refused", near);
	return status;
}
