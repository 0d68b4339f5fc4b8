/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TOKEN_RULES_H
#define POLICY_TOKEN_RULES_H

/*
 * What the files say about tokens
 *
 * Plain data without pointers: it is filled by policy/, used by the engine, and
 * sent as it is to careward-token, which is part of the same build.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"

#define TOKEN_PATH_MAX 256u
#define TOKEN_AUTHORITIES_MAX 8u
#define TOKEN_LISTS_MAX 8u
#define TOKEN_ENVIRONMENT_MAX 16u
#define TOKEN_ENVIRONMENT_TEXT 256u /* bytes of NAME=value, with NUL              */
#define TOKEN_READERS_MAX 8u
#define TOKEN_AAGUIDS_MAX 16u

/* When a revocation list is missing, or past its nextUpdate. Zero refuses. */
enum revocation_rule {
	REVOCATION_REFUSE = 0,
	REVOCATION_RECORD, /* let in, and the entry says so                         */
};

/* A file in the configuration directory whose content site.cfg pins. */
struct pinned_file {
	char file[LIMIT_NAME];
	uint8_t sha256[32];
};

/* site.cfg: tokens.smartcard */
struct smartcard_rules {
	bool on;
	char module[TOKEN_PATH_MAX]; /* absolute path of the PKCS#11 module          */
	uint32_t n_environment;
	char environment[TOKEN_ENVIRONMENT_MAX][TOKEN_ENVIRONMENT_TEXT];
	uint32_t n_authorities;  /* roots and intermediates, PEM                     */
	struct pinned_file authorities[TOKEN_AUTHORITIES_MAX];
	uint32_t n_lists;        /* revocation lists: signed, so not pinned          */
	char lists[TOKEN_LISTS_MAX][LIMIT_NAME];
	enum revocation_rule missing;
	enum revocation_rule stale;
	uint32_t min_rsa_bits;   /* 2048; floor 2048                                 */
	bool by_key;             /* recognised by key, else by issuer and serial     */
	bool enrolled_without_chain; /* an enrolled key counts without any authority */
	bool service;            /* the maker's authority for the role "service"     */
};

/* site.cfg: tokens.security_key */
enum key_verification {
	KEY_VERIFY_REQUIRED = 0, /* PIN or the key's own check: strong               */
	KEY_VERIFY_NEVER,        /* touch alone; counts as a badge                   */
};

struct security_key_rules {
	bool on;
	char rp[128];            /* the site's, for every device                     */
	enum key_verification verification;
	bool attested;           /* enrol only what is on the list                   */
	uint32_t n_aaguids;
	uint8_t aaguids[TOKEN_AAGUIDS_MAX][16];
	bool synced;             /* keys that can be copied (backup eligible) count  */
};

/* site.cfg: tokens.badge */
struct badge_rules {
	bool on;
	bool tap_out;            /* one's own badge again locks                      */
	uint32_t code_digits;    /* 4..6; 0: no codes at this site                   */
};

/* device.cfg: readers */
enum reader_kind {
	READER_NONE = 0,
	READER_PCSC,       /* cards and contactless badges through pcscd; path: part  */
			   /* of the reader's name, empty: every one                  */
	READER_SERIAL,     /* a line on a tty; path: device                           */
	READER_WEDGE,      /* types like a keyboard; path: event device or tty; empty: */
			   /* it types into the seat's application                 */
	READER_USB_KEY,    /* security keys on USB; path: empty                       */
	READER_KEY_SOCKET, /* a security key behind a socket (trials); path: socket   */
	READER_N_KINDS,
};

/* How a reader writes a badge's id. */
enum badge_form {
	BADGE_HEX = 0,          /* most significant byte first                        */
	BADGE_HEX_REVERSED,
	BADGE_DECIMAL,          /* one number; leading zeros mean nothing             */
	BADGE_DECIMAL_REVERSED, /* ... of the bytes in the other order                */
	BADGE_WIEGAND,          /* facility,number                                    */
	BADGE_TEXT,             /* a barcode: taken as it is, letters as capitals     */
	BADGE_N_FORMS,
};

struct reader_rules {
	enum reader_kind kind;
	uint32_t seats;          /* bits of the seats that it serves; 0: none         */
	enum badge_form form;
	uint32_t speed;          /* SERIAL: bits a second; 9600                       */
	char path[TOKEN_PATH_MAX];
};

struct token_rules {
	uint32_t deadline_ms;    /* of one step of a helper; 10 000                   */
	struct smartcard_rules smartcard;
	struct security_key_rules security_key;
	struct badge_rules badge;
	uint32_t n_readers;
	struct reader_rules readers[TOKEN_READERS_MAX];
	struct pinned_file service_authority; /* device.cfg; empty: none               */
};

#endif
