/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UI_GLUE_CLI_CLI_H
#define UI_GLUE_CLI_CLI_H

/*
 * The command line: one table of verbs, one of options
 *
 * Every verb is a request of the protocol. A verb fills a struct ask, cli_ask()
 * carries it, signs in if the answer says so and repeats it once, and hands back
 * the reply as JSON, which is printed as it is or as text.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "ui-glue/cli/ask.h"
#include "ui-glue/cli/call.h"

/* Exit statuses; part of the interface. */
enum cli_exit {
	CLI_YES = 0,     /* yes, done                                                */
	CLI_NO = 1,      /* no, refused, not as it should be                         */
	CLI_USAGE = 2,   /* the command line is wrong; nothing was asked             */
	CLI_UNKNOWN = 3, /* could not be told: no broker, storage failed, ...        */
};

/* Every option. OPTION(symbol, "name", letter, "ARGUMENT" or NULL, "help") */
#define CLI_OPTIONS(OPTION)                                                                        \
	OPTION(SEAT, "seat", 0, "NAME", "seat whose socket is used (service)")                     \
	OPTION(SOCKET, "socket", 0, "PATH", "socket, instead of a seat's")                         \
	OPTION(AS, "as", 0, "NAME", "who signs in, if that is needed")                             \
	OPTION(SECOND, "second", 0, "NAME", "the second person, where one confirms")               \
	OPTION(CARD, "card", 0, NULL, "sign in or confirm with a smartcard")                       \
	OPTION(KEY, "key", 0, NULL, "sign in or confirm with a security key")                      \
	OPTION(BADGE, "badge", 0, NULL, "sign in with a badge")                                    \
	OPTION(PASSWORD_FD, "password-fd", 0, "N", "descriptor with one line for each secret")     \
	OPTION(BROKER_UID, "broker-uid", 0, "N", "a user id that the broker may have")             \
	OPTION(TIMEOUT, "timeout", 0, "S", "seconds to wait for an answer (60)")                   \
	OPTION(FORMAT, "format", 0, "FORMAT", "text or json (text)")                               \
	OPTION(YES, "yes", 'y', NULL, "answer yes where words have to be confirmed")               \
	OPTION(KIND, "kind", 'k', "KIND", "device, site or place (from the file's name)")          \
	OPTION(ROLE, "role", 'r', "ROLE", "a role; may be said again")                             \
	OPTION(ADD, "add", 0, "ROLE", "a role to give; may be said again")                         \
	OPTION(REMOVE, "remove", 0, "ROLE", "a role to take away; may be said again")              \
	OPTION(PERSON, "person", 0, "ID", "the hospital's id of the person")                       \
	OPTION(DISPLAY, "display", 0, "NAME", "the name to be shown")                              \
	OPTION(FROM, "from", 0, "TIME", "valid from: 2027-01-31, \"2027-01-31 18:00\" or +12h")    \
	OPTION(UNTIL, "until", 0, "TIME", "valid until; as above")                                 \
	OPTION(NAME, "name", 0, "NAME", "an account")                                              \
	OPTION(CONTEXT, "context", 'c', "CONTEXT", "a context of site.cfg")                        \
	OPTION(ACCOUNT, "account", 'a', "NAME", "entries about one account")                       \
	OPTION(EVENT, "event", 'e', "EVENT", "entries of one kind")                                \
	OPTION(EMERGENCY, "emergency", 0, "ID", "entries of one emergency")                        \
	OPTION(NUMBER, "number", 'n', "N", "so many (40)")                                         \
	OPTION(ALL, "all", 0, NULL, "everything")                                                  \
	OPTION(HEAD, "head", 0, "SEQ:HEX", "a head of the journal that was seen before")           \
	OPTION(ANCHOR, "anchor", 0, "HEX", "the anchor that careward init printed")                \
	OPTION(OUTCOME, "outcome", 'o', "OUTCOME", "justified, role-gap, refer or test")           \
	OPTION(TEXT, "text", 't', "TEXT", "a comment")                                             \
	OPTION(WORDS, "words", 'w', "TEXT", "what is confirmed, in exactly these words")            \
	OPTION(ELSEWHERE, "elsewhere", 0, NULL, "the second person signs at another seat")          \
	OPTION(REASON, "reason", 0, "TEXT", "why it is refused")                                   \
	OPTION(RECEIPT, "receipt", 0, "FILE", "file of the receipt")                               \
	OPTION(OBJECT, "object", 0, "FILE", "the file that a receipt is about")                    \
	OPTION(KEYS, "keys", 0, "FILE", "what careward keys wrote on the device")                  \
	OPTION(ACTION, "action", 0, "NAME", "the action that a receipt has to be about")            \
	OPTION(BY_TOKEN, "by-token", 0, NULL, "everybody's own token has to have signed")          \
	OPTION(TWO_PERSONS, "two-persons", 0, NULL, "two people have to have confirmed")           \
	OPTION(ONCE, "once", 0, "FILE", "list of receipts that were used: not one of them")        \
	OPTION(LABEL, "label", 'l', "TEXT", "what people call a token")                            \
	OPTION(DEVICE_KEY, "device-key", 0, "HEX", "the device that a file of tokens comes from")  \
	OPTION(HELP, "help", 'h', NULL, "say this, and nothing else")                              \
	OPTION(VERSION, "version", 'V', NULL, "say the version, and nothing else")

