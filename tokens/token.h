/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOKENS_TOKEN_H
#define TOKENS_TOKEN_H

/*
 * What a person holds: one vtable, one table, one file for each kind
 *
 * Everything behind this vtable runs in careward-token, the only process that
 * loads third-party code for cards, keys and readers: own user, filter, limits,
 * exactly the environment that site.cfg lists. Nothing that it says is believed:
 * the engine verifies every signature itself (verify.h), over a challenge of its
 * own (challenge.h).
 *
 * A helper is started and initialised ahead, takes one job, and ends. Calls may
 * block for as long as a card or a person takes: the keeper kills the process at
 * its deadline.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <careward/result.h>

#include "common/limits.h"
#include "common/secret.h"
#include "policy/token-rules.h"

#define TOKEN_CANDIDATES_MAX 8u  /* certificates or keys offered in one look       */
#define TOKEN_CREDENTIALS_MAX 8u /* security keys of one account                   */
#define TOKEN_SIGNATURE_MAX 1024u
#define TOKEN_CERTIFICATE_MAX 4096u
#define TOKEN_CREDENTIAL_MAX 512u
#define TOKEN_AUTHDATA_MAX 2048u
#define TOKEN_STATEMENT_MAX 4096u

/* Why a helper could not. Numbers travel in frames. Each is a message id. */
enum token_error {
	TOKEN_OK = 0,
	TOKEN_ABSENT,       /* "token-absent": no card, no key                      */
	TOKEN_REMOVED,      /* "token-removed": taken away in the middle             */
	TOKEN_READER_GONE,  /* "reader-unavailable": no reader, service down         */
	TOKEN_PIN_WRONG,    /* "pin-wrong": tries_left says how many remain          */
	TOKEN_PIN_LOCKED,   /* "pin-locked"                                          */
	TOKEN_PIN_INVALID,  /* "pin-invalid": empty or of a length that none has     */
	TOKEN_PIN_NEEDED,   /* "pin-needed"                                          */
	TOKEN_PIN_UNSET,    /* "pin-unset": the token has no PIN yet                 */
	TOKEN_PIN_BLOCKED,  /* "pin-blocked": until the key is taken out and put in  */
	TOKEN_NOT_TOUCHED,  /* "not-touched": nobody touched the key in time         */
	TOKEN_NO_CREDENTIAL, /* "token-unknown": none of these is on this token      */
	TOKEN_UNSUPPORTED,  /* "token-unsupported": mechanism, algorithm, version    */
	TOKEN_CANCELLED,    /* "token-cancelled": at the reader's pad or the key     */
	TOKEN_BROKEN,       /* "token-failed": anything else the library said        */
	TOKEN_MODULE,       /* "module-unusable": cannot be loaded or initialised    */
	TOKEN_ENDED,        /* "token-failed": the helper died; set by the engine    */
	TOKEN_LATE,         /* "token-late": killed at its deadline; by the engine   */
	TOKEN_BUSY,         /* "busy": no helper free; by the engine                 */
	TOKEN_ENROLLED,     /* "token-enrolled": make: an excluded one is on this key */
	TOKEN_N_ERRORS,
};

/* The message id of an error; "token-failed" for anything else. */
const char *token_error_message(unsigned error);

#define TRIES_UNKNOWN 255u

/* One key that could sign. Zeroed: nothing. */
struct token_candidate {
	uint32_t index;      /* to be named in token_sign                            */
	char reader[LIMIT_NAME]; /* name of the reader or slot, cut; may be empty     */
	char label[LIMIT_NAME];  /* of the token; shown to nobody but who enrols      */
	bool needs_pin;      /* a PIN has to be given with the signature             */
	bool has_pad;        /* ... at the reader's own pad: send none               */
	bool pin_low;        /* a wrong PIN was given before                         */
	bool pin_final;      /* the next wrong one locks it                          */
	bool pin_locked;
	uint32_t tries_left; /* TRIES_UNKNOWN                                        */
	/* Smartcard: the certificate. Security key: empty. */
	size_t n_certificate;
	uint8_t certificate[TOKEN_CERTIFICATE_MAX];
};

struct token_found {
	uint32_t n;
	struct token_candidate candidates[TOKEN_CANDIDATES_MAX];
};

/* What was enrolled: credential ids that may answer. Security keys only. */
struct token_credentials {
	uint32_t n;
	struct {
		size_t n;
		uint8_t id[TOKEN_CREDENTIAL_MAX];
	} list[TOKEN_CREDENTIALS_MAX];
};

struct token_look {
	enum cw_factor factor; /* SMARTCARD or FIDO2                                */
	uint32_t seats;        /* bit of the seat it is for: only what lies at a reader
				* of that seat is looked at (token_pcsc_serves()); 0: none */
	struct token_credentials credentials; /* FIDO2                              */
};

struct token_sign {
	uint32_t candidate;
	uint8_t digest[32];  /* SHA-256 of the challenge: what is signed             */
	bool verify_user;    /* FIDO2: ask for user verification                     */
	struct secret pin;   /* wiped by the call; n 0: none (pad, built-in)         */
};

/* FIDO2 only: a new credential. */
struct token_make {
	uint32_t candidate;
	uint8_t digest[32];
	uint8_t user[32];    /* user handle: random for each account, no name        */
	char name[LIMIT_NAME];
	bool verify_user;
	struct token_credentials exclude;
	struct secret pin;
};

