/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTH_TOKEN_FILE_H
#define AUTH_TOKEN_FILE_H

/*
 * Enrolled tokens on their way to another device of the site: docs/tokens.md
 *
 * Encrypted under a key that both sides derive from the site's passphrase, and
 * signed inside by the device that made it. Cards, security keys and badges,
 * revoked ones as well; no codes, no passwords.
 */

#include "auth/token.h"

#define TOKEN_FILE_MAX (1u << 20)
#define TOKEN_FILE_RECORDS 1000u /* more would keep the engine too long             */
#define TOKEN_FILE_SALT 16u

/* Who made it. */
struct token_file {
	uint8_t device[16];
	uint8_t key[32];      /* public half of its approval key                        */
	uint64_t generation;  /* grows with every export of that device                 */
	int64_t wall_ms;
	uint32_t n;           /* records                                               */
};

struct token_record {
	char person[LIMIT_PERSON];
	char name[LIMIT_NAME];
	struct token token;   /* number, generation and account say nothing here       */
};

static inline void token_record_wipe(struct token_record *record) {
	explicit_bzero(record, sizeof(*record));
}

/*
 * token_file_job() - the job that makes the key: its `made.hash`
 * @passphrase:  12 bytes at least, as a password is prepared
 * @salt:        the first bytes of the file behind its magic; for a new file random
 *
 * Return: 0; -EINVAL (too short, not text).
 */
int token_file_job(const struct secret *passphrase, const uint8_t salt[TOKEN_FILE_SALT],
		   struct password_job *ret_job);

/* The salt of a file. Return: 0; -EBADMSG (not such a file, or too long). */
int token_file_salt(const uint8_t *file, size_t n, uint8_t ret_salt[TOKEN_FILE_SALT]);

/*
 * token_file_write() - all tokens of the device
 * @key, @salt:  of token_file_job()
 * @nonce:       12 fresh random bytes
 * @ret_file:    room for TOKEN_FILE_MAX
 *
 * Return: 0; -E2BIG (TOKEN_FILE_MAX or _RECORDS); -EBADMSG (an account is damaged); -EIO.
 */
int token_file_write(struct store *store, const struct moment *now, const uint8_t key[32],
		     const uint8_t salt[TOKEN_FILE_SALT], const uint8_t nonce[12],
		     uint8_t *ret_file, size_t *ret_n, struct token_file *ret_head);

/*
 * token_file_open() - decrypt in place, verify, look at every record
 * @file:  replaced by what is inside
 *
 * Return: 0; -EKEYREJECTED (damaged, cut, or another passphrase: these cannot be told
 * apart); -EBADMSG (not such a file, or not signed by the device it names); -EIO.
 */
int token_file_open(const uint8_t key[32], uint8_t *file, size_t n, struct token_file *ret_head);

/* After token_file_open(). Return: 0; what @each returned; -EBADMSG. */
int token_file_each(const uint8_t *file, int (*each)(const struct token_record *record, void *data),
		    void *data);

struct token_import {
	uint32_t n_imported;
	uint32_t n_revoked;
	uint32_t n_known;    /* were here already                                      */
	uint32_t n_skipped;  /* nobody's here, somebody else's, or not to be touched    */
};

/*
 * token_file_import() - take over what an opened file holds, all or nothing
 * @may:  may the actor touch this account?
 *
 * People are found by the hospital's id, or, where neither side has one, by name.
 *
 * Return: 0; -ESTALE (not newer than what came from that device before); -EDQUOT;
 * -EBUSY (a revocation would leave nobody to administer); -EBADMSG; -ENOSPC; -EIO.
 */
int token_file_import(struct store *store, const struct actor *actor, const struct moment *now,
		      const struct admin_rule *admins, const struct token_file *head,
		      const uint8_t *file,
		      bool (*may)(const struct account *account, void *userdata), void *userdata,
		      struct token_import *ret_import);

#endif