enum cli_option {
	OPT_NONE = 0,
#define OPTION(symbol, name, letter, argument, help) OPT_##symbol,
	CLI_OPTIONS(OPTION)
#undef OPTION
	OPT_N,
};

#define CLI_LIST_MAX 16u /* how often an option may be said                          */

struct cli_values {
	unsigned n;
	char *list[CLI_LIST_MAX]; /* heap                                             */
};

struct cli {
	struct cli_values options[OPT_N];
	bool json;
	int timeout_ms;
	uint32_t broker_uid;
	struct asker asker;
	char socket[108];
	const struct verb *verb;
	struct call call;
	bool signed_in;  /* by this program, so it signs out                            */
	bool named;      /* --as was used up: the next name is asked for                */
};

#define TAKES(symbol) (UINT64_C(1) << OPT_##symbol)

struct verb {
	const char *name;   /* "user add": one or two words                              */
	const char *args;   /* for the usage line                                        */
	unsigned n_min, n_max; /* arguments behind the name                              */
	uint64_t takes;     /* TAKES() of the options besides the common ones            */
	/* Return: enum cli_exit. */
	int (*run)(struct cli *cli, char **args, unsigned n);
	const char *help;
	bool offline;       /* speaks to no broker                                       */
};

extern const struct verb cli_verbs[];
extern const size_t cli_n_verbs;

/* The last value of an option; NULL: it was not given. */
const char *cli_option(const struct cli *cli, enum cli_option which);

/*
 * cli_check_lengths() - does every text fit into the protocol? (limits.c)
 * @args:  of the verb
 *
 * Return: CLI_YES; CLI_USAGE: said, by the option's or the argument's name.
 */
int cli_check_lengths(const struct cli *cli, const char *const *args, unsigned n);

/* Connects and greets. Return: CLI_YES; CLI_UNKNOWN: said already. */
int cli_connect(struct cli *cli);