/*
 * What the token answered, as it came: nothing in here is believed.
 */
struct token_answer {
	enum cw_factor factor;
	char reader[LIMIT_NAME];
	size_t n_certificate; /* smartcard                                           */
	uint8_t certificate[TOKEN_CERTIFICATE_MAX];
	size_t n_credential;  /* FIDO2                                               */
	uint8_t credential[TOKEN_CREDENTIAL_MAX];
	size_t n_authdata;    /* FIDO2: authenticator data, raw, not CBOR-wrapped    */
	uint8_t authdata[TOKEN_AUTHDATA_MAX];
	size_t n_signature;
	uint8_t signature[TOKEN_SIGNATURE_MAX];
	/* FIDO2, made: attestation */
	char format[32];      /* "none", "packed", ...                               */
	size_t n_statement;   /* certificate x5c[0], or empty                        */
	uint8_t statement[TOKEN_STATEMENT_MAX];
};

/*
 * How a kind of token talks while it works. @touch may be called any number of
 * times: a person should touch the key now.
 */
struct token_talk {
	void (*touch)(void *userdata);
	void *userdata;
};

/*
 * One kind. All of these run in the helper, in its main thread.
 *
 * open():  load and initialise; called ahead of the job. Return: 0; -errno.
 * look():  what is there. Waits for nothing that is not there.
 *          Return: TOKEN_OK with at least one candidate; or why not.
 * sign():  one of the candidates of the last look signs the digest. One PIN is
 *          given to the token at most once. Return: TOKEN_OK; or why not,
 *          *@ret_tries is then set where it is known.
 * make():  NULL where there is none.
 * close(): logs out and lets go; also called after every error.
 */
struct token_kind {
	const char *name;
	enum cw_factor factor;
	int (*open)(const struct token_rules *rules, void **ret_kind);
	enum token_error (*look)(void *kind, const struct token_look *look,
				 struct token_found *ret_found);
	enum token_error (*sign)(void *kind, struct token_sign *sign, const struct token_talk *talk,
				 struct token_answer *ret_answer, uint32_t *ret_tries);
	enum token_error (*make)(void *kind, struct token_make *make, const struct token_talk *talk,
				 struct token_answer *ret_answer, uint32_t *ret_tries);
	void (*close)(void *kind);
};

/* The one reviewed table. */
extern const struct token_kind token_kind_pkcs11;
extern const struct token_kind token_kind_fido2;
extern const struct token_kind *const token_kinds[]; /* NULL-terminated             */

/* What the watcher sees. */
enum token_sight_kind {
	TOKEN_SIGHT_NONE = 0,
	TOKEN_SIGHT_CARD_IN,
	TOKEN_SIGHT_CARD_OUT,
	TOKEN_SIGHT_KEY_IN,
	TOKEN_SIGHT_KEY_OUT,
	TOKEN_SIGHT_BADGE,     /* id is set; a badge that stays is told once          */
	TOKEN_SIGHT_READER_GONE,
	TOKEN_SIGHT_READER_BACK,
	TOKEN_SIGHT_ALIVE,     /* nothing was seen; said once a second, so that one that
				* hangs is noticed. For broker/tokens.c alone              */
	TOKEN_N_SIGHTS,
};

#define TOKEN_BADGE_MAX 40u /* bytes of a badge's id in its one form                */

struct token_sight {
	enum token_sight_kind kind;
	uint32_t reader;          /* index of rules->readers                          */
	char name[LIMIT_NAME];    /* of the reader or slot                            */
	size_t n_id;              /* BADGE                                            */
	uint8_t id[TOKEN_BADGE_MAX];
};

/*
 * token_watch() - watch all readers until the descriptor ends
 * @see:   called for each change, once for what is there at the beginning, and once a
 *         second with TOKEN_SIGHT_ALIVE
 * @stop_fd:  readable or closed: return
 *
 * Return: 0; -errno when nothing can be watched at all.
 */
int token_watch(const struct token_rules *rules, int stop_fd,
		void (*see)(const struct token_sight *sight, void *userdata), void *userdata);

/*
 * token_pcsc_rule() - which line of readers a PC/SC reader is of
 * @name:        of the reader
 * @ret_reader:  the line with the longest part of that name; one without a path has any
 *
 * Return: true; false: none names it, so nobody watches it.
 */
bool token_pcsc_rule(const struct token_rules *rules, const char *name, uint32_t *ret_reader);

/*
 * token_pcsc_serves() - may what lies in this PC/SC reader be used at a seat?
 * @name:   of the reader, cut to LIMIT_NAME
 * @seats:  bit of the seat
 *
 * Of a name that was cut, every line that it may be of has to serve the seat.
 */
bool token_pcsc_serves(const struct token_rules *rules, const char *name, uint32_t seats);

/*
 * badge_normalise() - the one form of a badge's id
 * @form:  how this reader writes it
 *
 * The same badge read by different readers gives the same bytes.
 *
 * Return: 0 with the id; -EINVAL (empty, too long, a character that the form
 * does not have).
 */
int badge_normalise(enum badge_form form, const uint8_t *line, size_t n_line,
		    uint8_t ret_id[static TOKEN_BADGE_MAX], size_t *ret_n);

#endif