/* A usage error. Return: CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Could not be told. Return: CLI_UNKNOWN. */
int cli_unknown(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- asking the broker (conversation.c) ------------------------------------------- */

struct ask {
	enum protocol_verb verb;
	void (*fill)(struct cli *cli, struct frame_writer *w, const void *data); /* NULL: nothing */
	const void *data;
	int fd;          /* descriptor that goes along; -1: none                          */
	int timeout_ms;  /* 0: the usual one                                              */
};

/*
 * cli_ask() - ask the broker, sign in if it says so, ask again
 * @ret_status:  enum cli_exit of the reply's result
 *
 * Return: the reply as an object, with "result" as a name, to be decref'd; NULL
 * when there is none: said already, and @ret_status set.
 */
json_t *cli_ask(struct cli *cli, const struct ask *ask, int *ret_status);

/* Prints a reply that is not ok: why, and what is near. Return: its enum cli_exit. */
int cli_refused(struct cli *cli, const json_t *reply, int status);

/*
 * cli_sign_in() - one conversation
 * @purpose:    enum cw_purpose
 * @ret_event:  how it ended; NULL: not wanted
 *
 * Return: CLI_YES; CLI_NO (over without a session, said already); CLI_UNKNOWN.
 */
int cli_sign_in(struct cli *cli, uint64_t purpose, struct call_event *ret_event);

/*
 * cli_converse() - a conversation that opens no session: recovery, a new password
 *
 * How it ended has been said. Return: CLI_YES; CLI_NO; CLI_UNKNOWN.
 */
int cli_converse(struct cli *cli, uint64_t purpose);

/* What the options choose to be proved with; nothing: what lies at the reader, or a password. */
void cli_put_factor(const struct cli *cli, struct frame_writer *w);

/*
 * cli_begin() - a request that begins a conversation without a session: enrolling
 *
 * Signs in first if the answer says so. Return: as cli_converse().
 */
int cli_begin(struct cli *cli, const struct ask *ask);

/*
 * cli_authorize() - confirm something, and get its receipt
 *
 * Return: as cli_sign_in(); the receipt is in @ret_event.
 */
int cli_authorize(struct cli *cli, const char *action, const uint8_t digest[static 32],
                  const char *object, const char *words, struct call_event *ret_event);

/* Signs out if this program signed in. */
void cli_sign_out(struct cli *cli);

/* ---- verbs, by noun ---------------------------------------------------------------- */

int run_init(struct cli *cli, char **args, unsigned n);      /* verbs-device.c */
int run_status(struct cli *cli, char **args, unsigned n);
int run_explain(struct cli *cli, char **args, unsigned n);
int run_check(struct cli *cli, char **args, unsigned n);     /* verbs-config.c */
int run_install(struct cli *cli, char **args, unsigned n);
int run_user_add(struct cli *cli, char **args, unsigned n);  /* verbs-users.c */
int run_user_list(struct cli *cli, char **args, unsigned n);
int run_user_disable(struct cli *cli, char **args, unsigned n);
int run_user_enable(struct cli *cli, char **args, unsigned n);
int run_user_reset(struct cli *cli, char **args, unsigned n);
int run_user_role(struct cli *cli, char **args, unsigned n);
int run_sign_in(struct cli *cli, char **args, unsigned n);
int run_password(struct cli *cli, char **args, unsigned n);
int run_recover(struct cli *cli, char **args, unsigned n);
int run_sign_out(struct cli *cli, char **args, unsigned n);
int run_token_enrol(struct cli *cli, char **args, unsigned n); /* verbs-tokens.c */
int run_token_list(struct cli *cli, char **args, unsigned n);
int run_token_rename(struct cli *cli, char **args, unsigned n);
int run_token_revoke(struct cli *cli, char **args, unsigned n);
int run_token_export(struct cli *cli, char **args, unsigned n); /* verbs-move.c */
int run_token_import(struct cli *cli, char **args, unsigned n);
int run_history(struct cli *cli, char **args, unsigned n);   /* verbs-audit.c */
int run_verify(struct cli *cli, char **args, unsigned n);
int run_review_list(struct cli *cli, char **args, unsigned n);
int run_review_close(struct cli *cli, char **args, unsigned n);
int run_approve(struct cli *cli, char **args, unsigned n);   /* verbs-approval.c */
int run_redeem(struct cli *cli, char **args, unsigned n);
int run_keys(struct cli *cli, char **args, unsigned n);
int run_approval_list(struct cli *cli, char **args, unsigned n);
int run_approval_sign(struct cli *cli, char **args, unsigned n);
int run_approval_refuse(struct cli *cli, char **args, unsigned n);
int run_approval_verify(struct cli *cli, char **args, unsigned n); /* approval-verify.c */

#endif
